"""Is a data set what it should be: every image decoded, counted, and compared with what is known of it. No torch.

Of BSDS500 the bytes of every file are known; of Set5 and BSD100 the pixels, whatever the format and the file's name; of DIV2K the
names; of the others only how many there are.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hinas_lab.images.colour import expand
from hinas_lab.images.datasets.catalog import digests, locate, named_files, part_files, read_image
from hinas_lab.images.datasets.sets import DataSet

ANY = "any folder"


@dataclass(frozen=True)
class Report:
    """What was found; names are ``part/file``, or paths below any other folder."""

    what: str
    folder: Path
    sizes: dict[str, tuple[int, int, int]]
    "name -> width, height, channels of every image that could be read"
    unreadable: tuple[str, ...] = ()
    "name: reason"
    changed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not (self.unreadable or self.changed or self.extra or self.missing)


def file_digest(path: Path) -> str:
    """The first 12 hex digits of the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def pixel_digest(image: np.ndarray) -> str:
    """The same of a size and uint8 RGB pixels; (H, W) counts as gray RGB. Any lossless format of an image has the same."""
    rgb = np.ascontiguousarray(expand(image))
    return hashlib.sha256(f"{rgb.shape[1]}x{rgb.shape[0]}".encode() + rgb.tobytes()).hexdigest()[
        :12
    ]


def verify(data: str, progress: Callable[[Iterable], Iterable] = iter) -> Report:
    """Check a named set, one part of it, a folder built like one, or (decoding only) any folder. ``progress`` wraps the files."""
    chosen, folder, only = locate(data)
    if chosen is None:
        named = named_files(data)
        what = {path: name for name, path in named.items()}
    else:
        named = {
            part: part_files(chosen, folder, part) for part in ((only,) if only else chosen.parts)
        }
        what = {path: f"{part}/{path.name}" for part, paths in named.items() for path in paths}
    sizes, hashes, unreadable = {}, {}, []
    for path in progress(list(what)):
        try:
            image = read_image(path)
        except ValueError as error:
            unreadable.append(f"{what[path]}: {str(error).removeprefix(f'{path}: ')}")
            continue
        sizes[what[path]] = (image.shape[1], image.shape[0], 1 if image.ndim == 2 else 3)
        if chosen and chosen.digest:
            hashes[path] = pixel_digest(image) if chosen.digest == "pixels" else file_digest(path)
    if chosen is None:
        return Report(ANY, folder, sizes, tuple(unreadable))
    wrong = [_compare(chosen, part, paths, hashes) for part, paths in named.items()]
    changed, extra, missing = (
        tuple(name for part in wrong for name in part[kind]) for kind in range(3)
    )
    return Report(
        f"{chosen.name}/{only}" if only else chosen.name,
        folder,
        sizes,
        tuple(unreadable),
        changed,
        extra,
        missing,
    )


def _compare(
    chosen: DataSet, part: str, paths: list[Path], hashes: dict[Path, str]
) -> tuple[list[str], list[str], list[str]]:
    """(changed, extra, missing) of one part. Unreadable files, which have no hash, are none of these."""
    known, count = digests(chosen.name, part), chosen.parts[part]
    if not known:  # only how many there are
        surplus = len(paths) - count
        return (
            [],
            [f"{part}: {surplus} images more than {count}"] * (surplus > 0),
            _short(part, -surplus, count),
        )
    if chosen.digest != "pixels":
        changed = [
            p for p in paths if p in hashes and p.stem in known and hashes[p] not in known[p.stem]
        ]
        absent = known.keys() - {p.stem for p in paths}
        return (
            _names(part, changed),
            _names(part, [p for p in paths if p.stem not in known]),
            [f"{part}/{i}" for i in sorted(absent)],
        )
    # Told by what is in them, as copies of these sets name their files in many ways. What is no image of the set, or one of it for the
    # second time, stands in for one that is absent; which one, nobody can say.
    owner = {digest: name for name, those in known.items() for digest in those}
    absent, strangers = dict(known), []
    for path in paths:
        if path in hashes and not absent.pop(owner.get(hashes[path]), None):
            strangers.append(path)
    short = count - len(paths)
    missing = (
        [f"{part}/{name}" for name in absent]
        if short == len(absent)
        else _short(part, short, count)
    )
    return _names(part, strangers[: len(absent)]), _names(part, strangers[len(absent) :]), missing


def _names(part: str, paths: list[Path]) -> list[str]:
    return [f"{part}/{p.name}" for p in paths]


def _short(part: str, absent: int, count: int) -> list[str]:
    return [f"{part}: {absent} of {count} images"] if absent > 0 else []
