"""PSNR, SSIM and GMSD of one image, with every convention stated, and the table of all metrics.

``METRICS`` is what a measurement, its mean, the printed rows and the JSON follow; ``add_metric``
adds a row. numpy and scipy only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import correlate1d, uniform_filter


def psnr(
    image: np.ndarray, truth: np.ndarray, *, data_range: float = 1.0, over: str = "joint"
) -> float:
    """10 log10(data_range^2 / MSE) in dB of two images (H, W) or (H, W, C).

    ``over``: ``joint`` has one MSE of all pixels and channels; ``channels`` is the mean of the
    channels' PSNRs. ``inf`` for identical images, nan where a pixel is or where there is none.
    """
    _same_shape(image, truth)
    if over == "channels" and image.ndim == 3:
        pairs = zip(np.moveaxis(image, 2, 0), np.moveaxis(truth, 2, 0))
        return float(np.mean([psnr(x, y, data_range=data_range) for x, y in pairs]))
    if image.size == 0:  # numpy would warn; SSIM says what is wrong
        return float("nan")
    error = np.mean((np.asarray(image, dtype=np.float64) - truth) ** 2)
    return float(10 * np.log10(data_range**2 / error)) if error != 0 else float("inf")


def gaussian_window(sigma: float = 1.5, radius: int = 5) -> np.ndarray:
    """The window of SSIM along one axis: 2 ``radius`` + 1 weights that sum to one."""
    w = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return w / w.sum()


WINDOWS = {"gaussian": (gaussian_window(), 1.0), "uniform": (np.full(7, 1 / 7), 49 / 48)}
"""name -> weights along an axis, factor on the covariances: Wang's 11x11 Gaussian of sigma 1.5 with
population covariances; scikit-image's default, 7x7 uniform with sample covariances"""
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
    """Structural similarity (Wang et al. 2004) of (H, W) or (H, W, C), K = 0.01, 0.03.

    Channels are averaged; 1 for identical images. ``window``: of WINDOWS. ``padding``: ``valid``
    averages over the windows that lie inside the image; ``zero`` over all, with zeros around both
    images, as torch convolutions do. ValueError when the images differ in shape or hold no window.
    """
    _same_shape(image, truth)
    (w, factor), mode = WINDOWS[window], PADDINGS[padding]
    if min(image.shape[:2]) < len(w):
        raise ValueError(
            f"image of {image.shape[0]} x {image.shape[1]} pixels: "
            f"SSIM needs at least {len(w)} x {len(w)}"
        )
    if image.ndim == 3:
        image, truth = np.moveaxis(image, 2, 0), np.moveaxis(truth, 2, 0)
    x = np.asarray(image, dtype=np.float64)
    y = np.asarray(truth, dtype=np.float64)
    inside = slice(len(w) // 2, -(len(w) // 2)) if padding == "valid" else slice(None)

    def mean(a: np.ndarray) -> np.ndarray:
        rows = correlate1d(a, w, axis=-2, mode=mode)[..., inside, :]
        return correlate1d(rows, w, axis=-1, mode=mode)[..., inside]

    mx, my = mean(x), mean(y)
    square, product = mx * mx + my * my, mx * my
    # SSIM asks only for var x + var y: one filtered plane less than each of them
    variance = factor * (mean(x * x + y * y) - square)
    covariance = factor * (mean(x * y) - product)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return float(
        np.mean((2 * product + c1) * (2 * covariance + c2) / ((square + c1) * (variance + c2)))
    )


def gmsd(image: np.ndarray, truth: np.ndarray, *, data_range: float = 1.0) -> float:
    """Gradient magnitude similarity deviation (Xue et al. 2014) of (H, W) or (H, W, C).

    How unevenly edges are kept: 0 for identical images, more is worse; channels are averaged;
    nothing here is trained or picked by it. Both are averaged over 2 x 2 pixels and halved in size
    first; Prewitt's gradients, c = 170 of 255^2. ValueError for other shapes and for planes of less
    than 2 x 2 pixels.
    """
    _same_shape(image, truth)
    if image.ndim not in (2, 3) or min(image.shape[:2]) < 2:
        raise ValueError(
            f"image of shape {image.shape}: GMSD needs planes of at least 2 x 2 pixels"
        )
    if image.ndim == 3:
        channels = zip(np.moveaxis(image, 2, 0), np.moveaxis(truth, 2, 0))
        return float(np.mean([gmsd(x, y, data_range=data_range) for x, y in channels]))
    # Prewitt's kernel, taken apart: the difference along one axis, a mean of three along the other
    smooth, step = np.full(3, 1 / 3), np.array([1.0, 0.0, -1.0])

    def magnitude(a: np.ndarray) -> np.ndarray:
        a = np.asarray(a, dtype=np.float64)
        # origin -1: the mean of each pixel and the next, not of the one before
        half = uniform_filter(a, 2, mode="constant", origin=-1)[::2, ::2]
        slopes = []
        for axis in (0, 1):
            edges = correlate1d(half, step, axis=axis, mode="constant")
            slopes.append(correlate1d(edges, smooth, axis=1 - axis, mode="constant"))
        return np.hypot(*slopes)

    x, y, c = magnitude(image), magnitude(truth), 170 * (data_range / 255) ** 2
    return float(np.std((2 * x * y + c) / (x * x + y * y + c)))


def _same_shape(image: np.ndarray, truth: np.ndarray):
    if image.shape != truth.shape:
        raise ValueError(f"images differ in shape: {image.shape} and {truth.shape}")


@dataclass(frozen=True)
class Metric:
    """How near an image is to the truth, as one number: a row of METRICS."""

    name: str
    "in JSON, and in capitals as the title of a column"
    function: Callable[..., float]
    """(image, truth, *, data_range, **settings) -> a number; two float images (H, W) or (H, W, C)
    on the scale 0 to ``data_range``"""
    unit: str = ""
    more_is_better: bool = True
    digits: int = 4
    "printed behind the point"
    settings: Mapping[str, str] = field(default_factory=dict)
    "keyword of the function -> the field of a Protocol that decides it"
    studies_only: bool = False
    "in the rows of studies alone; else in every measurement"

    @property
    def title(self) -> str:
        """Of a column: ``PSNR dB``."""
        return f"{self.name.upper()} {self.unit}".strip()

    def text(self, value: float, width: int = 0) -> str:
        """A value with its unit, as it is printed; ``width`` of the number in characters."""
        return f"{value:{width}.{self.digits}f} {self.unit}".rstrip()


METRICS: dict[str, Metric] = {}
"name -> metric, in the order of the columns"


def add_metric(name: str, function: Callable[..., float], **options):
    """Measure ``name`` from now on; ``options`` are the other fields of ``Metric``.

    ``evaluate`` prints it and writes it as JSON, with its standard error as ``NAME_se``.
    ValueError for a name that is taken. ``del METRICS[name]`` takes it away again.
    """
    if name in METRICS:
        raise ValueError(f"metric {name!r}: is there already")
    METRICS[name] = Metric(name, function, **options)


# The order is that of every printed row and of the keys in JSON.
add_metric("psnr", psnr, unit="dB", digits=2, settings={"over": "psnr"})
add_metric("ssim", ssim, settings={"window": "ssim_window", "padding": "ssim_padding"})
add_metric("gmsd", gmsd, more_is_better=False, studies_only=True)


def measured_metrics() -> list[Metric]:
    """The metrics of every measurement: METRICS without those of studies alone."""
    return [metric for metric in METRICS.values() if not metric.studies_only]
