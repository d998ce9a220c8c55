"""What a number owes to how it was measured: differences between protocols, and crops that average noise away.

``plot_x(..., *, ax) -> Axes`` draws on one given Axes, ``figure_x(...) -> Figure`` owns its figure, as in ``plots``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.ch11_protocols.protocols import Difference
from hinas_lab.draw import style
from hinas_lab.draw.plots import Box, plot_restoration
from hinas_lab.images.protocol import coverage
from hinas_lab.restoration.measure import Measurement

UNITS = {"psnr": "dB", "ssim": "SSIM"}


def plot_differences(
    differences: Sequence[Difference],
    *,
    ax: Axes,
    what: str = "psnr",
    labels: Mapping[str, str] | None = None,
    margin: tuple[float, str] | None = None,
) -> Axes:
    """A line per protocol: mean paired difference with its 95 % interval, around a zero line.

    ``labels``: protocol -> words instead of its name. ``margin``: a published difference and what it is, as a dashed line.
    """
    labels = labels or {}
    for y, d in enumerate(differences):
        middle, low, high = getattr(d, what), getattr(d, f"{what}_low"), getattr(d, f"{what}_high")
        colour = style.ALPHA if low > 0 else style.BETA if high < 0 else style.FAINT
        ax.plot([low, high], [y, y], color=colour, lw=2, solid_capstyle="butt")
        ax.plot(middle, y, "o", color=colour, ms=5)
        ax.annotate(
            f"{middle:+.3f}",
            (max(high, middle), y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.axvline(0, color=style.INK, lw=0.8)
    if margin:
        ax.axvline(margin[0], color=style.INK, lw=0.8, ls="--")
        ax.annotate(
            margin[1],
            (margin[0], -0.75),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
        )
    ax.set(
        yticks=range(len(differences)),
        yticklabels=[labels.get(d.protocol, d.protocol) for d in differences],
        ylim=(len(differences) - 0.4, -1.1),
        xlabel=f"{UNITS[what]} against {differences[0].base}",
    )
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
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
    """Gain in dB of each method against the stride of its crops, from wide to narrow; ``margin`` as in ``plot_differences``."""
    for (name, values), colour in zip(gains.items(), (style.ALPHA, style.BETA, style.BEST)):
        ax.plot(strides, values, "o-", color=colour, ms=4, label=name)
    ax.axhline(0, color=style.INK, lw=0.8)
    if margin:
        ax.axhline(margin[0], color=style.INK, lw=0.8, ls="--")
        ax.annotate(
            margin[1],
            (min(strides), margin[0]),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=8,
            ha="right",
        )
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
    """How many crops lie over each pixel, and what they give: a panel per row (which must carry its picture), zoomed.

    ``clean``: (H, W) in [0, 1].
    """
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots(1, 2 + len(rows))
    count = coverage(clean.shape, tile, stride)
    axes[0].imshow(count, cmap=style.HEAT, vmin=0, vmax=max(4, count.max()))
    axes[0].set_title(f"crops over a pixel:\n{count.mean():.1f} on average", fontsize=9)
    axes[0].axis("off")
    y, x, size = zoom
    cut = (slice(y, y + size), slice(x, x + size))
    for ax, row in zip(axes[1:], rows):
        plot_restoration(
            row.restored[cut], ax=ax, title=f"{row.method}, stride {stride}\n{row.psnr:.2f} dB"
        )
    plot_restoration(clean[cut], ax=axes[-1], title="clean\n")
    return figure
