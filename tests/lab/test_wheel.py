"""The wheel: built without a network, unpacked outside the checkout, used there."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the packages as pip would put them there: a wheel of pure Python is its
    files."""
    pytest.importorskip("hatchling")
    built, folder = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, cwd: Path, *argv: str) -> str:
    env = os.environ | {"PYTHONPATH": str(installed), "HINAS_LIVE": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *argv], cwd=cwd, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_it_carries(installed):
    assert (installed / "hinas_lab" / "data" / "nets" / "net-50" / "best.safetensors").exists()
    assert (installed / "hinas_book" / "kit" / "registry.py").exists()
    assert not (installed / "hinas_lab" / "data" / "training").exists()
    static = {path.name for path in (installed / "hinas_lab" / "live" / "static").iterdir()}
    pages = {"board.css", "board.js", "explore.css", "explore.js", "page.css", "page.js"}
    assert static == pages
    (scripts,) = installed.glob("hinas_lab-*.dist-info/entry_points.txt")
    assert "hinas-lab = hinas_lab.cli.main:main" in scripts.read_text()


def test_the_face_works_outside_the_checkout(installed, tmp_path):
    script = """
import sys
from pathlib import Path
import numpy as np
import hinas_lab as lab

assert Path(lab.__file__).is_relative_to(sys.argv[1]), lab.__file__
lab.replay("classroom")
print(lab.draw("%s").dot[:7])
noisy = np.random.default_rng(0).random((32, 48)).astype(np.float32)
assert lab.restore("net-50", noisy, "restored.png").shape == (32, 48)
from hinas_book.kit.claims import changes, claims
from hinas_book.kit.recorded import recorded
from hinas_book.paper.published import paper_table
assert len(claims()) > 5 and changes() and recorded("bicubic")["rows"] and paper_table(1).rows
""" % str(installed / "hinas_lab" / "data" / "runs" / "classroom" / "genotype.json")  # noqa: UP031
    out = run(installed, tmp_path, "-c", script, str(installed))
    assert out.startswith("digraph") and (tmp_path / "restored.png").exists()


@pytest.mark.slow
def test_the_demo_runs_outside_the_checkout(installed, tmp_path):
    out = run(installed, tmp_path, "-m", "hinas_lab", "demo", "--preset", "tiny")
    assert "dB" in out and (tmp_path / "runs" / "demo").is_dir()
