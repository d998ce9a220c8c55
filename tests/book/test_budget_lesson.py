"""Notebook 12: expected costs, drawn nets, what a budget moves, nets at equal cost, and its
questions."""

import json
from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from torch import nn

from hinas_book.ch12_budget import equal_cost, exercises, pieces
from hinas_book.ch12_budget.distribution import (
    drawn_costs,
    expected_cost,
    limit_of,
    probable_text,
)
from hinas_book.ch12_budget.equal_cost import equal_cost_text, field_of
from hinas_book.ch12_budget.figures import (
    falling_limit,
    figure_equal_cost,
    figure_pieces,
    figure_search_under,
    figures_sharpened,
)
from hinas_book.ch12_budget.moved import layers_of_width, moved_text, operations_expected
from hinas_book.ch12_budget.price_toy import next_price
from hinas_book.kit.missing import MissingRecord
from hinas_book.kit.recorded import recorded, recorded_run
from hinas_book.lessons.questions import variant
from hinas_lab.analysis.equal_cost import cost_matched
from hinas_lab.live.recordings import read_recording
from hinas_lab.presets import preset
from hinas_lab.records import kept_logits
from hinas_lab.searching import price
from hinas_lab.space.budget import Limit
from hinas_lab.space.cost import macs
from hinas_lab.space.decode import decode
from hinas_lab.space.expected_cost import SHARPNESS, ExpectedCost
from hinas_lab.space.latency_table import LatencyTable, TableShape, this_machine

FREE = read_recording(recorded_run("study-seed-1"))
UNDER = read_recording(recorded_run("study-budget"))
LIMIT = Limit(UNDER.space, UNDER.search)
TINY = preset("tiny")


def test_the_two_recorded_searches_differ_in_the_budget_alone():
    without = {name: None for name in vars(UNDER.search) if name.startswith("budget")}
    without["budget_rate"] = FREE.search.budget_rate
    assert UNDER.space == FREE.space and FREE.search.budget is None
    assert replace(UNDER.search, **without) == FREE.search
    assert limit_of(FREE, UNDER.search.budget).costs.extremes() == LIMIT.costs.extremes()


def test_the_recorded_search_shows_what_the_text_says():
    """It keeps its budget, the price rises late, and narrow layers are what differs most."""
    columns, size = UNDER.records, LIMIT.budget.amount
    assert LIMIT.keeps(LIMIT.costs(UNDER.genotype)) and not LIMIT.keeps(LIMIT.costs(FREE.genotype))
    assert (columns["epoch/decoded_cost"] <= size).all()
    mu, warm = columns["epoch/mu"], UNDER.search.warmup_epochs
    assert (mu[: warm + 1] == 0).all() and mu[-1] == mu.max() > 0
    first, last = (layers_of_width(r, LIMIT)[:, -1] for r in (UNDER, FREE))
    assert first[0] - last[0] > 1.5
    ours, theirs = (operations_expected(r, LIMIT) for r in (UNDER, FREE))
    for name in LIMIT.space.choices:
        assert abs(ours[name][-1] - theirs[name][-1]) < 1
    # lost in both searches: no work of the budget
    assert theirs["dil_5x5"][-1] < theirs["dil_5x5"][0] / 2
    assert "none of the 4096 likeliest is within" in probable_text(FREE, LIMIT)
    assert "rank 10, 1.17" in probable_text(UNDER, LIMIT, 2).splitlines()[-1]


@pytest.mark.parametrize("sharpness", [1, SHARPNESS, 30])
def test_drawn_nets_cost_what_is_expected(sharpness):
    alpha, beta = kept_logits(FREE.records)
    drawn = drawn_costs(LIMIT.costs, alpha, beta, sharpness, 2000)
    mean = expected_cost(LIMIT.costs, alpha, beta, sharpness)
    assert abs(drawn.mean() - mean) < 4 * drawn.std() / len(drawn) ** 0.5


def test_a_high_power_expects_the_decoded_net():
    alpha, beta = kept_logits(FREE.records)
    decoded = LIMIT.costs(decode(FREE.space, alpha, beta))
    assert expected_cost(LIMIT.costs, alpha, beta, 500) == pytest.approx(decoded, rel=0.01)
    assert drawn_costs(LIMIT.costs, alpha, beta, 50_000, 20) == pytest.approx(decoded)


def test_expected_pieces_add_up():
    """To two edges a node and one width a layer, and with their costs to the expected cost."""
    shares = operations_expected(UNDER, LIMIT)
    assert sum(shares.values()) == pytest.approx(2 * 2 * 2)
    assert layers_of_width(UNDER, LIMIT).sum(0) == pytest.approx(2)


