"""The words of the lessons on a photograph: the same PSNR three ways, what an operation sees, what
a cell hears."""

import numpy as np
import torch
from scipy.ndimage import correlate, gaussian_filter
from scipy.optimize import brentq

from hinas_lab.images.degrade import noise_field
from hinas_lab.images.metrics import psnr
from hinas_lab.space.layers import make_op
from hinas_lab.space.network import Network

KERNELS = {
    "blur": np.full((3, 3), 1 / 9),
    "edges": np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]),
    "left minus right": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 4,
}
"one 3 x 3 kernel a channel, for ``separable``"


def equally_far(clean: np.ndarray, db: float = 24.0) -> dict[str, np.ndarray]:
    """Three pictures of the same PSNR to ``clean`` (H, W) in [0, 1]: brighter everywhere, noisy,
    blurred; none is clipped. ValueError where no blur is that bad."""
    rmse = 10 ** (-db / 20)
    noise = noise_field(clean.shape, 0)

    def excess(width: float) -> float:
        return psnr(gaussian_filter(clean, width), clean) - db

    width = brentq(excess, 0.2, 100.0)
    return {
        "brighter": clean + rmse,
        # exactly that far: a field's own standard deviation is only about 1
        "noisy": clean + rmse * noise / np.sqrt(np.mean(noise**2)),
        "blurred": gaussian_filter(clean, width),
    }


def separable(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A depthwise-separable convolution of an RGB picture (H, W, 3), taken apart: every channel
    through its own of KERNELS (H, W, 3), then their mean, a 1 x 1 convolution to one channel
    (H, W)."""
    planes = np.moveaxis(picture, 2, 0)
    own = [correlate(plane, kernel) for plane, kernel in zip(planes, KERNELS.values())]
    depthwise = np.stack(own, 2)
    return depthwise, depthwise.mean(2)


def seen_by(op: str, side: int = 15) -> np.ndarray:
    """(side, side) from 0 to 1: how much each input pixel moves the output pixel in the middle, for
    the operation ``op`` with random weights. By automatic differentiation: 0 is not seen."""
    channels = 16
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, channels, side, side, generator=generator, requires_grad=True)
    operation = make_op(op, channels, affine=False).eval()
    with torch.no_grad():
        # all of one sign: no two ways to a pixel cancel
        for weight in operation.parameters():
            weight.copy_(torch.rand(weight.shape, generator=generator))
    middle = operation(x)[0, :, side // 2, side // 2].sum()
    (gradient,) = torch.autograd.grad(middle, x)
    moved = gradient.abs().sum((0, 1)).numpy()
    return moved / moved.max()


@torch.inference_mode()
def features(net: Network, picture: np.ndarray) -> list[np.ndarray]:
    """h(-2), h(-1), h(0), ... of a gray picture (H, W) on its way through ``net``, each as one
    picture in [0, 1]: the mean absolute value over its channels."""
    net = net.eval()
    x = torch.from_numpy(np.float32(picture))[None, None]
    h = list(net.start(x))
    for first, second, cell in zip(net.first, net.second, net.cells):
        # the two inputs of a cell: h(l-1) and h(l-2)
        h.append(cell(first(h[-1]), second(h[-2])))
    pictures = []
    for each in h:
        mean = each[0].abs().mean(0).numpy()
        pictures.append((mean - mean.min()) / max(np.ptp(mean), 1e-9))
    return pictures
