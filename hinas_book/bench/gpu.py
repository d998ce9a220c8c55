"""What a GPU makes of it: steps of a search and of a training, validation, memory, the compact net,
then whole searches, each stopped after four minutes. The most wanted first: who has no time stops
it, and keeps what was read.

Each reading is absolute and of one machine. The images are crops of the built-in photographs in the
size and number of BSDS500's training pictures: what a step costs does not depend on what they show.
"""

import gc
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from hinas_book.bench.fast_and_literal import Steps
from hinas_book.bench.limits import synchronise
from hinas_lab.analysis.timing import block_seconds, interleaved
from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches
from hinas_lab.presets import Preset, preset
from hinas_lab.records import Epoch
from hinas_lab.searching.loop import Search, arch_step, search, weight_step
from hinas_lab.searching.scoring import validate
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network, fold
from hinas_lab.training.numerics import precision, use_tf32
from hinas_lab.training.step_memory import largest_batch, search_step
from hinas_lab.training.training import Training, train_step

HEIGHT = 321
WIDTH = 481
"pixels of a BSDS500 picture"
LEVERS = {
    "float32": {},
    "tf32": {"precision": "tf32"},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "checkpoint": {"checkpoint": True},
}
"of a step, as a CUDA graph where the device can"
REFUSALS = (RuntimeError, ValueError, FloatingPointError)
"no memory, not on this device, or a loss that is not finite: the next reading may still succeed"


@dataclass(frozen=True)
class Reading:
    """One number of one machine."""

    what: str
    value: float
    unit: str
    "ms, s, GB (10^9 bytes), images, images/s, or x (a ratio)"
    note: str = ""


def readings(
    device: str = "cuda", quick: bool = False, levers: dict[str, dict] = LEVERS, base: str = "paper"
) -> Iterator[Reading]:
    """At preset ``base``; ``quick``: at tiny, numbers that mean nothing. A setting that runs out of
    memory or is refused says so."""
    make_current(device)
    settings = preset("tiny" if quick else base)
    size = (32, 32) if quick else (HEIGHT, WIDTH)
    patches = Patches(pictures(12 if quick else 300, *size), device=device)
    fastest = yield from _levers(settings, levers, patches, 2 if quick else 10)
    for name, lever in levers.items():
        # the other levers are of a search alone
        if "precision" in lever or not lever:
            part = _training_step(settings, name, patches, 2 if quick else 40)
            yield from attempt(f"training step, {name}", part)
    # a switch of the whole process: the last step may have left it on
    use_tf32(False)
    yield from attempt("validation of an epoch", _validation(settings, patches))
    yield from attempt("memory", _memory(settings, device))
    yield from attempt("compact net", _compact(settings, device, quick))
    yield from attempt("weight step, fast : literal", _literal(settings, device, quick))
    # last, as they take minutes; in float32, then as fast as it goes
    yield from attempt("search, float32", _whole_search(settings, {}, patches, "float32"))
    name = fastest.get("precision")
    if name:
        yield from attempt(f"search, {name}", _whole_search(settings, fastest, patches, name))
    use_tf32(False)


def make_current(device: str):
    """Of several GPUs the one whose work the clock of ``timing`` waits for."""
    if device.startswith("cuda"):
        # a tensor knows the number of the GPU that "cuda" means
        torch.cuda.set_device(torch.zeros(1, device=device).device)


def attempt(what: str, part: Iterator[Reading]) -> Iterator[Reading]:
    """The readings of ``part``; where it is refused, what was read before and why it ended."""
    try:
        yield from part
    except REFUSALS as error:
        yield failed(what, error)


def failed(what: str, error: Exception) -> Reading:
    """A reading of nan that says why."""
    reason = str(error).splitlines()[0][:120]
    return Reading(what, float("nan"), "", note=f"{type(error).__name__}: {reason}")


