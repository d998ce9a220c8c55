"""What a net may cost: a budget in words, the cost of each piece of a space's nets, and the decoder
that keeps to a budget. No torch.

MACs and milliseconds are those of an input of 320 x 480 pixels, as everywhere in this project; all
costs are of the net that is trained, whose shape is not the supernet's."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig
from hinas_lab.space.cost import HEIGHT, WIDTH, Part, part_convolutions, parts
from hinas_lab.space.decode import Ranked, decoder
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.ops import OPS

K_BEST = 4096
"genotypes among which one within the budget is looked for: 0.05 s where none is"


class Unit(NamedTuple):
    """A unit of a budget: how much of what is counted it stands for."""

    name: str
    factor: float
    counted: str
    "MACs, parameters or milliseconds"


UNITS = (
    Unit("GMAC", 1e9, "MACs"),
    Unit("MMAC", 1e6, "MACs"),
    Unit("M", 1e6, "parameters"),
    Unit("k", 1e3, "parameters"),
    Unit("ms", 1.0, "milliseconds"),
)


class Budget(NamedTuple):
    """So much of what is counted: ``amount`` MACs, parameters or milliseconds."""

    amount: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """``1.5GMAC``, ``800MMAC``, ``0.2M`` and ``30k`` (``0.2M parameters``, too), ``30ms``.
        ValueError in one line for anything else."""
        number = r"\s*(\d+\.?\d*|\.\d+)\s*"
        found = re.fullmatch(number + r"([A-Za-z]*)((?<=[Mk]) parameters)?\s*", str(text))
        units = {unit.name: unit for unit in UNITS}
        if not found or found[2] not in units or not 0 < float(found[1]) < 1e9:
            known = ", ".join(f"{unit.name} ({unit.counted})" for unit in UNITS)
            raise ValueError(
                f"budget = {str(text)[:40]!r}: must be a number above 0 and a unit, "
                f"e.g. 1.5GMAC; units are {known}"
            )
        unit = units[found[2]]
        return cls(float(found[1]) * unit.factor, unit)

    def __str__(self) -> str:
        return self.text(self.amount)

    def text(self, cost: float) -> str:
        """A cost in the budget's unit, e.g. ``1.43GMAC``, ``0.187M parameters``."""
        what = " parameters" if self.unit.counted == "parameters" else ""
        return f"{cost / self.unit.factor:.4g}{self.unit.name}{what}"

    def excess(self, cost: float) -> str:
        """How far a cost is above, e.g. ``12 %``; "" when it is within."""
        share = cost / self.amount - 1
        return f"{share:.2g} times" if share > 10 else f"{share:.1%}" if share > 0 else ""


@dataclass(frozen=True)
class Shape:
    """What decides a compact net's cost beside its genotype; fields as in ``TrainConfig``."""

    width: int
    stem: int
    end: str
    repeats: int

    @classmethod
    def trained(cls, train: TrainConfig) -> "Shape":
        """Of nets trained as ``train`` says."""
        return cls(train.width, train.stem, train.end, train.repeats)

    @property
    def words(self) -> dict:
        """As functions of ``cost`` take them beside genotype and width."""
        return {"stem": self.stem, "end": self.end, "repeats": self.repeats}


SHAPE = tuple(Shape.__dataclass_fields__)


def with_budget(
    space: SearchSpace,
    search: SearchConfig,
    train: TrainConfig,
    text: str | None,
    table: str | Path | None = None,
) -> SearchConfig:
    """``search`` under the budget ``text``, of nets with the shape that ``train`` gives them.

    table: what pieces take on this machine, a file of ``hinas-lab latency``; a budget in ms needs
    it, and what it says is kept in the config. ValueError in one line for a budget that is none, or
    a table of another machine."""
    if text is None:
        raise ValueError(f"latency = {str(table)!r}: is for a budget in ms; give one, e.g. 30ms")
    budget = Budget.parse(text)
    shape = Shape.trained(train)
    counted = budget.unit.counted
    if (counted == "milliseconds") != (table is not None):
        if table is not None:
            raise ValueError(
                f"budget = {text!r}: counts {counted}; a latency table is for a budget in ms"
            )
        raise ValueError(
            f"budget = {text!r}: milliseconds are this machine's; measure it with "
            "'hinas-lab latency' and name the file (--latency FILE, in Python latency=)"
        )
    changes = {"budget": text, "budget_ms": None}
    changes |= {f"budget_{name}": getattr(shape, name) for name in SHAPE}
    if table is not None:
        changes["budget_ms"] = _measured(space, train, shape, table)
    return replace(search, **changes)


