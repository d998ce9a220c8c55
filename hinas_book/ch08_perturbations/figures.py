"""Nets one edit away: drops beside the noise of a training, random nets', parameters, a judge.

``plot_x(..., *, ax) -> Axes`` draws on one given Axes, ``figure_x(...) -> Figure`` owns its figure.
What gets a ``MissingRecord`` in place of a ``Perturbed`` hands it back.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from hinas_book.ch08_perturbations.edits import KINDS, Perturbed, both_worse
from hinas_book.kit.missing import unless_missing
from hinas_book.kit.verdicts import worse
from hinas_lab.drawing import style
from hinas_lab.space.ops import OPS

WORSE = "drop in dB (right: worse than the unedited net)"
LABELS = {kind: f"{kind}: {words}" for kind, words in KINDS.items()}
COLOURS = dict(zip(LABELS.values(), (style.ALPHA, style.BETA)))
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
"a legend to the right of its Axes"


def plot_two_draws(q: float, *, ax: Axes, drawn: Sequence[int] = (2, 4, 8)) -> Axes:
    """The chance that two shown edits are both worse, against the share of all that are.

    Two drawn blindly, or the two worst of more. The share ``q`` is marked.
    """
    shares = np.linspace(0, 1, 101)
    for n, linestyle in zip(drawn, ("-", "--", ":", "-.")):
        name = "two drawn blindly" if n == 2 else f"the two worst of {n}"
        ax.plot(
            shares,
            [both_worse(share, n) for share in shares],
            color=style.INK if n == 2 else style.ALPHA,
            ls=linestyle,
            label=f"{name}: {both_worse(q, n):.0%}",
        )
        ax.plot(q, both_worse(q, n), "o", color=style.FRAME, ms=6)
    ax.axvline(q, color=style.FAINT, lw=1)
    ax.set(
        xlabel="share q of all edits that are worse",
        ylabel="both shown ones are worse",
        xlim=(0, 1),
        ylim=(0, 1.02),
        title=f"q = {q:.0%}",
    )
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(**BESIDE)
    return ax


def figures_two_draws(qs: Sequence[float]) -> dict[str, Figure]:
    """``plot_two_draws`` for each of ``qs``, by its name."""
    figures = {}
    for q in qs:
        figures[f"{q:.0%}"] = Figure(figsize=(10, 3.6), layout="constrained")
        plot_two_draws(q, ax=figures[f"{q:.0%}"].subplots())
    return figures


def plot_drops(
    groups: Mapping[str, np.ndarray], *, ax: Axes, colours: Sequence, noise: float = np.nan
) -> Axes:
    """A swarm of drops (dB) for each label of ``groups``, from above, with its median as a tick.

    ``colours``: of each group, one for all its points or one for each. ``noise``: half the width of
    the gray band around 0.
    """
    if np.isfinite(noise):
        ax.axvspan(-noise, noise, color=style.PALE, linewidth=0, zorder=0)
    for y, (label, drops) in enumerate(groups.items()):
        # points that find no place beside the others may overlap: no warning
        sns.swarmplot(x=drops, y=[label] * len(drops), warn_thresh=1, ax=ax)
        ax.collections[-1].set_facecolor(colours[y])
        ax.plot([np.median(drops)] * 2, [y - 0.38, y + 0.38], color=style.INK, lw=1.6)
    ax.axvline(0, color=style.INK, lw=0.8)
    ax.set(ylim=(len(groups) - 0.45, -0.55), xlabel=WORSE)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def apart(x: np.ndarray, y: np.ndarray, width: float, height: float) -> np.ndarray:
    """``x``, a point nearer to an earlier one than ``width`` and ``height`` moved right of it."""
    out = np.array(x, float)
    # to the right of the farthest it touches, as often as it touches another there
    for i in range(len(out)):
        while True:
            near = (np.abs(out[:i] - out[i]) < width) & (np.abs(y[:i] - y[i]) < height)
            if not near.any():
                break
            out[i] = out[:i][near].max() + 1.001 * width
    return out


@unless_missing
def figure_drops(p: Perturbed, shown: Sequence[int] = ()) -> Figure:
    """All edits beside the found net trained again. ``shown``: numbers of edits drawn dark.

    The band: where 95 of 100 trainings of a net that is no different would fall.
    """
    groups = {f"the found net, trained again\n{len(p.null)} seeds": p.null}
    colours = [style.FAINT]
    for kind, name in LABELS.items():
        # edits are numbered through all kinds, points within one
        numbers = np.flatnonzero(p.values("kind") == kind)
        if len(numbers):
            groups[f"{name}\n{worse(p.shares[kind])}"] = p.drops(kind)
            colours.append(np.where(np.isin(numbers, shown), style.INK, COLOURS[name]))
    figure = Figure(figsize=(8.6, 1 + 0.75 * len(groups)), layout="constrained")
    plot_drops(groups, ax=figure.subplots(), colours=colours, noise=p.noise)
    return figure


@unless_missing
def figure_control(p: Perturbed) -> Figure:
    """The same kinds of edits on the found net and on random ones, a panel for each kind.

    A diamond is the mean of one net's edits. An empty figure says so when the study had no random
    nets.
    """
    kinds = [kind for kind in KINDS if p.controls[kind]]
    figure = Figure(figsize=(8.6, 0.6 + 1.75 * max(1, len(kinds))), layout="constrained")
    if not kinds:
        message = "this record holds no edits of random nets"
        figure.text(0.5, 0.5, message, ha="center", color=style.FAINT)
        return figure
    for ax, kind in zip(np.ravel(figure.subplots(len(kinds), 1, sharex=True)), kinds):
        nets = list(p.controls[kind].values())
        own, other = p.shares[kind], p.shares[f"{kind} on random"]
        groups = {
            f"the found net\n{own['worse']} of {own['n']} worse": [p.drops(kind)],
            f"{len(nets)} random nets\n{other['worse']} of {other['n']} worse": nets,
        }
        drops = {label: np.concatenate(group) for label, group in groups.items()}
        plot_drops(drops, ax=ax, colours=(COLOURS[LABELS[kind]], style.FAINT))
        for y, group in enumerate(groups.values()):
            # a net is the unit of the comparison, its edits are not
            means = [net.mean() for net in group]
            heights = np.full(len(means), y)
            ax.plot(means, heights, "D", mfc=style.PAPER, mec=style.INK, ms=6, zorder=4)
        ax.set_title(LABELS[kind], loc="left")
        ax.label_outer()  # the x axis is shared
    return figure


@unless_missing
def figure_beside(p: Perturbed, plot) -> Figure:
    """``plot_parameters`` or ``plot_judges`` on a figure of its own."""
    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    plot(p, ax=figure.subplots())
    return figure


@unless_missing
def plot_parameters(p: Perturbed, *, ax: Axes) -> Axes:
    """The drop of each edit against the parameters it adds.

    An operation's letter code where it was put, open circles for R2. A mark that would cover
    another stands to its right.
    """
    x, y = p.values("parameters"), p.drops()
    frame = pd.DataFrame(
        {
            # a mark is about 3.5 % of the axes wide and high
            "x": apart(x, y, 0.035 * (np.ptp(x) or 1), 0.035 * (np.ptp(y) or 1)),
            "drop": y,
            "new": np.where(p.values("kind") == "R2", "rewired", p.values("new")),
        }
    )
    for op, marks in frame.groupby("new", sort=False):
        if op == "rewired":
            look = {"s": 55, "facecolor": "none", "edgecolor": style.INK, "label": "R2, rewired"}
        else:
            look = {
                "marker": f"$\\mathrm{{{OPS[op].code}}}$",
                "linewidths": 0.2,
                "s": 50 if op == "skip" else 90,
                "color": style.op_colour(op),
                "label": f"now {style.op_label(op)}",
            }
        ax.scatter(marks["x"], marks["drop"], **look)
    ax.axhline(0, color=style.INK, lw=0.8)
    ax.set(
        xlabel="parameters more than the found net (marks that would overlap stand side by side)",
        ylabel="drop in dB (up: worse)",
    )
    ax.legend(**BESIDE)
    return ax


@unless_missing
def plot_judges(p: Perturbed, *, ax: Axes) -> Axes:
    """What the supernet's weights say of each edit against what training says.

    The corners in which both agree are shaded.
    """
    kinds = [LABELS[kind] for kind in p.values("kind")]
    sns.scatterplot(
        x=p.values("shared_drop"),
        y=p.drops(),
        hue=kinds,
        style=kinds,
        palette=COLOURS,
        markers=["o", "s"],
        ax=ax,
    )
    if np.isfinite(p.noise):
        band = {"color": style.FAINT, "lw": 0.8, "ls": "--"}
        ax.axhline(p.noise, label="noise of a training", **band)
        ax.axhline(-p.noise, **band)
    ax.axhline(0, color=style.INK, lw=0.8)
    ax.axvline(0, color=style.INK, lw=0.8)
    ax.margins(0.08)
    # the limits hold 0 now, so that every corner is a rectangle from there
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    ax.fill_between([0, right], 0, high, color=style.PALE, linewidth=0, zorder=0)
    ax.fill_between([left, 0], low, 0, color=style.PALE, linewidth=0, zorder=0)
    ax.set(
        xlim=(left, right),
        ylim=(low, high),
        xlabel="drop with the supernet's weights, dB",
        ylabel="drop when trained, dB",
    )
    ax.legend(**BESIDE)
    return ax
