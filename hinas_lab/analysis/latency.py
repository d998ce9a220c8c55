"""Milliseconds of the pieces of a space's nets on this machine, fitted to whole nets."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from math import nan
from typing import NamedTuple

import numpy as np
import torch
from scipy import optimize, stats
from torch import Tensor, nn
from torch.utils import benchmark

from hinas_lab.analysis.random_nets import random_genotypes
from hinas_lab.presets import Preset
from hinas_lab.space.cost import HEIGHT, WIDTH, Part, macs, parts
from hinas_lab.space.genotype import Genotype, legal_paths, make
from hinas_lab.space.latency_table import LatencyTable, Machine, TableShape, this_machine
from hinas_lab.space.layers import channels_last
from hinas_lab.space.network import Network, fold
from hinas_lab.space.ops import OPS

FITTED, CHECKED = 20, 20
"random nets that a table is fitted to, and others that its error is of"
MOST_ROUNDS = 1000
BLOCK = 0.01
"seconds of calls that a measurement is the median of"


class Subject(NamedTuple):
    """Something that is timed: a piece of a net, or a net."""

    what: Part | Genotype
    call: Callable[[], object]
    share: int = 1
    "how many of the piece a call runs"


Timer = Callable[[Subject], float]
"milliseconds of one call of a subject"
Progress = Callable[[list[Subject]], Iterable[Subject]]
"wraps the list of all calls, as ``tqdm`` does"


def stopwatch(machine: Machine) -> Timer:
    """A timer of subjects on ``machine``, with ``torch.utils.benchmark`` and the machine's
    clock."""
    clock = time.thread_time if machine.clock == "cpu time" else benchmark.timer

    def milliseconds(subject: Subject) -> float:
        # without num_threads the Timer would measure with one thread
        timer = benchmark.Timer(
            "call()",
            timer=clock,
            globals={"call": subject.call},
            num_threads=torch.get_num_threads(),
        )
        return 1000 * timer.blocked_autorange(min_run_time=BLOCK).median

    return milliseconds


class Measured(NamedTuple):
    """A table, and what its error is of."""

    table: LatencyTable
    checked: dict[Genotype, float]
    "milliseconds of the nets that the fit did not see"
    macs_rho: float
    "Spearman's, of their MACs and milliseconds"


def measure(
    preset: Preset,
    device: str = "cpu",
    rounds: int = 5,
    timer: Timer | None = None,
    progress: Progress = iter,
) -> Measured:
    """Time the pieces of all nets of ``preset``'s space at its training width, and random nets
    whole; fit the pieces to 20 of the nets, and hold the table against the 20 others. ``timer``:
    None for the machine's own ``stopwatch``. ValueError for ``rounds`` below 1 and a space that has
    fewer nets."""
    if not 1 <= rounds <= MOST_ROUNDS:
        raise ValueError(f"rounds = {rounds}: must be at least 1 and at most {MOST_ROUNDS}")
    machine = this_machine(device)
    subjects = Subjects(preset, device)
    nets = subjects.nets(FITTED + CHECKED)
    pieces = subjects.pieces()
    ms = timed([*pieces, *nets], rounds, timer or stopwatch(machine), progress)
    known = {net.what: ms[net.what] for net in nets[:FITTED]}
    checked = {net.what: ms[net.what] for net in nets[FITTED:]}
    alone = LatencyTable(
        pieces={piece.what: ms[piece.what] for piece in pieces},
        fixed=0.0,
        machine=machine,
        shape=subjects.shape,
        preset=preset.name,
        date=date.today().isoformat(),
        rho=nan,
        median_error=nan,
    )
    table = with_error(fitted(alone, known), checked)
    cost = [macs(g, image_height=HEIGHT, image_width=WIDTH, **table.shape.net) for g in checked]
    return Measured(table, checked, rank_correlation(cost, list(checked.values())))


def fitted(alone: LatencyTable, known: dict[Genotype, float]) -> LatencyTable:
    """``alone``, whose pieces were timed alone, as fits best (relative squares) to the milliseconds
    of the nets ``known``: its pieces scaled, a term for each channel that a piece reads or writes,
    and a constant for every net.

    The second is there because a piece alone finds its input in a cache, in a net not always."""
    whole = np.array(list(known.values()))
    columns = []
    for g in known:
        moved = sum(map(_moved, parts(g, **alone.shape.net)))
        columns.append((alone.predict(g, **alone.shape.net), moved, 1.0))
    # none is ever negative
    coefficients, _ = optimize.nnls(np.array(columns) / whole[:, None], np.ones_like(whole))
    scale, move, fixed = coefficients.tolist()
    pieces = {part: scale * ms + move * _moved(part) for part, ms in alone.pieces.items()}
    return replace(alone, pieces=pieces, fixed=fixed)


def _moved(part: Part) -> int:
    """Channels that a piece reads and writes."""
    return 0 if part.kind == "low unused" else part.source + part.target


def with_error(table: LatencyTable, checked: dict[Genotype, float]) -> LatencyTable:
    """``table`` with its error on nets that it was not fitted to, and their milliseconds."""
    predicted = np.array([table.predict(g, **table.shape.net) for g in checked])
    whole = np.array(list(checked.values()))
    errors = 100 * np.abs(predicted - whole) / whole
    return replace(
        table, rho=rank_correlation(predicted, whole), median_error=float(np.median(errors))
    )


def rank_correlation(x, y) -> float:
    """Spearman's rho; nan where one side is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return nan
    return float(stats.spearmanr(x, y).statistic)


