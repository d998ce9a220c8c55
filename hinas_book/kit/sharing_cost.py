"""What cell sharing saves: Eq. 5 sums the incoming features and runs one cell, Eq. 6 runs a cell for every incoming move."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training.step_memory import kept_bytes, search_step, supernet_loss

SHARING = {"on": "Eq. 5", "tied": "Eq. 6, same weights", "off": "Eq. 6, own weights"}


@dataclass(frozen=True, kw_only=True)
class SharingCost:
    """Of the forward and backward pass of a supernet."""

    sharing: str
    "on, tied or off"
    cells: int
    "cells that are run"
    weights: int
    kept: int
    "bytes kept for the backward pass"
    seconds: float | None = None


def _cost(space: SearchSpace, sharing: str, **cost) -> SharingCost:
    return SharingCost(
        sharing=sharing,
        cells=sum(map(len, space.cells)) if sharing == "on" else len(space.moves),
        **cost,
    )


def measured(space: SearchSpace, config: SearchConfig, repeats: int = 5) -> list[SharingCost]:
    """Eq. 5 and Eq. 6 on this machine: bytes counted while they are kept, and the shortest of ``repeats`` passes, taken in turn."""
    nets = {s: SuperNet(replace(space, cell_sharing=s)) for s in SHARING}
    shortest = dict.fromkeys(nets, float("inf"))
    for _ in range(repeats):
        for sharing, net in nets.items():
            start = time.perf_counter()
            torch.autograd.grad(supernet_loss(net, config), list(net.parameters()))
            shortest[sharing] = min(shortest[sharing], time.perf_counter() - start)
    return [
        _cost(
            space,
            sharing,
            weights=sum(p.numel() for p in net.weight_parameters),
            seconds=shortest[sharing],
            kept=kept_bytes(lambda net=net: supernet_loss(net, config), list(net.parameters())),
        )
        for sharing, net in nets.items()
    ]


def predicted(space: SearchSpace, config: SearchConfig) -> Iterator[SharingCost]:
    """The same from the configuration alone, for sizes that do not fit here; no seconds."""
    for sharing in SHARING:
        other = replace(space, cell_sharing=sharing)
        with FakeTensorMode():
            weights = sum(p.numel() for p in SuperNet(other).weight_parameters)
        yield _cost(space, sharing, weights=weights, kept=search_step(other, config).kept)
