"""The supernet as the equations are written: one module per operation per edge, loops over edges, cells and moves.

Slow and meant to be read: it is the specification that ``supernet.SuperNet`` is tested against (equal in float64 to 1e-10)
and the one that lesson 01 shows. It shares only the fixed start and end parts with the fast one.
"""

import torch
from torch import Tensor, nn

from hinas_lab.config import SearchSpace
from hinas_lab.space.layers import GlobalSkip, Start, conv_bn, make_end, make_op
from hinas_lab.space.ops import OP_NAMES
from hinas_lab.space.supernet import SuperNet, Mixture


class MixedOp(nn.Module):
    """O(x) = sum_k alpha_k o_k(x), Eq. 1: all operations of one edge."""

    def __init__(self, channels: int, repeats: int, affine: bool):
        super().__init__()
        self.ops = nn.ModuleDict(
            {name: make_op(name, channels, affine, repeats) for name in OP_NAMES}
        )

    def forward(self, x: Tensor, alpha: Tensor) -> Tensor:
        """x (B, C, H, W), alpha (K,) on the simplex."""
        return sum(a * op(x) for a, op in zip(alpha, self.ops.values()))


class LiteralCell(nn.Module):
    """Eq. 1-3 for one cell: every node sums the mixed operations of its edges; the nodes are concatenated."""

    def __init__(self, space: SearchSpace, channels: int):
        super().__init__()
        self.nodes = space.nodes
        self.edges = space.edges
        self.mixed = nn.ModuleList(
            MixedOp(channels, space.repeats, space.affine) for _ in space.edges
        )

    def forward(self, x0: Tensor, x1: Tensor, alpha: Tensor) -> Tensor:
        features = [x0, x1]
        for i in range(self.nodes):
            incoming = [(e, j) for e, (j, node) in enumerate(self.edges) if node == i]
            features.append(sum(self.mixed[e](features[j], alpha[e]) for e, j in incoming))
        return torch.cat(features[2:], 1)


class LiteralSuperNet(nn.Module):
    """Same function, parameters and switches as ``SuperNet``; ``LiteralSuperNet(net)`` starts as a copy of ``net``."""

    def __init__(self, net: SuperNet):
        super().__init__()
        s = self.space = net.space
        out = {i: s.nodes * s.node_channels(i) for i in range(len(s.width_factors))}
        self.alpha, self.beta = (
            nn.Parameter(net.alpha.detach().clone()),
            nn.Parameter(net.beta.detach().clone()),
        )
        self.start = Start(s.channels, s.stem, s.nodes * s.width, affine=False)
        self.first = nn.ModuleList(
            conv_bn(
                out[m.source] if m.layer else s.nodes * s.width,
                s.node_channels(m.target),
                1,
                affine=False,
            )
            for m in s.moves
        )
        self.second = nn.ModuleDict(
            {
                k: conv_bn(p[0].in_channels, p[0].out_channels, 1, affine=False)
                for k, p in net.second.items()
            }
        )
        self.cells = nn.ModuleDict(
            {k: LiteralCell(s, cell.channels) for k, cell in net.cells.items()}
        )
        self.end = make_end(
            s.end, sum(out[i] for i in s.cells[-1]), s.stem, s.channels, s.scale, decoded=False
        )
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
            ends = [1.0] * len(s.cells[-1])
        else:
            alpha, beta, ends = weights.alpha, weights.beta, weights.ends
        low, h = self.start(x)
        history = [low, {0: h}]  # h_{-2}, h_{-1}, h_0, ...
        mixed: dict[int, Tensor] = {}
        for l, cells in enumerate(s.cells):
            now, mixed_now = {}, {}
            for i in cells:
                moves = [
                    (m, k)
                    for m, (layer, k, target) in enumerate(s.moves)
                    if layer == l and target == i
                ]
                f = {k: self.first[m](history[-1][k]) for m, k in moves}
                second = self._second_input(l, i, history[-2], mixed)
                mixed_now[i] = sum(beta[m] * f[k] for m, k in moves)
                if s.cell_sharing == "on":  # Eq. 5
                    now[i] = self.cells[f"{l}_{i}"](mixed_now[i], second, alpha[l])
                else:  # Eq. 6, a cell per move with its own weights ("off") or the same ("tied")
                    key = {
                        k: f"{l}_{k}_{i}" if s.cell_sharing == "off" else f"{l}_{i}"
                        for _, k in moves
                    }
                    now[i] = sum(
                        beta[m] * self.cells[key[k]](f[k], second, alpha[l]) for m, k in moves
                    )
            history.append(now)
            mixed = mixed_now
        y = self.end(torch.cat([e * history[-1][i] for e, i in zip(ends, s.cells[-1])], 1), low)
        if s.residual:
            y = y + GlobalSkip(s.scale, s.upsampling)(x)
        return torch.sigmoid(y) if s.sigmoid else y

    def _normalised_beta(self) -> list[Tensor]:
        s = self.space
        side = (
            (lambda m: (m.layer, m.source))
            if s.beta_norm == "outgoing"
            else (lambda m: (m.layer, m.target))
        )
        weight = [b.exp() for b in self.beta]
        return [
            w / sum(v for v, n in zip(weight, s.moves) if side(n) == side(m))
            for w, m in zip(weight, s.moves)
        ]

    def _second_input(self, l: int, i: int, before2, mixed: dict[int, Tensor]) -> Tensor:
        project = self.second[f"{l}_{i}"] if f"{l}_{i}" in self.second else None
        if l == 0:
            return project(before2)
        if self.space.second_input == "mixed":
            return mixed[i] if project is None else project(mixed[max(mixed)])
        return project(before2[i] if i in before2 else before2[max(before2)])
