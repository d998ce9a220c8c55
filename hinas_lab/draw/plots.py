"""Pictures of a search and of restored images. Numbers in, artists out: nothing is shown, saved or themed here.

``plot_x(data, *, ax) -> Axes`` draws on one given Axes, ``figure_x(...) -> Figure`` owns its figure (no pyplot).
Wrap calls in ``style.theme()`` for the house style. Letters: T epochs, L layers, E edges, K operations, M width moves.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from hinas_lab.config import SearchSpace
from hinas_lab.draw import style
from hinas_lab.space.decode import decode_cell, normalise_beta, softmax, viterbi
from hinas_lab.space.ops import OP_NAMES, OPS

Records = Mapping[str, np.ndarray]
"what records.npz holds: ``step/...`` a row per step, ``epoch/...`` a row per epoch; epoch 0 is before the first step"
Box = tuple[int, int, int]
"(y, x, size): a square of pixels, its top left corner and its side"


# ---------------------------------------------------------------- numbers


def probabilities(alpha: np.ndarray) -> np.ndarray:
    """alpha (..., K) as probabilities: returned as it is when each row already is a distribution, else its softmax."""
    alpha = np.asarray(alpha, dtype=np.float64)
    given = (alpha >= 0).all() and np.allclose(alpha.sum(-1), 1.0, atol=1e-4)
    return alpha if given else softmax(alpha)


def source_label(source: int) -> str:
    """A source of an edge: h-1, h-2 (the layers before), then the cell's nodes 0, 1, ..."""
    return ("h-1", "h-2")[source] if source < 2 else str(source - 2)


def edge_labels(space: SearchSpace) -> list[str]:
    """The E edges in alpha's order: ``h-1→0``, ``h-2→0``, ``h-1→1``, ``h-2→1``, ``0→1``, ..."""
    return [f"{source_label(j)}→{i}" for j, i in space.edges]


def winners(space: SearchSpace, p: np.ndarray) -> list[tuple[int, int]]:
    """(edge, operation) indices that the decoder keeps of one layer's probabilities (E, K), two per node."""
    cell = decode_cell(space, p)
    return [
        (space.edges.index((j, i)), OP_NAMES.index(op))
        for i, node in enumerate(cell)
        for op, j in node
    ]


def warmup_end(records: Records) -> int:
    """The last epoch before the first architecture step; without any such step, the last epoch there is."""
    epochs = records["step/epoch"]
    arch = epochs[records["step/kind"] == 1]
    return int(arch.min()) - 1 if len(arch) else int(epochs.max(initial=0))


def best_epoch(records: Records) -> int:
    """The best epoch so far; 0 when none was validated."""
    best = records["epoch/best"]
    return int(best[-1]) if len(best) else 0


def step_times(epochs: np.ndarray) -> np.ndarray:
    """Each step's place on the epoch axis: the steps of epoch e fill (e - 1, e]. epochs (steps,) ascending."""
    _, index, counts = np.unique(epochs, return_inverse=True, return_counts=True)
    first = np.cumsum(counts) - counts
    return epochs - 1 + (np.arange(len(epochs)) - first[index] + 1) / counts[index]


