"""Figures 1 to 4: the search spaces of the paper, drawn from the config of preset ``paper``."""

from hinas_lab.drawing import search_space
from hinas_lab.presets import preset


def draw_supercell(load, local: bool):
    """Figure 1."""
    yield "", search_space.draw_supercell(preset("paper").space)


def draw_widths(load, local: bool):
    """Figure 2."""
    yield "", search_space.draw_widths(preset("paper").space)


def draw_cell_sharing(load, local: bool):
    """Figure 3."""
    yield "", search_space.draw_cell_sharing(preset("paper").space)


def draw_networks(load, local: bool):
    """Figure 4, a part for each task."""
    for part, task in (("a", "denoise"), ("b", "sr")):
        yield part, search_space.draw_network(preset("paper", task).space)
