"""The price of cost in a search under a budget: a user gives the budget, the price is found."""

import math

import torch
from torch import Tensor, nn

from hinas_lab.config import SearchConfig
from hinas_lab.space.budget import Limit
from hinas_lab.space.expected_cost import ExpectedCost

MOST = 10.0
"of the price: far above, the loss counts for nothing"
DAMPING = 0.03
"share of the excess that counts at once: without it the price is late and swings"
DESCENT = 0.6
"""share of the arch steps over which the limit comes down to the budget: a young supernet favours
skips by itself. Pushed at once, a search at preset study (seed 0, 1.2 GMAC) ended at 1.05 GMAC,
where a free one finds 1.17"""


class Price:
    """Lets arch steps minimise log loss + mu log E[cost] instead of the loss, and finds mu by dual
    ascent on log(E[cost] / budget) <= 0.

    mu has no unit: a net that is 1 % cheaper may have a loss that is mu % larger. It starts at 0
    with the first arch step, rises while the expected cost is above the budget, falls while it is
    below, never under 0: a budget that no step would exceed changes nothing. The limit comes down
    to the budget from what was expected at the first arch step. ``steps``: arch steps of the whole
    search, over which ``SearchConfig.budget_rate`` is spread.
    """

    def __init__(self, limit: Limit, config: SearchConfig, steps: int):
        self.limit, self.mu = limit, 0.0
        self.done = 0  # arch steps
        self._first = 0.0  # log(E[cost] / budget) at the first of them, if it was above
        self._steps = max(1, steps)
        self.expected = ExpectedCost(limit.costs)
        self._rate = config.budget_rate / self._steps

    def of(self, net: nn.Module) -> float:
        """E[cost] under ``net``'s alpha and beta, in MACs, parameters or milliseconds."""
        with torch.no_grad():
            return self.expected(net.alpha, net.beta).item()

    def add(self, net: nn.Module, parameters: list[Tensor], loss: float):
        """Add the price's part to the gradients of an arch step whose loss was ``loss``; one step
        of mu. FloatingPointError when the expected cost is not finite."""
        cost = self.expected(net.alpha, net.beta)
        excess = math.log(cost.item() / self.limit.budget.amount)
        if not math.isfinite(excess):
            raise FloatingPointError(f"the expected cost is {cost.item()}; lower search.arch_lr")
        if self.done == 0:
            self._first = max(0.0, excess)
        excess -= self._first * max(0.0, 1 - self.done / (DESCENT * self._steps))
        weight = min(max(0.0, self.mu + DAMPING * excess), MOST)
        if weight:
            # in units of the loss: of any loss and data the same price means the same
            given = torch.autograd.grad(weight * loss * cost.log(), parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, given):
                if gradient is not None:
                    parameter.grad.add_(gradient)
        self.mu = min(max(0.0, self.mu + self._rate * excess), MOST)
        self.done += 1

    @property
    def tensor(self) -> Tensor:
        """All that has to be known to go on, (3,): mu, arch steps done, the first excess."""
        return torch.tensor([self.mu, self.done, self._first], dtype=torch.float64)

    def load(self, tensor: Tensor):
        """Go on from ``tensor``."""
        mu, done, first = tensor.tolist()
        self.mu, self.done, self._first = mu, int(done), first
