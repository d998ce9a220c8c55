"""Chapter 3: the bilevel problem, and a search to watch."""

from hinas_lab.lazy import lazy

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch03_search.changed_once": "single_changes",
        "hinas_book.ch03_search.curvature": "curvature_at_the_start largest_rate",
        "hinas_book.ch03_search.figures": "figure_bilevel",
        "hinas_book.ch03_search.toys": "Chase descend gradient RULES Share",
        "hinas_book.kit.recorded": "recorded_run",
        "hinas_book.kit.stored_nets": "searched",
        "hinas_book.lessons": "check",
        "hinas_lab.analysis.supernet_scorer": "shared_scorer",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.live.surgery_panel": "surgery",
        "hinas_lab.records": "read_records",
        "hinas_lab.runs.folder": "load_genotype",
    },
)
"what its notebook takes from the laboratory and the book"
