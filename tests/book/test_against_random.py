"""Random nets as a distribution: percentiles, the best of k, predictors, costs; width paths and
long searches; the pictures."""

import random
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure

from hinas_book.ch09_against_random import figures as views
from hinas_book.ch09_against_random import findings as study
from hinas_book.ch09_against_random.findings import RandomBaseline, read
from hinas_book.kit.missing import MissingRecord
from hinas_lab.analysis.statistics import best_of, kendall
from hinas_lab.drawing.style import theme
from hinas_lab.live.sliders import slider
from hinas_lab.presets import preset
from hinas_lab.space.cost import receptive_radius
from hinas_lab.space.genotype import sample

SPACE = preset("tiny").space
N = 12
STAND = {
    "preset": "tiny",
    "presets": ["tiny"],
    "data": "builtin",
    "device": "cpu",
    "protocols": ["whole"],
    "jobs": 60,
    "job_seconds": 600,
}


def made(
    lead: float = 0.0, net_sd: float = 0.1, seed_sd: float = 0.05, search: float = 65.0
) -> dict:
    """A record as the study writes it; searched nets are ``lead`` dB above the mean of random ones,
    shared weights know the truth."""
    rng, draw = np.random.default_rng(4), random.Random(0)
    worth = 26 + net_sd * rng.standard_normal(N)
    rows = [
        {"arm": arm, "seed": s, "psnr": 26 + up + seed_sd * rng.standard_normal()}
        for arm, up in (("searched", lead), ("rsws", 0))
        for s in range(8)
    ]
    genotypes = [sample(SPACE, draw).to_json() for _ in range(N)]
    for t in (2, 1):  # the order of rows says nothing
        rows += [
            {
                "arm": "random",
                "seed": t,
                "number": i,
                "psnr": worth[i] + seed_sd * rng.standard_normal(),
                "shared": float(worth[i]),
                "raw": -float(worth[i]),
                "untrained": 15.0,
                "parameters": 100 + i,
                "macs": 1000 - i,
                "genotype": genotypes[i],
            }
            for i in reversed(range(N))
        ]
    return STAND | {
        "study": "search",
        "rows": rows,
        "seconds": {"search": search, "training": 20.0, "scoring": 30.0},
        "claims": {},
    }


@pytest.fixture(scope="module")
def field() -> RandomBaseline:
    return read(made())


# ---------------------------------------------------------------- numbers


def test_the_record_as_values(field):
    assert field.random.shape == (N, 2) and field.searched.shape == field.rsws.shape == (8,)
    first = {r["number"]: r for r in made()["rows"] if r["arm"] == "random" and r["seed"] == 1}
    np.testing.assert_allclose(field.random[:, 0], [first[i]["psnr"] for i in range(N)])
    np.testing.assert_allclose(field.predictors["parameters"], 100 + np.arange(N))
    draw = random.Random(0)
    assert list(field.predictors["receptive radius"]) == [
        receptive_radius(sample(SPACE, draw)) for _ in range(N)
    ]
    assert field.seed_sd == pytest.approx(
        np.sqrt(np.mean((field.random[:, 0] - field.random[:, 1]) ** 2 / 2))
    )


@pytest.mark.parametrize("k", [1, 2, 5, N])
def test_the_best_of_k_is_the_mean_over_all_draws(field, k):
    first, again = field.random.T
    draws = [max(some, key=lambda i: first[i]) for some in combinations(range(N), k)]
    assert best_of(first, k) == pytest.approx(np.mean(first[draws])) and best_of(
        first, k, again
    ) == pytest.approx(np.mean(again[draws]))
    assert study.best_then(field.random, k) == pytest.approx(
        (
            (best_of(first, k) + best_of(again, k)) / 2,
            (best_of(first, k, again) + best_of(again, k, first)) / 2,
        )
    )


@pytest.mark.parametrize("k", [0, N + 1])
def test_k_must_be_possible(field, k):
    with pytest.raises(ValueError, match=f"k = {k}: must be from 1 to {N}"):
        study.best_then(field.random, k)


