"""Chapter 8: is a found net a local optimum?"""

from hinas_book.kit.registry import PaperFigure, Study
from hinas_lab.lazy import lazy

STUDIES = (
    Study(
        name="perturb",
        question="every net one edit away from a found one, trained "
        "(Tables 6 and 7, Figures 10 and 11)",
    ),
)

FIGURES = (
    PaperFigure(
        id="fig10",
        title="Found net, median R1 and R2, denoising",
        study="perturb",
        draw="paper_figures:draw_denoise",
    ),
    PaperFigure(
        id="fig11",
        title="Found net, median R1 and R2, super-resolution",
        study="perturb",
        draw="paper_figures:draw_sr",
    ),
)

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch08_perturbations.edit_picker": "two_edits",
        "hinas_book.ch08_perturbations.edits": "least_share read train_edits",
        "hinas_book.ch08_perturbations.figures": (
            "figure_beside figure_control figure_drops figures_two_draws plot_judges "
            "plot_parameters"
        ),
        "hinas_book.ch08_perturbations.findings": (
            "control_text drop_text judge_text parameter_text printed_drops readings_table "
            "recorded_drops"
        ),
        "hinas_book.kit.missing": "load_and_print",
        "hinas_book.kit.verdicts": "verdict_table",
        "hinas_book.lessons": "check",
        "hinas_book.paper.our_rows": "measured merged",
        "hinas_book.paper.published": "paper_table",
        "hinas_book.paper.tables": "markdown",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.live.sliders": "slider",
    },
)
"what its notebook takes from the laboratory and the book"
