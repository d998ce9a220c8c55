"""A run is a folder: it is written whole or not at all, continues bit for bit after a kill, and
nothing in it can execute code.

config.json, env.json   what was asked, and where it ran state.safetensors       everything needed
to continue, replaced atomically records.npz             the records so far (never behind the state)
genotype.json, best.safetensors    the result, written when the run ends; best.safetensors last: it
marks a finished run"""

import hashlib
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig, from_dict, to_dict
from hinas_lab.images.datasets.catalog import Images, load_image, named_files
from hinas_lab.images.patches import Patches
from hinas_lab.images.tasks import TASKS
from hinas_lab.presets import Preset
from hinas_lab.records import Epoch, Records, Step, read_records
from hinas_lab.runs.header import FORMAT, flat, load_genotype, read_environment, read_header
from hinas_lab.searching.loop import Search, search
from hinas_lab.space import cost
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.network import Network, fold
from hinas_lab.space.supernet import SuperNet
from hinas_lab.storage import Held, environment, run_lock, write_atomic, write_json
from hinas_lab.training.numerics import use_device
from hinas_lab.training.optimisers import check_tensors
from hinas_lab.training.step_memory import (
    check_memory,
    least_search_bytes,
    least_training_bytes,
    search_step,
    training_step,
)
from hinas_lab.training.training import Training, build_network, train

FILES = (
    "config.json",
    "env.json",
    "records.npz",
    "state.safetensors",
    "genotype.json",
    "best.safetensors",
)
"""of a run, in the order in which they are written: whoever reads them backwards sees no state that
is ahead of its records"""
SAVE_SECONDS = 15.0
"at most so much work is lost by a kill"
AFTER_SAVE: list[Callable[[Path], None]] = []
"called with the run's folder after each checkpoint and at the end"


