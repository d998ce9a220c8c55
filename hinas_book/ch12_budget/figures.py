"""What pieces cost, the distribution as it sharpens, a search under a budget, a price that finds
itself, and nets at equal cost.

``figure_x(...) -> Figure`` owns its figure, as in ``plots``.
"""

from collections.abc import Sequence
from functools import partial
from math import exp, log

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from hinas_book.ch12_budget.distribution import drawn_costs, expected_cost
from hinas_book.ch12_budget.equal_cost import field_of
from hinas_book.ch12_budget.moved import channels_expected, operations_expected, over_epochs
from hinas_book.ch12_budget.pieces import UNITS, channels_of, costs_by, measured_here, rows_of
from hinas_book.kit.intervals import plot_forest
from hinas_book.kit.missing import unless_missing
from hinas_lab.analysis.equal_cost import line
from hinas_lab.drawing import style
from hinas_lab.live.recordings import Recording
from hinas_lab.presets import Preset
from hinas_lab.records import kept_logits
from hinas_lab.space.budget import Budget, Limit
from hinas_lab.space.decode import decode

MARKS = ("D", "s", "^", "v", "P", "X")
BINS = 24


def figure_pieces(settings: Preset) -> Figure:
    """What an edge costs with each operation at each width: a panel for MACs, one for parameters,
    and one for milliseconds where this machine's table is there. Figure-level."""
    by = costs_by(settings, measured_here(settings))
    channels = channels_of(settings)
    figure = Figure(figsize=(4.2 * len(by), 3.4), layout="constrained")
    for ax, (counted, costs) in zip(figure.subplots(1, len(by)), by.items()):
        size, unit = UNITS[counted]
        rows = rows_of(settings, costs)
        names = [name for name in rows if name in settings.space.choices]
        for place, name in enumerate(names):
            heights = rows[name] / size
            x = place + 0.27 * (np.arange(len(heights)) - (len(heights) - 1) / 2)
            ax.bar(x, heights, 0.25, color=style.op_colour(name), edgecolor=style.INK, lw=0.5)
        ax.set_xticks(range(len(names)), [style.op_label(name) for name in names], rotation=40)
        ax.set(ylabel=unit, title=f"{counted} of an edge, {_join(channels)} channels")
    return figure


