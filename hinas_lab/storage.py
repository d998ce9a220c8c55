"""Files that appear whole or not at all, and the stamp of where a number was made. No torch."""

import errno
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import hinas_lab

PATIENCE = 1.0
"seconds in which a file that is held is tried again"
LARGEST_JSON = 16 * 2**20
"bytes of a JSON file: ours have some thousand"


def write_atomic(path: Path, data: bytes):
    """Write beside ``path``, then replace it: readers see the old or the new file, never half of
    one. OSError in one line otherwise."""
    name = ""
    written = False
    try:
        # in the same folder: a file is replaced in one step only within a file system
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # its bytes are on the disk before its name is
        os.chmod(name, 0o644)  # mkstemp's file is for its owner alone
        replace_file(name, path)
        written = True
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise OSError(
            f"{path}: cannot be written, {why}; what was there before is unchanged"
        ) from None
    finally:  # an interrupt, too, leaves no half file
        if name and not written:
            with suppress(OSError):
                os.unlink(name)


def replace_file(source: str | Path, target: str | Path):
    """``os.replace``, tried for a second: on Windows a virus scanner or an indexer holds a new file
    for a moment. PermissionError says so after that."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return os.replace(source, target)
        except PermissionError as error:
            if time.monotonic() >= end:
                error.strerror = f"{error.strerror} (does another program hold it open?)"
                raise
            time.sleep(0.05)


class Held(ValueError):
    """A run that another thread or process is playing."""


@contextmanager
def run_lock(folder: Path, name: str = "config.json") -> Iterator[None]:
    """Inside, the run in ``folder`` is the caller's alone, among all threads and processes.
    Held when it is another's.

    The system's lock on the file ``name``, which is never replaced: it ends with the process,
    however that dies. A file system without locks lets everybody in."""
    with open(folder / name, "r+b") as file:
        try:
            if os.name == "nt":
                import msvcrt

                file.seek(2**30)  # no reader comes here: Windows keeps others from a locked byte
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # any other error: the file system has no locks
            if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise Held(
                    f"{folder}: this run is running already, in another panel, notebook or "
                    "command; stop it there, or show its panel again"
                ) from None
        yield


def write_json(path: Path, values: dict):
    """Indented JSON, atomically; values that are no finite number become null."""
    write_atomic(path, (json.dumps(_finite(values), indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict:
    """A JSON object from a file; ValueError in one line for anything else."""
    try:
        check_json_size(path)
        values = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: damaged or unreadable ({type(error).__name__})") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: damaged (not a JSON object)")
    return values


def check_json_size(path: Path):
    """ValueError for a JSON file that is too large to be ours."""
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(
            f"{path}: {path.stat().st_size / 1e6:.0f} MB, no JSON of a run is so large"
        )


def _finite(value):
    """``value`` with None for every float that is nan or infinite, which JSON does not know."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def environment(seed: int, device: str) -> dict:
    """Versions, device, threads, seed and commit: what a number needs to be made again."""
    versions = {}
    for name in ("torch", "numpy", "scikit-image", "scipy", "pillow"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    torch = sys.modules.get("torch")  # not loaded: no number came from it
    if device.startswith("cuda"):
        device_name = torch.cuda.get_device_name(device)
    else:
        device_name = platform.processor() or platform.machine()
    return {
        "hinas_lab": hinas_lab.__version__,
        "python": platform.python_version(),
        "versions": versions,
        "device": device,
        "device_name": device_name,
        "threads": torch.get_num_threads() if torch else 1,
        "seed": seed,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """The commit of this checkout, and whether its files differ from it; None without a checkout or
    without git."""
    root = Path(__file__).parents[1]
    try:
        # not asked of git alone: an installed package may lie inside somebody else's checkout
        if not (root / ".git").exists():
            return None
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "-uno")
    except OSError:  # no git on this machine
        return None
    return f"{commit}, with changes" if commit and changed else commit or None


def _git(root: Path, *command: str) -> str:
    """What ``git command`` prints in ``root``; nothing when it fails."""
    done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip()
