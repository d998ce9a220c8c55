"""alpha and beta as a distribution over nets: what its nets cost, and which are the likeliest.

The distribution is that of ``space.expected_cost``: a genotype is as probable as its weight to the
power of the sharpness.
"""

from collections.abc import Callable

import numpy as np

from hinas_lab.live.recordings import Recording
from hinas_lab.presets import preset
from hinas_lab.records import kept_logits
from hinas_lab.space.budget import K_BEST, Costs, Limit
from hinas_lab.space.cost import Part
from hinas_lab.space.decode import Ranked, k_best_genotypes, softmax

DRAWN = 400
"nets of a histogram"


def limit_of(recording: Recording, budget: str) -> Limit:
    """The budget of nets of a recorded search's space, trained as its preset does. ValueError as
    of ``Limit``."""
    name, space = recording.preset.rstrip("*"), recording.space
    settings = preset(name, space.task, space.scale).with_budget(budget)
    return Limit(space, settings.search)


def expected_cost(costs: Costs, alpha: np.ndarray, beta: np.ndarray, sharpness: float) -> float:
    """Of a net drawn from the distribution, in the unit of ``costs``."""
    import torch

    from hinas_lab.space.expected_cost import ExpectedCost

    expected = ExpectedCost(costs, sharpness)
    return expected(torch.tensor(alpha), torch.tensor(beta)).item()


def expected_number(limit: Limit, of: Callable[[Part], bool]) -> Callable:
    """(alpha, beta) -> how many pieces ``of`` a kind a net has, in expectation: the expected cost
    where such a piece costs 1 and any other nothing."""
    import torch

    from hinas_lab.space.expected_cost import ExpectedCost

    expected = ExpectedCost(Costs(limit.space, limit.costs.shape, lambda part: float(of(part))))
    return lambda alpha, beta: expected(torch.tensor(alpha), torch.tensor(beta)).item()


def drawn_costs(
    costs: Costs, alpha: np.ndarray, beta: np.ndarray, sharpness: float, number: int = DRAWN
) -> np.ndarray:
    """(number,): what nets drawn from the distribution cost (seed 0)."""
    ranked = Ranked(costs.space, alpha, beta)
    rng = np.random.default_rng(0)
    columns = []
    # a path and the options of each node are drawn by themselves
    for scores in ranked.scores:
        p = softmax(sharpness * scores)
        columns.append(rng.choice(len(p), size=number, p=p))
    drawn = zip(*(column.tolist() for column in columns))
    return np.array([costs(ranked.genotype(chosen)) for chosen in drawn])


def probable_text(recording: Recording, limit: Limit, k: int = 6) -> str:
    """The ``k`` most probable nets with their weight beside the first one's and their cost; then
    what decoding under the budget takes."""
    alpha, beta = kept_logits(recording.records, recording.search.keep_supernet)
    budget = limit.budget
    lines = [f"{'rank':>4}{'weight':>9}  {'cost':<12}within {budget}?"]
    ranked = k_best_genotypes(limit.space, alpha, beta, K_BEST)
    for rank, (genotype, weight) in enumerate(ranked[:k], 1):
        cost = limit.costs(genotype)
        share = np.exp(weight - ranked[0][1])
        word = "yes" if limit.keeps(cost) else f"no, {budget.excess(cost)} above"
        lines.append(f"{rank:>4}{share:>9.2f}  {budget.text(cost):<12}{word}")
    chosen = limit.decode(limit.space, alpha, beta)
    cost = limit.costs(chosen)
    rank = 1 + [genotype.hash for genotype, _ in ranked].index(chosen.hash)
    end = f"rank {rank}, {budget.text(cost)}"
    if not limit.keeps(cost):
        end = f"none of the {K_BEST} likeliest is within; the cheapest of them is taken: {end}, "
        end += f"{budget.excess(cost)} above"
    return "\n".join([*lines, f"decoded under {budget}: {end}"])
