"""Surgery: change an operation, a source or a width of a genotype by hand, and see what changes.
``Surgery`` knows no widgets."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from itertools import product
from pathlib import Path
from typing import NamedTuple

from hinas_lab.config import is_a
from hinas_lab.drawing import style
from hinas_lab.drawing.diagram.drawing import Drawing
from hinas_lab.drawing.genotype_graph import draw_difference, draw_genotype, source_names
from hinas_lab.space import cost
from hinas_lab.space.genotype import Genotype, diff
from hinas_lab.space.ops import CHOICES
from hinas_lab.storage import write_atomic

Score = Callable[[Genotype], dict[str, float]]
WORDS = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "score": "shared-weight score",
    "raw": "the same, batch norm not recomputed",
}
"of scores, in a table"


@dataclass(frozen=True)
class Place:
    """What can be edited: an edge (0 or 1, by source) of a node, or, without node and edge, the
    width of a layer."""

    layer: int
    node: int | None = None
    edge: int | None = None


class EdgeRow(NamedTuple):
    """One number of the original and of the edited genotype."""

    what: str
    before: float
    after: float


class Surgery:
    """A genotype and its edited twin, always valid: an edit that would not be is a ValueError in
    one line and changes nothing.

    ``width`` is the base width W that parameters and MACs are counted for, ``size`` (height, width)
    of the network's input in pixels; ``shape`` as for ``cost.convolutions`` (stem, end, repeats).
    ``score`` gives a genotype's numbers by name (``analysis.supernet_scorer``); it is asked once
    per genotype.
    """

    def __init__(
        self,
        genotype: Genotype,
        *,
        width: int,
        score: Score | None = None,
        size: tuple[int, int] = (64, 64),
        **shape,
    ):
        # A width that gives no whole number of channels is refused at once.
        cost.parameters(genotype, width, **shape)
        self.original = self.genotype = genotype
        self.width, self.size, self.shape, self._score = width, size, shape, score
        self._before: list[Genotype] = []
        self._scores: dict[str, dict[str, float]] = {}

    @property
    def places(self) -> list[Place]:
        """All that can be edited, layer by layer: its width, then its edges."""
        places = []
        for layer in range(self.genotype.layers):
            places.append(Place(layer))
            for node, edge in product(range(self.genotype.nodes), (0, 1)):
                places.append(Place(layer, node, edge))
        return places

    def describe(self, place: Place) -> str:
        """The place and what is there now: ``layer 0, node 1, edge 0: skip of h(l-1)``."""
        if place.node is None:
            return f"layer {place.layer}, width: {self._width(self.genotype.path[place.layer])}"
        op, source = self._node(place.layer, place.node, place.edge)[place.edge]
        where = f"layer {place.layer}, node {place.node}, edge {place.edge}"
        return f"{where}: {style.op_label(op)} of {source_names(self.genotype.nodes)[source]}"

    def options(self, place: Place) -> dict[str, tuple[str, str | int]]:
        """What can be asked for at ``place``, in words, as arguments of ``edit``. Not all is valid:
        ``edit`` says so."""
        asked = {}
        if place.node is None:
            for i in range(len(self.genotype.width_factors)):
                asked[f"width {self._width(i)}"] = ("width", i)
            return asked
        for op in dict.fromkeys((*CHOICES, *self.genotype.operations)):
            asked[f"operation {style.op_label(op)}"] = ("operation", op)
        for source, name in enumerate(source_names(place.node)):
            asked[f"source {name}"] = ("source", source)
        return asked

    def edit(self, place: Place, what: str, value: str | int) -> Genotype:
        """``set_width``, ``set_operation`` or ``set_source`` at ``place``, by the name ``what``."""
        if what == "width":
            return self.set_width(place.layer, value)
        if what == "operation":
            return self.set_operation(place.layer, place.node, place.edge, value)
        if what == "source":
            return self.set_source(place.layer, place.node, place.edge, value)
        raise ValueError(f"what = {what!r}: must be one of width, operation, source")

    def set_operation(self, layer: int, node: int, edge: int, op: str) -> Genotype:
        """The edited genotype with operation ``op`` on that edge."""
        source = self._node(layer, node, edge)[edge][1]
        return self._set_edge(layer, node, edge, (op, source))

    def set_source(self, layer: int, node: int, edge: int, source: int) -> Genotype:
        """The edited genotype with that edge coming from ``source``: 0 = h(l-1), 1 = h(l-2), 2.. =
        earlier nodes. A node's edges are kept in the order of their sources, so the edge may have
        another number afterwards."""
        op = self._node(layer, node, edge)[edge][0]
        return self._set_edge(layer, node, edge, (op, source))

    def set_width(self, layer: int, index: int) -> Genotype:
        """The edited genotype with width ``index`` (of ``width_factors``) in that layer."""
        self._check("layer", layer, self.genotype.layers)
        path = (*self.genotype.path[:layer], index, *self.genotype.path[layer + 1 :])
        return self._become(path=path)

    def undo(self) -> Genotype:
        """Take the last edit back; at the start nothing happens."""
        if self._before:
            self.genotype = self._before.pop()
        return self.genotype

    @property
    def edits(self) -> int:
        """How many edits ``undo`` can take back."""
        return len(self._before)

    @property
    def changes(self) -> list[str]:
        """From the original to the edited genotype, in words."""
        return diff(self.original, self.genotype)

    @property
    def scored(self) -> bool:
        """Is there somebody to ask for scores?"""
        return self._score is not None

    def scores(self, genotype: Genotype) -> dict[str, float]:
        """What ``score`` says of a genotype; empty without one."""
        if self._score is None:
            return {}
        if genotype.hash not in self._scores:
            self._scores[genotype.hash] = dict(self._score(genotype))
        return self._scores[genotype.hash]

    def rows(self, scored: bool = True) -> list[EdgeRow]:
        """Parameters, MACs for one input of ``size``, receptive radius (pixels) and, if ``scored``,
        the scores, before and after."""
        pair = self.original, self.genotype
        height, width = self.size
        # How far a pixel sees does not depend on the stem's channels.
        reach = {name: value for name, value in self.shape.items() if name != "stem"}
        parameters = (cost.parameters(g, self.width, **self.shape) for g in pair)
        macs = (cost.macs(g, self.width, height, width, **self.shape) for g in pair)
        radius = (cost.receptive_radius(g, **reach) for g in pair)
        rows = [
            EdgeRow("parameters", *parameters),
            EdgeRow(f"MACs ({height}x{width} input)", *macs),
            EdgeRow("receptive radius", *radius),
        ]
        if scored:
            before, after = map(self.scores, pair)
            rows += [EdgeRow(name, before[name], after[name]) for name in before]
        return rows

    def drawing(self) -> Drawing:
        """The genotype; once edited, with what changed marked."""
        if self.changes:
            return draw_difference(self.original, self.genotype)
        return draw_genotype(self.genotype)

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the edited genotype as JSON; whole or not at all.

        ValueError when another file is there and ``overwrite`` is not set; a run's own
        genotype.json is never overwritten.
        """
        path, data = Path(path), self.genotype.to_json().encode()
        if path.suffix != ".json":
            raise ValueError(f"path = {str(path)!r}: must end in .json")
        # The same again is no overwriting, not even of a run's result.
        if path.is_file() and path.read_bytes() == data:
            return path
        if path.name == "genotype.json" and (path.parent / "config.json").exists():
            raise ValueError(f"{path}: is the result of a run; choose another name")
        if path.exists() and not overwrite:
            raise ValueError(
                f"{path}: another file is there; choose another name, or ask to overwrite it"
            )
        write_atomic(path, data)
        return path

    def _repr_html_(self) -> str:
        numbers, problem = table(self)
        return f"{numbers}<p>{escape(problem)}</p>{picture(self)}"

    def _width(self, index: int) -> str:
        return f"{index} ({self.genotype.width_factors[index]:g}·W)"

    def _check(self, name: str, value: int, count: int):
        if not (is_a(int, value) and 0 <= value < count):
            raise ValueError(f"{name} = {value!r}: must be 0 to {count - 1}")

    def _node(self, layer: int, node: int, edge: int) -> tuple[tuple[str, int], ...]:
        """The edges (operation, source) of a node. ValueError where there is no such edge."""
        self._check("layer", layer, self.genotype.layers)
        self._check("node", node, self.genotype.nodes)
        self._check("edge", edge, 2)
        return self.genotype.cells[layer][node]

    def _set_edge(self, layer: int, node: int, edge: int, new: tuple[str, int]) -> Genotype:
        edges = list(self.genotype.cells[layer][node])
        edges[edge] = new
        cells = [list(cell) for cell in self.genotype.cells]
        cells[layer][node] = tuple(edges)
        return self._become(cells=cells)

    def _become(self, **fields) -> Genotype:
        # The Viterbi value was of another path, or of other cells.
        new = replace(self.genotype, path_score=None, **fields)
        # Refuses a width that gives no whole number of channels.
        cost.node_channels(new, self.width)
        # The way back is the original itself, with its Viterbi value.
        if new.hash == self.original.hash:
            new = self.original
        if new != self.genotype:
            self._before.append(self.genotype)
            self.genotype = new
        return new


