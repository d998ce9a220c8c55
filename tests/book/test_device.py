"""The device is the reader's: every notebook that computes names it once and hands it to all that
computes, and all that computes uses it."""

import ast
import inspect
import random
import re
import sys
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import hinas_lab as lab
from hinas_book import ch01_search_space as ch01
from hinas_book import ch02_widths as ch02
from hinas_book import ch03_search as ch03
from hinas_book import ch04_genotypes as ch04
from hinas_book import ch05_restoration as ch05
from hinas_book import ch07_ablations as ch07
from hinas_book import ch08_perturbations as ch08
from hinas_book.ch00_start import compare
from hinas_book.kit.registry import chapters
from hinas_book.kit.stored_nets import FOLDER
from hinas_lab.images.protocol import protocol
from hinas_lab.restoration.photo_file import Photo
from hinas_lab.space.genotype import sample
from hinas_lab.training.numerics import use_device

ROOT = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(ROOT.rglob("*.ipynb"))
COMPUTING = {f"{number:02}" for number in (*range(10), 12)}
"notebooks; 10 shows records, 11 has classical methods alone, exercises are a student's own numpy"
HANDED_ON = {"restore_photo"}
"whose ``device`` is one of the options that it hands to ``restore_array``"


def takes_device(name: str, what) -> bool:
    if name in HANDED_ON:
        return True
    try:
        return "device" in inspect.signature(what).parameters
    except (TypeError, ValueError):
        return False


@cache
def computing(number: str) -> dict[str, object]:
    """All that the notebook of that number can call and that takes a device: of the face, and of
    its chapter."""
    found = {f"lab.{name}": getattr(lab, name) for name in dir(lab)}
    for chapter in chapters():
        if f".ch{number}_" in chapter.__name__:
            found |= {name: getattr(chapter, name) for name in dir(chapter)}
    return {name: what for name, what in found.items() if takes_device(name, what)}


def cells(path: Path) -> list[ast.Module]:
    """The code cells, without the lines and words that only IPython understands."""
    trees = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            source = re.sub(r"%timeit( -\S+)* ", "", cell.source)
            trees.append(ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.M)))
    return trees


