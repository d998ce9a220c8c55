"""The front of cost and quality against its definition, point by point."""

import numpy as np
import pytest

from hinas_lab.analysis.pareto import best_within, front, front_band, hypervolume


def clouds():
    """Sets of points, many of them with ties: small whole numbers."""
    rng = np.random.default_rng(5)
    for n in (1, 2, 3, 8, 30):
        for _ in range(20):
            yield rng.integers(1, 9, n).astype(float), rng.integers(0, 7, n).astype(float)


def is_beaten(cost, quality, i) -> bool:
    for j in range(len(cost)):
        is_nowhere_worse = cost[j] <= cost[i] and quality[j] >= quality[i]
        if is_nowhere_worse and (cost[j] < cost[i] or quality[j] > quality[i]):
            return True
    return False


def test_the_front_is_who_is_not_beaten():
    for cost, quality in clouds():
        wanted = {i for i in range(len(cost)) if not is_beaten(cost, quality, i)}
        found = front(cost, quality)
        assert set(found) == wanted and len(found) == len(wanted)
        assert (np.diff(cost[found]) >= 0).all() and (np.diff(quality[found]) >= 0).all()


def test_equal_points_are_on_the_front_together():
    assert front([2, 1, 2, 2], [5, 3, 5, 4]).tolist() == [1, 0, 2]


def test_best_within_a_budget_against_a_search():
    budgets = np.linspace(0.5, 10, 40)
    for cost, quality in clouds():
        found = best_within(cost, quality, budgets)
        for budget, best in zip(budgets, found):
            assert best == max(quality[cost <= budget], default=-np.inf)


def test_hypervolume_against_counted_cells():
    """Cells of a grid that some point covers, each with its own area."""
    corners = np.arange(1, 11.0)
    widths, lows = np.diff(np.log2(corners)), np.arange(-2, 7)
    for cost, quality in clouds():
        area = 0.0
        for left, width in zip(corners, widths):
            for low in lows:
                is_covered = ((cost <= left) & (quality >= low + 1)).any()
                area += width * is_covered
        assert hypervolume(cost, quality, (10, -2)) == pytest.approx(area)


def test_known_hypervolumes():
    """A net of 1 GMAC, two halvings below the reference, 0.5 dB above it."""
    assert hypervolume([1e9], [26.5], (4e9, 26.0)) == pytest.approx(1.0)
    assert hypervolume([1e9, 2e9], [26.5, 27.0], (4e9, 26.0)) == pytest.approx(1.5)
    # in whatever unit cost is given, and whatever is worse than the reference
    assert hypervolume([1, 9, 2], [26.5, 40, 25], (4, 26.0)) == pytest.approx(1.0)
    assert hypervolume([5], [27], (4, 26)) == 0
    # rows: halvings from 2 to 8 one dB and from 8 to 32 two; from 16 to 32 two
    rows = hypervolume([[8, 2, 4], [16, 16, 16]], [[12, 11, 10.5], [11, 12, 11]], (32, 10))
    assert rows == pytest.approx([2 * 1 + 2 * 2, 2])


def test_a_better_net_never_makes_the_volume_smaller():
    for cost, quality in clouds():
        before = hypervolume(cost, quality, (9, -1))
        assert hypervolume(np.append(cost, 2), np.append(quality, 5), (9, -1)) >= before - 1e-12


def test_the_band_lies_on_the_front_or_below_it_and_hangs_on_its_seed():
    rng = np.random.default_rng(0)
    cost, quality = rng.uniform(1, 4, 40), rng.normal(26.5, 0.1, 40)
    budgets = np.linspace(1.2, 4, 30)
    low, high = front_band(cost, quality, budgets, seed=0)
    best = best_within(cost, quality, budgets)
    assert (low <= high).all() and (high <= best).all() and (low < best).any()
    few = [front_band(cost, quality, budgets, seed=seed, draws=3)[0] for seed in (0, 0, 1)]
    assert np.array_equal(few[0], few[1]) and not np.array_equal(few[0], few[2])
    # a wider budget holds all that a narrower one does
    assert (np.diff(high) >= 0).all() and (np.diff(low[np.isfinite(low)]) >= 0).all()


def test_the_band_of_two_nets_is_known():
    """Of 4 equally likely drawings one lacks the cheap net, one the good one."""
    low, high = front_band([1, 2], [10, 20], [0.5, 1, 2], seed=3, draws=4000, level=0.4)
    assert low.tolist() == [-np.inf, 10, 20] and high.tolist() == [-np.inf, 10, 20]
    low, _ = front_band([1, 2], [10, 20], [0.5, 1, 2], seed=3, draws=4000, level=0.6)
    assert low.tolist() == [-np.inf, -np.inf, 10]


@pytest.mark.parametrize(
    ("cost", "quality", "words"),
    [
        ([1, np.nan, 2], [1, 2, 3], "cost of net 2 of 3 = nan: must be finite and above 0"),
        ([1, np.inf], [1, 2], "cost of net 2 of 2 = inf"),
        ([0, 1], [1, 2], "cost of net 1 of 2 = 0.0"),
        ([1, 2], [1, np.nan], "quality of net 2 of 2 = nan: must be finite"),
        ([], [], "need a number each"),
        ([1, 2], [1], "need a number each"),
    ],
)
def test_what_is_no_point_is_refused_in_one_line(cost, quality, words):
    for call in (
        lambda: front(cost, quality),
        lambda: hypervolume(cost, quality, (4, 0)),
        lambda: best_within(cost, quality, [1]),
        lambda: front_band(cost, quality, [1], seed=0),
    ):
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value) and "\n" not in str(error.value)


def test_one_net_is_a_front_and_has_no_band():
    assert front([1], [2]).tolist() == [0]
    with pytest.raises(ValueError, match="front of one net: it has no band"):
        front_band([1], [2], [1], seed=0)
    with pytest.raises(ValueError, match=r"reference = \(nan, 0\): must be"):
        hypervolume([1], [2], (np.nan, 0))
