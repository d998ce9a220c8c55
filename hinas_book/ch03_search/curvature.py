"""How large may a step be? The curvature of a loss along the weights of a net's last convolution,
and the rate that it bears."""

import random
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches
from hinas_lab.presets import Preset
from hinas_lab.space.genotype import sample
from hinas_lab.training.numerics import use_device
from hinas_lab.training.training import Training


def last_layer_curvature(net: nn.Module, degraded: Tensor) -> float:
    """The largest curvature of the mean square error along the weights of ``net.end.last``, in
    train mode, for a batch (B, C, H, W).

    The output is linear in these weights, so the loss is a quadratic in them whatever the truth is.
    With a the window of inputs that one output pixel sees (channels times taps, and 1 for the
    bias), its second derivative is 2 E[a a'], the mean over output pixels, for each of the layer's
    outputs, divided by their number.
    """
    last = net.end.last
    inputs = []
    hook = last.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    with hook, torch.no_grad():
        net.train()(degraded)
    # in float64, which Apple's GPUs do not have
    x = inputs[0].cpu()
    # each column is what one output pixel sees: (B, C K K, H W) -> (B H W, C K K)
    windows = F.unfold(x, last.kernel_size, padding=last.padding)
    windows = windows.transpose(1, 2).flatten(0, 1).double()
    windows = F.pad(windows, (0, 1), value=1.0)  # the bias
    second_moment = windows.T @ windows / len(windows)
    return 2 / last.out_channels * torch.linalg.eigvalsh(second_moment)[-1].item()


def curvature_at_the_start(settings: Preset, device: str = "auto") -> float:
    """``last_layer_curvature`` of a random net of the preset, with its first weights, on six
    patches of its training. ``device``: where the net is run; auto is an NVIDIA GPU where there is
    one."""
    space = settings.space
    images, device = load_images("builtin", space.channels), use_device(device)
    patches = Patches(images, scale=space.scale, device=device)
    # a few: the window of each of their pixels is held in float64
    config = replace(settings.train, batch=6, patch=40)
    state = Training(sample(space, random.Random(0)), config, patches, space.residual)
    drawn = [tensor.to(device) for tensor in state.batches(0)]
    degraded, _ = state.make(drawn)
    return last_layer_curvature(state.net, degraded)


def largest_rate(curvature: float, momentum: float) -> float:
    """The largest stable learning rate of SGD on a quadratic of that curvature: 2 (1 + momentum) /
    curvature.

    With momentum the step is v' = m v + c w, w' = w - r v'. Its characteristic polynomial z^2 - (1
    + m - r c) z + m has a root at -1 when r c = 2 (1 + m); beyond that the iteration grows,
    changing its sign with every step.
    """
    return 2 * (1 + momentum) / curvature
