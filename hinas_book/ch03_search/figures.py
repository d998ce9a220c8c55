"""Pictures of a bilevel problem with one weight w and one architecture parameter a: which gradients
are seen, and where they lead."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_lab.drawing import style

LINES = (
    ("#222222", "-", 4.0),
    ("#E69F00", "-", 1.8),
    ("#0072B2", "--", 1.8),
    ("#CC79A7", ":", 2.6),
)
"""colour, line and its width of the first, second, ... rule: equal curves stay visible on one
another"""


def plot_gradients(a: np.ndarray, seen: Mapping[str, np.ndarray], *, ax: Axes) -> Axes:
    """The gradient for a that each rule sees, over a. Axes-level. seen: rule -> values (n,) at
    ``a`` (n,)."""
    ax.axhline(0, color=style.FAINT, linewidth=0.8)
    # the first line is the widest: later ones lie on it
    for (rule, values), (colour, line, width) in zip(seen.items(), LINES):
        ax.plot(a, values, color=colour, linestyle=line, linewidth=width, label=rule)
    ax.set(xlabel="a", ylabel="gradient for a", title="what each rule sees, at w = w*(a)")
    ax.legend()
    return ax


def plot_paths(
    paths: Mapping[str, tuple[np.ndarray, np.ndarray]], a: np.ndarray, best: np.ndarray, *, ax: Axes
) -> Axes:
    """The way of (a, w) under each rule; dots mark the ends. Axes-level.

    paths: rule -> (w, a), each (steps + 1,); ``best`` (n,) is w*(a) at ``a`` (n,), the dashed line.
    The star is a = 1, where L_V(w*(a)) is least.
    """
    ax.plot(a, best, color=style.FAINT, linewidth=1, linestyle="--", label="w*(a)")
    for (ws, at), (colour, line, width) in zip(paths.values(), LINES):
        ax.plot(at, ws, color=colour, linestyle=line, linewidth=width)
        # a wider line ends in a larger dot: equal ends stay visible on one another
        ax.plot(at[-1], ws[-1], "o", color=colour, markersize=5 + width)
    aim = np.interp(1, a, best)
    ax.plot(1, aim, "*", color=style.BEST, mec=style.PAPER, ms=15, label="the aim", zorder=3)
    # all begin at the same place
    ws, at = next(iter(paths.values()))
    ax.annotate(
        "start", (at[0], ws[0]), (-30, 4), textcoords="offset points", color=style.INK, fontsize=9
    )
    ax.set(xlabel="a", ylabel="w", title=f"where {len(ws) - 1} steps lead")
    ax.legend()
    return ax


def figure_bilevel(
    a: np.ndarray,
    seen: Mapping[str, np.ndarray],
    paths: Mapping[str, tuple[np.ndarray, np.ndarray]],
    best: np.ndarray,
) -> Figure:
    """``plot_gradients`` and ``plot_paths`` side by side. Figure-level. ValueError unless both hold
    the same rules, at most four."""
    if list(seen) != list(paths) or not 1 <= len(seen) <= len(LINES):
        raise ValueError(
            f"seen {list(seen)} and paths {list(paths)}: "
            f"must hold the same rules, 1 to {len(LINES)}"
        )
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_gradients(a, seen, ax=left)
    plot_paths(paths, a, best, ax=right)
    return figure