class Subjects:
    """The pieces of all nets of a space, and random nets, each ready to run as ``restore`` runs
    it."""

    def __init__(self, preset: Preset, device: str = "cpu"):
        self.space, self.device = preset.space, device
        self.shape = TableShape.of(preset.space, preset.train)
        self._inputs: dict[int, list[Tensor]] = {}

    def pieces(self) -> list[Subject]:
        """Every piece that occurs in a net of the space. An operation is timed as a cell that holds
        nothing else, so that it carries its share of the sums and of the join."""
        space = self.space
        subjects: dict[Part, Subject] = {}
        for operation in space.choices:
            # every node sums its two latest sources
            cell = tuple(((operation, i), (operation, i + 1)) for i in range(space.nodes))
            for path in legal_paths(space):
                genotype = make(space, (cell,) * space.layers, path)
                found = list(parts(genotype, **self.shape.net))
                if all(part in subjects for part in found):
                    continue
                for part, module in zip(found, _modules(self._net(genotype)), strict=True):
                    # what a net holds and does not run costs nothing
                    if part not in subjects and part.kind != "low unused":
                        subjects[part] = self._piece(part, module)
        return list(subjects.values())

    def nets(self, n: int) -> list[Subject]:
        """``n`` different random nets. ValueError when the space has fewer."""
        genotypes = random_genotypes(self.space, n, seed=0)
        if len(genotypes) < n:
            raise ValueError(
                f"the space holds only {len(genotypes)} nets, and a latency table needs {n}; "
                "take a preset with more layers, nodes or operations"
            )
        picture = torch.rand(1, self.space.channels, HEIGHT, WIDTH, device=self.device)
        return [Subject(g, _bound(self._net(g), [picture])) for g in genotypes]

    def _net(self, genotype: Genotype) -> Network:
        return fold(Network(genotype, **self.shape.net)).to(self.device)

    def _piece(self, part: Part, module: nn.Module) -> Subject:
        """``part``, which ``module`` computes: a cell where it is an operation."""
        inputs, share = self._features(part.source), 1
        if part.kind in OPS:
            share = 2 * self.space.nodes
        elif part.kind == "end":
            inputs = [inputs[0], self._features(self._low_channels())[1]]
        else:
            inputs = inputs[:1]
        return Subject(part, _bound(module, inputs), share)

    def _low_channels(self) -> int:
        """Of the low-level features that the end part hears."""
        is_theirs = self.shape.end == "authors"
        return self.space.nodes * self.shape.width if is_theirs else self.shape.stem

    def _features(self, channels: int) -> list[Tensor]:
        """Two tensors of so many channels, as they lie inside a net."""
        if channels not in self._inputs:
            shape = 1, channels, HEIGHT, WIDTH
            self._inputs[channels] = [
                channels_last(torch.rand(shape, device=self.device)) for _ in range(2)
            ]
        return self._inputs[channels]


def _modules(net: Network) -> Iterator[nn.Module]:
    """What computes each of the net's ``cost.parts``, in their order; of an operation, its cell."""
    yield net.start
    for first, second, cell in zip(net.first, net.second, net.cells):
        yield first
        yield second
        yield from [cell] * (2 * len(cell.ops))
    if net.low is not None:
        yield net.low
    yield net.end


def _bound(module: nn.Module, inputs: list[Tensor]) -> Callable[[], object]:
    def call():
        with torch.inference_mode():
            return module(*inputs)

    return call


def timed(
    subjects: list[Subject], rounds: int, timer: Timer, progress: Progress
) -> dict[Part | Genotype, float]:
    """Milliseconds of each, the lower quartile over the rounds: neighbours on a shared machine only
    ever add. A round times all in turn, so that they disturb all alike; every other round goes
    backwards."""
    turns: list[Subject] = []
    for i in range(rounds):
        turns += subjects if i % 2 == 0 else subjects[::-1]
    found: dict[Part | Genotype, list[float]] = {subject.what: [] for subject in subjects}
    for subject in progress(turns):
        found[subject.what].append(timer(subject) / subject.share)
    return {what: float(np.quantile(ms, 0.25)) for what, ms in found.items()}
