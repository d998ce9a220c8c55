"""Training of a decoded network: a generator of records, the same shape as a search."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hinas_lab.config import VALIDATIONS, TrainConfig
from hinas_lab.images.patches import INIT, TRAIN, Patches, generator, held_out
from hinas_lab.records import Records, Step
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.layers import GlobalSkip
from hinas_lab.space.network import Network
from hinas_lab.training.cuda_graphs import Captured, Recorder, graphs_on
from hinas_lab.training.divergence import Divergence
from hinas_lab.training.numerics import check_precision, gradients, loss_of, loss_terms, use_tf32
from hinas_lab.training.optimisers import (
    check_tensors,
    clip_gradients,
    load_optimizer,
    make_optimizer,
    optimizer_like,
    optimizer_tensors,
    part_of,
    set_gradients,
    set_rate,
    split_off_biases,
)
from hinas_lab.training.scoring import mean_scores, together
from hinas_lab.training.step_memory import memory_advice, training_step

RECORDS = 1000
"records of a training, by iterations"
RECORD_SECONDS = 15.0
"a slow one gives a record at least so often, so that it can be stopped and saved"
READ_EVERY = 50
"""iterations: so often losses are read from a device that works on its own; a CPU's are read before
each step is taken"""
LEAST_EPOCH = 10
"iterations: an epoch of few pictures is no longer a time in which a peak could pass"
AHEAD = 8
"batches whose numbers are drawn before an NVIDIA GPU asks for them"


class Training:
    """The mutable state of a training: network, optimiser, position, and the best weights on V
    where the config keeps images for it.

    ``net``: any (B, C, P, P) -> (B, C, S*P, S*P) instead of the genotype's, which may then be None;
    with its first weights. ``graphs``: ``cuda_graphs.WHEN``. ``images``: numbers of those that it
    may see, None for all; V is of them, too."""

    def __init__(
        self,
        genotype: Genotype | None,
        config: TrainConfig,
        patches: Patches,
        residual: bool = True,
        net: torch.nn.Module | None = None,
        graphs: str = "auto",
        images: Sequence[int] | None = None,
    ):
        check_precision(config.precision, patches.device)
        self.genotype, self.config, self.patches = genotype, config, patches
        patches.check_patch(config.patch, config.rescale)
        known = list(range(len(patches)) if images is None else images)
        self.v = tuple(known[place] for place in held_out(len(known), config.val_fraction))
        # V is the last ones
        self.images = torch.tensor(known[: len(known) - len(self.v)])
        net = build_network(genotype, config, residual) if net is None else net
        self.net = net.to(patches.device)
        self.parameters = list(self.net.parameters())
        self.optimizer = make_optimizer(config, self.parameters)
        # a group of their own, with twice the rate and no decay
        if config.biases == "double":
            named = self.net.named_parameters()
            biases = [parameter for name, parameter in named if name.endswith("bias")]
            split_off_biases(self.optimizer, biases)
        device = torch.device(patches.device).type
        # to read a loss on a GPU waits for it
        self.read_every = 1 if device == "cpu" else READ_EVERY
        self.batches = Ahead(self._draw, AHEAD if device == "cuda" else 0)
        self.gradients = self._gradients
        # a degradation on the CPU cannot be recorded
        if patches.task.capturable and graphs_on(graphs, patches.device):
            self.gradients = Captured(self._gradients, self.net.buffers(), Recorder(graphs == "on"))
        self.divergence = Divergence("train", config)
        self.iteration = 0
        self.best_iteration, self.best_score = 0, -math.inf
        self.best: dict[str, Tensor] = {}

    def _draw(self, iteration: int) -> list[Tensor]:
        """What chance decides of a batch."""
        c, rng = self.config, generator(self.config.seed, TRAIN, iteration)
        n = math.ceil(c.batch / c.crops_per_image)
        chosen = self.images[torch.randint(len(self.images), (n,), generator=rng)]
        chosen = chosen.repeat_interleave(c.crops_per_image)[: c.batch]
        return self.patches.draw(chosen, c.patch, c.sigmas, rng, c.rescale)

    def _gradients(self, *drawn: Tensor) -> tuple[Tensor, ...]:
        """Of the batch that was ``drawn``: the three terms of the loss, then its gradient with
        respect to each parameter."""
        terms = loss_of(self.net, *self.make(drawn), self.config)
        given = gradients(terms[0], self.parameters, self.config)
        return (*(t.detach() for t in terms), *given)

    def make(self, drawn: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The batch that was ``drawn``, on the device: degraded and clean."""
        config = self.config
        return self.patches.make(list(drawn), config.patch, bool(config.rescale))

    @property
    def finished(self) -> bool:
        return self.iteration == self.config.iterations

    def step_bytes(self, batch: int) -> int:
        """What an iteration is predicted to need with that batch."""
        return training_step(self.genotype, replace(self.config, batch=batch)).total

    def learning_rate(self) -> float:
        """A linear rise over ``warmup`` iterations, then the schedule: one cosine to ``lr_min``, or
        poly."""
        c, t = self.config, self.iteration
        if t < c.warmup:
            return c.lr * (t + 1) / c.warmup
        phase = (t - c.warmup) / max(1, c.iterations - c.warmup)
        if c.schedule == "poly":
            return c.lr_min + (c.lr - c.lr_min) * (1 - phase) ** 0.9
        return c.lr_min + (c.lr - c.lr_min) * (1 + math.cos(math.pi * phase)) / 2

    def validation_due(self) -> bool:
        """Is V scored now? VALIDATIONS times in the last quarter of the iterations, fewer where it
        is shorter, behind the last iteration in any case."""
        total = self.config.iterations
        every = math.ceil(total / 4 / VALIDATIONS)
        late = 4 * self.iteration > 3 * total
        return bool(self.v) and late and (total - self.iteration) % every == 0

    def validate(self):
        """Score V, and keep the weights when they are the best so far; the net is not changed."""
        use_tf32(self.config.precision == "tf32")
        net = self.net.eval()
        score = together(*mean_scores(net, self.patches, self.v, self.config))
        net.train()
        if score > self.best_score:
            self.best_iteration, self.best_score = self.iteration, score
            self.best = {name: value.detach().clone() for name, value in net.state_dict().items()}

    def _best_tensors(self) -> dict[str, Tensor]:
        """What is known of V: nothing before its first score, and without V."""
        if not self.best:
            return {}
        out = {f"best/{name}": value for name, value in self.best.items()}
        out["best_iteration"] = torch.tensor(self.best_iteration)
        return out | {"best_score": torch.tensor(self.best_score, dtype=torch.float64)}

    def tensors(self) -> dict[str, Tensor]:
        """Everything needed to continue, as tensors; valid after any record."""
        out = {"place": torch.tensor([self.iteration]), "losses": self.divergence.tensor}
        out |= {f"net/{name}": value for name, value in self.net.state_dict().items()}
        return out | self._best_tensors() | optimizer_tensors(self.optimizer, "optimizer")

    def check(self, tensors: dict[str, Tensor]):
        """ValueError unless ``tensors`` are the ``tensors()`` of a training like this one."""
        net = self.net.state_dict()
        like = {f"net/{name}": value for name, value in net.items()}
        like["place"] = torch.zeros(1, dtype=torch.int64)
        learning = optimizer_like(self.optimizer, "optimizer")
        best = {f"best/{name}": value for name, value in net.items()}
        best["best_iteration"] = torch.tensor(0)
        best["best_score"] = torch.tensor(0.0, dtype=torch.float64)
        check_tensors(tensors, like, {"losses": self.divergence.tensor}, best, learning)
        iteration = int(tensors["place"][0])
        if not 0 <= iteration <= self.config.iterations:
            raise ValueError(f"place = {iteration} is outside this training")
        if iteration and not learning.keys() <= tensors.keys():
            raise ValueError("the state of the optimiser is missing")
        if "best_score" in tensors:
            best_iteration, score = tensors["best_iteration"].item(), tensors["best_score"].item()
            if not (self.v and 0 < best_iteration <= iteration and score > -math.inf):
                raise ValueError(
                    f"best_iteration = {best_iteration}, best_score = {score} "
                    "do not belong to this training"
                )

    def load(self, tensors: dict[str, Tensor], records: Records | None = None):
        """Continue from ``tensors()`` of a training with the same net, config and images.
        ValueError when they are of another one, or damaged; this one is then as it was."""
        self.check(tensors)
        self.net.load_state_dict(part_of(tensors, "net/"))
        self.iteration = int(tensors["place"][0])
        self.divergence.load(tensors.get("losses"))
        load_optimizer(self.optimizer, part_of(tensors, "optimizer/"))
        self.best = {name: value.clone() for name, value in part_of(tensors, "best/").items()}
        if self.best:
            self.best_iteration = int(tensors["best_iteration"])
            self.best_score = tensors["best_score"].item()

    def result(self) -> tuple[dict[str, Tensor], Genotype | None]:
        """The best weights on V, without V the last ones, and the genotype."""
        return self.best or self.net.state_dict(), self.genotype

    def result_net(self) -> torch.nn.Module:
        """The net with the weights of ``result``, in eval mode."""
        self.net.load_state_dict(self.result()[0])
        return self.net.eval()


