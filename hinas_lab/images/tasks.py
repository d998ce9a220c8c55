"""What happens to a clean picture, which a net has to undo: a row of TASKS each. No torch until
patches are drawn.

A task says how a whole picture is degraded; how a batch of patches is follows from it, one by one
on the CPU, unless the task knows a faster way. ``add_task`` adds one from outside.
"""

from typing import TYPE_CHECKING

import numpy as np

from hinas_lab.images.degrade import add_noise

if TYPE_CHECKING:
    import torch


class Task:
    """One degradation. A subclass sets the names and writes ``degrade``; the rest may stay.

    Images are float32 in about [0, 1]. A level is what ``sigmas`` of a config hold and ``--sigma``
    names: the standard deviation of noise on the 0-255 scale, or whatever the task makes of it.
    """

    name = ""
    title = ""
    scales: tuple[int, ...] = (1,)
    "how much larger the restored picture may be than the degraded one"
    has_levels = True
    "is a level drawn per patch? Super-resolution has none"
    capturable = False
    "can a CUDA graph record ``degrade_patches``?"

    def level_text(self, level: float) -> str:
        """The level in words: ``sigma 50``."""
        return f"level {level:g}"

    def degrade(self, image: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        """(H, W) or (H, W, 3) -> the same shape, degraded at ``level``; chance comes from ``rng``
        alone."""
        raise NotImplementedError

    def degrade_picture(self, image: np.ndarray, level: float, seed: int, *names: int):
        """``degrade`` with the chance that belongs to ``seed`` and ``names`` (the image's number,
        ...): the same for everybody who asks."""
        rng = np.random.default_rng([seed, *names])
        return self.degrade(image, level, rng).astype(np.float32)

    def degrade_planes(self, planes: np.ndarray, level: float, seed: int, *names: int):
        """``degrade_picture`` of (C, H, W)."""
        image = planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, 2)
        degraded = self.degrade_picture(image, level, seed, *names)
        return degraded[None] if len(planes) == 1 else np.moveaxis(degraded, 2, 0)

    def draw(
        self, shape: tuple[int, ...], levels: tuple[float, ...], rng: "torch.Generator"
    ) -> "list[torch.Tensor]":
        """All that chance decides of a batch (B, C, P, P), as tensors (B, ...) on the CPU: here a
        level and a seed per patch."""
        import torch

        picked = torch.randint(len(levels), (shape[0],), generator=rng)
        seeds = torch.randint(2**62, (shape[0],), generator=rng)
        return [torch.tensor(levels)[picked], seeds]

    def degrade_patches(self, clean: "torch.Tensor", *drawn: "torch.Tensor") -> "torch.Tensor":
        """A batch (B, C, P, P) on its device, degraded by what ``draw`` gave."""
        import torch

        levels, seeds = (values.tolist() for values in drawn)
        patches = []
        for planes, level, seed in zip(clean.cpu().numpy(), levels, seeds):
            patches.append(torch.from_numpy(self.degrade_planes(planes, level, seed)))
        return torch.stack(patches).to(clean)


class Denoising(Task):
    """White Gaussian noise, not clipped: what the paper's denoisers are trained on."""

    name, title, capturable = "denoise", "denoising", True

    def level_text(self, level: float) -> str:
        return f"sigma {level:g}"

    def degrade_picture(self, image, level, seed, *names):
        return add_noise(image, level, seed, *names)

    def degrade_planes(self, planes, level, seed, *names):
        return add_noise(planes, level, seed, *names)

    def draw(self, shape, levels, rng):
        """Standard deviations (B,) in [0, 1] and standard normal noise (B, C, P, P)."""
        import torch

        picked = torch.randint(len(levels), (shape[0],), generator=rng)
        sigma = torch.tensor(levels)[picked] / 255
        return [sigma, torch.randn(shape, generator=rng)]

    def degrade_patches(self, clean, *drawn):
        sigma, noise = drawn
        return clean + sigma[:, None, None, None] * noise


class SuperResolution(Task):
    """Bicubic shrinking (MATLAB's imresize): done once for a whole image, nothing is left to draw
    per patch."""

    name, title, scales = "sr", "super-resolution", (2, 3, 4)
    has_levels, capturable = False, True

    def level_text(self, level: float) -> str:
        return f"x{level:g}"

    def draw(self, shape, levels, rng):
        return []

    def degrade_patches(self, clean, *drawn):
        return clean

    def degrade_planes(self, planes, level, seed, *names):
        return planes


TASKS: dict[str, Task] = {task.name: task for task in (Denoising(), SuperResolution())}
"name -> task"


def task_named(name: str) -> Task:
    """The task called ``name``; ValueError names all."""
    if name not in TASKS:
        raise ValueError(f"task = {name!r}: must be one of {', '.join(TASKS)}")
    return TASKS[name]


def add_task(task: Task):
    """Make ``task`` known by its name. It is measured under a protocol of its own
    (``protocol.add_protocol`` with ``Protocol(task=NAME)``). ValueError when its name is taken, or
    it is not of one size with levels."""
    if task.name in TASKS:
        raise ValueError(f"task {task.name!r} is there already")
    if task.scales != (1,) or not task.has_levels:
        # protocols and the command line know super-resolution alone by its scale
        raise ValueError(f"task {task.name!r}: must keep the size and have levels")
    TASKS[task.name] = task
