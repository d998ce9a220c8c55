"""The curvature of the last convolution is the Hessian's; the rate it bears is where gradient
descent begins to grow."""

import random
from dataclasses import replace

import pytest
import torch

from hinas_book.ch03_search.curvature import (
    curvature_at_the_start,
    largest_rate,
    last_layer_curvature,
)
from hinas_lab.config import SearchSpace
from hinas_lab.presets import preset
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network


@pytest.mark.parametrize("task, scale", [("denoise", 1), ("sr", 2)])
def test_it_is_the_largest_eigenvalue_of_the_hessian(task, scale):
    space = SearchSpace(task=task, scale=scale, layers=1, nodes=1, width=2, stem=3)
    net = Network(sample(space, random.Random(0)), width=2, stem=3).double().train()
    x = torch.rand(2, 1, 9, 8, dtype=torch.float64)
    truth = torch.rand(2, 1, 9 * scale, 8 * scale, dtype=torch.float64)
    names = ("end.last.weight", "end.last.bias")
    others = {k: v for k, v in net.state_dict().items() if k not in names}

    def loss(flat):
        n = net.end.last.weight.numel()
        last = {names[0]: flat[:n].view_as(net.end.last.weight), names[1]: flat[n:]}
        return (torch.func.functional_call(net, others | last, (x,)) - truth).square().mean()

    flat = torch.randn(sum(net.get_parameter(name).numel() for name in names), dtype=torch.float64)
    wanted = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat))[-1].item()
    assert last_layer_curvature(net, x) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_beyond_the_largest_rate_descent_grows(momentum):
    c, ends = 119.0, []
    for factor in (0.98, 1.02):
        w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=factor * largest_rate(c, momentum), momentum=momentum)
        for _ in range(600):
            optimizer.zero_grad()
            (c / 2 * w.square()).sum().backward()
            optimizer.step()
        ends.append(abs(w.item()))
    assert ends[0] < 1e-2 and ends[1] > 10


def test_the_papers_rate_is_beyond_it_and_the_classrooms_is_not():
    """119 at the paper's size, as docs/stability.md says."""
    paper, classroom = preset("paper"), preset("classroom")
    curvature = curvature_at_the_start(paper)
    assert curvature == pytest.approx(119, rel=0.03)
    assert (
        largest_rate(curvature, paper.train.momentum) == pytest.approx(0.032, abs=0.001)
        and paper.train.lr == 0.05
    )
    assert (
        largest_rate(curvature_at_the_start(classroom), classroom.train.momentum)
        > classroom.train.lr
    )


def test_of_a_training_whose_crops_are_rescaled():
    tiny = preset("tiny")
    rescaled = tiny._replace(train=replace(tiny.train, rescale=(0.8, 1.2)))
    same, other = (curvature_at_the_start(chosen, "cpu") for chosen in (tiny, rescaled))
    assert 0 < other != same
