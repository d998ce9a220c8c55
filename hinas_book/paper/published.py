"""Published numbers, as they are printed: the paper's twelve tables, and what its sentences say.

``data/paper/table01.csv`` to ``table12.csv`` hold every cell as text; ``flags.csv`` names cells
that can hardly be right, why, and changes none; ``claims_text.csv`` holds the numbers of the text
with the cells they rest on. No torch.
"""

import csv
import re
from dataclasses import dataclass, replace
from functools import cache
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

from hinas_lab.paths import data

if TYPE_CHECKING:
    from pandas import DataFrame

PAPER = data("paper")
TABLES = range(1, 13)
SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100"}
"a column's ending -> data set; s30, s50, s70: BSDS500 test at that sigma"
_TEXT = ("method", "gpu", "search")
_MARKS = {"✓": True, "✗": False, "-": None}
# one number; two with a hyphen: a range over noise levels or scales; two with ±: mean and std
_NUMBER = re.compile(r"(?P<value>\d+(?:\.\d+)?)(?:-(?P<high>\d+(?:\.\d+)?)| ± (?P<std>\d+\.\d+))?")


@dataclass(frozen=True)
class PaperCell:
    """One printed cell.

    A range keeps its upper end as ``value``: the one the paper's text calculates with.
    """

    printed: str
    value: float | bool | None
    "None where the paper prints a dash, and for text"
    low: float | None = None
    "of a range"
    std: float | None = None
    "what is printed behind ±: over three seeds (Tables 1, 2, 8, 9)"
    flag: str = ""
    "why it can hardly be right"


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper: the names of its columns, and a row of cells per method."""

    number: int
    columns: tuple[str, ...]
    rows: tuple[dict[str, PaperCell], ...]

    def row(self, method: str, **where: str) -> dict[str, PaperCell]:
        """The one row of ``method``, other columns as in ``where``, all as printed.

        ValueError names what is there.
        """
        matches = [row for row in self.rows if _prints(row, method=method, **where)]
        if len(matches) != 1:
            methods = dict.fromkeys(row["method"].printed for row in self.rows)
            raise ValueError(
                f"table {self.number}: {len(matches)} rows of {method!r} {where or ''}; "
                f"its methods are {', '.join(methods)}"
            )
        return matches[0]

    def flagged(self) -> list[tuple[str, str, PaperCell]]:
        """(method, column, cell) of each cell that can hardly be right."""
        cells = []
        for row in self.rows:
            for column, cell in row.items():
                if cell.flag:
                    cells.append((row["method"].printed, column, cell))
        return cells

    def numbers(self) -> "DataFrame":
        """The values, row by row as here; nan for text, dashes and flagged cells.

        ``method`` and ``scale`` are as printed.
        """
        from pandas import DataFrame

        rows = []
        for row in self.rows:
            # a dash is no number, and a flagged one takes part in nothing
            numbers = {}
            for column, cell in row.items():
                numbers[column] = nan if cell.value is None or cell.flag else cell.value
                if column in ("method", "scale"):
                    numbers[column] = cell.printed
            rows.append(numbers)
        return DataFrame(rows)


def _prints(row: dict[str, PaperCell], **where: str) -> bool:
    return all(row[column].printed == text for column, text in where.items())


@cache
def paper_table(number: int, folder: Path = PAPER) -> PaperTable:
    """Table 1 to 12.

    ValueError names the file, line and column of a cell that is no number, range, mean ± std, mark
    or dash.
    """
    if number not in TABLES:
        raise ValueError(f"table {number}: the paper has tables 1 to 12")
    path = folder / f"table{number:02}.csv"
    columns, *lines = _read(path)
    rows = []
    for n, line in enumerate(lines, start=2):
        if len(line) != len(columns):
            raise ValueError(f"{path}, line {n}: {len(line)} cells under {len(columns)} columns")
        row = {}
        for column, text in zip(columns, line):
            try:
                row[column] = parse(column, text)
            except ValueError as error:
                raise ValueError(f"{path}, line {n}, column {column}: {error}") from None
        rows.append(row)
    head, *flags = _read(folder / "flags.csv")
    for line in flags:
        flag = dict(zip(head, line))
        if flag["table"] == str(number):
            _set_flag(rows, flag, folder / "flags.csv", path.name)
    return PaperTable(number, tuple(columns), tuple(rows))


def _set_flag(rows: list[dict[str, PaperCell]], flag: dict[str, str], path: Path, table: str):
    """Give the cell that ``flag`` names its reason. ValueError when it names no cell."""
    # the printed text is part of the name: a flag must not outlive the correction of its cell
    where = {"method": flag["method"], flag["column"]: flag["printed"]}
    where |= dict(part.split("=") for part in flag["which"].split())
    for row in rows:
        if flag["column"] in row and _prints(row, **where):
            row[flag["column"]] = replace(row[flag["column"]], flag=flag["reason"])
            return
    raise ValueError(
        f"{path}: {flag['method']}, {flag['column']} = {flag['printed']} is no cell of {table}"
    )


def parse(column: str, text: str) -> PaperCell:
    """A cell's text as a value. ValueError when it is none of what the paper prints."""
    if column in _TEXT:
        if not text.strip():
            raise ValueError("is empty")
        return PaperCell(text, None)
    if text in _MARKS:
        return PaperCell(text, _MARKS[text])
    match = _NUMBER.fullmatch(text.removeprefix("×") if column == "scale" else text)
    if not match:
        raise ValueError(f"{text!r} is no number, range, mean ± std, ✓, ✗ or -")
    value = float(match["value"])
    if column.startswith("ssim") and value > 1:
        raise ValueError(f"{text!r}: an SSIM is at most 1")
    # of a range the lower end is kept beside the value
    if match["high"]:
        return PaperCell(text, float(match["high"]), low=value)
    return PaperCell(text, value, std=float(match["std"]) if match["std"] else None)


