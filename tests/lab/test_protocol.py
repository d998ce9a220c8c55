"""Gray, Y and protocols: every named protocol once more in a few literal lines, names, refusals,
crops, noise."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import uniform_filter
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from test_degrade_patches import imresize
from test_losses_metrics import GAUSSIAN, WANG, zero_padded_ssim

from hinas_lab.images import colour
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.protocol import NAMED_PROTOCOLS, PROTOCOLS, Protocol, crops, protocol

PHOTOS = load_images("builtin", 3, "test")
COLOUR = PHOTOS["chelsea"][60:191, 120:238]
GRAY = PHOTOS["camera"][100:219, 200:331, 0]
rng = np.random.default_rng(0)


# ---- gray and Y
# --------------------------------------------------------------------------------------------------


def test_gray_is_pillows():
    """Its fixed-point formula, in a hundred thousand colours; and all grays, which stay as they
    are."""
    image = rng.integers(0, 256, (400, 250, 3), dtype=np.uint8)
    red, green, blue = (c.astype(np.uint32) for c in np.moveaxis(image, 2, 0))
    np.testing.assert_array_equal(
        colour.pil_gray(image), (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    )
    grays = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name in ("L", "rgb2gray"):
        np.testing.assert_array_equal(colour.PLANES[name](colour.expand(grays)), grays)
        assert colour.PLANES[name](grays) is grays and colour.PLANES[name](image).dtype == np.uint8


def test_rgb2gray_is_matlabs():
    """Its weights are the first row of the inverse of NTSC's matrix."""
    weights = np.linalg.inv([[1, 0.956, 0.621], [1, -0.272, -0.647], [1, -1.106, 1.703]])[0]
    image = rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    np.testing.assert_array_equal(colour.rgb2gray(image), np.floor(image @ weights + 0.5))
    differ = colour.rgb2gray(image).astype(int) - colour.pil_gray(image)
    assert abs(differ).max() == 1 and 0 < abs(differ).mean() < 0.01


@pytest.mark.parametrize(
    "rgb, y, swapped",
    [
        ((255, 255, 255), 235, 235),
        ((0, 0, 0), 16, 16),
        ((200, 200, 200), 16 + 200 * 219 / 255, 16 + 200 * 219 / 255),
        ((255, 0, 0), 81.481, 40.966),
        ((0, 255, 0), 144.553, 144.553),
        ((0, 0, 255), 40.966, 81.481),
    ],
)
def test_y_of_known_colours(rgb, y, swapped):
    pixel = np.array(rgb, np.uint8).reshape(1, 1, 3)
    assert colour.luma(pixel).item() == pytest.approx(y, abs=1e-9)
    assert colour.MEASURED["Y swapped"](pixel.astype(float)).item() == pytest.approx(
        swapped, abs=1e-9
    )
    assert (
        colour.MEASURED["Y rounded"](pixel.astype(float)).item()
        == round(y)
        == colour.PLANES["Y"](pixel).item()
    )


def test_y_rounded_is_of_8_bits():
    """What a method left outside of 0 to 255 is cut, not wrapped around."""
    assert colour.MEASURED["Y rounded"](np.array([[[-99.0] * 3, [400.0] * 3]])).tolist() == [
        [0, 255]
    ]


# A matrix product's last bit depends on the picture's shape: of the 194 colours with a Y of exactly
# n + 1/2 some would go down.
@pytest.mark.parametrize("width", [1, 4])
def test_half_a_level_of_y_goes_up_in_every_picture(width):
    """65.481 * 5 + 128.553 * 65 + 24.966 * 25 is 36.5 * 255."""
    assert colour.PLANES["Y"](np.full((1, width, 3), (5, 65, 25), np.uint8)).tolist() == [
        [53] * width
    ]


