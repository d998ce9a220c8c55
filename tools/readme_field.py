"""Write docs/field.png from the recorded studies ``widths`` and ``search``: all width paths and 30 random nets beside the noise of a
training, and where the searches landed (``make docs``)."""

from pathlib import Path

from matplotlib.figure import Figure

from hinas_lab.storage import write_atomic
from hinas_lab.studies.against_random import read
from hinas_lab.studies.recorded import recorded
from hinas_lab.views.ablation import plot_paths
from hinas_lab.views.against_random import plot_field
from hinas_lab.views.style import PALE, png, theme

TARGET = Path(__file__).parents[1] / "docs" / "field.png"


def figure() -> Figure:
    widths, field = recorded("widths"), read(recorded("search"))
    rows = [r for r in widths["rows"] if r["arm"] == "as wide as they come"]
    found = [tuple(r["path"]) for r in widths["rows"] if r["arm"] == "ws"]
    drawn = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = drawn.subplots(1, 2)
    middle = sum(r["psnr"] for r in rows) / len(rows)
    left.axhspan(middle - 1.96 * field.seed_sd, middle + 1.96 * field.seed_sd, color=PALE, linewidth=0, zorder=0)
    plot_paths(rows, ax=left, found=found)
    left.set_title(f"All {widths['paths']} width paths with the cells of one search; large: a search found it", loc="left")
    plot_field(field, ax=right)
    return drawn


if __name__ == "__main__":
    with theme():
        write_atomic(TARGET, png(figure()))
    print(f"wrote {TARGET}")
