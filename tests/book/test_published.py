"""The paper's numbers as data: every cell typed, wrong ones flagged, sentences recomputed."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from helpers import hinas, refused
from matplotlib.figure import Figure

from hinas_book.kit.intervals import plot_forest
from hinas_book.paper import published
from hinas_book.paper.printed_intervals import figure_printed
from hinas_book.paper.printed_tests import CONTRASTS, printed_tests
from hinas_book.paper.published import (
    PAPER,
    TABLES,
    calculate,
    paper_table,
    parse,
    sentences,
    where,
)
from hinas_lab.analysis.statistics import Contrast

SHAPES = {
    1: (5, 10),
    2: (5, 12),
    3: (3, 4),
    4: (3, 7),
    5: (3, 7),
    6: (3, 3),
    7: (3, 7),
    8: (3, 12),
    9: (4, 12),
    10: (10, 9),
    11: (14, 11),
    12: (31, 12),
}


@pytest.mark.parametrize("number", TABLES)
def test_every_cell_is_typed_and_plausible(number):
    t = paper_table(number)
    assert (len(t.rows), len(t.columns)) == SHAPES[number]
    for row in t.rows:
        for column, cell in row.items():
            if column in ("method", "gpu", "search"):
                assert cell.value is None and cell.printed.strip()
            elif column in ("lwas", "resl", "cell_sharing"):
                assert cell.value in (True, False, None)
            elif cell.value is None:
                assert cell.printed == "-"
            elif (
                row["method"].printed != "Comparison" and not cell.flag
            ):  # ranges that no printed number leaves by mistake
                low, high = {
                    "psnr": (22, 40),
                    "ssim": (0.6, 0.97),
                    "para": (0.01, 43),
                    "seco": (0.5, 7000),
                    "hour": (1, 168),
                    "scal": (2, 4),
                }[column[:4]]
                assert low <= cell.value <= high, (column, cell)
            if cell.std is not None:
                assert 0 < cell.std < (0.3 if column.startswith("psnr") else 0.005)
            if cell.low is not None:
                assert cell.low < cell.value


def test_known_cells():
    """Read off the paper by eye."""
    cell = paper_table(1).rows[4]["psnr_s50"]
    assert (cell.printed, cell.value, cell.std) == ("26.81 ± 0.0700", 26.81, 0.07)
    assert (
        paper_table(8).rows[1]["psnr_s70"].std == 0.0213
        and paper_table(9).rows[3]["ssim_urban100"].std == 0.0003
    )
    assert paper_table(10).row("HiNAS")["params_m"] == published.PaperCell(
        "0.22-0.34", 0.34, low=0.22
    )
    assert (
        paper_table(12).row("HiNAS", scale="×4")["seconds"].value == 1.45
        and paper_table(11).row("SAN")["seconds"].value == 34.59
    )
    assert (
        paper_table(2).rows[3]["resl"].value is True
        and paper_table(2).rows[3]["lwas"].value is False
    )
    with pytest.raises(ValueError, match="table 12: 2 rows of 'HiNAS'"):
        paper_table(12).row("HiNAS")
    with pytest.raises(ValueError, match="0 rows of 'Hinas'.*N3Net, HiNAS"):
        paper_table(10).row("Hinas")
    with pytest.raises(ValueError, match="tables 1 to 12"):
        paper_table(13)


def test_tables_agree_where_they_print_the_same_thing():
    """Cells that the paper prints twice are equal here: a slip of typing would show."""
    for a, b in (
        (paper_table(1).rows[4], paper_table(8).rows[2]),
        (paper_table(3).rows[0], paper_table(6).rows[0]),
        (paper_table(5).rows[1], paper_table(7).rows[0]),
    ):
        columns = [c for c in a if c in b and c.startswith(("psnr", "ssim"))]
        assert len(columns) >= 2 and [a[c] for c in columns] == [b[c] for c in columns]
    for column in ("psnr_s30", "ssim_s30", "psnr_s50", "ssim_s50", "psnr_s70", "ssim_s70"):
        assert paper_table(1).rows[4][column].value == paper_table(10).row("HiNAS")[column].value
        assert paper_table(8).rows[0][column].value == paper_table(10).row("E-CAE")[column].value
    for column in paper_table(2).columns[4:]:
        assert (
            paper_table(2).rows[4][column].value
            == paper_table(12).row("HiNAS", scale="×4")[column].value
        )
        if column in paper_table(9).columns:
            assert (
                paper_table(9).rows[3][column].value
                == paper_table(12).row("HiNAS", scale="×2")[column].value
            )


def test_more_noise_and_larger_scales_are_harder_except_in_flagged_cells():
    for row in paper_table(10).rows:
        for metric in ("psnr", "ssim"):
            cells = [row[f"{metric}_s{s}"] for s in (30, 50, 70)]
            known = [c.value for c in cells if c.value is not None and not c.flag]
            assert known == sorted(known, reverse=True)
    for row in paper_table(12).rows:
        if row["scale"].printed == "×4":
            psnr = [row[f"psnr_{s}"] for s in ("set5", "set14", "bsd100", "urban100")]
            known = [c.value for c in psnr if not c.flag]
            assert known == sorted(known, reverse=True)


def test_flags_name_cells_and_change_none():
    flagged = [
        (n, row["method"].printed, column)
        for n in TABLES
        for row in paper_table(n).rows
        for column, cell in row.items()
        if cell.flag
    ]
    assert flagged == [
        (4, "Comparison", "psnr_s50"),
        (5, "Comparison", "psnr_bsd100"),
        (10, "WNNM", "ssim_s70"),
        (10, "NLRN", "ssim_s30"),
        (12, "RFArNet", "ssim_urban100"),
        (12, "SPSR", "params_m"),
        (12, "SPSR", "psnr_urban100"),
        (12, "SPSR", "ssim_urban100"),
        (12, "VDSR", "ssim_bsd100"),
    ]
    assert paper_table(12).row("VDSR", scale="×4")["ssim_bsd100"].value == 0.0726


VERDICTS = """lwas-dn-psnr- lwas-dn-ssim- resl-dn-psnr- resl-dn-ssim- resl-more-psnr+
resl-less-ssim- both-dn-from-psnr- both-dn-from-ssim-
both-dn-to-psnr- both-dn-to-ssim- both-best-dn+ lwas-sr-psnr- lwas-sr-ssim- resl-sr-psnr-
resl-sr-ssim- both-sr-psnr+ both-sr-ssim- ws-psnr+
ws-ssim+ w40-psnr+ w40-ssim+ ws-params+ w40-params+ wm-psnr+ wm-ssim+ wm-params+ ws-least+
ssim-both- ssim-row-30+ ssim-row-30s+
ssim-row-50- ssim-row-50s+ ssim-row-70+ ssim-row-70s+ mse-beats-n3net+ mse-beats-nlrn-
table4-table1- ssim-sr-gain+ ssim-sr-loss+ ssim-sr-row- r1-slight+ r1-worse-
sr-sets- ecae-hours+ falsr-days+ search-dn-hours+ search-sr-hours+ falsr-hours+ moremnas-hours+
sixth-day+
sharing-harmless- n3net-clear- best-50-70+ nlrn-ssim-
nlrn-psnr+ of-n3net+ of-ecae+ n3net-time+ table9-scale- of-san+ san-time-x4-
san-time-x3- only-fsrcnn+
lighter-ssim- lighter-params+"""


def test_which_sentences_agree_with_the_tables():
    assert [s.id + "-+"[s.agrees] for s in sentences()] == VERDICTS.split()
    said = {s.id: s for s in sentences()}
    # what a formula over cells cannot say: the sets that have a column, and whose row Table 9 has
    of_sets = {c.split("_")[1] for n in (11, 12) for c in paper_table(n).columns if c[:4] == "psnr"}
    assert len(of_sets) == said["sr-sets"].recomputed == 4 and "manga109" not in of_sets
    nine, two = paper_table(9).rows[-1], paper_table(12).row("HiNAS", scale="×2")
    shared = [c for c in nine if c in two and c.startswith(("psnr", "ssim"))]
    assert len(shared) == 6 and all(nine[c].value == two[c].value for c in shared)
    n3net, durn = paper_table(10).row("N3Net"), paper_table(10).row("DuRN-P")
    gaps = [n3net[f"psnr_s{s}"].value - durn[f"psnr_s{s}"].value for s in (30, 50, 70)]
    assert (min(gaps), max(gaps)) == pytest.approx((0.13, 0.16))
    assert said["table4-table1"].recomputed == 0.7129
    assert paper_table(1).rows[-1]["ssim_s70"].printed == "0.7069 ± 0.0006"
    assert said["n3net-time"].recomputed == pytest.approx(100 * (1 - 16.21 / 80.74))
    assert said["san-time-x4"].recomputed == pytest.approx(31.03 / 1.45) and said[
        "of-n3net"
    ].recomputed == pytest.approx(34 / 0.71)


def test_formulas_are_arithmetic_on_cells_and_nothing_else():
    assert calculate("T3.2.params_m - T3.1.params_m") == pytest.approx(0.23)
    assert calculate("max(T3.1.psnr_s30, T3.3.psnr_s30) > 29.2") == 1
    for wrong in (
        "__import__('os')",
        "T3.1.method",
        "T3.9.psnr_s30",
        "T3.1.psnr",
        "open(1)",
        "T1.1.lwas",
        "[1][0]",
    ):
        with pytest.raises(ValueError):
            calculate(wrong)


def test_parse():
    assert (
        parse("psnr_s30", "29.23 ± 0.0346").std == 0.0346
        and parse("scale", "×3").value == 3
        and parse("lwas", "✓").value is True
    )
    for column, text in (
        ("psnr_s30", "29,23"),
        ("psnr_s30", ""),
        ("ssim_s30", "28.4"),
        ("seconds", "1.2 s"),
        ("method", " "),
        ("scale", "x3"),
    ):
        with pytest.raises(ValueError):
            parse(column, text)


def test_a_file_edited_by_hand_names_line_and_column(tmp_path):
    for file in PAPER.glob("*.csv"):
        shutil.copy(file, tmp_path)
    path = tmp_path / "table10.csv"
    path.write_text(path.read_text().replace("28.66", "28.66?"))
    with pytest.raises(
        ValueError, match=r"table10.csv, line 10, column psnr_s30: '28.66\?' is no number"
    ):
        paper_table(10, tmp_path)
    path.write_text(path.read_text().replace("28.66?", "28.66,1"))
    with pytest.raises(ValueError, match="line 10: 10 cells under 9 columns"):
        paper_table(10, tmp_path)
    path.write_text((PAPER / "table10.csv").read_text().replace("0.3460", "0.6460"))
    with pytest.raises(
        ValueError, match="flags.csv: WNNM, ssim_s70 = 0.3460 is no cell of table10.csv"
    ):
        paper_table(10, tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="table10.csv: cannot be read"):
        published.paper_table(10, tmp_path)
    text = tmp_path / "claims_text.csv"
    text.write_text(text.read_text().replace("T3.1.params_m", "T3.1.parameters", 1))
    with pytest.raises(
        ValueError, match=r"claims_text.csv, line \d+: T3.1.parameters is no number of table 3"
    ):
        sentences(tmp_path)


def test_printed_contrasts():
    """Residual learning for super-resolution is resolved, layer-wise sharing for denoising is not,
    Tables 8 and 9 show no difference."""
    tests = printed_tests()
    assert len(tests) == 36 + 48 + 6 + 6

    def resolved(n: int, what: str) -> list[bool]:
        return [t.contrast.resolved for t in tests if (t.table, t.what) == (n, what)]

    assert all(resolved(2, "residual learning"))
    assert not any(resolved(1, "layer-wise sharing"))
    assert not any(resolved(8, "cell sharing") + resolved(9, "cell sharing"))
    for number, contrasts in CONTRASTS.items():
        for what, (a, b) in contrasts.items():
            one, other = paper_table(number).rows[a - 1], paper_table(number).rows[b - 1]
            changed = [
                c
                for c in ("lwas", "resl", "cell_sharing")
                if c in one and one[c].value != other[c].value
            ]
            named = {
                "search, not random": [],
                "layer-wise sharing": ["lwas"],
                "residual learning": ["resl"],
                "both": ["lwas", "resl"],
                "sharing, given residual": ["lwas"],
                "residual, given sharing": ["resl"],
                "cell sharing": ["cell_sharing"],
            }
            assert changed == named[what]


def test_forest_plot():
    rows = [
        ("gain", Contrast(mean=1.0, low=0.5, high=1.5, n=8)),
        ("nothing", Contrast(mean=0.1, low=-0.2, high=0.4, n=8)),
    ]
    ax = plot_forest(rows, ax=Figure().subplots())
    assert [t.get_text() for t in ax.get_yticklabels()] == ["gain", "nothing"]
    assert [t.get_fontweight() for t in ax.get_yticklabels()] == ["bold", "normal"]
    marks = [line.get_xdata() for line in ax.lines[:2]]
    intervals = [bar.get_segments()[0][:, 0].tolist() for bar in ax.collections]
    assert marks == [[1.0], [0.1]]
    assert intervals == [pytest.approx([0.5, 1.5]), pytest.approx([-0.2, 0.4])]
    figure = figure_printed(printed_tests(), "ssim")
    titles = [ax.get_title(loc="left") for ax in figure.findobj(type(ax))]
    assert sorted(titles) == [
        f"Table {n}: {k} resolved"
        for n, k in ((1, "0 of 18"), (2, "16 of 24"), (8, "0 of 3"), (9, "0 of 3"))
    ]
    assert (where("psnr_s50"), where("ssim_set5")) == ("σ 50", "Set5")


def test_published_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = hinas("study", "published", "--figures", ".", "--json", "p.json")
    assert (code, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    assert "Sentences: 37 of 65 agree" in out and "Table 12, VDSR, ssim_bsd100: 0.0726" in out
    told = json.loads(Path("p.json").read_text())
    assert (
        len(told["rows"]) == 96
        and sum(r["resolved"] for r in told["rows"]) == 34
        and len(told["sentences"]) == 65
    )
    assert all(
        Path(f"published-{m}.png").read_bytes().startswith(b"\x89PNG") for m in ("psnr", "ssim")
    )
    refused(hinas("study", "published", "--figures", "nowhere"), "--figures nowhere")


def test_tables_are_plain_csv():
    for number in TABLES:
        raw = (PAPER / f"table{number:02}.csv").read_bytes()
        assert raw.endswith(b"\n") and b"\r" not in raw and b"<" not in raw and b"$" not in raw
        assert len({len(line) for line in csv.reader(raw.decode().splitlines())}) == 1
