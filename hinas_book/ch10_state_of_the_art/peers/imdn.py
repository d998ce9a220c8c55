"""IMDN (Hui et al. 2019, "Lightweight Image Super-Resolution with Information Multi-distillation Network", ACM MM).

Six blocks keep a quarter of their channels after each step and refine the rest; a channel attention by contrast weighs what was kept.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _conv(source: int, target: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(source, target, kernel, padding=kernel // 2)


class ContrastAttention(nn.Module):
    """Channel weights in (0, 1) from each channel's mean + standard deviation."""

    def __init__(self, features: int, reduction: int = 16):
        super().__init__()
        self.weigh = nn.Sequential(
            _conv(features, features // reduction, 1),
            nn.ReLU(inplace=True),
            _conv(features // reduction, features, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
        return x * self.weigh(mean + (var + 1e-8).sqrt())


class Distillation(nn.Module):
    """Three times: a convolution, a quarter is kept, the rest goes on; the fourth convolution makes the last quarter."""

    def __init__(self, features: int):
        super().__init__()
        self.kept, self.rest = features // 4, features - features // 4
        self.steps = nn.ModuleList(
            [_conv(features, features), _conv(self.rest, features), _conv(self.rest, features)]
        )
        self.last = _conv(self.rest, self.kept)
        self.attention, self.fuse = (
            ContrastAttention(4 * self.kept),
            _conv(4 * self.kept, features, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        rest, kept = x, []
        for step in self.steps:
            part, rest = F.leaky_relu(step(rest), 0.05).split([self.kept, self.rest], 1)
            kept.append(part)
        return x + self.fuse(self.attention(torch.cat([*kept, self.last(rest)], 1)))


class IMDN(nn.Module):
    """RGB (B, 3, H, W) at low resolution -> (B, 3, S*H, S*W)."""

    def __init__(self, scale: int, channels: int = 3, features: int = 64, blocks: int = 6):
        super().__init__()
        self.start = _conv(channels, features)
        self.blocks = nn.ModuleList(Distillation(features) for _ in range(blocks))
        self.fuse = nn.Sequential(
            _conv(blocks * features, features, 1),
            nn.LeakyReLU(0.05, inplace=True),
            _conv(features, features),
        )
        self.up = nn.Sequential(_conv(features, channels * scale**2), nn.PixelShuffle(scale))

    def forward(self, x: Tensor) -> Tensor:
        x = self.start(x)
        y, all_blocks = x, []
        for block in self.blocks:
            y = block(y)
            all_blocks.append(y)
        return self.up(x + self.fuse(torch.cat(all_blocks, 1)))
