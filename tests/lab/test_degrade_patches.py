"""What happens to a clean picture, and what a network gets to see of it."""

import math
from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hinas_lab.images import degrade
from hinas_lab.images.degrade import (
    add_noise,
    bicubic_bands,
    crop_to_multiple,
    noise_field,
    upscale,
)
from hinas_lab.images.patches import INIT, A, Patches, W, generator, held_out, split

scales = pytest.mark.parametrize("scale", [2, 3, 4])
rng = np.random.default_rng(0)


# ---- bicubic
# --------------------------------------------------------------------------------------------------


def imresize_line(line: list, out: int, scale: float) -> list:
    """One line, of pixels or of whole rows, by MATLAB's imresize formula: pixels counted from 1,
    borders mirrored, antialiased when shrinking."""
    result, n = [], len(line)
    for r in range(1, out + 1):
        centre = r / scale + 0.5 * (1 - 1 / scale)
        h = min(scale, 1.0)
        total = weight_sum = 0.0
        for p in range(math.floor(centre - 2 / h) - 1, math.ceil(centre + 2 / h) + 2):
            x = abs(h * (centre - p))
            weight = (
                1.5 * x**3 - 2.5 * x**2 + 1
                if x <= 1
                else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
                if x <= 2
                else 0.0
            )
            q = (p - 1) % (2 * n)
            total += h * weight * line[q if q < n else 2 * n - 1 - q]
            weight_sum += h * weight
        result.append(total / weight_sum)
    return result


def imresize(image: np.ndarray, scale: float, rounded: bool = False) -> np.ndarray:
    """(H, W) float by the formula, rows first; ``rounded`` to 8 bits after each axis, as MATLAB
    treats uint8."""
    height, width = (math.ceil(s * Fraction(scale).limit_denominator(100)) for s in image.shape)
    store = (lambda x: np.floor(x + 0.5).clip(0, 255)) if rounded else lambda x: x
    tall = store(np.array(imresize_line(list(image.astype(float)), height, scale)))
    return store(np.array(imresize_line(list(tall.T), width, scale)).T)


def downscale(image, scale):
    return degrade.imresize(image, 1 / scale)


@scales
@pytest.mark.parametrize("height, width", [(7, 11), (5, 3), (1, 1), (2, 9)])
def test_bicubic_is_matlabs_formula(scale, height, width):
    """Odd sizes; the smallest are smaller than the kernel, so that borders are mirrored more than
    once."""
    image = rng.random((height, width))
    np.testing.assert_allclose(upscale(image, scale), imresize(image, scale), atol=1e-12)
    image = rng.random((height * scale, width * scale))
    np.testing.assert_allclose(downscale(image, scale), imresize(image, 1 / scale), atol=1e-12)


@pytest.mark.parametrize("height, width", [(63, 64), (65, 129), (10, 3)])
@pytest.mark.parametrize("factor", [1 / 3, 0.37, 2 / 3, 0.9, 1.0, 1.5, 2.2])
def test_any_factor_is_matlabs_formula(height, width, factor):
    """Sizes are rounded up; sides end just before, at and behind the bands the matrices are cut
    into."""
    image = rng.random((height, width))
    wanted = imresize(image, factor)
    np.testing.assert_allclose(degrade.imresize(image, factor), wanted, atol=1e-12)
    np.testing.assert_allclose(
        degrade.imresize(torch.from_numpy(image), factor).numpy(), wanted, atol=1e-12
    )
    single = degrade.imresize(image.astype(np.float32), factor)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, atol=1e-6)


@pytest.mark.parametrize("factor", [1 / 4, 1 / 2, 2, 4])
@pytest.mark.parametrize("values", [[0, 255], range(256)], ids=["black and white", "any"])
def test_eight_bits_are_rounded_after_rows_and_after_columns(factor, values):
    """All weights are dyadic here: halves are exact. Black beside white overshoots: cut, not
    wrapped around."""
    image = rng.choice(np.array(values, np.uint8), (36, 68))
    small = degrade.imresize(image, factor)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, imresize(image, factor, rounded=True))


