"""What was run before and is kept in the repository, so that a lesson starts at once: studies (``data/studies``), and the records of
searches (``data/runs``), most of them with one thing switched off. No torch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from hinas_book.kit.registry import studies
from hinas_lab.config import Preset, SearchSpace, preset
from hinas_lab.runs.header import read_json

FOLDER = Path(__file__).parents[2] / "data" / "studies"
RUNS = Path(__file__).parents[2] / "data" / "runs"
CHANGES: dict[str, dict[str, Any]] = {
    "classroom": {},
    "classroom-seed-1": {"seed": 1},
    "classroom-sr": {"task": "sr", "scale": 4},
    "eager": {"warmup_epochs": 0, "arch_lr": 0.1},
    "last-supernet": {"warmup_epochs": 0, "arch_lr": 0.1, "keep_supernet": "last"},
    "a-equals-w": {"arch_split": "weights"},
    "affine": {"affine": True},
}
"the recorded searches: what each changes of preset ``classroom`` with seed 0 on the built-in photographs"
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
"a record's name, or what comes before its first hyphen -> its command (demo writes it as summary.json, those without {file} as study.json)"
CAMPAIGN = {"preset", "presets", "protocols", "device", "claims", "rows"}
"what a record of a registered study says at least"


def made_by(name: str) -> str | None:
    """The command that makes the record ``name``; None for an unknown one."""
    first, _, rest = name.partition("-")
    command = MADE_BY.get(name) or (MADE_BY.get(first) if rest else None)
    if name in studies():
        command = f"hinas-lab study {name} --json {{file}}"
    return command and command.format(file=f"data/studies/{name}.json", rest=rest)


def recorded(name: str) -> dict:
    """The JSON of a study, e.g. ``protocol-tv-BSDS500-50``. ValueError names the known ones, or the command that makes it."""
    known = names()
    if name not in known:
        make = (
            f"make it with: {command}; or take one of"
            if (command := made_by(name))
            else "must be one of"
        )
        raise ValueError(
            f"recorded study {name!r}: {make} {', '.join(known) or 'none'} (in {FOLDER} of a checkout)"
        )
    return read_json(FOLDER / f"{name}.json")


def names() -> list[str]:
    """Of all records that are here."""
    return sorted(p.stem for p in FOLDER.glob("*.json"))


def registered(study: str) -> dict | None:
    """The record of a study of ``the registry``; None while there is none. ValueError when the file holds something else."""
    if study not in names():
        return None
    told = recorded(study)
    if told.get("study") != study or not CAMPAIGN <= set(told):
        raise ValueError(
            f"{FOLDER / study}.json: is no record of study {study} of this version; make it again with: {made_by(study)}"
        )
    return told


def recorded_run(name: str) -> Path:
    """The folder of a recorded search, e.g. ``eager``: config.json, env.json, records.npz, genotype.json; no weights, so it can be replayed
    but not resumed. ValueError names the known ones."""
    known = sorted(p.parent.name for p in RUNS.glob("*/records.npz"))
    if name not in known:
        raise ValueError(
            f"recorded run {name!r}: must be one of {', '.join(known) or 'none'} (in {RUNS} of a checkout)"
        )
    return RUNS / name


def setting(name: str) -> Preset:
    """The full configuration of a recorded search; as on the command line, a star behind the preset's name says that it was changed."""
    changes = CHANGES[name]
    chosen = preset("classroom", changes.get("task", "denoise"), changes.get("scale"))
    of = lambda config: {
        k: v for k, v in changes.items() if hasattr(config, k) and k not in ("task", "scale")
    }  # noqa: E731
    space, search = of(SearchSpace()), of(chosen.search)
    return chosen._replace(
        name="classroom" + "*" * bool(space or set(search) - {"seed"}),
        space=replace(chosen.space, **space),
        search=replace(chosen.search, **search),
    )
