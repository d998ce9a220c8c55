"""The panel: its buttons, its line, its pictures and their price, without a browser; and once in a
kernel, as a stored notebook."""

import base64
import gc
import sys
import threading
import time
from dataclasses import replace

import fake_search
import nbformat
import numpy as np
import pytest
from fake_search import SPACE, FakeRun, Gate, until
from helpers import ROOT, python

from hinas_lab.live import panel as panel_file
from hinas_lab.live import watch
from hinas_lab.live.panel import BUTTONS, SearchPanel, panel
from hinas_lab.live.watch import Watch, clock, memory_now
from hinas_lab.live.widgets import want_widgets
from hinas_lab.space.decode import decode


class QuickBoard:
    """A board that draws nothing and takes ``seconds`` for it."""

    seconds = 0.0

    def __init__(self, space, epochs):
        from matplotlib.figure import Figure

        self.figure, self.moments, self.chosen = Figure(figsize=(1, 1)), [], []

    def choose(self, layer, edge):
        self.chosen.append((layer, edge))

    def png(self, moment):
        self.moments.append(moment)
        time.sleep(self.seconds)
        return b"frame of " + moment.title.encode()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(watch, "Board", QuickBoard)
    monkeypatch.setattr(QuickBoard, "seconds", 0.0)
    return QuickBoard


def click(shown: SearchPanel, name: str):
    next(b for b in shown.box.children[0].children if b.description == name).click()


def slow(seconds: float):
    return lambda: time.sleep(seconds)


# Buttons and words


def test_what_there_is_to_press(quick):
    shown = panel(FakeRun(), live=True)
    buttons, (bar, text), choosers = (row.children for row in shown.box.children[:3])
    assert [b.description for b in buttons] == [
        "Start",
        "Pause",
        "Resume",
        "Step weight",
        "Step arch",
        "Step epoch",
        "Stop",
    ]
    assert [b.tooltip for b in buttons] == [tooltip for _, tooltip in BUTTONS.values()] and all(
        c.tooltip for c in (bar, *choosers)
    )
    assert [name for name, _ in choosers[0].options] == ["layer 0", "layer 1"]
    assert [name for name, _ in choosers[1].options] == ["h-1→0", "h-2→0", "h-1→1", "h-2→1", "0→1"]
    assert text.value.startswith("ready · warm-up · epoch 1/3, iteration 0/3 · cpu")
    assert shown.image.value == shown.png == b"frame of before the first step"


def test_tied_alpha_has_one_layer(quick):
    shown = panel(FakeRun(space=replace(SPACE, lwas=False)), live=True)
    assert shown.layer.options == (("all layers", 0),)
    assert shown.result(timeout=10).finished


def test_buttons_play_the_search(quick):
    shown = panel(FakeRun(epochs=200, step=slow(0.003)), live=True)
    player = shown.player
    click(shown, "Pause")
    assert shown.error.value == "not started yet"
    click(shown, "Start")
    assert shown.text.value.startswith("running · ") and shown.error.value == ""
    until(lambda: player.progress.done > 10)
    click(shown, "Pause")
    until(lambda: shown.text.value.startswith("paused · alternating · epoch "))
    place, told, counter = shown.text.value.split(" · ")[2], shown.bar.value, player.progress.done
    time.sleep(0.1)
    assert (shown.text.value.split(" · ")[2], shown.bar.value, player.progress.done) == (
        place,
        told,
        counter,
    ) and told == counter
    assert (
        " s per step · " in shown.text.value
        and " left · cpu · " in shown.text.value
        and shown.bar.max == player.progress.total
    )
    click(shown, "Pause")
    assert shown.error.value == "it is paused already"
    for name, number in (("Step arch", 1), ("Step weight", 0)):
        click(shown, name)
        until(lambda: shown.text.value.startswith("paused"))
        assert player.search.records.steps["kind"][-1] == number
    click(shown, "Step epoch")
    until(lambda: shown.text.value.startswith("paused"))
    assert (
        player.progress.iteration == 0
        and shown.board.moments[-1].title == f"after epoch {player.progress.epoch - 1} of 200"
    )
    click(shown, "Resume")
    click(shown, "Stop")
    assert shown.result(timeout=10) is player.search and player.search.saves == 1
    until(lambda: shown.text.value.startswith("stopped · epoch "))
    click(shown, "Start")
    assert shown.error.value == "it was stopped; open the run again to continue it"


