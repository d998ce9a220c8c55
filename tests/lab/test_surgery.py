"""Surgery on genotypes: the controller, the scorer of a search run, and the widgets, driven without
a browser."""

import json
import random
import re
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from hinas_lab.config import SearchSpace
from hinas_lab.drawing.diagram import render
from hinas_lab.live.surgery import Noise, Place, Surgery
from hinas_lab.live.surgery_panel import Stopped, surgery
from hinas_lab.live.surgery_view import table
from hinas_lab.presets import preset
from hinas_lab.space.cost import macs, parameters, receptive_radius
from hinas_lab.space.genotype import Genotype, diff, legal_paths, make, neighbours, sample
from hinas_lab.space.ops import CHOICES

CELL = ((("conv_3x3", 0), ("sep_5x5", 1)), (("skip", 0), ("dil_3x3", 2)))
SPACE = SearchSpace(layers=2, nodes=2)
SMALL = make(SPACE, (CELL, CELL), (0, 1), path_score=0.25)
W = 10


def counted(score=0.5):
    """A scorer that remembers what it was asked."""

    def ask(genotype):
        asked.append(genotype)
        return {"score": score + len(asked), "raw": score}

    asked = []
    return ask, asked


# ---------------------------------------------------------------- edits


def test_places_are_every_width_and_every_edge():
    s = Surgery(SMALL, width=W)
    assert len(s.places) == 2 * (1 + 2 * 2) and s.places[:3] == [
        Place(0),
        Place(0, 0, 0),
        Place(0, 0, 1),
    ]
    assert [s.describe(p) for p in s.places[:3]] == [
        "layer 0, width: 0 (1·W)",
        "layer 0, node 0, edge 0: conv 3x3 of h(l-1)",
        "layer 0, node 0, edge 1: sep 5x5 of h(l-2)",
    ]
    assert s.describe(Place(1, 1, 1)) == "layer 1, node 1, edge 1: dil 3x3 of node 0"


@pytest.mark.parametrize("layer, c", [(0, 10), (1, 15)])
def test_conv_to_skip_removes_exactly_its_weights(layer, c):
    s = Surgery(SMALL, width=W, size=(48, 32))
    after = s.set_operation(layer, 0, 0, "skip")
    rows = {row.what: row for row in s.rows()}
    assert list(rows) == ["parameters", "MACs (48x32 input)", "receptive radius"]
    assert (
        rows["parameters"].before - rows["parameters"].after == 9 * c * c + 2 * c
    )  # 3x3 weights, batch norm's scale and shift
    assert (
        rows["MACs (48x32 input)"].before - rows["MACs (48x32 input)"].after == 9 * c * c * 48 * 32
    )
    assert rows["parameters"].after == parameters(after, W) and rows[
        "receptive radius"
    ].after == receptive_radius(after)
    assert (
        after
        == s.genotype
        == replace(
            SMALL,
            path_score=None,
            cells=[
                (((("skip", 0), CELL[0][1]), CELL[1]) if l == layer else CELL) for l in range(2)
            ],
        )
    )
    assert (
        s.changes == [f"layer {layer}, node 0: conv_3x3 from h(l-1) -> skip from h(l-1)"]
        and s.original is SMALL
    )


def test_numbers_are_those_of_the_net_that_is_asked_for():
    shape = {"stem": 16, "end": "aspp", "repeats": 1}
    s = Surgery(SMALL, width=4, size=(8, 8), **shape)
    assert [row.before for row in s.rows()] == [
        parameters(SMALL, 4, **shape),
        macs(SMALL, 4, 8, 8, **shape),
        receptive_radius(SMALL, end="aspp", repeats=1),
    ]


def test_a_new_source_may_change_the_number_of_the_edge():
    s = Surgery(SMALL, width=W)
    assert s.set_source(0, 1, 0, 1).cells[0][1] == (("skip", 1), ("dil_3x3", 2))
    assert s.set_source(0, 1, 1, 0).cells[0][1] == (("dil_3x3", 0), ("skip", 1))
    assert s.edits == 2


