"""Notebook 03 as its reader uses it: start, look, pause, step, choose an edge, run the cell again,
load the page again, stop, open another search, restart the kernel, come back without one; drag the
replay; operate on a genotype; answer."""

import re
import time

import pytest
from board_view import BoardView
from laboratory import Notebook, wait

from hinas_book.lessons import questions

pytestmark = pytest.mark.ui
NAME, PANEL = "03_live_search.ipynb", "lab.panel(search)"
STUDENT = "Ada"


@pytest.fixture(scope="module")
def nb(notebook):
    """Notebook 03 with its cells run as far as the panel."""
    opened = notebook(NAME)
    opened.run_to(PANEL, 120)
    return opened


@pytest.fixture
def board(nb):
    return BoardView(nb, nb.cell(PANEL))


def test_the_pictures_of_the_toys_are_there(nb):
    for text in ("toy = Share()", "axis = np.linspace"):
        assert nb.cell(text).locator("img").count() == 1
    assert (
        "autodiff through 200 weight steps  -2.0000"
        in nb.cell("for steps in range(201)").inner_text()
    )


def test_start_and_pause(nb, board):
    board.says("^ready.* cpu ")
    assert {"Start", "Step weight", "Stop"} <= set(board.enabled())
    assert not {"Pause", "Resume"} & set(board.enabled())
    nb.shoot("03-1-ready", board.cell)
    board.press("Start")
    board.says("^running.*epoch 1/16, iteration [1-9]")
    wait(lambda: "Start" not in board.enabled() and "Pause" in board.enabled(), 5, "the buttons")
    first = board.drawn("losses")
    wait(lambda: board.drawn("losses") != first, 20, "losses that move")
    nb.shoot("03-2-running", board.cell)

    pressed = time.monotonic()
    board.press("Pause")
    board.says("^(pausing|paused)", 5)
    print(f"pause seen after {time.monotonic() - pressed:.2f} s, on a machine with other work")
    before = board.place("^paused")
    drawn = board.drawn("losses")
    nb.page.wait_for_timeout(3000)  # many steps long
    assert board.place("^paused") == before, "the counter stands still"
    assert board.drawn("losses") == drawn


def test_steps(nb, board):
    before = board.place("^paused")
    board.press("Step weight")
    wait(lambda: board.place("^paused") != before, 30, "one step")
    assert board.place("^paused") == (before[0], before[1] + 1)
    board.press("Step epoch")
    wait(lambda: board.place("^paused", 120) == (2, 0), 120, "the end of the epoch")
    wait(lambda: "epoch 1 of 16" in board.title(), 10, "the epoch in the title")
    drawn = board.drawn("maps")
    # the warm-up is two epochs long; one more step of alpha and beta moves the maps
    board.press("Step arch")
    wait(lambda: board.drawn("maps") != drawn, 120, "alpha to move")
    board.place("^paused", 120)
    nb.shoot("03-3-stepped", board.cell)


def test_a_value_under_the_pointer(nb, board):
    board.cells_of_map().nth(8).hover()
    assert re.search(r"layer 0, h\(l-2\) → node 0, sep 3x3: 0\.\d+", board.tip())
    nb.shoot("03-4-hover", board.cell)
    losses = board.pane("losses").bounding_box()
    nb.page.mouse.move(losses["x"] + 0.3 * losses["width"], losses["y"] + 0.5 * losses["height"])
    assert re.search(r"\d", board.tip()) and "loss" in board.tip()


def test_choose_an_edge_by_click_and_by_keys(nb, board):
    drawn = board.drawn("curves")
    board.cells_of_map().nth(7 * 3).click()  # the fourth edge: h(l-2) → node 1
    wait(lambda: board.chosen() == ("h(l-2) → node 1", "layer 0"), 5, "the edge to be chosen")
    assert board.drawn("curves") != drawn
    board.pane("maps").focus()
    nb.page.keyboard.press("ArrowDown")
    nb.page.keyboard.press("ArrowRight")
    wait(lambda: board.chosen() == ("node 0 → node 1", "layer 1"), 5, "the next edge and layer")
    nb.shoot("03-5-edge", board.cell)


