"""Ours against another way to do the same, interleaved in one process: only ratios of one run mean
something on a shared machine.

A pair is a name and two functions, a (ours) and b; the ratio is the cost of a over the cost of b,
so below 1 is better.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from hinas_book.kit.sharing_cost import bytes_kept, forward_and_backward
from hinas_lab.analysis.timing import interleaved
from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.degrade import upscale
from hinas_lab.images.patches import Patches
from hinas_lab.presets import preset
from hinas_lab.space.cells import SuperCell
from hinas_lab.space.genotype import sample
from hinas_lab.space.literal import LiteralCell, LiteralSuperNet
from hinas_lab.space.network import Network, fold
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
)

VIEWS = frozenset(
    "view permute slice select detach unsqueeze squeeze t transpose expand alias unbind split "
    "as_strided split_with_sizes _unsafe_view".split()
)
"operator calls that move no data"


@dataclass(frozen=True)
class Ratio:
    """One comparison; a and b are medians, the ratio is the median of the pairs' ratios."""

    what: str
    a: float
    b: float
    ratio: float
    threads: int = field(default_factory=torch.get_num_threads)
    spread: float = 0.0
    "of the pairs' ratios: half of the distance between their quartiles"
    unit: str = "s"
    "s (seconds), bytes or calls"
    repeats: int = 1


def timed(what: str, a: Callable, b: Callable, repeats: int) -> Ratio:
    """a and b in turn, ``repeats`` times, after one of each that does not count."""
    seconds = interleaved({"a": a, "b": b}, repeats)
    # of the pairs: a neighbour who comes or goes in between disturbs both of a pair alike
    low, ratio, high = np.quantile(seconds["a"] / seconds["b"], [0.25, 0.5, 0.75]).tolist()
    middle = np.median([seconds["a"], seconds["b"]], axis=1).tolist()
    return Ratio(what, *middle, ratio, spread=(high - low) / 2, repeats=repeats)


def counted(what: str, a: float, b: float, unit: str) -> Ratio:
    """Two numbers that are the same each time."""
    return Ratio(what, a, b, a / b, unit=unit)


