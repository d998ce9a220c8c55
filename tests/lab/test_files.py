"""Photographs in and out of files: what is kept exactly, what is refused in one line, what a full
disk leaves."""

import errno
import io
import os
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import skimage
import tifffile
from PIL import Image, ImageFile

from hinas_lab import storage
from hinas_lab.images import picture_file
from hinas_lab.images.datasets.catalog import read_image
from hinas_lab.restoration import photo_file
from hinas_lab.restoration.photo_file import (
    Photo,
    check_output,
    estimate_noise,
    read_photo,
    write_photo,
)

WHEEL = Path(skimage.__file__).parent / "data"
RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 256, (7, 5, 4), dtype=np.uint8)
RGB, GRAY, LA = RGBA[..., :3].copy(), RGBA[..., 0].copy(), RGBA[..., [0, 3]]
DEEP = RNG.integers(0, 65536, (7, 5), dtype=np.uint16)
MAKE, ORIENTATION, EXIF_IFD, TAKEN = 271, 274, 0x8769, 36867


def save(path, array, **options):
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(path, **options)
    return path


def opened(path):
    with Image.open(path) as image:
        image.load()
    return image


def exif(orientation):
    tags = Image.Exif()
    tags[MAKE], tags[ORIENTATION] = "a camera", orientation
    tags.get_ifd(EXIF_IFD)[TAKEN] = "2020:02:02 20:20:20"
    return tags.tobytes()


