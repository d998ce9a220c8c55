"""Faults, drawn from a seed: damaged files of a run, bombs, odd words, variables and streams.

    python tests/fuzz.py --cases 600 --seed 0          # make fuzz

A case is one command in a process of its own, in a folder of its own. It is answered well when the
exit code is 0 or 2 (2 where the input is surely damaged), standard error has one short line at
most and no traceback, a refusal changes no file and leaves none, nothing hidden stays, and time and
memory are bounded."""

import argparse
import dataclasses
import json
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from helpers import start_run, tiny_runs
from PIL import Image

from hinas_lab.cli.main import LONGEST_LINE, main
from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig

SECONDS = 90
"for a case: it takes one, an idle machine given"
MEGABYTES = 1000
"more than this process has"


@dataclass
class Case:
    """``argv``: a command, run in the folder that was prepared."""

    argv: list
    what: str
    refused: bool = False
    "the input is damaged for sure: exit 2"
    env: dict = field(default_factory=dict)
    "variables; None takes one away. With any, the process starts afresh"
    streams: str = ""
    "closed, full, pipe: what standard output is; full error: and standard error"
    keeps: bool = False
    "a refusal may leave a valid run: it diverged"


class Lab:
    """Finished and unfinished runs to damage, made once."""

    def __init__(self, base: Path):
        self.tiny, self.base = tiny_runs(base), base
        self.half = {}
        for name, kind, more in (
            ("search", "search", []),
            ("train", "train", []),
            ("sgd", "train", ["--set", "train.optimizer=sgd"]),
        ):
            self.half[name] = [*self.tiny.argv[kind], *more], base / f"half-{name}"
            if not self.half[name][1].exists():
                start_run(*self.half[name], 17 if kind == "search" else 6)

    def half_run(self, rng: random.Random) -> list:
        """An unfinished run as ``run``; the command that continues it."""
        argv, folder = self.half[rng.choice(sorted(self.half))]
        shutil.copytree(folder, "run")
        return [*argv, "--run", "run", "--resume"]

    def measure(self, rng: random.Random) -> list:
        """A command that uses the weights of ``run``."""
        photo = self.tiny.photos / "coins.png"
        evaluate = ["evaluate", "--method", "run", "--dataset", self.tiny.photos, "--limit", 1]
        return rng.choice([evaluate, ["restore", photo, "--run", "run", "--out", "X.png"]])


def odd(rng: random.Random):
    """A JSON value that is hardly what is asked for."""
    long = "x" * 5000
    values = [None, True, 0, -1, 10**9, 10**18, 1e300, float("nan"), "", "x", long, "\udcff"]
    return rng.choice([*values, [], {}, [1] * 3000, [[]], {"a": {"b": []}}, [None]])


# Damage to a file of tensors


def damage_tensors(path: Path, rng: random.Random) -> str:
    """One tensor of the file becomes another; what was done."""
    tensors = safetensors.torch.load_file(path)
    name = rng.choice(sorted(name for name in tensors if "losses" not in name))
    value = tensors.pop(name)
    other = [t for t in (torch.int8, torch.bool, torch.float16, torch.float64) if t != value.dtype]
    kind = rng.choice(["gone", "empty", "shape", "type", "bad", "renamed", "extra"])
    tensors |= {
        "gone": lambda: {},
        "empty": lambda: {name: value.new_zeros(0)},
        "shape": lambda: {name: value.reshape(-1).repeat(3)},
        "type": lambda: {name: value.to(rng.choice(other))},
        "bad": lambda: {name: _bad(value, rng)},
        "renamed": lambda: {f"{name}x": value},
        "extra": lambda: {
            name: value,
            rng.choice(["y", "net/y", "optimizer/9999/step"]): value + 0,
        },
    }[kind]()
    path.write_bytes(safetensors.torch.save(tensors))
    return f"{name} {kind}"


