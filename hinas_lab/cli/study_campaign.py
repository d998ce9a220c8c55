"""``hinas-lab study paths | widths | ...``: the registered designs; resumable, on several processes or a cluster, rows as JSON."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from textwrap import wrap
from threading import Thread

from hinas_lab.studies.designs import DESIGNS

EXECUTORS = "process, here, dask, or the address of a Dask scheduler"

LONG = ("paper", "paper/10", "authors")

PATIENCE = "10s"
"for a scheduler to answer"


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
    if Path(args.run).exists() and not Path(args.run).is_dir():
        raise ValueError(f"--run {args.run}: is a file; name a folder")
    args.threads = None
    setting = Setting(base=args.preset, seeds=args.seeds, data=args.data, device=use_machine(args))
    refuse_leaks(args.data, "builtin")
    if setting.device == "cpu" and args.preset in LONG:
        print(f"preset {args.preset} on the CPU: one job takes hours or days; it is meant for --device cuda", file=sys.stderr)
    with executor(args.executor, args.workers) as pool, tqdm(desc=f"study {args.name}", unit="job", disable=None) as bar:
        def progress(done: int, asked: int):
            bar.total = asked
            bar.update(done - bar.n)

        told = study(module(args.name).design(setting), args.run, pool, progress)
    if args.json:  # before a word: what took hours is kept
        write_json(args.json, told)
    print(*lines(told), *([f"wrote {args.json}"] if args.json else []), sep="\n")
    return 0


def _same_study(args):
    """A record is not overwritten by another study's, nor by one that was asked for otherwise."""
    from hinas_lab.engine.header import read_json

    if args.json and args.json.exists():
        there = read_json(args.json)
        asked = {"study": args.name} | {name: getattr(args, name) for name in ("preset", "data", "device", "seeds")}
        wrong = [f"{name} {there.get(name)}, not {value}" for name, value in asked.items() if there.get(name) != value]
        if wrong:
            raise ValueError(f"{args.json}: holds {'; '.join(wrong)}; name another file")


@contextmanager
def executor(where: str, workers: int) -> Iterator[Executor | None]:
    """None (this process), a process pool, or Dask's. ValueError for another word, and when no scheduler answers."""
    if where == "here":
        yield None
    elif where == "process":
        with _processes(workers) as pool:
            yield pool
    elif where == "dask" or "://" in where:
        with _cluster(where, workers) as client:
            yield client.get_executor()  # an error of a job is no accident: it is not tried again; a job whose worker died is
    else:
        raise ValueError(f"--executor {where}: must be {EXECUTORS}")


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    others = active_children()
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_worker)
    try:
        yield pool
    except KeyboardInterrupt:
        for process in active_children():  # what it had not saved, at most some seconds of work, is done again
            if process not in others:
                process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker():
    """A worker leaves Ctrl-C to the command that started it, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()


@contextmanager
def _cluster(where: str, workers: int) -> Iterator:
    """A Dask client: of a cluster on this machine that ends with it, or of the scheduler at the address ``where``."""
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise ValueError(f"--executor {where}: needs Dask; install it with: pip install 'hinas_lab[cluster]'") from None
    with ExitStack() as stack:
        if where == "dask":  # one worker process a job: torch's threads are the process's own
            cluster = stack.enter_context(LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0",
                                                       silence_logs=logging.CRITICAL))  # a worker that dies is replaced, or told in a line
        try:
            client = Client(cluster if where == "dask" else where, timeout=PATIENCE)
        except (OSError, ValueError):
            raise ValueError(f"--executor {where}: no Dask scheduler answers there") from None
        yield stack.enter_context(client)


def measured_lines(told: dict) -> list[str]:
    """Methods as measured, a line each."""
    out = [f"{'method':<10}{'level':>5}  {'test':<9}{'protocol':<13}{'n':>4}{'PSNR dB':>9}{'SSIM':>8}{'GMSD':>8}{'parameters':>11}"]
    for r in told["rows"]:
        level = f"{'x' * (r['task'] == 'sr')}{r['level']:g}"
        out.append(f"{r['method']:<10}{level:>5}  {r['test']:<9}{r['protocol']:<13}{r['n']:>4}{r['psnr']:>9.2f}{r['ssim']:>8.4f}"
                   f"{r['gmsd']:>8.4f}{r['parameters'] or '-':>11}")
    gained = [f"{g['protocol']} instead of {g['against']} gives our net {g['mean']:+.3f} dB ({g['low']:+.3f} to {g['high']:+.3f}) at sigma "
              f"{g['level']:g}" for g in told["gains"]]
    return [*out, *gained, *(f"left out: {why}" for why in told["left_out"])]


def findings(told: dict) -> list[str]:
    """What the study says beside its claims, as its notebook prints it."""
    from hinas_lab.studies import against_random, findings, perturbation, perturbation_words

    say = {"budget": findings.along, "loss": findings.of_lambda, "widths": findings.of_paths, "sharing": findings.of_sharing,
           "paths": against_random.path_text, "epochs": against_random.both_paces,
           "search": lambda record: against_random.search_text(against_random.read(record)),
           "perturb": lambda record: [line for task in record["found"] for line in (
               f"{task}:", *perturbation_words.drop_text(perturbation.read(record, task)).splitlines())],
           "state-of-the-art": measured_lines}
    said = say.get(told["study"], lambda _: [])(told)
    return said.splitlines() if isinstance(said, str) else said


def lines(told: dict) -> list[str]:
    """The record in words: arms, verdicts, what it stands on."""
    from hinas_lab.studies.verdicts import in_words

    out, arms = [], {}
    for row in told["rows"]:
        if "psnr" in row and "arm" in row:
            arms.setdefault(" ".join(str(row[k]) for k in ("task", "times", "arm") if k in row), []).append(row)
    if arms:
        out.append(f"{'arm':<38}{'n':>4}{'PSNR dB':>9}{'sd':>7}{'SSIM':>8}{'GMSD':>8}")
    for name, some in arms.items():
        mean = {k: sum(r[k] for r in some) / len(some) for k in ("psnr", "ssim", "gmsd")}
        sd = (sum((r["psnr"] - mean["psnr"]) ** 2 for r in some) / max(1, len(some) - 1)) ** 0.5
        out.append(f"{name:<38.38}{len(some):>4}{mean['psnr']:>9.3f}{sd:>7.3f}{mean['ssim']:>8.4f}{mean['gmsd']:>8.4f}")
    for id, c in told["claims"].items():
        p = c["p"]
        said = in_words({k: v for k, v in c.items() if k != "note"}) + (f", p {p:.3g}" if p is not None and p == p else "")
        for line, indent in ((f"{id:<20} {said}", ""), (c.get("note", ""), "  ")):
            out += wrap(line, 80, initial_indent=indent, subsequent_indent="  ")
    for line in findings(told):
        out += wrap(line, 80, subsequent_indent=" " * 4)
    seeds = len({r["seed"] for r in told["rows"] if "seed" in r})
    out.append(f"presets {', '.join(told['presets']) or told['preset']}, protocol {', '.join(told['protocols'])}, {seeds} seeds;")
    out.append(f"device {told['device']}, one thread a job, {told['jobs']} jobs, {told['job_seconds'] / 60:.1f} minutes of them")
    return out
