"""From alpha and beta to a genotype: Viterbi against all paths, ties, and the inverse."""

import math
import random
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinas_lab.config import SearchSpace
from hinas_lab.space.decode import (
    decode,
    encode,
    entropy,
    flips,
    independent_path,
    k_best_paths,
    normalise_beta,
    skip_share,
    viterbi,
)
from hinas_lab.space.genotype import diff, make, sample

NORMS = ("outgoing", "incoming")
both_norms = pytest.mark.parametrize("norm", NORMS)


def every_path(space: SearchSpace, beta) -> dict[tuple[int, ...], float]:
    """All legal paths with the product of their normalised beta, from the definitions alone."""
    e = {tuple(m): math.exp(b) for m, b in zip(space.moves, beta)}
    end = 1 if space.beta_norm == "outgoing" else 2
    weight = {
        m: v / sum(u for n, u in e.items() if (n[0], n[end]) == (m[0], m[end]))
        for m, v in e.items()
    }

    def steps(p):
        return zip(range(space.layers), (0, *p), p)

    paths = product(range(len(space.width_factors)), repeat=space.layers)
    return {
        p: math.prod(weight[s] for s in steps(p))
        for p in paths
        if all(abs(b - a) <= 1 for _, a, b in steps(p))
    }


@st.composite
def spaces_with_beta(draw):
    widths = draw(st.integers(1, 4))
    space = SearchSpace(layers=draw(st.integers(1, 6 if widths < 4 else 5)),
                        width_factors=(1.0, 1.5, 2.0, 2.5)[:widths],
                        beta_norm=draw(st.sampled_from(NORMS)))  # fmt: skip
    size = st.floats(-20, 20) | st.integers(-2, 2).map(float)  # integers: many ties
    return space, np.array(
        draw(st.lists(size, min_size=len(space.moves), max_size=len(space.moves)))
    )


@given(spaces_with_beta(), st.integers(1, 9))
def test_viterbi_and_the_k_best_are_those_of_all_paths(case, k):
    space, beta = case
    value = every_path(space, beta)
    found = k_best_paths(space, beta, k)
    assert len({path for path, _ in found}) == len(found) == min(k, len(value))
    for (path, score), best in zip(found, sorted(value.values(), reverse=True)):
        assert math.isclose(score, best, rel_tol=1e-9) and math.isclose(
            score, value[path], rel_tol=1e-9
        )
    assert viterbi(space, beta) == found[0]


@given(spaces_with_beta())
def test_outgoing_paths_are_a_distribution(case):
    space, beta = case
    assert math.isclose(
        sum(every_path(replace(space, beta_norm="outgoing"), beta).values()), 1, rel_tol=1e-9
    )


@pytest.mark.parametrize("norm, path", [("outgoing", (0, 0, 0)), ("incoming", (1, 2, 2))])
@pytest.mark.parametrize("level", [0.0, 0.1, -7.3, 1e3, -1e3])
def test_uniform_beta_decodes_to_one_path(norm, path, level):
    space = SearchSpace(beta_norm=norm)
    assert viterbi(space, np.full(14, level))[0] == path


@both_norms
def test_extreme_beta_stays_finite(norm):
    space = SearchSpace(beta_norm=norm)
    beta = np.linspace(-3000, 3000, 14)
    paths = k_best_paths(space, beta, 99)
    assert len(paths) == 12 and all(0 <= value <= 1 for _, value in paths)


def test_two_layers_with_incoming_beta_always_decode_to_the_widening_path():
    """Each cell of the path 1-2 has one incoming move, of weight 1 whatever beta says: so Eq. 5 as
    read means."""
    space = SearchSpace(layers=2, beta_norm="incoming")
    for seed in range(20):
        assert viterbi(
            space, 5 * np.random.default_rng(seed).standard_normal(len(space.moves))
        ) == ((1, 2), 1.0)


def beta_of(space: SearchSpace, **logits) -> np.ndarray:
    """beta by move: ``_012=3`` is layer 0, from 1, to 2."""
    return np.array([logits.get("_" + "".join(map(str, m)), 0.0) for m in space.moves])


def test_the_independent_path_may_differ_from_the_best_path():
    """Width 0 is the likelier first cell, but what leaves it is spread, and what leaves width 1 is
    certain."""
    space = SearchSpace(layers=2)
    beta = beta_of(space, _000=0.2, _112=9.0)
    assert viterbi(space, beta)[0] == (1, 2)
    assert independent_path(space, beta) is None  # 0, then 2: no legal path
    beta = beta_of(space, _000=0.2, _111=1.5)
    assert viterbi(space, beta)[0] == (1, 1) and independent_path(space, beta) == (0, 1)


