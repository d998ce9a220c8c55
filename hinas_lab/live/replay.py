"""A recorded search, played again: a panel with a time slider, and an animated GIF. No torch."""

import io
import os
from base64 import b64encode
from dataclasses import replace
from html import escape
from pathlib import Path
from threading import RLock

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from hinas_lab.draw import style
from hinas_lab.draw.plots import edge_labels
from hinas_lab.live.board.blit import quick_png
from hinas_lab.live.board.board import Board
from hinas_lab.live.board.state import Moment
from hinas_lab.live.recordings import Recording, moment, read_recording
from hinas_lab.storage import write_atomic

SPEEDS = (0.5, 1, 2, 4)
"epochs a second"
FRAMES = 48
"at most so many in a GIF"


class Reel:
    """One recorded search on a board; ``at(epoch)``, its last epoch for any later one."""

    def __init__(self, recording: Recording, dpi: int = 100, named: bool = False):
        self.recording, self.named = recording, named
        self.board = Board(recording.space, max(recording.search.epochs, recording.last), dpi=dpi)

    @property
    def name(self) -> str:
        return f"{self.recording.folder.name} ({self.recording.preset}, seed {self.recording.seed})"

    def at(self, epoch: int) -> Moment:
        now = moment(self.recording, min(epoch, self.recording.last))
        short = now.title.partition(",")[0]  # the legend is beside it
        return replace(now, title=f"{self.recording.folder.name}: {short}") if self.named else now

    def choose(self, layer: int, edge: int) -> None:
        """As ``Board.choose``; an edge that this search does not have changes nothing."""
        if layer < self.recording.space.layers and edge < len(self.recording.space.edges):
            self.board.choose(layer, edge)


def _reels(folder: str | Path, other: str | Path | None, dpi: int = 100) -> list[Reel]:
    folders = [folder] if other is None else [folder, other]
    recordings = [read_recording(f) for f in folders]
    return [Reel(recording, dpi, named=other is not None) for recording in recordings]


def replay(folder: str | Path, other: str | Path | None = None):
    """A panel that plays the search recorded in a run folder; with ``other``, two searches on one time axis, the shorter one waiting at its
    end. A stored notebook keeps the last picture.

    With HINAS_LIVE=0, or without ipywidgets: the last picture as a figure. ValueError in one line for a folder without a recorded search.
    """
    reels = _reels(folder, other)
    try:
        if os.environ.get("HINAS_LIVE") == "0":
            raise ImportError
        import ipywidgets
    except ImportError:
        return _still(reels)
    return _panel(reels, ipywidgets)


def _still(reels: list[Reel]) -> Figure:
    """The last frame of each, one below the other."""
    frames = [reel.board.pixels(reel.at(reel.recording.last)) for reel in reels]
    if len(reels) == 1:
        return reels[0].board.figure
    pixels = np.concatenate(frames)
    figure = Figure(figsize=(pixels.shape[1] / 100, pixels.shape[0] / 100), dpi=100)
    ax = figure.add_axes((0, 0, 1, 1))  # a notebook shows no figure that has no axes
    ax.imshow(pixels, aspect="auto", interpolation="nearest")
    ax.set_axis_off()
    return figure