def zoom_box(image: np.ndarray, size: int | None = None) -> Box:
    """The square of ``size`` pixels (default: a fifth of the short side) that holds the most gradient energy.

    image (H, W) or (H, W, C) in [0, 1]. Ties go to the upper, then the left one.
    """
    gray = np.asarray(image, dtype=np.float64)
    gray = gray.mean(-1) if gray.ndim == 3 else gray
    size = max(1, min(size or min(gray.shape) // 5, *gray.shape))
    energy = np.zeros_like(gray)
    energy[:-1] += np.diff(gray, axis=0) ** 2
    energy[:, :-1] += np.diff(gray, axis=1) ** 2
    total = np.pad(energy, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    sums = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
    y, x = np.unravel_index(np.round(sums, 9).argmax(), sums.shape)
    return int(y), int(x), size


# ---------------------------------------------------------------- architecture parameters


def plot_alpha(space: SearchSpace, alpha_layer: np.ndarray, *, ax: Axes, vmax: float = 1.0) -> Axes:
    """Heat map of one layer's operations. Axes-level.

    alpha_layer: (E, K), logits or probabilities; vmax: the probability of the brightest colour. The edges that the
    decoder keeps are framed, the operation it takes carries its letter code. White lines part the nodes.
    """
    p = probabilities(alpha_layer)
    kept = winners(space, p)
    plot_operations(space, p, kept, ax=ax, vmax=vmax)
    for e, (_, node) in enumerate(space.edges):
        if e and node != space.edges[e - 1][1]:
            ax.axhline(e - 0.5, color=style.PAPER, linewidth=2.5)
    for e, _ in kept:
        inset = 0.06  # a frame stays off its neighbour's
        ax.add_patch(
            Rectangle(
                (-0.5 + inset / 2, e - 0.5 + inset),
                len(OP_NAMES) - inset,
                1 - 2 * inset,
                fill=False,
                edgecolor=style.FRAME,
                linewidth=1.8,
            )
        )
    return ax


def plot_operations(
    space: SearchSpace,
    values: np.ndarray,
    marked: Iterable[tuple[int, int]],
    *,
    ax: Axes,
    vmax: float,
) -> Axes:
    """Heat map of one number per edge and operation, values (E, K) from 0 to ``vmax``; the (edge, operation) indices ``marked`` carry their
    letter codes. Axes-level."""
    ax.imshow(values, cmap=style.HEAT, vmin=0.0, vmax=vmax, aspect="auto", interpolation="nearest")
    for e, k in marked:
        ax.text(
            k,
            e,
            OPS[OP_NAMES[k]].code,
            ha="center",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            color="white" if values[e, k] < 0.55 * vmax else "black",
        )
    ax.set_xticks(range(len(OP_NAMES)), [OPS[name].code for name in OP_NAMES])
    ax.set_yticks(range(len(space.edges)), edge_labels(space))
    ax.set(xlabel="operation", ylabel="edge")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_beta(space: SearchSpace, beta: np.ndarray, *, ax: Axes) -> Axes:
    """The width trellis. Axes-level.

    beta: (M,) logits, one per legal move. Columns: the start and the layers, rows: the widths. An arrow's thickness and
    number are the move's normalised weight; the Viterbi path is coloured and bold, the title says its probability
    (with incoming beta: score).
    """
    weights = normalise_beta(space, beta)
    path, value = viterbi(space, beta)
    on_path = set(zip(range(space.layers), (0, *path[:-1]), path))
    for move, weight in zip(space.moves, weights):
        kept = tuple(move) in on_path
        colour = style.FRAME if kept else style.FAINT
        tail, head = np.array([move.layer, move.source]), np.array([move.layer + 1, move.target])
        ax.add_patch(
            FancyArrowPatch(
                tail,
                head,
                arrowstyle="-|>",
                mutation_scale=9 + 5 * weight,
                shrinkA=20,
                shrinkB=21,
                color=colour,
                linewidth=0.6 + 4.5 * weight,
                zorder=1 + kept,
            )
        )
        x, y = tail + (0.5 if move.source == move.target else 0.33) * (
            head - tail
        )  # diagonals cross in the middle
        ax.text(
            x,
            y,
            f"{weight:.2f}",
            ha="center",
            va="center",
            fontsize=8.5,
            color=style.INK,
            zorder=4,
            fontweight="bold" if kept else "normal",
            bbox={"fc": style.PAPER, "ec": "none", "pad": 0.8},
        )
    cells = ((0,), *space.cells)
    for column, widths in enumerate(cells):
        for i in widths:
            kept = i == (0, *path)[column]
            fill, edge, line = (
                (style.PAPER, style.FRAME, 2) if kept else (style.PALE, style.FAINT, 0.8)
            )
            ax.text(
                column,
                i,
                f"{space.width_factors[i]:g}·W",
                ha="center",
                va="center",
                fontsize=9,
                color=style.INK,
                fontweight="bold" if kept else "normal",
                zorder=5,
                bbox={"boxstyle": "round,pad=0.4", "fc": fill, "ec": edge, "lw": line},
            )
    rows = sorted({i for widths in cells for i in widths})
    ax.set_xticks(range(len(cells)), ["start", *(f"layer {l}" for l in range(space.layers))])
    ax.set_yticks([])
    ax.set(xlim=(-0.45, len(cells) - 0.55), ylim=(rows[0] - 0.4, rows[-1] + 0.4))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    kind = "probability" if space.beta_norm == "outgoing" else "score"
    ax.set_title(f"width path {'-'.join(map(str, path))}, {kind} {value:.3g}")
    return ax


# ---------------------------------------------------------------- curves


def _epoch_axis(records: Records, ax: Axes) -> Axes:
    """Shared by the curves: the epoch axis, the warm-up shaded, the best epoch marked."""
    last = max(
        1, int(records["epoch/epoch"].max(initial=0)), int(records["step/epoch"].max(initial=0))
    )
    if end := warmup_end(records):
        ax.axvspan(0, end, color=style.PALE, linewidth=0, zorder=0, label="warm-up")
    if best := best_epoch(records):
        ax.axvline(
            best,
            color=style.BEST,
            linewidth=1.2,
            linestyle=":",
            zorder=1,
            label=f"best epoch {best}",
        )
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", xlim=(0, last * 1.02))
    return ax


def _legend(ax: Axes):
    """Below the axes, where no curve is."""
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=2,
        frameon=False,
        handlelength=1.8,
        columnspacing=1.2,
    )


def plot_losses(records: Records, *, ax: Axes, what: str = "loss") -> Axes:
    """Losses of weight steps (Train W) and architecture steps (Train A). Axes-level.

    Every step is a point of a thin line, the mean of each epoch a mark on a bold one.
    what: ``loss`` (Eq. 7's sum), ``pixel`` or ``lssim`` (its terms).
    """
    _epoch_axis(records, ax)
    epochs, kinds = records["step/epoch"], records["step/kind"]
    values = np.asarray(records[f"step/{what}"], dtype=np.float64)
    times = step_times(epochs)
    for kind, name, colour, marker in (
        (0, "weights, Train W", style.WEIGHT, "o"),
        (1, "architecture, Train A", style.ARCH, "s"),
    ):
        mine = kinds == kind
        if not mine.any():
            continue
        ax.plot(times[mine], values[mine], color=colour, linewidth=0.6, alpha=0.35)
        ends = np.unique(epochs[mine])
        means = [values[mine & (epochs == e)].mean() for e in ends]
        ax.plot(
            ends - 0.5, means, color=colour, linewidth=1.8, marker=marker, markersize=3, label=name
        )
    ax.set(
        ylabel={"loss": "loss", "pixel": "pixel loss", "lssim": "$l_{ssim}$"}[what],
        title="training loss",
    )
    _legend(ax)
    return ax


def plot_scores(records: Records, *, ax: Axes, what: str = "score") -> Axes:
    """What picks the best supernet: the score on V after each validated epoch. Axes-level.

    what: ``score``, ``psnr`` (dB) or ``ssim``. The best epoch carries a star; its value is no result (V chose it).
    """
    _epoch_axis(records, ax)
    epochs, values = records["epoch/epoch"], np.asarray(records[f"epoch/{what}"], dtype=np.float64)
    known, best = np.isfinite(values), best_epoch(records)
    names = {"score": "score on V", "psnr": "PSNR on V (dB)", "ssim": "SSIM on V"}
    ax.set(ylabel=names[what], title="validation of the supernet")
    if not known.any():
        ax.text(
            0.5,
            0.5,
            "not validated yet",
            transform=ax.transAxes,
            ha="center",
            va="center",
            color=style.FAINT,
        )
        ax.set_yticks([])
        return ax
    ax.plot(
        epochs[known], values[known], color=style.INK, linewidth=1.5, marker="o", markersize=3.5
    )
    at = known & (epochs == best)
    ax.plot(
        epochs[at],
        values[at],
        color=style.BEST,
        marker="*",
        markersize=14,
        markeredgecolor=style.PAPER,
    )
    _legend(ax)
    return ax


def plot_entropy(records: Records, *, ax: Axes) -> Axes:
    """How decided the search is. Axes-level.

    Mean entropy of alpha and beta in nats, and the share of decoded edges that are skips (1 is the collapse of
    Section 3.3). The dashed line is ln K, where all K operations are equally likely.
    """
    _epoch_axis(records, ax)
    top = np.log(len(OP_NAMES))
    ax.axhline(
        top,
        color=style.FAINT,
        linewidth=0.8,
        linestyle="--",
        label=f"ln {len(OP_NAMES)}: undecided",
    )
    for key, name, colour, marker in (
        ("alpha_entropy", "α entropy (nats)", style.ALPHA, "o"),
        ("beta_entropy", "β entropy (nats)", style.BETA, "s"),
        ("skip_share", "skip share", style.SKIP, "^"),
    ):
        ax.plot(
            records["epoch/epoch"],
            records[f"epoch/{key}"],
            color=colour,
            linewidth=1.5,
            marker=marker,
            markersize=3,
            label=name,
        )
    ax.set(ylabel="nats; share", ylim=(0, top * 1.06), title="entropy and skip share")
    _legend(ax)
    return ax


def figure_search(space: SearchSpace, records: Records) -> Figure:
    """The search in one picture. Figure-level.

    One alpha heat map per layer (tied alpha: one for all) before the first step and at the best epoch (the last when
    none was validated); then the width trellis of that epoch, entropy with skip share, and the scores on V.
    """
    epochs, best = records["epoch/epoch"], best_epoch(records)
    rows = np.flatnonzero(epochs == best) if best else []
    row = int(rows[0]) if len(rows) else len(epochs) - 1
    when = f"epoch {epochs[row]} ({'best' if len(rows) else 'last'})"
    alpha = records["epoch/alpha"]
    before, after = (probabilities(a if a.ndim == 3 else a[None]) for a in (alpha[0], alpha[row]))
    vmax = float(max(before.max(), after.max()))

    maps, height = len(after), 0.9 + 0.2 * len(space.edges)
    figure = Figure(figsize=(max(12.0, 3.2 * maps), 2 * height + 3.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(2 * height, 3.6), hspace=0.03)
    axes = upper.subplots(2, maps, squeeze=False)
    for line, (state, name) in enumerate(((before, f"epoch {epochs[0]}"), (after, when))):
        for l, ax in enumerate(axes[line]):
            plot_alpha(space, state[l], ax=ax, vmax=vmax)
            ax.set_title(
                f"α, {f'layer {l}' if maps > 1 or space.layers == 1 else 'all layers'}, {name}"
            )
            ax.label_outer()
    upper.colorbar(axes[0, 0].images[0], ax=axes, label="probability", fraction=0.03, pad=0.01)
    trellis, left, right = lower.subplots(1, 3, width_ratios=(1.5, 1, 1))
    plot_beta(space, records["epoch/beta"][row], ax=trellis)
    trellis.set_title(f"β, {when}: {trellis.get_title()}")
    plot_entropy(records, ax=left)
    plot_scores(records, ax=right)
    return figure


# ---------------------------------------------------------------- images


def plot_restoration(
    image: np.ndarray, *, ax: Axes, title: str = "", zoom: Box | None = None
) -> Axes:
    """One image, gray (H, W) or RGB (H, W, 3) in [0, 1], a square of it magnified in the farthest corner. Axes-level.

    Values outside [0, 1] are clipped, for showing only. zoom: (y, x, size) in this image's pixels; None: no inset.
    """
    shown = np.clip(np.squeeze(image), 0.0, 1.0)
    height, width = shown.shape[:2]
    how = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0}
    ax.imshow(shown, interpolation="antialiased", **how)
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)
    if zoom is None:
        return ax
    y, x, size = zoom
    side = 0.42 * min(height, width)
    w, h, gap = side / width, side / height, 0.015
    right, top = x + size / 2 < width / 2, y + size / 2 >= height / 2
    inset = ax.inset_axes((1 - w - gap if right else gap, 1 - h - gap if top else gap, w, h))
    inset.imshow(shown[y : y + size, x : x + size], interpolation="nearest", **how)
    inset.set(xticks=[], yticks=[])
    inset.spines[:].set(visible=True, color=style.FRAME, linewidth=2)
    ax.add_patch(
        Rectangle((x - 0.5, y - 0.5), size, size, fill=False, edgecolor=style.FRAME, linewidth=2)
    )
    return ax


def figure_restoration(
    images: dict[str, np.ndarray],
    *,
    scores: Mapping[str, tuple[float, float]] | None = None,
    zoom: Box | None = None,
    columns: int | None = None,
) -> Figure:
    """The images side by side, each with the same square magnified. Figure-level.

    images: name -> gray (H, W) or RGB (H, W, 3) in [0, 1]; scores: name -> (PSNR in dB, SSIM), printed in the title.
    zoom: (y, x, size) in pixels of the clean image, which is the one named ``clean``, else the first; None chooses the
    square of highest gradient energy there. An image of another size (low resolution) gets the same square, rescaled.
    """
    if not images:
        raise ValueError("images: must hold at least one image")
    clean = np.squeeze(images.get("clean", next(iter(images.values()))))
    y, x, size = zoom or zoom_box(clean)
    count = len(images)
    columns = columns or (count if count <= 4 else -(-count // 2))
    lines = -(-count // columns)
    panel, head, gap = (
        3.2,
        0.5 if scores else 0.3,
        0.12,
    )  # inches: a panel's width, its title, the space between panels
    tall = panel * clean.shape[0] / clean.shape[1]
    width, height = columns * (panel + gap) + gap, lines * (tall + head + gap) + gap
    figure = Figure(figsize=(width, height))
    for n, (name, image) in enumerate(images.items()):
        line, column = divmod(n, columns)
        left, low = gap + column * (panel + gap), height - (line + 1) * (tall + head + gap)
        ax = figure.add_axes((left / width, low / height, panel / width, tall / height))
        r = np.squeeze(image).shape[0] / clean.shape[0]
        title = name
        if scores and name in scores:
            title += "\n{:.2f} dB, SSIM {:.4f}".format(*scores[name])
        plot_restoration(
            image, ax=ax, title=title, zoom=(round(y * r), round(x * r), max(1, round(size * r)))
        )
    return figure
