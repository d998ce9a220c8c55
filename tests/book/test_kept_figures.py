"""What figures/ of a checkout shows: all 26, none stale, drawn by every reader of SVG; and faults
that pictures once had."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline

from hinas_book.ch10_state_of_the_art.figures import MIXED, figure_tradeoff, plot_tradeoff
from hinas_book.cli.figures import stored
from hinas_book.kit import recorded
from hinas_book.kit.registry import paper_figures
from hinas_book.kit.stored_nets import FOLDER as NETS
from hinas_book.paper import tables, visual_comparisons
from hinas_book.paper.published import paper_table
from hinas_book.paper.redraw import IDS, PAGE, index, stale
from hinas_lab.runs.header import read_header
from hinas_lab.space.genotype import Genotype

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "figures"


def parts(id):
    """Part -> drawing of a figure that needs no net."""
    return dict(paper_figures()[id].parts(lambda name: None, False))


def shown(id):
    """The names of the files that the page shows of ``id``, in the order of its parts."""
    if id.startswith("table"):
        return [f"{id}.md"]
    if paper_figures()[id].sources:
        return sorted((path.name for path in FOLDER.glob(f"{id}*.png")), key=len)
    return [f"{id}-{part}.svg" if part else f"{id}.svg" for part in parts(id)]


SVGS = [name for id in IDS for name in shown(id) if name.endswith(".svg")]


# ---- the folder


@pytest.mark.parametrize("id", IDS)
def test_none_is_stale(id):
    old = stale(id, FOLDER)
    assert not old, f"{', '.join(old)}: not what is made from today's code and data: make figures"


def test_the_page_shows_all_of_them():
    page = (FOLDER / PAGE).read_text(encoding="utf-8")
    assert page == index({id: shown(id) for id in IDS}), f"figures/{PAGE} is old: make figures"
    assert all(f"hinas-lab figures {id}`" in page for id in IDS) and "no data here" not in page
    linked = re.findall(r"\]\(([^)]+)\)", page)
    assert {name.split(".")[0].split("-")[0] for name in linked} == set(IDS)
    assert all((FOLDER / name).is_file() for name in linked)


def test_they_are_small_and_git_keeps_what_the_page_shows():
    page = (FOLDER / PAGE).read_text(encoding="utf-8")
    names = [PAGE, *re.findall(r"\]\(([^)]+)\)", page)]
    sizes = [(FOLDER / name).stat().st_size for name in names]
    assert max(sizes) < 1.5e6 and sum(sizes) < 6e6
    # what the same command writes besides, and the paper's own pictures
    others = ["fig01-a.png", "fig05.svg", "fig14.pdf", "table01.tex", "local/fig05.png"]
    paths = [f"figures/{name}" for name in (*names, *others)]
    asked = ["git", "-c", "safe.directory=*", "check-ignore", "--no-index", *paths]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    if told.returncode not in (0, 1):
        pytest.skip("not a git checkout")
    assert told.stdout.split() == [f"figures/{name}" for name in others]


def test_what_changes_is_seen(tmp_path, monkeypatch):
    folder = shutil.copytree(FOLDER, tmp_path / "figures")
    drawing, table = folder / "fig07-ws.svg", folder / "table09.md"
    for path in (drawing, table):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))  # a checkout of Windows
    assert not stale("fig07", folder) and not stale("table09", folder)
    table.write_text("# old\n")
    assert stale("table09", folder) == ["table09.md"]
    (folder / "fig03.svg").unlink()
    assert stale("fig03", folder) == ["fig03.svg"]

    # a record that the drawing reads
    studies = shutil.copytree(recorded.FOLDER, tmp_path / "studies")
    monkeypatch.setattr(recorded, "FOLDER", studies)
    assert not stale("fig07", folder)
    record = studies / "widths.json"
    record.write_text(record.read_text().replace('"preset": "study"', '"preset": "tiny"'))
    assert stale("fig07", folder) == ["fig07-ws.svg", "fig07-w40.svg", "fig07-wm.svg"]

    # weights that a plot restores with
    assert not stale("fig08", folder)
    nets = shutil.copytree(NETS, tmp_path / "nets")
    monkeypatch.setattr(visual_comparisons, "NETS", nets)
    assert not stale("fig08", folder)
    with (nets / "net" / "best.safetensors").open("ab") as file:
        file.write(b"0")
    assert stale("fig08", folder) == ["fig08.png"] and not stale("fig09", folder)


# ---- every reader


@pytest.mark.parametrize("name", SVGS)
def test_svg_holds_nothing_that_a_reader_may_not_know(name):
    """CairoSVG, browsers and Inkscape agree on this much: shapes, groups, text; sizes and colours
    as plain attributes; no style, script, link, picture or entity."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text.startswith("<svg") and "<!" not in re.sub(r"<!--.*?-->", "", text)
    root = ET.fromstring(text)
    assert "style" not in root.attrib
    box = [float(number) for number in root.get("viewBox").split()]
    size = [float(root.get(side).removesuffix("pt")) for side in ("width", "height")]
    assert box[:2] == [0, 0] and box[2:] == pytest.approx(size)
    words = {"title", "desc", "metadata", "text"}
    known = {"svg", "g", "path", "polygon", "polyline", "ellipse"} | words
    for element in root.iter():
        assert element.tag.split("}")[1] in known
        assert not {"style", "filter", "mask", "clip-path", "href"} & set(element.attrib)
        for colour in ("fill", "stroke"):
            assert re.fullmatch(r"none|#[0-9a-f]{6}", element.get(colour, "none"))
        for number in ("x", "y", "font-size", "stroke-width"):
            float(element.get(number, "0"))  # without a unit
        assert re.fullmatch(r"[MCL\d.,\- ]*", element.get("d", ""))


