"""Figure 7: the width path that was searched, and those set by hand."""

from dataclasses import replace

from hinas_book.kit.recorded import recorded
from hinas_lab.drawing.genotype_graph import draw_path
from hinas_lab.space.genotype import Genotype


def draw_widths(load, local: bool):
    """The path of seed 0 for each arm of Table 3, as (arm, drawing)."""
    first = {row["arm"]: row for row in recorded("widths")["rows"] if row["seed"] == 0}
    for name in ("ws", "w40", "wm"):
        genotype = Genotype.from_json(first[name]["genotype"])
        if name != "ws":  # nothing was decoded: set by hand
            genotype = replace(genotype, path_score=None)
        yield name, draw_path(genotype)
