"""Drawings of a search space, from its config: the super-cell, the widths, cell sharing, the whole network (Figures 1-4)."""

from collections import Counter

from hinas_lab.config import SearchSpace
from hinas_lab.draw import style
from hinas_lab.draw.diagram.value import Drawing, Edge, Group, Node
from hinas_lab.draw.genotype_graph import source_names
from hinas_lab.space.cost import ASPP_RATES
from hinas_lab.space.genotype import Genotype, legal_paths
from hinas_lab.space.ops import OP_NAMES, OPS

SUPERNET_RATE = 16
"dilation of the supernet's ASPP; a decoded net has ``ASPP_RATES``"
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def draw_supercell(space: SearchSpace, edge: tuple[int, int] = (0, 0)) -> Drawing:
    """Figure 1: all edges of a super-cell, every candidate operation on each; one ``edge`` (source, node) in full.

    Sources 0 = h(l-1), 1 = h(l-2), 2.. = earlier nodes. ValueError when there is no such edge.
    """
    if edge not in space.edges:
        raise ValueError(
            f"edge = {edge!r}: must be (source, node) with source 0 to node + 1 and node 0 to {space.nodes - 1}"
        )
    names = source_names(space.nodes)
    nodes = [Node(name, name, "input" if j < 2 else "node") for j, name in enumerate(names)]
    nodes.append(
        Node(
            "output",
            "output\n" + (f"{space.nodes} nodes, joined" if space.nodes > 1 else "node 0"),
            "output",
        )
    )
    arrows = [Edge(names[j], names[2 + i], ops=OP_NAMES) for j, i in space.edges]
    arrows += [Edge(name, "output", mark="faint") for name in names[2:]]
    source, target = names[edge[0]], names[2 + edge[1]]
    full = (
        Node("source", source, "input" if edge[0] < 2 else "node"),
        Node("sum", "+", "sum"),
        Node("target", target),
    )
    terms = [
        Edge("source", "sum", op, label=f"α{k}".translate(SUBSCRIPTS) + " · ")
        for k, op in enumerate(OP_NAMES)
    ]
    tied = "each layer its own α (Eq. 2)" if space.lwas else "one α for all layers (Eq. 1)"
    count = f"{_count(space.nodes, 'node')}, {_count(len(space.edges), 'edge')}, {len(OP_NAMES)} operations on each"
    hears = (
        f"node {i} hears " + ", ".join(names[j] for j, n in space.edges if n == i)
        for i in range(space.nodes)
    )
    operations = ", ".join(f"{style.op_label(op)} ({OPS[op].code})" for op in OP_NAMES)
    alt = (
        f"Super-cell: {count}: {operations}. {'; '.join(hears)}. The output joins the nodes. "
        f"On the edge from {source} to {target}, and so on every edge, the operations are summed, each times its alpha."
    )
    return Drawing(
        f"super-cell: {count}, {tied}",
        alt,
        (
            Group("all edges", tuple(nodes), tuple(arrows)),
            Group(
                f"in full, the edge from {source} to {target}: operations summed with α = softmax over the {len(OP_NAMES)}",
                full,
                (*terms, Edge("sum", "target")),
            ),
        ),
    )


