"""Bad input: exit 2, one line on stderr (what, where, what to do), nothing half-written; what is
loaded never runs."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import hinas, open_run, refused, same_result, setting, snapshot, start_run
from PIL import Image

from hinas_lab.runs.folder import load_supernet
from hinas_lab.searching import loop as engine_search
from hinas_lab.training import step_memory
from hinas_lab.training import training as engine_train

DENOISE = "search --preset tiny --run X"
SR = "search --preset tiny --task sr --run X"
TRAINING = "train --preset tiny --genotype {search} --run X"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every command runs in an empty folder."""
    monkeypatch.chdir(tmp_path)


def refused_untouched(argv: list, *fragments: str):
    """``refused``, and every file below the working folder is as before."""
    before = sorted(Path().rglob("*")), snapshot(Path())
    refused(hinas(*argv), *fragments)
    assert (sorted(Path().rglob("*")), snapshot(Path())) == before


# The command line

COMMANDS = [
    ("", "COMMAND"),
    ("serach --run X", "invalid choice: 'serach'"),
    ("search", "--run"),
    ("train --run X", "--genotype"),
    ("evaluate", "--method"),
    ("restore", "IMAGE"),
    ("study", "NAME"),
    ("doctor extra", "extra"),
    (f"{DENOISE} --wat", "--wat"),
    (
        "search --run X --preset huge",
        "preset = 'huge': must be one of tiny, classroom, study, paper/10, paper, printed, authors",
    ),
    ("train --run X --genotype {search} --preset huge", "preset = 'huge'"),
    ("demo --preset huge --run X", "preset = 'huge'"),
    (f"{DENOISE} --task derain", "task = 'derain': must be one of denoise, sr"),
    (
        "evaluate --method wnnm",
        "method = 'wnnm': neither a run folder nor one of noisy, tv, wavelet, nl_means, bm3d, "
        "bicubic",
    ),
    (
        "evaluate --method {train} --protocol authors2",
        "protocol = 'authors2': must be one of whole",
    ),
    ("study everything", "NAME: invalid choice: 'everything' (choose from"),
    ("study search --seeds 0", "seeds = 0"),
    ("study search --executor cloud", "--executor cloud: must be process"),
    ("study search --workers 0", "workers = 0"),
    ("study search --preset huge", "preset = 'huge'"),
    (f"{DENOISE} --sigma -5", "sigma = -5.0: must be from 0 to 255"),
    (f"{DENOISE} --sigma 50 256", "sigma = 256.0"),
    (f"{DENOISE} --sigma nan", "nan"),
    (f"{DENOISE} --sigma loud", "--sigma: invalid float value: 'loud'"),
    (f"{DENOISE} --sigma", "--sigma: expected at least one argument"),
    (f"{SR} --sigma 50", "super-resolution adds no noise"),
    ("evaluate --method tv --sigma -1", "sigma = -1.0"),
    ("evaluate --method tv --sigma nan", "sigma = nan"),
    ("evaluate --method tv --sigma loud", "--sigma: invalid float value: 'loud'"),
    (f"{SR} --scale 5", "scale = 5: must be one of 2, 3, 4"),
    (f"{SR} --scale twice", "--scale: invalid int value: 'twice'"),
    (f"{DENOISE} --scale 2", "--task sr"),
    (f"{TRAINING} --scale 2", "scale = 2: the genotype is for scale 1"),
    (f"{TRAINING} --task sr", "task = 'sr': the genotype is for task 'denoise'"),
    (f"{DENOISE} --seed -1", "seed = -1"),
    (f"{DENOISE} --seed one", "--seed: invalid int value: 'one'"),
    (f"{DENOISE} --threads 0", "threads = 0: must be"),
    (f"{DENOISE} --threads 99999999999999999999", "threads = 99999999999999999999"),
    ("demo --threads -1 --run X", "threads = -1"),
    (f"{DENOISE} --device toaster", "device = 'toaster'"),
    (f"{DENOISE} --device meta", "device = 'meta'"),
    (f"{DENOISE} --device hpu", "device = 'hpu'"),
    (f"{DENOISE} --device cuda:99", "device = 'cuda:99': not available here"),
    (f"{DENOISE} --data nowhere", "data = 'nowhere': neither a known data set (builtin, BSDS500,"),
    (f"{DENOISE} --data {{search}}", "no images in this folder"),
    (
        "evaluate --method tv --dataset nowhere",
        "'nowhere': neither a known data set (builtin, BSDS500,",
    ),
    ("evaluate --method tv --limit 0", "limit = 0"),
    ("evaluate --method nothing/here", "nothing/here"),
    ("evaluate --method .", "not a run folder"),
    ("evaluate --method {train} --dataset {photos} --json nowhere/e.json", "nowhere"),
    ("evaluate --method {train} --dataset {photos} --json .", "folder"),
    ("restore photo.png --run {train} --out X.png", "photo.png: no such image file"),
    ("restore photo.png --run nowhere --out X.png", "nowhere: no such run folder"),
    ("train --preset tiny --genotype nowhere --run X", "nowhere: no such file"),
    ("train --preset tiny --genotype . --run X", "not a run folder"),
]


