"""Drawings of a search space follow its config; DOT text and SVG text, never pixels."""

import random
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import genotype_graph, search_space, style
from hinas_lab.drawing.diagram.drawing import Drawing
from hinas_lab.presets import preset
from hinas_lab.space.cost import convolutions, node_channels
from hinas_lab.space.genotype import sample
from hinas_lab.space.ops import OP_NAMES, OPS

DENOISE, SR = SearchSpace(), preset("paper", "sr", 4).space
GENOTYPE = sample(SR, random.Random(0))
ALL = {
    "supercell": lambda: search_space.draw_supercell(DENOISE),
    "widths": lambda: search_space.draw_widths(DENOISE),
    "sharing": lambda: search_space.draw_cell_sharing(DENOISE),
    "supernet": lambda: search_space.draw_network(SR),
    "network": lambda: search_space.draw_network(GENOTYPE, width=16),
}


def labels(drawing, group=0):
    return {node.id: node.label.replace("\n", ": ") for node in drawing.groups[group].nodes}


def arrows(drawing, mark=None, group=0):
    return [(e.tail, e.head) for e in drawing.groups[group].edges if mark in (None, e.mark)]


# ---------------------------------------------------------------- Figure 1


@pytest.mark.parametrize("nodes, edges", [(1, 2), (2, 5), (4, 14)])
def test_a_supercell_has_all_operations_on_every_edge(nodes, edges):
    drawing = search_space.draw_supercell(SearchSpace(nodes=nodes))
    mixed = [e for e in drawing.groups[0].edges if e.ops]
    assert len(mixed) == edges and {e.ops for e in mixed} == {OP_NAMES}
    assert (
        f"{edges} edges, 7 operations on each" in drawing.title
        and drawing.title.split(":")[1][1:].split(", each")[0] in drawing.alt
    )
    assert len(arrows(drawing, "faint")) == nodes  # each node goes to the output
    if nodes == 2:
        assert [(e.tail, e.head) for e in mixed] == [
            ("h(l-1)", "node 0"),
            ("h(l-2)", "node 0"),
            ("h(l-1)", "node 1"),
            ("h(l-2)", "node 1"),
            ("node 0", "node 1"),
        ]
        assert "node 1 hears h(l-1), h(l-2), node 0" in drawing.alt


def test_one_edge_in_full_has_each_operation_in_the_order_of_alpha():
    drawing = search_space.draw_supercell(DENOISE, edge=(3, 2))
    full = drawing.groups[1]
    assert [e.op for e in full.edges[:-1]] == list(OP_NAMES) and full.edges[5].text == "p₅ · skip"
    assert full.title.startswith("in full, the edge from node 1 to node 2")
    for edge in ((4, 2), (0, 4), (-1, 0)):
        with pytest.raises(ValueError, match="must be .source, node."):
            search_space.draw_supercell(DENOISE, edge=edge)


def test_layer_wise_sharing_is_said():
    assert "each layer its own α (Eq. 2)" in search_space.draw_supercell(DENOISE).title
    assert (
        "one α for all layers (Eq. 1)"
        in search_space.draw_supercell(replace(DENOISE, lwas=False)).title
    )


# ---------------------------------------------------------------- Figure 2


def test_the_trellis_has_all_legal_moves_and_the_channels_of_every_cell():
    drawing = search_space.draw_widths(DENOISE)
    assert drawing.title == "widths: 8 cells, 14 moves, 12 paths, denoising"
    named = labels(drawing)
    assert (
        named["layer 2 width 1"] == "layer 2: 1.5·W = 15: output 60"
        and named["start"] == "start part: output 40"
    )
    assert named["end"] == "end part: input 40 + 60 + 80 = 180"
    drawn = {(t, h) for t, h in arrows(drawing, "plain")}
    assert (
        len(drawn) == 14
        and ("start", "layer 0 width 1") in drawn
        and ("layer 0 width 0", "layer 1 width 2") not in drawn
    )
    assert (
        "Layer 0: 2 cells of 10, 15 channels per node, moves of width 0 to 0, 0 to 1."
        in drawing.alt
    )


def test_the_trellis_follows_the_config():
    assert (
        search_space.draw_widths(SR).title
        == "widths: 5 cells, 7 moves, 5 paths, super-resolution x4"
    )
    fixed = search_space.draw_widths(replace(DENOISE, fixed_path=(0, 1, 1)))
    assert (
        fixed.title == "width path fixed to 0-1-1, denoising" and "β" not in fixed.groups[0].title
    )
    assert len(arrows(fixed, "plain")) == 3 and labels(fixed)["end"] == "end part: input 60"
    other = search_space.draw_widths(replace(DENOISE, width=4, width_factors=(1.0, 2.5), layers=2))
    assert labels(other)["layer 1 width 1"] == "layer 1: 2.5·W = 10: output 40"


# ---------------------------------------------------------------- Figure 3


