"""A trained net over an image of any size, whole or in tiles: the same values, bounded memory."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import nn

from hinas_lab.images.tiles import Tile, apply_tiled, pixels_at_once
from hinas_lab.restoration.photo_file import Photo
from hinas_lab.training.numerics import use_device

WHOLE = 512 * 512
"pixels: images up to this size pass the net in one piece unless a tile is named"
PADDED = 384
"""pixels: side of a default tile with its halo; the widest nets need some 4 kB for each of its
pixels"""


def restore_array(
    net: nn.Module,
    image: np.ndarray,
    *,
    tile: int | None = None,
    clip: bool = True,
    device: str | torch.device = "cpu",
    progress: Callable[[list[list[Tile]]], Iterable[list[Tile]]] = iter,
) -> np.ndarray:
    """Float32 (H, W) or (H, W, 3) in about [0, 1] -> float32, scale times as high and wide, in
    [0, 1] unless ``clip`` is off.

    ``net`` maps (B, C, H, W) to (B, C, S*H, S*W) and carries ``channels`` C (1 or 3), ``scale`` S
    and ``radius``: how many input pixels to each side an output pixel depends on. A gray net takes
    a colour image channel by channel; a colour net takes a gray image three times over and its
    channels are averaged.

    ``tile``: side in input pixels. Each tile is cut with a halo of ``radius`` that ends where the
    image ends, so every tile gives what the whole image gives. None: whole if small, else tiles
    whose memory does not grow with the image. ``progress`` wraps the list of calls, as ``tqdm``
    does: a tile each on a CPU, several on a GPU. The net is moved to ``device`` and keeps its
    training modes. Raises ValueError for other arrays, empty ones, a tile below 1 and a device
    that is not there.
    """
    if (
        image.ndim not in (2, 3)
        or image.shape[2:] not in ((), (3,))
        or image.size == 0
        or image.dtype.kind != "f"
    ):
        raise ValueError(
            f"image: {image.dtype} {image.shape}: must be float (H, W) or (H, W, 3), not empty"
        )
    if tile is not None and tile < 1:
        raise ValueError(f"tile = {tile}: must be 1 or more pixels")
    height, width = image.shape[:2]
    if tile is None:
        tile = max(height, width) if height * width <= WHOLE else max(128, PADDED - 2 * net.radius)
    device = use_device(device)
    pixels = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))
    planes = pixels.reshape(height, width, -1).permute(2, 0, 1)
    if net.channels == 1:
        inputs = [plane[None] for plane in planes]
    else:
        inputs = [planes.expand(3, -1, -1)]

    def there_and_back(x: torch.Tensor) -> torch.Tensor:  # the picture stays in the host's memory
        return net(x.to(device)).cpu()

    modes = [(module, module.training) for module in net.modules()]
    net.to(device).eval()
    at_once = pixels_at_once(device)
    try:
        with torch.inference_mode():
            outputs = apply_tiled(
                there_and_back, inputs, net.scale, tile, net.radius, at_once, progress
            )
    finally:
        for module, training in modes:
            module.training = training
    out = np.empty((net.scale * height, net.scale * width, *image.shape[2:]), np.float32)
    if image.ndim == 2:
        out[:] = outputs[0].mean(0)
    else:
        channel = 0
        while outputs:  # each is forgotten once it is copied
            for plane in outputs.pop(0):
                out[..., channel] = plane
                channel += 1
    return out.clip(0, 1, out=out) if clip else out


def restore_photo(net: nn.Module, photo: Photo, **options) -> Photo:
    """``restore_array`` (``options`` are its own) on a photo's pixels; depth and metadata stay.

    Alpha stays as it is for scale 1, else it is upscaled by Pillow's bicubic filter.
    """
    pixels, alpha = restore_array(net, photo.pixels, **options), photo.alpha
    if alpha is not None and net.scale > 1:
        size = pixels.shape[1::-1]  # Pillow's (width, height)
        alpha = np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.BICUBIC))
    return replace(photo, pixels=pixels, alpha=alpha)
