"""Whether there is somebody to press buttons: what shows widgets asks here, else it shows a still
picture."""

import os
import sys
from importlib.util import find_spec


def want_widgets(asked: bool | None = None, default: bool = True) -> bool:
    """Show widgets? As ``asked``; if that is None as HINAS_LIVE says (0: no, else: yes); where that
    is unset or empty as ``default``. Never without ipywidgets and
    anywidget. Loads nothing."""
    if asked is None:
        setting = os.environ.get("HINAS_LIVE")
        asked = setting != "0" if setting else default
    return asked and all(map(_is_installed, ("ipywidgets", "anywidget")))


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # a module that somebody took out
        return False


def in_kernel() -> bool:
    """In a notebook's kernel? Loads nothing."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None
