"""``hinas-lab study published``: what the paper's own numbers can decide, before anything is trained."""

from pathlib import Path


def add_options(parser):
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="draw the forest plots into DIR/published-psnr.png and -ssim.png",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")


def run(args) -> int:
    from dataclasses import asdict
    from textwrap import fill

    from hinas_book.paper.printed_tests import printed_tests
    from hinas_book.paper.published import TABLES, sentences, paper_table, where
    from hinas_lab.cli.methods import check_json
    from hinas_lab.storage import environment, write_atomic, write_json

    check_json(args.json)
    if args.figures and not args.figures.is_dir():
        raise ValueError(f"--figures {args.figures}: no such folder; make it first")
    tests, said, seen = printed_tests(), sentences(), {}
    print(
        "Contrasts printed with ± over 3 seeds: difference ± half of the 95 % interval\n(Welch), PSNR in dB; * resolved: 0 is outside\n"
    )
    for key in dict.fromkeys((t.table, t.what) for t in tests):
        mine = [t for t in tests if (t.table, t.what) == key and t.column.startswith("psnr")]
        if key[0] not in seen:
            seen[key[0]] = True
            print(f"Table {key[0]:<21}" + "".join(f"{where(t.column):^13}" for t in mine).rstrip())
        cells = " ".join(
            f"{t.contrast.mean:+.2f} ±{t.contrast.half_width:.2f}{'*' if t.contrast.resolved else ' '}"
            for t in mine
        )
        print(f"  {key[1]:<24} {cells}".rstrip())
    print()
    for n in seen:
        some = [t.contrast.resolved for t in tests if t.table == n]
        print(
            f"Table {n}: {sum(some)} of {len(some)} resolved, PSNR and SSIM (by chance alone about {0.05 * len(some):.1f})"
        )
    print(
        f"\nSentences: {sum(s.agrees for s in said)} of {len(said)} agree with the tables. These do not:"
    )
    for s in said:
        if not s.agrees:
            unit = "" if s.unit in ("", "yes") else f" {s.unit}"
            told = (
                "not so"
                if s.unit == "yes"
                else f"{s.stated:g}{unit}; the cells give {s.recomputed:.4g}{unit}"
            )
            print(
                fill(
                    f"{s.section}  {s.says}: {told}",
                    80,
                    initial_indent="  ",
                    subsequent_indent=" " * 9,
                )
            )
    flagged = [
        (n, row, column, cell)
        for n in TABLES
        for row in paper_table(n).rows
        for column, cell in row.items()
        if cell.flag
    ]
    print(f"\nCells that can hardly be right ({len(flagged)}), kept as printed:")
    for n, row, column, cell in flagged:
        print(f"  Table {n}, {row['method'].printed}, {column}: {cell.printed}")
    if args.figures:
        from hinas_book.paper.printed_intervals import METRICS, figure_printed
        from hinas_lab.draw.style import png, theme

        for metric in METRICS:
            with theme():
                write_atomic(
                    args.figures / f"published-{metric}.png", png(figure_printed(tests, metric))
                )
        print(f"\nwrote {args.figures}/published-psnr.png and published-ssim.png")
    if args.json:
        rows = [asdict(t) | {"resolved": t.contrast.resolved} for t in tests]
        write_json(
            args.json,
            {
                "study": "published",
                "rows": rows,
                "sentences": [asdict(s) for s in said],
                "env": environment(0, "cpu"),
            },
        )
    return 0