def test_y_is_scikit_images():
    for image in (COLOUR, rng.random((20, 20, 3))):
        theirs = rgb2ycbcr(image)[..., 0]  # of uint8, or of float in [0, 1]
        scale = 1 if image.dtype == np.uint8 else 255
        np.testing.assert_allclose(colour.luma(image * scale), theirs, atol=1e-10)
        np.testing.assert_allclose(
            colour.luma(image[..., ::-1] * scale, colour.SWAPPED), theirs, atol=1e-10
        )


def test_a_gray_file_is_the_plane_or_is_expanded_to_rgb():
    """A gray of 200 is 200, or Y = 16 + 200 * 219 / 255 = 187.8. In gray it is 200 both ways, in
    RGB three times 200."""
    image = np.full((4, 4), 200, np.uint8)

    def levels(**how) -> list[float]:
        return np.unique(Protocol(**how).clean(image) * 255).tolist()

    for name, expanded in (("L", 200), ("rgb2gray", 200), ("Y", 188), ("RGB", 200)):
        assert levels(colour=name) == pytest.approx([200])
        assert levels(colour=name, gray_files="expanded") == pytest.approx([expanded])
    assert [
        Protocol(colour="RGB", gray_files=g).clean(image).shape for g in ("raw", "expanded")
    ] == [(4, 4, 3)] * 2


# ---- every named protocol, literally
# ---------------------------------------------------------------------------------


def blurred(image: np.ndarray) -> np.ndarray:
    """A method that is neither linear nor blind to where its piece ends, and leaves [0, 1]."""
    size = (3, 3) if image.ndim == 2 else (3, 3, 1)
    return 1.1 * (0.4 * image + 0.6 * uniform_filter(image, size, mode="nearest")) ** 2 - 0.03


def enlarged(scale: int):
    return lambda image: blurred(np.repeat(np.repeat(image, scale, 0), scale, 1))


def noise(shape, number, *crop, sigma=25):
    return np.float32(sigma / 255) * np.random.default_rng(
        [0, number, 1000 * sigma, *crop]
    ).standard_normal(shape, dtype=np.float32)


def compared(x, y, data_range=1):
    """PSNR and SSIM of scikit-image; of the SSIM map, what lies 5 pixels inside."""
    how = {"data_range": data_range, "channel_axis": 2 if x.ndim == 3 else None}
    full = structural_similarity(x, y, full=True, **how, **WANG)[1]
    return peak_signal_noise_ratio(y, x, data_range=data_range), full[5:-5, 5:-5].mean()


def pillow(image):
    return np.asarray(Image.fromarray(image).convert("L"), dtype=np.float32) / 255


def bits(x):
    return np.floor(x.clip(0, 255) + 0.5)


def y_of(rgb, weights=(65.481, 128.553, 24.966)):
    return 16 + sum(w * rgb[..., c] / 255 for c, w in enumerate(weights))


def each_channel(resize, rgb, *args):
    return np.stack([resize(rgb[..., c], *args) for c in range(3)], -1)


def whole(image, restore, number):
    clean = pillow(image)
    return compared(restore(clean + noise(clean.shape, number)).clip(0, 1), clean)


def whole_rgb(image, restore, number):
    clean = (image if image.ndim == 3 else np.dstack([image] * 3)) / np.float32(255)
    return compared(restore(clean + noise(clean.shape, number)).clip(0, 1), clean)


def half_size(image, restore, number):
    weights = (0.298936021293775, 0.587043074451121, 0.114020904255103)
    gray = image if image.ndim == 2 else bits(sum(w * image[..., c] for c, w in enumerate(weights)))
    clean = imresize(gray, 0.5, rounded=True).astype(np.float32) / 255
    return compared(restore(clean + noise(clean.shape, number)).clip(0, 1), clean)


def authors(stride):
    def measured(image, restore, number):
        """dn_eval.py: every crop has noise of its own, overlaps are averaged."""
        clean, i = pillow(image), 0
        total, count = np.zeros(clean.shape), np.zeros(clean.shape)
        places = [list(range(0, side - 64, stride)) + [side - 64] for side in clean.shape]
        for top in places[0]:
            for left in places[1]:
                crop = clean[top : top + 64, left : left + 64]
                total[top : top + 64, left : left + 64] += restore(
                    crop + noise((64, 64), number, i)
                )
                count[top : top + 64, left : left + 64] += 1
                i += 1
        restored = (total / count).clip(0, 1)
        return compared(restored, clean)[0], zero_padded_ssim(restored, clean, 1, GAUSSIAN)

    return measured


