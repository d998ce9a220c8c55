"""Run folders: their files; the same bytes after kills, interrupts and full disks; nothing touched
that should not be.

What ``test_cli.py`` and ``test_bad_input.py`` need too stands first: the commands in this process,
a finished search, a finished training."""

import contextlib
import gc
import json
import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import (
    FILES,
    RESULT,
    ROOT,
    SEARCH,
    TRAIN,
    fill_disk,
    hinas,
    open_run,
    python,
    refused,
    same_result,
    setting,
    snapshot,
    start_run,
    write_photos,
)
from PIL import Image

from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig, from_dict
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.presets import preset
from hinas_lab.records import Epoch, Records, Step
from hinas_lab.runs.folder import load_network, load_tensors
from hinas_lab.searching import loop as engine_search
from hinas_lab.space.genotype import sample

both = pytest.mark.parametrize("kind", ["search", "train"])


# What is in the folder


@both
def test_files_of_the_contract(tiny, kind):
    folder = getattr(tiny, kind)
    assert {p.name for p in folder.iterdir()} == FILES
    config, env = (json.loads((folder / name).read_text()) for name in ("config.json", "env.json"))
    assert config == open_run(*tiny.argv[kind], "--run", folder, "--resume").header
    assert (config["kind"], config["preset"], config["data"]) == (kind, "tiny*", str(tiny.photos))
    assert (env["seed"], env["threads"], env["device"]) == (0, 1, "cpu") and {
        "torch",
        "numpy",
    } <= set(env["versions"])
    if kind == "search":
        assert from_dict(SearchSpace, config["space"]).layers == 1
        assert from_dict(SearchConfig, config["search"]).epochs == 2
    else:
        assert (
            from_dict(TrainConfig, config["train"]).iterations == 12
            and config["genotype"]["schema"] == 1
        )
    header = (folder / "best.safetensors").read_bytes()
    names = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])
    assert len(names.get("__metadata__", {})) <= 1, "safetensors writes metadata in random order"


def test_records_need_neither_torch_nor_pickle(tiny):
    done = python(
        "-c",
        """
import sys
import numpy as np
with np.load(sys.argv[1] + "/records.npz", allow_pickle=False) as stored:
    plain = {name: stored[name] for name in stored.files}
from hinas_lab.records import read_records
ours = read_records(sys.argv[1])
assert plain.keys() == ours.keys() and \
all(np.array_equal(plain[k], ours[k], equal_nan=True) for k in plain)
assert "torch" not in sys.modules
print(*sorted(plain))
""",
        tiny.search,
    )
    assert done.returncode == 0, done.stderr
    told = {
        "step/kind",
        "step/loss",
        "step/pixel",
        "step/lssim",
        "step/seconds",
        "epoch/alpha",
        "epoch/beta",
        "epoch/score",
        "epoch/psnr",
        "epoch/ssim",
        "epoch/alpha_entropy",
        "epoch/beta_entropy",
        "epoch/skip_share",
        "epoch/flips",
        "preview/images",
    }
    assert told <= set(done.stdout.split())


def test_records_tell_every_step_and_epoch(tiny):
    told = open_run(*tiny.argv["search"], "--run", tiny.search, "--resume").records.arrays()
    weight, arch = [0] * 6, [1, 0] * 6
    assert told["step/kind"].tolist() == weight + arch  # one epoch of warm-up: alpha and beta wait
    assert told["step/epoch"].tolist() == [1] * 6 + [2] * 12
    assert told["epoch/epoch"].tolist() == [0, 1, 2] and told["epoch/beta"].shape == (3, 2)
    first, warm, last = told["epoch/alpha"]
    assert first.shape == (1, 2, 7) and (warm == first).all() and (last != warm).any()
    assert np.isnan(told["epoch/score"]).tolist() == [True, True, False] and told[
        "epoch/best"
    ].tolist() == [0, 0, 2]
    trained = open_run(*tiny.argv["train"], "--run", tiny.train, "--resume").records.arrays()
    assert trained["step/kind"].tolist() == [2] * 12 and np.isfinite(trained["step/loss"]).all()


