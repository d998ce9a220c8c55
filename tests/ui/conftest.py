"""One JupyterLab and one browser for all browser tests; on a machine without a browser each test
says so and is skipped."""

from pathlib import Path

import nbformat
import pytest
from laboratory import Notebook, Server, browser, missing

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "ui"
"ignored by git; made anew by each run"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    if why := missing():
        pytest.skip(f"BROWSER TEST SKIPPED: {why}")
    folder = tmp_path_factory.mktemp("ui") / "notebooks"
    folder.mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        nb = nbformat.read(path, as_version=4)
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None  # what is seen was made here
        nbformat.write(nb, folder / path.name)
    server = Server(folder, preset="classroom")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chromium():
    if why := missing():
        pytest.skip(f"BROWSER TEST SKIPPED: {why}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # no sandbox: its kernel features are missing in containers and for root; the page is ours
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def notebook(server, chromium):
    """``notebook(name)``: opened in a new page."""
    pages = []

    def opened(name: str) -> Notebook:
        pages.append(chromium.new_page(viewport={"width": 1300, "height": 1700}))
        return Notebook(pages[-1], server, name, PICTURES)

    yield opened
    for page in pages:
        page.close()


@pytest.fixture
def offline(chromium):
    """``offline(path, width, scheme)``: a file in a page that reaches no network. Afterwards:
    nothing else was asked for, and no error was heard."""
    contexts, wrong = [], []

    def opened(path: Path, width: int = 1400, scheme: str = "light"):
        view = {"width": width, "height": 1000}
        context = chromium.new_context(viewport=view, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.goto(path.resolve().as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture(scope="session")
def pictures() -> Path:
    """The folder for screenshots, which somebody looks at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES
