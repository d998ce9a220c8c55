"""``hinas-lab study neighbours``: every net one edit away from a found one, by shared weights."""

from pathlib import Path


def add(studies):
    parser = studies.add_parser("neighbours", help="is a found net a local optimum? every one-edit neighbour, by shared weights")
    parser.add_argument("--run", required=True, metavar="RUN", help="a finished search with its weights, e.g. data/nets/supernet")
    parser.add_argument("--most", type=int, metavar="N", help="at most so many of each kind, drawn (default: all)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from dataclasses import asdict

    from tqdm import tqdm

    from hinas_lab.cli.common import use_machine
    from hinas_lab.cli.methods import check_json
    from hinas_lab.engine.header import read_header
    from hinas_lab.engine.runs import load_genotype
    from hinas_lab.storage import environment, write_json
    from hinas_lab.studies.neighbours import KINDS, edits, summary
    from hinas_lab.studies.shared import shared_scorer

    check_json(args.json)
    if args.most is not None and args.most < 1:
        raise ValueError(f"most = {args.most}: must be at least 1")
    device, header = use_machine(args), read_header(args.run)
    score, found = shared_scorer(args.run, device), load_genotype(args.run)
    ours = score(found)
    rows = list(tqdm(edits(found, score, args.most), desc="neighbours", disable=None))
    told = summary(ours["psnr"], rows)
    print(f"{found}\nshared weights, V: {ours['psnr']:.3f} dB")
    for kind, t in told.items():
        print(f"  {KINDS[kind]:<6}{kind:<10} {t['worse']} of {t['n']} are worse ({t['low']:.0%} to {t['high']:.0%}), median drop "
              f"{t['median_drop']:+.3f} dB")
    print(f"preset {header['preset']}, device {device}, threads {args.threads}; shared weights rank nets, they do not measure them")
    if args.json:
        write_json(args.json, {"study": "neighbours", "preset": header["preset"], "found": ours, "median": told,
                               "rows": [asdict(r) for r in rows], "env": environment(header["search"]["seed"], device)})
    return 0
