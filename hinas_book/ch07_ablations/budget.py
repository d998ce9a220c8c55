"""What residual learning is worth, against the training steps it is given: an effect along a budget, not at one point of it."""

from hinas_book.ch07_ablations.findings import effect_by_budget
from hinas_book.kit.design import Setting, net_row, paired_by_seed, report
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.statistics import paired
from hinas_lab.config import preset

TIMES = (1, 4, 16)
SEEDS = 6


def design(setting: Setting) -> Design:
    seeds = range(setting.count(SEEDS))
    found = yield [setting.search(seed) for seed in seeds]
    steps, rows, used = preset(setting.base).train.iterations, [], list(found)
    for times in TIMES:
        jobs = {
            (residual, seed): setting.train(
                found[seed]["genotype"], seed, residual=residual, iterations=times * steps
            )
            for seed in seeds
            for residual in (True, False)
        }
        trained = dict(zip(jobs, (yield list(jobs.values()))))
        rows += [
            net_row(
                "residual on" if r else "residual off",
                s,
                row,
                times=times,
                iterations=times * steps,
            )
            for (r, s), row in trained.items()
        ]
        used += trained.values()
    along = []
    for times in TIMES:
        gaps = paired_by_seed(
            [r for r in rows if r["times"] == times], "residual on", "residual off"
        )
        contrast = paired(gaps)
        along.append(
            {
                "times": times,
                "iterations": times * steps,
                "differences": gaps,
                "mean": contrast.mean,
                "low": contrast.low,
                "high": contrast.high,
                "p": contrast.p,
                "n": contrast.n,
            }
        )
    return report("budget", setting, rows, used, along=along)


def findings(record: dict) -> list[str]:
    return effect_by_budget(record)
