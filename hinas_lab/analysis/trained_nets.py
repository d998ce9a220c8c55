"""Trained nets with what they cost and how well they restore: from run folders, or from the rows of
a study's record."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from hinas_lab.config import TrainConfig, from_dict
from hinas_lab.images.protocol import protocol
from hinas_lab.images.tasks import task_named
from hinas_lab.paths import data
from hinas_lab.runs.header import load_genotype, read_environment, read_header
from hinas_lab.space import cost
from hinas_lab.space.budget import Shape
from hinas_lab.space.cost import HEIGHT, WIDTH
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import read_json

PICTURE = f"{WIDTH} x {HEIGHT}"
SCORES = {"psnr", "ssim", "protocol", "test"}
"what the row of a study says that left a run"


@dataclass(frozen=True, kw_only=True)
class TrainedNet:
    """One training of one net; None where it is not known."""

    name: str
    method: str
    "how its architecture was found: the arm of a study, the folder or the preset of a run"
    seed: int | None
    "of the training"
    psnr: float
    "dB, the mean over the test pictures"
    ssim: float
    parameters: int | None
    macs: int | None
    "multiply-accumulates of an input of 480 x 320 pixels"
    milliseconds: float | None = None
    "of one restoration"
    picture: str = PICTURE
    "what ``milliseconds`` are of: pixels of the net's input, or a set of pictures"
    genotype: Genotype | None
    preset: str
    protocol: str
    device: str
    "where it was trained or measured"
    test: str
    "the data set that it was measured on, and how degraded: ``denoise sigma 50, builtin``"
    folder: Path | None = None
    "of its run, where its weights are at hand"

    @property
    def measured_as(self) -> str:
        """Only nets of which this is the same can be compared."""
        return f"{self.test}, protocol {self.protocol}"


RENAMED = {("search", "rsws"): "random, search's supernet"}
"""(study, arm) of a record -> what it is: random nets scored on the gradient search's own supernet,
which is not the cited RSWS"""


class Found(NamedTuple):
    """Nets, and in a line each what was there and is not among them."""

    nets: tuple[TrainedNet, ...]
    left_out: tuple[str, ...] = ()


def find_nets(what, device: str = "cpu") -> Found:
    """The trained nets of ``what``: a folder of runs, a study's record (a JSON file, its name in
    data/studies, its dict, or its rows), or ``TrainedNet``s.

    A run without a quality is measured on ``device``. ValueError in one line when there is none.
    """
    if isinstance(what, Found):
        return what
    if isinstance(what, str | Path):
        path = _place_of(what)
        if path.is_dir():
            return nets_of_runs(path, device)
        return nets_of_record(read_json(path), str(path))
    if isinstance(what, Mapping):
        return nets_of_record(what)
    if not isinstance(what, Sequence) or not what:
        raise ValueError("nets: must be a folder of runs, a study's record or its rows, not empty")
    if all(isinstance(net, TrainedNet) for net in what):
        return Found(tuple(what))
    if not all(isinstance(row, Mapping) for row in what):
        raise ValueError("nets: must be rows of one record, or trained nets alone")
    return nets_of_record({"rows": what})


def _place_of(what: str | Path) -> Path:
    path = Path(what)
    if path.exists():
        return path
    record = data("studies", f"{what}.json")
    if record.is_file():
        return record
    raise ValueError(f"{what}: no folder of runs, no record, and no study of data/studies")


# ---------------------------------------------------------------- runs


def nets_of_runs(folder: str | Path, device: str = "cpu") -> Found:
    """The finished trainings below ``folder``; searches are passed over.

    Its method is the folder that a run lies in, below ``folder``; of one that lies in ``folder``
    itself its preset. A run's quality is that of its row, where a study left one; else the net is
    measured on the built-in test pictures, by the protocol of its task. ValueError when there is
    no finished training, or no folder.
    """
    from tqdm import tqdm

    from hinas_lab.training.numerics import use_device

    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    # a device that is not there is no fault of a run
    device = use_device(device)
    runs = sorted(path.parent for path in folder.rglob("config.json"))
    nets, left_out = [], []
    for run in tqdm(runs, desc="nets", unit="run", disable=None):
        # a damaged run is named and does not end the list
        try:
            header = read_header(run)
            if header["kind"] != "search":
                nets.append(_net_of_run(run, header, folder, device))
        except ValueError as error:
            text = str(error)
            left_out.append(text if str(run) in text else f"{run}: {text}")
    if not nets:
        why = f" ({left_out[0]})" if left_out else ""
        raise ValueError(f"{folder}: no finished training below it{why}")
    return Found(tuple(nets), tuple(left_out))


def _net_of_run(run: Path, header: dict, root: Path, device: str) -> TrainedNet:
    """ValueError when it is not finished, damaged or another method's."""
    from hinas_lab.analysis.net_measures import level_of, measured

    genotype = load_genotype(run)
    if not (run / "best.safetensors").exists():
        raise ValueError(f"{run}: not finished, or without its weights")
    config = from_dict(TrainConfig, header["train"])
    shape = Shape.trained(config).words
    scores, level = {}, level_of(genotype, config)
    if (run / "row.json").exists():
        scores = read_json(run / "row.json")
    if not SCORES <= scores.keys():
        scores = measured(run, genotype, config, device)
    elif task_named(genotype.task).has_levels:
        # where a study measures
        level = config.sigmas[0]
    path = run.relative_to(root)
    return TrainedNet(
        name=str(path) if path.parts else run.resolve().name,
        method=str(path.parent) if len(path.parts) > 1 else header["preset"],
        seed=config.seed,
        psnr=_number("psnr", scores["psnr"]),
        ssim=_number("ssim", scores["ssim"]),
        parameters=cost.parameters(genotype, config.width, **shape),
        macs=cost.macs(genotype, config.width, HEIGHT, WIDTH, **shape),
        genotype=genotype,
        preset=header["preset"],
        protocol=_words(scores["protocol"]),
        device=_words(scores.get("device") or _device_of(run)),
        test=_test(genotype.task, level, scores["test"]),
        folder=run,
    )


