"""The search: a generator of records (Section 3.3).

    state = Search(space, config, patches)
    for record in search(state):      # pause: ask later; stop: break; step: next()
        ...

The bilevel problem, solved by alternation: weights minimise the loss on Train W, alpha and beta on
Train A. How alpha and beta learn is a row of ``methods.METHODS``.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hinas_lab.config import SearchConfig, SearchSpace
from hinas_lab.images.patches import INIT, A, Patches, W, generator, split
from hinas_lab.records import Epoch, Records, Step, rounded
from hinas_lab.searching.methods import method
from hinas_lab.searching.price import Price
from hinas_lab.searching.scoring import calibrate
from hinas_lab.searching.stop import stop_rule
from hinas_lab.space.budget import limit_of, reader
from hinas_lab.space.decode import entropy, flips, skip_share
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.supernet import Mixture, SuperNet
from hinas_lab.training.cuda_graphs import Captured, Recorder, graphs_on
from hinas_lab.training.divergence import Divergence
from hinas_lab.training.numerics import check_precision, gradients, loss_of, loss_terms, use_tf32
from hinas_lab.training.optimisers import (
    adam,
    check_tensors,
    clip_gradients,
    load_optimizer,
    make_optimizer,
    optimizer_like,
    optimizer_tensors,
    part_of,
    set_gradients,
    set_rate,
)
from hinas_lab.training.step_memory import memory_advice, search_step

PREVIEWS = 20
"at most so many previews a search"
PREVIEW_SIZE = {1: 48, 3: 28}
"image channels -> side of a preview in pixels: 100 epochs must fit into 300 KB"


class Search:
    """The mutable state of a search: supernet, optimisers, position and the best supernet so far.

    ``patches``: the training images on the device of the search. ``graphs``:
    ``cuda_graphs.WHEN``. ValueError when the images or the config do not fit.
    """

    def __init__(
        self, space: SearchSpace, config: SearchConfig, patches: Patches, graphs: str = "auto"
    ):
        self.method = method(config.method)
        self.stop_rule = stop_rule(config.stop)
        self.decoder = reader(space, config)
        check_precision(config.precision, patches.device)
        self.space, self.config, self.patches = space, config, patches
        patches.check_patch(config.patch, config.rescale)
        self.method.check(self)
        self.split = split(len(patches), config.val_fraction, config.seed, config.val_images)
        crops = config.crops_per_image * len(self.split.w)
        self.steps = crops // config.batch
        if self.steps == 0:
            raise ValueError(
                f"batch = {config.batch}: an epoch has only {crops} crops; "
                "lower batch or raise crops_per_image"
            )
        if config.budget is not None and not self.method.learns:
            raise ValueError(
                f"method = {config.method!r}: alpha and beta do not learn, so a budget has nothing "
                "to pull at; use first-order"
            )
        self.price = None  # without a budget cost has none
        if config.budget is not None:
            learning = max(0, config.epochs - config.warmup_epochs)
            self.price = Price(limit_of(space, config), config, learning * self.steps)
        self.net = SuperNet(space, generator(config.seed, INIT)).to(patches.device)
        # one function per kind of step, so that a CUDA graph can record each
        self.gradients = {A: self._arch_gradients, W: self._weight_gradients}
        if self.method.capturable and graphs_on(graphs, patches.device):
            recorder, buffers = Recorder(graphs == "on"), list(self.net.buffers())
            for stream, function in self.gradients.items():
                self.gradients[stream] = Captured(function, buffers, recorder)
        self.weight_optimizer = make_optimizer(config, self.net.weight_parameters)
        self.arch_optimizer = adam(
            self.net.arch_parameters, config.arch_lr, config.arch_beta1, config.arch_weight_decay
        )
        self.epoch, self.iteration = 0, 0  # epochs finished, iterations done in the next
        self.started = False  # the record of epoch 0 was given
        self.halfway = False  # this iteration's arch step is done, its weight step is not
        self.stopped = False  # the stop rule ended the search before its last epoch
        self.history = Records()  # epochs so far, without previews: what a stop rule sees
        self.best_epoch, self.best_score = 0, float("-inf")
        self.best_keeps = False  # its decoded net is within the budget
        self.best: dict[str, Tensor] = {}
        self.genotype: Genotype = self.decode()
        self.beta_grad = torch.zeros_like(self.net.beta)
        self.divergence = Divergence("search", config)
        self._orders: dict[tuple[int, int], Tensor] = {}

    @property
    def finished(self) -> bool:
        return self.stopped or self.epoch == self.config.epochs

    def decode(self, state: dict[str, Tensor] | None = None) -> Genotype:
        """The genotype that alpha and beta say, those of now or of a supernet's ``state``."""
        state = self.net.state_dict() if state is None else state
        alpha, beta = (state[name].detach().cpu().numpy() for name in ("alpha", "beta"))
        return self.decoder(self.space, alpha, beta)

    def batch(self, stream: int) -> tuple[Tensor, Tensor]:
        """The present iteration's batch for the weights (stream W) or for alpha and beta (stream
        A): a pass over Train W or Train A, ``crops_per_image`` crops of each image. A pass over a
        smaller A starts again."""
        config, order = self.config, self._order(stream)
        first = self.iteration * config.batch
        # A may be smaller than W: its pass begins again
        places = (first + torch.arange(config.batch)) % len(order)
        # a function of the position alone: a resumed search draws the same
        rng = generator(config.seed, stream, self.epoch, 1 + self.iteration)
        return self.patches.batch(order[places], config.patch, config.sigmas, rng, config.rescale)

    def _order(self, stream: int) -> Tensor:
        """The images of this epoch's pass, shuffled; each epoch's orders are drawn once."""
        key = (stream, self.epoch)
        if key not in self._orders:
            on_w = stream == W or self.config.arch_split == "weights"
            images = torch.tensor(self.split.w if on_w else self.split.a)
            images = images.repeat(self.config.crops_per_image)
            rng = generator(self.config.seed, stream, self.epoch)
            # orders of past epochs are not needed again
            self._orders = {k: v for k, v in self._orders.items() if k[1] == self.epoch}
            self._orders[key] = images[torch.randperm(len(images), generator=rng)]
        return self._orders[key]

    def _weight_gradients(self, degraded: Tensor, clean: Tensor) -> tuple[Tensor, ...]:
        """The three terms of the loss, then its gradient with respect to each weight."""
        mixture = self.method.weight_mixture(self)
        return self._loss_and_gradients(degraded, clean, mixture, self.net.weight_parameters)

    def _arch_gradients(self, degraded: Tensor, clean: Tensor) -> tuple[Tensor, ...]:
        """The three terms of the loss, then its gradients with respect to alpha and beta; none of a
        weight is computed."""
        mixture = self.method.arch_mixture(self)
        return self._loss_and_gradients(degraded, clean, mixture, self.net.arch_parameters)

    def _loss_and_gradients(self, degraded, clean, mixture: Mixture, parameters):
        def forward(x: Tensor) -> Tensor:
            return self.net(x, mixture, checkpoint=self.config.checkpoint)

        terms = loss_of(forward, degraded, clean, self.config)
        detached = [term.detach() for term in terms]
        return (*detached, *gradients(terms[0], parameters, self.config))

    def step_bytes(self, batch: int) -> int:
        """What a weight step is predicted to need with that batch."""
        return search_step(self.space, replace(self.config, batch=batch)).total

    def learning_rate(self) -> float:
        """Of the weights, now.

        cosine: one, over all steps of all epochs. wave: as the authors' code has it, the same
        throughout an epoch; a cosine of period 20 epochs, high at 0, 20, 40 and low at 10, 30,
        under (1 - e / epochs)^0.9, which falls to 0.
        """
        c = self.config
        if c.schedule == "cosine":
            phase = (self.epoch + self.iteration / self.steps) / c.epochs
            height = (1 + math.cos(math.pi * phase)) / 2
        else:
            envelope = (1 - self.epoch / c.epochs) ** 0.9
            height = (1 + math.cos(math.pi * self.epoch / 10)) / 2 * envelope
        return c.lr_min + max(0.0, c.lr - c.lr_min) * height

    def tensors(self) -> dict[str, Tensor]:
        """Everything needed to continue but the records, as tensors; valid after any record."""
        flags = [self.started, self.halfway]
        out = {
            "place": torch.tensor([self.epoch, self.iteration, *flags, self.best_epoch]),
            "best_score": torch.tensor(self.best_score, dtype=torch.float64),
            "beta_grad": self.beta_grad,
            "losses": self.divergence.tensor,
            "genotype": torch.tensor(list(self.genotype.to_json().encode()), dtype=torch.uint8),
        }
        # absent where no rule ended the search, as in states of version 0.1
        if self.stopped:
            out["stopped"] = torch.tensor(True)
        if self.price is not None:
            out["price"] = self.price.tensor
            out["best_keeps"] = torch.tensor(self.best_keeps)
        out |= {f"net/{name}": value for name, value in self.net.state_dict().items()}
        out |= {f"best/{name}": value for name, value in self.best.items()}
        out |= optimizer_tensors(self.weight_optimizer, "weight_optimizer")
        return out | optimizer_tensors(self.arch_optimizer, "arch_optimizer")

    def check(self, tensors: dict[str, Tensor]):
        """ValueError unless ``tensors`` are the ``tensors()`` of a search like this one."""
        net = self.net.state_dict()
        like = {
            "place": torch.zeros(5, dtype=torch.int64),
            "best_score": torch.tensor(0.0, dtype=torch.float64),
            "beta_grad": self.beta_grad,
            "genotype": torch.zeros(
                tensors["genotype"].numel(), dtype=torch.uint8
            ),  # of any length
        }
        if self.price is not None:
            like |= {"price": self.price.tensor, "best_keeps": torch.tensor(True)}
        like |= {f"net/{name}": value for name, value in net.items()}
        weight = optimizer_like(self.weight_optimizer, "weight_optimizer")
        check_tensors(
            tensors,
            like,
            {"losses": self.divergence.tensor},
            {"stopped": torch.tensor(True)},
            {f"best/{name}": value for name, value in net.items()},
            weight,
            optimizer_like(self.arch_optimizer, "arch_optimizer"),
        )
        epoch, iteration, *flags, best = place = tensors["place"].tolist()
        reached = 0 <= epoch <= self.config.epochs and 0 <= iteration <= self.steps
        if not (reached and set(flags) <= {0, 1} and 0 <= best <= epoch):
            raise ValueError(f"place = {place} is outside this search")
        if (epoch or iteration) and not weight.keys() <= tensors.keys():
            raise ValueError("the state of the optimiser is missing")
        score = tensors["best_score"].item()
        if not (score > -math.inf if best else score == -math.inf):
            raise ValueError(f"best_score = {score} does not belong to epoch {best}")
        kept = best > 0 and self.config.keep_supernet == "best"
        if kept != any(name.startswith("best/") for name in tensors):
            raise ValueError("the best supernet is missing, or there is none")

    def load(self, tensors: dict[str, Tensor], records: Records | None = None):
        """Continue from ``tensors()`` of a search with the same space, config and images, and its
        ``records`` so far (a stop rule asks for them). ValueError when they are of another one, or
        damaged; this one is then as it was."""
        self.check(tensors)
        self.net.load_state_dict(part_of(tensors, "net/"))
        self.best = {name: value.clone() for name, value in part_of(tensors, "best/").items()}
        self.epoch, self.iteration, started, halfway, self.best_epoch = tensors["place"].tolist()
        self.started, self.halfway = bool(started), bool(halfway)
        self.stopped = "stopped" in tensors
        self.best_score = tensors["best_score"].item()
        if self.price is not None:
            self.price.load(tensors["price"])
            self.best_keeps = bool(tensors["best_keeps"])
        self.beta_grad.copy_(tensors["beta_grad"])
        self.divergence.load(tensors.get("losses"))
        self.genotype = Genotype.from_json(bytes(tensors["genotype"].tolist()).decode())
        load_optimizer(self.weight_optimizer, part_of(tensors, "weight_optimizer/"))
        load_optimizer(self.arch_optimizer, part_of(tensors, "arch_optimizer/"))
        if records is not None:
            for name, values in records.epochs.items():
                self.history.epochs[name] = list(values)

    def result(self) -> tuple[dict[str, Tensor], Genotype]:
        """The best supernet's state and its genotype; the present one's when none was validated
        (``best_epoch`` is then 0) or the config keeps the last."""
        state = self.best or self.net.state_dict()
        return state, self.decode(state)


