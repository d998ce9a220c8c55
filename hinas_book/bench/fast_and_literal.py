"""Ours against another way to do the same, interleaved in one process: only ratios of one run mean something on a shared machine.

A pair is a name and two functions, a (ours) and b; the ratio is the cost of a over the cost of b, so below 1 is better.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from hinas_lab.config import SearchConfig, SearchSpace, preset
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.degrade import upscale
from hinas_lab.images.patches import Patches
from hinas_lab.space.cells import SuperCell
from hinas_lab.space.genotype import sample
from hinas_lab.space.literal import LiteralCell, LiteralSuperNet
from hinas_lab.space.network import Network, fold
from hinas_lab.space.ops import CHOICES
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training.numerics import loss_of
from hinas_lab.training.optimisers import set_gradients
from hinas_lab.training.step_memory import (
    batch,
    cell_bytes,
    kept_bytes,
    largest_batch,
    least_cell_bytes,
    search_step,
    supernet_loss,
)

VIEWS = (
    "view",
    "permute",
    "slice",
    "select",
    "detach",
    "unsqueeze",
    "squeeze",
    "t",
    "transpose",
    "expand",
    "alias",
    "unbind",
    "split",
    "as_strided",
    "split_with_sizes",
    "_unsafe_view",
)
"operator calls that move no data"


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One comparison. ``unit``: s (seconds), bytes or calls; a and b are medians, the ratio is the median of the pairs' ratios."""

    what: str
    a: float
    b: float
    ratio: float
    threads: int
    spread: float
    "of the pairs' ratios: half of the distance between their quartiles"
    unit: str = "s"
    repeats: int = 1


def timed(what: str, a: Callable, b: Callable, repeats: int) -> Ratio:
    """a and b in turn, ``repeats`` times, after one of each that does not count; who comes first alternates."""
    a(), b()
    pairs = []
    for n in range(repeats):
        spent = {}
        for f in (a, b) if n % 2 == 0 else (b, a):
            start = time.perf_counter()
            f()
            spent[f] = time.perf_counter() - start
        pairs.append((spent[a], spent[b]))
    ratios = sorted(x / y for x, y in pairs)
    low, _, high = (
        statistics.quantiles(ratios, n=4, method="inclusive") if repeats > 1 else [ratios[0]] * 3
    )
    middle = [statistics.median(column) for column in zip(*pairs)]
    return Ratio(
        what=what,
        a=middle[0],
        b=middle[1],
        ratio=statistics.median(ratios),
        threads=torch.get_num_threads(),
        spread=(high - low) / 2,
        repeats=repeats,
    )


def counted(what: str, a: float, b: float, unit: str) -> Ratio:
    """Two numbers that are the same each time."""
    return Ratio(
        what=what, a=a, b=b, ratio=a / b, threads=torch.get_num_threads(), spread=0.0, unit=unit
    )


class Calls(TorchDispatchMode):
    """Counts operator calls, backward included, views left out."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func._schema.name.removeprefix("aten::") not in VIEWS
        return func(*args, **(kwargs or {}))


def calls(f: Callable) -> int:
    with Calls() as mode:
        f()
    return mode.count


class Steps:
    """Weight and arch steps of a fast and of a literal supernet on one batch: the same numbers in, the same numbers out."""

    def __init__(
        self,
        space: SearchSpace,
        config: SearchConfig,
        device: str = "cpu",
        kinds: tuple[str, ...] = ("fast", "literal"),
    ):
        self.config, fast = config, SuperNet(space)
        self.nets = {
            kind: (fast if kind == "fast" else LiteralSuperNet(fast)).to(device) for kind in kinds
        }
        self.data = [x.to(device) for x in batch(space.channels, space.scale, config)]
        self.optimizers = {
            k: torch.optim.SGD(self.weights(k), lr=0.0, momentum=0.9, fused=k == "fast")
            for k in self.nets
        }

    def weights(self, kind: str) -> list[nn.Parameter]:
        net = self.nets[kind]
        return [p for p in net.parameters() if p is not net.alpha and p is not net.beta]

    def weight(self, kind: str, config: SearchConfig | None = None) -> Callable:
        """The literal one as the authors' code does it: gradients of everything, one tensor after the other."""
        net, optimizer, config = self.nets[kind], self.optimizers[kind], config or self.config

        def step():
            if kind == "fast":
                with torch.no_grad():
                    given = net.weights()
                forward, wanted = (lambda x: net(x, given)), self.weights(kind)
            else:
                forward, wanted = net, list(net.parameters())
            total, *_ = loss_of(forward, *self.data, config)
            set_gradients(wanted, torch.autograd.grad(total, wanted))
            optimizer.step()
            optimizer.zero_grad()

        return step

    def arch(self) -> Callable:
        net = self.nets["fast"]
        return lambda: torch.autograd.grad(
            loss_of(net, *self.data, self.config)[0], [net.alpha, net.beta]
        )


