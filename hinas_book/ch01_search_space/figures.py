"""p, the softmax of alpha, beside what masking costs. Numbers in, artists out, as in ``plots``."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter, SymmetricalLogLocator

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.drawing.plots import plot_alpha, plot_operations
from hinas_lab.space.ops import NONE, OP_NAMES, OPS

SMALL_DROP = 0.02
"dB; drops below it share a linear scale, larger ones a logarithmic one"


def plot_drops(
    space: SearchSpace, drop: np.ndarray, *, ax: Axes, vmax: float | None = None
) -> Axes:
    """Heat map of one layer's masks, beside ``plots.plot_alpha``. Axes-level.

    drop (E, K) in dB; vmax: the drop of the brightest colour. Each edge's largest drop, ``none``
    aside, carries its operation's code.
    """
    # the most missed operation of each edge
    largest = enumerate(drop[:, :NONE].argmax(1).tolist())
    return plot_operations(space, drop, largest, ax=ax, vmax=vmax or float(drop.max()))


def plot_masks(p: np.ndarray, drop: np.ndarray, *, ax: Axes) -> Axes:
    """Each operation of each edge as its letter code: its p, and what PSNR loses without it.
    Axes-level.

    p, the softmax of alpha, and drop in dB, (..., K). Both axes are logarithmic: most operations
    have a small share and a small drop, and would lie on one heap.
    """
    for k, name in enumerate(OP_NAMES):
        ax.scatter(
            p[..., k],
            drop[..., k],
            marker=f"$\\mathrm{{{OPS[name].code}}}$",
            # a marker fills its square; "id" is narrow and would come out larger
            s=30 if name == "skip" else 55,
            linewidths=0.2,
            color=style.op_colour(name),
            label=style.op_label(name),
        )
    ax.axhline(0, color=style.INK, lw=0.8)
    ax.axvline(1 / len(OP_NAMES), color=style.FAINT, lw=0.8, ls="--")
    ax.set_xscale("log")
    ax.set_yscale("symlog", linthresh=SMALL_DROP)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    steps = SymmetricalLogLocator(base=10, linthresh=SMALL_DROP, subs=(1, 2, 5))
    ax.yaxis.set_major_locator(steps)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.minorticks_off()
    ax.margins(y=0.08)
    ax.set(
        xlabel="softmax(α), the share of its edge (dashed: undecided)",
        ylabel="PSNR lost on V without it, dB",
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def figure_masks(space: SearchSpace, p: np.ndarray, drop: np.ndarray) -> Figure:
    """One search: a column per layer, p, the softmax of alpha, above, drops below. Figure-level.

    p, and drop in dB: (L, E, K)."""
    size = (3.4 * space.layers + 1, 1.6 + 0.5 * len(space.edges))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(2, space.layers, squeeze=False, sharex=True, sharey=True)
    # one scale for all layers, so that their colours compare
    for l, (above, below) in enumerate(axes.T):
        plot_alpha(space, p[l], ax=above, vmax=float(p.max()))
        above.set_title(f"softmax(α), layer {l}")
        plot_drops(space, drop[l], ax=below, vmax=float(drop.max()))
        below.set_title(f"dB lost without, layer {l}")
    for row, label in zip(axes, ("share of the edge", "dB")):
        figure.colorbar(row[0].images[0], ax=list(row), label=label)
    for ax in axes.flat:
        ax.label_outer()
    return figure
