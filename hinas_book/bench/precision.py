"""``hinas-lab study precision``: alpha's path in bfloat16 or float16, resumable.

Its distance from float32's is held against the spread between seeds.
"""

from itertools import combinations, product
from pathlib import Path

import numpy as np

from hinas_book.kit.study_options import write_record
from hinas_lab.space.decode import softmax


def add_options(parser):
    option = parser.add_argument
    option("--preset", default="classroom")
    option("--format", default="bfloat16", help="bfloat16 or float16 (default: bfloat16)")
    option("--seeds", type=int, default=3, help="searches in each format (default: 3)")
    option(
        "--run",
        default=None,
        metavar="DIR",
        help="folder of the study (default: runs/study-precision-PRESET)",
    )
    option("--threads", type=int, default=1)
    option("--device", default="cpu")


def run(args) -> int:
    from dataclasses import replace

    from tqdm import tqdm

    from hinas_lab.cli.common import use_machine
    from hinas_lab.presets import preset
    from hinas_lab.runs.folder import load_genotype, open_search, with_seed
    from hinas_lab.space.genotype import diff
    from hinas_lab.training.numerics import check_precision

    if args.seeds < 2:
        raise ValueError(f"seeds = {args.seeds}: must be at least 2")
    if args.format not in ("bfloat16", "float16"):
        raise ValueError(f"format = {args.format!r}: must be bfloat16 or float16")
    device = use_machine(args)
    # before the searches in float32, which may take hours
    check_precision(args.format, device)
    folder = Path(args.run or f"runs/study-precision-{args.preset}")
    paths = {}
    genotypes = {}
    searches = [(p, seed) for seed, p in product(range(args.seeds), ("float32", args.format))]
    for precision, seed in tqdm(searches, desc="searches", disable=None):
        config = with_seed(preset(args.preset), seed)
        config = config._replace(search=replace(config.search, precision=precision))
        own = folder / f"{precision}-{seed}"
        search = open_search(own, config, device=device, resume=True)
        for _ in search.steps():
            pass
        paths[precision, seed] = search.records.arrays()["epoch/alpha"]
        genotypes[precision, seed] = load_genotype(own)
    # the same seed in two formats against two seeds in one
    apart = distances(paths, args.format)
    pairs = {"format": f"float32 and {args.format}, same seed", "seed": "two seeds, float32"}
    for name, what in pairs.items():
        values = apart[name]
        print(
            f"{what:<32} n = {len(values)}  mean {np.mean(values):.3f}  "
            f"{min(values):.3f} to {max(values):.3f}"
        )
    changed = []
    for seed in range(args.seeds):
        changed.append(len(diff(genotypes["float32", seed], genotypes[args.format, seed])))
    within = float(np.mean(apart["format"])) <= float(np.mean(apart["seed"]))
    print("(the share of alpha's probability that differs, mean over edges and epochs)")
    print(f"{args.format} is {'within' if within else 'beyond'} the spread between seeds")
    print(f"decoded edges and widths that differ, per seed: {', '.join(map(str, changed))}")
    print(
        f"preset {args.preset}, device {device}, threads {args.threads}, "
        f"seeds 0 to {args.seeds - 1}"
    )
    target = folder / f"study-{args.format}.json"
    write_record(
        target,
        "precision",
        device=device,
        preset=args.preset,
        format=args.format,
        seeds=args.seeds,
        distances=apart,
        within=within,
        decoded_changes=changed,
    )
    print(f"wrote {target}")
    return 0


def distances(paths: dict[tuple[str, int], np.ndarray], short: str) -> dict[str, list[float]]:
    """How far apart searches end, one number per pair.

    ``format``: the same seed in float32 and in ``short``; ``seed``: two seeds in float32. paths:
    (precision, seed) -> alpha's logits per epoch (T+1, ..., K). A distance is the share of
    probability that differs (total variation: 0 to 1), mean over edges and over the epochs in which
    alpha moved.
    """
    full = {seed: path for (precision, seed), path in paths.items() if precision == "float32"}
    return {
        "format": [distance(full[seed], paths[short, seed]) for seed in sorted(full)],
        "seed": [distance(full[a], full[b]) for a, b in combinations(sorted(full), 2)],
    }


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Of two paths (T+1, ..., K), see ``distances``; 0 when alpha never moved."""
    moved = []
    for epoch in range(len(a)):
        # during warm-up neither has left its start: those epochs would only dilute the distance
        if not (np.array_equal(a[epoch], a[0]) and np.array_equal(b[epoch], b[0])):
            moved.append(epoch)
    if not moved:
        return 0.0
    p, q = (softmax(np.asarray(logits, dtype=np.float64)[moved]) for logits in (a, b))
    # total variation: half of the sum of differences
    return float(np.abs(p - q).sum(-1).mean() / 2)