def png(depth, colour_type, samples, size=(5, 7)):
    """A PNG as Pillow cannot write it: ``samples`` values per pixel, of ``depth`` bits."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + bytes(5 * samples * depth // 8)) * 7
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def encoded(array, fmt, **options):
    stream = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(stream, fmt, **options)
    return stream.getvalue()


def tiff(array, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


# What is read


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("array", [GRAY, LA, RGB, RGBA], ids=["gray", "gray+alpha", "rgb", "rgba"])
def test_eight_bits_survive_exactly(array, suffix, tmp_path):
    photo = read_photo(save(tmp_path / "in.png", array))
    write_photo(tmp_path / f"out{suffix}", photo)
    back = np.asarray(opened(tmp_path / f"out{suffix}"))
    gray = array.ndim == 2 or array.shape[2] == 2
    assert (
        photo.pixels.shape == ((7, 5) if gray else (7, 5, 3)) and photo.pixels.dtype == np.float32
    )
    if gray and suffix == ".webp":  # which knows colour only
        assert (back[..., 0] == back[..., 1]).all() and (back[..., 0] == back[..., 2]).all()
        back = back[..., 0] if array.ndim == 2 else back[..., [0, 3]]
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
def test_sixteen_bit_gray_survives_exactly(suffix, tmp_path):
    photo = read_photo(save(tmp_path / "in.png", DEEP))
    assert photo.bits == 16 and photo.pixels.dtype == np.float32
    write_photo(tmp_path / f"out{suffix}", photo)
    np.testing.assert_array_equal(np.asarray(opened(tmp_path / f"out{suffix}")), DEEP)


@pytest.mark.parametrize("data", [
    encoded(DEEP, "PNG"), encoded(DEEP, "TIFF"), encoded(DEEP, "PPM"), tiff(DEEP, byteorder=">"),
    tiff(DEEP, compression="zlib"), tiff(65535 - DEEP, photometric="miniswhite"),
], ids=["png", "tiff", "pgm", "big-endian tiff", "packed tiff", "white-is-zero tiff"])  # fmt: skip
def test_sixteen_bit_gray_of_every_kind(data, tmp_path):
    (tmp_path / "x.bin").write_bytes(data)
    photo = read_photo(tmp_path / "x.bin")
    assert photo.bits == 16
    np.testing.assert_array_equal(np.rint(photo.pixels * 65535), DEEP)


@pytest.mark.parametrize("fmt", picture_file.READS)
def test_every_format_whatever_its_extension(fmt, tmp_path):
    path = save(tmp_path / "holiday.xyz", RGB, format=fmt)
    expected = opened(path).convert("RGB")
    np.testing.assert_array_equal(np.rint(read_photo(path).pixels * 255), expected)
    (tmp_path / "wrong.jpg").write_bytes(encoded(GRAY, "PNG"))
    np.testing.assert_array_equal(np.rint(read_photo(tmp_path / "wrong.jpg").pixels * 255), GRAY)


@pytest.mark.parametrize(
    "name", ["camera.png", "chelsea.png", "rocket.jpg", "color.png", "logo.png"]
)
def test_photographs_of_the_wheel(name):
    with Image.open(WHEEL / name) as image:
        expected = np.asarray(image.convert({"L": "L", "RGBA": "RGBA"}.get(image.mode, "RGB")))
    photo = read_photo(WHEEL / name)
    got = (
        photo.pixels
        if photo.alpha is None
        else np.dstack([photo.pixels, photo.alpha / np.float32(255)])
    )
    np.testing.assert_array_equal(np.rint(got * 255), expected)


def test_palettes(tmp_path):
    colours = Image.fromarray(RGB).quantize(6)
    photo = read_photo(save(tmp_path / "p.png", colours))
    np.testing.assert_array_equal(np.rint(photo.pixels * 255), np.asarray(colours.convert("RGB")))

    photo = read_photo(save(tmp_path / "clear.png", colours, transparency=b"\x00\x80\xff"))
    np.testing.assert_array_equal(
        photo.alpha, np.asarray(opened(tmp_path / "clear.png").convert("RGBA"))[..., 3]
    )
    assert photo.pixels.shape == (7, 5, 3) and {0, 128} <= set(photo.alpha.ravel())

    grays = Image.fromarray(GRAY // 64).convert("P")
    grays.putpalette([0, 0, 0, 90, 90, 90, 170, 170, 170, 255, 255, 255])
    photo = read_photo(save(tmp_path / "gray.png", grays))
    np.testing.assert_array_equal(
        np.rint(photo.pixels * 255), np.array([0, 90, 170, 255])[GRAY // 64]
    )


def test_one_bit_and_colour_key(tmp_path):
    photo = read_photo(save(tmp_path / "1.png", Image.fromarray(GRAY > 99)))
    np.testing.assert_array_equal(photo.pixels, (GRAY > 99).astype(np.float32))
    assert photo.bits == 8
    photo = read_photo(save(tmp_path / "key.png", GRAY, transparency=int(GRAY[2, 3])))
    np.testing.assert_array_equal(photo.alpha, np.where(GRAY == GRAY[2, 3], 0, 255))


def test_first_picture_of_a_phone_jpeg(tmp_path):
    first = Image.fromarray(RGB)
    first.save(
        tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[first.rotate(180)], quality=95
    )
    with Image.open(tmp_path / "phone.jpg") as image:
        assert image.format == "MPO" and image.n_frames == 2
        expected = np.asarray(image)
    np.testing.assert_array_equal(
        np.rint(read_photo(tmp_path / "phone.jpg").pixels * 255), expected
    )


@pytest.mark.parametrize("array", [GRAY, RGB, RGBA, DEEP], ids=["gray", "rgb", "rgba", "16 bits"])
def test_one_pixel(array, tmp_path):
    photo = read_photo(save(tmp_path / "1.png", array[:1, :1]))
    assert photo.pixels.shape[:2] == (1, 1) and estimate_noise(photo.pixels) == 0
    write_photo(tmp_path / "2.png", photo)
    np.testing.assert_array_equal(np.asarray(opened(tmp_path / "2.png")), array[:1, :1])


# EXIF and colour profile

TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", TURNED)
def test_orientation_is_applied_once_and_other_exif_kept(orientation, suffix, tmp_path):
    exactly = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    photo = read_photo(save(tmp_path / f"in{suffix}", RGBA, exif=exif(orientation), **exactly))
    upright = TURNED[orientation](RGBA)
    np.testing.assert_array_equal(np.rint(photo.pixels * 255), upright[..., :3])
    np.testing.assert_array_equal(photo.alpha, upright[..., 3])
    write_photo(tmp_path / f"out{suffix}", photo)
    with Image.open(tmp_path / f"out{suffix}") as image:
        tags = image.getexif()
        assert (tags[ORIENTATION], tags[MAKE]) == (1, "a camera")
        assert tags.get_ifd(EXIF_IFD)[TAKEN] == "2020:02:02 20:20:20"
    np.testing.assert_array_equal(read_photo(tmp_path / f"out{suffix}").pixels, photo.pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_a_turned_tiff_and_jpeg_into_every_format(suffix, tmp_path):
    packed = {"format": "TIFF", "compression": "tiff_lzw", "tiffinfo": {ORIENTATION: 6}}
    for options in ({"format": "JPEG", "exif": exif(6)}, packed):
        photo = read_photo(save(tmp_path / "in", RGB, **options))
        write_photo(tmp_path / f"out{suffix}", photo)
        back = read_photo(tmp_path / f"out{suffix}")
        assert photo.pixels.shape == back.pixels.shape == (5, 7, 3)
        assert np.abs(back.pixels - photo.pixels).max() < (0.1 if suffix == ".jpg" else 1e-6)


def test_sixteen_bits_are_turned_too(tmp_path):
    photo = read_photo(save(tmp_path / "in.png", DEEP, exif=exif(8)))
    np.testing.assert_array_equal(np.rint(photo.pixels * 65535), np.rot90(DEEP))


def test_broken_exif_does_not_lose_the_photograph(tmp_path):
    photo = read_photo(save(tmp_path / "in.png", RGB, exif=exif(6)[:30] + b"\xff" * 9))
    assert photo.pixels.size == RGB.size
    write_photo(tmp_path / "out.png", photo)


def test_colour_profile_is_kept_where_it_fits(tmp_path):
    profile = bytes(16) + b"RGB " + bytes(200)
    photo = read_photo(save(tmp_path / "in.png", RGB, icc_profile=profile))
    for suffix in photo_file.WRITERS:
        write_photo(tmp_path / f"out{suffix}", photo)
        assert read_photo(tmp_path / f"out{suffix}").icc == profile
    assert read_photo(save(tmp_path / "gray.png", GRAY, icc_profile=profile)).icc == b""


def named_heic(brand: bytes = b"heic", box: bytes = b"") -> bytes:
    """As an iPhone's file begins."""
    return b"\x00\x00\x00\x18ftyp" + brand + bytes(4) + b"mif1" + brand + box + bytes(40)


