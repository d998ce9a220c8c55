"""A search at one moment, as numbers: what a board draws, live or from a recording."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hinas_lab.records import KINDS
from hinas_lab.space.decode import softmax
from hinas_lab.space.genotype import Genotype


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One moment of a search, also inside an epoch."""

    records: Mapping[str, np.ndarray]
    "columns as ``records.read_records`` gives them, up to now"
    alpha: np.ndarray
    "logits now, (L, E, K), or tied (E, K)"
    beta: np.ndarray
    "logits now, (M,)"
    genotype: Genotype
    "what alpha and beta decode to now"
    before: Genotype | None = None
    "at the end of the epoch before, to mark changes; None: nothing to compare with"
    preview: np.ndarray | None = None
    "uint8 (2, C, P, P): one V patch restored by the soft supernet, by the decoded wiring"
    title: str = ""

    @cached_property
    def probabilities(self) -> np.ndarray:
        """softmax(alpha) as (L, E, K); tied alpha as (1, E, K)."""
        p = softmax(np.asarray(self.alpha, dtype=np.float64))
        return p if p.ndim == 3 else p[None]

    @cached_property
    def times(self) -> np.ndarray:
        """Each step's place on the epoch axis, (steps,): epoch e fills (e - 1, e], an arch step
        comes half an iteration before its weight step. While the first epoch runs, its length is
        not known yet: the last step then lies at 1."""
        r = self.records
        iteration = r["step/iteration"] - 0.5 * (r["step/kind"] == KINDS.index("arch"))
        return r["step/epoch"] - 1 + iteration / max(1, r["step/iteration"].max(initial=1))

    @property
    def now(self) -> float:
        """The place of this moment on the epoch axis."""
        return max(
            float(self.times[-1]) if len(self.times) else 0.0,
            float(self.records["epoch/epoch"].max(initial=0)),
        )
