"""One or more searches as one HTML file that opens offline: ``hinas-lab runs report``. Nothing is
computed again. No torch."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np

from hinas_lab.drawing.genotype_graph import draw_genotype
from hinas_lab.live import facts, page
from hinas_lab.live.film import film_of
from hinas_lab.live.recordings import Recording, read_recording
from hinas_lab.live.still import png_of
from hinas_lab.paths import stored
from hinas_lab.storage import write_atomic

LARGEST = 1_500_000
"bytes of a report: it must go through a mail"

Runs = dict[str, Recording]
"name in the report -> search"


def write_report(runs: Sequence[str | Path], path: str | Path, *, overwrite: bool = False) -> Path:
    """One HTML file about one or more searches.

    runs: run folders, or names of recorded runs (``data/runs``). path: ends in .html; a file that
    is there is kept unless ``overwrite``. ValueError or OSError in one line for a run that cannot
    be read, and for a file that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path}: a report is an HTML file; give it a name that ends in .html")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: no such folder ({path.parent}); make it first")
    if path.is_dir() or (path.exists() and not overwrite):
        raise ValueError(f"{path}: is there already; choose another name, or add --overwrite")
    write_atomic(path, report(runs).encode("utf-8", errors="replace"))
    return path


def report(runs: Sequence[str | Path]) -> str:
    """The page that ``write_report`` writes. ValueError as there."""
    folders = [_found(run) for run in runs]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError(f"{' '.join(map(str, runs))}: one run is named twice")
    named = dict(zip(_names(folders), map(read_recording, folders)))
    title = f"{', '.join(named)}: report of {'a search' if len(named) == 1 else 'searches'}"
    body, head = _body(title, named), page.inlined()
    films = _films(named, LARGEST - len((body + head).encode("utf-8", errors="replace")) - 1000)
    if films is None:
        raise ValueError(
            f"{len(runs)} runs: their report would be larger than {LARGEST / 1e6} MB; name fewer"
        )
    return page.page(title, body, f"{head}\n<script>{films}</script>")


def _found(run: str | Path) -> Path:
    """A run's folder; a name without a folder is one of data/runs."""
    folder = Path(run)
    if folder.exists() or len(folder.parts) != 1:
        return folder
    return stored("runs", str(run), "records.npz")


def _names(folders: list[Path]) -> list[str]:
    """The folders' names, or so much of their paths that they differ."""
    parts = [folder.resolve().parts for folder in folders]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names


def _films(runs: Runs, room: int) -> str | None:
    """JavaScript that gives the films to the page, in at most ``room`` bytes; patches are thinned
    until they fit. None: they do not."""
    films = {name: film_of(recording) for name, recording in runs.items()}
    for name, film in films.items():
        film["head"]["name"] = name
    while True:
        script = "".join(page.film_script(name, film) for name, film in films.items())
        if len(script) < room:
            return script
        longest = max(films.values(), key=lambda film: len(film["pictures"]))
        pictures = longest["pictures"]
        if len(pictures) < 3:
            return None
        # every second patch; the first and the last one in any case
        longest["pictures"] = [*pictures[:-1:2], pictures[-1]]


# ---------------------------------------------------------------- the page


def _body(title: str, runs: Runs) -> str:
    instead = "<p>The board of this search needs JavaScript; the rest of the page does not.</p>"
    again = "<p>With the same versions, device and number of threads it gives the same bits.</p>"
    commands = ""
    for recording in runs.values():
        commands += f'<pre class="wrapped"><code>{escape(facts.command(recording))}</code></pre>'
    sections = {
        "What came out": _table(runs, facts.results),
        "Before and after": _before_after(runs),
        "The search, epoch by epoch": page.board(list(runs), instead),
        "The genotype": _drawings(runs),
        "How it was measured": _protocols(runs),
        "Settings": _settings(runs),
        "Where it ran": _table(runs, facts.environment),
        "Make it again": commands + again,
    }
    parts = [f"<h1>{escape(title)}</h1>"]
    for heading, html in sections.items():
        if html:
            parts.append(f"<section><h2>{heading}</h2>\n{html}</section>")
    return "\n".join(parts)


def _table(runs: Runs, told) -> str:
    """A run a column, a fact a row; told: Recording -> facts."""
    columns = [told(recording) for recording in runs.values()]
    rows = []
    for name in dict.fromkeys(name for column in columns for name in column):
        rows.append([name, *(facts.as_text(column.get(name, "–")) for column in columns)])
    return page.table(_escaped(rows), _head(runs))


