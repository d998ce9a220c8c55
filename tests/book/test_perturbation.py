"""One edit away: what two examples can show, the record of the study as values and sentences, the
pictures, the picker; absent records."""

import json
import random
from itertools import combinations, product

import IPython.display
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from scipy import stats

from hinas_book.ch08_perturbations import figures as views
from hinas_book.ch08_perturbations import findings as words
from hinas_book.ch08_perturbations.edit_picker import two_edits
from hinas_book.ch08_perturbations.edits import (
    Perturbed,
    against_random,
    at_equal_parameters,
    best_under_null,
    beyond,
    both_worse,
    least_share,
    pairs_worse,
    rank_among_random,
    read,
    train_edits,
)
from hinas_book.ch08_perturbations.perturb import (
    EDIT_KINDS as KINDS,
)
from hinas_book.ch08_perturbations.perturb import (
    judged_share,
    one_edit_away,
    replaced,
    share_worse,
)
from hinas_book.kit import recorded as studies
from hinas_book.kit.claims import claim
from hinas_book.kit.intervals import spread_heights
from hinas_book.kit.missing import MissingRecord, load_and_print, load_record, scale, unless_missing
from hinas_book.kit.verdicts import verdict_table
from hinas_book.lessons import check
from hinas_book.lessons.questions import variant
from hinas_lab.analysis.statistics import kendall, luck_p, one_against, share_by_luck
from hinas_lab.drawing.style import INK, theme
from hinas_lab.images.datasets import catalog
from hinas_lab.presets import preset
from hinas_lab.space import cost
from hinas_lab.space.genotype import sample
from hinas_lab.storage import write_json

SPACE = preset("tiny").space
FOUND = sample(SPACE, random.Random(3))
STAND = {
    "preset": "tiny",
    "presets": ["tiny"],
    "data": "builtin",
    "device": "cpu",
    "protocols": ["whole"],
    "jobs": 60,
    "job_seconds": 90.0,
}


def made(
    lean: float = 0.05, noise: float = 0.02, per_parameter: float = 0.0, randoms: int = 4
) -> dict:
    """A record as the study writes it: edits drop by ``lean`` dB, random nets' by nothing, plus
    noise."""
    rng = np.random.default_rng(1)

    def size(g) -> int:
        return cost.parameters(g, 4, stem=8)

    def row(arm, seed, psnr, g, **more) -> dict:
        measured = {"arm": arm, "seed": seed, "psnr": psnr, "parameters": size(g)}
        return measured | {"task": "denoise"} | more

    null = 26 + noise * rng.standard_normal(8)
    rows = [row("found", s, x, FOUND) for s, x in enumerate(null)]
    for kind, what, g in one_edit_away(FOUND):
        drop = lean + per_parameter * (size(g) - size(FOUND)) + noise * rng.standard_normal()
        rows.append(
            row(
                KINDS[kind],
                0,
                null.mean() - drop,
                g,
                kind=kind,
                what=what,
                drop=drop,
                shared_drop=drop / 2 + 0.01,
                replaced=replaced(FOUND, what),
                genotype=json.loads(g.to_json()),
            )
        )
    told = {}
    for kind in ("R1", "R2"):
        for number in range(randoms):
            rows += [
                row(
                    f"{kind} on random",
                    0,
                    25.0,
                    FOUND,
                    number=number,
                    drop=noise * rng.standard_normal(),
                )
                for _ in range(3)
            ]
        told[kind] = share_worse([r["drop"] for r in rows if r["arm"] == kind])
        if randoms:
            told[f"{kind} on random"] = share_worse(
                [r["drop"] for r in rows if r["arm"] == f"{kind} on random"]
            )
    claims = {
        f"local-optimum-{k.lower()}": judged_share(f"local-optimum-{k.lower()}", told[k], len(null))
        for k in ("R1", "R2")
    }
    return STAND | {
        "study": "perturb",
        "found": {"denoise": FOUND.to_json()},
        "null": {"denoise": {"mean": float(null.mean())}},
        "told": {"denoise": told},
        "rows": rows,
        "claims": claims,
    }


@pytest.fixture(scope="module")
def leaning() -> Perturbed:
    return read(made())


# ---------------------------------------------------------------- two examples


