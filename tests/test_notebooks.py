"""Notebooks are thin, carry the outputs of their own cells, and run from top to bottom in a real
kernel."""

import ast
import re
import runpy
import shlex
from pathlib import Path

import nbformat
import pytest

import hinas_lab
from hinas_lab.cli.main import build_parser, main
from hinas_lab.runs.header import read_header

ROOT = Path(__file__).parent.parent
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TOOL = runpy.run_path(str(ROOT / "tools" / "store_notebooks.py"))

SLOW_TO_TRY = "08_perturbations"
"its exercise trains two nets at preset study"
FIVE = "05_train_and_restore.ipynb"
MOST_CODE_LINES = 115
MOST_BYTES = 1_500_000

KEY_NUMBERS = {
    "00b_pictures_and_words": (
        r"sigma 25 +MSE 0\.0096 +20\.19 dB",
        r"sigma 50 +MSE 0\.0383 +14\.17 dB",
        r"brighter +24\.00 dB",
        r"blurred +24\.00 dB",
        "dense 2304 weights, separable 400: 17%",
    ),
    "01_search_space": (
        r"largest difference (0e\+00|\de-(0[6-9]|1\d))",
        r"affine=True .* std 0\.100 .* std 0\.100 .* (0e\+00|\de-0[6-9])",
        r"affine=False .* std 0\.100 .* std 0\.400",
        r"missed most: \d+% of 10 edges",
    ),
    "02_widths_and_cell_sharing": (
        r"greedy \(0, 0, 0\): 0\.1375",
        r"\(1, 2, 2\): 0\.3645, 2\.65 times",
        "by itself: not a legal path",
        r"outgoing: 0-0-0 0\.125",
        r"incoming: 1-2-2 0\.500",
        "8 of 12 paths, 69.4% of random walks",
        "outgoing at the start: widest last 100%",
        "incoming at the start: widest last 100%",
        r"own weights +14 cells run",
        r"one cell +3\.00 x",
    ),
    "03_live_search": (
        r"exact +-2\.0000",
        r"first order +0\.0000",
        r"unrolled +-0\.1100",
        r"finite differences +-0\.1100",
        r"through +0 weight steps +0\.0000",
        r"through +1 weight steps +-0\.1100",
        r"through +200 weight steps +-2\.0000",
        r"classroom +1\.70 +75% +38% +0\.840",
        r"a-equals-w +1\.87 +75% +50% +0\.840",
        r"hasty +1\.31 +88% +62% +0\.827",
        r"affine +1\.68 +75% +38% +0\.836",
    ),
    "04_genotypes": (
        r"softmax\(alpha\): 8 of 70 weights are kept",
        "supernet: 15,722 parameters",
        "sharpness inf +as it is [0-9.]+ dB",
    ),
    "05_train_and_restore": (
        r"TV +\S+ +\S+ +\S+ +26\.48 +0\.6720",
        r"whole +26\.48 ",
        r"authors-eval +27\.05 ",
    ),
    "06_super_resolution": (
        r"bicubic +27\.49 +31\.47 +27\.29 +28\.75 ",
        r"network, untrained +27\.49 +31\.47 +27\.29 +28\.75 ",
    ),
    "07_ablations": (
        "1 of 18 leave out 0",
        r"the text says 0\.05 dB, the table's cells give 0\.08",
        r"live = True trains 4 nets at preset tiny",
    ),
    "08_perturbations": (
        r"Table 6, HiNAS, R1, σ 30 +0\.04 dB lower, +1\.2 sd",
        "NOT SO: both modifications",
        "any share from 22% on",
    ),
    "09_search_against_random": (
        r"Table 1, search - RSWS: 0 of 3 leave out 0",
        r"Table 2, search - RSWS: 4 of 4 leave out 0",
        r"Table 8: HiNAS +1\.0 h on 1 1080Ti by gradient, cell sharing",
    ),
    "10_state_of_the_art": (
        "Table 1: 1 of 18 differences leave out 0",
        r"N3Net is a mean of 3 runs: 6 of 6 resolved",
        r"N3Net is one run: 4 of 6 resolved",
        r"psnr_s50 +\+0\.3100 ± 0\.1587 +resolved",
        r"psnr_s50 +\+0\.3100 ± 0\.3478 +not resolved",
        r"σ 50: HiNAS above N3Net, printed +\+0\.31 ± 0\.16",
        r"TV, authors-eval above whole +\+0\.53 ± 0\.02",
        r"our net, authors-eval above whole +[-+]\d\.\d\d ± ",
        r"HiNAS above RFArNet +-0\.44 dB, SSIM \+0\.0023",
        r"sr-authors above sr-standard, bicubic +\+0\.06 dB, SSIM \+0\.0090",
        r"MemNet +2\.3 +9\.6 +\d",
        r"2\.0 times as long",
        r"NOT SO +inference so many times as fast as SAN \(x4\): 20\.97 x; the cells give 21\.4",
    ),
    "12_a_net_under_a_budget": (
        r"power +6: 1\.84 convolutions, ([\d.]+) MMAC by hand, \1 by the package",
        r"layers of 8 channels +1\.99 +0\.01",
        r"cost 1\.200, mu 0\.511; by calculus 0\.511",
        r"rank 10, 1\.17",
        "none of the 4096 likeliest is within",
        "random .*the line that the others are held against",
    ),
}
"""stem -> patterns of what it must print at preset tiny; numbers that follow from neither training
nor search"""

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def printed(nb: nbformat.NotebookNode) -> str:
    """All that the cells printed."""
    return "".join(
        output.get("text", "") for cell in nb.cells for output in cell.get("outputs", [])
    )


