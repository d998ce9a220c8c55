"""A run as one file: a zip for each checkpoint, whole or not at all, for places where a folder does
not last (Colab's disk).

Only the files of a run are packed, and only they are unpacked, whatever else a zip holds.
"""

import io
import re
import zipfile
import zlib
from pathlib import Path

from hinas_lab.runs.folder import FILES
from hinas_lab.storage import write_atomic

KEPT = 2
"checkpoints that stay: should the newest be damaged on its way, the one before it counts"


def pack_run(run: Path, into: Path) -> Path:
    """The run folder ``run`` as the next numbered zip in the folder ``into``; all but the newest
    two go. Returns the zip.

    May be called while the run is being written: what is read later is never older than what was
    read before (``FILES`` backwards)."""
    content = zipped(run)
    into.mkdir(parents=True, exist_ok=True)
    before = packed(into)
    newest = into / f"{int(before[-1].stem) + 1 if before else 1:06d}.zip"
    write_atomic(newest, content)
    for old in before[: 1 - KEPT]:
        # A mounted Drive moves what is deleted to its bin, where it would go on counting.
        old.write_bytes(b"")
        old.unlink()
    return newest


def zipped(run: Path) -> bytes:
    """The run's files as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in reversed(FILES):
            if (run / name).exists():
                file.writestr(name, (run / name).read_bytes())
    return buffer.getvalue()


def packed(into: Path) -> list[Path]:
    """The zips of one run, oldest first: names of six digits, as ``pack_run`` gives them."""
    return sorted(p for p in into.glob("*.zip") if re.fullmatch(r"\d{6}", p.stem))


def unpack_run(into: Path, run: Path) -> Path | None:
    """Fill the folder ``run`` from the newest zip in ``into`` that is whole and holds a run;
    returns that zip, None when there is none."""
    for path in reversed(packed(into)):
        try:
            with zipfile.ZipFile(path) as file:
                names = [name for name in FILES if name in file.namelist()]
                content = {name: file.read(name) for name in names}  # checks each file's CRC
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            OSError,
        ):
            continue
        if "config.json" not in content:
            continue
        run.mkdir(parents=True, exist_ok=True)
        for name in reversed(content):  # config.json last: until then the folder is no run
            write_atomic(run / name, content[name])
        return path
    return None
