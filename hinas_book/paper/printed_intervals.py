"""The published contrasts with their intervals, a panel per table."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from hinas_book.kit.intervals import plot_forest
from hinas_book.paper.printed_tests import Printed
from hinas_book.paper.published import where

METRICS = {"psnr": "dB", "ssim": "SSIM"}


def figure_printed(tests: Sequence[Printed], metric: str = "psnr") -> Figure:
    """The published contrasts of one metric, a panel per table. Figure-level."""
    mine = [t for t in tests if t.column.startswith(metric)]
    tables = list(dict.fromkeys(t.table for t in mine))
    counts = [sum(t.table == n for t in mine) for n in tables]
    half = (len(tables) + 1) // 2
    height = 1.2 + 0.235 * max(sum(counts[::2]), sum(counts[1::2]))
    figure = Figure(figsize=(11, height), layout="constrained")
    for column, some in zip(figure.subfigures(1, 2), (tables[::2], tables[1::2])):
        axes = column.subplots(
            half, 1, squeeze=False, height_ratios=[counts[tables.index(n)] + 2 for n in some]
        )[:, 0]
        for ax, n in zip(axes, some):
            rows = [(f"{t.what}, {where(t.column)}", t.contrast) for t in mine if t.table == n]
            plot_forest(rows, ax=ax, unit=f"{METRICS[metric]}, 95 % interval (Welch, n = 3)")
            resolved = sum(c.resolved for _, c in rows)
            ax.set_title(f"Table {n}: {resolved} of {len(rows)} resolved", loc="left")
    return figure
