"""Studies as generators of jobs: nothing is done twice, nothing finished is lost, whoever runs the
jobs and whenever they are stopped.

Real jobs here are of preset tiny, cut further: a search and a training of a second or less on small
photographs."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from helpers import ROOT, hinas, refused, snapshot, write_photos
from PIL import Image

from hinas_book.ch09_against_random import paths
from hinas_book.kit.design import Setting
from hinas_lab.analysis import jobs
from hinas_lab.analysis.campaign import run_design as study
from hinas_lab.analysis.executors import executor
from hinas_lab.analysis.jobs import Job, ScoreJob, SearchJob, TrainJob, run_job, stored_row
from hinas_lab.config import Loss
from hinas_lab.runs import folder
from hinas_lab.searching import loop, scoring

SPACE = {"layers": 1, "nodes": 1, "stem": 2, "repeats": 1}
SEARCH = {"space": SPACE, "epochs": 2, "crops_per_image": 3, "patch": 11, "validate_crop": 24}
TRAIN = {"iterations": 12, "patch": 11, "stem": 2, "repeats": 1}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return str(write_photos(tmp_path_factory.mktemp("campaign") / "photos"))


@pytest.fixture(scope="module")
def setting(photos):
    return Setting(base="tiny", data=photos)


def training(setting: Setting, genotype: str, seed: int = 0) -> TrainJob:
    return replace(setting.train(genotype, seed, **TRAIN), test=setting.data)


def design(setting: Setting, seeds=(0,), trainings: int = 2):
    """Searches; then trainings of what they found, and its shared-weight scores."""
    searches = [setting.search(seed, **SEARCH, at=(1, 2)) for seed in seeds]
    found = yield searches
    rest = [training(setting, row["genotype"], t) for row in found for t in range(trainings)]
    rest += [
        ScoreJob(base="tiny", search=job, genotypes=(row["genotype"],))
        for job, row in zip(searches, found)
    ]
    return {"rows": [*found, *(yield rest)]}


def numbers(row: dict) -> str:
    """A row without what a clock and a machine say, as text."""
    return json.dumps(
        {
            k: v
            for k, v in row.items()
            if k not in ("seconds", "train_seconds", "job_seconds", "env")
        }
    )


@pytest.fixture(scope="module")
def undisturbed(setting, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return [numbers(row) for row in study(design(setting), folder)["rows"]]


@dataclass(frozen=True, kw_only=True)
class Note(Job):
    """A job of no work, its number squared. ``plan`` says what happens in it and is no part of what
    it is."""

    base: str = "tiny"
    number: int
    plan: str = ""
    seed = 0
    kind = "note"

    @property
    def spec(self):
        return {"kind": self.kind, "number": self.number}

    def run(self, folder):
        word, _, at = self.plan.partition(" ")
        if word == "die":
            if not Path(at).exists():
                Path(at).touch()
                os._exit(1)
        elif word == "dies":
            os._exit(1)
        elif word == "fail":
            raise ValueError(f"number {self.number} is wrong")
        elif word == "slow":
            time.sleep(float(at))
        return {"value": self.number**2}


def once(*asked: Job):
    """A study of one batch."""
    return {"values": [row["value"] for row in (yield list(asked))]}


@pytest.fixture
def begun(monkeypatch):
    """Kind -> how many jobs did more than read their row."""
    count = Counter()
    for cls in (SearchJob, TrainJob, ScoreJob, Note):

        def run(self, folder, real=cls.run):
            count[self.kind] += 1
            return real(self, folder)

        monkeypatch.setattr(cls, "run", run)
    return count


# Once


def test_shared_jobs_are_done_once(setting, tmp_path, begun, undisturbed):
    told = study(design(setting), tmp_path)
    assert (
        begun == {"search": 1, "train": 2, "score": 1}
        and [numbers(r) for r in told["rows"]] == undisturbed
    )
    before = snapshot(tmp_path)
    assert study(design(setting), tmp_path) == told and snapshot(tmp_path) == before
    more = study(design(setting, trainings=3), tmp_path)[
        "rows"
    ]  # another study, that asks for one training more
    assert begun == {"search": 1, "train": 3, "score": 1} and more[:3] == told["rows"][:3]
    assert {k: v for k, v in snapshot(tmp_path).items() if k in before} == before


def test_a_job_asked_for_twice_in_a_batch_is_one(tmp_path, begun):
    seen = []
    told = study(
        once(Note(number=3), Note(number=2), Note(number=3)),
        tmp_path,
        progress=lambda done, asked: seen.append((done, asked)),
    )
    assert told == {"values": [9, 4, 9]} and begun == {"note": 2} and seen == [(1, 2), (2, 2)]


def test_a_study_may_ask_for_nothing(tmp_path):
    def nothing():
        return {"rows": (yield [])}

    def at_once():
        return {}
        yield

    assert study(nothing(), tmp_path) == {"rows": []} and study(at_once(), tmp_path) == {}


def test_two_studies_at_once_share_a_store(tmp_path, begun):
    """In two terminals: who comes second waits for the job and reads its row."""
    job, rows = Note(number=5, plan="slow 0.6"), []
    both = [
        threading.Thread(target=lambda: rows.append(study(once(job), tmp_path))) for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert rows == [{"values": [25]}] * 2 and begun == {"note": 1}


def test_a_job_that_failed_leaves_its_turn_to_the_next(tmp_path):
    for _ in range(2):
        with pytest.raises(ValueError, match="number 1 is wrong"):
            run_job(Note(number=1, plan="fail"), tmp_path)
    assert run_job(Note(number=1), tmp_path)["value"] == 1


# What a job is


def test_equal_jobs_have_equal_keys(setting):
    job = training(setting, a_genotype())
    scored = json.dumps(json.loads(job.genotype) | {"path_score": 0.4})
    assert (
        job.key
        == training(setting, a_genotype()).key
        == replace(job, genotype=scored, protocol="whole").key
    )
    assert setting.search(0, **SEARCH).key == setting.search(0, **SEARCH).key
    done = subprocess.run(
        [sys.executable, "-c", "import sys, pickle; print(pickle.load(sys.stdin.buffer).key)"],
        capture_output=True,
        input=pickle.dumps(job),
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    assert done.stdout.decode().strip() == job.key, "in another process"


def a_genotype(**changes) -> str:
    """A genotype of SPACE."""
    return json.dumps(
        {
            "cells": [[[["skip", 0], ["conv_3x3", 1]]]],
            "channels": 1,
            "nodes": 1,
            "path": [0],
            "path_score": None,
            "scale": 1,
            "schema": 1,
            "task": "denoise",
            "width_factors": [1.0, 1.5, 2.0],
        }
        | changes
    )


def test_whatever_decides_the_numbers_is_in_the_key(setting, tmp_path):
    found = setting.search(0, **SEARCH)
    others = [
        setting.search(1, **SEARCH),
        setting.search(0, **SEARCH, at=(1,)),
        setting.search(0, **SEARCH | {"epochs": 3}),
        setting.search(0, **SEARCH | {"space": SPACE | {"residual": False}}),
        replace(found, base="study"),
        replace(found, device="cuda"),
        replace(found, search=replace(found.search, loss=Loss(lam=0))),
    ]
    train = training(setting, a_genotype())
    others += [
        training(setting, a_genotype(), 1),
        training(setting, a_genotype(path=[1])),
        replace(train, residual=False),
        replace(train, train=replace(train.train, iterations=13)),
        replace(train, test="builtin"),
        replace(train, base="study"),
        replace(train, protocol="authors-eval"),
        replace(train, device="cuda"),
    ]
    score = ScoreJob(base="tiny", search=found, genotypes=(a_genotype(),))
    others += [
        replace(score, untrained=True),
        replace(score, genotypes=()),
        replace(score, search=others[0]),
    ]
    elsewhere = write_photos(tmp_path / "photos")
    others += [replace(job, data=str(elsewhere)) for job in (found, train)]
    keys = [job.key for job in (found, train, score, *others)]
    assert len(set(keys)) == len(keys)
    picture = next(elsewhere.iterdir())  # one pixel of one photograph
    with Image.open(picture) as image:
        image.putpixel((0, 0), (255 - image.getpixel((0, 0))[0], 0, 0))
        image.save(picture)
    jobs.content.cache_clear()
    assert (
        replace(found, data=str(elsewhere)).key not in keys
        and replace(train, data=str(elsewhere)).key not in keys
    )


def test_rows_of_earlier_campaigns_are_still_found(monkeypatch):
    """Whoever changes what a job says of itself orphans every row that was made."""
    monkeypatch.setattr(jobs, "content", lambda data, channels, scale: "0" * 12)
    s = Setting(base="study")
    assert [
        job.key
        for job in (
            s.search(),
            s.search(3, "sr", at=(1, 2)),
            s.train(a_genotype()),
            s.train(a_genotype(), 1, lr=0.1),
            ScoreJob(base="study", search=s.search(), genotypes=("x",)),
        )
    ] == KEYS


KEYS = [
    "search-ddca4e2da94e",
    "search-8bb19f7e82ac",
    "train-2a7f728fb82a",
    "train-602d3363e317",
    "score-8fe932d647ce",
]


def test_a_score_runs_where_its_search_did(setting):
    found = replace(setting.search(4, **SEARCH), device="cuda")
    score = ScoreJob(base="tiny", search=found, genotypes=())
    assert (score.device, score.data, score.seed) == ("cuda", setting.data, 4)


# Rows that are not what is asked for


@pytest.mark.parametrize(
    "change", [{"protocol": "authors-eval"}, {"preset": "study"}, {"data_hash": "0" * 12}], ids=str
)
def test_a_row_of_something_else_is_refused(setting, tmp_path, change):
    job = training(setting, a_genotype())
    path = tmp_path / job.key / "row.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"key": job.key, "psnr": 30.0, "spec": job.spec | change}))
    before = snapshot(tmp_path)
    for pool in (None, ThreadPoolExecutor(1)):
        with pytest.raises(
            ValueError,
            match="row.json: is the row of another protocol or preset; move this folder away",
        ) as told:
            study(iter_once([job]), tmp_path, pool)
        assert len(str(told.value).splitlines()) == 1 and snapshot(tmp_path) == before


def iter_once(asked: list[Job]):
    return {"rows": (yield asked)}


@pytest.mark.parametrize("text", ["", "[]", '{"key": '])
def test_a_damaged_row_is_refused(tmp_path, text):
    path = tmp_path / Note(number=1).key / "row.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match="row.json: damaged"):
        study(once(Note(number=1)), tmp_path)
    assert path.read_text() == text


# Stopped


def stop_at(monkeypatch, module, name: str, call: int, error: BaseException):
    """The ``call``-th call of a function raises ``error``, once."""
    real, calls = getattr(module, name), []

    def function(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, function)


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), FloatingPointError("the loss became nan")],
    ids=["Ctrl-C", "error"],
)
@pytest.mark.parametrize(
    "module, name, call",
    [
        (loop, "weight_step", 5),
        (scoring, "validate", 2),
        (scoring, "validate", 5),
        (folder, "load_network", 2),
        (jobs, "write_json", 4),
    ],
    ids=lambda x: str(getattr(x, "__name__", x)),
)
def test_a_study_that_was_stopped_continues(
    setting, tmp_path, monkeypatch, undisturbed, module, name, call, error
):
    stop_at(monkeypatch, module, name, call, error)
    with pytest.raises(type(error)):
        study(design(setting), tmp_path)
    kept = {p: p.read_bytes() for p in tmp_path.glob("*/row.json")}
    assert len(kept) < 4
    assert [numbers(row) for row in study(design(setting), tmp_path)["rows"]] == undisturbed
    assert all(p.read_bytes() == text for p, text in kept.items())


KILLED = """
import os, signal, sys
import test_campaign as t
from hinas_lab.training import training as train
real, calls = train.set_gradients, []
def set_gradients(*args):
    calls.append(1)
    return os.kill(os.getpid(), signal.SIGKILL) if len(calls) == 18 else real(*args)
