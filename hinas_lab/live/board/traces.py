"""Panes of a board that show how a search came here: curves over the epochs, from the records.

A pane makes its artists once; ``show(moment)`` updates them and adds none.
"""

import numpy as np
from matplotlib.collections import LineCollection

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.drawing.plots import best_epoch, edge_labels, warmup_end
from hinas_lab.live.board.blit import Blit, EndLabels, faint_frame, log_ticks_between, ticks_between
from hinas_lab.live.board.panes import codes_of, scale_of
from hinas_lab.live.board.state import Moment
from hinas_lab.space.decode import softmax


class Trace:
    """Axes over all epochs from the start, the warm-up shaded, the best epoch a dotted line."""

    def __init__(
        self,
        blit: Blit,
        epochs: int,
        place: tuple[float, float, float, float],
        title: str = "",
        *,
        numbers: bool = True,
    ):
        self.blit, self.ax = blit, blit.axes(*place)
        ax = self.ax
        faint_frame(ax, title)
        ax.set_xlim(0, epochs + 0.4)  # room for the last bar
        ax.xaxis.get_major_locator().set_params(integer=True, nbins=6)
        ax.tick_params(labelbottom=numbers)
        if numbers:
            ax.set_xlabel("epoch", fontsize=8.5, labelpad=1)
        self.warmup = blit.add(ax.axvspan(0, 1, color=style.PALE, linewidth=0))
        self.best = blit.add(ax.axvline(0, color=style.BEST, linewidth=1.2, linestyle=":"))

    def line(self, **how):
        return self.blit.add(self.ax.plot([], [], clip_on=False, **how)[0])

    def show(self, moment: Moment) -> None:
        self.warmup.set_width(warmup_end(moment.records))
        best = best_epoch(moment.records)
        self.best.set(xdata=[best, best], visible=best > 0)


class AlphaCurves(Trace):
    """The probabilities of one edge's operations over the epochs, a letter code at each end."""

    def __init__(self, blit: Blit, space: SearchSpace, epochs: int, place):
        super().__init__(blit, epochs, place)
        self.space = space
        colours = [style.op_colour(name) for name in space.ops]
        self.title = blit.text(
            self.ax, 0, 1.02, transform=self.ax.transAxes, fontsize=9.5, color=style.INK
        )
        self.lines = [self.line(color=c, linewidth=1.6) for c in colours]
        self.ends = EndLabels(blit, self.ax, codes_of(space), colours)

    def choose(self, layer: int, edge: int) -> None:
        self.chosen = layer, edge
        where = f"layer {layer}" if self.space.lwas else "all layers"
        self.title.set_text(f"α of edge {edge_labels(self.space)[edge]}, {where}: probabilities")

    def show(self, moment: Moment) -> None:
        super().show(moment)
        layer, edge = self.chosen
        r = moment.records
        x = r["epoch/epoch"]
        past = r["epoch/alpha"].reshape(len(x), *moment.probabilities.shape)[:, layer, edge]
        p = softmax(past.astype(np.float64))
        if not len(x) or moment.now > x[-1]:
            x, p = (
                np.append(x, moment.now),
                np.append(p, moment.probabilities[layer, edge][None], axis=0),
            )
        top = scale_of(p)
        self.blit.limits(self.ax, 0, top, (0, top / 2, top))
        for line, y in zip(self.lines, p.T):
            line.set_data(x, y)
        self.ends.place([x[-1]] * len(self.lines), p[-1])


class Losses(Trace):
    """Every step's loss as a thin line, the mean of each epoch a mark: W weight steps on Train W, A
    architecture steps on Train A."""

    def __init__(self, blit: Blit, epochs: int, place):
        super().__init__(blit, epochs, place, "loss: W weight steps, A arch steps", numbers=False)
        self.ax.set_yscale("log")
        self.ax.minorticks_off()
        kinds = ((style.WEIGHT, "o"), (style.ARCH, "s"))
        self.steps = [self.line(color=c, linewidth=0.6, alpha=0.35) for c, _ in kinds]
        self.means = [self.line(color=c, linewidth=1.6, marker=m, markersize=3) for c, m in kinds]
        self.ends = EndLabels(blit, self.ax, ["W", "A"], [c for c, _ in kinds])
        blit.limits(self.ax, 0.01, 0.1, (0.01, 0.02, 0.05, 0.1))

    def show(self, moment: Moment) -> None:
        super().show(moment)
        r = moment.records
        loss, kind, epoch = (
            np.asarray(r["step/loss"], dtype=np.float64),
            r["step/kind"],
            r["step/epoch"],
        )
        shown = loss[np.isfinite(loss) & (loss > 0)]
        if len(shown):
            ticks = log_ticks_between(shown.min(), shown.max())
            self.blit.limits(self.ax, ticks[0], ticks[-1], ticks)
        last = []
        for n in range(2):
            mine = kind == n
            thin = np.flatnonzero(mine)[
                :: mine.sum() // 4000 + 1
            ]  # more points than pixels cost time and show nothing
            self.steps[n].set_data(moment.times[thin], loss[thin])
            sums, counts = (np.bincount(epoch[mine], weights) for weights in (loss[mine], None))
            ends = np.flatnonzero(counts)
            means = sums[ends] / counts[ends]
            self.means[n].set_data(ends - 0.5, means)
            last.append((ends[-1] - 0.5, means[-1]) if len(ends) else (0, np.nan))
        self.ends.place(*zip(*last))


