"""Everything that decides a restoration number, as one value that is printed beside it. No torch.

A protocol is known by its values, not by a label: ``name`` is looked up, so a changed protocol
cannot carry the name of another (``whole + border=4``), and ``protocol(name)`` makes it again.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from hinas_lab.images.colour import MEASURED, PLANES, expand
from hinas_lab.images.degrade import crop_to_multiple, imresize, rounded
from hinas_lab.images.metrics import PADDINGS, WINDOWS, Metric, measured_metrics
from hinas_lab.images.tasks import TASKS

Restore = Callable[[np.ndarray], np.ndarray]
"float32 (H, W) or (H, W, 3) in about [0, 1] -> the same, scale times as high and wide"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a number is measured. Raises ValueError for values that contradict each other."""

    task: str = "denoise"
    colour: str = "L"
    "what the method works on: L (Pillow), rgb2gray (MATLAB), Y (MATLAB, rounded), RGB"
    gray_files: str = "raw"
    """a file that is gray already: raw (its pixels are the plane) or expanded (to R = G = B, then
    as any other)"""
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
    "what is compared: same, Y (MATLAB, float), Y rounded, Y swapped (red and blue exchanged)"
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
        self._check_each()
        self._check_together()

    def _check_each(self):
        """ValueError for a value of another type, or that is none of a field's choices."""
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
            # 1 for 1.0 is fine; True for 1 is not, as the name would print it otherwise
            whole_float = field.type is float and type(value) is int
            if type(value) is not field.type and not whole_float:
                raise ValueError(
                    f"protocol: {field.name} = {value!r}: must be {field.type.__name__}"
                )
            if field.name in choices and value not in choices[field.name]:
                names = ", ".join(choices[field.name])
                raise ValueError(f"protocol: {field.name} = {value!r}: must be one of {names}")

    def _check_together(self):
        """ValueError for numbers out of range and for values that contradict each other."""
        sr = self.task == "sr"
        border = re.fullmatch("none|scale|[1-9][0-9]*", self.border)
        tiles = self.tile == self.stride == 0 or 1 <= self.stride <= self.tile
        # message -> whether its rule holds; the user reads the first one that does not
        rules = {
            f"border = {self.border!r}: must be none, scale or a number above 0": border,
            f"size_factor = {self.size_factor}: must be above 0 and at most 1": (
                0 < self.size_factor <= 1
            ),
            f"data_range = {self.data_range}: must be 1 or more": self.data_range >= 1,
            f"seed = {self.seed}: must be 0 or more": self.seed >= 0,
            f"tile = {self.tile}, stride = {self.stride}: "
            "tile must be 0 (then stride too) or more, stride from 1 to tile": tiles,
            "noise = 'crop': needs tile and stride": self.noise == "image" or self.tile,
            "tiles and size_factor are for denoising": (
                not sr or (self.tile <= 0 and self.size_factor == 1)
            ),
            "border = 'scale': is for super-resolution": sr or self.border != "scale",
            f"measured = {self.measured!r}: needs colour = 'RGB'": (
                self.measured == "same" or self.colour == "RGB"
            ),
        }
        for message, holds in rules.items():
            if not holds:
                raise ValueError(f"protocol: {message}")

    def changes_to(self, base: "Protocol") -> list[str]:
        """``FIELD=VALUE`` for each field that has another value than in ``base``."""
        pairs = [(f.name, getattr(self, f.name), getattr(base, f.name)) for f in fields(self)]
        return [f"{name}={value}" for name, value, old in pairs if value != old]

    @property
    def name(self) -> str:
        """Of PROTOCOLS, with the changes to it: ``whole``, ``authors-eval + stride=32``."""
        own = {name: base for name, base in PROTOCOLS.items() if base.task == self.task}
        bases = own or {"whole": PROTOCOLS["whole"]}
        changes = {name: self.changes_to(base) for name, base in bases.items()}
        # of equally near ones the one that was named first
        nearest = min(changes, key=lambda name: len(changes[name]))
        return " + ".join([nearest, *changes[nearest]])

    @property
    def level(self) -> str:
        """What the level of degradation is called: sigma or scale."""
        return "sigma" if TASKS[self.task].has_levels else "scale"

    def clean(self, image: np.ndarray, scale: int = 1) -> np.ndarray:
        """uint8 picture as stored -> what a perfect method gives, float32 in [0, 1].

        Both are (H, W) or (H, W, 3). For super-resolution the picture is cut at the bottom and
        right to multiples of ``scale``, first of all.
        """
        # before any change of colour: published HR images are cut as files, too
        image = planes(crop_to_multiple, image, scale)
        if self.gray_files == "expanded":
            image = expand(image)
        image = PLANES[self.colour](image)
        if self.size_factor != 1:
            # still uint8, so it is rounded, as MATLAB does
            image = planes(imresize, image, self.size_factor)
        return (image / np.float32(255)).astype(np.float32)

    def degrade(self, clean: np.ndarray, level: float, number: int, *crop: int) -> np.ndarray:
        """``clean`` float32 -> what the method gets, float32.

        It is noisy with sigma ``level`` (0-255 scale), or smaller by the scale ``level``.
        ``number`` is the image's place in its sorted data set, ``crop`` names a crop with noise of
        its own.
        """
        task = TASKS[self.task]
        if task.has_levels:
            # names of a noise field are whole numbers: sigma in thousandths
            names = (number, round(level * 1000), *crop)
            image = task.degrade_picture(clean, level, self.seed, *names)
            if self.round_input:
                return to_8_bits(image)
        elif self.round_input:
            # uint8 in: imresize rounds after each axis, as MATLAB does with an 8-bit image
            return planes(imresize, rounded(255 * clean), 1 / level).astype(np.float32) / 255
        else:
            image = planes(imresize, clean.astype(np.float64), 1 / level).astype(np.float32)
        return image.clip(0, 1) if self.clip_input else image

    def apply(self, restore: Restore, clean: np.ndarray, level: float, number: int) -> np.ndarray:
        """The restored image: degraded, through ``restore`` whole or crop by crop, then clipped or
        rounded. Arguments as of ``degrade``. ValueError: the image is smaller than a crop."""
        if self.tile:
            image = self._apply_to_crops(restore, clean, level, number)
        else:
            image = restore(self.degrade(clean, level, number))
        if self.round_output:
            return to_8_bits(image)
        return image.clip(0, 1) if self.clip_output else image

    def _apply_to_crops(
        self, restore: Restore, clean: np.ndarray, level: float, number: int
    ) -> np.ndarray:
        """The crops' restorations, where they overlap averaged or the last one."""
        # one field of the whole image, of which each crop gets its part; None: a field per crop
        degraded = self.degrade(clean, level, number) if self.noise == "image" else None
        total = np.zeros(clean.shape)
        count = np.zeros(clean.shape[:2] + (1,) * (clean.ndim - 2))
        for i, at in enumerate(crops(clean.shape[:2], self.tile, self.stride)):
            if degraded is None:
                piece = restore(self.degrade(clean[at], level, number, i))
            else:
                piece = restore(degraded[at])
            if self.overlap == "last":
                total[at], count[at] = piece, 1
            else:
                total[at] += piece
                count[at] += 1
        return total / count

    def scores(
        self,
        restored: np.ndarray,
        clean: np.ndarray,
        scale: int = 1,
        metrics: Iterable[Metric] | None = None,
    ) -> dict[str, float]:
        """Each of ``metrics`` by name, of two images of one shape on the [0, 1] scale.

        ``scale``: of super-resolution, for the border. ``metrics``: ``measured_metrics()`` where
        none are given. ValueError when nothing is left to compare.
        """
        if self.border == "none":
            cut = 0
        else:
            cut = scale if self.border == "scale" else int(self.border)
        inside = slice(cut, -cut or None)  # [:-0] would leave nothing
        plane = MEASURED[self.measured]
        x = plane(255 * restored.astype(np.float64))[inside, inside]
        y = plane(255 * clean.astype(np.float64))[inside, inside]
        scores = {}
        for metric in measured_metrics() if metrics is None else metrics:
            settings = {keyword: getattr(self, name) for keyword, name in metric.settings.items()}
            scores[metric.name] = metric.function(x, y, data_range=self.data_range, **settings)
        return scores

    def measure(
        self, restored: np.ndarray, clean: np.ndarray, scale: int = 1
    ) -> tuple[float, float]:
        """(PSNR in dB, SSIM): the two of ``scores`` that every paper prints."""
        scores = self.scores(restored, clean, scale)
        return scores["psnr"], scores["ssim"]

    @property
    def text(self) -> str:
        """In words, one line."""
        if self.tile:
            overlap = "averaged" if self.overlap == "mean" else "the last one stays"
            pieces = f"crops of {self.tile}, stride {self.stride}, overlaps {overlap}"
        else:
            pieces = "whole images"
        colour = _COLOURS[self.colour]
        if self.colour in ("Y", "RGB"):
            colour += f", gray files {self.gray_files}"
        if self.size_factor != 1:
            colour += f", resized by {self.size_factor:g}"
        borders = {"none": "", "scale": "scale pixels cut at each border"}
        windows = {"gaussian": "11x11 Gaussian", "uniform": "7x7 uniform"}
        padding = {"valid": "windows inside the image", "zero": "zeros around the image"}
        parts = [
            pieces,
            colour,
            self._input_text(),
            f"output {_bits(self.round_output, self.clip_output, 'not clipped')}",
            "" if self.measured == "same" else f"measured as {self.measured}",
            borders.get(self.border, f"{self.border} pixels cut at each border"),
            {"joint": "PSNR over all pixels", "channels": "PSNR per channel"}[self.psnr],
            f"SSIM {windows[self.ssim_window]}, {padding[self.ssim_padding]}",
            "" if self.data_range == 255 else f"peak {self.data_range}",
        ]
        return "; ".join(filter(None, parts))

    def _input_text(self) -> str:
        """What a method is given, in words."""
        bits = _bits(self.round_input, self.clip_input, "float, unclipped")
        if self.task == "sr":
            return f"low resolution: bicubic imresize of the whole image, {bits}"
        field = "one field per image" if self.noise == "image" else "a fresh field per crop"
        what = "noise" if self.task == "denoise" else TASKS[self.task].title
        return f"{what} {bits}, {field}, seed {self.seed}"


