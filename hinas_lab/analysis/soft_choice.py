"""What alpha and beta of a finished search say of genotypes other than the decoded one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hinas_lab.analysis.jobs import OfSearch, SearchJob, run_job
from hinas_lab.config import SearchSpace
from hinas_lab.records import kept_logits, read_records
from hinas_lab.space import decode
from hinas_lab.space.genotype import Genotype


def log_probability(
    space: SearchSpace, alpha: np.ndarray, beta: np.ndarray, genotype: Genotype
) -> float:
    """Log of the product of the weights that a supernet gives to what a genotype keeps: each
    edge's operation, each move of its path. Below 0; what it leaves out does not count."""
    operations = np.log(decode.softmax(decode.per_layer(space, np.asarray(alpha, np.float64))))
    moves = np.log(decode.normalise_beta(space, beta))
    kept = sum(operations[place] for place in decode.kept_operations(space, genotype))
    return float(kept + moves[decode.path_moves(space, genotype)].sum())


def final_logits(job: SearchJob, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """alpha and beta of the supernet that a finished search picked."""
    return kept_logits(read_records(folder / job.key), job.search.keep_supernet)


@dataclass(frozen=True, kw_only=True)
class SoftScoreJob(OfSearch):
    """``log_probability`` of each of ``genotypes`` (JSON) under a search. Results: ``soft``, a
    number for each."""

    genotypes: tuple[str, ...]
    kind = "soft"

    @property
    def spec(self) -> dict:
        return {
            "kind": self.kind,
            "search": self.search.spec,
            "genotypes": list(self.genotypes),
        }

    def run(self, folder: Path) -> dict:
        run_job(self.search, folder)
        logits, space = final_logits(self.search, folder), self.search.space
        genotypes = map(Genotype.from_json, self.genotypes)
        return {"soft": [log_probability(space, *logits, genotype) for genotype in genotypes]}


@dataclass(frozen=True, kw_only=True)
class MostProbableJob(OfSearch):
    """The ``k`` most probable genotypes of a search, the most probable first. Results:
    ``genotypes`` (JSON)."""

    k: int
    kind = "most-probable"

    @property
    def spec(self) -> dict:
        return {"kind": self.kind, "search": self.search.spec, "k": self.k}

    def run(self, folder: Path) -> dict:
        run_job(self.search, folder)
        found = decode.k_best_genotypes(
            self.search.space, *final_logits(self.search, folder), self.k
        )
        return {"genotypes": [genotype.to_json() for genotype, _ in found]}
