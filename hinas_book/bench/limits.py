"""What bounds a step: how far it is from what the machine can do, and how its cost grows with each
size of the search space."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from hinas_book.kit.sharing_cost import forward_and_backward
from hinas_lab.analysis.timing import interleaved
from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training.step_memory import search_step

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


def flops(f: Callable) -> int:
    """Floating-point operations of ``f()`` as torch counts them: two for a multiply-accumulate."""
    with FlopCounterMode(display=False) as counter:
        f()
    return counter.get_total_flops()


def machine() -> dict[str, float]:
    """FLOP/s of a matrix product of 1024^2 and of a 3x3 convolution of 64 channels on 8 x 64 x 64
    pixels, channels-last, forward."""
    # large enough that the machine's speed counts, and not how a call is prepared
    a = torch.rand(1024, 1024)
    x = torch.rand(8, 64, 64, 64).contiguous(memory_format=torch.channels_last)
    w = torch.rand(64, 64, 3, 3).contiguous(memory_format=torch.channels_last)
    work = {"matrix product": lambda: a @ a, "convolution": lambda: F.conv2d(x, w, padding=1)}
    with torch.no_grad():
        seconds = interleaved(work, 9)
        return {name: flops(f) / float(np.median(seconds[name])) for name, f in work.items()}


def scaling(
    space: SearchSpace, config: SearchConfig, sizes: dict[str, tuple[int, ...]] = SIZES
) -> Iterator[Point]:
    """Cost against each of ``sizes``, the others as ``space`` and ``config`` have them."""
    for what, values in sizes.items():
        for value in values:
            # a size is a field of the space or of the search's config
            if hasattr(space, what):
                yield _point(what, value, replace(space, **{what: value}), config)
            else:
                yield _point(what, value, space, replace(config, **{what: value}))


def _point(what: str, size: int, space: SearchSpace, config: SearchConfig) -> Point:
    step = partial(forward_and_backward, SuperNet(space), config)
    return Point(
        what=what,
        size=size,
        seconds=float(np.median(interleaved({what: step}, 3)[what])),
        flops=flops(step),
        kept=search_step(space, config).kept,
    )


def slope(points: list[Point], cost: str) -> float:
    """The exponent p of cost ~ size**p, by least squares on the logarithms. ``cost``: a field of
    ``Point``."""
    sizes = np.log([p.size for p in points])
    costs = np.log([getattr(p, cost) for p in points])
    return float(np.polyfit(sizes, costs, 1)[0])
