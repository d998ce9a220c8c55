"""Runs that outlive a disconnect: packed at each checkpoint, brought back from the newest whole
file, continued bit for bit; and the cell that installs the package in Colab."""

import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nbformat
import pytest
import torch

import hinas_lab
from hinas_book.lessons import colab
from hinas_lab.presets import preset
from hinas_lab.records import read_records
from hinas_lab.runs import folder
from hinas_lab.runs.folder import open_search
from hinas_lab.runs.packing import pack_run, packed, unpack_run

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(autouse=True)
def no_keepers(monkeypatch):
    monkeypatch.setattr(folder, "AFTER_SAVE", [])


@pytest.fixture
def small():
    tiny = preset("tiny")
    return tiny._replace(search=replace(tiny.search, epochs=2, validate_from=1, warmup_epochs=0))


def finish(run):
    for _ in run.steps():
        pass


def stop_after(run, records, save_seconds=folder.SAVE_SECONDS):
    steps = run.steps(save_seconds)
    for _ in range(records):
        next(steps)
    steps.close()


def test_a_search_goes_on_after_a_disconnect(tmp_path, monkeypatch, small, capsys):
    monkeypatch.chdir(tmp_path)
    finish(open_search("elsewhere", small))

    colab.keep("runs", drive=tmp_path / "drive")
    stop_after(open_search("runs/live", small), 5)
    shutil.rmtree("runs")  # the machine is gone
    folder.AFTER_SAVE.clear()

    colab.keep("runs", drive=tmp_path / "drive")
    assert "live: back from" in capsys.readouterr().out
    run = open_search("runs/live", small, resume=True)
    assert run.records.counts[0] + run.records.counts[1] == 5
    finish(run)
    for name in ("genotype.json", "best.safetensors"):
        assert (tmp_path / "runs" / "live" / name).read_bytes() == (
            tmp_path / "elsewhere" / name
        ).read_bytes()
    ours, whole = read_records("runs/live"), read_records("elsewhere")
    assert all(ours[k].tobytes() == whole[k].tobytes() for k in whole if not k.endswith("/seconds"))

    # what is on the drive now is the finished run
    assert unpack_run(tmp_path / "drive" / "live", tmp_path / "again")
    assert open_search(tmp_path / "again", small, resume=True).finished


def test_one_file_a_checkpoint_and_the_last_two_stay(tmp_path, small):
    colab.keep(tmp_path / "runs", drive=tmp_path / "drive")
    stop_after(open_search(tmp_path / "runs" / "live", small), 4, save_seconds=0.0)
    zips = packed(tmp_path / "drive" / "live")
    assert [z.name for z in zips] == ["000004.zip", "000005.zip"]  # four records and the stop
    assert sorted((tmp_path / "drive" / "live").iterdir()) == zips


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "half":
        del content[len(content) // 2 :]
    elif how == "empty":
        content.clear()
    elif how == "bit":  # in the middle of the state
        content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    if how == "other":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("notes.txt", "no run")


@pytest.mark.parametrize("how", ["half", "empty", "bit", "other"])
def test_a_file_that_is_not_whole_is_passed_over(tmp_path, small, how):
    run = tmp_path / "run"
    stop_after(open_search(run, small), 2)
    older = pack_run(run, tmp_path / "drive")
    damage(pack_run(run, tmp_path / "drive"), how)
    assert unpack_run(tmp_path / "drive", tmp_path / "back") == older
    assert {p.name: p.read_bytes() for p in run.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "back").iterdir()
    }
    damage(older, how)
    assert unpack_run(tmp_path / "drive", tmp_path / "nothing") is None
    assert not (tmp_path / "nothing").exists()


def test_only_the_files_of_a_run_come_out(tmp_path, small):
    run = tmp_path / "run"
    stop_after(open_search(run, small), 1)
    with zipfile.ZipFile(pack_run(run, tmp_path / "drive"), "a") as file:
        file.writestr("../outside.txt", "x")
        file.writestr("inside.pkl", "x")
    unpack_run(tmp_path / "drive", tmp_path / "back" / "run")
    assert {p.name for p in (tmp_path / "back" / "run").iterdir()} <= set(folder.FILES)
    assert not list(tmp_path.rglob("outside.txt"))


def test_a_run_that_is_here_is_left_alone(tmp_path, small):
    colab.keep(tmp_path / "runs", drive=tmp_path / "drive")
    live = tmp_path / "runs" / "live"
    stop_after(open_search(live, small), 1)
    before = (live / "state.safetensors").read_bytes()
    stop_after(open_search(live, small, resume=True), 1)
    after = (live / "state.safetensors").read_bytes()
    colab.keep(tmp_path / "runs", drive=tmp_path / "drive")
    assert before != after == (live / "state.safetensors").read_bytes()
    assert len(folder.AFTER_SAVE) == 1, "asked twice, kept once"


