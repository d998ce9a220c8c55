"""``hinas-lab explore``: quality against cost of the trained nets of a folder or a record, as a
table and a picture."""

from pathlib import Path

FORMATS = (".svg", ".png", ".pdf")
"of the picture"


def add(commands):
    parser = commands.add_parser(
        "explore",
        help="trained nets: quality against cost, their Pareto front, the best within a budget",
        description="The nets that no other one beats, the cheapest first, and with --out the "
        "picture of all. A run that no study measured is measured on the built-in test pictures.",
    )
    parser.add_argument(
        "nets",
        metavar="RUNS|RECORD",
        help="a folder of training runs, a study's JSON, or its name in data/studies",
    )
    parser.add_argument(
        "--cost", default="macs", help="macs, parameters or milliseconds (default: macs)"
    )
    parser.add_argument("--quality", default="psnr", help="psnr or ssim (default: psnr)")
    parser.add_argument(
        "--budget", metavar="B", help="of the cost: a number, 1.5GMAC, 0.2M (parameters), 30ms"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the picture there: .svg, .png or .pdf"
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)"
    )
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from hinas_lab.analysis.trade_off import check_asked, in_units
    from hinas_lab.analysis.trained_nets import find_nets
    from hinas_lab.live.explore import Nets

    _check_out(args.out)
    check_asked(args.cost, args.quality, args.budget)
    nets = Nets(find_nets(args.nets, args.device), args.device)
    seen = nets.seen(args.cost, args.quality, args.budget)
    width = max(len(seen.nets[place].name) for place in seen.front)
    for place in seen.front:
        cost, quality = in_units(seen.x[place], seen.cost), in_units(seen.y[place], seen.quality)
        print(f"{seen.nets[place].name:<{width}}  {cost:>16}  {quality:>9}")
    print(seen.title)
    for note in (f"measured as: {seen.nets[0].measured_as}", *seen.notes):
        print(note)
    if args.out:
        _write(seen, args.out)
        print(f"wrote {args.out}")
    return 0


def _check_out(path: Path | None):
    """ValueError for a file that could not be written: asked before anything is measured."""
    if path is None:
        return
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"--out {path}: must end in {', '.join(FORMATS)}")
    if not path.resolve().parent.is_dir():
        raise ValueError(f"--out {path}: its folder does not exist")


def _write(seen, path: Path):
    import io

    from hinas_lab.drawing import style
    from hinas_lab.live.explore import themed
    from hinas_lab.storage import write_atomic

    buffer, fmt = io.BytesIO(), path.suffix.lower().lstrip(".")
    # no date: equal pictures, equal bytes
    date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(fmt)
    with style.theme():
        themed(seen, seen.within).savefig(buffer, format=fmt, metadata=date)
    write_atomic(path, buffer.getvalue())