def cut(image, scale):
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def sr_standard(image, restore, scale):
    high = cut(image if image.ndim == 3 else np.dstack([image] * 3), scale)
    low = each_channel(imresize, high, 1 / scale, True)
    restored = bits(255 * restore(low.astype(np.float32) / 255))
    inside = (slice(scale, -scale),) * 2
    return compared(y_of(restored)[inside], y_of(high.astype(float))[inside], 255)


def sr_bicubic(image, restore, scale):
    high = cut(image, scale)
    high = high.astype(float) if high.ndim == 2 else bits(y_of(high))
    restored = bits(255 * restore((imresize(high, 1 / scale) / 255).astype(np.float32)))
    return compared(restored[scale:-scale, scale:-scale], high[scale:-scale, scale:-scale], 255)


def sr_authors(image, restore, scale):
    high = cut(image if image.ndim == 3 else np.dstack([image] * 3), scale)
    low = each_channel(imresize, high, 1 / scale, True)
    restored = 255 * restore(low.astype(np.float32) / 255).clip(0, 1)
    x, y = (
        y_of(rgb, (24.966, 128.553, 65.481)) for rgb in (restored.astype(float), high.astype(float))
    )
    return compared(x, y, 255)[0], zero_padded_ssim(x, y, 255, GAUSSIAN)


LITERAL = {
    "whole": whole,
    "whole-rgb": whole_rgb,
    "half-size": half_size,
    "authors-eval": authors(48),
    "authors-val": authors(64),
    "sr-standard": sr_standard,
    "sr-bicubic": sr_bicubic,
    "sr-authors": sr_authors,
}


def measured(p: Protocol, restore, image, level=25.0, number=3):
    scale = level if p.task == "sr" else 1
    clean = p.clean(image, scale)
    return p.measure(p.apply(restore, clean, level, number), clean, scale)


@pytest.mark.parametrize("image", [COLOUR, GRAY], ids=["colour", "gray"])
@pytest.mark.parametrize("name", [n for n, p in PROTOCOLS.items() if p.task == "denoise"])
def test_denoising_protocol_is_its_literal_form(name, image):
    assert measured(PROTOCOLS[name], blurred, image) == pytest.approx(
        LITERAL[name](image, blurred, 3), abs=2e-5
    )


@pytest.mark.parametrize("scale", [2, 4, 3])
@pytest.mark.parametrize("image", [COLOUR, GRAY], ids=["colour", "gray"])
@pytest.mark.parametrize("name", [n for n, p in PROTOCOLS.items() if p.task == "sr"])
def test_super_resolution_protocol_is_its_literal_form(name, image, scale):
    """By thirds a half is not exact, and may be rounded the other way."""
    wanted = LITERAL[name](image, enlarged(scale), scale)
    assert measured(PROTOCOLS[name], enlarged(scale), image, scale) == pytest.approx(
        wanted, abs=1e-3 if scale == 3 else 2e-5
    )


def test_every_named_protocol_is_tested_and_explained():
    assert LITERAL.keys() == PROTOCOLS.keys()
    assert all(row.why for row in NAMED_PROTOCOLS.values())


def test_srcnn_bicubic_is_the_formula_twice():
    """The published bicubic rows, start to end, with no code of the package but the protocol's:
    modcrop, Y, down, up, round, shave."""
    for scale in (2, 3, 4):
        high = bits(y_of(cut(COLOUR, scale)))
        restored = bits(imresize(imresize(high, 1 / scale), scale))
        inside = (slice(scale, -scale),) * 2
        ours = measured(
            PROTOCOLS["sr-bicubic"], lambda low, s=scale: imresize(low, s), COLOUR, scale
        )
        assert ours == pytest.approx(compared(restored[inside], high[inside], 255), abs=1e-4)


