"""From numbers to an architecture: alpha -> two best edges per node, beta -> width path (Viterbi).
numpy only.

Letters: L layers, E edges of a cell, K operations, M width moves.
"""

import heapq
import math
from collections.abc import Iterator
from itertools import combinations, islice

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


def k_best_genotypes(
    space: SearchSpace, alpha: np.ndarray, beta: np.ndarray, k: int
) -> list[tuple[Genotype, float]]:
    """The k most probable genotypes with the logarithm of their weight, best first; exact.

    A genotype weighs the product of its path's normalised beta and of its kept edges' softmax of
    alpha, none being no choice: normalised, the distribution that ``expected_cost`` means. The
    first is ``decode``'s. Where alpha is tied its cell counts once."""
    ranked = Ranked(space, alpha, beta)
    found = []
    for value, chosen in islice(ranked, k):
        found.append((ranked.genotype(chosen), value))
    return found


Chosen = tuple[int, ...]
"a genotype by numbers: which path, then which option of each node, as ``Ranked`` lists them"
UNLIKELY = 1e-300
"a probability below this counts as this: its logarithm is finite"


class Ranked:
    """All genotypes of ``space`` in the order of their weight under alpha and beta; iterating gives
    (log weight, ``Chosen``), lazily.

    ``paths``: the paths with their products. ``nodes``: a row for each node of each cell (of one
    cell, where alpha is tied), and in it the options: two edges (operation's number, edge) each.
    ``scores``: the log weights of the paths, then of each row of ``nodes``, each falling."""

    most_paths = 4096
    "paths that take part: all of them up to eight layers of three widths"

    def __init__(self, space: SearchSpace, alpha: np.ndarray, beta: np.ndarray):
        self.space = space
        self.paths = k_best_paths(space, beta, self.most_paths)
        probabilities = softmax(np.asarray(alpha, dtype=np.float64))
        if not space.lwas:
            probabilities = probabilities[None] if probabilities.ndim == 2 else probabilities[:1]
        scores = [np.log([max(value, UNLIKELY) for _, value in self.paths])]
        self.nodes: list[list[tuple]] = []
        for layer in probabilities:
            for node in range(space.nodes):
                score, options = _options(space, layer, node)
                scores.append(score)
                self.nodes.append(options)
        self.scores = scores

    def __iter__(self) -> Iterator[tuple[float, Chosen]]:
        return best_sums(self.scores)

    def genotype(self, chosen: Chosen) -> Genotype:
        """The genotype of those numbers."""
        space = self.space
        path, value = self.paths[chosen[0]]
        nodes = []
        for options, number in zip(self.nodes, chosen[1:]):
            edges = sorted(options[number], key=lambda kept: kept[1])
            nodes.append(tuple((space.ops[k], space.edges[e][0]) for k, e in edges))
        cells = [tuple(nodes[i : i + space.nodes]) for i in range(0, len(nodes), space.nodes)]
        if not space.lwas:
            cells = cells * space.layers
        # the score is written with six digits, as ``decode`` does
        return make(space, tuple(cells), path, path_score=float(f"{value:.6g}"))


def _options(space: SearchSpace, probabilities: np.ndarray, node: int):
    """What one node can be decoded to: falling log weights (n,), and two (operation, edge) each.

    Equals stand in the order in which ``decode_cell`` would take them."""
    keepable = [k for k, name in enumerate(space.ops) if OPS[name].kind != "none"]
    incoming = [e for e, (_, target) in enumerate(space.edges) if target == node]
    found = []
    for e in incoming:
        best = sorted(keepable, key=lambda k: -probabilities[e, k])
        found.append((e, best))
    # the strongest edge first; sorting is stable: ties keep the lower source
    found.sort(key=lambda edge: -probabilities[edge[0], edge[1][0]])
    logs = np.log(np.maximum(probabilities, UNLIKELY))
    scores, options = [], []
    for (e, first), (f, second) in combinations(found, 2):
        scores.append(np.add.outer(logs[e, first], logs[f, second]).ravel())
        options += [((k, e), (j, f)) for k in first for j in second]
    score = np.concatenate(scores)
    # sums that differ by rounding alone count as ties
    order = np.argsort(-np.round(score, 12), kind="stable")
    return score[order], [options[n] for n in order]


def best_sums(lists: list[np.ndarray]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """All sums of one number of each of ``lists``, largest first, with the places of the numbers;
    each list falls. Lazy: a sum costs the logarithm of how many came before it."""
    total, place = float(sum(values[0] for values in lists)), (0,) * len(lists)
    yield total, place
    # Lists whose second number costs least come first. Then every combination has one parent, of at
    # least its sum: it moves the last list that moved by one, or hands a single move to the next.
    falls = [[float(v) for v in values - values[0]] for values in lists]
    order = sorted((n for n, fall in enumerate(falls) if len(fall) > 1), key=lambda n: -falls[n][1])
    if not order:
        return

    def moved(place, *changes):
        changed = list(place)
        for n, j in changes:
            changed[n] = j
        return tuple(changed)

    first = order[0]
    # as costs, which rise: a heap gives the least
    heap = [(-falls[first][1], 0, moved(place, (first, 1)))]
    while heap:
        cost, at, place = heapq.heappop(heap)
        yield total - cost, place
        n, fall = order[at], falls[order[at]]
        j = place[n]
        if j + 1 < len(fall):
            longer = cost + fall[j] - fall[j + 1]
            heapq.heappush(heap, (longer, at, moved(place, (n, j + 1))))
        if at + 1 == len(order):
            continue
        after = order[at + 1]
        step = falls[after][1]
        heapq.heappush(heap, (cost - step, at + 1, moved(place, (after, 1))))
        if j == 1:
            handed = cost + fall[1] - step
            heapq.heappush(heap, (handed, at + 1, moved(place, (n, 0), (after, 1))))


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
