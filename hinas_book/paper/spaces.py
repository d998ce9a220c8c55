"""Figures 1 to 4: the search spaces of the paper, drawn from the config of preset ``paper``.

What a search found in them (the cell of Figure 1, the path of Figure 2) is of recorded searches,
which are smaller.
"""

from dataclasses import replace

from hinas_book.kit.recorded import recorded, recorded_run
from hinas_lab.config import SearchSpace
from hinas_lab.drawing import search_space
from hinas_lab.drawing.diagram.drawing import Drawing
from hinas_lab.drawing.diagram.value import Edge, Node
from hinas_lab.drawing.genotype_graph import draw_genotype, path_name
from hinas_lab.presets import preset
from hinas_lab.space.genotype import Genotype

RUN = "classroom"
"the recorded search of Figure 1's found cell"


def draw_fig01(load, local: bool):
    """Figure 1: (a) the super-cell, (b) one edge of it, (c) a found cell."""
    whole = search_space.draw_supercell(preset("paper").space)
    edges, one = whole.groups
    yield "a", replace(whole, groups=(edges,), gap=0.5)
    yield "b", replace(whole, title=one.title, groups=(replace(one, title=""),), gap=0.8)
    found = Genotype.from_json((recorded_run(RUN) / "genotype.json").read_text("utf-8"))
    drawing = draw_genotype(found)
    # the width path comes first; the cell of layer 0 will do
    cell = replace(drawing.groups[1], title=f"layer 0 of the recorded search {RUN}")
    title = "a found cell: each node keeps two inputs, each of them one operation"
    yield "c", replace(drawing, title=title, groups=(cell,))


def draw_fig02(load, local: bool):
    """Figure 2, with the path of a recorded search and the skip around the whole net."""
    rows = recorded("widths")["rows"]
    path = next(row["path"] for row in rows if row["arm"] == "ws" and row["seed"] == 0)
    yield "", with_path(preset("paper").space, tuple(path), recorded("widths")["preset"])


def with_path(space: SearchSpace, path: tuple[int, ...], scale: str) -> Drawing:
    """The trellis of ``space`` with ``path`` bold, found at preset ``scale``, between the picture
    and what is added to it."""
    drawing = search_space.draw_widths(space)
    (group,) = drawing.groups
    on_path = ["start", *(f"layer {layer} width {i}" for layer, i in enumerate(path))]
    moves = {*zip(on_path, on_path[1:])}
    arrows = []
    for edge in group.edges:
        chosen = (edge.tail, edge.head) in moves
        arrows.append(replace(edge, mark="path") if chosen else edge)
    arrows += [
        Edge("input", "start"),
        Edge("end", "sum"),
        Edge("sum", "restored"),
        Edge("input", "sum", label="skip: input"),
    ]
    start, *cells, end = group.nodes
    nodes = (
        Node("input", f"input\nM × N × {space.channels}", "input", start.row),
        *(start, *cells, end),
        Node("sum", "+", "sum", end.row),
        Node("restored", f"restored\nM × N × {space.channels}", "output", end.row),
    )
    found = f"bold: path {path_name(path)}, found by the study widths (preset {scale}, seed 0)"
    alt = f"{drawing.alt} {found.capitalize()}. A skip adds the input to the end part's output."
    title = f"{drawing.title}\n{found}"
    return Drawing(title, alt, (replace(group, nodes=nodes, edges=tuple(arrows)),))


def draw_fig03(load, local: bool):
    """Figure 3."""
    yield "", search_space.draw_cell_sharing(preset("paper").space)


def draw_fig04(load, local: bool):
    """Figure 4, a part for each task."""
    for part, task in (("a", "denoise"), ("b", "sr")):
        yield part, search_space.draw_network(preset("paper", task).space)
