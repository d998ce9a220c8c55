"""What bounds a step: how far it is from what the machine can do, and how its cost grows with each size of the search space."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training.step_memory import search_step, supernet_loss

SIZES = {
    "layers": (1, 2, 3, 4),
    "nodes": (1, 2, 3, 4),
    "width": (2, 4, 8, 16),
    "batch": (1, 2, 4, 8),
    "patch": (16, 24, 32, 48),
}
"what is varied, one at a time, around the preset's own values"


@dataclass(frozen=True, kw_only=True)
class Point:
    """Cost of the forward and backward pass of a supernet of one size."""

    what: str
    size: int
    seconds: float
    "median of three"
    flops: int
    "floating-point operations of convolutions and products, forward and backward"
    kept: int
    "bytes kept for the backward pass"


def synchronise(device: str):
    """Wait until the GPU ``device`` has done what it was asked; the CPU always has."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def seconds(f: Callable, repeats: int = 3) -> float:
    """Median time of ``f()`` after one call that does not count."""
    f()
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        f()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def flops(f: Callable) -> int:
    """Floating-point operations of ``f()`` as torch counts them: two for a multiply-accumulate."""
    with FlopCounterMode(display=False) as counter:
        f()
    return counter.get_total_flops()


def machine() -> dict[str, float]:
    """FLOP/s of a matrix product of 1024^2 and of a 3x3 convolution of 64 channels on 8 x 64 x 64 pixels, channels-last, forward."""
    a = torch.rand(1024, 1024)
    x = torch.rand(8, 64, 64, 64).contiguous(memory_format=torch.channels_last)
    w = torch.rand(64, 64, 3, 3).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        work = {"matrix product": lambda: a @ a, "convolution": lambda: F.conv2d(x, w, padding=1)}
        return {name: flops(f) / seconds(f, 9) for name, f in work.items()}


def scaling(
    space: SearchSpace, config: SearchConfig, sizes: dict[str, tuple[int, ...]] = SIZES
) -> Iterator[Point]:
    """Cost against each of ``sizes``, the others as ``space`` and ``config`` have them."""
    for what, values in sizes.items():
        for value in values:
            s, c = (
                (replace(space, **{what: value}), config)
                if hasattr(space, what)
                else (space, replace(config, **{what: value}))
            )
            net = SuperNet(s)

            def step(net=net, c=c):
                torch.autograd.grad(
                    supernet_loss(net, c), list(net.parameters()), allow_unused=True
                )

            yield Point(
                what=what,
                size=value,
                seconds=seconds(step),
                flops=flops(step),
                kept=search_step(s, c).kept,
            )


def slope(points: list[Point], cost: str) -> float:
    """The exponent p of cost ~ size**p, by least squares on the logarithms."""
    sizes, costs = np.log([p.size for p in points]), np.log([getattr(p, cost) for p in points])
    return float(np.polyfit(sizes, costs, 1)[0])
