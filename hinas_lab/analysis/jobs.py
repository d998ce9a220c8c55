"""The pieces of work that studies are made of, each addressed by a hash of everything that decides its numbers.

A job is plain values, so it travels to any process or machine; ``work`` does it in a folder of its own, continues one that was stopped,
and answers from ``row.json`` when it is done. One CPU thread a job: the same job gives the same bits whoever runs it beside what.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from hinas_lab.config import TASKS, Preset, SearchConfig, SearchSpace, TrainConfig, preset, to_dict
from hinas_lab.images.protocol import Restore, default_protocol
from hinas_lab.space.decode import decode, skip_share
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import environment, run_lock, write_json

PROTOCOLS = {task: default_protocol(task) for task in TASKS}
"what a trained net is measured under, unless said otherwise"


@cache
def content(data: str, channels: int, scale: int) -> str:
    """``runs.data_hash`` of the training images."""
    from hinas_lab.images.datasets.catalog import Images, load_image, named_files
    from hinas_lab.images.patches import Patches
    from hinas_lab.runs.folder import data_hash

    return data_hash(
        Patches(Images(named_files(data), lambda path: load_image(path, channels)), scale=scale)
    )


def titled(base: str, task: str, scale: int, **parts) -> str:
    """``base``, with a star when one of ``parts`` (space, search, train) differs from that preset in more than the seed."""
    known = preset(base, task, scale if task == "sr" else None)
    of = lambda name, value: (
        known.space if name == "space" else replace(getattr(known, name), seed=value.seed)
    )  # noqa: E731
    same = all(value == of(name, value) for name, value in parts.items())
    return base if same else f"{base}*"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all have in common."""

    base: str
    "the preset that it starts from"
    data: str = "builtin"
    device: str = "cpu"
    kind: ClassVar[str]

    @property
    def spec(self) -> dict:
        """Everything that decides the numbers, as JSON values."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        text = json.dumps(self.spec, sort_keys=True)
        return f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def seed(self) -> int:
        raise NotImplementedError

    def run(self, folder: Path) -> dict:
        """Do it in ``folder / key``; the results."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SearchJob(Job):
    """One search. Results: ``genotype`` (JSON), the decoded ``path`` before and after, ``skip_share``, ``epochs`` (what V said of the soft
    supernet), and per epoch of ``at`` the genotype decoded then, with its shared-weight score then."""

    space: SearchSpace
    search: SearchConfig
    at: tuple[int, ...] = ()
    kind = "search"
    seed = property(lambda self: self.search.seed)

    @property
    def preset(self) -> Preset:
        name = titled(
            self.base, self.space.task, self.space.scale, space=self.space, search=self.search
        )
        return Preset(name, self.space, self.search, preset(self.base, self.space.task).train)

    @property
    def spec(self) -> dict:
        more = {"at": list(self.at)} if self.at else {}
        return {
            "kind": self.kind,
            "preset": self.preset.name,
            "data": self.data,
            "device": self.device,
            "space": to_dict(self.space),
            "data_hash": content(self.data, self.space.channels, self.space.scale),
            "search": to_dict(self.search),
        } | more

    def run(self, folder: Path) -> dict:
        from hinas_lab.records import Epoch
        from hinas_lab.runs.folder import open_search
        from hinas_lab.runs.header import load_genotype, read_json
        from hinas_lab.searching.scoring import shared_weight_score

        run, file = (
            open_search(
                folder / self.key, self.preset, data=self.data, device=self.device, resume=True
            ),
            "scores.json",
        )
        scores = read_json(folder / self.key / file) if (folder / self.key / file).exists() else {}

        def score():
            """At the end of an epoch, before the search goes on: its state may be saved there, and be stopped, without its score."""
            state = run.state
            if (
                state is not None
                and state.epoch in self.at
                and not state.iteration
                and not state.halfway
            ):
                told = shared_weight_score(
                    state.net,
                    state.genotype,
                    state.patches,
                    state.split.w,
                    state.split.v,
                    self.search,
                )
                scores[str(state.epoch)] = told
                write_json(folder / self.key / file, scores)

        score()
        with closing(run.steps()) as records:
            for record in records:
                if isinstance(record, Epoch):
                    score()
        columns = run.records.arrays()
        alpha, beta = columns["epoch/alpha"], columns["epoch/beta"]
        found = load_genotype(folder / self.key)
        epochs = {
            name: [round(float(x), 5) for x in columns[f"epoch/{name}"]]
            for name in ("score", "psnr", "ssim", "skip_share", "alpha_entropy", "beta_entropy")
        }
        decoded = {e: decode(self.space, alpha[e], beta[e]) for e in self.at}
        return {
            "genotype": found.to_json(),
            "before": list(decode(self.space, alpha[0], beta[0]).path),
            "path": list(found.path),
            "skip_share": skip_share(found),
            "best": int(columns["epoch/best"][-1]),
            "epochs": epochs,
            "seconds": float(columns["step/seconds"].sum()),
            "at": [
                {
                    "epoch": e,
                    "genotype": g.to_json(),
                    "skip_share": skip_share(g),
                    "shared": scores[str(e)]["psnr"],
                }
                for e, g in decoded.items()
            ],
        }


