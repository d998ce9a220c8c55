"""What a recorded search was asked for, where it ran and what it gave, as text. No torch."""

import json
import shlex
from dataclasses import asdict

import numpy as np

from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.drawing.genotype_graph import task_name
from hinas_lab.images.tasks import TASKS
from hinas_lab.live.recordings import Recording, moment
from hinas_lab.presets import preset
from hinas_lab.records import kept_row
from hinas_lab.runs.header import flat
from hinas_lab.space import cost
from hinas_lab.space.budget import Budget, cost_text
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import read_json


def genotype_of(recording: Recording) -> Genotype:
    """The result; of an unfinished search what its last epoch decodes to."""
    return recording.genotype or moment(recording, recording.last).genotype


def results(recording: Recording) -> dict[str, str]:
    """What came out: name -> text."""
    search, columns = recording.search, recording.records
    row = kept_row(columns, search.keep_supernet)
    state = "finished" if recording.genotype else "not finished"

    def kept(name: str) -> float:
        return columns[f"epoch/{name}"][row]

    def change(name: str) -> str:
        return f"{columns[f'epoch/{name}'][0]:.2f} → {kept(name):.2f}"

    return {
        "task": _task(recording),
        "preset": f"{recording.preset}, seed {search.seed}",
        "how far": f"{recording.last} of {search.epochs} epochs, {state}",
        "best epoch on V": str(recording.best) if recording.best else "not validated",
        "result taken from": f"epoch {row}",
        "score on V": _number(kept("score")),
        "PSNR, SSIM on V": f"{_number(kept('psnr'))} dB, {_number(kept('ssim'))}",
        "score of the last epoch": _number(columns["epoch/score"][-1]),
        "entropy of alpha": change("alpha_entropy"),
        "entropy of beta": change("beta_entropy"),
        "share of skips": f"{kept('skip_share'):.0%}",
        **_net(recording),
        **_budget(recording, row),
    }


def _budget(recording: Recording, row: int) -> dict[str, str]:
    """Of a search under a budget: what the net costs beside it; {} without one."""
    search = recording.search
    if search.budget is None:
        return {}
    nothing = np.full(row + 1, np.nan)
    expected, mu = (
        recording.records.get(f"epoch/{name}", nothing)[row] for name in ("expected_cost", "mu")
    )
    return {
        "cost of the net": cost_text(recording.space, search, genotype_of(recording)),
        "expected cost": Budget.parse(search.budget).text(expected),
        "price of cost": f"{_number(mu)} % of loss for 1 % of cost",
    }


def _net(recording: Recording) -> dict[str, str]:
    space, genotype = recording.space, genotype_of(recording)
    widths = [f"{genotype.width_factors[i]:g}·W" for i in genotype.path]
    facts = {"genotype": genotype.hash, "width path": ", ".join(widths)}
    shape = {"stem": space.stem, "end": space.end, "repeats": space.repeats}
    try:
        parameters = cost.parameters(genotype, space.width, **shape)
        macs = cost.macs(genotype, space.width, 1, 1, **shape)
    except ValueError:  # this W makes no whole number of channels
        return facts
    facts[f"parameters at W = {space.width}"] = f"{parameters:,}"
    facts[f"MACs an input pixel at W = {space.width}"] = f"{macs:,}"
    return facts


def protocol(recording: Recording) -> str:
    """How V was scored (``searching.scoring``)."""
    space, search = recording.space, recording.search
    colour = "colour" if space.channels == 3 else "gray"
    crop = "whole"
    if search.validate_crop is not None:
        crop = f"cut to a centred square of at most {search.validate_crop} pixels"
    fixed = ", one fixed noise field for each" if TASKS[space.task].has_levels else ""
    score = "PSNR" if search.score == "psnr" else "SSIM + PSNR / 100"
    by = "the soft supernet"
    if search.method == "rsws":
        by = "each of 30 random architectures with the shared weights, after the last epoch,"
    return (
        f"{_task(recording)}, {colour}. V is {search.val_fraction:.0%} of the training pictures "
        f"of {recording.header['data']}, {crop}{fixed}, restored by {by} in tiles of "
        f"64 pixels and clipped; score = {score}. V chose the result, and the supernet is not the "
        "found net: no number here is one of a test set."
    )


def settings(recording: Recording) -> dict:
    """Every field of the configuration: ``search.loss.lam`` -> value."""
    return _fields(recording.space, recording.search)


def usual_settings(recording: Recording) -> dict:
    """The same of the run's preset; {} when this version does not know it."""
    space = recording.space
    try:
        # a star says that something was changed
        usual = preset(recording.preset.rstrip("*"), space.task, space.scale)
    except ValueError:
        return {}
    return _fields(usual.space, usual.search)


def changes(recording: Recording) -> dict:
    """The settings that are not the preset's; the seed is none of them."""
    usual, found = usual_settings(recording), {}
    for name, value in settings(recording).items():
        if name != "search.seed" and usual.get(name) != value:
            found[name] = value
    return found


def environment(recording: Recording) -> dict:
    """The data, and what the run's env.json says of the machine and its versions."""
    header = recording.header
    facts = {"data": header["data"], "hash of the data": header.get("data_hash")}
    path = recording.folder / "env.json"
    # packed runs may lack it
    if not path.exists():
        return facts
    for name, value in flat(read_json(path)).items():
        facts[name.removeprefix("versions.")] = value
    return facts


def command(recording: Recording) -> str:
    """The command line that makes the search again, into another folder."""
    space, machine = recording.space, environment(recording)
    words = ["hinas-lab", "search", "--task", space.task]
    if space.scale > 1:
        words += ["--scale", space.scale]
    words += ["--preset", recording.preset.rstrip("*"), "--data", recording.header["data"]]
    for name, value in changes(recording).items():
        words += ["--set", f"{name}={as_text(value)}"]
    words += ["--seed", recording.seed]
    for name in ("device", "threads"):
        if machine.get(name) is not None:
            words += [f"--{name}", machine[name]]
    words += ["--run", f"runs/{recording.folder.resolve().name}-again"]
    return shlex.join(map(str, words))


def as_text(value) -> str:
    """A setting as ``--set`` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _fields(space: SearchSpace, search: SearchConfig) -> dict:
    return flat({"space": asdict(space), "search": asdict(search)})


def _task(recording: Recording) -> str:
    name = task_name(recording.space)
    if not TASKS[recording.space.task].has_levels:
        return name
    return f"{name}, sigma {', '.join(f'{sigma:g}' for sigma in recording.search.sigmas)}"


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "–"
