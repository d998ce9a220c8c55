"""Measured rows as a table and as a picture: method -> its rows, one per photograph
(``restoration.measure``)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hinas_lab.drawing.plots import figure_restoration
from hinas_lab.images.metrics import measured_metrics
from hinas_lab.restoration.measure import Measurement, mean

Rows = Mapping[str, Sequence[Measurement]]


def measurement_table(rows: Rows) -> str:
    """A line per method: PSNR in dB on each photograph, the mean of it and of every other metric.

    ValueError for rows of several protocols or levels.
    """
    mean(sum(map(list, rows.values()), []))
    first, *others = measured_metrics()
    columns = [(metric, max(8, len(metric.title) + 1)) for metric in others]
    photographs = "".join(f"{row.image:>9}" for row in next(iter(rows.values())))
    titles = "".join(f"{metric.title:>{width}}" for metric, width in columns)
    wide = max(map(len, rows)) + 2
    lines = [f"{f'{first.name.upper()} in {first.unit}':<{wide}}{photographs}{'mean':>9}{titles}"]
    for method, own in rows.items():
        means = mean(list(own))
        each = [*(row.scores[first.name] for row in own), means[first.name]]
        values = [f"{value:9.{first.digits}f}" for value in each]
        values += [f"{means[metric.name]:{width}.{metric.digits}f}" for metric, width in columns]
        lines.append(f"{method:<{wide}}" + "".join(values))
    return "\n".join(lines)


def figure_rows(
    rows: Rows, image: str, more: Mapping[str, np.ndarray] | None = None, **options
) -> Figure:
    """What each method made of the photograph ``image``, with its PSNR and SSIM above; then the
    pictures ``more``, clean among them.

    ``options`` as for ``plots.figure_restoration``.
    """
    pictures, scores = {}, {}
    for method, own in rows.items():
        shown = next(row for row in own if row.image == image)
        pictures[method] = shown.restored
        scores[method] = (shown.psnr, shown.ssim)
    pictures |= more or {}
    return figure_restoration(pictures, scores=scores, **options)
