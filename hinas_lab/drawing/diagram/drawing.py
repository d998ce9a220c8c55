"""A drawing as a value that shows itself in Jupyter and writes itself: ``dot`` turns it into DOT
text, ``render`` that into a picture."""

from base64 import b64encode
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

from hinas_lab.drawing.diagram.dot import dot_text
from hinas_lab.drawing.diagram.render import described, render
from hinas_lab.drawing.diagram.value import Group
from hinas_lab.storage import write_atomic

FORMATS = ("svg", "pdf", "png")


@dataclass(frozen=True)
class Drawing:
    """Groups from top to bottom, a title, and a text for those who cannot see the picture."""

    title: str
    alt: str
    groups: tuple[Group, ...]
    gap: float = 0.32
    "inches between two columns of boxes"

    @cached_property
    def dot(self) -> str:
        """The DOT text; needs the graphviz package, but no Graphviz."""
        return dot_text(self.title, self.groups, self.gap)

    def svg(self) -> str:
        """SVG text with role, title and description. ValueError as for ``render``."""
        return self.render("svg").decode("utf-8")

    def html(self) -> str:
        """An ``img`` that holds the SVG, as wide as the drawing and never wider than its
        container. ValueError as for ``render``."""
        # JupyterLab cuts a bare SVG that is wider than its cell, GitHub shows none
        data = b64encode(self.render("svg")).decode()
        return (
            f'<img alt="{escape(f"{self.title}. {self.alt}")}" '
            f'style="max-width: 100%; height: auto" src="data:image/svg+xml;base64,{data}">'
        )

    def render(self, fmt: str) -> bytes:
        """The drawing as svg, pdf or png; equal drawings give equal bytes on one machine.

        ValueError in one line, which says what to install, where no Graphviz can do it.
        """
        picture = render(self.dot, fmt)
        if fmt != "svg":
            return picture
        return described(picture.decode("utf-8"), self.title, self.alt).encode("utf-8")

    def _repr_mimebundle_(self, **kwargs) -> dict[str, str]:
        """For Jupyter: the picture, and its SVG for what shows no HTML; where nothing can render
        it, why not, and the DOT text."""
        try:
            return {"text/html": self.html(), "image/svg+xml": self.svg()}
        except ValueError as error:
            return {"text/plain": f"// {error}\n{self.dot}"}

    def save(self, path: str | Path) -> Path:
        """Write svg, pdf or png, by the extension; the file appears whole or not at all.

        ValueError for another extension, and as for ``render``.
        """
        path = Path(path)
        fmt = path.suffix.lower().lstrip(".")
        if fmt not in FORMATS:
            raise ValueError(f"path = {str(path)!r}: must end in .{', .'.join(FORMATS)}")
        write_atomic(path, self.render(fmt))
        return path
