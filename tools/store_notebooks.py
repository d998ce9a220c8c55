"""Execute notebooks and store their outputs, stamped with what produced them (``make notebooks``).

    HINAS_PRESET=classroom python tools/store_notebooks.py notebooks/00_start_here.ipynb ...

A stored notebook says in its metadata which package version, preset and code cells its outputs
belong to; the tests hold it to that. Only code cells are hashed: rewording the text asks for no new
run."""

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from hinas_lab import __version__


def cells_hash(nb: nbformat.NotebookNode) -> str:
    """sha256 of the sources of the code cells, in order."""
    sources = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def execute(nb: nbformat.NotebookNode, *, cwd: Path, preset: str, seconds_per_cell: int) -> None:
    """Run every cell in a fresh kernel, without widgets and without the user's IPython profile;
    outputs land in ``nb``.

    Raises ``CellExecutionError`` at the first cell that fails.
    """
    env = os.environ | {
        "HINAS_PRESET": preset,
        "HINAS_LIVE": "0",
        "IPYTHONDIR": str(Path(cwd) / ".ipython"),
    }
    NotebookClient(
        nb,
        kernel_name="python3",
        timeout=seconds_per_cell,
        resources={"metadata": {"path": str(cwd)}},
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
    ).execute(env=env)


def stamp(nb: nbformat.NotebookNode, preset: str) -> None:
    """Say what the outputs belong to; drop metadata that changes from run to run or machine to
    machine."""
    nb.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "hinas_lab": {"version": __version__, "preset": preset, "cells": cells_hash(nb)},
        }
    )
    for cell in nb.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            # dead without its kernel, and its id is drawn anew each time; the text beside it stays
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def store(path: Path, preset: str) -> None:
    """Execute the notebook in an empty folder and replace the file; a failing notebook leaves it
    untouched."""
    nb = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        execute(nb, cwd=Path(folder), preset=preset, seconds_per_cell=1800)
    stamp(nb, preset)
    nbformat.validate(nb)
    draft = path.with_suffix(".ipynb.new")
    nbformat.write(nb, draft)
    os.replace(draft, path)


def main(paths: list[str]) -> int:
    preset = os.environ.get("HINAS_PRESET", "classroom")
    for path in map(Path, paths):
        began = time.perf_counter()
        try:
            store(path, preset)
        except CellExecutionError as error:
            print(f"{path}: a cell failed, nothing stored\n{error}", file=sys.stderr)
            return 1
        took, size = time.perf_counter() - began, path.stat().st_size / 1e6
        print(f"{path}: stored at preset {preset}, {took:.0f} s, {size:.2f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
