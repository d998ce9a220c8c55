"""The paper's visual comparisons (Figures 5, 6, 8, 9, 12, 13), restored when they are drawn.

A row per line of ``data/figures.csv``. A column without weights is a gray panel that says so, with
the published mean of its method. PSNR and SSIM of the picture stand under each panel that was
restored here.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.kit.stored_nets import FOLDER as NETS
from hinas_book.paper.our_rows import COLUMN
from hinas_book.paper.published import paper_table
from hinas_lab.drawing import style
from hinas_lab.drawing.plots import plot_restoration, zoom_box
from hinas_lab.images.datasets.catalog import read_images
from hinas_lab.images.protocol import Restore, protocol
from hinas_lab.paths import data
from hinas_lab.restoration.classical import classical
from hinas_lab.restoration.measure import measure
from hinas_lab.runs.header import read_header

PATH = data("figures.csv")
PROTOCOL = {"denoise": "whole", "sr": "sr-standard"}
STAND_IN = "not the paper's image"
Load = Callable[[str], Restore | None]
"a stored net's name -> what restores with it, None when it is not there"


@dataclass(frozen=True)
class Line:
    """One row of a visual figure."""

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
    "(label, source); a source is truth, noisy, bicubic, a net's name, or T(table).(row)"


def lines(number: int, path: Path = PATH) -> list[Line]:
    """The rows of a figure; an empty list for a figure without pictures.

    ValueError names a wrong line and column.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    out = []
    for n, cells in enumerate(rows, start=2):
        for column, kind in (("figure", int), ("row", int), ("level", float)):
            try:
                cells[column] = kind(cells[column])
            except (KeyError, TypeError, ValueError):
                raise ValueError(
                    f"{path}, line {n}, column {column}: {cells.get(column)!r} is no number"
                ) from None
        is_known = cells["task"] in PROTOCOL and cells["dataset"] in ("BSDS500", *COLUMN)
        # csv's word for cells without a column, and for a column without a cell
        if None in cells or None in cells.values() or not is_known:
            columns = ", ".join(reader.fieldnames)
            raise ValueError(f"{path}, line {n}: needs {columns}, a known data set and task")
        columns = tuple(tuple(part.split("=", 1)) for part in cells["columns"].split(";"))
        if not all(len(column) == 2 and all(column) for column in columns):
            raise ValueError(
                f"{path}, line {n}, column columns: {cells['columns']!r} must be label=source;..."
            )
        out.append(Line(**cells | {"columns": columns}))
    return [line for line in out if line.figure == number]


def picture(line: Line, local: bool) -> np.ndarray | None:
    """The image as it is read: the stand-in, or the paper's own (``local``).

    None when the paper's data set is not on this machine.
    """
    # a photograph that may be passed on
    if not local:
        return read_images("builtin", "test")[line.stand_in]
    try:
        images = read_images(line.dataset, "test")
    except FileNotFoundError:
        return None
    return images[line.image] if line.image in images else None


def figure_visual(rows: list[Line], load: Load, *, local: bool = False) -> Figure | None:
    """All rows under one another. Figure-level.

    None when no row's picture is on this machine.
    """
    pictures = [(line, picture(line, local)) for line in rows]
    pictures = [(line, image) for line, image in pictures if image is not None]
    if not pictures:
        return None
    columns = max(len(line.columns) for line, _ in pictures)
    figure = Figure(figsize=(2.9 * columns, 2.75 * len(pictures) + 0.4), layout="constrained")
    axes = figure.subplots(len(pictures), columns, squeeze=False)
    nets = set()
    for row_axes, (line, image) in zip(axes, pictures):
        how = protocol(PROTOCOL[line.task])
        clean = how.clean(image, int(line.level)) if line.task == "sr" else how.clean(image)
        zoom = zoom_box(clean)  # one box a row: its panels show the same place
        for ax, (label, source) in zip(row_axes, line.columns):
            _panel(ax, line, (label, source), image, np.squeeze(clean), zoom, load)
            if (NETS / source / "config.json").exists():
                nets.add(source)
        level = f"σ {line.level:g}" if line.task == "denoise" else f"×{line.level:g}"
        name = line.called if local else line.stand_in
        row_axes[0].set_ylabel(f"{name}, {level}" + ("" if local else f"\n{STAND_IN}"))
    presets = {read_header(NETS / net)["preset"] for net in nets}
    # a picture without its scale would be taken for the paper's
    caption = (
        f"preset {', '.join(sorted(presets)) or 'none'}, not the paper's scale; "
        f"weights: {', '.join(sorted(nets))}; protocol {PROTOCOL[rows[0].task]}; "
        "zoom where gradients are strongest (ours)"
    )
    figure.suptitle(fill(caption, 45 * columns), fontsize=9, color=style.FRAME)
    return figure


def _panel(
    ax: Axes, line: Line, column: tuple[str, str], image: np.ndarray, clean: np.ndarray, zoom, load
):
    """What ``column`` (label, source) makes of ``image``; a gray panel where it has no weights."""
    label, source = column
    if source == "truth":
        plot_restoration(clean, ax=ax, title=f"{label}\n", zoom=zoom)
        return
    if source in ("noisy", "bicubic"):
        restore = classical(source, line.task, line.level)
    else:
        # T10.4 is a row of a table: the paper's own method, of which there are no weights
        restore = None if source[0] == "T" else load(source)
    if restore is None:
        # almost white, so that no reader takes it for a restored picture
        ax.imshow(np.full(clean.shape[:2], 0.93), cmap="gray", vmin=0, vmax=1)
        text = _why_absent(line, source)
        middle = {"transform": ax.transAxes, "ha": "center", "va": "center"}
        ax.text(0.5, 0.5, text, fontsize=8.5, color=style.INK, **middle)
        ax.set(xticks=[], yticks=[], title=f"{label}\n")
        ax.spines[:].set_visible(False)
        return
    row = measure(source, restore, line.image, image, 0, line.level, protocol(PROTOCOL[line.task]))
    title = f"{label}\n{row.psnr:.2f} dB, {row.ssim:.4f}"
    plot_restoration(row.restored, ax=ax, title=title, zoom=zoom)


def _why_absent(line: Line, source: str) -> str:
    """The text of a gray panel: of a method of the paper its published mean."""
    text = "no weights here"
    if source[0] != "T":
        return text
    number, row = map(int, source[1:].split("."))
    cells = paper_table(number).rows[row - 1]
    end = f"s{line.level:g}" if line.task == "denoise" else COLUMN[line.dataset]
    psnr = cells.get(f"psnr_{end}")
    if psnr is None or psnr.value is None:
        return text
    # without the ±
    means = [cell.printed.split(" ")[0] for cell in (psnr, cells[f"ssim_{end}"])]
    return f"{text}\npublished mean, Table {number},\n{line.dataset}: {means[0]} dB, {means[1]}"


def _drawer(number: int):
    """The function that draws figure ``number``, as ``kit.registry.PaperFigure`` wants it."""

    def draw(load: Load, local: bool):
        with style.theme():
            figure = figure_visual(lines(number), load, local=local)
        if figure is not None:
            yield "", figure

    return draw


draw_fig05 = _drawer(5)
draw_fig06 = _drawer(6)
draw_fig08 = _drawer(8)
draw_fig09 = _drawer(9)
draw_fig12 = _drawer(12)
draw_fig13 = _drawer(13)