avif = pytest.mark.skipif("AVIF" not in picture_file.READS, reason="a Pillow without AVIF")


@avif
def test_avif_is_read_upright(tmp_path):
    smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    colours = np.dstack([smooth, smooth + 50, 200 - smooth])
    path = save(tmp_path / "phone.jpg", colours, format="AVIF", quality=100, exif=exif(6))
    photo = read_photo(path)
    assert photo.bits == 8 and photo.pixels.shape == (60, 40, 3)
    assert np.abs(photo.pixels * 255 - np.rot90(colours, -1)).max() < 6
    np.testing.assert_array_equal(np.rint(photo.pixels * 255), read_image(path))


@avif
@pytest.mark.parametrize(("flags", "bits"), [(64, 10), (96, 12)])
def test_deep_avif_is_refused(tmp_path, flags, bits):
    """Pillow gives 8 bits of it without a word."""
    data = bytearray(encoded(RGB, "AVIF"))
    data[data.index(b"av1C") + 6] |= flags
    # ``pixi`` must agree; the decoder looks at the codec's own header, which says 8
    channels = data.index(b"pixi") + 9
    data[channels : channels + 3] = [bits] * 3
    (tmp_path / "deep.avif").write_bytes(data)
    with pytest.raises(ValueError, match=f"deep.avif: {bits}-bit RGB pixels are not read"):
        read_photo(tmp_path / "deep.avif")


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"heix"])
@pytest.mark.parametrize("read", [read_photo, read_image])
def test_heic_named_jpg_says_which_extra(tmp_path, brand, read, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "phone.jpg").write_bytes(named_heic(brand))
    with pytest.raises(
        ValueError, match=r"phone\.jpg: is HEIC, which needs the extra heic"
    ) as error:
        read(tmp_path / "phone.jpg")
    assert "pip install 'hinas_lab[heic]'" in one_line(error, tmp_path / "phone.jpg")


