"""The paper's tables printed again: every published cell, what is measured here beneath it, and never one as the other.

Markdown, CSV and LaTeX (booktabs) of the same rows. The best value of a column is bold, the second best underlined (in Markdown italic),
over published rows; a flagged cell carries a dagger, takes part in no ranking, and its reason stands below. What was measured on other
pictures than the table's stands beneath it, in a grid of its own (``Block``).
"""

import csv
import io
from collections.abc import Callable, Sequence

from hinas_book.paper.our_rows import Measured, one_protocol
from hinas_book.paper.our_studies import StudyArm, StudyBlock
from hinas_book.paper.published import PaperTable, where

TITLES = {
    1: "Layer-wise architecture sharing (LWAS) and residual learning (ResL), denoising",
    2: "Layer-wise architecture sharing (LWAS) and residual learning (ResL), super-resolution ×4",
    3: "Search settings for the widths, σ 30",
    4: "The SSIM term of the loss, denoising",
    5: "The SSIM term of the loss, super-resolution ×4",
    6: "Perturbed architectures, denoising, σ 30",
    7: "Perturbed architectures, super-resolution ×4",
    8: "Other search methods, denoising",
    9: "Other search methods, super-resolution ×2",
    10: "State of the art, denoising, BSDS500 test",
    11: "State of the art, super-resolution ×3",
    12: "State of the art, super-resolution ×2 and ×4",
}
WORDS = {
    "method": "method",
    "lwas": "LWAS",
    "resl": "ResL",
    "cell_sharing": "cell sharing",
    "params_m": "parameters (M)",
    "seconds": "time (s)",
    "gpu": "GPU",
    "hours": "search (h)",
    "search": "search by",
    "scale": "scale",
}
BANNER = "Rows marked “here” are not the paper's setting: read their preset."
OTHER = "Not the paper's pictures: compare these rows with each other, with none above."
GRID = (
    "arm",
    "trainings",
    "seeds",
    "PSNR (dB)",
    "lowest (dB)",
    "SSIM",
    "GMSD",
    "parameters",
    "data set",
    "protocol",
    "preset",
)
"of a block"


def heading(column: str) -> str:
    """``psnr_s50`` -> ``σ 50 PSNR``."""
    return WORDS.get(column) or f"{where(column)} {column.split('_')[0].upper()}"


def ranks(table: PaperTable) -> dict[tuple[int, str], int]:
    """(row, column) -> 1 for the best, 2 for the second best value, over the rows of one scale; ties share a rank."""
    out = {}
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(table.rows):
        if row["method"].printed != "Comparison":
            groups.setdefault(row["scale"].printed if "scale" in row else "", []).append(i)
    for column in table.columns:
        if not column.startswith(("psnr", "ssim", "params", "seconds", "hours")):
            continue
        more = column.startswith(("psnr", "ssim"))
        for rows in groups.values():
            cells = {i: table.rows[i][column] for i in rows}
            known = {
                i: cell.value
                for i, cell in cells.items()
                if cell.value is not None and not cell.flag
            }
            for rank, value in enumerate(sorted(set(known.values()), reverse=more)[:2], start=1):
                out |= {(i, column): rank for i, v in known.items() if v == value}
    return out


def lines(
    table: PaperTable, rows: list[Measured], style: Callable[[str, int, bool], str]
) -> list[list[str]]:
    """All cells as text: a head, published rows, then measured ones (an empty cell where nothing was measured)."""
    rank = ranks(table)
    out = [[heading(c) for c in table.columns]]
    for i, row in enumerate(table.rows):
        out.append(
            [style(cell.printed, rank.get((i, c), 0), bool(cell.flag)) for c, cell in row.items()]
        )
    for row in rows:
        digits = lambda c: 4 if c.startswith("ssim") else 2  # noqa: E731
        cells = (
            {c: f"{v:.{digits(c)}f}" for c, v in row.values.items()}
            | row.where
            | {"method": f"{row.method} (here)"}
        )
        out.append([cells.get(c, "") for c in table.columns])
    return out


def notes(table: PaperTable, rows: list[Measured], blocks: Sequence[StudyBlock] = ()) -> list[str]:
    """What stands below: where measured rows come from, reasons of flags."""
    out = []
    if rows:
        out.append(f"{BANNER} Protocol {one_protocol(rows)}.")
        out += [
            f"{r.method} (here){''.join(f', {v}' for v in r.where.values())}: {r.dataset}, n = {r.n}, preset {r.preset}, "
            f"device {r.device}, seed {r.seed}; {r.source}"
            for r in rows
        ]
    elif blocks:
        out.append("Nothing measured here on these pictures; on others, below.")
    else:
        out.append("Published numbers alone.")
    flagged = [
        (r["method"].printed, c, cell) for r in table.rows for c, cell in r.items() if cell.flag
    ]
    return out + [
        f"† {method}, {heading(c)}, printed {cell.printed}: {cell.flag}"
        for method, c, cell in flagged
    ]


def arm_cells(block: StudyBlock, arm: StudyArm) -> list[str]:
    """A row of ``GRID``."""
    spread = lambda told, digits: (
        f"{told[0]:.{digits}f}" + (f" ± {told[1]:.{digits}f}" if arm.n > 1 else "")
    )  # noqa: E731
    few, most = arm.parameters
    return [
        arm.name,
        str(arm.n),
        arm.seeds,
        spread(arm.psnr, 3),
        f"{arm.lowest:.3f}",
        spread(arm.ssim, 4),
        f"{arm.gmsd[0]:.4f}",
        f"{few:,}" if few == most else f"{few:,} to {most:,}",
        block.dataset,
        block.protocol,
        block.preset,
    ]


