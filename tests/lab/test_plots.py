"""Plots: artists, labels and numbers, never pixels."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import plots, style
from hinas_lab.space import decode
from hinas_lab.space.ops import OP_NAMES, OPS

SPACE = SearchSpace(layers=2, nodes=2, width=4)


def make_records(space=SPACE, epochs=6, warmup=2, validate_from=3, seed=0) -> dict[str, np.ndarray]:
    """Records of an invented search: alpha and beta drift after the warm-up, the last epoch but one
    is best."""
    rng = np.random.default_rng(seed)
    rows = np.arange(epochs + 1)
    drift = np.maximum(rows - warmup, 0)
    alpha = 1e-3 * rng.normal(size=space.alpha_shape) + np.multiply.outer(
        drift, rng.normal(size=space.alpha_shape)
    )
    beta = 1e-3 * rng.normal(size=len(space.moves)) + np.multiply.outer(
        drift, rng.normal(size=len(space.moves))
    )
    psnr = np.where(rows >= validate_from, 20.0 + rows - 2.0 * (rows == epochs), np.nan)
    best = np.where(rows >= validate_from, np.minimum(rows, epochs - 1), 0)
    kind = [k for e in rows[1:] for k in ([0] * 3 if e <= warmup else [1, 0] * 3)]
    epoch = [e for e in rows[1:] for _ in range(3 if e <= warmup else 6)]
    entropies = np.array([decode.entropy(space, a, b) for a, b in zip(alpha, beta)])
    pixel = 0.1 / np.array(epoch)
    return {
        "step/kind": np.array(kind, np.uint8),
        "step/epoch": np.array(epoch),
        "step/pixel": pixel,
        "step/lssim": pixel + 1,
        "step/loss": 2 * pixel + 1,
        "step/seconds": pixel,
        "epoch/epoch": rows,
        "epoch/alpha": alpha,
        "epoch/beta": beta,
        "epoch/psnr": psnr,
        "epoch/ssim": psnr / 100,
        "epoch/score": psnr / 50,
        "epoch/alpha_entropy": entropies[:, 0],
        "epoch/beta_entropy": entropies[:, 1],
        "epoch/skip_share": rows / 10,
        "epoch/flips": rows * 0,
        "epoch/beta_grad": 0 * beta,
        "epoch/best": best,
    }


@pytest.fixture
def ax():
    figure = Figure()
    yield figure.subplots()
    figure.clear()


def texts(ax) -> list[str]:
    return [t.get_text() for t in ax.texts]


def legend(ax) -> list[str]:
    return [t.get_text() for t in ax.get_legend().get_texts()]


# ---------------------------------------------------------------- numbers


def test_probabilities_takes_logits_or_probabilities():
    logits = np.array([[0.0, 1.0], [2.0, 2.0]])
    p = plots.probabilities(logits)
    assert np.allclose(p, decode.softmax(logits))
    assert plots.probabilities(p) is p
    assert np.allclose(plots.probabilities(np.zeros((3, 7))), 1 / 7)


def test_edge_labels_name_sources_and_nodes():
    assert plots.edge_labels(SPACE) == [
        "h(l-1)→0",
        "h(l-2)→0",
        "h(l-1)→1",
        "h(l-2)→1",
        "node 0→1",
    ]
    assert len(plots.edge_labels(SearchSpace())) == 14


def test_winners_are_what_the_decoder_keeps():
    alpha = np.random.default_rng(1).normal(size=SearchSpace().alpha_shape)
    genotype = decode.decode(SearchSpace(), alpha, np.zeros(14))
    won = plots.winners(SearchSpace(), decode.softmax(alpha[1]))
    edges = [(OP_NAMES[k], *SearchSpace().edges[e]) for e, k in won]
    assert edges == [(op, j, i) for i, node in enumerate(genotype.cells[1]) for op, j in node]


def test_warmup_end():
    records = make_records()
    assert plots.warmup_end(records) == 2
    only_weights = {k: v[:6] if k.startswith("step/") else v for k, v in records.items()}
    assert plots.warmup_end(only_weights) == 2
    assert plots.warmup_end({"step/kind": np.zeros(0), "step/epoch": np.zeros(0, int)}) == 0


@pytest.mark.parametrize("shape", [(50, 60), (50, 60, 3)])
def test_zoom_box_finds_the_busiest_square(shape):
    image = np.full(shape, 0.5)
    image[21:29, 33:41] += (
        0.3 * np.indices((8, 8)).sum(0).reshape(8, 8, *[1] * (len(shape) - 2)) % 2 - 0.1
    )
    y, x, size = plots.zoom_box(image)
    assert size == 10 and y <= 20 and x <= 32 and y + size >= 29 and x + size >= 41
    assert plots.zoom_box(np.zeros(shape)) == (0, 0, 10)
    assert plots.zoom_box(np.zeros((4, 3))) == (0, 0, 1)


# ---------------------------------------------------------------- architecture parameters


def test_plot_alpha_frames_the_kept_edges(ax):
    alpha = np.random.default_rng(0).normal(size=(5, 7))
    p = decode.softmax(alpha)
    assert plots.plot_alpha(SPACE, alpha, ax=ax) is ax
    image = ax.images[0]
    assert (
        np.allclose(image.get_array(), p)
        and image.cmap.name == "cividis"
        and image.get_clim() == (0, 1)
    )
    assert [t.get_text() for t in ax.get_xticklabels()] == [op.code for op in OPS.values()]
    assert [t.get_text() for t in ax.get_yticklabels()] == plots.edge_labels(SPACE)
    won = plots.winners(SPACE, p)
    frames = [r for r in ax.patches if isinstance(r, Rectangle)]
    assert [round(r.get_y() + r.get_height() / 2, 6) for r in frames] == [e for e, _ in won]
    assert texts(ax) == [OPS[OP_NAMES[k]].code for _, k in won]


def test_plot_beta_draws_every_move_and_the_viterbi_path(ax):
    space = SearchSpace()
    beta = np.random.default_rng(3).normal(size=14)
    path, value = decode.viterbi(space, beta)
    plots.plot_beta(space, beta, ax=ax)
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    weights = decode.normalise_beta(space, beta)
    assert len(arrows) == 14 and [t for t in texts(ax) if "W" not in t] == [
        f"{w:.2f}" for w in weights
    ]
    widths = np.array([a.get_linewidth() for a in arrows])
    assert (np.argsort(widths) == np.argsort(weights)).all()
    assert (
        sum(t.get_fontweight() == "bold" for t in ax.texts) == 3 + 4
    )  # moves and cells on the path
    assert ax.get_title() == f"width path {'-'.join(map(str, path))}, probability {value:.3g}"
    assert [t.get_text() for t in ax.get_xticklabels()] == [
        "start",
        "layer 0",
        "layer 1",
        "layer 2",
    ]
    assert texts(ax).count("1.5·W") == 3


def test_plot_beta_of_incoming_weights_and_of_a_fixed_path(ax):
    plots.plot_beta(SearchSpace(beta_norm="incoming"), np.zeros(14), ax=ax)
    assert "score" in ax.get_title()
    ax.clear()
    plots.plot_beta(SearchSpace(fixed_path=(1, 2, 2)), np.zeros(3), ax=ax)
    assert ax.get_title() == "width path 1-2-2, probability 1"


# ---------------------------------------------------------------- curves


def test_plot_scores_marks_the_best_epoch(ax):
    plots.plot_scores(make_records(), ax=ax)
    assert legend(ax) == ["warm-up", "best epoch 5"]
    shade = next(p for p in ax.patches if p.get_label() == "warm-up")
    assert (shade.get_x(), shade.get_width()) == (0, 2)
    line, curve, star = ax.lines
    assert list(line.get_xdata()) == [5, 5] and line.get_label() == "best epoch 5"
    assert list(curve.get_xdata()) == [3, 4, 5, 6]
    assert np.allclose(curve.get_ydata(), [0.46, 0.48, 0.5, 0.48])
    assert star.get_marker() == "*" and list(star.get_xydata()[0]) == [5, 0.5]


def test_plot_scores_before_any_validation(ax):
    plots.plot_scores(make_records(validate_from=99), ax=ax)
    assert texts(ax) == ["not validated yet"] and not ax.lines


def test_plot_entropy(ax):
    records = make_records()
    plots.plot_entropy(records, ax=ax)
    curves = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert curves["entropy of softmax(α), nats"] is not None and np.allclose(
        curves["skip share"], np.arange(7) / 10
    )
    assert np.allclose(curves["ln 7: undecided"], np.log(7))
    assert np.allclose(curves["entropy of softmax(β), nats"], records["epoch/beta_entropy"])


@pytest.mark.parametrize(
    "space", [SPACE, SearchSpace(layers=2, nodes=2, width=4, lwas=False)], ids=["lwas", "tied"]
)
def test_figure_search_shows_before_and_after(space):
    records = make_records(space)
    with style.theme():
        figure = plots.figure_search(space, records)
        figure.draw_without_rendering()
    maps = [ax for ax in figure.axes if ax.images and ax.get_title()]
    layers = ["layer 0", "layer 1"] if space.lwas else ["all layers"]
    wanted = [f"softmax(α), {l}, {e}" for e in ("epoch 0", "epoch 5 (best)") for l in layers]
    assert [ax.get_title() for ax in maps] == wanted
    assert len({ax.images[0].get_clim() for ax in maps}) == 1
    assert np.allclose(
        maps[-1].images[0].get_array(),
        decode.softmax(records["epoch/alpha"][5].reshape(-1, 5, 7)[-1]),
    )
    titles = [ax.get_title() for ax in figure.axes if not ax.images]
    assert any(t.startswith("softmax(β), epoch 5 (best): width path") for t in titles)
    assert {"entropy and skip share", "validation of the supernet"} <= set(titles)


def test_figure_search_without_validation_or_steps():
    records = make_records(validate_from=99)
    assert "epoch 6 (last)" in plots.figure_search(SPACE, records).axes[2].get_title()
    start = {k: v[:0] if k.startswith("step/") else v[:1] for k, v in records.items()}
    assert "epoch 0 (last)" in plots.figure_search(SPACE, start).axes[2].get_title()


# ---------------------------------------------------------------- images


def test_plot_restoration_puts_the_inset_in_the_far_corner(ax):
    image = np.linspace(-0.5, 1.5, 40 * 60).reshape(40, 60)
    plots.plot_restoration(image, ax=ax, title="noisy", zoom=(2, 50, 8))
    assert (
        ax.get_title() == "noisy"
        and ax.images[0].get_array().min() == 0
        and ax.images[0].get_array().max() == 1
    )
    box, inset = ax.patches[0], ax.child_axes[0]
    assert (box.get_x(), box.get_y(), box.get_width()) == (49.5, 1.5, 8)
    assert inset.images[0].get_array().shape == (8, 8)
    x0, y0, *_ = inset.get_position().bounds
    assert x0 < 0.4 and y0 < 0.4  # lower left
    ax.clear()
    plots.plot_restoration(image, ax=ax)
    assert not ax.child_axes and not ax.patches


def test_figure_restoration_titles_scores_and_shared_box():
    rng = np.random.default_rng(0)
    clean = rng.random((30, 40, 3))
    images = {
        "noisy": clean + 1,
        "clean": clean,
        "low resolution": clean[::2, ::2],
        "ours": clean,
        "TV": clean,
    }
    with style.theme():
        figure = plots.figure_restoration(images, scores={"ours": (27.123, 0.7654)}, zoom=(4, 6, 8))
        figure.draw_without_rendering()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["noisy", "clean", "low resolution", "ours\n27.12 dB, SSIM 0.7654", "TV"]
    boxes = [ax.patches[0] for ax in figure.axes]
    assert [b.get_width() for b in boxes] == [8, 8, 4, 8, 8]
    assert boxes[2].get_x() == 2.5 and boxes[0].get_x() == 5.5
    rows = {round(ax.get_position().y0, 6) for ax in figure.axes}
    assert len(rows) == 2
    # a notebook's cell is some 1000 pixels wide: there each picture has 300 of them, however many
    for several in range(1, 9):
        many = plots.figure_restoration({str(n): clean for n in range(several)})
        wide, share = many.get_figwidth(), many.axes[0].get_position().width
        assert wide < 10.2 and share * wide > 3.1 and share * 1000 > 300
    chosen = plots.figure_restoration({"a": clean[..., 0]}).axes[0].patches[0]
    assert (chosen.get_y() + 0.5, chosen.get_x() + 0.5, chosen.get_width()) == plots.zoom_box(
        clean[..., 0]
    )
    with pytest.raises(ValueError, match="images"):
        plots.figure_restoration({})


# ---------------------------------------------------------------- house rules


def test_every_operation_has_its_own_colour_and_readable_ink():
    assert len({style.op_colour(name) for name in OP_NAMES}) == len(OP_NAMES)
    assert style.ink_on("#000000") == "#FFFFFF" and style.ink_on("#E69F00") == "#000000"


def test_nothing_touches_global_state():
    before = dict(matplotlib.rcParams)
    plots.figure_search(SPACE, make_records())
    assert dict(matplotlib.rcParams) == before
    with style.theme():
        assert matplotlib.rcParams["axes.spines.top"] is False
    assert dict(matplotlib.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()
