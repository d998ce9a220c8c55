"""A supernet as a judge, after its search or before: a genotype in, its shared-weight score out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches, split
from hinas_lab.restoration.measure import usual_level
from hinas_lab.runs.folder import data_hash, load_supernet
from hinas_lab.searching.loop import Search
from hinas_lab.searching.scoring import calibrate, shared_weight_score
from hinas_lab.space.genotype import Genotype
from hinas_lab.training.numerics import use_device

Scorer = Callable[[Genotype], dict[str, float]]
SIDE = 128
"pixels of the side of the patch that is shown"


class SharedWeights:
    """A finished search as a judge of genotypes: its weights, on its V images.

    Called with a genotype it gives ``score``, ``psnr`` (dB) and ``ssim`` with batch norm
    recomputed, and ``raw``, the score without that (``searching.scoring.shared_weight_score``).
    Equal genotypes score equally. ValueError when ``run`` is no finished search, or its images have
    changed; and for a genotype that does not fit.
    """

    def __init__(self, run: str | Path, device: str = "cpu"):
        device = use_device(device)
        self.net, self.config, header = load_supernet(run, device)
        space = self.net.space
        images = load_images(header["data"], space.channels)
        self.patches = Patches(images, scale=space.scale, device=device, task=space.task)
        if data_hash(self.patches) != header["data_hash"]:
            raise ValueError(
                f"{run}: the images of {header['data']!r} are no longer those of the search; "
                "its V images are not known"
            )
        # the search's own split: V must hold no image that the weights were trained on
        c = self.config
        self.split = split(len(self.patches), c.val_fraction, c.seed, c.val_images)

    def __call__(self, genotype: Genotype) -> dict[str, float]:
        sets = self.split
        return shared_weight_score(self.net, genotype, self.patches, sets.w, sets.v, self.config)

    def patch(self, genotype: Genotype) -> np.ndarray:
        """The centre of the first V image, clean, degraded and restored with batch norm recomputed:
        (3, H, W), or (3, H, W, 3) in colour, in [0, 1], H = W = 128 at most."""
        scale, weights = self.patches.scale, self.net.restrict(genotype)
        level = usual_level(self.config.sigmas) if self.patches.task.has_levels else 0.0
        degraded, clean = self.patches.pair(self.split.v[0], level, self.config.seed, SIDE // scale)
        with calibrate(self.net, self.patches, self.split.w, self.config, weights) as net:
            with torch.no_grad():
                restored = net(degraded[None], weights)[0]
        # each pixel as large as the square that super-resolution makes of it
        large = degraded.repeat_interleave(scale, -2).repeat_interleave(scale, -1)
        shown = torch.stack([clean, large, restored]).clamp(0, 1).cpu().numpy()
        return shown[:, 0] if len(clean) == 1 else np.moveaxis(shown, 1, -1)


shared_scorer = SharedWeights
"as a function of a run, for those who only score"


def first_scorer(
    space: SearchSpace, config: SearchConfig, data: str, device: str = "cpu"
) -> Scorer:
    """The same of the supernet that a search of ``config`` on the images ``data`` begins with: its
    first weights and that search's V."""
    images, device = load_images(data, space.channels), use_device(device)
    patches = Patches(images, scale=space.scale, device=device)
    state = Search(space, config, patches)
    return lambda genotype: shared_weight_score(
        state.net, genotype, state.patches, state.split.w, state.split.v, config
    )
