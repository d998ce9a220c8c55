"""What the study ``perturb`` says about nets one edit away from a found one.

And what two examples could have said. A drop is the mean PSNR of the found net over its trainings
minus the edited net's PSNR, trained once: positive is worse, in dB. No torch.
"""

import json
from collections.abc import Sequence
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
    """A found net, trained again and again, and the nets around it."""

    found: Genotype
    null: np.ndarray
    "(seeds,) drops in dB of the found net itself, trained again with each seed"
    edits: tuple[Edit, ...]
    controls: dict[str, dict[int, np.ndarray]]
    "kind -> number of a random net -> drops of its edits, dB"
    shares: dict
    """kind -> what the study says of its drops: n, worse, low, high (of the share, Wilson),
    same_seed, ..."""

    @property
    def same_seed(self) -> float:
        """The drop of the found net's own training with the seed of the edits' trainings, dB."""
        return float(self.null[0])

    def values(self, name: str, kind: str | None = None) -> np.ndarray:
        """(edits,) the field ``name`` of every edit, or of those of a kind."""
        edits = [edit for edit in self.edits if kind in (None, edit.kind)]
        return np.array([getattr(edit, name) for edit in edits])

    def drops(self, kind: str | None = None) -> np.ndarray:
        """(edits,) drops in dB."""
        return self.values("drop", kind)

    def median(self, kind: str) -> Edit:
        """The edit whose drop is nearest to the median's: what a picture may show for all."""
        middle = np.median(self.drops(kind))
        edits = [edit for edit in self.edits if edit.kind == kind]
        return min(edits, key=lambda edit: abs(edit.drop - middle))

    @property
    def noise(self) -> float:
        """dB: a net that is no different, trained once, lies within ± this in 95 of 100 cases.

        Student's prediction interval from the found net's trainings; nan for a single one.
        """
        n = len(self.null)
        if n < 2:
            return nan
        # the one training varies, and so does the mean that it is held against
        spread = self.null.std(ddof=1) * sqrt(1 + 1 / n)
        return float(stats.t.ppf(0.975, n - 1) * spread)


@unless_missing
def read(record: dict, task: str = "denoise") -> Perturbed:
    """What the study's record holds of ``task``. ValueError for a task that was not studied."""
    if task not in record["found"]:
        raise ValueError(f"task {task!r}: this record holds {', '.join(record['found'])}")
    found = Genotype.from_json(record["found"][task])
    rows = [row for row in record["rows"] if row["task"] == task]
    trainings = sorted((row for row in rows if row["arm"] == "found"), key=lambda row: row["seed"])
    # every training of the found net has its number of parameters: the first will do
    edits, controls = [], {kind: {} for kind in KINDS}
    for row in rows:
        kind = row["arm"].removesuffix(" on random")
        if row["arm"] in KINDS:
            # exactly one difference: the net is one edit away
            genotype = Genotype.from_json(json.dumps(row["genotype"]))
            (what,) = diff(found, genotype)
            edit = Edit(
                kind=kind,
                what=what,
                new=what.rsplit("-> ")[-1].split()[0],
                drop=row["drop"],
                shared_drop=row["shared_drop"],
                parameters=int(row["parameters"] - trainings[0]["parameters"]),
                genotype=genotype,
            )
            edits.append(edit)
        elif kind in KINDS:
            drops = controls[kind].get(row["number"], ())
            controls[kind][row["number"]] = np.append(drops, row["drop"])
    psnr = np.array([row["psnr"] for row in trainings])
    return Perturbed(
        found=found,
        null=record["null"][task]["mean"] - psnr,
        edits=tuple(edits),
        controls=controls,
        shares=record["told"][task],
    )


def both_worse(q: float, drawn: int = 2) -> float:
    """The chance that two shown edits are both worse when a share ``q`` of all edits is.

    ``drawn`` edits were tried, and the two worst are shown.
    """
    if not 0 <= q <= 1 or drawn < 2:
        raise ValueError(
            f"q = {q}, drawn = {drawn}: q is a share from 0 to 1, and at least two are drawn"
        )
    # it fails when none of those drawn is worse, or only one
    none, one = (1 - q) ** drawn, drawn * q * (1 - q) ** (drawn - 1)
    return 1 - (none + one)


def least_share(shown: int = 2, confidence: float = 0.95) -> float:
    """The smallest share of worse edits that ``shown`` of ``shown`` worse do not rule out.

    Drawn blindly; exact, one-sided.
    """
    return (1 - confidence) ** (1 / shown)


