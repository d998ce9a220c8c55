"""Is the search worth something? The decoded genotype among random ones."""

import random
from collections.abc import Iterator
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from hinas_lab.config import Preset, SearchConfig
from hinas_lab.engine.evaluate import evaluate, mean
from hinas_lab.engine.scoring import shared_weight_score
from hinas_lab.images.catalog import read_images
from hinas_lab.images.patches import Patches, split
from hinas_lab.images.protocol import protocol
from hinas_lab.space.genotype import Genotype, sample
from hinas_lab.space.supernet import SuperNet


def random_genotypes(space, n: int, seed: int) -> list[Genotype]:
    """n different uniformly random genotypes; all of them when the space holds fewer."""
    rng, found = random.Random(seed), {}
    for _ in range(100 * n):
        genotype = sample(space, rng)
        found.setdefault(genotype.hash, genotype)
        if len(found) == n:
            break
    return list(found.values())


def shared_weight_percentile(net: SuperNet, genotype: Genotype, patches: Patches, config: SearchConfig,
                             n: int = 20) -> Iterator[tuple[dict, list[dict]]]:
    """Shared-weight score of ``genotype`` and of ``n`` random ones, one more each time it is asked: (its score, theirs so far)."""
    sets = split(len(patches), config.share, config.seed)
    score = lambda g: shared_weight_score(net, g, patches, sets.w, sets.v, config)  # noqa: E731
    ours, theirs = score(genotype), []
    for other in random_genotypes(net.space, n, config.seed + 1):
        theirs.append(score(other))
        yield ours, theirs


def percentile(ours: float, theirs: list[float]) -> float:
    """Share of ``theirs`` below ``ours``, ties counted half, in percent."""
    theirs = np.asarray(theirs)
    return float(100 * ((theirs < ours).mean() + (theirs == ours).mean() / 2))


@dataclass(frozen=True)
class Net:
    """One trained network of the study. PSNR in dB and SSIM: means over the test photographs under protocol ``whole``."""

    arm: str
    seed: int
    psnr: float
    ssim: float
    parameters: int
    genotype: str


def train_one(folder: str, arm: str, preset: Preset, genotype_json: str | None, data: str) -> Net:
    """Search first when no genotype is given; train; measure. One thread; everything resumes from ``folder``."""
    import torch

    from hinas_lab.engine.restore import restore_array
    from hinas_lab.engine.runs import load_genotype, load_network, open_search, open_training

    torch.set_num_threads(1)
    if genotype_json is None:
        for _ in open_search(Path(folder) / "search", preset, data=data, resume=True).steps():
            pass
        genotype = load_genotype(Path(folder) / "search")
    else:
        genotype = Genotype.from_json(genotype_json)
    for _ in open_training(folder, genotype, preset, data=data, resume=True).steps():
        pass
    net, info = load_network(folder)
    rows = list(evaluate(arm, lambda x: restore_array(net, x), read_images("builtin", "test"), info["sigmas"][0], protocol("whole")))
    total = mean(rows)
    return Net(arm, preset.train.seed, total["psnr"], total["ssim"], info["parameters"], str(genotype))


def search_against_random(folder: str, presets: list[Preset], n_random: int, data: str, executor: Executor) -> Iterator[Net]:
    """One searched net per preset (they differ in seed) and ``n_random`` random ones, trained equally; in the order they finish."""
    jobs = [(f"{folder}/searched-{p.train.seed}", "searched", p, None, data) for p in presets]
    for i, genotype in enumerate(random_genotypes(presets[0].space, n_random, 1000)):
        jobs.append((f"{folder}/random-{i}", "random", presets[i % len(presets)], genotype.to_json(), data))
    for future in as_completed([executor.submit(train_one, *job) for job in jobs]):
        yield future.result()


def difference(a: list[float], b: list[float]) -> tuple[float, float, float]:
    """mean(a) - mean(b) with its 95 % interval (Welch)."""
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    return float(np.mean(a) - np.mean(b)), float(interval.low), float(interval.high)
