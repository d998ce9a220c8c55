"""A page that opens without a kernel and without a network: its head, light and dark, boards,
wipes. What it draws with is ``static/``: inside the page, or beside it. No torch."""

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

STATIC = Path(__file__).parent / "static"
FILES = ("board.css", "page.css", "board.js", "page.js")


def page(title: str, body: str, head: str, top: str = "") -> str:
    """A whole HTML page. title is text; body, head (``inlined`` or ``linked``) and top, what stands
    in the bar beside the button for light and dark, are HTML."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
{head}
</head>
<body>
<header class="bar"><nav>{top}</nav><button type="button" id="theme">light / dark</button></header>
<main>
{body}
</main>
</body>
</html>
"""


def inlined() -> str:
    """The head of a page that is one file."""
    parts = []
    for name in FILES:
        kind = "style" if name.endswith(".css") else "script"
        # nothing inside may end the element
        text = static(name).replace(f"</{kind}", rf"<\/{kind}")
        parts.append(f"<{kind}>{text}</{kind}>")
    return "\n".join(parts)


def linked(folder: str, more: Sequence[str] = ()) -> str:
    """The head of a page that finds ``FILES`` and ``more`` in a folder; relative addresses."""
    lines = []
    for name in (*FILES, *more):
        if name.endswith(".css"):
            lines.append(f'<link rel="stylesheet" href="{folder}/{name}">')
        else:
            lines.append(f'<script src="{folder}/{name}"></script>')
    return "\n".join(lines)


def static(name: str) -> str:
    """The text of one of ``FILES``. A browser loads no module from a file's address, so the board
    comes as a plain script that defines ``hinas.mount``."""
    text = (STATIC / name).read_text(encoding="utf-8")
    if name != "board.js":
        return text
    text = re.sub(r"^export default .*$", "", text, flags=re.M)
    text = re.sub(r"^export ", "", text, flags=re.M)
    return f"const hinas = (() => {{\n{text}\nreturn {{ mount }};\n}})();\n"


def film_script(name: str, film: dict) -> str:
    """JavaScript that gives a film (``live.film``) to the page under a name."""
    # "<" would end a script or begin a comment in it
    key, value = (in_script(part) for part in (name, film))
    return f"(globalThis.hinasFilms ??= {{}})[{key}] = {value};\n"


def in_script(value) -> str:
    """A value as JSON that may stand in a script."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def board(names: Sequence[str], instead: str) -> str:
    """The place of a board for the films ``names``; more than two are chosen from. ``instead``:
    HTML, seen without JavaScript."""
    return f'<div data-films="{escape(json.dumps(list(names)))}">{instead}</div>'


def table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Rows of HTML cells; the first cell of a row names it. It scrolls where it is too wide."""
    lines = []
    if head:
        cells = "".join(f'<th scope="col">{cell}</th>' for cell in head)
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    for first, *others in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    # with a tab stop: what scrolls must scroll by keyboard
    return f'<div class="scroll" tabindex="0"><table>{"".join(lines)}</table></div>'
