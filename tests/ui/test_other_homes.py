"""The panel where else it lives: in Notebook 7, with older kernels (ipykernel 7.0 loses what a
thread itself sends), in the dark, in a narrow window, after Run All."""

import os
import re
from dataclasses import dataclass

import nbformat
import pytest
from board_view import BoardView
from conftest import PICTURES, ROOT
from laboratory import Notebook, Server, wait
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.ui
NAME = "panel.ipynb"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
"without it JupyterLab asks for one"
CELLS = (
    "import ipykernel\nimport hinas_lab as lab\nipykernel.__version__",
    'search = lab.search(preset="classroom", run="runs/panel")\nlab.panel(search)',
    'lab.replay("classroom")',
    "1 + 1",
)
KERNELS = ("6.29.5", "7.0.1")
"versions of ipykernel, as in the Makefile"


@dataclass(frozen=True)
class Home:
    app: str
    kernel: str = ""

    @property
    def packages(self) -> str:
        return str(ROOT / "build" / "kernels" / self.kernel) if self.kernel else ""


HOMES = (Home("notebook"), *(Home("jupyterlab", version) for version in KERNELS))


def opened(server: Server, chromium, width: int = 1300) -> Notebook:
    made = new_notebook(
        cells=[new_code_cell(source) for source in CELLS], metadata={"kernelspec": KERNEL}
    )
    nbformat.write(made, server.folder / NAME)
    page = chromium.new_page(viewport={"width": width, "height": 1400})
    return Notebook(page, server, NAME, PICTURES)


@pytest.mark.parametrize("home", HOMES, ids=lambda home: f"{home.app}{home.kernel}")
def test_a_search_is_played_and_kept(home, chromium, tmp_path):
    if home.packages and not os.path.isdir(home.packages):
        pytest.skip(f"ipykernel {home.kernel} is not in build/kernels: make test-ui")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    server = Server(folder, "classroom", home.app, home.packages)
    try:
        play_and_keep(home, opened(server, chromium))
    finally:
        server.stop()


def play_and_keep(home: Home, nb: Notebook):
    first = nb.run("ipykernel.__version__", 60)
    assert home.kernel in first.locator(".jp-OutputArea").inner_text()
    board = BoardView(nb, nb.run("lab.panel", 60))
    wait(board.is_there, 30, "the board")
    board.says("^ready")
    board.press("Start")
    board.says("^running.*epoch 1/16, iteration [1-9]")
    drawn = board.drawn("losses")
    wait(lambda: board.drawn("losses") != drawn, 30, "losses that move")
    board.cells_of_map().nth(8).hover()
    wait(lambda: re.search(r"sep 3x3: 0\.\d", board.tip()), 5, "the value under the pointer")
    board.press("Pause")
    before = board.place("^paused")
    nb.run("lab.panel")
    wait(board.is_there, 20, "the same board")
    assert board.place("^paused") == before
    nb.shoot(f"home-{home.app}{home.kernel}", board.cell)
    board.press("Stop")
    board.says("^stopped")
    nb.run("1 + 1")  # the still that comes after this is the kernel's loop's own doing
    wait(lambda: "stopped" in saved_still(nb), 30, "the still of the stopped search")


def saved_still(nb: Notebook) -> str:
    panel = nb.save().cells[1]
    return "".join(output.data.get("text/plain", "") for output in panel.outputs)


@pytest.fixture(scope="module")
def nb(server, chromium):
    notebook = opened(server, chromium)
    yield notebook
    notebook.page.close()


def test_run_all_while_it_runs(nb, server):
    nb.run("ipykernel.__version__")
    board = BoardView(nb, nb.run("lab.panel", 60))
    board.press("Start")
    board.says("^running.*iteration [1-9]")
    before = board.place()
    prompt = nb.cell("1 + 1").locator(".jp-InputPrompt")
    nb.choose("Run", "Run All Cells")
    wait(lambda: re.search(r"\d", prompt.inner_text()), 60, "the last cell")
    wait(board.is_there, 20, "the board")
    assert board.place() >= before and not nb.broken
    wait(lambda: board.place() > before, 30, "the search to go on")
    assert "2" in nb.cell("1 + 1").locator(".jp-OutputArea").inner_text()
    board.press("Stop")
    board.says("^stopped")


@pytest.mark.parametrize("width", [1024, 760])
def test_a_narrow_window(nb, width):
    nb.page.set_viewport_size({"width": width, "height": 1400})
    for text in ("lab.panel", "lab.replay"):
        board = BoardView(nb, nb.cell(text))
        wait(board.is_there, 10, "the board")
        nb.page.wait_for_timeout(300)
        assert not board.is_too_wide()
        for pane in board.root.locator("[data-pane]").all():
            spot, room = pane.locator("svg").bounding_box(), board.root.bounding_box()
            assert spot["x"] + spot["width"] <= room["x"] + room["width"] + 1
    nb.shoot(f"width-{width}", nb.cell("lab.replay"))


def test_in_the_dark(nb, server):
    nb.page.set_viewport_size({"width": 1300, "height": 1400})
    nb.save()
    server.use_theme("JupyterLab Dark")
    try:
        nb.reload()
        board = BoardView(nb, nb.cell("lab.replay"))
        wait(board.is_there, 60, "the board")
        wait(lambda: "dark" in board.root.get_attribute("class"), 10, "a dark board")
        colour = board.root.evaluate("root => getComputedStyle(root).backgroundColor")
        assert max(map(int, re.findall(r"\d+", colour)[:3])) < 80
        nb.shoot("dark", board.cell)
    finally:
        server.use_theme("JupyterLab Light")


def test_fewer_movements_are_asked_for(server, chromium):
    """A reader who wants reduced motion gets one drawing a second at most."""
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    nb = Notebook(page, server, NAME, PICTURES)
    board = BoardView(nb, nb.cell("lab.replay"))
    nb.run("ipykernel.__version__")
    nb.run("lab.replay")
    wait(board.is_there, 30, "the board")
    assert board.root.locator(".speed option:checked").inner_text() == "1 epochs/s"
    context.close()