class Run:
    """A search or training bound to its folder. ``steps()`` continues it and saves; a finished run
    has nothing left to do."""

    def __init__(
        self, folder: Path, header: dict, state: Search | Training | None, records: Records
    ):
        self.folder, self.header = folder, header
        self.state, self.records = state, records
        self.elsewhere = ""
        "why it can only be looked at: somebody else is playing it"
        self._known = self._on_disk()

    @property
    def finished(self) -> bool:
        return self.state is None and not self.elsewhere

    def steps(self, save_seconds: float = SAVE_SECONDS) -> Iterator[Step | Epoch]:
        """The records still to come. The state is saved every ``save_seconds``, at the end, and
        when the caller stops.

        Ctrl-C is taken after the running step: the state is saved, then KeyboardInterrupt is
        raised. A second one stops at once. ValueError when another thread or process is running
        this folder."""
        if self.elsewhere:
            raise Held(self.elsewhere)
        if self.state is not None:
            with run_lock(self.folder):
                if self._on_disk() != self._known:
                    raise ValueError(
                        f"{self.folder}: this run went on elsewhere since it was opened here; "
                        "open it again"
                    )
                yield from self._steps(save_seconds)

    def finish(self) -> "Run":
        """Play what is left behind a progress bar; this run, finished."""
        from hinas_lab.runs.progress import follow

        for _ in follow(self, self.header["kind"]):
            pass
        return self

    @property
    def genotype(self) -> Genotype:
        """What a search found, or what is trained. ValueError while a search is not finished."""
        if self.header["kind"] == "train":
            return Genotype.from_json(json.dumps(self.header["genotype"]))
        return load_genotype(self.folder)

    def _on_disk(self) -> tuple:
        """What the folder holds: another run object, or another process, may have played it
        since."""
        seen = []
        for name in ("state.safetensors", "best.safetensors"):
            file = self.folder / name
            stat = file.stat() if file.exists() else None
            seen.append(stat and (stat.st_mtime_ns, stat.st_size))
        return tuple(seen)

    def _steps(self, save_seconds: float) -> Iterator[Step | Epoch]:
        run = search if isinstance(self.state, Search) else train
        records, saved = run(self.state), time.monotonic()
        try:
            while self.state is not None:
                with _deferred_interrupt() as interrupted:
                    record = self._next(records)
                    if record is None:
                        self.save()
                        self._write_result()
                    else:
                        self.records.add(record)
                        if time.monotonic() - saved >= save_seconds:
                            self.save()
                            saved = time.monotonic()
                    # asked once the step is done and recorded, so that nothing is half
                    stop = interrupted()
                if stop:
                    if self.state is not None:
                        self.save()
                    raise KeyboardInterrupt
                if record is not None:
                    yield record
        except GeneratorExit:  # the caller stopped asking
            self.save()
            raise

    def _next(self, records: Iterator[Step | Epoch]) -> Step | Epoch | None:
        try:
            return next(records, None)
        except FloatingPointError as error:
            raise FloatingPointError(f"preset {self.header['preset']}: {error}") from None

    def architecture(self) -> tuple[np.ndarray, np.ndarray]:
        """Copies of a search's logits now: alpha (L, E, K) or (E, K), beta (M,); when it is
        finished, those of its last epoch.

        To be asked between steps. ValueError for a training.
        """
        if self.header["kind"] != "search":
            raise ValueError(
                f"{self.folder}: is a {self.header['kind']} run; only a search has alpha and beta"
            )
        names = ("alpha", "beta")
        if self.state is None:
            columns = self.records.epochs
            return tuple(np.array(columns[name][-1], dtype=np.float32) for name in names)
        net = self.state.net
        return tuple(getattr(net, name).detach().cpu().numpy().copy() for name in names)

    def save(self):
        """Records first, then the state that counts them."""
        write_atomic(self.folder / "records.npz", self.records.to_bytes())
        tensors = self.state.tensors() | {"records": torch.tensor(self.records.counts)}
        write_atomic(self.folder / "state.safetensors", _packed(tensors))
        self._saved()

    def _saved(self):
        self._known = self._on_disk()
        for call in AFTER_SAVE:
            call(self.folder)

    def _write_result(self):
        weights, genotype = self.state.result()
        if genotype is not None:
            write_atomic(self.folder / "genotype.json", genotype.to_json().encode())
        write_atomic(self.folder / "best.safetensors", _packed(weights))
        self.state = None
        self._saved()


def _packed(tensors: dict[str, torch.Tensor]) -> bytes:
    """A safetensors file of ``tensors``, wherever they are."""
    return safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})


def open_search(
    folder: str | Path,
    preset: Preset,
    *,
    data: str = "builtin",
    device: str = "cpu",
    resume: bool = False,
    graphs: str = "auto",
) -> Run:
    """A search run in ``folder``, new or (``resume``) continued. ``graphs``: CUDA graphs,
    ``cuda_graphs.WHEN``. ValueError when the folder holds something else."""
    space = preset.space
    device = use_device(device)
    patches = training_patches(data, space.task, space.channels, space.scale, device)
    header = {
        "format": FORMAT,
        "kind": "search",
        "preset": preset.name,
        "data": data,
        "data_hash": data_hash(patches),
        "space": to_dict(preset.space),
        "search": to_dict(preset.search),
    }

    def start() -> Search:
        patches.check_patch(preset.search.patch, preset.search.rescale)
        least = least_search_bytes(preset.space, preset.search)
        check_memory(least, lambda: search_step(preset.space, preset.search).total, device)
        return Search(preset.space, preset.search, patches, graphs)

    return _open(Path(folder), header, preset.search.seed, device, resume, start)


def look_at(folder: str | Path, why: str) -> Run:
    """A run that somebody else is playing, as far as it is saved: it can be looked at, ``steps``
    raises ``why``. ValueError when nothing was saved yet."""
    folder = Path(folder)
    records = Records.from_arrays(read_records(folder))
    run = Run(folder, read_header(folder), None, records)
    run.elsewhere = why
    return run


