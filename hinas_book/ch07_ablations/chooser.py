"""The reader chooses how many seeds, and which: all the studies that one record could have been."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.ch07_ablations.chosen_n import Choice, announced, choices
from hinas_book.kit.intervals import plot_intervals
from hinas_lab.analysis.statistics import LEAST
from hinas_lab.drawing import style
from hinas_lab.live.kept import Kept, live_style
from hinas_lab.live.sliders import sharp, sharp_image
from hinas_lab.live.widgets import want_widgets


def sentence(choice: Choice, of: int, place: int) -> str:
    """One choice in words, with its verdict: study ``place`` (from 1) ``of`` so many."""
    c = choice.contrast
    if isnan(c.low):
        verdict = "one pair has no interval"
    else:
        verdict = f"{c.low:+.3f} to {c.high:+.3f}: {'leaves out' if c.resolved else 'holds'} 0"
    if c.n < LEAST:
        verdict += f"; no verdict below {LEAST} pairs"
    seeds = f"{'seed' if c.n == 1 else 'seeds'} {', '.join(map(str, choice.at))}"
    return f"n = {c.n}, study {place} of {of} ({seeds}): {c.mean:+.3f} dB, {verdict}"


def plot_choices(
    studies: Sequence[Choice], *, ax: Axes, size: float, at: int | None = None
) -> Axes:
    """Every choice of n seeds as its mean and 95 % interval, lowest mean below.

    The choice with index ``at`` is drawn dark; dashed: ± ``size`` in dB. One seed has no interval,
    so its choices are marks alone.
    """
    # small marks: there may be 70 lines
    plot_intervals([choice.contrast for choice in studies], ax=ax, size=3.6)
    if at is not None:
        chosen = studies[at].contrast
        ax.plot([chosen.low, chosen.high], [at, at], color=style.INK, lw=3, zorder=4)
        ax.plot(chosen.mean, at, "o", color=style.INK, ms=7, zorder=5)
    for edge in (-size, size):
        ax.axvline(edge, color=style.INK, lw=0.8, ls="--")
    ax.set(yticks=[], xlabel="dB, mean and 95 % interval", ylim=(-1, len(studies)))
    ax.spines["left"].set_visible(False)
    return ax


def title(differences: Sequence[float], n: int, size: float) -> str:
    """What the choices of n seeds announce."""
    a = announced(differences, n, size)
    return (
        f"n = {n}: {a.choices} {'study' if a.choices == 1 else 'studies'}\n"
        f"gain ≥ {size:g}: {a.gain:.0%}, loss: {a.loss:.0%}\n"
        f"other sign: {a.turned:.0%}, resolved: {a.resolved:.0%}"
    )


def window(differences: Sequence[float]) -> tuple[float, float]:
    """Limits in dB that hold every seed, 0, and a good part of the intervals, whatever n."""
    low, high = min(0.0, *differences), max(0.0, *differences)
    # wider, the long intervals of two seeds would squeeze all others to dots
    margin = 0.35 * (high - low)
    return low - margin, high + margin


def figure_choices(
    differences: Sequence[float], n: int, at: int | None = None, size: float = 0.03
) -> Figure:
    """The seeds (those of choice ``at`` filled) above all choices of ``n`` of them."""
    studies = choices(differences, n)
    heading = title(differences, n, size).replace("\n", " | ")
    chosen = range(len(differences))
    if at is not None:
        chosen = studies[at].at
        heading += f"\n{sentence(studies[at], len(studies), at + 1)}"
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    top, below = figure.subplots(2, 1, height_ratios=(1, 4), sharex=True)
    for rank, seed in enumerate(np.argsort(differences)):
        fill = style.INK if seed in chosen else style.PAPER
        top.plot(differences[seed], 0, "o", color=style.INK, ms=8, markerfacecolor=fill)
        top.annotate(
            f"{seed}",
            (differences[seed], 0),
            xytext=(0, 8 + 9 * (rank % 2)),  # neighbours at two heights: they may be close
            textcoords="offset points",
            fontsize=8,
            ha="center",
        )
    top.axvline(0, color=style.INK, lw=0.8)
    top.axis("off")
    top.set(ylim=(-0.5, 1))
    top.set_title(heading, loc="left", fontsize=10)
    plot_choices(studies, ax=below, size=size, at=at).set_xlim(*window(differences))
    return figure


def figure_still(differences: Sequence[float], ns: Sequence[int], size: float = 0.03) -> Figure:
    """All choices for several n side by side."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    # one range for all n, so that the narrowing shows
    for ax, n in zip(figure.subplots(1, len(ns), sharex=True, squeeze=False)[0], ns):
        plot_choices(choices(differences, n), ax=ax, size=size).set_xlim(*window(differences))
        ax.set_title(title(differences, n, size), loc="left", fontsize=9.5)
    return figure


def choose_n(contrasts: Mapping[str, Sequence[float]], size: float = 0.03):
    """Widgets: which contrast, how many seeds, which possible study; and its picture, the last of
    which is what a saved notebook shows.

    ``contrasts``: name -> per-seed differences in dB. With HINAS_LIVE=0, or without ipywidgets, one
    picture for one, three and all seeds of the first contrast. ValueError for no contrast.
    """
    if not contrasts:
        raise ValueError("choose_n: needs at least one contrast")
    first = next(iter(contrasts.values()))
    if not want_widgets():
        with style.theme():
            return figure_still(first, sorted({1, min(3, len(first)), len(first)}), size)
    from ipywidgets import Dropdown, IntSlider, VBox

    wide = {"width": "60%"}
    which = Dropdown(options=list(contrasts), description="contrast")
    seeds = IntSlider(value=1, min=1, max=len(first), description="seeds", layout=wide)
    study = IntSlider(value=1, min=1, max=len(first), description="study", layout=wide)
    image = sharp_image()
    pictures = {}  # drawing takes longer than a slider's step

    def resize(_=None):
        """Another contrast or n: as many studies as there are; the one of the highest mean."""
        differences = contrasts[which.value]
        seeds.max = len(differences)
        study.max = len(choices(differences, seeds.value))
        study.value = study.max
        draw()

    def draw(_=None):
        key = which.value, seeds.value, study.value
        if key not in pictures:
            with style.theme():
                figure = figure_choices(contrasts[which.value], seeds.value, study.value - 1, size)
                pictures[key] = sharp(figure)
        pictures[key].show(image)
        words = f"{which.value}, {seeds.value} seeds, study {study.value}"
        kept.keep(pictures[key].png, words, pictures[key].width)

    kept = Kept(VBox([which, seeds, study, image, live_style()]), b"", "")
    which.observe(resize, names="value")
    seeds.observe(resize, names="value")
    study.observe(draw, names="value")
    resize()  # the first picture
    return kept
