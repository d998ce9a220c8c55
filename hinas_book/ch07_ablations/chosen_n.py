"""What n seeds would have said: every choice of n of the recorded seeds, and what n ought to be.

The choices share seeds, so they are not independent studies: they show what could have been
published from this record. No torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, nan, sqrt

import numpy as np
from scipy import stats

from hinas_lab.analysis.statistics import Contrast, detectable, paired, pairs_needed

MOST = 5000
"choices that are worked out one by one"


@dataclass(frozen=True)
class Choice:
    """One study that the record could have been."""

    at: tuple[int, ...]
    "places of the chosen seeds in the record"
    contrast: Contrast


def choices(differences: Sequence[float], n: int) -> list[Choice]:
    """Every choice of ``n`` of the per-seed differences, lowest mean first.

    ValueError for an n that there is not, or too many choices.
    """
    seeds = len(differences)
    if not 1 <= n <= seeds:
        raise ValueError(f"n = {n}: the record has 1 to {seeds} seeds")
    # before any work: 24 seeds have 2.7 million choices of 12
    if comb(seeds, n) > MOST:
        raise ValueError(f"n = {n} of {seeds}: {comb(seeds, n):,} choices, more than {MOST:,}")
    studies = []
    for at in combinations(range(seeds), n):
        studies.append(Choice(at, paired([differences[place] for place in at])))
    return sorted(studies, key=lambda choice: choice.contrast.mean)


@dataclass(frozen=True, kw_only=True)
class Announced:
    """Shares (0 to 1) of all choices of n seeds."""

    n: int
    choices: int
    gain: float
    "mean at least ``size`` above 0"
    loss: float
    "mean at least ``size`` below 0"
    turned: float
    "mean of the other sign than that of all seeds"
    resolved: float
    "interval leaves out 0, on either side"
    low: float
    "the smallest mean"
    high: float
    "the largest mean"


def announced(differences: Sequence[float], n: int, size: float) -> Announced:
    """What the choices of ``n`` seeds announce when a difference of ``size`` is called a gain."""
    studies = choices(differences, n)
    # in the order of their means
    means = np.array([choice.contrast.mean for choice in studies])
    resolved = [choice.contrast.resolved for choice in studies]
    return Announced(
        n=n,
        choices=len(studies),
        gain=float(np.mean(means >= size)),
        loss=float(np.mean(means <= -size)),
        turned=float(np.mean(means * np.mean(differences) < 0)),
        resolved=float(np.mean(resolved)),
        low=float(means[0]),
        high=float(means[-1]),
    )


def by_chance(sd: float, n: int, size: float) -> float:
    """The chance of a mean of ``n`` pairs that is ``size`` or more away from 0, without an effect.

    Differences are normal with standard deviation ``sd``, in the unit of ``size``.
    """
    if sd <= 0 or size < 0 or n < 1:
        raise ValueError(
            f"sd = {sd}, size = {size}, n = {n}: sd must be above 0, size not below 0, n at least 1"
        )
    return float(2 * stats.norm.sf(size * sqrt(n) / sd))


@dataclass(frozen=True)
class Plan:
    """What the spread of a record says about n; effects in the unit of the differences."""

    sd: float
    "of the differences"
    n: int
    "of the record"
    found: float
    "the smallest effect that n pairs find four times in five"
    needed: int
    "pairs that find ``size`` four times in five"
    chance: dict[int, float]
    "n -> by_chance of ``size``, for one pair, three, and the record's n"


def plan(differences: Sequence[float], size: float) -> Plan:
    """What n ought to be to find ``size``.

    ValueError for fewer than two differences, or none that differs: they have no spread.
    """
    n = len(differences)
    # divisor n - 1: the spread of a sample
    sd = float(np.std(differences, ddof=1)) if n > 1 else 0.0
    if sd == 0:
        raise ValueError(f"{n} equal differences: no spread to plan with")
    # one run and three are what papers report
    chance = {pairs: by_chance(sd, pairs, size) for pairs in sorted({1, 3, n})}
    return Plan(sd, n, detectable(sd, n), pairs_needed(sd, size), chance)


def tost_interval(differences: Sequence[float]) -> tuple[float, float]:
    """The 90 % interval of the mean; nan for a single difference.

    Two one-sided tests at 5 % (TOST) call the arms equal when it lies inside the margins.
    """
    if len(differences) < 2:
        return nan, nan
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.9)
    return float(interval.low), float(interval.high)
