"""A recorded search, read for pictures: its run folder as numbers and moments. No torch, and nothing in the folder can execute code."""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hinas_lab.config import SearchConfig, SearchSpace, from_dict
from hinas_lab.live.board.state import Moment
from hinas_lab.records import read_records
from hinas_lab.runs.header import load_genotype, read_header
from hinas_lab.space.decode import decode
from hinas_lab.space.genotype import Genotype

LARGEST = 128
"MB of numbers that a recording may hold unpacked; 100 epochs of the paper's search hold 0.3"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A search run's folder, finished or not, as far as it was saved."""

    folder: Path
    preset: str
    space: SearchSpace
    search: SearchConfig
    records: Mapping[str, np.ndarray]
    "columns as ``engine.records.read_records`` gives them; a row per epoch from epoch 0 on"
    genotype: Genotype | None
    "the result; None while the run is not finished"

    @property
    def seed(self) -> int:
        return self.search.seed

    @property
    def last(self) -> int:
        """The last epoch that was recorded, 0 when none was finished."""
        return len(self.records["epoch/epoch"]) - 1

    @property
    def best(self) -> int:
        """The best epoch on V; 0 when none was validated."""
        return int(self.records["epoch/best"][-1])


def read_recording(folder: str | Path) -> Recording:
    """The recording in a run folder. ValueError in one line when there is none, when it is damaged or half written, of another version, a
    training, or larger than ``LARGEST``."""
    folder = Path(folder)
    header = read_header(folder)
    if header["kind"] != "search":
        raise ValueError(
            f"{folder}: is a training run; name the search it was decoded from (its records hold alpha and beta)"
        )
    try:
        space, search = (
            from_dict(SearchSpace, header["space"]),
            from_dict(SearchConfig, header["search"]),
        )
    except ValueError as error:
        raise ValueError(
            f"{folder / 'config.json'}: not a run of this version of hinas_lab ({error})"
        ) from None
    _check_size(folder / "records.npz")
    records = read_records(folder)
    _check_records(folder / "records.npz", records, space)
    genotype = None
    if (folder / "genotype.json").exists():
        genotype = load_genotype(folder)
    return Recording(
        folder=folder,
        preset=str(header["preset"]),
        space=space,
        search=search,
        records=records,
        genotype=genotype,
    )


def _check_size(path: Path):
    """Before anything is unpacked; what is no zip file at all, ``read_records`` says."""
    try:
        with zipfile.ZipFile(path) as stored:
            size = max(path.stat().st_size, sum(part.file_size for part in stored.infolist())) / 1e6
    except (OSError, ValueError, zipfile.BadZipFile):
        return
    if size > LARGEST:
        raise ValueError(
            f"{path}: holds {size:.0f} MB of records; a replay reads at most {LARGEST} MB"
        )


def _check_records(path: Path, records: Mapping[str, np.ndarray], space: SearchSpace):
    """The columns belong together and to ``space``."""
    epochs = len(records["epoch/epoch"])
    wanted = {
        "epoch/alpha": space.alpha_shape,
        "epoch/beta": (len(space.moves),),
        "epoch/beta_grad": (len(space.moves),),
    }
    for name, column in records.items():
        group = name.split("/")[0]
        if group == "preview":
            continue
        rows = epochs if group == "epoch" else len(records["step/kind"])
        if column.shape != (rows, *wanted.get(name, ())) or column.dtype.kind not in "iuf":
            raise ValueError(
                f"{path}: damaged, column {name} has shape {column.shape} and not {(rows, *wanted.get(name, ()))}"
            )
    if not epochs:
        raise ValueError(f"{path}: no epoch was recorded yet")
    if (
        not np.array_equal(records["epoch/epoch"], np.arange(epochs))
        or (np.diff(records["step/epoch"]) < 0).any()
    ):
        raise ValueError(f"{path}: damaged, its epochs are not in order")
    if not all(np.isfinite(records[f"epoch/{name}"]).all() for name in ("alpha", "beta")):
        raise ValueError(
            f"{path}: alpha or beta is not finite; this search broke down and cannot be decoded"
        )
    at, images = (records.get(f"preview/{name}", np.zeros(0)) for name in ("epoch", "images"))
    if len(at) and (
        images.ndim != 5
        or images.shape[:3] != (len(at), 2, space.channels)
        or images.dtype != np.uint8
    ):
        raise ValueError(
            f"{path}: damaged, its previews are not uint8 (n, 2, {space.channels}, P, P)"
        )


def moment(recording: Recording, epoch: int) -> Moment:
    """The search at the end of ``epoch`` (0: before the first step), from what was known then. ValueError for an epoch not recorded."""
    if not 0 <= epoch <= recording.last:
        raise ValueError(
            f"epoch = {epoch!r}: {recording.folder} holds the epochs 0 to {recording.last}"
        )
    all_, space = recording.records, recording.space
    steps = int(np.searchsorted(all_["step/epoch"], epoch, side="right"))
    records = {
        name: column[: steps if name.startswith("step/") else epoch + 1]
        for name, column in all_.items()
        if not name.startswith("preview/")
    }
    seen = np.flatnonzero(all_.get("preview/epoch", np.array([])) <= epoch)
    alpha, beta = all_["epoch/alpha"], all_["epoch/beta"]
    phase = (
        "before the first step"
        if epoch == 0
        else "warm-up"
        if epoch <= recording.search.warmup_epochs
        else "alternating"
    )
    return Moment(
        records=records, alpha=alpha[epoch], beta=beta[epoch], genotype=decode(space, alpha[epoch], beta[epoch]),
        before=decode(space, alpha[epoch - 1], beta[epoch - 1]) if epoch else None,
        preview=all_["preview/images"][seen[-1]] if len(seen) else None,
        title=f"epoch {epoch} of {recording.search.epochs}, {phase}",
    )  # fmt: skip


def moments(recording: Recording) -> Iterator[Moment]:
    """Every recorded epoch, from epoch 0 on."""
    return (moment(recording, epoch) for epoch in range(recording.last + 1))
