"""PSNR, SSIM and GMSD of one image, with every convention stated. numpy and scipy only."""

import numpy as np
from scipy.ndimage import correlate1d, uniform_filter


def psnr(image: np.ndarray, truth: np.ndarray, *, data_range: float = 1.0) -> float:
    """10 log10(data_range^2 / MSE) over all pixels and channels; ``inf`` for identical images, nan where a pixel is."""
    _same_shape(image, truth)
    error = np.mean((np.asarray(image, dtype=np.float64) - truth) ** 2)
    return float(10 * np.log10(data_range**2 / error)) if error != 0 else float("inf")


def gaussian_window(sigma: float = 1.5, radius: int = 5) -> np.ndarray:
    """The 11-tap window of SSIM: weights that sum to one."""
    w = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return w / w.sum()


WINDOWS = {"gaussian": (gaussian_window(), 1.0), "uniform": (np.full(7, 1 / 7), 49 / 48)}
"""name -> weights along an axis, factor on the covariances: Wang's 11x11 Gaussian of sigma 1.5 with population covariances; scikit-image's
default, 7x7 uniform with sample covariances"""
PADDINGS = {"valid": "reflect", "zero": "constant"}
"how a window that leaves the image is treated (valid: not counted) -> scipy's mode"


def ssim(
    image: np.ndarray,
    truth: np.ndarray,
    *,
    data_range: float = 1.0,
    window: str = "gaussian",
    padding: str = "valid",
) -> float:
    """Structural similarity (Wang et al. 2004) of (H, W) or (H, W, C), K = 0.01, 0.03; channels averaged. 1 for identical images.

    ``window``: of WINDOWS. ``padding``: ``valid`` averages over the windows that lie inside the image; ``zero`` over all, with zeros
    around both images, as torch convolutions do. ValueError when the images differ in shape or hold no window.
    """
    _same_shape(image, truth)
    (w, factor), mode = WINDOWS[window], PADDINGS[padding]
    if min(image.shape[:2]) < len(w):
        raise ValueError(
            f"image of {image.shape[0]} x {image.shape[1]} pixels: SSIM needs at least {len(w)} x {len(w)}"
        )
    if image.ndim == 3:
        image, truth = np.moveaxis(image, 2, 0), np.moveaxis(truth, 2, 0)
    x, y = np.asarray(image, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    inside = slice(len(w) // 2, -(len(w) // 2)) if padding == "valid" else slice(None)

    def mean(a: np.ndarray) -> np.ndarray:
        return correlate1d(
            correlate1d(a, w, axis=-2, mode=mode)[..., inside, :], w, axis=-1, mode=mode
        )[..., inside]

    mx, my = mean(x), mean(y)
    square, product = mx * mx + my * my, mx * my
    variance, covariance = (
        factor * (mean(x * x + y * y) - square),
        factor * (mean(x * y) - product),
    )  # var x + var y: one plane less
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return float(
        np.mean((2 * product + c1) * (2 * covariance + c2) / ((square + c1) * (variance + c2)))
    )


def gmsd(image: np.ndarray, truth: np.ndarray, *, data_range: float = 1.0) -> float:
    """Gradient magnitude similarity deviation (Xue et al. 2014) of two planes (H, W): how unevenly edges are kept. 0 for identical
    images, more is worse; nothing here is trained or picked by it.

    Both are averaged over 2 x 2 pixels and halved in size first; Prewitt's gradients, c = 170 of 255^2. ValueError for other shapes and
    for planes of less than 2 x 2 pixels.
    """
    _same_shape(image, truth)
    if image.ndim != 2 or min(image.shape) < 2:
        raise ValueError(
            f"image of shape {image.shape}: GMSD needs one plane of at least 2 x 2 pixels"
        )

    def magnitude(a: np.ndarray) -> np.ndarray:
        a = uniform_filter(np.asarray(a, dtype=np.float64), 2, mode="constant", origin=-1)[
            ::2, ::2
        ]  # the mean of each pixel and the next
        smooth, step = np.full(3, 1 / 3), np.array([1.0, 0.0, -1.0])
        along = [
            correlate1d(
                correlate1d(a, step, axis=i, mode="constant"), smooth, axis=1 - i, mode="constant"
            )
            for i in (0, 1)
        ]
        return np.hypot(*along)

    x, y, c = magnitude(image), magnitude(truth), 170 * (data_range / 255) ** 2
    return float(np.std((2 * x * y + c) / (x * x + y * y + c)))


def _same_shape(image: np.ndarray, truth: np.ndarray):
    if image.shape != truth.shape:
        raise ValueError(f"images differ in shape: {image.shape} and {truth.shape}")
