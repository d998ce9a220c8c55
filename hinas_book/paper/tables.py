"""The paper's tables printed again: every published cell, what is measured here beneath it.

Markdown, CSV and LaTeX (booktabs) of the same rows, and never one kind of row as the other. The
best value of a column is bold, the second best underlined (in Markdown italic), over published
rows (``ranks``); a flagged cell carries a dagger, takes part in no ranking, and its reason stands
below. What was measured on other pictures than the table's stands beneath it, in a grid of its own
(``our_studies.StudyBlock``).
"""

from collections.abc import Callable, Sequence
from math import isnan
from typing import TYPE_CHECKING

from hinas_book.paper.our_rows import Measured, one_protocol
from hinas_book.paper.our_studies import StudyBlock
from hinas_book.paper.published import PaperTable, where

if TYPE_CHECKING:
    from pandas import DataFrame

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
LIGHT_BELOW = "bicubic"
"the row under which Tables 11 and 12 print their light nets, at each scale"
MORE_IS_BETTER = ("psnr", "ssim")
LESS_IS_BETTER = ("params", "seconds", "hours")

Style = Callable[[str, int, bool], str]
"(text, rank or 0, is it flagged?) -> the cell as it is written"


def heading(column: str) -> str:
    """``psnr_s50`` -> ``σ 50 PSNR``."""
    return WORDS.get(column) or f"{where(column)} {column.split('_')[0].upper()}"


def ranks(table: PaperTable) -> dict[tuple[int, str], int]:
    """(row, column) -> 1 for the best, 2 for the second best value of the rows of one scale.

    Ties share a rank. As in the paper, Tables 11 and 12 rank their light nets alone: the rows below
    bicubic.
    """
    numbers = table.numbers()
    # "Comparison" prints differences of the rows above it
    numbers = numbers[numbers["method"] != "Comparison"]
    # without that column all rows are of one scale
    numbers = numbers.assign(scale=numbers.get("scale", ""))
    is_light = (numbers["method"] == LIGHT_BELOW).groupby(numbers["scale"]).cummax()
    if is_light.any():
        numbers = numbers[is_light]
    out = {}
    for column in table.columns:
        if column.startswith(MORE_IS_BETTER + LESS_IS_BETTER):
            places = (
                numbers[column]
                .groupby(numbers["scale"])
                .rank(method="dense", ascending=column.startswith(LESS_IS_BETTER))
            )
            for row, place in places[places <= 2].items():
                out[row, column] = int(place)
    return out


def grid(table: PaperTable, rows: Sequence[Measured], style: Style) -> "DataFrame":
    """All cells as text under their headings: published rows, then measured ones.

    An empty cell stands where nothing was measured.
    """
    from pandas import DataFrame

    place = ranks(table)
    lines = []
    for i, row in enumerate(table.rows):
        line = {}
        for column, cell in row.items():
            line[column] = style(cell.printed, place.get((i, column), 0), bool(cell.flag))
        lines.append(line)
    for row in rows:
        line = row.where | {"method": f"{row.method} (here)"}
        # as many digits as the paper prints
        for column, value in row.values.items():
            line[column] = f"{value:.4f}" if column.startswith("ssim") else f"{value:.2f}"
        lines.append({column: style(text, 0, False) for column, text in line.items()})
    return DataFrame(lines, columns=table.columns).fillna("").rename(columns=heading)


def notes(table: PaperTable, rows: list[Measured], blocks: Sequence[StudyBlock] = ()) -> list[str]:
    """What stands below: where measured rows come from, reasons of flags."""
    # refuses rows of two protocols before anything is written
    if rows:
        out = [f"{BANNER} Protocol {one_protocol(rows)}."]
    elif blocks:
        out = ["Nothing measured here on these pictures; on others, below."]
    else:
        out = ["Published numbers alone."]
    for row in rows:
        name = ", ".join([f"{row.method} (here)", *row.where.values()])
        out.append(
            f"{name}: {row.dataset}, n = {row.n}, preset {row.preset}, "
            f"device {row.device}, seed {row.seed}; {row.source}"
        )
    if any(row["method"].printed == LIGHT_BELOW for row in table.rows):
        out.append(
            f"Best and second best of the light nets, below {LIGHT_BELOW}, which the paper marks."
        )
    for method, column, cell in table.flagged():
        out.append(f"† {method}, {heading(column)}, printed {cell.printed}: {cell.flag}")
    return out


def study_grid(block: StudyBlock) -> "DataFrame":
    """The arms of a study as text under their headings."""
    from pandas import DataFrame

    lines = []
    for arm in block.arms.itertuples():
        fewest = arm.parameters_fewest
        most = arm.parameters_most
        line = {
            "arm": arm.Index,
            "trainings": str(arm.trainings),
            "seeds": arm.seeds,
            "PSNR (dB)": _with_spread(arm.psnr, arm.psnr_sd, 3),
            "lowest (dB)": f"{arm.psnr_lowest:.3f}",
            "SSIM": _with_spread(arm.ssim, arm.ssim_sd, 4),
            "GMSD": f"{arm.gmsd:.4f}",
            "parameters": f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}",
            "data set": block.dataset,
            "protocol": block.protocol,
            "preset": block.preset,
        }
        lines.append(line)
    return DataFrame(lines)


