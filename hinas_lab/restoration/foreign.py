"""A user's own weights of another project's net. The package spandrel tells the architecture by its tensors; the tensors are read here.

spandrel's own loader opens .pth with an unpickler that lets few names through, but .pt as TorchScript, which is code. So it is given
tensors only: of safetensors, or of torch.load with weights_only, which refuses whatever is not tensors and plain values.
"""

import pickle
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from hinas_lab.runs.folder import load_tensors

PICKLES = (".pth", ".pt", ".ckpt")


class Foreign(nn.Module):
    """A net of spandrel under this project's contract: (1, C, H, W) in about [0, 1] -> (1, C, S*H, S*W) in [0, 1], with ``channels``,
    ``scale``, ``parameter_count`` and ``architecture``. It pads to the sizes that the net needs."""

    radius = 0
    "not known: give pictures in one piece"

    def __init__(self, found):
        super().__init__()
        self.found, self.net = found, found.model
        self.channels, self.scale, self.architecture = (
            found.input_channels,
            found.scale,
            found.architecture.name,
        )
        self.parameter_count = sum(p.numel() for p in self.net.parameters())

    def forward(self, x: Tensor) -> Tensor:
        return self.found(x)


def load_foreign(path: str | Path, device: str = "cpu") -> Foreign:
    """The net of a weights file. ValueError in one line: a file that is not tensors alone, spandrel not installed, a net that spandrel does
    not know, or one that does not turn a gray or RGB picture into the same, 1 to 4 times as large."""
    path = Path(path)
    tensors = _tensors(path)
    try:
        import spandrel
    except (
        Exception
    ) as error:  # it loads torchvision, which fails in its own ways beside another torch
        absent = isinstance(error, ModuleNotFoundError) and error.name == "spandrel"
        why = (
            ""
            if absent
            else f" (it is here, but: {type(error).__name__}: {' '.join(str(error).split())})"
        )
        raise ValueError(
            f"{path}: other projects' weights need the package spandrel: pip install spandrel{why}"
        ) from None
    try:
        found = spandrel.ModelLoader(device).load_from_state_dict(
            spandrel.canonicalize_state_dict(tensors)
        )
    except Exception as error:  # of some fifty architectures
        raise ValueError(
            f"{path}: spandrel knows no net with these tensors ({type(error).__name__})"
        ) from None
    if (
        found.purpose not in ("SR", "Restoration")
        or found.scale not in (1, 2, 3, 4)
        or found.input_channels != found.output_channels
        or found.input_channels not in (1, 3)
    ):
        raise ValueError(
            f"{path}: {found.architecture.name} for {found.purpose}, {found.input_channels} to {found.output_channels} "
            f"channels, x{found.scale}: must restore gray or RGB pictures, x1 to x4"
        )
    return Foreign(found).eval()


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix.lower() == ".safetensors":
        return load_tensors(path)
    if path.suffix.lower() not in PICKLES:
        raise ValueError(
            f"{path}: neither a run folder nor weights; these end in .safetensors, {', '.join(PICKLES)}"
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
            f"{path}: damaged, or holds more than tensors ({type(error).__name__}); nothing else is loaded"
        ) from None
    if not isinstance(tensors, dict):
        raise ValueError(f"{path}: holds a {type(tensors).__name__}, not a dictionary of tensors")
    return tensors