def cell_pair(space: SearchSpace, channels: int, config: SearchConfig) -> tuple[Callable, Callable]:
    """Forward and backward of one super-cell and of one literal cell, channels-last and contiguous."""
    alpha = torch.full((len(space.edges), len(CHOICES) + 1), 1 / 7, requires_grad=True)
    active = [frozenset(CHOICES)] * (space.nodes + 1)
    fast, literal = (
        SuperCell(space.nodes, channels, space.repeats, space.affine),
        LiteralCell(space, channels),
    )
    for p in [*fast.parameters(), *literal.parameters()]:
        nn.init.normal_(p, std=0.1)
    x = [
        torch.randn(config.batch, channels, config.patch, config.patch, requires_grad=True)
        for _ in range(2)
    ]
    last = [t.detach().contiguous(memory_format=torch.channels_last).requires_grad_() for t in x]

    def run(cell: nn.Module, inputs: list[Tensor], *more):
        torch.autograd.grad(
            cell(*inputs, alpha, *more).square().mean(), [*inputs, alpha, *cell.parameters()]
        )

    return lambda: run(fast, last, active), lambda: run(literal, x)


def loop_batch(
    images: list[np.ndarray], patch: int, sigma: float, rng: np.random.Generator
) -> Tensor:
    """A batch as a data loader makes it: image by image."""
    out = []
    for image in images:
        y, x = (rng.integers(side - patch + 1) for side in image.shape)
        piece = np.rot90(image[y : y + patch, x : x + patch], rng.integers(4))
        piece = (piece[:, ::-1] if rng.integers(2) else piece).astype(np.float32) / 255
        out.append(
            torch.from_numpy(
                piece + np.float32(sigma / 255) * rng.standard_normal(piece.shape, dtype=np.float32)
            )
        )
    return torch.stack(out)[:, None]


