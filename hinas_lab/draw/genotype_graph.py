"""Drawings of a genotype: its cells, its width path, the difference to another one."""

from dataclasses import replace

from hinas_lab.config import SearchSpace
from hinas_lab.draw import style
from hinas_lab.draw.diagram.value import Drawing, Edge, Group, Node
from hinas_lab.space.genotype import Cell, Genotype, diff


def draw_genotype(genotype: Genotype, *, title: str | None = None) -> Drawing:
    """The width path and all cells in one picture."""
    groups = [
        _path_group(genotype),
        *(_cell_group(genotype, l, _edges(c)) for l, c in enumerate(genotype.cells)),
    ]
    words = [_path_words(genotype), *(_cell_words(genotype, l) for l in range(genotype.layers))]
    return Drawing(
        title or f"genotype for {_task(genotype)}, {genotype.hash}", " ".join(words), tuple(groups)
    )


def draw_cell(genotype: Genotype, layer: int) -> Drawing:
    """The cell of one layer, counted from 0."""
    if not 0 <= layer < genotype.layers:
        raise ValueError(f"layer = {layer}: must be 0 to {genotype.layers - 1}")
    group = _cell_group(genotype, layer, _edges(genotype.cells[layer]))
    return Drawing(
        f"{group.title}, {_task(genotype)}",
        _cell_words(genotype, layer),
        (replace(group, title=""),),
    )


def draw_path(genotype: Genotype) -> Drawing:
    """The width path among all legal moves."""
    group = _path_group(genotype)
    return Drawing(
        f"{group.title}, {_task(genotype)}", _path_words(genotype), (replace(group, title=""),)
    )


def draw_difference(a: Genotype, b: Genotype, *, title: str | None = None) -> Drawing:
    """From ``a`` to ``b``: what ``b`` adds is bold with a plus, what it drops dashed with a minus, the rest as it is.

    Widths and channels are b's. ValueError when the two have different shapes.
    """
    changes = diff(a, b)
    if a.width_factors != b.width_factors:
        raise ValueError(
            f"cannot compare: width_factors is {a.width_factors} and {b.width_factors}"
        )
    groups = [_path_group(b, a)]
    for l in range(b.layers):
        old, new = _edges(a.cells[l]), _edges(b.cells[l])
        edges = [(*e[:3], "plain" if e in old else "new") for e in new]
        edges += [(*e[:3], "old") for e in old if e not in new]
        count = len(edges) - len(old)
        groups.append(_cell_group(b, l, sorted(edges), f", {_count(count, 'edge')} changed"))
    title = (
        title
        or f"from {a.hash} to {b.hash}: {_count(len(changes), 'change')} (+ new, bold; − old, dashed)"
    )
    return Drawing(title, "; ".join(changes) + "." if changes else "No difference.", tuple(groups))


def _count(n: int, what: str) -> str:
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"


def _task(genotype: Genotype) -> str:
    return "denoising" if genotype.task == "denoise" else f"super-resolution x{genotype.scale}"


def _channels(genotype: Genotype, layer: int) -> str:
    return f"{genotype.width_factors[genotype.path[layer]]:g}·W"


def source_names(nodes: int) -> tuple[str, ...]:
    """Of the sources in a cell of so many nodes, in their order."""
    return ("h(l-1)", "h(l-2)", *(f"node {i}" for i in range(nodes)))


def _edges(cell: Cell) -> list[tuple[int, int, str, str]]:
    """(source, node, operation, mark)."""
    return [(j, i, op, "plain") for i, node in enumerate(cell) for op, j in node]


def _moves(genotype: Genotype) -> list[tuple[int, int, int]]:
    """(layer, source width, target width) along the path."""
    return list(zip(range(genotype.layers), (0, *genotype.path[:-1]), genotype.path))


def _cell_words(genotype: Genotype, layer: int) -> str:
    names = source_names(genotype.nodes)
    nodes = (
        f"node {i} = " + " + ".join(f"{style.op_label(op)} of {names[j]}" for op, j in node)
        for i, node in enumerate(genotype.cells[layer])
    )
    return f"Layer {layer}, {_channels(genotype, layer)} channels per node: {', '.join(nodes)}."


def _path_words(genotype: Genotype) -> str:
    return (
        "Width path: start, "
        + ", ".join(_channels(genotype, l) for l in range(genotype.layers))
        + "."
    )


def _cell_group(
    genotype: Genotype, layer: int, edges: list[tuple[int, int, str, str]], note: str = ""
) -> Group:
    """Inputs say which part of the network they are, nodes and the output their channels as multiples of W."""
    n, w, factor = (
        genotype.nodes,
        _channels(genotype, layer),
        genotype.width_factors[genotype.path[layer]],
    )
    ids = [f"layer {layer} {name}" for name in source_names(genotype.nodes)]
    before = [
        f"layer {l}" if l >= 0 else {-1: "start", -2: "first conv"}[l]
        for l in (layer - 1, layer - 2)
    ]
    nodes = [Node(ids[j], f"h(l-{j + 1})\n{before[j]}", "input") for j in range(2)]
    nodes += [Node(ids[2 + i], f"node {i}\n{w}") for i in range(n)]
    out = f"layer {layer} output"
    nodes.append(Node(out, f"output\n{n} × {w} = {n * factor:g}·W", "output"))
    arrows = [Edge(ids[j], ids[2 + i], op, mark) for j, i, op, mark in edges]
    arrows += [Edge(ids[2 + i], out, mark="faint") for i in range(n)]
    return Group(f"cell of layer {layer}{note}", tuple(nodes), tuple(arrows))


def _path_group(genotype: Genotype, old: Genotype | None = None) -> Group:
    """The path among all legal moves; with ``old``, what changed since."""
    moves, past = _moves(genotype), _moves(old or genotype)
    marks = dict.fromkeys(past, "old") | {m: "path" if m in past else "new" for m in moves}
    used = {(-1, 0)} | {(l, i) for l, _, i in marks}
    where = lambda l: f"layer {l}" if l >= 0 else "start"  # noqa: E731
    name = lambda l, i: f"{where(l)} width {i}"  # noqa: E731
    factors, top = genotype.width_factors, len(genotype.width_factors) - 1
    space = SearchSpace(
        layers=genotype.layers, width_factors=(1.0,) * (top + 1)
    )  # for its cells and moves alone
    nodes = (
        Node(
            name(l, i),
            f"{where(l)}\n{factors[i]:g}·W",
            "node" if (l, i) in used else "unused",
            top - i,
        )
        for l, widths in enumerate(((0,), *space.cells), start=-1)
        for i in widths
    )
    edges = (
        Edge(name(l - 1, k), name(l, i), mark=marks.get((l, k, i), "faint"))
        for l, k, i in space.moves
    )
    title = f"width path {'-'.join(map(str, genotype.path))}"
    if old:
        title += (
            ", unchanged" if old.path == genotype.path else f", was {'-'.join(map(str, old.path))}"
        )
    elif genotype.path_score is not None:
        title += f" (Viterbi value {genotype.path_score:.3g})"
    return Group(title, tuple(nodes), tuple(edges))
