"""Pictures of a search and of restored images. Numbers in, artists out: nothing is shown, saved or
themed here.

``plot_x(data, *, ax) -> Axes`` draws on one given Axes, ``figure_x(...) -> Figure`` owns its figure
(no pyplot). Wrap calls in ``style.theme()`` for the house style. Letters: T epochs, L layers,
E edges, K operations, M width moves.
"""

from collections.abc import Iterable, Mapping
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.space.decode import decode_cell, normalise_beta, softmax, viterbi
from hinas_lab.space.genotype import source_names
from hinas_lab.space.ops import OPS

Records = Mapping[str, np.ndarray]
"""what records.npz holds: ``step/...`` a row per step, ``epoch/...`` a row per epoch; epoch 0 is
before the first step"""
Box = tuple[int, int, int]
"(y, x, size): a square of pixels, its top left corner and its side"
CENTRED = {"ha": "center", "va": "center"}


# ---------------------------------------------------------------- numbers


def probabilities(alpha: np.ndarray) -> np.ndarray:
    """alpha (..., K) as probabilities: returned as it is when each row already is a distribution,
    else its softmax."""
    alpha = np.asarray(alpha, dtype=np.float64)
    is_given = (alpha >= 0).all() and np.allclose(alpha.sum(-1), 1.0, atol=1e-4)
    return alpha if is_given else softmax(alpha)


def edge_labels(space: SearchSpace) -> list[str]:
    """The E edges in alpha's order: ``h(l-1)→0``, ``h(l-2)→0``, ..., ``node 0→1``, ..."""
    names = source_names(space.nodes)
    return [f"{names[j]}→{i}" for j, i in space.edges]


def winners(space: SearchSpace, p: np.ndarray) -> list[tuple[int, int]]:
    """(edge, operation) indices that the decoder keeps of one layer's probabilities (E, K), two per
    node."""
    kept = []
    for i, node in enumerate(decode_cell(space, p)):
        kept += [(space.edges.index((j, i)), space.ops.index(op)) for op, j in node]
    return kept


def warmup_end(records: Records) -> int:
    """The last epoch before the first architecture step; without any such step, the last epoch
    there is."""
    epochs = records["step/epoch"]
    arch = epochs[records["step/kind"] == 1]
    return int(arch.min()) - 1 if len(arch) else int(epochs.max(initial=0))


def best_epoch(records: Records) -> int:
    """The best epoch so far; 0 when none was validated."""
    best = records["epoch/best"]
    return int(best[-1]) if len(best) else 0