# ---- faults that pictures had


def test_figure_1_shows_what_a_search_found():
    drawn = parts("fig01")
    found = Genotype.from_json((recorded.recorded_run("classroom") / "genotype.json").read_text())
    edges = {(e.op, e.head) for e in drawn["c"].groups[0].edges if e.op}
    assert edges == {
        (op, f"layer 0 node {i}") for i, node in enumerate(found.cells[0]) for op, _ in node
    }
    # a picture each: none leaves a part of the page empty
    assert [len(drawing.groups) for drawing in drawn.values()] == [1, 1, 1]


def test_figure_2_shows_the_chosen_path_and_the_skip():
    (drawing,) = parts("fig02").values()
    edges = drawing.groups[0].edges
    rows = recorded.recorded("widths")["rows"]
    row = next(row for row in rows if row["arm"] == "ws" and row["seed"] == 0)
    on_path = [e.head for e in edges if e.mark == "path"]
    assert on_path == [f"layer {layer} width {i}" for layer, i in enumerate(row["path"])]
    assert ("input", "sum") in {(e.tail, e.head) for e in edges}
    assert "preset study" in drawing.title


def test_figure_7_says_which_is_which_and_draws_no_move_that_is_not_there():
    drawn = parts("fig07")
    for name, drawing in drawn.items():
        assert drawing.title.startswith(f"{name}: ") and "preset study" in drawing.title
        labels = [node.label for node in drawing.groups[0].nodes]
        assert labels[0] == "start\n1·W" and not any("start" in label for label in labels[1:])
    for name in ("w40", "wm"):
        assert [edge.mark for edge in drawn[name].groups[0].edges] == ["path"] * 3
    assert "2·W" in drawn["w40"].groups[0].nodes[1].label


@pytest.mark.parametrize("number", [8, 9])
def test_the_weight_of_ssim_is_that_of_the_nets(number):
    for line in visual_comparisons.lines(number):
        for label, source in line.panels:
            if label.startswith("MSE"):
                lam = read_header(NETS / source)["train"]["loss"]["lam"]
                assert label == (f"MSE + {lam:g} l_ssim" if lam else "MSE")
                assert label in paper_figures()[f"fig{number:02}"].title


@pytest.mark.parametrize("id", ["fig10", "fig11"])
def test_edits_say_their_drop_and_stand_as_the_found_net_does(id):
    drawn = parts(id)
    task = "denoise" if id == "fig10" else "sr"
    rows = [r for r in recorded.recorded("perturb")["rows"] if r["task"] == task]
    for part, kind in (("b", "R1"), ("c", "R2")):
        drops = [row["drop"] for row in rows if row["arm"] == kind]
        nearest = min(drops, key=lambda drop: abs(drop - np.median(drops)))
        title = drawn[part].title
        assert f"drop {nearest:+.3f} dB" in title and f"median, {np.median(drops):+.3f} dB" in title
        assert f"of {len(drops)} edits" in title
    for part, drawing in drawn.items():
        assert "preset study" in drawing.title
        assert not re.search(r"[0-9a-f]{12}", drawing.title)  # a hash tells a reader nothing
        root = ET.parse(FOLDER / f"{id}-{part}.svg").getroot()
        boxes = {g.find("{*}title").text: g for g in root.iterfind(".//{*}g[@class='node']")}
        firsts = [name for name in boxes if name.endswith("h(l-1)")]
        # (b) and (c) show the cell that is changed
        assert len(firsts) == (2 if part == "a" else 1)
        for name in firsts:
            above, below = boxes[name], boxes[name.replace("h(l-1)", "h(l-2)")]
            # y grows downwards
            assert float(above.find("{*}text").get("y")) < float(below.find("{*}text").get("y"))
        marks = {edge.mark for group in drawing.groups for edge in group.edges}
        assert part == "a" or {"new", "old"} <= marks


