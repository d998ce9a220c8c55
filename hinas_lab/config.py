"""What can be chosen: the search space, a search, a training; and the named presets.

Everything is frozen, keyword-only and plain: a config is its JSON. A wrong value is a
``ValueError`` that names the field. Where the paper leaves a gap, the default is the reading that
docs and METHOD call "ours"; the other reading is an option."""

import dataclasses
import json
import os
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import UnionType
from typing import NamedTuple, get_origin

from hinas_lab.space.ops import OP_NAMES, OPS, choices_of

TASKS = ("denoise", "sr")

RETIRED = {"SearchConfig": {"graphs": False}}
"""Fields that are gone (class -> name -> value): they stay in hashes and headers, so that those of
recorded runs hold; what a header says of them is not read. graphs: chooses how a GPU does the same
work, which is no setting of a search."""


def added_later(legacy):
    """A field that recorded runs did not know, with what they did as its default: at that value it
    is in no hash and no header.

    So a config can grow and every recorded key, a hash of all that decides a job's numbers, stays.
    """
    return field(default=legacy, metadata={"added": True})


def _need(ok: bool, name: str, value, wanted: str):
    if not ok:
        raise ValueError(f"{name} = {value!r}: {wanted}")


_WORDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a word"}


def _check_types(config):
    """Hold every field to its annotation; sequences become tuples, numbers of float fields floats.
    ValueError names the field."""
    for f in fields(config):
        kind, value, optional = f.type, getattr(config, f.name), False
        if isinstance(kind, UnionType):  # X | None
            kind, optional = kind.__args__[0], True
        if value is None and optional:
            continue
        if get_origin(kind) is tuple:
            item = kind.__args__[0]
            ok = isinstance(value, tuple | list) and all(is_a(item, v) for v in value)
            _need(ok, f.name, value, f"must be a list, each {_WORDS[item]}")
            object.__setattr__(config, f.name, tuple(map(item, value)))
        else:
            _need(
                is_a(kind, value),
                f.name,
                value,
                f"must be {_WORDS.get(kind, f'a {kind.__name__}')}",
            )


def is_a(kind: type, value) -> bool:
    """isinstance, but whole numbers are floats too, booleans are no numbers, and floats are finite."""
    if kind is float:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and -1e300 < value < 1e300
        )
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _one_of(name: str, value, allowed: tuple):
    _need(value in allowed, name, value, "must be one of " + ", ".join(map(str, allowed)))


def _least(name: str, value, least: float):
    _need(value >= least, name, value, f"must be at least {least:g}")


def _positive(name: str, value):
    _need(value > 0, name, value, "must be above 0")


def _share(name: str, value):
    _need(0 <= value < 1, name, value, "must be at least 0 and below 1")


