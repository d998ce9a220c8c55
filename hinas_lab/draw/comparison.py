"""Measured rows as a table and as a picture: method -> its rows, one per photograph
(``restoration.measure``)."""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from matplotlib.figure import Figure

from hinas_lab.draw.plots import figure_restoration
from hinas_lab.restoration.measure import Measurement, mean

Rows = Mapping[str, Sequence[Measurement]]


def measurement_table(rows: Rows) -> str:
    """A line per method: PSNR in dB on each photograph, mean PSNR and SSIM.

    ValueError for rows of several protocols or levels.
    """
    # Refuses what must not stand in one table.
    mean(list(chain.from_iterable(rows.values())))
    width = max(map(len, rows)) + 2
    head = f"{'PSNR in dB':<{width}}"
    for row in next(iter(rows.values())):
        head += f"{row.image:>9}"
    lines = [head + "     mean    SSIM"]
    for method, measured in rows.items():
        line = f"{method:<{width}}"
        for row in measured:
            line += f"{row.psnr:9.2f}"
        means = mean(list(measured))
        lines.append(f"{line}{means['psnr']:9.2f}{means['ssim']:8.4f}")
    return "\n".join(lines)


def figure_rows(
    rows: Rows, image: str, more: Mapping[str, np.ndarray] | None = None, **options
) -> Figure:
    """What each method made of the photograph ``image``, with its PSNR and SSIM above; then the
    pictures ``more``, clean among them.

    ``options`` as for ``plots.figure_restoration``; all methods and pictures stand in one line
    unless ``columns`` says otherwise.
    """
    pictures, scores = {}, {}
    for method, measured in rows.items():
        row = next(row for row in measured if row.image == image)
        pictures[method] = row.restored
        scores[method] = row.psnr, row.ssim
    pictures |= more or {}
    return figure_restoration(pictures, scores=scores, **{"columns": len(pictures)} | options)
