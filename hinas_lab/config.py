"""What can be chosen: the search space, a search, a training. The named presets are in
``presets.py``.

Everything is frozen, keyword-only and plain: a config is its JSON. A wrong value is a ValueError
that names the field. Where the paper leaves a gap, the default is our reading (docs/ledger.md);
the other reading is an option.
"""

import dataclasses
import json
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import UnionType
from typing import NamedTuple, get_origin

from hinas_lab.images.tasks import TASKS
from hinas_lab.space.ops import OP_NAMES, OPS, choices_of

RETIRED = {"SearchConfig": {"graphs": False}}
"""Fields that are gone (class -> name -> value): they stay in hashes and headers, so that those of
recorded runs hold; what a header says of them is not read. graphs: chooses how a GPU does the same
work, which is no setting of a search."""


def setting(
    default,
    *,
    among=None,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
    added: bool = False,
    recorded_as: str | None = None,
):
    """A field with its limits, checked when a config is made; None passes where the type allows it.

    ``among``: the values that are allowed, of which a message names all. ``added``: recorded runs
    did not know this field, and did what its default says: at that value it is in no hash and no
    header, so a config can grow while every recorded key, a hash of all that decides a job's
    numbers, stays. ``recorded_as``: how hashes and headers call the field since before it was
    renamed.
    """
    limits = {"among": among, "least": least, "above": above, "below": below, "most": most}
    metadata = {"limits": limits, "added": added, "recorded_as": recorded_as}
    # a class stands for its default instance, e.g. Loss
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _need(ok: bool, name: str, value, wanted: str):
    if not ok:
        text = repr(value)
        if len(text) > LONGEST_VALUE:
            text = f"{text[: LONGEST_VALUE - 9]} ... {text[-4:]}"
        raise ValueError(f"{name} = {text}: {wanted}")


LONGEST_VALUE = 80
"characters of a value in a message"
LONGEST = 1000
"values of a field that is a list"
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "a word",
}


def _check(config, prefix: str = ""):
    """Hold every field to its annotation and its limits; sequences become tuples, numbers of float
    fields floats. ValueError names the field, behind ``prefix``."""
    # all types first: a limit on a word would raise something else
    for f in fields(config):
        _check_type(config, f)
    for f in fields(config):
        value = getattr(config, f.name)
        if value is not None and "limits" in f.metadata:
            _check_limits(prefix + f.name, value, **f.metadata["limits"])


def _check_type(config, f: dataclasses.Field):
    object.__setattr__(config, f.name, _typed(f, getattr(config, f.name)))


def _typed(f: dataclasses.Field, value):
    """``value`` as the field holds it; ValueError when it is of another type."""
    kind = f.type
    if isinstance(kind, UnionType):  # X | None
        kind = kind.__args__[0]
        if value is None:
            return None
    if get_origin(kind) is not tuple:
        wanted = _WORDS.get(kind, f"a {kind.__name__}")
        _need(is_a(kind, value), f.name, value, f"must be {wanted}")
        return value
    item = kind.__args__[0]
    short = isinstance(value, tuple | list) and len(value) <= LONGEST
    ok = short and all(is_a(item, v) for v in value)
    _need(ok, f.name, value, f"must be a list of at most {LONGEST} values, each {_WORDS[item]}")
    return tuple(map(item, value))


def check_types(cls, values):
    """ValueError unless ``values`` is a JSON object whose known fields hold what their annotations
    say. Limits are not asked: a run may name what was added from outside and is not here now."""
    _need(isinstance(values, dict), cls.__name__, values, "must be a JSON object")
    names = field_names(cls)
    known = {f.name: f for f in fields(cls)}
    for name, value in values.items():
        if name == "loss" and name in names:
            check_types(Loss, value)
        elif name in names:
            _typed(known[names[name]], value)


def _check_limits(name: str, value, among, least, above, below, most):
    if among is not None:
        _need(value in among, name, value, "must be one of " + ", ".join(map(str, among)))
    low = above if least is None else least
    if low is None:
        return
    words, high_enough = f"at least {low:g}", value >= low
    if least is None:
        words, high_enough = f"above {low:g}", value > low
    high = most if below is None else below
    if high is not None:
        words += f" and below {high:g}" if most is None else f" and at most {high:g}"
        high_enough = high_enough and (value < high if most is None else value <= high)
    _need(high_enough, name, value, f"must be {words}")


def is_a(kind: type, value) -> bool:
    """isinstance, but whole numbers are floats too, booleans are no numbers, and floats are
    finite."""
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and -1e300 < value < 1e300
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


