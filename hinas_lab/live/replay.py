"""A recorded search, played again: a board with a time slider, and an animated GIF. No torch."""

import io
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from hinas_lab.drawing import style
from hinas_lab.live.film import film_of
from hinas_lab.live.recordings import Recording, moment, read_recording
from hinas_lab.live.still import figure_moment, pixels, png_of
from hinas_lab.live.widgets import want_widgets
from hinas_lab.space.ops import OPS
from hinas_lab.storage import write_atomic

FRAMES = 48
"at most so many in a GIF"


def replay(folder: str | Path, other: str | Path | None = None):
    """A board that plays the search recorded in a run folder; with ``other``, two searches on one
    time axis, the shorter one waiting at its end. A stored notebook keeps the last picture.

    Where ``want_widgets`` says no, the last picture as a figure. ValueError in one line for a
    folder without a recorded search.
    """
    recordings = _recordings(folder, other)
    last = max(recording.last for recording in recordings)
    figures = [_figure(recording, last, len(recordings) > 1) for recording in recordings]
    if not want_widgets():
        return figures[0] if len(figures) == 1 else _one_below_the_other(figures)
    from hinas_lab.live.board import Board
    from hinas_lab.live.kept import Kept

    board = Board(films=[film_of(recording) for recording in recordings], start=0)
    words = " | ".join(_name(recording) for recording in recordings)
    return Kept(board, png_of(*map(pixels, figures)), f"the end of {words}")


def _recordings(folder: str | Path, other: str | Path | None) -> list[Recording]:
    folders = [folder] if other is None else [folder, other]
    return [read_recording(folder) for folder in folders]


def _name(recording: Recording) -> str:
    return f"{recording.folder.name} ({recording.preset}, seed {recording.seed})"


def _figure(recording: Recording, epoch: int, is_named: bool, dpi: int = 100) -> Figure:
    """The search after ``epoch``; its last epoch for any later one."""
    now = moment(recording, min(epoch, recording.last))
    title = f"{recording.folder.name}: {now.title}" if is_named else now.title
    return figure_moment(recording.space, now, dpi=dpi, title=title)


def _one_below_the_other(figures: list[Figure]) -> Figure:
    picture = np.concatenate([pixels(figure) for figure in figures])
    figure = Figure(figsize=(picture.shape[1] / 100, picture.shape[0] / 100), dpi=100)
    # A notebook shows no figure that has no axes.
    ax = figure.add_axes((0, 0, 1, 1))
    ax.imshow(picture, aspect="auto", interpolation="nearest")
    ax.set_axis_off()
    return figure


def _palette(picture: np.ndarray):
    """The house's colours, grays and the heat map exactly, the rest of 200 as ``picture`` (H, W, 3)
    needs them; a Pillow image."""
    from PIL import Image

    named = [*(op.colour for op in OPS.values()), style.INK, style.FAINT, style.PALE, style.PAPER]
    named += [style.FRAME, style.BEST]
    fixed = [list(bytes.fromhex(colour[1:])) for colour in named]
    fixed += [[gray] * 3 for gray in range(0, 229, 12)]
    heat = 255 * colormaps[style.HEAT](np.linspace(0, 1, 48))[:, :3]
    fixed = np.array(fixed + heat.round().astype(int).tolist())
    reduced = Image.fromarray(picture).quantize(200 - len(fixed), method=Image.Quantize.MEDIANCUT)
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

    A frame per epoch, of a long search 48 of them; 960 x 752 pixels, of two searches 840 x 658
    each; in one palette, or colours flicker. ValueError as for ``replay``, and for a path that does
    not end in .gif or an fps that is not from 0.1 to 50.
    """
    from PIL import Image

    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise ValueError(f"path = {str(path)!r}: must end in .gif")
    if not 0.1 <= fps <= 50:
        raise ValueError(f"fps = {fps!r}: must be from 0.1 to 50")
    recordings = _recordings(folder, other)
    last = max(recording.last for recording in recordings)
    epochs = np.unique(np.linspace(0, last, min(last + 1, FRAMES)).round().astype(int))
    dpi = 80 if other is None else 70
    frames = []
    for epoch in epochs.tolist():
        pair = [pixels(_figure(one, epoch, other is not None, dpi)) for one in recordings]
        frames.append(Image.fromarray(np.concatenate(pair, axis=1)))
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
