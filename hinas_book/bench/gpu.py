"""What a GPU makes of it: steps of a search and of a training, validation, memory, the compact net, then whole searches, each stopped after
four minutes. The most wanted first: who has no time stops it, and keeps what was read.

Each reading is absolute and of one machine. The images are crops of the built-in photographs in the size and number of BSDS500's training
pictures: what a step costs does not depend on what they show.
"""

import gc
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from hinas_book.bench.fast_and_literal import Steps
from hinas_book.bench.limits import synchronise
from hinas_lab.config import Preset, SearchConfig, SearchSpace, preset
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches
from hinas_lab.records import Epoch
from hinas_lab.searching.loop import Search, arch_step, search, weight_step
from hinas_lab.searching.scoring import validate
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network, fold
from hinas_lab.training.numerics import precision, use_tf32
from hinas_lab.training.step_memory import largest_batch, search_step
from hinas_lab.training.training import Training, train_step

HEIGHT, WIDTH = 321, 481
"pixels of a BSDS500 picture"
LEVERS = {
    "float32": {},
    "tf32": {"precision": "tf32"},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "checkpoint": {"checkpoint": True},
}
"of a step, as a CUDA graph where the device can"


@dataclass(frozen=True, kw_only=True)
class Reading:
    what: str
    value: float
    unit: str
    "ms, s, GB (10^9 bytes), images, images/s, or x (a ratio)"
    note: str = ""


def readings(
    device: str = "cuda", quick: bool = False, levers: dict[str, dict] = LEVERS, base: str = "paper"
) -> Iterator[Reading]:
    """At preset ``base``; ``quick``: at tiny, numbers that mean nothing. A setting that runs out of memory or is refused says so."""
    chosen = preset("tiny" if quick else base)
    patches = Patches(
        pictures(12 if quick else 300, *((32, 32) if quick else (HEIGHT, WIDTH))), device=device
    )
    graphs, best = device.startswith("cuda"), (float("inf"), {})
    for name, on in [(name, graphs) for name in levers] + [
        ("float32", False)
    ] * graphs:  # eager once, to compare
        label, lever = name + ", graphs" * on, levers.get(name, {})
        try:
            weight, arch = step_seconds(
                chosen, lever, patches, 2 if quick else 10, "on" if on else "off"
            )
        except (RuntimeError, ValueError, FloatingPointError) as error:
            yield failed(f"steps, {label}", error)
            continue
        yield Reading(what=f"weight step, {label}", value=1e3 * weight, unit="ms")
        yield Reading(what=f"arch step, {label}", value=1e3 * arch, unit="ms")
        if name != "float16" and weight + arch < best[0]:
            best = weight + arch, lever
    for name, lever in levers.items():
        if "precision" in lever or not lever:
            yield from _training_step(chosen, name, patches, 2 if quick else 40)
    use_tf32(False)
    yield from _validation(chosen, patches)
    for what, part in (
        ("memory", _memory),
        ("compact net", _compact),
        ("weight step, fast : literal", _literal),
    ):
        try:
            yield from part(chosen, device, quick)
        except (RuntimeError, ValueError) as error:
            yield failed(what, error)
    yield from _whole_search(chosen, {}, patches, "float32")
    if best[1].get("precision"):
        yield from _whole_search(chosen, best[1], patches, best[1]["precision"])
    use_tf32(False)


def pictures(n: int, height: int, width: int, seed: int = 0) -> dict[str, np.ndarray]:
    """``n`` crops of the built-in training photographs, gray uint8 (height, width)."""
    sources = [
        image
        for image in load_images("builtin", 1).values()
        if image.shape[0] >= height and image.shape[1] >= width
    ]
    rng, out = np.random.default_rng(seed), {}
    for i in range(n):
        image = sources[i % len(sources)]
        y, x = (
            int(rng.integers(side - want + 1)) for side, want in zip(image.shape, (height, width))
        )
        out[f"crop {i}"] = np.ascontiguousarray(image[y : y + height, x : x + width])
    return out


def step_seconds(
    chosen: Preset, values: dict, patches: Patches, repeats: int, graphs: str
) -> tuple[float, float]:
    """Median seconds of a weight and of an arch step, data included; a step ends by reading its loss, so it is over when it returns."""
    state = Search(chosen.space, replace(chosen.search, **values), patches, graphs)
    spent: dict[Callable, list[float]] = {weight_step: [], arch_step: []}
    for n in range(3 + repeats):
        state.iteration = 0
        for step in spent:
            synchronise(patches.device)
            start = time.perf_counter()
            step(state)
            synchronise(patches.device)
            if n >= 3:
                spent[step].append(time.perf_counter() - start)
    return tuple(float(np.median(times)) for times in spent.values())


def _training_step(chosen: Preset, name: str, patches: Patches, repeats: int) -> Iterator[Reading]:
    """Mean of some iterations of the training loop, data included, the losses read at the end, as it does."""
    genotype, config = sample(chosen.space, random.Random(0)), replace(chosen.train, precision=name)
    try:
        state = Training(genotype, config, patches)
        for n in range(3 + repeats):
            if n == 3:
                synchronise(patches.device)
                start = time.perf_counter()
            train_step(state)
        synchronise(patches.device)
    except (RuntimeError, ValueError, FloatingPointError) as error:
        yield failed(f"training step, {name}", error)
        return
    note = f"batch {config.batch}, {sum(p.numel() for p in state.parameters):,} parameters"
    yield Reading(
        what=f"training step, {name}",
        value=1e3 * (time.perf_counter() - start) / repeats,
        unit="ms",
        note=note,
    )