class Move(NamedTuple):
    """A legal width move: into layer ``layer``, from width ``source`` of the layer before, to width
    ``target``."""

    layer: int
    source: int
    target: int


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The supernet's shape: what can be built (Sections 3.1, 3.2; Figure 2)."""

    task: str = "denoise"
    scale: int = 1
    "upscaling factor S; 1 for denoising"
    channels: int = 1
    "image channels C, 1 (gray) or 3 (RGB)"
    layers: int = 3
    "L"
    nodes: int = 4
    "N nodes per cell"
    width: int = 10
    "base width W while searching, in channels"
    width_factors: tuple[float, ...] = (1.0, 1.5, 2.0)
    "gamma; gamma_i * W channels per node of a cell of width i"
    stem: int = 64
    "channels of the first convolution of the start part and of the end part"
    repeats: int = 2
    "how often a separable convolution is applied"
    lwas: bool = True
    """layer-wise architecture sharing: each layer its own alpha; off: one alpha tied over layers
    (Eq. 2 against Eq. 1)"""
    cell_sharing: str = "on"
    """on: sum first, one cell (Eq. 5); off: a cell per incoming move, own weights; tied: the same
    weights applied to each (Eq. 6)"""
    residual: bool = True
    "output = input (or its upscaling) + network"
    beta_norm: str = "outgoing"
    """softmax over the moves that leave a cell (a path is a probability) or over the moves that
    enter one (Eq. 5 as read)"""
    affine: bool = False
    """scale and shift in the operations' batch norms while searching: the scale can do what alpha
    does, which then says little"""
    second_input: str = "layer"
    "layer: 1x1 of h_{l-2}; mixed: the mixed first input of the layer before (the authors' code)"
    end: str = "conv"
    "conv: two convolutions (the paper); aspp: dilated branches (the authors' code)"
    sigmoid: bool = False
    "sigmoid behind the supernet (the authors' code)"
    upsampling: str = "bicubic"
    "the SR skip while searching: bicubic (MATLAB kernel) or bilinear (the authors' code)"
    fixed_path: tuple[int, ...] | None = None
    "search operations only, on this width path: no beta"
    ops: tuple[str, ...] = added_later(OP_NAMES)
    """the operations that compete on every edge, names of ``space.ops.OPS``, in the order of
    alpha's last axis"""

    def __post_init__(self):
        _check_types(self)
        _one_of("task", self.task, TASKS)
        _one_of("scale", self.scale, (2, 3, 4) if self.task == "sr" else (1,))
        _one_of("channels", self.channels, (1, 3))
        for name, least in (("layers", 1), ("nodes", 1), ("width", 1), ("stem", 1), ("repeats", 1)):
            _least(name, getattr(self, name), least)
        _need(
            len(self.width_factors) > 0,
            "width_factors",
            self.width_factors,
            "must name at least one factor",
        )
        for g in self.width_factors:
            _need(
                g > 0 and (g * self.width) == int(g * self.width),
                "width_factors",
                g,
                f"times width {self.width} must be a whole number of channels",
            )
        _one_of("cell_sharing", self.cell_sharing, ("on", "off", "tied"))
        _one_of("beta_norm", self.beta_norm, ("outgoing", "incoming"))
        _one_of("second_input", self.second_input, ("layer", "mixed"))
        _one_of("end", self.end, ("conv", "aspp"))
        _one_of("upsampling", self.upsampling, ("bicubic", "bilinear"))
        if self.fixed_path is not None:
            check_path(self.fixed_path, self.layers, len(self.width_factors), "fixed_path")
        for name in self.ops:
            _one_of("ops", name, tuple(OPS))
        _need(len(set(self.ops)) == len(self.ops), "ops", self.ops, "must name each operation once")
        _need(
            len(self.choices) > 0, "ops", self.ops, "must name an operation that an edge can keep"
        )

    @property
    def choices(self) -> tuple[str, ...]:
        """What a decoded edge may hold: ``ops`` without none."""
        return choices_of(self.ops)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(source, node) pairs: sources 0 = h_{l-1}, 1 = h_{l-2}, 2.. = earlier nodes."""
        return tuple((j, i) for i in range(self.nodes) for j in range(i + 2))

    @cached_property
    def cells(self) -> tuple[tuple[int, ...], ...]:
        """Per layer, the width indices that exist: widths grow by at most one step a layer."""
        if self.fixed_path is not None:
            return tuple((w,) for w in self.fixed_path)
        top = len(self.width_factors) - 1
        return tuple(tuple(range(min(l + 1, top) + 1)) for l in range(self.layers))

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """The legal moves, in beta's order (14 for the paper's denoising supernet)."""
        before = ((0,),) + self.cells[:-1]
        return tuple(
            Move(l, k, i)
            for l in range(self.layers)
            for i in self.cells[l]
            for k in before[l]
            if abs(i - k) <= 1
        )

    def node_channels(self, width_index: int) -> int:
        """gamma_i * W."""
        return int(self.width_factors[width_index] * self.width)

    @property
    def alpha_shape(self) -> tuple[int, ...]:
        inner = (len(self.edges), len(self.ops))
        return (self.layers, *inner) if self.lwas else inner


def check_path(path, layers: int, widths: int, name: str = "path"):
    """Raise ValueError unless ``path`` is a legal width path: one index per layer, steps of at most
    one, from width 0."""
    ok = len(path) == layers and all(is_a(int, i) and 0 <= i < widths for i in path)
    _need(ok, name, path, f"must hold {layers} width indices from 0 to {widths - 1}")
    _need(
        all(abs(b - a) <= 1 for a, b in zip((0, *path), path)),
        name,
        path,
        "no legal width path: it starts beside width 0 and changes by at most one step a layer",
    )


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Eq. 7: pixel loss + lam * l_ssim."""

    lam: float = 0.6
    "lambda, the weight of l_ssim = log10(1 / SSIM)"
    pixel: str = "mse"
    "mse, or l1 (the authors' super-resolution)"
    reduction: str = "mean"
    """of the pixel loss: mean over pixels, or sum (the norm as printed in Eq. 7, averaged over the
    batch)"""
    average_terms: bool = False
    "divide by the number of terms (the authors' code)"

    def __post_init__(self):
        _check_types(self)
        _least("loss.lam", self.lam, 0)
        _one_of("loss.pixel", self.pixel, ("mse", "l1"))
        _one_of("loss.reduction", self.reduction, ("mean", "sum"))


