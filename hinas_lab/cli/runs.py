"""``hinas-lab runs``: which runs there are, what each is, how two differ, one as a file."""

from pathlib import Path


def add(commands):
    parser = commands.add_parser("runs", help="list, show, compare or pack run folders")
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=type(parser)
    )
    listed = actions.add_parser("list", help="runs below a folder")
    listed.add_argument(
        "folder", type=Path, nargs="?", default=Path("runs"), metavar="DIR", help="default: runs"
    )
    shown = actions.add_parser(
        "show", help="one run: configuration, machine, how far it is, its genotype"
    )
    shown.add_argument("run", type=Path, metavar="RUN")
    compared = actions.add_parser(
        "diff", help="what two runs were asked for and gave, where they differ"
    )
    compared.add_argument("a", type=Path, metavar="A")
    compared.add_argument("b", type=Path, metavar="B")
    packed = actions.add_parser("pack", help="a run as one zip, DIR/NAME.zip")
    packed.add_argument("run", type=Path, metavar="RUN")
    packed.add_argument(
        "--out", type=Path, default=Path("."), metavar="DIR", help="folder (default: here)"
    )
    parser.set_defaults(run_command=run)


def run(args) -> int:
    return {"list": _list, "show": _show, "diff": _diff, "pack": _pack}[args.action](args)


def _list(args) -> int:
    from hinas_lab.runs.header import read_header

    if not args.folder.is_dir():
        raise ValueError(f"{args.folder}: no such folder")
    found = sorted(p.parent for p in args.folder.rglob("config.json"))
    if not found:
        print(f"no runs below {args.folder}; make one with: hinas-lab demo")
    for folder in found:
        try:
            header = read_header(folder)
        except ValueError as error:
            print(f"{folder}: {error}")
            continue
        print(
            f"{folder!s:<29} {header['kind']:<7}{header['preset']:<11} seed {_seed(header):<3}{_state(folder, header)}"
        )
    return 0


def _show(args) -> int:
    import json

    from hinas_lab.runs.header import read_header, read_json

    header = read_header(args.run)
    print(
        f"{args.run}: {header['kind']} at preset {header['preset']}, data {header['data']}, {_state(args.run, header)}"
    )
    for part in ("space", "search", "train"):
        for field, value in (header.get(part) or {}).items():
            print(f"  {part}.{field} = {json.dumps(value)}")
    if (args.run / "env.json").exists():
        told = read_json(args.run / "env.json")
        print(
            "  "
            + ", ".join(
                f"{k} {told[k]}"
                for k in ("device", "threads", "seed", "commit")
                if told.get(k) is not None
            )
        )
    if (genotype := _genotype(args.run)) is not None:
        print(f"  {genotype}")
    return 0


def _diff(args) -> int:
    from hinas_lab.runs.header import read_header
    from hinas_lab.space.genotype import diff

    a, b = _flat(read_header(args.a)), _flat(read_header(args.b))
    lines = [
        f"{key}: {a.get(key, 'absent')} -> {b.get(key, 'absent')}"
        for key in sorted(a | b)
        if a.get(key) != b.get(key)
    ]
    print("\n".join(lines) or "asked for the same")
    one, other = _genotype(args.a), _genotype(args.b)
    if one is not None and other is not None:
        try:
            print("\n".join(diff(one, other)) or "the same genotype")
        except ValueError as error:
            print(error)
    return 0


def _pack(args) -> int:
    from hinas_lab.runs.header import read_header
    from hinas_lab.runs.packing import zipped
    from hinas_lab.storage import write_atomic

    read_header(args.run)
    target = args.out / f"{args.run.resolve().name}.zip"
    if not args.out.is_dir():
        raise ValueError(f"--out {args.out}: no such folder")
    if target.exists():
        raise ValueError(
            f"{target}: is there already; remove it, or choose another folder with --out"
        )
    write_atomic(target, zipped(args.run))
    print(f"wrote {target}")
    return 0


def _state(folder: Path, header: dict) -> str:
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
    done, of = (
        (len(columns["epoch/epoch"]) - 1, header["search"]["epochs"])
        if header["kind"] == "search"
        else (int(columns["step/iteration"].max(initial=0)), header["train"]["iterations"])
    )
    return f"{max(0, done)} of {of} {'epochs' if header['kind'] == 'search' else 'iterations'}"


def _seed(header: dict) -> int:
    return header["search" if header["kind"] == "search" else "train"]["seed"]


def _genotype(folder: Path):
    """None when the run has none (yet)."""
    from hinas_lab.runs.header import load_genotype

    return load_genotype(folder) if (folder / "genotype.json").exists() else None


def _flat(values: dict, prefix: str = "") -> dict[str, str]:
    """Nested values as ``search.loss.lam`` -> text."""
    out = {}
    for key, value in values.items():
        out |= (
            _flat(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": str(value)}
        )
    return out