@dataclass(frozen=True, kw_only=True)
class TrainJob(Job):
    """One training of ``genotype`` (JSON), and what the net gives on the test images of ``test``: ``psnr`` (dB), ``ssim``, ``gmsd`` (means
    over images), ``images`` (each image's PSNR), ``parameters``, ``macs`` of an image of 480 x 320 pixels of the net's input."""

    genotype: str
    train: TrainConfig
    residual: bool = True
    test: str = "builtin"
    protocol: str = ""
    "empty: PROTOCOLS"
    kind = "train"
    seed = property(lambda self: self.train.seed)

    @property
    def net(self) -> Genotype:
        return Genotype.from_json(self.genotype)

    @property
    def preset(self) -> Preset:
        g = self.net
        name, known = (
            titled(self.base, g.task, g.scale, train=self.train),
            preset(self.base, g.task, g.scale if g.task == "sr" else None),
        )
        return known._replace(
            name=name, train=self.train, space=replace(known.space, residual=self.residual)
        )

    @property
    def spec(self) -> dict:
        g = replace(self.net, path_score=None)  # says nothing of the net
        return {
            "kind": self.kind,
            "preset": self.preset.name,
            "data": self.data,
            "data_hash": content(self.data, g.channels, g.scale),
            "device": self.device,
            "genotype": json.loads(g.to_json()),
            "train": to_dict(self.train),
            "residual": self.residual,
            "test": self.test,
            "protocol": self.protocol or PROTOCOLS[g.task],
        }

    def run(self, folder: Path) -> dict:
        from hinas_lab.records import spent_seconds
        from hinas_lab.runs.folder import open_training
        from hinas_lab.space import cost

        g, spec = replace(self.net, path_score=None), self.spec
        run = open_training(
            folder / self.key, g, self.preset, data=self.data, device=self.device, resume=True
        )
        for _ in run.steps():
            pass
        level = float(self.train.sigmas[0]) if g.task == "denoise" else g.scale
        shape = {name: getattr(self.train, name) for name in ("stem", "end", "repeats")}
        return {
            "preset": self.preset.name,
            "protocol": spec["protocol"],
            **measure(self.restore(folder), level, self.test, spec["protocol"]),
            "parameters": cost.parameters(g, self.train.width, **shape),
            "macs": cost.macs(g, self.train.width, 320, 480, **shape),
            "genotype": g.to_json(),
            "train_seconds": spent_seconds(run.records.arrays()),
        }

    def restore(self, folder: Path) -> Restore:
        """What restores with the trained net."""
        from hinas_lab.restoration.restorer import restore_array
        from hinas_lab.runs.folder import load_network

        net, _ = load_network(folder / self.key, self.device)
        return lambda image: restore_array(net, image, clip=False, device=self.device)


