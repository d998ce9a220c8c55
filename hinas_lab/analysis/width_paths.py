"""What the width path owes to how it is read off beta: greedy against Viterbi, the two softmaxes,
and chance before any learning."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from hinas_lab.config import SearchSpace
from hinas_lab.space.decode import beta_groups, k_best_paths, normalise_beta, softmax
from hinas_lab.space.genotype import legal_paths

Path = tuple[int, ...]


def beta_of(space: SearchSpace, wanted: Mapping[tuple[int, int, int], float]) -> np.ndarray:
    """beta (M,) whose normalised weights are ``wanted``, (layer, from, to) -> weight; the other
    moves of a softmax share the rest equally.

    ValueError for a move that there is not, for weights outside 0 to 1, and where one softmax does
    not sum to 1.
    """
    for move, weight in wanted.items():
        if move not in space.moves or not 0 < weight <= 1:
            raise ValueError(
                f"{move}: {weight}: must be a legal move (layer, from, to) "
                "and a weight above 0, at most 1"
            )
    beta = np.empty(len(space.moves))
    for group in beta_groups(space):
        weights = [wanted.get(space.moves[m]) for m in group]
        rest = 1 - math.fsum(filter(None, weights))
        free = weights.count(None)
        if not (rest > 0 if free else math.isclose(rest, 0, abs_tol=1e-9)):
            names = ", ".join(str(tuple(space.moves[m])) for m in group)
            raise ValueError(f"{names}: share one softmax; their weights must sum to 1")
        beta[group] = [math.log(weight or rest / free) for weight in weights]
    return beta


def _moves_of(path: Path) -> list[tuple[int, int, int]]:
    """(layer, from, to) of a path, which begins at width 0."""
    return list(zip(range(len(path)), (0, *path), path))


def path_value(space: SearchSpace, beta: np.ndarray, path: Path) -> float:
    """The product of the normalised beta along a legal path."""
    weights = normalise_beta(space, beta)
    return math.prod(float(weights[space.moves.index(move)]) for move in _moves_of(path))


def greedy_path(space: SearchSpace, beta: np.ndarray) -> tuple[Path, float]:
    """From width 0 always the move of the largest weight (ties: the lower width), and the product
    along the way."""
    weights, path = normalise_beta(space, beta), [0]
    for layer in range(space.layers):
        ahead = {}
        for weight, move in zip(weights, space.moves):
            if (move.layer, move.source) == (layer, path[-1]):
                ahead[move.target] = weight
        # sorted: of equal weights max takes the first, the lower width
        path.append(max(sorted(ahead), key=ahead.get))
    return tuple(path[1:]), path_value(space, beta, tuple(path[1:]))


def is_widest_last(path: Path) -> bool:
    """No layer is wider than the last one: what Section 4.2.4 finds in its networks."""
    return path[-1] == max(path)


@dataclass(frozen=True, kw_only=True)
class Chance:
    """Viterbi on random beta that learned nothing."""

    norm: str
    std: float
    "of beta; a search starts at 0.001"
    shares: dict[Path, float]
    "path -> how often it is Viterbi's"
    greedy: float
    "how often greedy finds the same path"

    @property
    def widest_last(self) -> float:
        """How often ``is_widest_last`` holds."""
        return math.fsum(share for path, share in self.shares.items() if is_widest_last(path))


def chance(
    space: SearchSpace, stds: Iterable[float], *, n: int = 2000, seed: int = 0
) -> list[Chance]:
    """``n`` draws of beta for each standard deviation: the same directions each time, only
    longer."""
    paths = legal_paths(space)
    steps = np.zeros((len(paths), len(space.moves)))  # 1 where a path takes a move
    for row, path in zip(steps, paths):
        row[[space.moves.index(move) for move in _moves_of(path)]] = 1
    directions = np.random.default_rng(seed).standard_normal((n, len(space.moves)))
    chances = []
    for std in stds:
        # all draws at once: a softmax over each group of moves
        weights = np.empty_like(directions)
        for group in beta_groups(space):
            weights[:, group] = softmax(std * directions[:, group])
        # all paths are few enough to try; tests hold this against Viterbi
        best = (np.log(weights) @ steps.T).argmax(1)
        same = [greedy_path(space, std * d)[0] == paths[b] for d, b in zip(directions, best)]
        counts = zip(*np.unique(best, return_counts=True))
        shares = {paths[b]: float(count) / n for b, count in counts}
        greedy = float(np.mean(same))
        chances.append(Chance(norm=space.beta_norm, std=std, shares=shares, greedy=greedy))
    return chances


def uniform_paths(space: SearchSpace) -> list[tuple[Path, float]]:
    """All legal paths with their products when every beta is equal, best first."""
    return k_best_paths(space, np.zeros(len(space.moves)), len(legal_paths(space)))
