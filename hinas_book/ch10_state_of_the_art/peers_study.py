"""``hinas-lab study peers``: what other methods and ours cost, in one run.

Parameters, multiply-accumulates and seconds; with ``--train`` some of them trained here with the
budget of one of ours, and measured beside it.
"""

from pathlib import Path

from hinas_book.kit.study_options import add_json_option, check_count, write_record

AT_INPUT = 0.05
"dB: a trained net this near to what it was given did nothing to it"


def add_options(parser):
    option = parser.add_argument
    option("--task", help="denoise or sr (default: denoise; with --train: both)")
    option("--scale", type=int, help="of sr: 2, 3 or 4 (default: 4; with --train: the run's)")
    option(
        "--run",
        nargs="+",
        default=[],
        metavar="RUN",
        help="trained runs to time, too; with --train: the one of a task whose budget the peer "
        "gets (default: the nets of data/nets, preset classroom)",
    )
    option(
        "--train",
        action="store_true",
        help="train DnCNN (denoising) and FSRCNN (super-resolution) with the data, patches, batch, "
        "loss, optimiser and seed of one of our runs, at its learning rate and at a fifth of it, "
        "and measure PSNR and SSIM beside it",
    )
    option(
        "--budget",
        choices=("iterations", "seconds"),
        help="what a trained peer has as much of as ours (default: iterations, or seconds where "
        "that would take more than ten minutes)",
    )
    option(
        "--out",
        type=Path,
        default=Path("runs/peers"),
        metavar="DIR",
        help="trained peers (default: runs/peers)",
    )
    option("--repeats", type=int, default=5)
    option("--threads", type=int, default=None)
    option("--device", default="cpu")
    add_json_option(parser)
    parser.set_defaults(interrupted="the same command continues a training that has begun")


def run(args) -> int:
    from hinas_lab.cli.common import use_machine
    from hinas_lab.cli.methods import check_json

    check_json(args.json)
    check_count("repeats", args.repeats)
    if not args.train and args.budget:
        raise ValueError(f"--budget {args.budget}: is for trainings; add --train")
    device = use_machine(args)
    return _train(args, device) if args.train else _costs(args, device)


def _costs(args, device: str) -> int:
    from dataclasses import asdict

    from hinas_book.ch10_state_of_the_art.peer_costs import HEIGHT, WIDTH, costs
    from hinas_lab.presets import preset
    from hinas_lab.runs.folder import load_network

    # names a wrong task or scale, and the scale where none is asked for
    task = args.task or "denoise"
    scale = preset("paper", task, args.scale).space.scale
    nets = {}
    for folder in args.run:
        net, info = load_network(folder, device)
        _check(folder, info["task"], net.scale, task, scale)
        nets[folder] = net
    rows = []
    print(f"{'method':<26}{'parameters':>12}{'GMAC':>9}{'seconds':>9}{'±':>8}")
    for cost in costs(task, scale, device=device, repeats=args.repeats, nets=nets):
        print(
            f"{cost.method:<26.26}{cost.parameters:>12,}{cost.macs / 1e9:>9.2f}"
            f"{cost.seconds:>9.3f}{cost.spread:>8.3f}",
            flush=True,
        )
        rows.append(asdict(cost))
    print(
        f"one picture of {WIDTH} x {HEIGHT}, {task} x{scale}, random weights, device {device}, "
        f"threads {rows[0]['threads']}"
    )
    write_record(args.json, "peers", device=device, rows=rows)
    return 0


def _check(folder, task: str, scale: int, asked: str, asked_scale: int):
    if (task, scale) != (asked, asked_scale):
        raise ValueError(
            f"--run {folder}: is for {task} x{scale}, asked for {asked} x{asked_scale}"
        )


def _train(args, device: str) -> int:
    from dataclasses import asdict

    from hinas_book.ch10_state_of_the_art import peer_training as study
    from hinas_lab.presets import preset

    if args.task:
        preset("paper", args.task, args.scale)  # names a wrong task or scale
    runs = args.run or ([study.OURS[args.task]] if args.task else list(study.OURS.values()))
    budgets = {}
    for folder in runs:
        b = study.budget_of(folder, device)
        _check(b.run, b.task, b.scale, args.task or b.task, args.scale or b.scale)
        budgets[b.task] = b
    if len(budgets) < len(runs):
        raise ValueError(f"--run: {len(runs)} runs; one for each task sets the budget")
    rows = []
    for b in budgets.values():
        steps = study.step_seconds(b, args.repeats, device)
        trainings, equal = _trained(args, b, steps, device)
        print(
            f"{'method':<17}{'equal, learning rate':<22}{'iterations':>10}{'seconds':>8}"
            f"{'parameters':>11}{'dB':>7}{'SSIM':>8}"
        )
        measured = []
        for row in study.rows(b, trainings, equal, steps, device):
            print(_line(row), flush=True)
            measured.append(row)
        rows += map(asdict, measured)
        for sentence in at_its_input(measured):
            print(sentence)
        level = f"sigma {b.level:g}" if b.task == "denoise" else f"x{b.scale}"
        print(
            f"{b.task} {level}, protocol {row.protocol}, builtin, n = {row.n}; "
            f"preset {b.preset}, seed {b.config.seed}, device {device},\n"
            f"threads {row.threads}; seconds: iterations times one, timed in turn; "
            "settings chosen for ours"
        )
    # of the first budget: the record has one seed
    seed = next(iter(budgets.values())).config.seed
    write_record(args.json, "peers-trained", seed, device, rows=rows)
    return 0


def _trained(args, b, steps: tuple[float, float], device: str):
    """Train the peer at each rate: folder -> its configuration, and in words what is equal."""
    from dataclasses import replace

    from hinas_book.ch10_state_of_the_art import peer_training as study
    from hinas_lab.cli.common import follow

    config, equal = study.fitted(b.config, *steps, args.budget)
    trainings = {}
    for rate in study.RATES:
        lr = rate * config.lr
        folder = args.out / f"{b.peer.name}-{b.run.name}-{equal.split()[1]}-lr-{lr:g}"
        trainings[folder] = replace(config, lr=lr)
        # timed anew each time: a training that has begun keeps the length it was given
        if equal == "equal seconds":
            trainings[folder] = study.as_begun(folder, trainings[folder])
        training = study.open_training(b, folder, trainings[folder], device)
        for _ in follow(training, b.peer.name):
            pass
    return trainings, equal


def at_its_input(rows: list) -> list[str]:
    """A sentence for each trained peer of one task that left its input as it was: its numbers are
    those of the input, and must not be printed without it. ``rows``: of ``Trained``."""
    sentences = []
    for given in rows:
        if given.method in ("noisy", "bicubic"):
            for row in rows:
                if row.lr and abs(row.psnr - given.psnr) < AT_INPUT:
                    sentences.append(
                        f"{row.method} with learning rate {row.lr:g} is at its input\n"
                        f"({row.psnr:.2f} dB, {given.method} {given.psnr:.2f}): "
                        f"it learned nothing, and this is no number of {row.method}"
                    )
    return sentences


def _line(row) -> str:
    """A ``Trained`` as a line of the printed table."""
    how = "not trained"
    # columns of what was not trained stay empty
    costs = " " * 29
    if row.lr:
        equal = row.budget.removeprefix("equal ") if row.budget else "sets the budget"
        how = f"{equal}, {row.lr:g}"
        costs = f"{row.iterations:>10,}{row.train_seconds:>8.1f}{row.parameters:>11,}"
    return f"{row.method:<17.17}{how:<22.22}{costs}{row.psnr:>7.2f}{row.ssim:>8.4f}"
