"""Figures 10 and 11: a found net, and the edits of the median drop."""

from dataclasses import replace

import numpy as np

from hinas_book.ch08_perturbations.edits import KINDS, read
from hinas_book.kit.recorded import recorded
from hinas_lab.drawing.diagram.value import Group
from hinas_lab.drawing.genotype_graph import draw_difference, draw_genotype, task_name

GAP = 0.6
"inches between columns: room for an arrowhead beside the arrows that it crosses"


def draw_denoise(load, local: bool):
    """Figure 10 as (part, drawing)."""
    yield from _draw("denoise")


def draw_sr(load, local: bool):
    """Figure 11 as (part, drawing)."""
    yield from _draw("sr")


def _draw(task: str):
    record = recorded("perturb")
    perturbed = read(record, task)
    found = perturbed.found
    title = f"found net, {task_name(found)}; study perturb, preset {record['preset']}"
    yield "a", replace(draw_genotype(found), title=title, gap=GAP)
    for part, kind in (("b", "R1"), ("c", "R2")):
        edit, drops = perturbed.median(kind), perturbed.drops(kind)
        title = (
            f"{kind}, {KINDS[kind]} (+ new, bold; − old, dashed): drop {edit.drop:+.3f} dB,\n"
            f"of {len(drops)} edits the nearest to their median, {np.median(drops):+.3f} dB "
            f"(positive: worse); the output is not drawn; preset {record['preset']}"
        )
        drawing = draw_difference(found, edit.genotype, title=title)
        cells = zip(drawing.groups[1:], found.cells, edit.genotype.cells)  # the path comes first
        changed = tuple(_without_output(group) for group, old, new in cells if old != new)
        yield part, replace(drawing, groups=changed, gap=GAP)


def _without_output(cell: Group) -> Group:
    """No edit touches the output, and its arrows would cross those that one looks at."""
    nodes = tuple(node for node in cell.nodes if node.kind != "output")
    edges = tuple(edge for edge in cell.edges if edge.mark != "faint")
    return replace(cell, nodes=nodes, edges=edges)