def bench(quick: bool = False) -> Iterator[Ratio]:
    """All comparisons at the present number of threads. ``quick``: the same at sizes that take seconds."""
    torch.manual_seed(0)
    paper = preset("tiny" if quick else "paper")
    space, config = (
        paper.space,
        replace(paper.search, batch=2),
    )  # at 8 the literal step takes 8 GB and 30 seconds
    some, many = (1, 2) if quick else (5, 15)
    for i in range(len(space.width_factors)):
        channels = space.node_channels(i)
        yield timed(
            f"cell of {channels} channels, fast : literal",
            *cell_pair(space, channels, config),
            some,
        )
    steps = Steps(space, config)
    kept = [
        kept_bytes(lambda net=net: loss_of(net, *steps.data, config)[0], list(net.parameters()))
        for net in steps.nets.values()
    ]
    yield counted("bytes kept for backward, fast : literal", *kept, "bytes")
    yield counted(
        "operator calls of a weight step, fast : literal",
        *(calls(steps.weight(k)) for k in ("fast", "literal")),
        "calls",
    )
    yield timed(
        f"{paper.name} weight step, batch 2, fast : literal",
        steps.weight("fast"),
        steps.weight("literal"),
        some,
    )
    yield timed(f"{paper.name} arch step : weight step", steps.arch(), steps.weight("fast"), some)
    low = steps.weight("fast", replace(config, precision="bfloat16"))
    yield timed(f"{paper.name} weight step, bfloat16 : float32", low, steps.weight("fast"), some)
    again = Steps(space, replace(config, checkpoint=True))
    yield timed(
        "checkpointing : keeping, forward and backward",
        lambda: _backward(again.nets["fast"], again.config),
        lambda: _backward(again.nets["fast"], config),
        some,
    )
    alone = SuperNet(replace(space, cell_sharing="off"))
    shared = SuperNet(space)
    yield timed(
        "cell sharing off : on, forward and backward",
        lambda: _backward(alone, config),
        lambda: _backward(shared, config),
        some,
    )
    kept = [
        kept_bytes(lambda net=net: supernet_loss(net, config), list(net.parameters()))
        for net in (alone, shared)
    ]
    yield counted("cell sharing off : on, bytes kept", *kept, "bytes")
    limit = search_step(alone.space, config).total  # as much memory as 2 images take without
    more = largest_batch(lambda n: search_step(shared.space, replace(config, batch=n)).total, limit)
    row = timed(
        f"cell sharing off : on, an image, same memory (2 : {more})",
        lambda: _backward(alone, config),
        lambda: _backward(shared, replace(config, batch=more)),
        some,
    )
    yield replace(
        row,
        a=row.a / config.batch,
        b=row.b / more,
        ratio=row.ratio * more / config.batch,
        spread=row.spread * more / config.batch,
    )
    top = len(space.width_factors) - 1
    kept = [count(space, top, config) for count in (cell_bytes, least_cell_bytes)]
    yield counted("bytes a cell keeps : least without computing again", *kept, "bytes")
    for name in ("classroom", "study"):
        lesson = preset(name)
        pair = Steps(lesson.space, lesson.search)
        yield timed(
            f"{name} weight step, fast : literal", pair.weight("fast"), pair.weight("literal"), many
        )
    yield from images(quick)
    net = _spread(
        Network(sample(space, random.Random(0)), width=preset("paper").train.width).eval()
    )
    x = torch.rand(1, 1, 64, 64) if quick else torch.rand(1, 1, 321, 481)
    folded = fold(net)
    with torch.inference_mode():
        yield timed("compact net, folded : as trained", lambda: folded(x), lambda: net(x), some)
        yield timed(
            "compact net, folded : as trained, contiguous",
            lambda: folded(x),
            lambda: _contiguous(net, x),
            some,
        )


def images(quick: bool = False) -> Iterator[Ratio]:
    """Patches and resizing."""
    repeats = 5 if quick else 50
    pictures, rng = load_images("builtin", 1), np.random.default_rng(0)
    patches, chosen = Patches(pictures), torch.arange(8)
    generator = torch.Generator().manual_seed(0)
    arrays = [patches.clean[i][0] for i in range(8)]
    yield timed(
        "8 patches of 64, one gather : image by image",
        lambda: patches.batch(chosen, 64, (50.0,), generator),
        lambda: loop_batch(arrays, 64, 50.0, rng),
        repeats,
    )
    side = 32 if quick else 256
    pixels = rng.integers(0, 256, (16, side, side, 3), dtype=np.uint8)
    tensor, files = (
        torch.from_numpy(pixels).permute(0, 3, 1, 2).float().contiguous(),
        [Image.fromarray(p) for p in pixels],
    )
    yield timed(
        f"bicubic x4, 16 RGB of {side}, one batch : Pillow",
        lambda: upscale(tensor, 4),
        lambda: [f.resize((4 * side, 4 * side), Image.Resampling.BICUBIC) for f in files],
        2 if quick else 9,
    )


def _backward(net: SuperNet, config: SearchConfig):
    torch.autograd.grad(supernet_loss(net, config), list(net.parameters()))


def _contiguous(net: Network, x: Tensor) -> Tensor:
    with mock.patch("hinas_lab.space.network.channels_last", lambda x: x):
        return net(x)


def _spread(net: Network) -> Network:
    """Statistics as of a trained net, so that folding has something to fold."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    return net
