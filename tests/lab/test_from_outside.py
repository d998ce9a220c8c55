"""A choice is a row: an operation, a degradation, a search method, a decoder and a stop rule that a
user adds in a few lines are searched, trained, measured and drawn like those of the package.
(Metrics, protocols and data sets: test_rows_from_outside.py; studies and figures: tests/book.)"""

import io
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hinas_lab as lab
from hinas_lab.cli.main import main
from hinas_lab.images.protocol import NAMED_PROTOCOLS, Protocol, add_protocol
from hinas_lab.images.tasks import TASKS, Task, add_task
from hinas_lab.live.recordings import moment, read_recording
from hinas_lab.records import read_records
from hinas_lab.searching.methods import METHODS, Method
from hinas_lab.searching.stop import STOP_RULES
from hinas_lab.space.decode import DECODERS, decode
from hinas_lab.space.genotype import sample
from hinas_lab.space.ops import OPS, Op, add_operation

TABLES = (OPS, TASKS, METHODS, STOP_RULES, DECODERS, NAMED_PROTOCOLS)


@pytest.fixture(autouse=True)
def tables_as_they_were(tmp_path, monkeypatch):
    """Whatever a test adds is gone after it; it works in an empty folder, without widgets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HINAS_LIVE", "0")
    before = [dict(table) for table in TABLES]
    yield
    for table, rows in zip(TABLES, before):
        table.clear()
        table.update(rows)


def hinas(*argv):
    assert main([str(word) for word in argv]) == 0


def searched(*options) -> Path:
    hinas("search", "--preset", "tiny", "--run", "runs/s", "--device", "cpu", *options)
    return Path("runs/s")


def trained_and_measured(*options) -> dict:
    """The net of runs/s trained, then measured on the built-in photographs; the record of it."""
    hinas(
        "train",
        "--genotype",
        "runs/s",
        "--preset",
        "tiny",
        "--run",
        "runs/n",
        "--device",
        "cpu",
        *options,
    )
    hinas(
        "evaluate", "--method", "runs/n", "--dataset", "builtin", "--limit", 1, "--json", "e.json"
    )
    return json.loads(Path("e.json").read_text())


# An operation


def test_an_operation(capsys):
    add_operation(Op("conv_1x1", "c1", "conv", 1, colour="#56B4E9"))
    run = searched("--set", 'space.ops=["conv_1x1","dil_3x3","skip","none"]')
    records = read_records(run)
    assert records["epoch/alpha"].shape[-1] == 4
    found = lab.Genotype.from_json((run / "genotype.json").read_text())
    assert set(found.operations) <= {"conv_1x1", "dil_3x3", "skip"}
    assert trained_and_measured()["rows"][0]["psnr"] > 5
    assert lab.replay(run).axes, "the board shows four operations"
    only = lab.preset("tiny")
    only = only._replace(space=lab.SearchSpace(layers=2, nodes=2, width=2, ops=("conv_1x1",)))
    wired = sample(only.space, random.Random(0))
    assert set(wired.operations) == {"conv_1x1"} and "c1" in lab.draw(wired).dot
    # what knows nothing of it is as it was
    assert "conv_1x1" not in lab.preset("tiny").space.ops
    assert lab.replay("classroom").axes


def test_operations_that_would_hide_another():
    for op in (Op("skip", "s1", "conv"), Op("conv_1x1", "c3", "conv")):
        with pytest.raises(ValueError, match="is there already"):
            add_operation(op)
    with pytest.raises(ValueError, match="kind = 'pool'"):
        Op("pool", "po", "pool")


# A degradation: JPEG artefacts. These lines are all that it takes.


class Jpeg(Task):
    name, title = "jpeg", "JPEG artefacts"

    def level_text(self, level):
        return f"quality {level:g}"

    def degrade(self, image, level, rng):
        file = io.BytesIO()
        pixels = (255 * image).round().clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(file, "jpeg", quality=round(level))
        return np.asarray(Image.open(file), dtype=np.float32) / 255


def test_a_degradation(capsys):
    add_task(Jpeg())
    add_protocol("jpeg", Protocol(task="jpeg"), why="whole pictures", default_for=(("jpeg", 1),))
    run = searched("--task", "jpeg", "--sigma", 10, 20)
    assert json.loads((run / "genotype.json").read_text())["task"] == "jpeg"
    record = trained_and_measured("--sigma", 10)
    assert record["rows"][0]["protocol"] == "jpeg" and 15 < record["rows"][0]["psnr"] < 60
    out = capsys.readouterr().out
    assert "quality 10" in out and "JPEG artefacts" in out
    # the same seed draws the same patches, level by level
    again = searched("--task", "jpeg", "--sigma", 10, 20, "--resume")
    first = (run / "best.safetensors").read_bytes()
    hinas(
        "search",
        "--preset",
        "tiny",
        "--task",
        "jpeg",
        "--sigma",
        10,
        20,
        "--run",
        "runs/t",
        "--device",
        "cpu",
    )
    assert again == run and Path("runs/t/best.safetensors").read_bytes() == first


# A search method: uniform sampling of one path a step


class Uniform(Method):
    """Each weight step trains one architecture, drawn uniformly; alpha and beta do not learn."""

    learns, capturable = False, False

    def weight_mixture(self, search):
        rng = random.Random(f"{search.config.seed} {search.epoch} {search.iteration}")
        return search.net.restrict(sample(search.space, rng))


def test_a_search_method():
    METHODS["uniform"] = Uniform()
    run = searched("--set", "search.method=uniform")
    records = read_records(run)
    assert set(records["step/kind"]) == {0}, "weight steps alone"
    assert (
        np.ptp(records["epoch/alpha"], axis=0).max() == 0
        and np.isfinite(records["step/loss"]).all()
    )
    # a search that was stopped goes on with the same paths
    settings = lab.preset("tiny")
    settings = settings._replace(search=replace(settings.search, method="uniform"))
    stopped = lab.search(preset=settings, run="runs/u", device="cpu")
    for _ in zip(range(9), stopped.steps()):
        pass
    lab.search(preset=settings, run="runs/u", device="cpu").finish()
    same = [Path(f"runs/{name}/best.safetensors").read_bytes() for name in "su"]
    assert same[0] == same[1]


# A stop rule, and a decoder


def few_epochs(columns, config):
    """Two epochs are enough."""
    return columns["epoch"][-1] == 2


def test_a_stop_rule():
    STOP_RULES["two"] = few_epochs
    run = searched("--set", "search.stop=two")
    assert read_records(run)["epoch/epoch"].tolist() == [0, 1, 2]
    assert (run / "genotype.json").exists() and trained_and_measured()["rows"]
    before = (run / "best.safetensors").stat().st_mtime_ns
    searched("--set", "search.stop=two", "--resume")
    assert (run / "best.safetensors").stat().st_mtime_ns == before, "a finished run is finished"


def test_a_decoder():
    def narrow(space, alpha, beta):
        """The paper's operations on the narrowest path."""
        return replace(decode(space, alpha, beta), path=(0,) * space.layers, path_score=None)

    DECODERS["narrow"] = narrow
    run = searched("--set", "search.decoder=narrow")
    assert json.loads((run / "genotype.json").read_text())["path"] == [0, 0]


