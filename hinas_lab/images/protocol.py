"""Everything that decides a restoration number, as one value that is printed beside it. No torch.

A protocol is known by its values, not by a label: ``name`` is looked up, so a changed protocol cannot carry the name of another
(``whole + border=4``), and ``protocol(name)`` makes it again.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from hinas_lab.images.colour import MEASURED, PLANES, expand
from hinas_lab.images.degrade import add_noise, crop_to_multiple, imresize, rounded
from hinas_lab.images.metrics import PADDINGS, WINDOWS, psnr, ssim

Restore = Callable[[np.ndarray], np.ndarray]
"float32 (H, W) or (H, W, 3) in about [0, 1] -> the same, scale times as high and wide"
TASKS = ("denoise", "sr")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a number is measured. Raises ValueError for values that contradict each other."""

    task: str = "denoise"
    colour: str = "L"
    "what the method works on: L (Pillow), rgb2gray (MATLAB), Y (MATLAB, rounded), RGB"
    gray_files: str = "raw"
    "a file that is gray already: raw (its pixels are the plane) or expanded (to R = G = B, then as any other)"
    size_factor: float = 1.0
    "bicubic resizing of the clean picture before anything else, rounded to 8 bits"
    noise: str = "image"
    "one field per image, or a fresh one per crop"
    clip_input: bool = False
    "degraded values clipped to [0, 1]"
    round_input: bool = False
    "degraded values rounded to 8 bits (which clips too), as in a file"
    tile: int = 0
    "side of the crops that are restored one by one, pixels; 0: the whole image at once"
    stride: int = 0
    "pixels from crop to crop; the last crop of a row or column ends with the image"
    overlap: str = "mean"
    "where crops overlap: their mean, or the last one"
    clip_output: bool = True
    round_output: bool = False
    "to 8 bits, as in a file"
    measured: str = "same"
    "what is compared: same, Y (MATLAB, float), Y rounded, Y swapped (red and blue weights exchanged)"
    border: str = "none"
    "pixels not compared at each side: none, scale (as many as the upscaling factor) or a number"
    psnr: str = "joint"
    "joint: one mean square error over all channels; channels: the mean of the channels' PSNRs"
    ssim_window: str = "gaussian"
    ssim_padding: str = "valid"
    data_range: int = 255
    "peak of PSNR and L of SSIM, on the 0-255 scale"
    seed: int = 0
    "of the noise: the same for every method"

    def __post_init__(self):
        choices = {
            "task": TASKS,
            "colour": PLANES,
            "gray_files": ("raw", "expanded"),
            "noise": ("image", "crop"),
            "overlap": ("mean", "last"),
            "measured": MEASURED,
            "psnr": ("joint", "channels"),
            "ssim_window": WINDOWS,
            "ssim_padding": PADDINGS,
        }
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not field.type and not (field.type is float and type(value) is int):
                raise ValueError(
                    f"protocol: {field.name} = {value!r}: must be {field.type.__name__}"
                )
            if field.name in choices and value not in choices[field.name]:
                raise ValueError(
                    f"protocol: {field.name} = {value!r}: must be one of {', '.join(choices[field.name])}"
                )
        wrong = {
            f"border = {self.border!r}: must be none, scale or a number above 0": not re.fullmatch(
                "none|scale|[1-9][0-9]*", self.border
            ),
            f"size_factor = {self.size_factor}: must be above 0 and at most 1": not 0
            < self.size_factor
            <= 1,
            f"data_range = {self.data_range}: must be 1 or more": self.data_range < 1,
            f"seed = {self.seed}: must be 0 or more": self.seed < 0,
            f"tile = {self.tile}, stride = {self.stride}: tile must be 0 (then stride too) or more, stride from 1 to tile": not (
                self.tile == self.stride == 0 or 1 <= self.stride <= self.tile
            ),
            "noise = 'crop': needs tile and stride": self.noise == "crop" and not self.tile,
            "tiles and size_factor are for denoising": self.task == "sr"
            and (self.tile > 0 or self.size_factor != 1),
            "border = 'scale': is for super-resolution": self.task == "denoise"
            and self.border == "scale",
            f"measured = {self.measured!r}: needs colour = 'RGB'": self.measured != "same"
            and self.colour != "RGB",
        }
        for message, holds in wrong.items():
            if holds:
                raise ValueError(f"protocol: {message}")

    @property
    def name(self) -> str:
        """Of PROTOCOLS, with the changes to it: ``whole``, ``authors-eval + stride=32``."""

        def changes(base: Protocol) -> list[str]:
            return [
                f"{f.name}={getattr(self, f.name)}"
                for f in fields(self)
                if getattr(self, f.name) != getattr(base, f.name)
            ]

        base = min(
            (n for n, p in PROTOCOLS.items() if p.task == self.task),
            key=lambda n: len(changes(PROTOCOLS[n])),
        )
        return " + ".join([base, *changes(PROTOCOLS[base])])

    @property
    def level(self) -> str:
        """What the level of degradation is called: sigma or scale."""
        return "sigma" if self.task == "denoise" else "scale"

    def clean(self, image: np.ndarray, scale: int = 1) -> np.ndarray:
        """uint8 picture as stored, (H, W) or (H, W, 3) -> what a perfect method gives: float32 in [0, 1], (H, W) or (H, W, 3).

        For super-resolution cut at the bottom and right to multiples of ``scale``, first of all.
        """
        image = planes(crop_to_multiple, image, scale)
        image = PLANES[self.colour](expand(image) if self.gray_files == "expanded" else image)
        if self.size_factor != 1:
            image = planes(imresize, image, self.size_factor)
        return (image / np.float32(255)).astype(np.float32)

    def degrade(self, clean: np.ndarray, level: float, number: int, *crop: int) -> np.ndarray:
        """``clean`` float32 -> what the method gets: float32, noisy with sigma ``level`` (0-255 scale) or smaller by the scale ``level``.

        ``number`` is the image's place in its sorted data set, ``crop`` names a crop with noise of its own.
        """
        if self.task == "denoise":
            image = add_noise(clean, level, self.seed, number, round(level * 1000), *crop)
        elif self.round_input:  # as MATLAB resizes an 8-bit image, rounding after each axis
            return planes(imresize, rounded(255 * clean), 1 / level).astype(np.float32) / 255
        else:
            image = planes(imresize, clean.astype(np.float64), 1 / level).astype(np.float32)
        if self.round_input:
            return rounded(255 * image).astype(np.float32) / 255
        return image.clip(0, 1) if self.clip_input else image

    def apply(self, restore: Restore, clean: np.ndarray, level: float, number: int) -> np.ndarray:
        """The restored image: degraded, through ``restore`` whole or crop by crop, clipped, rounded. ValueError: smaller than a crop."""
        if not self.tile:
            image = restore(self.degrade(clean, level, number))
        else:
            degraded = self.degrade(clean, level, number) if self.noise == "image" else None
            total, count = (
                np.zeros(clean.shape),
                np.zeros(clean.shape[:2] + (1,) * (clean.ndim - 2)),
            )
            for i, at in enumerate(crops(clean.shape[:2], self.tile, self.stride)):
                piece = restore(
                    self.degrade(clean[at], level, number, i) if degraded is None else degraded[at]
                )
                if self.overlap == "last":
                    total[at], count[at] = piece, 1
                else:
                    total[at] += piece
                    count[at] += 1
            image = total / count
        if self.round_output:
            return rounded(255 * image).astype(np.float32) / 255
        return image.clip(0, 1) if self.clip_output else image

    def measure(
        self, restored: np.ndarray, clean: np.ndarray, scale: int = 1
    ) -> tuple[float, float]:
        """(PSNR in dB, SSIM) of two images of one shape on the [0, 1] scale. ValueError when nothing is left to compare."""
        x, y = (
            MEASURED[self.measured](255 * image.astype(np.float64)) for image in (restored, clean)
        )
        cut = scale if self.border == "scale" else 0 if self.border == "none" else int(self.border)
        inside = slice(cut, -cut or None), slice(cut, -cut or None)
        x, y = x[inside], y[inside]
        similarity = ssim(
            x, y, data_range=self.data_range, window=self.ssim_window, padding=self.ssim_padding
        )
        if self.psnr == "channels" and x.ndim == 3:
            return float(
                np.mean([psnr(x[..., c], y[..., c], data_range=self.data_range) for c in range(3)])
            ), similarity
        return psnr(x, y, data_range=self.data_range), similarity

    @property
    def text(self) -> str:
        """In words, one line."""
        gray = f", gray files {self.gray_files}" if self.colour in ("Y", "RGB") else ""
        size = "" if self.size_factor == 1 else f", resized by {self.size_factor:g}"
        bits = (
            "rounded to 8 bits"
            if self.round_input
            else "clipped"
            if self.clip_input
            else "float, unclipped"
        )
        if self.task == "sr":
            given = f"low resolution: bicubic imresize of the whole image, {bits}"
        else:
            given = f"noise {bits}, {'one field per image' if self.noise == 'image' else 'a fresh field per crop'}, seed {self.seed}"
        overlap = "averaged" if self.overlap == "mean" else "the last one stays"
        compared = [
            f"crops of {self.tile}, stride {self.stride}, overlaps {overlap}"
            if self.tile
            else "whole images",
            f"{_COLOURS[self.colour]}{gray}{size}",
            given,
            f"output {'rounded to 8 bits' if self.round_output else 'clipped' if self.clip_output else 'not clipped'}",
            "" if self.measured == "same" else f"measured as {self.measured}",
            {"none": "", "scale": "scale pixels cut at each border"}.get(
                self.border, f"{self.border} pixels cut at each border"
            ),
            f"PSNR {'per channel' if self.psnr == 'channels' else 'over all pixels'}",
            f"SSIM {'11x11 Gaussian' if self.ssim_window == 'gaussian' else '7x7 uniform'}, "
            + (
                "windows inside the image"
                if self.ssim_padding == "valid"
                else "zeros around the image"
            ),
            "" if self.data_range == 255 else f"peak {self.data_range}",
        ]
        return "; ".join(filter(None, compared))


