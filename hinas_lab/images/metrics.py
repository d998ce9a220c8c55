"""PSNR and SSIM of one image, with every convention stated. numpy and scipy only."""

import numpy as np
from scipy.ndimage import correlate1d


def psnr(image: np.ndarray, truth: np.ndarray, *, data_range: float = 1.0) -> float:
    """10 log10(data_range^2 / MSE) over all pixels and channels; ``inf`` for identical images."""
    _same_shape(image, truth)
    error = np.mean((np.asarray(image, dtype=np.float64) - truth) ** 2)
    return float(10 * np.log10(data_range**2 / error)) if error > 0 else float("inf")


def gaussian_window(sigma: float = 1.5, radius: int = 5) -> np.ndarray:
    """The 11-tap window of SSIM: weights that sum to one."""
    w = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return w / w.sum()


def ssim(image: np.ndarray, truth: np.ndarray, *, data_range: float = 1.0) -> float:
    """Structural similarity (Wang et al. 2004) of (H, W) or (H, W, C): 11x11 Gaussian window of sigma 1.5, valid windows only,
    K = 0.01, 0.03, population covariance; channels averaged. 1 for identical images."""
    _same_shape(image, truth)
    if min(image.shape[:2]) < 11:
        raise ValueError(f"image of {image.shape[0]} x {image.shape[1]} pixels: SSIM needs at least 11 x 11")
    if image.ndim == 3:
        return float(np.mean([ssim(image[..., c], truth[..., c], data_range=data_range) for c in range(image.shape[2])]))
    x, y, w = np.asarray(image, dtype=np.float64), np.asarray(truth, dtype=np.float64), gaussian_window()
    mean = lambda a: correlate1d(correlate1d(a, w, axis=0), w, axis=1)[5:-5, 5:-5]  # noqa: E731
    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return float(np.mean((2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))


def _same_shape(image: np.ndarray, truth: np.ndarray):
    if image.shape != truth.shape:
        raise ValueError(f"images differ in shape: {image.shape} and {truth.shape}")
