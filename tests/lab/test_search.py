"""Search and training: what moves in which step, what is kept, what stops; the same seed gives the
same bits."""

import math
import random
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch import nn

from hinas_lab.config import Loss, SearchSpace
from hinas_lab.images.degrade import upscale
from hinas_lab.images.metrics import psnr, ssim
from hinas_lab.images.patches import Patches, generator
from hinas_lab.presets import preset
from hinas_lab.records import Epoch, Step
from hinas_lab.searching.loop import Search, arch_step, search, weight_step
from hinas_lab.searching.methods import first_order
from hinas_lab.searching.scoring import calibrate, shared_weight_score, validate
from hinas_lab.space.genotype import sample
from hinas_lab.space.ops import OP_NAMES
from hinas_lab.training import training as train_module
from hinas_lab.training.optimisers import clip_gradients, make_optimizer
from hinas_lab.training.training import Training, build_network, train

SPACE, CONFIG, TRAIN = preset("tiny")[1:]
rng = np.random.default_rng(0)
PATCHES = Patches(
    {f"image{i}": rng.integers(0, 256, (16 + i, 20), dtype=np.uint8) for i in range(12)}
)
STEPS = 3  # V has 1 image, W 6, A 5: three batches of 2, the last one from A begins a second pass
ONE = SearchSpace(
    layers=1, nodes=1, width=2, stem=4
)  # where the space does not matter: one cell of each of two widths


def new(space=SPACE, **changes) -> Search:
    return Search(space, replace(CONFIG, **changes), PATCHES)


def bits(tensors) -> dict[str, bytes]:
    return {k: v.detach().numpy().tobytes() for k, v in tensors.items()}


def snapshot(state) -> dict[str, torch.Tensor]:
    """``tensors()`` as it is stored: apart from the living net."""
    return {k: v.detach().clone() for k, v in state.tensors().items()}


def told(record) -> dict:
    """A record without its duration, comparable (nan is nan)."""

    def comparable(v):
        return v.tobytes() if isinstance(v, np.ndarray) else repr(v)

    return {name: comparable(value) for name, value in asdict(record).items() if name != "seconds"}


def kind(record: Step | Epoch) -> str:
    return record.kind if isinstance(record, Step) else "epoch"


# ---- one search, watched
# ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def watched():
    """A tiny search: each record with what changed since the last, the images drawn and the
    gradients there were."""
    state, drawn, seen = new(), [], []
    draw = state.patches.batch

    def watch(optimizer, step):
        def wrapped():
            state.grads = {
                n: None if p.grad is None else p.grad.abs().clone()
                for n, p in state.net.named_parameters()
            }
            step()

        optimizer.step = wrapped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            PATCHES,
            "batch",
            lambda chosen, *rest: drawn.append(set(chosen.tolist())) or draw(chosen, *rest),
        )
        for optimizer in (state.arch_optimizer, state.weight_optimizer):
            watch(optimizer, optimizer.step)
        before = bits(state.net.state_dict())
        for record in search(state):
            after = bits(state.net.state_dict())
            seen.append(
                {
                    "record": record,
                    "moved": {k for k in after if after[k] != before[k]},
                    "drawn": drawn[:],
                    "grads": getattr(state, "grads", {}),
                }
            )
            before, drawn[:], state.grads = after, [], {}
    return state, seen


def test_records_come_in_order(watched):
    """Epoch 0 before any step, warm-up with weight steps alone, then arch and weight steps in
    turn."""
    state, seen = watched
    records = [s["record"] for s in seen]
    wanted = ["epoch"]
    for epoch in range(1, 4):
        wanted += (["weight"] if epoch == 1 else ["arch", "weight"]) * STEPS + ["epoch"]
    assert [kind(r) for r in records] == wanted and state.finished
    assert [r.epoch for r in records if isinstance(r, Epoch)] == [0, 1, 2, 3]
    for name, epochs in (("weight", (1, 2, 3)), ("arch", (2, 3))):
        places = [(r.epoch, r.iteration) for r in records if kind(r) == name]
        assert places == [(e, i) for e in epochs for i in range(1, STEPS + 1)]