def test_every_valid_change_of_one_thing_can_be_made_and_no_other():
    """What ``options`` offers is accepted exactly when the result is a neighbour, the genotype
    itself, or has another legal width."""
    for space in (SPACE, SearchSpace()):
        genotype = sample(space, random.Random(1))
        paths = [
            p for p in legal_paths(space) if sum(a != b for a, b in zip(p, genotype.path)) == 1
        ]
        reachable = {g.hash for _, g in neighbours(genotype)} | {
            replace(genotype, path=p).hash for p in (genotype.path, *paths)
        }
        made = set()
        for place in Surgery(genotype, width=W).places:
            s = Surgery(genotype, width=W)
            for words, (what, value) in s.options(place).items():
                try:
                    made.add(s.edit(place, what, value).hash)
                except ValueError:
                    assert s.genotype is genotype, words
                while s.edits:
                    s.undo()
        assert made == reachable


@pytest.mark.parametrize(
    "edit, why",
    [
        (
            lambda s: s.set_operation(0, 0, 0, "none"),
            "unknown operation 'none'; known are conv_3x3",
        ),
        (lambda s: s.set_operation(0, 0, 0, 3), "must be per layer, per node"),
        (lambda s: s.set_operation(2, 0, 0, "skip"), "layer = 2: must be 0 to 1"),
        (lambda s: s.set_operation(0, -1, 0, "skip"), "node = -1: must be 0 to 1"),
        (lambda s: s.set_operation(0, 0, 2, "skip"), "edge = 2: must be 0 to 1"),
        (lambda s: s.set_source(0, 0, 0, 1), "both edges come from h(l-2); they must differ"),
        (
            lambda s: s.set_source(0, 0, 0, 2),
            "source 2 is a forward edge or does not exist; must be 0 to 1",
        ),
        (lambda s: s.set_source(0, 0, 0, "h"), "source 'h' is no whole number"),
        (lambda s: s.set_width(1, 2), "changes by at most one step a layer"),
        (lambda s: s.set_width(0, 3), "must hold 2 width indices from 0 to 2"),
        (lambda s: s.set_width(2, 0), "layer = 2: must be 0 to 1"),
        (lambda s: s.edit(Place(0), "colour", 1), "what = 'colour': must be one of"),
        (lambda s: s.edit(Place(0), "operation", "skip"), "node = None: must be 0 to 1"),
    ],
)
def test_an_invalid_edit_is_one_line_and_changes_nothing(edit, why):
    s = Surgery(SMALL, width=W)
    with pytest.raises(ValueError) as error:
        edit(s)
    assert why in str(error.value) and "\n" not in str(error.value)
    assert s.genotype is SMALL and s.edits == 0 and s.changes == []


def test_a_width_that_gives_no_whole_channels_is_refused():
    narrow = replace(SMALL, path=(0, 0))
    s = Surgery(narrow, width=3)
    with pytest.raises(ValueError, match="times the width factor 1.5 it must be a whole number"):
        s.set_width(1, 1)
    assert s.genotype is narrow
    with pytest.raises(ValueError, match="whole number of channels"):
        Surgery(SMALL, width=3)


def test_undo_to_the_start_gives_an_equal_genotype():
    s, rng = Surgery(sample(SearchSpace(), random.Random(2)), width=W), random.Random(0)
    start, seen = s.genotype, [s.genotype]
    while s.edits < 12:
        place = rng.choice(s.places)
        what, value = rng.choice(list(s.options(place).values()))
        try:
            s.edit(place, what, value)
        except ValueError:
            continue
        if s.genotype != seen[-1]:
            seen.append(s.genotype)
    assert [s.genotype] + [s.undo() for _ in range(12)] == seen[::-1] and s.genotype == start
    assert s.undo() == start and s.edits == 0  # once more is harmless


