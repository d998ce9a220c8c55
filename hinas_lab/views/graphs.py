"""Drawings of a genotype: its cells, its width path, the difference to another one.

A drawing is a value that shows itself in Jupyter and writes itself; one DOT text serves every backend. Rendering takes the
``dot`` program where there is one, else Graphviz inside pygraphviz, else a small layered layout in matplotlib.
"""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from html import escape
from pathlib import Path

from hinas_lab.config import SearchSpace
from hinas_lab.space.genotype import Cell, Genotype, diff
from hinas_lab.space.ops import OPS
from hinas_lab.views import style

FORMATS = ("svg", "pdf", "png")
FONT = "DejaVu Sans"  # matplotlib carries it, so drawings look alike on machines without fonts


# ---------------------------------------------------------------- the value


@dataclass(frozen=True)
class Node:
    """A box. kind: input, node, output, or unused (a width beside the path)."""

    id: str
    label: str
    kind: str = "node"
    row: int | None = None
    "fixed place from above, for trellises"


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
        """Name of the node that carries the operation."""
        return f"{self.tail} to {self.head}{'' if self.mark == 'plain' else f', {self.mark}'}"


@dataclass(frozen=True)
class Group:
    """A framed part of a drawing: one cell, or the width path."""

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
        text = text[text.index("<svg"):]
        start = text.index(">") + 1
        head = text[:start].replace("<svg", f'<svg role="img" aria-label="{escape(self.title)}"', 1)
        return f"{head}\n<title>{escape(self.title)}</title>\n<desc>{escape(self.alt)}</desc>{text[start:].rstrip()}\n"

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


def _channels(genotype: Genotype, layer: int) -> str:
    return f"{genotype.width_factors[genotype.path[layer]]:g}·W"


def _sources(nodes: int) -> tuple[str, ...]:
    return ("h(l-1)", "h(l-2)", *(f"node {i}" for i in range(nodes)))


def _cell_group(genotype: Genotype, layer: int, edges: list[tuple[int, int, str, str]], note: str = "") -> Group:
    """edges: (source, node, operation, mark)."""
    factor, n, w = genotype.width_factors[genotype.path[layer]], genotype.nodes, _channels(genotype, layer)
    ids = [f"layer {layer} {name}" for name in _sources(n)]
    before = [f"layer {layer - k}" if layer >= k else ("start", "first convolution")[k - layer - 1] for k in (1, 2)]
    nodes = [Node(ids[k], f"h(l-{k + 1})\n{before[k]}", "input") for k in range(2)]
    nodes += [Node(ids[2 + i], f"node {i}\n{w}") for i in range(n)]
    out = f"layer {layer} output"
    nodes.append(Node(out, f"output\n{n} × {w} = {n * factor:g}·W" if n > 1 else f"output\n{w}", "output"))
    arrows = [Edge(ids[j], ids[2 + i], op, mark) for j, i, op, mark in edges]
    arrows += [Edge(ids[2 + i], out, mark="faint") for i in range(n)]
    return Group(f"cell of layer {layer}{note}", tuple(nodes), tuple(arrows))


def _cell_edges(cell: Cell) -> list[tuple[int, int, str, str]]:
    return [(j, i, op, "plain") for i, node in enumerate(cell) for op, j in node]


def _path_group(genotype: Genotype, marks: dict[tuple[int, int, int], str], note: str = "") -> Group:
    """marks: (layer, source width, target width) -> mark; all other legal moves are faint."""
    factors = genotype.width_factors
    space = SearchSpace(layers=genotype.layers, width_factors=(1.0,) * len(factors))  # for its moves alone
    used = {(l - 1, k) for l, k, _ in marks} | {(l, i) for l, _, i in marks}
    name = lambda l, i: f"{'start' if l < 0 else f'layer {l}'} width {i}"  # noqa: E731
    nodes = []
    for l, widths in enumerate(((0,), *space.cells), start=-1):
        for i in widths:
            where = "start" if l < 0 else f"layer {l}"
            kind = "node" if (l, i) in used else "unused"
            nodes.append(Node(name(l, i), f"{where}\n{factors[i]:g}·W", kind, row=len(factors) - 1 - i))
    edges = tuple(Edge(name(m.layer - 1, m.source), name(m.layer, m.target), mark=marks.get(tuple(m), "faint")) for m in space.moves)
    return Group(f"width path {'-'.join(map(str, genotype.path))}{note}", tuple(nodes), edges)


