"""The claims that are tested here, registered before any result (``data/claims.csv``).

A claim says what is compared with what, in which unit, how many, and the smallest effect that
would matter. No torch.
"""

import csv
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from hinas_lab.analysis.statistics import LEAST, Contrast, equivalent, paired, verdict
from hinas_lab.config import TASKS
from hinas_lab.paths import data

PATH = data("claims.csv")
NOT_TESTED = "not tested at this scale"
ALLOWED = {"task": TASKS, "direction": (1, 0, -1)}
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


@cache
def claims(path: Path = PATH) -> tuple[Claim, ...]:
    """All registered claims. ValueError names the line and column of a wrong cell."""
    # the file is edited by hand: every wrong cell is named by its line and column
    columns = [field.name for field in fields(Claim)]
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = filter(None, csv.reader(file))
    if header != columns:
        raise ValueError(f"{path}: the columns must be {', '.join(columns)}")
    registered = {}
    for number, cells in enumerate(lines, start=2):  # the header is line 1
        if len(cells) != len(header):
            raise ValueError(
                f"{path}, line {number}: {len(cells)} cells under {len(header)} columns"
            )
        claim = _parse(cells, f"{path}, line {number}")
        if claim.id in registered:
            raise ValueError(f"{path}: {claim.id} is registered twice")
        registered[claim.id] = claim
    return tuple(registered.values())


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
