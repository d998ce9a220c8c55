"""What designs share: jobs of one setting, verdicts on registered claims, the record of a study."""

from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, replace
from math import nan

from hinas_book.kit.claims import claim, judge
from hinas_lab.analysis.jobs import Job, SearchJob, TrainJob
from hinas_lab.analysis.statistics import LEAST, equivalent, sign_flip
from hinas_lab.images.protocol import default_protocol
from hinas_lab.presets import preset
from hinas_lab.space.genotype import Genotype

NET = ("psnr", "ssim", "gmsd", "parameters", "macs", "train_seconds")
"what a record keeps of a trained net"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a user chooses of a study."""

    base: str = "study"
    "the preset"
    seeds: int | None = None
    "None: as registered in data/claims.csv"
    data: str = "builtin"
    device: str = "cpu"
    "auto becomes the one that is there, by its name: a job's key holds it"

    def __post_init__(self):
        if self.device == "auto":
            from hinas_lab.training.numerics import use_device  # loads torch

            object.__setattr__(self, "device", use_device(self.device))

    def count(self, registered: int) -> int:
        """How many seeds to run: those asked for, else those ``registered``."""
        return self.seeds or registered

    def search(
        self,
        seed: int = 0,
        task: str = "denoise",
        *,
        scale: int | None = None,
        space: dict | None = None,
        at: tuple[int, ...] = (),
        **changes,
    ) -> SearchJob:
        """The preset's search with ``changes``, in a space with the changes ``space``."""
        defaults = preset(self.base, task, scale)
        return SearchJob(
            base=self.base,
            data=self.data,
            device=self.device,
            at=at,
            space=replace(defaults.space, **space or {}),
            search=replace(defaults.search, seed=seed, **changes),
        )

    def train(self, genotype: str, seed: int = 0, *, residual: bool = True, **changes) -> TrainJob:
        """The preset's training of a genotype (JSON) with ``changes``."""
        defaults = preset(self.base, Genotype.from_json(genotype).task)
        return TrainJob(
            base=self.base,
            data=self.data,
            device=self.device,
            genotype=genotype,
            residual=residual,
            train=replace(defaults.train, seed=seed, **changes),
        )


def run_named(jobs: dict[object, Job]) -> Generator[list[Job], list[dict], dict[object, dict]]:
    """Inside a design, ``rows = yield from run_named(jobs)``: the row of each job, by its name."""
    rows = yield list(jobs.values())
    return dict(zip(jobs, rows))


def train_nets(
    nets: list[tuple[dict, TrainJob]],
) -> Generator[list[Job], list[dict], tuple[list[dict], list[dict]]]:
    """Inside a design, ``rows, trained = yield from train_nets(nets)``.

    ``nets``: (how the row begins: arm, seed, ...; job). ``rows``: those of the record; ``trained``:
    those of the campaign.
    """
    trained = yield [job for _, job in nets]
    rows = [net_row(row=row, **columns) for (columns, _), row in zip(nets, trained)]
    return rows, trained


def judge_claim(id: str, differences: list[float]) -> dict:
    """The verdict on a registered claim, with what it stands on; rounded to what a reader needs.

    p: of the paired t test, of an equivalence TOST's. The exact sign flip stands beside it (with 8
    pairs it is never below 0.0078: no effect, however large, would pass Holm).
    """
    registered = claim(id)
    # an equivalence is judged by two one-sided tests, whose p is another one
    verdict, contrast = judge(registered, differences)
    p = contrast.p if registered.direction else equivalent(differences, registered.least)[1]
    return {
        "verdict": verdict,
        "least": registered.least,
        "metric": registered.metric,
        "differences": [round(difference, 5) for difference in differences],
        **{name: round(value, 5) for name, value in asdict(contrast).items()},
        "p": p,
        "p_sign_flip": sign_flip(differences) if contrast.n >= LEAST else nan,
    }


def paired_by_seed(
    rows: Iterable[dict], arm: str, against: str, metric: str = "psnr"
) -> list[float]:
    """Per seed, mean over the rows of ``arm`` minus mean over those of ``against``.

    In the order of the seeds; a seed that lacks one of the two is left out.
    """
    # a seed may have several rows of an arm: random nets, or a second factor
    values: dict[str, dict[int, list[float]]] = {arm: {}, against: {}}
    for row in rows:
        if row["arm"] in values:
            values[row["arm"]].setdefault(row["seed"], []).append(row[metric])
    differences = []
    for seed in sorted(values[arm].keys() & values[against].keys()):
        differences.append(_mean(values[arm][seed]) - _mean(values[against][seed]))
    return differences


def _mean(values: list[float]) -> float:
    # recorded digits were summed this way: numpy's and statistics' sums differ in the last bit
    return sum(values) / len(values)


def net_row(arm: str, seed: int, row: dict, **more) -> dict:
    """A trained net as a line of a study's record."""
    numbers = {name: round(row[name], 5) for name in NET}
    return {"arm": arm, "seed": seed, **more, **numbers, "key": row["key"]}


def report(
    study: str,
    setting: Setting,
    rows: list[dict],
    jobs: Iterable[dict],
    claims: dict | None = None,
    **results,
) -> dict:
    """The record: what was asked, the verdicts, ``results``, the rows, what it cost.

    ``jobs``: all rows of the campaign that it used; one that is used twice is paid for once.
    """
    jobs = list({job["key"]: job for job in jobs}.values())
    protocols = {job["protocol"] for job in jobs if "protocol" in job}
    presets = {job["preset"] for job in jobs if "preset" in job}
    # of the first job: all of a campaign run in one environment, but for the commit and the seed
    env = {name: value for name, value in jobs[0]["env"].items() if name not in ("commit", "seed")}
    # jobs outlive a commit: a record may stand on those of several
    commits = {job["env"].get("commit") or "unknown" for job in jobs}
    return {
        "study": study,
        "preset": setting.base,
        "presets": sorted(presets),
        "data": setting.data,
        "device": setting.device,
        "seeds": setting.seeds,
        "protocols": sorted(protocols) or [default_protocol("denoise")],
        "claims": claims or {},
        **results,
        "rows": rows,
        "jobs": len(jobs),
        "job_seconds": round(sum(job["job_seconds"] for job in jobs), 1),
        "env": env | {"threads": 1, "commits": sorted(commits)},
    }