def _path_moves(genotype: Genotype) -> list[tuple[int, int, int]]:
    return list(zip(range(genotype.layers), (0, *genotype.path[:-1]), genotype.path))


def _score_note(genotype: Genotype) -> str:
    return "" if genotype.path_score is None else f" (Viterbi value {genotype.path_score:.3g})"


def _cell_words(genotype: Genotype, layer: int) -> str:
    names = _sources(genotype.nodes)
    nodes = (f"node {i} = " + " + ".join(f"{style.op_label(op)} of {names[j]}" for op, j in node)
             for i, node in enumerate(genotype.cells[layer]))
    return f"Layer {layer}, {_channels(genotype, layer)} channels per node: {', '.join(nodes)}."


def _path_words(genotype: Genotype) -> str:
    return "Width path: start, " + ", ".join(_channels(genotype, l) for l in range(genotype.layers)) + "."


def _name(genotype: Genotype) -> str:
    return "denoising" if genotype.task == "denoise" else f"super-resolution x{genotype.scale}"


def draw_genotype(genotype: Genotype, *, title: str | None = None) -> Drawing:
    """The width path and all cells in one picture."""
    groups = [_path_group(genotype, dict.fromkeys(_path_moves(genotype), "path"), _score_note(genotype))]
    groups += [_cell_group(genotype, l, _cell_edges(cell)) for l, cell in enumerate(genotype.cells)]
    words = [_path_words(genotype), *(_cell_words(genotype, l) for l in range(genotype.layers))]
    return Drawing(title or f"genotype for {_name(genotype)}, {genotype.hash}", " ".join(words), tuple(groups))


def draw_cell(genotype: Genotype, layer: int) -> Drawing:
    """The cell of one layer, counted from 0."""
    if not 0 <= layer < genotype.layers:
        raise ValueError(f"layer = {layer}: must be 0 to {genotype.layers - 1}")
    group = _cell_group(genotype, layer, _cell_edges(genotype.cells[layer]))
    return Drawing(f"{group.title}, {_name(genotype)}", _cell_words(genotype, layer), (group,))


def draw_path(genotype: Genotype) -> Drawing:
    """The width path among all legal moves."""
    group = _path_group(genotype, dict.fromkeys(_path_moves(genotype), "path"), _score_note(genotype))
    return Drawing(f"{group.title}, {_name(genotype)}", _path_words(genotype), (group,))


def draw_difference(a: Genotype, b: Genotype, *, title: str | None = None) -> Drawing:
    """From ``a`` to ``b``: what ``b`` adds is bold with a plus, what it drops dashed with a minus, the rest as it is.

    Widths and channels are b's. ValueError when the two have different shapes.
    """
    changes = diff(a, b)
    if a.width_factors != b.width_factors:
        raise ValueError(f"cannot compare: width_factors is {a.width_factors} and {b.width_factors}")
    olds, news = _path_moves(a), _path_moves(b)
    marks = {m: "old" for m in olds if m not in news} | {m: "path" if m in olds else "new" for m in news}
    moved = sum(x != y for x, y in zip(a.path, b.path))
    groups = [_path_group(b, marks, f", was {'-'.join(map(str, a.path))}" if moved else ", unchanged")]
    for l in range(b.layers):
        old, new = _cell_edges(a.cells[l]), _cell_edges(b.cells[l])
        edges = [(*e[:3], "plain" if e in old else "new") for e in new]
        edges += [(*e[:3], "old") for e in old if e not in new]
        count = sum(e[3] == "new" for e in edges)
        groups.append(_cell_group(b, l, sorted(edges), f", {count or 'no'} edge{'s' * (count != 1)} changed"))
    title = title or f"from {a.hash} to {b.hash}: {len(changes)} change{'s' * (len(changes) != 1)} (+ new, bold; − old, dashed)"
    return Drawing(title, "; ".join(changes) + "." if changes else "No difference.", tuple(groups))


