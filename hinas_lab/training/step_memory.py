"""What a step of a search or a training needs in memory, from its configuration alone.

The forward pass runs on torch's fake tensors, which have shapes and no values: nothing is computed
and no memory is taken, yet autograd keeps exactly what it would keep. ``kept_bytes`` on real
tensors counts the same, and a test holds the two together."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig
from hinas_lab.space import cost
from hinas_lab.space.cells import SuperCell
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.network import Network
from hinas_lab.space.ops import OPS
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training.numerics import LOW, loss_of, precision


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Bytes of one weight step. What torch, the images and a convolution's workspace take is not in
    it."""

    parameters: int
    "weights, alpha, beta and running statistics"
    gradients: int
    optimizer: int
    "SGD's momentum, or Adam's two moments"
    kept: int
    "tensors of the forward pass that the backward pass reads"
    again: int = 0
    "checkpointing: what the largest cell keeps while it is computed again"

    @property
    def state(self) -> int:
        """What stays from step to step."""
        return self.parameters + self.gradients + self.optimizer

    @property
    def total(self) -> int:
        return self.state + self.kept + self.again


def kept_bytes(forward: Callable[[], Tensor], parameters: list[Tensor]) -> int:
    """Bytes of the tensors that autograd keeps of ``forward()`` for the backward pass, without
    ``parameters``; each storage once."""
    own = {p.untyped_storage()._cdata for p in parameters}
    # Holding the tensors keeps their addresses from being given out again.
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        _result = forward()
    others = [tensor for address, tensor in kept.items() if address not in own]
    return sum(tensor.untyped_storage().nbytes() for tensor in others)


def search_step(space: SearchSpace, config: SearchConfig) -> Footprint:
    """Of a weight step of a search, whose forward pass keeps what both kinds of step read."""
    with FakeTensorMode():
        net = SuperNet(space)
        kept = kept_bytes(lambda: supernet_loss(net, config), list(net.parameters()))
        again = 0
        if config.checkpoint:
            again = max(cell_bytes(space, i, config) for i in space.cells[-1])
        return _footprint(net, config, net.weight_parameters, kept, again)


def training_step(genotype: Genotype, config: TrainConfig) -> Footprint:
    """Of an iteration of the training of a decoded net."""
    with FakeTensorMode():
        net = Network(
            genotype, width=config.width, stem=config.stem, end=config.end, repeats=config.repeats
        )
        degraded, clean = batch(genotype.channels, genotype.scale, config)
        kept = kept_bytes(lambda: loss_of(net, degraded, clean, config)[0], list(net.parameters()))
        return _footprint(net, config, list(net.parameters()), kept)


def supernet_loss(net: SuperNet, config: SearchConfig) -> Tensor:
    """The loss of one batch of noise, with alpha and beta in the graph."""
    noise = batch(net.space.channels, net.space.scale, config)
    degraded, clean = (x.to(net.alpha.device) for x in noise)
    return loss_of(lambda x: net(x, checkpoint=config.checkpoint), degraded, clean, config)[0]


def batch(channels: int, scale: int, config: SearchConfig | TrainConfig) -> tuple[Tensor, Tensor]:
    """Random (degraded, clean) of the config's size."""
    low, high = config.patch, scale * config.patch
    # values do not matter, and on fake tensors there are none
    degraded = torch.rand(config.batch, channels, low, low)
    return degraded, torch.rand(config.batch, channels, high, high)


def cell_bytes(space: SearchSpace, width: int, config: SearchConfig) -> int:
    """What one super-cell of width index ``width`` keeps."""
    channels = space.node_channels(width)
    cell = SuperCell(space.nodes, channels, space.repeats, space.affine, space.ops)
    alpha = torch.rand(len(space.edges), len(space.ops), requires_grad=True)
    shape = (config.batch, channels, config.patch, config.patch)
    inputs = []
    for _ in range(2):
        x = torch.rand(shape, requires_grad=True)
        inputs.append(x.contiguous(memory_format=torch.channels_last))
    active = [frozenset(space.choices)] * (space.nodes + 1)

    def forward() -> Tensor:
        with precision(config.precision, alpha.device):
            return cell(*inputs, alpha, active)

    return kept_bytes(forward, list(cell.parameters()))


def least_cell_bytes(space: SearchSpace, width: int, config: SearchConfig) -> int:
    """The least that a super-cell of width index ``width`` has to keep in float32 if nothing is
    computed again: the activated input of each source, and of each batch norm its input. All else
    is linear in what is kept, or follows from it element by element."""
    kinds = [OPS[name].kind for name in space.ops]
    norms = kinds.count("conv") + space.repeats * kinds.count("sep")
    planes = space.node_channels(width) * (len(space.edges) * norms + space.nodes + 1)
    return 4 * planes * config.batch * config.patch**2


