"""Other methods behind one contract, a file each, written from their papers.

They are here to be counted and timed beside ours (with random weights: time does not depend on
them), and to be trained at equal budget. Their published quality is in the paper's tables
(``paper.published``) and never mixed with what is measured here. Without torch until ``build``.
"""

from dataclasses import dataclass
from importlib import import_module

SCALES = (2, 3, 4)


@dataclass(frozen=True)
class Peer:
    """A network of another paper."""

    name: str
    "as in the tables"
    task: str
    where: str
    "module:class in this folder"
    channels: int
    "1: gray or luminance, 3: RGB"
    input: str
    "noisy; low: the LR image; upscaled: it is upscaled before the net"
    parameters: dict[int, float]
    "scale (1: denoising) -> parameters that its own paper gives"
    counts: str = "all"
    "what that number counts: all, or weights (no biases, no slopes)"

    def build(self, scale: int = 1):
        """The net with random weights (torch's default initialisation), in training mode.

        ValueError for a scale it is not made for.
        """
        if scale not in self.parameters:
            scales = ", ".join(map(str, self.parameters))
            raise ValueError(f"{self.name}: scale = {scale} must be one of {scales}")
        module, name = self.where.split(":")
        cls = getattr(import_module(f"{__name__}.{module}"), name)
        return cls(scale) if self.input == "low" else cls()

    def published(self, scale: int) -> int:
        """Parameters that its own paper gives, as ``counts`` says."""
        return round(self.parameters[scale])


# DnCNN's paper gives no number and RCAN's 16 M: those are the counts that later papers print
_PEERS = (
    Peer("DnCNN", "denoise", "dncnn:DnCNN", 1, "noisy", {1: 556e3}),
    Peer("MemNet", "denoise", "memnet:MemNet", 1, "noisy", {1: 677e3}),
    Peer("MemNet", "sr", "memnet:MemNet", 1, "upscaled", dict.fromkeys(SCALES, 677e3)),
    Peer("VDSR", "sr", "vdsr:VDSR", 1, "upscaled", dict.fromkeys(SCALES, 665e3)),
    Peer("FSRCNN", "sr", "fsrcnn:FSRCNN", 1, "low", dict.fromkeys(SCALES, 12_464), "weights"),
    Peer("IMDN", "sr", "imdn:IMDN", 3, "low", {2: 694e3, 3: 703e3, 4: 715e3}),
    Peer("RCAN", "sr", "rcan:RCAN", 3, "low", {2: 15.44e6, 3: 15.63e6, 4: 15.59e6}),
)
PEERS = {(peer.name, peer.task): peer for peer in _PEERS}
"(name, task) -> the peer"


def peer(name: str, task: str) -> Peer:
    """ValueError names those that are there for ``task``."""
    if (name, task) not in PEERS:
        names = ", ".join(name for name, its_task in PEERS if its_task == task)
        raise ValueError(f"peer {name!r}: for {task} there is {names}")
    return PEERS[name, task]