class Move(NamedTuple):
    """A legal width move: into layer ``layer``, from width ``source`` of the layer before, to width
    ``target``."""

    layer: int
    source: int
    target: int


ENDS = ("conv", "aspp", "authors")
"start and end parts, of a supernet and of a decoded net"
WIDEST = 4096
"channels of any one tensor: a convolution between two of them takes 0.6 GB"
MOST_CROPS = 65_536
MOST_OPS = 20_000
"operations of a supernet; the paper's has 784"


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The supernet's shape: what can be built (Sections 3.1, 3.2; Figure 2)."""

    task: str = setting("denoise", among=TASKS)
    scale: int = 1
    "upscaling factor S; 1 for denoising"
    channels: int = setting(1, among=(1, 3))
    "image channels C, 1 (gray) or 3 (RGB)"
    layers: int = setting(3, least=1, most=100)
    "L"
    nodes: int = setting(4, least=1, most=32)
    "N nodes per cell"
    width: int = setting(10, least=1, most=WIDEST)
    "base width W while searching, in channels"
    width_factors: tuple[float, ...] = (1.0, 1.5, 2.0)
    "gamma; gamma_i * W channels per node of a cell of width i"
    stem: int = setting(64, least=1, most=WIDEST)
    "channels of the first convolution of the start part and of the end part"
    repeats: int = setting(2, least=1, most=16)
    "how often a separable convolution is applied"
    lwas: bool = True
    """layer-wise architecture sharing: each layer its own alpha; off: one alpha tied over layers
    (Eq. 2 against Eq. 1)"""
    cell_sharing: str = setting("on", among=("on", "off", "tied"))
    """on: sum first, one cell (Eq. 5); off: a cell per incoming move, own weights; tied: the same
    weights applied to each (Eq. 6)"""
    residual: bool = True
    "output = input (or its upscaling) + network"
    beta_norm: str = setting("outgoing", among=("outgoing", "incoming"))
    """softmax over the moves that leave a cell (a path is a probability) or over the moves that
    enter one (Eq. 5 as read)"""
    affine: bool = False
    """scale and shift in the operations' batch norms while searching: the scale can do what alpha
    does, which then says little"""
    second_input: str = setting("layer", among=("layer", "mixed"))
    """layer: 1x1 of h_{l-2}; mixed: the mixed first input of the layer before (the authors'
    code)"""
    end: str = setting("conv", among=ENDS)
    """conv: two convolutions (the paper); authors: as in the authors' code, an ASPP for each cell
    of the last layer; aspp: one ASPP of them all"""
    sigmoid: bool = False
    "sigmoid behind the supernet (the authors' code)"
    upsampling: str = setting("bicubic", among=("bicubic", "bilinear"))
    "the SR skip while searching: bicubic (MATLAB kernel) or bilinear (the authors' code)"
    fixed_path: tuple[int, ...] | None = None
    "search operations only, on this width path: no beta"
    arch_start: str = setting("noise", among=("noise", "ones"), added=True)
    """what alpha and beta begin as: 1e-3 N(0, 1), or ones (the authors' code), where ties decide
    until the first step of alpha and beta"""
    ops: tuple[str, ...] = setting(OP_NAMES, added=True)
    """the operations that compete on every edge, names of ``space.ops.OPS``, in the order of
    alpha's last axis"""

    def __post_init__(self):
        _check(self)
        scales = TASKS[self.task].scales
        _check_limits("scale", self.scale, scales, None, None, None, None)
        factors = self.width_factors
        _need(len(factors) > 0, "width_factors", factors, "must name at least one factor")
        # convolutions have whole channels: 1.5 * 3 is no width
        for factor in factors:
            whole = factor > 0 and factor * self.width == int(factor * self.width)
            wanted = f"times width {self.width} must be a whole number of channels"
            _need(whole, "width_factors", factor, wanted)
            channels = f"times width {self.width} must be at most {WIDEST} channels"
            _need(factor * self.width <= WIDEST, "width_factors", factor, channels)
        if self.fixed_path is not None:
            check_path(self.fixed_path, self.layers, len(factors), "fixed_path")
        competing = sum(map(len, self.cells)) * len(self.edges) * len(self.ops)
        wanted = (
            f"with so many nodes and widths {competing} operations compete, at most {MOST_OPS} may"
        )
        _need(competing <= MOST_OPS, "layers", self.layers, wanted)
        for name in self.ops:
            _need(name in OPS, "ops", name, "must be one of " + ", ".join(OPS))
        unique = len(set(self.ops)) == len(self.ops)
        _need(unique, "ops", self.ops, "must name each operation once")
        _need(bool(self.choices), "ops", self.ops, "must name an operation that an edge can keep")

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """What a decoded edge may hold: ``ops`` without none."""
        return choices_of(self.ops)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(source, node) pairs: sources 0 = h_{l-1}, 1 = h_{l-2}, 2.. = earlier nodes."""
        edges = []
        for i in range(self.nodes):
            edges += [(j, i) for j in range(i + 2)]
        return tuple(edges)

    @cached_property
    def cells(self) -> tuple[tuple[int, ...], ...]:
        """Per layer, the width indices that exist: widths grow by at most one step a layer."""
        if self.fixed_path is not None:
            return tuple((width,) for width in self.fixed_path)
        # layer l can have grown l + 1 times from width 0
        widths = len(self.width_factors)
        return tuple(tuple(range(min(l + 2, widths))) for l in range(self.layers))

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """The legal moves, in beta's order (14 for the paper's denoising supernet)."""
        moves, before = [], (0,)
        for l, now in enumerate(self.cells):
            for target in now:
                near = [source for source in before if abs(target - source) <= 1]
                moves += [Move(l, source, target) for source in near]
            before = now
        return tuple(moves)

    def node_channels(self, width_index: int) -> int:
        """gamma_i * W."""
        return int(self.width_factors[width_index] * self.width)

    @property
    def alpha_shape(self) -> tuple[int, ...]:
        """(L, E, K), or (E, K) where one alpha is tied over layers."""
        inner = (len(self.edges), len(self.ops))
        return (self.layers, *inner) if self.lwas else inner


def check_path(path, layers: int, widths: int, name: str = "path"):
    """Raise ValueError unless ``path`` is a legal width path: one index per layer, steps of at most
    one, from width 0."""
    ok = len(path) == layers and all(is_a(int, i) and 0 <= i < widths for i in path)
    _need(ok, name, path, f"must hold {layers} width indices from 0 to {widths - 1}")
    steps = [abs(after - before) for before, after in zip((0, *path), path)]
    wanted = "no legal width path: it starts beside width 0 and changes by at most one step a layer"
    _need(max(steps) <= 1, name, path, wanted)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Eq. 7: pixel loss + lam * l_ssim."""

    lam: float = setting(0.6, least=0)
    "lambda, the weight of l_ssim = log10(1 / SSIM)"
    pixel: str = setting("mse", among=("mse", "l1"))
    "mse, or l1 (the authors' super-resolution)"
    reduction: str = setting("mean", among=("mean", "sum"))
    """of the pixel loss: mean over pixels, or sum (the norm as printed in Eq. 7, averaged over the
    batch)"""
    average_terms: bool = False
    "divide by the number of terms (the authors' code)"
    padding: str = setting("valid", among=("valid", "zero"), added=True)
    """of SSIM's window in l_ssim: only where it lies in the image, or everywhere, with zeros around
    the image (the authors' code)"""
    log_of: str = setting("image", among=("image", "mean"), added=True)
    """l_ssim is the mean of each image's logarithm, or the logarithm of the batch's mean SSIM (the
    authors' code)"""

    def __post_init__(self):
        _check(self, "loss.")


