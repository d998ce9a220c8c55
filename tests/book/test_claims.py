"""Registered claims: typed, unique, judged by their own rule."""

import hashlib
import json
import runpy
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from scipy import stats

from hinas_book.kit import recorded
from hinas_book.kit.claims import (
    CHANGED,
    NOT_TESTED,
    PATH,
    TO_RUN,
    changes,
    claim,
    claims,
    digests,
    judge,
)
from hinas_book.kit.design import Setting, judge_claim, report
from hinas_book.kit.verdicts import (
    as_registered,
    claims_with_verdicts,
    format_contrast,
    verdict_table,
)
from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig
from hinas_lab.images.protocol import Protocol
from hinas_lab.storage import write_json


def test_what_is_registered():
    known = claims()
    assert len({c.id for c in known}) == len(known) >= 35
    assert {c.table for c in known} >= {*map(str, range(1, 13))}
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
        ("denoise,share,search seed,", "denoise,share,", "line 2: 16 cells under 17 columns"),
        ("denoise,share", "blur,share", "column task: 'blur'"),
        ("study,after,", "study,never,", "line 2, column record: 'never' must be one of after, b"),
        ("after,search-rsws", "after,rsws", "column replaces: 'rsws' is no claim above it"),
    ],
)
def test_a_file_edited_by_hand(tmp_path, old, new, told):
    path = tmp_path / "claims.csv"
    path.write_text(PATH.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=told):
        claims(path)


STORED = Path(__file__).parents[2] / "data" / "claims.sha256.json"
FIRST = 35
"rows that were there when digests began, and the digest of theirs: no pair can go unseen"
THEIRS = "479f91f89294d10df15ef80c3af4bf40da850e59e3accc4e62a5be3b01c49220"


def test_a_registered_row_never_changes():
    """A change is a new row, which ``make docs`` registers."""
    stored = json.loads(STORED.read_text())
    assert stored == digests(), "a registered row changed or is gone, or a new one: make docs"
    first = "".join(list(stored.values())[:FIRST])
    assert hashlib.sha256(first.encode()).hexdigest() == THEIRS, "rows never change"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.2,+1,12", "0.1,+1,12"),
        ("which no layer is wider than the last", "that end at the largest width"),
        ("paths,study,after", "paths,classroom,after"),
        ("paths,study,after,\n", "paths,study,after,x\n"),
        ("path-last-widest,", "path-widest-last,"),
    ],
    ids=["least", "arm", "preset", "cell", "gone"],
)
def test_a_changed_row_is_refused(tmp_path, old, new):
    path, stored = tmp_path / "claims.csv", tmp_path / "stored.json"
    shutil.copy(STORED, stored)
    text = PATH.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(SystemExit, match="claims.csv: path-last-widest changed or gone"):
        TOOL["register"](path, stored)
    assert stored.read_bytes() == STORED.read_bytes()


def test_a_new_row_is_registered(tmp_path):
    path, stored = tmp_path / "claims.csv", tmp_path / "stored.json"
    shutil.copy(STORED, stored)
    row = PATH.read_text().splitlines()[1].replace("path-last-widest,", "path-again,")
    path.write_text(f"{PATH.read_text()}{row}path-last-widest\n")
    assert TOOL["register"](path, stored) == ["path-again"]
    assert json.loads(stored.read_text()) == digests(path)
    assert claims(path)[-1].replaces == "path-last-widest"


def test_what_was_changed_is_told():
    """The numbers are those of the records' rows; both verdicts, both scales."""
    assert {change.claim for change in changes()} <= {c.id for c in claims()}
    assert all(change.when and change.what and change.why for change in changes())
    assert CHANGED.name == "claims_changed.csv"
    first = as_registered(claim("path-last-widest"))
    rows = [r for r in recorded.recorded("paths")["rows"] if r["arm"] == "outgoing"]
    after, before = (sum(r[when][-1] == 2 for r in rows) for when in ("after", "before"))
    p = stats.fisher_exact([[after, 12 - after], [before, 12 - before]]).pvalue
    assert (after, before, len(rows)) == (4, 0, 12)
    assert "share of searches that end at the largest width" in first
    assert (
        f"At preset study as registered unresolved: ends at the largest width in 4 of 12 after the "
        f"search, 0 of 12 before it (Fisher's exact p {p:.2g}); 3 of 12 paths end there by chance "
        f"(binomial p {stats.binomtest(4, 12, 0.25).pvalue:.2g})" in first
    )
    assert "the baseline is 100 %, so that it can never be supported" in first
    words = as_registered(claim("local-optimum-r1"))
    for name, verdict in (("perturb", "unresolved"), ("perturb-classroom", "supported")):
        record = recorded.recorded(name)
        rows = [r for r in record["rows"] if r["task"] == "denoise"]
        found = [r["psnr"] for r in rows if r["arm"] == "found"]
        r1 = [sum(found) / len(found) - r["psnr"] for r in rows if r["arm"] == "R1"]
        own = [found[0] - r["psnr"] for r in rows if r["arm"] in ("R1", "R2")]
        assert (
            f"At preset {record['preset']} as registered {verdict}: "
            f"{sum(d > 0 for d in r1)} of {len(r1)} worse" in words
        )
        assert f"mean drop {sum(r1) / len(r1):+.3f} dB" in words
        seed = f"own seed: {sum(d > 0 for d in own)} of {len(own)} worse, mean"
        assert f"{seed} {sum(own) / len(own):+.3f} dB; as judged now unresolved" in words
    assert "22 of 22 worse" in words and "+0.064 dB" in words
    assert "13 of 24 worse, mean +0.012 dB" in words
    assert as_registered(claim("lwas-denoise")) == ""


