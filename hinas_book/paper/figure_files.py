"""SVG, PNG and PDF of a figure, with what it was made from in the file's own metadata."""

import hashlib
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hinas_lab.drawing import style
from hinas_lab.drawing.diagram.drawing import Drawing

FORMATS = ("svg", "png", "pdf")


def digest(made_of: Drawing | Sequence[Path]) -> str:
    """12 digits that change when what a picture is made from does: a drawing's own text, which
    every Graphviz lays out in its way; the contents of the files behind a plot."""
    if isinstance(made_of, Drawing):
        parts = [made_of.dot.encode(), made_of.alt.encode()]
    else:
        parts = [path.read_bytes() for path in made_of]
    whole = hashlib.sha256()
    for part in parts:
        # a checkout of Windows may have other line ends
        whole.update(hashlib.sha256(part.replace(b"\r\n", b"\n")).digest())
    return whole.hexdigest()[:12]


def picture_file(picture: Drawing | Figure, fmt: str, title: str, description: str) -> bytes:
    """``picture`` as a file of one of ``FORMATS``. Equal pictures give equal bytes: no date.

    Graphviz writes no metadata into a PDF: of a ``Drawing`` the index alone says it.
    """
    if isinstance(picture, Figure):
        return _figure_file(picture, fmt, title, description)
    # an SVG has its title and description first
    if fmt == "svg":
        metadata = f"</desc>\n<metadata>{escape(description)}</metadata>"
        return picture.svg().replace("</desc>", metadata, 1).encode("utf-8")
    data = picture.render(fmt)
    if fmt == "png":
        text = PngInfo()
        text.add_text("Title", title)
        text.add_text("Description", description)
        buffer = io.BytesIO()
        Image.open(io.BytesIO(data)).save(buffer, "png", pnginfo=text)
        data = buffer.getvalue()
    return data


def _figure_file(figure: Figure, fmt: str, title: str, description: str) -> bytes:
    # matplotlib dates an SVG and a PDF unless told otherwise; a PDF has no key "Description"
    metadata = {
        "svg": {"Title": title, "Description": description, "Date": None},
        "png": {"Title": title, "Description": description},
        "pdf": {"Title": title, "Subject": description, "CreationDate": None},
    }
    buffer = io.BytesIO()
    with style.theme():
        figure.savefig(buffer, format=fmt, metadata=metadata[fmt], dpi=110)
    return buffer.getvalue()
