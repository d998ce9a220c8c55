"""Does a short number format search differently? The path of alpha beside the one from another seed."""

from itertools import combinations

import numpy as np

from hinas_lab.space.decode import softmax


def distances(paths: dict[tuple[str, int], np.ndarray], short: str) -> dict[str, list[float]]:
    """How far apart searches end: ``format`` (the same seed in float32 and in ``short``), ``seed`` (two seeds in float32).

    paths: (precision, seed) -> alpha's logits per epoch (T+1, ..., K). A distance is the share of probability that differs (total
    variation: 0 to 1), mean over edges and over the epochs in which alpha moved. One number per pair.
    """
    seeds = sorted({seed for _, seed in paths})
    return {"format": [distance(paths["float32", s], paths[short, s]) for s in seeds],
            "seed": [distance(paths["float32", a], paths["float32", b]) for a, b in combinations(seeds, 2)]}


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Of two paths (T+1, ..., K), see ``distances``. Epochs in which neither has left its start do not count; 0 when there is no other."""
    moved = [t for t in range(len(a)) if not (np.array_equal(a[t], a[0]) and np.array_equal(b[t], b[0]))]
    p, q = (softmax(np.asarray(x, dtype=np.float64)[moved]) for x in (a, b))
    return float(np.abs(p - q).sum(-1).mean() / 2) if moved else 0.0
