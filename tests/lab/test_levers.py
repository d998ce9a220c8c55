"""What makes a step cheaper: the same numbers, or numbers as near as the format allows; and memory,
predicted and counted."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import hinas, refused
from matplotlib.figure import Figure
from torch.testing import assert_close

from hinas_book.bench import gpu, limits
from hinas_book.bench.precision import distance, distances
from hinas_book.bench.scaling import plot_scaling
from hinas_lab.analysis.timing import block_seconds, interleaved
from hinas_lab.config import SearchSpace
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches
from hinas_lab.presets import preset
from hinas_lab.records import Step
from hinas_lab.searching.loop import Search, search, weight_step
from hinas_lab.space import cells
from hinas_lab.space.genotype import sample
from hinas_lab.space.literal import LiteralSuperNet
from hinas_lab.space.network import Network, fold
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training import step_memory
from hinas_lab.training.numerics import gradients, loss_of, loss_terms, precision
from hinas_lab.training.optimisers import make_optimizer, set_gradients

SMALL = SearchSpace(layers=2, nodes=2, width=2, width_factors=(1.0, 2.0), stem=3)
SPACES = {
    "sharing": SMALL,
    "no sharing": replace(SMALL, cell_sharing="off"),
    "affine": replace(SMALL, cell_sharing="tied", affine=True),
    "aspp, x2, colour": replace(SMALL, task="sr", scale=2, channels=3, end="aspp"),
}
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
TINY = preset("tiny").search


def made(space: SearchSpace, seed: int = 0) -> SuperNet:
    net = SuperNet(space, torch.Generator().manual_seed(seed)).double()
    torch.nn.init.normal_(net.end.last.weight, std=0.1, generator=torch.Generator().manual_seed(1))
    return net


def step(net, x, **options) -> tuple:
    """Output, gradients and running statistics of one step."""
    y = net.train()(x, **options)
    gradients = torch.autograd.grad(y.square().mean(), list(net.parameters()), allow_unused=True)
    return y, gradients, dict(net.named_buffers())


def picture(space: SearchSpace, seed: int = 2) -> torch.Tensor:
    return torch.rand(
        2,
        space.channels,
        12,
        10,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(seed),
    )


@each_space
def test_checkpointing_gives_the_same_bits_and_updates_statistics_once(space):
    x = picture(space)
    kept, again = (step(made(space), x, checkpoint=c) for c in (False, True))
    for a, b in zip(
        (kept[0], *kept[1], *kept[2].values()), (again[0], *again[1], *again[2].values())
    ):
        assert (a is None and b is None) or torch.equal(a, b)


def test_checkpointing_keeps_less_and_learns_as_before():
    net = made(SMALL)
    x = picture(SMALL)
    need = [
        step_memory.kept_bytes(lambda c=c: net(x, checkpoint=c), list(net.parameters()))
        for c in (False, True)
    ]
    assert need[1] < 0.4 * need[0]
    assert {m.momentum for m in net.modules() if isinstance(m, cells.ScaledNorm)} == {0.1}
    with torch.no_grad():
        assert torch.equal(net(x, checkpoint=True), net(x))


@pytest.mark.parametrize("composed", [0, 100])
@each_space
def test_separable_stages_in_one_convolution_or_two(space, composed, monkeypatch):
    """Both ways are the literal net."""
    monkeypatch.setattr(cells, "COMPOSED", composed)
    net = made(space)
    literal, x = LiteralSuperNet(net), picture(space)
    mine, theirs = step(net, x), step(literal, x)
    assert_close(mine[0], theirs[0], rtol=0, atol=1e-12)
    for name in ("alpha", "beta"):
        a, b = (
            torch.autograd.grad(n(x).square().mean(), getattr(n, name))[0] for n in (net, literal)
        )
        assert_close(a, b, rtol=0, atol=1e-12)
    literal.load_from(net)
    assert_close(net.eval()(x), literal.eval()(x), rtol=0, atol=1e-12)


def test_bfloat16_is_near_and_leaves_float32_parameters():
    net = made(SMALL).float()
    x = picture(SMALL).float()
    exact = step(net, x)
    with precision("bfloat16", x.device):
        low = net(x)
    assert low.dtype == torch.float32 and not torch.equal(
        low, exact[0]
    )  # the input itself is added in float32
    assert (low - exact[0]).norm() / (exact[0] - x).norm() < 0.05
    assert {t.dtype for t in (*net.parameters(), *net.buffers()) if t.is_floating_point()} == {
        torch.float32
    }
    with precision("float32", x.device):
        assert not torch.is_autocast_enabled("cpu")


def test_float16_gradients_are_scaled_and_an_overflow_is_seen():
    """Gradients that float16 cannot hold survive; one beyond its range makes the loss nan, which
    stops a step."""
    half = replace(TINY, precision="float16")
    for size, seen in ((1e-7, True), (1e4, False)):
        w = torch.full((8,), 1.0, requires_grad=True)
        x = torch.full((8,), size)

        def loss(w=w, x=x):
            return (w.half().float() * x).sum()  # the gradient passes through float16

        given = gradients(loss(), [w], half)
        value = loss_terms((loss(),), given, half)[0].item()
        if seen:
            assert_close(given[0], x, rtol=1e-2, atol=0)
            assert math.isfinite(value)
        else:
            assert math.isnan(value)
    net = made(SMALL).float()
    x = picture(SMALL).float()
    exact = step(net, x)
    with precision("float16", x.device):
        low = net(x)
    assert low.dtype == torch.float32 and 0 < (low - exact[0]).norm() / (exact[0] - x).norm() < 0.01


def test_a_search_in_float16_learns_and_stops_at_an_overflow(monkeypatch):
    patches = Patches(load_images("builtin", 1))
    state = Search(SMALL, replace(TINY, precision="float16"), patches)
    first = [p.clone() for p in state.net.weight_parameters]
    losses = [r.loss for _, r in zip(range(6), search(state)) if isinstance(r, Step)]
    assert all(map(math.isfinite, losses)) and not torch.equal(
        first[0], state.net.weight_parameters[0]
    )
    monkeypatch.setattr("hinas_lab.training.numerics.SCALE", 1e30)
    before = [p.clone() for p in state.net.parameters()]
    with pytest.raises(FloatingPointError, match="no parameter was changed"):
        weight_step(state)
    assert all(map(torch.equal, before, state.net.parameters()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need an NVIDIA GPU")
@pytest.mark.parametrize(
    "levers",
    [{}, {"checkpoint": True}, {"precision": "bfloat16"}],
    ids=lambda d: "+".join(d) or "plain",
)
def test_graphs_give_the_numbers_of_eager_steps(levers):
    torch.backends.cudnn.deterministic = True
    ends = []
    for on in (False, True):
        state = Search(
            SMALL,
            replace(TINY, **levers),
            Patches(load_images("builtin", 1), device="cuda"),
            graphs="on" if on else "off",
        )
        records = list(search(state))
        ends.append(([r.loss for r in records if isinstance(r, Step)], state.net.state_dict()))
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-5)
    for name, value in ends[0][1].items():
        assert_close(ends[1][1][name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_readings_of_a_device():
    """What a GPU is asked, asked of the CPU at preset tiny: every reading is there, none failed."""
    told = {r.what: r for r in gpu.readings("cpu", quick=True, levers={"float32": {}})}
    assert list(told) == [
        "weight step, float32",
        "arch step, float32",
        "training step, float32",
        "validation of an epoch",
        "largest batch, sharing on",
        "largest batch, sharing off",
        *(f"compact net, {p}, batch {b}" for p in ("float32", "bfloat16") for b in (1, 8)),
        "weight step without data, fast : literal",
        "search, float32",
    ]
    assert all(r.value > 0 for r in told.values()) and told["search, float32"].note.startswith(
        "3 of 3 epochs"
    )
    sizes = {p.shape for p in gpu.pictures(5, 20, 30).values()}
    assert sizes == {(20, 30)} and all(
        map(np.array_equal, gpu.pictures(5, 20, 30).values(), gpu.pictures(5, 20, 30).values())
    )
    refused(hinas("bench", "--device", "cuda:7"), "device = 'cuda:7'")


def test_how_far_two_searches_are_apart():
    start, end = np.zeros((1, 2, 3)), np.full((1, 2, 3), [20.0, 0, 0])
    a, b = np.concatenate([start, start, end]), np.concatenate([start, start, start])
    assert distance(a, a) == 0 and distance(b, b) == 0
    assert distance(a, b) == pytest.approx(
        2 / 3, abs=1e-6
    )  # only the epoch in which one moved counts
    paths = {("float32", 0): a, ("float32", 1): b, ("bfloat16", 0): a, ("bfloat16", 1): b}
    assert distances(paths, "bfloat16") == {"format": [0.0, 0.0], "seed": [distance(a, b)]}


def test_a_precision_study_asks_the_gpu_before_the_first_search(tmp_path, monkeypatch):
    """On a T4 the searches in float32 would be done before bfloat16 is refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hinas_lab.training.numerics.use_device", lambda name: "cuda")
    monkeypatch.setattr(torch.version, "cuda", "12.4")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    ask = ("study", "precision", "--preset", "tiny", "--device", "cuda", "--run", "study")
    refused(hinas(*ask), "Tesla T4 only emulates it; use float16 or float32")
    assert not (tmp_path / "study").exists()