def test_cell_sharing_draws_one_cell_and_one_per_move():
    drawing = search_space.draw_cell_sharing(DENOISE)
    shared, split = drawing.groups

    def boxes(group) -> list:
        return [n for n in group.nodes if n.label.startswith("cell ")]

    assert (len(boxes(shared)), len(boxes(split))) == (1, 3)  # layer 2, width 1 hears three
    assert [e.label for e in shared.edges[:3]] == [f"q({k}→1) · 1×1 conv" for k in (2, 1, 0)]
    assert [(e.tail, e.head) for e in shared.edges[3:]] == [
        ("5 sum", "5 cell"),
        ("5 cell", "5 output"),
    ]
    assert [e.label for e in split.edges if e.head == "6 sum"] == [
        f"q({k}→1)" for k in (2, 1, 0)
    ]  # beta behind the cells
    assert shared.title.endswith("as in this space") and not split.title.endswith(
        "as in this space"
    )
    assert (
        "h(l-2) = layer 0, width 1" in drawing.title and "its own cell (3 cell runs)" in drawing.alt
    )


def test_cell_sharing_follows_the_config():
    off = search_space.draw_cell_sharing(replace(DENOISE, cell_sharing="off"))
    assert [g.title.endswith("as in this space") for g in off.groups] == [False, True]
    tied = search_space.draw_cell_sharing(replace(DENOISE, cell_sharing="tied"))
    assert [n.label.split("\n")[0] for n in tied.groups[1].nodes].count(
        "the same cell"
    ) == 3 and "the same cell" in tied.alt
    edge = search_space.draw_cell_sharing(DENOISE, layer=1, width=2)
    assert (
        labels(edge)["5 from 1"] == "layer 0, width 1: output 60"
        and "h(l-2) = start part" in edge.title
    )
    first = search_space.draw_cell_sharing(DENOISE, layer=0)
    assert (
        labels(first)["5 from 0"] == "start part, width 0: output 40"
        and "h(l-2) = first conv" in first.title
    )
    assert (
        "layer 0, width 1" in search_space.draw_cell_sharing(DENOISE, layer=2, width=2).title
    )  # the widest there
    mixed = search_space.draw_cell_sharing(replace(DENOISE, second_input="mixed"))
    assert "the mixed first input of layer 1" in mixed.title
    alone = search_space.draw_cell_sharing(SearchSpace(layers=1))
    assert "h(l-2) = first conv" in alone.title
    with pytest.raises(ValueError, match="no such cell"):
        search_space.draw_cell_sharing(DENOISE, layer=0, width=2)


# ---------------------------------------------------------------- Figure 4


def test_the_denoising_supernet_adds_its_input():
    drawing = search_space.draw_network(DENOISE)
    assert labels(drawing) == {
        "input": "input: M × N × 1",
        "first": "conv 3×3: 1 → 64",
        "start": "conv 3×3: 64 → 40",
        "layer 0": "layer 0: 2 cells: 10 | 15",
        "layer 1": "layer 1: 3 cells: 10 | 15 | 20",
        "layer 2": "layer 2: 3 cells: 10 | 15 | 20",
        "end": "conv 3×3, 180 → 64: conv 3×3, 64 → 1",
        "sum": "+",
        "output": "restored: M × N × 1",
    }
    assert arrows(drawing, "faint") == [
        ("first", "layer 0"),
        ("start", "layer 1"),
        ("layer 0", "layer 2"),
    ]  # h(l-2)
    (skip,) = (e for e in drawing.groups[0].edges if e.mark == "path")
    assert (skip.tail, skip.head, skip.label) == ("input", "sum", "skip: input")
    assert "A skip adds the input to the network's output." in drawing.alt


def test_super_resolution_shuffles_pixels_and_adds_the_upscaled_input():
    drawing = search_space.draw_network(SR)
    assert (
        labels(drawing)["end"].endswith("64 → 48")
        and labels(drawing)["shuffle"] == "pixel shuffle: 4M × 4N × 3"
    )
    assert [e.label for e in drawing.groups[0].edges if e.label] == ["skip: bicubic × 4"]
    bilinear = search_space.draw_network(replace(SR, upsampling="bilinear"))
    assert [e.label for e in bilinear.groups[0].edges if e.label] == ["skip: bilinear × 4"]


def test_the_network_follows_the_config():
    off = search_space.draw_network(replace(DENOISE, residual=False, layers=2, sigmoid=True))
    assert (
        "sum" not in labels(off)
        and ("end", "sigmoid") in arrows(off)
        and "No residual skip." in off.alt
    )
    fixed = search_space.draw_network(replace(DENOISE, fixed_path=(0, 0, 1)))
    assert labels(fixed)["layer 2"] == "layer 2: cell of 15"
    assert "ASPP 16" in labels(search_space.draw_network(replace(DENOISE, end="aspp")))["end"]
    with pytest.raises(ValueError, match="width: a search space has its own"):
        search_space.draw_network(DENOISE, width=3)


