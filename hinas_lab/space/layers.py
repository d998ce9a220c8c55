"""The modules behind the table of operations, and the start and end parts. Used by the literal
supernet and the decoded net.

Every operation keeps height, width and channels. Tensors are (B, C, H, W). Batch norms are affine
when training a decoded net; while searching, only those of the operations, and only where the space
says so."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hinas_lab.images.degrade import upscale
from hinas_lab.space.cost import ASPP_RATES, JOINED, LOW
from hinas_lab.space.ops import OPS

SLOPE = 0.2
"of every LeakyReLU (the authors' code; the paper gives none)"


def channels_last(x: Tensor) -> Tensor:
    """``x`` with channels-last strides, so that everything behind it follows. One channel lies both
    ways; only its strides tell torch."""
    if x.shape[1] == 1:
        _, _, height, width = x.shape
        return x.contiguous().as_strided(x.shape, (height * width, 1, width, 1))
    return x.contiguous(memory_format=torch.channels_last)


def conv(
    source: int, target: int, kernel: int, dilation: int = 1, groups: int = 1, bias: bool = False
) -> nn.Conv2d:
    """A convolution that keeps height and width."""
    return nn.Conv2d(
        source,
        target,
        kernel,
        padding=dilation * (kernel // 2),
        dilation=dilation,
        groups=groups,
        bias=bias,
    )


def conv_bn(
    source: int, target: int, kernel: int, affine: bool, activate: bool = False
) -> nn.Sequential:
    """convolution -> batch norm [-> LeakyReLU]."""
    layers = [conv(source, target, kernel), nn.BatchNorm2d(target, affine=affine)]
    return nn.Sequential(*layers, nn.LeakyReLU(SLOPE)) if activate else nn.Sequential(*layers)


def activated_projection(source: int, target: int, affine: bool) -> nn.Sequential:
    """LeakyReLU -> 1x1 convolution -> batch norm: an input of the authors' decoded cells."""
    return nn.Sequential(nn.LeakyReLU(SLOPE), *conv_bn(source, target, 1, affine))


