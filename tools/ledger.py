"""Write docs/ledger.md from data/ledger.csv, the registered claims, the recomputed sentences and
the recorded studies (``make docs``)."""

import csv
import json
import sys
from math import isnan
from pathlib import Path

from hinas_book.kit.claims import NOT_TESTED, PATH, TO_RUN, Claim, claims, digests
from hinas_book.kit.recorded import at_other_presets, names, recorded, registered
from hinas_book.kit.verdicts import (
    Judged,
    as_registered,
    claims_with_verdicts,
    compared,
    in_words,
    smallest,
)
from hinas_book.paper.our_studies import DATASET, under
from hinas_book.paper.printed_tests import printed_tests
from hinas_book.paper.published import TABLES, paper_table, sentences
from hinas_lab.presets import preset
from hinas_lab.training.step_memory import sharing_factors

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ledger.md"
DIGESTS = ROOT / "data" / "claims.sha256.json"
HEAD = """# The ledger

Made by `make docs`; edit `data/ledger.csv`, add to `data/claims.csv`, or make a study instead.

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
    "A row of the claims never changes: a change is a new row, and the digests of all lie in "
    "`data/claims.sha256.json`. Before that rule n was raised from 4 to 6 for the widths and for "
    "both claims of super-resolution (2026-11-22 18:06, before the code of their studies); the 44 "
    "edits registered for each kind were all of both kinds; the presets of rows older than "
    "2026-11-28 are those of their records. "
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
    """Claims about costs, counted and timed by benchmarks and studies: id -> (what was measured,
    command)."""
    rows = {
        r["what"]: r
        for r in json.loads((ROOT / "data" / "bench" / "one-thread.json").read_text())["rows"]
    }
    command = "`hinas-lab bench`, `hinas-lab memory`"
    memory = rows["cell sharing off : on, bytes kept"]["ratio"]
    seconds = rows["cell sharing off : on, forward and backward"]
    _, space, search, _ = preset("paper")
    factors = sharing_factors(space, search)
    costs = {
        "sharing-memory": (
            f"{memory:.2f} x (bytes kept, whole supernet, counted, preset paper, batch 2); "
            f"one full layer {factors['one layer']:.2f} x, a cell with three incoming moves "
            f"{factors['one cell']:g} x",
            command,
        ),
        "sharing-time": (
            f"{seconds['ratio']:.2f} x (a step's time, one CPU thread, preset paper, batch 2)",
            command,
        ),
    }
    if "cost" in (record := registered("sharing") or {}):
        # a pass over a batch of 2, and an image at the batch of 3 that fits the same memory
        full = rows["cell sharing off : on, an image, same memory (2 : 3)"]
        costs["sharing-batch"] = _larger_batch(record, seconds["b"] / 2 / full["b"])
    if "peers-sr" in names():
        costs |= _light(recorded("peers-sr")["rows"])
    return costs


def _larger_batch(record: dict, paper: float) -> tuple[str, str]:
    """An image's seconds at the preset's batch over those at the larger one, both with sharing."""
    batch, full = record["batch"], record["batch_at_equal_memory"]
    image = record["cost"]["on"]["seconds"] / batch
    ratio = image / record["image_seconds_at_equal_memory"]["on"]
    return (
        f"{ratio:.2f} x (an image, batch {batch} : {full}, one CPU thread, preset study; at preset "
        f"paper {paper:.2f} x, batch 2 : 3)",
        "`hinas-lab study sharing`",
    )


def _light(rows: list[dict]) -> dict[str, tuple[str, str]]:
    nets = {row["method"]: row for row in rows}
    ours, light = nets["HiNAS space, random net"], nets["IMDN"]
    faster, fewer = (light[key] / ours[key] for key in ("seconds", "parameters"))
    printed = paper_table(11).row("HiNAS")["params_m"].printed
    net = (
        f"x3, a random net of the space of {ours['parameters']:,} parameters, "
        f"where Table 11 prints {printed} M"
    )
    command = "`hinas-lab study peers --task sr --scale 3`"
    return {
        "light-time": (f"{faster:.2f} x ({net}; one CPU thread)", command),
        "light-parameters": (f"{fewer:.2f} x ({net})", command),
    }


def tested() -> str:
    """Registered claims. What was measured at a small scale keeps its scale beside its verdict."""
    said, costs, rows = claims_with_verdicts(), bench(), []
    for c in claims():
        verdict, probability, n = NOT_TESTED, "", f"{c.n}"
        command = f"`hinas-lab study {c.study}` (not made yet)"
        if c.preset == TO_RUN:
            verdict, command = TO_RUN, "not made yet"
        elif j := said.get(c.id):
            verdict, probability = verdict_and_scale(c, j), j.chance
            if j.told["n"] != c.n:
                n = f"{j.told['n']} ({c.n} registered)"
            options = "" if j.record["preset"] == "study" else f" --preset {j.record['preset']}"
            command = f"`hinas-lab study {c.study}{options}`"
        elif c.id in costs:
            verdict, command = costs[c.id]
        if c.record == "before" and (c.id in said or c.id in costs):
            verdict += "; the record was there before the row"
        replaces = f" (replaces {c.replaces})" if c.replaces else ""
        rows.append(
            [
                c.id + replaces,
                c.section,
                c.claim,
                compared(c),
                smallest(c),
                c.preset,
                n,
                verdict,
                probability,
                as_registered(c),
                command,
            ]
        )
    head = [
        "claim",
        "section",
        "in words",
        "contrast",
        "smallest effect of interest",
        "preset",
        "n",
        "verdict and scale",
        "p (Holm)",
        "changed after the result: what, when, why",
        "command",
    ]
    return grid(head, rows) + (
        f"\n{JUDGED.format(n=sum(not isnan(j.p) for j in said.values()))}\n" if said else ""
    )


def verdict_and_scale(c: Claim, judged: Judged) -> str:
    """The verdict of the registered preset, then those of records at other presets."""
    texts = [_scaled(c, judged.told, judged.record)]
    for record in at_other_presets(c.study):
        if c.id in record["claims"]:
            texts.append(_scaled(c, record["claims"][c.id], record))
    return "; at another scale: ".join(texts)


def _scaled(c: Claim, told: dict, record: dict) -> str:
    return (
        f"{in_words(told)}; preset {record['preset']}, {told.get('dataset', DATASET)}, "
        f"protocol {told.get('protocol', under(record, c.task))}, device {record['device']}"
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


def register(path: Path = PATH, stored: Path = DIGESTS) -> list[str]:
    """Keep the digest of every new row of the claims; their ids. SystemExit when a row that has one
    changed or is gone: a change is a new row."""
    kept, now = json.loads(stored.read_text()), digests(path)
    if broken := [id for id, digest in kept.items() if now.get(id) != digest]:
        raise SystemExit(
            f"{path.name}: {', '.join(broken)} changed or gone since registered: "
            "put the row back, and write the change as a new row that replaces it"
        )
    stored.write_text(json.dumps(now, indent=1) + "\n")
    return [id for id in now if id not in kept]


if __name__ == "__main__":
    for id in register():
        print(f"registered {id}", file=sys.stderr)
    PAGE.write_text(document(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)
