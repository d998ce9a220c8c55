"""PSNR, SSIM, GMSD and Eq. 7 against scikit-image, against literal loops, against each other, and
where they are delicate."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from hinas_lab.config import Loss
from hinas_lab.images.metrics import gmsd, psnr, ssim
from hinas_lab.training.losses import restoration_loss
from hinas_lab.training.losses import ssim as torch_ssim

WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
rng = np.random.default_rng(0)
PAIRS = {
    "noise": (rng.random((31, 24)), rng.random((31, 24))),
    "slightly noisy": (
        (image := rng.random((40, 33))) + 0.05 * rng.standard_normal(image.shape),
        image,
    ),
    "photograph": (
        (photo := data.camera()[100:200, 180:291] / 255) + 0.2 * rng.standard_normal(photo.shape),
        photo,
    ),
    "colour": ((cat := data.chelsea()[90:160, 150:201] / 255) * 0.7, cat),
    "negative": (1 - photo, photo),
    "smallest": (rng.random((11, 11)), rng.random((11, 11))),
    "constant": (np.full((16, 16), 0.25), np.full((16, 16), 0.75)),
}
each_pair = pytest.mark.parametrize("x, y", PAIRS.values(), ids=PAIRS)


def batch(image: np.ndarray, dtype=torch.float64) -> torch.Tensor:
    """(H, W) or (H, W, 3) -> (1, C, H, W)."""
    return torch.tensor(image if image.ndim == 3 else image[..., None], dtype=dtype).permute(
        2, 0, 1
    )[None]


@each_pair
def test_metrics_equal_scikit_images(x, y):
    assert psnr(x, y) == pytest.approx(peak_signal_noise_ratio(y, x, data_range=1), rel=1e-12)
    theirs = structural_similarity(
        x, y, data_range=1, channel_axis=2 if x.ndim == 3 else None, **WANG
    )
    assert ssim(x, y) == pytest.approx(theirs, abs=1e-11)


@each_pair
def test_the_range_of_the_data_is_a_unit(x, y):
    assert psnr(255 * x, 255 * y, data_range=255) == pytest.approx(psnr(x, y), rel=1e-12)
    assert ssim(255 * x, 255 * y, data_range=255) == pytest.approx(ssim(x, y), abs=1e-12)


@each_pair
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-11), (torch.float32, 2e-4)])
def test_differentiable_ssim_equals_the_metric(x, y, dtype, tolerance):
    assert torch_ssim(batch(x, dtype), batch(y, dtype)).item() == pytest.approx(
        ssim(x, y), abs=tolerance
    )


def test_ssim_is_per_image():
    images = (
        torch.rand(3, 2, 15, 14, dtype=torch.float64),
        torch.rand(3, 2, 15, 14, dtype=torch.float64),
    )
    each = [ssim(*(i[n].permute(1, 2, 0).numpy() for i in images)) for n in range(3)]
    assert torch_ssim(*images).tolist() == pytest.approx(each, abs=1e-11)


def test_identical_images():
    assert psnr(photo, photo) == math.inf and ssim(photo, photo) == pytest.approx(1, abs=1e-12)
    total, pixel, lssim = restoration_loss(batch(photo), batch(photo), Loss())
    assert pixel == 0 and abs(lssim) < 1e-12 and abs(total) < 1e-12


@pytest.mark.parametrize(
    "x, y, wanted",
    [
        (np.zeros((10, 40)), np.zeros((10, 40)), "11 x 11"),
        (np.zeros((12, 12)), np.zeros((12, 13)), "shape"),
        (np.zeros((12, 12)), np.zeros((12, 12, 1)), "shape"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(x, y, wanted):
    with pytest.raises(ValueError, match=wanted):
        ssim(x, y)


def zero_padded_ssim(
    x: np.ndarray, y: np.ndarray, data_range: float, window: np.ndarray, factor: float = 1.0
) -> float:
    """SSIM as a convolution with zeros around both images gives it, (H, W) planes; ``factor`` on
    the covariances."""

    def mean(a):
        return convolve2d(a, window, mode="same")

    mx, my = mean(x), mean(y)
    vx, vy, cov = (
        factor * (mean(a * b) - ma * mb)
        for a, b, ma, mb in ((x, x, mx, mx), (y, y, my, my), (x, y, mx, my))
    )
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return float(
        np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    )


GAUSSIAN = np.exp(-np.add.outer(np.arange(-5, 6) ** 2, np.arange(-5, 6) ** 2) / (2 * 1.5**2))
GAUSSIAN /= GAUSSIAN.sum()


@each_pair
def test_l_ssim_with_zeros_around_the_image(x, y):
    planes = zip(batch(x)[0].numpy(), batch(y)[0].numpy())
    wanted = np.mean([zero_padded_ssim(a, b, 1, GAUSSIAN) for a, b in planes])
    assert torch_ssim(batch(x), batch(y), "zero").item() == pytest.approx(wanted, abs=1e-11)


def test_l_ssim_as_the_logarithm_of_the_mean():
    """Never above the mean of the logarithms (Jensen)."""
    images = torch.rand(2, 4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    output, truth = images[0], images.mean(0)
    each = torch_ssim(output, truth, "zero")
    loss = Loss(padding="zero", log_of="mean", average_terms=True)
    total, pixel, l_ssim = restoration_loss(output, truth, loss)
    assert l_ssim.item() == pytest.approx(-math.log10(each.mean()), abs=1e-6)
    assert total.item() == pytest.approx((pixel + 0.6 * l_ssim).item() / 2, abs=1e-6)
    assert l_ssim < restoration_loss(output, truth, Loss(padding="zero"))[2]


@each_pair
@pytest.mark.parametrize("data_range", [1, 255])
def test_every_window_and_padding(x, y, data_range):
    """7 x 7 uniform windows against scikit-image's default; zeros around the images against a plain
    convolution."""
    x, y = x * data_range, y * data_range
    theirs = structural_similarity(
        x, y, data_range=data_range, channel_axis=2 if x.ndim == 3 else None
    )
    assert ssim(x, y, data_range=data_range, window="uniform") == pytest.approx(theirs, abs=1e-10)
    planes = [(x, y)] if x.ndim == 2 else [(x[..., c], y[..., c]) for c in range(3)]
    for name, window, factor in (
        ("gaussian", GAUSSIAN, 1),
        ("uniform", np.full((7, 7), 1 / 49), 49 / 48),
    ):
        wanted = np.mean([zero_padded_ssim(*pair, data_range, window, factor) for pair in planes])
        assert ssim(x, y, data_range=data_range, window=name, padding="zero") == pytest.approx(
            wanted, abs=1e-10
        )


def test_zeros_around_the_image_are_the_convolution_of_torch():
    """As the authors' script: conv2d with padding 5."""
    x, y, w = (torch.from_numpy(a)[None, None] for a in (*PAIRS["photograph"], GAUSSIAN))
    mx, my, xx, yy, xy = (
        torch.nn.functional.conv2d(a, w, padding=5) for a in (x, y, x * x, y * y, x * y)
    )
    full = (
        (2 * mx * my + 1e-4)
        * (2 * (xy - mx * my) + 9e-4)
        / ((mx**2 + my**2 + 1e-4) * (xx - mx**2 + yy - my**2 + 9e-4))
    )
    assert full.shape == x.shape and ssim(*PAIRS["photograph"], padding="zero") == pytest.approx(
        full.mean().item(), abs=1e-10
    )


