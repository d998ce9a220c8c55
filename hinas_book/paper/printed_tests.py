"""Which published contrasts are resolved at all.

Welch tests from the printed mean ± standard deviation (n = 3; Tables 1, 2, 8, 9).
"""

from dataclasses import dataclass

from hinas_book.paper.published import paper_table
from hinas_lab.analysis.statistics import Contrast, welch

RUNS = 3
"seeds behind each ± (captions of Tables 1 and 2)"
_ABLATION = {
    "search, not random": (2, 1),
    "layer-wise sharing": (3, 2),
    "residual learning": (4, 2),
    "both": (5, 2),
    "sharing, given residual": (5, 4),
    "residual, given sharing": (5, 3),
}
CONTRASTS = {1: _ABLATION, 2: _ABLATION, 8: {"cell sharing": (3, 2)}, 9: {"cell sharing": (4, 3)}}
"table -> what differs -> (row, row it is compared with), counted from 1"


@dataclass(frozen=True)
class Printed:
    """A difference between two rows of a table in one column."""

    table: int
    what: str
    "what differs: a key of ``CONTRASTS``"
    column: str
    contrast: Contrast
    "in the column's unit"


def printed_tests() -> list[Printed]:
    """Every contrast on every column that has a ±, first row minus second."""
    out = []
    for number, contrasts in CONTRASTS.items():
        table = paper_table(number)
        for what, (a, b) in contrasts.items():
            for column in table.columns:
                one = table.rows[a - 1][column]
                other = table.rows[b - 1][column]
                # parameters and hours are printed without a spread
                if one.std is not None and other.std is not None:
                    contrast = welch((one.value, one.std), (other.value, other.std), RUNS)
                    out.append(Printed(number, what, column, contrast))
    return out
