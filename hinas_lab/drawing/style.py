"""How everything looks: one colour per operation (safe for colour-blind readers), a few named
colours, one theme."""

import io
from contextlib import contextmanager

from hinas_lab.space.ops import OPS

INK, FAINT, PALE, PAPER = "#222222", "#8C8C8C", "#F0F0F0", "#FFFFFF"
"text; lines of no importance; fills and the warm-up; background (white also in dark mode)"
WEIGHT, ARCH = "#0072B2", "#D55E00"
"a weight step on Train W; an architecture step on Train A"
ALPHA, BETA, SKIP = "#D55E00", "#0072B2", "#555555"
"curves of alpha, beta and the skip share"
FRAME = "#D55E00"
"what is kept: winning edges, the best path, a zoom box"
BEST = "#007A5A"
"the best epoch"
HEAT = "cividis"
"heat maps of probabilities"


def op_colour(name: str) -> str:
    """The colour of an operation; drawings always print its letter code beside it."""
    return OPS[name].colour


def op_label(name: str) -> str:
    """``sep_3x3`` -> ``sep 3x3``."""
    return name.replace("_", " ")


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on ``colour`` (``#RRGGBB``)."""
    luminance = 0.0
    # WCAG's relative luminance: sRGB made linear, weighted as the eye does.
    for byte, weight in zip(bytes.fromhex(colour[1:]), (0.2126, 0.7152, 0.0722)):
        c = byte / 255
        luminance += weight * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
    # Above this, black has the higher contrast ratio.
    return "#FFFFFF" if luminance < 0.179 else "#000000"


def png(figure, dpi: int = 110) -> bytes:
    """A matplotlib figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


@contextmanager
def theme():
    """The house style for every figure made inside the ``with`` block; matplotlib's settings come
    back afterwards."""
    import matplotlib

    with matplotlib.rc_context(
        {
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "axes.titlesize": 10.5,
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.fontsize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "legend.frameon": False,
            "figure.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "savefig.facecolor": PAPER,
            "savefig.dpi": 150,
            # letters stay letters, and equal figures give equal bytes
            "svg.fonttype": "none",
            "svg.hashsalt": "hinas_lab",
        }
    ):
        yield