def zoom_box(image: np.ndarray) -> Box:
    """The square that holds the most gradient energy, a fifth of the short side (1 pixel at least).

    image (H, W) or (H, W, C) in [0, 1]. Ties go to the upper, then the left one.
    """
    gray = np.asarray(image, dtype=np.float64)
    if gray.ndim == 3:
        gray = gray.mean(-1)
    size = max(1, min(gray.shape) // 5)
    energy = np.zeros_like(gray)
    energy[:-1] += np.diff(gray, axis=0) ** 2
    energy[:, :-1] += np.diff(gray, axis=1) ** 2
    # The sum over any square from four corners of the summed-area table; rounded, so that ties
    # do not hang on the last bits.
    total = np.pad(energy, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = total[size:] - total[:-size]
    sums = np.round(rows[:, size:] - rows[:, :-size], 9)
    y, x = np.unravel_index(sums.argmax(), sums.shape)
    return int(y), int(x), size


# ---------------------------------------------------------------- architecture parameters


def plot_alpha(space: SearchSpace, alpha_layer: np.ndarray, *, ax: Axes, vmax: float = 1.0) -> Axes:
    """Heat map of one layer's operations. Axes-level.

    alpha_layer: (E, K), logits or probabilities; vmax: the probability of the brightest colour.
    What the decoder keeps is framed and carries its letter code. White lines part the nodes.
    """
    p = probabilities(alpha_layer)
    kept = winners(space, p)
    plot_operations(space, p, kept, ax=ax, vmax=vmax)
    for e, (_, node) in enumerate(space.edges):
        if e and node != space.edges[e - 1][1]:
            ax.axhline(e - 0.5, color=style.PAPER, linewidth=2.5)
    for e, k in kept:
        corner = (k - 0.47, e - 0.45)  # a frame stays off its neighbour's
        frame = Rectangle(corner, 0.94, 0.9, fill=False, edgecolor=style.FRAME, linewidth=1.8)
        ax.add_patch(frame)
    return ax


def plot_operations(
    space: SearchSpace,
    values: np.ndarray,
    marked: Iterable[tuple[int, int]],
    *,
    ax: Axes,
    vmax: float,
) -> Axes:
    """Heat map of one number per edge and operation, values (E, K) from 0 to ``vmax``; the (edge,
    operation) indices ``marked`` carry their letter codes. Axes-level."""
    codes = [OPS[name].code for name in space.ops]
    ax.imshow(values, cmap=style.HEAT, vmin=0.0, vmax=vmax, aspect="auto", interpolation="nearest")
    for e, k in marked:
        # The lower half of the colour map is dark.
        ink = "white" if values[e, k] < 0.55 * vmax else "black"
        ax.text(k, e, codes[k], fontsize=8.5, fontweight="bold", color=ink, **CENTRED)
    ax.set_xticks(range(len(codes)), codes)
    ax.set_yticks(range(len(space.edges)), edge_labels(space))
    ax.set(xlabel="operation", ylabel="edge")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_beta(space: SearchSpace, beta: np.ndarray, *, ax: Axes) -> Axes:
    """The width trellis. Axes-level.

    beta: (M,) logits, one per legal move. Columns: the start and the layers, rows: the widths. An
    arrow's thickness and number are the move's normalised weight; the Viterbi path is coloured and
    bold, the title says its probability (with incoming beta: score).
    """
    path, value = viterbi(space, beta)
    widths_kept = (0, *path)
    for move, weight in zip(space.moves, normalise_beta(space, beta)):
        is_kept = widths_kept[move.layer : move.layer + 2] == (move.source, move.target)
        _draw_move(ax, move, weight, is_kept)
    columns = ((0,), *space.cells)
    for column, widths in enumerate(columns):
        for i in widths:
            _draw_width(ax, column, i, space.width_factors[i], i == widths_kept[column])
    layers = [f"layer {l}" for l in range(space.layers)]
    lowest, highest = min(map(min, columns)), max(map(max, columns))
    ax.set_xticks(range(len(columns)), ["start", *layers])
    ax.set_yticks([])
    ax.set(xlim=(-0.45, len(columns) - 0.55), ylim=(lowest - 0.4, highest + 0.4))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    kind = "probability" if space.beta_norm == "outgoing" else "score"
    ax.set_title(f"width path {'-'.join(map(str, path))}, {kind} {value:.3g}")
    return ax


def _draw_move(ax: Axes, move, weight: float, is_kept: bool) -> None:
    """An arrow from width to width with its weight in [0, 1] written on it."""
    tail, head = np.array([move.layer, move.source]), np.array([move.layer + 1, move.target])
    arrow = FancyArrowPatch(
        tail,
        head,
        arrowstyle="-|>",
        mutation_scale=9 + 5 * weight,
        shrinkA=20,
        shrinkB=21,
        color=style.FRAME if is_kept else style.FAINT,
        linewidth=0.6 + 4.5 * weight,
        zorder=1 + is_kept,
    )
    ax.add_patch(arrow)
    # Diagonals cross in the middle: their numbers stand before it.
    x, y = tail + (0.5 if move.source == move.target else 0.33) * (head - tail)
    ax.text(
        x,
        y,
        f"{weight:.2f}",
        fontsize=8.5,
        color=style.INK,
        fontweight="bold" if is_kept else "normal",
        zorder=4,
        bbox={"fc": style.PAPER, "ec": "none", "pad": 0.8},
        **CENTRED,
    )


def _draw_width(ax: Axes, column: int, i: int, factor: float, is_kept: bool) -> None:
    """The box of width ``i`` in a column of the trellis."""
    box = {"boxstyle": "round,pad=0.4", "fc": style.PALE, "ec": style.FAINT, "lw": 0.8}
    if is_kept:
        box |= {"fc": style.PAPER, "ec": style.FRAME, "lw": 2}
    ax.text(
        column,
        i,
        f"{factor:g}·W",
        fontsize=9,
        color=style.INK,
        fontweight="bold" if is_kept else "normal",
        zorder=5,
        bbox=box,
        **CENTRED,
    )


# ---------------------------------------------------------------- curves


def _epoch_axis(records: Records, ax: Axes) -> None:
    """Shared by the curves: the epoch axis, the warm-up shaded, the best epoch marked."""
    epochs = np.concatenate([records["epoch/epoch"], records["step/epoch"]])
    end, best = warmup_end(records), best_epoch(records)
    if end:
        ax.axvspan(0, end, color=style.PALE, linewidth=0, zorder=0, label="warm-up")
    if best:
        line = {"color": style.BEST, "linewidth": 1.2, "linestyle": ":", "zorder": 1}
        ax.axvline(best, label=f"best epoch {best}", **line)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", xlim=(0, epochs.max(initial=1) * 1.02))


def _legend(ax: Axes) -> None:
    """Below the axes, where no curve is."""
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=2,
        frameon=False,
        handlelength=1.8,
        columnspacing=1.2,
    )


def plot_scores(records: Records, *, ax: Axes) -> Axes:
    """What picks the best supernet: the score on V after each validated epoch. Axes-level.

    The best epoch carries a star; its value is no result (V chose it).
    """
    _epoch_axis(records, ax)
    epochs, scores = records["epoch/epoch"], np.asarray(records["epoch/score"], dtype=np.float64)
    is_known = np.isfinite(scores)
    ax.set(ylabel="score on V", title="validation of the supernet")
    if not is_known.any():
        how = {"transform": ax.transAxes, "color": style.FAINT, **CENTRED}
        ax.text(0.5, 0.5, "not validated yet", **how)
        ax.set_yticks([])
        return ax
    curve = {"color": style.INK, "linewidth": 1.5, "marker": "o", "markersize": 3.5}
    ax.plot(epochs[is_known], scores[is_known], **curve)
    is_best = is_known & (epochs == best_epoch(records))
    star = {"marker": "*", "markersize": 14, "color": style.BEST, "markeredgecolor": style.PAPER}
    ax.plot(epochs[is_best], scores[is_best], **star)
    _legend(ax)
    return ax


def plot_entropy(records: Records, *, ax: Axes) -> Axes:
    """How decided the search is. Axes-level.

    Mean entropy of alpha and beta in nats, and the share of decoded edges that are skips (1 is the
    collapse of Section 3.3). The dashed line is ln K, where all K operations are equally likely.
    """
    _epoch_axis(records, ax)
    operations = records["epoch/alpha"].shape[-1]
    top = np.log(operations)
    undecided = f"ln {operations}: undecided"
    ax.axhline(top, color=style.FAINT, linewidth=0.8, linestyle="--", label=undecided)
    for key, label, colour, marker in (
        ("alpha_entropy", "entropy of softmax(α), nats", style.ALPHA, "o"),
        ("beta_entropy", "entropy of softmax(β), nats", style.BETA, "s"),
        ("skip_share", "skip share", style.SKIP, "^"),
    ):
        curve = {"color": colour, "linewidth": 1.5, "marker": marker, "markersize": 3}
        ax.plot(records["epoch/epoch"], records[f"epoch/{key}"], label=label, **curve)
    ax.set(ylabel="nats; share", ylim=(0, top * 1.06), title="entropy and skip share")
    _legend(ax)
    return ax


def plot_losses(records: Records, *, ax: Axes) -> Axes:
    """Every step's loss as a thin line, the mean of each epoch bold: weight steps on Train W,
    architecture steps on Train A. Axes-level, logarithmic."""
    _epoch_axis(records, ax)
    epoch, kind = records["step/epoch"], records["step/kind"]
    loss = np.asarray(records["step/loss"], dtype=np.float64)
    is_arch = kind == 1
    # an arch step comes half an iteration before its weight step
    iteration = records["step/iteration"] - 0.5 * is_arch
    times = epoch - 1 + iteration / max(1, records["step/iteration"].max(initial=1))
    for chosen, colour, label in (
        (~is_arch, style.WEIGHT, "weight steps"),
        (is_arch, style.ARCH, "arch steps"),
    ):
        ax.plot(times[chosen], loss[chosen], color=colour, linewidth=0.6, alpha=0.35)
        counts = np.bincount(epoch[chosen])
        ends = np.flatnonzero(counts)
        means = np.bincount(epoch[chosen], loss[chosen])[ends] / counts[ends]
        ax.plot(ends - 0.5, means, color=colour, linewidth=1.6, label=label)
    ax.set(yscale="log", ylabel="loss", title="losses")
    _legend(ax)
    return ax


def plot_chosen_edge(
    space: SearchSpace, records: Records, layer: int, edge: int, *, ax: Axes
) -> Axes:
    """The probabilities of one edge's operations over the epochs, their codes at the right ends.
    Axes-level."""
    _epoch_axis(records, ax)
    alpha = records["epoch/alpha"]
    alpha = alpha.reshape(len(alpha), -1, *alpha.shape[-2:])[:, layer, edge]
    p = softmax(alpha.astype(np.float64))
    for k, name in enumerate(space.ops):
        ax.plot(records["epoch/epoch"], p[:, k], color=style.op_colour(name), label=OPS[name].code)
    where = f"layer {layer}" if space.lwas else "all layers"
    ax.set(ylim=(0, None), title=f"softmax(α) of {edge_labels(space)[edge]}, {where}")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, handlelength=1)
    return ax


