"""``hinas-lab evaluate``: the metrics of a run or a classical method on a data set, under a named
protocol."""

import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

from hinas_lab import __version__
from hinas_lab.cli.common import add_machine_options
from hinas_lab.cli.main import say
from hinas_lab.images.metrics import measured_metrics
from hinas_lab.images.tasks import TASKS

LISTED = 25
"images: above that, their rows are in the JSON only"


def add(commands):
    parser = commands.add_parser(
        "evaluate",
        help="measure a run, or a classical method, on a data set",
        description="PSNR and SSIM of every image, their mean and its standard error, "
        "under a protocol that is printed with them. With "
        "--json or --save, the same command continues where it was stopped.",
    )
    parser.add_argument(
        "--method",
        required=True,
        metavar="NAME|RUN|FILE",
        help="folder of a training run; tv, wavelet, nl_means, bm3d, noisy (nothing done); "
        "bicubic for --scale; or another project's weights (.safetensors, .pth; "
        "pip install spandrel)",
    )
    parser.add_argument(
        "--dataset",
        default="builtin",
        metavar="NAME|DIR",
        help="builtin, a set of 'hinas-lab data list', or a folder (default: builtin)",
    )
    parser.add_argument(
        "--sigma",
        type=float,
        nargs="+",
        metavar="S",
        help="noise levels on the 0-255 scale, a row each (default: the run's, if it has one, "
        "else 50)",
    )
    parser.add_argument(
        "--scale",
        type=int,
        nargs="+",
        metavar="S",
        help="upscaling factors, 2, 3 or 4, a row each (default: the run's)",
    )
    parser.add_argument(
        "--protocol",
        metavar="NAME",
        help="how it is measured, with changes as in 'whole + border=4' (default: whole; "
        "whole-rgb for a colour net; sr-standard for super-resolution)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write rows and images as JSON")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="DIR",
        help="write the restored images there, as 8-bit PNG; those of several levels in a folder "
        "each",
    )
    add_machine_options(parser, seed=False)
    parser.set_defaults(
        run_command=run, interrupted="the same command continues, if it had --json or --save"
    )


def run(args) -> int:
    from hinas_lab.cli.methods import check_json, level_of, method_of, pictures
    from hinas_lab.images.protocol import default_protocol, protocol
    from hinas_lab.restoration.measure import check_pictures, mean
    from hinas_lab.restoration.unfinished import plain
    from hinas_lab.storage import environment, write_json

    check_json(args.json)
    if args.json and args.save and args.json.resolve() == args.save.resolve():
        raise ValueError(
            f"--json {args.json} and --save name the same place; "
            "give the pictures a folder of their own"
        )
    method = method_of(args)
    chosen = protocol(args.protocol or default_protocol(method.task, method.channels))
    # every pair is refused where both are given: a method has one of them
    asked = product(args.sigma or [None], args.scale or [None])
    levels = list(dict.fromkeys(level_of(method, chosen, *pair) for pair in asked))
    images, digest = pictures(args.dataset, args.limit)
    targets = _targets(args.save, images, args.dataset, [_folder(chosen, x) for x in levels])
    if args.json or args.save:
        # a noise level asks nothing of a picture, a scale does
        for level in levels if chosen.level == "scale" else levels[:1]:
            check_pictures(images, level, chosen)
    started, totals, all_rows, shown, before = [], [], [], [], 0
    for level, files in zip(levels, targets):
        tag = f".{_folder(chosen, level)}" if len(levels) > 1 else ""
        unfinished = _unfinished(args, method, chosen, level, digest, tag)
        started.append(unfinished)
        rows, kept = _measured(args, method, chosen, level, images, files, unfinished)
        totals.append(
            {
                "dataset": args.dataset,
                "method": args.method,
                chosen.level: level,
                "protocol": chosen.name,
                **mean(rows),
                "peak_mb": _peak_mb(args.device),
            }
        )
        all_rows += rows
        before += kept
        words = TASKS[chosen.task].level_text(level)
        if len(levels) == 1:
            shown.append((rows if len(rows) <= LISTED else [], "mean", totals[-1]))
        else:
            shown.append(([], words, totals[-1]))
    if args.json:  # before a word: who reads may have left
        record = {
            "rows": totals,
            "images": [plain(row) for row in all_rows],
            "protocol": {"name": chosen.name, "text": chosen.text, **asdict(chosen)},
            "stamp": method.stamp,
            "env": environment(chosen.seed, args.device),
        }
        write_json(args.json, record)
    for unfinished in started:
        unfinished.finish()
    for row in shown:
        _print(*row)
    _print_facts(words if len(levels) == 1 else "", totals[-1]["peak_mb"], method, chosen, before)
    _warn_of_training_images(method, args.dataset)
    return 0


def _folder(chosen, level: float) -> str:
    """What is a level's own, beside those of the others: ``sigma-50``, ``scale-2``."""
    return f"{chosen.level}-{level:.15g}"


