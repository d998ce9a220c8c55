"""What the peers share."""

from torch import nn


def conv(source: int, target: int, kernel: int = 3, **more) -> nn.Conv2d:
    """A convolution that keeps the size of its picture, ``source`` channels -> ``target``."""
    return nn.Conv2d(source, target, kernel, padding=kernel // 2, **more)