def figure_search(space: SearchSpace, records: Records) -> Figure:
    """The search in one picture. Figure-level.

    One alpha heat map per layer (tied alpha: one for all) before the first step and at the best
    epoch (the last when none was validated); then the width trellis of that epoch, entropy with
    skip share, and the scores on V.
    """
    epochs, best = records["epoch/epoch"], best_epoch(records)
    has_best = best > 0 and best in epochs
    row = int(np.flatnonzero(epochs == best)[0]) if has_best else len(epochs) - 1
    when = f"epoch {epochs[row]} ({'best' if has_best else 'last'})"
    alpha = records["epoch/alpha"]
    # Tied alpha is (T, E, K): one layer for all. One colour scale, so that maps compare.
    alpha = alpha.reshape(len(alpha), -1, *alpha.shape[-2:])
    before, after = probabilities(alpha[0]), probabilities(alpha[row])
    vmax = float(max(before.max(), after.max()))

    maps = len(after)
    # Inches: a map's height with its title and labels.
    height = 0.9 + 0.2 * len(space.edges)
    figure = Figure(figsize=(max(12.0, 3.2 * maps), 2 * height + 3.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(2 * height, 3.6), hspace=0.03)
    axes = upper.subplots(2, maps, squeeze=False)
    for line, state, name in zip(axes, (before, after), (f"epoch {epochs[0]}", when)):
        for l, ax in enumerate(line):
            plot_alpha(space, state[l], ax=ax, vmax=vmax)
            layer = f"layer {l}" if maps == space.layers else "all layers"
            ax.set_title(f"softmax(α), {layer}, {name}")
            ax.label_outer()
    upper.colorbar(axes[0, 0].images[0], ax=axes, label="probability", fraction=0.03, pad=0.01)
    trellis, left, right = lower.subplots(1, 3, width_ratios=(1.5, 1, 1))
    plot_beta(space, records["epoch/beta"][row], ax=trellis)
    trellis.set_title(f"softmax(β), {when}: {trellis.get_title()}")
    plot_entropy(records, ax=left)
    plot_scores(records, ax=right)
    return figure


# ---------------------------------------------------------------- images


def plot_restoration(
    image: np.ndarray, *, ax: Axes, title: str = "", zoom: Box | None = None
) -> Axes:
    """One image, gray (H, W) or RGB (H, W, 3) in [0, 1], a square of it magnified in the farthest
    corner. Axes-level.

    Values outside [0, 1] are clipped, for showing only. zoom: (y, x, size) in this image's pixels;
    None: no inset.
    """
    shown = np.clip(np.squeeze(image), 0.0, 1.0)
    height, width = shown.shape[:2]
    gray = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0}
    ax.imshow(shown, interpolation="antialiased", **gray)
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)
    if zoom is None:
        return ax
    y, x, size = zoom
    # In shares of the axes: the inset's size, square in pixels, and its gap to the corner.
    side = 0.42 * min(height, width)
    w, h = side / width, side / height
    gap = 0.015
    left = 1 - w - gap if x + size / 2 < width / 2 else gap
    low = 1 - h - gap if y + size / 2 >= height / 2 else gap
    inset = ax.inset_axes((left, low, w, h))
    inset.imshow(shown[y : y + size, x : x + size], interpolation="nearest", **gray)
    inset.set(xticks=[], yticks=[])
    inset.spines[:].set(visible=True, color=style.FRAME, linewidth=2)
    # Pixel centres lie at whole numbers.
    corner = (x - 0.5, y - 0.5)
    frame = Rectangle(corner, size, size, fill=False, edgecolor=style.FRAME, linewidth=2)
    ax.add_patch(frame)
    return ax


