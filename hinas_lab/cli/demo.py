"""``hinas-lab demo`` (``make demo``): search, decode, train, measure and restore on the photographs
inside the scikit-image wheel."""

import time
from pathlib import Path

from hinas_lab.cli.common import add_machine_options, follow, use_machine
from hinas_lab.cli.search import summary
from hinas_lab.storage import write_atomic, write_json

SIGMA = 50.0
RANDOM = 20
EYE = (78, 142, 60)
"of chelsea: top, left and side of the zoomed square"


def add(commands):
    parser = commands.add_parser(
        "demo", help="the whole road in a few minutes, on built-in photographs"
    )
    parser.add_argument(
        "--preset",
        default="classroom",
        help="tiny (seconds, shows nothing but that it runs) or classroom (default)",
    )
    parser.add_argument(
        "--run",
        default="runs/demo",
        metavar="DIR",
        help="folder of the run (default: runs/demo); continued if there",
    )
    add_machine_options(parser)
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from hinas_lab.config import preset
    from hinas_lab.draw.genotype_graph import draw_genotype
    from hinas_lab.restoration.compare import comparison_table
    from hinas_lab.runs.folder import (
        load_genotype,
        load_supernet,
        open_search,
        open_training,
        with_seed,
    )

    start, folder = time.perf_counter(), Path(args.run)
    working = 0.0  # seconds of search and training in this process; the records know those of all
    chosen = with_seed(preset(args.preset), args.seed)
    device = use_machine(args)

    print(
        f"1. Search: alpha (operations) and beta (widths) learn on Train A while weights learn on Train W; preset {chosen.name}"
    )
    search = open_search(folder / "search", chosen, device=device, resume=True)
    began = time.perf_counter()
    for _ in follow(search, "search"):
        pass
    working += time.perf_counter() - began
    print(_indent(summary(search)))
    genotype = load_genotype(folder / "search")
    print(_indent(f"decoded: {genotype}"))

    print(
        f"2. Is it worth something? Its score inside the supernet among {RANDOM} random genotypes (same weights, V images)"
    )
    net, config, _ = load_supernet(folder / "search", device)
    print(_indent(_among_random(net, config, genotype)))

    print("3. Train the decoded network from scratch")
    training = open_training(folder, genotype, chosen, device=device, resume=True)
    began = time.perf_counter()
    for _ in follow(training, "train"):
        pass
    working += time.perf_counter() - began

    print(
        f"4. Measure on camera, chelsea and coffee (never trained on), sigma {SIGMA:g}; the others are tuned on training photographs"
    )
    rows, parameters = _measure(folder, device)
    records = (search.records.arrays(), training.records.arrays())
    seconds = _seconds(*records)
    seconds["total"] = seconds["search"] + seconds["train"] + time.perf_counter() - start - working
    means = _write_summary(folder, chosen, args.seed, rows, parameters, seconds)
    best = max(t["psnr"] for m, t in means.items() if m not in ("noisy", "ours"))
    print(_indent(comparison_table(rows, parameters)))
    print(
        f"   ours: {means['ours']['psnr'] - means['noisy']['psnr']:+.2f} dB over noisy, "
        f"{means['ours']['psnr'] - best:+.2f} dB over the best classical method"
    )
    print(
        f"   sigma {SIGMA:g}, gray; protocol whole; preset {chosen.name}; device {device}; seed {args.seed}\n"
        f"   search {seconds['search']:.0f} s, training {seconds['train']:.0f} s, all {seconds['total']:.0f} s"
    )

    print("5. Look")
    write_atomic(folder / "genotype.svg", draw_genotype(genotype).svg().encode())
    _pictures(folder, chosen.space, records[0], rows)
    for name, what in (
        ("genotype.json", "the architecture"),
        ("genotype.svg", "its drawing"),
        ("search.png", "alpha and beta, before and after"),
        ("before_after.png", "noisy, restored, clean, with a zoom"),
        ("summary.json", "all numbers"),
    ):
        print(f"   {folder / name}: {what}")
    print(f"Your own photo: hinas-lab restore PHOTO --run {folder} --out restored.png")
    return 0


