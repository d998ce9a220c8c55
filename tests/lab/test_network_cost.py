"""Parameters, operations and receptive radius of a compact network: from its genotype alone, and as
they are."""

import random
from dataclasses import replace
from statistics import median

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hinas_lab.config import SearchSpace
from hinas_lab.images.patches import generator
from hinas_lab.presets import preset
from hinas_lab.space.cost import macs, parameters, receptive_radius
from hinas_lab.space.genotype import Genotype, make, sample
from hinas_lab.space.layers import GlobalSkip
from hinas_lab.space.network import Network
from hinas_lab.space.ops import CHOICES

DENOISE, SR = SearchSpace(), preset("paper", "sr").space
SPACES = {"denoise": DENOISE, "rgb": SearchSpace(channels=3, layers=2, nodes=2), "sr x4": SR,
          "sr x3": preset("paper", "sr", 3).space,
          "one layer": SearchSpace(layers=1, nodes=1)}  # fmt: skip
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
shapes = pytest.mark.parametrize(
    "shape",
    [{"end": e, "repeats": r} for e in ("conv", "aspp", "authors") for r in (1, 2)],
    ids=lambda s: "-".join(map(str, s.values())),
)


def draws(space: SearchSpace, n: int, choices=CHOICES) -> list[Genotype]:
    return [sample(space, random.Random(seed), choices) for seed in range(n)]


@each_space
@shapes
def test_parameters_are_those_of_the_network(space, shape):
    for g in draws(space, 6):
        net = Network(g, width=4, stem=12, **shape)
        assert parameters(g, 4, stem=12, **shape) == sum(p.numel() for p in net.parameters())


@each_space
@shapes
def test_macs_are_half_of_torchs_floating_point_operations(space, shape):
    for g in draws(space, 2):
        net = Network(g, width=4, stem=6, residual=False, **shape).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.zeros(1, space.channels, 7, 5))
        assert macs(g, 4, 7, 5, stem=6, **shape) == counter.get_total_flops() / 2


@pytest.mark.parametrize("end", ["conv", "aspp"])
def test_parameter_span_of_random_denoising_genotypes(end, capsys):
    """Beside the authors' code (W = 20, its own end part): 0.207 to 0.512 M, median 0.311 M."""
    found = sorted(parameters(g, 20, end=end) / 1e6 for g in draws(DENOISE, 200))
    low, middle, high = found[0], median(found), found[-1]
    with capsys.disabled():
        print(
            f"\n200 random genotypes, W = 20, end {end}: {low:.3f} to {high:.3f} M, "
            f"median {middle:.3f} M ",
            end="",
        )
    assert 0.1 < low < 0.207 < 0.45 < high < 0.6 and abs(middle - 0.311) < 0.07


THEIR_CODE = {
    ("denoise", 1): (0.197, 0.300, 0.532),
    ("sr", 2): (0.222, 0.269, 0.368),
    ("sr", 3): (0.241, 0.284, 0.410),
    ("sr", 4): (0.264, 0.304, 0.416),
}
"""least, median, most of 400 random genotypes, counted from the authors' modules, in millions as
their code prints them: 2^20"""


@pytest.fixture(scope="module")
def four_hundred() -> dict[tuple[str, int], list[Genotype]]:
    """One generator draws for all four, in this order."""
    rng = random.Random(0)
    spaces = {which: preset("authors", *which).space for which in THEIR_CODE}
    return {which: [sample(s, rng) for _ in range(400)] for which, s in spaces.items()}


def span(genotypes: list[Genotype], train) -> tuple[float, float, float]:
    shape = {name: getattr(train, name) for name in ("stem", "end", "repeats")}
    found = sorted(parameters(g, train.width, **shape) for g in genotypes)
    return found[0], median(found), found[-1]


@pytest.mark.parametrize("which", THEIR_CODE, ids=str)
def test_the_preset_authors_has_the_parameters_of_their_code(which, four_hundred):
    """To the printed digit, which is finer than what the paper's own tables resolve."""
    found = span(four_hundred[which], preset("authors", *which).train)
    assert [n / 2**20 for n in found] == pytest.approx(THEIR_CODE[which], abs=0.0006)


def test_the_text_of_the_paper_gives_super_resolution_half_the_printed_parameters(four_hundred):
    """Two convolutions: 0.144 M at x4, where the paper prints 0.29 to 0.33 M; in denoising the
    printed 0.22 to 0.34 M is met."""
    low, middle, high = (n / 1e6 for n in span(four_hundred["sr", 4], preset("paper", "sr").train))
    assert (low, middle, high) == pytest.approx((0.101, 0.144, 0.262), abs=0.0006)
    paper = replace(preset("paper", "sr").train, end="authors")
    assert span(four_hundred["sr", 4], paper)[1] / 1e6 == pytest.approx(0.319, abs=0.0006)
    middle = span(four_hundred["denoise", 1], preset("paper").train)[1] / 1e6
    assert middle == pytest.approx(0.282, abs=0.0006)


