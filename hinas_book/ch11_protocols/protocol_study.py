"""``hinas-lab study protocol``: one method under every protocol, with the paired differences."""

import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

from hinas_lab import __version__
from hinas_lab.cli.common import add_machine_options


def add_options(parser):
    parser.add_argument(
        "--method", default="tv", metavar="NAME|RUN", help="as in evaluate (default: tv)"
    )
    parser.add_argument(
        "--dataset", default="builtin", metavar="NAME|DIR", help="as in evaluate (default: builtin)"
    )
    parser.add_argument(
        "--sigma",
        type=float,
        help="noise level on the 0-255 scale (default: the run's, if it has one, else 50)",
    )
    parser.add_argument(
        "--scale", type=int, help="upscaling factor of bicubic (default: the run's)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    parser.add_argument(
        "--strides",
        action="store_true",
        help="also authors-eval with strides from 64 to 16 (slow: 16 crops a pixel)",
    )
    parser.add_argument(
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
        measure_under,
        protocols,
    )
    from hinas_lab.analysis.leaks import refuse_leaks
    from hinas_lab.cli.methods import level_of, method_of, pictures
    from hinas_lab.images.datasets.catalog import named_files
    from hinas_lab.images.protocol import PROTOCOLS, protocol
    from hinas_lab.restoration.measure import mean
    from hinas_lab.restoration.unfinished import Unfinished, plain
    from hinas_lab.storage import environment, write_json

    method = method_of(args)
    if method.task == "denoise" and method.channels == 3:
        raise ValueError(
            f"{args.method}: is a net for colour; the study's denoising protocols are for gray"
        )
    if method.task == "sr" and args.strides:
        raise ValueError("--strides: crops are for denoising; leave it out")
    base, rows = BASE[method.task], []
    level = level_of(args, method, protocol(base))
    images, digest = pictures(args.dataset, args.limit)
    if method.trained_on is not None:
        try:
            named_files(method.trained_on, "train")
        except (ValueError, OSError):
            print(
                f"hinas-lab: warning: the training data of {args.method} ({method.trained_on}) is not here: leaks are not looked for",
                file=sys.stderr,
            )
        else:
            refuse_leaks(method.trained_on, args.dataset)
    names = protocols(method.task, STRIDES if args.strides and method.task == "denoise" else ())
    tag = re.sub(r"[^\w.]+", "-", f"{args.method}-{args.dataset}-{level:g}")
    folder = args.run or Path(f"runs/study-protocol-{tag}")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--run {folder}: is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    tile = max(protocol(name).tile for name in names)
    for name, image in images.items():
        if min(image.shape[:2]) < tile:
            raise ValueError(
                f"{name}: image of {image.shape[0]} x {image.shape[1]} pixels is smaller than a crop of {tile}; leave it out"
            )
    unfinished = Unfinished(
        folder / ".rows.unfinished",
        {
            "hinas_lab": __version__,
            "method": args.method,
            **method.stamp,
            "device": args.device,
            "level": level,
            "dataset": args.dataset,
            "images": digest,
        },
    )
    restore = method.restore(level)
    bar = tqdm(
        measure_under(names, args.method, restore, images, level, unfinished.rows),
        total=len(names) * len(images),
        desc="protocols",
        disable=None,
    )
    for row in bar:
        unfinished.add(row)
        rows.append(replace(row, restored=None))
    rows = [r for n in names for r in rows if r.protocol == n]
    means = {n: mean([r for r in rows if r.protocol == n]) for n in names}
    gaps = differences(rows, base)
    print(f"{'protocol':<34}{'PSNR':>7}{'gain':>8}   {'±':<4}{'SSIM':>7}{'gain':>9}  ±")
    print(f"{base:<34}{means[base]['psnr']:>7.3f}{'':>15}{means[base]['ssim']:>7.4f}")
    for g in gaps:
        print(
            f"{g.protocol:<34}{means[g.protocol]['psnr']:>7.3f}{g.psnr:>+8.3f} {g.psnr_high - g.psnr:6.3f}"
            f"{means[g.protocol]['ssim']:>7.4f}{g.ssim:>+9.4f} {g.ssim_high - g.ssim:6.4f}"
        )
    used = f"sigma {level:g}" if method.task == "denoise" else f"x{level}"
    print(
        f"{args.method} on {args.dataset}, n = {len(images)}, {used}, device {args.device}\n"
        f"gain: mean of the paired differences to {base}; ±: half of its 95 % t interval"
    )
    texts = {n: protocol(n).text for n in names}
    write_json(
        folder / "study.json",
        {
            "study": "protocol",
            "method": args.method,
            "stamp": method.stamp,
            "dataset": args.dataset,
            "n": len(images),
            protocol(base).level: level,
            "base": base,
            "env": environment(PROTOCOLS[base].seed, args.device),
            # no seconds: protocols that differ only in what they compare share a restoration
            "means": [
                {"protocol": n, "text": texts[n]} | {k: v for k, v in m.items() if k != "seconds"}
                for n, m in means.items()
            ],
            "differences": [asdict(g) for g in gaps],
        },
    )
    write_json(folder / "rows.json", {"rows": [plain(r) for r in rows]})
    unfinished.finish()
    print(f"wrote {folder / 'study.json'} and rows.json")
    return 0
