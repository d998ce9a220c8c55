"""What was run before and is kept in the repository, so that a lesson starts at once.

Studies lie in ``data/studies``, the records of searches in ``data/runs``, most of these with one
thing switched off. No torch.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from hinas_book.kit.registry import designs
from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.paths import data
from hinas_lab.presets import Preset, preset
from hinas_lab.storage import read_json

FOLDER = data("studies")
RUNS = data("runs")
CHANGES: dict[str, dict[str, Any]] = {
    "classroom": {},
    "classroom-seed-1": {"seed": 1},
    "classroom-sr": {"task": "sr", "scale": 4},
    "hasty": {"warmup_epochs": 0, "arch_lr": 0.1},
    "last-supernet": {"warmup_epochs": 0, "arch_lr": 0.1, "keep_supernet": "last"},
    "a-equals-w": {"arch_split": "weights"},
    "affine": {"affine": True},
    # seed 1, whose free search finds a dear net: with seed 0 a budget would hardly bind
    "study-seed-1": {"preset": "study", "seed": 1},
    "study-budget": {"preset": "study", "seed": 1, "budget": "1.2GMAC"},
}
"""the recorded searches: what each changes of preset ``classroom`` (or the one it names) with seed
0 on the built-in photographs"""
MADE_BY = {
    "bicubic": "hinas-lab study bicubic --json {file}",
    "demo": "make demo",
    "masking": "python tools/record_masking.py --preset {rest}",
    "peers": "hinas-lab study peers --task {rest} --json {file}",
    "peers-sr": "hinas-lab study peers --task sr --scale 3 --json {file}",
    "peers-trained": "hinas-lab study peers --train --threads 1 --json {file}",
    "precision": "hinas-lab study precision",
    "protocol": "hinas-lab study protocol --method METHOD --dataset DATASET --run DIR",
    "perturb-classroom": "hinas-lab study perturb --preset classroom --json {file}",
}
"""a record's name, or what comes before its first hyphen -> its command (demo writes it as
summary.json, those without {file} as study.json)"""
CAMPAIGN = {"preset", "presets", "protocols", "device", "claims", "rows"}
"what a record of a registered study says at least"


def made_by(name: str) -> str | None:
    """The command that makes the record ``name``; None for an unknown one."""
    # ``masking-classroom`` is made by the command of ``masking``, with ``classroom`` in it
    first, _, rest = name.partition("-")
    command = MADE_BY.get(name)
    if command is None and rest:
        command = MADE_BY.get(first)
    # a study of the registry needs no line in MADE_BY
    if name in designs():
        command = f"hinas-lab study {name} --json {{file}}"
    return command and command.format(file=f"data/studies/{name}.json", rest=rest)


def names() -> list[str]:
    """The names of all records that are here."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def recorded(name: str) -> dict:
    """The JSON of a study, e.g. ``protocol-tv-BSDS500-50``.

    ValueError names the recorded ones, and the command that would make it.
    """
    if name in names():
        return read_json(FOLDER / f"{name}.json")
    command = made_by(name)
    advice = f"make it with: {command}; or take one of" if command else "must be one of"
    raise ValueError(
        f"recorded study {name!r}: {advice} {', '.join(names()) or 'none'} "
        f"(in {FOLDER} of a checkout)"
    )


def registered(study: str) -> dict | None:
    """The record of a study of the registry; None while there is none.

    ValueError when the file holds something else.
    """
    if study not in names():
        return None
    record = recorded(study)
    # a file of an older version must not be read as if it were today's
    if record.get("study") != study or not CAMPAIGN <= set(record):
        raise ValueError(
            f"{FOLDER / study}.json: is no record of study {study} of this version; "
            f"make it again with: {made_by(study)}"
        )
    return record


def at_other_presets(study: str) -> list[dict]:
    """The records of a study of the registry beside ``registered(study)``, each of a preset."""
    found = [recorded(name) for name in names() if name.startswith(f"{study}-")]
    return [record for record in found if record.get("study") == study]


def frame_of(record: dict, **values):
    """A record's rows as a tidy ``pandas.DataFrame``: a line per net, a column per key.

    ``values``: only the rows whose columns hold them, e.g. ``task="sr", arm="ws"``.
    """
    import pandas as pd

    frame = pd.DataFrame(record["rows"])
    for column, value in values.items():
        frame = frame[frame[column] == value]
    return frame


def recorded_run(name: str) -> Path:
    """The folder of a recorded search, e.g. ``hasty``; ValueError names those that there are.

    It holds config.json, env.json, records.npz and genotype.json, but no weights: it can be
    replayed, not resumed.
    """
    runs = sorted(path.parent.name for path in RUNS.glob("*/records.npz"))
    if name not in runs:
        raise ValueError(
            f"recorded run {name!r}: must be one of {', '.join(runs) or 'none'} "
            f"(in {RUNS} of a checkout)"
        )
    return RUNS / name


def setting(name: str) -> Preset:
    """The full configuration of a recorded search.

    As on the command line, a star behind the preset's name says that it was changed.
    """
    changes = dict(CHANGES[name])
    chosen, budget = changes.pop("preset", "classroom"), changes.pop("budget", None)
    base = preset(chosen, changes.pop("task", "denoise"), changes.pop("scale", None))
    space = _fields_of(base.space, changes)
    search = _fields_of(base.search, changes)
    # another seed is the same configuration
    changed = space or search.keys() - {"seed"}
    asked = base._replace(
        name=f"{chosen}*" if changed else chosen,
        space=replace(base.space, **space),
        search=replace(base.search, **search),
    )
    return asked if budget is None else asked.with_budget(budget)


def _fields_of(config: SearchSpace | SearchConfig, changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if hasattr(config, name)}
