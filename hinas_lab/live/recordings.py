"""A recorded search, read for pictures: its run folder as numbers and moments. No torch, and
nothing in the folder can execute code."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hinas_lab.config import SearchConfig, SearchSpace, from_dict
from hinas_lab.live.moment import Moment
from hinas_lab.records import read_records, unpacked_bytes
from hinas_lab.runs.header import load_genotype, read_header
from hinas_lab.space.budget import reader
from hinas_lab.space.genotype import Genotype

LARGEST = 128
"MB of numbers that a recording may hold unpacked; 100 epochs of the paper's search hold 0.3"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A search run's folder, finished or not, as far as it was saved."""

    folder: Path
    header: Mapping
    "the run's ``config.json``"
    preset: str
    space: SearchSpace
    search: SearchConfig
    records: Mapping[str, np.ndarray]
    "columns as ``records.read_records`` gives them; a row per epoch from epoch 0 on"
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
    """The recording in a run folder.

    ValueError in one line when there is none, when it is damaged or half written, of another
    version, a training, or larger than ``LARGEST``.
    """
    folder = Path(folder)
    header = read_header(folder)
    if header["kind"] != "search":
        raise ValueError(
            f"{folder}: is a training run; name the search it was decoded from "
            "(its records hold alpha and beta)"
        )
    try:
        space = from_dict(SearchSpace, header["space"])
        search = from_dict(SearchConfig, header["search"])
    except ValueError as error:
        raise ValueError(
            f"{folder / 'config.json'}: not a run of this version of hinas_lab ({error})"
        ) from None
    path = folder / "records.npz"
    _check_size(path)
    records = read_records(folder)
    _check_records(path, records, space)
    _check_previews(path, records, space)
    return Recording(
        folder=folder,
        header=header,
        preset=str(header["preset"]),
        space=space,
        search=search,
        records=records,
        genotype=load_genotype(folder) if (folder / "genotype.json").exists() else None,
    )


def _check_size(path: Path):
    """Before anything is unpacked; what is no zip file at all, ``read_records`` says."""
    size = unpacked_bytes(path) / 1e6
    if size > LARGEST:
        raise ValueError(
            f"{path}: holds {size:.0f} MB of records; a replay reads at most {LARGEST} MB"
        )


def _check_records(path: Path, records: Mapping[str, np.ndarray], space: SearchSpace):
    """The columns belong together and to ``space``."""
    epochs, steps = len(records["epoch/epoch"]), len(records["step/kind"])
    row_shapes = {
        "epoch/alpha": space.alpha_shape,
        "epoch/beta": (len(space.moves),),
        "epoch/beta_grad": (len(space.moves),),
    }
    for name, column in records.items():
        # "step/loss" belongs to the steps
        group = name.split("/")[0]
        if group == "preview":
            continue
        shape = (epochs if group == "epoch" else steps, *row_shapes.get(name, ()))
        if column.shape != shape or column.dtype.kind not in "iuf":
            raise ValueError(
                f"{path}: damaged, column {name} has shape {column.shape} and not {shape}"
            )
    if not epochs:
        raise ValueError(f"{path}: no epoch was recorded yet")
    # A row is found by its epoch: row n is epoch n.
    in_order = np.array_equal(records["epoch/epoch"], np.arange(epochs))
    if not in_order or (np.diff(records["step/epoch"]) < 0).any():
        raise ValueError(f"{path}: damaged, its epochs are not in order")
    for name in ("epoch/alpha", "epoch/beta"):
        if not np.isfinite(records[name]).all():
            raise ValueError(
                f"{path}: alpha or beta is not finite; this search broke down and cannot be decoded"
            )


def _check_previews(path: Path, records: Mapping[str, np.ndarray], space: SearchSpace):
    """Pictures of patches, if there are any, are what a board draws."""
    count = len(records.get("preview/epoch", ()))
    if not count:
        return
    images = records.get("preview/images", np.zeros(0))
    shape = (count, 2, space.channels)
    if images.ndim != 5 or images.shape[:3] != shape or images.dtype != np.uint8:
        raise ValueError(
            f"{path}: damaged, its previews are not uint8 (n, 2, {space.channels}, P, P)"
        )


def moment(recording: Recording, epoch: int) -> Moment:
    """The search at the end of ``epoch`` (0: before the first step), from what was known then.
    ValueError for an epoch not recorded."""
    if not 0 <= epoch <= recording.last:
        raise ValueError(
            f"epoch = {epoch!r}: {recording.folder} holds the epochs 0 to {recording.last}"
        )
    columns, space = recording.records, recording.space
    decode = reader(space, recording.search)
    # Steps are in the order of their epochs.
    steps = int(np.searchsorted(columns["step/epoch"], epoch, side="right"))
    records = {}
    for name, column in columns.items():
        if not name.startswith("preview/"):
            records[name] = column[: steps if name.startswith("step/") else epoch + 1]
    alpha, beta = columns["epoch/alpha"], columns["epoch/beta"]
    before = decode(space, alpha[epoch - 1], beta[epoch - 1]) if epoch else None
    # Not every epoch has a preview: the last one made by then.
    seen = np.flatnonzero(columns.get("preview/epoch", np.array([])) <= epoch)
    phase = "warm-up" if epoch <= recording.search.warmup_epochs else "alternating"
    if epoch == 0:
        phase = "before the first step"
    return Moment(
        records=records,
        alpha=alpha[epoch],
        beta=beta[epoch],
        genotype=decode(space, alpha[epoch], beta[epoch]),
        before=before,
        preview=columns["preview/images"][seen[-1]] if len(seen) else None,
        title=f"epoch {epoch} of {recording.search.epochs}, {phase}",
    )
