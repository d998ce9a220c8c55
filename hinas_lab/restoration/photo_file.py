"""A user's photograph, out of a file and back into one: nothing reduced unseen, nothing
half-written. No torch.

Read and refused: what ``images.picture_file`` says. Kept: 8-bit gray and colour, 16-bit gray,
transparency, EXIF, ICC profile.
"""

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from hinas_lab.images.picture_file import MAX_PIXELS, read_picture
from hinas_lab.storage import write_atomic

NEAR = (0.6, 1.6)
"noise of so many times a trained sigma is what a net was trained for"


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright photograph and what is needed to write it back."""

    pixels: np.ndarray
    "float32 in [0, 1], (H, W) or (H, W, 3)"
    alpha: np.ndarray | None = None
    "uint8 as stored, (H, W)"
    bits: int = 8
    "8, or 16 (gray without alpha)"
    exif: bytes = b""
    "its orientation is 1"
    icc: bytes = b""


class Writer(NamedTuple):
    """What an output format is asked for and what it can hold."""

    format: str
    options: dict
    alpha: bool = True
    deep: bool = False
    "16-bit gray"
    side: int = 2**31 - 1
    "longest side, pixels"


_JPEG = Writer("JPEG", {"quality": 95, "subsampling": 0}, alpha=False, side=65500)
# uncompressed: Pillow 13 cannot write EXIF through libtiff's compression
_TIFF = Writer("TIFF", {}, deep=True)
WRITERS = {
    ".png": Writer("PNG", {}, deep=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": Writer("WEBP", {"lossless": True, "exact": True}, side=16383),
}


def read_photo(path: str | Path) -> Photo:
    """The photograph in a file, whatever its extension.

    Raises ValueError or OSError in one line for any other file.
    """
    data, alpha, exif, icc = read_picture(path)
    bits = 8 * data.itemsize
    pixels = data.astype(np.float32)
    pixels /= 2**bits - 1
    return Photo(pixels, alpha, bits, exif, icc)


def _save(photo: Photo, stream: BinaryIO, writer: Writer) -> None:
    values = np.clip(photo.pixels, 0, 1)
    values *= 2**photo.bits - 1
    data = np.rint(values, out=values).astype(np.uint16 if photo.bits == 16 else np.uint8)
    if photo.alpha is not None:
        data = np.dstack([data, photo.alpha])
    options = dict(writer.options)
    if photo.exif:
        options["exif"] = photo.exif
    if photo.icc:
        options["icc_profile"] = photo.icc
    Image.fromarray(data).save(stream, writer.format, **options)


def check_output(path: str | Path, photo: Photo, scale: int = 1) -> Writer:
    """How ``photo``, enlarged ``scale`` times, would be written to ``path``; writes nothing.

    Raises ValueError or OSError in one line when it cannot be: ask before a long computation.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name the file to write in it")
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ValueError(
            f"{path}: unknown image extension {path.suffix!r}; known are {', '.join(WRITERS)}"
        )
    if photo.bits == 16 and not writer.deep:
        raise ValueError(f"{path}: {writer.format} cannot hold 16-bit gray; write .png or .tif")
    if photo.alpha is not None and not writer.alpha:
        raise ValueError(
            f"{path}: {writer.format} cannot hold transparency; write .png, .tif or .webp"
        )
    height, width = (scale * side for side in photo.pixels.shape[:2])
    if max(height, width) > writer.side or height * width > MAX_PIXELS:
        raise ValueError(
            f"{path}: {width} x {height} pixels are too many for {writer.format}; "
            "cut the image first"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path}: its folder cannot be written to; choose another")
    alpha = None if photo.alpha is None else photo.alpha[:1, :1]
    corner = replace(photo, pixels=photo.pixels[:1, :1], alpha=alpha)
    try:  # what is left to go wrong: metadata the format cannot hold, a Pillow built without it
        _save(corner, io.BytesIO(), writer)
    except Exception as error:
        raise ValueError(
            f"{path}: cannot be written as {writer.format} ({error}); write .png"
        ) from error
    return writer


def write_photo(path: str | Path, photo: Photo) -> None:
    """Write by extension (WRITERS), whole or not at all: JPEG at quality 95, colour unsubsampled;
    others lossless.

    Raises what ``check_output`` raises, and OSError in one line when the disk fails; an older file
    then stays.
    """
    writer, stream = check_output(path, photo), io.BytesIO()
    _save(photo, stream, writer)
    write_atomic(Path(path), stream.getvalue())


def estimate_noise(pixels: np.ndarray) -> float:
    """Sigma of white noise, on the 0-255 scale, in (H, W) or (H, W, C) values of [0, 1]; 0 for
    images under 3 x 3.

    Robust: the median absolute second difference along both axes (Immerkaer's mask), of the central
    2048 x 2048 pixels. Clean photographs give 0.5 to 4, fine texture up to 10; noise clipped at
    black and white, or smoothed, reads low.
    """
    top, left = (max(0, (side - 2048) // 2) for side in pixels.shape[:2])
    centre = pixels[top : top + 2048, left : left + 2048]
    residual = np.diff(np.diff(centre, 2, axis=0), 2, axis=1)
    if not residual.size:
        return 0.0
    # 0.6745: median of |x| at sigma 1; 6: root of the sum of squares of the mask, [1 -2 1] twice
    return float(np.median(np.abs(residual))) / 0.6745 / 6 * 255


def noise_warning(noise: float, sigmas: list[float]) -> str | None:
    """What to expect where ``noise`` is near no noise level of the training, on the 0-255 scale;
    None where it is near one, or the net was trained for none."""
    low, high = NEAR
    if not sigmas or any(low * sigma <= noise <= high * sigma for sigma in sigmas):
        return None
    nearest = min(sigmas, key=lambda sigma: abs(sigma - noise))
    meaning = "fine detail will be smoothed away" if noise < nearest else "noise will remain"
    return (
        f"estimated noise {noise:.1f} is far from sigma {nearest:g}, "
        f"for which the net was trained: {meaning}"
    )
