"""What a search or a training tells: frozen records, and the columns they are stored in. numpy
only, no pickle."""

import io
import zipfile
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from hinas_lab.space.genotype import Genotype

KINDS = ("weight", "arch", "train")
"step kinds; their number is stored"


def column(dtype, default=None, optional: bool = False):
    """A field that is stored as a column of ``dtype``. ``default``: what it is where a record does
    not say, and what it was in files that were written before it came; None: it must be there.
    ``optional``: a column that is nan throughout is left out, so that the files of a search without
    it keep their bytes."""
    metadata = {"dtype": dtype, "default": default, "optional": optional}
    if default is None:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One weight or arch step of a search; of a training, the mean over the iterations since the
    last record."""

    kind: str = column(np.uint8)
    epoch: int = column(np.int32)
    "1-based; a training has one epoch"
    iteration: int = column(np.int32)
    "1-based, within the epoch"
    loss: float = column(np.float32)
    pixel: float = column(np.float32)
    lssim: float = column(np.float32)
    lr: float = column(np.float32)
    seconds: float = column(np.float32)


NAN = float("nan")
LARGEST = 512 * 10**6
"bytes of all columns of a run; 100 epochs of the paper's search are 0.3 MB"


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """The state of a search after an epoch (0: before the first step)."""

    epoch: int = column(np.int32)
    alpha: np.ndarray = column(np.float32)
    "logits (L, E, K) or (E, K)"
    beta: np.ndarray = column(np.float32)
    "logits (M,)"
    beta_grad: np.ndarray = column(np.float32)
    "mean |dL/dbeta| per move over the epoch's arch steps (M,); 0 in warm-up"
    genotype: Genotype
    score: float = column(np.float32, NAN)
    "on V; nan when not validated"
    psnr: float = column(np.float32, NAN)
    ssim: float = column(np.float32, NAN)
    alpha_entropy: float = column(np.float32)
    beta_entropy: float = column(np.float32)
    skip_share: float = column(np.float32)
    flips: int = column(np.int32)
    "decoded edges and widths changed since the epoch before"
    best: int = column(np.int32)
    "epoch of the best score so far, 0 when none"
    seconds: float = column(np.float32)
    expected_cost: float = column(np.float64, NAN, optional=True)
    "of a search under a budget: what the decoded net costs in expectation, in MACs, parameters, ms"
    decoded_cost: float = column(np.float64, NAN, optional=True)
    "the same of the genotype"
    mu: float = column(np.float64, NAN, optional=True)
    "the price of cost: how many % of loss a net that is 1 % cheaper is worth"
    preview: np.ndarray | None = field(default=None, repr=False)
    "uint8 (2, C, P, P): one V patch restored by the soft supernet and by the decoded wiring"


def columns_of(cls) -> dict[str, dict]:
    """The stored fields of a record: name -> ``dtype``, ``default`` and ``optional``."""
    return {f.name: dict(f.metadata) for f in fields(cls) if "dtype" in f.metadata}


def rounded(record: Epoch) -> Epoch:
    """``record`` with every number as its column keeps it."""
    values = {}
    for name, spec in columns_of(Epoch).items():
        values[name] = np.asarray(getattr(record, name), dtype=spec["dtype"])[()]
    return replace(record, **values)


class Records:
    """Columns of a run: ``add`` records, read them as a dict of arrays ``step/..`` and
    ``epoch/..``."""

    def __init__(self):
        self.steps: dict[str, list] = {name: [] for name in columns_of(Step)}
        self.epochs: dict[str, list] = {name: [] for name in columns_of(Epoch)}
        self.previews: dict[int, np.ndarray] = {}

    def add(self, record: Step | Epoch):
        # a kind is stored as its number: one byte a step
        if isinstance(record, Step):
            for name, values in self.steps.items():
                value = getattr(record, name)
                values.append(KINDS.index(value) if name == "kind" else value)
            return
        for name, values in self.epochs.items():
            values.append(getattr(record, name))
        if record.preview is not None:
            self.previews[record.epoch] = record.preview

    @property
    def counts(self) -> tuple[int, int]:
        """(step records, epoch records)."""
        return len(self.steps["kind"]), len(self.epochs["epoch"])

    def truncate(self, steps: int, epochs: int):
        """Forget what came after a saved state; ValueError when they do not reach up to it."""
        for n, there in zip((steps, epochs), self.counts):
            if not 0 <= n <= there:
                raise ValueError(f"it counts {n} records, {there} are there")
        for columns, n in ((self.steps, steps), (self.epochs, epochs)):
            for column in columns.values():
                del column[n:]
        # previews are few and know their epoch: those of forgotten epochs go
        known = set(self.epochs["epoch"])
        self.previews = {e: p for e, p in self.previews.items() if e in known}

    def arrays(self) -> dict[str, np.ndarray]:
        """The columns as ``read_records`` gives them."""
        out = {}
        for group, cls, columns in (("step", Step, self.steps), ("epoch", Epoch, self.epochs)):
            for name, spec in columns_of(cls).items():
                values = np.asarray(columns[name], dtype=spec["dtype"])
                if not (spec["optional"] and np.isnan(values).all()):
                    out[f"{group}/{name}"] = values
        if self.previews:
            out["preview/epoch"] = np.array(list(self.previews), dtype=np.int32)
            out["preview/images"] = np.stack(list(self.previews.values()))
        return out

    def to_bytes(self) -> bytes:
        """A compressed .npz."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **self.arrays())
        return buffer.getvalue()

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Records":
        records = cls()
        for group, columns in (("step", records.steps), ("epoch", records.epochs)):
            for name, spec in columns_of(Step if group == "step" else Epoch).items():
                if spec["optional"] and f"{group}/{name}" not in arrays:
                    columns[name] = [spec["default"]] * len(arrays["epoch/epoch"])
                else:
                    columns[name] = list(arrays[f"{group}/{name}"])
        if "preview/epoch" in arrays:
            records.previews = dict(zip(arrays["preview/epoch"].tolist(), arrays["preview/images"]))
        return records


