"""One price for all: what a step of each way to choose a net takes, and how much of each costs as
much as one search of the preset.

Steps are timed once, interleaved, and frozen as numbers of iterations and candidates: a clock
decides no job's key, and the same numbers hold wherever a study goes on.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import count
from math import inf
from pathlib import Path

import numpy as np

from hinas_lab.analysis.short_training import rungs
from hinas_lab.config import SearchConfig
from hinas_lab.presets import Preset

RUNGS = 3
"of successive halving"
TENTH, TWENTIETH = 10, 20
"of a training's iterations: a short training; the first rung of successive halving"
GENOTYPES = 4
"random ones that are scored and trained: nets differ in what they cost"


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Of one step each, with one thread."""

    weight: float
    "a step of the weights under the relaxed mixture"
    arch: float
    "a step of alpha and beta"
    validate: float
    "the relaxed supernet on V, once"
    rsws: float
    "a step of the weights under one random architecture"
    score: float
    "of one genotype with shared weights, recalibrated and raw"
    train: float
    "an iteration of a decoded net's training"
    check: float
    "a decoded net on V, once"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much of each arm one price pays for."""

    rsws_epochs: int
    evolution_epochs: int
    "of the supernet, trained as RSWS trains it"
    evolution_candidates: int
    short_iterations: int
    best_of: int
    "nets of the plain best by short training"
    halving_iterations: int
    "of the first rung"
    halving: int
    "nets of the first rung"
    k_best_epochs: int
    "of the search whose most probable genotypes are tried"
    k_best: int
    "most probable genotypes on the first rung"


def shorter(config: SearchConfig, epochs: int) -> SearchConfig:
    """``config`` with so many epochs, warm-up and first validation in proportion."""
    share = epochs / config.epochs
    return replace(
        config,
        epochs=epochs,
        # as in the presets, alpha and beta learn in some epochs, and V is scored after the last
        warmup_epochs=min(round(share * config.warmup_epochs), epochs - 1),
        validate_from=min(max(1, round(share * config.validate_from)), epochs),
    )


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What arms take in seconds by the steps of ``seconds``.

    ``steps``: iterations of an epoch of a search.
    """

    preset: Preset
    seconds: Seconds
    steps: int

    def search(self, config: SearchConfig) -> float:
        """A gradient search."""
        s, learning = self.seconds, config.epochs - config.warmup_epochs
        validations = 1 + config.epochs - config.validate_from
        iterations = config.epochs * s.weight + learning * s.arch
        return self.steps * iterations + validations * s.validate

    def rsws(self, epochs: int) -> float:
        """Shared weights trained on random architectures, and the scores of its candidates."""
        from hinas_lab.searching.methods.rsws import CANDIDATES

        return epochs * self.steps * self.seconds.rsws + CANDIDATES * self.seconds.score

    def best_of(self, nets: int, iterations: int) -> float:
        """Short trainings."""
        return nets * (iterations * self.seconds.train + self.seconds.check)

    def halving(self, nets: int, iterations: int) -> float:
        """Successive halving."""
        return sum(self.best_of(*rung) for rung in rungs(nets, iterations, RUNGS))

    def counts(self) -> Counts:
        """What the price of the preset's search pays for: of each arm the number whose price is
        nearest, at least the least that makes sense.

        Evolution and k-best give half of the price to their supernet.
        """
        price, config = self.search(self.preset.search), self.preset.search
        short = max(1, self.preset.train.iterations // TENTH)
        first = max(1, self.preset.train.iterations // TWENTIETH)
        epochs = nearest(self.rsws, price / 2)
        left = price - self.rsws(epochs)
        k_best_epochs = nearest(lambda n: self.search(shorter(config, n)), price / 2)
        left_of_k = price - self.search(shorter(config, k_best_epochs))
        return Counts(
            rsws_epochs=nearest(self.rsws, price),
            evolution_epochs=epochs,
            evolution_candidates=nearest(lambda n: n * self.seconds.score, left, least=2),
            short_iterations=short,
            best_of=nearest(lambda n: self.best_of(n, short), price, least=2),
            halving_iterations=first,
            halving=nearest(lambda n: self.halving(n, first), price, least=2),
            k_best_epochs=k_best_epochs,
            k_best=nearest(lambda n: self.halving(n, first), left_of_k, least=2),
        )

    def predicted(self, c: Counts) -> dict[str, float]:
        """Arm -> seconds of ``c``."""
        k_best = self.search(shorter(self.preset.search, c.k_best_epochs))
        return {
            "hinas": self.search(self.preset.search),
            "rsws": self.rsws(c.rsws_epochs),
            "evolution": self.rsws(c.evolution_epochs)
            + c.evolution_candidates * self.seconds.score,
            "best-of": self.best_of(c.best_of, c.short_iterations),
            "halving": self.halving(c.halving, c.halving_iterations),
            "k-best": k_best + self.halving(c.k_best, c.halving_iterations),
        }


def nearest(price_of: Callable[[int], float], price: float, least: int = 1) -> int:
    """The number from ``least`` on whose price is nearest to ``price``; ``price_of`` must rise."""
    best, gap = least, inf
    for number in count(least):
        away = abs(price_of(number) - price)
        if away >= gap:
            return best
        best, gap = number, away


def calibrate(preset: Preset, data: str, device: str, rounds: int = 9) -> tuple[Seconds, int]:
    """Median seconds of each step, one thread, interleaved over ``rounds`` rounds; and the
    iterations of an epoch."""
    from hinas_lab.analysis.jobs import one_thread
    from hinas_lab.analysis.timing import interleaved

    with one_thread():
        calls, steps = _calls(preset, data, device)
        medians = {name: float(np.median(s)) for name, s in interleaved(calls, rounds).items()}
    # several nets stand for one step of a net
    of_nets = {}
    for name in ("score", "train", "check"):
        values = [medians.pop(f"{name} {i}") for i in range(GENOTYPES)]
        of_nets[name] = float(np.mean(values))
    return Seconds(**medians, **of_nets), steps


def _calls(preset: Preset, data: str, device: str) -> tuple[dict[str, Callable], int]:
    """What is timed, and the iterations of an epoch."""
    from hinas_lab.analysis.random_nets import random_genotypes
    from hinas_lab.analysis.short_training import score_on_v
    from hinas_lab.runs.folder import training_patches
    from hinas_lab.searching.loop import Search, arch_step, weight_step
    from hinas_lab.searching.scoring import shared_weight_score
    from hinas_lab.training.training import Training, train_step

    space, config = preset.space, preset.search
    patches = training_patches(data, space.task, space.channels, space.scale, device)
    soft = Search(space, config, patches)
    hard = Search(space, replace(config, method="rsws"), patches)
    sets, number = soft.split, count()

    def anywhere(step, state):
        # a place of its own for each: RSWS draws another architecture there
        state.iteration = next(number) % state.steps
        step(state)

    def train_once(state):
        state.iteration = 0
        train_step(state)

    calls = {
        "weight": lambda: anywhere(weight_step, soft),
        "arch": lambda: anywhere(arch_step, soft),
        "validate": lambda: soft.method.validate(_at_end(soft)),
        "rsws": lambda: anywhere(weight_step, hard),
    }
    on_v = replace(config, sigmas=preset.train.sigmas)
    genotypes = random_genotypes(space, GENOTYPES, 0)
    for i in range(GENOTYPES):
        # a small space may hold fewer
        g = genotypes[i % len(genotypes)]
        net = Training(g, preset.train, patches, space.residual, images=sets.w + sets.a)
        calls[f"score {i}"] = _bound(
            shared_weight_score, soft.net, g, patches, sets.w, sets.v, config
        )
        calls[f"train {i}"] = _bound(train_once, net)
        calls[f"check {i}"] = _bound(score_on_v, net.net, patches, sets, on_v)
    return calls, soft.steps


def _at_end(search):
    search.epoch = search.config.epochs
    return search


def _bound(function: Callable, *args) -> Callable[[], object]:
    return lambda: function(*args)


def price_record(preset: Preset, data: str, device: str, rounds: int = 9) -> dict:
    """What ``data/prices`` keeps: counts, what they rest on, where and when it was measured."""
    from datetime import UTC, datetime

    from hinas_lab.storage import environment

    seconds, steps = calibrate(preset, data, device, rounds)
    prices = Prices(preset=preset, seconds=seconds, steps=steps)
    counts = prices.counts()
    step = seconds.weight + seconds.arch
    return {
        "preset": preset.name,
        "task": preset.space.task,
        "scale": preset.space.scale,
        "counts": asdict(counts),
        "seconds": _rounded(asdict(seconds), 6),
        "ratios": _rounded({name: s / step for name, s in asdict(seconds).items()}, 4),
        "predicted": _rounded(prices.predicted(counts), 2),
        "steps": steps,
        "rounds": rounds,
        "date": datetime.now(UTC).date().isoformat(),
        "env": environment(0, device) | {"threads": 1},
    }


def _rounded(values: dict[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in values.items()}


def price_file(folder: Path, base: str, task: str) -> Path:
    """Where the price of a preset and task lies."""
    return folder / f"{base.replace('/', '-')}-{task}.json"


def frozen_counts(folder: Path, base: str, task: str, advice: str) -> tuple[Counts, dict]:
    """The counts of a preset and task, and all that their file says. ValueError, with ``advice``,
    where there is none."""
    from hinas_lab.storage import read_json

    path = price_file(folder, base, task)
    if not path.exists():
        raise ValueError(f"{path}: no price of preset {base}, task {task}; {advice}")
    record = read_json(path)
    try:
        return Counts(**record["counts"]), record
    except (KeyError, TypeError):
        raise ValueError(f"{path}: is no price of this version; {advice}") from None