def open_like(run: Run, folder: Path, changes: Mapping[str, str]) -> Run:
    """A search with the settings of ``run`` in another folder, or (its own) continued.

    changes: field of the search -> another value, as text. ValueError names a wrong one.
    """
    header = run.header
    space, config = from_dict(SearchSpace, header["space"]), header["search"]
    for name, text in changes.items():
        try:
            value = json.loads(text)
        except json.JSONDecodeError:  # a word, without quotes
            value = text
        config = config | {name: value}
    name = header["preset"]
    # another seed is the same preset
    if set(changes) - {"seed"}:
        name = name.rstrip("*") + "*"
    preset = Preset(name, space, from_dict(SearchConfig, config), TrainConfig())
    device = read_environment(run.folder).get("device", "cpu")
    return open_search(folder, preset, data=header["data"], device=device, resume=True)


def open_training(
    folder: str | Path,
    genotype: Genotype,
    preset: Preset,
    *,
    data: str = "builtin",
    device: str = "cpu",
    resume: bool = False,
    graphs: str = "auto",
) -> Run:
    """A training run of ``genotype`` in ``folder``, new or (``resume``) continued. ``graphs``: CUDA
    graphs, ``cuda_graphs.WHEN``. ValueError when the folder holds something else."""
    device = use_device(device)
    patches = training_patches(data, genotype.task, genotype.channels, genotype.scale, device)
    header = {
        "format": FORMAT,
        "kind": "train",
        "preset": preset.name,
        "data": data,
        "data_hash": data_hash(patches),
        "genotype": json.loads(genotype.to_json()),
        "residual": preset.space.residual,
        "train": to_dict(preset.train),
    }

    def start() -> Training:
        patches.check_patch(preset.train.patch, preset.train.rescale)
        least = least_training_bytes(genotype, preset.train)
        check_memory(least, lambda: training_step(genotype, preset.train).total, device)
        return Training(genotype, preset.train, patches, preset.space.residual, graphs=graphs)

    return _open(Path(folder), header, preset.train.seed, device, resume, start)


def open_peer(
    folder: str | Path,
    name: str,
    build: Callable[[], torch.nn.Module],
    preset: Preset,
    *,
    data: str = "builtin",
    device: str = "cpu",
    resume: bool = False,
) -> Run:
    """A training of another method's net, new or continued: ``name``, and what builds it with its
    first weights. Of ``preset`` the task, scale and channels of the space, and the training count.
    ValueError when the folder holds something else."""
    space, config = preset.space, preset.train
    device = use_device(device)
    patches = training_patches(data, space.task, space.channels, space.scale, device)
    header = {
        "format": FORMAT,
        "kind": "peer",
        "preset": preset.name,
        "data": data,
        "data_hash": data_hash(patches),
        "peer": name,
        "task": space.task,
        "scale": space.scale,
        "train": to_dict(config),
    }
    return _open(
        Path(folder),
        header,
        config.seed,
        device,
        resume,
        lambda: Training(None, config, patches, net=build()),
    )


def training_patches(data: str, task: str, channels: int, scale: int, device: str) -> Patches:
    """The training images of a data set or a folder, as patches of ``task`` on ``device``."""
    images = Images(named_files(data), lambda path: load_image(path, channels))
    return Patches(images, scale=scale, device=device, task=task)


def data_hash(patches: Patches) -> str:
    """Twelve hex digits of the names and pixels of the training images."""
    digest = hashlib.blake2b()
    for name, image in zip(patches.names, patches.clean):
        # a file's name need not be UTF-8
        digest.update(f"{name} {image.shape}".encode(errors="surrogateescape"))
        digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()[:12]