def test_eight_bits_by_hand():
    """A half goes up, after the rows already: unrounded between, the second one would be a
    quarter."""
    assert degrade.imresize(np.array([[0, 1], [0, 1]], np.uint8), 0.5).tolist() == [[1]]
    assert degrade.imresize(np.array([[0, 0], [1, 0]], np.uint8), 0.5).tolist() == [[1]]
    assert degrade.imresize(np.array([[0.0, 0], [1, 0]]), 0.5).tolist() == [[0.25]]


@given(
    value=st.integers(0, 255),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    factor=st.floats(0.1, 3),
)
def test_eight_bit_constants_are_kept(value, height, width, factor):
    resized = degrade.imresize(np.full((2, height, width), value, np.uint8), factor)
    assert resized.shape[0] == 2 and resized.size and (resized == value).all()


@pytest.mark.parametrize(
    "side, factor, out",
    [(255, 1 / 3, 85), (10, 1.1, 11), (7, 0.5, 4), (100, 0.07, 7), (5, 0.01, 1)],
)
def test_sizes_are_rounded_up_but_not_by_an_error_of_the_product(side, factor, out):
    """10 * 1.1 is 11.000000000000002 in floating point."""
    assert degrade.imresize(np.zeros((3, side)), factor).shape[1] == out


@pytest.mark.parametrize("factor", [0, -1, -0.5, math.nan])
def test_factors_that_make_no_picture_are_refused(factor):
    with pytest.raises(ValueError, match="factor"):
        degrade.imresize(np.zeros((8, 8)), factor)


@pytest.mark.parametrize(
    "change", [np.int64, np.uint16, torch.from_numpy], ids=["int64", "uint16", "torch uint8"]
)
def test_pixels_that_are_neither_float_nor_numpy_uint8_are_refused(change):
    with pytest.raises(ValueError, match="must be float, or numpy's uint8"):
        degrade.imresize(change(np.zeros((16, 12), np.uint8)), 0.5)


@pytest.mark.parametrize("size", [1, 2, 5, 24, 37])
@pytest.mark.parametrize("scale", [2.0, 3.0, 4.0, 1 / 2, 1 / 3, 1 / 4])
def test_rows_of_the_bands_sum_to_one(size, scale):
    bands = bicubic_bands(size, math.ceil(size * scale), scale)
    for band in bands:
        np.testing.assert_allclose(band.weights.sum(1), 1, atol=1e-14)
        with pytest.raises(ValueError, match="read-only"):  # they are shared by all who ask
            band.weights[0, 0] = 3
    assert [r for band in bands for r in range(band.out.start, band.out.stop)] == list(
        range(math.ceil(size * scale))
    )


@scales
@pytest.mark.parametrize("resize", [upscale, downscale])
def test_numpy_and_torch_agree_on_any_leading_axes(resize, scale):
    image = rng.random((2, 3, 3 * scale, 5 * scale))
    ours = resize(image, scale)
    np.testing.assert_allclose(resize(torch.from_numpy(image), scale).numpy(), ours, atol=1e-14)
    np.testing.assert_allclose(resize(image[1, 2], scale), ours[1, 2], atol=1e-14)
    single = resize(image.astype(np.float32), scale)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, ours, atol=1e-6)
    np.testing.assert_allclose(
        resize(torch.from_numpy(image).float(), scale).numpy(), ours, atol=1e-6
    )


@scales
def test_constants_and_ramps_are_kept(scale):
    flat = np.full((6 * scale, 7 * scale), 0.3)
    np.testing.assert_allclose(upscale(flat, scale), 0.3, atol=1e-14)
    np.testing.assert_allclose(downscale(flat, scale), 0.3, atol=1e-14)
    ramp = np.add.outer(0.5 * np.arange(12 * scale), np.arange(15 * scale))
    y, x = (((np.arange(n) + 0.5) * scale - 0.5)[3:-3] for n in (12, 15))
    np.testing.assert_allclose(
        downscale(ramp, scale)[3:-3, 3:-3], np.add.outer(0.5 * y, x), atol=1e-11
    )
    y, x = (((np.arange(n * scale * scale) + 0.5) / scale - 0.5)[9:-9] for n in (12, 15))
    np.testing.assert_allclose(
        upscale(ramp, scale)[9:-9, 9:-9], np.add.outer(0.5 * y, x), atol=1e-11
    )


