"""Trained nets on two axes, a cost and a quality: the numbers before they are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np

from hinas_lab.analysis.pareto import best_within, front, front_band
from hinas_lab.analysis.trained_nets import Found, TrainedNet
from hinas_lab.space.budget import Budget


class Axis(NamedTuple):
    """What an axis shows."""

    title: str
    unit: str
    digits: str
    "how a value is written, in its unit and with its prefix"


COSTS = {
    "macs": Axis("multiply-accumulates of an input of 480 x 320, MAC", "MAC", ".3g"),
    "parameters": Axis("parameters", "", ".3g"),
    "milliseconds": Axis("milliseconds a picture", "ms", ".3g"),
}
QUALITIES = {"psnr": Axis("PSNR", "dB", ".2f"), "ssim": Axis("SSIM", "", ".4f")}
PREFIXES = {"G": 1e9, "M": 1e6, "k": 1e3, "": 1.0}


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """N nets that can be compared, the cheapest first, and their front."""

    nets: tuple[TrainedNet, ...]
    cost: str
    "one of ``COSTS``"
    quality: str
    "one of ``QUALITIES``"
    x: np.ndarray
    "(N,): what each costs"
    y: np.ndarray
    "(N,): how good each is"
    front: np.ndarray
    "indices of the nets that no other one beats"
    edges: np.ndarray
    "(B,): the costs at which the front or its band may step"
    band: tuple[np.ndarray, np.ndarray] | None
    "(low, high), each (B,), see ``pareto.front_band``; None for one net"
    budget: float | None = None
    notes: tuple[str, ...] = ()
    "in a line each: what is left out, what cannot be compared"

    @property
    def within(self) -> int | None:
        """The best net within the budget, the cheaper of two equal ones; None: none, or no
        budget."""
        if self.budget is None or self.x[0] > self.budget:
            return None
        return int(np.argmax(np.where(self.x <= self.budget, self.y, -np.inf)))

    @property
    def title(self) -> str:
        """What the picture says, in a line."""
        if len(self.nets) == 1:
            return "one net: a front of one net says nothing"
        if self.budget is None:
            return f"{len(self.front)} of {len(self.nets)} nets are beaten by no other one"
        budget, best = in_units(self.budget, self.cost), self.within
        if best is None:
            return f"no net within {budget}; the cheapest: {in_units(self.x[0], self.cost)}"
        quality = in_units(self.y[best], self.quality)
        return f"best of {(self.x <= self.budget).sum()} nets within {budget}: " + (
            f"{quality}, {self.nets[best].name}"
        )


def trade_off(
    found: Found,
    *,
    cost: str = "macs",
    quality: str = "psnr",
    budget: str | float | None = None,
    measured_as: str | None = None,
    seed: int = 0,
) -> TradeOff:
    """The nets that were ``measured_as`` (default: as most of them were), on two axes.

    budget: of the cost, as ``budget_of`` reads it. seed: of the band. A net whose cost is not known
    is left out and named. ValueError in one line for a name that is none, or when no net is left.
    """
    budget = check_asked(cost, quality, budget)
    together = groups(found.nets)
    chosen = next(iter(together)) if measured_as is None else measured_as
    _check_name("measured_as", chosen, together)
    notes = list(found.left_out)
    others = [name for name in together if name != chosen]
    if others:
        count = len(found.nets) - len(together[chosen])
        notes.append(f"measured otherwise, not shown: {count} ({_some(others)})")
    known = [net for net in together[chosen] if getattr(net, cost) is not None]
    unknown = [net.name for net in together[chosen] if getattr(net, cost) is None]
    if unknown:
        notes.append(f"{cost} not known: {_some(unknown)}")
    if not known:
        raise ValueError(f"{cost}: known of none of these nets ({_some(unknown)})")
    places = sorted({f"{net.device}, {net.picture}" for net in known})
    if cost == "milliseconds" and len(places) > 1:
        notes.append(f"milliseconds of {len(places)} kinds, no ranking: {'; '.join(places)}")
    nets = tuple(sorted(known, key=lambda net: getattr(net, cost)))
    x = np.array([getattr(net, cost) for net in nets], dtype=np.float64)
    y = np.array([getattr(net, quality) for net in nets], dtype=np.float64)
    edges = np.unique(x)
    return TradeOff(
        nets=nets,
        cost=cost,
        quality=quality,
        x=x,
        y=y,
        front=front(x, y),
        edges=edges,
        band=front_band(x, y, edges, seed=seed) if len(nets) > 1 else None,
        budget=budget,
        notes=tuple(notes),
    )


def check_asked(cost: str, quality: str, budget: str | float | None) -> float | None:
    """The budget as a number; ValueError in one line for what ``trade_off`` would refuse of these:
    to be asked before nets are measured."""
    _check_name("cost", cost, COSTS)
    _check_name("quality", quality, QUALITIES)
    return None if budget is None else budget_of(budget, cost)


def groups(nets: Sequence[TrainedNet]) -> dict[str, list[TrainedNet]]:
    """How nets were measured -> those nets, the most first."""
    together: dict[str, list[TrainedNet]] = {}
    for net in nets:
        together.setdefault(net.measured_as, []).append(net)
    return dict(sorted(together.items(), key=lambda item: -len(item[1])))


def staircase(seen: TradeOff) -> np.ndarray:
    """(B,): the best quality at each of its ``edges`` or less."""
    return best_within(seen.x, seen.y, seen.edges)


def budget_of(text: str | float, cost: str) -> float:
    """A budget of ``cost`` (parameters, macs, milliseconds) as a number: a number, or the words of
    a search's budget (``Budget.parse``). ValueError in one line for anything else."""
    try:
        value, of = float(text), cost
    except (TypeError, ValueError):
        budget = Budget.parse(text)
        value, of = budget.amount, budget.unit.counted
    if of.lower() != cost:
        raise ValueError(f"budget = {text!r}: is of {of}, the cost that is asked for is {cost}")
    if not (isfinite(value) and value > 0):
        raise ValueError(f"budget = {text!r}: must be finite and above 0")
    return value


def in_units(value: float, of: str) -> str:
    """A cost or a quality as it is read: ``1.17 GMAC``, ``7.87 k parameters``, ``26.43 dB``."""
    axis = (COSTS | QUALITIES)[of]
    if of not in ("macs", "parameters"):
        return f"{value:{axis.digits}} {axis.unit}".strip()
    prefix = next(prefix for prefix, size in PREFIXES.items() if value >= size or not prefix)
    number = f"{value / PREFIXES[prefix]:{axis.digits}}"
    unit = f"{prefix} parameters".strip() if of == "parameters" else prefix + axis.unit
    return f"{number} {unit}"


def _check_name(what: str, name: str, known):
    if name not in known:
        raise ValueError(f"{what} = {name!r}: must be one of {', '.join(known)}")


def _some(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{'; '.join(names[:3])}{more}"
