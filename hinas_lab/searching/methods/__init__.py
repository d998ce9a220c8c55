"""How alpha and beta learn: a row of METHODS each, chosen by ``SearchConfig.method``.

A method says under which mixture of operations and widths the weights learn, and what a step of
alpha and beta is. ``Method`` itself is the paper's way, first order; another one overrides what it
does differently, in a file of its own, and is added to METHODS (from outside: METHODS[name] = ...).
"""

from hinas_lab.searching.methods.first_order import Method
from hinas_lab.searching.methods.rsws import Rsws

METHODS: dict[str, Method] = {"first-order": Method(), "rsws": Rsws()}


def method(name: str) -> Method:
    """The method called ``name``; ValueError names all."""
    if name not in METHODS:
        raise ValueError(f"method = {name!r}: must be one of {', '.join(METHODS)}")
    return METHODS[name]
