"""DnCNN (Zhang et al. 2017, "Beyond a Gaussian Denoiser", TIP 26(7)).

17 convolutions with batch norm predict the noise.
"""

from torch import Tensor, nn

from hinas_book.ch10_state_of_the_art.peers.layers import conv


class DnCNN(nn.Module):
    """Gray (B, 1, H, W) noisy -> restored, one noise level a net (DnCNN-S)."""

    def __init__(self, channels: int = 1, features: int = 64, depth: int = 17):
        super().__init__()
        layers = [conv(channels, features), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            # no bias: the batch norm behind it has one
            layers.append(conv(features, features, bias=False))
            layers += [nn.BatchNorm2d(features), nn.ReLU(inplace=True)]
        self.noise = nn.Sequential(*layers, conv(features, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.noise(x)