@pytest.mark.parametrize("more", [0, 2])
def test_heic_is_read_with_the_extra(tmp_path, monkeypatch, more):
    """With a stand-in for pillow-heif, which reads any HEIC as this picture."""

    class Heif(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self):
            self._mode, self._size = "RGB", (5, 7)

        def load(self):
            self.im = Image.fromarray(RGB).im
            return self.im.pixel_access()

    def register():
        Image.register_open("HEIF", Heif, lambda head: head[4:8] == b"ftyp")

    heif = ModuleType("pillow_heif")
    heif.register_heif_opener, heif.__spec__ = register, ModuleSpec("pillow_heif", None)
    monkeypatch.setitem(sys.modules, "pillow_heif", heif)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    codec = b"hvcC" + bytes(17) + bytes([248 + more, 248 + more])
    (tmp_path / "phone.jpg").write_bytes(named_heic(box=codec))
    if more:
        with pytest.raises(ValueError, match="10-bit RGB pixels are not read"):
            read_photo(tmp_path / "phone.jpg")
    else:
        np.testing.assert_array_equal(read_image(tmp_path / "phone.jpg"), RGB)


def test_avif_where_pillow_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_file, "READS", photo_reads := picture_file.READS[:7])
    assert "AVIF" not in photo_reads
    (tmp_path / "phone.jpg").write_bytes(named_heic(b"avif"))
    with pytest.raises(ValueError, match=r"is AVIF, which needs Pillow 11\.3"):
        read_photo(tmp_path / "phone.jpg")


def test_many_threads_read_in_silence(tmp_path):
    """Pillow warns of this file; the filters are afterwards what they were."""
    path = save(tmp_path / "in.png", RGB, exif=exif(6)[:30] + b"\xff" * 9)
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_photo, [path] * 200))
    assert warnings.filters == before


# What is refused

