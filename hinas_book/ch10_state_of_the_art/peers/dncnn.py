"""DnCNN (Zhang et al. 2017, "Beyond a Gaussian Denoiser", TIP 26(7)): 17 convolutions with batch norm predict the noise."""

from torch import Tensor, nn


class DnCNN(nn.Module):
    """Gray (B, 1, H, W) noisy -> restored, one noise level a net (DnCNN-S)."""

    def __init__(self, channels: int = 1, features: int = 64, depth: int = 17):
        super().__init__()
        layers = [nn.Conv2d(channels, features, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [
                nn.Conv2d(features, features, 3, padding=1, bias=False),
                nn.BatchNorm2d(features),
                nn.ReLU(inplace=True),
            ]
        self.noise = nn.Sequential(*layers, nn.Conv2d(features, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.noise(x)
