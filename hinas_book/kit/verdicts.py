"""Verdicts on registered claims, the same ones in the ledger, in a notebook, beneath a table.

No torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan

from hinas_book.kit.claims import NOT_TESTED, TO_RUN, Claim, changes, claims
from hinas_book.kit.missing import load_record, scale
from hinas_book.kit.recorded import at_other_presets, registered
from hinas_book.kit.registry import designs
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
    judged = {}
    told: dict[str, dict] = {}
    for claim in claims():
        record = registered(claim.study)
        if claim.study not in told:
            told[claim.study] = all_verdicts(record) if record else {}
        if record and claim.id in told[claim.study]:
            judgement = told[claim.study][claim.id]
            p = nan if judgement.get("p") is None else judgement["p"]  # JSON has no nan
            judged[claim.id] = {"told": judgement, "record": record, "p": p}
    # over the claims of all studies, also when a table shows those of one
    adjusted = holm([fields["p"] for fields in judged.values()])
    return {id: Judged(**judged[id], adjusted=p) for id, p in zip(judged, adjusted)}


def all_verdicts(record: dict) -> dict[str, dict]:
    """Claim -> verdict: what a study's record says, and what follows from its rows since."""
    return record["claims"] | designs()[record["study"]].judged_since(record)


def as_registered(claim: Claim) -> str:
    """What became of a claim beside its row: when, what, why, and its verdict by the first rule and
    by today's, at each scale. Empty where nothing did."""
    lines = [
        f"{change.when}{change.commit and f' ({change.commit})'}: {change.what}; why: {change.why}"
        for change in changes()
        if change.claim == claim.id
    ]
    main = registered(claim.study) if lines else None
    for record in [main, *at_other_presets(claim.study)] if main else []:
        first = designs()[claim.study].at_first(record).get(claim.id)
        if first:
            now = all_verdicts(record)[claim.id]["verdict"]
            lines.append(f"At preset {record['preset']} as registered {first}; as judged now {now}")
    return ". ".join(lines)


def format_contrast(c: Contrast | Mapping, metric: str = "psnr", interval: str = "") -> str:
    """A contrast, or a record's words for one: ``+0.047 dB (-0.094 to +0.189)``.

    Its mean alone where there is no interval. ``interval``: what to call that.
    """
    values = c if isinstance(c, Mapping) else vars(c)
    factor, form, unit = UNITS.get(metric, (1, ".3g", f" {metric}"))
    # null in a record, nan in a contrast: both say that there is no such number
    texts = []
    for name in ("mean", "low", "high"):
        value = values.get(name)
        is_number = value is not None and not isnan(value)
        # five digits first, as the records of claims hold them: rounded twice in one place and once
        # in another, -0.05085 would stand beside -0.0509
        texts.append(f"{factor * round(value, 5):{form}}" if is_number else None)
    mean, low, high = texts
    if low is None or high is None:
        return f"{mean}{unit}"
    return f"{mean}{unit} ({interval}{low} to {high})"


def in_words(judgement: dict) -> str:
    """A judged claim of a record, with its note.

    E.g. ``unresolved, -0.298 dB (95 % interval -7.667 to +7.072), n 2``.
    """
    text = judgement["verdict"]
    if judgement.get("mean") is not None:
        contrast = format_contrast(judgement, judgement["metric"], "95 % interval ")
        text += f", {contrast}, n {judgement['n']}"
    return text + _note(judgement)


def _note(judgement: dict) -> str:
    return f": {judgement['note']}" if "note" in judgement else ""


def worse(share: dict) -> str:
    """A share of edits in words; its interval is Wilson's."""
    interval = f"{share['low']:.0%} to {share['high']:.0%}"
    return f"{share['worse']} of {share['n']} worse ({interval})"


def compared(c: Claim) -> str:
    """What a claim compares: ``arm - against``, of a ratio ``arm : against``."""
    return f"{c.arm}{' : ' if 'ratio' in c.metric else ' - '}{c.against}"


def smallest(c: Claim) -> str:
    """The smallest effect of interest."""
    return f"{c.least:g} {'dB' if c.metric == 'psnr' else c.metric}"


def against_least(low: float | None, high: float | None, least: float) -> str:
    """Is an effect with this interval as large as would matter?

    A question of its own beside "is it 0?".
    """
    if low is None or isnan(low):
        return "unknown"
    if -least < low and high < least:
        return "too small to matter"
    return "large enough to matter" if low >= least or high <= -least else "open"


def verdict_table(*studies: str) -> str:
    """Markdown: a row per registered claim of ``studies``, and what their records stand on.

    A study that is not recorded is named with its command. ValueError for a name that is no
    study's.
    """
    scales = [f"- {name}: {scale(load_record(name))}" for name in studies]
    judged = claims_with_verdicts()
    lines = [
        "| claim | paper | verdict | found (95 % interval) | does it matter? | n | p (Holm) |",
        "|---|---|---|---|---|---|---|",
    ]
    for claim in claims():
        if claim.study in studies:
            lines.append(f"| {' | '.join(_cells(claim, judged.get(claim.id)))} |")
    count = sum(not isnan(claim.p) for claim in judged.values())
    ours = [claim for claim in claims() if claim.study in studies]
    stories = [f"- {claim.id}: {text}" for claim in ours if (text := as_registered(claim))]
    late = [claim.id for claim in ours if claim.record == "before"]
    if late:
        stories.append(f"- registered when the record was there already: {', '.join(late)}")
    lines += [
        "",
        *scales,
        *stories,
        f"- p: of the registered test; in brackets after Holm over the {count} claims of the whole "
        f"ledger (`docs/ledger.md`) that have one. With fewer than {LEAST} nothing is decided.",
    ]
    return "\n".join(lines)


def _cells(claim: Claim, judged: Judged | None) -> list[str]:
    """A row of ``verdict_table``; ``judged`` is None for a claim without a verdict."""
    where = f"Table {claim.table}" if claim.table.isdigit() else claim.table
    # a table's number, a figure's name, or the section where the text says it
    cells = [f"{claim.claim}: {compared(claim)}", where or f"Section {claim.section}"]
    if judged is None and claim.preset == TO_RUN:
        return [*cells, TO_RUN, *[""] * 4]
    if judged is None:
        recorded = registered(claim.study)
        return [*cells, "counted, not judged" if recorded else NOT_TESTED, *[""] * 4]
    judgement = judged.told
    matters = f"± {smallest(claim)}"
    # a share of edits has its smallest effect in dB, of their mean drop: no interval to compare
    if judgement["metric"] == claim.metric:
        answer = against_least(judgement["low"], judgement["high"], claim.least)
        matters = f"{answer} ({matters})"
    value = ""
    if judgement["mean"] is not None:
        value = format_contrast(judgement, judgement["metric"])
    return [
        *cells,
        f"**{judgement['verdict']}**",
        (value + _note(judgement)).lstrip(": "),
        matters,
        f"{judgement['n']} of {claim.n}, by {claim.unit}",
        judged.chance,
    ]
