"""What happens to a clean picture: Gaussian noise, and MATLAB-compatible bicubic resizing as two
small matrix products.

Nothing here imports torch: the products work on numpy arrays and on torch tensors alike.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np


def noise_field(shape: tuple[int, ...], seed: int, *names: int) -> np.ndarray:
    """A standard-normal float32 field, the same for everybody who asks with the same seed and names
    (image number, sigma, ...)."""
    return np.random.default_rng([seed, *names]).standard_normal(shape, dtype=np.float32)


def add_noise(image: np.ndarray, sigma: float, seed: int, *names: int) -> np.ndarray:
    """``image`` in [0, 1] plus Gaussian noise of ``sigma`` (0-255 scale): float32, not clipped."""
    noise = np.float32(sigma / 255) * noise_field(image.shape, seed, *names)
    return (image + noise).astype(np.float32)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.5, as MATLAB's imresize."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


class Band(NamedTuple):
    """Some consecutive output pixels of a resized axis, and what they are made of."""

    out: slice
    source: slice
    weights: np.ndarray
    "(output pixels, source pixels) float64; each row sums to one"


BAND = 64
"output pixels of a band: the matrices stay small, as most of the whole one is zero"


@lru_cache(maxsize=256)
def bicubic_bands(size: int, out: int, scale: float) -> tuple[Band, ...]:
    """How ``size`` pixels of an axis become ``out`` when it is resized by ``scale``.

    Shrinking widens the kernel (antialias); borders are mirrored, the edge pixel included.
    """
    stretch = min(scale, 1.0)
    reach = 2 / stretch
    mirror = np.concatenate([np.arange(size), np.arange(size)[::-1]])
    bands = []
    for start in range(0, out, BAND):
        pixels = np.arange(start, min(start + BAND, out))
        # both grids span the same extent: an output pixel's centre in pixels of the source
        centre = (pixels + 0.5) / scale - 0.5
        # from the last pixel before the kernel to the first behind it, whose weights are 0
        taps = np.arange(int(np.ceil(2 * reach)) + 2)
        taps = np.floor(centre - reach).astype(int)[:, None] + taps
        weights = stretch * _cubic(stretch * (centre[:, None] - taps))
        weights /= weights.sum(1, keepdims=True)
        source = mirror[taps % (2 * size)]
        first, last = source.min(), source.max() + 1
        matrix = np.zeros((len(pixels), last - first))
        # add.at: at a border two taps fall on one source pixel, and both count
        np.add.at(matrix, (np.arange(len(pixels))[:, None], source - first), weights)
        matrix.setflags(write=False)
        bands.append(Band(slice(start, start + len(pixels)), slice(int(first), int(last)), matrix))
    return tuple(bands)


def _resize(x, size: tuple[int, int], scale: float, kept: dict | None = None):
    """(..., H, W) -> (..., *size): rows, then columns. uint8 is rounded after each of them, as
    MATLAB does."""
    for axis, out in zip((-2, -1), size):
        if x.dtype == np.uint8:
            x = rounded(_resize_axis(x.astype(np.float64), axis, out, scale))
        else:
            x = _resize_axis(x, axis, out, scale, kept)
    return x


def _resize_axis(x, axis: int, out: int, scale: float, kept: dict | None = None):
    """(..., H, W) with ``out`` pixels along ``axis`` (-2 or -1)."""
    lead, size, rest = x.shape[:axis], x.shape[axis], x.shape[axis:][1:]
    # flat: then no product copies its input
    x = x.reshape(math.prod(lead), size, *rest)
    flat = (len(x), out, *rest)
    y = np.empty(flat, x.dtype) if isinstance(x, np.ndarray) else x.new_empty(flat)
    for band in bicubic_bands(size, out, scale):
        weights = _weights(band, x, (size, out, band.out.start), kept)
        source = x[:, band.source]
        y[:, band.out] = weights @ source if rest else source @ weights.T
    return y.reshape(*lead, out, *rest)


def _weights(band: Band, like, place: tuple, kept: dict | None):
    """The band's weights in the type and on the device of ``like``; as a tensor from ``kept``,
    where that is given."""
    if isinstance(like, np.ndarray):
        return band.weights.astype(like.dtype)
    if kept is None:
        return like.new_tensor(band.weights)
    key = (*place, like.dtype, like.device)
    if key not in kept:
        kept[key] = like.new_tensor(band.weights)
    return kept[key]


def rounded(x: np.ndarray) -> np.ndarray:
    """Gray levels (0-255 scale) to uint8: cut, halves up."""
    return np.floor(x.clip(0, 255) + 0.5).astype(np.uint8)


def imresize(x, factor: float, kept: dict | None = None):
    """(..., H, W) -> (..., ceil(factor H), ceil(factor W)): MATLAB's ``imresize(x, factor)``,
    bicubic with antialiasing.

    numpy float keeps its type and is not clipped; numpy uint8 gives uint8; torch float is
    differentiable. ``kept``: a dict of the caller in which the weights stay as tensors, so that
    another image of the same size copies nothing to its device. ValueError for a factor <= 0, and
    for other types of pixels.
    """
    if not 0 < factor < math.inf:
        raise ValueError(f"factor = {factor}: must be above 0 and finite")
    if isinstance(x, np.ndarray):
        allowed = x.dtype == np.uint8 or x.dtype.kind == "f"
    else:
        allowed = x.is_floating_point()
    if not allowed:
        raise ValueError(f"pixels of type {x.dtype}: must be float, or numpy's uint8")
    # rounded first: 255 * (1 / 3) is 85
    height, width = (math.ceil(round(side * factor, 9)) for side in x.shape[-2:])
    return _resize(x, (height, width), float(factor), kept)


def upscale(x, scale: int, kept: dict | None = None):
    """(..., H, W) -> (..., S*H, S*W), as ``imresize``."""
    return imresize(x, scale, kept)


def crop_to_multiple(x, scale: int):
    """(..., H, W) cut at the bottom and right so that both sides are divisible by ``scale``."""
    return x[..., : x.shape[-2] // scale * scale, : x.shape[-1] // scale * scale]
