"""Notebook 07: choices of seeds against plain counting, lines and pictures of records that the real
designs made from played trainings."""

import json
import random
import re
from itertools import combinations
from math import comb, erfc, isnan, nan, sqrt
from statistics import mean, stdev

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from hinas_book import lessons
from hinas_book.ch07_ablations import chooser, figures, findings
from hinas_book.ch07_ablations.chosen_n import announced, by_chance, choices, plan, tost_interval
from hinas_book.ch07_ablations.single_change import one_change
from hinas_book.kit import recorded
from hinas_book.kit.claims import NOT_TESTED
from hinas_book.kit.design import Setting
from hinas_book.kit.missing import load_and_print, load_record
from hinas_book.kit.registry import designs
from hinas_book.kit.verdicts import against_least, all_verdicts, verdict_table
from hinas_book.lessons.questions import solve
from hinas_book.paper.printed_intervals import figure_table
from hinas_book.paper.printed_tests import printed_tests
from hinas_book.paper.published import paper_table
from hinas_lab.analysis.campaign import run_design as study
from hinas_lab.analysis.jobs import SearchJob
from hinas_lab.analysis.statistics import (
    Contrast,
    detectable,
    equivalent,
    paired,
    pairs_needed,
    power,
)
from hinas_lab.drawing import style
from hinas_lab.space import cost
from hinas_lab.space.genotype import Genotype, sample
from hinas_lab.storage import write_json

NAMES = ("lwas-residual", "budget", "loss", "widths", "sharing")
ENV = {"hinas_lab": "0", "versions": {}, "device": "cpu", "seed": 0}


def played(job, rng: random.Random) -> dict:
    """What ``job`` might have given: of the right shape, drawn by lot."""
    stamp = {"key": f"{job.kind}-{rng.getrandbits(48):012x}", "job_seconds": 1.0, "env": ENV}
    if isinstance(job, SearchJob):
        g = sample(job.space, rng)
        return stamp | {
            "genotype": g.to_json(),
            "path": list(g.path),
            "skip_share": 0.2,
            "seconds": rng.uniform(1, 2),
        }
    g, train = Genotype.from_json(job.genotype), job.train
    shape = {name: getattr(train, name) for name in ("stem", "end", "repeats")}
    psnr = (
        26 + job.residual * 0.4 * (20 / train.iterations) + 0.03 * train.seed + rng.gauss(0, 0.05)
    )
    return stamp | {
        "preset": job.base,
        "protocol": "whole" if g.task == "denoise" else "sr-standard",
        "psnr": psnr,
        "ssim": 0.7 + 0.01 * train.loss.lam + rng.gauss(0, 0.001),
        "gmsd": 0.1 + rng.gauss(0, 0.001),
        "parameters": cost.parameters(g, train.width, **shape),
        "macs": 1,
        "train_seconds": 1.0,
        "genotype": g.to_json(),
    }


def record_of(name: str, seeds: int | None = None) -> dict:
    """The record that the registered design makes, at preset tiny."""
    rng, cache = random.Random(name), {}
    design = designs()[name].design(Setting(base="tiny", seeds=seeds))
    jobs = next(design)
    while True:
        try:
            rows = []
            for job in jobs:
                if repr(job) not in cache:
                    cache[repr(job)] = played(job, rng)
                rows.append(cache[repr(job)])
            jobs = design.send(rows)
        except StopIteration as end:
            return end.value


@pytest.fixture(scope="module")
def records() -> dict[str, dict]:
    return {name: record_of(name) for name in NAMES}


def drawn(n: int, seed: int = 0, effect: float = 0.01, spread: float = 0.06) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(effect, spread) for _ in range(n)]


# choices of seeds


@pytest.mark.parametrize("n", range(1, 7))
def test_choices_are_all_of_them_in_order(n):
    d = drawn(6)
    some = choices(d, n)
    assert sorted(c.at for c in some) == list(combinations(range(6), n)) and len(some) == comb(6, n)
    means = [c.contrast.mean for c in some]
    assert means == sorted(means) and means[0] == pytest.approx(mean(sorted(d)[:n]))
    for c in some:
        assert c.contrast.n == n and c.contrast.mean == pytest.approx(mean(d[i] for i in c.at))


