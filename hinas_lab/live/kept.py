"""A widget in a cell, and what stays of it where there is no kernel.

JupyterLab draws a widget before everything else that an output holds, and of a saved widget says
"model not found". So the still is an output of its own: hidden while the widget lives, seen when it
does not, and an ordinary output for GitHub, nbviewer and nbconvert.
"""

import base64
import uuid

LIVE = "hinas-live"
"class of something inside a live widget"
CUT_OFF = ":is(.jupyter-widgets-disconnected, .hinas-cut-off)"
"a widget whose kernel has gone: as ipywidgets says it, and as an anywidget of ours does"

LIVE_CSS = f"""
.jp-OutputArea-child:has(.{LIVE}):not(:has({CUT_OFF})) + .jp-OutputArea-child,
.jp-OutputArea-child:has(.{LIVE}):has({CUT_OFF}) {{ display: none; }}
"""
"""For a live widget, which holds an element of class ``hinas-live``: hides the still that follows
it; the widget itself once its kernel has gone."""

# A dead widget is a text in a node; the last rule takes the room of this output itself.
DEAD_CSS = """
.jp-OutputArea-child:has(> .jupyter-widgets):not(:has(> .jupyter-widgets > *)) { display: none; }
.jp-OutputArea-child:has(.hinas-kept) { display: none; }
"""


def live_style():
    """``LIVE_CSS`` as an ipywidgets.HTML that takes no room: put it into the widget's box."""
    from ipywidgets import HTML

    style = HTML(f"<style>{LIVE_CSS}</style>", layout={"display": "none"})
    return style.add_class(LIVE)


class Kept:
    """A widget that shows itself in a cell together with a still.

    ``widget`` holds ``live_style()``, or is an anywidget with ``LIVE_CSS`` and an element of class
    ``hinas-live``. ``still`` is a PNG (bytes) or HTML (str); ``alt`` says it in words. ``width`` in
    CSS pixels: of a PNG that has more pixels than it shall take room.
    """

    def __init__(self, widget, still: bytes | str, alt: str, width: int | None = None):
        self.widget = widget
        self._bundle = bundle(still, alt, width)
        self._id = uuid.uuid4().hex
        self._is_shown = False

    def keep(self, still: bytes | str, alt: str, width: int | None = None):
        """Another still, in every cell that shows this one. From a thread: ``loop.hand_over``."""
        from IPython.display import update_display

        self._bundle = bundle(still, alt, width)
        if self._is_shown:
            data, metadata = self._bundle
            update_display(data, metadata=metadata, raw=True, display_id=self._id)

    def _ipython_display_(self):
        from IPython.display import display

        # Its text, a line of Python, would be all that an untrusted notebook shows.
        display(_view(self.widget) | {"text/plain": ""}, raw=True)
        data, metadata = self._bundle
        display(data, metadata=metadata, raw=True, display_id=self._id)
        style = f'<style class="hinas-kept">{DEAD_CSS}</style>'
        display({"text/plain": "", "text/html": style}, raw=True)
        self._is_shown = True


def bundle(still: bytes | str, alt: str, width: int | None = None) -> tuple[dict, dict]:
    """A still as Jupyter stores it: data and metadata."""
    if isinstance(still, str):
        return {"text/plain": alt, "text/html": still}, {}
    data = {"text/plain": alt, "image/png": base64.b64encode(still).decode()}
    shown = {"alt": alt} | ({"width": width} if width else {})
    return data, {"image/png": shown}


def _view(widget) -> dict:
    """What Jupyter asks a widget for, in ipywidgets 7 (Colab) as in 8."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": view}
