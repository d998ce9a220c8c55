"""Trained nets of folders and records: their trade-off, its picture, its widgets, its command."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hinas_lab as lab
from hinas_lab.analysis.trade_off import budget_of, groups, in_units, trade_off
from hinas_lab.analysis.trained_nets import Found, TrainedNet, find_nets, nets_of_runs
from hinas_lab.cli.main import main
from hinas_lab.drawing import style
from hinas_lab.drawing.trade_off import areas, figure_trade_off, looks
from hinas_lab.live.explore import Explorer, explore
from hinas_lab.paths import data

GENOTYPE = (data("nets", "net") / "genotype.json").read_text()


def net(name="a", method="random", macs=1e9, psnr=26.0, **changes) -> TrainedNet:
    return TrainedNet(
        **{
            "name": name,
            "method": method,
            "seed": 0,
            "psnr": psnr,
            "ssim": psnr / 40,
            "parameters": int(macs / 1e5),
            "macs": macs,
            "genotype": lab.Genotype.from_json(GENOTYPE),
            "preset": "study",
            "protocol": "whole",
            "device": "cpu",
            "test": "denoise, builtin",
        }
        | changes
    )


FOUR = (
    net("dear", "searched", 4e9, 27.0),
    net("cheap", "random", 1e9, 26.0),
    net("beaten", "random", 2e9, 25.9),
    net("middle", "searched", 2e9, 26.5),
)


def row(**changes) -> dict:
    values = {"arm": "searched", "seed": 1, "psnr": 26.5, "ssim": 0.66, "parameters": 9000}
    return values | {"macs": 10**9, "genotype": GENOTYPE, "key": "train-1"} | changes


# ---- what nets there are


def test_the_recorded_study_gives_a_net_for_each_training():
    found = find_nets("search")
    record = json.loads(data("studies", "search.json").read_text())
    assert len(found.nets) == len({(r["arm"], r["key"]) for r in record["rows"]})
    (group,) = groups(found.nets)
    assert group == "denoise, builtin, protocol whole"
    by_row = {(n.psnr, n.parameters) for n in found.nets}
    assert by_row == {(r["psnr"], r["parameters"]) for r in record["rows"]}
    assert all(n.genotype and n.preset == "study" and n.folder is None for n in found.nets)
    assert find_nets(record).nets == find_nets(data("studies", "search.json")).nets == found.nets


def test_a_training_that_rows_of_an_arm_share_counts_once():
    rows = [row(), row(), row(arm="again"), row(key="train-2"), row(key=None), row(key=None)]
    found = find_nets([*rows, {"arm": "searched", "seed": 3}])
    assert [n.method for n in found.nets] == ["searched", "again", "searched", *["searched"] * 2]
    assert found.left_out == ("record: rows without psnr and ssim, left out: 1",)


def test_a_row_says_its_protocol_level_and_time():
    rows = [
        row(genotype=None, method="tv", arm=None, level=50.0, dataset="Set5", seconds=0.25, n=5),
        row(arm="x4", scale=4, genotype=None, protocol="sr-standard", milliseconds=7.0, macs=None),
        row(seconds=40.0),
    ]
    tv, sr, trained = find_nets({"rows": rows, "protocols": ["sr-standard", "whole"]}).nets
    assert (tv.method, tv.measured_as) == ("tv", "denoise sigma 50, Set5, protocol whole")
    assert (tv.milliseconds, tv.picture, tv.genotype) == (250, "mean of Set5", None)
    assert sr.measured_as == "sr x4, test pictures, protocol sr-standard"
    assert (sr.milliseconds, sr.picture, sr.macs) == (7, "480 x 320", None)
    assert trained.milliseconds is None, "seconds of a training"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ([row(macs=float("nan"))], "record: row 1 (searched): macs = nan: must be a finite number"),
        (
            [row(), row(parameters=0)],
            "row 2 (searched): parameters = 0: must be a finite number ab",
        ),
        ([row(psnr=float("inf"))], "psnr = inf: must be a finite number"),
        ([row(macs="many")], "macs = 'many'"),
        ([row(genotype="{")], "row 1 (searched): "),
        ([row(task="sewing", level=3)], "sewing"),
        ([row(scale="x4", genotype=None)], "row 1 (searched): "),
        ([{"arm": "searched"}], "holds no trained nets (no row with psnr and ssim)"),
        ([], "not empty"),
        (3, "must be a folder of runs, a study's record or its rows"),
        ({"rows": [1]}, "record: no record of a study (no rows)"),
        ([row(), net()], "must be rows of one record, or trained nets alone"),
        ("nowhere", "nowhere: no folder of runs, no record"),
        ("demo", "no record of a study (no rows)"),
    ],
)
def test_what_holds_no_nets_is_refused_in_one_line(what, words):
    with pytest.raises(ValueError) as error:
        find_nets(what)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_damaged_rows_end_in_one_line_or_in_nets():
    rng = random.Random(0)
    odd = (None, [], {}, "x", -1, 10**400, float("nan"), True, {"a": [1]}, "\n")
    kept = 0
    for _ in range(300):
        damaged = row(level=50.0, seconds=1.0, protocol="whole", task="denoise")
        for name in rng.sample([*damaged, "scale", "milliseconds", "test"], 2):
            damaged[name] = rng.choice(odd)
        record = {"rows": [damaged], "protocols": rng.choice([*odd, ["whole"]]), "data": "builtin"}
        try:
            seen = trade_off(find_nets(record), cost="parameters")
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            kept += len(seen.nets)
    assert 30 < kept < 270


@pytest.fixture
def runs(tmp_path) -> Path:
    """Three nets as somebody has them, one measured by a study, and what is no net."""
    folder = tmp_path / "runs"
    shutil.copytree(data("nets", "net-narrow"), folder / "narrow")
    for name in ("one", "two"):
        shutil.copytree(data("nets", "study-both"), folder / "searched" / name)
    scores = {"psnr": 30.0, "ssim": 0.9, "protocol": "whole", "test": "builtin"}
    (folder / "searched" / "one" / "row.json").write_text(json.dumps(scores))
    (folder / "searched" / "two" / "row.json").write_text(json.dumps(scores | {"psnr": 31.0}))
    shutil.copytree(data("runs", "classroom"), folder / "search")
    shutil.copytree(data("nets", "net"), folder / "half")
    (folder / "half" / "best.safetensors").unlink()
    (folder / "damaged").mkdir()
    (folder / "damaged" / "config.json").write_text("{")
    return folder


def test_a_folder_of_runs(runs):
    found = nets_of_runs(runs)
    told = {n.name.replace("\\", "/"): n for n in found.nets}
    assert {name: n.method for name, n in told.items()} == {
        "narrow": "classroom",
        "searched/one": "searched",
        "searched/two": "searched",
    }
    # what a study measured is taken as it is, the other one is measured: as it was recorded
    assert (told["searched/one"].psnr, told["searched/two"].ssim) == (30.0, 0.9)
    assert 26.7 < told["narrow"].psnr < 26.9 and told["narrow"].protocol == "whole"
    (recorded,) = [r for r in find_nets("lwas-residual").nets if r.psnr == 26.37722]
    assert (told["searched/one"].parameters, told["searched/one"].macs) == (
        recorded.parameters,
        recorded.macs,
    )
    assert len({n.measured_as for n in found.nets}) == 1
    half, damaged = sorted(found.left_out, key=lambda line: "damaged" in line)
    assert "half: not finished, or without its weights" in half and "damaged" in damaged
    assert find_nets(found) is found


def test_a_study_measures_at_the_first_level_of_a_training(runs):
    """Where several were trained for, a run that no study measured is measured at another one."""
    for run in ("one", "two"):
        file = runs / "searched" / run / "config.json"
        header = json.loads(file.read_text())
        header["train"]["sigmas"] = [30.0, 50.0, 70.0]
        file.write_text(json.dumps(header))
    (runs / "searched" / "two" / "row.json").unlink()
    tests = {n.name: n.test for n in nets_of_runs(runs / "searched").nets}
    assert tests == {"one": "denoise sigma 30, builtin", "two": "denoise sigma 50, builtin"}


def test_wrong_words_are_refused_before_anything_is_measured(runs, monkeypatch):
    def never(*args):
        raise AssertionError("measured")

    monkeypatch.setattr("hinas_lab.analysis.net_measures.measured", never)
    for wrong in ({"cost": "money"}, {"quality": "beauty"}, {"budget": "30ms"}):
        for call in (explore, lab.draw_tradeoff):
            with pytest.raises(ValueError, match="must be one of|is of milliseconds"):
                call(runs, **wrong)


def test_a_folder_without_a_training_says_so(runs, tmp_path):
    for name in ("search", "narrow"):
        shutil.copytree(runs / name, tmp_path / "few" / name)
    (tmp_path / "few" / "narrow" / "best.safetensors").unlink()
    with pytest.raises(ValueError, match="no finished training below it .*not finished"):
        nets_of_runs(tmp_path / "few")
    with pytest.raises(ValueError, match="no such folder"):
        nets_of_runs(tmp_path / "none")


# ---- the trade-off


def test_the_front_the_best_within_the_budget_and_the_title():
    seen = trade_off(Found(FOUR), budget="2.5GMAC")
    assert [n.name for n in seen.nets][::3] == ["cheap", "dear"]
    assert [seen.nets[i].name for i in seen.front] == ["cheap", "middle", "dear"]
    assert seen.nets[seen.within].name == "middle"
    assert seen.title == "best of 3 nets within 2.5 GMAC: 26.50 dB, middle"
    low, high = seen.band
    assert seen.edges.tolist() == [1e9, 2e9, 4e9] and high.tolist() == [26, 26.5, 27]
    assert trade_off(Found(FOUR)).title == "3 of 4 nets are beaten by no other one"
    poor = trade_off(Found(FOUR), budget=1e8)
    assert poor.within is None and poor.title == "no net within 100 MMAC; the cheapest: 1 GMAC"
    assert np.array_equal(low, trade_off(Found(FOUR), seed=0).band[0])


def test_a_front_of_one_net_has_no_band_and_says_so():
    seen = trade_off(Found((net(),)))
    assert seen.band is None and seen.title == "one net: a front of one net says nothing"
    with style.theme():
        labels = figure_trade_off(seen).axes[0].get_legend().get_texts()
    assert not [text for text in labels if "band" in text.get_text()]


def test_nets_that_cannot_be_compared_do_not_meet():
    other = net("other", psnr=40.0, protocol="authors-eval")
    unknown = net("untold", milliseconds=None)
    timed = [replace(n, milliseconds=5.0 + i) for i, n in enumerate(FOUR)]
    timed[0] = replace(timed[0], device="cuda")
    seen = trade_off(Found((*timed, other, unknown), ("a note",)), cost="milliseconds")
    assert len(seen.nets) == 4
    assert seen.notes == (
        "a note",
        "measured otherwise, not shown: 1 (denoise, builtin, protocol authors-eval)",
        "milliseconds not known: untold",
        "milliseconds of 2 kinds, no ranking: cpu, 480 x 320; cuda, 480 x 320",
    )
    alone = trade_off(Found((*FOUR, other)), measured_as=other.measured_as)
    assert alone.nets == (other,)
    with pytest.raises(ValueError, match="milliseconds: known of none of these nets"):
        trade_off(Found(FOUR), cost="milliseconds")
    for wrong in ({"cost": "money"}, {"quality": "beauty"}, {"measured_as": "by eye"}):
        with pytest.raises(ValueError, match="must be one of"):
            trade_off(Found(FOUR), **wrong)


def test_a_cost_that_is_nan_is_refused():
    with pytest.raises(ValueError, match="cost of net . of 5 = nan: must be finite and above 0"):
        trade_off(Found((*FOUR, net("x", macs=1e9, parameters=float("nan")))), cost="parameters")


def test_budgets():
    """In the words of a search's: M and k alone are of parameters."""
    for text, of, wanted in (
        ("1.5GMAC", "macs", 1.5e9),
        ("1.5 GMAC", "macs", 1.5e9),
        ("800MMAC", "macs", 8e8),
        (2e9, "macs", 2e9),
        ("30ms", "milliseconds", 30),
        ("0.2M", "parameters", 2e5),
        ("12 k parameters", "parameters", 12000),
        ("1e4", "parameters", 1e4),
    ):
        assert budget_of(text, of) == pytest.approx(wanted)
    for text, of, words in (
        ("30ms", "macs", "is of milliseconds, the cost that is asked for is macs"),
        ("0.2M", "macs", "is of parameters, the cost that is asked for is macs"),
        ("3 apples", "macs", "units are GMAC"),
        ("1.5G", "macs", "units are GMAC"),
        ("1.2.3GMAC", "macs", "must be a number"),
        ("", "macs", "must be a number"),
        ("0", "macs", "must be finite and above 0"),
        (float("nan"), "macs", "must be finite and above 0"),
    ):
        with pytest.raises(ValueError) as error:
            budget_of(text, of)
        assert words in str(error.value) and "\n" not in str(error.value)


