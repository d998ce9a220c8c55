"""Peers trained here with the budget of one of our trainings, and measured beside it.

The budget is that training's own: photographs, patches and noise (the same generator streams),
batch, loss, optimiser, learning rates and seed. The settings were chosen for our nets, not for
theirs: Adam at our learning rate leaves DnCNN at its input. So a peer is trained with a lower rate,
too, and each has its row; it says what a method gives at this budget, not what it can give.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from hinas_book.ch10_state_of_the_art.peers import Peer, peer
from hinas_book.kit.stored_nets import FOLDER
from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig, from_dict
from hinas_lab.images.datasets.catalog import load_images, read_images
from hinas_lab.images.patches import INIT, Patches, generator
from hinas_lab.images.protocol import Restore, default_protocol, protocol
from hinas_lab.presets import Preset
from hinas_lab.records import read_records, spent_seconds
from hinas_lab.restoration.classical import CLASSICAL, classical
from hinas_lab.restoration.measure import evaluate, mean
from hinas_lab.restoration.restorer import restore_array
from hinas_lab.runs.folder import Run, load_network, load_weights, open_peer
from hinas_lab.runs.header import read_header
from hinas_lab.space.network import Network
from hinas_lab.training.training import Training, build_network, train_step

OURS = {"denoise": FOLDER / "net", "sr": FOLDER / "net-sr"}
"task -> the training that sets the budget, where none is named"
TRAINED = {"denoise": "DnCNN", "sr": "FSRCNN"}
"task -> the peer that is trained"
RATES = (1.0, 0.2)
"of our learning rate: a training each"
LONGEST = 600.0
"seconds: a peer whose iterations would take longer gets our training's seconds instead"
NEEDS = {"wavelet": "pywt", "bm3d": "bm3d"}
"classical methods that need a package of their own; without it they have no row"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """One of our trainings: what it was given, and its net."""

    run: Path
    task: str
    level: float
    "sigma on the 0-255 scale, or the scale of super-resolution"
    preset: str
    data: str
    data_hash: str
    config: TrainConfig
    net: Network
    "folded"
    residual: bool
    parameters: int

    @property
    def scale(self) -> int:
        return self.net.scale

    @property
    def peer(self) -> Peer:
        return peer(TRAINED[self.task], self.task)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A row: one method, measured.

    What was not trained has no preset, seed, learning rate, iterations, seconds or parameters.
    """

    method: str
    origin: str
    "ours, peer trained here, or classical"
    task: str
    level: float
    dataset: str
    n: int
    protocol: str
    device: str
    threads: int
    psnr: float
    ssim: float
    psnr_se: float
    ssim_se: float
    seconds: float
    "mean for one picture"
    budget: str | None = None
    "equal iterations, or equal seconds; of ours, None"
    preset: str | None = None
    seed: int | None = None
    lr: float | None = None
    "the highest learning rate"
    iterations: int | None = None
    step_seconds: float | None = None
    "of one iteration: the median, timed in turn with the other net's before any training"
    train_seconds: float | None = None
    "iterations times step_seconds"
    spent_seconds: float | None = None
    "what the training took when it ran; ours ran at another time"
    parameters: int | None = None


def budget_of(run: str | Path, device: str = "cpu") -> Budget:
    """What the finished training in ``run`` was given.

    ValueError for a colour net, several noise levels, or no training of ours.
    """
    net, info = load_network(run, device)
    header = read_header(run)
    levels = info["sigmas"] or [info["scale"]]
    if info["channels"] != 1:
        raise ValueError(f"{run}: is a net for colour; the peers trained beside it are for gray")
    if len(levels) > 1:
        raise ValueError(
            f"{run}: was trained for {len(levels)} noise levels; the peers are for one"
        )
    return Budget(
        run=Path(run),
        level=levels[0],
        data_hash=header["data_hash"],
        config=from_dict(TrainConfig, header["train"]),
        net=net,
        residual=header["residual"],
        **{name: info[name] for name in ("task", "preset", "data", "parameters")},
    )


def first_net(p: Peer, scale: int, seed: int) -> nn.Module:
    """The peer with its first weights: torch's default initialisation, from ``seed``.

    torch's own generator is left as it was.
    """
    # no devices: nets are built on the CPU
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(seed, INIT).initial_seed())
        return p.build(scale)


