"""A run that is lost: its loss is not finite, or stays a thousandfold above the first one for an
epoch."""

import math

import torch
from torch import Tensor

from hinas_lab.config import SearchConfig, TrainConfig

GROWN = 1000
"times the first loss, for all steps of an epoch: what comes back from a peak is left alone"
LEAST_FIRST = 1e-3
"a first loss below this counts as this one: without noise a net that changes nothing is perfect"


class Divergence:
    """Watches the losses of a run; ``tensor`` is what it remembers. ``part``: ``search`` or
    ``train``, as ``--set`` calls it."""

    def __init__(self, part: str, config: SearchConfig | TrainConfig):
        self.part, self.config = part, config
        self.first, self.least = math.nan, math.inf

    def check(self, values: list[float], where: str, changed: bool = False):
        """FloatingPointError unless ``values`` (total, pixel term, l_ssim) are finite; ``changed``:
        the step was taken before."""
        if math.isfinite(values[0]):
            return
        # with a finite loss it is a gradient in a short format, see ``numerics.loss_terms``
        overflow = all(map(math.isfinite, values[1:]))
        if overflow:
            what, advice = f"a {self.config.precision} gradient overflowed", "use precision float32"
        else:
            what, advice = f"the loss became {values[0]}", self.advice()
        kept = "nothing was saved after it" if changed else "no parameter was changed"
        raise FloatingPointError(f"{what} in {where}; {kept}; {advice}")

    def add(self, loss: float):
        """One more loss of a step of the weights."""
        self.first = loss if math.isnan(self.first) else self.first
        self.least = min(self.least, loss)

    def end_epoch(self, where: str):
        """FloatingPointError when every loss since the last call was GROWN times the first."""
        # the least of an epoch: a single peak does not count
        limit, least = GROWN * max(self.first, LEAST_FIRST), self.least
        self.least = math.inf
        if limit < least < math.inf:
            raise FloatingPointError(
                f"the loss stayed above {least:.3g} in {where}, it began at {self.first:.3g}: "
                f"the run diverges; {self.advice()}"
            )

    def advice(self) -> str:
        """What to change."""
        cut = self.config.grad_clip
        lower, norm = ("", 0.1) if cut is None else (" lower", cut / 3)
        return (
            f"cut the gradient's norm{lower} with --set {self.part}.grad_clip={norm:.2g}, "
            f"or lower {self.part}.lr = {self.config.lr:g}"
        )

    @property
    def tensor(self) -> Tensor:
        return torch.tensor([self.first, self.least], dtype=torch.float64)

    def load(self, tensor: Tensor | None):
        """Remember what ``tensor`` says; None (a state of an earlier version) knows nothing."""
        if tensor is not None:
            self.first, self.least = tensor.tolist()
