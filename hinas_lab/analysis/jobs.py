"""The pieces of work that studies are made of, each addressed by a hash of everything that decides
its numbers.

A job is plain values, so it travels to any process or machine; ``run_job`` does it in a folder of
its own, continues one that was stopped, and answers from ``row.json`` when it is done. One CPU
thread a job: the same job gives the same bits whoever runs it beside what.
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

from hinas_lab.config import TASKS, SearchConfig, SearchSpace, TrainConfig, to_dict
from hinas_lab.images.metrics import METRICS, measured_metrics
from hinas_lab.images.protocol import Restore, default_protocol
from hinas_lab.presets import Preset, preset
from hinas_lab.space.budget import Shape, reader
from hinas_lab.space.decode import skip_share
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import environment, run_lock, write_json

EPOCH_COLUMNS = ("score", "psnr", "ssim", "skip_share", "alpha_entropy", "beta_entropy")
"of a search's records, kept in its row"
SCORES_FILE = "scores.json"


@cache
def content(data: str, channels: int, scale: int) -> str:
    """``runs.folder.data_hash`` of the images of a data set, gray (1) or RGB (3 channels)."""
    from hinas_lab.images.datasets.catalog import Images, load_image, named_files
    from hinas_lab.images.patches import Patches
    from hinas_lab.runs.folder import data_hash

    # cached: every key asks for it, and it reads all images
    images = Images(named_files(data), lambda path: load_image(path, channels))
    return data_hash(Patches(images, scale=scale))


def preset_of(base: str, task: str, scale: int) -> Preset:
    """The preset called ``base`` for a task; denoising has no scale."""
    return preset(base, task, scale)


def titled(base: str, task: str, scale: int, **parts) -> str:
    """``base``, with a star when one of ``parts`` (space, search, train) differs from that preset
    in more than the seed."""
    original = preset_of(base, task, scale)
    for name, value in parts.items():
        expected = getattr(original, name)
        if name != "space":
            expected = replace(expected, seed=value.seed)
        if value != expected:
            return f"{base}*"
    return base


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
        """The name of the job's folder: its kind and 12 hex digits of its ``spec``."""
        text = json.dumps(self.spec, sort_keys=True)
        return f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def seed(self) -> int:
        """Of the search or training, for the stamp of the row."""
        raise NotImplementedError

    def run(self, folder: Path) -> dict:
        """Do it in ``folder / key``; the results."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SearchJob(Job):
    """One search.

    Results: ``genotype`` (JSON), the decoded ``path`` before and after, ``skip_share``, ``epochs``
    (what V said of the soft supernet), and per epoch of ``at`` the genotype decoded then, with its
    shared-weight score then.
    """

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
        spec = {
            "kind": self.kind,
            "preset": self.preset.name,
            "data": self.data,
            "device": self.device,
            "space": to_dict(self.space),
            "data_hash": content(self.data, self.space.channels, self.space.scale),
            "search": to_dict(self.search),
        }
        # left out when empty: rows of searches from before there was ``at`` keep their keys
        return spec | {"at": list(self.at)} if self.at else spec

    def run(self, folder: Path) -> dict:
        from hinas_lab.records import Epoch
        from hinas_lab.runs.folder import open_search
        from hinas_lab.runs.header import load_genotype

        run = open_search(
            folder / self.key, self.preset, data=self.data, device=self.device, resume=True
        )
        # Scored at the end of an epoch before the search goes on, and once before it begins: its
        # state may be saved there, and be stopped, without its score.
        self._score_epoch(run.state, folder)
        with closing(run.steps()) as records:
            for record in records:
                if isinstance(record, Epoch):
                    self._score_epoch(run.state, folder)
        columns = run.records.arrays()
        alpha, beta = columns["epoch/alpha"], columns["epoch/beta"]
        genotype = load_genotype(folder / self.key)
        epochs = {}
        for name in EPOCH_COLUMNS:
            epochs[name] = [round(float(x), 5) for x in columns[f"epoch/{name}"]]
        decode = reader(self.space, self.search)
        scores, decoded = self._scores(folder), []
        for epoch in self.at:
            then = decode(self.space, alpha[epoch], beta[epoch])
            decoded.append(
                {
                    "epoch": epoch,
                    "genotype": then.to_json(),
                    "skip_share": skip_share(then),
                    "shared": scores[str(epoch)]["psnr"],
                }
            )
        return {
            "genotype": genotype.to_json(),
            "before": list(decode(self.space, alpha[0], beta[0]).path),
            "path": list(genotype.path),
            "skip_share": skip_share(genotype),
            "best": int(columns["epoch/best"][-1]),
            "epochs": epochs,
            "seconds": float(columns["step/seconds"].sum()),
            "at": decoded,
        }

    def _scores(self, folder: Path) -> dict[str, dict]:
        """Epoch, as JSON's keys are text -> the shared-weight scores of what was decoded then."""
        from hinas_lab.storage import read_json

        file = folder / self.key / SCORES_FILE
        return read_json(file) if file.exists() else {}

    def _score_epoch(self, state, folder: Path):
        """Keep the shared-weight score of the genotype at the end of one of the epochs ``at``."""
        from hinas_lab.searching.scoring import shared_weight_score

        if state is None or state.epoch not in self.at or state.iteration or state.halfway:
            return
        score = shared_weight_score(
            state.net, state.genotype, state.patches, state.split.w, state.split.v, self.search
        )
        scores = self._scores(folder) | {str(state.epoch): score}
        write_json(folder / self.key / SCORES_FILE, scores)