def test_upscaling_is_differentiable():
    x = torch.rand(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: upscale(t, 2), x)


@pytest.mark.parametrize("shape, scale", [((7, 8), 2), ((9, 8), 3), ((12, 10), 4)])
def test_sides_are_cut_to_multiples(shape, scale):
    cut = crop_to_multiple(np.arange(shape[0] * shape[1]).reshape(shape), scale)
    assert (
        all(n % scale == 0 and m - n < scale for n, m in zip(cut.shape, shape)) and cut[0, 0] == 0
    )
    assert downscale(cut.astype(float), scale).shape == tuple(n // scale for n in cut.shape)


# ---- noise
# --------------------------------------------------------------------------------------------------


def test_noise_has_the_level_asked_for_and_is_not_clipped():
    noisy = add_noise(np.zeros((200, 300)), 50, 0)
    assert noisy.dtype == np.float32 and noisy.min() < -0.5
    assert noisy.mean() == pytest.approx(0, abs=0.003) and noisy.std() * 255 == pytest.approx(
        50, rel=0.01
    )


def test_a_noise_field_is_of_its_names_alone():
    names = (0, 1, 50), (0, 1, 50), (0, 2, 50), (1, 1, 50), (0, 1, 30), (0, 1)
    fields = [noise_field((5, 4), *n) for n in names]
    assert np.array_equal(fields[0], fields[1])
    assert len({f.tobytes() for f in fields}) == 5


# ---- the split
# --------------------------------------------------------------------------------------------------


@given(n=st.integers(3, 400), share=st.floats(0.001, 0.5), seed=st.integers(0, 2**40))
def test_the_split_is_disjoint_complete_and_of_the_sizes_stated(n, share, seed):
    s = split(n, share, seed)
    assert sorted(s.w + s.a + s.v) == list(range(n))
    v = max(1, round(share * n))
    assert len(s.v) == (v if v <= n - 2 else n - 2)
    assert 0 <= len(s.w) - len(s.a) <= 1 <= len(s.a)
    assert split(n, share, seed) == s


def test_the_split_is_of_the_seed_and_two_percent_of_400_images_are_8():
    assert len({astuple(split(40, 0.1, seed)) for seed in range(20)}) == 20
    assert [len(part) for part in astuple(split(400, 0.02, 0))] == [196, 196, 8]


def test_v_may_be_the_last_images():
    s = split(10, 0.2, 3, "last")
    assert (s.w, s.a, s.v) == ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_images_to_split_are_refused(n):
    with pytest.raises(ValueError, match=f"^{n} training images.*at least 3$"):
        split(n, 0.02, 0)


@pytest.mark.parametrize(
    "n, share, v", [(10, 0.0, ()), (10, 0.2, (8, 9)), (10, 0.01, (9,)), (2, 0.5, (1,))]
)
def test_v_of_a_training_is_the_last_images(n, share, v):
    assert held_out(n, share) == v


def test_a_training_keeps_one_image_to_learn_from():
    with pytest.raises(ValueError, match="^1 training image: with val_fraction above 0 at least 2"):
        held_out(1, 0.01)


# ---- patches
# --------------------------------------------------------------------------------------------------


def labelled(n: int, sizes=((40, 31), (24, 24), (27, 45))) -> dict[str, np.ndarray]:
    """Images whose every pixel says where it is: (image number, row, column)."""
    images = {}
    for i in range(n):
        h, w = sizes[i % len(sizes)]
        images[f"image{i}"] = np.stack([np.full((h, w), i), *np.mgrid[:h, :w]], -1).astype(np.uint8)
    return images


def orientations(patch: np.ndarray) -> list[np.ndarray]:
    """The 8 of a (C, P, P) patch: 4 rotations, each also transposed."""
    turned = [np.rot90(patch, k, (1, 2)) for k in range(4)]
    return turned + [t.transpose(0, 2, 1) for t in turned]


def located(clean: torch.Tensor) -> list[tuple[int, int, int, int]]:
    """(image, top, left, orientation) of each labelled patch; fails unless it is an orientation of
    a crop."""
    found = []
    for patch in (clean * 255).round().byte().numpy():
        side = patch.shape[1]
        image, top, left = patch[0, 0, 0], patch[1].min(), patch[2].min()
        crop = np.stack(
            [np.full((side, side), image), *np.mgrid[top : top + side, left : left + side]]
        ).astype(np.uint8)
        matches = [k for k, o in enumerate(orientations(crop)) if np.array_equal(o, patch)]
        assert len(matches) == 1
        found.append((int(image), int(top), int(left), matches[0]))
    return found


CHOSEN = torch.arange(3).repeat(500)


def test_a_patch_is_an_orientation_of_a_crop_of_the_image_asked_for():
    images = labelled(3)
    degraded, clean = Patches(images).batch(CHOSEN, 22, (0.0,), generator(0, W))
    assert (
        torch.equal(degraded, clean)
        and clean.shape == (1500, 3, 22, 22)
        and clean.dtype == torch.float32
    )
    found = located(clean)
    assert [image for image, *_ in found] == CHOSEN.tolist()
    for i, image in enumerate(images.values()):
        of_image = [(top, left, turn) for n, top, left, turn in found if n == i]
        tops, lefts, turns = (set(values) for values in zip(*of_image))
        assert tops == set(range(image.shape[0] - 21)) and lefts == set(range(image.shape[1] - 21))
        assert turns == set(range(8))


def test_orientations_are_equally_likely_and_free_of_the_place():
    found = located(
        Patches(labelled(1)).batch(
            torch.zeros(1600, dtype=torch.long), 30, (0.0,), generator(0, W)
        )[1]
    )
    for half in (0, 1):  # image 0 has 2 columns to start in
        turns = np.bincount([turn for _, _, left, turn in found if left == half], minlength=8)
        assert turns.sum() > 600 and abs(turns - 100).max() < 50


def test_a_patch_as_large_as_the_image():
    patches = Patches(labelled(1, ((24, 24),)))
    clean = patches.batch(torch.zeros(64, dtype=torch.long), 24, (0.0,), generator(0, W))[1]
    assert {(top, left) for _, top, left, _ in located(clean)} == {(0, 0)}


@scales
def test_low_and_high_resolution_patches_are_aligned(scale):
    """LR is made once from the whole HR image, cut to a multiple (a patch knows what lies beside
    it), and rounded."""
    images = labelled(3, ((61, 50), (49, 49)))
    low, clean = Patches(images, scale=scale).batch(
        torch.arange(3).repeat(20), 10, (50.0,), generator(0, W)
    )
    assert low.shape == (60, 3, 10, 10) and clean.shape == (60, 3, 10 * scale, 10 * scale)
    whole = [
        degrade.imresize(crop_to_multiple(i.transpose(2, 0, 1), scale), 1 / scale)
        for i in images.values()
    ]
    for patch, (image, top, left, turn) in zip(low.numpy(), located(clean)):
        assert top % scale == 0 == left % scale
        crop = whole[image][:, top // scale : top // scale + 10, left // scale : left // scale + 10]
        np.testing.assert_allclose(patch * 255, orientations(crop)[turn], atol=1e-4)


def test_each_patch_has_a_noise_level_of_the_list():
    patches = Patches({"gray": np.full((40, 40), 128, np.uint8)})
    degraded, clean = patches.batch(
        torch.zeros(400, dtype=torch.long), 40, (10.0, 50.0), generator(0, W)
    )
    noise = (degraded - clean) * 255
    levels = noise.std((1, 2, 3))
    near = [(levels / sigma - 1).abs() < 0.1 for sigma in (10, 50)]
    assert torch.all(near[0] ^ near[1]) and 150 < near[0].sum() < 250
    assert noise.mean().abs() < 0.2 and degraded.min() < 0 and degraded.max() > 1
    assert torch.unique(noise[:, 0, 0, 0]).numel() == 400


def test_a_batch_is_of_its_generator_alone():
    patches = Patches({f"{i}": rng.integers(0, 256, (20, 30), dtype=np.uint8) for i in range(3)})

    def batch(*names) -> torch.Tensor:
        return torch.cat(patches.batch(CHOSEN[:6], 16, (30.0, 50.0), generator(*names)))

    torch.manual_seed(0)
    first = batch(0, W, 1, 2)
    torch.manual_seed(1)
    assert torch.equal(first, batch(0, W, 1, 2))
    others = [
        batch(*names)
        for names in ((1, W, 1, 2), (0, A, 1, 2), (0, INIT, 1, 2), (0, W, 2, 1), (0, W, 1, 3))
    ]
    assert len({b.numpy().tobytes() for b in (first, *others)}) == 6


@pytest.mark.parametrize("factor, patch", [(0.8, 16), (1.25, 20), (0.9, 18), (1.0, 16)])
def test_a_rescaled_patch_is_torchs_interpolation_of_a_crop(factor, patch):
    """Of the pixels that it takes, and of no others."""
    image, side = rng.integers(0, 256, (40, 31, 3), dtype=np.uint8), round(patch / factor)
    patches = Patches({"image": image})
    many = torch.zeros(400, dtype=torch.long)
    drawing = patches.draw(many, patch, (0.0,), generator(0, W), (factor, factor))
    drawing[2].zero_()  # as it lies
    clean = patches.make(drawing, patch, rescaled=True)[1]
    corners, factors = drawing[1], drawing[-1]
    assert set(factors.tolist()) == {1.0, torch.tensor(factor).item()}
    whole = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    for (top, left), one, found in zip(corners.tolist(), factors.tolist(), clean):
        taken = patch if one == 1 else side
        crop = whole[:, :, top : top + taken, left : left + taken]
        assert crop.shape[2:] == (taken, taken)
        wanted = torch.nn.functional.interpolate(crop, size=(patch, patch), mode="bilinear")[0]
        torch.testing.assert_close(found, wanted, atol=2e-5, rtol=0)
    tops = {top for (top, _), one in zip(corners.tolist(), factors.tolist()) if one != 1}
    assert factor == 1 or tops == set(range(40 - side + 1))


def test_half_of_the_crops_are_rescaled_and_all_else_is_drawn_as_without():
    patches = Patches(labelled(3))
    plain = patches.draw(CHOSEN, 18, (30.0, 50.0), generator(0, W))
    drawing = patches.draw(CHOSEN, 18, (30.0, 50.0), generator(0, W), (0.8, 1.2))
    factors, same = drawing[-1], drawing[-1] == 1
    assert 0.45 < same.float().mean() < 0.55
    assert 0.8 <= factors.min() < 0.81 and 1.19 < factors.max() <= 1.2
    assert factors[~same].mean().item() == pytest.approx(1, abs=0.02)
    for i in (0, 2, 3, 4):
        assert torch.equal(plain[i], drawing[i])
    assert torch.equal(plain[1][same], drawing[1][same])
    mine, theirs = (
        patches.make(drawing, 18, rescaled=True)[0][same],
        patches.make(plain, 18)[0][same],
    )
    assert torch.equal(mine, theirs)


@pytest.mark.parametrize("turn", range(8))
def test_a_rescaled_patch_is_turned_like_any(turn):
    patches = Patches({"image": rng.integers(0, 256, (40, 31), dtype=np.uint8)})
    drawing = patches.draw(
        torch.zeros(4, dtype=torch.long), 16, (0.0,), generator(0, W), (0.8, 0.9)
    )
    drawing[2].fill_(0)
    upright = patches.make(drawing, 16, rescaled=True)[1]
    drawing[2].fill_(turn)
    turned = patches.make(drawing, 16, rescaled=True)[1]
    assert any(torch.allclose(turned, o, atol=1e-6) for o in turns_of(upright))


def turns_of(batch: torch.Tensor) -> list[torch.Tensor]:
    """The 8 orientations of (B, C, P, P)."""
    rotated = [torch.rot90(batch, k, (2, 3)) for k in range(4)]
    return rotated + [r.transpose(2, 3) for r in rotated]


def test_what_cannot_be_rescaled_is_refused():
    image = {"small": np.zeros((24, 30), np.uint8)}
    Patches(image).check_patch(19, (0.8, 1.2))  # takes 24 pixels
    Patches(image).check_patch(24, (1.0, 1.2))
    with pytest.raises(ValueError, match="'small' of 24 x 30 .* by 0.8, which takes 25 pixels"):
        Patches(image).check_patch(20, (0.8, 1.2))
    with pytest.raises(ValueError, match="rescale = .*: not for super-resolution"):
        Patches(image, scale=2).check_patch(11, (0.8, 1.2))


@pytest.mark.parametrize(
    "scale, patch, fits", [(1, 24, True), (1, 25, False), (3, 8, True), (3, 9, False)]
)
def test_an_image_smaller_than_a_patch_is_named(scale, patch, fits):
    patches = Patches(
        {"large": np.zeros((99, 99), np.uint8), "tiny.png": np.zeros((99, 24), np.uint8)},
        scale=scale,
    )
    if fits:
        return patches.check_patch(patch)
    with pytest.raises(
        ValueError, match=r"^image 'tiny.png' of \d+ x \d+ pixels.*patch.*$"
    ) as caught:
        patches.check_patch(patch)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (3, 500)])