@pytest.mark.parametrize(("line", "fragment"), COMMANDS, ids=lambda x: x.replace(" ", "_")[:60])
def test_command_line(tiny, line, fragment):
    refused_untouched(
        line.format(search=tiny.search, train=tiny.train, photos=tiny.photos).split(), fragment
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_no_cuda():
    refused_untouched(
        [*DENOISE.split(), "--device", "cuda"],
        "device = 'cuda': not available here; try --device cpu",
    )


SETTINGS = [
    ("lr", "--set lr: write space.FIELD=VALUE or search.FIELD=VALUE"),
    ("lr=1", "--set lr=1: write"),
    ("space.=1", "--set space.=1: write"),
    ("data.x=1", "write space.FIELD=VALUE"),
    ("space.depth=1", "space has no field depth"),
    ("search.loss=5", "search has no field loss"),
    ("search.loss.x=5", "search has no field loss.x"),
    ("space.loss.lam=1", "space has no field loss.lam"),
    ("space.layers=0", "layers = 0: must be at least 1"),
    ("space.layers=1.5", "layers = 1.5: must be a whole number"),
    ("space.nodes=true", "nodes = True"),
    ("space.channels=2", "channels = 2: must be one of 1, 3"),
    ("space.channels=1.0", "channels = 1.0"),
    ("space.scale=2", "scale = 2"),
    ("space.lwas=False", "lwas = 'False'"),
    ("space.residual=no", "residual = 'no'"),
    ("space.sigmoid=1", "sigmoid = 1"),
    ("search.loss.average_terms=2", "average_terms = 2"),
    ("space.width=3", "width_factors = 1.5: times width 3 must be a whole number"),
    ("space.width_factors=2", "width_factors = 2: must be a list"),
    ("space.width_factors=[]", "width_factors = ()"),
    ("space.width_factors=[1,0]", "width_factors = 0"),
    ('space.width_factors=[1,"x"]', "width_factors"),
    ("space.width_factors=[1,Infinity]", "width_factors"),
    ("space.fixed_path=[0,5]", "fixed_path = (0, 5): must hold 2 width indices from 0 to 2"),
    ("space.fixed_path=[0,2]", "no legal width path"),
    ("space.fixed_path=[0]", "fixed_path = (0,)"),
    ("space.fixed_path=5", "fixed_path = 5: must be a list"),
    ("space.cell_sharing=maybe", "cell_sharing = 'maybe': must be one of on, off, tied"),
    ("search.lr=0", "lr = 0"),
    ("search.lr=fast", "lr = 'fast'"),
    ("search.lr=NaN", "lr = nan"),
    ("search.lr=Infinity", "lr = inf"),
    ("search.arch_lr=1e999", "arch_lr = inf"),
    ("search.loss.lam=-1", "loss.lam = -1"),
    ("search.loss.pixel=l3", "loss.pixel = 'l3': must be one of mse, l1"),
    ("search.sigmas=50", "sigmas = 50: must be a list"),
    ("search.sigmas=[]", "sigmas = ()"),
    ('search.sigmas=["a"]', "sigmas = ('a',)"),
    ("search.patch=8", "patch = 8: must be at least 11 pixels"),
    ("search.patch=5000", "is smaller than a patch of 5000"),
    (
        "search.batch=1000",
        "batch = 1000: an epoch has only 7 crops; lower batch or raise crops_per_image",
    ),
    ("search.epochs=0", "epochs = 0"),
    ("search.share=0.9", "val_fraction = 0.9"),
    ("search.optimizer=lion", "optimizer = 'lion': must be one of sgd, adam"),
    ("search.seed=x", "seed = 'x'"),
    ("train.width=4", "write space.FIELD=VALUE or search.FIELD=VALUE"),  # would be ignored
]


@pytest.mark.parametrize(("change", "fragment"), SETTINGS, ids=[change for change, _ in SETTINGS])
def test_set(change, fragment):
    refused_untouched([*DENOISE.split(), "--set", change], fragment)


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ("train.width=0", "width = 0"),
        ("train.batch=0", "batch = 0"),
        ("train.iterations=many", "iterations = 'many'"),
        ("train.end=soft", "end = 'soft': must be one of conv, aspp, authors"),
        ("train.width=100000000", "width = 100000000: must be at least 1 and at most 4096"),
        ("train.stem=10000000", "stem = 10000000: must be at least 1 and at most 4096"),
        ("train.iterations=1000000000", "iterations = 1000000000"),
        ("search.lr=0.1", "write train.FIELD=VALUE"),  # would be ignored
        ("space.width=8", "write train.FIELD=VALUE"),
    ],
)
def test_set_of_a_training(tiny, change, fragment):
    refused_untouched([*TRAINING.format(search=tiny.search).split(), "--set", change], fragment)


