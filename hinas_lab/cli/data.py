"""``hinas-lab data``: which data sets there are, getting them, checking them, and whether a test
image was trained on."""

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from textwrap import fill

from hinas_lab.images.datasets.sets import SETS, DataSet, data_set

SHOWN = 20
"names or pairs that are printed before `... and N more`"
ROW = "{:<10}{:<16}{:<10}{:<26}{}"
"a line of the table of data sets: name, images, download, use, folder"


def add(commands):
    parser = commands.add_parser(
        "data", help="data sets: list, get, verify, where they lie, audit a split"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="what there is, and what is on this machine")
    listing.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="everything about one data set: terms, citation, address, folder",
    )
    listing.add_argument("--long", action="store_true", help="everything about every data set")
    getting = actions.add_parser("get", help="download a data set, continuing what was interrupted")
    getting.add_argument("name", metavar="NAME")
    getting.add_argument(
        "--dir", type=Path, metavar="DIR", help="where to (default: what `data where` prints)"
    )
    # printed after Ctrl-C
    getting.set_defaults(interrupted="the same command goes on from there")
    verifying = actions.add_parser(
        "verify",
        help="decode and count every image, compare with what is known; "
        "exit 1 if something is wrong",
    )
    verifying.add_argument(
        "data",
        metavar="NAME|DIR",
        help="a data set, a part of one (BSDS500/val), or any folder of images",
    )
    actions.add_parser("where", help="the folder downloads go to: $HINAS_DATA if set")
    auditing = actions.add_parser(
        "audit", help="is a test image among the training images? exit 1 if so"
    )
    auditing.add_argument("--train", required=True, metavar="NAME|DIR")
    auditing.add_argument("--test", required=True, metavar="NAME|DIR")
    auditing.add_argument("--json", type=Path, metavar="FILE", help="write every pair as JSON")
    parser.set_defaults(run_command=run)


def run(args) -> int:
    actions = {"list": _list, "get": _get, "verify": _verify, "where": _where, "audit": _audit}
    return actions[args.action](args)


def _list(args) -> int:
    if args.name or args.long:
        datasets = [_named(args.name)] if args.name else SETS.values()
        print("\n\n".join(map(_details, datasets)))
    else:
        _print_table()
    return 0


def _print_table():
    """A line for each data set, at most 80 columns."""
    from hinas_lab.images.datasets.catalog import cache_folder

    cache = cache_folder()
    print(ROW.format("name", "images", "download", "for", "here"))
    for dataset in SETS.values():
        counts = " + ".join(map(str, dataset.parts.values()))
        size = sum(archive.bytes for archive in dataset.archives)
        download = f"{size / 1e6:.0f} MB" if dataset.archives else "-"
        folder = _folder_below(cache, dataset)
        print(ROW.format(dataset.name, counts, download, dataset.use, folder))
    print(
        f"\nhere: below {cache} (set HINAS_DATA to change it)\n"
        "The four for measuring SR come in one archive. Any folder of images works too.\n"
        "More: hinas-lab data list NAME. To have one: hinas-lab data get NAME"
    )


def _folder_below(cache: Path, dataset: DataSet) -> str:
    """The folder of a data set, or why there is none."""
    from hinas_lab.images.datasets.catalog import find
    from hinas_lab.images.datasets.download import complete

    if dataset.in_skimage:
        return "always"
    folder = find(dataset, cache)
    if folder is None:
        return "not here"
    path = folder.relative_to(cache).as_posix()
    return path if complete(dataset, folder) else f"{path} (in part)"


def _details(dataset: DataSet) -> str:
    """All that is known of a data set, as lines of text."""
    from hinas_lab.images.datasets.catalog import find

    location = "always"
    if not dataset.in_skimage:
        location = find(dataset) or f"no; hinas-lab data get {dataset.name}"
    rows = [
        ("for", dataset.purpose),
        ("images", ", ".join(f"{part} {count}" for part, count in dataset.parts.items())),
        ("trained on", " + ".join(dataset.train) or "never"),
        ("measured on", " + ".join(dataset.test)),
        ("terms", dataset.terms),
        ("cite", dataset.citation),
        ("homepage", dataset.homepage),
        ("here", str(location)),
    ]
    for archive in dataset.archives:
        rows += [
            ("archive", archive.url),
            ("", f"{archive.bytes} bytes, SHA-256"),
            ("", archive.sha256),
        ]
    lines = [_paragraph(name, text) for name, text in rows]
    tree = [f"  {line}" for line in dataset.tree.splitlines()]
    return "\n".join([dataset.name, *lines, *tree])


