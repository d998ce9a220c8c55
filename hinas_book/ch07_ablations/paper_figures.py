"""Figure 7: the width path that was searched, and those set by hand."""

from dataclasses import replace

from hinas_book.kit.recorded import recorded
from hinas_lab.drawing.genotype_graph import draw_path, path_name
from hinas_lab.space.genotype import Genotype


def draw_widths(load, local: bool):
    """The path of seed 0 for each arm of Table 3, as (arm, drawing)."""
    record = recorded("widths")
    first = {row["arm"]: row for row in record["rows"] if row["seed"] == 0}
    for name in ("ws", "w40", "wm"):
        genotype = Genotype.from_json(first[name]["genotype"])
        how = f"searched, path {path_name(genotype.path)} (Viterbi value {genotype.path_score:.3g})"
        if name != "ws":  # nothing was decoded: no value, and no move but its own
            genotype = replace(genotype, path_score=None)
            how = "set by hand, " + {"w40": "all of one width", "wm": "doubled cell by cell"}[name]
        title = f"{name}: widths {how}; preset {record['preset']}"
        yield name, draw_path(genotype, title=title, alone=name != "ws")
