"""Measured milliseconds: pieces of a space, the fit to whole nets, the table's error, its file, and
what it refuses."""

import itertools
import json
import random
import shlex
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import hinas, refused
from scipy import stats

from hinas_lab.analysis import latency
from hinas_lab.analysis.latency import Subject, Subjects, fitted, measure, with_error
from hinas_lab.presets import preset
from hinas_lab.runs.header import load_genotype
from hinas_lab.space import budget
from hinas_lab.space.budget import all_parts
from hinas_lab.space.cost import Part, macs, parts
from hinas_lab.space.genotype import sample
from hinas_lab.space.latency_table import LatencyTable, TableShape, this_machine
from hinas_lab.space.network import Network

TINY = preset("tiny")
NET = TableShape.of(TINY.space, TINY.train).net
FIXED, SLOWER, MOVED = 7.0, 1.5, 0.01
"""of the made-up machine: what every net costs beside its pieces, a piece in a net : alone, and
what it costs more for each channel that it reads or writes"""


def made_up(part: Part) -> float:
    """Milliseconds of a piece alone, on a machine where MACs decide nothing."""
    return 1 + random.Random(str(part)).random()


def in_a_net(part: Part) -> float:
    """The same inside a net."""
    return SLOWER * made_up(part) + MOVED * (part.source + part.target)


def exact(subject: Subject) -> float:
    """A timer of that machine."""
    if isinstance(subject.what, Part):
        return subject.share * made_up(subject.what)
    return FIXED + sum(map(in_a_net, parts(subject.what, **NET)))


@pytest.fixture(scope="module")
def measured():
    return measure(TINY, rounds=2, timer=exact)


def nets(n: int, space=TINY.space, seed: int = 77):
    return [sample(space, random.Random(seed + i)) for i in range(n)]


@pytest.fixture
def small_pictures(monkeypatch):
    monkeypatch.setattr(latency, "HEIGHT", 9)
    monkeypatch.setattr(latency, "WIDTH", 12)


# Measuring and fitting


def test_exact_costs_are_recovered(measured):
    table = measured.table
    for part, ms in table.pieces.items():
        assert ms == pytest.approx(in_a_net(part))
    assert table.fixed == pytest.approx(FIXED)
    assert table.rho == pytest.approx(1) and table.median_error == pytest.approx(0, abs=1e-6)
    for g in nets(20):
        assert table.predict(g, **NET) == pytest.approx(exact(Subject(g, None)))


def test_error_is_of_nets_that_the_fit_did_not_see(measured):
    fit_to = latency.random_genotypes(TINY.space, latency.FITTED, seed=0)
    assert len(measured.checked) == 20 and not set(measured.checked) & set(fit_to)
    cost = [macs(g, image_height=320, image_width=480, **NET) for g in measured.checked]
    ms = list(measured.checked.values())
    assert measured.macs_rho == pytest.approx(stats.spearmanr(cost, ms).statistic)


def test_rho_and_median_error(measured):
    rng = random.Random(3)
    whole = {g: exact(Subject(g, None)) * rng.uniform(0.8, 1.2) for g in nets(21)}
    table = with_error(measured.table, whole)
    predicted = [table.predict(g, **NET) for g in whole]
    rho = stats.spearmanr(predicted, list(whole.values())).statistic
    assert rho < 0.99 and table.rho == pytest.approx(rho)
    errors = sorted(100 * abs(p / ms - 1) for p, ms in zip(predicted, whole.values()))
    assert table.median_error == pytest.approx(errors[10]) and errors[10] > 1


def test_nets_that_cost_the_same_have_no_rho(measured):
    assert np.isnan(with_error(measured.table, dict.fromkeys(nets(5), 3.0)).rho)


def test_no_piece_gets_faster_than_nothing(measured):
    """Also where whole nets cost less the more their pieces do."""
    alone = replace(measured.table, fixed=0.0)
    whole = {g: 100 - alone.predict(g, **NET) for g in nets(20)}
    table = fitted(alone, whole)
    assert table.fixed > 0 and min(table.pieces.values()) >= 0


@pytest.mark.parametrize("end", ["conv", "aspp", "authors"])
@pytest.mark.parametrize("task", ["denoise", "sr"])
def test_every_piece_of_every_net_is_timed_as_it_runs(end, task, small_pictures):
    """All parts of random nets, and none that no net has; each runs, without gradients."""
    small = preset("tiny", task)
    small = small._replace(train=replace(small.train, end=end))
    subjects = Subjects(small)
    pieces = {subject.what: subject for subject in subjects.pieces()}
    found = set()
    for g in nets(150, small.space):
        found |= set(parts(g, **subjects.shape.net))
    assert {part for part in found if part.kind != "low unused"} == set(pieces)
    for part, subject in pieces.items():
        out = subject.call()
        out = out[-1] if part.kind == "start" else out
        # an operation is timed as a cell, whose nodes are joined
        join = small.space.nodes if subject.share > 1 else 1
        # pixel shuffle made S x S pixels of the end part's channels
        area = small.space.scale**2 if part.kind == "end" else 1
        assert out.shape[1] * area == part.target * join and out.is_inference()


