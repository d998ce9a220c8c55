"""Optimisers of the weights, and their state as plain tensors."""

import torch
from torch import Tensor


def make_optimizer(config, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """SGD with momentum or Adam (beta1 = momentum), as ``config.optimizer`` says."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    return torch.optim.Adam(parameters, lr=config.lr, betas=(config.momentum, 0.999), weight_decay=config.weight_decay)


def optimizer_tensors(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """The optimiser's state as ``prefix/parameter number/name`` -> tensor; learning rates follow from the position and are not kept."""
    state = optimizer.state_dict()["state"]
    return {f"{prefix}/{i}/{name}": value for i, values in state.items() for name, value in values.items() if value is not None}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]):
    """Inverse of ``optimizer_tensors`` (without the prefix)."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        i, name = key.split("/")
        state.setdefault(int(i), {})[name] = value.clone()
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
