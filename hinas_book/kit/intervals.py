"""Forest plots: contrasts with their intervals around zero, resolved or not."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from hinas_lab.analysis.statistics import Contrast
from hinas_lab.draw import style


def plot_forest(rows: Sequence[tuple[str, Contrast]], *, ax: Axes, unit: str = "dB") -> Axes:
    """A line per (label, contrast), from above. Axes-level. An interval that leaves out 0 is coloured, bold and has a filled mark; one that
    holds 0 is gray with an open mark: no reader needs the colour."""
    for y, (_, c) in enumerate(rows):
        colour = style.FAINT if not c.resolved else style.ALPHA if c.mean > 0 else style.BETA
        ax.plot(
            [c.low, c.high],
            [y, y],
            color=colour,
            linewidth=2.4 if c.resolved else 1.2,
            solid_capstyle="butt",
        )
        ax.plot(
            c.mean,
            y,
            "o",
            color=colour,
            markersize=5,
            markerfacecolor=colour if c.resolved else style.PAPER,
        )
    ax.axvline(0, color=style.INK, linewidth=0.8)
    ax.set(yticks=range(len(rows)), ylim=(len(rows) - 0.4, -0.6), xlabel=unit)
    ax.set_yticklabels([label for label, _ in rows])
    for tick, (_, c) in zip(ax.get_yticklabels(), rows):
        tick.set_fontweight("bold" if c.resolved else "normal")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def spread_heights(values: np.ndarray) -> np.ndarray:
    """Heights between -0.3 and 0.3 that keep near values apart, the same ones each time."""
    place = np.argsort(np.argsort(values))
    return 0.6 * ((place * 0.618034) % 1 - 0.5)
