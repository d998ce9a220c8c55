"""The trade-off of cost and quality: which points no other one beats, how much they enclose, how
sure that is.

Lower cost and higher quality are better. A point is beaten by another one that is nowhere worse and
somewhere better; two equal points do not beat each other.
"""

import numpy as np
from numpy.typing import ArrayLike


def front(cost: ArrayLike, quality: ArrayLike) -> np.ndarray:
    """Indices of the points (N,), (N,) that no other one beats, the cheapest first, equal ones in
    their order.

    ValueError in one line for no point, a cost that is not above 0, or what is not finite.
    """
    cost, quality = _checked(cost, quality)
    # at one cost the best first, so that it alone meets the bar
    order = np.lexsort((-quality, cost))
    kept = []
    for i in order:
        last = kept[-1] if kept else i
        is_equal = (cost[i], quality[i]) == (cost[last], quality[last])
        if is_equal or quality[i] > quality[last]:
            kept.append(i)
    return np.array(kept)


def best_within(cost: ArrayLike, quality: ArrayLike, budgets: ArrayLike) -> np.ndarray:
    """The best quality at each of the ``budgets`` (B,) or less: the front as a staircase.

    -inf where no point is so cheap. ValueError as for ``front``.
    """
    cost, quality = _checked(cost, quality)
    order = np.argsort(cost, kind="stable")
    return _staircase(cost[order], quality[order], np.asarray(budgets, dtype=np.float64))


def hypervolume(cost: ArrayLike, quality: ArrayLike, reference: tuple[float, float]) -> np.ndarray:
    """The area between the front and ``reference``, (a cost, a quality), in halvings of the cost
    times the unit of quality: cost is taken in log2. One for each row of (..., N) points.

    The reference is worse than what is compared, and the same for all that are: what costs as much
    or is no better counts for nothing. ValueError as for ``front``.
    """
    cost, quality = np.asarray(cost, dtype=np.float64), np.asarray(quality, dtype=np.float64)
    _checked(cost.ravel(), quality.ravel())
    dearest, lowest = reference
    if not (np.isfinite(dearest) and dearest > 0 and np.isfinite(lowest)):
        raise ValueError(
            f"reference = ({dearest}, {lowest}): must be a cost above 0 and a quality, finite"
        )
    order = np.argsort(cost, axis=-1, kind="stable")
    edges = np.log2(np.minimum(np.take_along_axis(cost, order, -1), dearest))
    gains = np.maximum(np.take_along_axis(quality, order, -1) - lowest, 0)
    # each step of the staircase reaches to where the next one begins
    widths = np.diff(edges, axis=-1, append=np.full_like(edges[..., :1], np.log2(dearest)))
    return (widths * np.maximum.accumulate(gains, axis=-1)).sum(-1)


def front_band(
    cost: ArrayLike,
    quality: ArrayLike,
    budgets: ArrayLike,
    *,
    seed: int,
    draws: int = 2000,
    level: float = 0.95,
) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), each (B,): where the best quality within each budget lies in ``level`` of all
    drawings of N points from the N, with replacement (percentile bootstrap, ``draws`` of them).

    The band lies on the front or below it: no drawing is better than the best point there is. So it
    says how much the front hangs on single points, not how much better another point could be. low
    is -inf where drawings without any point so cheap are too many to leave out. ValueError as for
    ``front``, and for one point, which has no band.
    """
    cost, quality = _checked(cost, quality)
    n = len(cost)
    if n < 2:
        raise ValueError("front of one net: it has no band; give two or more")
    order = np.argsort(cost, kind="stable")
    cost, quality = cost[order], quality[order]
    budgets = np.asarray(budgets, dtype=np.float64)
    rng = np.random.default_rng(seed)
    fronts = np.empty((draws, len(budgets)))
    for number in range(draws):
        # sorted: of the points in the order of their cost
        drawn = np.sort(rng.integers(n, size=n))
        fronts[number] = _staircase(cost[drawn], quality[drawn], budgets)
    tails = [(1 - level) / 2, (1 + level) / 2]
    # a value that was drawn, never one between it and -inf
    low, high = np.quantile(fronts, tails, axis=0, method="inverted_cdf")
    return low, high


def _staircase(cost: np.ndarray, quality: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """``best_within`` of points in the order of their cost."""
    best = np.concatenate([[-np.inf], np.maximum.accumulate(quality)])
    return best[np.searchsorted(cost, budgets, side="right")]


def _checked(cost: ArrayLike, quality: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    cost, quality = np.asarray(cost, dtype=np.float64), np.asarray(quality, dtype=np.float64)
    if cost.ndim != 1 or cost.shape != quality.shape or len(cost) == 0:
        raise ValueError(
            f"cost {cost.shape}, quality {quality.shape}: need a number each of one net or more"
        )
    for name, values, is_right, wanted in (
        ("cost", cost, np.isfinite(cost) & (cost > 0), "finite and above 0"),
        ("quality", quality, np.isfinite(quality), "finite"),
    ):
        if not is_right.all():
            wrong = int(np.argmin(is_right))
            raise ValueError(
                f"{name} of net {wrong + 1} of {len(values)} = {values[wrong]}: must be {wanted}; "
                "leave that net out"
            )
    return cost, quality
