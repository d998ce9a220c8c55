"""Tables 8 and 9: nets searched with cell sharing (Eq. 5) against nets searched without (Eq. 6).

Are they as good, and what is saved?
"""

from dataclasses import asdict, replace

from hinas_book.ch07_ablations.findings import of_sharing
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
from hinas_lab.analysis.jobs import SearchJob, one_thread

ARMS = {"on": "sharing on", "off": "sharing off"}


def design(setting: Setting) -> Design:
    jobs = {}
    for seed in range(setting.count(claim("sharing-equal").n)):
        for sharing in ARMS:
            jobs[sharing, seed] = setting.search(seed, space={"cell_sharing": sharing})
    searched = yield from run_named(jobs)
    nets = []
    for (sharing, seed), row in searched.items():
        columns = {"arm": ARMS[sharing], "seed": seed, "genotype": row["genotype"]}
        nets.append((columns, setting.train(row["genotype"], seed)))
    rows, trained = yield from train_nets(nets)
    differences = paired_by_seed(rows, *ARMS.values())
    return report(
        "sharing",
        setting,
        rows,
        [*searched.values(), *trained],
        {"sharing-equal": judge_claim("sharing-equal", differences)},
        **_saved(jobs["on", 0]),
    )


def _saved(job: SearchJob) -> dict:
    """What a pass of ``job``'s supernet keeps and takes, Eq. 5 and Eq. 6, here and now."""
    from hinas_book.kit.sharing_cost import measured, predicted

    space, config = job.space, job.search
    # in turn, on one thread: searches that ran beside different neighbours tell nothing of time
    with one_thread():
        rows = measured(space, config, device="cpu")
    cost = {row.sharing: asdict(row) for row in rows}
    # how many patches does Eq. 5 (the first prediction) keep in the memory that Eq. 6 needs at the
    # preset's batch?
    batch, memory = config.batch, cost["off"]["kept"]
    while next(predicted(space, replace(config, batch=batch + 1))).kept <= memory:
        batch += 1
    with one_thread():
        rows = measured(space, replace(config, batch=batch), device="cpu")
    full = {row.sharing: row.seconds for row in rows}
    return {
        "cost": cost,
        "cost_device": "cpu",
        "batch": config.batch,
        "batch_at_equal_memory": batch,
        "image_seconds_at_equal_memory": {
            "on": full["on"] / batch,
            "off": cost["off"]["seconds"] / config.batch,
        },
    }


def findings(record: dict) -> list[str]:
    return of_sharing(record)