class Calls(TorchDispatchMode):
    """Counts operator calls, backward included, views left out."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        # views move no data: they are no work to count
        self.count += func._schema.name.removeprefix("aten::") not in VIEWS
        return func(*args, **(kwargs or {}))


def calls(f: Callable) -> int:
    """Operator calls of ``f()``."""
    with Calls() as mode:
        f()
    return mode.count


class Steps:
    """Weight and arch steps of a fast and of a literal supernet on one batch: the same numbers in,
    the same numbers out. ``kinds``: which of the two are made, on ``device``."""

    def __init__(
        self,
        space: SearchSpace,
        config: SearchConfig,
        device: str = "cpu",
        kinds: tuple[str, ...] = ("fast", "literal"),
    ):
        self.config = config
        self.nets: dict[str, nn.Module] = {}
        self.optimizers = {}
        fast = SuperNet(space)
        for kind in kinds:
            net = fast if kind == "fast" else LiteralSuperNet(fast)
            self.nets[kind] = net.to(device)
            # a rate of 0: each step is taken in full, and every repetition starts where it began
            self.optimizers[kind] = torch.optim.SGD(
                self.weights(kind), lr=0.0, momentum=0.9, fused=kind == "fast"
            )
        self.data = [x.to(device) for x in batch(space.channels, space.scale, config)]

    def weights(self, kind: str) -> list[nn.Parameter]:
        """All parameters but alpha and beta."""
        net = self.nets[kind]
        return [p for p in net.parameters() if p is not net.alpha and p is not net.beta]

    def loss(self, kind: str) -> Tensor:
        """Of the batch, with alpha and beta in the graph."""
        return loss_of(self.nets[kind], *self.data, self.config)[0]

    def weight(self, kind: str, config: SearchConfig | None = None) -> Callable:
        """The literal one as the authors' code does it: gradients of everything, one tensor after
        the other."""
        net = self.nets[kind]
        optimizer = self.optimizers[kind]

        def step():
            forward = net
            parameters = list(net.parameters())
            if kind == "fast":
                # alpha and beta are held: their part of the graph is not built
                with torch.no_grad():
                    mixture = net.weights()
                forward = partial(net, weights=mixture)
                parameters = self.weights(kind)
            total, *_ = loss_of(forward, *self.data, config or self.config)
            set_gradients(parameters, torch.autograd.grad(total, parameters))
            optimizer.step()
            optimizer.zero_grad()

        return step

    def arch(self):
        """Gradients of alpha and beta of the fast one."""
        net = self.nets["fast"]
        torch.autograd.grad(self.loss("fast"), [net.alpha, net.beta])


def cell_pair(space: SearchSpace, channels: int, config: SearchConfig) -> tuple[Callable, Callable]:
    """Forward and backward of a super-cell, channels-last, and of a literal cell, contiguous."""
    operations = len(space.ops)
    alpha = torch.full((len(space.edges), operations), 1 / operations, requires_grad=True)
    fast = SuperCell(space.nodes, channels, space.repeats, space.affine, space.ops)
    literal = LiteralCell(space, channels)
    # of one scale, whatever each of them begins with
    for p in [*fast.parameters(), *literal.parameters()]:
        nn.init.normal_(p, std=0.1)
    # a cell has two inputs; the fast one is handed its own memory layout
    shape = config.batch, channels, config.patch, config.patch
    plain = [torch.randn(shape, requires_grad=True) for _ in range(2)]
    last = [
        x.detach().contiguous(memory_format=torch.channels_last).requires_grad_() for x in plain
    ]

    def run(cell: nn.Module, inputs: list[Tensor], *more):
        loss = cell(*inputs, alpha, *more).square().mean()
        torch.autograd.grad(loss, [*inputs, alpha, *cell.parameters()])

    # of each source: all operations are computed, as in a search
    active = [frozenset(space.choices)] * (space.nodes + 1)
    return partial(run, fast, last, active), partial(run, literal, plain)


def loop_batch(
    images: list[np.ndarray], patch: int, sigma: float, rng: np.random.Generator
) -> Tensor:
    """A batch as a data loader makes it, image by image: (B, 1, patch, patch) in [0, 1], from gray
    uint8 ``images``, turned and mirrored at random, with noise of ``sigma`` (0-255 scale)."""
    pieces = []
    for image in images:
        y, x = (rng.integers(side - patch + 1) for side in image.shape)
        piece = np.rot90(image[y : y + patch, x : x + patch], rng.integers(4))
        if rng.integers(2):
            piece = piece[:, ::-1]
        piece = piece.astype(np.float32) / 255
        noise = rng.standard_normal(piece.shape, dtype=np.float32)
        pieces.append(torch.from_numpy(piece + np.float32(sigma / 255) * noise))
    return torch.stack(pieces)[:, None]


def bench(quick: bool = False) -> Iterator[Ratio]:
    """All comparisons at the present number of threads. ``quick``: the same at sizes that take
    seconds."""
    torch.manual_seed(0)
    paper = preset("tiny" if quick else "paper")
    space = paper.space
    # at batch 8 the literal step takes 8 GB and 30 seconds
    config = replace(paper.search, batch=2)
    repeats = 1 if quick else 5
    for i in range(len(space.width_factors)):
        channels = space.node_channels(i)
        cells = cell_pair(space, channels, config)
        yield timed(f"cell of {channels} channels, fast : literal", *cells, repeats)
    yield from steps(paper.name, space, config, repeats)
    yield from sharing(space, config, repeats)
    widest = len(space.width_factors) - 1
    yield counted(
        "bytes a cell keeps : least without computing again",
        cell_bytes(space, widest, config),
        least_cell_bytes(space, widest, config),
        "bytes",
    )
    for name in ("classroom", "study"):
        small = preset(name)
        pair = Steps(small.space, small.search)
        yield timed(
            f"{name} weight step, fast : literal",
            pair.weight("fast"),
            pair.weight("literal"),
            2 if quick else 15,
        )
    yield from images(quick)
    yield from compact(space, quick, repeats)


def steps(name: str, space: SearchSpace, config: SearchConfig, repeats: int) -> Iterator[Ratio]:
    """The steps of a search of preset ``name``: memory, operator calls, seconds."""
    pair = Steps(space, config)
    fast = pair.weight("fast")
    literal = pair.weight("literal")
    kept = []
    for kind, net in pair.nets.items():
        kept.append(kept_bytes(partial(pair.loss, kind), list(net.parameters())))
    yield counted("bytes kept for backward, fast : literal", *kept, "bytes")
    yield counted(
        "operator calls of a weight step, fast : literal", calls(fast), calls(literal), "calls"
    )
    yield timed(f"{name} weight step, batch 2, fast : literal", fast, literal, repeats)
    yield timed(f"{name} arch step : weight step", pair.arch, fast, repeats)
    low = pair.weight("fast", replace(config, precision="bfloat16"))
    yield timed(f"{name} weight step, bfloat16 : float32", low, fast, repeats)
    net = SuperNet(space)
    yield timed(
        "checkpointing : keeping, forward and backward",
        lambda: forward_and_backward(net, replace(config, checkpoint=True)),
        lambda: forward_and_backward(net, config),
        repeats,
    )


def sharing(space: SearchSpace, config: SearchConfig, repeats: int) -> Iterator[Ratio]:
    """A cell for every move (Eq. 6) against a cell for all that enter it (Eq. 5)."""
    alone = SuperNet(replace(space, cell_sharing="off"))
    shared = SuperNet(space)
    yield timed(
        "cell sharing off : on, forward and backward",
        lambda: forward_and_backward(alone, config),
        lambda: forward_and_backward(shared, config),
        repeats,
    )
    kept = bytes_kept(alone, config), bytes_kept(shared, config)
    yield counted("cell sharing off : on, bytes kept", *kept, "bytes")
    limit = search_step(alone.space, config).total  # as much memory as 2 images take without
    more = largest_batch(lambda n: search_step(space, replace(config, batch=n)).total, limit)
    row = timed(
        f"cell sharing off : on, an image, same memory (2 : {more})",
        lambda: forward_and_backward(alone, config),
        lambda: forward_and_backward(shared, replace(config, batch=more)),
        repeats,
    )
    # timed by the batch, told by the image
    gain = more / config.batch
    yield replace(
        row,
        a=row.a / config.batch,
        b=row.b / more,
        ratio=row.ratio * gain,
        spread=row.spread * gain,
    )


def images(quick: bool = False) -> Iterator[Ratio]:
    """Patches and resizing."""
    # two generators: a loader draws with numpy, ours with torch
    rng = np.random.default_rng(0)
    patches = Patches(load_images("builtin", 1))
    generator = torch.Generator().manual_seed(0)
    indices = torch.arange(8)
    arrays = [patches.clean[i][0] for i in indices]
    yield timed(
        "8 patches of 64, one gather : image by image",
        lambda: patches.batch(indices, 64, (50.0,), generator),
        lambda: loop_batch(arrays, 64, 50.0, rng),
        5 if quick else 50,
    )
    side = 32 if quick else 256
    pixels = rng.integers(0, 256, (16, side, side, 3), dtype=np.uint8)
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().contiguous()
    pictures = [Image.fromarray(p) for p in pixels]
    large = 4 * side, 4 * side
    yield timed(
        f"bicubic x4, 16 RGB of {side}, one batch : Pillow",
        lambda: upscale(tensor, 4),
        lambda: [picture.resize(large, Image.Resampling.BICUBIC) for picture in pictures],
        2 if quick else 9,
    )


def compact(space: SearchSpace, quick: bool, repeats: int) -> Iterator[Ratio]:
    """A random decoded net of the paper's training width on a picture of 481 x 321."""
    genotype = sample(space, random.Random(0))
    net = Network(genotype, width=preset("paper").train.width).eval()
    for module in net.modules():
        # statistics as of a trained net, so that folding has something to fold
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    x = torch.rand(1, 1, 64, 64) if quick else torch.rand(1, 1, 321, 481)
    folded = fold(net)

    def contiguous():
        # the memory layout that the net would have if nobody asked for another
        with mock.patch("hinas_lab.space.network.channels_last", lambda x: x):
            net(x)

    name = "compact net, folded : as trained"
    with torch.inference_mode():
        yield timed(name, lambda: folded(x), lambda: net(x), repeats)
        yield timed(f"{name}, contiguous", lambda: folded(x), contiguous, repeats)
