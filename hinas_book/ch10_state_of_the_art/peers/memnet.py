"""MemNet (Tai et al. 2017, "MemNet: A Persistent Memory Network for Image Restoration", ICCV).

Six memory blocks, each a residual unit that is applied six times and a gate over all that was
remembered; every block restores the image, and a learned mean of the six is the result.
"""

import torch
from torch import Tensor, nn

from hinas_book.ch10_state_of_the_art.peers.layers import conv


def _pre(source: int, target: int, kernel: int = 3) -> nn.Sequential:
    """Batch norm, ReLU, convolution: the paper's pre-activated order."""
    # not in place: what it reads is remembered
    relu = nn.ReLU(inplace=False)
    return nn.Sequential(nn.BatchNorm2d(source), relu, conv(source, target, kernel, bias=False))


class Memory(nn.Module):
    """``recursions`` passes through one residual unit, then a 1x1 gate.

    The passes share the unit's weights and its statistics.
    """

    def __init__(self, features: int, recursions: int, long_term: int):
        super().__init__()
        self.unit = nn.Sequential(_pre(features, features), _pre(features, features))
        self.gate = _pre((recursions + long_term) * features, features, 1)
        self.recursions = recursions

    def forward(self, memories: list[Tensor]) -> Tensor:
        x = memories[-1]
        short_term = []
        for _ in range(self.recursions):
            x = x + self.unit(x)
            short_term.append(x)
        return self.gate(torch.cat([*short_term, *memories], 1))


class MemNet(nn.Module):
    """Gray (B, 1, H, W), noisy or upscaled -> restored."""

    def __init__(self, channels: int = 1, features: int = 64, blocks: int = 6, recursions: int = 6):
        super().__init__()
        self.start = _pre(channels, features)
        self.blocks = nn.ModuleList(
            Memory(features, recursions, long_term=1 + b) for b in range(blocks)
        )
        self.restore = _pre(features, channels)
        self.share = nn.Parameter(torch.full((blocks,), 1 / blocks))

    def forward(self, x: Tensor) -> Tensor:
        memories = [self.start(x)]
        for block in self.blocks:
            memories.append(block(memories))
        outputs = [x + self.restore(memory) for memory in memories[1:]]
        weighted = (share * output for share, output in zip(self.share, outputs))
        return sum(weighted) / self.share.sum()