def _among_random(net, config, genotype) -> str:
    from tqdm import tqdm

    from hinas_lab.analysis.random_nets import shared_weight_percentile
    from hinas_lab.analysis.statistics import percentile
    from hinas_lab.images.datasets.catalog import load_images
    from hinas_lab.images.patches import Patches

    patches = Patches(load_images("builtin", net.space.channels), device=str(net.alpha.device))
    scored = shared_weight_percentile(net, genotype, patches, config, RANDOM)
    *_, (ours, theirs) = tqdm(
        scored, total=RANDOM, desc="random genotypes", leave=False, disable=None
    )
    scores = sorted(t["score"] for t in theirs)
    rank = percentile(ours["score"], scores)
    verdict = "above" if rank > 50 else "not above"
    median = (scores[RANDOM // 2 - 1] + scores[RANDOM // 2]) / 2
    return (
        f"shared-weight score {ours['score']:.4f} (SSIM + PSNR/100), batch norm recomputed; without: {ours['raw']:.4f}\n"
        f"percentile {rank:.0f} among random ones, {verdict} their median {median:.4f}\n"
        "That is the supernet's own opinion. Trained from scratch, no difference between searched and random\n"
        "nets of this small space was resolved, in either direction (README). Try: hinas-lab study search"
    )


def _measure(folder: Path, device: str):
    """Rows of every method on the test photographs, and our parameters."""
    from tqdm import tqdm

    from hinas_lab.images.protocol import protocol
    from hinas_lab.restoration.compare import COMPARED, compare
    from hinas_lab.runs.folder import load_network

    net, info = load_network(folder, device)
    rows = compare(net, SIGMA, protocol("whole"), device=device)
    rows = list(tqdm(rows, total=3 * len(COMPARED), desc="measure", leave=False, disable=None))
    return rows, info["parameters"]


def _seconds(search, training) -> dict[str, float]:
    """Wall seconds of the search (its epochs) and the training (mean per iteration times
    iterations), as recorded."""
    import numpy as np

    per_record = np.diff(training["step/iteration"], prepend=0)
    return {
        "search": float(search["epoch/seconds"].sum()),
        "train": float((training["step/seconds"] * per_record).sum()),
    }


def _write_summary(folder: Path, chosen, seed: int, rows, parameters: int, seconds) -> dict:
    """summary.json, as CONTRACT.md has it; returns the means per method."""
    from hinas_lab.restoration.compare import totals

    means = totals(rows)
    two = lambda d: {k: d[k] for k in ("psnr", "ssim")}  # noqa: E731
    images: dict[str, dict] = {}
    for r in rows:
        images.setdefault(r.image, {})[r.method] = {"psnr": r.psnr, "ssim": r.ssim}
    write_json(
        folder / "summary.json",
        {
            "sigma": SIGMA,
            "preset": chosen.name,
            "protocol": "whole",
            "seed": seed,
            "parameters": parameters,
            "seconds": seconds,
            "mean": {m: two(t) for m, t in means.items()},
            "images": images,
        },
    )
    return means


def _pictures(folder: Path, space, records, rows):
    from hinas_lab.draw.plots import figure_restoration, figure_search
    from hinas_lab.draw.style import png, theme
    from hinas_lab.images.datasets.catalog import load_images

    clean = load_images("builtin", 1, "test")["chelsea"] / 255
    shown = {
        r.method: r for r in rows if r.image == "chelsea" and r.method in ("noisy", "tv", "ours")
    }
    with theme():
        pictures = {
            "search.png": figure_search(space, records),
            "before_after.png": figure_restoration(
                {n: r.restored for n, r in shown.items()} | {"clean": clean},
                scores={n: (r.psnr, r.ssim) for n, r in shown.items()},
                zoom=EYE,
            ),
        }
        for name, figure in pictures.items():
            write_atomic(folder / name, png(figure))


def _indent(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.splitlines())
