"""Pick two edits as a paper with room for two examples would: what they change, what they show."""

from base64 import b64encode
from dataclasses import replace
from html import escape

from hinas_book.ch08_perturbations.edits import Perturbed, edits_numbered
from hinas_book.ch08_perturbations.figures import figure_drops
from hinas_book.ch08_perturbations.findings import two_edits_text
from hinas_book.kit.missing import unless_missing
from hinas_lab.drawing.diagram.drawing import Drawing
from hinas_lab.drawing.genotype_graph import draw_difference
from hinas_lab.drawing.style import png, theme
from hinas_lab.live.kept import Kept, bundle, live_style
from hinas_lab.live.widgets import want_widgets


class TwoEdits:
    """The page of a pair; with ipywidgets two lists to pick from, else the pair it is made with."""

    def __init__(self, perturbed: Perturbed, first: int, second: int):
        # a number that is no edit is refused here, not when the page shows itself
        edits_numbered(perturbed, (first, second))
        self.perturbed = perturbed
        self.pair = (first, second)

    def html(self, first: int, second: int) -> str:
        """Both differences drawn, the outcome in words, and where the two lie among all edits."""
        words = two_edits_text(self.perturbed, first, second).splitlines()
        page = "".join(f"<p>{escape(line)}</p>" for line in words)
        page += '<div style="display: flex; flex-wrap: wrap; gap: 1em">'
        for number in (first, second):
            drawn = self.drawing(number).html()
            page += f'<div style="max-width: 48%; min-width: 24em">{drawn}</div>'
        with theme():
            picture = png(figure_drops(self.perturbed, (first, second)), dpi=90)
        return (
            f'{page}</div><img alt="the two among all edits" style="max-width: 100%" '
            f'src="data:image/png;base64,{b64encode(picture).decode()}">'
        )

    def drawing(self, number: int) -> Drawing:
        """The cell that edit ``number`` changes."""
        found, edit = self.perturbed.found, self.perturbed.edits[number]
        whole = draw_difference(
            found, edit.genotype, title=f"{edit.kind}: + new, bold; − old, dashed"
        )
        # an edit changes one layer; the other cells would only fill the page
        layer = 0
        while found.cells[layer] == edit.genotype.cells[layer]:
            layer += 1
        return replace(whole, groups=(whole.groups[1 + layer],))  # the path comes first

    def _ipython_display_(self):
        from IPython.display import display

        if want_widgets():
            display(self.widgets())
            return
        data, metadata = bundle(self.html(*self.pair), two_edits_text(self.perturbed, *self.pair))
        display(data, metadata=metadata, raw=True)

    def widgets(self) -> Kept:
        """Two lists of all edits above the page of the pair that is chosen; the last one is kept
        in a saved notebook."""
        from ipywidgets import HTML, Dropdown, VBox

        names = [(f"{e.kind}  {e.what}", number) for number, e in enumerate(self.perturbed.edits)]
        lists = []
        for number, text in zip(self.pair, ("first", "second")):
            width = {"width": "40em"}
            lists.append(Dropdown(options=names, value=number, description=text, layout=width))
        page = HTML(self.html(*self.pair))
        kept = Kept(
            VBox([*lists, page, live_style()]),
            page.value,
            two_edits_text(self.perturbed, *self.pair),
        )

        def show(_):
            pair = lists[0].value, lists[1].value
            page.value = self.html(*pair)
            kept.keep(page.value, two_edits_text(self.perturbed, *pair))

        for dropdown in lists:
            dropdown.observe(show, names="value")
        return kept


@unless_missing
def two_edits(perturbed: Perturbed, first: int, second: int) -> TwoEdits:
    """Edits are counted from 0. ValueError for a number that is no edit."""
    return TwoEdits(perturbed, first, second)
