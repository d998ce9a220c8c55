"""What a user, a disk or a shell may do to a run, kind by kind: one line, and nothing changed."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from helpers import hinas, open_run, refused, setting, start_run
from test_bad_input import refused_untouched

from hinas_lab.cli.main import LONGEST_LINE


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every command runs in an empty folder."""
    monkeypatch.chdir(tmp_path)


def process(*argv, code="", env=(), **options) -> subprocess.CompletedProcess:
    """``hinas-lab`` in a fresh process in this folder; ``code`` is run before."""
    code += "; from hinas_lab.cli.main import main; raise SystemExit(main())"
    env = {k: v for k, v in (os.environ | dict(env)).items() if v is not None}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    command = [sys.executable, "-c", code.removeprefix("; "), *map(str, argv)]
    return subprocess.run(command, text=True, env=env, timeout=300, **options)


def rewrite(path: Path, change):
    """``change(tensors)`` of the file, in place."""
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    path.write_bytes(safetensors.torch.save(tensors))


# The state of a run that is continued


DAMAGE = {
    "gone": lambda t, name: t.pop(name),
    "empty": lambda t, name: t.update({name: t[name].new_zeros(0)}),
    "longer": lambda t, name: t.update({name: t[name].reshape(-1).repeat(3)}),
    "bool": lambda t, name: t.update({name: t[name].to(torch.bool)}),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    ("kind", "more"), [("search", {}), ("train", {}), ("train", {"train.optimizer": "sgd"})]
)
def test_every_tensor_of_a_state_is_held_to_the_run(tiny, kind, more, damage):
    """Before the optimiser, which walks through memory unasked, sees one of them."""
    argv = [*tiny.argv[kind], *setting(more), "--run", "run"]
    start_run(argv[:-2], Path("run"), 17 if kind == "search" else 6)
    run = open_run(*argv, "--resume")
    good = {k: v.clone() for k, v in safetensors.torch.load_file("run/state.safetensors").items()}
    del good["records"]
    seen = 0
    for name in good.keys() - {"losses", "genotype"}:
        tensors = dict(good)
        DAMAGE[damage](tensors, name)
        with pytest.raises((ValueError, KeyError), match=re.escape(name)):
            run.state.load(tensors)
        seen += 1
    assert seen > 30
    name = next(n for n in good if "optimizer/" in n)
    rewrite(Path("run/state.safetensors"), lambda tensors: DAMAGE[damage](tensors, name))
    refused_untouched([*argv, "--resume"], "run/state.safetensors", name)


@pytest.mark.parametrize("value", [10**9, -1])
@pytest.mark.parametrize("name", ["place", "records"])
@pytest.mark.parametrize("kind", ["search", "train"])
def test_a_position_outside_the_run(tiny, kind, name, value):
    start_run(tiny.argv[kind], Path("run"))

    def move(tensors):
        tensors[name][0] = value

    rewrite(Path("run/state.safetensors"), move)
    refused_untouched([*tiny.argv[kind], "--run", "run", "--resume"], "run/state.safetensors")


# Weights


@pytest.mark.parametrize("what", ["int8", "bool", "float16", "nan", "inf"])
def test_weights_that_are_none(tiny, what):
    tiny.copy("train", Path("run"))

    def spoil(tensors):
        name = next(n for n, t in tensors.items() if t.ndim == 4)
        if what in ("nan", "inf"):
            tensors[name].view(-1)[0] = float(what)
        else:
            tensors[name] = tensors[name].to(getattr(torch, what))

    rewrite(Path("run/best.safetensors"), spoil)
    where = "run/best.safetensors: holds the weights of another network, or is damaged"
    refused_untouched(["evaluate", "--method", "run", "--dataset", tiny.photos], where)
    photo = tiny.photos / "coins.png"
    refused_untouched(["restore", photo, "--run", "run", "--out", "X.png"], where)


# config.json and env.json


