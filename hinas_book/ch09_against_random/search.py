"""Tables 1 and 2: is a searched net better than random ones of its space, and than the best of 30 by shared weights (RSWS)?"""

import numpy as np

from hinas_book.ch09_against_random.findings import read, search_text
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, net_row, report
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.jobs import ScoreJob
from hinas_lab.analysis.random_nets import random_genotypes
from hinas_lab.analysis.statistics import percentile

RANDOM, DRAWN = 30, 1000
"random genotypes, and the seed that draws them"
TRAININGS = (1, 2)
"seeds: the same net twice tells how well one training ranks"


def design(setting: Setting, n: int = RANDOM) -> Design:
    seeds = range(setting.count(claim("search-random").n))
    jobs = [setting.search(seed) for seed in seeds]
    found = yield jobs
    drawn = [g.to_json() for g in random_genotypes(jobs[0].space, n, DRAWN)]
    rsws = [
        [g.to_json() for g in random_genotypes(job.space, n, DRAWN + 1 + job.search.seed)]
        for job in jobs
    ]
    scores = yield (
        [
            ScoreJob(base=setting.base, search=job, genotypes=tuple(some))
            for job, some in zip(jobs, rsws)
        ]
        + [
            ScoreJob(base=setting.base, search=jobs[0], genotypes=tuple(drawn), untrained=u)
            for u in (False, True)
        ]
    )
    *scored, shared, untrained = scores
    winners = [some[int(np.argmax(told["psnr"]))] for some, told in zip(rsws, scored)]
    asked = {("searched", s): setting.train(row["genotype"], s) for s, row in zip(seeds, found)}
    asked |= {("rsws", s): setting.train(g, s) for s, g in zip(seeds, winners)}
    asked |= {(i, t): setting.train(g, t) for t in TRAININGS for i, g in enumerate(drawn)}
    trained = dict(zip(asked, (yield list(asked.values()))))
    at = lambda arm: [trained[arm, s]["psnr"] for s in seeds]  # noqa: E731
    twice = np.array([[trained[i, t]["psnr"] for t in TRAININGS] for i in range(len(drawn))])
    random_psnr, once = (
        twice.mean(1),
        twice.ravel(),
    )  # a net; a net trained once, as the searched ones are
    seconds = {
        "search": float(np.mean([f["seconds"] for f in found])),
        "training": float(np.mean([r["train_seconds"] for r in trained.values()])),
        "scoring": float(np.mean([s["job_seconds"] for s in scored])),
    }
    rows = [
        net_row(
            arm,
            s,
            trained[arm, s],
            percentile=percentile(trained[arm, s]["psnr"], once),
            genotype=trained[arm, s]["genotype"],
        )
        for arm in ("searched", "rsws")
        for s in seeds
    ]
    rows += [
        net_row(
            "random",
            t,
            trained[i, t],
            number=i,
            shared=round(shared["psnr"][i], 5),
            raw=round(shared["raw"][i], 5),
            untrained=round(untrained["psnr"][i], 5),
            genotype=drawn[i],
        )
        for i in range(len(drawn))
        for t in TRAININGS
    ]
    claims = {
        "search-random": judge_claim(
            "search-random", [p - float(random_psnr.mean()) for p in at("searched")]
        ),
        "search-rsws": judge_claim("search-rsws", [a - b for a, b in zip(at("searched"), at("rsws"))]),
    }
    return report(
        "search", setting, rows, [*found, *scores, *trained.values()], claims, seconds=seconds
    )


def findings(record: dict) -> list[str]:
    return search_text(read(record)).splitlines()
