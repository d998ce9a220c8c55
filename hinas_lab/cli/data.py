"""``hinas-lab data``: which data sets there are, getting them, checking them, and whether a test
image was trained on."""

import sys
from pathlib import Path

SHOWN = 20
"names or pairs that are printed before `... and N more`"


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
    getting.set_defaults(interrupted="the same command goes on from there")
    verifying = actions.add_parser(
        "verify",
        help="decode and count every image, compare with what is known; exit 1 if something is wrong",
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
    return {"list": _list, "get": _get, "verify": _verify, "where": _where, "audit": _audit}[
        args.action
    ](args)


def _set(name: str):
    """The data set called ``name``; ValueError names the known ones."""
    from hinas_lab.images.datasets.sets import SETS, data_set

    chosen = data_set(name)
    if chosen is None:
        raise ValueError(f"data set {name!r}: must be one of {', '.join(SETS)}")
    return chosen


def _list(args) -> int:
    from hinas_lab.images.datasets.catalog import cache_folder
    from hinas_lab.images.datasets.sets import SETS

    if args.name or args.long:
        print("\n\n".join(_details(s) for s in ([_set(args.name)] if args.name else SETS.values())))
        return 0
    cache = cache_folder()
    print(f"{'name':<10}{'images':<16}{'download':<10}{'for':<26}here")
    for chosen in SETS.values():
        images = " + ".join(str(count) for count in chosen.parts.values())
        size = f"{sum(a.bytes for a in chosen.archives) / 1e6:.0f} MB" if chosen.archives else "-"
        print(f"{chosen.name:<10}{images:<16}{size:<10}{chosen.use:<26}{_here(chosen, cache)}")
    print(
        f"\nhere: below {cache} (set HINAS_DATA to change it)\n"
        "The four for measuring SR come in one archive. Any folder of images works too.\n"
        "More: hinas-lab data list NAME. To have one: hinas-lab data get NAME"
    )
    return 0


def _here(chosen, cache: Path) -> str:
    """Where a data set lies below the cache, in a word."""
    from hinas_lab.images.datasets.catalog import find
    from hinas_lab.images.datasets.download import complete

    folder = find(chosen, cache)
    if chosen.in_skimage:
        return "always"
    if folder is None:
        return "not here"
    return folder.relative_to(cache).as_posix() + " (in part)" * (not complete(chosen, folder))


def _details(chosen) -> str:
    """A data set as lines of text."""
    from textwrap import fill

    from hinas_lab.images.datasets.catalog import find

    rows = [
        ("for", chosen.purpose),
        ("images", ", ".join(f"{part} {count}" for part, count in chosen.parts.items())),
        ("trained on", " + ".join(chosen.train) or "never"),
        ("measured on", " + ".join(chosen.test)),
        ("terms", chosen.terms),
        ("cite", chosen.citation),
        ("homepage", chosen.homepage),
        (
            "here",
            "always"
            if chosen.in_skimage
            else str(find(chosen) or f"no; hinas-lab data get {chosen.name}"),
        ),
    ]
    for archive in chosen.archives:
        rows += [
            ("archive", archive.url),
            ("", f"{archive.bytes} bytes, SHA-256"),
            ("", archive.sha256),
        ]
    lines = [
        fill(
            text,
            80,
            initial_indent=f"  {key:<13}",
            subsequent_indent=" " * 15,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for key, text in rows
    ]
    return "\n".join([chosen.name, *lines, *(f"  {line}" for line in chosen.tree.splitlines())])


def _get(args) -> int:
    from functools import partial

    from tqdm import tqdm

    from hinas_lab.images.datasets.catalog import cache_folder, find
    from hinas_lab.images.datasets.download import complete, get

    chosen, root = _set(args.name), args.dir or cache_folder()
    if chosen.in_skimage:
        print(f"{chosen.name}: comes with scikit-image, nothing to get")
        return 0
    if not chosen.archives:
        raise ValueError(f"{chosen.name}: has no address; put it below {root} yourself")
    there = find(chosen, root)
    if there and complete(chosen, there):
        print(f"{chosen.name}: is there already: {there}")
        return 0
    folder = get(chosen, root, partial(tqdm, disable=None, file=sys.stderr, dynamic_ncols=True))
    print(
        f"{chosen.name}: {sum(chosen.parts.values())} images in {folder}; terms: {chosen.terms}\n"
        f"decode and check them with: hinas-lab data verify {folder if args.dir else chosen.name}"
    )
    return 0


def _verify(args) -> int:
    from functools import partial

    from tqdm import tqdm

    from hinas_lab.images.datasets.verify import ANY, verify

    report = verify(
        args.data,
        partial(tqdm, desc="verify", unit="image", leave=False, disable=None, file=sys.stderr),
    )
    print(f"{report.folder} ({report.what}): {len(report.sizes)} images read")
    if report.sizes:
        pixels = sorted(report.sizes.values(), key=lambda size: size[0] * size[1])
        gray = sum(channels == 1 for *_, channels in pixels)
        print(
            "{} x {} to {} x {} pixels, {} gray, {} in colour".format(
                *pixels[0][:2], *pixels[-1][:2], gray, len(pixels) - gray
            )
        )
    for kind in ("unreadable", "changed", "extra", "missing"):
        _shorten(f"{kind}: {{}}", getattr(report, kind))
    if report.ok:
        print("every image can be read" if report.what == ANY else "all is as it should be")
    return 0 if report.ok else 1


def _shorten(line: str, names) -> None:
    """Print ``line`` for the first names, and how many more there are."""
    for name in names[:SHOWN]:
        print(line.format(name))
    if len(names) > SHOWN:
        print(f"... and {len(names) - SHOWN} more")


def _where(args) -> int:
    from hinas_lab.images.datasets.catalog import cache_folder

    print(cache_folder())
    return 0


def _audit(args) -> int:
    from dataclasses import asdict
    from functools import partial

    from tqdm import tqdm

    from hinas_lab.cli.methods import check_json
    from hinas_lab.images.datasets.audit import audit
    from hinas_lab.images.datasets.catalog import named_files
    from hinas_lab.storage import write_json

    check_json(args.json)
    train, test = named_files(args.train, "train"), named_files(args.test, "test")
    matches = audit(train, test, progress=partial(tqdm, leave=False, disable=None, file=sys.stderr))
    if args.json:
        write_json(
            args.json,
            {
                "train": args.train,
                "test": args.test,
                "n_train": len(train),
                "n_test": len(test),
                "matches": [asdict(match) for match in matches],
            },
        )
    if not matches:
        print(f"no test image is in training ({len(test)} against {len(train)})")
        return 0
    print(
        f"{len({m.test for m in matches})} of {len(test)} test images are in training ({len(train)} images); {len(matches)} in all:"
    )
    _shorten(
        "  {}", [f"{m.test} = {m.train} ({m.kind}, {m.score:.2f}: {m.detail})" for m in matches]
    )
    return 1
