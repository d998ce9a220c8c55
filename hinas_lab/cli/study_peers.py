"""``hinas-lab study peers``: parameters, multiply-accumulates and seconds of other methods and ours, in one run."""

from pathlib import Path


def add(studies):
    parser = studies.add_parser("peers", help="other methods beside ours: parameters, multiply-accumulates, seconds")
    parser.add_argument("--task", default="denoise", help="denoise or sr (default: denoise)")
    parser.add_argument("--scale", type=int, help="of sr: 2, 3 or 4 (default: 4)")
    parser.add_argument("--run", nargs="+", default=[], metavar="RUN", help="trained runs to time, too")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from dataclasses import asdict

    from hinas_lab.cli.common import use_machine
    from hinas_lab.cli.methods import check_json
    from hinas_lab.config import preset
    from hinas_lab.engine.runs import load_network
    from hinas_lab.storage import environment, write_json
    from hinas_lab.studies.peer_costs import HEIGHT, WIDTH, costs

    check_json(args.json)
    if not 1 <= args.repeats <= 1000:
        raise ValueError(f"repeats = {args.repeats}: must be at least 1 and at most 1000")
    scale = preset("paper", args.task, args.scale).space.scale
    device, nets = use_machine(args), {}
    for folder in args.run:
        net, info = load_network(folder, device)
        if (info["task"], net.scale) != (args.task, scale):
            raise ValueError(f"--run {folder}: is for {info['task']} x{net.scale}, asked for {args.task} x{scale}")
        nets[folder] = net
    rows = []
    print(f"{'method':<26}{'parameters':>12}{'GMAC':>9}{'seconds':>9}{'±':>8}")
    for c in costs(args.task, scale, device=device, repeats=args.repeats, nets=nets):
        print(f"{c.method:<26.26}{c.parameters:>12,}{c.macs / 1e9:>9.2f}{c.seconds:>9.3f}{c.spread:>8.3f}", flush=True)
        rows.append(asdict(c))
    print(f"one picture of {WIDTH} x {HEIGHT}, {args.task} x{scale}, random weights, device {device}, threads {rows[0]['threads']}")
    if args.json:
        write_json(args.json, {"study": "peers", "rows": rows, "env": environment(0, device)})
    return 0
