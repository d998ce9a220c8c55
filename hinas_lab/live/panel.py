"""The panel of a search in a notebook: buttons, a line of text and the board, over ``views.player``. Without widgets the same call plays
in the foreground, with a line of progress. What stays in the cell is a picture that needs no kernel.
"""

import os
import threading
import time
from collections.abc import Callable

from hinas_lab.draw.plots import edge_labels
from hinas_lab.live.board.board import Moment
from hinas_lab.live.player import ENDS, Player, one_line
from hinas_lab.live.watch import Watch, in_kernel, still

BUTTONS = {
    "Start": ("start", "Play the search; ends a pause too"),
    "Pause": ("pause", "Wait after the running step"),
    "Resume": ("resume", "Go on after a pause"),
    "Step weight": ("weight", "Go on to the next step of the weights (Train W), then pause"),
    "Step arch": (
        "arch",
        "Go on to the next step of alpha and beta (Train A), then pause; in the warm-up that is far",
    ),
    "Step epoch": ("epoch", "Go on to the end of this epoch, then pause"),
    "Stop": ("stop", "End after the running step and save; the run can be continued"),
}
"description -> (the player's method, or what to step by; the tooltip)"


def panel(
    run,
    *,
    fps: float = 5.0,
    share: float = 0.05,
    live: bool | None = None,
    memory: Callable[[], str] | None = None,
) -> Watch:
    """Watch and play a search. Show the returned object as a cell's last value; ``.result()`` waits for the end.

    run: as ``engine.runs.open_search`` gives it; asked again with the same run, the same panel is returned. Pictures take at most
    ``share`` of the search's time and are at most ``fps`` a second. memory: what to print as the memory now.
    live: with buttons, in a thread; or False, in the foreground: this call then plays to the end, and raises what the search raises. None:
    as HINAS_LIVE says (0: False, else True); without it live in a notebook, but not at preset tiny. Without ipywidgets never live.
    """
    known = vars(run).get("_panel")
    if known is None:
        live = _wants_live(run) if live is None else live
        known = run._panel = (SearchPanel if live and _has_widgets() else Watch)(
            run, fps, share, memory
        )
        known.open()
    return known


def _wants_live(run) -> bool:
    if said := os.environ.get("HINAS_LIVE"):
        return said != "0"
    return in_kernel() and run.header["preset"].rstrip("*") != "tiny"


def _has_widgets() -> bool:
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True


class SearchPanel(Watch):
    """A search with buttons: it plays in a thread. Widgets are written from there and from presses, each behind a lock held for a frame."""

    def open(self):
        import ipywidgets as w

        self._handles, self._over = [], False
        self._said, self._cost, self._trouble = -1.0, 0.0, ""
        self._writing = threading.Lock()
        buttons = []
        for name, (what, tooltip) in BUTTONS.items():
            button = w.Button(description=name, tooltip=tooltip, layout={"width": "auto"})
            button.on_click(lambda _, what=what: self.press(what))
            buttons.append(button)
        layers = range(self.space.layers) if self.space.lwas else [0]
        self.layer = w.Dropdown(
            options=[(f"layer {l}" if self.space.lwas else "all layers", l) for l in layers],
            description="curve of",
            tooltip="The layer whose alpha is drawn as curves",
        )
        self.edge = w.Dropdown(
            options=[(name, e) for e, name in enumerate(edge_labels(self.space))],
            description="edge",
            tooltip="The edge whose alpha is drawn as curves",
        )
        for chooser in (self.layer, self.edge):
            chooser.observe(
                lambda change: self.choose(self.layer.value, self.edge.value), names="value"
            )
        self.bar = w.IntProgress(
            min=0, max=max(1, self.player.progress.total), tooltip="Records so far"
        )
        self.text, self.error = w.Label(), w.Label(style={"text_color": "#B00020"})
        self.image = w.Image(
            format="png", layout={"max_width": "100%"}
        )  # a tooltip on it is an error in the browser
        rows = (buttons, [self.bar, self.text], [self.layer, self.edge])
        self.box = w.VBox(
            [
                *(w.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows),
                self.image,
                self.error,
            ]
        )
        self.look()
        self.write()
        self._over = self.player.state in ENDS
        self.player.subscribe(self.after)

    def press(self, what: str):
        """A button: acknowledged at once, in the text."""
        player = self.player
        note = getattr(player, what)() if hasattr(player, what) else player.step(what)
        self.write(note)
        if player.state in ENDS:  # stopped before it was started: no thread will tell
            self.end()

    def choose(self, layer: int, edge: int):
        """Draw the curves of this edge, now."""
        with self._drawing:
            self.board.choose(layer, edge)
            self.draw(self._moment)

    def after(self, player: Player):
        """After a record, a pause, the end. In the thread that plays, between steps."""
        try:
            start = time.perf_counter()
            if player.state in ENDS:
                self.end()
            elif player.state == "paused":  # costs the search nothing
                self.look()
                self.write()
            elif start - self._said >= 1 / self.fps:
                self._said = start
                due = self.spent + self._cost <= self.share * player.progress.worked
                if due:
                    self.look()
                self.write()
                cost = time.perf_counter() - start
                self._cost = cost if due else self._cost
                self.spent += cost
        except Exception as error:
            self._trouble = f"the picture stopped ({one_line(error)}); the search goes on"
            self.write()
            raise

    def draw(self, moment: Moment):
        with self._drawing:
            super().draw(moment)
            self._moment, self.image.value = moment, self.png

    def write(self, note: str = ""):
        """The line, the bar and what there is to say."""
        with self._writing:
            self.text.value = self.line()
            self.bar.max, self.bar.value = (
                max(1, self.player.progress.total),
                self.player.progress.done,
            )
            self.error.value = note or self._trouble or self.player.note

    def end(self):
        """The last picture, in place of the buttons."""
        with self._drawing:
            if self._over:
                return
            self._over = True
            self.look()
            self.write()
            for picture, words in self._handles:
                data, metadata = still(self.png, self.line())
                picture.update(data, metadata=metadata, raw=True)
                words.update({"text/plain": self._words()}, raw=True)

    def _words(self) -> str:
        return "\n".join(filter(None, [self.line(), self.player.note]))

    def _ipython_display_(self):
        from IPython.display import display

        with self._drawing:
            if self._over:
                super()._ipython_display_()
                display({"text/plain": self._words()}, raw=True)
            else:
                self._handles.append(
                    (
                        display(self.box, display_id=True),
                        display({"text/plain": ""}, raw=True, display_id=True),
                    )
                )
