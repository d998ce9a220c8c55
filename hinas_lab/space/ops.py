"""The table of candidate operations (Section 3.1 of the paper). No torch here: names, kernels and
colours only.

``layers.py`` turns a row into a module. Which operations compete in a search, and in which order
along the last axis of alpha, is ``SearchSpace.ops``; adding a row here, or from outside with
``add_operation``, changes no space that does not name it."""

from dataclasses import dataclass

KINDS = ("conv", "sep", "skip", "none")


@dataclass(frozen=True)
class Op:
    """One candidate operation: LeakyReLU -> convolution -> batch norm, or skip, or none."""

    name: str
    code: str
    "short letter code for drawings"
    kind: str
    """conv (dense convolution), sep (depthwise + pointwise, repeated), skip (identity) or none
    (zero)"""
    kernel: int = 1
    dilation: int = 1
    colour: str = "#56B4E9"
    "of its curves and arrows, #RRGGBB; drawings always print the letter code beside it"

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(
                f"operation {self.name!r}: kind = {self.kind!r}: must be one of {KINDS}"
            )
        if self.kernel % 2 == 0 or self.kernel < 1 or self.dilation < 1:
            raise ValueError(
                f"operation {self.name!r}: needs an odd kernel and a dilation of 1 or more"
            )

    def reach(self, repeats: int = 2) -> int:
        """How many pixels to each side one output pixel sees."""
        stages = repeats if self.kind == "sep" else 1
        return (self.kernel // 2) * self.dilation * stages


# The paper's seven, in the order of its list; colours from Okabe and Ito's palette, safe for
# colour-blind readers.
_PAPER = (
    Op("conv_3x3", "c3", "conv", 3, colour="#0072B2"),
    Op("sep_3x3", "s3", "sep", 3, colour="#E69F00"),
    Op("sep_5x5", "s5", "sep", 5, colour="#D55E00"),
    Op("dil_3x3", "d3", "conv", 3, 2, colour="#009E73"),
    Op("dil_5x5", "d5", "conv", 5, 2, colour="#CC79A7"),
    Op("skip", "id", "skip", colour="#555555"),
    Op("none", "no", "none", colour="#BBBBBB"),
)
OPS: dict[str, Op] = {op.name: op for op in _PAPER}
"name -> operation: all that a search space may name"
OP_NAMES = tuple(op.name for op in _PAPER)
"the operations of the paper, which a space has unless it names others"
CHOICES = tuple(name for name in OP_NAMES if name != "none")
"what an edge of such a space may hold once it is decoded"
NONE, SKIP = OP_NAMES.index("none"), OP_NAMES.index("skip")
"their places in it"


def add_operation(op: Op):
    """Make ``op`` known, so that a space can name it. ValueError when another operation has its
    name or its letter code."""
    for known in OPS.values():
        if known != op and op.name == known.name or op.code == known.code and op.name != known.name:
            raise ValueError(
                f"operation {op.name!r} ({op.code}): {known.name!r} ({known.code}) is there already"
            )
    OPS[op.name] = op


def choices_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """What a decoded edge may hold: ``names`` without the kind none."""
    return tuple(name for name in names if OPS[name].kind != "none")
