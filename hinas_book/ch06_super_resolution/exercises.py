"""Questions of notebook 06: super-resolution, the same road with another degradation."""

import numpy as np

from hinas_book.lessons.made_up import of_mse
from hinas_book.lessons.questions import asks
from hinas_lab.config import SearchSpace
from hinas_lab.images.degrade import crop_to_multiple
from hinas_lab.images.protocol import protocol
from hinas_lab.space.cost import convolutions, macs, receptive_radius
from hinas_lab.space.genotype import Genotype, sample


def network(rng, scale: int, channels: int = 3) -> Genotype:
    """A random genotype of the paper's super-resolution shape."""
    space = SearchSpace(task="sr", scale=scale, channels=channels, layers=2, nodes=3, width=8)
    return sample(space, rng)


@asks(
    "06.a",
    "A network enlarges {kind} pictures by {scale} with one pixel shuffle at its end. How many "
    "channels must its last convolution have?",
    "Pixel shuffle only moves numbers: it turns channels into pixels.",
    "One low-resolution pixel becomes scale x scale pixels, each with all colours.",
    "channels x scale²; in code: the last of `hinas_lab.space.cost.convolutions(genotype, width)`.",
)
def shuffle(rng):
    scale = rng.choice([2, 3, 4])
    channels = rng.choice([1, 3])
    *_, last = convolutions(network(rng, scale, channels), 16)
    return (
        {"scale": scale, "kind": {1: "gray", 3: "RGB"}[channels]},
        last.target,
        (channels * scale, "Both axes grow by the scale."),
        # 1 for 3 and 3 for 1
        (scale**2 * (4 - channels), "How many colours has the picture?"),
    )


@asks(
    "06.b",
    "One network works on the low-resolution picture and enlarges at its end. Another enlarges "
    "first by {scale} and then runs the same convolutions. How many times as many "
    "multiply-accumulates does it need?",
    "A convolution costs its weights times the number of pixels.",
    "How many pixels has the large picture for each pixel of the small one?",
    "scale²; in code: `macs(genotype, width, h * scale, w * scale) / macs(genotype, width, h, w)`.",
)
def first_or_last(rng):
    scale = rng.choice([2, 3, 4])
    g = network(rng, scale)
    # of a picture of any size: the ratio does not depend on it
    ratio = macs(g, 16, 48 * scale, 64 * scale) // macs(g, 16, 48, 64)
    return {"scale": scale}, ratio, (scale, "Both axes grow.")


@asks(
    "06.c",
    "A picture of {height} x {breadth} pixels is measured under `sr-bicubic` at x{scale}: it is "
    "cut to multiples of the scale at the bottom and right, and at the end {scale} pixels are left "
    "out at each border. How many pixels count?",
    "First the multiples of {scale}: how many pixels are cut off?",
    "Then a border of {scale} on all four sides.",
    "(H - 2 scale)(W - 2 scale), where H and W are multiples of the scale.",
)
def counted(rng):
    scale = rng.choice([2, 3, 4])
    h = rng.randrange(41, 80)
    w = rng.randrange(41, 80)
    truth = crop_to_multiple(np.zeros((h, w)), scale)
    one_wrong = truth.copy()
    one_wrong[h // 2, w // 2] = 1  # its squared error, 1, is shared by all pixels that count
    value, _ = protocol("sr-bicubic").measure(one_wrong, truth, scale)
    height, width = truth.shape
    return (
        {"height": h, "breadth": w, "scale": scale},
        round(10 ** (value / 10)),
        (truth.size, "The border is missing."),
        (
            (height - scale) * (width - scale),
            "There is a border on both sides of each axis.",
        ),
    )


@asks(
    "06.d",
    "The bicubic skip alone has the MSE {skip}; skip and network together have {both}. How many dB "
    "does the network add?",
    "Compute both PSNRs.",
    "A difference of logarithms is the logarithm of the ratio: the peak cancels.",
    "10 log10({skip} / {both}). All that the skip gives is no merit of the search.",
    within=0.02,
)
def added(rng):
    skip = rng.choice([0.002, 0.003, 0.004])
    # 10 to 30 % less error than the skip alone; few digits, as it is printed
    both = round(skip * rng.choice([0.7, 0.75, 0.8, 0.85, 0.9]), 6)
    psnr = of_mse(both)
    gain = psnr - of_mse(skip)
    return (
        {"skip": skip, "both": both},
        gain,
        (psnr, "That is the whole PSNR; the skip has most of it."),
        (-gain, "A smaller error is a larger PSNR."),
    )


@asks(
    "06.e",
    "In a x{scale} network that enlarges at its end, an output pixel depends on {radius} "
    "low-resolution pixels to each side. How many pixels wide is that field on the large picture?",
    "First the width of the field in low-resolution pixels.",
    "2 radius + 1 low-resolution pixels, each {scale} pixels wide on the large picture.",
    "In code: `scale * (2 * receptive_radius(genotype) + 1)`.",
)
def field(rng):
    scale = rng.choice([2, 3, 4])
    # on the low-resolution picture, where the network works
    r = receptive_radius(network(rng, scale))
    return (
        {"scale": scale, "radius": r},
        scale * (2 * r + 1),
        (2 * r + 1, "Those are low-resolution pixels."),
        (2 * r * scale + 1, "The pixel in the middle is a low-resolution pixel too."),
    )
