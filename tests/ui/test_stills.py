"""What a cell shows with a widget that lives, whose kernel has gone, and in a page made of it."""

import base64
import io
import subprocess
import sys

import nbformat
import pytest
from laboratory import Notebook, wait
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from PIL.ImageColor import getrgb

pytestmark = pytest.mark.ui
NAME = "kept.ipynb"
CELL = """
import io
from ipywidgets import IntSlider, VBox
from PIL import Image
from hinas_lab.live.kept import Kept, live_style

def picture(colour):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "png")
    return file.getvalue()

slider = IntSlider(description="sigma")
kept = Kept(VBox([live_style(), slider]), picture("red"), "a red picture")
kept
"""
SECOND = 'kept.keep(picture("green"), "a green picture")'
WORDS = 'Kept(VBox([live_style(), IntSlider(description="k")]), "<b>in words</b>", "words")'
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
"without it JupyterLab asks for one"
OUTPUTS = ".jp-OutputArea-child"


@pytest.fixture(scope="module")
def nb(server, notebook):
    cells = [new_code_cell(source) for source in (CELL, SECOND, WORDS)]
    made = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.write(made, server.folder / NAME)
    return notebook(NAME)


def still(cell):
    return cell.locator("img")


def is_of(image, colour: str) -> bool:
    """Whether a picture of the page has this colour."""
    data = image.get_attribute("src").partition("base64,")[2]
    return Image.open(io.BytesIO(base64.b64decode(data))).getpixel((0, 0)) == getrgb(colour)


def dead(cell):
    return cell.get_by_text("Error displaying widget")


def test_the_still_is_hidden_while_the_widget_lives(nb):
    cell = nb.run("slider = IntSlider")
    wait(lambda: cell.locator(".noUi-handle").is_visible(), 30, "the slider")
    wait(lambda: still(cell).count() == 1, 10, "the still")
    assert not still(cell).is_visible()
    assert seen_outputs(cell) == 1
    nb.shoot("kept-1-alive", cell)


def test_a_new_still_takes_the_place_of_the_old_one(nb):
    nb.run("kept.keep")
    cell = nb.cell("slider = IntSlider")
    wait(lambda: is_of(still(cell), "green"), 10, "the new still")
    assert still(cell).count() == 1 and not still(cell).is_visible()


def test_html_stays_as_well(nb):
    cell = nb.run("in words")
    wait(lambda: cell.locator(".noUi-handle").is_visible(), 30, "the slider")
    assert not cell.locator("b", has_text="in words").is_visible()


def test_a_restart_of_the_kernel_brings_the_still(nb, server):
    nb.save()
    nb.restart_kernel()
    cell = nb.cell("slider = IntSlider")
    wait(lambda: still(cell).is_visible(), 30, "the still")
    assert not cell.locator(".noUi-handle").is_visible()
    nb.shoot("kept-2-restarted", cell)
    wait(lambda: server.is_idle(NAME), 30, "the new kernel")


def test_a_saved_notebook_shows_the_still(nb, server, chromium):
    # The restarted kernel knows no widget.
    page = chromium.new_page(viewport={"width": 1024, "height": 768})
    again = Notebook(page, server, NAME, nb.pictures)
    cell, words = again.cell("slider = IntSlider"), again.cell("in words")
    wait(lambda: dead(cell).count() and dead(words).count(), 30, "JupyterLab to give the model up")
    again.shoot("kept-3-reopened")
    assert still(cell).is_visible() and not dead(cell).is_visible()
    assert is_of(still(cell), "green")
    assert words.locator("b", has_text="in words").is_visible() and not dead(words).is_visible()
    assert seen_outputs(cell) == seen_outputs(words) == 1
    page.close()


def test_an_untrusted_notebook_shows_the_still(nb, server, chromium):
    strange = nbformat.read(server.folder / NAME, as_version=4)
    # Other bytes than those that the server has signed.
    strange.cells[0].outputs[1].metadata["image/png"]["alt"] = "a strange picture"
    nbformat.write(strange, server.folder / f"strange-{NAME}")
    page = chromium.new_page(viewport={"width": 1024, "height": 768})
    again = Notebook(page, server, f"strange-{NAME}", nb.pictures)
    cell = again.cell("slider = IntSlider")
    wait(lambda: still(cell).count(), 30, "the still")
    again.shoot("kept-4-untrusted")
    assert still(cell).is_visible()
    assert "VBox" not in cell.locator(".jp-OutputArea").inner_text()
    assert "model not found" not in page.locator(".jp-Notebook").inner_text()
    page.close()


def test_a_page_of_it_shows_the_picture_once(nb, server, chromium, tmp_path):
    command = [sys.executable, "-m", "nbconvert", "--to", "html", f"--output-dir={tmp_path}"]
    subprocess.run([*command, str(server.folder / NAME)], check=True, capture_output=True)
    page = chromium.new_page(viewport={"width": 1024, "height": 768})
    page.goto((tmp_path / "kept.html").as_uri())
    picture = page.locator("img")
    assert picture.count() == 1 and picture.is_visible() and is_of(picture, "green")
    assert page.locator("b", has_text="in words").is_visible()
    nb.pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=nb.pictures / "kept-5-nbconvert.png")
    page.close()


def seen_outputs(cell) -> int:
    """How many of a cell's outputs take room."""
    boxes = [output.bounding_box() for output in cell.locator(OUTPUTS).all()]
    return sum(box is not None and box["height"] > 1 for box in boxes)