def _footprint(
    net: nn.Module, config, trained: list[Tensor], kept: int, again: int = 0
) -> Footprint:
    # SGD without momentum keeps nothing
    moments = 2 if config.optimizer == "adam" else int(config.momentum > 0)
    return Footprint(
        parameters=_bytes([*net.parameters(), *net.buffers()]),
        gradients=_bytes(trained),
        optimizer=moments * _bytes(trained),
        kept=kept,
        again=again,
    )


def _bytes(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def largest_batch(need: Callable[[int], int], limit: int) -> int:
    """The largest batch that fits ``limit`` bytes, 0 when none does; ``need``: batch -> bytes of a
    step, which are linear in the batch."""
    # linear: two points are enough
    one, two = need(1), need(2)
    return max(0, (limit - one) // (two - one) + 1)


def least_search_bytes(space: SearchSpace, config: SearchConfig) -> int:
    """A step of a search takes more, by arithmetic alone."""
    layers = [[least_cell_bytes(space, i, config) for i in cells] for cells in space.cells]
    kept = sum(map(sum, layers))
    if config.checkpoint:
        kept = max(map(max, layers))
    kernels = [OPS[name] for name in space.ops]
    planes = sum(op.kernel**2 if op.kind == "conv" else op.kind == "sep" for op in kernels)
    channels = [space.node_channels(i) for cells in space.cells for i in cells]
    weights = len(space.edges) * planes * sum(c**2 for c in channels)
    weights += 9 * space.stem * space.nodes * space.width
    return 8 * weights + kept // (2 if config.precision in LOW else 1)


def least_training_bytes(genotype: Genotype, config: TrainConfig) -> int:
    """An iteration of a training takes more, by arithmetic alone."""
    convolutions = cost.convolutions(
        genotype, config.width, stem=config.stem, end=config.end, repeats=config.repeats
    )
    weights = planes = 0
    for conv in convolutions:
        weights += conv.parameters
        planes += conv.target if conv.norm else 0
    kept = 4 * planes * config.batch * config.patch**2
    return 8 * weights + kept // (2 if config.precision in LOW else 1)


def machine_bytes() -> float:
    """Main memory that this process may take; inf where the system does not tell."""
    limits = [math.inf]
    with suppress(AttributeError, ValueError, OSError):  # Windows
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(ValueError, OSError):  # a container's own limit, or "max"
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits)


def check_memory(least: int, need: Callable[[], int], device: str):
    """ValueError when a step on the CPU needs more than the machine has: a system that is out of
    memory kills without a word. ``least`` needs no time; ``need``, exact, is asked where it could
    matter."""
    there = machine_bytes()
    if device != "cpu" or least < there / 4:
        return
    needed = least if least > there else need()
    if needed > there:
        raise ValueError(
            f"not enough memory: a step needs about {needed / 1e9:.1f} GB, this machine has "
            f"{there / 1e9:.1f} GB; lower batch, patch, width or stem"
        )


SPARE = 0.85
"of a GPU's memory is counted on: convolutions take workspace that is not predicted"


@contextmanager
def memory_advice(
    part: str, batch: int, need: Callable[[int], int] | None, device: str | torch.device
) -> Iterator[None]:
    """Around a step on a GPU: where its memory ends, a ValueError in one line that names the
    largest batch that fits, as predicted.

    ``part``: ``search`` or ``train``, as ``--set`` calls it; ``need``: batch -> bytes of a step,
    None where nothing predicts them."""
    try:
        yield
    except torch.cuda.OutOfMemoryError:
        free, _ = torch.cuda.mem_get_info(device)
        have = int(SPARE * (free + torch.cuda.memory_reserved(device)))
        line = f"batch = {batch}: the GPU has no memory for it"
        if need is None:
            raise ValueError(f"{line}; lower {part}.batch") from None
        # what is not predicted may have been too much: less than was tried in any case
        fits = min(batch - 1, largest_batch(need, have))
        line += f" (about {need(batch) / 1e9:.1f} GB are needed, {have / 1e9:.1f} GB are there); "
        if fits:
            line += f"the largest that fits is about {fits}: --set {part}.batch={fits}"
        else:
            line += "none fits: choose a smaller preset"
        raise ValueError(line) from None


def sharing_factors(space: SearchSpace, config: SearchConfig) -> dict[str, float]:
    """Bytes kept without sharing over those with, of the last layer: its cell with the most
    incoming moves, and all its cells."""
    moves = Counter(m.target for m in space.moves if m.layer == space.layers - 1)
    with FakeTensorMode():
        each = {i: cell_bytes(space, i, config) for i in moves}
    return {
        "one cell": float(max(moves.values())),
        "one layer": sum(each[i] * k for i, k in moves.items()) / sum(each.values()),
    }
