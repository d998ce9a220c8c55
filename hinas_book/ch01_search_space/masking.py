"""Does a large alpha mean an important operation? Take one operation of one edge away, and see what
the supernet loses on V.

Letters: L layers, E edges, K operations.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from hinas_book.kit.recorded import recorded
from hinas_lab.config import SearchConfig
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches, split
from hinas_lab.runs.folder import load_supernet
from hinas_lab.searching.scoring import calibrate, validate
from hinas_lab.space.ops import NONE
from hinas_lab.space.supernet import Mixture, SuperNet
from hinas_lab.training.numerics import use_device

PATCHES = 32
"""that batch norm is calibrated on: an eighth of what a genotype's score takes, as masks are many
and each changes little"""
WAYS = {"rest": {}, "zero": {"renormalise": False}, "stale": {"recalibrate": False}}
"""how to take an operation away: the rest sums to 1 again; or keeps its weights; or batch norm
keeps its old statistics"""


def masked(p: Tensor, layer: int, edge: int, op: int, renormalise: bool = True) -> Tensor:
    """Weights p (L, E, K) without one operation: the rest of its edge sums to 1 again, or
    (``renormalise`` off) stays as it is."""
    # the supernet's own weights stay as they are
    p = p.clone()
    p[layer, edge, op] = 0
    if renormalise:
        p[layer, edge] /= p[layer, edge].sum()
    return p


@torch.no_grad()
def drops(
    net: SuperNet,
    patches: Patches,
    config: SearchConfig,
    *,
    renormalise: bool = True,
    recalibrate: bool = True,
) -> Iterator[float]:
    """What the PSNR on V loses, in dB, without each operation of each edge: L E K numbers in
    alpha's order. No weight is changed.

    Negative: better without. ``recalibrate``: batch-norm statistics are computed anew for each, and
    for the supernet it is held against.
    """
    sets = split(len(patches), config.val_fraction, config.seed, config.val_images)
    whole = net.weights()

    def psnr(weights: Mixture) -> float:
        how = calibrate(net, patches, sets.w, config, weights, PATCHES)
        with how if recalibrate else nullcontext():
            return validate(net, patches, sets.v, config, weights)["psnr"]

    # against itself under the same treatment, or recalibrating alone would look like a drop
    before = psnr(whole)
    for place in np.ndindex(*whole.alpha.shape):
        yield before - psnr(replace(whole, alpha=masked(whole.alpha, *place, renormalise)))


def mask_all(run: str | Path, device: str = "cpu", **how) -> tuple[np.ndarray, np.ndarray]:
    """alpha (L, E, K) on the simplex and ``drops`` in the same shape, of a finished search,
    measured on ``device``; ``how`` as in ``drops``."""
    device = use_device(device)
    net, config, header = load_supernet(run, device)
    images = load_images(header["data"], net.space.channels)
    patches = Patches(images, scale=net.space.scale, device=device)
    # as the forward pass uses them, per layer even where all layers share one alpha
    alpha = net.weights().alpha.detach().cpu().numpy()
    return alpha, np.reshape(list(drops(net, patches, config, **how)), alpha.shape)


def searched_masks(
    run: str | Path, device: str = "auto"
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """``mask_all`` of one finished search in the shape of ``recorded_masks``; only the way
    ``rest``. ``device``: auto is an NVIDIA GPU where there is one."""
    alpha, drop = mask_all(run, device)
    return alpha[None], {"rest": drop[None]}


def recorded_masks(name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """alpha (R, L, E, K) of R recorded searches, and per way of masking what PSNR loses in dB, in
    the same shape."""
    searches = recorded(name)["searches"]
    alpha = np.array([search["alpha"] for search in searches])
    lost = {}
    for way in WAYS:
        lost[way] = np.array([search["drops"][way] for search in searches])
    return alpha, lost


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far alpha ranks operations as their masks do, ``none`` aside, which no decoded edge
    keeps. Spearman's, from -1 to 1."""

    pooled: float
    "over the operations of all edges"
    low: float
    high: float
    "95 % interval around ``pooled``: edges drawn with replacement"
    within: float
    "mean over edges: what counts when one operation of an edge is kept"
    top: float
    "share of edges whose largest alpha is also the largest drop; one in six by chance"
    edges: int


def agreement(alpha: np.ndarray, drop: np.ndarray, seed: int = 0, draws: int = 1000) -> Agreement:
    """alpha and drop (..., K), of one supernet or of several."""
    alpha = np.asarray(alpha)[..., :NONE].reshape(-1, NONE)
    drop = np.asarray(drop)[..., :NONE].reshape(-1, NONE)
    n = len(alpha)
    # whole edges are drawn: the operations of one edge share its softmax, they are not independent
    edges = np.random.default_rng(seed).integers(n, size=(draws, n))
    low, high = np.quantile([_correlation(alpha[i], drop[i]) for i in edges], (0.025, 0.975))
    return Agreement(
        pooled=_correlation(alpha, drop),
        low=float(low),
        high=float(high),
        within=float(np.mean(list(map(_correlation, alpha, drop)))),
        top=float((alpha.argmax(1) == drop.argmax(1)).mean()),
        edges=n,
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(stats.spearmanr(a, b, axis=None).statistic)
