"""The relaxed cell (Eq. 1-3), fast, and the decoded cell.

``SuperCell`` computes exactly what one module per operation and edge computes (``literal.py``; a test holds them together to 1e-10),
but source by source: from one source all destinations are reached by one convolution per operation kind. Three exact rewritings:

* the LeakyReLU of a source is taken once;
* alpha multiplies a batch norm's output, so it is that batch norm's scale (of an affine one it multiplies scale and shift);
* depthwise then pointwise, with nothing between them, is one convolution with kernel pw[o, c] * dw[c, u, v].

What nobody reads again is overwritten (the LeakyReLU between two stages, the sum of the operations), so that backward keeps less.

Letters: B batch, C channels of a node, D destinations of a source, E edges, K operations, N nodes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hinas_lab.space.genotype import Cell as CellGenotype
from hinas_lab.space.layers import SLOPE, make_op
from hinas_lab.space.ops import OP_NAMES, OPS, SKIP
from hinas_lab.space.weight_gradients import conv2d

COMPOSED = 8
"""channels up to which the second stage of a separable operation, too, is one convolution. Its work grows with the channels: on a
CPU, a cell of 10 / 15 / 20 channels takes 0.93 / 0.94 / 0.80 of the time with two convolutions, one of 4 or 8 the same"""
CONVS = tuple(op for op in OPS.values() if op.kind == "conv")
SEPS = tuple(op for op in OPS.values() if op.kind == "sep")


class ScaledNorm(nn.Module):
    """Batch norm whose scale is given: scale (C,) * (x - mean) / std; affine: scale * (weight * (x - mean) / std + bias)."""

    def __init__(self, channels: int, affine: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.momentum = 0.1

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        bias = self.bias
        if self.weight is not None:
            scale, bias = (
                (self.weight, bias) if scale is None else (scale * self.weight, scale * bias)
            )
        return F.batch_norm(
            x, self.running_mean, self.running_var, scale, bias, self.training, self.momentum
        )

    def state(self, part: slice = slice(None)) -> dict[str, Tensor]:
        """Running statistics, and the affine parameters, of the channels ``part``, under nn.BatchNorm2d's names."""
        names = ("running_mean", "running_var") + (
            () if self.weight is None else ("weight", "bias")
        )
        return {name: getattr(self, name)[part] for name in names}


