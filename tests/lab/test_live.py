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

import hinas_lab as lab
from hinas_lab.live import panel as panel_file
from hinas_lab.live import watch
from hinas_lab.live.panel import SearchPanel, next_folder, panel
from hinas_lab.live.watch import Watch, clock, memory_now
from hinas_lab.live.widgets import want_widgets
from hinas_lab.space.decode import decode


@pytest.fixture
def quick(monkeypatch):
    """The picture that stays is not drawn: it takes a second."""
    monkeypatch.setattr(watch, "figure_moment", lambda space, moment: moment)
    monkeypatch.setattr(watch, "pixels", lambda moment: moment)
    monkeypatch.setattr(watch, "png_of", lambda moment: b"picture of " + moment.title.encode())


def told(shown: SearchPanel) -> list[dict]:
    """The pieces that go over, from now on."""
    pieces = []
    send = shown.board.send

    def remember(message, *rest):
        if "piece" in message:
            pieces.append(message["piece"])
        send(message, *rest)

    shown.board.send = remember
    return pieces


def line(shown: SearchPanel) -> str:
    return shown.board.status["line"]


def enabled(shown: SearchPanel) -> set[str]:
    return set(shown.board.status["enabled"])


def slow(seconds: float):
    return lambda: time.sleep(seconds)


STEPS = {"Step weight", "Step arch", "Step epoch"}


# Buttons and words


def test_what_there_is_to_press(quick):
    shown = panel(FakeRun(), live=True)
    names = [button["name"] for button in shown.board.controls["buttons"]]
    assert names == ["Start", "Pause", "Resume", "Step weight", "Step arch", "Step epoch", "Stop"]
    assert all(button["title"] for button in shown.board.controls["buttons"])
    assert line(shown).startswith("ready · warm-up · epoch 1/3, iteration 0/3 · cpu")
    assert enabled(shown) == {"Start", "Stop"} | STEPS
    (film,) = shown.board.films
    assert film["epochs"] == [] and film["first"]["epoch"] == 0, "it begins with a board"


def test_buttons_play_the_search(quick):
    shown = panel(FakeRun(epochs=200, step=slow(0.003)), live=True)
    player, pieces = shown.player, told(shown)
    shown.press("Pause")
    assert shown.board.status["note"] == "not started yet"
    shown.press("Start")
    assert line(shown).startswith("running · ") and shown.board.status["note"] == ""
    assert enabled(shown) == {"Pause", "Stop"} | STEPS
    until(lambda: player.progress.done > 10)
    shown.press("Pause")
    until(lambda: line(shown).startswith("paused · "))
    assert enabled(shown) == {"Resume", "Stop"} | STEPS
    place, count = line(shown).split(" · ")[2], player.progress.done
    time.sleep(0.1)
    assert (line(shown).split(" · ")[2], player.progress.done) == (place, count), "it stands still"
    assert shown.board.status["done"] == count
    assert " s per step · " in line(shown) and " left · cpu · " in line(shown)
    for name, number in (("Step arch", 1), ("Step weight", 0)):
        shown.press(name)
        until(lambda: line(shown).startswith("paused"))
        assert player.search.records.steps["kind"][-1] == number
        assert pieces[-1]["now"] is not None, "alpha inside an epoch"
    shown.press("Step epoch")
    until(lambda: line(shown).startswith("paused"))
    assert player.progress.iteration == 0 and pieces[-1]["now"] is None
    assert pieces[-1]["epochs"][-1]["epoch"] == player.progress.epoch - 1
    shown.press("Resume")
    shown.press("Stop")
    assert shown.result(timeout=10) is player.search and player.search.saves == 1
    until(lambda: line(shown).startswith("stopped · epoch "))
    assert enabled(shown) == {"Start"}, "a stopped search goes on"
    steps = sum(len(piece["steps"]) for piece in pieces)
    assert (steps, sum(len(piece["epochs"]) for piece in pieces)) == player.search.records.counts


@pytest.mark.parametrize(("name", "word"), [("Pause", "pausing"), ("Stop", "stopping")])
def test_a_press_shows_at_once(quick, name, word):
    """Though a step takes a second."""
    shown = panel(FakeRun(step=slow(1.0)), live=True)
    shown.press("Start")
    time.sleep(0.1)
    start = time.perf_counter()
    shown.press(name)
    assert line(shown).startswith(word) and time.perf_counter() - start < 0.3
    shown.player.stop()
    shown.result(timeout=5)


def test_stopped_before_it_began(quick):
    shown = panel(FakeRun(), live=True)
    shown.press("Stop")
    assert line(shown).startswith("stopped · ")
    assert shown.result(timeout=0) is shown.player.search
    until(lambda: shown.png == b"picture of stopped in epoch 1 of 3")


def test_the_same_run_has_one_panel(quick):
    run = FakeRun(step=Gate())
    shown = panel(run, live=True)
    shown.press("Start")
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
    shown.press("Start")
    with pytest.raises(FloatingPointError, match="became nan"):
        shown.result(timeout=10)
    until(lambda: shown.board.status["note"] == "FloatingPointError: the loss became nan")
    assert line(shown).startswith("failed · epoch 2/3") and enabled(shown) == {"Start"}
    until(lambda: shown.png == b"picture of failed in epoch 2 of 3")


