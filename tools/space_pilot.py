"""Do architectures differ in a space, at equal cost? Random nets of several, trained twice each.

    python tools/space_pilot.py run [--task sr] [--spaces 3x3-6 4x2-4-wide] [--nets 12]
    python tools/space_pilot.py table

run trains what is missing (finished jobs are kept in --folder) and adds it to
data/pilots/spaces.json; table writes docs/spaces.md. All start from preset study: sigma 50 or x4,
the built-in photographs, protocols whole and sr-standard, one CPU thread a job."""

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hinas_book.paper.tables import markdown_grid
from hinas_lab.analysis.campaign import run_design
from hinas_lab.analysis.equal_cost import Nets, line, variance_components
from hinas_lab.analysis.executors import executor
from hinas_lab.analysis.jobs import TrainJob
from hinas_lab.analysis.random_nets import random_genotypes
from hinas_lab.config import SearchSpace
from hinas_lab.paths import data
from hinas_lab.presets import preset
from hinas_lab.storage import read_json, write_json

BASE = "study"
DRAWN = 7
"the seed that draws the nets"
TRAININGS = (1, 2)
"seeds"
FEWEST = 3
"nets of a space"
RECORD = data("pilots", "spaces.json")
PAGE = Path(__file__).parents[1] / "docs" / "spaces.md"
PAPERS, WIDE = (1.0, 1.5, 2.0), (1.0, 2.0, 4.0)
ABOUT = """# Spaces in which architectures differ

Made by `python tools/space_pilot.py table` from `data/pilots/spaces.json` (`... run`): random nets
of each space, trained twice each with seeds {seeds}; preset `study` with the changes named;
built-in photographs, sigma 50 (`whole`) or x4 (`sr-standard`), CPU, one thread a job.

*Between*: standard deviation between nets, *trainings*: of one training of a net, in dB, without
what a seed does to all nets alike. *At equal cost*: between nets, after a line in the logarithm of
multiply-accumulates (320 x 480) is taken out; *ratio*: that over *trainings*. *Slope*: dB for each
doubling of multiply-accumulates. *r*: of the nets' means with the logarithm of their parameters.
*Seconds*: of one training on one thread of a busy machine, the median.
"""


