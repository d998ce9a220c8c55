"""The rule of a price that finds itself, for numbers."""

from math import log


def next_price(mu: float, cost: float, budget: float, rate: float) -> float:
    """One step of dual ascent on log(cost / budget) <= 0: the price rises while the cost is above
    the budget, falls while it is below, and is never under 0.

    A search does the same with its expected cost (``searching.price.Price``)."""
    return max(0.0, mu + rate * log(cost / budget))