train.set_gradients = set_gradients
t.study(t.design(t.Setting(base="tiny", data=sys.argv[1])), sys.argv[2])
"""


@pytest.mark.slow
def test_a_study_that_was_killed_continues(setting, tmp_path, undisturbed):
    """In the second of two trainings."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, setting.data, str(tmp_path)], cwd=ROOT / "tests"
    )
    assert done.returncode == -signal.SIGKILL
    assert sorted(p.parent.name.split("-")[0] for p in tmp_path.glob("*/row.json")) == [
        "search",
        "train",
    ]
    assert [numbers(row) for row in study(design(setting), tmp_path)["rows"]] == undisturbed


def test_scores_of_epochs_survive(setting, tmp_path, undisturbed):
    """Killed after an epoch was scored and before the search was saved: the epoch is searched and
    scored again, the same."""
    job = setting.search(0, **SEARCH, at=(1, 2))
    assert numbers(run_job(job, tmp_path)) == undisturbed[0]
    scores = (tmp_path / job.key / "scores.json").read_bytes()
    for path in (tmp_path / job.key).iterdir():
        if path.name not in ("config.json", "env.json", "scores.json"):
            path.unlink()
    assert (
        numbers(run_job(job, tmp_path)) == undisturbed[0]
        and (tmp_path / job.key / "scores.json").read_bytes() == scores
    )


