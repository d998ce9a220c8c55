"""The loss of Eq. 7: pixel error + lambda * log10(1 / SSIM), differentiable."""

import torch
from torch import Tensor

from hinas_lab.config import Loss

SSIM_FLOOR = 1e-3
"below this SSIM the logarithm is cut: the loss stays finite, its gradient zero"


def _smooth(n: int, like: Tensor, padding: str = "valid") -> Tensor:
    """(n - 10, n): a row is ``images.metrics.gaussian_window`` at one place; (n, n) with zeros
    around the image. Smoothing as a product with it is much cheaper than as a convolution of one
    channel. Made on the device: copying it there would wait for the work queued on it."""
    outside = 5 if padding == "zero" else 0
    first = torch.arange(-outside, n - 10 + outside, device=like.device)
    place = torch.arange(-outside, n + outside, device=like.device) - first[:, None]
    inside = (place >= 0) & (place < 11)
    window = torch.exp(-0.5 * ((place.to(like.dtype) - 5) / 1.5) ** 2) * inside
    window = window / window.sum(1, keepdim=True)
    return window[:, outside : outside + n] if outside else window


def ssim(x: Tensor, y: Tensor, padding: str = "valid") -> Tensor:
    """Mean structural similarity per image, (B, C, H, W) twice -> (B,). The convention of
    ``images.metrics.ssim``, data range 1; ``padding`` = "zero": windows reach over the border, as
    if there were zeros (the authors' loss)."""
    b, _, height, width = x.shape
    rows, columns = _smooth(height, x, padding), _smooth(width, x, padding)
    maps = rows @ torch.stack([x, y, x * x, y * y, x * y]) @ columns.t()
    mx, my, xx, yy, xy = maps.reshape(5, b, -1).unbind(0)
    vx, vy, vxy = xx - mx * mx, yy - my * my, xy - mx * my
    c1, c2 = 0.01**2, 0.03**2
    structure = (2 * mx * my + c1) * (2 * vxy + c2)
    return (structure / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean(1)


def restoration_loss(output: Tensor, truth: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
    """Eq. 7 -> (total, pixel term, l_ssim), scalars. Images (B, C, H, W) in [0, 1], at least 11x11
    unless lambda is 0.

    l_ssim = mean over images of -log10(max(SSIM, 1e-3)), or that of the batch's mean SSIM.
    """
    error = (output - truth).abs() if loss.pixel == "l1" else (output - truth).square()
    pixel = error.mean() if loss.reduction == "mean" else error.sum() / len(output)
    # SSIM costs as much as a small net: not computed for nothing
    if loss.lam == 0:
        return pixel, pixel, pixel.new_zeros(())
    similarity = ssim(output, truth, loss.padding)
    if loss.log_of == "mean":
        similarity = similarity.mean()
    # log10(1 / SSIM), then the mean
    l_ssim = -similarity.clamp_min(SSIM_FLOOR).log10().mean()
    total = pixel + loss.lam * l_ssim
    return (total / 2 if loss.average_terms else total), pixel, l_ssim
