"""Files that appear whole or not at all, and the stamp of where a number was made. No torch."""

import errno
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import hinas_lab


def write_atomic(path: Path, data: bytes):
    """Write beside ``path``, then replace it: readers see the old or the new file, never half of
    one. OSError in one line otherwise."""
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(name)
        why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise OSError(
            f"{path}: cannot be written, {why}; what was there before is unchanged"
        ) from None


@contextmanager
def run_lock(folder: Path, name: str = "config.json") -> Iterator[None]:
    """Inside, the run in ``folder`` is the caller's alone, among all threads and processes.
    ValueError when it is another's.

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
            if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise ValueError(
                    f"{folder}: this run is running already, in another panel, notebook or "
                    "command; stop it there, or show its panel again"
                ) from None
        yield


def write_json(path: Path, values: dict):
    """Indented JSON, atomically; values that are no finite number become null."""
    write_atomic(path, (json.dumps(_finite(values), indent=1, allow_nan=False) + "\n").encode())


def _finite(value):
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def environment(seed: int, device: str) -> dict:
    """Versions, device, threads, seed and commit: what a number needs to be made again."""
    versions = {}
    for name in ("torch", "numpy", "scikit-image", "scipy", "pillow"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    commit, root = None, Path(__file__).parents[1]
    with suppress(OSError):  # no git on this machine
        if (root / ".git").exists():  # a checkout of ours, not a package inside somebody else's
            done = subprocess.run(
                ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
            )
            commit = done.stdout.strip() or None
            changed = subprocess.run(
                ["git", "status", "--porcelain", "-uno"],
                cwd=root,
                capture_output=True,
                text=True,
                check=False,
            )
            commit = f"{commit}, with changes" if commit and changed.stdout.strip() else commit
    torch = sys.modules.get("torch")  # not loaded: nothing here ran on it
    name = (
        torch.cuda.get_device_name(device)
        if device.startswith("cuda")
        else platform.processor() or platform.machine()
    )
    return {
        "hinas_lab": hinas_lab.__version__,
        "python": platform.python_version(),
        "versions": versions,
        "device": device,
        "device_name": name,
        "threads": torch.get_num_threads() if torch else 1,
        "seed": seed,
        "commit": commit,
    }