def _open(
    folder: Path,
    header: dict,
    seed: int,
    device: str,
    resume: bool,
    make_state: Callable[[], Search | Training],
) -> Run:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is a file; name a folder for the run")
    new = not (folder / "config.json").exists()
    if new:
        _refuse_foreign_files(folder)
    else:
        if not resume:
            raise ValueError(
                f"{folder}: a run is already there; continue it with --resume or choose another "
                "folder"
            )
        _check_same(folder, read_header(folder), header)
        if (folder / "best.safetensors").exists():
            return Run(folder, header, None, Records.from_arrays(read_records(folder)))
    with nullcontext() if new else run_lock(folder):
        _remove_half_written(folder)
    # made before a new folder is: a wrong setting leaves nothing behind
    state, records, here = make_state(), Records(), environment(seed, device)
    if new:
        folder.mkdir(parents=True, exist_ok=True)
        # config.json last: with it the folder is a run
        write_json(folder / "env.json", here)
        write_json(folder / "config.json", header)
    elif (folder / "state.safetensors").exists():
        records = _load_state(folder, state)
        _note_resumed(folder, here)
    return Run(folder, header, state, records)


def _refuse_foreign_files(folder: Path):
    """ValueError when a folder without a run holds files of somebody else: only hidden files,
    folders and an env.json may be there."""
    for path in folder.iterdir() if folder.exists() else ():
        if not (path.name.startswith(".") or path.name == "env.json" or path.is_dir()):
            raise ValueError(
                f"{folder}: holds files but no config.json, so it is not a run; "
                "choose another folder"
            )


def _remove_half_written(folder: Path):
    """Files that a killed process left, as mkstemp names them: .records.npz.abcd1234. A reader's
    own .genotype.json.bak stays."""
    for path in folder.glob(".*.*"):
        name, _, tail = path.name[1:].rpartition(".")
        if name in FILES and len(tail) == 8:
            path.unlink()


def _load_state(folder: Path, state: Search | Training) -> Records:
    """Let ``state`` continue from the saved one; the records up to there."""
    path = folder / "state.safetensors"
    # the net, its best copy and two moments of each weight are four nets
    tensors = load_tensors(path, 6 * most_bytes(state.net))
    records = Records.from_arrays(read_records(folder))
    try:
        counts = tensors.pop("records")
        check_tensors({"records": counts}, {"records": torch.tensor(records.counts)})
        records.truncate(*counts.tolist())
        state.load(tensors, records)
    except (KeyError, RuntimeError, ValueError, IndexError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{path}: does not belong to this run ({why}); delete the folder and start again"
        ) from None
    return records


def _note_resumed(folder: Path, here: dict):
    """Another machine or version may end with other bits: env.json says so."""
    there = read_environment(folder)
    last = there.get("resumed", [there])[-1]
    if any(last.get(k) != v for k, v in here.items()):
        write_json(folder / "env.json", there | {"resumed": [*there.get("resumed", []), here]})


def _check_same(folder: Path, there: dict, here: dict):
    if there["kind"] != here["kind"]:
        raise ValueError(
            f"{folder}: is a {there['kind']} run, not a {here['kind']} run; choose another folder"
        )
    there, here = flat(_in_full(there)), flat(_in_full(here))
    for name in sorted(there | here):
        if there.get(name) != here.get(name):
            raise ValueError(
                f"{folder}: this run has {name} = {there.get(name)!r}, asked is "
                f"{here.get(name)!r}; choose another folder"
            )


def _in_full(header: dict) -> dict:
    """``header`` with every field of its configs: it leaves out those that came after the first
    version, at the value of before."""
    full = json.loads(json.dumps(header))
    for name, cls in (("space", SearchSpace), ("search", SearchConfig), ("train", TrainConfig)):
        if name in full:
            full[name] = json.loads(json.dumps(asdict(from_dict(cls, full[name]))))
    return full


def most_bytes(net: torch.nn.Module) -> int:
    """A file of the tensors of ``net`` has fewer, names included."""
    tensors = net.state_dict()
    return 2**20 + sum(1000 + len(name) + tensor.nbytes for name, tensor in tensors.items())


def load_tensors(path: Path, most: float = math.inf) -> dict[str, torch.Tensor]:
    """A safetensors file: tensors only, whatever its name says. ValueError in one line when it is
    anything else, or of more than ``most`` bytes."""
    if path.exists() and path.stat().st_size > most:
        size = path.stat().st_size / 1e6
        raise ValueError(f"{path}: {size:.0f} MB, holds the tensors of another network")
    try:
        # safetensors opens no file whose name is not UTF-8
        if not str(path).isascii():
            return safetensors.torch.load(path.read_bytes())
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(
            f"{path}: truncated or not a safetensors file ({type(error).__name__}); "
            "pickles are never loaded"
        ) from None


