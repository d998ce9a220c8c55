"""``hinas-lab latency``: milliseconds of a preset's nets, and of their pieces, on this machine."""

from functools import partial
from math import log
from pathlib import Path
from shlex import quote
from statistics import median

from hinas_lab.cli.common import add_machine_options, task_options, use_machine
from hinas_lab.presets import PRESETS, preset

NOTABLE = 1.25
"""factor by which an operation's milliseconds and MACs, from the narrowest to the widest, differ so
that it is said"""


def add(commands):
    parser = commands.add_parser(
        "latency",
        help="milliseconds of a preset's nets on this machine",
        description="Times every piece that a net of the preset's space can have, as restore runs "
        "it, on one picture of 320 x 480 pixels; fits them to random nets timed whole, and prints "
        "the error on other random nets. Exit code 1, and nothing is written, when it ranks them "
        "with a rho below 0.9.",
    )
    parser.add_argument(
        "--preset", default="classroom", help=f"{', '.join(PRESETS)} (default: classroom)"
    )
    task_options(parser)
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        metavar="N",
        help="how often everything is timed; more are steadier on a busy machine (5)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the table (default: below $HINAS_DATA or the user's cache, named by machine)",
    )
    add_machine_options(parser, seed=False)
    parser.set_defaults(run_command=run, interrupted="nothing was written")


def run(args) -> int:
    from tqdm import tqdm

    from hinas_lab.analysis import latency
    from hinas_lab.cli.main import say
    from hinas_lab.space.latency_table import table_path

    chosen = preset(args.preset, args.task, args.scale)
    device = use_machine(args)
    path = args.out or table_path(chosen, device)
    _check_out(args.out)
    # disable=None: drawn on a terminal only
    bar = partial(tqdm, desc="latency", unit="", leave=False, dynamic_ncols=True, disable=None)
    measured = latency.measure(chosen, device, args.rounds, progress=bar)
    for line in _lines(measured, chosen):
        print(line)
    try:
        measured.table.check_error()
    except ValueError as error:
        say(f"hinas-lab: {error}; {path} is left as it was")
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    measured.table.save(path)
    print(f"wrote {path}")
    print(f"next: {_search_command(measured, path, args.threads)}")
    return 0


def _search_command(measured, path: Path, threads: int | None) -> str:
    """A search under a budget by the table that was written: what the median net takes."""
    ms = median(measured.checked.values())
    command = measured.table.command.replace(" latency ", " search ", 1)
    command += f" --budget {ms:.1f}ms --latency {quote(str(path))}"
    # a table is of so many
    command += "" if threads is None else f" --threads {threads}"
    return f"{command} --run NEW_FOLDER"


def _check_out(path: Path | None):
    """ValueError when the table could not be written there: before minutes of measuring."""
    if path and not path.resolve().parent.is_dir():
        raise ValueError(f"--out {path}: its folder does not exist")
    if path and path.is_dir():
        raise ValueError(f"--out {path}: is a folder; name a file")


def _lines(measured, chosen):
    """The report, line by line. ``measured``: an ``analysis.latency.Measured``."""
    table = measured.table
    whole = sorted(measured.checked.values())
    yield f"{table.machine}"
    yield (
        f"preset {chosen.name}, {chosen.space.task} x{table.shape.scale}: {len(table.pieces)} "
        f"pieces, one picture of 320 x 480, {table.machine.clock}"
    )
    yield (
        f"{len(whole)} random nets that the fit did not see, {whole[0]:.1f} to {whole[-1]:.1f} ms:"
    )
    yield f"  table  rho {table.rho:.2f}, median error {table.median_error:.1f} %"
    yield f"  MACs   rho {measured.macs_rho:.2f}"
    yield (
        f"of every net: start {_span(table, 'start')}, end {_span(table, 'end')}, "
        f"fixed {table.fixed:.1f} ms"
    )
    yield from _operations(table, chosen.space)


def _span(table, kind: str) -> str:
    """Milliseconds of a piece that every net has, over the channels that it may have."""
    ms = [value for part, value in table.pieces.items() if part.kind == kind]
    return f"{ms[0]:.1f} ms" if len(ms) == 1 else f"{min(ms):.1f} to {max(ms):.1f} ms"


def _operations(table, space):
    """Milliseconds of each operation at each width, and where they and MACs disagree."""
    from hinas_lab.space.cost import Part, part_convolutions
    from hinas_lab.space.ops import OPS

    widths = sorted({part.source for part in table.pieces if part.kind in OPS})
    narrow, wide = widths[0], widths[-1]
    columns = "".join(f"{width:>8}" for width in widths)
    factors = f"  {wide} : {narrow}      MACs" if narrow < wide else ""
    yield f"\n{'ms at channels':<16}{columns}{factors}"
    odd = []
    for name in space.choices:
        ms, work = [], []
        for width in widths:
            part = Part(name, width, width)
            ms.append(table.part_cost(part))
            work.append(sum(c.weights for c in part_convolutions(part, space, **table.shape.net)))
        line = f"{name:<16}" + "".join(f"{value:>8.2f}" for value in ms)
        # an operation without convolutions has no MACs
        if narrow < wide and work[0] and ms[0]:
            slower, larger = ms[-1] / ms[0], work[-1] / work[0]
            line += f"{slower:>8.1f} x{larger:>8.1f} x"
            odd.append((abs(log(slower / larger)), name, slower, larger))
        yield line
    if odd and max(odd)[0] > log(NOTABLE):
        _, name, slower, larger = max(odd)
        yield (
            f"MACs and milliseconds disagree: {name} with {wide} channels has {larger:.1f} times "
            f"the MACs\nof {narrow} channels and takes {slower:.1f} times as long"
        )
