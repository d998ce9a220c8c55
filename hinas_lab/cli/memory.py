"""``hinas-lab memory``: what a step of a search needs, from its configuration alone, and what each
lever saves."""

import random
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

from hinas_lab.cli.common import add_set_option, resolve, task_options
from hinas_lab.presets import PRESETS, Preset

ROW = "{:<22}{:>9}{:>9}{:>8}{:>9}   {}"
"a line of the table of levers: name, four columns of megabytes, batch"


def add(commands):
    parser = commands.add_parser(
        "memory",
        help="memory of a search step, from the configuration alone",
        description="Bytes of a weight step: parameters, gradients, optimiser, and what is kept "
        "for the backward pass; with each lever, and with cell sharing off.",
    )
    parser.add_argument("--preset", default="paper", help=f"{', '.join(PRESETS)} (default: paper)")
    task_options(parser)
    add_set_option(parser, ("space", "search", "train"))
    parser.add_argument(
        "--fit",
        type=float,
        default=8.0,
        metavar="GB",
        help="also the largest batch that fits into so many 10^9 bytes (8)",
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="also run the forward pass and count what is really kept",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    # ``resolve`` reads these two; neither changes a byte
    parser.set_defaults(run_command=run, sigma=None, seed=0)


def run(args) -> int:
    from hinas_lab.cli.methods import check_json

    if not 0 < args.fit < 1e6:
        raise ValueError(f"fit = {args.fit}: must be above 0, in 10^9 bytes")
    check_json(args.json)
    chosen = resolve(args, args.task, args.scale)
    rows = _print_levers(chosen, args.fit)
    as_configured, sharing_off = rows[0], rows[-1]
    _print_sharing(chosen, sharing_off["kept"] / as_configured["kept"])
    _print_training(chosen)
    if args.measure:
        as_configured["counted"] = _print_counted(chosen, as_configured["kept"])
    if args.json:
        _write(args.json, chosen, rows)
    return 0


def _levers(chosen: Preset) -> dict[str, tuple]:
    """Name -> (space, search config): the preset first, then each lever, sharing off last."""
    space, config = chosen.space, chosen.search
    both = replace(config, checkpoint=True, precision="bfloat16")
    return {
        "as configured": (space, config),
        "checkpoint": (space, replace(config, checkpoint=True)),
        "bfloat16": (space, replace(config, precision="bfloat16")),
        "checkpoint, bfloat16": (space, both),
        "cell sharing off": (replace(space, cell_sharing="off"), config),
    }


def _print_levers(chosen: Preset, fit: float) -> list[dict]:
    """The table of a weight step; returns its rows in bytes. ``fit``: 10^9 bytes that the largest
    batch is for."""
    print(
        f"a weight step at preset {chosen.name}, {chosen.space.task}, "
        f"batch {chosen.search.batch}, patch {chosen.search.patch}; 10^6 bytes"
    )
    print(ROW.format("", "kept", "again", "state", "total", f"batch in {fit:g} GB"))
    rows = []
    for name, (space, config) in _levers(chosen).items():
        rows.append(_print_lever(name, space, config, int(fit * 1e9)))
    print("kept: what backward reads; again: the largest cell, a second time")
    print("state: parameters, gradients, optimiser")
    print("bfloat16: NVIDIA GPUs of capability 8.0 or more; a T4: float16, as small\n")
    return rows


def _print_lever(name: str, space, config, limit: int) -> dict:
    """A line of the table, and the same in bytes. ``limit``: bytes for the largest batch."""
    from hinas_lab.training.step_memory import largest_batch, search_step

    need = search_step(space, config)
    fits = largest_batch(lambda n: search_step(space, replace(config, batch=n)).total, limit)
    columns = [f"{size / 1e6:.1f}" for size in (need.kept, need.again, need.state, need.total)]
    print(ROW.format(name, *columns, fits))
    return {"what": name, **asdict(need), "total": need.total, "largest_batch": fits}


def _print_sharing(chosen: Preset, supernet_factor: float):
    """How many cells are evaluated and how many bytes kept without sharing, over those with it: in
    the whole supernet (``supernet_factor``), the last layer, its cell with the most moves."""
    from hinas_lab.training.step_memory import sharing_factors

    space = chosen.space
    factors = sharing_factors(space, chosen.search)
    # the last layer has every width, the first ones do not
    last = space.layers - 1
    cells = space.cells[last]
    moves_into = Counter(move.target for move in space.moves if move.layer == last)
    widest = max(cells, key=lambda cell: moves_into[cell])
    all_cells = sum(len(layer) for layer in space.cells)

    print("cell sharing off : on (the paper: a factor of 3)")
    for what, off, on, kept in (
        ("whole supernet", len(space.moves), all_cells, supernet_factor),
        ("one full layer", moves_into.total(), len(cells), factors["one layer"]),
        (f"one cell, width {widest}", moves_into[widest], 1, factors["one cell"]),
    ):
        evaluated = f"{off} : {on}"
        print(f"  {what:<18} cells {evaluated:>7}   kept {kept:.2f} x")


def _print_training(chosen: Preset):
    from hinas_lab.space.genotype import sample
    from hinas_lab.training.step_memory import training_step

    config = chosen.train
    need = training_step(sample(chosen.space, random.Random(0)), config)
    print(
        f"\ntraining a random net of {config.width} channels, batch {config.batch}: "
        f"kept {need.kept / 1e6:.1f}, state {need.state / 1e6:.1f}"
    )


def _print_counted(chosen: Preset, predicted: int) -> int:
    """Bytes that a real forward pass keeps on this CPU, beside those ``predicted``."""
    from hinas_lab.space.supernet import SuperNet
    from hinas_lab.training.step_memory import kept_bytes, supernet_loss

    net = SuperNet(chosen.space)
    counted = kept_bytes(lambda: supernet_loss(net, chosen.search), list(net.parameters()))
    print(
        f"counted on this CPU as configured: {counted / 1e6:.1f}, "
        f"predicted : counted = {predicted / counted:.4f}"
    )
    return counted


def _write(path: Path, chosen: Preset, rows: list[dict]):
    from hinas_lab.storage import environment, write_json

    values = {
        "preset": chosen.name,
        "task": chosen.space.task,
        "batch": chosen.search.batch,
        "patch": chosen.search.patch,
        "rows": rows,
        "env": environment(0, "cpu"),
    }
    write_json(path, values)
