"""Chapter 8: is a found net a local optimum?"""

from hinas_book.kit.registry import PaperFigure, Study

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