@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("drawn", [2, 3, 5])
def test_both_worse_is_the_count_of_cases(q, drawn):
    brute = sum(
        np.prod([q if w else 1 - q for w in case])
        for case in product((True, False), repeat=drawn)
        if sum(case) >= 2
    )
    assert both_worse(q, drawn) == pytest.approx(brute)
    assert both_worse(q) == pytest.approx(q * q)


@pytest.mark.parametrize("q, drawn", [(-0.1, 2), (1.1, 2), (0.5, 1)])
def test_both_worse_refuses_what_cannot_be(q, drawn):
    with pytest.raises(ValueError, match="share from 0 to 1, and at least two"):
        both_worse(q, drawn)


def test_walds_interval_is_never_taken_for_wilsons():
    for name in (f"student {i}" for i in range(100)):
        _, asked, right, _ = variant("08.c", name)
        share = asked["worse"] / asked["n"]
        assert not check(
            "08.c", share - 1.96 * (share * (1 - share) / asked["n"]) ** 0.5, name
        ) and check("08.c", round(right, 3), name)


def test_the_least_share_is_the_exact_bound():
    for n in (2, 5, 44):
        assert least_share(n) == pytest.approx(
            stats.binomtest(n, n, alternative="greater").proportion_ci(0.95, "exact").low
        )


# ---------------------------------------------------------------- the record


def test_the_record_as_values(leaning):
    told = made()
    assert len(leaning.edits) == len(one_edit_away(FOUND)) == 44 and len(leaning.null) == 8
    assert (
        leaning.null.mean() == pytest.approx(0, abs=1e-9) and leaning.same_seed == leaning.null[0]
    )
    for e, (kind, _, g) in zip(leaning.edits, one_edit_away(FOUND)):
        assert (e.kind, e.genotype) == (KINDS[kind], g)
        layer, node = int(e.what[6]), int(e.what.split("node ")[1][0])
        assert e.new in dict(g.cells[layer][node])
        assert e.parameters == cost.parameters(g, 4, stem=8) - cost.parameters(FOUND, 4, stem=8)
    assert {k: sum(map(len, of.values())) for k, of in leaning.controls.items()} == {
        "R1": 12,
        "R2": 12,
    }
    assert (
        scale(told) == "preset tiny, builtin photographs, protocol whole, device cpu, 60 jobs, "
        "90 seconds in all"
    )


def test_noise_holds_95_of_100_trainings_of_the_same_net():
    rng, inside = np.random.default_rng(0), []
    for _ in range(2000):
        x = rng.standard_normal(9)
        null = x[:8].mean() - x[:8]
        p = Perturbed(found=FOUND, null=null, edits=(), controls={}, shares={})
        inside.append(abs(x[:8].mean() - x[8]) < p.noise)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_luck_tells_equal_neighbours_from_a_better_one():
    typical, chance = best_under_null(read(made(lean=0.0)))
    assert (
        typical > 0.02 and chance > 0.05
    )  # the best of 44 equal ones looks better by more than a standard deviation
    better = made(lean=0.0)
    better["rows"][20]["drop"] = -0.5
    assert best_under_null(read(better))[1] < 0.001
    assert (
        dict((r[0], r[2]) for r in words.readings(read(better)))["strict: no neighbour is better"]
        == "fails"
    )
    assert (
        dict((r[0], r[2]) for r in words.readings(read(made())))["strict: no neighbour is better"]
        == "not refuted"
    )


def test_pairs_are_counted(leaning):
    both = [a.drop > 0 and b.drop > 0 for a, b in combinations(leaning.edits, 2)]
    assert pairs_worse(leaning) == pytest.approx(np.mean(both))


def test_beyond_counts_both_sides(leaning):
    worse, better, alone = beyond(leaning, "R1")
    assert (
        worse == sum(d > leaning.noise for d in leaning.drops("R1"))
        and better == 0
        and alone == 1.0
    )


def test_a_share_by_luck_is_wider_than_a_coins():
    low, high = share_by_luck(40, 8)
    coin = stats.binom.ppf([0.025, 0.975], 40, 0.5) / 40
    assert (
        low < coin[0] - 0.05 and high > coin[1] + 0.05 and low == pytest.approx(1 - high, abs=0.03)
    )
    assert share_by_luck(40, 4000) == pytest.approx(coin, abs=0.026), (
        "with a certain mean it is the coin's"
    )
    rng, means = (
        np.random.default_rng(7),
        26 + np.random.default_rng(8).standard_normal((400, 8)).mean(1),
    )
    inside = [low <= (26 + rng.standard_normal(40) < mean).mean() <= high for mean in means]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)