# ---------------------------------------------------------------- DOT

_BOX = {
    "input": {"fillcolor": style.PALE},
    "output": {"fillcolor": style.PALE},
    "node": {"fillcolor": style.PAPER, "penwidth": "1.6"},
    "unused": {"fillcolor": style.PAPER, "color": "#C4C4C4", "fontcolor": "#767676"},
}
_LINE = {
    "plain": {"penwidth": "1.8"},
    "path": {"penwidth": "3", "color": style.FRAME},
    "new": {"penwidth": "4.5", "color": style.FRAME},
    "old": {"penwidth": "1.8", "color": style.FAINT, "style": "dashed"},
    "faint": {"penwidth": "0.9", "color": "#B0B0B0", "arrowsize": "0.5"},
}
_SIGN = {"new": "+ ", "old": "− "}


def _chip(edge: Edge) -> str:
    """An HTML-like label: the letter code on the operation's colour, then its name, in a frame of that colour."""
    colour, text = style.OP_COLOURS[edge.op], _SIGN.get(edge.mark, "") + style.op_label(edge.op)
    if edge.mark == "new":
        text = f"<b>{text}</b>"
    frame = {"new": 'border="3"', "old": 'border="1" style="dashed"'}.get(edge.mark, 'border="1"')
    code = f'<td bgcolor="{colour}"><font color="{style.ink_on(colour)}">{OPS[edge.op].code}</font></td>'
    return f'<<table {frame} cellborder="0" cellspacing="0" cellpadding="3" color="{colour}" bgcolor="{style.PAPER}"><tr>{code}<td>{text}</td></tr></table>>'


def _dot(drawing: Drawing) -> str:
    import graphviz

    graph = graphviz.Digraph("drawing")
    graph.attr("graph", rankdir="LR", bgcolor=style.PAPER, fontname=FONT, fontsize="14", fontcolor=style.INK, nodesep="0.22",
               ranksep="0.32", label=graphviz.escape(drawing.title), labelloc="t", pad="0.15")
    graph.attr("node", shape="box", style="rounded,filled", fontname=FONT, fontsize="12", fontcolor=style.INK, color=style.INK,
               margin="0.1,0.05", height="0.4")
    graph.attr("edge", color=style.INK, arrowsize="0.7")
    # Left to right, dot stacks unconnected clusters from below: the last one first.
    for g, group in reversed(list(enumerate(drawing.groups))):
        rows = {node.id: node.row for node in group.nodes}
        with graph.subgraph(name=f"cluster_{g}") as sub:
            sub.attr(label=graphviz.escape(group.title), labeljust="l", color="#C4C4C4", style="rounded", fontsize="13", margin="10")
            for node in group.nodes:
                sub.node(node.id, node.label, **_BOX[node.kind])
            for edge in group.edges:
                line = dict(_LINE[edge.mark])
                if edge.op:
                    # The operation is a node of its own on the arrow, so that no other arrow crosses its name.
                    line["color"] = style.OP_COLOURS[edge.op]
                    sub.node(edge.chip, _chip(edge), shape="plain", style="", margin="0", height="0")
                    sub.edge(edge.tail, edge.chip, headport="w", arrowhead="none", **line)
                    sub.edge(edge.chip, edge.head, tailport="e", **line)
                elif rows[edge.tail] is None:
                    sub.edge(edge.tail, edge.head, **line)
                else:  # a trellis: columns two ranks apart, a heavy edge keeps its width in one row
                    sub.edge(edge.tail, edge.head, minlen="2", weight="50" if rows[edge.tail] == rows[edge.head] else "1", **line)
    return graph.source


