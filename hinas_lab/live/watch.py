"""A search to watch without buttons: it plays in the foreground, tells its progress in one line and
leaves a picture. Without widgets."""

import math
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from hinas_lab.config import SearchConfig, SearchSpace, from_dict
from hinas_lab.live.kept import bundle
from hinas_lab.live.moment import Moment
from hinas_lab.live.player import ENDS, Player
from hinas_lab.live.still import figure_moment, pixels, png_of
from hinas_lab.live.widgets import in_kernel
from hinas_lab.records import Epoch, Records, kept_row
from hinas_lab.space.budget import reader
from hinas_lab.space.decode import entropy, skip_share


class Watch:
    """A search, its player and its picture. ``open`` plays it to the end."""

    def __init__(self, run, fps: float, share: float):
        self.player = Player(run)
        self.fps, self.share = fps, share
        self.png = b""
        "the picture that stays"
        self.spent = 0.0
        "seconds that telling took while the search could have run"
        self.frames = 0
        "how often it was told"
        # two threads may want the picture
        self._drawing = threading.Lock()
        self._weighed = -math.inf
        self._memory = ""

    @property
    def space(self) -> SearchSpace:
        return from_dict(SearchSpace, self.player.search.header["space"])

    @property
    def decode(self):
        return reader(self.space, from_dict(SearchConfig, self.player.search.header["search"]))

    @property
    def device(self) -> str:
        """Where the search runs; "" when it is over."""
        patches = getattr(self.player.search.state, "patches", None)
        return str(getattr(patches, "device", ""))

    def result(self, timeout: float | None = None):
        """See ``Player.result``."""
        return self.player.result(timeout)

    def open(self):
        """Play to the end behind a progress line; then draw."""
        write_line = self._progress()
        last = -1.0

        def tell(player: Player):
            nonlocal last
            # Steps may take milliseconds: five lines a second are enough to read.
            if time.monotonic() - last >= 0.2 or player.state in ENDS:
                write_line(self.line())
                last = time.monotonic()

        self.player.subscribe(tell)
        try:
            self.player.run()
        finally:
            self.look()

    def _progress(self) -> Callable[[str], None]:
        """Where the line goes: an output of the cell that is replaced, or tqdm's bar in a
        terminal."""
        if in_kernel():
            from IPython.display import display

            handle = display({"text/plain": self.line()}, raw=True, display_id=True)
            return lambda line: handle.update({"text/plain": line}, raw=True)
        from tqdm import tqdm

        progress = self.player.progress
        bar = tqdm(
            total=progress.total,
            initial=progress.done,
            unit="record",
            desc="search",
            disable=None,
            file=sys.stderr,
            dynamic_ncols=True,
        )

        def write_line(line: str):
            bar.set_postfix_str(line, refresh=False)
            bar.update(self.player.progress.done - bar.n)
            if self.player.state in ENDS:
                bar.close()

        return write_line

    def moment(self) -> Moment:
        """The search now; when it is finished, the epoch that was kept."""
        run, progress, state = self.player.search, self.player.progress, self.player.state
        records = run.records.arrays()
        alpha, beta = run.architecture()
        if not len(records["epoch/epoch"]):
            records = self._first_records(alpha, beta)
        rows = len(records["epoch/epoch"])
        is_epoch_end = progress.iteration == 0 and not getattr(run.state, "halfway", False)
        # The last row is now, when an epoch has just ended: compared with the one before.
        before = rows - 2 if is_epoch_end else rows - 1
        shown = progress.epoch
        if state == "finished":
            kept = kept_row(records, run.header["search"].get("keep", "best"))
            alpha, beta = records["epoch/alpha"][kept], records["epoch/beta"][kept]
            before = kept - 1
            shown = int(records["epoch/epoch"][kept])
            title = f"finished; epoch {shown} was kept"
        elif state in ENDS:
            title = f"{state} in epoch {progress.epoch} of {progress.epochs}"
        elif not is_epoch_end:
            title = f"epoch {progress.epoch} of {progress.epochs}, {progress.phase}"
        elif rows > 1:
            title = f"after epoch {rows - 1} of {progress.epochs}"
        else:
            title = "before the first step"
        past = None
        if before >= 0:
            past = self.decode(
                self.space, records["epoch/alpha"][before], records["epoch/beta"][before]
            )
        previews = run.records.previews
        # Not every epoch has one: the last that was made by then.
        latest = max((epoch for epoch in previews if epoch <= shown), default=None)
        return Moment(
            records=records,
            alpha=alpha,
            beta=beta,
            genotype=self.decode(self.space, alpha, beta),
            before=past,
            preview=previews.get(latest),
            title=title,
        )

    def _first_records(self, alpha: np.ndarray, beta: np.ndarray) -> dict[str, np.ndarray]:
        """The records with epoch 0 alone, as the search will record it."""
        genotype = self.decode(self.space, alpha, beta)
        alpha_entropy, beta_entropy = entropy(self.space, alpha, beta)
        first = Epoch(
            epoch=0,
            alpha=alpha,
            beta=beta,
            beta_grad=0 * beta,
            genotype=genotype,
            alpha_entropy=alpha_entropy,
            beta_entropy=beta_entropy,
            skip_share=skip_share(genotype),
            flips=0,
            best=0,
            seconds=0.0,
        )
        records = Records()
        records.add(first)
        return records.arrays()

    def look(self):
        """Draw the picture that stays. Asked between steps."""
        self.png = png_of(pixels(figure_moment(self.space, self.moment())))

    def line(self) -> str:
        """State, phase, place, speed, time left, device, memory."""
        p, state = self.player.progress, self.player.state
        if state == "elsewhere":
            return f"running in another process · {p.done} records are saved"
        is_over = state in ENDS
        parts = [
            state,
            "" if is_over else p.phase,
            f"epoch {p.epoch}/{p.epochs}, iteration {p.iteration}/{p.iterations}",
        ]
        # Before the first step the speed is nan.
        if not math.isnan(p.seconds):
            parts.append(f"{p.seconds:.3g} s per step")
            parts.append("" if is_over else f"{clock(p.left)} left")
        return " · ".join(filter(None, [*parts, self.device, self.memory()]))

    def memory(self) -> str:
        """``memory_now``, asked once a second: to ask gives the interpreter away, and a thread
        waits until it has it again."""
        now = time.monotonic()
        if now - self._weighed > 1:
            self._memory, self._weighed = memory_now(self.device), now
        return self._memory

    def _ipython_display_(self):
        from IPython.display import display

        data, metadata = bundle(self.png, self.line())
        display(data, metadata=metadata, raw=True)


def clock(seconds: float) -> str:
    """``1:05``, ``2:00:07``."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


def memory_now(device: str = "cpu") -> str:
    """What the process, or torch on a GPU, holds now; "" when that cannot be told."""
    if device.startswith("cuda"):
        # Never imported here: a search on a GPU has done it.
        return f"{sys.modules['torch'].cuda.memory_allocated(device) / 2**20:.0f} MiB on the GPU"
    try:
        from psutil import Process  # comes with every kernel
    except ImportError:
        return ""
    return f"{Process().memory_info().rss / 2**20:.0f} MiB"
