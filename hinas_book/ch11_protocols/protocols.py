"""One method, one set of pictures, every protocol: how much of a number is how it was measured.

Differences are paired: the same picture under two protocols, so that what makes one picture harder than another cancels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from hinas_lab.images.protocol import PROTOCOLS, Restore, default_protocol, protocol
from hinas_lab.restoration.measure import Measurement, measure

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
    """Names of all protocols the study measures for a task, each once, the base first; ``strides`` adds authors-eval with other strides."""
    named = [
        n for n, p in PROTOCOLS.items() if p.task == task and (p.colour != "RGB" or task == "sr")
    ]
    swept = [protocol(f"authors-eval + stride={s}").name for s in strides]
    return list(
        dict.fromkeys([BASE[task], *named, *(protocol(n).name for _, n in SINGLE[task]), *swept])
    )


def measure_under(
    names: list[str],
    method: str,
    restore: Restore,
    images: Mapping[str, np.ndarray],
    level: float,
    done: Mapping[tuple[str, str], Measurement] | None = None,
) -> Iterator[Measurement]:
    """Rows of every image under every protocol named, image by image. ``done``: (protocol, image) -> rows that are taken as they are.

    ``restore`` must give the same output for the same input: protocols that differ only in what they compare share it.
    """
    chosen, done = [protocol(name) for name in names], done or {}
    for number, name in enumerate(images):
        image, seen = None, {}

        def once(degraded: np.ndarray, seen=seen) -> np.ndarray:
            key = degraded.shape, degraded.tobytes()
            if key not in seen:
                seen[key] = restore(degraded)
            return seen[key]

        for p in chosen:
            if (p.name, name) in done:
                yield done[p.name, name]
                continue
            image = images[name] if image is None else image
            if p.tile:  # crops have noise of their own, or would fill the memory
                yield measure(method, restore, name, image, number, level, p)
            else:
                yield measure(method, once, name, image, number, level, p)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A protocol against the base: mean over images of (protocol - base) and its 95 % t interval."""

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


def differences(rows: list[Measurement], base: str) -> list[Difference]:
    """Paired differences of each protocol in ``rows`` to ``base``, in the order of the rows. ValueError when the images are not the same.

    The interval of a single image is infinite.
    """
    values: dict[str, dict[str, tuple[float, float]]] = {}
    for row in rows:
        values.setdefault(row.protocol, {})[row.image] = row.psnr, row.ssim
    out = []
    for name, of in values.items():
        if of.keys() != values[base].keys():
            raise ValueError(
                f"protocols {name} and {base} were measured on different images: they cannot be paired"
            )
        if name != base:
            these, those = (np.array([of_it[i] for i in of]) for of_it in (of, values[base]))
            with np.errstate(invalid="ignore"):
                gap = np.where(
                    these == those, 0.0, these - those
                )  # two perfect restorations: both PSNRs are infinite
            mean = gap.mean(0)
            half = (
                stats.t.ppf(0.975, len(gap) - 1) * gap.std(0, ddof=1) / np.sqrt(len(gap))
                if len(gap) > 1
                else np.full(2, np.inf)
            )
            (p, s), (p_low, s_low), (p_high, s_high) = (
                mean.tolist(),
                (mean - half).tolist(),
                (mean + half).tolist(),
            )
            out.append(
                Difference(
                    protocol=name,
                    base=base,
                    n=len(gap),
                    psnr=p,
                    psnr_low=p_low,
                    psnr_high=p_high,
                    ssim=s,
                    ssim_low=s_low,
                    ssim_high=s_high,
                )
            )
    return out
