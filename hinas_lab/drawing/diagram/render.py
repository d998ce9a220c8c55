"""A drawing as SVG, PDF or PNG: its DOT text through Graphviz, which pygraphviz carries inside its
wheel; where that is missing, through the ``dot`` program."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from functools import cache
from html import escape
from pathlib import Path

from hinas_lab.drawing.diagram.dot import FONT

# For a reader of an SVG who does not have FONT: letters as wide.
OTHER_FONTS = "Verdana, sans-serif"
INSTALL = "a drawing needs Graphviz: pip install graphviz pygraphviz, or install the dot program"


def render(dot: str, fmt: str) -> bytes:
    """DOT text as svg, pdf or png; equal texts give equal bytes on one machine.

    ValueError in one line, which says what to install, where no Graphviz can do it.
    """
    arguments = ["-Gdpi=144"] if fmt == "png" else []
    for backend in (_by_pygraphviz, _by_program):
        try:
            picture = backend(dot, fmt, arguments)
        except (ImportError, OSError, ValueError, subprocess.SubprocessError) as error:
            reason = error  # absent, or built without this format
            continue
        # A PDF's date would make equal drawings differ.
        return re.sub(rb"\(D:\d{14}", b"(D:19700101000000", picture) if fmt == "pdf" else picture
    raise ValueError(INSTALL) from reason


def described(svg: str, title: str, alt: str) -> str:
    """Graphviz's SVG with a title and an alternative text. Its root has a size and no style:
    what is no browser reads ``height: auto`` as no height."""
    head, body = svg[svg.index("<svg") + 4 :].split(">", 1)
    # Double quotes hold an XML attribute, single ones a name inside CSS.
    body = body.replace(f'"{FONT}"', f'"{FONT}, {OTHER_FONTS}"')
    body = body.replace(f"'{FONT}'", f"'{FONT}', {OTHER_FONTS}")
    title = escape(title)
    return (
        f'<svg role="img" aria-label="{title}"{head}>\n'
        f"<title>{title}</title>\n<desc>{escape(alt)}</desc>{body.rstrip()}\n"
    )


def _by_program(dot: str, fmt: str, arguments: list[str]) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise FileNotFoundError("dot")
    with _matplotlib_fonts():
        done = subprocess.run(
            [program, f"-T{fmt}", *arguments],
            input=dot.encode(),
            capture_output=True,
            check=True,
            timeout=60,
        )
    return done.stdout


# Graphviz in process is not made for threads.
_LOCK = threading.Lock()


def _by_pygraphviz(dot: str, fmt: str, arguments: list[str]) -> bytes:
    with _LOCK:
        return _agraph()(string=dot).draw(format=fmt, prog="dot", args=" ".join(arguments))


@cache
def _agraph() -> type:
    """pygraphviz's AGraph after a first drawing, where Graphviz reads its fonts and may complain
    about the system's on stderr."""
    from pygraphviz import AGraph

    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        with _matplotlib_fonts():
            AGraph(string=f'digraph {{ a [fontname="{FONT}"] }}').draw(format="svg", prog="dot")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)
    return AGraph


@contextmanager
def _matplotlib_fonts():
    """Inside, fontconfig sees matplotlib's fonts alone: machines agree on a layout, and one without
    fonts can draw."""
    import matplotlib

    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    before = os.environ.get("FONTCONFIG_FILE")
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "fonts.conf")
        settings.write_text(
            f"<fontconfig><dir>{escape(str(fonts))}</dir>"
            f"<cachedir>{escape(folder)}</cachedir></fontconfig>",
            encoding="utf-8",
        )
        os.environ["FONTCONFIG_FILE"] = str(settings)
        try:
            yield
        finally:
            del os.environ["FONTCONFIG_FILE"]
            if before is not None:
                os.environ["FONTCONFIG_FILE"] = before
