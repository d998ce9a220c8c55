"""Registered claims: typed, unique, judged by their own rule."""

import runpy
from dataclasses import fields
from pathlib import Path

import pytest
from scipy import stats

from hinas_book.kit import recorded
from hinas_book.kit.claims import NOT_TESTED, PATH, claim, claims, judge
from hinas_book.kit.design import Setting, judge_claim, report
from hinas_book.kit.verdicts import format_contrast, verdict_table
from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig
from hinas_lab.images.protocol import Protocol
from hinas_lab.storage import write_json


def test_what_is_registered():
    known = claims()
    assert len({c.id for c in known}) == len(known) >= 19
    assert {c.table for c in known} >= {"1", "2", "3", "4", "5", "6", "8", "10"}
    for c in known:
        assert c.least > 0 and c.n >= 1 and c.claim and c.arm != c.against and c.study


def test_an_unknown_claim_suggests_the_nearest():
    assert claim("lwas-denoise").section == "4.2.1"
    with pytest.raises(
        ValueError, match="claim 'lwas-denoising': unknown; did you mean lwas-denoise?"
    ):
        claim("lwas-denoising")


def test_verdicts():
    lwas, equal = claim("lwas-denoise"), claim("sharing-equal")
    up = [0.1, 0.12, 0.09, 0.11, 0.1, 0.13, 0.08, 0.1]
    assert judge(lwas, up)[0] == "supported" and judge(lwas, [-x for x in up])[0] == "contradicted"
    assert (
        judge(lwas, up[:5])[0] == "unresolved" and judge(lwas, [0.1, -0.1] * 4)[0] == "unresolved"
    )
    assert judge(lwas, []) == (NOT_TESTED, None)
    near = [x - 0.1 for x in up]
    assert judge(equal, near)[0] == "supported" and judge(equal, near[:5])[0] == "unresolved"
    assert (
        judge(equal, up)[0] == "unresolved"
        and judge(equal, [x + 0.2 for x in up])[0] == "contradicted"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0.2,+1,12", "much,+1,12", "line 2, column least: 'much' is no number"),
        ("0.2,+1,12", "0.2,+2,12", "line 2, column direction: 2"),
        ("widths-wm,", "widths-w40,", "widths-w40 is registered twice"),
        ("id,section", "name,section", "the columns must be id"),
        ("denoise,share,search seed,", "denoise,share,", "line 2: 13 cells under 14 columns"),
        ("denoise,share", "blur,share", "column task: 'blur'"),
    ],
)
def test_a_file_edited_by_hand(tmp_path, old, new, told):
    path = tmp_path / "claims.csv"
    path.write_text(PATH.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=told):
        claims(path)


def test_a_number_reads_the_same_from_a_record_and_worked_out_anew():
    anew = {"mean": -0.01493875, "low": -0.05085339851697081, "high": 0.020975898516970806}
    kept = {name: round(value, 5) for name, value in anew.items()}
    assert format_contrast(kept, "ssim") == format_contrast(anew, "ssim")


ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "ledger.py"))


def test_the_ledger_is_what_the_tool_writes():
    text = (ROOT / "docs" / "ledger.md").read_text()
    assert text == TOOL["document"](), "data changed since: make docs"
    assert (
        all(f"| {c.id} |" in text for c in claims())
        and "37 of 61 statements" in text
        and "+1.7 x" in text
    )


def ledger_rows() -> dict[str, list[str]]:
    lines = TOOL["tested"]().split("\n\n")[0].splitlines()[2:]
    return {
        cells[0]: cells
        for cells in ([c.strip() for c in line.strip("|").split(" | ")] for line in lines)
    }


def test_the_ledger_takes_verdicts_from_records(tmp_path, monkeypatch):
    """Any registered study: verdict, scale, p, and Holm's over all that have one; null is no p; an
    equivalence has TOST's."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    none = ledger_rows()
    assert set(none) == {c.id for c in claims()} and none["sharing-time"][6].startswith("1.69 x")
    assert all(
        row[6] == NOT_TESTED and row[8].endswith("(not made yet)")
        for id, row in none.items()
        if not id.startswith("sharing-t") and id != "sharing-memory"
    )

    def write(study, found, **setting):
        job = {"key": "k", "protocol": "whole", "preset": "x", "job_seconds": 1.0, "env": {}}
        write_json(tmp_path / f"{study}.json", report(study, Setting(**setting), [], [job], found))

    up = [0.1, 0.12, 0.09, 0.11, 0.1, 0.13, 0.08, 0.1]
    t = [stats.ttest_1samp(x, 0).pvalue for x in (up, up[:6])]
    write(
        "lwas-residual",
        {
            "lwas-denoise": judge_claim("lwas-denoise", up),
            "residual-denoise": judge_claim("residual-denoise", up[:2]),
        },
    )
    write("widths", {"widths-w40": judge_claim("widths-w40", [-x for x in up[:6]])}, base="tiny")
    write(
        "sharing",
        {"sharing-equal": judge_claim("sharing-equal", [x - 0.1 for x in up]) | {"p": 0.001}},
    )
    rows = ledger_rows()
    assert rows["lwas-denoise"][6].startswith("supported, +0.104 dB (95 % interval +0.0")
    assert rows["lwas-denoise"][6].endswith(
        "n 8; preset study, builtin test, protocol whole, device cpu"
    )
    assert (
        rows["widths-w40"][6].startswith("contradicted, -0.10")
        and rows["widths-w40"][8] == "`hinas-lab study widths --preset tiny`"
    )
    assert (
        rows["residual-denoise"][6].startswith("unresolved")
        and rows["residual-denoise"][7] == "none: too few"
    )
    assert [rows[id][7] for id in ("lwas-denoise", "widths-w40", "sharing-equal")] == [
        f"{t[0]:.2g} ({3 * t[0]:.2g})",
        f"{t[1]:.2g} ({2 * t[1]:.2g})",
        "0.001 (0.001)",
    ]
    assert (
        rows["lwas-sr"][6] == NOT_TESTED and rows["sharing-time"] == none["sharing-time"]
    )  # what the records do not say
    assert "Holm over the 3 claims" in TOOL["tested"]()
    assert "evidence of a small one never becomes a verdict on the paper's" in " ".join(
        TOOL["HEAD"].split()
    )
    for study in ("lwas-residual", "widths", "sharing"):  # a lesson's table says the same
        for line in verdict_table(study).split("\n\n")[0].splitlines()[2:]:
            said = [c.strip() for c in line.strip("|").split(" | ")]
            row = next(r for r in rows.values() if said[0] == f"{r[2]}: {r[3]}")
            if "**" in said[2]:
                assert row[6].startswith(
                    f"{said[2].strip('*')}, {said[3].replace('(', '(95 % interval ')}, "
                    f"n {said[5].split()[0]};"
                )
                assert said[6].rstrip(" |") == row[7]


def test_settings_of_the_ledger_name_fields_that_exist():
    names = {
        f"{part}.{f.name}"
        for part, cls in (
            ("space", SearchSpace),
            ("search", SearchConfig),
            ("train", TrainConfig),
            ("protocol", Protocol),
        )
        for f in fields(cls)
    }
    names |= {
        "loss.average_terms",
        "loss.reduction",
        "loss.padding",
        "loss.log_of",
        "search.loss.lam",
        "search.loss.pixel",
        "protocol",
        "",
    }
    for line in TOOL["settings"]().splitlines()[2:]:
        field = (
            line.rstrip(" |").rpartition("| ")[2].strip("`")
            if line.rstrip(" |").endswith("`")
            else ""
        )
        assert all(part in names for part in field.split(" and ")), field
