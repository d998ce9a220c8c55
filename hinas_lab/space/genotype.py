"""The decoded architecture: a small value that can be read, written, sampled, edited and compared. No torch.

A genotype holds no base width W: the same genotype is searched at W = 10 and trained at W = 20.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from hinas_lab.config import SearchSpace, check_path, is_a
from hinas_lab.space.ops import CHOICES

SCHEMA = 1
Edge = tuple[str, int]
"(operation, source); sources 0 = h_{l-1}, 1 = h_{l-2}, 2.. = earlier nodes of the cell"
Cell = tuple[tuple[Edge, ...], ...]
"per node its edges"


@dataclass(frozen=True, kw_only=True)
class Genotype:
    """Per layer N nodes of two (operation, source) edges, and a width path (Figures 10 and 11)."""

    task: str
    scale: int
    channels: int
    nodes: int
    width_factors: tuple[float, ...]
    path: tuple[int, ...]
    cells: tuple[Cell, ...]
    path_score: float | None = None
    "Viterbi value of the path: a probability (outgoing beta) or a score (incoming); None when not decoded"

    def __post_init__(self):
        set_ = object.__setattr__
        for name, kind in (("width_factors", float), ("path", int)):
            values = getattr(self, name)
            if not isinstance(values, tuple | list) or not all(is_a(kind, v) for v in values):
                raise ValueError(
                    f"genotype: {name} = {values!r}: must be a list of {'whole ' if kind is int else ''}numbers"
                )
            set_(self, name, tuple(map(kind, values)))
        if not self.width_factors or min(self.width_factors) <= 0 or max(self.width_factors) > 1e6:
            raise ValueError(
                f"genotype: width_factors = {self.width_factors!r}: must be positive numbers"
            )
        if self.path_score is not None and not (
            is_a(float, self.path_score) and self.path_score >= 0
        ):
            raise ValueError(
                f"genotype: path_score = {self.path_score!r}: must be a number, at least 0, or null"
            )
        set_(self, "cells", _freeze(self.cells))
        # SearchSpace knows which tasks, scales, channels and nodes exist; the width that makes all factors whole is free here.
        try:
            SearchSpace(
                task=self.task,
                scale=self.scale,
                channels=self.channels,
                nodes=self.nodes,
                layers=len(self.cells),
            )
        except ValueError as error:
            raise ValueError(f"genotype: {error}") from None
        check_path(self.path, len(self.cells), len(self.width_factors), "genotype: path")
        for l, cell in enumerate(self.cells):
            if len(cell) != self.nodes:
                raise ValueError(
                    f"genotype: cells: layer {l} has {len(cell)} nodes, must have {self.nodes}"
                )
            for i, node in enumerate(cell):
                _check_node(node, i, f"genotype: cells: layer {l}, node {i}")

    @property
    def layers(self) -> int:
        return len(self.cells)

    def to_json(self) -> str:
        """Canonical text: sorted keys, no timestamps, one trailing newline. Equal genotypes give equal bytes."""
        values = {f.name: getattr(self, f.name) for f in fields(self)} | {"schema": SCHEMA}
        return json.dumps(values, sort_keys=True, separators=(", ", ": ")) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Parse and validate. Raises ValueError in one line for anything that is not a genotype of a known schema."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"genotype: not JSON ({type(error).__name__})") from None
        if not isinstance(values, dict) or "schema" not in values:
            raise ValueError("genotype: no schema field; this JSON is not a genotype")
        schema = values.pop("schema")
        if not is_a(int, schema) or schema != SCHEMA:
            raise ValueError(
                f"genotype: schema is not {SCHEMA}; it was written by another version, update hinas_lab"
            )
        known = {f.name for f in fields(cls)}
        if set(values) != known:
            odd = ", ".join(repr(name) for name in sorted(set(values) ^ known))
            raise ValueError(f"genotype: missing or unknown fields: {odd}")
        return cls(**values)

    @property
    def hash(self) -> str:
        """Twelve hex digits of the architecture alone (the path score is left out)."""
        return hashlib.sha256(replace(self, path_score=None).to_json().encode()).hexdigest()[:12]

    def __str__(self) -> str:
        widths = "-".join(map(str, self.path))
        cells = "; ".join(
            " ".join("+".join(f"{op}({s})" for op, s in node) for node in cell)
            for cell in self.cells
        )
        return f"{self.task} path {widths}: {cells}"


def _freeze(cells) -> tuple[Cell, ...]:
    """Nested lists as tuples, each node's edges by source: the order in which they are written says nothing."""
    edges = (
        [edge for cell in cells for node in cell for edge in node] if _nested(cells, 3) else [None]
    )
    for edge in edges:
        if not (isinstance(edge, tuple | list) and len(edge) == 2 and isinstance(edge[0], str)):
            raise ValueError(
                "genotype: cells: must be per layer, per node a list of [operation, source]"
            )
        if not is_a(int, edge[1]):
            raise ValueError(
                f"genotype: cells: source {edge[1]!r} is no whole number; an edge is [operation, source]"
            )
    return tuple(
        tuple(tuple(sorted(((op, src) for op, src in node), key=lambda e: e[1])) for node in cell)
        for cell in cells
    )


