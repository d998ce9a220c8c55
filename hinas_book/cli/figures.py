"""``hinas-lab figures``: the paper's 14 figures and 12 tables, redrawn.

From records and stored weights.
"""

from pathlib import Path

from hinas_book.kit.study_options import check_folder


def add(commands):
    parser = commands.add_parser(
        "figures",
        help="redraw the paper's figures and tables from records",
        description="Nothing is trained. Pictures are photographs of the scikit-image wheel; where "
        "the paper's own data sets are on this machine, they are drawn, too, into DIR/local, which "
        "git ignores.",
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
    from hinas_book.paper.redraw import IDS, PAGE, full_id, index, redraw
    from hinas_lab.storage import environment, write_atomic

    ids = [full_id(id) for id in args.ids] or list(IDS)
    check_folder("--out", args.out)
    args.out.mkdir(parents=True, exist_ok=True)
    machine = environment(0, "cpu")
    # no commit: equal pictures, equal bytes; each holds the digest of what it is made from
    stamp = {key: machine[key] for key in ("hinas_lab", "device", "seed")}
    figures = paper_figures()
    files = {}
    start = time.perf_counter()
    for id in ids:
        began = time.perf_counter()
        try:
            files[id] = redraw(id, args.out, stored, stamp)
        except (ValueError, OSError, KeyError) as error:  # a record that is not here, or not whole
            files[id] = []
            print(f"{id}  no data here: {error}")
            continue
        title = figures[id].title if id in figures else ""
        seconds = time.perf_counter() - began
        print(f"{id}  {len(files[id])} files, {seconds:.1f} s  {title}".rstrip())
        if id in figures and figures[id].source.startswith("weights"):
            _redraw_own_pictures(id, args.out / "local", stamp)
    if len(ids) == len(IDS):
        page = args.out / PAGE
        write_atomic(page, index(files).encode())
        count = sum(map(bool, files.values()))
        print(f"{count} of {len(IDS)} drawn in {time.perf_counter() - start:.0f} s; {page}")
    return 0


def _redraw_own_pictures(id: str, folder: Path, stamp: dict):
    """Where they are on this machine; apart, because they may not be passed on."""
    from hinas_book.paper.redraw import redraw

    folder.mkdir(exist_ok=True)
    if redraw(id, folder, stored, stamp, local=True):
        print(f"       with the paper's own pictures in {folder}")
    elif not any(folder.iterdir()):
        folder.rmdir()


def stored(name: str):
    """The net ``name`` of data/nets as a function of images; None when it is not there.

    A gray net takes colour channel by channel.
    """
    import numpy as np

    from hinas_book.kit.stored_nets import FOLDER
    from hinas_lab.restoration.restorer import restore_array
    from hinas_lab.runs.folder import load_network

    if not (FOLDER / name / "best.safetensors").exists():
        return None
    net, info = load_network(FOLDER / name)

    def restore(image):
        if image.ndim == 3 and info["channels"] == 1:
            return np.stack([restore(channel) for channel in np.moveaxis(image, 2, 0)], axis=2)
        return restore_array(net, image, clip=False)

    return restore
