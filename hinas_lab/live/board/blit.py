"""A figure that is drawn often: its background once, the artists that move over it, the picture as
PNG. No pyplot."""

import struct
import zlib

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform

from hinas_lab.drawing import style


class Blit:
    """A figure of ``width`` x ``height`` pixels at ``dpi`` 100; places are told in these pixels at
    any dpi.

    ``add`` an artist to have it drawn over the background in every frame.
    """

    def __init__(self, width: int, height: int, dpi: int = 100):
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 100, height / 100), dpi=dpi)
        self.canvas = FigureCanvasAgg(self.figure)
        self.moving: list[Artist] = []
        self._background = None

    def axes(self, x: float, y: float, width: float, height: float, *, bare: bool = False) -> Axes:
        """Axes at these pixels, y from below. bare: no frame, ticks or limits of their own, a unit
        is a pixel."""
        ax = self.figure.add_axes(
            (x / self.width, y / self.height, width / self.width, height / self.height)
        )
        if bare:
            ax.set(xlim=(0, width), ylim=(0, height))
            ax.set_axis_off()
        return ax

    def add(self, artist: Artist) -> Artist:
        """Draw ``artist`` (it has Axes) in every frame, after those added before."""
        artist.set_animated(True)
        self.moving.append(artist)
        return artist

    def text(self, ax: Axes, x: float, y: float, text: str = "", **how) -> "Stamp":
        """A text that moves or changes, in data coordinates or those of ``transform``. ``paper``:
        on a white ground."""
        return self.add(
            ax.add_artist(Stamp(x, y, text, **{"transform": ax.transData, "clip_on": False} | how))
        )

    def limits(self, ax: Axes, low: float, high: float, ticks) -> None:
        """Set the y limits and ticks of ``ax``; the background is drawn again only if they differ
        from what is there."""
        if ax.get_ylim() != (low, high) or len(ax.get_yticks()) != len(ticks):
            ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
            ax.set_ylim(low, high)
            self.stale()

    def stale(self) -> None:
        """The background changed: draw it again with the next frame."""
        self._background = None

    def pixels(self) -> np.ndarray:
        """The figure as it is now, uint8 (H, W, 3)."""
        if self._background is None:
            self.canvas.draw()  # leaves out what is animated
            self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self._background)
        renderer = self.canvas.get_renderer()
        for artist in self.moving:
            artist.draw(renderer)
        return np.asarray(self.canvas.buffer_rgba())[..., :3]


class Stamp(Text):
    """A text on one line whose picture is made once and then copied: matplotlib lays letters out
    anew in each draw, 1 ms a text."""

    pictures: dict[tuple, tuple[np.ndarray, float, float]] = {}
    "of all stamps, by what they look like"

    def __init__(self, *args, paper: bool = False, **how):
        super().__init__(*args, parse_math=False, **how)  # a folder's name may hold dollar signs
        self.paper = paper

    def draw(self, renderer) -> None:
        if not self.get_visible() or not self.get_text():
            return
        if not isinstance(renderer, RendererAgg):  # into an SVG or a PDF
            super().draw(renderer)
            return
        key = (
            self.get_text(),
            self.get_color(),
            self.get_fontsize(),
            self.get_fontweight(),
            self.get_ha(),
            self.get_va(),
            self.paper,
            renderer.dpi,
        )
        made = self.pictures.get(key)
        if made is None:
            if len(self.pictures) >= 1000:  # memory stays flat over any number of frames
                self.pictures.clear()
            made = self.pictures[key] = self._picture(renderer.dpi)
        picture, left, low = made
        x, y = self.get_transform().transform(self.get_position())
        context = renderer.new_gc()
        renderer.draw_image(context, round(x - left), round(y - low), picture)
        context.restore()

    def _picture(self, dpi: float) -> tuple[np.ndarray, float, float]:
        """RGBA rows from below, and where in them (from left, from below) the text's position
        lies."""
        twin = Text(0, 0, self.get_text(), parse_math=False)
        twin.update_from(self)
        twin.set(figure=self.get_figure(), transform=IdentityTransform())
        box = twin.get_window_extent(RendererAgg(1, 1, dpi), dpi)
        left, low = 2 - np.floor(box.x0), 2 - np.floor(box.y0)
        scratch = RendererAgg(int(np.ceil(box.x1) + left) + 2, int(np.ceil(box.y1) + low) + 2, dpi)
        if self.paper:
            np.asarray(scratch.buffer_rgba())[1:-1, 1:-1] = 255
        twin.set_position((left, low))
        twin.draw(scratch)
        return np.asarray(scratch.buffer_rgba())[::-1].copy(), left, low