@pytest.mark.slow
def test_precision_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ask = ("study", "precision", "--preset", "tiny", "--seeds", 2, "--run", "study")
    code, out, err = hinas(*ask)
    assert (code, "wrote study" in out) == (0, True) and max(map(len, out.splitlines())) <= 80
    told = json.loads((tmp_path / "study" / "study-bfloat16.json").read_text())
    assert (
        len(told["distances"]["format"]) == 2
        and len(told["distances"]["seed"]) == 1
        and told["env"]["threads"] == 1
    )
    again = hinas(*ask)
    assert again[:2] == (0, out)  # finished searches are read, not run
    refused(hinas("study", "precision", "--seeds", 1), "seeds = 1")
    refused(hinas("study", "precision", "--format", "int8"), "format = 'int8'")


@pytest.mark.parametrize(
    "levers",
    [
        {},
        {"checkpoint": True},
        {"precision": "bfloat16"},
        {"checkpoint": True, "precision": "bfloat16"},
    ],
    ids=lambda d: "+".join(d) or "plain",
)
@each_space
def test_predicted_bytes_are_those_counted(space, levers):
    config = replace(TINY, **levers)
    need = step_memory.search_step(space, config)
    net = SuperNet(space)
    counted = step_memory.kept_bytes(
        lambda: step_memory.supernet_loss(net, config), list(net.parameters())
    )
    assert need.kept == pytest.approx(counted, rel=0.02)
    assert (
        need.gradients == 4 * sum(p.numel() for p in net.weight_parameters)
        and need.optimizer == 2 * need.gradients
    )
    assert (need.again > 0) == config.checkpoint and need.total > need.kept


