"""The wanted files of a zip or tar archive, and nothing else. What an archive says of itself is not
believed. No torch."""

import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

MEMBERS = 100_000
"more than any archive of ours has"


class Member(NamedTuple):
    """One entry of an archive."""

    name: str
    bytes: int
    plain: bool
    "a regular file: no folder, link or device"
    open: Callable[[], BinaryIO]


def _members(archive: Path) -> Iterator[Member]:
    """One by one, and to be opened before the next is asked for."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                if not entry.is_dir():
                    # Unix keeps the file's mode in the upper half; 0: made elsewhere, without one
                    plain = stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG)
                    read = partial(opened.open, entry)
                    yield Member(entry.filename, entry.file_size, plain, read)
    else:
        with tarfile.open(archive) as opened:
            for entry in opened:
                read = partial(opened.extractfile, entry)
                yield Member(entry.name, entry.size, entry.isreg(), read)


def unpack(
    archive: Path, keep: str, folder: Path, limit: int, step: Callable[[], object] = lambda: None
) -> int:
    """Write the members whose whole name matches ``keep`` to ``folder`` / its first group; returns
    how many. ``step`` is called for each.

    ValueError in one line: no archive, damaged, a name that leads outside, a link or device or
    second copy where a file is wanted, more than ``limit`` bytes in all. OSError: the disk. What
    was written until then stays: give it a folder that can be thrown away.
    """
    names, total = set(), 0
    try:
        with closing(_members(archive)) as members:
            for number, member in enumerate(members):
                total += member.bytes
                if number >= MEMBERS or total > limit:
                    raise ValueError(
                        f"{archive.name}: unpacks to more than {limit} bytes or {MEMBERS} files, "
                        "which ours does not; refused"
                    )
                inside = PurePosixPath(member.name)
                if inside.is_absolute() or ".." in inside.parts or "\\" in member.name:
                    raise ValueError(
                        f"{archive.name}: holds {member.name!r}, which leads out of its folder; "
                        "refused"
                    )
                wanted = re.fullmatch(keep, inside.as_posix())
                if not wanted:
                    continue
                name = wanted[1]
                if not member.plain or name in names:
                    raise ValueError(
                        f"{archive.name}: {member.name!r} is a link, a device or there twice; "
                        "refused"
                    )
                names.add(name)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, open(folder / name, "xb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                step()
    # what the two libraries raise on a damaged archive, or one packed in a way they do not know
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ValueError(
            f"{archive.name}: no zip or tar archive that can be read, or damaged "
            f"({' '.join(str(error).split())})"
        ) from None
    return len(names)