def test_numbers_as_they_are_read():
    assert in_units(1.1698e9, "macs") == "1.17 GMAC"
    assert in_units(7873, "parameters") == "7.87 k parameters"
    assert in_units(500, "parameters") == "500 parameters"
    assert in_units(31.26, "milliseconds") == "31.3 ms"
    assert (in_units(26.377, "psnr"), in_units(0.64205, "ssim")) == ("26.38 dB", "0.6421")


# ---- the picture


def test_a_mark_a_method_an_area_by_parameters_and_the_front():
    seen = trade_off(Found(FOUR), budget="2.5GMAC")
    assert len(set(looks(seen).values())) == 2
    # in proportion to parameters, above the least area
    assert np.diff(areas(seen)) == pytest.approx([38.5, 0, 77])
    with style.theme():
        figure = figure_trade_off(seen)
    ax = figure.axes[0]
    marks = max(ax.collections, key=lambda part: len(part.get_offsets()))
    assert {tuple(point) for point in marks.get_offsets()} == set(zip(seen.x, seen.y))
    drawn = dict(zip(map(tuple, marks.get_offsets()), marks.get_sizes()))
    for x, y, area in zip(seen.x, seen.y, areas(seen)):
        assert drawn[x, y] == pytest.approx(area)
    by_label = {line.get_label(): line for line in ax.lines}
    assert by_label["front"].get_ydata().tolist() == [26, 26.5, 27, 27]
    assert by_label["front"].get_drawstyle() == "steps-post"
    assert by_label["budget 2.5 GMAC"].get_xdata() == [2.5e9, 2.5e9]
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == [
        "random (2)",
        "searched (2)",
        "10 k parameters",
        "40 k parameters",
        "front",
        "its band: nets drawn again, 95 %",
        "budget 2.5 GMAC",
    ]
    assert "2 GMAC" not in figure.axes[0].get_title() and ax.get_xscale() == "log"
    assert "measured as: denoise, builtin, protocol whole" in figure.get_supxlabel()


