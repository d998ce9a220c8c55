"""Means with their 95 % intervals around zero: the one look of every contrast in the book."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from hinas_lab.analysis.statistics import Contrast
from hinas_lab.drawing import style


def plot_intervals(
    contrasts: Sequence[Contrast],
    *,
    ax: Axes,
    vertical: bool = False,
    better: int = 1,
    size: float = 5,
) -> Axes:
    """Contrasts at places 0, 1, 2, ... with marks of ``size`` points, and a line at zero.

    An interval that leaves out 0 is bold with a filled mark, orange where the mean is ``better``
    (+1: above 0, -1: below), else blue; one that holds 0 is gray with an open mark: no reader
    needs the colour. A contrast without an interval (nan) is a mark alone.
    """
    value, place = ("y", "x") if vertical else ("x", "y")
    for number, contrast in enumerate(contrasts):
        # resolved or not is shown three times: by colour, by weight, by the filled mark
        colour, weight = style.FAINT, 0.24
        if contrast.resolved:
            colour = style.ALPHA if contrast.mean * better > 0 else style.BETA
            weight = 0.48
        # an interval of Kendall's tau does not lie evenly around its mean
        error = [[contrast.mean - contrast.low], [contrast.high - contrast.mean]]
        ax.errorbar(
            **{value: [contrast.mean], place: [number], f"{value}err": error},
            fmt="o",
            color=colour,
            markersize=size,
            markerfacecolor=colour if contrast.resolved else style.PAPER,
            elinewidth=weight * size,
        )
    zero_line = ax.axhline if vertical else ax.axvline
    zero_line(0, color=style.INK, linewidth=0.8)
    return ax


def plot_forest(rows: Sequence[tuple[str, Contrast]], *, ax: Axes, unit: str = "dB") -> Axes:
    """A forest plot: ``plot_intervals`` of (label, contrast), from above, on an axis in ``unit``.

    The label of an interval that leaves out 0 is bold.
    """
    labels, contrasts = zip(*rows)
    plot_intervals(contrasts, ax=ax)
    ax.set_yticks(range(len(rows)), labels)
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel=unit)
    for tick, contrast in zip(ax.get_yticklabels(), contrasts):
        tick.set_fontweight("bold" if contrast.resolved else "normal")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def spread_heights(values: np.ndarray) -> np.ndarray:
    """Heights from -0.3 to 0.3 that keep near ``values`` apart, the same ones each time."""
    place = np.argsort(np.argsort(values))
    # multiples of the golden ratio, modulo 1, are never near those just before them
    return 0.6 * ((place * 0.618034) % 1 - 0.5)
