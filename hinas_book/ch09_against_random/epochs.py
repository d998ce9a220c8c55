"""Section 3.3: a search that goes on too long collapses; the best supernet on V guards against it. One search three times as long, decoded
and trained at ten checkpoints."""

import numpy as np
from scipy import stats

from hinas_book.ch09_against_random.findings import both_paces
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, net_row, report
from hinas_book.kit.verdicts import format_contrast
from hinas_lab.analysis.campaign import Design
from hinas_lab.config import preset

TIMES, CHECKPOINTS = 3, 10
EAGER = 2.5
"times alpha's learning rate, and no warm-up: at preset classroom skips take over then (notebook 03); not registered"


def checkpoints(setting: Setting) -> tuple[int, ...]:
    """Ten epochs (fewer where there are fewer), equally far apart, from the first that V may pick to the last."""
    known = preset(setting.base).search
    return tuple(
        sorted(
            {round(e) for e in np.linspace(known.validate_from, TIMES * known.epochs, CHECKPOINTS)}
        )
    )


def design(setting: Setting) -> Design:
    eager = {"warmup_epochs": 0, "arch_lr": EAGER * preset(setting.base).search.arch_lr}
    first, used = yield from long_searches(setting)
    second, more = yield from long_searches(setting, **eager)
    claims, other = first.pop("claims"), second["claims"]["best-on-v"]
    claims["best-on-v"]["note"] += (
        f"; without warm-up, alpha {EAGER:g} times as fast (not registered): {format_contrast(other)}, {other['note']}"
    )
    return report(
        "epochs",
        setting,
        first.pop("rows"),
        [*used, *more],
        claims,
        **first,
        eager={"changes": eager, **second},
    )


def long_searches(setting: Setting, **changes) -> Design:
    """Searches with ``changes``: what the record says of them, and all rows of jobs."""
    seeds, at = range(setting.count(claim("best-on-v").n)), checkpoints(setting)
    last = TIMES * preset(setting.base).search.epochs
    searched = yield [setting.search(seed, epochs=last, at=at, **changes) for seed in seeds]
    jobs = {
        (seed, point["epoch"]): setting.train(point["genotype"], seed)
        for seed, row in zip(seeds, searched)
        for point in row["at"]
    }
    picked = {seed: setting.train(row["genotype"], seed) for seed, row in zip(seeds, searched)}
    rows_all = yield [*jobs.values(), *picked.values()]
    trained, best = dict(zip(jobs, rows_all)), dict(zip(picked, rows_all[len(jobs) :]))
    rows = []
    for seed, row in zip(seeds, searched):
        soft = row["epochs"]["psnr"]
        for point in row["at"]:
            epoch = point["epoch"]
            rows.append(
                net_row(
                    "checkpoint",
                    seed,
                    trained[seed, epoch],
                    epoch=epoch,
                    soft=soft[epoch],
                    shared=round(point["shared"], 5),
                    skip_share=point["skip_share"],
                    genotype=point["genotype"],
                )
            )
        rows.append(
            net_row(
                "best on V",
                seed,
                best[seed],
                epoch=row["best"],
                soft=soft[row["best"]],
                skip_share=row["skip_share"],
                genotype=row["genotype"],
            )
        )
    across = {}  # per search: how what is known early ranks the checkpoints' trained nets
    for name in ("soft", "shared", "skip_share"):
        each = [
            [(r[name], r["psnr"]) for r in rows if r["seed"] == s and r["arm"] == "checkpoint"]
            for s in seeds
        ]
        across[name] = [float(stats.kendalltau(*zip(*pairs)).statistic) for pairs in each]
    same = sum(best[s]["key"] == trained[s, last]["key"] for s in seeds)
    skips = [np.mean([row["at"][i]["skip_share"] for row in searched]) for i in (0, -1)]
    judgement = judge_claim("best-on-v", [best[s]["psnr"] - trained[s, last]["psnr"] for s in seeds]) | {
        "note": f"the same net in {same} of {len(searched)} searches; skips {skips[0]:.0%} at epoch {at[0]}, {skips[1]:.0%} at the last"
    }
    return {
        "rows": rows,
        "claims": {"best-on-v": judgement},
        "epochs": last,
        "checkpoints": list(at),
        "tau": across,
        "picked": [r["best"] for r in searched],
    }, [*searched, *rows_all]


def findings(record: dict) -> list[str]:
    return both_paces(record).splitlines()