def table(controller: Surgery, scored: bool = True) -> tuple[str, str]:
    """The numbers and the changes in words as HTML, and in one line why there is no score."""
    problem = ""
    try:
        rows = controller.rows(scored)
    except Exception as error:
        # Whatever the scorer met: the edit and its cost stand.
        rows = controller.rows(scored=False)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        problem = f"no score: {reason}"
    lines = [_html_row("th", "", "before", "after", "difference")]
    for what, before, after in rows:
        numbers = _number(before), _number(after), _number(after - before, "+")
        lines.append(_html_row("td", WORDS.get(what, what), *numbers))
    changes = "; ".join(controller.changes) or "No changes."
    html = (
        '<table style="border-collapse: separate; border-spacing: 1em 0">'
        f"{''.join(lines)}</table><p>A valid genotype. {escape(changes)}</p>"
    )
    return html, problem


def _number(x: float, sign: str = "") -> str:
    return f"{x:{sign},}" if is_a(int, x) else f"{x:{sign}.4f}"


def _html_row(tag: str, name: str, *numbers: str) -> str:
    look = "padding: 0 1em; text-align:"
    cells = f'<{tag} style="{look} left">{escape(name)}</{tag}>'
    for number in numbers:
        cells += f'<{tag} style="{look} right">{escape(number)}</{tag}>'
    return f"<tr>{cells}</tr>"


def picture(controller: Surgery) -> str:
    """The drawing as HTML; where nothing can render it, why not, and its DOT text."""
    drawing = controller.drawing()
    try:
        return f"<div>{drawing.html()}</div>"
    except ValueError as error:
        return f"<p>{escape(str(error))}</p><pre>{escape(drawing.dot)}</pre>"
