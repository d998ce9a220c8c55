"""The registry redraws everything from records; tables, trade-off and visual rows say what they are made from."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from test_cli import hinas
from test_runs import refused

from hinas_lab.config import SearchSpace
from hinas_lab.space.genotype import make, neighbours
from hinas_lab.studies.measured import Measured, measured, merged, one_protocol
from hinas_lab.studies.neighbours import edits, summary
from hinas_lab.studies.published import TABLES, table
from hinas_lab.views import tables, visual
from hinas_lab.views.figures import IDS, REGISTRY, index, redraw
from hinas_lab.views.tradeoff import figure_costs, figure_scores, figure_tradeoff, plot_tradeoff, published_points, published_scores

STAMP = {"commit": "abc", "device": "cpu", "seed": 0}


# ---- tables


def test_ranks_by_hand():
    rank = tables.ranks(table(10))
    method = [r["method"].printed for r in table(10).rows]
    assert rank[method.index("HiNAS"), "psnr_s50"] == 1 and rank[method.index("N3Net"), "psnr_s50"] == 2
    assert rank[method.index("HiNAS"), "seconds"] == 1 and rank[method.index("MemNet"), "seconds"] == 2
    assert (method.index("NLRN"), "ssim_s30") not in rank and rank[method.index("HiNAS"), "ssim_s30"] == 1  # the flagged cell ranks nowhere
    twelve = tables.ranks(table(12))
    best = {s: [table(12).rows[i]["method"].printed for (i, c), r in twelve.items() if c == "psnr_set5" and r == 1 and
                table(12).rows[i]["scale"].printed == s] for s in ("×2", "×4")}
    assert best == {"×2": ["SAN"], "×4": ["RFArNet"]}  # each scale by itself
    assert not [i for i, _ in tables.ranks(table(4)) if table(4).rows[i]["method"].printed == "Comparison"]


@pytest.mark.parametrize("number", TABLES)
def test_every_published_cell_is_in_every_format(number):
    rows = merged(measured(number))
    plain = list(csv.reader(io.StringIO(tables.csv_text(table(number), rows))))
    assert [line[:-1] for line in plain[1:1 + len(table(number).rows)]] == [[c.printed for c in r.values()] for r in table(number).rows]
    assert [line[-1] for line in plain[1:]].count("published") == len(table(number).rows)
    for write in (tables.markdown, tables.latex):
        text = write(table(number), rows)
        assert all(c.printed.split(" ")[0] in text for r in table(number).rows for k, c in r.items() if k.startswith(("psnr", "ssim")))
    tex = tables.latex(table(number), rows)
    assert tex.count(r"\toprule") == tex.count(r"\bottomrule") == 1 and tex.count("{") == tex.count("}")
    body = tex[tex.index(r"\toprule"):tex.index(r"\bottomrule")]
    assert {line.count(" & ") for line in body.splitlines() if line.endswith(r"\\")} == {len(table(number).columns) - 1}
    assert not re.search(r"[σ×±✓✗†“”]|(?<!\\)[%&_#](?!\s)", tex)
    flags = sum(bool(c.flag) for r in table(number).rows for c in r.values())
    assert tables.markdown(table(number), rows).count("- †") == flags


def test_measured_rows_stand_beneath_and_say_what_they_are():
    rows = merged(measured(10))
    tv = next(r for r in rows if r.method == "tv")
    assert set(tv.values) == {f"{m}_{s}" for m in ("psnr", "ssim") for s in ("s30", "s50", "s70")} and tv.protocol == "whole"
    text = tables.markdown(table(10), rows)
    assert "tv (here)" in text and "preset none" in text and tables.BANNER in text and "Protocol whole" in text
    assert "Nothing measured here yet" in tables.markdown(table(1), [])
    bicubic = {tuple(r.where.items()): r for n in (11, 12) for r in measured(n)}
    assert len(bicubic) == 3 and {r.n for r in bicubic.values()} == {"5, 100"}
    for where, r in bicubic.items():
        printed = table(r.table).row("bicubic", **dict(where))
        assert all(abs(v - printed[c].value) <= (0.011 if c.startswith("psnr") else 0.001) for c, v in r.values.items())


def test_rows_of_two_protocols_never_share_a_table():
    a = measured(10)[0]
    b = replace(a, protocol="authors-eval")
    with pytest.raises(ValueError, match="rows of 2 protocols in one table: authors-eval, whole"):
        tables.markdown(table(10), [a, b])
    assert one_protocol([a, a]) == "whole" and len(merged([a, b])) == 2 and len(merged([a, a])) == 2  # nothing is overwritten
    assert isinstance(a, Measured)


# ---- visual rows


def test_visual_rows_are_the_papers(tmp_path):
    rows = {n: visual.lines(n) for n in (5, 6, 8, 9, 12, 13)}
    assert [line.called for line in rows[5]] == ["101027", "207038"] and [line.image for line in rows[6]] == ["img_092", "img_016"]
    assert [line.level for line in rows[12]] == [30, 50, 70]
    assert [(line.called, line.level) for line in rows[13]] == [("101085", 2), ("41069", 4)]
    assert visual.lines(1) == []
    for line in (line for some in rows.values() for line in some):
        assert line.columns[-1] == ("clean", "truth")
        for label, source in line.columns:
            if source[0] == "T":  # the published row of that method, at that scale
                number, row = map(int, source[1:].split("."))
                cells = table(number).rows[row - 1]
                assert label in (cells["method"].printed, "MSE + SSIM") or number in (1, 2)
                assert "scale" not in cells or cells["scale"].value == line.level
    path = tmp_path / "figures.csv"
    for old, new, told in (("5,1,", "five,1,", "line 2, column figure: 'five'"), ("basic=study-basic", "basic", "column columns"),
                           ("5,1,BSDS500", "5,1,Kodak", "known data set")):
        path.write_text(visual.PATH.read_text().replace(old, new, 1))
        with pytest.raises(ValueError, match=told):
            visual.lines(5, path)


def test_a_visual_figure_restores_what_it_can_and_says_what_it_cannot():
    line = replace(visual.lines(8)[0], stand_in="chelsea")
    asked = []

    def load(name):
        asked.append(name)
        return (lambda noisy: np.clip(noisy, 0, 1)) if name == "net" else None

    figure = visual.figure_visual([line], load)
    panels = figure.axes[:4]
    assert asked == ["net-mse", "net"] and [ax.get_title().split("\n")[0] for ax in panels] == ["noisy", "MSE", "MSE + SSIM", "clean"]
    assert "dB" in panels[0].get_title() and "dB" in panels[2].get_title() and "dB" not in panels[1].get_title()
    assert "no weights here" in panels[1].texts[0].get_text() and visual.STAND_IN in panels[0].get_ylabel()
    assert "classroom" in figure.get_suptitle()
    absent = visual.figure_visual([visual.lines(12)[1]], lambda name: None).axes[0].texts[0].get_text()
    assert "25.93 dB, 0.7214" in absent and "Table 10" in absent  # NLRN at sigma 50
    assert visual.figure_visual([line], load, local=True) is None  # no test has the paper's data sets


# ---- trade-off, neighbours


def test_tradeoff_takes_printed_numbers_that_can_be_right():
    points = {name: (seconds, value) for name, seconds, value, _ in published_points(10, "ssim_s50")}
    assert points["HiNAS"] == (16.21, 0.7649) and set(points) == {"MemNet", "NLRN", "DBSN", "N3Net", "HiNAS"}
    assert "NLRN" not in {p[0] for p in published_points(10, "ssim_s30")}
    ax = plot_tradeoff([("HiNAS", 1, 2, 0.3), ("other", 10, 1, None)], ax=Figure().subplots(), across="s", up="dB")
    assert ax.get_xscale() == "log" and [t.get_text() for t in ax.texts] == ["HiNAS", "other"]
    figure = figure_tradeoff()
    assert [ax.get_ylabel() for ax in figure.axes] == ["SSIM", "SSIM", "PSNR, dB", "PSNR, dB"]
    assert all("1080 Ti" in ax.get_xlabel() for ax in figure.axes)
    here = figure_costs([{"method": "HiNAS", "macs": 10**9, "seconds": 0.1, "parameters": 10**5}]).axes[0]
    assert "here" in here.get_ylabel() and "1080" not in here.get_xlabel() + here.get_ylabel()


def test_two_scores_of_printed_numbers_that_can_be_right():
    points = published_scores(12, "bsd100", "×4")
    assert points["HiNAS"] == (27.35, 0.7465) and points["SAN"] == (27.78, 0.7436) and "VDSR" not in points  # its SSIM is 0.0726
    assert published_scores(12, "bsd100", "×2")["VDSR"] == (31.90, 0.8960)
    assert published_scores(5, "bsd100") == {"HiNAS*": (27.38, 0.7367), "HiNAS**": (27.35, 0.7467)}
    ax = figure_scores(points, ("SAN",), ", published").axes[0]
    assert {t.get_text() for t in ax.texts} == {"HiNAS", "SAN"} and len(ax.lines) == len(points)
    assert ax.get_xlabel() == "PSNR in dB, published" and ax.get_ylabel() == "SSIM, published"


def test_neighbours_by_kind():
    space = SearchSpace(layers=2, nodes=2, width=2)
    cells = (((("conv_3x3", 0), ("skip", 1)), (("sep_3x3", 0), ("dil_3x3", 2))),) * 2
    found = make(space, cells, (0, 1))
    score = lambda g: {"psnr": 20.0 + sum(op == "conv_3x3" for c in g.cells for n in c for op, _ in n), "raw": 0.0}  # noqa: E731
    rows = list(edits(found, score))
    assert len(rows) == len(list(neighbours(found)))
    told = summary(score(found)["psnr"], rows)
    assert told["operation"]["n"] == 40 and told["source"]["n"] == 4  # 44 edge edits
    assert told["operation"]["worse"] == 10 and told["source"]["worse"] == 0  # each of the two convolutions has five others
    assert 0 <= told["operation"]["low"] < 0.25 < told["operation"]["high"] and told["operation"]["median_drop"] == 0
    few = list(edits(found, score, most=3))
    assert [r.kind for r in few].count("operation") == 3 and few == list(edits(found, score, most=3))


# ---- the registry


def test_every_id_is_registered_once_and_has_what_it_needs(tmp_path):
    assert len(IDS) == 26 and set(REGISTRY) == {f"fig{n:02}" for n in range(1, 15)}
    for id in ("fig01", "fig02", "fig03", "fig04", "fig07", "fig10", "fig11", "fig14", "table10", "table12"):
        names = redraw(id, tmp_path, lambda name: None, STAMP)
        assert names and all((tmp_path / name).stat().st_size > 300 for name in names)
    text = index({"fig01": ["fig01.svg"], "table10": ["table10.md"]}, STAMP)
    assert all(f"| {id} |" in text for id in IDS) and "[svg](fig01.svg)" in text and "no data here" in text and "commit abc" in text
    assert "the config of preset paper" in (tmp_path / "fig01.svg").read_text() and b"preset paper" in (tmp_path / "fig01.png").read_bytes()
    svg = (tmp_path / "fig14.svg").read_text()
    assert "published numbers" in svg and "abc" in svg  # metadata
    first = (tmp_path / "fig14.png").read_bytes()
    redraw("fig14", tmp_path, lambda name: None, STAMP)
    assert (tmp_path / "fig14.png").read_bytes() == first and b"published numbers" in first


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = hinas("figures", "table03", "fig02")
    assert (code, err) == (0, "") and {p.name for p in Path("figures").iterdir()} == \
        {"table03.md", "table03.csv", "table03.tex", "fig02.svg", "fig02.png", "fig02.pdf"}
    assert hinas("figures", "table3").code == 0
    refused(hinas("figures", "figg02"), "id = 'figg02': did you mean fig02?")
    refused(hinas("figures", "fig15"), "id = 'fig15': did you mean fig")
    refused(hinas("figures", "--out", "figures/table03.md"), "is a file")
