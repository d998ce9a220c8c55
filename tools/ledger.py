"""Write docs/ledger.md from data/ledger.csv, the registered claims, the recomputed sentences and
the recorded studies (``make docs``)."""

import csv
import json
import sys
from math import isnan
from pathlib import Path

from hinas_book.kit.claims import NOT_TESTED, claims
from hinas_book.kit.recorded import recorded
from hinas_book.kit.verdicts import claims_with_verdicts, compared, in_words, smallest
from hinas_book.paper.our_studies import DATASET, under
from hinas_book.paper.printed_tests import printed_tests
from hinas_book.paper.published import TABLES, paper_table, sentences

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ledger.md"
HEAD = """# The ledger

Made by `make docs`; edit `data/ledger.csv`, `data/claims.csv` and the studies instead.

## What can be concluded here, and what cannot

A preset of minutes tests whether a *mechanism* does what is said of it: do alpha and beta move, \
does a rule guard against collapse, does
sharing save memory, does a protocol change a number. \
It says nothing about how large an effect is at the paper's scale, where nets have
thirty times the parameters and several hundred times the iterations. \
So a verdict carries its scale, and evidence of a small one never
becomes a verdict on the paper's. With fewer than six seeds a contrast is called unresolved, \
whatever its numbers say.

"""
JUDGED = (
    "A verdict rests on the 95 % interval of its contrast alone, an equivalence on TOST; "
    "a share of edits must exceed what noise alone gives and hold with one training seed, too, "
    "and its p is the larger of these two. "
    "Other p: paired t, exact binomial, or TOST, as registered; "
    "in brackets adjusted after Holm over the {n} claims that have one. "
    "Sigma 50 or ×4; rows in `data/studies`."
)
MARGIN = 0.31
"dB: HiNAS over N3Net at sigma 50, Table 10"


def grid(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        "| " + " | ".join(str(c).replace("|", "\\|") for c in row) + " |\n" for row in lines
    )


def settings() -> str:
    with (ROOT / "data" / "ledger.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    return grid(head, [[*row[:-1], f"`{row[-1]}`" if row[-1] else ""] for row in rows])


def bench() -> dict[str, tuple[str, str]]:
    """Claims about costs, counted and timed by the benchmarks: id -> (what was measured,
    command)."""
    rows = {
        r["what"]: r
        for r in json.loads((ROOT / "data" / "bench" / "one-thread.json").read_text())["rows"]
    }
    return {
        id: (
            f"{rows[row]['ratio']:.2f} x ({what}, preset paper, batch 2)",
            "`hinas-lab bench`, `hinas-lab memory`",
        )
        for id, row, what in (
            (
                "sharing-memory",
                "cell sharing off : on, bytes kept",
                "bytes kept, whole supernet, counted",
            ),
            (
                "sharing-time",
                "cell sharing off : on, forward and backward",
                "a step's time, one CPU thread",
            ),
        )
    }


def tested() -> str:
    """Registered claims. What was measured at a small scale keeps its scale beside its verdict."""
    said, costs, rows = claims_with_verdicts(), bench(), []
    for c in claims():
        verdict, probability, command = (
            NOT_TESTED,
            "",
            f"`hinas-lab study {c.study}` (not made yet)",
        )
        if j := said.get(c.id):
            told, record = j.told, j.record
            where = (
                f"{told.get('dataset', DATASET)}, "
                f"protocol {told.get('protocol', under(record, c.task))}, "
                f"device {record['device']}"
            )
            verdict = f"{in_words(told)}; preset {record['preset']}, {where}"
            probability = j.chance
            options = "" if record["preset"] == "study" else " --preset " + record["preset"]
            command = f"`hinas-lab study {c.study}{options}`"
        elif c.id in costs:
            verdict, command = costs[c.id]
        rows.append(
            [c.id, c.section, c.claim, compared(c), smallest(c), c.n, verdict, probability, command]
        )
    head = [
        "claim",
        "section",
        "in words",
        "contrast",
        "smallest effect of interest",
        "n",
        "verdict and scale",
        "p (Holm)",
        "command",
    ]
    return grid(head, rows) + (
        f"\n{JUDGED.format(n=sum(not isnan(j.p) for j in said.values()))}\n" if said else ""
    )


def protocol_alone() -> str:
    rows = []
    for name, who in (
        ("protocol-tv-BSDS500-50", "TV"),
        ("protocol-demo-BSDS500-50", "the demo's net"),
    ):
        study = recorded(name)
        for d in study["differences"]:
            if d["protocol"] in ("authors-eval", "authors-val", "half-size"):
                rows.append(
                    [
                        who,
                        d["protocol"],
                        d["n"],
                        f"{d['psnr']:+.3f} ({d['psnr_low']:+.3f} to {d['psnr_high']:+.3f})",
                        f"{d['ssim']:+.4f}",
                        f"{d['psnr'] / MARGIN:+.1f} x",
                    ]
                )
    return grid(
        [
            "method",
            "protocol, against whole",
            "n",
            "PSNR, dB (95 %)",
            "SSIM",
            f"of the {MARGIN} dB margin",
        ],
        rows,
    )


def document() -> str:
    said, tests = sentences(), printed_tests()
    agree = sum(s.agrees for s in said)
    flags = [
        (n, r["method"].printed, c, cell)
        for n in TABLES
        for r in paper_table(n).rows
        for c, cell in r.items()
        if cell.flag
    ]
    resolved = {
        n: (
            sum(t.contrast.resolved for t in tests if t.table == n),
            sum(t.table == n for t in tests),
        )
        for n in (1, 2, 8, 9)
    }
    unsaid = [
        [
            s.section,
            s.says,
            "yes" if s.unit == "yes" else f"{s.stated:g} {s.unit}",
            "no" if s.unit == "yes" else f"{s.recomputed:.4g} {s.unit}",
        ]
        for s in said
        if not s.agrees
    ]
    parts = [
        HEAD,
        "The paper's own numbers, before anything is trained (`hinas-lab study published`): "
        f"{agree} of {len(said)} statements of the text agree with the tables; "
        f"{len(flags)} cells can hardly be right; "
        "of the contrasts printed with ±, resolved at 95 % are "
        + ", ".join(f"{a} of {b} in Table {n}" for n, (a, b) in resolved.items())
        + ".\n\n",
        "## The protocol question\n\n"
        f"Table 10 puts HiNAS {MARGIN} dB above the next method at sigma 50. "
        "How much of such a margin does a protocol alone give, "
        "to a method that does not change?\n\n",
        protocol_alone(),
        "\nWhich protocol made Table 10 is not known; see notebook 11 and docs/protocols.md.\n\n",
        "## Registered claims\n\n",
        tested(),
        "\n## Settings\n\n",
        settings(),
        "\n## Statements of the text that the tables do not bear out\n\n",
        grid(["section", "statement", "stated", "the cells give"], unsaid),
        "\n## Cells that can hardly be right, kept as printed\n\n",
        grid(
            ["table", "method", "column", "printed", "why"],
            [[n, m, c, cell.printed, cell.flag] for n, m, c, cell in flags],
        ),
    ]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)
