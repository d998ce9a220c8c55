"""The paper's method, which others start from."""

import torch

from hinas_lab.searching.scoring import validate
from hinas_lab.space.supernet import Mixture


class Method:
    """First order (Section 3.3): the weights learn under the relaxed mixture, alpha and beta by the
    gradient of the loss on Train A with the weights held fixed. No second-order term."""

    learns = True
    "do alpha and beta take steps?"
    capturable = True
    "may a CUDA graph record a weight step? Not where chance decides inside it"

    def weight_mixture(self, search) -> Mixture:
        """What a weight step of ``searching.loop.Search`` is computed under; alpha and beta are
        numbers here."""
        with torch.no_grad():
            return search.net.weights()

    def arch_mixture(self, search) -> Mixture:
        """What an arch step is computed under; gradients reach alpha and beta through it."""
        return search.net.weights()

    def check(self, search):
        """ValueError in one line when the method cannot do what ``search`` asks for."""

    def validate(self, search) -> dict[str, float]:
        """``psnr``, ``ssim`` and ``score`` on V after an epoch; empty when it is not scored."""
        if search.epoch < search.config.validate_from:
            return {}
        return validate(search.net, search.patches, search.split.v, search.config)
