"""CUDA graphs: a function's work on a GPU, recorded once and replayed as one call.

A step of a search is thousands of small kernels; a GPU runs each faster than Python can ask for the
next. Replayed, they cost one call. What a graph reads and writes keeps its address: inputs are
copied in, parameters and running statistics are updated in place."""

import gc
import logging
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

WARMUP = 3
"calls before the recording: libraries choose their algorithms and take their workspace in them"
WHEN = ("auto", "on", "off")
"auto: where a GPU can record them; on: a device that cannot is refused"


def graphs_on(when: str, device: str | torch.device) -> bool:
    """Shall steps be recorded on ``device``? ValueError for another word than WHEN, and for "on"
    where there is no NVIDIA GPU."""
    if when not in WHEN:
        raise ValueError(f"graphs = {when!r}: must be one of {', '.join(WHEN)}")
    can = torch.device(device).type == "cuda"
    if when == "on" and not can:
        raise ValueError(
            f"graphs = 'on': needs an NVIDIA GPU, the device is {device}; leave it at auto"
        )
    return can and when != "off"


class Recorder:
    """What the graphs of one run share: memory, as they never run between a call of one and the use
    of its outputs; and how it ends where recording fails. ``must``: with a ValueError; else one
    line says so, all of them are given up, and the run goes on as it is, with the same numbers."""

    def __init__(self, must: bool = False):
        self.must, self.failed = must, False
        self.graphs: list[Captured] = []
        self.pool = torch.cuda.graph_pool_handle()

    def give_up(self, why: str):
        """Forget all graphs, and their memory."""
        logging.getLogger("hinas_lab").warning(
            "hinas-lab: no CUDA graph could be recorded (%s); goes on without", why
        )
        self.failed = True
        for captured in self.graphs:
            captured.graph = captured.inputs = captured.outputs = None
        torch.cuda.empty_cache()


class Captured:
    """``f(*inputs) -> tensors`` on one GPU. The outputs are overwritten by the next call.

    ``f`` must read nothing back to the host and see inputs of one shape; ``keep``: tensors that it
    updates in place, which warming up must not change."""

    def __init__(
        self, f: Callable[..., tuple[Tensor, ...]], keep: Iterable[Tensor], recorder: Recorder
    ):
        self.f, self.keep, self.recorder = f, list(keep), recorder
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: list[Tensor] | None = None
        self.outputs: tuple[Tensor, ...] | None = None
        recorder.graphs.append(self)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        if self.graph is None and not self.recorder.failed:
            self._try_to_record(inputs)
        if self.recorder.failed:
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
        except RuntimeError as error:
            # ending a broken recording raises a second error, which says less
            cause = error.__context__ or error
            why = str(cause).strip().splitlines()[0][:120]
            if not self.recorder.must:
                self.recorder.give_up(why)
            elif isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            else:
                raise ValueError(
                    f"graphs = 'on': the step cannot be recorded as a CUDA graph here ({why}); "
                    "leave it at auto"
                ) from None

    def _record(self, inputs: tuple[Tensor, ...]):
        self.inputs = [x.clone() for x in inputs]
        before = [tensor.clone() for tensor in self.keep]
        current, stream = torch.cuda.current_stream(), torch.cuda.Stream()
        stream.wait_stream(current)
        try:
            with torch.cuda.stream(stream):
                for _ in range(WARMUP):
                    self.f(*self.inputs)
        finally:
            with torch.cuda.stream(stream):
                for tensor, value in zip(self.keep, before):
                    tensor.copy_(value)
            current.wait_stream(stream)
        gc.collect()  # no graph of an earlier run may be destroyed while this one is recorded
        graph = torch.cuda.CUDAGraph()
        try:
            # thread_local: a panel draws in another thread meanwhile
            with torch.cuda.graph(
                graph, pool=self.recorder.pool, stream=stream, capture_error_mode="thread_local"
            ):
                self.outputs = self.f(*self.inputs)
        except RuntimeError:
            # torch leaves the recording's stream current when a recording ends broken
            torch.cuda.set_stream(current)
            raise
        self.graph = graph
