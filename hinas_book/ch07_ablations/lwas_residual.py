"""Tables 1 and 2: layer-wise architecture sharing and residual learning, on and off, each searched, trained and measured."""

from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, net_row, paired_by_seed, report
from hinas_lab.analysis.campaign import Design

ARMS = {
    (lwas, residual): f"lwas {'on' if lwas else 'off'}, residual {'on' if residual else 'off'}"
    for lwas in (True, False)
    for residual in (True, False)
}


def searches(setting: Setting, task: str, seeds: range) -> dict:
    """(lwas, residual, seed) -> job."""
    return {
        (*arm, seed): setting.search(seed, task, space={"lwas": arm[0], "residual": arm[1]})
        for seed in seeds
        for arm in ARMS
    }


def effect(rows: list[dict], factor: str) -> list[float]:
    """Per seed: on - off of ``factor`` (lwas or residual), averaged over the other one."""
    named = [r | {"arm": r[factor]} for r in rows]
    return paired_by_seed(named, True, False)


def design(setting: Setting) -> Design:
    rows, used, claims, simple = [], [], {}, {}
    for task in ("denoise", "sr"):
        jobs = searches(setting, task, range(setting.count(claim(f"lwas-{task}").n)))
        found = dict(zip(jobs, (yield list(jobs.values()))))
        trainings = {
            at: setting.train(row["genotype"], at[2], residual=at[1]) for at, row in found.items()
        }
        trained = dict(zip(trainings, (yield list(trainings.values()))))
        mine = [
            net_row(
                ARMS[at[:2]],
                at[2],
                row,
                task=task,
                lwas=at[0],
                residual=at[1],
                skip_share=found[at]["skip_share"],
                path=found[at]["path"],
                genotype=found[at]["genotype"],
            )
            for at, row in trained.items()
        ]
        for factor in ("lwas", "residual"):
            claims[f"{factor}-{task}"] = judge_claim(f"{factor}-{task}", effect(mine, factor))
            other = "residual" if factor == "lwas" else "lwas"
            for value in (True, False):
                some = [r | {"arm": r[factor]} for r in mine if r[other] == value]
                simple[f"{factor}-{task}, {other} {'on' if value else 'off'}"] = paired_by_seed(
                    some, True, False
                )
        rows += mine
        used += [*found.values(), *trained.values()]
    return report("lwas-residual", setting, rows, used, claims, simple=simple)
