"""What the study ``perturb`` says about nets one edit away from a found one, and what two examples could have said. No torch.

A drop is the mean PSNR of the found net over its trainings minus the edited net's PSNR, trained once: positive is worse, in dB.
"""

import json
from dataclasses import dataclass
from math import comb, nan, sqrt

import numpy as np
from scipy import stats

from hinas_book.kit.missing import unless_missing
from hinas_lab.analysis.statistics import Contrast, one_against
from hinas_lab.space.genotype import Genotype, diff

KINDS = {"R1": "an operation replaced", "R2": "a connection changed"}
DRAWS = 20_000
"of a simulation"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One net, one edit away from the found one."""

    kind: str
    "R1 or R2"
    what: str
    "layer, node, the edge before -> after"
    new: str
    "the operation after the edit"
    drop: float
    "dB, trained"
    shared_drop: float
    "dB, with the supernet's weights"
    parameters: int
    "more than the found net has"
    genotype: Genotype


@dataclass(frozen=True, kw_only=True)
class Perturbed:
    found: Genotype
    null: np.ndarray
    "(seeds,) drops in dB of the found net itself, trained again with each seed"
    edits: tuple[Edit, ...]
    controls: dict[str, dict[int, np.ndarray]]
    "kind -> number of a random net -> drops of its edits, dB"
    told: dict
    "kind -> what the study says of its drops: n, worse, low, high (of the share, Wilson), same_seed, ..."

    @property
    def same_seed(self) -> float:
        """The drop of the found net's own training with the seed that the edits are trained with, dB."""
        return float(self.null[0])

    def drops(self, kind: str) -> np.ndarray:
        return np.array([e.drop for e in self.edits if e.kind == kind])

    def median(self, kind: str) -> Edit:
        """The edit whose drop is nearest to the median's: what a picture may show for all."""
        some = [e for e in self.edits if e.kind == kind]
        return min(some, key=lambda e: abs(e.drop - np.median(self.drops(kind))))

    @property
    def noise(self) -> float:
        """dB: a net that is no different, trained once, drops by less than this in 95 of 100 cases, up or down. Student's prediction
        interval from the found net's trainings; nan for a single one."""
        n = len(self.null)
        return (
            float(stats.t.ppf(0.975, n - 1) * self.null.std(ddof=1) * sqrt(1 + 1 / n))
            if n > 1
            else nan
        )


@unless_missing
def read(record: dict, task: str = "denoise") -> Perturbed:
    """What the study's record holds of ``task``, as values. ValueError for a task that was not studied."""
    if task not in record["found"]:
        raise ValueError(f"task {task!r}: this record holds {', '.join(record['found'])}")
    found, rows = (
        Genotype.from_json(record["found"][task]),
        [r for r in record["rows"] if r["task"] == task],
    )
    mine = sorted((r for r in rows if r["arm"] == "found"), key=lambda r: r["seed"])
    edits = []
    for r in rows:
        if r["arm"] in KINDS:
            genotype = Genotype.from_json(json.dumps(r["genotype"]))
            (what,) = diff(found, genotype)
            edits.append(
                Edit(
                    kind=r["arm"],
                    what=what,
                    new=what.rsplit("-> ")[-1].split()[0],
                    drop=r["drop"],
                    shared_drop=r["shared_drop"],
                    parameters=int(r["parameters"] - mine[0]["parameters"]),
                    genotype=genotype,
                )
            )
    controls: dict[str, dict[int, list[float]]] = {kind: {} for kind in KINDS}
    for r in rows:
        if r["arm"].endswith(" on random"):
            controls[r["arm"].split()[0]].setdefault(r["number"], []).append(r["drop"])
    null = record["null"][task]["mean"] - np.array([r["psnr"] for r in mine])
    return Perturbed(
        found=found,
        null=null,
        edits=tuple(edits),
        told=record["told"][task],
        controls={k: {i: np.array(d) for i, d in of.items()} for k, of in controls.items()},
    )


def both_worse(q: float, drawn: int = 2) -> float:
    """The chance that two shown edits are both worse when a share ``q`` of all is, ``drawn`` were tried and the two worst are shown."""
    if not 0 <= q <= 1 or drawn < 2:
        raise ValueError(
            f"q = {q}, drawn = {drawn}: q is a share from 0 to 1, and at least two are drawn"
        )
    return 1 - sum(comb(drawn, k) * q**k * (1 - q) ** (drawn - k) for k in (0, 1))


