"""Nets compared at equal cost: above or below the line of random nets, as fronts, as noise.

Costs are positive numbers (MACs, say) and count as logarithms to base 2, quality is in dB; a value
is a net, the mean of its trainings. No torch.
"""

from collections.abc import Sequence
from math import ceil, nan, sqrt
from typing import NamedTuple

import numpy as np
from scipy import stats

from hinas_lab.analysis.pareto import hypervolume
from hinas_lab.analysis.statistics import LEAST, Contrast, kendall, pairs_needed

DRAWS = 10_000
"of a bootstrap, and of random subsets"


class Nets(NamedTuple):
    """Nets of one arm."""

    costs: np.ndarray
    "(n,)"
    quality: np.ndarray
    "(n,) dB"


def line(nets: Nets) -> tuple[np.ndarray, np.ndarray]:
    """Intercept at cost 1 and slope, dB a doubling, by least squares; one for each row of (..., n)
    values. The slope is 0 where all costs are alike."""
    x, y = np.log2(nets.costs), np.asarray(nets.quality, float)
    away = x - x.mean(-1, keepdims=True)
    spread = (away**2).sum(-1)
    slope = (away * y).sum(-1) / np.where(spread > 1e-12, spread, np.inf)
    return y.mean(-1) - slope * x.mean(-1), slope


def residuals(costs, values) -> np.ndarray:
    """(n,) of ``values`` above their own line in log2 cost."""
    intercept, slope = line(Nets(np.asarray(costs, float), np.asarray(values, float)))
    return np.asarray(values, float) - intercept - slope * np.log2(costs)


def cost_matched(arm: Nets, random: Nets, seed: int = 0) -> Contrast:
    """Mean quality of ``arm`` minus the line of ``random`` at the arm's own costs, in dB.

    Interval (percentiles) and two-sided p by one bootstrap of the nets of both, 10,000 draws; n is
    the smaller of both numbers. nan where either has a single net; no p for fewer than ``LEAST``.
    """
    arm, random = (Nets(*(np.asarray(values, float) for values in nets)) for nets in (arm, random))
    n = min(len(arm.costs), len(random.costs))
    mean = float(_above(arm, random))
    if n < 2:
        return Contrast(mean=mean, low=nan, high=nan, n=n)
    rng = np.random.default_rng(seed)
    drawn = _above(_drawn(arm, rng), _drawn(random, rng))
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    # 1 +: what was seen counts as a draw, so that p is never 0
    tail = 1 + min((drawn <= 0).sum(), (drawn >= 0).sum())
    p = min(1.0, 2 * float(tail) / (1 + DRAWS)) if n >= LEAST else nan
    return Contrast(mean=mean, low=low, high=high, p=p, n=n)


def _above(arm: Nets, random: Nets) -> np.ndarray:
    # a line at the mean of log costs is the mean of the line at them
    intercept, slope = line(random)
    return arm.quality.mean(-1) - intercept - slope * np.log2(arm.costs).mean(-1)


def _drawn(nets: Nets, rng) -> Nets:
    """(DRAWS, n) nets drawn with replacement."""
    n = len(nets.costs)
    chosen = rng.integers(n, size=(DRAWS, n))
    return Nets(nets.costs[chosen], nets.quality[chosen])


def front_among(arm: Nets, random: Nets, reference: tuple[float, float], seed: int = 0) -> dict:
    """``pareto.hypervolume`` of ``arm``, and the mean of as many ``random`` nets.

    Keys: arm, random (nan where there are fewer), p: one-sided, of labels drawn anew 10,000 times
    among all nets of both; nan for fewer than ``LEAST``. ``reference``: (cost, dB), of which no
    label may decide.
    """
    n, m = len(arm.costs), len(random.costs)
    costs = np.concatenate([arm.costs, random.costs])
    quality = np.concatenate([arm.quality, random.quality])

    def area(chosen: np.ndarray) -> np.ndarray:
        return hypervolume(costs[chosen], quality[chosen], reference)

    rng, ours = np.random.default_rng(seed), float(area(np.arange(n)))
    theirs = nan
    if n <= m:
        theirs = float(area(n + rng.random((DRAWS, m)).argsort(-1)[:, :n]).mean())
    # Not the share of draws of random nets alone: a few of them cannot be better than their best,
    # so that an arm that is no better would often be called so.
    drawn = area(rng.random((DRAWS, n + m)).argsort(-1)[:, :n])
    # rounding must not make a draw of the same front a lower one
    reach = float((drawn >= ours - 1e-12).sum())
    p = (1 + reach) / (1 + DRAWS) if min(n, m) >= LEAST else nan
    return {"arm": ours, "random": theirs, "p": p}


