"""Scores of a supernet, and of one genotype inside it, on Validation V."""

from contextlib import contextmanager

import torch
from torch import Tensor

from hinas_lab.config import SearchConfig
from hinas_lab.images.patches import CALIBRATE, Patches, generator
from hinas_lab.images.tiles import apply_tiled, pixels_at_once
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.supernet import Mixture, SuperNet
from hinas_lab.training.losses import ssim

TILE = 64
"input pixels: V is scored in adjacent tiles of this side (Section 4.1)"
CALIBRATION_PATCHES = 256


@torch.no_grad()
def validate(
    net: SuperNet,
    patches: Patches,
    v: tuple[int, ...],
    config: SearchConfig,
    weights: Mixture | None = None,
) -> dict[str, float]:
    """Mean ``psnr``, ``ssim`` and ``score`` over the V images and the config's sigmas, each with
    its one fixed noise field.

    Running batch-norm statistics; the restored image is joined from tiles and clipped to [0, 1].
    """
    training = net.training
    net.eval()
    sigmas = config.sigmas if patches.task.has_levels else (0.0,)
    rows = []
    for index in v:
        pairs = [patches.pair(index, sigma, config.seed, config.validate_crop) for sigma in sigmas]
        restored = apply_tiled(
            lambda x: net(x, weights),
            [degraded for degraded, _ in pairs],
            patches.scale,
            TILE,
            0,
            pixels_at_once(patches.device),
        )
        for image, (_, clean) in zip(restored, pairs):
            rows.append(scores_of(image.clamp(0, 1), clean))
    net.train(training)
    psnr, similarity = torch.stack(rows).mean(0).tolist()
    # the authors' code: SSIM counts a hundred times a dB
    score = psnr if config.score == "psnr" else similarity + psnr / 100
    return {"psnr": psnr, "ssim": similarity, "score": score}


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


@contextmanager
def calibrate(
    net: SuperNet,
    patches: Patches,
    w: tuple[int, ...],
    config: SearchConfig,
    weights: Mixture | None,
    n: int = CALIBRATION_PATCHES,
):
    """Inside: ``net`` in eval mode with batch-norm statistics of ``n`` fixed Train-W patches under
    ``weights``. Afterwards as before.

    The patches pass together, as each layer's statistics must be of all of them: memory grows with
    ``n`` times the patch's pixels."""
    training = net.training
    kept = {name: buffer.clone() for name, buffer in net.named_buffers()}
    norms = [m for m in net.modules() if hasattr(m, "momentum")]
    rng = generator(config.seed, CALIBRATE)
    chosen = torch.tensor(w)[torch.randint(len(w), (n,), generator=rng)]
    degraded, _ = patches.batch(chosen, config.patch, config.sigmas, rng)
    try:
        for norm in norms:
            norm.momentum = 1.0  # the statistics of this batch, nothing older
        with torch.no_grad():
            net.train()(degraded, weights)
        yield net.eval()
    finally:
        # back to what ScaledNorm and BatchNorm2d begin with
        for norm in norms:
            norm.momentum = 0.1
        net.load_state_dict(kept, strict=False)
        net.train(training)


def shared_weight_score(
    net: SuperNet, genotype: Genotype, patches: Patches, w, v, config: SearchConfig
) -> dict[str, float]:
    """Score of ``genotype`` with the supernet's weights: batch-norm statistics recomputed; ``raw``
    is the score without that."""
    weights = net.restrict(genotype)
    raw = validate(net, patches, v, config, weights)["score"]
    with calibrate(net, patches, w, config, weights):
        return validate(net, patches, v, config, weights) | {"raw": raw}
