"""What the records of the ablations say, in lines of text: numbers out of the record, words by rule. No torch."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import nan

import numpy as np
from scipy import stats

from hinas_book.ch07_ablations.chosen_n import announced, choices, plan, tost_interval
from hinas_book.kit.claims import claim
from hinas_book.kit.missing import scale
from hinas_book.kit.verdicts import format_contrast
from hinas_book.paper.published import paper_table
from hinas_lab.analysis.statistics import LEAST, Contrast, paired, verdict

TASKS = {"denoise": "denoising", "sr": "super-resolution"}
METRICS = ("psnr", "ssim", "gmsd")


def by_arm(
    rows: Sequence[Mapping], metric: str = "psnr", arms: Sequence[str] = ()
) -> dict[str, list[float]]:
    """Arm -> its values, by seed; only ``arms``, in that order, if any are named."""
    of = lambda arm: [r[metric] for r in sorted(rows, key=lambda r: r["seed"]) if r["arm"] == arm]  # noqa: E731
    return {arm: of(arm) for arm in arms or dict.fromkeys(r["arm"] for r in rows)}


def contrast_of(told: Mapping) -> Contrast:
    """A contrast as a record keeps it: a missing p is null there."""
    number = lambda name: nan if told.get(name) is None else told[name]  # noqa: E731
    return Contrast(
        mean=told["mean"], low=number("low"), high=number("high"), p=number("p"), n=told["n"]
    )


def line(label: str, c: Contrast, metric: str = "psnr", wide: int = 34) -> str:
    """A contrast in words; fewer than ``LEAST`` pairs resolve nothing."""
    few = f", fewer than {LEAST} pairs" if c.n < LEAST else ""
    word = {"supported": "above 0", "contradicted": "below 0"}.get(verdict(c), "unresolved")
    return f"{label:<{wide}} {format_contrast(c, metric)}, n = {c.n}: {word}{few}"


def outlier_seed(differences: Sequence[float], far: float = 5) -> int | None:
    """The place of a pair that is ``far`` times the range of all others away from the nearest of them; None among fewer than ``LEAST``."""
    for i in (
        {int(np.argmin(differences)), int(np.argmax(differences))}
        if len(differences) >= LEAST
        else ()
    ):
        rest = np.delete(differences, i)
        if np.abs(rest - differences[i]).min() > far * np.ptp(rest):
            return i
    return None


def outlier_line(label: str, differences: Sequence[float]) -> list[str]:
    """A line when one seed stands apart (``differences`` are in the order of the seeds 0, 1, ...)."""
    i = outlier_seed(differences)
    return (
        []
        if i is None
        else [
            f"{'':>4}{label}: seed {i} alone has {differences[i]:+.3f}, the median is {np.median(differences):+.3f}; "
            "the mean describes neither"
        ]
    )


def effects(record: dict, factor: str, task: str) -> list[tuple[str, list[float]]]:
    """Per-seed on - off of ``factor`` (lwas or residual): averaged over the other one, and with the other one on and off."""
    id, other = f"{factor}-{task}", "residual" if factor == "lwas" else "lwas"
    name = {"lwas": "layer-wise sharing", "residual": "residual learning"}
    return [(name[factor], record["claims"][id]["differences"])] + [
        (
            f"{name[factor]}, {name[other].split()[0]} {value}",
            record["simple"][f"{id}, {other} {value}"],
        )
        for value in ("on", "off")
    ]


def of_factors(record: dict) -> list[str]:
    """Study ``lwas-residual``: both effects for both tasks, and how one changes when the other is switched on."""
    out = []
    for id, told in record["claims"].items():
        factor, task = id.split("-")
        (name, _), (_, on), (_, off) = effects(record, factor, task)
        out += [
            line(f"{TASKS[task]}, {name}", contrast_of(told), wide=42),
            *outlier_line(name, told["differences"]),
        ]
        if factor == "lwas":
            out.append(
                line(
                    f"{TASKS[task]}, interaction of the two",
                    paired([a - b for a, b in zip(on, off)]),
                    wide=42,
                )
            )
    return out


def table_by_n(differences: Sequence[float], size: float) -> list[str]:
    """What each n would have announced, a line per n; none without seeds."""
    if not differences:
        return []
    out = [
        f"{'n':>2}{'choices':>9}{f'gain >= {size:g}':>14}{f'loss >= {size:g}':>14}{'sign turned':>13}{'resolved':>10}   mean from, to"
    ]
    for n in range(1, len(differences) + 1):
        a = announced(differences, n, size)
        out.append(
            f"{n:>2}{a.choices:>9}{a.gain:>14.0%}{a.loss:>14.0%}{a.turned:>13.0%}{a.resolved:>10.0%}   {a.low:+.3f}, {a.high:+.3f}"
        )
    return out


def three_seeds_text(name: str, differences: Sequence[float], size: float) -> str:
    """What three of the seeds would have said, beside all of them."""
    a = announced(differences, min(3, len(differences)), size)
    return (
        f"{name}: all {len(differences)} seeds say {np.mean(differences):+.3f} dB; with {a.n} of them {a.gain:.0%} announce a gain of "
        f"{size:g} dB or more, {a.loss:.0%} a loss, {a.resolved:.0%} leave out 0"
    )


def plan_lines(differences: Sequence[float], size: float) -> list[str]:
    """What n ought to be, from the spread of the record; no line without two seeds."""
    if len(differences) < 2:
        return []
    p = plan(differences, size)
    return [
        f"standard deviation of a per-seed difference: {p.sd:.3f} dB",
        f"{p.n} pairs find an effect of {p.found:.3f} dB four times in five; {size:g} dB needs {p.needed:,} pairs",
        *(
            f"no effect at all, n = {n}: a mean of {size:g} dB or more, up or down, in {c:.0%} of studies"
            for n, c in p.chance.items()
        ),
    ]


def effect_by_budget(record: dict) -> list[str]:
    """Study ``budget``: the effect at each budget, and how much it changes from the first to the last."""
    points = record["along"]
    out = [
        line(f"{p['times']:>2} x: {p['iterations']:,} iterations", contrast_of(p)) for p in points
    ]
    first, last = points[0], points[-1]
    change = paired([b - a for a, b in zip(first["differences"], last["differences"])])
    far = [said for p in points for said in outlier_line(f"{p['times']} x", p["differences"])]
    return [*out, *far, line(f"{last['times']} x minus {first['times']} x, by seed", change)]


def of_lambda(record: dict) -> list[str]:
    """Study ``loss``: per task and metric the lambda with the best mean, and the paper's 0.6 against none."""
    out = []
    for task, metric in product(TASKS, METRICS):
        mine = [r | {"arm": r["lam"]} for r in record["rows"] if r["task"] == task]
        arms = by_arm(mine, metric)
        means = {lam: float(np.mean(v)) for lam, v in arms.items()}
        best = (min if metric == "gmsd" else max)(means, key=means.get)
        told = next(
            c
            for c in record["against_none"]
            if (c["task"], c["lam"], c["metric"]) == (task, 0.6, metric)
        )
        name = f"{TASKS[task]}, {metric.upper()}{', less is better' * (metric == 'gmsd')}"
        out.append(line(f"{name}: best at {best:g}; 0.6 - 0", contrast_of(told), metric, 62))
        out += outlier_line("0.6 - 0", [a - b for a, b in zip(arms[0.6], arms[0.0])])
    return out


