"""The campaign on a real Dask cluster of this machine: workers die in the middle of jobs, no row is
lost and none is made twice."""

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

distributed = pytest.importorskip("distributed")

from helpers import hinas, refused, write_photos  # noqa: E402
from test_campaign import Note, design, numbers, once  # noqa: E402

from hinas_book.kit.design import Setting  # noqa: E402
from hinas_lab.analysis import executors  # noqa: E402
from hinas_lab.analysis.campaign import run_design as study  # noqa: E402
from hinas_lab.analysis.jobs import TrainJob  # noqa: E402
from hinas_lab.training import training  # noqa: E402


@dataclass(frozen=True, kw_only=True)
class Killed(TrainJob):
    """A training whose process is killed in its fifth step, the first time."""

    marker: str
    kind = "train"

    def run(self, folder):
        if not Path(self.marker).exists():
            real, calls = training.set_gradients, []

            def set_gradients(*args):
                calls.append(1)
                if len(calls) == 5:
                    Path(self.marker).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                real(*args)

            training.set_gradients = set_gradients
        return super().run(folder)


@pytest.fixture(scope="module")
def cluster():
    """As ``--executor dask`` makes it."""
    with executors._cluster("dask", 2) as client:
        yield client


@pytest.mark.slow
def test_a_worker_is_killed_in_mid_study(cluster, tmp_path):
    setting = Setting(base="tiny", data=str(write_photos(tmp_path / "photos")))
    undisturbed = study(design(setting), tmp_path / "undisturbed")["rows"]
    before, told = set(cluster.run(os.getpid).values()), []

    def deadly(plain):
        asked = next(plain)
        while True:
            asked = [
                Killed(**vars(job), marker=str(tmp_path / "died"))
                if isinstance(job, TrainJob) and job.train.seed == 1
                else job
                for job in asked
            ]
            try:
                asked = plain.send((yield asked))
            except StopIteration as end:
                return end.value

    rows = study(
        deadly(design(setting)),
        tmp_path / "runs",
        cluster.get_executor(),
        lambda *n: told.append(n),
    )["rows"]
    assert (tmp_path / "died").exists() and set(cluster.run(os.getpid).values()) != before, (
        "a worker died and was replaced"
    )
    assert [numbers(row) for row in rows] == [numbers(row) for row in undisturbed] and told == [
        (1, 1),
        (2, 4),
        (3, 4),
        (4, 4),
    ]
    assert len(list((tmp_path / "runs").glob("*/row.json"))) == 4


def test_a_job_that_kills_every_worker(cluster, tmp_path):
    """It is given up in one line, its neighbours are kept."""
    cluster.run_on_scheduler(
        lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0)
    )  # 3: four deaths
    asked = [Note(number=1), Note(number=2, plan="dies")]
    with pytest.raises(OSError, match="a worker died again and again over the same job"):
        study(once(*asked), tmp_path, cluster.get_executor())
    assert study(once(asked[0]), tmp_path) == {"values": [1]}


def test_an_error_of_a_job_is_not_tried_again(cluster, tmp_path):
    with pytest.raises(ValueError, match="number 7 is wrong"):
        study(once(Note(number=7, plan="fail")), tmp_path, cluster.get_executor())


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "foo://127.0.0.1:9"])
def test_no_scheduler(monkeypatch, tmp_path, address):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(executors, "PATIENCE", "1s")
    refused(
        hinas("study", "paths", "--preset", "tiny", "--executor", address),
        f"--executor {address}: no Dask scheduler answers there",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_cluster_that_is_closed(tmp_path):
    """By somebody, in mid-study: one line; and it ends with the command."""
    with executors.executor("dask", 1) as pool:
        client, pids = pool._client, pool._client.run(os.getpid).values()
        closing = threading.Timer(1.5, client.cluster.close)
        closing.start()
        with pytest.raises(OSError, match="gave its jobs up .*; run the same command again"):
            study(once(Note(number=1, plan="slow 60")), tmp_path, pool)
        closing.join()
    assert client.status == "closed"
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_cluster_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), executors.executor("dask", 1) as pool:
        client, cluster = pool._client, pool._client.cluster
        raise ZeroDivisionError
    assert client.status == "closed" and cluster.status.name == "closed"
