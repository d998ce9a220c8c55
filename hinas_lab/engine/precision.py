"""Number formats, and the loss of a forward pass in one of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from hinas_lab.config import SearchConfig, TrainConfig
from hinas_lab.engine.losses import restoration_loss


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


def loss_of(net: Callable[[Tensor], Tensor], degraded: Tensor, clean: Tensor,
            config: SearchConfig | TrainConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Eq. 7 of ``net(degraded)``, computed in the config's precision, and ``clean``, both (B, C, S*H, S*W): (total, pixel term, l_ssim), as
    ``losses.restoration_loss`` gives them."""
    with precision(config.precision, degraded.device):
        output = net(degraded)
    return restoration_loss(output.float(), clean, config.loss)
