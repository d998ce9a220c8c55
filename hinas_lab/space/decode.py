"""From numbers to an architecture: alpha -> two best edges per node, beta -> width path (Viterbi).
numpy only.

Letters: L layers, E edges of a cell, K operations, M width moves.
"""

import math

import numpy as np

from hinas_lab.config import SearchSpace
from hinas_lab.space.genotype import Cell, Genotype, diff, legal_paths, make
from hinas_lab.space.ops import OPS

Path = tuple[int, ...]


def softmax(x: np.ndarray) -> np.ndarray:
    """Softmax over the last axis; any shape, any real numbers."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def normalise_beta(space: SearchSpace, beta: np.ndarray) -> np.ndarray:
    """beta (M,) -> weights (M,): softmax over the moves that leave one cell (``outgoing``) or enter
    one (``incoming``)."""
    weights = np.empty(len(beta), dtype=np.float64)
    for group in beta_groups(space):
        weights[group] = softmax(np.asarray(beta, dtype=np.float64)[group])
    return weights


def beta_groups(space: SearchSpace) -> list[list[int]]:
    """The indices of moves that share one softmax, a list for each cell that they leave or
    enter."""
    groups: dict[tuple, list[int]] = {}
    for m, move in enumerate(space.moves):
        end = move.source if space.beta_norm == "outgoing" else move.target
        groups.setdefault((move.layer, end), []).append(m)
    return list(groups.values())


def without_none(space: SearchSpace, probabilities: np.ndarray) -> np.ndarray:
    """``probabilities`` (..., K) with -1 where the operation is none: a decoded edge must carry
    something."""
    keepable = np.array([OPS[name].kind != "none" for name in space.ops])
    return np.where(keepable, probabilities, -1.0)


def decode_cell(space: SearchSpace, probabilities: np.ndarray) -> Cell:
    """(E, K) probabilities of one layer -> per node its two best edges, each with its best
    operation but ``none``.

    Ties go to the lower source, then the lower operation.
    """
    candidates = without_none(space, probabilities)
    best = candidates.argmax(-1)
    score = candidates.max(-1)
    cell = []
    for node in range(space.nodes):
        incoming = [e for e, (_, target) in enumerate(space.edges) if target == node]
        # edges into a node are listed by source, and sorting is stable: ties keep the lower one
        kept = sorted(incoming, key=lambda e: -score[e])[:2]
        cell.append(tuple((space.ops[best[e]], space.edges[e][0]) for e in sorted(kept)))
    return tuple(cell)


def viterbi(space: SearchSpace, beta: np.ndarray) -> tuple[Path, float]:
    """The path with the largest product of normalised beta, in log space from width 0, and that
    product.

    Ties go to the lexically lower path. With ``outgoing`` beta the product is the path's
    probability, else a score."""
    return k_best_paths(space, beta, 1)[0]


def k_best_paths(space: SearchSpace, beta: np.ndarray, k: int) -> list[tuple[Path, float]]:
    """The k best paths with their products, best first: list Viterbi, k partial paths kept per
    cell."""
    with np.errstate(divide="ignore"):
        logs = np.log(normalise_beta(space, beta))
    partial: dict[int, list[tuple[float, Path]]] = {0: [(0.0, ())]}
    for l in range(space.layers):
        ahead: dict[int, list[tuple[float, Path]]] = {}
        for m, move in enumerate(space.moves):
            if move.layer != l:
                continue
            for value, path in partial.get(move.source, []):
                longer = (value + logs[m], (*path, move.target))
                ahead.setdefault(move.target, []).append(longer)
        partial = {i: _best(paths, k) for i, paths in ahead.items()}
    ends = [scored for paths in partial.values() for scored in paths]
    return [(path, math.exp(value)) for value, path in _best(ends, k)]


def _best(scored: list[tuple[float, Path]], k: int) -> list[tuple[float, Path]]:
    # Sums that differ only by rounding count as ties, so that the lexically lower path wins on any
    # machine.
    def rank(value_and_path):
        value, path = value_and_path
        return -round(value, 12) if math.isfinite(value) else math.inf, path

    return sorted(scored, key=rank)[:k]


def independent_path(space: SearchSpace, beta: np.ndarray) -> Path | None:
    """The width of largest arriving probability per layer, each layer by itself; None when that is
    no legal path."""
    weights = normalise_beta(space, beta)
    arriving, path = {0: 1.0}, []
    for l in range(space.layers):
        ahead: dict[int, float] = {}
        for m, move in enumerate(space.moves):
            if move.layer == l:
                share = arriving.get(move.source, 0.0) * weights[m]
                ahead[move.target] = ahead.get(move.target, 0.0) + share
        path.append(max(sorted(ahead), key=ahead.get))
        arriving = ahead
    return tuple(path) if tuple(path) in legal_paths(space) else None


def per_layer(space: SearchSpace, alpha: np.ndarray) -> np.ndarray:
    """alpha as (L, E, K), tied alpha (E, K) repeated over the layers."""
    return alpha if alpha.ndim == 3 else np.broadcast_to(alpha, (space.layers, *alpha.shape))


def decode(space: SearchSpace, alpha: np.ndarray, beta: np.ndarray) -> Genotype:
    """alpha (L, E, K) or (E, K) and beta (M,), unnormalised -> the genotype."""
    # the score is written with six digits: equal on any machine
    path, value = viterbi(space, beta)
    probabilities = softmax(per_layer(space, np.asarray(alpha, dtype=np.float64)))
    cells = tuple(decode_cell(space, layer) for layer in probabilities)
    return make(space, cells, path, path_score=float(f"{value:.6g}"))


DECODERS = {"viterbi": decode}
"""name -> how alpha and beta are read, a function like ``decode``: what ``SearchConfig.decoder``
names. viterbi: the paper's, two best edges per node and the path of the largest product"""


