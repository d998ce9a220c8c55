"""Training of a decoded network: a generator of records, the same shape as a search."""

import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from hinas_lab.config import TrainConfig
from hinas_lab.engine.optim import load_optimizer, make_optimizer, optimizer_tensors, set_gradients
from hinas_lab.engine.precision import advice, broken, finite, gradients, loss_of, use_tf32
from hinas_lab.engine.records import Step
from hinas_lab.images.patches import INIT, TRAIN, Patches, generator
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.network import Network

RECORDS, RECORD_SECONDS = 1000, 15.0
"a training's records, by iterations; a slow one gives more, so that it can be stopped and saved"


class Training:
    """The mutable state of a training: network, optimiser, position.

    ``net``: any (B, C, P, P) -> (B, C, S*P, S*P) instead of the genotype's, which may then be None; with its first weights.
    """

    def __init__(self, genotype: Genotype | None, config: TrainConfig, patches: Patches, residual: bool = True,
                 net: torch.nn.Module | None = None):
        self.genotype, self.config, self.patches = genotype, config, patches
        patches.check_patch(config.patch)
        net = build_network(genotype, config, residual) if net is None else net
        self.net = net.to(patches.device)
        self.parameters = list(self.net.parameters())
        self.optimizer = make_optimizer(config, self.parameters)
        self.iteration = 0

    @property
    def finished(self) -> bool:
        return self.iteration == self.config.iterations

    def learning_rate(self) -> float:
        """A linear rise over ``warmup`` iterations, then one cosine to ``lr_min``."""
        c, t = self.config, self.iteration
        if t < c.warmup:
            return c.lr * (t + 1) / c.warmup
        phase = (t - c.warmup) / max(1, c.iterations - c.warmup)
        return c.lr_min + (c.lr - c.lr_min) * (1 + math.cos(math.pi * phase)) / 2

    def tensors(self) -> dict[str, Tensor]:
        """Everything needed to continue, as tensors; valid after any record."""
        out = {"place": torch.tensor([self.iteration])}
        return out | {f"net/{k}": v for k, v in self.net.state_dict().items()} | optimizer_tensors(self.optimizer, "optimizer")

    def load(self, tensors: dict[str, Tensor]):
        """Continue from ``tensors()`` of a training with the same net, config and images."""
        part = lambda prefix: {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}  # noqa: E731
        self.net.load_state_dict(part("net/"))
        self.iteration = int(tensors["place"][0])
        load_optimizer(self.optimizer, part("optimizer/"))

    def result(self) -> tuple[dict[str, Tensor], Genotype | None]:
        return self.net.state_dict(), self.genotype


def build_network(genotype: Genotype, config: TrainConfig, residual: bool = True) -> Network:
    """The compact network of a training, with its first weights."""
    return Network(genotype, width=config.width, stem=config.stem, end=config.end, repeats=config.repeats, residual=residual,
                   generator=generator(config.seed, INIT))


def train_step(state: Training) -> list[float]:
    """One iteration: total, pixel term, l_ssim. Raises FloatingPointError before a parameter changes when the loss is not finite."""
    c, rng = state.config, generator(state.config.seed, TRAIN, state.iteration)
    chosen = torch.randint(len(state.patches), (c.batch,), generator=rng)
    degraded, clean = state.patches.batch(chosen, c.patch, c.sigmas, rng)
    use_tf32(c.precision == "tf32")
    terms = loss_of(state.net.train(), degraded, clean, c)
    given = gradients(terms[0], state.parameters, c)
    values = finite(terms, given, c)
    if not math.isfinite(values[0]):
        raise FloatingPointError(f"{broken(values, terms)} in iteration {state.iteration + 1}; no parameter was changed; {advice(terms)}")
    set_gradients(state.parameters, given)
    if c.grad_clip is not None:
        torch.nn.utils.clip_grad_norm_(state.parameters, c.grad_clip)
    state.optimizer.param_groups[0]["lr"] = state.learning_rate()
    state.optimizer.step()
    state.optimizer.zero_grad()
    state.iteration += 1
    return values


def train(state: Training) -> Iterator[Step]:
    """Run ``state`` to its end. A record is the mean of its iterations: about a thousand of them, and one at least every 15 seconds."""
    every = math.ceil(state.config.iterations / RECORDS)
    start, sums, n = time.perf_counter(), np.zeros(3), 0
    while not state.finished:
        sums, n = sums + train_step(state), n + 1
        now = time.perf_counter()
        if state.iteration % every == 0 or state.finished or now - start >= RECORD_SECONDS:
            loss, pixel, lssim = (sums / n).tolist()
            yield Step(kind="train", epoch=1, iteration=state.iteration, loss=loss, pixel=pixel, lssim=lssim,
                       lr=state.optimizer.param_groups[0]["lr"], seconds=(now - start) / n)
            start, sums, n = time.perf_counter(), np.zeros(3), 0