def test_psnr_of_a_known_error():
    """Off by 1 of 255 everywhere: 20 log10(255) dB."""
    image = rng.integers(0, 255, (8, 9), dtype=np.uint8)
    assert psnr(image + np.uint8(1), image, data_range=255) == pytest.approx(
        20 * math.log10(255), rel=1e-12
    )
    assert psnr(image, image + np.uint8(1), data_range=255) == pytest.approx(48.1308036, abs=1e-6)


@pytest.mark.parametrize("window", ["gaussian", "uniform"])
@pytest.mark.parametrize("padding", ["valid", "zero"])
def test_one_nan_is_not_hidden(window, padding):
    x, y = (a.copy() for a in PAIRS["photograph"])
    assert ssim(y, y, window=window, padding=padding) == pytest.approx(1, abs=1e-12)
    x[20, 30] = np.nan
    assert math.isnan(psnr(x, y)) and math.isnan(ssim(x, y, window=window, padding=padding))


@pytest.mark.parametrize("window, least", [("gaussian", 11), ("uniform", 7)])
@pytest.mark.parametrize("padding", ["valid", "zero"])
def test_the_smallest_image_is_one_window(window, least, padding):
    for shape in ((least, 40), (40, least), (least, least, 3)):
        assert ssim(
            np.ones(shape), np.ones(shape), window=window, padding=padding
        ) == pytest.approx(1)
    for shape in ((least - 1, 40), (40, least - 1)):
        with pytest.raises(ValueError, match=f"{shape[0]} x {shape[1]} pixels.*{least} x {least}"):
            ssim(np.ones(shape), np.ones(shape), window=window, padding=padding)