@pytest.mark.parametrize("change, literal", [
    ("clip_input=True", lambda noisy: noisy.clip(0, 1)),
    ("round_input=True", lambda noisy: bits(255 * noisy.astype(float)).astype(np.float32) / 255),
])  # fmt: skip
def test_noisy_input_as_in_a_file(change, literal):
    clean = pillow(COLOUR)
    given = (
        PROTOCOLS["whole"].degrade(clean, 80, 1),
        protocol(f"whole + {change}").degrade(clean, 80, 1),
    )
    assert given[0].min() < 0 and given[0].max() > 1 and given[1].dtype == np.float32
    np.testing.assert_array_equal(given[1], literal(given[0]))


def test_output_rounded_clipped_or_left():
    """Half a level goes up; what leaves [0, 1] comes back unless it is told not to."""
    levels = np.add.outer(np.arange(-30, 300), [0, 0.49, 0.5, 0.51])

    def out(change: str) -> np.ndarray:
        return protocol(f"whole + {change}").apply(lambda _: levels / 255, levels, 0, 0) * 255

    np.testing.assert_allclose(out("clip_output=False"), levels, atol=1e-9)
    np.testing.assert_allclose(out("seed=0"), levels.clip(0, 255), atol=1e-9)
    wanted = np.add.outer(np.arange(-30, 300), [0, 0, 1, 1]).clip(0, 255)
    np.testing.assert_allclose(
        out("round_output=True")[:, [0, 1, 3]], wanted[:, [0, 1, 3]], atol=1e-4
    )
    halves = Protocol(round_output=True).apply(
        lambda _: np.array([[0.5, 1.5]]) / 255, np.zeros((1, 2)), 0, 0
    )
    np.testing.assert_allclose(255 * halves, [[1, 2]], rtol=1e-6)


def test_where_crops_overlap():
    """Two crops of 12 on 16 columns, the first gives 0, the second 1."""
    clean = np.full((12, 16), 0.5, np.float32)
    for overlap, middle in (("mean", 0.5), ("last", 1.0)):
        answers = [np.ones((12, 12)), np.zeros((12, 12))]
        out = Protocol(tile=12, stride=12, overlap=overlap).apply(
            lambda _, a=answers: a.pop(), clean, 25, 0
        )
        np.testing.assert_array_equal(out, np.repeat([[0.0] * 4 + [middle] * 8 + [1.0] * 4], 12, 0))


def test_channels_and_borders_and_peak():
    """A known error in one channel, and one outside of what is compared."""
    p, clean = Protocol(colour="RGB"), np.full((20, 24, 3), 0.5, np.float32)
    tinted = clean + np.float32([0.1, 0, 0])
    assert p.measure(tinted, clean)[0] == pytest.approx(10 * np.log10(3 / 0.01), abs=1e-5)
    thirds = replace(p, psnr="channels").measure(tinted + np.float32([0, 0.1, 0.1]), clean)
    assert thirds[0] == pytest.approx(20, abs=1e-5)
    three = replace(p, psnr="channels").measure(clean + np.float32([0.1, 0.2, 0.4]), clean)[0]
    assert three == pytest.approx(np.mean([-20 * np.log10(e) for e in (0.1, 0.2, 0.4)]), abs=1e-5)
    spoiled = clean.copy()
    spoiled[:4], spoiled[:, -4:] = 0, 1
    assert replace(p, border="4").measure(spoiled, clean) == (np.inf, pytest.approx(1))
    assert (
        replace(p, border="3").measure(spoiled, clean)[0]
        < 100
        > replace(p, border="none").measure(spoiled, clean, 4)[0]
    )
    p = replace(PROTOCOLS["sr-standard"], measured="same", round_output=False)
    assert p.measure(spoiled, clean, 4)[0] == np.inf != p.measure(spoiled, clean, 3)[0]
    a, b = (x / 255 * np.float32(1) for x in (GRAY[:40, :40], GRAY[1:41, :40]))
    (wide, wide_ssim), (narrow, narrow_ssim) = (
        Protocol(data_range=r).measure(a, b) for r in (255, 219)
    )
    assert wide - narrow == pytest.approx(20 * np.log10(255 / 219)) and narrow_ssim < wide_ssim


