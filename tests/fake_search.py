"""A search of numbers alone, for what plays and shows one. No torch."""

import math
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from hinas_lab.config import SearchSpace, to_dict
from hinas_lab.records import Epoch, Records, Step
from hinas_lab.space.decode import decode

SPACE = SearchSpace(layers=2, nodes=2, width=2, stem=4)


class FakeRun:
    """``engine.runs.Run`` without a net: ``epochs`` of ``steps`` iterations, the first of them
    warm-up, V scored from the second on.

    step: called before every record. saves: how often the state was saved because the caller
    stopped."""

    folder = Path("fake")

    def __init__(
        self, epochs: int = 3, steps: int = 3, step=lambda: None, space: SearchSpace = SPACE
    ):
        search = {"epochs": epochs, "warmup_epochs": 1, "validate_from": 2}
        self.header = {
            "kind": "search",
            "preset": "fake",
            "space": to_dict(space),
            "search": search,
        }
        self.state = SimpleNamespace(
            epoch=0,
            iteration=0,
            steps=steps,
            halfway=False,
            started=False,
            patches=SimpleNamespace(device="cpu"),
        )
        self.records, self.space, self.step, self.saves = Records(), space, step, 0
        self.rng = np.random.default_rng(0)
        self.alpha, self.beta = (
            np.zeros(space.alpha_shape, np.float32),
            np.zeros(len(space.moves), np.float32),
        )

    elsewhere = ""

    @property
    def finished(self) -> bool:
        return self.state is None

    def architecture(self):
        return self.alpha.copy(), self.beta.copy()

    def steps(self):
        try:
            for record in self._search():
                self.records.add(record)
                yield record
        except GeneratorExit:
            self.saves += 1
            raise
        self.state = None

    def _search(self):
        s, epochs = self.state, self.header["search"]["epochs"]
        common = {"pixel": 1.0, "lssim": 0.0, "lr": 0.1, "seconds": 0.0}
        if not s.started:
            self.step()
            s.started = True
            yield self._epoch()
        while s.epoch < epochs:
            while s.iteration < s.steps:
                if s.epoch >= 1 and not s.halfway:
                    self.step()
                    self.alpha += self.rng.normal(size=self.alpha.shape).astype(np.float32)
                    s.halfway = True
                    yield Step(
                        kind="arch",
                        epoch=s.epoch + 1,
                        iteration=s.iteration + 1,
                        loss=self.rng.uniform(0.01, 0.1),
                        **common,
                    )
                self.step()
                s.halfway, s.iteration = False, s.iteration + 1
                yield Step(
                    kind="weight",
                    epoch=s.epoch + 1,
                    iteration=s.iteration,
                    loss=self.rng.uniform(0.01, 0.1),
                    **common,
                )
            self.step()
            s.epoch, s.iteration = s.epoch + 1, 0
            yield self._epoch()

    def _epoch(self) -> Epoch:
        s = self.state
        score = 1.0 / s.epoch if s.epoch >= 2 else math.nan  # the second epoch is the best
        return Epoch(
            epoch=s.epoch,
            alpha=self.alpha.copy(),
            beta=self.beta.copy(),
            beta_grad=self.beta * 0,
            score=score,
            alpha_entropy=1.9,
            beta_entropy=0.5,
            skip_share=0.0,
            flips=0,
            best=min(s.epoch, 2) if s.epoch >= 2 else 0,
            seconds=0.0,
            genotype=decode(self.space, self.alpha, self.beta),
            preview=np.full((2, 1, 8, 8), s.epoch % 256, np.uint8),
        )


class Gate:
    """Steps that wait to be let through, so that a test knows where the search is."""

    def __init__(self):
        self.free, self.inside = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self):
        self.inside.release()
        assert self.free.acquire(timeout=20)

    def entered(self):
        assert self.inside.acquire(timeout=20)

    def open(self):
        self.free.release(10_000)


def until(true, seconds: float = 10.0):
    """Wait until ``true()``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)
