"""``hinas-lab study precision``: alpha's path in bfloat16 or float16 against the spread between seeds, resumable."""

from itertools import combinations
from pathlib import Path

import numpy as np

from hinas_lab.space.decode import softmax


def add_options(parser):
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
    from dataclasses import replace

    from tqdm import tqdm

    from hinas_lab.cli.common import use_machine
    from hinas_lab.config import preset
    from hinas_lab.runs.folder import load_genotype, open_search, with_seed
    from hinas_lab.space.genotype import diff
    from hinas_lab.storage import environment, write_json

    if args.seeds < 2:
        raise ValueError(f"seeds = {args.seeds}: must be at least 2")
    if args.format not in ("bfloat16", "float16"):
        raise ValueError(f"format = {args.format!r}: must be bfloat16 or float16")
    device, folder = use_machine(args), Path(args.run or f"runs/study-precision-{args.preset}")
    paths, found = {}, {}
    todo = [
        (precision, seed) for seed in range(args.seeds) for precision in ("float32", args.format)
    ]
    for precision, seed in tqdm(todo, desc="searches", disable=None):
        chosen = with_seed(preset(args.preset), seed)
        chosen = chosen._replace(search=replace(chosen.search, precision=precision))
        search = open_search(folder / f"{precision}-{seed}", chosen, device=device, resume=True)
        for _ in search.steps():
            pass
        paths[precision, seed] = search.records.arrays()["epoch/alpha"]
        found[precision, seed] = load_genotype(folder / f"{precision}-{seed}")
    apart = distances(paths, args.format)
    for name, what in (
        ("format", f"float32 and {args.format}, same seed"),
        ("seed", "two seeds, float32"),
    ):
        values = apart[name]
        print(
            f"{what:<32} n = {len(values)}  mean {np.mean(values):.3f}  {min(values):.3f} to {max(values):.3f}"
        )
    changed = [len(diff(found["float32", s], found[args.format, s])) for s in range(args.seeds)]
    within = float(np.mean(apart["format"])) <= float(np.mean(apart["seed"]))
    print("(the share of alpha's probability that differs, mean over edges and epochs)")
    print(f"{args.format} is {'within' if within else 'beyond'} the spread between seeds")
    print(f"decoded edges and widths that differ, per seed: {', '.join(map(str, changed))}")
    print(
        f"preset {args.preset}, device {device}, threads {args.threads}, seeds 0 to {args.seeds - 1}"
    )
    target = folder / f"study-{args.format}.json"
    write_json(
        target,
        {
            "study": "precision",
            "preset": args.preset,
            "format": args.format,
            "seeds": args.seeds,
            "distances": apart,
            "within": within,
            "decoded_changes": changed,
            "env": environment(0, device),
        },
    )
    print(f"wrote {target}")
    return 0


def distances(paths: dict[tuple[str, int], np.ndarray], short: str) -> dict[str, list[float]]:
    """How far apart searches end: ``format`` (the same seed in float32 and in ``short``), ``seed`` (two seeds in float32).

    paths: (precision, seed) -> alpha's logits per epoch (T+1, ..., K). A distance is the share of probability that differs (total
    variation: 0 to 1), mean over edges and over the epochs in which alpha moved. One number per pair.
    """
    seeds = sorted({seed for _, seed in paths})
    return {
        "format": [distance(paths["float32", s], paths[short, s]) for s in seeds],
        "seed": [
            distance(paths["float32", a], paths["float32", b]) for a, b in combinations(seeds, 2)
        ],
    }


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Of two paths (T+1, ..., K), see ``distances``. Epochs in which neither has left its start do not count; 0 when there is no other."""
    moved = [
        t for t in range(len(a)) if not (np.array_equal(a[t], a[0]) and np.array_equal(b[t], b[0]))
    ]
    p, q = (softmax(np.asarray(x, dtype=np.float64)[moved]) for x in (a, b))
    return float(np.abs(p - q).sum(-1).mean() / 2) if moved else 0.0
