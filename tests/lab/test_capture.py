"""What would break a CUDA graph, found without a GPU: a step on torch's ``meta`` device, watched
for reads from and copies to the host; and what happens where a graph cannot be recorded, or a GPU's
memory ends."""

import logging
import random
import traceback
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from hinas_lab.images.patches import A, Patches, W, generator
from hinas_lab.presets import preset
from hinas_lab.searching import loop
from hinas_lab.searching.loop import Search, arch_step, weight_step
from hinas_lab.space.genotype import sample
from hinas_lab.training import cuda_graphs, numerics, training
from hinas_lab.training.cuda_graphs import Captured, graphs_on
from hinas_lab.training.step_memory import memory_advice, search_step
from hinas_lab.training.training import Training, train_step

READS = {
    "tensor",
    "new_tensor",
    "as_tensor",
    "from_numpy",
    "item",
    "tolist",
    "cpu",
    "numpy",
    "__bool__",
    "__float__",
    "__int__",
}


class HostReads(TorchFunctionMode):
    """Python-level reads of values, tensors made of numbers, and indices that lie on the host."""

    def __init__(self, seen: list[str]):
        super().__init__()
        self.seen = seen

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", str(func))
        if name in ("__getitem__", "__setitem__"):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            on_host = any(
                isinstance(i, list) or isinstance(i, torch.Tensor) and i.device != args[0].device
                for i in index
            )
            if on_host:
                self.seen.append(f"an index from the host, {place()}")
        elif name in READS:
            self.seen.append(f"{name}, {place()}")
        return func(*args, **(kwargs or {}))


class HostCopies(TorchDispatchMode):
    """Operations on the device that take a tensor of the host."""

    def __init__(self, seen: list[str]):
        super().__init__()
        self.seen = seen

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        flat, _ = tree_flatten((args, kwargs or {}))
        if any(
            isinstance(t, torch.Tensor) and t.dim() > 0 and t.device.type == "cpu" for t in flat
        ):
            self.seen.append(f"{func}, {place()}")
        return func(*args, **(kwargs or {}))


def place() -> str:
    frames = [
        f
        for f in traceback.extract_stack()
        if "/hinas_lab/" in f.filename and "/tests/" not in f.filename
    ]
    return (
        f"{frames[-1].filename.rpartition('/hinas_lab/')[-1]}:{frames[-1].lineno}"
        if frames
        else "?"
    )


def hindrances(f, inputs: list[torch.Tensor], device: str = "meta") -> list[str]:
    """What a graph could not record of the second call of ``f``: the first, like a recording's
    warm-up, may set things up."""
    f(*inputs)
    seen: list[str] = []
    with HostReads(seen):
        if device == "cpu":  # no copy can be told from the rest there
            f(*inputs)
        else:
            with HostCopies(seen):
                f(*inputs)
    return seen


def pictures(channels: int, side: int = 80) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (side, side + 8) if channels == 1 else (side, side + 8, channels)
    return {f"image{i}": rng.integers(0, 256, shape, dtype=np.uint8) for i in range(6)}


def small(chosen):
    """The preset's nets at a batch of 2 small patches: what is recorded, kernel by kernel, does not
    depend on it."""
    loop = replace(chosen.search, batch=2, patch=16, crops_per_image=4, precision="float32")
    return chosen._replace(search=loop, train=replace(chosen.train, batch=2, patch=16))


def search_hindrances(chosen, device: str = "meta") -> list[str]:
    state = Search(
        chosen.space,
        chosen.search,
        Patches(pictures(chosen.space.channels), scale=chosen.space.scale),
    )
    inputs = [t.to(device) for t in state.batch(W)]
    state.net.to(device).train()
    return [
        what for stream in (W, A) for what in hindrances(state.gradients[stream], inputs, device)
    ]


def training_hindrances(chosen, device: str = "meta") -> list[str]:
    patches = Patches(pictures(chosen.space.channels), scale=chosen.space.scale, device=device)
    state = Training(
        sample(chosen.space, random.Random(0)), chosen.train, patches, chosen.space.residual
    )
    state.net.train()
    return hindrances(state.gradients, [t.to(device) for t in state.batches(0)], device)


LARGE = [
    ("paper", "denoise", None),
    ("paper", "sr", 4),
    ("authors", "denoise", None),
    ("authors", "sr", 3),
]
PRESETS = [
    *(pytest.param(which, marks=pytest.mark.slow) for which in LARGE),
    ("classroom", "sr", 2),
    ("study", "denoise", None),
    ("tiny", "sr", 3),
]