def _check_common(c):
    _check_types(c)
    _need(len(c.sigmas) > 0, "sigmas", c.sigmas, "must name at least one noise level")
    for s in c.sigmas:
        _need(0 <= s <= 255, "sigma", s, "must be from 0 to 255")
    for name in ("batch", "patch"):
        _least(name, getattr(c, name), 1)
    _need(
        c.patch >= 11 or c.loss.lam == 0,
        "patch",
        c.patch,
        "must be at least 11 pixels, the window of SSIM",
    )
    _one_of("optimizer", c.optimizer, ("sgd", "adam"))
    _one_of("precision", c.precision, ("float32", "tf32", "bfloat16", "float16"))
    _positive("lr", c.lr)
    for name in ("grad_clip", "value_clip"):
        if getattr(c, name) is not None:
            _positive(name, getattr(c, name))
    _need(0 <= c.seed < 2**63, "seed", c.seed, "must be at least 0 and below 2**63")
    for name in ("lr_min", "weight_decay"):
        _least(name, getattr(c, name), 0)
    _share("momentum", c.momentum)


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How a search runs (Sections 3.3, 4.1)."""

    sigmas: tuple[float, ...] = (30.0, 50.0, 70.0)
    "noise levels on the 0-255 scale, one drawn per patch; unused by super-resolution"
    batch: int = 8
    patch: int = 64
    "patch size in pixels of the network's input (super-resolution: of the LR image)"
    epochs: int = 100
    crops_per_image: int = 1
    "random crops of each Train-W image in one epoch"
    warmup_epochs: int = 20
    "epochs in which only weights train"
    validate_from: int = 61
    "first epoch (counted from 1) after which V is scored"
    share: float = 0.02
    "share of the training images kept for V"
    validate_crop: int | None = None
    """V images are cut to a centred square of at most this many pixels of the network's input;
    None: whole images"""
    score: str = "ssim+psnr/100"
    "what picks the best supernet; or psnr"
    loss: Loss = field(default_factory=Loss)
    optimizer: str = "sgd"
    "of the weights"
    lr: float = 0.025
    lr_min: float = 0.001
    schedule: str = "cosine"
    """cosine: one, over all epochs; wave: down and up again in 20 epochs, under an envelope that
    falls to 0 (the authors' code)"""
    momentum: float = 0.9
    "of SGD; beta1 of Adam"
    weight_decay: float = 3e-4
    grad_clip: float | None = None
    "largest norm of the weights' gradient, all of them together; None: no limit"
    value_clip: float | None = added_later(None)
    "largest size of each value of the weights' gradient, cut before the norm is; None: no limit"
    arch_lr: float = 1e-3
    "Adam on alpha and beta"
    arch_beta1: float = 0.9
    arch_weight_decay: float = 1e-3
    arch_data: str = "own"
    """alpha and beta learn on images of their own, Train A, or on the images of the weights, Train
    W (A is then unused)"""
    keep: str = "best"
    "the supernet that is the result: the best one on V, or the last one (V is scored all the same)"
    precision: str = "float32"
    """float32; tf32 (NVIDIA GPUs): convolutions with 10 bits; bfloat16, float16: the forward pass,
    parameters and loss stay float32"""
    checkpoint: bool = False
    """compute each cell again in the backward pass instead of keeping its tensors: less memory,
    more time, the same numbers"""
    seed: int = 0

    def __post_init__(self):
        _check_common(self)
        for name, least in (
            ("epochs", 1),
            ("crops_per_image", 1),
            ("warmup_epochs", 0),
            ("validate_from", 1),
        ):
            _least(name, getattr(self, name), least)
        _need(0 < self.share <= 0.5, "share", self.share, "must be above 0 and at most 0.5")
        if self.validate_crop is not None:
            _least("validate_crop", self.validate_crop, 11)
        _one_of("score", self.score, ("ssim+psnr/100", "psnr"))
        _need(
            self.schedule != "restart",
            "schedule",
            self.schedule,
            "was a misreading of the authors' code and is gone; theirs is wave",
        )
        _one_of("schedule", self.schedule, ("cosine", "wave"))
        _least("arch_lr", self.arch_lr, 0)
        _share("arch_beta1", self.arch_beta1)
        _least("arch_weight_decay", self.arch_weight_decay, 0)
        _one_of("arch_data", self.arch_data, ("own", "weights"))
        _one_of("keep", self.keep, ("best", "last"))


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a decoded network is trained (Section 4.1)."""

    width: int = 20
    "base width W of the compact network"
    stem: int = 64
    end: str = "conv"
    repeats: int = 2
    sigmas: tuple[float, ...] = (50.0,)
    batch: int = 24
    patch: int = 64
    iterations: int = 400_000
    loss: Loss = field(default_factory=Loss)
    optimizer: str = "sgd"
    lr: float = 0.05
    lr_min: float = 0.0
    schedule: str = added_later("cosine")
    "cosine: one, to lr_min; poly: (1 - t / T)^0.9 of the way to it (the authors' code)"
    warmup: int = 0
    "iterations over which the learning rate rises linearly to lr; then the schedule begins"
    momentum: float = 0.9
    weight_decay: float = 3e-4
    biases: str = added_later("as weights")
    """how biases learn: as weights, or double: at twice the rate and without weight decay (the
    authors' code)"""
    grad_clip: float | None = None
    "as in SearchConfig"
    value_clip: float | None = added_later(None)
    "as in SearchConfig"
    precision: str = "float32"
    "as in SearchConfig"
    seed: int = 0

    def __post_init__(self):
        _check_common(self)
        for name, least in (
            ("width", 1),
            ("stem", 1),
            ("repeats", 1),
            ("iterations", 1),
            ("warmup", 0),
        ):
            _least(name, getattr(self, name), least)
        _one_of("end", self.end, ("conv", "aspp"))
        _one_of("schedule", self.schedule, ("cosine", "poly"))
        _one_of("biases", self.biases, ("as weights", "double"))


def to_dict(config) -> dict:
    """A config as plain JSON values: what headers hold and keys are hashes of. A field that was
    ``added`` is there when it differs from what was done before it, a RETIRED one always."""
    values = dict(RETIRED.get(type(config).__name__, {}))
    for f in fields(config):
        value = getattr(config, f.name)
        if "added" not in f.metadata or value != f.default:
            values[f.name] = to_dict(value) if dataclasses.is_dataclass(value) else value
    return json.loads(json.dumps(values))


def from_dict(cls, values: dict):
    """The config of class ``cls`` from ``to_dict``'s values; an unknown field is a ValueError,
    never ignored."""
    _need(isinstance(values, dict), cls.__name__, values, "must be a JSON object")
    values = {
        name: value for name, value in values.items() if name not in RETIRED.get(cls.__name__, {})
    }
    known = {f.name for f in fields(cls)}
    for name in values:
        _need(name in known, name, values[name], f"is not a field of {cls.__name__}")
    return cls(**values | ({"loss": from_dict(Loss, values["loss"])} if "loss" in values else {}))


class Preset(NamedTuple):
    """A named, full configuration."""

    name: str
    space: SearchSpace
    search: SearchConfig
    train: TrainConfig


def _printed(task: str, scale: int) -> tuple[SearchSpace, SearchConfig, TrainConfig]:
    """The text of the paper to the letter; base widths are not in it and taken from the authors'
    code. Denoising diverges within 8 to 34 iterations, whatever the pictures; a training for x4
    climbs to 17 times the loss of bicubic (docs/stability.md)."""
    if task == "denoise":
        return SearchSpace(), SearchConfig(), TrainConfig()
    space = SearchSpace(task="sr", scale=scale, channels=3, layers=2, nodes=3, width=8)
    return space, SearchConfig(batch=24), TrainConfig(width=16, iterations=600_000)


STABLE_NORM = 0.1
"""largest norm of the weights' gradient at ``paper``, chosen by trial (docs/stability.md). At the
start the loss curves by 119 along the last convolution alone: momentum 0.9 bears a rate of 2 (1 +
0.9) / 119 = 0.032 there, and the text trains with 0.05"""


def _paper(task: str, scale: int):
    """The text of the paper with one departure, without which it diverges: the weights' gradient is
    cut to a norm of 0.1."""
    space, search, train = _printed(task, scale)
    return space, replace(search, grad_clip=STABLE_NORM), replace(train, grad_clip=STABLE_NORM)


def _authors(task: str, scale: int):
    """Their public code, as far as it is built. Gradient values cut at 5 do not keep a training of
    this end part stable: the norm is cut, too. A search holds as theirs does."""
    space, search, train = _printed(task, scale)
    space = replace(space, second_input="mixed", end="aspp", sigmoid=True)
    search = replace(search, schedule="wave", loss=Loss(lam=0.5, average_terms=True), batch=6)
    train = replace(
        train,
        end="aspp",
        iterations=600_000,
        loss=Loss(average_terms=True),
        schedule="poly",
        weight_decay=4e-5,
        biases="double",
        value_clip=5.0,
        grad_clip=STABLE_NORM,
    )
    if task == "sr":
        l1 = Loss(pixel="l1", average_terms=True)
        space = replace(space, upsampling="bilinear")
        search, train = (
            replace(search, batch=24, share=0.05, loss=l1),
            replace(train, batch=16, loss=l1),
        )
    return space, search, train


def _tiny(task: str, scale: int):
    """For tests: everything once, in seconds, on one core."""
    space = SearchSpace(task=task, scale=scale, channels=1, layers=2, nodes=2, width=2, stem=4)
    search = SearchConfig(
        sigmas=(50.0,),
        batch=2,
        patch=16,
        epochs=3,
        warmup_epochs=1,
        validate_from=2,
        share=0.1,
        validate_crop=32,
        optimizer="adam",
        lr=3e-3,
        lr_min=1e-4,
        weight_decay=0.0,
        arch_lr=0.02,
        arch_beta1=0.5,
    )
    train = TrainConfig(
        width=4,
        stem=8,
        sigmas=(50.0,),
        batch=4,
        patch=16,
        iterations=20,
        optimizer="adam",
        lr=3e-3,
        weight_decay=0.0,
    )
    return space, search, train


def _classroom(task: str, scale: int):
    """A laptop CPU, minutes: Adam, the pixel loss alone and a small space, so that alpha and beta
    move while one watches (not the paper's setting). Measured: with lambda = 0.6 the young supernet
    runs to skip; with lambda = 0 it does so far less."""
    space = SearchSpace(task=task, scale=scale, channels=1, layers=2, nodes=2, width=4, stem=16)
    search = SearchConfig(
        sigmas=(50.0,),
        batch=4,
        patch=24,
        epochs=16,
        crops_per_image=12,
        warmup_epochs=7,
        validate_from=12,
        share=0.15,
        validate_crop=96,
        loss=Loss(lam=0),
        optimizer="adam",
        lr=0.01,
        lr_min=5e-4,
        weight_decay=0.0,
        arch_lr=0.04,
        arch_weight_decay=0.0,
    )
    # 8, 12 and 16 channels cost a CPU the same: its vectors hold 16
    train = TrainConfig(
        width=8,
        stem=16,
        sigmas=(50.0,),
        batch=8,
        patch=32,
        iterations=3600,
        loss=Loss(lam=0.002),
        optimizer="adam",
        lr=5e-3,
        warmup=50,
        weight_decay=0.0,
    )
    return space, search, train


def _study(task: str, scale: int):
    """Many small runs: about 30 s a search or a training on two cores."""
    space, search, train = _classroom(task, scale)
    return (
        space,
        replace(search, epochs=12, warmup_epochs=5, validate_from=8),
        replace(train, iterations=600),
    )


def _paper_tenth(task: str, scale: int):
    """The paper's with a tenth of the training iterations: what a GPU reaches in an afternoon.
    Named apart, so that no row is mistaken."""
    space, search, train = _paper(task, scale)
    return space, search, replace(train, iterations=train.iterations // 10)


_PRESETS = {
    "tiny": _tiny,
    "classroom": _classroom,
    "study": _study,
    "paper/10": _paper_tenth,
    "paper": _paper,
    "printed": _printed,
    "authors": _authors,
}
PRESETS = tuple(_PRESETS)


def preset(name: str | None = None, task: str = "denoise", scale: int | None = None) -> Preset:
    """The full configuration called ``name`` for ``task``; ``scale`` is 1 for denoising and
    defaults to 4 for super-resolution.

    Without a name: the environment's HINAS_PRESET, else ``classroom`` (how notebooks and their
    tests choose)."""
    name = name or os.environ.get("HINAS_PRESET") or "classroom"
    _one_of("preset", name, PRESETS)
    _one_of("task", task, TASKS)
    _need(
        task == "sr" or scale in (None, 1),
        "scale",
        scale,
        "denoising keeps the size; for super-resolution add --task sr",
    )
    scale = scale if scale is not None else (4 if task == "sr" else 1)
    _one_of("scale", scale, (2, 3, 4) if task == "sr" else (1,))
    return Preset(name, *_PRESETS[name](task, scale))
