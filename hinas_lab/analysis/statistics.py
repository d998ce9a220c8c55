"""From numbers to a verdict. The unit is a seed: images are averaged inside it, and arms of one
study share seeds, splits and data order.

scipy does the distributions. Below ``LEAST`` pairs there is no p value: a verdict is "unresolved"
whatever the numbers say.
"""

from dataclasses import dataclass
from math import comb, nan, sqrt

import numpy as np
from scipy import optimize, stats

LEAST = 6
"pairs: with five, no exact two-sided p is below 0.05 (2 of 32)"


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A difference of two means with its two-sided 95 % interval, nan where n is too small."""

    mean: float
    low: float
    high: float
    p: float = nan
    "nan: too few pairs for a test, or none made"
    n: int
    "pairs, or the smaller of two groups"

    @property
    def resolved(self) -> bool:
        """Does the interval leave out 0?"""
        return self.low > 0 or self.high < 0

    @property
    def half_width(self) -> float:
        """What is printed behind ±."""
        return (self.high - self.low) / 2


def welch(
    a: tuple[float, float], b: tuple[float, float], n: int = 3, level: float = 0.95
) -> Contrast:
    """a - b from printed (mean, standard deviation) of n runs each, with the interval of ``level``.

    Standard deviations have the divisor n - 1; variances are not taken as equal (Welch). ValueError
    when both are 0.
    """
    (mean_a, sd_a), (mean_b, sd_b) = a, b
    va, vb = sd_a**2 / n, sd_b**2 / n
    if va + vb == 0:
        raise ValueError("both standard deviations are 0: no test is possible")
    # Welch-Satterthwaite, for groups of one size
    freedom = (va + vb) ** 2 / ((va**2 + vb**2) / (n - 1))
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * sqrt(va + vb)
    test = stats.ttest_ind_from_stats(mean_a, sd_a, n, mean_b, sd_b, n, equal_var=False)
    gap = mean_a - mean_b
    return Contrast(mean=gap, low=gap - half, high=gap + half, p=float(test.pvalue), n=n)


def one_against(value: float, others) -> Contrast:
    """``value`` - mean of ``others``: is it one of them?

    Student's prediction interval for one more of their kind; n counts ``others``.
    """
    n, gap = len(others), float(value - np.mean(others))
    if n < 2:
        return Contrast(mean=gap, low=nan, high=nan, n=n)
    # the mean of n is uncertain, too: hence 1 / n
    scale = float(np.std(others, ddof=1)) * sqrt(1 + 1 / n)
    half = float(stats.t.ppf(0.975, n - 1)) * scale
    p = float(2 * stats.t.sf(abs(gap) / scale, n - 1)) if n >= LEAST else nan
    return Contrast(mean=gap, low=gap - half, high=gap + half, p=p, n=n)


def paired(differences) -> Contrast:
    """Mean of per-seed differences, t interval, p of the paired t test (``LEAST`` pairs or more).

    One seed has no interval. ValueError for anything but a list of finite numbers.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or len(d) == 0 or not np.isfinite(d).all():
        raise ValueError(
            "differences: need a list of finite numbers, one per seed, "
            f"got {len(d)} of shape {d.shape}"
        )
    n, mean = len(d), float(d.mean())
    half = float(stats.t.ppf(0.975, n - 1) * d.std(ddof=1) / sqrt(n)) if n > 1 else nan
    if n < LEAST:
        p = nan
    elif half > 0:
        p = float(stats.ttest_1samp(d, 0).pvalue)
    else:  # all differences alike: no spread to hold the mean against
        p = float(mean == 0)
    return Contrast(mean=mean, low=mean - half, high=mean + half, p=p, n=n)


def sign_flip(differences) -> float:
    """Exact two-sided p of the mean under random signs, whatever the distribution.

    Of every one of the 2^n patterns (n <= 20, else of 100,000 drawn ones, seed 0); never below
    2^(1-n).
    """
    d = np.asarray(differences, dtype=np.float64)
    if len(d) <= 20:
        sums = np.zeros(1)
        for x in d:  # 2^n sums without a table of 2^n rows of n signs
            sums = np.concatenate([sums + x, sums - x])
        # a sum that rounding makes a little smaller counts as equal
        return float((np.abs(sums) >= abs(d.sum()) - 1e-12 * np.abs(d).sum()).mean())
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (100_000, len(d)))
    return float((1 + (np.abs(signs @ d) >= abs(d.sum()) - 1e-12).sum()) / 100_001)


def holm(p: list[float]) -> list[float]:
    """Holm's adjusted p values, in the order given; nan (no test) stays nan and does not count."""
    tests = [i for i in np.argsort(p) if not np.isnan(p[i])]
    adjusted, largest = [nan] * len(p), 0.0
    for rank, i in enumerate(tests):
        # never below the adjusted value of a smaller p
        largest = max(largest, (len(tests) - rank) * p[i])
        adjusted[i] = min(1.0, largest)
    return adjusted


