"""Notebook 03 as its reader uses it: start, pause, step, resume, stop; drag the replay; operate on
a genotype; answer."""

import re
import time

import pytest
from laboratory import wait

from hinas_book.lessons import questions

pytestmark = pytest.mark.ui
STUDENT = "Ada"


@pytest.fixture(scope="module")
def nb(notebook):
    """Notebook 03 with its cells run as far as the panel."""
    opened = notebook("03_live_search.ipynb")
    opened.run_to("panel(search)", 120)
    return opened


def test_the_pictures_of_the_toys_are_there(nb):
    for text in ("toy = Share()", "axis = np.linspace"):
        assert nb.cell(text).locator("img").count() == 1
    assert (
        "autodiff through 200 weight steps  -2.0000"
        in nb.cell("for steps in range(201)").inner_text()
    )


def test_start_pause_step_resume_stop(nb):
    cell = nb.cell("panel(search)")
    line = cell.locator(".widget-label", has_text=" · ").first

    def press(name: str):
        cell.get_by_role("button", name=name, exact=True).click()

    def says(pattern: str, seconds: float = 60) -> str:
        return wait(
            lambda: re.search(pattern, line.inner_text()), seconds, f"the panel to say {pattern}"
        ).string

    def place(said: str) -> str:
        return re.search(r"epoch \d+/16, iteration \d+/\d+", said)[0]

    says("^ready")
    nb.shoot("03-1-ready", cell)
    press("Start")
    says("^running.*epoch 1/16, iteration [1-9]")
    wait(lambda: cell.locator("img").is_visible(), 30, "the first picture")
    nb.shoot("03-2-running", cell)

    pressed = time.monotonic()
    press("Pause")
    says("^(pausing|paused)", 5)
    print(
        f"pause acknowledged and seen after {time.monotonic() - pressed:.2f} s, "
        "on a machine with other work"
    )
    before = place(says("^paused"))
    nb.page.wait_for_timeout(3000)  # many steps long
    assert place(says("^paused")) == before, "the counter stands still"
    nb.shoot("03-3-paused", cell)

    press("Step weight")
    wait(lambda: place(says("^paused")) != before, 30, "one step")
    one, two = (
        int(re.search(r"iteration (\d+)", text)[1]) for text in (before, place(says("^paused")))
    )
    assert two == one + 1
    picture = cell.locator("img").get_attribute("src")
    press("Step epoch")
    says("^paused.*epoch 2/16, iteration 0/", 120)
    wait(lambda: cell.locator("img").get_attribute("src") != picture, 10, "the picture to follow")
    nb.shoot("03-4-epoch", cell)

    press("Resume")
    says("^running.*epoch 2/16, iteration [1-9]")
    press("Stop")
    wait(
        lambda: cell.locator("img").count() == 1 and not cell.locator(".widget-button").count(),
        60,
        "a picture in place of the buttons",
    )
    assert "stopped" in cell.inner_text()
    nb.shoot("03-5-stopped", cell)


def test_drag_the_replay(nb):
    cell = nb.run("lab.replay(broken)", 60)
    picture, at = cell.locator("img").first, cell.locator(".widget-readout").first
    wait(lambda: at.inner_text() == "0" and picture.is_visible(), 30, "the start of the recording")
    nb.shoot("03-6-replay", cell)
    start = nb.settled(picture)
    handle, rail = (
        cell.locator(".noUi-handle").first,
        cell.locator(".noUi-base").first.bounding_box(),
    )
    spot = handle.bounding_box()
    nb.page.mouse.move(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    nb.page.mouse.down()
    nb.page.mouse.move(rail["x"] + rail["width"] / 4, spot["y"] + spot["height"] / 2, steps=8)
    nb.page.mouse.up()
    assert at.inner_text() == "4"
    fourth = nb.settled(picture)
    nb.shoot("03-7-dragged", cell)
    cell.get_by_role("button", name=re.compile("best epoch")).click()
    wait(lambda: at.inner_text() == "15", 10, "the best epoch")
    best = nb.settled(picture)
    nb.shoot("03-8-best", cell)
    assert len({start, fourth, best}) == 3
    handle.focus()
    for _ in range(15):
        nb.page.keyboard.press("ArrowLeft")
    wait(lambda: at.inner_text() == "0", 10, "the start again")
    assert nb.settled(picture) == start, "a picture belongs to its epoch"


def test_two_searches_side_by_side(nb):
    cell = nb.run("a-equals-w", 60)
    wait(lambda: cell.locator("img").count() == 2, 30, "two pictures")
    nb.shoot("03-9-two", cell)


def test_operate_on_a_genotype(nb):
    cell = nb.run("score=shared_scorer(found)", 120)
    place, becomes = (cell.locator("select").nth(i) for i in (0, 1))

    def offered(select) -> list[str]:
        texts = select.locator("option").all_inner_texts()
        return [text.replace("\xa0", " ") for text in texts]

    wait(lambda: cell.locator("svg").count(), 60, "a drawing")
    nb.shoot("03-10-surgery", cell)
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
    nb.shoot("03-11-edited", cell)
    cell.get_by_role("button", name="Undo", exact=True).click()
    wait(lambda: "No changes." in cell.inner_text(), 60, "the undoing")


def test_answer_an_exercise(nb):
    cell = nb.run('check("03.a"', 60)
    wait(lambda: "not answered yet" in cell.inner_text(), 20, "the question")
    right = questions.solve("03.a", STUDENT)
    for answer, said in ((right + 1, "not yet"), (right, "right")):
        nb.write(cell, f'check("03.a", {answer}, student="{STUDENT}")')
        wait(lambda said=said: f"03.a: {said}." in cell.inner_text(), 20, said)
    nb.shoot("03-12-answered", cell)