@pytest.mark.parametrize("scale", [1, 4])
def test_one_pixel_is_refused_like_any_tiny_image(shape, scale):
    with pytest.raises(ValueError, match="image 'dot'.*smaller than a patch"):
        Patches({"dot": np.zeros(shape, np.uint8)}, scale=scale).check_patch(11)


@pytest.mark.parametrize("scale, crop", [(1, None), (1, 20), (2, 10), (2, None), (1, 999)])
def test_a_pair_is_the_centre_of_one_image_with_one_noise_field(scale, crop):
    images = labelled(2, ((40, 31),))
    patches = Patches(images, scale=scale)
    degraded, clean = patches.pair(1, 50.0, 0, crop)
    h, w = (min(n // scale, crop or n) for n in (40, 31))
    assert degraded.shape == (3, h, w) and clean.shape == (3, h * scale, w * scale)
    top, left = ((n // scale - m) // 2 * scale for n, m in ((40, h), (31, w)))
    wanted = (
        images["image1"][top : top + h * scale, left : left + w * scale].transpose(2, 0, 1) / 255
    )
    np.testing.assert_allclose(clean.numpy(), wanted, atol=1e-6)
    again = [
        patches.pair(*arguments, crop)[0]
        for arguments in ((1, 50.0, 0), (1, 50.0, 1), (1, 30.0, 0))
    ]
    assert torch.equal(degraded, again[0])
    if scale == 1:
        noise = [((a - clean) * 255).std().item() for a in again]
        assert noise == pytest.approx([50, 50, 30], rel=0.08)
        fields = [(a - clean) / sigma for a, sigma in zip(again, (50, 50, 30))]
        assert not any(torch.allclose(fields[0], other, atol=1e-4) for other in fields[1:])
    else:
        low = degrade.imresize(
            crop_to_multiple(images["image1"].transpose(2, 0, 1), scale), 1 / scale
        )
        top, left = top // scale, left // scale
        np.testing.assert_allclose(
            degraded.numpy() * 255, low[:, top : top + h, left : left + w], atol=1e-4
        )


@pytest.mark.parametrize("scale", [1, 2])
def test_images_too_large_for_the_memory_lie_in_a_file(scale, monkeypatch):
    """The same batches and pictures; each image is asked for once."""
    asked = []

    class Lazy(dict):
        def __getitem__(self, name):
            asked.append(name)
            return super().__getitem__(name)

    images = Lazy(labelled(5))
    kept = Patches(images, scale=scale)
    monkeypatch.setattr("hinas_lab.images.patches.LIMIT", 2000)
    mapped = Patches(images, scale=scale)
    assert (
        asked == 2 * list(images)
        and isinstance(mapped.clean[0].base, np.memmap)
        and not isinstance(kept.clean[0].base, np.memmap)
    )
    chosen = torch.tensor([0, 4, 2, 2, 1, 3])
    for a, b in zip(
        kept.batch(chosen, 8, (30.0, 50.0), generator(0, W)),
        mapped.batch(chosen, 8, (30.0, 50.0), generator(0, W)),
    ):
        assert torch.equal(a, b)
    for i in range(5):
        assert np.array_equal(kept.clean[i], mapped.clean[i]) and np.array_equal(
            kept.low[i], mapped.low[i]
        )
        assert all(
            torch.equal(a, b) for a, b in zip(kept.pair(i, 50.0, 0), mapped.pair(i, 50.0, 0))
        )
