"""A search as something to play: start, pause, step, stop, from any thread at any time. No widgets,
no torch.

One thread asks the run for its records. A press only sets what that thread reads after the running
step, so it never waits for one.
"""

import atexit
import math
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

from hinas_lab.live.loop import in_context
from hinas_lab.storage import Held

KINDS = ("weight", "arch", "epoch")
"what a search can be stepped by"
ENDS = ("stopped", "finished", "failed")
EXIT_SECONDS = 10.0
"so long the end of the process waits for the running step, then the last save counts"
_WHY = {
    "ready": "not started yet",
    "running": "it runs already",
    "pausing": "it pauses after the running step already",
    "paused": "it is paused already",
    "stopping": "it stops after the running step",
    "finished": "it is finished",
    "stopped": "it was stopped; open the run again to continue it",
    "failed": "it failed; open the run again to continue from the last save",
    "elsewhere": "it is played in another process; what is shown was saved there",
}
"what a press that does nothing answers"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a search is, after its last record."""

    phase: str
    "warm-up, alternating, validating: of the step that comes next"
    epoch: int
    "the running one, from 1"
    epochs: int
    iteration: int
    "iterations done in it"
    iterations: int
    done: int
    "records so far"
    total: int
    "records at the end"
    worked: float
    "seconds spent in steps by this player: no pauses, no drawing"
    seconds: float
    "per step, the last ones weighing most; nan before the first"
    left: float
    "seconds to the end; nan before the first step"


class Player:
    """Plays ``run``, a search as ``runs.folder.open_search`` gives it, in a thread of its own
    (``start``) or in the caller's (``run``).

    Each of start, pause, resume, step, stop may be called at any time, twice, from any thread: it
    returns "" when it did something, else one line that says why not. It is acknowledged at once
    (``state`` changes) and takes effect after the running step.
    """

    def __init__(self, run):
        if run.header["kind"] != "search":
            raise ValueError(
                f"{run.folder}: is a {run.header['kind']} run; only a search can be played"
            )
        self.search = run
        self.error: BaseException | None = None
        # Guards state and until; never held while a step computes or a picture is drawn.
        self._now = threading.Condition()
        self._state = "finished" if run.finished else "ready"
        if run.elsewhere:
            self._state = "elsewhere"
        self._until = ""
        "pause after the next record of this kind, weight, arch or epoch; step: of any kind"
        self._ended = threading.Event()
        self._worker: threading.Thread | None = None
        self._subscribers: list[Callable[[Player], None]] = []
        self._seconds: dict[str, float] = {}
        "per kind of record, the last ones weighing most"
        self._worked = 0.0
        self.note = run.elsewhere
        "what happened by itself, in one line: why it failed, or that a display was dropped"
        self.progress = self._measure()
        if run.finished:
            self._ended.set()
        _players.add(self)

    @property
    def state(self) -> str:
        """ready, running, pausing, paused, stopping; at the end stopped, finished or failed; of a
        run that somebody else plays: elsewhere."""
        return self._state

    def subscribe(self, callback: Callable[["Player"], None]):
        """``callback(self)`` after every record, pause and at the end, in the thread that plays.
        One that raises is dropped, the search goes on and ``note`` says so."""
        self._subscribers.append(callback)

    # ---------------------------------------------------------------- presses

    def start(self) -> str:
        """Play on: a thread begins, a pause ends."""
        return self._go("ready", "paused", "pausing")

    def resume(self) -> str:
        """End a pause."""
        return self._go("paused", "pausing")

    def step(self, what: str) -> str:
        """Go on to the next ``weight`` or ``arch`` step or to the end of the ``epoch``, and pause
        there. ValueError for another word."""
        if what not in KINDS:
            raise ValueError(f"step {what!r}: must be one of {', '.join(KINDS)}")
        return self._go("ready", "paused", "pausing", "running", until=what)

    def _go(self, *states: str, until: str = "") -> str:
        """Set running what is in one of ``states``."""
        with self._now:
            if self._state not in states:
                return _WHY[self._state]
            is_first = self._state == "ready"
            # Before the thread begins: it reads both.
            self._state, self._until = "running", until
            if is_first:
                play = in_context(self._play)
                self._worker = threading.Thread(target=play, name="search", daemon=True)
                self._worker.start()
            self._now.notify_all()
        return ""

    def pause(self) -> str:
        """Wait after the running step."""
        with self._now:
            if self._state != "running":
                return _WHY[self._state]
            self._state, self._until = "pausing", "step"
        return ""

    def stop(self) -> str:
        """End after the running step; the run is saved and can be continued."""
        with self._now:
            if self._state == "ready":
                self._state = "stopped"
                self._ended.set()
                return ""
            if self._state not in ("running", "pausing", "paused"):
                return _WHY[self._state]
            self._state = "stopping"
            self._now.notify_all()
        return ""

    # ---------------------------------------------------------------- to the end

    def run(self):
        """Play to the end in this thread, and return the run; Ctrl-C saves, stops and is raised.
        When another thread plays: its result."""
        with self._now:
            is_first = self._state == "ready"
            if is_first:
                self._state, self._worker = "running", threading.current_thread()
        if is_first:
            self._play()
        return self.result()

    def result(self, timeout: float | None = None):
        """The run, once it is finished or was stopped. A search that waits is set going: nobody can
        press a button of a busy kernel.

        Raises what the search raised; TimeoutError after ``timeout`` seconds. Ctrl-C ends the
        waiting, not the search.
        """
        if self._state == "elsewhere":
            raise ValueError(self.note)
        if not self._ended.is_set():
            if threading.current_thread() is self._worker:
                raise RuntimeError(
                    "result: asked by the thread that plays, which would wait for itself"
                )
            self._go("ready", "paused", "pausing", "running")
        if not self._ended.wait(timeout):
            done, total = self.progress.done, self.progress.total
            raise TimeoutError(f"the search goes on after {timeout:g} s: {done} of {total} records")
        if self.error is not None:
            raise self.error
        return self.search

    # ---------------------------------------------------------------- in the thread that plays

    def _play(self):
        try:
            # Closing the generator saves the run.
            with closing(self.search.steps()) as records:
                since = time.perf_counter()
                for record in records:
                    kind = getattr(record, "kind", "epoch")
                    self._count(kind, time.perf_counter() - since)
                    self._tell()
                    # The record of epoch 0, before the first step, is not the end of an epoch.
                    is_first = kind == "epoch" and record.epoch == 0
                    if not self._goes_on("first" if is_first else kind):
                        break
                    since = time.perf_counter()
            end = "finished" if self.search.finished else "stopped"
        except BaseException as error:
            # The frames hold the tensors of the step.
            traceback.clear_frames(error.__traceback__)
            self.error, self.note = error, one_line(error)
            end = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        if end == "finished":
            self.progress = self._measure()
        with self._now:
            self._state = end
        self._tell()
        self._ended.set()

    def _goes_on(self, kind: str) -> bool:
        """After a record: wait while paused; False to stop."""
        with self._now:
            if self._until in (kind, "step") and self._state != "stopping":
                self._state, self._until = "paused", ""
            if self._state != "paused":
                return self._state != "stopping"
        self._tell()
        with self._now:
            self._now.wait_for(lambda: self._state != "paused")
            return self._state != "stopping"

    def _tell(self):
        for callback in tuple(self._subscribers):
            try:
                callback(self)
            except Exception as error:
                self._subscribers.remove(callback)
                self.note = f"a display was dropped ({one_line(error)}); the search is not touched"

    def _count(self, kind: str, seconds: float):
        self._worked += seconds
        self._seconds[kind] = 0.8 * self._seconds.get(kind, seconds) + 0.2 * seconds
        self.progress = self._measure()

    def _measure(self) -> Progress:
        """Where the search is; what lies ahead is counted per kind of record and weighed with the
        seconds that one of that kind took lately."""
        records, state = self.search.records, self.search.state
        config = self.search.header["search"]
        epochs = config["epochs"]
        done = sum(records.counts)
        steps = [self._seconds[kind] for kind in ("weight", "arch") if kind in self._seconds]
        seconds = sum(steps) / len(steps) if steps else math.nan
        phase = "alternating"
        if state is None:  # finished
            epoch = max(records.epochs["epoch"], default=epochs)  # a stop rule may have ended it
            iteration = iterations = max(records.steps["iteration"], default=0)
            ahead = {}
        else:
            warmup = min(config["warmup_epochs"], epochs)
            epoch = min(state.epoch + 1, epochs)
            iteration, iterations = state.iteration, state.steps
            if iteration == iterations and epoch >= config["validate_from"]:
                phase = "validating"
            elif epoch <= warmup:
                phase = "warm-up"
            # An iteration is half done when its arch step is.
            arch = iteration + state.halfway if state.epoch >= warmup else 0
            ahead = {
                "weight": (epochs - state.epoch) * iterations - iteration,
                "arch": (epochs - max(state.epoch, warmup)) * iterations - arch,
                # one more before the first step
                "epoch": epochs - state.epoch + (not state.started),
            }
        left = 0.0
        for kind, count in ahead.items():
            left += count * self._seconds.get(kind, seconds)
        return Progress(
            phase=phase,
            epoch=epoch,
            epochs=epochs,
            iteration=iteration,
            iterations=iterations,
            done=done,
            total=done + sum(ahead.values()),
            worked=self._worked,
            seconds=seconds,
            left=left,
        )


def one_line(error: BaseException) -> str:
    """``FloatingPointError: the loss became nan ...``, at most 200 characters; what was held by
    somebody else speaks for itself."""
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, Held):
        line = text
    return line if len(line) <= 200 else line[:199] + "…"


_players: "weakref.WeakSet[Player]" = weakref.WeakSet()


@atexit.register
def _stop_all():
    """The process ends, as when a kernel is restarted: what plays is stopped and saved."""
    playing = [p for p in _players if p.state not in ENDS and p._worker is not None]
    # All are asked before one is waited for.
    for player in playing:
        player.stop()
    for player in playing:
        with suppress(KeyboardInterrupt):
            player._ended.wait(EXIT_SECONDS)
