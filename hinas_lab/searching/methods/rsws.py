"""Random search with weight sharing (RSWS, Li and Talwalkar 2019): what the paper compares with."""

import random

import torch
from torch import Tensor

from hinas_lab.images.patches import RSWS, generator
from hinas_lab.searching.methods.first_order import Method
from hinas_lab.searching.scoring import shared_weight_score
from hinas_lab.space.decode import encode
from hinas_lab.space.genotype import Genotype, sample
from hinas_lab.space.supernet import Mixture

CANDIDATES = 30
"genotypes that are scored at the end (Table 1: N = 30)"


class Rsws(Method):
    """The weights learn under one uniformly random architecture a step: only its cells are
    computed, of each source only the operations that it uses there; all other weights get a
    gradient of zero. alpha and beta never learn.

    After the last epoch 30 more random architectures are scored with the shared weights on V, batch
    norm recomputed for each, by the score that picks a supernet in a search. The best one, the
    first of equals, is written into alpha and beta, from which it is read like any other."""

    learns = False
    capturable = False

    def check(self, search):
        if search.config.stop != "epochs":
            raise ValueError(
                f"stop = {search.config.stop!r}: method rsws chooses after the last epoch; "
                "use epochs"
            )
        if search.config.decoder != "viterbi" or search.space.beta_norm != "outgoing":
            raise ValueError(
                "method = 'rsws': its choice is read by decoder viterbi from outgoing beta; "
                "use these"
            )

    def weight_mixture(self, search) -> Mixture:
        return search.net.restrict(drawn(search, search.epoch, search.iteration))

    def validate(self, search) -> dict[str, float]:
        """Nothing before the last epoch; then the scores of the best candidate, which alpha and
        beta now say."""
        config, net = search.config, search.net
        if search.epoch < config.epochs:
            return {}
        sets, best, chosen = search.split, {"score": float("-inf")}, None
        for i in range(CANDIDATES):
            # past the last epoch: no step has drawn these
            genotype = drawn(search, config.epochs, i)
            found = shared_weight_score(net, genotype, search.patches, sets.w, sets.v, config)
            if chosen is None or found["score"] > best["score"]:
                best, chosen = found, genotype
        write(net, chosen)
        return {name: best[name] for name in ("psnr", "ssim", "score")}


def drawn(search, epoch: int, step: int) -> Genotype:
    """The architecture of a step: a function of seed and position alone, so that a search that is
    continued draws the same."""
    rng = generator(search.config.seed, RSWS, epoch, step)
    seed = torch.randint(2**62, (1,), generator=rng).item()
    return sample(search.space, random.Random(seed))


@torch.no_grad()
def write(net, genotype: Genotype):
    """Let ``net``'s alpha and beta say ``genotype``."""
    alpha, beta = (torch.from_numpy(values) for values in encode(net.space, genotype))
    # where alpha is tied, all layers have the same cell
    _copy(net.alpha, alpha if net.space.lwas else alpha[0])
    _copy(net.beta, beta)


def _copy(parameter: Tensor, values: Tensor):
    parameter.copy_(values.to(parameter))