@pytest.mark.parametrize("n", [0, 7, -1])
def test_an_n_that_there_is_not(n):
    with pytest.raises(ValueError, match=f"n = {n}: the record has 1 to 6 seeds"):
        choices(drawn(6), n)


def test_too_many_choices_are_refused():
    with pytest.raises(ValueError, match="n = 12 of 24: 2,704,156 choices"):
        choices(drawn(24), 12)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_announced_by_counting(n):
    d = drawn(8, seed=3)
    groups = [[d[i] for i in at] for at in combinations(range(8), n)]
    a = announced(d, n, 0.03)

    def share(test) -> float:
        return sum(map(test, groups)) / len(groups)

    def half_width(g) -> float:
        return stats.t.ppf(0.975, len(g) - 1) * stdev(g) / sqrt(len(g))

    assert a.choices == len(groups) and (a.low, a.high) == (
        pytest.approx(min(map(mean, groups))),
        pytest.approx(max(map(mean, groups))),
    )
    assert a.gain == share(lambda g: mean(g) >= 0.03) and a.loss == share(
        lambda g: mean(g) <= -0.03
    )
    assert a.turned == share(lambda g: mean(g) * mean(d) < 0)
    assert a.resolved == (0 if n == 1 else share(lambda g: abs(mean(g)) > half_width(g)))


def test_chance_alone():
    assert by_chance(0.06, 4, 0.03) == pytest.approx(erfc(1 / sqrt(2)))  # one standard error
    drawn_means = np.random.default_rng(0).normal(0, 0.06, (20_000, 3)).mean(1)
    assert by_chance(0.06, 3, 0.03) == pytest.approx((abs(drawn_means) >= 0.03).mean(), abs=0.01)
    for wrong in ((0, 3, 0.03), (0.1, 0, 0.03), (0.1, 3, -1)):
        with pytest.raises(ValueError, match="sd must be above 0"):
            by_chance(*wrong)


def test_a_plan_stands_on_the_spread():
    d = drawn(8)
    p = plan(d, 0.03)
    assert p.sd == pytest.approx(stdev(d)) and p.n == 8 and list(p.chance) == [1, 3, 8]
    assert power(p.sd, p.found, 8) == pytest.approx(0.8, abs=1e-6) and p.found == detectable(
        p.sd, 8
    )
    assert power(p.sd, 0.03, p.needed) >= 0.8 > power(
        p.sd, 0.03, p.needed - 1
    ) and p.needed == pairs_needed(p.sd, 0.03)
    for none in ([0.1], [0.1, 0.1], []):
        with pytest.raises(ValueError, match="no spread to plan with"):
            plan(none, 0.03)
    assert findings.plan_lines([0.1], 0.03) == []


@pytest.mark.parametrize("seed", range(12))
def test_the_90_percent_interval_is_the_two_tests(seed):
    d = drawn(8, seed, effect=0.02 * (seed % 4), spread=0.1)
    low, high = tost_interval(d)
    assert (-0.1 < low and high < 0.1) == equivalent(d, 0.1)[0]
    assert (low, high) == pytest.approx(stats.ttest_1samp(d, 0).confidence_interval(0.9))


@pytest.mark.parametrize(
    "t",
    [t for t in printed_tests() if t.what == "cell sharing" and t.column.startswith("psnr")],
    ids=lambda t: f"{t.table}-{t.column}",
)
def test_the_printed_90_percent_interval_is_the_two_tests(t):
    a, b = {8: (2, 1), 9: (3, 2)}[t.table]
    on, off = (paper_table(t.table).rows[i][t.column] for i in (a, b))
    low, high = figures.printed_tost_interval(t)
    for margin in (0.02, 0.05, 0.1, 0.15, 0.2):
        p = [
            stats.ttest_ind_from_stats(
                on.value + shift,
                on.std,
                3,
                off.value,
                off.std,
                3,
                equal_var=False,
                alternative=side,
            ).pvalue
            for shift, side in ((margin, "greater"), (-margin, "less"))
        ]
        assert (-margin < low and high < margin) == (max(p) < 0.05)
    assert (low + high) / 2 == pytest.approx(on.value - off.value) and high < t.contrast.high