def load_network(folder: str | Path, device: str = "cpu") -> tuple[Network, dict]:
    """The trained network of a finished training run, for use (batch norms folded), and what it was
    trained for: ``task, scale, channels, sigmas`` (0-255 scale; empty for super-resolution),
    ``preset, seed, parameters, data``. ValueError in one line for anything else."""
    header = read_header(folder)
    if header["kind"] == "search":
        raise ValueError(
            f"{folder}: is a search run; train it first: "
            f"hinas-lab train --genotype {folder} --run NEW_FOLDER"
        )
    genotype = load_genotype(folder)
    try:
        config = from_dict(TrainConfig, header["train"])
        # before it is built: a damaged header may describe any net
        shape = {"stem": config.stem, "end": config.end, "repeats": config.repeats}
        least = 4 * cost.parameters(genotype, config.width, **shape)
        _check_holds(Path(folder) / "best.safetensors", least)
        net = build_network(genotype, config, header["residual"])
    except ValueError as error:
        raise ValueError(f"{Path(folder) / 'config.json'}: {error}") from None
    # the file must fit the net that the header describes
    load_weights(net, Path(folder) / "best.safetensors")
    sigmas = list(config.sigmas) if TASKS[genotype.task].has_levels else []
    info = {
        "task": genotype.task,
        "scale": genotype.scale,
        "channels": genotype.channels,
        "sigmas": sigmas,
        "preset": header["preset"],
        "seed": config.seed,
        "parameters": sum(p.numel() for p in net.parameters()),
        "data": header["data"],
    }
    return fold(net).to(use_device(device)), info


def load_supernet(folder: str | Path, device: str = "cpu") -> tuple[SuperNet, SearchConfig, dict]:
    """The best supernet of a finished search run, its search config, and the run's header."""
    header = read_header(folder)
    if header["kind"] != "search":
        raise ValueError(f"{folder}: is a training run; a search run is needed")
    space = from_dict(SearchSpace, header["space"])
    widest = max(space.node_channels(i) for cells in space.cells for i in cells)
    _check_holds(
        Path(folder) / "best.safetensors", 4 * max(widest**2, 9 * space.stem * space.width)
    )
    net = SuperNet(space)
    load_weights(net, Path(folder) / "best.safetensors")
    return net.to(use_device(device)).eval(), from_dict(SearchConfig, header["search"]), header


def _check_holds(path: Path, least: int):
    """ValueError unless the file is there and has ``least`` bytes."""
    if not path.exists():
        raise ValueError(
            f"{path.parent}: this run is not finished (no {path.name}); continue it with --resume"
        )
    if path.stat().st_size < least:
        raise ValueError(f"{path}: truncated, or holds the weights of another network")


def load_weights(net: torch.nn.Module, path: Path):
    """Fill ``net`` from a safetensors file; ValueError when the file is missing or belongs to
    another net."""
    _check_holds(path, 0)
    tensors = load_tensors(path, most_bytes(net))
    try:
        check_tensors(tensors, net.state_dict())
    except ValueError as error:
        raise ValueError(
            f"{path}: holds the weights of another network, or is damaged ({error})"
        ) from None
    net.load_state_dict(tensors)


@contextmanager
def _deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C only sets a flag (asked by the yielded function); the second acts as
    usual. Main thread only."""
    hit = threading.Event()
    # only the main thread may set a signal handler
    if threading.current_thread() is not threading.main_thread():
        yield hit.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def note(signum, frame):
        hit.set()
        # the second one acts as usual
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield hit.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def with_seed(preset: Preset, seed: int) -> Preset:
    """The same preset with another seed for search and training."""
    return preset.with_seed(seed)