def _paragraph(name: str, text: str) -> str:
    """``text`` beside its name, in as many lines of 80 columns as it needs."""
    return fill(
        text,
        80,
        initial_indent=f"  {name:<13}",
        subsequent_indent=" " * 15,
        # an address in two pieces cannot be copied
        break_long_words=False,
        break_on_hyphens=False,
    )


def _get(args) -> int:
    from hinas_lab.images.datasets.catalog import cache_folder, find
    from hinas_lab.images.datasets.download import complete, get

    dataset = _named(args.name)
    root = args.dir or cache_folder()
    if dataset.in_skimage:
        print(f"{dataset.name}: comes with scikit-image, nothing to get")
        return 0
    if not dataset.archives:
        raise ValueError(f"{dataset.name}: has no address; put it below {root} yourself")
    folder = find(dataset, root)
    if folder and complete(dataset, folder):
        print(f"{dataset.name}: is there already: {folder}")
        return 0
    folder = get(dataset, root, _bar(dynamic_ncols=True))
    # `verify` finds a name in the cache only
    verifiable = folder if args.dir else dataset.name
    print(
        f"{dataset.name}: {sum(dataset.parts.values())} images in {folder}; "
        f"terms: {dataset.terms}\n"
        f"decode and check them with: hinas-lab data verify {verifiable}"
    )
    return 0


def _named(name: str) -> DataSet:
    """The data set called ``name``; ValueError names the known ones."""
    dataset = data_set(name)
    if dataset is None:
        raise ValueError(f"data set {name!r}: must be one of {', '.join(SETS)}")
    return dataset


def _verify(args) -> int:
    from hinas_lab.images.datasets.verify import ANY, verify

    report = verify(args.data, _bar(desc="verify", unit="image", leave=False))
    print(f"{report.folder} ({report.what}): {len(report.sizes)} images read")
    if report.sizes:
        _print_sizes(list(report.sizes.values()))
    for kind in ("unreadable", "changed", "extra", "missing"):
        _print_first([f"{kind}: {name}" for name in getattr(report, kind)])
    if not report.ok:
        return 1
    print("every image can be read" if report.what == ANY else "all is as it should be")
    return 0


def _print_sizes(sizes: list[tuple[int, int, int]]):
    """The smallest and the largest of (width, height, channels), and how many are gray."""
    by_area = sorted(sizes, key=lambda size: size[0] * size[1])
    width, height, _ = by_area[0]
    largest_width, largest_height, _ = by_area[-1]
    gray = sum(channels == 1 for _, _, channels in sizes)
    print(
        f"{width} x {height} to {largest_width} x {largest_height} pixels, "
        f"{gray} gray, {len(sizes) - gray} in colour"
    )


def _where(args) -> int:
    from hinas_lab.images.datasets.catalog import cache_folder

    print(cache_folder())
    return 0


def _audit(args) -> int:
    from hinas_lab.cli.methods import check_json
    from hinas_lab.images.datasets.audit import audit
    from hinas_lab.images.datasets.catalog import named_files
    from hinas_lab.storage import write_json

    check_json(args.json)
    train = named_files(args.train, "train")
    test = named_files(args.test, "test")
    matches = audit(train, test, progress=_bar(leave=False))
    if args.json:
        values = {
            "train": args.train,
            "test": args.test,
            "n_train": len(train),
            "n_test": len(test),
            "matches": [asdict(match) for match in matches],
        }
        write_json(args.json, values)
    if not matches:
        print(f"no test image is in training ({len(test)} against {len(train)})")
        return 0
    leaked = {match.test for match in matches}
    print(
        f"{len(leaked)} of {len(test)} test images are in training ({len(train)} images); "
        f"{len(matches)} in all:"
    )
    lines = []
    for match in matches:
        detail = f"{match.kind}, {match.score:.2f}: {match.detail}"
        lines.append(f"  {match.test} = {match.train} ({detail})")
    _print_first(lines)
    return 1


def _print_first(lines: list[str]):
    """The first ``lines``, and how many more there are."""
    for line in lines[:SHOWN]:
        print(line)
    if len(lines) > SHOWN:
        print(f"... and {len(lines) - SHOWN} more")


def _bar(**options):
    """A progress bar around what it is given; ``options`` of tqdm."""
    from tqdm import tqdm

    # disable=None: drawn on a terminal only; standard output is for the results
    return partial(tqdm, disable=None, file=sys.stderr, **options)
