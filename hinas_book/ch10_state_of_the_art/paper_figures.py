"""Figure 14: published trade-offs, and what methods cost here."""

from hinas_book.ch10_state_of_the_art.figures import figure_costs, figure_tradeoff
from hinas_book.kit.recorded import recorded
from hinas_lab.drawing import style


def draw_tradeoff(load, local: bool):
    """Figure 14, and beside it what methods cost on this machine."""
    with style.theme():
        yield "", figure_tradeoff()
        yield "here", figure_costs(recorded("peers-denoise")["rows"])
