"""Does every preset train? Its own nets and optimiser on one fixed batch of two patches (make
test-slow); and what is said when not."""

import json
import math
import random
import runpy
from dataclasses import replace
from functools import cache

import pytest
import torch
from helpers import ROOT, hinas, refused

from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches, W, generator
from hinas_lab.presets import PRESETS, Preset, preset
from hinas_lab.searching.loop import Search, arch_step, search, weight_step
from hinas_lab.space.genotype import sample
from hinas_lab.space.layers import GlobalSkip
from hinas_lab.training.divergence import GROWN, Divergence
from hinas_lab.training.losses import restoration_loss
from hinas_lab.training.training import Training, train, train_step

STEPS, PATCH = 60, 32
CASES = [
    (name, task, kind)
    for name in PRESETS
    if name != "printed"
    for task in ("denoise", "sr")
    for kind in ("search", "train")
    if (name, kind) != ("paper/10", "search")
]


@cache
def patches(channels: int, scale: int) -> Patches:
    return Patches(load_images("builtin", channels), scale=scale)


def with_batch_of_two(chosen: Preset) -> Preset:
    small = {"batch": 2, "patch": PATCH}
    return chosen._replace(
        search=replace(chosen.search, **small), train=replace(chosen.train, **small)
    )


def searched(chosen: Preset) -> tuple[list[float], float]:
    """Losses of weight steps, the second half of them behind an arch step each; that of a net that
    changes nothing."""
    state = Search(chosen.space, chosen.search, patches(chosen.space.channels, chosen.space.scale))
    fixed = state.patches.make(detailed(state.patches, chosen.search.sigmas), PATCH)
    state.batch = lambda stream: fixed
    losses = []
    for n in range(STEPS):
        if n >= STEPS // 2:
            arch_step(state)
        losses.append(weight_step(state).loss)
    return losses, unchanged(chosen, *fixed, chosen.search)


def trained(chosen: Preset) -> tuple[list[float], float]:
    state = Training(
        sample(chosen.space, random.Random(0)),
        chosen.train,
        patches(chosen.space.channels, chosen.space.scale),
    )
    fixed = detailed(state.patches, chosen.train.sigmas)
    if chosen.train.rescale:
        fixed = [*fixed, torch.ones(len(fixed[0]))]
    state.batches = lambda i: fixed
    losses = [train_step(state)[0].item() for _ in range(STEPS)]
    return losses, unchanged(chosen, *state.patches.make(fixed[:5], PATCH), chosen.train)


@cache
def detailed(pictures: Patches, sigmas: tuple[float, ...]) -> list[torch.Tensor]:
    """Of 400 patches, the draws of the two with the most detail: on smooth ones bicubic is perfect,
    and any step is a step away."""
    rng = generator(0, W)
    drawn = pictures.draw(torch.randint(len(pictures), (400,), generator=rng), PATCH, sigmas, rng)
    _, clean = pictures.make(drawn, PATCH)
    detail = (clean[..., 1:] - clean[..., :-1]).square().mean((1, 2, 3))
    return [t[detail.topk(2).indices] for t in drawn]


def unchanged(chosen: Preset, degraded, clean, config) -> float:
    """Loss of a net of which only its skip is left; a supernet's passes its sigmoid, if it has
    one."""
    space = chosen.space
    if config is chosen.train:
        still = GlobalSkip(space.scale, config.upsampling)(degraded)
    else:
        still = GlobalSkip(space.scale, space.upsampling)(degraded)
        still = torch.sigmoid(still) if space.sigmoid else still
    return restoration_loss(still, clean, config.loss)[0].item()


@pytest.mark.slow
@pytest.mark.parametrize("name, task, kind", CASES, ids=map("-".join, CASES))
def test_every_preset_learns_from_the_start(name, task, kind):
    losses, still = (searched if kind == "search" else trained)(
        with_batch_of_two(preset(name, task))
    )
    assert all(map(math.isfinite, losses)) and max(losses) < 3 * still
    assert sum(losses[-10:]) / 10 < still


@pytest.mark.slow
@pytest.mark.parametrize("run", [searched, trained])
def test_as_printed_denoising_diverges(run):
    """Why ``paper`` departs from the text: without the limit on the gradient, the same nets on the
    same batch."""
    with pytest.raises((FloatingPointError, AssertionError)):
        losses, still = run(with_batch_of_two(preset("printed")))
        assert max(losses) < 3 * still


def test_the_page_is_made_of_its_rows():
    """And every row says where it was measured."""
    tool = runpy.run_path(str(ROOT / "tools" / "stability_page.py"))
    assert (ROOT / "docs" / "stability.md").read_text("utf-8") == tool["document"](), (
        "trials changed since: make docs"
    )
    rows = [
        row
        for path in (ROOT / "data" / "stability").glob("*.jsonl")
        for row in tool["rows"](path.stem)
    ]
    assert len(rows) > 30 and all(
        r["env"]["commit"] and r["env"]["device"] and r["data"] and r["preset"] for r in rows
    )
    assert all(math.isfinite(x) for r in rows for x in r["pixel"]) and all(
        (r["tail"] is None) == bool(r["end"]) for r in rows
    )


# ---- what is said
# --------------------------------------------------------------------------------------------------

