"""The compact network built from a genotype, and the one that inherits a supernet's weights."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from hinas_lab.space.cells import Cell
from hinas_lab.space.cost import low_level_layer, node_channels, receptive_radius
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.layers import (
    GlobalSkip,
    Start,
    activated_projection,
    channels_last,
    conv_bn,
    initialise,
    make_end,
)


class Network(nn.Module):
    """(B, C, H, W) in about [0, 1] -> the restored image (B, C, S*H, S*W), not clipped.

    ``radius``: how many input pixels to each side an output pixel depends on.
    """

    def __init__(
        self,
        genotype: Genotype,
        *,
        width: int,
        stem: int = 64,
        end: str = "conv",
        repeats: int = 2,
        residual: bool = True,
        affine: bool = True,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        g = self.genotype = genotype
        self.channels, self.scale, self.residual = g.channels, g.scale, residual
        self.radius = receptive_radius(g, end=end, repeats=repeats)
        node = node_channels(g, width)
        out = [g.nodes * c for c in node]
        # the authors' start part gives both inputs of the first cell the stem's channels
        is_theirs, start = end == "authors", g.nodes * width
        h1 = stem if is_theirs else start
        self.start = Start(g.channels, stem, h1, affine, twice=is_theirs)
        before, before2 = [h1, *out], [stem, h1, *out]
        self.first, self.second = nn.ModuleList(), nn.ModuleList()
        for inputs, channels in ((self.first, before), (self.second, before2)):
            for source, target in zip(channels, node):
                project = activated_projection if is_theirs else _projection
                inputs.append(project(source, target, affine))
        self.cells = nn.ModuleList(Cell(cell, c, affine, repeats) for cell, c in zip(g.cells, node))
        self.low = conv_bn(stem, start, 3, affine=False) if is_theirs else None
        self.low_layer = low_level_layer(g)
        self.end = make_end(end, out[-1:], start, stem, g.channels, g.scale, decoded=affine)
        self.skip = GlobalSkip(g.scale)
        initialise(self, generator or torch.Generator().manual_seed(0))

    def forward(self, x: Tensor) -> Tensor:
        h2, h1 = started = self.start(channels_last(x))
        outputs = []
        for first, second, cell in zip(self.first, self.second, self.cells):
            h1, h2 = cell(first(h1), second(h2)), h1
            outputs.append(h1)
        y = self.end(h1, self._low(started, outputs))
        return y + self.skip(x) if self.residual else y

    def _low(self, started: tuple[Tensor, Tensor], outputs: list[Tensor]) -> Tensor:
        """What the end part hears beside the last of the cells' ``outputs``."""
        if self.low is None:
            return started[0]
        return self.low(started[1]) if self.low_layer is None else outputs[self.low_layer]


def _projection(source: int, target: int, affine: bool) -> nn.Sequential:
    return conv_bn(source, target, 1, affine)


def fold(net: Network) -> Network:
    """A copy for using it: a batch norm behind a convolution becomes part of its weights. Equal to
    ``net.eval()`` up to rounding."""
    small = copy.deepcopy(net).eval()
    # only inside a Sequential is a norm surely behind its convolution
    for stage in [m for m in small.modules() if isinstance(m, nn.Sequential)]:
        layers: list[nn.Module] = []
        for layer in stage:
            if isinstance(layer, nn.BatchNorm2d) and layers and isinstance(layers[-1], nn.Conv2d):
                layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
            else:
                layers.append(layer)
        stage._modules = {str(i): layer for i, layer in enumerate(layers)}
    return small
