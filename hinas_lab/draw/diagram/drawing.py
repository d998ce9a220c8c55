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

from hinas_lab.draw import style
from hinas_lab.space.ops import OPS
from hinas_lab.storage import write_atomic

FORMATS = ("svg", "pdf", "png")
FONT = "DejaVu Sans"  # matplotlib carries it, so drawings look alike on machines without fonts
FONTS = "Verdana, sans-serif"  # for a reader of an SVG who does not have it: as wide
LINE, DIM = "#C4C4C4", "#767676"
BOXES = {
    "input": {"fillcolor": style.PALE},
    "output": {"fillcolor": style.PALE},
    "node": {"fillcolor": style.PAPER, "penwidth": "1.6"},
    "sum": {
        "fillcolor": style.PAPER,
        "penwidth": "1.6",
        "shape": "circle",
        "margin": "0.01",
        "width": "0.3",
        "height": "0.3",
    },
    "unused": {"fillcolor": style.PAPER, "color": LINE, "fontcolor": DIM},
}
LINES = {
    "plain": {"penwidth": "1.8"},
    "path": {"penwidth": "3", "color": style.FRAME},
    "new": {"penwidth": "4.5", "color": style.FRAME},
    "old": {"penwidth": "1.8", "color": style.FAINT, "style": "dashed"},
    "faint": {"penwidth": "0.9", "color": "#B0B0B0", "arrowsize": "0.5"},
}


@dataclass(frozen=True)
class Node:
    """A box. kind: input, node, output, sum (a circle), or unused (a width beside the path)."""

    id: str
    label: str
    kind: str = "node"
    row: int | None = None
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
        return ", ".join([f"{self.tail} to {self.head}", *marks]).replace(
            ":", ""
        )  # DOT reads a:b as box a, port b

    @property
    def text(self) -> str:
        """``conv 3x3``, with the sign of a change."""
        return (
            {"new": "+ ", "old": "− "}.get(self.mark, "")
            + self.label
            + (style.op_label(self.op) if self.op else "")
        )

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

    def columns(self) -> dict[str, int]:
        """Per box the number of arrows on the longest way to it."""
        depth = {node.id: 0 for node in self.nodes}
        for node in self.nodes:
            for edge in self.edges:
                if edge.tail == node.id:
                    depth[edge.head] = max(depth[edge.head], depth[node.id] + 1)
        return depth


@dataclass(frozen=True)
class Drawing:
    """A drawing as a value: groups from top to bottom, a title, and a text for those who cannot see it."""

    title: str
    alt: str
    groups: tuple[Group, ...]

    @cached_property
    def dot(self) -> str:
        """The DOT text (needs the graphviz package, not the program)."""
        from hinas_lab.draw.diagram.dot import dot

        return dot(self)

    def svg(self) -> str:
        """SVG text with role, title and description; equal drawings give equal bytes on one machine."""
        text = render(self, "svg").decode("utf-8")
        text = text[text.index("<svg") + 4 :]
        head, body = text.split(">", 1)
        body = body.replace(f'"{FONT}"', f'"{FONT}, {FONTS}"').replace(
            f"'{FONT}'", f"'{FONT}', {FONTS}"
        )
        title = escape(self.title)
        fit = "max-width: 100%; height: auto"  # of the page it stands in
        return (
            f'<svg role="img" aria-label="{title}" style="{fit}"{head}>\n<title>{title}</title>\n<desc>{escape(self.alt)}</desc>'
            f"{body.rstrip()}\n"
        )

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


# ---------------------------------------------------------------- Graphviz, as a program or in process


def render(drawing: Drawing, fmt: str) -> bytes:
    """The drawing as svg, pdf or png, by the first backend that works here."""
    for backend in (_by_program, _by_pygraphviz):
        try:
            data = backend(drawing.dot, fmt, ["-Gdpi=144"] if fmt == "png" else [])
        except (
            ImportError,
            OSError,
            ValueError,
            subprocess.SubprocessError,
        ):  # absent, or built without this format
            continue
        # Equal drawings, equal bytes: a PDF carries no date.
        return re.sub(rb"\(D:\d{14}", b"(D:19700101000000", data) if fmt == "pdf" else data
    from hinas_lab.draw.diagram.layered import draw

    return draw(drawing, fmt)


def _by_program(dot: str, fmt: str, args: list[str]) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise FileNotFoundError("dot")
    command = [program, f"-T{fmt}", *args]
    with _fonts():
        return subprocess.run(
            command, input=dot.encode(), capture_output=True, check=True, timeout=60
        ).stdout


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