class Zero(nn.Module):
    """``none``: no connection."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def make_op(name: str, channels: int, affine: bool, repeats: int = 2) -> nn.Module:
    """The operation ``name``: LeakyReLU -> convolution -> batch norm (sep: depthwise, pointwise,
    batch norm; ``repeats`` times)."""
    op = OPS[name]
    if op.kind == "skip":
        return nn.Identity()
    if op.kind == "none":
        return Zero()
    if op.kind == "conv":
        return nn.Sequential(
            nn.LeakyReLU(SLOPE),
            conv(channels, channels, op.kernel, op.dilation),
            nn.BatchNorm2d(channels, affine=affine),
        )
    stages = [
        nn.Sequential(
            nn.LeakyReLU(SLOPE),
            conv(channels, channels, op.kernel, groups=channels),
            conv(channels, channels, 1),
            nn.BatchNorm2d(channels, affine=affine),
        )
        for _ in range(repeats)
    ]
    return nn.Sequential(*stages)


class Start(nn.Module):
    """The start part: (B, C, H, W) -> h_{-2} (B, stem, H, W), h_{-1} (B, width, H, W).

    ``twice``: another LeakyReLU before the second convolution (the authors' decoded net): what is
    negative enters it with SLOPE squared."""

    def __init__(self, channels: int, stem: int, width: int, affine: bool, twice: bool = False):
        super().__init__()
        self.first = conv_bn(channels, stem, 3, affine, activate=True)
        self.second = conv_bn(stem, width, 3, affine)
        self.twice = twice

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = self.first(x)
        return first, self.second(F.leaky_relu(first, SLOPE) if self.twice else first)


class ConvEnd(nn.Module):
    """The end part of the paper: two 3x3 convolutions, then pixel shuffle when scale > 1."""

    def __init__(self, source: int, stem: int, channels: int, scale: int, affine: bool):
        super().__init__()
        self.first = conv_bn(source, stem, 3, affine, activate=True)
        self.last = conv(stem, channels * scale**2, 3, bias=True)
        self.scale = scale

    def forward(self, h: Tensor, low: Tensor) -> Tensor:
        return F.pixel_shuffle(self.last(self.first(h)), self.scale)


class AsppEnd(nn.Module):
    """The end part after the authors' code: dilated branches; decoded nets add a low-level skip and
    two separable convolutions.

    ``rates``: (16,) in the supernet, (2, 4, 6) in a decoded net. No pooling branch.
    """

    def __init__(
        self,
        source: int,
        stem: int,
        channels: int,
        scale: int,
        affine: bool,
        rates: tuple[int, ...],
        low: int | None,
    ):
        super().__init__()
        self.reduce = conv_bn(source, stem, 1, affine, activate=True)
        # the branches share the stem's channels
        part = max(1, stem // (len(rates) + 1))
        self.branches = nn.ModuleList(
            [conv(stem, part, 1)] + [conv(stem, part, 3, dilation=r) for r in rates]
        )
        merged = part * len(self.branches)
        self.norm = nn.Sequential(nn.BatchNorm2d(merged, affine=affine), nn.LeakyReLU(SLOPE))
        self.low = conv_bn(low, part, 1, affine, activate=True) if low else None
        merged += part if low else 0
        if low:
            self.mix = nn.Sequential(*_separable(merged, stem), *_separable(stem, stem))
        else:
            self.mix = conv_bn(merged, stem, 1, affine, activate=True)
        self.last = conv(stem, channels * scale**2, 3, bias=True)
        self.scale = scale

    def forward(self, h: Tensor, low: Tensor) -> Tensor:
        h = self.reduce(h)
        h = self.norm(torch.cat([branch(h) for branch in self.branches], 1))
        if self.low is not None:
            h = torch.cat([h, self.low(low)], 1)
        return F.pixel_shuffle(self.last(self.mix(h)), self.scale)


def _separable(source: int, target: int) -> list[nn.Module]:
    """depthwise 3x3 -> pointwise -> batch norm -> LeakyReLU."""
    return [
        conv(source, source, 3, groups=source),
        conv(source, target, 1),
        nn.BatchNorm2d(target, affine=True),
        nn.LeakyReLU(SLOPE),
    ]


def _activated_separable(source: int, target: int, dilation: int = 1) -> nn.Sequential:
    """depthwise 3x3 -> batch norm -> LeakyReLU -> pointwise -> batch norm -> LeakyReLU. The norms
    are affine in a supernet, too (the authors' code)."""
    depthwise = conv(source, source, 3, dilation, groups=source)
    norm = nn.BatchNorm2d(source)
    pointwise = conv_bn(source, target, 1, affine=True, activate=True)
    return nn.Sequential(depthwise, norm, nn.LeakyReLU(SLOPE), *pointwise)


class Aspp(nn.Module):
    """(B, source, H, W) -> (B, target, H, W): a 1x1 convolution and a separable one for each
    dilation of ``rates``, joined by a 1x1 convolution. No pooling branch."""

    def __init__(self, source: int, target: int, rates: tuple[int, ...], affine: bool):
        super().__init__()
        branches = [conv_bn(source, target, 1, affine, activate=True)]
        branches += [_activated_separable(source, target, rate) for rate in rates]
        self.branches = nn.ModuleList(branches)
        self.join = conv_bn(target * len(branches), target, 1, affine, activate=True)

    def forward(self, h: Tensor) -> Tensor:
        return self.join(torch.cat([branch(h) for branch in self.branches], 1))


class AuthorsEnd(nn.Module):
    """The end part of the authors' decoded net: (B, source, H, W) and low-level features (B, low,
    H, W) -> (B, C, S*H, S*W).

    ASPP for super-resolution, else a 1x1 convolution, to 128 channels; low-level features to 48;
    two separable convolutions of both together."""

    def __init__(self, source: int, low: int, channels: int, scale: int, affine: bool):
        super().__init__()
        if scale > 1:
            self.high = Aspp(source, JOINED, ASPP_RATES, affine)
        else:
            self.high = conv_bn(source, JOINED, 1, affine, activate=True)
        self.low = conv_bn(low, LOW, 1, affine, activate=True)
        first = _activated_separable(JOINED + LOW, JOINED)
        self.mix = nn.Sequential(first, _activated_separable(JOINED, JOINED))
        self.last = conv(JOINED, channels * scale**2, 3, bias=True)
        self.scale = scale

    def forward(self, h: Tensor, low: Tensor) -> Tensor:
        h = torch.cat([self.low(low), self.high(F.leaky_relu(h, SLOPE))], 1)
        return F.pixel_shuffle(self.last(self.mix(h)), self.scale)


class AuthorsSupernetEnd(nn.Module):
    """The end part of the authors' supernet: an ASPP of its own for each cell of the last layer,
    to ``width`` channels, then two 3x3 convolutions of all together. ``sources``: the channels of
    these cells."""

    def __init__(self, sources: list[int], width: int, channels: int, scale: int):
        super().__init__()
        self.sources = sources
        self.aspps = nn.ModuleList(Aspp(c, width, SUPERNET_RATES, affine=False) for c in sources)
        joined = width * len(sources)
        self.first = conv_bn(joined, joined, 3, affine=False, activate=True)
        self.last = conv(joined, channels * scale**2, 3, bias=True)
        self.scale = scale

    def forward(self, h: Tensor, low: Tensor) -> Tensor:
        parts = [aspp(part) for aspp, part in zip(self.aspps, h.split(self.sources, 1))]
        return F.pixel_shuffle(self.last(self.first(torch.cat(parts, 1))), self.scale)


SUPERNET_RATES, DECODED_RATES = (16,), ASPP_RATES


def make_end(
    kind: str,
    sources: list[int],
    width: int,
    stem: int,
    channels: int,
    scale: int,
    *,
    decoded: bool,
) -> nn.Module:
    """The end part ``kind`` of a supernet or of a decoded net. ``sources``: the channels of each
    cell that it hears; ``width``: N*W, those of the start part."""
    if kind == "authors" and decoded:
        return AuthorsEnd(sum(sources), width, channels, scale, affine=True)
    if kind == "authors":
        return AuthorsSupernetEnd(sources, width, channels, scale)
    source = sum(sources)
    if kind == "conv":
        return ConvEnd(source, stem, channels, scale, affine=decoded)
    rates, low = (DECODED_RATES, stem) if decoded else (SUPERNET_RATES, None)
    return AsppEnd(source, stem, channels, scale, decoded, rates, low)


class GlobalSkip(nn.Module):
    """f_skip of Eq. 7: the input itself, or its upscaling by ``scale``: bicubic (MATLAB's kernel, a
    = -0.5), torch (its bicubic, a = -0.75) or bilinear."""

    def __init__(self, scale: int, upsampling: str = "bicubic"):
        super().__init__()
        self.scale, self.upsampling = scale, upsampling
        self._kept: dict = {}

    def forward(self, x: Tensor) -> Tensor:
        if self.scale == 1:
            return x
        if self.upsampling != "bicubic":
            mode = "bicubic" if self.upsampling == "torch" else self.upsampling
            return F.interpolate(x, scale_factor=self.scale, mode=mode, align_corners=False)
        # Patches have one size: their weights stay on the device, as a CUDA graph records no copy
        # from the host. Whole images differ.
        keep = self.training and not torch.is_inference_mode_enabled()
        return upscale(x, self.scale, self._kept if keep else None)


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator):
    """Uniform +-1/sqrt(fan in) for every convolution, from ``generator``; biases 0. Stacked kernels
    count one output channel's fan in.

    The last convolution of an end part starts at zero, so that a residual net starts as its skip:
    the noisy image itself."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            bound = 1 / math.sqrt(parameter[0].numel())
            drawn = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
            parameter.copy_(drawn)
    for name, parameter in module.named_parameters():
        if name.endswith("bias") or name == "end.last.weight":
            parameter.zero_()
