"""What ``import hinas_lab as lab`` offers: cheap to import, each call twice, the README's ten
lines."""

import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

import hinas_lab as lab
from hinas_lab.images.datasets.catalog import load_images

ROOT = Path(__file__).parents[2]
CALLS = ("draw", "draw_tradeoff", "evaluate", "explore", "load", "panel", "preset", "replay")
CALLS += ("restore", "search", "train")


def python(script: str, *args, cwd=ROOT) -> str:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    """A folder of one's own, as somebody has it: eight photographs and a noisy one beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HINAS_LIVE", "0")
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, image in list(load_images("builtin", 3).items())[:8]:
        Image.fromarray(image[:64, :80]).save(folder / f"{Path(name).stem}.png")
    noise = np.random.default_rng(0).normal(0, 50, (40, 56, 3))
    clean = np.asarray(Image.open(next(folder.iterdir())))[:40, :56]
    noisy = (clean + noise).clip(0, 255).round().astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    return folder


def test_importing_is_cheap_and_loads_only_the_standard_library():
    script = """
import json, sys, time
before, start = set(sys.modules), time.perf_counter()
import hinas_lab as lab
dir(lab)
seconds = time.perf_counter() - start
names = sorted({name.split(".")[0] for name in set(sys.modules) - before})
print(json.dumps([seconds, names]))
"""
    seconds, loaded = json.loads(python(script))
    assert seconds < 0.3
    assert set(loaded) - set(sys.stdlib_module_names) == {"hinas_lab"}


@pytest.mark.parametrize("name", CALLS)
def test_help_answers_without_another_file(name):
    """Every argument is explained, with what comes back and what is refused."""
    call = getattr(lab, name)
    text = inspect.getdoc(call)
    assert len(text.splitlines()) >= 5
    for argument in inspect.signature(call).parameters:
        if argument in ("options", "what", "found", "name", "task", "scale"):
            continue
        assert argument in text, f"{name}: {argument} is not explained"
    assert call.__module__.startswith("hinas_lab.") and name in dir(lab)


def test_no_room_takes_the_place_of_a_call(photos):
    """Every module imported, every call is still the call, and is made twice."""
    for module in pkgutil.walk_packages(lab.__path__, "hinas_lab."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    settings = lab.preset("tiny")
    for _ in range(2):
        for name in CALLS:
            assert callable(getattr(lab, name)), f"lab.{name} is {getattr(lab, name)!r}"
        run = lab.search("photos", preset=settings, run="runs/s", device="cpu")
        lab.panel(run)
        assert run.finish().finished
        lab.replay(run)
        lab.replay("classroom")
        assert "digraph" in lab.draw(run.genotype).dot
        assert lab.draw(settings).dot and lab.draw(run).dot == lab.draw("runs/s").dot
        net = lab.train(run, "photos", preset=settings, run="runs/n", device="cpu").finish()
        frame = lab.evaluate(net, "photos", level=50, limit=2, device="cpu")
        assert list(frame["image"]) and len(frame) == 2 and (frame["psnr"] > 5).all()
        restored = lab.restore(net, "noisy.png", "out.png", device="cpu")
        assert restored.shape == (40, 56, 3) and Path("out.png").exists()
        assert lab.load(net).trained_for["task"] == "denoise"
        for call in (lab.explore, lab.draw_tradeoff):
            assert call("runs", device="cpu").axes[0].get_title(loc="left").startswith("one net")
    again = lab.restore(lab.load("net-50"), restored)
    assert again.shape == restored.shape and 0 <= again.min() and again.max() <= 1


FOUND = lab.Genotype.from_json((ROOT / "data" / "nets" / "net" / "genotype.json").read_text())


def test_wrong_arguments_get_one_clear_line(photos):
    for call, fragment in (
        (lambda: lab.search("nowhere", preset="tiny"), "nowhere"),
        (lambda: lab.search("photos", preset="huge"), "preset = 'huge': must be one of tiny"),
        (lambda: lab.search("photos", preset="tiny", device="abacus"), "device = 'abacus'"),
        (lambda: lab.load("net-x9"), "there are net, net-30"),
        (lambda: lab.replay("a run"), "there are a-equals-w"),
        (lambda: lab.train(3), "int: must be a run"),
        (lambda: lab.evaluate("net-50", "photos", protocol="sr-standard"), "the net for denoise"),
        (lambda: lab.restore("net-50", "no.png"), "no.png"),
        (lambda: lab.restore("net-50", np.zeros(5), "out.png"), "must be (H, W) or (H, W, 3)"),
        (lambda: lab.restore("net-50", np.full((20, 20), np.nan)), "finite floats"),
        (lambda: lab.restore("net-50", [[1, 2], [3, 4]]), "must be uint8, or finite"),
        (lambda: lab.evaluate("net-50", "photos", limit=-1), "limit = -1"),
        (lambda: lab.evaluate("net-50", "photos", level=-5), "level = -5: must be from 0 to 255"),
        (lambda: lab.evaluate(nn.Identity(), "photos"), "is no net that lab.load gave"),
        (lambda: lab.explore("nowhere"), "nowhere: no folder of runs, no record"),
        (lambda: lab.explore("photos"), "photos: no finished training below it"),
        (lambda: lab.explore("paths"), "holds no trained nets"),
        (lambda: lab.draw_tradeoff("search", cost="money"), "cost = 'money': must be one of macs"),
        (lambda: lab.draw_tradeoff("search", budget="30ms"), "is of milliseconds"),
        (lambda: lab.search("photos", preset=None), "preset = None: must be a name"),
        (lambda: lab.train(FOUND, preset=lab.preset("tiny", "sr", 2)), "the genotype for denoise"),
    ):
        with pytest.raises((ValueError, OSError)) as error:
            call()
        assert fragment in str(error.value) and "\n" not in str(error.value)
    assert not Path("runs").exists(), "nothing is left half made"


def test_a_name_is_the_preset_of_the_genotypes_task(photos):
    """At ``paper`` super-resolution is trained otherwise than denoising."""
    sr = replace(FOUND, task="sr", scale=4, channels=1)
    large = np.random.default_rng(0).integers(0, 256, (260, 260), dtype=np.uint8)
    Path("large").mkdir()
    Image.fromarray(large).save("large/a.png")
    training = lab.train(sr, "large", preset="paper", run="runs/sr", device="cpu")
    wanted = lab.preset("paper", "sr", 4).train
    assert training.header["train"]["iterations"] == wanted.iterations == 600_000
    assert training.genotype == sr and lab.draw(training).dot, "before it is finished"


def ten_lines(text: str) -> str:
    """The block of code that begins with the import of the face."""
    (block,) = re.findall(r"```python\n(import hinas_lab as lab.*?)```", text, re.S)
    return block


def test_the_ten_lines_of_the_readme(photos):
    block = ten_lines((ROOT / "README.md").read_text())
    notebook = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text())
    markdown = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown"]
    assert ten_lines("\n".join(markdown)) == block
    assert len([line for line in block.splitlines() if line.strip()]) <= 10
    exec(compile(block, "README.md", "exec"), {})
    assert Path("restored.png").exists() and Path("runs/net/best.safetensors").exists()
