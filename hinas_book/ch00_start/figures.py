"""The pictures of notebook 00b. Numbers in, figures out, as in ``hinas_lab.drawing.plots``."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hinas_book.ch00_start.examples import KERNELS, seen_by, separable
from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.drawing.plots import plot_beta, plot_restoration
from hinas_lab.space.decode import softmax


def figure_pictures(
    pictures: Mapping[str, np.ndarray], scores: Mapping[str, tuple[float, float]]
) -> Figure:
    """Small pictures (H, W) in [0, 1] side by side, with their scores: name -> (PSNR in dB,
    SSIM)."""
    figure = Figure(figsize=(2.1 * len(pictures), 2.3), layout="constrained")
    axes = figure.subplots(1, len(pictures), squeeze=False)[0]
    for (name, picture), ax in zip(pictures.items(), axes):
        title = name
        if name in scores:
            title += "\n{:.2f} dB, SSIM {:.3f}".format(*scores[name])
        plot_restoration(picture, ax=ax, title=title)
    return figure


def figure_separable(picture: np.ndarray) -> Figure:
    """An RGB picture (H, W, 3) in [0, 1]: its channels, each after a kernel of its own, and the
    1 x 1 mixture of the three."""
    depthwise, mixed = separable(picture)
    figure = Figure(figsize=(7.2, 5), layout="constrained")
    axes = figure.subplots(3, 3)
    for k, (colour, kernel) in enumerate(zip(("red", "green", "blue"), KERNELS)):
        plot_restoration(picture[..., k], ax=axes[k, 0], title=f"{colour} channel")
        alone = _stretched(depthwise[..., k])
        plot_restoration(alone, ax=axes[k, 1], title=f"3 x 3 alone: {kernel}")
        axes[k, 2].set_axis_off()
    plot_restoration(_stretched(mixed), ax=axes[1, 2], title="1 x 1: one mixture of the three")
    return figure


def _stretched(plane: np.ndarray) -> np.ndarray:
    """For showing: from its lowest value, black, to its highest, white."""
    return (plane - plane.min()) / max(np.ptp(plane), 1e-9)


def figure_fields(ops: Sequence[str]) -> Figure:
    """What one output pixel sees of the input through each operation: brighter moves it more, the
    darkest blue is not seen."""
    figure = Figure(figsize=(2.1 * len(ops), 2.5), layout="constrained")
    for name, ax in zip(ops, figure.subplots(1, len(ops), squeeze=False)[0]):
        seen = seen_by(name)
        # the root: taps at the rim are weak, and still seen
        ax.imshow(np.sqrt(seen), cmap=style.HEAT, vmin=0, vmax=1)
        across = int(np.ptp(np.flatnonzero((seen > 0).any(0)))) + 1
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{style.op_label(name)}\n{across} x {across}, {(seen > 0).sum()} pixels")
    return figure


def figure_inputs(features: Sequence[np.ndarray]) -> Figure:
    """h(-2), h(-1), h(0), ... as pictures (H, W) in [0, 1], each with which layer hears it, and as
    what."""
    figure = Figure(figsize=(2.6 * len(features), 2.6), layout="constrained")
    axes = figure.subplots(1, len(features), squeeze=False)[0]
    layers = len(features) - 2
    for place, (picture, ax) in enumerate(zip(features, axes)):
        heard = []
        for layer, name in ((place - 1, "h(l-1)"), (place, "h(l-2)")):
            if 0 <= layer < layers:
                heard.append(f"{name} of layer {layer}")
        title = f"h({place - 2})\n{', '.join(heard) or 'goes to the end part'}"
        plot_restoration(picture, ax=ax, title=title)
    return figure


def figure_alpha(space: SearchSpace, alpha: np.ndarray) -> Figure:
    """One edge: its alphas (K,), logits of any size and sign, beside their softmax."""
    figure = Figure(figsize=(8.4, 2.7), layout="constrained")
    names = [style.op_label(name) for name in space.ops]
    colours = [style.op_colour(name) for name in space.ops]
    for values, title, ax in zip(
        (alpha, softmax(alpha)),
        ("α, one edge: logits", "p = softmax(α): they sum to 1"),
        figure.subplots(1, 2),
    ):
        ax.barh(names, values, color=colours)
        ax.axvline(0, color=style.INK, lw=0.8)
        ax.set_title(title)
        ax.invert_yaxis()
    return figure


def figure_beta(space: SearchSpace, beta: np.ndarray) -> Figure:
    """The moves with their betas (M,), logits, beside their softmax on the trellis."""
    figure = Figure(figsize=(8.4, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = [f"layer {m.layer}: {m.source}→{m.target}" for m in space.moves]
    left.barh(names, beta, color=style.BETA)
    left.axvline(0, color=style.INK, lw=0.8)
    left.set_title("β, one a move: logits")
    left.invert_yaxis()
    plot_beta(space, beta, ax=right)
    right.set_title(f"q = softmax(β): {right.get_title()}")
    return figure
