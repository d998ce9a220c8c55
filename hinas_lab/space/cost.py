"""Parameters, multiply-accumulates and receptive radius of a genotype, by arithmetic alone: no
weights, no torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hinas_lab.space.genotype import Genotype
from hinas_lab.space.ops import OPS

HEIGHT, WIDTH = 320, 480
"pixels of the input that MACs and milliseconds are told of: about a picture of BSDS500"
ASPP_RATES = (2, 4, 6)
JOINED, LOW = 128, 48
"channels of the authors' decoder: behind the last cell, and of the low-level features"


@dataclass(frozen=True)
class Conv:
    """One convolution of a net at the network's resolution: channels in and out, kernel, groups,
    bias, affine batch norm behind it."""

    source: int
    target: int
    kernel: int
    groups: int = 1
    bias: bool = False
    norm: bool = True
    computed: bool = True
    "False: built, and not used by this genotype"

    @property
    def weights(self) -> int:
        return self.source // self.groups * self.target * self.kernel**2

    @property
    def parameters(self) -> int:
        return self.weights + self.bias * self.target + 2 * self.norm * self.target


def node_channels(genotype: Genotype, width: int) -> list[int]:
    """gamma * W of each layer's cell. ValueError when a width factor makes it no whole number."""
    channels = [genotype.width_factors[i] * width for i in genotype.path]
    for i, c in zip(genotype.path, channels):
        if c != int(c):
            factor = genotype.width_factors[i]
            raise ValueError(
                f"width = {width!r}: times the width factor {factor:g} it must be a whole number "
                "of channels"
            )
    return [int(c) for c in channels]


class Part(NamedTuple):
    """A piece of a compact net that costs by itself, for a table of what pieces cost.

    ``kind``: start, first and second (the 1x1 convolutions of a cell's two inputs), an operation,
    low and low unused (the authors' low-level features), or end; then its channels in and out.
    """

    kind: str
    source: int
    target: int


def parts(
    genotype: Genotype, width: int, stem: int = 64, end: str = "conv", repeats: int = 2
) -> Iterator[Part]:
    """All pieces of the compact network, start to end. ``repeats`` decides inside a piece alone."""
    g = genotype
    node = node_channels(g, width)
    before, before2 = stem if end == "authors" else g.nodes * width, stem
    yield Part("start", g.channels, before)
    for cell, c in zip(g.cells, node):
        yield Part("first", before, c)
        yield Part("second", before2, c)
        for edges in cell:
            for name, _ in edges:
                yield Part(name, c, c)
        # a cell's output is its nodes, joined (Eq. 3)
        before, before2 = g.nodes * c, before
    if end == "authors":
        used = low_level_layer(g) is None
        yield Part("low" if used else "low unused", stem, g.nodes * width)
    # pixel shuffle makes S x S pixels of S^2 channels
    yield Part("end", before, g.channels * g.scale**2)


def convolutions(
    genotype: Genotype, width: int, stem: int = 64, end: str = "conv", repeats: int = 2
) -> Iterator[Conv]:
    """All convolutions of the compact network, start to end."""
    for part in parts(genotype, width, stem, end, repeats):
        yield from part_convolutions(part, genotype, width, stem, end, repeats)


def part_convolutions(
    part: Part, genotype, width: int, stem: int = 64, end: str = "conv", repeats: int = 2
) -> Iterator[Conv]:
    """The convolutions of one of a net's ``parts``; of ``genotype``, which may be a SearchSpace,
    nodes and scale count alone."""
    kind, source, target = part
    if kind == "start":
        yield Conv(source, stem, 3)
        yield Conv(stem, target, 3)
    elif kind in ("first", "second"):
        yield Conv(source, target, 1)
    elif kind in ("low", "low unused"):
        yield Conv(source, target, 3, norm=False, computed=kind == "low")
    elif kind == "end":
        yield from _end(part, genotype.scale, genotype.nodes * width, stem, end)
    elif OPS[kind].kind == "conv":
        yield Conv(source, target, OPS[kind].kernel)
    elif OPS[kind].kind == "sep":
        for _ in range(repeats):
            yield Conv(source, source, OPS[kind].kernel, groups=source, norm=False)
            yield Conv(source, target, 1)


def _end(part: Part, scale: int, narrow: int, stem: int, end: str) -> Iterator[Conv]:
    """The end part; ``narrow``: channels of the low-level features of the authors' decoder."""
    source, last = part.source, stem
    if end == "conv":
        yield Conv(source, stem, 3)
    elif end == "authors":
        last = JOINED
        yield Conv(source, JOINED, 1)
        if scale > 1:
            for _ in ASPP_RATES:
                yield from _separable(source, JOINED)
            yield Conv((1 + len(ASPP_RATES)) * JOINED, JOINED, 1)
        yield Conv(narrow, LOW, 1)
        yield from _separable(JOINED + LOW, JOINED)
        yield from _separable(JOINED, JOINED)
    else:
        branch = max(1, stem // (len(ASPP_RATES) + 1))
        merged = branch * (len(ASPP_RATES) + 1)
        yield Conv(source, stem, 1)
        yield Conv(stem, branch, 1)
        yield from (Conv(stem, branch, 3) for _ in ASPP_RATES)
        yield Conv(stem, branch, 1)
        yield Conv(merged + branch, merged + branch, 3, groups=merged + branch, norm=False)
        yield Conv(merged + branch, stem, 1)
        yield Conv(stem, stem, 3, groups=stem, norm=False)
        yield Conv(stem, stem, 1)
    yield Conv(last, part.target, 3, bias=True, norm=False)


def _separable(source: int, target: int) -> Iterator[Conv]:
    yield Conv(source, source, 3, groups=source)
    yield Conv(source, target, 1)


def low_level_layer(genotype: Genotype) -> int | None:
    """The layer whose cell is the low-level features of the authors' decoder: the last one as
    narrow as the start part, unless that is the last of all. None: they come from the start part.
    """
    narrow = [l for l, i in enumerate(genotype.path) if genotype.width_factors[i] == 1]
    if not narrow or narrow[-1] == genotype.layers - 1:
        return None
    return narrow[-1]


def parameters(genotype: Genotype, width: int, **shape) -> int:
    """Trainable parameters of the compact network; ``shape`` as for ``convolutions``."""
    return sum(c.parameters for c in convolutions(genotype, width, **shape))


def macs(genotype: Genotype, width: int, image_height: int, image_width: int, **shape) -> int:
    """Multiply-accumulates of the convolutions for an input of ``image_height`` x ``image_width``
    pixels (the LR image for super-resolution)."""
    computed = (c for c in convolutions(genotype, width, **shape) if c.computed)
    return image_height * image_width * sum(c.weights for c in computed)


def receptive_radius(genotype: Genotype, *, end: str = "conv", repeats: int = 2) -> int:
    """How many input pixels to each side an output pixel can depend on: the longest path through
    start, cells and end."""
    h1, h2 = 2, 1  # behind the second and the first 3x3 convolution
    outputs = []
    for cell in genotype.cells:
        reach = [h1, h2]
        for edges in cell:
            reach.append(max(reach[src] + OPS[op].reach(repeats) for op, src in edges))
        h1, h2 = max(reach[2:]), h1
        outputs.append(h1)
    # either bicubic skip reaches 2, h1 is never less
    if end == "conv":
        return h1 + 2
    if end == "aspp":
        return h1 + max(ASPP_RATES) + 3
    high = h1 + (max(ASPP_RATES) if genotype.scale > 1 else 0)
    layer = low_level_layer(genotype)
    return max(high, 3 if layer is None else outputs[layer]) + 3
