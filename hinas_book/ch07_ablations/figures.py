"""Ablations as pictures: every seed is drawn, then the mean and its interval. ``plot_x(..., *, ax) -> Axes``, ``figure_x(...) -> Figure``.

Records are those of ``hinas-lab study lwas-residual | budget | loss | widths | sharing`` (``studies.designs``).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from hinas_book.ch07_ablations.chosen_n import by_chance, plan, tost_interval
from hinas_book.ch07_ablations.findings import METRICS, TASKS, by_arm, effects, outlier_seed
from hinas_book.kit.intervals import plot_forest
from hinas_book.kit.verdicts import UNITS
from hinas_book.paper.printed_tests import CONTRASTS, RUNS, Printed
from hinas_book.paper.published import paper_table as published
from hinas_book.paper.published import where
from hinas_lab.analysis.statistics import paired, power, welch
from hinas_lab.draw import style


def themed(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """A figure function in the house style."""

    @wraps(draw)
    def drawn(*args, **kwargs) -> Figure:
        with style.theme():
            return draw(*args, **kwargs)

    return drawn


BAND = "#E4E4E4"
"differences too small to matter"
BY_HAND = {"ws": (style.ALPHA, "D"), "w40": (style.BETA, "s"), "wm": (style.BEST, "^")}


def plot_arms(arms: Mapping[str, Sequence[float]], *, ax: Axes, what: str = "PSNR, dB") -> Axes:
    """A column of dots per arm, a dot per seed; gray lines join the same seed, a bar is the mean. The arms have the same seeds."""
    values, x = np.array(list(arms.values())), np.arange(len(arms))
    ax.plot(x, values, color=style.FAINT, lw=0.8, alpha=0.7)
    ax.plot(np.repeat(x, values.shape[1]), values.ravel(), "o", color=style.BETA, ms=4.5, alpha=0.8)
    ax.hlines(values.mean(1), x - 0.22, x + 0.22, color=style.ALPHA, lw=2.2, zorder=3)
    ax.set(xticks=x, xlim=(-0.5, len(x) - 0.5), ylabel=what)
    ax.set_xticklabels([arm.replace(", ", "\n") for arm in arms])
    return ax


def plot_effects(
    rows: Sequence[tuple[str, Sequence[float]]],
    *,
    ax: Axes,
    least: float,
    unit: str = "dB, 95 % interval",
) -> Axes:
    """A forest plot of (label, per-seed differences) with the seeds as small dots below each interval; gray band: too small to matter."""
    ax.axvspan(-least, least, color=BAND, lw=0, zorder=0)
    plot_forest([(label, paired(d)) for label, d in rows], ax=ax, unit=unit)
    for y, (_, d) in enumerate(rows):
        ax.plot(d, [y + 0.27] * len(d), "o", color=style.INK, ms=2.6, alpha=0.6)
    return ax


@themed
def figure_table(tests: Sequence[Printed]) -> Figure:
    """Printed contrasts, one below the other."""
    figure = Figure(figsize=(9, 1 + 0.21 * len(tests)), layout="constrained")
    rows = [(f"{t.what}, {where(t.column)}", t.contrast) for t in tests]
    plot_forest(rows, ax=figure.subplots(), unit=f"dB, 95 % interval (Welch, n = {RUNS})")
    return figure


@themed
def figure_factors(record: dict) -> Figure:
    """Study ``lwas-residual``, a row per task: every seed of the 2 x 2, then both effects, each on an axis of its own."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    for row, task in zip(figure.subfigures(2, 1), TASKS):
        left, right = row.subfigures(1, 2, width_ratios=(5, 6))
        rows = [r for r in record["rows"] if r["task"] == task]
        arms = [f"lwas {a}, residual {b}" for b in ("off", "on") for a in ("off", "on")]
        plot_arms(by_arm(rows, arms=arms), ax=left.subplots()).set_title(
            f"{TASKS[task]}: every seed", loc="left"
        )
        for ax, factor in zip(right.subplots(2, 1), ("lwas", "residual")):
            plot_effects(
                effects(record, factor, task),
                ax=ax,
                least=record["claims"][f"{factor}-{task}"]["least"],
                unit="dB, on - off",
            )
    return figure