def test_a_board_that_dies_does_not_end_the_search(quick, monkeypatch):
    shown = panel(FakeRun(), live=True)
    monkeypatch.setattr(shown._camera, "piece", lambda *args: 1 / 0)
    shown.press("Start")
    assert shown.result(timeout=10).finished
    assert shown.status()["note"] == (
        "the board stopped (ZeroDivisionError: division by zero); the search goes on"
    )


def test_a_new_view_gets_the_whole_search(quick):
    shown = panel(FakeRun(), live=True)
    shown.player.step("epoch")
    until(lambda: line(shown).startswith("paused"))
    films = []
    shown.board.send = lambda message, *rest: films.append(message["film"])
    shown._on_message(shown.board, {"press": "film"}, [])
    steps, epochs = shown.player.search.records.counts
    assert (len(films[0]["steps"]), len(films[0]["epochs"])) == (steps, epochs)
    shown.player.stop()


def test_a_cell_that_waits_sends_what_is_told(quick, monkeypatch):
    """The kernel's loop is busy with that cell: it sends itself."""
    later = []
    monkeypatch.setattr(panel_file, "hand_over", later.append)
    shown = panel(FakeRun(epochs=20, step=slow(0.01)), live=True, fps=50, share=1)
    pieces = told(shown)
    shown.player.start()
    time.sleep(0.3)
    own = [send for send in later if send.__self__ is shown]  # others end their pauses meanwhile
    assert len(own) == 1 and not pieces, "one waits, and no more are made"
    shown.result(timeout=30)
    assert len(pieces) > 3 and threading.current_thread() is threading.main_thread()


# Another search, and one that is elsewhere


@pytest.fixture
def tiny(tmp_path):
    """The panel of a finished search at preset tiny, in runs/live."""
    run = lab.search(preset="tiny", run=tmp_path / "runs" / "live", device="cpu").finish()
    return panel(run, live=True)


def test_a_new_search_keeps_the_old_one(quick, tiny):
    old = tiny.player.search
    kept = {path.name: path.read_bytes() for path in old.folder.iterdir()}
    tiny.new_search({"seed": "4", "epochs": "2"})
    new = tiny.player.search
    assert new.folder == old.folder.with_name("live-2") and line(tiny).startswith("ready")
    assert new.header["search"]["seed"] == 4 and new.header["search"]["epochs"] == 2
    assert new.header["preset"] == "tiny*", "it is the preset's no more"
    assert tiny.board.films[0]["head"]["seed"] == 4 and tiny.board.films[0]["epochs"] == []
    assert {path.name: path.read_bytes() for path in old.folder.iterdir()} == kept
    assert panel(new) is tiny and next_folder(new.folder).name == "live-3"
    fields = {field["name"]: field["value"] for field in tiny.board.controls["fields"]}
    assert fields["seed"] == "4" and fields["epochs"] == "2" and next(iter(fields)) == "seed"
    tiny.new_search({"seed": "5"})
    assert tiny.player.search.header["preset"] == "tiny*"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"epochs": "many"}, "epochs = 'many': must be a whole number"),
        ({"lr": "-1"}, "lr = -1"),
        ({"score": "beauty"}, "score = 'beauty': must be one of"),
    ],
)
def test_a_new_search_that_cannot_be_is_a_line(quick, tiny, asked, says):
    run = tiny.player.search
    tiny.new_search(asked)
    assert says in tiny.board.status["note"] and tiny.player.search is run
    assert not run.folder.with_name("live-2").exists()


def test_no_new_search_beside_a_running_one(quick):
    shown = panel(FakeRun(step=Gate()), live=True)
    shown.press("Start")
    shown.new_search({"seed": "1"})
    assert "press Stop first" in shown.board.status["note"]
    shown.player.search.step.open()
    shown.result(timeout=10)


def test_a_stopped_search_goes_on_in_its_panel(quick, tmp_path):
    shown = panel(lab.search(preset="tiny", run=tmp_path / "live", device="cpu"), live=True)
    shown.press("Step epoch")
    until(lambda: line(shown).startswith("paused"))
    shown.press("Stop")
    until(lambda: line(shown).startswith("stopped"))
    done = shown.player.progress.done
    shown.press("Start")
    assert shown.result(timeout=60).finished and shown.player.progress.done > done


def test_the_cell_that_is_run_again_shows_the_same_panel(quick, tmp_path):
    def cell():
        return panel(lab.search(preset="tiny", run=tmp_path / "live", device="cpu"), live=True)

    shown = cell()
    assert cell() is shown
    shown.press("Step weight")
    until(lambda: line(shown).startswith("paused"))
    assert cell() is shown
    shown.result(timeout=60)
    assert cell() is shown, "finished, too"
    with pytest.raises(ValueError, match="seed"):
        lab.search(preset="tiny", run=tmp_path / "live", seed=7)


