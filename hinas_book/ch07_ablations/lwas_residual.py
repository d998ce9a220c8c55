"""Tables 1 and 2: layer-wise architecture sharing and residual learning, on and off.

Each of the four arms is searched, trained and measured.
"""

from itertools import product

from hinas_book.kit.claims import claim
from hinas_book.kit.design import (
    Setting,
    judge_claim,
    net_row,
    paired_by_seed,
    report,
    run_named,
)
from hinas_lab.analysis.campaign import Design

SWITCH = {True: "on", False: "off"}


def effect(rows: list[dict], factor: str) -> list[float]:
    """Per seed: on - off of ``factor`` (lwas or residual), averaged over the other one."""
    return paired_by_seed([row | {"arm": row[factor]} for row in rows], True, False)


def design(setting: Setting) -> Design:
    rows, used, claims, simple = [], [], {}, {}
    for task in ("denoise", "sr"):
        seeds = range(setting.count(claim(f"lwas-{task}").n))
        searches = {}
        for seed, lwas, residual in product(seeds, SWITCH, SWITCH):
            space = {"lwas": lwas, "residual": residual}
            searches[lwas, residual, seed] = setting.search(seed, task, space=space)
        searched = yield from run_named(searches)
        trainings = {}
        for (lwas, residual, seed), row in searched.items():
            job = setting.train(row["genotype"], seed, residual=residual)
            trainings[lwas, residual, seed] = job
        trained = yield from run_named(trainings)
        nets = []
        for (lwas, residual, seed), row in trained.items():
            found = searched[lwas, residual, seed]
            nets.append(
                net_row(
                    f"lwas {SWITCH[lwas]}, residual {SWITCH[residual]}",
                    seed,
                    row,
                    task=task,
                    lwas=lwas,
                    residual=residual,
                    skip_share=found["skip_share"],
                    path=found["path"],
                    genotype=found["genotype"],
                )
            )
        for factor, other in (("lwas", "residual"), ("residual", "lwas")):
            id = f"{factor}-{task}"
            claims[id] = judge_claim(id, effect(nets, factor))
            # the two factors may interact: the effect of one for each state of the other
            for value, word in SWITCH.items():
                half = [row for row in nets if row[other] == value]
                simple[f"{id}, {other} {word}"] = effect(half, factor)
        rows += nets
        used += [*searched.values(), *trained.values()]
    return report("lwas-residual", setting, rows, used, claims, simple=simple)
