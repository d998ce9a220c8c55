"""What the rows of the study ``worth`` say: contrasts at equal cost and at equal price, fronts,
components of variance, ranks; and all of it in words. No torch."""

from collections.abc import Mapping
from dataclasses import asdict
from math import isnan, nan
from typing import NamedTuple

import numpy as np

from hinas_book.ch09_against_random.opponents import ARMS
from hinas_book.kit.claims import claims
from hinas_book.kit.missing import unless_missing
from hinas_book.kit.verdicts import format_contrast
from hinas_lab.analysis.equal_cost import (
    Nets,
    cost_matched,
    front_among,
    line,
    plan,
    rank_taus,
    variance_components,
)
from hinas_lab.analysis.statistics import LEAST, Contrast, holm, verdict, welch

LEAST_EFFECT = 0.05
"dB, the smallest effect of interest where no claim says another"


class ArmNets(NamedTuple):
    """The nets of an arm, in the order of the rows."""

    quality: np.ndarray
    "(n, trainings), PSNR in dB, training seeds in their order"
    macs: np.ndarray
    "(n,)"
    parameters: np.ndarray
    "(n,)"
    different: int
    "nets: what several choices found is trained once, and has one noise"

    @property
    def nets(self) -> Nets:
        """Means over trainings, with their MACs."""
        return Nets(self.macs, self.quality.mean(1))


def arm_of(rows: list[dict], task: str, name: str) -> ArmNets:
    """The nets of an arm of a task."""
    nets: dict[tuple, list[dict]] = {}
    for row in rows:
        if (row["task"], row["arm"]) == (task, name):
            nets.setdefault((row["seed"], row.get("number")), []).append(row)
    quality = []
    for trainings in nets.values():
        trainings.sort(key=lambda row: row["training"])
        quality.append([row["psnr"] for row in trainings])
    first = [trainings[0] for trainings in nets.values()]
    macs, parameters = (
        np.array([row[key] for row in first], float) for key in ("macs", "parameters")
    )
    different = len({row["key"] for row in first})
    return ArmNets(np.array(quality), macs, parameters, different)


def results(
    rows: list[dict], ranks: dict[str, dict], prices: dict[str, dict], primary: dict[str, str]
) -> dict:
    """What a record says beside its rows.

    ``ranks``: task -> predictor -> (judges, n) of the random nets; ``prices``: task -> what was
    spent; ``primary``: task -> its arm. Keys: ``primary``: task -> judgement; ``arms``: task -> arm
    -> numbers; ``random``, ``taus``, ``scores``: by task.
    """
    arms, random = {}, {}
    for task, name in primary.items():
        others = arm_of(rows, task, "random")
        random[task] = _of_random(others) | {"reference": _reference(rows, task)}
        reference = tuple(random[task]["reference"])
        arms[task] = {}
        # the primary one first, wherever it is read
        for arm in sorted(prices[task]["spent"], key=lambda arm: arm != name):
            ours = arm_of(rows, task, arm)
            arms[task][arm] = {
                "n": len(ours.macs),
                "different": ours.different,
                "psnr": float(ours.quality.mean()),
                "macs": float(ours.macs.mean()),
                "outside": _outside(ours, others),
                "seconds": float(np.mean(prices[task]["spent"][arm])),
                "at_cost": asdict(cost_matched(ours.nets, others.nets)),
                "front": front_among(ours.nets, others.nets, reference),
                "ahead": None if arm == name else _ahead(arm_of(rows, task, name), ours),
            }
    _adjust(arms, primary)
    return {
        "primary": {task: judged(task, name, arms[task][name]) for task, name in primary.items()},
        "primary_arms": primary,
        "arms": arms,
        "random": random,
        "taus": {task: _taus(arm_of(rows, task, "random"), ranks[task]) for task in primary},
        "scores": ranks,
    }


def _of_random(arm: ArmNets) -> dict:
    """The line of the random nets, and what varies."""
    intercept, slope = line(arm.nets)
    told = {
        "n": len(arm.macs),
        "psnr": float(arm.quality.mean()),
        "macs": float(arm.macs.mean()),
        "line": [float(intercept), float(slope)],
        "sd_nets": nan,
        "sd_at_cost": nan,
        "sd_trainings": nan,
    }
    if len(arm.macs) > 2:
        told["sd_nets"], told["sd_trainings"] = variance_components(arm.quality)
        told["sd_at_cost"] = variance_components(arm.quality, arm.macs).nets
    return told


def _outside(ours: ArmNets, others: ArmNets) -> int:
    """How many nets of ``ours`` cost less or more than any of ``others``: the line is drawn on
    there."""
    low, high = others.macs.min(), others.macs.max()
    return int(((ours.macs < low) | (ours.macs > high)).sum())


def _reference(rows: list[dict], task: str) -> list[float]:
    """MACs of the dearest net of all arms, and the lowest mean PSNR: where fronts are measured
    from. Of all nets, so that it says nothing of which arm a net is of."""
    arms = {row["arm"] for row in rows if row["task"] == task}
    nets = [arm_of(rows, task, arm).nets for arm in sorted(arms)]
    return [
        float(max(arm.costs.max() for arm in nets)),
        float(min(arm.quality.min() for arm in nets)),
    ]


def _ahead(ours: ArmNets, theirs: ArmNets) -> dict:
    """At equal price, whatever the nets cost: ``ours`` minus ``theirs`` in PSNR (Welch)."""
    means = [arm.quality.mean(1) for arm in (ours, theirs)]
    n = len(means[0])
    gap = float(means[0].mean() - means[1].mean())
    if n < 2 or not any(np.ptp(values) for values in means):
        return asdict(Contrast(mean=gap, low=nan, high=nan, n=n))
    contrast = asdict(welch(*((float(m.mean()), float(m.std(ddof=1))) for m in means), n))
    return contrast if n >= LEAST else contrast | {"p": nan}


def _adjust(arms: dict, primary: dict[str, str]):
    """``holm`` beside the p of every secondary contrast, over all of them; the primary one of a
    task is not among them."""
    secondary = []
    for task, of_task in arms.items():
        for name, told in of_task.items():
            secondary.append(told["front"])
            if name != primary[task]:
                secondary += [told["at_cost"], told["ahead"]]
    for told, p in zip(secondary, holm([told["p"] for told in secondary])):
        told["holm"] = p


def judged(task: str, arm: str, told: dict) -> dict:
    """The verdict on a task's primary contrast: supported when it is the smallest effect of
    interest or more and its whole interval lies above 0."""
    registered = next((claim for claim in claims() if claim.id == f"worth-{task}"), None)
    least = registered.least if registered else LEAST_EFFECT
    contrast = Contrast(**{key: told["at_cost"][key] for key in ("mean", "low", "high", "p", "n")})
    word = verdict(contrast)
    if word == "supported" and contrast.mean < least:
        word = "unresolved"
    numbers = {key: round(value, 5) for key, value in asdict(contrast).items()}
    return {
        "verdict": word,
        "least": least,
        "metric": "psnr",
        **numbers,
        "p": contrast.p,
        "note": f"{ARMS[arm].title}; {told['seconds']:.0f} s a choice, {told['macs'] / 1e9:.2f} "
        "GMAC in the mean",
    }


def _taus(random: ArmNets, ranks: dict[str, list]) -> dict:
    """tau-b of each predictor with one training; of the second seed with the first."""
    # as logarithms: of MACs nothing but their line is left then
    known = {"parameters": np.log2(random.parameters), "MACs": np.log2(random.macs)}
    known = ranks | known
    taus = rank_taus(known, random.quality, random.macs)
    again = {"another training": random.quality[:, 1]}
    taus = rank_taus(again, random.quality[:, :1], random.macs) | taus
    told = {}
    for name, both in taus.items():
        told[name] = {key: tau and asdict(tau) for key, tau in both.items()}
    return told


def number(value: float | None) -> float:
    """nan for what JSON has no word for."""
    return nan if value is None else value


def _p(value: float | None, name: str = "p") -> str:
    value = number(value)
    return "" if isnan(value) else f", {name} {value:.2g}"