@pytest.mark.parametrize("which", PRESETS, ids=str)
def test_steps_of_every_preset_can_be_recorded(which):
    chosen = small(preset(*which))
    assert search_hindrances(chosen) == [] and training_hindrances(chosen) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"cell_sharing": "on"},
        {"cell_sharing": "off"},
        {"cell_sharing": "tied"},
        {"second_input": "mixed"},
        {"lwas": False},
        {"residual": False},
        {"affine": True},
        {"beta_norm": "incoming"},
        {"fixed_path": (0, 1)},
        {"end": "aspp", "sigmoid": True},
        {"task": "sr", "scale": 2, "upsampling": "bilinear"},
    ],
    ids=str,
)
def test_steps_of_every_space_can_be_recorded(changes):
    """Those with cells of their own a move, and the plain one, also with checkpointing."""
    chosen = small(preset("tiny"))
    chosen = chosen._replace(space=replace(chosen.space, nodes=1, **changes))
    for checkpoint in (False, True) if "cell_sharing" in changes else (False,):
        assert (
            search_hindrances(chosen._replace(search=replace(chosen.search, checkpoint=checkpoint)))
            == []
        )


@pytest.mark.parametrize("name", ["float32", "tf32", "bfloat16", "float16"])
@pytest.mark.parametrize("task, scale", [("denoise", None), ("sr", 2)])
def test_steps_in_every_precision_read_nothing(name, task, scale):
    """On the CPU, as meta has no autocast."""
    chosen = small(preset("tiny", task, scale))
    chosen = chosen._replace(
        search=replace(chosen.search, precision=name), train=replace(chosen.train, precision=name)
    )
    assert search_hindrances(chosen, "cpu") == [] and training_hindrances(chosen, "cpu") == []


def test_the_watch_sees_what_breaks_a_graph():
    """Both ways that main once had, and a read."""
    table = torch.rand(4, 3, device="meta")
    assert hindrances(lambda x: x[[0, 2]], [table])[0].startswith("an index from the host")
    assert hindrances(lambda x: x * x.new_tensor([1.0, 2.0, 3.0]), [table])
    assert hindrances(lambda x: x.sum().item(), [torch.rand(2)], "cpu")
    assert hindrances(lambda x: x.sum(), [table]) == []


# ---- auto, on, off
# --------------------------------------------------------------------------------------------------


def test_graphs_are_for_nvidia_gpus():
    assert [graphs_on("auto", d) for d in ("cpu", "mps", "cuda", "cuda:1")] == [
        False,
        False,
        True,
        True,
    ]
    assert not graphs_on("off", "cuda") and graphs_on("on", "cuda")
    for device in ("cpu", "mps"):
        with pytest.raises(
            ValueError, match=f"graphs = 'on': needs an NVIDIA GPU, the device is {device}"
        ):
            graphs_on("on", device)
    with pytest.raises(ValueError, match="graphs = 'yes': must be one of auto, on, off"):
        graphs_on("yes", "cuda")
    with pytest.raises(ValueError, match="needs an NVIDIA GPU"):
        Search(*preset("tiny")[1:3], Patches(pictures(1)), graphs="on")


class FakeCuda:
    """torch.cuda's part in a recording, on the CPU. A replay computes into the tensors that the
    recording gave out; ``broken``: what the end of a recording raises."""

    def __init__(self, monkeypatch, broken: Exception | None = None):
        self.keep, self.replays, self.stream = [], 0, "main"
        fake = SimpleNamespace(wait_stream=lambda other: None)
        for name, value in {
            "current_stream": lambda: fake,
            "Stream": lambda: fake,
            "stream": lambda s: nullcontext(),
            "device": lambda d: nullcontext(),
            "graph_pool_handle": lambda: None,
            "empty_cache": lambda: None,
            "CUDAGraph": lambda: self,
            "set_stream": lambda s: setattr(self, "stream", s),
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)

        @contextmanager
        def graph(graph, pool, stream, capture_error_mode):
            before = [t.clone() for t in self.keep]
            try:
                yield
            finally:
                for tensor, value in zip(
                    self.keep, before, strict=True
                ):  # a recording runs nothing
                    tensor.copy_(value)
                if broken:
                    raise broken

        monkeypatch.setattr(torch.cuda, "graph", graph)
        record = Captured._record

        def note(captured, inputs):
            self.keep = captured.keep
            record(captured, inputs)
            captured.graph = SimpleNamespace(replay=lambda: self.replay(captured))

        monkeypatch.setattr(Captured, "_record", note)

    def replay(self, captured: Captured):
        self.replays += 1
        for mine, new in zip(captured.outputs, captured.f(*captured.inputs), strict=True):
            mine.copy_(new)