def kept_row(columns: dict[str, np.ndarray], keep: str = "best") -> int:
    """The row of ``epoch/..`` whose supernet is the result of a search: that of the best score; the
    last one when none was validated or the search was told to ``keep`` the "last"."""
    best = int(columns["epoch/best"][-1]) if keep == "best" else 0
    return (
        int((columns["epoch/epoch"] == best).argmax()) if best else len(columns["epoch/epoch"]) - 1
    )


def kept_logits(
    columns: dict[str, np.ndarray], keep: str = "best"
) -> tuple[np.ndarray, np.ndarray]:
    """alpha (L, E, K) or (E, K) and beta (M,) of the supernet in ``kept_row``, logits."""
    row = kept_row(columns, keep)
    return columns["epoch/alpha"][row], columns["epoch/beta"][row]


def read_records(run: str | Path) -> dict[str, np.ndarray]:
    """The columns of a run folder's ``records.npz``; ValueError in one line when it is missing or
    damaged."""
    path = Path(run) / "records.npz"
    # before anything is unpacked: a file of 4 MB can hold 4 GB of zeros
    if (size := unpacked_bytes(path)) > LARGEST:
        raise ValueError(
            f"{path}: holds {size / 1e6:.0f} MB; records are at most {LARGEST / 1e6:.0f} MB"
        )
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise ValueError(
            f"{run}: no records.npz, not a run folder (or nothing was recorded yet)"
        ) from None
    except Exception as error:  # zipfile, zlib, numpy and OS errors all mean the same here
        raise ValueError(
            f"{path}: damaged or not a records file ({type(error).__name__})"
        ) from None
    for group, cls, first in (("step", Step, "kind"), ("epoch", Epoch, "epoch")):
        for name, spec in columns_of(cls).items():
            if f"{group}/{name}" in columns or spec["optional"]:
                continue
            # a column that came later: filled with what was so before
            if spec["default"] is None or f"{group}/{first}" not in columns:
                raise ValueError(
                    f"{path}: not a records file of this version (no column {group}/{name})"
                )
            rows = len(columns[f"{group}/{first}"])
            columns[f"{group}/{name}"] = np.full(rows, spec["default"], spec["dtype"])
    _check_columns(path, columns)
    return columns


def unpacked_bytes(path: Path) -> int:
    """What a .npz says it holds, at least its own size; 0 where it is missing or no zip file."""
    try:
        with zipfile.ZipFile(path) as stored:
            parts = sum(part.file_size for part in stored.infolist())
        return max(parts, path.stat().st_size)
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return 0


def _check_columns(path: Path, columns: dict[str, np.ndarray]):
    """ValueError unless all columns of a group are equally long and hold numbers of their kind."""
    for group, cls, first in (("step", Step, "kind"), ("epoch", Epoch, "epoch")):
        rows = columns[f"{group}/{first}"].shape[:1]
        for name, spec in columns_of(cls).items():
            if spec["optional"] and f"{group}/{name}" not in columns:
                continue
            column = columns[f"{group}/{name}"]
            kinds = "iu" if np.dtype(spec["dtype"]).kind in "iu" else "f"
            flat = column.ndim == 1 or name in ("alpha", "beta", "beta_grad")
            long = rows and column.shape[:1] == rows
            if not (long and flat and column.dtype.kind in kinds):
                what = f"column {group}/{name} has shape {column.shape} of {column.dtype}"
                raise ValueError(f"{path}: damaged, {what}")
    of_epochs, images = (
        columns.get(f"preview/{name}", np.zeros(0)) for name in ("epoch", "images")
    )
    if of_epochs.ndim != 1 or of_epochs.shape != images.shape[:1]:
        raise ValueError(f"{path}: damaged, its previews are not one an epoch")
    if (columns["step/kind"] >= len(KINDS)).any():
        raise ValueError(f"{path}: damaged, a step is of no known kind")


def spent_seconds(columns: dict[str, np.ndarray]) -> float:
    """What a training's iterations took, from its columns: each record is the mean of the
    iterations since the one before."""
    places = np.concatenate([[0], columns["step/iteration"]])
    return float((np.diff(places) * columns["step/seconds"]).sum())
