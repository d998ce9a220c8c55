"""Genotype, the value: canonical JSON, refusal of everything else, sampling, neighbours,
differences."""

import json
import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinas_lab.config import SearchSpace
from hinas_lab.presets import preset
from hinas_lab.space.genotype import (
    Genotype,
    check_fits,
    diff,
    legal_paths,
    make,
    neighbours,
    sample,
)

SPACES = {
    "denoise": SearchSpace(), "sr": preset("paper", "sr").space, "tied": SearchSpace(lwas=False),
    "one": SearchSpace(layers=1, nodes=1), "fixed": SearchSpace(fixed_path=(1, 1, 2)),
    "four widths": SearchSpace(layers=5, nodes=2, width_factors=(1, 1.5, 2, 3)),
}  # fmt: skip
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
SMALL = SearchSpace(layers=2, nodes=2)


def draw(space=SMALL, seed=0) -> Genotype:
    return sample(space, random.Random(seed))


def refusal(call) -> str:
    """The message of the ValueError that ``call()`` must raise: one line that says what it is
    about."""
    with pytest.raises(ValueError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith("genotype") and "\n" not in message, message
    return message


# ---- JSON
# --------------------------------------------------------------------------------------------------


@each_space
def test_json_round_trip_is_byte_identical(space):
    for seed in range(20):
        g = replace(draw(space, seed), path_score=0.125)
        text = g.to_json()
        assert Genotype.from_json(text) == g and Genotype.from_json(text).to_json() == text


def test_json_is_canonical():
    text = draw().to_json()
    keys = [
        "cells",
        "channels",
        "nodes",
        "path",
        "path_score",
        "scale",
        "schema",
        "task",
        "width_factors",
    ]
    assert re.findall(r'"(\w+)":', text) == keys
    assert text.endswith("}\n") and text.count("\n") == 1
    lists = json.loads(text)  # lists where tuples were, integers where floats were: the same bytes
    del lists["schema"]
    assert Genotype(**lists | {"width_factors": [1, 1.5, 2]}).to_json() == text


def test_the_order_in_which_edges_are_written_is_no_difference():
    g = draw()
    backward = replace(g, cells=[[node[::-1] for node in cell] for cell in g.cells])
    assert backward == g and backward.hash == g.hash


def test_hash_is_of_the_architecture_alone():
    g = draw()
    assert re.fullmatch("[0-9a-f]{12}", g.hash)
    assert g.hash == replace(g, path_score=0.5).hash
    others = [n for _, n in neighbours(g)] + [
        replace(g, channels=3),
        replace(g, width_factors=(1, 1.5, 3)),
    ]
    hashes = [other.hash for other in others]
    assert g.hash not in hashes and len(set(hashes)) == len(hashes)


NODE = [["skip", 0], ["conv_3x3", 1]]
CELLS = [[NODE, NODE], [NODE, NODE]]
GOOD = {
    "schema": 1,
    "task": "denoise",
    "scale": 1,
    "channels": 1,
    "nodes": 2,
    "width_factors": [1.0, 1.5, 2.0],
    "path": [0, 1],
    "cells": CELLS,
    "path_score": None,
}


def cells(*node):
    """GOOD's cells with the last node replaced."""
    return [[NODE, NODE], [NODE, list(node)]]


BAD = {
    "newer schema": ({"schema": 2}, "schema"),
    "schema is a word": ({"schema": "1"}, "schema"),
    "schema is true": ({"schema": True}, "schema"),
    "unknown operation": ({"cells": cells(["conv_7x7", 0], ["skip", 1])}, "conv_7x7"),
    "none is no operation of a decoded edge": ({"cells": cells(["none", 0], ["skip", 1])}, "none"),
    "forward edge": ({"cells": cells(["skip", 0], ["skip", 3])}, "forward edge"),
    "negative source": ({"cells": cells(["skip", -1], ["skip", 1])}, "source -1"),
    "source is a word": ({"cells": cells(["skip", "0"], ["skip", 1])}, "source '0'"),
    "source is true": ({"cells": cells(["skip", 0], ["skip", True])}, "source True"),
    "source is a fraction": ({"cells": cells(["skip", 0.0], ["skip", 1])}, "source 0.0"),
    "one source twice": ({"cells": cells(["skip", 1], ["sep_3x3", 1])}, "differ"),
    "one edge": ({"cells": cells(["skip", 1])}, "1 edges"),
    "three edges": ({"cells": cells(["skip", 0], ["skip", 1], ["skip", 2])}, "3 edges"),
    "edge of three": ({"cells": cells(["skip", 0, 1], ["skip", 1])}, "genotype"),
    "edge is a word": ({"cells": cells("skip", "none")}, "genotype"),
    "node missing": ({"cells": [[NODE], [NODE, NODE]]}, "nodes"),
    "layer missing": ({"cells": [[NODE, NODE]]}, "path"),
    "no layers": ({"cells": [], "path": []}, "layer"),
    "cells is null": ({"cells": None}, "genotype"),
    "cells is a number": ({"cells": 5}, "genotype"),
    "width that does not exist": ({"path": [0, 3]}, "path"),
    "widths jump": ({"path": [0, 2]}, "path"),
    "starts too wide": ({"path": [2, 2]}, "path"),
    "path of words": ({"path": ["0", "1"]}, "path"),
    "path of booleans": ({"path": [False, True]}, "path"),
    "path of fractions": ({"path": [0.0, 1.0]}, "path"),
    "path is null": ({"path": None}, "genotype"),
    "path is a number": ({"path": 3}, "genotype"),
    "unknown task": ({"task": "blur"}, "task"),
    "scale without sr": ({"scale": 2}, "scale"),
    "scale is a fraction": ({"task": "sr", "scale": 2.0}, "scale"),
    "scale is true": ({"scale": True}, "scale"),
    "channels is true": ({"channels": True}, "channels"),
    "channels is a fraction": ({"channels": 1.0}, "channels"),
    "two channels": ({"channels": 2}, "channels"),
    "nodes is a word": ({"nodes": "2"}, "nodes"),
    "no nodes": ({"nodes": 0}, "nodes"),
    "width factor is nan": ({"width_factors": [1.0, float("nan")]}, "width_factors"),
    "width factor is infinite": ({"width_factors": [1.0, float("inf")]}, "width_factors"),
    "width factor is huge": ({"width_factors": [1, 10**400]}, "width_factors"),
    "width factor is zero": ({"width_factors": [1.0, 0.0]}, "width_factors"),
    "width factor is a word": ({"width_factors": ["1", "2"]}, "width_factors"),
    "width factor is true": ({"width_factors": [1.0, True]}, "width_factors"),
    "no width factors": ({"width_factors": []}, "width_factors"),
    "width factors is a number": ({"width_factors": 2}, "width_factors"),
    "path score is a word": ({"path_score": "high"}, "path_score"),
    "path score is nan": ({"path_score": float("nan")}, "path_score"),
    "path score is negative": ({"path_score": -0.1}, "path_score"),
    "path score is a list": ({"path_score": [0.5]}, "path_score"),
    "path score is true": ({"path_score": True}, "path_score"),
    "unknown field": ({"depth": 3}, "depth"),
    "unknown field of two lines": ({"a\nb": 3}, "fields"),
}


def test_the_good_example_is_good():
    assert Genotype.from_json(json.dumps(GOOD)).to_json() == json.dumps(GOOD, sort_keys=True) + "\n"


@pytest.mark.parametrize("change, wanted", BAD.values(), ids=BAD)
def test_what_is_no_genotype_is_refused_in_one_line(change, wanted):
    assert wanted in refusal(lambda: Genotype.from_json(json.dumps(GOOD | change)))


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_field_is_refused(name):
    assert name in refusal(
        lambda: Genotype.from_json(json.dumps({k: v for k, v in GOOD.items() if k != name}))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "3",
        '"x"',
        "{}",
        '{"schema": 1}',
        b"\xff\xfe\x00",
        "[" * 100_000,
        "1" * 10_000,
    ],
    ids=[
        "empty",
        "cut",
        "null",
        "list",
        "number",
        "word",
        "object",
        "bare",
        "bytes",
        "deep",
        "digits",
    ],
)
def test_what_is_not_even_an_object_is_refused(text):
    refusal(lambda: Genotype.from_json(text))