@pytest.mark.parametrize(("name", "word"), [("Pause", "pausing"), ("Stop", "stopping")])
def test_a_press_shows_at_once(quick, name, word):
    """Though a step takes a second."""
    shown = panel(FakeRun(step=slow(1.0)), live=True)
    click(shown, "Start")
    time.sleep(0.1)
    start = time.perf_counter()
    click(shown, name)
    assert shown.text.value.startswith(word) and time.perf_counter() - start < 0.3
    shown.player.stop()
    shown.result(timeout=5)


def test_a_press_shows_while_a_picture_is_drawn(quick):
    quick.seconds = 1.0
    shown = panel(FakeRun(), live=True)
    click(shown, "Start")
    until(lambda: len(shown.board.moments) > 1)
    start = time.perf_counter()
    click(shown, "Pause")
    assert shown.text.value.startswith("pausing") and time.perf_counter() - start < 0.3
    shown.player.stop()
    shown.result(timeout=10)


def test_stopped_before_it_began(quick):
    shown = panel(FakeRun(), live=True)
    click(shown, "Stop")
    assert (
        shown.text.value.startswith("stopped · ") and shown.result(timeout=0) is shown.player.search
    )
    assert shown.png == b"frame of stopped in epoch 1 of 3"


def test_the_same_run_has_one_panel(quick):
    run = FakeRun(step=Gate())
    shown = panel(run, live=True)
    click(shown, "Start")
    assert panel(run) is shown and panel(run).player.state == "running"
    run.step.open()
    shown.result(timeout=10)
    assert panel(run) is shown


def test_a_search_that_dies(quick):
    def dies():
        if run.state.epoch == 1:
            raise FloatingPointError("the loss became nan")

    run = FakeRun(step=dies)
    shown = panel(run, live=True)
    click(shown, "Start")
    with pytest.raises(FloatingPointError, match="became nan"):
        shown.result(timeout=10)
    assert (
        shown.error.value == "FloatingPointError: the loss became nan"
        and shown.text.value.startswith("failed · epoch 2/3")
    )
    assert (
        shown.board.moments[-1].title == "failed in epoch 2 of 3" and shown.image.value == shown.png
    )


def test_a_picture_that_dies_does_not_end_the_search(quick, monkeypatch):
    shown = panel(FakeRun(), live=True)
    monkeypatch.setattr(shown.board, "png", lambda moment: 1 / 0)
    click(shown, "Start")
    assert shown.result(timeout=10).finished
    assert (
        shown.error.value
        == "the picture stopped (ZeroDivisionError: division by zero); the search goes on"
    )


def test_choosing_an_edge_draws_it_now(quick):
    shown = panel(FakeRun(), live=True)
    shown.edge.value = 1
    shown.player.step("arch")
    until(lambda: shown.text.value.startswith("paused"))
    frames = shown.frames
    shown.layer.value, shown.edge.value = 1, 3
    assert shown.board.chosen == [(0, 1), (1, 1), (1, 3)] and shown.frames == frames + 2
    assert shown.board.moments[-1] is shown.board.moments[-3]
    shown.result(timeout=10)


# Moments


def test_before_the_first_record_it_looks_as_after_it(quick):
    shown = panel(FakeRun(), live=True)
    assert shown.board.moments[0].before is None and shown.board.moments[0].preview is None
    ready, told = shown.board.moments[0].records, next(FakeRun().steps())
    for name in told.__dataclass_fields__.keys() - {
        "genotype",
        "preview",
        "alpha_entropy",
        "beta_entropy",
    }:
        assert np.array_equal(ready[f"epoch/{name}"], [getattr(told, name)], equal_nan=True), name
    assert np.isclose(ready["epoch/alpha_entropy"], np.log(7)) and ready[
        "epoch/beta_entropy"
    ].shape == (1,)


def test_a_moment_knows_what_it_is_compared_with(quick):
    shown = panel(FakeRun(epochs=4), live=True)
    at_epoch = {}

    def remember(player):
        if player.state == "running":
            moment, s = shown.moment(), player.search.state
            seen = len(moment.records["epoch/epoch"])
            if s.iteration == 0 and not s.halfway:
                at_epoch[seen - 1] = moment.genotype
                assert (
                    moment.before == at_epoch.get(seen - 2)
                    and (moment.alpha == moment.records["epoch/alpha"][-1]).all()
                )
                assert moment.title == (
                    f"after epoch {seen - 1} of 4" if seen > 1 else "before the first step"
                )
            else:
                assert (
                    moment.before == at_epoch[seen - 1]
                    and moment.title == f"epoch {seen} of 4, {player.progress.phase}"
                )
            assert moment.preview.max() == seen - 1

    shown.player.subscribe(remember)
    assert (
        shown.result(timeout=10).finished
        and shown.player.note == ""
        and len(at_epoch) == 5
        and len(set(at_epoch.values())) > 3
    )
    last = shown.board.moments[-1]
    assert (
        last.title == "finished; epoch 2 was kept"
        and (last.alpha == last.records["epoch/alpha"][2]).all()
    )
    assert last.genotype == at_epoch[2] and last.before == at_epoch[1]


