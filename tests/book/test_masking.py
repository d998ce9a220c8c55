"""Taking operations away: what is masked, what is left as it was, and how alpha and the drops are
compared and drawn."""

from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from hinas_book.ch01_search_space.figures import figure_masks, plot_drops, plot_masks
from hinas_book.ch01_search_space.masking import WAYS, agreement, drops, masked, recorded_masks
from hinas_lab.drawing.style import theme
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches
from hinas_lab.presets import preset
from hinas_lab.space.ops import NONE, OP_NAMES, OPS, SKIP
from hinas_lab.space.supernet import SuperNet

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_search_space.ipynb"
TINY = preset("tiny")
SPACE = replace(TINY.space, layers=1, nodes=1)
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def patches() -> Patches:
    images = load_images("builtin", 1)
    return Patches({name: images[name][:64, :64] for name in list(images)[:4]})


def made() -> SuperNet:
    """A supernet with decided alphas whose last convolution is not zero, so that operations
    matter."""
    net = SuperNet(SPACE, torch.Generator().manual_seed(0))
    with torch.no_grad():
        net.end.last.weight.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
        net.alpha.normal_(generator=torch.Generator().manual_seed(2))
    return net


def test_masked_takes_one_operation_of_one_edge():
    p = torch.rand(2, 3, 7).softmax(-1)
    before, without, kept = (
        p.clone(),
        masked(p, 1, 2, SKIP),
        masked(p, 1, 2, SKIP, renormalise=False),
    )
    assert torch.equal(p, before)
    assert without[1, 2, SKIP] == kept[1, 2, SKIP] == 0
    torch.testing.assert_close(without.sum(-1), torch.ones(2, 3))
    torch.testing.assert_close(
        without[1, 2] / without[1, 2, 0], kept[1, 2] / kept[1, 2, 0]
    )  # their ratios stay
    for q in (without, kept):
        assert torch.equal(q[0], p[0]) and torch.equal(q[1, :2], p[1, :2])


def test_drops_of_every_operation_and_of_none(patches):
    """``none`` adds exactly zero: without sharing its weight out and with old statistics, nothing
    changes. The others do something."""
    net = made()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    found = np.reshape(
        list(drops(net, patches, TINY.search, renormalise=False, recalibrate=False)),
        net.weights().alpha.shape,
    )
    assert found.shape == (1, 2, 7) and (found[..., NONE] == 0).all()
    assert (found[..., :NONE] != 0).all()
    shared = np.reshape(list(drops(net, patches, TINY.search)), found.shape)
    assert (shared[..., NONE] != 0).all() and not np.allclose(shared, found)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items()), (
        "masking leaves weights and statistics as they were"
    )


def test_a_drop_is_against_the_supernet_as_it_is(patches):
    """An edge whose operation has all the weight: without it (and nothing in its place) the edge is
    silent, as ``none`` would be."""
    net = made()
    with torch.no_grad():
        net.alpha.fill_(-30), net.alpha[..., SKIP].fill_(30)
    d = np.reshape(
        list(drops(net, patches, TINY.search, renormalise=False, recalibrate=False)), (2, 7)
    )
    assert np.abs(d[:, SKIP]).min() > 1e-3 and np.abs(np.delete(d, SKIP, 1)).max() < 1e-9


def test_agreement_of_ranks():
    alpha = rng.random((2, 5, 7))
    drop = alpha**3
    drop[..., NONE] = -1  # `none` does not count
    same = agreement(alpha, drop)
    assert same.pooled == same.within == pytest.approx(1) and same.top == 1 and same.edges == 10
    assert (same.low, same.high) == pytest.approx((1, 1))
    other = agreement(alpha, -drop)
    assert other.pooled == other.within == pytest.approx(-1)
    unrelated = agreement(alpha, rng.random(alpha.shape))
    assert unrelated.low < unrelated.pooled < unrelated.high and unrelated.low < 0 < unrelated.high