def _validation(chosen: Preset, patches: Patches) -> Iterator[Reading]:
    """Of a search's V, all its pictures and noise levels, after one that does not count."""
    try:
        state = Search(chosen.space, chosen.search, patches)
        for _ in range(2):
            synchronise(patches.device)
            start = time.perf_counter()
            validate(state.net, patches, state.split.v, chosen.search)
    except (RuntimeError, ValueError) as error:
        yield failed("validation of an epoch", error)
        return
    note = f"{len(state.split.v)} pictures, {len(chosen.search.sigmas)} noise levels"
    yield Reading(
        what="validation of an epoch", value=time.perf_counter() - start, unit="s", note=note
    )


def _whole_search(
    chosen: Preset, values: dict, patches: Patches, name: str, limit: float = 240.0
) -> Iterator[Reading]:
    """All epochs with validation; beyond ``limit`` seconds it stops and says how far it came."""
    start, epoch = time.perf_counter(), 0
    try:
        state = Search(chosen.space, replace(chosen.search, **values), patches)
        for record in search(state):
            if isinstance(record, Epoch):
                epoch = record.epoch
                if time.perf_counter() - start > limit:
                    break
    except (RuntimeError, ValueError, FloatingPointError) as error:
        yield failed(f"search, {name}", error)
        return
    note = f"{epoch} of {chosen.search.epochs} epochs, {state.steps} weight steps each, {len(patches)} images, batch {chosen.search.batch}"
    yield Reading(what=f"search, {name}", value=time.perf_counter() - start, unit="s", note=note)


def _memory(chosen: Preset, device: str, quick: bool) -> Iterator[Reading]:
    """Peak of a weight step against the prediction, cell sharing on and off; the largest batch that really runs."""
    gc.collect()  # what was read before holds memory until it is forgotten
    cuda = device.startswith("cuda")
    total = torch.cuda.get_device_properties(device).total_memory if cuda else 2 * 10**7
    for sharing in ("on", "off"):
        space = replace(chosen.space, cell_sharing=sharing)
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            _one_step(space, chosen.search, device)
            peak = torch.cuda.max_memory_allocated(device) - before
            need = search_step(space, chosen.search).total
            yield Reading(
                what=f"peak memory of a weight step, sharing {sharing}",
                value=peak / 1e9,
                unit="GB",
                note=f"predicted {need / 1e9:.3f}, predicted : measured {need / peak:.2f}",
            )
        batch = predicted = largest_batch(
            lambda n, s=space: search_step(s, replace(chosen.search, batch=n)).total,
            int(0.95 * total),
        )
        while batch:
            try:
                _one_step(space, replace(chosen.search, batch=batch), device)
                break
            except torch.cuda.OutOfMemoryError:
                batch = int(0.95 * batch)
        yield Reading(
            what=f"largest batch, sharing {sharing}",
            value=batch,
            unit="images",
            note=f"predicted {predicted} in {total / 1e9:.3g} GB",
        )


def _one_step(space: SearchSpace, config: SearchConfig, device: str):
    steps = Steps(space, config, device, kinds=("fast",))
    steps.weight("fast")()
    synchronise(device)


def _compact(chosen: Preset, device: str, quick: bool) -> Iterator[Reading]:
    """A random decoded net at the training's width on pictures of 481 x 321, folded."""
    net = Network(
        sample(chosen.space, random.Random(0)), width=chosen.train.width, stem=chosen.train.stem
    )
    net = fold(net).to(device=device, memory_format=torch.channels_last)
    height, width, repeats = (32, 32, 2) if quick else (HEIGHT, WIDTH, 20)
    for name in ("float32", "bfloat16"):
        for batch in (1, 8):
            x = torch.rand(batch, 1, height, width, device=device)
            with torch.inference_mode(), precision(name, x.device):
                for n in range(2 + repeats):
                    if n == 2:
                        synchronise(device)
                        start = time.perf_counter()
                    net(x)
                synchronise(device)
            speed = repeats * batch / (time.perf_counter() - start)
            yield Reading(
                what=f"compact net, {name}, batch {batch}",
                value=speed,
                unit="images/s",
                note=f"{width} x {height}, W = {chosen.train.width}",
            )


def _literal(chosen: Preset, device: str, quick: bool) -> Iterator[Reading]:
    """The weight step with one module per operation and edge, against ours, both eager in float32."""
    steps, seconds = Steps(chosen.space, chosen.search, device), {}
    for kind in steps.nets:
        step, spent = steps.weight(kind), []
        for _ in range(2 if quick else 8):
            synchronise(device)
            start = time.perf_counter()
            step()
            synchronise(device)
            spent.append(time.perf_counter() - start)
        seconds[kind] = float(np.median(spent[1:]))
    yield Reading(
        what="weight step without data, fast : literal",
        value=seconds["fast"] / seconds["literal"],
        unit="x",
        note=f"{1e3 * seconds['fast']:.1f} ms : {1e3 * seconds['literal']:.1f} ms",
    )


def failed(what: str, error: Exception) -> Reading:
    return Reading(
        what=what,
        value=float("nan"),
        unit="",
        note=f"{type(error).__name__}: {str(error).splitlines()[0][:120]}",
    )
