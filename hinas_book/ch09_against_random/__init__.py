"""Chapter 9: searched nets among random ones."""

from hinas_book.kit.registry import Study

STUDIES = (
    Study(name="search", question="searched nets among random ones, and RSWS (Tables 1 and 2)"),
    Study(name="epochs", question="ten checkpoints of a search three times as long (3.3)"),
    Study(name="paths", question="does the last layer end widest because of the search? (4.2.4)"),
)