def test_counting_alone_would_call_luck_a_result():
    """28 of 40 worse: Wilson's interval leaves out one half, noise alone does as much."""
    told = made(lean=0.0)
    for n, r in enumerate(r for r in told["rows"] if r["arm"] == "R1"):
        r["drop"] = 0.01 if n < 28 else -0.01
    share = told["told"]["denoise"]["R1"] = share_worse(
        [r["drop"] for r in told["rows"] if r["arm"] == "R1"]
    )
    assert share["low"] > 0.5 and luck_p(28, 40, 8) > 0.05 > luck_p(28, 40, 4000)
    assert {r[0].partition(":")[0]: r[2] for r in words.readings(read(told))}["weak, R1"] == "open"
    judged = judged_share("local-optimum-r1", share | {"mean_drop": 1.0}, 8)
    low, high = share_by_luck(40, 8)
    assert judged["verdict"] == "unresolved" and judged["note"].startswith(
        f"noise alone would call {100 * low:.0f} % to {100 * high:.0f} % worse; "
        "28 of 40 are worse than "
    )
    assert (
        judged_share("local-optimum-r1", share | {"mean_drop": 1.0}, 4000)["verdict"] == "supported"
    )


def test_a_seed_that_shifts_all_nets_alike_supports_nothing():
    """All edits below the mean of the found net's trainings, but half of them above its training
    with their own seed."""
    drops = list(np.linspace(0.03, 0.08, 40))
    shifted, alone = share_worse(drops, own=0.055), share_worse(drops)
    assert (shifted["worse"], shifted["same_seed"], alone["same_seed"]) == (40, 20, 40)
    assert judged_share("local-optimum-r1", alone, 8)["verdict"] == "supported"
    judged = judged_share("local-optimum-r1", shifted, 8)
    assert (
        judged["verdict"] == "unresolved"
        and judged["p"] == 1
        and "20 of 40 are worse than the found net's training" in judged["note"]
    )


def test_a_net_is_one_unit_among_the_random_ones(leaning):
    assert rank_among_random(leaning, "R1") == (1, 5)
    assert rank_among_random(read(made(lean=-0.2)), "R1") == (5, 5)
    means, base = (
        [d.mean() for d in leaning.controls["R1"].values()],
        leaning.drops("R1").mean() - leaning.null[:2].mean(),
    )
    c = against_random(leaning, "R1")
    assert (c.mean, c.n) == (pytest.approx(base - np.mean(means)), 4) and np.isnan(c.p)


def test_one_against_many_holds_its_level():
    """A net of their kind is called different in 5 of 100 cases; the p is that of the interval."""
    rng = np.random.default_rng(0)
    all_ = [one_against(x[0], x[1:]) for x in rng.standard_normal((3000, 11))]
    assert np.mean([c.resolved for c in all_]) == pytest.approx(0.05, abs=0.012)
    assert all(c.resolved == (c.p < 0.05) for c in all_) and np.isnan(one_against(1.0, [2.0]).low)


def test_a_task_that_was_not_studied_is_named():
    with pytest.raises(ValueError, match="task 'sr': this record holds denoise"):
        read(made(), "sr")


def test_size_is_taken_out():
    p = read(made(lean=0.0, noise=0.002, per_parameter=-1e-3))
    c = at_equal_parameters(p)
    assert c.low < 0 < c.high and abs(c.mean) < 0.005 and c.p < 1e-6
    assert at_equal_parameters(read(made(lean=0.1))).low > 0.05


def test_kendall_has_an_interval_that_holds_the_truth():
    rng, r = np.random.default_rng(0), 0.6
    held = []
    for _ in range(300):
        x = rng.standard_normal(30)
        c = kendall(x, r * x + np.sqrt(1 - r * r) * rng.standard_normal(30))
        held.append(c.low < 2 / np.pi * np.arcsin(r) < c.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.04)
    assert np.isnan(kendall([1.0] * 8, range(8)).mean)


