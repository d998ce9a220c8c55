"""The panel of a search in a notebook: buttons, a line of text and the board, over ``live.player``.
Without widgets the same call plays in the foreground, with a line of progress. What stays in the
cell is a picture that needs no kernel.
"""

import dataclasses
import json
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from hinas_lab.config import SearchConfig, from_dict
from hinas_lab.live.film import Camera
from hinas_lab.live.loop import hand_over, in_context
from hinas_lab.live.player import ENDS, Player, one_line
from hinas_lab.live.watch import Watch
from hinas_lab.live.widgets import in_kernel, want_widgets

GOES = ("ready", "running", "pausing", "paused")
"states of a search that has not ended and can be told to go on, or to stop"
BUTTONS = {
    "Start": ("start", ("ready", "stopped", "failed"), "Play the search, or go on with it"),
    "Pause": ("pause", ("running",), "Wait after the running step"),
    "Resume": ("resume", ("pausing", "paused"), "Go on after a pause"),
    "Step weight": ("weight", GOES, "Go on to the next step of the weights (Train W), then pause"),
    "Step arch": (
        "arch",
        GOES,
        "Go on to the next step of alpha and beta (Train A), then pause; in the warm-up that is "
        "far",
    ),
    "Step epoch": ("epoch", GOES, "Go on to the end of this epoch, then pause"),
    "Stop": ("stop", GOES, "End after the running step and save; Start goes on"),
    "Look again": ("look", ("elsewhere",), "Ask whether the other one has ended; take over then"),
}
"name -> (the player's method, or what to step by; the states in which it does something; a tip)"
LONGEST_WAIT = 0.5
"seconds between two pieces at most, while steps take less"
STILL_AFTER = 2.0
"seconds of a pause after which the picture that stays is drawn again"


def panel(
    run,
    *,
    fps: float = 10.0,
    share: float = 0.02,
    live: bool | None = None,
) -> Watch:
    """Watch and play a search. Show the returned object as a cell's last value; ``.result()`` waits
    for the end.

    run: as ``runs.folder.open_search`` gives it; asked again with the same run, the same panel is
    returned. The board is told at most ``fps`` times a second, and less often where that would
    take more than ``share`` of the search's time (but every half second).
    live: with buttons, in a thread; or False, in the foreground: this call then plays to the end,
    and raises what the search raises. None: as HINAS_LIVE says (0: False, else True); without it
    live in a notebook, but not at preset tiny. Without ipywidgets never live.
    """
    if "_panel" not in vars(run):
        default = in_kernel() and run.header["preset"].rstrip("*") != "tiny"
        kind = SearchPanel if want_widgets(live, default) else Watch
        run._panel = kind(run, fps, share)
        run._panel.open()
    return run._panel