@pytest.mark.parametrize("name", PROTOCOLS)
def test_nothing_to_compare_is_refused(name):
    p = replace(PROTOCOLS[name], tile=0, stride=0, noise="image")
    for side in (10, 1):
        with pytest.raises(ValueError, match="pixels: SSIM needs at least 11 x 11"):
            measured(
                p, enlarged(2) if p.task == "sr" else blurred, np.zeros((side, 40), np.uint8), 2
            )


# ---- sizes and kinds of pictures
# -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", [n for n, p in PROTOCOLS.items() if p.task == "sr"])
def test_sides_are_cut_at_the_bottom_and_right(name, scale):
    p = PROTOCOLS[name]
    for more in ((1, 0), (0, 1), (scale - 1, scale - 1)):
        image = COLOUR[: 12 * scale + more[0], : 13 * scale + more[1]]
        clean = p.clean(image, scale)
        assert clean.shape[:2] == (12 * scale, 13 * scale)
        np.testing.assert_array_equal(clean, p.clean(image[: 12 * scale, : 13 * scale], scale))
        assert p.degrade(clean, scale, 0).shape == (12, 13, *clean.shape[2:])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_clean_pictures_are_float32_of_the_stored_values(name):
    p = PROTOCOLS[name]
    for image in (COLOUR, GRAY):
        clean = p.clean(image)
        assert clean.dtype == np.float32 and clean.ndim == (3 if p.colour == "RGB" else 2)
        if p.size_factor == 1:
            levels = clean.astype(float) * 255
            np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)


def test_whole_works_on_pillows_gray():
    np.testing.assert_array_equal(PROTOCOLS["whole"].clean(COLOUR), pillow(COLOUR))
    np.testing.assert_array_equal(PROTOCOLS["whole-rgb"].clean(COLOUR), COLOUR / np.float32(255))


@given(st.integers(0, 255))
def test_eight_bits_survive(level):
    """What is a whole level already stays exactly that through rounding, in and out."""
    clean = np.full((4, 4), level, np.float32) / 255
    p = Protocol(round_input=True, round_output=True)
    np.testing.assert_array_equal(p.apply(lambda x: x, clean, 0, 0), clean)
    low = protocol("sr-standard").degrade(np.dstack([clean] * 3), 2, 0)
    np.testing.assert_array_equal(low, np.dstack([clean[:2, :2]] * 3))


# ---- names
# --------------------------------------------------------------------------------------------------

VALUES = {
    "colour": ("L", "rgb2gray", "Y", "RGB"),
    "gray_files": ("raw", "expanded"),
    "clip_input": (False, True),
    "round_input": (False, True),
    "overlap": ("mean", "last"),
    "clip_output": (False, True),
    "round_output": (False, True),
    "psnr": ("joint", "channels"),
    "measured": ("same", "Y", "Y rounded", "Y swapped"),
    "ssim_window": ("gaussian", "uniform"),
    "ssim_padding": ("valid", "zero"),
    "task": ("denoise", "sr"),
    "noise": ("image", "crop"),
}


CHANGES = [{name: value} for name, values in VALUES.items() for value in values]
CHANGES += [
    {"tile": 0, "stride": 0},
    {"tile": 64, "stride": 48},
    {"tile": 80, "stride": 1},
    {"border": "none"},
    {"border": "scale"},
    {"border": "3"},
    {"border": "17"},
    {"data_range": 1},
    {"seed": 2**70},
    {"size_factor": 1 / 3},
]


@st.composite
def protocols(draw):
    """A named protocol with some valid changes."""
    base = asdict(PROTOCOLS[draw(st.sampled_from(list(PROTOCOLS)))])
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=5)):
        base |= change
    if draw(st.booleans()):
        base |= {
            "size_factor": draw(st.floats(0, 1, exclude_min=True)),
            "seed": draw(st.integers(0, 2**70)),
        }
    try:
        return Protocol(**base)
    except ValueError:
        assume(False)