def test_scoring_epochs_leaves_the_search_alone(setting, tmp_path):
    plain, scored = (run_job(setting.search(0, **SEARCH, at=at), tmp_path) for at in ((), (1, 2)))
    for row in (plain, scored):
        for name in ("key", "at"):
            row.pop(name)
    assert numbers(plain) == numbers(scored)


def test_a_job_leaves_torchs_threads_as_they_were(tmp_path, monkeypatch):
    import torch

    told = []
    monkeypatch.setattr(
        Note, "run", lambda self, folder: told.append(torch.get_num_threads()) or {}
    )
    torch.set_num_threads(2)
    run_job(Note(number=1), tmp_path)
    assert told == [1] and torch.get_num_threads() == 2


# Executors


class Elsewhere(Executor):
    """A worker on another machine: another disk, perhaps other images."""

    def __init__(self, folder: Path, images: str = ""):
        self.folder, self.images = folder, images

    def submit(self, fn, job, folder):
        future = Future()
        with pytest.MonkeyPatch.context() as patch:
            if self.images:
                patch.setattr(jobs, "content", lambda *_: self.images)
            future.set_result(fn(job, str(self.folder)))
        return future


def test_a_worker_with_another_disk(setting, tmp_path, begun, undisturbed):
    here, there = tmp_path / "here", tmp_path / "there"
    assert [
        numbers(row) for row in study(design(setting), here, Elsewhere(there))["rows"]
    ] == undisturbed
    assert {p.parent.name for p in here.glob("*/row.json")} == {
        p.parent.name for p in there.glob("*/row.json")
    }
    for path in here.glob("*/row.json"):
        assert path.read_bytes() == (there / path.parent.name / "row.json").read_bytes()
    count = begun.copy()
    assert [
        numbers(row) for row in study(design(setting), here)["rows"]
    ] == undisturbed and begun == count