@pytest.mark.parametrize(("task", "steps"), [("denoise", 24), ("sr", 31)])
def test_records_of_100_epochs_stay_small(tiny, tmp_path, task, steps):
    """Of a search with the paper's shapes: 300 KB. All floats are random, the previews photographs
    with some noise."""
    space, rng, records = preset("paper", task).space, np.random.default_rng(0), Records()
    argv = [
        "search",
        "--task",
        task,
        "--preset",
        "tiny",
        "--data",
        tiny.photos,
        "--run",
        tmp_path / "run",
    ]
    changes = SEARCH | {"space.channels": space.channels}
    shape = next(iter(open_run(*argv, *setting(changes)).steps())).preview.shape
    photographs = list(load_images("builtin", space.channels).values())
    for epoch in range(101):
        for iteration in range(steps * (epoch > 0)):
            for kind in ("weight", "arch")[: 1 + (epoch > 20)]:
                losses = dict(zip(("loss", "pixel", "lssim", "lr", "seconds"), rng.random(5)))
                records.add(Step(kind=kind, epoch=epoch, iteration=iteration, **losses))
        alpha, (beta, grad), preview = (
            rng.normal(size=space.alpha_shape),
            rng.normal(size=(2, len(space.moves))),
            None,
        )
        if epoch % 6 == 0:
            image = photographs[epoch // 6 % len(photographs)][: shape[2], : shape[3]]
            image = image.reshape(*shape[2:], -1).transpose(2, 0, 1)
            preview = (image + rng.normal(0, 3, shape)).clip(0, 255).astype(np.uint8)
        names = ("score", "psnr", "ssim", "alpha_entropy", "beta_entropy", "skip_share", "seconds")
        records.add(
            Epoch(
                epoch=epoch,
                alpha=alpha,
                beta=beta,
                beta_grad=grad,
                genotype=None,
                flips=epoch % 3,
                best=epoch,
                preview=preview,
                **dict(zip(names, rng.random(7))),
            )
        )
    assert len(records.to_bytes()) <= 300_000


# The same bytes


@both
def test_same_seed_same_bytes(tiny, tmp_path, kind):
    """``--resume`` on a folder that is not there starts."""
    again, other = tmp_path / "deep" / "again", tmp_path / "other"
    assert hinas(*tiny.argv[kind], "--run", again, "--resume").code == 0
    same_result(again, getattr(tiny, kind))
    assert hinas(*tiny.argv[kind], "--run", other, "--seed", 1).code == 0
    assert (other / "best.safetensors").read_bytes() != (again / "best.safetensors").read_bytes()


STOPS = [*(("search", n) for n in (1, 2, 7, 9, 10, 20)), ("train", 1), ("train", 12)]


@pytest.mark.parametrize(("kind", "records"), STOPS)
def test_stopping_saves(tiny, tmp_path, kind, records):
    """The caller stops asking, also between an arch step and its weight step (9); the next one goes
    on from there."""
    folder = start_run(tiny.argv[kind], tmp_path / "run", records)
    assert {p.name for p in folder.iterdir()} == FILES - set(RESULT)
    rest = open_run(*tiny.argv[kind], "--run", folder, "--resume")
    assert sum(rest.records.counts) == records
    total = {"search": 21, "train": 12}[kind]
    assert (
        sum(rest.records.counts) + sum(1 for _ in rest.steps()) == sum(rest.records.counts) == total
    )
    same_result(folder, getattr(tiny, kind))


def test_the_best_weights_on_v_are_the_result_also_after_a_stop(tiny, tmp_path):
    """Super-resolution as the authors' code trains it: V, torch's bicubic, several crops of an
    image. The stored net restores with that bicubic."""
    (tmp_path / "genotype.json").write_text(
        sample(replace(preset("tiny", "sr").space, layers=1, nodes=1), random.Random(0)).to_json()
    )
    theirs = TRAIN | {
        "train.val_fraction": 0.3,
        "train.upsampling": "torch",
        "train.crops_per_image": 2,
        "train.lr": 0.1,
    }
    argv = ["train", "--preset", "tiny", "--data", tiny.photos, *setting(theirs)]
    argv += ["--genotype", tmp_path / "genotype.json"]
    whole = tmp_path / "whole"
    assert hinas(*argv, "--run", whole).code == 0
    for records in (5, 10, 11, 12):
        folder = start_run(argv, tmp_path / f"stopped-{records}", records)
        assert hinas(*argv, "--run", folder, "--resume").code == 0
        same_result(folder, whole)
    state = load_tensors(whole / "state.safetensors")
    best = load_tensors(whole / "best.safetensors")
    assert 9 < state["best_iteration"] <= 12
    for name, value in best.items():
        assert torch.equal(value, state[f"best/{name}"])
    net, x = load_network(whole)[0], torch.rand(1, 1, 8, 8)
    torch.nn.init.zeros_(net.end.last.weight)
    torch.nn.init.zeros_(net.end.last.bias)
    bicubic = torch.nn.functional.interpolate(x, scale_factor=4, mode="bicubic")
    torch.testing.assert_close(net(x), bicubic)


def test_dropped_generator_saves(tiny, tmp_path):
    """A loop that ends by ``break`` or by an error, as in a notebook."""
    for number in range(4):
        with contextlib.suppress(RuntimeError):
            for _ in open_run(*tiny.argv["search"], "--run", tmp_path / "run", "--resume").steps():
                if number % 2:
                    raise RuntimeError
                break
        gc.collect()
    assert hinas(*tiny.argv["search"], "--run", tmp_path / "run", "--resume").code == 0
    same_result(tmp_path / "run", tiny.search)


# Kills. The driver kills forks of itself, so that torch is loaded once: at every file of a run,
# before and after it is
# replaced; and at random moments (tools/kill_resume.py does that a hundred times).

DRIVER = """
import json, os, random, signal, sys
from functools import partial
from pathlib import Path
import torch
sys.path[:0] = [sys.argv[1] + "/tools", sys.argv[1] + "/tests"]
import kill_resume
import test_runs

torch.set_num_threads(1)
base, argv = Path(sys.argv[2]), json.loads(sys.argv[3])

def to_end(kind, folder, save_seconds=0.0):
    for _ in test_runs.open_run(*argv[kind], "--run", folder, "--resume").steps(save_seconds):
        pass

def killed_at(work, name, number, when):
    real, seen = os.replace, 0
    def replace(source, target):
        nonlocal seen
        seen += Path(target).name == name
        hit = Path(target).name == name and seen == number
        if hit and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)
        if hit:
            os.kill(os.getpid(), signal.SIGKILL)
    os.replace = replace
    work()

works = {kind: partial(to_end, kind) for kind in argv}
expected = kill_resume.undisturbed(works, base)
report = {}
for kind, name, number, when in json.loads(sys.argv[4]):
    folder = base / f"{kind}-{name}-{number}-{when}"
    died = kill_resume.attempt(partial(killed_at, partial(works[kind], folder), name, number, when))
    try:
        kill_resume.attempt(partial(works[kind], folder, 15.0))
        wrong = kill_resume.differences(expected[kind].result, kill_resume.result(folder))
    except RuntimeError as error:
        wrong = str(error).splitlines()[-1:]
    report[folder.name] = {"died": died, "wrong": wrong, "files": sorted(os.listdir(folder))}
report["random"] = kill_resume.disturb(works, expected, base, 4, random.Random(0))._asdict()
print(json.dumps(report))
"""
MOMENTS = [  # kind of run, file, which writing of it, when
    *(
        ("train", name, 1, when)
        for name in ("env.json", "config.json")
        for when in ("before", "after")
    ),
    ("train", "state.safetensors", 1, "before"),
    *(
        (kind, name, number, when)
        for name, number in (
            ("records.npz", 3),
            ("state.safetensors", 12),
            ("genotype.json", 1),
            ("best.safetensors", 1),
        )
        for kind, when in (("train", "after"), ("search", "before"))
    ),
]


@pytest.fixture(scope="module")
def kills(tiny, tmp_path_factory):
    base, argv = tmp_path_factory.mktemp("kills"), json.dumps(tiny.argv, default=str)
    done = python("-c", DRIVER, ROOT, base, argv, json.dumps(MOMENTS))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda m: "-".join(map(str, m)))
