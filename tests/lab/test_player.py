"""A search that is played: every press in every state, at once and from anywhere; the run stays
valid and ends with the same bits."""

import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fake_search import FakeRun, Gate, until
from helpers import FILES, ROOT, hinas, open_run, same_result

from hinas_lab.live import player as module
from hinas_lab.live.player import ENDS, Player
from hinas_lab.records import read_records
from hinas_lab.storage import run_lock

PRESSES = {
    name: (lambda p, name=name: getattr(p, name)()) for name in ("start", "pause", "resume", "stop")
}
PRESSES |= {
    f"step {kind}": (lambda p, kind=kind: p.step(kind)) for kind in ("weight", "arch", "epoch")
}


def player_in(state: str, gate: Gate) -> Player:
    """A player in ``state``, before it starts, between two steps, or inside one."""

    def dies():
        raise FloatingPointError("the loss became nan")

    if state in ("finished", "failed", "paused"):
        player = Player(FakeRun(step=dies if state == "failed" else lambda: None))
        (player.step if state == "paused" else lambda what: player.start())("weight")
        until(lambda: player.state == state)
        player.search.step = gate
        return player
    player = Player(FakeRun(step=gate))
    if state == "stopped":
        player.stop()
    elif state != "ready":
        player.start()
        gate.entered()
        {"pausing": player.pause, "stopping": player.stop, "running": str}[state]()
    assert player.state == state
    return player


# To the end


@pytest.mark.parametrize("play", [Player.run, Player.result])
def test_plays_to_the_end(play):
    player, told = Player(FakeRun()), []
    total = player.progress.total
    player.subscribe(lambda p: told.append((p.state, p.progress)))
    assert (
        player.state == "ready"
        and play(player) is player.search
        and player.result() is player.search
    )
    assert player.state == "finished" and player.search.finished and player.search.saves == 0
    assert [p.done for state, p in told] == [*range(1, total + 1), total] and {
        p.total for state, p in told
    } == {total}
    assert [state for state, _ in told] == ["running"] * total + ["finished"]
    ran = [(p.epoch, p.iteration, p.phase) for _, p in told[:-1]]
    assert ran[:5] == [
        (1, 0, "warm-up"),
        (1, 1, "warm-up"),
        (1, 2, "warm-up"),
        (1, 3, "warm-up"),
        (2, 0, "alternating"),
    ]
    assert ran[5:12] == [
        (2, 0, "alternating"),
        (2, 1, "alternating"),
        (2, 1, "alternating"),
        (2, 2, "alternating"),
        (2, 2, "alternating"),
        (2, 3, "validating"),
        (3, 0, "alternating"),
    ]


def test_time_left_counts_each_kind_of_record(monkeypatch):
    """A clock by which a weight step takes 1 s, an arch step 2 s, an epoch's end 5 s."""
    clock = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock[0])
    run = FakeRun()

    def step():
        s = run.state
        validates = s.iteration == s.steps or not s.started
        clock[0] += 5 if validates else 2 if s.epoch >= 1 and not s.halfway else 1

    run.step, left = step, []
    player = Player(run)
    assert math.isnan(player.progress.seconds) and math.isnan(player.progress.left)
    player.subscribe(lambda p: left.append(p.progress.left))
    player.run()
    assert player.progress.worked == 9 * 1 + 6 * 2 + 4 * 5 and player.progress.seconds == 1.5
    assert left[5:11] == [
        2 * 9 - 2 + 10,
        2 * 9 - 3 + 10,
        15 - 2 + 10,
        15 - 3 + 10,
        12 - 2 + 10,
        12 - 3 + 10,
    ]
    assert left[-3:] == [5.0, 0.0, 0.0]


def test_another_kind_of_run_is_refused():
    run = FakeRun()
    run.header["kind"] = "train"
    with pytest.raises(ValueError, match="fake: is a train run; only a search can be played"):
        Player(run)


