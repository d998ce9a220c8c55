"""``hinas-lab search``: search an architecture."""

from hinas_lab.cli.common import add_run_options, follow, resolve, task_options, use_machine


def add(commands):
    parser = commands.add_parser(
        "search", help="search an architecture: writes genotype.json and the supernet"
    )
    task_options(parser)
    add_run_options(parser)
    parser.set_defaults(run_command=run)


def run(args) -> int:
    chosen = resolve(args, args.task, args.scale, ("space", "search"))
    from hinas_lab.runs.folder import load_genotype, open_search

    work = open_search(
        args.run,
        chosen,
        data=args.data,
        device=use_machine(args),
        resume=args.resume,
        graphs=args.graphs,
    )
    if work.finished:
        print(f"{args.run}: this search is finished")
        return 0
    for _ in follow(work, "search"):
        pass
    print(summary(work))
    print(f"genotype: {load_genotype(args.run)}")
    print(f"wrote {args.run}/genotype.json, best.safetensors, records.npz")
    options = f" --data {args.data}" if args.data != "builtin" else ""
    options += " --sigma " + " ".join(f"{s:g}" for s in args.sigma) if args.sigma else ""
    print(
        f"next: hinas-lab train --genotype {args.run} --preset {args.preset}{options} --run NEW_FOLDER"
    )
    return 0


def summary(work) -> str:
    """Three lines: did alpha and beta move, and which supernet was kept."""
    from hinas_lab.config import SearchConfig, SearchSpace, from_dict
    from hinas_lab.records import kept_row
    from hinas_lab.space.decode import normalise_beta

    records, space = work.records.arrays(), from_dict(SearchSpace, work.header["space"])
    keep, best = (
        from_dict(SearchConfig, work.header["search"]).keep_supernet,
        int(records["epoch/best"][-1]),
    )
    row = kept_row(records, keep)
    first, now = (
        [float(records[f"epoch/{name}"][i]) for name in ("alpha_entropy", "beta_entropy")]
        for i in (0, row)
    )
    shift = abs(
        normalise_beta(space, records["epoch/beta"][row])
        - normalise_beta(space, records["epoch/beta"][0])
    ).max()
    which = f"best on V, epoch {best}" if best else "none was validated: the last"
    which = (
        which
        if keep == "best"
        else "the last, as asked" + f" (best on V: epoch {best})" * bool(best)
    )
    return (
        f"entropy of alpha {first[0]:.2f} -> {now[0]:.2f} (ln 7 = 1.95: undecided), of beta {first[1]:.2f} -> {now[1]:.2f}\n"
        f"the width choice moved most by {shift:.2f} in probability; skip share {records['epoch/skip_share'][row]:.0%}\n"
        f"supernet kept: {which}; operations and widths are decoded from it"
    )
