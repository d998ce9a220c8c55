"""``hinas-lab study paths | widths | ...``: the registered designs; resumable, on several processes or a cluster, rows as JSON."""

from contextlib import contextmanager
from pathlib import Path

from hinas_lab.studies.designs import DESIGNS

EXECUTORS = "process, here, dask, or the address of a Dask scheduler"


def add(studies):
    for name, question in DESIGNS.items():
        parser = studies.add_parser(name, help=question)
        parser.add_argument("--preset", default="study")
        parser.add_argument("--seeds", type=int, help="fewer or more than registered in data/claims.csv")
        parser.add_argument("--data", default="builtin", metavar="NAME|DIR", help="training images")
        parser.add_argument("--run", default="runs/campaign", metavar="DIR",
                            help="folder of finished jobs, shared by all studies (default: runs/campaign)")
        parser.add_argument("--executor", default="process", metavar="WHERE", help=f"{EXECUTORS} (default: process)")
        parser.add_argument("--workers", type=int, default=2, help="processes of one thread each (default: 2)")
        parser.add_argument("--device", default="cpu")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the record as JSON")
        parser.set_defaults(run_command=run, interrupted="the same command continues, finished jobs are kept")


def run(args) -> int:
    from tqdm import tqdm

    from hinas_lab.cli.common import use_machine
    from hinas_lab.cli.methods import check_json
    from hinas_lab.config import preset
    from hinas_lab.storage import write_json
    from hinas_lab.studies.campaign import study
    from hinas_lab.studies.designs import module
    from hinas_lab.studies.designs.common import Setting
    from hinas_lab.studies.leaks import refuse_leaks

    for name in ("seeds", "workers"):
        if getattr(args, name) is not None and not 1 <= getattr(args, name) <= 1000:
            raise ValueError(f"{name} = {getattr(args, name)}: must be at least 1 and at most 1000")
    if len(preset(args.preset).train.sigmas) != 1:
        raise ValueError(f"preset = {args.preset!r}: a study needs a training at one noise level")
    check_json(args.json)
    _same_study(args)
    args.threads = None
    setting = Setting(base=args.preset, seeds=args.seeds, data=args.data, device=use_machine(args))
    refuse_leaks(args.data, "builtin")
    with executor(args.executor, args.workers) as pool, tqdm(desc=f"study {args.name}", unit="job", disable=None) as bar:
        def progress(done: int, asked: int):
            bar.total = asked
            bar.update(done - bar.n)

        told = study(module(args.name).design(setting), args.run, pool, progress)
    for line in lines(told):
        print(line)
    if args.json:
        write_json(args.json, told)
        print(f"wrote {args.json}")
    return 0


def _same_study(args):
    """A record is not overwritten by another study's, nor by one of another preset."""
    from hinas_lab.engine.header import read_json

    if args.json and args.json.exists():
        there = read_json(args.json)
        if (there.get("study"), there.get("preset")) != (args.name, args.preset):
            raise ValueError(f"{args.json}: holds study {there.get('study')} at preset {there.get('preset')}, not {args.name} at "
                             f"{args.preset}; name another file")


@contextmanager
def executor(where: str, workers: int):
    """None (this process), a process pool, or Dask's. ValueError for another word, and when no scheduler answers."""
    if where == "here":
        yield None
    elif where == "process":
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    elif where == "dask" or "://" in where:
        try:
            from distributed import Client, LocalCluster
        except ModuleNotFoundError:
            raise ValueError("--executor dask: needs Dask; install it with: pip install 'hinas_lab[cluster]'") from None
        try:
            # one worker process a job: torch's threads and seeds are the process's own
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) if where == "dask" else where
            client = Client(cluster, timeout="10s")
        except (OSError, ValueError):
            raise ValueError(f"--executor {where}: no Dask scheduler answers there") from None
        with client:
            yield client.get_executor(retries=3)
            if where == "dask":
                cluster.close()
    else:
        raise ValueError(f"--executor {where}: must be {EXECUTORS}")


def lines(told: dict) -> list[str]:
    """The record in words: arms, verdicts, what it stands on."""
    out, arms = [], {}
    for row in told["rows"]:
        if "psnr" in row:
            arms.setdefault(" ".join(str(row[k]) for k in ("task", "times", "arm") if k in row), []).append(row)
    if arms:
        out.append(f"{'arm':<38}{'n':>4}{'PSNR dB':>9}{'sd':>7}{'SSIM':>8}{'GMSD':>8}")
    for name, some in arms.items():
        mean = {k: sum(r[k] for r in some) / len(some) for k in ("psnr", "ssim", "gmsd")}
        sd = (sum((r["psnr"] - mean["psnr"]) ** 2 for r in some) / max(1, len(some) - 1)) ** 0.5
        out.append(f"{name:<38.38}{len(some):>4}{mean['psnr']:>9.3f}{sd:>7.3f}{mean['ssim']:>8.4f}{mean['gmsd']:>8.4f}")
    for id, c in told["claims"].items():
        between = f"{c['mean']:+.4g} ({c['low']:+.4g} to {c['high']:+.4g}), p {c['p']:.3g}" if c["p"] == c["p"] else f"{c['mean']:+.4g}"
        out.append(f"{id:<20} {c['verdict']:<13}{between}, n {c['n']}")
    seeds = len({r["seed"] for r in told["rows"] if "seed" in r})
    out.append(f"presets {', '.join(told['presets']) or told['preset']}, protocol {', '.join(told['protocols'])}, device {told['device']}, "
               f"{seeds} seeds, one thread a job;")
    out.append(f"{told['jobs']} jobs, {told['job_seconds'] / 60:.0f} minutes of them")
    return out