SSIM_WINDOW = 11
"pixels: the side of SSIM's window, without which there is no l_ssim"
MOST_RESCALE = 2.0
"a crop is resized by at most this, up or down"
VALIDATIONS = 25
"times V is scored in the last quarter of a training: each 6,000 of the authors' 600,000 iterations"
OPTIMIZERS = ("sgd", "adam")
PRECISIONS = ("float32", "tf32", "bfloat16", "float16")


def _check_learning(config):
    """What holds for a search and for a training."""
    _check(config)
    sigmas = config.sigmas
    _need(len(sigmas) > 0, "sigmas", sigmas, "must name at least one noise level")
    for sigma in sigmas:
        _need(0 <= sigma <= 255, "sigma", sigma, "must be from 0 to 255")
    factors = config.rescale
    if factors is not None:
        wanted = f"must be two factors, the smaller first, each from {1 / MOST_RESCALE:g} to "
        wanted += f"{MOST_RESCALE:g}"
        ok = len(factors) == 2 and 1 / MOST_RESCALE <= factors[0] <= factors[1] <= MOST_RESCALE
        _need(ok, "rescale", factors, wanted)
    wide = config.patch >= SSIM_WINDOW or config.loss.lam == 0
    _need(wide, "patch", config.patch, "must be at least 11 pixels, the window of SSIM")
    _need(config.seed < 2**63, "seed", config.seed, "must be at least 0 and below 2**63")


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How a search runs (Sections 3.3, 4.1)."""

    sigmas: tuple[float, ...] = (30.0, 50.0, 70.0)
    "noise levels on the 0-255 scale, one drawn per patch; unused by super-resolution"
    batch: int = setting(8, least=1, most=MOST_CROPS)
    patch: int = setting(64, least=1)
    "patch size in pixels of the network's input (super-resolution: of the LR image)"
    epochs: int = setting(100, least=1, most=100_000)
    crops_per_image: int = setting(1, least=1, most=MOST_CROPS)
    "random crops of each Train-W image in one epoch"
    warmup_epochs: int = setting(20, least=0)
    "epochs in which only weights train"
    validate_from: int = setting(61, least=1)
    "first epoch (counted from 1) after which V is scored"
    val_fraction: float = setting(0.02, above=0, most=0.5, recorded_as="share")
    "share of the training images kept for V"
    val_images: str = setting("random", among=("random", "last"), added=True)
    """which images are V: drawn with W and A, or the last ones of the list, W being the first half
    of the rest and A the second (the authors' code)"""
    validate_crop: int | None = setting(None, least=SSIM_WINDOW)
    """V images are cut to a centred square of at most this many pixels of the network's input;
    None: whole images"""
    score: str = setting("ssim+psnr/100", among=("ssim+psnr/100", "psnr"))
    "what picks the best supernet; or psnr"
    loss: Loss = setting(Loss)
    optimizer: str = setting("sgd", among=OPTIMIZERS)
    "of the weights"
    lr: float = setting(0.025, above=0)
    lr_min: float = setting(0.001, least=0)
    schedule: str = setting("cosine", among=("cosine", "wave"))
    """cosine: one, over all epochs; wave: down and up again in 20 epochs, under an envelope that
    falls to 0 (the authors' code)"""
    momentum: float = setting(0.9, least=0, below=1)
    "of SGD; beta1 of Adam"
    weight_decay: float = setting(3e-4, least=0)
    grad_clip: float | None = setting(None, above=0)
    "largest norm of the weights' gradient, all of them together; None: no limit"
    value_clip: float | None = setting(None, above=0, added=True)
    """largest size of each value of the weights' gradient, cut before the norm is; None: no
    limit"""
    arch_lr: float = setting(1e-3, least=0)
    "Adam on alpha and beta"
    arch_beta1: float = setting(0.9, least=0, below=1)
    arch_weight_decay: float = setting(1e-3, least=0)
    arch_split: str = setting("own", among=("own", "weights"), recorded_as="arch_data")
    """alpha and beta learn on images of their own, Train A, or on the images of the weights,
    Train W (A is then unused)"""
    keep_supernet: str = setting("best", among=("best", "last"), recorded_as="keep")
    """the supernet that is the result: the best one on V, or the last one (V is scored all the
    same)"""
    precision: str = setting("float32", among=PRECISIONS)
    """float32; tf32 (NVIDIA GPUs): convolutions with 10 bits; bfloat16, float16: the forward pass,
    parameters and loss stay float32"""
    checkpoint: bool = False
    """compute each cell again in the backward pass instead of keeping its tensors: less memory,
    more time, the same numbers"""
    seed: int = setting(0, least=0)
    method: str = setting("first-order", added=True)
    """how alpha and beta learn, a row of ``searching.methods.METHODS``: first-order (the paper);
    rsws: not at all, the best of 30 random architectures by shared weights"""
    decoder: str = setting("viterbi", added=True)
    "how they are read: a row of ``space.decode.DECODERS``"
    stop: str = setting("epochs", added=True)
    "when a search ends before its last epoch: a row of ``searching.stop.STOP_RULES``"
    rescale: tuple[float, ...] | None = setting(None, added=True)
    """least and largest factor by which half of the crops are resized before they are degraded,
    drawn uniformly per crop; None: none is (the authors' denoising: 0.8, 1.2). Not for
    super-resolution"""
    budget: str | None = setting(None, added=True)
    """what the found net may cost, e.g. 1.5GMAC, 0.2M (parameters), 30ms (``space.budget.UNITS``);
    None: anything. ``Preset.with_budget`` sets it with the fields that follow"""
    budget_width: int | None = setting(None, least=1, most=WIDEST, added=True)
    "of the net that the budget is of, the one that will be trained: W, as in TrainConfig"
    budget_stem: int | None = setting(None, least=1, most=WIDEST, added=True)
    budget_end: str | None = setting(None, among=ENDS, added=True)
    budget_repeats: int | None = setting(None, least=1, most=16, added=True)
    budget_ms: tuple[float, ...] | None = setting(None, added=True)
    """of a budget in ms: what every net takes, then what each of ``space.budget.all_parts`` does,
    as measured when the search was asked for"""
    budget_rate: float = setting(0.3, least=0, added=True)
    """how fast the price of cost rises: by so much in a whole search that is e times as dear as its
    budget"""

    def __post_init__(self):
        gone = "was a misreading of the authors' code and is gone; theirs is wave"
        _need(self.schedule != "restart", "schedule", self.schedule, gone)
        _check_learning(self)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a decoded network is trained (Section 4.1)."""

    width: int = setting(20, least=1, most=WIDEST)
    "base width W of the compact network"
    stem: int = setting(64, least=1, most=WIDEST)
    end: str = setting("conv", among=ENDS)
    """conv: two convolutions (the paper); authors: start, inputs of the cells and decoder of the
    authors' code, 128 / 48 / 176 channels; aspp: dilated branches and low-level features"""
    repeats: int = setting(2, least=1, most=16)
    upsampling: str = setting("bicubic", among=("bicubic", "torch"), added=True)
    """the SR skip: bicubic (MATLAB's kernel, a = -0.5), or torch (its bicubic, a = -0.75: the
    authors' code)"""
    sigmas: tuple[float, ...] = (50.0,)
    batch: int = setting(24, least=1, most=MOST_CROPS)
    patch: int = setting(64, least=1)
    crops_per_image: int = setting(1, least=1, most=MOST_CROPS, added=True)
    """crops of each image drawn for a batch (the authors' super-resolution: 4); of the last one
    fewer where they do not divide the batch"""
    rescale: tuple[float, ...] | None = setting(None, added=True)
    "as in SearchConfig"
    iterations: int = setting(400_000, least=1, most=100_000_000)
    val_fraction: float = setting(0.0, least=0, most=0.5, added=True)
    """share of the images, the last of the list, kept for V: it is scored VALIDATIONS times in the
    last quarter of the iterations, by SSIM + PSNR / 100, and the best weights are the result; 0: no
    V, and the last weights are (the authors' code: 0.01)"""
    loss: Loss = setting(Loss)
    optimizer: str = setting("sgd", among=OPTIMIZERS)
    lr: float = setting(0.05, above=0)
    lr_min: float = setting(0.0, least=0)
    schedule: str = setting("cosine", among=("cosine", "poly"), added=True)
    "cosine: one, to lr_min; poly: (1 - t / T)^0.9 of the way to it (the authors' code)"
    warmup: int = setting(0, least=0)
    "iterations over which the learning rate rises linearly to lr; then the schedule begins"
    momentum: float = setting(0.9, least=0, below=1)
    weight_decay: float = setting(3e-4, least=0)
    biases: str = setting("as weights", among=("as weights", "double"), added=True)
    """how biases learn: as weights, or double: at twice the rate and without weight decay (the
    authors' code)"""
    grad_clip: float | None = setting(None, above=0)
    "as in SearchConfig"
    value_clip: float | None = setting(None, above=0, added=True)
    "as in SearchConfig"
    precision: str = setting("float32", among=PRECISIONS)
    "as in SearchConfig"
    seed: int = setting(0, least=0)

    def __post_init__(self):
        _check_learning(self)


def to_dict(config) -> dict:
    """A config as plain JSON values: what headers hold and keys are hashes of, under the names of
    the first version. A field that was ``added`` is there when it differs from what was done before
    it, a RETIRED one always."""
    values = dict(RETIRED.get(type(config).__name__, {}))
    for f in fields(config):
        value = getattr(config, f.name)
        if f.metadata.get("added") and value == f.default:
            continue
        name = f.metadata.get("recorded_as") or f.name
        values[name] = to_dict(value) if dataclasses.is_dataclass(value) else value
    # tuples become lists, as a header read back has them
    return json.loads(json.dumps(values))


def from_dict(cls, values: dict):
    """The config of class ``cls`` from ``to_dict``'s values; an unknown field is a ValueError,
    never ignored."""
    _need(isinstance(values, dict), cls.__name__, values, "must be a JSON object")
    names = field_names(cls)
    retired = RETIRED.get(cls.__name__, {})
    given = {}
    for name, value in values.items():
        if name in retired:
            continue
        _need(name in names, name, value, f"is not a field of {cls.__name__}")
        given[names[name]] = from_dict(Loss, value) if name == "loss" else value
    return cls(**given)


def field_names(cls) -> dict[str, str]:
    """The name of each field, and what it was called before, -> its name."""
    names = {}
    for f in fields(cls):
        names[f.name] = f.name
        if old := f.metadata.get("recorded_as"):
            names[old] = f.name
    return names