def test_luck_is_not_paid_twice():
    """Equal nets: the best of many looks better, trained again it does not."""
    lucky = read(made(net_sd=0.0))
    best, again = study.best_then(lucky.random, N)
    assert (
        best - lucky.random.mean() > lucky.seed_sd
        and abs(again - lucky.random.mean()) < lucky.seed_sd
    )


def test_equal_cost_counts_the_training_of_the_found_net(field):
    assert study.equal_cost(field) == 4  # (65 + 20) / 20
    assert study.equal_cost(read(made(search=19.0))) == 1
    assert study.equal_cost(read(made(search=1e6))) == N
    assert "= 12 random nets trained (all that there are)" in study.cost_text(
        read(made(search=1e6))
    )


def test_needed_is_the_first_k_that_reaches_the_level(field):
    level = study.best_then(field.random, 3)[1]
    assert (
        study.needed(field, level) == 3
        and study.needed(field, 0.0) == 1
        and study.needed(field, 99.0) is None
    )
    assert "does not reach it" in study.needed_text(read(made(lead=3.0)))


def test_searched_against_the_best_of_k():
    far, near = read(made(lead=0.5)), read(made(lead=-0.5))
    assert study.against_best_of(far, 2).low > 0 and study.best_of_k_text(far, 2).endswith(
        "searched is better"
    )
    assert study.against_best_of(near, 2).high < 0 and study.best_of_k_text(near, 2).endswith(
        "random is better"
    )
    few = read(made(lead=0.5))
    few = RandomBaseline(**{**vars(few), "searched": few.searched[:2]})
    assert study.best_of_k_text(few, 2).endswith("not resolved"), "two searches resolve nothing"


def test_predictors_are_held_against_another_training(field):
    taus = study.taus(field)
    assert np.isnan(taus["untrained supernet"].mean) and taus["parameters"].mean == pytest.approx(
        -taus["MACs"].mean
    )
    # a predictor that knows what each net is worth may rank it better than another training does
    assert (
        taus["shared weights"].mean > taus["parameters"].mean
        and field.retest.mean == kendall(*field.random.T).mean
    )


def test_where_nets_land_is_told(field):
    at = study.percentiles(field)
    np.testing.assert_allclose(
        at["searched"], [100 * (field.random < x).mean() for x in field.searched]
    )
    text = study.percentile_text(field)
    assert f"12 random nets, two trainings each: mean {field.random.mean():.3f} dB;" in text
    assert f"percentiles {at['rsws'].min():.0f} to {at['rsws'].max():.0f}" in text


def test_printed_hours():
    assert (
        "Table 8: HiNAS      1.0 h on 1 1080Ti by gradient, cell sharing"
        in study.hours_text().splitlines()
    )


# ---------------------------------------------------------------- paths and epochs


PATHS = STAND | {
    "study": "paths",
    "paths": 12,
    "paths_widest": 8 / 12,
    "claims": {},
    "shares": {
        norm: {
            "n": 3,
            "hits": hits,
            "share": hits / 3,
            "low": 0.1,
            "high": 0.9,
            "untrained": 1.0,
            "p": p,
            "before": 3,
            "p_against_paths": 0.5,
        }
        for norm, hits, p in (("outgoing", 3, 1.0), ("incoming", 1, 1e-9))
    },
    "rows": [
        {"arm": norm, "seed": s, "before": before, "after": after}
        for norm, before, ends in (
            ("outgoing", [0, 0, 0], [[0, 0, 0], [0, 0, 1], [0, 1, 2]]),
            ("incoming", [1, 2, 2], [[1, 2, 2], [1, 2, 1], [1, 0, 0]]),
        )
        for s, after in enumerate(ends)
    ],
}


def test_paths_are_told_beside_their_base_rates():
    text = study.path_text(PATHS)
    assert (
        "67% of the 12 paths" in text
        and "3 of 3 afterwards" in text
        and "1 of 3 afterwards" in text
    )
    assert (
        "exact p against untrained below 0.001" in text and text.count("2 changed their path") == 2
    )