# Price


@pytest.mark.parametrize(("frame", "step"), [(0.02, 0.005), (0.05, 0.03), (0.001, 0.01)])
def test_pictures_keep_to_their_share(quick, frame, step):
    quick.seconds = frame
    shown = panel(FakeRun(epochs=10**6, step=slow(step)), live=True, fps=20, share=0.05)
    shown.player.start()
    start = time.perf_counter()
    time.sleep(1.5)
    shown.player.stop()
    shown.result(timeout=10)
    wall, worked = time.perf_counter() - start, shown.player.progress.worked
    first_and_last = 3  # and the one before the start
    assert len(shown.board.moments) <= wall * 20 + 1 + first_and_last
    assert len(shown.board.moments) >= 0.3 * min(0.05 * worked / frame, 20 * wall), "and use it"
    assert shown.spent <= 0.05 * worked + 2 * frame + 0.02 and shown.spent >= 0.9 * frame * (
        len(shown.board.moments) - first_and_last
    )


def test_memory_stays_flat_over_10000_updates(quick, monkeypatch):
    """Every record is drawn and told; the records themselves are held still, and decoding, which
    keeps nothing, is left out."""
    run = FakeRun(epochs=5000)
    genotype = decode(SPACE, *run.architecture())
    monkeypatch.setattr(fake_search, "decode", lambda *args: genotype)
    monkeypatch.setattr(watch, "decoder", lambda name: lambda *args: genotype)
    run.records.add(next(FakeRun().steps()))
    run.records.add = lambda record: None
    monkeypatch.setattr(watch, "memory_now", lambda device: "")
    shown = panel(run, live=True, fps=1e9, share=1e9)
    level = {}

    def measure(player):
        shown.board.moments.clear()
        if shown.frames in (1_000, 11_000) and shown.frames not in level:
            gc.collect()
            level[shown.frames] = sys.getallocatedblocks(), len(gc.get_objects())
        if shown.frames >= 11_000:
            player.stop()

    shown.player.subscribe(measure)
    shown.result(timeout=120)
    assert shown.player.note == ""
    (blocks_before, objects_before), (blocks_after, objects_after) = level[1_000], level[11_000]
    assert blocks_after - blocks_before < 500 and objects_after - objects_before < 200


def test_real_pictures():
    """The board itself: a picture after each pause, and the kept epoch at the end."""
    shown = panel(FakeRun(epochs=3), live=True)
    shown.player.step("arch")
    until(lambda: shown.text.value.startswith("paused"))
    first = bytes(shown.image.value)
    assert first.startswith(b"\x89PNG")
    shown.layer.value = 1
    assert shown.image.value != first
    shown.result(timeout=20)
    assert shown.png == shown.image.value != first


# Without widgets


def test_when_it_is_live(quick, monkeypatch):
    """In a kernel, not at preset tiny; HINAS_LIVE decides."""

    def is_live(preset: str = "classroom") -> bool:
        run = FakeRun()
        run.header["preset"] = preset
        return isinstance(panel(run), SearchPanel)

    assert not is_live(), "no notebook here"
    monkeypatch.setattr(panel_file, "in_kernel", lambda: True)
    assert is_live() and not is_live("tiny") and not is_live("tiny*")
    monkeypatch.setenv("HINAS_LIVE", "1")
    assert is_live("tiny")
    monkeypatch.setenv("HINAS_LIVE", "0")
    assert not is_live()