def pictures(n: int, height: int, width: int, seed: int = 0) -> dict[str, np.ndarray]:
    """``n`` crops of the built-in training photographs, gray uint8 (height, width)."""
    sources = []
    for image in load_images("builtin", 1).values():
        if image.shape[0] >= height and image.shape[1] >= width:
            sources.append(image)
    rng = np.random.default_rng(seed)
    crops = {}
    for i in range(n):
        image = sources[i % len(sources)]
        # the same crops on every machine
        y = int(rng.integers(image.shape[0] - height + 1))
        x = int(rng.integers(image.shape[1] - width + 1))
        crops[f"crop {i}"] = np.ascontiguousarray(image[y : y + height, x : x + width])
    return crops


def step_seconds(
    settings: Preset, values: dict, patches: Patches, repeats: int, graphs: str
) -> tuple[float, float]:
    """Median seconds of a weight and of an arch step of a search with these ``values``, data
    included. ``graphs``: on, off or auto."""
    state = Search(settings.space, replace(settings.search, **values), patches, graphs)

    def weight():
        # the first batch again: an epoch of few pictures would end
        state.iteration = 0
        weight_step(state)

    # three rounds before: in the first of them a graph is recorded
    seconds = interleaved({"weight": weight, "arch": lambda: arch_step(state)}, repeats, warmup=3)
    return float(np.median(seconds["weight"])), float(np.median(seconds["arch"]))


def _levers(
    settings: Preset, levers: dict[str, dict], patches: Patches, repeats: int
) -> Iterator[Reading]:
    """Steps with each of ``levers``. Returns the fastest of them."""
    graphs = patches.device.startswith("cuda")
    runs = [(name, lever, graphs) for name, lever in levers.items()]
    if graphs:
        runs.append(("float32", {}, False))  # eager once, to compare
    fastest = {}
    least = float("inf")
    for name, lever, on in runs:
        label = f"{name}, graphs" if on else name
        part = _search_steps(settings, lever, patches, repeats, on, label)
        rows = list(attempt(f"steps, {label}", part))
        yield from rows
        total = sum(row.value for row in rows)
        # float16 ends at 65504, which a whole search may reach; nan (failed) is below nothing
        if name != "float16" and total < least:
            fastest = lever
            least = total
    return fastest


def _search_steps(
    settings: Preset, lever: dict, patches: Patches, repeats: int, graphs: bool, label: str
) -> Iterator[Reading]:
    weight, arch = step_seconds(settings, lever, patches, repeats, "on" if graphs else "off")
    yield Reading(f"weight step, {label}", 1e3 * weight, "ms")
    yield Reading(f"arch step, {label}", 1e3 * arch, "ms")


def _training_step(
    settings: Preset, name: str, patches: Patches, repeats: int
) -> Iterator[Reading]:
    """Mean of some iterations of the training loop, data included, the losses read at the end, as
    it does."""
    config = replace(settings.train, precision=name)
    state = Training(sample(settings.space, random.Random(0)), config, patches)
    seconds = block_seconds(lambda: train_step(state), repeats)
    weights = sum(p.numel() for p in state.parameters)
    yield Reading(
        f"training step, {name}",
        1e3 * seconds,
        "ms",
        note=f"batch {config.batch}, {weights:,} parameters",
    )


def _validation(settings: Preset, patches: Patches) -> Iterator[Reading]:
    """Of a search's V, all its pictures and noise levels, after one that does not count."""
    state = Search(settings.space, settings.search, patches)
    v = state.split.v

    def epoch():
        validate(state.net, patches, v, settings.search)

    yield Reading(
        "validation of an epoch",
        float(interleaved({"V": epoch}, 1)["V"][0]),
        "s",
        note=f"{len(v)} pictures, {len(settings.search.sigmas)} noise levels",
    )


