"""How alpha and beta learn: a row of METHODS each, chosen by ``SearchConfig.method``.

A method says under which mixture of operations and widths the weights learn, and what a step of
alpha and beta is. ``Method`` itself is the paper's way, first order; another one overrides what it
does differently, in a file of its own, and is added to METHODS (from outside: METHODS[name] = ...).
"""

import torch

from hinas_lab.space.supernet import Mixture


class Method:
    """First order (Section 3.3): the weights learn under the relaxed mixture, alpha and beta by the
    gradient of the loss on Train A with the weights held fixed. No second-order term."""

    learns = True
    "do alpha and beta take steps?"
    capturable = True
    "may a CUDA graph record a weight step? Not where chance decides inside it"

    def weight_mixture(self, search) -> Mixture:
        """What a weight step of ``searching.loop.Search`` is computed under; alpha and beta are
        numbers here."""
        with torch.no_grad():
            return search.net.weights()

    def arch_mixture(self, search) -> Mixture:
        """What an arch step is computed under; gradients reach alpha and beta through it."""
        return search.net.weights()


METHODS: dict[str, Method] = {"first-order": Method()}


def method(name: str) -> Method:
    """The method called ``name``; ValueError names all."""
    if name not in METHODS:
        raise ValueError(f"method = {name!r}: must be one of {', '.join(METHODS)}")
    return METHODS[name]
