"""A supernet as a judge, after its search or before: a genotype in, its shared-weight score out."""

from collections.abc import Callable
from pathlib import Path

from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches, split
from hinas_lab.runs.folder import data_hash, load_supernet
from hinas_lab.searching.loop import Search
from hinas_lab.searching.scoring import shared_weight_score
from hinas_lab.space.genotype import Genotype
from hinas_lab.training.numerics import use_device

Scorer = Callable[[Genotype], dict[str, float]]


def shared_scorer(run: str | Path, device: str = "cpu") -> Scorer:
    """A function of a genotype that scores it on the run's V images with the run's weights.

    It gives ``score``, ``psnr`` (dB) and ``ssim`` with batch norm recomputed, and ``raw``, the
    score without that (``searching.scoring.shared_weight_score``). Equal genotypes score equally.
    ValueError when ``run`` is no finished search, or its images have changed; the scorer raises it
    for a genotype that does not fit.
    """
    device = use_device(device)
    net, config, header = load_supernet(run, device)
    patches = Patches(
        load_images(header["data"], net.space.channels), scale=net.space.scale, device=device
    )
    if data_hash(patches) != header["data_hash"]:
        raise ValueError(
            f"{run}: the images of {header['data']!r} are no longer those of the search; "
            "its V images are not known"
        )
    # the search's own split: V must hold no image that the weights were trained on
    sets = split(len(patches), config.val_fraction, config.seed)
    return lambda genotype: shared_weight_score(net, genotype, patches, sets.w, sets.v, config)


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