def test_no_legal_number_of_channels(tiny):
    """The genotype's width factors times the asked width."""
    genotype = {**json.loads((tiny.search / "genotype.json").read_text()), "path": [1]}
    Path("g.json").write_text(json.dumps(genotype))
    refused_untouched(
        [
            "train",
            "--preset",
            "tiny",
            "--genotype",
            "g.json",
            "--run",
            "X",
            "--set",
            "train.width=3",
        ],
        "width = 3: times the width factor 1.5 it must be a whole number of channels",
    )


def test_more_than_the_memory(tiny, monkeypatch):
    """Refused before a folder is made: a system without memory kills without a word."""
    monkeypatch.setattr(step_memory, "machine_bytes", lambda: 1e9)
    why = "GB, this machine has 1.0 GB; lower batch"
    train, search = (
        [*tiny.argv[kind], "--run", "X", "--set", f"{kind}.batch=60000", "--set"]
        for kind in ("train", "search")
    )
    refused_untouched([*train, "train.stem=64"], why)
    refused_untouched([*search, "search.crops_per_image=60000"], why)


def test_pictures_smaller_than_a_patch(tiny):
    """Super-resolution shrinks them first: here to nothing."""
    Path("photos").mkdir()
    for i in range(4):
        Image.new("L", (3, 3), i).save(f"photos/{i}.png")
    refused_untouched([*SR.split(), "--data", "photos"], "smaller than a patch of 16")
    refused_untouched(
        [*DENOISE.split(), "--data", "photos"],
        "0.png",
        "of 3 x 3 pixels is smaller than a patch of 16",
    )
    refused_untouched(
        ["evaluate", "--method", str(tiny.train), "--dataset", "photos"], "0.png", "11 x 11"
    )


def test_too_few_pictures():
    Path("photos").mkdir()
    for i in range(2):
        Image.new("L", (64, 64), i).save(f"photos/{i}.png")
    refused_untouched([*DENOISE.split(), "--data", "photos"], "2 training images", "at least 3")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty (0 bytes)"),
        (b"no picture", "not an image that can be read"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "not an image that can be read"),
    ],
)
def test_a_picture_that_is_none(tiny, content, says):
    Path("photos").mkdir()
    Path("photos/broken.png").write_bytes(content)
    for argv in (
        [*DENOISE.split(), "--data", "photos"],
        ["evaluate", "--method", tiny.train, "--dataset", "photos"],
    ):
        refused_untouched(argv, "broken.png", says)


# Genotypes


def edges(*node) -> dict:
    return {"cells": [[list(node)]]}


