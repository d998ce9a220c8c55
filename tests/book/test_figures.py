"""The registry redraws everything from records; tables, trade-off and visual rows say what they are
made from."""

import csv
import io
import re
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import hinas, refused
from matplotlib.figure import Figure

from hinas_book.ch10_state_of_the_art.figures import (
    figure_costs,
    figure_measured,
    figure_scores,
    figure_tradeoff,
    measured_points,
    mixed,
    plot_tradeoff,
    published_points,
    published_scores,
)
from hinas_book.kit import recorded
from hinas_book.kit.design import Setting, judge_claim, net_row, report
from hinas_book.kit.registry import designs, paper_figures
from hinas_book.kit.verdicts import in_words
from hinas_book.paper import redraw as redrawing
from hinas_book.paper import tables, visual_comparisons
from hinas_book.paper.our_rows import Measured, by_protocol, measured, merged, one_protocol
from hinas_book.paper.our_studies import blocks
from hinas_book.paper.published import TABLES, paper_table
from hinas_book.paper.redraw import IDS, index, redraw
from hinas_lab.cli.main import build_parser
from hinas_lab.config import SearchSpace
from hinas_lab.space.genotype import make
from hinas_lab.storage import write_json

STAMP = {"hinas_lab": "abc", "device": "cpu", "seed": 0}


# ---- tables


def test_ranks_by_hand():
    rank = tables.ranks(paper_table(10))
    method = [r["method"].printed for r in paper_table(10).rows]
    assert (
        rank[method.index("HiNAS"), "psnr_s50"] == 1
        and rank[method.index("N3Net"), "psnr_s50"] == 2
    )
    assert (
        rank[method.index("HiNAS"), "seconds"] == 1 and rank[method.index("MemNet"), "seconds"] == 2
    )
    assert (method.index("NLRN"), "ssim_s30") not in rank and rank[
        method.index("HiNAS"), "ssim_s30"
    ] == 1  # the flagged cell ranks nowhere
    twelve = tables.ranks(paper_table(12))
    best = {
        s: [
            paper_table(12).rows[i]["method"].printed
            for (i, c), r in twelve.items()
            if c == "psnr_set5" and r == 1 and paper_table(12).rows[i]["scale"].printed == s
        ]
        for s in ("×2", "×4")
    }
    assert best == {"×2": ["IMDN"], "×4": ["IMDN"]}  # each scale by itself, its light nets alone
    assert not [
        i
        for i, _ in tables.ranks(paper_table(4))
        if paper_table(4).rows[i]["method"].printed == "Comparison"
    ]


@pytest.mark.parametrize("number", TABLES)
def test_every_published_cell_is_in_every_format(number):
    rows = by_protocol(number).get("whole" if number == 10 else "sr-standard", [])
    plain = list(csv.reader(io.StringIO(tables.csv_text(paper_table(number), rows))))
    assert [line[:-1] for line in plain[1 : 1 + len(paper_table(number).rows)]] == [
        [c.printed for c in r.values()] for r in paper_table(number).rows
    ]
    assert [line[-1] for line in plain[1:]].count("published") == len(paper_table(number).rows)
    for write in (tables.markdown, tables.latex):
        text = write(paper_table(number), rows)
        assert all(
            c.printed.split(" ")[0] in text
            for r in paper_table(number).rows
            for k, c in r.items()
            if k.startswith(("psnr", "ssim"))
        )
    tex = tables.latex(paper_table(number), rows)
    assert tex.count(r"\toprule") == tex.count(r"\bottomrule") == 1 and tex.count("{") == tex.count(
        "}"
    )
    body = tex[tex.index(r"\toprule") : tex.index(r"\bottomrule")]
    assert {line.count(" & ") for line in body.splitlines() if line.endswith(r"\\")} == {
        len(paper_table(number).columns) - 1
    }
    assert not re.search(r"[σ×±✓✗†“”]|(?<!\\)[%&_#](?!\s)", tex)
    flags = sum(bool(c.flag) for r in paper_table(number).rows for c in r.values())
    assert tables.markdown(paper_table(number), rows).count("- †") == flags


