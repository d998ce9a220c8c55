"""``hinas-lab runs``: which runs there are, what each is, how two differ, one as a file, some as a
page."""

from pathlib import Path

from hinas_lab.cli.main import shortened

ROW = "{:<29} {:<7}{:<11} seed {:<3}{}"
"a line of the list: folder, kind, preset, seed, how far it is"


def add(commands):
    parser = commands.add_parser("runs", help="list, show, compare, pack or report run folders")
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=type(parser)
    )
    listing = actions.add_parser("list", help="runs below a folder")
    listing.add_argument(
        "folder", type=Path, nargs="?", default=Path("runs"), metavar="DIR", help="default: runs"
    )
    showing = actions.add_parser(
        "show", help="one run: configuration, machine, how far it is, its genotype"
    )
    showing.add_argument("run", type=Path, metavar="RUN")
    comparing = actions.add_parser(
        "diff", help="what two runs were asked for and gave, where they differ"
    )
    comparing.add_argument("a", type=Path, metavar="A")
    comparing.add_argument("b", type=Path, metavar="B")
    packing = actions.add_parser("pack", help="a run as one zip, DIR/NAME.zip")
    packing.add_argument("run", type=Path, metavar="RUN")
    packing.add_argument(
        "--out", type=Path, default=Path("."), metavar="DIR", help="folder (default: here)"
    )
    reporting = actions.add_parser(
        "report", help="one HTML file that opens offline: a search replayed, or several compared"
    )
    reporting.add_argument(
        "runs", nargs="+", metavar="RUN", help="a run's folder, or the name of a recorded run"
    )
    reporting.add_argument("--out", type=Path, required=True, metavar="FILE", help="FILE.html")
    reporting.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    parser.set_defaults(run_command=run)


def run(args) -> int:
    actions = {"list": _list, "show": _show, "diff": _diff, "pack": _pack, "report": _report}
    return actions[args.action](args)


def _list(args) -> int:
    from hinas_lab.runs.header import read_header

    if not args.folder.is_dir():
        raise ValueError(f"{args.folder}: no such folder")
    folders = sorted(path.parent for path in args.folder.rglob("config.json"))
    if not folders:
        print(f"no runs below {args.folder}; make one with: hinas-lab demo")
    for folder in folders:
        # a damaged run is a line of the list and does not end it
        try:
            header = read_header(folder)
        except ValueError as error:
            print(shortened(str(error) if str(folder) in str(error) else f"{folder}: {error}"))
            continue
        kind, preset = header["kind"], header["preset"]
        seed = header["search" if kind == "search" else "train"].get("seed", "?")
        print(shortened(ROW.format(str(folder), kind, preset, seed, _progress(folder, header))))
    return 0


def _show(args) -> int:
    from hinas_lab.runs.header import read_header

    header = read_header(args.run)
    print(
        f"{args.run}: {header['kind']} at preset {header['preset']}, "
        f"data {header['data']}, {_progress(args.run, header)}"
    )
    _print_fields(header)
    _print_machine(args.run)
    genotype = _genotype(args.run)
    if genotype is not None:
        print(f"  {genotype}")
    return 0


def _print_fields(header: dict):
    """Every field of the run's configuration, as ``--set`` takes it."""
    import json

    for part in ("space", "search", "train"):
        for field, value in (header.get(part) or {}).items():
            print(f"  {part}.{field} = {json.dumps(value)}")


def _print_machine(folder: Path):
    """Where the run was made, as far as it is known: packed runs may lack env.json."""
    from hinas_lab.runs.header import read_environment

    if not (folder / "env.json").exists():
        return
    environment = read_environment(folder)
    facts = []
    for name in ("device", "threads", "seed", "commit"):
        value = environment.get(name)
        if value is not None:
            facts.append(f"{name} {value}")
    print("  " + ", ".join(facts))


def _diff(args) -> int:
    from hinas_lab.runs.header import flat, read_header

    a = flat(read_header(args.a))
    b = flat(read_header(args.b))
    changes = []
    for name in sorted(a | b):
        before, after = a.get(name, "absent"), b.get(name, "absent")
        if before != after:
            changes.append(f"{name}: {before} -> {after}")
    print("\n".join(changes) or "asked for the same")
    _print_genotype_diff(_genotype(args.a), _genotype(args.b))
    return 0


def _print_genotype_diff(a, b):
    """Nothing while one of the runs has no genotype."""
    from hinas_lab.space.genotype import diff

    if a is None or b is None:
        return
    try:
        print("\n".join(diff(a, b)) or "the same genotype")
    except ValueError as error:  # of two tasks or shapes: the reason is the answer
        print(error)


def _pack(args) -> int:
    from hinas_lab.runs.header import read_header
    from hinas_lab.runs.packing import zip_run
    from hinas_lab.storage import write_atomic

    read_header(args.run)  # refuses a folder that is no run
    # resolved: "." has no name
    target = args.out / f"{args.run.resolve().name}.zip"
    if not args.out.is_dir():
        raise ValueError(f"--out {args.out}: no such folder")
    if target.exists():
        raise ValueError(
            f"{target}: is there already; remove it, or choose another folder with --out"
        )
    write_atomic(target, zip_run(args.run))
    print(f"wrote {target}")
    return 0


def _report(args) -> int:
    from hinas_lab.live.report import write_report

    path = write_report(args.runs, args.out, overwrite=args.overwrite)
    print(f"wrote {path}, {path.stat().st_size / 1e6:.2f} MB; open it in a browser")
    return 0


def _progress(folder: Path, header: dict) -> str:
    """Finished, or how far its records reach."""
    from hinas_lab.records import read_records

    if (folder / "best.safetensors").exists():
        return "finished"
    if (folder / "genotype.json").exists() and not (folder / "state.safetensors").exists():
        return "finished, without weights"
    try:
        columns = read_records(folder)
    except ValueError:
        return "not begun"
    if header["kind"] == "search":
        # the first row is the state before the first epoch
        done = max(0, len(columns["epoch/epoch"]) - 1)
        return f"{done} of {header['search'].get('epochs', '?')} epochs"
    done = int(columns["step/iteration"].max(initial=0))
    return f"{done} of {header['train'].get('iterations', '?')} iterations"


def _genotype(folder: Path):
    """None when the run has none (yet)."""
    from hinas_lab.runs.header import load_genotype

    return load_genotype(folder) if (folder / "genotype.json").exists() else None
