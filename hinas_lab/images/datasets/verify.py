"""Is a data set what it should be: every image decoded, counted, and compared with what is known of
it. No torch.

Of BSDS500 the bytes of every file are known; of Set5 and BSD100 the pixels, whatever the format and
the file's name; of DIV2K the names; of the others only how many there are.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
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
        """Nothing is wrong."""
        return not (self.unreadable or self.changed or self.extra or self.missing)


def file_digest(path: Path) -> str:
    """The first 12 hex digits of the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def pixel_digest(image: np.ndarray) -> str:
    """The same of a size and uint8 RGB pixels; (H, W) counts as gray RGB. Any lossless format of an
    image has the same."""
    rgb = np.ascontiguousarray(expand(image))
    # the size belongs to it: 2 x 8 pixels may be the bytes of 4 x 4
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
        except (ValueError, OSError) as error:
            # read_image's message begins with the path, which is named already
            unreadable.append(f"{names[path]}: {str(error).removeprefix(f'{path}: ')}")
            continue
        sizes[names[path]] = (image.shape[1], image.shape[0], 1 if image.ndim == 2 else 3)
        if chosen and chosen.digest:
            hashes[path] = pixel_digest(image) if chosen.digest == "pixels" else file_digest(path)
    if chosen is None:
        return Report(ANY, folder, sizes, tuple(unreadable))
    wrong = {"changed": [], "extra": [], "missing": []}
    for part, paths in parts.items():
        for kind, line in _compare(chosen, part, paths, hashes):
            wrong[kind].append(line)
    what = f"{chosen.name}/{only}" if only else chosen.name
    return Report(what, folder, sizes, tuple(unreadable), *map(tuple, wrong.values()))


Wrong = Iterator[tuple[str, str]]
"(field of Report, line for a reader) of what is wrong with one part of a set"


def _compare(chosen: DataSet, part: str, paths: list[Path], hashes: dict[Path, str]) -> Wrong:
    """Unreadable files, which have no hash, are neither changed nor extra."""
    allowed, count = digests(chosen.name, part), chosen.parts[part]
    if not allowed:  # nothing but the number is known
        if len(paths) > count:
            yield "extra", f"{part}: {len(paths) - count} images more than {count}"
        yield from _absent(part, count - len(paths), count)
    elif chosen.digest == "pixels":
        yield from _compare_pixels(part, paths, hashes, allowed, count)
    else:
        for path in paths:
            if path.stem not in allowed:
                yield "extra", f"{part}/{path.name}"
            elif path in hashes and hashes[path] not in allowed[path.stem]:
                yield "changed", f"{part}/{path.name}"
        for image in sorted(allowed.keys() - {path.stem for path in paths}):
            yield "missing", f"{part}/{image}"


def _compare_pixels(
    part: str,
    paths: list[Path],
    hashes: dict[Path, str],
    allowed: dict[str, tuple[str, ...]],
    count: int,
) -> Wrong:
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
    for number, path in enumerate(strangers):
        yield "changed" if number < len(absent) else "extra", f"{part}/{path.name}"
    short = count - len(paths)
    if short == len(absent):
        for image in absent:
            yield "missing", f"{part}/{image}"
    else:
        yield from _absent(part, short, count)


def _absent(part: str, absent: int, count: int) -> Wrong:
    if absent > 0:
        yield "missing", f"{part}: {absent} of {count} images"
