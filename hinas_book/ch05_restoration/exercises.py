"""Questions of notebook 05: how good is what was found?"""

import numpy as np

from hinas_book.lessons.made_up import flat, of_mse
from hinas_book.lessons.questions import asks, text_table
from hinas_lab.config import SearchSpace
from hinas_lab.images.metrics import ssim
from hinas_lab.space.cost import receptive_radius
from hinas_lab.space.genotype import sample
from hinas_lab.space.ops import CHOICES, OPS


@asks(
    "05.a",
    "The mean squared error of a restored image is {mse} (values in [0, 1]). What is its PSNR in "
    "dB?",
    "PSNR compares the largest possible squared value, here 1, with the error.",
    "10 log10(1 / MSE), with the logarithm to base 10.",
    "In code: `10 * np.log10(1 / mse)`; `hinas_lab.images.metrics.psnr` does it from images.",
    within=0.02,
)
def from_mse(rng):
    mse = rng.choice([0.0005, 0.0008, 0.0012, 0.0016, 0.002, 0.003, 0.004, 0.005])
    psnr = of_mse(mse)
    return (
        {"mse": mse},
        psnr,
        (psnr * 2, "That is 20 log10; it belongs to the root of the error."),
        (psnr * float(np.log(10)), "That is the natural logarithm."),
    )


@asks(
    "05.b",
    "{k} copies of one picture, each with independent noise of the same strength, are averaged. By "
    "how many dB does PSNR rise over one noisy copy?",
    "Averaging k independent noises divides the variance by k.",
    "The MSE of a noisy image is that variance.",
    "10 log10(k). A camera delivers one noise field; a protocol that draws several gives this "
    "away.",
    within=0.02,
)
def averaging(rng):
    k = rng.choice([2, 3, 5, 6, 8, 9, 16])
    # of any noise: the gain does not depend on it
    variance = (50 / 255) ** 2
    gain = of_mse(variance / k) - of_mse(variance)
    return (
        {"k": k},
        gain,
        (gain * 2, "The variance falls by k, the standard deviation by the root of k."),
        (float(k), "Not k dB."),
    )


@asks(
    "05.c",
    "Noise of sigma {sigma} on the 0-255 scale is added to a picture and nothing is done about it. "
    "What is the expected PSNR in dB?",
    "The mean squared error is the variance of the noise.",
    "On the 0-255 scale the peak is 255: 10 log10(255² / sigma²).",
    "In code: `20 * np.log10(255 / sigma)`.",
    within=0.02,
)
def noisy(rng):
    sigma = rng.choice([10, 15, 20, 25, 30, 40, 60, 70])
    # sigma is on the 0-255 scale, pictures are in [0, 1]
    psnr = of_mse((sigma / 255) ** 2)
    return {"sigma": sigma}, psnr, (psnr / 2, "Sigma is a standard deviation: square it.")


@asks(
    "05.d",
    "A network has one cell of two nodes (start and end part: two 3 x 3 convolutions "
    "each):{cell}How many pixels to each side does an output pixel depend on (the receptive "
    "radius)?",
    "h(l-1) has seen two 3 x 3 convolutions already, h(l-2) one; the end part adds two.",
    "An operation of kernel k and dilation d reaches (k - 1)/2 times d pixels, a separable one "
    "twice that; add along a path.",
    "The longest path counts. In code: `hinas_lab.space.cost.receptive_radius(genotype)`.",
)
def radius(rng):
    from hinas_lab.drawing.genotype_graph import source_names  # loads the drawings

    names = source_names(2)
    choices = tuple(op for op in CHOICES if OPS[op].kernel < 5 or OPS[op].kind == "sep")
    g = sample(SearchSpace(layers=1, nodes=2), rng, choices=choices)
    lines = []
    for i, node in enumerate(g.cells[0]):
        terms = "  +  ".join(f"{op} of {names[source]}" for op, source in node)
        lines.append(f"node {i}:  {terms}")
    # start and end part included
    r = receptive_radius(g)
    return (
        {"cell": text_table(lines)},
        r,
        (2 * r + 1, "That is the whole width of the field; asked is the radius."),
    )


@asks(
    "05.e",
    "Two flat patches: one has the value {a}, the other {b} (data range 1, C1 = 0.01²). What is "
    "their SSIM?",
    "Flat patches have no variance and no covariance: only the term of the means is left.",
    "(2 a b + C1) / (a² + b² + C1).",
    "In code: `hinas_lab.images.metrics.ssim(np.full((16, 16), a), np.full((16, 16), b))`.",
    within=0.002,
)
def flat_ssim(rng):
    # two different values: of equal ones the SSIM is 1
    a, b = rng.sample([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8], 2)
    return (
        {"a": a, "b": b},
        ssim(flat(a), flat(b)),
        (0.0, "They have no structure to compare, but their means still count."),
        (1.0, "The patches have the same structure, but not the same mean."),
    )


@asks(
    "05.f",
    "Two test pictures have the MSE {one} and {two}. The mean of the two PSNRs is one number, the "
    "PSNR of the mean MSE another. By how many dB is the first larger?",
    "Compute both PSNRs and their mean; then the mean MSE and its PSNR.",
    "The first one: (10 log10(1/MSE1) + 10 log10(1/MSE2)) / 2.",
    "The logarithm favours the easy picture, so the first is never smaller. Tables of papers give "
    "the mean of PSNRs.",
    within=0.02,
)
def mean_of(rng):
    # an easy and a hard picture: of equal ones both numbers are the same
    one = rng.choice([0.0005, 0.001, 0.002])
    two = rng.choice([0.004, 0.006, 0.01])
    gap = (of_mse(one) + of_mse(two)) / 2 - of_mse((one + two) / 2)
    return (
        {"one": one, "two": two},
        gap,
        (-gap, "The other way round."),
        (0.0, "A logarithm of a mean is not the mean of logarithms."),
    )