def test_the_falling_limit_begins_at_what_is_expected_and_ends_at_the_budget():
    aims, warm = falling_limit(UNDER, LIMIT), UNDER.search.warmup_epochs
    assert np.isnan(aims[:warm]).all() and aims[-1] == pytest.approx(LIMIT.budget.amount)
    assert aims[warm] == pytest.approx(UNDER.records["epoch/expected_cost"][warm])
    assert (np.diff(aims[warm:]) <= 0).all()


def test_figures_and_words_of_a_search_alone_and_beside_a_free_one():
    assert len(figure_search_under({"under": UNDER}, LIMIT).subfigs) == 2
    both = {"under": UNDER, "free": FREE}
    assert [len(part.axes) for part in figure_search_under(both, LIMIT).subfigs] == [3, 2]
    lines = moved_text(LIMIT, both).splitlines()
    assert lines[0].split()[-2:] == ["under", "free"] and lines[1].startswith("edges with dil_5x5")
    assert list(figures_sharpened(FREE, LIMIT, (1, SHARPNESS))) == ["1", "6"]


# ---------------------------------------------------------------- pieces


def test_macs_of_pieces_are_the_nets():
    costs = pieces.macs_of(TINY)
    net = decode(TINY.space, np.zeros(TINY.space.alpha_shape), np.zeros(len(TINY.space.moves)))
    assert costs(net) == macs(net, TINY.train.width, 320, 480, stem=TINY.train.stem)


def test_without_a_table_the_command_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("HINAS_DATA", str(tmp_path))
    text = pieces.pieces_text(TINY)
    assert "hinas-lab latency --preset tiny" in text.splitlines()[-1]
    assert "dil_5x5" in text and len(figure_pieces(TINY).axes) == 2


def test_with_a_table_it_is_said_where_macs_and_milliseconds_part(monkeypatch, tmp_path):
    monkeypatch.setenv("HINAS_DATA", str(tmp_path))
    asked = {}
    pieces.Costs(
        TINY.space, pieces.Shape.trained(TINY.train), lambda part: asked.setdefault(part, 0.5)
    )
    table = LatencyTable(
        pieces=asked,
        fixed=1.0,
        machine=this_machine(),
        shape=TableShape.of(TINY.space, TINY.train),
        preset="tiny",
        date="2026-01-01",
        rho=0.95,
        median_error=2.0,
    )
    path = pieces.table_path(TINY)
    path.parent.mkdir(parents=True)
    table.save(path)
    text = pieces.pieces_text(TINY)
    assert "conv_3x3, 4 to 8 channels: 4.0 times the MACs, 1.0 times the milliseconds" in text
    assert len(figure_pieces(TINY).axes) == 3
    # a table of another machine is refused by name
    replace(table, machine=replace(table.machine, name="another")).save(path)
    last = pieces.pieces_text(TINY).splitlines()[-1]
    assert "another" in last and "hinas-lab latency" in last


# ---------------------------------------------------------------- at equal cost


def test_the_recorded_study_is_read_as_the_laboratory_would():
    field = field_of(recorded("search"))
    assert len(field.random.costs) == 30 and len(field.arms["searched"].costs) == 8
    assert field.contrasts["searched"] == cost_matched(field.arms["searched"], field.random)
    text = equal_cost_text(recorded("search"), "1.5GMAC")
    assert "random, search's supernet" in text and "study search" in text
    assert "a search took 61 s, a training 20 s" in text
    assert len(figure_equal_cost(recorded("search"), "1.5GMAC").axes) == 2


def rows_of_worth(ahead: float) -> list[dict]:
    """Rows as study ``worth`` writes them: two tasks, two trainings a net."""
    rng, rows = np.random.default_rng(0), []
    for task in ("denoise", "sr"):
        for number in range(12):
            cost = (1 + 0.2 * number) * 1e9
            both = {"task": task, "macs": cost}
            for training in (10_100, 10_101):
                psnr = 26 + 0.1 * np.log2(cost) + rng.normal(0, 0.01)
                told = both | {"training": training}
                rows.append(told | {"arm": "random", "seed": 100, "number": number, "psnr": psnr})
                ours = psnr + (ahead if task == "denoise" else -ahead)
                rows.append(told | {"arm": "hinas", "seed": 100 + number, "psnr": ours})
    return rows