@dataclass(frozen=True, kw_only=True)
class ScoreJob(Job):
    """Shared-weight scores of ``genotypes`` (JSON) on the supernet of ``search``, or (``untrained``) on its first weights. Results:
    ``psnr``, ``raw``, a number for each genotype."""

    search: SearchJob
    genotypes: tuple[str, ...]
    untrained: bool = False
    kind = "score"
    seed = property(lambda self: self.search.seed)

    def __post_init__(self):
        for name in ("base", "data", "device"):
            object.__setattr__(self, name, getattr(self.search, name))

    @property
    def spec(self) -> dict:
        return {
            "kind": self.kind,
            "search": self.search.spec,
            "genotypes": list(self.genotypes),
            "untrained": self.untrained,
        }

    def run(self, folder: Path) -> dict:
        from hinas_lab.analysis.supernet_scorer import first_scorer, shared_scorer

        job = self.search
        if self.untrained:
            score = first_scorer(job.space, job.search, job.data, job.device)
        else:
            run_job(
                job, folder
            )  # done before, as a rule; on a machine without its folder it is done here
            score = shared_scorer(folder / job.key, job.device)
        told = [score(Genotype.from_json(g)) for g in self.genotypes]
        return {"psnr": [t["psnr"] for t in told], "raw": [t["raw"] for t in told]}


def measure(restore: Restore, level: float, test: str, protocol_name: str) -> dict:
    """Means over the test images of ``test`` under a protocol: psnr, ssim, gmsd, n, seconds an image, and each image's PSNR."""
    from hinas_lab.images.datasets.catalog import read_images
    from hinas_lab.images.metrics import gmsd
    from hinas_lab.images.protocol import protocol
    from hinas_lab.restoration.measure import evaluate, mean

    chosen, pictures = protocol(protocol_name), read_images(test, "test")
    rows, uneven = [], []
    for row in evaluate("net", restore, pictures, level, chosen):
        clean = chosen.clean(pictures[row.image], int(level) if chosen.task == "sr" else 1)
        uneven.append(gmsd(*(x if x.ndim == 2 else x.mean(2) for x in (row.restored, clean))))
        rows.append(replace(row, restored=None))
    told = mean(rows)
    return {
        "test": test,
        **{name: told[name] for name in ("n", "psnr", "ssim", "seconds")},
        "gmsd": float(np.mean(uneven)),
        "images": {r.image: round(r.psnr, 4) for r in rows},
    }


def stored_row(job: Job, folder: Path) -> dict | None:
    """The row of a finished job; ValueError when what lies under its key was asked for otherwise."""
    path = folder / job.key / "row.json"
    if not path.exists():
        return None
    from hinas_lab.runs.header import read_json

    row = read_json(path)
    if row.pop("spec", None) != json.loads(json.dumps(job.spec)):
        raise ValueError(
            f"{path}: is the row of another protocol or preset; move this folder away and run the study again"
        )
    return row


def run_job(job: Job, folder: str | Path) -> dict:
    """Do ``job`` below ``folder``, or read what is there: its row. To be called in a worker."""
    folder = Path(folder)
    if (row := stored_row(job, folder)) is not None:
        return row
    with job_lock(folder / job.key), one_thread():
        if (row := stored_row(job, folder)) is None:  # not done by somebody else meanwhile
            start = time.perf_counter()
            row = {"key": job.key, **job.run(folder)}
            row |= {
                "job_seconds": round(time.perf_counter() - start, 2),
                "env": environment(job.seed, job.device),
            }
            store_row(job, folder, row)
    return stored_row(job, folder)


def store_row(job: Job, folder: Path, row: dict):
    """Keep the row of a finished job."""
    (folder / job.key).mkdir(parents=True, exist_ok=True)
    write_json(folder / job.key / "row.json", row | {"spec": job.spec})


@contextmanager
def job_lock(folder: Path) -> Iterator[None]:
    """Inside, the job in ``folder`` is the caller's; who else wants it (another study, another terminal) waits here until it is free."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".turn").touch()
    with ExitStack() as mine:
        while True:
            try:
                mine.enter_context(run_lock(folder, ".turn"))
                break
            except ValueError:  # another's
                time.sleep(0.2)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes with one CPU thread, whatever it did before and does afterwards."""
    import torch

    before, chosen = torch.get_num_threads(), torch.backends.cudnn.deterministic
    torch.set_num_threads(1)
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cudnn.deterministic = chosen
