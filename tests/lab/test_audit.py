"""The leak audit finds changed copies of a photograph, with the right partner, and nothing else.
Photographs of the wheel, no data set."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from hinas_lab.images.datasets import audit as module
from hinas_lab.images.datasets.audit import CORRELATION, SMALLEST, audit
from hinas_lab.images.datasets.catalog import photograph_path
from hinas_lab.images.datasets.sets import TEST, TRAIN

PHOTOS = {name: photograph_path(name) for name in (*TRAIN, *TEST)}
NAMES = ("astronaut.png", "chelsea.png", "camera.png", "coffee.png", "rocket.jpg", "coins.png")
COLOUR = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


def photo(name: str) -> Image.Image:
    """As RGB, 400 pixels wide: as large as those of BSDS500."""
    image = Image.open(PHOTOS[name]).convert("RGB")
    return image.resize((400, round(image.height * 400 / image.width)), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def train(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("train")
    for name in NAMES:
        photo(name).save(folder / f"{name}.png")
    return {path.name.removesuffix(".png"): path for path in folder.iterdir()} | {
        "brick.png": PHOTOS["brick.png"]
    }


@pytest.fixture(scope="module")
def index(train):
    """The training side, reduced once for all tests that ask it about one image."""
    return module._Index({name: module._picture(train[name]) for name in sorted(train)})


@pytest.fixture
def ask(index, tmp_path):
    """image -> the matches of this one test image."""

    def ask(image: Image.Image):
        image.save(tmp_path / "test.png")
        return index.matches("test", module._picture(tmp_path / "test.png"))

    return ask


def crop(image, left, top, right, bottom):
    """By fractions of the sides."""
    w, h = image.size
    return image.crop((round(left * w), round(top * h), round(right * w), round(bottom * h)))


def scale(image, factor):
    return image.resize(
        [max(1, round(side * factor)) for side in image.size], Image.Resampling.BICUBIC
    )


def jpeg(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def light(image, brightness, contrast):
    return ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(brightness)).enhance(
        contrast
    )


def noise(image, sigma):
    pixels = np.asarray(image) + np.random.default_rng(0).normal(
        0, sigma, (image.height, image.width, 3)
    )
    return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))


def mirror(image):
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


CHANGES = {
    "quarter": lambda image: crop(image, 0.3, 0.2, 0.8, 0.7),
    "jpeg": lambda image: jpeg(image, 50),
    "gray": lambda image: image.convert("L"),
    "noise": lambda image: noise(image, 10),
    "brighter": lambda image: light(image, 1.2, 1.2),
    "darker": lambda image: light(image, 0.7, 0.8),
    "mirror": mirror,
    "a pixel cut off": lambda image: image.crop((0, 0, image.width - 1, image.height - 1)),
    "squeezed": lambda image: image.resize((image.width - 4, image.height)),
    "quarter, small": lambda image: scale(crop(image, 0.3, 0.2, 0.8, 0.7), 0.3),
    "quarter, large": lambda image: scale(crop(image, 0.1, 0.4, 0.6, 0.9), 3.3),
    "all at once": lambda image: jpeg(
        noise(light(scale(mirror(crop(image, 0.1, 0.2, 0.75, 0.85)), 0.6), 1.1, 0.9), 4), 60
    ).convert("L"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", COLOUR)
def test_a_changed_copy_is_found_with_its_partner(ask, name, change):
    (match,) = ask(CHANGES[change](photo(name)))
    assert (match.train, match.test, match.kind) == (name, "test", "perceptual")
    assert CORRELATION <= match.score <= 1


@pytest.mark.parametrize("factor", np.geomspace(0.25, 4, 8))
def test_any_scale(ask, factor):
    (match,) = ask(scale(photo("chelsea.png"), factor))
    assert match.train == "chelsea.png" and match.score > 0.95
    assert match.detail == f"the whole picture, scale {factor:.2f}"


@pytest.mark.parametrize(
    "turn, says",
    [
        (Image.Transpose.FLIP_LEFT_RIGHT, "mirrored"),
        (Image.Transpose.FLIP_TOP_BOTTOM, "upside down and mirrored"),
        (Image.Transpose.ROTATE_180, "upside down"),
        (Image.Transpose.ROTATE_90, "turned left"),
        (Image.Transpose.ROTATE_270, "turned right"),
        (Image.Transpose.TRANSPOSE, "turned right and mirrored"),
        (Image.Transpose.TRANSVERSE, "turned left and mirrored"),
    ],
)
def test_turns_and_their_names(ask, turn, says):
    """What is said, done in its order with PIL, gives the test picture."""
    (match,) = ask(photo("coffee.png").transpose(turn))
    assert match.detail == f"the whole picture, scale 1.00, {says}"
    by_name = photo("coffee.png")
    degrees = {
        "left": Image.Transpose.ROTATE_90,
        "right": Image.Transpose.ROTATE_270,
        "upside": Image.Transpose.ROTATE_180,
    }
    for word, rotation in degrees.items():
        by_name = by_name.transpose(rotation) if word in says else by_name
    by_name = mirror(by_name) if "mirrored" in says else by_name
    assert by_name.tobytes() == photo("coffee.png").transpose(turn).tobytes()


def test_the_crop_is_told_in_pixels(ask, tmp_path):
    (match,) = ask(photo("astronaut.png").crop((100, 40, 340, 260)))
    assert match.detail.startswith("test is a crop of train (x ") and match.detail.endswith(
        "scale 1.00"
    )
    told = [
        int(side)
        for side in match.detail.translate(str.maketrans("(),.", "    ")).split()
        if side.isdigit()
    ][:4]
    assert np.abs(np.subtract(told, (100, 339, 40, 259))).max() <= 1

    photo("astronaut.png").save(tmp_path / "whole.png")
    mirror(photo("astronaut.png").crop((100, 40, 340, 260))).save(tmp_path / "crop.png")
    (match,) = audit({"crop": tmp_path / "crop.png"}, {"whole": tmp_path / "whole.png"})
    assert match.detail.startswith("train is a crop of test (x ") and match.detail.endswith(
        "scale 1.00, mirrored"
    )
    told = [
        int(side)
        for side in match.detail.translate(str.maketrans("(),.", "    ")).split()
        if side.isdigit()
    ][:4]
    assert np.abs(np.subtract(told, (100, 339, 40, 259))).max() <= 1


def test_two_crops_that_overlap(tmp_path):
    crop(photo("coins.png"), 0, 0, 0.7, 0.7).save(tmp_path / "a.png")
    crop(photo("coins.png"), 0.25, 0.25, 1, 1).save(tmp_path / "b.png")
    (match,) = audit({"a": tmp_path / "a.png"}, {"b": tmp_path / "b.png"})
    assert match.detail.startswith("test shares a part of train (x 100..279, ")


def test_unrelated_photographs_do_not_match():
    for name in TEST:
        assert audit({n: PHOTOS[n] for n in PHOTOS if n != name}, {name: PHOTOS[name]}) == []


def test_the_stereo_pair_is_two_photographs(monkeypatch):
    """Alike enough to be compared, and told apart by the pixels: the threshold lies between another
    view and the same photograph."""
    left, right = ({name: PHOTOS[name]} for name in ("motorcycle_left.png", "motorcycle_right.png"))
    assert audit(left, right) == []
    monkeypatch.setattr(module, "CORRELATION", 0.5)
    (match,) = audit(left, right)
    assert 0.5 < match.score < 0.7


def test_exact_is_the_whole_image_in_any_lossless_format(train, tmp_path):
    image = photo("camera.png")
    image.save(tmp_path / "copy.bmp")
    image.crop((0, 0, 399, 399)).save(tmp_path / "cut.png")
    image.convert("L").save(
        tmp_path / "gray.png"
    )  # a gray photograph: its RGB holds the same numbers
    found = {
        m.test: m
        for m in audit(
            train, {name: tmp_path / name for name in ("copy.bmp", "cut.png", "gray.png")}
        )
    }
    assert {name: m.kind for name, m in found.items()} == {
        "copy.bmp": "exact",
        "cut.png": "perceptual",
        "gray.png": "exact",
    }
    assert (found["copy.bmp"].score, found["copy.bmp"].detail, found["copy.bmp"].train) == (
        1.0,
        "same pixels",
        "camera.png",
    )


def test_same_bytes_in_another_shape_are_not_exact(tmp_path):
    values = np.arange(20 * 30, dtype=np.uint8)
    Image.fromarray(values.reshape(20, 30)).save(tmp_path / "a.png")
    Image.fromarray(values.reshape(30, 20)).save(tmp_path / "b.png")
    assert not [
        m for m in audit({"a": tmp_path / "a.png"}, {"b": tmp_path / "b.png"}) if m.kind == "exact"
    ]


def test_every_copy_in_training_is_named(train, tmp_path):
    """Copies of one photograph share its votes: all of them are found still."""
    image = photo("rocket.jpg")
    copies = {
        "copy": image,
        "jpeg": jpeg(image, 70),
        "crop": crop(image, 0.1, 0.1, 0.9, 0.8),
        "mirror": mirror(image),
    }
    for name, copy in copies.items():
        copy.save(tmp_path / f"{name}.png")
    paths = {name: tmp_path / f"{name}.png" for name in copies}
    assert {m.train for m in audit(train | paths, {"it": paths["copy"]})} == {*copies, "rocket.jpg"}


def test_same_answer_twice_and_in_any_order(train, tmp_path):
    for name in NAMES[:3]:
        CHANGES["all at once"](photo(name)).save(tmp_path / name)
    test = {name: tmp_path / name for name in NAMES[:3]}
    first = audit(train, test)
    assert [m.test for m in first] == sorted(NAMES[:3])
    assert (
        first
        == audit(train, test)
        == audit(dict(reversed(train.items())), dict(reversed(test.items())))
    )


def gradient(height, width):
    return np.linspace(90, 200, height)[:, None] + np.linspace(0, 20, width)


def grain(seed):
    """Noise that survives JPEG: weaker grain is rounded away, and what is left is the gray picture
    to the pixel."""
    return 128 + np.random.default_rng(seed).normal(0, 4, (200, 300))


FLAT = {
    "black": np.zeros((200, 300)),
    "gray": np.full((200, 300), 128.0),
    "sky": gradient(200, 300),
    "other sky": gradient(240, 240).T,
    "grain": grain(0),
    "other grain": grain(1),
}


def test_pictures_of_nothing_match_nothing(train, tmp_path):
    for name, pixels in FLAT.items():
        Image.fromarray(pixels.round().astype(np.uint8)).save(tmp_path / f"{name}.jpg", quality=60)
    flat = {name: tmp_path / f"{name}.jpg" for name in FLAT}
    assert audit(train, flat) == [] and audit(flat, {"chelsea": train["chelsea.png"]}) == []
    for name in flat:
        others = {other: path for other, path in flat.items() if other != name}
        assert audit(others, {name: flat[name]}) == []


def textures():
    """Unrelated pictures of one kind: random fields of the same spectrum, that of photographs."""
    for seed in range(12):
        field = np.fft.rfft2(np.random.default_rng(seed).normal(size=(200, 300)))
        rows, columns = np.fft.fftfreq(200)[:, None], np.fft.rfftfreq(300)
        field = np.fft.irfft2(field / np.maximum(np.hypot(rows, columns), 1 / 300), s=(200, 300))
        yield Image.fromarray((128 + 40 * field / field.std()).clip(0, 255).astype(np.uint8))


def test_textures_of_one_kind(tmp_path):
    made = list(textures())
    for i, texture in enumerate(made):
        texture.save(tmp_path / f"{i}.png")
        scale(mirror(crop(texture, 0.2, 0.3, 0.8, 0.9)), 0.7).save(tmp_path / f"{i}c.png")
    numbers = range(len(made))
    found = audit(
        {str(i): tmp_path / f"{i}.png" for i in numbers},
        {str(i): tmp_path / f"{i}c.png" for i in numbers},
    )
    assert [(m.train, m.test) for m in found] == sorted((str(i), str(i)) for i in numbers)


def test_tiny_images_are_compared_exactly_only(tmp_path):
    tiny = crop(photo("chelsea.png"), 0.4, 0.4, 0.6, 0.6).resize((60, SMALLEST - 1))
    tiny.save(tmp_path / "a.png")
    tiny.save(tmp_path / "b.bmp")
    mirror(tiny).save(tmp_path / "c.png")
    Image.new("RGB", (1, 1)).save(tmp_path / "d.png")
    found = audit(
        {"a": tmp_path / "a.png"},
        {"b": tmp_path / "b.bmp", "c": tmp_path / "c.png", "d": tmp_path / "d.png"},
    )
    assert [(m.test, m.kind) for m in found] == [("b", "exact")]


def test_unusual_shapes_and_modes(tmp_path):
    """A very long picture, transparency, a palette, 16 bits, 1 bit: read, compared, no crash."""
    image = photo("coffee.png")
    made = {
        "long": image.resize((3000, 17)),
        "alpha": image.convert("RGBA"),
        "palette": image.quantize(64),
        "bit": image.convert("1"),
        "wide": Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257),
    }
    for name, version in made.items():
        version.save(tmp_path / f"{name}.png")
    image.save(tmp_path / "coffee.png")
    found = {
        m.test: m.kind
        for m in audit(
            {"coffee": tmp_path / "coffee.png"}, {name: tmp_path / f"{name}.png" for name in made}
        )
    }
    assert {
        "alpha": "exact",
        "palette": "perceptual",
        "wide": "perceptual",
    }.items() <= found.items() and "long" not in found


def test_bad_files_are_named_in_one_line(train, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    whole = tmp_path / "whole.png"
    photo("coins.png").save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:2000])
    for name in ("text.png", "cut.png", "missing.png"):
        for sides in ((train, {"it": tmp_path / name}), ({"it": tmp_path / name}, train)):
            with pytest.raises((ValueError, OSError), match=name) as error:
                audit(*sides)
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "sides", [({}, {"a": Path("a.png")}), ({"a": Path("a.png")}, {}), ({}, {})]
)
def test_nothing_to_audit(sides):
    with pytest.raises(ValueError, match="nothing to audit"):
        audit(*sides)


def test_progress_wraps_each_side_once(train):
    seen = []
    audit(
        train,
        {"coins": train["coins.png"]},
        progress=lambda names: seen.append(list(names)) or names,
    )
    assert seen == [sorted(train), ["coins"]]
