"""A user's own weights of another project's net. The package spandrel tells the architecture by its
tensors; the tensors are read here.

spandrel's own loader opens .pth with an unpickler that lets few names through, but .pt as
TorchScript, which is code. So it is given tensors only: of safetensors, or of torch.load with
weights_only, which refuses whatever is not tensors and plain values.
"""

import pickle
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from hinas_lab.runs.folder import load_tensors

PICKLES = (".pth", ".pt", ".ckpt")


class Foreign(nn.Module):
    """A net of spandrel under this project's contract: (1, C, H, W) in about [0, 1] ->
    (1, C, S*H, S*W) in [0, 1], with ``channels``, ``scale``, ``parameter_count`` and
    ``architecture``. It pads to the sizes that the net needs."""

    radius = 0
    "not known: give pictures in one piece"

    def __init__(self, descriptor):
        super().__init__()
        self.descriptor = descriptor  # calls the net, padded
        self.net = descriptor.model  # registered, so that it moves to a device
        self.channels = descriptor.input_channels
        self.scale = descriptor.scale
        self.architecture = descriptor.architecture.name
        self.parameter_count = sum(p.numel() for p in self.net.parameters())

    def forward(self, x: Tensor) -> Tensor:
        return self.descriptor(x)


def load_foreign(path: str | Path, device: str = "cpu") -> Foreign:
    """The net of a weights file.

    ValueError in one line: a file that is not tensors alone, spandrel not installed, a net that
    spandrel does not know, or one that does not turn a gray or RGB picture into the same, 1 to 4
    times as large.
    """
    path = Path(path)
    tensors = _tensors(path)
    try:
        import spandrel
    # it loads torchvision, which fails in its own ways beside another torch
    except Exception as error:
        why = f" (it is here, but: {type(error).__name__}: {' '.join(str(error).split())})"
        if isinstance(error, ModuleNotFoundError) and error.name == "spandrel":
            why = ""
        raise ValueError(
            f"{path}: other projects' weights need the package spandrel: pip install spandrel{why}"
        ) from None
    try:
        tensors = spandrel.canonicalize_state_dict(tensors)
        descriptor = spandrel.ModelLoader(device).load_from_state_dict(tensors)
    except Exception as error:  # of some fifty architectures
        raise ValueError(
            f"{path}: spandrel knows no net with these tensors ({type(error).__name__})"
        ) from None
    channels = (descriptor.input_channels, descriptor.output_channels)
    if (
        descriptor.purpose not in ("SR", "Restoration")
        or descriptor.scale not in (1, 2, 3, 4)
        or channels not in ((1, 1), (3, 3))
    ):
        raise ValueError(
            f"{path}: {descriptor.architecture.name} for {descriptor.purpose}, "
            f"{channels[0]} to {channels[1]} channels, x{descriptor.scale}: "
            "must restore gray or RGB pictures, x1 to x4"
        )
    return Foreign(descriptor).eval()


def _tensors(path: Path) -> dict[str, Tensor]:
    """All that the file holds. ValueError for anything that is not tensors."""
    if path.suffix.lower() == ".safetensors":
        return load_tensors(path)
    if path.suffix.lower() not in PICKLES:
        raise ValueError(
            f"{path}: neither a run folder nor weights; "
            f"these end in .safetensors, {', '.join(PICKLES)}"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # TorchScript: a warning, then refused
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        KeyError,
        AttributeError,
    ) as error:
        raise ValueError(
            f"{path}: damaged, or holds more than tensors ({type(error).__name__}); "
            "nothing else is loaded"
        ) from None
    if not isinstance(tensors, dict):
        raise ValueError(f"{path}: holds a {type(tensors).__name__}, not a dictionary of tensors")
    return tensors