def arch_step(state: Search) -> Step:
    """alpha, beta <- Adam on d L_A(w, alpha, beta) / d(alpha, beta), w held fixed."""
    start = time.perf_counter()
    net, parameters = state.net.train(), state.net.arch_parameters
    values = _differentiate(state, A, parameters)
    if net.space.fixed_path is None:
        # shows which moves are still pulled at, whatever Adam makes of it
        state.beta_grad += net.beta.grad.abs()
    if state.price is not None:
        state.price.add(net, parameters, values[0])
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
            learns = state.method.learns and state.epoch >= state.config.warmup_epochs
            if learns and not state.halfway:
                record, state.halfway = arch_step(state), True
                yield record
            record, state.halfway = weight_step(state), False
            yield record
        state.divergence.end_epoch(f"epoch {state.epoch + 1}")
        state.epoch, state.iteration = state.epoch + 1, 0
        record = _epoch(state, start)
        state.beta_grad.zero_()
        state.stopped = state.stop_rule(state.history.epochs, state.config)
        yield record


def _epoch(state: Search, start: float) -> Epoch:
    """Validate, keep the best supernet, and describe where alpha and beta are."""
    c, net = state.config, state.net
    use_tf32(c.precision == "tf32")  # as in the steps, also when a run is continued just here
    scores = state.method.validate(state)
    before, state.genotype = state.genotype, state.decode()
    costs = _costs(state)
    if scores:
        # Under a budget an epoch whose net keeps it is before all that do not. The first of equally
        # good ones stays: collapse comes late (Section 3.3).
        keeps = state.price is not None and state.price.limit.keeps(costs["decoded_cost"])
        better = (keeps, scores["score"]) > (state.best_keeps, state.best_score)
        # nan is above nothing
        if better and scores["score"] > -math.inf:
            state.best_score, state.best_epoch = scores["score"], state.epoch
            state.best_keeps = keeps
            if c.keep_supernet == "best":
                state.best = {k: v.detach().clone() for k, v in net.state_dict().items()}
    alpha, beta = (p.detach().cpu().numpy().copy() for p in (net.alpha, net.beta))
    alpha_entropy, beta_entropy = entropy(state.space, alpha, beta)
    # in warm-up there were none, and beta_grad is zero
    arch_steps = state.steps if state.epoch > c.warmup_epochs else 1
    record = Epoch(
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
        preview=_preview(state) if preview_due(state.epoch, c.epochs) else None,
        **scores,
        **costs,
    )
    # as a file keeps them: a rule sees the same numbers when the search is continued
    state.history.add(rounded(replace(record, preview=None)))
    return record


def _costs(state: Search) -> dict[str, float]:
    """What the records say of a budget; {} without one."""
    if state.price is None:
        return {}
    return {
        "expected_cost": state.price.of(state.net),
        "decoded_cost": state.price.limit.costs(state.genotype),
        "mu": state.price.mu,
    }


def preview_due(epoch: int, epochs: int) -> bool:
    """Is a preview made after this epoch? PREVIEWS at most, the first before any step."""
    return epoch % max(1, math.ceil(epochs / (PREVIEWS - 1))) == 0


@torch.no_grad()
def _preview(state: Search) -> np.ndarray:
    """One V patch as restored by the soft supernet and by the decoded wiring (batch norm from 16
    patches), uint8 (2, C, P, P)."""
    net, config = state.net, state.config
    size = max(1, PREVIEW_SIZE[state.space.channels] // state.space.scale)
    degraded, _ = state.patches.pair(state.split.v[0], config.sigmas[0], config.seed, size)
    soft = net.eval()(degraded[None])[0]
    decoded = net.restrict(state.genotype)
    with calibrate(net, state.patches, state.split.w, config, decoded, n=16):
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
