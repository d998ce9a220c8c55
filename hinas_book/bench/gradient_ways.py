"""Which way to a weight gradient is the fastest on this device: convolution by convolution, then in whole steps. A minute on a GPU."""

from collections.abc import Callable, Iterator
from math import inf

import torch
from torch import Tensor
from torch.utils.benchmark import Timer

from hinas_book.bench.gpu import HEIGHT, WIDTH, Reading, failed, pictures, step_seconds
from hinas_lab.config import Preset, SearchSpace, preset
from hinas_lab.images.patches import Patches
from hinas_lab.space.weight_gradients import WAYS, chosen, kind_of

KINDS = ("dense", "depthwise", "pointwise", "grouped")
FORMATS = ("tf32", "float32", "bfloat16")
SLOW = "compiled"
"the way that takes a minute to begin: it comes last"


def convolutions(space: SearchSpace, width: int) -> dict[str, tuple[int, int, int, int, int]]:
    """Those from a source of width index ``width`` to all nodes: name -> channels, outputs, kernel, dilation, groups."""
    c, d = space.node_channels(width), space.nodes
    return {
        "conv 3x3": (c, d * c, 3, 1, 1),
        "conv 5x5, dilation 2": (c, d * c, 5, 2, 1),
        "conv 5x5": (c, d * c, 5, 1, 1),
        "depthwise 5x5": (d * c, d * c, 5, 1, d * c),
        "1x1, block-diagonal": (d * c, d * c, 1, 1, 1),
        "grouped 5x5": (d * c, d * c, 5, 1, d),
    }


def readings(device: str = "cuda", quick: bool = False, base: str = "paper") -> Iterator[Reading]:
    """ms of each way at preset ``base``: of single convolutions, of whole steps with the library's and with the fastest way of each kind,
    of steps with one way throughout; then the same of SLOW. ``quick``: at tiny, numbers that mean nothing, and without SLOW."""
    known = preset("tiny" if quick else base)
    ways, spent = [way for way in WAYS if way != SLOW], {}
    widths = (0,) if quick else (0, len(known.space.width_factors) - 1)
    yield from _singles(known, widths, ways, device, spent)
    best = {kind: min(ways, key=lambda way: spent[kind, way]) for kind in KINDS}
    patches = Patches(
        pictures(12 if quick else 60, *((32, 32) if quick else (HEIGHT, WIDTH))), device=device
    )
    for name in FORMATS[:1] if quick else FORMATS:
        yield _step(known, patches, name, "library", {}, quick)
        yield _step(known, patches, name, "the fastest of each kind", best, quick)
    for way in ways[1:]:
        yield _step(known, patches, FORMATS[0], way, dict.fromkeys(KINDS, way), quick)
    if not quick:
        yield from _singles(known, widths[:1], [SLOW], device, spent)
        yield _step(known, patches, FORMATS[0], SLOW, dict.fromkeys(KINDS, SLOW), quick)


def _singles(
    known: Preset, widths: tuple[int, ...], ways: list[str], device: str, spent: dict
) -> Iterator[Reading]:
    """Each convolution alone; ``spent``: (kind, way) -> ms of all of them together, infinite where one failed."""
    for width in widths:
        for name, shape in convolutions(known.space, width).items():
            x, g, weight = tensors(shape, known.search.batch, known.search.patch, device)
            options, kind = (
                (shape[3] * (shape[2] // 2), shape[3], shape[4]),
                kind_of(weight, shape[4]),
            )
            for way in ways:
                what, ms = f"{name} of {shape[0]}, {way}", inf
                try:
                    ms = milliseconds(lambda f=WAYS[way]: f(x, g, weight, *options), 0.02)  # noqa: B023
                    yield Reading(what=what, value=ms, unit="ms")
                except (
                    Exception
                ) as error:  # no memory, or no compiler: the other ways are still of interest
                    yield failed(what, error)
                spent[kind, way] = spent.get((kind, way), 0.0) + ms


def _step(
    known: Preset, patches: Patches, precision: str, name: str, ways: dict[str, str], quick: bool
) -> Reading:
    """A weight step of the search with those ways, as a graph where the device can."""
    what = f"weight step, {precision}, {name}"
    try:
        with chosen(ways):
            weight, _ = step_seconds(
                known,
                {"precision": precision, "crops_per_image": 8},
                patches,
                2 if quick else 5,
                "auto",
            )
    except Exception as error:
        return failed(what, error)
    mixed = len(set(ways.values())) > 1
    return Reading(
        what=what,
        value=1e3 * weight,
        unit="ms",
        note=", ".join(f"{kind}: {way}" for kind, way in ways.items()) * mixed,
    )


def milliseconds(f: Callable, seconds: float) -> float:
    """Median of one call, the device's work included."""
    return 1e3 * Timer("f()", globals={"f": f}).blocked_autorange(min_run_time=seconds).median


def tensors(
    shape: tuple[int, int, int, int, int], batch: int, patch: int, device: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Input, gradient of the output and weights of a convolution, channels-last."""
    channels, outputs, kernel, _, groups = shape
    x, g = (
        torch.rand(batch, c, patch, patch, device=device).contiguous(
            memory_format=torch.channels_last
        )
        for c in (channels, outputs)
    )
    return x, g, torch.rand(outputs, channels // groups, kernel, kernel, device=device)
