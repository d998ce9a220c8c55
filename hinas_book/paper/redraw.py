"""The paper's 14 figures and 12 tables, redrawn from records and stored weights: no training.

Every file says in its metadata or its text what it was made from, every SVG and PNG with a digest
of that, so that ``stale`` finds those that no longer show it; ``index`` is the page of all. What
has no data says "no data here".
"""

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from hinas_book.kit.recorded import registered
from hinas_book.kit.registry import PaperFigure, paper_figures
from hinas_book.paper import tables
from hinas_book.paper.figure_files import FORMATS, digest, picture_file
from hinas_book.paper.our_rows import by_protocol, measured, merged
from hinas_book.paper.our_studies import blocks
from hinas_book.paper.published import TABLES, paper_table
from hinas_lab.images.protocol import Restore
from hinas_lab.storage import write_atomic

Load = Callable[[str], Restore | None]
PAGE = "README.md"
"the name under which GitHub shows a folder's page"
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
    names = []
    for part, picture in figure.parts(load, local):
        stem = f"{id}-{part}" if part else id
        made_of = f"sources {digest(figure.source_files() or picture)}"
        description = f"made from {source}; preset {scale}; {made_of}; {json.dumps(stamp)}"
        for fmt in FORMATS:
            data = picture_file(picture, fmt, title, description)
            write_atomic(out / f"{stem}.{fmt}", data)
            names.append(f"{stem}.{fmt}")
    return names


def _write_table(number: int, out: Path) -> list[str]:
    texts = _table_texts(number)
    for name, text in texts.items():
        write_atomic(out / name, text.encode())
    return list(texts)


def _table_texts(number: int) -> dict[str, str]:
    """File name -> Markdown, CSV and LaTeX; rows of several protocols become tables of their own.

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
    return files


def stale(id: str, folder: Path) -> list[str]:
    """The files of ``id`` that the page shows and that are missing in ``folder``, or made from
    something else than what is here now. No net restores and no Graphviz draws for it."""
    if id.startswith("table"):
        name = f"{id}.md"
        text = _table_texts(int(id[5:]))[name].encode()
        return [name] if _bytes(folder / name) != text else []
    figure = paper_figures()[id]
    stamps = {}
    if figure.sources:
        names = [path.name for path in folder.glob(f"{id}*.png")] or [f"{id}.png"]
        stamps = dict.fromkeys(names, digest(figure.source_files()))
    else:
        for part, picture in figure.parts(lambda name: None, False):
            stamps[f"{id}-{part}.svg" if part else f"{id}.svg"] = digest(picture)
    wanted = {name: f"sources {made_of};".encode() for name, made_of in stamps.items()}
    return [name for name, text in wanted.items() if text not in _bytes(folder / name)]


def _bytes(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n") if path.exists() else b""


def index(files: dict[str, list[str]]) -> str:
    """The page that shows every figure and lists every table (``files``: id -> names) with what it
    is made from, at which scale, and its command."""
    lines = [
        "# The paper's figures and tables, redrawn\n",
        "`make figures` makes all of them again from records and stored weights; nothing is "
        "trained. Published numbers are the paper's; what is marked “here”, or made at another "
        "scale than “paper”, is measured at one that a laptop reaches and is no reproduction; a "
        "star behind a preset: one thing of it was changed. The photographs are those of "
        "scikit-image. Each command below also writes what git ignores: SVG, PNG and PDF of a "
        "figure, CSV and LaTeX of a table.\n",
    ]
    for id, figure in paper_figures().items():
        source, scale = source_and_scale(figure)
        lines.append(f"## {id}: {figure.title}\n")
        lines.append(f"Made from {source}. Scale: {scale}. Command: `hinas-lab figures {id}`.\n")
        suffix = ".png" if figure.sources else ".svg"
        names = [name for name in files.get(id, []) if name.endswith(suffix)]
        pictures = [f"![{figure.title}]({name})\n" for name in names]
        lines += pictures or ["no data here\n"]
    lines += ["## Tables\n", "| table | what | made from | scale | command |", "|---|" + "---|" * 4]
    for number in TABLES:
        id = f"table{number:02}"
        title, source, scale = _about_table(number)
        name = f"[{id}]({id}.md)" if files.get(id) else f"{id}: no data here"
        lines.append(f"| {name} | {title} | {source} | {scale} | `hinas-lab figures {id}` |")
    return "\n".join(lines) + "\n"


def _about_table(number: int) -> tuple[str, str, str]:
    """Title, sources and scales of a table, each source and scale once."""
    sources = {"published numbers (data/paper)": None}
    scales = {"paper": None}
    for row in (*merged(measured(number)), *blocks(number)):
        sources[row.source] = None
        scales[f"{row.preset} (here)"] = None
    return tables.TITLES[number], "; ".join(sources), ", ".join(scales)
