"""The supernet: start part, L layers of super-cells of several widths routed by beta, end part (Section 3.2, Figure 2)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from hinas_lab.config import SearchSpace
from hinas_lab.space.cells import ScaledNorm, SuperCell
from hinas_lab.space.decode import beta_groups
from hinas_lab.space.genotype import Genotype, check_fits
from hinas_lab.space.layers import (
    GlobalSkip,
    Start,
    channels_last,
    conv,
    conv_bn,
    initialise,
    make_end,
)
from hinas_lab.space.ops import CHOICES, OP_NAMES


@dataclass(frozen=True)
class Mixture:
    """Simplex weights of one forward pass: alpha (L, E, K), beta (M,), ends (cells of the last layer,).

    ``genotype`` is set when they are one-hot: then operations, cells and moves of zero weight are not computed.
    """

    alpha: Tensor
    beta: Tensor
    ends: Tensor | None = None
    genotype: Genotype | None = None


class Projection(nn.Module):
    """f = 1x1 convolution -> batch norm, times a given weight folded into the batch norm's scale."""

    def __init__(self, source: int, target: int):
        super().__init__()
        self.conv, self.norm = conv(source, target, 1), ScaledNorm(target)

    def forward(self, h: Tensor, weight: Tensor) -> Tensor:
        return self.norm(
            self.conv(h), weight.repeat(self.norm.running_mean.shape)
        )  # not expand: batch norm's backward reads it densely


