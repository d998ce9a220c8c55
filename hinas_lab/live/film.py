"""A search as numbers, for the board that the browser draws (``static/board.js``): JSON, a few
hundred bytes a record. No torch.

A film is ``{head, steps, epochs, pictures, now}``. Probabilities travel as 16-bit numbers in
base64: exact to 0.00001, a third of the size of their digits.
"""

import math
from base64 import b64encode
from collections.abc import Mapping

import numpy as np

from hinas_lab.config import SearchConfig, SearchSpace, from_dict
from hinas_lab.drawing import style
from hinas_lab.live.recordings import Recording
from hinas_lab.records import KINDS, Epoch, Records, columns_of
from hinas_lab.space.budget import Budget, reader
from hinas_lab.space.decode import normalise_beta, softmax
from hinas_lab.space.ops import OPS

NUMBERS = ("score", "psnr", "ssim", "alpha_entropy", "beta_entropy", "skip_share", "flips", "best")
"columns of an epoch that the board draws"
COSTS = ("expected_cost", "decoded_cost", "mu")
"those of a search under a budget"
NOT_DRAWN = ("epoch", "alpha", "beta", "beta_grad", "seconds", *COSTS)
MOST_STEPS = 4000
"of a recorded search, evenly thinned: a page stays small"


class Camera:
    """Turns the records of one search into pieces of its film.

    header: the run's ``config.json``; name: what the board calls it; device: where it runs.
    """

    def __init__(self, header: Mapping, name: str, device: str = ""):
        self.space = from_dict(SearchSpace, header["space"])
        self.search = from_dict(SearchConfig, header["search"])
        self.budget = None if self.search.budget is None else Budget.parse(self.search.budget)
        self.decode = reader(self.space, self.search)
        self.head = self._head(header, name, device)

    def _head(self, header: Mapping, name: str, device: str) -> dict:
        """What is known before the first step."""
        space = self.space
        operations = []
        for op in space.ops:
            colour = style.op_colour(op)
            operations.append(
                {
                    "name": op,
                    "code": OPS[op].code,
                    "label": style.op_label(op),
                    "colour": colour,
                    "ink": style.ink_on(colour),
                    "keepable": OPS[op].kind != "none",
                }
            )
        head = {
            "name": name,
            "preset": header["preset"],
            "seed": self.search.seed,
            "device": device,
            "epochs": self.search.epochs,
            "warmup": min(self.search.warmup_epochs, self.search.epochs),
            "layers": space.layers,
            "tied": not space.lwas,
            "channels": space.channels,
            "ops": operations,
            "edges": [list(edge) for edge in space.edges],
            "widths": list(space.width_factors),
            "columns": [[0], *(list(widths) for widths in space.cells)],
            "moves": [[move.layer, move.source, move.target] for move in space.moves],
            "norm": space.beta_norm,
        }
        if self.budget is not None:
            unit = self.budget.unit
            amount = number(self.budget.amount / unit.factor)
            head["budget"] = {"amount": amount, "unit": unit.name, "counted": unit.counted}
        return head

    def architecture(self, alpha: np.ndarray, beta: np.ndarray) -> dict:
        """alpha (L, E, K) or (E, K) and beta (M,), logits: their probabilities, and what they
        decode to."""
        genotype = self.decode(self.space, alpha, beta)
        cells = []
        for cell in genotype.cells:
            cells.append([_numbered(self.space, node) for node in cell])
        return {
            "alpha": pack(softmax(np.asarray(alpha, dtype=np.float64))),
            "beta": pack(normalise_beta(self.space, beta)),
            "cells": cells,
            "path": list(genotype.path),
            "value": genotype.path_score,
        }

    def epoch(self, columns: Mapping, row: int) -> dict:
        """One epoch; ``columns``: name -> values, as ``Records.epochs`` has them."""
        numbers = {name: number(columns[name][row]) for name in NUMBERS}
        more = {}
        for name in columns_of(Epoch):
            if name not in NUMBERS and name not in NOT_DRAWN:
                more[name] = number(columns[name][row])
        if self.budget is not None:
            factor = self.budget.unit.factor
            # before the first step nothing is recorded of them
            nothing = [math.nan] * (row + 1)
            expected, decoded, mu = (columns.get(name, nothing)[row] for name in COSTS)
            numbers["expected"] = number(expected / factor)
            numbers["decoded"] = number(decoded / factor)
            numbers["mu"] = number(mu)
        what = self.architecture(columns["alpha"][row], columns["beta"][row])
        return {"epoch": int(columns["epoch"][row]), **numbers, **what, "more": more}

    def steps(self, columns: Mapping, rows, iterations: int) -> list[list]:
        """Steps as [place on the epoch axis, kind, loss]: epoch e fills (e - 1, e], an arch step
        comes half an iteration before its weight step."""
        arch = KINDS.index("arch")
        steps = []
        for row in rows:
            kind = int(columns["kind"][row])
            iteration = columns["iteration"][row] - 0.5 * (kind == arch)
            place = columns["epoch"][row] - 1 + iteration / max(1, iterations)
            steps.append([round(float(place), 4), kind, number(columns["loss"][row])])
        return steps

    def piece(self, records: Records, start: tuple[int, int], iterations: int) -> dict:
        """What a running search recorded after its first ``start`` (steps, epochs).

        ``start`` must be taken from an earlier piece: ``from`` plus what that piece holds."""
        steps, epochs = records.counts
        pictures = []
        for epoch in list(records.previews):
            if start[1] == 0 or epoch > records.epochs["epoch"][start[1] - 1]:
                pictures.append(picture(epoch, records.previews[epoch]))
        return {
            "from": list(start),
            "steps": self.steps(records.steps, range(start[0], steps), iterations),
            "epochs": [self.epoch(records.epochs, row) for row in range(start[1], epochs)],
            "pictures": pictures,
        }