def _bad(value: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """Values that nothing can go on with; of a counter of batches, another type."""
    if value.dtype == torch.float32 or value.dtype == torch.float64:
        return torch.full_like(value, rng.choice([float("nan"), float("inf")]))
    if value.dtype == torch.int64 and value.numel() > 1:
        return value + rng.choice([10**9, -(10**9)])
    return value.to(torch.bool)


def damage_bytes(path: Path, rng: random.Random) -> str:
    """Any file, cut, emptied, or with another header."""
    whole = path.read_bytes()
    kind = rng.choice(["cut", "empty", "words", "length", "longer"])
    path.write_bytes(
        {
            "cut": whole[: rng.randrange(len(whole))],
            "empty": b"",
            "words": b"no such thing",
            "length": struct.pack("<Q", rng.choice([2**63, 10**9])) + whole[8:],
            "longer": whole + b"\0" * rng.randrange(1, 99),
        }[kind]
    )
    return kind


def state(lab: Lab, rng: random.Random) -> Case:
    argv, path = lab.half_run(rng), Path("run/state.safetensors")
    damage = damage_tensors if rng.random() < 0.85 else damage_bytes
    return Case(argv, damage(path, rng), refused=True)


def weights(lab: Lab, rng: random.Random) -> Case:
    lab.tiny.copy("train", Path("run"))
    damage = damage_tensors if rng.random() < 0.85 else damage_bytes
    what = damage(Path("run/best.safetensors"), rng)
    return Case(lab.measure(rng), what, refused=True)


# JSON of a run


def damage_json(path: Path, rng: random.Random) -> str:
    """One value of the object, however deep, becomes an odd one or goes."""
    values = where = json.loads(path.read_text())
    names = []
    while isinstance(where, dict | list) and where:
        key = rng.choice(sorted(where)) if isinstance(where, dict) else rng.randrange(len(where))
        names.append(str(key))
        if not isinstance(where[key], dict | list) or rng.random() < 0.4:
            break
        where = where[key]
    if rng.random() < 0.2:
        del where[key]
    else:
        where[key] = odd(rng)
    path.write_text(json.dumps(values))
    return f"{path.name} {'.'.join(names)}"


def header(lab: Lab, rng: random.Random) -> Case:
    kind = rng.choice(["search", "train", "half"])
    resume = lab.half_run(rng) if kind == "half" else [*lab.tiny.argv[kind], "--run", "run"]
    if kind != "half":
        lab.tiny.copy(kind, Path("run"))
    what = damage_json(Path("run") / rng.choice(["config.json", "config.json", "env.json"]), rng)
    commands = [
        ["runs", "list", "."],
        ["runs", "show", "run"],
        ["runs", "diff", "run", lab.tiny.search],
        ["runs", "report", "run", "--out", "X.html"],
        [*map(str, resume), "--resume"],
        ["train", "--preset", "tiny", "--genotype", "run", "--run", "X", "--set", "train.patch=11",
         "--data", lab.tiny.photos],
        lab.measure(rng),
    ]  # fmt: skip
    return Case(rng.choice(commands), what)


def genotype(lab: Lab, rng: random.Random) -> Case:
    found = json.loads((lab.tiny.search / "genotype.json").read_text())
    Path("g.json").write_text(json.dumps(found))
    what = "layers"
    if rng.random() < 0.8:
        what = damage_json(Path("g.json"), rng)
    else:
        times = rng.choice([101, 10_000, 200_000])
        found |= {"cells": found["cells"] * times, "path": found["path"] * times}
        Path("g.json").write_text(json.dumps(found))
    argv = ["train", "--preset", "tiny", "--genotype", "g.json", "--data", lab.tiny.photos]
    return Case([*argv, "--set", "train.patch=11", "--run", "X"], what, refused=what == "layers")


# Records


def records(lab: Lab, rng: random.Random) -> Case:
    argv, path = lab.half_run(rng), Path("run/records.npz")
    kind = rng.choice(["declared", "bomb", "column", "bytes"])
    argv = rng.choice([argv, argv, ["runs", "report", "run", "--out", "X.html"]])
    if kind == "declared":  # the zip says so, whatever is in it
        data = bytearray(path.read_bytes())
        at = data.index(b"PK\x01\x02")
        data[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)
        path.write_bytes(data)
    elif kind == "bomb":  # a column of 10^12 numbers
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as stored:
            named = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**12},)}}\n"
            magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(named)) + named.encode()
            stored.writestr("step/more.npy", magic)
    elif kind == "column":
        with np.load(path) as stored:
            columns = {name: stored[name] for name in stored.files}
        # a training has no epochs: nothing to damage
        full = [n for n, c in columns.items() if n.startswith(("step/", "epoch/epoch")) and len(c)]
        name = rng.choice(sorted(full))
        column = columns.pop(name)
        changed = [
            column.astype("U9"),
            column[None],
            column[:-1],
            column.astype(complex),
            np.zeros((), column.dtype),
        ]
        if rng.random() < 0.8:
            columns[name] = rng.choice(changed)
        kind = f"column {name}"
        np.savez(path, **columns)
    else:
        kind = damage_bytes(path, rng)
    return Case(argv, kind, refused=kind not in ("cut", "longer", "length"))