@pytest.fixture
def on_a_gpu(monkeypatch):
    """Searches and trainings record graphs, on a CPU that plays the GPU."""
    monkeypatch.setattr(cuda_graphs, "WARMUP", 2)
    for module in (loop, training):
        monkeypatch.setattr(module, "graphs_on", lambda when, device: when != "off")
    return lambda broken=None: FakeCuda(monkeypatch, broken)


def steps(chosen, when: str) -> tuple[list[float], list[torch.Tensor]]:
    patches = Patches(pictures(1))
    state = Search(chosen.space, chosen.search, patches, when)
    losses = [step(state).loss for _ in range(2) for step in (weight_step, arch_step)]
    training = Training(sample(chosen.space, random.Random(0)), chosen.train, patches, graphs=when)
    losses += [train_step(training)[0].item() for _ in range(3)]
    return losses, [*state.net.state_dict().values(), *training.net.state_dict().values()]


def test_recorded_steps_are_eager_ones(on_a_gpu):
    """Inputs are copied in, warming up leaves no trace in the running statistics, outputs are read
    before the next call."""
    cuda, chosen = on_a_gpu(), small(preset("tiny"))
    eager, recorded = steps(chosen, "off"), steps(chosen, "auto")
    assert cuda.replays == 7 and recorded[0] == eager[0]
    for mine, theirs in zip(recorded[1], eager[1], strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("must", [False, True])
def test_where_no_graph_can_be_recorded_the_run_goes_on_and_says_so_once(must, on_a_gpu, caplog):
    """The first error is told, not the one that ending the recording raises; its stream does not
    stay; the numbers are those without."""
    cuda, chosen = on_a_gpu(RuntimeError("the capture was invalidated")), small(preset("tiny"))
    state = Search(chosen.space, chosen.search, Patches(pictures(1)), "on" if must else "auto")
    f, calls = state._weight_gradients, []

    def breaks(*inputs):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError(
                "CUDA error: operation not permitted when stream is capturing\nmore lines"
            )
        return f(*inputs)

    state.gradients[W].f = breaks
    if must:
        with pytest.raises(
            ValueError, match="graphs = 'on': .*operation not permitted.* leave it at auto"
        ):
            weight_step(state)
        return
    eager = Search(chosen.space, chosen.search, Patches(pictures(1)), "off")
    with caplog.at_level(logging.WARNING, "hinas_lab"):
        for step in (weight_step, arch_step, weight_step):
            assert step(state).loss == step(eager).loss
    assert caplog.messages == [
        "hinas-lab: no CUDA graph could be recorded (CUDA error: "
        "operation not permitted when stream is capturing); "
        "goes on without"
    ]
    assert cuda.stream != "main" and cuda.replays == 0


def test_where_two_graphs_do_not_fit_both_are_given_up(on_a_gpu, caplog):
    """The first is recorded and runs; when the second finds no memory, its memory is given back and
    both kinds of step go on."""
    cuda, chosen = on_a_gpu(), small(preset("tiny"))
    state = Search(chosen.space, chosen.search, Patches(pictures(1)))
    weight_step(state)
    assert cuda.replays == 1
    f, calls = state._arch_gradients, []

    def too_much(*inputs):
        calls.append(1)
        return f(*inputs) if len(calls) > 1 else out_of_memory()

    state.gradients[A].f = too_much
    with caplog.at_level(logging.WARNING, "hinas_lab"):
        arch_step(state)
        weight_step(state)
    assert len(caplog.messages) == 1 and cuda.replays == 1 and state.gradients[W].graph is None


# ---- a GPU that is too small, or too old
# ----------------------------------------------------------------------------


def out_of_memory(*_):
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


@pytest.mark.slow
def test_the_largest_batch_that_fits_is_named(monkeypatch):
    """As predicted, with 15 % to spare; a training of a genotype likewise, another method's without
    a number."""
    chosen = small(preset("tiny"))
    patches, have = Patches(pictures(1)), 40_000_000
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (have - 1_000_000, 10**10))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 1_000_000)
    state = Search(chosen.space, replace(chosen.search, batch=96, crops_per_image=96), patches)
    state.gradients = {W: out_of_memory, A: out_of_memory}
    with pytest.raises(
        ValueError, match=r"batch = 96: the GPU has no memory .* --set search.batch=(\d+)$"
    ) as caught:
        weight_step(state)
    fits = int(str(caught.value).rpartition("=")[2])
    assert 8 < fits < 96
    assert [
        search_step(chosen.space, replace(chosen.search, batch=n)).total <= 0.85 * have
        for n in (fits, fits + 1)
    ] == [True, False]
    training = Training(sample(chosen.space, random.Random(0)), chosen.train, patches)
    training.gradients = out_of_memory
    with pytest.raises(ValueError, match=r"--set train.batch=\d+$"):
        train_step(training)
    peer = Training(None, chosen.train, patches, net=torch.nn.Conv2d(1, 1, 3, padding=1))
    peer.gradients = out_of_memory
    with pytest.raises(
        ValueError, match="batch = 2: the GPU has no memory for it; lower train.batch$"
    ):
        train_step(peer)
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda device: (10**10, 10**10)
    )  # enough for what is predicted, and yet too little
    with pytest.raises(ValueError, match="search.batch=95$"):
        weight_step(state)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 10**10))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 0)
    with (
        pytest.raises(ValueError, match="none fits: choose a smaller preset"),
        memory_advice("search", 8, state.step_bytes, "cuda"),
    ):
        out_of_memory()


