"""Drawings of a search space, from its config: the super-cell, the widths, cell sharing, the whole
network (Figures 1-4)."""

from collections import Counter
from dataclasses import replace

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.drawing.diagram.drawing import Drawing
from hinas_lab.drawing.diagram.value import Edge, Group, Node
from hinas_lab.drawing.genotype_graph import count_of, path_name, task_name
from hinas_lab.space.cost import ASPP_RATES, JOINED, LOW, low_level_layer
from hinas_lab.space.genotype import Genotype, legal_paths, source_names
from hinas_lab.space.ops import OPS

SUPERNET_RATE = 16
"dilation of the supernet's ASPP; a decoded net has ``ASPP_RATES``"
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def draw_supercell(space: SearchSpace, edge: tuple[int, int] = (0, 0)) -> Drawing:
    """Figure 1: all edges of a super-cell, every candidate operation on each; one ``edge`` (source,
    node) in full.

    Sources 0 = h(l-1), 1 = h(l-2), 2.. = earlier nodes. ValueError when there is no such edge.
    """
    if edge not in space.edges:
        raise ValueError(
            f"edge = {edge!r}: must be (source, node) with source 0 to node + 1 "
            f"and node 0 to {space.nodes - 1}"
        )
    names = source_names(space.nodes)
    inputs, inner = names[:2], names[2:]
    output = f"output\n{space.nodes} nodes, joined" if space.nodes > 1 else "output\nnode 0"
    nodes = [Node(name, name, "input") for name in inputs]
    nodes += [Node(name, name) for name in inner]
    nodes.append(Node("output", output, "output"))
    arrows, hears = [], []
    for i, name in enumerate(inner):
        before = names[: i + 2]
        arrows += [Edge(source, name, ops=space.ops) for source in before]
        hears.append(f"{name} hears {', '.join(before)}")
    arrows += [Edge(name, "output", mark="faint") for name in inner]

    source, target = names[edge[0]], inner[edge[1]]
    boxes = (
        Node("source", source, "input" if source in inputs else "node"),
        Node("sum", "+", "sum"),
        Node("target", target),
    )
    terms = []
    for k, op in enumerate(space.ops):
        label = f"p{k} · ".translate(SUBSCRIPTS)
        terms.append(Edge("source", "sum", op, label=label))
    terms.append(Edge("sum", "target"))

    count = (
        f"{count_of(space.nodes, 'node')}, {count_of(len(space.edges), 'edge')}, "
        f"{len(space.ops)} operations on each"
    )
    tied = "each layer its own α (Eq. 2)" if space.lwas else "one α for all layers (Eq. 1)"
    operations = ", ".join(f"{style.op_label(op)} ({OPS[op].code})" for op in space.ops)
    alt = (
        f"Super-cell: {count}: {operations}. {'; '.join(hears)}. The output joins the nodes. "
        f"On the edge from {source} to {target}, and so on every edge, the operations are summed, "
        "each times its p, the softmax of alpha."
    )
    in_full = (
        f"in full, the edge from {source} to {target}: operations summed with "
        f"p = softmax(α) over the {len(space.ops)}"
    )
    groups = (
        Group("all edges", tuple(nodes), tuple(arrows)),
        Group(in_full, boxes, tuple(terms)),
    )
    return Drawing(f"super-cell: {count}, {tied}", alt, groups)


