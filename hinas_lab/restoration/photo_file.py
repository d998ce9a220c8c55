"""A user's photograph, out of a file and back into one: nothing reduced unseen, nothing
half-written. No torch.

Read: PNG, JPEG, TIFF, WebP, BMP, GIF and PPM, told by content. Kept: 8-bit gray and colour, 16-bit
gray, transparency, EXIF, ICC profile. EXIF orientation is applied. Palettes become RGB, or gray
where every colour is gray; 1-bit becomes 8-bit gray. Refused in one line: 16-bit colour (Pillow
would reduce it), CMYK (its colours mean nothing without a printer's profile), float, animated or
multi-page files, bombs.
"""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hinas_lab.storage import write_atomic

NEAR = (0.6, 1.6)
"noise of so many times a trained sigma is what a net was trained for"
READS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
GRAY, COLOUR = ("1", "L", "LA"), ("P", "PA", "RGB", "RGBA", "RGBX", "YCbCr")
MAX_PIXELS = 178_956_970
"Pillow's own limit against decompression bombs"
ORIENTATION = 274
# EXIF shares its tags with TIFF: these say how the old file stored its pixels and would be false in
# a new one.
LAYOUT = {
    *range(254, 267),
    273,
    *range(277, 282),
    284,
    317,
    320,
    *range(322, 326),
    330,
    332,
    *range(338, 342),
    347,
    *range(512, 533),
    700,
    33723,
    34377,
    34675,
}


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


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Whatever Pillow raises on a bad file, as one line; its warnings are not for the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except UnidentifiedImageError:
            raise ValueError(
                f"{path}: not an image that can be read ({', '.join(READS)}), or damaged"
            ) from None
        except Image.DecompressionBombError:
            raise ValueError(
                f"{path}: claims more than {MAX_PIXELS // 10**6} megapixels; cut it first"
            ) from None
        # a damaged file raises OSError, SyntaxError, struct.error, KeyError and more
        except Exception as error:
            if isinstance(error, OSError) and error.errno:
                raise OSError(f"{path}: cannot be read: {error.strerror}") from error
            raise ValueError(
                f"{path}: damaged or truncated image ({' '.join(str(error).split())})"
            ) from error


def _depth(image: Image.Image) -> int:
    """Bits per sample in the file, of an image opened and not yet loaded: Pillow's mode hides what
    it will reduce."""
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))  # BitsPerSample, one for each channel
    raw = image.tile[0][3] if image.tile else ""
    if image.format == "PPM" and isinstance(raw, tuple):
        return 8 if raw[-1] <= 255 else 16
    return 16 if image.format in ("PNG", "PPM") and "16" in raw else 8


def _upright(image: Image.Image) -> bytes:
    """Turn a loaded image as its EXIF says, in place. Returns the EXIF with orientation 1, nothing
    if broken."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
        exif = image.getexif()
        for tag in LAYOUT & set(exif):
            del exif[tag]
        if not exif:
            return b""
        exif[ORIENTATION] = 1
        return exif.tobytes()
    except Exception:  # as above
        return b""


def read_photo(path: str | Path) -> Photo:
    """The photograph in a file, whatever its extension.

    Raises ValueError or OSError in one line for any other file.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name the image files in it")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such image file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: is empty (0 bytes)")
    # From a stream: given a path, Pillow 13 maps the file and scrambles uncompressed TIFFs that lie
    # on their side.
    with _one_line(path), open(path, "rb") as stream, Image.open(stream, formats=READS) as image:
        frames, depth = getattr(image, "n_frames", 1), _depth(image)
        # PhotometricInterpretation
        white_is_zero = image.format == "TIFF" and image.tag_v2.get(262) == 0
        image.load()
        exif = _upright(image)
    # MPO is a phone's JPEG with further views behind the photograph, which is its first frame.
    if frames > 1 and image.format != "MPO":
        raise ValueError(
            f"{path}: has {frames} frames or pages; save the one you want as an image of its own"
        )
    clear = image.mode.endswith("A") or "transparency" in image.info
    # mode I: some versions of Pillow read 16-bit gray PNG and PPM so, and signed TIFF always
    unsigned = image.mode.startswith("I;16") or (image.mode == "I" and image.format != "TIFF")
    deep = depth == 16 and unsigned and not clear
    if not deep and (depth > 8 or image.mode not in GRAY + COLOUR):
        raise ValueError(
            f"{path}: {depth}-bit {image.mode} pixels are not read, as they would be reduced or "
            "changed unseen; save it as 8-bit gray or RGB, or as 16-bit gray without transparency"
        )
    if deep:
        data, alpha = np.asarray(image), None
        if white_is_zero:  # Pillow inverts only 8 bits
            data = 65535 - data
    else:
        data, alpha = _planes(image, clear)
    pixels = data.astype(np.float32)
    pixels /= 65535 if deep else 255
    icc = image.info.get("icc_profile") or b""
    # a profile of the other kind of colours would be false
    fits = icc[16:20] == (b"GRAY" if data.ndim == 2 else b"RGB ")
    return Photo(pixels, alpha, 16 if deep else 8, exif, icc if fits else b"")


def _planes(image: Image.Image, clear: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """uint8 (H, W) or (H, W, 3), and alpha (H, W), where the image is ``clear``."""
    colour = image.mode in COLOUR
    data = np.asarray(image.convert(("RGB" if colour else "L") + "A" * clear))
    alpha = None
    if clear:
        data, alpha = data[..., :-1], data[..., -1].copy()
        if not colour:
            data = data[..., 0]
    if image.mode in ("P", "PA") and (data == data[..., :1]).all():
        data = data[..., 0]
    return data, alpha


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