def step_seconds(b: Budget, repeats: int = 5, device: str = "cpu") -> tuple[float, float]:
    """Median seconds of one training iteration of ours and of the peer.

    In turn, so that a machine that slows down slows both; one each before does not count.
    """
    patches = Patches(load_images(b.data, 1), scale=b.scale, device=device)
    # as many as are timed: the schedule's end plays no part
    config = replace(b.config, iterations=repeats + 1)
    ours = build_network(b.net.genotype, b.config, b.residual)
    theirs = first_net(b.peer, b.scale, b.config.seed)
    states = [Training(None, config, patches, net=net) for net in (ours, theirs)]
    times: tuple[list[float], ...] = ([], [])
    for _ in range(repeats + 1):
        for state, spent in zip(states, times):
            start = time.perf_counter()
            train_step(state).tolist()  # reads the loss: nothing is left queued but the optimiser
            spent.append(time.perf_counter() - start)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def fitted(
    config: TrainConfig, ours: float, theirs: float, budget: str | None = None
) -> tuple[TrainConfig, str]:
    """The peer's training, and in words what is equal, from the seconds of one iteration of both.

    ``budget``: iterations, seconds, or None: iterations where these take at most LONGEST.
    """
    if budget not in (None, "iterations", "seconds"):
        raise ValueError(f"budget = {budget!r}: must be iterations or seconds")
    if budget is None:
        budget = "iterations" if config.iterations * theirs <= LONGEST else "seconds"
    if budget == "seconds":
        # the learning rate's whole course is shortened, warm-up included
        share = ours / theirs
        iterations = max(1, round(config.iterations * share))
        config = replace(config, iterations=iterations, warmup=round(config.warmup * share))
    return config, f"equal {budget}"


def open_run(
    p: Peer, folder: Path, config: TrainConfig, *, scale: int, preset: str, data: str, device: str
) -> Run:
    """The training of a peer in ``folder``, new or continued."""
    # peers are trained on gray patches, whatever the preset's colours
    settings = Preset(preset, SearchSpace(task=p.task, scale=scale), SearchConfig(), config)
    return open_peer(
        folder,
        p.name,
        lambda: first_net(p, scale, config.seed),
        settings,
        data=data,
        device=device,
        resume=True,
    )


def open_training(b: Budget, folder: Path, config: TrainConfig, device: str = "cpu") -> Run:
    """``open_run`` with the budget ``b``.

    ValueError when the training images are no longer those of ours.
    """
    run = open_run(
        b.peer, folder, config, scale=b.scale, preset=b.preset, data=b.data, device=device
    )
    if run.header["data_hash"] != b.data_hash:
        raise ValueError(
            f"{b.run}: was trained on other images than {b.data} holds now; train it again"
        )
    return run


def as_begun(folder: Path, config: TrainConfig) -> TrainConfig:
    """``config`` with the iterations of a training that is already there.

    A stopped one goes on with them, however fast the machine is now.
    """
    if not (folder / "config.json").exists():
        return config
    header = read_header(folder)
    if header["kind"] != "peer":
        raise ValueError(
            f"{folder}: is a {header['kind']} run, not a peer's; choose another folder"
        )
    # only its length: rates and batch must be those that were asked for
    begun = header["train"]
    return replace(config, iterations=begun["iterations"], warmup=begun["warmup"])


def load_peer(p: Peer, scale: int, folder: str | Path, device: str = "cpu") -> nn.Module:
    """The trained peer, for use."""
    net = p.build(scale)
    load_weights(net, Path(folder) / "best.safetensors")
    # what a restorer asks a net for; radius 0: pictures pass in one piece
    net.channels = p.channels
    net.scale = scale
    net.radius = 0
    return net.to(device).eval()


def restorer(net: nn.Module, device: str = "cpu") -> Restore:
    """What ``load_peer`` loaded, as a function of pictures, which pass in one piece."""
    # nobody knows how far a peer sees: no tiles. The protocol clips, not the net
    return lambda image: restore_array(net, image, tile=max(image.shape), clip=False, device=device)


def rows(
    b: Budget,
    trainings: dict[Path, TrainConfig],
    equal: str,
    steps: tuple[float, float],
    device: str = "cpu",
) -> Iterator[Trained]:
    """Ours, the peer's ``trainings``, then the classical methods.

    On the built-in test photographs under the task's base protocol. ``steps``: seconds of an
    iteration, of ours and of the peer's.
    """
    images = read_images("builtin", "test")
    how = protocol(default_protocol(b.task))

    def row(method: str, restore: Restore, **more) -> Trained:
        return Trained(
            method=method,
            task=b.task,
            level=b.level,
            dataset="builtin",
            protocol=how.name,
            threads=torch.get_num_threads(),
            **mean(list(evaluate(method, restore, images, b.level, how))),
            **more,
        )

    def trained(config: TrainConfig, step: float, run: Path, parameters: int) -> dict:
        return {
            "device": device,
            "preset": b.preset,
            "seed": config.seed,
            "lr": config.lr,
            "iterations": config.iterations,
            "step_seconds": step,
            "train_seconds": config.iterations * step,
            "spent_seconds": spent_seconds(read_records(run)),
            "parameters": parameters,
        }

    yield row(
        f"ours ({b.run.name})",
        lambda image: restore_array(b.net, image, clip=False, device=device),
        origin="ours",
        **trained(b.config, steps[0], b.run, b.parameters),
    )
    for folder, config in trainings.items():
        net = load_peer(b.peer, b.scale, folder, device)
        parameters = sum(p.numel() for p in net.parameters())
        yield row(
            b.peer.name,
            restorer(net, device),
            origin="peer trained here",
            budget=equal,
            **trained(config, steps[1], folder, parameters),
        )
    # they run on the CPU whatever trains the nets
    for name in CLASSICAL[b.task]:
        if name not in NEEDS or find_spec(NEEDS[name]):
            restore = classical(name, b.task, b.level)
            yield row(name, restore, origin="classical", device="cpu")
