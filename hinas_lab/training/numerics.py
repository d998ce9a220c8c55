"""Number formats, and the loss of a forward pass in one of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from hinas_lab.config import SearchConfig, TrainConfig
from hinas_lab.training.losses import restoration_loss


def use_tf32(on: bool):
    """TensorFloat-32 (10 bits of mantissa) for convolutions on NVIDIA GPUs, in this process, until
    the next call: each step says what it wants. Never for matrix products: SSIM smooths with them,
    and a difference of two means would lose what it measures."""
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = on, False


LOW = {"bfloat16": torch.bfloat16, "float16": torch.float16}
"by autocast; the parameters stay float32"
SCALE = 1024.0
"float16 ends at 65504 and 6e-8: losses are multiplied by this before they are differentiated"


@contextmanager
def precision(name: str, device: torch.device) -> Iterator[None]:
    """Around a forward pass: autocast to a short format, else nothing."""
    if name in LOW:
        with torch.autocast(device.type, dtype=LOW[name]):
            yield
    else:
        yield


def loss_of(
    net: Callable[[Tensor], Tensor],
    degraded: Tensor,
    clean: Tensor,
    config: SearchConfig | TrainConfig,
) -> tuple[Tensor, Tensor, Tensor]:
    """Eq. 7 of ``net(degraded)``, computed in the config's precision, and ``clean``, both (B, C,
    S*H, S*W): (total, pixel term, l_ssim), as ``losses.restoration_loss`` gives them."""
    with precision(config.precision, degraded.device):
        output = net(degraded)
    return restoration_loss(output.float(), clean, config.loss)


def gradients(
    total: Tensor, parameters: list[Tensor], config: SearchConfig | TrainConfig
) -> tuple[Tensor, ...]:
    """d total / d parameters, float32. bfloat16 has float32's range and needs no scaling, float16
    does."""
    # A method that samples a path uses only some of the weights: the gradient of others is zero.
    if config.precision != "float16":
        return torch.autograd.grad(total, parameters, materialize_grads=True)
    scaled = torch.autograd.grad(total * SCALE, parameters, materialize_grads=True)
    torch._foreach_div_(scaled, SCALE)
    return scaled


def loss_terms(
    terms: tuple[Tensor, ...], given: tuple[Tensor, ...], config: SearchConfig | TrainConfig
) -> Tensor:
    """The terms of a loss as one tensor of their own (3,), to be read at once when all work is
    queued on a GPU; the first is nan when a gradient in a short format is not finite though the
    loss is."""
    values = torch.stack([t.detach() for t in terms])
    if config.precision in LOW:
        # 0 * inf is nan: one number tells of loss and gradients
        values[0] += 0 * torch.stack(torch._foreach_norm(given)).sum()
    return values


def check_precision(name: str, device: str | torch.device):
    """ValueError when ``device`` is an NVIDIA GPU without units for the format: it would emulate
    it, far slower than float32."""
    if name != "bfloat16" or torch.device(device).type != "cuda" or torch.version.cuda is None:
        return
    if torch.cuda.get_device_capability(device) < (8, 0):
        gpu = torch.cuda.get_device_name(device)
        raise ValueError(f"precision = 'bfloat16': {gpu} only emulates it; use float16 or float32")


INSTEAD = 'try --device cpu, in Python device="cpu"'


def use_device(name: str | torch.device) -> str:
    """The device as torch names it; ``auto`` is a CUDA GPU where there is one, else the CPU. Sets
    what makes the same seed give the same bits. ValueError in one line when it is not there, or is
    Apple's (``mps``) and does not compute what the CPU does."""
    name = str(name)
    # its fastest algorithms add in another order each time
    torch.backends.cudnn.deterministic = True
    use_tf32(False)
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):
        raise ValueError(f"device = {name!r}: not available here; {INSTEAD}") from None
    if torch.device(name).type == "mps":
        from hinas_lab.training.first_step import check_first_step

        check_first_step(name)
    return name