# The command line

OPTIONS = ("--preset", "--data", "--sigma", "--task", "--scale", "--seed", "--device", "--threads")
WORDS = ["x" * 5000, "", "\udcff\udcfe", "a\nb", "-1", "1e999", "nan", "10" * 40, "~nobody_x/y"]


def settings(lab: Lab, rng: random.Random) -> Case:
    kind = rng.choice(["search", "train"])
    part, cls = rng.choice([("space", SearchSpace), ("search", SearchConfig)])
    if kind == "train":
        part, cls = "train", TrainConfig
    name, value = rng.choice(dataclasses.fields(cls)).name, odd(rng)
    argv = [*lab.tiny.argv[kind], "--run", "X", "--set", f"{part}.{name}={json.dumps(value)}"]
    return Case(argv, f"{name} {str(value)[:20]}", keeps=True)


def words(lab: Lab, rng: random.Random) -> Case:
    word = rng.choice(WORDS)
    option = rng.choice(OPTIONS)
    argvs = [
        [*lab.tiny.argv["search"], "--run", "X", option, word],
        ["evaluate", "--method", word],
        ["evaluate", "--method", lab.tiny.train, "--dataset", word or "?", "--save", "P"],
        ["evaluate", "--method", lab.tiny.train, "--protocol", word, "--json", "e.json"],
        ["restore", word or "?", "--run", lab.tiny.train, "--out", "P/"],
        ["train", "--genotype", word or "?", "--run", "X"],
        ["runs", "show", word or "?"],
        ["runs", "list", word or "?"],
        ["study", word],
        [word or "?"],
        ["data", "verify", word or "?"],
    ]
    argv = rng.choice(argvs)
    return Case(argv, f"{argv[0][:9]} {word[:9]!a}", keeps=True)


