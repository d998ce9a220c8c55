"""Scores of a net on Validation V: of a supernet while it is searched, of a decoded net while it is
trained."""

from collections.abc import Callable

import torch
from torch import Tensor

from hinas_lab.config import SearchConfig, TrainConfig
from hinas_lab.images.patches import Patches
from hinas_lab.images.tiles import apply_tiled, pixels_at_once
from hinas_lab.training.losses import ssim

TILE = 64
"input pixels: V is scored in adjacent tiles of this side (Section 4.1)"


@torch.no_grad()
def mean_scores(
    forward: Callable[[Tensor], Tensor],
    patches: Patches,
    v: tuple[int, ...],
    config: SearchConfig | TrainConfig,
    crop: int | None = None,
) -> tuple[float, float]:
    """Mean PSNR and SSIM over the V images and the config's sigmas, each with its one fixed noise
    field; images are cut to a centred square of ``crop`` pixels.

    ``forward``: a net in eval mode, (B, C, P, P) -> (B, C, S*P, S*P); the restored image is joined
    from tiles and clipped to [0, 1].
    """
    sigmas = config.sigmas if patches.task.has_levels else (0.0,)
    rows = []
    for index in v:
        pairs = [patches.pair(index, sigma, config.seed, crop) for sigma in sigmas]
        restored = apply_tiled(
            forward,
            [degraded for degraded, _ in pairs],
            patches.scale,
            TILE,
            0,
            pixels_at_once(patches.device),
        )
        for image, (_, clean) in zip(restored, pairs):
            rows.append(scores_of(image.clamp(0, 1), clean))
    return tuple(torch.stack(rows).mean(0).tolist())


def together(psnr: float, similarity: float) -> float:
    """What picks the best: SSIM + PSNR / 100 (the authors' code: SSIM counts a hundred times a
    dB)."""
    return similarity + psnr / 100


def scores_of(image: Tensor, truth: Tensor) -> Tensor:
    """PSNR and SSIM (2,) of two images (C, H, W) in [0, 1], as ``images.metrics`` gives them: in
    float64, on their device where it can (Apple's cannot)."""
    if min(image.shape[-2:]) < 11:
        raise ValueError(
            f"an image of V of {image.shape[-2]} x {image.shape[-1]} pixels: "
            "SSIM needs at least 11 x 11; remove it"
        )
    x, y = (t.cpu() if t.device.type == "mps" else t for t in (image, truth))
    x, y = x.double(), y.double()
    return torch.stack([-10 * (x - y).square().mean().log10(), ssim(x[None], y[None])[0]])