def _with_spread(mean: float, sd: float, digits: int) -> str:
    # one training has no spread
    return f"{mean:.{digits}f}" if isnan(sd) else f"{mean:.{digits}f} ± {sd:.{digits}f}"


def block_title(block: StudyBlock) -> str:
    """The heading above a study's grid."""
    return f"Beneath Table {block.table}, measured here: study {block.study}"


def block_notes(block: StudyBlock) -> list[str]:
    """What stands below a study's grid: its setting, and its remarks."""
    changed = ", changed as the arm says" if block.changed else ""
    return [
        OTHER,
        f"{block.pictures}; ±: standard deviation over the trainings; "
        f"preset {block.preset}{changed}; protocol {block.protocol}; "
        f"device {block.device}; {block.source}",
        *block.remarks,
    ]


def markdown(table: PaperTable, rows: list[Measured], blocks: Sequence[StudyBlock] = ()) -> str:
    """The table, and each of ``blocks`` under a heading of its own."""

    def style(text: str, rank: int, flag: bool) -> str:
        mark = {1: "**", 2: "*"}.get(rank, "")
        text = text.replace("*", r"\*")  # HiNAS**
        return f"{mark}{text}{mark}" + "†" * flag

    title = f"## Table {table.number}. {TITLES[table.number]}"
    parts = [(title, grid(table, rows, style), notes(table, rows, blocks))]
    for block in blocks:
        parts.append((f"### {block_title(block)}", study_grid(block), block_notes(block)))
    texts = []
    for title, frame, below in parts:
        items = "".join(f"- {note}\n" for note in below)
        texts.append(f"{title}\n\n{markdown_grid(frame)}\n{items}")
    return "\n".join(texts)


def markdown_grid(frame: "DataFrame") -> str:
    """A DataFrame of text as a table of Markdown, all but its first column set to the right.

    pandas' own ``to_markdown`` needs another package.
    """
    rule = ["---"] + ["---:"] * (frame.shape[1] - 1)
    return "".join(f"| {' | '.join(line)} |\n" for line in (frame.columns, rule, *frame.to_numpy()))


def csv_text(table: PaperTable, rows: list[Measured]) -> str:
    """Plain cells; the last column says where a row comes from."""
    sources = ["published"] * len(table.rows)
    for r in rows:
        sources.append(f"{r.source}; protocol {r.protocol}; preset {r.preset}; n {r.n}")
    frame = grid(table, rows, lambda text, rank, flag: text).assign(source=sources)
    return frame.to_csv(index=False, lineterminator="\n")


def blocks_csv(blocks: Sequence[StudyBlock]) -> str:
    """The arms of ``blocks`` alone, a number a cell.

    They share no column with the published table, so they share no file.
    """
    texts = []
    for block in blocks:
        frame = block.arms.rename_axis("arm").reset_index()
        frame.insert(0, "study", block.study)
        for name in ("dataset", "pictures", "protocol", "preset", "device", "source"):
            frame[name] = getattr(block, name)
        # all have the same columns: one head is enough
        text = frame.to_csv(index=False, header=not texts, float_format="%.5f", lineterminator="\n")
        texts.append(text)
    return "".join(texts)


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

    def style(text: str, rank: int = 0, flag: bool = False) -> str:
        text = text.translate(_TEX)
        command = {1: r"\textbf{%s}", 2: r"\underline{%s}"}.get(rank, "%s")
        return command % text + r"$^\dag$" * flag

    frame = grid(table, rows, style)
    if rows:
        # a line between published and measured rows: LaTeX reads it before the row's first cell
        frame.iloc[len(table.rows), 0] = "\\midrule\n" + frame.iloc[len(table.rows), 0]
    texts = [_latex(TITLES[table.number], frame, notes(table, rows, blocks))]
    for block in blocks:
        frame = study_grid(block).map(style)
        texts.append(_latex(block_title(block), frame, block_notes(block)))
    return "\n".join(texts)


def _latex(title: str, frame: "DataFrame", below: list[str]) -> str:
    """``below`` comes into the caption, as sentences. Cells of ``frame`` are LaTeX already."""
    # pandas writes LaTeX with jinja2, which torch brings along
    sentences = [note if note.endswith(".") else f"{note}." for note in below]
    return (
        frame.rename(columns=lambda name: name.translate(_TEX))
        .style.hide(axis="index")
        .to_latex(
            hrules=True,
            position_float="centering",
            column_format="l" + "r" * (frame.shape[1] - 1),
            caption=" ".join([f"{title}.", *sentences]).translate(_TEX),
        )
    )
