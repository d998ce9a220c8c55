"""The explorer as a reader has it: a click on a point and the arrow keys choose a net."""

import nbformat
import pytest
from laboratory import wait
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.ui
NAME = "explorer.ipynb"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
"without it JupyterLab asks for one"
CELL = 'import hinas_lab as lab\n\nlab.explore("search", budget="1.5GMAC")'


@pytest.fixture
def cell(server, notebook):
    made = new_notebook(cells=[new_code_cell(CELL)], metadata={"kernelspec": KERNEL})
    nbformat.write(made, server.folder / NAME)
    nb = notebook(NAME)
    shown = nb.run("explore")
    yield shown
    nb.shoot("explorer", shown)


def test_a_point_that_is_clicked_shows_its_net(cell):
    points, told = cell.locator(".hinas-points"), cell.locator(".jupyter-widgets caption")
    points.locator("img").wait_for()
    told.wait_for()
    assert told.inner_text() == "searched, seed 7"
    # ipywidgets writes spaces that do not break
    options = cell.locator("select").last.locator("option").all_text_contents()
    names = [text.replace("\xa0", " ") for text in options]
    # in the order of their cost: a step left from the chosen one
    place = next(i for i, name in enumerate(names) if name.startswith(told.inner_text()))
    points.focus()
    points.press("ArrowLeft")
    before = names[place - 1].split(":")[0]
    wait(lambda: told.inner_text() == before, 20, "the net before it")

    ring = points.locator(".ring").bounding_box()
    cell.locator("select").last.select_option(index=len(names) - 1)
    dearest = names[-1].split(":")[0]
    wait(lambda: told.inner_text() == dearest, 20, "the dearest net")
    # back to where the ring was
    box = points.bounding_box()
    x = ring["x"] + ring["width"] / 2 - box["x"]
    y = ring["y"] + ring["height"] / 2 - box["y"]
    points.click(position={"x": x, "y": y})
    wait(lambda: told.inner_text() == before, 20, "the net that was clicked")
    assert before in points.locator(".tip").inner_text()
