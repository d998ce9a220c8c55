"""CUDA graphs: a function's work on a GPU, recorded once and replayed as one call.

A step of a search is thousands of small kernels; a GPU runs each faster than Python can ask for the next. Replayed, they cost one call.
What a graph reads and writes keeps its address: inputs are copied in, parameters and running statistics are updated in place.
"""

import logging
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

WARMUP = 3
"calls before the recording: libraries choose their algorithms and take their workspace in them"
WHEN = ("auto", "on", "off")
"auto: where a GPU can record them; on: a device that cannot is refused"


def graphs_on(when: str, device: str | torch.device) -> bool:
    """Shall steps be recorded on ``device``? ValueError for another word than WHEN, and for "on" where there is no NVIDIA GPU."""
    if when not in WHEN:
        raise ValueError(f"graphs = {when!r}: must be one of {', '.join(WHEN)}")
    can = torch.device(device).type == "cuda"
    if when == "on" and not can:
        raise ValueError(f"graphs = 'on': needs an NVIDIA GPU, the device is {device}; leave it at auto")
    return can and when != "off"


class Captured:
    """``f(*inputs) -> tensors`` on one GPU. The outputs are overwritten by the next call.

    ``f`` must read nothing back to the host and see inputs of one shape; ``keep``: tensors that it updates in place, which warming up must
    not change; ``pool``: memory shared with other graphs that never run between a call and the use of its outputs. Where the recording
    fails, one line says so and ``f`` is called as it is, with the same numbers; with ``must`` it is a ValueError.
    """

    def __init__(self, f: Callable[..., tuple[Tensor, ...]], keep: Iterable[Tensor], pool, must: bool = False):
        self.f, self.keep, self.pool, self.must = f, list(keep), pool, must
        self.graph: torch.cuda.CUDAGraph | None = None
        self.failed = False

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        if self.graph is None and not self.failed:
            self._try_to_record(inputs)
        if self.failed:
            return self.f(*inputs)
        with torch.cuda.device(inputs[0].device):
            for mine, given in zip(self.inputs, inputs):
                mine.copy_(given, non_blocking=True)
            self.graph.replay()
        return self.outputs

    def _try_to_record(self, inputs: tuple[Tensor, ...]):
        try:
            with torch.cuda.device(inputs[0].device):
                self._record(inputs)
        except torch.cuda.OutOfMemoryError:  # without a graph it would not fit either: warming up failed
            raise
        except RuntimeError as error:
            why = str(error).strip().splitlines()[0][:120]
            if self.must:
                raise ValueError(f"graphs = 'on': the step cannot be recorded as a CUDA graph here ({why}); leave it at auto") from None
            logging.getLogger("hinas_lab").warning("hinas-lab: no CUDA graph could be recorded (%s); goes on without", why)
            self.failed = True

    def _record(self, inputs: tuple[Tensor, ...]):
        self.inputs = [x.clone() for x in inputs]
        before = [t.clone() for t in self.keep]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                for _ in range(WARMUP):
                    self.f(*self.inputs)
        finally:
            with torch.cuda.stream(stream):
                for tensor, value in zip(self.keep, before):
                    tensor.copy_(value)
            torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=stream, capture_error_mode="thread_local"):  # a panel records in a thread
            self.outputs = self.f(*self.inputs)
        self.graph = graph