def test_the_decoded_network_has_the_channels_that_cost_counts():
    w = 16
    drawing = search_space.draw_network(GENOTYPE, width=w)
    convs = list(convolutions(GENOTYPE, w))
    named = labels(drawing)
    assert named["start"] == f"conv 3×3: {convs[1].source} → {convs[1].target}"
    assert named["end"] == f"conv 3×3, {convs[-2].source} → 64: conv 3×3, 64 → {convs[-1].target}"
    assert GENOTYPE.hash in drawing.title and drawing.title.endswith("W = 16")
    assert [named[f"layer {l}"] for l in range(2)] == [
        f"layer {l}: cell of {c}" for l, c in enumerate(node_channels(GENOTYPE, w))
    ]
    assert "·W" not in "".join(named.values())
    free = labels(search_space.draw_network(GENOTYPE, residual=False))
    assert free["start"] == "conv 3×3: 64 → 3·W" and "sum" not in free
    aspp = search_space.draw_network(GENOTYPE, end="aspp")
    assert "ASPP 2-4-6" in labels(aspp)["end"] and ("first", "end") in arrows(
        aspp, "faint"
    )  # the low-level skip


def test_the_authors_decoder_is_drawn_as_cost_counts_it():
    for which in (("denoise", 1), ("sr", 4)):
        chosen = preset("authors", *which)
        for path in ((0, 0, 0), (0, 1, 2)):
            g = sample(chosen.space, random.Random(0))
            g = replace(g, path=path[: g.layers])
            drawing = search_space.draw_network(g, width=chosen.train.width, end="authors")
            convs = list(convolutions(g, chosen.train.width, end="authors"))
            said = labels(drawing)["end"]
            assert f"→ {convs[-1].source}" in said and f"{convs[-1].target}" in said.split()[-1]
            assert "176 → 128" in said and ("ASPP 2-4-6" in said) == (g.scale > 1)
            # features as narrow as the start part: its own, or those of a cell before the last
            low = "layer 0" if g.path[-1] else "start"
            assert (low, "end") in arrows(drawing, "faint")
    soft = search_space.draw_network(preset("authors").space)
    assert labels(soft)["end"].startswith("ASPP 16 of each cell → 40")


# ---------------------------------------------------------------- rendering


@pytest.mark.parametrize("name", ALL)
def test_every_drawing_renders_and_describes_itself(name):
    drawing = ALL[name]()
    svg = drawing.svg()
    root = ET.fromstring(svg)
    assert root.get("aria-label") == drawing.title and root.find("{*}desc").text == drawing.alt
    words = " ".join(root.itertext())
    for group in drawing.groups:
        assert group.title in words
        for text in (line for node in group.nodes for line in node.label.split("\n")):
            assert text in words
        for edge in group.edges:
            assert all(text.strip() in words for text, _ in edge.parts)
    assert svg == ALL[name]().svg()


def test_operations_have_their_codes_and_colours():
    svg = search_space.draw_supercell(SearchSpace(nodes=1)).svg().lower()
    for op in OP_NAMES:
        assert style.op_colour(op).lower() in svg and f">{OPS[op].code}<" in svg


def test_terms_of_a_sum_stand_in_their_order():
    """From above: operations in the order of alpha, widths from the widest."""
    for drawing in (
        search_space.draw_supercell(SearchSpace(nodes=2)),
        search_space.draw_cell_sharing(DENOISE),
        search_space.draw_cell_sharing(SearchSpace(layers=2, nodes=2)),
    ):
        for group in (g for g in drawing.groups if any(n.kind == "sum" for n in g.nodes)):
            terms = [e for e in group.edges if e.head.endswith("sum")]
            sources = [n for n in group.nodes if n.kind == "input"]
            root = ET.fromstring(replace(drawing, groups=(group,)).svg())
            texts = {"".join(t.itertext()): float(t.get("y")) for t in root.iterfind(".//{*}text")}
            columns = [
                [texts[e.text] for e in terms],
                [texts[n.label.split("\n")[0]] for n in sources],
            ]
            assert len(terms) > 1 and all(tops == sorted(tops) for tops in columns)


@pytest.mark.parametrize("layers, factors", [(2, 3), (3, 3), (5, 3), (3, 4), (6, 4)])
def test_widths_stand_in_rows_the_widest_on_top(layers, factors):
    space = SearchSpace(layers=layers, width_factors=(1.0, 1.5, 2.0, 3.0)[:factors])
    for group in (
        search_space.draw_widths(space).groups[0],
        genotype_graph.draw_path(sample(space, random.Random(0))).groups[0],
    ):
        root = ET.fromstring(Drawing("", "", (group,)).svg())
        boxes = {
            g.find("{*}title").text: g for g in root.iterfind(".//{*}g") if g.get("class") == "node"
        }
        height = {
            n.id: float(boxes[n.id].find("{*}text").get("y"))
            for n in group.nodes
            if n.id not in ("start", "end")
        }
        rows = [
            [height[n.id] for n in group.nodes if n.id in height and n.row == row]
            for row in sorted({n.row for n in group.nodes})
        ]
        assert all(max(row) - min(row) < 12 for row in rows)  # of points; rows are about 50 apart
        assert [max(row) for row in rows] == sorted(max(row) for row in rows)
        assert height["layer 1 width 2"] < height["layer 1 width 1"] < height["layer 1 width 0"]