@given(protocols())
def test_a_name_makes_its_protocol_again(p):
    """So that two protocols never share a name. It starts from one for the same task."""
    assert protocol(p.name) == p and "\n" not in p.text and p.text
    assert PROTOCOLS[p.name.split(" + ")[0]].task == p.task and "task=" not in p.name


@pytest.mark.parametrize("name", PROTOCOLS)
def test_named_protocols_have_their_names(name):
    assert PROTOCOLS[name].name == name and protocol(name) == PROTOCOLS[name]
    assert protocol(f"{name} + seed=7").name == f"{name} + seed=7"


def test_names_are_looked_up():
    """However it is written: the shortest one; every field changes it."""
    assert (
        protocol("whole + noise=crop + tile=64 + stride=48 + ssim_padding=zero").name
        == "authors-eval"
    )
    assert (
        Protocol(noise="crop", tile=64, stride=32, ssim_padding="zero").name
        == "authors-eval + stride=32"
    )
    assert protocol(" sr-authors  +  measured=Y swapped").name == "sr-authors"
    for change in CHANGES:
        ((name, value), *more) = change.items()
        base = PROTOCOLS["whole-rgb" if name == "measured" else "authors-eval"]
        if name not in ("task", "noise") and value not in (0, "scale", getattr(base, name)):
            assert f"{name}={value}" in replace(base, **change).name and replace(
                base, **change
            ).name.startswith(base.name)


@pytest.mark.parametrize(
    "values, fragment",
    [
        ({"task": "derain"}, "task = 'derain': must be one of denoise, sr"),
        ({"colour": "luma"}, "colour = 'luma': must be one of L, rgb2gray, Y, RGB"),
        ({"gray_files": "both"}, "gray_files = 'both'"),
        ({"noise": "pixel"}, "noise = 'pixel'"),
        ({"overlap": "first"}, "overlap = 'first'"),
        ({"measured": "y"}, "measured = 'y'"),
        ({"psnr": "mean"}, "psnr = 'mean'"),
        ({"ssim_window": "box"}, "ssim_window = 'box'"),
        ({"ssim_padding": "same"}, "ssim_padding = 'same': must be one of valid, zero"),
        ({"colour": None}, "colour = None"),
        ({"clip_input": 1}, "clip_input = 1: must be bool"),
        ({"tile": True}, "tile = True: must be int"),
        ({"seed": 1.0}, "seed = 1.0: must be int"),
        ({"size_factor": "half"}, "size_factor = 'half'"),
        ({"border": 4}, "must be str"),
        ({"border": "-1"}, "border = '-1'"),
        ({"border": ""}, "border"),
        ({"border": "1.5"}, "border"),
        ({"border": "²"}, "border"),
        ({"size_factor": 0}, "size_factor = 0"),
        ({"size_factor": 1.01}, "size_factor"),
        ({"size_factor": float("nan")}, "size_factor = nan"),
        ({"data_range": 0}, "data_range = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"tile": 64}, "tile = 64, stride = 0"),
        ({"stride": 64}, "stride = 64"),
        ({"tile": 64, "stride": 65}, "stride from 1 to tile"),
        ({"tile": -1, "stride": -1}, "tile = -1"),
        ({"noise": "crop"}, "needs tile and stride"),
        ({"task": "sr", "tile": 64, "stride": 64}, "tiles and size_factor are for denoising"),
        ({"measured": "Y"}, "needs colour = 'RGB'"),
        ({"task": "sr", "size_factor": 0.5}, "tiles and size_factor are for denoising"),
        ({"border": "scale"}, "is for super-resolution"),
        ({"border": "0"}, "above 0"),
        ({"border": "04"}, "above 0"),
        ({"measured": "Y swapped", "colour": "Y"}, "needs colour = 'RGB'"),
    ],
)
def test_values_that_make_no_protocol(values, fragment):
    with pytest.raises(ValueError, match="^protocol: ") as caught:
        Protocol(**values)
    assert fragment in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name, fragment",
    [
        ("", "must be one of whole, whole-rgb"),
        ("bicubic", "protocol = 'bicubic': must be one of"),
        ("whole+border=4", "'whole+border=4'"),
        ("whole + ", "must be FIELD=VALUE"),
        ("whole + sigma=25", "'sigma=25': must be FIELD=VALUE"),
        ("whole + seed", "seed must be int"),
        ("whole + seed=x", "seed must be int"),
        ("whole + clip_input=yes", "clip_input must be bool"),
        ("whole + border=x", "border = 'x'"),
        ("whole + size_factor=half", "size_factor must be float"),
        ("whole + tile=64", "stride = 0"),
        ("border=4", "protocol = 'border=4'"),
    ],
)
def test_names_that_are_none(name, fragment):
    with pytest.raises(ValueError, match="^protocol") as caught:
        protocol(name)
    assert fragment in str(caught.value) and "\n" not in str(caught.value)


