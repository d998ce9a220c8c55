"""The file that ``runs report`` writes, opened in a browser without a network."""

import pytest

from hinas_book.kit.recorded import RUNS
from hinas_lab.live.report import write_report

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    write_report([RUNS / "classroom"], folder / "one.html")
    write_report([RUNS / "classroom", RUNS / "hasty"], folder / "two.html")
    write_report([RUNS / "classroom", RUNS / "hasty", RUNS / "affine"], folder / "three.html")
    return folder


def is_too_wide(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1024, 1400])
def test_it_fits(offline, folder, pictures, width, scheme):
    page = offline(folder / "two.html", width, scheme)
    page.wait_for_selector(".hinas .maps svg")
    assert not is_too_wide(page)
    assert page.locator(".hinas.dark").count() == (scheme == "dark")
    first, second = (board.bounding_box() for board in page.locator(".hinas .board").all())
    assert (first["y"] == second["y"]) == (width >= 1200)  # side by side
    page.screenshot(path=pictures / f"report-{width}-{scheme}.png", full_page=True)


def test_the_replay_goes_back(offline, folder):
    page = offline(folder / "one.html")
    said = page.locator(".hinas output")
    assert said.inner_text() == "epoch 16"
    genotype = page.locator(".hinas .genotype svg").get_attribute("aria-label")
    slider = page.locator(".hinas .slider")
    slider.focus()
    page.keyboard.press("Home")
    assert said.inner_text() == "epoch 0"
    assert page.locator(".hinas .genotype svg").get_attribute("aria-label") != genotype
    page.locator(".hinas .cell").first.hover()
    assert page.locator(".hinas .tip").inner_text().startswith("layer 0, h(l-1) → node 0")
    page.get_by_role("button", name="play").click()
    page.wait_for_function("Number(document.querySelector('.hinas').dataset.time) > 0")


def test_the_wipe_by_keyboard_and_by_pointer(offline, folder):
    page = offline(folder / "one.html", 390)
    figure = page.locator(".before-after").first
    shares = "(figure) => getComputedStyle(figure.querySelector('.before')).clipPath"
    middle = figure.evaluate(shares)
    figure.locator("input").focus()
    page.keyboard.press("End")
    assert figure.evaluate(shares) != middle
    box = figure.locator(".pair").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    page.mouse.up()
    assert 20 < float(figure.locator("input").input_value()) < 30


def test_light_and_dark_are_kept(offline, folder):
    page = offline(folder / "one.html")
    page.locator("#theme").click()
    page.wait_for_selector(".hinas.dark")
    page.reload()
    page.wait_for_selector(".hinas.dark")
    assert page.locator("#theme").inner_text() == "☀ light"


def test_of_three_two_are_chosen(offline, folder):
    page = offline(folder / "three.html")
    titles = page.locator(".hinas .board h3")
    assert [title.split()[0] for title in titles.all_inner_texts()] == ["classroom", "hasty"]
    page.get_by_label("second search").select_option("affine")
    assert [title.split()[0] for title in titles.all_inner_texts()] == ["classroom", "affine"]


def test_on_paper_it_is_light_and_open(offline, folder):
    page = offline(folder / "one.html", 1400, "dark")
    page.wait_for_selector(".hinas.dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".hinas.dark").count() == 0
    assert page.locator("details:not([open])").count() == 0
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_selector(".hinas.dark")
    assert page.locator("details:not([open])").count() == 1