def _device_of(run: Path) -> str:
    """Where it was trained; packed runs may lack their env.json."""
    if not (run / "env.json").exists():
        return "not told"
    return read_environment(run).get("device", "cpu")


def _test(task: str, level: float | None, pictures: str) -> str:
    degraded = "" if level is None else f" {task_named(task).level_text(level)}"
    return f"{task}{degraded}, {pictures}"


# ---------------------------------------------------------------- records


def nets_of_record(record: Mapping, where: str = "record") -> Found:
    """The nets of a study's record, of its rows that have a PSNR and an SSIM; a training that
    several rows of an arm share counts once.

    ValueError in one line that names the row whose number is none, and for a record of no nets.
    """
    rows = record.get("rows")
    if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(f"{where}: no record of a study (no rows)")
    nets, seen, without = [], set(), 0
    for number, row in enumerate(rows, 1):
        if row.get("psnr") is None or row.get("ssim") is None:
            without += 1
            continue
        study = _words(record.get("study") or "")
        method = _words(row.get("arm") or row.get("method") or study or where)
        method = RENAMED.get((study, method), method)
        try:
            net = _net_of_row(row, record, method)
        # whatever somebody wrote into a file
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            raise ValueError(f"{where}: row {number} ({method}): {_words(error)}") from None
        shared = method, str(row.get("key") or number)
        if shared not in seen:
            seen.add(shared)
            nets.append(net)
    if not nets:
        raise ValueError(f"{where}: holds no trained nets (no row with psnr and ssim)")
    left_out = (f"{where}: rows without psnr and ssim, left out: {without}",) if without else ()
    return Found(tuple(nets), left_out)


def _net_of_row(row: Mapping, record: Mapping, method: str) -> TrainedNet:
    genotype = row.get("genotype")
    if isinstance(genotype, Mapping):
        genotype = json.dumps(genotype)
    genotype = Genotype.from_json(genotype) if genotype else None
    scale = genotype.scale if genotype else row.get("scale") or 1
    task = row.get("task") or ("sr" if scale > 1 else "denoise")
    numbers = {}
    for name in ("psnr", "ssim", "parameters", "macs"):
        numbers[name] = _number(name, row.get(name))
    seed, number = row.get("seed"), row.get("number")
    told = [method]
    told += [] if number is None else [_words(f"no. {number}")]
    told += [] if seed is None else [_words(f"seed {seed}")]
    pictures = _words(row.get("test") or row.get("dataset") or record.get("data", "test pictures"))
    level = row.get("level", row.get("sigma"))
    if level is None and scale > 1:
        level = scale
    return TrainedNet(
        name=", ".join(told),
        method=method,
        seed=seed,
        **numbers,
        **_time_of(row, pictures),
        genotype=genotype,
        preset=_words(row.get("preset") or record.get("preset", "")),
        protocol=_words(row.get("protocol") or _protocol_of(record, task)),
        device=_words(row.get("device") or record.get("device", "")),
        test=_test(task, level, pictures),
    )


def _time_of(row: Mapping, pictures: str) -> dict:
    """Milliseconds of a row, and of what picture."""
    if row.get("milliseconds") is not None:
        told = {"milliseconds": _number("milliseconds", row["milliseconds"])}
        return told | {"picture": _words(row.get("picture", PICTURE))}
    # a mean over n pictures; other seconds are of a training
    if row.get("seconds") is not None and row.get("n") is not None:
        seconds = _number("seconds", row["seconds"])
        return {"milliseconds": 1000 * seconds, "picture": f"mean of {pictures}"}
    return {}


def _protocol_of(record: Mapping, task: str) -> str:
    """That of a record's protocols which is for ``task``; empty where that is not told."""
    fitting = []
    for name in record.get("protocols") or ():
        if protocol(name).task == task:
            fitting.append(name)
    return fitting[0] if len(fitting) == 1 else "not told"


def _words(value) -> str:
    """What somebody wrote into a file, in one line."""
    return " ".join(str(value).split())


def _number(name: str, value) -> float | int | None:
    """A finite number, a cost above 0; None stays None. ValueError names what it is instead."""
    if value is None:
        return None
    is_quality = name in ("psnr", "ssim")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not isfinite(value) or (value <= 0 and not is_quality):
        wanted = "a finite number" if is_quality else "a finite number above 0"
        raise ValueError(f"{name} = {value!r}: must be {wanted}")
    return value