def test_the_study_that_comes_is_read_by_task():
    record = {"study": "worth", "presets": ["study"], "data": "builtin", "rows": rows_of_worth(0.1)}
    field = field_of(record)
    assert len(field.random.costs) == len(field.arms["hinas"].costs) == 12
    assert field.contrasts["hinas"].mean == pytest.approx(0.1)
    assert "better" in equal_cost_text(record, "1.5GMAC").splitlines()[-1]
    assert "worse" in equal_cost_text(record, "1.5GMAC", "sr").splitlines()[-1]
    record["price"] = {"denoise": {"spent": {"hinas": [60.0, 62.0]}}}
    assert "hinas 61 s" in equal_cost_text(record, "1.5GMAC").splitlines()[-1]


def test_worth_is_taken_as_soon_as_it_is_there(monkeypatch):
    assert equal_cost.best_record()["study"] in equal_cost.RECORDS
    for there, taken in ((["search", "worth"], "worth"), (["search"], "search"), ([], "worth")):
        monkeypatch.setattr(equal_cost, "names", lambda there=there: there)
        monkeypatch.setattr(equal_cost, "load_record", lambda name: name)
        assert equal_cost.best_record() == taken
    line = MissingRecord("make it")
    assert equal_cost_text(line, "1GMAC") is line and figure_equal_cost(line, "1GMAC") is line


# ---------------------------------------------------------------- the price and the questions


class Given(nn.Module):
    """A supernet's alpha and beta, and nothing else."""

    def __init__(self, alpha, beta):
        super().__init__()
        self.alpha, self.beta = nn.Parameter(alpha), nn.Parameter(beta)


def test_the_toys_price_is_the_searchs():
    search = replace(LIMIT_CONFIG, budget_rate=40.0)
    found = price.Price(Limit(TINY.space, search), search, steps=100)
    # far behind its descent, the limit is the budget
    found.load(torch.tensor([0.2, 90.0, 0.3]))
    net = Given(torch.zeros(TINY.space.alpha_shape), torch.zeros(len(TINY.space.moves)))
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    cost = found.of(net)
    found.add(net, list(net.parameters()), loss=1.0)
    asked = next_price(0.2, cost, found.limit.budget.amount, 40.0 / 100)
    assert found.mu == pytest.approx(asked) and asked != 0.2
    assert next_price(0.1, 1.0, 10.0, 1.0) == 0


LIMIT_CONFIG = TINY.with_budget("500MMAC").search
NAMES = ("Ada", "Emmy", "Kurt", "Sofia")


def numbers_of(values: dict, row: str) -> list[float]:
    """Of a line of the question's table."""
    (line,) = [line for line in values["rows"].splitlines() if line.strip().startswith(row)]
    return [float(word) for word in line.replace(row, "", 1).split()]


@pytest.mark.parametrize("name", NAMES)
def test_a_node_by_hand(name):
    _, values, answer, _ = variant("12.a", name)
    costs = numbers_of(values, "cost")
    by_hand = sum(np.dot(numbers_of(values, f"p, edge {n}"), costs) for n in (1, 2))
    assert answer == pytest.approx(by_hand)
    # and as a search expects it
    space = exercises.ONE_CELL
    alpha = np.log([[numbers_of(values, f"p, edge {n}") for n in (1, 2)]])
    prices = dict(zip(space.ops, costs))
    shape = pieces.Shape.trained(TINY.train)
    package = ExpectedCost(pieces.Costs(space, shape, lambda part: prices.get(part.kind, 0.0)), 1)
    assert answer == pytest.approx(package(torch.tensor(alpha), torch.zeros(1)).item())


@pytest.mark.parametrize("name", NAMES)
def test_the_dearest_net_by_hand(name):
    _, values, answer, _ = variant("12.b", name)
    conv, sep, end = (numbers_of(values, row) for row in ("conv_3x3", "sep_3x3", "end"))
    dear = [max(pair) for pair in zip(conv, sep)]
    path = [1, 2, 2][: values["layers"]]
    assert answer == 2 * sum(dear[i] for i in path) + end[path[-1]]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_that_fits_and_a_step_of_the_price(name):
    _, values, answer, _ = variant("12.c", name)
    fits = [cost <= values["budget"] for cost in numbers_of(values, "MMAC")]
    assert answer == 1 + fits.index(True) and not fits[0]
    _, values, answer, _ = variant("12.d", name)
    asked = values["mu"] + values["rate"] * log(values["cost"] / values["budget"])
    assert answer == pytest.approx(max(0, asked))


def test_the_notebooks_cells_are_short():
    """What a projector shows."""
    path = recorded_run("study-budget").parents[2] / "notebooks" / "12_a_net_under_a_budget.ipynb"
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert max(map(len, "".join(cell["source"]).splitlines())) <= 100
