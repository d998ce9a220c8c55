"""Drawings of a genotype: its cells, its width path, the difference to another one."""

from dataclasses import replace

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.drawing.diagram.drawing import Drawing
from hinas_lab.drawing.diagram.value import Edge, Group, Node
from hinas_lab.images.tasks import TASKS
from hinas_lab.space.genotype import Cell, Genotype, diff, source_names

CellEdge = tuple[int, int, str, str]
"(source, node, operation, mark) of an edge in a cell; sources as in ``SearchSpace.edges``"


def draw_genotype(genotype: Genotype) -> Drawing:
    """The width path and all cells in one picture."""
    groups = [_path_group(genotype)]
    words = [_path_words(genotype)]
    for layer, cell in enumerate(genotype.cells):
        groups.append(_cell_group(genotype, layer, _cell_edges(cell)))
        words.append(_cell_words(genotype, layer))
    title = f"genotype for {task_name(genotype)}, {genotype.hash}"
    return Drawing(title, " ".join(words), tuple(groups))


def draw_path(genotype: Genotype, *, title: str | None = None, alone: bool = False) -> Drawing:
    """The width path among all legal moves; ``alone``: without those that it does not take, for a
    path that was set by hand."""
    group = _path_group(genotype)
    title = title or f"{group.title}, {task_name(genotype)}"
    if alone:
        nodes = tuple(node for node in group.nodes if node.kind != "unused")
        edges = tuple(edge for edge in group.edges if edge.mark == "path")
        group = replace(group, nodes=nodes, edges=edges)
    return Drawing(title, _path_words(genotype), (replace(group, title=""),))


def draw_difference(a: Genotype, b: Genotype, *, title: str | None = None) -> Drawing:
    """From ``a`` to ``b``: what ``b`` adds is bold with a plus, what it drops dashed with a minus,
    the rest as it is.

    Widths and channels are b's. ValueError when the two have different shapes.
    """
    changes = diff(a, b)
    if a.width_factors != b.width_factors:
        raise ValueError(
            f"cannot compare: width_factors is {a.width_factors} and {b.width_factors}"
        )
    groups = [_path_group(b, a)]
    for layer in range(b.layers):
        old, new = _cell_edges(a.cells[layer]), _cell_edges(b.cells[layer])
        dropped = [edge for edge in old if edge not in new]
        edges = [(*edge[:3], "old") for edge in dropped]
        edges += [edge if edge in old else (*edge[:3], "new") for edge in new]
        note = f", {count_of(len(dropped), 'edge')} changed"
        groups.append(_cell_group(b, layer, sorted(edges), note))
    count = count_of(len(changes), "change")
    title = title or f"from {a.hash} to {b.hash}: {count} (+ new, bold; − old, dashed)"
    words = "; ".join(changes) + "." if changes else "No difference."
    return Drawing(title, words, tuple(groups))


def count_of(n: int, what: str) -> str:
    """``no edges``, ``1 edge``, ``2 edges``."""
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"


def task_name(net: SearchSpace | Genotype) -> str:
    """``denoising`` or ``super-resolution x4``."""
    title = TASKS[net.task].title
    return title if net.scale == 1 else f"{title} x{net.scale}"


def _channels(genotype: Genotype, layer: int) -> str:
    return f"{genotype.width_factors[genotype.path[layer]]:g}·W"


def _cell_edges(cell: Cell) -> list[CellEdge]:
    edges = []
    for i, node in enumerate(cell):
        edges += [(source, i, op, "plain") for op, source in node]
    return edges


def _cell_words(genotype: Genotype, layer: int) -> str:
    names = source_names(genotype.nodes)
    nodes = []
    for i, node in enumerate(genotype.cells[layer]):
        terms = [f"{style.op_label(op)} of {names[source]}" for op, source in node]
        nodes.append(f"node {i} = {' + '.join(terms)}")
    return f"Layer {layer}, {_channels(genotype, layer)} channels per node: {', '.join(nodes)}."


def _path_words(genotype: Genotype) -> str:
    widths = [_channels(genotype, layer) for layer in range(genotype.layers)]
    return f"Width path: start, {', '.join(widths)}."


def _cell_group(genotype: Genotype, layer: int, edges: list[CellEdge], note: str = "") -> Group:
    """Inputs say which part of the network they are, nodes and the output their channels as
    multiples of W."""
    n = genotype.nodes
    width = _channels(genotype, layer)
    joined = n * genotype.width_factors[genotype.path[layer]]
    # Ids are unique in a whole drawing, which holds all layers.
    ids = [f"layer {layer} {name}" for name in source_names(n)]
    output = f"layer {layer} output"

    nodes = []
    for id, name, before in zip(ids, ("h(l-1)", "h(l-2)"), (layer - 1, layer - 2)):
        part = {-1: "start", -2: "first conv"}.get(before, f"layer {before}")
        nodes.append(Node(id, f"{name}\n{part}", "input"))
    nodes += [Node(ids[2 + i], f"node {i}\n{width}") for i in range(n)]
    nodes.append(Node(output, f"output\n{n} × {width} = {joined:g}·W", "output"))
    arrows = [Edge(ids[source], ids[2 + i], op, mark) for source, i, op, mark in edges]
    arrows += [Edge(id, output, mark="faint") for id in ids[2:]]
    return Group(f"cell of layer {layer}{note}", tuple(nodes), tuple(arrows))


def _path_group(genotype: Genotype, old: Genotype | None = None) -> Group:
    """The path among all legal moves; with ``old``, what changed since."""
    moves, past = _moves(genotype), _moves(old or genotype)
    marks = dict.fromkeys(past, "old")
    # A move on both paths is no change: the later mark counts.
    marks |= {move: "path" if move in past else "new" for move in moves}
    on_path = {(-1, 0)} | {(layer, width) for layer, _, width in marks}
    factors = genotype.width_factors
    top = len(factors) - 1
    # Only its cells and moves are asked for; those depend on the number of factors alone.
    space = SearchSpace(layers=genotype.layers, width_factors=(1.0,) * (top + 1))

    nodes = []
    for layer, widths in enumerate(((0,), *space.cells), start=-1):
        for i in widths:
            kind = "node" if (layer, i) in on_path else "unused"
            # the start part is W wide, whatever the layers may be
            factor = factors[i] if layer >= 0 else 1
            label = f"{_layer_name(layer)}\n{factor:g}·W"
            nodes.append(Node(_width_id(layer, i), label, kind, row=top - i))
    arrows = []
    for layer, source, target in space.moves:
        mark = marks.get((layer, source, target), "faint")
        arrows.append(Edge(_width_id(layer - 1, source), _width_id(layer, target), mark=mark))

    title = f"width path {path_name(genotype.path)}"
    # The Viterbi value belongs to one path alone, not to a difference.
    if old:
        same = old.path == genotype.path
        title += ", unchanged" if same else f", was {path_name(old.path)}"
    elif genotype.path_score is not None:
        title += f" (Viterbi value {genotype.path_score:.3g})"
    return Group(title, tuple(nodes), tuple(arrows))


def _moves(genotype: Genotype) -> list[tuple[int, int, int]]:
    """(layer, source width, target width) along the path."""
    return list(zip(range(genotype.layers), (0, *genotype.path), genotype.path))


def path_name(path: tuple[int, ...]) -> str:
    """``0-1-1``: the width indices of a path."""
    return "-".join(map(str, path))


def _layer_name(layer: int) -> str:
    return f"layer {layer}" if layer >= 0 else "start"


def _width_id(layer: int, width: int) -> str:
    return f"{_layer_name(layer)} width {width}"