def test_many_methods_look_different():
    many = tuple(net(f"n{i}", f"method {i}", 1e9 + i * 1e7) for i in range(40))
    assert len(set(looks(trade_off(Found(many))).values())) == 40


def test_names_that_matplotlib_would_read_otherwise():
    seen = trade_off(Found((net("a", "$x_"), net("b", "_old"), net("c", "$\\x$"))))
    with style.theme():
        figure = figure_trade_off(seen)
        style.png(figure)
    words = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert words[:3] == ["$x_ (1)", " _old (1)", "$\\x$ (1)"]


def test_equal_nets_are_drawn():
    seen = trade_off(Found((net("a"), net("b"))))
    assert lab.draw_tradeoff(list(seen.nets)).axes[0].get_ylim()[0] < 26
    assert seen.front.tolist() == [0, 1]


# ---- the widgets


def test_the_explorer_shows_the_net_that_is_chosen():
    shown = explore("search", budget="1.5GMAC")
    assert isinstance(shown, Explorer)
    assert shown.seen.within == shown.points.chosen == shown.net.value
    assert "searched, seed 7" in shown.numbers.value and "1.27 GMAC" in shown.numbers.value
    assert "<img" in shown.wiring.value or "install" in shown.wiring.value
    assert "not at hand" in shown.picture.value
    spots = shown.points.spots
    assert len(spots) == len(shown.net.options) == 76
    assert all(0 < spot["x"] < 1 and 0 < spot["y"] < 1 for spot in spots)
    # a dearer net lies farther right, a better one higher
    assert np.array_equal(np.argsort([s["y"] for s in spots]), np.argsort(-shown.seen.y))
    shown.points.chosen = 3
    assert shown.net.value == 3 and shown.seen.nets[3].name in shown.numbers.value
    shown.net.value = 5
    assert shown.points.chosen == 5 and shown.net.label in shown.kept._bundle[0]["text/plain"]
    before = shown.seen.nets[5]
    shown.cost.value = "parameters"
    assert shown.seen.nets[shown.net.value] == before and shown.budget.value == ""
    assert shown.points.spots[shown.net.value]["name"].startswith(before.name)


