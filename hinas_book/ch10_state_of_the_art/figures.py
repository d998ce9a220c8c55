"""Trade-off between cost and quality (Figure 14).

Published seconds are of one GTX 1080 Ti and never share an axis with ours.
"""

from collections.abc import Mapping, Sequence
from math import isnan, nan

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from hinas_book.kit.labels import place_labels
from hinas_book.paper.published import paper_table
from hinas_lab.drawing import style
from hinas_lab.images.datasets.catalog import read_images

SMALLEST, SIZE = 14, 36
"points^2: the area of a mark, and what each million parameters adds to it"
COLOURS = LogNorm(0.01, 30)
"parameters in millions -> a place on the colour map"
MIXED = (
    "Table 10 mixes protocols: the rows of BM3D and others fit pictures of half size, and the\n"
    "paper does not say which protocol made its own (docs/protocols.md): heights are no ranking"
)


def plot_tradeoff(
    points: Sequence[tuple[str, float, float, float]], *, ax: Axes, across: str, up: str
) -> Axes:
    """(method, cost, quality, parameters in millions) as marks named beside them. Axes-level.

    The cost axis is logarithmic. A mark's area and colour grow with the parameters; where they are
    nan it is white. HiNAS, or ours, has a bold name and frame.
    """
    for name, cost, quality, parameters in points:
        ours = _is_ours(name)
        frame = {"edgecolor": style.ALPHA if ours else style.INK, "linewidth": 2 if ours else 1}
        ax.scatter(cost, quality, zorder=3 if ours else 2, **_mark(parameters) | frame)
        printed = "" if isnan(parameters) else f", {parameters:.3g} M"
        _name(ax, name + printed, (cost, quality), (6, 5))
    ax.set(xscale="log", xlabel=across, ylabel=up)
    ax.margins(0.16)
    return ax


def _is_ours(name: str) -> bool:
    return "HiNAS" in name or name.startswith("ours")


def _mark(parameters: float) -> dict:
    """Area and colour of a mark for so many millions of parameters."""
    if isnan(parameters):
        return {"s": SMALLEST, "facecolor": style.PAPER}
    colour = colormaps[style.HEAT](COLOURS(parameters))
    return {"s": SMALLEST + SIZE * parameters, "facecolor": colour}


def _legend(figure: Figure):
    """What area and colour of a mark say, below all axes of ``figure``."""
    ax = figure.axes[0]
    handles = []
    for parameters in (0.1, 1, 10):
        label = f"{parameters:g} M parameters"
        handles.append(ax.scatter([], [], edgecolor=style.INK, label=label, **_mark(parameters)))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _name(ax: Axes, name: str, point: tuple[float, float], offset: tuple[int, int], **how):
    weight = "bold" if _is_ours(name) else "normal"
    ax.annotate(
        name, point, offset, textcoords="offset points", fontsize=8, fontweight=weight, **how
    )


def published_points(number: int, quality: str) -> list[tuple[str, float, float, float]]:
    """Methods of a table whose seconds and ``quality`` cell are printed and not flagged.

    (method, seconds, quality, parameters in millions or nan).
    """
    numbers = paper_table(number).numbers()[["method", "seconds", quality, "params_m"]]
    shown = numbers.dropna(subset=["seconds", quality])
    return list(shown.itertuples(index=False, name=None))


def figure_tradeoff() -> Figure:
    """Figure 14 and its PSNR twin, from printed numbers alone. Figure-level."""
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    # where most methods print seconds
    panels = {
        10: ("s50", "denoising, σ 50, 200 pictures"),
        11: ("bsd100", "×3, BSD100, 100 pictures"),
    }
    units = {"ssim": "SSIM", "psnr": "PSNR, dB"}
    for line, (metric, unit) in zip(figure.subplots(2, 2), units.items()):
        for ax, (number, (place, title)) in zip(line, panels.items()):
            points = published_points(number, f"{metric}_{place}")
            plot_tradeoff(points, ax=ax, across="published seconds, GTX 1080 Ti", up=unit)
            ax.set_title(f"Table {number}: {title}", loc="left")
    figure.suptitle(MIXED, fontsize=9, color=style.FRAME)
    _legend(figure)
    for ax in figure.axes:
        place_labels(ax)
    return figure


