"""``hinas-lab memory``: what a step of a search needs, from its configuration alone, and what each
lever saves."""

import random
from dataclasses import asdict, replace
from pathlib import Path

from hinas_lab.cli.common import resolve, task_options
from hinas_lab.config import PRESETS


def add(commands):
    parser = commands.add_parser(
        "memory",
        help="memory of a search step, from the configuration alone",
        description="Bytes of a weight step: parameters, gradients, optimiser, and what is kept for the "
        "backward pass; with each lever, and with cell sharing off.",
    )
    parser.add_argument("--preset", default="paper", help=f"{', '.join(PRESETS)} (default: paper)")
    task_options(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change one field, e.g. search.batch=24",
    )
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
    parser.set_defaults(run_command=run, sigma=None, seed=0)


def run(args) -> int:
    from hinas_lab.cli.methods import check_json
    from hinas_lab.space.genotype import sample
    from hinas_lab.space.supernet import SuperNet
    from hinas_lab.storage import environment, write_json
    from hinas_lab.training.step_memory import (
        kept_bytes,
        largest_batch,
        search_step,
        sharing_factors,
        supernet_loss,
        training_step,
    )

    if not 0 < args.fit < 1e6:
        raise ValueError(f"fit = {args.fit}: must be above 0, in 10^9 bytes")
    check_json(args.json)
    chosen = resolve(args, args.task, args.scale, ("space", "search"))
    space, config = chosen.space, chosen.search
    levers = {
        "as configured": (space, config),
        "checkpoint": (space, replace(config, checkpoint=True)),
        "bfloat16": (space, replace(config, precision="bfloat16")),
        "checkpoint, bfloat16": (space, replace(config, checkpoint=True, precision="bfloat16")),
        "cell sharing off": (replace(space, cell_sharing="off"), config),
    }
    print(
        f"a weight step at preset {chosen.name}, {space.task}, batch {config.batch}, patch {config.patch}; 10^6 bytes"
    )
    print(f"{'':<22}{'kept':>9}{'again':>9}{'state':>8}{'total':>9}   batch in {args.fit:g} GB")
    rows = []
    for name, (s, c) in levers.items():
        need = search_step(s, c)
        fits = largest_batch(
            lambda n, s=s, c=c: search_step(s, replace(c, batch=n)).total, int(args.fit * 1e9)
        )
        print(
            f"{name:<22}{need.kept / 1e6:>9.1f}{need.again / 1e6:>9.1f}{need.state / 1e6:>8.1f}{need.total / 1e6:>9.1f}   {fits}"
        )
        rows.append({"what": name, **asdict(need), "total": need.total, "largest_batch": fits})
    print(
        "kept: what backward reads; again: the largest cell, a second time\nstate: parameters, gradients, optimiser\n"
    )
    layer, saved, off, on = (
        _moves(space),
        sharing_factors(space, config),
        rows[-1]["kept"],
        rows[0]["kept"],
    )
    widest = max(layer, key=layer.get)
    print("cell sharing off : on (the paper: a factor of 3)")
    for what, evaluations, kept in (
        ("whole supernet", f"{len(space.moves)} : {sum(map(len, space.cells))}", off / on),
        ("one full layer", f"{sum(layer.values())} : {len(layer)}", saved["one layer"]),
        (f"one cell, width {widest}", f"{layer[widest]} : 1", saved["one cell"]),
    ):
        print(f"  {what:<18} cells {evaluations:>7}   kept {kept:.2f} x")
    trained = training_step(sample(space, random.Random(0)), chosen.train)
    print(
        f"\ntraining a random net of {chosen.train.width} channels, batch {chosen.train.batch}: kept {trained.kept / 1e6:.1f}, "
        f"state {trained.state / 1e6:.1f}"
    )
    if args.measure:
        net = SuperNet(space)
        counted = kept_bytes(lambda: supernet_loss(net, config), list(net.parameters()))
        print(
            f"counted on this CPU as configured: {counted / 1e6:.1f}, predicted : counted = {on / counted:.4f}"
        )
        rows[0]["counted"] = counted
    if args.json:
        write_json(
            args.json,
            {
                "preset": chosen.name,
                "task": space.task,
                "batch": config.batch,
                "patch": config.patch,
                "rows": rows,
                "env": environment(0, "cpu"),
            },
        )
    return 0


def _moves(space) -> dict[int, int]:
    """Width of each cell of the last layer -> how many moves enter it."""
    last = space.layers - 1
    return {
        i: sum(m.layer == last and m.target == i for m in space.moves) for i in space.cells[last]
    }
