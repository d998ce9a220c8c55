"""Chapter 10: other methods, and what a fair comparison needs."""

from hinas_book.kit.registry import PaperFigure, Study
from hinas_lab.lazy import lazy

STUDIES = (
    Study(
        name="state-of-the-art",
        question="ours and other methods under the tables' protocols "
        "(Tables 10 to 12, Figures 12 to 14)",
    ),
    Study(
        name="peers",
        question="other methods beside ours: parameters, multiply-accumulates, seconds; "
        "trained here, too",
        registered=False,
        module="hinas_book.ch10_state_of_the_art.peers_study",
    ),
)

FIGURES = (
    PaperFigure(
        id="fig14",
        title="Trade-off of cost and quality",
        source="published numbers (data/paper); measured: data/studies/peers-trained.json; "
        "here: data/studies/peers-denoise.json",
        scale="paper",
        draw="paper_figures:draw_tradeoff",
        sources="paper_figures:sources",
    ),
)

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.paper.printed_intervals": "figure_table",
        "hinas_book.ch10_state_of_the_art.figures": (
            "figure_measured figure_scores figure_tradeoff published_scores"
        ),
        "hinas_book.kit.intervals": "plot_forest",
        "hinas_book.kit.recorded": "recorded",
        "hinas_book.kit.verdicts": "claims_with_verdicts in_words",
        "hinas_book.lessons": "check",
        "hinas_book.paper.our_rows": "by_protocol",
        "hinas_book.paper.printed_tests": "printed_tests RUNS",
        "hinas_book.paper.published": "paper_table sentences",
        "hinas_book.paper.tables": "markdown",
        "hinas_lab.analysis.statistics": "Contrast welch",
        "hinas_lab.drawing.style": "theme",
    },
)
"what its notebook takes from the laboratory and the book"
