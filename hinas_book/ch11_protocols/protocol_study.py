"""``hinas-lab study protocol``: one method under every protocol, with the paired differences."""

import re
import sys
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

from hinas_book.kit.study_options import check_folder
from hinas_lab import __version__
from hinas_lab.cli.common import add_machine_options


def add_options(parser):
    option = parser.add_argument
    option("--method", default="tv", metavar="NAME|RUN", help="as in evaluate (default: tv)")
    option(
        "--dataset", default="builtin", metavar="NAME|DIR", help="as in evaluate (default: builtin)"
    )
    option(
        "--sigma",
        type=float,
        help="noise level on the 0-255 scale (default: the run's, if it has one, else 50)",
    )
    option("--scale", type=int, help="upscaling factor of bicubic (default: the run's)")
    option("--limit", type=int, metavar="N", help="only the first N images")
    option(
        "--strides",
        action="store_true",
        help="also authors-eval with strides from 64 to 16 (slow: 16 crops a pixel)",
    )
    option(
        "--run",
        type=Path,
        metavar="DIR",
        help="folder of the study (default: runs/study-protocol-METHOD-DATASET-LEVEL)",
    )
    add_machine_options(parser, seed=False)
    parser.set_defaults(interrupted="the same command continues")


def run(args) -> int:
    from tqdm import tqdm

    from hinas_book.ch11_protocols.protocols import (
        BASE,
        STRIDES,
        differences,
        protocols,
    )
    from hinas_lab.cli.methods import level_of, method_of, pictures
    from hinas_lab.images.protocol import protocol
    from hinas_lab.restoration.measure import mean, measure_under
    from hinas_lab.restoration.unfinished import Unfinished, plain
    from hinas_lab.storage import environment, write_json

    method = method_of(args)
    if method.task == "denoise" and method.channels == 3:
        raise ValueError(
            f"{args.method}: is a net for colour; the study's denoising protocols are for gray"
        )
    if method.task == "sr" and args.strides:
        raise ValueError("--strides: crops are for denoising; leave it out")
    base = BASE[method.task]
    level = level_of(method, protocol(base), args.sigma, args.scale)
    images, digest = pictures(args.dataset, args.limit)
    _look_for_leaks(args, method)
    names = protocols(method.task, STRIDES if args.strides else ())
    # before anything is measured
    _check_sizes(images, max(protocol(name).tile for name in names))
    # a method may be a path
    tag = re.sub(r"[^\w.]+", "-", f"{args.method}-{args.dataset}-{level:g}")
    folder = args.run or Path(f"runs/study-protocol-{tag}")
    check_folder("--run", folder)
    folder.mkdir(parents=True, exist_ok=True)
    # rows of an earlier stop count only while all of this is as it was
    stamp = {
        "hinas_lab": __version__,
        "method": args.method,
        **method.stamp,
        "device": args.device,
        "level": level,
        "dataset": args.dataset,
        "images": digest,
    }
    unfinished = Unfinished(folder / ".rows.unfinished", stamp)
    restore = method.restore(level)
    bar = tqdm(
        measure_under(names, args.method, restore, images, level, unfinished.rows),
        total=len(names) * len(images),
        desc="protocols",
        disable=None,
    )
    rows = {name: [] for name in names}
    for row in bar:
        unfinished.add(row)
        # without pictures: hundreds of them would fill the memory
        rows[row.protocol].append(replace(row, restored=None))
    every_row = list(chain.from_iterable(rows.values()))
    means = {name: mean(under) for name, under in rows.items()}
    gaps = differences(every_row, base)
    _print_table(means, gaps, base)
    used = f"sigma {level:g}" if method.task == "denoise" else f"x{level}"
    print(
        f"{args.method} on {args.dataset}, n = {len(images)}, {used}, device {args.device}\n"
        f"gain: mean of the paired differences to {base}; ±: half of its 95 % t interval"
    )
    for name, values in means.items():
        del values["seconds"]  # protocols that differ only in what they compare share a restoration
        means[name] = {"protocol": name, "text": protocol(name).text} | values
    record = {
        "study": "protocol",
        "method": args.method,
        "stamp": method.stamp,
        "dataset": args.dataset,
        "n": len(images),
        protocol(base).level: level,
        "base": base,
        "env": environment(protocol(base).seed, args.device),
        "means": list(means.values()),
        "differences": list(map(asdict, gaps)),
    }
    write_json(folder / "study.json", record)
    write_json(folder / "rows.json", {"rows": list(map(plain, every_row))})
    unfinished.finish()
    print(f"wrote {folder / 'study.json'} and rows.json")
    return 0


def _look_for_leaks(args, method):
    """ValueError for pictures that the method was trained on; a warning where nobody can tell."""
    from hinas_lab.analysis.leaks import refuse_leaks
    from hinas_lab.images.datasets.catalog import named_files

    if method.trained_on is None:
        return
    try:
        named_files(method.trained_on, "train")
    except (ValueError, OSError):
        print(
            f"hinas-lab: warning: the training data of {args.method} ({method.trained_on}) is not "
            "here: leaks are not looked for",
            file=sys.stderr,
        )
    else:
        refuse_leaks(method.trained_on, args.dataset)


def _check_sizes(images, tile: int):
    for name, image in images.items():
        height, width = image.shape[:2]
        if min(height, width) < tile:
            raise ValueError(
                f"{name}: image of {height} x {width} pixels is smaller than a crop of {tile}; "
                "leave it out"
            )


def _print_table(means: dict[str, dict], gaps, base: str):
    """The base, then each protocol with its gain over it."""
    print(f"{'protocol':<34}{'PSNR':>7}{'gain':>8}   {'±':<4}{'SSIM':>7}{'gain':>9}  ±")
    print(f"{base:<34}{means[base]['psnr']:>7.3f}{'':>15}{means[base]['ssim']:>7.4f}")
    for gap in gaps:
        mean = means[gap.protocol]
        print(
            f"{gap.protocol:<34}"
            f"{mean['psnr']:>7.3f}{gap.psnr:>+8.3f} {gap.psnr_high - gap.psnr:6.3f}"
            f"{mean['ssim']:>7.4f}{gap.ssim:>+9.4f} {gap.ssim_high - gap.ssim:6.4f}"
        )
