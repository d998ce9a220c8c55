"""Drawings of a genotype: its cells, its width path, the difference to another one.

A drawing is a value that shows itself in Jupyter and writes itself; one DOT text serves every backend. Rendering takes
the ``dot`` program where there is one, else Graphviz inside pygraphviz, else a small layered layout in matplotlib.
"""

import io
import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from html import escape
from pathlib import Path

from hinas_lab.config import SearchSpace
from hinas_lab.space.genotype import Cell, Genotype, diff
from hinas_lab.space.ops import OPS
from hinas_lab.views import style

FORMATS = ("svg", "pdf", "png")
FONT = "DejaVu Sans"  # matplotlib carries it, so drawings look alike on machines without fonts
FONTS = "Verdana, sans-serif"  # for a reader of an SVG who does not have it: as wide
LINE, DIM = "#C4C4C4", "#767676"


# ---------------------------------------------------------------- the value


@dataclass(frozen=True)
class Node:
    """A box. kind: input, node, output, or unused (a width beside the path)."""

    id: str
    label: str
    kind: str = "node"
    row: int | None = None
    "place from above in a trellis"


@dataclass(frozen=True)
class Edge:
    """An arrow; with ``op`` it carries the operation's colour, letter code and name."""

    tail: str
    head: str
    op: str | None = None
    mark: str = "plain"
    "plain, path, new (bold, +), old (dashed, −) or faint"

    @property
    def chip(self) -> str:
        """Id of the node that carries the operation."""
        return f"{self.tail} to {self.head}" + ("" if self.mark == "plain" else f", {self.mark}")

    @property
    def text(self) -> str:
        """``conv 3x3``, with the sign of a change."""
        return {"new": "+ ", "old": "− "}.get(self.mark, "") + style.op_label(self.op)

    @property
    def colour(self) -> str:
        return style.OP_COLOURS[self.op] if self.op else _LINES[self.mark].get("color", style.INK)