def test_bytes_of_a_training():
    genotype = sample(SMALL, random.Random(0))
    config = replace(preset("tiny").train, optimizer="sgd")
    need = step_memory.training_step(genotype, config)
    net = Network(genotype, width=config.width, stem=config.stem)
    x, y = step_memory.batch(1, 1, config)
    assert need.kept == step_memory.kept_bytes(
        lambda: loss_of(net, x, y, config)[0], list(net.parameters())
    )
    assert need.optimizer == need.gradients == 4 * sum(p.numel() for p in net.parameters())


def test_what_is_kept_once_counts_once_and_parameters_do_not():
    w = torch.ones(1000, requires_grad=True)
    x = torch.ones(1000)
    assert step_memory.kept_bytes(lambda: (w * x).sum() + (w * x).sum(), [w]) == 4000
    assert step_memory.kept_bytes(lambda: (w * x[:10].sum()).sum() + (w * 2).sum(), [w]) < 100
    assert step_memory.kept_bytes(lambda: (w.exp() * x).sum(), [w]) == 8000


@pytest.mark.slow
def test_the_largest_batch_fits_and_one_more_does_not():
    def bytes_of(batch: int) -> int:
        return step_memory.search_step(SMALL, replace(TINY, batch=batch)).total

    for limit in (2_000_000, 10_000_000):
        n = step_memory.largest_batch(bytes_of, limit)
        need = [bytes_of(b) for b in (n, n + 1)]
        assert need[0] <= limit < need[1]
    assert step_memory.largest_batch(bytes_of, 1000) == 0


