"""Comparisons at equal cost against closed forms and simulation."""

import itertools

import numpy as np
import pytest
from scipy import stats

from hinas_lab.analysis import equal_cost
from hinas_lab.analysis.equal_cost import (
    Nets,
    cost_matched,
    front_among,
    line,
    plan,
    rank_taus,
    residuals,
    variance_components,
)


def drawn(rng, n: int, lift: float = 0.0, sd: float = 0.05) -> Nets:
    """Nets on a line of 0.1 dB a doubling from 26 dB at 1 GMAC."""
    costs = 1e9 * 2 ** rng.uniform(-1, 1, n)
    return Nets(costs, 26 + lift + 0.1 * np.log2(costs / 1e9) + sd * rng.standard_normal(n))


def test_the_line_is_least_squares():
    nets = drawn(np.random.default_rng(0), 30)
    fit = stats.linregress(np.log2(nets.costs), nets.quality)
    assert line(nets) == pytest.approx((fit.intercept, fit.slope))
    left = residuals(nets.costs, nets.quality)
    assert left == pytest.approx(nets.quality - fit.intercept - fit.slope * np.log2(nets.costs))
    assert line(Nets(np.full(3, 8.0), np.array([1.0, 2.0, 3.0]))) == pytest.approx((2, 0))


def test_a_cheaper_arm_is_held_against_the_line_at_its_own_cost():
    """Without noise the lift comes back, though the arm's mean is below the random nets'."""
    rng = np.random.default_rng(1)
    random = drawn(rng, 40, sd=0)
    costs = random.costs[np.argsort(random.costs)[:10]]
    arm = Nets(costs, 26.03 + 0.1 * np.log2(costs / 1e9))
    told = cost_matched(arm, random)
    assert told.mean == pytest.approx(0.03) and arm.quality.mean() < random.quality.mean()
    assert (told.low, told.high) == pytest.approx((0.03, 0.03)) and told.n == 10
    assert told.p == pytest.approx(2 / 10_001), "never 0"


def test_the_bootstrap_is_as_wide_as_theory_and_as_often_right(monkeypatch):
    monkeypatch.setattr(equal_cost, "DRAWS", 1000)
    rng, inside, p = np.random.default_rng(2), 0, []
    for seed in range(200):
        told = cost_matched(drawn(rng, 20), drawn(rng, 40), seed)
        inside += told.low <= 0 <= told.high
        p.append(told.p)
    wide = 1.96 * 0.05 * np.sqrt(1 / 20 + 1 / 40)
    assert told.half_width == pytest.approx(wide, rel=0.3)
    assert 0.89 <= inside / 200 <= 0.985
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert cost_matched(drawn(rng, 20, 0.1), drawn(rng, 40)).low > 0


def test_few_nets_have_no_p_and_one_no_interval():
    rng = np.random.default_rng(3)
    few = cost_matched(drawn(rng, 5), drawn(rng, 9))
    assert np.isnan(few.p) and few.low < few.mean < few.high and few.n == 5
    assert np.isnan(cost_matched(drawn(rng, 1), drawn(rng, 9)).low)


def test_the_same_nets_give_the_same_interval():
    rng = np.random.default_rng(4)
    arm, random = drawn(rng, 8), drawn(rng, 16)
    assert cost_matched(arm, random) == cost_matched(arm, random)
    assert cost_matched(arm, random) != cost_matched(arm, random, seed=1)


def test_a_front_among_random_ones_is_no_better_than_chance():
    """Draws of random nets alone would call one in four of these better at 5 %."""
    rng, p = np.random.default_rng(6), []
    for seed in range(60):
        arm, random = drawn(rng, 10), drawn(rng, 20)
        floor = min(arm.quality.min(), random.quality.min())
        p.append(front_among(arm, random, (2e9, floor), seed)["p"])
    assert np.mean(np.array(p) < 0.05) <= 0.15 and stats.kstest(p, "uniform").pvalue > 0.001
    better = front_among(drawn(rng, 10, 0.2), random, (2e9, 25.8))
    assert better["p"] < 0.01 and better["arm"] > better["random"]
    assert np.isnan(front_among(random, arm, (2e9, 25.8))["random"]), "too few to draw from"
    assert np.isnan(front_among(drawn(rng, 5), random, (2e9, 25.8))["p"])


