"""The widgets around a ``Surgery``: a place, what it becomes, Apply, Undo, Train, Save; beside them
the drawing and a restored patch."""

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from hinas_lab.live.kept import Kept, live_style
from hinas_lab.live.loop import hand_over, in_context
from hinas_lab.live.player import one_line
from hinas_lab.live.surgery import Place, Surgery
from hinas_lab.live.surgery_view import drawn, page, paragraph, patches, table, told
from hinas_lab.live.widgets import want_widgets
from hinas_lab.runs.header import load_genotype
from hinas_lab.space.genotype import Genotype

EVERY = 0.2
"seconds between two looks at the progress of a training"
EXIT_SECONDS = 5.0
"a process that ends waits for a training to stop at most so long"


class Stopped(Exception):
    """The reader pressed Stop."""


class SurgeryPanel:
    """The widgets around a ``Surgery`` (``controller``): they ask it and show it, and never
    raise."""

    def __init__(self, controller: Surgery):
        from ipywidgets import HTML, Button, Checkbox, Dropdown, FloatProgress, HBox, Text, VBox

        self.controller = controller
        narrow, fitting = {"width": "6em"}, {"width": "auto"}
        self.place = Dropdown(description="place", layout=fitting)
        self.option = Dropdown(description="becomes", layout=fitting)
        self.file = Text("edited.json", description="file", layout={"width": "18em"})
        self.overwrite = Checkbox(False, description="overwrite", indent=False, layout=fitting)
        self.apply = Button(description="Apply", layout=narrow)
        self.undo = Button(description="Undo", layout=narrow)
        self.save = Button(description="Save", layout=narrow)
        self.train = Button(description="Train this net", layout=fitting)
        self.stop = Button(description="Stop", layout=narrow, disabled=True)
        self.progress = FloatProgress(max=1.0, layout={"width": "8em"})
        self.status, self.numbers, self.told = HTML(), HTML(), HTML()
        self.picture, self.patch = HTML(), HTML()
        self.thread: threading.Thread | None = None
        "that trains; None before the first training"
        self._stop = threading.Event()
        self._told_at = 0.0
        wrap = {"flex_flow": "row wrap"}
        training = [self.train, self.stop, self.progress] if controller.trainer else []
        choices = VBox(
            [
                self.place,
                self.option,
                HBox([self.apply, self.undo], layout=wrap),
                self.status,
                self.numbers,
                HBox(training, layout=wrap),
                self.told,
                HBox([self.file, self.overwrite, self.save], layout=wrap),
            ],
            layout={"flex": "1 1 22em", "min_width": "0"},
        )
        views = VBox([self.picture, self.patch], layout={"flex": "1 1 22em", "min_width": "0"})
        self.box = VBox([live_style(), HBox([choices, views], layout=wrap)])
        self.kept = Kept(self.box, "", "")
        self.place.observe(lambda change: self._offer(), names="value")
        self.apply.on_click(partial(self._try, self._apply))
        self.undo.on_click(partial(self._try, self._undo))
        self.save.on_click(partial(self._try, self._save))
        self.train.on_click(self._start)
        self.stop.on_click(lambda button: self._stop.set())
        self._show()

    def _ipython_display_(self):
        self.kept._ipython_display_()

    def _try(self, act: Callable[[], str], button):
        """What ``act`` answers, or why it could not, as the status."""
        try:
            self._say(act())
        except (ValueError, OSError) as error:
            self._say(str(error))

    def _say(self, text: str):
        self.status.value = paragraph(text) if text else ""

    def _apply(self) -> str:
        place, before = self.place.value, self.controller.genotype
        what, value = self.option.value
        after = self.controller.edit(place, what, value)
        if after == before:
            return "Nothing changes: it is so already."
        if what == "source":
            # The edge may have another number now.
            sources = [source for _, source in after.cells[place.layer][place.node]]
            place = replace(place, edge=sources.index(value))
        return self._show(place, (what, value)) or self.controller.describe(place)

    def _undo(self) -> str:
        if not self.controller.edits:
            return "Nothing to undo."
        self.controller.undo()
        return self._show(self.place.value) or f"Undone; {self.controller.edits} left to undo."

    def _save(self) -> str:
        path = self.controller.save(self.file.value.strip(), self.overwrite.value)
        # Asked for anew each time.
        self.overwrite.value = False
        return f"Saved as {path}."

    def _start(self, button):
        """Train what is shown now, in a thread: the reader may edit on."""
        # a second click that was under way when the button went grey
        if self.train.disabled:
            return
        self._stop.clear()
        self._training(True)
        c = self.controller
        names = ["this net"] if c.changes else []
        if c.trained(c.original) is None:
            names.append("the found net")
        self._say(f"training {' and '.join(names)} ...")
        train = in_context(partial(self._train, c.genotype, c.changes))
        self.thread = threading.Thread(target=train, daemon=True)
        # torch aborts a process that ends while it computes
        atexit.register(self._halt)
        self.thread.start()

    def _halt(self):
        self._stop.set()
        self.thread.join(EXIT_SECONDS)

    def _training(self, is_on: bool):
        self.train.disabled, self.stop.disabled = is_on, not is_on
        self.progress.value = 0.0

    def _train(self, genotype: Genotype, changes: list[str]):
        """In the thread: what it has to say goes to the kernel's loop."""
        try:
            self.controller.train(genotype, self._tell)
            said = f"trained: {'; '.join(changes) or 'the found net'}"
        except Stopped:
            said = "training stopped"
        except Exception as error:
            # Whatever training met, out of memory or a loss of nan: the panel stands.
            said = f"no training: {one_line(error)}"
        atexit.unregister(self._halt)
        hand_over(partial(self._end, said))

    def _tell(self, share: float):
        if self._stop.is_set():
            raise Stopped
        # A step takes milliseconds: nobody reads a hundred values a second.
        if time.monotonic() - self._told_at >= EVERY:
            self._told_at = time.monotonic()
            hand_over(partial(setattr, self.progress, "value", share))

    def _end(self, said: str):
        self._training(False)
        self._say(said)
        self.numbers.value, _ = table(self.controller)
        self.told.value = told(self.controller)
        self._keep()

    def _offer(self, option: tuple[str, str | int] | None = None):
        """The options of the place; first ``option``, by default what is there now."""
        genotype, place = self.controller.genotype, self.place.value
        if option is None and place.node is None:
            option = ("width", genotype.path[place.layer])
        elif option is None:
            op, _ = genotype.cells[place.layer][place.node][place.edge]
            option = ("operation", op)
        self.option.options = list(self.controller.options(place).items())
        self.option.value = option

    def _show(self, place: Place | None = None, option: tuple[str, str | int] | None = None) -> str:
        """Everything anew; what kept the score or the patch away, if anything did."""
        c = self.controller
        place = place or c.places[0]
        # New options reset the value: it is set again, and its own options after it.
        self.place.options = [(c.describe(p), p) for p in c.places]
        self.place.value = place
        self._offer(option)
        self.picture.value = drawn(c)
        self.told.value = told(c)
        # Costs come at once, scores take their time.
        self.numbers.value, _ = table(c, scored=False)
        problem = ""
        if c.scored:
            self._say("scoring ...")
            self.numbers.value, problem = table(c)
        self.patch.value, no_patch = patches(c)
        self._say(problem or no_patch)
        self._keep()
        return problem or no_patch

    def _keep(self):
        changes = "; ".join(self.controller.changes) or "No changes."
        self.kept.keep(page(self.controller), f"Surgery. {changes}")


def surgery(what: Genotype | str | Path, *, width: int, **settings) -> "Surgery | SurgeryPanel":
    """Edit a genotype, or that of a genotype.json or of a run folder, in a notebook; ``settings``
    as for ``Surgery``: give the stem, end and repeats of the nets you train, or the parameters are
    those of others.

    Where ``want_widgets`` says no, its drawing and numbers. ValueError in one line when there is no
    genotype.
    """
    genotype = what if isinstance(what, Genotype) else load_genotype(Path(what))
    controller = Surgery(genotype, width=width, **settings)
    if not want_widgets():
        return controller
    return SurgeryPanel(controller)
