"""Questions of notebook 03: what is being optimised, and what moves."""

import math

import numpy as np

from hinas_book.ch03_search.toys import RULES, Chase, Share, Toy, gradient, one_step
from hinas_book.lessons.made_up import alpha_row, alpha_table
from hinas_book.lessons.questions import asks
from hinas_lab.config import SearchSpace
from hinas_lab.space.decode import entropy, softmax
from hinas_lab.space.ops import OP_NAMES


def point(rng) -> dict[str, float]:
    """w, a and the look-ahead xi of a toy, a few digits each, away from the zeros of its gradients;
    right and wrong ways differ."""
    while True:
        w = rng.choice([-0.8, -0.4, 0.2, 0.6, 1.6])
        a = rng.choice([-1.5, -1.0, -0.5, 0.25, 0.5, 2.0, 2.5])
        xi = rng.choice([0.05, 0.1, 0.2, 0.25])
        # w + a = 1: first order is 0 in Share; w' = 1: the unrolled gradient is 0 in Chase
        if abs(w + a - 1) > 0.1 and abs(one_step(Chase(), w, a, xi) - 1) > 0.1:
            return {"w": w, "a": a, "xi": xi}


def gradients(toy: Toy, v: dict[str, float]) -> dict[str, float]:
    """What each rule sees at the point ``v``."""
    return {rule: float(gradient(toy, rule, **v)) for rule in RULES}


@asks(
    "03.a",
    "L_T(w, a) = (w - a)²/2 and L_V(w) = (w - 1)²/2. The search should lower L_V(w*(a)), where "
    "w*(a) minimises L_T. Now w = {w}, a = {a}. What is the true gradient for a?",
    "Where does the weight end when a is held? That is w*(a).",
    "Put w*(a) = a into L_V and differentiate by a. The present w does not matter.",
    "In code: `toys.gradient(toys.Chase(), 'exact', w, a)`.",
    within=0.001,
)
def true_gradient(rng):
    v = point(rng)
    seen = gradients(Chase(), v)
    return (
        v,
        seen["exact"],
        (
            seen["first order"],
            "That is first order: it holds w, and then a does not appear in L_V.",
        ),
        (Chase().valid_w(v["w"], v["a"]), "That is the gradient for w, at the present w."),
    )


@asks(
    "03.b",
    "L_T(w, a) = (w - a)²/2 and L_V(w) = (w - 1)²/2; w = {w}, a = {a}. The search looks one weight "
    "step of length xi = {xi} ahead (unrolled): w' = w - xi dL_T/dw. What gradient for a does it "
    "see?",
    "First compute w'. How does it change when a changes a little?",
    "dw'/da = xi, and L_V changes with w' by w' - 1: multiply.",
    "In code: `toys.gradient(toys.Chase(), 'unrolled', w, a, xi)`.",
    within=0.001,
)
def unrolled(rng):
    v = point(rng)
    seen = gradients(Chase(), v)
    return (
        v,
        seen["unrolled"],
        (seen["exact"], "That is the true gradient; one step ahead sees only a small part of it."),
        (seen["first order"], "That is first order; here the step does depend on a."),
        (seen["unrolled"] / v["xi"], "That is w' - 1; how much does w' move when a moves by one?"),
    )


@asks(
    "03.c",
    "Now the output is w + a: L_T = (w + a - 1)²/2 + w²/2 and L_V = (w + a - 1)²/2, with w = {w}, "
    "a = {a}. What gradient for a does first order see?",
    "Hold w, differentiate L_V by a.",
    "It is not zero here: a is part of the output, as alpha is in a supernet.",
    "In code: `toys.gradient(toys.Share(), 'first order', w, a)`.",
    within=0.001,
)
def first_order(rng):
    v = point(rng)
    seen = gradients(Share(), v)
    return (
        v,
        seen["first order"],
        (0.0, "That was the other toy. Does a appear in this L_V?"),
        (seen["exact"], "That is the true gradient, at w*(a)."),
    )


