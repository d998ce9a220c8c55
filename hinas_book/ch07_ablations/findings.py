"""What the records of the ablations say, in lines of text: numbers of the record, words by rule.

No torch.
"""

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
from scipy import stats

from hinas_book.ch07_ablations.chosen_n import announced, choices, plan, tost_interval
from hinas_book.kit.claims import claim
from hinas_book.kit.missing import scale, unless_missing
from hinas_book.kit.verdicts import format_contrast
from hinas_book.paper.published import paper_table
from hinas_lab.analysis.statistics import LEAST, Contrast, paired, verdict

TASKS = {"denoise": "denoising", "sr": "super-resolution"}
METRICS = ("psnr", "ssim", "gmsd")
NAMES = {"lwas": "layer-wise sharing", "residual": "residual learning"}
"factor of Tables 1 and 2 -> its name"


def by_arm(
    rows: Sequence[Mapping], metric: str = "psnr", arms: Sequence[str] = ()
) -> dict[str, list[float]]:
    """Arm -> its values, by seed; only ``arms``, in that order, if any are named."""
    # sorted by seed: values of two arms at one place are a pair
    values = {arm: [] for arm in arms or dict.fromkeys(row["arm"] for row in rows)}
    for row in sorted(rows, key=lambda row: row["seed"]):
        if row["arm"] in values:
            values[row["arm"]].append(row[metric])
    return values


def contrast_of(entry: Mapping) -> Contrast:
    """A contrast as a record keeps it: what there is none of (a p, an interval) is null there."""
    numbers = {"low": nan, "high": nan, "p": nan}
    for name in ("mean", "low", "high", "p", "n"):
        if entry.get(name) is not None:
            numbers[name] = entry[name]
    return Contrast(**numbers)


def line(label: str, c: Contrast, metric: str = "psnr", wide: int = 34) -> str:
    """A contrast in words; fewer than ``LEAST`` pairs resolve nothing."""
    few = f", fewer than {LEAST} pairs" if c.n < LEAST else ""
    word = {"supported": "above 0", "contradicted": "below 0"}.get(verdict(c), "unresolved")
    return f"{label:<{wide}} {format_contrast(c, metric)}, n = {c.n}: {word}{few}"


def outlier_seed(differences: Sequence[float], far: float = 5) -> int | None:
    """The place of a pair that lies ``far`` times the range of all others from the nearest one.

    None when there is no such pair, and among fewer than ``LEAST``.
    """
    if len(differences) < LEAST:
        return None
    # only an end of the sorted values can stand apart
    for place in (int(np.argmin(differences)), int(np.argmax(differences))):
        rest = np.delete(differences, place)
        if np.abs(rest - differences[place]).min() > far * np.ptp(rest):
            return place
    return None


def outlier_line(label: str, differences: Sequence[float]) -> list[str]:
    """A line when one seed stands apart (``differences`` in the order of the seeds 0, 1, ...)."""
    seed = outlier_seed(differences)
    if seed is None:
        return []
    return [
        f"    {label}: seed {seed} alone has {differences[seed]:+.3f}, "
        f"the median is {np.median(differences):+.3f}; the mean describes neither"
    ]


def effects(record: dict, factor: str, task: str) -> list[tuple[str, list[float]]]:
    """(name, per-seed on - off) of ``factor`` (lwas or residual).

    Averaged over the other factor, then with the other one on, then off.
    """
    id, name = f"{factor}-{task}", NAMES[factor]
    other = "residual" if factor == "lwas" else "lwas"
    rows = [(name, record["claims"][id]["differences"])]
    for value in ("on", "off"):
        label = f"{name}, {NAMES[other].split()[0]} {value}"
        rows.append((label, record["simple"][f"{id}, {other} {value}"]))
    return rows


def of_factors(record: dict) -> list[str]:
    """Study ``lwas-residual``: both effects for both tasks, and how one changes with the other."""
    lines = []
    for id, judgement in record["claims"].items():
        factor, task = id.split("-")
        (name, differences), (_, on), (_, off) = effects(record, factor, task)
        lines.append(line(f"{TASKS[task]}, {name}", contrast_of(judgement), wide=42))
        lines += outlier_line(name, differences)
        if factor == "lwas":  # the interaction of two factors is the same seen from either
            interaction = paired(np.subtract(on, off))
            lines.append(line(f"{TASKS[task]}, interaction of the two", interaction, wide=42))
    return lines


