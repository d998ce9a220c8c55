"""A search at one moment as a picture: what stays in a cell without a kernel, and a frame of a GIF.
No torch."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import plots, style
from hinas_lab.live.moment import Moment
from hinas_lab.space.genotype import Genotype, diff, source_names
from hinas_lab.space.ops import OPS

DPI = 100
SIZE = 12.0, 9.4
"inches: 1200 x 940 pixels"


def figure_moment(space: SearchSpace, moment: Moment, dpi: int = DPI, title: str = "") -> Figure:
    """alpha's probabilities per layer, those of the first edge over the epochs, the genotype;
    beta's trellis, losses, scores, entropy, and one V patch restored twice."""
    with style.theme():
        figure = Figure(figsize=SIZE, dpi=dpi, layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(
            title or moment.title,
            x=0.01,
            ha="left",
            fontsize=12.5,
            fontweight="bold",
            parse_math=False,
        )
        upper, middle, lower = figure.subfigures(3, 1, hspace=0.03, height_ratios=(3.3, 2.9, 3.2))
        _cells(upper, space, moment)
        _widths_and_patch(middle, space, moment)
        _history(lower, moment)
        # laid out inside the theme: sizes of text count
        figure.canvas.draw()
    return figure


def _cells(figure, space: SearchSpace, moment: Moment) -> None:
    p = moment.probabilities
    widths = [1.2] * len(p) + [1.2, 1.3]
    *maps, curves, wiring = figure.subplots(1, len(widths), width_ratios=widths)
    # one scale in every frame and every search, see board.js
    for l, ax in enumerate(maps):
        plots.plot_alpha(space, p[l], ax=ax, vmax=0.5)
        ax.set(title=f"softmax(α), layer {l}" if space.lwas else "softmax(α), all layers")
        ax.label_outer()
    plots.plot_chosen_edge(space, moment.records, 0, 0, ax=curves)
    _write_genotype(wiring, moment.genotype, moment.before)


def _write_genotype(ax, genotype: Genotype, before: Genotype | None) -> None:
    """Per layer its width, per node two operations' codes and where they come from."""
    names, lines = source_names(genotype.nodes), []
    for l, cell in enumerate(genotype.cells):
        lines.append(f"layer {l}, width {genotype.width_factors[genotype.path[l]]:g}·W")
        for i, node in enumerate(cell):
            edges = [f"{OPS[op].code:>2} ← {names[j]:<6}" for op, j in node]
            lines.append(f"  node {i}  " + "  ".join(edges))
    ax.set_axis_off()
    ax.set_title(f"genotype, {len(diff(before, genotype)) if before else 0} new", loc="left")
    size = min(9.0, 110 / len(lines))
    text = "\n".join(lines)
    ax.text(0, 1, text, family="DejaVu Sans Mono", fontsize=size, va="top")


def _widths_and_patch(figure, space: SearchSpace, moment: Moment) -> None:
    trellis, *patches = figure.subplots(1, 3, width_ratios=(2, 1, 1))
    plots.plot_beta(space, moment.beta, ax=trellis)
    trellis.set_title(f"β: {trellis.get_title()}")
    names = "V patch: the soft supernet", "the decoded wiring"
    for n, (ax, name) in enumerate(zip(patches, names)):
        ax.set_axis_off()
        if moment.preview is not None:
            image = np.moveaxis(moment.preview[n], 0, -1).squeeze()
            ax.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            ax.set_title(name)


def _history(figure, moment: Moment) -> None:
    losses, scores, entropy = figure.subplots(1, 3)
    plots.plot_losses(moment.records, ax=losses)
    plots.plot_scores(moment.records, ax=scores)
    plots.plot_entropy(moment.records, ax=entropy)


def pixels(figure: Figure) -> np.ndarray:
    """A drawn figure as uint8 (H, W, 3)."""
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def png_of(*images: np.ndarray) -> bytes:
    """Pictures (H, W, 3), one below the other, as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(images)).save(buffer, "png", optimize=True)
    return buffer.getvalue()
