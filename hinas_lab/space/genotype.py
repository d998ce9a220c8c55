"""The decoded architecture: a small value that can be read, written, sampled, edited and compared. No torch.

A genotype holds no base width W: the same genotype is searched at W = 10 and trained at W = 20.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from hinas_lab.config import SearchSpace, check_path
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
        # SearchSpace knows which tasks, scales, channels and factors exist; the width that makes all factors whole is free here.
        try:
            SearchSpace(task=self.task, scale=self.scale, channels=self.channels, nodes=self.nodes, layers=max(1, len(self.path)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"genotype: {error}") from None
        set_ = object.__setattr__
        if not self.width_factors or not all(isinstance(g, (int, float)) and g > 0 for g in self.width_factors):
            raise ValueError(f"genotype: width_factors = {self.width_factors!r}: must be positive numbers")
        set_(self, "width_factors", tuple(float(g) for g in self.width_factors))
        set_(self, "path", tuple(self.path))
        check_path(self.path, len(self.cells), len(self.width_factors), "genotype: path")
        set_(self, "cells", tuple(tuple(tuple((str(op), src) for op, src in node) for node in cell) for cell in self.cells))
        for l, cell in enumerate(self.cells):
            if len(cell) != self.nodes:
                raise ValueError(f"genotype: layer {l} has {len(cell)} nodes, must have {self.nodes}")
            for i, node in enumerate(cell):
                where = f"genotype: layer {l}, node {i}"
                if len(node) != 2:
                    raise ValueError(f"{where} has {len(node)} edges, must have 2")
                for op, src in node:
                    if op not in CHOICES:
                        raise ValueError(f"{where}: unknown operation {op!r}; known are {', '.join(CHOICES)}")
                    if not isinstance(src, int) or isinstance(src, bool) or not 0 <= src < i + 2:
                        raise ValueError(f"{where}: source {src!r} is a forward edge or does not exist; must be 0 to {i + 1}")
                if node[0][1] == node[1][1]:
                    raise ValueError(f"{where}: both edges come from source {node[0][1]}; they must differ")

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
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"genotype: not JSON ({error})") from None
        if not isinstance(values, dict) or "schema" not in values:
            raise ValueError("genotype: no schema field; this JSON is not a genotype")
        if values.pop("schema") != SCHEMA:
            raise ValueError(f"genotype: schema is not {SCHEMA}; it was written by another version, update hinas_lab")
        known = {f.name for f in fields(cls)}
        if set(values) != known:
            odd = ", ".join(sorted(set(values) ^ known))
            raise ValueError(f"genotype: missing or unknown fields: {odd}")
        try:
            return cls(**values)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"genotype: malformed ({error})") from None

    @property
    def hash(self) -> str:
        """Twelve hex digits of the architecture alone (the path score is left out)."""
        return hashlib.sha256(replace(self, path_score=None).to_json().encode()).hexdigest()[:12]

    def __str__(self) -> str:
        widths = "-".join(map(str, self.path))
        cells = "; ".join(" ".join("+".join(f"{op}({s})" for op, s in node) for node in cell) for cell in self.cells)
        return f"{self.task} path {widths}: {cells}"


def sample(space: SearchSpace, rng: random.Random, choices: tuple[str, ...] = CHOICES) -> Genotype:
    """A uniformly random genotype of ``space``: path uniform over legal paths, per node two distinct sources, uniform operations."""
    path = rng.choice(legal_paths(space))
    cells = tuple(
        tuple(tuple((rng.choice(choices), s) for s in sorted(rng.sample(range(i + 2), 2))) for i in range(space.nodes))
        for _ in range(space.layers)
    )
    if not space.lwas:
        cells = (cells[0],) * space.layers
    return make(space, cells, path)


def make(space: SearchSpace, cells, path, path_score: float | None = None) -> Genotype:
    """A genotype of ``space`` with these cells and this path."""
    return Genotype(task=space.task, scale=space.scale, channels=space.channels, nodes=space.nodes,
                    width_factors=space.width_factors, path=path, cells=cells, path_score=path_score)


def check_fits(genotype: Genotype, space: SearchSpace):
    """Raise ValueError unless the genotype can be wired into a supernet of ``space``."""
    for name in ("task", "scale", "channels", "nodes", "layers", "width_factors"):
        if getattr(genotype, name) != getattr(space, name):
            raise ValueError(f"genotype: {name} = {getattr(genotype, name)!r}, the search space has {getattr(space, name)!r}")
    if any(w not in cells for w, cells in zip(genotype.path, space.cells)):
        raise ValueError(f"genotype: path {genotype.path} has a width that does not exist in the search space")


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
                    cells[l][i] = sorted(edges, key=lambda x: x[1])
                    yield f"{kind}: layer {l}, node {i}, edge {e}", replace(genotype, cells=cells, path_score=None)
    for l, width in enumerate(genotype.path):
        for new in (width - 1, width + 1):
            path = (*genotype.path[:l], new, *genotype.path[l + 1:])
            try:
                yield f"width: layer {l}", replace(genotype, path=path, path_score=None)
            except ValueError:
                continue


def diff(a: Genotype, b: Genotype) -> list[str]:
    """What differs, in words, one line per edge or width. Raises ValueError when the two have different shapes."""
    for name in ("task", "scale", "nodes", "layers"):
        if getattr(a, name) != getattr(b, name):
            raise ValueError(f"cannot compare: {name} is {getattr(a, name)!r} and {getattr(b, name)!r}")
    lines = [f"width of layer {l}: {x} -> {y}" for l, (x, y) in enumerate(zip(a.path, b.path)) if x != y]
    for l in range(a.layers):
        for i in range(a.nodes):
            for (op, src), (new_op, new_src) in zip(a.cells[l][i], b.cells[l][i]):
                if (op, src) != (new_op, new_src):
                    lines.append(f"layer {l}, node {i}: {op} from {src} -> {new_op} from {new_src}")
    return lines