def figure_costs(rows: Sequence[Mapping]) -> Figure:
    """Seconds here against multiply-accumulates, of ``study peers``'s rows. Figure-level.

    One machine, one run, random weights.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    points = [(r["method"], r["macs"] / 1e9, r["seconds"], r["parameters"] / 1e6) for r in rows]
    across = "multiply-accumulates, 10⁹ a picture"
    ax = plot_tradeoff(points, ax=figure.subplots(), across=across, up="seconds a picture, here")
    ax.set_yscale("log")
    ax.set_title("one CPU thread, random weights, picture of 480 × 320", loc="left")
    for axis in (ax.xaxis, ax.yaxis):
        # 20, not 2 × 10¹
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    _legend(figure)
    place_labels(ax)
    return figure


def measured_points(rows: Sequence[Mapping], quality: str) -> list[tuple]:
    """(method, seconds, ``quality``, parameters in millions or nan) of rows measured here.

    A method that was trained several times is named with its learning rate. What was given and not
    restored ("noisy") has no seconds and is left out.
    """
    methods = [row["method"] for row in rows]
    points = []
    for row in rows:
        name = row["method"]
        if name == "noisy":
            continue
        if methods.count(name) > 1:
            name = f"{name}, rate {row['lr']:g}"
        millions = nan if row["parameters"] is None else row["parameters"] / 1e6
        points.append((name, row["seconds"], row[quality], millions))
    return points


def mixed(rows: Sequence[Mapping]) -> str:
    """In what ``rows`` of one panel differ that share no axis, in a line; empty: in nothing."""
    differ = []
    for what in ("protocol", "level", "dataset", "device", "threads"):
        values = sorted({str(row[what]) for row in rows})
        if len(values) > 1:
            differ.append(f"{what} {', '.join(values)}")
    return f"mixed ({'; '.join(differ)}): heights are no ranking" if differ else ""


def figure_measured(rows: Sequence[Mapping]) -> Figure:
    """Figure 14 of ``study peers --train``'s rows, all measured here in one run. Figure-level.

    A column a task; SSIM above, PSNR below, both against seconds.
    """
    tasks = {"denoise": "denoising, σ {:g}", "sr": "×{:g}"}
    units = {"ssim": "SSIM", "psnr": "PSNR, dB"}
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    for line, (metric, unit) in zip(figure.subplots(2, len(tasks)), units.items()):
        for ax, (task, words) in zip(line, tasks.items()):
            shown = [row for row in rows if row["task"] == task]
            first = shown[0]
            seconds = f"seconds a picture, {first['device']}, threads {first['threads']}"
            plot_tradeoff(measured_points(shown, metric), ax=ax, across=seconds, up=unit)
            level = words.format(first["level"])
            title = f"{level}: {first['n']} pictures of {first['dataset']}, {first['protocol']}"
            warning = mixed(shown)
            colour = style.FRAME if warning else style.INK
            ax.set_title(warning or title, loc="left", color=colour)
    figure.suptitle(
        f"ours, and others trained with its budget; test pictures of {_sizes()} pixels", fontsize=9
    )
    _legend(figure)
    for ax in figure.axes:
        place_labels(ax)
    return figure


def _sizes() -> str:
    """Width x height of the built-in test pictures, the smallest and the largest."""
    sizes = []
    for image in read_images("builtin", "test").values():
        height, width = image.shape[:2]
        sizes.append((height * width, f"{width} × {height}"))
    return f"{min(sizes)[1]} to {max(sizes)[1]}"


def published_scores(number: int, place: str, scale: str = "") -> dict[str, tuple[float, float]]:
    """Method -> (PSNR in dB, SSIM) as printed at ``place``, e.g. bsd100, and ``scale``, e.g. ×4.

    Rows with a flag there are left out.
    """
    numbers = paper_table(number).numbers()
    # "Comparison" prints differences of the rows above it
    numbers = numbers[numbers["method"] != "Comparison"]
    if scale:
        numbers = numbers[numbers["scale"] == scale]
    scores = numbers.set_index("method")[[f"psnr_{place}", f"ssim_{place}"]].dropna()
    return {method: (psnr, ssim) for method, psnr, ssim in scores.itertuples()}


def figure_scores(
    points: Mapping[str, tuple[float, float]], named: Sequence[str] = (), what: str = ""
) -> Figure:
    """Method -> (PSNR in dB, SSIM): do both say the same? Figure-level.

    HiNAS is filled and named, the others are named where ``named`` has them; a line is fitted to
    the others (least squares).
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    ax = figure.subplots()
    for name, point in points.items():
        ours = "HiNAS" in name
        colour = style.ALPHA if ours else style.BETA
        ax.plot(*point, "o", color=colour, markerfacecolor=colour if ours else style.PAPER)
        if ours:
            _name(ax, name, point, (-6, 4), ha="right")
        elif name in named:
            _name(ax, name, point, (6, -8))
    others = np.array([point for name, point in points.items() if "HiNAS" not in name])
    ends = np.array(ax.get_xlim())
    slope, height = np.polyfit(*others.T, 1)
    line = {"color": style.FAINT, "lw": 1, "ls": "--", "label": "line through the others"}
    ax.plot(ends, height + slope * ends, zorder=1, **line)
    ax.legend(loc="lower right")
    ax.set(xlabel=f"PSNR in dB{what}", ylabel=f"SSIM{what}")
    ax.margins(0.12)
    return figure
