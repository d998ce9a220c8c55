"""One zip for a class room without network (``make class``): notebooks, package, recorded runs and
studies, documents.

    python tools/pack_class.py              writes dist/hinas_lab-class.zip
    python tools/pack_class.py --wheels     also fetches into dist/wheels all that pip must install,
                                            for this platform

The zip holds what git tracks, as it is in the working tree, and START.txt. Of a notebook only the
cells are the working tree's: its outputs are the committed ones, never what was run here. Equal
files give equal bytes: fixed dates, sorted names, stored without compression (notebooks and records
are mostly compressed pictures and numbers). Wheels stay outside: they are larger by far (measured:
0.4 GB with a CPU torch; some GB with CUDA) and fit one platform and Python only."""

import argparse
import io
import json
import os
import runpy
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from hinas_lab import __version__
from hinas_lab.storage import write_atomic

ROOT = Path(__file__).parents[1]
NAME = "hinas_lab-class"
INSTALL = runpy.run_path(str(Path(__file__).with_name("install.py")))
START = """hinas_lab {version}, packed for a class ({commit}).

You need Python 3.11 or newer. Three commands in this folder (on Windows: \
.venv\\Scripts\\python in place of .venv/bin/python):

    python3 -m venv .venv
    .venv/bin/python tools/install.py lab
    .venv/bin/python -m jupyterlab notebooks/

The second one needs a network, once. On Linux without an NVIDIA GPU it takes torch for the CPU \
({cpu_mb} MB) from PyTorch's own index. If it says that this index does not answer, pip may fetch \
gigabytes: use the folder `wheels`.

In a room without network use the folder `wheels` from your teacher, put beside this folder, \
instead:

    .venv/bin/python tools/install.py lab --no-index --find-links ../wheels

It was made for one platform and one version of Python: yours must be the same. \
After that nothing needs a network.

Begin with notebooks/00_start_here.ipynb. Exercises in code are in notebooks/exercises/. \
For teachers: docs/teaching.md
"""


def git(root: Path, *arguments: str) -> str:
    """What git says about the checkout ``root``; ValueError in one line when it says nothing."""
    try:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=root,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError:
        raise ValueError("git is not installed; it says which files belong to the class") from None
    if done.returncode:
        raise ValueError(f"{root}: not a git checkout; clone the repository and run this there")
    return done.stdout


def tracked(root: Path) -> list[Path]:
    """The tracked files that are there, sorted, but none that .gitignore names (a run that was
    added by force). ValueError for one that is a link or leads outside of ``root``."""
    names = set(git(root, "ls-files", "-z").split("\0"))
    ignored = git(root, "ls-files", "-z", "-c", "-i", "--exclude-per-directory=.gitignore")
    paths = sorted(root / name for name in names - {*ignored.split("\0")} if name)
    for path in paths:
        if path.is_symlink() or not path.resolve().is_relative_to(root.resolve()):
            raise ValueError(
                f"{path.relative_to(root)}: is a link; a zip holds only files of its own"
            )
    return [path for path in paths if path.is_file()]


def without_own_outputs(root: Path, path: Path) -> bytes:
    """The notebook ``path`` with its cells as they are, and what was run here taken out: a cell
    that is as committed has the committed outputs, another one none.

    ValueError for a file that is no notebook.
    """
    name = path.relative_to(root).as_posix()
    try:
        notebook, committed = json.loads(path.read_bytes()), {"cells": []}
        if git(root, "ls-tree", "--name-only", "HEAD", name):
            committed = json.loads(git(root, "show", f"HEAD:{name}"))
        if notebook == committed:
            return path.read_bytes()
        stored = {(cell.get("id"), *cell["source"]): cell for cell in committed["cells"]}
        for cell in notebook["cells"]:
            cell["metadata"].pop("execution", None)  # when it ran
            if cell["cell_type"] == "code":
                own = stored.get((cell.get("id"), *cell["source"]), {})
                cell["outputs"] = own.get("outputs", [])
                cell["execution_count"] = own.get("execution_count")
        notebook["metadata"].pop("widgets", None)  # their state, which outputs point to
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{name}: is not a notebook: {error}; mend it first") from None
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def content(root: Path, path: Path) -> bytes:
    """What the zip holds of a tracked file."""
    if path.suffix == ".ipynb":
        return without_own_outputs(root, path)
    return path.read_bytes()


