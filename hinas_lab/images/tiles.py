"""A net over pictures in tiles, many at once where a GPU would otherwise wait for Python. Memory is
bounded by the tiles of one call."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

AT_ONCE = 2**19
"""input pixels of one call on a GPU: 128 tiles of 64, or three of a large photograph's. On a CPU a
call takes one tile: more cost it as much or more (one thread, an epoch's V: 1.04 times at
classroom, 1.02 at paper)"""


class Tile(NamedTuple):
    """A piece of a picture: place and extent of what it is for, in input pixels, and of what the
    net sees around it."""

    image: int
    top: int
    left: int
    height: int
    width: int
    halo: tuple[int, int, int, int]
    "pixels above, left, below, right; less where the picture ends"

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width with the halo: what the net is given."""
        above, left, below, right = self.halo
        return self.height + above + below, self.width + left + right


def cut(images: list[Tensor], tile: int, halo: int = 0) -> Iterator[Tile]:
    """The tiles of pictures (C, H, W), row by row: squares of side ``tile``, less at the bottom and
    right, with up to ``halo`` pixels around them."""
    for n, image in enumerate(images):
        height, width = image.shape[-2:]
        for y in range(0, height, tile):
            for x in range(0, width, tile):
                h, w = min(tile, height - y), min(tile, width - x)
                # a halo ends where the picture ends: there the net pads, as it does the whole
                room = (y, x, height - y - h, width - x - w)
                yield Tile(n, y, x, h, w, tuple(min(halo, side) for side in room))


def batches(tiles: Iterable[Tile], pixels: int) -> Iterator[list[Tile]]:
    """Tiles of one shape together, at most ``pixels`` input pixels, but one tile at least; in order
    of their first."""
    groups: dict[tuple[int, int], list[Tile]] = {}
    for tile in tiles:
        groups.setdefault(tile.shape, []).append(tile)
    for (height, width), group in groups.items():
        # of one shape: a call stacks them
        n = max(1, pixels // (height * width))
        for i in range(0, len(group), n):
            yield group[i : i + n]


def pixels_at_once(device: str | torch.device) -> int:
    """Of one call: AT_ONCE on a GPU, a tile on a CPU."""
    # 1 pixel is one tile: a call takes one at least
    return 1 if torch.device(device).type == "cpu" else AT_ONCE


def apply_tiled(
    net: Callable[[Tensor], Tensor],
    images: list[Tensor],
    scale: int,
    tile: int,
    halo: int,
    pixels: int,
    progress: Callable[[list], Iterable] = iter,
) -> list[Tensor]:
    """``net`` ((B, C, H, W) -> (B, C', S*H, S*W)) over pictures (C, H, W) -> (C', S*H, S*W) each,
    joined from tiles.

    Each tile is seen with ``halo`` pixels around it, which end where its picture ends; those of one
    shape pass together, at most ``pixels`` input pixels a call. ``progress`` wraps the list of
    calls.
    """
    out: list[Tensor | None] = [None] * len(images)
    for group in progress(list(batches(cut(images, tile, halo), pixels))):
        pieces = []
        for t in group:
            above, left, _, _ = t.halo
            pieces.append(_window(images[t.image], t.top - above, t.left - left, *t.shape))
        for t, y in zip(group, net(torch.stack(pieces))):
            # made with its first tile: channels and type are the net's
            if out[t.image] is None:
                _, height, width = images[t.image].shape
                out[t.image] = y.new_empty((len(y), scale * height, scale * width))
            above, left, _, _ = t.halo
            inside = _window(y, above, left, t.height, t.width, scale)
            _window(out[t.image], t.top, t.left, t.height, t.width, scale)[:] = inside
    return out


def _window(image: Tensor, top: int, left: int, height: int, width: int, scale: int = 1) -> Tensor:
    """A view into (C, H, W); the place is given in pixels ``scale`` times as large as its own."""
    s = scale
    return image[:, s * top : s * (top + height), s * left : s * (left + width)]
