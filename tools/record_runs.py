"""Make the recorded searches of ``data/runs`` again: all of them, or those that are named.

    python tools/record_runs.py               about a minute and a half each, one CPU thread
    python tools/record_runs.py hasty affine
    python tools/record_runs.py --table       only print the table of data/README.md,
                                              from the records

On one machine the same records come out again, bit for bit, but for the seconds. Weights are not
kept."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hinas_book.kit.recorded import CHANGES, RUNS, recorded_run, setting
from hinas_lab.config import SearchConfig, from_dict
from hinas_lab.records import kept_row, read_records
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import write_atomic

KEPT = ("config.json", "env.json", "records.npz", "genotype.json")


def record(name: str, base: Path = RUNS):
    """Run the search ``name`` to its end on the CPU and keep what a replay needs in
    ``base/name``."""
    import torch

    from hinas_lab.runs.folder import open_search

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for _ in open_search(Path(folder) / name, setting(name)).steps():
            pass
        (base / name).mkdir(parents=True, exist_ok=True)
        for file in KEPT:
            write_atomic(base / name / file, (Path(folder) / name / file).read_bytes())


def row(name: str) -> list[str]:
    """What a recorded search came to, as cells of the table."""
    folder = recorded_run(name)
    config = json.loads((folder / "config.json").read_text())
    search, records = from_dict(SearchConfig, config["search"]), read_records(folder)
    changes = ", ".join(f"{k} {v}" for k, v in CHANGES[name].items()) or "nothing"
    best, kept = (kept_row(records, keep) for keep in ("best", search.keep_supernet))
    skip, entropy, psnr, score = (
        records[f"epoch/{n}"] for n in ("skip_share", "alpha_entropy", "psnr", "score")
    )

    def validated(at: int) -> str:
        return f"{score[at]:.3f} ({psnr[at]:.2f} dB)"

    first, last = records["epoch/epoch"][[int(np.argmax(skip)), -1]]
    genotype = str(Genotype.from_json((folder / "genotype.json").read_text())).partition(" path ")[
        2
    ]
    return [
        f"`{name}`",
        changes,
        f"{entropy[kept]:.2f}",
        f"{skip.max():.0%} in {first}",
        f"{skip[kept]:.0%}",
        f"{validated(best)} in {records['epoch/epoch'][best]}",
        f"{validated(-1)} in {last}",
        genotype,
    ]


def table() -> str:
    """The Markdown table of data/README.md."""
    head = [
        "run",
        "changed",
        "entropy of alpha",
        "highest skip share",
        "skip share",
        "V score: best",
        "last",
        "genotype",
    ]
    rows = [head, ["---"] * len(head), *map(row, CHANGES)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(CHANGES)} (default: all)"
    )
    parser.add_argument(
        "--table", action="store_true", help="run nothing, print the table of data/README.md"
    )
    args = parser.parse_args(argv)
    unknown = [name for name in args.names if name not in CHANGES]
    if unknown:
        parser.error(f"{unknown[0]!r} is no recorded run; known: {', '.join(CHANGES)}")
    for name in () if args.table else args.names or CHANGES:
        began = time.perf_counter()
        record(name)
        size = sum((RUNS / name / file).stat().st_size for file in KEPT)
        print(
            f"{name}: {time.perf_counter() - began:.0f} s, {size / 1000:.0f} kB",
            file=sys.stderr,
            flush=True,
        )
    if args.table:
        print(table(), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