GENOTYPES = {
    "newer schema": (
        {"schema": 2},
        "schema is not 1; it was written by another version, update hinas_lab",
    ),
    "no schema": ({"schema": ...}, "no schema"),
    "missing field": ({"path": ...}, "missing or unknown fields: 'path'"),
    "unknown field": ({"colour": "red"}, "missing or unknown fields: 'colour'"),
    "unknown operation": (
        edges(["conv_9x9", 0], ["skip", 1]),
        "unknown operation 'conv_9x9'; known are conv_3x3",
    ),
    "operation none": (edges(["none", 0], ["skip", 1]), "unknown operation 'none'"),
    "forward edge": (
        edges(["skip", 0], ["skip", 2]),
        "layer 0, node 0: source 2 is a forward edge",
    ),
    "source a word": (edges(["skip", "0"], ["skip", 1]), "[operation, source]"),
    "source negative": (edges(["skip", -1], ["skip", 1]), "source -1"),
    "same source": (edges(["skip", 0], ["conv_3x3", 0]), "both edges come from h(l-1)"),
    "three edges": (
        edges(["skip", 0], ["skip", 1], ["skip", 0]),
        "layer 0, node 0 has 3 edges, must have 2",
    ),
    "edge of one": (edges(["skip"], ["skip", 1]), "[operation, source]"),
    "edge of three": (edges(["skip", 0, 1], ["skip", 1]), "[operation, source]"),
    "nodes missing": ({"nodes": 3}, "layer 0 has 1 nodes, must have 3"),
    "nodes a word": ({"nodes": "x"}, "nodes = 'x'"),
    "no layers": ({"path": [], "cells": []}, "at least 1"),
    "cells a number": ({"cells": 5}, "cells"),
    "width that does not exist": (
        {"path": [3]},
        "path = (3,): must hold 1 width indices from 0 to 2",
    ),
    "no legal path": ({"path": [2]}, "no legal width path"),
    "path too long": ({"path": [0, 1]}, "path = (0, 1): must hold 1 width indices"),
    "path of words": ({"path": ["0"]}, "path = ['0']"),
    "path a number": ({"path": 3}, "path"),
    "no width factors": ({"width_factors": []}, "width_factors"),
    "negative width factor": ({"width_factors": [1, -2, 3]}, "width_factors"),
    "endless width factor": ({"path": [0], "width_factors": [float("inf"), 1, 2]}, "width_factors"),
    "huge width factor": ({"path": [0], "width_factors": [1e9, 1, 2]}, "width_factors"),
    "odd width factor": (
        {"path": [0], "width_factors": [1.3, 1, 2]},
        "width = 4: times the width factor 1.3",
    ),
    "width factors a number": ({"width_factors": 3}, "width_factors = 3"),
    "channels 2": ({"channels": 2}, "channels = 2"),
    "channels 1.0": ({"channels": 1.0}, "channels = 1.0"),
    "scale 5": ({"task": "sr", "scale": 5}, "scale = 5: must be one of 2, 3, 4"),
    "scale 2.0": ({"task": "sr", "scale": 2.0}, "scale = 2.0"),
    "scale true": ({"scale": True}, "scale = True"),
    "sr without scale": ({"task": "sr"}, "scale = 1"),
    "task": ({"task": "derain"}, "task = 'derain'"),
    "score a word": ({"path_score": "high"}, "path_score = 'high'"),
}


@pytest.mark.parametrize("name", GENOTYPES)
def test_genotype(tiny, name):
    change, fragment = GENOTYPES[name]
    genotype = json.loads((tiny.search / "genotype.json").read_text()) | change
    Path("g.json").write_text(json.dumps({k: v for k, v in genotype.items() if v is not ...}))
    refused_untouched(["train", "--preset", "tiny", "--genotype", "g.json", "--run", "X"], fragment)


NO_GENOTYPES = [
    b"",
    b"{}",
    b"[1]",
    b"null",
    b"{'a': 1}",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    pickle.dumps({"schema": 1}),
]


@pytest.mark.parametrize("content", NO_GENOTYPES, ids=lambda x: repr(x[:8]))
def test_file_that_is_no_genotype(content):
    Path("g.json").write_bytes(content)
    refused_untouched(["train", "--preset", "tiny", "--genotype", "g.json", "--run", "X"], "g.json")


# Runs of the wrong kind


