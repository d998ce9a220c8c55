"""A trained net over an image of any size, whole or in tiles: the same values, bounded memory."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import nn

from hinas_lab.images.files import Photo

WHOLE = 512 * 512
"pixels: images up to this size pass the net in one piece unless a tile is named"
PADDED = 384
"pixels: side of a default tile with its halo; the widest nets need some 4 kB for each of its pixels"

Tile = tuple[int, int]
"(top, left) in input pixels"


def restore_array(net: nn.Module, image: np.ndarray, *, tile: int | None = None, clip: bool = True,
                  device: str | torch.device = "cpu", progress: Callable[[list[Tile]], Iterable[Tile]] = iter) -> np.ndarray:
    """Float32 (H, W) or (H, W, 3) in about [0, 1] -> float32, scale times as high and wide, in [0, 1] unless ``clip`` is off.

    ``net`` maps (B, C, H, W) to (B, C, S*H, S*W) and carries ``channels`` C (1 or 3), ``scale`` S and ``radius``: how
    many input pixels to each side an output pixel depends on. A gray net takes a colour image channel by channel; a
    colour net takes a gray image three times over and its channels are averaged.
    ``tile``: side in input pixels. Each tile is cut with a halo of ``radius`` that ends where the image ends, so every
    tile gives what the whole image gives. None: whole if small, else tiles whose memory does not grow with the image.
    ``progress`` wraps the list of tiles, as ``tqdm`` does. The net is moved to ``device`` and keeps its training modes.
    Raises ValueError for other arrays, empty ones and a tile below 1.
    """
    if image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or image.size == 0 or image.dtype.kind != "f":
        raise ValueError(f"image: {image.dtype} {image.shape}: must be float (H, W) or (H, W, 3), not empty")
    if tile is not None and tile < 1:
        raise ValueError(f"tile = {tile}: must be 1 or more pixels")
    (height, width), s, r = image.shape[:2], net.scale, net.radius
    if tile is None:
        tile = max(height, width) if height * width <= WHOLE else max(128, PADDED - 2 * r)
    out = np.empty((s * height, s * width, *image.shape[2:]), np.float32)
    modes = [(module, module.training) for module in net.modules()]
    net.to(device).eval()
    try:
        for y, x in progress([(y, x) for y in range(0, height, tile) for x in range(0, width, tile)]):
            top, left = max(0, y - r), max(0, x - r)
            block = _apply(net, image[top:y + tile + r, left:x + tile + r], device)
            block = block[s * (y - top):s * (y - top + tile), s * (x - left):s * (x - left + tile)]
            out[s * y:s * (y + tile), s * x:s * (x + tile)] = block
    finally:
        for module, training in modes:
            module.training = training
    return out.clip(0, 1, out=out) if clip else out


@torch.inference_mode()
def _apply(net: nn.Module, image: np.ndarray, device: str | torch.device) -> np.ndarray:
    """The net on one piece, its zero padding at the piece's borders; one plane at a time through a gray net."""
    x = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32)).to(device)
    x = x.reshape(*image.shape[:2], -1).permute(2, 0, 1)[None]
    if net.channels == 1:
        y = torch.cat([net(plane) for plane in x.split(1, dim=1)], dim=1)
    else:
        y = net(x.expand(1, 3, -1, -1))
        y = y.mean(1, keepdim=True) if image.ndim == 2 else y
    y = y[0].permute(1, 2, 0).cpu().numpy()
    return y[..., 0] if image.ndim == 2 else y


def restore_photo(net: nn.Module, photo: Photo, **options) -> Photo:
    """``restore_array`` (``options`` are its own) on a photo's pixels; depth and metadata stay. Alpha stays as it is
    for scale 1, else it is upscaled by Pillow's bicubic filter."""
    pixels, alpha = restore_array(net, photo.pixels, **options), photo.alpha
    if alpha is not None and net.scale > 1:
        alpha = np.asarray(Image.fromarray(alpha).resize(pixels.shape[1::-1], Image.Resampling.BICUBIC))
    return replace(photo, pixels=pixels, alpha=alpha)