def build_network(genotype: Genotype, config: TrainConfig, residual: bool = True) -> Network:
    """The compact network of a training, with its first weights."""
    net = Network(
        genotype,
        width=config.width,
        stem=config.stem,
        end=config.end,
        repeats=config.repeats,
        residual=residual,
        generator=generator(config.seed, INIT),
    )
    # without weights: which one it is changes no draw of the net's first ones
    net.skip = GlobalSkip(genotype.scale, config.upsampling)
    return net


def train_step(state: Training) -> Tensor:
    """One iteration: total, pixel term, l_ssim (3,), on the device. On a CPU FloatingPointError is
    raised before a parameter changes when the loss is not finite; elsewhere who reads it must
    look."""
    c = state.config
    use_tf32(c.precision == "tf32")
    state.net.train()
    device = state.patches.device
    # Only from pinned memory may the copy go on while the tensors are forgotten here.
    pinned = torch.device(device).type == "cuda"
    drawn = [tensor.to(device, non_blocking=pinned) for tensor in state.batches(state.iteration)]
    # nothing predicts the memory of a peer's net
    predict = state.step_bytes if state.genotype else None
    with memory_advice("train", c.batch, predict, device):
        out = state.gradients(*drawn)
    values = loss_terms(out[:3], out[3:], c)
    if state.read_every == 1:
        state.divergence.check(values.tolist(), f"iteration {state.iteration + 1}")
    set_gradients(state.parameters, out[3:])
    clip_gradients(state.parameters, c)
    set_rate(state.optimizer, state.learning_rate())
    state.optimizer.step()
    state.optimizer.zero_grad()
    state.iteration += 1
    return values