def test_what_a_reader_asks_wrongly_is_said_and_changes_nothing():
    shown = explore(list(FOUR))
    seen = shown.seen
    for budget in ("30ms", "many"):
        shown.budget.value = budget
        assert "budget = " in shown.status.value and shown.seen is seen
    shown.budget.value = "2.5GMAC"
    assert shown.status.value == "" and shown.seen.nets[shown.seen.within].name == "middle"
    shown.cost.value = "milliseconds"
    assert "known of none" in shown.status.value and shown.budget.value == ""
    shown.points.chosen = -1
    assert shown.net.value is not None


def test_nets_that_cannot_be_timed_are_told_and_change_nothing(monkeypatch):
    def full(nets, device):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("hinas_lab.analysis.net_measures.timed", full)
    shown = explore(list(FOUR))
    seen = shown.seen
    shown.cost.value = "milliseconds"
    assert "RuntimeError: out of memory" in shown.status.value and shown.seen is seen


def test_groups_are_a_choice_and_a_run_restores_a_picture(runs, monkeypatch):
    for name, less in (("REPEATS", 1), ("HEIGHT", 64), ("WIDTH", 96)):
        monkeypatch.setattr(f"hinas_lab.analysis.net_measures.{name}", less)
    found = nets_of_runs(runs / "searched")
    other = net("other", protocol="authors-eval")
    shown = explore(found._replace(nets=(*found.nets, other)))
    shown.measured_as.value = other.measured_as
    assert shown.seen.nets == (other,) and "other" in shown.numbers.value
    shown.measured_as.value = found.nets[0].measured_as
    shown.net.value = [n.name for n in shown.seen.nets].index("two")
    assert "data:image/png" in shown.picture.value
    shown.cost.value = "milliseconds"
    assert shown.status.value == "" and shown.seen.x.min() > 0
    assert "milliseconds of</th>" in shown.numbers.value