_COLOURS = {
    "L": "gray (Pillow's L)",
    "rgb2gray": "gray (MATLAB's rgb2gray)",
    "Y": "MATLAB's Y, rounded",
    "RGB": "RGB",
}


def crops(size: tuple[int, int], tile: int, stride: int) -> list[tuple[slice, slice]]:
    """Squares of side ``tile`` every ``stride`` pixels that cover an image of ``size`` (H, W); ValueError when it is smaller than one."""
    if min(size) < tile:
        raise ValueError(
            f"image of {size[0]} x {size[1]} pixels is smaller than the protocol's crop of {tile}"
        )
    starts = [sorted({*range(0, side - tile, stride), side - tile}) for side in size]
    return [
        (slice(top, top + tile), slice(left, left + tile))
        for top in starts[0]
        for left in starts[1]
    ]


def coverage(size: tuple[int, int], tile: int, stride: int) -> np.ndarray:
    """(H, W): how many of ``crops`` lie over each pixel."""
    count = np.zeros(size, int)
    for at in crops(size, tile, stride):
        count[at] += 1
    return count


def planes(function: Callable, image: np.ndarray, *args) -> np.ndarray:
    """A function of (..., H, W) on (H, W) or (H, W, 3)."""
    return (
        function(image, *args)
        if image.ndim == 2
        else np.moveaxis(function(np.moveaxis(image, 2, 0), *args), 0, 2)
    )


