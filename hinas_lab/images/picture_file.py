"""A picture out of a file, for whoever reads one: ``restore`` and data folders alike. Nothing is
reduced or changed unseen. No torch.

Read: PNG, JPEG, TIFF, WebP, BMP, GIF, PPM, and AVIF where Pillow has it; HEIC with the extra
``heic``. All are told by content, whatever the file is called. EXIF orientation is applied.
Palettes become RGB, or gray where every colour is gray; 1-bit becomes 8-bit gray. Refused in one
line: colour of more than 8 bits (Pillow would reduce it), CMYK (its colours mean nothing without a
printer's profile), LAB, float, 32-bit, animated or multi-page files, bombs.
"""

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

READS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
if find_spec("PIL._avif"):  # since Pillow 11.3, where it was built with it
    READS += ("AVIF",)
# brands of ISO media files, which come first in them
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_OTHERS = {
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"8BPS": "a Photoshop document",
    b"%PDF": "a PDF",
}
"how files begin that are pictures and not read -> their name"
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


class Picture(NamedTuple):
    """What a file holds, upright."""

    data: np.ndarray
    "(H, W) or (H, W, 3) uint8, or (H, W) uint16"
    alpha: np.ndarray | None
    "uint8 (H, W)"
    exif: bytes
    "its orientation is 1"
    icc: bytes


class _Silence:
    """Inside, no warnings, in whichever thread: the first one in sets it, the last one out ends it
    (``catch_warnings`` alone would mix up the filters of several threads)."""

    def __init__(self):
        self.lock, self.inside, self.caught = threading.Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if self.inside == 0:
                self.caught = warnings.catch_warnings()
                self.caught.__enter__()
                warnings.simplefilter("ignore")
            self.inside += 1

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.caught.__exit__(*error)


_SILENCE = _Silence()


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Whatever Pillow raises on a bad file, as one line; its warnings are not for the user."""
    with _SILENCE:
        try:
            yield
        except UnidentifiedImageError:
            raise ValueError(f"{path}: {_unread(path)}") from None
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


def _brand(head: bytes) -> str:
    """AVIF or HEIC by a file's first bytes; empty for any other."""
    if head[4:8] != b"ftyp":
        return ""
    box = head[8 : int.from_bytes(head[:4], "big")]
    brands = {box[at : at + 4] for at in range(0, len(box), 4)}
    # mif1 is of both: the codec's own brand decides
    return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIC else ""


def _unread(path: Path) -> str:
    """Why nothing opens a file, by its first bytes."""
    with open(path, "rb") as stream:
        head = stream.read(256)
    brand = _brand(head)
    if brand == "HEIC" and not find_spec("pillow_heif"):
        return (
            "is HEIC, which needs the extra heic (pip install 'hinas_lab[heic]'); "
            "or save it as PNG or JPEG"
        )
    if brand == "AVIF" and "AVIF" not in READS:
        return "is AVIF, which needs Pillow 11.3 or newer (pip install -U pillow)"
    for begin, name in _OTHERS.items():
        if head.startswith(begin):
            return f"is {name}, which is not read; save it as PNG, TIFF or JPEG"
    return f"not an image that can be read ({', '.join(READS)}), or damaged"


def _formats(stream: BinaryIO) -> tuple[str, ...]:
    """Which of Pillow's readers may try; that of HEIC comes from the extra."""
    brand = _brand(stream.read(256))
    stream.seek(0)
    if brand != "HEIC" or not find_spec("pillow_heif"):
        return READS
    import pillow_heif

    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _media_depth(stream: BinaryIO) -> int:
    """Bits per sample of AVIF and HEIC, which their readers reduce to 8: the largest that a decoder
    is configured for (``av1C``: two flags; ``hvcC``: bits of luma and chroma above 8)."""
    before = stream.tell()
    stream.seek(0)
    data, depths = stream.read(), [8]
    for found in re.finditer(rb"av1C..(.)", data, re.DOTALL):
        (flags,) = found[1]
        depths.append(8 if not flags & 64 else 12 if flags & 32 else 10)
    for found in re.finditer(rb"hvcC.{17}(..)", data, re.DOTALL):
        depths += [8 + (bits & 7) for bits in found[1]]
    stream.seek(before)
    return max(depths)


def _depth(image: Image.Image, stream: BinaryIO) -> int:
    """Bits per sample in the file, of an image opened and not yet loaded: Pillow's mode hides what
    it will reduce."""
    if image.format in ("AVIF", "HEIF"):
        return _media_depth(stream)
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


def read_picture(path: str | Path) -> Picture:
    """What is in a picture's file, whatever its extension.

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
    with (
        _one_line(path),
        open(path, "rb") as stream,
        Image.open(stream, formats=_formats(stream)) as image,
    ):
        frames, depth = getattr(image, "n_frames", 1), _depth(image, stream)
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
        data, alpha = np.asarray(image).astype(np.uint16), None
        if white_is_zero:  # Pillow inverts only 8 bits
            data = 65535 - data
    else:
        data, alpha = _planes(image, clear)
    icc = image.info.get("icc_profile") or b""
    # a profile of the other kind of colours would be false
    fits = icc[16:20] == (b"GRAY" if data.ndim == 2 else b"RGB ")
    return Picture(data, alpha, exif, icc if fits else b"")


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
