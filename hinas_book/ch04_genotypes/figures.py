"""From the soft supernet to a trained net: the weights as they sharpen, and the ladder of what each
step restores.

``plot_x(..., *, ax) -> Axes`` draws on one given Axes, ``figure_x(...) -> Figure`` owns its figure,
as in ``plots``. A rung is any object with ``name, psnr, ssim, patch`` (see ``ladder``).
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.drawing.plots import plot_operations, plot_restoration

RAW = "batch norm as the search left it"
ANEW = "batch norm recalibrated"


def plot_weights(space: SearchSpace, alpha: np.ndarray, *, ax: Axes) -> Axes:
    """Heat map of one layer's weights (E, K), rows summing to one, from 0 to 1; the largest of each
    edge carries its letter code."""
    return plot_operations(space, alpha, enumerate(alpha.argmax(1).tolist()), ax=ax, vmax=1.0)


def figure_sharpness(space: SearchSpace, alpha: np.ndarray, raw, anew, clean: np.ndarray) -> Figure:
    """One position of the slider: alpha's weights (L, E, K) layer by layer, and the patch they
    restore, with old and new statistics.

    raw, anew: rungs with the batch norms as they were and recalibrated; clean: (H, W) in [0, 1].
    """
    layers = len(alpha)
    figure = Figure(figsize=(12, 3.1), layout="constrained")
    axes = figure.subplots(1, layers + 3, width_ratios=[1.25] * layers + [1] * 3)
    for l, ax in enumerate(axes[:layers]):
        plot_weights(space, alpha[l], ax=ax).set_title(f"{raw.name}\nsoftmax(s·α), layer {l}")
        ax.label_outer()
    for ax, rung, state in zip(axes[layers:], (raw, anew), (RAW, ANEW)):
        title = f"{state.removeprefix('batch norm ')}\nmean {rung.psnr:.2f} dB"
        plot_restoration(rung.patch, ax=ax, title=title)
    # an empty second line, so that all pictures lie at the same height
    plot_restoration(clean, ax=axes[-1], title="clean\n")
    return figure


def plot_ladder(rungs: Sequence[tuple], *, ax: Axes, floor: float | None = None) -> Axes:
    """PSNR from rung to rung. Axes-level.

    rungs: (raw, recalibrated) pairs, or (rung,) for a net with weights of its own, which has no
    such choice. floor: PSNR of the degraded picture itself, a dashed line.
    """
    for x, rung in enumerate(rungs):
        best = rung[-1].psnr
        if len(rung) == 2:
            raw = rung[0].psnr
            # both numbers of a rung, and how far they are apart
            ax.plot([x, x], [raw, best], color=style.FAINT, lw=1, zorder=1)
            ax.plot(x, raw, "o", mfc=style.PAPER, mec=style.ARCH, mew=1.6, ms=7, label=RAW)
            ax.plot(x, best, "o", color=style.WEIGHT, ms=8, label=ANEW)
        else:
            ax.plot(x, best, "s", color=style.BEST, ms=8, label="trained alone")
        ax.annotate(
            f"{best:.2f}",
            (x, best),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            fontweight="bold",
        )
    # what doing nothing gives: a rung below it makes the picture worse
    if floor is not None:
        ax.axhline(floor, color=style.INK, lw=0.8, ls="--", label=f"noisy: {floor:.2f} dB")
    ax.set(xlim=(-0.5, len(rungs) - 0.5), ylabel="mean PSNR, dB")
    ax.set_xticks(range(len(rungs)), [rung[-1].name for rung in rungs])
    ax.tick_params(axis="x", length=0)
    ax.margins(y=0.18)
    # every rung brings its labels: each once
    handles, labels = ax.get_legend_handles_labels()
    entries = dict(zip(labels, handles))
    ax.legend(entries.values(), entries, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=4)
    return ax


def figure_ladder(rungs: Sequence[tuple], *, floor: float | None = None) -> Figure:
    """The ladder, and under each rung the patch it restores (recalibrated where there is the
    choice)."""
    figure = Figure(figsize=(1.65 * len(rungs) + 0.6, 5.0), layout="constrained")
    grid = figure.add_gridspec(2, len(rungs), height_ratios=(1.7, 1))
    plot_ladder(rungs, ax=figure.add_subplot(grid[0, :]), floor=floor)
    for x, rung in enumerate(rungs):
        best = rung[-1]
        ax = figure.add_subplot(grid[1, x])
        plot_restoration(best.patch, ax=ax, title=f"mean SSIM {best.ssim:.3f}")
    return figure