_COLOURS = {
    "L": "gray (Pillow's L)",
    "rgb2gray": "gray (MATLAB's rgb2gray)",
    "Y": "MATLAB's Y, rounded",
    "RGB": "RGB",
}


def _bits(round_: bool, clip: bool, neither: str) -> str:
    if round_:
        return "rounded to 8 bits"
    return "clipped" if clip else neither


def to_8_bits(image: np.ndarray) -> np.ndarray:
    """Values of the [0, 1] scale as an 8-bit file would hold them: float32, clipped, halves up."""
    return rounded(255 * image).astype(np.float32) / 255


def crops(size: tuple[int, int], tile: int, stride: int) -> list[tuple[slice, slice]]:
    """Squares of side ``tile`` every ``stride`` pixels that cover an image of ``size`` (H, W).

    The last of a row or column ends with the image. ValueError when the image is smaller than one.
    """
    if min(size) < tile:
        raise ValueError(
            f"image of {size[0]} x {size[1]} pixels is smaller than the protocol's crop of {tile}"
        )
    tops, lefts = (sorted({*range(0, side - tile, stride), side - tile}) for side in size)
    squares = []
    for top in tops:
        squares += [(slice(top, top + tile), slice(left, left + tile)) for left in lefts]
    return squares


def coverage(size: tuple[int, int], tile: int, stride: int) -> np.ndarray:
    """(H, W): how many of ``crops`` lie over each pixel."""
    count = np.zeros(size, int)
    for at in crops(size, tile, stride):
        count[at] += 1
    return count


