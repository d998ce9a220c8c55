"""Questions of notebook 09: is random a straw man, and what does a search cost?"""

import math

import numpy as np

from hinas_book.lessons.questions import asks, text_table


def _psnrs(rng, n: int) -> list[float]:
    """n different values around 26 dB, with two digits."""
    psnrs: set[float] = set()
    while len(psnrs) < n:
        psnrs.add(round(rng.gauss(26, 0.2), 2))
    # the order of a set of floats is the same on every machine, but no random one
    psnrs = list(psnrs)
    rng.shuffle(psnrs)
    return psnrs


def _line(psnrs: list[float]) -> str:
    return text_table([" ".join(f"{psnr:.2f}" for psnr in psnrs)])


@asks(
    "09.a",
    "Ten random nets reach, in dB:{rows}A searched net reaches {searched:.2f} dB. Which percentile "
    "is that "
    "(in percent, ties counted half)?",
    "How many of the ten are below {searched:.2f}?",
    "Each one below counts 10 percent, an equal one 5.",
    "In code: `hinas_lab.analysis.statistics.percentile(searched, values)`.",
)
def place(rng):
    from hinas_lab.analysis.statistics import percentile

    values = _psnrs(rng, 10)
    searched = rng.choice(sorted(values)[4:9])
    answer = round(percentile(searched, values))
    tie = 5  # half of the searched net's own 10 percent
    return (
        {"rows": _line(values), "searched": searched},
        answer,
        (answer - tie, "The equal one counts half."),
        (answer + tie, "The equal one is not below: it counts half."),
        (100 - answer, "That is the share above."),
    )


@asks(
    "09.b",
    "Five random nets reach, in dB:{rows}Somebody draws {k} of the five, trains them and keeps the "
    "best. Which PSNR is to be "
    "expected?",
    "Sort them. The best of all is the best of the draw whenever it is drawn.",
    "The net of rank i (0 the lowest) is the best of the draw when the other {k} - 1 are among the "
    "i below it.",
    "Sum of x_i C(i, k - 1) / C(5, k); in code: `hinas_lab.analysis.statistics.best_of(values, "
    "k)`.",
    within=0.005,
)
def best(rng):
    from hinas_lab.analysis.statistics import best_of

    values = _psnrs(rng, 5)
    k = rng.choice([2, 3])
    return (
        {"rows": _line(values), "k": k},
        best_of(values, k),
        (sum(values) / 5, f"That is one net, not the best of {k}."),
        (max(values), "Only who draws all five is sure of the best."),
    )


@asks(
    "09.c",
    "A search takes {search} s, a training {training} s. Search and train what was found: how many "
    "random nets could be trained "
    "in that time (whole ones)?",
    "What was found must be trained, too.",
    "The time is search + training.",
    "floor((search + training) / training); in code: `equal_cost` of "
    "`hinas_book.ch09_against_random.findings`.",
)
def nets_for_a_search(rng):
    training = rng.choice([20, 25, 40, 60])
    # never a multiple of a training: rounding down is part of the question
    search = training * rng.choice([2, 3, 5, 8]) + rng.randrange(1, training)
    k = (search + training) // training
    return (
        {"search": search, "training": training},
        k,
        (k - 1, "The searched net needs its own training: that time is there, too."),
    )


@asks(
    "09.d",
    "A predictor gives five nets the scores in the first line; trained they reach the PSNRs in the "
    "second:{rows}What is "
    "Kendall's tau?",
    "Go through the ten pairs: does the predictor order them as training does?",
    "(pairs ordered alike - pairs ordered the other way) / 10.",
    "In code: `scipy.stats.kendalltau(scores, psnrs).statistic`.",
    within=0.005,
)
def tau(rng):
    from scipy import stats

    # without ties: the pairs can be counted by hand
    scores = rng.sample(range(1, 10), 5)
    psnrs = _psnrs(rng, 5)
    t = float(stats.kendalltau(scores, psnrs).statistic)
    return (
        {"rows": text_table({"score": scores, "PSNR": [f"{v:.2f}" for v in psnrs]})},
        t,
        (-t, "The sign: alike counts as plus."),
        (float(stats.spearmanr(scores, psnrs).statistic), "That is Spearman's rho."),
        ((1 + t) / 2, "That is the share of pairs ordered alike."),
    )


@asks(
    "09.e",
    "{hits} of 12 width paths have no layer wider than the last. {n} searches draw a path blindly, "
    "each its own. How probable is "
    "it that all of them draw such a path?",
    "One search: {hits} in 12.",
    "Independent searches: multiply.",
    "({hits} / 12)^{n}. And before any training the decoded path may be there already: then even "
    "that is no evidence.",
    within=0.002,
)
def all_widest(rng):
    hits = rng.choice([6, 8, 9])
    n = rng.choice([2, 3, 4, 6])
    return (
        {"hits": hits, "n": n},
        (hits / 12) ** n,
        (hits / 12, "That is one search."),
        (0.5**n, "A path is not a coin: count the paths."),
    )


@asks(
    "09.f",
    "{k} nets are equally good; a training adds noise with a standard deviation of {sd} dB. Each "
    "is trained once, the best is "
    "kept. By how many dB does its number exceed what the nets are worth, on average?",
    "It is {sd} dB times the expected largest of {k} standard normal numbers.",
    "Draw {k} normal numbers very often and take the mean of the largest: 0.56 for two, 0.85 for "
    "three.",
    "In code: `sd * np.random.default_rng(0).standard_normal((10**6, k)).max(1).mean()`.",
    within=0.003,
)
def luck_of_the_best(rng):
    from scipy import stats

    k = rng.choice([2, 3, 5, 10, 20])
    sd = rng.choice([0.03, 0.05, 0.08, 0.1])
    # the mean of the largest of k: its density is k cdf(x)^(k - 1) pdf(x)
    x = np.linspace(-9, 9, 18_001)
    density = k * stats.norm.cdf(x) ** (k - 1) * stats.norm.pdf(x)
    largest = float((x * density).sum() * (x[1] - x[0]))
    bound = sd * math.sqrt(2 * math.log(k))
    return (
        {"k": k, "sd": sd},
        sd * largest,
        (0.0, "The best was picked because of its noise, so its noise is not 0 on average."),
        (bound, "That is the bound for many nets; for few it is too large."),
    )
