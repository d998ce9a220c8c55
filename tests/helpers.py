"""What many tests share: the commands in this process, finished and half-finished runs, folders and
their bytes."""

import contextlib
import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from PIL import Image

from hinas_lab import storage
from hinas_lab.cli.common import resolve
from hinas_lab.cli.main import build_parser, main
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.records import read_records
from hinas_lab.runs import folder
from hinas_lab.runs.folder import Run, load_genotype, open_search, open_training

ROOT = Path(__file__).parent.parent


FILES = {
    "config.json",
    "env.json",
    "state.safetensors",
    "records.npz",
    "genotype.json",
    "best.safetensors",
}


RESULT = ("genotype.json", "best.safetensors")


# One cell of one node, 12 weight steps and 6 arch steps on eight photographs of 48 x 48 pixels: 0.3
# s.
SPACE = {"space.layers": 1, "space.nodes": 1, "space.stem": 2, "space.repeats": 1}


SEARCH = SPACE | {
    "search.epochs": 2,
    "search.crops_per_image": 3,
    "search.patch": 11,
    "search.validate_crop": 24,
}


TRAIN = {"train.stem": 2, "train.repeats": 1, "train.iterations": 12, "train.patch": 11}


class Result(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str


def hinas(*argv) -> Result:
    """``hinas-lab`` in this process. An exception that the user would see as a traceback is
    raised."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(a) for a in argv])
        except SystemExit as stop:  # argparse
            code = stop.code
    return Result(code, out.getvalue(), err.getvalue())


def refused(result: Result, *fragments: str):
    """Exit 2, one line on stderr that holds all ``fragments``, nothing on stdout."""
    code, out, err = result
    assert (code, out) == (2, "") and err.endswith("\n") and len(err.splitlines()) == 1, result
    assert "internal error" not in err and all(f in err for f in fragments), err


def setting(values: dict) -> list[str]:
    """``--set`` options."""
    return [x for name, value in values.items() for x in ("--set", f"{name}={json.dumps(value)}")]


def write_photos(folder: Path, n: int = 8, side: int = 48) -> Path:
    """The middles of ``n`` photographs of scikit-image."""
    folder.mkdir()
    for name, image in list(load_images("builtin", 3).items())[:n]:
        top, left = image.shape[0] // 2, image.shape[1] // 2
        Image.fromarray(image[top : top + side, left : left + side]).save(folder / f"{name}.png")
    return folder


def tiny_runs(base: Path) -> SimpleNamespace:
    """``photos`` and the finished runs ``search`` and ``train``, made once a session below
    ``base``.

    ``argv[kind]`` made them, with ``--run``. They are not to be changed: ``copy(kind, folder)``
    gives one to damage."""
    photos, folders = base / "photos", {kind: base / f"tiny-{kind}" for kind in ("search", "train")}
    argv = {
        "search": ["search", "--preset", "tiny", "--data", photos, *setting(SEARCH)],
        "train": [
            "train",
            "--preset",
            "tiny",
            "--data",
            photos,
            "--genotype",
            folders["search"],
            *setting(TRAIN),
        ],
    }
    if not photos.exists():
        write_photos(photos)
        for kind, command in argv.items():
            assert hinas(*command, "--run", folders[kind]).code == 0

    def copy(kind: str, to: Path) -> Path:
        return Path(shutil.copytree(folders[kind], to))

    return SimpleNamespace(photos=photos, argv=argv, copy=copy, **folders)


def open_run(*argv) -> Run:
    """The run that the command line ``argv`` works on, before its first step."""
    args = build_parser().parse_args([str(a) for a in argv])
    if args.command == "search":
        chosen = resolve(args, args.task, args.scale)
        return open_search(args.run, chosen, data=args.data, resume=args.resume)
    genotype = load_genotype(args.genotype)
    chosen = resolve(args, genotype.task, None)
    return open_training(args.run, genotype, chosen, data=args.data, resume=args.resume)


def start_run(argv: list, folder: Path, records: int = 6) -> Path:
    """A run in ``folder`` that was stopped after some records."""
    steps = open_run(*argv, "--run", folder).steps()
    for _ in range(records):
        next(steps)
    steps.close()
    return folder


def snapshot(folder: Path) -> dict:
    """Bytes, time and inode of every file below."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {
        p.relative_to(folder): (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_ino)
        for p in files
    }


def same_result(a: Path, b: Path):
    """The same bytes, and the same records but for the seconds."""
    for name in RESULT:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name
    ours, theirs = read_records(a), read_records(b)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert name.endswith("/seconds") or ours[name].tobytes() == theirs[name].tobytes(), name


def python(*argv, **options) -> subprocess.CompletedProcess:
    """A fresh interpreter."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(
        [sys.executable, *map(str, argv)], text=True, env=env, cwd=ROOT, timeout=300, **options
    )


def fill_disk(monkeypatch, name: str):
    """From now on no file ``name`` fits."""
    write, fsync, writing = folder.write_atomic, os.fsync, []

    def noting_write(path, data):
        writing[:] = [path.name]
        write(path, data)

    def full(handle):
        if writing == [name]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    for module in (folder, storage):
        monkeypatch.setattr(module, "write_atomic", noting_write)
    monkeypatch.setattr(os, "fsync", full)


def addresses(html: str) -> list[str]:
    """What a browser would ask somebody for: src, href, srcset, url() and @import."""
    found = re.findall(r"""(?:src|href|srcset)\s*=\s*["']?([^"'\s>]+)""", html)
    found += re.findall(r"""url\(\s*["']?([^"')]+)""", html)
    found += re.findall(r"""@import\s+["']?([^"';]+)""", html)
    return [address for address in found if not address.startswith(("data:", "#"))]
