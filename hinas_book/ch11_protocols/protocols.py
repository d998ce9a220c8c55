"""One method, one set of pictures, every protocol: how much of a number is how it was measured.

Differences are paired: the same picture under two protocols, so that what makes one picture harder
than another cancels.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from hinas_lab.analysis.statistics import Contrast
from hinas_lab.images.protocol import PROTOCOLS, default_protocol, protocol
from hinas_lab.restoration.measure import Measurement

BASE = {task: default_protocol(task) for task in ("denoise", "sr")}
"task -> the protocol that the others are compared with"
SINGLE = {
    "denoise": (
        ("fresh noise per crop, overlaps averaged", "whole + noise=crop + tile=64 + stride=48"),
        ("the same crops of one noise field", "whole + tile=64 + stride=48"),
        ("noisy image clipped", "whole + clip_input=True"),
        ("noisy image rounded to 8 bits", "whole + round_input=True"),
        ("output rounded to 8 bits", "whole + round_output=True"),
        ("gray by rgb2gray", "whole + colour=rgb2gray"),
        ("gray is Y, 16 to 235", "whole + colour=Y + gray_files=expanded"),
        ("SSIM with zeros around the image", "whole + ssim_padding=zero"),
        ("SSIM of 7x7 uniform windows", "whole + ssim_window=uniform"),
    ),
    "sr": (
        ("low resolution not rounded", "sr-standard + round_input=False"),
        ("output not rounded", "sr-standard + round_output=False"),
        ("Y rounded to 8 bits", "sr-standard + measured=Y rounded"),
        ("Y with red and blue exchanged", "sr-standard + measured=Y swapped"),
        ("all three channels, no Y", "sr-standard + measured=same"),
        ("border not cut", "sr-standard + border=none"),
        ("SSIM with zeros around the image", "sr-standard + ssim_padding=zero"),
        ("SSIM of 7x7 uniform windows", "sr-standard + ssim_window=uniform"),
    ),
}
"task -> single changes of its base: in words, the protocol"
STRIDES = (64, 56, 48, 40, 32, 24, 16)
"of crops with noise of their own, from almost no overlap to 16 crops over each pixel"


def protocols(task: str, strides: tuple[int, ...] = ()) -> list[str]:
    """Names of all protocols the study measures for a task, each once, the base first.

    ``strides`` adds authors-eval with other strides.
    """
    names = [BASE[task]]
    for name, p in PROTOCOLS.items():
        # denoising is studied in gray
        if p.task == task and (p.colour != "RGB" or task == "sr"):
            names.append(name)
    names += [protocol(change).name for _, change in SINGLE[task]]
    names += [protocol(f"authors-eval + stride={stride}").name for stride in strides]
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Difference:
    """A protocol minus the base: mean over images and its 95 % t interval."""

    protocol: str
    base: str
    n: int
    psnr: float
    "dB"
    psnr_low: float
    psnr_high: float
    ssim: float
    ssim_low: float
    ssim_high: float

    def contrast(self, metric: str) -> Contrast:
        """Its mean and interval of psnr or ssim, for a forest plot."""
        mean, low, high = (getattr(self, metric + end) for end in ("", "_low", "_high"))
        return Contrast(mean=mean, low=low, high=high, n=self.n)


def differences(rows: list[Measurement], base: str) -> list[Difference]:
    """Paired differences of each protocol in ``rows`` to ``base``, in the order of the rows.

    ValueError when the images are not the same. The interval of a single image is infinite.
    """
    scores: dict[str, dict[str, tuple[float, float]]] = {}
    # by image, because two protocols may list them in different orders
    for row in rows:
        scores.setdefault(row.protocol, {})[row.image] = row.psnr, row.ssim
    out = []
    for name, own in scores.items():
        if own.keys() != scores[base].keys():
            raise ValueError(
                f"protocols {name} and {base} were measured on different images: "
                "they cannot be paired"
            )
        if name == base:
            continue
        ours = np.array(list(own.values()))
        theirs = np.array([scores[base][image] for image in own])
        with np.errstate(invalid="ignore"):
            # of two perfect restorations both PSNRs are infinite
            gap = np.where(ours == theirs, 0.0, ours - theirs)
        n = len(gap)
        mean = gap.mean(0)
        half = np.full(2, np.inf)
        if n > 1:
            half = stats.t.ppf(0.975, n - 1) * gap.std(0, ddof=1) / np.sqrt(n)
        psnr, ssim = np.stack([mean, mean - half, mean + half], 1).tolist()
        out.append(Difference(name, base, n, *psnr, *ssim))
    return out
