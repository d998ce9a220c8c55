"""The published contrasts with their intervals, a panel per table."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from hinas_book.kit.intervals import plot_forest
from hinas_book.paper.printed_tests import RUNS, Printed
from hinas_book.paper.published import where
from hinas_lab.drawing import style

METRICS = {"psnr": "dB", "ssim": "SSIM"}


def figure_printed(tests: Sequence[Printed], metric: str = "psnr") -> Figure:
    """The published contrasts of one metric, a panel per table. Figure-level."""
    panels: dict[int, list] = {}
    for test in tests:
        if test.column.startswith(metric):
            label = f"{test.what}, {where(test.column)}"
            panels.setdefault(test.table, []).append((label, test.contrast))
    # two columns of panels, the tables in turn
    columns = (list(panels.items())[::2], list(panels.items())[1::2])
    lines = [sum(len(rows) for _, rows in columns[0]), sum(len(rows) for _, rows in columns[1])]
    figure = Figure(figsize=(11, 1.2 + 0.235 * max(lines)), layout="constrained")
    for part, column in zip(figure.subfigures(1, 2), columns):
        # two lines more than a panel has: its title and its axis
        ratios = [len(rows) + 2 for _, rows in column]
        axes = part.subplots(len(column), 1, squeeze=False, height_ratios=ratios)
        for ax, (number, rows) in zip(axes.flat, column):
            plot_forest(rows, ax=ax, unit=f"{METRICS[metric]}, 95 % interval (Welch, n = 3)")
            resolved = sum(contrast.resolved for _, contrast in rows)
            ax.set_title(f"Table {number}: {resolved} of {len(rows)} resolved", loc="left")
    return figure


@style.theme()
def figure_table(tests: Sequence[Printed]) -> Figure:
    """Printed contrasts, one below the other."""
    figure = Figure(figsize=(9, 1 + 0.21 * len(tests)), layout="constrained")
    rows = [(f"{test.what}, {where(test.column)}", test.contrast) for test in tests]
    plot_forest(rows, ax=figure.subplots(), unit=f"dB, 95 % interval (Welch, n = {RUNS})")
    return figure