def test_an_edit_that_changes_nothing_leaves_no_trace_and_the_way_back_is_the_original():
    s = Surgery(SMALL, width=W)
    assert (
        s.set_operation(0, 0, 0, "conv_3x3") is SMALL
        and s.set_width(1, 1) is SMALL
        and s.edits == 0
    )
    assert (
        s.set_operation(0, 0, 0, "skip").path_score is None
    )  # the Viterbi value belonged to what was decoded
    assert (
        s.set_operation(0, 0, 0, "conv_3x3") is SMALL
        and s.edits == 2
        and s.drawing().title.startswith("genotype")
    )


def test_the_drawing_marks_the_change():
    s = Surgery(SMALL, width=W)
    s.set_operation(0, 0, 0, "skip")
    s.set_width(1, 0)
    drawing = s.drawing()
    assert drawing.alt == "; ".join(diff(SMALL, s.genotype)) + "." and "2 changes" in drawing.title
    assert {(e.mark, e.op) for e in drawing.groups[1].edges if e.mark in ("new", "old")} == {
        ("new", "skip"),
        ("old", "conv_3x3"),
    }


# ---------------------------------------------------------------- scores, files


def test_the_scorer_is_asked_once_per_genotype():
    ask, asked = counted()
    s = Surgery(SMALL, width=W, score=ask)
    assert not asked
    s.set_operation(0, 0, 0, "skip")
    first = {row.what: row[1:] for row in s.rows()}
    assert (
        first["score"] == (1.5, 2.5) and first["raw"] == (0.5, 0.5) and asked == [SMALL, s.genotype]
    )
    s.rows()
    s.undo()
    assert s.rows()[-2][1:] == (1.5, 1.5)
    s.set_operation(0, 0, 0, "skip")
    s.rows()
    assert len(asked) == 2 and [row.what for row in s.rows(scored=False)][-1] == "receptive radius"


def test_save_writes_a_genotype_and_spares_other_files(tmp_path):
    s = Surgery(SMALL, width=W)
    new = s.set_operation(1, 1, 0, "conv_3x3")
    path = s.save(tmp_path / "edited.json")
    assert Genotype.from_json(path.read_text()) == new and list(tmp_path.iterdir()) == [path]
    stamp = path.stat()
    assert (
        s.save(path) == path and path.stat().st_mtime_ns == stamp.st_mtime_ns
    )  # the same again: nothing to do
    s.undo()
    with pytest.raises(ValueError, match="another file is there"):
        s.save(path)
    assert Genotype.from_json(path.read_text()) == new
    assert Genotype.from_json(s.save(path, overwrite=True).read_text()) == SMALL
    for bad in ("edited.txt", ""):
        with pytest.raises(ValueError, match="must end in .json"):
            s.save(bad)
    with pytest.raises(OSError, match="cannot be written"):
        s.save(tmp_path / "no such folder" / "a.json")
    (tmp_path / "d.json").mkdir()
    with pytest.raises(ValueError, match="another file is there"):
        s.save(tmp_path / "d.json")


def test_a_run_keeps_its_genotype(tiny, tmp_path):
    run = tiny.copy("search", tmp_path / "run")
    before = (run / "genotype.json").read_bytes()
    genotype = Genotype.from_json(before.decode())
    s = Surgery(genotype, width=2)
    assert s.save(run / "genotype.json").read_bytes() == before
    op = next(op for op in CHOICES if op != genotype.cells[0][0][0][0])
    s.set_operation(0, 0, 0, op)
    with pytest.raises(ValueError, match="result of a run"):
        s.save(run / "genotype.json", overwrite=True)
    assert (run / "genotype.json").read_bytes() == before and s.save(run / "other.json").exists()


