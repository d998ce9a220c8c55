"""FSRCNN(56, 12, 4) (Dong et al. 2016, ECCV).

"Accelerating the Super-Resolution Convolutional Neural Network": features of 56 channels are shrunk
to 12, mapped there, expanded again, and one transposed convolution upscales them. The paper counts
weights without biases.
"""

from torch import Tensor, nn

from hinas_book.ch10_state_of_the_art.peers.layers import conv


class FSRCNN(nn.Module):
    """Luminance (B, 1, H, W) at low resolution -> (B, 1, S*H, S*W)."""

    def __init__(
        self, scale: int, channels: int = 1, features: int = 56, shrunk: int = 12, mappings: int = 4
    ):
        super().__init__()
        layers = [conv(channels, features, 5), nn.PReLU(features)]
        layers += [conv(features, shrunk, 1), nn.PReLU(shrunk)]
        for _ in range(mappings):
            layers += [conv(shrunk, shrunk), nn.PReLU(shrunk)]
        self.body = nn.Sequential(*layers, conv(shrunk, features, 1), nn.PReLU(features))
        # the padding that makes the output exactly S times as large
        self.up = nn.ConvTranspose2d(
            features, channels, 9, stride=scale, padding=4, output_padding=scale - 1
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.body(x))
