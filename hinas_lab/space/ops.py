"""The table of candidate operations (Section 3.1 of the paper). No torch here: names, kernels and letters only.

The order is fixed: it is the last axis of alpha. ``layers.py`` turns a row into a module.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Op:
    """One candidate operation: LeakyReLU -> convolution -> batch norm, or skip, or none."""

    name: str
    code: str
    "short letter code for drawings"
    kind: str
    "conv (dense convolution), sep (depthwise + pointwise, repeated), skip (identity) or none (zero)"
    kernel: int = 1
    dilation: int = 1

    def reach(self, repeats: int = 2) -> int:
        """How many pixels to each side one output pixel sees."""
        return (self.kernel // 2) * self.dilation * (repeats if self.kind == "sep" else 1)


OPS: dict[str, Op] = {
    op.name: op
    for op in (
        Op("conv_3x3", "c3", "conv", 3),
        Op("sep_3x3", "s3", "sep", 3),
        Op("sep_5x5", "s5", "sep", 5),
        Op("dil_3x3", "d3", "conv", 3, 2),
        Op("dil_5x5", "d5", "conv", 5, 2),
        Op("skip", "id", "skip"),
        Op("none", "no", "none"),
    )
}
OP_NAMES = tuple(OPS)
NONE = OP_NAMES.index("none")
SKIP = OP_NAMES.index("skip")
CHOICES = tuple(name for name in OP_NAMES if name != "none")
"what a decoded edge may hold"
