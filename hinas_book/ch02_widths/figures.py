"""Width paths: another path drawn into the trellis of ``plots.plot_beta``, and what chance gives
before learning."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from matplotlib.ticker import PercentFormatter

from hinas_lab.drawing import style


def plot_walk(path: Sequence[int], *, ax: Axes, label: str) -> Axes:
    """A path from width 0 as dashed arcs in a trellis, named in the title's second line.
    Axes-level."""
    for column, (source, target) in enumerate(zip((0, *path), path)):
        arrow = FancyArrowPatch(
            (column, source),
            (column + 1, target),
            arrowstyle="-|>",
            mutation_scale=14,
            # from rim to rim of the cells, and bent, beside the trellis' own arrow
            shrinkA=20,
            shrinkB=21,
            connectionstyle="arc3,rad=0.25",
            color=style.BETA,
            linewidth=2,
            linestyle="--",
            zorder=3,
        )
        ax.add_patch(arrow)
    # room for an arc that leaves the lowest row
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.15, high)
    ax.set_title(f"{ax.get_title()}\n{label} {'-'.join(map(str, path))}, dashed")
    return ax


def plot_chance(
    stds: Sequence[float],
    shares: dict[str, Sequence[float]],
    *,
    ax: Axes,
    levels: dict[str, float] | None = None,
    start: float = 1e-3,
) -> Axes:
    """How often a random beta says "the last layer is the widest". Axes-level.

    stds: standard deviations of beta (logarithmic axis); shares: line -> share from 0 to 1 at each;
    levels: dashed lines with their names; start: the standard deviation with which a search begins.
    """
    for (name, values), colour, marker in zip(shares.items(), (style.BETA, style.ALPHA), "os"):
        ax.semilogx(stds, values, color=colour, marker=marker, ms=4.5, label=name)
    # there may be more levels than kinds of dashes
    for (name, level), dashes in zip((levels or {}).items(), cycle(("--", ":"))):
        ax.axhline(level, color=style.INK, lw=0.8, ls=dashes, label=f"{name}: {level:.0%}")
    ax.axvline(start, color=style.FAINT, lw=0.8)
    ax.annotate(
        "a search starts here", (start, 0.06), xytext=(4, 0), textcoords="offset points", fontsize=9
    )
    ax.set(
        ylim=(0, 1.05),
        xlabel="standard deviation of beta, nothing learned",
        ylabel="last layer is widest: share of draws",
        yticks=np.linspace(0, 1, 5),
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
