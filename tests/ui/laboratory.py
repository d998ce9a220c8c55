"""A JupyterLab, or a Notebook 7, as a reader has it: a server of its own, a browser, and a notebook
whose cells, buttons and sliders can be used."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {
        "windowingMode": "none"
    },  # cells that are scrolled away stay in the page
}
APPS = {"jupyterlab": "lab/tree", "notebook": "notebooks"}
"an application's Python module -> the path of an open notebook"
THEMES = "@jupyterlab/apputils-extension:themes"


def missing() -> str | None:
    """Why there can be no browser test on this machine, in one line; None when there can."""
    try:
        import jupyterlab  # noqa: F401
        import playwright  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed: make test-ui"
    if not browser():
        return (
            f"no browser ({', '.join(BROWSERS)}) on the PATH; "
            "on Debian and Ubuntu: sudo apt install chromium"
        )
    return None


def browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Server:
    """JupyterLab or Notebook 7 on ``folder``, on a free port, with settings of its own.

    first: a folder of packages that its kernels take before those of the environment.
    """

    def __init__(self, folder: Path, preset: str, app: str = "jupyterlab", first: str = ""):
        self.folder, self.app, self.token = folder, app, secrets.token_hex(16)
        own = folder.parent / "jupyter"
        for name, values in SETTINGS.items():
            path = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(values))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        env = os.environ | {
            "HINAS_PRESET": preset,
            "JUPYTER_CONFIG_DIR": str(own / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
            "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
            "IPYTHONDIR": str(own / "ipython"),
            "PYTHONPATH": os.pathsep.join([*filter(None, [first, os.environ.get("PYTHONPATH")])]),
        }
        self.log = (folder.parent / "jupyter.log").open("wb")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                app,
                "--no-browser",
                "--allow-root",
                f"--ServerApp.root_dir={folder}",
                f"--port={self.port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={self.token}",
            ],
            env=env,
            stdout=self.log,
            stderr=self.log,
        )
        wait(
            lambda: self.answers() or self.process.poll() is not None,
            60,
            f"{app} to start: {self.log.name}",
        )
        assert self.process.poll() is None, Path(self.log.name).read_text()

    def answers(self) -> bool:
        try:
            return bool(self.ask("api/status"))
        except OSError:
            return False

    def ask(self, path: str, method: str = "GET", **body):
        """The server's own interface: what it answers, as Python values."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read() or "null")

    def is_idle(self, name: str) -> bool:
        """Whether the kernel of the notebook ``name`` is there and has nothing to do."""
        sessions = [one for one in self.ask("api/sessions") if one["path"] == name]
        return bool(sessions) and sessions[0]["kernel"]["execution_state"] == "idle"

    def end_kernels(self):
        for kernel in self.ask("api/kernels"):
            self.ask(f"api/kernels/{kernel['id']}", "DELETE")

    def use_theme(self, name: str):
        """For pages that are opened, or loaded again, from now on."""
        raw = json.dumps({"theme": name})
        self.ask(f"lab/api/settings/{THEMES}", "PUT", raw=raw)

    def address(self, name: str) -> str:
        reset = "reset&" if self.app == "jupyterlab" else ""
        return f"http://127.0.0.1:{self.port}/{APPS[self.app]}/{name}?{reset}token={self.token}"

    def stop(self):
        self.process.terminate()  # it ends its kernels
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def wait(condition: Callable[[], object], seconds: float, what: str, every: float = 0.05):
    """The first true value of ``condition``; AssertionError names ``what`` was waited for."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(every)


class Notebook:
    """An open notebook. Cells are named by a piece of their source."""

    def __init__(self, page, server: Server, name: str, pictures: Path):
        self.page, self.server, self.name, self.pictures = page, server, name, pictures
        self.broken: list[str] = []
        "what the page said about widgets that it could not draw"
        page.on("console", self._note)
        cells = nbformat.read(server.folder / name, as_version=4).cells
        self.sources = [cell.source for cell in cells]
        # a folded cell has nothing to click on, and does nothing outside Colab
        self.code = [
            i
            for i, cell in enumerate(cells)
            if cell.cell_type == "code" and "jupyter" not in cell.metadata
        ]
        page.goto(server.address(name))
        self._wait_until_ready()
        if server.app == "jupyterlab":
            page.keyboard.press("Control+b")  # the file browser goes: more room

    def _note(self, said):
        if "Could not create a view" in said.text or "Error loading widget" in said.text:
            self.broken.append(said.text)

    def _wait_until_ready(self):
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        wait(lambda: self.server.is_idle(self.name), 60, f"the kernel of {self.name}")
        self.page.wait_for_timeout(2500)  # the kernel is idle a little before the page listens

    def reload(self):
        """The page as after F5."""
        self.page.on("dialog", lambda dialog: dialog.accept())  # unsaved changes are no matter
        self.page.reload()
        self._wait_until_ready()

    def save(self) -> nbformat.NotebookNode:
        """Save, and read the file when it is whole."""
        path = self.server.folder / self.name
        before = path.stat().st_mtime_ns

        def written() -> nbformat.NotebookNode | None:
            if path.stat().st_mtime_ns == before:
                # a busy page may lose a key
                self.page.keyboard.press("Escape")
                self.page.keyboard.press("Control+s")
                return None
            try:
                return nbformat.read(path, as_version=4)
            except ValueError:  # half of it
                return None

        return wait(written, 60, "the notebook to be saved", every=3)

    def restart_kernel(self):
        self.choose("Kernel", "Restart Kernel…")
        self.page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()

    def choose(self, *names: str):
        """An entry of the menu bar: ``choose("Run", "Run All Cells")``."""
        self.page.locator(".lm-MenuBar-item", has_text=names[0]).first.click()
        for name in names[1:]:
            self.page.locator(".lm-Menu-item", has_text=re.compile(f"^{name}")).first.click()

    def cell(self, text: str):
        """The code cell whose source holds ``text``."""
        return self._cell(next(i for i in self.code if text in self.sources[i]))

    def _cell(self, index: int):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def run(self, text: str, seconds: float = 60):
        """Run one cell and wait for its end; an error in it fails."""
        cell = self.cell(text)
        self._run(cell, seconds)
        return cell

    def run_to(self, text: str, seconds: float = 60):
        """Run all cells from the first to the one that holds ``text``."""
        for i in self.code:
            self._run(self._cell(i), seconds)
            if text in self.sources[i]:
                return self._cell(i)
        raise AssertionError(f"no cell holds {text!r}")

    def write(self, cell, source: str, seconds: float = 60):
        """Type ``source`` in place of what the cell holds, and run it."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        self._run(cell, seconds)

    def _run(self, cell, seconds: float):
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.inner_text()

        def changed() -> bool:
            return prompt.inner_text() != before

        def ended() -> bool:
            return changed() and "*" not in prompt.inner_text()

        for _ in range(5):
            cell.locator(".cm-content").click()
            self.page.keyboard.press("Shift+Enter")
            # the very first execution can be lost: a kernel that idles beside an unanswered cell is
            # asked again
            wait(
                lambda: ended() or self.idle_for(3),
                seconds,
                f"a cell to end: {cell.locator('.cm-content').inner_text()}",
            )
            if ended():
                break
        error = cell.locator(
            ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'], "
            ".jp-OutputArea-output.jp-mod-error"
        )
        assert not error.count(), error.first.inner_text()
        assert not self.broken, self.broken

    def idle_for(self, seconds: float) -> bool:
        """Whether the kernel has nothing to do, and still not after so many seconds."""
        if not self.server.is_idle(self.name):
            return False
        self.page.wait_for_timeout(1000 * seconds)
        return self.server.is_idle(self.name)

    def shoot(self, name: str, what=None):
        """A screenshot for people to look at: of a cell, or of the window."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        (what or self.page).screenshot(path=self.pictures / f"{name}.png")
