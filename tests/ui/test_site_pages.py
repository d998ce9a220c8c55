"""The site in a browser without a network."""

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.ui
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "site"
    runpy.run_path(str(ROOT / "tools" / "site.py"))["write_site"](out)
    return out


def pages() -> list[str]:
    found = [*(ROOT / "notebooks").rglob("*.ipynb"), *(ROOT / "docs").glob("*.md")]
    return ["index", *(str(path.relative_to(ROOT).with_suffix("")) for path in sorted(found))]


@pytest.mark.parametrize("width, scheme", [(390, "dark"), (1024, "light"), (1400, "dark")])
def test_every_page_fits_and_says_no_error(offline, site, pictures, width, scheme):
    for name in pages():
        page = offline(site / f"{name}.html", width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        images = page.locator("main img").all()
        assert all(image.evaluate("(image) => image.naturalWidth > 0") for image in images), name
        picture = f"site-{Path(name).name}-{width}-{scheme}.png"
        page.screenshot(path=pictures / picture, full_page=True)
        page.close()


def test_a_notebook_replays_its_search(offline, site):
    page = offline(site / "notebooks" / "03_live_search.html")
    boards = page.locator(".hinas")
    assert boards.count() == 3 and boards.nth(1).locator(".board").count() == 2
    first = boards.first
    genotype = first.locator(".genotype svg").get_attribute("aria-label")
    first.locator(".slider").focus()
    page.keyboard.press("Home")
    assert first.locator("output").inner_text() == "epoch 0"
    assert first.locator(".genotype svg").get_attribute("aria-label") != genotype


def test_without_javascript_the_picture_is_there(chromium, site):
    context = chromium.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((site / "notebooks" / "03_live_search.html").as_uri())
    assert page.get_by_alt_text("the end of classroom | a-equals-w").is_visible()
    context.close()


def test_one_walks_through_the_pages(offline, site):
    page = offline(site / "index.html")

    def follow(link: str, leads_to: str):
        page.get_by_role("link", name=link).first.click()
        page.locator("h1", has_text=leads_to).wait_for()

    follow("00 · Start here", "00 · Start here")
    follow("▸", "00b")
    follow("glossary", "Glossary")
    follow("hinas_lab", "hinas_lab")
    assert page.locator(".cards").count() == 3
