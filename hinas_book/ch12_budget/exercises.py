"""Questions of notebook 12: what a net costs in expectation, at least and at most, which one fits,
and what the price does next."""

from functools import cache

import numpy as np

from hinas_book.ch12_budget.price_toy import next_price
from hinas_book.lessons.questions import asks, text_table
from hinas_lab.config import SearchSpace
from hinas_lab.presets import preset
from hinas_lab.space.budget import Costs, Limit, Shape
from hinas_lab.space.cost import Part
from hinas_lab.space.decode import k_best_genotypes

OPS = ("conv_3x3", "sep_3x3", "skip")
ONE_CELL = SearchSpace(layers=1, nodes=1, width=2, ops=OPS, width_factors=(1.0,))
"whose only node hears both inputs of its cell: both edges are kept"
RANKED = 6
"nets of a list"


@asks(
    "12.a",
    "A node has two edges, and both are kept. p = softmax(alpha) of each edge, and what an "
    "operation costs, in MMAC:{rows}Nets are drawn with p itself (sharpness 1). What do the two "
    "operations cost in expectation, in MMAC?",
    "An expectation of a sum is the sum of the expectations: take each edge by itself.",
    "Of one edge: the sum of p times cost over its operations.",
    "In code: `ExpectedCost(costs, sharpness=1)(log_p, beta)`, with `Costs` whose other pieces "
    "cost 0.",
    within=0.05,
)
def node(rng):
    space, edges = ONE_CELL, []
    for _ in range(2):
        cuts = sorted(rng.sample(range(2, 19), 2))
        edges.append([part / 20 for part in np.diff([0, *cuts, 20]).tolist()])
    prices = {"conv_3x3": rng.randrange(60, 120), "sep_3x3": rng.randrange(20, 59), "skip": 0}

    def part_cost(part: Part) -> float:
        return float(prices.get(part.kind, 0))

    costs = Costs(space, Shape(width=4, stem=4, end="conv", repeats=2), part_cost)
    logs = np.log(np.array(edges))[None]
    # there are nine nets: all of them, weighed
    ranked = k_best_genotypes(space, logs, np.zeros(len(space.moves)), len(OPS) ** 2)
    answer = float(sum(np.exp(weight) * costs(genotype) for genotype, weight in ranked))
    mode = costs(ranked[0][0])
    rows = {"": OPS, "cost": [prices[name] for name in OPS]}
    for number, p in enumerate(edges, 1):
        rows[f"p, edge {number}"] = [f"{value:.2f}" for value in p]
    return (
        {"rows": text_table(rows)},
        answer,
        (mode, "That is the most probable net alone, the one that is decoded."),
        (answer / 2, "Both edges are kept: they add up."),
    )


@asks(
    "12.b",
    "A space has {layers} layers, one node a layer (two edges, each with one of three operations), "
    "and three widths. What the pieces cost, in MMAC, all else is free:{rows}The first layer is of "
    "width 0 or 1, and a layer is at most one width away from the one before. What does the "
    "dearest net cost, in MMAC?",
    "The widest path that is legal: which widths does it pass?",
    "On every edge the dearest operation at that width; two edges a layer; the end part of the "
    "last layer's width.",
    "In code: `Costs(space, shape, part_cost).extremes()` of `hinas_lab.space.budget`.",
)
def dearest(rng):
    layers = rng.choice([2, 3])
    space = SearchSpace(layers=layers, nodes=1, width=2, ops=OPS)
    channels = (4, 6, 8)
    of_end = sorted(rng.sample(range(5, 40), 3))
    table = {name: sorted(rng.sample(range(20, 99), 3)) for name in OPS[:2]}
    table["skip"] = [0, 0, 0]

    def part_cost(part: Part) -> float:
        if part.kind == "end":
            return float(of_end[channels.index(part.source)])
        if part.kind in table:
            return float(table[part.kind][channels.index(part.target)])
        return 0.0

    shape = Shape(width=channels[0], stem=4, end="conv", repeats=2)
    least, most = Costs(space, shape, part_cost).extremes()
    widest = [max(table[name][i] for name in OPS) for i in range(3)]
    straight = 2 * layers * widest[2] + of_end[2]
    rows = {"width": [0, 1, 2], **table, "end": of_end}
    return (
        {"layers": layers, "rows": text_table(rows)},
        round(most),
        (straight, "The first layer cannot be of width 2: the start part is of width 0."),
        (round(least), "That is the cheapest one."),
        (sum(widest[1:2] + (layers - 1) * widest[2:]) + of_end[2], "A node keeps two edges."),
    )