def planes(function: Callable, image: np.ndarray, *args) -> np.ndarray:
    """A function of (..., H, W) on (H, W) or (H, W, 3)."""
    if image.ndim == 2:
        return function(image, *args)
    return np.moveaxis(function(np.moveaxis(image, 2, 0), *args), 0, 2)


class NamedProtocol(NamedTuple):
    """A protocol that is known by name: a row of NAMED_PROTOCOLS."""

    protocol: Protocol
    why: str
    "what it is for, as docs/protocols.md prints it"
    default_for: tuple[tuple[str, int], ...] = ()
    "(task, channels of the method) that it measures where no protocol is named"


NAMED_PROTOCOLS = {
    "whole": NamedProtocol(Protocol(), "our main one for denoising", (("denoise", 1),)),
    "whole-rgb": NamedProtocol(
        Protocol(colour="RGB", gray_files="expanded"), "the same in colour", (("denoise", 3),)
    ),
    "half-size": NamedProtocol(
        Protocol(colour="rgb2gray", size_factor=0.5),
        "fits the rows of BM3D and others in the paper's Table 10; from MemNet's test script",
    ),
    "authors-eval": NamedProtocol(
        Protocol(noise="crop", tile=64, stride=48, ssim_padding="zero"),
        "the authors' evaluation script: new noise for every overlapping crop, then averaged",
    ),
    "authors-val": NamedProtocol(
        Protocol(noise="crop", tile=64, stride=64, ssim_padding="zero"),
        "the authors' validation: as authors-eval, only the last crops overlap",
    ),
    "sr-standard": NamedProtocol(
        Protocol(
            task="sr",
            colour="RGB",
            gray_files="expanded",
            round_input=True,
            round_output=True,
            measured="Y",
            border="scale",
        ),
        "our main one for super-resolution; RCAN's recipe, of most published network rows",
        (("sr", 1), ("sr", 3)),
    ),
    "sr-bicubic": NamedProtocol(
        Protocol(task="sr", colour="Y", round_output=True, border="scale"),
        "SRCNN's and VDSR's recipe, of the published bicubic rows",
    ),
    "sr-authors": NamedProtocol(
        Protocol(
            task="sr",
            colour="RGB",
            gray_files="expanded",
            round_input=True,
            measured="Y swapped",
            ssim_padding="zero",
        ),
        "the authors' super-resolution script: red and blue weights exchanged, border not cut",
    ),
}
"name -> protocol, why, default for; ``add_protocol`` adds a row, ``del`` takes it away again"