class SuperNet(nn.Module):
    """(B, C, H, W) in about [0, 1] -> the restored image (B, C, S*H, S*W), not clipped.

    ``alpha`` (L, E, K) or (E, K) and ``beta`` (M,) are its architecture parameters; all others are weights.
    """

    def __init__(self, space: SearchSpace, generator: torch.Generator | None = None):
        super().__init__()
        generator = generator or torch.Generator().manual_seed(0)
        s = self.space = space
        nodes, out = s.nodes, lambda i: s.nodes * s.node_channels(i)
        self.start = Start(s.channels, s.stem, nodes * s.width, affine=False)
        self.first = nn.ModuleList(
            Projection(out(m.source) if m.layer else nodes * s.width, s.node_channels(m.target))
            for m in s.moves
        )
        self.second = nn.ModuleDict()
        for l, cells in enumerate(s.cells):
            for i in cells:
                channels = self._second_channels(l, i)
                if channels is not None:
                    self.second[f"{l}_{i}"] = conv_bn(channels, s.node_channels(i), 1, affine=False)
        names = (
            [f"{m.layer}_{m.source}_{m.target}" for m in s.moves]
            if s.cell_sharing == "off"
            else [f"{l}_{i}" for l, cells in enumerate(s.cells) for i in cells]
        )
        self.cells = nn.ModuleDict(
            {
                n: SuperCell(nodes, s.node_channels(int(n.split("_")[-1])), s.repeats, s.affine)
                for n in names
            }
        )
        self.end = make_end(
            s.end, sum(out(i) for i in s.cells[-1]), s.stem, s.channels, s.scale, decoded=False
        )
        self.skip = GlobalSkip(s.scale, s.upsampling)
        initialise(self, generator)
        self.alpha = nn.Parameter(1e-3 * torch.randn(s.alpha_shape, generator=generator))
        self.beta = nn.Parameter(1e-3 * torch.randn(len(s.moves), generator=generator))
        same = torch.zeros(len(s.moves), len(s.moves))
        for group in beta_groups(s):
            same[[[m] for m in group], group] = 1
        self.register_buffer(
            "_same", same, persistent=False
        )  # same[m, n] = 1: moves m, n share a softmax
        self._incoming = {
            (l, i): [(k, m) for m, (ml, k, mi) in enumerate(s.moves) if (ml, mi) == (l, i)]
            for l, cells in enumerate(s.cells)
            for i in cells
        }

    def _second_source(self, l: int, i: int) -> int:
        """Width of the cell of layer l-2 that cell i of layer l hears: i, or the widest that layer has."""
        cells = self.space.cells[l - 2]
        return i if i in cells else cells[-1]

    def _second_channels(self, l: int, i: int) -> int | None:
        s = self.space
        if l == 0:
            return s.stem
        if (
            s.second_input == "mixed"
        ):  # the layer before's mixed first input; no projection where the width is the same
            before = s.cells[l - 1]
            return None if i in before else s.node_channels(before[-1])
        return s.nodes * (s.node_channels(self._second_source(l, i)) if l > 1 else s.width)

    @property
    def arch_parameters(self) -> list[nn.Parameter]:
        """alpha and, unless the width path is fixed, beta."""
        return [self.alpha] if self.space.fixed_path is not None else [self.alpha, self.beta]

    @property
    def weight_parameters(self) -> list[nn.Parameter]:
        return [p for p in self.parameters() if p is not self.alpha and p is not self.beta]

    def weights(self) -> Mixture:
        """The relaxed weights: softmax of alpha over operations, of beta over the moves of one cell."""
        alpha = self.alpha.softmax(-1)
        e = (self.beta - self.beta.detach().max()).exp()
        return Mixture(
            alpha if self.space.lwas else alpha.expand(self.space.layers, -1, -1),
            e / (self._same @ e),
        )

    def restrict(self, genotype: Genotype) -> Mixture:
        """One-hot weights of ``genotype``: the supernet then equals the decoded wiring with inherited weights.

        Exactly so when path[l] = path[l-2] for l >= 2 (else the second input comes from another cell). Raises ValueError
        when the genotype does not fit the space.
        """
        check_fits(genotype, self.space)
        s, like = self.space, self.alpha
        alpha = like.new_zeros(s.layers, len(s.edges), len(OP_NAMES))
        for l, cell in enumerate(genotype.cells):
            for i, node in enumerate(cell):
                for op, src in node:
                    alpha[l, s.edges.index((src, i)), OP_NAMES.index(op)] = 1
        before = (0, *genotype.path[:-1])
        beta = like.new_tensor(
            [
                float(genotype.path[m.layer] == m.target and before[m.layer] == m.source)
                for m in s.moves
            ]
        )
        return Mixture(
            alpha,
            beta,
            like.new_tensor([float(i == genotype.path[-1]) for i in s.cells[-1]]),
            genotype,
        )

    def _active(self, weights: Mixture, l: int) -> list[frozenset[str]]:
        if weights.genotype is None:
            return [frozenset(CHOICES)] * (self.space.nodes + 1)  # `none` adds exactly zero
        edges = [edge for node in weights.genotype.cells[l] for edge in node]
        return [frozenset(op for op, src in edges if src == j) for j in range(self.space.nodes + 1)]

    def forward(
        self, x: Tensor, weights: Mixture | None = None, checkpoint: bool = False
    ) -> Tensor:
        """``checkpoint``: keep no tensor of a cell for the backward pass, compute them again there; statistics are updated once."""
        s, w = self.space, weights or self.weights()
        run = recompute_in_backward if checkpoint and torch.is_grad_enabled() else SuperCell.__call__
        low, h = self.start(channels_last(x))
        before2, before, mixed = low, {0: h}, {}
        for l, needed in enumerate(self._needed(w.genotype)):
            active, now, mixed_now = self._active(w, l), {}, {}
            for i in needed:
                moves = [(k, m) for k, m in self._incoming[l, i] if self._open(m, w.genotype)]
                zero = x.new_zeros(x.shape[0], s.node_channels(i), *x.shape[2:])
                second = self._second(l, i, before2, mixed)
                if s.cell_sharing == "on":
                    f = _total((self.first[m](before[k], w.beta[m]) for k, m in moves), zero)
                    now[i], mixed_now[i] = (
                        run(self.cells[f"{l}_{i}"], f, second, w.alpha[l], active),
                        f,
                    )  # Eq. 5
                else:
                    fs = [(k, m, self.first[m](before[k], w.beta.new_ones(()))) for k, m in moves]
                    cell = {
                        k: self.cells[f"{l}_{k}_{i}" if s.cell_sharing == "off" else f"{l}_{i}"]
                        for k, _, _ in fs
                    }
                    now[i] = _total(
                        (w.beta[m] * run(cell[k], f, second, w.alpha[l], active) for k, m, f in fs),
                        zero.repeat(1, s.nodes, 1, 1),
                    )  # Eq. 6
                    mixed_now[i] = _total((w.beta[m] * f for _, m, f in fs), zero)
            before2, before, mixed = before, now, mixed_now
        zeros = lambda i: x.new_zeros(x.shape[0], s.nodes * s.node_channels(i), *x.shape[2:])  # noqa: E731
        ends = [
            before[i] if w.ends is None else w.ends[n] * before.get(i, zeros(i))
            for n, i in enumerate(s.cells[-1])
        ]
        y = self.end(torch.cat(ends, 1), low)
        if s.residual:
            y = y + self.skip(x)
        return torch.sigmoid(y) if s.sigmoid else y

    def _open(self, m: int, genotype: Genotype | None) -> bool:
        """Does move m carry weight?"""
        if genotype is None:
            return True
        move = self.space.moves[m]
        return (
            genotype.path[move.layer] == move.target
            and (0, *genotype.path)[move.layer] == move.source
        )

    def _needed(self, genotype: Genotype | None) -> list[list[int]]:
        """Per layer the cells to compute: all, or those of a one-hot path and those that they hear two layers on."""
        s = self.space
        if genotype is None or s.second_input == "mixed":
            return [list(cells) for cells in s.cells]
        needed = [{i} for i in genotype.path]
        for l in range(s.layers - 1, 1, -1):
            needed[l - 2] |= {self._second_source(l, i) for i in needed[l]}
        return [sorted(cells) for cells in needed]

    def _second(self, l: int, i: int, before2, mixed: dict[int, Tensor]) -> Tensor:
        name = f"{l}_{i}"
        if l == 0:
            return self.second[name](before2)
        if self.space.second_input == "mixed":
            return mixed[i] if i in mixed else self.second[name](mixed[max(mixed)])
        return self.second[name](before2[self._second_source(l, i)] if l > 1 else before2[0])


def recompute_in_backward(cell: SuperCell, *inputs) -> Tensor:
    """``cell(*inputs)`` without what the backward pass needs, which is computed a second time there, with the statistics held."""
    return torch.utils.checkpoint.checkpoint(
        cell,
        *inputs,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), frozen_statistics(cell)),
    )


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Inside, batch norms use the statistics of their batch as always and do not remember them."""
    norms = [(m, m.momentum) for m in module.modules() if isinstance(m, ScaledNorm)]
    for norm, _ in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in norms:
            norm.momentum = momentum


def _total(terms, zero: Tensor) -> Tensor:
    """The sum of ``terms``; ``zero`` when there is none."""
    terms = list(terms)
    return sum(terms[1:], terms[0]) if terms else zero