def test_agreement_within_edges_is_not_the_pooled_one():
    """Edges of different size, each ranked the wrong way round."""
    alpha = np.add.outer(10.0 * np.arange(4), np.arange(7))
    drop = np.add.outer(10.0 * np.arange(4), -np.arange(7.0))
    found = agreement(alpha, drop)
    assert found.pooled > 0.5 and found.within == pytest.approx(-1) and found.top == 0


def test_the_recorded_masks_belong_to_the_preset():
    alpha, found = recorded_masks("masking-classroom")
    space = preset("classroom").space
    assert alpha.shape == (3, space.layers, len(space.edges), len(OP_NAMES))
    np.testing.assert_allclose(alpha.sum(-1), 1, atol=1e-4)
    assert set(found) == set(WAYS) and all(d.shape == alpha.shape for d in found.values())
    assert (found["zero"][..., NONE] == 0).all(), (
        "without its weight shared out, none is missed by nobody"
    )


def test_the_notebook_quotes_the_recorded_masks():
    alpha, found = recorded_masks("masking-classroom")
    loud, worth = agreement(alpha, found["rest"]), agreement(alpha, found["rest"] / alpha)
    text = " ".join(
        cell.source
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells
        if cell.cell_type == "markdown"
    )
    for quoted in (
        f"ranks agree at {loud.pooled:.2f}",
        f"on {loud.top:.0%} of the edges the largest",
        f"falls to {worth.pooled:.2f}",
        f"valuable one on {worth.top:.0%}",
        f'"missed" by up to {found["rest"][..., NONE].max():.1f} dB',
    ):
        assert quoted in " ".join(text.split()), quoted


def test_masks_are_drawn_at_their_alpha_and_drop():
    alpha, drop = rng.random((2, 3, 5, 7)), rng.normal(size=(2, 3, 5, 7))
    ax = plot_masks(alpha, drop, ax=Figure().subplots())
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        name.replace("_", " ") for name in OP_NAMES
    ]
    for k, dots in enumerate(ax.collections):
        np.testing.assert_allclose(
            dots.get_offsets(), np.stack([alpha[..., k].ravel(), drop[..., k].ravel()], 1)
        )
    assert len({tuple(dots.get_facecolor()[0]) for dots in ax.collections}) == len(OP_NAMES)


def covered(figure: Figure, ax) -> float:
    """The share of letters whose middle lies within two points of another's: on a heap."""
    figure.draw_without_rendering()
    places = np.concatenate([ax.transData.transform(d.get_offsets()) for d in ax.collections])
    apart = np.linalg.norm(places[:, None] - places, axis=-1) * 72 / figure.dpi
    np.fill_diagonal(apart, np.inf)
    return float((apart.min(1) < 2).mean())


def test_the_letters_of_the_recorded_searches_lie_on_no_heap():
    alpha, found = recorded_masks("masking-classroom")
    with theme():
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        ax = plot_masks(alpha, found["rest"], ax=figure.subplots())
        assert covered(figure, ax) < 0.1
        ax.set(xscale="linear", yscale="linear")
        assert covered(figure, ax) > 0.25  # as it was


def test_the_most_missed_operation_is_named():
    space = preset("tiny").space
    drop = rng.random((len(space.edges), len(OP_NAMES)))
    drop[:, NONE] = 2
    ax = plot_drops(space, drop, ax=Figure().subplots())
    assert [t.get_text() for t in ax.texts] == [
        OPS[OP_NAMES[k]].code for k in drop[:, :NONE].argmax(1)
    ]
    np.testing.assert_array_equal(ax.images[0].get_array(), drop)
    with theme():
        figure = figure_masks(space, rng.random((2, *drop.shape)), np.stack([drop, drop / 2]))
        figure.draw_without_rendering()
    assert [ax.get_title() for ax in figure.axes[:4]] == [
        "softmax(α), layer 0",
        "softmax(α), layer 1",
        "dB lost without, layer 0",
        "dB lost without, layer 1",
    ]
    assert figure.axes[2].images[0].norm.vmax == figure.axes[3].images[0].norm.vmax == 2
