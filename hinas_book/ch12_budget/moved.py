"""What a budget takes away: the operations and channels that a search expects of its net."""

from collections.abc import Sequence

import numpy as np

from hinas_book.ch12_budget.distribution import expected_number
from hinas_lab.live.recordings import Recording
from hinas_lab.space.budget import Limit
from hinas_lab.space.cost import Part


def operations_expected(recording: Recording, limit: Limit) -> dict[str, np.ndarray]:
    """Operation -> (epochs + 1,): on how many edges of the net it is expected after each epoch."""
    shares = {}
    for name in limit.space.choices:

        def is_it(part: Part, name: str = name) -> bool:
            return part.kind == name

        shares[name] = over_epochs(recording, expected_number(limit, is_it))
    return shares


def over_epochs(recording: Recording, function) -> np.ndarray:
    """(epochs + 1,): ``function`` of alpha and beta after each epoch; 0 is before the first."""
    columns = recording.records
    pairs = zip(columns["epoch/alpha"], columns["epoch/beta"])
    return np.array([function(alpha, beta) for alpha, beta in pairs])


def layers_of_width(recording: Recording, limit: Limit) -> np.ndarray:
    """(W, epochs + 1): how many layers of the net are expected to have each width."""
    numbers = []
    for channels in channels_of(limit):
        is_it = _enters(channels)
        numbers.append(over_epochs(recording, expected_number(limit, is_it)))
    return np.array(numbers)


def channels_expected(recording: Recording, limit: Limit) -> np.ndarray:
    """(epochs + 1,): channels of a node, the mean over the layers of the net."""
    layers = layers_of_width(recording, limit)
    return np.array(channels_of(limit)) @ layers / limit.space.layers


def channels_of(limit: Limit) -> list[int]:
    """Of a node, at each width."""
    return [int(factor * limit.costs.shape.width) for factor in limit.space.width_factors]


def _enters(channels: int):
    """Is it the 1x1 convolution of h(l-1) into a cell of so many channels? A layer has one."""

    def is_it(part: Part) -> bool:
        return part.kind == "first" and part.target == channels

    return is_it


def moved_text(limit: Limit, recordings: dict[str, Recording]) -> str:
    """The operations and widths that each search expects of its net at its end; first what is
    rarer in the first search than in the last one."""
    names = list(recordings)
    numbers: dict[str, list[float]] = {name: [] for name in limit.space.choices}
    widths = []
    for recording in recordings.values():
        for name, values in operations_expected(recording, limit).items():
            numbers[name].append(values[-1])
        widths.append(layers_of_width(recording, limit)[:, -1])
    lines = [_line("expected at the end", names)]
    costs = limit.costs.operations[0]
    order = sorted(numbers, key=lambda name: numbers[name][0] - numbers[name][-1])
    for name in order:
        price = limit.budget.text(costs[limit.space.ops.index(name)])
        lines.append(_line(f"edges with {name} ({price})", [f"{n:.2f}" for n in numbers[name]]))
    for channels, values in zip(channels_of(limit), np.transpose(widths)):
        lines.append(_line(f"layers of {channels} channels", [f"{n:.2f}" for n in values]))
    return "\n".join(lines)


def _line(name: str, values: Sequence[str]) -> str:
    return f"{name:<34}" + "".join(f"{value:>20}" for value in values)
