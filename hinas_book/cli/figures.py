"""``hinas-lab figures``: the paper's 14 figures and 12 tables, redrawn from records and stored weights."""

from pathlib import Path


def add(commands):
    parser = commands.add_parser(
        "figures",
        help="redraw the paper's figures and tables from records",
        description="Nothing is trained. Pictures are photographs of the scikit-image wheel; where the paper's "
        "own data sets are on this machine, they are drawn, too, into DIR/local, which git ignores.",
    )
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="fig01 ... fig14, table01 ... table12 (default: all)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("figures"), metavar="DIR", help="folder (default: figures)"
    )
    parser.set_defaults(run_command=run)


def run(args) -> int:
    import time

    from hinas_book.kit.registry import paper_figures
    from hinas_book.paper.redraw import IDS, full_id, index, redraw
    from hinas_lab.storage import environment, write_atomic

    ids = [full_id(id) for id in args.ids] or list(IDS)
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f"--out {args.out}: is a file; name a folder")
    args.out.mkdir(parents=True, exist_ok=True)
    stamp = {
        k: v
        for k, v in environment(0, "cpu").items()
        if k in ("hinas_lab", "commit", "device", "seed")
    }
    figures = paper_figures()
    drawn, start = {}, time.perf_counter()
    for id in ids:
        began = time.perf_counter()
        try:
            drawn[id] = redraw(id, args.out, stored, stamp)
        except (ValueError, OSError, KeyError) as error:  # a record that is not here, or not whole
            drawn[id] = []
            print(f"{id}  no data here: {error}")
            continue
        print(
            f"{id}  {len(drawn[id])} files, {time.perf_counter() - began:.1f} s  {figures[id].title if id in figures else ''}".rstrip()
        )
        own = args.out / "local"
        if id in figures and figures[id].source.startswith("weights"):
            own.mkdir(exist_ok=True)
            if redraw(id, own, stored, stamp, local=True):
                print(f"       with the paper's own pictures in {own}")
            elif not any(own.iterdir()):
                own.rmdir()
    if len(ids) == len(IDS):
        write_atomic(args.out / "index.md", index(drawn, stamp).encode())
        print(
            f"{sum(map(bool, drawn.values()))} of {len(IDS)} drawn in {time.perf_counter() - start:.0f} s; {args.out / 'index.md'}"
        )
    return 0


def stored(name: str):
    """The net ``name`` of data/nets as a function of images; None when it is not there. A gray net takes colour channel by channel."""
    import numpy as np

    from hinas_book.kit.stored_nets import FOLDER
    from hinas_lab.restoration.restorer import restore_array
    from hinas_lab.runs.folder import load_network

    if not (FOLDER / name / "best.safetensors").exists():
        return None
    net, info = load_network(FOLDER / name)

    def restore(image):
        if image.ndim == 3 and info["channels"] == 1:
            return np.stack(
                [restore_array(net, c, clip=False) for c in np.moveaxis(image, 2, 0)], axis=2
            )
        return restore_array(net, image, clip=False)

    return restore