VARIABLES = [
    {"HINAS_DATA": "~nobody_x/y"},
    {"HINAS_DATA": "/proc/none"},
    {"HOME": None},
    {"HOME": "/nowhere", "HINAS_DATA": None},
    {"HINAS_PRESET": "x" * 5000},
    {"MPLBACKEND": "odd"},
    {"MPLBACKEND": "module://no_such_backend"},
    {"TQDM_NCOLS": "x", "TQDM_MININTERVAL": "?", "TQDM_FILE": "x"},
    {"TORCH_LOGS": "garbage"},
    {"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "x", "TORCH_CPP_LOG_LEVEL": "?"},
    {"OMP_NUM_THREADS": "many"},
    {"TMPDIR": "/nowhere"},
]


def environment(lab: Lab, rng: random.Random) -> Case:
    env = rng.choice(VARIABLES)
    commands = [
        ["evaluate", "--method", lab.tiny.train, "--dataset", lab.tiny.photos, "--limit", 1],
        ["runs", "report", lab.tiny.search, "--out", "X.html"],
        ["data", "where"],
        [*lab.tiny.argv["train"], "--run", "X"],
    ]
    return Case(rng.choice(commands), str(env)[:60], env=env)


def streams(lab: Lab, rng: random.Random) -> Case:
    stream = rng.choice(["closed", "full", "pipe", "full error"])
    save = rng.choice([["--json", "e.json"], ["--save", "P"], []])
    commands = [
        ["search", "--help"],
        ["runs", "list", lab.base],
        ["runs", "show", lab.tiny.search],
        ["data", "list"],
        ["evaluate", "--method", lab.tiny.train, "--dataset", lab.tiny.photos, "--limit", 2, *save],
        ["runs", "show", "nothing"],
        ["wrong"],
    ]
    return Case(rng.choice(commands), stream, streams=stream, keeps=True)


def late(lab: Lab, rng: random.Random) -> Case:
    """A picture of the folder is none: asked before a run or a folder is made."""
    shutil.copytree(lab.tiny.photos, "photos")
    picture = Path("photos") / rng.choice(sorted(os.listdir("photos")))
    what = rng.choice(["words", "cut", "small"])
    if what == "small":
        Image.new("L", (3, 3)).save(picture)
    else:
        picture.write_bytes({"words": b"no picture", "cut": picture.read_bytes()[:200]}[what])
    search = [*lab.tiny.argv["search"], "--data", "photos", "--run", "X"]
    measure = ["evaluate", "--method", lab.tiny.train, "--dataset", "photos"]
    commands = [search, [*measure, "--save", "P"], [*measure, "--json", "e.json"]]
    return Case(rng.choice(commands), what, refused=True)


KINDS: dict[str, Callable[[Lab, random.Random], Case]] = {
    function.__name__: function
    for function in (
        state, weights, header, genotype, records, settings, words, streams, late, environment
    )
}  # fmt: skip


# One case


def files(folder: Path) -> dict:
    """Every file and folder below, with its bytes."""
    found = {}
    for path in folder.rglob("*"):
        found[str(path)] = path.read_bytes() if path.is_file() else None
    return found


def play(case: Case) -> tuple[int, str, float]:
    """The command in a child: exit code (negative: killed by that signal), standard error, and the
    megabytes that it took."""
    log = Path(tempfile.mkstemp(prefix="fuzz-")[1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = os.fork()
    if child == 0:
        _become(case, log)
    _, status, usage = os.wait4(child, 0)
    text = log.read_text(errors="replace")
    log.unlink()
    return os.waitstatus_to_exitcode(status), text, (usage.ru_maxrss - before) / 1024


def _become(case: Case, log: Path):
    """The child: never returns."""
    signal.alarm(SECONDS)
    null, full = os.open(os.devnull, os.O_RDWR), os.open("/dev/full", os.O_WRONLY)
    out = full if case.streams.startswith("full") else null
    if case.streams == "pipe":
        source, out = os.pipe()
        os.close(source)
    error = full if case.streams == "full error" else os.open(log, os.O_WRONLY)
    for stream, target in enumerate((null, out, error)):
        os.dup2(target, stream)
    if case.streams == "closed":
        os.close(1)
    argv = [os.fsencode(str(word)) for word in case.argv]
    if case.env:
        env = {k: v for k, v in (dict(os.environ) | case.env).items() if v is not None}
        os.execve(sys.executable, [sys.executable, "-m", "hinas_lab", *argv], env)
    sys.stdout = None if case.streams == "closed" else open(1, "w", closefd=False)
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.argv = ["hinas-lab", *map(os.fsdecode, argv)]
    code = 120
    try:
        code = main()
        sys.stdout.flush()
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code if isinstance(code, int) else 1)


def complaints(case: Case, folder: Path) -> list[str]:
    """What was not answered well in a case, played in ``folder``, the working folder."""
    before, start = files(folder), time.monotonic()
    code, text, megabytes = play(case)
    after, lines = files(folder), text.splitlines()
    bad = []
    if code not in ((2,) if case.refused else (0, 2)):
        bad.append(f"exit code {code}")
    if len(lines) > 1 or (code == 2 and not lines and case.streams != "full error"):
        bad.append(f"{len(lines)} lines on standard error: {text[-300:]!r}")
    if "Traceback" in text or "internal error" in text:
        bad.append(text[-500:])
    if any(len(line) > LONGEST_LINE for line in lines):
        bad.append(f"a line of {max(map(len, lines))} characters")
    if code == 2 and not case.keeps and before != after:
        bad.append(f"changed: {sorted(k for k in before | after if before.get(k) != after.get(k))}")
    hidden = [name for name in after.keys() - before.keys() if Path(name).name.startswith(".")]
    if hidden:
        bad.append(f"left {hidden}")
    if megabytes > MEGABYTES or time.monotonic() - start > SECONDS:
        bad.append(f"{megabytes:.0f} MB, {time.monotonic() - start:.0f} s")
    return bad


def run(lab: Lab, kind: str, seed: int) -> tuple[Case, list[str]]:
    """Case ``seed`` of a kind, and what was wrong with the answer."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.chdir(folder)
        try:
            case = KINDS[kind](lab, random.Random(f"{kind} {seed}"))
            return case, complaints(case, Path(folder))
        finally:
            os.chdir(here)


def fuzz() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    played, well = Counter(), Counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-lab-") as base:
        lab = Lab(Path(base))
        for i in range(args.cases):
            kind, seed = args.kinds[i % len(args.kinds)], args.seed + i // len(args.kinds)
            case, bad = run(lab, kind, seed)
            played[kind] += 1
            well[kind] += not bad
            if bad:
                print(f"{kind} {seed} ({case.what}): {'; '.join(bad)}", flush=True)
    for kind in args.kinds:
        print(f"{kind:<12} {well[kind]:>4} of {played[kind]:>4}")
    print(f"{'all':<12} {well.total():>4} of {played.total():>4}")
    return int(well != played)


if __name__ == "__main__":
    raise SystemExit(fuzz())