def test_the_scorer_of_a_run_gives_the_scores_of_its_supernet(tiny, tmp_path):
    from hinas_lab.analysis.supernet_scorer import shared_scorer
    from hinas_lab.images.datasets.catalog import load_images
    from hinas_lab.images.patches import Patches, split
    from hinas_lab.runs.folder import load_supernet
    from hinas_lab.searching.scoring import validate

    score = shared_scorer(tiny.search)
    net, config, header = load_supernet(tiny.search)
    genotype = sample(net.space, random.Random(0))
    found = score(genotype)
    assert set(found) == {"score", "raw", "psnr", "ssim"} and found == score(genotype)
    patches = Patches(load_images(header["data"], net.space.channels))
    v = split(len(patches), config.val_fraction, config.seed).v
    assert (
        found["raw"]
        == validate(net, patches, v, config, net.restrict(genotype))["score"]
        != found["score"]
    )
    with pytest.raises(ValueError, match="the search space has 1"):
        score(SMALL)
    with pytest.raises(ValueError, match="a search run is needed"):
        shared_scorer(tiny.train)
    changed = tiny.copy("search", tmp_path / "changed")
    config_file = changed / "config.json"
    config_file.write_text(
        json.dumps(json.loads(config_file.read_text()) | {"data_hash": "0" * 12})
    )
    with pytest.raises(ValueError, match="no longer those of the search"):
        shared_scorer(changed)


# ---------------------------------------------------------------- widgets


def said(panel) -> str:
    """The status, as a reader sees it."""
    return re.sub("<[^>]*>", "", panel.status.value)


def choose(panel, place, *option):
    panel.place.value = place
    panel.option.value = option


def test_the_panel_edits_undoes_and_scores():
    ask, asked = counted()
    panel = surgery(SMALL, width=W, score=ask)
    c = panel.controller
    assert (
        len(panel.place.options) == 10
        and "genotype for denoising" in panel.picture.value
        and asked == [SMALL]
    )
    panel.place.value = Place(0, 0, 0)
    assert panel.option.value == ("operation", "conv_3x3") and len(panel.option.options) == 8
    panel.option.value = ("operation", "skip")
    panel.apply.click()
    assert c.genotype.cells[0][0][0] == ("skip", 0) and "skip of h(l-1)" in panel.status.value
    assert (
        "-920" in panel.numbers.value
        and "+1.0000" in panel.numbers.value
        and "1 change" in panel.picture.value
    )
    assert "layer 0, node 0: conv_3x3 from h(l-1) -&gt; skip from h(l-1)" in panel.numbers.value
    panel.apply.click()  # twice
    assert c.edits == 1 and "Nothing changes" in panel.status.value
    panel.undo.click()
    assert (
        c.genotype is SMALL
        and "genotype for denoising" in panel.picture.value
        and panel.option.value == ("operation", "conv_3x3")
    )
    panel.undo.click()
    assert c.genotype is SMALL and "Nothing to undo" in panel.status.value and len(asked) == 2


def test_the_panel_follows_an_edge_to_its_new_number():
    panel = surgery(SMALL, width=W)
    choose(panel, Place(0, 1, 1), "source", 1)
    panel.apply.click()
    choose(panel, Place(0, 1, 0), "source", 1)
    panel.apply.click()
    assert "they must differ" in panel.status.value and panel.controller.edits == 1
    choose(panel, Place(0, 1, 1), "source", 0)
    panel.apply.click()
    assert "they must differ" in panel.status.value
    choose(panel, Place(0, 1, 0), "source", 2)
    panel.apply.click()
    assert panel.place.value == Place(0, 1, 1) and panel.option.value == (
        "source",
        2,
    )  # skip, now behind dil 3x3 of h(l-2)
    assert panel.controller.genotype.cells[0][1] == (("dil_3x3", 1), ("skip", 2))
    panel.apply.click()
    assert panel.controller.edits == 2 and "Nothing changes" in panel.status.value


def test_the_panel_says_why_not_and_goes_on():
    panel = surgery(SMALL, width=W)
    choose(panel, Place(1), "width", 2)
    before = panel.numbers.value, panel.picture.value
    for _ in range(2):
        panel.apply.click()
        assert (
            "at most one step a layer" in panel.status.value
            and (panel.numbers.value, panel.picture.value) == before
        )
    choose(panel, Place(0), "width", 1)
    panel.apply.click()
    choose(panel, Place(1), "width", 2)
    panel.apply.click()
    assert panel.controller.genotype.path == (1, 2) and said(panel) == "layer 1, width: 2 (2·W)"


