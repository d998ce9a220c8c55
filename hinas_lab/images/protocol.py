"""Everything that decides a restoration number, as one value that is printed beside it. No torch."""

from dataclasses import dataclass

import numpy as np

from hinas_lab.images.degrade import add_noise
from hinas_lab.images.metrics import psnr, ssim


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a number is measured."""

    name: str
    text: str
    "in words, for tables"
    seed: int = 0
    "of the noise: one field per image and sigma, the same for every method"

    def degrade(self, clean: np.ndarray, sigma: float, number: int) -> np.ndarray:
        """clean (H, W) or (H, W, 3) in [0, 1] -> noisy float32; ``number`` is the image's place in its sorted data set."""
        return add_noise(clean, sigma, self.seed, number, round(sigma * 1000))

    def measure(self, restored: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
        """(PSNR in dB, SSIM) of an image in [0, 1], clipped first."""
        restored = np.clip(restored, 0, 1)
        return psnr(restored, clean), ssim(restored, clean)


PROTOCOLS = {p.name: p for p in (
    Protocol(name="whole", text="whole images (gray: PIL L), float noise unclipped, one field per image; output clipped; PSNR float; "
                                "SSIM 11x11 Gaussian, valid windows"),
)}


def protocol(name: str) -> Protocol:
    """The protocol called ``name``; ValueError names the known ones."""
    if name not in PROTOCOLS:
        raise ValueError(f"protocol = {name!r}: must be one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
