"""``hinas-lab bench``: ours against the literal way, as ratios within one run."""

import textwrap
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from hinas_book.kit.study_options import add_json_option, check_count, check_figures


def add(commands):
    parser = commands.add_parser(
        "bench",
        help="speed and memory of ours against the literal way, as ratios",
        description="Costs of ours (a) over costs of the other way (b), interleaved in one "
        "process; below 1 is better. With one thread, then with all of them. At most 8 minutes.",
    )
    option = parser.add_argument
    option(
        "--limits",
        action="store_true",
        help="instead: FLOP/s against what the machine can do, and how the cost of a step grows; "
        "one thread",
    )
    option("--preset", help="of --limits (default: classroom) and --device (default: paper)")
    option(
        "--figures",
        type=Path,
        metavar="DIR",
        help="with --limits: draw the growth into DIR/scaling-PRESET.png",
    )
    option(
        "--device",
        metavar="D",
        help="instead, on that device (cuda, mps, cpu): steps with and without graphs, training, "
        "validation, memory, the compact net, whole searches",
    )
    option(
        "--weight-gradients",
        action="store_true",
        help="with --device: the ways to a convolution's weight gradient, and whole steps with "
        "each",
    )
    option(
        "--quick", action="store_true", help="tiny sizes: seconds, and numbers that mean nothing"
    )
    option(
        "--threads",
        type=int,
        nargs="+",
        metavar="T",
        help="numbers of threads (default: 1, then all)",
    )
    add_json_option(parser)
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from hinas_lab.cli.methods import check_json

    check_json(args.json)
    if args.limits:
        return _limits(args)
    if args.device is not None or args.weight_gradients:
        return _gpu(args)
    return _ratios(args)


def _write(args, device: str, rows: list, **about):
    """The rows (dataclasses) as JSON, where it is asked for."""
    from hinas_lab.storage import environment, write_json

    if args.json:
        machine = environment(0, device) | about.pop("machine", {})
        write_json(args.json, {"machine": machine, **about, "rows": list(map(asdict, rows))})


def _ratios(args) -> int:
    import torch

    from hinas_book.bench.fast_and_literal import bench

    before = torch.get_num_threads()
    rows = []
    for threads in args.threads or sorted({1, before}):
        check_count("threads", threads, most=1024)
        torch.set_num_threads(threads)
        print(f"{threads} thread{'s' * (threads > 1)}: a : b{'ratio':>49}{'±':>8}{'a':>8}")
        for row in bench(args.quick):
            forms = {
                "s": f"{1e3 * row.a:.3g} ms",
                "bytes": f"{row.a / 1e6:.4g} MB",
                "calls": f"{row.a:.0f}",
            }
            print(
                f"  {row.what:<56.56}{row.ratio:>6.3f} {row.spread:>5.3f} {forms[row.unit]:>8}",
                flush=True,
            )
            rows.append(row)
    # as it was, for whoever calls this within a process that goes on
    torch.set_num_threads(before)
    _write(args, "cpu", rows, quick=args.quick)
    return 0


def _gpu(args) -> int:
    from hinas_book.bench import gpu, gradient_ways
    from hinas_lab.cli.common import use_machine
    from hinas_lab.presets import preset

    base = "tiny" if args.quick else preset(args.preset or "paper").name
    # without --threads: it has another meaning here
    device = use_machine(Namespace(device=args.device or "cpu", threads=None))
    bench = gradient_ways if args.weight_gradients else gpu
    rows = []
    for row in bench.readings(device, args.quick, base=base):
        print(f"{row.what:<46.46} {row.value:>9.4g} {row.unit}", flush=True)
        if row.note:
            indent = " " * 4
            note = textwrap.fill(row.note, 80, initial_indent=indent, subsequent_indent=indent)
            print(note, flush=True)
        rows.append(row)
        # after each: nothing is lost when time runs out
        _write(args, device, rows, preset=base, quick=args.quick)
    return 0


def _limits(args) -> int:
    import torch
    from tqdm import tqdm

    from hinas_book.bench.limits import SIZES, machine, scaling
    from hinas_lab.presets import preset

    check_figures(args.figures)
    chosen = preset(args.preset or "classroom")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    sizes = SIZES
    if args.quick:
        sizes = {what: values[:2] for what, values in SIZES.items()}
    speeds = machine()
    points = scaling(chosen.space, chosen.search, sizes)
    points = list(tqdm(points, total=sum(map(len, sizes.values())), desc="sizes", disable=None))
    torch.set_num_threads(before)
    grouped = {what: [] for what in sizes}
    for point in points:
        grouped[point.what].append(point)
    print(f"one thread, preset {chosen.name}, forward and backward of the supernet")
    _print_speeds(speeds, points)
    _print_growth(grouped)
    if args.figures:
        _draw(grouped, args.figures / f"scaling-{chosen.name}.png")
    about = {"threads": 1, "flops_per_s": speeds}
    _write(args, "cpu", points, machine=about, preset=chosen.name)
    return 0


def _print_speeds(speeds: dict[str, float], points):
    for name, speed in speeds.items():
        print(f"  this machine, {name}: {speed / 1e9:.0f} GFLOP/s")
    # FLOP/s of each size that was timed
    reached = [point.flops / point.seconds for point in points]
    print(
        f"  a step: {min(reached) / 1e9:.0f} to {max(reached) / 1e9:.0f} GFLOP/s, at best "
        f"{max(reached) / speeds['convolution']:.0%} of that convolution"
    )


def _print_growth(grouped: dict[str, list]):
    from hinas_book.bench.limits import slope

    for what, points in grouped.items():
        print(
            f"  {what:<7}{points[0].size:>3} to {points[-1].size:<3} "
            f"seconds ~ {what}^{slope(points, 'seconds'):.2f}, "
            f"FLOPs ^{slope(points, 'flops'):.2f}, bytes kept ^{slope(points, 'kept'):.2f}"
        )


def _draw(grouped: dict[str, list], path: Path):
    from hinas_book.bench.scaling import figure_scaling
    from hinas_lab.drawing.style import png, theme
    from hinas_lab.storage import write_atomic

    rows = {what: list(map(asdict, points)) for what, points in grouped.items()}
    with theme():
        data = png(figure_scaling(rows))
    write_atomic(path, data)
    print(f"wrote {path}")
