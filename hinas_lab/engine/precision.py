"""Number formats of the forward pass and of what follows from it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def use_tf32(on: bool):
    """TensorFloat-32 (10 bits of mantissa) for convolutions and products on NVIDIA GPUs, in this process. torch's own default is on for
    convolutions: there SSIM, a difference of two means, would lose what it measures."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on


@contextmanager
def precision(name: str, device: torch.device) -> Iterator[None]:
    """Around a forward pass: bfloat16 by autocast. It keeps float32's range, so gradients need no scaling. Else nothing."""
    if name == "bfloat16":
        with torch.autocast(device.type, dtype=torch.bfloat16):
            yield
    else:
        yield