def table_by_n(differences: Sequence[float], size: float) -> list[str]:
    """What each n would have announced, a line per n; none without seeds."""
    if not differences:
        return []
    # the header's columns are as wide as those of the lines
    gain, loss = f"gain >= {size:g}", f"loss >= {size:g}"
    lines = [
        f"{'n':>2}{'choices':>9}{gain:>14}{loss:>14}{'sign turned':>13}{'resolved':>10}"
        "   mean from, to"
    ]
    for n in range(1, len(differences) + 1):
        a = announced(differences, n, size)
        lines.append(
            f"{n:>2}{a.choices:>9}{a.gain:>14.0%}{a.loss:>14.0%}{a.turned:>13.0%}"
            f"{a.resolved:>10.0%}   {a.low:+.3f}, {a.high:+.3f}"
        )
    return lines


def three_seeds_text(name: str, differences: Sequence[float], size: float) -> str:
    """What three of the seeds would have said, beside all of them."""
    a = announced(differences, min(3, len(differences)), size)
    return (
        f"{name}: all {len(differences)} seeds say {np.mean(differences):+.3f} dB; "
        f"with {a.n} of them {a.gain:.0%} announce a gain of {size:g} dB or more, "
        f"{a.loss:.0%} a loss, {a.resolved:.0%} leave out 0"
    )


def plan_lines(differences: Sequence[float], size: float) -> list[str]:
    """What n ought to be, from the spread of the record; no line without two seeds."""
    if len(differences) < 2:
        return []
    p = plan(differences, size)
    lines = [
        f"standard deviation of a per-seed difference: {p.sd:.3f} dB",
        f"{p.n} pairs find an effect of {p.found:.3f} dB four times in five; "
        f"{size:g} dB needs {p.needed:,} pairs",
    ]
    for n, chance in p.chance.items():
        lines.append(
            f"no effect at all, n = {n}: a mean of {size:g} dB or more, up or down, "
            f"in {chance:.0%} of studies"
        )
    return lines


def effect_by_budget(record: dict) -> list[str]:
    """Study ``budget``: the effect at each budget, and its change from the first to the last."""
    lines, outliers = [], []
    for point in record["along"]:
        label = f"{point['times']:>2} x: {point['iterations']:,} iterations"
        lines.append(line(label, contrast_of(point)))
        outliers += outlier_line(f"{point['times']} x", point["differences"])
    # the same seeds at both ends: the change is a paired difference, too
    first, last = record["along"][0], record["along"][-1]
    change = paired(np.subtract(last["differences"], first["differences"]))
    label = f"{last['times']} x minus {first['times']} x, by seed"
    return [*lines, *outliers, line(label, change)]


def of_lambda(record: dict) -> list[str]:
    """Study ``loss``: per task and metric the best lambda by mean, and the paper's 0.6 - none."""
    lines = []
    for entry in record["against_none"]:
        if entry["lam"] != 0.6:  # the paper's
            continue
        task, metric = entry["task"], entry["metric"]
        rows = [row | {"arm": row["lam"]} for row in record["rows"] if row["task"] == task]
        arms = by_arm(rows, metric)
        means = {lam: np.mean(values) for lam, values in arms.items()}
        # GMSD measures a distortion
        name, choose = f"{TASKS[task]}, {metric.upper()}", max
        if metric == "gmsd":
            name, choose = f"{name}, less is better", min
        label = f"{name}: best at {choose(means, key=means.get):g}; 0.6 - 0"
        lines.append(line(label, contrast_of(entry), metric, 62))
        lines += outlier_line("0.6 - 0", np.subtract(arms[0.6], arms[0.0]))
    return lines


def of_paths(record: dict) -> list[str]:
    """Study ``widths``: what the path matters beside a seed, and where Viterbi's path stands."""
    lines, count = [], record["paths"]
    for arm, ranks in record["ranks"].items():
        values = _path_values(record, arm)
        means = values.mean(1)
        noise = ""  # one seed says nothing of it
        if values.shape[1] > 1:
            spread = np.sqrt(values.var(1, ddof=1).mean())
            noise = (
                f"; one path with other seeds: sd {spread:.3f} dB; "
                f"paths differ beyond seeds: p = {rows_differ(values):.2g}"
            )
        lines += [
            f"{arm}: {count} paths from {means.min():.2f} to {means.max():.2f} dB{noise}",
            f"    Viterbi's path has rank {', '.join(map(str, ranks))} of {count} "
            f"(mean {np.mean(ranks):.1f}; a path drawn by lot {(count + 1) / 2:g}); "
            f"PSNR and parameters: tau {record['tau_parameters'][arm]:+.2f}",
        ]
    for arm in ("w40", "wm"):
        judgement, name = record["claims"][f"widths-{arm}"], f"ws - {arm}"
        lines.append(line(name, contrast_of(judgement)))
        lines += outlier_line(name, judgement["differences"])
    lines.append(line("ws - the same path, cells again", paired(record["again"])))
    return lines + outlier_line("cells again", record["again"])


