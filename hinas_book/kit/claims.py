"""The claims that are tested here, registered (``data/claims.csv``), and what was changed later.

A claim says what is compared with what, in which unit, how many, and the smallest effect that
would matter. A row never changes: its digest lies in ``data/claims.sha256.json``, and a change is
a new row that names the one it replaces. What happened to rows before that rule, or to the way
they are judged, is told by ``data/claims_changed.csv``. No torch.
"""

import csv
import hashlib
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from hinas_lab.analysis.statistics import LEAST, Contrast, equivalent, paired, verdict
from hinas_lab.config import TASKS
from hinas_lab.paths import data

PATH = data("claims.csv")
CHANGED = data("claims_changed.csv")
NOT_TESTED = "not tested at this scale"
TO_RUN = "to be run"
"in place of a preset: none is named yet"
ALLOWED = {"task": TASKS, "direction": (1, 0, -1), "record": ("after", "before")}
"column -> the values that it may hold"


@dataclass(frozen=True)
class Claim:
    """A line of ``data/claims.csv``, its fields in the order of the columns."""

    id: str
    section: str
    table: str
    "where the paper shows it; empty: in the text alone"
    claim: str
    arm: str
    against: str
    task: str
    metric: str
    "psnr (dB, sigma 50 or x4, protocol whole or sr-standard), ssim, share, or a ratio of costs"
    unit: str
    "of replication: what is drawn again"
    least: float
    "the smallest effect of interest, in the metric; of an equivalence its margin"
    direction: int
    "+1: arm above; 0: equal"
    n: int
    test: str
    study: str
    "hinas-lab study ... "
    preset: str
    "the scale it is tested at, or TO_RUN"
    record: str
    "did the record come after the row, or did it lie there before?"
    replaces: str
    "the claim whose place it takes; empty: none"


@dataclass(frozen=True)
class Change:
    """A line of ``data/claims_changed.csv``: what happened to a claim beside its row."""

    claim: str
    when: str
    "date, and time in UTC where it matters"
    commit: str
    what: str
    why: str


@cache
def claims(path: Path = PATH) -> tuple[Claim, ...]:
    """All registered claims. ValueError names the line and column of a wrong cell."""
    # the file is edited by hand: every wrong cell is named by its line and column
    header, *lines = _read(path, Claim)
    registered = {}
    for number, cells in enumerate(lines, start=2):  # the header is line 1
        if len(cells) != len(header):
            raise ValueError(
                f"{path}, line {number}: {len(cells)} cells under {len(header)} columns"
            )
        claim = _parse(cells, f"{path}, line {number}")
        if claim.id in registered:
            raise ValueError(f"{path}: {claim.id} is registered twice")
        if claim.replaces and claim.replaces not in registered:
            raise ValueError(
                f"{path}, line {number}, column replaces: {claim.replaces!r} is no claim above it"
            )
        registered[claim.id] = claim
    return tuple(registered.values())


@cache
def changes(path: Path = CHANGED) -> tuple[Change, ...]:
    """What was changed or known beside the rows, in the order of the file."""
    _, *lines = _read(path, Change)
    return tuple(Change(*cells) for cells in lines)


def digests(path: Path = PATH) -> dict[str, str]:
    """Claim -> SHA-256 of its row as it is written, cell by cell."""
    _, *lines = _read(path, Claim)
    # a character that no cell holds: cells that are cut elsewhere are another row
    return {cells[0]: hashlib.sha256("\x1f".join(cells).encode()).hexdigest() for cells in lines}


def _read(path: Path, kind: type) -> list[list[str]]:
    """The lines of a CSV file, head first; its columns must be the fields of ``kind``."""
    columns = [field.name for field in fields(kind)]
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(filter(None, csv.reader(file)))
    if lines[0] != columns:
        raise ValueError(f"{path}: the columns must be {', '.join(columns)}")
    return lines


def _parse(cells: list[str], place: str) -> Claim:
    values = {}
    for field, text in zip(fields(Claim), cells):  # a field's type parses its column
        try:
            values[field.name] = field.type(text)
        except ValueError:
            raise ValueError(f"{place}, column {field.name}: {text!r} is no number") from None
    for name, allowed in ALLOWED.items():
        if values[name] not in allowed:
            choices = ", ".join(map(str, allowed))
            raise ValueError(f"{place}, column {name}: {values[name]!r} must be one of {choices}")
    return Claim(**values)


def claim(id: str) -> Claim:
    """The claim called ``id``; ValueError suggests the nearest one."""
    by_id = {claim.id: claim for claim in claims()}
    if id in by_id:
        return by_id[id]
    # a low cutoff: any hint helps more than the whole list
    near = get_close_matches(id, by_id, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(by_id)}"
    raise ValueError(f"claim {id!r}: unknown; {hint}")


def judge(claim: Claim, differences: list[float]) -> tuple[str, Contrast | None]:
    """Verdict on per-seed differences arm - against, and their contrast; none: not tested.

    An equivalence (direction 0) is supported by TOST alone, and contradicted when the interval
    lies beyond the margin.
    """
    if not differences:
        return NOT_TESTED, None
    contrast = paired(differences)
    if claim.direction:
        return verdict(contrast, claim.direction), contrast
    if equivalent(differences, claim.least)[0]:
        return "supported", contrast
    # not shown to be equal is no evidence of a difference: that needs the whole interval outside
    beyond = contrast.low > claim.least or contrast.high < -claim.least
    if beyond and contrast.n >= LEAST:
        return "contradicted", contrast
    return "unresolved", contrast