class Source(nn.Module):
    """All operations from one source to its D destinations: (B, C, H, W) -> (B, D*C, H, W), summed over operations."""

    def __init__(self, channels: int, destinations: int, repeats: int, affine: bool):
        super().__init__()
        self.channels, self.destinations = channels, destinations
        total = channels * destinations
        new = lambda *shape: nn.Parameter(torch.empty(shape))  # noqa: E731
        self.conv = nn.ParameterDict(
            {op.name: new(total, channels, op.kernel, op.kernel) for op in CONVS}
        )
        self.depthwise = nn.ParameterDict(
            {
                f"{op.name}_{r}": new(total, 1, op.kernel, op.kernel)
                for op in SEPS
                for r in range(repeats)
            }
        )
        self.pointwise = nn.ParameterDict(
            {f"{op.name}_{r}": new(total, channels, 1, 1) for op in SEPS for r in range(repeats)}
        )
        self.norm = nn.ModuleDict({op.name: ScaledNorm(total, affine) for op in CONVS})
        self.norm.update(
            {f"{op.name}_{r}": ScaledNorm(total, affine) for op in SEPS for r in range(repeats)}
        )
        self.repeats = repeats
        if (
            channels > COMPOSED
        ):  # 1 where an input and an output channel belong to the same destination
            own = torch.block_diag(*[torch.ones(channels, channels)] * destinations)
            self.register_buffer("_own", own[:, :, None, None], persistent=False)

    def forward(self, x: Tensor, alpha: Tensor, active: frozenset[str]) -> Tensor:
        """``alpha`` (D, K) on the simplex; operations outside ``active`` (names) have zero weight and are not computed."""
        scale = alpha.t().repeat_interleave(self.channels, 1).unbind(0)  # K of (D*C,)
        a = F.leaky_relu(x, SLOPE)
        total = None
        for op in CONVS:
            if op.name in active:
                y = conv2d(
                    a,
                    self.conv[op.name],
                    padding=op.dilation * (op.kernel // 2),
                    dilation=op.dilation,
                )
                total = _plus(total, self.norm[op.name](y, scale[OP_NAMES.index(op.name)]))
        for op in SEPS:
            if op.name in active:
                y = a
                for r in range(self.repeats):
                    last = scale[OP_NAMES.index(op.name)] if r == self.repeats - 1 else None
                    y = self.norm[f"{op.name}_{r}"](self._separable(y, op, r), last)
                    y = y if last is not None else F.leaky_relu_(y, SLOPE)
                total = _plus(total, y)
        if "skip" in active:
            skip = (
                x.permute(0, 2, 3, 1).unsqueeze(3) * alpha[:, SKIP, None]
            )  # (B, H, W, D, C), stays channels-last
            total = _plus(total, skip.flatten(3).permute(0, 3, 1, 2))
        return (
            x.new_zeros(x.shape[0], self.channels * self.destinations, *x.shape[2:])
            if total is None
            else total
        )

    def _separable(self, y: Tensor, op, r: int) -> Tensor:
        """Stage r of a separable convolution. Stage 0 reads the source (C channels), later stages each destination's own C channels."""
        name, D, C = f"{op.name}_{r}", self.destinations, self.channels
        if r > 0 and C > COMPOSED:
            y = conv2d(y, self.depthwise[name], padding=op.kernel // 2, groups=D * C)
            return conv2d(y, self.pointwise[name].repeat(1, D, 1, 1) * self._own)
        kernel = self.pointwise[name].view(D, C, C, 1, 1) * self.depthwise[name].view(
            D, 1, C, op.kernel, op.kernel
        )
        return conv2d(
            y,
            kernel.view(D * C, C, op.kernel, op.kernel),
            padding=op.kernel // 2,
            groups=1 if r == 0 else D,
        )

    def edge_state(self, op: str, destination: int) -> dict[str, Tensor]:
        """Weights and statistics of one (edge, operation) as the state of ``layers.make_op(op)``."""
        part = slice(destination * self.channels, (destination + 1) * self.channels)
        prefixed = lambda prefix, state: {f"{prefix}.{k}": v for k, v in state.items()}  # noqa: E731
        if OPS[op].kind == "conv":
            return {"1.weight": self.conv[op][part], **prefixed("2", self.norm[op].state(part))}
        state = {}
        for r in range(self.repeats if OPS[op].kind == "sep" else 0):
            name = f"{op}_{r}"
            state |= {
                f"{r}.1.weight": self.depthwise[name][part],
                f"{r}.2.weight": self.pointwise[name][part],
            }
            state |= prefixed(f"{r}.3", self.norm[name].state(part))
        return state


def _plus(total: Tensor | None, y: Tensor) -> Tensor:
    """The sum, in the place of the first term."""
    return y if total is None else total.add_(y)


class SuperCell(nn.Module):
    """The relaxed cell of Eq. 1-3: two inputs (B, C, H, W) and alpha (E, K) -> (B, N*C, H, W)."""

    def __init__(self, nodes: int, channels: int, repeats: int = 2, affine: bool = False):
        super().__init__()
        self.nodes, self.channels = nodes, channels
        # source j reaches the nodes i with i + 2 > j; the last node is nobody's source
        self.reached = [list(range(max(0, j - 1), nodes)) for j in range(nodes + 1)]
        self.sources = nn.ModuleList(
            Source(channels, len(r), repeats, affine) for r in self.reached
        )
        edge = lambda j, i: i * (i + 3) // 2 + j  # noqa: E731  position of (j -> i) in SearchSpace.edges
        for j, r in enumerate(
            self.reached
        ):  # on the device: an index from the host would be copied there, which no CUDA graph records
            self.register_buffer(
                f"_edges_{j}", torch.tensor([edge(j, i) for i in r]), persistent=False
            )

    def forward(
        self, x0: Tensor, x1: Tensor, alpha: Tensor, active: list[frozenset[str]]
    ) -> Tensor:
        """``active``: per source the operations with a nonzero weight (``supernet.Weights``)."""
        nodes, pending = [], None
        for j, source in enumerate(self.sources):
            x = (x0, x1)[j] if j < 2 else nodes[j - 2]
            y = source(x, alpha.index_select(0, getattr(self, f"_edges_{j}")), active[j])
            pending = (
                y if pending is None else pending + y
            )  # sums of the nodes self.reached[j], Eq. 1
            if j >= 1:  # node j-1 has now heard all its sources
                done, pending = pending.split([self.channels, pending.shape[1] - self.channels], 1)
                nodes.append(done)
        return torch.cat(nodes, 1)  # Eq. 3

    def edge_state(self, source: int, node: int, op: str) -> dict[str, Tensor]:
        """Weights and statistics of operation ``op`` on the edge source -> node, as the state of ``layers.make_op(op)``."""
        return self.sources[source].edge_state(op, self.reached[source].index(node))


class Cell(nn.Module):
    """A decoded cell: each node sums its two edges (Figure 1, right). Two inputs (B, C, H, W) -> (B, N*C, H, W)."""

    def __init__(self, cell: CellGenotype, channels: int, affine: bool = True, repeats: int = 2):
        super().__init__()
        self.wiring = cell
        self.ops = nn.ModuleList(
            nn.ModuleList(make_op(op, channels, affine, repeats) for op, _ in node) for node in cell
        )

    def forward(self, x0: Tensor, x1: Tensor) -> Tensor:
        features = [x0, x1]
        for node, ops in zip(self.wiring, self.ops):
            (_, a), (_, b) = node
            features.append(ops[0](features[a]) + ops[1](features[b]))
        return torch.cat(features[2:], 1)
