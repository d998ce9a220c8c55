"""Chapter 7: when is a difference between two arms a finding?"""

from hinas_book.kit.registry import PaperFigure, Study
from hinas_lab.lazy import lazy

STUDIES = (
    Study(
        name="lwas-residual",
        question="layer-wise sharing x residual learning (Tables 1 and 2, Figures 5 and 6)",
    ),
    Study(
        name="budget",
        question="what residual learning is worth at 1, 4 and 16 times the training steps "
        "(Tables 1 and 2)",
    ),
    Study(name="loss", question="the SSIM term's weight (Tables 4 and 5, Figures 8 and 9)"),
    Study(
        name="widths",
        question="searched widths against w40, wm and all paths (Table 3, Figure 7)",
    ),
    Study(name="sharing", question="is cell sharing as good? (Tables 8 and 9, Figure 3)"),
)

FIGURES = (
    PaperFigure(
        id="fig07",
        title="Width settings: searched, w40, wm",
        study="widths",
        draw="paper_figures:draw_widths",
    ),
)

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch07_ablations.chooser": "choose_n",
        "hinas_book.ch07_ablations.single_change": "one_change",
        "hinas_book.kit.design": "Setting",
        "hinas_book.kit.missing": "load_and_print",
        "hinas_book.kit.verdicts": "verdict_table",
        "hinas_book.lessons": "check",
        "hinas_book.paper.printed_intervals": "figure_table",
        "hinas_book.paper.printed_tests": "printed_tests",
        "hinas_book.paper.published": "sentences",
        "hinas_lab.analysis.campaign": "run_design",
    },
)
"what its notebook takes from the laboratory and the book"