def plain_python(source: str) -> str:
    """A cell without the lines that only IPython understands (``%pip``, ``!git``, ``?``)."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


def test_the_reading_order_has_a_start():
    assert [path.name for path in PATHS][:1] == ["00_start_here.ipynb"]


def prose(path: Path) -> str:
    """The texts of its markdown cells."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def to_try(path: Path) -> list[str]:
    """The Python that its last exercises tell the reader to run: blocks, and calls in the text."""
    _, title, text = prose(path).partition("## Try")
    if not title:
        _, _, text = prose(path).partition("Write it yourself")
    snippets = re.findall(r"```python\n(.*?)```", text, re.S)
    for code in re.findall(r"`([^`\n]+)`", text):
        try:
            line = ast.parse(code).body[0]
        except SyntaxError:  # a command, a path, "-x"
            continue
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call):
            snippets.append(code)
    return snippets


@each_notebook
def test_commands_in_the_text_are_whole(path, monkeypatch):
    """What is typed into a terminal parses, and reads what is in the repository."""
    monkeypatch.chdir(ROOT)
    text = prose(path)
    commands = re.findall(r"`(hinas-lab [^`]+)`", text)
    commands += re.findall(r"^ {4}(hinas-lab .*)$", text, re.M)
    for command in commands:
        words = shlex.split(command)[1:]
        build_parser().parse_args(words)
        for word in words:
            assert not word.startswith("data/") or Path(word).exists(), command


def test_what_05_asks_to_train(tmp_path, monkeypatch):
    """The command of its first exercise, at preset tiny."""
    (command,) = re.findall(r"`hinas-lab (train [^`]+)`", prose(ROOT / "notebooks" / FIVE))
    words = shlex.split(command)
    words[words.index("--run") + 1] = str(tmp_path / "run")
    monkeypatch.chdir(ROOT)
    assert main([*words, "--preset", "tiny"]) == 0
    assert read_header(tmp_path / "run")["train"]["loss"]["lam"] == 0.02


@pytest.mark.parametrize("stem", ["07_ablations", "08_perturbations", "10_state_of_the_art"])
def test_every_reading_has_its_conclusion(stem):
    """After "How to read it" stands one "So": in the text, or of a cell that takes it from the
    record."""
    cells = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells
    readings = 0
    for place, cell in enumerate(cells):
        _, reads, text = cell.source.partition("**How to read it.**")
        if not reads:
            continue
        readings += 1
        # up to the next section
        said = text.partition("\n## ")[0].count("**So:**")
        following = cells[place + 1].source
        computed = following.startswith("Markdown(findings.conclude_")
        assert said + computed == 1, f"{stem}, cell {cell.id}"
    assert readings >= 5


@each_notebook
def test_format(path):
    nb = nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    assert nb.metadata.kernelspec.name == "python3"
    assert path.stat().st_size <= MOST_BYTES
    assert nb.cells[0].cell_type == "markdown", "a notebook opens with its question"


@each_notebook
def test_thin(path):
    """Logic lives in the package: no definitions, few lines. The cell for Colab, folded and the
    same everywhere, is not counted."""
    cells = [cell for cell in code_cells(path) if "cellView" not in cell.metadata]
    lines = [line.strip() for cell in cells for line in cell.source.splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) <= MOST_CODE_LINES
    definitions = [
        node.name
        for cell in cells
        for node in ast.walk(ast.parse(plain_python(cell.source)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    assert not definitions


@each_notebook
def test_stored_outputs_belong_to_the_cells(path):
    nb = nbformat.read(path, as_version=4)
    kept = nb.metadata.get("hinas_lab", {})
    asked = {"version": hinas_lab.__version__, "cells": TOOL["cells_hash"](nb)}
    assert {key: kept.get(key) for key in asked} == asked, "edited since it was run: make notebooks"
    assert kept["preset"] != "tiny", "the numbers of preset tiny mean nothing: make notebooks"
    cells = [cell for cell in code_cells(path) if cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [
        output for cell in cells for output in cell.outputs if output.output_type == "error"
    ]


@pytest.mark.notebook
@each_notebook
def test_runs(path, tmp_path, monkeypatch):
    """Top to bottom at preset tiny, offline, in an empty folder; a failing cell raises with its
    traceback."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    nb = nbformat.read(path, as_version=4)
    if path.stem != SLOW_TO_TRY:
        # its exercises, with the names that the cells above have made
        nb.cells += map(nbformat.v4.new_code_cell, to_try(path))
    TOOL["execute"](nb, cwd=tmp_path, preset="tiny", seconds_per_cell=120)
    assert all(
        cell.execution_count
        for cell in nb.cells
        if cell.cell_type == "code" and cell.source.strip()
    )
    said = printed(nb)
    assert not [
        pattern for pattern in KEY_NUMBERS.get(path.stem, ()) if not re.search(pattern, said)
    ], said
    left = {place.name for place in tmp_path.iterdir()} - {".ipython", "runs"}
    assert not left, "a notebook writes only below runs/, which git ignores"
