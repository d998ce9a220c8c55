"""Ways to compute the gradient of a convolution's weights: the same sums, in another order.

On a GPU most of a weight step is spent in cuDNN's weight gradients of convolutions with 10 to 20
channels, grouped or dilated: its kernels are made for many channels. For y = conv(x, w) with
padding p and dilation d the gradient is

    dw[o, c, u, v] = sum over b, i, j of g[b, o, i, j] x[b, c, i + d u - p, j + d v - p]

with g = dL / dy,

and each way is a row of WAYS. ``hinas-lab bench --device cuda --weight-gradients`` measures them on
every convolution of the supernet and in whole steps; what wins there belongs into CHOSEN.

Letters: B batch, C channels of an input, O of an output, G groups, K kernel side.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

CHOSEN: dict[str, str] = {}
"""kind of a convolution (``kind_of``) -> its way on a GPU; what is not here, and every CPU, takes
the library's. Empty until a GPU has decided"""


ON_LIBRARY = ("cpu",)
"devices that never take another way"


def kind_of(weight: Tensor, groups: int) -> str:
    """pointwise, depthwise, grouped, or dense."""
    if groups > 1:
        return "depthwise" if weight.shape[1] == 1 else "grouped"
    return "pointwise" if weight.shape[2] == 1 else "dense"


def library(
    x: Tensor, g: Tensor, weight: Tensor, padding: int, dilation: int, groups: int
) -> Tensor:
    """What autograd would call."""
    return _backward(g, x, weight, padding, dilation, groups, 1)


def taps(x: Tensor, g: Tensor, weight: Tensor, padding: int, dilation: int, groups: int) -> Tensor:
    """One product a tap (u, v) of the kernel: G matrices (O/G, B H W) times (B H W, C/G);
    depthwise: a product and a sum."""
    kernel, height, width = weight.shape[2], *g.shape[2:]
    x = F.pad(x, (padding,) * 4)
    columns = []
    for u in range(kernel):
        for v in range(kernel):
            seen = x[
                :, :, u * dilation : u * dilation + height, v * dilation : v * dilation + width
            ]
            if weight.shape[1] == 1:
                columns.append((g * seen).sum((0, 2, 3))[:, None])
            else:
                rows, cols = (_by_group(t, groups) for t in (g, seen))
                columns.append((rows @ cols.transpose(1, 2)).flatten(0, 1))
    return torch.stack(columns, -1).view(weight.shape)


