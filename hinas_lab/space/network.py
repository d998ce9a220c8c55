"""The compact network built from a genotype, and the one that inherits a supernet's weights."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from hinas_lab.space.cells import Cell
from hinas_lab.space.cost import node_channels, receptive_radius
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.layers import GlobalSkip, Start, channels_last, conv_bn, initialise, make_end


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
        self.start = Start(g.channels, stem, g.nodes * width, affine)
        before, before2 = [g.nodes * width, *out], [stem, g.nodes * width, *out]
        self.first = nn.ModuleList(conv_bn(before[l], node[l], 1, affine) for l in range(g.layers))
        self.second = nn.ModuleList(
            conv_bn(before2[l], node[l], 1, affine) for l in range(g.layers)
        )
        self.cells = nn.ModuleList(Cell(cell, c, affine, repeats) for cell, c in zip(g.cells, node))
        self.end = make_end(end, out[-1], stem, g.channels, g.scale, decoded=affine)
        self.skip = GlobalSkip(g.scale)
        initialise(self, generator or torch.Generator().manual_seed(0))

    def forward(self, x: Tensor) -> Tensor:
        low, h1 = self.start(channels_last(x))
        h2 = low
        for first, second, cell in zip(self.first, self.second, self.cells):
            h1, h2 = cell(first(h1), second(h2)), h1
        y = self.end(h1, low)
        return y + self.skip(x) if self.residual else y


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
