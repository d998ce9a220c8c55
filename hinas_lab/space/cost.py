"""Parameters, multiply-accumulates and receptive radius of a genotype, by arithmetic alone: no
weights, no torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from hinas_lab.space.genotype import Genotype
from hinas_lab.space.ops import OPS

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


def convolutions(
    genotype: Genotype, width: int, stem: int = 64, end: str = "conv", repeats: int = 2
) -> Iterator[Conv]:
    """All convolutions of the compact network, start to end."""
    g = genotype
    node = node_channels(g, width)
    before, before2 = stem if end == "authors" else g.nodes * width, stem
    yield Conv(g.channels, stem, 3)
    yield Conv(stem, before, 3)
    for cell, c in zip(g.cells, node):
        yield Conv(before, c, 1)
        yield Conv(before2, c, 1)
        for op in (OPS[name] for edges in cell for name, _ in edges):
            if op.kind == "conv":
                yield Conv(c, c, op.kernel)
            for _ in range(repeats if op.kind == "sep" else 0):
                yield Conv(c, c, op.kernel, groups=c, norm=False)
                yield Conv(c, c, 1)
        # a cell's output is its nodes, joined (Eq. 3)
        before, before2 = g.nodes * c, before
    # pixel shuffle makes S x S pixels of S^2 channels
    out = g.channels * g.scale**2
    if end == "authors":
        yield from _authors_end(g, width, stem, before)
        yield Conv(JOINED, out, 3, bias=True, norm=False)
        return
    if end == "conv":
        yield Conv(before, stem, 3)
    else:
        part = max(1, stem // (len(ASPP_RATES) + 1))
        merged = part * (len(ASPP_RATES) + 1)
        yield Conv(before, stem, 1)
        yield Conv(stem, part, 1)
        yield from (Conv(stem, part, 3) for _ in ASPP_RATES)
        yield Conv(stem, part, 1)
        yield from (
            Conv(merged + part, merged + part, 3, groups=merged + part, norm=False),
            Conv(merged + part, stem, 1),
        )
        yield from (Conv(stem, stem, 3, groups=stem, norm=False), Conv(stem, stem, 1))
    yield Conv(stem, out, 3, bias=True, norm=False)


def _authors_end(g: Genotype, width: int, stem: int, source: int) -> Iterator[Conv]:
    """The authors' decoder but its last convolution, and the one that makes low-level features."""
    own = low_level_layer(g) is None
    yield Conv(stem, g.nodes * width, 3, norm=False, computed=own)
    yield Conv(source, JOINED, 1)
    if g.scale > 1:
        for _ in ASPP_RATES:
            yield from _separable(source, JOINED)
        yield Conv((1 + len(ASPP_RATES)) * JOINED, JOINED, 1)
    yield Conv(g.nodes * width, LOW, 1)
    yield from _separable(JOINED + LOW, JOINED)
    yield from _separable(JOINED, JOINED)


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