def test_measured_rows_stand_beneath_and_say_what_they_are():
    rows = by_protocol(10)["whole"]
    tv = next(r for r in rows if r.method == "tv")
    assert (
        set(tv.values) == {f"{m}_{s}" for m in ("psnr", "ssim") for s in ("s30", "s50", "s70")}
        and tv.protocol == "whole"
    )
    text = tables.markdown(paper_table(10), rows)
    assert (
        "tv (here)" in text
        and "preset none" in text
        and tables.BANNER in text
        and "Protocol whole" in text
    )
    assert "Published numbers alone" in tables.markdown(paper_table(1), [])
    ours = next(r for r in rows if r.method.startswith("ours"))
    assert set(ours.values) == set(tv.values) and (ours.n, ours.preset, ours.source) == (
        "200",
        "classroom",
        "state-of-the-art.json",
    )
    bicubic = {tuple(r.where.items()): r for n in (11, 12) for r in by_protocol(n)["sr-bicubic"]}
    assert len(bicubic) == 3 and {r.n for r in bicubic.values()} == {"5, 100"}
    for where, r in bicubic.items():
        printed = paper_table(r.table).row("bicubic", **dict(where))
        assert all(
            abs(v - printed[c].value) <= (0.011 if c.startswith("psnr") else 0.001)
            for c, v in r.values.items()
        )


def test_rows_of_two_protocols_never_share_a_table():
    a = measured(10)[0]
    b = replace(a, protocol="authors-eval")
    with pytest.raises(ValueError, match="rows of 2 protocols in one table: authors-eval, whole"):
        tables.markdown(paper_table(10), [a, b])
    assert (
        one_protocol([a, a]) == "whole" and len(merged([a, b])) == 2 and len(merged([a, a])) == 2
    )  # nothing is overwritten
    assert isinstance(a, Measured)


