"""The pictures of the bilevel toys: what is drawn is what was given."""

import numpy as np
import pytest

from hinas_book.ch03_search.figures import LINES, figure_bilevel
from hinas_book.ch03_search.toys import RULES, Chase, Share, descend, gradient

A = np.linspace(-1.5, 2.5, 9)


def given(toy):
    best = toy.best_response(A)
    return (
        {rule: gradient(toy, rule, best, A) for rule in RULES},
        {rule: descend(toy, rule, steps=20) for rule in RULES},
        best,
    )


@pytest.mark.parametrize("toy", [Chase(), Share()])
def test_every_rule_has_its_line_and_its_way(toy):
    seen, paths, best = given(toy)
    left, right = figure_bilevel(A, seen, paths, best).axes
    lines = {line.get_label(): line for line in left.lines}
    assert all(np.array_equal(lines[rule].get_ydata(), seen[rule]) for rule in RULES)
    ways = [line.get_xydata() for line in right.lines if len(line.get_xdata()) == 21]
    assert len(ways) == len(RULES) and all(
        np.array_equal(way, np.stack(paths[rule][::-1], 1)) for way, rule in zip(ways, RULES)
    )
    assert [text.get_text() for text in left.get_legend().get_texts()] == list(RULES)
    assert {text.get_text() for text in right.get_legend().get_texts()} == {"w*(a)", "the aim"}
    star = next(line for line in right.lines if line.get_marker() == "*")
    assert np.allclose(star.get_xydata(), [[1, toy.best_response(1)]])


def test_equal_curves_differ_in_line_and_width():
    """Not by colour alone."""
    assert len({line for _, line, _ in LINES}) >= 3 and len(
        {(line, width) for _, line, width in LINES}
    ) == len(LINES)


def test_rules_that_do_not_fit_are_refused():
    seen, paths, best = given(Chase())
    with pytest.raises(ValueError, match="same rules"):
        figure_bilevel(A, seen, {"exact": paths["exact"]}, best)