def test_each_kind_of_step_moves_its_own_parameters_and_the_statistics(watched):
    """Warm-up has no arch steps: alpha and beta stand still. An epoch's validation and preview
    change nothing."""
    state, seen = watched
    weights = {
        n
        for n, p in state.net.named_parameters()
        if p is not state.net.alpha and p is not state.net.beta
    }
    running = {n for n, _ in state.net.named_buffers() if "running" in n}
    for s in seen:
        moved = s["moved"] - {n for n in s["moved"] if n.endswith("num_batches_tracked")}
        assert moved & running == (running if isinstance(s["record"], Step) else set())
        assert moved - running - weights == (
            {"alpha", "beta"} if kind(s["record"]) == "arch" else set()
        )
        assert bool(moved & weights) == (kind(s["record"]) == "weight")
    last = [s["moved"] for s in seen if kind(s["record"]) == "weight"][-1]
    assert weights <= last  # once the last convolution is no longer zero, all weights train


def test_an_epochs_record_leaves_every_buffer_as_it_was(watched):
    assert [s["moved"] for s in watched[1] if kind(s["record"]) == "epoch"] == [set()] * 4


def test_an_arch_step_computes_no_gradient_of_a_weight_and_a_weight_step_none_of_alpha_and_beta(
    watched,
):
    state, seen = watched
    for s in seen:
        has, arch = {n for n, g in s["grads"].items() if g is not None}, {"alpha", "beta"}
        assert (
            has
            == {"arch": arch, "weight": set(s["grads"]) - arch, "epoch": set()}[kind(s["record"])]
        )
    assert all(p.grad is None for p in state.net.parameters())


def test_weights_see_train_w_architecture_sees_train_a_and_nothing_sees_v(watched):
    state, seen = watched
    assert all(not d & set(state.split.v) for s in seen for d in s["drawn"])
    for name, images in (("weight", state.split.w), ("arch", state.split.a)):
        steps = [s for s in seen if kind(s["record"]) == name]
        assert all(len(s["drawn"]) == 1 and s["drawn"][0] <= set(images) for s in steps)
        for epoch in {
            s["record"].epoch for s in steps
        }:  # a pass: every image once before any comes again
            drawn = [s["drawn"][0] for s in steps if s["record"].epoch == epoch]
            assert set.union(*drawn) == set(images)
    for s in seen:  # a preview needs statistics: those of W
        assert kind(s["record"]) != "epoch" or all(d <= set(state.split.w) for d in s["drawn"])


def test_the_gradient_of_beta_is_reported_per_move(watched):
    _, seen = watched
    for epoch in (0, 1, 2, 3):
        of_epoch = [s for s in seen if s["record"].epoch == epoch]
        (reported,) = (s["record"].beta_grad for s in of_epoch if kind(s["record"]) == "epoch")
        grads = [s["grads"]["beta"] for s in of_epoch if kind(s["record"]) == "arch"]
        wanted = torch.stack(grads).mean(0).numpy() if grads else np.zeros(len(SPACE.moves))
        np.testing.assert_allclose(reported, wanted, rtol=1e-5)
        assert reported.shape == (len(SPACE.moves),) and bool(reported.any()) == (epoch > 1)


def test_records_are_copies_and_say_what_is(watched):
    state, seen = watched
    epochs = [s["record"] for s in seen if isinstance(s["record"], Epoch)]
    assert np.array_equal(epochs[0].alpha, epochs[1].alpha) and not np.array_equal(
        epochs[1].alpha, epochs[3].alpha
    )
    assert np.array_equal(epochs[3].alpha, state.net.alpha.detach().numpy())
    assert epochs[3].genotype == state.decode() == state.genotype
    assert [math.isnan(e.score) for e in epochs] == [True, True, False, False]  # validate_from = 2
    assert all(e.score == pytest.approx(e.ssim + e.psnr / 100) for e in epochs[2:])
    assert epochs[0].flips == epochs[0].best == 0 and epochs[0].alpha_entropy == pytest.approx(
        math.log(7), abs=1e-4
    )
    shape = (2, *PATCHES.clean[state.split.v[0]].shape)
    assert all(e.preview.dtype == np.uint8 and e.preview.shape == shape for e in epochs)
    for r in (s["record"] for s in seen if isinstance(s["record"], Step)):
        assert r.loss == pytest.approx(r.pixel + CONFIG.loss.lam * r.lssim) and r.seconds > 0


def test_a_fixed_path_has_no_beta_to_move():
    state = new(SearchSpace(layers=1, nodes=1, width=2, stem=4, fixed_path=(1,)), epochs=2)
    beta = bits({"beta": state.net.beta})
    epochs = [r for r in search(state) if isinstance(r, Epoch)]
    assert bits({"beta": state.net.beta}) == beta and not epochs[-1].beta_grad.any()
    assert epochs[-1].genotype.path == (1,)
    assert not np.array_equal(epochs[0].alpha, epochs[-1].alpha)


