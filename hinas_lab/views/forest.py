"""Forest plots: contrasts with their intervals around zero, resolved or not."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_lab.studies.printed_tests import Printed
from hinas_lab.studies.published import where
from hinas_lab.studies.statistics import Contrast
from hinas_lab.views import style

METRICS = {"psnr": "dB", "ssim": "SSIM"}


def plot_forest(rows: Sequence[tuple[str, Contrast]], *, ax: Axes, unit: str = "dB") -> Axes:
    """A line per (label, contrast), from above. Axes-level. An interval that leaves out 0 is coloured, bold and has a filled mark; one that
    holds 0 is gray with an open mark: no reader needs the colour."""
    for y, (_, c) in enumerate(rows):
        colour = style.FAINT if not c.resolved else style.ALPHA if c.mean > 0 else style.BETA
        ax.plot([c.low, c.high], [y, y], color=colour, linewidth=2.4 if c.resolved else 1.2, solid_capstyle="butt")
        ax.plot(c.mean, y, "o", color=colour, markersize=5, markerfacecolor=colour if c.resolved else style.PAPER)
    ax.axvline(0, color=style.INK, linewidth=0.8)
    ax.set(yticks=range(len(rows)), ylim=(len(rows) - 0.4, -0.6), xlabel=unit)
    ax.set_yticklabels([label for label, _ in rows])
    for tick, (_, c) in zip(ax.get_yticklabels(), rows):
        tick.set_fontweight("bold" if c.resolved else "normal")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def figure_printed(tests: Sequence[Printed], metric: str = "psnr") -> Figure:
    """The published contrasts of one metric, a panel per table. Figure-level."""
    mine = [t for t in tests if t.column.startswith(metric)]
    tables = list(dict.fromkeys(t.table for t in mine))
    counts = [sum(t.table == n for t in mine) for n in tables]
    half = (len(tables) + 1) // 2
    height = 1.2 + 0.235 * max(sum(counts[::2]), sum(counts[1::2]))
    figure = Figure(figsize=(11, height), layout="constrained")
    for column, some in zip(figure.subfigures(1, 2), (tables[::2], tables[1::2])):
        axes = column.subplots(half, 1, squeeze=False, height_ratios=[counts[tables.index(n)] + 2 for n in some])[:, 0]
        for ax, n in zip(axes, some):
            rows = [(f"{t.what}, {where(t.column)}", t.contrast) for t in mine if t.table == n]
            plot_forest(rows, ax=ax, unit=f"{METRICS[metric]}, 95 % interval (Welch, n = 3)")
            resolved = sum(c.resolved for _, c in rows)
            ax.set_title(f"Table {n}: {resolved} of {len(rows)} resolved", loc="left")
    return figure
