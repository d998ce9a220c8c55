"""Figure 14: published trade-offs, and what methods cost here."""

from pathlib import Path

from hinas_book.ch10_state_of_the_art import figures
from hinas_book.kit.recorded import recorded
from hinas_lab.drawing import style
from hinas_lab.paths import data


def draw_tradeoff(load, local: bool):
    """Figure 14, and beside it what methods cost on this machine."""
    with style.theme():
        yield "", figures.figure_tradeoff()
        yield "here", figures.figure_costs(recorded("peers-denoise")["rows"])


def sources(id: str) -> list[Path]:
    """The files that Figure 14 is drawn from."""
    tables = ("paper/table10.csv", "paper/table11.csv", "paper/flags.csv")
    return [*map(data, tables), data("studies/peers-denoise.json"), Path(figures.__file__)]
