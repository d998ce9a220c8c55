"""The decoded architecture: a small value that can be read, written, sampled, edited and compared.
No torch.

A genotype holds no base width W: the same genotype is searched at W = 10 and trained at W = 20.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from hinas_lab.config import SearchSpace, check_path, is_a
from hinas_lab.space.ops import CHOICES, OPS, choices_of

SCHEMA = 1
Edge = tuple[str, int]
"(operation, source); sources 0 = h_{l-1}, 1 = h_{l-2}, 2.. = earlier nodes of the cell"
Cell = tuple[tuple[Edge, ...], ...]
"per node its edges"


@dataclass(frozen=True, kw_only=True)
class Genotype:
    """Per layer N nodes of two (operation, source) edges, and a width path (Figures 10 and 11).

    Lists become tuples, the edges of a node are sorted by source. ValueError names what is wrong.
    """

    task: str
    scale: int
    channels: int
    nodes: int
    width_factors: tuple[float, ...]
    path: tuple[int, ...]
    cells: tuple[Cell, ...]
    path_score: float | None = None
    """Viterbi value of the path: a probability (outgoing beta) or a score (incoming); None when not
    decoded"""

    def __post_init__(self):
        self._set_numbers("width_factors", float)
        self._set_numbers("path", int)
        if not self.width_factors or min(self.width_factors) <= 0 or max(self.width_factors) > 1e6:
            raise ValueError(
                f"genotype: width_factors = {self.width_factors!r}: must be positive numbers"
            )
        score = self.path_score
        if score is not None and not (is_a(float, score) and score >= 0):
            raise ValueError(
                f"genotype: path_score = {score!r}: must be a number, at least 0, or null"
            )
        # SearchSpace knows which tasks, scales, channels, nodes and layers exist, and is asked
        # before a million cells are read. The width is free here: what makes all factors whole is
        # for whoever builds the net.
        cells = self.cells if isinstance(self.cells, tuple | list) else [self.cells]
        try:
            SearchSpace(
                task=self.task,
                scale=self.scale,
                channels=self.channels,
                nodes=self.nodes,
                layers=len(cells),
            )
        except ValueError as error:
            raise ValueError(f"genotype: {error}") from None
        object.__setattr__(self, "cells", _freeze(self.cells))
        check_path(self.path, len(self.cells), len(self.width_factors), "genotype: path")
        for l, cell in enumerate(self.cells):
            if len(cell) != self.nodes:
                raise ValueError(
                    f"genotype: cells: layer {l} has {len(cell)} nodes, must have {self.nodes}"
                )
            for i, node in enumerate(cell):
                _check_node(node, i, f"genotype: cells: layer {l}, node {i}")

    def _set_numbers(self, name: str, kind: type):
        values = getattr(self, name)
        if not isinstance(values, tuple | list) or not all(is_a(kind, v) for v in values):
            numbers = "whole numbers" if kind is int else "numbers"
            raise ValueError(f"genotype: {name} = {values!r}: must be a list of {numbers}")
        object.__setattr__(self, name, tuple(map(kind, values)))

    @property
    def layers(self) -> int:
        return len(self.cells)

    @property
    def operations(self) -> list[str]:
        """The operations of all edges, layer by layer, node by node."""
        nodes = [node for cell in self.cells for node in cell]
        return [op for node in nodes for op, _ in node]

    def to_json(self) -> str:
        """Canonical text: sorted keys, no timestamps, one trailing newline. Equal genotypes give
        equal bytes."""
        values = {f.name: getattr(self, f.name) for f in fields(self)} | {"schema": SCHEMA}
        return json.dumps(values, sort_keys=True, separators=(", ", ": ")) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Parse and validate. Raises ValueError in one line for anything that is not a genotype of
        a known schema."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"genotype: not JSON ({type(error).__name__})") from None
        if not isinstance(values, dict) or "schema" not in values:
            raise ValueError("genotype: no schema field; this JSON is not a genotype")
        schema = values.pop("schema")
        if not is_a(int, schema) or schema != SCHEMA:
            raise ValueError(
                f"genotype: schema is not {SCHEMA}; it was written by another version, "
                "update hinas_lab"
            )
        names = {f.name for f in fields(cls)}
        if set(values) != names:
            odd = ", ".join(repr(name) for name in sorted(set(values) ^ names))
            raise ValueError(f"genotype: missing or unknown fields: {odd}")
        return cls(**values)

    @property
    def hash(self) -> str:
        """Twelve hex digits of the architecture alone (the path score is left out)."""
        text = replace(self, path_score=None).to_json()
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def __str__(self) -> str:
        widths = "-".join(map(str, self.path))
        cells = "; ".join(map(_cell_text, self.cells))
        return f"{self.task} path {widths}: {cells}"


def _cell_text(cell: Cell) -> str:
    nodes = []
    for node in cell:
        nodes.append("+".join(f"{op}({source})" for op, source in node))
    return " ".join(nodes)


def _freeze(cells) -> tuple[Cell, ...]:
    """Nested lists as tuples, each node's edges by source: the order in which they are written says
    nothing."""
    if not _nested(cells, 3):
        raise ValueError(
            "genotype: cells: must be per layer, per node a list of [operation, source]"
        )
    frozen = []
    for cell in cells:
        nodes = []
        for node in cell:
            edges = [_edge(edge) for edge in node]
            nodes.append(tuple(sorted(edges, key=lambda edge: edge[1])))
        frozen.append(tuple(nodes))
    return tuple(frozen)


def _edge(edge) -> Edge:
    if not (isinstance(edge, tuple | list) and len(edge) == 2 and isinstance(edge[0], str)):
        raise ValueError(
            "genotype: cells: must be per layer, per node a list of [operation, source]"
        )
    if not is_a(int, edge[1]):
        raise ValueError(
            f"genotype: cells: source {edge[1]!r} is no whole number; "
            "an edge is [operation, source]"
        )
    return edge[0], edge[1]


def _nested(values, depth: int) -> bool:
    """Lists (or tuples) of lists, ``depth`` deep."""
    if not isinstance(values, tuple | list):
        return False
    return depth == 1 or all(_nested(v, depth - 1) for v in values)


def _check_node(node: tuple[Edge, ...], i: int, where: str):
    if len(node) != 2:
        raise ValueError(f"{where} has {len(node)} edges, must have 2")
    for op, source in node:
        if op not in OPS or OPS[op].kind == "none":
            known = ", ".join(choices_of(tuple(OPS)))
            raise ValueError(f"{where}: unknown operation {op!r}; known are {known}")
        if not 0 <= source < i + 2:
            raise ValueError(
                f"{where}: source {source!r} is a forward edge or does not exist; "
                f"must be 0 to {i + 1}"
            )
    if node[0][1] == node[1][1]:
        both = source_names(i)[node[0][1]]
        raise ValueError(f"{where}: both edges come from {both}; they must differ")


def sample(
    space: SearchSpace, rng: random.Random, choices: tuple[str, ...] | None = None
) -> Genotype:
    """A uniformly random genotype of ``space``: path uniform over legal paths, per node two
    distinct sources, uniform operations.

    ``choices``: the operations to draw from; None: all of the space that a decoded edge may hold.
    """
    choices = space.choices if choices is None else choices
    path = rng.choice(legal_paths(space))
    cells = [_random_cell(space.nodes, rng, choices) for _ in range(space.layers)]
    if not space.lwas:  # one alpha for all layers decodes to one cell
        cells = [cells[0]] * space.layers
    return make(space, tuple(cells), path)


def _random_cell(nodes: int, rng: random.Random, choices: tuple[str, ...]) -> Cell:
    cell = []
    for i in range(nodes):
        sources = sorted(rng.sample(range(i + 2), 2))
        cell.append(tuple((rng.choice(choices), source) for source in sources))
    return tuple(cell)


def make(space: SearchSpace, cells, path, path_score: float | None = None) -> Genotype:
    """A genotype of ``space`` with these cells and this path."""
    return Genotype(
        task=space.task,
        scale=space.scale,
        channels=space.channels,
        nodes=space.nodes,
        width_factors=space.width_factors,
        path=path,
        cells=cells,
        path_score=path_score,
    )


SHAPE = ("task", "scale", "channels", "nodes", "layers", "width_factors")
"what two genotypes of one space have in common"


def check_fits(genotype: Genotype, space: SearchSpace):
    """Raise ValueError unless the genotype can be wired into a supernet of ``space``."""
    for name in SHAPE:
        if getattr(genotype, name) != getattr(space, name):
            raise ValueError(
                f"genotype: {name} = {getattr(genotype, name)!r}, "
                f"the search space has {getattr(space, name)!r}"
            )
    if any(width not in cells for width, cells in zip(genotype.path, space.cells)):
        raise ValueError(
            f"genotype: path {genotype.path} has a width that does not exist in the search space"
        )


def legal_paths(space: SearchSpace) -> list[tuple[int, ...]]:
    """All width paths, in lexical order (12 for the paper's denoising supernet)."""
    paths = [(0,)]
    for l in range(space.layers):
        ahead: dict[int, list[int]] = {}
        for move in space.moves:
            if move.layer == l:
                ahead.setdefault(move.source, []).append(move.target)
        # the start counts as width 0 whatever the fixed path's first width
        longer = []
        for path in paths:
            longer += [(*path, target) for target in sorted(ahead.get(path[-1], []))]
        paths = longer
    return [path[1:] for path in paths]


def neighbours(
    genotype: Genotype, choices: tuple[str, ...] = CHOICES
) -> Iterator[tuple[str, Genotype]]:
    """All genotypes one edit away, with what was edited: an operation swapped (for one of
    ``choices``), a source rewired, a width moved."""
    for l, cell in enumerate(genotype.cells):
        for i, node in enumerate(cell):
            for e, (op, source) in enumerate(node):
                # the two edges of a node come from different sources
                other = node[1 - e][1]
                edits = [("operation", (new, source)) for new in choices if new != op]
                free = [new for new in range(i + 2) if new not in (source, other)]
                edits += [("source", (op, new)) for new in free]
                for kind, edge in edits:
                    what = f"{kind}: layer {l}, node {i}, edge {e}"
                    yield what, _with_edge(genotype, l, i, e, edge)
    for l, width in enumerate(genotype.path):
        for new in (width - 1, width + 1):
            path = (*genotype.path[:l], new, *genotype.path[l + 1 :])
            try:
                yield f"width: layer {l}", replace(genotype, path=path, path_score=None)
            except ValueError:  # no legal path
                continue


def _with_edge(genotype: Genotype, l: int, i: int, e: int, edge: Edge) -> Genotype:
    cells = [[list(node) for node in cell] for cell in genotype.cells]
    cells[l][i][e] = edge
    return replace(genotype, cells=cells, path_score=None)


def source_names(nodes: int) -> tuple[str, ...]:
    """Of the sources in a cell of so many nodes, in their order."""
    return ("h(l-1)", "h(l-2)", *(f"node {i}" for i in range(nodes)))


def diff(a: Genotype, b: Genotype) -> list[str]:
    """What differs, in words, one line per edge or width. Raises ValueError when the two have
    different shapes."""
    names = source_names(a.nodes)
    for name in SHAPE:
        if getattr(a, name) != getattr(b, name):
            raise ValueError(
                f"cannot compare: {name} is {getattr(a, name)!r} and {getattr(b, name)!r}"
            )
    lines = []
    for l, (before, after) in enumerate(zip(a.path, b.path)):
        if before != after:
            lines.append(f"width of layer {l}: {before} -> {after}")
    for l in range(a.layers):
        for i in range(a.nodes):
            before, after = a.cells[l][i], b.cells[l][i]
            gone = [edge for edge in before if edge not in after]
            new = [edge for edge in after if edge not in before]
            for (op, source), (new_op, new_source) in zip(gone, new):
                was, now = f"{op} from {names[source]}", f"{new_op} from {names[new_source]}"
                lines.append(f"layer {l}, node {i}: {was} -> {now}")
    return lines
