"""Questions of notebook 01: which operations compete, and what a large alpha does and does not
mean."""

from math import comb, prod

import numpy as np

from hinas_book.lessons.made_up import alpha_row, alpha_table
from hinas_book.lessons.questions import asks
from hinas_lab.config import SearchSpace
from hinas_lab.space.cost import Conv
from hinas_lab.space.decode import decode_cell, softmax
from hinas_lab.space.ops import CHOICES, NONE, OP_NAMES, OPS


@asks(
    "01.a",
    "A cell has {nodes} nodes. Every node hears the two inputs of the cell and all nodes before "
    "it. How many edges are there?",
    "Node 0 hears 2 sources. What does node 1 hear?",
    "Node i hears 2 + i sources; add them up.",
    "In code: `len(SearchSpace(nodes=...).edges)`.",
)
def edges(rng):
    n = rng.choice([3, 5, 6, 7, 8])
    between_nodes = n * (n - 1) // 2
    return (
        {"nodes": n},
        len(SearchSpace(nodes=n).edges),
        (between_nodes, "The edges from the two inputs of the cell are missing."),
    )


@asks(
    "01.b",
    "One edge has these alphas:{row}It is decoded. Which operation does it keep?",
    "The largest alpha is not always what is kept: what would it mean for an edge to keep `none`?",
    "`none` competes during the search, but a decoded edge must carry something: take the best of "
    "the others.",
    "In code: `hinas_lab.space.decode.decode_cell` looks at all operations but the last.",
    options=OP_NAMES,
)
def winner(rng):
    row = alpha_row(rng)
    row[-1] = round(max(row) + 0.2, 2)
    # the smallest cell has two edges into its only node, both with this row
    ((kept, _),) = decode_cell(SearchSpace(layers=1, nodes=1), softmax(np.array([row, row])))
    return (
        {"row": alpha_table(alpha=row)},
        kept[0],
        ("none", "It has the largest alpha, but a decoded edge never keeps `none`."),
    )


@asks(
    "01.c",
    "One edge has these alphas:{row}What is the weight (softmax probability) of {op} on this edge?",
    "Softmax: the exponential of one alpha over the sum of all exponentials.",
    "All seven count in the sum, `none` too.",
    "In code: `hinas_lab.space.decode.softmax(np.array(row))`.",
    within=0.005,
)
def probability(rng):
    row = alpha_row(rng)
    row[-1] = rng.choice([0.9, 1.2, 1.6])  # `none` strong enough to be missed
    # one of the three largest: of a small weight a wrong one would lie within the tolerance
    k = rng.choice(sorted(range(NONE), key=row.__getitem__)[3:])
    p = softmax(np.array(row))
    return (
        {"row": alpha_table(alpha=row), "op": OP_NAMES[k]},
        float(p[k]),
        (float(np.exp(row[k]) / np.exp(row[:NONE]).sum()), "You left `none` out of the sum."),
    )


@asks(
    "01.d",
    "How many convolution weights (no bias, no batch norm) has {op} on {channels} channels? "
    "It is: depthwise {k} x {k}, then pointwise 1 x 1, and all of that twice.",
    "Depthwise: one kernel for each channel. Pointwise: channels times channels.",
    "Twice (channels x k x k + channels x channels).",
    "In code: the weights of `cost.Conv(c, c, k, groups=c)` and `cost.Conv(c, c, 1)`, or count "
    "those of `layers.make_op`.",
)
def separable(rng):
    op = rng.choice([OPS["sep_3x3"], OPS["sep_5x5"]])
    c = rng.choice([8, 10, 12, 15, 16, 20])
    once = Conv(c, c, op.kernel, groups=c).weights + Conv(c, c, 1).weights
    return (
        {"op": op.name, "channels": c, "k": op.kernel},
        SearchSpace().repeats * once,
        (once, "That is one round; a separable operation is applied twice."),
        (Conv(c, c, op.kernel).weights, "That is a dense convolution."),
    )


@asks(
    "01.e",
    "How many different decoded cells of {nodes} nodes are there? Each node keeps two edges from "
    "different sources, each edge one of the {choices} operations other than none.",
    "Take the nodes one by one: their choices multiply.",
    "Node i chooses 2 of its 2 + i sources, and an operation for each of the two edges.",
    "Node i has `comb(2 + i, 2) * {choices}**2` possibilities; in code: `math.comb` and "
    "`len(hinas_lab.space.ops.CHOICES)`.",
)
def genotypes(rng):
    n = rng.choice([2, 3, 4, 5])
    k = len(CHOICES)
    # node i hears the two inputs of the cell and the i nodes before it
    pairs = prod(comb(2 + i, 2) for i in range(n))
    return (
        {"nodes": n, "choices": k},
        pairs * k ** (2 * n),
        (pairs * (k + 1) ** (2 * n), "A decoded edge never keeps `none`: six operations are left."),
        (k ** (2 * n), "You counted operations only: the sources are chosen as well."),
    )


@asks(
    "01.f",
    "During a search the weight of conv_3x3 on an edge falls from {before:.3f} to {after:.3f}. "
    "Suppose its batch norm had a learned scale (affine). By which factor must that scale change, "
    "so that this operation contributes exactly what it did before?",
    "What reaches the node is the product: weight of the edge times scale times normalised output.",
    "The product must stay the same: the scale grows as the weight shrinks. This is why batch norm "
    "is not affine during the search.",
    "before / after.",
    within=0.02,
)
def unidentifiable(rng):
    row = alpha_row(rng)
    less = [row[0] - rng.uniform(0.5, 2), *row[1:]]
    # rounded first: the answer follows from the digits that are shown
    before = round(float(softmax(np.array(row))[0]), 3)
    after = round(float(softmax(np.array(less))[0]), 3)
    return (
        {"before": before, "after": after},
        before / after,
        (1.0, "Then it would contribute less than before."),
        (after / before, "The other way round: a smaller weight needs a larger scale."),
    )