TINY = preset("tiny")


def watching(**changes) -> Divergence:
    return Divergence("search", replace(TINY.search, **changes))


def test_a_loss_a_thousandfold_for_an_epoch_stops_a_run_and_a_peak_does_not():
    seen = watching()
    for loss in (0.04, 900.0, 41.0):
        seen.add(loss)
    seen.end_epoch("epoch 1")  # the first loss was in it
    for loss in (41.0, 39.9, 1e9):
        seen.add(loss)
    seen.end_epoch("epoch 2")
    for loss in (40.5, 1e9):
        seen.add(loss)
    with pytest.raises(
        FloatingPointError,
        match="above 40.5 in epoch 3, it began at 0.04: the run diverges; "
        "cut .*search.grad_clip=0.1",
    ):
        seen.end_epoch("epoch 3")
    quiet = watching()
    for _ in range(3):
        quiet.add(0.0)
        quiet.add(0.9)
        quiet.end_epoch("epoch")
    quiet.end_epoch("an epoch without steps")


def test_what_was_seen_is_in_the_state():
    seen, again = watching(), watching()
    seen.add(0.5)
    seen.add(0.25)
    again.load(seen.tensor)
    assert (again.first, again.least) == (0.5, 0.25)
    again.load(None)  # of a version that kept nothing
    state = Search(TINY.space, TINY.search, patches(1, 1))
    for _ in zip(range(4), search(state)):
        pass
    assert state.tensors()["losses"].isfinite().all()


@pytest.mark.parametrize(
    "changes, said",
    [
        ({}, "cut the gradient's norm with --set search.grad_clip=0.1, or lower search.lr = 0.003"),
        (
            {"grad_clip": 0.1},
            "cut the gradient's norm lower with --set search.grad_clip=0.033, "
            "or lower search.lr = 0.003",
        ),
    ],
)
def test_the_advice_is_of_what_is_set(changes, said):
    with pytest.raises(FloatingPointError) as caught:
        watching(**changes).check(
            [math.inf, 1.0, math.inf], "the weight step of epoch 1, iteration 2"
        )
    assert (
        str(caught.value) == "the loss became inf in the weight step of epoch 1, iteration 2; "
        f"no parameter was changed; {said}"
    )


def test_an_overflow_of_float16_is_not_a_rate_too_high():
    with pytest.raises(
        FloatingPointError,
        match="a float16 gradient overflowed in x; no parameter was changed; use precision float32",
    ):
        watching(precision="float16").check([math.nan, 0.1, 0.2], "x")
    with pytest.raises(FloatingPointError, match="the loss became nan in x"):
        watching(precision="float16").check([math.nan, math.nan, 0.2], "x")


def test_a_search_whose_loss_has_grown_ends_without_a_genotype(tmp_path, monkeypatch):
    """Finite to the end, and lost: one line names the preset and what in it to change; the folder
    holds no result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hinas_lab.training.divergence.GROWN", 1e-9)
    ask = ("search", "--preset", "tiny", "--set", "search.grad_clip=3", "--run", "lost")
    refused(
        hinas(*ask),
        "preset tiny*: the loss stayed above",
        "--set search.grad_clip=1, or lower search.lr = 0.003",
    )
    assert not {"genotype.json", "best.safetensors"} & {
        p.name for p in (tmp_path / "lost").iterdir()
    }
    assert (
        json.loads((tmp_path / "lost" / "config.json").read_text())["preset"] == "tiny*"
        and GROWN == 1000
    )


def test_a_training_that_broke_says_the_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    genotype = sample(TINY.space, random.Random(0))
    (tmp_path / "genotype.json").write_text(genotype.to_json())
    ask = (
        "train",
        "--genotype",
        "genotype.json",
        "--preset",
        "tiny",
        "--set",
        "train.optimizer=sgd",
        "--set",
        "train.lr=1e30",
    )
    refused(
        hinas(*ask, "--run", "lost"),
        "preset tiny*: the loss became",
        "no parameter was changed",
        "train.grad_clip=0.1",
    )
    assert not (tmp_path / "lost" / "best.safetensors").exists()
    refused(
        hinas(*ask[:5], "--graphs", "on", "--device", "cpu", "--run", "new"),
        "graphs = 'on': needs an NVIDIA GPU, the device is cpu",
    )
    refused(
        hinas(*ask[:5], "--graphs", "maybe", "--run", "new"),
        "graphs = 'maybe': must be one of auto, on, off",
    )
    assert not (tmp_path / "new").exists()


def test_a_training_that_grows_stops_at_the_end_of_a_pass(monkeypatch):
    state = Training(
        sample(TINY.space, random.Random(0)), replace(TINY.train, iterations=50), patches(1, 1)
    )
    monkeypatch.setattr("hinas_lab.training.divergence.GROWN", 1e-9)
    a_pass = max(10, math.ceil(len(state.patches) / TINY.train.batch))
    with pytest.raises(
        FloatingPointError,
        match=rf"in iterations 1 to {a_pass}, it began at .* --set train.grad_clip=0.1",
    ):
        list(train(state))
    assert state.iteration == a_pass
    assert torch.isfinite(torch.stack([p.sum() for p in state.parameters])).all()