# ---------------------------------------------------------------- backends


def render(drawing: Drawing, fmt: str) -> bytes:
    """The drawing as svg, pdf or png, by the first backend that works here."""
    for backend in (_by_program, _by_pygraphviz):
        try:
            data = backend(drawing.dot, fmt)
        except (ImportError, OSError, ValueError, subprocess.SubprocessError):  # absent, or built without this format
            continue
        # Equal drawings, equal bytes: a PDF carries no date.
        return re.sub(rb"\(D:\d{14}", b"(D:19700101000000", data) if fmt == "pdf" else data
    return _by_matplotlib(drawing, fmt)


@contextmanager
def _fonts():
    """Fontconfig sees matplotlib's fonts alone: layouts do not depend on the machine, and a machine without fonts can draw."""
    import matplotlib

    before = os.environ.get("FONTCONFIG_FILE")
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder, "fonts.conf")
        fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
        conf.write_text(f"<fontconfig><dir>{escape(str(fonts))}</dir><cachedir>{escape(folder)}</cachedir></fontconfig>", encoding="utf-8")
        os.environ["FONTCONFIG_FILE"] = str(conf)
        try:
            yield
        finally:
            if before is None:
                del os.environ["FONTCONFIG_FILE"]
            else:
                os.environ["FONTCONFIG_FILE"] = before


def _by_program(dot: str, fmt: str) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise FileNotFoundError("dot")
    with _fonts():
        return subprocess.run([program, f"-T{fmt}", *_dpi(fmt)], input=dot.encode("utf-8"), capture_output=True, check=True, timeout=60).stdout


_LOCK = threading.Lock()  # Graphviz in process is not made for threads


def _by_pygraphviz(dot: str, fmt: str) -> bytes:
    with _LOCK:
        return _agraph()(string=dot).draw(format=fmt, prog="dot", args=" ".join(_dpi(fmt)))


def _dpi(fmt: str) -> list[str]:
    return ["-Gdpi=144"] if fmt == "png" else []


@cache
def _agraph() -> Callable:
    """pygraphviz's graph class after a first drawing, in which Graphviz reads its fonts once and complains about the system's settings."""
    from pygraphviz import AGraph

    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        with _fonts():
            AGraph(string=f'digraph {{ a [fontname="{FONT}"] }}').draw(format="svg", prog="dot")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
    return AGraph


def _layers(group: Group) -> tuple[dict[str, tuple[float, float]], list[list[str]]]:
    """Places (column, row) of all nodes, chips and bends of a group, and per edge its chain of places.

    Columns are longest-path depths, two apart (the column between holds the chips); rows follow the mean of the neighbours.
    """
    depth = {node.id: 0 for node in group.nodes}  # listed in topological order
    for node in group.nodes:
        for edge in group.edges:
            if edge.tail == node.id:
                depth[edge.head] = max(depth[edge.head], depth[node.id] + 2)
    columns = {c: [n.id for n in group.nodes if depth[n.id] == c] for c in range(max(depth.values()) + 1)}
    chains, near = [], {}
    for n, edge in enumerate(group.edges):
        chain = [edge.tail]
        for c in range(depth[edge.tail] + 1, depth[edge.head]):
            chain.append(edge.chip if edge.op and len(chain) == 1 else f"bend {n} {c}")
            columns[c].append(chain[-1])
        chains.append([*chain, edge.head])
        for x, y in zip(chains[-1], chains[-1][1:]):
            near.setdefault(x, []).append(y)
            near.setdefault(y, []).append(x)
    place = lambda: {k: (c, i - (len(ids) - 1) / 2) for c, ids in columns.items() for i, k in enumerate(ids)}  # noqa: E731
    for sweep in range(8):
        for c in sorted(columns, reverse=bool(sweep % 2)):
            rows = {k: row for k, (_, row) in place().items()}
            columns[c].sort(key=lambda k: sum(rows[x] for x in near.get(k, [k])) / len(near.get(k, [k])))  # noqa: B023
    places = place()
    for node in group.nodes:
        if node.row is not None:
            places[node.id] = (depth[node.id], node.row)
    if any(node.row is not None for node in group.nodes):
        chains = [[chain[0], chain[-1]] for chain in chains]
    return places, chains


