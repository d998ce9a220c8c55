"""Recorded searches: what is read, what is refused, what a replay shows and a GIF holds."""

import base64
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from hinas_lab.config import SearchConfig, SearchSpace, to_dict
from hinas_lab.live import recordings
from hinas_lab.live.recordings import moment, read_recording
from hinas_lab.live.replay import replay, write_gif
from hinas_lab.presets import preset
from hinas_lab.records import read_records
from hinas_lab.runs.folder import open_search
from hinas_lab.space.decode import decode, viterbi
from hinas_lab.space.genotype import Genotype


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A real search at preset tiny."""
    folder = tmp_path_factory.mktemp("runs") / "real"
    for _ in open_search(folder, preset("tiny")).steps():
        pass
    return folder


@pytest.fixture(scope="module")
def short(run, tmp_path_factory):
    """Another space, one epoch fewer, not finished: as a run of its own kind would lie there."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    folder.mkdir()
    space = SearchSpace(layers=1, nodes=3, width=2, lwas=False)
    header = json.loads((run / "config.json").read_text()) | {"space": to_dict(space)}
    (folder / "config.json").write_text(json.dumps(header))
    rows = {k: v[v <= 2] if k == "step/epoch" else v for k, v in read_records(run).items()}
    steps = len(rows["step/epoch"])
    rows = {
        k: v[:steps] if k.startswith("step/") else v[:3]
        for k, v in rows.items()
        if not k.startswith("preview")
    }
    rng = np.random.default_rng(0)
    rows |= {
        "epoch/alpha": rng.normal(size=(3, *space.alpha_shape)),
        "epoch/beta": rng.normal(size=(3, 2)),
    }
    rows["epoch/beta_grad"] = 0 * rows["epoch/beta"]
    np.savez(folder / "records.npz", **rows)
    return folder


def copy(run, tmp_path, **change):
    """The run's folder with some of its files or columns replaced; None: left out."""
    folder = tmp_path / "copy"
    folder.mkdir()
    header = json.loads((run / "config.json").read_text())
    header |= {k: change.pop(k) for k in list(change) if k in ("format", "kind", "space", "search")}
    (folder / "config.json").write_text(json.dumps(header))
    columns = {k: v for k, v in (read_records(run) | change).items() if v is not None}
    np.savez_compressed(folder / "records.npz", **columns)
    return folder


def moments(recording):
    """Every recorded epoch, from epoch 0 on."""
    return [moment(recording, epoch) for epoch in range(recording.last + 1)]


# ---------------------------------------------------------------- reading


def test_a_recording_is_the_run_in_numbers(run):
    r = read_recording(str(run))
    chosen = preset("tiny")
    assert (r.space, r.search, r.preset, r.seed) == (chosen.space, chosen.search, "tiny", 0)
    assert r.last == chosen.search.epochs and r.best == read_records(run)["epoch/best"][-1] > 0
    assert r.genotype == Genotype.from_json((run / "genotype.json").read_text())


def test_moments_know_only_what_was_known_then(run):
    r = read_recording(run)
    rows = r.records
    seen = moments(r)
    assert [m.title for m in seen] == [
        "epoch 0 of 3, before the first step",
        "epoch 1 of 3, warm-up",
        "epoch 2 of 3, alternating",
        "epoch 3 of 3, alternating",
    ]
    for epoch, m in enumerate(seen):
        assert np.array_equal(m.alpha, rows["epoch/alpha"][epoch]) and np.array_equal(
            m.beta, rows["epoch/beta"][epoch]
        )
        assert m.genotype == decode(r.space, m.alpha, m.beta)
        assert list(m.records["epoch/epoch"]) == list(range(epoch + 1))
        assert (m.records["step/epoch"] <= epoch).all() and len(m.records["step/loss"]) == (
            rows["step/epoch"] <= epoch
        ).sum()
        assert np.array_equal(m.preview, rows["preview/images"][epoch])
        assert m.now == epoch
    assert seen[0].before is None and [m.before for m in seen[1:]] == [
        m.genotype for m in seen[:-1]
    ]
    best = moment(r, r.best)
    assert best.genotype == r.genotype and best.genotype.path == viterbi(r.space, best.beta)[0]
    with pytest.raises(ValueError, match="epochs 0 to 3"):
        moment(r, 4)