@pytest.mark.parametrize("field", ["method", "decoder", "stop"])
def test_an_unknown_row_gets_one_line_and_no_folder(field, capsys):
    options = ["--preset", "tiny", "--run", "runs/s", "--set", f"search.{field}=no-such"]
    assert main(["search", *options]) == 2
    error = capsys.readouterr().err
    assert f"{field} = 'no-such': must be one of" in error and len(error.splitlines()) == 1
    assert not Path("runs").exists()


def test_a_decoder_is_the_one_that_is_shown():
    """Panel and replay read alpha and beta as the search does."""

    def narrow(space, alpha, beta):
        return replace(decode(space, alpha, beta), path=(0,) * space.layers, path_score=None)

    DECODERS["narrow"] = narrow
    settings = lab.preset("tiny")
    settings = settings._replace(search=replace(settings.search, decoder="narrow"))
    run = lab.search(preset=settings, run="runs/d", device="cpu")
    shown = lab.panel(run)
    assert shown.moment().genotype.path == run.genotype.path == (0, 0)
    recording = read_recording("runs/d")
    assert moment(recording, recording.last).genotype.path == (0, 0)


def test_a_rule_sees_the_same_numbers_after_a_stop():
    seen = []

    def note(columns, config):
        seen.append([float(value) for value in columns["score"]])
        return False

    STOP_RULES["note"] = note
    settings = lab.preset("tiny")
    search = replace(settings.search, stop="note", validate_from=1)
    settings = settings._replace(search=search)
    whole = lab.search(preset=settings, run="runs/a", device="cpu").finish()
    once, seen = seen[-1], []
    stopped = lab.search(preset=settings, run="runs/b", device="cpu")
    for record in stopped.steps():
        if getattr(record, "kind", "") == "" and record.epoch == 2:
            break
    lab.search(preset=settings, run="runs/b", device="cpu").finish()
    np.testing.assert_array_equal(seen[-1], once)
    assert whole.finished


def test_a_task_says_what_it_lacks(capsys):
    add_task(Jpeg())
    searched("--task", "jpeg", "--sigma", 10, 20)
    argv = ["train", "--genotype", "runs/s", "--preset", "tiny", "--run", "runs/n"]
    hinas(*argv, "--device", "cpu", "--sigma", 10, 20)
    assert "genotype for JPEG artefacts" in lab.draw("runs/s").title
    capsys.readouterr()
    assert main(["evaluate", "--method", "runs/n", "--dataset", "builtin", "--limit", "1"]) == 2
    assert "no protocol is its default" in capsys.readouterr().err
    add_protocol("jpeg", Protocol(task="jpeg"), why="whole pictures", default_for=(("jpeg", 1),))
    hinas("evaluate", "--method", "runs/n", "--dataset", "builtin", "--limit", 1)
    assert "quality 20" in capsys.readouterr().out, "a level that it was trained for"
    Image.fromarray(np.full((24, 24), 90, np.uint8)).save("flat.png")
    hinas("restore", "flat.png", "--run", "runs/n", "--out", "out.png")
    assert "noise level" not in capsys.readouterr().err
    bigger = Jpeg()
    bigger.name, bigger.scales = "bigger", (2,)
    with pytest.raises(ValueError, match="must keep the size"):
        add_task(bigger)
