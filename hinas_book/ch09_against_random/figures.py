"""Random nets as a distribution with searched ones in it; what a number of random nets buys.

And predictors, width paths, a long search. ``plot_x(..., *, ax) -> Axes`` draws on one given Axes,
``figure_x(...) -> Figure`` owns its figure. What gets a ``MissingRecord`` in place of its numbers
hands it back.
"""

from collections import Counter
from collections.abc import Sequence
from math import isfinite

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
from hinas_book.ch09_against_random.worth_results import number
from hinas_book.kit.intervals import plot_forest, spread_heights
from hinas_book.kit.missing import unless_missing
from hinas_lab.analysis.statistics import Contrast
from hinas_lab.analysis.width_paths import is_widest_last
from hinas_lab.drawing import style

ARMS = {"searched": (style.ALPHA, "D", "-"), "rsws": (style.BETA, "s", "-.")}
"arm -> colour, mark, line"


@unless_missing
def figure_field(field: RandomBaseline) -> Figure:
    """``plot_field`` on a figure of its own. Figure-level."""
    figure = Figure(figsize=(8.4, 6), layout="constrained")
    plot_field(field, ax=figure.subplots())
    return figure


@unless_missing
def figures_best_of(field: RandomBaseline, ks: Sequence[int]) -> dict[str, Figure]:
    """``plot_best_of`` for each of ``ks``, and for what a search costs; by the name of k, in order.

    A k beyond all nets is left out.
    """
    figures = {}
    for k in sorted({*ks, equal_cost(field)}):
        if k <= len(field.random):
            figures[str(k)] = Figure(figsize=(10, 4), layout="constrained")
            plot_best_of(field, k, ax=figures[str(k)].subplots())
    return figures


@unless_missing
def figures_predictors(field: RandomBaseline) -> dict[str, Figure]:
    """``plot_predictor`` for each, by its name."""
    figures = {}
    for name in field.predictors:
        figures[name] = Figure(figsize=(10, 4.2), layout="constrained")
        plot_predictor(field, name, ax=figures[name].subplots())
    return figures


@unless_missing
def plot_field(field: RandomBaseline, *, ax: Axes) -> Axes:
    """A line from one training of a random net to the other, nets by their mean. Axes-level.

    Below, the searched nets and the best random ones by their supernets, with median percentiles.
    The band around the mean of all: 95 of 100 trainings of *one* net in the middle would fall
    there.
    """
    # 1.96 standard deviations on both sides hold 95 %
    middle = field.random.mean()
    half = 1.96 * field.seed_sd
    band = {"color": style.PALE, "linewidth": 0, "zorder": 0}
    ax.axvspan(middle - half, middle + half, label="one net, trained again and again", **band)
    # the best net on top
    pairs = field.random[np.argsort(field.random.mean(1))[::-1]]
    n = len(pairs)
    lines = ax.plot(pairs.T, [range(n)] * 2, "o-", color=style.FAINT, ms=3.5, lw=1)
    lines[0].set_label("a random net, two trainings")
    ticks = {(n - 1) / 2: f"{n} random nets"}
    for step, (arm, places) in enumerate(percentiles(field).items()):
        psnr = getattr(field, arm)
        colour, mark, _ = ARMS[arm]
        # below the nets: a strip per arm, its marks spread so that equal ones are seen
        y = n + 2.4 + 3.4 * step
        ax.plot(psnr, y + 3 * spread_heights(psnr), mark, color=colour, ms=5, alpha=0.85)
        ax.axhline(y - 1.7, color=style.FAINT, lw=0.6)
        ticks[y] = f"{len(psnr)} {NAMES[arm]}\nmedian percentile {np.median(places):.0f}"
    ax.set_yticks(list(ticks), ticks.values())
    ax.set(ylim=(n + 7.8, -1.2), xlabel="PSNR, dB, of the trained net on the test photographs")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
    return ax


