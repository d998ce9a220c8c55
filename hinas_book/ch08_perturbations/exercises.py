"""Questions of notebook 08: do two examples show an optimum?"""

import random

from hinas_book.ch08_perturbations.edits import both_worse
from hinas_book.lessons.questions import asks
from hinas_lab.config import SearchSpace
from hinas_lab.space.genotype import neighbours, sample


@asks(
    "08.a",
    "A share of {q} of all edits makes a net worse. Two edits are drawn blindly. How probable is "
    "it that both are worse?",
    "The first is worse with probability {q}, and so is the second.",
    "Independent draws: multiply.",
    "q²; in code: `hinas_book.ch08_perturbations.edits.both_worse(q)`.",
    within=0.005,
)
def two_blind(rng):
    q = rng.choice([0.3, 0.4, 0.45, 0.55, 0.6, 0.7, 0.8])
    return (
        {"q": q},
        both_worse(q),
        (q, "That is one edit, not both."),
        (1 - (1 - q) ** 2, "That is at least one of the two."),
    )


@asks(
    "08.b",
    "A share of {q} of all edits makes a net worse; but {drawn} edits are tried, and the two worst "
    "are shown. How probable is it that both shown ones are worse?",
    "When does it fail? When none, or only one, of the {drawn} is worse.",
    "None: (1 - q)^{drawn}. Exactly one: {drawn} q (1 - q)^({drawn} - 1).",
    "One minus both; in code: `hinas_book.ch08_perturbations.edits.both_worse(q, drawn)`.",
    within=0.002,
)
def two_picked(rng):
    q, drawn = rng.choice([0.3, 0.4, 0.5, 0.6]), rng.choice([4, 5, 6, 8])
    return (
        {"q": q, "drawn": drawn},
        both_worse(q, drawn),
        (both_worse(q), "That is for two drawn blindly: who picks has more chances."),
        (1 - (1 - q) ** drawn, "One worse edit is not enough: two are shown."),
    )


@asks(
    "08.c",
    "{worse} of {n} edits are worse. What is the lower end of the 95 % Wilson interval of the "
    "share?",
    "With p the share seen and z = 1.96, the middle is (p + z²/2n) / (1 + z²/n).",
    "Take off z / (1 + z²/n) times the root of p (1 - p)/n + z²/4n².",
    "In code: `scipy.stats.binomtest(worse, n).proportion_ci(method='wilson').low`.",
    within=0.001,
)
def wilson(rng):
    from scipy import stats

    n = rng.choice([8, 12, 20])
    # more than half, but never all: Wald's interval would have no width
    worse = rng.randrange(n // 2 + 1, n)
    low = float(stats.binomtest(worse, n).proportion_ci(method="wilson").low)
    p = worse / n
    return (
        {"worse": worse, "n": n},
        low,
        (p, "That is the share itself."),
        (
            p - 1.96 * (p * (1 - p) / n) ** 0.5,
            "That is Wald's interval: too narrow for few edits, and wrong near 0 and 1.",
        ),
    )


@asks(
    "08.d",
    "A found net is trained {n} times; its PSNR has a standard deviation of {sd} dB. An edited net "
    "is trained once. Its drop is measured from the mean of the {n}. By how many dB must it differ "
    "to lie outside the 95 % band of a net that is no different?",
    "Two things vary: the one training, and the mean that it is held against.",
    "The standard deviation of the difference is sd √(1 + 1/n); the factor is Student's with n - 1 "
    "degrees of freedom.",
    "In code: `scipy.stats.t.ppf(0.975, n - 1) * sd * (1 + 1 / n) ** 0.5`; so does "
    "`Perturbed.noise`.",
    within=0.002,
)
def band(rng):
    from scipy import stats

    n, sd = rng.choice([4, 6, 8]), rng.choice([0.02, 0.03, 0.04, 0.05])
    t = float(stats.t.ppf(0.975, n - 1))  # Student's, two-sided 95 %
    return (
        {"n": n, "sd": sd},
        t * sd * (1 + 1 / n) ** 0.5,
        (1.96 * sd, "1.96 belongs to a known standard deviation and a known mean."),
        (t * sd, "The mean of the trainings is uncertain, too."),
        (t * sd / n**0.5, "That is the interval of the mean, not of one training."),
    )


@asks(
    "08.e",
    "None of {n} edited nets differs from the found one. Each lies beyond the 95 % band on the "
    "better side with probability 0.025, independently. How probable is it that at least one seems "
    "better?",
    "How probable is it that one edit does not? And that none of them does?",
    "None: 0.975^{n}.",
    "1 - 0.975^{n}. Who looks at many must expect to see some.",
    within=0.005,
)
def any_better(rng):
    n = rng.choice([10, 20, 30, 40, 44, 60])
    return (
        {"n": n},
        1 - 0.975**n,
        (0.025, "That is one edit."),
        (0.025 * n, "That is how many to expect, which may be above 1."),
    )


@asks(
    "08.f",
    "A genotype has {layers} layers of {nodes} nodes; a node has two edges from different sources, "
    "an edge one of six operations. How many genotypes are one edit away, when an edit changes one "
    "operation or one source?",
    "Every edge has five other operations.",
    "Node i chooses among i + 2 sources (i from 0). A source may change to one that neither edge "
    "of the node has: i of them, for each edge.",
    "In code: count those of `hinas_lab.space.genotype.neighbours(genotype)` that do not begin "
    "with 'width'.",
)
def one_away(rng):
    layers, nodes = rng.choice([1, 2, 3]), rng.choice([2, 3, 4])
    # the number is the same for every genotype of that size: any one will do
    genotype = sample(SearchSpace(layers=layers, nodes=nodes), random.Random(rng.random()))
    kinds = [what.partition(":")[0] for what, _ in neighbours(genotype)]
    operations, sources = kinds.count("operation"), kinds.count("source")
    return (
        {"layers": layers, "nodes": nodes},
        operations + sources,
        (operations, "A source can change, too."),
        # six operations instead of the five others
        (operations * 6 // 5 + sources, "To keep the operation is no edit."),
    )