@pytest.mark.parametrize("wrong", [{"width": 5}, {"width": 3}])
def test_a_width_that_is_no_whole_number_of_channels_is_refused(wrong):
    g = make(DENOISE, draws(DENOISE, 1)[0].cells, (0, 1, 2))
    for build in (lambda: Network(g, **wrong), lambda: parameters(g, **wrong)):
        with pytest.raises(ValueError, match="width"):
            build()


def support(net: Network, side: int) -> tuple[int, int, int, int]:
    """How far up, down, left and right the input reaches that the central pixel of the output
    depends on."""
    middle, s = side // 2, net.scale
    x = torch.rand(
        1, net.channels, side, side, dtype=torch.float64, generator=generator(0, 0)
    ).requires_grad_()
    block = net(x)[0, :, middle * s : (middle + 1) * s, middle * s : (middle + 1) * s]
    weights = torch.rand(block.shape, dtype=torch.float64, generator=generator(1, 0))
    rows, columns = torch.nonzero(
        torch.autograd.grad((block * weights).sum(), x)[0].abs().sum((0, 1)), as_tuple=True
    )
    ends = middle - rows.min(), rows.max() - middle, middle - columns.min(), columns.max() - middle
    return tuple(map(int, ends))


@each_space
@shapes
@pytest.mark.parametrize(
    "choices", [CHOICES, ("dil_5x5",), ("skip",)], ids=["any", "widest", "skip"]
)
def test_receptive_radius_is_exact(space, shape, choices):
    """No gradient outside, some at the rim on all four sides: the radius is neither too small nor
    too large."""
    g = sample(space, random.Random(7), choices)
    net = Network(g, width=2, stem=4, **shape).double().eval()
    if shape["end"] == "authors":
        net.skip = GlobalSkip(g.scale, "torch")
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim == 4:  # also what starts at zero
                p.copy_(torch.rand(p.shape, generator=generator(2, 0)) + 0.1)
    assert net.radius == receptive_radius(g, **shape)
    assert support(net, 2 * net.radius + 5) == (net.radius,) * 4


def test_known_receptive_radius():
    """Two 3x3 convolutions before and behind, per cell of one node dil_5x5: 4 more pixels each."""
    g = sample(SearchSpace(layers=3, nodes=1), random.Random(0), ("dil_5x5",))
    assert receptive_radius(g) == 2 + 3 * 4 + 2
    assert receptive_radius(g, end="aspp") == 2 + 3 * 4 + 6 + 2 + 1


def test_the_authors_low_level_features_come_from_a_narrow_cell_where_there_is_one():
    """Then the start part's own are not computed; they are there, and counted as parameters."""
    cells, x = draws(DENOISE, 1)[0].cells, torch.rand(1, 1, 9, 9, generator=generator(0, 0))
    for path, from_start in (((0, 0, 0), True), ((1, 1, 1), True), ((0, 0, 1), False)):
        net = Network(make(DENOISE, cells, path), width=2, stem=4, end="authors").eval()
        torch.nn.init.normal_(net.end.last.weight)
        with torch.no_grad():
            before = net(x)
            net.low[0].weight.mul_(-1)
            assert torch.equal(net(x), before) != from_start


def test_the_authors_start_activates_twice_before_its_second_convolution():
    """What the second convolution hears is negative by the slope squared; the second input of the
    first cell hears the first activation. Other ends do it once."""
    g, x = draws(DENOISE, 1)[0], torch.rand(1, 1, 9, 9, generator=generator(0, 0))
    for end, power in (("authors", 2), ("conv", 1), ("aspp", 1)):
        start = Network(g, width=2, stem=4, end=end).eval().start
        start.second = torch.nn.Identity()
        first, heard = start(x)
        before = start.first[:2](x)
        wanted = torch.where(before < 0, 0.2**power * before, before)
        assert (before < 0).any()
        torch.testing.assert_close(heard, wanted)
        torch.testing.assert_close(first, torch.where(before < 0, 0.2 * before, before))


@pytest.mark.parametrize("residual", [True, False])
@each_space
def test_output_has_the_upscaled_size_and_starts_from_the_generator(space, residual):
    g = draws(space, 1)[0]
    x = torch.rand(2, space.channels, 13, 9)
    nets = [
        Network(g, width=2, stem=4, residual=residual, generator=generator(seed, 0))
        for seed in (0, 0, 1)
    ]
    outputs = [net(x) for net in nets]
    assert outputs[0].shape == (2, space.channels, 13 * space.scale, 9 * space.scale)
    assert torch.equal(outputs[0], outputs[1])
    weights = [torch.cat([p.flatten() for p in net.parameters()]) for net in nets]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