def _whole_search(
    settings: Preset, values: dict, patches: Patches, name: str, limit: float = 240.0
) -> Iterator[Reading]:
    """All epochs with validation; beyond ``limit`` seconds it stops and says how far it came."""
    # a clock of its own: it is read while the search runs
    start = time.perf_counter()
    config = replace(settings.search, **values)
    state = Search(settings.space, config, patches)
    epoch = 0
    for record in search(state):
        if isinstance(record, Epoch):
            epoch = record.epoch
            if time.perf_counter() - start > limit:
                break
    seconds = time.perf_counter() - start
    note = (
        f"{epoch} of {config.epochs} epochs, {state.steps} weight steps each, "
        f"{len(patches)} images, batch {config.batch}"
    )
    yield Reading(f"search, {name}", seconds, "s", note=note)


def _memory(settings: Preset, device: str) -> Iterator[Reading]:
    """Peak of a weight step against the prediction, cell sharing on and off; the largest batch that
    really runs."""
    gc.collect()  # what was read before holds memory until it is forgotten
    cuda = device.startswith("cuda")
    # a CPU has no limit of its own: as much as a few images of preset tiny take
    total = torch.cuda.get_device_properties(device).total_memory if cuda else 2 * 10**7
    for cell_sharing in ("on", "off"):
        space = replace(settings.space, cell_sharing=cell_sharing)
        if cuda:
            yield _peak(space, settings.search, device)
        yield _largest_batch(space, settings.search, device, total)


def _peak(space: SearchSpace, config: SearchConfig, device: str) -> Reading:
    """Of a weight step, above what lay there before."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    _one_step(space, config, device)
    peak = torch.cuda.max_memory_allocated(device) - before
    need = search_step(space, config).total
    return Reading(
        f"peak memory of a weight step, sharing {space.cell_sharing}",
        peak / 1e9,
        "GB",
        note=f"predicted {need / 1e9:.3f}, predicted : measured {need / peak:.2f}",
    )


def _largest_batch(space: SearchSpace, config: SearchConfig, device: str, total: int) -> Reading:
    """The predicted one, or the first below it that runs in ``total`` bytes."""
    predicted = largest_batch(
        lambda n: search_step(space, replace(config, batch=n)).total, int(0.95 * total)
    )
    batch = predicted
    # the prediction leaves out what convolutions take as workspace
    while batch:
        try:
            _one_step(space, replace(config, batch=batch), device)
            break
        except torch.cuda.OutOfMemoryError:
            batch = int(0.95 * batch)
    return Reading(
        f"largest batch, sharing {space.cell_sharing}",
        batch,
        "images",
        note=f"predicted {predicted} in {total / 1e9:.3g} GB",
    )


def _one_step(space: SearchSpace, config: SearchConfig, device: str):
    # the literal one would take memory too
    steps = Steps(space, config, device, kinds=("fast",))
    steps.weight("fast")()
    synchronise(device)


def _compact(settings: Preset, device: str, quick: bool) -> Iterator[Reading]:
    """A random decoded net at the training's width on pictures of 481 x 321, folded."""
    train = settings.train
    net = Network(sample(settings.space, random.Random(0)), width=train.width, stem=train.stem)
    net = fold(net).to(device=device, memory_format=torch.channels_last)
    height, width, repeats = (32, 32, 2) if quick else (HEIGHT, WIDTH, 20)
    for name in ("float32", "bfloat16"):
        for batch in (1, 8):
            x = torch.rand(batch, 1, height, width, device=device)
            with torch.inference_mode(), precision(name, x.device):
                seconds = block_seconds(partial(net, x), repeats)
            yield Reading(
                f"compact net, {name}, batch {batch}",
                batch / seconds,
                "images/s",
                note=f"{width} x {height}, W = {train.width}",
            )


def _literal(settings: Preset, device: str, quick: bool) -> Iterator[Reading]:
    """The weight step with one module per operation and edge, against ours, both eager in
    float32."""
    steps = Steps(settings.space, settings.search, device)
    times = interleaved({kind: steps.weight(kind) for kind in steps.nets}, 1 if quick else 7)
    fast = float(np.median(times["fast"]))
    literal = float(np.median(times["literal"]))
    yield Reading(
        "weight step without data, fast : literal",
        fast / literal,
        "x",
        note=f"{1e3 * fast:.1f} ms : {1e3 * literal:.1f} ms",
    )