def test_the_cell_again_shows_the_same_panel(nb, board):
    board.press("Resume")
    board.says("^running")
    epoch = board.place()[0]
    nb.run(PANEL)
    wait(board.is_there, 20, "the board")
    assert board.place("^running")[0] >= epoch
    assert board.cell.locator(".hinas").count() == 1


def test_the_page_again_shows_the_same_panel(nb, board):
    board.press("Pause")
    before = board.place("^paused")
    nb.save()
    nb.reload()
    wait(board.is_there, 60, "the board")
    assert board.place("^paused") == before
    board.press("Resume")
    drawn = board.drawn("losses")
    wait(lambda: board.drawn("losses") != drawn, 60, "the search to go on, and its board")
    nb.shoot("03-6-reloaded", board.cell)


def test_stop(nb, board):
    board.press("Stop")
    board.says("^stopped")
    wait(lambda: board.enabled() == ["Start"], 10, "the buttons of a stopped search")
    assert board.is_there()
    nb.shoot("03-7-stopped", board.cell)


def test_new_search(nb, board, server):
    board.root.locator("summary", has_text="New search").click()
    form = board.root.locator("form")
    form.locator("[name=seed]").fill("7")
    form.locator("[name=epochs]").fill("three")
    form.get_by_role("button", name="Open it").click()
    wait(lambda: "epochs" in board.root.locator(".note").inner_text(), 10, "what is wrong")
    form.locator("[name=epochs]").fill("3")
    form.get_by_role("button", name="Open it").click()
    board.says("^ready.*epoch 1/3")
    wait(lambda: "live-2" in board.title() and "seed 7" in board.title(), 20, "the new search")
    runs = server.folder / "runs"
    assert (runs / "live" / "records.npz").exists() and (runs / "live-2").is_dir()
    nb.shoot("03-8-new", board.cell)
    board.press("Step epoch")
    board.place("^paused.*epoch 2/3", 120)
    nb.run(PANEL)
    wait(board.is_there, 20, "the board")
    # the same panel, with the search that it plays
    wait(lambda: "live-2" in board.title(), 20, "the search that was opened last")
    board.press("Stop")
    board.says("^stopped")


def test_a_restart_of_the_kernel(nb, board, server):
    """The picture stays; the cells, run again, find the first search in its folder."""
    cell = nb.cell(PANEL)
    wait(lambda: "stopped" in saved_still(nb), 30, "the still of the stopped search")
    nb.restart_kernel()
    wait(lambda: cell.locator("img").is_visible(), 30, "the still")
    assert not board.root.is_visible()
    nb.shoot("03-9-restarted", cell)
    wait(lambda: server.is_idle(NAME), 30, "the new kernel")
    nb.run("%matplotlib inline", 60)
    nb.run(PANEL, 60)
    wait(board.is_there, 30, "the board")
    board.says("^(stopped|ready).*/16")
    wait(lambda: "seed 0" in board.title(), 20, "the first search")


def saved_still(nb) -> str:
    """What the still of the panel is, in words, in the file of the notebook as it is saved now."""
    [cell] = [cell for cell in nb.save().cells if PANEL in cell.source]
    return "".join(output.data.get("text/plain", "") for output in cell.outputs)


def test_reopened_without_a_kernel(nb, server, chromium):
    nb.save()
    server.end_kernels()
    page = chromium.new_page(viewport={"width": 1024, "height": 900})
    again = Notebook(page, server, NAME, nb.pictures)
    cell = again.cell(PANEL)
    wait(lambda: cell.locator("img").is_visible(), 30, "the still")
    assert "model not found" not in cell.inner_text()
    cell.scroll_into_view_if_needed()
    again.shoot("03-10-reopened")
    page.close()
    nb.reload()
    nb.run("%matplotlib inline", 60)