@both_norms
@given(seed=st.integers(0, 999))
def test_normalised_beta_sums_to_one_over_each_softmax(norm, seed):
    space = SearchSpace(beta_norm=norm)
    w = normalise_beta(space, np.random.default_rng(seed).normal(0, 5, 14))
    ends = [(m.layer, m.source if norm == "outgoing" else m.target) for m in space.moves]
    assert all(math.isclose(sum(w[i] for i, e in enumerate(ends) if e == end), 1) for end in ends)


# ---- operations
# --------------------------------------------------------------------------------------------------


def genotypes(space):
    return st.integers(0, 10**6).map(lambda seed: sample(space, random.Random(seed)))


@settings(max_examples=40)
@given(
    data=st.data(), layers=st.integers(1, 5), nodes=st.integers(1, 4), norm=st.sampled_from(NORMS)
)
def test_decoding_what_encodes_a_genotype_returns_it(data, layers, nodes, norm):
    space = SearchSpace(
        layers=layers if norm == "outgoing" else max(3, layers), nodes=nodes, beta_norm=norm
    )
    g = data.draw(genotypes(space))
    decoded = decode(space, *encode(space, g))
    assert replace(decoded, path_score=None) == g and decoded.path_score == pytest.approx(
        1, abs=1e-6
    )


def test_tied_alpha_gives_every_layer_the_same_cell():
    space = SearchSpace(lwas=False)
    g = sample(space, random.Random(0))
    alpha, beta = encode(space, g)
    assert decode(space, alpha[0], beta).cells == g.cells == (g.cells[0],) * 3


def test_equal_alpha_decodes_to_the_lowest_sources_and_operation():
    g = decode(SearchSpace(), np.zeros((3, 14, 7)), np.zeros(14))
    assert all(
        node == (("conv_3x3", 0), ("conv_3x3", 1)) for cell in g.cells for node in cell
    ) and g.path == (0, 0, 0)


def test_none_is_never_decoded_but_weakens_its_edge():
    space = SearchSpace(layers=1, nodes=2)
    alpha = np.zeros((1, 5, 7))
    alpha[..., 6] = 9.0  # none wins everywhere ...
    alpha[0, 3:, 6] = 0.0  # ... but on the edges 1 -> 1 and 2 -> 1
    alpha[0, :, 2] = 0.1
    (cell,) = decode(space, alpha, np.zeros(2)).cells
    assert cell == ((("sep_5x5", 0), ("sep_5x5", 1)), (("sep_5x5", 1), ("sep_5x5", 2)))


def test_edges_compete_by_probability_not_by_logit():
    space = SearchSpace(layers=1, nodes=2)
    alpha = np.zeros((1, 5, 7))
    alpha[0, 2] = 5.0  # 0 -> 1: high logits, uniform
    alpha[0, 3, 5], alpha[0, 4, 3] = 1.0, 1.0
    assert decode(space, alpha, np.zeros(2)).cells[0][1] == (("skip", 1), ("dil_3x3", 2))


# ---- what is told of them
# --------------------------------------------------------------------------------------------


@both_norms
def test_entropy_of_uniform_and_of_certain_choices(norm):
    space = SearchSpace(beta_norm=norm)
    of_alpha, of_beta = entropy(space, np.zeros(space.alpha_shape), np.zeros(14))
    # moves by cell: outgoing 2 | 2 3 | 2 3 2, incoming (1 1) | 2 2 (1) | 2 3 2; a softmax over one
    # move is no choice
    sizes = {"outgoing": (2, 2, 3, 2, 3, 2), "incoming": (2, 2, 2, 3, 2)}[norm]
    assert of_alpha == pytest.approx(math.log(7)) and of_beta == pytest.approx(
        np.mean(np.log(sizes))
    )
    g = sample(space, random.Random(0))
    alpha, _ = encode(space, g, sharpness=900.0)
    assert entropy(space, alpha, 900.0 * np.arange(14)) == pytest.approx((0, 0), abs=1e-12)


def test_entropy_of_a_fixed_path_is_zero():
    space = SearchSpace(fixed_path=(0, 1, 2))
    assert entropy(space, np.zeros(space.alpha_shape), np.zeros(3))[1] == 0.0


def test_skip_share_counts_decoded_edges():
    space = SearchSpace(layers=2, nodes=2)
    node = (("skip", 0), ("sep_3x3", 1))
    assert (
        skip_share(make(space, [[node, node], [node, (("skip", 0), ("skip", 2))]], (0, 0))) == 5 / 8
    )


@settings(max_examples=30)
@given(genotypes(SearchSpace()), genotypes(SearchSpace()))
def test_flips_counts_what_diff_tells(a, b):
    assert flips(a, b) == flips(b, a) == len(diff(a, b)) and flips(a, a) == 0