def _unfinished(args, method, chosen, level, digest: str, tag: str):
    """The rows of an earlier stop, beside what the command writes; under all that decides them.
    ``tag`` tells the file of one of several levels."""
    from hinas_lab.restoration.unfinished import Unfinished

    beside = args.json or (args.save / "images" if args.save else None)
    header = {
        "hinas_lab": __version__,
        "method": args.method,
        **method.stamp,
        "device": args.device,
        "protocol": chosen.name,
        "level": level,
        "dataset": args.dataset,
        "images": digest,
        "save": str(args.save),
    }
    return Unfinished(beside and beside.with_name(f".{beside.name}{tag}.unfinished"), header)


def _measured(args, method, chosen, level, images, targets, unfinished) -> tuple[list, int]:
    """The rows of all ``images``, without their pictures, and how many were there already.

    A row of an earlier stop counts when the picture that belongs to it is there, too.
    """
    from tqdm import tqdm

    from hinas_lab.restoration.measure import measure
    from hinas_lab.restoration.photo_file import Photo, write_photo

    restore = method.restore(level)
    rows, kept = [], 0
    for number, name in enumerate(tqdm(images, desc="evaluate", unit="image", disable=None)):
        row = unfinished.rows.get((chosen.name, name))
        # a picture may have been deleted since its row was kept
        if row and (not targets or targets[name].exists()):
            kept += 1
        else:
            row = measure(args.method, restore, name, images[name], number, level, chosen)
            if targets:
                # no folder before there is a picture for it
                targets[name].parent.mkdir(parents=True, exist_ok=True)
                write_photo(targets[name], Photo(row.restored))
            unfinished.add(row)
        rows.append(replace(row, restored=None))  # 100 pictures of DIV2K are 3 GB
    return rows, kept


def _warn_of_training_images(method, dataset: str):
    from hinas_lab.cli.methods import trained_on_them

    seen = trained_on_them(method, dataset)
    if seen:
        say(
            f"hinas-lab: warning: {method.name} was trained on {seen} of the images of {dataset}: "
            "these numbers say nothing about other pictures"
        )


def _targets(
    folder: Path | None, images: Iterable[str], dataset: str, names: list[str]
) -> list[dict[str, Path]]:
    """Image -> file to write, for each of the levels called ``names``; one level's pictures lie in
    ``folder`` itself.

    ValueError when two images would be one file, or the pictures would join the data set.
    """
    from hinas_lab.images.datasets.catalog import locate

    if folder is None:
        return [{} for _ in names]
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--save {folder}: is a file; name a folder")
    if folder.resolve().is_relative_to(locate(dataset).folder.resolve()):
        raise ValueError(
            f"--save {folder}: lies in the data set {dataset}, whose images it would join; "
            "choose another folder"
        )
    owner = {}
    for name in images:
        target = folder / Path(name).with_suffix(".png")
        # a.png and a.bmp would both be a.png
        if owner.setdefault(target, name) != name:
            raise ValueError(
                f"--save {folder}: {owner[target]} and {name} would both become {target}"
            )
    targets = []
    for level in names:
        own = folder / level if len(names) > 1 else folder
        targets.append({name: own / file.relative_to(folder) for file, name in owner.items()})
    return targets


def _peak_mb(device: str) -> float | None:
    """Peak memory so far, 10^6 bytes: of the process, or of the GPU. None where the system does not
    tell."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return getrusage(RUSAGE_SELF).ru_maxrss * unit / 1e6


def _print(listed: list, name: str, total: dict):
    """The rows of some images, and their mean under ``name``."""
    width = max(len(name), *(len(row.image) for row in listed), 0)
    for row in listed:
        print(_line(f"{row.image:<{width}}", row.scores, row.seconds))
    mean_line = _line(f"{name:<{width}}", total, total["seconds"])
    print(f"{mean_line}  (n = {total['n']}, standard error {_standard_error(total)})")


def _print_facts(level: str, peak_mb: float | None, method, chosen, kept: int):
    """What was measured and how."""
    facts = [
        level,
        _origin(method.stamp),
        f"peak memory {peak_mb:.0f} MB" if peak_mb else "",
        f"{kept} of the images measured before" if kept else "",
    ]
    print(", ".join(filter(None, facts)))
    print(
        textwrap.fill(f"protocol {chosen.name}: {chosen.text}", 79, subsequent_indent="  "),
        flush=True,
    )


def _line(name: str, scores: Mapping[str, float], seconds: float) -> str:
    """A printed row: what was measured, a column for each metric, seconds."""
    values = [metric.text(scores[metric.name], width=6) for metric in measured_metrics()]
    return "  ".join([name, *values, f"{seconds:7.2f} s"])


def _standard_error(total: dict) -> str:
    if total["n"] == 1:
        return "unknown"
    return ", ".join(metric.text(total[f"{metric.name}_se"]) for metric in measured_metrics())


def _origin(stamp: dict) -> str:
    """Where a net comes from; empty for a classical method."""
    if "preset" in stamp:
        return f"preset {stamp['preset']}, training seed {stamp['seed']}"
    return f"{stamp['architecture']}, weights from elsewhere" if stamp else ""
