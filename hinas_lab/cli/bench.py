"""``hinas-lab bench``: ours against the literal way, as ratios within one run."""

from dataclasses import asdict
from pathlib import Path


def add(commands):
    parser = commands.add_parser("bench", help="speed and memory of ours against the literal way, as ratios",
                                 description="Costs of ours (a) over costs of the other way (b), interleaved in one process; below 1 is "
                                             "better. With one thread, then with all of them. At most 8 minutes.")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: seconds, and numbers that mean nothing")
    parser.add_argument("--threads", type=int, nargs="+", metavar="T", help="numbers of threads (default: 1, then all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.set_defaults(run_command=run)


def run(args) -> int:
    import torch

    from hinas_lab.cli.methods import check_json
    from hinas_lab.storage import environment, write_json
    from hinas_lab.studies.bench import bench

    check_json(args.json)
    before, rows = torch.get_num_threads(), []
    for threads in args.threads or sorted({1, before}):
        if not 1 <= threads <= 1024:
            raise ValueError(f"threads = {threads}: must be at least 1 and at most 1024")
        torch.set_num_threads(threads)
        print(f"{threads} thread{'s' * (threads > 1)}: a : b{'ratio':>49}{'±':>8}{'a':>8}")
        for row in bench(args.quick):
            shown = {"s": f"{1e3 * row.a:.3g} ms", "bytes": f"{row.a / 1e6:.4g} MB", "calls": f"{row.a:.0f}"}[row.unit]
            print(f"  {row.what:<56.56}{row.ratio:>6.3f} {row.spread:>5.3f} {shown:>8}", flush=True)
            rows.append(row)
    torch.set_num_threads(before)
    if args.json:
        write_json(args.json, {"machine": environment(0, "cpu"), "quick": args.quick, "rows": [asdict(r) for r in rows]})
    return 0
