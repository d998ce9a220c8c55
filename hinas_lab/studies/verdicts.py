"""Verdicts on registered claims as a reader needs them: with what was compared, how many, the interval and the scale. No torch."""

from math import isnan

from hinas_lab.studies.absent import Absent, unless_absent
from hinas_lab.studies.claims import claim
from hinas_lab.studies.statistics import LEAST

UNITS = {"psnr": " dB", "ssim": "", "share": ""}


@unless_absent
def scale(record: dict) -> str:
    """On what a record stands: ``preset study, builtin photographs, protocol whole, 188 jobs``."""
    names = ", ".join(record["presets"]) or record["preset"]
    seconds = record["job_seconds"]
    long = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
    return (f"preset {names}, {record['data']} photographs, protocol {', '.join(record['protocols'])}, device {record['device']}, "
            f"{record['jobs']} jobs, {long} in all")


def verdict_table(*asked: dict | Absent) -> str:
    """A Markdown table: a row per claim of the records, the scales below it, and a line for each record that is absent; that line alone
    when there is none else."""
    records, gone = [r for r in asked if not isinstance(r, Absent)], [r for r in asked if isinstance(r, Absent)]
    if not records:
        return gone[0]
    out = ["| claim | verdict | found (95 % interval) | smallest that would matter | p | n | study |", "|---|---|---|---|---|---|---|"]
    for record in records:
        for id, told in record["claims"].items():
            known = claim(id)
            what = f"{known.claim} ({known.section}): {known.arm} against {known.against}"
            least, n = f"{told['least']:g}{UNITS.get(known.metric, '')}", f"{told['n']} of {known.n}, by {known.unit}"
            cells = (what, f"**{told['verdict']}**", _found(told), least, _p(told["p"]), n, record["study"])
            out.append(f"| {' | '.join(cells)} |")
    below = [f"{r['study']}: {scale(r)}." for r in records]
    return "\n".join([*out, "", *[f"- {line}" for line in (*below, *gone)], f"- With fewer than {LEAST} nothing is decided."])


def _found(told: dict) -> str:
    sign, unit = ("", " of the edits") if told["metric"].startswith("share of") else ("+", UNITS.get(told["metric"], ""))
    number = lambda x: "?" if x is None else f"{x:{sign}.3f}"  # noqa: E731
    return f"{number(told['mean'])}{unit} ({number(told['low'])} to {number(told['high'])})"


def _p(p: float | None) -> str:
    return "none" if p is None or isnan(p) else f"{p:.2g}"
