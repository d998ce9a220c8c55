"""Which way to a weight gradient is the fastest on this device: convolution by convolution, then in
whole steps. A minute on a GPU."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from math import inf

import torch
from torch import Tensor
from torch.utils.benchmark import Timer

from hinas_book.bench.gpu import (
    HEIGHT,
    WIDTH,
    Reading,
    failed,
    make_current,
    pictures,
    step_seconds,
)
from hinas_lab.config import SearchSpace
from hinas_lab.images.patches import Patches
from hinas_lab.presets import Preset, preset
from hinas_lab.space.weight_gradients import WAYS, chosen, kind_of

KINDS = ("dense", "depthwise", "pointwise", "grouped")
FORMATS = ("tf32", "float32", "bfloat16")
SLOW = "compiled"
"the way that takes a minute to begin: it comes last"

Shape = tuple[int, int, int, int, int]
"of a convolution: channels, outputs, kernel, dilation, groups"


def convolutions(space: SearchSpace, width: int) -> dict[str, Shape]:
    """Those from a source of width index ``width`` to all nodes, by name."""
    c = space.node_channels(width)
    d = space.nodes
    return {
        "conv 3x3": (c, d * c, 3, 1, 1),
        "conv 5x5, dilation 2": (c, d * c, 5, 2, 1),
        "conv 5x5": (c, d * c, 5, 1, 1),
        "depthwise 5x5": (d * c, d * c, 5, 1, d * c),
        "1x1, block-diagonal": (d * c, d * c, 1, 1, 1),
        "grouped 5x5": (d * c, d * c, 5, 1, d),
    }


def readings(device: str = "cuda", quick: bool = False, base: str = "paper") -> Iterator[Reading]:
    """ms of each way at preset ``base``: of single convolutions, of whole steps with the library's
    and with the fastest way of each kind, of steps with one way throughout; then the same of SLOW.
    ``quick``: at tiny, numbers that mean nothing, and without SLOW."""
    make_current(device)
    settings = preset("tiny" if quick else base)
    ways = [way for way in WAYS if way != SLOW]
    # the narrowest and the widest cell
    widths = (0,) if quick else (0, len(settings.space.width_factors) - 1)
    spent: dict[tuple[str, str], float] = defaultdict(float)
    yield from _singles(settings, widths, ways, device, spent)
    fastest = {kind: min(ways, key=lambda way: spent[kind, way]) for kind in KINDS}
    size = (32, 32) if quick else (HEIGHT, WIDTH)
    patches = Patches(pictures(12 if quick else 60, *size), device=device)
    for precision in FORMATS[:1] if quick else FORMATS:
        yield _step(settings, patches, precision, "library", {}, quick)
        yield _step(settings, patches, precision, "the fastest of each kind", fastest, quick)
    # the first way is the library's, which has had its turn
    for way in ways[1:]:
        yield _step(settings, patches, FORMATS[0], way, dict.fromkeys(KINDS, way), quick)
    if not quick:
        yield from _singles(settings, widths[:1], [SLOW], device, spent)
        yield _step(settings, patches, FORMATS[0], SLOW, dict.fromkeys(KINDS, SLOW), quick)


def _singles(
    settings: Preset, widths: tuple[int, ...], ways: list[str], device: str, spent: dict
) -> Iterator[Reading]:
    """Each convolution alone; adds to ``spent``: (kind, way) -> ms of all of them together,
    infinite where one failed."""
    config = settings.search
    for width in widths:
        for name, shape in convolutions(settings.space, width).items():
            inputs = tensors(shape, config.batch, config.patch, device)
            channels, _, kernel, dilation, groups = shape
            # half of what the kernel spans, so that an image keeps its size
            padding = dilation * (kernel // 2)
            kind = kind_of(inputs[2], groups)
            for way in ways:
                what = f"{name} of {channels}, {way}"
                gradient = partial(WAYS[way], *inputs, padding, dilation, groups)
                ms = inf
                try:
                    ms = milliseconds(gradient, 0.02)
                    yield Reading(what, ms, "ms")
                # no memory, or no compiler: the other ways are still of interest
                except Exception as error:
                    yield failed(what, error)
                spent[kind, way] += ms


def _step(
    settings: Preset, patches: Patches, precision: str, name: str, ways: dict[str, str], quick: bool
) -> Reading:
    """A weight step of the search with those ways, as a graph where the device can."""
    what = f"weight step, {precision}, {name}"
    values = {"precision": precision, "crops_per_image": 8}
    try:
        with chosen(ways):
            weight, _ = step_seconds(settings, values, patches, 2 if quick else 5, "auto")
    except Exception as error:
        return failed(what, error)
    note = ""
    if len(set(ways.values())) > 1:
        note = ", ".join(f"{kind}: {way}" for kind, way in ways.items())
    return Reading(what, 1e3 * weight, "ms", note=note)


def milliseconds(f: Callable, seconds: float) -> float:
    """Median of one call, the device's work included, from at least ``seconds`` of calls."""
    return 1e3 * Timer("f()", globals={"f": f}).blocked_autorange(min_run_time=seconds).median


def tensors(shape: Shape, batch: int, patch: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Random input (B, C, P, P), gradient of the output (B, D, P, P), both channels-last, and
    weights (D, C / groups, K, K) of a convolution."""
    channels, outputs, kernel, _, groups = shape
    last = {"device": device, "memory_format": torch.channels_last}
    x = torch.empty(batch, channels, patch, patch, **last).uniform_()
    g = torch.empty(batch, outputs, patch, patch, **last).uniform_()
    return x, g, torch.rand(outputs, channels // groups, kernel, kernel, device=device)
