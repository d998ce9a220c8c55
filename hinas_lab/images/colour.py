"""From a picture file's pixels to the one plane that is restored or measured: four formulas that
papers call gray or Y. No torch."""

import numpy as np
from PIL import Image

from hinas_lab.images.degrade import rounded

Y = (65481, 128553, 24966)
"MATLAB's weights, in thousandths: whole numbers, so that a Y of exactly n + 1/2 comes out as that"
SWAPPED = Y[::-1]
"red and blue exchanged, as in code that reads RGB and believes it BGR"
# The first row of the inverse of NTSC's matrix, in MATLAB's digits: rounded to three of them, as
# textbooks print it, some pixels would differ by a level.
RGB2GRAY = (0.298936021293775, 0.587043074451121, 0.114020904255103)


def expand(image: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) -> (H, W, 3)."""
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def pil_gray(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> uint8 (H, W): Pillow's ``convert('L')``."""
    return np.asarray(Image.fromarray(image).convert("L"))


def rgb2gray(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> uint8 (H, W): MATLAB's ``rgb2gray``; differs from Pillow's by one level in
    a few pixels."""
    return rounded(image @ np.array(RGB2GRAY))


def luma(image: np.ndarray, weights: tuple[int, int, int] = Y) -> np.ndarray:
    """(H, W, 3) on the 0-255 scale -> float64 (H, W) from 16 to 235: the Y of MATLAB's
    ``rgb2ycbcr``, not rounded. ``weights``: of red, green and blue, in thousandths."""
    red, green, blue = np.moveaxis(image.astype(np.float64), 2, 0)
    # one by one: a matrix product's last bit depends on the picture's shape
    return 16 + (weights[0] * red + weights[1] * green + weights[2] * blue) / 255000


PLANES = {
    "L": lambda image: image if image.ndim == 2 else pil_gray(image),
    "rgb2gray": lambda image: image if image.ndim == 2 else rgb2gray(image),
    "Y": lambda image: image if image.ndim == 2 else rounded(luma(image)),
    "RGB": expand,
}
"name -> uint8 picture as stored, (H, W) or (H, W, 3), to the uint8 pixels a method works on"
MEASURED = {
    "same": lambda pixels: pixels,
    "Y": lambda pixels: luma(expand(pixels)),
    "Y rounded": lambda pixels: rounded(luma(expand(pixels))).astype(np.float64),
    "Y swapped": lambda pixels: luma(expand(pixels), SWAPPED),
}
"name -> pixels a method gave, float on the 0-255 scale, to what is compared"