PROTOCOLS = {
    "whole": Protocol(),
    "whole-rgb": Protocol(colour="RGB", gray_files="expanded"),
    "half-size": Protocol(colour="rgb2gray", size_factor=0.5),
    "authors-eval": Protocol(noise="crop", tile=64, stride=48, ssim_padding="zero"),
    "authors-val": Protocol(noise="crop", tile=64, stride=64, ssim_padding="zero"),
    "sr-standard": Protocol(
        task="sr",
        colour="RGB",
        gray_files="expanded",
        round_input=True,
        round_output=True,
        measured="Y",
        border="scale",
    ),
    "sr-bicubic": Protocol(task="sr", colour="Y", round_output=True, border="scale"),
    "sr-authors": Protocol(
        task="sr",
        colour="RGB",
        gray_files="expanded",
        round_input=True,
        measured="Y swapped",
        ssim_padding="zero",
    ),
}
WHY = {
    "whole": "our main one for denoising",
    "whole-rgb": "the same in colour",
    "half-size": "fits the rows of BM3D and others in the paper's Table 10; from MemNet's test script",
    "authors-eval": "the authors' evaluation script: new noise for every overlapping crop, then averaged",
    "authors-val": "the authors' validation: as authors-eval, only the last crops overlap",
    "sr-standard": "our main one for super-resolution; RCAN's recipe, of most published network rows",
    "sr-bicubic": "SRCNN's and VDSR's recipe, of the published bicubic rows",
    "sr-authors": "the authors' super-resolution script: red and blue weights exchanged, border not cut",
}


DEFAULTS = {
    ("denoise", 1): "whole",
    ("denoise", 3): "whole-rgb",
    ("sr", 1): "sr-standard",
    ("sr", 3): "sr-standard",
}
"(task, channels of the method) -> the protocol that measures where none is named"


def default_protocol(task: str, channels: int = 1) -> str:
    """The name of the protocol that measures a method of ``task`` where none is named."""
    return DEFAULTS[task, channels]


def protocol(name: str) -> Protocol:
    """The protocol of that name, changes included (``authors-eval + stride=32``). ValueError names the known ones, or what is wrong."""
    base, *changes = (part.strip() for part in name.split(" + "))
    if base not in PROTOCOLS:
        raise ValueError(
            f"protocol = {base!r}: must be one of {', '.join(PROTOCOLS)}, with changes as in 'whole + border=4'"
        )
    types, values = {f.name: f.type for f in fields(Protocol)}, {}
    for change in changes:
        field, _, text = change.partition("=")
        if field not in types or field in values:
            raise ValueError(
                f"protocol: {change!r}: must be FIELD=VALUE, each field once, of {', '.join(types)}"
            )
        try:
            values[field] = (
                {"True": True, "False": False}[text] if types[field] is bool else types[field](text)
            )
        except (ValueError, KeyError):
            raise ValueError(
                f"protocol: {change!r}: {field} must be {types[field].__name__}"
            ) from None
    return replace(PROTOCOLS[base], **values)