def of_paths(record: dict) -> list[str]:
    """Study ``widths``: how much the path matters, beside a seed; where Viterbi's path stands; what parameters explain."""
    out, count = [], record["paths"]
    for arm, ranks in record["ranks"].items():
        each: dict[tuple, list[float]] = {}
        for r in record["rows"]:
            if r["arm"] == arm:
                each.setdefault(tuple(r["path"]), []).append(r["psnr"])
        values = np.array(list(each.values()))
        means, several = values.mean(1), values.shape[1] > 1
        noise = (
            (
                f"; one path with other seeds: sd {np.sqrt(values.var(1, ddof=1).mean()):.3f} dB; paths differ beyond seeds: "
                f"p = {rows_differ(values):.2g}"
            )
            if several
            else ""
        )
        out += [
            f"{arm}: {count} paths from {means.min():.2f} to {means.max():.2f} dB{noise}",
            f"{'':>4}Viterbi's path has rank {', '.join(map(str, ranks))} of {count} (mean {np.mean(ranks):.1f}; a path drawn by lot "
            f"{(count + 1) / 2:g}); PSNR and parameters: tau {record['tau_parameters'][arm]:+.2f}",
        ]
    for arm, name in (("w40", "ws - w40"), ("wm", "ws - wm")):
        told = record["claims"][f"widths-{arm}"]
        out += [line(name, contrast_of(told)), *outlier_line(name, told["differences"])]
    return [
        *out,
        line("ws - the same path, cells again", paired(record["again"])),
        *outlier_line("cells again", record["again"]),
    ]


def rows_differ(values: np.ndarray) -> float:
    """p of the F test that the rows of a table (paths) have one mean, columns (seeds, shared by all rows) taken out."""
    rows, columns = values.shape
    of_rows = columns * values.mean(1).var(ddof=1)
    rest = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    free = (rows - 1) * (columns - 1)
    return float(stats.f.sf(of_rows / ((rest**2).sum() / free), rows - 1, free))


def of_sharing(record: dict) -> list[str]:
    """Study ``sharing``: not different, or equal? And what is saved."""
    told = record["claims"]["sharing-equal"]
    c, margin = contrast_of(told), told["least"]
    low, high = tost_interval(told["differences"])
    cost, image = record["cost"], record["image_seconds_at_equal_memory"]
    hours = (
        paper_table(8).row("HiNAS", cell_sharing="✗")["hours"].value
        / paper_table(8).row("HiNAS", cell_sharing="✓")["hours"].value
    )
    three = choices(told["differences"], min(3, c.n))
    silent = sum(not x.contrast.resolved for x in three) / len(three)
    fits = [tost_interval([told["differences"][i] for i in x.at]) for x in three]
    equal = sum(-margin < a and b < margin for a, b in fits) / len(three)
    return [
        line("sharing on - off, 95 % interval", c),
        f"90 % interval {low:+.3f} to {high:+.3f}, margin ± {margin:g} dB: equality "
        + {"supported": "is shown", "contradicted": "is refuted"}.get(
            told["verdict"], "is not shown"
        ),
        f"{three[0].contrast.n} of these seeds: {silent:.0%} of {len(three)} choices find no significant difference, in {equal:.0%} "
        "the 90 % interval fits into the margin",
        f"kept for the backward pass, off : on {cost['off']['kept'] / cost['on']['kept']:.2f} "
        f"(the paper {claim('sharing-memory').least:g}); "
        f"patches that fit where off holds {record['batch']}: {record['batch_at_equal_memory']}",
        f"seconds of a pass, taken in turn, off : on {cost['off']['seconds'] / cost['on']['seconds']:.2f}; of a patch at equal memory "
        f"{image['off'] / image['on']:.2f} (a whole search in the paper {hours:.1f})",
    ]


def of_change(record: dict) -> list[str]:
    """A study of one change (``studies.one_change``)."""
    return [
        scale(record),
        line(f"changed {record['change']} - as it is", paired(record["differences"]), wide=0),
    ]
