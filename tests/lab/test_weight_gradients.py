"""Every way to a weight gradient is autograd's own, to rounding, in every shape that the supernet
has."""

import json

import pytest
import torch
from helpers import hinas
from torch.nn import functional as F
from torch.testing import assert_close

from hinas_book.bench import gradient_ways
from hinas_lab.config import SearchSpace
from hinas_lab.space import weight_gradients as wg
from hinas_lab.space.supernet import SuperNet

SHAPES = {  # channels, outputs, kernel, dilation, groups: a source of 3 channels and 4 destinations
    "dense": (3, 12, 3, 1, 1),
    "dense 5x5, dilated": (3, 12, 5, 2, 1),
    "pointwise": (12, 12, 1, 1, 1),
    "depthwise": (12, 12, 5, 1, 12),
    "grouped": (12, 12, 3, 1, 4),
    "grouped, unequal": (8, 12, 3, 1, 4),
}
BY_HAND = [way for way in wg.WAYS if way != "compiled"]


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(
        shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))
    )


@pytest.mark.parametrize("way", BY_HAND)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels-last"])
def test_a_way_gives_what_autograd_gives(way, shape, last):
    channels, outputs, kernel, dilation, groups = shape
    x, weight = (
        drawn(2, channels, 9, 7),
        drawn(outputs, channels // groups, kernel, kernel).requires_grad_(),
    )
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    x.requires_grad_()
    options = {"padding": dilation * (kernel // 2), "dilation": dilation, "groups": groups}
    y = F.conv2d(x, weight, **options)
    g = drawn(*y.shape)
    wanted = torch.autograd.grad(y, [x, weight], g)
    mine = wg._Convolution.apply(x, weight, *options.values(), way)
    assert torch.equal(mine, y)
    for ours, theirs in zip(torch.autograd.grad(mine, [x, weight], g), wanted, strict=True):
        assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_can_be_differentiated_again(shape):
    """Curvatures (Hessian-vector products) go through a step."""
    channels, outputs, kernel, dilation, groups = shape
    x, weight = (
        drawn(1, channels, 4, 3).requires_grad_(),
        drawn(outputs, channels // groups, kernel, kernel).requires_grad_(),
    )
    options = (dilation * (kernel // 2), dilation, groups)
    first = torch.autograd.grad(
        wg._Convolution.apply(x, weight, *options, "taps").square().sum(), weight, create_graph=True
    )[0]
    mine = torch.autograd.grad(first.square().sum(), [x, weight])
    y = F.conv2d(x, weight, padding=options[0], dilation=dilation, groups=groups)
    first = torch.autograd.grad(y.square().sum(), weight, create_graph=True)[0]
    for ours, theirs in zip(
        mine, torch.autograd.grad(first.square().sum(), [x, weight]), strict=True
    ):
        assert_close(ours, theirs, rtol=1e-10, atol=1e-9)


@pytest.mark.slow
def test_a_bench_of_all_ways(tmp_path, monkeypatch):
    """At preset tiny on the CPU: every convolution in every way by hand, then steps of all; no
    failure."""
    monkeypatch.chdir(tmp_path)
    code, out, err = hinas("bench", "--weight-gradients", "--quick", "--json", "w.json")
    assert (code, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    rows = json.loads((tmp_path / "w.json").read_text())["rows"]
    assert all(r["value"] > 0 and r["unit"] == "ms" for r in rows) and len(rows) == 6 * len(
        BY_HAND
    ) + 1 + len(BY_HAND)
    assert rows[-len(BY_HAND)]["what"] == "weight step, tf32, the fastest of each kind"


def test_a_way_that_fails_is_never_the_fastest(monkeypatch):
    """On one of two shapes of a kind: its missing milliseconds are no gain."""

    def fails(x, g, weight, padding, dilation, groups):
        if dilation == 2:
            raise RuntimeError("no algorithm")
        return weight

    monkeypatch.setitem(wg.WAYS, "swapped", fails)

    def timed(f, seconds):
        f()
        return 1.0 if f.func is fails else 5.0

    monkeypatch.setattr(gradient_ways, "milliseconds", timed)
    seen = []
    monkeypatch.setattr(gradient_ways, "_step", lambda *a: seen.append(a[4]) or "a step")
    told = {r.what: r for r in gradient_ways.readings("cpu", quick=True) if r != "a step"}
    assert "RuntimeError: no algorithm" in told["conv 5x5, dilation 2 of 2, swapped"].note
    assert seen[1] == {
        "dense": "library",
        "depthwise": "swapped",
        "pointwise": "swapped",
        "grouped": "swapped",
    }


def test_kinds():
    kinds = {
        name: wg.kind_of(torch.empty(o, c // g, k, k), g)
        for name, (c, o, k, d, g) in SHAPES.items()
    }
    assert list(kinds.values()) == [
        "dense",
        "dense",
        "pointwise",
        "depthwise",
        "grouped",
        "grouped",
    ]


@pytest.mark.parametrize("width", [2, 9], ids=["grouped", "depthwise and pointwise"])
@pytest.mark.parametrize("way", BY_HAND[1:])
def test_a_supernet_learns_the_same_in_every_way(way, width, monkeypatch):
    """A whole step with the way taken everywhere, in float64 and under autocast; by default a CPU
    never takes it."""
    space = SearchSpace(layers=1, nodes=2, width=width, width_factors=(1.0,), stem=4)
    net = SuperNet(space).double()
    torch.nn.init.normal_(net.end.last.weight, std=0.1)
    x, called = drawn(2, 1, 12, 12), []
    wanted = torch.autograd.grad(net(x).square().mean(), net.weight_parameters)
    row = wg.WAYS[way]
    monkeypatch.setitem(wg.WAYS, way, lambda *a: called.append(way) or row(*a))
    with wg.chosen(dict.fromkeys(("dense", "pointwise", "depthwise", "grouped"), way)):
        torch.autograd.grad(net(x).square().mean(), net.weight_parameters)
        assert not called, "a CPU's path stays as it is"
        monkeypatch.setattr(wg, "ON_LIBRARY", ())
        for mine, theirs in zip(
            torch.autograd.grad(net(x).square().mean(), net.weight_parameters), wanted, strict=True
        ):
            assert_close(mine, theirs, rtol=0, atol=1e-12)
        assert called
        net.float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = net(x.float()).float().square().mean()
        assert all(
            g.dtype == torch.float32 and g.isfinite().all()
            for g in torch.autograd.grad(loss, net.weight_parameters)
        )
    assert wg.CHOSEN == {}
