"""``make site``: pages that ask the network for nothing, with the boards of recorded searches."""

import re
import runpy
from html import unescape
from pathlib import Path

import pytest
from helpers import ROOT, addresses

pytest.importorskip("nbconvert")
SITE = runpy.run_path(str(ROOT / "tools" / "site.py"))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "site"
    SITE["write_site"](out)
    return out


def pages(site: Path) -> dict[str, str]:
    return {str(path.relative_to(site)): path.read_text() for path in site.rglob("*.html")}


def test_every_notebook_and_document_is_a_page(site):
    found = pages(site)
    for folder, kind in (("notebooks", "*.ipynb"), ("docs", "*.md")):
        for path in (ROOT / folder).rglob(kind):
            name = str(path.relative_to(ROOT).with_suffix(".html"))
            assert name in found and f'href="{name}"' in found["index.html"]


def test_a_page_loads_only_what_lies_in_the_site(site):
    for name, html in pages(site).items():
        folder = (site / name).parent
        # a link leads away when it is clicked; all else is loaded
        links = set(re.findall(r'<a [^>]*?href="([^"]+)"', html))
        for address in addresses(html):
            address = unescape(address)
            if address not in links or not address.startswith("https://"):
                path = folder / address.partition("#")[0]
                assert path.is_file() and path.resolve().is_relative_to(site.resolve()), address
    for path in (site / "static").glob("*.css"):
        assert addresses(path.read_text()) == []


def test_boards_where_recorded_searches_replay(site):
    html = (site / "notebooks" / "03_live_search.html").read_text()
    boards = re.findall(r"""data-films=(["'])(.*?)\1""", html)
    names = [unescape(names) for _, names in boards]
    assert names == ['["classroom"]', '["classroom", "a-equals-w"]', '["hasty"]']
    for name in ("classroom", "a-equals-w", "hasty"):
        assert f'src="../static/{name}.js"' in html and (site / "static" / f"{name}.js").exists()
    assert "a running notebook searches here" in html


@pytest.mark.parametrize(
    "source, names",
    [
        ('lab.replay("classroom")', ["classroom"]),
        ('broken = "hasty"\nlab.replay(broken)', ["hasty"]),
        ('lab.panel(run) if live else lab.replay("classroom", "affine")', ["classroom", "affine"]),
        ("lab.replay(run)", []),
        ('lab.replay("unknown")', []),
        ("%matplotlib inline", []),
    ],
)
def test_what_a_cell_replays(source, names):
    assert SITE["replayed"](source) == names


def test_formulas_are_drawn_and_code_is_left_alone(site):
    svg = SITE["formula"](r"p_k \Big( g_k - \sum_j p_j \Big)")
    assert 'aria-label="p_k \\left( g_k - \\sum_j p_j \\right)"' in svg and 'd="M' in svg
    text = SITE["prose"]("`$a$` and $a$\n\n```\n$b$\n```\n\n$$c \\qquad\n d$$")
    assert "`$a$` and <svg" in text and "```\n$b$\n```" in text
    assert text.count("<svg") == 3 and text.count("$") == 4
    with pytest.raises(ValueError):
        SITE["formula"](r"\begin{cases} 1 \end{cases}")
    for name, html in pages(site).items():
        html = re.sub(r"<(pre|code|script)\b.*?</\1>", "", html, flags=re.DOTALL)
        assert "$" not in html, name


def test_a_formula_stands_on_its_line():
    """Depth below the line: none for x, some for g."""
    shift = {}
    for letter in "xg":
        found = re.search(r"vertical-align:(-?[\d.]+)em", SITE["formula"](letter))
        shift[letter] = float(found[1])
    assert shift["g"] < -0.1 < shift["x"] <= 0


def test_links_lead_to_pages_or_to_the_repository():
    sources = {Path("docs/glossary.md")}
    html = '<a href="../docs/glossary.md#words">a</a><a href="../data/claims.csv">b</a>'
    html += '<a href="https://c">c</a><a href="#d">d</a>'
    found = SITE["relinked"](html, Path("notebooks/x.ipynb"), sources)
    assert 'href="../docs/glossary.html#words"' in found
    assert f'href="https://github.com/{SITE["REPOSITORY"]}/blob/main/data/claims.csv"' in found
    assert 'href="https://c"' in found and 'href="#d"' in found


def test_it_replaces_only_what_it_wrote(site, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="no site of an earlier run; name another folder"):
        SITE["write_site"](tmp_path)
    assert (tmp_path / "mine.txt").exists()