@dataclass(frozen=True)
class Group:
    """A framed part of a drawing: one cell, or the width path. Nodes in topological order."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Drawing:
    """A drawing as a value: groups from top to bottom, a title, and a text for those who cannot see it."""

    title: str
    alt: str
    groups: tuple[Group, ...]

    @cached_property
    def dot(self) -> str:
        """The DOT text (needs the graphviz package, not the program)."""
        return _dot(self)

    def svg(self) -> str:
        """SVG text with role, title and description; equal drawings give equal bytes on one machine."""
        text = render(self, "svg").decode("utf-8")
        text = text[text.index("<svg") + 4:]
        head, body = text.split(">", 1)
        body = body.replace(f'"{FONT}"', f'"{FONT}, {FONTS}"').replace(f"'{FONT}'", f"'{FONT}', {FONTS}")
        title = escape(self.title)
        return (f'<svg role="img" aria-label="{title}"{head}>\n<title>{title}</title>\n<desc>{escape(self.alt)}</desc>'
                f"{body.rstrip()}\n")

    def _repr_svg_(self) -> str:
        return self.svg()

    def save(self, path: str | Path) -> Path:
        """Write svg, pdf or png, by the extension; the file appears whole or not at all."""
        path = Path(path)
        fmt = path.suffix.lower().lstrip(".")
        if fmt not in FORMATS:
            raise ValueError(f"path = {str(path)!r}: must end in .{', .'.join(FORMATS)}")
        data = self.svg().encode("utf-8") if fmt == "svg" else render(self, fmt)
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            partial.write_bytes(data)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        return path


# ---------------------------------------------------------------- what is drawn


def draw_genotype(genotype: Genotype, *, title: str | None = None) -> Drawing:
    """The width path and all cells in one picture."""
    groups = [_path_group(genotype), *(_cell_group(genotype, l, _edges(c)) for l, c in enumerate(genotype.cells))]
    words = [_path_words(genotype), *(_cell_words(genotype, l) for l in range(genotype.layers))]
    return Drawing(title or f"genotype for {_task(genotype)}, {genotype.hash}", " ".join(words), tuple(groups))


def draw_cell(genotype: Genotype, layer: int) -> Drawing:
    """The cell of one layer, counted from 0."""
    if not 0 <= layer < genotype.layers:
        raise ValueError(f"layer = {layer}: must be 0 to {genotype.layers - 1}")
    group = _cell_group(genotype, layer, _edges(genotype.cells[layer]))
    return Drawing(f"{group.title}, {_task(genotype)}", _cell_words(genotype, layer), (replace(group, title=""),))


def draw_path(genotype: Genotype) -> Drawing:
    """The width path among all legal moves."""
    group = _path_group(genotype)
    return Drawing(f"{group.title}, {_task(genotype)}", _path_words(genotype), (replace(group, title=""),))


def draw_difference(a: Genotype, b: Genotype, *, title: str | None = None) -> Drawing:
    """From ``a`` to ``b``: what ``b`` adds is bold with a plus, what it drops dashed with a minus, the rest as it is.

    Widths and channels are b's. ValueError when the two have different shapes.
    """
    changes = diff(a, b)
    if a.width_factors != b.width_factors:
        raise ValueError(f"cannot compare: width_factors is {a.width_factors} and {b.width_factors}")
    groups = [_path_group(b, a)]
    for l in range(b.layers):
        old, new = _edges(a.cells[l]), _edges(b.cells[l])
        edges = [(*e[:3], "plain" if e in old else "new") for e in new]
        edges += [(*e[:3], "old") for e in old if e not in new]
        count = len(edges) - len(old)
        groups.append(_cell_group(b, l, sorted(edges), f", {_count(count, 'edge')} changed"))
    title = title or f"from {a.hash} to {b.hash}: {_count(len(changes), 'change')} (+ new, bold; − old, dashed)"
    return Drawing(title, "; ".join(changes) + "." if changes else "No difference.", tuple(groups))


def _count(n: int, what: str) -> str:
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"


def _task(genotype: Genotype) -> str:
    return "denoising" if genotype.task == "denoise" else f"super-resolution x{genotype.scale}"


def _channels(genotype: Genotype, layer: int) -> str:
    return f"{genotype.width_factors[genotype.path[layer]]:g}·W"


def _names(genotype: Genotype) -> tuple[str, ...]:
    """Of a cell's sources, in their order."""
    return ("h(l-1)", "h(l-2)", *(f"node {i}" for i in range(genotype.nodes)))


def _edges(cell: Cell) -> list[tuple[int, int, str, str]]:
    """(source, node, operation, mark)."""
    return [(j, i, op, "plain") for i, node in enumerate(cell) for op, j in node]


def _moves(genotype: Genotype) -> list[tuple[int, int, int]]:
    """(layer, source width, target width) along the path."""
    return list(zip(range(genotype.layers), (0, *genotype.path[:-1]), genotype.path))


def _cell_words(genotype: Genotype, layer: int) -> str:
    names = _names(genotype)
    nodes = (f"node {i} = " + " + ".join(f"{style.op_label(op)} of {names[j]}" for op, j in node)
             for i, node in enumerate(genotype.cells[layer]))
    return f"Layer {layer}, {_channels(genotype, layer)} channels per node: {', '.join(nodes)}."


def _path_words(genotype: Genotype) -> str:
    return "Width path: start, " + ", ".join(_channels(genotype, l) for l in range(genotype.layers)) + "."


def _cell_group(genotype: Genotype, layer: int, edges: list[tuple[int, int, str, str]], note: str = "") -> Group:
    """Inputs say which part of the network they are, nodes and the output their channels as multiples of W."""
    n, w, factor = genotype.nodes, _channels(genotype, layer), genotype.width_factors[genotype.path[layer]]
    ids = [f"layer {layer} {name}" for name in _names(genotype)]
    before = [f"layer {l}" if l >= 0 else {-1: "start", -2: "first conv"}[l] for l in (layer - 1, layer - 2)]
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
    space = SearchSpace(layers=genotype.layers, width_factors=(1.0,) * (top + 1))  # for its cells and moves alone
    nodes = (
        Node(name(l, i), f"{where(l)}\n{factors[i]:g}·W", "node" if (l, i) in used else "unused", top - i)
        for l, widths in enumerate(((0,), *space.cells), start=-1) for i in widths
    )
    edges = (Edge(name(l - 1, k), name(l, i), mark=marks.get((l, k, i), "faint")) for l, k, i in space.moves)
    title = f"width path {'-'.join(map(str, genotype.path))}"
    if old:
        title += ", unchanged" if old.path == genotype.path else f", was {'-'.join(map(str, old.path))}"
    elif genotype.path_score is not None:
        title += f" (Viterbi value {genotype.path_score:.3g})"
    return Group(title, tuple(nodes), tuple(edges))


