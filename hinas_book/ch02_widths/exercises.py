"""Questions of notebook 02: width paths, Viterbi against greedy, chance levels, and what cell
sharing saves."""

import math

import numpy as np

from hinas_book.lessons.made_up import greedy, outgoing, trap
from hinas_book.lessons.questions import asks, text_table
from hinas_lab.analysis.width_paths import path_value
from hinas_lab.config import SearchSpace
from hinas_lab.space.decode import k_best_paths, viterbi
from hinas_lab.space.genotype import legal_paths

FACTORS = (1.0, 1.5, 2.0, 2.5)


def shown(space: SearchSpace, weights: np.ndarray) -> str:
    """One line per cell: what leaves it."""
    lines = []
    for l, before in enumerate(((0,), *space.cells[:-1])):
        for k in before:
            ahead = [
                f"to {m.target}: {weights[i]:.2f}"
                for i, m in enumerate(space.moves)
                if (m.layer, m.source) == (l, k)
            ]
            lines.append(f"into layer {l}, from width {k}   " + "   ".join(ahead))
    return text_table(lines)


@asks(
    "02.a",
    "A supernet has {layers} layers and {widths} widths. A path starts at width 0 before layer 0 "
    "and changes by at most one width a layer. How many paths are there?",
    "Draw the trellis: which widths can layer 0 have? And layer 1?",
    "Count layer by layer: the paths that reach a cell are the sum of those that reach its "
    "neighbours one layer before.",
    "In code: `len(legal_paths(SearchSpace(layers=..., width_factors=(...))))`.",
)
def paths(rng):
    layers, widths = rng.choice([(2, 3), (4, 3), (3, 4), (4, 4), (5, 3), (5, 4)])
    space = SearchSpace(layers=layers, width_factors=FACTORS[:widths])
    return (
        {"layers": layers, "widths": widths},
        len(legal_paths(space)),
        (
            widths**layers,
            "That counts every sequence of widths; a path moves by at most one width a layer, from "
            "width 0.",
        ),
    )


@asks(
    "02.b",
    "The weights of the moves are:{moves}Which path has the largest product (Viterbi)?",
    "The best first move need not lie on the best path.",
    "For every cell keep the best product that reaches it, and from where; then go back from the "
    "best cell of the last layer.",
    "In code: `viterbi(SearchSpace(), np.log(weights))` of `hinas_lab.space.decode`, weights in "
    "the order of `SearchSpace().moves`.",
)
def best(rng):
    space, weights = trap(rng)
    path, _ = viterbi(space, np.log(weights))
    return (
        {"moves": shown(space, weights)},
        path,
        (greedy(space, weights), "That is greedy: the best next move at every step."),
    )


@asks(
    "02.c",
    "The weights of the moves are:{moves}What is the probability of the path {path}?",
    "Follow the path from width 0 and note the weight of each move.",
    "The weights along the path multiply.",
    "With `outgoing` weights the product of the moves is the path's probability: multiply three "
    "numbers.",
    within=0.0005,
)
def path_probability(rng):
    space = SearchSpace()
    weights = outgoing(rng, space)
    path, p = rng.choice(k_best_paths(space, np.log(weights), 4))
    mean = sum(float(weights[space.moves.index(s)]) for s in zip(range(3), (0, *path), path)) / 3
    return (
        {"moves": shown(space, weights), "path": path},
        p,
        (mean, "That is the mean; probabilities of moves multiply."),
    )


@asks(
    "02.d",
    "The weights of the moves are:{moves}Greedy always takes the likeliest next move. How many "
    "times as probable is Viterbi's path?",
    "First write down both paths.",
    "Multiply the weights along each; divide.",
    "`viterbi(SearchSpace(), np.log(weights))` gives the larger product.",
    within=0.02,
)
def regret(rng):
    space, weights = trap(rng)
    _, p = viterbi(space, np.log(weights))
    return (
        {"moves": shown(space, weights)},
        p / path_value(space, np.log(weights), greedy(space, weights)),
        (1.0, "They are not the same path: follow greedy move by move."),
    )


@asks(
    "02.e",
    "Before any learning all beta are equal ({layers} layers, {widths} widths, `outgoing`). What "
    "is the probability that no layer of the path is wider than the last one?",
    "The paths are not equally probable: a cell at the edge has two moves of 1/2, one in the "
    "middle three of 1/3.",
    "Sum the probabilities of the paths whose last width is their largest.",
    "In code: `k_best_paths(space, np.zeros(len(space.moves)), 1000)` gives all paths with their "
    "probabilities. A search that ends with a wide last layer must be compared with this number.",
    within=0.005,
)
def chance(rng):
    layers, widths = rng.choice([(2, 3), (3, 3), (4, 3), (5, 3), (3, 4), (4, 4), (5, 4)])
    space = SearchSpace(layers=layers, width_factors=FACTORS[:widths])
    every = k_best_paths(space, np.zeros(len(space.moves)), 1000)
    widest = [p for path, p in every if path[-1] == max(path)]
    return (
        {"layers": layers, "widths": widths},
        math.fsum(widest),
        (len(widest) / len(every), "That is the share of paths; they are not equally probable."),
    )


@asks(
    "02.f",
    "With cell sharing every cell runs once (Eq. 5); without, once for every move that enters it "
    "(Eq. 6). {layers} layers, {widths} widths: how many runs of a cell does the whole supernet "
    "need without sharing?",
    "How many moves enter one cell? One from each width of the layer before that is at most one "
    "away.",
    "Count the moves of all layers; into layer 0 only those from width 0.",
    "In code: `len(SearchSpace(...).moves)`; with sharing it is the number of cells.",
)
def runs(rng):
    layers, widths = rng.choice([(2, 3), (4, 2), (4, 3), (3, 4), (4, 4), (5, 3)])
    space = SearchSpace(layers=layers, width_factors=FACTORS[:widths])
    return (
        {"layers": layers, "widths": widths},
        len(space.moves),
        (sum(map(len, space.cells)), "That is with sharing: one run a cell."),
    )


@asks(
    "02.g",
    "All beta are equal, {layers} layers, 3 widths. The softmax is over the moves that {verb} a "
    "cell (`{norm}`). Which path does Viterbi return? (Of equal ones the lexically lowest.)",
    "Write the weight of every move of the first layer: with how many others does it share a "
    "softmax?",
    "A move is worth more where fewer compete with it: which cells have few moves that {verb} "
    "them?",
    "In code: `viterbi(SearchSpace(layers=..., beta_norm=...), np.zeros(...))`. Nothing was "
    "learned; the path is an artefact of the softmax.",
)
def artefact(rng):
    layers, norm = rng.choice([2, 3, 4, 5]), rng.choice(["outgoing", "incoming"])
    space = {n: SearchSpace(layers=layers, beta_norm=n) for n in ("outgoing", "incoming")}
    path = {n: viterbi(s, np.zeros(len(s.moves)))[0] for n, s in space.items()}
    other = "incoming" if norm == "outgoing" else "outgoing"
    verb = {"outgoing": "leave", "incoming": "enter"}
    return (
        {"layers": layers, "norm": norm, "verb": verb[norm]},
        path[norm],
        (path[other], f"That would be `{other}`."),
    )