# Presses


def test_pause_stands_still_and_steps_land_on_their_kind():
    player = Player(FakeRun(epochs=40, step=lambda: time.sleep(0.002)))
    steps = player.search.records.steps
    assert player.start() == "" and player.start() == "it runs already"
    until(lambda: player.progress.done > 20)
    assert player.pause() == ""
    until(lambda: player.state == "paused")
    before = player.search.records.counts
    time.sleep(0.1)
    assert player.search.records.counts == before and player.state == "paused"
    for kind, number in (("arch", 1), ("weight", 0), ("weight", 0), ("arch", 1)):
        assert player.step(kind) == ""
        until(lambda: player.state == "paused")
        assert steps["kind"][-1] == number
    for _ in range(2):
        epochs = len(player.search.records.epochs["epoch"])
        player.step("epoch")
        until(lambda: player.state == "paused")
        assert (
            len(player.search.records.epochs["epoch"]) == epochs + 1
            and player.progress.iteration == 0
        )
    done = player.progress.done
    assert player.resume() == ""
    until(lambda: player.progress.done > done + 5)
    assert player.stop() == "" and player.result() is player.search
    assert player.state == "stopped" and player.search.saves == 1 and not player.search.finished


def test_a_step_of_an_epoch_from_the_start_is_a_whole_epoch():
    """Not the record of epoch 0, which is there before the first step."""
    player = Player(FakeRun(epochs=3))
    assert player.step("epoch") == ""
    until(lambda: player.state == "paused")
    assert list(player.search.records.epochs["epoch"]) == [0, 1]
    player.stop()


STEPS = {name: "running" for name in PRESSES if name.startswith("step")}
WAITING = STEPS | {"start": "running", "resume": "running", "stop": "stopping"}
ACTS = {  # state -> what a press that does something makes of it at once
    "ready": STEPS | {"start": "running", "stop": "stopped"},
    "running": STEPS | {"pause": "pausing", "stop": "stopping"},
    "pausing": WAITING,
    "paused": WAITING,
    **dict.fromkeys(("stopping", *ENDS), {}),
}


@pytest.mark.parametrize("press", PRESSES)
@pytest.mark.parametrize("state", ACTS)
def test_every_press_twice_in_every_state(state, press):
    player = player_in(state, gate := Gate())
    for _ in range(2):
        was = player.state
        said = PRESSES[press](player)
        now = player.state
        if press in ACTS[was]:
            assert said == "" and now in (ACTS[was][press], "stopped" if was == "paused" else None)
        else:
            assert (
                said and "\n" not in said and (now == was or (was, now) == ("stopping", "stopped"))
            ), "it says why not"
    gate.open()
    player.stop()
    if state == "failed":
        with pytest.raises(FloatingPointError):
            player.result(timeout=10)
    else:
        assert player.result(timeout=10) is player.search
    played = player._worker is not None and state not in ("finished", "failed")
    assert player.state == (state if state in ENDS else "stopped") and player.search.saves == played


@pytest.mark.parametrize("press", ["pause", "stop", "step epoch"])
def test_a_press_never_waits_for_the_running_step(press):
    """A step takes a second; the answer is there at once, and it takes effect after that step."""
    player = Player(FakeRun(epochs=1, steps=1, step=lambda: time.sleep(1.0)))
    player.start()
    time.sleep(0.1)
    start = time.perf_counter()
    assert PRESSES[press](player) == ""
    assert {"pause": "pausing", "stop": "stopping"}.get(press, "running") == player.state
    assert time.perf_counter() - start < 0.3
    if press in ("pause", "stop"):
        until(lambda: player.state in ("paused", "stopped"), 1.5)
        assert player.progress.done == 1
    player.stop()
    player.result(timeout=5)


