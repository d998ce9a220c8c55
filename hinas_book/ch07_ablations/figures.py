"""Ablations as pictures: every seed is drawn, then the mean and its interval.

``plot_x(..., *, ax) -> Axes``, ``figure_x(...) -> Figure``. Records are those of
``hinas-lab study lwas-residual | budget | loss | widths | sharing``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter

from hinas_book.ch07_ablations.chosen_n import by_chance, plan, tost_interval
from hinas_book.ch07_ablations.findings import METRICS, TASKS, by_arm, effects, outlier_seed
from hinas_book.kit.intervals import plot_forest, plot_intervals
from hinas_book.kit.labels import place_labels
from hinas_book.kit.recorded import frame_of
from hinas_book.kit.verdicts import UNITS
from hinas_book.paper.printed_tests import CONTRASTS, RUNS, Printed
from hinas_book.paper.published import paper_table, where
from hinas_lab.analysis.statistics import paired, power, welch
from hinas_lab.drawing import style

BAND = "#E4E4E4"
"differences too small to matter"
COLOURS = {"ws": style.ALPHA, "w40": style.BETA, "wm": style.BEST}
MARKERS = {"ws": "D", "w40": "s", "wm": "^"}


def _same_limits(first: Axes, second: Axes, axis: str):
    """One range in x or y for two panels that are read against each other."""
    limits = [getattr(ax, f"get_{axis}lim")() for ax in (first, second)]
    for ax in (first, second):
        ax.set(**{f"{axis}lim": (np.min(limits), np.max(limits))})


def plot_arms(arms: Mapping[str, Sequence[float]], *, ax: Axes) -> Axes:
    """PSNR (dB): a column of dots per arm, a dot per seed; gray lines join a seed, bars are means.

    All arms have the same seeds.
    """
    values = np.array(list(arms.values()))  # (arms, seeds)
    x = np.arange(len(arms))
    dots = {"marker": "o", "ms": 4.5, "mfc": style.BETA, "mec": style.BETA}
    ax.plot(x, values, color=style.FAINT, lw=0.8, alpha=0.8, **dots)
    ax.hlines(values.mean(1), x - 0.22, x + 0.22, color=style.ALPHA, lw=2.2, zorder=3)
    ax.set_xticks(x, [arm.replace(", ", "\n") for arm in arms])
    ax.set(xlim=(-0.5, len(arms) - 0.5), ylabel="PSNR, dB")
    return ax


def plot_effects(
    rows: Sequence[tuple[str, Sequence[float]]],
    *,
    ax: Axes,
    least: float,
    unit: str = "dB, 95 % interval",
) -> Axes:
    """A forest plot of (label, per-seed differences), the seeds as small dots below each interval.

    Gray band: too small to matter.
    """
    ax.axvspan(-least, least, color=BAND, lw=0, zorder=0)
    plot_forest([(label, paired(differences)) for label, differences in rows], ax=ax, unit=unit)
    # below the interval: beside each other they would hide it
    for y, (_, differences) in enumerate(rows):
        heights = np.full(len(differences), y + 0.27)
        ax.plot(differences, heights, "o", color=style.INK, ms=2.6, alpha=0.6)
    return ax


@style.theme()
def figure_factors(record: dict) -> Figure:
    """Study ``lwas-residual``, a row per task: every seed of the 2 x 2, then both effects."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    arms = []
    for residual in ("off", "on"):
        arms += [f"lwas off, residual {residual}", f"lwas on, residual {residual}"]
    for panels, task in zip(figure.subfigures(2, 1), TASKS):
        left, right = panels.subfigures(1, 2, width_ratios=(5, 6))
        rows = [row for row in record["rows"] if row["task"] == task]
        ax = plot_arms(by_arm(rows, arms=arms), ax=left.subplots())
        ax.set_title(f"{TASKS[task]}: every seed", loc="left")
        for ax, factor in zip(right.subplots(2, 1), ("lwas", "residual")):
            least = record["claims"][f"{factor}-{task}"]["least"]
            plot_effects(effects(record, factor, task), ax=ax, least=least, unit="dB, on - off")
    return figure


