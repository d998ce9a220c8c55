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


def trellis(layers: int, widths: int) -> tuple[dict, SearchSpace]:
    """Numbers of a text, and the space that has them."""
    space = SearchSpace(layers=layers, width_factors=FACTORS[:widths])
    return {"layers": layers, "widths": widths}, space


def move_table(space: SearchSpace, weights: np.ndarray) -> str:
    """One line per cell: what leaves it. weights (M,), one for each of the space's moves."""
    lines: dict[tuple[int, int], str] = {}
    for move, weight in zip(space.moves, weights):
        cell = move.layer, move.source
        lines.setdefault(cell, "into layer {}, from width {}".format(*cell))
        lines[cell] += f"   to {move.target}: {weight:.2f}"
    return text_table(list(lines.values()))


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
    values, space = trellis(*rng.choice([(2, 3), (4, 3), (3, 4), (4, 4), (5, 3), (5, 4)]))
    return (
        values,
        len(legal_paths(space)),
        (
            values["widths"] ** space.layers,
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
    # the logarithm of weights that sum to one is a beta: its softmax gives them back
    path, _ = viterbi(space, np.log(weights))
    return (
        {"moves": move_table(space, weights)},
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
    # of the four most probable ones: a small product would be right within the tolerance
    path, p = rng.choice(k_best_paths(space, np.log(weights), 4))
    moves = zip(range(space.layers), (0, *path), path)
    mean = sum(float(weights[space.moves.index(move)]) for move in moves) / space.layers
    return (
        {"moves": move_table(space, weights), "path": path},
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
    # a trap: greedy and Viterbi differ, so the ratio is above 1
    _, p = viterbi(space, np.log(weights))
    return (
        {"moves": move_table(space, weights)},
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
    sizes = [(2, 3), (3, 3), (4, 3), (5, 3), (3, 4), (4, 4), (5, 4)]
    values, space = trellis(*rng.choice(sizes))
    # more than there are: all of them
    every = k_best_paths(space, np.zeros(len(space.moves)), 1000)
    widest = [p for path, p in every if path[-1] == max(path)]
    return (
        values,
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
    values, space = trellis(*rng.choice([(2, 3), (4, 2), (4, 3), (3, 4), (4, 4), (5, 3)]))
    # Eq. 6 runs a cell for every move, Eq. 5 every cell once
    return (
        values,
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
    layers = rng.choice([2, 3, 4, 5])
    verbs = {"outgoing": "leave", "incoming": "enter"}
    norm = rng.choice(list(verbs))
    path = {}
    for option in verbs:
        # nothing learned: all beta are 0, and only the edges of the trellis tell moves apart
        space = SearchSpace(layers=layers, beta_norm=option)
        path[option], _ = viterbi(space, np.zeros(len(space.moves)))
    other = "incoming" if norm == "outgoing" else "outgoing"
    return (
        {"layers": layers, "norm": norm, "verb": verbs[norm]},
        path[norm],
        (path[other], f"That would be `{other}`."),
    )
