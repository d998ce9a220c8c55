"""What a drawing is made of: boxes, arrows, groups of them, as values."""

from dataclasses import dataclass

from hinas_lab.drawing import style
from hinas_lab.space.ops import OPS

LINES = {
    "plain": {"penwidth": "1.8"},
    "path": {"penwidth": "3", "color": style.FRAME},
    "new": {"penwidth": "4.5", "color": style.FRAME},
    "old": {"penwidth": "1.8", "color": style.FAINT, "style": "dashed"},
    "faint": {"penwidth": "0.9", "color": "#B0B0B0", "arrowsize": "0.5"},
}
"per mark of an arrow its DOT attributes"


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
    """An arrow; with ``op`` it carries the operation's colour, letter code and name, with ``ops``
    the codes of them all."""

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
        words = [f"{self.tail} to {self.head}"]
        if self.mark != "plain":
            words.append(self.mark)
        if self.label:
            words.append(self.label)
        # DOT reads a:b as box a, port b
        return ", ".join(words).replace(":", "")

    @property
    def text(self) -> str:
        """``conv 3x3``, with the sign of a change."""
        sign = {"new": "+ ", "old": "− "}.get(self.mark, "")
        name = style.op_label(self.op) if self.op else ""
        return sign + self.label + name

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """What is written on the arrow, piece by piece: (text, background)."""
        if self.ops:
            return tuple((OPS[op].code, style.op_colour(op)) for op in self.ops)
        words = (self.text, style.PAPER)
        if self.op:
            return (OPS[self.op].code, self.colour), words
        return (words,) if self.label else ()

    @property
    def colour(self) -> str:
        return style.op_colour(self.op) if self.op else LINES[self.mark].get("color", style.INK)


@dataclass(frozen=True)
class Group:
    """A framed part of a drawing: one cell, or the width path. Nodes in topological order."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def columns(self) -> dict[str, int]:
        """Per box the number of arrows on the longest way to it."""
        depth = {node.id: 0 for node in self.nodes}
        # In topological order a box's depth is final before its own arrows are followed.
        for node in self.nodes:
            for edge in self.edges:
                if edge.tail == node.id:
                    depth[edge.head] = max(depth[edge.head], depth[node.id] + 1)
        return depth
