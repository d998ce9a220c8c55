"""The supernet: start part, L layers of super-cells of several widths routed by beta, end part
(Section 3.2, Figure 2)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from hinas_lab.config import SearchSpace
from hinas_lab.space.cells import ScaledNorm, SuperCell
from hinas_lab.space.decode import beta_groups, kept_operations, path_moves
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


@dataclass(frozen=True)
class Mixture:
    """Simplex weights of one forward pass: alpha (L, E, K), beta (M,), last_layer_weights (cells of
    the last layer,).

    ``genotype`` is set when they are one-hot: then operations, cells and moves of zero weight are
    not computed."""

    alpha: Tensor
    beta: Tensor
    last_layer_weights: Tensor | None = None
    "None: every cell of the last layer counts in full"
    genotype: Genotype | None = None


class Projection(nn.Module):
    """f = 1x1 convolution -> batch norm, times a given weight folded into the batch norm's
    scale."""

    def __init__(self, source: int, target: int):
        super().__init__()
        self.conv, self.norm = conv(source, target, 1), ScaledNorm(target)

    def forward(self, h: Tensor, weight: Tensor) -> Tensor:
        # repeat, not expand: batch norm's backward reads the scale densely
        return self.norm(self.conv(h), weight.repeat(self.norm.running_mean.shape))


class SuperNet(nn.Module):
    """(B, C, H, W) in about [0, 1] -> the restored image (B, C, S*H, S*W), not clipped.

    ``alpha`` (L, E, K) or (E, K) and ``beta`` (M,) are its architecture parameters; all others are
    weights."""

    def __init__(self, space: SearchSpace, generator: torch.Generator | None = None):
        super().__init__()
        generator = generator or torch.Generator().manual_seed(0)
        s = self.space = space
        first_channels = s.nodes * s.width
        out = [s.nodes * s.node_channels(i) for i in range(len(s.width_factors))]
        self.start = Start(s.channels, s.stem, first_channels, affine=False)
        self.first = nn.ModuleList()
        for move in s.moves:
            source = out[move.source] if move.layer else first_channels
            self.first.append(Projection(source, s.node_channels(move.target)))
        self.second = nn.ModuleDict()
        for l, i in self._places():
            channels = self._second_channels(l, i)
            if channels is not None:
                self.second[f"{l}_{i}"] = conv_bn(channels, s.node_channels(i), 1, affine=False)
        self.cells = nn.ModuleDict()
        if s.cell_sharing == "off":  # a cell for every move
            targets = {f"{m.layer}_{m.source}_{m.target}": m.target for m in s.moves}
        else:
            targets = {f"{l}_{i}": i for l, i in self._places()}
        for name, i in targets.items():
            self.cells[name] = SuperCell(s.nodes, s.node_channels(i), s.repeats, s.affine, s.ops)
        last = [out[i] for i in s.cells[-1]]
        self.end = make_end(s.end, last, first_channels, s.stem, s.channels, s.scale, decoded=False)
        self.skip = GlobalSkip(s.scale, s.upsampling)
        initialise(self, generator)
        # near equal weights, but no ties: 1e-3 as in DARTS
        self.alpha = nn.Parameter(1e-3 * torch.randn(s.alpha_shape, generator=generator))
        self.beta = nn.Parameter(1e-3 * torch.randn(len(s.moves), generator=generator))
        if s.arch_start == "ones":
            nn.init.ones_(self.alpha)
            nn.init.ones_(self.beta)
        # same[m, n] = 1: moves m, n share a softmax
        same = torch.zeros(len(s.moves), len(s.moves))
        for group in beta_groups(s):
            rows = [[m] for m in group]
            same[rows, group] = 1
        self.register_buffer("_same", same, persistent=False)
        self._incoming: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for m, move in enumerate(s.moves):
            into = self._incoming.setdefault((move.layer, move.target), [])
            into.append((move.source, m))

    def _places(self) -> list[tuple[int, int]]:
        """(layer, width) of every cell."""
        places = []
        for l, widths in enumerate(self.space.cells):
            places += [(l, i) for i in widths]
        return places

    def _second_source(self, l: int, i: int) -> int:
        """Width of the cell of layer l-2 that cell i of layer l reads: i, or the widest that layer
        has."""
        cells = self.space.cells[l - 2]
        return i if i in cells else cells[-1]

    def _second_channels(self, l: int, i: int) -> int | None:
        """Channels of the second input of cell i of layer l before its projection; None where it
        needs none."""
        s = self.space
        if l == 0:
            return s.stem
        if s.second_input == "mixed":
            # the mixed first input of the layer before: as it is where that layer has this width
            before = s.cells[l - 1]
            return None if i in before else s.node_channels(before[-1])
        width = s.node_channels(self._second_source(l, i)) if l > 1 else s.width
        return s.nodes * width

    @property
    def arch_parameters(self) -> list[nn.Parameter]:
        """alpha and, unless the width path is fixed, beta."""
        return [self.alpha] if self.space.fixed_path is not None else [self.alpha, self.beta]

    @property
    def weight_parameters(self) -> list[nn.Parameter]:
        return [p for p in self.parameters() if p is not self.alpha and p is not self.beta]

    def weights(self) -> Mixture:
        """The relaxed weights: softmax of alpha over operations, of beta over the moves of one
        cell."""
        alpha = self.alpha.softmax(-1)
        if not self.space.lwas:  # one alpha for all layers, Eq. 1
            alpha = alpha.expand(self.space.layers, -1, -1)
        # one softmax for each group of moves, all groups in one product
        e = (self.beta - self.beta.detach().max()).exp()
        return Mixture(alpha, e / (self._same @ e))

    def restrict(self, genotype: Genotype) -> Mixture:
        """One-hot weights of ``genotype``: the supernet then equals the decoded wiring with
        inherited weights.

        Exactly so when path[l] = path[l-2] for l >= 2 (else the second input comes from another
        cell). Raises ValueError when the genotype does not fit the space."""
        check_fits(genotype, self.space)
        s = self.space
        alpha = self.alpha.new_zeros(s.layers, len(s.edges), len(s.ops))
        for place in kept_operations(s, genotype):
            alpha[place] = 1
        beta = self.alpha.new_tensor([float(taken) for taken in path_moves(s, genotype)])
        last = self.alpha.new_tensor([float(i == genotype.path[-1]) for i in s.cells[-1]])
        return Mixture(alpha, beta, last, genotype)

    def _active(self, weights: Mixture, l: int) -> list[frozenset[str]]:
        """Per source of layer l the operations that are computed."""
        sources = range(self.space.nodes + 1)
        if weights.genotype is None:  # all: `none` adds exactly zero
            return [frozenset(self.space.choices) for _ in sources]
        active: list[set[str]] = [set() for _ in sources]
        for node in weights.genotype.cells[l]:
            for op, source in node:
                active[source].add(op)
        return [frozenset(names) for names in active]

    def forward(
        self, x: Tensor, weights: Mixture | None = None, checkpoint: bool = False
    ) -> Tensor:
        """``checkpoint``: keep no tensor of a cell for the backward pass, compute them again there;
        statistics are updated once."""
        s, w = self.space, weights or self.weights()
        again = checkpoint and torch.is_grad_enabled()
        run = recompute_in_backward if again else SuperCell.__call__
        low, h = self.start(channels_last(x))
        before2, before, mixed = low, {0: h}, {}
        for l, needed in enumerate(self._needed(w.genotype)):
            active = self._active(w, l)
            now, mixed_now = {}, {}
            for i in needed:
                moves = [(k, m) for k, m in self._incoming[l, i] if self._open(m, w.genotype)]
                second = self._second(l, i, before2, mixed)
                zero = x.new_zeros(x.shape[0], s.node_channels(i), *x.shape[2:])
                if s.cell_sharing == "on":  # Eq. 5: sum first, then one cell
                    f = _total([self.first[m](before[k], w.beta[m]) for k, m in moves], zero)
                    mixed_now[i] = f
                    now[i] = run(self.cells[f"{l}_{i}"], f, second, w.alpha[l], active)
                    continue
                outputs, inputs = [], []  # Eq. 6: a cell for each move, then their sum
                for k, m in moves:
                    f = self.first[m](before[k], w.beta.new_ones(()))
                    name = f"{l}_{k}_{i}" if s.cell_sharing == "off" else f"{l}_{i}"
                    outputs.append(w.beta[m] * run(self.cells[name], f, second, w.alpha[l], active))
                    inputs.append(w.beta[m] * f)
                now[i] = _total(outputs, zero.repeat(1, s.nodes, 1, 1))
                mixed_now[i] = _total(inputs, zero)
            before2, before, mixed = before, now, mixed_now
        y = self.end(torch.cat(self._last_layer(w, before, x), 1), low)
        if s.residual:
            y = y + self.skip(x)
        return torch.sigmoid(y) if s.sigmoid else y

    def _last_layer(self, w: Mixture, cells: dict[int, Tensor], x: Tensor) -> list[Tensor]:
        """The outputs of the last layer's cells, weighted; zeros for those that were not
        computed."""
        s = self.space
        if w.last_layer_weights is None:
            return [cells[i] for i in s.cells[-1]]
        outputs = []
        for weight, i in zip(w.last_layer_weights, s.cells[-1]):
            shape = x.shape[0], s.nodes * s.node_channels(i), *x.shape[2:]
            outputs.append(weight * (cells[i] if i in cells else x.new_zeros(shape)))
        return outputs

    def _open(self, m: int, genotype: Genotype | None) -> bool:
        """Does move m carry weight?"""
        if genotype is None:
            return True
        move, path = self.space.moves[m], (0, *genotype.path)
        return (path[move.layer], path[move.layer + 1]) == (move.source, move.target)

    def _needed(self, genotype: Genotype | None) -> list[list[int]]:
        """Per layer the cells to compute: all, or those of a one-hot path and those that they read
        two layers back."""
        s = self.space
        if genotype is None or s.second_input == "mixed":
            return [list(cells) for cells in s.cells]
        needed = [{i} for i in genotype.path]
        for l in range(s.layers - 1, 1, -1):
            needed[l - 2] |= {self._second_source(l, i) for i in needed[l]}
        return [sorted(cells) for cells in needed]

    def _second(self, l: int, i: int, before2, mixed: dict[int, Tensor]) -> Tensor:
        """The second input of cell i of layer l, projected."""
        name = f"{l}_{i}"
        if l == 0:
            return self.second[name](before2)
        if self.space.second_input == "mixed":
            return mixed[i] if i in mixed else self.second[name](mixed[max(mixed)])
        return self.second[name](before2[self._second_source(l, i)] if l > 1 else before2[0])


def recompute_in_backward(cell: SuperCell, *inputs) -> Tensor:
    """``cell(*inputs)`` without what the backward pass needs, which is computed a second time
    there, with the statistics held."""
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


def _total(terms: list[Tensor], zero: Tensor) -> Tensor:
    """The sum of ``terms``; ``zero`` when there is none."""
    return sum(terms[1:], terms[0]) if terms else zero
