"""Tables 8 and 9: nets searched with cell sharing (Eq. 5) against nets searched without it (Eq. 6): are they as good, what is saved?"""

from dataclasses import asdict, replace

from hinas_book.ch07_ablations.findings import of_sharing
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, net_row, paired_by_seed, report
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.jobs import one_thread

ARMS = {"on": "sharing on", "off": "sharing off"}


def design(setting: Setting) -> Design:
    from hinas_book.kit.sharing_cost import measured, predicted

    registered = claim("sharing-equal")
    seeds = range(setting.count(registered.n))
    jobs = {
        (sharing, seed): setting.search(seed, space={"cell_sharing": sharing})
        for seed in seeds
        for sharing in ARMS
    }
    found = dict(zip(jobs, (yield list(jobs.values()))))
    trained = dict(
        zip(
            found,
            (yield [setting.train(row["genotype"], seed) for (_, seed), row in found.items()]),
        )
    )
    rows = [
        net_row(ARMS[s], seed, row, genotype=found[s, seed]["genotype"])
        for (s, seed), row in trained.items()
    ]
    gaps = paired_by_seed(rows, *ARMS.values())
    claims = {"sharing-equal": judge_claim("sharing-equal", gaps)}
    job = jobs["on", 0]
    # seconds in turn, here and now: searches that ran beside different neighbours tell nothing of time
    with one_thread():
        cost = {c.sharing: asdict(c) for c in measured(job.space, job.search)}
    cap = cost["off"][
        "kept"
    ]  # what Eq. 6 keeps at the preset's batch: how many patches does Eq. 5 keep in as much?
    batch, fits = job.search.batch, job.search.batch
    while (
        next(
            c.kept
            for c in predicted(job.space, replace(job.search, batch=fits + 1))
            if c.sharing == "on"
        )
        <= cap
    ):
        fits += 1
    with one_thread():
        at_cap = {
            c.sharing: c.seconds / fits
            for c in measured(job.space, replace(job.search, batch=fits))
        }
    image = {"on": at_cap["on"], "off": cost["off"]["seconds"] / batch}
    return report(
        "sharing",
        setting,
        rows,
        [*found.values(), *trained.values()],
        claims,
        cost=cost,
        cost_device="cpu",
        batch=batch,
        batch_at_equal_memory=fits,
        image_seconds_at_equal_memory=image,
    )


def findings(record: dict) -> list[str]:
    return of_sharing(record)
