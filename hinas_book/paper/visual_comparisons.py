"""The paper's visual comparisons (Figures 5, 6, 8, 9, 12, 13), restored when they are drawn.

A row per line of ``data/figures.csv``. PSNR and SSIM of the picture stand above each panel; a net
that is not here leaves a gray panel that says so. Methods of the paper have no weights, and a mean
over a data set is not comparable with one picture: the caption names them and their table.
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
from hinas_lab.drawing import plots, style
from hinas_lab.drawing.plots import plot_restoration, zoom_box
from hinas_lab.images.datasets.catalog import read_images
from hinas_lab.images.protocol import Restore, protocol
from hinas_lab.paths import data
from hinas_lab.restoration.classical import classical
from hinas_lab.restoration.measure import measure
from hinas_lab.runs.header import read_header

PATH = data("figures.csv")
PROTOCOL = {"denoise": "whole", "sr": "sr-standard"}
CLASSICAL = ("noisy", "tv", "bicubic")
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
    """(label, source); a source is truth, noisy, bicubic, tv, a net's name, or, of a method of
    which there are no weights, T(table).(row)"""

    @property
    def panels(self) -> list[tuple[str, str]]:
        """The columns that can be drawn."""
        return [column for column in self.columns if column[1][0] != "T"]


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


def sources(id: str) -> list[Path]:
    """The files that figure ``id`` is drawn from: its rows, the nets' weights, the code."""
    nets = {source for line in lines(int(id[3:])) for _, source in line.panels}
    files = [PATH, Path(__file__), Path(plots.__file__)]
    for net in sorted(nets):
        files += sorted((NETS / net).glob("*.safetensors"))
    return files


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
    columns = max(len(line.panels) for line, _ in pictures)
    tall = [image.shape[0] / image.shape[1] for _, image in pictures]
    # a panel is 2.9 inches wide, and has two lines above it
    figure = Figure(figsize=(2.9 * columns, 2.85 * sum(tall) + 0.5 * len(tall) + 0.5))
    figure.set_layout_engine("constrained")
    axes = figure.subplots(len(pictures), columns, squeeze=False, height_ratios=tall)
    nets = set()
    for row_axes, (line, image) in zip(axes, pictures):
        how = protocol(PROTOCOL[line.task])
        clean = how.clean(image, int(line.level)) if line.task == "sr" else how.clean(image)
        zoom = zoom_box(clean)  # one box a row: its panels show the same place
        for ax, (label, source) in zip(row_axes, line.panels):
            _panel(ax, line, (label, source), image, np.squeeze(clean), zoom, load)
            if (NETS / source / "config.json").exists():
                nets.add(source)
        level = f"σ {line.level:g}" if line.task == "denoise" else f"×{line.level:g}"
        name = line.called if local else line.stand_in
        row_axes[0].set_ylabel(f"{name}, {level}" + ("" if local else f"\n{STAND_IN}"))
    presets = {read_header(NETS / net)["preset"] for net in nets}
    absent = [column for column in rows[0].columns if column not in rows[0].panels]
    # a picture without its scale would be taken for the paper's
    caption = (
        f"preset {', '.join(sorted(presets)) or 'none'}, not the paper's scale; "
        f"weights: {', '.join(sorted(nets))}; protocol {PROTOCOL[rows[0].task]}; "
        "zoom where gradients are strongest (ours)"
    )
    if absent:
        # T10.5 is row 5 of Table 10
        table = absent[0][1][1:].split(".")[0]
        methods = ", ".join(label for label, _ in absent)
        caption += f"; no weights here: {methods}, whose means are in Table {table}"
    figure.suptitle(fill(caption, 38 * columns), fontsize=9, color=style.FRAME)
    return figure


def _panel(
    ax: Axes, line: Line, column: tuple[str, str], image: np.ndarray, clean: np.ndarray, zoom, load
):
    """What ``column`` (label, source) makes of ``image``; a gray panel where it has no weights."""
    label, source = column
    if source == "truth":
        plot_restoration(clean, ax=ax, title=f"{label}\n", zoom=zoom)
        return
    if source in CLASSICAL:
        restore = classical(source, line.task, line.level)
    else:
        restore = load(source)
    if restore is None:
        # almost white, so that no reader takes it for a restored picture
        ax.imshow(np.full(clean.shape[:2], 0.93), cmap="gray", vmin=0, vmax=1)
        middle = {"transform": ax.transAxes, "ha": "center", "va": "center"}
        ax.text(0.5, 0.5, "no weights here", fontsize=8.5, color=style.INK, **middle)
        ax.set(xticks=[], yticks=[], title=f"{label}\n")
        ax.spines[:].set_visible(False)
        return
    row = measure(source, restore, line.image, image, 0, line.level, protocol(PROTOCOL[line.task]))
    title = f"{label}\n{row.psnr:.2f} dB, {row.ssim:.4f}"
    plot_restoration(row.restored, ax=ax, title=title, zoom=zoom)


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
