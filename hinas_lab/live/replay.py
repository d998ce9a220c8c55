"""A recorded search, played again: a panel with a time slider, and an animated GIF. No torch."""

import io
from base64 import b64encode
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from threading import RLock

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from hinas_lab.drawing import style
from hinas_lab.live.board.blit import quick_png
from hinas_lab.live.board.board import Board
from hinas_lab.live.board.state import Moment
from hinas_lab.live.recordings import Recording, moment, read_recording
from hinas_lab.live.widgets import edge_options, layer_options, want_widgets
from hinas_lab.space.ops import OPS
from hinas_lab.storage import write_atomic

SPEEDS = (0.5, 1, 2, 4)
"epochs a second"
FRAMES = 48
"at most so many in a GIF"


class Reel:
    """One recorded search on a board. ``is_named``: its folder's name stands in every title."""

    def __init__(self, recording: Recording, dpi: int = 100, is_named: bool = False):
        self.recording, self.is_named = recording, is_named
        self.board = Board(recording.space, max(recording.search.epochs, recording.last), dpi=dpi)

    @property
    def name(self) -> str:
        return f"{self.recording.folder.name} ({self.recording.preset}, seed {self.recording.seed})"

    def at(self, epoch: int) -> Moment:
        """The search after ``epoch``; its last epoch for any later one."""
        now = moment(self.recording, min(epoch, self.recording.last))
        if not self.is_named:
            return now
        # A long title would run into the legend beside it.
        short = now.title.partition(",")[0]
        return replace(now, title=f"{self.recording.folder.name}: {short}")

    def choose(self, layer: int, edge: int) -> None:
        """As ``Board.choose``; an edge that this search does not have changes nothing."""
        if layer < self.recording.space.layers and edge < len(self.recording.space.edges):
            self.board.choose(layer, edge)


def _reels(folder: str | Path, other: str | Path | None, dpi: int = 100) -> list[Reel]:
    folders = [folder] if other is None else [folder, other]
    # All are read before the first board is made, which takes its time.
    recordings = list(map(read_recording, folders))
    return [Reel(recording, dpi, is_named=other is not None) for recording in recordings]


def _pixels(reels: list[Reel], epoch: int, axis: int = 0) -> np.ndarray:
    """The frames of one epoch as one picture, below each other or, axis 1, side by side."""
    return np.concatenate([reel.board.pixels(reel.at(epoch)) for reel in reels], axis=axis)


def replay(folder: str | Path, other: str | Path | None = None):
    """A panel that plays the search recorded in a run folder; with ``other``, two searches on one
    time axis, the shorter one waiting at its end. A stored notebook keeps the last picture.

    Where ``want_widgets`` says no, the last picture as a figure. ValueError in one line for a
    folder without a recorded search.
    """
    reels = _reels(folder, other)
    if want_widgets():
        import ipywidgets

        return _panel(reels, ipywidgets)
    return _still(reels)


def _still(reels: list[Reel]) -> Figure:
    """The last frame of each, one below the other."""
    pixels = _pixels(reels, _last_epoch(reels))
    if len(reels) == 1:
        return reels[0].board.figure
    figure = Figure(figsize=(pixels.shape[1] / 100, pixels.shape[0] / 100), dpi=100)
    # A notebook shows no figure that has no axes.
    ax = figure.add_axes((0, 0, 1, 1))
    ax.imshow(pixels, aspect="auto", interpolation="nearest")
    ax.set_axis_off()
    return figure


def _last_epoch(reels: list[Reel]) -> int:
    return max(reel.recording.last for reel in reels)


