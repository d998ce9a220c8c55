"""A slider over pictures that are drawn beforehand: moving it shows another one at once."""

import os
from collections.abc import Mapping

from matplotlib.figure import Figure

from hinas_lab.studies.absent import unless_absent
from hinas_lab.views.style import png


@unless_absent
def slider(figures: Mapping[str, Figure], what: str, *, dropdown: bool = False):
    """An ipywidgets box: a slider (or a ``dropdown``) named ``what`` over the keys, and the picture of the key chosen.

    With HINAS_LIVE=0, or without ipywidgets, the last picture alone. ValueError for no picture.
    """
    if not figures:
        raise ValueError("slider: needs at least one picture")
    try:
        if os.environ.get("HINAS_LIVE") == "0":
            raise ImportError
        from ipywidgets import Dropdown, Image, SelectionSlider, VBox
    except ImportError:
        return list(figures.values())[-1]
    drawn = {key: png(figure) for key, figure in figures.items()}
    picture = Image(value=next(iter(drawn.values())), format="png", layout={"max_width": "100%"})
    chooser = (Dropdown if dropdown else SelectionSlider)(options=list(drawn), description=what, layout={"width": "60%"})
    chooser.observe(lambda change: setattr(picture, "value", drawn[change["new"]]), names="value")
    return VBox([chooser, picture])