def draw_widths(space: SearchSpace) -> Drawing:
    """Figure 2: the cells of every layer with their channels, and all legal moves between them;
    each move has a beta."""
    n, last = space.nodes, space.layers - 1
    # Rows count from above, widths from below.
    top = len(space.width_factors) - 1
    nodes = [Node("start", f"start part\noutput {n * space.width}", "input", top)]
    cells = count_of(sum(map(len, space.cells)), "cell")
    moves, paths = count_of(len(space.moves), "move"), count_of(len(legal_paths(space)), "path")
    count = f"{cells}, {moves}, {paths}"
    alt = [f"Width trellis: {count}, W = {space.width}. Start part, {n * space.width} channels."]
    arrows = []
    for layer, widths in enumerate(space.cells):
        channels = list(map(space.node_channels, widths))
        for i, c in zip(widths, channels):
            label = f"layer {layer}\n{space.width_factors[i]:g}·W = {c}\noutput {n * c}"
            nodes.append(Node(_width_id(layer, i), label, row=top - i))
        moves = []
        for move in space.moves:
            if move.layer == layer:
                before, after = _width_id(layer - 1, move.source), _width_id(layer, move.target)
                arrows.append(Edge(before, after))
                moves.append(f"{move.source} to {move.target}")
        alt.append(
            f"Layer {layer}: {count_of(len(widths), 'cell')} of {', '.join(map(str, channels))} "
            f"channels per node, moves of width {', '.join(moves)}."
        )
    alt.append(f"The outputs of layer {last} are joined and go to the end part.")

    outputs = [n * space.node_channels(i) for i in space.cells[-1]]
    joined = " + ".join(map(str, outputs))
    if len(outputs) > 1:
        joined += f" = {sum(outputs)}"
    # beside the middle of the last layer's cells
    middle = top - space.cells[-1][-1] // 2
    nodes.append(Node("end", f"end part\ninput {joined}", "output", middle))
    arrows += [Edge(_width_id(last, i), "end", mark="faint") for i in space.cells[-1]]

    title = f"widths: {count}"
    note = f"channels per node and of the output (× {n}), W = {space.width}"
    if space.fixed_path:
        title = f"width path fixed to {path_name(space.fixed_path)}"
    else:
        note += "; a β on each move"
    group = Group(note, tuple(nodes), tuple(arrows))
    return Drawing(f"{title}, {task_name(space)}", " ".join(alt), (group,))


def draw_cell_sharing(
    space: SearchSpace, layer: int | None = None, width: int | None = None
) -> Drawing:
    """Figure 3: one cell that hears the sum of the incoming features (Eq. 5), above one cell per
    incoming move (Eq. 6).

    ``layer`` and ``width`` (an index) choose the receiving cell, by default the first with the most
    moves. ValueError when there is no such cell.
    """
    moves_into = Counter((m.layer, m.target) for m in space.moves)
    cells = [c for c in moves_into if layer in (None, c[0]) and width in (None, c[1])]
    if not cells:
        raise ValueError(
            f"layer = {layer!r}, width = {width!r}: no such cell; "
            f"the layers hold widths {space.cells}"
        )
    l, i = max(cells, key=moves_into.get)
    sources = [m.source for m in space.moves if (m.layer, m.target) == (l, i)]
    sources.sort(reverse=True)  # the widest on top
    channels = space.node_channels(i)
    part = f"layer {l - 1}" if l else "start part"
    tied = space.cell_sharing == "tied"
    inputs, own_cells = [], []
    to_the_sum, to_own_cells, from_own_cells = [], [], []
    for k in sources:
        # The start part's output is as wide as a cell's of the base width W.
        size = space.nodes * (space.node_channels(k) if l else space.width)
        inputs.append(Node(f"from {k}", f"{part}, width {k}\noutput {size}", "input"))
        to_the_sum.append(Edge(f"from {k}", "sum", label=f"q({k}→{i}) · 1×1 conv"))
        name = "the same cell" if tied else f"cell for {k}→{i}"
        own_cells.append(Node(f"cell {k}", f"{name}\n{channels} per node"))
        to_own_cells.append(Edge(f"from {k}", f"cell {k}", label="1×1 conv"))
        from_own_cells.append(Edge(f"cell {k}", "sum", label=f"q({k}→{i})"))
    cell = Node("cell", f"cell of width {i}\n{channels} per node")
    plus = Node("sum", "+", "sum")
    output = Node("output", f"output\n{space.nodes * channels}", "output")
    shared = _with_ids(
        "5 ",
        [*inputs, plus, cell, output],
        [*to_the_sum, Edge("sum", "cell"), Edge("cell", "output")],
    )
    split = _with_ids(
        "6 ",
        [*inputs, *own_cells, plus, output],
        [*to_own_cells, *from_own_cells, Edge("sum", "output")],
    )

    is_shared = space.cell_sharing == "on"
    note = ", as in this space"
    second = _second_input(space, l, i)
    runs = count_of(len(sources), "cell run")
    widths = " and ".join(f"width {k}" for k in sources)
    alt = (
        f"Cell of layer {l}, width {i}. Sharing (Eq. 5): the outputs of {part}, {widths}, each "
        "through a 1x1 convolution and times its q, the softmax of beta, are summed; the sum goes "
        "through one cell. "
        "Not sharing (Eq. 6): each of them goes through a 1x1 convolution and "
        f"{'the same' if tied else 'its own'} cell ({runs}); the cells' outputs are summed, each "
        f"times its q. Every cell's second input, {second}, is not drawn."
    )
    title = f"cell of layer {l}, width {i}; q = softmax(β) (second input, {second}, not drawn)"
    groups = (
        Group(f"cell sharing: sum first, one cell (Eq. 5){note if is_shared else ''}", *shared),
        Group(f"no cell sharing: {runs}, then the sum (Eq. 6){'' if is_shared else note}", *split),
    )
    return Drawing(title, alt, groups)


