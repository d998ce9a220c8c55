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
VISUAL = "visual_comparisons"
NETS = "weights in data/nets; rows of data/figures.csv"

# fig07, fig10, fig11 and fig14 are declared in the chapters that make them
_FIGURES = (
    ("fig01", "Super-cell and mixed operations", CONFIG, "paper", "spaces:draw_supercell"),
    ("fig02", "Supernet: widths and moves", CONFIG, "paper", "spaces:draw_widths"),
    ("fig03", "Cell sharing", CONFIG, "paper", "spaces:draw_cell_sharing"),
    ("fig04", "Networks for both tasks", CONFIG, "paper", "spaces:draw_networks"),
    ("fig05", "LWAS and residual learning, denoising", NETS, "study", f"{VISUAL}:draw_fig05"),
    ("fig06", "LWAS and residual learning, ×4", NETS, "study", f"{VISUAL}:draw_fig06"),
    ("fig08", "MSE against MSE + SSIM, denoising", NETS, "classroom", f"{VISUAL}:draw_fig08"),
    ("fig09", "MSE against MSE + SSIM, ×4", NETS, "study", f"{VISUAL}:draw_fig09"),
    ("fig12", "Denoising at σ 30, 50, 70", NETS, "classroom", f"{VISUAL}:draw_fig12"),
    ("fig13", "Super-resolution ×2 and ×4", NETS, "classroom", f"{VISUAL}:draw_fig13"),
)
_COLUMNS = ("id", "title", "source", "scale", "draw")
FIGURES = tuple(PaperFigure(**dict(zip(_COLUMNS, row))) for row in _FIGURES)