def _panel(reels: list[Reel], widgets):
    last = max(reel.recording.last for reel in reels)
    space = reels[0].recording.space
    still = b64encode(
        quick_png(np.concatenate([reel.board.pixels(reel.at(last)) for reel in reels]))
    ).decode()
    pictures = [
        widgets.Image(
            format="png", layout={"max_width": "100%", "object_fit": "contain", "flex": "1 1 600px"}
        )
        for _ in reels
    ]
    time = widgets.IntSlider(value=0, min=0, max=last, description="epoch", layout={"width": "45%"})
    play = widgets.Play(value=0, min=0, max=last, interval=500, description="play")
    widgets.jslink((play, "value"), (time, "value"))
    speed = widgets.Dropdown(
        options=[(f"{s:g} epochs/s", round(1000 / s)) for s in SPEEDS],
        value=500,
        layout={"width": "120px"},
    )
    layer = widgets.Dropdown(
        options=[
            (f"layer {l}" if space.lwas else "all layers", l)
            for l in range(space.layers if space.lwas else 1)
        ],
        layout={"width": "110px"},
    )
    edge = widgets.Dropdown(
        options=[(label, e) for e, label in enumerate(edge_labels(space))],
        description="α of edge",
        layout={"width": "180px"},
    )

    def pace(change):
        play.interval = change["new"]

    alone = RLock()  # a kernel may answer two widgets in two threads

    def draw(_=None):
        with alone:
            for reel, picture in zip(reels, pictures):
                picture.value = reel.board.png(reel.at(time.value))

    def choose(_):
        with alone:
            for reel in reels:
                reel.choose(layer.value, edge.value)
            draw()

    def jump(reel: Reel):
        best = reel.recording.best
        name = f"{reel.recording.folder.name}: " if reel.named else ""
        button = widgets.Button(
            description=f"{name}best epoch {best}" if best else f"{name}not validated",
            disabled=not best,
            layout={"width": "auto"},
        )
        button.on_click(lambda _: setattr(time, "value", best))
        return button

    speed.observe(pace, "value")
    time.observe(draw, "value")
    layer.observe(choose, "value")
    edge.observe(choose, "value")

    class Panel(widgets.VBox):
        """The panel; where there is no kernel behind it, the last epoch as a picture."""

        def _repr_mimebundle_(self, **kwargs):
            return (super()._repr_mimebundle_(**kwargs) or {}) | {"image/png": still}

    draw()
    names = widgets.HTML(" &nbsp; | &nbsp; ".join(escape(reel.name) for reel in reels))
    return Panel(
        [
            names,
            widgets.HBox([play, speed, time, *map(jump, reels)], layout={"flex_flow": "row wrap"}),
            widgets.HBox([edge, layer]),
            widgets.HBox(pictures, layout={"flex_flow": "row wrap"}),
        ]
    )


def _palette(pixels: np.ndarray):
    """The house's colours, grays and the heat map exactly, the rest of 200 as ``pixels`` (H, W, 3) need them; a Pillow image."""
    from PIL import Image

    named = [
        *style.OP_COLOURS.values(),
        style.INK,
        style.FAINT,
        style.PALE,
        style.PAPER,
        style.FRAME,
        style.BEST,
    ]
    fixed = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in named] + [
        [g, g, g] for g in range(0, 229, 12)
    ]
    fixed = np.array(
        fixed
        + (255 * colormaps[style.HEAT](np.linspace(0, 1, 48))[:, :3]).round().astype(int).tolist()
    )
    own = np.array(
        Image.fromarray(pixels)
        .quantize(200 - len(fixed), method=Image.Quantize.MEDIANCUT)
        .getpalette()
    ).reshape(-1, 3)
    apart = (
        np.abs(own[:, None] - fixed).max(-1).min(-1) > 8
    )  # Pillow finds colours by their upper bits: it would mix two that are closer
    image = Image.new("P", (1, 1))
    image.putpalette(np.concatenate([fixed, own[apart]]).ravel().tolist())
    return image


def write_gif(
    folder: str | Path, path: str | Path, *, fps: float = 4, other: str | Path | None = None
) -> Path:
    """The recorded search as an animated GIF that loops, the last frame held for two seconds; with ``other``, two searches side by side.

    A frame per epoch, of a long search 48 of them; 960 x 600 pixels, of two searches 840 x 525 each; in one palette, or colours flicker.
    ValueError as for ``replay``, and for a path that does not end in .gif or an fps that is not from 0.1 to 50.
    """
    from PIL import Image

    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise ValueError(f"path = {str(path)!r}: must end in .gif")
    if not 0.1 <= fps <= 50:
        raise ValueError(f"fps = {fps!r}: must be from 0.1 to 50")
    reels = _reels(folder, other, dpi=80 if other is None else 70)
    last = max(reel.recording.last for reel in reels)
    epochs = np.unique(np.linspace(0, last, min(last + 1, FRAMES)).round().astype(int))
    frames = [
        Image.fromarray(
            np.concatenate([reel.board.pixels(reel.at(int(epoch))) for reel in reels], axis=1)
        )
        for epoch in epochs
    ]
    palette = _palette(
        np.concatenate(
            [np.asarray(frames[n]) for n in sorted({0, len(frames) // 2, len(frames) - 1})]
        )
    )
    frames = [
        frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames
    ]  # dithered pixels would flicker
    durations = [round(1000 / fps)] * (len(frames) - 1) + [2000]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "gif",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        optimize=False,
    )
    write_atomic(path, buffer.getvalue())
    return path
