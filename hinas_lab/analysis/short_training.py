"""Nets chosen by short trainings: the best of some, or by successive halving.

A choice must not see the test images: a short training leaves out V, the images that pick the best
supernet of a search, and is scored on them as a search is.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from torch import Tensor, nn

from hinas_lab.analysis import jobs
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.jobs import Job
from hinas_lab.config import SearchConfig, TrainConfig, to_dict
from hinas_lab.images.patches import Patches, Split, split
from hinas_lab.runs.folder import training_patches
from hinas_lab.searching.scoring import validate
from hinas_lab.space.genotype import Genotype
from hinas_lab.training.training import Training, train

OF_V = ("seed", "val_fraction", "val_images", "validate_crop", "score")
"the fields of a search that decide V and how a net is scored on it"


def shortened(config: TrainConfig, iterations: int) -> TrainConfig:
    """``config`` with so many iterations: schedule and warm-up are its own, in proportion."""
    warmup = round(config.warmup * iterations / config.iterations)
    return replace(config, iterations=iterations, warmup=warmup)


@dataclass(frozen=True, kw_only=True)
class ShortJob(Job):
    """A training of ``genotype`` (JSON) on all images but the V of ``search``, scored on V.

    Results: ``psnr`` (dB), ``score`` (what picks a supernet), ``train_seconds``. A killed one
    begins again.
    """

    genotype: str
    train: TrainConfig
    search: SearchConfig
    residual: bool = True
    kind = "short"
    seed = property(lambda self: self.train.seed)

    @property
    def spec(self) -> dict:
        g = replace(Genotype.from_json(self.genotype), path_score=None)
        return {
            "kind": self.kind,
            "data": self.data,
            "data_hash": jobs.content(self.data, g.channels, g.scale),
            "device": self.device,
            "genotype": json.loads(g.to_json()),
            "train": to_dict(self.train),
            "residual": self.residual,
            "v": {name: getattr(self.search, name) for name in OF_V},
        }

    def run(self, folder: Path) -> dict:
        g, c = Genotype.from_json(self.genotype), self.search
        patches = training_patches(self.data, g.task, g.channels, g.scale, self.device)
        sets = split(len(patches), c.val_fraction, c.seed, c.val_images)
        start = time.perf_counter()
        state = Training(g, self.train, patches, self.residual, images=sets.w + sets.a)
        for _ in train(state):
            pass
        seconds = time.perf_counter() - start
        scores = score_on_v(state.result_net(), patches, sets, replace(c, sigmas=self.train.sigmas))
        return {"psnr": scores["psnr"], "score": scores["score"], "train_seconds": seconds}


class _Decoded(nn.Module):
    """A decoded net where a supernet is asked for."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, weights=None) -> Tensor:
        return self.net(x)


def score_on_v(net: nn.Module, patches: Patches, sets: Split, config: SearchConfig) -> dict:
    """``psnr`` (dB), ``ssim`` and ``score`` of a decoded net on V, as ``validate`` scores a
    supernet."""
    return validate(_Decoded(net), patches, sets.v, config)


def rungs(nets: int, iterations: int, steps: int) -> list[tuple[int, int]]:
    """Successive halving: (nets, iterations of each) of ``steps`` rungs; from rung to rung half of
    the nets are left (rounded up), and each is trained anew, twice as long."""
    return [(ceil(nets / 2**i), iterations * 2**i) for i in range(steps)]


def short_winner(
    genotypes: Sequence[str],
    ladder: Sequence[tuple[int, int]],
    job: Callable[[str, int], ShortJob],
) -> Design:
    """Inside a design, ``found = yield from short_winner(...)``: the best of ``genotypes`` (JSON).

    ``ladder``: ``rungs``, or one rung for the plain best; each keeps the nets of highest score of
    the rung before, the first of equals. ``job(genotype, iterations)``: a short training. Keys:
    genotype, and rows, those of the jobs. ValueError without a genotype.
    """
    if not genotypes:
        raise ValueError("genotypes: there is none to choose from")
    left, rows = list(genotypes), []
    for nets, iterations in ladder:
        left = left[:nets]
        trained = yield [job(genotype, iterations) for genotype in left]
        rows += trained
        # a stable sort: the first of equals stays first
        order = sorted(range(len(left)), key=lambda i: -trained[i]["score"])
        left = [left[i] for i in order]
    return {"genotype": left[0], "rows": rows}