def test_a_worker_with_other_images_is_refused(setting, tmp_path):
    here, job = tmp_path / "here", training(setting, a_genotype())
    with pytest.raises(
        ValueError,
        match=f"{job.key}: a worker did train-.* instead: "
        "its images or its hinas_lab are not those",
    ):
        study(iter_once([job]), here, Elsewhere(tmp_path / "there", images="f" * 12))
    assert list(here.rglob("*.json")) == []


def test_a_failed_job_lets_the_others_finish(tmp_path):
    """Those that had begun; its error is what is told."""
    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="number 0 is wrong"):
        study(
            once(
                Note(number=0, plan="fail"),
                Note(number=1, plan="slow 0.5"),
                Note(number=2, plan="slow 0.5"),
            ),
            tmp_path,
            pool,
        )
    assert stored_row(Note(number=1), tmp_path)["value"] == 1
    assert study(once(*(Note(number=n) for n in range(3))), tmp_path) == {"values": [0, 1, 4]}


def test_an_executor_that_gives_up(tmp_path):
    class Closed(Executor):
        def submit(self, fn, *args):
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(
        OSError, match="gave its jobs up .*; run the same command again, finished rows are kept"
    ):
        study(once(Note(number=1)), tmp_path, Closed())


@pytest.mark.slow
def test_an_executor_that_dies(tmp_path):
    """A worker process that ends in a job: one line, finished rows kept, the same study then
    finishes."""
    asked = [Note(number=1), Note(number=2, plan=f"die {tmp_path / 'died'}"), Note(number=3)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(
            OSError,
            match="a worker process died .*; run the same command again, finished rows are kept",
        ) as told:
            study(once(*asked), tmp_path, pool)
    assert len(str(told.value).splitlines()) == 1
    first = tmp_path / asked[0].key / "row.json"
    stamp = first.stat().st_mtime_ns
    assert stored_row(asked[1], tmp_path) is None
    with executor("process", 1) as pool:
        assert study(once(*asked), tmp_path, pool) == {"values": [1, 4, 9]}
    assert first.stat().st_mtime_ns == stamp


WORKERS = """
import signal, time
from hinas_lab.analysis.executors import executor
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  \
# as in a terminal: in the background of a shell it is ignored
    with executor("process", 1) as pool:
        pool.submit(time.sleep, 0).result()
        pool.submit(time.sleep, 60)
        print("working", flush=True)
        time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda s: s.name)
def test_workers_end_with_the_command(tmp_path, how):
    """The pipe is closed when the last process that holds it has ended."""
    (tmp_path / "command.py").write_text(WORKERS)
    command = subprocess.Popen(
        [sys.executable, tmp_path / "command.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert command.stdout.readline() == "working\n"
    (os.killpg if how == signal.SIGINT else os.kill)(command.pid, how)  # Ctrl-C reaches them all
    told = command.communicate(timeout=60)[0]
    if how == signal.SIGINT:
        assert told.splitlines()[-1] == "KeyboardInterrupt" and told.count("Traceback") == 1, (
            "the command's, none of a worker"
        )


# The command


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "record.json").write_text(
        json.dumps(
            {"study": "loss", "preset": "tiny", "data": "builtin", "device": "cpu", "seeds": 3}
        )
    )
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()


@pytest.mark.parametrize(
    "options, fragments",
    [
        (
            "--data BSDS500",
            ["data = 'BSDS500': not found in", "get it with: hinas-lab data get BSDS500"],
        ),
        ("--data nowhere", ["data = 'nowhere': neither a known data set"]),
        ("--data empty", ["data = 'empty': no images in this folder"]),
        ("--seeds 0", ["seeds = 0: must be at least 1"]),
        ("--workers 0", ["workers = 0: must be at least 1"]),
        ("--executor nowhere", ["--executor nowhere: must be process, here, dask, or the address"]),
        ("--preset huge", ["preset = 'huge': must be one of"]),
        ("--device cuda:77", ["device = 'cuda:77': not available here"]),
        ("--run file", ["--run file: is a file; name a folder"]),
        ("--json absent/x.json", ["--json absent/x.json: its folder does not exist"]),
        (
            "--json record.json",
            ["record.json: holds study loss, not paths; seeds 3, not None; name another file"],
        ),
        ("--json file", ["file: damaged"]),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_bad_input_is_one_line(here, tmp_path, options, fragments):
    before = sorted(Path().rglob("*")), snapshot(tmp_path)
    refused(
        hinas("study", "paths", "--preset", "tiny", "--executor", "here", *options.split()),
        *fragments,
    )
    assert (sorted(Path().rglob("*")), snapshot(tmp_path)) == before


def test_dask_that_is_not_installed(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused(
        hinas("study", "paths", "--preset", "tiny", "--executor", "dask"),
        "needs Dask",
        "pip install 'hinas_lab[cluster]'",
    )


def test_ctrl_c_and_the_same_command(here, monkeypatch, photos):
    command = [
        "study",
        "paths",
        "--preset",
        "tiny",
        "--seeds",
        "1",
        "--executor",
        "here",
        "--data",
        photos,
        "--json",
        "paths.json",
    ]
    monkeypatch.setattr(paths, "SPACE", paths.SPACE | SPACE | {"layers": 3})
    with monkeypatch.context() as patch:
        stop_at(patch, loop, "weight_step", 12, KeyboardInterrupt())
        code, out, err = hinas(*command)
    assert (code, out) == (
        130,
        "",
    ) and "interrupted; the same command continues, finished jobs are kept" in err
    assert not Path("paths.json").exists()
    code, out, _ = hinas(*command)
    told = json.loads(Path("paths.json").read_text())
    assert (
        code == 0
        and told["study"] == "paths"
        and told["jobs"] == 2
        and "path-last-widest" in out
        and "2 jobs" in out
    )
    assert max(map(len, out.splitlines())) <= 80