def _with_ids(
    prefix: str, nodes: list[Node], edges: list[Edge]
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """The boxes and arrows under ids that start with ``prefix``: a drawing's ids are unique."""
    return (
        tuple(replace(node, id=prefix + node.id) for node in nodes),
        tuple(replace(e, tail=prefix + e.tail, head=prefix + e.head) for e in edges),
    )


def _second_input(space: SearchSpace, layer: int, width: int) -> str:
    """What the cell of that width in ``layer`` hears second."""
    if layer == 0:
        return "h(l-2) = first conv"
    if space.second_input == "mixed":
        return f"the mixed first input of layer {layer - 1}"
    if layer == 1:
        return "h(l-2) = start part"
    widths = space.cells[layer - 2]
    # Two layers before, the widest cells do not exist yet: then the widest there is.
    return f"h(l-2) = layer {layer - 2}, width {width if width in widths else widths[-1]}"


def draw_network(net: SearchSpace | Genotype, **shape) -> Drawing:
    """Figure 4: start, layers, end and the residual skip, of a space's supernet or of a genotype's
    network.

    ``shape`` is a genotype's alone, as ``Network`` takes it: ``width`` (W; without it channels are
    multiples of W), ``stem`` = 64, ``end`` = "conv", ``residual`` = True. ValueError when it is
    given for a space, which holds its own.
    """
    if isinstance(net, Genotype):
        return _network(net, **{"width": None, "stem": 64, "end": "conv", "residual": True} | shape)
    if shape:
        raise ValueError(f"{', '.join(shape)}: a search space has its own; change the space")
    return _network(net, net.width, net.stem, net.end, net.residual)


def _network(
    net: SearchSpace | Genotype, width: int | None, stem: int, end: str, residual: bool
) -> Drawing:
    n, s, c = net.nodes, net.scale, net.channels
    is_decoded, is_sr = isinstance(net, Genotype), s > 1
    theirs = is_decoded and end == "authors"
    cells = [(i,) for i in net.path] if is_decoded else net.cells
    layers = [f"layer {layer}" for layer in range(net.layers)]

    def channels(factor: float) -> str:
        return f"{factor:g}·W" if width is None else f"{factor * width:g}"

    boxes = [
        Node("input", f"{'LR image' if is_sr else 'input'}\nM × N × {c}", "input"),
        Node("first", f"conv 3×3\n{c} → {stem}"),
        Node("start", f"conv 3×3\n{stem} → {stem if theirs else channels(n)}"),
    ]
    for name, widths in zip(layers, cells):
        sizes = " | ".join(channels(net.width_factors[i]) for i in widths)
        inside = f"cell of {sizes}" if len(widths) == 1 else f"{len(widths)} cells\n{sizes}"
        boxes.append(Node(name, f"{name}\n{inside}"))
    # The end part hears all cells of the last layer; a cell's output joins its nodes.
    joined = channels(n * sum(net.width_factors[i] for i in cells[-1]))
    boxes.append(Node("end", _end_text(net, end, stem, joined, channels)))
    size = f"{s}M × {s}N × {c}" if is_sr else f"M × N × {c}"
    if is_sr:
        boxes.append(Node("shuffle", f"pixel shuffle\n{size}"))
    if residual:
        boxes.append(Node("sum", "+", "sum"))
    if not is_decoded and net.sigmoid:
        boxes.append(Node("sigmoid", "sigmoid"))
    boxes.append(Node("output", f"{'SR image' if is_sr else 'restored'}\n{size}", "output"))

    chain = [box.id for box in boxes]
    arrows = list(map(Edge, chain, chain[1:]))
    # h(l-2), a layer's second input
    arrows += [Edge(before, name, mark="faint") for before, name in zip(chain[1:], layers)]
    if is_decoded:
        arrows += _low_level(net, end)
    labels = [box.label.replace("\n", ": ") for box in boxes if box.id != "sum"]
    alt = f"{', '.join(labels)}. Each layer also hears what the one before it heard first. "
    if residual:
        upscaling = f"{'bicubic' if is_decoded else net.upsampling} × {s}"
        skip = upscaling if is_sr else "input"
        arrows.append(Edge("input", "sum", mark="path", label=f"skip: {skip}"))
        what = f"{upscaling} upscaled input" if is_sr else "input"
        alt += f"A skip adds the {what} to the network's output."
    else:
        alt += "No residual skip."

    title = f"{'network' if is_decoded else 'supernet'} for {task_name(net)}"
    if is_decoded:
        title += f", {net.hash}"
    if width is not None:
        title += f", W = {width}"
    note = "thin arrows: h(l-2), a layer's second input"
    return Drawing(title, alt, (Group(note, tuple(boxes), tuple(arrows)),))


def _end_text(net: SearchSpace | Genotype, end: str, stem: int, joined: str, channels) -> str:
    """The convolutions of an end part; ``channels``: factor -> that many times W, as text."""
    is_decoded = isinstance(net, Genotype)
    aspp = f"ASPP {'-'.join(map(str, ASPP_RATES if is_decoded else (SUPERNET_RATE,)))}"
    body, last = f"{'conv 3×3' if end == 'conv' else aspp}, {joined} → {stem}", stem
    if end == "authors" and is_decoded:
        first, last = aspp if net.scale > 1 else "conv 1×1", JOINED
        body = f"{first}, {joined} → {last}\n2 × sep 3×3, {last + LOW} → {last}"
    elif end == "authors":
        last = channels(net.nodes * len(net.cells[-1]))
        body = f"{aspp} of each cell → {channels(net.nodes)}\nconv 3×3, {last} → {last}"
    # A pixel shuffle makes s x s pixels of as many channels.
    return f"{body}\nconv 3×3, {last} → {net.channels * net.scale**2}"


def _low_level(genotype: Genotype, end: str) -> list[Edge]:
    """What a decoded net's end part hears beside its last cell."""
    if end == "aspp":
        return [Edge("first", "end", mark="faint")]
    layer = low_level_layer(genotype)
    low = "start" if layer is None else f"layer {layer}"
    return [Edge(low, "end", mark="faint")] if end == "authors" else []


def _width_id(layer: int, width: int) -> str:
    return f"layer {layer} width {width}" if layer >= 0 else "start"
