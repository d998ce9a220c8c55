"""Made-up numbers for questions: rows of alpha, weights of width moves, flat pictures of a known
error."""

import numpy as np

from hinas_book.lessons.questions import text_table
from hinas_lab.analysis.width_paths import greedy_path
from hinas_lab.config import SearchSpace
from hinas_lab.images.metrics import psnr
from hinas_lab.space.decode import beta_groups, k_best_paths
from hinas_lab.space.ops import OP_NAMES

SIDE = 16
"of the flat test images, in pixels"


def flat(value: float) -> np.ndarray:
    """A picture (SIDE, SIDE) of one value."""
    return np.full((SIDE, SIDE), value)


def of_mse(mse: float) -> float:
    """PSNR in dB of an image with this mean squared error, values in [0, 1]."""
    return psnr(flat(mse**0.5), flat(0.0))


def alpha_row(rng, low: float = -1.5, high: float = 1.5) -> list[float]:
    """Seven distinct values with two digits, one per operation."""
    # whole hundredths: without a tie, and exactly as they are printed
    hundredths = range(round(low * 100), round(high * 100))
    return [x / 100 for x in rng.sample(hundredths, len(OP_NAMES))]


def alpha_table(**rows) -> str:
    """{name: row of alphas} under the names of the operations."""
    table = {"": OP_NAMES}
    for name, values in rows.items():
        table[name] = [f"{value:.2f}" for value in values]
    return text_table(table)


def outgoing(rng, space: SearchSpace) -> np.ndarray:
    """Weights (M,) in steps of 0.05 that sum to one over the moves that leave a cell."""
    weights = np.zeros(len(space.moves))
    for group in beta_groups(space):
        # 20 twentieths, cut at random places: no weight is 0
        cuts = sorted(rng.sample(range(1, 20), len(group) - 1))
        weights[group] = np.diff([0, *cuts, 20]) / 20
    return weights


def greedy(space: SearchSpace, weights: np.ndarray) -> tuple[int, ...]:
    """Always the likeliest next move."""
    return greedy_path(space, np.log(weights))[0]


def trap(rng, layers: int = 3) -> tuple[SearchSpace, np.ndarray]:
    """Weights without ties, on which greedy is not the best."""
    space = SearchSpace(layers=layers)
    while True:
        weights = outgoing(rng, space)
        (best, p), (_, second) = k_best_paths(space, np.log(weights), 2)
        # clearly the best, so that no rounding of a student's changes the answer
        clear = p > 1.05 * second and greedy(space, weights) != best
        if clear and all(len(set(weights[g])) == len(g) for g in beta_groups(space)):
            return space, weights