def _path_values(record: dict, arm: str) -> np.ndarray:
    """(paths, seeds) PSNR in dB of every path in one arm of study ``widths``."""
    rows = [row for row in record["rows"] if row["arm"] == arm]
    each = by_arm([row | {"arm": tuple(row["path"])} for row in rows])
    return np.array(list(each.values()))


def rows_differ(values: np.ndarray) -> float:
    """p of the F test that the rows of a table (paths, seeds) have one mean.

    Columns, i.e. seeds, which all rows share, are taken out: a two-way analysis of variance with
    one value in each cell.
    """
    rows, columns = values.shape
    of_rows = columns * values.mean(1).var(ddof=1)
    rest = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    freedom = (rows - 1) * (columns - 1)
    return float(stats.f.sf(of_rows / ((rest**2).sum() / freedom), rows - 1, freedom))


def of_sharing(record: dict) -> list[str]:
    """Study ``sharing``: not different, or equal? And what is saved."""
    judgement = record["claims"]["sharing-equal"]
    differences, margin = judgement["differences"], judgement["least"]
    low, high = tost_interval(differences)
    equality = {"supported": "is shown", "contradicted": "is refuted"}
    three = choices(differences, min(3, len(differences)))
    # what a study of three seeds would have said, in both ways of asking
    silent, equal = 0, 0
    for choice in three:
        silent += not choice.contrast.resolved
        below, above = tost_interval([differences[place] for place in choice.at])
        equal += -margin < below and above < margin
    cost, image = record["cost"], record["image_seconds_at_equal_memory"]
    hours = {}
    for mark in "✗✓":  # as Table 8 prints it
        hours[mark] = paper_table(8).row("HiNAS", cell_sharing=mark)["hours"].value
    return [
        line("sharing on - off, 95 % interval", contrast_of(judgement)),
        f"90 % interval {low:+.3f} to {high:+.3f}, margin ± {margin:g} dB: "
        f"equality {equality.get(judgement['verdict'], 'is not shown')}",
        f"{three[0].contrast.n} of these seeds: {silent / len(three):.0%} of {len(three)} choices "
        f"find no significant difference, in {equal / len(three):.0%} the 90 % interval fits into "
        "the margin",
        f"kept for the backward pass, off : on {cost['off']['kept'] / cost['on']['kept']:.2f} "
        f"(the paper {claim('sharing-memory').least:g}); "
        f"patches that fit where off holds {record['batch']}: {record['batch_at_equal_memory']}",
        f"seconds of a pass, taken in turn, off : on "
        f"{cost['off']['seconds'] / cost['on']['seconds']:.2f}; "
        f"of a patch at equal memory {image['off'] / image['on']:.2f} "
        f"(a whole search in the paper {hours['✗'] / hours['✓']:.1f})",
    ]


def of_change(record: dict) -> list[str]:
    """A study of one change (``one_change``)."""
    label = f"changed {record['change']} - as it is"
    return [scale(record), line(label, paired(record["differences"]), wide=0)]


# conclusions: one sentence each, its words chosen by the record


@unless_missing
def conclude_factors(record: dict) -> str:
    """Study ``lwas-residual``: which switches are told from another seed."""
    sides = {"supported": [], "contradicted": [], "unresolved": []}
    for id, judgement in record["claims"].items():
        sides[verdict(contrast_of(judgement))].append(_factor_name(id))
    parts = []
    for side, words in (
        ("supported", "above 0"),
        ("contradicted", "below 0"),
        ("unresolved", "not told from another seed, which is not the same as no effect"),
    ):
        if sides[side]:
            parts.append(f"{words}: {', '.join(sides[side])}")
    return f"**So:** {'; '.join(parts)}."


def _factor_name(id: str) -> str:
    """``lwas-sr`` -> layer-wise sharing in super-resolution."""
    factor, _, task = id.partition("-")
    return f"{NAMES[factor]} in {TASKS.get(task, task)}"


def conclude_choices(contrasts: Mapping[str, Sequence[float]], size: float) -> str:
    """What a choice of three seeds can announce of each contrast, per-seed differences in dB."""
    said = {"a gain or a loss, as one likes": [], "only a gain": [], "only a loss": []}
    for id, differences in contrasts.items():
        a = announced(differences, min(3, len(differences)), size)
        if a.gain and a.loss:
            said["a gain or a loss, as one likes"].append(_factor_name(id))
        elif a.gain or a.loss:
            said["only a gain" if a.gain else "only a loss"].append(_factor_name(id))
    parts = [f"of {' and '.join(names)} {words}" for words, names in said.items() if names]
    if not parts:
        return f"**So:** no choice of three seeds announces {size:g} dB."
    return f"**So:** three chosen seeds can announce {size:g} dB, {'; '.join(parts)}."


