"""A run behind a progress bar."""

import sys
from collections.abc import Iterator

from tqdm import tqdm

from hinas_lab.records import Epoch, Step
from hinas_lab.searching.loop import Search


def follow(run, title: str) -> Iterator[Step | Epoch]:
    """Step ``run`` to its end behind a progress bar with the time left; yields its records."""
    state = run.state
    if state is None:
        return
    if isinstance(state, Search):
        done = state.epoch * state.steps + state.iteration
        total = state.config.epochs * state.steps
    else:
        done, total = state.iteration, state.config.iterations
    note = ""
    bar = tqdm(
        total=total,
        initial=done,
        desc=title,
        unit="it",
        dynamic_ncols=True,
        disable=None,
        file=sys.stderr,
        mininterval=0.2,
    )
    with bar:
        for record in run.steps():
            if isinstance(record, Epoch):
                note = _epoch_note(record, state.config)
            elif record.kind == "train":
                bar.update(record.iteration - bar.n)
                note = f"loss {record.loss:.4f}"
            elif record.kind == "weight":
                bar.update()
            bar.set_postfix_str(note, refresh=False)
            yield record


def _epoch_note(record, config) -> str:
    phase = "warm-up" if record.epoch < config.warmup_epochs else "alternating"
    validated = record.psnr == record.psnr  # not nan
    score = f", V {record.psnr:.2f} dB" if validated else ""
    return (
        f"epoch {record.epoch}/{config.epochs} {phase}, entropy {record.alpha_entropy:.2f}{score}"
    )