def decoder(name: str):
    """The decoder called ``name``; ValueError names all."""
    if name not in DECODERS:
        raise ValueError(f"decoder = {name!r}: must be one of {', '.join(DECODERS)}")
    return DECODERS[name]


def encode(
    space: SearchSpace, genotype: Genotype, sharpness: float = 20.0
) -> tuple[np.ndarray, np.ndarray]:
    """alpha (L, E, K), beta (M,) that decode to ``genotype``: the inverse of ``decode`` (float64,
    untied alpha).

    Not so for ``incoming`` beta and fewer than three layers: the path that widens at once has score
    1 whatever beta is."""
    alpha = np.zeros((space.layers, len(space.edges), len(space.ops)))
    none = [k for k, name in enumerate(space.ops) if OPS[name].kind == "none"]
    alpha[:, :, none] = sharpness  # an edge that the genotype lacks has nothing on it
    for l, e, k in kept_operations(space, genotype):
        alpha[l, e, none] = 0.0
        alpha[l, e, k] = sharpness
    beta = [sharpness * on_path for on_path in path_moves(space, genotype)]
    return alpha, np.array(beta)


def kept_operations(space: SearchSpace, genotype: Genotype) -> list[tuple[int, int, int]]:
    """Where the genotype's edges lie in alpha: (layer, edge, operation) each. ValueError for an
    operation that the space lacks."""
    places = []
    for l, cell in enumerate(genotype.cells):
        for i, node in enumerate(cell):
            for op, source in node:
                if op not in space.ops:
                    raise ValueError(
                        f"genotype: {op} is not among the operations of the search space"
                    )
                places.append((l, space.edges.index((source, i)), space.ops.index(op)))
    return places


def path_moves(space: SearchSpace, genotype: Genotype) -> list[bool]:
    """(M,): does the genotype's width path take this move?"""
    before = (0, *genotype.path[:-1])
    taken = set(zip(range(space.layers), before, genotype.path))
    return [move in taken for move in space.moves]


def entropy(space: SearchSpace, alpha: np.ndarray, beta: np.ndarray) -> tuple[float, float]:
    """Mean entropy in nats of the operation choice per edge (at most ln K, ln 7 = 1.95) and of the
    width choice per softmax."""
    weights = normalise_beta(space, beta)
    groups = [group for group in beta_groups(space) if len(group) > 1]
    widths = [_entropy(weights[group]) for group in groups]
    operations = _entropy(softmax(np.asarray(alpha, dtype=np.float64)))
    return operations, float(np.mean(widths)) if widths else 0.0


def _entropy(p: np.ndarray) -> float:
    """Mean over all but the last axis of -sum p ln p, with 0 ln 0 = 0."""
    return float(-(p * np.log(np.maximum(p, 1e-300))).sum(-1).mean())


def skip_share(genotype: Genotype) -> float:
    """Share of the decoded edges that are skip connections: 1 is the collapse of Section 3.3."""
    names = genotype.operations
    skips = sum(OPS[name].kind == "skip" for name in names)
    return skips / len(names)


def flips(a: Genotype, b: Genotype) -> int:
    """How many decoded edges and widths differ between two genotypes of one space."""
    return len(diff(a, b))
