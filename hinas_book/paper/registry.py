"""The registry: what redraws each of the paper's 14 figures and 12 tables. Drawn from records and stored weights, nothing is trained.

Every file says in its metadata or its text what it was made from; ``index`` lists all. What has no data says "no data here".
"""

import io
import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from html import escape
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hinas_book.kit.recorded import registered
from hinas_book.kit.registry import PaperFigure, paper_figures
from hinas_book.paper import tables
from hinas_book.paper.our_rows import by_protocol, measured, merged
from hinas_book.paper.our_studies import blocks
from hinas_book.paper.published import TABLES, paper_table
from hinas_lab.draw import style
from hinas_lab.draw.diagram.render import render
from hinas_lab.draw.diagram.value import Drawing
from hinas_lab.images.protocol import Restore
from hinas_lab.storage import write_atomic

Load = Callable[[str], Restore | None]
FORMATS = ("svg", "png", "pdf")


IDS = (*paper_figures(), *(f"table{n:02}" for n in TABLES))


def stands_on(figure: PaperFigure) -> tuple[str, str]:
    """What a figure is made from and at which scale; of a study as its record is today."""
    if not figure.study:
        return figure.source, figure.scale
    record = registered(figure.study)
    return f"data/studies/{figure.study}.json, seed 0", record[
        "preset"
    ] if record else "no data here"


def known(id: str) -> str:
    """``id`` as it is registered (fig2 is fig02); ValueError suggests the nearest one."""
    if match := re.fullmatch(r"(fig|table)0?(\d+)", id):
        id = f"{match[1]}{int(match[2]):02}"
    if id in IDS:
        return id
    near = get_close_matches(id, IDS, n=1, cutoff=0.5)
    raise ValueError(
        f"id = {id!r}: "
        + (f"did you mean {near[0]}?" if near else "must be fig01 to fig14 or table01 to table12")
    )


def redraw(id: str, out: Path, load: Load, stamp: dict, *, local: bool = False) -> list[str]:
    """Write the files of ``id`` into ``out``; their names, none when a ``local`` figure has no picture on this machine."""
    id = known(id)
    if id.startswith("table"):
        return [] if local else _tables(int(id[5:]), out)
    figure, names = paper_figures()[id], []
    source, scale = stands_on(figure)
    said = {
        "Title": f"{id}: {figure.title}",
        "Description": f"made from {source}; preset {scale}; {json.dumps(stamp)}",
    }
    for part, drawn in figure.parts(load, local):
        for fmt in FORMATS:
            path = out / f"{id}{'-' * bool(part)}{part}.{fmt}"
            write_atomic(
                path,
                _drawing(drawn, fmt, said)
                if isinstance(drawn, Drawing)
                else _bytes(drawn, fmt, said),
            )
            names.append(path.name)
    return names


def _drawing(drawing: Drawing, fmt: str, said: dict[str, str]) -> bytes:
    """A drawing with ``said`` in an SVG's metadata and a PNG's text; Graphviz writes no such thing into a PDF, the index says it."""
    if fmt == "svg":
        return (
            drawing.svg()
            .replace("</desc>", f"</desc>\n<metadata>{escape(said['Description'])}</metadata>", 1)
            .encode("utf-8")
        )
    data = render(drawing, fmt)
    if fmt == "png":
        told, out = PngInfo(), io.BytesIO()
        for key, text in said.items():
            told.add_text(key, text)
        Image.open(io.BytesIO(data)).save(out, "png", pnginfo=told)
        data = out.getvalue()
    return data


def _bytes(figure: Figure, fmt: str, said: dict[str, str]) -> bytes:
    """Equal figures give equal bytes: no date."""
    buffer = io.BytesIO()
    extra = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[fmt]
    told = {"Title": said["Title"], "Subject": said["Description"]} if fmt == "pdf" else said
    with style.theme():
        figure.savefig(buffer, format=fmt, metadata=told | extra, dpi=110)
    return buffer.getvalue()


def _tables(number: int, out: Path) -> list[str]:
    """Markdown, CSV and LaTeX; rows of several protocols become tables of their own. Studies on other pictures stand beneath, as CSV in a
    file of their own."""
    below, groups = blocks(number), list(by_protocol(number).values()) or [[]]
    told = lambda write: "\n".join(
        write(paper_table(number), g, below if g is groups[-1] else ()) for g in groups
    )  # noqa: E731
    texts = {
        "md": told(tables.markdown),
        "csv": "\n".join(tables.csv_text(paper_table(number), g) for g in groups),
        "tex": told(tables.latex),
    }
    names = {f"table{number:02}.{suffix}": text for suffix, text in texts.items()}
    if below:
        names[f"table{number:02}-here.csv"] = tables.blocks_csv(below)
    for name, text in names.items():
        write_atomic(out / name, text.encode())
    return list(names)


def index(drawn: dict[str, list[str]], stamp: dict) -> str:
    """The page that lists every id, its files, and what it was made from."""
    head = (
        "# The paper's figures and tables, redrawn\n\nOne command makes all of them: `hinas-lab figures`. Published numbers are the "
        "paper's; what is marked “here”, or made at another scale than “paper”, is measured at one that a laptop reaches and is no "
        "reproduction.\n\n"
        f"commit {stamp['commit']}, device {stamp['device']}, seed {stamp['seed']}\n\n"
        "| id | what | made from | scale | files |\n|---|---|---|---|---|\n"
    )
    rows = []
    for id in IDS:
        if id in paper_figures():
            figure = paper_figures()[id]
            title, (source, scale) = figure.title, stands_on(figure)
        else:
            n = int(id[5:])
            here = [*merged(measured(n)), *blocks(n)]
            title, source = (
                tables.TITLES[n],
                "; ".join(
                    dict.fromkeys(["published numbers (data/paper)", *(r.source for r in here)])
                ),
            )
            scale = ", ".join(["paper", *dict.fromkeys(f"{r.preset} (here)" for r in here)])
        files = drawn.get(id, [])
        links = (
            " ".join(f"[{name.removeprefix(id).lstrip('-.') or name}]({name})" for name in files)
            or "no data here"
        )
        rows.append(f"| {id} | {title} | {source} | {scale} | {links} |\n")
    return head + "".join(rows)
