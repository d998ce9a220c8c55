"""Random nets as a distribution with searched ones in it; what a number of random nets buys; predictors; width paths; a long search.

``plot_x(..., *, ax) -> Axes`` draws on one given Axes, ``figure_x(...) -> Figure`` owns its figure. What gets an ``Absent`` in place of
its numbers hands it back.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.ch09_against_random.findings import (
    COLUMNS,
    NAMES,
    RandomBaseline,
    best_then,
    checkpoints,
    equal_cost,
    percentiles,
    taus,
)
from hinas_book.kit.intervals import plot_forest, spread_heights
from hinas_book.kit.missing import unless_missing
from hinas_lab.analysis.width_paths import is_widest_last
from hinas_lab.draw import style

ARMS = {"searched": style.ALPHA, "rsws": style.BETA}


@unless_missing
def figure_field(field: RandomBaseline) -> Figure:
    """``plot_field`` on a figure of its own. Figure-level."""
    figure = Figure(figsize=(8.4, 6), layout="constrained")
    plot_field(field, ax=figure.subplots())
    return figure


@unless_missing
def figures_best_of(field: RandomBaseline, ks: Sequence[int]) -> dict[str, Figure]:
    """``plot_best_of`` for each of ``ks`` that there are nets for, and for what a search costs; by the name of k, in order."""
    figures = {}
    for k in sorted({k for k in (*ks, equal_cost(field)) if k <= len(field.random)}):
        figures[str(k)] = Figure(figsize=(9, 3.8), layout="constrained")
        plot_best_of(field, k, ax=figures[str(k)].subplots())
    return figures


@unless_missing
def figures_predictors(field: RandomBaseline) -> dict[str, Figure]:
    """``plot_predictor`` for each, by its name."""
    figures = {}
    for name in field.predictors:
        figures[name] = Figure(figsize=(6.5, 3.4), layout="constrained")
        plot_predictor(field, name, ax=figures[name].subplots())
    return figures


@unless_missing
def plot_field(field: RandomBaseline, *, ax: Axes) -> Axes:
    """A line from one training of a random net to the other, nets by their mean; below, the searched nets and the RSWS winners with their
    median percentile. Axes-level. The band around the mean of all: 95 of 100 trainings of *one* net in the middle would fall there."""
    rows, order = field.random, np.argsort(field.random.mean(1))
    middle, half = rows.mean(), 1.96 * field.seed_sd
    ax.axvspan(
        middle - half,
        middle + half,
        color=style.PALE,
        linewidth=0,
        zorder=0,
        label="one net, trained again and again",
    )
    for y, i in enumerate(order[::-1]):
        ax.plot(
            rows[i],
            [y, y],
            "o-",
            color=style.FAINT,
            ms=3.5,
            lw=1,
            label="a random net, two trainings" if y == 0 else None,
        )
    n, at = len(rows), percentiles(field)
    for step, (name, colour) in enumerate(ARMS.items(), start=1):
        values = getattr(field, name)
        ax.plot(
            values,
            n + 3.4 * step - 1 + 3 * spread_heights(values),
            "D" if name == "searched" else "s",
            color=colour,
            ms=5,
            alpha=0.85,
        )
        ax.axhline(n + 3.4 * step - 2.7, color=style.FAINT, lw=0.6)
    ticks = [(n - 1) / 2, n + 2.4, n + 5.8]
    ax.set(
        yticks=ticks,
        ylim=(n + 7.8, -1.2),
        xlabel="PSNR, dB, of the trained net on the test photographs",
    )
    names = [
        f"{len(getattr(field, k))} {NAMES[k]}\nmedian percentile {np.median(at[k]):.0f}"
        for k in ARMS
    ]
    ax.set_yticklabels([f"{n} random nets", *names])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
    return ax


@unless_missing
def plot_best_of(field: RandomBaseline, k: int, *, ax: Axes) -> Axes:
    """The expected best of so many random nets, in the training that picked it and in another one; the means of searched and RSWS nets as
    lines; the whole nets that the seconds of a search and its training buy are a dotted line, ``k`` a ring. Axes-level."""
    ks = np.arange(1, len(field.random) + 1)
    curves = np.array([best_then(field.random, i) for i in ks])
    for values, ls, name in zip(
        curves.T, ("--", "-"), ("in the training that picked it", "trained once more")
    ):
        ax.plot(ks, values, color=style.INK, ls=ls, label=f"best of k random nets, {name}")
    for name, colour in ARMS.items():
        values = getattr(field, name)
        ax.axhline(
            values.mean(),
            color=colour,
            lw=1.6,
            ls="-" if name == "searched" else "-.",
            label=f"mean of {len(values)} {NAMES[name]} nets",
        )
    same = equal_cost(field)
    ax.axvline(same, color=style.FRAME, lw=1, ls=":", label=f"k = {same}: search + its training")
    ax.plot(
        k,
        curves[k - 1, 1],
        "o",
        ms=12,
        markerfacecolor="none",
        markeredgecolor=style.FRAME,
        markeredgewidth=2,
    )
    ax.set(
        xlabel="k, random nets trained",
        ylabel="PSNR, dB",
        xlim=(0, len(ks) + 0.7),
        title=f"k = {k}: {curves[k - 1, 1]:.3f} dB, searched {field.searched.mean() - curves[k - 1, 1]:+.3f}",
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


@unless_missing
def plot_predictor(field: RandomBaseline, name: str, *, ax: Axes) -> Axes:
    """What ``name`` says of each random net against its two trainings. Axes-level. ValueError names the predictors."""
    if name not in field.predictors:
        raise ValueError(f"predictor {name!r}: must be one of {', '.join(field.predictors)}")
    x = field.predictors[name]
    for value, pair in zip(x, field.random):
        ax.plot([value, value], pair, "o-", color=style.BETA, ms=4, lw=1, alpha=0.8)
    tau = taus(field)[name]
    said = f"tau {tau.mean:+.2f}; one training against another {field.retest.mean:+.2f}"
    unit = {
        "shared": ", PSNR on V, dB",
        "untrained": ", PSNR on V, dB",
        "raw": ", SSIM + PSNR/100 on V",
    }.get(COLUMNS.get(name), "")
    ax.set(
        xlabel=name + unit,
        ylabel="PSNR when trained, dB",
        title="the same for every net: no ranking" if np.isnan(tau.mean) else said,
    )
    return ax


@unless_missing
def figure_taus(field: RandomBaseline) -> Figure:
    """tau-b of every predictor with its interval, above them what one training says of another. Figure-level."""
    rows = [
        ("another training of the net", field.retest),
        *((k, c) for k, c in taus(field).items() if np.isfinite(c.mean)),
    ]
    figure = Figure(figsize=(7.5, 0.9 + 0.36 * len(rows)), layout="constrained")
    ax = plot_forest(
        rows,
        ax=figure.subplots(),
        unit=f"Kendall's tau-b with one training, 95 % interval, {len(field.random)} nets",
    )
    ax.axvline(field.retest.mean, color=style.FAINT, ls="--", lw=1)
    return figure


@unless_missing
def figure_paths(record: dict) -> Figure:
    """How many searches have each width path, before and after; a panel for each softmax. Bars of paths whose last layer is the widest
    are hatched as well as coloured. Figure-level."""
    norms = list(record["shares"])
    paths = sorted({tuple(r[when]) for r in record["rows"] for when in ("before", "after")})
    figure = Figure(figsize=(8.6, 1.3 + 0.3 * len(paths)), layout="constrained")
    for ax, norm in zip(np.atleast_1d(figure.subplots(1, len(norms), sharey=True)), norms):
        for row, when in enumerate(("before", "after")):
            count = Counter(tuple(r[when]) for r in record["rows"] if r["arm"] == norm)
            for y, path in enumerate(paths):
                wide = is_widest_last(path)
                ax.barh(
                    y - 0.2 + 0.4 * row,
                    count[path],
                    height=0.36,
                    hatch="///" if wide else None,
                    facecolor=(style.BETA if wide else style.FAINT)
                    if when == "after"
                    else style.PAPER,
                    edgecolor=style.PAPER
                    if when == "after"
                    else (style.BETA if wide else style.FAINT),
                )
        s = record["shares"][norm]
        ax.set(
            yticks=range(len(paths)),
            yticklabels=["-".join(map(str, p)) for p in paths],
            xlabel=f"searches, of {s['n']}",
            title=f"{norm} softmax\nlast layer widest: {s['before']} before, {s['hits']} after",
            xlim=(0, s["n"]),
            ylim=(len(paths) - 0.4, -0.6),
        )
        ax.xaxis.get_major_locator().set_params(integer=True)
    figure.axes[0].set_ylabel("width path")
    figure.supxlabel(
        "open bar: before the search, filled: after it; hatched: no layer is wider than the last",
        fontsize=9,
    )
    return figure


@unless_missing
def figures_epochs(record: dict) -> dict[str, Figure]:
    """``figure_epochs`` of the preset's pace, and of the eager one, titled."""
    figures = {"the preset's": figure_epochs(record), "eager": figure_epochs(record["eager"])}
    for name, figure in figures.items():
        figure.suptitle(f"pace: {name}", x=0.01, ha="left")
    return figures


@unless_missing
def figure_epochs(record: dict) -> Figure:
    """One search, three times as long: the soft supernet, what is decoded with its weights, the same retrained, and its share of skips. A
    thin line is a search, the thick one their mean, a triangle the epoch that V picked. Figure-level."""
    c = checkpoints(record)
    figure = Figure(figsize=(8.8, 5.4), layout="constrained")
    panels = {
        "soft": "soft supernet, PSNR on V, dB",
        "shared": "decoded, supernet's weights, dB",
        "psnr": "decoded and retrained, dB",
        "skip_share": "skips among the decoded edges",
    }
    for ax, (key, title) in zip(figure.subplots(2, 2, sharex=True).flat, panels.items()):
        for values, picked in zip(c[key], c["picked"]):
            ax.plot(c["epoch"], values[:-1], color=style.BETA, lw=0.8, alpha=0.5)
            ax.plot(picked, values[-1], "v", color=style.BEST, ms=7)
        ax.plot(c["epoch"], np.nanmean(c[key][:, :-1], 0), "o-", color=style.INK, lw=1.8, ms=3.5)
        ax.set_title(title, loc="left")
        if ax.get_subplotspec().is_last_row():
            ax.set_xlabel("epoch")
    return figure