# ---- GMSD
# --------------------------------------------------------------------------------------------------


def literal_gmsd(image: np.ndarray, truth: np.ndarray) -> float:
    """Xue, Zhang, Mou, Bovik (2014) pixel by pixel, planes on the 0-255 scale; as their script
    does, zeros lie around both images."""

    def at(a: np.ndarray, y: int, x: int) -> float:
        return float(a[y, x]) if 0 <= y < a.shape[0] and 0 <= x < a.shape[1] else 0.0

    def gradient(a: np.ndarray) -> np.ndarray:
        """Prewitt's magnitude of the means of 2 x 2 pixels, every second one."""
        small = np.array(
            [
                [
                    (at(a, y, x) + at(a, y + 1, x) + at(a, y, x + 1) + at(a, y + 1, x + 1)) / 4
                    for x in range(0, a.shape[1], 2)
                ]
                for y in range(0, a.shape[0], 2)
            ]
        )
        out = np.zeros_like(small)
        for y, x in np.ndindex(small.shape):
            across = sum(at(small, y + d, x - 1) - at(small, y + d, x + 1) for d in (-1, 0, 1)) / 3
            down = sum(at(small, y - 1, x + d) - at(small, y + 1, x + d) for d in (-1, 0, 1)) / 3
            out[y, x] = math.sqrt(across**2 + down**2)
        return out

    mr, md = gradient(truth), gradient(image)
    similarity = (2 * mr * md + 170) / (mr**2 + md**2 + 170)
    return math.sqrt(float(((similarity - similarity.mean()) ** 2).sum()) / similarity.size)


GRAY = {name: pair for name, pair in PAIRS.items() if pair[0].ndim == 2} | {
    "odd": (rng.random((13, 8)), rng.random((13, 8))),
    "2 x 2": (rng.random((2, 2)), rng.random((2, 2))),
    "two rows": (rng.random((2, 9)), rng.random((2, 9))),
}


@pytest.mark.parametrize("x, y", GRAY.values(), ids=GRAY)
def test_gmsd_is_the_papers(x, y):
    wanted = literal_gmsd(255 * x, 255 * y)
    assert gmsd(x, y) == pytest.approx(wanted, abs=1e-9) and gmsd(y, x) == pytest.approx(
        wanted, abs=1e-9
    )
    assert gmsd(255 * x, 255 * y, data_range=255) == pytest.approx(wanted, abs=1e-9)
    assert gmsd(x, x) == 0 == gmsd(y, y)


def test_gmsd_rises_with_noise_and_blur():
    noise = np.random.default_rng(1).standard_normal(photo.shape)
    for worse in (
        [photo + s * noise for s in (0.02, 0.05, 0.1, 0.2)],
        [gaussian_filter(photo, s) for s in (0.5, 1, 2, 4)],
    ):
        values = [gmsd(image, photo) for image in worse]
        assert values == sorted(values) and 0 < values[0] < values[-1] < 0.5
    assert gmsd(photo + 0.1, photo) < gmsd(gaussian_filter(photo, 1), photo), (
        "only the border sees another brightness"
    )


@pytest.mark.parametrize(
    "x, y, wanted",
    [
        (np.zeros((8, 8)), np.zeros((8, 9)), "shape"),
        (np.zeros((1, 8)), np.zeros((1, 8)), "at least 2 x 2"),
        (np.zeros((8, 1, 3)), np.zeros((8, 1, 3)), "at least 2 x 2"),
        (np.zeros(8), np.zeros(8), "planes of at least"),
    ],
)
def test_planes_that_gmsd_cannot_compare_are_refused(x, y, wanted):
    with pytest.raises(ValueError, match=wanted):
        gmsd(x, y)


