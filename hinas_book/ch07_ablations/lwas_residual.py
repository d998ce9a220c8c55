"""Tables 1 and 2: layer-wise architecture sharing and residual learning, on and off.

Each of the four arms is searched, trained and measured.
"""

from itertools import product

from hinas_book.kit.claims import claim
from hinas_book.kit.design import (
    Setting,
    judge_claim,
    paired_by_seed,
    report,
    run_named,
    train_nets,
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
        # every found net is trained as it was searched: with the residual, or without
        nets = []
        for (lwas, residual, seed), row in searched.items():
            columns = {
                "arm": f"lwas {SWITCH[lwas]}, residual {SWITCH[residual]}",
                "seed": seed,
                "task": task,
                "lwas": lwas,
                "residual": residual,
                "skip_share": row["skip_share"],
                "path": row["path"],
                "genotype": row["genotype"],
            }
            nets.append((columns, setting.train(row["genotype"], seed, residual=residual)))
        new, trained = yield from train_nets(nets)
        for factor, other in (("lwas", "residual"), ("residual", "lwas")):
            id = f"{factor}-{task}"
            claims[id] = judge_claim(id, effect(new, factor))
            # the two factors may interact: the effect of one for each state of the other
            for value, word in SWITCH.items():
                half = [row for row in new if row[other] == value]
                simple[f"{id}, {other} {word}"] = effect(half, factor)
        rows += new
        used += [*searched.values(), *trained]
    return report("lwas-residual", setting, rows, used, claims, simple=simple)


def figure(record: dict):
    from hinas_book.ch07_ablations.figures import figure_factors

    return figure_factors(record)
