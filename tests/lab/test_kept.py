"""A widget with its still, as Jupyter is told of it; and what is handed to the kernel's loop."""

import io
import sys
from base64 import b64decode
from types import SimpleNamespace

import IPython.display
import pytest
from matplotlib.figure import Figure
from PIL import Image

from hinas_lab.live.kept import Kept, live_style
from hinas_lab.live.loop import hand_over
from hinas_lab.live.sliders import slider

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shown(monkeypatch):
    """What was displayed or updated: (data, metadata, display_id)."""
    calls = {"display": [], "update_display": []}
    for name, seen in calls.items():

        def note(data, metadata=None, raw=False, display_id=None, seen=seen):
            assert raw
            seen.append((data, metadata, display_id))

        monkeypatch.setattr(IPython.display, name, note)
    return SimpleNamespace(display=calls["display"], update=calls["update_display"])


def box():
    from ipywidgets import VBox

    return VBox([live_style()])


def test_a_widget_its_still_and_a_style_are_three_outputs(shown):
    widget = box()
    Kept(widget, b"png", "a picture")._ipython_display_()
    view, still, style = shown.display
    assert view[0][VIEW]["model_id"] == widget.model_id
    assert view[0]["text/plain"] == "", "an untrusted notebook shows it"
    assert b64decode(still[0]["image/png"]) == b"png"
    assert still[1] == {"image/png": {"alt": "a picture"}}
    assert VIEW not in still[0] | style[0] and "<style" in style[0]["text/html"]


def test_a_new_still_goes_where_the_old_one_is_shown(shown):
    kept = Kept(box(), b"png", "a picture")
    kept.keep("<b>words</b>", "words")
    assert not shown.update, "nothing is shown yet"
    for _ in range(2):
        kept._ipython_display_()
    stills = [call for call in shown.display if call[2]]
    assert [data["text/html"] for data, _, _ in stills] == ["<b>words</b>"] * 2
    kept.keep(b"later", "later")
    [(data, metadata, place)] = shown.update
    assert b64decode(data["image/png"]) == b"later" and metadata["image/png"]["alt"] == "later"
    assert {call[2] for call in stills} == {place}


def test_a_widget_of_any_version(shown):
    """ipywidgets 7 has no ``_repr_mimebundle_``, anywidget's gives metadata, too."""
    Kept(SimpleNamespace(model_id="x"), b"png", "")._ipython_display_()
    assert shown.display[0][0][VIEW]["model_id"] == "x"


def test_a_slider_keeps_the_picture_that_was_chosen_last_sharp_at_its_own_size(shown):
    figures = {key: Figure(figsize=(2, 1)) for key in "ab"}
    figures["b"].text(0, 0.5, "b")
    kept = slider(figures, "letter")
    kept._ipython_display_()
    chooser, image, _ = kept.widget.children
    chooser.value = "b"
    [(data, metadata, _)] = shown.update
    assert b64decode(data["image/png"]) == image.value and image.width == "220"
    assert metadata["image/png"] == {"alt": "letter b", "width": 220}
    assert Image.open(io.BytesIO(image.value)).width == 440


def test_outside_of_a_kernel_a_callback_is_called_at_once():
    called = []
    hand_over(lambda: called.append(1))
    assert called == [1]


def test_in_a_kernel_its_loop_calls(monkeypatch):
    waiting, called = [], []
    loop = SimpleNamespace(add_callback=waiting.append)
    shell = SimpleNamespace(kernel=SimpleNamespace(io_loop=loop))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    hand_over(lambda: called.append(1))
    assert not called
    waiting.pop()()
    assert called == [1]
