"""Chapters: what each offers its notebook is there, nothing of it is another chapter's, and a
notebook imports little."""

import ast
import statistics
from pathlib import Path

import nbformat
import pytest

from hinas_book.kit.registry import chapters, designs, paper_figures, studies

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
each_chapter = pytest.mark.parametrize("chapter", chapters(), ids=lambda c: c.__name__[11:15])


def offered(chapter) -> list[str]:
    """The names that a chapter takes from modules when they are asked for."""
    return [name for name in dir(chapter) if name not in vars(chapter) and name[0] != "_"]


@each_chapter
def test_what_it_offers_is_there_and_its_own(chapter):
    files = {path.stem for path in Path(chapter.__file__).parent.glob("*.py")}
    for name in offered(chapter):
        assert name not in files, f"importing {name}.py would hide {name}"
        module = getattr(getattr(chapter, name), "__module__", None) or ""
        others = module.startswith("hinas_book.ch") and not module.startswith(chapter.__name__)
        assert not others, f"{name} is of {module}: a chapter never uses another one"


def code_of(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_takes_all_from_the_face_and_its_chapter(path):
    number = path.stem[:2]
    sources = set()
    for source in code_of(path):
        lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
        for node in ast.walk(ast.parse("\n".join(line for line in lines if "= %" not in line))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("hinas"):
                sources.add(node.module)
    assert sources <= {"hinas_book.lessons"} | {
        c.__name__ for c in chapters() if f".ch{number}" in c.__name__
    }


def test_imports_of_a_notebook():
    counts = []
    for path in NOTEBOOKS:
        lines = "\n".join(code_of(path)).splitlines()
        counts.append(sum(line.strip().startswith(("import ", "from ")) for line in lines))
    assert statistics.median(counts) <= 8 and max(counts) <= 10


def test_studies_and_figures_are_found_where_they_are_declared():
    assert len(designs()) >= 10 and set(designs()) < set(studies())
    for study in studies().values():
        module = study.load()
        wanted = ["design"] if study.registered else ["add_options", "run"]
        assert all(hasattr(module, name) for name in wanted), study.name
    assert list(paper_figures()) == [f"fig{n:02}" for n in range(1, 15)]
