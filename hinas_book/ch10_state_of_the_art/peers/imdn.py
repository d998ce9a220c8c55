"""IMDN (Hui et al. 2019, ACM MM).

"Lightweight Image Super-Resolution with Information Multi-distillation Network": six blocks keep a
quarter of their channels after each step and refine the rest; a channel attention by contrast
weighs what was kept.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hinas_book.ch10_state_of_the_art.peers.layers import conv


class ContrastAttention(nn.Module):
    """Channel weights in (0, 1) from each channel's mean + standard deviation."""

    def __init__(self, features: int, reduction: int = 16):
        super().__init__()
        self.weigh = nn.Sequential(
            conv(features, features // reduction, 1),
            nn.ReLU(inplace=True),
            conv(features // reduction, features, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
        # 1e-8: the root has no finite gradient at a channel that is constant
        return x * self.weigh(mean + (var + 1e-8).sqrt())


class Distillation(nn.Module):
    """Three times: a convolution, a quarter is kept, the rest goes on.

    The fourth convolution makes the last quarter.
    """

    def __init__(self, features: int):
        super().__init__()
        self.kept = features // 4
        self.rest = features - self.kept
        self.steps = nn.ModuleList(
            [conv(features, features), conv(self.rest, features), conv(self.rest, features)]
        )
        self.last = conv(self.rest, self.kept)
        self.attention = ContrastAttention(4 * self.kept)
        self.fuse = conv(4 * self.kept, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        rest = x
        kept = []
        for step in self.steps:
            part, rest = F.leaky_relu(step(rest), 0.05).split([self.kept, self.rest], 1)
            kept.append(part)
        return x + self.fuse(self.attention(torch.cat([*kept, self.last(rest)], 1)))


class IMDN(nn.Module):
    """RGB (B, 3, H, W) at low resolution -> (B, 3, S*H, S*W)."""

    def __init__(self, scale: int, channels: int = 3, features: int = 64, blocks: int = 6):
        super().__init__()
        self.start = conv(channels, features)
        self.blocks = nn.ModuleList(Distillation(features) for _ in range(blocks))
        self.fuse = nn.Sequential(
            conv(blocks * features, features, 1),
            nn.LeakyReLU(0.05, inplace=True),
            conv(features, features),
        )
        self.up = nn.Sequential(conv(features, channels * scale**2), nn.PixelShuffle(scale))

    def forward(self, x: Tensor) -> Tensor:
        x = self.start(x)
        outputs = [x]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        return self.up(x + self.fuse(torch.cat(outputs[1:], 1)))
