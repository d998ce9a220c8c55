"""Which way to a weight gradient is the fastest on this device: convolution by convolution, then in whole steps. A minute on a GPU."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.benchmark import Timer

from hinas_lab.config import SearchSpace, preset
from hinas_lab.images.patches import Patches
from hinas_lab.space.weight_gradients import WAYS, chosen, kind_of
from hinas_lab.studies.gpu import HEIGHT, WIDTH, Reading, failed, pictures, step_seconds

KINDS = ("dense", "depthwise", "pointwise", "grouped")
FORMATS = ("float32", "tf32", "bfloat16")


def convolutions(space: SearchSpace, width: int) -> dict[str, tuple[int, int, int, int, int]]:
    """Those from a source of width index ``width`` to all nodes: name -> channels, outputs, kernel, dilation, groups."""
    c, d = space.node_channels(width), space.nodes
    return {"conv 3x3": (c, d * c, 3, 1, 1), "conv 5x5, dilation 2": (c, d * c, 5, 2, 1), "conv 5x5": (c, d * c, 5, 1, 1),
            "depthwise 5x5": (d * c, d * c, 5, 1, d * c), "1x1, block-diagonal": (d * c, d * c, 1, 1, 1),
            "grouped 5x5": (d * c, d * c, 5, 1, d)}


def milliseconds(f: Callable, seconds: float) -> float:
    """Median of one call, the device's work included."""
    return 1e3 * Timer("f()", globals={"f": f}).blocked_autorange(min_run_time=seconds).median


def readings(device: str = "cuda", quick: bool = False, base: str = "paper") -> Iterator[Reading]:
    """ms of each way at preset ``base``; at the end the fastest way of each kind together. ``quick``: tiny, numbers that mean nothing."""
    known = preset("tiny" if quick else base)
    spent: dict[tuple[str, str], float] = {}
    for width in (0,) if quick else (0, len(known.space.width_factors) - 1):
        for name, shape in convolutions(known.space, width).items():
            for way in WAYS:
                if way == "compiled" and (quick or width):
                    continue
                channels = shape[0]
                what = f"{name} of {channels}, {way}"
                try:
                    x, g, weight = tensors(shape, known.search.batch, known.search.patch, device)
                    options = shape[3] * (shape[2] // 2), shape[3], shape[4]
                    kind, ms = kind_of(weight, shape[4]), milliseconds(lambda f=WAYS[way]: f(x, g, weight, *options), 0.02)  # noqa: B023
                except Exception as error:  # out of memory, or a compiler that is not there: the other ways are still of interest
                    yield failed(what, error)
                    continue
                spent[kind, way] = spent.get((kind, way), 0.0) + ms
                yield Reading(what=what, value=ms, unit="ms")
    best = {kind: min((ms, way) for (k, way), ms in spent.items() if k == kind and way != "compiled")[1] for kind in KINDS}
    patches = Patches(pictures(12 if quick else 60, *((32, 32) if quick else (HEIGHT, WIDTH))), device=device)
    mixes = {"library": {}, "the fastest of each kind": best} | {way: dict.fromkeys(KINDS, way) for way in WAYS if way != "library"}
    for name, ways in mixes.items():
        if quick and name == "compiled":
            continue
        for number in ("float32",) if quick else FORMATS:
            what = f"weight step, {number}, {name}"
            try:
                with chosen(ways):
                    weight, _ = step_seconds(known, {"precision": number, "crops_per_image": 8}, patches, 2 if quick else 5, "auto")
            except Exception as error:
                yield failed(what, error)
                continue
            note = ", ".join(f"{kind}: {way}" for kind, way in ways.items()) if ways is best else ""
            yield Reading(what=what, value=1e3 * weight, unit="ms", note=note)


def tensors(shape: tuple[int, int, int, int, int], batch: int, patch: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Input, gradient of the output and weights of a convolution, channels-last."""
    channels, outputs, kernel, _, groups = shape
    x, g = (torch.rand(batch, c, patch, patch, device=device).contiguous(memory_format=torch.channels_last) for c in (channels, outputs))
    return x, g, torch.rand(outputs, channels // groups, kernel, kernel, device=device)
