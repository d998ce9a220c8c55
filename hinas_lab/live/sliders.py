"""A slider over pictures that are drawn beforehand: moving it shows another one at once."""

from collections.abc import Mapping
from typing import NamedTuple

from matplotlib.figure import Figure

from hinas_lab.drawing.style import png
from hinas_lab.live.kept import Kept, live_style
from hinas_lab.live.widgets import want_widgets

DPI = 110
"CSS pixels an inch of a figure"
DENSITY = 2
"pixels of the PNG per CSS pixel: sharp on a fine screen, too"


class Sharp(NamedTuple):
    """A figure as a widget shows it."""

    png: bytes
    width: int
    "CSS pixels"

    def show(self, image):
        """In this ipywidgets.Image."""
        image.width = str(self.width)
        image.value = self.png


def sharp(figure: Figure) -> Sharp:
    """A figure as a picture of its own size, which a narrow page makes smaller and no page makes
    larger."""
    return Sharp(png(figure, DENSITY * DPI), round(DPI * figure.get_figwidth()))


def sharp_image():
    """An ipywidgets.Image for a ``Sharp``: a box would stretch it to its own width."""
    from ipywidgets import Image

    return Image(format="png", layout={"max_width": "100%", "align_self": "flex-start"})


def slider(
    figures: Mapping[str, Figure] | str,
    what: str,
    *,
    start: str | None = None,
    dropdown: bool = False,
):
    """A slider (or a ``dropdown``) named ``what`` over the keys, and the picture of the key chosen;
    first of ``start``. The picture chosen last is what a saved notebook shows.

    Where ``want_widgets`` says no, the picture of ``start`` alone (default: the last). ValueError
    for no picture. A line of text in place of the pictures (of a record that is not there) is
    handed back.
    """
    if isinstance(figures, str):
        return figures
    if not figures:
        raise ValueError("slider: needs at least one picture")
    if not want_widgets():
        return figures[start or list(figures)[-1]]
    from ipywidgets import Dropdown, SelectionSlider, VBox

    # All at once: a slider that waits for matplotlib is no slider.
    pictures = {key: sharp(figure) for key, figure in figures.items()}
    start = start or next(iter(pictures))
    image = sharp_image()
    pictures[start].show(image)
    chooser = (Dropdown if dropdown else SelectionSlider)(
        options=list(pictures), value=start, description=what, layout={"width": "60%"}
    )
    box = VBox([chooser, image, live_style()])
    kept = Kept(box, pictures[start].png, f"{what} {start}", pictures[start].width)

    def show(change):
        key = change["new"]
        pictures[key].show(image)
        kept.keep(pictures[key].png, f"{what} {key}", pictures[key].width)

    chooser.observe(show, names="value")
    return kept
