"""Batches of (degraded, clean) patches, and the W / A / V split.

All images lie in one uint8 tensor on the device, or in a temporary file where they are too large
for the memory; a batch is one gather: crop, flip and rotation are arithmetic on its indices. Every
random number is a function of (seed, stream, step), so a search resumes at any step without storing
generator states.
"""

import tempfile
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hinas_lab.images.datasets.catalog import cache_folder
from hinas_lab.images.degrade import crop_to_multiple, imresize
from hinas_lab.images.tasks import task_named

W, A, TRAIN, INIT, SPLIT, V_NOISE, CALIBRATE, RSWS = range(8)
"random streams: one number each, so that no two uses share a sequence"

Range = tuple[float, ...] | None
"least and largest"
LIMIT = 4 * 10**9
"bytes of images kept in memory"


def generator(seed: int, *names: int, device: str = "cpu") -> torch.Generator:
    """A generator whose numbers depend on ``seed`` and ``names`` alone."""
    state = np.random.SeedSequence([seed, *names]).generate_state(1, np.uint64)[0]
    # >> 1: torch takes signed 64-bit seeds
    return torch.Generator(device=device).manual_seed(int(state >> 1))


@dataclass(frozen=True)
class Split:
    """Disjoint image numbers: V picks the best supernet, W trains weights, A trains alpha and
    beta."""

    w: tuple[int, ...]
    a: tuple[int, ...]
    v: tuple[int, ...]


def split(n: int, share: float, seed: int, v_images: str = "random") -> Split:
    """V = max(1, round(share n)) images, W and A halves of the rest (W takes the odd one); drawn,
    or with ``v_images`` = "last" in the order W, A, V.

    ValueError for fewer than 3 images.
    """
    if n < 3:
        raise ValueError(f"{n} training images: the W / A / V split needs at least 3")
    order = torch.randperm(n, generator=generator(seed, SPLIT)).tolist()
    v = min(max(1, round(share * n)), n - 2)  # one image at least is left for each of W and A
    if v_images == "last":
        order = [*range(n - v, n), *range(n - v)]
    half = v + (n - v + 1) // 2
    return Split(w=tuple(order[v:half]), a=tuple(order[half:]), v=tuple(order[:v]))


def held_out(n: int, share: float) -> tuple[int, ...]:
    """V of a training: of its n images the last max(1, round(share n)); none for a share of 0.

    ValueError for a single image, which leaves none to learn from.
    """
    if share == 0:
        return ()
    if n < 2:
        raise ValueError(f"{n} training image: with val_fraction above 0 at least 2 are needed")
    # share is at most a half: one image at least is left
    return tuple(range(n - max(1, round(share * n)), n))


