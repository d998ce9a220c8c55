"""VDSR (Kim et al. 2016, "Accurate Image Super-Resolution Using Very Deep Convolutional Networks", CVPR).

Twenty plain convolutions predict what bicubic upscaling misses.
"""

from torch import Tensor, nn


class VDSR(nn.Module):
    """Luminance (B, 1, H, W), upscaled beforehand -> restored."""

    def __init__(self, channels: int = 1, features: int = 64, depth: int = 20):
        super().__init__()
        layers = [nn.Conv2d(channels, features, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(features, features, 3, padding=1), nn.ReLU(inplace=True)]
        self.detail = nn.Sequential(*layers, nn.Conv2d(features, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.detail(x)
