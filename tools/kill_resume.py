"""Kill searches and trainings at random moments, resume them, compare their results with those of
undisturbed runs.

    python tools/kill_resume.py --kills 100

Each attempt is a process of its own, stopped by SIGKILL or left to finish. Every run saves after
every iteration, so that many kills land while a file is written. Compared: genotype.json and
best.safetensors byte for byte, and the records, all but the seconds. Prints one line; exit code 1
when a result differs. Needs os.fork (Linux, macOS)."""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch._dynamo  # the first optimiser would import it, in every process anew

from hinas_lab.presets import preset
from hinas_lab.records import read_records
from hinas_lab.runs.folder import load_genotype, open_search, open_training

Work = Callable[[Path], None]
"runs a folder to its end, from wherever it stands"


def search_to_end(folder: Path, *, data: str, epochs: int, crops: int):
    """Preset ``tiny``, saved after every iteration."""
    tiny = preset("tiny")
    tiny = tiny._replace(search=replace(tiny.search, epochs=epochs, crops_per_image=crops))
    for _ in open_search(folder, tiny, data=data, resume=True).steps(save_seconds=0.0):
        pass


def train_to_end(folder: Path, *, data: str, genotype: Path, iterations: int):
    """As ``search_to_end``."""
    tiny = preset("tiny")
    tiny = tiny._replace(train=replace(tiny.train, iterations=iterations))
    for _ in open_training(folder, load_genotype(genotype), tiny, data=data, resume=True).steps(
        save_seconds=0.0
    ):
        pass


def attempt(work: Callable[[], None], delay: float | None = None) -> bool:
    """``work`` in a child process: True when it was killed (after ``delay`` seconds, or by itself),
    else False.

    RuntimeError, with its traceback, when it failed.
    """
    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os.write(target, traceback.format_exc().encode())
            os._exit(1)
        os._exit(0)
    os.close(target)
    end = time.monotonic() + (float("inf") if delay is None else delay)
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)  # not waited for yet, so the number is still the child's
            ended = os.waitpid(child, 0)
            break
        time.sleep(0.001)
    with open(source) as said:
        error = said.read()
    if error:
        raise RuntimeError(error)
    return os.WIFSIGNALED(ended[1])


def result(folder: Path) -> dict[str, bytes]:
    """What must be the same, by name."""
    records = read_records(folder)
    files = {name: (folder / name).read_bytes() for name in ("genotype.json", "best.safetensors")}
    return files | {
        name: column.tobytes() for name, column in records.items() if not name.endswith("/seconds")
    }


def differences(a: dict[str, bytes], b: dict[str, bytes]) -> list[str]:
    return [name for name in sorted(a | b) if a.get(name) != b.get(name)]


class Undisturbed(NamedTuple):
    """What a run gives when nobody kills it."""

    result: dict[str, bytes]
    seconds: float


class Counts(NamedTuple):
    """What ``disturb`` did. ``runs``: finished, by kind; ``wrong``: of these, how many ended with
    something else."""

    kills: int
    writing: int
    "kills that left a half-written file"
    runs: dict[str, int]
    wrong: int


def undisturbed(works: dict[str, Work], base: Path) -> dict[str, Undisturbed]:
    """Run each of ``works`` in a folder of its name."""
    out = {}
    for kind, work in works.items():
        start = time.monotonic()
        attempt(partial(work, base / kind))
        out[kind] = Undisturbed(result(base / kind), time.monotonic() - start)
    return out


def disturb(
    works: dict[str, Work],
    expected: dict[str, Undisturbed],
    base: Path,
    kills: int,
    rng: random.Random,
) -> Counts:
    """Run ``works`` in turns, each killed one to three times, until ``kills`` are done."""
    done, writing, wrong, runs, folder = 0, 0, 0, dict.fromkeys(works, 0), base / "killed"
    while done < kills:
        kind = min(runs, key=runs.get)
        left = min(rng.randint(1, 3), kills - done)
        while True:
            before = set(folder.glob(".*"))
            delay = rng.uniform(0, 0.7 * expected[kind].seconds) if left else None
            if not attempt(partial(works[kind], folder), delay):
                break
            left, done, writing = (
                left - 1,
                done + 1,
                writing + bool(set(folder.glob(".*")) - before),
            )
        runs[kind] += 1
        if odd := differences(expected[kind].result, result(folder)):
            wrong += 1
            print(f"{kind} run {runs[kind]}: {', '.join(odd)} differ", file=sys.stderr)
        shutil.rmtree(folder)
    return Counts(done, writing, runs, wrong)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--data", default="builtin", metavar="NAME|DIR")
    parser.add_argument("--epochs", type=int, default=3, help="of a search")
    parser.add_argument(
        "--crops", type=int, default=4, help="of each image in an epoch of a search"
    )
    parser.add_argument("--iterations", type=int, default=60, help="of a training")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        works = {
            "search": partial(search_to_end, data=args.data, epochs=args.epochs, crops=args.crops),
            "train": partial(
                train_to_end, data=args.data, genotype=base / "search", iterations=args.iterations
            ),
        }
        counts = disturb(
            works, undisturbed(works, base), base, args.kills, random.Random(args.seed)
        )
    print(
        f"kills {counts.kills} ({counts.writing} while a file was written), "
        f"runs {sum(counts.runs.values())} "
        f"({counts.runs['search']} searches, {counts.runs['train']} trainings), "
        f"identical {f'no ({counts.wrong} differ)' if counts.wrong else 'yes'}"
    )
    return 1 if counts.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
