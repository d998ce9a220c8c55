"""From the soft supernet to a trained net in small steps, each with its number: what a supernet's
score says about the net."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hinas_lab.images.datasets.catalog import load_images, read_images
from hinas_lab.images.patches import Patches, split
from hinas_lab.images.protocol import Restore, protocol
from hinas_lab.restoration.measure import evaluate, mean
from hinas_lab.restoration.restorer import restore_array
from hinas_lab.runs.folder import load_supernet
from hinas_lab.searching.scoring import calibrate
from hinas_lab.space.decode import decode, normalise_beta, per_layer, softmax
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.network import Network
from hinas_lab.space.supernet import Mixture, SuperNet
from hinas_lab.training.numerics import use_device

SHARPNESS = (1, 2, 4, 8, 16, math.inf)
"""1: as searched; infinite: on every edge its most probable operation alone (`none` included), from
every cell its most probable move"""
SQUARE = 128


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One step of the ladder: means over the photographs, and what became of the one that is
    shown."""

    name: str
    psnr: float
    "dB"
    ssim: float
    patch: np.ndarray
    "(H, W) in [0, 1]"


def sharpened(net: SuperNet, sharpness: float) -> Mixture:
    """softmax(sharpness * alpha), softmax(sharpness * beta): simplex weights from the searched ones
    (1) to one-hot ones (inf).

    Not yet the decoded wiring: every edge and every width is still there. ValueError for a
    sharpness below 0.
    """
    if not sharpness >= 0:
        raise ValueError(f"sharpness = {sharpness}: must be at least 0")
    s = min(sharpness, 1e9)  # no two float32 numbers of this size lie closer
    alpha, beta = numbers(net)
    alpha = softmax(s * per_layer(net.space, alpha))
    beta = normalise_beta(net.space, s * beta)
    return Mixture(net.alpha.new_tensor(alpha), net.beta.new_tensor(beta))


def numbers(net: SuperNet) -> tuple[np.ndarray, np.ndarray]:
    """alpha and beta, float64."""
    alpha = net.alpha.detach().cpu().double().numpy()
    beta = net.beta.detach().cpu().double().numpy()
    return alpha, beta


class Ladder:
    """A finished search, and what every rung is measured on: the centred squares of ``square``
    pixels of ``data``'s test photographs, which neither the search nor any training saw, under the
    protocol ``whole``, with noise of ``sigma`` (0-255 scale).

    ``folder``: a search run for denoising. ``image``: the photograph whose patch is shown.
    ``device``: where the nets are run; auto is an NVIDIA GPU where there is one.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        sigma: float = 50.0,
        image: str = "chelsea",
        square: int = SQUARE,
        data: str = "builtin",
        device: str = "auto",
    ):
        self.device = use_device(device)
        self.net, self.config, header = load_supernet(folder, self.device)
        space = self.net.space
        if space.task != "denoise":
            raise ValueError(f"{folder}: is a search for {space.task}; the ladder is for denoising")
        self.protocol = protocol("whole")
        self.sigma = sigma
        self.image = image
        self.pictures = {
            name: centred(picture, square) for name, picture in read_images(data, "test").items()
        }
        # batch norm is recalibrated on what the search calibrated it on
        images = load_images(header["data"], space.channels)
        self.patches = Patches(images, device=self.device)
        c = self.config
        self.w = split(len(self.patches), c.val_fraction, c.seed, c.val_images).w
        self.genotype: Genotype = decode(space, *numbers(self.net))

    @property
    def clean(self) -> np.ndarray:
        """The shown patch as a perfect net would give it: (H, W) in [0, 1]."""
        return self.protocol.clean(self.pictures[self.image])

    def rung(self, name: str, restore: Restore) -> Rung:
        """Any function that restores."""
        rows = list(evaluate(name, restore, self.pictures, self.sigma, self.protocol))
        # a mean of PSNRs, as in the tables of papers
        means = mean(rows)
        restored = {row.image: row.restored for row in rows}
        return Rung(name=name, psnr=means["psnr"], ssim=means["ssim"], patch=restored[self.image])

    def trained(self, name: str, net: Network) -> Rung:
        """A net with weights of its own."""
        # not clipped: the protocol decides
        return self.rung(
            name, lambda image: restore_array(net, image, clip=False, device=self.device)
        )

    def shared(self, name: str, weights: Mixture) -> tuple[Rung, Rung]:
        """The supernet under ``weights`` (``net.restrict(genotype)``: the decoded wiring), with the
        batch-norm statistics that the search left behind, and with those of 256 Train-W patches
        under these weights."""
        restore = through(self.net, weights)
        raw = self.rung(name, restore)
        with calibrate(self.net, self.patches, self.w, self.config, weights):
            return raw, self.rung(name, restore)


def centred(picture: np.ndarray, side: int) -> np.ndarray:
    """(H, W[, 3]) -> its centred square; less where it is smaller."""
    height, width = picture.shape[:2]
    top = max(0, (height - side) // 2)
    left = max(0, (width - side) // 2)
    return picture[top : top + side, left : left + side]


def through(net: SuperNet, weights: Mixture) -> Callable[[np.ndarray], np.ndarray]:
    """The supernet as a function of one gray image (H, W), batch norms as they are in eval mode."""

    @torch.inference_mode()
    def restore(image: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(image)[None, None].to(net.alpha.device)
        return net.eval()(x, weights)[0, 0].cpu().numpy()

    return restore