def test_crops_per_image_lengthen_the_epoch_and_a_batch_that_never_fills_is_refused():
    assert new(crops_per_image=4).steps == 12
    assert new(batch=4).steps == new(batch=6).steps == 1  # a last partial batch is dropped
    with pytest.raises(ValueError, match="batch = 7.*6 crops"):
        new(batch=7)
    with pytest.raises(ValueError, match="image 'image0' .* smaller than a patch of 17"):
        new(patch=17)


# ---- the best supernet
# -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scores, best",
    [
        ((0.1, 0.3, 0.2), 2),
        ((0.3, 0.2, 0.3), 1),
        ((math.nan, 0.1, math.nan), 2),
        ((0.1, 0.2, 0.3), 3),
    ],
)
def test_the_best_scoring_supernet_is_the_result(monkeypatch, scores, best):
    state = new(ONE, validate_from=1, epochs=3, warmup_epochs=0)
    given = iter(scores)
    monkeypatch.setattr(
        first_order, "validate", lambda *_: {"psnr": 1.0, "ssim": 1.0, "score": next(given)}
    )
    nets, records = {}, {}
    for record in search(state):
        if isinstance(record, Epoch):
            nets[record.epoch], records[record.epoch] = bits(state.net.state_dict()), record
    weights, genotype = state.result()
    assert state.best_epoch == records[3].best == best and bits(weights) == nets[best]
    assert replace(genotype, path_score=None) == replace(records[best].genotype, path_score=None)


def test_without_validation_the_last_supernet_is_the_result_and_marked():
    state = new(ONE, validate_from=99, epochs=2)
    *_, last = search(state)
    weights, genotype = state.result()
    assert state.best_epoch == last.best == 0
    assert bits(weights) == bits(state.net.state_dict()) and genotype == state.decode()


def test_the_score_can_be_psnr():
    state = new(ONE)
    for config in (state.config, replace(state.config, score="psnr")):
        found = validate(state.net, PATCHES, state.split.v, config)
        assert found["score"] == (
            found["psnr"] if config.score == "psnr" else found["ssim"] + found["psnr"] / 100
        )


class Untouched(nn.Module):
    """A net that restores nothing, and notes what it is shown."""

    def __init__(self, scale=1):
        super().__init__()
        self.scale, self.shapes = scale, []

    def forward(self, x, weights=None):
        assert not self.training
        self.shapes.append(tuple(x.shape))
        return x.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)


@pytest.mark.parametrize("scale, tiles", [(1, 2 * 3), (2, 1 * 2)])
def test_v_is_scored_in_tiles_that_together_are_the_image(scale, tiles):
    """A net that works by pixel scores the same in tiles and whole: every pixel is restored once,
    in its place."""
    patches = Patches(
        {
            "large": rng.integers(0, 256, (100, 140), dtype=np.uint8),
            "small": rng.integers(0, 256, (20, 24), dtype=np.uint8),
        },
        scale=scale,
    )
    net, config = Untouched(scale).train(), replace(CONFIG, validate_crop=None, sigmas=(20.0, 60.0))
    found = validate(net, patches, (0, 1), config)
    rows = []
    for index in (0, 1):
        for sigma in config.sigmas if scale == 1 else (0.0,):
            degraded, clean = (t[0].numpy() for t in patches.pair(index, sigma, config.seed))
            image = np.kron(degraded, np.ones((scale, scale))).clip(0, 1)
            rows.append((psnr(image, clean), ssim(image, clean)))
    assert (found["psnr"], found["ssim"]) == pytest.approx(
        np.mean(rows, 0), rel=1e-6
    ) and net.training
    assert len(net.shapes) == (tiles + 1) * (2 if scale == 1 else 1)
    assert all(max(shape[2:]) <= 64 for shape in net.shapes)
    assert found == validate(net, patches, (0, 1), config)  # the noise field is fixed


def test_the_shared_weight_score_uses_fresh_statistics_and_leaves_no_trace():
    state = new(ONE)
    list(search(state))
    before = bits(state.net.train().state_dict())
    arguments = state.net, state.genotype, PATCHES, state.split.w, state.split.v, state.config
    found = shared_weight_score(*arguments)
    assert found == shared_weight_score(*arguments)
    assert found["raw"] != found["score"] == found["ssim"] + found["psnr"] / 100
    assert bits(state.net.state_dict()) == before and state.net.training


