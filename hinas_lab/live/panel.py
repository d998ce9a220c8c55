"""The panel of a search in a notebook: buttons, a line of text and the board, over ``live.player``.
Without widgets the same call plays in the foreground, with a line of progress. What stays in the
cell is a picture that needs no kernel.
"""

import threading
import time
from functools import partial

from hinas_lab.live.board.board import Moment
from hinas_lab.live.player import ENDS, Player, one_line
from hinas_lab.live.watch import Watch, still
from hinas_lab.live.widgets import edge_options, in_kernel, layer_options, want_widgets

BUTTONS = {
    "Start": ("start", "Play the search; ends a pause too"),
    "Pause": ("pause", "Wait after the running step"),
    "Resume": ("resume", "Go on after a pause"),
    "Step weight": ("weight", "Go on to the next step of the weights (Train W), then pause"),
    "Step arch": (
        "arch",
        "Go on to the next step of alpha and beta (Train A), then pause; "
        "in the warm-up that is far",
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
) -> Watch:
    """Watch and play a search. Show the returned object as a cell's last value; ``.result()`` waits
    for the end.

    run: as ``runs.folder.open_search`` gives it; asked again with the same run, the same panel is
    returned. Pictures take at most ``share`` of the search's time and are at most ``fps`` a second.
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
    """A search with buttons: it plays in a thread. Widgets are written from there and from presses,
    each behind a lock held for a frame."""

    def open(self):
        import ipywidgets as w

        self._handles = []
        "pairs of displays, picture and words, that wait for what stays in their cell"
        self._is_over = False
        self._last_look = -1.0
        self._cost = 0.0
        "seconds that the last picture took"
        self._trouble = ""
        self._writing = threading.Lock()
        buttons = []
        for name, (what, tooltip) in BUTTONS.items():
            button = w.Button(description=name, tooltip=tooltip, layout={"width": "auto"})
            button.on_click(partial(self._on_click, what))
            buttons.append(button)
        self.layer = w.Dropdown(
            options=layer_options(self.space),
            description="curve of",
            tooltip="The layer whose alpha is drawn as curves",
        )
        self.edge = w.Dropdown(
            options=edge_options(self.space),
            description="edge",
            tooltip="The edge whose alpha is drawn as curves",
        )
        for chooser in (self.layer, self.edge):
            chooser.observe(self._on_choice, names="value")
        total = max(1, self.player.progress.total)
        self.bar = w.IntProgress(min=0, max=total, tooltip="Records so far")
        self.text, self.error = w.Label(), w.Label(style={"text_color": "#B00020"})
        # a tooltip on an image is an error in the browser
        self.image = w.Image(format="png", layout={"max_width": "100%"})
        rows = []
        for row in (buttons, [self.bar, self.text], [self.layer, self.edge]):
            rows.append(w.HBox(row, layout={"flex_flow": "row wrap"}))
        self.box = w.VBox([*rows, self.image, self.error])
        self.look()
        self.write()
        self._is_over = self.player.state in ENDS
        # Last: from now on the search may call.
        self.player.subscribe(self.after)

    def _on_click(self, what: str, button):
        self.press(what)

    def _on_choice(self, change):
        self.choose(self.layer.value, self.edge.value)

    def press(self, what: str):
        """A button: acknowledged at once, in the text."""
        player = self.player
        note = getattr(player, what)() if hasattr(player, what) else player.step(what)
        self.write(note)
        # Stopped before it was started: there is no thread that would tell.
        if player.state in ENDS:
            self.end()

    def choose(self, layer: int, edge: int):
        """Draw the curves of this edge, now."""
        with self._drawing:
            self.board.choose(layer, edge)
            self.draw(self._moment)

    def after(self, player: Player):
        """After a record, a pause, the end. In the thread that plays, between steps."""
        try:
            if player.state in ENDS:
                self.end()
            elif player.state == "paused":
                # A picture now costs the search nothing.
                self.look()
                self.write()
            elif time.perf_counter() - self._last_look >= 1 / self.fps:
                self._look_if_affordable(player.progress.worked)
        except Exception as error:
            self._trouble = f"the picture stopped ({one_line(error)}); the search goes on"
            self.write()
            raise

    def _look_if_affordable(self, worked: float):
        """A picture, if it will cost what the last one did and the sum stays within the share of
        ``worked`` seconds; in any case the words."""
        start = self._last_look = time.perf_counter()
        is_affordable = self.spent + self._cost <= self.share * worked
        if is_affordable:
            self.look()
        self.write()
        seconds = time.perf_counter() - start
        self.spent += seconds
        if is_affordable:
            self._cost = seconds

    def draw(self, moment: Moment):
        with self._drawing:
            super().draw(moment)
            self._moment = moment
            self.image.value = self.png

    def write(self, note: str = ""):
        """The line, the bar and what there is to say."""
        progress = self.player.progress
        with self._writing:
            self.text.value = self.line()
            self.bar.max = max(1, progress.total)
            self.bar.value = progress.done
            self.error.value = note or self._trouble or self.player.note

    def end(self):
        """The last picture, in place of the buttons."""
        with self._drawing:
            if self._is_over:
                return
            self._is_over = True
            self.look()
            self.write()
            data, metadata = still(self.png, self.line())
            for picture, words in self._handles:
                picture.update(data, metadata=metadata, raw=True)
                words.update({"text/plain": self._words()}, raw=True)

    def _words(self) -> str:
        return "\n".join(filter(None, [self.line(), self.player.note]))

    def _ipython_display_(self):
        from IPython.display import display

        with self._drawing:
            if self._is_over:
                super()._ipython_display_()
                display({"text/plain": self._words()}, raw=True)
                return
            picture = display(self.box, display_id=True)
            # stays empty until the end
            words = display({"text/plain": ""}, raw=True, display_id=True)
            self._handles.append((picture, words))
