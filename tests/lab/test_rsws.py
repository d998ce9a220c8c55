"""Random search with weight sharing: uniform single paths, exact forward passes, the best of 30."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.testing import assert_close

import hinas_lab as lab
from hinas_lab.images.patches import Patches
from hinas_lab.live.facts import protocol
from hinas_lab.live.recordings import read_recording
from hinas_lab.presets import preset
from hinas_lab.records import Epoch
from hinas_lab.runs.folder import open_search
from hinas_lab.searching.loop import Search, search
from hinas_lab.searching.methods import METHODS
from hinas_lab.searching.methods.rsws import CANDIDATES, drawn
from hinas_lab.searching.scoring import shared_weight_score
from hinas_lab.searching.stop import STOP_RULES
from hinas_lab.space.supernet import Mixture

TINY = preset("tiny")
RSWS = replace(TINY.search, method="rsws")


def patches() -> Patches:
    rng = np.random.default_rng(0)
    images = {f"{i}.png": rng.integers(0, 256, (36, 36), dtype=np.uint8) for i in range(12)}
    return Patches(images)


def state_of(space=TINY.space, config=RSWS) -> Search:
    return Search(space, config, patches())


def test_architectures_are_drawn_uniformly():
    """Chi-square with a fixed seed: all 2 x 6 x 6 architectures of one layer with one node, then
    the three pairs of sources of a second node."""
    state = state_of(replace(TINY.space, layers=1, nodes=1))
    found = Counter(drawn(state, 1, i).hash for i in range(7200))
    assert len(found) == 72 and chisquare(list(found.values())).pvalue > 0.01
    state = state_of(replace(TINY.space, layers=2, nodes=2))
    genotypes = [drawn(state, e, i) for e in range(40) for i in range(60)]
    for layer in range(2):
        nodes = [g.cells[layer][1] for g in genotypes]
        pairs = Counter((a[1], b[1]) for a, b in nodes)
        assert len(pairs) == 3 and chisquare(list(pairs.values())).pvalue > 0.01
    paths = Counter(g.path for g in genotypes)
    assert len(paths) == 5 and chisquare(list(paths.values())).pvalue > 0.01


@pytest.mark.parametrize("lwas", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_a_step_is_the_supernet_under_one_hot_weights(lwas, residual):
    """Exactly: all operations computed and multiplied by 0 and 1, in float64."""
    state = state_of(replace(TINY.space, lwas=lwas, residual=residual))
    net = state.net.double()
    torch.nn.init.normal_(net.end.last.weight)
    x = torch.rand(2, 1, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for state.iteration in range(4):
        one = state.method.weight_mixture(state)
        dense = Mixture(one.alpha, one.beta, one.last_layer_weights)
        assert_close(net(x, one), net(x, dense), rtol=0, atol=1e-10)
        assert lwas or len(set(one.genotype.cells)) == 1


def test_what_a_path_does_not_use_is_not_computed_and_does_not_learn():
    config = replace(RSWS, optimizer="sgd", weight_decay=0.0, momentum=0.0)
    state = state_of(config=config)
    torch.nn.init.normal_(state.net.end.last.weight)
    before = {name: value.clone() for name, value in state.net.state_dict().items()}
    genotype = drawn(state, 0, 0)
    steps = search(state)
    next(steps), next(steps)
    moved = {n for n, v in state.net.state_dict().items() if not torch.equal(v, before[n])}
    assert not {"alpha", "beta"} & moved
    # one operation from one source of one cell: its statistics tell whether it was computed
    computed = set()
    for layer, width, source, op in every_operation():
        name = f"cells.{layer}_{width}.sources.{source}.norm.{op}"
        if any(n.startswith(name) for n in moved):
            computed.add((layer, width, source, op))
    used = set()
    for layer, cell in enumerate(genotype.cells):
        for op, source in (edge for node in cell for edge in node):
            if op != "skip":
                used.add((layer, genotype.path[layer], source, op))
    assert computed == used and len(used) >= 4
    weights = {n for n in moved if ".sources." in n and ".norm." not in n}
    assert weights and all(
        any(f"cells.{l}_{w}.sources.{s}." in n and f".{op}" in n for l, w, s, op in used)
        for n in weights
    )


def every_operation():
    for layer, widths in enumerate(TINY.space.cells):
        for width in widths:
            for source in range(TINY.space.nodes + 1):
                for op in TINY.space.choices:
                    yield layer, width, source, op


@pytest.fixture(scope="module")
def finished() -> tuple[Search, list[Epoch]]:
    state = state_of()
    return state, [r for r in search(state) if isinstance(r, Epoch)]


def test_the_best_of_thirty_is_the_result(finished):
    state, epochs = finished
    config, sets = state.config, state.split
    candidates = [drawn(state, config.epochs, i) for i in range(CANDIDATES)]
    scores = [
        shared_weight_score(state.net, g, state.patches, sets.w, sets.v, config)["score"]
        for g in candidates
    ]
    _, genotype = state.result()
    assert genotype.hash == candidates[int(np.argmax(scores))].hash
    assert state.best_score == pytest.approx(max(scores), abs=1e-12)
    assert state.best_epoch == config.epochs and epochs[-1].genotype.hash == genotype.hash
    # V is not asked before
    assert [np.isnan(e.score) for e in epochs] == [True] * config.epochs + [False]


@pytest.mark.slow
def test_a_search_that_is_continued_is_the_same_to_the_bit(finished):
    for stop in (0, 3, 7):
        first = state_of()
        for _, _ in zip(range(stop + 1), search(first)):
            pass
        again = state_of()
        again.load({name: value.clone() for name, value in first.tensors().items()})
        for _ in search(again):
            pass
        wanted, found = finished[0].tensors(), again.tensors()
        assert wanted.keys() == found.keys()
        assert all(torch.equal(wanted[name], found[name]) for name in wanted)


@pytest.mark.parametrize("lwas", [True, False])
def test_alpha_and_beta_say_the_choice(lwas):
    state = state_of(replace(TINY.space, lwas=lwas), replace(RSWS, epochs=1, keep_supernet="last"))
    for _ in search(state):
        pass
    assert state.decode().hash == state.result()[1].hash
    assert state.net.alpha.shape == state.space.alpha_shape


@pytest.mark.parametrize(
    "space, config, wanted",
    [
        ({}, {"stop": "early"}, "stop = 'early'"),
        ({"beta_norm": "incoming"}, {}, "outgoing beta"),
    ],
)
def test_what_it_cannot_do_is_refused_in_a_line(space, config, wanted, monkeypatch):
    monkeypatch.setitem(STOP_RULES, "early", None)
    with pytest.raises(ValueError, match=wanted):
        state_of(replace(TINY.space, **space), replace(RSWS, **config))


def test_a_run_of_it_is_kept_and_played(tmp_path, monkeypatch):
    monkeypatch.setenv("HINAS_LIVE", "0")
    chosen = TINY._replace(search=RSWS)
    run = open_search(tmp_path / "r", chosen, data="builtin", device="cpu")
    for _ in run.steps():
        pass
    assert lab.replay(tmp_path / "r").axes
    recording = read_recording(tmp_path / "r")
    assert f"each of {CANDIDATES} random architectures" in protocol(recording)
    assert recording.best == RSWS.epochs and set(METHODS) == {"first-order", "rsws"}
