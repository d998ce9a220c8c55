"""RCAN (Zhang et al. 2018, "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV).

Ten groups of 20 residual blocks with channel attention, a skip around each group and one around all.
"""

from torch import Tensor, nn


def _conv(source: int, target: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(source, target, kernel, padding=kernel // 2)


class Attention(nn.Module):
    """Channel weights in (0, 1) from the channels' means."""

    def __init__(self, features: int, reduction: int):
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            _conv(features, features // reduction, 1),
            nn.ReLU(inplace=True),
            _conv(features // reduction, features, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weigh(x)


class Skip(nn.Module):
    """x + inner(x)."""

    def __init__(self, *inner: nn.Module):
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class RCAN(nn.Module):
    """RGB (B, 3, H, W) at low resolution -> (B, 3, S*H, S*W)."""

    def __init__(
        self,
        scale: int,
        channels: int = 3,
        features: int = 64,
        groups: int = 10,
        blocks: int = 20,
        reduction: int = 16,
    ):
        super().__init__()
        block = lambda: Skip(
            _conv(features, features),
            nn.ReLU(inplace=True),
            _conv(features, features),  # noqa: E731
            Attention(features, reduction),
        )
        group = lambda: Skip(*(block() for _ in range(blocks)), _conv(features, features))  # noqa: E731
        stages = {2: (2,), 3: (3,), 4: (2, 2)}[scale]
        up = [m for s in stages for m in (_conv(features, features * s**2), nn.PixelShuffle(s))]
        self.net = nn.Sequential(
            _conv(channels, features),
            Skip(*(group() for _ in range(groups)), _conv(features, features)),
            *up,
            _conv(features, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)