def test_drag_the_replay(nb):
    board = BoardView(nb, nb.run("lab.replay(broken)", 60))
    wait(board.is_there, 30, "the board")
    assert board.time() == "0"
    nb.shoot("03-11-replay", board.cell)
    start = board.drawn("maps")
    slider = board.root.locator(".slider")
    rail = slider.bounding_box()
    middle = rail["y"] + rail["height"] / 2
    nb.page.mouse.move(rail["x"] + 8, middle)
    nb.page.mouse.down()
    nb.page.mouse.move(rail["x"] + rail["width"] / 4, middle, steps=8)
    nb.page.mouse.up()
    assert board.time() == "4" and "epoch 4 of 16" in board.title()
    fourth = board.drawn("maps")
    board.root.get_by_role("button", name=re.compile("best epoch")).click()
    assert board.time() == "15"
    assert len({start, fourth, board.drawn("maps")}) == 3
    nb.shoot("03-12-best", board.cell)
    slider.press("Home")
    assert board.time() == "0" and board.drawn("maps") == start, "a picture belongs to its epoch"
    board.root.get_by_role("button", name="play").click()
    wait(lambda: int(board.time()) >= 2, 10, "the replay to play")


def test_two_searches_side_by_side(nb):
    nb.page.set_viewport_size({"width": 1500, "height": 1100})
    board = BoardView(nb, nb.run("a-equals-w", 60))
    sections = board.root.locator(".board")
    wait(lambda: sections.count() == 2, 30, "two boards")
    left, right = (sections.nth(i).bounding_box() for i in range(2))
    assert abs(left["y"] - right["y"]) < 2 and right["x"] > left["x"] + left["width"] - 2
    assert not board.is_too_wide()
    board.root.locator(".slider").press("ArrowRight")
    wait(lambda: board.time() == "1", 5, "the next epoch")
    for title in sections.locator("h3").all_inner_texts():
        assert "epoch 1 of 16" in title
    nb.shoot("03-13-two", board.cell)
    nb.page.set_viewport_size({"width": 1300, "height": 1700})


def test_operate_on_a_genotype(nb):
    cell = nb.run("judge.patch", 120)
    place, becomes = (cell.locator("select").nth(i) for i in (0, 1))

    def offered(select) -> list[str]:
        texts = select.locator("option").all_inner_texts()
        return [text.replace("\xa0", " ") for text in texts]

    wait(lambda: cell.locator("svg").count(), 60, "a drawing")
    nb.shoot("03-14-surgery", cell)
    assert "No changes." in cell.inner_text()
    place.select_option(
        index=next(
            i for i, text in enumerate(offered(place)) if "edge" in text and "skip" not in text
        )
    )
    wait(lambda: "operation skip" in offered(becomes), 20, "the options of the edge")
    becomes.select_option(index=offered(becomes).index("operation skip"))
    cell.get_by_role("button", name="Apply", exact=True).click()
    wait(
        lambda: "No changes." not in cell.inner_text() and "scoring" not in cell.inner_text(),
        60,
        "the edit",
    )
    assert re.search(r"shared-weight score\s+[\d.]+\s+[\d.]+\s+[+-]", cell.inner_text())
    nb.shoot("03-15-edited", cell)
    cell.get_by_role("button", name="Train this net").click()
    wait(lambda: "training this net and the found net" in cell.inner_text(), 10, "the training")


def test_answer_an_exercise(nb):
    cell = nb.run('check("03.a"', 60)
    wait(lambda: "not answered yet" in cell.inner_text(), 20, "the question")
    right = questions.solve("03.a", STUDENT)
    for answer, said in ((right + 1, "not yet"), (right, "right")):
        nb.write(cell, f'check("03.a", {answer}, student="{STUDENT}")')
        wait(lambda said=said: f"03.a: {said}." in cell.inner_text(), 20, said)
    nb.shoot("03-16-answered", cell)


def test_only_training_tells(nb):
    """Both nets train while the exercise is answered; then there are both numbers, and how far two
    trainings of one net lie apart."""
    cell = nb.cell("judge.patch")
    wait(lambda: "trained: " in cell.inner_text(), 240, "the training to end")
    nb.shoot("03-17-trained", cell)
    assert re.search(r"trained.*\d+\.\d+", cell.inner_text())
    cell.get_by_role("button", name="Undo", exact=True).click()
    wait(lambda: "No changes." in cell.inner_text(), 60, "the undoing")
