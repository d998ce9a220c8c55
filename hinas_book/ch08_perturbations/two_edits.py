"""Pick two edits as a paper with room for two examples would: what they change, drawn, and what they show."""

import os
from dataclasses import replace
from html import escape

from hinas_book.ch08_perturbations.edits import Perturbed
from hinas_book.ch08_perturbations.figures import figure_drops
from hinas_book.ch08_perturbations.findings import two_edits_text
from hinas_book.kit.missing import unless_missing
from hinas_lab.draw.diagram.drawing import Drawing
from hinas_lab.draw.genotype_graph import draw_difference
from hinas_lab.draw.style import png, theme


class TwoEdits:
    """The page of a pair: ``html(first, second)``; with ipywidgets two lists to pick from, else the pair it was made with."""

    def __init__(self, perturbed: Perturbed, first: int, second: int):
        self.perturbed, self.pair = perturbed, (first, second)
        two_edits_text(
            perturbed, first, second
        )  # a number that is no edit is refused here, not when it shows itself

    def html(self, first: int, second: int) -> str:
        """Both differences drawn, the outcome in words, and where the two lie among all edits."""
        from base64 import b64encode

        p = self.perturbed
        drawings = "".join(
            f'<div style="max-width: 48%; min-width: 24em">{self.drawing(i).svg()}</div>'
            for i in (first, second)
        )
        words = "".join(
            f"<p>{escape(line)}</p>" for line in two_edits_text(p, first, second).splitlines()
        )
        with theme():
            picture = b64encode(png(figure_drops(p, (first, second)), dpi=90)).decode()
        return (
            f'{words}<div style="display: flex; flex-wrap: wrap; gap: 1em">{drawings}</div>'
            f'<img alt="the two among all edits" style="max-width: 100%" src="data:image/png;base64,{picture}">'
        )

    def drawing(self, number: int) -> Drawing:
        """The cell that edit ``number`` changes."""
        found, e = self.perturbed.found, self.perturbed.edits[number]
        layer = next(l for l in range(found.layers) if found.cells[l] != e.genotype.cells[l])
        whole = draw_difference(found, e.genotype, title=f"{e.kind}: + new, bold; − old, dashed")
        return replace(whole, groups=(whole.groups[1 + layer],))  # the path comes first

    def _repr_mimebundle_(self, **kwargs) -> dict:
        still = {
            "text/html": self.html(*self.pair),
            "text/plain": two_edits_text(self.perturbed, *self.pair),
        }
        try:
            if os.environ.get("HINAS_LIVE") == "0":
                raise ImportError
            return self.widgets()._repr_mimebundle_(**kwargs) | still
        except ImportError:
            return still

    def widgets(self):
        """An ipywidgets box: two lists of all edits above the page of the pair that is chosen."""
        from ipywidgets import HTML, Dropdown, VBox

        names = [(f"{e.kind}  {e.what}", i) for i, e in enumerate(self.perturbed.edits)]
        lists = [
            Dropdown(options=names, value=i, description=text, layout={"width": "40em"})
            for i, text in zip(self.pair, ("first", "second"))
        ]
        page = HTML(self.html(*self.pair))
        for chosen in lists:
            chosen.observe(
                lambda _: setattr(page, "value", self.html(*(x.value for x in lists))),
                names="value",
            )
        return VBox([*lists, page])


@unless_missing
def two_edits(perturbed: Perturbed, first: int, second: int) -> TwoEdits:
    """Edits are counted from 0. ValueError for a number that is no edit."""
    return TwoEdits(perturbed, first, second)
