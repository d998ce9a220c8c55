"""``hinas-lab search``: search an architecture."""

from hinas_lab.cli.common import add_run_options, follow, resolve, task_options, use_machine


def add(commands):
    parser = commands.add_parser("search", help="search an architecture: writes genotype.json and the supernet")
    task_options(parser)
    add_run_options(parser)
    parser.set_defaults(run_command=run)


def run(args) -> int:
    chosen = resolve(args, args.task, args.scale)
    from hinas_lab.engine.runs import load_genotype, open_search

    work = open_search(args.run, chosen, data=args.data, device=use_machine(args), resume=args.resume)
    if work.finished:
        print(f"{args.run}: this search is finished")
        return 0
    for _ in follow(work, "search"):
        pass
    print(summary(work))
    print(f"genotype: {load_genotype(args.run)}")
    print(f"wrote {args.run}/genotype.json, best.safetensors, records.npz")
    print(f"next: hinas-lab train --genotype {args.run} --preset {args.preset} --run NEW_FOLDER")
    return 0


def summary(work) -> str:
    """Two lines: did alpha and beta move, and which supernet was kept."""
    records = work.records.arrays()
    best = int(records["epoch/best"][-1])
    kept = best if best else int(records["epoch/epoch"][-1])
    row = int((records["epoch/epoch"] == kept).argmax())
    first, now = (tuple(float(records[f"epoch/{name}"][i]) for name in ("alpha_entropy", "beta_entropy")) for i in (0, row))
    which = f"best on V: epoch {best}" if best else "none was validated: the last"
    return (f"entropy of alpha {first[0]:.2f} -> {now[0]:.2f} (ln 7 = 1.95), of beta {first[1]:.2f} -> {now[1]:.2f}; "
            f"skip share {records['epoch/skip_share'][row]:.0%}\nsupernet kept ({which}); path and operations decoded from it")