def _head(runs: Runs) -> list[str]:
    (head,) = _escaped([["", *runs]])
    return head if len(runs) > 1 else []


def _escaped(rows: Iterable[Iterable]) -> list[list[str]]:
    return [[escape(str(cell)) for cell in row] for row in rows]


def _before_after(runs: Runs) -> str:
    """Wipes between the first and the last patch of V."""
    figures = []
    for name, recording in runs.items():
        epochs = recording.records.get("preview/epoch", ())
        if len(epochs) < 2:
            continue
        images = recording.records["preview/images"]
        for n, by in enumerate(("soft supernet", "decoded wiring")):
            alt = f"a patch of V, restored by the {by}, epoch"
            pair = _picture(images[-1, n], "after", f"{alt} {epochs[-1]}")
            pair += _picture(images[0, n], "before", f"{alt} {epochs[0]}")
            label = f"wipe, {by}: epoch {epochs[0]} at the left, epoch {epochs[-1]} at the right"
            figures.append(
                f'<figure class="before-after"><div class="pair">{pair}</div>'
                f'<input type="range" value="50" aria-label="{label}">'
                f'<div class="ends"><span>◂ epoch {epochs[0]}</span>'
                f"<span>epoch {epochs[-1]} ▸</span></div>"
                f"<figcaption>{escape(name)}, {by}</figcaption></figure>"
            )
    return f'<div class="figures">{"".join(figures)}</div>' if figures else ""


def _picture(image: np.ndarray, kind: str, alt: str) -> str:
    """A patch (C, P, P), uint8, inside the page."""
    source = b64encode(png_of(np.moveaxis(image, 0, -1).squeeze())).decode()
    return f'<img class="{kind}" alt="{alt}" src="data:image/png;base64,{source}">'


def _drawings(runs: Runs) -> str:
    parts = []
    for name, recording in runs.items():
        drawing = draw_genotype(facts.genotype_of(recording))
        try:
            html = f'<div class="drawing" tabindex="0">{drawing.svg()}</div>'
        except ValueError as error:  # no Graphviz here: the drawing's words say the same
            html = f"<p>{escape(drawing.alt)}</p><p>{escape(str(error))}</p>"
        parts.append(_titled(name, html, runs))
    return f'<div class="drawings">{"".join(parts)}</div>'


def _protocols(runs: Runs) -> str:
    """One paragraph for all searches that were measured alike."""
    alike = {}
    for name, recording in runs.items():
        alike.setdefault(facts.protocol(recording), []).append(name)
    parts = []
    for text, names in alike.items():
        parts.append(_titled(", ".join(names), f"<p>{escape(text)}</p>", alike))
    return "".join(parts)


def _titled(name: str, html: str, among: Sequence | dict) -> str:
    """With a heading where there are several."""
    heading = f"<h3>{escape(name)}</h3>" if len(among) > 1 else ""
    return f"<div>{heading}{html}</div>"


def _settings(runs: Runs) -> str:
    """What is not the preset's, or differs between the runs; all else folded."""
    columns = [facts.settings(recording) for recording in runs.values()]
    usual = [facts.usual_settings(recording) for recording in runs.values()]
    changed = {name for recording in runs.values() for name in facts.changes(recording)}
    told, folded = [], []
    for name in columns[0]:
        values = [column.get(name) for column in columns]
        is_told = name in changed or any(a != b for a, b in pairwise(values))
        cells = [_setting(name, *pair) for pair in zip(values, usual)]
        (told if is_told else folded).append([escape(name), *cells])
    presets = ", ".join(dict.fromkeys(one.preset.rstrip("*") for one in runs.values()))
    html = "" if told else f"<p>All settings are those of the preset {escape(presets)}.</p>"
    if told:
        html += page.table(told, _head(runs))
    if folded:
        summary = f"{len(folded)} settings as in the preset {escape(presets)}"
        table = page.table(folded, _head(runs))
        html += f"<details><summary>{summary}</summary>{table}</details>"
    return html


def _setting(name: str, value, usual: dict) -> str:
    text = escape(facts.as_text(value))
    if name == "search.seed" or usual.get(name, value) == value:
        return text
    before = escape(facts.as_text(usual[name]))
    return f'<strong>{text}</strong> <span class="quiet">preset: {before}</span>'
