"""The relaxed cell (Eq. 1-3), fast, and the decoded cell.

``SuperCell`` computes exactly what one module per operation and edge computes (``literal.py``; a
test holds them together to 1e-10), but source by source: from one source all destinations are
reached by one convolution per operation kind. Three exact rewritings:

* the LeakyReLU of a source is taken once;
* alpha multiplies a batch norm's output, so it is that batch norm's scale (of an affine one it
multiplies scale and shift);
* depthwise then pointwise, with nothing between them, is one convolution with kernel pw[o, c] *
dw[c, u, v].

What nobody reads again is overwritten (the LeakyReLU between two stages, the sum of the
operations), so that backward keeps less.

Letters: B batch, C channels of a node, D destinations of a source, E edges, K operations, N nodes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hinas_lab.space.genotype import Cell as CellGenotype
from hinas_lab.space.layers import SLOPE, make_op
from hinas_lab.space.ops import OP_NAMES, OPS, Op
from hinas_lab.space.weight_gradients import conv2d

COMPOSED = 8
"""channels up to which the second stage of a separable operation, too, is one convolution. Its work
grows with the channels: on a CPU, a cell of 10 / 15 / 20 channels takes 0.93 / 0.94 / 0.80 of the
time with two convolutions, one of 4 or 8 the same"""


class ScaledNorm(nn.Module):
    """Batch norm whose scale is given: scale (C,) * (x - mean) / std; affine: scale * (weight * (x
    - mean) / std + bias)."""

    def __init__(self, channels: int, affine: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        # as nn.BatchNorm2d; ``scoring.calibrate`` sets it for a while
        self.momentum = 0.1

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        bias = self.bias
        if self.weight is not None:
            bias = bias if scale is None else scale * bias
            scale = self.weight if scale is None else scale * self.weight
        return F.batch_norm(
            x, self.running_mean, self.running_var, scale, bias, self.training, self.momentum
        )

    def state(self, part: slice = slice(None)) -> dict[str, Tensor]:
        """Running statistics, and the affine parameters, of the channels ``part``, under
        nn.BatchNorm2d's names."""
        names = ["running_mean", "running_var"]
        if self.weight is not None:
            names += ["weight", "bias"]
        return {name: getattr(self, name)[part] for name in names}


class Source(nn.Module):
    """All operations from one source to its D destinations: (B, C, H, W) -> (B, D*C, H, W), summed
    over operations.

    ``ops``: the names that compete, in the order of alpha's last axis.
    """

    def __init__(
        self, channels: int, destinations: int, repeats: int, affine: bool, ops: tuple[str, ...]
    ):
        super().__init__()
        self.channels, self.destinations, self.repeats = channels, destinations, repeats
        self.place = {name: k for k, name in enumerate(ops)}
        self.convs = [OPS[name] for name in ops if OPS[name].kind == "conv"]
        self.seps = [OPS[name] for name in ops if OPS[name].kind == "sep"]
        self.skips = [name for name in ops if OPS[name].kind == "skip"]
        # Parameters of one kind stand together: the order in which ``initialise`` draws them.
        self.conv, self.depthwise, self.pointwise = (nn.ParameterDict() for _ in range(3))
        self.norm = nn.ModuleDict()
        total = channels * destinations
        for op in self.convs:
            self.conv[op.name] = _empty(total, channels, op.kernel, op.kernel)
            self.norm[op.name] = ScaledNorm(total, affine)
        for op in self.seps:
            for r in range(repeats):
                name = f"{op.name}_{r}"
                self.depthwise[name] = _empty(total, 1, op.kernel, op.kernel)
                self.pointwise[name] = _empty(total, channels, 1, 1)
                self.norm[name] = ScaledNorm(total, affine)
        if channels > COMPOSED:
            # 1 where an input and an output channel belong to the same destination
            own = torch.block_diag(*[torch.ones(channels, channels)] * destinations)
            self.register_buffer("_own", own[:, :, None, None], persistent=False)

    def forward(self, x: Tensor, alpha: Tensor, active: frozenset[str]) -> Tensor:
        """``alpha`` (D, K) on the simplex; operations outside ``active`` (names) have zero weight
        and are not computed."""
        scale = alpha.t().repeat_interleave(self.channels, 1).unbind(0)  # K of (D*C,)
        a = F.leaky_relu(x, SLOPE)
        total = None
        for op in self.convs:
            if op.name in active:
                weight, padding = self.conv[op.name], op.dilation * (op.kernel // 2)
                y = conv2d(a, weight, padding=padding, dilation=op.dilation)
                y = self.norm[op.name](y, scale[self.place[op.name]])
                total = _plus(total, y)
        for op in self.seps:
            if op.name in active:
                y = a
                for r in range(self.repeats):
                    last = r == self.repeats - 1  # alpha scales the operation's output, once
                    y = self._separable(y, op, r)
                    y = self.norm[f"{op.name}_{r}"](y, scale[self.place[op.name]] if last else None)
                    y = y if last else F.leaky_relu_(y, SLOPE)
                total = _plus(total, y)
        for name in self.skips:
            if name in active:
                # (B, H, W, D, C), so that it stays channels-last
                skip = x.permute(0, 2, 3, 1).unsqueeze(3) * alpha[:, self.place[name], None]
                total = _plus(total, skip.flatten(3).permute(0, 3, 1, 2))
        if total is None:
            return x.new_zeros(x.shape[0], self.channels * self.destinations, *x.shape[2:])
        return total

    def _separable(self, y: Tensor, op: Op, r: int) -> Tensor:
        """Stage r of a separable convolution. Stage 0 reads the source (C channels), later stages
        each destination's own C channels."""
        name, D, C = f"{op.name}_{r}", self.destinations, self.channels
        padding = op.kernel // 2
        if r > 0 and C > COMPOSED:
            y = conv2d(y, self.depthwise[name], padding=padding, groups=D * C)
            return conv2d(y, self.pointwise[name].repeat(1, D, 1, 1) * self._own)
        depthwise = self.depthwise[name].view(D, 1, C, op.kernel, op.kernel)
        kernel = self.pointwise[name].view(D, C, C, 1, 1) * depthwise
        kernel = kernel.view(D * C, C, op.kernel, op.kernel)
        return conv2d(y, kernel, padding=padding, groups=1 if r == 0 else D)

    def edge_state(self, name: str, destination: int) -> dict[str, Tensor]:
        """Weights and statistics of one (edge, operation) as the state of
        ``layers.make_op(name)``."""
        part = slice(destination * self.channels, (destination + 1) * self.channels)
        kind = OPS[name].kind
        if kind == "conv":
            return {"1.weight": self.conv[name][part]} | self._norm_state("2", name, part)
        state = {}
        for r in range(self.repeats if kind == "sep" else 0):
            stage = f"{name}_{r}"
            state[f"{r}.1.weight"] = self.depthwise[stage][part]
            state[f"{r}.2.weight"] = self.pointwise[stage][part]
            state |= self._norm_state(f"{r}.3", stage, part)
        return state

    def _norm_state(self, prefix: str, name: str, part: slice) -> dict[str, Tensor]:
        return {f"{prefix}.{key}": value for key, value in self.norm[name].state(part).items()}


def _empty(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape))