def test_the_text_says_what_differs():
    """One changed field, one other sentence, where it changes anything."""
    base = {"denoise": PROTOCOLS["authors-eval"], "sr": PROTOCOLS["sr-authors"]}
    changes = {
        "denoise": (
            {"colour": "Y"},
            {"size_factor": 0.5},
            {"noise": "image"},
            {"clip_input": True},
            {"round_input": True},
            {"seed": 1},
            {"tile": 65},
            {"stride": 47},
            {"overlap": "last"},
            {"data_range": 219},
            {"psnr": "channels"},
        ),
        "sr": (
            {"gray_files": "raw"},
            {"round_input": False},
            {"clip_output": False},
            {"round_output": True},
            {"measured": "Y"},
            {"measured": "same"},
            {"border": "scale"},
            {"border": "4"},
            {"ssim_window": "uniform"},
            {"ssim_padding": "valid"},
        ),
    }
    for task, p in base.items():
        texts = [p.text, *(replace(p, **change).text for change in changes[task])]
        assert len(set(texts)) == len(texts)


# ---- crops
# --------------------------------------------------------------------------------------------------


@given(st.data())
def test_crops_cover_the_image_and_the_last_one_ends_with_it(data):
    tile = data.draw(st.integers(4, 30))
    stride = data.draw(st.integers(tile // 4, tile))
    size = tuple(data.draw(st.integers(tile, 70)) for _ in range(2))
    seen, found = np.zeros(size, int), crops(size, tile, stride)
    for at in found:
        seen[at] += 1
        assert seen[at].shape == (tile, tile)
    assert seen.min() >= 1 and len(found) == len(
        {(rows.start, columns.start) for rows, columns in found}
    )
    for axis, side in enumerate(size):
        starts = sorted({at[axis].start for at in found})
        assert starts == [*range(0, side - tile, stride), side - tile]
    assert (found[0][0].start, found[0][1].start, found[-1][0].stop, found[-1][1].stop) == (
        0,
        0,
        *size,
    )


def test_an_image_smaller_than_a_crop_is_refused_with_both_sizes():
    for size in ((63, 200), (200, 63)):
        with pytest.raises(
            ValueError, match=f"^image of {size[0]} x {size[1]} pixels is smaller.* crop of 64$"
        ):
            measured(PROTOCOLS["authors-eval"], blurred, np.zeros(size, np.uint8))
    assert crops((64, 64), 64, 48) == [(slice(0, 64), slice(0, 64))]


# ---- noise
# --------------------------------------------------------------------------------------------------


def given_to_methods(p: Protocol, level=25.0, number=0, image=GRAY):
    """What a method gets to see."""
    seen = []
    p.apply(lambda x: seen.append(x.copy()) or x, p.clean(image), level, number)
    return seen


@pytest.mark.parametrize("name", [n for n, p in PROTOCOLS.items() if p.task == "denoise"])
def test_every_method_gets_the_same_noise(name):
    """Whatever numpy's global seed is; another one for another image, another sigma, another
    seed."""
    p = PROTOCOLS[name]
    clean = (
        [p.clean(GRAY)[at] for at in crops(p.clean(GRAY).shape, p.tile, p.stride)]
        if p.tile
        else [p.clean(GRAY)]
    )
    np.random.seed(0)  # noqa: NPY002
    first = given_to_methods(p)
    np.random.seed(1)  # noqa: NPY002
    assert len(first) == len(clean) and all(
        np.array_equal(a, b) for a, b in zip(first, given_to_methods(p))
    )
    others = [
        given_to_methods(p, number=1),
        given_to_methods(p, 50.0),
        given_to_methods(p, 25.5),
        given_to_methods(replace(p, seed=1)),
    ]
    fields = [
        (seen[0] - clean[0]) / sigma
        for seen, sigma in zip([first, *others], (25, 25, 50, 25.5, 25))
    ]
    for i, a in enumerate(fields):
        assert a.std() * 255 == pytest.approx(1, rel=0.05)
        assert all(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.1 for b in fields[:i])


def test_crops_have_noise_of_their_own_or_share_one_field():
    clean = PROTOCOLS["whole"].clean(GRAY)
    places = crops(clean.shape, 64, 48)
    fresh = [
        x - clean[at]
        for x, at in zip(given_to_methods(PROTOCOLS["authors-eval"]), places, strict=True)
    ]
    for i, a in enumerate(fresh):
        assert all(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.1 for b in fresh[:i])
    (noisy,) = given_to_methods(PROTOCOLS["whole"])
    shared = given_to_methods(protocol("whole + tile=64 + stride=48"))
    assert all(np.array_equal(x, noisy[at]) for x, at in zip(shared, places, strict=True))


def test_degrading_changes_nothing_and_is_of_its_arguments_alone():
    for name, level in (
        ("whole", 25.0),
        ("authors-eval", 25.0),
        ("sr-standard", 2),
        ("sr-bicubic", 3),
    ):
        p = PROTOCOLS[name]
        clean = p.clean(COLOUR, 12)
        before = clean.copy()
        first = p.degrade(clean, level, 0)
        p.degrade(clean, level, 1), p.degrade(1 - clean, level, 0)
        assert (
            first.dtype == np.float32
            and np.array_equal(p.degrade(clean, level, 0), first)
            and np.array_equal(clean, before)
        )


@pytest.mark.parametrize("sigma", [25.0, 50.0])
def test_averaging_fresh_noise_flatters_and_averaging_one_field_does_not(sigma):
    """The lesson: a method that does nothing gains where crops of the authors' script overlap. The
    crops alone gain nothing."""
    image = PHOTOS["camera"][
        :208, :208
    ]  # starts 0, 48, 96, 144: (16 / 208) of a side lies in two crops, thrice
    psnr = {
        n: measured(protocol(n), lambda x: x, image, sigma)[0]
        for n in (
            "whole",
            "whole + tile=64 + stride=48",
            "authors-eval",
            "authors-eval + stride=16",
            "authors-eval + overlap=last",
        )
    }
    assert psnr["whole + tile=64 + stride=48"] == pytest.approx(psnr["whole"], abs=1e-5)
    assert psnr["authors-eval + overlap=last"] == pytest.approx(psnr["whole"], abs=0.15)
    single = 1 - 3 * 16 / 208
    expected = -10 * np.log10(
        (single + (1 - single) / 2) ** 2
    )  # the noise power left, where nothing is clipped
    assert psnr["authors-eval"] - psnr["whole"] == pytest.approx(expected, abs=0.25)
    assert psnr["authors-eval + stride=16"] > psnr["authors-eval"] + 3


def test_the_seed_changes_the_numbers_but_little():
    a, b = (measured(protocol(f"whole + seed={s}"), blurred, GRAY)[0] for s in (0, 1))
    assert a != b and a == pytest.approx(b, abs=0.3)
