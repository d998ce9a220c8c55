"""What several commands share: options, presets with changes, progress."""

import argparse
import json
from dataclasses import replace

from hinas_lab.config import TASKS, field_names
from hinas_lab.presets import PRESETS, Preset, preset

EXAMPLES = {
    "space": "space.lwas=false",
    "search": "search.arch_lr=0.01",
    "train": "train.loss.lam=0",
}
"part of a preset -> one of its fields, for the help"


def add_run_options(parser: argparse.ArgumentParser, parts: tuple[str, ...]):
    """The options of ``search`` and ``train``; ``parts`` as for ``add_set_option``."""
    parser.add_argument(
        "--preset", default="classroom", help=f"{', '.join(PRESETS)} (default: classroom)"
    )
    parser.add_argument(
        "--data",
        default="builtin",
        metavar="NAME|DIR",
        help="builtin (photographs of scikit-image), a set of 'hinas-lab data list', or a folder",
    )
    parser.add_argument(
        "--sigma", type=float, nargs="+", metavar="S", help="noise levels on the 0-255 scale"
    )
    add_set_option(parser, parts)
    parser.add_argument("--run", required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue the run if it is there")
    parser.add_argument(
        "--graphs",
        default="auto",
        help="CUDA graphs, the same numbers faster on an NVIDIA GPU: auto, on, off (auto)",
    )
    add_machine_options(parser)


def add_set_option(parser: argparse.ArgumentParser, parts: tuple[str, ...]):
    """Changes of single fields, as ``resolve`` reads them. ``parts``: those of a preset that the
    command uses (space, search, train); fields of the others would be ignored, so ``resolve``
    refuses them."""
    examples = ", ".join(EXAMPLES[part] for part in parts)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help=f"change one field, e.g. {examples}",
    )
    parser.set_defaults(parts=parts)


def add_machine_options(parser: argparse.ArgumentParser, seed: bool = True):
    """Seed, device and threads."""
    if seed:
        parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)"
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")


def task_options(parser: argparse.ArgumentParser):
    """Task and scale."""
    parser.add_argument(
        "--task", default="denoise", help=f"{' or '.join(TASKS)} (default: denoise)"
    )
    parser.add_argument("--scale", type=int, help="upscaling factor of sr: 2, 3 or 4")


def resolve(args: argparse.Namespace, task: str, scale: int | None) -> Preset:
    """The preset with the command line's changes to the parts that its command uses; ValueError
    names what is wrong."""
    from hinas_lab.runs.folder import with_seed

    chosen = with_seed(preset(args.preset, task, scale), args.seed)
    if args.sigma:
        if not TASKS[task].has_levels:
            raise ValueError("sigma: super-resolution adds no noise; leave --sigma out")
        sigmas = tuple(args.sigma)
        chosen = chosen._replace(
            search=replace(chosen.search, sigmas=sigmas), train=replace(chosen.train, sigmas=sigmas)
        )
    for change in args.set:
        chosen = _change(chosen, change, args.parts)
    return chosen


def _change(chosen: Preset, change: str, parts: tuple[str, ...]) -> Preset:
    """``chosen`` with one ``part.field=value``; its name gets a star, as it is the preset's no
    more."""
    path, equals, text = change.partition("=")
    part, _, name = path.partition(".")
    if not equals or part not in parts or not name:
        forms = " or ".join(f"{part}.FIELD=VALUE" for part in parts)
        raise ValueError(f"--set {change}: write {forms}")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:  # a word, without the quotes that a shell would take away
        value = text
    if isinstance(value, list):  # fields hold tuples, which JSON has not
        value = tuple(value)
    try:
        config = _replace(getattr(chosen, part), name, value)
    except KeyError:
        raise ValueError(f"--set {change}: {part} has no field {name}") from None
    except TypeError:
        raise ValueError(f"--set {change}: this value does not fit {part}.{name}") from None
    return chosen._replace(name=chosen.name.rstrip("*") + "*", **{part: config})


def _replace(config, name: str, value):
    """``config`` with another value of field ``name``, by any name it ever had; ``loss.lam`` is a
    field of its loss. KeyError when there is none."""
    outer, _, inner = name.partition(".")
    field = field_names(type(config))[outer]
    # only the loss has fields of its own, and it is no single value
    if (field == "loss") != bool(inner):
        raise KeyError(name)
    if inner:
        value = _replace(config.loss, inner, value)
    return replace(config, **{field: value})


def use_machine(args: argparse.Namespace) -> str:
    """Set the threads; the device as torch names it. ValueError when it is not there."""
    import torch

    from hinas_lab.training.numerics import use_device

    if args.threads is not None:
        if not 1 <= args.threads <= 1024:
            raise ValueError(f"threads = {args.threads}: must be at least 1 and at most 1024")
        torch.set_num_threads(args.threads)
    return use_device(args.device)


def follow(run, title: str):
    """``runs.progress.follow``, loaded when it is used."""
    from hinas_lab.runs.progress import follow as followed

    return followed(run, title)
