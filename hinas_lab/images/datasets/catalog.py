"""Where clean pictures come from: a named data set (``sets.py``) that lies on this machine, or any
folder. No torch, no network.

A data set is named (``BSDS500``, in any case), named with a part (``BSDS500/val``), or given as a
folder. Named ones are looked for below ``$HINAS_DATA``. A folder that is built like BSDS500 or
DIV2K, or is called like another set and built like it, counts as that set: its split is kept and
low-resolution images are left alone. Of any other folder, all images below it count.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files as package_files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hinas_lab.images.colour import PLANES
from hinas_lab.images.datasets.sets import SETS, DataSet, data_set
from hinas_lab.images.picture_file import read_picture

# also of what needs an extra: a picture that cannot be read is named, not passed over
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif")
SYSTEMS = {"@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX"}
"folders that a system makes beside a user's; hidden ones begin with a dot"
# stems of low-resolution images that lie beside the others: img_001_SRF_2_LR, baby_bicubic
LOW_RESOLUTION = re.compile(r"(^|_)LR(_|$)|_bicubic$")


class Place(NamedTuple):
    """What a data name stands for."""

    chosen: DataSet | None
    "None: any folder"
    folder: Path
    part: str | None
    "the one part that was named"


class Images(Mapping[str, np.ndarray]):
    """Name -> image in a fixed order, read when asked for: 800 large ones need not lie in memory at
    once."""

    def __init__(self, files: dict[str, Path], read: Callable[[Path], np.ndarray]):
        self.files, self.read = files, read

    def __getitem__(self, name: str) -> np.ndarray:
        return self.read(self.files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def cache_folder() -> Path:
    """Where downloads go and named sets are looked for: ``$HINAS_DATA``, else ``hinas_lab`` in the
    user's cache folder."""
    if named := os.environ.get("HINAS_DATA"):
        try:
            return Path(named).expanduser()
        except RuntimeError:
            raise ValueError(f"HINAS_DATA = {named}: no such user; name a folder") from None
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hinas_lab"
    except RuntimeError:
        raise ValueError(
            "there is no home folder for downloads; name one with HINAS_DATA"
        ) from None


def photograph_path(name: str) -> Path:
    """The file of a built-in photograph inside the installed scikit-image."""
    # find_spec, not import: importing skimage takes longer than all that is done here
    return Path(find_spec("skimage").submodule_search_locations[0]) / "data" / name


