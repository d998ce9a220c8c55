"""Is the search worth something? The decoded genotype among random ones."""

import random
from collections.abc import Iterator

from hinas_lab.config import SearchConfig
from hinas_lab.images.patches import Patches, split
from hinas_lab.searching.scoring import shared_weight_score
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


def shared_weight_percentile(
    net: SuperNet, genotype: Genotype, patches: Patches, config: SearchConfig, n: int = 20
) -> Iterator[tuple[dict, list[dict]]]:
    """Shared-weight score of ``genotype`` and of ``n`` random ones, one more each time it is asked: (its score, theirs so far)."""
    sets = split(len(patches), config.val_fraction, config.seed)
    score = lambda g: shared_weight_score(net, g, patches, sets.w, sets.v, config)  # noqa: E731
    ours, theirs = score(genotype), []
    for other in random_genotypes(net.space, n, config.seed + 1):
        theirs.append(score(other))
        yield ours, theirs
