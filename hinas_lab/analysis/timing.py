"""How long calls take. A clock is read when the current accelerator has done its work, as in
``torch.utils.benchmark``."""

import timeit
from collections.abc import Callable, Hashable, Mapping

import numpy as np
import torch
from torch.utils import benchmark


def interleaved(
    calls: Mapping[Hashable, Callable[[], object]], rounds: int, warmup: int = 1
) -> dict[Hashable, np.ndarray]:
    """Seconds of each of ``calls``, (rounds,), under its name. A round runs each of them once, in
    turn, so that the neighbours on a shared machine disturb all alike; every other round runs them
    backwards, so that none always comes first. The first ``warmup`` rounds do not count.
    """
    # benchmark.Timer itself calls twice before it measures: a third of what a round takes would
    # count. Its clock and its base class measure a single call.
    timers = {name: timeit.Timer(call, timer=benchmark.timer) for name, call in calls.items()}
    seconds: dict[Hashable, list[float]] = {name: [] for name in timers}
    order = list(timers)
    for _ in range(warmup + rounds):
        for name in order:
            seconds[name].append(timers[name].timeit(1))
        order.reverse()
    return {name: np.array(spent[warmup:]) for name, spent in seconds.items()}


def block_seconds(call: Callable[[], object], number: int) -> float:
    """Mean seconds of ``call``, ``number`` times in a row: a device that works on its own is
    waited for at the end only. Two calls before do not count."""
    # without num_threads the Timer would measure with one thread
    timer = benchmark.Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    return timer.timeit(number).mean