def test_rows_differ_of_two_rows_is_the_paired_test():
    a = np.array([drawn(6, 1), drawn(6, 2)])
    assert findings.rows_differ(a) == pytest.approx(stats.ttest_rel(*a).pvalue)
    assert findings.rows_differ(a + 5 * np.arange(6)) == pytest.approx(
        findings.rows_differ(a)
    )  # seeds are taken out


# lines


def test_a_line_says_what_the_interval_says():
    said = findings.line("x", paired([0.1, 0.12, 0.09, 0.11, 0.1, 0.13]))
    assert re.search(r"\+0\.108 dB \(\+0\.09\d to \+0\.1\d\d\), n = 6: above 0$", said)
    assert (
        findings.line("x", paired([0.5]), wide=0)
        == "x +0.500 dB, n = 1: unresolved, fewer than 6 pairs"
    ), "one pair has no interval"
    below = findings.line("x", Contrast(mean=-0.2, low=-0.3, high=-0.1, n=6), "ssim")
    assert below.endswith("-0.2000 SSIM (-0.3000 to -0.1000), n = 6: below 0")
    assert findings.line("x", Contrast(mean=0.2, low=0.1, high=0.3, n=5)).endswith(
        "unresolved, fewer than 6 pairs"
    )


def test_asked_prints_the_scale_or_the_command(records, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    for name in NAMES:
        assert not load_and_print(name, findings.effect_by_budget)
        assert capsys.readouterr().out.endswith(
            f"make it with: hinas-lab study {name} --json data/studies/{name}.json\n"
        )
    (tmp_path / "budget.json").write_text(json.dumps(records["budget"]))
    assert load_and_print("budget", findings.effect_by_budget) == json.loads(
        json.dumps(records["budget"])
    )
    first, *rest = capsys.readouterr().out.splitlines()
    assert (
        first.startswith("preset tiny, builtin photographs, protocol whole, device cpu, ")
        and len(rest) == 4
    )


def test_every_design_has_its_command():
    from hinas_lab.cli.main import build_parser

    for name in designs():
        program, *argv = recorded.made_by(name).split()
        assert program == "hinas-lab" and build_parser().parse_args(argv).name == name


def test_factors_and_their_interaction(records):
    record = records["lwas-residual"]
    lines = findings.of_factors(record)
    assert len(lines) == 6 and sum("interaction" in x for x in lines) == 2

    def psnrs(lwas: bool, residual: bool) -> np.ndarray:
        cell = ("denoise", lwas, residual)
        rows = [r for r in record["rows"] if (r["task"], r["lwas"], r["residual"]) == cell]
        return np.array([r["psnr"] for r in rows])

    both, none = psnrs(True, True), psnrs(False, False)
    lwas, residual = psnrs(True, False), psnrs(False, True)
    assert (
        f"{((both - residual + lwas - none) / 2).mean():+.3f} dB" in lines[0]
        and "n = 8" in lines[0]
    )
    assert f"{(both - residual - lwas + none).mean():+.3f} dB" in lines[1]
    ((name, averaged), (_, on), (_, off)) = findings.effects(record, "lwas", "denoise")
    assert name == "layer-wise sharing" and averaged == pytest.approx(
        ((np.array(on) + off) / 2).tolist(), abs=1e-4
    )


def test_along_the_budget(records):
    *points, change = findings.effect_by_budget(records["budget"])
    told = records["budget"]["along"]
    assert len(points) == 3 and all(f"{p['mean']:+.3f} dB" in line for p, line in zip(told, points))
    assert f"{told[-1]['mean'] - told[0]['mean']:+.3f} dB" in change and change.endswith(
        "below 0"
    )  # it was played so


def test_lambda_and_its_metrics(records):
    lines = findings.of_lambda(records["loss"])
    assert [line.split(":")[0] for line in lines] == [
        f"{task}, {metric}"
        for task in ("denoising", "super-resolution")
        for metric in ("PSNR", "SSIM", "GMSD, less is better")
    ]
    assert "best at 6;" in lines[1] and lines[1].endswith("above 0") and "best at 0.6;" in lines[4]
    rows = [r for r in records["loss"]["rows"] if r["task"] == "denoise"]
    best = min(
        {r["lam"] for r in rows}, key=lambda lam: mean(r["gmsd"] for r in rows if r["lam"] == lam)
    )
    assert f"best at {best:g};" in lines[2]


def test_paths_beside_seeds(records):
    lines = findings.of_paths(records["widths"])
    assert len(lines) == 7 and "12 paths from" in lines[0] and "a path drawn by lot 6.5" in lines[1]
    assert (
        "beyond seeds: p = " in lines[0]
        and lines[4].startswith("ws - w40")
        and "cells again" in lines[6]
    )


def test_equal_is_said_by_the_margin_alone(records):
    record = records["sharing"]
    d = record["claims"]["sharing-equal"]["differences"]
    lines = findings.of_sharing(record)
    assert equivalent(d, 0.1)[0] and lines[1].endswith("margin ± 0.1 dB: equality is shown")
    fits = [max(map(abs, tost_interval(c))) < 0.1 for c in combinations(d, 3)]
    assert (
        re.search(r"^3 of these seeds: \d+% of 56 choices find no", lines[2])
        and f"in {mean(fits):.0%} the 90 % interval" in lines[2]
    )
    assert "(the paper 3)" in lines[3] and "the paper 3.6)" in lines[4]
    record = json.loads(json.dumps(record))
    record["claims"]["sharing-equal"] |= {"verdict": "unresolved"}
    assert findings.of_sharing(record)[1].endswith("equality is not shown")


@pytest.mark.parametrize(
    "low, high, said",
    [
        (-0.04, 0.03, "too small to matter"),
        (0.06, 0.2, "large enough to matter"),
        (-0.3, -0.05, "large enough to matter"),
        (0.01, 0.2, "open"),
        (nan, nan, "unknown"),
    ],
)
def test_does_it_matter(low, high, said):
    assert against_least(low, high, 0.05) == said


def test_the_verdict_table(records, tmp_path, monkeypatch):
    """p is the registered test's, Holm's over all recorded claims as in the ledger, also of studies
    that the table leaves out."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    studies = ("lwas-residual", "loss", "widths", "sharing")
    for name in studies:
        write_json(tmp_path / f"{name}.json", records[name])
    table = verdict_table(*studies)
    head, rule, *rows = table.split("\n\n")[0].splitlines()
    assert len(rows) == 16 and {row.count("|") for row in (head, rule, *rows)} == {8}
    for name in studies:
        assert f"- {name}: preset tiny, builtin photographs" in table
        for told in all_verdicts(records[name]).values():
            assert any(
                f"**{told['verdict']}** | {told['mean']:+.3f} dB" in r
                or f"**{told['verdict']}** | {told['mean']:+.4f} SSIM" in r
                for r in rows
            )
    assert (
        "over the 11 claims of the whole ledger" in table
        and table.count("counted, not judged") == 3
        and table.count("| to be run |") == 2
    )
    for name, id, words in (
        ("lwas-residual", "residual-denoise", "residual learning helps denoising"),
        ("loss", "loss-psnr", "PSNR of a"),
        ("sharing", "sharing-equal", "costs no quality"),
    ):
        row, told = next(r for r in rows if words in r), records[name]["claims"][id]
        p, adjusted = re.search(r"(\S+) \((\S+)\) \|$", row).groups()
        d = np.array(told["differences"])
        own = (
            max(
                stats.ttest_1samp(d, -0.1, alternative="greater").pvalue,
                stats.ttest_1samp(d, 0.1, alternative="less").pvalue,
            )
            if id == "sharing-equal"
            else stats.ttest_1samp(d, 0).pvalue
        )
        assert float(p) == float(f"{own:.2g}") <= float(adjusted)
        assert row in verdict_table(name), "a table of fewer claims says the same of each"
    assert (
        "| Table 1 |" in rows[2]
        and "| large enough to matter (± 0.05 dB) | 8 of 8, by search seed |" in rows[3]
    )
    (tmp_path / "lwas-residual.json").unlink()
    missing = verdict_table(*studies)
    assert (
        missing.count(NOT_TESTED) == 4
        and "make it with: hinas-lab study lwas-residual" in missing
        and "over the 7 claims" in missing
    )
    with pytest.raises(ValueError, match="must be one of"):
        verdict_table("nothing")


def test_few_seeds_have_no_verdict(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    record = record_of("lwas-residual", seeds=2)
    assert all(
        line.endswith("unresolved, fewer than 6 pairs") for line in findings.of_factors(record)
    )
    write_json(tmp_path / "lwas-residual.json", record)
    assert "**unresolved**" in verdict_table(
        "lwas-residual"
    ) and "| none: too few |" in verdict_table("lwas-residual")
    assert isnan(findings.contrast_of({"mean": 0, "n": 2, "p": None}).p)
    assert len(figures.figure_factors(record).axes) == 6


def test_what_three_seeds_would_have_said():
    d = drawn(8)
    a = announced(d, 3, 0.03)
    said = findings.three_seeds_text("x", d, 0.03)
    assert said.startswith(
        f"x: all 8 seeds say {mean(d):+.3f} dB; "
        f"with 3 of them {a.gain:.0%} announce a gain of 0.03 dB or more"
    )
    assert len(findings.table_by_n(d, 0.03)) == 9 and findings.table_by_n([], 0.03) == []
    third = findings.table_by_n(d, 0.03)[3].split()
    assert third[:2] == ["3", "56"] and third[2:6] == [
        f"{x:.0%}" for x in (a.gain, a.loss, a.turned, a.resolved)
    ]


# pictures


def labels(ax) -> list[str]:
    return [t.get_text() for t in ax.get_yticklabels()]


def test_all_seeds_of_the_arms_are_drawn(records):
    figure = figures.figure_factors(records["lwas-residual"])
    arms, lwas, residual = figure.axes[:3]
    dots = np.concatenate([line.get_ydata() for line in arms.lines])  # a line per seed
    rows = [r["psnr"] for r in records["lwas-residual"]["rows"] if r["task"] == "denoise"]
    assert sorted(dots) == pytest.approx(sorted(rows)) and len(rows) == 32
    assert [t.get_text() for t in arms.get_xticklabels()][0] == "lwas off\nresidual off"
    assert (
        arms.get_title("left") == "denoising: every seed"
        and figure.axes[3].get_title("left") == "super-resolution: every seed"
    )
    assert (
        labels(lwas)[0] == "layer-wise sharing"
        and labels(residual)[1] == "residual learning, layer-wise on"
    )
    assert lwas.patches[0].get_x() == -0.05 and lwas.patches[0].get_width() == pytest.approx(
        0.1
    )  # the smallest effect of interest


def test_the_other_pictures(records):
    left, right = figures.figure_budget(records["budget"]).axes
    assert [t.get_text() for t in right.get_xticklabels()] == [
        "20",
        "80",
        "320",
    ] and left.get_legend() is not None
    axes = figures.figure_loss(records["loss"]).axes
    assert len(axes) == 6 and axes[2].yaxis_inverted() and not axes[0].yaxis_inverted()
    assert axes[5].get_title("left") == "super-resolution: GMSD (less is better)"
    raw, equal, table, arms = figures.figure_widths(records["widths"]).axes
    assert len(equal.get_xticklabels()) == 12 and raw.get_ylim() == equal.get_ylim()
    found = sum(int(t.get_text()[1:]) for t in equal.texts)
    assert found == 6 and [t.get_text() for t in table.get_legend().get_texts()] == [
        "ws",
        "w40",
        "wm",
    ]
    printed, here = figures.figure_sharing(records["sharing"], printed_tests()).axes
    assert (
        len(labels(printed)) == 6
        and labels(here) == ["cell sharing"]
        and printed.get_xlim() == here.get_xlim()
    )
    assert printed.get_title("left").startswith("printed, n = 3: 5 of 6 bars lie in the gray band")
    bars = [line.get_xdata() for line in printed.lines if line.get_linewidth() == 7]
    assert len(bars) == 6 and sum(max(map(abs, ends)) < 0.1 for ends in bars) == 5
    (planning,) = figures.figure_planning(drawn(8), 0.03).axes
    assert [t.get_text() for t in planning.get_legend().get_texts()][
        0
    ] == "0.03 dB is true: chance that it is found"
    (table,) = figure_table([t for t in printed_tests() if t.table == 1]).axes
    assert len(labels(table)) == 36


def test_choices_as_a_picture():
    d = drawn(8)
    top, below = chooser.figure_choices(d, 3, at=55).axes
    assert len(below.collections) == 56  # an interval each
    assert "n = 3, study 56 of 56 (seeds " in top.get_title("left")
    filled = [
        line
        for line in top.lines
        if line.get_marker() == "o" and line.get_markerfacecolor() == style.INK
    ]
    assert sorted(float(line.get_xdata()[0]) for line in filled) == sorted(d)[-3:]
    assert "one pair has no interval; no verdict below 6 pairs" in chooser.sentence(
        choices(d, 1)[0], 8, 1
    )
    assert "no verdict" not in chooser.sentence(choices(d, 6)[0], 28, 1)


def test_the_reader_chooses(monkeypatch):
    monkeypatch.setenv("HINAS_LIVE", "1")
    contrasts = {"one": drawn(8), "other": drawn(6, 1)}
    which, seeds, chosen, picture, _ = chooser.choose_n(contrasts).widget.children
    assert (seeds.max, chosen.max, chosen.value) == (8, 8, 8) and bytes(picture.value).startswith(
        b"\x89PNG"
    )
    before = picture.value
    seeds.value = 3
    assert (chosen.max, chosen.value) == (56, 56) and picture.value != before
    before = picture.value
    chosen.value = 1
    assert picture.value != before
    seeds.value = 8
    which.value = "other"  # it has six seeds only
    assert (seeds.max, seeds.value, chosen.max) == (6, 6, 1)
    with pytest.raises(ValueError, match="at least one contrast"):
        chooser.choose_n({})


def test_a_still_picture_without_widgets(monkeypatch):
    monkeypatch.setenv("HINAS_LIVE", "0")
    still = chooser.choose_n({"one": drawn(8)})
    assert isinstance(still, Figure) and [
        ax.get_title("left").split("\n")[0] for ax in still.axes
    ] == ["n = 1: 8 studies", "n = 3: 56 studies", "n = 8: 1 study"]
    assert len(chooser.choose_n({"one": drawn(2)}).axes) == 2


# a study of one's own


def test_one_change_is_a_study(tmp_path):
    setting, change = Setting(base="tiny", seeds=2), {"residual": False}
    seen = []
    told = study(
        one_change(setting, change),
        tmp_path,
        progress=lambda done, load_and_print: seen.append((done, load_and_print)),
    )
    assert seen[-1] == (4, 4) and told["change"] == change and len(told["differences"]) == 2
    psnr = {(r["arm"], r["seed"]): r["psnr"] for r in told["rows"]}
    assert told["differences"] == pytest.approx(
        [psnr["changed", s] - psnr["as it is", s] for s in (0, 1)]
    )
    assert max(told["differences"]) < 0  # twenty iterations do not teach a net to copy its input
    assert "changed {'residual': False} - as it is" in findings.of_change(told)[1]
    assert (
        study(one_change(setting, change), tmp_path)["rows"] == told["rows"]
    )  # nothing is trained twice
    assert len(figures.figure_change(told).axes) == 2
    with pytest.raises(ValueError, match="change = {'speed': 2}: .*speed"):
        next(one_change(setting, {"speed": 2}))


# questions


@pytest.mark.parametrize("name", ["", "Ada", "Emmy", "Kurt", "Sofia"])
def test_questions_worked_out_another_way(name):

    def text(id: str) -> str:
        return lessons.question(id, name).text

    def signed(id: str) -> list[float]:
        return [float(x) for x in re.findall(r"[-+]\d\.\d+", text(id))]

    d = signed("07.a")
    assert solve("07.a", name) == pytest.approx(
        stats.t.ppf(0.975, len(d) - 1) * stdev(d) / sqrt(len(d)), abs=1e-9
    )
    assert solve("07.b", name) == pytest.approx(
        1 - 0.95 ** int(re.search(r"in (\d+) columns", text("07.b"))[1])
    )
    d = signed("07.c")
    assert len(d) == 5 and solve("07.c", name) == sum(sum(c) >= 0.09 for c in combinations(d, 3))
    sd, effect = (float(x) for x in re.findall(r"([\d.]+) dB", text("07.d"))[:2])
    assert (
        power(sd, effect, solve("07.d", name)) >= 0.8 > power(sd, effect, solve("07.d", name) - 1)
    )
    n, centre, spread = re.search(
        r"(\d+) pairs .* difference (\S+) dB, .* differences (\S+) dB", text("07.e")
    ).groups()
    error = float(spread) / sqrt(int(n))
    different = abs(float(centre)) > stats.t.ppf(0.975, int(n) - 1) * error
    equal = abs(float(centre)) + stats.t.ppf(0.95, int(n) - 1) * error < 0.1
    assert (
        solve("07.e", name) == ("both" if different else "equal")
        if equal
        else ("different" if different else "neither")
    )
    none, one, other, both = (float(x) for x in re.findall(r"\d\d\.\d\d", text("07.f")))
    assert solve("07.f", name) == pytest.approx((one - none + both - other) / 2, abs=1e-9)


def test_every_word_is_an_answer():
    assert {solve("07.e", f"student {i}") for i in range(60)} == {
        "different",
        "equal",
        "both",
        "neither",
    }


# conclusions


def test_what_the_prose_says_of_table_1():
    """Notebook 07 speaks of 0.03 dB at sigma 30; notebook 10 of residual learning in Table 2."""
    best, next_best = sorted((row["psnr_s30"].value for row in paper_table(1).rows), reverse=True)[
        :2
    ]
    assert round(best - next_best, 2) == 0.03
    psnr = [t for t in printed_tests() if t.column.startswith("psnr")]
    assert all(
        t.contrast.resolved and t.contrast.mean > 0
        for t in psnr
        if (t.table, t.what) == (2, "residual learning")
    )


def moved(record: dict, id: str, by: float) -> dict:
    """The record with the claim ``id`` at a mean of ``by`` and a narrow interval."""
    told = record["claims"][id] | {"mean": by, "low": by - 0.01, "high": by + 0.01}
    return record | {"claims": record["claims"] | {id: told}}


def test_conclusion_of_the_factors_turns_with_the_record(records):
    record = records["lwas-residual"]
    above, below = (moved(record, "lwas-denoise", by) for by in (0.2, -0.2))
    name = "layer-wise sharing in denoising"
    assert re.search(f"above 0: [^;]*{name}", findings.conclude_factors(above))
    assert re.search(f"below 0: {name}", findings.conclude_factors(below))
    wide = moved(record, "lwas-denoise", 0.0)
    assert re.search(f"not the same as no effect: [^;]*{name}", findings.conclude_factors(wide))


def test_conclusion_of_three_chosen_seeds():
    both, gain, none = [-0.1, -0.1, -0.1, 0.1, 0.1, 0.1], [0.1] * 6, [0.0] * 6
    said = findings.conclude_choices({"lwas-sr": both, "residual-sr": gain, "x": none}, 0.03)
    assert "of layer-wise sharing in super-resolution a gain or a loss, as one likes" in said
    assert said.endswith("of residual learning in super-resolution only a gain.")
    assert "only a loss" in findings.conclude_choices({"lwas-sr": [-0.1] * 6}, 0.03)
    assert findings.conclude_choices({"lwas-sr": both}, 1) == (
        "**So:** no choice of three seeds announces 1 dB."
    )


def test_conclusion_of_a_pilot():
    d = drawn(8, spread=0.06)
    assert "cannot find such an effect" in findings.conclude_plan(d, 0.01)
    assert "are enough to find 0.5 dB" in findings.conclude_plan(d, 0.5)
    assert findings.conclude_plan([0.1], 0.03) == ""


@pytest.mark.parametrize(
    "first, last, said",
    [
        (1.0, 0.5, "head start; what is left is still above 0"),
        (1.0, 0.0, "head start; what is left is not told from 0"),
        (1.0, -0.5, "head start; in the end it is a loss"),
        (-0.2, -0.5, r"16 x\): in the end it is a loss"),
        (0.5, 1.0, "grows with training"),
        (0.5, 0.5, "do not tell whether"),
    ],
)
def test_conclusion_of_the_budget(first, last, said):
    spread = np.array([-0.02, -0.01, 0.0, 0.0, 0.01, 0.02])
    along = []
    for times, mean_, noise in ((1, first, spread), (16, last, spread[::-1])):
        c = paired(mean_ + noise)
        along.append({"times": times, "differences": (mean_ + noise).tolist(), **vars(c)})
    assert re.search(said, findings.conclude_budget({"along": along}))


@pytest.mark.parametrize(
    "ssim, gmsd, said",
    [
        (0.1, 0.1, "PSNR worse, SSIM better, GMSD worse: no other metric agrees"),
        (0.1, -0.1, "GMSD better: another metric agrees"),
        (0.0, -0.1, "SSIM unresolved, GMSD better: no gain is shown even at its own metric"),
        (-0.1, 0.0, "SSIM worse, GMSD unresolved: no gain is shown"),
    ],
)
def test_conclusion_of_lambda(ssim, gmsd, said):
    """GMSD measures a distortion: less of it is better."""
    entries = [
        {"task": "denoise", "metric": metric, "lam": lam, "n": 8}
        | {"mean": mean_, "low": mean_ - 0.01, "high": mean_ + 0.01}
        for metric, mean_ in (("psnr", -0.1), ("ssim", ssim), ("gmsd", gmsd))
        for lam in (0.06, 0.6)
    ]
    assert said in findings.conclude_lambda({"against_none": entries})


@pytest.mark.parametrize("wide", [0.0, 1.0])
@pytest.mark.parametrize("equal", [0.0, 1.0])
def test_conclusion_of_the_paths(records, wide, equal):
    """Paths that differ by 1 dB each are told from seeds; equal ones are not."""
    arms = dict(zip(records["widths"]["ranks"], (wide, equal)))
    rows = []
    for arm, step in arms.items():
        for path in range(12):
            for seed in range(4):
                # as many of each remainder in every path: their means are equal
                psnr = 26 + step * path + 0.05 * ((path + seed) % 4)
                rows.append({"arm": arm, "path": [path], "seed": seed, "psnr": psnr})
    said = findings.conclude_paths(records["widths"] | {"rows": rows})
    word = {
        (1.0, 1.0): "at equal parameters too",
        (1.0, 0.0): "which fits size as the cause",
        (0.0, 1.0): "at equal parameters only",
        (0.0, 0.0): "no difference between paths is seen",
    }[wide, equal]
    assert word in said and "one drawn by lot 6.5" in said


@pytest.mark.parametrize(
    "verdict, mean_, said",
    [
        ("supported", 0.0, "is as good within ± 0.1 dB"),
        ("supported", 0.05, "differs from not sharing, by less than the margin"),
        ("unresolved", 0.0, "8 seeds show neither a difference nor equality"),
        ("unresolved", 0.05, "changes the quality, and equality"),
    ],
)
def test_conclusion_of_sharing(records, verdict, mean_, said):
    record = moved(records["sharing"], "sharing-equal", mean_)
    record["claims"]["sharing-equal"]["verdict"] = verdict
    assert said in findings.conclude_sharing(record)


def test_conclusions_of_the_stored_records_and_of_none(tmp_path, monkeypatch):
    """Each is a sentence of the real record, and the line of a record that is not there."""
    functions = {
        "lwas-residual": findings.conclude_factors,
        "budget": findings.conclude_budget,
        "loss": findings.conclude_lambda,
        "widths": findings.conclude_paths,
        "sharing": findings.conclude_sharing,
    }
    for name, conclude in functions.items():
        said = conclude(load_record(name))
        assert said.startswith("**So:** ") and said.endswith(".") and "nan" not in said
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    for name, conclude in functions.items():
        assert conclude(load_record(name)).startswith(f"recorded study '{name}'")
