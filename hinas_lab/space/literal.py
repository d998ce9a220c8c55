"""The supernet as the equations are written: one module per operation per edge, loops over edges,
cells and moves.

Slow and meant to be read: it is the specification that ``supernet.SuperNet`` is tested against
(equal in float64 to 1e-10) and the one that lesson 01 shows. It shares only the fixed start and end
parts with the fast one."""

import torch
from torch import Tensor, nn

from hinas_lab.config import SearchSpace
from hinas_lab.space.layers import GlobalSkip, Start, conv_bn, make_end, make_op
from hinas_lab.space.ops import OP_NAMES
from hinas_lab.space.supernet import Mixture, SuperNet


class MixedOp(nn.Module):
    """O(x) = sum_k alpha_k o_k(x), Eq. 1: all operations of one edge."""

    def __init__(self, channels: int, repeats: int, affine: bool, ops: tuple[str, ...] = OP_NAMES):
        super().__init__()
        self.ops = nn.ModuleDict()
        for name in ops:
            self.ops[name] = make_op(name, channels, affine, repeats)

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        """x (B, C, H, W), p (K,): the softmax of the edge's alpha."""
        return sum(weight * op(x) for weight, op in zip(p, self.ops.values()))


class LiteralCell(nn.Module):
    """Eq. 1-3 for one cell: every node sums the mixed operations of its edges; the nodes are
    concatenated."""

    def __init__(self, space: SearchSpace, channels: int):
        super().__init__()
        self.nodes = space.nodes
        self.edges = space.edges
        self.mixed = nn.ModuleList(
            MixedOp(channels, space.repeats, space.affine, space.ops) for _ in space.edges
        )

    def forward(self, x0: Tensor, x1: Tensor, alpha: Tensor) -> Tensor:
        features = [x0, x1]
        for i in range(self.nodes):
            incoming = [(e, j) for e, (j, node) in enumerate(self.edges) if node == i]
            features.append(sum(self.mixed[e](features[j], alpha[e]) for e, j in incoming))
        return torch.cat(features[2:], 1)


class LiteralSuperNet(nn.Module):
    """Same function, parameters and switches as ``SuperNet``; ``LiteralSuperNet(net)`` starts as a
    copy of ``net``."""

    def __init__(self, net: SuperNet):
        super().__init__()
        s = self.space = net.space
        out = [s.nodes * s.node_channels(i) for i in range(len(s.width_factors))]
        self.alpha = nn.Parameter(net.alpha.detach().clone())
        self.beta = nn.Parameter(net.beta.detach().clone())
        self.start = Start(s.channels, s.stem, s.nodes * s.width, affine=False)
        self.first = nn.ModuleList()
        for move in s.moves:
            source = out[move.source] if move.layer else s.nodes * s.width
            self.first.append(conv_bn(source, s.node_channels(move.target), 1, affine=False))
        self.second = nn.ModuleDict()
        for key, (projection, _) in net.second.items():
            source, target = projection.in_channels, projection.out_channels
            self.second[key] = conv_bn(source, target, 1, affine=False)
        self.cells = nn.ModuleDict()
        for key, cell in net.cells.items():
            self.cells[key] = LiteralCell(s, cell.channels)
        last, width = [out[i] for i in s.cells[-1]], s.nodes * s.width
        self.end = make_end(s.end, last, width, s.stem, s.channels, s.scale, decoded=False)
        self.to(net.alpha.dtype).load_from(net)

    @torch.no_grad()
    def load_from(self, net: SuperNet):
        """Take over all weights and running statistics of a fast supernet."""
        for name in ("start", "second", "end"):
            getattr(self, name).load_state_dict(getattr(net, name).state_dict())
        for mine, theirs in zip(self.first, net.first):
            mine[0].load_state_dict(theirs.conv.state_dict())
            mine[1].load_state_dict(theirs.norm.state(), strict=False)
        for key, cell in self.cells.items():
            for (j, i), mixed in zip(self.space.edges, cell.mixed):
                for name, op in mixed.ops.items():
                    op.load_state_dict(net.cells[key].edge_state(j, i, name), strict=False)

    def forward(self, x: Tensor, weights: Mixture | None = None) -> Tensor:
        s = self.space
        if weights is None:
            alpha = self.alpha.softmax(-1)
            alpha = alpha if s.lwas else torch.stack([alpha] * s.layers)  # Eq. 1 against Eq. 2
            beta = self._normalised_beta()
            last_layer = [1.0] * len(s.cells[-1])
        else:
            alpha, beta, last_layer = weights.alpha, weights.beta, weights.last_layer_weights
        low, h = self.start(x)
        history = [low, {0: h}]  # h_{-2}, h_{-1}, h_0, ...
        mixed: dict[int, Tensor] = {}
        for l, cells in enumerate(s.cells):
            now, mixed_now = {}, {}
            for i in cells:
                moves = []
                for m, (layer, k, target) in enumerate(s.moves):
                    if (layer, target) == (l, i):
                        moves.append((m, k))
                f = {k: self.first[m](history[-1][k]) for m, k in moves}
                second = self._second_input(l, i, history[-2], mixed)
                mixed_now[i] = sum(beta[m] * f[k] for m, k in moves)
                if s.cell_sharing == "on":  # Eq. 5
                    now[i] = self.cells[f"{l}_{i}"](mixed_now[i], second, alpha[l])
                    continue
                now[i] = 0
                for (
                    m,
                    k,
                ) in moves:  # Eq. 6, a cell per move: own weights ("off") or the same ("tied")
                    name = f"{l}_{k}_{i}" if s.cell_sharing == "off" else f"{l}_{i}"
                    now[i] = now[i] + beta[m] * self.cells[name](f[k], second, alpha[l])
            history.append(now)
            mixed = mixed_now
        cells = [weight * history[-1][i] for weight, i in zip(last_layer, s.cells[-1])]
        y = self.end(torch.cat(cells, 1), low)
        if s.residual:
            y = y + GlobalSkip(s.scale, s.upsampling)(x)
        return torch.sigmoid(y) if s.sigmoid else y

    def _normalised_beta(self) -> list[Tensor]:
        """Each move's weight: its exponential over the sum of those that leave (or enter) the same
        cell."""

        def cell(move):
            end = move.source if self.space.beta_norm == "outgoing" else move.target
            return move.layer, end

        moves = self.space.moves
        weight = [b.exp() for b in self.beta]
        normalised = []
        for w, move in zip(weight, moves):
            total = sum(v for v, other in zip(weight, moves) if cell(other) == cell(move))
            normalised.append(w / total)
        return normalised

    def _second_input(self, l: int, i: int, before2, mixed: dict[int, Tensor]) -> Tensor:
        project = self.second[f"{l}_{i}"] if f"{l}_{i}" in self.second else None
        if l == 0:
            return project(before2)
        if self.space.second_input == "mixed":
            return mixed[i] if project is None else project(mixed[max(mixed)])
        return project(before2[i] if i in before2 else before2[max(before2)])