def named(node: ast.AST) -> str:
    """``lab.search``, ``searched``: what a notebook calls a function; else nothing."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def without_device(tree: ast.Module, computes) -> list[str]:
    """The places where a function that ``computes`` is not given ``device=device``."""
    wrong, seen = [], set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.args[0] if named(node.func) == "partial" else node.func
        if named(function) in computes:
            seen.add(function)
            if "device=device" not in [ast.unparse(keyword) for keyword in node.keywords]:
                wrong.append(ast.unparse(node))
    # by its bare name, as for ``map``, it would take its default
    for node in set(ast.walk(tree)) - seen:
        if named(node) in computes:
            wrong.append(named(node))
    return wrong


def devices_set(tree: ast.Module) -> list[str]:
    """What the cell assigns to ``device``."""
    values = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and "device" in map(named, node.targets):
            values.append(ast.unparse(node.value))
    return values


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_hands_its_device_to_all_that_computes(path):
    trees, computes = cells(path), computing(path.stem[:2])
    assert not [place for tree in trees for place in without_device(tree, computes)]
    names = {named(node) for tree in trees for node in ast.walk(tree)}
    does = bool(names & set(computes))
    assert does == (path.stem[:2] in COMPUTING)
    assert [value for tree in trees for value in devices_set(tree)] == ["'auto'"] * does
    for tree in filter(devices_set, trees):
        assert "student" in ast.unparse(tree), "not in the cell of settings"


def test_a_call_without_device_is_found():
    computes = computing("05")
    for line in (
        "searched('x', s)",
        "partial(restore_array, net)",
        "map(load_network, runs)",
        "lab.search(preset=s, device='cpu')",
    ):
        assert without_device(ast.parse(line), computes), line
    assert not without_device(ast.parse("partial(restore_array, net, device=device)"), computes)


# ---------------------------------------------------------------- all that computes


TINY = lab.preset("tiny")
GENOTYPE = sample(TINY.space, random.Random(0))
PICTURE = np.full((16, 16), 0.5, np.float32)
NET, SUPERNET = FOLDER / "net", FOLDER / "supernet"


def studied(folder: Path, device: str):
    setting = ch07.Setting(base="tiny", seeds=1, device=device)
    return ch07.run_design(ch07.one_change(setting, {"residual": False}), folder / "study")


def climbed(device: str):
    ladder = ch04.Ladder(SUPERNET, square=16, device=device)
    return ladder.shared("soft", ladder.net.weights())


def compared(device: str):
    return list(compare(lab.load(NET), 50.0, protocol("whole"), device=device))


def scored(device: str):
    return ch03.shared_scorer(SUPERNET, device=device)(GENOTYPE)


def edit_trained(device: str):
    return ch03.NetTrainer(TINY, device=device)(GENOTYPE, lambda share: None)


def array_restored(device: str):
    return ch05.restore_array(lab.load(NET), PICTURE, device=device)


def photo_restored(device: str):
    return ch05.restore_photo(lab.load(NET), Photo(pixels=PICTURE), device=device)


def calls(folder: Path) -> dict[str, object]:
    """Name -> a call as short as may be, that is given ``device``."""
    found, run = SimpleNamespace(found=GENOTYPE), str(folder / "run")
    return {
        "Ladder": climbed,
        "NetTrainer": edit_trained,
        "Setting": partial(studied, folder),
        "compare": compared,
        "curvature_at_the_start": partial(ch03.curvature_at_the_start, TINY),
        "lab.draw_tradeoff": partial(lab.draw_tradeoff, NET),
        "lab.evaluate": partial(lab.evaluate, NET, "builtin", limit=1),
        "lab.explore": partial(lab.explore, NET),
        "lab.load": partial(lab.load, NET),
        "lab.restore": partial(lab.restore, NET, PICTURE),
        "lab.search": partial(lab.search, preset=TINY, run=run),
        "lab.train": partial(lab.train, GENOTYPE, preset=TINY, run=run),
        "load_network": partial(ch04.load_network, NET),
        "measured": partial(ch02.measured, TINY.space, TINY.search, 1),
        "restore_array": array_restored,
        "restore_photo": photo_restored,
        "searched": partial(ch03.searched, "supernet", TINY, folder=folder),
        "searched_masks": partial(ch01.searched_masks, SUPERNET),
        "shared_scorer": scored,
        "train_edits": partial(ch08.train_edits, found, (), "tiny", run),
        "trained": partial(ch04.trained, "net", GENOTYPE, TINY, folder=folder),
    }


NAMES = sorted(calls(Path()))


def test_no_function_is_forgotten():
    assert set(NAMES) == {name for number in COMPUTING for name in computing(number)}


@pytest.mark.parametrize("name", NAMES)
def test_a_device_that_is_not_there_is_one_line(name, tmp_path):
    with pytest.raises(ValueError) as refusal:
        calls(tmp_path)[name](device="nonsense")
    line = str(refusal.value)
    assert line.startswith("device = 'nonsense': not available here; try ") and "\n" not in line
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".json"], "a run was begun"


class Where(TorchDispatchMode):
    """On which devices tensors are made, and convolutions are computed."""

    def __init__(self):
        super().__init__()
        self.tensors, self.convolutions = set(), set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.tensors.add(out.device.type)
            if "conv" in function.__name__:
                self.convolutions.add(out.device.type)
        return out


@pytest.mark.parametrize("name", NAMES)
def test_the_device_is_where_it_computes(name, tmp_path, monkeypatch):
    """As if torch's ``meta`` were a device: a call ends where numbers are read, which it has
    not."""
    for number in COMPUTING:
        computing(number)  # loads what loads late
    real = use_device  # this module's own name is among those that change
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get("use_device") is real:
            monkeypatch.setattr(module, "use_device", str)
    with Where() as where, suppress(NotImplementedError, RuntimeError):
        calls(tmp_path)[name](device="meta")
    assert "meta" in where.tensors and "cpu" not in where.convolutions
