"""``hinas-lab study NAME``: an experiment that can be repeated.

Registered designs run as jobs that are resumed.
"""

from math import isnan
from pathlib import Path
from statistics import stdev
from textwrap import wrap

from hinas_book.kit.registry import Study, studies
from hinas_book.kit.study_options import check_count, check_folder
from hinas_lab.analysis.executors import EXECUTORS
from hinas_lab.cli.main import say

LONG = ("paper", "paper/10", "authors")
"presets whose jobs are for a GPU"


def add(commands):
    every = studies()
    parser = commands.add_parser("study", help="experiments: " + ", ".join(every))
    names = parser.add_subparsers(
        dest="name", required=True, metavar="NAME", parser_class=type(parser)
    )
    for study in every.values():
        parser = names.add_parser(study.name, help=study.question)
        if study.registered:
            add_campaign_options(parser)
            parser.set_defaults(run_command=run)
        else:
            module = study.load()
            module.add_options(parser)
            parser.set_defaults(run_command=module.run)


def add_campaign_options(parser):
    """The options that all registered designs share."""
    option = parser.add_argument
    option("--preset", default="study")
    option("--seeds", type=int, help="fewer or more than registered in data/claims.csv")
    option("--data", default="builtin", metavar="NAME|DIR", help="training images")
    option(
        "--run",
        default="runs/campaign",
        metavar="DIR",
        help="folder of finished jobs, shared by all studies (default: runs/campaign)",
    )
    option("--executor", default="process", metavar="WHERE", help=f"{EXECUTORS} (default: process)")
    option("--workers", type=int, default=2, help="processes of one thread each (default: 2)")
    option("--device", default="cpu")
    option("--json", type=Path, metavar="FILE", help="write the record as JSON")
    option("--figure", type=Path, metavar="FILE", help="draw the record (.png, .svg, .pdf)")
    parser.set_defaults(interrupted="the same command continues, finished jobs are kept")


def run(args) -> int:
    from tqdm import tqdm

    from hinas_book.kit.design import Setting
    from hinas_lab.analysis.campaign import run_design
    from hinas_lab.analysis.executors import executor
    from hinas_lab.analysis.leaks import refuse_leaks
    from hinas_lab.cli.common import use_machine
    from hinas_lab.cli.methods import check_json
    from hinas_lab.presets import preset
    from hinas_lab.storage import write_json

    if args.seeds is not None:
        check_count("seeds", args.seeds)
    check_count("workers", args.workers)
    # the claims are about one noise level: their nets must be, too
    if len(preset(args.preset).train.sigmas) != 1:
        raise ValueError(f"preset = {args.preset!r}: a study needs a training at one noise level")
    check_json(args.json)
    _same_study(args)
    study = studies()[args.name]
    _check_figure(study, args.figure)
    check_folder("--run", Path(args.run))
    # each job sets its own: one thread, so that two machines give the same bits
    args.threads = None
    device = use_machine(args)
    setting = Setting(base=args.preset, seeds=args.seeds, data=args.data, device=device)
    refuse_leaks(args.data, "builtin")
    if device == "cpu" and args.preset in LONG:
        say(
            f"preset {args.preset} on the CPU: one job takes hours or days; "
            "it is meant for --device cuda"
        )
    bar = tqdm(desc=f"study {args.name}", unit="job", disable=None)

    def progress(done: int, asked: int):
        bar.total = asked
        bar.update(done - bar.n)

    with executor(args.executor, args.workers) as pool, bar:
        record = run_design(study.design(setting), args.run, pool, progress)
    if args.json:  # before a word: what took hours is kept
        write_json(args.json, record)
    print(*lines(record, study), sep="\n")
    if args.figure:
        study.figure(record).savefig(args.figure)
    for file in filter(None, (args.json, args.figure)):
        print(f"wrote {file}")
    return 0


def _check_figure(study: Study, file: Path | None):
    """ValueError when the study draws nothing, or ``file`` is no picture: asked before hours of
    work."""
    if file is None:
        return
    if not hasattr(study.load(), "figure"):
        raise ValueError(f"--figure {file}: study {study.name} draws no picture of its own")
    if file.suffix not in (".png", ".svg", ".pdf") or not file.resolve().parent.is_dir():
        raise ValueError(f"--figure {file}: name a .png, .svg or .pdf in a folder that exists")


def _same_study(args):
    """A record is not overwritten by another study's, nor by one that was asked for otherwise."""
    from hinas_lab.storage import read_json

    if not args.json or not args.json.exists():
        return
    record = read_json(args.json)
    asked = {"study": args.name}
    for name in ("preset", "data", "device", "seeds"):
        asked[name] = getattr(args, name)
    wrong = []
    for name, value in asked.items():
        if record.get(name) != value:
            wrong.append(f"{name} {record.get(name)}, not {value}")
    if wrong:
        raise ValueError(f"{args.json}: holds {'; '.join(wrong)}; name another file")


def lines(record: dict, study: Study) -> list[str]:
    """The record in words: arms, verdicts, what it stands on."""
    out = _arm_lines(record["rows"])
    verdicts = record["claims"] | study.judged_since(record)
    for id, judgement in verdicts.items():
        out += _claim_lines(id, judgement)
    for id, words in study.at_first(record).items():
        out += wrap(f"{id} as registered first: {words}", 80, subsequent_indent="  ")
    for finding in study.findings(record):
        out += wrap(finding, 80, subsequent_indent=" " * 4)
    seeds = len({row["seed"] for row in record["rows"] if "seed" in row})
    presets = ", ".join(record["presets"]) or record["preset"]
    protocols = ", ".join(record["protocols"])
    out.append(f"presets {presets}, protocol {protocols}, {seeds} seeds;")
    out.append(
        f"device {record['device']}, one thread a job, {record['jobs']} jobs, "
        f"{record['job_seconds'] / 60:.1f} minutes of them"
    )
    return out


def _arm_lines(rows: list[dict]) -> list[str]:
    """Means of the rows of each arm, under a header; none where no row is of an arm."""
    # without pandas: a study may run on a cluster node that has the lean core alone
    arms: dict[str, list[dict]] = {}
    for row in rows:
        if "psnr" in row and "arm" in row:
            name = " ".join(str(row[key]) for key in ("task", "times", "arm") if key in row)
            arms.setdefault(name, []).append(row)
    if not arms:
        return []
    out = [f"{'arm':<38}{'n':>4}{'PSNR dB':>9}{'sd':>7}{'SSIM':>8}{'GMSD':>8}"]
    for name, members in arms.items():
        n = len(members)
        psnr = sum(row["psnr"] for row in members) / n
        ssim = sum(row["ssim"] for row in members) / n
        gmsd = sum(row["gmsd"] for row in members) / n
        sd = stdev(row["psnr"] for row in members) if n > 1 else 0
        out.append(f"{name:<38.38}{n:>4}{psnr:>9.3f}{sd:>7.3f}{ssim:>8.4f}{gmsd:>8.4f}")
    return out


def _claim_lines(id: str, judgement: dict) -> list[str]:
    """The verdict on a registered claim, and its note."""
    from hinas_book.kit.verdicts import in_words

    p = judgement["p"]
    words = in_words({key: value for key, value in judgement.items() if key != "note"})
    verdict = f"{id:<20} {words}"
    if p is not None and not isnan(p):
        verdict += f", p {p:.3g}"
    note = judgement.get("note", "")
    return [
        *wrap(verdict, 80, subsequent_indent="  "),
        *wrap(note, 80, initial_indent="  ", subsequent_indent="  "),
    ]
