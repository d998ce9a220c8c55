"""Whether there is somebody to press buttons: what shows widgets asks here, else it shows a still
picture. And the choice of a curve, which two panels offer."""

import os
import sys
from importlib.util import find_spec

from hinas_lab.config import SearchSpace
from hinas_lab.drawing.plots import edge_labels


def want_widgets(asked: bool | None = None, default: bool = True) -> bool:
    """Show widgets? As ``asked``; if that is None as HINAS_LIVE says (0: no, else: yes); where that
    is unset or empty as ``default``. Never where ipywidgets is not installed. Loads nothing."""
    if asked is None:
        setting = os.environ.get("HINAS_LIVE")
        asked = setting != "0" if setting else default
    return asked and find_spec("ipywidgets") is not None


def in_kernel() -> bool:
    """In a notebook's kernel? Loads nothing."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None


def layer_options(space: SearchSpace) -> list[tuple[str, int]]:
    """The layers whose alpha can be shown, for a Dropdown; tied alpha is one for all of them."""
    if not space.lwas:
        return [("all layers", 0)]
    return [(f"layer {l}", l) for l in range(space.layers)]


def edge_options(space: SearchSpace) -> list[tuple[str, int]]:
    """The edges of a cell with their places in ``space.edges``, for a Dropdown."""
    return [(label, e) for e, label in enumerate(edge_labels(space))]
