"""Ways to choose a net, all for the price of one search of the preset: a row of ARMS each.

A way is a generator of jobs that returns the genotype (JSON) it chose and the rows of its jobs.
``data/prices`` holds how much of each the price pays for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from hinas_book.kit.design import Setting
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.evolution import EvolutionJob
from hinas_lab.analysis.price import RUNGS, Counts, shorter
from hinas_lab.analysis.random_nets import random_genotypes
from hinas_lab.analysis.short_training import ShortJob, rungs, short_winner, shortened
from hinas_lab.analysis.soft_choice import MostProbableJob
from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig
from hinas_lab.presets import preset
from hinas_lab.space import cost
from hinas_lab.space.budget import Shape
from hinas_lab.space.genotype import Genotype

DRAWN = {"best-of": 30_000, "halving": 40_000}
"arm -> what is added to its seed to draw its random nets"


preset_of = cache(preset)
"asked for by every job, and made anew each time"


@dataclass(frozen=True, kw_only=True)
class Lot:
    """What one choice is made with."""

    setting: Setting
    task: str
    counts: Counts
    seed: int
    "of all that chooses: supernet, short trainings, random nets"

    @property
    def config(self) -> SearchConfig:
        return preset_of(self.setting.base, self.task).search

    def search(self, **changes):
        return self.setting.search(self.seed, self.task, **changes)

    def shorter_search(self, epochs: int):
        """A search of so many epochs, warm-up and validation in proportion."""
        config = shorter(self.config, epochs)
        names = ("epochs", "warmup_epochs", "validate_from")
        return self.search(**{name: getattr(config, name) for name in names})

    def random(self, n: int, arm: str) -> list[str]:
        """n random genotypes (JSON) of an arm's own."""
        space = preset_of(self.setting.base, self.task).space
        drawn = random_genotypes(space, n, DRAWN[arm] + self.seed)
        return [genotype.to_json() for genotype in drawn]

    def short(self, genotype: str, iterations: int) -> ShortJob:
        """A short training, scored on V of this seed."""
        full = self.setting.train(genotype, self.seed)
        return ShortJob(
            base=full.base,
            data=full.data,
            device=full.device,
            genotype=genotype,
            train=shortened(full.train, iterations),
            search=replace(self.config, seed=self.seed),
            residual=full.residual,
        )


def net_macs(genotype: Genotype, train: TrainConfig) -> int:
    """MACs of the net that is trained, for an input of 320 x 480 pixels."""
    shape = Shape.trained(train).words
    return cost.macs(genotype, train.width, cost.HEIGHT, cost.WIDTH, **shape)


def hinas(lot: Lot) -> Design:
    """The search of the preset."""
    (row,) = yield [lot.search()]
    return {"genotype": row["genotype"], "rows": [row]}


@cache
def middle_budget(space: SearchSpace, train: TrainConfig) -> str:
    """The median MACs of 200 random nets, as a budget is given."""
    macs = [net_macs(genotype, train) for genotype in random_genotypes(space, 200, 0)]
    return f"{np.median(macs) / 1e9:.4g}GMAC"


def under_budget(lot: Lot) -> Design:
    """The same with the MACs of the median random net as its budget."""
    chosen = preset_of(lot.setting.base, lot.task)
    limited = chosen.with_budget(middle_budget(chosen.space, chosen.train))
    (row,) = yield [replace(lot.search(), search=replace(limited.search, seed=lot.seed))]
    return {"genotype": row["genotype"], "rows": [row]}


def k_best(lot: Lot) -> Design:
    """A search of half the price; its most probable genotypes go through successive halving."""
    c, job = lot.counts, lot.shorter_search(lot.counts.k_best_epochs)
    (searched,) = yield [job]
    (several,) = yield [MostProbableJob(base=job.base, search=job, k=c.k_best)]
    ladder = rungs(c.k_best, c.halving_iterations, RUNGS)
    best = yield from short_winner(several["genotypes"], ladder, lot.short)
    return {"genotype": best["genotype"], "rows": [searched, several, *best["rows"]]}


def rsws(lot: Lot) -> Design:
    """Shared weights trained on random architectures, the best of 30 on V."""
    (row,) = yield [lot.search(method="rsws", epochs=lot.counts.rsws_epochs)]
    return {"genotype": row["genotype"], "rows": [row]}


def best_of(lot: Lot) -> Design:
    """Random nets, each trained for a tenth of the iterations."""
    c = lot.counts
    ladder = [(c.best_of, c.short_iterations)]
    return (yield from short_winner(lot.random(c.best_of, "best-of"), ladder, lot.short))


def halving(lot: Lot) -> Design:
    """Random nets through successive halving."""
    c = lot.counts
    ladder = rungs(c.halving, c.halving_iterations, RUNGS)
    return (yield from short_winner(lot.random(c.halving, "halving"), ladder, lot.short))


def evolution(lot: Lot) -> Design:
    """Regularised evolution on shared weights that were trained as RSWS trains them."""
    job = lot.search(method="rsws", epochs=lot.counts.evolution_epochs)
    (trained,) = yield [job]
    candidates = lot.counts.evolution_candidates
    # a fifth starts, and a quarter of those fight: near the proportions of the cited method
    population = max(1, candidates // 5)
    tournament = max(1, population // 4)
    (row,) = yield [
        EvolutionJob(
            base=job.base,
            search=job,
            candidates=candidates,
            population=population,
            tournament=tournament,
        )
    ]
    return {"genotype": row["genotype"], "rows": [trained, row]}


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A way to choose a net."""

    name: str
    title: str
    "what a registered claim calls it"
    choose: Callable[[Lot], Design]


ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm(name="hinas", title="HiNAS", choose=hinas),
        Arm(name="budget", title="HiNAS under a budget", choose=under_budget),
        Arm(
            name="k-best",
            title="HiNAS, k-best decoding and successive halving",
            choose=k_best,
        ),
        Arm(name="rsws", title="RSWS", choose=rsws),
        Arm(name="best-of", title="best of k random nets by short training", choose=best_of),
        Arm(name="halving", title="successive halving of random nets", choose=halving),
        Arm(name="evolution", title="regularised evolution on shared weights", choose=evolution),
    )
}


def arm_called(words: str) -> Arm:
    """The arm with this name or title; ValueError names all."""
    for arm in ARMS.values():
        if words in (arm.name, arm.title):
            return arm
    titles = "; ".join(arm.title for arm in ARMS.values())
    raise ValueError(f"arm {words!r}: must be one of {titles}")