class SearchPanel(Watch):
    """A search with buttons: it plays in a thread, and what is told of it is handed to the kernel's
    own loop, never sent from that thread."""

    def open(self):
        from hinas_lab.live.board import Board
        from hinas_lab.live.kept import Kept

        self.board = Board()
        self.board.on_msg(self._on_message)
        self._waiting: deque[Callable[[], None]] = deque()
        "what is still to be sent, oldest first"
        self._sending = threading.Lock()
        self._trouble = ""
        self._fields: list[dict] = []
        self._timer: threading.Timer | None = None
        self._look = threading.Lock()
        "held while a piece is made: by the search's thread, or by a press"
        self.kept = Kept(self.board, f"<p>{self.line()}</p>", self.line())
        self._take(self.player)

    def _take(self, player: Player):
        """Show this player's search from now on."""
        self.player = player
        run = player.search
        run._panel = self
        self._camera = Camera(run.header, run.folder.name, self.device)
        # pieces of another search are not joined to this one
        self._camera.head["key"] = uuid.uuid4().hex
        self._told = (0, 0)
        self._now = None
        self._due = -math.inf
        "when the next piece may be made"
        self._fields = fields_of(run.header["search"])
        self.board.controls = self.controls()
        self.board.status = self.status()
        self.board.films = [self._film()]
        if player.progress.done:
            self._keep()
        # Last: from now on the search may call.
        player.subscribe(self.after)

    # ---------------------------------------------------------------- what is told

    def controls(self) -> dict:
        """What the board offers: buttons (name, title), fields of a new search. It stays as it is
        while a search runs."""
        # only where another process plays this search is there something to look for
        is_elsewhere = self.player.state == "elsewhere"
        buttons = []
        for name, (_, states, title) in BUTTONS.items():
            if ("elsewhere" in states) == is_elsewhere:
                buttons.append({"name": name, "title": title})
        return {"buttons": buttons, "fields": self._fields}

    def status(self, note: str = "") -> dict:
        """What the board shows around the search, which goes over with every piece: line, note,
        done and total records, the names of the buttons that do something."""
        player = self.player
        return {
            "line": self.line(),
            "note": note or self._trouble or player.note,
            "done": player.progress.done,
            "total": player.progress.total,
            "enabled": [name for name, (_, states, _) in BUTTONS.items() if player.state in states],
        }

    def _film(self) -> dict:
        """The whole search so far."""
        with self._look:
            film = self._camera.piece(self.player.search.records, (0, 0), self._iterations())
            self._told = tuple(len(film[name]) for name in ("steps", "epochs"))
        first = None
        if not film["epochs"]:
            records = self._first_records(*self.player.search.architecture())
            columns = {key.partition("/")[2]: column for key, column in records.items()}
            first = self._camera.epoch(columns, 0)
        return {"head": self._camera.head, "first": first, "now": self._now, **film}

    def _iterations(self) -> int:
        return max(1, self.player.progress.iterations)

    def _piece(self) -> dict:
        """What was recorded since the last piece, and alpha and beta now."""
        with self._look:
            progress, run = self.player.progress, self.player.search
            piece = self._camera.piece(run.records, self._told, self._iterations())
            steps, epochs = self._told
            self._told = steps + len(piece["steps"]), epochs + len(piece["epochs"])
            self._now = None
            # right after an epoch the last row is now
            if progress.iteration or getattr(run.state, "halfway", False):
                half = 0.5 * bool(getattr(run.state, "halfway", False))
                place = progress.epoch - 1 + (progress.iteration + half) / self._iterations()
                self._now = {"t": place, **self._camera.architecture(*run.architecture())}
            return piece | {"now": self._now}

    def after(self, player: Player):
        """After a record, a pause, the end. In the thread that plays, between steps."""
        if player is not self.player:
            return  # another search has taken its place
        start = time.perf_counter()
        is_over = player.state in ENDS
        if is_over or player.state == "paused":
            self._post(self._told_message())
            self._keep_later(0 if is_over else STILL_AFTER)
        # while pieces wait for a busy kernel there is no use in more of them
        elif start >= self._due and not self._waiting:
            self._post(self._told_message())
            cost = time.perf_counter() - start
            self.spent += cost
            pause = min(LONGEST_WAIT, max(1 / self.fps, cost / self.share))
            # A record that came late does not put off the next piece.
            self._due = max(self._due + pause, start)

    def _told_message(self) -> Callable[[], None]:
        try:
            message = {"piece": self._piece(), "key": self._camera.head["key"]}
        except Exception as error:
            self._trouble = f"the board stopped ({one_line(error)}); the search goes on"
            raise
        return partial(self._send, message, self.status())

    def _send(self, message: dict, status: dict):
        # in the loop's thread: while it waits for the interpreter, the search runs
        start = time.thread_time()
        self.board.send(message)
        self.board.status = status
        self.frames += 1
        self.spent += time.thread_time() - start

    def _post(self, send: Callable[[], None]):
        self._waiting.append(send)
        hand_over(self._drain)

    def _drain(self):
        """Send all that waits, in its order. In the kernel's loop, or in a cell that waits."""
        with self._sending:
            while self._waiting:
                self._waiting.popleft()()

    def result(self, timeout: float | None = None):
        """See ``Player.result``. The board goes on meanwhile, though this cell keeps the kernel
        busy; the picture that stays is there when it returns."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            self._drain()
            left = end - time.monotonic()
            try:
                result = self.player.result(min(0.1, max(0.0, left)))
                break
            except TimeoutError:
                if left <= 0.1:
                    raise
        if self._timer:
            self._timer.join()
        self._drain()
        return result

    # ---------------------------------------------------------------- what is pressed

    def _on_message(self, widget, message: Mapping, buffers):
        what = message.get("press")
        if what == "film":
            film = self._film()
            self._post(partial(self.board.send, {"film": film}))
        elif what == "new":
            self.new_search(message["more"])
        else:
            self.press(what)

    def press(self, name: str):
        """A button, by its name: acknowledged at once, in the text."""
        self._keep_later(None)
        what, player = BUTTONS[name][0], self.player
        if what == "look" or (what == "start" and player.state in ("stopped", "failed")):
            self._open(player.search.folder, {})
            if what == "start" and self.player.state == "ready":
                self.player.start()
            self._tell()
            return
        note = getattr(player, what)() if hasattr(player, what) else player.step(what)
        self._tell(note)
        # Stopped before it was started: there is no thread that would tell.
        if player.state in ENDS:
            self._keep_later(0)

    def new_search(self, asked: Mapping[str, str]):
        """Another search beside this one: the settings of this one with ``asked`` (field -> text)
        changed, in a folder of its own. This one stays in its folder; it is stopped first."""
        if self.player.state not in (*ENDS, "elsewhere", "ready"):
            self._tell("this search still runs: press Stop first, then open a new one")
            return
        known = {field["name"]: field["value"] for field in self._fields}
        changes = {name: text for name, text in asked.items() if text != known.get(name)}
        self._open(next_folder(self.player.search.folder), changes)
        self._tell()

    def _open(self, folder: Path, changes: Mapping[str, str]):
        """A search like this one in ``folder``, in this panel; or one line that says why not."""
        from hinas_lab.runs.folder import open_like

        try:
            run = open_like(self.player.search, folder, changes)
        except (ValueError, OSError) as error:
            self._trouble = str(error)
            return
        self._trouble = ""
        self._take(Player(run))

    def _tell(self, note: str = ""):
        status = self.status(note)
        self._post(lambda: setattr(self.board, "status", status))

    # ---------------------------------------------------------------- what stays

    def _keep_later(self, seconds: float | None):
        """Draw the picture that stays in so many seconds, in a thread; None: not now."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = threading.Timer(seconds, in_context(self._keep))
            self._timer.daemon = True
            self._timer.start()

    def _keep(self):
        with self._drawing:
            self.look()
            still, words = self.png, self._words()
        self._post(partial(self.kept.keep, still, words))

    def _words(self) -> str:
        return "\n".join(filter(None, [self.line(), self.player.note]))

    def _ipython_display_(self):
        self._drain()
        self.kept._ipython_display_()


def next_folder(folder: Path) -> Path:
    """``runs/live`` -> ``runs/live-2``, or the first number that is free."""
    stem, _, number = folder.name.rpartition("-")
    base = stem if stem and number.isdigit() else folder.name
    n = 2
    while (folder.parent / f"{base}-{n}").exists():
        n += 1
    return folder.parent / f"{base}-{n}"


def fields_of(search: Mapping) -> list[dict]:
    """What a new search may change: the single values of a search's settings, as text, the seed
    first."""
    config = from_dict(SearchConfig, search)
    described = sorted(dataclasses.fields(config), key=lambda field: field.name != "seed")
    shown = []
    for field in described:
        value = getattr(config, field.name)
        # a budget is of a trained net whose shape is not asked for here
        if field.name.startswith("budget") and (config.budget is None or field.name != "budget"):
            continue
        if dataclasses.is_dataclass(value) or isinstance(value, tuple):
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        among = field.metadata.get("limits", {}).get("among")
        shown.append({"name": field.name, "value": text, "among": among and list(among)})
    return shown