def _measured(
    space: SearchSpace, train: TrainConfig, shape: Shape, file: str | Path
) -> tuple[float, ...]:
    """Milliseconds of all nets alike, then of each of ``all_parts``, from a table of this
    machine."""
    from hinas_lab.space import latency_table

    table = latency_table.LatencyTable.load(file)
    table.check_machine()
    # pieces of nets of another shape can have the same channels
    table.check_shape(latency_table.TableShape.of(space, train))
    values = [table.fixed]
    for part in all_parts(space, shape):
        values.append(table.part_cost(part))
        if not math.isfinite(values[-1]) or values[-1] < 0:
            raise ValueError(
                f"{file}: {part.kind} {part.source} -> {part.target} takes {values[-1]} ms; "
                "measure the table again"
            )
    # six digits are more than a clock tells
    return tuple(float(f"{ms:.6g}") for ms in values)


def all_parts(space: SearchSpace, shape: Shape) -> list[Part]:
    """Each piece that a net of the space can have, once, in a fixed order."""
    asked: dict[Part, None] = {}

    def ask(part: Part) -> float:
        asked[part] = None
        return 0.0

    Costs(space, shape, ask)
    return list(asked)


class Costs:
    """What the pieces of a space's nets cost; all widths are numbers of width factors.

    start: of every net. first (W, W): the 1x1 of h_{l-1}, from width b to width c; ``first_layer``
    (W,) where that is the start part. second (W, W): the same of h_{l-2}; of the first two layers
    ``second_layers`` (2, W). operations (W, K): an edge at that width, of none 0. end (W,): behind
    a last cell of that width. low (2,): the authors' low-level features, unused and used. 0 for
    pieces that no net of the space has: nobody measured them.
    """

    def __init__(
        self,
        space: SearchSpace,
        shape: Shape,
        part_cost: Callable[[Part], float],
        fixed: float = 0.0,
    ):
        self.space, self.shape = space, shape
        self.part_cost, self.fixed = part_cost, fixed
        theirs = shape.end == "authors"
        nodes, base = space.nodes, space.nodes * shape.width
        c = [self._channels(factor) for factor in space.width_factors]
        start = shape.stem if theirs else base
        self.start = fixed + part_cost(Part("start", space.channels, start))
        self.first_layer, self.end = np.zeros((2, len(c)))
        self.second_layers = np.zeros((2, len(c)))
        self.first, self.second = np.zeros((2, len(c), len(c)))
        into: dict[tuple[int, int], list[int]] = {}  # layer, width -> widths of the layer before
        for l, b, n in space.moves:
            if l == 0:
                self.first_layer[n] = part_cost(Part("first", start, c[n]))
            else:
                self.first[b, n] = part_cost(Part("first", nodes * c[b], c[n]))
            if l < 2:
                before = (shape.stem, start)[l]
                self.second_layers[l, n] = part_cost(Part("second", before, c[n]))
            for a in into.get((l - 1, b), ()) if l >= 2 else ():
                self.second[a, n] = part_cost(Part("second", nodes * c[a], c[n]))
            into.setdefault((l, n), []).append(b)
        self.operations = np.zeros((len(c), len(space.ops)))
        widths = sorted({n for _, n in into})
        for k, name in enumerate(space.ops):
            if OPS[name].kind != "none":
                self.operations[widths, k] = [part_cost(Part(name, c[n], c[n])) for n in widths]
        out = space.channels * space.scale**2
        for n in space.cells[-1]:
            self.end[n] = part_cost(Part("end", nodes * c[n], out))
        self.low = np.zeros(2)
        for used, kind in enumerate(("low unused", "low") if theirs else ()):
            # a fixed path has one of them
            if space.fixed_path is None or used == self.low_used(space.fixed_path):
                self.low[used] = part_cost(Part(kind, shape.stem, base))

    def _channels(self, factor: float) -> int:
        channels = factor * self.shape.width
        if channels != int(channels):
            raise ValueError(
                f"budget: the trained net's width {self.shape.width} times the width factor "
                f"{factor:g} is no whole number of channels"
            )
        return int(channels)

    @property
    def narrow(self) -> list[bool]:
        """Which widths are the start part's: their cells can be the authors' low-level
        features."""
        return [factor == 1 for factor in self.space.width_factors]

    def inputs(self, l: int) -> np.ndarray:
        """(W, W, W): the 1x1 convolutions of layer l at [a, b, c], the widths of layers l-2, l-1
        and l."""
        shape = (len(self.end),) * 3
        first = self.first_layer if l == 0 else self.first[None]
        second = self.second_layers[l] if l < 2 else self.second[:, None]
        return np.broadcast_to(first + second, shape)

    def low_used(self, path) -> bool:
        """Do the authors' low-level features come from the start part? (``low_level_layer``)"""
        narrow = [self.narrow[i] for i in path]
        return narrow[-1] or not any(narrow)

    def of_path(self, path) -> float:
        """All that a net of a path costs but its operations."""
        a, b = (0, 0, *path)[:2]
        total = self.start + self.end[path[-1]] + self.low[int(self.low_used(path))]
        for l, c in enumerate(path):
            total += self.inputs(l)[a, b, c]
            a, b = b, c
        return float(total)

    def __call__(self, genotype: Genotype) -> float:
        """What a genotype costs: the sum of its pieces."""
        shape = self.shape
        found = parts(genotype, shape.width, **shape.words)
        return self.fixed + sum(map(self.part_cost, found))

    def extremes(self) -> tuple[float, float]:
        """What the cheapest and the dearest net of the space cost.

        Where one alpha is tied over the layers, a bound, as each layer is taken by itself."""
        return self._extreme(min), self._extreme(max)

    def _extreme(self, pick) -> float:
        """The least or largest cost: the best way to each (widths of the last two layers, was one
        as narrow as the start part)."""
        keepable = [OPS[name].kind != "none" for name in self.space.ops]
        edges = 2 * self.space.nodes
        cell = [edges * pick(row[keepable]) for row in self.operations]
        ways = {(0, 0, False): 0.0}
        for l in range(self.space.layers):
            inputs, ahead = self.inputs(l), {}
            for move in self.space.moves:
                if move.layer != l:
                    continue
                b, c = move.source, move.target
                for (a, last, seen), value in ways.items():
                    if last == b:
                        there = (b, c, seen or self.narrow[c])
                        total = value + inputs[a, b, c] + cell[c]
                        ahead[there] = pick(ahead.get(there, total), total)
            ways = ahead
        ends = []
        for (_, c, seen), value in ways.items():
            used = self.narrow[c] or not seen
            ends.append(value + self.end[c] + self.low[int(used)])
        return float(self.start + pick(ends))