class Patches:
    """All training images of one data set on one device; ``batch`` draws from any subset of them.

    ``images``: name -> uint8 (H, W) or (H, W, 3), each asked for once. For super-resolution the LR
    images are made once, from the whole HR image, in uint8 as LR files are (MATLAB's imresize).
    ``task``: a row of ``tasks.TASKS``; None: denoising, or super-resolution where ``scale`` is not
    1."""

    def __init__(
        self,
        images: dict[str, np.ndarray],
        *,
        scale: int = 1,
        device: str = "cpu",
        task: str | None = None,
    ):
        self.names, self.scale, self.device = list(images), scale, device
        self.task = task_named(task or ("denoise" if scale == 1 else "sr"))
        hr, lr = _Builder(), _Builder()
        for name in images:
            clean = crop_to_multiple(_channels_first(images[name]), scale)
            hr.add(clean)
            if scale > 1:
                lr.add(imresize(clean, 1 / scale))
        self._hr = _Flat(hr, device)
        self._lr = _Flat(lr, device) if scale > 1 else self._hr
        # (C, H, W) each, views of one array
        self.clean = self._hr.images
        self.low = self._lr.images

    def __len__(self) -> int:
        return len(self.names)

    def check_patch(self, patch: int, rescale: Range = None):
        """Raise ValueError when an image is smaller than a patch, or than what the smallest factor
        of ``rescale`` makes a patch of; and when ``rescale`` is asked for super-resolution."""
        if rescale and self.scale > 1:
            raise ValueError(
                f"rescale = {rescale}: not for super-resolution, whose low images are made once; "
                "leave it null"
            )
        least, why = patch, ""
        if rescale and rescale[0] < 1:
            least = int(_side(patch, torch.tensor(rescale[0])))
            why = f" that is rescaled by {rescale[0]:g}, which takes {least} pixels"
        for name, clean in zip(self.names, self.clean):
            height, width = clean.shape[1] // self.scale, clean.shape[2] // self.scale
            if min(height, width) < least:
                raise ValueError(
                    f"image {name!r} of {height} x {width} pixels is smaller than a patch of "
                    f"{patch}{why}; remove it or lower patch"
                )

    def batch(
        self,
        chosen: Tensor,
        patch: int,
        sigmas: tuple[float, ...],
        rng: torch.Generator,
        rescale: Range = None,
    ) -> tuple[Tensor, Tensor]:
        """Random crops of the images ``chosen`` (B,), each in one of 8 orientations -> degraded
        (B, C, P, P), clean (B, C, S*P, S*P).

        float32 in [0, 1], degraded as the task does it: noise of a sigma drawn per patch from
        ``sigmas`` (0-255 scale), not clipped; super-resolution adds none. ``rescale``: half of the
        crops are resized before by a factor drawn from this range.
        """
        drawing = self.draw(chosen, patch, sigmas, rng, rescale)
        return self.make([tensor.to(self.device) for tensor in drawing], patch, bool(rescale))

    def draw(
        self,
        chosen: Tensor,
        patch: int,
        sigmas: tuple[float, ...],
        rng: torch.Generator,
        rescale: Range = None,
    ) -> list[Tensor]:
        """All that chance decides of ``batch``, on the CPU, the same for every device.

        Images (B,), top left corners (B, 2), orientations (B,), and what the task draws; with
        ``rescale`` the factors (B,) behind them, half of which are 1.
        """
        n = len(chosen)
        u = torch.rand(2, n, generator=rng)
        turn = torch.randint(8, (n,), generator=rng)
        shape = (n, self._lr.data.shape[1], patch, patch)
        drawn, side = self.task.draw(shape, sigmas, rng), patch
        if rescale:
            # drawn last: without it all other numbers are as they were
            factor = _factors(n, rescale, rng)
            drawn, side = [*drawn, factor], _side(patch, factor)[:, None]
        room = self._lr.sizes[chosen] - side + 1
        # clamped: u just below 1 times room may round up to room
        corner = (u.t() * room).long().clamp_(max=room - 1)
        return [chosen, corner, turn, *drawn]

    def make(
        self, drawing: list[Tensor], patch: int, rescaled: bool = False
    ) -> tuple[Tensor, Tensor]:
        """``batch`` of what ``draw`` gave, moved to this device: (degraded, clean). ``rescaled``:
        was it drawn with ``rescale``?

        Nothing is read back from the device: a CUDA graph can record it.
        """
        chosen, corner, turn, *drawn = drawing
        factor = drawn.pop() if rescaled else None
        low = self._lr.crop(chosen, corner, patch, turn, factor)
        clean = low
        if self.scale > 1:
            clean = self._hr.crop(chosen, corner * self.scale, patch * self.scale, turn)
        return self.task.degrade_patches(low, *drawn), clean

    def pair(
        self, index: int, sigma: float, seed: int, crop: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """One whole image (or a centred square of at most ``crop`` input pixels) with its fixed
        noise field of ``sigma`` (0-255 scale): (C, H, W) degraded, clean."""
        height, width = self.low[index].shape[1:]
        h, w = min(height, crop or height), min(width, crop or width)
        top, left = (height - h) // 2, (width - w) // 2

        def cut(image: np.ndarray, s: int) -> np.ndarray:
            piece = image[:, top * s : (top + h) * s, left * s : (left + w) * s]
            return piece.astype(np.float32) / 255

        degraded, clean = cut(self.low[index], 1), cut(self.clean[index], self.scale)
        names = (V_NOISE, index, round(sigma * 1000))
        degraded = self.task.degrade_planes(degraded, sigma, seed, *names)
        return torch.from_numpy(degraded).to(self.device), torch.from_numpy(clean).to(self.device)


def _scratch():
    """A file without a name in the download cache: a system's folder for temporary files may itself
    lie in memory."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=cache_folder())


class _Builder:
    """Pixels of images behind one another, (pixels, C) uint8: in memory up to LIMIT bytes, then in
    a temporary file."""

    def __init__(self):
        self.sizes: list[tuple[int, int]] = []
        self.blocks: list[np.ndarray] = []
        "(pixels, C) each; those that are not in the file yet"
        self.bytes = 0
        self.file = None

    def add(self, image: np.ndarray):
        """uint8 (C, H, W)."""
        self.channels = image.shape[0]
        self.sizes.append(image.shape[1:])
        pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
        self.blocks.append(pixels.reshape(-1, self.channels))
        self.bytes += image.nbytes
        if self.file or self.bytes > LIMIT:
            try:
                self.file = self.file or _scratch()
                for block in self.blocks:
                    self.file.write(block)
            except OSError as error:
                raise OSError(
                    f"{cache_folder()}: {self.bytes / 1e9:.0f} GB of images do not fit "
                    f"({error.strerror or error}); make room or set HINAS_DATA to another folder"
                ) from None
            self.blocks = []

    def array(self) -> np.ndarray:
        """All pixels, (pixels, C); the builder is used up."""
        if self.file:
            with self.file:  # closed and without a name, it lives as long as the map of it
                self.file.flush()
                # "c", copy on write: torch wants a writable array
                return np.memmap(self.file, np.uint8, "c").reshape(-1, self.channels)
        array, at = np.empty((self.bytes // self.channels, self.channels), np.uint8), 0
        for i, block in enumerate(self.blocks):
            array[at : at + len(block)] = block
            at += len(block)
            self.blocks[i] = None  # never twice in memory
        return array


class _Flat:
    """Images of different sizes behind one another in one uint8 tensor (pixels, C)."""

    def __init__(self, builder: _Builder, device: str):
        self.sizes = torch.tensor(builder.sizes)
        pixels = self.sizes.prod(1)
        self.offsets = torch.cat([pixels.new_zeros(1), pixels.cumsum(0)[:-1]])
        array = builder.array()
        self.images = []
        for start, (h, w) in zip(self.offsets.tolist(), builder.sizes):
            image = array[start : start + h * w].reshape(h, w, array.shape[1])
            self.images.append(image.transpose(2, 0, 1))
        self.data = torch.from_numpy(array).to(device)
        self._starts, self._widths = self.offsets.to(device), self.sizes[:, 1].to(device)

    def crop(
        self,
        chosen: Tensor,
        corner: Tensor,
        patch: int,
        turn: Tensor,
        factor: Tensor | None = None,
    ) -> Tensor:
        """(B, C, P, P) float32 in [0, 1] of images (B,), corners (B, 2) and orientations (B,) on
        the device; ``turn`` bits: transpose, flip vertically, flip horizontally. ``factor`` (B,):
        P / factor pixels a side are resized to P, bilinear as torch's interpolate."""
        along = torch.arange(patch, device=turn.device)
        rows, columns = along.view(1, -1, 1), along.view(1, 1, -1)
        transposed, flipped, mirrored = (_each(turn >> bit & 1).bool() for bit in range(3))
        rows = torch.where(flipped, patch - 1 - rows, rows)
        columns = torch.where(mirrored, patch - 1 - columns, columns)
        y, x = torch.where(transposed, columns, rows), torch.where(transposed, rows, columns)
        if factor is None:
            return self._pixels(chosen, corner, y, x).permute(0, 3, 1, 2)
        # of each axis the two pixels around the place, and how far it is behind the first
        (above, below, down), (left, right, across) = (
            _between(axis, patch, factor) for axis in (y, x)
        )
        rows = []
        for row in (above, below):
            first, second = (self._pixels(chosen, corner, row, column) for column in (left, right))
            rows.append(first.lerp(second, across))
        return rows[0].lerp(rows[1], down).permute(0, 3, 1, 2)

    def _pixels(self, chosen: Tensor, corner: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """(B, P, P, C) float32 in [0, 1] of places (B, P, P) behind the corners."""
        y, x = y + _each(corner[:, 0]), x + _each(corner[:, 1])
        index = _each(self._starts[chosen]) + y * _each(self._widths[chosen]) + x
        return self.data[index].float() / 255


def _each(values: Tensor) -> Tensor:
    """(B,) to go with (B, P, P)."""
    return values.view(-1, 1, 1)


def _factors(n: int, rescale: tuple[float, ...], rng: torch.Generator) -> Tensor:
    """(n,) factors: 1, or as often one drawn uniformly from the range ``rescale``."""
    chance, place = torch.rand(2, n, generator=rng)
    low, high = rescale
    return torch.where(chance < 0.5, low + (high - low) * place, torch.ones(n))


def _side(patch: int, factor: Tensor) -> Tensor:
    """Pixels of an image that a patch takes which is resized by ``factor``."""
    return (patch / factor).ceil().long()


def _between(axis: Tensor, patch: int, factor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where pixels ``axis`` (B, P, P) of the resized patches lie in the image: the pixel before,
    the one behind it, and the share of the latter (B, P, P, 1)."""
    # both grids span the same extent
    place = ((axis + 0.5) / _each(factor) - 0.5).clamp_min(0)
    before = place.long()
    behind = torch.minimum(before + 1, _each(_side(patch, factor)) - 1)
    return before, behind, (place - before)[..., None]


def _channels_first(image: np.ndarray) -> np.ndarray:
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
