"""What other methods and ours cost on the same pictures in one run: parameters, multiply-accumulates, seconds."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from hinas_book.bench.limits import flops, synchronise
from hinas_book.ch10_state_of_the_art.peers import PEERS, Peer
from hinas_lab.config import preset
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network, fold

HEIGHT, WIDTH = 320, 480
"pixels of the restored picture: a BSDS500 picture, cut so that 2, 3 and 4 divide it nearly"


@dataclass(frozen=True, kw_only=True)
class PeerCost:
    method: str
    task: str
    scale: int
    parameters: int
    macs: int
    "multiply-accumulates for one picture"
    seconds: float
    "median of the repeats; a picture of the restored size, synchronised, after two that do not count"
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
    """Ours and the peers, with random weights (time does not depend on them), from the cheapest on. ``nets``: more of ours, named."""
    rows = {name: (net, net.channels, "low") for name, net in ours(task, scale, nets or {}).items()}
    rows |= {
        p.name: (p.build(scale), p.channels, p.input) for (_, t), p in PEERS.items() if t == task
    }
    prepared = []
    for name, (net, channels, kind) in rows.items():
        count = sum(p.numel() for p in net.parameters())
        net = fold(net) if isinstance(net, Network) else net.eval()
        small = scale if kind == "low" else 1
        prepared.append(
            (name, net, channels, small, count, _macs(net, channels, small, height, width))
        )
    for name, net, channels, small, count, macs in sorted(prepared, key=lambda row: row[5]):
        net, x = (
            net.to(device),
            torch.rand(1, channels, height // small, width // small, device=device),
        )
        spent = []
        with torch.inference_mode():
            for _ in range(2 + repeats):
                synchronise(device)
                start = time.perf_counter()
                net(x)
                synchronise(device)
                spent.append(time.perf_counter() - start)
        net.cpu()
        low, middle, high = np.quantile(spent[2:], [0.25, 0.5, 0.75])
        yield PeerCost(
            method=name,
            task=task,
            scale=scale,
            parameters=count,
            macs=macs,
            seconds=float(middle),
            spread=float(high - low) / 2,
            threads=torch.get_num_threads(),
            device=device,
        )


def ours(task: str, scale: int, nets: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """A random net of the paper's space at its training width, and what is given."""
    chosen = preset("paper", task, scale)
    net = Network(
        sample(chosen.space, random.Random(0)), width=chosen.train.width, stem=chosen.train.stem
    )
    return {"HiNAS space, random net": net, **nets}


def _macs(
    net: nn.Module, channels: int, small: int, height: int, width: int, side: int = 48
) -> int:
    """Counted on a small picture: convolutions are linear in pixels."""
    with torch.no_grad():
        few = flops(lambda: net(torch.rand(1, channels, side, side))) // 2
    return round(few * (height // small) * (width // small) / side**2)


def weights_of(peer: Peer, net: nn.Module) -> int:
    """The number that the peer's own paper gives for ``net``: all parameters, or weights alone."""
    return sum(p.numel() for p in net.parameters() if peer.counts == "all" or p.ndim > 1)