# ---------------------------------------------------------------- sentences


def test_sentences_follow_the_record(leaning):
    weak = {r[0].partition(":")[0]: r[2] for r in words.readings(leaning)}
    assert weak["weak, R1"] == "holds" and weak["owed to the search, R1"] == "open", (
        "four random nets"
    )
    assert weak["weak, R2"] == "open", "four edits decide nothing, though all may be worse"
    against = {r[0].partition(":")[0]: r[2] for r in words.readings(read(made(lean=-0.05)))}
    assert against["weak, R1"] == "fails" and against["strict"] == "fails"
    assert f"{(leaning.drops('R1') > 0).sum()} of 40 worse" in words.drop_text(leaning)
    assert "place 1 of 5" in words.control_text(leaning)
    assert "holds no edits of random nets" in words.control_text(read(made(randoms=0)))
    assert "both say the same of" in words.judge_text(
        leaning
    ) and "at unchanged parameters" in words.parameter_text(leaning)
    assert words.readings_table(leaning).count("\n") == 1 + len(words.readings(leaning))


def test_nets_are_units_where_there_are_enough():
    said = {r[0].partition(":")[0]: r[2] for r in words.readings(read(made(randoms=20)))}
    assert said["owed to the search, R1"] == "holds"
    said = {r[0].partition(":")[0]: r[2] for r in words.readings(read(made(lean=-0.1, randoms=20)))}
    assert said["owed to the search, R1"] == "fails"


def test_conclusions_turn_with_the_record(leaning):
    """Each sentence says another thing of another record."""
    none, better = read(made(lean=0.0)), read(made(lean=-0.05))
    assert "R1 are worse more often than noise alone has it" in words.conclude_drops(leaning)
    assert "R1 are as often worse as noise alone may have it" in words.conclude_drops(none)
    assert "R1 are better more often" in words.conclude_drops(better)
    assert "R2 has 4 edits, too few to tell" in words.conclude_drops(leaning)

    def control(lean: float) -> str:
        return words.conclude_control(read(made(lean=lean, randoms=20)))

    assert "edits R1 cost the found net more than random ones" in control(0.1)
    assert "edits R1 cost the found net less than random ones" in control(-0.1)
    assert "edits R1 do not tell the found net from a random one" in control(0.0)
    assert "without random nets" in words.conclude_control(read(made(randoms=0)))

    assert "a drop is left at unchanged size" in words.conclude_parameters(leaning)
    assert "at unchanged size an edit helps" in words.conclude_parameters(better)
    assert "no drop is seen at unchanged size" in words.conclude_parameters(none)
    sizes = read(made(lean=0.0, per_parameter=-1e-3))
    assert "adds, the smaller its drop" in words.conclude_parameters(sizes)
    assert "larger edits drop more" in words.conclude_parameters(
        read(made(lean=0.0, per_parameter=1e-3))
    )
    assert "Holds: weak, R1" in words.conclude_readings(leaning)
    assert "No reading holds" not in words.conclude_readings(leaning)
    assert words.conclude_readings(better).startswith("**So:** No reading holds.")


def test_conclusion_of_the_cheap_judge():
    record = made()
    assert "ranks the edits somewhat as training" in words.conclude_judge(read(record))
    rows = record["rows"]
    turned = [row | {"shared_drop": -row["drop"]} if "shared_drop" in row else row for row in rows]
    assert "against training" in words.conclude_judge(read(record | {"rows": turned}))
    lots = np.random.default_rng(0).standard_normal(len(rows)).tolist()
    drawn = [
        row | {"shared_drop": lot} if "shared_drop" in row else row for row, lot in zip(rows, lots)
    ]
    assert "cannot stand in for it here" in words.conclude_judge(read(record | {"rows": drawn}))


def test_printed_drops_are_the_tables():
    text = words.printed_drops()
    assert (
        "Table 6, HiNAS, R1, σ 30      0.04 dB lower,  1.2 sd" in text
        and "Table 7, HiNAS, R1, Urban100  0.00 dB lower" in text
    )
    assert "NOT SO: both modifications lower every printed PSNR" in text


