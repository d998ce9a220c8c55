"""What a number owes to how it was measured: differences between protocols, and averaged noise.

``plot_x(..., *, ax) -> Axes`` draws on one given Axes, ``figure_x(...) -> Figure`` owns its figure,
as in ``hinas_lab.drawing.plots``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.ch11_protocols.protocols import Difference
from hinas_book.kit.intervals import plot_forest
from hinas_lab.drawing import style
from hinas_lab.drawing.plots import Box, plot_restoration
from hinas_lab.images.protocol import coverage
from hinas_lab.restoration.measure import Measurement

UNITS = {"psnr": "dB", "ssim": "SSIM"}
TEXT = {"textcoords": "offset points", "fontsize": 8}


def plot_differences(
    differences: Sequence[Difference],
    *,
    ax: Axes,
    what: str = "psnr",
    labels: Mapping[str, str] | None = None,
    margin: tuple[float, str] | None = None,
) -> Axes:
    """A line per protocol: mean paired difference with its 95 % interval, around a zero line.

    ``what``: psnr or ssim. ``labels``: protocol -> words instead of its name. ``margin``: a
    published difference and what it is, as a dashed line.
    """
    rows = [(d.protocol, d.contrast(what)) for d in differences]
    if labels:
        rows = [(labels.get(name, name), contrast) for name, contrast in rows]
    plot_forest(rows, ax=ax, unit=f"{UNITS[what]} against {differences[0].base}")
    for y, (_, contrast) in enumerate(rows):
        end = max(contrast.high, contrast.mean), y
        ax.annotate(f"{contrast.mean:+.3f}", end, (5, 0), va="center", **TEXT)
    if margin:
        ax.axvline(margin[0], color=style.INK, lw=0.8, ls="--")
        ax.annotate(margin[1], (margin[0], -0.75), (3, 0), va="center", **TEXT)
    # room above the first line for the margin's words, and beside the intervals for numbers
    ax.set_ylim(len(rows) - 0.4, -1.1)
    ax.margins(x=0.18)
    return ax


def figure_differences(
    differences: Sequence[Difference],
    *,
    labels: Mapping[str, str] | None = None,
    margin: tuple[float, str] | None = None,
) -> Figure:
    """PSNR and SSIM side by side; ``margin`` belongs to PSNR."""
    figure = Figure(figsize=(10, 0.9 + 0.32 * len(differences)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    plot_differences(differences, ax=left, labels=labels, margin=margin)
    plot_differences(differences, ax=right, what="ssim", labels=labels)
    return figure


def plot_sweep(
    strides: Sequence[int],
    gains: Mapping[str, Sequence[float]],
    *,
    ax: Axes,
    margin: tuple[float, str] | None = None,
) -> Axes:
    """Gain in dB of each method against the stride of its crops, from wide to narrow.

    ``margin`` as in ``plot_differences``.
    """
    for (name, values), colour in zip(gains.items(), (style.ALPHA, style.BETA, style.BEST)):
        ax.plot(strides, values, "o-", color=colour, ms=4, label=name)
    ax.axhline(0, color=style.INK, lw=0.8)
    if margin:
        ax.axhline(margin[0], color=style.INK, lw=0.8, ls="--")
        ax.annotate(margin[1], (min(strides), margin[0]), (0, 3), ha="right", **TEXT)
    ax.invert_xaxis()
    ax.set(
        xticks=strides,
        xlabel="stride of the 64 x 64 crops, pixels",
        ylabel="gain over the whole image, dB",
    )
    ax.legend()
    return ax


def figure_crops(
    clean: np.ndarray, rows: Sequence[Measurement], *, tile: int, stride: int, zoom: Box
) -> Figure:
    """How many crops lie over each pixel, and what they give: a zoomed panel per row.

    ``clean``: (H, W) in [0, 1]. A row must carry its picture.
    """
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    first, *panels, last = figure.subplots(1, 2 + len(rows))
    count = coverage(clean.shape, tile, stride)
    # at least 4, the crops over a pixel of the authors' own stride: colours keep their meaning
    first.imshow(count, cmap=style.HEAT, vmin=0, vmax=max(4, count.max()))
    first.set_title(f"crops over a pixel:\n{count.mean():.1f} on average", fontsize=9)
    first.axis("off")
    y, x, size = zoom
    window = np.s_[y : y + size, x : x + size]
    for ax, row in zip(panels, rows):
        title = f"{row.method}, stride {stride}\n{row.psnr:.2f} dB"
        plot_restoration(row.restored[window], ax=ax, title=title)
    plot_restoration(clean[window], ax=last, title="clean\n")
    return figure