class Limit:
    """The budget of a search, and what its nets cost. ValueError for a config without the shape of
    the trained net, or a budget that no net keeps or that every net keeps."""

    def __init__(self, space: SearchSpace, search: SearchConfig):
        self.space = space
        self.budget = Budget.parse(search.budget)
        asked = [getattr(search, f"budget_{name}") for name in SHAPE]
        if None in asked:
            raise ValueError(
                f"budget = {search.budget!r}: of which trained net is not said (budget_width, "
                "budget_stem, ...); give it as --budget, or as budget= of lab.search"
            )
        shape = Shape(*asked)
        if search.decoder != "viterbi":
            raise ValueError(
                f"decoder = {search.decoder!r}: a budget is kept by decoder viterbi; use it"
            )
        self.costs = Costs(space, shape, *self._prices(space, search, shape))
        self._within_reach(search.budget)

    def _prices(self, space: SearchSpace, search: SearchConfig, shape: Shape):
        """What a piece costs, and what every net costs beside."""
        if self.budget.unit.counted == "milliseconds":
            known, values = all_parts(space, shape), search.budget_ms or ()
            if len(values) != 1 + len(known):
                raise ValueError(
                    f"budget = {search.budget!r}: the config holds {len(values)} milliseconds of "
                    f"pieces, this space has {1 + len(known)}; give the budget again"
                )
            return dict(zip(known, values[1:])).__getitem__, values[0]
        return arithmetic(space, shape, self.budget.unit.counted), 0.0

    def _within_reach(self, text: str):
        least, most = self.costs.extremes()
        if not least <= self.budget.amount <= most:
            say = self.budget.text
            outside = "below the cheapest" if self.budget.amount < least else "above the dearest"
            raise ValueError(
                f"budget = {text!r}: {outside} net of this space; "
                f"they cost from {say(least)} to {say(most)}"
            )

    def keeps(self, cost: float) -> bool:
        """Is a net of this cost within the budget?"""
        # a sum of parts in another order may differ in its last digit
        return cost <= self.budget.amount * (1 + 1e-9)

    def decode(self, space: SearchSpace, alpha: np.ndarray, beta: np.ndarray) -> Genotype:
        """The most probable genotype within the budget among the ``K_BEST`` most probable; the
        cheapest of them when none is."""
        ranked = Ranked(space, alpha, beta)
        cheapest, least = None, math.inf
        for chosen, cost in self._priced(ranked):
            if self.keeps(cost):
                return ranked.genotype(chosen)
            if cost < least:
                cheapest, least = chosen, cost
        return ranked.genotype(cheapest)

    def _priced(self, ranked: Ranked) -> Iterator[tuple[tuple[int, ...], float]]:
        """The most probable genotypes, each with its cost."""
        costs, nodes = self.costs, self.space.nodes
        operations = costs.operations.tolist()
        paths = [path for path, _ in ranked.paths]
        of_path: dict[int, float] = {}
        for _, chosen in islice(ranked, K_BEST):
            number = chosen[0]
            if number not in of_path:
                of_path[number] = costs.of_path(paths[number])
            total = of_path[number]
            for place in range(nodes * self.space.layers):
                row = place % len(ranked.nodes)  # of one cell, where alpha is tied
                (k, _), (j, _) = ranked.nodes[row][chosen[1 + row]]
                at = operations[paths[number][place // nodes]]
                total += at[k] + at[j]
            yield chosen, total


def arithmetic(space: SearchSpace, shape: Shape, counted: str) -> Callable[[Part], float]:
    """What a piece of the space's nets costs in MACs or parameters, as ``counted`` says."""

    @cache
    def part_cost(part: Part) -> float:
        made = part_convolutions(part, space, shape.width, **shape.words)
        if counted == "parameters":
            return float(sum(conv.parameters for conv in made))
        return float(HEIGHT * WIDTH * sum(conv.weights for conv in made if conv.computed))

    return part_cost


def reader(space: SearchSpace, search: SearchConfig):
    """How a search reads alpha and beta, a function like ``decode.decode``: its decoder, or under a
    budget the one that keeps it."""
    return decoder(search.decoder) if search.budget is None else limit_of(space, search).decode


@cache
def limit_of(space: SearchSpace, search: SearchConfig) -> Limit:
    """The limit of a search under a budget, made once."""
    return Limit(space, search)


def cost_text(space: SearchSpace, search: SearchConfig, genotype: Genotype) -> str:
    """One line: what a found net costs beside the search's budget, and how far it is outside."""
    limit = limit_of(space, search)
    budget, cost = limit.budget, limit.costs(genotype)
    text = f"{budget.text(cost)}, its budget is {budget}"
    if limit.keeps(cost):
        return text
    return (
        f"{text}: outside by {budget.excess(cost)}; none of the {K_BEST} most probable nets is "
        "within, this is the cheapest of them"
    )
