"""What a trained net in a run folder does on the built-in test pictures, how long it takes, and one
of its pictures."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hinas_lab.analysis.trained_nets import PICTURE, TrainedNet
from hinas_lab.config import TrainConfig, from_dict
from hinas_lab.images.protocol import Restore, default_protocol, protocol
from hinas_lab.images.tasks import TASKS
from hinas_lab.restoration.measure import usual_level
from hinas_lab.runs.header import read_header
from hinas_lab.space.cost import HEIGHT, WIDTH
from hinas_lab.space.genotype import Genotype

TEST = "builtin"
"the data set on whose test pictures a run is measured"
REPEATS = 3
"times that a net restores the picture whose milliseconds are told"


class Restored(NamedTuple):
    """One test picture: (H, W) or (H, W, 3) in about [0, 1] each."""

    clean: np.ndarray
    degraded: np.ndarray
    restored: np.ndarray
    psnr: float
    "of the restored picture, dB"
    ssim: float


def level_of(genotype: Genotype, config: TrainConfig) -> float:
    """Sigma on the 0-255 scale at which a net is measured, or the scale of super-resolution."""
    has_levels = TASKS[genotype.task].has_levels
    return usual_level(config.sigmas) if has_levels else genotype.scale


def measured(run: Path, genotype: Genotype, config: TrainConfig, device: str) -> dict:
    """psnr (dB) and ssim on the built-in test pictures; with protocol, test and device. Once for
    the same weights."""
    written = (run / "best.safetensors").stat().st_mtime_ns
    name = default_protocol(genotype.task, genotype.channels)
    return dict(_measured(run.resolve(), written, name, level_of(genotype, config), device))


@cache
def _measured(run: Path, written: int, name: str, level: float, device: str) -> dict:
    from hinas_lab.analysis.jobs import measure
    from hinas_lab.training.numerics import use_device

    device = use_device(device)
    scores = measure(_restorer(run, device), level, TEST, name)
    return scores | {"protocol": name, "device": device}


def timed(nets: Sequence[TrainedNet], device: str = "cpu") -> tuple[TrainedNet, ...]:
    """The nets with the milliseconds that those take here whose weights are at hand: the median of
    ``REPEATS`` restorations of one picture of 480 x 320 pixels, the nets in turn."""
    from hinas_lab.analysis.timing import interleaved
    from hinas_lab.training.numerics import use_device

    device = use_device(device)
    rng, calls = np.random.default_rng(0), {}
    for place, net in enumerate(nets):
        if net.folder is not None:
            more = () if net.genotype.channels == 1 else (net.genotype.channels,)
            picture = rng.random((HEIGHT, WIDTH, *more), dtype=np.float32)
            calls[place] = partial(_restorer(net.folder, device), picture)
    told = list(nets)
    for place, seconds in interleaved(calls, REPEATS).items():
        milliseconds = 1000 * float(np.median(seconds))
        told[place] = replace(
            told[place], milliseconds=milliseconds, picture=PICTURE, device=device
        )
    return tuple(told)


def restored_by(net: TrainedNet, device: str = "cpu") -> Restored | None:
    """The first built-in test picture, restored by ``net``; None where its weights are not at
    hand."""
    from hinas_lab.images.datasets.catalog import read_images
    from hinas_lab.training.numerics import use_device

    if net.folder is None:
        return None
    device = use_device(device)
    config = from_dict(TrainConfig, read_header(net.folder)["train"])
    chosen, scale = protocol(net.protocol), net.genotype.scale
    images = read_images(TEST, "test")
    clean = chosen.clean(images[next(iter(images))], scale)
    restore, seen = _restorer(net.folder, device), []

    def noted(degraded: np.ndarray) -> np.ndarray:
        seen.append(degraded)
        return restore(degraded)

    restored = chosen.apply(noted, clean, level_of(net.genotype, config), 0)
    scores = chosen.scores(restored, clean, scale)
    return Restored(clean, seen[0], restored, scores["psnr"], scores["ssim"])


def _restorer(run: Path, device: str) -> Restore:
    from hinas_lab.restoration.restorer import restore_array
    from hinas_lab.runs.folder import load_network

    net, _ = load_network(run, device)
    return lambda image: restore_array(net, image, clip=False, device=device)