def unfold(
    x: Tensor, g: Tensor, weight: Tensor, padding: int, dilation: int, groups: int
) -> Tensor:
    """Every window a column, then one product a group: (O/G, B H W) times (B H W, C/G K K)."""
    kernel, (batch, channels) = weight.shape[2], x.shape[:2]
    columns = F.unfold(x, kernel, dilation=dilation, padding=padding)  # (B, C K K, H W)
    columns = columns.view(batch, groups, channels // groups * kernel**2, -1)
    rows = g.reshape(batch, groups, -1, columns.shape[3])
    return (rows @ columns.transpose(2, 3)).sum(0).reshape(weight.shape)


def swapped(
    x: Tensor, g: Tensor, weight: Tensor, padding: int, dilation: int, groups: int
) -> Tensor:
    """One forward convolution whose channels are the batch: x over the kernel g, its stride the
    dilation."""
    (batch, channels), outputs = x.shape[:2], g.shape[1]
    a = (
        x.view(batch, groups, channels // groups, *x.shape[2:]).permute(2, 1, 0, 3, 4).flatten(1, 2)
    )  # (C/G, G B, H, W)
    b = g.transpose(0, 1)  # (O, B, H, W)
    y = F.conv2d(a, b, padding=padding, stride=dilation, groups=groups)  # (C/G, O, K, K)
    return y.transpose(0, 1).reshape(outputs, *weight.shape[1:])


def block_diagonal(
    x: Tensor, g: Tensor, weight: Tensor, padding: int, dilation: int, groups: int
) -> Tensor:
    """The gradient of the dense convolution, of which the groups' own blocks are kept."""
    (outputs, own, *kernel), channels = weight.shape, x.shape[1]
    dense = library(x, g, x.new_empty(outputs, channels, *kernel).to(g.dtype), padding, dilation, 1)
    blocks = dense.view(groups, outputs // groups, groups, own, *kernel)
    return blocks.diagonal(dim1=0, dim2=2).movedim(-1, 0).reshape(weight.shape)


_compiled: Callable | None = None


def compiled(
    x: Tensor, g: Tensor, weight: Tensor, padding: int, dilation: int, groups: int
) -> Tensor:
    """``taps`` through torch.compile, which joins the small kernels (needs a C compiler, and Triton
    on a GPU)."""
    global _compiled
    _compiled = _compiled or torch.compile(taps, dynamic=False)
    return _compiled(x, g, weight, padding, dilation, groups)


WAYS: dict[str, Callable[..., Tensor]] = {
    "library": library,
    "taps": taps,
    "unfold": unfold,
    "swapped": swapped,
    "block-diagonal": block_diagonal,
    "compiled": compiled,
}


class _Convolution(torch.autograd.Function):
    """``F.conv2d`` of stride 1 without bias, the weights' gradient in one of the WAYS."""

    @staticmethod
    def forward(
        ctx, x: Tensor, weight: Tensor, padding: int, dilation: int, groups: int, way: str
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.options, ctx.way = (padding, dilation, groups), way
        return F.conv2d(x, weight, padding=padding, dilation=dilation, groups=groups)

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple:
        (x, weight), (padding, dilation, groups) = ctx.saved_tensors, ctx.options
        low = x.to(g.dtype)  # under autocast x is kept as it came, and g is short
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = _backward(g, low, weight.to(g.dtype), padding, dilation, groups, 0).to(x.dtype)
        if ctx.needs_input_grad[1]:
            dw = WAYS[ctx.way](low, g, weight.to(g.dtype), padding, dilation, groups).to(
                weight.dtype
            )
        return dx, dw, None, None, None, None


def conv2d(
    x: Tensor, weight: Tensor, *, padding: int = 0, dilation: int = 1, groups: int = 1
) -> Tensor:
    """x (B, C, H, W), weight (O, C / groups, K, K) -> (B, O, H, W): ``F.conv2d`` of stride 1
    without bias."""
    way = CHOSEN.get(kind_of(weight, groups), "library")
    if way == "library" or x.device.type in ON_LIBRARY:
        return F.conv2d(x, weight, padding=padding, dilation=dilation, groups=groups)
    return _Convolution.apply(x, weight, padding, dilation, groups, way)


@contextmanager
def chosen(ways: dict[str, str]) -> Iterator[None]:
    """Inside, convolutions on a GPU take ``ways`` (kind -> way) instead of CHOSEN."""
    before = dict(CHOSEN)
    CHOSEN.clear()
    CHOSEN.update(ways)
    try:
        yield
    finally:
        CHOSEN.clear()
        CHOSEN.update(before)


def _backward(
    g: Tensor, x: Tensor, weight: Tensor, padding: int, dilation: int, groups: int, which: int
) -> Tensor:
    """The library's gradient of the input (``which`` 0) or of the weights (1)."""
    wanted, pad, dil = (which == 0, which == 1, False), (padding, padding), (dilation, dilation)
    return torch.ops.aten.convolution_backward(
        g, x, weight, None, (1, 1), pad, dil, False, (0, 0), groups, wanted
    )[which]


def _by_group(t: Tensor, groups: int) -> Tensor:
    """(B, C, H, W) -> (G, C/G, B H W)."""
    batch, channels, height, width = t.shape
    return (
        t.reshape(batch, groups, channels // groups, height * width).permute(1, 2, 0, 3).flatten(2)
    )
