"""Nets one edit away: their drops beside the noise of a training, beside random nets', beside parameters and a cheap judge.

``plot_x(..., *, ax) -> Axes`` draws on one given Axes, ``figure_x(...) -> Figure`` owns its figure. What gets an ``Absent`` in place of a
``Perturbed`` hands it back.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.ch08_perturbations.edits import KINDS, Perturbed, both_worse
from hinas_book.kit.intervals import spread_heights
from hinas_book.kit.missing import unless_missing
from hinas_book.kit.verdicts import worse
from hinas_lab.draw import style
from hinas_lab.space.ops import OPS

WORSE = "drop in dB (right: worse than the unedited net)"
COLOURS = {"R1": style.ALPHA, "R2": style.BETA}


def plot_two_draws(q: float, *, ax: Axes, drawn: Sequence[int] = (2, 4, 8)) -> Axes:
    """The chance that two shown edits are both worse, against the share of all that are: two drawn blindly, or the two worst of more. The
    share ``q`` is marked. Axes-level."""
    x = np.linspace(0, 1, 101)
    for n, ls in zip(drawn, ("-", "--", ":", "-.")):
        name = "two drawn blindly" if n == 2 else f"the two worst of {n}"
        ax.plot(
            x,
            [both_worse(v, n) for v in x],
            color=style.INK if n == 2 else style.ALPHA,
            ls=ls,
            label=f"{name}: {both_worse(q, n):.0%}",
        )
    ax.axvline(q, color=style.FAINT, lw=1)
    ax.plot([q] * len(drawn), [both_worse(q, n) for n in drawn], "o", color=style.FRAME, ms=6)
    ax.set(
        xlabel="share q of all edits that are worse",
        ylabel="both shown ones are worse",
        xlim=(0, 1),
        ylim=(0, 1.02),
        title=f"q = {q:.0%}",
        xticks=np.linspace(0, 1, 6),
        yticks=np.linspace(0, 1, 6),
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda v, _: f"{v:.0%}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


def figures_two_draws(qs: Sequence[float]) -> dict[str, Figure]:
    """``plot_two_draws`` for each of ``qs``, by its name."""
    figures = {f"{q:.0%}": Figure(figsize=(8, 3.2), layout="constrained") for q in qs}
    for q, figure in zip(qs, figures.values()):
        plot_two_draws(q, ax=figure.subplots())
    return figures


def plot_drops(
    groups: Mapping[str, np.ndarray],
    *,
    ax: Axes,
    noise: float | None = None,
    colours: Sequence[str] = (),
    marked: Mapping[str, Sequence[int]] | None = None,
) -> Axes:
    """A strip of drops for each label of ``groups``, from above, with its median as a tick. Axes-level. ``noise``: half the width of the
    gray band around 0; ``marked``: label -> indices that are ringed and numbered in the order given."""
    if noise is not None and np.isfinite(noise):
        ax.axvspan(-noise, noise, color=style.PALE, linewidth=0, zorder=0)
    for y, (label, drops) in enumerate(groups.items()):
        drops = np.asarray(drops, dtype=float)
        at = y + spread_heights(drops)
        ax.plot(
            drops,
            at,
            "o",
            color=colours[y] if colours else style.INK,
            ms=5,
            alpha=0.7,
            markeredgewidth=0,
        )
        ax.plot([np.median(drops)] * 2, [y - 0.38, y + 0.38], color=style.INK, lw=1.6)
        for i in (marked or {}).get(label, ()):
            ax.plot(
                drops[i],
                at[i],
                "o",
                ms=11,
                markerfacecolor="none",
                markeredgecolor=style.INK,
                markeredgewidth=1.6,
            )
    ax.axvline(0, color=style.INK, lw=0.8)
    ax.set(
        yticks=range(len(groups)),
        yticklabels=list(groups),
        ylim=(len(groups) - 0.45, -0.55),
        xlabel=WORSE,
    )
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def apart(x: np.ndarray, y: np.ndarray, width: float, height: float) -> np.ndarray:
    """``x``, a point that is nearer to an earlier one than ``width`` and ``height`` moved right until it is not."""
    out = np.array(x, float)
    for i in range(len(out)):
        while (
            taken := out[:i][(np.abs(out[:i] - out[i]) < width) & (np.abs(y[:i] - y[i]) < height)]
        ).size:
            out[i] = taken.max() + 1.001 * width
    return out


def _label(kind: str, told: dict) -> str:
    return f"{kind}: {KINDS[kind]}\n{worse(told)}"


@unless_missing
def figure_drops(p: Perturbed, shown: Sequence[int] = ()) -> Figure:
    """All edits beside the found net trained again. Figure-level. ``shown``: numbers of edits to be ringed. The band: where 95 of 100
    trainings of a net that is no different would fall."""
    groups, marked = {f"the found net, trained again\n{len(p.null)} seeds": p.null}, {}
    for kind in KINDS:
        if len(p.drops(kind)):
            label = _label(kind, p.shares[kind])
            groups[label] = p.drops(kind)
            own = [i for i, e in enumerate(p.edits) if e.kind == kind]
            marked[label] = [own.index(i) for i in shown if i in own]
    figure = Figure(figsize=(8.6, 1 + 0.75 * len(groups)), layout="constrained")
    plot_drops(
        groups,
        ax=figure.subplots(),
        noise=p.noise,
        colours=(style.FAINT, style.ALPHA, style.BETA),
        marked=marked,
    )
    return figure


@unless_missing
def figure_control(p: Perturbed) -> Figure:
    """The same kinds of edits on the found net and on random ones, a panel for each kind; a diamond is the mean of one net's edits.
    Figure-level. An empty figure says so when the study had no random nets."""
    kinds = [k for k in KINDS if p.controls[k]]
    figure = Figure(figsize=(8.6, 0.6 + 1.75 * max(1, len(kinds))), layout="constrained")
    if not kinds:
        figure.text(
            0.5, 0.5, "this record holds no edits of random nets", ha="center", color=style.FAINT
        )
        return figure
    for ax, kind in zip(np.atleast_1d(figure.subplots(len(kinds), 1, sharex=True)), kinds):
        of, random = p.controls[kind], np.concatenate(list(p.controls[kind].values()))
        t, r = p.shares[kind], p.shares[f"{kind} on random"]
        groups = {
            f"the found net\n{t['worse']} of {t['n']} worse": p.drops(kind),
            f"{len(of)} random nets\n{r['worse']} of {r['n']} worse": random,
        }
        plot_drops(groups, ax=ax, colours=(COLOURS[kind], style.FAINT))
        for y, means in enumerate(([p.drops(kind).mean()], [d.mean() for d in of.values()])):
            ax.plot(
                means,
                [y] * len(means),
                "D",
                color=style.PAPER,
                markeredgecolor=style.INK,
                ms=6,
                zorder=4,
            )
        ax.set_title(f"{kind}: {KINDS[kind]}", loc="left")
        ax.label_outer()
    return figure


@unless_missing
def figure_beside(p: Perturbed, plot) -> Figure:
    """``plot_parameters`` or ``plot_judges`` on a figure of its own. Figure-level."""
    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    plot(p, ax=figure.subplots())
    return figure


@unless_missing
def plot_parameters(p: Perturbed, *, ax: Axes) -> Axes:
    """The drop of each edit against the parameters it adds; an operation's letter code where it was put, open circles for R2. A mark that
    would cover another stands to its right. Axes-level."""
    x, y = np.array([e.parameters for e in p.edits], float), np.array([e.drop for e in p.edits])
    at = dict(zip(p.edits, apart(x, y, 0.035 * (np.ptp(x) or 1), 0.035 * (np.ptp(y) or 1))))
    for op in dict.fromkeys(e.new for e in p.edits if e.kind == "R1"):
        some = [e for e in p.edits if e.kind == "R1" and e.new == op]
        ax.scatter(
            [at[e] for e in some],
            [e.drop for e in some],
            marker=f"$\\mathrm{{{OPS[op].code}}}$",
            linewidths=0.2,
            s=50 if op == "skip" else 90,
            color=style.OP_COLOURS[op],
            label=f"now {style.op_label(op)}",
        )
    rewired = [e for e in p.edits if e.kind == "R2"]
    ax.scatter(
        [at[e] for e in rewired],
        [e.drop for e in rewired],
        marker="o",
        s=55,
        facecolor="none",
        edgecolor=style.INK,
        label="R2, rewired",
    )
    ax.axhline(0, color=style.INK, lw=0.8)
    ax.set(
        xlabel="parameters more than the found net (marks that would overlap stand side by side)",
        ylabel="drop in dB (up: worse)",
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


@unless_missing
def plot_judges(p: Perturbed, *, ax: Axes) -> Axes:
    """What the supernet's weights say of each edit against what training says; the corners in which both agree are shaded. Axes-level."""
    for kind, mark in zip(KINDS, "os"):
        some = [e for e in p.edits if e.kind == kind]
        ax.plot(
            [e.shared_drop for e in some],
            [e.drop for e in some],
            mark,
            color=COLOURS[kind],
            ms=5.5,
            alpha=0.8,
            label=f"{kind}: {KINDS[kind]}",
        )
    ax.margins(0.08)
    (left, right), (low, high) = ((min(0, a), max(0, b)) for a, b in (ax.get_xlim(), ax.get_ylim()))
    for x, y in (((0, right), (0, high)), ((left, 0), (low, 0))):
        ax.fill_between(x, y[0], y[1], color=style.PALE, linewidth=0, zorder=0)
    if np.isfinite(p.noise):
        for y in (-p.noise, p.noise):
            ax.axhline(
                y,
                color=style.FAINT,
                lw=0.8,
                ls="--",
                label="noise of a training" if y > 0 else None,
            )
    ax.set(
        xlim=(left, right),
        ylim=(low, high),
        xlabel="drop with the supernet's weights, dB",
        ylabel="drop when trained, dB",
    )
    ax.axhline(0, color=style.INK, lw=0.8)
    ax.axvline(0, color=style.INK, lw=0.8)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax
