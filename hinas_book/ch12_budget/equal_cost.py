"""Nets that a study trained, held against random ones of the same cost. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hinas_book.kit.missing import MissingRecord, load_record, unless_missing
from hinas_book.kit.recorded import names
from hinas_book.kit.verdicts import format_contrast
from hinas_lab.analysis.equal_cost import Nets, cost_matched
from hinas_lab.analysis.statistics import Contrast, verdict
from hinas_lab.analysis.trained_nets import RENAMED
from hinas_lab.space.budget import Budget

RECORDS = ("worth", "search")
"the first one that is there is read: ``worth`` was designed for this question"


def best_record() -> dict | MissingRecord:
    """The record of the first of ``RECORDS`` that is there; else the line that says which command
    makes it."""
    there = [name for name in RECORDS if name in names()]
    return load_record((there or RECORDS)[0])


@dataclass(frozen=True, kw_only=True)
class Field:
    """Trained nets of one task, by arm."""

    study: str
    task: str
    arms: Mapping[str, Nets]
    "title -> MACs, and PSNR as the mean of a net's trainings; without the random ones"
    random: Nets

    @property
    def contrasts(self) -> dict[str, Contrast]:
        """Title -> ``cost_matched`` with the random nets."""
        return {title: cost_matched(nets, self.random) for title, nets in self.arms.items()}


@unless_missing
def field_of(record: dict, task: str = "denoise") -> Field:
    """The nets of a task in a record of ``RECORDS``; its rows name no task where there is one."""
    nets: dict[str, dict[tuple, list[dict]]] = {}
    for row in record["rows"]:
        if row.get("task", task) != task or row.get("psnr") is None:
            continue
        # random nets are numbered: their seed is that of a training
        number = row.get("number")
        net = (row["seed"], None) if number is None else (None, number)
        nets.setdefault(row["arm"], {}).setdefault(net, []).append(row)
    arms = {}
    for arm, found in nets.items():
        macs = [trainings[0]["macs"] for trainings in found.values()]
        quality = [np.mean([row["psnr"] for row in rows]) for rows in found.values()]
        title = RENAMED.get((record["study"], arm), arm)
        arms[title] = Nets(np.array(macs, float), np.array(quality, float))
    random = arms.pop("random")
    return Field(study=record["study"], task=task, arms=arms, random=random)


@unless_missing
def equal_cost_text(record: dict, budget: str, task: str = "denoise") -> str:
    """A line an arm: how many of its nets are within the budget, and how far its nets lie above
    random ones of the same cost, with its 95 % interval and what that shows."""
    field, limit = field_of(record, task), Budget.parse(budget)
    lines = [
        f"study {field.study}, {task}, preset {', '.join(record['presets'])}, "
        f"{record['data']} photographs",
        f"{'':<28}{'nets':>5}{f'within {limit}':>18}  PSNR minus random nets of the same cost",
    ]
    for title, nets in {"random": field.random, **field.arms}.items():
        within = int((nets.costs <= limit.amount).sum())
        said = "(the line that the others are held against)"
        if title in field.arms:
            contrast = field.contrasts[title]
            said = f"{format_contrast(contrast)}: {WORDS[verdict(contrast)]}"
        lines.append(f"{title:<28}{len(nets.costs):>5}{within:>18}  {said}")
    return "\n".join([*lines, *_seconds(record, task)])


def _seconds(record: dict, task: str) -> list[str]:
    """What a choice took, as far as the record says."""
    spent = record.get("price", {}).get(task, {}).get("spent", {})
    if spent:
        means = [f"{arm} {np.mean(seconds):.0f} s" for arm, seconds in spent.items()]
        return [f"the price of a choice: {', '.join(means)}"]
    if "search" in record.get("seconds", {}):
        search, training = (record["seconds"][name] for name in ("search", "training"))
        return [f"the price: a search took {search:.0f} s, a training {training:.0f} s"]
    return []


WORDS = {
    "supported": "better",
    "contradicted": "worse",
    "unresolved": "not resolved",
}
"a verdict -> what it says of an arm"
