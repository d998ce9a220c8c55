"""Questions of notebook 04: from numbers to an architecture, and what is lost on the way."""

import random
from dataclasses import replace

import numpy as np

from hinas_book.lessons.made_up import alpha_row, alpha_table
from hinas_book.lessons.questions import asks
from hinas_lab.config import SearchSpace
from hinas_lab.space.cost import node_channels, parameters
from hinas_lab.space.decode import decode_cell, softmax
from hinas_lab.space.genotype import Genotype, neighbours, sample
from hinas_lab.space.ops import CHOICES, NONE, OP_NAMES, OPS

SOURCES = ("h(l-1)", "h(l-2)", "node 0")
"what the second node of a cell hears"


def small(rng: random.Random):
    """A random genotype of a space of two layers with two nodes (the ``classroom`` preset's
    shape)."""
    return sample(SearchSpace(layers=2, nodes=2, width=4), rng)


@asks(
    "04.a",
    "A node hears the two inputs of its cell and one node. The alphas of its edges:{rows}It keeps "
    "two edges. Which source is dropped?",
    "Per edge the softmax first, then the largest weight of an operation that may be kept.",
    "`none` takes its part of the softmax but is never kept: an edge with a strong `none` is weak.",
    "In code: `decode_cell(space, softmax(alpha))` of `hinas_lab.space.decode`, with "
    "`SearchSpace(layers=1, nodes=2)`.",
    options=SOURCES,
)
def dropped(rng):
    space = SearchSpace(layers=1, nodes=2)
    while True:
        rows = [alpha_row(rng, -1, 2) for _ in range(3)]
        p = softmax(np.array(rows))
        # node 0 has two edges, which come first; any rows will do for them
        cell = decode_cell(space, np.concatenate([p[:2], p]))
        # the sources are 0, 1 and 2
        right = 3 - sum(source for _, source in cell[1])
        by_alpha = int(np.array(rows)[:, :NONE].max(-1).argmin())
        by_all = int(p.max(-1).argmin())
        # a close call would be a matter of rounding
        lowest, second, _ = np.sort(p[:, :NONE].max(-1))
        if right not in (by_alpha, by_all) and second - lowest > 0.03:
            break
    return (
        {"rows": alpha_table(**dict(zip(SOURCES, rows)))},
        SOURCES[right],
        (
            SOURCES[by_alpha],
            "Compare probabilities, not alphas: an alpha counts against the other six of its edge.",
        ),
        (SOURCES[by_all], "You counted `none` as an operation that may be kept."),
    )


@asks(
    "04.b",
    "In a cell of {channels} channels one edge is edited from {old} to {new}. By how much does the "
    "number of trainable parameters change? (In a trained network every batch norm has two "
    "parameters a channel.)",
    "Count both operations: convolution weights, then batch norms.",
    "Dense k x k: channels² k². Separable: twice (channels k² + channels²), so two batch norms. "
    "skip: nothing.",
    "In code: `parameters(new, width) - parameters(old, width)` of `hinas_lab.space.cost`, for two "
    "genotypes.",
)
def edited(rng):
    g = small(rng)
    width = rng.choice([4, 6, 8, 10])
    # the text explains dense and separable ones
    choices = [op for op in CHOICES if not op.startswith("dil")]
    old, new = rng.sample(choices, 2)
    change = parameters(with_first(g, new), width) - parameters(with_first(g, old), width)
    channels = node_channels(g, width)[1]
    # a batch norm has two parameters a channel; their number is all that the wrong answer misses
    norms = {"conv": 1, "sep": 2, "skip": 0}
    bare = change - 2 * channels * (norms[OPS[new].kind] - norms[OPS[old].kind])
    return (
        {"channels": channels, "old": old, "new": new},
        change,
        (-change, "The sign: new minus old."),
        (bare, "The batch norms are missing."),
    )


def with_first(g: Genotype, op: str) -> Genotype:
    """``g`` with ``op`` of source 0 as the first edge of its second cell."""
    first_cell, ((_, edge), node) = g.cells
    return replace(g, cells=(first_cell, (((op, 0), edge), node)))


@asks(
    "04.c",
    "A genotype has {layers} layers of {nodes} nodes. How many genotypes differ from it in the "
    "operation or the source of exactly one edge (widths stay)?",
    "Every edge has an operation of {choices} and could have one of the others.",
    "Sources: the two edges of a node never share one; node i has 2 + i sources, so each of its "
    "edges has i others.",
    "In code: `neighbours(genotype)` of `hinas_lab.space.genotype`; leave out those that begin "
    "with `width`.",
)
def edits(rng):
    layers, nodes = rng.choice([(2, 2), (2, 3), (3, 2), (3, 3), (3, 4), (1, 4)])
    g = sample(SearchSpace(layers=layers, nodes=nodes), rng)
    # a neighbour is named "operation: ...", "source: ..." or "width: ..."
    kinds = [text.split(":")[0] for text, _ in neighbours(g)]
    return (
        {"layers": layers, "nodes": nodes, "choices": len(CHOICES)},
        kinds.count("operation") + kinds.count("source"),
        (kinds.count("operation"), "Those are the operations; sources can be rewired too."),
    )


@asks(
    "04.d",
    "One edge has these alphas:{row}Decoding keeps the best operation and drops the others. What "
    "share of the edge's softmax weight is dropped?",
    "Softmax first. Which operation stays?",
    "One minus the weight of the operation that stays; never `none`.",
    "In code: `1 - softmax(np.array(row))[:-1].max()`.",
    within=0.005,
)
def lost(rng):
    row = alpha_row(rng)
    p = softmax(np.array(row))
    # the best of those that may be kept, even where `none` is above it
    kept = float(p[:NONE].max())
    return {"row": alpha_table(alpha=row)}, 1 - kept, (kept, "That is the share that stays.")


@asks(
    "04.e",
    "All alphas of an edge are multiplied by {t} (sharpening):{row}What is the p (softmax) of {op} "
    "then?",
    "Multiply first, then softmax.",
    "The larger the factor, the closer to one-hot: the largest alpha takes everything.",
    "In code: `softmax({t} * np.array(row))`.",
    within=0.005,
)
def sharpened(rng):
    row = alpha_row(rng, -1, 1)
    t = rng.choice([2, 3, 5])
    # of the largest alpha, `none` included: it is about the softmax alone
    k = int(np.argmax(row))
    before = float(softmax(np.array(row))[k])
    return (
        {"row": alpha_table(alpha=row), "t": t, "op": OP_NAMES[k]},
        float(softmax(t * np.array(row))[k]),
        (before, "That is its p before sharpening."),
        (before * t, "Multiply the alphas, not p."),
    )
