"""A slider over pictures that are drawn beforehand: moving it shows another one at once."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from hinas_lab.drawing.style import png
from hinas_lab.live.widgets import want_widgets


def slider(
    figures: Mapping[str, Figure] | str,
    what: str,
    *,
    start: str | None = None,
    dropdown: bool = False,
):
    """An ipywidgets box: a slider (or a ``dropdown``) named ``what`` over the keys, and the picture
    of the key chosen; first of ``start``.

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
    from ipywidgets import Dropdown, Image, SelectionSlider, VBox

    # All at once: a slider that waits for matplotlib is no slider.
    pictures = {key: png(figure) for key, figure in figures.items()}
    start = start or next(iter(pictures))
    picture = Image(value=pictures[start], format="png", layout={"max_width": "100%"})
    chooser = (Dropdown if dropdown else SelectionSlider)(
        options=list(pictures), value=start, description=what, layout={"width": "60%"}
    )

    def show(change):
        picture.value = pictures[change["new"]]

    chooser.observe(show, names="value")
    return VBox([chooser, picture])