def _nested(values, depth: int) -> bool:
    """Lists (or tuples) of lists, ``depth`` deep."""
    return isinstance(values, tuple | list) and (
        depth == 1 or all(_nested(v, depth - 1) for v in values)
    )


def _check_node(node: tuple[Edge, ...], i: int, where: str):
    if len(node) != 2:
        raise ValueError(f"{where} has {len(node)} edges, must have 2")
    for op, src in node:
        if op not in CHOICES:
            raise ValueError(f"{where}: unknown operation {op!r}; known are {', '.join(CHOICES)}")
        if not 0 <= src < i + 2:
            raise ValueError(
                f"{where}: source {src!r} is a forward edge or does not exist; must be 0 to {i + 1}"
            )
    if node[0][1] == node[1][1]:
        raise ValueError(f"{where}: both edges come from source {node[0][1]}; they must differ")


def sample(space: SearchSpace, rng: random.Random, choices: tuple[str, ...] = CHOICES) -> Genotype:
    """A uniformly random genotype of ``space``: path uniform over legal paths, per node two distinct sources, uniform operations."""
    path = rng.choice(legal_paths(space))
    cells = tuple(
        tuple(
            tuple((rng.choice(choices), s) for s in sorted(rng.sample(range(i + 2), 2)))
            for i in range(space.nodes)
        )
        for _ in range(space.layers)
    )
    if not space.lwas:
        cells = (cells[0],) * space.layers
    return make(space, cells, path)


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


def check_fits(genotype: Genotype, space: SearchSpace):
    """Raise ValueError unless the genotype can be wired into a supernet of ``space``."""
    for name in ("task", "scale", "channels", "nodes", "layers", "width_factors"):
        if getattr(genotype, name) != getattr(space, name):
            raise ValueError(
                f"genotype: {name} = {getattr(genotype, name)!r}, the search space has {getattr(space, name)!r}"
            )
    if any(w not in cells for w, cells in zip(genotype.path, space.cells)):
        raise ValueError(
            f"genotype: path {genotype.path} has a width that does not exist in the search space"
        )


def legal_paths(space: SearchSpace) -> list[tuple[int, ...]]:
    """All width paths, in lexical order (12 for the paper's denoising supernet)."""
    paths = [(0,)]
    for l in range(space.layers):
        into = {}
        for move in space.moves:
            if move.layer == l:
                into.setdefault(move.source, []).append(move.target)
        # the start counts as width 0 whatever the fixed path's first width
        paths = [p + (i,) for p in paths for i in sorted(into.get(p[-1], []))]
    return [p[1:] for p in paths]


def neighbours(genotype: Genotype) -> Iterator[tuple[str, Genotype]]:
    """All genotypes one edit away, with what was edited: an operation swapped, a source rewired, a width moved."""
    for l, cell in enumerate(genotype.cells):
        for i, node in enumerate(cell):
            for e, (op, src) in enumerate(node):
                other = node[1 - e][1]
                edits = [("operation", (new, src)) for new in CHOICES if new != op]
                edits += [("source", (op, new)) for new in range(i + 2) if new not in (src, other)]
                for kind, edge in edits:
                    edges = list(node)
                    edges[e] = edge
                    cells = [[list(n) for n in c] for c in genotype.cells]
                    cells[l][i] = edges
                    yield (
                        f"{kind}: layer {l}, node {i}, edge {e}",
                        replace(genotype, cells=cells, path_score=None),
                    )
    for l, width in enumerate(genotype.path):
        for new in (width - 1, width + 1):
            path = (*genotype.path[:l], new, *genotype.path[l + 1 :])
            try:
                yield f"width: layer {l}", replace(genotype, path=path, path_score=None)
            except ValueError:
                continue


def diff(a: Genotype, b: Genotype) -> list[str]:
    """What differs, in words, one line per edge or width. Raises ValueError when the two have different shapes."""
    for name in ("task", "scale", "channels", "nodes", "layers", "width_factors"):
        if getattr(a, name) != getattr(b, name):
            raise ValueError(
                f"cannot compare: {name} is {getattr(a, name)!r} and {getattr(b, name)!r}"
            )
    lines = [
        f"width of layer {l}: {x} -> {y}" for l, (x, y) in enumerate(zip(a.path, b.path)) if x != y
    ]
    for l in range(a.layers):
        for i in range(a.nodes):
            before, after = a.cells[l][i], b.cells[l][i]
            for (op, src), (new_op, new_src) in zip(
                [e for e in before if e not in after], [e for e in after if e not in before]
            ):
                lines.append(f"layer {l}, node {i}: {op} from {src} -> {new_op} from {new_src}")
    return lines
