"""What residual learning is worth, against the training steps it is given.

An effect along a budget, not at one point of it.
"""

from hinas_book.ch07_ablations.findings import effect_by_budget
from hinas_book.kit.design import Setting, paired_by_seed, report, train_nets
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.statistics import paired
from hinas_lab.presets import preset

TIMES = (1, 4, 16)
SEEDS = 6
ARMS = {"residual on": True, "residual off": False}


def design(setting: Setting) -> Design:
    seeds = range(setting.count(SEEDS))
    searched = yield [setting.search(seed) for seed in seeds]
    steps = preset(setting.base).train.iterations
    rows, used, along = [], [*searched], []
    for times in TIMES:  # a batch of jobs each: the cheap answers come first
        budget = {"times": times, "iterations": times * steps}
        nets = []
        for seed in seeds:
            for arm, residual in ARMS.items():
                job = setting.train(
                    searched[seed]["genotype"], seed, residual=residual, iterations=times * steps
                )
                nets.append(({"arm": arm, "seed": seed, **budget}, job))
        new, trained = yield from train_nets(nets)
        differences = paired_by_seed(new, *ARMS)
        along.append({**budget, "differences": differences, **vars(paired(differences))})
        rows += new
        used += trained
    return report("budget", setting, rows, used, along=along)


def findings(record: dict) -> list[str]:
    return effect_by_budget(record)


def figure(record: dict):
    from hinas_book.ch07_ablations.figures import figure_budget

    return figure_budget(record)