@pytest.mark.parametrize(
    "line", ["evaluate --method {search}", "restore {photo} --run {search} --out X.png"]
)
def test_search_where_a_training_is_needed(tiny, line):
    argv = line.format(search=tiny.search, photo=tiny.photos / "coins.png").split()
    refused_untouched(
        argv, "is a search run; train it first: hinas-lab train --genotype", str(tiny.search)
    )


def test_training_where_a_search_is_needed(tiny):
    refused_untouched(
        [*tiny.argv["search"], "--run", tiny.train, "--resume"], "is a train run, not a search run"
    )
    refused_untouched(
        [*tiny.argv["train"], "--run", tiny.search, "--resume"], "is a search run, not a train run"
    )
    with pytest.raises(ValueError, match="is a training run; a search run is needed"):
        load_supernet(tiny.train)


def test_unfinished(tiny):
    start_run(tiny.argv["search"], Path("s"))
    start_run(tiny.argv["train"], Path("t"))
    why = ": this run is not finished"
    refused_untouched(
        ["train", "--preset", "tiny", "--genotype", "s", "--run", "X"], f"s{why}", "--resume"
    )
    refused_untouched(["evaluate", "--method", "t"], f"t{why}", "--resume")
    refused_untouched(
        ["restore", tiny.photos / "coins.png", "--run", "t", "--out", "X.png"],
        f"t{why}",
        "--resume",
    )
    refused_untouched(["evaluate", "--method", "s"], "is a search run; train it first")
    with pytest.raises(ValueError, match="not finished"):
        load_supernet("s")


# Damaged files. ``argv`` of a command that reads the file; the run is finished, or was stopped on
# the way.


def damaged(tiny, kind: str, finished: bool) -> tuple[Path, list[list]]:
    """A run ``run`` to damage, and the commands that then read it."""
    resume = [*tiny.argv[kind], "--run", "run", "--resume"]
    if not finished:
        return start_run(tiny.argv[kind], Path("run")), [resume]
    tiny.copy(kind, Path("run"))
    if kind == "search":
        return Path("run"), [
            resume,
            ["train", "--preset", "tiny", "--genotype", "run", "--run", "X"],
        ]
    restore = ["restore", tiny.photos / "coins.png", "--run", "run", "--out", "X.png"]
    return Path("run"), [resume, ["evaluate", "--method", "run"], restore]


class Payload:
    """A pickle that leaves a mark where it is loaded."""

    def __reduce__(self):
        return Path.touch, (Path("marker"),)


def disguised(name: str, content: str) -> bytes:
    """Bytes that run code when they are unpickled."""
    if content == "pickle":
        return pickle.dumps({"net/x": Payload()})
    if content == "torch":
        torch.save({"net/x": Payload()}, "disguised")
    else:
        np.savez("disguised", x=np.array([Payload()], dtype=object), allow_pickle=True)
    path = Path("disguised" if content == "torch" else "disguised.npz")
    data = path.read_bytes()
    path.unlink()
    return data


def test_the_payload_works():
    """Else the tests below would show nothing."""
    pickle.loads(disguised("", "pickle"))
    assert Path("marker").exists()


# file, kind of run, is it finished, which of the commands of ``damaged`` read the file
READ = [
    ("config.json", "search", False, [0]),
    ("config.json", "search", True, [0, 1]),
    ("config.json", "train", True, [0, 1, 2]),
    ("env.json", "search", False, [0]),
    ("state.safetensors", "search", False, [0]),
    ("state.safetensors", "train", False, [0]),
    ("records.npz", "search", False, [0]),
    ("records.npz", "train", True, [0]),
    ("genotype.json", "search", True, [1]),
    ("genotype.json", "train", True, [1, 2]),
    ("best.safetensors", "train", True, [1, 2]),
]


