"""Regularised evolution (Real et al. 2019) on the shared-weight score of a trained supernet."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hinas_lab.analysis.jobs import OfSearch, run_job
from hinas_lab.config import SearchSpace
from hinas_lab.space.genotype import Genotype, legal_paths, sample

Scored = tuple[float, Genotype]


def mutated(genotype: Genotype, space: SearchSpace, rng: random.Random) -> Genotype:
    """One edit away: an operation, a source or a width by one step, each kind as likely as the
    others where it is possible."""
    # described first: ``neighbours`` makes and checks every one, which takes as long as a score
    kinds = {"operation": [], "source": [], "width": []}
    for l, cell in enumerate(genotype.cells):
        for i, node in enumerate(cell):
            taken = {source for _, source in node}
            for e, (op, source) in enumerate(node):
                where = (l, i, e)
                kinds["operation"] += [(where, (new, source)) for new in space.choices if new != op]
                free = [new for new in range(i + 2) if new not in taken]
                kinds["source"] += [(where, (op, new)) for new in free]
    for path in legal_paths(space):
        steps = sum(abs(a - b) for a, b in zip(path, genotype.path))
        if steps == 1:
            kinds["width"].append((None, path))
    where, new = rng.choice(kinds[rng.choice([kind for kind, edits in kinds.items() if edits])])
    if where is None:
        return replace(genotype, path=new, path_score=None)
    l, i, e = where
    node = list(genotype.cells[l][i])
    node[e] = new
    cells = [list(cell) for cell in genotype.cells]
    cells[l][i] = tuple(node)
    return replace(genotype, cells=cells, path_score=None)


def evolve(
    space: SearchSpace,
    score: Callable[[Genotype], float],
    rng: random.Random,
    *,
    candidates: int,
    population: int,
    tournament: int,
) -> tuple[Genotype, list[float]]:
    """The best of ``candidates`` genotypes, and their scores in the order in which they were tried.

    ``population`` random ones first; then, one by one, the best of ``tournament`` of the
    population, drawn with replacement, is mutated, and the oldest dies. A genotype that comes again
    is scored again, as it is paid for. ValueError for sizes that do not fit, and where alpha is
    tied over layers: an edit of one layer leaves that space.
    """
    if not 1 <= tournament <= population <= candidates:
        raise ValueError(
            f"tournament = {tournament}, population = {population}, candidates = {candidates}: "
            "must rise, from 1"
        )
    if not space.lwas:
        raise ValueError("lwas = False: evolution edits one layer, and all must be alike there")
    alive: deque[Scored] = deque()
    scores: list[float] = []
    best: Scored | None = None
    for number in range(candidates):
        if number < population:
            child = sample(space, rng)
        else:
            drawn = [rng.choice(alive) for _ in range(tournament)]
            child = mutated(max(drawn, key=lambda scored: scored[0])[1], space, rng)
            alive.popleft()
        scored = score(child), child
        alive.append(scored)
        scores.append(scored[0])
        # the first of equals stays
        if best is None or scored[0] > best[0]:
            best = scored
    return best[1], scores


@dataclass(frozen=True, kw_only=True)
class EvolutionJob(OfSearch):
    """``evolve`` on the supernet of ``search`` by the score that picks a supernet, seeded as the
    search.

    Results: ``genotype`` (JSON), ``scores`` of all candidates in order.
    """

    candidates: int
    population: int
    tournament: int
    kind = "evolution"

    @property
    def sizes(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("candidates", "population", "tournament")}

    @property
    def spec(self) -> dict:
        return {"kind": self.kind, "search": self.search.spec, **self.sizes}

    def run(self, folder: Path) -> dict:
        from hinas_lab.analysis.supernet_scorer import shared_scorer

        run_job(self.search, folder)
        scorer = shared_scorer(folder / self.search.key, self.device)
        found, scores = evolve(
            self.search.space,
            lambda genotype: scorer(genotype)["score"],
            random.Random(self.seed),
            **self.sizes,
        )
        return {"genotype": found.to_json(), "scores": [round(score, 6) for score in scores]}
