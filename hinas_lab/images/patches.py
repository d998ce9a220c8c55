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

    def check_patch(self, patch: int):
        """Raise ValueError when an image is smaller than a patch."""
        for name, clean in zip(self.names, self.clean):
            height, width = clean.shape[1] // self.scale, clean.shape[2] // self.scale
            if min(height, width) < patch:
                raise ValueError(
                    f"image {name!r} of {height} x {width} pixels is smaller than a patch of "
                    f"{patch}; remove it or lower patch"
                )

    def batch(
        self, chosen: Tensor, patch: int, sigmas: tuple[float, ...], rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Random crops of the images ``chosen`` (B,), each in one of 8 orientations -> degraded
        (B, C, P, P), clean (B, C, S*P, S*P).

        float32 in [0, 1], degraded as the task does it: noise of a sigma drawn per patch from
        ``sigmas`` (0-255 scale), not clipped; super-resolution adds none.
        """
        drawing = self.draw(chosen, patch, sigmas, rng)
        return self.make([tensor.to(self.device) for tensor in drawing], patch)

    def draw(
        self, chosen: Tensor, patch: int, sigmas: tuple[float, ...], rng: torch.Generator
    ) -> list[Tensor]:
        """All that chance decides of ``batch``, on the CPU, the same for every device.

        Images (B,), top left corners (B, 2), orientations (B,), and what the task draws.
        """
        n = len(chosen)
        u = torch.rand(2, n, generator=rng)
        room = self._lr.sizes[chosen] - patch + 1
        # clamped: u just below 1 times room may round up to room
        corner = (u.t() * room).long().clamp_(max=room - 1)
        turn = torch.randint(8, (n,), generator=rng)
        shape = (n, self._lr.data.shape[1], patch, patch)
        return [chosen, corner, turn, *self.task.draw(shape, sigmas, rng)]

    def make(self, drawing: list[Tensor], patch: int) -> tuple[Tensor, Tensor]:
        """``batch`` of what ``draw`` gave, moved to this device: (degraded, clean).

        Nothing is read back from the device: a CUDA graph can record it.
        """
        chosen, corner, turn, *drawn = drawing
        low = self._lr.crop(chosen, corner, patch, turn)
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

    def crop(self, chosen: Tensor, corner: Tensor, patch: int, turn: Tensor) -> Tensor:
        """(B, C, P, P) float32 in [0, 1] of images (B,), corners (B, 2) and orientations (B,) on
        the device; ``turn`` bits: transpose, flip vertically, flip horizontally."""

        def each(values: Tensor) -> Tensor:
            """(B,) to go with (B, P, P)."""
            return values.view(-1, 1, 1)

        along = torch.arange(patch, device=turn.device)
        rows, columns = along.view(1, -1, 1), along.view(1, 1, -1)
        transposed, flipped, mirrored = (each(turn >> bit & 1).bool() for bit in range(3))
        rows = torch.where(flipped, patch - 1 - rows, rows)
        columns = torch.where(mirrored, patch - 1 - columns, columns)
        y = torch.where(transposed, columns, rows) + each(corner[:, 0])
        x = torch.where(transposed, rows, columns) + each(corner[:, 1])
        index = each(self._starts[chosen]) + y * each(self._widths[chosen]) + x
        return self.data[index].permute(0, 3, 1, 2).float() / 255


def _channels_first(image: np.ndarray) -> np.ndarray:
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
