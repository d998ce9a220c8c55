"""Chapter 11: why two papers print different numbers for one method."""

from hinas_book.kit.registry import Study

STUDIES = (
    Study(
        name="protocol",
        question="one method under every gray (or super-resolution) protocol, paired",
        registered=False,
        module="hinas_book.ch11_protocols.protocol_study",
    ),
)
