"""The paper's numbers, ours beneath them, its tables and figures."""

from hinas_book.kit.registry import PaperFigure, Study

STUDIES = (
    Study(
        name="bicubic",
        question="bicubic upscaling beside its published rows",
        registered=False,
        module="hinas_book.paper.bicubic",
    ),
    Study(
        name="published",
        question="what the paper's own numbers can decide",
        registered=False,
        module="hinas_book.paper.published_study",
    ),
)

CONFIG = "the config of preset paper"
NETS = "weights in data/nets; rows of data/figures.csv"

FIGURES = (
    PaperFigure(
        id="fig01",
        title="Super-cell and mixed operations",
        source=CONFIG,
        scale="paper",
        draw="spaces:draw_supercell",
    ),
    PaperFigure(
        id="fig02",
        title="Supernet: widths and moves",
        source=CONFIG,
        scale="paper",
        draw="spaces:draw_widths",
    ),
    PaperFigure(
        id="fig03",
        title="Cell sharing",
        source=CONFIG,
        scale="paper",
        draw="spaces:draw_cell_sharing",
    ),
    PaperFigure(
        id="fig04",
        title="Networks for both tasks",
        source=CONFIG,
        scale="paper",
        draw="spaces:draw_networks",
    ),
    PaperFigure(
        id="fig05",
        title="LWAS and residual learning, denoising",
        source=NETS,
        scale="study",
        draw="visual_comparisons:draw_fig05",
    ),
    PaperFigure(
        id="fig06",
        title="LWAS and residual learning, ×4",
        source=NETS,
        scale="study",
        draw="visual_comparisons:draw_fig06",
    ),
    PaperFigure(
        id="fig08",
        title="MSE against MSE + SSIM, denoising",
        source=NETS,
        scale="classroom",
        draw="visual_comparisons:draw_fig08",
    ),
    PaperFigure(
        id="fig09",
        title="MSE against MSE + SSIM, ×4",
        source=NETS,
        scale="study",
        draw="visual_comparisons:draw_fig09",
    ),
    PaperFigure(
        id="fig12",
        title="Denoising at σ 30, 50, 70",
        source=NETS,
        scale="classroom",
        draw="visual_comparisons:draw_fig12",
    ),
    PaperFigure(
        id="fig13",
        title="Super-resolution ×2 and ×4",
        source=NETS,
        scale="classroom",
        draw="visual_comparisons:draw_fig13",
    ),
)
