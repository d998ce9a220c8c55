"""What other methods and ours cost on the same pictures in one run.

Parameters, multiply-accumulates, seconds.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from hinas_book.bench.limits import flops, synchronise
from hinas_book.ch10_state_of_the_art.peers import PEERS
from hinas_lab.presets import preset
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network, fold

HEIGHT, WIDTH = 320, 480
"pixels of the restored picture: a BSDS500 picture, cut so that 2, 3 and 4 divide it nearly"
SIDE = 48
"pixels of the picture whose multiply-accumulates are counted"


@dataclass(frozen=True, kw_only=True)
class PeerCost:
    """What one method costs for one picture."""

    method: str
    task: str
    scale: int
    parameters: int
    macs: int
    "multiply-accumulates for one picture"
    seconds: float
    "median of the repeats; a picture of the restored size, synchronised"
    spread: float
    "half of the distance between their quartiles"
    threads: int
    device: str


def costs(
    task: str,
    scale: int,
    *,
    device: str = "cpu",
    repeats: int = 5,
    height: int = HEIGHT,
    width: int = WIDTH,
    nets: dict[str, nn.Module] | None = None,
) -> Iterator[PeerCost]:
    """Ours and the peers, from the cheapest on. ``nets``: more of ours, named.

    With random weights: time does not depend on them.
    """
    # (name, net, channels, its input's size as a share of the restored picture's)
    methods = [(name, net, net.channels, scale) for name, net in ours(task, scale, nets or {})]
    for peer in PEERS.values():
        if peer.task == task:
            shrunk = scale if peer.input == "low" else 1
            methods.append((peer.name, peer.build(scale), peer.channels, shrunk))
    prepared = []
    for name, net, channels, shrunk in methods:
        parameters = sum(p.numel() for p in net.parameters())
        # ours as it is used: batch norms are part of its convolutions
        net = fold(net) if isinstance(net, Network) else net.eval()
        shape = (1, channels, height // shrunk, width // shrunk)
        prepared.append((_macs(net, shape), name, net, parameters, shape))
    for macs, name, net, parameters, shape in sorted(prepared, key=lambda method: method[0]):
        times = _seconds(net.to(device), torch.rand(shape, device=device), repeats)
        # makes room on the device for the next one
        net.cpu()
        low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
        yield PeerCost(
            method=name,
            task=task,
            scale=scale,
            parameters=parameters,
            macs=macs,
            seconds=float(middle),
            spread=float(high - low) / 2,
            threads=torch.get_num_threads(),
            device=device,
        )


def ours(task: str, scale: int, nets: dict[str, nn.Module]) -> list[tuple[str, nn.Module]]:
    """A random net of the paper's space at its training width, and what is given."""
    paper = preset("paper", task, scale)
    genotype = sample(paper.space, random.Random(0))
    net = Network(genotype, width=paper.train.width, stem=paper.train.stem)
    return [("HiNAS space, random net", net), *nets.items()]


def _seconds(net: nn.Module, x: torch.Tensor, repeats: int) -> list[float]:
    """Of each of ``repeats`` passes, after two that do not count: they warm caches up."""
    times = []
    with torch.inference_mode():
        for _ in range(2 + repeats):
            # a GPU answers before it is done
            synchronise(str(x.device))
            start = time.perf_counter()
            net(x)
            synchronise(str(x.device))
            times.append(time.perf_counter() - start)
    return times[2:]


def _macs(net: nn.Module, shape: tuple[int, int, int, int]) -> int:
    """Of an input of ``shape``, counted on a small one: convolutions are linear in pixels."""
    with torch.no_grad():
        # a multiply-accumulate is two FLOPs
        count = flops(lambda: net(torch.rand(1, shape[1], SIDE, SIDE))) // 2
    return round(count * shape[2] * shape[3] / SIDE**2)
