"""What the study ``worth`` needs before it is registered: one price for all arms, and a pilot.

    python tools/worth.py calibrate --preset NAME [--task denoise sr] [--rounds 9]
    python tools/worth.py pilot --preset NAME [--task sr] [--seeds 6] [--arms hinas halving]

calibrate times a step of each arm, interleaved, one thread, and writes data/prices/NAME-TASK.json:
do it once on a quiet machine, before any row, as its numbers are part of every job's key. pilot
runs the study with seeds from 900 on, which the study itself never takes, and prints what it shows;
``--json`` keeps the record."""

import argparse
from pathlib import Path

from hinas_book.ch09_against_random import worth
from hinas_book.ch09_against_random.opponents import ARMS
from hinas_book.cli.study import lines
from hinas_book.kit.design import Setting
from hinas_book.kit.registry import studies
from hinas_lab.analysis.campaign import run_design
from hinas_lab.analysis.executors import executor
from hinas_lab.analysis.price import price_file, price_record
from hinas_lab.paths import data
from hinas_lab.presets import preset
from hinas_lab.storage import write_json


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="calibrate, or pilot, the study worth")
    parser.add_argument("what", choices=("calibrate", "pilot"))
    option = parser.add_argument
    option("--preset", required=True)
    option("--task", nargs="+", default=list(worth.TASKS), choices=worth.TASKS)
    option("--data", default="builtin", metavar="NAME|DIR")
    option("--device", default="cpu")
    option("--rounds", type=int, default=9, help="of the calibration")
    option("--folder", type=Path, default=data("prices"), help="where prices are kept")
    option("--seeds", type=int, default=6, help="of the pilot")
    option("--arms", nargs="+", choices=ARMS, help="of the pilot; default: all")
    option("--run", type=Path, default=Path("runs/campaign"), help="folder of finished jobs")
    option("--workers", type=int, default=2)
    option("--json", type=Path, help="where the pilot's record is kept")
    args = parser.parse_args(argv)
    return calibrate(args) if args.what == "calibrate" else pilot(args)


def calibrate(args) -> int:
    for task in args.task:
        record = price_record(preset(args.preset, task), args.data, args.device, args.rounds)
        path = price_file(args.folder, args.preset, task)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, record)
        counts = ", ".join(f"{name} {value}" for name, value in record["counts"].items())
        spent = ", ".join(f"{name} {value:.1f} s" for name, value in record["predicted"].items())
        print(f"wrote {path}\n  {counts}\n  {spent}")
    return 0


def pilot(args) -> int:
    setting = Setting(base=args.preset, seeds=args.seeds, data=args.data, device=args.device)
    design = worth.design(setting, args.task, args.arms, worth.PILOT)

    def tell(done: int, asked: int):
        print(f"{done} of {asked} jobs", end="\r", flush=True)

    with executor("process", args.workers) as pool:
        record = run_design(design, args.run, pool, tell)
    if args.json:
        write_json(args.json, record)
    print(*lines(record, studies()["worth"]), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