def test_gmsd_averages_channels():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 12, 10, 3))
    each = [literal_gmsd(255 * x[..., c], 255 * y[..., c]) for c in range(3)]
    assert gmsd(x, y) == pytest.approx(np.mean(each), abs=1e-9)


def test_gmsd_does_not_hide_a_nan():
    x = photo.copy()
    x[20, 30] = np.nan
    assert math.isnan(gmsd(x, photo))


# ---- Eq. 7
# --------------------------------------------------------------------------------------------------


def made(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "loss",
    [
        Loss(),
        Loss(lam=0),
        Loss(lam=2.5),
        Loss(reduction="sum"),
        Loss(pixel="l1"),
        Loss(average_terms=True),
        Loss(pixel="l1", reduction="sum", lam=0),
        Loss(average_terms=True, lam=0),
    ],
    ids=repr,
)
def test_the_loss_is_equation_7(loss):
    truth = made(4, 3, 14, 13)
    output = truth + 0.1 * made(4, 3, 14, 13, seed=1)
    total, pixel, lssim = (t.item() for t in restoration_loss(output, truth, loss))
    error = (output - truth).numpy()
    error = np.abs(error) if loss.pixel == "l1" else error**2
    error = error.mean() if loss.reduction == "mean" else error.sum((1, 2, 3)).mean()
    similar = [
        ssim(o.permute(1, 2, 0).numpy(), t.permute(1, 2, 0).numpy()) for o, t in zip(output, truth)
    ]
    l_ssim = np.mean([math.log10(1 / s) for s in similar]) if loss.lam else 0.0
    terms = 2 if loss.average_terms and loss.lam else 1
    assert (pixel, lssim, total) == pytest.approx(
        (error, l_ssim, (error + loss.lam * l_ssim) / terms), rel=1e-9
    )


@pytest.mark.parametrize("loss", [
    Loss(), Loss(reduction="sum"), Loss(pixel="l1"), Loss(lam=0), Loss(average_terms=True),
], ids=repr)  # fmt: skip
def test_gradient_of_the_loss(loss):
    truth = made(2, 1, 12, 13)
    output = (truth + 0.2 * (made(2, 1, 12, 13, seed=1) - 0.5)).requires_grad_()
    assert torch.autograd.gradcheck(lambda o: restoration_loss(o, truth, loss)[0], output)


flat, texture = torch.full((1, 1, 16, 16), 0.5), made(1, 1, 16, 16).float()
DELICATE = {
    "negative": (1 - texture, texture), "constant and constant": (flat, 1.5 * flat),
    "identical constants": (flat, flat), "black": (0 * flat, 0 * flat),
    "constant output": (flat, texture), "constant truth": (texture, flat),
    "far outside [0, 1]": (1e3 * (texture - 0.5), texture),
    "minus": (-texture, texture), "identical": (texture, texture),
}  # fmt: skip


@pytest.mark.parametrize("output, truth", DELICATE.values(), ids=DELICATE)
@pytest.mark.parametrize("loss", [Loss(), Loss(pixel="l1", reduction="sum")], ids=["mse", "l1"])
def test_loss_and_gradient_stay_finite_in_float32(output, truth, loss):
    output = output.clone().requires_grad_()
    terms = restoration_loss(output, truth, loss)
    assert all(t.isfinite() for t in terms) and -1e-5 <= terms[2] <= 3.0001
    assert torch.autograd.grad(terms[0], output)[0].isfinite().all()


def test_below_the_floor_only_the_pixel_term_has_a_gradient():
    """SSIM of an image and its negative is negative: log10(1 / SSIM) does not exist, and is cut at
    SSIM = 1e-3."""
    output = (1 - texture).requires_grad_()
    assert torch_ssim(output, texture) < 0
    _, pixel, lssim = restoration_loss(output, texture, Loss())
    assert (
        lssim.item() == pytest.approx(3)
        and not torch.autograd.grad(lssim, output, retain_graph=True)[0].any()
    )
    assert torch.autograd.grad(pixel, output)[0].any()


def test_one_hopeless_image_does_not_silence_the_others():
    output = torch.cat(
        [1 - texture, texture + 0.1 * made(1, 1, 16, 16, seed=1).float()]
    ).requires_grad_()
    lssim = restoration_loss(output, torch.cat([texture, texture]), Loss())[2]
    gradient = torch.autograd.grad(lssim, output)[0]
    assert not gradient[0].any() and gradient[1].any()
