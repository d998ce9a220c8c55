"""Two bilevel problems with one weight w and one architecture parameter a, in which every gradient
is known exactly. numpy only.

A search minimises L_V(w*(a), a) over a, where w*(a) minimises L_T(w, a) over w (Section 3.3). The
true gradient needs w*; searches take cheaper ones. Here all of them can be written down and
compared. Derivatives are named after what they differentiate: ``train_w`` is dL_T/dw. All methods
take numbers or arrays.
"""

from dataclasses import dataclass

import numpy as np

RULES = ("exact", "first order", "unrolled", "finite differences")
"how a search may get its gradient for a: see ``gradient``"


@dataclass(frozen=True)
class Chase:
    """L_T = (w - a)^2 / 2, L_V = (w - 1)^2 / 2: a tells the weight where to go, and validation
    looks at the weight alone.

    Best response w*(a) = a, so the true gradient is a - 1. At fixed w, a does not appear in L_V:
    first order gives 0 everywhere.
    """

    curvature = 1.0
    "d2 L_T / dw2"
    mixed = -1.0
    "d2 L_T / dw da"

    def train(self, w, a):
        return (w - a) ** 2 / 2

    def valid(self, w, a):
        return (w - 1) ** 2 / 2 + 0 * a

    def train_w(self, w, a):
        return w - a

    def train_a(self, w, a):
        return a - w

    def valid_w(self, w, a):
        return w - 1 + 0 * a

    def valid_a(self, w, a):
        return 0 * (w + a)

    def best_response(self, a):
        """w*(a), where dL_T/dw = 0."""
        return a


@dataclass(frozen=True)
class Share:
    """L_T = (w + a - 1)^2 / 2 + decay w^2 / 2, L_V = (w + a - 1)^2 / 2: the output is w + a, as
    alpha is part of a supernet's output.

    Here a fixed weight is enough to see which way a must go. With w*(a) = (1 - a) / (1 + decay) and
    r = decay / (1 + decay) the true gradient is r^2 (a - 1); first order at w* is r (a - 1):
    another length, the same sign, the same zero a = 1. The weight decay matters: without it (r = 0)
    the weight makes up for any a, and a is not determined at all.
    """

    decay: float = 1.0

    @property
    def curvature(self):
        return 1 + self.decay

    mixed = 1.0

    def train(self, w, a):
        return (w + a - 1) ** 2 / 2 + self.decay * w**2 / 2

    def valid(self, w, a):
        return (w + a - 1) ** 2 / 2

    def train_w(self, w, a):
        return w + a - 1 + self.decay * w

    def train_a(self, w, a):
        return w + a - 1

    # the output w + a is all that L_V and the first part of L_T see
    valid_w = valid_a = train_a

    def best_response(self, a):
        """w*(a), where dL_T/dw = 0."""
        return (1 - a) / self.curvature


Toy = Chase | Share


def one_step(toy: Toy, w, a, xi: float):
    """w' = w - xi dL_T/dw: one weight step, the stand-in for w*(a)."""
    return w - xi * toy.train_w(w, a)


def gradient(toy: Toy, rule: str, w, a, xi: float = 0.1):
    """The gradient of the validation loss for a, as ``rule`` sees it at (w, a). ValueError for an
    unknown rule.

    ``exact``: dL_V/da + dw*/da dL_V/dw at w*(a); w is not used.
    ``first order``: dL_V/da at w, the weight held.
    ``unrolled``: dL_V/da - xi (d2 L_T/dw da) dL_V/dw at w', one weight step of length xi ahead.
    ``finite differences``: the same without second derivatives, as DARTS does it: dL_T/da at
    w +- eps v, with v = dL_V/dw at w' and eps = 0.01 / |v|. For quadratic losses it equals
    ``unrolled`` up to rounding.
    """
    if rule == "exact":
        best = toy.best_response(a)
        # dw*/da by the implicit function theorem
        slope = -toy.mixed / toy.curvature
        return toy.valid_a(best, a) + slope * toy.valid_w(best, a)
    if rule == "first order":
        return toy.valid_a(w, a)
    ahead = one_step(toy, w, a, xi)
    v = toy.valid_w(ahead, a)
    if rule == "unrolled":
        return toy.valid_a(ahead, a) - xi * toy.mixed * v
    if rule == "finite differences":
        eps = 0.01 / np.maximum(np.abs(v), 1e-12)  # v = 0: both sides are the same point
        change = (toy.train_a(w + eps * v, a) - toy.train_a(w - eps * v, a)) / (2 * eps)
        return toy.valid_a(ahead, a) - xi * change
    raise ValueError(f"rule = {rule!r}: must be one of {', '.join(RULES)}")


def descend(
    toy: Toy,
    rule: str,
    *,
    w: float = 0.0,
    a: float = -1.0,
    steps: int = 100,
    lr_w: float = 0.1,
    lr_a: float = 0.1,
    xi: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Alternating descent as in a search: one step of a by ``rule``, then one step of w on L_T,
    ``steps`` times.

    ``xi`` is the weight step that the rule looks ahead; None: ``lr_w``. Returns w and a, each
    (steps + 1,), the start first.
    """
    # the step that the weight will really take
    xi = lr_w if xi is None else xi
    path = np.empty((2, steps + 1))
    path[:, 0] = w, a
    for t in range(steps):
        # a first: it sees the weight before its step, as in a search
        a = a - lr_a * gradient(toy, rule, w, a, xi)
        w = one_step(toy, w, a, lr_w)
        path[:, t + 1] = w, a
    return path[0], path[1]
