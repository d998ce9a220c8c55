"""Figures 10 and 11: a found net, and the edits of the median drop."""

from hinas_book.ch08_perturbations.edits import read
from hinas_book.kit.recorded import recorded
from hinas_lab.drawing.genotype_graph import draw_difference, draw_genotype


def draw_denoise(load, local: bool):
    """Figure 10 as (part, drawing)."""
    yield from _draw("denoise")


def draw_sr(load, local: bool):
    """Figure 11 as (part, drawing)."""
    yield from _draw("sr")


def _draw(task: str):
    perturbed = read(recorded("perturb"), task)
    yield "a", draw_genotype(perturbed.found)
    for part, kind in (("b", "R1"), ("c", "R2")):
        yield part, draw_difference(perturbed.found, perturbed.median(kind).genotype)
