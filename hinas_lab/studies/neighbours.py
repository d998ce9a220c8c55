"""Is a found net a local optimum (Section 4.2.4)? Every genotype one edit away, scored with the supernet's weights.

R1 changes an operation, R2 a source. A shared-weight score is no trained net: it ranks, it does not measure.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from hinas_lab.space.genotype import Genotype, neighbours
from hinas_lab.studies.statistics import share_worse

KINDS = {"operation": "R1", "source": "R2", "width": "width"}


@dataclass(frozen=True, kw_only=True)
class Edit:
    kind: str
    what: str
    psnr: float
    "dB on V, batch norm recalibrated"
    raw: float
    "score without that"
    genotype: dict


def edits(found: Genotype, score: Callable[[Genotype], dict], most: int | None = None, seed: int = 0) -> Iterator[Edit]:
    """All one-edit neighbours, or ``most`` drawn ones of each kind."""
    known: dict[str, list[tuple[str, Genotype]]] = {kind: [] for kind in KINDS}
    for what, genotype in neighbours(found):
        known[what.partition(":")[0]].append((what, genotype))
    rng = random.Random(seed)
    for kind, some in known.items():
        for what, genotype in some if most is None or len(some) <= most else rng.sample(some, most):
            try:
                told = score(genotype)
            except ValueError:  # a width that the supernet does not hold
                continue
            yield Edit(kind=kind, what=what, psnr=told["psnr"], raw=told["raw"], genotype=json.loads(genotype.to_json()))


def summary(psnr: float, rows: list[Edit]) -> dict[str, dict]:
    """Per kind: how many are worse than the found net (with a Wilson 95 % interval), the median drop in dB, the edit nearest to it."""
    out = {}
    for kind in KINDS:
        drops = np.array([psnr - r.psnr for r in rows if r.kind == kind])
        if not len(drops):
            continue
        some = [r for r in rows if r.kind == kind]
        middle = some[int(np.abs(drops - np.median(drops)).argmin())]
        out[kind] = share_worse(drops) | {k: v for k, v in asdict(middle).items() if k in ("what", "genotype")}
    return out
