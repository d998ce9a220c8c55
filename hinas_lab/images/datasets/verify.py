"""Is a data set what it should be: every image decoded, counted, and compared with what is known of
it. No torch.

Of BSDS500 the bytes of every file are known; of Set5 and BSD100 the pixels, whatever the format and
the file's name; of DIV2K the names; of the others only how many there are.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
        """Nothing is wrong."""
        return not (self.unreadable or self.changed or self.extra or self.missing)


class _Wrong(NamedTuple):
    """What is wrong with one part of a set, in lines for a reader."""

    changed: list[str]
    extra: list[str]
    missing: list[str]


def file_digest(path: Path) -> str:
    """The first 12 hex digits of the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def pixel_digest(image: np.ndarray) -> str:
    """The same of a size and uint8 RGB pixels; (H, W) counts as gray RGB. Any lossless format of an
    image has the same."""
    rgb = np.ascontiguousarray(expand(image))
    size = f"{rgb.shape[1]}x{rgb.shape[0]}"
    return hashlib.sha256(size.encode() + rgb.tobytes()).hexdigest()[:12]


def verify(data: str, progress: Callable[[Iterable], Iterable] = iter) -> Report:
    """Check a named set, one part of it, a folder built like one, or (decoding only) any folder.

    ``progress`` wraps the list of files, as ``tqdm`` does.
    """
    chosen, folder, only = locate(data)
    parts: dict[str, list[Path]] = {}
    names: dict[Path, str] = {}
    if chosen is None:
        names = {path: name for name, path in named_files(data).items()}
    else:
        for part in (only,) if only else chosen.parts:
            parts[part] = part_files(chosen, folder, part)
            names |= {path: f"{part}/{path.name}" for path in parts[part]}
    sizes, hashes, unreadable = {}, {}, []
    for path in progress(list(names)):
        try:
            image = read_image(path)
        except ValueError as error:
            unreadable.append(f"{names[path]}: {str(error).removeprefix(f'{path}: ')}")
            continue
        sizes[names[path]] = (image.shape[1], image.shape[0], 1 if image.ndim == 2 else 3)
        if chosen and chosen.digest:
            hashes[path] = pixel_digest(image) if chosen.digest == "pixels" else file_digest(path)
    if chosen is None:
        return Report(ANY, folder, sizes, tuple(unreadable))
    wrong = _Wrong([], [], [])
    for part, paths in parts.items():
        for lines, more in zip(wrong, _compare(chosen, part, paths, hashes)):
            lines += more
    what = f"{chosen.name}/{only}" if only else chosen.name
    return Report(what, folder, sizes, tuple(unreadable), *map(tuple, wrong))


def _compare(chosen: DataSet, part: str, paths: list[Path], hashes: dict[Path, str]) -> _Wrong:
    """What is wrong with one part. Unreadable files, which have no hash, are none of it."""
    allowed, count = digests(chosen.name, part), chosen.parts[part]
    if not allowed:
        surplus = len(paths) - count
        extra = [f"{part}: {surplus} images more than {count}"] if surplus > 0 else []
        return _Wrong([], extra, _absent(part, -surplus, count))
    if chosen.digest == "pixels":
        return _compare_pixels(part, paths, hashes, allowed, count)
    changed, extra = [], []
    for path in paths:
        if path.stem not in allowed:
            extra.append(path)
        elif path in hashes and hashes[path] not in allowed[path.stem]:
            changed.append(path)
    missing = sorted(allowed.keys() - {path.stem for path in paths})
    return _Wrong(_names(part, changed), _names(part, extra), [f"{part}/{id}" for id in missing])


def _compare_pixels(
    part: str,
    paths: list[Path],
    hashes: dict[Path, str],
    allowed: dict[str, tuple[str, ...]],
    count: int,
) -> _Wrong:
    """Told by what is in the images, as copies of these sets name their files in many ways.

    What is no image of the set, or one of it for the second time, stands in for one that is absent;
    which one, nobody can say.
    """
    owner = {}
    for image, digests_of_image in allowed.items():
        owner |= dict.fromkeys(digests_of_image, image)
    absent, strangers = dict(allowed), []
    for path in paths:
        # None: no image of the set, or one that was here before
        if path in hashes and not absent.pop(owner.get(hashes[path]), None):
            strangers.append(path)
    short = count - len(paths)
    if short == len(absent):
        missing = [f"{part}/{image}" for image in absent]
    else:
        missing = _absent(part, short, count)
    changed, extra = strangers[: len(absent)], strangers[len(absent) :]
    return _Wrong(_names(part, changed), _names(part, extra), missing)


def _names(part: str, paths: list[Path]) -> list[str]:
    return [f"{part}/{path.name}" for path in paths]


def _absent(part: str, absent: int, count: int) -> list[str]:
    return [f"{part}: {absent} of {count} images"] if absent > 0 else []