def test_calibration_is_the_statistics_of_its_patches_under_its_weights():
    """Inside, eval mode gives the calibration batch itself (almost) what train mode would: its own
    statistics."""
    state = new(ONE)
    shown = []
    hook = state.net.register_forward_pre_hook(lambda _, inputs: shown.append(inputs))
    with calibrate(state.net, PATCHES, state.split.w, state.config, None), torch.no_grad():
        hook.remove()
        ((patches, weights),) = shown
        assert len(patches) == 256 and not state.net.training
        conv, norm = state.net.start.first[:2]
        assert torch.allclose(norm.running_mean, conv(patches).mean((0, 2, 3)), atol=1e-5)
        inner = state.net.cells["0_0"].edge_state(0, 0, "conv_3x3")["2.running_var"]
        in_eval = state.net(patches, weights)
        assert not torch.equal(inner, torch.ones_like(inner))
    assert torch.allclose(in_eval, state.net.train()(patches, weights), atol=1e-4)


# ---- learning rates
# --------------------------------------------------------------------------------------------------


def rate(state, epoch, iteration=0) -> float:
    state.epoch, state.iteration = epoch, iteration
    return state.learning_rate()


def test_one_cosine_over_all_epochs():
    state = new(ONE, epochs=10, lr=0.2, lr_min=0.1)
    assert [rate(state, e) for e in (0, 5, 10)] == pytest.approx([0.2, 0.15, 0.1])
    assert rate(state, 2, 1) == pytest.approx(
        0.15 + 0.05 * math.cos(math.pi * (2 + 1 / STEPS) / 10)
    )
    rates = [rate(state, e, i) for e in range(10) for i in range(STEPS)]
    assert rates == sorted(rates, reverse=True)


def test_the_authors_rate_is_a_wave_of_20_epochs_under_a_falling_envelope():
    """High at 0, 20, 40, low at 10, 30; the same throughout an epoch."""
    state = new(ONE, epochs=100, lr=0.025, lr_min=0.001, schedule="wave")
    assert [rate(state, e) for e in (0, 10, 30, 50, 90, 100)] == pytest.approx(
        [0.025] + [0.001] * 5
    )
    assert [rate(state, e) for e in (20, 80)] == pytest.approx(
        [0.001 + 0.024 * 0.8**0.9, 0.001 + 0.024 * 0.2**0.9]
    )
    assert rate(state, 5) == pytest.approx(0.001 + 0.012 * 0.95**0.9) and rate(
        state, 5, STEPS - 1
    ) == rate(state, 5)


def test_records_and_optimisers_have_the_scheduled_rate(watched):
    for s in watched[1]:
        r = s["record"]
        if kind(r) == "weight":
            assert r.lr == pytest.approx(rate(new(), r.epoch - 1, r.iteration - 1))
        elif kind(r) == "arch":
            assert r.lr == CONFIG.arch_lr
    state = new(ONE, optimizer="sgd", momentum=0.0, weight_decay=0.0, lr=0.5)
    bias, grads = state.net.end.last.bias, []
    bias.register_hook(grads.append)
    before = bias.detach().clone()
    record = weight_step(state)
    assert torch.allclose(before - bias, record.lr * grads[0], rtol=1e-5) and grads[0].any()


def test_optimisers_are_as_configured():
    changes = {
        "momentum": 0.3,
        "weight_decay": 0.01,
        "arch_lr": 0.2,
        "arch_beta1": 0.4,
        "arch_weight_decay": 0.05,
    }
    sgd, adam = (new(ONE, optimizer=name, **changes) for name in ("sgd", "adam"))
    group = sgd.weight_optimizer.param_groups[0]
    assert (group["momentum"], group["weight_decay"]) == (0.3, 0.01)
    group = adam.weight_optimizer.param_groups[0]
    assert (group["betas"], group["weight_decay"]) == ((0.3, 0.999), 0.01)
    group = sgd.arch_optimizer.param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.2, (0.4, 0.999), 0.05)


def test_gradients_of_the_weights_can_be_clipped():
    state = new(ONE, optimizer="sgd", momentum=0.0, weight_decay=0.0, lr=1.0, grad_clip=1e-3)

    def weights() -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in state.net.weight_parameters])

    before = weights()
    record = weight_step(state)
    moved = (weights() - before).norm().item()
    assert moved == pytest.approx(record.lr * 1e-3, rel=1e-3)