def test_two_examples_in_words(leaning):
    drops = [e.drop for e in leaning.edits]
    worst, best = int(np.argmax(drops)), int(np.argmin(drops))
    assert "beyond the noise" in words.two_edits_text(leaning, worst, best).splitlines()[0]
    assert words.two_edits_text(leaning, worst, worst).splitlines()[2].startswith("Both are worse")
    assert f"{pairs_worse(leaning):.0%} both are worse" in words.two_edits_text(
        leaning, worst, best
    )
    for bad in (-1, 44):
        with pytest.raises(ValueError, match="edit -?[14]+: must be from 0 to 43"):
            words.two_edits_text(leaning, 0, bad)


def test_verdicts_carry_scale_n_unit_and_note(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    told = made()
    write_json(tmp_path / "perturb.json", told)
    text = verdict_table("perturb")
    first = next(line for line in text.splitlines() if claim("local-optimum-r1").claim in line)
    assert (
        "40 of 44, by edit" in first
        and "| **supported** |" in first
        and "% of edits worse (" in first
    )
    assert (
        told["claims"]["local-optimum-r1"]["note"] in first
        and "preset tiny, builtin photographs" in text
    )
    told["claims"]["local-optimum-r1"] |= {"p": None, "low": None}
    write_json(tmp_path / "perturb.json", told)
    assert "% of edits worse: noise alone" in verdict_table(
        "perturb"
    ) and "| none: too few |" in verdict_table("perturb")


# ---------------------------------------------------------------- pictures


def test_two_draws_are_drawn():
    ax = views.plot_two_draws(0.6, ax=Figure().subplots())
    legend = [t.get_text() for t in ax.get_legend().get_texts()]
    assert legend == [
        "two drawn blindly: 36%",
        "the two worst of 4: 82%",
        "the two worst of 8: 99%",
    ]
    assert ax.lines[0].get_ydata()[50] == pytest.approx(0.25) and ax.get_title() == "q = 60%"
    assert list(views.figures_two_draws((0.5, 0.6))) == ["50%", "60%"]


def test_drops_band_and_marks(leaning):
    with theme():
        figure = views.figure_drops(leaning, (0, 43))
    (ax,) = figure.axes
    assert [t.get_text().splitlines()[0] for t in ax.get_yticklabels()] == [
        "the found net, trained again",
        "R1: an operation replaced",
        "R2: a connection changed",
    ]
    band = ax.patches[0].get_bbox()
    assert (band.x0, band.x1) == pytest.approx((-leaning.noise, leaning.noise))
    np.testing.assert_allclose(ax.collections[1].get_offsets()[:, 0], leaning.drops("R1"))
    dark = []
    for points in ax.collections[1:]:
        is_dark = (points.get_facecolors() == to_rgba(INK)).all(1)
        dark += points.get_offsets()[is_dark, 0].tolist()
    assert dark == [leaning.edits[0].drop, leaning.edits[43].drop]


def test_points_of_a_strip_keep_apart():
    at = spread_heights(np.linspace(0, 0.01, 40))
    assert np.abs(at).max() <= 0.3 and np.abs(np.diff(at)).min() > 0.1


def test_the_control_shows_every_net(leaning):
    axes = views.figure_control(leaning).axes
    assert [ax.get_title(loc="left") for ax in axes] == [
        "R1: an operation replaced",
        "R2: a connection changed",
    ]
    diamonds = [line for line in axes[0].lines if line.get_marker() == "D"]
    assert [len(line.get_xdata()) for line in diamonds] == [1, 4]
    assert diamonds[0].get_xdata()[0] == pytest.approx(leaning.drops("R1").mean())
    assert (
        "no edits of random nets" in views.figure_control(read(made(randoms=0))).texts[0].get_text()
    )


def test_no_mark_covers_another():
    rng = np.random.default_rng(3)
    x, y = rng.choice([-600.0, 0, 30, 600], 60), rng.standard_normal(60)
    at = views.apart(x, y, 40, 0.3)

    def covers(a) -> list[tuple[int, int]]:
        return [
            (i, j)
            for i, j in combinations(range(60), 2)
            if abs(a[i] - a[j]) < 40 and abs(y[i] - y[j]) < 0.3
        ]

    assert covers(x) and not covers(at) and (at >= x).all()
    np.testing.assert_array_equal(
        views.apart(np.array([0.0, 50, 0]), np.array([0.0, 0, 1]), 40, 0.3), [0, 50, 0]
    )


def test_parameters_and_judges(leaning):
    ax = views.figure_beside(leaning, views.plot_parameters).axes[0]
    shown = {t.get_text() for t in ax.get_legend().get_texts()}
    assert {f"now {e.new.replace('_', ' ')}" for e in leaning.edits if e.kind == "R1"} | {
        "R2, rewired"
    } == shown
    marks = np.concatenate([c.get_offsets() for c in ax.collections])
    assert len(marks) == 44 and sorted(marks[:, 1]) == pytest.approx(
        sorted(e.drop for e in leaning.edits)
    )
    ax = views.figure_beside(leaning, views.plot_judges).axes[0]
    assert [t.get_text() for t in ax.get_legend().get_texts()][:2] == [
        "R1: an operation replaced",
        "R2: a connection changed",
    ]
    np.testing.assert_allclose(ax.collections[0].get_offsets()[:, 1], leaning.drops())
    assert ax.get_xlim()[0] <= 0 <= ax.get_xlim()[1]


# ---------------------------------------------------------------- the picker


def test_a_still_pair_without_widgets(leaning, monkeypatch):
    monkeypatch.setenv("HINAS_LIVE", "0")
    outputs = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **how: outputs.append(data))
    two_edits(leaning, 1, 2)._ipython_display_()
    [shown] = outputs
    assert set(shown) == {"text/html", "text/plain"}
    assert shown["text/html"].count("image/svg+xml") == 2
    assert shown["text/plain"] == words.two_edits_text(leaning, 1, 2)
    with pytest.raises(ValueError, match="edit 99"):
        two_edits(leaning, 1, 99)