def equivalent(differences, margin: float) -> tuple[bool, float]:
    """Two one-sided t tests (TOST): is the mean within ± ``margin``? (yes at 5 %, the larger p).

    Never for fewer than ``LEAST`` pairs. ValueError for a margin of 0 or less.
    """
    d = np.asarray(differences, dtype=np.float64)
    if margin <= 0:
        raise ValueError(f"margin = {margin}: must be above 0")
    if len(d) < LEAST:
        return False, nan
    above = stats.ttest_1samp(d, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(d, margin, alternative="less").pvalue
    p = max(above, below)
    return bool(p < 0.05), float(p)


def bootstrap_images(differences, seed: int = 0, draws: int = 10_000) -> Contrast:
    """Interval for two *fixed* nets over other images of the same kind (percentile bootstrap).

    It says nothing about other seeds of a search or a training.
    """
    d = np.asarray(differences, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = d[rng.integers(len(d), size=(draws, len(d)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Contrast(mean=float(d.mean()), low=float(low), high=float(high), n=len(d))


def power(sd: float, effect: float, n: int) -> float:
    """Of a two-sided paired t test at 5 %: the chance that n pairs with standard deviation ``sd``
    find a true mean of ``effect``."""
    critical, away = stats.t.ppf(0.975, n - 1), effect / sd * sqrt(n)
    # t^2, as scipy's noncentral t is nan far away
    return float(stats.ncf.sf(critical**2, 1, n - 1, away**2))


def pairs_needed(sd: float, effect: float, wanted: float = 0.8) -> int:
    """The fewest pairs whose ``power`` is ``wanted``, given a pilot's sd of the differences."""
    if sd <= 0 or effect <= 0:
        raise ValueError(f"sd = {sd}, effect = {effect}: both must be above 0")
    high = 2
    while power(sd, effect, high) < wanted:
        high *= 2
    low = high // 2
    while high - low > 1:  # power rises with n
        middle = (low + high) // 2
        if power(sd, effect, middle) >= wanted:
            high = middle
        else:
            low = middle
    return high


def detectable(sd: float, n: int, wanted: float = 0.8) -> float:
    """The smallest effect that n pairs find with power ``wanted``; nan for one pair."""
    if n < 2:
        return nan
    high = sd / sqrt(n)
    while power(sd, high, n) < wanted:
        high *= 2
    return float(optimize.brentq(lambda effect: power(sd, effect, n) - wanted, 0, high))


def verdict(contrast: Contrast, claimed: int = 1) -> str:
    """supported: the interval leaves out 0 on the claimed side (+1 or -1); contradicted: on the
    other; else unresolved. Fewer than ``LEAST`` pairs resolve nothing."""
    if contrast.n < LEAST or not contrast.resolved:
        return "unresolved"
    return "supported" if np.sign(contrast.mean) == claimed else "contradicted"


def shares_by_luck(edits: int, trainings: int, draws: int = 20_000) -> np.ndarray:
    """(draws,) shares of nets that seem worse when none of ``edits`` differs, each trained once and
    held against the mean of so many ``trainings``.

    Wider than a coin's: that one mean is as uncertain as they are few. Normal noise, one training's
    apart from any other's (what a seed did to all nets alike would widen it further); seed 0.
    """
    rng = np.random.default_rng(0)
    mean = rng.standard_normal((draws, trainings)).mean(1)
    edited = rng.standard_normal((draws, edits))
    return (edited < mean[:, None]).mean(1)


def share_by_luck(edits: int, trainings: int) -> tuple[float, float]:
    """Where 95 of 100 of ``shares_by_luck`` lie."""
    return tuple(np.quantile(shares_by_luck(edits, trainings), [0.025, 0.975]).tolist())


def luck_p(worse: int, edits: int, trainings: int) -> float:
    """Two-sided p of ``worse`` of ``edits`` among ``shares_by_luck``; nan for fewer than ``LEAST``
    edits."""
    if edits < LEAST:
        return nan
    shares, share = shares_by_luck(edits, trainings), worse / edits
    # 1 +: what was seen counts as one more draw, so that p is never 0
    tail = 1 + min((shares >= share).sum(), (shares <= share).sum())
    return float(min(1, 2 * tail / (1 + len(shares))))


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    interval = stats.binomtest(hits, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def share_worse(drops, own: float = 0.0) -> dict:
    """How many drops are above 0, with the share's Wilson 95 % interval, and how large drops are.

    Keys: n, worse, low, high, same_seed, median_drop, mean_drop. ``own``: the drop of the unedited
    net's training with the same seed; same_seed: how many are worse than that one.
    """
    d = np.asarray(drops)
    worse = int((d > 0).sum())
    low, high = wilson(worse, len(d))
    return {
        "n": len(d),
        "worse": worse,
        "low": low,
        "high": high,
        "same_seed": int((d > own).sum()),
        "median_drop": float(np.median(d)),
        "mean_drop": float(np.mean(d)),
    }


def kendall(x, y) -> Contrast:
    """tau-b with a 95 % interval and its p; nan where one side is constant.

    Fieller's standard error on the z scale: rough below ten values, none below five.
    """
    test, n = stats.kendalltau(x, y), len(x)
    tau, p = float(test.statistic), float(test.pvalue)
    low = high = nan
    if n >= 5 and np.isfinite(tau) and abs(tau) != 1:
        z, half = np.arctanh(tau), 1.96 * sqrt(0.437 / (n - 4))
        low, high = float(np.tanh(z - half)), float(np.tanh(z + half))
    return Contrast(mean=tau, low=low, high=high, p=p, n=n)


def percentile(ours: float, theirs) -> float:
    """Share of ``theirs`` below ``ours``, ties counted half, in percent."""
    theirs = np.asarray(theirs)
    return float(100 * ((theirs < ours).mean() + (theirs == ours).mean() / 2))


def best_of(values, k: int, again=None) -> float:
    """The expected largest of ``k`` of the ``values``, drawn without replacement: what one has who
    tries k.

    With ``again`` (a second value of each): the expected second value of that largest one, where
    nothing was picked. ValueError for k outside 1 to n.
    """
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    if not 1 <= k <= n:
        raise ValueError(f"k = {k}: must be from 1 to {n}")
    # of the comb(n, k) draws, comb(i, k - 1) have the value of rank i (from 0) as their largest
    weights = np.array([comb(i, k - 1) for i in range(n)], float) / comb(n, k)
    order = np.argsort(x, kind="stable")
    counted = x if again is None else np.asarray(again, float)
    return float(weights @ counted[order])