# ---- what stops a search
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("step, name", [(arch_step, "arch"), (weight_step, "weight")])
def test_a_loss_that_is_not_finite_stops_before_the_optimiser(step, name, bad):
    state = new(ONE)
    with torch.no_grad():
        state.net.end.last.bias.fill_(bad)
    state.epoch, state.iteration = 1, 1
    before = bits(dict(state.net.named_parameters()))
    with pytest.raises(
        FloatingPointError,
        match=rf"{name} step of epoch 2, iteration 2; .*lower search.lr = 0.003$",
    ) as caught:
        step(state)
    assert bits(dict(state.net.named_parameters())) == before and "\n" not in str(caught.value)
    assert (
        not state.arch_optimizer.state and not state.weight_optimizer.state and state.iteration == 1
    )


# ---- the same seed, the same bits
# ------------------------------------------------------------------------------------


def small(**changes) -> Search:
    return new(ONE, **{"epochs": 2, "validate_from": 1} | changes)


def run(state, steps=None) -> list[dict]:
    """Records of ``state``, all or the first so many."""
    return [told(r) for _, r in zip(range(steps if steps is not None else 10**9), search(state))]


@pytest.fixture(scope="module")
def whole():
    state = small()
    return run(state), bits(state.tensors())


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(whole):
    torch.manual_seed(99)
    again = small()
    assert (run(again), bits(again.tensors())) == whole
    for other in (small(seed=1), small(arch_lr=0.03)):
        run(other)
        assert bits(other.tensors())["net/alpha"] != whole[1]["net/alpha"]


LAST = {
    0: "nothing",
    1: "epoch 0",
    3: "weight",
    4: "weight",
    5: "epoch 1",
    6: "arch",
    7: "weight",
    11: "weight",
}


@pytest.mark.parametrize("after", LAST, ids=[f"{n}, {last}" for n, last in LAST.items()])
def test_a_resumed_search_continues_bit_for_bit(whole, after):
    """After any number of records (the last is named), twice from the same tensors: loading does
    not use them up."""
    first = small()
    begun = run(first, after)
    stored = snapshot(first)
    for resumed in (small(), small()):
        resumed.load(stored)
        assert bits(resumed.tensors()) == bits(stored)
        assert begun + run(resumed) == whole[0] and bits(resumed.tensors()) == whole[1]


@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_a_resumed_search_with_sgd_continues_bit_for_bit(momentum):
    states = [small(optimizer="sgd", momentum=momentum) for _ in range(3)]
    run(states[0])
    run(states[1], 3)
    states[2].load(snapshot(states[1]))
    run(states[2])
    assert bits(states[0].tensors()) == bits(states[2].tensors())


def test_pausing_is_asking_later(whole):
    """Whichever record was the last, a new generator over the same state goes on: no step is lost
    or repeated."""
    state = small()
    assert [told(next(search(state))) for _ in range(len(whole[0]))] == whole[0] and state.finished


# ---- a planted cell
# --------------------------------------------------------------------------------------------------


def test_alpha_finds_the_planted_operation():
    """The target is the input shifted by 4 pixels. The start and end parts are replaced by 1x1
    ones, so that only the cell reaches sideways: dil_5x5 by 4 pixels, every other operation by 2 at
    most."""
    space = SearchSpace(
        layers=1, nodes=1, width=2, stem=2, width_factors=(1.0,), repeats=1, residual=False
    )
    state = new(space, loss=Loss(lam=0), lr=0.02, arch_lr=0.05, arch_weight_decay=0.0)

    class Start(nn.Module):
        def forward(self, x):
            return torch.cat([x, -x], 1), torch.cat([x, -x], 1)

    class End(nn.Conv2d):
        def forward(self, h, low):
            return super().forward(h)

    torch.manual_seed(0)
    state.net.start, state.net.end = Start(), End(2, 1, 1)
    state.weight_optimizer = make_optimizer(state.config, state.net.weight_parameters)

    def batch(stream):
        wide = torch.randn(
            8, 1, 16, 24, generator=generator(0, stream, state.epoch, state.iteration)
        )
        return wide[..., 4:-4], wide[..., :-8]

    state.batch = batch
    for _ in range(60):
        arch_step(state)
        weight_step(state)
    probabilities = state.net.alpha.detach().softmax(-1)[0]
    edge, best = divmod(int(probabilities.argmax()), len(OP_NAMES))
    assert OP_NAMES[best] == "dil_5x5" and probabilities[edge, best] > 0.5
    assert {op for op, _ in state.decode().cells[0][0]} == {"dil_5x5"}


# ---- training
# --------------------------------------------------------------------------------------------------

