"""``hinas-lab study peers``: parameters, multiply-accumulates and seconds of other methods and ours, in one run; with ``--train`` some of
them trained here with the budget of one of ours, and measured beside it."""

from pathlib import Path


def add_options(parser):
    parser.add_argument("--task", help="denoise or sr (default: denoise; with --train: both)")
    parser.add_argument(
        "--scale", type=int, help="of sr: 2, 3 or 4 (default: 4; with --train: the run's)"
    )
    parser.add_argument(
        "--run",
        nargs="+",
        default=[],
        metavar="RUN",
        help="trained runs to time, too; with --train: the one of a task whose budget the peer gets (default: the nets of "
        "data/nets, preset classroom)",
    )
    parser.add_argument(
        "--train",
        action="store_true",
        help="train DnCNN (denoising) and FSRCNN (super-resolution) with the data, "
        "patches, batch, loss, optimiser and seed of one of our runs, at its learning rate and at a fifth of it, and "
        "measure PSNR and SSIM beside it",
    )
    parser.add_argument(
        "--budget",
        choices=("iterations", "seconds"),
        help="what a trained peer has as much of as ours (default: "
        "iterations, or seconds where that would take more than ten minutes)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/peers"),
        metavar="DIR",
        help="trained peers (default: runs/peers)",
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.set_defaults(interrupted="the same command continues a training that has begun")


def run(args) -> int:
    from hinas_lab.cli.common import use_machine
    from hinas_lab.cli.methods import check_json

    check_json(args.json)
    if not 1 <= args.repeats <= 1000:
        raise ValueError(f"repeats = {args.repeats}: must be at least 1 and at most 1000")
    if not args.train and args.budget:
        raise ValueError(f"--budget {args.budget}: is for trainings; add --train")
    device = use_machine(args)
    return _train(args, device) if args.train else _costs(args, device)


def _costs(args, device: str) -> int:
    from dataclasses import asdict

    from hinas_book.ch10_state_of_the_art.peer_costs import HEIGHT, WIDTH, costs
    from hinas_lab.config import preset
    from hinas_lab.runs.folder import load_network
    from hinas_lab.storage import environment, write_json

    task = args.task or "denoise"
    scale, nets = preset("paper", task, args.scale).space.scale, {}
    for folder in args.run:
        net, info = load_network(folder, device)
        _check(folder, info["task"], net.scale, task, scale)
        nets[folder] = net
    rows = []
    print(f"{'method':<26}{'parameters':>12}{'GMAC':>9}{'seconds':>9}{'±':>8}")
    for c in costs(task, scale, device=device, repeats=args.repeats, nets=nets):
        print(
            f"{c.method:<26.26}{c.parameters:>12,}{c.macs / 1e9:>9.2f}{c.seconds:>9.3f}{c.spread:>8.3f}",
            flush=True,
        )
        rows.append(asdict(c))
    print(
        f"one picture of {WIDTH} x {HEIGHT}, {task} x{scale}, random weights, device {device}, threads {rows[0]['threads']}"
    )
    if args.json:
        write_json(args.json, {"study": "peers", "rows": rows, "env": environment(0, device)})
    return 0


def _check(folder, task: str, scale: int, asked: str, asked_scale: int):
    if (task, scale) != (asked, asked_scale):
        raise ValueError(
            f"--run {folder}: is for {task} x{scale}, asked for {asked} x{asked_scale}"
        )


def _train(args, device: str) -> int:
    from dataclasses import asdict, replace

    from hinas_book.ch10_state_of_the_art import peer_training as study
    from hinas_lab.cli.common import follow
    from hinas_lab.config import preset
    from hinas_lab.storage import environment, write_json

    if args.task:
        preset("paper", args.task, args.scale)  # names a wrong task or scale
    runs = args.run or ([study.OURS[args.task]] if args.task else list(study.OURS.values()))
    budgets = [study.budget_of(folder, device) for folder in runs]
    for b in budgets:
        _check(b.run, b.task, b.scale, args.task or b.task, args.scale or b.scale)
    if len({b.task for b in budgets}) < len(budgets):
        raise ValueError(f"--run: {len(budgets)} runs; one for each task sets the budget")
    told = []
    for b in budgets:
        steps = study.step_seconds(b, args.repeats, device)
        config, equal = study.fitted(b.config, *steps, args.budget)
        trainings = {}
        for rate in study.RATES:
            given = replace(config, lr=rate * config.lr)
            folder = args.out / f"{b.peer.name}-{b.run.name}-{equal.split()[1]}-lr-{given.lr:g}"
            trainings[folder] = study.as_begun(folder, given) if equal == "equal seconds" else given
            for _ in follow(study.open_training(b, folder, trainings[folder], device), b.peer.name):
                pass
        level = f"sigma {b.level:g}" if b.task == "denoise" else f"x{b.scale}"
        print(
            f"{'method':<17}{'equal, learning rate':<22}{'iterations':>10}{'seconds':>8}{'parameters':>11}{'dB':>7}{'SSIM':>8}"
        )
        for r in study.rows(b, trainings, equal, steps, device):
            said = (
                f"{r.budget.removeprefix('equal ') if r.budget else 'sets the budget'}, {r.lr:g}"
                if r.lr
                else "not trained"
            )
            spent = (
                f"{r.iterations:>10,}{r.train_seconds:>8.1f}{r.parameters:>11,}"
                if r.lr
                else " " * 29
            )
            print(f"{r.method:<17.17}{said:<22.22}{spent}{r.psnr:>7.2f}{r.ssim:>8.4f}", flush=True)
            told.append(asdict(r))
        print(
            f"{b.task} {level}, protocol {told[-1]['protocol']}, builtin, n = {told[-1]['n']}; preset {b.preset}, seed {b.config.seed}, "
            f"device {device},\nthreads {told[-1]['threads']}; seconds: iterations times one, timed in turn; settings chosen for ours"
        )
    if args.json:
        write_json(
            args.json,
            {
                "study": "peers-trained",
                "rows": told,
                "env": environment(budgets[0].config.seed, device),
            },
        )
    return 0
