"""Write docs/field.png from the recorded studies ``widths`` and ``search``: all width paths and 30
random nets beside the noise of a training, and where the searches landed (``make docs``)."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hinas_book.ch07_ablations.figures import plot_paths
from hinas_book.ch09_against_random.figures import plot_field
from hinas_book.ch09_against_random.findings import read
from hinas_book.kit.labels import place_labels
from hinas_book.kit.recorded import recorded
from hinas_lab.drawing.style import INK, PALE, png, theme
from hinas_lab.storage import write_atomic

TARGET = Path(__file__).parents[1] / "docs" / "field.png"


def seeds(rows: list[dict]) -> str:
    some = [r["seed"] for r in rows]
    return f"{min(some)} to {max(some)}"


def of_arm(record: dict, arm: str) -> list[dict]:
    return [r for r in record["rows"] if r["arm"] == arm]


def stamp(record: dict) -> str:
    protocols = ", ".join(record["protocols"])
    return f"preset {record['preset']}, protocol {protocols}, device {record['device']}"


def figure() -> Figure:
    widths, searches = recorded("widths"), recorded("search")
    field = read(searches)
    rows = [r for r in widths["rows"] if r["arm"] == "as wide as they come"]
    found = [tuple(r["path"]) for r in widths["rows"] if r["arm"] == "ws"]
    drawn = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = drawn.subplots(1, 2)
    each = np.array(
        [
            [r["psnr"] for r in rows if tuple(r["path"]) == path]
            for path in {tuple(r["path"]) for r in rows}
        ]
    )
    half = 1.96 * np.sqrt(each.var(1, ddof=1).mean())
    left.axhspan(each.mean() - half, each.mean() + half, color=PALE, linewidth=0, zorder=0)
    plot_paths(rows, ax=left, found=found)
    left.set_title(
        f"All {widths['paths']} width paths, cells of one search; large: a search found it",
        loc="left",
    )
    plot_field(field, ax=right)
    if stamp(widths) != stamp(searches):
        raise ValueError(
            f"one caption cannot say both: widths: {stamp(widths)}; search: {stamp(searches)}; "
            "make them alike"
        )
    drawn.supxlabel(
        f"{stamp(widths)}, one thread; "
        f"seeds: paths {seeds(rows)}, random nets {seeds(of_arm(searches, 'random'))}, "
        f"searches {seeds(of_arm(searches, 'searched'))}; hinas-lab study widths, study search",
        fontsize=8.5,
        color=INK,
    )
    place_labels(left)
    return drawn


if __name__ == "__main__":
    with theme():
        write_atomic(TARGET, png(figure()))
    print(f"wrote {TARGET}")