def test_components_of_variance_come_back():
    rng = np.random.default_rng(7)
    n, nets, trainings, found = 40, 0.11, 0.04, []
    for _ in range(200):
        costs = 2.0 ** rng.uniform(0, 3, n)
        worth = 0.1 * np.log2(costs) + nets * rng.standard_normal(n)
        # what a seed does to all nets alike is no noise of a training
        seeds = 0.3 * rng.standard_normal(2)
        quality = worth[:, None] + seeds + trainings * rng.standard_normal((n, 2))
        found.append([*variance_components(quality, costs), variance_components(quality).nets])
    squares = np.mean(np.square(found), axis=0)
    assert np.sqrt(squares[:2]) == pytest.approx([nets, trainings], rel=0.05)
    spread = 0.1**2 * 9 / 12
    assert np.sqrt(squares[2]) == pytest.approx(np.sqrt(nets**2 + spread), rel=0.05)


def test_components_that_are_not_there():
    noise = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    assert variance_components(noise).nets == 0
    for wrong, costs in (([[1.0], [2.0]], None), ([[1.0, 2.0]], None), ([[1, 2], [2, 1]], [1, 2])):
        with pytest.raises(ValueError, match="need at least"):
            variance_components(wrong, costs)


def test_the_plan_is_what_simulation_finds():
    told = plan(0.06, 0.04, 20, effect=0.05)
    rng, gaps = np.random.default_rng(8), []
    for _ in range(4000):
        arms = [
            0.06 * rng.standard_normal(n) + 0.04 * rng.standard_normal((2, n)).mean(0)
            for n in (20, 40)
        ]
        gaps.append(arms[0].mean() - arms[1].mean())
    assert told.half_width == pytest.approx(1.96 * np.std(gaps), rel=0.05)
    assert plan(0.06, 0.04, told.resolve).half_width <= 0.05
    assert plan(0.06, 0.04, told.resolve - 1).half_width > 0.05
    assert told.powered > told.resolve, "80 % is more than a coin's"
    more = plan(0.06, 0.04, 20, repeats=8, random_each=8)
    assert more.half_width < told.half_width
    assert plan(0.06, 0.04, 20, random_nets=0.0).half_width < told.half_width
    with pytest.raises(ValueError, match="must be above 0"):
        plan(0.0, 0.0, 20)


def test_ranks_at_equal_cost():
    """A score that only knows the cost ranks nothing there; one that knows the rest does."""
    rng = np.random.default_rng(9)
    costs = 2.0 ** rng.uniform(0, 3, 40)
    rest = rng.standard_normal(40)
    quality = (np.log2(costs) + 0.3 * rest)[:, None] + 0.01 * rng.standard_normal((40, 2))
    told = rank_taus(
        {
            "log cost": np.log2(costs),
            "cost": costs,
            "rest": rest,
            "two judges": [rest, -rest],
            "constant": np.ones(40),
        },
        quality,
        costs,
    )
    assert told["log cost"]["overall"].mean > 0.6 and told["log cost"]["equal cost"] is None
    assert told["rest"]["equal cost"].mean > 0.85 > told["rest"]["overall"].mean
    assert told["two judges"]["overall"].mean == pytest.approx(0, abs=1e-9)
    assert np.isnan(told["constant"]["overall"].mean) and told["constant"]["equal cost"] is None
    # pair by pair, of each training
    pairs = list(itertools.combinations(range(40), 2))
    alike = [
        np.mean([np.sign((costs[i] - costs[j]) * (psnr[i] - psnr[j])) for i, j in pairs])
        for psnr in quality.T
    ]
    assert told["cost"]["overall"].mean == pytest.approx(np.mean(alike))
    assert told["cost"]["overall"].n == 40