def _by_matplotlib(drawing: Drawing, fmt: str) -> bytes:
    """A plain layered drawing: groups from top to bottom."""
    import io

    import matplotlib
    from matplotlib.figure import Figure

    layouts = [_layers(group) for group in drawing.groups]
    spans = [max(y for _, y in places.values()) - min(y for _, y in places.values()) + 1.6 for places, _ in layouts]
    width = max(x for places, _ in layouts for x, _ in places.values()) + 1.6
    with style.theme():
        figure = Figure(figsize=(1.15 * width, 0.55 * sum(spans) + 0.5))
        figure.suptitle(drawing.title, fontsize=11)
        axes = figure.subplots(len(spans), squeeze=False, height_ratios=spans).ravel()
        figure.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.55 / figure.get_figheight(), hspace=0.02)
        for ax, group, (places, chains) in zip(axes, drawing.groups, layouts):
            _draw_group(ax, group, places, chains)
            low = min(y for _, y in places.values())
            ax.set(xlim=(-0.8, width - 0.8), ylim=(max(y for _, y in places.values()) + 0.6, low - 1.0), xticks=[], yticks=[])
            ax.spines[:].set(visible=True, color="#C4C4C4")
        figure.draw_without_rendering()
        out = io.BytesIO()
        with matplotlib.rc_context({"svg.fonttype": "none"}):
            figure.savefig(out, format=fmt, dpi=144, metadata={"svg": {"Date": None, "Creator": None}, "png": {"Software": None},
                                                               "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}[fmt])
    return out.getvalue()


def _draw_group(ax, group: Group, places: dict, chains: list[list[str]]):
    ax.text(0.005, 0.985, group.title, transform=ax.transAxes, va="top", fontsize=10)
    for edge, chain in zip(group.edges, chains):
        line = _LINE[edge.mark]
        colour = style.OP_COLOURS[edge.op] if edge.op else line.get("color", style.INK)
        look = {"color": colour, "linewidth": float(line["penwidth"]), "linestyle": line.get("style", "solid"), "zorder": 1}
        x, y = zip(*(places[k] for k in chain))
        ax.plot(x[:-1], y[:-1], **look)
        ax.annotate("", (x[-1], y[-1]), (x[-2], y[-2]), arrowprops={"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 22, **look}, zorder=1)
        if edge.op:
            ax.text(*places[edge.chip], f"{_SIGN.get(edge.mark, '')}{OPS[edge.op].code}  {style.op_label(edge.op)}", ha="center", va="center",
                    fontsize=9, fontweight="bold" if edge.mark == "new" else "normal", color=style.ink_on(colour), zorder=3,
                    bbox={"boxstyle": "square,pad=0.25", "facecolor": colour, "edgecolor": style.INK if edge.mark == "new" else colour,
                          "linestyle": line.get("style", "solid"), "linewidth": 2 if edge.mark == "new" else 1})
    for node in group.nodes:
        box = _BOX[node.kind]
        ax.text(*places[node.id], node.label, ha="center", va="center", fontsize=9, color=box.get("fontcolor", style.INK), zorder=4,
                bbox={"boxstyle": "round,pad=0.35", "facecolor": box["fillcolor"], "edgecolor": box.get("color", style.INK)})
