"""Questions of notebook 11: how much of a number is how it was measured."""

import numpy as np

from hinas_book.lessons.made_up import flat, of_mse
from hinas_book.lessons.questions import asks
from hinas_lab.images.colour import expand, luma
from hinas_lab.images.metrics import psnr
from hinas_lab.images.protocol import coverage


@asks(
    "11.a",
    "A picture is cut into crops of {tile} x {tile} pixels, one every {stride} pixels in both "
    "directions. How many crops lie over a pixel far from the border?",
    "Along one line first: over how many crops does a point lie?",
    "{tile}/{stride} along each of the two directions.",
    "In code: `coverage((640, 640), tile, stride)[320, 320]` of `hinas_lab.images.protocol`.",
)
def crops_over(rng):
    times = rng.choice([2, 3, 4])
    stride = rng.choice([8, 12, 16, 20, 24])
    tile = times * stride
    count = int(coverage((10 * tile, 10 * tile), tile, stride)[5 * tile, 5 * tile])
    return (
        {"tile": tile, "stride": stride},
        count,
        (times, "That is along one direction; crops overlap in the other one, too."),
    )


@asks(
    "11.b",
    "Every crop of {tile} x {tile} pixels gets noise of its own, there is a crop every {stride} "
    "pixels, overlaps are averaged, and nothing is restored. By how many dB does PSNR over a very "
    "large picture rise over that of one noise field?",
    "A pixel under k crops keeps 1/k of the variance. PSNR needs the mean of 1/k over all pixels.",
    "Along one line a share of ({tile} - {stride})/{stride} of the pixels lies under two crops, "
    "the rest under one: that gives the mean of 1/k along it. A picture has two directions: square "
    "it.",
    "In code: `-10 * np.log10((1 / k).mean())`, k = `coverage(size, tile, stride)` away from the "
    "border.",
    within=0.02,
)
def gain_of_nothing(rng):
    tile = rng.choice([48, 64, 96])
    # between half a crop and a whole one: a line lies under one crop or under two
    eighths = rng.choice([5, 6, 7])
    stride = tile * eighths // 8
    # whole periods, away from the border
    inside = slice(2 * stride, 6 * stride)
    k = coverage((10 * tile, 10 * tile), tile, stride)[inside, inside]
    gain = of_mse(float((1 / k).mean())) - of_mse(1.0)
    along = -10 * np.log10((1 / k).mean()) / 2
    return (
        {"tile": tile, "stride": stride},
        gain,
        (float(along), "That is one direction; crops overlap in two."),
        (float(10 * np.log10(k.mean())), "Average 1/k, not k: variances are divided by k."),
    )


@asks(
    "11.c",
    "A gray picture is restored with a PSNR of {value} dB. Somebody computes Y of the same two "
    "pictures, which squeezes values from 0 to 255 into 16 to 235, and measures on Y, with 255 as "
    "the peak. Which PSNR does he print?",
    "Every error is squeezed with the range. By which factor?",
    "Errors shrink to 219/255, PSNR rises by 20 log10(255/219).",
    "In code: `value + 20 * np.log10(255 / 219)`; `hinas_lab.images.colour.luma` is that Y.",
    within=0.02,
)
def squeezed(rng):
    value = rng.choice([24.5, 25.2, 26.1, 27.4, 28.3, 29.6, 31.2])
    # two flat pictures that far apart
    truth, image = flat(0.3), flat(0.3 + 10 ** (-value / 20))
    on_y = psnr(*(luma(expand(255 * picture)) / 255 for picture in (image, truth)))
    return (
        {"value": value},
        float(on_y),
        (value, "The pictures are the same, but the errors are not: Y has a smaller range."),
        (2 * value - float(on_y), "A smaller error is a larger PSNR."),
    )