def test_presses_from_many_threads():
    """Nothing hangs, no record is lost or doubled."""
    player, stop = Player(FakeRun(epochs=60)), threading.Event()
    presses = [p for name, p in PRESSES.items() if name != "stop"]

    def hammer(seed):
        rng = random.Random(seed)
        while not stop.is_set():
            rng.choice(presses)(player)

    threads = [threading.Thread(target=hammer, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    stop.set()
    for thread in threads:
        thread.join()
    assert player.result(timeout=20) is player.search and player.state == "finished"
    undisturbed = FakeRun(epochs=60)
    list(undisturbed.steps())
    ours, theirs = player.search.records.arrays(), undisturbed.records.arrays()
    assert all(np.array_equal(ours[name], theirs[name], equal_nan=True) for name in theirs)


def test_step_of_no_kind():
    with pytest.raises(ValueError, match="step 'weights': must be one of weight, arch, epoch"):
        Player(FakeRun()).step("weights")


# Waiting for the result, and what goes wrong


def test_result_sets_a_waiting_search_going():
    """A cell that asks for it keeps the kernel busy: nobody could press a button."""
    gate = Gate()
    for state in ("ready", "paused", "pausing"):
        player = player_in(state, gate)
        with pytest.raises(
            TimeoutError, match=rf"goes on after 0.05 s: \d+ of {player.progress.total} records"
        ):
            player.result(timeout=0.05)
        assert player.state == "running"
        gate.open()
        assert player.result(timeout=10).finished
        gate = Gate()


def test_result_asked_by_the_playing_thread():
    player, seen = Player(FakeRun()), []

    def ask(p):
        if p.state == "running" and not seen:
            with pytest.raises(RuntimeError, match="wait for itself"):
                p.result()
            seen.append(1)

    player.subscribe(ask)
    assert player.result(timeout=10).finished and seen == [1]


@pytest.mark.parametrize("play", [Player.run, Player.result])
def test_a_search_that_dies(play):
    player = player_in("ready", gate := Gate())
    gate.open()
    player.search.step = lambda: (_ for _ in ()).throw(
        FloatingPointError("the loss became nan\nin the weight step")
    )
    told = []
    player.subscribe(lambda p: told.append((p.state, p.note)))
    for _ in range(2):
        with pytest.raises(FloatingPointError, match="became nan"):
            play(player)
    assert told == [("failed", "FloatingPointError: the loss became nan in the weight step")]


def test_a_display_that_dies_does_not_end_the_search():
    player, told = Player(FakeRun()), []
    player.subscribe(lambda p: 1 / 0)
    player.subscribe(lambda p: told.append(p.note))
    assert player.result(timeout=10).finished
    assert len(told) == player.progress.total + 1
    assert (
        player.note
        == "a display was dropped (ZeroDivisionError: division by zero); the search is not touched"
    )


def test_ctrl_c_in_the_foreground():
    def interrupt():
        raise KeyboardInterrupt

    player = Player(FakeRun(step=interrupt))
    with pytest.raises(KeyboardInterrupt):
        player.run()
    assert player.state == "stopped"


def test_the_end_of_the_process_stops_and_saves():
    """As when a kernel is restarted; a paused one too."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"""
import sys, time
sys.path.insert(0, {str(ROOT / "tests")!r})
from fake_search import FakeRun, until
from hinas_lab.live.player import Player
class Told(FakeRun):
    def steps(self):
        try:
            yield from super().steps()
        finally:
            sys.stdout.write(f"saved {{self.saves}}\\n")  # one piece: two threads say it at once
for what in ("start", "pause"):
    player = Player(Told(epochs=10**6, step=lambda: time.sleep(0.01)))
    player.start()
    until(lambda: player.progress.done > 2)
    getattr(player, what)()
    globals()[what] = player
""",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "") and done.stdout == "saved 1\nsaved 1\n", done


# A real search


def real(tiny, folder: Path, *more) -> Player:
    return Player(open_run(*tiny.argv["search"], *more, "--run", folder, "--resume"))


def test_a_played_search_ends_with_the_same_bits(tiny, tmp_path):
    """Paused, stepped, resumed and stopped in a thread, opened again and played on: what the
    command line made at one go."""
    folder = tmp_path / "run"
    player = real(tiny, folder)
    for press in ("step weight", "step epoch", "step arch"):
        PRESSES[press](player)
        until(lambda: player.state == "paused")
    assert player.search.records.steps["kind"][-1] == 1 and player.search.state.halfway
    alpha, beta = player.search.architecture()
    assert (alpha.shape, beta.shape) == (
        player.search.state.net.alpha.shape,
        player.search.state.net.beta.shape,
    )
    kept = alpha.copy()
    player.step("arch")
    until(lambda: player.state == "paused")
    assert (alpha == kept).all() and (player.search.architecture()[0] != kept).any(), (
        "a copy, not the net's memory"
    )
    player.stop()
    player.result(timeout=20)
    assert {p.name for p in folder.iterdir()} == FILES - {"genotype.json", "best.safetensors"}
    rest = real(tiny, folder)
    assert rest.progress.done == player.progress.done == sum(rest.search.records.counts)
    assert (
        rest.result(timeout=60).finished
        and rest.progress.done == rest.progress.total == player.progress.total
    )
    same_result(folder, tiny.search)
    last = read_records(folder)
    alpha, beta = rest.search.architecture()
    assert (alpha == last["epoch/alpha"][-1]).all() and (beta == last["epoch/beta"][-1]).all()
    again = real(tiny, folder)
    assert (
        again.state == "finished"
        and again.start() == "it is finished"
        and again.result(timeout=0).finished
    )


def test_a_real_search_that_dies_leaves_a_valid_run(tiny, tmp_path):
    folder = tmp_path / "run"
    player = real(tiny, folder)
    player.step("epoch")
    until(lambda: player.state == "paused")
    player.stop()
    player.result(timeout=20)
    saved = (folder / "state.safetensors").read_bytes()
    player = real(tiny, folder)
    player.search.state.net.alpha.data.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="the loss became nan"):
        player.result(timeout=20)
    assert player.state == "failed" and player.note.startswith(
        "FloatingPointError: preset tiny*: the loss became nan in the "
    )
    assert (folder / "state.safetensors").read_bytes() == saved
    assert real(tiny, folder).result(timeout=60).finished
    same_result(folder, tiny.search)


def test_two_players_on_one_folder(tiny, tmp_path):
    """Also when the second one was opened before the first one played."""
    folder = tmp_path / "run"
    real(tiny, folder).search.save()
    first, second = real(tiny, folder), real(tiny, folder)
    first.step("weight")
    until(lambda: first.state == "paused")
    refusal = f"{folder}: this run is running already, in another panel, notebook or command"
    with pytest.raises(ValueError) as refused:
        second.result(timeout=20)
    assert (
        str(refused.value).startswith(refusal)
        and second.note.startswith(refusal)
        and second.state == "failed"
    )
    with pytest.raises(ValueError, match="running already"):
        real(tiny, folder)
    code, out, err = hinas(*tiny.argv["search"], "--run", folder, "--resume")
    assert code == 2 and refusal in err and len(err.splitlines()) == 1
    assert first.result(timeout=60).finished
    same_result(folder, tiny.search)


def test_a_lock_dies_with_its_process(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
import sys, time
from pathlib import Path
from hinas_lab.storage import run_lock
with run_lock(Path({str(tmp_path)!r})):
    print("held", flush=True)
    time.sleep(60)
""",
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="running already"), run_lock(tmp_path):
            pass
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    with run_lock(tmp_path):
        assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def test_architecture_of_a_training(tiny):
    with pytest.raises(ValueError, match="is a train run; only a search has alpha and beta"):
        open_run(*tiny.argv["train"], "--run", tiny.train, "--resume").architecture()