def test_nets_are_timed_as_restore_runs_them(small_pictures):
    """Folded, and equal to the net itself."""
    for subject in Subjects(TINY).nets(3):
        net = Network(subject.what, **NET).eval()
        torch.manual_seed(0)
        picture = torch.rand(1, 1, 9, 12)
        module, inputs = (cell.cell_contents for cell in subject.call.__closure__[::-1])
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in module.modules())
        with torch.no_grad():
            assert torch.allclose(module(picture), net(picture), atol=1e-6)
        assert inputs[0].shape == picture.shape and subject.call().is_inference()


def test_a_round_times_everything_once():
    subjects = [Subject(name, None) for name in "abc"]
    seen = []

    def timer(subject):
        seen.append(subject.what)
        return float(len(seen))

    ms = latency.timed(subjects, 3, timer, iter)
    assert "".join(seen) == "abccbaabc"
    assert ms == {"a": 3.5, "b": 3.5, "c": 3.5}, "the lower quartile of 1 6 7, of 2 5 8, of 3 4 9"


def test_one_thread_is_timed_by_its_own_clock(monkeypatch):
    """A clock that goes a second at each look, beside the wall's."""
    look = itertools.count()
    monkeypatch.setattr(latency.time, "thread_time", lambda: float(next(look)))
    subject = Subject("nothing", lambda: None)
    assert latency.stopwatch(this_machine())(subject) == 1000
    torch.set_num_threads(2)
    assert 0 < latency.stopwatch(this_machine())(subject) < 1


def test_a_space_with_too_few_nets_is_refused():
    poor = TINY._replace(
        space=replace(TINY.space, layers=1, nodes=1, width_factors=(1.0,), ops=("skip", "conv_3x3"))
    )
    with pytest.raises(ValueError, match="holds only 4 nets, and a latency table needs 40"):
        measure(poor, timer=exact)


# The file


def test_round_trip(measured, tmp_path):
    path = tmp_path / "table.json"
    measured.table.save(path)
    assert LatencyTable.load(path) == measured.table
    assert json.loads(path.read_text())["machine"]["torch"] == measured.table.machine.torch
    # nan is not in JSON
    replace(measured.table, rho=float("nan")).save(path)
    assert np.isnan(LatencyTable.load(path).rho)


def damaged(values: dict, **changes) -> str:
    return json.dumps(values | changes)


