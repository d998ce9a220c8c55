"""VDSR (Kim et al. 2016, CVPR).

"Accurate Image Super-Resolution Using Very Deep Convolutional Networks": twenty plain convolutions
predict what bicubic upscaling misses.
"""

from torch import Tensor, nn

from hinas_book.ch10_state_of_the_art.peers.layers import conv


class VDSR(nn.Module):
    """Luminance (B, 1, H, W), upscaled beforehand -> restored."""

    def __init__(self, channels: int = 1, features: int = 64, depth: int = 20):
        super().__init__()
        layers = [conv(channels, features), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [conv(features, features), nn.ReLU(inplace=True)]
        self.detail = nn.Sequential(*layers, conv(features, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.detail(x)