class Components(NamedTuple):
    """Standard deviations in dB, 0 where noise leaves nothing."""

    nets: float
    "between nets, at equal cost where costs were given"
    trainings: float
    "of one training, the net being the same; what a seed does to all nets alike is not in it"


def variance_components(quality, costs=None) -> Components:
    """From ``quality`` (n nets, k trainings), column j being of training seed j.

    ``costs`` (n,): the line in log2 cost is taken out of the nets first. ValueError for fewer than
    two trainings, or too few nets for what is taken out of them.
    """
    y = np.asarray(quality, float)
    taken = 1 if costs is None else 2
    if y.ndim != 2 or y.shape[1] < 2 or len(y) <= taken:
        raise ValueError(
            f"quality of shape {y.shape}: need at least {taken + 1} nets of at least 2 trainings"
        )
    (n, k), means = y.shape, y.mean(1)
    within = y - means[:, None] - y.mean(0) + y.mean()
    training = (within**2).sum() / ((n - 1) * (k - 1))
    away = means - means.mean() if costs is None else residuals(costs, means)
    between = (away**2).sum() / (n - taken) - training / k
    return Components(sqrt(max(0.0, between)), sqrt(training))


class Plan(NamedTuple):
    """What so many searches can tell."""

    half_width: float
    "dB, of the 95 % interval of a cost-matched difference"
    resolve: int
    "searches whose half width is the effect or less"
    powered: int
    "searches that find the effect with a power of 80 %"


def plan(
    searches: float,
    trainings: float,
    n: int,
    *,
    effect: float = 0.05,
    repeats: int = 2,
    random_each: float = 2.0,
    random_nets: float | None = None,
) -> Plan:
    """The power of ``n`` searches, each net trained ``repeats`` times, against ``random_each`` as
    many random nets.

    ``searches``, ``random_nets`` (None: the same): sd in dB between nets at equal cost,
    ``trainings``: of one training. Normal nets; the line's slope counts as known. ValueError unless
    the sd of a net and ``effect`` are above 0.
    """
    others = searches if random_nets is None else random_nets
    noise = trainings**2 / repeats
    # of one search and its share of the random nets
    sd = sqrt(searches**2 + noise + (others**2 + noise) / random_each)
    powered = pairs_needed(sd, effect)
    quantile = float(stats.norm.ppf(0.975))
    resolve = max(1, ceil((quantile * sd / effect) ** 2))
    return Plan(quantile * sd / sqrt(n), resolve, powered)


def rank_taus(
    predictors: dict[str, Sequence], quality, costs
) -> dict[str, dict[str, Contrast | None]]:
    """How well each of ``predictors`` ranks nets: tau-b overall and at equal cost.

    ``quality`` (n nets, k trainings) in dB. A predictor holds (n,) values, or (judges, n) of
    several; tau and its interval are means over judges and trainings, p is twice the mean p and at
    most 1, a p however they depend on each other (Vovk and Wang 2020). At equal cost: of what both
    are above their lines in log2 ``costs``; None where nothing is left of a predictor.
    """
    quality, told = np.asarray(quality, float), {}
    for name, values in predictors.items():
        judges = np.atleast_2d(np.asarray(values, float))
        told[name] = {"overall": _mean_tau(judges, quality.T), "equal cost": None}
        left = np.array([residuals(costs, judge) for judge in judges])
        # of log cost itself rounding alone is left
        if (left.std(1) > 1e-9 * (1 + judges.std(1))).all():
            trained = np.array([residuals(costs, psnr) for psnr in quality.T])
            told[name]["equal cost"] = _mean_tau(left, trained)
    return told


def _mean_tau(judges: np.ndarray, trainings: np.ndarray) -> Contrast:
    taus = [kendall(judge, psnr) for judge in judges for psnr in trainings]
    means = {}
    for name in ("mean", "low", "high", "p"):
        means[name] = float(np.mean([getattr(tau, name) for tau in taus]))
    if len(taus) > 1:
        means["p"] = min(1.0, 2 * means["p"])
    return Contrast(**means, n=judges.shape[1])
