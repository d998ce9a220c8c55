"""``hinas-lab study precision``: alpha's path in bfloat16 or float16 against the spread between
seeds, resumable."""

from itertools import combinations, product
from pathlib import Path

import numpy as np

from hinas_lab.space.decode import softmax


def add_options(parser):
    """The options of the command line."""
    parser.add_argument("--preset", default="classroom")
    parser.add_argument(
        "--format", default="bfloat16", help="bfloat16 or float16 (default: bfloat16)"
    )
    parser.add_argument("--seeds", type=int, default=3, help="searches in each format (default: 3)")
    parser.add_argument(
        "--run",
        default=None,
        metavar="DIR",
        help="folder of the study (default: runs/study-precision-PRESET)",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")


def run(args) -> int:
    """Search with every seed in both formats, print and write how far apart they end. ValueError
    for fewer than two seeds and for another format."""
    # torch, which these load, is not needed to show the options
    from hinas_lab.cli.common import use_machine
    from hinas_lab.space.genotype import diff
    from hinas_lab.storage import environment, write_json

    short = args.format
    if args.seeds < 2:
        raise ValueError(f"seeds = {args.seeds}: must be at least 2")
    if short not in ("bfloat16", "float16"):
        raise ValueError(f"format = {short!r}: must be bfloat16 or float16")
    device = use_machine(args)
    folder = Path(args.run or f"runs/study-precision-{args.preset}")
    paths, genotypes = _searches(args, folder, device)
    apart = distances(paths, short)
    for name, pair in (
        ("format", f"float32 and {short}, same seed"),
        ("seed", "two seeds, float32"),
    ):
        values = apart[name]
        print(
            f"{pair:<32} n = {len(values)}  mean {np.mean(values):.3f}  "
            f"{min(values):.3f} to {max(values):.3f}"
        )
    changed = [
        len(diff(genotypes["float32", seed], genotypes[short, seed])) for seed in range(args.seeds)
    ]
    # a format is harmless when it changes a search less than another seed does
    within = float(np.mean(apart["format"])) <= float(np.mean(apart["seed"]))
    print("(the share of alpha's probability that differs, mean over edges and epochs)")
    print(f"{short} is {'within' if within else 'beyond'} the spread between seeds")
    print(f"decoded edges and widths that differ, per seed: {', '.join(map(str, changed))}")
    print(
        f"preset {args.preset}, device {device}, threads {args.threads}, "
        f"seeds 0 to {args.seeds - 1}"
    )
    target = folder / f"study-{short}.json"
    record = {
        "study": "precision",
        "preset": args.preset,
        "format": short,
        "seeds": args.seeds,
        "distances": apart,
        "within": within,
        "decoded_changes": changed,
        "env": environment(0, device),
    }
    write_json(target, record)
    print(f"wrote {target}")
    return 0


def _searches(args, folder: Path, device: str) -> tuple[dict, dict]:
    """Alpha's path and the genotype of each search, by (precision, seed)."""
    from dataclasses import replace

    from tqdm import tqdm

    from hinas_lab.config import preset
    from hinas_lab.runs.folder import load_genotype, open_search, with_seed

    paths: dict[tuple[str, int], np.ndarray] = {}
    genotypes = {}
    # seed by seed: when it is stopped, as many pairs as possible are whole
    pairs = product(range(args.seeds), ("float32", args.format))
    for seed, precision in tqdm(pairs, total=2 * args.seeds, desc="searches", disable=None):
        settings = with_seed(preset(args.preset), seed)
        settings = settings._replace(search=replace(settings.search, precision=precision))
        place = folder / f"{precision}-{seed}"
        search = open_search(place, settings, device=device, resume=True)
        for _ in search.steps():
            pass
        paths[precision, seed] = search.records.arrays()["epoch/alpha"]
        genotypes[precision, seed] = load_genotype(place)
    return paths, genotypes


def distances(paths: dict[tuple[str, int], np.ndarray], short: str) -> dict[str, list[float]]:
    """How far apart searches end: ``format`` (the same seed in float32 and in ``short``), ``seed``
    (two seeds in float32).

    paths: (precision, seed) -> alpha's logits per epoch (T+1, ..., K). A distance is the share of
    probability that differs (total variation: 0 to 1), mean over edges and over the epochs in which
    alpha moved. One number per pair.
    """
    seeds = sorted({seed for _, seed in paths})
    exact = [paths["float32", seed] for seed in seeds]
    return {
        "format": [distance(path, paths[short, seed]) for path, seed in zip(exact, seeds)],
        "seed": [distance(a, b) for a, b in combinations(exact, 2)],
    }


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Of two paths (T+1, ..., K), see ``distances``. Epochs in which neither has left its start do
    not count; 0 when there is no other."""
    # while only weights train, all searches agree: those epochs would thin out the mean
    moved = ((a != a[0]) | (b != b[0])).reshape(len(a), -1).any(1)
    if not moved.any():
        return 0.0
    p = softmax(a[moved].astype(np.float64))
    q = softmax(b[moved].astype(np.float64))
    return float(np.abs(p - q).sum(-1).mean() / 2)