def plot_planning(differences: Sequence[float], size: float, *, ax: Axes) -> Axes:
    """Against the number of pairs: the chance that ``size`` is found when it is true, and that it is seen when nothing is true."""
    p = plan(differences, size)
    pairs = np.arange(1, max(30, 2 * p.n, min(300, p.needed * 5 // 4)) + 1)
    ax.plot(
        pairs[1:],
        [power(p.sd, size, n) for n in pairs[1:]],
        color=style.BEST,
        lw=2,
        label=f"{size:g} dB is true: chance that it is found",
    )
    ax.plot(
        pairs,
        [by_chance(p.sd, n, size) for n in pairs],
        color=style.ALPHA,
        lw=2,
        label=f"nothing is true: chance of a mean beyond ± {size:g} dB",
    )
    ax.axhline(0.8, color=style.INK, lw=0.8, ls="--")
    ax.axvline(p.n, color=style.FAINT, lw=0.8)
    ax.annotate(
        f"this record: n = {p.n}",
        (p.n, 0.93),
        xytext=(4, 0),
        textcoords="offset points",
        fontsize=9,
    )
    ax.set(
        xlabel=f"pairs of seeds (sd of a difference {p.sd:.3f} dB)",
        ylabel="chance",
        ylim=(0, 1),
        xlim=(0, pairs[-1]),
        yticks=np.linspace(0, 1, 6),
        yticklabels=[f"{y:.0%}" for y in np.linspace(0, 1, 6)],
    )
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return ax


@themed
def figure_planning(differences: Sequence[float], size: float) -> Figure:
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    plot_planning(differences, size, ax=figure.subplots())
    return figure


def plot_intervals(
    x: Sequence[float],
    each: Sequence[Sequence[float]],
    *,
    ax: Axes,
    unit: str = "dB",
    least: float = 0.0,
    better: int = 1,
) -> Axes:
    """Per-seed differences at each ``x`` as small dots, joined by seed; means with 95 % intervals, filled where they leave out 0, orange
    where that is ``better`` (+1: above 0). A pair far from all others is left to a note: it would hide the rest."""
    across, near = np.arange(len(x)), [0.0]
    if least:
        ax.axhspan(-least, least, color=BAND, lw=0, zorder=0)
    if len({len(d) for d in each}) == 1:
        ax.plot(across + 0.12, np.array(each), "o-", color=style.FAINT, ms=2.6, lw=0.6, alpha=0.8)
    for at, d in zip(across, each):
        c, off = paired(d), outlier_seed(d)
        colour = (
            style.FAINT if not c.resolved else style.ALPHA if c.mean * better > 0 else style.BETA
        )
        ax.plot(
            [at, at],
            [c.low, c.high],
            color=colour,
            lw=2.4 if c.resolved else 1.2,
            solid_capstyle="butt",
        )
        ax.plot(
            at,
            c.mean,
            "o",
            color=colour,
            ms=6,
            markerfacecolor=colour if c.resolved else style.PAPER,
        )
        if off is None:
            near += [*d, c.low, c.high]
        else:
            near += np.delete(d, off).tolist()
            ax.annotate(
                f"off the axis:\nseed {off}, {d[off]:+.3g}",
                (at - 0.06, 0.04),
                ha="right",
                fontsize=8,
                xycoords=("data", "axes fraction"),
            )
    ax.axhline(0, color=style.INK, lw=0.8)
    ax.set(xticks=across, xticklabels=[f"{v:g}" for v in x], ylabel=unit, xlim=(-0.5, len(x) - 0.5))
    low, high = np.nanmin(near), np.nanmax(near)
    ax.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    return ax


@themed
def figure_budget(record: dict) -> Figure:
    """Study ``budget``: both arms at each number of iterations, and the effect of residual learning there."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    points = record["along"]
    for arm, colour in (("residual off", style.BETA), ("residual on", style.ALPHA)):
        each = [
            by_arm([r for r in record["rows"] if r["times"] == p["times"]])[arm] for p in points
        ]
        x = [p["iterations"] for p in points]
        left.plot(x, [np.mean(v) for v in each], "-", color=colour, lw=1.6, label=arm)
        left.plot(
            np.repeat(x, [len(v) for v in each]),
            np.concatenate(each),
            "o",
            color=colour,
            ms=3.5,
            alpha=0.6,
        )
    left.set(
        xscale="log",
        xlabel="training iterations",
        ylabel="PSNR, dB",
        title="every net, and the mean",
    )
    left.set_xticks(x, [f"{v:,}" for v in x])
    left.minorticks_off()
    left.legend(loc="best")
    plot_intervals(
        [p["iterations"] for p in points],
        [p["differences"] for p in points],
        ax=right,
        unit="residual on - off, dB",
    )
    right.set(xlabel="training iterations", title="the effect, 95 % interval")
    return figure


@themed
def figure_loss(record: dict) -> Figure:
    """Study ``loss``: each metric against lambda, as difference to the same net with the same seed trained without the SSIM term."""
    tasks = list(dict.fromkeys(r["task"] for r in record["rows"]))
    figure = Figure(figsize=(11, 2.9 * len(tasks)), layout="constrained")
    least = {
        "psnr": record["claims"]["loss-psnr"]["least"],
        "ssim": record["claims"]["loss-ssim"]["least"],
    }
    for line, task in zip(figure.subplots(len(tasks), 3, squeeze=False), tasks):
        mine = [r | {"arm": r["lam"]} for r in record["rows"] if r["task"] == task]
        for ax, metric in zip(line, METRICS):
            arms = by_arm(mine, metric)
            none = np.array(arms.pop(0.0))
            plot_intervals(
                list(arms),
                [(np.array(v) - none).tolist() for v in arms.values()],
                ax=ax,
                unit=UNITS[metric][2].strip(),
                least=least.get(metric, 0),
                better=-1 if metric == "gmsd" else 1,
            )
            ax.set_title(
                f"{TASKS[task]}: {metric.upper()}{' (less is better)' * (metric == 'gmsd')}",
                loc="left",
            )
            ax.set_xlabel("lambda, against 0")
        line[-1].invert_yaxis()  # up is better in every panel
    return figure


def plot_paths(
    rows: Sequence[Mapping],
    *,
    ax: Axes,
    found: Sequence[tuple[int, ...]] = (),
    across: str = "parameters",
) -> Axes:
    """Nets of one genotype's cells on different width paths: mean and seeds, against their parameters or, path by path, in the order of
    ``rows``. Paths that a search ``found`` are larger and say how often; against parameters the best and the worst are named, too."""
    paths = list(dict.fromkeys(tuple(r["path"]) for r in rows))
    of = lambda path, name: [r[name] for r in rows if tuple(r["path"]) == path]  # noqa: E731
    means = {path: float(np.mean(of(path, "psnr"))) for path in paths}
    for n, path in enumerate(paths):
        times, ends = found.count(path), (max(means, key=means.get), min(means, key=means.get))
        x = of(path, "parameters")[0] / 1000 if across == "parameters" else n
        ax.plot([x] * len(of(path, "psnr")), of(path, "psnr"), "o", color=style.FAINT, ms=2.6)
        ax.plot(
            x,
            means[path],
            "o",
            color=style.ALPHA if times else style.BETA,
            ms=8 if times else 5,
            zorder=3,
        )
        if times or across == "parameters" and path in ends:
            name = "-".join(map(str, path)) if across == "parameters" else ""
            said, weight = (f"{name} x{times}".strip(), "bold") if times else (name, "normal")
            ax.annotate(
                said,
                (x, means[path]),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                fontweight=weight,
                zorder=2.5,
                path_effects=[withStroke(linewidth=2, foreground="white")],
            )
    ax.set(
        xlabel="parameters, thousands"
        if across == "parameters"
        else "path, few parameters to many",
        ylabel="PSNR, dB",
    )
    if across != "parameters":
        ax.set_xticks(
            range(len(paths)), ["-".join(map(str, p)) for p in paths], rotation=60, fontsize=8
        )
    ax.margins(0.08)
    return ax


@themed
def figure_widths(record: dict) -> Figure:
    """Study ``widths``: all paths with the same cells, as wide as they come and at equal parameters; then the nets of Table 3."""
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    (raw, equal), (table, arms) = figure.subplots(2, 2)
    of = lambda arm: [r for r in record["rows"] if r["arm"] == arm]  # noqa: E731
    found = [tuple(r["path"]) for r in of("ws")]
    order = {tuple(r["path"]): r["parameters"] for r in of("as wide as they come")}
    for ax, arm, across in (
        (raw, "as wide as they come", "parameters"),
        (equal, "equal parameters", "path"),
    ):
        rows = sorted(of(arm), key=lambda r: order[tuple(r["path"])])
        plot_paths(rows, ax=ax, found=found, across=across).set_title(
            f"all paths, the same cells, {arm}", loc="left"
        )
    low, high = np.array([ax.get_ylim() for ax in (raw, equal)]).T
    for ax in (raw, equal):
        ax.set_ylim(low.min(), high.max())
    for arm, (colour, mark) in BY_HAND.items():
        table.plot(
            [r["parameters"] / 1000 for r in of(arm)],
            [r["psnr"] for r in of(arm)],
            mark,
            color=colour,
            ms=6,
            alpha=0.8,
            label=arm,
        )
    table.set(xlabel="parameters, thousands", ylabel="PSNR, dB")
    table.set_title("cells searched for each, every seed", loc="left")
    table.legend(loc="best")
    plot_arms(
        by_arm(record["rows"], arms=["ws", "ws, cells again", "w40", "wm"]), ax=arms
    ).set_title("the same nets, by seed", loc="left")
    return figure


def printed_tost_interval(t: Printed) -> tuple[float, float]:
    """The 90 % interval (Welch) of a printed contrast, in its unit: the one that two one-sided tests at 5 % look at."""
    a, b = (published(t.table).rows[row - 1][t.column] for row in CONTRASTS[t.table][t.what])
    c = welch((a.value, a.std), (b.value, b.std), RUNS, level=0.9)
    return c.low, c.high


@themed
def figure_sharing(record: dict, printed: Sequence[Printed]) -> Figure:
    """Equal, or only not different? Against the margin of equality: printed contrasts of cell sharing, and, apart from them, the study
    ``sharing``. Lines are 95 % intervals; broad bars the 90 % intervals, by which it is counted how many lie inside the margin."""
    told = record["claims"]["sharing-equal"]
    differences, margin = told["differences"], told["least"]
    mine = [t for t in printed if t.what == "cell sharing" and t.column.startswith("psnr")]
    rows = [(f"Table {t.table}, {where(t.column)}", t.contrast) for t in mine]
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(len(rows), 2.2))
    unit, bar = (
        "dB, on - off, 95 % interval (broad bar: 90 %)",
        {"color": style.BEST, "lw": 7, "alpha": 0.45, "solid_capstyle": "butt"},
    )
    plot_forest(rows, ax=above, unit=unit)
    narrow = [printed_tost_interval(t) for t in mine]
    for y, ends in enumerate(narrow):
        above.plot(ends, [y, y], **bar)
    inside = sum(-margin < low and high < margin for low, high in narrow)
    above.set_title(
        f"printed, n = {RUNS}: {inside} of {len(mine)} bars lie in the gray band: ± {margin:g} dB counts as equal",
        loc="left",
    )
    plot_effects([("cell sharing", differences)], ax=below, least=margin, unit=unit)
    below.plot(tost_interval(differences), [0, 0], **bar)
    below.set_title(f"here, n = {told['n']}, preset {record['preset']}", loc="left")
    above.axvspan(-margin, margin, color=BAND, lw=0, zorder=0)
    low, high = np.array([ax.get_xlim() for ax in (above, below)]).T
    for ax in (above, below):
        ax.set_xlim(low.min(), high.max())
    return figure


@themed
def figure_change(record: dict) -> Figure:
    """A study of one change: both arms, and its effect seed by seed."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_arms(by_arm(record["rows"]), ax=left)
    plot_intervals([1], [record["differences"]], ax=right, unit="dB, changed - as it is")
    right.set(xticks=[], title=f"n = {len(record['differences'])}")
    return figure
