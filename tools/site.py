"""The notebooks as static pages, recorded searches replaying inside (``make site``): ``site/``, to
be opened from a disk or put on any server. Nothing is executed, and no page asks the network for
anything.

    python tools/site.py [--out site]

nbconvert turns cells into HTML; its own page template would fetch MathJax and require.js. Formulas
are drawn by matplotlib, which is here anyway, as paths: they look alike in every browser, take the
text's colour, and carry their LaTeX as a label."""

import argparse
import ast
import json
import re
import shutil
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path

import nbformat
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from pygments.formatters import HtmlFormatter

from hinas_lab import REPOSITORY
from hinas_lab.live import page
from hinas_lab.live.film import film_of
from hinas_lab.live.recordings import read_recording

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "data" / "runs"
CODE_OR_FORMULA = re.compile(r"(```.*?```|`[^`\n]+`)|\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)
UNSAID = "picture drawn by the cell above"
"alt text of a stored picture that has none"
SIZE = 100
"units of an em in the drawing of a formula"


@dataclass
class Page:
    """One page of the site."""

    source: Path
    "below the repository; the page lies at the same place below the site"
    title: str
    lead: str
    "Markdown"
    body: str
    "HTML"

    @property
    def target(self) -> Path:
        return self.source.with_suffix(".html")


# ---------------------------------------------------------------- text and formulas


def formula(latex: str) -> str:
    """LaTeX, as far as matplotlib knows it, as SVG in ems. ValueError for what it does not know."""
    text = " ".join(latex.split())
    # sized by hand in the notebook; matplotlib sizes them by what they hold
    text = re.sub(r"\\[bB]ig+\s*\(", r"\\left(", text)
    text = re.sub(r"\\[bB]ig+\s*\)", r"\\right)", text)
    # braces: else the star is set as a product, with room around it
    text = text.replace("^*", "^{*}")
    font, drawing = FontProperties(size=SIZE, math_fontfamily="stix"), TextToPath()
    drawing.FONT_SCALE = SIZE
    width, height, depth = drawing.get_text_width_height_descent(f"${text}$", font, ismath=True)
    vertices, codes = drawing.get_text_path(font, f"${text}$", ismath=True)
    label = escape(text).replace("|", "&#124;")  # a bar would end a table's cell
    box = f"0 {depth - height:.0f} {width:.0f} {height:.0f}"
    style = f"width:{width / SIZE:.2f}em;vertical-align:{-depth / SIZE:.2f}em"
    return (
        f'<svg class="formula" role="img" aria-label="{label}" viewBox="{box}" style="{style}">'
        f'<path d="{_outline(vertices, codes)}"/></svg>'
    )


def _outline(vertices, codes) -> str:
    """matplotlib's path as that of an SVG, whose y goes down."""
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    parts, before = [], 0
    for (x, y), code in zip(vertices, codes):
        # a curve has a row a point, all with its code
        letter = letters[int(code)]
        if code == 79:
            parts.append("Z")
        elif code in (3, 4) and before:
            parts.append(f"{x:.0f} {-y:.0f}")
        else:
            parts.append(f"{letter}{x:.0f} {-y:.0f}")
        before = (before or {3: 2, 4: 3}.get(int(code), 1)) - 1
    return " ".join(parts)


def prose(markdown: str) -> str:
    """A cell's Markdown with formulas drawn."""

    def drawn(found: re.Match) -> str:
        code, displayed, inline = found.groups()
        if code:
            return code
        if inline:
            return formula(inline)
        # each formula of a line is one that a phone can put on a line of its own
        parts = re.split(r"(?:\\qquad\s*)+", displayed.strip())
        return f'<span class="formulas">{"".join(map(formula, parts))}</span>'

    return CODE_OR_FORMULA.sub(drawn, markdown)


def relinked(html: str, source: Path, sources: set[Path]) -> str:
    """Links to notebooks and documents lead to their pages, those to other files to the
    repository."""

    def link(found: re.Match) -> str:
        address, hash_, anchor = unescape(found[1]).partition("#")
        if not address or ":" in address:
            return found[0]
        path = (ROOT / source.parent / address).resolve().relative_to(ROOT)
        if path in sources:
            return f'href="{escape(str(Path(address).with_suffix(".html")))}{hash_}{anchor}"'
        return f'href="https://github.com/{REPOSITORY}/blob/main/{path}{hash_}{anchor}"'

    return re.sub(r'href="([^"]+)"', link, html)


# ---------------------------------------------------------------- pages


def notebook_page(source: Path) -> Page:
    """A notebook with its stored outputs; a cell that replays recorded searches shows their
    board."""
    nb = nbformat.read(ROOT / source, as_version=4)
    title, lead = _opening(nb.cells[0].source)
    # what only Colab needs
    nb.cells = [cell for cell in nb.cells if "colab" not in cell.source or cell.cell_type != "code"]
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = prose(cell.source)
            continue
        names = replayed(cell.source)
        if names:
            cell.outputs = [_board(names, cell)]
        for output in cell.outputs:
            data = output.get("data", {})
            if "text/markdown" in data:
                data["text/markdown"] = prose(data["text/markdown"])
            if "image/png" in data:
                output.metadata.setdefault("image/png", {}).setdefault("alt", UNSAID)
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(nb)
    return Page(source, title, lead, body)


def replayed(source: str) -> list[str]:
    """The recorded searches that a cell replays: the names in ``lab.replay(...)``, also by a
    variable of this cell."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line for IPython
        return []
    values, names = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            values |= {target.id: node.value.value for target in node.targets}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "replay":
            for word in node.args:
                names.append(values.get(getattr(word, "id", ""), getattr(word, "value", None)))
    return [name for name in names if name and (RUNS / str(name) / "records.npz").exists()]


def _board(names: list[str], cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A board; without JavaScript the stored picture."""
    still = ""
    for output in cell.outputs:
        png = output.get("data", {}).get("image/png", "").strip()
        if png:
            alt = f"the end of {' | '.join(names)}"
            still = f'<img alt="{alt}" src="data:image/png;base64,{png}">'
    html = page.board(names, still)
    if "panel(" in cell.source:
        said = f"This page plays the recorded search {names[0]}; a running notebook searches here."
        html += f'<p class="quiet">{said}</p>'
    return nbformat.v4.new_output("display_data", data={"text/html": html})


def document_page(source: Path) -> Page:
    """A Markdown file of docs/."""
    text = (ROOT / source).read_text()
    html = f'<div class="rendered_html">{markdown2html(prose(text))}</div>'
    return Page(source, *_opening(text), html)


def _opening(markdown: str) -> tuple[str, str]:
    """A title without its mark, and the first paragraph that says something."""
    title, *paragraphs = re.split(r"\n\s*\n", markdown.strip())
    no_lead = ("[![", "![", "|", "#", "Made by")
    lead = next((text for text in paragraphs if not text.startswith(no_lead)), "")
    return title.removeprefix("# ").strip(), lead.removeprefix("**Question.** ")


def index_page(pages: list[Page]) -> Page:
    """What there is, and one search that plays."""
    parts = [
        "<h1>hinas_lab</h1>",
        '<p class="lead">Differentiable search of small networks that restore pictures: the '
        "notebooks with their outputs, to be read; searches that were recorded play in the page. "
        f'<a href="https://github.com/{REPOSITORY}">Code, and how to run it</a>.</p>',
        page.board(["classroom"], "<p>The replay needs JavaScript; the pages do not.</p>"),
    ]
    kinds = {"notebooks": "Notebooks", "notebooks/exercises": "Exercises", "docs": "Documents"}
    for folder, heading in kinds.items():
        cards = []
        for one in pages:
            if one.source.parent == Path(folder):
                lead = markdown2html(prose(one.lead))
                # a card is one link
                lead = re.sub(r"</?a\b[^>]*>", "", lead)
                cards.append(f'<li><a href="{one.source}">{escape(one.title)}</a>{lead}</li>')
        parts.append(f"<h2>{heading}</h2><ul class='cards'>{''.join(cards)}</ul>")
    return Page(Path("index.md"), "hinas_lab", "", "\n".join(parts))


def written(one: Page, html: str, before: Page | None, after: Page | None) -> str:
    """The whole HTML of a page; before, after: its neighbours."""
    up = "../" * (len(one.target.parts) - 1)
    films = [f"{name}.js" for name in played(html)]
    head = page.linked(f"{up}static", ["site.css", *films])
    nav = f'<a href="{up}index.html">hinas_lab</a>'
    near = ""
    for other, text in ((before, "◂ {}"), (after, "{} ▸")):
        if other:
            near += f'<a href="{up}{other.target}">{escape(text.format(other.title))}</a>'
    footer = f'<nav class="pages" aria-label="before and after">{near}</nav>' if near else ""
    return page.page(one.title, html + footer, head, nav)


def played(html: str) -> list[str]:
    """The recorded searches of the boards of a page."""
    names = {}
    for found in re.finditer(r"""data-films=(["'])(.*?)\1""", html):
        names |= dict.fromkeys(json.loads(unescape(found[2])))
    return list(names)


# ---------------------------------------------------------------- the site


def write_site(out: Path) -> int:
    """Writes all pages; how many. A folder that is no earlier site is left alone: ValueError."""
    if out.exists() and not (out / ".nojekyll").exists():
        raise ValueError(f"{out}: is there and no site of an earlier run; name another folder")
    shutil.rmtree(out, ignore_errors=True)
    notebooks = _files("notebooks", "ipynb") + _files("notebooks/exercises", "ipynb")
    pages = [notebook_page(source) for source in notebooks]
    pages += [document_page(source) for source in _files("docs", "md")]
    sources = {one.source for one in pages}
    static = out / "static"
    static.mkdir(parents=True)
    (out / ".nojekyll").touch()  # GitHub Pages shall serve the files as they are
    wanted = set()
    for one, before, after in _neighbours([index_page(pages), *pages]):
        html = relinked(one.body, one.source, sources)
        target = out / one.target
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(written(one, html, before, after), encoding="utf-8")
        wanted |= set(played(html))
    for name in sorted(wanted):
        script = page.film_script(name, film_of(read_recording(RUNS / name)))
        (static / f"{name}.js").write_text(script, encoding="utf-8")
    for name in page.FILES:
        (static / name).write_text(page.static(name), encoding="utf-8")
    (static / "site.css").write_text(_css(), encoding="utf-8")
    for path in [*(ROOT / "docs").glob("*.png"), *(ROOT / "docs").glob("*.gif")]:
        shutil.copy(path, out / "docs")
    return len(pages) + 1


def _files(folder: str, kind: str) -> list[Path]:
    """Those of a folder, below the repository."""
    return [path.relative_to(ROOT) for path in sorted((ROOT / folder).glob(f"*.{kind}"))]


def _neighbours(pages: list[Page]):
    """(page, the one before, the one after) in the same folder."""
    for n, one in enumerate(pages):
        near = []
        for other in (n - 1, n + 1):
            is_near = 0 < other < len(pages) and pages[other].source.parent == one.source.parent
            near.append(pages[other] if is_near else None)
        yield one, *near


def _css() -> str:
    """This site's own rules, and the colours of code, light and dark."""
    parts = [(Path(__file__).parent / "site.css").read_text(encoding="utf-8")]
    for style, theme in (("default", "light"), ("github-dark", "dark")):
        rules = HtmlFormatter(style=style).get_style_defs(f':root[data-theme="{theme}"] .highlight')
        parts.append(rules)
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "site", metavar="DIR")
    out = parser.parse_args().out
    count = write_site(out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
    print(f"wrote {count} pages, {size:.1f} MB; open {out / 'index.html'}")


if __name__ == "__main__":
    main()