@dataclass(frozen=True, kw_only=True)
class TrainJob(Job):
    """One training of ``genotype`` (JSON), and what the net gives on the test images of ``test``.

    Results: ``psnr`` (dB), ``ssim``, ``gmsd`` (means over images), ``images`` (each image's PSNR),
    ``parameters``, ``macs`` of an image of 480 x 320 pixels of the net's input.
    """

    genotype: str
    train: TrainConfig
    residual: bool = True
    test: str = "builtin"
    protocol: str = ""
    "empty: the default of the task"
    kind = "train"
    seed = property(lambda self: self.train.seed)

    @property
    def net(self) -> Genotype:
        return Genotype.from_json(self.genotype)

    @property
    def preset(self) -> Preset:
        g = self.net
        original = preset_of(self.base, g.task, g.scale)
        return original._replace(
            name=titled(self.base, g.task, g.scale, train=self.train),
            train=self.train,
            space=replace(original.space, residual=self.residual),
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
            "protocol": self.protocol or default_protocol(g.task),
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
        level = float(self.train.sigmas[0]) if TASKS[g.task].has_levels else g.scale
        shape = Shape.trained(self.train).words
        return {
            "preset": self.preset.name,
            "protocol": spec["protocol"],
            **measure(self.restore(folder), level, self.test, spec["protocol"]),
            "parameters": cost.parameters(g, self.train.width, **shape),
            "macs": cost.macs(g, self.train.width, cost.HEIGHT, cost.WIDTH, **shape),
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
class OfSearch(Job):
    """A job on what a search found; base, data and device are the search's."""

    search: SearchJob
    seed = property(lambda self: self.search.seed)

    def __post_init__(self):
        # its search decides; object.__setattr__, as the job is frozen
        for name in ("base", "data", "device"):
            object.__setattr__(self, name, getattr(self.search, name))


@dataclass(frozen=True, kw_only=True)
class ScoreJob(OfSearch):
    """Shared-weight scores of ``genotypes`` (JSON) on the supernet of ``search``, or
    (``untrained``) on its first weights. Results: ``psnr``, ``raw``, a number for each genotype."""

    genotypes: tuple[str, ...]
    untrained: bool = False
    kind = "score"

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
            # done before, as a rule; on a machine without its folder it is done here
            run_job(job, folder)
            score = shared_scorer(folder / job.key, job.device)
        scores = [score(Genotype.from_json(genotype)) for genotype in self.genotypes]
        return {"psnr": [s["psnr"] for s in scores], "raw": [s["raw"] for s in scores]}


def measure(restore: Restore, level: float, test: str, protocol_name: str) -> dict:
    """Means over the test images of ``test`` under a protocol, and each image's PSNR in dB.

    Keys: test, n, every measured metric, seconds an image, the metrics of studies alone, images.
    ``level``: sigma on the 0-255 scale, or the scale of super-resolution.
    """
    from hinas_lab.images.datasets.catalog import read_images
    from hinas_lab.images.protocol import protocol
    from hinas_lab.restoration.measure import evaluate, mean

    chosen, pictures = protocol(protocol_name), read_images(test, "test")
    scale = int(level) if chosen.task == "sr" else 1
    of_studies = [metric for metric in METRICS.values() if metric.studies_only]
    rows, more = [], []
    for row in evaluate("net", restore, pictures, level, chosen):
        clean = chosen.clean(pictures[row.image], scale)
        # the protocol decides colour and border of these, too
        more.append(chosen.scores(row.restored, clean, scale, of_studies))
        # its picture goes: 100 of DIV2K are 3 GB
        rows.append(replace(row, restored=None))
    means = mean(rows)
    names = ("n", *(metric.name for metric in measured_metrics()), "seconds")
    return {
        "test": test,
        **{name: means[name] for name in names},
        **{name: float(np.mean([scores[name] for scores in more])) for name in more[0]},
        "images": {row.image: round(row.psnr, 4) for row in rows},
    }


def stored_row(job: Job, folder: Path) -> dict | None:
    """The row of a finished job, None before it is finished.

    ValueError when what lies under its key was asked for otherwise.
    """
    path = folder / job.key / "row.json"
    if not path.exists():
        return None
    from hinas_lab.storage import read_json

    row = read_json(path)
    # through JSON and back, as the stored one: a tuple is a list there
    if row.pop("spec", None) != json.loads(json.dumps(job.spec)):
        raise ValueError(
            f"{path}: is the row of another protocol or preset; "
            "move this folder away and run the study again"
        )
    return row


def run_job(job: Job, folder: str | Path) -> dict:
    """Do ``job`` below ``folder``, or read what is there: its row. To be called in a worker."""
    folder = Path(folder)
    row = stored_row(job, folder)
    if row is not None:
        return row
    with job_lock(folder / job.key), one_thread():
        if stored_row(job, folder) is None:  # not done by somebody else meanwhile
            start = time.perf_counter()
            row = {"key": job.key, **job.run(folder)}
            row["job_seconds"] = round(time.perf_counter() - start, 2)
            row["env"] = environment(job.seed, job.device)
            store_row(job, folder, row)
    return stored_row(job, folder)


def store_row(job: Job, folder: Path, row: dict):
    """Keep the row of a finished job."""
    (folder / job.key).mkdir(parents=True, exist_ok=True)
    write_json(folder / job.key / "row.json", row | {"spec": job.spec})


@contextmanager
def job_lock(folder: Path) -> Iterator[None]:
    """Inside, the job in ``folder`` is the caller's; who else wants it (another study, another
    terminal) waits here until it is free."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".turn").touch()
    with ExitStack() as locks:
        while True:
            try:
                locks.enter_context(run_lock(folder, ".turn"))
                break
            except ValueError:  # another's
                time.sleep(0.2)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes with one CPU thread, whatever it did before and does afterwards."""
    import torch

    threads, deterministic = torch.get_num_threads(), torch.backends.cudnn.deterministic
    torch.set_num_threads(1)
    # cuDNN's fastest kernels add in any order
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.deterministic = deterministic