class Scores(Trace):
    """The score on V after each validated epoch; the best, which the search keeps, carries a
    star."""

    def __init__(self, blit: Blit, epochs: int, place):
        super().__init__(blit, epochs, place)
        self.title = blit.text(
            self.ax, 0, 1.03, transform=self.ax.transAxes, fontsize=9.5, color=style.INK
        )
        self.curve = self.line(color=style.INK, linewidth=1.5, marker="o", markersize=3.5)
        self.star = self.line(
            color=style.BEST, marker="*", markersize=13, markeredgecolor=style.PAPER
        )
        self.word = blit.text(
            self.ax,
            0,
            0.04,
            "warm-up",
            transform=self.ax.get_xaxis_transform(),
            ha="center",
            fontsize=8,
            color=style.FAINT,
        )
        self.none = blit.text(
            self.ax,
            0.5,
            0.5,
            "not validated yet",
            transform=self.ax.transAxes,
            ha="center",
            va="center",
            fontsize=8.5,
            color=style.FAINT,
        )

    def show(self, moment: Moment) -> None:
        super().show(moment)
        r = moment.records
        epochs, score, best = (
            r["epoch/epoch"],
            np.asarray(r["epoch/score"], dtype=np.float64),
            best_epoch(r),
        )
        known = np.isfinite(score)
        at = known & (epochs == best)
        width = warmup_end(r)
        self.word.set(x=width / 2, visible=width > 0.25 * self.ax.get_xlim()[1])
        self.none.set_visible(not known.any())
        ticks = ticks_between(score[known].min(), score[known].max()) if known.any() else ()
        self.blit.limits(self.ax, *((ticks[0], ticks[-1]) if known.any() else (0, 1)), ticks)
        self.curve.set_data(epochs[known], score[known])
        self.star.set_data(epochs[at], score[at])
        text = f", ★ best epoch {best}: {score[at][0]:.4f}" if at.any() else ""
        self.title.set_text(f"score on V{text}")


class Entropy(Trace):
    """How decided the search is: mean entropy of alpha and beta, and the share of decoded edges
    that are skips."""

    def __init__(self, blit: Blit, space: SearchSpace, epochs: int, place):
        top = float(np.log(len(space.ops)))
        super().__init__(
            blit, epochs, place, "entropy of α, β (nats); share of skips", numbers=False
        )
        self.ax.axhline(top, color=style.FAINT, linewidth=0.8, linestyle="--")
        blit.limits(self.ax, 0, 2, (0, 0.5, 1, 1.5, 2))
        names = {
            "alpha_entropy": ("α", style.ALPHA, "o"),
            "beta_entropy": ("β", style.BETA, "s"),
            "skip_share": ("skip", style.SKIP, "^"),
        }
        self.lines = {
            key: self.line(color=c, linewidth=1.5, marker=m, markersize=3)
            for key, (_, c, m) in names.items()
        }
        self.ends = EndLabels(
            blit, self.ax, [n for n, _, _ in names.values()], [c for _, c, _ in names.values()]
        )

    def show(self, moment: Moment) -> None:
        super().show(moment)
        r = moment.records
        x = r["epoch/epoch"]
        for key, line in self.lines.items():
            line.set_data(x, r[f"epoch/{key}"])
        last = [r[f"epoch/{key}"][-1] if len(x) else np.nan for key in self.lines]
        self.ends.place([x[-1] if len(x) else 0] * len(last), last)


class Flips(Trace):
    """Decoded edges and widths that changed in each epoch, as bars."""

    def __init__(self, blit: Blit, epochs: int, place):
        super().__init__(blit, epochs, place, "decoded edges and widths that flipped")
        width = max(0.8, min(8, 0.6 * place[2] / epochs * 0.72))
        self.bars = blit.add(
            self.ax.add_collection(
                LineCollection([], color=style.INK, linewidth=width, capstyle="butt")
            )
        )

    def show(self, moment: Moment) -> None:
        super().show(moment)
        r = moment.records
        ticks = ticks_between(0, max(4, r["epoch/flips"].max(initial=0)))
        self.blit.limits(self.ax, 0, ticks[-1], ticks)
        self.bars.set_segments(
            [[(e, 0), (e, f)] for e, f in zip(r["epoch/epoch"], r["epoch/flips"]) if f]
        )
