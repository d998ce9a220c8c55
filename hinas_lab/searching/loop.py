"""The search: a generator of records (Section 3.3).

    state = Search(space, config, patches)
    for record in search(state):      # pause: ask later; stop: break; step: next()
        ...

The bilevel problem, solved by alternation (first order): weights minimise the loss on Train W,
alpha and beta on Train A."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.images.patches import INIT, A, Patches, W, generator, split
from hinas_lab.records import Epoch, Step
from hinas_lab.searching.scoring import calibrate, validate
from hinas_lab.space.decode import decode, entropy, flips, skip_share
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.supernet import SuperNet
from hinas_lab.training.cuda_graphs import Captured, Recorder, graphs_on
from hinas_lab.training.divergence import Divergence
from hinas_lab.training.numerics import check_precision, gradients, loss_of, loss_terms, use_tf32
from hinas_lab.training.optimisers import (
    adam,
    clip_gradients,
    load_optimizer,
    make_optimizer,
    optimizer_tensors,
    set_gradients,
    set_rate,
)
from hinas_lab.training.step_memory import memory_advice, search_step

PREVIEWS, PREVIEW_SIZE = 20, {1: 48, 3: 28}
"at most so many previews a search, so many pixels wide for gray and colour"


class Search:
    """The mutable state of a search: supernet, optimisers, position and the best supernet so far."""

    def __init__(
        self, space: SearchSpace, config: SearchConfig, patches: Patches, graphs: str = "auto"
    ):
        """``graphs``: ``graphs.WHEN``."""
        check_precision(config.precision, patches.device)
        self.space, self.config, self.patches = space, config, patches
        patches.check_patch(config.patch)
        self.split = split(len(patches), config.share, config.seed)
        self.steps = config.crops_per_image * len(self.split.w) // config.batch
        if self.steps == 0:
            raise ValueError(
                f"batch = {config.batch}: an epoch has only {config.crops_per_image * len(self.split.w)} crops; "
                "lower batch or raise crops_per_image"
            )
        self.net = SuperNet(space, generator(config.seed, INIT)).to(patches.device)
        self.gradients = {A: self._arch_gradients, W: self._weight_gradients}
        if graphs_on(graphs, patches.device):
            recorder = Recorder(graphs == "on")
            self.gradients = {
                k: Captured(f, self.net.buffers(), recorder) for k, f in self.gradients.items()
            }
        self.weight_optimizer = make_optimizer(config, self.net.weight_parameters)
        self.arch_optimizer = adam(
            self.net.arch_parameters, config.arch_lr, config.arch_beta1, config.arch_weight_decay
        )
        self.epoch, self.iteration = 0, 0  # epochs finished, iterations done in the next
        self.started = False  # the record of epoch 0 was given
        self.halfway = False  # this iteration's arch step is done, its weight step is not
        self.best_epoch, self.best_score = 0, float("-inf")
        self.best: dict[str, Tensor] = {}
        self.genotype: Genotype = self.decode()
        self.beta_grad = torch.zeros_like(self.net.beta)
        self.divergence = Divergence("search", config)
        self._orders: dict[tuple, Tensor] = {}

    @property
    def finished(self) -> bool:
        return self.epoch == self.config.epochs

    def decode(self) -> Genotype:
        """The genotype that alpha and beta say now."""
        return decode(
            self.space, self.net.alpha.detach().cpu().numpy(), self.net.beta.detach().cpu().numpy()
        )

    def batch(self, stream: int) -> tuple[Tensor, Tensor]:
        """The present iteration's batch for the weights (stream W) or for alpha and beta (stream
        A): a pass over Train W or Train A, ``crops_per_image`` crops of each image. A pass over a
        smaller A starts again."""
        key = (stream, self.epoch)
        if key not in self._orders:
            images = (
                self.split.w if stream == W or self.config.arch_data == "weights" else self.split.a
            )
            images = torch.tensor(images).repeat(self.config.crops_per_image)
            self._orders = {k: v for k, v in self._orders.items() if k[1] == self.epoch}
            self._orders[key] = images[
                torch.randperm(
                    len(images), generator=generator(self.config.seed, stream, self.epoch)
                )
            ]
        order = self._orders[key]
        places = (self.iteration * self.config.batch + torch.arange(self.config.batch)) % len(order)
        rng = generator(self.config.seed, stream, self.epoch, 1 + self.iteration)
        return self.patches.batch(order[places], self.config.patch, self.config.sigmas, rng)

    def _weight_gradients(self, degraded: Tensor, clean: Tensor) -> tuple[Tensor, ...]:
        """The three terms of the loss, then its gradient with respect to each weight; alpha and
        beta are numbers here."""
        with torch.no_grad():
            weights = self.net.weights()
        terms = loss_of(
            lambda x: self.net(x, weights, checkpoint=self.config.checkpoint),
            degraded,
            clean,
            self.config,
        )
        return (
            *(t.detach() for t in terms),
            *gradients(terms[0], self.net.weight_parameters, self.config),
        )

    def _arch_gradients(self, degraded: Tensor, clean: Tensor) -> tuple[Tensor, ...]:
        """The three terms of the loss, then its gradients with respect to alpha and beta; none of a
        weight is computed."""
        terms = loss_of(
            lambda x: self.net(x, checkpoint=self.config.checkpoint), degraded, clean, self.config
        )
        return (
            *(t.detach() for t in terms),
            *gradients(terms[0], self.net.arch_parameters, self.config),
        )

    def step_bytes(self, batch: int) -> int:
        """What a weight step is predicted to need with that batch."""
        return search_step(self.space, replace(self.config, batch=batch)).total

    def learning_rate(self) -> float:
        """Of the weights, now. cosine: one, over all steps of all epochs. wave: as the authors'
        code has it, the same throughout an epoch; a cosine of period 20 epochs, high at 0, 20, 40
        and low at 10, 30, under (1 - e / epochs)^0.9, which falls to 0."""
        c = self.config
        if c.schedule == "cosine":
            height = (
                1 + math.cos(math.pi * ((self.epoch + self.iteration / self.steps) / c.epochs))
            ) / 2
        else:
            height = (
                (1 + math.cos(math.pi * self.epoch / 10)) / 2 * (1 - self.epoch / c.epochs) ** 0.9
            )
        return c.lr_min + max(0.0, c.lr - c.lr_min) * height

    def tensors(self) -> dict[str, Tensor]:
        """Everything needed to continue, as tensors; valid after any record."""
        place = torch.tensor(
            [self.epoch, self.iteration, self.started, self.halfway, self.best_epoch]
        )
        out = {
            "place": place,
            "best_score": torch.tensor(self.best_score, dtype=torch.float64),
            "beta_grad": self.beta_grad,
            "losses": self.divergence.tensor,
        }
        out |= {f"net/{k}": v for k, v in self.net.state_dict().items()}
        out |= {f"best/{k}": v for k, v in self.best.items()}
        out["genotype"] = torch.tensor(list(self.genotype.to_json().encode()), dtype=torch.uint8)
        return (
            out
            | optimizer_tensors(self.weight_optimizer, "weight_optimizer")
            | optimizer_tensors(self.arch_optimizer, "arch_optimizer")
        )

    def load(self, tensors: dict[str, Tensor]):
        """Continue from ``tensors()`` of a search with the same space, config and images."""
        part = lambda prefix: {
            k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)
        }  # noqa: E731
        self.net.load_state_dict(part("net/"))
        self.best = {k: v.clone() for k, v in part("best/").items()}
        self.epoch, self.iteration, started, halfway, self.best_epoch = tensors["place"].tolist()
        self.started, self.halfway, self.best_score = (
            bool(started),
            bool(halfway),
            tensors["best_score"].item(),
        )
        self.beta_grad.copy_(tensors["beta_grad"])
        self.divergence.load(tensors.get("losses"))
        self.genotype = Genotype.from_json(bytes(tensors["genotype"].tolist()).decode())
        load_optimizer(self.weight_optimizer, part("weight_optimizer/"))
        load_optimizer(self.arch_optimizer, part("arch_optimizer/"))

    def result(self) -> tuple[dict[str, Tensor], Genotype]:
        """The best supernet's state and its genotype; the present one's when none was validated
        (``best_epoch`` is then 0) or the config keeps the last."""
        state = self.best or self.net.state_dict()
        numbers = [state[name].detach().cpu().numpy() for name in ("alpha", "beta")]
        return state, decode(self.space, *numbers)


def arch_step(state: Search) -> Step:
    """alpha, beta <- Adam on d L_A(w, alpha, beta) / d(alpha, beta), w held fixed."""
    start = time.perf_counter()
    net, parameters = state.net.train(), state.net.arch_parameters
    values = _differentiate(state, A, parameters)
    if net.space.fixed_path is None:
        state.beta_grad += net.beta.grad.abs()
    state.arch_optimizer.step()
    state.arch_optimizer.zero_grad()
    return _step("arch", state, values, state.config.arch_lr, start)


def weight_step(state: Search) -> Step:
    """w <- SGD or Adam on d L_W(w, alpha, beta) / dw, alpha and beta held fixed."""
    start = time.perf_counter()
    parameters, lr = state.net.train().weight_parameters, state.learning_rate()
    values = _differentiate(state, W, parameters)
    clip_gradients(parameters, state.config)
    set_rate(state.weight_optimizer, lr)
    state.weight_optimizer.step()
    state.weight_optimizer.zero_grad()
    state.divergence.add(values[0])
    record = _step("weight", state, values, lr, start)
    state.iteration += 1
    return record


def _differentiate(state: Search, stream: int, parameters: list[torch.nn.Parameter]) -> list[float]:
    """One batch of ``stream``: gradients into the parameters, the loss's terms as numbers."""
    use_tf32(state.config.precision == "tf32")
    with memory_advice("search", state.config.batch, state.step_bytes, state.patches.device):
        out = state.gradients[stream](*state.batch(stream))
    terms, given = out[:3], out[3:]
    values = loss_terms(terms, given, state.config).tolist()
    kind = "arch" if stream == A else "weight"
    state.divergence.check(
        values, f"the {kind} step of epoch {state.epoch + 1}, iteration {state.iteration + 1}"
    )
    set_gradients(parameters, given)
    return values


