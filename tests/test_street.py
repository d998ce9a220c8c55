"""The one-way street, read from the imports; what loads without torch, or without optional
packages."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = [ROOT / "hinas_lab", ROOT / "hinas_book"]

# A module may import from its own level and from those below it.
LEVELS = {
    "hinas_lab": 0,  # the version and the repository's address
    "storage": 1,
    "paths": 0,
    "lazy": 0,
    "config": 1,
    "presets": 1,
    "records": 1,
    "space": 1,
    "images": 1,
    "training": 2,
    "searching": 3,
    "runs": 4,
    "restoration": 4,
    "analysis": 5,
    "drawing": 6,
    "live": 7,
    "face": 8,
    "cli": 9,
    "__main__": 10,
}
DRAWING = {"matplotlib", "ipywidgets", "IPython", "graphviz", "pygraphviz", "pandas", "seaborn"}
NEVER = dict.fromkeys(("space", "images", "training", "searching", "runs", "restoration"), DRAWING)
NEVER |= {"drawing": {"torch"}, "live": {"torch"}}

WITHOUT_TORCH = [
    "config",
    "space.genotype",
    "space.decode",
    "space.cost",
    "space.budget",
    "space.ops",
    "images.datasets.catalog",
    "images.datasets.sets",
    "images.datasets.verify",
    "images.datasets.unpack",
    "images.datasets.download",
    "images.datasets.audit",
    "images.colour",
    "images.protocol",
    "images.metrics",
    "images.degrade",
    "restoration.photo_file",
    "storage",
    "runs.header",
    "records",
    "restoration.measure",
    "restoration.unfinished",
    "restoration.classical",
]

# What a bare checkout on a cluster node or a GPU machine may lack: the lean core.
OPTIONAL = [
    "pooch",
    "pywt",
    "graphviz",
    "pygraphviz",
    "ipywidgets",
    "IPython",
    "pandas",
    "seaborn",
    "matplotlib",
    "dask",
    "spandrel",
]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]
MODULES = {module_name(path): path for path in FILES}
LAB = [name for name in MODULES if name.split(".")[0] == "hinas_lab"]
BOOK = [name for name in MODULES if name.split(".")[0] == "hinas_book"]
CHAPTER = "hinas_book.ch"


def part(module: str) -> str:
    """The room a module lies in: ``hinas_lab.space.ops`` -> ``space``; a package itself -> its
    name."""
    names = module.split(".")
    return names[1] if len(names) > 1 else names[0]


def imports(module: str, source: str, is_package: bool) -> set[str]:
    """Every module that ``source`` imports: at the top, in functions, for typing, by
    ``import_module("...")``."""
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(above + ([base] if base else []))
            # `from hinas_lab import space` names a module; `from hinas_lab import __version__` does
            # not
            found |= {
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base
                for alias in node.names
            }
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return found


IMPORTS = {
    name: imports(name, path.read_text(), path.name == "__init__.py")
    for name, path in MODULES.items()
}


def test_the_reader_sees_every_kind_of_import():
    source = """
import torch.nn as nn
from hinas_lab import space, __version__
from .genotype import Genotype
from .. import config
def late():
    import pandas
    importlib.import_module("seaborn")
"""
    assert imports("hinas_lab.space.decode", source, False) == {
        "torch.nn",
        "hinas_lab.space",
        "hinas_lab",
        "hinas_lab.space.genotype",
        "hinas_lab.config",
        "pandas",
        "seaborn",
    }
    assert "hinas_lab.drawing.plots" in imports("hinas_lab.drawing", "from .plots import x", True)


def test_every_module_has_a_place():
    unplaced = {part(name) for name in LAB} - LEVELS.keys()
    assert not unplaced, f"say in LEVELS where {unplaced} stand in the one-way street"


@pytest.mark.parametrize("module", LAB)
def test_nothing_flows_back(module):
    assert not [name for name in IMPORTS[module] if name.startswith("hinas_book")]
    ours = {name for name in IMPORTS[module] if name.split(".")[0] == "hinas_lab"}
    back = {name for name in ours if LEVELS[part(name)] > LEVELS[part(module)]}
    assert not back, f"{module} must not import {sorted(back)}"


@pytest.mark.parametrize("module", BOOK)
def test_a_chapter_stands_alone(module):
    """No chapter imports another one; what they share never imports a chapter. Chapters are found
    by walking."""
    own = ".".join(module.split(".")[:2])
    others = {name for name in IMPORTS[module] if name.startswith(CHAPTER)}
    others = {name for name in others if not (name == own or name.startswith(own + "."))}
    assert not others, f"{module} must not import {sorted(others)}"


@pytest.mark.parametrize("module", [name for name in LAB if part(name) in NEVER])
def test_rooms_keep_their_libraries_apart(module):
    forbidden = {name for name in IMPORTS[module] if name.split(".")[0] in NEVER[part(module)]}
    assert not forbidden, f"{module} must not import {sorted(forbidden)}"


IMPORT_AND_REPORT = """
import importlib, json, sys
report = {}
for name in json.loads(sys.argv[1]):
    before = set(sys.modules)
    try:
        importlib.import_module(name)
        error = None
    except BaseException as problem:
        error = repr(problem)
    report[name] = {"error": error, \
"loaded": sorted({m.split(".")[0] for m in set(sys.modules) - before})}
print(json.dumps(report))
"""

WITHOUT_OPTIONAL = f"""
import sys
sys.modules.update(dict.fromkeys({OPTIONAL}))  \
# None: `import` raises ModuleNotFoundError, find_spec answers None, as if not installed
"""


def python(script: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *args], capture_output=True, text=True, cwd=ROOT, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_loads_without_torch():
    """Replay, figures, decoding and the command line's help start at once, also where torch is
    absent."""
    names = [f"hinas_lab.{name}" for name in WITHOUT_TORCH]
    assert set(names) <= set(MODULES), f"gone or renamed: {sorted(set(names) - set(MODULES))}"
    seen = [name for name in LAB if part(name) in ("drawing", "live")]
    report = json.loads(python(IMPORT_AND_REPORT, json.dumps(["hinas_lab", *names, *seen])))

    failed = {name: seen["error"] for name, seen in report.items() if seen["error"]}
    assert not failed
    assert [name for name, seen in report.items() if "torch" in seen["loaded"]] == []
    # `import hinas_lab` is cheap because it loads nothing but the standard library
    assert set(report["hinas_lab"]["loaded"]) - set(sys.stdlib_module_names) == {"hinas_lab"}


def test_lean_core_imports():
    """Everything a search needs imports with torch, numpy, scikit-image, safetensors and tqdm
    alone."""
    lean = [name for name in LAB if part(name) not in ("drawing", "live", "__main__")]
    report = json.loads(python(WITHOUT_OPTIONAL + IMPORT_AND_REPORT, json.dumps(lean)))
    failed = {name: seen["error"] for name, seen in report.items() if seen["error"]}
    assert not failed


def test_lean_core_works(tmp_path):
    """search, then train, through the command line, in one interpreter that has none of the
    optional packages."""
    script = (
        WITHOUT_OPTIONAL
        + """
from hinas_lab.cli.main import main
run = sys.argv[1]
common = ["--preset", "tiny", "--seed", "0"]
assert main(["search", "--task", "denoise", *common, "--run", run + "/search"]) == 0
assert main(["train", "--genotype", run + "/search", *common, "--run", run + "/net"]) == 0
"""
    )
    python(script, str(tmp_path))
    assert (tmp_path / "search" / "genotype.json").exists()
    assert (tmp_path / "net" / "best.safetensors").exists()
