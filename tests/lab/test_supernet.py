"""The fast supernet against the literal one in float64; one-hot weights against the decoded wiring;
beta's gradient."""

import copy
import random

import pytest
import torch
from inherit import inherit
from torch.testing import assert_close

from hinas_lab.config import SearchSpace
from hinas_lab.images.patches import generator
from hinas_lab.presets import preset
from hinas_lab.space.decode import decode
from hinas_lab.space.genotype import legal_paths, make, sample
from hinas_lab.space.literal import LiteralSuperNet
from hinas_lab.space.ops import OP_NAMES, SKIP
from hinas_lab.space.supernet import Mixture, SuperNet

SMALL = {"layers": 2, "nodes": 2, "width": 2, "stem": 4}
DEEP = {
    "layers": 3
}  # only there is a second input that is neither the start part's first nor its second output
AUTHORS = {"second_input": "mixed", "end": "authors", "sigmoid": True}
SR = {"task": "sr"}
SPACES = {
    "gray": DEEP,
    "rgb": {"channels": 3},
    "sr x2": SR | {"scale": 2},
    "sr x3 rgb": SR | {"scale": 3, "channels": 3},
    "sr x4 bilinear": SR | {"scale": 4, "upsampling": "bilinear"},
    "sr without residual": SR | {"scale": 2, "residual": False, "layers": 1},
    "lwas off": {"lwas": False},
    "affine": {"affine": True},
    "affine, sharing off, one stage": {
        "affine": True,
        "cell_sharing": "off",
        "repeats": 1,
        "nodes": 1,
    },
    "affine, many channels": {"affine": True, "width": 12, "layers": 1},
    "incoming": {"beta_norm": "incoming"},
    "sharing off": DEEP | {"cell_sharing": "off", "nodes": 1},
    "sharing off, incoming": {"cell_sharing": "off", "beta_norm": "incoming"},
    "sharing tied": {"cell_sharing": "tied", "lwas": False},
    "mixed": DEEP | {"second_input": "mixed", "nodes": 1},
    "mixed, sharing off": DEEP | {"second_input": "mixed", "cell_sharing": "off", "nodes": 1},
    "aspp": {"end": "aspp", "layers": 1},
    "sigmoid": {"sigmoid": True, "layers": 1},
    "no residual": {"residual": False, "layers": 1},
    "authors": AUTHORS,
    "authors sr": AUTHORS | SR | {"scale": 4, "channels": 3, "upsampling": "bilinear"},
    "fixed path": DEEP | {"fixed_path": (0, 1, 2)},
    "fixed path, wide start, mixed": DEEP | {"fixed_path": (1, 1, 0), "second_input": "mixed"},
    "repeats 1": {"repeats": 1},
    "repeats 3": {"repeats": 3, "layers": 1},
    "many channels": {"width": 12, "layers": 1},
    "one node, one layer": {"nodes": 1, "layers": 1},
    "three nodes": {"nodes": 3, "layers": 1},
    "four layers, four widths": {"layers": 4, "nodes": 1, "width_factors": (1, 1.5, 2.5, 4)},
    "one width": DEEP | {"width_factors": (1,)},
    "shrinking widths": {"width_factors": (1, 0.5)},
}
each_space = pytest.mark.parametrize(
    "space", [SearchSpace(**SMALL | s) for s in SPACES.values()], ids=SPACES
)


def supernet(space: SearchSpace) -> SuperNet:
    """A supernet in float64 whose alpha, beta and affine batch norms are not uniform and whose last
    convolution does not start at zero."""
    rng = generator(0, 0)
    net = SuperNet(space, rng).double()
    with torch.no_grad():
        for p in (net.alpha, net.beta, *net.end.last.parameters(), *affine(net)):
            p.copy_(torch.randn(p.shape, generator=rng))
    return net


def affine(net: SuperNet) -> list[torch.nn.Parameter]:
    """The scales and shifts of the operations' batch norms."""
    return [p for n, p in net.cells.named_parameters() if n.endswith(("weight", "bias"))]


def image(space: SearchSpace, seed=1, batch=2, size=(11, 8)) -> torch.Tensor:
    return torch.rand(
        batch, space.channels, *size, generator=generator(seed, 0), dtype=torch.float64
    )