def search(state: Search) -> Iterator[Step | Epoch]:
    """Run ``state`` to its end, one record per step and per epoch; the first is of epoch 0, before
    any step."""
    if not state.started:
        state.started = True
        yield _epoch(state, time.perf_counter())
    while not state.finished:
        start = time.perf_counter()
        while state.iteration < state.steps:
            if state.epoch >= state.config.warmup_epochs and not state.halfway:
                record, state.halfway = arch_step(state), True
                yield record
            record, state.halfway = weight_step(state), False
            yield record
        state.divergence.end_epoch(f"epoch {state.epoch + 1}")
        state.epoch, state.iteration = state.epoch + 1, 0
        record = _epoch(state, start)
        state.beta_grad.zero_()
        yield record


def _epoch(state: Search, start: float) -> Epoch:
    """Validate, keep the best supernet, and describe where alpha and beta are."""
    c, net = state.config, state.net
    use_tf32(c.precision == "tf32")  # as in the steps, also when a run is continued just here
    scores = {}
    if state.epoch >= c.validate_from:
        scores = validate(net, state.patches, state.split.v, c)
        if scores["score"] > state.best_score:
            state.best_score, state.best_epoch = scores["score"], state.epoch
            if c.keep == "best":
                state.best = {k: v.detach().clone() for k, v in net.state_dict().items()}
    before, state.genotype = state.genotype, state.decode()
    alpha, beta = net.alpha.detach().cpu().numpy().copy(), net.beta.detach().cpu().numpy().copy()
    alpha_entropy, beta_entropy = entropy(state.space, alpha, beta)
    arch_steps = max(1, state.steps * (state.epoch > c.warmup_epochs))
    preview = (
        _preview(state) if state.epoch % max(1, math.ceil(c.epochs / (PREVIEWS - 1))) == 0 else None
    )
    return Epoch(
        epoch=state.epoch,
        alpha=alpha,
        beta=beta,
        beta_grad=(state.beta_grad / arch_steps).cpu().numpy(),
        genotype=state.genotype,
        alpha_entropy=alpha_entropy,
        beta_entropy=beta_entropy,
        skip_share=skip_share(state.genotype),
        flips=flips(before, state.genotype),
        best=state.best_epoch,
        seconds=time.perf_counter() - start,
        preview=preview,
        **scores,
    )


@torch.no_grad()
def _preview(state: Search) -> np.ndarray:
    """One V patch as restored by the soft supernet and by the decoded wiring (batch norm from 16
    patches), uint8 (2, C, P, P)."""
    net, size = state.net, max(1, PREVIEW_SIZE[state.space.channels] // state.space.scale)
    degraded, _ = state.patches.pair(
        state.split.v[0], state.config.sigmas[0], state.config.seed, size
    )
    soft = net.eval()(degraded[None])[0]
    decoded = net.restrict(state.genotype)
    with calibrate(net, state.patches, state.split.w, state.config, decoded, n=16):
        wired = net(degraded[None], decoded)[0]
    return torch.stack([soft, wired]).mul(255).round().clamp(0, 255).byte().cpu().numpy()


def _step(kind: str, state: Search, values: list[float], lr: float, start: float) -> Step:
    loss, pixel, lssim = values
    return Step(
        kind=kind,
        epoch=state.epoch + 1,
        iteration=state.iteration + 1,
        loss=loss,
        pixel=pixel,
        lssim=lssim,
        lr=lr,
        seconds=time.perf_counter() - start,
    )
