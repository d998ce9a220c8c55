"""Tables 1 and 2: is a searched net better than random ones of its space?

And better than the best of 30 random ones, scored on the gradient search's own supernet? That is
the arm ``rsws`` of the record. The cited RSWS trains its supernet on random architectures instead
(``searching/methods/rsws.py``).
"""

import numpy as np
from scipy import stats

from hinas_book.ch09_against_random.findings import read, search_text
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, net_row, report
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.jobs import ScoreJob
from hinas_lab.analysis.random_nets import random_genotypes
from hinas_lab.analysis.statistics import percentile

RANDOM = 30
"random genotypes, as many as the paper's RSWS scores"
DRAWN = 1000
"the seed that draws them"
TRAININGS = (1, 2)
"seeds: the same net twice tells how well one training ranks"


def judged_since(record: dict) -> dict[str, dict]:
    """``search-random`` takes the mean of the random nets as known. Beside it stands the interval
    that knows how few they are: Welch's, of searched nets against the means of random ones."""
    told = record["claims"].get("search-random")
    random, searched = {}, []
    for row in record["rows"]:
        if row["arm"] == "random":
            random.setdefault(row["number"], []).append(row["psnr"])
        elif row["arm"] == "searched":
            searched.append(row["psnr"])
    if not told or len(searched) < 2 or len(random) < 2:
        return {}
    means = [np.mean(values) for values in random.values()]
    interval = stats.ttest_ind(searched, means, equal_var=False).confidence_interval(0.95)
    note = f"Welch, with the random nets' own spread: {interval.low:+.3f} to {interval.high:+.3f}"
    return {"search-random": told | {"note": note}}


def design(setting: Setting, n: int = RANDOM) -> Design:
    """Searches, the best random nets by their supernets, and ``n`` random nets that are trained
    twice each."""
    seeds = range(setting.count(claim("search-random").n))
    jobs = [setting.search(seed) for seed in seeds]
    searches = yield jobs
    random = _draw(jobs[0], n, DRAWN)
    # each supernet scores nets of its own: its winner must not be one of the random nets
    candidates = [_draw(job, n, DRAWN + 1 + job.search.seed) for job in jobs]
    scoring = []
    for job, genotypes in zip(jobs, candidates):
        scoring.append(ScoreJob(base=setting.base, search=job, genotypes=genotypes))
    for untrained in (False, True):
        job = ScoreJob(base=setting.base, search=jobs[0], genotypes=random, untrained=untrained)
        scoring.append(job)
    scores = yield scoring
    *rsws, shared, untrained = scores
    trainings = {}
    for seed, search in zip(seeds, searches):
        trainings["searched", seed] = setting.train(search["genotype"], seed)
    for seed, genotypes, scored in zip(seeds, candidates, rsws):
        trainings["rsws", seed] = setting.train(genotypes[int(np.argmax(scored["psnr"]))], seed)
    for seed in TRAININGS:
        for number, genotype in enumerate(random):
            trainings[number, seed] = setting.train(genotype, seed)
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
    rows += _random_rows(random, nets, shared, untrained)
    middle = float(psnr.mean(1).mean())
    searched = [nets["searched", seed]["psnr"] for seed in seeds]
    winners = [nets["rsws", seed]["psnr"] for seed in seeds]
    claims = {
        "search-random": judge_claim("search-random", [x - middle for x in searched]),
        "search-rsws": judge_claim("search-rsws", [x - y for x, y in zip(searched, winners)]),
    }
    seconds = {
        "search": _mean(searches, "seconds"),
        "training": _mean(trained, "train_seconds"),
        "scoring": _mean(rsws, "job_seconds"),
    }
    used = [*searches, *scores, *trained]
    return report("search", setting, rows, used, claims, seconds=seconds)


def _draw(search, n: int, seed: int) -> tuple[str, ...]:
    """``n`` random genotypes of a search's space, as JSON."""
    return tuple(genotype.to_json() for genotype in random_genotypes(search.space, n, seed))


def _random_rows(random: tuple[str, ...], nets: dict, shared: dict, untrained: dict) -> list[dict]:
    """The random nets, with what supernets said of them before they were trained."""
    rows = []
    for number, genotype in enumerate(random):
        for seed in TRAININGS:
            row = net_row(
                "random",
                seed,
                nets[number, seed],
                number=number,
                shared=round(shared["psnr"][number], 5),
                raw=round(shared["raw"][number], 5),
                untrained=round(untrained["psnr"][number], 5),
                genotype=genotype,
            )
            rows.append(row)
    return rows


def _mean(rows: list[dict], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def findings(record: dict) -> list[str]:
    """``search_text``, line by line."""
    return search_text(read(record)).splitlines()
