"""Numbers under a protocol: one row per image and method. Works without torch; a net is just a
function."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hinas_lab.images.protocol import Protocol, Restore, crops
from hinas_lab.images.protocol import protocol as named_protocol


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One image restored by one method."""

    method: str
    image: str
    protocol: str
    "its name, changes included: rows share a table only when it is the same"
    sigma: float | None = None
    "of the noise, 0-255 scale; None for super-resolution"
    scale: int | None = None
    "of super-resolution; None for denoising"
    scores: Mapping[str, float]
    "a number for each of ``metrics.measured_metrics()``, by name"
    seconds: float
    "of the restoration alone"
    restored: np.ndarray | None = field(default=None, repr=False)
    "(H, W) or (H, W, 3) in [0, 1]"

    @property
    def level(self) -> str:
        """Of degradation, in words: ``25.0``, ``x2``."""
        return str(self.sigma) if self.scale is None else f"x{self.scale}"

    @property
    def psnr(self) -> float:
        """In dB."""
        return self.scores["psnr"]

    @property
    def ssim(self) -> float:
        """From -1 to 1."""
        return self.scores["ssim"]


def measure(
    method: str,
    restore: Restore,
    name: str,
    image: np.ndarray,
    number: int,
    level: float,
    protocol: Protocol,
) -> Measurement:
    """Degrade, restore and measure one uint8 image, as stored.

    ``number`` is its place in its data set, which its noise belongs to; ``level``: sigma on the
    0-255 scale, or the scale of super-resolution. Raises ValueError that names the image on which
    the protocol cannot work.
    """
    seconds = 0.0
    scale = int(level) if protocol.task == "sr" else 1

    def timed(degraded: np.ndarray) -> np.ndarray:
        nonlocal seconds
        start = time.perf_counter()
        restored = restore(degraded)
        seconds += time.perf_counter() - start
        return restored

    try:
        # timed is the restoration alone: degrading and measuring are the protocol's work
        clean = protocol.clean(image, scale)
        restored = protocol.apply(timed, clean, level, number)
        scores = protocol.scores(restored, clean, scale)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return Measurement(
        method=method,
        image=name,
        protocol=protocol.name,
        **{protocol.level: level},
        scores=scores,
        seconds=seconds,
        restored=restored,
    )


def check_pictures(images: Mapping[str, np.ndarray], level: float, protocol: Protocol):
    """ValueError that names the first picture that cannot be read or is too small for the protocol:
    to be asked before anything is written. Arguments as of ``measure``."""
    scale = int(level) if protocol.task == "sr" else 1
    border = {"none": 0, "scale": scale}.get(protocol.border)
    side = 64 + 2 * (int(protocol.border) if border is None else border)
    for name in images:
        try:
            clean = protocol.clean(images[name], scale)
            # its size alone matters: a corner will do
            corner = clean[:side, :side]
            protocol.scores(corner, corner, scale)
            if protocol.tile:
                crops(clean.shape[:2], protocol.tile, protocol.stride)
        except ValueError as error:
            raise ValueError(error if name in str(error) else f"{name}: {error}") from None


def evaluate(
    method: str,
    restore: Restore,
    images: Mapping[str, np.ndarray],
    level: float,
    protocol: Protocol,
) -> Iterator[Measurement]:
    """``measure`` for each image; every method sees the same noise."""
    for number, name in enumerate(images):
        yield measure(method, restore, name, images[name], number, level, protocol)


def mean(rows: list[Measurement]) -> dict[str, float]:
    """Mean of each score over images, its standard error as ``NAME_se``, mean seconds, and n.

    nan is the standard error of one image. ValueError for rows of several protocols or levels: such
    numbers have no common mean.
    """
    kinds = {f"{row.protocol} at {row.level}" for row in rows}
    if len(kinds) > 1:
        raise ValueError(
            f"rows of different protocols or levels have no common mean: {', '.join(sorted(kinds))}"
        )
    names = list(rows[0].scores)
    # a row an image: columns are summed in the order of the images, as in recorded means
    values = np.array([(*r.scores.values(), r.seconds) for r in rows])
    *means, seconds = values.mean(0).tolist()
    with np.errstate(invalid="ignore"):  # identical images: an infinite PSNR has no spread
        if len(rows) > 1:
            errors = values.std(0, ddof=1) / np.sqrt(len(rows))
        else:
            errors = np.full(len(names), np.nan)
    return {
        **dict(zip(names, means)),
        **{f"{name}_se": float(error) for name, error in zip(names, errors)},
        "seconds": seconds,
        "n": len(rows),
    }


def measure_under(
    names: list[str],
    method: str,
    restore: Restore,
    images: Mapping[str, np.ndarray],
    level: float,
    done: Mapping[tuple[str, str], Measurement] | None = None,
) -> Iterator[Measurement]:
    """Rows of every image under every protocol named, image by image.

    ``done``: (protocol, image) -> rows that are taken as they are. ``restore`` must give the same
    output for the same input: protocols that differ only in what they compare share it.
    """
    done = done or {}
    for number, name in enumerate(images):
        image = None
        restored: dict[tuple, np.ndarray] = {}

        def once(degraded: np.ndarray, restored=restored) -> np.ndarray:
            # bytes alone do not tell a picture from its transpose
            key = degraded.shape, degraded.tobytes()
            if key not in restored:
                restored[key] = restore(degraded)
            return restored[key]

        for p in map(named_protocol, names):
            if (p.name, name) in done:
                yield done[p.name, name]
                continue
            if image is None:  # not read at all when all its rows are done
                image = images[name]
            # crops have noise of their own, or would fill the memory
            yield measure(method, restore if p.tile else once, name, image, number, level, p)


def usual_level(sigmas: Sequence[float]) -> float:
    """The noise level at which a method is measured where none is named: 50 if it was trained for
    it or for none in particular, else the middle one of those that it was trained for."""
    if not sigmas or 50.0 in sigmas:
        return 50.0
    return sorted(sigmas)[len(sigmas) // 2]
