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
CELL = f"{CONFIG}; data/runs/classroom"
PATH = f"{CONFIG}; data/studies/widths.json, seed 0"
NETS = "weights in data/nets; rows of data/figures.csv"

# fig07, fig10, fig11 and fig14 are declared in the chapters that make them
_SPACES = (
    ("fig01", "Super-cell, mixed operations, found cell", CELL, "paper; the cell: classroom"),
    ("fig02", "Supernet: widths, moves, the chosen path", PATH, "paper; the path: study"),
    ("fig03", "Cell sharing", CONFIG, "paper"),
    ("fig04", "Networks for both tasks", CONFIG, "paper"),
)
_VISUAL = (
    ("fig05", "LWAS and residual learning, denoising", NETS, "study"),
    ("fig06", "LWAS and residual learning, ×4", NETS, "study"),
    ("fig08", "MSE against MSE + 0.002 l_ssim (the paper: 0.6), denoising", NETS, "classroom"),
    ("fig09", "MSE against MSE + 0.6 l_ssim, ×4", NETS, "study*"),
    ("fig12", "Denoising at σ 30, 50, 70", NETS, "classroom, classroom*"),
    ("fig13", "Super-resolution ×2 and ×4", NETS, "classroom"),
)


def _declared(row: tuple[str, ...], file: str, **more) -> PaperFigure:
    values = dict(zip(("id", "title", "source", "scale"), row))
    return PaperFigure(**values, draw=f"{file}:draw_{row[0]}", **more)


FIGURES = (
    *(_declared(row, "spaces") for row in _SPACES),
    *(
        _declared(row, "visual_comparisons", sources="visual_comparisons:sources")
        for row in _VISUAL
    ),
)
