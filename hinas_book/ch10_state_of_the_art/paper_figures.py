"""Figure 14: published trade-offs, and those that were measured here."""

from pathlib import Path

from hinas_book.ch10_state_of_the_art import figures
from hinas_book.kit.recorded import recorded
from hinas_lab.drawing import style
from hinas_lab.paths import data


def draw_tradeoff(load, local: bool):
    """Figure 14; what methods cost here; and the figure again, of what was measured here."""
    with style.theme():
        yield "", figures.figure_tradeoff()
        yield "here", figures.figure_costs(recorded("peers-denoise")["rows"])
        yield "measured", figures.figure_measured(recorded("peers-trained")["rows"])


def sources(id: str) -> list[Path]:
    """The files that Figure 14 is drawn from."""
    tables = ("paper/table10.csv", "paper/table11.csv", "paper/flags.csv")
    records = ("studies/peers-trained.json", "studies/peers-denoise.json")
    return [*map(data, (*tables, *records)), Path(figures.__file__)]