def test_a_moment_between_previews_has_the_one_before(run, tmp_path):
    rows = read_records(run)
    r = read_recording(
        copy(
            run,
            tmp_path,
            **{"preview/epoch": np.array([1, 3]), "preview/images": rows["preview/images"][[1, 3]]},
        )
    )
    shown = [m.preview for m in moments(r)]
    assert (
        shown[0] is None
        and np.array_equal(shown[1], shown[2])
        and np.array_equal(shown[3], rows["preview/images"][3])
    )


def test_a_running_search_is_read_as_far_as_it_was_saved(short):
    r = read_recording(short)
    assert r.genotype is None and r.last == 2
    assert len(moments(r)) == 3


SPACE = to_dict(SearchSpace())
CHANGES = {
    "a training": (
        {"kind": "train", "genotype": {}, "residual": True, "train": {}},
        "is a training run",
    ),
    "a newer format": ({"format": 2}, "not a run of this version"),
    "no kind": ({"kind": ["search"]}, "not a run of this version"),
    "an unknown field": ({"search": to_dict(SearchConfig()) | {"momentum2": 1}}, "momentum2"),
    "an impossible space": ({"space": SPACE | {"layers": 0}}, "layers"),
    "another space": ({"space": SPACE}, "epoch/alpha has shape"),
    "a missing column": ({"epoch/best": None}, "no column epoch/best"),
    "a short column": ({"epoch/flips": np.zeros(2, int)}, "epoch/flips has shape"),
    "text": ({"epoch/score": np.array(list("abcd"))}, "epoch/score"),
    "not a number": ({"epoch/beta": np.full((4, 7), np.nan)}, "not finite"),
    "epochs out of order": ({"epoch/epoch": np.array([0, 2, 1, 3])}, "not in order"),
    "pictures of another kind": ({"preview/images": np.zeros((4, 2, 9, 9))}, "previews"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_no_recording_is_refused_in_one_line(run, tmp_path, what):
    change, message = CHANGES[what]
    extra = {k: change[k] for k in ("genotype", "residual", "train") if k in change}
    folder = copy(run, tmp_path, **{k: v for k, v in change.items() if k not in extra})
    if extra:
        (folder / "config.json").write_text(
            json.dumps(json.loads((folder / "config.json").read_text()) | extra)
        )
    with pytest.raises(ValueError, match=message) as error:
        read_recording(folder)
    assert "\n" not in str(error.value) and "copy" in str(error.value)


def test_missing_and_half_written_folders(run, tmp_path):
    with pytest.raises(ValueError, match="no such run folder"):
        read_recording(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no config.json"):
        read_recording(tmp_path)
    folder = copy(run, tmp_path)
    (folder / "records.npz").write_bytes((run / "records.npz").read_bytes()[:-300])
    with pytest.raises(ValueError, match="damaged"):
        read_recording(folder)
    (folder / "records.npz").unlink()
    with pytest.raises(ValueError, match="nothing was recorded yet"):
        read_recording(folder)
    (folder / "records.npz").write_bytes((run / "records.npz").read_bytes())
    (folder / "genotype.json").write_text('{"schema": 1')
    with pytest.raises(ValueError, match="genotype.json: genotype: not JSON"):
        read_recording(folder)
    (folder / "config.json").write_text('{"format": 1')
    with pytest.raises(ValueError, match="config.json: damaged"):
        read_recording(folder)


def test_a_huge_recording_is_refused_before_it_is_unpacked(run, tmp_path, monkeypatch):
    folder = copy(run, tmp_path, **{"step/bomb": np.zeros(2_000_000)})
    assert (folder / "records.npz").stat().st_size < 100_000
    monkeypatch.setattr(recordings, "LARGEST", 10)
    monkeypatch.setattr(recordings, "read_records", lambda folder: pytest.fail("unpacked"))
    with pytest.raises(ValueError, match="holds 16 MB of records; a replay reads at most 10 MB"):
        read_recording(folder)


# ---------------------------------------------------------------- the board


def size(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def shown(*folders) -> tuple[list[dict], dict]:
    """The films of a replay and the data of the picture that stays beside it."""
    kept = replay(*folders)
    assert kept.widget.start == 0 and kept.widget.status == {}
    return kept.widget.films, kept._bundle[0]


def test_a_replay_is_a_film_and_a_picture(run):
    (film,), still = shown(run)
    r = read_recording(run)
    assert film["head"]["name"] == "real" and len(film["epochs"]) == r.last + 1
    assert film["epochs"][-1]["best"] == r.best
    assert size(base64.b64decode(still["image/png"])) == (1200, 940)
    assert still["text/plain"] == "the end of real (tiny, seed 0)"


def test_two_runs_are_two_films(run, short):
    films, still = shown(short, run)
    assert [film["head"]["name"] for film in films] == ["short", "real"]
    assert [len(film["epochs"]) for film in films] == [3, 4]
    assert films[0]["head"]["tied"] and not films[1]["head"]["tied"]
    assert size(base64.b64decode(still["image/png"])) == (1200, 1880)


def test_a_run_may_have_any_name(run, tmp_path):
    folder = tmp_path / "a $\\frac$ <b>"
    folder.mkdir()
    for name in ("config.json", "records.npz"):
        (folder / name).write_bytes((run / name).read_bytes())
    films, _ = shown(folder, run)
    assert films[0]["head"]["name"] == "a $\\frac$ <b>"


@pytest.mark.parametrize("missing", [False, True], ids=["HINAS_LIVE=0", "no ipywidgets"])
def test_without_widgets_the_last_picture_is_a_figure(run, short, monkeypatch, missing):
    if missing:
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    else:
        monkeypatch.setenv("HINAS_LIVE", "0")
    figure = replay(run)
    assert isinstance(figure, Figure)
    assert figure.get_suptitle() == "epoch 3 of 3, alternating"
    both = replay(run, short)
    # on axes, or notebooks show nothing
    assert isinstance(both, Figure)
    assert both.axes[0].images[0].get_array().shape == (1880, 1200, 3)


def test_a_replay_of_nothing_says_so(tmp_path):
    with pytest.raises(ValueError, match="no config.json"):
        replay(tmp_path)


# ---------------------------------------------------------------- the GIF


def test_a_gif_holds_a_frame_per_epoch_in_one_palette(run, tmp_path):
    path = write_gif(run, tmp_path / "search.gif", fps=2)
    with Image.open(path) as gif:
        assert gif.size == (960, 752) and gif.n_frames == 4 and gif.info["loop"] == 0
        durations, whites = [], []
        for n in range(gif.n_frames):
            gif.seek(n)
            durations.append(gif.info["duration"])
            whites.append(gif.convert("RGB").getpixel((2, 598)))
    assert durations == [500, 500, 500, 2000] and set(whites) == {(255, 255, 255)}
    data = path.read_bytes()
    assert data.count(b"NETSCAPE2.0") == 1 and len(data) < 1.5e6
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_gif_of_two_runs_lies_side_by_side(run, short, tmp_path):
    with Image.open(write_gif(run, tmp_path / "two.gif", other=short)) as gif:
        assert gif.size == (1680, 658) and gif.n_frames == 4


def test_a_long_search_is_thinned(run, tmp_path, monkeypatch):
    from hinas_lab.live import replay as module

    monkeypatch.setattr(module, "FRAMES", 2)
    with Image.open(write_gif(run, tmp_path / "few.gif")) as gif:
        assert gif.n_frames == 2


@pytest.mark.parametrize(
    ("name", "fps", "message"),
    [("a.mp4", 4, "must end in .gif"), ("a.gif", 0, "fps"), ("a.gif", float("nan"), "fps")],
)
def test_a_gif_that_cannot_be(run, tmp_path, name, fps, message):
    with pytest.raises(ValueError, match=message):
        write_gif(run, tmp_path / name, fps=fps)
    assert not list(tmp_path.iterdir())


def test_replay_and_gif_without_torch(run, tmp_path):
    script = """
import sys
sys.modules["torch"] = None
from hinas_lab.live.replay import replay, write_gif
print(type(replay(sys.argv[1])).__name__)
write_gif(sys.argv[1], sys.argv[2])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(run), str(tmp_path / "a.gif")],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"HINAS_LIVE": "0"},
    )
    assert done.returncode == 0 and done.stdout == "Figure\n", done.stderr
    assert (tmp_path / "a.gif").exists()
