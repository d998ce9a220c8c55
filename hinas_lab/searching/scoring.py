"""Scores of a supernet, and of one genotype inside it, on Validation V."""

from contextlib import contextmanager

import torch

from hinas_lab.config import SearchConfig
from hinas_lab.images.patches import CALIBRATE, Patches, generator
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.supernet import Mixture, SuperNet
from hinas_lab.training.scoring import mean_scores, together

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
    psnr, similarity = mean_scores(
        lambda x: net(x, weights), patches, v, config, config.validate_crop
    )
    net.train(training)
    score = psnr if config.score == "psnr" else together(psnr, similarity)
    return {"psnr": psnr, "ssim": similarity, "score": score}


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
