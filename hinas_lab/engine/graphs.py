"""CUDA graphs: a function's work on a GPU, recorded once and replayed as one call.

A step of a search is thousands of small kernels; a GPU runs each faster than Python can ask for the next. Replayed, they cost one call.
What a graph reads and writes keeps its address: inputs are copied in, parameters and running statistics are updated in place.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

WARMUP = 3
"calls before the recording: libraries choose their algorithms and take their workspace in them"


class Captured:
    """``f(*inputs) -> tensors`` on one GPU. The outputs are overwritten by the next call.

    ``f`` must read nothing back to the host and see inputs of one shape; ``keep``: tensors that it updates in place, which warming up must
    not change; ``pool``: memory shared with other graphs that never run between a call and the use of its outputs.
    """

    def __init__(self, f: Callable[..., tuple[Tensor, ...]], keep: Iterable[Tensor], pool):
        self.f, self.keep, self.pool = f, list(keep), pool
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        with torch.cuda.device(inputs[0].device):
            if self.graph is None:
                self._record(inputs)
            for mine, given in zip(self.inputs, inputs):
                mine.copy_(given)
            self.graph.replay()
        return self.outputs

    def _record(self, inputs: tuple[Tensor, ...]):
        self.inputs = [x.clone() for x in inputs]
        before = [t.clone() for t in self.keep]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARMUP):
                self.f(*self.inputs)
            for tensor, value in zip(self.keep, before):
                tensor.copy_(value)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=stream, capture_error_mode="thread_local"):  # a panel records in a thread
            self.outputs = self.f(*self.inputs)
        self.graph = graph