def bicubic() -> dict[str, dict[int, tuple[float, float]]]:
    """Data set -> scale -> (PSNR in dB, SSIM) of bicubic upscaling (Tables 11, 12)."""
    rows = {
        2: paper_table(12).row("bicubic", scale="×2"),
        3: paper_table(11).row("bicubic"),
        4: paper_table(12).row("bicubic", scale="×4"),
    }
    scores: dict[str, dict[int, tuple[float, float]]] = {}
    for end, name in SETS.items():
        for scale, row in rows.items():
            score = row[f"psnr_{end}"].value, row[f"ssim_{end}"].value
            scores.setdefault(name, {})[scale] = score
    return scores


def where(column: str) -> str:
    """``psnr_s50`` -> σ 50; ``ssim_set5`` -> Set5."""
    place = column.split("_", 1)[1]
    return SETS.get(place) or f"σ {place.removeprefix('s')}"


@dataclass(frozen=True)
class Sentence:
    """A number in the text, and what the tables give for it."""

    id: str
    section: str
    says: str
    stated: float
    unit: str
    "dB, h, %, ...; yes: a comparison, 1 for true"
    formula: str
    "over cells T(table).(row).(column), rows counted from 1"
    recomputed: float
    agrees: bool
    "within half of the last printed digit"


def sentences(folder: Path = PAPER) -> list[Sentence]:
    """``claims_text.csv``, recomputed from the tables.

    ValueError names a line whose formula does not stand on them.
    """
    path = folder / "claims_text.csv"
    head, *lines = _read(path)
    out = []
    for n, line in enumerate(lines, start=2):
        try:
            cells = dict(zip(head, line, strict=True))
            formula = cells["recomputed from"]
            recomputed = calculate(formula, folder)
            stated = float(cells["stated"])
            tolerance = float(cells["tolerance"])
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{path}, line {n}: {error}") from None
        sentence = Sentence(
            id=cells["id"],
            section=cells["section"],
            says=cells["says"],
            stated=stated,
            unit=cells["unit"],
            formula=formula,
            recomputed=recomputed,
            # 1e-9: differences of decimal fractions are not exact
            agrees=abs(recomputed - stated) <= tolerance + 1e-9,
        )
        out.append(sentence)
    return out


_CELL = re.compile(r"T(\d+)\.(\d+)\.(\w+)")


def calculate(formula: str, folder: Path = PAPER) -> float:
    """A formula of ``claims_text.csv``: cells, numbers, + - * / ( ), comparisons, min and max."""

    def number_of(match: re.Match) -> str:
        table, row, column = match.groups()
        rows = paper_table(int(table), folder).rows
        cell = rows[int(row) - 1].get(column) if 1 <= int(row) <= len(rows) else None
        if cell is None or not isinstance(cell.value, float):
            raise ValueError(f"{match[0]} is no number of table {int(table)}")
        return repr(cell.value)

    # cells become numbers before anything is evaluated
    arithmetic = _CELL.sub(number_of, formula)
    if not re.fullmatch(r"(?:min|max|[\d.e+\-*/()<>=, ])*", arithmetic):
        raise ValueError(
            f"formula {formula!r}: only cells, numbers, + - * / ( ), comparisons, min and max"
        )
    # nothing but arithmetic is left in it
    return float(eval(arithmetic, {"__builtins__": {}}, {"min": min, "max": max}))


def _read(path: Path) -> list[list[str]]:
    """The lines of a CSV file, head first. ValueError when it cannot be read or has no rows."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from None
    if len(lines) < 2:
        raise ValueError(f"{path}: no rows")
    return lines
