"""The paper's 14 figures and 12 tables, redrawn from records and stored weights: no training.

Every file says in its metadata or its text what it was made from; ``index`` lists all. What has no
data says "no data here".
"""

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from hinas_book.kit.recorded import registered
from hinas_book.kit.registry import PaperFigure, paper_figures
from hinas_book.paper import tables
from hinas_book.paper.figure_files import FORMATS, picture_file
from hinas_book.paper.our_rows import by_protocol, measured, merged
from hinas_book.paper.our_studies import blocks
from hinas_book.paper.published import TABLES, paper_table
from hinas_lab.images.protocol import Restore
from hinas_lab.storage import write_atomic

Load = Callable[[str], Restore | None]
IDS = (*paper_figures(), *(f"table{n:02}" for n in TABLES))


def source_and_scale(figure: PaperFigure) -> tuple[str, str]:
    """What a figure is made from and at which scale; of a study as its record is today."""
    if not figure.study:
        return figure.source, figure.scale
    record = registered(figure.study)
    scale = record["preset"] if record else "no data here"
    return f"data/studies/{figure.study}.json, seed 0", scale


def full_id(id: str) -> str:
    """``id`` as it is registered (fig2 is fig02); ValueError suggests the nearest one."""
    # fig2, fig02 and table9 are all meant
    match = re.fullmatch(r"(fig|table)0?(\d+)", id)
    if match:
        id = f"{match[1]}{int(match[2]):02}"
    if id in IDS:
        return id
    near = get_close_matches(id, IDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "must be fig01 to fig14 or table01 to table12"
    raise ValueError(f"id = {id!r}: {hint}")


def redraw(id: str, out: Path, load: Load, stamp: dict, *, local: bool = False) -> list[str]:
    """Write the files of ``id`` into ``out``; their names.

    None when a ``local`` figure has no picture on this machine, and for a ``local`` table.
    ``stamp`` goes into the metadata as JSON.
    """
    id = full_id(id)
    if id.startswith("table"):
        return [] if local else _write_table(int(id[5:]), out)
    figure = paper_figures()[id]
    source, scale = source_and_scale(figure)
    title = f"{id}: {figure.title}"
    description = f"made from {source}; preset {scale}; {json.dumps(stamp)}"
    names = []
    for part, picture in figure.parts(load, local):
        stem = f"{id}-{part}" if part else id
        for fmt in FORMATS:
            data = picture_file(picture, fmt, title, description)
            write_atomic(out / f"{stem}.{fmt}", data)
            names.append(f"{stem}.{fmt}")
    return names


def _write_table(number: int, out: Path) -> list[str]:
    """Markdown, CSV and LaTeX; rows of several protocols become tables of their own.

    Studies on other pictures stand beneath the last one, as CSV in a file of their own.
    """
    table = paper_table(number)
    studies = blocks(number)
    # a table without rows of ours is written, too
    groups = list(by_protocol(number).values()) or [[]]
    parts: dict[str, list[str]] = {"md": [], "csv": [], "tex": []}
    for rows in groups:
        beneath = studies if rows is groups[-1] else ()
        parts["md"].append(tables.markdown(table, rows, beneath))
        parts["csv"].append(tables.csv_text(table, rows))
        parts["tex"].append(tables.latex(table, rows, beneath))
    files = {f"table{number:02}.{suffix}": "\n".join(texts) for suffix, texts in parts.items()}
    if studies:
        files[f"table{number:02}-here.csv"] = tables.blocks_csv(studies)
    for name, text in files.items():
        write_atomic(out / name, text.encode())
    return list(files)


def index(files: dict[str, list[str]], stamp: dict) -> str:
    """The page that lists every id, its files (``files``: id -> names), and its sources."""
    lines = [
        "# The paper's figures and tables, redrawn\n",
        "One command makes all of them: `hinas-lab figures`. Published numbers are the paper's; "
        "what is marked “here”, or made at another scale than “paper”, is measured at one that a "
        "laptop reaches and is no reproduction.\n",
        f"commit {stamp['commit']}, device {stamp['device']}, seed {stamp['seed']}\n",
        "| id | what | made from | scale | files |\n|---|---|---|---|---|",
    ]
    for id in IDS:
        if id in paper_figures():
            title = paper_figures()[id].title
            source, scale = source_and_scale(paper_figures()[id])
        else:
            title, source, scale = _about_table(int(id[5:]))
        links = []
        for name in files.get(id, []):
            # fig04-a.svg is shown as a.svg: the id stands in the first column
            links.append(f"[{name.removeprefix(id).lstrip('-.') or name}]({name})")
        shown = " ".join(links) or "no data here"
        lines.append(f"| {id} | {title} | {source} | {scale} | {shown} |")
    return "\n".join(lines) + "\n"


def _about_table(number: int) -> tuple[str, str, str]:
    """Title, sources and scales of a table, each source and scale once."""
    sources = {"published numbers (data/paper)": None}
    scales = {"paper": None}
    for row in (*merged(measured(number)), *blocks(number)):
        sources[row.source] = None
        scales[f"{row.preset} (here)"] = None
    return tables.TITLES[number], "; ".join(sources), ", ".join(scales)
