"""A drawn picture of points, one of which a reader chooses: a widget (``static/explore.js``). No
torch."""

from base64 import b64encode
from pathlib import Path

import anywidget
import traitlets
from matplotlib.figure import Figure

from hinas_lab.live.kept import LIVE_CSS
from hinas_lab.live.sliders import sharp

STATIC = Path(__file__).parent / "static"


class Points(anywidget.AnyWidget):
    """``show`` puts a picture in; ``chosen`` is the place of the point that a click, the arrow keys
    or Python chose, -1 for none."""

    _esm = (STATIC / "explore.js").read_text(encoding="utf-8")
    _css = (STATIC / "explore.css").read_text(encoding="utf-8") + LIVE_CSS
    png = traitlets.Unicode().tag(sync=True)
    "base64"
    width = traitlets.Int(600).tag(sync=True)
    "CSS pixels at most"
    alt = traitlets.Unicode().tag(sync=True)
    spots = traitlets.List(traitlets.Dict()).tag(sync=True)
    "x, y: shares of the picture's width and height, from its upper left corner; name"
    chosen = traitlets.Int(-1).tag(sync=True)

    def show(self, figure: Figure, x, y, names: list[str], alt: str):
        """A figure whose first Axes holds points at x (N,), y (N,), called ``names``."""
        picture = sharp(figure)
        pixels = figure.axes[0].transData.transform(list(zip(x, y)))
        shares = pixels / (figure.bbox.width, figure.bbox.height)
        spots = []
        for (across, up), name in zip(shares.tolist(), names):
            spots.append({"x": round(across, 5), "y": round(1 - up, 5), "name": name})
        # one message: a view never has new spots on an old picture
        with self.hold_sync():
            self.png = b64encode(picture.png).decode()
            self.width, self.spots, self.alt = picture.width, spots, alt
