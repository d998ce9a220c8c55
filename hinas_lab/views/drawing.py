"""A drawing as a value that shows itself in Jupyter and writes itself; one DOT text serves every backend.

Rendering takes the ``dot`` program where there is one, else Graphviz inside pygraphviz, else ``layered``'s small layout in matplotlib.
"""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from html import escape
from pathlib import Path

from hinas_lab.space.ops import OPS
from hinas_lab.storage import write_atomic
from hinas_lab.views import style

FORMATS = ("svg", "pdf", "png")
FONT = "DejaVu Sans"  # matplotlib carries it, so drawings look alike on machines without fonts
FONTS = "Verdana, sans-serif"  # for a reader of an SVG who does not have it: as wide
LINE, DIM = "#C4C4C4", "#767676"


@dataclass(frozen=True)
class Node:
    """A box. kind: input, node, output, sum (a circle), or unused (a width beside the path)."""

    id: str
    label: str
    kind: str = "node"
    row: float | None = None
    "place from above in a trellis"


@dataclass(frozen=True)
class Edge:
    """An arrow; with ``op`` it carries the operation's colour, letter code and name, with ``ops`` the codes of them all."""

    tail: str
    head: str
    op: str | None = None
    mark: str = "plain"
    "plain, path, new (bold, +), old (dashed, −) or faint"
    label: str = ""
    "words on the arrow; before the operation's name where it has one"
    ops: tuple[str, ...] = ()
    "operations that compete on this arrow"

    @property
    def chip(self) -> str | None:
        """Id of the node that carries what is written on the arrow; None when nothing is."""
        if not self.parts:
            return None
        marks = [m for m in (self.mark if self.mark != "plain" else "", self.label) if m]
        return ", ".join([f"{self.tail} to {self.head}", *marks]).replace(":", "")  # DOT reads a:b as box a, port b

    @property
    def text(self) -> str:
        """``conv 3x3``, with the sign of a change."""
        return {"new": "+ ", "old": "− "}.get(self.mark, "") + self.label + (style.op_label(self.op) if self.op else "")

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """What is written on the arrow, piece by piece: (text, background)."""
        if self.ops:
            return tuple((OPS[op].code, style.OP_COLOURS[op]) for op in self.ops)
        code = ((OPS[self.op].code, self.colour),) if self.op else ()
        return (*code, (self.text, style.PAPER)) if self.op or self.label else ()

    @property
    def colour(self) -> str:
        return style.OP_COLOURS[self.op] if self.op else LINES[self.mark].get("color", style.INK)


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
        write_atomic(path, data)
        return path


# ---------------------------------------------------------------- DOT

BOXES = {
    "input": {"fillcolor": style.PALE},
    "output": {"fillcolor": style.PALE},
    "node": {"fillcolor": style.PAPER, "penwidth": "1.6"},
    "sum": {"fillcolor": style.PAPER, "penwidth": "1.6", "shape": "circle", "margin": "0.01", "width": "0.3", "height": "0.3"},
    "unused": {"fillcolor": style.PAPER, "color": LINE, "fontcolor": DIM},
}
LINES = {
    "plain": {"penwidth": "1.8"},
    "path": {"penwidth": "3", "color": style.FRAME},
    "new": {"penwidth": "4.5", "color": style.FRAME},
    "old": {"penwidth": "1.8", "color": style.FAINT, "style": "dashed"},
    "faint": {"penwidth": "0.9", "color": "#B0B0B0", "arrowsize": "0.5"},
}


def _chip(edge: Edge) -> str:
    """An HTML-like label: letter codes on their operations' colours, then the words, in a frame of the arrow's colour."""
    frame = {"new": 'border="3"', "old": 'border="1" style="dashed"'}.get(edge.mark, 'border="1"')
    cells = "".join(f'<td bgcolor="{ground}"><font color="{style.ink_on(ground)}">{escape(text)}</font></td>' if ground != style.PAPER
                    else f"<td>{f'<b>{escape(text)}</b>' if edge.mark == 'new' else escape(text)}</td>" for text, ground in edge.parts)
    return (f'<<table {frame} cellborder="0" cellspacing="0" cellpadding="{1 if edge.ops else 3}" color="{edge.colour}" '
            f'bgcolor="{style.PAPER}"><tr>{cells}</tr></table>>')


def _ports(label: str, terms: int, frame: str = "0") -> str:
    """An HTML-like label with a port for each term of a sum, so that dot keeps their order."""
    ports = [f'<td port="{i}" width="3" height="7"></td>' for i in range(terms)]
    rows = "".join(f"<tr>{port}</tr>" for port in ports[1:])
    return (f'<<table border="{frame}" style="rounded" cellborder="0" cellspacing="0" cellpadding="0" color="{style.INK}">'
            f'<tr>{ports[0]}<td rowspan="{terms}" width="{18 if label else 1}">{escape(label)}</td></tr>{rows}</table>>')


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
        terms = {n.id: [e.chip for e in group.edges if e.head == n.id and e.chip] for n in group.nodes if n.kind == "sum"}
        with graph.subgraph(name=f"cluster_{g}") as sub:
            sub.attr(label=graphviz.escape(group.title), labeljust="l", fontsize="13", color=LINE, style="rounded",
                     margin="10")
            for node in group.nodes:
                if len(terms.get(node.id, ())) > 1:
                    sub.node(node.id, _ports(node.label, len(terms[node.id]), "2"), shape="plain", style="")
                else:
                    sub.node(node.id, node.label, **BOXES[node.kind])
            sources = [n.id for n in group.nodes if n.kind == "input"] if max(map(len, terms.values()), default=0) > 1 else []
            if len(sources) > 1:  # what goes into a sum stands in the order of its terms
                sub.node(f"before {g}", _ports("", len(sources)), shape="plain", style="")
                for i, source in enumerate(sources):
                    sub.edge(f"before {g}", source, tailport=f"{i}:e", style="invis")
            for edge in group.edges:
                line = LINES[edge.mark] | {"color": edge.colour}
                if edge.chip:  # a node of its own on the arrow, so that no other arrow crosses what is written
                    sub.node(edge.chip, _chip(edge), shape="plain", style="", margin="0", height="0")
                    sub.edge(edge.tail, edge.chip, headport="w", arrowhead="none", **line)
                    if len(terms.get(edge.head, ())) > 1:
                        line |= {"headport": f"{terms[edge.head].index(edge.chip)}:w"}
                    sub.edge(edge.chip, edge.head, tailport="e", **line)
                elif rows[edge.tail] is None:
                    sub.edge(edge.tail, edge.head, **line | ({"weight": "20"} if edge.mark == "plain" else {}))
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
    from hinas_lab.views.layered import draw

    return draw(drawing, fmt)


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