@pytest.mark.parametrize(("name", "kind", "finished", "which"), READ)
@pytest.mark.parametrize("content", ["half", "empty", "words", "pickle", "torch", "npz"])
def test_damaged_file(tiny, name, kind, finished, which, content):
    folder, commands = damaged(tiny, kind, finished)
    whole = (folder / name).read_bytes()
    make = {
        "half": lambda: whole[: len(whole) // 2],
        "empty": lambda: b"",
        "words": lambda: b"no such thing",
    }
    (folder / name).write_bytes(make.get(content, lambda: disguised(name, content))())
    for i in which:
        refused_untouched(commands[i], str(folder / name))
    assert not Path("marker").exists(), "the payload ran"


@pytest.mark.parametrize(("name", "kind", "finished", "which"), READ[4:])
def test_file_of_another_run(tiny, name, kind, finished, which):
    """Whole, and not this run's: of another network."""
    folder, commands = damaged(tiny, kind, finished)
    other, changes = Path("other"), {"search": {"space.stem": 3}, "train": {"train.stem": 3}}
    start_run([*tiny.argv[kind], *setting(changes[kind])], other, 2)
    if finished:
        assert (
            hinas(*tiny.argv[kind], *setting(changes[kind]), "--run", other, "--resume").code == 0
        )
    if name in (
        "records.npz",
        "genotype.json",
    ):  # readable, with other columns or another architecture
        np.savez(other / "records.npz", x=np.zeros(3))
        (other / "genotype.json").write_text('{"schema": 1, "task": "denoise"}')
    (folder / name).write_bytes((other / name).read_bytes())
    for i in which:
        refused_untouched(commands[i], str(folder / name))


CONFIGS = [
    {},
    {"format": 2},
    {"kind": "bake"},
    {"train": ...},
    {"train": 5},
    {"train": {"widht": 4}},
    {"train": {"width": "x"}},
    {"train": {"sigmas": 5}},
    {"residual": ...},
    {"genotype": ...},
]


@pytest.mark.parametrize("header", CONFIGS, ids=str)
def test_config_that_says_something_else(tiny, header):
    tiny.copy("train", Path("run"))
    config = json.loads(Path("run/config.json").read_text()) | header if header else {}
    Path("run/config.json").write_text(
        json.dumps({k: v for k, v in config.items() if v is not ...})
    )
    refused_untouched(["evaluate", "--method", "run"], "run/config.json")


def test_damaged_result_is_made_again(tiny):
    """The state holds it: without best.safetensors the run counts as unfinished."""
    tiny.copy("train", Path("run"))
    Path("run/best.safetensors").unlink()
    assert hinas(*tiny.argv["train"], "--run", "run", "--resume").code == 0
    same_result(Path("run"), tiny.train)


# A loss that is not finite


@pytest.mark.parametrize(
    ("kind", "change", "where"),
    [
        (
            "search",
            "search.lr=1e30",
            "the loss became nan in the weight step of epoch 1, iteration 2",
        ),
        ("search", "search.arch_lr=1e30", "step of epoch 2, iteration"),
        ("train", "train.lr=1e30", "the loss became nan in iteration 2"),
    ],
)
def test_nan_names_the_step(tiny, kind, change, where):
    argv = [*tiny.argv[kind], "--set", change, "--run", "run"]
    for more in ([], ["--resume"]):  # and again: the run is valid, and no better
        refused(hinas(*argv, *more), where, "preset tiny*: ", f"or lower {kind}.lr = ")
        assert not Path("run/best.safetensors").exists()


@pytest.mark.parametrize(("kind", "module"), [("search", engine_search), ("train", engine_train)])
def test_nan_leaves_the_saved_state(tiny, monkeypatch, kind, module):
    """It stops before the optimiser's step: what was saved goes on as if nothing had been."""
    start_run(tiny.argv[kind], Path("run"))
    before = Path("run/state.safetensors").read_bytes()
    real = module.loss_of
    with monkeypatch.context() as patch:
        patch.setattr(module, "loss_of", lambda *args: tuple(t * float("nan") for t in real(*args)))
        refused(
            hinas(*tiny.argv[kind], "--run", "run", "--resume"), "the loss became nan", "iteration"
        )
        assert Path("run/state.safetensors").read_bytes() == before
        work = open_run(*tiny.argv[kind], "--run", "run", "--resume")
        weights = {k: v.clone() for k, v in work.state.net.named_parameters()}
        with pytest.raises(FloatingPointError):
            list(work.steps())
        assert all(torch.equal(v, weights[k]) for k, v in work.state.net.named_parameters())
    assert hinas(*tiny.argv[kind], "--run", "run", "--resume").code == 0
    same_result(Path("run"), getattr(tiny, kind))
