"""The registry: what redraws each of the paper's 14 figures and 12 tables. Drawn from records and stored weights, nothing is trained.

Every file says in its metadata or its text what it was made from; ``index`` lists all. What has no data says "no data here".
"""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from html import escape
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hinas_lab.config import SearchSpace, preset
from hinas_lab.images.protocol import Restore
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import write_atomic
from hinas_lab.studies.beneath import blocks
from hinas_lab.studies.measured import by_protocol, measured, merged
from hinas_lab.studies.perturbation import read
from hinas_lab.studies.published import TABLES, table
from hinas_lab.studies.recorded import recorded, registered
from hinas_lab.views import graphs, space_graphs, style, tables, visual
from hinas_lab.views.drawing import Drawing, render
from hinas_lab.views.tradeoff import figure_costs, figure_tradeoff

Load = Callable[[str], Restore | None]
FORMATS = ("svg", "png", "pdf")


@dataclass(frozen=True)
class Entry:
    """One id. ``draw(load)`` gives (part, Drawing or Figure) pairs; a part is added to the id when a figure has several."""

    id: str
    title: str
    source: str
    "what it is made from"
    scale: str
    "paper (printed numbers, or a config of the paper), or a preset"
    draw: Callable[[Load, bool], Iterator[tuple[str, Drawing | Figure]]]
    study: str = ""
    "the registered study that it is made from, at the scale of its record"

    @property
    def stands_on(self) -> tuple[str, str]:
        """``source`` and ``scale``; of a study as they are today."""
        if not self.study:
            return self.source, self.scale
        return f"data/studies/{self.study}.json, seed 0", (registered(self.study) or {"preset": "no data here"})["preset"]


def _widths(load: Load, local: bool):
    first = {r["arm"]: r for r in recorded("widths")["rows"] if r["seed"] == 0}
    for name in ("ws", "w40", "wm"):
        g = Genotype.from_json(first[name]["genotype"])
        yield name, graphs.draw_path(g if name == "ws" else replace(g, path_score=None))  # nothing was decoded: set by hand


def _perturbed(task: str):
    def draw(load: Load, local: bool):
        studied = read(recorded("perturb"), task)
        yield "a", graphs.draw_genotype(studied.found)
        for part, kind in (("b", "R1"), ("c", "R2")):
            yield part, graphs.draw_difference(studied.found, studied.median(kind).genotype)
    return draw


def _visual(number: int):
    def draw(load: Load, local: bool):
        with style.theme():
            figure = visual.figure_visual(visual.lines(number), load, local=local)
        if figure is not None:
            yield "", figure
    return draw


def _tradeoff(load: Load, local: bool):
    with style.theme():
        yield "", figure_tradeoff()
        yield "here", figure_costs(recorded("peers-denoise")["rows"])


PUBLISHED, CONFIG, NETS = "published numbers (data/paper)", "the config of preset paper", "weights in data/nets; rows of data/figures.csv"


def _config(**parts: tuple[Callable[[SearchSpace], Drawing], str]):
    """Drawings of the paper's spaces: part -> (what draws, task)."""
    return lambda load, local: ((part.strip("_"), draw(preset("paper", task).space)) for part, (draw, task) in parts.items())


REGISTRY: dict[str, Entry] = {e.id: e for e in (
    Entry("fig01", "Super-cell and mixed operations", CONFIG, "paper", _config(_=(space_graphs.draw_supercell, "denoise"))),
    Entry("fig02", "Supernet: widths and moves", CONFIG, "paper", _config(_=(space_graphs.draw_widths, "denoise"))),
    Entry("fig03", "Cell sharing", CONFIG, "paper", _config(_=(space_graphs.draw_cell_sharing, "denoise"))),
    Entry("fig04", "Networks for both tasks", CONFIG, "paper",
          _config(a=(space_graphs.draw_network, "denoise"), b=(space_graphs.draw_network, "sr"))),
    Entry("fig05", "LWAS and residual learning, denoising", NETS, "study", _visual(5)),
    Entry("fig06", "LWAS and residual learning, ×4", NETS, "study", _visual(6)),
    Entry("fig07", "Width settings: searched, w40, wm", "", "", _widths, "widths"),
    Entry("fig08", "MSE against MSE + SSIM, denoising", NETS, "classroom", _visual(8)),
    Entry("fig09", "MSE against MSE + SSIM, ×4", NETS, "study", _visual(9)),
    Entry("fig10", "Found net, median R1 and R2, denoising", "", "", _perturbed("denoise"), "perturb"),
    Entry("fig11", "Found net, median R1 and R2, super-resolution", "", "", _perturbed("sr"), "perturb"),
    Entry("fig12", "Denoising at σ 30, 50, 70", NETS, "classroom", _visual(12)),
    Entry("fig13", "Super-resolution ×2 and ×4", NETS, "classroom", _visual(13)),
    Entry("fig14", "Trade-off of cost and quality", PUBLISHED + "; here: data/studies/peers-denoise.json", "paper", _tradeoff),
)}  # fmt: skip
IDS = (*REGISTRY, *(f"table{n:02}" for n in TABLES))