GENOTYPE = new(ONE).decode()


def training(**changes) -> Training:
    return Training(GENOTYPE, replace(TRAIN, **{"iterations": 8} | changes), PATCHES)


def test_the_learning_rate_rises_then_falls_as_one_cosine():
    state = training(iterations=110, warmup=10, lr=0.2, lr_min=0.1)

    def at(iteration):
        state.iteration = iteration
        return state.learning_rate()

    assert [at(i) for i in (0, 4, 9)] == pytest.approx([0.02, 0.1, 0.2])
    assert [at(i) for i in (10, 35, 60, 110)] == pytest.approx(
        [0.2, 0.15 + 0.05 * math.sqrt(0.5), 0.15, 0.1]
    )
    state = training(iterations=100, lr=0.2)
    assert [at(i) for i in (0, 50, 100)] == pytest.approx([0.2, 0.1, 0.0])


def test_training_is_of_the_seed_and_learns():
    states = [training(seed=seed, iterations=30) for seed in (0, 0, 1)]
    records = [[told(r) for r in train(state)] for state in states]
    assert records[0] == records[1] != records[2]
    assert bits(states[0].tensors()) == bits(states[1].tensors()) != bits(states[2].tensors())
    assert len(records[0]) == 30 and states[0].finished and states[0].result()[1] == GENOTYPE


# Gray pictures, each of one level that names it: V is the last three of them.
LEVELS = Patches({f"{i}": np.full((16, 20), 20 * i, np.uint8) for i in range(12)})


def levels(clean: torch.Tensor) -> list[int]:
    """Which of LEVELS each patch is of."""
    return (clean.amax((1, 2, 3)) * 255 / 20).round().int().tolist()


def test_a_training_never_learns_from_v_and_scores_it_in_the_last_quarter(monkeypatch):
    """And keeps the weights that score best, which need not be the last ones."""
    config = replace(TRAIN, iterations=400, batch=2, val_fraction=0.25)
    state = Training(GENOTYPE, config, LEVELS)
    scored, nets, seen = [], {}, set()

    def scores(net, patches, v, config):
        assert not net.training and v == (9, 10, 11)
        scored.append(state.iteration)
        nets[state.iteration] = bits(net.state_dict())
        # the third one is the best; nan is never
        return (math.nan if len(scored) == 5 else -abs(len(scored) - 3), 0.5)

    make = LEVELS.make
    monkeypatch.setattr(train_module, "mean_scores", scores)
    monkeypatch.setattr(
        LEVELS, "make", lambda *a: (seen.update(levels(make(*a)[1])), make(*a))[1], raising=False
    )
    for _ in train(state):
        pass
    assert seen == set(range(9))
    assert scored == list(range(304, 401, 4)) and len(scored) == 25
    assert state.best_iteration == 312 and bits(state.result()[0]) == nets[312] != nets[400]
    assert bits(state.net.state_dict()) == nets[400]
    assert bits(state.result_net().state_dict()) == nets[312] and not state.net.training


@pytest.mark.parametrize("iterations, first, times", [(1, 1, 1), (8, 7, 2), (403, 303, 21)])
def test_v_is_scored_after_the_last_iteration_however_short(iterations, first, times):
    state = training(iterations=iterations, val_fraction=0.1)
    due = []
    for state.iteration in range(1, iterations + 1):
        if state.validation_due():
            due.append(state.iteration)
    assert (due[0], due[-1], len(due)) == (first, iterations, times)


def test_v_is_scored_as_any_picture_is_and_changes_nothing_else():
    """By SSIM + PSNR / 100 of whole restored images. Without V: the same steps of a training that
    happens to draw the same images, and no best."""
    state = training(iterations=4, val_fraction=0.1)
    for _ in train(state):
        pass
    state.validate()
    degraded, clean = PATCHES.pair(11, 50.0, 0)
    restored = state.net.eval()(degraded[None])[0].clamp(0, 1).detach()
    planes = [x[0].double().numpy() for x in (restored, clean)]
    assert state.v == (11,) and state.best_iteration == 4
    assert state.best_score == pytest.approx(ssim(*planes) + psnr(*planes) / 100, abs=1e-6)
    plain = training(iterations=4)
    for _ in train(plain):
        pass
    assert plain.v == () and not plain.best and "best_score" not in plain.tensors()
    assert bits(plain.result()[0]) == bits(plain.net.state_dict())


