"""Numbers under a protocol: one row per image and method. Works without torch; a net is just a function."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from hinas_lab.images.protocol import Protocol


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image restored by one method."""

    method: str
    image: str
    sigma: float
    protocol: str
    psnr: float
    ssim: float
    seconds: float
    restored: np.ndarray
    "(H, W) or (H, W, 3) in [0, 1], clipped"


def evaluate(method: str, restore: Callable[[np.ndarray], np.ndarray], images: dict[str, np.ndarray], sigma: float,
             protocol: Protocol) -> Iterator[Row]:
    """Degrade, restore and measure each uint8 image; every method sees the same noise."""
    for number, (name, image) in enumerate(images.items()):
        clean = image.astype(np.float32) / 255
        noisy = protocol.degrade(clean, sigma, number)
        start = time.perf_counter()
        restored = restore(noisy)
        seconds = time.perf_counter() - start
        try:
            p, s = protocol.measure(restored, clean)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        yield Row(method=method, image=name, sigma=sigma, protocol=protocol.name, psnr=p, ssim=s, seconds=seconds,
                  restored=np.clip(restored, 0, 1))


def mean(rows: list[Row]) -> dict[str, float]:
    """Mean and standard error over images, per image first: psnr, ssim, psnr_se, ssim_se, seconds, n."""
    values = np.array([(r.psnr, r.ssim, r.seconds) for r in rows])
    error = values.std(0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else np.full(3, np.nan)
    p, s, t = values.mean(0).tolist()
    return {"psnr": p, "ssim": s, "psnr_se": float(error[0]), "ssim_se": float(error[1]), "seconds": t, "n": len(rows)}