def test_the_panel_saves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel = surgery(SMALL, width=W)
    panel.save.click()
    panel.save.click()
    assert said(panel) == "Saved as edited.json."
    choose(panel, Place(0, 0, 0), "operation", "skip")
    panel.apply.click()
    panel.save.click()
    assert (
        "another file is there" in panel.status.value
        and Genotype.from_json((tmp_path / "edited.json").read_text()) == SMALL
    )
    panel.overwrite.value = True
    panel.save.click()
    assert (
        Genotype.from_json((tmp_path / "edited.json").read_text()) == panel.controller.genotype
        and not panel.overwrite.value
    )
    panel.file.value = "a/b.json"
    panel.save.click()
    assert "cannot be written" in panel.status.value
    panel.file.value = "<b>.txt"
    panel.save.click()
    assert "&lt;b&gt;.txt" in panel.status.value


def test_any_buttons_in_any_order_leave_a_valid_genotype(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "hinas_lab.live.surgery_panel.drawn", lambda c: c.drawing().title
    )  # an SVG takes its time
    panel, rng = surgery(SMALL, width=W), random.Random(3)
    for _ in range(150):
        if rng.random() < 0.6:
            panel.place.value = rng.choice(panel.place.options)[1]
            panel.option.value = rng.choice(panel.option.options)[1]
        rng.choice([panel.apply, panel.apply, panel.undo, panel.save]).click()
        c = panel.controller
        assert (
            "\n" not in panel.status.value
            and Genotype.from_json(c.genotype.to_json()) == c.genotype
        )
        assert panel.picture.value == c.drawing().title and panel.numbers.value == table(c)[0]
        assert [label for label, _ in panel.place.options] == [c.describe(p) for p in c.places]
    while c.edits:
        panel.undo.click()
    assert c.genotype is SMALL


def test_a_scorer_that_fails_costs_only_the_score():
    def fail(genotype):
        raise RuntimeError("out of memory\nand more")

    panel = surgery(SMALL, width=W, score=fail)
    assert (
        said(panel) == "no score: RuntimeError: out of memory and more"
        and "parameters" in panel.numbers.value
    )
    choose(panel, Place(0, 0, 0), "operation", "skip")
    panel.apply.click()
    assert (
        panel.controller.edits == 1
        and "-920" in panel.numbers.value
        and "no score" in panel.status.value
    )
    assert "no score: RuntimeError: out of memory" in panel.controller._repr_html_()


def test_what_stays_in_the_cell_needs_no_widgets(monkeypatch):
    panel = surgery(SMALL, width=W)
    choose(panel, Place(0, 0, 0), "operation", "skip")
    panel.apply.click()
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **named: shown.append(data))
    panel._ipython_display_()
    widget, still, _ = shown
    assert "application/vnd.jupyter.widget-view+json" in widget
    assert "image/svg+xml" in still["text/html"] and "-920" in still["text/html"]
    assert still["text/plain"] == "Surgery. " + panel.controller.changes[0]
    for absent in (
        lambda m: m.setenv("HINAS_LIVE", "0"),
        lambda m: m.setitem(sys.modules, "ipywidgets", None),
    ):
        with monkeypatch.context() as m:
            absent(m)
            plain = surgery(SMALL, width=W)
            assert (
                isinstance(plain, Surgery)
                and "image/svg+xml" in plain._repr_html_()
                and "No changes." in plain._repr_html_()
            )


# ---------------------------------------------------------------- training


class Fake:
    """A trainer that gives each net its number of skips in dB, one step of four at a time."""

    words = "four steps"

    def __init__(self):
        self.asked, self.go = [], threading.Semaphore(0)

    def __call__(self, genotype, tell):
        self.asked.append(genotype)
        for step in range(1, 5):
            assert self.go.acquire(timeout=20)
            tell(step / 4)
        return float(genotype.operations.count("skip"))


def training(steps=8, noise=None):
    """A panel with one edit, conv 3x3 -> skip, whose training may take so many steps."""
    panel = surgery(SMALL, width=W, trainer=Fake(), noise=noise)
    choose(panel, Place(0, 0, 0), "operation", "skip")
    panel.apply.click()
    panel.controller.trainer.go.release(steps)
    return panel