# ---------------------------------------------------------------- DOT

_BOXES = {
    "input": {"fillcolor": style.PALE},
    "output": {"fillcolor": style.PALE},
    "node": {"fillcolor": style.PAPER, "penwidth": "1.6"},
    "unused": {"fillcolor": style.PAPER, "color": LINE, "fontcolor": DIM},
}
_LINES = {
    "plain": {"penwidth": "1.8"},
    "path": {"penwidth": "3", "color": style.FRAME},
    "new": {"penwidth": "4.5", "color": style.FRAME},
    "old": {"penwidth": "1.8", "color": style.FAINT, "style": "dashed"},
    "faint": {"penwidth": "0.9", "color": "#B0B0B0", "arrowsize": "0.5"},
}


def _chip(edge: Edge) -> str:
    """An HTML-like label: the letter code on the operation's colour, then its name, in a frame of that colour."""
    frame = {"new": 'border="3"', "old": 'border="1" style="dashed"'}.get(edge.mark, 'border="1"')
    text = f"<b>{edge.text}</b>" if edge.mark == "new" else edge.text
    code = f'<font color="{style.ink_on(edge.colour)}">{OPS[edge.op].code}</font>'
    return (f'<<table {frame} cellborder="0" cellspacing="0" cellpadding="3" color="{edge.colour}" '
            f'bgcolor="{style.PAPER}"><tr><td bgcolor="{edge.colour}">{code}</td><td>{text}</td></tr></table>>')


def _dot(drawing: Drawing) -> str:
    import graphviz

    graph = graphviz.Digraph("drawing")
    font = {"fontname": FONT, "fontcolor": style.INK}
    graph.attr("graph", rankdir="LR", bgcolor=style.PAPER, nodesep="0.22", ranksep="0.32", pad="0.15", labelloc="t",
               label=graphviz.escape(drawing.title), fontsize="14", **font)
    graph.attr("node", shape="box", style="rounded,filled", color=style.INK, margin="0.1,0.05", height="0.4",
               fontsize="12", **font)
    graph.attr("edge", color=style.INK, arrowsize="0.7")
    # Left to right, dot stacks unconnected clusters from below: the last one first.
    for g, group in reversed(list(enumerate(drawing.groups))):
        rows = {node.id: node.row for node in group.nodes}
        with graph.subgraph(name=f"cluster_{g}") as sub:
            sub.attr(label=graphviz.escape(group.title), labeljust="l", fontsize="13", color=LINE, style="rounded",
                     margin="10")
            for node in group.nodes:
                sub.node(node.id, node.label, **_BOXES[node.kind])
            for edge in group.edges:
                line = _LINES[edge.mark] | {"color": edge.colour}
                if edge.op:  # a node of its own on the arrow, so that no other arrow crosses the operation's name
                    sub.node(edge.chip, _chip(edge), shape="plain", style="", margin="0", height="0")
                    sub.edge(edge.tail, edge.chip, headport="w", arrowhead="none", **line)
                    sub.edge(edge.chip, edge.head, tailport="e", **line)
                elif rows[edge.tail] is None:
                    sub.edge(edge.tail, edge.head, **line)
                else:  # a trellis: columns two ranks apart, heavy edges keep a width in one row
                    weight = "50" if rows[edge.tail] == rows[edge.head] else "1"
                    sub.edge(edge.tail, edge.head, minlen="2", weight=weight, **line)
    return graph.source


# ---------------------------------------------------------------- Graphviz, as a program or in process


