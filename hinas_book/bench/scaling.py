"""How the cost of a step grows, on logarithmic axes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_lab.draw import style

UNITS = {"seconds": ("seconds", 1.0), "kept": ("MB kept", 1e-6), "flops": ("GFLOP", 1e-9)}


def plot_scaling(
    sizes: Sequence[float], costs: Sequence[float], *, ax: Axes, what: str, cost: str
) -> Axes:
    """Costs over sizes as points, with the fitted power law and its exponent in the title."""
    unit, factor = UNITS[cost]
    x, y = np.asarray(sizes, dtype=float), factor * np.asarray(costs, dtype=float)
    exponent, level = np.polyfit(np.log(x), np.log(y), 1)
    ax.loglog(x, np.exp(level) * x**exponent, color=style.FAINT, lw=1)
    ax.loglog(x, y, "o", color=style.BETA, ms=5)
    ax.set(
        xlabel=what,
        title=f"{unit} ~ {what}^{exponent:.2f}",
        xticks=x,
        xticklabels=[f"{s:g}" for s in x],
    )
    ax.minorticks_off()
    return ax


def figure_scaling(
    points: Mapping[str, Sequence[Mapping[str, float]]], costs: Sequence[str] = ("seconds", "kept")
) -> Figure:
    """A column per size that was varied, a row per cost. ``points``: name of the size -> its points (size, seconds, flops, kept)."""
    figure = Figure(figsize=(2.6 * len(points), 2.5 * len(costs)), layout="constrained")
    axes = figure.subplots(len(costs), len(points), squeeze=False)
    for line, cost in zip(axes, costs):
        for ax, (what, some) in zip(line, points.items()):
            plot_scaling(
                [p["size"] for p in some], [p[cost] for p in some], ax=ax, what=what, cost=cost
            )
    return figure
