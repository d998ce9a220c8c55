"""What cell sharing saves: Eq. 5 sums the incoming features and runs one cell, Eq. 6 runs a cell
for every incoming move."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from hinas_lab.analysis.timing import interleaved
from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training.numerics import use_device
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


def forward_and_backward(net: SuperNet, config: SearchConfig):
    """Both passes on a batch of noise; no weight is changed."""
    torch.autograd.grad(supernet_loss(net, config), list(net.parameters()))


def bytes_kept(net: SuperNet, config: SearchConfig) -> int:
    """Counted on real tensors, between the forward and the backward pass."""
    return kept_bytes(lambda: supernet_loss(net, config), list(net.parameters()))


def measured(
    space: SearchSpace, config: SearchConfig, repeats: int = 5, device: str = "auto"
) -> list[SharingCost]:
    """Eq. 5 and Eq. 6 on this machine: bytes counted while they are kept, and the shortest of
    ``repeats`` passes, taken in turn. ``device``: auto is an NVIDIA GPU where there is one."""
    device, nets = use_device(device), {}
    for sharing in SHARING:
        nets[sharing] = SuperNet(replace(space, cell_sharing=sharing)).to(device)
    passes = {sharing: partial(forward_and_backward, net, config) for sharing, net in nets.items()}
    # the shortest counts: a slow first pass needs no warm-up
    seconds = interleaved(passes, repeats, warmup=0)
    costs = []
    for sharing, net in nets.items():
        shortest = float(seconds[sharing].min())
        costs.append(_cost(net, bytes_kept(net, config), shortest))
    return costs


def predicted(space: SearchSpace, config: SearchConfig) -> Iterator[SharingCost]:
    """The same from the configuration alone, for sizes that do not fit here; no seconds."""
    for sharing in SHARING:
        variant = replace(space, cell_sharing=sharing)
        # shapes without memory
        with FakeTensorMode():
            net = SuperNet(variant)
        yield _cost(net, search_step(variant, config).kept)


def _cost(net: SuperNet, kept: int, seconds: float | None = None) -> SharingCost:
    space = net.space
    shared = space.cell_sharing == "on"
    return SharingCost(
        sharing=space.cell_sharing,
        cells=sum(map(len, space.cells)) if shared else len(space.moves),
        weights=sum(p.numel() for p in net.weight_parameters),
        kept=kept,
        seconds=seconds,
    )