def known(id: str) -> str:
    """``id`` as it is registered (fig2 is fig02); ValueError suggests the nearest one."""
    if match := re.fullmatch(r"(fig|table)0?(\d+)", id):
        id = f"{match[1]}{int(match[2]):02}"
    if id in IDS:
        return id
    near = get_close_matches(id, IDS, n=1, cutoff=0.5)
    raise ValueError(f"id = {id!r}: " + (f"did you mean {near[0]}?" if near else "must be fig01 to fig14 or table01 to table12"))


def redraw(id: str, out: Path, load: Load, stamp: dict, *, local: bool = False) -> list[str]:
    """Write the files of ``id`` into ``out``; their names, none when a ``local`` figure has no picture on this machine."""
    id = known(id)
    if id.startswith("table"):
        return [] if local else _tables(int(id[5:]), out)
    entry, names = REGISTRY[id], []
    source, scale = entry.stands_on
    said = {"Title": f"{id}: {entry.title}", "Description": f"made from {source}; preset {scale}; {json.dumps(stamp)}"}
    for part, drawn in entry.draw(load, local):
        for fmt in FORMATS:
            path = out / f"{id}{'-' * bool(part)}{part}.{fmt}"
            write_atomic(path, _drawing(drawn, fmt, said) if isinstance(drawn, Drawing) else _bytes(drawn, fmt, said))
            names.append(path.name)
    return names


def _drawing(drawing: Drawing, fmt: str, said: dict[str, str]) -> bytes:
    """A drawing with ``said`` in an SVG's metadata and a PNG's text; Graphviz writes no such thing into a PDF, the index says it."""
    if fmt == "svg":
        return drawing.svg().replace("</desc>", f"</desc>\n<metadata>{escape(said['Description'])}</metadata>", 1).encode("utf-8")
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
    told = lambda write: "\n".join(write(table(number), g, below if g is groups[-1] else ()) for g in groups)  # noqa: E731
    texts = {"md": told(tables.markdown), "csv": "\n".join(tables.csv_text(table(number), g) for g in groups), "tex": told(tables.latex)}
    names = {f"table{number:02}.{suffix}": text for suffix, text in texts.items()}
    if below:
        names[f"table{number:02}-here.csv"] = tables.blocks_csv(below)
    for name, text in names.items():
        write_atomic(out / name, text.encode())
    return list(names)


def index(drawn: dict[str, list[str]], stamp: dict) -> str:
    """The page that lists every id, its files, and what it was made from."""
    head = ("# The paper's figures and tables, redrawn\n\nOne command makes all of them: `hinas-lab figures`. Published numbers are the "
            "paper's; what is marked “here”, or made at another scale than “paper”, is measured at one that a laptop reaches and is no "
            "reproduction.\n\n"
            f"commit {stamp['commit']}, device {stamp['device']}, seed {stamp['seed']}\n\n"
            "| id | what | made from | scale | files |\n|---|---|---|---|---|\n")
    rows = []
    for id in IDS:
        if id in REGISTRY:
            title, (source, scale) = REGISTRY[id].title, REGISTRY[id].stands_on
        else:
            n = int(id[5:])
            here = [*merged(measured(n)), *blocks(n)]
            title, source = tables.TITLES[n], "; ".join(dict.fromkeys([PUBLISHED, *(r.source for r in here)]))
            scale = ", ".join(["paper", *dict.fromkeys(f"{r.preset} (here)" for r in here)])
        files = drawn.get(id, [])
        links = " ".join(f"[{name.removeprefix(id).lstrip('-.') or name}]({name})" for name in files) or "no data here"
        rows.append(f"| {id} | {title} | {source} | {scale} | {links} |\n")
    return head + "".join(rows)