def test_training_an_edit_trains_the_found_net_once():
    panel = training(steps=16)
    c = panel.controller
    assert panel.stop.disabled and not panel.told.value
    panel.train.click()
    panel.thread.join(20)
    edited = c.genotype
    assert c.trainer.asked == [SMALL, edited] and c.trained(edited) == c.trained(SMALL) + 1
    assert said(panel) == "trained: " + c.changes[0].replace(">", "&gt;")
    assert "+1.00 dB from the found one" in panel.told.value and "not known" in panel.told.value
    assert "trained alone" in panel.numbers.value
    assert (panel.train.disabled, panel.stop.disabled) == (False, True)
    choose(panel, Place(0, 0, 1), "operation", "skip")
    panel.apply.click()
    assert not panel.told.value and "trained alone" not in panel.numbers.value
    panel.train.click()
    panel.thread.join(20)
    assert c.trainer.asked[2:] == [c.genotype] and "+2.00 dB" in panel.told.value
    panel.undo.click()
    assert "+1.00 dB" in panel.told.value, "what was trained is remembered"


@pytest.mark.parametrize(
    "db, words", [(2.0, "inside the band"), (0.5, "outside the band: the edited net is better")]
)
def test_the_noise_of_a_training_is_the_band(db, words):
    panel = training(noise=Noise(db, "from nowhere"))
    panel.train.click()
    panel.thread.join(20)
    assert words in panel.told.value and f"± {db:.2f} dB, from nowhere" in panel.told.value
    assert f"band from {-db:.2f} to {db:.2f} dB" in panel.told.value
    assert words in panel.controller._repr_html_()


def test_while_it_trains_the_reader_edits_on_and_can_stop():
    panel = training(steps=5)
    c = panel.controller
    panel.train.click()
    panel.train.click()  # twice before the button is grey
    assert panel.train.disabled and not panel.stop.disabled
    assert "this net and the found net" in said(panel)
    choose(panel, Place(0, 0, 1), "operation", "skip")
    panel.apply.click()
    assert c.edits == 2 and not panel.told.value
    panel.stop.click()
    c.trainer.go.release()
    panel.thread.join(20)
    assert said(panel) == "training stopped" and len(c.trainer.asked) <= 2
    assert panel.progress.value == 0 and not panel.train.disabled and c.trained(c.genotype) is None


def test_a_training_that_fails_costs_only_itself():
    panel = training()
    panel.controller.trainer = lambda genotype, tell: 1 / 0
    panel.train.click()
    panel.thread.join(20)
    assert said(panel) == "no training: ZeroDivisionError: division by zero"
    panel.undo.click()
    assert panel.controller.genotype is SMALL and not panel.train.disabled


def test_without_a_trainer_there_is_no_button():
    panel = surgery(SMALL, width=W)
    shown = panel.box.children[1].children[0].children
    assert panel.train not in [widget for row in shown for widget in getattr(row, "children", ())]


