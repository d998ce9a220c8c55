"""A search in one picture that is drawn often: while it runs, or from its recording.
``Board.png(moment)`` is a frame.

A frame depends on its moment alone, not on the frames before. Artists are made once; the background
(axes, labels, numbers) is drawn once and again only when limits change.
"""

import numpy as np
from matplotlib.figure import Figure

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.live.board.blit import Blit, quick_png
from hinas_lab.live.board.panes import AlphaMaps, Patch, Trellis, Wiring
from hinas_lab.live.board.state import Moment
from hinas_lab.live.board.traces import AlphaCurves, Entropy, Flips, Losses, Scores
from hinas_lab.space.ops import OPS

__all__ = ["Board", "Moment"]
SIZE = 1200, 750
"pixels"


class Board:
    """The picture of a search over ``epochs`` epochs, 1200 x 750 pixels at ``dpi`` 100. Not for use
    by two threads at once.

    layer, edge: whose alpha the curves show, see ``choose``.
    """

    def __init__(
        self, space: SearchSpace, epochs: int, *, layer: int = 0, edge: int = 0, dpi: int = 100
    ):
        self.space, self.epochs = space, epochs
        with style.theme():
            blit = self._blit = Blit(*SIZE, dpi)
            page = blit.axes(0, 0, *SIZE, bare=True)
            self._title = blit.text(
                page, 20, 726, fontsize=12.5, fontweight="bold", color=style.INK
            )
            for n, name in enumerate(space.ops):
                op, colour = OPS[name], style.op_colour(name)
                page.text(
                    466 + 104 * n,
                    731,
                    op.code,
                    fontsize=9,
                    fontweight="bold",
                    color=style.ink_on(colour),
                    va="center",
                    ha="center",
                    bbox={"boxstyle": "square,pad=0.25", "fc": colour, "ec": "none"},
                )
                page.text(482 + 104 * n, 731, style.op_label(name), fontsize=9, va="center")
            self._maps = AlphaMaps(blit, space, 56, 410, 440, 280)
            self._curves = AlphaCurves(blit, space, epochs, (606, 410, 252, 280))
            left, right = 420, 735
            self._panes = (
                self._maps, self._curves, Wiring(blit, space, 915, 400, 275, 290),
                Trellis(blit, space, 20, 30, 330, 310),
                Losses(blit, epochs, (left, 215, 240, 125)),
                Scores(blit, epochs, (left, 45, 240, 125)),
                Entropy(blit, space, epochs, (right, 215, 225, 125)),
                Flips(blit, epochs, (right, 45, 225, 125)),
                Patch(blit, 1028, 30, 140, 30),
            )  # fmt: skip
        self.choose(layer, edge)

    @property
    def figure(self) -> Figure:
        return self._blit.figure

    def choose(self, layer: int, edge: int) -> None:
        """From the next frame on show the alpha of edge ``edge`` (its place in ``space.edges``) of
        ``layer``; tied alpha is one for all. ValueError for one that does not exist."""
        for name, value, count in (
            ("layer", layer, self.space.layers),
            ("edge", edge, len(self.space.edges)),
        ):
            if not 0 <= value < count:
                raise ValueError(f"{name} = {value!r}: must be from 0 to {count - 1}")
        layer = layer if self.space.lwas else 0
        self._maps.choose(layer, edge)
        self._curves.choose(layer, edge)

    def show(self, moment: Moment) -> None:
        """Bring every artist to ``moment``; draws nothing."""
        self._title.set_text(moment.title)
        for pane in self._panes:
            pane.show(moment)

    def pixels(self, moment: Moment) -> np.ndarray:
        """The frame of ``moment``, uint8 (H, W, 3); overwritten by the next one."""
        self.show(moment)
        return self._blit.pixels()

    def png(self, moment: Moment) -> bytes:
        """The frame of ``moment`` as a PNG file."""
        return quick_png(self.pixels(moment))
