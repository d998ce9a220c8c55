"""Small searches and trainings in ``data/nets`` with their weights: a lesson restores at once.

A recorded run stands in for a new one only when it is what was asked: same space, search, genotype
and training.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hinas_book.kit.recorded import RUNS, recorded
from hinas_lab.config import Loss, SearchConfig, SearchSpace, TrainConfig, from_dict
from hinas_lab.paths import data
from hinas_lab.presets import Preset
from hinas_lab.records import Epoch
from hinas_lab.runs.folder import Run, load_genotype, open_search, open_training, read_header
from hinas_lab.space.genotype import Genotype

FOLDER = data("nets")

SEARCHES = {"supernet": "denoise", "classroom-sr": "sr"}
"""name -> task; ``supernet`` is the recorded search ``classroom`` with its weights, of the other
the record is enough"""
NETS: dict[str, Callable[[Preset], dict]] = {
    "net": lambda settings: {},
    "net-mse": lambda settings: {"loss": Loss(lam=0)},
    "net-all-sigmas": lambda settings: {"sigmas": (30.0, 50.0, 70.0)},
    "net-narrow": lambda settings: {"width": settings.space.width},
    # SSIM over the large patches of super-resolution would take twelve times as long
    "net-sr": lambda settings: {"loss": Loss(lam=0)},
}
"name of a training -> what it changes in the preset's"


def _kept() -> dict[str, tuple[str, dict]]:
    kept = {}
    arms = {
        "basic": (False, False),
        "lwas": (True, False),
        "resl": (False, True),
        "both": (True, True),
    }
    for prefix, task in (("study", "denoise"), ("study-sr", "sr")):
        for name, (lwas, residual) in arms.items():
            row = {"task": task, "lwas": lwas, "residual": residual, "seed": 0}
            kept[f"{prefix}-{name}"] = ("lwas-residual", row)
    for name, lam in (("mse", 0.0), ("ssim", 0.6)):
        kept[f"study-sr-{name}"] = ("loss", {"task": "sr", "lam": lam, "seed": 0})
    levels = {"net-": ("denoise", (30.0, 50.0, 70.0)), "net-x": ("sr", (2.0, 3.0, 4.0))}
    for prefix, (task, values) in levels.items():
        for level in values:
            row = {"task": task, "level": level, "method": "ours"}
            kept[f"{prefix}{level:g}"] = ("state-of-the-art", row)
    return kept


KEPT = _kept()
"""nets of the campaign whose weights are kept for Figures 5, 6, 9, 12 and 13: name -> study, and
what its row says"""


def searched(
    name: str,
    settings: Preset,
    *,
    live: bool = False,
    folder: str | Path = "runs",
    device: str = "auto",
    record: Path | None = None,
) -> Path:
    """The folder of the finished search ``name`` at ``settings``.

    One below ``record`` (default: data/nets, else data/runs) if it is there and the same; else, or
    with ``live``, the search is run, or continued, in ``folder/name`` on ``device`` (auto: an
    NVIDIA GPU where there is one), with a line now and then.
    """
    # with weights where they are kept, else the record alone
    record = record or (FOLDER if (FOLDER / name).exists() else RUNS)
    if not live and (record / name / "genotype.json").exists():
        header = read_header(record / name)
        space = from_dict(SearchSpace, header["space"])
        search = from_dict(SearchConfig, header["search"])
        if (space, search) == (settings.space, settings.search):
            return record / name
    run = open_search(Path(folder) / name, settings, device=device, resume=True)
    return _finish(run, settings.search.epochs)


def trained(
    name: str,
    genotype: Genotype,
    settings: Preset,
    *,
    live: bool = False,
    folder: str | Path = "runs",
    device: str = "auto",
    record: Path = FOLDER,
) -> Path:
    """The same for the training ``name`` of ``genotype``; NETS says what it changes."""
    train = replace(settings.train, **NETS[name](settings))
    if not live and (record / name / "best.safetensors").exists():
        header = read_header(record / name)
        if (
            load_genotype(record / name) == genotype
            and header["residual"] == settings.space.residual
            and from_dict(TrainConfig, header["train"]) == train
        ):
            return record / name
    settings = settings._replace(train=train)
    run = open_training(Path(folder) / name, genotype, settings, device=device, resume=True)
    return _finish(run, train.iterations)


def _finish(run: Run, total: int) -> Path:
    """Run to the end; at most ten lines on the way."""
    printed = 0
    for record in run.steps():
        done = 0  # a validation of a training is no step
        if isinstance(record, Epoch):
            done = record.epoch
        elif record.kind == "train":
            done = record.iteration
        tenths = done * 10 // total
        # one step may pass several tenths of a short run
        if tenths > printed:
            printed = tenths
            print(f"{run.folder}: {done} of {total}")
    return run.folder


def kept_key(name: str) -> str:
    """The campaign's job that trained ``name`` of KEPT.

    ValueError when the study was not made, or has no such row.
    """
    study, wanted = KEPT[name]
    for row in recorded(study)["rows"]:
        if wanted.items() <= row.items():
            return row.get("weights") or row["key"]
    raise ValueError(f"{name}: the recorded study {study} has no row with {wanted}")
