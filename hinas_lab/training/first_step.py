"""Does a device compute what the CPU computes? Apple's has given wrong convolutions without a word
(channels-last slices, groups in a batch: pytorch issues 180984 and 188335)."""

import random
from functools import cache

import torch
from torch import Tensor, nn

from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training.numerics import INSTEAD, gradients, loss_of

SPACE = SearchSpace(layers=2, nodes=2, width=10, stem=8)
"wide enough for the depthwise convolutions of the second stages"
CONFIG = SearchConfig(batch=2, patch=16)
"more than one patch: a grouped convolution was right for a single one"
TOLERANCE = 0.01
"of a tensor's norm; float32 against float64 differs by 3e-6 of it"
ZERO = 1e-4
"""a norm below which a gradient is zero but for rounding, as that of a bias in front of a batch
norm; the smallest of the others is 80 times as large"""


def first_step(device: str) -> dict[str, Tensor]:
    """The loss and all its gradients of a small supernet with every operation, and of a small
    decoded net, on ``device``: name -> tensor, on the CPU. The same numbers go in on every
    device."""
    rng = torch.Generator().manual_seed(0)
    shape = (CONFIG.batch, SPACE.channels, CONFIG.patch, CONFIG.patch)
    clean = torch.rand(shape, generator=rng)
    degraded = clean + 0.2 * torch.randn(shape, generator=rng)
    genotype = sample(SPACE, random.Random(0))
    nets: dict[str, nn.Module] = {
        "supernet": SuperNet(SPACE, rng),
        "net": Network(genotype, width=SPACE.width, stem=SPACE.stem, generator=rng),
    }
    found = {}
    for name, net in nets.items():
        with torch.no_grad():
            # it starts at zero, and no gradient would pass
            net.end.last.weight.normal_(std=0.1, generator=rng)
        names, parameters = zip(*net.to(device).named_parameters())
        terms = loss_of(net, degraded.to(device), clean.to(device), CONFIG)
        found[f"{name}: loss"] = terms[0].detach().cpu()
        for part, gradient in zip(names, gradients(terms[0], list(parameters), CONFIG)):
            found[f"{name}: {part}"] = gradient.cpu()
    return found


@cache
def largest_difference(device: str, reference: str = "cpu") -> float:
    """Of ``first_step`` on two devices: the largest norm of a difference, as a share of the
    tensor's norm on ``reference``. Computed once in a process."""
    wanted = first_step(reference)
    shares = []
    for name, got in first_step(device).items():
        shares.append((got - wanted[name]).norm() / wanted[name].norm().clamp_min(ZERO))
    # nan stays nan
    return torch.stack(shares).max().item()


def check_first_step(device: str):
    """ValueError in one line when ``device`` does not compute the first step as the CPU does."""
    difference = largest_difference(device)
    if not difference <= TOLERANCE:
        raise ValueError(
            f"device = {device!r}: its first step differs from the CPU's by {difference:.0%} of a "
            f"gradient (torch {torch.__version__}); {INSTEAD}"
        )
