"""What happens to a clean picture: Gaussian noise, and MATLAB-compatible bicubic resizing as two small matrix products.

Nothing here imports torch: the products work on numpy arrays and on torch tensors alike.
"""

from functools import lru_cache

import numpy as np


def noise_field(shape: tuple[int, ...], seed: int, *names: int) -> np.ndarray:
    """A standard-normal float32 field, the same for everybody who asks with the same seed and names (image number, sigma, ...)."""
    return np.random.default_rng([seed, *names]).standard_normal(shape, dtype=np.float32)


def add_noise(image: np.ndarray, sigma: float, seed: int, *names: int) -> np.ndarray:
    """``image`` in [0, 1] plus Gaussian noise of ``sigma`` (0-255 scale): float32, not clipped."""
    return (image + np.float32(sigma / 255) * noise_field(image.shape, seed, *names)).astype(np.float32)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.5, as MATLAB's imresize."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@lru_cache(maxsize=256)
def bicubic_matrix(size: int, out: int, scale: float) -> np.ndarray:
    """(out, size) float64: row r holds the weights of output pixel r. Shrinking widens the kernel (antialias); borders are mirrored."""
    stretch = min(scale, 1.0)
    centre = (np.arange(out) + 0.5) / scale - 0.5
    reach = 2 / stretch
    first = np.floor(centre - reach).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weights = stretch * _cubic(stretch * (centre[:, None] - taps))
    weights /= weights.sum(1, keepdims=True)
    mirrored = np.concatenate([np.arange(size), np.arange(size)[::-1]])[taps % (2 * size)]
    matrix = np.zeros((out, size))
    np.add.at(matrix, (np.arange(out)[:, None], mirrored), weights)
    matrix.setflags(write=False)
    return matrix


def _resize(x, out_h: int, out_w: int, scale: float):
    rows, columns = bicubic_matrix(x.shape[-2], out_h, scale), bicubic_matrix(x.shape[-1], out_w, scale)
    if isinstance(x, np.ndarray):
        return (rows.astype(x.dtype) @ x) @ columns.T.astype(x.dtype)
    rows, columns = (x.new_tensor(m) for m in (rows, columns))  # torch
    return (rows @ x) @ columns.t()


def upscale(x, scale: int):
    """(..., H, W) float -> (..., S*H, S*W): bicubic, numpy or torch, differentiable in torch."""
    return _resize(x, x.shape[-2] * scale, x.shape[-1] * scale, float(scale))


def downscale(x, scale: int):
    """(..., H, W) float, H and W divisible by ``scale`` -> (..., H/S, W/S): bicubic with antialiasing."""
    height, width = x.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"image of {height} x {width} pixels: sides must be divisible by the scale {scale}; crop it first")
    return _resize(x, height // scale, width // scale, 1.0 / scale)


def crop_to_multiple(x, scale: int):
    """(..., H, W) cut at the bottom and right so that both sides are divisible by ``scale``."""
    return x[..., : x.shape[-2] // scale * scale, : x.shape[-1] // scale * scale]