@pytest.mark.parametrize("after", [2, 9, 11])
def test_a_resumed_training_keeps_its_best_bit_for_bit(after, monkeypatch):
    """Rescaled crops and four of an image with it; a state without a best is of one that has not
    scored V yet."""
    monkeypatch.setattr(train_module, "RECORDS", 12)
    asked = {
        "iterations": 12,
        "val_fraction": 0.2,
        "patch": 12,
        "rescale": (0.8, 1.2),
        "crops_per_image": 4,
        "lr": 0.05,
    }
    whole, first, resumed = training(**asked), training(**asked), training(**asked)
    for _ in train(whole):
        pass
    for _ in zip(range(after), train(first)):
        pass
    stored = snapshot(first)
    assert ("best_score" in stored) == (after > 9)
    resumed.load(stored)
    for _ in train(resumed):
        pass
    assert bits(resumed.tensors()) == bits(whole.tensors())
    assert bits(resumed.result()[0]) == bits(whole.result()[0])
    assert 9 < whole.best_iteration == resumed.best_iteration


@pytest.mark.parametrize(
    "change, wanted",
    [
        ({"best_iteration": torch.tensor(0)}, "best_iteration = 0"),
        ({"best_iteration": torch.tensor(99)}, "best_iteration = 99"),
        ({"best_score": torch.tensor(math.nan, dtype=torch.float64)}, "best_score = nan"),
        ({"best_score": None}, "best_score is missing"),
    ],
)
def test_a_damaged_best_is_refused_and_nothing_is_loaded(change, wanted):
    state = training(iterations=4, val_fraction=0.1)
    for _ in train(state):
        pass
    stored = {k: v for k, v in (snapshot(state) | change).items() if v is not None}
    other = training(iterations=4, val_fraction=0.1)
    before = bits(other.tensors())
    with pytest.raises(ValueError, match=wanted):
        other.load(stored)
    assert bits(other.tensors()) == before
    with pytest.raises(ValueError, match="do not belong to this training"):
        training(iterations=4).load(snapshot(state))


@pytest.mark.parametrize("batch, crops", [(16, 4), (6, 4), (5, 1), (3, 8)])
def test_a_batch_holds_several_crops_of_each_image(batch, crops):
    state = Training(GENOTYPE, replace(TRAIN, batch=batch, crops_per_image=crops), LEVELS)
    for i in range(20):
        drawn = state.batches(i)
        found = levels(LEVELS.make(drawn, TRAIN.patch)[1])
        assert found == drawn[0].tolist() and len(found) == batch
        groups = [set(found[k : k + crops]) for k in range(0, batch, crops)]
        assert all(len(group) == 1 for group in groups)
    corners = drawn[1].tolist()
    assert crops == 1 or len({tuple(c) for c in corners[:crops]}) > 1


def test_a_search_may_rescale_its_crops(monkeypatch):
    """The batch at every place is that of the same place without, its rescaled crops aside."""
    plain, other = new(ONE, patch=12), new(ONE, patch=12, rescale=(0.8, 0.9))
    same = 0
    for plain.iteration in range(3):
        other.iteration = plain.iteration
        for a, b in zip(plain.batch(0)[1], other.batch(0)[1]):
            same += torch.equal(a, b)
    assert 0 < same < 6
    assert torch.equal(other.batch(0)[0], other.batch(0)[0])
    with pytest.raises(ValueError, match="smaller than a patch of 14 that is rescaled"):
        new(ONE, patch=14, rescale=(0.8, 0.9))


def test_training_lowers_the_loss():
    smooth = Patches({"ramp": np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8)})
    losses = [r.loss for r in train(Training(GENOTYPE, replace(TRAIN, iterations=60), smooth))]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


@pytest.mark.parametrize("optimizer, after", [("adam", 1), ("adam", 3), ("sgd", 2), ("adam", 8)])
def test_a_resumed_training_continues_bit_for_bit(optimizer, after, monkeypatch):
    monkeypatch.setattr(train_module, "RECORDS", 4)
    whole, first = training(optimizer=optimizer), training(optimizer=optimizer)
    records = [told(r) for r in train(whole)]
    begun = [told(r) for _, r in zip(range(after), train(first))]
    stored = snapshot(first)
    for resumed in (training(optimizer=optimizer), training(optimizer=optimizer)):
        resumed.load(stored)
        assert begun + [told(r) for r in train(resumed)] == records and bits(
            resumed.tensors()
        ) == bits(whole.tensors())


