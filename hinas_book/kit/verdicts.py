"""Verdicts on registered claims, the same ones wherever they are read: in the ledger, in a notebook, beneath a table. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan

from hinas_book.kit.claims import NOT_TESTED, Claim, claims
from hinas_book.kit.missing import load_record, scale
from hinas_book.kit.recorded import registered
from hinas_lab.analysis.statistics import LEAST, Contrast, holm

UNITS = {
    "psnr": (1, "+.3f", " dB"),
    "ssim": (1, "+.4f", " SSIM"),
    "gmsd": (1, "+.4f", " GMSD"),
    "tau": (1, "+.2f", ""),
    "share": (100, "+.0f", " points"),
    "share of edits that are worse": (100, ".0f", " % of edits worse"),
}
"metric -> factor, format, unit"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A registered claim with a verdict."""

    told: dict
    "what the study's record says of it"
    record: dict
    p: float
    "of the registered test; of an equivalence TOST's; nan: too few for one"
    adjusted: float
    "after Holm, over all claims that have a p"

    @property
    def chance(self) -> str:
        """``0.0078 (0.078)``: p, and adjusted."""
        return "none: too few" if isnan(self.p) else f"{self.p:.2g} ({self.adjusted:.2g})"


def claims_with_verdicts() -> dict[str, Judged]:
    """All claims whose study is recorded, by id. ValueError for a damaged record."""
    known = [(c, registered(c.study)) for c in claims()]
    said = {c: (told["claims"][c.id], told) for c, told in known if told and c.id in told["claims"]}
    p = [nan if told.get("p") is None else told["p"] for told, _ in said.values()]
    return {
        c.id: Judged(told=told, record=of, p=one, adjusted=all_)
        for (c, (told, of)), one, all_ in zip(said.items(), p, holm(p))
    }


def format_contrast(c: Contrast | Mapping, metric: str = "psnr", interval: str = "") -> str:
    """A contrast, or a record's words for one: ``+0.047 dB (-0.094 to +0.189)``; its mean alone where there is no interval. ``interval``:
    what to call that."""
    told = c if isinstance(c, Mapping) else vars(c)
    factor, form, unit = UNITS.get(metric, (1, ".3g", f" {metric}"))
    mean, *ends = (
        None if told.get(k) is None or isnan(told[k]) else f"{factor * told[k]:{form}}"
        for k in ("mean", "low", "high")
    )
    return f"{mean}{unit}" + (f" ({interval}{ends[0]} to {ends[1]})" if None not in ends else "")


def in_words(told: dict) -> str:
    """A judged claim of a record: ``unresolved, -0.298 dB (95 % interval -7.667 to +7.072), n 2``, with its note."""
    if told.get("mean") is None:
        return told["verdict"] + _note(told)
    return f"{told['verdict']}, {format_contrast(told, told['metric'], '95 % interval ')}, n {told['n']}{_note(told)}"


def _note(told: dict) -> str:
    return f": {told['note']}" if "note" in told else ""


def worse(told: dict) -> str:
    """A share of edits in words; its interval is Wilson's."""
    return f"{told['worse']} of {told['n']} worse ({told['low']:.0%} to {told['high']:.0%})"


def compared(c: Claim) -> str:
    return f"{c.arm}{' : ' if 'ratio' in c.metric else ' - '}{c.against}"


def smallest(c: Claim) -> str:
    """The smallest effect of interest."""
    return f"{c.least:g} {'dB' if c.metric == 'psnr' else c.metric}"


def against_least(low: float | None, high: float | None, least: float) -> str:
    """Is an effect with this interval as large as would matter? A question of its own beside "is it 0?"."""
    if low is None or isnan(low):
        return "unknown"
    if -least < low and high < least:
        return "too small to matter"
    return "large enough to matter" if low >= least or high <= -least else "open"


def verdict_table(*studies: str) -> str:
    """Markdown: a row per registered claim of ``studies``, their scales below, and the command of each that is not recorded. ValueError
    for a name that is no study's."""
    known = claims_with_verdicts()
    out = [
        "| claim | paper | verdict | found (95 % interval) | does it matter? | n | p (Holm) |",
        "|---|---|---|---|---|---|---|",
    ]
    below = [f"- {name}: {scale(load_record(name))}" for name in studies]
    for c in (c for c in claims() if c.study in studies):
        where = f"Table {c.table}" if c.table.isdigit() else c.table or f"Section {c.section}"
        cells = [
            f"{c.claim}: {compared(c)}",
            where,
            "counted, not judged" if registered(c.study) else NOT_TESTED,
            "",
            "",
            "",
            "",
        ]
        if j := known.get(c.id):
            told, least = j.told, f"± {smallest(c)}"
            if (
                told["metric"] == c.metric
            ):  # a share of edits has its smallest effect in dB, of their mean drop
                least = f"{against_least(told['low'], told['high'], c.least)} ({least})"
            value = format_contrast(told, told["metric"]) if told["mean"] is not None else ""
            cells[2:] = (
                f"**{told['verdict']}**",
                (value + _note(told)).lstrip(": "),
                least,
                f"{told['n']} of {c.n}, by {c.unit}",
                j.chance,
            )
        out.append(f"| {' | '.join(cells)} |")
    count = sum(not isnan(j.p) for j in known.values())
    return "\n".join(
        [
            *out,
            "",
            *below,
            f"- p: of the registered test; in brackets after Holm over the {count} claims of the whole ledger "
            f"(`docs/ledger.md`) that have one. With fewer than {LEAST} nothing is decided.",
        ]
    )
