"""What residual learning is worth, against the training steps it is given.

An effect along a budget, not at one point of it.
"""

from hinas_book.ch07_ablations.findings import effect_by_budget
from hinas_book.kit.design import Setting, net_row, paired_by_seed, report, run_named
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.statistics import paired
from hinas_lab.config import preset

TIMES = (1, 4, 16)
SEEDS = 6


def design(setting: Setting) -> Design:
    seeds = range(setting.count(SEEDS))
    searched = yield [setting.search(seed) for seed in seeds]
    steps = preset(setting.base).train.iterations
    rows, used, along = [], [*searched], []
    for times in TIMES:  # a batch of jobs each: the cheap answers come first
        budget = {"times": times, "iterations": times * steps}
        jobs = {}
        for seed in seeds:
            genotype = searched[seed]["genotype"]
            for arm, residual in (("residual on", True), ("residual off", False)):
                jobs[arm, seed] = setting.train(
                    genotype, seed, residual=residual, iterations=times * steps
                )
        trained = yield from run_named(jobs)
        nets = [net_row(arm, seed, row, **budget) for (arm, seed), row in trained.items()]
        differences = paired_by_seed(nets, "residual on", "residual off")
        along.append({**budget, "differences": differences, **vars(paired(differences))})
        rows += nets
        used += trained.values()
    return report("budget", setting, rows, used, along=along)


def findings(record: dict) -> list[str]:
    return effect_by_budget(record)