def test_wrong_types_are_refused_without_json_too():
    refusal(lambda: Genotype(**{k: v for k, v in GOOD.items() if k != "schema"} | {"cells": None}))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.floats(),
    st.text(max_size=3),
    st.just(10**400),
    st.just("skip"),
)


def containers(inner):
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2)


garbage = st.recursive(scalars, containers, max_leaves=8)


def planted(data, tree):
    """``tree`` with garbage in one place, anywhere from the top to a leaf."""
    if isinstance(tree, (dict, list)) and tree and data.draw(st.integers(0, 4)):
        key = data.draw(
            st.sampled_from(sorted(tree) if isinstance(tree, dict) else range(len(tree)))
        )
        copy = tree.copy()
        copy[key] = planted(data, tree[key])
        return copy
    return data.draw(garbage)


@settings(max_examples=300)
@given(data=st.data())
def test_garbage_anywhere_is_refused_or_round_trips(data):
    text = json.dumps(planted(data, GOOD))
    try:
        g = Genotype.from_json(text)
    except ValueError as error:
        assert str(error).startswith("genotype") and "\n" not in str(error)
    else:
        again = g.to_json()
        assert (
            Genotype.from_json(again).to_json() == again
            and "NaN" not in again
            and "true" not in again
        )


# ---- paths, samples, fit
# ---------------------------------------------------------------------------------------------


def test_the_papers_space_has_twelve_legal_paths():
    paths = legal_paths(SearchSpace())
    assert len(paths) == len(set(paths)) == 12 and paths == sorted(paths)
    assert all(abs(b - a) <= 1 for p in paths for a, b in zip((0, *p), p))


