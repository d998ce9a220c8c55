"""Cost and quality of trained nets as a picture: a mark for each, their front, its band, a budget.

``plot_trade_off(seen, *, ax) -> Axes`` draws on one given Axes, ``figure_trade_off`` owns its
figure.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullLocator

from hinas_lab.analysis.trade_off import COSTS, QUALITIES, TradeOff, in_units, staircase
from hinas_lab.drawing import style

MARKS = ("o", "D", "s", "^", "v", "P", "X")
COLOURS = ("#56B4E9", "#D55E00", "#0072B2", "#E69F00", "#CC79A7", "#007A5A", "#555555", "#8C6D31")
"of methods; with as many marks as are seven, 56 methods look different"
SMALLEST, LARGEST = 16, 170
"points^2: the area of a mark without parameters, and of the largest net's"
NEAR, FAR = 3, 20
"an axis whose ends are at most so many times apart has evenly spaced ticks, or close ones"


def looks(seen: TradeOff) -> dict[str, tuple[str, str]]:
    """Method -> (mark, colour), the method of most nets first: it lies below the others."""
    names = [net.method for net in seen.nets]
    methods = sorted(dict.fromkeys(names), key=names.count, reverse=True)
    found = {}
    for number, method in enumerate(methods):
        found[method] = MARKS[number % len(MARKS)], COLOURS[number % len(COLOURS)]
    return found


def areas(seen: TradeOff) -> np.ndarray:
    """(N,): points^2 of the marks, larger in proportion to parameters; the least where they are not
    known."""
    parameters = np.array([net.parameters or 0 for net in seen.nets], dtype=np.float64)
    return SMALLEST + (LARGEST - SMALLEST) * parameters / max(1, parameters.max())


def plot_trade_off(seen: TradeOff, *, ax: Axes, ringed: int | None = None) -> Axes:
    """A mark for each net: shape and colour say the method, area the parameters. Axes-level.

    The staircase is the front, with its band, a vertical line the budget, a ring the net at the
    place ``ringed``. Cost is logarithmic.
    """
    import pandas as pd
    import seaborn as sns

    frame = pd.DataFrame(
        {"x": seen.x, "y": seen.y, "method": [net.method for net in seen.nets], "area": areas(seen)}
    )
    known = looks(seen)
    # methods of many nets below, large nets below small ones
    order = {method: place for place, method in enumerate(known)}
    frame["order"] = frame["method"].map(order)
    frame = frame.sort_values(["order", "area"], ascending=[True, False])
    sns.scatterplot(
        frame,
        x="x",
        y="y",
        hue="method",
        style="method",
        palette={method: colour for method, (_, colour) in known.items()},
        markers={method: mark for method, (mark, _) in known.items()},
        size="area",
        sizes=(frame["area"].min(), frame["area"].max()),
        edgecolor=style.PAPER,
        linewidth=0.6,
        alpha=0.9,
        legend=False,
        zorder=3,
        ax=ax,
    )
    _limits(seen, ax)
    _plot_front(seen, ax)
    if seen.budget is not None:
        line = {"color": style.INK, "linewidth": 1.2, "linestyle": "--", "zorder": 2}
        ax.axvline(seen.budget, label=f"budget {in_units(seen.budget, seen.cost)}", **line)
    if ringed is not None:
        ring = {"markersize": 17, "markerfacecolor": "none", "markeredgewidth": 1.8, "zorder": 4}
        ax.plot(seen.x[ringed], seen.y[ringed], "o", markeredgecolor=style.INK, **ring)
    return ax


def _limits(seen: TradeOff, ax: Axes):
    """Both axes: what they show, with room for the marks, and their ticks."""
    cost, quality = COSTS[seen.cost], QUALITIES[seen.quality]
    ends = seen.x if seen.budget is None else np.append(seen.x, seen.budget)
    low, high = ends.min(), ends.max()
    room = max(1.06, (high / low) ** 0.06)
    tall = max(np.ptp(seen.y), 0.01 if seen.quality == "psnr" else 0.001)
    ax.set(
        xscale="log",
        xlim=(low / room, high * room),
        ylim=(seen.y.min() - 0.08 * tall, seen.y.max() + 0.08 * tall),
        xlabel=cost.title,
        ylabel=f"{quality.title}, {quality.unit}".rstrip(", "),
    )
    ax.xaxis.set_major_locator(_locator(high / low))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, place: _tick(x, seen.cost)))
    ax.yaxis.get_major_formatter().set_useOffset(False)


def _locator(ratio: float) -> Locator:
    """Round ticks of a logarithmic axis whose ends are so many times apart."""
    if ratio <= NEAR:
        return MaxNLocator(7, steps=(1, 2, 5, 10))
    if ratio <= FAR:
        return LogLocator(subs=(1, 1.5, 2, 3, 4, 5, 7))
    return LogLocator(subs=(1, 3) if ratio <= FAR**2 else (1,))


def _tick(value: float, cost: str) -> str:
    """A cost without its unit, which the axis says: ``1.5 G``."""
    if cost == "milliseconds" or value <= 0:
        return f"{value:g}"
    return in_units(value, cost).removesuffix("MAC").removesuffix("parameters").rstrip()


def _plot_front(seen: TradeOff, ax: Axes):
    """The staircase from the cheapest net to the right end, and the band below it."""
    floor, end = ax.get_ylim()[0], ax.get_xlim()[1]
    edges = np.append(seen.edges, end)
    best = staircase(seen)
    steps = {"color": style.INK, "linewidth": 1.2, "zorder": 2}
    ax.plot(edges, np.append(best, best[-1]), drawstyle="steps-post", label="front", **steps)
    if seen.band is None:
        return
    # -inf: the band is open below
    low, high = (np.maximum(np.append(part, part[-1]), floor) for part in seen.band)
    look = {"color": style.FAINT, "alpha": 0.22, "linewidth": 0, "zorder": 1}
    label = "its band: nets drawn again, 95 %"
    ax.fill_between(edges, low, high, step="post", label=label, **look)


def figure_trade_off(seen: TradeOff, *, ringed: int | None = None) -> Figure:
    """``plot_trade_off`` with its title, its legend and, below, what is not shown. Figure-level."""
    figure = Figure(figsize=(9, 4.9), layout="constrained")
    ax = figure.subplots()
    plot_trade_off(seen, ax=ax, ringed=ringed)
    ax.set_title(seen.title, loc="left", parse_math=False)
    lines, labels = ax.get_legend_handles_labels()
    handles = [*_method_handles(seen), *_area_handles(seen), *lines]
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
    legend = ax.legend(handles=handles, labelspacing=0.7, **place)
    for text in legend.get_texts():
        # a folder may be called $x$
        text.set_parse_math(False)
    below = "\n".join([f"measured as: {seen.nets[0].measured_as}", *seen.notes])
    figure.supxlabel(below, fontsize=8, color=style.INK, x=0.01, ha="left", parse_math=False)
    return figure


def _method_handles(seen: TradeOff) -> list[Line2D]:
    handles = []
    names = [net.method for net in seen.nets]
    for method, (mark, colour) in looks(seen).items():
        label = f"{method} ({names.count(method)})"
        # matplotlib leaves out a label that begins with _
        label = f" {label}" if method.startswith("_") else label
        handles.append(Line2D([], [], marker=mark, color=colour, ls="", ms=8, mec="w", label=label))
    return handles


def _area_handles(seen: TradeOff) -> list[Line2D]:
    """Two marks whose areas and parameters are written beside them."""
    known = [net.parameters for net in seen.nets if net.parameters]
    handles = []
    for parameters in sorted({min(known), max(known)} if known else ()):
        area = SMALLEST + (LARGEST - SMALLEST) * parameters / max(known)
        label = in_units(parameters, "parameters")
        look = {"marker": "o", "color": style.FAINT, "ls": "", "mec": style.PAPER}
        handles.append(Line2D([], [], markersize=np.sqrt(area), label=label, **look))
    return handles