def gradients_and_statistics(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    gradients = {n: p.grad for n, p in net.named_parameters()}
    return gradients | {n: b.clone() for n, b in net.named_buffers() if "running" in n}


def in_literal_names(fast: SuperNet, literal: LiteralSuperNet) -> dict[str, torch.Tensor]:
    """The gradients and running statistics of the fast net, split up as its weights are: by
    ``literal.load_from``."""
    gradients = copy.deepcopy(fast)
    for mine, theirs in zip(gradients.parameters(), fast.parameters()):
        mine.data = theirs.grad
    literal.load_from(gradients)
    return literal.state_dict() | {"alpha": fast.alpha.grad, "beta": fast.beta.grad}


@each_space
def test_fast_equals_literal_in_values_gradients_and_statistics(space):
    fast = supernet(space)
    literal = LiteralSuperNet(fast)
    x = image(space)
    outputs = [net.train()(x) for net in (fast, literal)]
    assert outputs[0].shape == (2, space.channels, 11 * space.scale, 8 * space.scale)
    assert_close(*outputs, rtol=0, atol=1e-10)
    direction = torch.randn(outputs[0].shape, generator=generator(2, 0), dtype=torch.float64)
    for output in outputs:
        (output * direction).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in fast.weight_parameters + [fast.alpha])
    x = image(space, seed=3)
    assert_close(fast.eval()(x), literal.eval()(x), rtol=0, atol=1e-10)
    wanted, found = gradients_and_statistics(literal), in_literal_names(fast, literal)
    assert [
        n for n, w in wanted.items() if not torch.allclose(found[n], w, rtol=1e-10, atol=1e-10)
    ] == []


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (17, 12)])
def test_any_image_size(size):
    space = SearchSpace(**SMALL | {"layers": 1})
    net = supernet(space).eval()
    x = image(space, size=size)
    assert_close(net(x), LiteralSuperNet(net).eval()(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_input_changes_nothing(channels):
    """torch's batch norm has its own channels-last path: both memory layouts of the input, and a
    view, must agree."""
    space = SearchSpace(**SMALL, channels=channels)
    grads = []
    x = image(space)
    for same in (
        x,
        x.contiguous(memory_format=torch.channels_last),
        x.repeat(1, 1, 2, 1)[:, :, :11],
    ):
        net = supernet(space)
        net.train()(same).square().sum().backward()
        grads.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    assert_close(grads[0], grads[1], rtol=1e-9, atol=1e-9)
    assert_close(grads[0], grads[2], rtol=1e-9, atol=1e-9)


def test_the_literal_cell_is_equation_1_to_3():
    """The specification itself, for one node: softmax-weighted sums over two edges of seven
    operations."""
    space = SearchSpace(**SMALL | {"nodes": 1})
    literal = LiteralSuperNet(supernet(space)).eval()
    cell, alpha = literal.cells["0_1"], literal.alpha[0].softmax(-1)
    x0, x1 = (
        torch.rand(1, 3, 9, 9, dtype=torch.float64, generator=generator(s, 0)) for s in (1, 2)
    )
    wanted = 0
    for e, x in enumerate((x0, x1)):
        ops = cell.mixed[e].ops
        assert list(ops) == ["conv_3x3", "sep_3x3", "sep_5x5", "dil_3x3", "dil_5x5", "skip", "none"]
        assert torch.equal(ops["skip"](x), x) and not ops["none"](x).any()
        wanted = wanted + sum(alpha[e, k] * op(x) for k, op in enumerate(ops.values()))
    assert_close(cell(x0, x1, alpha), wanted)


# ---- known answers
# --------------------------------------------------------------------------------------------------


def test_weights_of_the_papers_super_cells():
    net = SuperNet(SearchSpace())
    assert sum(p.numel() for p in net.cells.parameters()) == 1_277_430
    assert net.alpha.shape == (3, 14, 7) and net.beta.shape == (14,) and len(net.cells) == 8
    assert sum(p.numel() for p in LiteralSuperNet(net).cells.parameters()) == 1_277_430


@pytest.mark.parametrize("repeats", [1, 2])
def test_an_affine_supernet_has_scale_and_shift_per_channel_of_each_operations_norms_and_no_more(
    repeats,
):
    plain, scaled = (
        SuperNet(SearchSpace(**SMALL, affine=a, repeats=repeats)) for a in (False, True)
    )
    # of the five cells, each with five edges of three convolutions and two times ``repeats`` stages
    channels = 2 + 3 + 2 + 3 + 4
    assert sum(p.numel() for p in affine(scaled)) == 2 * channels * 5 * (
        3 + 2 * repeats
    ) and not affine(plain)
    states = plain.state_dict(), scaled.state_dict()
    assert set(states[1]) - set(states[0]) == {
        f"cells.{n}" for n, p in scaled.cells.named_parameters() if p.ndim == 1
    }
    assert all(
        torch.equal(v, states[1][k]) for k, v in states[0].items()
    )  # the same first weights: runs with and without compare
    x = image(plain.space, size=(9, 9)).float()
    assert torch.equal(plain(x), scaled(x))  # scale 1 and shift 0 change nothing
    assert sum(p.numel() for p in LiteralSuperNet(scaled).parameters()) == sum(
        p.numel() for p in scaled.parameters()
    )


def test_an_affine_scale_hides_alpha():
    """Half the probability and twice the scale and shift: the same function. So the size of alpha
    says nothing there."""
    space = SearchSpace(**SMALL | {"affine": True})
    net = supernet(space)
    x, weights = image(space), net.weights()
    before = net.train()(x, weights)
    halved = weights.alpha.detach().clone()
    halved[..., OP_NAMES.index("conv_3x3")] /= 2
    with torch.no_grad():
        for name, p in net.cells.named_parameters():
            if "norm.conv_3x3." in name:
                p.mul_(2)
    assert_close(net(x, Mixture(halved, weights.beta)), before, rtol=0, atol=1e-10)
    with torch.no_grad():
        for p in affine(net):
            p.mul_(1.5)
    assert not torch.allclose(net(x, Mixture(halved, weights.beta)), before, rtol=0, atol=1e-3)


def test_super_resolution_has_five_cells_and_cell_sharing_off_one_a_move():
    space = preset("paper", "sr").space
    assert len(SuperNet(space).cells) == 5
    assert len(SuperNet(SearchSpace(**SMALL | DEEP, cell_sharing="off")).cells) == 14


def test_architecture_parameters_start_near_zero_and_are_apart_from_the_weights():
    net = SuperNet(SearchSpace(**SMALL | {"nodes": 4}), generator(5, 0))
    both = torch.cat([net.alpha.flatten(), net.beta])
    assert 0.8e-3 < both.std() < 1.2e-3 and abs(both.mean()) < 2e-4
    split = [{id(p) for p in ps} for ps in (net.arch_parameters, net.weight_parameters)]
    assert not split[0] & split[1] and split[0] | split[1] == {id(p) for p in net.parameters()}
    fixed = SuperNet(SearchSpace(**SMALL, fixed_path=(0, 0)))
    assert [p is fixed.alpha for p in fixed.arch_parameters] == [True]
    assert not any(p is fixed.beta for p in fixed.weight_parameters)


def test_first_weights_come_from_the_generator_alone():
    nets = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(nets))
        nets.append(SuperNet(SearchSpace(**SMALL), generator(seed, 0)).state_dict())
    assert all(torch.equal(a, b) for a, b in zip(nets[0].values(), nets[1].values()))
    assert not torch.equal(nets[0]["alpha"], nets[2]["alpha"])


@pytest.mark.parametrize("norm", ["outgoing", "incoming"])
def test_weights_are_on_the_simplex(norm):
    space = SearchSpace(beta_norm=norm)
    w = supernet(space).weights()
    assert_close(w.alpha.sum(-1), torch.ones(3, 14, dtype=torch.float64))
    ends = [(m.layer, m.source if norm == "outgoing" else m.target) for m in space.moves]
    for end in ends:
        assert w.beta[[e == end for e in ends]].sum().item() == pytest.approx(1)


def test_alpha_and_beta_may_start_at_ones():
    for name, space in (
        ("noise", SearchSpace(**SMALL)),
        ("ones", SearchSpace(**SMALL | {"arch_start": "ones"})),
    ):
        net = SuperNet(space)
        assert all(bool((p == 1).all()) == (name == "ones") for p in net.arch_parameters)
        assert net.weights().alpha.std() < 1e-3


# ---- one-hot weights
# -------------------------------------------------------------------------------------------------

ONE_HOT = {
    k: SPACES[k]
    for k in (
        "gray",
        "sr x3 rgb",
        "lwas off",
        "affine",
        "sharing off",
        "sharing tied",
        "mixed",
        "mixed, sharing off",
        "aspp",
        "four layers, four widths",
        "fixed path",
        "authors sr",
    )
}


@pytest.mark.parametrize("space", [SearchSpace(**SMALL | s) for s in ONE_HOT.values()], ids=ONE_HOT)
def test_restricted_fast_equals_restricted_literal(space):
    """The fast net leaves out whatever has zero weight; the literal one multiplies by zero."""
    rng, paths = random.Random(0), legal_paths(space)
    fast = supernet(space)
    literal = LiteralSuperNet(fast)
    for training in (
        False,
        False,
        True,
        True,
    ):  # eval first: running statistics of what is left out are not updated
        path = rng.choice(paths)
        weights = fast.restrict(make(space, sample(space, rng).cells, path))
        x = image(space, seed=4, batch=3, size=(6, 5))
        assert_close(
            fast.train(training)(x, weights),
            literal.train(training)(x, weights),
            rtol=0,
            atol=1e-10,
        )


def settled(space: SearchSpace) -> SuperNet:
    """A supernet whose running statistics are not those it was born with, in eval mode."""
    net = supernet(space)
    with torch.no_grad():
        for seed in range(3):
            net.train()(image(space, seed=seed))
    return net.eval()


INHERIT = {
    k: SPACES[k]
    for k in (
        "gray",
        "rgb",
        "sr x2",
        "sr x3 rgb",
        "lwas off",
        "affine",
        "incoming",
        "no residual",
        "repeats 1",
        "three nodes",
        "four layers, four widths",
    )
}
INHERIT["fixed path"] = DEEP | {"fixed_path": (1, 2, 1)}


@pytest.mark.parametrize("space", [SearchSpace(**SMALL | s) for s in INHERIT.values()], ids=INHERIT)
def test_restricted_supernet_equals_the_decoded_wiring(space):
    rng, net = random.Random(1), settled(space)
    paths = [p for p in legal_paths(space) if all(a == b for a, b in zip(p, p[2:]))]
    assert paths
    for path in paths:
        g = make(space, sample(space, rng).cells, path)
        x = image(space, seed=5, size=(9, 12))
        assert_close(net(x, net.restrict(g)), inherit(net, g).eval()(x), rtol=0, atol=1e-10)


def test_the_decoded_wiring_can_be_inherited_on_every_other_path_too():
    """There the second input comes from another cell, often of another width: not equal, but a net
    that runs."""
    space = SearchSpace(**SMALL | DEEP)
    net, x = settled(space), image(space)
    for path in legal_paths(space):
        assert (
            inherit(net, make(space, sample(space, random.Random(0)).cells, path)).eval()(x).shape
            == x.shape
        )


@pytest.mark.parametrize(
    "change, wanted",
    [
        ({"cell_sharing": "off"}, "cell_sharing"),
        ({"second_input": "mixed"}, "second_input"),
        ({"end": "aspp"}, "end"),
        ({"sigmoid": True}, "sigmoid"),
        ({"task": "sr", "scale": 2, "upsampling": "bilinear"}, "upsampling"),
    ],
)
def test_weights_are_inherited_only_where_the_result_is_equal(change, wanted):
    space = SearchSpace(**SMALL | change)
    net = SuperNet(space)
    with pytest.raises(ValueError, match=wanted):
        inherit(net, sample(space, random.Random(0)))


def test_a_genotype_of_another_space_is_refused():
    net = SuperNet(SearchSpace(**SMALL))
    with pytest.raises(ValueError, match="nodes"):
        net.restrict(sample(SearchSpace(), random.Random(0)))


@each_space
def test_every_architecture_in_a_space_decodes_and_runs(space):
    """What alpha and beta decode to can be put back into the supernet it came from."""
    net = supernet(space)
    g = decode(space, net.alpha.detach().numpy(), net.beta.detach().numpy())
    assert net.eval()(image(space), net.restrict(g)).isfinite().all()


# ---- why beta's gradient can vanish
# ----------------------------------------------------------------------------------


def test_a_lone_move_sends_its_weight_a_gradient_through_skip_only(monkeypatch):
    """LeakyReLU -> convolution -> batch norm ignores a positive scale of its input. The weight of a
    cell's only move is such a scale, so dL/dweight is 0 (but for batch norm's epsilon, here made
    tiny) unless skip passes the scale on. Moves that compete in a sum do have a gradient."""
    real = torch.nn.functional.batch_norm
    monkeypatch.setattr("torch.nn.functional.batch_norm", lambda *a, **k: real(*a[:7], eps=1e-14))
    space = SearchSpace(**SMALL | DEEP)
    net = supernet(space)
    into = [(m.layer, m.target) for m in space.moves]
    lone = torch.tensor([into.count(end) == 1 for end in into])
    assert lone.sum() == 3  # into 0 and 1 of layer 0, into 2 of layer 1

    def gradient(skip: bool) -> torch.Tensor:
        alpha = net.weights().alpha.detach().clone()
        if not skip:
            alpha[..., SKIP] = 0
        beta = net.weights().beta.detach().requires_grad_()
        return torch.autograd.grad(
            net.train()(image(space), Mixture(alpha, beta)).square().mean(), beta
        )[0].abs()

    without, with_skip = gradient(False), gradient(True)
    assert without[lone].max() < 1e-9 < 1e-3 < without[~lone].min()
    assert with_skip[lone].min() > 1e-3