@unless_missing
def plot_best_of(field: RandomBaseline, k: int, *, ax: Axes) -> Axes:
    """The expected best of so many random nets, in the training that picked it and in another one.

    The means of both arms are lines; the whole nets that the seconds of a search and
    its training buy are a dotted line, ``k`` a ring. Axes-level.
    """
    ks = range(1, len(field.random) + 1)
    picked, again = np.array([best_then(field.random, i) for i in ks]).T
    label = "best of k random nets, "
    ax.plot(ks, picked, "--", color=style.INK, label=label + "in the training that picked it")
    ax.plot(ks, again, color=style.INK, label=label + "trained once more")
    for arm, (colour, _, line) in ARMS.items():
        psnr = getattr(field, arm)
        name = f"mean of {len(psnr)} {NAMES[arm]} nets"
        ax.axhline(psnr.mean(), color=colour, lw=1.6, ls=line, label=name)
    same = equal_cost(field)
    ax.axvline(same, color=style.FRAME, lw=1, ls=":", label=f"k = {same}: search + its training")
    best = again[k - 1]
    # a ring, so that the curve below stays visible
    ax.plot(k, best, "o", ms=12, mfc="none", mec=style.FRAME, mew=2)
    ax.set(
        xlabel="k, random nets trained",
        ylabel="PSNR, dB",
        xlim=(0, len(ks) + 0.7),
        title=f"k = {k}: {best:.3f} dB, searched {field.searched.mean() - best:+.3f}",
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


UNITS = {
    "shared": ", PSNR on V, dB",
    "untrained": ", PSNR on V, dB",
    "raw": ", SSIM + PSNR/100 on V",
}
"of predictors, by their column of the record"


@unless_missing
def plot_predictor(field: RandomBaseline, name: str, *, ax: Axes) -> Axes:
    """What ``name`` says of each random net against its two trainings. Axes-level.

    ValueError names the predictors.
    """
    if name not in field.predictors:
        raise ValueError(f"predictor {name!r}: must be one of {', '.join(field.predictors)}")
    values = field.predictors[name]
    # a line per net joins its two trainings
    ax.plot([values] * 2, field.random.T, "o-", color=style.BETA, ms=4, lw=1, alpha=0.8)
    tau = taus(field)[name].mean
    title = f"tau {tau:+.2f}; one training against another {field.retest.mean:+.2f}"
    if np.isnan(tau):
        title = "the same for every net: no ranking"
    unit = UNITS.get(COLUMNS.get(name), "")
    ax.set(xlabel=name + unit, ylabel="PSNR when trained, dB", title=title)
    return ax


@unless_missing
def figure_taus(field: RandomBaseline) -> Figure:
    """tau-b of every predictor with its interval, first what one training says of another.

    Figure-level.
    """
    rows = [("another training of the net", field.retest)]
    # a predictor that says the same of every net has no tau
    rows += [(name, tau) for name, tau in taus(field).items() if np.isfinite(tau.mean)]
    figure = Figure(figsize=(7.5, 0.9 + 0.36 * len(rows)), layout="constrained")
    unit = f"Kendall's tau-b with one training, 95 % interval, {len(field.random)} nets"
    ax = plot_forest(rows, ax=figure.subplots(), unit=unit)
    ax.axvline(field.retest.mean, color=style.FAINT, ls="--", lw=1)
    return figure


@unless_missing
def figure_paths(record: dict) -> Figure:
    """How many searches have each width path, before and after; a panel for each softmax.

    Bars of paths whose last layer is the widest are hatched as well as coloured. Figure-level.
    """
    paths = set()
    for row in record["rows"]:
        paths |= {tuple(row["before"]), tuple(row["after"])}
    paths = sorted(paths)
    colours = np.where(list(map(is_widest_last, paths)), style.BETA, style.FAINT)
    hatches = ["///" if is_widest_last(path) else None for path in paths]
    heights = np.arange(len(paths))
    figure = Figure(figsize=(8.6, 1.3 + 0.3 * len(paths)), layout="constrained")
    axes = figure.subplots(1, len(record["shares"]), sharey=True, squeeze=False)
    for ax, (norm, share) in zip(axes.flat, record["shares"].items()):
        for when, offset in (("before", -0.2), ("after", 0.2)):
            count = Counter(tuple(r[when]) for r in record["rows"] if r["arm"] == norm)
            searches = [count[path] for path in paths]
            # open bars before, filled ones after: no reader needs the colour
            face = style.PAPER if when == "before" else colours
            edge = colours if when == "before" else style.PAPER
            bars = {"height": 0.36, "color": face, "edgecolor": edge, "hatch": hatches}
            ax.barh(heights + offset, searches, **bars)
        ax.set_yticks(heights, ["-".join(map(str, path)) for path in paths])
        ax.set(
            xlabel=f"searches, of {share['n']}",
            title=f"{norm} softmax\n"
            f"last layer widest: {share['before']} before, {share['hits']} after",
            xlim=(0, share["n"]),
            ylim=(len(paths) - 0.4, -0.6),
        )
        # searches are counted
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("width path")
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


PANELS = {
    "soft": "soft supernet, PSNR on V, dB",
    "shared": "decoded, supernet's weights, dB",
    "psnr": "decoded and retrained, dB",
    "skip_share": "skips among the decoded edges",
}
"what the study ``epochs`` measures at a checkpoint -> the title of its panel"


@unless_missing
def figure_epochs(record: dict) -> Figure:
    """One search, three times as long: the soft supernet, and what is decoded from it.

    With the supernet's weights, retrained, and its share of skips. A thin line is a search, the
    thick one their mean, a triangle the epoch that V picked. Figure-level.
    """
    arrays = checkpoints(record)
    epochs = arrays["epoch"]
    figure = Figure(figsize=(10, 5.8), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for ax, (key, title) in zip(axes.flat, PANELS.items()):
        searches = arrays[key][:, :-1]
        at_best = arrays[key][:, -1]
        ax.plot(epochs, searches.T, color=style.BETA, lw=0.8, alpha=0.5)
        ax.plot(arrays["picked"][None], at_best[None], "v", color=style.BEST, ms=7)
        ax.plot(epochs, np.nanmean(searches, 0), "o-", color=style.INK, lw=1.8, ms=3.5)
        ax.set_title(title, loc="left")
    for ax in axes[1]:
        ax.set_xlabel("epoch")
    return figure


@unless_missing
def figure_worth_taus(record: dict) -> Figure:
    """Study ``worth``: what ranks random nets. tau-b of each predictor with its interval, a row of
    panels a task: of all nets, and of what they are above the line in log MACs. Figure-level."""
    tasks = record["taus"]
    names = max(map(len, tasks.values()))
    figure = Figure(figsize=(10, (0.9 + 0.36 * names) * len(tasks)), layout="constrained")
    # one scale, so that panels can be compared
    axes = figure.subplots(len(tasks), 2, squeeze=False, sharex=True)
    for row, (task, ranks) in zip(axes, tasks.items()):
        for ax, kind in zip(row, ("overall", "equal cost")):
            rows = []
            for name, both in ranks.items():
                # a constant predictor has no tau, MACs none at equal cost; JSON says null
                told = {key: number(value) for key, value in (both[kind] or {}).items()}
                if told and isfinite(told["mean"]):
                    rows.append((name, Contrast(**told)))
            if rows:
                plot_forest(rows, ax=ax, unit="Kendall's tau-b with one training")
                ax.set_title(f"{task}, {kind}", loc="left")
            else:
                ax.set_axis_off()
    return figure