def test_paths_are_drawn_before_and_after():
    left, right = views.figure_paths(PATHS).axes
    assert "3 before, 3 after" in left.get_title() and "3 before, 1 after" in right.get_title()
    names = [t.get_text() for t in left.get_yticklabels()]
    assert names == sorted(names) and len(names) == 6 and left.get_ylim()[0] > left.get_ylim()[1]
    width = {
        (names[round(bar.get_y() + 0.18)], bar.get_hatch()): bar.get_width()
        for bar in right.patches
        if bar.get_width() == 1
    }
    assert width == {("1-2-2", "///"): 1, ("1-2-1", None): 1, ("1-0-0", None): 1}


def epochs_record() -> dict:
    rows = [
        {
            "arm": "checkpoint",
            "seed": s,
            "epoch": e,
            "soft": 20.0 + e,
            "shared": 18.0 + s,
            "psnr": 26 + 0.1 * s,
            "skip_share": 0.1 * e,
        }
        for e in (4, 2, 6)
        for s in (0, 1)
    ]
    rows += [
        {"arm": "best on V", "seed": s, "epoch": e, "soft": 27.0, "psnr": 26.5, "skip_share": 0.5}
        for s, e in ((0, 6), (1, 5))
    ]
    told = {
        "verdict": "unresolved",
        "least": 0.05,
        "metric": "psnr",
        "mean": 0.01,
        "low": -0.02,
        "high": 0.04,
        "p": None,
        "n": 2,
        "differences": [0.0, 0.02],
    }
    part = {
        "checkpoints": [2, 4, 6],
        "picked": [6, 5],
        "rows": rows,
        "claims": {"best-on-v": told},
        "tau": {"soft": [0.1, 0.3], "shared": [None, None], "skip_share": [-0.2, float("nan")]},
    }
    return (
        STAND
        | part
        | {
            "study": "epochs",
            "eager": part | {"changes": {"warmup_epochs": 0, "arch_lr": 0.05}, "picked": [2, 2]},
        }
    )


def test_a_long_search_as_arrays_and_words():
    c = study.checkpoints(epochs_record())
    assert (
        c["soft"].tolist() == [[22, 24, 26, 27]] * 2
        and c["shared"][1, :3].tolist() == [19.0] * 3
        and c["picked"].tolist() == [6, 5]
    )
    assert np.isnan(c["shared"][:, 3]).all(), (
        "the study does not score the picked genotype with shared weights"
    )
    text = study.epoch_text(epochs_record())
    assert "V picked epoch 6, 5" in text and "22.00 dB -> 26.00 dB" in text and "20% -> 60%" in text
    assert (
        "soft +0.20, skip share -0.20" in text
        and "shared" not in text.splitlines()[-1]
        and "each search: 0, +0.020" in text
    )
    usual, eager = study.both_paces(epochs_record()).split("\n\n")
    assert (
        usual == text
        and eager.startswith("eager (warmup_epochs 0, arch_lr 0.05), not registered:\n")
        and "epoch 2, 2" in eager
    )


def test_a_long_search_is_drawn_with_the_epochs_that_were_picked():
    axes = views.figure_epochs(epochs_record()).axes
    assert len(axes) == 4 and [bool(ax.get_xlabel()) for ax in axes] == [False, False, True, True]
    picked = [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes[0].lines
        if line.get_marker() == "v"
    ]
    assert picked == [(6, 27.0), (5, 27.0)]
    eager = views.figures_epochs(epochs_record())["eager"].axes[0]
    assert [line.get_xdata()[0] for line in eager.lines if line.get_marker() == "v"] == [2, 2]


# ---------------------------------------------------------------- pictures


def test_the_field_shows_both_trainings_and_who_lands_where(field):
    ax = views.plot_field(field, ax=Figure().subplots())
    pairs = [
        line.get_xdata()
        for line in ax.lines
        if len(line.get_xdata()) == 2 and line.get_marker() == "o"
    ]
    assert len(pairs) == N and [np.mean(p) for p in pairs] == sorted(
        (np.mean(p) for p in pairs), reverse=True
    )
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert (
        names[0] == "12 random nets"
        and names[1].startswith("8 searched\nmedian percentile")
        and names[2].startswith("8 random, search's supernet")
    )
    band = ax.patches[0].get_bbox()
    assert band.x1 - band.x0 == pytest.approx(2 * 1.96 * field.seed_sd)