def test_without_widgets_it_is_the_still(monkeypatch):
    monkeypatch.setenv("HINAS_LIVE", "0")
    figure = lab.explore(list(FOUR), budget="2.5GMAC")
    assert "middle" in figure.axes[0].get_title(loc="left")


# ---- the command


def test_the_command_prints_the_front_and_writes_the_picture(tmp_path, capsys):
    out = tmp_path / "all.svg"
    assert main(["explore", "search", "--budget", "1.5GMAC", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "best of 12 nets within 1.5 GMAC: 26.63 dB, searched, seed 7" in text
    front = trade_off(find_nets("search")).front
    assert text.splitlines()[len(front)].startswith("best of") and f"wrote {out}" in text
    first = out.read_bytes()
    assert main(["explore", "search", "--budget", "1.5GMAC", "--out", str(out)]) == 0
    assert out.read_bytes() == first and b"<svg" in first


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["search", "--budget", "30ms"], "is of milliseconds"),
        (["search", "--cost", "money"], "cost = 'money': must be one of"),
        (["search", "--out", "x.txt"], "must end in .svg, .png, .pdf"),
        (["search", "--out", "nowhere/x.svg"], "its folder does not exist"),
        (["paths"], "holds no trained nets"),
        (["nothing"], "no folder of runs, no record"),
    ],
)
def test_a_wrong_option_is_one_line(options, words, capsys):
    assert main(["explore", *options]) == 2
    error = capsys.readouterr().err
    assert words in error and len(error.strip().splitlines()) == 1