BAD = {
    "zero bytes": (b"", "empty"),
    "not an image": (b"Dear diary, today nothing happened.\n" * 9, "not an image"),
    "text named svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "16-bit rgb png": (png(16, 2, 3), "16-bit"),
    "16-bit rgba png": (png(16, 6, 4), "16-bit"),
    "16-bit gray+alpha png": (png(16, 4, 2), "16-bit"),
    "16-bit rgb tiff": (tiff(np.zeros((7, 5, 3), np.uint16), photometric="rgb"), "16-bit"),
    "16-bit planar tiff": (
        tiff(np.zeros((3, 7, 5), np.uint16), photometric="rgb", planarconfig="separate"),
        "",
    ),
    "16-bit ppm": (b"P6 5 7 65535\n" + bytes(210), "16-bit"),
    "12-bit plain ppm": (b"P3 1 1 4095\n1 2 3\n", "16-bit"),
    "signed 16-bit tiff": (tiff(np.zeros((7, 5), np.int16)), "16-bit I "),
    "32-bit tiff": (tiff(np.zeros((7, 5), np.int32)), "32-bit"),
    "float tiff": (tiff(np.zeros((7, 5), np.float32)), "32-bit F"),
    "nan tiff": (tiff(np.full((7, 5), np.nan, np.float32)), "32-bit F"),
    "cmyk jpeg": (encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG"), "CMYK"),
    "cmyk tiff": (encoded(Image.fromarray(RGB).convert("CMYK"), "TIFF"), "CMYK"),
    "lab tiff": (encoded(Image.fromarray(RGB).convert("LAB"), "TIFF"), "LAB"),
    "animated gif": (
        encoded(RGB, "GIF", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
        "2 frames",
    ),
    "animated png": (
        encoded(RGB, "PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
        "2 frames",
    ),
    "animated webp": (
        encoded(RGB, "WEBP", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
        "2 frames",
    ),
    "two-page tiff": (
        encoded(RGB, "TIFF", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
        "2 frames",
    ),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(90), "is JPEG 2000"),
    "jpeg xl": (b"\xff\x0a" + bytes(90), "is JPEG XL"),
    "photoshop": (b"8BPS\0\1" + bytes(90), "is a Photoshop document"),
    "bomb": (png(8, 2, 3, size=(100_000, 100_000)), "megapixels"),
    "tall bomb": (png(8, 0, 1, size=(1, 2**31 - 1)), "megapixels"),
    "lying header": (png(8, 2, 3, size=(5000, 5000)), "truncated"),
}


def one_line(error, path):
    text = str(error.value)
    assert "\n" not in text and str(path) in text and "Traceback" not in text
    return text


@pytest.mark.parametrize("kind", BAD)
def test_refused_in_one_line(kind, tmp_path, capfd):
    data, says = BAD[kind]
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(ValueError) as error:
        read_photo(tmp_path / "bad.png")
    assert says in one_line(error, tmp_path / "bad.png")
    # a data folder says the same
    with pytest.raises(ValueError) as again:
        read_image(tmp_path / "bad.png")
    assert str(again.value) == str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fmt", picture_file.READS)
def test_truncated_anywhere(fmt, tmp_path):
    whole, path = encoded(RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8), fmt), tmp_path / "cut"
    for share in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9):
        path.write_bytes(whole[: max(1, int(share * len(whole)))])
        with pytest.raises(ValueError) as error:
            read_photo(path)
        one_line(error, path)


def test_damaged_bytes_raise_one_line_or_give_a_photograph(tmp_path):
    path, rng = tmp_path / "x", np.random.default_rng(1)
    for fmt in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM"):
        whole = encoded(RGB, fmt, **({"exif": exif(6)} if fmt in ("PNG", "JPEG", "WEBP") else {}))
        for _ in range(30):
            damaged = bytearray(whole)
            for where in rng.integers(0, len(whole), 3):
                damaged[where] = rng.integers(256)
            path.write_bytes(damaged)
            try:
                photo = read_photo(path)
            except (ValueError, OSError) as error:
                assert "\n" not in str(error)
            else:
                assert 0 <= photo.pixels.min() and photo.pixels.max() <= 1


def test_missing_folder_and_device(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        read_photo(tmp_path / "no.png")
    assert "no such" in one_line(error, tmp_path / "no.png")
    with pytest.raises(ValueError) as error:
        read_photo(tmp_path)
    assert "folder" in one_line(error, tmp_path)


def test_large_photographs_are_no_bombs(tmp_path, monkeypatch):
    """Between Pillow's warning and its refusal a photograph is read without a word (warnings are
    errors here)."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert read_photo(save(tmp_path / "x.png", GRAY)).pixels.shape == (7, 5)
    monkeypatch.undo()
    assert picture_file.MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS > 100e6


# Writing


def photo(array, **more):
    return Photo(array.astype(np.float32) / (65535 if array.dtype == np.uint16 else 255), **more)


@pytest.mark.parametrize(("name", "given", "says"), [
    ("x.gif", photo(RGB), "known are .png"),
    ("x", photo(RGB), "unknown image extension ''"),
    ("x.jpg", photo(DEEP, bits=16), "16-bit gray; write .png"),
    ("x.webp", photo(DEEP, bits=16), "16-bit gray; write .png"),
    ("x.JPG", photo(RGB, alpha=GRAY), "transparency"),
    ("absent/x.png", photo(RGB), "folder does not exist"),
    ("folder", photo(RGB), "is a folder"),
    ("folder.png", photo(RGB), "is a folder"),
    ("x.jpg", photo(RGB, exif=b"Exif\0\0" + bytes(70_000)), "cannot be written as JPEG"),
    ("x.webp", photo(np.zeros((1, 16384), np.uint8)), "too many for WEBP"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_outputs_refused_before_anything_is_computed(name, given, says, tmp_path):
    for folder in ("folder", "folder.png"):
        (tmp_path / folder).mkdir()
    before = sorted(tmp_path.rglob("*"))
    for call in (lambda path: check_output(path, given), lambda path: write_photo(path, given)):
        with pytest.raises((ValueError, OSError)) as error:
            call(tmp_path / name)
        assert says in one_line(error, tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_enlarged_outputs_are_checked(tmp_path):
    strip = photo(np.zeros((1, 9000), np.uint8))
    check_output(tmp_path / "x.webp", strip)
    with pytest.raises(ValueError, match="18000 x 2 pixels are too many for WEBP"):
        check_output(tmp_path / "x.webp", strip, scale=2)
    assert not list(tmp_path.iterdir())


def test_values_are_clipped_and_rounded(tmp_path):
    write_photo(tmp_path / "x.png", Photo(np.array([[-1, 0.5, 2, 0.501]], np.float32)))
    np.testing.assert_array_equal(np.asarray(opened(tmp_path / "x.png")), [[0, 128, 255, 128]])


def test_written_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    write_photo(tmp_path / "x.png", photo(RGB))
    assert os.stat(tmp_path / "x.png").st_mode == os.stat(tmp_path / "plain").st_mode


@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_full_disk_leaves_the_old_file_and_nothing_else(stage, tmp_path, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_):
        raise full

    write_photo(tmp_path / "x.png", photo(GRAY))
    monkeypatch.setattr(os, stage, refuse)
    for name in ("x.png", "new.png"):
        with pytest.raises(OSError) as error:
            write_photo(tmp_path / name, photo(RGB))
        assert "disk is full" in one_line(error, tmp_path / name)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["x.png"]
    np.testing.assert_array_equal(np.rint(read_photo(tmp_path / "x.png").pixels * 255), GRAY)


# Noise


@pytest.mark.parametrize("name", ["camera.png", "chelsea.png", "coffee.png"])
def test_noise_is_estimated(name):
    clean = read_photo(WHEEL / name).pixels
    assert estimate_noise(clean) < 4
    for sigma in (15, 25, 50):
        noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
        noisy = clean + np.float32(sigma / 255) * noise
        assert estimate_noise(noisy) == pytest.approx(sigma, rel=0.1)
        stored = np.rint(np.clip(noisy, 0, 1) * 255) / 255
        assert 0.8 * sigma < estimate_noise(stored) < 1.08 * sigma


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (9, 2, 3), (3, 3), (1, 5000)])
def test_noise_of_tiny_images(shape):
    assert estimate_noise(np.full(shape, 0.3, np.float32)) == pytest.approx(0, abs=1e-4)


def test_noise_of_a_large_image_is_that_of_its_middle():
    image = np.zeros((3000, 2100), np.float32)
    image[500:2500] = RNG.standard_normal((2000, 2100), dtype=np.float32) * 20 / 255
    assert estimate_noise(image) == pytest.approx(20, rel=0.05)


# A file that another program holds, as scanners do on Windows


@pytest.fixture
def held(monkeypatch):
    """``held.times = n``: the next n times ``os.replace`` is refused; ``held.tried`` counts."""
    real, hold = os.replace, SimpleNamespace(times=0, tried=0)

    def replace(source, target):
        hold.tried += 1
        if hold.tried <= hold.times:
            raise PermissionError(errno.EACCES, "Access is denied", str(source))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    return hold


def test_a_file_that_is_held_for_a_moment_is_written(tmp_path, held):
    held.times = 3
    storage.write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new" and held.tried == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_stays_held_is_one_line(tmp_path, held, monkeypatch):
    monkeypatch.setattr(storage, "PATIENCE", 0.2)
    (tmp_path / "a").write_bytes(b"old")
    held.times = 10**6
    with pytest.raises(OSError, match="cannot be written, Access is denied") as error:
        storage.write_atomic(tmp_path / "a", b"new")
    assert "does another program hold it open?" in one_line(error, tmp_path / "a")
    assert 3 <= held.tried <= 6 and (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
