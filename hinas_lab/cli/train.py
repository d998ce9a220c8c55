"""``hinas-lab train``: train a decoded network."""

from dataclasses import replace
from pathlib import Path

from hinas_lab.cli.common import add_run_options, follow, resolve, use_machine


def add(commands):
    parser = commands.add_parser("train", help="train the network of a genotype")
    parser.add_argument(
        "--genotype",
        required=True,
        metavar="FILE|RUN",
        help="genotype.json or the folder of a search",
    )
    parser.add_argument("--task", help="must agree with the genotype, when given")
    parser.add_argument("--scale", type=int, help="must agree with the genotype, when given")
    add_run_options(parser)
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from hinas_lab.runs.folder import load_genotype, load_network, open_training, read_header

    genotype = load_genotype(args.genotype)
    for name in ("task", "scale"):
        asked = getattr(args, name)
        if asked is not None and asked != getattr(genotype, name):
            raise ValueError(
                f"{name} = {asked!r}: the genotype is for {name} {getattr(genotype, name)!r}"
            )
    chosen = resolve(
        args, genotype.task, genotype.scale, ("train",)
    )
    if Path(args.genotype).is_dir():  # residual learning as in the search
        header = read_header(args.genotype)
        residual = header["space"]["residual"] if header["kind"] == "search" else header["residual"]
        chosen = chosen._replace(space=replace(chosen.space, residual=residual))
    work = open_training(
        args.run,
        genotype,
        chosen,
        data=args.data,
        device=use_machine(args),
        resume=args.resume,
        graphs=args.graphs,
    )
    if work.finished:
        print(f"{args.run}: this training is finished")
        return 0
    for _ in follow(work, "train"):
        pass
    _, info = load_network(args.run)
    print(
        f"trained {info['parameters']:,} parameters (preset {chosen.name}, seed {args.seed}); "
        f"last loss {work.records.steps['loss'][-1]:.4f}"
    )
    print(f"next: hinas-lab restore PHOTO --run {args.run} --out restored.png")
    return 0