def heads_and_curves(root):
    """Of each arrow of an SVG: the outline of its head or None, and 200 points along its curve."""
    for group in root.iterfind(".//{*}g[@class='edge']"):
        numbers = re.findall(r"-?[\d.]+", group.find("{*}path").get("d"))
        points = np.array(numbers, float).reshape(-1, 2)
        t = np.linspace(0, 1, 200)[:, None]
        pieces = [points[i : i + 4] for i in range(0, len(points) - 3, 3)]
        curve = [
            (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
            for a, b, c, d in pieces
        ]
        head = group.find("{*}polygon")
        outline = None
        if head is not None:
            corners = re.findall(r"-?[\d.]+", head.get("points"))
            outline = Outline(np.array(corners, float).reshape(-1, 2))
        yield outline, np.concatenate(curve)


@pytest.mark.parametrize("name", [name for name in SVGS if name.startswith(("fig10", "fig11"))])
def test_no_arrowhead_lies_on_another_arrow(name):
    arrows = list(heads_and_curves(ET.parse(FOLDER / name)))
    for i, (head, _) in enumerate(arrows):
        if head is not None:
            others = [curve for j, (_, curve) in enumerate(arrows) if j != i]
            assert not any(head.contains_points(curve).any() for curve in others)


@pytest.mark.parametrize("number", [12, 13])
def test_methods_without_weights_have_no_panel_and_no_number(number):
    lines = visual_comparisons.lines(number)
    figure = visual_comparisons.figure_visual(lines[1:2], stored)
    titles = [ax.get_title().split("\n")[0] for ax in figure.axes if ax.get_title()]
    assert titles == [label for label, _ in lines[1].panels]
    assert not any(ax.texts for ax in figure.axes)  # no gray panel with words
    absent = {"NLRN", "N3Net"} if number == 12 else {"SAN", "IMDN"}
    assert not absent & set(titles)
    said = figure.get_suptitle().replace("\n", " ")
    assert all(name in said for name in absent) and "no weights here" in said and "dB" not in said


def test_marks_of_the_trade_off_are_in_the_order_of_parameters():
    millions = (0.013, 0.3, 0.7, 15.7, 16.0, 22.3)
    points = [(str(m), 1, 1, m) for m in millions]
    ax = plot_tradeoff(points, ax=Figure().subplots(), across="s", up="dB")
    areas = [mark.get_sizes()[0] for mark in ax.collections]
    assert areas == sorted(set(areas)) and areas[-1] > 1.3 * areas[3]
    assert np.diff(areas) == pytest.approx(36 * np.diff(millions))
    assert len({tuple(mark.get_facecolor()[0]) for mark in ax.collections}) > 4
    assert [text.get_text() for text in ax.texts][-1] == "22.3, 22.3 M"
    figure = figure_tradeoff()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "10 M parameters"
    assert figure.get_suptitle() == MIXED and "mixes protocols" in MIXED


def test_tables_11_and_12_mark_the_light_group():
    """As the paper does, cell by cell, but for two: in Table 11 it passes over HiNAS's SSIM on
    Set5, in Table 12 over MemNet, which ties with IDN."""
    table = paper_table(11)
    marks = {}
    for (row, column), place in tables.ranks(table).items():
        marks.setdefault(column, {})[place] = table.rows[row]["method"].printed
    assert marks == {
        "params_m": {1: "FSRCNN(KD)", 2: "HiNAS"},
        "seconds": {1: "FSRCNN(KD)", 2: "HiNAS"},
        "psnr_set5": {1: "IMDN", 2: "IDN"},
        "ssim_set5": {1: "IMDN", 2: "HiNAS"},
        "psnr_set14": {1: "IMDN", 2: "MemNet"},
        "ssim_set14": {1: "HiNAS", 2: "IMDN"},
        "psnr_bsd100": {1: "IMDN", 2: "MemNet"},
        "ssim_bsd100": {1: "HiNAS", 2: "IMDN"},
        "psnr_urban100": {1: "IMDN", 2: "MemNet"},
        "ssim_urban100": {1: "IMDN", 2: "HiNAS"},
    }
    for number in (11, 12):
        assert "of the light nets" in tables.markdown(paper_table(number), [])
    assert "of the light nets" not in tables.markdown(paper_table(10), [])
