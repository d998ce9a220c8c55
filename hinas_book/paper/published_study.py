"""``hinas-lab study published``: what the paper's own numbers can decide.

Before anything is trained: contrasts that are resolved, sentences that the tables do not bear out,
cells that can hardly be right.
"""

from itertools import groupby
from pathlib import Path

from hinas_book.kit.study_options import add_json_option, check_figures, write_record


def add_options(parser):
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="draw the forest plots into DIR/published-psnr.png and -ssim.png",
    )
    add_json_option(parser)


def run(args) -> int:
    from dataclasses import asdict

    from hinas_book.paper.printed_tests import printed_tests
    from hinas_book.paper.published import sentences
    from hinas_lab.cli.methods import check_json

    check_json(args.json)
    check_figures(args.figures)
    tests = printed_tests()
    claims = sentences()
    _print_contrasts(tests)
    _print_sentences(claims)
    _print_flagged_cells()
    if args.figures:
        _draw(tests, args.figures)
    rows = [asdict(test) | {"resolved": test.contrast.resolved} for test in tests]
    write_record(args.json, "published", rows=rows, sentences=list(map(asdict, claims)))
    return 0


def _print_contrasts(tests):
    """A line per contrast, its PSNR columns side by side; how many are resolved, by table."""
    from hinas_book.paper.published import where

    print(
        "Contrasts printed with ± over 3 seeds: difference ± half of the 95 % interval\n"
        "(Welch), PSNR in dB; * resolved: 0 is outside\n"
    )
    resolved: dict[int, list[bool]] = {}
    # in the order of printed_tests: by table, by what differs
    for (number, what), contrasts in groupby(tests, lambda test: (test.table, test.what)):
        heads = ""
        cells = []
        is_first = number not in resolved
        for test in contrasts:
            c = test.contrast
            resolved.setdefault(number, []).append(c.resolved)
            if test.column.startswith("psnr"):
                heads += f"{where(test.column):^13}"
                star = "*" if c.resolved else " "
                cells.append(f"{c.mean:+.2f} ±{c.half_width:.2f}{star}")
        if is_first:
            print(f"Table {number:<21}{heads}".rstrip())
        print(f"  {what:<24} {' '.join(cells)}".rstrip())
    print()
    for number, flags in resolved.items():
        # a test at 5 % calls one contrast in twenty resolved where nothing differs
        print(
            f"Table {number}: {sum(flags)} of {len(flags)} resolved, PSNR and SSIM "
            f"(by chance alone about {0.05 * len(flags):.1f})"
        )


def _print_sentences(claims):
    from textwrap import fill

    agree = sum(claim.agrees for claim in claims)
    print(f"\nSentences: {agree} of {len(claims)} agree with the tables. These do not:")
    for claim in claims:
        if claim.agrees:
            continue
        unit = f" {claim.unit}".rstrip()
        verdict = f"{claim.stated:g}{unit}; the cells give {claim.recomputed:.4g}{unit}"
        if claim.unit == "yes":
            verdict = "not so"
        line = f"{claim.section}  {claim.says}: {verdict}"
        print(fill(line, 80, initial_indent="  ", subsequent_indent=" " * 9))


def _print_flagged_cells():
    from hinas_book.paper.published import TABLES, paper_table

    lines = []
    for number in TABLES:
        for method, column, cell in paper_table(number).flagged():
            lines.append(f"  Table {number}, {method}, {column}: {cell.printed}")
    print(f"\nCells that can hardly be right ({len(lines)}), kept as printed:", *lines, sep="\n")


def _draw(tests, folder: Path):
    from hinas_book.paper.printed_intervals import METRICS, figure_printed
    from hinas_lab.drawing.style import png, theme
    from hinas_lab.storage import write_atomic

    for metric in METRICS:
        with theme():
            data = png(figure_printed(tests, metric))
        write_atomic(folder / f"published-{metric}.png", data)
    print(f"\nwrote {folder}/published-psnr.png and published-ssim.png")