def _join(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def figures_sharpened(
    recording: Recording, limit: Limit, sharpness: Sequence[float]
) -> dict[str, Figure]:
    """For each sharpness, by its name: the costs of nets drawn from the distribution of a recorded
    search, their expectation, and the cost of the net that is decoded; beside it the expectation
    over all of ``sharpness``."""
    alpha, beta = kept_logits(recording.records, recording.search.keep_supernet)
    costs, size = limit.costs, limit.budget.unit.factor
    decoded = costs(decode(limit.space, alpha, beta)) / size
    means = [expected_cost(costs, alpha, beta, s) / size for s in sharpness]
    drawn = [drawn_costs(costs, alpha, beta, s) / size for s in sharpness]
    least, most = (value / size for value in costs.extremes())
    figures = {}
    for s, mean, values in zip(sharpness, means, drawn):
        figure = Figure(figsize=(10, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        bins = np.linspace(least, most, BINS + 1)
        left.hist(values, bins, color=style.PALE, edgecolor=style.FAINT)
        _cost_lines(left.axvline, limit, mean, decoded)
        left.set(
            xlabel=limit.budget.unit.name,
            ylabel=f"of {len(values)} drawn nets",
            title=f"nets drawn with weight to the power {s:g}",
        )
        left.legend()
        right.plot(sharpness, means, "o-", color=style.ARCH, ms=4)
        right.plot(s, mean, "o", color=style.ARCH, ms=10)
        _cost_lines(right.axhline, limit, None, decoded)
        right.set(
            xscale="log",
            xlabel="sharpness (power of the weight)",
            ylabel=limit.budget.unit.name,
            title="expected cost",
        )
        figures[f"{s:g}"] = figure
    return figures


def _cost_lines(draw, limit: Limit, mean: float | None, decoded: float):
    """The expectation, the decoded net and the budget, as lines across an axis."""
    if mean is not None:
        draw(mean, color=style.ARCH, lw=2, label="expected")
    draw(decoded, color=style.INK, lw=1.2, ls="--", label="decoded net")
    budget = limit.budget
    draw(budget.amount / budget.unit.factor, color=style.BEST, lw=1.2, ls=":", label="budget")


def falling_limit(recording: Recording, limit: Limit) -> np.ndarray:
    """(epochs + 1,): what the price holds the expected cost against after each epoch; it comes down
    to the budget. nan in the warm-up."""
    from hinas_lab.searching.price import DESCENT

    search, amount = recording.search, limit.budget.amount
    expected = recording.records["epoch/expected_cost"]
    epochs = np.arange(len(expected))
    done = (epochs - search.warmup_epochs) / max(1, search.epochs - search.warmup_epochs)
    first = max(0.0, log(expected[min(search.warmup_epochs, len(expected) - 1)] / amount))
    held = [amount * exp(first * max(0.0, 1 - share / DESCENT)) for share in done]
    return np.where(done < 0, np.nan, held)


def figure_search_under(recordings: dict[str, Recording], limit: Limit) -> Figure:
    """A search under a budget, the first of ``recordings``, and free ones of the same space behind
    it. Figure-level.

    Above expected and decoded cost with the budget, the price mu, and the channels of a layer that
    each search expects; below, for each, on how many edges of its net it expects each operation.
    """
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    costs, prices, widths = above.subplots(1, 3, width_ratios=(1.6, 1, 1))
    _plot_costs(recordings, limit, costs)
    _plot_channels(recordings, limit, widths)
    under = next(iter(recordings.values()))
    epochs = under.records["epoch/epoch"]
    prices.plot(epochs, under.records["epoch/mu"], "o-", color=style.ARCH, ms=3)
    prices.set(xlabel="epoch", ylabel="μ", title="the price of cost", ylim=(0, None))
    prices.xaxis.get_major_locator().set_params(integer=True)
    _shade_warm_up(under, prices)
    panels = below.subplots(1, len(recordings), squeeze=False, sharey=True)[0]
    for ax, (name, recording) in zip(panels, recordings.items()):
        shares = operations_expected(recording, limit)
        ax.stackplot(
            recording.records["epoch/epoch"],
            *shares.values(),
            colors=[style.op_colour(op) for op in shares],
            labels=[style.op_label(op) for op in shares],
            edgecolor=style.PAPER,
            lw=0.5,
        )
        ax.set(xlabel="epoch", title=f"operations expected, {name}", xlim=(0, None))
        ax.set_ylabel("edges of the net" if ax is panels[0] else "")
    panels[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    return figure


def _plot_costs(recordings: dict[str, Recording], limit: Limit, ax: Axes):
    """Expected and decoded cost of the first recording, the expected cost of the others."""
    size, unit = limit.budget.unit.factor, limit.budget.unit.name
    (name, under), *others = recordings.items()
    epochs = under.records["epoch/epoch"]
    ax.plot(
        epochs,
        under.records["epoch/expected_cost"] / size,
        "o-",
        color=style.ARCH,
        ms=3,
        label=f"expected, {name}",
    )
    ax.plot(
        epochs,
        under.records["epoch/decoded_cost"] / size,
        "D",
        color=style.WEIGHT,
        ms=4,
        label="decoded within it",
    )
    ax.plot(
        epochs,
        falling_limit(under, limit) / size,
        color=style.BEST,
        lw=1,
        ls="--",
        label="what the price aims at",
    )
    # the sharpness is a search's own
    of = partial(_expected_now, limit)
    for name, recording in others:
        values = over_epochs(recording, of) / size
        ax.plot(
            recording.records["epoch/epoch"],
            values,
            "o-",
            color=style.FAINT,
            ms=3,
            label=f"expected, {name}",
        )
    ax.axhline(
        limit.budget.amount / size, color=style.BEST, lw=1.2, ls=":", label=f"{limit.budget}"
    )
    _shade_warm_up(under, ax)
    ax.set(xlabel="epoch", ylabel=unit, title="cost of the net")
    _legend_below(ax)


def _legend_below(ax: Axes):
    """Where no curve is."""
    ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)


def _plot_channels(recordings: dict[str, Recording], limit: Limit, ax: Axes):
    for number, (name, recording) in enumerate(recordings.items()):
        how = {"color": style.FAINT if number else style.ARCH, "label": name}
        epochs = recording.records["epoch/epoch"]
        ax.plot(epochs, channels_expected(recording, limit), "o-", ms=3, **how)
    _shade_warm_up(next(iter(recordings.values())), ax)
    ax.set(xlabel="epoch", ylabel="channels of a layer", title="width expected")
    _legend_below(ax)
    ax.xaxis.get_major_locator().set_params(integer=True)


def _expected_now(limit: Limit, alpha: np.ndarray, beta: np.ndarray) -> float:
    from hinas_lab.space.expected_cost import SHARPNESS

    return expected_cost(limit.costs, alpha, beta, SHARPNESS)


def _shade_warm_up(recording: Recording, ax: Axes):
    ax.axvspan(0, recording.search.warmup_epochs, color=style.PALE, lw=0, zorder=0)


def figure_price(way: Sequence[tuple[float, float]], budget: float, right: float) -> Figure:
    """A toy's way: its cost beside the budget, and the price beside the ``right`` one."""
    cost, mu = np.transpose(way)
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, other = figure.subplots(1, 2)
    left.plot(cost, color=style.ARCH)
    left.axhline(budget, color=style.BEST, ls=":", lw=1.2, label="budget")
    left.set(xlabel="step", ylabel="cost", title="cost")
    other.plot(mu, color=style.ARCH)
    other.axhline(right, color=style.INK, ls="--", lw=1, label="by calculus")
    other.set(xlabel="step", ylabel="μ", title="price")
    for ax in (left, other):
        ax.legend()
    return figure


@unless_missing
def figure_equal_cost(record: dict, budget: str, task: str = "denoise") -> Figure:
    """PSNR against MACs of the record's nets with the line of the random ones and the budget;
    beside it each arm's mean distance from that line with its 95 % interval. Figure-level."""
    field, limit = field_of(record, task), Budget.parse(budget)
    size = limit.unit.factor
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    marks = {"random": field.random, **field.arms}
    for number, (title, nets) in enumerate(marks.items()):
        how = {"color": style.FAINT, "marker": "o"}
        if number:
            how = {"color": f"C{number}", "marker": MARKS[(number - 1) % len(MARKS)]}
        left.scatter(nets.costs / size, nets.quality, s=26, label=title, **how)
    intercept, slope = line(field.random)
    ends = np.array([min(n.costs.min() for n in marks.values()), field.random.costs.max()])
    left.plot(ends / size, intercept + slope * np.log2(ends), color=style.INK, lw=1)
    left.axvline(limit.amount / size, color=style.BEST, ls=":", lw=1.4)
    left.set(
        xscale="log",
        xlabel=f"{limit.unit.name} of an input of 480 x 320",
        ylabel="PSNR, dB, mean of a net's trainings",
        title=f"study {field.study}: line of the random nets, budget {limit}",
    )
    left.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    left.xaxis.set_major_formatter("{x:g}")
    left.xaxis.set_minor_locator(NullLocator())
    left.legend(fontsize=8)
    plot_forest(list(field.contrasts.items()), ax=right, unit="dB above random nets of equal cost")
    return figure
