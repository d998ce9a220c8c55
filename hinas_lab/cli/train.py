"""``hinas-lab train``: train a decoded network."""

from dataclasses import replace
from pathlib import Path

from hinas_lab.cli.common import add_run_options, follow, resolve, use_machine
from hinas_lab.presets import Preset


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
    add_run_options(parser, ("train",))
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from hinas_lab.runs.folder import load_genotype, load_network, open_training

    genotype = load_genotype(args.genotype)
    _check_agreement(args, genotype)
    chosen = resolve(args, genotype.task, genotype.scale)
    training = open_training(
        args.run,
        genotype,
        _residual_as_searched(chosen, args.genotype),
        data=args.data,
        device=use_machine(args),
        resume=args.resume,
        graphs=args.graphs,
    )
    if training.finished:
        print(f"{args.run}: this training is finished")
        return 0
    for _ in follow(training, "train"):
        pass
    _, info = load_network(args.run)
    print(
        f"trained {info['parameters']:,} parameters (preset {chosen.name}, seed {args.seed}); "
        f"last loss {training.records.steps['loss'][-1]:.4f}"
    )
    print(f"next: hinas-lab restore PHOTO --run {args.run} --out restored.png")
    return 0


def _check_agreement(args, genotype):
    """ValueError where task or scale are given and not the genotype's."""
    for name in ("task", "scale"):
        asked = getattr(args, name)
        searched = getattr(genotype, name)
        if asked is not None and asked != searched:
            raise ValueError(f"{name} = {asked!r}: the genotype is for {name} {searched!r}")


def _residual_as_searched(chosen: Preset, genotype: str) -> Preset:
    """``chosen`` with the residual learning of the run ``genotype``; a genotype's file does not
    know it, and leaves the preset as it is."""
    from hinas_lab.runs.header import read_header

    if not Path(genotype).is_dir():
        return chosen
    header = read_header(genotype)
    residual = (
        header["space"].get("residual", True) if header["kind"] == "search" else header["residual"]
    )
    return chosen._replace(space=replace(chosen.space, residual=residual))