class _Protocols(Mapping[str, Protocol]):
    """The protocols of NAMED_PROTOCOLS by name, whatever rows are added or taken away."""

    def __getitem__(self, name: str) -> Protocol:
        return NAMED_PROTOCOLS[name].protocol

    def __iter__(self) -> Iterator[str]:
        return iter(NAMED_PROTOCOLS)

    def __len__(self) -> int:
        return len(NAMED_PROTOCOLS)


PROTOCOLS = _Protocols()


def add_protocol(
    name: str, values: Protocol, *, why: str, default_for: tuple[tuple[str, int], ...] = ()
):
    """Know ``values`` by ``name`` from now on, for ``evaluate --protocol NAME`` and all the others.

    ``why``, ``default_for``: as in NamedProtocol; of several defaults the last one added counts.
    ValueError for a name that is taken or holds `` + ``, and for the values of another protocol:
    its numbers would carry that one's name.
    """
    if name in PROTOCOLS or " + " in name:
        raise ValueError(f"protocol {name!r}: is there already, or holds ' + '")
    if values.name in PROTOCOLS:
        raise ValueError(f"protocol {name!r}: has the values of {values.name}")
    NAMED_PROTOCOLS[name] = NamedProtocol(values, why, default_for)


def default_protocol(task: str, channels: int = 1) -> str:
    """The name of the protocol that measures a method of ``task`` where none is named; ValueError
    when there is none."""
    rows = reversed(NAMED_PROTOCOLS.items())
    for name, row in rows:
        if (task, channels) in row.default_for:
            return name
    raise ValueError(
        f"task {task!r}, {channels} channels: no protocol is its default; name one with "
        "--protocol, or add one (add_protocol with default_for)"
    )


def protocol(name: str) -> Protocol:
    """The protocol of that name, changes included (``authors-eval + stride=32``).

    ValueError names the protocols there are, or what is wrong with a change.
    """
    base, *changes = (part.strip() for part in name.split(" + "))
    if base not in PROTOCOLS:
        raise ValueError(
            f"protocol = {base!r}: must be one of {', '.join(PROTOCOLS)}, "
            "with changes as in 'whole + border=4'"
        )
    types = {f.name: f.type for f in fields(Protocol)}
    values = {}
    for change in changes:
        field, _, text = change.partition("=")
        if field not in types or field in values:
            raise ValueError(
                f"protocol: {change!r}: must be FIELD=VALUE, each field once, of {', '.join(types)}"
            )
        try:
            # a value is text of the field's own type: bool('False') would be True
            if types[field] is bool:
                values[field] = {"True": True, "False": False}[text]
            else:
                values[field] = types[field](text)
        except (ValueError, KeyError):
            raise ValueError(
                f"protocol: {change!r}: {field} must be {types[field].__name__}"
            ) from None
    return replace(PROTOCOLS[base], **values)