def test_killed_around_a_file(kills, moment):
    """The next process ends with what an undisturbed one gives, and clears what the dead one
    left."""
    found = kills["-".join(map(str, moment))]
    assert found == {"died": True, "wrong": [], "files": sorted(FILES)}


@pytest.mark.slow
def test_killed_at_random_moments(kills):
    found = kills["random"]
    assert (
        found["kills"] == 4
        and found["wrong"] == 0
        and found["runs"]["search"] >= 1 <= found["runs"]["train"]
    )


# Ctrl-C

INTERRUPT = """
import os, signal, sys
from hinas_lab.cli.main import main
from hinas_lab.searching import loop as search
real = search.arch_step
def arch_step(state):
    if (state.epoch, state.iteration) == (1, 2):
        os.kill(os.getpid(), signal.SIGINT)
    return real(state)
search.arch_step = arch_step
sys.exit(main())
"""


def test_interrupt(tiny, tmp_path):
    """In an arch step: it ends, the state is saved between it and its weight step. A real process,
    a real signal."""
    folder = tmp_path / "run"
    done = python("-c", INTERRUPT, *tiny.argv["search"], "--run", folder)
    assert done.returncode == 130 and "Traceback" not in done.stderr, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("hinas-lab: interrupted") and "--resume" in last
    assert {p.name for p in folder.iterdir()} == FILES - set(RESULT)
    assert (
        len(open_run(*tiny.argv["search"], "--run", folder, "--resume").records.steps["kind"])
        == 6 + 5
    )
    assert hinas(*tiny.argv["search"], "--run", folder, "--resume").code == 0
    same_result(folder, tiny.search)