def test_samples_are_valid_and_uniform():
    space, n = SearchSpace(layers=2, nodes=2), 3000
    rng = random.Random(0)
    drawn = [sample(space, rng) for _ in range(n)]
    for g in drawn:
        check_fits(g, space)
    paths = Counter(g.path for g in drawn)
    ops = Counter(op for g in drawn for cell in g.cells for node in cell for op, _ in node)
    sources = Counter(tuple(s for _, s in g.cells[1][1]) for g in drawn)
    for counts in (paths, ops, sources):
        mean = counts.total() / len(counts)
        assert all(abs(c - mean) < 5 * mean**0.5 for c in counts.values()), counts
    assert len(sources) == 3 and all(
        a < b for a, b in sources
    )  # node 1: each pair of its three sources, in order


@each_space
def test_samples_fit_their_space(space):
    for seed in range(10):
        g = draw(space, seed)
        check_fits(g, space)
        assert space.lwas or len(set(g.cells)) == 1


def test_sampling_is_of_the_generator_alone_and_can_be_limited():
    assert draw(seed=1) == draw(seed=1) != draw(seed=2)
    g = sample(SMALL, random.Random(0), choices=("skip",))
    assert {op for cell in g.cells for node in cell for op, _ in node} == {"skip"}


@pytest.mark.parametrize("space, wanted", [
    (SearchSpace(layers=2, nodes=3), "nodes"), (SearchSpace(layers=3, nodes=2), "layers"),
    (SearchSpace(layers=2, nodes=2, channels=3), "channels"),
    (SearchSpace(layers=2, nodes=2, task="sr", scale=2), "task"),
    (SearchSpace(layers=2, nodes=2, width_factors=(1, 2, 3)), "width_factors"),
    (SearchSpace(layers=2, nodes=2, fixed_path=(1, 2)), "path"),
])  # fmt: skip
def test_a_genotype_of_another_space_does_not_fit(space, wanted):
    g = make(SMALL, draw().cells, (0, 0))
    assert wanted in refusal(lambda: check_fits(g, space))


# ---- neighbours and differences
# --------------------------------------------------------------------------------------


@each_space
def test_neighbours_are_valid_distinct_and_one_edit_away(space):
    g = replace(draw(space), path_score=0.5)
    found = list(neighbours(g))
    assert len({n.hash for _, n in found} | {g.hash}) == len(found) + 1
    for what, n in found:
        assert Genotype.from_json(n.to_json()) == n and n.path_score is None
        assert len(diff(g, n)) == 1, (what, diff(g, n))
        assert what.startswith("width") == (n.path != g.path)


@pytest.mark.parametrize(
    "path, widths", [((0, 0), 2), ((0, 1), 2), ((1, 0), 2), ((1, 1), 3), ((1, 2), 1)]
)
def test_number_of_neighbours(path, widths):
    """L = N = 2: 8 edges x 5 other operations, 2 x 2 edges with a free source (44 edits); the legal
    width moves."""
    kinds = Counter(what.split(":")[0] for what, _ in neighbours(make(SMALL, draw().cells, path)))
    assert kinds == {"operation": 40, "source": 4, "width": widths}


def test_neighbours_lead_back():
    g = draw(seed=3)
    assert all(g in [back for _, back in neighbours(n)] for _, n in neighbours(g))


def test_diff_is_symmetric_and_counts_edges_and_widths():
    a = make(SMALL, [[[("skip", 0), ("conv_3x3", 1)]] * 2] * 2, (0, 0))
    b = make(SMALL, [[[("skip", 0), ("conv_3x3", 1)], [("conv_3x3", 1), ("skip", 2)]]] * 2, (0, 1))
    assert diff(a, a) == []
    assert diff(a, b) == [
        "width of layer 1: 0 -> 1",
        "layer 0, node 1: skip from h(l-1) -> skip from node 0",
        "layer 1, node 1: skip from h(l-1) -> skip from node 0",
    ]
    turned = [re.sub(r"(skip from .*|\b\d) -> (.*)$", r"\2 -> \1", line) for line in diff(b, a)]
    assert turned == diff(a, b)


@given(seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_diff_has_as_many_lines_both_ways(seeds):
    a, b = (draw(SearchSpace(), seed) for seed in seeds)
    assert len(diff(a, b)) == len(diff(b, a)) and (diff(a, b) == []) == (a == b)


@pytest.mark.parametrize(
    "other",
    [
        draw(SearchSpace(layers=3, nodes=2)),
        draw(SearchSpace(layers=2, nodes=3)),
        draw(SearchSpace(task="sr", scale=2, layers=2, nodes=2)),
        replace(draw(), channels=3),
        replace(draw(), width_factors=(1, 2, 3)),
    ],
    ids=["layers", "nodes", "task", "channels", "width_factors"],
)
def test_genotypes_of_different_shapes_cannot_be_compared(other, request):
    with pytest.raises(ValueError, match=request.node.callspec.id):
        diff(draw(), other)