def _panel(reels: list[Reel], widgets):
    last = _last_epoch(reels)
    space = reels[0].recording.space
    still = b64encode(quick_png(_pixels(reels, last))).decode()
    wrap = {"flex_flow": "row wrap"}
    fit = {"max_width": "100%", "object_fit": "contain", "flex": "1 1 600px"}
    pictures = [widgets.Image(format="png", layout=fit) for _ in reels]
    time = widgets.IntSlider(value=0, min=0, max=last, description="epoch", layout={"width": "45%"})
    play = widgets.Play(value=0, min=0, max=last, interval=500, description="play")
    widgets.jslink((play, "value"), (time, "value"))
    speed = widgets.Dropdown(
        options=[(f"{s:g} epochs/s", round(1000 / s)) for s in SPEEDS],
        value=500,
        layout={"width": "120px"},
    )
    layer = widgets.Dropdown(options=layer_options(space), layout={"width": "110px"})
    edge = widgets.Dropdown(
        options=edge_options(space), description="α of edge", layout={"width": "180px"}
    )
    # A kernel may answer two widgets in two threads.
    alone = RLock()

    def set_speed(change):
        play.interval = change["new"]

    def draw(change=None):
        with alone:
            for reel, picture in zip(reels, pictures):
                picture.value = reel.board.png(reel.at(time.value))

    def choose(change):
        with alone:
            for reel in reels:
                reel.choose(layer.value, edge.value)
            draw()

    def jump(epoch: int, button):
        time.value = epoch

    speed.observe(set_speed, "value")
    time.observe(draw, "value")
    layer.observe(choose, "value")
    edge.observe(choose, "value")
    jumps = []
    for reel in reels:
        best = reel.recording.best
        text = f"best epoch {best}" if best else "not validated"
        if reel.is_named:
            text = f"{reel.recording.folder.name}: {text}"
        button = widgets.Button(description=text, disabled=not best, layout={"width": "auto"})
        button.on_click(partial(jump, best))
        jumps.append(button)

    class Panel(widgets.VBox):
        """The panel; where there is no kernel behind it, the last epoch as a picture."""

        def _repr_mimebundle_(self, **kwargs):
            return (super()._repr_mimebundle_(**kwargs) or {}) | {"image/png": still}

    draw()
    names = widgets.HTML(" &nbsp; | &nbsp; ".join(escape(reel.name) for reel in reels))
    return Panel(
        [
            names,
            widgets.HBox([play, speed, time, *jumps], layout=wrap),
            widgets.HBox([edge, layer]),
            widgets.HBox(pictures, layout=wrap),
        ]
    )


def _palette(pixels: np.ndarray):
    """The house's colours, grays and the heat map exactly, the rest of 200 as ``pixels`` (H, W, 3)
    need them; a Pillow image."""
    from PIL import Image

    named = [*(op.colour for op in OPS.values()), style.INK, style.FAINT, style.PALE, style.PAPER]
    named += [style.FRAME, style.BEST]
    fixed = [list(bytes.fromhex(colour[1:])) for colour in named]
    fixed += [[gray] * 3 for gray in range(0, 229, 12)]
    heat = 255 * colormaps[style.HEAT](np.linspace(0, 1, 48))[:, :3]
    fixed = np.array(fixed + heat.round().astype(int).tolist())
    reduced = Image.fromarray(pixels).quantize(200 - len(fixed), method=Image.Quantize.MEDIANCUT)
    own = np.array(reduced.getpalette()).reshape(-1, 3)
    # Pillow finds colours by their upper bits: it would mix two that are closer.
    apart = np.abs(own[:, None] - fixed).max(-1).min(-1) > 8
    image = Image.new("P", (1, 1))
    image.putpalette(np.concatenate([fixed, own[apart]]).ravel().tolist())
    return image


def write_gif(
    folder: str | Path, path: str | Path, *, fps: float = 4, other: str | Path | None = None
) -> Path:
    """The recorded search as an animated GIF that loops, the last frame held for two seconds; with
    ``other``, two searches side by side.

    A frame per epoch, of a long search 48 of them; 960 x 600 pixels, of two searches 840 x 525
    each; in one palette, or colours flicker. ValueError as for ``replay``, and for a path that does
    not end in .gif or an fps that is not from 0.1 to 50.
    """
    from PIL import Image

    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise ValueError(f"path = {str(path)!r}: must end in .gif")
    if not 0.1 <= fps <= 50:
        raise ValueError(f"fps = {fps!r}: must be from 0.1 to 50")
    reels = _reels(folder, other, dpi=80 if other is None else 70)
    last = _last_epoch(reels)
    epochs = np.unique(np.linspace(0, last, min(last + 1, FRAMES)).round().astype(int))
    frames = [Image.fromarray(_pixels(reels, int(epoch), axis=1)) for epoch in epochs]
    samples = sorted({0, len(frames) // 2, len(frames) - 1})
    palette = _palette(np.concatenate([np.asarray(frames[n]) for n in samples]))
    # Dithered pixels would flicker.
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
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
