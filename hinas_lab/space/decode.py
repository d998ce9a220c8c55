"""From numbers to an architecture: alpha -> two best edges per node, beta -> width path (Viterbi). numpy only."""

import math

import numpy as np

from hinas_lab.config import SearchSpace
from hinas_lab.space.genotype import Cell, Genotype, diff, legal_paths, make
from hinas_lab.space.ops import NONE, OP_NAMES, SKIP


def softmax(x: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def normalise_beta(space: SearchSpace, beta: np.ndarray) -> np.ndarray:
    """beta (M,) -> weights (M,): softmax over the moves that leave one cell (``outgoing``) or enter one (``incoming``)."""
    weights = np.empty(len(beta), dtype=np.float64)
    for group in beta_groups(space):
        weights[group] = softmax(np.asarray(beta, dtype=np.float64)[group])
    return weights


def beta_groups(space: SearchSpace) -> list[list[int]]:
    """The indices of moves that share one softmax."""
    groups: dict[tuple, list[int]] = {}
    for m, move in enumerate(space.moves):
        end = move.source if space.beta_norm == "outgoing" else move.target
        groups.setdefault((move.layer, end), []).append(m)
    return list(groups.values())


def decode_cell(space: SearchSpace, probabilities: np.ndarray) -> Cell:
    """(E, K) probabilities of one layer -> per node its two best edges, each with its best operation but ``none``.

    Ties go to the lower source, then the lower operation.
    """
    best = probabilities[:, :NONE].argmax(-1)  # `none` is the last operation
    score = probabilities[np.arange(len(best)), best]
    cell = []
    for node in range(space.nodes):
        edges = [(e, j) for e, (j, i) in enumerate(space.edges) if i == node]
        chosen = sorted(edges, key=lambda ej: (-score[ej[0]], ej[1]))[:2]
        cell.append(tuple((OP_NAMES[best[e]], j) for e, j in sorted(chosen, key=lambda ej: ej[1])))
    return tuple(cell)


def viterbi(space: SearchSpace, beta: np.ndarray) -> tuple[tuple[int, ...], float]:
    """The path with the largest product of normalised beta, in log space from width 0, and that product.

    Ties go to the lexically lower path. With ``outgoing`` beta the product is the path's probability, else a score.
    """
    return k_best_paths(space, beta, 1)[0]


def k_best_paths(
    space: SearchSpace, beta: np.ndarray, k: int
) -> list[tuple[tuple[int, ...], float]]:
    """The k best paths with their products, best first: list Viterbi, k partial paths kept per cell."""
    with np.errstate(divide="ignore"):
        logs = np.log(normalise_beta(space, beta))
    partial: dict[int, list[tuple[float, tuple[int, ...]]]] = {0: [(0.0, ())]}
    for l in range(space.layers):
        ahead: dict[int, list[tuple[float, tuple[int, ...]]]] = {}
        for m, move in enumerate(space.moves):
            if move.layer == l:
                for value, path in partial.get(move.source, []):
                    ahead.setdefault(move.target, []).append(
                        (value + logs[m], (*path, move.target))
                    )
        partial = {i: _best(paths, k) for i, paths in ahead.items()}
    return [
        (path, math.exp(value))
        for value, path in _best([p for ps in partial.values() for p in ps], k)
    ]


def _best(paths, k):
    # Sums that differ only by rounding count as ties, so that the lexically lower path wins on any machine.
    return sorted(
        paths, key=lambda vp: (-round(vp[0], 12) if math.isfinite(vp[0]) else math.inf, vp[1])
    )[:k]


def independent_path(space: SearchSpace, beta: np.ndarray) -> tuple[int, ...] | None:
    """The width of largest arriving probability per layer, each layer by itself; None when that is no legal path."""
    weights = normalise_beta(space, beta)
    reach, path = {0: 1.0}, []
    for l in range(space.layers):
        ahead: dict[int, float] = {}
        for m, move in enumerate(space.moves):
            if move.layer == l:
                ahead[move.target] = (
                    ahead.get(move.target, 0.0) + reach.get(move.source, 0.0) * weights[m]
                )
        path.append(max(sorted(ahead), key=ahead.get))
        reach = ahead
    return tuple(path) if tuple(path) in legal_paths(space) else None


def per_layer(space: SearchSpace, alpha: np.ndarray) -> np.ndarray:
    """alpha as (L, E, K), tied alpha (E, K) repeated over the layers."""
    return alpha if alpha.ndim == 3 else np.broadcast_to(alpha, (space.layers, *alpha.shape))


def decode(space: SearchSpace, alpha: np.ndarray, beta: np.ndarray) -> Genotype:
    """alpha (L, E, K) or (E, K) and beta (M,), unnormalised -> the genotype."""
    path, value = viterbi(space, beta)
    cells = tuple(
        decode_cell(space, p)
        for p in softmax(per_layer(space, np.asarray(alpha, dtype=np.float64)))
    )
    return make(space, cells, path, path_score=float(f"{value:.6g}"))


def encode(
    space: SearchSpace, genotype: Genotype, sharpness: float = 20.0
) -> tuple[np.ndarray, np.ndarray]:
    """alpha, beta that decode to ``genotype``: the inverse of ``decode`` (float64, untied alpha).

    Not so for ``incoming`` beta and fewer than three layers: the path that widens at once has score 1 whatever beta is.
    """
    alpha = np.zeros((space.layers, len(space.edges), len(OP_NAMES)))
    alpha[:, :, NONE] = sharpness
    for l, cell in enumerate(genotype.cells):
        for i, node in enumerate(cell):
            for op, src in node:
                e = space.edges.index((src, i))
                alpha[l, e, NONE] = 0.0
                alpha[l, e, OP_NAMES.index(op)] = sharpness
    before = (0, *genotype.path[:-1])
    beta = np.array(
        [
            sharpness * (genotype.path[m.layer] == m.target and before[m.layer] == m.source)
            for m in space.moves
        ]
    )
    return alpha, beta


def entropy(space: SearchSpace, alpha: np.ndarray, beta: np.ndarray) -> tuple[float, float]:
    """Mean entropy in nats of the operation choice per edge (at most ln 7 = 1.95) and of the width choice per softmax."""
    p = softmax(np.asarray(alpha, dtype=np.float64))
    weights = normalise_beta(space, beta)
    groups = [weights[g] for g in beta_groups(space) if len(g) > 1]
    of = lambda q: float(-(q * np.log(np.maximum(q, 1e-300))).sum(-1).mean())  # noqa: E731
    return of(p), float(np.mean([of(g) for g in groups])) if groups else 0.0


def skip_share(genotype: Genotype) -> float:
    """Share of the decoded edges that are skip connections: 1 is the collapse of Section 3.3."""
    ops = [op for cell in genotype.cells for node in cell for op, _ in node]
    return ops.count(OP_NAMES[SKIP]) / len(ops)


def flips(a: Genotype, b: Genotype) -> int:
    """How many decoded edges and widths differ between two genotypes of one space."""
    return len(diff(a, b))