@pytest.mark.parametrize("end", ["conv", "aspp", "authors"])
def test_folded_net_equals_the_trained_one(end):
    for seed in range(4):
        net = Network(sample(SearchSpace(), random.Random(seed)), width=4, stem=8, end=end)
        for m in net.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.running_mean.normal_()
                m.running_var.uniform_(0.2, 3)
                if m.affine:
                    m.weight.data.normal_()
                    m.bias.data.normal_()
        torch.nn.init.normal_(net.end.last.weight)
        small, x = fold(net), torch.rand(1, 1, 40, 33)
        with torch.no_grad():
            assert_close(small(x), net.eval()(x), rtol=1e-4, atol=1e-5 * net(x).abs().max().item())
        norms = [m for m in small.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert len(norms) == (
            1 if end == "aspp" else 0
        )  # behind the joined branches there is no one convolution
        assert (
            small.radius == net.radius
            and not small.training
            and any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
        )


@pytest.mark.slow
def test_memory_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = hinas("memory", "--preset", "tiny", "--measure", "--json", "m.json")
    assert (code, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    rows = {r["what"]: r for r in json.loads((tmp_path / "m.json").read_text())["rows"]}
    plain = rows["as configured"]
    assert "a T4: float16, as small" in out
    assert plain["kept"] == plain["counted"] and "predicted : counted = 1.0000" in out
    assert (
        rows["checkpoint"]["kept"] < plain["kept"] > rows["bfloat16"]["kept"]
        and rows["cell sharing off"]["kept"] > plain["kept"]
    )
    refused(hinas("memory", "--preset", "huge"), "preset = 'huge'")
    refused(hinas("memory", "--fit", "-1"), "fit = -1.0")
    refused(hinas("memory", "--set", "search.batch=0", "--preset", "tiny"), "batch = 0")


@pytest.mark.slow
def test_limits_command(tmp_path, monkeypatch):
    """Growth as it must be: what is kept and the work are linear in batch and pixels; the picture
    is there."""
    monkeypatch.chdir(tmp_path)
    code, out, err = hinas(
        "bench", "--limits", "--quick", "--preset", "tiny", "--figures", ".", "--json", "l.json"
    )
    assert (code, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    assert (tmp_path / "scaling-tiny.png").read_bytes().startswith(b"\x89PNG")
    told = json.loads((tmp_path / "l.json").read_text())
    assert (
        all(f > 1e9 for f in told["machine"]["flops_per_s"].values())
        and told["machine"]["threads"] == 1
    )
    points = [limits.Point(**p) for p in told["rows"]]
    for what, exponent in (("batch", 1), ("patch", 2)):
        some = [p for p in points if p.what == what]
        assert limits.slope(some, "flops") == pytest.approx(
            exponent, abs=0.02
        )  # valid windows of the SSIM
        assert limits.slope(some, "kept") == pytest.approx(exponent, abs=0.1)
    refused(hinas("bench", "--limits", "--figures", "nowhere"), "--figures nowhere")


def test_slopes_and_operations_are_known_ones():
    points = [
        limits.Point(what="x", size=n, seconds=0.1 * n**1.5, flops=7 * n**2, kept=n)
        for n in (1, 2, 5)
    ]
    assert [limits.slope(points, c) for c in ("seconds", "flops", "kept")] == pytest.approx(
        [1.5, 2, 1]
    )
    assert limits.flops(lambda: torch.ones(3, 4) @ torch.ones(4, 5)) == 2 * 3 * 4 * 5
    ax = plot_scaling(
        [1, 2, 4], [1.0, 4.0, 16.0], ax=Figure().subplots(), what="width", cost="seconds"
    )
    assert ax.get_title() == "seconds ~ width^2.00" and ax.get_xscale() == ax.get_yscale() == "log"


def test_calls_are_timed_in_turn():
    """Every other round backwards, so that none always comes first; the first does not count."""
    order = []
    calls = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    seconds = interleaved(calls, rounds=2, warmup=1)
    assert "".join(order) == "abbaab" and {k: len(v) for k, v in seconds.items()} == {
        "a": 2,
        "b": 2,
    }
    assert all((spent > 0).all() for spent in seconds.values())
    threads = []
    assert block_seconds(lambda: threads.append(torch.get_num_threads()), number=5) > 0
    assert len(threads) == 7 and set(threads) == {torch.get_num_threads()}


@pytest.mark.slow
def test_bench_command(tmp_path, monkeypatch):
    """Every row is there, of both kinds, and says how it was measured; no test says how fast."""
    monkeypatch.chdir(tmp_path)
    code, out, err = hinas("bench", "--quick", "--threads", 1, "--json", "b.json")
    assert (code, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    told = json.loads((tmp_path / "b.json").read_text())
    rows = told["rows"]
    assert (
        told["quick"]
        and told["machine"]["device"] == "cpu"
        and {r["unit"] for r in rows} == {"s", "bytes", "calls"}
    )
    for r in rows:
        assert r["threads"] == 1 and r["a"] > 0 < r["b"] and r["spread"] >= 0
        assert r["unit"] == "s" or r["ratio"] == r["a"] / r["b"]
    calls = next(r for r in rows if r["unit"] == "calls")
    assert calls["a"] < 0.6 * calls["b"]
    refused(hinas("bench", "--threads", 0), "threads = 0")
    refused(hinas("bench", "--json", "nowhere/b.json"), "nowhere")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_fused_optimisers_get_gradients_in_the_layout_of_their_parameters(optimizer):
    """Against a plain optimiser, with gradients as convolutions give them: channels-last for
    contiguous weights."""
    config = replace(TINY, optimizer=optimizer, lr=0.1, weight_decay=0.01)
    ours, plain = ([torch.nn.Parameter(torch.arange(72.0).view(2, 4, 3, 3) / 72)] for _ in range(2))
    fused = make_optimizer(config, ours)
    rest = {"lr": 0.1, "weight_decay": 0.01, "foreach": False}
    other = (
        torch.optim.SGD(plain, momentum=config.momentum, **rest)
        if optimizer == "sgd"
        else torch.optim.Adam(plain, betas=(config.momentum, 0.999), **rest)
    )
    for seed in range(3):
        gradient = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(seed))
        set_gradients(ours, (gradient.contiguous(memory_format=torch.channels_last),))
        plain[0].grad = gradient
        fused.step()
        other.step()
    assert_close(ours[0], plain[0], rtol=1e-5, atol=1e-6)


def test_recorded_benchmarks_say_where_they_were_measured():
    folder = Path(__file__).parents[2] / "data" / "bench"
    for path in folder.glob("*.json"):
        told = json.loads(path.read_text())
        assert (
            told["machine"]["device"]
            and told["machine"]["commit"]
            and told["machine"]["threads"]
            and not told.get("quick")
        )
    rows = json.loads((folder / "one-thread.json").read_text())["rows"]
    assert {r["what"] for r in rows} >= {
        "paper weight step, batch 2, fast : literal",
        "bytes kept for backward, fast : literal",
    }
