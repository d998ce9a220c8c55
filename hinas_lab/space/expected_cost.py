"""The expected cost of the decoded net, as a differentiable function of alpha and beta.

The distribution: a genotype is as probable as its weight to the power ``SHARPNESS``; the weight is
that of ``decode.k_best_genotypes``, the product of its path's normalised beta and of its kept
edges' softmax of alpha, where none is no choice. So the mode is what ``decode`` gives, and where
alpha and beta are sharp the expectation is that net's cost. In closed form a node keeps the pair of
edges (e, f) with probability s_e s_f / the sum over pairs, s_e the sum of p_k^SHARPNESS over all
operations but none, and a kept edge carries operation k with probability p_k^SHARPNESS / s_e. As a
cost is a sum over pieces, one alpha that is tied over the layers changes nothing.

Letters: a, b, c widths of layers l-2, l-1, l; s, t was a layer as narrow as the start part, before
and with layer l; L layers, E edges, K operations, M moves, W widths.
"""

import numpy as np
import torch
from torch import Tensor

from hinas_lab.space.budget import Costs
from hinas_lab.space.decode import beta_groups
from hinas_lab.space.ops import OPS

SHARPNESS = 6.0
"""with 1 the undecided alpha of a short search says little of what is decoded: at preset study the
expectation came to 1.22 GMAC where the mode was a net of skips alone, 0.83 GMAC"""
FAINTEST = -300.0
"the log strength of an edge beside its node's strongest counts as this at least: no 0 / 0"


class ExpectedCost:
    """(alpha (L, E, K) or (E, K), beta (M,)), logits -> E[cost], a float64 scalar on the CPU; tiny,
    so a GPU would only wait."""

    def __init__(self, costs: Costs, sharpness: float = SHARPNESS):
        self.sharpness = sharpness
        space = self.space = costs.space
        widths = len(costs.end)
        self._keepable = torch.tensor([OPS[name].kind != "none" for name in space.ops])
        self._operations = torch.from_numpy(costs.operations)
        nodes = torch.tensor([node for _, node in space.edges])
        self._same_node = (nodes[:, None] == nodes).double()
        self._other = self._same_node - torch.eye(len(nodes), dtype=torch.float64)
        groups = beta_groups(space)
        self._groups = groups
        self._back = torch.tensor(np.argsort(np.concatenate(groups)))
        # moves[l][b, c]: the number of the move, one past the last where there is none
        self._moves = torch.full((space.layers, widths, widths), len(space.moves))
        for m, move in enumerate(space.moves):
            self._moves[move.layer, move.source, move.target] = m
        self._inputs = [torch.from_numpy(costs.inputs(l).copy()) for l in range(space.layers)]
        # narrow[c, s, t]: t = s or c is narrow
        self._narrow = torch.zeros(widths, 2, 2, dtype=torch.float64)
        end = np.zeros((2, widths))
        for c, narrow in enumerate(costs.narrow):
            for s in (0, 1):
                self._narrow[c, s, int(s or narrow)] = 1
                end[s, c] = costs.end[c] + costs.low[int(narrow or not s)]
        self._end, self._start = torch.from_numpy(end), costs.start

    def __call__(self, alpha: Tensor, beta: Tensor) -> Tensor:
        cells = self._cells(alpha.cpu().double())
        weights = self._moves_of(beta.cpu().double())
        # sum-product over pairs of widths: of all paths that end so, their weight and the sum of
        # weight times cost
        widths = cells.shape[1]
        weight = torch.zeros(2, widths, widths, dtype=torch.float64)
        weight[0, 0, 0] = 1
        cost = torch.zeros_like(weight)
        for l, (inputs, moves) in enumerate(zip(self._inputs, weights)):
            dear = inputs + cells[l]
            cost = torch.einsum("sab,bc,cst->tbc", cost, moves, self._narrow) + torch.einsum(
                "sab,abc,cst->tbc", weight, dear * moves, self._narrow
            )
            weight = torch.einsum("sab,bc,cst->tbc", weight, moves, self._narrow)
            # powers of many layers would be too small for a number: only the ratio counts
            total = weight.sum()
            weight, cost = weight / total, cost / total
        return self._start + cost.sum() + (weight.sum(1) * self._end).sum()

    def _cells(self, alpha: Tensor) -> Tensor:
        """(L, W): what the operations of a layer's cell cost at each width."""
        if alpha.dim() == 2:
            alpha = alpha.expand(self.space.layers, -1, -1)
        sharp = self.sharpness * alpha.log_softmax(-1)[..., self._keepable]
        strength = sharp.logsumexp(-1)
        # of a node, the strongest edge counts as 1: only ratios matter
        by_node = torch.where(self._same_node > 0, strength[:, None], -torch.inf)
        s = (strength - by_node.amax(-1).detach()).clamp(min=FAINTEST).exp()
        pairs = s * (s @ self._other)
        share = 2 * pairs / (pairs @ self._same_node)
        edge = sharp.softmax(-1) @ self._operations[:, self._keepable].T
        return (share[..., None] * edge).sum(1)

    def _moves_of(self, beta: Tensor) -> Tensor:
        """(L, W, W): the normalised beta of each move to that power, 0 where there is none."""
        parts = [beta[group].log_softmax(0) for group in self._groups]
        weights = (self.sharpness * torch.cat(parts)[self._back]).exp()
        return torch.cat([weights, weights.new_zeros(1)])[self._moves]