@cache
def _tiny_limit(budget: str) -> Limit:
    settings = preset("tiny").with_budget(budget)
    return Limit(settings.space, settings.search)


@asks(
    "12.c",
    "The most probable nets of a search, the likeliest first, and what they cost in MMAC:{rows}The "
    "budget is {budget} MMAC. Which rank does decoding take?",
    "Go down the list: it is the order of probability that counts.",
    "The first one that costs {budget} or less.",
    "In code: `Limit(space, search).decode(space, alpha, beta)` of `hinas_lab.space.budget`.",
)
def which_fits(rng):
    limit = _tiny_limit("1GMAC")
    space = limit.space
    while True:
        drawn = np.random.default_rng(rng.randrange(2**31))
        alpha, beta = drawn.normal(size=space.alpha_shape), drawn.normal(size=len(space.moves))
        ranked = [genotype for genotype, _ in k_best_genotypes(space, alpha, beta, RANKED)]
        costs = [round(limit.costs(genotype) / 1e6) for genotype in ranked]
        order = sorted(set(costs))
        if len(order) < 4:
            continue
        # halfway between two of them: no matter of rounding
        place = rng.randrange(1, len(order) - 1)
        budget = (order[place - 1] + order[place]) // 2
        if order[0] < budget < order[-1] and budget not in order and costs[0] > budget:
            break
    asked = _tiny_limit(f"{budget}MMAC")
    chosen = asked.decode(space, alpha, beta)
    answer = 1 + [genotype.hash for genotype in ranked].index(chosen.hash)
    cheapest = 1 + costs.index(min(costs))
    nearest = 1 + costs.index(max(cost for cost in costs if cost <= budget))
    return (
        {
            "rows": text_table({"rank": [*range(1, RANKED + 1)], "MMAC": costs}),
            "budget": budget,
        },
        answer,
        (1, "That is what decoding takes without a budget; it costs too much."),
        (cheapest, "The cheapest one fits, but a likelier one does, too."),
        (nearest, "The budget need not be used up: a likelier one fits."),
    )


@asks(
    "12.d",
    "A search has the price mu = {mu}. Its net is expected to cost {cost} GMAC, the price aims at "
    "{budget} GMAC, the rate of the price is {rate}. What is mu after one step?",
    "Is the cost above the budget? Then the price rises.",
    "mu + rate * ln(cost / budget), and never below 0.",
    "In code: `next_price(mu, cost, budget, rate)` of `hinas_book.ch12_budget`.",
    within=0.0005,
)
def priced(rng):
    mu = rng.randrange(5, 40) / 100
    budget = rng.randrange(10, 30) / 10
    # above or below, by a fifth or more
    cost = round(budget * rng.choice([0.6, 0.7, 0.8, 1.25, 1.5, 1.8]), 2)
    rate = rng.choice([0.02, 0.05, 0.5])
    answer = next_price(mu, cost, budget, rate)
    return (
        {"mu": mu, "cost": cost, "budget": budget, "rate": rate},
        answer,
        (2 * mu - answer, "The sign: above the budget the price rises, below it falls."),
        (mu + rate * (cost - budget), "The excess is a logarithm: ln(cost / budget)."),
    )
