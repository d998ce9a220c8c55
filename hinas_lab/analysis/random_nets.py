"""Is the search worth something? The decoded genotype among random ones."""

import random
from collections.abc import Callable, Iterator

from hinas_lab.config import SearchConfig
from hinas_lab.images.patches import Patches, split
from hinas_lab.searching.scoring import shared_weight_score
from hinas_lab.space.genotype import Genotype, sample
from hinas_lab.space.supernet import SuperNet


def random_genotypes(space, n: int, seed: int) -> list[Genotype]:
    """n different uniformly random genotypes of a SearchSpace; all of them when it holds fewer."""
    rng, by_hash = random.Random(seed), {}
    for _ in range(100 * n):  # a small space may never give n different ones
        genotype = sample(space, rng)
        by_hash.setdefault(genotype.hash, genotype)
        if len(by_hash) == n:
            break
    return list(by_hash.values())


def shared_weight_percentile(
    net: SuperNet, genotype: Genotype, patches: Patches, config: SearchConfig, n: int = 20
) -> Iterator[tuple[dict, list[dict]]]:
    """Shared-weight score of ``genotype`` and of ``n`` random ones: (its score, theirs so far), one
    more each time it is asked."""
    sets = split(len(patches), config.val_fraction, config.seed, config.val_images)

    def score(candidate: Genotype) -> dict:
        return shared_weight_score(net, candidate, patches, sets.w, sets.v, config)

    ours, theirs = score(genotype), []
    for other in random_genotypes(net.space, n, config.seed + 1):
        theirs.append(score(other))
        yield ours, theirs


def stratified_genotypes(
    space, n: int, seed: int, cost: Callable[[Genotype], float], pool: int = 20
) -> list[Genotype]:
    """n different random genotypes of a SearchSpace, spread evenly over the quantiles of log
    ``cost``, cheapest first.

    ``pool`` n genotypes are drawn and cut into n groups of equal size by cost, from each of which
    one is taken: every cost is as frequent as in the space, and none is missed by chance. A space
    that holds fewer gives all that it holds.
    """
    drawn = sorted(random_genotypes(space, pool * n, seed), key=cost)
    if len(drawn) <= n:
        return drawn
    rng = random.Random(seed)
    # the logarithm changes no quantile
    edges = [round(i * len(drawn) / n) for i in range(n + 1)]
    return [rng.choice(drawn[low:high]) for low, high in zip(edges, edges[1:])]