@pytest.mark.slow
def test_a_process_ends_while_it_trains():
    code = (
        "import random, sys, time; from hinas_lab.config import SearchSpace; "
        "from hinas_lab.analysis.net_trainer import NetTrainer; import hinas_lab as lab;"
        "from hinas_lab.space.genotype import sample;"
        "from hinas_lab.live.surgery_panel import surgery; s = lab.preset('study');"
        "p = surgery(sample(s.space, random.Random(0)), width=8, trainer=NetTrainer(s));"
        "p.train.click(); time.sleep(3)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_trained_net_is_a_matter_of_its_seed():
    from hinas_lab.analysis.net_trainer import NetTrainer

    tiny = preset("tiny")
    genotype, shares = sample(tiny.space, random.Random(0)), []
    first = NetTrainer(tiny, device="cpu")(genotype, shares.append)
    assert shares == [(i + 1) / tiny.train.iterations for i in range(tiny.train.iterations)]
    assert first == NetTrainer(tiny, device="cpu")(genotype, lambda share: None)
    assert first != NetTrainer(tiny.with_seed(1), device="cpu")(genotype, lambda share: None)

    def stop(share):
        raise Stopped

    with pytest.raises(Stopped):
        NetTrainer(tiny, device="cpu")(genotype, stop)
    with pytest.raises(ValueError, match="a net for sr: preset tiny trains for denoise"):
        NetTrainer(tiny)(sample(preset("tiny", "sr").space, random.Random(0)), stop)


def test_a_trained_net_has_the_weights_that_are_best_on_v(monkeypatch):
    from hinas_lab.analysis.net_trainer import NetTrainer
    from hinas_lab.training import training

    tiny = preset("tiny")
    kept = tiny._replace(train=replace(tiny.train, iterations=8, val_fraction=0.1))
    genotype = sample(tiny.space, random.Random(0))

    def psnr_if(scores):
        monkeypatch.setattr(training, "mean_scores", lambda *a: (next(scores), 0.5))
        return NetTrainer(kept, device="cpu")(genotype, lambda share: None)

    # V is scored behind the iterations 7 and 8
    assert psnr_if(iter((20.0, 10.0))) != psnr_if(iter((10.0, 20.0)))


def test_a_patch_is_restored_by_the_wiring_that_is_asked_for(tiny):
    from hinas_lab.analysis.supernet_scorer import shared_scorer

    judge = shared_scorer(tiny.search)
    one, other = (sample(judge.net.space, random.Random(seed)) for seed in (0, 1))
    clean, degraded, restored = judge.patch(one)
    assert clean.shape == degraded.shape == restored.shape and 0 <= restored.min()
    again = judge.patch(other)
    assert (again[:2] == (clean, degraded)).all() and (again[2] != restored).any()
    assert judge(one) == shared_scorer(tiny.search)(one), "the weights are as they were"


def test_the_panel_shows_the_patch_of_both_wirings():
    flat = {SMALL.hash: 0.5}

    def patch(genotype):
        return np.stack(
            [np.full((8, 8), v) for v in (0.5, 0.1, flat.get(genotype.hash, 0.4) - 0.1)]
        )

    panel = surgery(SMALL, width=W, patch=patch)
    assert "found wiring<br>20.00 dB" in panel.patch.value and "edited" not in panel.patch.value
    choose(panel, Place(0, 0, 0), "operation", "skip")
    panel.apply.click()
    assert "edited wiring<br>13.98 dB" in panel.patch.value
    assert panel.patch.value in panel.controller._repr_html_()


# ---------------------------------------------------------------- without this and that


def test_without_graphviz_the_panel_shows_the_dot_text(monkeypatch):
    monkeypatch.setattr(render.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    render._agraph.cache_clear()
    panel = surgery(SMALL, width=W)
    assert "a drawing needs Graphviz: pip install" in panel.picture.value
    choose(panel, Place(0, 0, 0), "operation", "skip")
    panel.apply.click()
    assert "digraph" in panel.picture.value and "-920" in panel.controller._repr_html_()


def test_surgery_reads_files_and_runs(tiny, tmp_path):
    known = Genotype.from_json((tiny.search / "genotype.json").read_text())
    for what in (tiny.search, str(tiny.search / "genotype.json"), tiny.train):
        assert surgery(what, width=2).controller.original == known
    (tmp_path / "bad.json").write_text('{"schema": 9}')
    (tmp_path / "empty").mkdir()
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    for what, why in (
        ("gone", "no such file"),
        ("bad.json", "schema is not 1"),
        ("empty", "not a run folder"),
        ("bytes.json", "bytes.json: "),
    ):
        with pytest.raises(ValueError, match=why) as error:
            surgery(tmp_path / what, width=2)
        assert "\n" not in str(error.value)


def test_surgery_never_loads_torch():
    code = (
        "import sys, random; from hinas_lab.config import SearchSpace; "
        "from hinas_lab.space.genotype import sample;"
        "from hinas_lab.live.surgery_panel import surgery; "
        "p = surgery(sample(SearchSpace(), random.Random(0)), width=10);"
        "p.apply.click(); print([m for m in ('torch', 'pandas', 'matplotlib.pyplot') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
