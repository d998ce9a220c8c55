"""Verdicts against scipy, brute force and known answers."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from hinas_lab.analysis.statistics import (
    LEAST,
    Contrast,
    bootstrap_images,
    detectable,
    equivalent,
    holm,
    paired,
    pairs_needed,
    power,
    sign_flip,
    verdict,
    welch,
)


def test_welch_from_moments_is_welch_from_samples():
    rng = np.random.default_rng(0)
    for n in (3, 8):
        a, b = rng.normal(1, 2, n), rng.normal(0, 0.5, n)
        mine = welch((a.mean(), a.std(ddof=1)), (b.mean(), b.std(ddof=1)), n)
        theirs = stats.ttest_ind(a, b, equal_var=False)
        interval = theirs.confidence_interval(0.95)
        assert (mine.p, mine.low, mine.high) == pytest.approx(
            (theirs.pvalue, interval.low, interval.high)
        )
        assert mine.resolved == (theirs.pvalue < 0.05) and mine.n == n
    with pytest.raises(ValueError, match="both standard deviations are 0"):
        welch((1, 0), (2, 0))


def test_paired_is_the_t_interval_and_has_a_p_from_six_pairs_on():
    d = np.array([0.1, 0.2, 0.15, 0.05, 0.3, 0.12, 0.08])
    mine = paired(d)
    interval = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    assert (mine.low, mine.high, mine.n) == (
        pytest.approx(interval.low),
        pytest.approx(interval.high),
        7,
    )
    assert mine.p == pytest.approx(
        stats.ttest_1samp(d, 0).pvalue
    ) and mine.half_width == pytest.approx((interval.high - interval.low) / 2)
    assert math.isnan(paired(d[: LEAST - 1]).p) and paired(d[:LEAST]).p < 0.05
    assert (paired([0.5] * 6).p, paired([0.0] * 6).p) == (0, 1), "no spread"
    one = paired([0.5])
    assert (
        one.mean == 0.5
        and math.isnan(one.low)
        and not one.resolved
        and verdict(one) == "unresolved"
    )
    for wrong in ([], [1.0, math.nan], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="differences"):
            paired(wrong)


def test_sign_flip_against_every_pattern():
    rng = np.random.default_rng(1)
    for n in (1, 4, 9):
        d = rng.normal(0.3, 1, n)
        means = [abs(np.dot(s, d)) for s in itertools.product((1, -1), repeat=n)]
        assert sign_flip(d) == pytest.approx(np.mean(np.array(means) >= abs(d.sum()) - 1e-12))
    assert sign_flip([0.0] * 8) == 1
    many = sign_flip(rng.normal(0.0, 1, 24))
    assert 0 < many <= 1 and sign_flip(np.full(24, 1.0)) < 1e-4


def test_holm_against_its_definition():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    p = holm([0.02, math.nan, 0.01])
    assert p[0] == 0.02 and math.isnan(p[1]) and p[2] == 0.02
    assert holm([]) == []


def test_equivalence_is_shown_not_assumed():
    rng = np.random.default_rng(2)
    close, wide = rng.normal(0.0, 0.02, 8), rng.normal(0.0, 0.4, 8)
    assert equivalent(close, 0.1)[0] and not equivalent(wide, 0.1)[0]
    assert not equivalent(close + 0.2, 0.1)[0] and not equivalent(close - 0.2, 0.1)[0]
    assert equivalent(close[:5], 0.1) == (False, pytest.approx(math.nan, nan_ok=True))
    low, high = stats.ttest_1samp(close, 0).confidence_interval(
        0.90
    )  # TOST at 5 % = the 90 % interval inside the margin
    assert (
        equivalent(close, max(-low, high) + 1e-9)[0]
        and not equivalent(close, max(-low, high) - 1e-9)[0]
    )
    with pytest.raises(ValueError, match="margin"):
        equivalent(close, 0)


def test_power_against_simulation_and_back():
    rng = np.random.default_rng(3)
    found = np.mean(
        [stats.ttest_1samp(rng.normal(0.5, 1, 20), 0).pvalue < 0.05 for _ in range(3000)]
    )
    assert power(1.0, 0.5, 20) == pytest.approx(found, abs=0.03)
    n = pairs_needed(1.0, 0.5)
    assert n == 34 and power(1.0, 0.5, n) >= 0.8 > power(
        1.0, 0.5, n - 1
    )  # 34: tables of paired t tests
    assert detectable(1.0, n) == pytest.approx(0.5, abs=0.01) and math.isnan(detectable(1.0, 1))
    assert (
        power(1.0, 6.0, 2) == pytest.approx(0.49, abs=0.02)
        and pairs_needed(1.0, 6.0) == 3
        and detectable(0.1, 2) > 1
    )
    with pytest.raises(ValueError, match="must be above 0"):
        pairs_needed(0.0, 1.0)


def test_bootstrap_of_images_is_seeded_and_near_the_normal_interval():
    d = np.random.default_rng(4).normal(0.2, 1, 200)
    one, two = bootstrap_images(d), bootstrap_images(d)
    half = 1.96 * d.std(ddof=1) / math.sqrt(200)
    assert one == two and (one.low, one.high) == (
        pytest.approx(d.mean() - half, abs=0.02),
        pytest.approx(d.mean() + half, abs=0.02),
    )


def test_verdicts():
    up = Contrast(mean=0.3, low=0.1, high=0.5, n=8)
    assert (verdict(up), verdict(up, -1)) == ("supported", "contradicted")
    assert verdict(Contrast(mean=0.3, low=-0.1, high=0.7, n=8)) == "unresolved"
    assert verdict(Contrast(mean=0.3, low=0.1, high=0.5, n=5)) == "unresolved"