def block_title(block: StudyBlock) -> str:
    return f"Beneath Table {block.table}, measured here: study {block.study}"


def block_notes(block: StudyBlock) -> list[str]:
    changed = ", changed as the arm says" if block.changed else ""
    return [
        OTHER,
        f"{block.pictures}; ±: standard deviation over the trainings; preset {block.preset}{changed}; protocol "
        f"{block.protocol}; device {block.device}; {block.source}",
        *block.said,
    ]


def markdown(table: PaperTable, rows: list[Measured], blocks: Sequence[StudyBlock] = ()) -> str:
    def style(text: str, rank: int, flag: bool) -> str:
        text = text.replace("*", r"\*")  # HiNAS**
        return {1: f"**{text}**", 2: f"*{text}*"}.get(rank, text) + "†" * flag

    parts = [
        _markdown(
            f"## Table {table.number}. {TITLES[table.number]}",
            lines(table, rows, style),
            notes(table, rows, blocks),
        )
    ]
    parts += [
        _markdown(
            f"### {block_title(b)}",
            [list(GRID), *(arm_cells(b, a) for a in b.arms)],
            block_notes(b),
        )
        for b in blocks
    ]
    return "\n".join(parts)


def _markdown(title: str, cells: list[list[str]], below: list[str]) -> str:
    head, *body = cells
    rule = ["---"] + ["---:"] * (len(head) - 1)
    grid = "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *body))
    return f"{title}\n\n{grid}\n" + "".join(f"- {n}\n" for n in below)


def csv_text(table: PaperTable, rows: list[Measured]) -> str:
    """Plain cells; the last column says where a row comes from."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head, *body = lines(table, rows, lambda text, rank, flag: text)
    writer.writerow([*head, "source"])
    sources = ["published"] * len(table.rows) + [
        f"{r.source}; protocol {r.protocol}; preset {r.preset}; n {r.n}" for r in rows
    ]
    writer.writerows([*line, source] for line, source in zip(body, sources, strict=True))
    return out.getvalue()


def blocks_csv(blocks: Sequence[StudyBlock]) -> str:
    """The arms of ``blocks`` alone, a number a cell: they share no column with the published table, so they share no file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    measures = ("psnr", "psnr_sd", "ssim", "ssim_sd", "gmsd", "gmsd_sd", "psnr_lowest")
    told = ("dataset", "pictures", "protocol", "preset", "device", "source")
    writer.writerow(
        [
            "study",
            "arm",
            "trainings",
            "seeds",
            *measures,
            "parameters_fewest",
            "parameters_most",
            *told,
        ]
    )
    for b in blocks:
        for a in b.arms:
            values = [f"{x:.5f}" if x == x else "" for x in (*a.psnr, *a.ssim, *a.gmsd, a.lowest)]
            writer.writerow(
                [
                    b.study,
                    a.name,
                    a.n,
                    a.seeds,
                    *values,
                    *a.parameters,
                    *(getattr(b, name) for name in told),
                ]
            )
    return out.getvalue()


_TEX = str.maketrans(
    {
        "%": r"\%",
        "&": r"\&",
        "_": r"\_",
        "#": r"\#",
        "σ": r"$\sigma$",
        "×": r"$\times$",
        "±": r"$\pm$",
        "✓": r"\checkmark",
        "✗": "no",
        "†": r"\dag",
        "“": "``",
        "”": "''",
    }
)


def latex(table: PaperTable, rows: list[Measured], blocks: Sequence[StudyBlock] = ()) -> str:
    """Booktabs tables; they need the packages booktabs and amssymb."""

    def style(text: str, rank: int, flag: bool) -> str:
        text = text.translate(_TEX)
        return {1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(
            rank, text
        ) + r"$^\dag$" * flag

    head, *body = lines(table, rows, style)
    body[len(table.rows) :] = [
        [c.translate(_TEX) for c in line] for line in body[len(table.rows) :]
    ]
    parts = [_latex(TITLES[table.number], head, body, notes(table, rows, blocks), len(table.rows))]
    parts += [
        _latex(
            block_title(b),
            GRID,
            [[c.translate(_TEX) for c in arm_cells(b, a)] for a in b.arms],
            block_notes(b),
        )
        for b in blocks
    ]
    return "\n".join(parts)


def _latex(
    title: str, head: Sequence[str], body: list[list[str]], below: list[str], rule: int = 0
) -> str:
    """``rule``: the row above which a line is drawn; 0: none. Cells of ``body`` are LaTeX already."""
    first = " & ".join(h.translate(_TEX) for h in head)
    tex = [
        rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
        r"\toprule",
        first + r" \\",
        r"\midrule",
    ]
    for i, line in enumerate(body):
        tex += [r"\midrule"] * (0 < i == rule) + [" & ".join(line) + r" \\"]
    text = " ".join(n.translate(_TEX) + "." * (not n.endswith(".")) for n in below)
    caption = rf"\caption{{{title.translate(_TEX)}. {text}}}"
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            caption,
            *tex,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