def render(drawing: Drawing, fmt: str) -> bytes:
    """The drawing as svg, pdf or png, by the first backend that works here."""
    for backend in (_by_program, _by_pygraphviz):
        try:
            data = backend(drawing.dot, fmt, ["-Gdpi=144"] if fmt == "png" else [])
        except (ImportError, OSError, ValueError, subprocess.SubprocessError):  # absent, or built without this format
            continue
        # Equal drawings, equal bytes: a PDF carries no date.
        return re.sub(rb"\(D:\d{14}", b"(D:19700101000000", data) if fmt == "pdf" else data
    return _by_matplotlib(drawing, fmt)


def _by_program(dot: str, fmt: str, args: list[str]) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise FileNotFoundError("dot")
    command = [program, f"-T{fmt}", *args]
    with _fonts():
        return subprocess.run(command, input=dot.encode(), capture_output=True, check=True, timeout=60).stdout


_LOCK = threading.Lock()  # Graphviz in process is not made for threads


def _by_pygraphviz(dot: str, fmt: str, args: list[str]) -> bytes:
    with _LOCK:
        return _agraph()(string=dot).draw(format=fmt, prog="dot", args=" ".join(args))


@cache
def _agraph() -> type:
    """pygraphviz's AGraph after a first drawing, where Graphviz reads its fonts and may complain about the system's."""
    from pygraphviz import AGraph

    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        with _fonts():
            AGraph(string=f'digraph {{ a [fontname="{FONT}"] }}').draw(format="svg", prog="dot")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)
    return AGraph


@contextmanager
def _fonts():
    """Inside, fontconfig sees matplotlib's fonts alone: machines agree on a layout, and one without fonts can draw."""
    import matplotlib

    before = os.environ.get("FONTCONFIG_FILE")
    with tempfile.TemporaryDirectory() as folder:
        fonts, conf = Path(matplotlib.get_data_path(), "fonts", "ttf"), Path(folder, "fonts.conf")
        text = f"<fontconfig><dir>{escape(str(fonts))}</dir><cachedir>{escape(folder)}</cachedir></fontconfig>"
        conf.write_text(text, encoding="utf-8")
        os.environ["FONTCONFIG_FILE"] = str(conf)
        try:
            yield
        finally:
            del os.environ["FONTCONFIG_FILE"]
            if before is not None:
                os.environ["FONTCONFIG_FILE"] = before


# ---------------------------------------------------------------- without Graphviz


def _layout(group: Group) -> tuple[dict[str, tuple[float, float]], list[list[str]]]:
    """Places (column, row) of the nodes, chips and bends of a group, and per edge its chain of places.

    Columns are longest-path depths, two apart (the column between holds the chips). Rows are ordered by the mean of
    their neighbours, then relaxed towards it. A trellis has its rows given and needs no bends.
    """
    depth = {node.id: 0 for node in group.nodes}
    for node in group.nodes:
        for edge in group.edges:
            if edge.tail == node.id:
                depth[edge.head] = max(depth[edge.head], depth[node.id] + 2)
    if group.nodes[0].row is not None:
        return {n.id: (depth[n.id], n.row) for n in group.nodes}, [[edge.tail, edge.head] for edge in group.edges]

    columns = [[n.id for n in group.nodes if depth[n.id] == c] for c in range(max(depth.values()) + 1)]
    chains, near = [], {}
    for n, edge in enumerate(group.edges):
        between = range(depth[edge.tail] + 1, depth[edge.head])
        inner = [edge.chip if edge.op and c == between[0] else f"bend {n} {c}" for c in between]
        for c, k in zip(between, inner):
            columns[c].append(k)
        chains.append([edge.tail, *inner, edge.head])
        for x, y in zip(chains[-1], chains[-1][1:]):
            near.setdefault(x, []).append(y)
            near.setdefault(y, []).append(x)
    rows = {k: i - (len(ids) - 1) / 2 for ids in columns for i, k in enumerate(ids)}
    for sweep in range(24):
        for ids in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {k: sum(rows[x] for x in near[k]) / len(near[k]) if k in near else rows[k] for k in ids}
            if sweep < 8:
                ids.sort(key=wanted.get)
            for i, k in enumerate(ids):
                room = 0.5 if i and k.startswith("bend") and ids[i - 1].startswith("bend") else 0.9
                rows[k] = max(wanted[k], rows[ids[i - 1]] + room) if i else wanted[k]
            drift = sum(rows[k] - wanted[k] for k in ids) / len(ids)
            rows |= {k: rows[k] - drift for k in ids}
    return {k: (c, rows[k]) for c, ids in enumerate(columns) for k in ids}, chains


