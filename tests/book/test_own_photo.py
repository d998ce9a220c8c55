"""A photograph of one's own in a lesson: from a path, from an upload, and files that are none."""

import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hinas_book.kit.own_photo import NOBODY, own_photo, uploaded
from hinas_lab.presets import preset
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network


@pytest.fixture
def trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = Network(sample(preset("tiny").space, random.Random(0)), width=4, stem=8).eval()
    return net, {"task": "denoise", "sigmas": [50.0]}


@pytest.fixture
def photo(tmp_path) -> Path:
    noisy = 128 + np.random.default_rng(0).normal(0, 15, (40, 48))
    path = tmp_path / "mine.png"
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path)
    return path


def test_a_path_seen_from_where_the_notebook_runs(trained, photo, capsys):
    figure = own_photo(trained, photo.name)
    said = capsys.readouterr().out
    assert [ax.get_title() for ax in figure.axes[:2]] == ["mine.png", "restored"]
    assert "mine.png: estimated noise 1" in said and "far from sigma 50" in said
    written = Path("runs/own_photo/mine-restored.png")
    with Image.open(written) as restored:
        assert str(written) in said and restored.size == (48, 40)
    assert sorted(p.name for p in Path().iterdir()) == ["mine.png", "runs"], "nothing litters"


@pytest.mark.parametrize("name", ["none.png", "text.png"])
def test_no_photograph_is_one_line(trained, name, capsys, tmp_path):
    Path("text.png").write_text("no picture")
    assert own_photo(trained, name) is None
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1 and name in said and str(tmp_path) in said


def test_nothing_named(trained, monkeypatch, capsys):
    monkeypatch.setenv("HINAS_LIVE", "0")
    assert own_photo(trained) is None
    assert capsys.readouterr().out == NOBODY + "\n"


def test_an_upload(trained, photo, monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.setenv("HINAS_LIVE", "1")
    box = own_photo(trained)
    upload, status, picture = box.children
    assert picture.layout.display == "none"

    def send(name: str, content: bytes):
        file = {"name": name, "type": "", "size": len(content), "content": content}
        upload.value = ({**file, "last_modified": datetime.now(UTC)},)

    send("text.png", b"no picture")
    assert "text.png" in status.value and "not an image" in status.value
    assert tempfile.gettempdir() not in status.value and picture.layout.display == "none"
    send("../sent.png", photo.read_bytes())
    assert "sent.png: estimated noise 1" in status.value
    assert bytes(picture.value).startswith(b"\x89PNG") and picture.layout.display == ""
    assert Path("runs/own_photo/sent-restored.png").exists()


@pytest.mark.parametrize(
    "value",
    [
        ({"name": "a.png", "type": "image/png", "content": b"bytes"},),
        {"a.png": {"metadata": {"name": "a.png"}, "content": b"bytes"}},
    ],
    ids=["ipywidgets 8", "ipywidgets 7"],
)
def test_what_was_uploaded(value):
    assert uploaded(value) == ("a.png", b"bytes")