def quick_png(pixels: np.ndarray) -> bytes:
    """uint8 (H, W, 3) as a PNG file. Every row minus the one above, then zlib's fastest: a third of
    Pillow's time for the same size."""
    height, width, _ = pixels.shape
    lines = np.empty((height, 1 + 3 * width), np.uint8)
    lines[:, 0] = 2  # PNG's filter "up"
    flat = pixels.reshape(height, -1)
    lines[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=lines[1:, 1:])

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(lines, 1))
        + chunk(b"IEND", b"")
    )


# ------------------------------------------------------------ limits and labels that stand still


def ticks_between(low: float, high: float) -> np.ndarray:
    """Round numbers, 1, 2 or 5 times a power of ten apart, the first at most ``low``, the last at
    least ``high``; 3 to 6 of them."""
    span = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-9)
    power = 10.0 ** np.floor(np.log10(span / 2))
    step = power * next(m for m in (1, 2, 5, 10) if span / (m * power) <= 4)
    first = np.floor(low / step + 1e-9)
    return np.round(np.arange(first, max(first + 2, np.ceil(high / step - 1e-9)) + 1) * step, 12)


def log_ticks_between(low: float, high: float) -> np.ndarray:
    """1, 2 and 5 times powers of ten from at most ``low`` to at least ``high`` (both above 0),
    without the 2 and 5 over many decades."""
    low, high = max(low, 1e-12), min(max(high, low, 1e-12), 1e12)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 2)
    ticks = np.outer(powers, (1, 2, 5)).ravel()
    first = max(0, np.searchsorted(ticks, low * (1 + 1e-9)) - 1)
    inside = ticks[first : max(first + 2, np.searchsorted(ticks, high * (1 - 1e-9)) + 1)]
    return inside if len(inside) <= 7 else powers[:-1]


class EndLabels:
    """Short names at the right ends of curves, kept apart."""

    def __init__(
        self, blit: Blit, ax: Axes, names: list[str], colours: list[str], size: float = 8.5
    ):
        self.ax = ax
        self.texts = [
            blit.text(
                ax,
                0,
                0,
                name,
                color=colour,
                fontsize=size,
                fontweight="bold",
                va="center",
                transform=ax.get_xaxis_transform(),
            )
            for name, colour in zip(names, colours)
        ]
        self.gap = size * 100 / 72 / (ax.get_position().height * blit.height)

    def place(self, x: list[float], y: list[float]) -> None:
        """Name n at the data point (x[n], y[n]); one that is not finite hides its name."""
        known = [n for n in range(len(y)) if np.isfinite(y[n])]
        # where the points lie, as a share of the axes' height, also on a log axis
        to_share = self.ax.transScale + self.ax.transLimits
        share = {n: float(to_share.transform((x[n], y[n]))[1]) for n in known}
        up = sorted(known, key=lambda n: (share[n], -n))
        # pushed apart upwards and downwards; the mean of the two keeps the gaps and a crowd where
        # it is
        raised = self._stack({n: share[n] for n in up})
        lowered = self._stack({n: -share[n] for n in reversed(up)})
        share = {n: (raised[n] - lowered[n]) / 2 for n in known}
        # inside the axes: first off the floor, then below the top
        share = self._stack({n: max(share[n], 0.4 * self.gap) for n in up})
        lowered = self._stack({n: max(-share[n], -1.0) for n in reversed(up)})
        share = {n: -lowered[n] for n in lowered}
        reach = 0.02 * abs(self.ax.get_xlim()[1] - self.ax.get_xlim()[0])
        for n, text in enumerate(self.texts):
            text.set_visible(n in share)
            if n in share:
                text.set_position((x[n] + reach, share[n]))

    def _stack(self, places: dict[int, float]) -> dict[int, float]:
        """Ascending places, each moved up until it is a gap above the one before."""
        out, low = {}, -np.inf
        for n, place in places.items():
            out[n] = max(place, low)
            low = out[n] + self.gap
        return out


def faint_frame(ax: Axes, title: str = "") -> None:
    """The look of the small axes: short ticks, small numbers, the title at the left."""
    ax.tick_params(labelsize=8, length=2.5, pad=2)
    ax.set_title(title, loc="left", fontsize=9.5, color=style.INK, pad=4)
