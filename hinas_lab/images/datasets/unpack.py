"""The wanted files of a zip or tar archive, and nothing else. What an archive says of itself is not believed. No torch."""

import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[Member]]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            yield (
                Member(
                    i.filename,
                    i.file_size,
                    stat.S_IFMT(i.external_attr >> 16) in (0, stat.S_IFREG),
                    partial(opened.open, i),
                )
                for i in opened.infolist()
                if not i.is_dir()
            )
    else:
        with tarfile.open(archive) as opened:
            yield (
                Member(i.name, i.size, i.isreg(), partial(opened.extractfile, i)) for i in opened
            )


def unpack(
    archive: Path, keep: str, folder: Path, limit: int, step: Callable[[], object] = lambda: None
) -> int:
    """Write the members whose whole name matches ``keep`` to ``folder`` / its first group; returns how many. ``step`` is called for each.

    ValueError in one line: no archive, damaged, a name that leads outside, a link or device or second copy where a file is wanted, more
    than ``limit`` bytes in all. OSError: the disk. What was written until then stays: give it a folder that can be thrown away.
    """
    names, total = set(), 0
    try:
        with _members(archive) as members:
            for number, member in enumerate(members):
                total += member.bytes
                if number >= MEMBERS or total > limit:
                    raise ValueError(
                        f"{archive.name}: unpacks to more than {limit} bytes or {MEMBERS} files, which ours does not; refused"
                    )
                inside = PurePosixPath(member.name)
                if inside.is_absolute() or ".." in inside.parts or "\\" in member.name:
                    raise ValueError(
                        f"{archive.name}: holds {member.name!r}, which leads out of its folder; refused"
                    )
                wanted = re.fullmatch(keep, inside.as_posix())
                if not wanted:
                    continue
                if not member.plain or wanted[1] in names:
                    raise ValueError(
                        f"{archive.name}: {member.name!r} is a link, a device or there twice; refused"
                    )
                names.add(wanted[1])
                (folder / wanted[1]).parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, open(folder / wanted[1], "xb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                step()
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ValueError(
            f"{archive.name}: no zip or tar archive that can be read, or damaged ({' '.join(str(error).split())})"
        ) from None
    return len(names)
