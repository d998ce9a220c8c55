"""Run folders of version 0.1 (tests/fixtures/run-0.1, written by it on the photographs of
``write_photos``): read, replayed, drawn, used, continued. Their configs call fields as they were
called then."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import SEARCH, TRAIN, hinas, open_run, refused, setting, write_photos

import hinas_lab as lab
from hinas_lab.config import SearchConfig, field_names, from_dict, to_dict
from hinas_lab.live.recordings import read_recording
from hinas_lab.records import read_records
from hinas_lab.runs.folder import load_supernet

OLD = Path(__file__).parents[1] / "fixtures" / "run-0.1"
ASKED = ["--preset", "tiny", "--data", "photos", "--device", "cpu"]
CHANGED = ["search.keep_supernet=last", "search.val_fraction=0.2", "search.arch_split=weights"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    shutil.copytree(OLD, tmp_path / "old")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HINAS_LIVE", "0")
    write_photos(Path("photos"))


def asked(kind: str = "search", *more: str) -> list:
    sets = [word for change in (*CHANGED, *more) for word in ("--set", change)]
    return [kind, *ASKED, *setting(SEARCH), *sets]


def test_a_header_calls_fields_as_it_did():
    header = json.loads(Path("old/search/config.json").read_text())
    config = from_dict(SearchConfig, header["search"])
    assert (config.keep_supernet, config.val_fraction, config.arch_split) == (
        "last",
        0.2,
        "weights",
    )
    assert to_dict(config) == header["search"], "and hashes of it are what they were"
    new = {"keep": "keep_supernet", "share": "val_fraction", "arch_data": "arch_split"}
    assert {old: name for old, name in field_names(SearchConfig).items() if old != name} == new


def test_it_is_read_replayed_drawn_and_used():
    assert lab.replay("old/search").axes and len(read_records("old/search")["epoch/alpha"]) == 3
    assert lab.draw("old/search").dot == lab.draw("old/train").dot
    net, config, _ = load_supernet("old/search")
    assert config.keep_supernet == "last" and net.space.ops[0] == "conv_3x3"
    noisy = np.random.default_rng(0).random((20, 24)).astype(np.float32)
    assert lab.restore("old/train", noisy).shape == (20, 24)
    assert read_recording("old/search").last >= 0
    assert hinas("runs", "show", "old/search").code == 0


def test_a_finished_one_is_finished():
    before = {path.name: path.read_bytes() for path in Path("old/search").iterdir()}
    result = hinas(*asked(), "--run", "old/search", "--resume")
    assert (result.code, result.err) == (0, "")
    assert {path.name: path.read_bytes() for path in Path("old/search").iterdir()} == before
    training = ["train", *ASKED, *setting(TRAIN), "--genotype", "old/search", "--run", "old/train"]
    assert hinas(*training, "--resume").code == 0


def test_a_stopped_one_goes_on_to_the_same_architecture():
    run = open_run(*asked(), "--run", "old/stopped", "--resume")
    assert run.records.counts[0] > 0 and not run.finished
    list(run.steps())
    assert run.genotype == lab.Genotype.from_json(Path("old/search/genotype.json").read_text())


def test_another_setting_is_refused_by_its_name_of_today():
    changed = asked("search", "search.val_fraction=0.3")
    line = "this run has search.val_fraction = 0.2, asked is 0.3"
    refused(hinas(*changed, "--run", "old/stopped", "--resume"), line)


def test_old_names_are_taken_on_the_command_line_too():
    old = ["search.keep=last", "search.share=0.2", "search.arch_data=weights"]
    words = [word for change in old for word in ("--set", change)]
    again = ["search", *ASKED, *setting(SEARCH), *words, "--run", "old/search", "--resume"]
    assert hinas(*again).code == 0