def figure_restoration(
    images: dict[str, np.ndarray],
    *,
    scores: Mapping[str, tuple[float, float]] | None = None,
    zoom: Box | None = None,
    columns: int | None = None,
) -> Figure:
    """The images side by side, at most three in a line unless ``columns`` says otherwise, each with
    the same square magnified. Figure-level.

    images: name -> gray (H, W) or RGB (H, W, 3) in [0, 1]; scores: name -> (PSNR in dB, SSIM),
    printed in the title. zoom: (y, x, size) in pixels of the clean image, which is the one named
    ``clean``, else the first; None chooses the square of highest gradient energy there. An image of
    another size (low resolution) gets the same square, rescaled. ValueError for no image.
    """
    if not images:
        raise ValueError("images: must hold at least one image")
    clean = np.squeeze(images.get("clean", next(iter(images.values()))))
    box = zoom or zoom_box(clean)
    if columns is None:
        columns = ceil(len(images) / ceil(len(images) / 3))
    lines = ceil(len(images) / columns)
    # Inches: a panel's width and height, the space for its title, the space between panels.
    panel = 3.2
    tall = panel * clean.shape[0] / clean.shape[1]
    head = 0.5 if scores else 0.3
    gap = 0.12
    width, height = columns * (panel + gap) + gap, lines * (tall + head + gap) + gap
    figure = Figure(figsize=(width, height))
    for n, (name, image) in enumerate(images.items()):
        line, column = divmod(n, columns)
        left, low = gap + column * (panel + gap), height - (line + 1) * (tall + head + gap)
        ax = figure.add_axes((left / width, low / height, panel / width, tall / height))
        title = name
        if scores and name in scores:
            title += "\n{:.2f} dB, SSIM {:.4f}".format(*scores[name])
        scale = np.squeeze(image).shape[0] / clean.shape[0]
        y, x, size = (round(pixels * scale) for pixels in box)
        plot_restoration(image, ax=ax, title=title, zoom=(y, x, max(1, size)))
    return figure