def train(state: Training) -> Iterator[Step]:
    """Run ``state`` to its end. A record is the mean of its iterations: about a thousand of them,
    and one at least every 15 seconds.

    Before each record all losses are read, so nothing is saved after one that is not finite.
    """
    every = math.ceil(state.config.iterations / RECORDS)
    start, sums, n, unread = time.perf_counter(), np.zeros(3), 0, []
    while not state.finished:
        unread.append(train_step(state))
        if state.validation_due():
            state.validate()
        slow = time.perf_counter() - start >= RECORD_SECONDS
        due = state.iteration % every == 0 or state.finished or slow
        if due or len(unread) >= state.read_every:
            for values in _read(state, unread):
                sums, n = sums + values, n + 1
            unread = []
        if due:
            yield _step(state, sums / n, (time.perf_counter() - start) / n)
            start, sums, n = time.perf_counter(), np.zeros(3), 0


def _step(state: Training, means: np.ndarray, seconds: float) -> Step:
    loss, pixel, lssim = means.tolist()
    return Step(
        kind="train",
        epoch=1,
        iteration=state.iteration,
        loss=loss,
        pixel=pixel,
        lssim=lssim,
        lr=state.optimizer.param_groups[0]["lr"],
        seconds=seconds,
    )


def _read(state: Training, unread: list[Tensor]) -> list[list[float]]:
    """The losses of the last iterations as numbers. FloatingPointError at the first that is not
    finite, and when the training diverges."""
    pass_over_images = math.ceil(len(state.images) / state.config.batch)
    # a peak may come back within a pass over the pictures
    epoch = max(LEAST_EPOCH, pass_over_images)
    losses = torch.stack(unread).tolist()
    for iteration, values in enumerate(losses, state.iteration - len(unread) + 1):
        state.divergence.check(values, f"iteration {iteration}", changed=True)
        state.divergence.add(values[0])
        if iteration % epoch == 0:
            state.divergence.end_epoch(f"iterations {iteration - epoch + 1} to {iteration}")
    return losses


class Ahead:
    """``draw(i)`` of i, i + 1, ... in turn, computed by a thread up to ``n`` calls before it is
    asked for; n = 0: when asked."""

    def __init__(self, draw: Callable[[int], list[Tensor]], n: int):
        self.draw, self.n = draw, n
        self.queue: deque[tuple[int, Future]] = deque()
        self.thread = ThreadPoolExecutor(1) if n else None

    def __call__(self, i: int) -> list[Tensor]:
        if not self.n:
            return self.draw(i)
        if not self.queue or self.queue[0][0] != i:  # begun, or continued elsewhere
            self.queue.clear()
        following = self.queue[-1][0] + 1 if self.queue else i
        for k in range(following, i + self.n + 1):
            self.queue.append((k, self.thread.submit(self._pinned, k)))
        return self.queue.popleft()[1].result()

    def _pinned(self, i: int) -> list[Tensor]:
        """In memory that a GPU reads by itself."""
        drawn = self.draw(i)
        return [t.pin_memory() for t in drawn] if torch.cuda.is_available() else drawn