def _by_matplotlib(drawing: Drawing, fmt: str) -> bytes:
    out = io.BytesIO()
    nothing = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None},
               "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}
    with style.theme():
        _figure(drawing).savefig(out, format=fmt, dpi=144, metadata=nothing[fmt])
    return out.getvalue()


def _figure(drawing: Drawing):
    """A plain layered drawing, the groups from top to bottom, as a matplotlib figure."""
    from matplotlib.figure import Figure

    layouts = [_layout(group) for group in drawing.groups]
    lows, highs = zip(*((min(rows), max(rows)) for rows in ([y for _, y in places.values()] for places, _ in layouts)))
    spans = [high - low + 1.6 for low, high in zip(lows, highs)]
    width = max(x for places, _ in layouts for x, _ in places.values()) + 1.6
    figure = Figure(figsize=(1.15 * width, 0.55 * sum(spans) + 0.6))
    figure.suptitle(drawing.title, fontsize=11, y=1 - 0.2 / figure.get_figheight(), va="center")
    axes = figure.subplots(len(spans), squeeze=False, height_ratios=spans).ravel()
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.45 / figure.get_figheight(), hspace=0.02)
    for ax, group, layout, low, high in zip(axes, drawing.groups, layouts, lows, highs):
        _draw_group(ax, group, *layout)
        ax.text(0.005, 0.985, group.title, transform=ax.transAxes, va="top", fontsize=10)
        ax.set(xlim=(-0.8, width - 0.8), ylim=(high + 0.6, low - 1.0), xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color=LINE)
    return figure


def _draw_group(ax, group: Group, places: dict[str, tuple[float, float]], chains: list[list[str]]):
    from matplotlib.patches import FancyArrowPatch

    half = {node.id: 0.47 if node.kind == "output" else 0.25 for node in group.nodes}  # of a box's width
    for edge, chain in zip(group.edges, chains):
        line, bold = _LINES[edge.mark], edge.mark == "new"
        look = {"linestyle": line.get("style", "solid"), "linewidth": float(line["penwidth"])}
        rivals = sorted((c for c in chains if c[-1] == chain[-1]), key=lambda c: places[c[-2]][1])
        lift = 0.5 * (rivals.index(chain) + 0.5) / len(rivals) - 0.25  # arrows arrive side by side
        x, y = places[edge.head]
        path = _curve([*(places[k] for k in chain[:-1]), (x - half[edge.head], y + lift)])
        look |= {"color": edge.colour}
        ax.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=11, shrinkB=0, **look))
        if edge.op:
            box = {"boxstyle": "square,pad=0.25", "fc": edge.colour, "ec": style.INK if bold else edge.colour,
                   "ls": look["linestyle"], "lw": 2 if bold else 1}
            ax.text(*places[edge.chip], f"{OPS[edge.op].code}  {edge.text}", ha="center", va="center", fontsize=9,
                    color=style.ink_on(edge.colour), fontweight="bold" if bold else "normal", zorder=3, bbox=box)
    for node in group.nodes:
        box = {"color": style.INK, "fontcolor": style.INK} | _BOXES[node.kind]
        ax.text(*places[node.id], node.label, ha="center", va="center", fontsize=9, color=box["fontcolor"], zorder=4,
                bbox={"boxstyle": "round,pad=0.35", "fc": box["fillcolor"], "ec": box["color"]})


def _curve(points: list[tuple[float, float]]):
    """A smooth path through the points, level at each of them."""
    from matplotlib.path import Path as Curve

    vertices, codes = [points[0]], [Curve.MOVETO]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        vertices += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
        codes += [Curve.CURVE4] * 3
    return Curve(vertices, codes)