def test_picking_another_edit_shows_it(leaning):
    pytest.importorskip("ipywidgets")
    first, second, page, _ = two_edits(leaning, 0, 1).widgets().widget.children
    assert len(first.options) == 44 and first.options[5][0].endswith(leaning.edits[5].what)
    before = page.value
    second.value = 43
    assert (
        page.value != before and words.two_edits_text(leaning, 0, 43).splitlines()[2] in page.value
    )


# ---------------------------------------------------------------- live, and absent


def test_training_edits_at_tiny(leaning, tmp_path, capsys, monkeypatch):
    whole = catalog.read_images
    monkeypatch.setattr(
        catalog,
        "read_images",
        lambda *names: {name: image[:64, :64] for name, image in whole(*names).items()},
    )
    psnrs = train_edits(leaning, (0,), "tiny", str(tmp_path))
    said = capsys.readouterr().out.splitlines()
    assert len(psnrs) == len(said) == 2 and all(10 < p < 30 for p in psnrs)
    assert f"{psnrs[0] - psnrs[1]:+.3f} dB dropped: {leaning.edits[0].what}" in said[1]
    assert train_edits(leaning, (0,), "tiny", str(tmp_path)) == psnrs
    with pytest.raises(ValueError, match="edit 44"):
        train_edits(leaning, (44,), "tiny", str(tmp_path))


def test_a_record_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    absent = load_record("perturb")
    line = (
        "recorded study 'perturb': make it with: "
        "hinas-lab study perturb --json data/studies/perturb.json"
    )
    assert isinstance(absent, MissingRecord) and repr(absent) == line == str(absent)
    p = read(absent)
    for shown in (
        p,
        scale(absent),
        words.drop_text(p),
        words.conclude_drops(p),
        words.conclude_readings(p),
        views.figure_drops(p),
        two_edits(p, 0, 1),
        train_edits(p, (0,), "tiny", "x"),
    ):
        assert shown is absent and not shown
    assert (
        load_and_print("perturb") == absent
        and capsys.readouterr().out == f"{line}\n"
        and f"- perturb: {line}" in verdict_table("perturb")
    )
    with pytest.raises(ValueError, match="must be one of"):
        load_record("nothing")
    (tmp_path / "perturb.json").write_text("{}")
    assert load_record("perturb") == {}


def test_what_is_there_is_passed_on():
    assert unless_missing(lambda a, b=1: (a, b))(3, b=4) == (3, 4)
    assert unless_missing(lambda a, b: a)(3, b=MissingRecord("gone")) == "gone"