WRONG = [
    {"preset": 5},
    {"preset": [1]},
    {"data": None},
    {"search": [1]},
    {"search": {"epochs": "many"}},
    {"search": {"seed": {}}},
    {"search": {"loss": 3}},
    {"space": "x"},
    {"space": {"layers": [3]}},
    {"space": {"width_factors": [[1]]}},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_a_damaged_run_is_a_line_of_the_list(tiny, change):
    tiny.copy("search", Path("all/bad"))
    tiny.copy("train", Path("all/good"))
    path = Path("all/bad/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    code, out, err = hinas("runs", "list", "all")
    bad, good = out.splitlines()
    assert (code, err) == (0, "") and str(path) in bad and "finished" in good
    for argv in (["runs", "show", "all/bad"], ["runs", "report", "all/bad", "--out", "X.html"]):
        refused_untouched(argv, str(path))


@pytest.mark.parametrize("change", [{"resumed": []}, {"resumed": 5}, {"resumed": ["x"]}], ids=str)
def test_damaged_environment(tiny, change):
    start_run(tiny.argv["search"], Path("run"))
    path = Path("run/env.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refused_untouched([*tiny.argv["search"], "--run", "run", "--resume"], "run/env.json: damaged")


# Bombs: refused before memory is taken


def test_records_that_unpack_to_gigabytes(tiny):
    start_run(tiny.argv["search"], Path("run"))
    path = Path("run/records.npz")
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24  # the unpacked size of the first column
    data[at : at + 4] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(data)
    refused_untouched(
        [*tiny.argv["search"], "--run", "run", "--resume"], "run/records.npz: holds 4295 MB"
    )


@pytest.mark.parametrize(("times", "why"), [(200, "layers = 200: must be"), (10**6, "MB, no JSON")])
def test_a_genotype_of_many_layers(tiny, times, why):
    found = json.loads((tiny.search / "genotype.json").read_text())
    found |= {"cells": found["cells"] * times, "path": found["path"] * times}
    Path("g.json").write_text(json.dumps(found))
    refused_untouched(["train", "--preset", "tiny", "--genotype", "g.json", "--run", "X"], why)


@pytest.mark.parametrize(
    "change",
    [
        "space.stem=10000000",
        "space.width=1000000",
        "space.width_factors=[1,100000]",
        "space.nodes=1000",
        "space.layers=1000000",
        "space.repeats=100000",
        "search.epochs=1000000000",
        "search.crops_per_image=1000000000",
        "search.sigmas=" + json.dumps([1] * 2000),
    ],
    ids=lambda text: text[:30],
)
def test_a_size_beyond_all_limits(tiny, change):
    argv = [*tiny.argv["search"], "--run", "X", "--set", change]
    refused_untouched(argv, change.partition("=")[0].partition(".")[2], "at most")


def test_many_small_operations_are_too_many(tiny):
    """Each number within its limit, and all together a supernet of 100,000 operations."""
    sizes = setting({"space.layers": 90, "space.nodes": 30})
    refused_untouched([*tiny.argv["search"], *sizes, "--run", "X"], "operations compete")


def test_a_header_that_describes_a_larger_net(tiny):
    """The file of the weights is too small for it: it is not built."""
    tiny.copy("train", Path("run"))
    path = Path("run/config.json")
    config = json.loads(path.read_text())
    config["train"] |= {"width": 4096, "stem": 4096}
    path.write_text(json.dumps(config))
    refused_untouched(["evaluate", "--method", "run"], "run/best.safetensors: truncated, or")


# Streams, names and variables


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("where", [">&-", "| head -c 1 >/dev/null", "> /dev/full", "2> /dev/full"])
def test_output_that_nobody_reads(tiny, where):
    """The work counts: the record is written, and nothing hidden is left."""
    command = "evaluate --limit 1 --json e.json --method"
    words = f"{sys.executable} -m hinas_lab {command} {tiny.train} --dataset {tiny.photos} {where}"
    done = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=300)
    lines = done.stderr.splitlines()
    assert len(lines) <= 1 and "Traceback" not in done.stderr, done.stderr
    # that the net has seen the picture is then heard by nobody
    assert done.returncode == (2 if where == "> /dev/full" else 0)
    assert os.listdir() == ["e.json"] and json.loads(Path("e.json").read_text())["rows"]


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_a_reader_that_leaves_is_no_bad_image(tiny):
    """Of a batch, too, which goes on where an image is bad."""
    source, closed = os.pipe()
    os.close(source)
    photos = [tiny.photos / "coins.png", tiny.photos / "brick.png"]
    done = process("restore", *photos, "--run", tiny.train, "--out", "P", stdout=closed)
    os.close(closed)
    assert (done.returncode, done.stderr) == (0, "") and os.listdir("P") == ["coins.png"]


def test_names_that_are_no_utf8(tiny):
    shutil.copytree(tiny.photos, "photos")
    for i, photo in enumerate(sorted(Path("photos").iterdir())):
        photo.rename(os.fsdecode(b"photos/\xff%d.png" % i))
    search, train = os.fsdecode(b"\xfe"), os.fsdecode(b"\xfd")
    assert hinas(*tiny.argv["search"], "--data", "photos", "--run", search).code == 0
    assert hinas(*tiny.argv["train"], "--data", "photos", "--run", train).code == 0
    assert (
        hinas("restore", "photos/" + os.listdir("photos")[0], "--run", train, "--out", "x.png").code
        == 0
    )
    assert hinas("runs", "report", search, "--out", "X.html").code == 0
    argv = ["evaluate", "--method", tiny.train, "--dataset", "photos", "--limit", 2, "--save", "P"]
    assert hinas(*argv).code == 0 and len(os.listdir("P")) == 2
    refused(hinas("runs", "show", os.fsdecode(b"\xfc")), "no such run folder")


ODD = {
    "MPLBACKEND": "odd",
    "TQDM_NCOLS": "x",
    "TQDM_FILE": "x",
    "TORCH_LOGS": "garbage",
    "TORCH_CPP_LOG_LEVEL": "?",
    "OMP_NUM_THREADS": "many",
    "HINAS_DATA": "~nobody_x/y",
}


def test_odd_variables_stop_nothing(tiny):
    """Not even a cache that cannot be named, where none is needed."""
    done = process(*tiny.argv["train"], "--run", "X", env=ODD)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_cache_that_cannot_be_named(monkeypatch):
    monkeypatch.setenv("HINAS_DATA", "~nobody_x/y")
    refused(hinas("data", "where"), "HINAS_DATA = ~nobody_x/y: no such user")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HINAS_DATA")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    refused(hinas("data", "where"), "no home folder", "HINAS_DATA")


def test_warnings_of_a_library_are_one_line():
    """However often it warns, and whatever it says."""
    doctor = "import warnings, hinas_lab.cli.doctor as d"
    doctor += "; d.run = lambda args: [warnings.warn('too\\nlarge') for _ in range(3)] and 0"
    done = process("doctor", code=doctor)
    assert (done.returncode, done.stderr) == (0, "hinas-lab: warning: too large\n")


# Messages, and what is refused late


LONG = "x" * 5000


@pytest.mark.parametrize(
    "argv",
    [
        ["search", "--preset", LONG, "--run", "X"],
        ["search", "--run", "X", "--set", f"space.cell_sharing={LONG}"],
        ["search", "--run", "X", "--set", "search.sigmas=" + json.dumps(["x y"] * 900)],
        ["search", "--run", "X", "--seed", LONG],
        ["evaluate", "--method", LONG],
        ["runs", "show", LONG],
        [LONG],
    ],
    ids=range(7),
)
def test_a_long_value_is_cut(argv):
    code, out, err = hinas(*argv)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
    assert len(err) <= LONGEST_LINE + 1 and " ... " in err


def test_a_long_value_of_a_damaged_run_is_cut(tiny):
    tiny.copy("search", Path("all/bad"))
    path = Path("all/bad/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"preset": LONG}))
    assert max(map(len, hinas("runs", "list", "all").out.splitlines())) <= LONGEST_LINE


@pytest.mark.parametrize("option", [["--save", "P/Q"], ["--json", "e.json"]], ids=str)
@pytest.mark.parametrize("what", ["no picture", "too small"])
def test_the_last_picture_is_looked_at_before_anything_is_written(tiny, option, what):
    from PIL import Image

    shutil.copytree(tiny.photos, "photos")
    if what == "too small":
        Image.new("L", (8, 8)).save("photos/zzz.png")
    else:
        Path("photos/zzz.png").write_bytes(b"no picture")
    refused_untouched(
        ["evaluate", "--method", tiny.train, "--dataset", "photos", *option], "zzz.png"
    )
