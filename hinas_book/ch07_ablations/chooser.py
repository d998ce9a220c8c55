"""The reader chooses how many seeds, and which: all the studies that one record could have been."""

import os
from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.ch07_ablations.chosen_n import Choice, announced, choices
from hinas_lab.analysis.statistics import LEAST
from hinas_lab.draw import style


def sentence(choice: Choice, of: int, place: int) -> str:
    """One choice in words, with its verdict."""
    c = choice.contrast
    seeds = f"seed{'s' * (c.n > 1)} {', '.join(map(str, choice.at))}"
    if isnan(c.low):
        said = "one pair has no interval"
    else:
        said = f"{c.low:+.3f} to {c.high:+.3f}: " + ("leaves out 0" if c.resolved else "holds 0")
    end = "" if c.n >= LEAST else f"; no verdict below {LEAST} pairs"
    return f"n = {c.n}, study {place} of {of} ({seeds}): {c.mean:+.3f} dB, {said}{end}"


def plot_choices(some: Sequence[Choice], *, ax: Axes, size: float, at: int | None = None) -> Axes:
    """Every choice of n seeds as its mean and 95 % interval, lowest mean below; choice ``at`` is drawn dark. Dashed: ± ``size``.

    Intervals that leave out 0 are coloured. One seed has no interval, so its choices are dots alone.
    """
    means = np.array([c.contrast.mean for c in some])
    colours = [
        style.FAINT
        if not c.contrast.resolved
        else style.ALPHA
        if c.contrast.mean > 0
        else style.BETA
        for c in some
    ]
    rows = np.arange(len(some))
    ax.hlines(
        rows, [c.contrast.low for c in some], [c.contrast.high for c in some], color=colours, lw=1.2
    )
    ax.scatter(means, rows, s=14, c=colours, zorder=3)
    if at is not None:
        chosen = some[at].contrast
        ax.plot(
            [chosen.low, chosen.high],
            [at, at],
            color=style.INK,
            lw=3,
            solid_capstyle="butt",
            zorder=4,
        )
        ax.plot(chosen.mean, at, "o", color=style.INK, ms=7, zorder=5)
    ax.axvline(0, color=style.INK, lw=0.8)
    for edge in (-size, size):
        ax.axvline(edge, color=style.INK, lw=0.8, ls="--")
    ax.set(yticks=[], xlabel="dB, mean and 95 % interval", ylim=(-1, len(some)))
    ax.spines["left"].set_visible(False)
    return ax


def title(differences: Sequence[float], n: int, size: float) -> str:
    """What the choices of n seeds announce."""
    a = announced(differences, n, size)
    return (
        f"n = {n}: {a.choices} stud{'y' if a.choices == 1 else 'ies'}\ngain ≥ {size:g}: {a.gain:.0%}, loss: {a.loss:.0%}\n"
        f"other sign: {a.turned:.0%}, resolved: {a.resolved:.0%}"
    )


def window(differences: Sequence[float]) -> tuple[float, float]:
    """Limits in dB that hold every seed, 0, and a good part of the intervals; the same for every n."""
    low, high = min(0.0, *differences), max(0.0, *differences)
    return low - 0.35 * (high - low), high + 0.35 * (high - low)


def figure_choices(
    differences: Sequence[float], n: int, at: int | None = None, size: float = 0.03
) -> Figure:
    """The seeds (those of choice ``at`` filled) above all choices of ``n`` of them. Figure-level."""
    some = choices(differences, n)
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    top, below = figure.subplots(2, 1, height_ratios=(1, 4), sharex=True)
    chosen = set(some[at].at) if at is not None else set(range(len(differences)))
    for rank, i in enumerate(np.argsort(differences)):
        d = differences[i]
        top.plot(
            d,
            0,
            "o",
            color=style.INK,
            ms=8,
            markerfacecolor=style.INK if i in chosen else style.PAPER,
        )
        top.annotate(
            f"{i}",
            (d, 0),
            xytext=(0, 8 + 9 * (rank % 2)),
            textcoords="offset points",
            fontsize=8,
            ha="center",
        )
    top.axvline(0, color=style.INK, lw=0.8)
    top.axis("off")
    top.set(ylim=(-0.5, 1))
    plot_choices(some, ax=below, size=size, at=at).set_xlim(*window(differences))
    heading = title(differences, n, size).replace("\n", " | ")
    top.set_title(
        heading + (f"\n{sentence(some[at], len(some), at + 1)}" if at is not None else ""),
        loc="left",
        fontsize=10,
    )
    return figure


def figure_still(differences: Sequence[float], ns: Sequence[int], size: float = 0.03) -> Figure:
    """All choices for several n side by side. Figure-level."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    for ax, n in zip(figure.subplots(1, len(ns), sharex=True, squeeze=False)[0], ns):
        plot_choices(choices(differences, n), ax=ax, size=size).set_xlim(*window(differences))
        ax.set_title(title(differences, n, size), loc="left", fontsize=9.5)
    return figure


def choose_n(contrasts: Mapping[str, Sequence[float]], size: float = 0.03):
    """An ipywidgets box: which contrast, how many seeds, which of the possible studies; and its picture.

    ``contrasts``: name -> per-seed differences in dB. With HINAS_LIVE=0, or without ipywidgets, one picture for one, three and all seeds
    of the first contrast. ValueError for no contrast.
    """
    if not contrasts:
        raise ValueError("choose_n: needs at least one contrast")
    first = next(iter(contrasts.values()))
    try:
        if os.environ.get("HINAS_LIVE") == "0":
            raise ImportError
        from ipywidgets import Dropdown, Image, IntSlider, VBox
    except ImportError:
        with style.theme():
            return figure_still(first, sorted({1, min(3, len(first)), len(first)}), size)
    wide = {"width": "60%"}
    which = Dropdown(options=list(contrasts), description="contrast")
    seeds = IntSlider(value=1, min=1, max=len(first), description="seeds", layout=wide)
    study = IntSlider(value=1, min=1, max=len(first), description="study", layout=wide)
    picture, pictures = Image(format="png", layout={"max_width": "100%"}), {}

    def resize(_=None):
        """Another contrast or n: as many seeds as there are, and the highest mean of all that could have been."""
        d = contrasts[which.value]
        seeds.max = len(d)
        study.max = len(choices(d, seeds.value))
        study.value = study.max
        draw()

    def draw(_=None):
        key = which.value, seeds.value, study.value
        if key not in pictures:
            with style.theme():
                pictures[key] = style.png(
                    figure_choices(contrasts[which.value], seeds.value, study.value - 1, size)
                )
        picture.value = pictures[key]

    which.observe(resize, names="value")
    seeds.observe(resize, names="value")
    study.observe(draw, names="value")
    resize()
    return VBox([which, seeds, study, picture])