def test_the_best_of_k_is_drawn_up_to_all(field):
    figures = views.figures_best_of(field, (1, 2, 9, 30))
    assert list(figures) == ["1", "2", "4", "9"], (
        "with the cost of a search, in order; k beyond all nets is left out"
    )
    ax = figures["2"].axes[0]
    assert (
        ax.lines[0].get_ydata()[-1] == pytest.approx(study.best_then(field.random, N)[0])
        and "k = 2" in ax.get_title()
    )
    assert any("k = 4: search + its training" in t.get_text() for t in ax.get_legend().get_texts())


def test_predictors_are_drawn(field):
    figures = views.figures_predictors(field)
    assert list(figures) == list(field.predictors)
    assert figures["untrained supernet"].axes[0].get_title() == "the same for every net: no ranking"
    assert f"tau {study.taus(field)['MACs'].mean:+.2f}" in figures["MACs"].axes[0].get_title()
    with pytest.raises(ValueError, match="predictor 'luck': must be one of shared weights"):
        views.plot_predictor(field, "luck", ax=Figure().subplots())
    (ax,) = views.figure_taus(field).axes
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names[0] == "another training of the net" and "untrained supernet" not in names


def test_figures_fit(field):
    """No label or legend lies outside its figure."""
    with theme():
        figures = [
            views.figure_field(field),
            views.figures_best_of(field, ())["4"],
            views.figure_paths(PATHS),
            views.figure_taus(field),
        ]
    for figure in figures:
        figure.draw_without_rendering()
        for ax in figure.axes:
            low, high = sorted(ax.get_ylim())
            labels = [
                t
                for t in ax.get_yticklabels()
                if t.get_text() and low <= t.get_position()[1] <= high
            ]
            for artist in [
                *labels,
                *filter(lambda t: t.get_text(), [ax.title]),
                *filter(None, [ax.get_legend()]),
            ]:
                box = artist.get_window_extent()
                assert (
                    box.x0 >= -1
                    and box.x1 <= figure.bbox.width + 1
                    and box.y1 <= figure.bbox.height + 1
                )


def test_a_dropdown_of_pictures(field, monkeypatch):
    ipywidgets = pytest.importorskip("ipywidgets")
    monkeypatch.delenv("HINAS_LIVE", raising=False)
    figures = views.figures_predictors(field)
    chooser, picture, _ = slider(figures, "predictor", dropdown=True).widget.children
    assert isinstance(chooser, ipywidgets.Dropdown)
    before = picture.value
    chooser.value = "MACs"
    assert picture.value != before
    chooser, again, _ = slider(figures, "predictor", start="MACs").widget.children
    assert chooser.value == "MACs" and again.value == picture.value
    monkeypatch.setenv("HINAS_LIVE", "0")
    assert slider(figures, "predictor", start="MACs") is figures["MACs"]


def test_pictures_of_a_slider_are_as_wide_as_a_page(field):
    """A narrow picture is blown up there."""
    several = (
        views.figures_best_of(field, (1, 2)),
        views.figures_predictors(field),
        views.figures_epochs(epochs_record()),
    )
    for figures in several:
        assert {figure.get_figwidth() for figure in figures.values()} == {10}


def test_what_is_absent_is_one_line():
    gone = MissingRecord("recorded study 'search': make it with: hinas-lab study search")
    field = read(gone)
    for shown in (
        study.percentile_text(field),
        study.equal_cost(field),
        study.best_of_k_text(field, 1),
        study.path_text(gone),
        study.epoch_text(gone),
        views.figure_field(field),
        slider(views.figures_best_of(field, (1,)), "k"),
        views.figure_paths(gone),
    ):
        assert shown is gone
