"""Number formats of a forward pass."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def precision(name: str, device: torch.device) -> Iterator[None]:
    """Inside: convolutions and matrix products in ``name`` (``SearchConfig.precision``) where ``device`` has it.

    bfloat16 keeps 8 bits of mantissa and float32's range, so gradients need no scaling.
    """
    if name == "bfloat16":
        with torch.autocast(device.type, dtype=torch.bfloat16):
            yield
    elif name == "tf32" and device.type == "cuda":
        before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        try:
            yield
        finally:
            torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
    else:
        yield
