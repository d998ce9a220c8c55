"""How the cost of a step grows, on logarithmic axes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_lab.drawing import style

UNITS = {"seconds": ("seconds", 1.0), "kept": ("MB kept", 1e-6), "flops": ("GFLOP", 1e-9)}
"cost -> the unit it is drawn in, and how many of it the cost's own unit is"


def plot_scaling(
    sizes: Sequence[float], costs: Sequence[float], *, ax: Axes, what: str, cost: str
) -> Axes:
    """Costs over sizes as points, with the fitted power law and its exponent in the title.
    Axes-level. what: name of the size; cost: of UNITS."""
    unit, factor = UNITS[cost]
    x = np.asarray(sizes, dtype=float)
    y = factor * np.asarray(costs, dtype=float)
    # a power law is a line on these axes: its slope is the exponent
    exponent, level = np.polyfit(np.log(x), np.log(y), 1)
    ax.loglog(x, np.exp(level) * x**exponent, color=style.FAINT, lw=1)
    ax.loglog(x, y, "o", color=style.BETA, ms=5)
    ax.set(xlabel=what, title=f"{unit} ~ {what}^{exponent:.2f}")
    ax.set_xticks(x, [f"{size:g}" for size in x])
    # the sizes that were measured are the only ticks
    ax.minorticks_off()
    return ax


def figure_scaling(
    points: Mapping[str, Sequence[Mapping[str, float]]], costs: Sequence[str] = ("seconds", "kept")
) -> Figure:
    """A column per size that was varied, a row per cost. Figure-level.

    points: name of the size -> its points (size, seconds, flops, kept).
    """
    figure = Figure(figsize=(2.6 * len(points), 2.5 * len(costs)), layout="constrained")
    axes = figure.subplots(len(costs), len(points), squeeze=False)
    for row, cost in zip(axes, costs):
        for ax, (what, series) in zip(row, points.items()):
            sizes = [point["size"] for point in series]
            plot_scaling(sizes, [point[cost] for point in series], ax=ax, what=what, cost=cost)
    return figure
