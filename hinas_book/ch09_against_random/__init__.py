"""Chapter 9: searched nets among random ones."""

from hinas_book.kit.registry import Study
from hinas_lab.lazy import lazy

STUDIES = (
    Study(name="search", question="searched nets among random ones (Tables 1 and 2)"),
    Study(name="epochs", question="ten checkpoints of a search three times as long (3.3)"),
    Study(name="paths", question="does the last layer end widest because of the search? (4.2.4)"),
    Study(name="worth", question="is a search worth its price? ways to choose a net (4.2.1)"),
)

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.paper.printed_intervals": "figure_table",
        "hinas_book.ch09_against_random.figures": (
            "figure_field figure_paths figure_taus figures_best_of figures_epochs "
            "figures_predictors"
        ),
        "hinas_book.ch09_against_random.findings": (
            "best_of_k_text both_paces cost_text equal_cost hours_text needed_text path_text "
            "percentile_text read"
        ),
        "hinas_book.kit.missing": "load_and_print load_record",
        "hinas_book.kit.stored_nets": "searched",
        "hinas_book.kit.verdicts": "verdict_table",
        "hinas_book.lessons": "check",
        "hinas_book.paper.printed_tests": "printed_tests",
        "hinas_lab.analysis.random_nets": "random_genotypes",
        "hinas_lab.analysis.statistics": "percentile",
        "hinas_lab.analysis.supernet_scorer": "shared_scorer",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.live.sliders": "slider",
        "hinas_lab.runs.folder": "load_genotype",
        "hinas_lab.space.cost": "parameters",
    },
)
"what its notebook takes from the laboratory and the book"
