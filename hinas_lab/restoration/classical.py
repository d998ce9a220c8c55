"""Methods without training: bicubic upscaling, and classical denoisers of scikit-image, each tuned
on training photographs. No torch.

A denoiser is ``f(noisy, sigma, strength)`` on gray float images (H, W), sigma on the 0-255 scale;
the strength is what is tuned.
"""

from collections.abc import Callable

import numpy as np

from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.degrade import add_noise, upscale
from hinas_lab.images.metrics import psnr
from hinas_lab.images.protocol import Restore, planes

Denoiser = Callable[[np.ndarray, float, float], np.ndarray]
TUNING_SEED, TUNING_CROP = 1, 256
"another seed than any protocol's noise, and the side of a crop in pixels"


def _tv(noisy: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(noisy, weight=strength * sigma / 255)


def _wavelet(noisy: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    try:
        from skimage.restoration import denoise_wavelet

        return denoise_wavelet(
            noisy,
            sigma=strength * sigma / 255,
            wavelet="db2",
            method="BayesShrink",
            mode="soft",
            rescale_sigma=False,
        )
    except ImportError:
        raise ValueError("the wavelet denoiser needs PyWavelets: pip install PyWavelets") from None


def _nl_means(noisy: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    from skimage.restoration import denoise_nl_means

    s = sigma / 255
    return denoise_nl_means(
        noisy, patch_size=7, patch_distance=9, h=strength * s, sigma=s, fast_mode=True
    )


def _bm3d(noisy: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    try:
        from bm3d import bm3d
    except ImportError:
        raise ValueError(
            "BM3D needs its authors' package, free for non-commercial use only: pip install bm3d"
        ) from None
    return bm3d(noisy, strength * sigma / 255)


METHODS: dict[str, tuple[Denoiser, tuple[float, ...]]] = {
    "tv": (_tv, (0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3)),
    "wavelet": (_wavelet, (0.8, 0.9, 1.0, 1.1, 1.25, 1.5)),
    "nl_means": (_nl_means, (0.4, 0.5, 0.6, 0.7, 0.8)),
}
"method -> denoiser and the strengths tried"
INSTALLED_BY_USERS: dict[str, Denoiser] = {"bm3d": _bm3d}
"""methods whose licence keeps them out of our requirements; they know the noise level and are not
tuned"""
CLASSICAL = {"denoise": ("noisy", *METHODS, *INSTALLED_BY_USERS), "sr": ("bicubic",)}
"task -> methods that are not trained; noisy: nothing done"


def tune(method: str, sigma: float, data: str = "builtin") -> float:
    """The strength with the best mean PSNR over centred crops of the training photographs."""
    denoise, strengths = METHODS[method]
    crops = []
    for number, image in enumerate(load_images(data, 1).values()):
        top, left = (max(0, (side - TUNING_CROP) // 2) for side in image.shape)
        clean = image[top : top + TUNING_CROP, left : left + TUNING_CROP].astype(np.float32) / 255
        crops.append((add_noise(clean, sigma, TUNING_SEED, number), clean))
    crops = crops[:: max(1, len(crops) // 8)]  # eight are enough for one number

    def mean_psnr(strength: float) -> float:
        return np.mean([psnr(denoise(x, sigma, strength).clip(0, 1), clean) for x, clean in crops])

    return max(strengths, key=mean_psnr)


def classical(method: str, task: str, level: float) -> Restore:
    """A method of CLASSICAL, ready for noise of sigma ``level`` or for the scale ``level``; colour
    images channel by channel.

    Raises ValueError for a method that is not known, or not for this task.
    """
    choices = ", ".join(CLASSICAL[task])
    for other, names in CLASSICAL.items():
        if method in names and other != task:
            raise ValueError(
                f"method = {method!r} is for {other}, the protocol for {task}; "
                f"choose one of {choices}"
            )
    if method not in CLASSICAL[task]:
        raise ValueError(f"method = {method!r}: neither a run folder nor one of {choices}")
    # no noise: nothing to take away, and no strength to tune
    if method == "noisy" or level == 0:
        return lambda image: image
    if method == "bicubic":
        return lambda image: planes(upscale, image, int(level))
    if method in INSTALLED_BY_USERS:
        denoise, strength = INSTALLED_BY_USERS[method], 1.0
    else:
        denoise, strength = METHODS[method][0], tune(method, level)
    return lambda image: _each_channel(denoise, image, level, strength)


def _each_channel(
    denoise: Denoiser, image: np.ndarray, sigma: float, strength: float
) -> np.ndarray:
    if image.ndim == 2:
        return denoise(image, sigma, strength)
    channels = np.moveaxis(image, 2, 0)
    return np.stack([denoise(channel, sigma, strength) for channel in channels], axis=2)