@unless_missing
def worth_text(record: dict) -> list[str]:
    """The primary contrast of each task first; then arms, fronts, noise and power, ranks."""
    lines = []
    for task, judgement in record["primary"].items():
        name = record["primary_arms"][task]
        lines.append(f"{task}, primary: {_arm_line(name, record['arms'][task][name])}")
        least = f"{judgement['least']:g} dB"
        lines.append(f"  {judgement['verdict']} (smallest effect of interest {least})")
    for task in record["primary"]:
        lines += _task_lines(record, task)
    return lines


def _arm_line(name: str, told: Mapping) -> str:
    at = told["at_cost"]
    contrast = format_contrast(at, "psnr", "95 % interval ")
    adjusted = _p(at["holm"], "Holm") if "holm" in at else ""
    # the interval takes each choice for a net with noise of its own
    n = f"n {told['n']}"
    n += f" ({told['different']} different nets)" if told["different"] < told["n"] else ""
    outside = ""
    if told["outside"]:
        outside = f"; {told['outside']} of its nets cost less or more than any random one"
    return (
        f"{ARMS[name].title}, {n}: {contrast} from random nets at equal cost"
        f"{_p(at['p'])}{adjusted}; {told['psnr']:.3f} dB, {told['macs'] / 1e9:.3g} GMAC; "
        f"{told['seconds']:.0f} s a choice{outside}"
    )


def _task_lines(record: dict, task: str) -> list[str]:
    random, arms = record["random"][task], record["arms"][task]
    primary = record["primary_arms"][task]
    lines = [
        f"{task}: {random['n']} random nets of all costs, mean {random['psnr']:.3f} dB, "
        f"{random['macs'] / 1e9:.3g} GMAC; {random['line'][1]:+.3f} dB a doubling of MACs"
    ]
    lines += [_arm_line(name, told) for name, told in arms.items() if name != primary]
    for name, told in arms.items():
        if told["ahead"]:
            ahead = format_contrast(told["ahead"])
            lines.append(
                f"{ARMS[primary].title} minus {ARMS[name].title}, equal price: {ahead}"
                f"{_p(told['ahead']['p'])}{_p(told['ahead']['holm'], 'Holm')}"
            )
    cost, floor = random["reference"]
    lines.append(
        f"area below the front, dB x doublings, up to {cost / 1e9:.3g} GMAC, from {floor:.3f} dB:"
    )
    for name, told in arms.items():
        front = told["front"]
        lines.append(
            f"  {ARMS[name].title} {front['arm']:.3f}, as many random nets "
            f"{number(front['random']):.3f}{_p(front['p'])}{_p(front['holm'], 'Holm')}"
        )
    return [*lines, *_noise_lines(random, arms[primary]), *_tau_lines(record["taus"][task])]


def _noise_lines(random: Mapping, primary: Mapping) -> list[str]:
    """Components of variance, and the power that they leave."""
    sd_nets, sd_at_cost, sd_trainings = (
        number(random[key]) for key in ("sd_nets", "sd_at_cost", "sd_trainings")
    )
    if isnan(sd_at_cost) or sd_trainings == 0:
        return ["too few random nets to tell nets from noise"]
    told = plan(sd_at_cost, sd_trainings, primary["n"], effect=LEAST_EFFECT)
    return [
        f"sd between random nets {sd_nets:.3f} dB, at equal cost {sd_at_cost:.3f}, of one "
        f"training {sd_trainings:.3f}",
        f"with that noise {primary['n']} searches give ± {told.half_width:.3f} dB; "
        f"{LEAST_EFFECT} dB takes {told.resolve} to be resolved, {told.powered} for a power of "
        "80 %",
    ]


def _tau_lines(taus: Mapping) -> list[str]:
    lines = []
    for name, both in taus.items():
        overall, left = both["overall"], both["equal cost"]
        if overall is None or isnan(number(overall["mean"])):
            continue
        text = f"tau-b, {name}: {format_contrast(overall, 'tau')}"
        if left and not isnan(number(left["mean"])):
            text += f"; at equal cost {format_contrast(left, 'tau')}"
        lines.append(text)
    return lines
