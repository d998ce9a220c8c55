"""RCAN (Zhang et al. 2018, ECCV).

"Image Super-Resolution Using Very Deep Residual Channel Attention Networks": ten groups of 20
residual blocks with channel attention, a skip around each group and one around all.
"""

from torch import Tensor, nn

from hinas_book.ch10_state_of_the_art.peers.layers import conv

FEATURES = 64
REDUCTION = 16
"of the channels within an attention"
GROUPS, BLOCKS = 10, 20


class Attention(nn.Module):
    """Channel weights in (0, 1) from the channels' means."""

    def __init__(self):
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            conv(FEATURES, FEATURES // REDUCTION, 1),
            nn.ReLU(inplace=True),
            conv(FEATURES // REDUCTION, FEATURES, 1),
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


def _features() -> nn.Conv2d:
    return conv(FEATURES, FEATURES)


def _block() -> Skip:
    return Skip(_features(), nn.ReLU(inplace=True), _features(), Attention())


def _group() -> Skip:
    return Skip(*(_block() for _ in range(BLOCKS)), _features())


class RCAN(nn.Module):
    """RGB (B, 3, H, W) at low resolution -> (B, 3, S*H, S*W)."""

    def __init__(self, scale: int, channels: int = 3):
        super().__init__()
        upscaling = []
        # ×4 in two steps, as the paper does
        for step in (2, 2) if scale == 4 else (scale,):
            upscaling += [conv(FEATURES, FEATURES * step**2), nn.PixelShuffle(step)]
        self.net = nn.Sequential(
            conv(channels, FEATURES),
            Skip(*(_group() for _ in range(GROUPS)), _features()),
            *upscaling,
            conv(FEATURES, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)