def test_the_authors_rate_of_a_training_falls_as_a_power():
    state = training(iterations=10, lr=0.05, lr_min=0.01, schedule="poly", warmup=0)
    rates = []
    for state.iteration in (0, 5, 9, 10):
        rates.append(state.learning_rate())
    assert rates == pytest.approx([0.05, 0.01 + 0.04 * 0.5**0.9, 0.01 + 0.04 * 0.1**0.9, 0.01])


def test_biases_may_learn_at_twice_the_rate_and_without_decay():
    """Against the same step by hand, for every parameter; and continued bit for bit."""
    plain = {
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.1,
        "lr": 0.01,
        "lr_min": 0.01,
        "warmup": 0,
        "iterations": 4,
    }
    state = training(biases="double", **plain)
    before = {n: p.detach().clone() for n, p in state.net.named_parameters()}
    given = dict(zip(before, state.gradients(*state.batches(0))[3:], strict=True))
    train_module.train_step(state)
    for name, parameter in state.net.named_parameters():
        rate, decay = (0.02, 0.0) if name.endswith("bias") else (0.01, 0.1)
        wanted = before[name] - rate * (given[name] + decay * before[name])
        torch.testing.assert_close(parameter.detach(), wanted, rtol=1e-4, atol=1e-6)
    whole, first, resumed = (
        training(biases="double", **plain | {"momentum": 0.9}) for _ in range(3)
    )
    records = [told(r) for r in train(whole)]
    begun = [told(r) for _, r in zip(range(2), train(first))]
    resumed.load(snapshot(first))
    assert begun + [told(r) for r in train(resumed)] == records and bits(resumed.tensors()) == bits(
        whole.tensors()
    )


def test_values_of_a_gradient_are_cut_before_its_norm():
    """3 and 4 become 1 and 1, then a norm of 1; without a limit nothing changes."""
    for changes, wanted in (
        ({"value_clip": 1.0, "grad_clip": 1.0}, [2**-0.5, 2**-0.5]),
        ({"value_clip": 2.0}, [2.0, 2.0]),
        ({"grad_clip": 1.0}, [0.6, 0.8]),
        ({}, [3.0, 4.0]),
    ):
        p = torch.nn.Parameter(torch.zeros(2))
        p.grad = torch.tensor([3.0, 4.0])
        clip_gradients([p], replace(TRAIN, **changes))
        torch.testing.assert_close(p.grad, torch.tensor(wanted), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("iterations", [3, 4, 7, 8, 9])
def test_records_of_a_training_are_few_and_are_means(iterations, monkeypatch):
    every = [r.loss for r in train(training(iterations=iterations))]
    monkeypatch.setattr(train_module, "RECORDS", 4)
    records = list(train(training(iterations=iterations)))
    assert len(records) <= 4 and records[-1].iteration == iterations
    ends = [0] + [r.iteration for r in records]
    assert [r.loss for r in records] == pytest.approx(
        [np.mean(every[a:b]) for a, b in zip(ends, ends[1:])]
    )


def test_the_recorded_rate_is_the_one_of_the_last_step():
    rates = [r.lr for r in train(training(iterations=3, lr=0.01))]
    assert rates == pytest.approx([0.01, 0.0075, 0.0025])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_a_training_before_the_optimiser(bad):
    state = training()
    with torch.no_grad():
        state.net.end.last.bias.fill_(bad)
    before = bits(dict(state.net.named_parameters()))
    with pytest.raises(FloatingPointError, match=r"iteration 1; .*train.grad_clip=0.1"):
        next(train(state))
    assert (
        bits(dict(state.net.named_parameters())) == before
        and not state.optimizer.state
        and state.iteration == 0
    )


def test_a_training_refuses_images_smaller_than_its_patches():
    with pytest.raises(ValueError, match="smaller than a patch of 40"):
        training(patch=40)


@pytest.mark.parametrize("task, scale", [("denoise", 1), ("sr", 2)])
def test_a_training_starts_from_the_skip(task, scale):
    """The last convolution starts at zero (``layers.initialise``): training starts from the noisy
    or upscaled image."""
    space, _, config = preset("tiny", task, scale)[1:]
    x = torch.rand(1, 1, 12, 12)
    genotype = sample(space, random.Random(0))
    still = build_network(genotype, config)(x)
    assert torch.equal(still, upscale(x, scale) if scale > 1 else x)
    theirs = build_network(genotype, replace(config, upsampling="torch"))(x)
    wanted = x if scale == 1 else nn.functional.interpolate(x, scale_factor=scale, mode="bicubic")
    assert torch.equal(theirs, wanted) and torch.equal(theirs, still) == (scale == 1)
