"""The paper's visual comparisons (Figures 5, 6, 8, 9, 12, 13), a row per line of ``data/figures.csv``, restored when they are drawn.

A column without weights is a gray panel that says so, with the published mean of its method. PSNR and SSIM of the picture stand under each
panel that was restored here.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.paper.published import paper_table
from hinas_lab.draw import style
from hinas_lab.draw.plots import plot_restoration, zoom_box
from hinas_lab.images.datasets.catalog import read_images
from hinas_lab.images.protocol import Restore, protocol
from hinas_lab.restoration.classical import classical
from hinas_lab.restoration.measure import measure
from hinas_lab.runs.header import read_header

PATH = Path(__file__).parents[2] / "data" / "figures.csv"
NETS = PATH.parent / "nets"
PROTOCOL = {"denoise": "whole", "sr": "sr-standard"}
STAND_IN = "not the paper's image"
_COLUMN = {
    "BSDS500": None,
    "Set5": "set5",
    "Set14": "set14",
    "BSD100": "bsd100",
    "Urban100": "urban100",
}


@dataclass(frozen=True)
class Line:
    """One row of a visual figure. ``columns``: (label, source); a source is truth, noisy, bicubic, a net's name, or T(table).(row)."""

    figure: int
    row: int
    dataset: str
    image: str
    "its name in our copy of the data set"
    called: str
    "its name in the paper"
    stand_in: str
    "a photograph of the wheel's test images"
    task: str
    level: float
    columns: tuple[tuple[str, str], ...]


def lines(number: int, path: Path = PATH) -> list[Line]:
    """The rows of a figure. ValueError names a wrong line and column; an empty list for a figure without pictures."""
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = [r for r in csv.reader(file) if r]
    out = []
    for n, row in enumerate(rows, start=2):
        cells = dict(zip(head, row))
        for column, kind in (("figure", int), ("row", int), ("level", float)):
            try:
                cells[column] = kind(cells[column])
            except (KeyError, ValueError):
                raise ValueError(
                    f"{path}, line {n}, column {column}: {cells.get(column)!r} is no number"
                ) from None
        if (
            len(row) != len(head)
            or cells["task"] not in PROTOCOL
            or cells["dataset"] not in _COLUMN
        ):
            raise ValueError(
                f"{path}, line {n}: needs {', '.join(head)}, a known data set and task"
            )
        parts = [part.partition("=") for part in cells["columns"].split(";")]
        if not all(label and source for label, _, source in parts):
            raise ValueError(
                f"{path}, line {n}, column columns: {cells['columns']!r} must be label=source;..."
            )
        out.append(
            Line(**cells | {"columns": tuple((label, source) for label, _, source in parts)})
        )
    return [line for line in out if line.figure == number]


def picture(line: Line, local: bool) -> np.ndarray | None:
    """The image as it is read: the paper's own (``local``; None when its data set is not on this machine), or the stand-in."""
    if not local:
        return read_images("builtin", "test")[line.stand_in]
    try:
        images = read_images(line.dataset, "test")
    except FileNotFoundError:
        return None
    return images[line.image] if line.image in images else None


def figure_visual(
    rows: list[Line], load: Callable[[str], Restore | None], *, local: bool = False
) -> Figure | None:
    """All rows under one another. Figure-level. ``load``: a stored net's name -> what restores with it, None when it is not there.
    None when no row's picture is on this machine."""
    images = [(line, picture(line, local)) for line in rows]
    images = [(line, image) for line, image in images if image is not None]
    if not images:
        return None
    columns = max(len(line.columns) for line, _ in images)
    figure = Figure(figsize=(2.9 * columns, 2.75 * len(images) + 0.4), layout="constrained")
    axes = figure.subplots(len(images), columns, squeeze=False)
    for r, (line, image) in enumerate(images):
        how = protocol(PROTOCOL[line.task])
        clean = how.clean(image, int(line.level)) if line.task == "sr" else how.clean(image)
        zoom = zoom_box(clean)
        for ax, (label, source) in zip(axes[r], line.columns):
            _panel(ax, line, label, source, image, np.squeeze(clean), zoom, load)
        name = line.called if local else line.stand_in
        what = f"σ {line.level:g}" if line.task == "denoise" else f"×{line.level:g}"
        axes[r, 0].set_ylabel(f"{name}, {what}" + ("" if local else f"\n{STAND_IN}"))
    nets = sorted(
        {s for line, _ in images for _, s in line.columns if (NETS / s / "config.json").exists()}
    )
    presets = ", ".join(sorted({read_header(NETS / s)["preset"] for s in nets})) or "none"
    figure.suptitle(
        fill(
            f"preset {presets}, not the paper's scale; weights: {', '.join(nets)}; protocol {PROTOCOL[rows[0].task]}; "
            "zoom where gradients are strongest (ours)",
            45 * columns,
        ),
        fontsize=9,
        color=style.FRAME,
    )
    return figure


def _panel(
    ax: Axes, line: Line, label: str, source: str, image: np.ndarray, clean: np.ndarray, zoom, load
) -> None:
    if source == "truth":
        plot_restoration(clean, ax=ax, title=f"{label}\n", zoom=zoom)
        return
    restore = (
        classical(source, line.task, line.level)
        if source in ("noisy", "bicubic")
        else None
        if source[0] == "T"
        else load(source)
    )
    if restore is None:
        _absent(ax, label, source, line, clean.shape)
        return
    row = measure(source, restore, line.image, image, 0, line.level, protocol(PROTOCOL[line.task]))
    plot_restoration(
        row.restored, ax=ax, title=f"{label}\n{row.psnr:.2f} dB, {row.ssim:.4f}", zoom=zoom
    )


def _absent(ax: Axes, label: str, source: str, line: Line, shape) -> None:
    """A gray panel of the picture's shape."""
    ax.imshow(np.full(shape[:2], 0.93), cmap="gray", vmin=0, vmax=1)
    text = "no weights here"
    if source[0] == "T":
        number, row = (int(part) for part in source[1:].split("."))
        cells = paper_table(number).rows[row - 1]
        end = f"s{line.level:g}" if line.task == "denoise" else _COLUMN[line.dataset]
        psnr = cells.get(f"psnr_{end}")
        if psnr is not None and psnr.value is not None:
            mean = [c.printed.split(" ")[0] for c in (psnr, cells[f"ssim_{end}"])]
            text += f"\npublished mean, Table {number},\n{line.dataset}: {mean[0]} dB, {mean[1]}"
    ax.text(
        0.5,
        0.5,
        text,
        transform=ax.transAxes,
        ha="center",
        va="center",
        fontsize=8.5,
        color=style.INK,
    )
    ax.set(xticks=[], yticks=[], title=f"{label}\n")
    ax.spines[:].set_visible(False)


def _drawn(number: int):
    """The function that draws figure ``number``, as ``kit.registry.PaperFigure`` wants it."""

    def draw(load, local: bool):
        with style.theme():
            figure = figure_visual(lines(number), load, local=local)
        if figure is not None:
            yield "", figure

    return draw


draw_fig05, draw_fig06, draw_fig08 = _drawn(5), _drawn(6), _drawn(8)
draw_fig09, draw_fig12, draw_fig13 = _drawn(9), _drawn(12), _drawn(13)
