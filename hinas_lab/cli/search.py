"""``hinas-lab search``: search an architecture."""

from math import log

from hinas_lab.cli.common import add_run_options, follow, resolve, task_options, use_machine


def add(commands):
    parser = commands.add_parser(
        "search", help="search an architecture: writes genotype.json and the supernet"
    )
    task_options(parser)
    parser.add_argument(
        "--budget",
        help="what the found net may cost: 1.5GMAC, 0.2M (parameters), 30ms (default: anything)",
    )
    parser.add_argument(
        "--latency",
        metavar="FILE",
        help="what operations take on this machine, for a budget in ms: a file of "
        "'hinas-lab latency'",
    )
    add_run_options(parser, ("space", "search"))
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from hinas_lab.runs.folder import load_genotype, open_search
    from hinas_lab.space.budget import cost_text

    chosen = resolve(args, args.task, args.scale)
    # the threads first: a latency table is of so many
    device = use_machine(args)
    if args.budget is not None or args.latency is not None:
        chosen = chosen.with_budget(args.budget, args.latency)
    search = open_search(
        args.run,
        chosen,
        data=args.data,
        device=device,
        resume=args.resume,
        graphs=args.graphs,
    )
    if search.finished:
        print(f"{args.run}: this search is finished")
        return 0
    for _ in follow(search, "search"):
        pass
    print(summary(search))
    genotype = load_genotype(args.run)
    print(f"genotype: {genotype}")
    if chosen.search.budget is not None:
        print(f"it costs {cost_text(chosen.space, chosen.search, genotype)}")
    print(f"wrote {args.run}/genotype.json, best.safetensors, records.npz")
    print(f"next: {_train_command(args)}")
    return 0


def _train_command(args) -> str:
    """The command that trains what this search found, on the same data and noise levels."""
    command = f"hinas-lab train --genotype {args.run} --preset {args.preset}"
    if args.data != "builtin":
        command += f" --data {args.data}"
    if args.sigma:
        command += " --sigma " + " ".join(f"{sigma:g}" for sigma in args.sigma)
    return f"{command} --run NEW_FOLDER"


def summary(search) -> str:
    """Three lines about a finished search run: did alpha and beta move, and which supernet was
    kept."""
    from hinas_lab.config import SearchConfig, SearchSpace, from_dict
    from hinas_lab.records import kept_row
    from hinas_lab.space.decode import normalise_beta

    records = search.records.arrays()
    space = from_dict(SearchSpace, search.header["space"])
    keep = from_dict(SearchConfig, search.header["search"]).keep_supernet
    # row 0 is the state before the first step
    row = kept_row(records, keep)
    alpha_entropy = records["epoch/alpha_entropy"]
    beta_entropy = records["epoch/beta_entropy"]
    beta = records["epoch/beta"]
    operations = len(space.ops)
    moved = abs(normalise_beta(space, beta[row]) - normalise_beta(space, beta[0])).max()
    return (
        f"entropy of alpha {alpha_entropy[0]:.2f} -> {alpha_entropy[row]:.2f} "
        f"(ln {operations} = {log(operations):.2f}: undecided), "
        f"of beta {beta_entropy[0]:.2f} -> {beta_entropy[row]:.2f}\n"
        f"the width choice moved most by {moved:.2f} in probability; "
        f"skip share {records['epoch/skip_share'][row]:.0%}\n"
        f"supernet kept: {_kept_text(keep, int(records['epoch/best'][-1]))}; "
        "operations and widths are decoded from it"
    )


def _kept_text(keep: str, best: int) -> str:
    """Which supernet is the result; ``best``: the epoch of the best score on V, 0 for none."""
    if keep == "best":
        return f"best on V, epoch {best}" if best else "none was validated: the last"
    text = "the last, as asked"
    return f"{text} (best on V: epoch {best})" if best else text
