"""Every genotype one edit away, as a judge sees it."""

from hinas_lab.analysis.supernet_scorer import Scorer
from hinas_lab.space.genotype import Genotype, diff, neighbours


def single_changes(genotype: Genotype, score: Scorer) -> list[tuple[str, float]]:
    """All valid single changes of an operation, a source or a width: each in words, and by how much
    it raises ``score`` (its ``score``, batch norm recomputed); the one that costs most first."""
    before = score(genotype)["score"]
    changes = []
    for _, other in neighbours(genotype):
        (words,) = diff(genotype, other)
        changes.append((words, score(other)["score"] - before))
    return sorted(changes, key=lambda change: change[1])