def test_a_search_in_another_process_is_a_line(quick, tmp_path):
    folder = tmp_path / "live"
    run = lab.search(preset="tiny", run=folder, device="cpu")
    steps = run.steps(save_seconds=0)
    for _ in range(6):
        next(steps)
    # the generator holds the run's lock, as another process would
    shown = panel(lab.search(preset="tiny", run=folder, device="cpu"), live=True)
    assert line(shown).startswith("running in another process") and not shown.player.search.finished
    assert "is running already" in shown.board.status["note"]
    assert [button["name"] for button in shown.board.controls["buttons"]] == ["Look again"]
    with pytest.raises(ValueError, match="is running already"):
        shown.result(timeout=1)
    shown.press("Look again")
    assert "is running already" in shown.board.status["note"]
    steps.close()
    shown.press("Look again")
    assert line(shown).startswith("ready") and enabled(shown) == {"Start", "Stop"} | STEPS
    assert shown.result(timeout=60).finished


# Moments


def test_before_the_first_record_it_looks_as_after_it(quick):
    shown = panel(FakeRun(), live=True)
    before = shown.moment()
    assert before.before is None and before.preview is None
    ready, record = before.records, next(FakeRun().steps())
    computed = {"genotype", "preview", "alpha_entropy", "beta_entropy"}
    of_a_budget = {"expected_cost", "decoded_cost", "mu"}
    assert not {f"epoch/{name}" for name in of_a_budget} & ready.keys()
    for name in record.__dataclass_fields__.keys() - computed - of_a_budget:
        assert np.array_equal(ready[f"epoch/{name}"], [getattr(record, name)], equal_nan=True), name
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
    last = shown.moment()
    assert (
        last.title == "finished; epoch 2 was kept"
        and (last.alpha == last.records["epoch/alpha"][2]).all()
    )
    assert last.genotype == at_epoch[2] and last.before == at_epoch[1]


# Price


@pytest.mark.parametrize(("seconds", "step"), [(0.02, 0.005), (0.05, 0.03), (0.001, 0.01)])
def test_telling_keeps_to_its_share(quick, monkeypatch, seconds, step):
    """But something is told every half second."""
    shown = panel(FakeRun(epochs=10**5, step=slow(step)), live=True, fps=20, share=0.1)
    pieces, piece = told(shown), shown._camera.piece

    def costly(*args):
        time.sleep(seconds)
        return piece(*args)

    monkeypatch.setattr(shown._camera, "piece", costly)
    shown.player.start()
    start = time.perf_counter()
    time.sleep(1.5)
    shown.player.stop()
    shown.result(timeout=10)
    wall, expected = time.perf_counter() - start, max(1 / 20, min(0.5, seconds / 0.1))
    assert len(pieces) <= wall / expected + 3
    assert len(pieces) >= 0.3 * wall / (expected + step)


def test_memory_stays_flat_over_10000_updates(quick, monkeypatch):
    """Every record is told; the records themselves are held still, and decoding, which keeps
    nothing, is left out."""
    run = FakeRun(epochs=5000)
    genotype = decode(SPACE, *run.architecture())
    monkeypatch.setattr(fake_search, "decode", lambda *args: genotype)
    run.records.add(next(FakeRun().steps()))
    run.records.add = lambda record: None
    monkeypatch.setattr(watch, "memory_now", lambda device: "")
    shown = panel(run, live=True, fps=1e9, share=1e9)
    monkeypatch.setattr(shown._camera, "decode", lambda *args: genotype)
    level = {}

    def measure(player):
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
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "anywidget", None)
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
    assert shown.png.startswith(b"\x89PNG") and shown.result().finished
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
    """
while not shown.png.startswith(b"\\x89PNG"):
    time.sleep(0.1)
shown
""",
    """
os.environ["HINAS_LIVE"] = "0"
panel(FakeRun())
""",
]


def test_what_stays_in_a_notebook_needs_no_kernel():
    """Beside the board stands a picture: the thread draws it anew at the end, in every cell that
    shows the panel, through the kernel's own loop."""
    from nbclient import NotebookClient

    cells = [
        nbformat.v4.new_code_cell(source.format(tests=str(ROOT / "tests"))) for source in CELLS
    ]
    nb = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(nb, timeout=120, kernel_name="python3", store_widget_state=False).execute()
    (board, picture, _), (answer, *_), again, foreground = (cell.outputs for cell in nb.cells)
    assert answer["data"]["text/plain"] == "('ready', True)"
    assert "application/vnd.jupyter.widget-view+json" in board["data"]
    for output in (picture, again[1], foreground[-1]):
        assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")
        assert output["metadata"]["image/png"]["alt"].startswith("finished · epoch 3/3")
        assert "widget" not in str(output["data"].keys())
    assert foreground[0]["data"]["text/plain"].startswith("finished · ")
    assert "stream" not in {output["output_type"] for cell in nb.cells for output in cell.outputs}


def test_no_torch():
    done = python(
        "-c",
        "import sys, hinas_lab.live.panel; "
        "assert not {'torch', 'ipywidgets', 'anywidget'} & set(sys.modules)",
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