def test_bfloat16_is_refused_where_a_gpu_emulates_it(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "12.4")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    for capability, fast in (((7, 5), False), ((8, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, c=capability: c)
        for name in ("float32", "tf32", "float16"):
            numerics.check_precision(name, "cuda")
        numerics.check_precision("bfloat16", "cpu")
        if fast:
            numerics.check_precision("bfloat16", "cuda")
        else:
            with pytest.raises(
                ValueError,
                match="precision = 'bfloat16': Tesla T4 only emulates it; use float16 or float32",
            ):
                numerics.check_precision("bfloat16", "cuda:0")


# ---- batches drawn ahead
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task, scale", [("denoise", None), ("sr", 2)])
def test_batches_drawn_ahead_are_those_drawn_when_asked_for(task, scale, monkeypatch):
    """Also after a jump, as when a run is continued; and losses read late are those read at once,
    to the bit."""
    chosen = small(preset("tiny", task, scale))
    patches = Patches(pictures(1), scale=chosen.space.scale)
    genotype = sample(chosen.space, random.Random(0))
    config = replace(chosen.train, iterations=12)
    states = [Training(genotype, config, patches) for _ in range(2)]
    ahead = training.Ahead(states[0]._draw, 3)
    for i in (0, 1, 2, 3, 7, 8, 0, 1):
        for mine, theirs in zip(ahead(i), states[1]._draw(i), strict=True):
            assert torch.equal(mine, theirs)
    states[0].batches, states[0].read_every = ahead, 5
    monkeypatch.setattr(training, "RECORDS", 2)
    records = [
        [(r.iteration, r.loss, r.pixel, r.lssim, r.lr) for r in training.train(state)]
        for state in states
    ]
    assert records[0] == records[1] and [r[0] for r in records[0]] == [6, 12]
    for a, b in zip(states[0].net.state_dict().values(), states[1].net.state_dict().values()):
        assert torch.equal(a, b)


def test_a_loss_that_is_read_late_still_stops_before_a_record():
    """With the iteration in which it broke, not the one in which it was read."""
    chosen = small(preset("tiny"))
    state = Training(
        sample(chosen.space, random.Random(0)),
        replace(chosen.train, iterations=4000),
        Patches(pictures(1)),
    )
    state.read_every = 10
    gradients = state.gradients
    state.gradients = lambda *drawn: [
        t * (float("nan") if state.iteration == 2 else 1) for t in gradients(*drawn)
    ]
    with pytest.raises(
        FloatingPointError,
        match="the loss became nan in iteration 3; nothing was saved after it; .*train.grad_clip",
    ):
        next(training.train(state))


def test_a_batch_is_made_of_its_draw():
    patches = Patches(pictures(3, 40), scale=2)
    chosen, draws = torch.tensor([0, 3, 5]), generator(0, W)
    made = patches.make(patches.draw(chosen, 12, (50.0,), draws), 12)
    for mine, theirs in zip(made, patches.batch(chosen, 12, (50.0,), generator(0, W)), strict=True):
        assert torch.equal(mine, theirs)
