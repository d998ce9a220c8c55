"""The board of a cell as its reader uses it: buttons, the line, the slider, values under the
pointer."""

import re

from laboratory import Notebook, wait


class BoardView:
    def __init__(self, nb: Notebook, cell):
        self.nb, self.cell = nb, cell
        self.root = cell.locator(".hinas")

    def is_there(self) -> bool:
        return self.root.count() == 1 and self.root.locator("[data-pane=maps] svg").is_visible()

    # ------------------------------------------------ a search that is played

    def button(self, name: str):
        return self.root.locator(".buttons").get_by_role("button", name=name, exact=True)

    def press(self, name: str):
        self.button(name).click()

    def enabled(self) -> list[str]:
        buttons = self.root.locator(".buttons button")
        return [one.inner_text() for one in buttons.all() if one.is_enabled()]

    def line(self) -> str:
        return self.root.locator(".status").inner_text()

    def says(self, pattern: str, seconds: float = 60) -> str:
        """The line, once it is one of this pattern."""
        try:
            return wait(lambda: re.search(pattern, self.line()), seconds, "the panel").string
        except AssertionError as error:
            raise AssertionError(f"{error} to say {pattern}; it says {self.line()}") from None

    def place(self, pattern: str = "", seconds: float = 60) -> tuple[int, int]:
        """Epoch and iteration of the line, once it is one of this pattern."""
        said = re.search(r"epoch (\d+)/\d+, iteration (\d+)/", self.says(pattern, seconds))
        return int(said[1]), int(said[2])

    # ------------------------------------------------ what is drawn

    def title(self) -> str:
        return self.root.locator("h3").first.inner_text()

    def pane(self, name: str):
        return self.root.locator(f"[data-pane={name}]").first

    def drawn(self, name: str) -> str:
        """A pane's SVG."""
        return self.pane(name).inner_html()

    def time(self) -> str:
        return self.root.get_attribute("data-time")

    def tip(self) -> str:
        return self.root.locator(".tip.on").inner_text()

    def cells_of_map(self):
        """The rectangles of the maps: layer by layer, edge by edge, operation by operation."""
        return self.pane("maps").locator("rect.cell")

    def chosen(self) -> tuple[str, str]:
        """Edge and layer that the curves show, as the two lists say it."""
        names = []
        for what in ("edges", "layers"):
            chosen = self.root.locator(f"select.{what} option:checked")
            names.append(chosen.inner_text())
        return names[0], names[1]

    def is_too_wide(self) -> bool:
        """Whether something is cut off or needs to be scrolled sideways."""
        return self.root.evaluate("root => root.scrollWidth > root.clientWidth + 1")