def plot_planning(differences: Sequence[float], size: float, *, ax: Axes) -> Axes:
    """Chances against the number of pairs: that ``size`` is found when true, or seen by chance."""
    p = plan(differences, size)
    # beyond the pairs that are needed (300 at most), and beyond those of the record
    pairs = np.arange(1, max(30, 2 * p.n, min(300, p.needed * 5 // 4)) + 1)
    found = [power(p.sd, size, n) for n in pairs[1:]]  # one pair has no test
    seen = [by_chance(p.sd, n, size) for n in pairs]
    name = f"{size:g} dB is true: chance that it is found"
    ax.plot(pairs[1:], found, color=style.BEST, lw=2, label=name)
    name = f"nothing is true: chance of a mean beyond ± {size:g} dB"
    ax.plot(pairs, seen, color=style.ALPHA, lw=2, label=name)
    ax.axhline(0.8, color=style.INK, lw=0.8, ls="--")  # four times in five
    ax.axvline(p.n, color=style.FAINT, lw=0.8)
    ax.text(p.n, 0.93, f" this record: n = {p.n}", fontsize=9)
    ax.set(
        xlabel=f"pairs of seeds (sd of a difference {p.sd:.3f} dB)",
        ylabel="chance",
        ylim=(0, 1),
        xlim=(0, pairs[-1]),
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return ax


@style.theme()
def figure_planning(differences: Sequence[float], size: float) -> Figure:
    """``plot_planning`` on a figure of its own."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    plot_planning(differences, size, ax=figure.subplots())
    return figure


def plot_differences(
    table: pd.DataFrame,
    *,
    ax: Axes,
    unit: str = "dB",
    least: float = 0.0,
    better: int = 1,
) -> Axes:
    """Per-seed differences as small dots, joined by seed, beside means with 95 % intervals.

    ``table``: a column for each tick, a row per seed. Orange: resolved, and ``better`` (+1: above
    0). Gray band: ± ``least``. A pair far from all others is left to a note: it would hide the
    rest.
    """
    # places, not values: budgets and lambdas grow by factors
    x = np.arange(table.shape[1])
    if least:
        ax.axhspan(-least, least, color=BAND, lw=0, zorder=0)
    ax.plot(x + 0.12, table.T, "o-", color=style.FAINT, ms=2.6, lw=0.6, alpha=0.8)
    contrasts = [paired(table[column]) for column in table]
    plot_intervals(contrasts, ax=ax, vertical=True, better=better, size=6)
    visible = [0.0]  # what the limits must hold
    for place, contrast in enumerate(contrasts):
        values = table.iloc[:, place].to_numpy()
        outlier = outlier_seed(values)
        if outlier is None:
            visible += [*values, contrast.low, contrast.high]
            continue
        visible += [*np.delete(values, outlier)]
        ax.text(
            place - 0.06,
            0.04,
            f"off the axis:\nseed {outlier}, {values[outlier]:+.3g}",
            ha="right",
            fontsize=8,
            transform=ax.get_xaxis_transform(),  # x in data, y in the Axes' height
        )
    low, high = np.nanmin(visible), np.nanmax(visible)
    margin = 0.06 * (high - low)
    ax.set_xticks(x, [f"{column:g}" for column in table])
    ax.set(ylabel=unit, xlim=(-0.5, len(x) - 0.5), ylim=(low - margin, high + margin))
    return ax


@style.theme()
def figure_budget(record: dict) -> Figure:
    """Study ``budget``: both arms at each number of iterations, and the effect between them."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    nets = {
        "data": frame_of(record),
        "x": "iterations",
        "y": "psnr",
        "hue": "arm",
        "palette": {"residual off": style.BETA, "residual on": style.ALPHA},
        "ax": left,
    }
    sns.lineplot(**nets, errorbar=None)
    sns.scatterplot(**nets, s=18, alpha=0.6, legend=False)
    steps = [point["iterations"] for point in record["along"]]
    left.set(xscale="log", xlabel="training iterations", ylabel="PSNR, dB")
    left.set_title("every net, and the mean")
    left.set_xticks(steps, [f"{n:,}" for n in steps])
    left.minorticks_off()
    left.legend(loc="best")
    differences = {point["iterations"]: point["differences"] for point in record["along"]}
    plot_differences(pd.DataFrame(differences), ax=right, unit="residual on - off, dB")
    right.set(xlabel="training iterations", title="the effect, 95 % interval")
    return figure


@style.theme()
def figure_loss(record: dict) -> Figure:
    """Study ``loss``: each metric against lambda, minus the same net and seed without SSIM term."""
    frame = frame_of(record)
    tasks = frame["task"].unique()
    figure = Figure(figsize=(11, 2.9 * len(tasks)), layout="constrained")
    least = {metric: record["claims"][f"loss-{metric}"]["least"] for metric in ("psnr", "ssim")}
    for panels, task in zip(figure.subplots(len(tasks), 3, squeeze=False), tasks):
        nets = frame[frame["task"] == task]
        for ax, metric in zip(panels, METRICS):
            # seeds down, lambdas across: differences are those of one seed
            table = nets.pivot(index="seed", columns="lam", values=metric)
            plot_differences(
                table.drop(columns=0.0).sub(table[0.0], axis=0),
                ax=ax,
                unit=UNITS[metric][2].strip(),
                least=least.get(metric, 0),
                better=-1 if metric == "gmsd" else 1,
            )
            note = " (less is better)" if metric == "gmsd" else ""
            ax.set_title(f"{TASKS[task]}: {metric.upper()}{note}", loc="left")
            ax.set_xlabel("lambda, against 0")
        panels[-1].invert_yaxis()  # up is better in every panel
    return figure


def plot_paths(
    rows: Sequence[Mapping],
    *,
    ax: Axes,
    found: Sequence[tuple[int, ...]] = (),
    across: str = "parameters",
) -> Axes:
    """Nets of one genotype's cells on different width paths: mean and seeds, PSNR in dB.

    Against their parameters or (``across`` "path"), path by path, in the order of ``rows``. Paths
    that a search ``found`` are larger and say how often; against parameters the best and the worst
    are named, too.
    """
    frame = pd.DataFrame(rows)
    frame["path"] = frame["path"].map(tuple)
    means = frame.groupby("path", sort=False)[["psnr", "parameters"]].mean()
    against_size = across == "parameters"
    means["x"] = means["parameters"] / 1000 if against_size else np.arange(len(means))
    x = frame["path"].map(means["x"])
    ax.plot(x, frame["psnr"], "o", color=style.FAINT, ms=2.6)
    # named although no search found them: the best and the worst
    ends = (means["psnr"].idxmax(), means["psnr"].idxmin())
    names = ["-".join(map(str, path)) for path in means.index]
    for name, (path, mean) in zip(names, means.iterrows()):
        times = found.count(path)
        colour, size = (style.ALPHA, 8) if times else (style.BETA, 5)
        ax.plot(mean["x"], mean["psnr"], "o", color=colour, ms=size, zorder=3)
        label = name if against_size and (times or path in ends) else ""
        if times:
            label = f"{label} x{times}".strip()
        if label:
            ax.annotate(
                label,
                (mean["x"], mean["psnr"]),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                fontweight="bold" if times else "normal",
                zorder=2.5,
                path_effects=[withStroke(linewidth=2, foreground="white")],
            )
    ax.set(xlabel="parameters, thousands", ylabel="PSNR, dB")
    if not against_size:
        ax.set_xlabel("path, few parameters to many")
        ax.set_xticks(means["x"], names, rotation=60, fontsize=8)
    ax.margins(0.08)
    return ax


@style.theme()
def figure_widths(record: dict) -> Figure:
    """Study ``widths``: all paths with the same cells, then the nets of Table 3.

    The paths as wide as they come, and at equal parameters.
    """
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    (raw, equal), (table, arms) = figure.subplots(2, 2)
    found = [tuple(row["path"]) for row in record["rows"] if row["arm"] == "ws"]
    sizes = {}
    for ax, arm, across in (
        (raw, "as wide as they come", "parameters"),
        (equal, "equal parameters", "path"),
    ):
        rows = [row for row in record["rows"] if row["arm"] == arm]
        # both panels in the order of the sizes that the first one shows
        sizes = sizes or {tuple(row["path"]): row["parameters"] for row in rows}
        rows.sort(key=lambda row: sizes[tuple(row["path"])])
        plot_paths(rows, ax=ax, found=found, across=across)
        ax.set_title(f"all paths, the same cells, {arm}", loc="left")
    _same_limits(raw, equal, "y")
    frame = frame_of(record)
    frame["parameters"] /= 1000
    sns.scatterplot(
        frame[frame["arm"].isin(COLOURS)],
        x="parameters",
        y="psnr",
        hue="arm",
        style="arm",
        palette=COLOURS,
        markers=MARKERS,
        s=45,
        alpha=0.8,
        ax=table,
    )
    table.set(xlabel="parameters, thousands", ylabel="PSNR, dB")
    table.set_title("cells searched for each, every seed", loc="left")
    table.legend(loc="best")
    plot_arms(by_arm(record["rows"], arms=["ws", "ws, cells again", "w40", "wm"]), ax=arms)
    arms.set_title("the same nets, by seed", loc="left")
    for ax in (raw, equal):
        place_labels(ax)
    return figure


def printed_tost_interval(t: Printed) -> tuple[float, float]:
    """The 90 % interval (Welch) of a printed contrast, in its unit.

    It is the one that two one-sided tests at 5 % look at.
    """
    rows = paper_table(t.table).rows
    first, second = CONTRASTS[t.table][t.what]  # counted from 1
    a, b = rows[first - 1][t.column], rows[second - 1][t.column]
    contrast = welch((a.value, a.std), (b.value, b.std), RUNS, level=0.9)
    return contrast.low, contrast.high


@style.theme()
def figure_sharing(record: dict, printed: Sequence[Printed]) -> Figure:
    """Equal, or only not different? Cell sharing against the margin of equality.

    Printed contrasts, and, apart from them, the study ``sharing``. Lines are 95 % intervals; broad
    bars the 90 % intervals, by which it is counted how many lie inside the margin.
    """
    judgement = record["claims"]["sharing-equal"]
    differences, margin = judgement["differences"], judgement["least"]
    # PSNR alone has a registered margin
    rows, intervals = [], []
    for test in printed:
        if test.what == "cell sharing" and test.column.startswith("psnr"):
            rows.append((f"Table {test.table}, {where(test.column)}", test.contrast))
            intervals.append(printed_tost_interval(test))
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(len(rows), 2.2))
    unit = "dB, on - off, 95 % interval (broad bar: 90 %)"
    bar = {"color": style.BEST, "lw": 7, "alpha": 0.45, "solid_capstyle": "butt"}
    above.axvspan(-margin, margin, color=BAND, lw=0, zorder=0)
    plot_forest(rows, ax=above, unit=unit)
    inside = 0
    for y, (low, high) in enumerate(intervals):
        above.plot([low, high], [y, y], **bar)
        inside += -margin < low and high < margin
    above.set_title(
        f"printed, n = {RUNS}: {inside} of {len(rows)} bars lie in the gray band: "
        f"± {margin:g} dB counts as equal",
        loc="left",
    )
    plot_effects([("cell sharing", differences)], ax=below, least=margin, unit=unit)
    below.plot(tost_interval(differences), [0, 0], **bar)
    below.set_title(f"here, n = {judgement['n']}, preset {record['preset']}", loc="left")
    # one range, so that the two may be compared by eye
    _same_limits(above, below, "x")
    return figure


@style.theme()
def figure_change(record: dict) -> Figure:
    """A study of one change: both arms, and its effect seed by seed."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_arms(by_arm(record["rows"]), ax=left)
    differences = pd.DataFrame({1: record["differences"]})
    plot_differences(differences, ax=right, unit="dB, changed - as it is")
    right.set(xticks=[], title=f"n = {len(differences)}")
    return figure
