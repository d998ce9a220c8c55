"""``hinas-lab runs``: what lies in folders, in words."""

import json
import shutil
import zipfile
from pathlib import Path

from helpers import hinas, refused

from hinas_book.kit.recorded import RUNS


def test_list_show_and_diff(tmp_path, monkeypatch):
    code, out, err = hinas("runs", "list", RUNS)
    assert (
        (code, err) == (0, "")
        and all(f"/{name} " in out for name in ("classroom", "hasty"))
        and "finished, without weights" in out
    )
    out = hinas("runs", "show", RUNS / "hasty").out
    assert "search.arch_lr = 0.1" in out and "device cpu" in out and "denoise path" in out
    out = hinas("runs", "diff", RUNS / "classroom", RUNS / "hasty").out
    assert (
        "search.arch_lr: 0.04 -> 0.1" in out
        and "search.warmup_epochs: 7 -> 0" in out
        and "layer 0, node 0:" in out
    )
    assert (
        hinas("runs", "diff", RUNS / "hasty", RUNS / "hasty").out
        == "asked for the same\nthe same genotype\n"
    )
    assert (
        "task is 'denoise' and 'sr'"
        in hinas("runs", "diff", RUNS / "classroom", RUNS / "classroom-sr").out
    )
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    assert "no runs below runs; make one with: hinas-lab demo" in hinas("runs", "list").out


def test_unfinished_and_damaged_runs_are_listed(tmp_path):
    for name in ("half", "new", "torn"):
        shutil.copytree(RUNS / "classroom", tmp_path / name)
    (tmp_path / "half" / "genotype.json").unlink()
    for file in ("genotype.json", "records.npz"):
        (tmp_path / "new" / file).unlink()
    (tmp_path / "torn" / "config.json").write_text("{")
    lines = {
        line.split()[0].rstrip(":"): line
        for line in hinas("runs", "list", tmp_path).out.splitlines()
    }
    assert (
        "16 of 16 epochs" in lines[str(tmp_path / "half")]
        and "not begun" in lines[str(tmp_path / "new")]
    )
    assert "damaged or unreadable" in lines[str(tmp_path / "torn" / "config.json")]


def test_pack(tmp_path):
    code, out, err = hinas("runs", "pack", RUNS / "classroom", "--out", tmp_path)
    assert (code, err) == (0, "")
    with zipfile.ZipFile(tmp_path / "classroom.zip") as file:
        assert (
            json.loads(file.read("config.json"))["kind"] == "search"
            and "records.npz" in file.namelist()
        )
    refused(hinas("runs", "pack", tmp_path), "not a run folder")
    refused(hinas("runs", "show", "nowhere"), "nowhere: no such run folder")
    refused(hinas("runs", "list", "nowhere"), "nowhere: no such folder")
    refused(
        hinas("runs", "pack", RUNS / "classroom", "--out", tmp_path),
        "classroom.zip: is there already",
    )
    (tmp_path / "2021.zip").write_bytes(b"mine")
    assert hinas("runs", "pack", RUNS / "hasty", "--out", tmp_path).code == 0
    assert {p.name for p in tmp_path.glob("*.zip")} == {
        "2021.zip",
        "classroom.zip",
        "hasty.zip",
    }  # nobody's file is touched
    refused(
        hinas("runs", "pack", RUNS / "classroom", "--out", tmp_path / "nowhere"), "no such folder"
    )