def test_claims_registered_after_their_record():
    """Judged from its rows, and marked."""
    said, rows = claims_with_verdicts(), ledger_rows()
    sr = [r for r in recorded.recorded("loss")["rows"] if r["task"] == "sr"]
    psnr = {(r["seed"], r["lam"]): r["psnr"] for r in sr}
    gaps = [psnr[s, 0.6] - psnr[s, 0.0] for s in range(8)]
    assert said["loss-sr-psnr"].told["mean"] == pytest.approx(sum(gaps) / 8, abs=1e-5)
    for kind, worse in (("r1", 17), ("r2", 4)):
        told = said[f"local-optimum-sr-{kind}"].told
        assert (told["verdict"], round(told["mean"] * told["n"])) == ("unresolved", worse)
    for c in claims():
        late = "the record was there before the row" in rows[c.id][7]
        assert late == (c.record == "before"), c.id
        if c.preset == TO_RUN:
            assert rows[c.id][7:] == [TO_RUN, "", "", "not made yet"]
    table = verdict_table("perturb")
    assert "there already: local-optimum-sr-r1, local-optimum-sr-r2" in table
    assert "22 of 22 worse" in table and table.count("| to be run |") == 0
    assert verdict_table("search").count("| to be run |") == 2


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
        all(f"\n| {c.id} " in text for c in claims())
        and "37 of 65 statements" in text
        and "+1.7 x" in text
    )


def ledger_rows() -> dict[str, list[str]]:
    lines = TOOL["tested"]().split("\n\n")[0].splitlines()[2:]
    return {
        cells[0].partition(" (replaces")[0]: cells
        for cells in ([c.strip() for c in line.strip("|").split(" | ")] for line in lines)
    }


def test_the_ledger_takes_verdicts_from_records(tmp_path, monkeypatch):
    """Any registered study: verdict, scale, p, and Holm's over all that have one; null is no p; an
    equivalence has TOST's."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    none = ledger_rows()
    assert set(none) == {c.id for c in claims()} and none["sharing-time"][7].startswith("1.69 x")
    assert all(
        row[7] == NOT_TESTED and row[10].endswith("(not made yet)")
        for id, row in none.items()
        if id not in ("sharing-time", "sharing-memory") and claim(id).preset != TO_RUN
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
    assert rows["lwas-denoise"][7].startswith("supported, +0.104 dB (95 % interval +0.0")
    assert rows["lwas-denoise"][7].endswith(
        "n 8; preset study, builtin test, protocol whole, device cpu"
    )
    assert (
        rows["widths-w40"][7].startswith("contradicted, -0.10")
        and rows["widths-w40"][10] == "`hinas-lab study widths --preset tiny`"
    )
    assert (
        rows["residual-denoise"][7].startswith("unresolved")
        and rows["residual-denoise"][8] == "none: too few"
    )
    assert [rows[id][8] for id in ("lwas-denoise", "widths-w40", "sharing-equal")] == [
        f"{t[0]:.2g} ({3 * t[0]:.2g})",
        f"{t[1]:.2g} ({2 * t[1]:.2g})",
        "0.001 (0.001)",
    ]
    assert (
        rows["lwas-sr"][7] == NOT_TESTED and rows["sharing-time"] == none["sharing-time"]
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
                assert row[7].startswith(
                    f"{said[2].strip('*')}, {said[3].replace('(', '(95 % interval ')}, "
                    f"n {said[5].split()[0]};"
                )
                assert said[6].rstrip(" |") == row[8]


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
