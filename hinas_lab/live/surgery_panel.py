"""The widgets around a ``Surgery``: a place, what it becomes, Apply, Undo, Save; the numbers and
the drawing below."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

from hinas_lab.live.surgery import Place, Score, Surgery, picture, table
from hinas_lab.live.widgets import want_widgets
from hinas_lab.runs.header import load_genotype
from hinas_lab.space.genotype import Genotype


class SurgeryPanel:
    """The widgets around a ``Surgery`` (``controller``): they ask it and show it, and never
    raise."""

    def __init__(self, controller: Surgery):
        from ipywidgets import HTML, Button, Checkbox, Dropdown, HBox, Text, VBox

        self.controller = controller
        self.place = Dropdown(description="place", layout={"width": "28em"})
        self.option = Dropdown(description="becomes", layout={"width": "20em"})
        self.file = Text("edited.json", description="file", layout={"width": "24em"})
        self.overwrite = Checkbox(
            False, description="overwrite", indent=False, layout={"width": "8em"}
        )
        narrow = {"width": "6em"}
        self.apply = Button(description="Apply", layout=narrow)
        self.undo = Button(description="Undo", layout=narrow)
        self.save = Button(description="Save", layout=narrow)
        self.status, self.numbers, self.picture = HTML(), HTML(), HTML()
        self.box = VBox(
            [
                HBox([self.place, self.option, self.apply, self.undo]),
                HBox([self.file, self.overwrite, self.save]),
                self.status,
                self.numbers,
                self.picture,
            ]
        )
        self.place.observe(lambda change: self._offer(), names="value")
        self.apply.on_click(partial(self._try, self._apply))
        self.undo.on_click(partial(self._try, self._undo))
        self.save.on_click(partial(self._try, self._save))
        self._show()

    def _repr_mimebundle_(self, **kwargs) -> dict:
        """The widgets, and for a reader without a kernel what they show now."""
        return self.box._repr_mimebundle_(**kwargs) | {"text/html": self.controller._repr_html_()}

    def _try(self, act: Callable[[], str], button):
        """What ``act`` answers, or why it could not, as the status."""
        try:
            self._say(act())
        except (ValueError, OSError) as error:
            self._say(str(error))

    def _say(self, text: str):
        self.status.value = f"<p>{escape(text)}</p>"

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
        """Everything anew; what kept the score away, if anything did."""
        c = self.controller
        place = place or c.places[0]
        # New options reset the value: it is set again, and its own options after it.
        self.place.options = [(c.describe(p), p) for p in c.places]
        self.place.value = place
        self._offer(option)
        self.picture.value = picture(c)
        # Costs come at once, scores take their time.
        self.numbers.value, _ = table(c, scored=False)
        if not c.scored:
            return ""
        self._say("scoring ...")
        self.numbers.value, problem = table(c)
        self._say(problem)
        return problem


def surgery(
    what: Genotype | str | Path, *, width: int, score: Score | None = None, **settings
) -> "Surgery | SurgeryPanel":
    """Edit a genotype, or that of a genotype.json or of a run folder, in a notebook; ``settings``
    as for ``Surgery``: give the stem, end and repeats of the nets you train, or the parameters are
    those of others.

    Where ``want_widgets`` says no, its drawing and numbers. ValueError in one line when there is no
    genotype.
    """
    genotype = what if isinstance(what, Genotype) else load_genotype(Path(what))
    controller = Surgery(genotype, width=width, score=score, **settings)
    if not want_widgets():
        return controller
    return SurgeryPanel(controller)
