"""``hinas-lab bench``: ours against the literal way, as ratios within one run."""

import textwrap
from dataclasses import asdict
from pathlib import Path


def add(commands):
    parser = commands.add_parser(
        "bench",
        help="speed and memory of ours against the literal way, as ratios",
        description="Costs of ours (a) over costs of the other way (b), interleaved in one process; below 1 is "
        "better. With one thread, then with all of them. At most 8 minutes.",
    )
    parser.add_argument(
        "--limits",
        action="store_true",
        help="instead: FLOP/s against what the machine can do, and how the cost of a step grows; one thread",
    )
    parser.add_argument(
        "--preset", help="of --limits (default: classroom) and --device (default: paper)"
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="with --limits: draw the growth into DIR/scaling-PRESET.png",
    )
    parser.add_argument(
        "--device",
        metavar="D",
        help="instead, on that device (cuda, mps, cpu): steps with and without graphs, training, validation, memory, the "
        "compact net, whole searches",
    )
    parser.add_argument(
        "--weight-gradients",
        action="store_true",
        help="with --device: the ways to a convolution's weight gradient, and whole steps with each",
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: seconds, and numbers that mean nothing"
    )
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        metavar="T",
        help="numbers of threads (default: 1, then all)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.set_defaults(run_command=run)


def run(args) -> int:
    import torch

    from hinas_book.bench.fast_and_literal import bench
    from hinas_lab.cli.methods import check_json
    from hinas_lab.storage import environment, write_json

    check_json(args.json)
    if args.limits:
        return _limits(args)
    if args.device is not None or args.weight_gradients:
        return _gpu(args)
    before, rows = torch.get_num_threads(), []
    for threads in args.threads or sorted({1, before}):
        if not 1 <= threads <= 1024:
            raise ValueError(f"threads = {threads}: must be at least 1 and at most 1024")
        torch.set_num_threads(threads)
        print(f"{threads} thread{'s' * (threads > 1)}: a : b{'ratio':>49}{'±':>8}{'a':>8}")
        for row in bench(args.quick):
            shown = {
                "s": f"{1e3 * row.a:.3g} ms",
                "bytes": f"{row.a / 1e6:.4g} MB",
                "calls": f"{row.a:.0f}",
            }[row.unit]
            print(f"  {row.what:<56.56}{row.ratio:>6.3f} {row.spread:>5.3f} {shown:>8}", flush=True)
            rows.append(row)
    torch.set_num_threads(before)
    if args.json:
        write_json(
            args.json,
            {
                "machine": environment(0, "cpu"),
                "quick": args.quick,
                "rows": [asdict(r) for r in rows],
            },
        )
    return 0


def _gpu(args) -> int:
    from argparse import Namespace

    from hinas_book.bench import gpu, gradient_ways
    from hinas_lab.cli.common import use_machine
    from hinas_lab.config import preset
    from hinas_lab.storage import environment, write_json

    base = "tiny" if args.quick else preset(args.preset or "paper").name
    device, rows = use_machine(Namespace(device=args.device or "cpu", threads=None)), []
    readings = gradient_ways if args.weight_gradients else gpu
    for r in readings.readings(device, args.quick, base=base):
        note = textwrap.fill(r.note, 80, initial_indent="    ", subsequent_indent="    ")
        print(f"{r.what:<46.46} {r.value:>9.4g} {r.unit}" + f"\n{note}" * bool(note), flush=True)
        rows.append(asdict(r))
        if args.json:  # after each: nothing is lost when time runs out
            write_json(
                args.json,
                {
                    "machine": environment(0, device),
                    "preset": base,
                    "quick": args.quick,
                    "rows": rows,
                },
            )
    return 0


def _limits(args) -> int:
    import torch
    from tqdm import tqdm

    from hinas_book.bench.limits import SIZES, machine, scaling, slope
    from hinas_lab.config import preset
    from hinas_lab.storage import environment, write_atomic, write_json

    if args.figures and not args.figures.is_dir():
        raise ValueError(f"--figures {args.figures}: no such folder; make it first")
    chosen, before = preset(args.preset or "classroom"), torch.get_num_threads()
    torch.set_num_threads(1)
    sizes = {what: values[:2] for what, values in SIZES.items()} if args.quick else SIZES
    can = machine()
    points = list(
        tqdm(
            scaling(chosen.space, chosen.search, sizes),
            total=sum(map(len, sizes.values())),
            desc="sizes",
            disable=None,
        )
    )
    torch.set_num_threads(before)
    grouped = {what: [p for p in points if p.what == what] for what in sizes}
    print(f"one thread, preset {chosen.name}, forward and backward of the supernet")
    for name, speed in can.items():
        print(f"  this machine, {name}: {speed / 1e9:.0f} GFLOP/s")
    best = max(p.flops / p.seconds for p in points)
    print(
        f"  a step: {min(p.flops / p.seconds for p in points) / 1e9:.0f} to {best / 1e9:.0f} GFLOP/s, at best "
        f"{best / can['convolution']:.0%} of that convolution"
    )
    for what, some in grouped.items():
        print(
            f"  {what:<7}{some[0].size:>3} to {some[-1].size:<3} seconds ~ {what}^{slope(some, 'seconds'):.2f}, "
            f"FLOPs ^{slope(some, 'flops'):.2f}, bytes kept ^{slope(some, 'kept'):.2f}"
        )
    if args.figures:
        from hinas_book.bench.scaling import figure_scaling
        from hinas_lab.draw.style import png, theme

        with theme():
            drawn = png(
                figure_scaling({what: [asdict(p) for p in some] for what, some in grouped.items()})
            )
        write_atomic(args.figures / f"scaling-{chosen.name}.png", drawn)
        print(f"wrote {args.figures / f'scaling-{chosen.name}.png'}")
    if args.json:
        write_json(
            args.json,
            {
                "machine": environment(0, "cpu") | {"threads": 1, "flops_per_s": can},
                "preset": chosen.name,
                "rows": [asdict(p) for p in points],
            },
        )
    return 0
