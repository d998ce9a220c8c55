"""Measured rows as a table and as a picture: method -> its rows, one per photograph (``engine.evaluate``)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hinas_lab.draw.plots import figure_restoration
from hinas_lab.restoration.measure import Measurement, mean

Rows = Mapping[str, Sequence[Measurement]]


def measurement_table(rows: Rows) -> str:
    """A line per method: PSNR in dB on each photograph, mean PSNR and SSIM. ValueError for rows of several protocols or levels."""
    mean([row for of in rows.values() for row in of])
    wide = max(map(len, rows)) + 2
    lines = [
        f"{'PSNR in dB':<{wide}}"
        + "".join(f"{row.image:>9}" for row in next(iter(rows.values())))
        + "     mean    SSIM"
    ]
    for method, of in rows.items():
        means = mean(list(of))
        lines.append(
            f"{method:<{wide}}"
            + "".join(f"{row.psnr:9.2f}" for row in of)
            + f"{means['psnr']:9.2f}{means['ssim']:8.4f}"
        )
    return "\n".join(lines)


def figure_rows(
    rows: Rows, image: str, more: Mapping[str, np.ndarray] | None = None, **options
) -> Figure:
    """What each method made of the photograph ``image``, with its PSNR and SSIM above; then the pictures ``more``, clean among them.

    ``options`` as for ``plots.figure_restoration``; all methods and pictures stand in one line unless ``columns`` says otherwise.
    """
    shown = {method: next(row for row in of if row.image == image) for method, of in rows.items()}
    pictures = {method: row.restored for method, row in shown.items()} | dict(more or {})
    scores = {method: (row.psnr, row.ssim) for method, row in shown.items()}
    return figure_restoration(pictures, scores=scores, **{"columns": len(pictures)} | options)