def _plus(total: Tensor | None, y: Tensor) -> Tensor:
    """The sum, in the place of the first term."""
    return y if total is None else total.add_(y)


class SuperCell(nn.Module):
    """The relaxed cell of Eq. 1-3: two inputs (B, C, H, W) and alpha (E, K) -> (B, N*C, H, W)."""

    def __init__(
        self,
        nodes: int,
        channels: int,
        repeats: int = 2,
        affine: bool = False,
        ops: tuple[str, ...] = OP_NAMES,
    ):
        super().__init__()
        self.nodes, self.channels = nodes, channels
        # source j reaches the nodes i with i + 2 > j; the last node is nobody's source
        self.reached = [list(range(max(0, j - 1), nodes)) for j in range(nodes + 1)]
        self.sources = nn.ModuleList(
            Source(channels, len(reached), repeats, affine, ops) for reached in self.reached
        )
        for j, reached in enumerate(self.reached):
            edges = [i * (i + 3) // 2 + j for i in reached]  # of j -> i in SearchSpace.edges
            # On the device: an index from the host would be copied there, which no CUDA graph
            # records.
            self.register_buffer(f"_edges_{j}", torch.tensor(edges), persistent=False)

    def forward(
        self, x0: Tensor, x1: Tensor, alpha: Tensor, active: list[frozenset[str]]
    ) -> Tensor:
        """``active``: per source the operations with a nonzero weight (``supernet.Mixture``)."""
        features, pending = [x0, x1], None
        for j, source in enumerate(self.sources):
            edges = getattr(self, f"_edges_{j}")
            y = source(features[j], alpha.index_select(0, edges), active[j])
            # the sums of Eq. 1 of the nodes self.reached[j], as far as their sources are done
            pending = y if pending is None else pending + y
            if j >= 1:  # node j-1 has now read all its sources
                rest = pending.shape[1] - self.channels
                node, pending = pending.split([self.channels, rest], 1)
                features.append(node)
        return torch.cat(features[2:], 1)  # Eq. 3

    def edge_state(self, source: int, node: int, op: str) -> dict[str, Tensor]:
        """Weights and statistics of operation ``op`` on the edge source -> node, as the state of
        ``layers.make_op(op)``."""
        return self.sources[source].edge_state(op, self.reached[source].index(node))


class Cell(nn.Module):
    """A decoded cell: each node sums its two edges (Figure 1, right). Two inputs (B, C, H, W) ->
    (B, N*C, H, W)."""

    def __init__(self, cell: CellGenotype, channels: int, affine: bool = True, repeats: int = 2):
        super().__init__()
        self.wiring = cell
        self.ops = nn.ModuleList()
        for node in cell:
            self.ops.append(nn.ModuleList(make_op(op, channels, affine, repeats) for op, _ in node))

    def forward(self, x0: Tensor, x1: Tensor) -> Tensor:
        features = [x0, x1]
        for ((_, a), (_, b)), (first, second) in zip(self.wiring, self.ops):
            features.append(first(features[a]) + second(features[b]))
        return torch.cat(features[2:], 1)
