"""Panes of a board that show the architecture now: alpha as heat maps, beta as a trellis, the
genotype, a restored patch.

A pane makes its artists once; ``show(moment)`` updates them and adds none.
"""

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.drawing.plots import edge_labels, source_label, winners
from hinas_lab.live.board.blit import Blit, faint_frame
from hinas_lab.live.board.state import Moment
from hinas_lab.space.decode import normalise_beta, viterbi
from hinas_lab.space.ops import OPS

SCALES = (0.2, 0.5, 1.0)
"ends of a probability axis: the smallest that holds what is shown"


def codes_of(space: SearchSpace) -> list[str]:
    """The letter codes of the operations, in alpha's order."""
    return [OPS[name].code for name in space.ops]


def scale_of(p: np.ndarray) -> float:
    return next(s for s in SCALES if p.max() <= s or s == 1.0)


def box(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


class AlphaMaps:
    """A heat map per layer (tied alpha: one), the edges that the decoder keeps framed, their
    operation's code written in."""

    def __init__(
        self, blit: Blit, space: SearchSpace, x: float, y: float, width: float, height: float
    ):
        self.blit, self.space, self.scale = blit, space, 0.0
        maps, edges = space.layers if space.lwas else 1, len(space.edges)
        self.letters = codes_of(space)
        K = len(self.letters)
        gap = 16
        wide = min((width - gap * (maps - 1)) / maps, 240)
        size = min(8.5, 0.5 * height / edges, 0.36 * wide / K)
        self.axes = [blit.axes(x + l * (wide + gap), y, wide, height) for l in range(maps)]
        self.images, self.frames, self.codes = [], [], []
        parts = [e - 0.5 for e in range(1, edges) if space.edges[e][1] != space.edges[e - 1][1]]
        for l, ax in enumerate(self.axes):
            self.images.append(
                blit.add(
                    ax.pcolormesh(
                        np.arange(K + 1) - 0.5,
                        np.arange(edges + 1) - 0.5,
                        np.zeros((edges, K)),
                        cmap=style.HEAT,
                        vmin=0,
                        vmax=1,
                    )
                )
            )
            blit.add(
                ax.add_collection(
                    LineCollection(
                        [[(-0.5, e), (K - 0.5, e)] for e in parts], color=style.PAPER, linewidth=2.5
                    )
                )
            )
            self.frames.append(
                blit.add(
                    ax.add_collection(
                        PolyCollection([], facecolor="none", edgecolor=style.FRAME, linewidth=1.8)
                    )
                )
            )
            self.codes.append(
                [
                    blit.text(ax, 0, 0, ha="center", va="center", fontsize=size, fontweight="bold")
                    for _ in range(2 * space.nodes)
                ]
            )
            faint_frame(ax, f"α, layer {l}" if space.lwas else "α, all layers")
            ax.set_xticks(range(K), self.letters, fontsize=size)
            ax.set_yticks(
                range(edges), edge_labels(space) if l == 0 else [""] * edges, fontsize=size
            )
            ax.tick_params(length=0)
            ax.spines[:].set_visible(False)
            ax.set(xlim=(-0.5, K - 0.5), ylim=(edges - 0.5, -0.5), autoscale_on=False)
        # which edge the curves show
        self.pointer = [
            blit.text(ax, K - 0.42, 0, "◂", fontsize=11, color=style.INK, ha="left", va="center")
            for ax in self.axes
        ]
        bar = blit.axes(x + maps * (wide + gap) + 2, y, 9, height)
        bar.imshow(
            np.linspace(1, 0, 64)[:, None], cmap=style.HEAT, aspect="auto", extent=(0, 1, 0, 1)
        )
        bar.spines[:].set_visible(False)
        bar.set_xticks([])
        bar.yaxis.tick_right()
        faint_frame(bar)
        self.bar = bar

    def choose(self, layer: int, edge: int) -> None:
        for l, pointer in enumerate(self.pointer):
            pointer.set_visible(l == layer)
            pointer.set_y(edge)

    def show(self, moment: Moment) -> None:
        p = moment.probabilities
        scale = scale_of(p)
        if scale != self.scale:
            self.scale = scale
            self.bar.set_yticks((0, 0.5, 1), ["0", f"{scale / 2:g}", f"{scale:g}"])
            self.blit.stale()
        for l, image in enumerate(self.images):
            image.set_array(p[l])
            image.set_clim(0, scale)
            kept = winners(self.space, p[l])
            self.frames[l].set_verts(
                [box(-0.47, e - 0.44, len(self.letters) - 0.53, e + 0.44) for e, _ in kept]
            )
            for text, (e, k) in zip(self.codes[l], kept):
                text.set(
                    text=self.letters[k],
                    position=(k, e),
                    color="white" if p[l, e, k] < 0.55 * scale else "black",
                )


class Trellis:
    """Every move as an arrow, as thick as its weight, with its number; the Viterbi path bold."""

    def __init__(
        self, blit: Blit, space: SearchSpace, x: float, y: float, width: float, height: float
    ):
        self.space = space
        ax = blit.axes(x, y, width, height, bare=True)
        faint_frame(ax)
        columns = ((0,), *space.cells)
        rows = sorted({i for widths in columns for i in widths})
        step = (width - 60) / space.layers
        half = min(28, 0.25 * step)
        size = min(8.5, 0.4 * half)
        self.at = {}
        for c, widths in enumerate(columns):
            for i in widths:
                y = 38 + (rows.index(i) + 0.5) * (height - 44) / len(rows)
                self.at[c, i] = (30 + c * step, y)
        self.half = half
        self.title = blit.text(ax, 0, height + 4, fontsize=9.5, color=style.INK)
        self.arrows = blit.add(ax.add_collection(PolyCollection([], linewidth=0)))
        outline = {
            place: box(px - half, py - 12, px + half, py + 12)
            for place, (px, py) in self.at.items()
        }
        self.outline = outline
        ax.add_collection(
            PolyCollection(
                list(outline.values()), facecolor=style.PALE, edgecolor=style.FAINT, linewidth=0.8
            )
        )
        for (_, i), (px, py) in self.at.items():
            ax.text(
                px, py, f"{space.width_factors[i]:g}·W", ha="center", va="center", fontsize=size
            )
        for c in range(len(columns)):
            ax.text(
                30 + c * step, 10, f"layer {c - 1}" if c else "start", ha="center", fontsize=size
            )
        self.path = blit.add(
            ax.add_collection(
                PolyCollection([], facecolor="none", edgecolor=style.FRAME, linewidth=2.2)
            )
        )
        self.numbers = []
        for move in space.moves:
            (x0, y0), (x1, y1) = self.ends(move)
            t = 0.45 if move.source == move.target else 0.3  # diagonals cross in the middle
            self.numbers.append(
                blit.text(
                    ax,
                    x0 + t * (x1 - x0),
                    y0 + t * (y1 - y0),
                    ha="center",
                    va="center",
                    fontsize=min(8, size),
                    paper=True,
                )
            )

    def ends(self, move) -> tuple[tuple[float, float], tuple[float, float]]:
        (x0, y0), (x1, y1) = self.at[move.layer, move.source], self.at[move.layer + 1, move.target]
        return (x0 + self.half + 2, y0), (x1 - self.half - 2, y1)

    def arrow(self, move, weight: float) -> np.ndarray:
        """A polygon: a shaft of thickness 0.6 + 5 weight, a head a bit wider."""
        tail, head = map(np.array, self.ends(move))
        along = (head - tail) / np.hypot(*(head - tail))
        across = np.array((-along[1], along[0]))
        thin, wide, long = 0.3 + 2.5 * weight, 3 + 3.5 * weight, 7 + 4 * weight
        neck = head - long * along
        return np.array(
            [
                tail + thin * across,
                neck + thin * across,
                neck + wide * across,
                head,
                neck - wide * across,
                neck - thin * across,
                tail - thin * across,
            ]
        )

    def show(self, moment: Moment) -> None:
        space = self.space
        weights = normalise_beta(space, moment.beta)
        path, value = viterbi(space, moment.beta)
        places = list(enumerate((0, *path)))
        kept = [
            (m.layer, m.source) in places and (m.layer + 1, m.target) in places for m in space.moves
        ]
        self.arrows.set_verts([self.arrow(m, w) for m, w in zip(space.moves, weights)])
        self.arrows.set_facecolor([style.FRAME if k else style.FAINT for k in kept])
        self.path.set_verts([self.outline[place] for place in places])
        for text, weight, k in zip(self.numbers, weights, kept):
            text.set(text=f"{weight:.2f}", fontweight="bold" if k else "normal")
        kind = "probability" if space.beta_norm == "outgoing" else "score"
        self.title.set_text(f"β: width path {'-'.join(map(str, path))}, {kind} {value:.3g}")


class Wiring:
    """The genotype: per layer its width, per node two operations and where they come from. ``+``
    and bold: new since the epoch before."""

    def __init__(
        self, blit: Blit, space: SearchSpace, x: float, y: float, width: float, height: float
    ):
        self.space = space
        ax = blit.axes(x, y, width, height, bare=True)
        faint_frame(ax)
        self.title = blit.text(ax, 0, height + 4, fontsize=9.5, color=style.INK)
        rows = space.layers * (space.nodes + 1.35)
        tall = min(27, height / rows)
        self.heads, self.codes, self.sources, places = [], [], [], []
        size = min(9.5, 0.5 * tall)
        top = height
        for _ in range(space.layers):
            top -= tall
            self.heads.append(blit.text(ax, 0, top + 0.25 * tall, fontsize=size, color=style.INK))
            for i in range(space.nodes):
                top -= tall
                middle = top + 0.5 * tall
                ax.text(12, middle, f"node {i}", fontsize=size, va="center")
                for n in range(2):
                    left = 72 + n * 0.5 * (width - 72)
                    places.append(box(left, top + 0.08 * tall, left + 26, top + 0.92 * tall))
                    self.codes.append((left + 13, middle))
                    self.sources.append(
                        blit.text(
                            ax, left + 33, middle, fontsize=size, va="center", color=style.INK
                        )
                    )
            top -= 0.35 * tall
        self.chips = blit.add(ax.add_collection(PolyCollection(places, linewidth=0)))
        self.codes = [
            blit.text(ax, *place, fontsize=size, ha="center", va="center", fontweight="bold")
            for place in self.codes
        ]

    def show(self, moment: Moment) -> None:
        now, before = moment.genotype, moment.before or moment.genotype
        new = 0
        for l, head in enumerate(self.heads):
            changed = now.path[l] != before.path[l]
            new += changed
            width = self.space.width_factors[now.path[l]]
            head.set(
                text=f"{'+ ' if changed else ''}layer {l}, width {width:g}·W",
                fontweight="bold" if changed else "normal",
            )
        edges = []
        for cell, cell_before in zip(now.cells, before.cells):
            for node, node_before in zip(cell, cell_before):
                edges += [(op, j, (op, j) not in node_before) for op, j in node]
        colours = [style.op_colour(op) for op, _, _ in edges]
        self.chips.set_facecolor(colours)
        for code, source, colour, (op, j, changed) in zip(self.codes, self.sources, colours, edges):
            code.set(text=OPS[op].code, color=style.ink_on(colour))
            source.set(
                text=f"← {source_label(j)}{' +' if changed else ''}",
                fontweight="bold" if changed else "normal",
            )
            new += changed
        self.title.set_text("genotype" + (f", + {new} new since last epoch" if new else ""))


class Patch:
    """One V patch, restored by the soft supernet and by the decoded wiring."""

    def __init__(self, blit: Blit, x: float, y: float, size: float, gap: float):
        self.images, self.missing = [], []
        for n, name in enumerate(("by the decoded wiring", "V patch, soft supernet")):
            ax = blit.axes(x, y + n * (size + gap), size, size)
            faint_frame(ax, name)
            ax.set(
                xticks=[],
                yticks=[],
                xlim=(0, 1),
                ylim=(0, 1),
                autoscale_on=False,
                facecolor=style.PALE,
            )
            ax.spines[:].set_visible(False)
            self.images.insert(
                0,
                blit.add(
                    ax.imshow(
                        np.zeros((1, 1)),
                        cmap="gray",
                        vmin=0,
                        vmax=255,
                        extent=(0, 1, 0, 1),
                        aspect="auto",
                        interpolation="nearest",
                    )
                ),
            )
            self.missing.append(
                blit.text(
                    ax,
                    0.5,
                    0.5,
                    "no picture yet",
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color=style.FAINT,
                )
            )

    def show(self, moment: Moment) -> None:
        there = moment.preview is not None
        for text in self.missing:
            text.set_visible(not there)
        for n, image in enumerate(self.images):
            image.set_visible(there)
            if there:
                image.set_data(np.moveaxis(moment.preview[n], 0, -1).squeeze())
