"""Small searches and trainings that lie in ``data/nets`` with their weights, so that a lesson restores at once.

A recorded run stands in for a new one only when it is what was asked: same space, search, genotype and training.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hinas_book.kit.recorded import RUNS, recorded
from hinas_lab.config import Loss, Preset, SearchConfig, SearchSpace, TrainConfig, from_dict
from hinas_lab.records import Epoch
from hinas_lab.runs.folder import Run, load_genotype, open_search, open_training, read_header
from hinas_lab.space.genotype import Genotype

FOLDER = Path(__file__).parents[2] / "data" / "nets"

SEARCHES = {"supernet": "denoise", "classroom-sr": "sr"}
"name -> task; ``supernet`` is the recorded search ``classroom`` with its weights, of the other the record is enough"
NETS: dict[str, Callable[[Preset], dict]] = {
    "net": lambda settings: {},
    "net-mse": lambda settings: {"loss": Loss(lam=0)},
    "net-all-sigmas": lambda settings: {"sigmas": (30.0, 50.0, 70.0)},
    "net-narrow": lambda settings: {"width": settings.space.width},
    "net-sr": lambda settings: {
        "loss": Loss(lam=0)
    },  # SSIM over large patches would take twelve times as long
}
"name of a training -> what it changes in the preset's"
_ARM = {"basic": (False, False), "lwas": (True, False), "resl": (False, True), "both": (True, True)}
KEPT: dict[str, tuple[str, dict]] = {
    **{
        f"study-{name}": ("lwas-residual", {"task": "denoise", "lwas": a, "residual": b, "seed": 0})
        for name, (a, b) in _ARM.items()
    },
    **{
        f"study-sr-{name}": ("lwas-residual", {"task": "sr", "lwas": a, "residual": b, "seed": 0})
        for name, (a, b) in _ARM.items()
    },
    "study-sr-mse": ("loss", {"task": "sr", "lam": 0.0, "seed": 0}),
    "study-sr-ssim": ("loss", {"task": "sr", "lam": 0.6, "seed": 0}),
    **{
        f"net-{sigma:g}": (
            "state-of-the-art",
            {"task": "denoise", "level": sigma, "method": "ours"},
        )
        for sigma in (30.0, 50.0, 70.0)
    },
    **{
        f"net-x{scale:g}": ("state-of-the-art", {"task": "sr", "level": scale, "method": "ours"})
        for scale in (2.0, 3.0, 4.0)
    },
}
"nets of the campaign whose weights are kept for Figures 5, 6, 9, 12 and 13: name -> study, and what its row says"


def searched(
    name: str,
    settings: Preset,
    *,
    live: bool = False,
    folder: str | Path = "runs",
    record: Path | None = None,
) -> Path:
    """The folder of the finished search ``name`` at ``settings``: below ``record`` (default: data/nets, else data/runs) if it is there and
    the same, else (or ``live``) it is run, or continued, in ``folder/name``, with a line now and then."""
    record = record or (FOLDER if (FOLDER / name).exists() else RUNS)
    if not live and (record / name / "genotype.json").exists():
        header = read_header(record / name)
        if (from_dict(SearchSpace, header["space"]), from_dict(SearchConfig, header["search"])) == (
            settings.space,
            settings.search,
        ):
            return record / name
    return _finish(open_search(Path(folder) / name, settings, resume=True), settings.search.epochs)


def trained(
    name: str,
    genotype: Genotype,
    settings: Preset,
    *,
    live: bool = False,
    folder: str | Path = "runs",
    record: Path = FOLDER,
) -> Path:
    """The same for the training ``name`` of ``genotype``; NETS says what ``name`` changes in ``settings``."""
    settings = settings._replace(train=replace(settings.train, **NETS[name](settings)))
    if not live and (record / name / "best.safetensors").exists():
        header = read_header(record / name)
        if (
            load_genotype(record / name),
            header["residual"],
            from_dict(TrainConfig, header["train"]),
        ) == (genotype, settings.space.residual, settings.train):
            return record / name
    return _finish(
        open_training(Path(folder) / name, genotype, settings, resume=True),
        settings.train.iterations,
    )


def _finish(run: Run, total: int) -> Path:
    """Run to the end; at most ten lines on the way."""
    said = 0
    for record in run.steps():
        done = (
            record.epoch
            if isinstance(record, Epoch)
            else record.iteration
            if record.kind == "train"
            else 0
        )
        if done * 10 // total > said:
            said = done * 10 // total
            print(f"{run.folder}: {done} of {total}")
    return run.folder


def kept_key(name: str) -> str:
    """The campaign's job that trained ``name`` of KEPT. ValueError when the study was not made, or has no such row."""
    study, wanted = KEPT[name]
    for row in recorded(study)["rows"]:
        if wanted.items() <= row.items():
            return row.get("weights") or row["key"]
    raise ValueError(f"{name}: the recorded study {study} has no row with {wanted}")
