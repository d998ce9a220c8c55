"""Scores of a supernet, and of one genotype inside it, on Validation V."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from hinas_lab.config import SearchConfig
from hinas_lab.images.metrics import psnr, ssim
from hinas_lab.images.patches import CALIBRATE, Patches, generator
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.supernet import SuperNet, Weights

TILE = 64
"input pixels: V is scored in adjacent tiles of this side (Section 4.1)"
CALIBRATION_PATCHES = 256


@torch.no_grad()
def validate(net: SuperNet, patches: Patches, v: tuple[int, ...], config: SearchConfig, weights: Weights | None = None) -> dict[str, float]:
    """Mean ``psnr``, ``ssim`` and ``score`` over the V images and the config's sigmas, each with its one fixed noise field.

    Running batch-norm statistics; the restored image is joined from tiles and clipped to [0, 1].
    """
    training = net.training
    net.eval()
    rows = []
    for index in v:
        for sigma in config.sigmas if patches.scale == 1 else (0.0,):
            degraded, clean = patches.pair(index, sigma, config.seed, config.validate_crop)
            restored = torch.empty_like(clean)
            for y, x, tile in _tiles(degraded):
                s = patches.scale
                out = net(tile[None], weights)[0]
                restored[:, y * s:y * s + out.shape[1], x * s:x * s + out.shape[2]] = out
            image, truth = (t.clamp(0, 1).cpu().numpy().transpose(1, 2, 0) for t in (restored, clean))
            rows.append((psnr(image, truth), ssim(image, truth)))
    net.train(training)
    p, s = np.mean(rows, 0).tolist()
    return {"psnr": p, "ssim": s, "score": p if config.score == "psnr" else s + p / 100}


def _tiles(image: torch.Tensor) -> Iterator[tuple[int, int, torch.Tensor]]:
    for y in range(0, image.shape[1], TILE):
        for x in range(0, image.shape[2], TILE):
            yield y, x, image[:, y:y + TILE, x:x + TILE]


@contextmanager
def calibrate(net: SuperNet, patches: Patches, w: tuple[int, ...], config: SearchConfig, weights: Weights | None,
              n: int = CALIBRATION_PATCHES):
    """Inside: ``net`` in eval mode with batch-norm statistics of ``n`` fixed Train-W patches under ``weights``. Afterwards as before."""
    training, kept = net.training, {k: v.clone() for k, v in net.named_buffers()}
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
        for norm in norms:
            norm.momentum = 0.1
        net.load_state_dict(kept, strict=False)
        net.train(training)


def shared_weight_score(net: SuperNet, genotype: Genotype, patches: Patches, w, v, config: SearchConfig) -> dict[str, float]:
    """Score of ``genotype`` with the supernet's weights: batch-norm statistics recomputed; ``raw`` is the score without that."""
    weights = net.restrict(genotype)
    raw = validate(net, patches, v, config, weights)["score"]
    with calibrate(net, patches, w, config, weights):
        return validate(net, patches, v, config, weights) | {"raw": raw}
