"""Section 3.3: a search that goes on too long collapses; the best supernet on V guards against it.

One search three times as long, decoded and trained at ten checkpoints.
"""

import numpy as np
from scipy import stats

from hinas_book.ch09_against_random.findings import both_paces
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, net_row, report
from hinas_book.kit.verdicts import format_contrast
from hinas_lab.analysis.campaign import Design
from hinas_lab.presets import preset

TIMES = 3
"the preset's epochs"
CHECKPOINTS = 10
EAGER = 2.5
"times alpha's learning rate, and no warm-up: skips take over then (notebook 03); not registered"


def checkpoints(setting: Setting) -> tuple[int, ...]:
    """Ten epochs, equally far apart, from the first that V may pick to the last.

    Fewer where a search has fewer.
    """
    search = preset(setting.base).search
    epochs = np.linspace(search.validate_from, TIMES * search.epochs, CHECKPOINTS)
    return tuple(sorted(set(map(round, epochs))))


def design(setting: Setting) -> Design:
    """The preset's pace, which is registered, and an eager one beside it."""
    changes = {"warmup_epochs": 0, "arch_lr": EAGER * preset(setting.base).search.arch_lr}
    usual, jobs = yield from long_searches(setting)
    eager, more_jobs = yield from long_searches(setting, **changes)
    # the eager searches are not registered: their contrast stands in the note alone
    other = eager["claims"]["best-on-v"]
    usual["claims"]["best-on-v"]["note"] += (
        f"; without warm-up, alpha {EAGER:g} times as fast (not registered): "
        f"{format_contrast(other)}, {other['note']}"
    )
    return report(
        "epochs",
        setting,
        jobs=[*jobs, *more_jobs],
        **usual,
        eager={"changes": changes, **eager},
    )


def long_searches(setting: Setting, **changes) -> Design:
    """Searches with ``changes``: what the record says of them, and all rows of jobs."""
    seeds = range(setting.count(claim("best-on-v").n))
    epochs = checkpoints(setting)
    last = TIMES * preset(setting.base).search.epochs
    searches = yield [setting.search(seed, epochs=last, at=epochs, **changes) for seed in seeds]
    jobs = {}
    for seed, search in zip(seeds, searches):
        for point in search["at"]:
            jobs[seed, point["epoch"]] = setting.train(point["genotype"], seed)
    # often the genotype of a checkpoint: then it is the same job, and trained once
    for seed, search in zip(seeds, searches):
        jobs[seed, "picked"] = setting.train(search["genotype"], seed)
    trainings = yield list(jobs.values())
    nets = dict(zip(jobs, trainings))
    rows = []
    for seed, search in zip(seeds, searches):
        # PSNR on V of the soft supernet, a value per epoch
        soft = search["epochs"]["psnr"]
        for point in search["at"]:
            epoch = point["epoch"]
            row = net_row(
                "checkpoint",
                seed,
                nets[seed, epoch],
                epoch=epoch,
                soft=soft[epoch],
                shared=round(point["shared"], 5),
                skip_share=point["skip_share"],
                genotype=point["genotype"],
            )
            rows.append(row)
        row = net_row(
            "best on V",
            seed,
            nets[seed, "picked"],
            epoch=search["best"],
            soft=soft[search["best"]],
            skip_share=search["skip_share"],
            genotype=search["genotype"],
        )
        rows.append(row)
    gaps = [nets[seed, "picked"]["psnr"] - nets[seed, last]["psnr"] for seed in seeds]
    # by the job's key: the same genotype, the same training
    same = sum(nets[seed, "picked"]["key"] == nets[seed, last]["key"] for seed in seeds)
    skips_first = np.mean([search["at"][0]["skip_share"] for search in searches])
    skips_last = np.mean([search["at"][-1]["skip_share"] for search in searches])
    judgement = judge_claim("best-on-v", gaps) | {
        "note": f"the same net in {same} of {len(searches)} searches; "
        f"skips {skips_first:.0%} at epoch {epochs[0]}, {skips_last:.0%} at the last"
    }
    return {
        "rows": rows,
        "claims": {"best-on-v": judgement},
        "epochs": last,
        "checkpoints": list(epochs),
        "tau": _ranking(rows, seeds),
        "picked": [search["best"] for search in searches],
    }, [*searches, *trainings]


def _ranking(rows: list[dict], seeds: range) -> dict[str, list[float]]:
    """Per search: tau-b of what is known of a checkpoint before training with its trained net."""
    taus: dict[str, list[float]] = {}
    for name in ("soft", "shared", "skip_share"):
        # within a search: between searches the supernets differ as well
        for seed in seeds:
            points = [r for r in rows if r["seed"] == seed and r["arm"] == "checkpoint"]
            tau = stats.kendalltau([r[name] for r in points], [r["psnr"] for r in points])
            taus.setdefault(name, []).append(float(tau.statistic))
    return taus


def findings(record: dict) -> list[str]:
    """``both_paces``, line by line."""
    return both_paces(record).splitlines()


def figure(record: dict):
    from hinas_book.ch09_against_random.figures import figure_epochs

    return figure_epochs(record)
