"""A slider over pictures that are drawn beforehand: moving it shows another one at once."""

import os
from collections.abc import Mapping

from matplotlib.figure import Figure

from hinas_lab.draw.style import png


def slider(
    figures: Mapping[str, Figure] | str,
    what: str,
    *,
    start: str | None = None,
    dropdown: bool = False,
):
    """An ipywidgets box: a slider (or a ``dropdown``) named ``what`` over the keys, and the picture of the key chosen; first of ``start``.

    With HINAS_LIVE=0, or without ipywidgets, the picture of ``start`` alone (default: the last). ValueError for no picture.
    A line of text in place of the pictures (of a record that is not there) is handed back.
    """
    if isinstance(figures, str):
        return figures
    if not figures:
        raise ValueError("slider: needs at least one picture")
    try:
        if os.environ.get("HINAS_LIVE") == "0":
            raise ImportError
        from ipywidgets import Dropdown, Image, SelectionSlider, VBox
    except ImportError:
        return figures[start] if start else list(figures.values())[-1]
    drawn = {key: png(figure) for key, figure in figures.items()}
    start = start or next(iter(drawn))
    picture = Image(value=drawn[start], format="png", layout={"max_width": "100%"})
    chooser = (Dropdown if dropdown else SelectionSlider)(
        options=list(drawn), value=start, description=what, layout={"width": "60%"}
    )
    chooser.observe(lambda change: setattr(picture, "value", drawn[change["new"]]), names="value")
    return VBox([chooser, picture])