@unless_missing
def pairs_worse(p: Perturbed) -> float:
    """Of all pairs of the trained edits, the share in which both are worse."""
    n, worse = len(p.edits), (p.drops() > 0).sum()
    return comb(worse, 2) / comb(n, 2)


@unless_missing
def beyond(p: Perturbed, kind: str) -> tuple[int, int, float]:
    """(edits worse, edits better) than the found net by more than the noise of a training.

    Third: how many on either side noise alone gives.
    """
    drops = p.drops(kind)
    return int((drops > p.noise).sum()), int((drops < -p.noise).sum()), 0.025 * len(drops)


@unless_missing
def best_under_null(p: Perturbed) -> tuple[float, float]:
    """What luck makes of the best of so many nets when none differs from the found one.

    (dB by which it would seem better, in the median case; the chance that it would seem better by
    at least what the best edit does). Normal noise, simulated with seed 0; nan for one training.
    """
    rng, n = np.random.default_rng(0), len(p.null)
    if n < 2:
        return nan, nan
    # in standard deviations of one training, which the few trainings of a study only estimate
    null = rng.standard_normal((DRAWS, n))
    best = rng.standard_normal((DRAWS, len(p.edits))).max(1)
    gain = (best - null.mean(1)) / null.std(1, ddof=1)
    sd = float(p.null.std(ddof=1))
    # by how many sd the best edit seems better than the found net
    seen = -p.drops().min() / sd
    return float(np.median(gain)) * sd, float((1 + (gain >= seen).sum()) / (1 + DRAWS))


def _random_means(p: Perturbed, kind: str) -> list[float]:
    return [drops.mean() for drops in p.controls[kind].values()]


@unless_missing
def against_random(p: Perturbed, kind: str) -> Contrast:
    """Mean drop of the found net's edits minus that of random nets' in dB.

    Could the found net be one of them? A net is one unit, its edits are not.
    """
    return one_against(mean_drop(p, kind), _random_means(p, kind))


def mean_drop(p: Perturbed, kind: str) -> float:
    """Of the found net's edits, in dB from its first two trainings: a random net has only two."""
    return float((p.drops(kind) - p.null[:2].mean()).mean())


@unless_missing
def rank_among_random(p: Perturbed, kind: str) -> tuple[int, int]:
    """(place of the found net by the mean drop of its edits, 1 the largest; nets in all)."""
    means = _random_means(p, kind)
    above = np.greater_equal(means, mean_drop(p, kind)).sum()
    return 1 + int(above), 1 + len(means)


@unless_missing
def at_equal_parameters(p: Perturbed) -> Contrast:
    """The mean drop in dB of an edit that leaves the parameters as they are.

    From a straight line of drop against parameters: its value at 0, the 95 % interval of that, and
    the p of its slope.
    """
    x, y = p.values("parameters"), p.drops()
    # no line through two points with an interval, none through one number of parameters
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


def edits_numbered(p: Perturbed, numbers: Sequence[int]) -> list[Edit]:
    """The edits with these numbers, from 0; ValueError for a number that is no edit."""
    for number in numbers:
        if not 0 <= number < len(p.edits):
            raise ValueError(f"edit {number}: must be from 0 to {len(p.edits) - 1}")
    return [p.edits[number] for number in numbers]


@unless_missing
def train_edits(
    p: Perturbed, numbers: Sequence[int], base: str, folder: str, device: str = "auto"
) -> list[float]:
    """PSNR in dB on the test photographs of the found net and of the edits ``numbers``.

    Trained at preset ``base``, seed 0, one thread, on ``device`` (auto: an NVIDIA GPU where there
    is one), each printed when it is there. Finished trainings below ``folder`` are read. ValueError
    for a number that is no edit, and a device that is not there.
    """
    from hinas_book.kit.design import Setting
    from hinas_lab.analysis.jobs import run_job
    from hinas_lab.training.numerics import use_device

    nets = [("the found net", p.found)]
    nets += [(edit.what, edit.genotype) for edit in edits_numbered(p, numbers)]
    setting, psnrs = Setting(base=base, device=use_device(device)), []
    for what, genotype in nets:
        job = setting.train(genotype.to_json(), 0)
        psnrs.append(run_job(job, folder)["psnr"])
        drop = psnrs[0] - psnrs[-1]
        print(f"preset {base}: {psnrs[-1]:.3f} dB, {drop:+.3f} dB dropped: {what}")
    return psnrs