@asks(
    "03.d",
    "A search gets {n} photographs and keeps a share of {share} of them as V. From how many "
    "photographs do alpha and beta learn?",
    "Three sets: Train W for the weights, Train A for alpha and beta, V to pick the best supernet.",
    "V is the rounded share, at least one; the rest is halved, and Train W takes the odd one.",
    "In code: `len(split(n, share, seed=0).a)` of `hinas_lab.images.patches`.",
)
def sets(rng):
    from hinas_lab.images.patches import split  # loads torch

    share = rng.choice([0.02, 0.05, 0.1])
    uneven = []
    for n in (17, 24, 31, 41, 64, 100, 125, 200, 301):
        parts = split(n, share, seed=0)
        # only then does it matter which of them takes the odd one
        if len(parts.w) != len(parts.a):
            uneven.append((n, parts))
    n, parts = rng.choice(uneven)
    return (
        {"n": n, "share": share},
        len(parts.a),
        (len(parts.v), "That is V, which only picks the best supernet."),
        (n, "Weights and architecture learn from different photographs."),
        (len(parts.w), "That is Train W, from which the weights learn."),
    )


@asks(
    "03.e",
    "One edge has these alphas:{row}What is the entropy of p, their softmax, in nats?",
    "Softmax first; then minus the sum of p ln p.",
    "The natural logarithm, and all seven operations.",
    "In code: `p = softmax(np.array(row)); -(p * np.log(p)).sum()`.",
    within=0.01,
)
def row_entropy(rng):
    row = alpha_row(rng, -2, 3)
    # decided more or less: from -2 to 3 a row may be nearly one-hot
    nats = _entropy(row)
    return (
        {"row": alpha_table(alpha=row)},
        nats,
        (nats / math.log(2), "That is in bits: use the natural logarithm."),
    )


@asks(
    "03.f",
    "At the start all alphas of an edge are nearly equal. Suppose {n} operations competed instead "
    "of {now}. What would the entropy of an edge be then, in nats?",
    "All p are 1/{n}.",
    "Minus the sum of {n} times (1/{n}) ln(1/{n}).",
    "The logarithm of the number of operations; with {now} operations it is ln {now} = 1.95.",
    within=0.005,
)
def start_entropy(rng):
    n = rng.choice([2, 3, 4, 5, 6, 8, 9, 10])
    return (
        {"n": n, "now": len(OP_NAMES)},
        _entropy([0.0] * n),
        (_entropy([0.0] * len(OP_NAMES)), "That is for seven operations."),
    )


def _entropy(row: list[float]) -> float:
    """The mean over the edges of a space in which every edge has this row."""
    space = SearchSpace(layers=1, nodes=1)
    # beta has an entropy of its own, which is not asked for
    nats, _ = entropy(space, np.array([row] * len(space.edges)), np.zeros(len(space.moves)))
    return nats


@asks(
    "03.g",
    "Two alphas of an edge are {a} and {b}; the other five are far below. One more step adds "
    "{step} to the first. By how much does its p (softmax) grow?",
    "Only two operations count: p is exp(first) / (exp(first) + exp(second)).",
    "Compute p before and after the step, and subtract.",
    "In code: `softmax(np.array([a + step, b]))[0] - softmax(np.array([a, b]))[0]`.",
    within=0.005,
)
def saturation(rng):
    a = rng.choice([0.5, 1.0, 2.0])
    # only the distance of the two counts, however large both are
    b = a - rng.choice([0.0, 1.0, 2.0, 3.0])
    step = rng.choice([0.5, 1.0])
    before = float(softmax(np.array([a, b]))[0])
    after = float(softmax(np.array([a + step, b]))[0])
    return (
        {"a": a, "b": b, "step": step},
        after - before,
        (after, "That is p after the step; by how much did it grow?"),
    )


@asks(
    "03.h",
    "Along one direction a loss is (c / 2) w² with c = {c}. SGD with momentum {momentum} goes down "
    "it. What is the largest learning rate at which w does not grow?",
    "Without momentum: w' = w - r c w. When is |1 - r c| = 1?",
    "With momentum m the step is v' = m v + c w, w' = w - r v'. At the edge w only changes its "
    "sign: put w' = -w, v' = -v.",
    "In code: `largest_rate(c, momentum)` of `hinas_book.ch03_search.curvature`.",
    within=1e-4,
)
def stable_rate(rng):
    from hinas_book.ch03_search.curvature import largest_rate  # loads torch

    # as steep as the nets of the presets are at their start
    c = rng.choice([20, 40, 60, 80, 100, 150])
    momentum = rng.choice([0.5, 0.8, 0.9])
    return (
        {"c": c, "momentum": momentum},
        largest_rate(c, momentum),
        (
            largest_rate(c, 0.0),
            "That is without momentum. Near the edge momentum damps the swing, and a larger rate "
            "is borne.",
        ),
        (
            2 * (1 - momentum) / c,
            "Look at the sign: at the edge the old step and the new one point in opposite "
            "directions.",
        ),
    )
