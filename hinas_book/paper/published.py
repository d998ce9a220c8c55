"""Published numbers, as they are printed: the paper's twelve tables, and what its sentences say about them. No torch.

``data/paper/table01.csv`` to ``table12.csv`` hold every cell as text; ``flags.csv`` names cells that can hardly be right, why, and
changes none; ``claims_text.csv`` holds the numbers of the text with the cells they rest on.
"""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAPER = Path(__file__).parents[2] / "data" / "paper"
TABLES = range(1, 13)
SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100"}
"a column's ending -> data set; s30, s50, s70: BSDS500 test at that sigma"
_TEXT = ("method", "gpu", "search")
_MARKS = {"✓": True, "✗": False, "-": None}
_NUMBER = re.compile(r"(?P<value>\d+(?:\.\d+)?)(?:-(?P<high>\d+(?:\.\d+)?)| ± (?P<std>\d+\.\d+))?")


@dataclass(frozen=True)
class PaperCell:
    """One printed cell. A range keeps its upper end as ``value``: the one the paper's text calculates with."""

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
    number: int
    columns: tuple[str, ...]
    rows: tuple[dict[str, PaperCell], ...]

    def row(self, method: str, **where: str) -> dict[str, PaperCell]:
        """The one row of ``method`` (as printed), with the other columns as printed in ``where``. ValueError names what is there."""
        found = [
            r
            for r in self.rows
            if r["method"].printed == method and all(r[k].printed == v for k, v in where.items())
        ]
        if len(found) != 1:
            raise ValueError(
                f"table {self.number}: {len(found)} rows of {method!r} {where or ''}; its methods are "
                + ", ".join(dict.fromkeys(r["method"].printed for r in self.rows))
            )
        return found[0]


@cache
def paper_table(number: int, folder: Path = PAPER) -> PaperTable:
    """Table 1 to 12. ValueError names the file, line and column of a cell that is no number, range, mean ± std, mark or dash."""
    if number not in TABLES:
        raise ValueError(f"table {number}: the paper has tables 1 to 12")
    path = folder / f"table{number:02}.csv"
    lines = _read(path)
    columns, reasons = tuple(lines[0]), _flags(number, folder)
    rows = []
    for n, line in enumerate(lines[1:], start=2):
        if len(line) != len(columns):
            raise ValueError(f"{path}, line {n}: {len(line)} cells under {len(columns)} columns")
        cells = {}
        for column, text in zip(columns, line):
            try:
                cells[column] = parse(column, text)
            except ValueError as error:
                raise ValueError(f"{path}, line {n}, column {column}: {error}") from None
        rows.append(cells)
    for flag in reasons:
        where = dict(part.split("=") for part in flag["which"].split() if part)
        row = next(
            (
                r
                for r in rows
                if r["method"].printed == flag["method"]
                and all(r[k].printed == v for k, v in where.items())
            ),
            None,
        )
        if (
            row is None
            or flag["column"] not in row
            or row[flag["column"]].printed != flag["printed"]
        ):
            raise ValueError(
                f"{folder / 'flags.csv'}: {flag['method']}, {flag['column']} = {flag['printed']} is no cell of {path.name}"
            )
        cell = row[flag["column"]]
        row[flag["column"]] = PaperCell(cell.printed, cell.value, cell.low, cell.std, flag["reason"])
    return PaperTable(number, columns, tuple(rows))


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
    value, high, std = (
        None if match[g] is None else float(match[g]) for g in ("value", "high", "std")
    )
    if column.startswith("ssim") and value > 1:
        raise ValueError(f"{text!r}: an SSIM is at most 1")
    return PaperCell(text, value if high is None else high, None if high is None else value, std)


def bicubic() -> dict[str, dict[int, tuple[float, float]]]:
    """Data set -> scale -> (PSNR in dB, SSIM) of bicubic upscaling (Tables 11, 12)."""
    rows = {
        2: paper_table(12).row("bicubic", scale="×2"),
        3: paper_table(11).row("bicubic"),
        4: paper_table(12).row("bicubic", scale="×4"),
    }
    return {
        name: {s: (r[f"psnr_{key}"].value, r[f"ssim_{key}"].value) for s, r in rows.items()}
        for key, name in SETS.items()
    }


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
    """``claims_text.csv``, recomputed from the tables. ValueError names a line whose formula does not stand on them."""
    path = folder / "claims_text.csv"
    head, *lines = _read(path)
    out = []
    for n, line in enumerate(lines, start=2):
        try:
            told = dict(zip(head, line, strict=True))
            recomputed = calculate(told["recomputed from"], folder)
            stated, tolerance = float(told["stated"]), float(told["tolerance"])
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{path}, line {n}: {error}") from None
        agrees = abs(recomputed - stated) <= tolerance + 1e-9
        out.append(
            Sentence(
                told["id"],
                told["section"],
                told["says"],
                stated,
                told["unit"],
                told["recomputed from"],
                recomputed,
                agrees,
            )
        )
    return out


_CELL = re.compile(r"T(\d+)\.(\d+)\.(\w+)")


def calculate(formula: str, folder: Path = PAPER) -> float:
    """A formula of ``claims_text.csv``: cells, numbers, + - * / ( ), comparisons, min and max."""

    def value(match: re.Match) -> str:
        number, row, column = int(match[1]), int(match[2]), match[3]
        rows = paper_table(number, folder).rows
        if (
            not 1 <= row <= len(rows)
            or column not in rows[0]
            or not isinstance(rows[row - 1][column].value, float)
        ):
            raise ValueError(f"{match[0]} is no number of table {number}")
        return repr(rows[row - 1][column].value)

    arithmetic = _CELL.sub(value, formula)
    if not re.fullmatch(r"(?:min|max|[\d.e+\-*/()<>=, ])*", arithmetic):
        raise ValueError(
            f"formula {formula!r}: only cells, numbers, + - * / ( ), comparisons, min and max"
        )
    return float(
        eval(arithmetic, {"__builtins__": {}}, {"min": min, "max": max})
    )  # nothing but arithmetic is left in it


def _flags(number: int, folder: Path) -> list[dict[str, str]]:
    head, *lines = _read(folder / "flags.csv")
    return [row for row in (dict(zip(head, line)) for line in lines) if row["table"] == str(number)]


def _read(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from None
    if len(lines) < 2:
        raise ValueError(f"{path}: no rows")
    return lines