def test_who_wants_widgets(monkeypatch):
    assert want_widgets() and not want_widgets(default=False) and not want_widgets(False)
    monkeypatch.setenv("HINAS_LIVE", "0")
    assert not want_widgets() and want_widgets(True)
    monkeypatch.setenv("HINAS_LIVE", "")
    assert want_widgets() and not want_widgets(default=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert not want_widgets(True)


@pytest.mark.parametrize("why", ["HINAS_LIVE=0", "no ipywidgets", "no notebook"])
def test_without_widgets_it_plays_in_the_foreground(monkeypatch, capsys, why):
    if why == "HINAS_LIVE=0":
        monkeypatch.setattr(panel_file, "in_kernel", lambda: True)
        monkeypatch.setenv("HINAS_LIVE", "0")
        monkeypatch.setattr(Watch, "_progress", lambda self: print)
    if why == "no ipywidgets":
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
        monkeypatch.setenv("HINAS_LIVE", "1")
    threads = set()
    shown = panel(FakeRun(step=lambda: threads.add(threading.current_thread())))
    assert (
        type(shown) is Watch
        and shown.player.state == "finished"
        and threads == {threading.main_thread()}
    )
    assert shown.png.startswith(b"\x89PNG") and shown.result().finished and shown.frames == 1
    if why == "HINAS_LIVE=0":
        assert (
            capsys.readouterr()
            .out.splitlines()[-1]
            .startswith("finished · epoch 3/3, iteration 3/3 · ")
        )


def test_a_progress_line_in_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    panel(FakeRun())
    assert "search: 100%" in capsys.readouterr().err


def test_what_the_search_raises_is_raised_in_the_foreground(quick):
    run = FakeRun(step=lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        panel(run)
    with pytest.raises(ZeroDivisionError):
        panel(run).result()


def test_words(monkeypatch):
    assert [clock(s) for s in (0, 65.2, 7207)] == ["0:00", "1:05", "2:00:07"]
    assert memory_now().endswith(" MiB") and int(memory_now().split()[0]) > 10
    monkeypatch.setattr(watch, "memory_now", lambda device: f"8 MiB on {device}")
    assert Watch(FakeRun(), 5, 0.05).line().endswith("cpu · 8 MiB on cpu")


# A stored notebook

CELLS = [
    """
import os, sys
sys.path.insert(0, {tests!r})
import time
from fake_search import FakeRun
from hinas_lab.live.panel import panel
shown = panel(FakeRun(step=lambda: time.sleep(0.01)))
shown
""",
    "shown.player.state, shown.result().finished",
    "shown",
    """
os.environ["HINAS_LIVE"] = "0"
panel(FakeRun())
""",
]


def test_what_stays_in_a_notebook_needs_no_kernel():
    """The thread puts the last picture in the place of the buttons, in the cell that showed
    them."""
    from nbclient import NotebookClient

    cells = [
        nbformat.v4.new_code_cell(source.format(tests=str(ROOT / "tests"))) for source in CELLS
    ]
    nb = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(nb, timeout=120, kernel_name="python3", store_widget_state=False).execute()
    (picture, words), (answer,), again, foreground = (cell.outputs for cell in nb.cells)
    assert answer["data"]["text/plain"] == "('ready', True)"
    for output in (picture, again[0], foreground[-1]):
        assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")
        assert output["metadata"]["image/png"]["alt"].startswith(
            "finished · epoch 3/3"
        ) and "widget" not in str(output["data"].keys())
    assert words["data"]["text/plain"].startswith("finished · ") and foreground[0]["data"][
        "text/plain"
    ].startswith("finished · ")
    assert "stream" not in {output["output_type"] for cell in nb.cells for output in cell.outputs}


def test_no_torch():
    done = python(
        "-c",
        "import sys, hinas_lab.live.panel; "
        "assert 'torch' not in sys.modules and 'ipywidgets' not in sys.modules",
    )
    assert done.returncode == 0, done.stderr


def test_a_finished_panel_shows_the_supernet_that_was_kept(tmp_path):
    """The last one where the search was told so, though V liked an earlier one better; with the
    patch of that epoch or before."""
    from hinas_lab.presets import preset
    from hinas_lab.runs.folder import load_genotype, open_search

    tiny = preset("tiny")
    for keep in ("best", "last"):
        run = open_search(
            tmp_path / keep,
            tiny._replace(
                search=replace(tiny.search, keep_supernet=keep, validate_from=1, epochs=4)
            ),
        )
        shown = panel(run, live=False)
        moment, records = shown.moment(), run.records.arrays()
        kept = 4 if keep == "last" else int(records["epoch/best"][-1])
        assert moment.title == f"finished; epoch {kept} was kept"
        assert moment.genotype.hash == load_genotype(tmp_path / keep).hash
        assert np.array_equal(
            moment.preview, run.records.previews[max(e for e in run.records.previews if e <= kept)]
        )
