"""Names beside marks cover neither each other nor the marks of others."""

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from hinas_book.ch07_ablations.figures import figure_widths
from hinas_book.ch10_state_of_the_art.figures import figure_tradeoff
from hinas_book.kit.labels import marks_of, place_labels
from hinas_book.kit.recorded import recorded
from hinas_lab.drawing.style import theme


def names(ax) -> list:
    return [text.get_window_extent() for text in ax.texts if isinstance(text, Annotation)]


@theme()
def as_shown(name: str) -> Figure:
    figure = figure_tradeoff() if name == "trade-off" else figure_widths(recorded("widths"))
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("name", ["trade-off", "widths"])
def test_no_name_covers_another(name):
    figure = as_shown(name)
    boxes = [names(ax) for ax in figure.axes]
    assert sum(map(len, boxes)) > 10
    for each in boxes:
        assert not [i for i, box in enumerate(each) if box.count_overlaps(each[:i])]
    if name == "trade-off":  # a mark is large there: its own name stands outside, too
        for ax, each in zip(figure.axes, boxes):
            assert not [box for box in each if box.count_overlaps(marks_of(ax))]


def test_of_equal_sides_the_first():
    figure = Figure()
    ax = figure.subplots()
    ax.plot([1, 2], [1, 1], "o")
    ax.annotate("alone", (1, 1), xytext=(0, 0), textcoords="offset points")
    ax.annotate("beside", (2, 1), xytext=(0, 0), textcoords="offset points")
    ax.plot([2], [1.004], "o")  # above the second
    ax.set(xlim=(0, 3), ylim=(0.9, 1.1))
    place_labels(ax)
    assert [text.get_ha() for text in ax.texts] == ["center", "left"]
