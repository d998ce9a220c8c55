"""``hinas-lab demo`` (``make demo``): search, decode, train, measure and restore on the photographs
inside the scikit-image wheel."""

import time
from pathlib import Path

from hinas_lab.cli.common import add_machine_options, follow, use_machine
from hinas_lab.cli.search import summary
from hinas_lab.storage import write_atomic, write_json

SIGMA = 50.0
"noise level that is measured, 0-255 scale"
RANDOM = 20
"random genotypes that the decoded one is ranked among"
EYE = (78, 142, 60)
"of chelsea: top, left and side of the zoomed square"
FILES = {
    "genotype.json": "the architecture",
    "genotype.svg": "its drawing",
    "search.png": "alpha and beta, before and after",
    "before_after.png": "noisy, restored, clean, with a zoom",
    "summary.json": "all numbers",
}
"what the run's folder holds for a reader"


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
    """Five stages, each under its headline; what is finished is not searched or trained again."""
    # imported first: a missing package of the drawing shows before the search, not after it
    from hinas_lab.drawing.genotype_graph import draw_genotype
    from hinas_lab.presets import preset
    from hinas_lab.runs.folder import load_genotype, open_search, open_training, with_seed

    start = time.perf_counter()
    folder = Path(args.run)
    chosen = with_seed(preset(args.preset), args.seed)
    device = use_machine(args)

    print(
        "1. Search: alpha (operations) and beta (widths) learn on Train A while weights learn on "
        f"Train W; preset {chosen.name}"
    )
    search = open_search(folder / "search", chosen, device=device, resume=True)
    working = _finish(search, "search")
    genotype = load_genotype(folder / "search")
    print(_indent(f"{summary(search)}\ndecoded: {genotype}"))

    print(
        f"2. Is it worth something? Its score inside the supernet among {RANDOM} random genotypes "
        "(same weights, V images)"
    )
    print(_indent(_among_random(folder / "search", genotype, device)))

    print("3. Train the decoded network from scratch")
    training = open_training(folder, genotype, chosen, device=device, resume=True)
    working += _finish(training, "train")

    print(
        "4. Measure on camera, chelsea and coffee (never trained on), "
        f"sigma {SIGMA:g}; the others are tuned on training photographs"
    )
    rows, parameters = _measure(folder, device)
    seconds = _recorded_seconds(search, training)
    # a continued demo worked for longer than this process: its records know for how long
    besides = time.perf_counter() - start - working
    seconds["total"] = seconds["search"] + seconds["train"] + besides
    _write_summary(folder, chosen, rows, parameters, seconds)
    print(_indent(_comparison(rows, parameters)))
    print(
        f"   sigma {SIGMA:g}, gray; protocol whole; preset {chosen.name}; "
        f"device {device}; seed {args.seed}\n"
        f"   search {seconds['search']:.0f} s, training {seconds['train']:.0f} s, "
        f"all {seconds['total']:.0f} s"
    )

    print("5. Look")
    write_atomic(folder / "genotype.svg", draw_genotype(genotype).svg().encode())
    _write_figures(folder, chosen.space, search, rows)
    for name, what in FILES.items():
        print(f"   {folder / name}: {what}")
    print(f"Your own photo: hinas-lab restore PHOTO --run {folder} --out restored.png")
    return 0


def _finish(run, title: str) -> float:
    """Step ``run`` to its end; the seconds that took."""
    start = time.perf_counter()
    for _ in follow(run, title):
        pass
    return time.perf_counter() - start


def _among_random(search: Path, genotype, device: str) -> str:
    """Where the decoded genotype stands among random ones in the supernet of the run ``search``."""
    from statistics import median

    from tqdm import tqdm

    from hinas_lab.analysis.random_nets import shared_weight_percentile
    from hinas_lab.analysis.statistics import percentile
    from hinas_lab.images.datasets.catalog import load_images
    from hinas_lab.images.patches import Patches
    from hinas_lab.runs.folder import load_supernet

    net, config, _ = load_supernet(search, device)
    patches = Patches(load_images("builtin", net.space.channels), device=device)
    scoring = shared_weight_percentile(net, genotype, patches, config, RANDOM)
    bar = tqdm(scoring, total=RANDOM, desc="random genotypes", leave=False, disable=None)
    # each item holds the scores so far, the last one all of them
    ours, others = list(bar)[-1]
    scores = [other["score"] for other in others]
    rank = percentile(ours["score"], scores)
    verdict = "above" if rank > 50 else "not above"
    return (
        f"shared-weight score {ours['score']:.4f} (SSIM + PSNR/100), batch norm recomputed; "
        f"without: {ours['raw']:.4f}\n"
        f"percentile {rank:.0f} among random ones, {verdict} their median {median(scores):.4f}\n"
        "That is the supernet's own opinion. Trained from scratch, "
        "no difference between searched and random\n"
        "nets of this small space was resolved, in either direction (README). "
        "Try: hinas-lab study search"
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


def _comparison(rows, parameters: int) -> str:
    """The table of methods, and what ours gains over the noise and over the best of the others."""
    from hinas_lab.restoration.compare import comparison_table, totals

    psnr = {method: means["psnr"] for method, means in totals(rows).items()}
    ours, noisy = psnr.pop("ours"), psnr.pop("noisy")
    return (
        f"{comparison_table(rows, parameters)}\n"
        f"ours: {ours - noisy:+.2f} dB over noisy, "
        f"{ours - max(psnr.values()):+.2f} dB over the best classical method"
    )


def _recorded_seconds(search, training) -> dict[str, float]:
    """Wall seconds of the two runs, as recorded."""
    import numpy as np

    steps = training.records.arrays()
    # a record of a training has the mean over the iterations since the one before
    iterations = np.diff(steps["step/iteration"], prepend=0)
    return {
        "search": float(search.records.arrays()["epoch/seconds"].sum()),
        "train": float((steps["step/seconds"] * iterations).sum()),
    }


def _write_summary(folder: Path, chosen, rows, parameters: int, seconds: dict[str, float]):
    """summary.json: what was run, PSNR (dB) and SSIM of each method, as means and by image."""
    from hinas_lab.restoration.compare import totals

    means = {}
    for method, total in totals(rows).items():
        means[method] = {"psnr": total["psnr"], "ssim": total["ssim"]}
    images: dict[str, dict] = {}
    for row in rows:
        images.setdefault(row.image, {})[row.method] = {"psnr": row.psnr, "ssim": row.ssim}
    values = {
        "sigma": SIGMA,
        "preset": chosen.name,
        "protocol": "whole",
        "seed": chosen.search.seed,
        "parameters": parameters,
        "seconds": seconds,
        "mean": means,
        "images": images,
    }
    write_json(folder / "summary.json", values)


def _write_figures(folder: Path, space, search, rows):
    """The search, and chelsea before and after."""
    from hinas_lab.drawing.plots import figure_restoration, figure_search
    from hinas_lab.drawing.style import png, theme
    from hinas_lab.images.datasets.catalog import load_images

    images, scores = {}, {}
    for row in rows:
        if row.image == "chelsea" and row.method in ("noisy", "tv", "ours"):
            images[row.method] = row.restored
            scores[row.method] = (row.psnr, row.ssim)
    images["clean"] = load_images("builtin", 1, "test")["chelsea"] / 255
    with theme():
        beside = figure_restoration(images, scores=scores, zoom=EYE, columns=len(images))
        figures = {
            "search.png": figure_search(space, search.records.arrays()),
            "before_after.png": beside,
        }
        for name, figure in figures.items():
            write_atomic(folder / name, png(figure))


def _indent(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.splitlines())
