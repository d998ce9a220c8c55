"""tools/gpu_day.sh, rehearsed at preset tiny on the CPU: all parts, and all files that it would
bring back."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

from hinas_lab.images.patches import split
from hinas_lab.runs.folder import load_network

PARTS = "check gradients stability bench search colour gray searched x4 seeds"
SEARCH = {"config.json", "env.json", "records.npz", "genotype.json"}
NETS = {"colour": (3, 1), "gray": (1, 1), "searched": (1, 1), "x4": (3, 4)}


@pytest.mark.slow
def test_a_day_on_a_gpu(tmp_path):
    out, data, rng = tmp_path / "out", tmp_path / "photos", np.random.default_rng(0)
    data.mkdir()
    for i in range(6):  # large enough for the x4 net's patches
        Image.fromarray(rng.integers(0, 256, (200, 210, 3), dtype=np.uint8)).save(data / f"{i}.png")
    env = os.environ | {
        "OUT": str(out),
        "WORK": str(tmp_path / "work"),
        "DATA": str(data),
        "PYTHON": sys.executable,
        "PRESET": "tiny",
        "DEVICE": "cpu",
        "STEPS": "4",
        "BATCH": "2",
        "SHORT": "float32",
        "DEADLINE": "550",
    }
    done = subprocess.run(
        ["bash", ROOT / "tools" / "gpu_day.sh", *PARTS.split(), "oops"],
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stderr == ""
    *lines, last = (out / "day.txt").read_text().splitlines()
    assert last == "oops: no such part" and done.stdout.splitlines() == [*lines, last]
    assert all("exit code 0 after" in line for line in lines), lines
    there = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    wanted = {
        "day.txt",
        "check.json",
        "weight-gradients.json",
        "stability.jsonl",
        "bench-tiny.json",
        "bench-classroom.json",
    }
    wanted |= {
        f"{name}.log"
        for name in (
            "check",
            "gradients",
            "stability",
            "bench",
            "search",
            "search-1",
            "search-2",
            *NETS,
        )
    }
    wanted |= {f"{run}/{file}" for run in ("search", "search-1", "search-2") for file in SEARCH}
    wanted |= {f"{name}/{file}" for name in NETS for file in (*SEARCH, "best.safetensors")} | {
        f"{name}.json" for name in NETS
    }
    assert there == wanted
    assert all(row["holds"] for row in json.loads((out / "check.json").read_text())["rows"])
    for name, first in (
        ("bench-tiny", "weight step, float32"),
        ("bench-classroom", "weight step, float32"),
        ("weight-gradients", "conv 3x3 of 2, library"),
    ):
        assert json.loads((out / f"{name}.json").read_text())["rows"][0]["what"] == first
    rows = [json.loads(line) for line in (out / "stability.jsonl").read_text().splitlines()]
    assert [(row["kind"], row["task"], len(row["pixel"]), row["end"]) for row in rows] == [
        ("train", "denoise", 4, ""),
        ("train", "sr", 4, ""),
        ("search", "denoise", 4, ""),
    ]
    for name, (channels, scale) in NETS.items():
        _, info = load_network(out / name)
        assert (info["channels"], info["scale"], info["preset"]) == (channels, scale, "tiny*")
        assert np.isfinite(json.loads((out / f"{name}.json").read_text())["rows"][0]["psnr"])


@pytest.mark.parametrize("task", ["denoise", "sr"])
def test_the_checks_own_pictures_fill_a_batch_of_the_papers_size(task):
    tool = runpy.run_path(str(ROOT / "tools" / "gpu_check.py"))
    chosen, images = tool["material"]("paper", task)
    w = len(split(len(images), chosen.search.val_fraction, chosen.search.seed).w)
    assert w * chosen.search.crops_per_image >= 2 * chosen.search.batch, "two steps an epoch"
    assert (
        min(image.shape[0] // chosen.space.scale for image in images.values())
        >= chosen.search.patch
    )


def test_without_time_a_part_says_so(tmp_path):
    env = os.environ | {
        "OUT": str(tmp_path / "out"),
        "WORK": str(tmp_path / "work"),
        "PYTHON": sys.executable,
        "DEADLINE": "4",
    }
    done = subprocess.run(
        ["bash", ROOT / "tools" / "gpu_day.sh", "check"], env=env, capture_output=True, text=True
    )
    assert (
        done.stdout == "check: no time left\n"
        and Path(tmp_path / "out" / "day.txt").read_text() == done.stdout
    )
