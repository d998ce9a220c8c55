"""``hinas-lab runs report``: a file that stands alone, what it says, what it refuses."""

import json
import shlex
import shutil

import numpy as np
import pytest
from helpers import addresses, hinas, refused

from hinas_book.kit.recorded import RUNS
from hinas_lab.cli.common import resolve
from hinas_lab.cli.main import build_parser
from hinas_lab.config import to_dict
from hinas_lab.live import facts, report
from hinas_lab.live.recordings import read_recording
from hinas_lab.runs.header import read_header

NAMES = sorted(path.parent.name for path in RUNS.glob("*/records.npz"))


def test_what_counts_as_an_address():
    asked = '<img src="http://a/b"><a href=c>url(d)<b srcset="data:x"> @import "e"'
    assert addresses(asked) == ["http://a/b", "c", "d", "e"]


def test_one_file_that_asks_nobody(tmp_path):
    path = tmp_path / "report.html"
    result = hinas("runs", "report", RUNS / "classroom", "hasty", "affine", "--out", path)
    assert result.code == 0 and f"wrote {path}, " in result.out
    html = path.read_text()
    assert addresses(html) == []
    assert path.stat().st_size < report.LARGEST
    for name in ("classroom", "hasty", "affine"):
        assert f'<th scope="col">{name}</th>' in html and f'hinasFilms ??= {{}})["{name}"]' in html
    assert "<strong>0.1</strong>" in html and "preset: 0.04" in html  # hasty's learning rate
    assert html.count("<figure") == 6 and html.count('alt="a patch of V') == 12
    assert html.count('value="50" aria-label="wipe, ') == 6


def test_all_that_is_recorded_fits():
    html = report.report(NAMES)
    assert len(html.encode()) < report.LARGEST and len(NAMES) > 5


def test_what_is_too_large_loses_patches_first(monkeypatch):
    def count(html: str) -> int:
        return html.count('"soft":')

    whole = report.report(["classroom"])
    monkeypatch.setattr(report, "LARGEST", len(whole) - 10_000)
    small = report.report(["classroom"])
    assert len(small.encode()) < report.LARGEST and 2 <= count(small) < count(whole)
    last = read_recording(RUNS / "classroom").records["preview/epoch"][-1]
    assert f'{{"epoch":{last},"size"' in small
    monkeypatch.setattr(report, "LARGEST", 100_000)
    with pytest.raises(ValueError, match="larger than 0.1 MB; name fewer"):
        report.report(["classroom"])


def test_a_name_is_text_and_never_html(tmp_path):
    name = "<b>&\"'</script><script>bad()"
    # "/" is no part of a name
    folder = tmp_path / name.replace("/", "\u2215")
    shutil.copytree(RUNS / "classroom", folder)
    header = json.loads((folder / "config.json").read_text()) | {"data": "</code><i>x"}
    (folder / "config.json").write_text(json.dumps(header))
    html = report.report([folder, RUNS / "classroom"])
    assert "<b>" not in html and "<script>bad" not in html and "<i>" not in html
    assert "&lt;b&gt;&amp;" in html and "\\u003cb>" in html


def test_two_folders_of_one_name_can_be_told_apart(tmp_path):
    for room in ("a", "b"):
        shutil.copytree(RUNS / "classroom", tmp_path / room / "run")
    html = report.report([tmp_path / "a" / "run", tmp_path / "b" / "run"])
    assert '<th scope="col">a/run</th><th scope="col">b/run</th>' in html


def test_unfinished_and_without_pictures(tmp_path):
    folder = tmp_path / "half"
    shutil.copytree(RUNS / "classroom", folder)
    (folder / "genotype.json").unlink()
    (folder / "env.json").unlink()
    with np.load(folder / "records.npz") as stored:
        columns = {name: stored[name] for name in stored if not name.startswith("preview/")}
    np.savez(folder / "records.npz", **columns)
    html = report.report([folder])
    assert "16 of 16 epochs, not finished" in html
    assert "Before and after" not in html and "The genotype" in html


def test_without_graphviz_the_drawing_is_words(monkeypatch):
    def missing(self):
        raise ValueError("no Graphviz")

    monkeypatch.setattr("hinas_lab.drawing.diagram.drawing.Drawing.svg", missing)
    html = report.report(["classroom"])
    assert "<p>no Graphviz</p>" in html and "<svg" not in html.split("<body>")[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_command_makes_the_same_search(name):
    recording = read_recording(RUNS / name)
    words = shlex.split(facts.command(recording))
    args = build_parser().parse_args(words[1:])
    asked = resolve(args, args.task, args.scale)
    header = read_header(RUNS / name)
    assert json.loads(json.dumps(to_dict(asked.space))) == to_dict(recording.space)
    assert asked.search == recording.search
    assert (args.data, asked.name) == (header["data"], header["preset"])


def test_what_is_refused(tmp_path):
    out = tmp_path / "report.html"

    def says(text, *runs, to=out):
        refused(hinas("runs", "report", *runs, "--out", to), text)

    says("no folder of data/runs; there are a-equals-w", "nope")
    says("no such run folder", tmp_path / "nope")
    says("not a run folder", tmp_path)
    says("one run is named twice", "classroom", RUNS / "classroom")
    says("no such folder", "classroom", to=tmp_path / "no" / "report.html")
    says("a name that ends in .html", "classroom", to=tmp_path / "report.pdf")
    shutil.copytree(RUNS / "classroom", tmp_path / "new")
    (tmp_path / "new" / "records.npz").unlink()
    says("records.npz", tmp_path / "new")
    says("is a training run; name the search", RUNS.parent / "nets" / "net-50")
    assert not out.exists()
    out.write_text("mine")
    says("is there already; choose another name, or add --overwrite", "classroom")
    assert out.read_text() == "mine"
    assert hinas("runs", "report", "classroom", "--out", out, "--overwrite").code == 0
    assert out.read_text().startswith("<!DOCTYPE html>")