def least_share(shown: int = 2, confidence: float = 0.95) -> float:
    """The smallest share of worse edits that ``shown`` of ``shown`` worse, drawn blindly, do not rule out (exact, one-sided)."""
    return (1 - confidence) ** (1 / shown)


@unless_missing
def pairs_worse(p: Perturbed) -> float:
    """Of all pairs of the trained edits, the share in which both are worse."""
    worse = sum(e.drop > 0 for e in p.edits)
    return comb(worse, 2) / comb(len(p.edits), 2)


@unless_missing
def beyond(p: Perturbed, kind: str) -> tuple[int, int, float]:
    """(edits worse, edits better than the found net by more than the noise of a training; how many on either side noise alone gives)."""
    d = p.drops(kind)
    return int((d > p.noise).sum()), int((d < -p.noise).sum()), 0.025 * len(d)


@unless_missing
def best_under_null(p: Perturbed) -> tuple[float, float]:
    """(dB by which the best of so many nets, all no different from the found one, would seem better: the median case; the chance that it
    would seem better by at least what the best edit does). Normal noise, simulated with seed 0."""
    rng, n = np.random.default_rng(0), len(p.null)
    if n < 2:
        return nan, nan
    null, best = rng.standard_normal((DRAWS, n)), rng.standard_normal((DRAWS, len(p.edits))).max(1)
    gain, sd = (best - null.mean(1)) / null.std(1, ddof=1), float(p.null.std(ddof=1))
    seen = -min(e.drop for e in p.edits) / sd
    return float(np.median(gain)) * sd, float((1 + (gain >= seen).sum()) / (1 + DRAWS))


@unless_missing
def against_random(p: Perturbed, kind: str) -> Contrast:
    """Mean drop of the found net's edits minus that of random nets' in dB, and whether the found net could be one of them: a net is one
    unit, its edits are not. The found net's edits are measured here from the seeds that those of random nets are measured from."""
    return one_against(mean_drop(p, kind), [d.mean() for d in p.controls[kind].values()])


def mean_drop(p: Perturbed, kind: str) -> float:
    """Of the found net's edits, from its first two trainings, as a random net has."""
    return float((p.drops(kind) - p.null[:2].mean()).mean())


@unless_missing
def rank_among_random(p: Perturbed, kind: str) -> tuple[int, int]:
    """(place of the found net by the mean drop of its edits, 1 the largest; nets in all)."""
    means = [d.mean() for d in p.controls[kind].values()]
    return 1 + sum(m >= mean_drop(p, kind) for m in means), 1 + len(means)


@unless_missing
def at_equal_parameters(p: Perturbed) -> Contrast:
    """The mean drop in dB of an edit that leaves the parameters as they are: a straight line of drop against parameters, its 95 %
    interval, and the p of its slope."""
    x, y = np.array([e.parameters for e in p.edits], float), np.array([e.drop for e in p.edits])
    if len(y) < 3 or np.ptp(x) == 0:
        return Contrast(mean=float(y.mean()), low=nan, high=nan, n=len(y))
    line = stats.linregress(x, y)
    half = float(stats.t.ppf(0.975, len(y) - 2) * line.intercept_stderr)
    return Contrast(
        mean=float(line.intercept),
        low=line.intercept - half,
        high=line.intercept + half,
        p=float(line.pvalue),
        n=len(y),
    )


def known(p: Perturbed, chosen) -> list[Edit]:
    """The edits numbered ``chosen``; ValueError for a number that is no edit."""
    if wrong := [i for i in chosen if not 0 <= i < len(p.edits)]:
        raise ValueError(f"edit {wrong[0]}: must be from 0 to {len(p.edits) - 1}")
    return [p.edits[i] for i in chosen]


@unless_missing
def train_edits(p: Perturbed, chosen, base: str, folder: str) -> list[float]:
    """Train the found net and the edits numbered ``chosen`` at preset ``base``, seed 0, one thread, and say each when it is there: PSNR in
    dB on the test photographs. Finished trainings below ``folder`` are read. ValueError for a number that is no edit."""
    from hinas_book.kit.design import Setting
    from hinas_lab.analysis.jobs import run_job

    setting, found = Setting(base=base), []
    for what, genotype in [
        ("the found net", p.found),
        *((e.what, e.genotype) for e in known(p, chosen)),
    ]:
        found.append(run_job(setting.train(genotype.to_json(), 0), folder)["psnr"])
        print(f"preset {base}: {found[-1]:.3f} dB, {found[0] - found[-1]:+.3f} dB dropped: {what}")
    return found
