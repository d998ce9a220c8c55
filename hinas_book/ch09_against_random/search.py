"""Tables 1 and 2: is a searched net better than random ones of its space?

And better than the best of 30 by shared weights (RSWS)?
"""

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
    """Searches, RSWS on their supernets, and ``n`` random nets that are trained twice each."""
    seeds = range(setting.count(claim("search-random").n))
    jobs = [setting.search(seed) for seed in seeds]
    searches = yield jobs

    def draw(job, seed: int) -> tuple[str, ...]:
        return tuple(g.to_json() for g in random_genotypes(job.space, n, seed))

    def score(job, genotypes: tuple[str, ...], **more) -> ScoreJob:
        return ScoreJob(base=setting.base, search=job, genotypes=genotypes, **more)

    random = draw(jobs[0], DRAWN)
    # each RSWS draws nets of its own, none of them the random ones
    candidates = [draw(job, DRAWN + 1 + job.search.seed) for job in jobs]
    scores = yield [
        *map(score, jobs, candidates),
        score(jobs[0], random, untrained=False),
        score(jobs[0], random, untrained=True),
    ]
    *rsws, shared, untrained = scores
    decoded = [search["genotype"] for search in searches]
    best = [g[int(np.argmax(row["psnr"]))] for g, row in zip(candidates, rsws)]
    trainings = {("searched", s): setting.train(g, s) for s, g in zip(seeds, decoded)}
    trainings |= {("rsws", s): setting.train(g, s) for s, g in zip(seeds, best)}
    for s in TRAININGS:
        trainings |= {(i, s): setting.train(g, s) for i, g in enumerate(random)}
    trained = yield list(trainings.values())
    nets = dict(zip(trainings, trained))
    # (n, 2): the mean of a row is a net; each value is a net trained once, as searched ones are
    psnr = np.array([net["psnr"] for net in trained[2 * len(seeds) :]]).reshape(2, -1).T
    rows = []
    for arm in ("searched", "rsws"):
        for seed in seeds:
            net = nets[arm, seed]
            place = percentile(net["psnr"], psnr.ravel())
            rows.append(net_row(arm, seed, net, percentile=place, genotype=net["genotype"]))
    predictors = {"shared": shared["psnr"], "raw": shared["raw"], "untrained": untrained["psnr"]}
    for i, genotype in enumerate(random):
        scored = {name: round(values[i], 5) for name, values in predictors.items()}
        for seed in TRAININGS:
            net = nets[i, seed]
            rows.append(net_row("random", seed, net, number=i, **scored, genotype=genotype))
    middle = float(psnr.mean(1).mean())
    searched = [nets["searched", seed]["psnr"] for seed in seeds]
    winners = [nets["rsws", seed]["psnr"] for seed in seeds]
    claims = {
        "search-random": judge_claim("search-random", [x - middle for x in searched]),
        "search-rsws": judge_claim("search-rsws", [x - y for x, y in zip(searched, winners)]),
    }
    seconds = {
        "search": float(np.mean([row["seconds"] for row in searches])),
        "training": float(np.mean([row["train_seconds"] for row in nets.values()])),
        "scoring": float(np.mean([row["job_seconds"] for row in rsws])),
    }
    used = [*searches, *scores, *trained]
    return report("search", setting, rows, used, claims, seconds=seconds)


def findings(record: dict) -> list[str]:
    """``search_text``, line by line."""
    return search_text(read(record)).splitlines()
