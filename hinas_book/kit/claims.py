"""The claims that are tested here, written down before any result (``data/claims.csv``): what is compared with what, in which unit, how
many, and the smallest effect that would matter. No torch."""

import csv
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from hinas_lab.analysis.statistics import LEAST, Contrast, equivalent, paired, verdict
from hinas_lab.config import TASKS

PATH = Path(__file__).parents[2] / "data" / "claims.csv"
NOT_TESTED = "not tested at this scale"


@dataclass(frozen=True)
class Claim:
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
    kinds = {f.name: f.type for f in fields(Claim)}
    with path.open(newline="", encoding="utf-8") as file:
        head, *lines = [line for line in csv.reader(file) if line]
    if head != list(kinds):
        raise ValueError(f"{path}: the columns must be {', '.join(kinds)}")
    out = []
    for n, line in enumerate(lines, start=2):
        if len(line) != len(head):
            raise ValueError(f"{path}, line {n}: {len(line)} cells under {len(head)} columns")
        values = {}
        for name, text in zip(head, line):
            try:
                values[name] = kinds[name](text)
            except ValueError:
                raise ValueError(
                    f"{path}, line {n}, column {name}: {text!r} is no number"
                ) from None
        for name, allowed in (("task", TASKS), ("direction", (1, 0, -1))):
            if values[name] not in allowed:
                raise ValueError(
                    f"{path}, line {n}, column {name}: {values[name]!r} must be one of {', '.join(map(str, allowed))}"
                )
        out.append(Claim(**values))
    twice = [c.id for c in out if [d.id for d in out].count(c.id) > 1]
    if twice:
        raise ValueError(f"{path}: {twice[0]} is registered twice")
    return tuple(out)


def claim(id: str) -> Claim:
    """The claim called ``id``; ValueError suggests the nearest one."""
    known = {c.id: c for c in claims()}
    if id not in known:
        near = get_close_matches(id, known, n=1, cutoff=0.4)
        raise ValueError(
            f"claim {id!r}: unknown"
            + (f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}")
        )
    return known[id]


def judge(claim: Claim, differences: list[float]) -> tuple[str, Contrast | None]:
    """Verdict on per-seed differences arm - against. No difference: not tested. An equivalence (direction 0) is supported by TOST alone,
    and contradicted when the interval lies beyond the margin."""
    if not differences:
        return NOT_TESTED, None
    contrast = paired(differences)
    if claim.direction:
        return verdict(contrast, claim.direction), contrast
    if equivalent(differences, claim.least)[0]:
        return "supported", contrast
    beyond = contrast.low > claim.least or contrast.high < -claim.least
    return "contradicted" if beyond and contrast.n >= LEAST else "unresolved", contrast
