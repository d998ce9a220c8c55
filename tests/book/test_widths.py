"""Reading a width path off beta: greedy and Viterbi, chance before learning; and what sharing cells
saves."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from hinas_book.ch02_widths.figures import plot_chance, plot_walk
from hinas_book.kit.sharing_cost import measured, predicted
from hinas_lab.analysis.width_paths import (
    beta_of,
    chance,
    greedy_path,
    is_widest_last,
    path_value,
    uniform_paths,
)
from hinas_lab.config import SearchSpace
from hinas_lab.drawing.plots import plot_beta
from hinas_lab.drawing.style import theme
from hinas_lab.presets import preset
from hinas_lab.space.decode import independent_path, normalise_beta, viterbi
from hinas_lab.space.genotype import legal_paths
from hinas_lab.training.step_memory import sharing_factors

SPACE = SearchSpace()
INCOMING = replace(SPACE, beta_norm="incoming")
TRAP = {(0, 0, 0): 0.55, (1, 1, 2): 0.9, (2, 2, 2): 0.9}


def test_beta_has_the_weights_that_were_asked_for():
    weights = dict(zip(SPACE.moves, normalise_beta(SPACE, beta_of(SPACE, TRAP))))
    assert all(weights[move] == pytest.approx(w) for move, w in TRAP.items())
    assert weights[0, 0, 1] == pytest.approx(0.45) and weights[1, 1, 0] == weights[
        1, 1, 1
    ] == pytest.approx(0.05)
    whole = {(0, 0, 0): 0.2, (0, 0, 1): 0.8}
    assert normalise_beta(SPACE, beta_of(SPACE, whole))[:2] == pytest.approx([0.2, 0.8])


@pytest.mark.parametrize(
    "wanted, said",
    [
        ({(0, 0, 2): 0.5}, "legal move"),
        ({(0, 0, 0): 0.0}, "above 0"),
        ({(0, 0, 0): 1.5}, "at most 1"),
        ({(0, 0, 0): 1.0}, "sum to 1"),
        ({(0, 0, 0): 0.5, (0, 0, 1): 0.4}, "sum to 1"),
        ({(1, 1, 0): 0.6, (1, 1, 1): 0.6}, "sum to 1"),
        ({(0, 0, 0): float("nan")}, "above 0"),
    ],
)
def test_impossible_weights_are_refused(wanted, said):
    with pytest.raises(ValueError, match=said):
        beta_of(SPACE, wanted)


def test_greedy_walks_into_the_trap_and_layers_by_themselves_jump():
    beta = beta_of(SPACE, TRAP)
    assert greedy_path(SPACE, beta) == ((0, 0, 0), pytest.approx(0.55 / 4))
    assert viterbi(SPACE, beta) == ((1, 2, 2), pytest.approx(0.45 * 0.81))
    assert independent_path(SPACE, beta) is None


def test_greedy_never_beats_viterbi():
    rng = np.random.default_rng(0)
    for beta in rng.normal(size=(50, len(SPACE.moves))):
        (path, value), (best, highest) = greedy_path(SPACE, beta), viterbi(SPACE, beta)
        assert path in legal_paths(SPACE) and value <= highest + 1e-12
        assert path_value(SPACE, beta, best) == pytest.approx(highest)


def test_equal_betas_give_a_path_that_the_softmax_makes():
    outgoing, incoming = uniform_paths(SPACE), uniform_paths(INCOMING)
    assert outgoing[0] == ((0, 0, 0), pytest.approx(1 / 8)) and outgoing[1][0] == (0, 0, 1)
    assert incoming[0] == ((1, 2, 2), pytest.approx(1 / 2))
    assert len(outgoing) == len(incoming) == 12 and sum(p for _, p in outgoing) == pytest.approx(1)
    widest = [p for path, p in outgoing if is_widest_last(path)]
    assert len(widest) == 8 and sum(widest) == pytest.approx(25 / 36)


@pytest.mark.parametrize("space", [SPACE, INCOMING], ids=["outgoing", "incoming"])
def test_chance_is_viterbi_on_the_same_draws(space):
    stds, n = (0.3, 2.0), 60
    drawn = np.random.default_rng(5).standard_normal((n, len(space.moves)))
    for c in chance(space, stds, n=n, seed=5):
        paths = [viterbi(space, c.std * beta)[0] for beta in drawn]
        assert {k: round(v * n) for k, v in c.shares.items()} == Counter(paths)
        assert c.widest_last == pytest.approx(np.mean([path[-1] == max(path) for path in paths]))
        assert c.greedy == pytest.approx(
            np.mean([greedy_path(space, c.std * b)[0] == p for b, p in zip(drawn, paths)])
        )


def test_before_learning_the_last_layer_always_is_the_widest():
    """So that a search found it says nothing by itself: 0-0-0 and 0-0-1, or 1-2-2, come from the
    softmax."""
    first, second = (chance(s, [1e-3], n=300)[0] for s in (SPACE, INCOMING))
    assert set(first.shares) == {(0, 0, 0), (0, 0, 1)} and set(second.shares) == {(1, 2, 2)}
    assert first.widest_last == second.widest_last == pytest.approx(1)
    wild = chance(SPACE, [10.0], n=300)[0]
    assert 0.55 < wild.widest_last < 0.85 and wild.greedy > 0.9


def test_sharing_counted_is_sharing_predicted():
    tiny = preset("tiny")
    space = replace(tiny.space, layers=3, nodes=1)
    here, foreseen = measured(space, tiny.search, repeats=1), list(predicted(space, tiny.search))
    on, tied, off = here
    assert (on.cells, tied.cells, off.cells) == (8, 14, 14)
    assert on.weights == tied.weights < off.weights
    assert on.kept < tied.kept and off.kept == pytest.approx(tied.kept, rel=0.02), (
        "what is kept are features, not weights"
    )
    assert [(c.sharing, c.cells, c.weights) for c in here] == [
        (c.sharing, c.cells, c.weights) for c in foreseen
    ]
    assert [c.kept for c in foreseen] == pytest.approx([c.kept for c in here], rel=0.01)
    assert all(c.seconds > 0 for c in here) and foreseen[0].seconds is None
    saved = sharing_factors(space, tiny.search)
    assert saved["one cell"] == 3 > saved["one layer"] > off.kept / on.kept > 1


def test_a_walk_is_drawn_over_the_trellis():
    with theme():
        ax = Figure().subplots()
        plot_beta(SPACE, beta_of(SPACE, TRAP), ax=ax)
        before = len(ax.patches)
        plot_walk((0, 0, 0), ax=ax, label="greedy")
    arrows = ax.patches[before:]
    assert len(arrows) == 3 and all(
        isinstance(a, FancyArrowPatch) and a.get_linestyle() == "--" for a in arrows
    )
    assert "1-2-2" in ax.get_title() and "greedy 0-0-0, dashed" in ax.get_title()


def test_chance_is_drawn_with_its_levels():
    shares = {"outgoing": [1, 0.7, 0.7], "incoming": [1, 0.8, 0.6]}
    ax = plot_chance((0.001, 1, 10), shares, ax=Figure().subplots(), levels={"paths": 8 / 12})
    assert ax.get_xscale() == "log"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "outgoing",
        "incoming",
        "paths: 67%",
    ]
    assert list(ax.lines[1].get_ydata()) == [1, 0.8, 0.6] and ax.lines[2].get_ydata()[
        0
    ] == pytest.approx(2 / 3)
    assert (
        ax.lines[0].get_color() != ax.lines[1].get_color()
        and ax.lines[0].get_marker() != ax.lines[1].get_marker()
    )