def conclude_plan(differences: Sequence[float], size: float) -> str:
    """Can the record find an effect of ``size`` dB? Nothing without two seeds."""
    if len(differences) < 2:
        return ""
    p = plan(differences, size)
    if p.needed <= p.n:
        return f"**So:** the {p.n} pairs here are enough to find {size:g} dB four times in five."
    return (
        f"**So:** {size:g} dB needs {p.needed:,} pairs and there are {p.n}: this record cannot "
        "find such an effect, so it cannot deny it either."
    )


@unless_missing
def conclude_budget(record: dict) -> str:
    """Study ``budget``: does the effect change with the length of training?"""
    first, last = record["along"][0], record["along"][-1]
    change = verdict(paired(np.subtract(last["differences"], first["differences"])))
    seen = ", ".join(f"{point['mean']:+.3f} dB at {point['times']} x" for point in (first, last))
    if change == "unresolved":
        return f"**So:** these seeds do not tell whether the effect changes with training ({seen})."
    if change == "supported":
        return f"**So:** the effect grows with training: a short one understates it ({seen})."
    left = "what is left is not told from 0"
    if verdict(contrast_of(last)) == "supported":
        left = "what is left is still above 0"
    elif verdict(contrast_of(last)) == "contradicted":
        left = "in the end it is a loss"
    early = ""
    if verdict(contrast_of(first)) == "supported":
        early = "part of the early effect is a head start; "
    return f"**So:** the effect falls with training ({seen}): {early}{left}."


@unless_missing
def conclude_lambda(record: dict) -> str:
    """Study ``loss``: what the paper's lambda does to each metric, and who agrees with SSIM."""
    told: dict[str, dict[str, str]] = {}
    for entry in record["against_none"]:
        if entry["lam"] == 0.6:  # the paper's
            # GMSD measures a distortion
            better = -1 if entry["metric"] == "gmsd" else 1
            side = verdict(contrast_of(entry), better)
            told.setdefault(entry["task"], {})[entry["metric"]] = {
                "supported": "better",
                "contradicted": "worse",
            }.get(side, "unresolved")
    parts = []
    for task, sides in told.items():
        each = ", ".join(f"{metric.upper()} {side}" for metric, side in sides.items())
        others = [side for metric, side in sides.items() if metric != "ssim"]
        word = "no gain is shown even at its own metric"
        if sides["ssim"] == "better":
            word = "another metric agrees" if "better" in others else "no other metric agrees"
        parts.append(f"in {TASKS[task]} {each}: {word}")
    return f"**So:** with lambda 0.6, {'; '.join(parts)}."


@unless_missing
def conclude_paths(record: dict) -> str:
    """Study ``widths``: do paths differ beyond seeds, also at equal parameters?"""
    differ = []
    for arm in record["ranks"]:
        values = _path_values(record, arm)
        differ.append(values.shape[1] > 1 and rows_differ(values) < 0.05)
    # as wide as they come, then at equal parameters
    word = {
        (True, True): "paths differ beyond seeds, at equal parameters too: which path matters",
        (True, False): "paths differ beyond seeds as wide as they come; at equal parameters that "
        "is not seen, which fits size as the cause",
        (False, True): "paths differ beyond seeds at equal parameters only",
        (False, False): "no difference between paths is seen beyond seeds",
    }[tuple(differ)]
    ranks = " and ".join(f"{np.mean(ranks):.1f}" for ranks in record["ranks"].values())
    lot = (record["paths"] + 1) / 2
    return f"**So:** {word}. Viterbi's path has mean rank {ranks}, one drawn by lot {lot:g}."


@unless_missing
def conclude_sharing(record: dict) -> str:
    """Study ``sharing``: different, equal, both or neither; and the bytes saved."""
    judgement, cost = record["claims"]["sharing-equal"], record["cost"]
    n, margin = judgement["n"], f"± {judgement['least']:g} dB"
    equal = judgement["verdict"] == "supported"
    differs = verdict(contrast_of(judgement)) != "unresolved"
    word = {
        (True, True): f"sharing differs from not sharing, by less than the margin of {margin}",
        (True, False): f"sharing is as good within {margin}",
        (False, True): f"sharing changes the quality, and equality within {margin} is not shown",
        (False, False): f"{n} seeds show neither a difference nor equality within {margin}",
    }[equal, differs]
    saved = cost["off"]["kept"] / cost["on"]["kept"]
    return f"**So:** {word}; without sharing {saved:.2f} times the bytes are kept."
