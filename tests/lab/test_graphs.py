"""Drawings: DOT text and SVG text, never pixels; both ways to Graphviz, and none."""

import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from base64 import b64decode
from dataclasses import replace

import pytest

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import genotype_graph, search_space, style
from hinas_lab.drawing.diagram import render
from hinas_lab.space.genotype import diff, make, neighbours, sample
from hinas_lab.space.ops import OPS

SPACE = SearchSpace()
CELL = ((("conv_3x3", 0), ("sep_5x5", 1)), (("skip", 0), ("dil_3x3", 2)))
SMALL = make(SearchSpace(layers=2, nodes=2), (CELL, CELL), (0, 1), path_score=0.25)
EDITED = replace(SMALL, path=(1, 1), cells=(((("conv_3x3", 0), ("skip", 1)), CELL[1]), CELL))


@pytest.fixture
def without_pygraphviz(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    render._agraph.cache_clear()


@pytest.fixture
def without_graphviz(monkeypatch, without_pygraphviz):
    monkeypatch.setattr(render.shutil, "which", lambda name: None)


# ---------------------------------------------------------------- what is drawn


def test_genotype_has_the_path_and_all_cells():
    drawing = genotype_graph.draw_genotype(SMALL)
    titles = [g.title for g in drawing.groups]
    assert titles == ["width path 0-1 (Viterbi value 0.25)", "cell of layer 0", "cell of layer 1"]
    assert drawing.title == f"genotype for denoising, {SMALL.hash}"
    assert (
        "node 1 = skip of h(l-1) + dil 3x3 of node 0" in drawing.alt
        and "start, 1·W, 1.5·W" in drawing.alt
    )


def test_cell_labels_inputs_nodes_and_channels():
    labels = [[n.label for n in g.nodes] for g in genotype_graph.draw_genotype(SMALL).groups[1:]]
    assert labels == [
        [
            "h(l-1)\nstart",
            "h(l-2)\nfirst conv",
            "node 0\n1·W",
            "node 1\n1·W",
            "output\n2 × 1·W = 2·W",
        ],
        [
            "h(l-1)\nlayer 0",
            "h(l-2)\nstart",
            "node 0\n1.5·W",
            "node 1\n1.5·W",
            "output\n2 × 1.5·W = 3·W",
        ],
    ]
    cell = genotype_graph.draw_genotype(SMALL).groups[2]
    arrows = {(e.tail, e.head, e.op) for e in cell.edges if e.op}
    assert ("layer 1 node 0", "layer 1 node 1", "dil_3x3") in arrows and len(arrows) == 4


def test_path_shows_all_legal_moves():
    group = genotype_graph.draw_path(sample(SPACE, random.Random(0))).groups[0]
    assert len(group.edges) == 14 and len(group.nodes) == 9
    assert sum(e.mark == "path" for e in group.edges) == 3
    assert sum(n.kind == "node" for n in group.nodes) == 4


def test_a_path_alone_has_no_move_that_it_does_not_take():
    path = genotype_graph.draw_path(sample(SPACE, random.Random(0)), title="by hand", alone=True)
    group = path.groups[0]
    assert path.title == "by hand" and {e.mark for e in group.edges} == {"path"}
    assert len(group.edges) == 3 and len(group.nodes) == 4


def test_path_of_one_width_and_of_other_factors():
    one = make(SearchSpace(layers=3, nodes=1, width_factors=(4.0,)), ((CELL[0],),) * 3, (0, 0, 0))
    assert [n.label for n in genotype_graph.draw_path(one).groups[0].nodes][1] == "layer 0\n4·W"
    # the start part has W channels a node, whatever the layers have
    assert genotype_graph.draw_path(one).groups[0].nodes[0].label == "start\n1·W"
    assert "node 0" in genotype_graph.draw_genotype(one).svg()


def test_difference_marks_changes_by_more_than_colour():
    drawing = genotype_graph.draw_difference(SMALL, EDITED)
    path, first, second = drawing.groups
    assert [e.mark for e in path.edges].count(
        "new"
    ) == 2 and path.title == "width path 1-1, was 0-1"
    marks = {(e.mark, e.op) for e in first.edges if e.mark in ("new", "old")}
    assert (
        marks == {("new", "skip"), ("old", "sep_5x5")}
        and first.title == "cell of layer 0, 1 edge changed"
    )
    assert second.title == "cell of layer 1, no edges changed"
    assert "2 changes" in drawing.title and drawing.alt == "; ".join(diff(SMALL, EDITED)) + "."
    assert "<b>+ skip</b>" in drawing.dot and "− sep 5x5" in drawing.dot
    assert re.search(r"style=dashed", drawing.dot) and "penwidth=4.5" in drawing.dot


def test_difference_of_equals_and_of_strangers():
    same = genotype_graph.draw_difference(SMALL, SMALL)
    assert (
        same.alt == "No difference."
        and "no changes" in same.title
        and "style=dashed" not in same.dot
    )
    with pytest.raises(ValueError, match="cannot compare: nodes"):
        genotype_graph.draw_difference(SMALL, sample(SPACE, random.Random(0)))
    with pytest.raises(ValueError, match="width_factors"):
        genotype_graph.draw_difference(SMALL, replace(SMALL, width_factors=(1.0, 2.0, 3.0)))


# ---------------------------------------------------------------- DOT


def test_dot_text_names_operations_with_code_and_colour():
    dot = genotype_graph.draw_genotype(SMALL).dot
    for name in ("conv_3x3", "sep_5x5", "dil_3x3", "skip"):
        colour = style.op_colour(name)
        code = f'<font color="{style.ink_on(colour)}">{OPS[name].code}</font>'
        chip = f'<td bgcolor="{colour}">{code}</td>'
        assert chip + f"<td>{name.replace('_', ' ')}</td>" in dot
    assert (
        "rankdir=LR" in dot and 'bgcolor="#FFFFFF"' in dot and dot.count("subgraph cluster_") == 3
    )
    assert '"layer 0 h(l-1)" -> "layer 0 h(l-1) to layer 0 node 0"' in dot


def test_equal_genotypes_give_equal_dot():
    assert (
        genotype_graph.draw_genotype(SMALL).dot == genotype_graph.draw_genotype(replace(SMALL)).dot
    )
    assert genotype_graph.draw_genotype(SMALL) == genotype_graph.draw_genotype(replace(SMALL))


def test_titles_are_escaped():
    svg = replace(genotype_graph.draw_genotype(SMALL), title='a<b & "c" \\N').svg()
    assert ET.fromstring(svg).find("{*}title").text == 'a<b & "c" \\N'


# ---------------------------------------------------------------- rendering


def test_svg_describes_itself():
    drawing = genotype_graph.draw_genotype(SMALL)
    svg = drawing._repr_mimebundle_()["image/svg+xml"]
    root = ET.fromstring(svg)
    assert (
        svg.startswith("<svg")
        and root.get("role") == "img"
        and root.get("aria-label") == drawing.title
    )
    assert root.find("{*}title").text == drawing.title and root.find("{*}desc").text == drawing.alt
    words = " ".join(root.itertext())
    for text in (
        "conv 3x3",
        "sep 5x5",
        "dil 3x3",
        "skip",
        "c3",
        "h(l-1)",
        "2 × 1.5·W = 3·W",
        "width path 0-1",
    ):
        assert text in words
    # a size for what is no browser, and nothing that scales it away
    assert root.get("viewBox") and root.get("width") and root.get("height")
    assert root.get("style") is None
    assert (
        "#ffffff" in svg.lower()
        and "DejaVu Sans" in svg
        and svg.count("DejaVu") == svg.count("Verdana, sans-serif")
    )


def test_jupyter_shows_an_image_that_fits_its_cell():
    drawing = genotype_graph.draw_genotype(replace(SMALL))
    drawing = replace(drawing, title='a<b & "c"')
    bundle = drawing._repr_mimebundle_()
    image = ET.fromstring(bundle["text/html"].replace(">", "/>"))
    assert image.tag == "img" and image.get("style").startswith("max-width: 100%")
    assert image.get("alt") == f"{drawing.title}. {drawing.alt}"
    kind, data = image.get("src").split(",")
    assert kind == "data:image/svg+xml;base64"
    assert b64decode(data).decode() == bundle["image/svg+xml"] == drawing.svg()


def test_a_title_ends_before_its_frame():
    """Also in letters that are 5 % wider than those that dot measured."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    group = search_space.draw_supercell(SearchSpace(layers=2, nodes=2)).groups[1]
    group = replace(group, title=group.title * 2)  # wider than what is in the frame
    root = ET.fromstring(replace(genotype_graph.draw_path(SMALL), groups=(group,)).svg())
    frame = next(path.get("d") for path in root.iter() if path.tag.endswith("path"))
    xs = [float(x) for x in re.findall(r"([-\d.]+),", frame)]
    text = next(t for t in root.iter() if "".join(t.itertext()) == group.title and t.get("y"))
    assert text.get("text-anchor") == "start"
    letters = TextPath((0, 0), group.title, size=13, prop=FontProperties(family="DejaVu Sans"))
    wide = 1.05 * letters.get_extents().width
    assert min(xs) < float(text.get("x")) and float(text.get("x")) + wide < max(xs)


def test_saved_files_are_deterministic_and_whole(tmp_path):
    for fmt, magic in (("svg", b"<svg"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
        a = genotype_graph.draw_genotype(SMALL).save(tmp_path / f"a.{fmt}")
        b = genotype_graph.draw_genotype(SMALL).save(str(tmp_path / f"b.{fmt}"))
        assert a.read_bytes().startswith(magic) and a.read_bytes() == b.read_bytes()
        assert not re.search(rb"\(D:(?!1970)\d", a.read_bytes())
    assert len(list(tmp_path.iterdir())) == 6


def test_save_refuses_other_formats_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="must end in .svg, .pdf, .png"):
        genotype_graph.draw_path(SMALL).save(tmp_path / "a.gif")
    monkeypatch.setattr(render, "render", lambda drawing, fmt: b"<svg>new</svg>")
    target = tmp_path / "a.svg"
    target.write_text("old")

    def fail(a, b):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        genotype_graph.draw_path(SMALL).save(target)
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_groups_stand_in_order():
    """dot stacks unconnected clusters from below; a version that did not would turn the picture
    over."""
    for seed in range(12):
        genotype = sample(SPACE, random.Random(seed))
        other = random.Random(seed).choice(list(neighbours(genotype)))[1]
        for drawing in (
            genotype_graph.draw_genotype(genotype),
            genotype_graph.draw_difference(genotype, other),
        ):
            root = ET.fromstring(drawing.svg())
            heights = {"".join(t.itertext()): float(t.get("y")) for t in root.iter() if t.get("y")}
            tops = [heights[group.title] for group in drawing.groups]
            assert tops == sorted(tops) and len(set(tops)) == 4


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_inputs_and_nodes_stand_in_order(nodes):
    """h(l-1) above h(l-2) in every cell, node 0 above node 1 of the same column: a picture beside
    another is compared at a glance."""
    drawings = [search_space.draw_supercell(SearchSpace(nodes=nodes))]
    for seed in range(10):
        genotype = sample(SearchSpace(nodes=nodes), random.Random(seed))
        other = random.Random(seed).choice(list(neighbours(genotype)))[1]
        drawings.append(genotype_graph.draw_genotype(genotype))
        drawings.append(genotype_graph.draw_difference(genotype, other))
    for drawing in drawings:
        root = ET.fromstring(drawing.svg())
        boxes = {g.find("{*}title").text: g for g in root.iterfind(".//{*}g[@class='node']")}
        inputs = [name for name in boxes if name.endswith("h(l-1)")]
        assert inputs
        for name in inputs:
            above, below = boxes[name], boxes[name.replace("h(l-1)", "h(l-2)")]
            assert float(above.find("{*}text").get("y")) < float(below.find("{*}text").get("y"))
        for group in drawing.groups:
            columns = group.columns()
            inner = [node.id for node in group.nodes if "node " in node.id]
            for one, two in zip(inner, inner[1:]):
                tops = [float(boxes[name].find("{*}text").get("y")) for name in (one, two)]
                # neither hears the other: they stand in one column
                assert columns[one] != columns[two] or tops[0] < tops[1]


def test_without_pygraphviz_the_dot_program_draws(without_pygraphviz, monkeypatch, tmp_path):
    program = tmp_path / "dot"
    say = (
        "print('<svg><text>', sys.argv[1], sys.stdin.read().startswith('digraph'), '</text></svg>')"
    )
    program.write_text(f"#!{sys.executable}\nimport sys\n{say}\n")
    program.chmod(0o755)
    monkeypatch.setattr(render.shutil, "which", lambda name: str(program))
    assert "-Tsvg True" in genotype_graph.draw_path(SMALL).svg()
    program.write_text("#!/bin/sh\nexit 3\n")  # broken
    with pytest.raises(ValueError, match="pip install"):
        genotype_graph.draw_path(SMALL).svg()


def test_without_graphviz_a_drawing_says_what_to_install(without_graphviz, tmp_path):
    drawing = genotype_graph.draw_path(SMALL)
    for act in (drawing.svg, lambda: drawing.save(tmp_path / "a.png")):
        with pytest.raises(ValueError, match="a drawing needs Graphviz: pip install") as error:
            act()
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_without_graphviz_jupyter_shows_the_dot_text(without_graphviz):
    drawing = genotype_graph.draw_path(SMALL)
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"] and bundle["text/plain"].endswith(drawing.dot)
    assert bundle["text/plain"].startswith("// a drawing needs Graphviz")


def test_drawing_is_silent_and_never_loads_torch():
    code = (
        "import os, random, sys; from hinas_lab.space.genotype import sample;"
        "from hinas_lab.config import SearchSpace; "
        "from hinas_lab.drawing import genotype_graph as graphs, plots, style;"
        "g = graphs.draw_genotype(sample(SearchSpace(), random.Random(0))); a = g.svg(); "
        "assert a == g.svg();"
        "assert 'FONTCONFIG_FILE' not in os.environ;"
        "print([m for m in ('torch', 'pandas', 'seaborn', 'matplotlib.pyplot') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