def film_of(recording: Recording) -> dict:
    """The film of a recorded search."""
    columns = recording.records
    camera = Camera(recording.header, recording.folder.name)
    groups: dict[str, dict] = {"step": {}, "epoch": {}}
    for name, values in columns.items():
        group, _, column = name.partition("/")
        groups.setdefault(group, {})[column] = values
    steps = groups["step"]
    every = math.ceil(len(steps["kind"]) / MOST_STEPS) or 1
    if every > 1:
        # an odd stride meets both kinds of step where they take turns
        every += every % 2 == 0
    rows = range(0, len(steps["kind"]), every)
    iterations = int(steps["iteration"].max(initial=1))
    pictures = groups.get("preview", {"epoch": [], "images": []})
    return {
        "head": camera.head,
        "steps": camera.steps(steps, rows, iterations),
        "epochs": [camera.epoch(groups["epoch"], row) for row in range(recording.last + 1)],
        "pictures": [picture(*pair) for pair in zip(pictures["epoch"], pictures["images"])],
        "now": None,
    }


def pack(probabilities: np.ndarray) -> str:
    """Numbers in [0, 1] as 16-bit integers, little end first, in base64."""
    whole = np.rint(np.clip(probabilities, 0, 1) * 65535).astype("<u2")
    return b64encode(whole.tobytes()).decode()


def picture(epoch: int, images: np.ndarray) -> dict:
    """A preview, uint8 (2, C, P, P): bytes in base64."""
    soft, wired = (b64encode(np.ascontiguousarray(image).tobytes()).decode() for image in images)
    return {"epoch": int(epoch), "size": list(images.shape[-2:]), "soft": soft, "wired": wired}


def number(value) -> float | None:
    """A number with five significant digits; None where it is not finite (JSON has no nan)."""
    value = float(value)
    return float(f"{value:.5g}") if math.isfinite(value) else None


def _numbered(space: SearchSpace, node) -> list[list[int]]:
    """A node's edges as [operation's number, source]."""
    return [[space.ops.index(op), source] for op, source in node]
