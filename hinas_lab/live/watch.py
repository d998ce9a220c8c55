"""A search to watch without buttons: it plays in the foreground, tells its progress in one line and leaves a picture. Without widgets."""

import base64
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from hinas_lab.config import SearchSpace, from_dict
from hinas_lab.live.board.board import Board, Moment
from hinas_lab.live.player import ENDS, Player
from hinas_lab.records import kept_row
from hinas_lab.space.decode import decode, entropy, skip_share


class Watch:
    """A search, its player and its picture. ``open`` plays it to the end."""

    def __init__(self, run, fps: float, share: float, memory: Callable[[], str] | None = None):
        self.player = Player(run)
        self.space = from_dict(SearchSpace, run.header["space"])
        self.fps, self.share = fps, share
        patches = getattr(run.state, "patches", None)
        self.device = str(getattr(patches, "device", "cpu"))
        self.memory = memory or (lambda: memory_now(self.device))
        self.png, self.spent, self.frames = b"", 0.0, 0
        "the last picture; seconds of drawing while the search could have run; pictures drawn"
        self._board: Board | None = None
        self._drawing = threading.RLock()

    def result(self, timeout: float | None = None):
        """See ``Player.result``."""
        return self.player.result(timeout)

    @property
    def figure(self):
        """The board as a matplotlib figure."""
        return self.board.figure

    @property
    def board(self) -> Board:
        if self._board is None:
            self._board = Board(self.space, self.player.progress.epochs)
        return self._board

    def open(self):
        """Play to the end behind a progress line; then draw."""
        say, last = self._progress(), -1.0

        def tell(player: Player):
            nonlocal last
            if time.monotonic() - last >= 0.2 or player.state in ENDS:
                say(self.line())
                last = time.monotonic()

        self.player.subscribe(tell)
        try:
            self.player.run()
        finally:
            self.look()

    def _progress(self) -> Callable[[str], None]:
        """Where the line goes: an output of the cell that is replaced, or tqdm's bar in a terminal."""
        if in_kernel():
            from IPython.display import display

            handle = display({"text/plain": self.line()}, raw=True, display_id=True)
            return lambda line: handle.update({"text/plain": line}, raw=True)
        from tqdm import tqdm

        bar = tqdm(
            total=self.player.progress.total,
            initial=self.player.progress.done,
            unit="record",
            desc="search",
            disable=None,
            file=sys.stderr,
            dynamic_ncols=True,
        )

        def say(line: str):
            bar.set_postfix_str(line, refresh=False)
            bar.update(self.player.progress.done - bar.n)
            if self.player.state in ENDS:
                bar.close()

        return say

    def moment(self) -> Moment:
        """The search now; when it is finished, the epoch that was kept."""
        run, p, state = self.player.search, self.player.progress, self.player.state
        records, (alpha, beta) = run.records.arrays(), run.architecture()
        if not len(records["epoch/epoch"]):
            records |= self._first_row(alpha, beta)
        at_epoch = lambda row: (records["epoch/alpha"][row], records["epoch/beta"][row])  # noqa: E731
        seen, title = len(records["epoch/epoch"]), f"epoch {p.epoch} of {p.epochs}, {p.phase}"
        before = seen - 1
        if p.iteration == 0 and not getattr(
            run.state, "halfway", False
        ):  # at an epoch's end: compared with the one before
            before, title = (
                seen - 2,
                f"after epoch {seen - 1} of {p.epochs}" if seen > 1 else "before the first step",
            )
        if state in ENDS:
            title = f"{state} in epoch {p.epoch} of {p.epochs}"
        if state == "finished":
            kept = kept_row(records, run.header["search"].get("keep", "best"))
            (alpha, beta), before, title = (
                at_epoch(kept),
                kept - 1,
                f"finished; epoch {records['epoch/epoch'][kept]} was kept",
            )
        shown = int(records["epoch/epoch"][kept]) if state == "finished" else p.epoch
        previews = {e: image for e, image in run.records.previews.items() if e <= shown}
        return Moment(
            records=records,
            alpha=alpha,
            beta=beta,
            genotype=decode(self.space, alpha, beta),
            before=decode(self.space, *at_epoch(before)) if before >= 0 else None,
            preview=previews[max(previews)] if previews else None,
            title=title,
        )

    def _first_row(self, alpha: np.ndarray, beta: np.ndarray) -> dict[str, np.ndarray]:
        """Epoch 0 as the search will record it."""
        row = {
            "epoch": 0,
            "alpha": alpha,
            "beta": beta,
            "beta_grad": 0 * beta,
            "score": np.nan,
            "psnr": np.nan,
            "ssim": np.nan,
            "flips": 0,
            "best": 0,
            "seconds": 0.0,
            "skip_share": skip_share(decode(self.space, alpha, beta)),
        }
        row["alpha_entropy"], row["beta_entropy"] = entropy(self.space, alpha, beta)
        return {f"epoch/{name}": np.asarray([value]) for name, value in row.items()}

    def look(self):
        """Draw the search now. Asked between steps."""
        self.draw(self.moment())

    def draw(self, moment: Moment):
        with self._drawing:
            self.png = self.board.png(moment)
            self.frames += 1

    def line(self) -> str:
        """State, phase, place, speed, time left, device, memory."""
        p, state = self.player.progress, self.player.state
        said = [state] if state in ENDS else [state, p.phase]
        said.append(f"epoch {p.epoch}/{p.epochs}, iteration {p.iteration}/{p.iterations}")
        if p.seconds == p.seconds:
            said.append(f"{p.seconds:.3g} s per step")
            if state not in ENDS:
                said.append(f"{clock(p.left)} left")
        return " · ".join(filter(None, [*said, self.device, self.memory()]))

    def _ipython_display_(self):
        from IPython.display import display

        data, metadata = still(self.png, self.line())
        display(data, metadata=metadata, raw=True)


def still(png: bytes, alt: str) -> tuple[dict, dict]:
    """A picture as Jupyter stores it: data and metadata."""
    return {"text/plain": alt, "image/png": base64.b64encode(png).decode()}, {
        "image/png": {"alt": alt}
    }


def clock(seconds: float) -> str:
    """``1:05``, ``2:00:07``."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


def memory_now(device: str = "cpu") -> str:
    """What the process, or torch on a GPU, holds now; "" when that cannot be told."""
    if device.startswith("cuda"):
        return f"{sys.modules['torch'].cuda.memory_allocated(device) / 2**20:.0f} MiB on the GPU"
    try:
        from psutil import Process  # comes with every kernel
    except ImportError:
        return ""
    return f"{Process().memory_info().rss / 2**20:.0f} MiB"


def in_kernel() -> bool:
    """In a notebook's kernel? Loads nothing."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None