@pytest.mark.parametrize(
    "damage",
    [
        lambda v: "",
        lambda v: json.dumps(v)[:-9],
        lambda v: "[]",
        lambda v: damaged(v, format=2),
        lambda v: damaged(v, pieces=3),
        lambda v: damaged(v, pieces=[["start", 1, 4]]),
        lambda v: damaged(v, pieces=[["start", 1, 4, -1.0]]),
        lambda v: damaged(v, pieces=[["start", 1, 4, "1"]]),
        lambda v: damaged(v, pieces=[[["start"], 1, 4, 1.0]]),
        lambda v: damaged(v, fixed=None),
        lambda v: damaged(v, rho="good"),
        lambda v: damaged(v, machine={"name": "mine"}),
        lambda v: damaged(v, machine=None),
        lambda v: damaged(v, shape={}),
        lambda v: damaged(v, preset=3),
        lambda v: damaged(v, more=1),
        lambda v: json.dumps({k: x for k, x in v.items() if k != "date"}),
    ],
)
def test_a_damaged_file_is_one_line(measured, tmp_path, damage):
    path = tmp_path / "table.json"
    measured.table.save(path)
    path.write_text(damage(json.loads(path.read_text())))
    with pytest.raises(ValueError, match="table.json: damaged") as error:
        LatencyTable.load(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(ValueError, match="no such latency table; make it: hinas-lab latency"):
        LatencyTable.load(tmp_path / "table.json")


# What a table refuses


def test_this_machine_is_taken(measured):
    assert measured.table.machine == this_machine()
    measured.table.check_machine()


@pytest.mark.parametrize(
    ("field", "there"), [("name", "Abacus 3"), ("torch", "0.4.1"), ("threads", 64)]
)
def test_another_machine_is_refused_by_name(measured, field, there):
    here = measured.table.machine
    table = replace(measured.table, machine=replace(here, **{field: there}))
    with pytest.raises(ValueError, match="hinas-lab latency --preset tiny") as error:
        table.check_machine()
    line = str(error.value)
    assert str(here) in line and str(table.machine) in line and str(there) in line
    assert "\n" not in line
    table = replace(table, shape=replace(table.shape, scale=4))
    with pytest.raises(ValueError, match="latency --preset tiny --task sr --scale 4$"):
        table.check_machine()


@pytest.mark.parametrize("rho", [0.85, -1.0, float("nan")])
def test_below_a_rho_of_nine_tenths_no_milliseconds_are_promised(measured, rho):
    with pytest.raises(ValueError, match=f"promises no milliseconds, .* rho {rho:.2f}.*idle"):
        replace(measured.table, rho=rho).check_machine()


def test_a_net_of_another_shape_is_refused(measured):
    table, g = measured.table, nets(1)[0]
    with pytest.raises(ValueError, match="width = 4, not 8"):
        table.predict(g, **NET | {"width": 8})
    with pytest.raises(ValueError, match="end = 'conv', not 'aspp'"):
        table.predict(g, **NET | {"end": "aspp"})
    with pytest.raises(ValueError, match="scale = 1, not 4"):
        table.predict(nets(1, preset("tiny", "sr").space)[0], **NET)
    with pytest.raises(ValueError, match="holds no conv_3x3 from 5 to 5 channels; measure"):
        table.part_cost(Part("conv_3x3", 5, 5))


# The command


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(latency, "stopwatch", lambda machine: exact)


def test_command(fake, tmp_path):
    out = tmp_path / "table.json"
    code, text, err = hinas("latency", "--preset", "tiny", "--rounds", 1, "--out", out)
    assert (code, err) == (0, "")
    assert max(map(len, text.replace(str(out), "").splitlines())) <= 80
    table = LatencyTable.load(out)
    assert str(table.machine) in text and f"wrote {out}" in text
    assert "rho 1.00, median error 0.0 %" in text and "  MACs   rho " in text
    ms = in_a_net(Part("dil_5x5", 8, 8))
    row = next(line for line in text.splitlines() if line.startswith("dil_5x5"))
    assert f"{ms:.2f}" in row and row.endswith("4.0 x")
    assert "has 4.0 times the MACs" in text
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


def test_default_place(fake):
    text = hinas("latency", "--preset", "tiny", "--rounds", 1).out
    path = text.rpartition("wrote ")[2].partition("\n")[0]
    assert "hinas-data" in path and path.endswith("cpu-1-threads-tiny-denoise-x1.json")
    LatencyTable.load(path).check_machine()


def test_a_bad_fit_writes_nothing(monkeypatch, tmp_path):
    noise = random.Random(0)
    monkeypatch.setattr(latency, "stopwatch", lambda machine: lambda subject: noise.uniform(1, 2))
    out = tmp_path / "table.json"
    out.write_text("an older one")
    code, text, err = hinas("latency", "--preset", "tiny", "--rounds", 1, "--out", out)
    assert code == 1 and "promises no milliseconds" in err and len(err.splitlines()) == 1
    assert "table  rho" in text and out.read_text() == "an older one"


def test_an_interrupt_writes_nothing(monkeypatch, tmp_path):
    def interrupt(subject):
        raise KeyboardInterrupt

    monkeypatch.setattr(latency, "stopwatch", lambda machine: interrupt)
    code, _, err = hinas("latency", "--preset", "tiny", "--out", tmp_path / "table.json")
    assert code == 130 and "nothing was written" in err and not list(tmp_path.iterdir())


def test_command_refuses(fake, tmp_path):
    refused(hinas("latency", "--preset", "huge"), "preset = 'huge'")
    refused(hinas("latency", "--preset", "tiny", "--rounds", 0), "rounds = 0")
    refused(hinas("latency", "--preset", "tiny", "--out", tmp_path / "no/t.json"), "does not exist")
    refused(hinas("latency", "--preset", "tiny", "--out", tmp_path), "is a folder")


# A search under a budget by such a table


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_search_takes_the_table_that_the_command_writes(fake, two_threads, tmp_path):
    """By the line that it ends with. Threads are those that both are told, whatever the process
    began with."""
    out = tmp_path / "a table.json"
    told = hinas("latency", "--preset", "tiny", "--threads", 1, "--rounds", 1, "--out", out)
    torch.set_num_threads(2)
    _, *command = shlex.split(told.out.rpartition("next: ")[2])
    command[-1] = tmp_path / "s"
    code, text, err = hinas(*command, "--device", "cpu", "--set", "search.epochs=1")
    assert code == 0, err
    net, budget = load_genotype(tmp_path / "s"), command[command.index("--budget") + 1]
    ms = LatencyTable.load(out).predict(net, **NET)
    assert f"it costs {ms:.4g}ms, its budget is {float(budget[:-2]):.4g}ms" in text


@pytest.mark.parametrize("task", ["denoise", "sr"])
@pytest.mark.parametrize("name", ["tiny", "authors"])
def test_a_budget_asks_for_no_piece_that_was_not_measured(name, task, monkeypatch):
    """For the pieces that nets of the space have, and no others."""
    chosen = preset(name, task)
    monkeypatch.setattr(Subjects, "_piece", lambda self, part, module: Subject(part, None))
    measured = {subject.what for subject in Subjects(chosen).pieces()}
    shape = TableShape.of(chosen.space, chosen.train)
    asked = set(all_parts(chosen.space, budget.Shape(**shape.net)))
    assert {part for part in asked if part.kind != "low unused"} == measured


def test_a_budget_refuses_a_table_of_other_nets(measured, tmp_path):
    """Their pieces can have the same channels: no name tells them apart."""
    measured.table.save(tmp_path / "table.json")
    other = TINY._replace(train=replace(TINY.train, repeats=1))
    with pytest.raises(ValueError, match="for nets with repeats = 2, not 1"):
        other.with_budget("60ms", tmp_path / "table.json")