@pytest.fixture
def ctrl_c():
    """SIGINT as in a terminal: in the background of a shell it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_second_interrupt_does_not_wait(tiny, tmp_path, monkeypatch):
    """Two in one step: it stops inside, at what was saved before."""

    def weight_step(state):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    folder = start_run(tiny.argv["search"], tmp_path / "run")
    before = (folder / "state.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(engine_search, "weight_step", weight_step)
        code, _, err = hinas(*tiny.argv["search"], "--run", folder, "--resume")
    assert code == 130 and err.startswith("hinas-lab: interrupted")
    assert (folder / "state.safetensors").read_bytes() == before
    assert hinas(*tiny.argv["search"], "--run", folder, "--resume").code == 0
    same_result(folder, tiny.search)


@pytest.mark.usefixtures("ctrl_c")
def test_paused_run_leaves_ctrl_c_alone(tiny, tmp_path):
    """Pause is not asking for the next record: what the caller does meanwhile can be interrupted as
    ever."""
    steps = open_run(*tiny.argv["search"], "--run", tmp_path / "run").steps()
    next(steps)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    steps.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# A full disk


ORDER = [
    "env.json",
    "config.json",
    "records.npz",
    "state.safetensors",
    "genotype.json",
    "best.safetensors",
]


@both
@pytest.mark.parametrize("name", ORDER)
def test_full_disk(tiny, tmp_path, monkeypatch, kind, name):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        fill_disk(patch, name)
        refused(hinas(*tiny.argv[kind], "--run", folder), str(folder / name), "disk is full")
    assert {p.name for p in folder.iterdir()} == set(ORDER[: ORDER.index(name)])
    assert hinas(*tiny.argv[kind], "--run", folder, "--resume").code == 0
    same_result(folder, getattr(tiny, kind))


@pytest.mark.parametrize("name", ["records.npz", "state.safetensors"])
def test_full_disk_keeps_the_old_state(tiny, tmp_path, monkeypatch, name):
    folder = start_run(tiny.argv["search"], tmp_path / "run")
    before = snapshot(folder)
    with monkeypatch.context() as patch:
        fill_disk(patch, name)
        refused(
            hinas(*tiny.argv["search"], "--run", folder, "--resume"),
            str(folder / name),
            "disk is full",
        )
    after = snapshot(folder)
    assert (
        after.keys() == before.keys()
        and after[Path("state.safetensors")] == before[Path("state.safetensors")]
    )
    assert hinas(*tiny.argv["search"], "--run", folder, "--resume").code == 0
    same_result(folder, tiny.search)


# What must not be touched


@both
def test_finished_run_stays_as_it_is(tiny, kind):
    folder = getattr(tiny, kind)
    before = snapshot(folder)
    code, out, err = hinas(*tiny.argv[kind], "--run", folder, "--resume")
    assert code == 0 and "finished" in out and not err
    assert snapshot(folder) == before


@both
@pytest.mark.parametrize("finished", [True, False])
def test_existing_run_needs_resume(tiny, tmp_path, kind, finished):
    folder = (
        tiny.copy(kind, tmp_path / "run")
        if finished
        else start_run(tiny.argv[kind], tmp_path / "run")
    )
    before = snapshot(folder)
    refused(hinas(*tiny.argv[kind], "--run", folder), str(folder), "--resume")
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("search", ["--seed", 3], "search.seed = 0, asked is 3"),
        ("search", ["--sigma", 25], "search.sigmas = [50.0], asked is [25.0]"),
        ("search", ["--set", "search.lr=0.5"], "search.lr = 0.003, asked is 0.5"),
        ("search", ["--set", "search.loss.lam=0.1"], "search.loss.lam = 0.6, asked is 0.1"),
        ("search", ["--set", "space.lwas=false"], "space.lwas = True, asked is False"),
        ("search", ["--set", "space.nodes=2"], "space.nodes = 1, asked is 2"),
        ("search", ["--data", "{other}"], "data"),
        ("train", ["--seed", 3], "train.seed = 0, asked is 3"),
        ("train", ["--set", "train.iterations=13"], "train.iterations = 12, asked is 13"),
        ("train", ["--genotype", "{genotype}"], "genotype.cells"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_other_config_is_refused(tiny, tmp_path, kind, change, field, finished):
    other = write_photos(tmp_path / "other", n=7)
    genotype = json.loads((tiny.search / "genotype.json").read_text())
    genotype["cells"][0][0][0][0] = (
        "skip" if genotype["cells"][0][0][0][0] != "skip" else "conv_3x3"
    )
    (tmp_path / "g.json").write_text(json.dumps(genotype))
    change = [str(c).format(other=other, genotype=tmp_path / "g.json") for c in change]
    folder = (
        tiny.copy(kind, tmp_path / "run")
        if finished
        else start_run(tiny.argv[kind], tmp_path / "run")
    )
    before = snapshot(folder)
    refused(hinas(*tiny.argv[kind], *change, "--run", folder, "--resume"), str(folder), field)
    assert snapshot(folder) == before


def test_changed_pictures_are_noticed(tiny, tmp_path):
    """The folder's name is the same, one pixel is not."""
    photos = Path(shutil.copytree(tiny.photos, tmp_path / "photos"))
    argv = [*tiny.argv["search"], "--data", photos, "--run", tmp_path / "run"]
    start_run(argv[:-2], tmp_path / "run")
    image = np.array(Image.open(photos / "coins.png"))
    image[0, 0] ^= 64
    Image.fromarray(image).save(photos / "coins.png")
    refused(hinas(*argv, "--resume"), "data_hash")


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_places_that_are_no_run(tiny, tmp_path, resume):
    (tmp_path / "file").write_text("kept")
    for name in ("notes", "photos"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("kept")
    before = snapshot(tmp_path)
    for name, why in (
        ("file", "file"),
        ("file/run", "file"),
        ("notes", "not a run"),
        ("photos", "not a run"),
    ):
        refused(
            hinas(*tiny.argv["search"], "--run", tmp_path / name, *resume),
            str(tmp_path / name.split("/")[0]),
            why,
        )
    assert snapshot(tmp_path) == before


def test_search_below_a_training(tiny, tmp_path):
    """As ``runs/demo/search``: a folder that holds only folders, or hidden files, may become a
    run."""
    (tmp_path / "run" / "search").mkdir(parents=True)
    (tmp_path / "run" / ".DS_Store").write_text("")
    assert hinas(*tiny.argv["train"], "--run", tmp_path / "run").code == 0
    same_result(tmp_path / "run", tiny.train)


def test_machine_without_git(tiny, tmp_path, monkeypatch):
    """A cluster node: the commit is unknown, the run starts."""
    monkeypatch.setenv("PATH", "")
    assert hinas(*tiny.argv["train"], "--run", tmp_path / "run").code == 0
    assert json.loads((tmp_path / "run" / "env.json").read_text())["commit"] is None


def test_another_machine_is_noted(tiny, tmp_path):
    """Other versions may end with other bits: env.json keeps both."""
    folder = start_run(tiny.argv["train"], tmp_path / "run")
    first = json.loads((folder / "env.json").read_text())
    (folder / "env.json").write_text(json.dumps(first | {"threads": 64}))
    start_again = hinas(*tiny.argv["train"], "--run", folder, "--resume")
    env = json.loads((folder / "env.json").read_text())
    assert (
        start_again.code == 0
        and env["threads"] == 64
        and [e["threads"] for e in env["resumed"]] == [1]
    )


def test_a_run_that_went_on_elsewhere_is_not_overwritten(tiny, tmp_path):
    """Opened twice, finished by one: the other must not put its older state over it."""
    one, other = (
        open_run(*tiny.argv["search"], "--run", tmp_path / "run", "--resume") for _ in range(2)
    )
    whole = [r for r in one.steps()]
    before = snapshot(tmp_path / "run")
    with pytest.raises(
        ValueError, match="went on elsewhere since it was opened here; open it again"
    ):
        next(other.steps())
    assert snapshot(tmp_path / "run") == before and one.finished and whole
    half = open_run(*tiny.argv["search"], "--run", tmp_path / "half")
    for _ in zip(range(3), half.steps()):
        pass
    assert sum(1 for _ in half.steps()) == len(whole) - 3  # its own saves are no one else's