def draw_widths(space: SearchSpace) -> Drawing:
    """Figure 2: the cells of every layer with their channels, and all legal moves between them; each move has a beta."""
    n, top, last = space.nodes, len(space.width_factors) - 1, space.layers - 1
    name = lambda l, i: f"layer {l} width {i}" if l >= 0 else "start"  # noqa: E731
    nodes = [Node("start", f"start part\noutput {n * space.width}", "input", top)]
    for l, cells in enumerate(space.cells):
        nodes += [
            Node(
                name(l, i),
                f"layer {l}\n{space.width_factors[i]:g}·W = {_channels(space, i)}\noutput {n * _channels(space, i)}",
                row=top - i,
            )
            for i in cells
        ]
    nodes.append(
        Node("end", f"end part\ninput {_joined(space)}", "output", top - space.cells[-1][-1] // 2)
    )
    arrows = [Edge(name(m.layer - 1, m.source), name(m.layer, m.target)) for m in space.moves]
    arrows += [Edge(name(last, i), "end", mark="faint") for i in space.cells[-1]]
    cells = sum(map(len, space.cells))
    count = f"{_count(cells, 'cell')}, {_count(len(space.moves), 'move')}, {_count(len(legal_paths(space)), 'path')}"
    alt = [f"Width trellis: {count}, W = {space.width}. Start part, {n * space.width} channels."]
    for l, widths in enumerate(space.cells):
        moves = ", ".join(f"{m.source} to {m.target}" for m in space.moves if m.layer == l)
        alt.append(
            f"Layer {l}: {_count(len(widths), 'cell')} of {', '.join(str(_channels(space, i)) for i in widths)} channels per node, "
            f"moves of width {moves}."
        )
    alt.append(f"The outputs of layer {last} are joined and go to the end part.")
    title = (
        f"width path fixed to {'-'.join(map(str, space.fixed_path))}"
        if space.fixed_path
        else f"widths: {count}"
    )
    note = f"channels per node and of the output (× {n}), W = {space.width}" + (
        "" if space.fixed_path else "; a β on each move"
    )
    return Drawing(
        f"{title}, {_task(space)}", " ".join(alt), (Group(note, tuple(nodes), tuple(arrows)),)
    )


def draw_cell_sharing(
    space: SearchSpace, layer: int | None = None, width: int | None = None
) -> Drawing:
    """Figure 3: one cell that hears the sum of the incoming features (Eq. 5), above one cell per incoming move (Eq. 6).

    ``layer`` and ``width`` choose the receiving cell, by default the first with the most moves. ValueError when there is no such cell.
    """
    into = Counter((m.layer, m.target) for m in space.moves)
    chosen = [c for c in into if layer in (None, c[0]) and width in (None, c[1])]
    if not chosen:
        raise ValueError(
            f"layer = {layer!r}, width = {width!r}: no such cell; the layers hold widths {space.cells}"
        )
    l, i = max(chosen, key=into.get)
    sources = sorted(
        (m.source for m in space.moves if (m.layer, m.target) == (l, i)), reverse=True
    )  # the widest on top
    c, where = _channels(space, i), f"layer {l - 1}" if l else "start part"
    heard = [
        Node(
            f"from {k}",
            f"{where}, width {k}\noutput {space.nodes * _channels(space, k) if l else space.nodes * space.width}",
            "input",
        )
        for k in sources
    ]
    out = Node("output", f"output\n{space.nodes * c}", "output")
    beta = lambda k: f"β({k}→{i})"  # noqa: E731
    prefix = lambda p, nodes, edges: (
        tuple(Node(p + x.id, x.label, x.kind) for x in nodes),  # noqa: E731
        tuple(Edge(p + e.tail, p + e.head, label=e.label) for e in edges),
    )
    shared = prefix(
        "5 ",
        [*heard, Node("sum", "+", "sum"), Node("cell", f"cell of width {i}\n{c} per node"), out],
        [
            *(Edge(f"from {k}", "sum", label=f"{beta(k)} · 1×1 conv") for k in sources),
            Edge("sum", "cell"),
            Edge("cell", "output"),
        ],
    )
    own = "the same cell" if space.cell_sharing == "tied" else f"cell for {{}}→{i}"
    split = prefix(
        "6 ",
        [
            *heard,
            *(Node(f"cell {k}", f"{own.format(k)}\n{c} per node") for k in sources),
            Node("sum", "+", "sum"),
            out,
        ],
        [
            *(Edge(f"from {k}", f"cell {k}", label="1×1 conv") for k in sources),
            *(Edge(f"cell {k}", "sum", label=beta(k)) for k in sources),
            Edge("sum", "output"),
        ],
    )
    here = lambda on: ", as in this space" if (space.cell_sharing == "on") == on else ""  # noqa: E731
    second = _second(space, l, i)
    runs = _count(len(sources), "cell run")
    from_ = " and ".join(f"width {k}" for k in sources)
    alt = (
        f"Cell of layer {l}, width {i}. Sharing (Eq. 5): the outputs of {where}, {from_}, each through a 1x1 convolution and times its "
        f"beta, are summed; the sum goes through one cell. Not sharing (Eq. 6): each of them goes "
        f"through a 1x1 convolution and {'the same' if space.cell_sharing == 'tied' else 'its own'} cell ({runs}); "
        f"the cells' outputs are summed, each times its beta. Every cell's second input, {second}, is not drawn."
    )
    return Drawing(
        f"cell of layer {l}, width {i} (its second input, {second}, is not drawn)",
        alt,
        (
            Group(f"cell sharing: sum first, one cell (Eq. 5){here(True)}", *shared),
            Group(f"no cell sharing: {runs}, then the sum (Eq. 6){here(False)}", *split),
        ),
    )


def draw_network(net: SearchSpace | Genotype, **shape) -> Drawing:
    """Figure 4: start, layers, end and the residual skip, of a space's supernet or of a genotype's network.

    ``shape`` is a genotype's alone, as ``Network`` takes it: ``width`` (W; without it channels are multiples of W), ``stem`` = 64,
    ``end`` = "conv", ``residual`` = True. ValueError when it is given for a space, which holds its own.
    """
    if isinstance(net, SearchSpace):
        if shape:
            raise ValueError(f"{', '.join(shape)}: a search space has its own; change the space")
        return _network(net, net.layers, net.width, net.stem, net.end, net.residual)
    return _network(
        net, net.layers, **{"width": None, "stem": 64, "end": "conv", "residual": True} | shape
    )


def _network(
    net: SearchSpace | Genotype, layers: int, width: int | None, stem: int, end: str, residual: bool
) -> Drawing:
    decoded, n, s, c = isinstance(net, Genotype), net.nodes, net.scale, net.channels
    times = lambda factor: f"{factor:g}·W" if width is None else f"{factor * width:g}"  # noqa: E731
    widths = [(i,) for i in net.path] if decoded else net.cells
    small = f"{s}M × {s}N × {c}" if s > 1 else f"M × N × {c}"
    nodes = [
        Node("input", f"{'LR image' if s > 1 else 'input'}\nM × N × {c}", "input"),
        Node("first", f"conv 3×3\n{c} → {stem}"),
        Node("start", f"conv 3×3\n{stem} → {times(n)}"),
    ]
    for l, w in enumerate(widths):
        cells = " | ".join(times(net.width_factors[i]) for i in w)
        nodes.append(
            Node(
                f"layer {l}",
                f"layer {l}\n"
                + (f"cell of {cells}" if len(w) == 1 else f"{len(w)} cells\n{cells}"),
            )
        )
    joined = times(n * sum(net.width_factors[i] for i in widths[-1]))
    rates = ASPP_RATES if decoded else (SUPERNET_RATE,)
    body = (
        f"conv 3×3, {joined} → {stem}"
        if end == "conv"
        else f"ASPP {'-'.join(map(str, rates))}, {joined} → {stem}"
    )
    nodes.append(Node("end", f"{body}\nconv 3×3, {stem} → {c * s * s}"))
    chain = ["input", "first", "start", *(f"layer {l}" for l in range(layers)), "end"]
    add = lambda id, label, kind="node": (nodes.append(Node(id, label, kind)), chain.append(id))  # noqa: E731
    if s > 1:
        add("shuffle", f"pixel shuffle\n{small}")
    if residual:
        add("sum", "+", "sum")
    if not decoded and net.sigmoid:
        add("sigmoid", "sigmoid")
    add("output", f"{'SR image' if s > 1 else 'restored'}\n{small}", "output")
    arrows = [Edge(a, b) for a, b in zip(chain, chain[1:])]
    arrows += [Edge(chain[1 + l], f"layer {l}", mark="faint") for l in range(layers)]
    if decoded and end == "aspp":
        arrows.append(Edge("first", "end", mark="faint"))
    up = "input" if s == 1 else f"{'bicubic' if decoded else net.upsampling} × {s}"
    if residual:
        arrows.append(Edge("input", "sum", mark="path", label=f"skip: {up}"))
    label = {x.id: x.label.replace("\n", ": ") for x in nodes}
    words = [", ".join(label[x] for x in chain if x != "sum") + "."]
    words.append("Each layer also hears what the one before it heard first.")
    what = "input" if s == 1 else f"{up} upscaled input"
    words.append(
        f"A skip adds the {what} to the network's output." if residual else "No residual skip."
    )
    title = f"{'network' if decoded else 'supernet'} for {_task(net)}" + (
        f", {net.hash}" if decoded else ""
    )
    title += "" if width is None else f", W = {width}"
    return Drawing(
        title,
        " ".join(words),
        (Group("thin arrows: h(l-2), a layer's second input", tuple(nodes), tuple(arrows)),),
    )


def _channels(space: SearchSpace, width_index: int) -> int:
    return space.node_channels(width_index)


def _joined(space: SearchSpace) -> str:
    parts = [space.nodes * _channels(space, i) for i in space.cells[-1]]
    return " + ".join(map(str, parts)) + (f" = {sum(parts)}" if len(parts) > 1 else "")


def _second(space: SearchSpace, l: int, i: int) -> str:
    """What the cell of width ``i`` in layer ``l`` hears second."""
    if l and space.second_input == "mixed":
        return f"the mixed first input of layer {l - 1}"
    there = space.cells[l - 2]
    return (
        "h(l-2) = "
        + ("first conv", "start part", f"layer {l - 2}, width {i if i in there else there[-1]}")[
            min(l, 2)
        ]
    )


def _task(net: SearchSpace | Genotype) -> str:
    return "denoising" if net.task == "denoise" else f"super-resolution x{net.scale}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