def pack(root: Path) -> bytes:
    """The zip, one folder ``hinas_lab-class`` in it. The same files give the same bytes."""
    if not (paths := tracked(root)):
        raise ValueError(f"{root}: git tracks no files here")
    changed = bool(git(root, "status", "--porcelain", "--untracked-files=no").strip())
    commit = git(root, "rev-parse", "--short=12", "HEAD").strip() + (
        ", with local changes" if changed else ""
    )
    files = {
        path.relative_to(root).as_posix(): (content(root, path), os.access(path, os.X_OK))
        for path in paths
    }
    files["START.txt"] = (
        START.format(version=__version__, commit=commit, cpu_mb=INSTALL["CPU_MB"]).encode(),
        False,
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, (packed, executable) in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{NAME}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = (
                3,
                (0o100755 if executable else 0o100644) << 16,
            )
            archive.writestr(entry, packed)
    return data.getvalue()


def requirements(root: Path) -> list[str]:
    """All that ``tools/install.py lab`` must install, and what it builds with."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    return [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["lab"],
        *project["build-system"]["requires"],
        "editables",
    ]


def fetch(root: Path, folder: Path, extra: list[str]) -> None:
    """pip downloads wheels for this platform and Python into ``folder``; ValueError when it cannot.
    ``extra``: more arguments for pip. Drawing's are left out where there are none."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--only-binary",
        ":all:",
        "-d",
        str(folder),
        "-c",
        "constraints/cpu.txt",
    ]
    folder.mkdir(exist_ok=True)
    # whoever has arguments of their own may have chosen a torch with them
    index = "" if extra else INSTALL["cpu_index"]([])
    if index:
        subprocess.run([*command, "torch", "--index-url", index], cwd=root, check=False)
    # what came from there is newer to pip than the registry's torch: 2.0+cpu is after 2.0
    command += ["--find-links", str(folder), *extra]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    drawing = project["optional-dependencies"]["draw"]
    if subprocess.run([*command, *drawing], cwd=root, check=False).returncode:
        print("no pygraphviz for this platform: drawings will need the program dot")
    if subprocess.run([*command, *requirements(root)], cwd=root, check=False).returncode:
        raise ValueError(
            "pip could not fetch everything (see above); "
            f"what it has is in {folder}, run this again to go on"
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / "dist", help="folder (default: dist/ of the checkout)"
    )
    parser.add_argument(
        "--wheels",
        action="store_true",
        help="also fetch what pip must install, into OUT/wheels (0.4 GB; with CUDA some GB)",
    )
    parser.add_argument(
        "--pip",
        nargs=argparse.REMAINDER,
        default=[],
        help="all that follows goes to pip download, with --wheels",
    )
    chosen = parser.parse_args(arguments)
    try:
        data = pack(ROOT)
        chosen.out.mkdir(parents=True, exist_ok=True)
        target = chosen.out / f"{NAME}.zip"
        write_atomic(target, data)
        print(f"{target}: {len(data) / 1e6:.1f} MB; unpack it and read START.txt")
        if chosen.wheels:
            fetch(ROOT, (chosen.out / "wheels").resolve(), chosen.pip)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if chosen.wheels:
        print(
            f"{chosen.out / 'wheels'}: "
            f"{sum(p.stat().st_size for p in (chosen.out / 'wheels').glob('*')) / 1e6:.0f} MB "
            "for this platform"
        )
    else:
        print(
            "without wheels: the students need a network for the installation, once; "
            "ARGS=--wheels fetches them"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
