"""A study that a user adds, with a figure: it is a command like those of the book, resumable, and
draws its record."""

import json
from pathlib import Path
from types import ModuleType

import pytest
from helpers import hinas, refused
from matplotlib.figure import Figure

from hinas_book.kit.design import net_row, report
from hinas_book.kit.registry import ADDED, Study

# All that it takes: does a wider net restore better? Two trainings of one search.


def design(setting):
    (found,) = yield [setting.search(0)]
    jobs = {width: setting.train(found["genotype"], 0, width=width) for width in (2, 4)}
    trained = dict(zip(jobs, (yield list(jobs.values()))))
    rows = [net_row(f"width {width}", 0, row) for width, row in trained.items()]
    return report("wider", setting, rows, [found, *trained.values()])


def findings(record):
    return [f"{row['arm']}: {row['psnr']:.2f} dB" for row in record["rows"]]


def figure(record):
    drawn = Figure()
    drawn.subplots().plot([row["parameters"] for row in record["rows"]], "o")
    return drawn


@pytest.fixture
def wider(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = ModuleType("wider")
    module.design, module.findings, module.figure = design, findings, figure
    ADDED["wider"] = Study(name="wider", question="does width help?", module=module)
    yield
    del ADDED["wider"]


def test_a_study_with_a_figure(wider):
    argv = ["study", "wider", "--preset", "tiny", "--executor", "here", "--json", "w.json"]
    code, out, err = hinas(*argv, "--figure", "w.png")
    assert code == 0 and "width 2: " in out and "wrote w.png" in out
    record = json.loads(Path("w.json").read_text())
    assert [row["arm"] for row in record["rows"]] == ["width 2", "width 4"]
    assert record["jobs"] == 3 and Path("w.png").read_bytes()[1:4] == b"PNG"
    folders = sorted(path.name for path in Path("runs/campaign").iterdir())
    assert hinas(*argv, "--figure", "w.svg").code == 0, "the same command again: all is kept"
    assert sorted(path.name for path in Path("runs/campaign").iterdir()) == folders


def test_what_is_wrong_is_said_before_any_work(wider):
    argv = ["study", "wider", "--preset", "tiny", "--figure"]
    refused(hinas(*argv, "w.txt"), "--figure w.txt: name a .png, .svg or .pdf")
    refused(hinas("study", "perturb", "--preset", "tiny", "--figure", "p.png"), "draws no picture")
    assert not Path("runs").exists()
    del ADDED["wider"].module.figure
    refused(hinas(*argv, "w.png"), "study wider draws no picture of its own")