@dataclass(frozen=True, kw_only=True)
class Pilot:
    """One space, and how its nets are trained."""

    layers: int
    nodes: int
    factors: tuple[float, ...] = PAPERS
    stem: int
    width: int
    "base width W of the trained nets"
    iterations: int = 600

    def space(self, task: str) -> SearchSpace:
        return replace(
            preset(BASE, task).space,
            layers=self.layers,
            nodes=self.nodes,
            width_factors=self.factors,
            # of the supernet: no net is trained at this width
            width=2 * max(1, self.width // 4),
            stem=self.stem,
        )

    def jobs(self, task: str, n: int) -> dict[tuple[int, int], TrainJob]:
        """(number of the net, training seed) -> its training."""
        changes = {"width": self.width, "stem": self.stem, "iterations": self.iterations}
        train = replace(preset(BASE, task).train, **changes)
        jobs = {}
        for number, genotype in enumerate(random_genotypes(self.space(task), n, DRAWN)):
            for seed in TRAININGS:
                config = replace(train, seed=seed)
                jobs[number, seed] = TrainJob(base=BASE, genotype=genotype.to_json(), train=config)
        return jobs


PILOTS = {
    "2x3-8": Pilot(layers=2, nodes=3, stem=8, width=8),
    "3x3-6": Pilot(layers=3, nodes=3, stem=6, width=8),
    "3x4-4": Pilot(layers=3, nodes=4, stem=4, width=6),
    "3x3-4-wide": Pilot(layers=3, nodes=3, factors=WIDE, stem=4, width=4),
    "4x2-4-wide": Pilot(layers=4, nodes=2, factors=WIDE, stem=4, width=4),
    "3x3-6, twice as long": Pilot(layers=3, nodes=3, stem=6, width=8, iterations=1200),
}
"name: layers x nodes - channels of start and end"


def measure(tasks: list[str], names: list[str], n: int):
    """A design: net by net, so that one that is stopped has whole nets of every space."""
    jobs = {}
    for task in tasks:
        for name in names:
            for (number, seed), job in PILOTS[name].jobs(task, n).items():
                jobs[number, seed, task, name] = job
    order = sorted(jobs)
    trained = yield [jobs[place] for place in order]
    rows = []
    for (number, seed, task, name), row in zip(order, trained):
        rows.append(recorded({"task": task, "space": name, "number": number, "seed": seed}, row))
    return rows


def recorded(where: dict, row: dict) -> dict:
    """What is kept of a finished training."""
    kept = ("psnr", "ssim", "macs", "parameters", "protocol", "key")
    values = {name: row[name] for name in kept}
    env = {name: row["env"][name] for name in ("device", "commit")}
    return where | values | {"train_seconds": round(row["train_seconds"], 1)} | env


def record_of(rows: list[dict]) -> dict:
    """The record: preset, what the spaces are, and all that was measured."""
    spaces = {name: asdict(pilot) for name, pilot in PILOTS.items()}
    return {"preset": BASE, "data": "builtin", "drawn": DRAWN, "spaces": spaces, "rows": rows}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each task and space."""
    told = []
    for (task, name), nets in rows.groupby(["task", "space"], sort=False):
        psnr = nets.pivot(index="number", columns="seed", values="psnr").dropna()
        one = nets.drop_duplicates("number").set_index("number").loc[psnr.index]
        quality, macs = psnr.to_numpy(), one["macs"].to_numpy(float)
        plain, equal = variance_components(quality), variance_components(quality, macs)
        means = quality.mean(1)
        told.append(
            {
                "task": task,
                "space": name,
                "nets": len(psnr),
                "dB": f"{means.min():.2f} to {means.max():.2f}",
                "GMAC": f"{macs.min() / 1e9:.1f} to {macs.max() / 1e9:.1f}",
                "between": f"{plain.nets:.3f}",
                "trainings": f"{plain.trainings:.3f}",
                "slope": f"{line(Nets(macs, means))[1]:+.3f}",
                "r": f"{np.corrcoef(np.log(one['parameters'].astype(float)), means)[0, 1]:+.2f}",
                "at equal cost": f"{equal.nets:.3f}",
                "ratio": f"{equal.nets / plain.trainings:.2f}",
                "seconds": f"{nets['train_seconds'].median():.0f}",
            }
        )
    return pd.DataFrame(told).astype(str)


def page(record: dict) -> str:
    spaces = pd.DataFrame(record["spaces"]).T
    spaces["factors"] = [", ".join(f"{f:g}" for f in factors) for factors in spaces["factors"]]
    measured = markdown_grid(summary(pd.DataFrame(record["rows"])))
    about = ABOUT.format(seeds=" and ".join(map(str, TRAININGS)))
    listed = markdown_grid(spaces.rename_axis("space").reset_index().astype(str))
    return f"{about}\n{measured}\n\n## The spaces\n\n{listed}\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="random nets of several spaces")
    parser.add_argument("what", choices=("run", "table"))
    option = parser.add_argument
    option("--task", nargs="+", default=["denoise", "sr"], choices=("denoise", "sr"))
    option("--spaces", nargs="+", default=list(PILOTS), choices=PILOTS, metavar="NAME")
    option("--nets", type=int, default=12)
    option("--folder", type=Path, default=Path("runs/pilot"), help="folder of finished jobs")
    option("--workers", type=int, default=2)
    args = parser.parse_args(argv)
    if args.nets < FEWEST:
        parser.error(f"--nets {args.nets}: a line and a spread need at least {FEWEST}")
    if args.what == "table":
        PAGE.write_text(page(read_json(RECORD)))
        return 0

    def tell(done: int, asked: int):
        print(f"{done} of {asked} jobs", end="\r", flush=True)

    with executor("process", args.workers) as pool:
        rows = run_design(measure(args.task, args.spaces, args.nets), args.folder, pool, tell)
    # what was measured before, and not now, stays
    new = {row["key"] for row in rows}
    before = read_json(RECORD)["rows"] if RECORD.exists() else []
    kept = [row for row in before if row["key"] not in new]
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    write_json(RECORD, record_of(kept + rows))
    print(summary(pd.DataFrame(kept + rows)).to_string(index=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
