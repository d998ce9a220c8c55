"""What designs share: jobs of one setting, verdicts on registered claims, the record of a study."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import nan

from hinas_book.kit.claims import claim, judge
from hinas_lab.analysis.jobs import PROTOCOLS, SearchJob, TrainJob
from hinas_lab.analysis.statistics import LEAST, equivalent, sign_flip
from hinas_lab.config import preset
from hinas_lab.space.genotype import Genotype


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a user chooses of a study."""

    base: str = "study"
    "the preset"
    seeds: int | None = None
    "None: as registered in data/claims.csv"
    data: str = "builtin"
    device: str = "cpu"

    def count(self, registered: int) -> int:
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
        known = preset(self.base, task, scale)
        return SearchJob(
            base=self.base,
            data=self.data,
            device=self.device,
            at=at,
            space=replace(known.space, **space or {}),
            search=replace(known.search, seed=seed, **changes),
        )

    def train(self, genotype: str, seed: int = 0, *, residual: bool = True, **changes) -> TrainJob:
        """The preset's training of a genotype (JSON) with ``changes``."""
        known = preset(self.base, Genotype.from_json(genotype).task)
        return TrainJob(
            base=self.base,
            data=self.data,
            device=self.device,
            genotype=genotype,
            residual=residual,
            train=replace(known.train, seed=seed, **changes),
        )


def judge_claim(id: str, differences: list[float]) -> dict:
    """The verdict on a registered claim, with what it stands on; rounded to what a reader needs. p: of the paired t test, of an equivalence
    TOST's; the exact sign flip stands beside it (with 8 pairs never below 0.0078: no effect, however large, would pass Holm)."""
    registered = claim(id)
    said, contrast = judge(registered, differences)
    p = contrast.p if registered.direction else equivalent(differences, registered.least)[1]
    values = {k: round(v, 5) for k, v in asdict(contrast).items()} | {"p": p}
    return {
        "verdict": said,
        "least": registered.least,
        "metric": registered.metric,
        "differences": [round(d, 5) for d in differences],
        **values,
        "p_sign_flip": sign_flip(differences) if contrast.n >= LEAST else nan,
    }


def paired_by_seed(
    rows: Iterable[dict], arm: str, against: str, metric: str = "psnr"
) -> list[float]:
    """Per seed, mean over the rows of ``arm`` minus mean over those of ``against``; rows of seeds that lack one are left out."""
    values: dict[str, dict[int, list[float]]] = {arm: {}, against: {}}
    for row in rows:
        if row["arm"] in values:
            values[row["arm"]].setdefault(row["seed"], []).append(row[metric])
    mean = lambda x: sum(x) / len(x)  # noqa: E731
    return [
        mean(values[arm][s]) - mean(values[against][s])
        for s in sorted(set(values[arm]) & set(values[against]))
    ]


NET = ("psnr", "ssim", "gmsd", "parameters", "macs", "train_seconds")


def net_row(arm: str, seed: int, row: dict, **more) -> dict:
    """A trained net as a line of a study's record."""
    return {
        "arm": arm,
        "seed": seed,
        **more,
        **{k: round(row[k], 5) for k in NET},
        "key": row["key"],
    }


def report(
    study: str,
    setting: Setting,
    rows: list[dict],
    jobs: Iterable[dict],
    claims: dict | None = None,
    **found,
) -> dict:
    """The record: what was asked, the verdicts, the rows, what it cost. ``jobs``: all rows of the campaign that it used."""
    jobs = list({j["key"]: j for j in jobs}.values())
    protocols = sorted({j["protocol"] for j in jobs if "protocol" in j}) or [PROTOCOLS["denoise"]]
    settings = sorted({j["preset"] for j in jobs if "preset" in j})
    commits = sorted({j["env"].get("commit") or "unknown" for j in jobs})  # jobs outlive a commit
    env = {k: v for k, v in jobs[0]["env"].items() if k not in ("commit", "seed")} | {
        "threads": 1,
        "commits": commits,
    }
    return {
        "study": study,
        "preset": setting.base,
        "presets": settings,
        "data": setting.data,
        "device": setting.device,
        "seeds": setting.seeds,
        "protocols": protocols,
        "claims": claims or {},
        **found,
        "rows": rows,
        "jobs": len(jobs),
        "job_seconds": round(sum(j["job_seconds"] for j in jobs), 1),
        "env": env,
    }