def test_what_ran_before_is_kept_and_what_lies_elsewhere_is_not(tmp_path, small):
    stop_after(open_search(tmp_path / "runs" / "early", small), 1)
    colab.keep(tmp_path / "runs", drive=tmp_path / "drive")
    stop_after(open_search(tmp_path / "other" / "run", small), 1)
    assert [z.parent.name for z in (tmp_path / "drive").rglob("*.zip")] == ["early"]


def test_a_full_drive_does_not_end_the_search(tmp_path, small):
    (tmp_path / "drive").write_text("a file where a folder should be")
    colab.keep(tmp_path / "runs", drive=tmp_path / "drive")
    run = open_search(tmp_path / "runs" / "live", small)
    with pytest.warns(UserWarning, match="not kept on the drive"):
        finish(run)
    assert run.finished


def test_outside_colab(tmp_path, monkeypatch, capsys):
    colab.keep(tmp_path, on_drive=False)
    assert not folder.AFTER_SAVE
    monkeypatch.setitem(sys.modules, "google.colab", None)
    with pytest.raises(ValueError, match="not Colab; name a folder"):
        colab.keep(tmp_path)
    colab.hello()
    said = capsys.readouterr().out
    assert torch.__version__ in said and ("no GPU" in said) != torch.cuda.is_available()


@pytest.mark.parametrize(
    ("gpu", "capability", "short"),
    [("Tesla T4", (7, 5), "float16"), ("NVIDIA L4", (8, 9), "bfloat16")],
)
def test_hello_names_the_short_format_of_the_gpu(gpu, capability, short, monkeypatch, capsys):
    monkeypatch.setattr(torch.version, "cuda", "12.4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: gpu)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    colab.hello()
    assert capsys.readouterr().out.endswith(f"{gpu}, short format {short}\n")


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


FIRST = code_cells(NOTEBOOKS / "03_live_search.ipynb")[0].source


@pytest.mark.parametrize(
    "path", sorted(NOTEBOOKS.rglob("[0-9e]*.ipynb")), ids=lambda path: path.stem
)
def test_every_notebook_begins_with_the_same_folded_cell(path):
    """And no other cell is for Colab: who reads elsewhere sees none of it."""
    first, *others = code_cells(path)
    assert first.source == FIRST and FIRST.startswith("# @title")
    assert first.metadata.cellView == "form" and first.metadata.jupyter.source_hidden
    assert not [cell.source for cell in others if "colab" in cell.source.lower()]


def test_the_first_cell_does_nothing_here(monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    before = list(sys.path)
    exec(FIRST, {})  # no get_ipython: a NameError if it did anything
    assert sys.path == before


def test_the_first_cell_installs_in_colab(tmp_path, monkeypatch, capsys):
    """What is already installed, torch above all, stays: no constraints, no upgrade."""
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    said, kept = [], []
    monkeypatch.setattr(colab, "mount", lambda: kept.append("Drive") or tmp_path)
    names = {"get_ipython": lambda: SimpleNamespace(system=said.append)}
    exec(FIRST, dict(names))
    clone, install = said
    assert not kept, "Drive is asked for only by who ticks the box"
    exec(FIRST.replace("keep_on_drive = False", "keep_on_drive = True"), dict(names))
    assert kept == ["Drive"] and len(folder.AFTER_SAVE) == 1
    assert hinas_lab.REPOSITORY in clone and install == "pip install -q -e ./hinas_lab"
    assert not {"-c", "-U", "--upgrade", "torch"} & {*clone.split(), *install.split()}
    assert sys.path[0] == "hinas_lab" and torch.__version__ in capsys.readouterr().out


def test_keep_after_open_is_refused_and_the_drive_keeps_its_checkpoints(tmp_path, monkeypatch):
    """The wrong order after a disconnect must not replace the long run by a short one."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "live"
    for _, _record in zip(range(6), open_search(run, preset("tiny")).steps(save_seconds=0)):
        pass
    pack_run(run, tmp_path / "drive" / "live")
    before = packed(tmp_path / "drive" / "live")
    shutil.rmtree(run)
    open_search(run, preset("tiny"), resume=True)
    with pytest.raises(ValueError, match="was opened before keep"):
        colab.keep("runs", drive=tmp_path / "drive")
    assert packed(tmp_path / "drive" / "live") == before