@cache
def _recorded_digests() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Data set -> part -> id -> digests: of BSDS500 made from its own files; the sets measured in
    super-resolution exist whole and cut to multiples of 2, 3, 4 and 12."""
    return json.loads((package_files("hinas_lab.images.datasets") / "digests.json").read_text())


def digests(name: str, part: str) -> dict[str, tuple[str, ...]]:
    """Id -> the first 12 hex digits of SHA-256 it may have, of the images of one part of a set.

    The digests are () where only ids are known; empty where nothing but the number of images is.
    """
    row = SETS.get(name)
    ids = row.ids if row and row.ids else _recorded_digests().get(name, {})
    return {image: tuple(allowed) for image, allowed in ids.get(part, {}).items()}


def part_files(chosen: DataSet, folder: Path, part: str) -> list[Path]:
    """The image files of a part of a set in its folder, sorted; empty when they are not there."""
    if chosen.in_skimage:
        return [photograph_path(name) for name in chosen.in_skimage[part]]
    # any folder may have a train and a test: BSDS500 and DIV2K are told by their images' names
    ids = digests(chosen.name, part) if chosen.train else {}
    for pattern in chosen.patterns:
        found = pictures_in(folder, pattern.format(part=part))
        files = [path for path in found if not LOW_RESOLUTION.search(path.stem)]
        if files and (not ids or not ids.keys().isdisjoint(path.stem for path in files)):
            return files
    return []


def pictures_in(folder: Path, pattern: str = "**/*") -> list[Path]:
    """The picture files below ``folder`` that match ``pattern``, sorted: by their ending, and none
    in a hidden folder or in one that a system made (SYSTEMS)."""
    found = []
    for path in sorted(folder.glob(pattern)):
        inside = path.relative_to(folder).parts
        hidden = any(name.startswith(".") or name in SYSTEMS for name in inside)
        if path.suffix.lower() in SUFFIXES and not hidden and not path.is_dir():
            found.append(path)
    return found


def _holds(chosen: DataSet, folder: Path) -> bool:
    return any(part_files(chosen, folder, part) for part in chosen.parts)


def _told_by_ids(chosen: DataSet) -> bool:
    """Whether a folder of any name is recognised: others must be called by a name of the set."""
    return any(digests(chosen.name, part) for part in chosen.train)


def find(chosen: DataSet, root: Path | None = None) -> Path | None:
    """The folder of a set below ``root`` (the cache), under any of its names, alone or in
    ``benchmark``; None if it is not there."""
    if chosen.in_skimage:
        # asks for no cache: a folder that cannot be named stops no built-in photograph
        return root or photograph_path("")
    root = root or cache_folder()
    folders = []
    for above in (root, root / "benchmark"):
        if above.is_dir():
            folders += [p for p in sorted(above.iterdir()) if p.name.lower() in chosen.names]
    if _told_by_ids(chosen):
        folders.append(root)
    return next((folder for folder in folders if _holds(chosen, folder)), None)


def recognise(folder: Path) -> DataSet | None:
    """The set that a folder is built like; one that is not told by its images' names must be called
    so too."""
    name = folder.resolve().name.lower()
    for row in SETS.values():
        candidate = not row.in_skimage and (name in row.names or _told_by_ids(row))
        if candidate and _holds(row, folder):
            return row
    return None


def locate(data: str) -> Place:
    """What ``data`` stands for. A name comes before a folder of that name.

    FileNotFoundError says what to do about an absent one.
    """
    name, _, part = data.partition("/")
    part = part.lower()
    chosen, folder = data_set(name), Path(data)
    if chosen and part in ("", *chosen.parts):
        place = find(chosen)
        if place:
            return Place(chosen, place, part or None)
    # a folder of a set's name counts only where the set itself is not here
    if folder.is_dir():
        return Place(recognise(folder), folder, None)
    if chosen is None:
        raise FileNotFoundError(
            f"data = {data!r}: neither a known data set ({', '.join(SETS)}) nor a folder"
        )
    if part not in ("", *chosen.parts):
        raise FileNotFoundError(
            f"data = {data!r}: {chosen.name} has the parts {', '.join(chosen.parts)}"
        )
    raise FileNotFoundError(
        f"data = {data!r}: not found in {cache_folder()}; "
        f"get it with: hinas-lab data get {chosen.name}, or give the folder it lies in"
    )


def named_files(data: str, part: str = "train") -> dict[str, Path]:
    """Name -> image file, of what a data set is trained on (``train``) or measured on (``test``).

    In a fixed order; names are stems, or paths below any other folder. ValueError or
    FileNotFoundError in one line: nothing to read, or for measuring only.
    """
    chosen, folder, only = locate(data)
    if chosen is None:
        files = pictures_in(folder)
        if not files:
            raise ValueError(f"data = {data!r}: no images in this folder ({', '.join(SUFFIXES)})")
        return {file.relative_to(folder).as_posix(): file for file in files}
    parts = (only,) if only else {"train": chosen.train, "test": chosen.test}[part]
    # a part that was named is read as it is, but never trained on unless it may be
    if part == "train" and (not parts or not set(parts) <= set(chosen.train)):
        others = ", ".join(row.name for row in SETS.values() if row.train)
        raise ValueError(
            f"data = {data!r}: is for measuring only; train on {others} or a folder of your own"
        )
    named = {}
    for one in parts:
        files = part_files(chosen, folder, one)
        if not files:
            raise FileNotFoundError(
                f"data = {data!r}: no images of {chosen.name}/{one} in {folder}; "
                f"get them with: hinas-lab data get {chosen.name}"
            )
        named |= {file.stem: file for file in files}
    return named


def read_image(path: Path) -> np.ndarray:
    """One image as uint8, upright: (H, W) if gray, else (H, W, 3) RGB.

    What is read is what ``restore`` reads (``picture_file``); 16-bit gray is scaled to 8 and
    transparency is dropped. ValueError or OSError name a file that is not read.
    """
    pixels = read_picture(path).data
    if pixels.dtype == np.uint16:
        return (pixels / 257).round().astype(np.uint8)
    return pixels


def load_image(path: Path, channels: int) -> np.ndarray:
    """One image as uint8: (H, W) gray (PIL's ``L``) for 1 channel, (H, W, 3) RGB for 3.

    ValueError names a file that cannot be read.
    """
    return PLANES["L" if channels == 1 else "RGB"](read_image(path))


def read_images(data: str, part: str = "test") -> Images:
    """Name -> uint8 image as it is stored, of all images of a data set, in a fixed order; read one
    by one when asked for."""
    return Images(named_files(data, part), read_image)


def load_images(data: str, channels: int, part: str = "train") -> dict[str, np.ndarray]:
    """Name -> uint8 image, for all images of a data set, in a fixed order."""
    return {name: load_image(path, channels) for name, path in named_files(data, part).items()}
