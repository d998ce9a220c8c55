"""The keys of recorded rows, made again from today's configs: a config may grow, and no recorded
row loses its name."""

import dataclasses
import json
from pathlib import Path

import pytest
from test_designs import drive, no_pictures_and_no_supernets  # noqa: F401

from hinas_lab import config, presets
from hinas_lab.analysis import jobs
from hinas_lab.analysis.jobs import SearchJob, TrainJob
from hinas_lab.config import SearchConfig, TrainConfig, from_dict, setting, to_dict
from hinas_lab.presets import preset
from hinas_lab.space.genotype import Genotype

STUDIES = Path(__file__).parents[2] / "data" / "studies"
content = jobs.content
DERIVED = {"R1 on random", "R2 on random", "as wide as they come", "equal parameters"}
"arms whose genotypes are not in the record but follow from it"
NAMES = (
    "budget",
    "epochs",
    "loss",
    "lwas-residual",
    "paths",
    "perturb",
    "search",
    "sharing",
    "widths",
)


def recorded_rows() -> list[dict]:
    return [
        row for name in NAMES for row in json.loads((STUDIES / f"{name}.json").read_text())["rows"]
    ]


def recorded_genotypes() -> dict[int, dict[str, Genotype]]:
    """Seed of a training -> hash -> genotype. What the search of seed 0 found was trained with the
    other seeds, too."""
    out: dict[int, dict[str, Genotype]] = {seed: {} for seed in range(8)}
    for row in recorded_rows():
        if "genotype" in row:
            text = (
                row["genotype"] if isinstance(row["genotype"], str) else json.dumps(row["genotype"])
            )
            known = Genotype.from_json(text)
            first = row["seed"] == 0 and row["arm"] == "lwas on, residual on"
            for seed in range(8) if first else [row["seed"]]:
                out.setdefault(seed, {})[known.hash] = known
    return out


def keys_of_today() -> set[str]:
    """Of every search of the designs, and of each of their trainings with every recorded genotype
    of its seed."""
    keys, trainings, genotypes = set(), {}, recorded_genotypes()
    for name in NAMES:
        drive.cache_clear()
        for job in (job for batch in drive(name, base="study").batches for job in batch):
            if isinstance(job, SearchJob):
                keys.add(job.key)
            elif isinstance(job, TrainJob):
                trainings[job.train, job.residual, job.net.task, job.net.scale] = job
    for (train, _, *task), job in trainings.items():
        for known in genotypes[train.seed].values():
            if [known.task, known.scale] == task:
                keys.add(dataclasses.replace(job, genotype=known.to_json()).key)
    return keys


def grown(cls):
    """``cls`` with a field more, whose legacy value is 7."""
    more = dataclasses.make_dataclass(
        cls.__name__,
        [("dummy", int, setting(7, added=True))],
        bases=(cls,),
        frozen=True,
        kw_only=True,
    )
    return more


@pytest.mark.slow
def test_every_recorded_key_is_found_again_with_a_field_more_in_every_config(monkeypatch):
    monkeypatch.setattr(jobs, "content", content)  # the pictures' own digest is in every key
    for name in ("SearchSpace", "SearchConfig", "TrainConfig", "Loss"):
        more = grown(getattr(config, name))
        for module in (config, presets):
            monkeypatch.setattr(module, name, more, raising=False)
    assert preset("study").search.dummy == preset("study").train.loss.dummy == 7
    today = keys_of_today()
    wanted = {row["key"] for row in recorded_rows() if row["arm"] not in DERIVED}
    assert len(wanted) > 400 and wanted <= today


def test_a_field_that_came_later_is_in_no_header_until_it_says_something_new():
    for cls, name, value in (
        (SearchConfig, "value_clip", 5.0),
        (TrainConfig, "schedule", "poly"),
        (TrainConfig, "biases", "double"),
    ):
        assert name not in to_dict(cls())
        changed = cls(**{name: value})
        assert to_dict(changed)[name] == value and from_dict(cls, to_dict(changed)) == changed


def test_a_field_that_is_gone_stays_in_headers_and_is_not_read():
    assert to_dict(SearchConfig())["graphs"] is False
    assert from_dict(SearchConfig, to_dict(SearchConfig()) | {"graphs": True}) == SearchConfig()