# ---- studies beneath the tables


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Writes a record as a design does, into a folder that holds nothing else."""
    folder = tmp_path / "studies"
    folder.mkdir()
    monkeypatch.setattr(recorded, "FOLDER", folder)

    def write(study, rows, claims=None, protocols=("whole",), presets=("tiny",), **found):
        jobs = [
            {"key": p + q, "protocol": p, "preset": q, "job_seconds": 1.0, "env": {}}
            for p in protocols
            for q in presets
        ]
        write_json(
            folder / f"{study}.json",
            report(study, Setting(base="tiny"), rows, jobs, claims, **found),
        )

    return write


def net(arm, seed, psnr, parameters=3000, **more):
    values = {
        "psnr": psnr,
        "ssim": psnr / 40,
        "gmsd": 0.2,
        "parameters": parameters,
        "macs": 1,
        "train_seconds": 1.0,
        "key": "k",
    }
    return net_row(arm, seed, values, **more)


def two_by_two(record, n=6):
    rows = [
        net(
            f"lwas on, residual {'on' if r else 'off'}",
            seed,
            20 + r + seed / 10 + 5 * (task == "sr"),
            3000 + seed,
            task=task,
        )
        for task in ("denoise", "sr")
        for r in (1, 0)
        for seed in range(n)
    ]
    record(
        "lwas-residual",
        rows,
        {
            f"residual-{t}": judge_claim(f"residual-{t}", [1.0 + s / 100 for s in range(n)])
            for t in ("denoise", "sr")
        },
        protocols=("whole", "sr-standard"),
    )


def test_without_records_nothing_is_beneath(record):
    assert not any(blocks(n) for n in TABLES)
    assert all(
        "Published numbers alone" in tables.markdown(paper_table(n), measured(n), blocks(n))
        for n in TABLES
    )


def test_measured_on_the_tables_own_pictures(record):
    """State of the art: in the published grid's columns, each protocol apart, a row a method, once
    even where two studies measured it."""

    def row(method, task, level, test, protocol, psnr, parameters=None):
        return {
            "method": method,
            "task": task,
            "level": level,
            "test": test,
            "protocol": protocol,
            "n": 5,
            "psnr": psnr,
            "ssim": 0.5,
            "parameters": parameters,
            "preset": "tiny" if parameters else "none",
            "seed": 0,
        }

    rows = [
        row("ours", "denoise", s, "BSDS500", p, s / 2, 3000)
        for s in (30.0, 50.0, 70.0)
        for p in ("whole", "authors-eval")
    ]
    rows += [
        row(
            m,
            "sr",
            level,
            test,
            "sr-standard",
            level + (test == "Set5"),
            99 if m == "ours" else None,
        )
        for m in ("ours", "bicubic")
        for level in (2.0, 3.0)
        for test in ("Set5", "BSD100")
    ]
    record("state-of-the-art", rows)
    whole, other = merged(measured(10))
    assert (whole.method, whole.protocol, other.protocol) == (
        "ours, 3,000 parameters",
        "whole",
        "authors-eval",
    )
    assert [whole.values[f"psnr_s{s}"] for s in (30, 50, 70)] == [15, 25, 35]
    ours, bicubic = measured(12)
    assert (
        ours.where == {"scale": "×2"}
        and ours.values["psnr_set5"] == 3
        and ours.values["psnr_bsd100"] == 2
    )
    assert (ours.n, ours.dataset, bicubic.preset, [r.where for r in measured(11)]) == (
        "5, 5",
        "Set5, BSD100",
        "none",
        [{}, {}],
    )
    record("state-of-the-art", [*rows, rows[-1]])
    assert len(measured(11)) == 2


def test_a_study_stands_beneath_in_columns_of_its_own(record, tmp_path):
    before = {n: tables.csv_text(paper_table(n), merged(measured(n))) for n in TABLES}
    two_by_two(record)
    (denoise,), (sr,) = blocks(1), blocks(2)
    assert not measured(1) and before == {
        n: tables.csv_text(paper_table(n), merged(measured(n))) for n in TABLES
    }  # published grids stay
    assert list(denoise.arms.index) == ["lwas on, residual on", "lwas on, residual off"]
    values = [21 + s / 10 for s in range(6)]
    first = denoise.arms.iloc[0]
    assert first["psnr"] == pytest.approx(statistics.mean(values))
    assert first["psnr_sd"] == pytest.approx(statistics.stdev(values))
    second = sr.arms.iloc[1]
    assert second["psnr"] == pytest.approx(25.25)
    assert (second["parameters_fewest"], second["parameters_most"]) == (3000, 3005)
    assert (denoise.protocol, sr.protocol, denoise.preset, sr.device) == (
        "whole",
        "sr-standard",
        "tiny",
        "cpu",
    )
    assert (
        denoise.pictures.endswith("σ 50")
        and sr.pictures.endswith("×4")
        and denoise.dataset == "builtin test"
    )
    (remark,) = denoise.remarks
    assert remark.startswith(
        "residual learning helps denoising: supported, +1.025 dB (95 % interval +1.00"
    ) and remark.endswith(", n 6")

    text = tables.markdown(paper_table(1), [], blocks(1))
    published, own = text.split("### Beneath Table 1")
    assert (
        "Published numbers alone" not in text and "21.25" not in published and tables.OTHER in own
    )
    assert (
        "| lwas on, residual on | 6 | 0 to 5 | 21.250 ± 0.187 | 21.000 | 0.5312 ± 0.0047 "
        "| 0.2000 | 3,000 to 3,005 |" in own
    )
    assert all(
        word in own
        for word in ("camera", "preset tiny", "protocol whole", "device cpu", "lwas-residual.json")
    )
    tex = tables.latex(paper_table(1), [], blocks(1))
    assert tex.count(r"\toprule") == tex.count(r"\bottomrule") == 2 and tex.count("{") == tex.count(
        "}"
    )
    assert not re.search(r"[σ×±✓✗†“”]|(?<!\\)[%&_#](?!\s)", tex)
    lines = list(csv.DictReader(io.StringIO(tables.blocks_csv(blocks(1)))))
    assert [float(line["psnr"]) for line in lines] == pytest.approx([21.25, 20.25]) and lines[1][
        "psnr_lowest"
    ] == "20.00000"
    assert lines[0]["protocol"] == "whole"

    assert redraw("table01", tmp_path, lambda name: None, STAMP)[-1] == "table01-here.csv"
    row = next(line for line in index({}).splitlines() if line.startswith("| table01: "))
    assert "lwas-residual.json" in row and "tiny (here)" in row


def test_what_arms_do_not_show(record):
    """Few seeds, starred presets, edits, random nets: each study says what belongs beside its
    means."""
    record(
        "loss",
        [
            net(f"lambda {lam:g}", s, 20 + lam, task="denoise", lam=lam)
            for lam in (0, 0.6)
            for s in range(2)
        ],
        {"loss-psnr": judge_claim("loss-psnr", [0.6, 0.6])},
        presets=("tiny", "tiny*"),
    )
    (loss,) = blocks(4)
    assert (
        loss.changed
        and "changed as the arm says" in tables.markdown(paper_table(4), [], [loss])
        and not blocks(5)
    )
    assert loss.remarks == (
        "the SSIM term raises PSNR of a denoiser: unresolved, "
        "+0.600 dB (95 % interval +0.600 to +0.600), n 2",
    )

    def share(n: int, worse: int) -> dict:
        return {
            "n": n,
            "worse": worse,
            "low": 0.1,
            "high": 0.9,
            "median_drop": 0.05,
            "mean_drop": 0.05,
        }

    rows = (
        [net("found", s, 20.0) for s in range(3)]
        + [net("R1", 0, 20 - d, drop=d) for d in (0.3, -0.1, 0.2)]
        + [net("R2", 0, 19, drop=1)]
    )
    rows = [r | {"task": "denoise"} for r in [*rows, net("R1 on random", 0, 18, drop=2)]]
    told = share(3, 2) | {
        "verdict": "unresolved",
        "metric": "share of edits that are worse",
        "mean": 2 / 3,
        "p": 1.0,
    }
    record(
        "perturb",
        rows,
        {"local-optimum-r1": told},
        told={"denoise": {"R1": share(3, 2), "R1 on random": share(1, 1)}},
    )
    (perturb,) = blocks(6)
    assert list(perturb.arms[["trainings", "psnr"]].round(3).itertuples(name=None)) == [
        ("found", 3, 20.0),
        ("R1, the median of 3 edits", 1, 19.8),
        ("R2, the median of 1 edits", 1, 19.0),
    ]
    assert (
        "±" not in "".join(tables.study_grid(perturb).iloc[1]) and not blocks(7) and not blocks(9)
    )
    assert "unresolved, 67 % of edits worse (95 % interval 10 to 90), n 3" in perturb.remarks[0]
    assert perturb.remarks[1:] == (
        "R1: 2 of 3 worse (10% to 90%), median drop +0.050 dB",
        "R1 on random: 1 of 1 worse (10% to 90%), median drop +0.050 dB",
    )

    drawn = [net("random", t, 18, number=i) for i in (0, 1) for t in (1, 2)]
    record("search", [net("searched", 0, 20, percentile=83.3), net("rsws", 0, 19), *drawn])
    (found,) = blocks(1)
    assert list(found.arms[["trainings", "seeds"]].itertuples(name=None)) == [
        ("searched", 1, "0"),
        ("random, search's supernet", 1, "0"),
        ("random nets", 4, "1 to 2"),
    ]
    assert found.remarks == (
        "2 random nets, each trained twice; searched nets lie at their percentile 83",
    )

    record(
        "budget",
        [net("residual on", 0, 20, iterations=i) for i in (20, 320)],
        along=[{"iterations": 320, "mean": 2.0, "low": float("nan"), "high": float("nan"), "n": 1}],
    )
    budget, _ = blocks(1)
    assert list(budget.arms.index) == [
        "residual on, 20 iterations",
        "residual on, 320 iterations",
    ]
    assert budget.remarks == (
        "residual on - residual off after 320 iterations: +2.000 dB, n 1",
    )  # one seed has no interval

    record("widths", [net("ws", 0, 20, path=[0])], paths=12, ranks={"equal parameters": [3, 9]})
    assert blocks(3)[0].remarks == (
        "rank of the found path among all 12, each with the first search's cells, "
        "equal parameters: 3, 9",
    )
    record(
        "sharing",
        [net("sharing on", 0, 20)],
        cost={"on": {"kept": 2, "seconds": 1.0}, "off": {"kept": 3, "seconds": 1.6}},
        batch=4,
        batch_at_equal_memory=6,
        image_seconds_at_equal_memory={"on": 0.2, "off": 0.4},
    )
    assert "1.60 times as long and keeps 1.50 times the bytes at batch 4" in blocks(8)[0].remarks[0]
    assert (
        blocks(8)[0].remarks[0].endswith("batch 6, and a patch without it takes 2.00 times as long")
    )


def test_claims_in_words():
    told = {
        "verdict": "supported",
        "metric": "share",
        "mean": 0.25,
        "low": 0.1,
        "high": 0.4,
        "n": 12,
    }
    assert in_words(told) == "supported, +25 points (95 % interval +10 to +40), n 12"
    assert in_words({"verdict": "not tested", "mean": None}) == "not tested"
    assert (
        in_words({"verdict": "not tested", "mean": None, "note": "one net"})
        == "not tested: one net"
    )
    assert (
        in_words(told | {"metric": "ssim", "low": None, "high": None})
        == "supported, +0.2500 SSIM, n 12"
    )


def test_a_damaged_record_is_one_line(record, tmp_path):
    record("widths", [net("ws", 0, 20)])
    with pytest.raises(
        ValueError,
        match=r"^widths.json: is no record of study widths of this version \(KeyError: 'ranks'\)$",
    ):
        blocks(3)
    (tmp_path / "studies" / "loss.json").write_text('{"study": "search"}')
    with pytest.raises(
        ValueError,
        match=r"loss.json: is no record of study loss.*: "
        r"hinas-lab study loss --json data/studies/loss.json$",
    ):
        blocks(4)
    (tmp_path / "studies" / "loss.json").write_text('{"study":')
    with pytest.raises(ValueError, match=r"loss.json: damaged or unreadable"):
        blocks(4)


def test_every_registered_study_has_its_command():
    for name in designs():
        command = recorded.made_by(name)
        assert command == f"hinas-lab study {name} --json data/studies/{name}.json"
        assert build_parser().parse_args(command.split()[1:]).name == name


def test_figure_7_stands_on_its_record(record, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="make it with: hinas-lab study widths"):
        redraw("fig07", tmp_path, lambda name: None, STAMP)
    space = SearchSpace(layers=2, nodes=1, width=2)
    cells = (((("conv_3x3", 0), ("skip", 1)),),) * 2
    found = {
        "ws": make(space, cells, (0, 1), 0.4),
        "w40": make(replace(space, width_factors=(2.0,)), cells, (0, 0), 1.0),
        "wm": make(replace(space, width_factors=(1.0, 4.0)), cells, (0, 1), 1.0),
    }
    rows = [
        net(arm, seed, 20, genotype=(g if seed == 0 else found["ws"]).to_json())
        for seed in (0, 1)
        for arm, g in found.items()
    ]
    record("widths", rows, paths=12, ranks={})
    assert len(redraw("fig07", tmp_path, lambda name: None, STAMP)) == 9
    svg = {arm: (tmp_path / f"fig07-{arm}.svg").read_text() for arm in found}
    assert all("data/studies/widths.json, seed 0; preset tiny" in text for text in svg.values())
    assert [arm for arm, text in svg.items() if "Viterbi value" in text] == [
        "ws"
    ]  # the others were set by hand
    assert "4·W" in svg["wm"] and "4·W" not in svg["ws"] and "2·W" in svg["w40"]
    monkeypatch.setattr(redrawing, "IDS", ("fig07",))
    assert "widths.json, seed 0. Scale: tiny." in index({})


# ---- visual rows


def test_visual_rows_are_the_papers(tmp_path):
    rows = {n: visual_comparisons.lines(n) for n in (5, 6, 8, 9, 12, 13)}
    assert [line.called for line in rows[5]] == ["101027", "207038"] and [
        line.image for line in rows[6]
    ] == ["img_092", "img_016"]
    assert [line.level for line in rows[12]] == [30, 50, 70]
    assert [(line.called, line.level) for line in rows[13]] == [("101085", 2), ("41069", 4)]
    assert visual_comparisons.lines(1) == []
    for line in (line for some in rows.values() for line in some):
        assert line.columns[-1] == ("clean", "truth")
        for label, source in line.columns:
            if source[0] == "T":  # the published row of that method, at that scale
                number, row = map(int, source[1:].split("."))
                cells = paper_table(number).rows[row - 1]
                assert label == cells["method"].printed
                assert "scale" not in cells or cells["scale"].value == line.level
    path = tmp_path / "figures.csv"
    for old, new, told in (
        ("5,1,", "five,1,", "line 2, column figure: 'five'"),
        ("basic=study-basic", "basic", "column columns"),
        ("5,1,BSDS500", "5,1,Kodak", "known data set"),
    ):
        path.write_text(visual_comparisons.PATH.read_text().replace(old, new, 1))
        with pytest.raises(ValueError, match=told):
            visual_comparisons.lines(5, path)


def test_a_visual_figure_restores_what_it_can_and_says_what_it_cannot():
    line = replace(visual_comparisons.lines(8)[0], stand_in="chelsea")
    asked = []

    def load(name):
        asked.append(name)
        return (lambda noisy: np.clip(noisy, 0, 1)) if name == "net" else None

    figure = visual_comparisons.figure_visual([line], load)
    panels = figure.axes[:4]
    assert asked == ["net-mse", "net"] and [ax.get_title().split("\n")[0] for ax in panels] == [
        "noisy",
        "MSE",
        "MSE + 0.002 l_ssim",
        "clean",
    ]
    assert (
        "dB" in panels[0].get_title()
        and "dB" in panels[2].get_title()
        and "dB" not in panels[1].get_title()
    )
    assert (
        "no weights here" in panels[1].texts[0].get_text()
        and visual_comparisons.STAND_IN in panels[0].get_ylabel()
    )
    assert "classroom" in figure.get_suptitle()
    assert (
        visual_comparisons.figure_visual([line], load, local=True) is None
    )  # no test has the paper's data sets


# ---- trade-off


def test_tradeoff_takes_printed_numbers_that_can_be_right():
    points = {
        name: (seconds, value) for name, seconds, value, _ in published_points(10, "ssim_s50")
    }
    assert points["HiNAS"] == (16.21, 0.7649) and set(points) == {
        "MemNet",
        "NLRN",
        "DBSN",
        "N3Net",
        "HiNAS",
    }
    assert "NLRN" not in {p[0] for p in published_points(10, "ssim_s30")}
    ax = plot_tradeoff(
        [("HiNAS", 1, 2, 0.3), ("other", 10, 1, float("nan"))],
        ax=Figure().subplots(),
        across="s",
        up="dB",
    )
    assert ax.get_xscale() == "log" and [t.get_text() for t in ax.texts] == [
        "HiNAS, 0.3 M",
        "other",
    ]
    figure = figure_tradeoff()
    assert [ax.get_ylabel() for ax in figure.axes] == ["SSIM", "SSIM", "PSNR, dB", "PSNR, dB"]
    assert all("1080 Ti" in ax.get_xlabel() for ax in figure.axes)
    here = figure_costs(
        [{"method": "HiNAS", "macs": 10**9, "seconds": 0.1, "parameters": 10**5}]
    ).axes[0]
    assert "here" in here.get_ylabel() and "1080" not in here.get_xlabel() + here.get_ylabel()


def test_the_trade_off_of_measured_rows_is_drawn_as_the_papers():
    rows = recorded.recorded("peers-trained")["rows"]
    points = measured_points([row for row in rows if row["task"] == "denoise"], "psnr")
    told = {name: (seconds, psnr, millions) for name, seconds, psnr, millions in points}
    assert len(told) == len(points) and "noisy" not in told and np.isnan(told["tv"][2])
    assert {"DnCNN, rate 0.005", "DnCNN, rate 0.001", "nl_means"} < told.keys()
    first = rows[0]
    assert told[first["method"]] == (first["seconds"], first["psnr"], first["parameters"] / 1e6)
    figure = figure_measured(rows)
    assert [ax.get_ylabel() for ax in figure.axes] == ["SSIM", "SSIM", "PSNR, dB", "PSNR, dB"]
    assert all(ax.get_xlabel() == "seconds a picture, cpu, threads 1" for ax in figure.axes)
    assert "451 × 300 to 512 × 512 pixels" in figure.get_suptitle()
    ours = [text for text in figure.axes[2].texts if text.get_text().startswith("ours")]
    assert [text.get_fontweight() for text in ours] == ["bold"]
    # rows of two protocols or machines on one axis are told
    assert mixed(rows[:7]) == "" and "no ranking" not in figure.axes[0].get_title(loc="left")
    others = [rows[0], rows[1] | {"device": "cuda", "protocol": "authors-eval"}, *rows[7:]]
    assert "protocol authors-eval, sr-standard, whole" in mixed(others)
    told = figure_measured(others).axes[0].get_title(loc="left")
    assert "protocol authors-eval, whole; device cpu, cuda" in told and "no ranking" in told


def test_two_scores_of_printed_numbers_that_can_be_right():
    points = published_scores(12, "bsd100", "×4")
    assert (
        points["HiNAS"] == (27.35, 0.7465)
        and points["SAN"] == (27.78, 0.7436)
        and "VDSR" not in points
    )  # its SSIM is 0.0726
    assert published_scores(12, "bsd100", "×2")["VDSR"] == (31.90, 0.8960)
    assert published_scores(5, "bsd100") == {"HiNAS*": (27.38, 0.7367), "HiNAS**": (27.35, 0.7467)}
    ax = figure_scores(points, ("SAN",), ", published").axes[0]
    assert {t.get_text() for t in ax.texts} == {"HiNAS", "SAN"}
    *marks, line = ax.lines
    assert len(marks) == len(points)
    # the line that notebook 10 speaks of: HiNAS alone lies clearly above it, the others about it
    slope, height = np.polyfit(*line.get_data(), 1)
    above = {name: ssim - height - slope * psnr for name, (psnr, ssim) in points.items()}
    ours = above.pop("HiNAS")
    assert abs(sum(above.values())) < 1e-6 and ours > max(above.values())
    assert ax.get_xlabel() == "PSNR in dB, published" and ax.get_ylabel() == "SSIM, published"


# ---- the registry


@pytest.mark.slow
def test_every_id_is_registered_once_and_has_what_it_needs(tmp_path):
    assert len(IDS) == 26 and set(paper_figures()) == {f"fig{n:02}" for n in range(1, 15)}
    for id in (
        "fig01",
        "fig02",
        "fig03",
        "fig04",
        "fig07",
        "fig10",
        "fig11",
        "fig14",
        "table10",
        "table12",
    ):
        names = redraw(id, tmp_path, lambda name: None, STAMP)
        assert names and all((tmp_path / name).stat().st_size > 300 for name in names)
    text = index({"fig01": ["fig01-a.svg", "fig01-a.png"], "table10": ["table10.md"]})
    assert all(f"`hinas-lab figures {id}`" in text for id in IDS) and "no data here" in text
    assert "](fig01-a.svg)" in text and "png" not in text and "[table10](table10.md)" in text
    assert (
        "the config of preset paper" in (tmp_path / "fig01-a.svg").read_text()
        and b"preset paper" in (tmp_path / "fig01-a.png").read_bytes()
    )
    svg = (tmp_path / "fig14.svg").read_text()
    assert "published numbers" in svg and "abc" in svg  # metadata
    first = (tmp_path / "fig14.png").read_bytes()
    redraw("fig14", tmp_path, lambda name: None, STAMP)
    assert (tmp_path / "fig14.png").read_bytes() == first and b"published numbers" in first


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = hinas("figures", "table09", "fig02")
    assert (code, err) == (0, "") and {p.name for p in Path("figures").iterdir()} == {
        "table09.md",
        "table09.csv",
        "table09.tex",
        "fig02.svg",
        "fig02.png",
        "fig02.pdf",
    }
    assert hinas("figures", "table9").code == 0
    refused(hinas("figures", "figg02"), "id = 'figg02': did you mean fig02?")
    refused(hinas("figures", "fig15"), "id = 'fig15': did you mean fig")
    refused(hinas("figures", "--out", "figures/table09.md"), "is a file")
