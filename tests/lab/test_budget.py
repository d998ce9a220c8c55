"""A search under a budget: what pieces cost, the expectation and its gradient, the k most probable
genotypes, the price, and what a user is told."""

import io
import math
import random
from dataclasses import replace
from functools import cache
from itertools import combinations, islice, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import hinas_lab as lab
from hinas_lab.cli.main import main
from hinas_lab.config import ENDS, SearchConfig, SearchSpace, TrainConfig, to_dict
from hinas_lab.images.patches import Patches
from hinas_lab.live import facts
from hinas_lab.live.film import film_of
from hinas_lab.live.panel import fields_of
from hinas_lab.live.recordings import read_recording
from hinas_lab.presets import preset
from hinas_lab.records import Epoch, Records, read_records
from hinas_lab.searching.loop import Search, search
from hinas_lab.searching.methods import Method
from hinas_lab.searching.price import DAMPING, Price
from hinas_lab.space import budget as budget_module
from hinas_lab.space import cost, latency_table
from hinas_lab.space.budget import Budget, Limit, Shape, all_parts, with_budget
from hinas_lab.space.decode import (
    best_sums,
    decode,
    encode,
    k_best_genotypes,
    normalise_beta,
    softmax,
)
from hinas_lab.space.expected_cost import ExpectedCost
from hinas_lab.space.genotype import legal_paths, make, sample

TINY = preset("tiny")
OPS = ("conv_3x3", "none", "skip")
ONE_OP = ("none", "conv_3x3")
SMALL = SearchSpace(layers=2, nodes=1, width=2, stem=4, ops=OPS)
SPACES = {  # few genotypes each, so that all can be listed
    "two layers": SMALL,
    "two nodes": replace(SMALL, layers=1, nodes=2),
    "three layers": replace(SMALL, layers=3, ops=("conv_3x3", "skip"), width_factors=(1.0, 2.0)),
    "incoming": replace(SMALL, layers=3, beta_norm="incoming", ops=ONE_OP),
    "one alpha": replace(SMALL, nodes=2, lwas=False),
    "a fixed path": replace(SMALL, fixed_path=(0, 1)),
}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def limit_of(space=SMALL, text="1GMAC", **train) -> Limit:
    """A limit that any net may be asked about: the reach of the budget is not what is tested."""
    shape = TrainConfig(**{"width": 4, "stem": 8} | train)
    config = with_budget(space, SearchConfig(), shape, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Limit, "_within_reach", lambda self, text: None)
        return Limit(space, config)


def logits(space, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    alpha = rng.normal(size=space.alpha_shape)
    return scale * alpha, scale * rng.normal(size=len(space.moves))


def expected(limit, alpha, beta, **sharp) -> float:
    return ExpectedCost(limit.costs, **sharp)(torch.tensor(alpha), torch.tensor(beta)).item()


@cache
def every_genotype(space):
    """All genotypes with their weights under ``logits(space)``, from the definition alone."""
    alpha, beta = logits(space)
    moves = {tuple(m): w for m, w in zip(space.moves, normalise_beta(space, beta))}
    p = softmax(alpha)
    layers = p if space.lwas else p[None]

    def cells(layer):
        """Every cell with the product of what its kept edges have."""
        nodes = []
        for node in range(space.nodes):
            into = [(e, j) for e, (j, target) in enumerate(space.edges) if target == node]
            options = []
            for (e, j), (f, i) in combinations(into, 2):
                for a, b in product(space.choices, repeat=2):
                    weight = layer[e, space.ops.index(a)] * layer[f, space.ops.index(b)]
                    options.append((weight, ((a, j), (b, i))))
            nodes.append(options)
        return [(math.prod(w for w, _ in c), tuple(n for _, n in c)) for c in product(*nodes)]

    found = []
    for path in legal_paths(space):
        steps = zip(range(space.layers), (0, *path), path)
        along = math.prod(moves[step] for step in steps)
        for chosen in product(*map(cells, layers)):
            built = [cell for _, cell in chosen] * (1 if space.lwas else space.layers)
            weight = along * math.prod(w for w, _ in chosen)
            found.append((weight, make(space, tuple(built), path)))
    return found


# ---- words


@pytest.mark.parametrize(
    ("text", "amount", "counted"),
    [
        ("1.5GMAC", 1.5e9, "MACs"),
        ("800MMAC", 8e8, "MACs"),
        ("0.2M", 2e5, "parameters"),
        (" 30 k ", 3e4, "parameters"),
        (".5ms", 0.5, "milliseconds"),
    ],
)
def test_a_budget_in_words(text, amount, counted):
    budget = Budget.parse(text)
    assert budget.amount == pytest.approx(amount) and budget.unit.counted == counted
    assert Budget.parse(str(budget)) == budget


WRONG = ["", "1.5", "GMAC", "nanGMAC", "infms", "-1GMAC", "0M", "1.5.2M", "2 weeks", "1gmac"]


@pytest.mark.parametrize("text", [*WRONG, "1ms parameters", "1parameters"])
def test_what_is_no_budget(text):
    with pytest.raises(ValueError, match=r"^budget = .*units are GMAC \(MACs\).*ms \(mill") as told:
        Budget.parse(text)
    assert "\n" not in str(told.value)


# ---- what pieces cost


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("task", ["denoise", "sr"])
def test_a_nets_cost_is_the_arithmetic_of_cost(end, task):
    """MACs of 320 x 480 pixels and parameters, and no net is outside the cheapest and dearest."""
    space = SearchSpace(task=task, scale=4 if task == "sr" else 1, layers=3, nodes=3, width=4)
    shape = {"stem": 8, "end": end, "repeats": 2}
    macs, weights = (limit_of(space, text, end=end) for text in ("1GMAC", "1M"))
    rng = random.Random(0)
    for _ in range(6):
        g = sample(space, rng)
        assert macs.costs(g) == cost.macs(g, 4, 320, 480, **shape)
        assert weights.costs(g) == cost.parameters(g, 4, **shape)
        for limit in (macs, weights):
            least, most = limit.costs.extremes()
            assert least <= limit.costs(g) <= most


@every_space
@pytest.mark.parametrize("end", ["conv", "authors"])
def test_cheapest_and_dearest_are_nets_of_the_space(space, end):
    limit = limit_of(space, end=end)
    costs = [limit.costs(g) for _, g in every_genotype(space)]
    assert limit.costs.extremes() == pytest.approx((min(costs), max(costs)), rel=1e-12)


# ---- the expectation


@every_space
@pytest.mark.parametrize("end", ["conv", "authors"])
@pytest.mark.parametrize("sharpness", [1.0, 3.0])
def test_the_expectation_is_the_sum_over_all_genotypes(space, end, sharpness):
    limit, (alpha, beta) = limit_of(space, end=end), logits(space)
    found = every_genotype(space)
    p = np.array([weight for weight, _ in found]) ** sharpness
    costs = np.array([limit.costs(g) for _, g in found])
    exact = (p * costs).sum() / p.sum()
    assert expected(limit, alpha, beta, sharpness=sharpness) == pytest.approx(exact, rel=1e-12)


def test_the_expectation_is_the_mean_of_drawn_nets():
    """The same by drawing, in a space that is too large to be listed."""
    space = SearchSpace(layers=3, nodes=3, width=2, stem=4)
    limit, (alpha, beta) = limit_of(space), logits(space)
    rng, p, moves = np.random.default_rng(0), softmax(alpha), normalise_beta(space, beta)
    kept = [k for k, name in enumerate(space.ops) if name != "none"]
    drawn = []
    for _ in range(600):
        path, at = [], 0
        for l in range(space.layers):
            ways = [m for m, move in enumerate(space.moves) if (move.layer, move.source) == (l, at)]
            at = space.moves[rng.choice(ways, p=moves[ways])].target
            path.append(at)
        total = limit.costs.of_path(path)
        for l, node in product(range(space.layers), range(space.nodes)):
            pairs = list(combinations([e for e, (_, n) in enumerate(space.edges) if n == node], 2))
            s = p[l][:, kept].sum(-1)
            weights = np.array([s[e] * s[f] for e, f in pairs])
            for e in pairs[rng.choice(len(pairs), p=weights / weights.sum())]:
                k = kept[rng.choice(len(kept), p=p[l, e, kept] / s[e])]
                total += limit.costs.operations[path[l], k]
        drawn.append(total)
    error = np.std(drawn) / len(drawn) ** 0.5
    assert abs(expected(limit, alpha, beta, sharpness=1.0) - np.mean(drawn)) < 4 * error


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("fixed", [None, (0, 1, 2)])
def test_sharp_alpha_and_beta_cost_what_they_decode_to(end, fixed):
    space = SearchSpace(layers=3, nodes=4, width=4, fixed_path=fixed)
    limit, rng = limit_of(space, end=end), random.Random(0)
    for _ in range(4):
        g = sample(space, rng)
        assert expected(limit, *encode(space, g)) == pytest.approx(limit.costs(g), rel=1e-9)
        far = encode(space, g, sharpness=400.0)
        assert expected(limit, *far) == pytest.approx(limit.costs(g), rel=1e-12)


@pytest.mark.parametrize("space", [SPACES["incoming"], SPACES["two nodes"]])
def test_the_gradient_is_that_of_the_expectation(space):
    cost_of = ExpectedCost(limit_of(space).costs)
    given = [torch.tensor(values, requires_grad=True) for values in logits(space)]
    assert torch.autograd.gradcheck(lambda *at: cost_of(*at).log(), given)


# ---- the k most probable genotypes


@every_space
def test_k_best_genotypes_are_the_best_of_all(space):
    alpha, beta = logits(space)
    listed = sorted(every_genotype(space), key=lambda found: -found[0])
    best = k_best_genotypes(space, alpha, beta, len(listed) + 5)
    assert len({g.hash for g, _ in best}) == len(best) == len(listed)
    weights = {g.hash: math.log(weight) for weight, g in listed}
    for (g, value), (weight, _) in zip(best, listed):
        assert value == pytest.approx(weights[g.hash]) == pytest.approx(math.log(weight))
    assert k_best_genotypes(space, alpha, beta, 3) == best[:3]


@settings(deadline=None, max_examples=20)
@given(st.data(), st.sampled_from(list(SPACES)))
def test_the_first_is_what_decode_gives(data, name):
    """Also where many are equally good, or a probability is no number above 0."""
    space = SPACES[name]
    number = st.integers(-2, 2).map(float) | st.sampled_from([-800.0, 0.0, 800.0])
    size = math.prod(space.alpha_shape)
    alpha = np.array(data.draw(st.lists(number, min_size=size, max_size=size)))
    moves = len(space.moves)
    beta = np.array(data.draw(st.lists(number, min_size=moves, max_size=moves)))
    alpha = alpha.reshape(space.alpha_shape)
    ((first, _),) = k_best_genotypes(space, alpha, beta, 1)
    assert first == decode(space, alpha, beta)


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=4))
def test_best_sums_gives_all_sums_in_order(lists):
    lists = [np.sort(np.array(values, dtype=float))[::-1] for values in lists]
    found = list(best_sums(lists))
    places = list(product(*(range(len(values)) for values in lists)))
    assert sorted(place for _, place in found) == places
    for total, place in found:
        assert total == sum(values[n] for values, n in zip(lists, place))
    totals = [total for total, _ in found]
    assert totals == sorted(totals, reverse=True)


@every_space
def test_decoding_keeps_the_budget(space):
    """The most probable net within it; with room for all, ``decode``'s; with room for none of those
    that are looked at, the cheapest of them."""
    alpha, beta = logits(space, scale=0.3)
    limit = limit_of(space)
    ranked = [(g, limit.costs(g)) for g, _ in k_best_genotypes(space, alpha, beta, 5000)]
    for amount in sorted({price for _, price in ranked}):
        limit.budget = limit.budget._replace(amount=amount)
        wanted = next(g for g, price in ranked if price <= amount)
        assert limit.decode(space, alpha, beta) == wanted
    assert limit.decode(space, alpha, beta) == decode(space, alpha, beta)
    limit.budget = limit.budget._replace(amount=1.0)
    cheapest = min(price for _, price in ranked)
    assert limit.costs(limit.decode(space, alpha, beta)) == cheapest


# ---- a search


def patches() -> Patches:
    rng = np.random.default_rng(0)
    return Patches({f"{i}": rng.integers(0, 256, (24, 24), dtype=np.uint8) for i in range(12)})


PATCHES = patches()


SHORT = TINY._replace(
    space=replace(TINY.space, nodes=1), search=replace(TINY.search, epochs=2, budget_rate=30.0)
)


def state_of(text="250MMAC", **changes) -> Search:
    """Two short epochs, the first of them warm-up."""
    asked = SHORT.with_budget(text) if text else SHORT
    return Search(asked.space, replace(asked.search, **changes), PATCHES)


@pytest.fixture(scope="module")
def whole():
    """A search under a budget, and what it told."""
    state = state_of()
    return state, list(search(state))


def bytes_of(state) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in state.tensors().items()}


def test_the_price_rises_only_while_nets_are_too_dear(whole):
    searched, records = whole
    epochs = [r for r in records if isinstance(r, Epoch)]
    assert [e.mu for e in epochs[:2]] == [0, 0], "not in warm-up"
    assert epochs[2].mu > 0 and epochs[2].expected_cost < epochs[0].expected_cost
    for e in epochs:
        assert e.expected_cost > 250e6 >= e.decoded_cost == searched.price.limit.costs(e.genotype)
    # far below the budget it falls to 0, is never negative, and pulls at nothing any more
    state = state_of("400MMAC")
    state.price.load(torch.tensor([0.01, 1.0, 0.0], dtype=torch.float64))
    state.price.limit.budget = state.price.limit.budget._replace(amount=1e12)
    parameters = state.net.arch_parameters
    for _ in range(20):
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        state.price.add(state.net, parameters, 1.0)
    assert state.price.mu == 0 and not any(p.grad.any() for p in parameters)


def test_the_price_pulls_along_the_gradient_of_the_expected_cost():
    state = state_of()
    price = Price(state.price.limit, state.config, 100)
    price.load(torch.tensor([0.5, 100.0, 0.0], dtype=torch.float64))  # the limit has come down
    parameters = state.net.arch_parameters
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    expectation = price.expected(*parameters)
    wanted = torch.autograd.grad(expectation.log(), parameters)
    price.add(state.net, parameters, 0.2)
    weight = 0.5 + DAMPING * math.log(expectation.item() / 250e6)
    for parameter, gradient in zip(parameters, wanted):
        torch.testing.assert_close(parameter.grad, 1 + 0.2 * weight * gradient)


def test_a_budget_that_nothing_exceeds_changes_no_step():
    plain, roomy = state_of(""), state_of("0.94GMAC")
    for state in (plain, roomy):
        for _ in search(state):
            pass
    free, held = bytes_of(plain), bytes_of(roomy)
    assert set(held) - set(free) == {"price", "best_keeps"}
    assert all(held[name] == value for name, value in free.items() if name != "genotype")


@pytest.mark.parametrize("records", [1, 3, 6])
def test_a_search_under_a_budget_goes_on_bit_for_bit(whole, records):
    """Before the first step, in the warm-up, between an arch step and its weight step."""
    searched, told = whole
    first, second, seen = state_of(), state_of(), Records()
    for record in islice(search(first), records):
        seen.add(record)
    assert first.halfway == (records == 6)
    second.load({name: value.clone() for name, value in first.tensors().items()}, seen)
    rest = list(search(second))
    assert bytes_of(second) == bytes_of(searched) and len(rest) == len(told) - records
    last, wanted = rest[-1], told[-1]
    assert (last.mu, last.expected_cost) == (wanted.mu, wanted.expected_cost)
    with pytest.raises(ValueError, match="best_keeps is no part of it"):
        state_of("").check(first.tensors())


def test_only_epochs_within_the_budget_compete(monkeypatch):
    class Scored(Method):
        first = 1.0

        def validate(self, search):
            score = self.first if search.epoch == 1 else float(search.epoch)
            return {"psnr": 1.0, "ssim": 1.0, "score": score}

    # a score that is no number is never the best
    for first, within, best in ((1.0, (1,), 1), (1.0, (), 2), (math.nan, (1, 2), 2)):
        state = state_of()
        monkeypatch.setattr(Scored, "first", first)
        state.method = Scored()
        monkeypatch.setattr(
            state.price.limit, "keeps", lambda price, state=state, at=within: state.epoch in at
        )
        for _ in search(state):
            pass
        assert state.best_epoch == best


def test_a_cost_that_is_no_number_ends_the_search_in_one_line():
    state = state_of()
    with torch.no_grad():
        state.net.alpha[0, 0, 0] = math.nan
    with pytest.raises(FloatingPointError, match="expected cost is nan"):
        state.price.add(state.net, state.net.arch_parameters, 1.0)


def test_without_a_budget_files_are_as_they_were():
    state, records = state_of(""), Records()
    for record in search(state):
        records.add(record)
    with np.load(io.BytesIO(records.to_bytes())) as stored:
        assert not {"epoch/expected_cost", "epoch/decoded_cost", "epoch/mu"} & set(stored.files)
    assert not any(name.startswith("budget") for name in to_dict(TINY.search))
    names = [field["name"] for field in fields_of(to_dict(TINY.search))]
    assert not any(name.startswith("budget") for name in names)


# ---- what a user is told


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HINAS_LIVE", "0")
    return tmp_path


def hinas(*argv) -> int:
    common = ("search", "--preset", "tiny", "--run", "s", "--device", "cpu")
    return main([*common, *map(str, argv)])


def test_a_search_under_a_budget_from_the_command_line(folder, capsys):
    assert hinas("--budget", "500MMAC", "--set", "search.epochs=2") == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("it costs ")]
    assert line.endswith("its budget is 500MMAC")
    found = lab.Genotype.from_json((folder / "s" / "genotype.json").read_text())
    assert cost.macs(found, 4, 320, 480, stem=8) <= 500e6
    columns = read_records("s")
    assert (columns["epoch/decoded_cost"] <= 500e6).all()
    assert np.isfinite(columns["epoch/mu"]).all()
    recording = read_recording("s")
    told = facts.results(recording)
    assert told["cost of the net"] == line.removeprefix("it costs ")
    assert told["expected cost"].endswith("MMAC") and "price of cost" in told
    assert "--set search.budget=500MMAC" in facts.command(recording)
    film = film_of(recording)
    assert film["head"]["budget"] == {"amount": 500, "unit": "MMAC", "counted": "MACs"}
    assert film["epochs"][-1]["decoded"] <= 500 and film["epochs"][-1]["more"] == {}
    wired = film["epochs"][recording.best]["cells"]
    kept = [[[found_op, j] for found_op, j in node] for node in wired[0]]
    assert [[TINY.space.ops[k] for k, _ in node] for node in kept] == [
        [op for op, _ in node] for node in found.cells[0]
    ]
    # the same lines continue it; another budget is another search
    run = lab.search(preset=replace_epochs(2), run="s", budget="500MMAC", device="cpu")
    assert run.finished
    with pytest.raises(ValueError, match="budget"):
        lab.search(preset=replace_epochs(2), run="s", budget="600MMAC", device="cpu")


def replace_epochs(epochs):
    return TINY._replace(name="tiny*", search=replace(TINY.search, epochs=epochs))


def test_a_search_that_ends_outside_its_budget_says_by_how_much(folder, capsys, monkeypatch):
    monkeypatch.setattr(budget_module, "K_BEST", 1)
    assert hinas("--budget", "220MMAC", "--set", "search.epochs=1") == 0
    out = capsys.readouterr().out
    assert "its budget is 220MMAC: outside by " in out and " is the cheapest of them" in out


BAD = {
    "below": (["--budget", "60MMAC"], "below the cheapest net .* from 218.7MMAC to 1863MMAC"),
    "above": (["--budget", "9M"], "above the dearest net .* from .* to .* parameters"),
    "unit": (["--budget", "3parsec"], "budget = '3parsec': .*units are"),
    "no table": (["--budget", "30ms"], "budget = '30ms': .*hinas-lab latency"),
    "a table for MACs": (["--budget", "1GMAC", "--latency", "x"], "is for a budget in ms"),
    "a table alone": (["--latency", "x.json"], "latency = 'x.json': .*30ms"),
    "no shape": (["--set", "search.budget=1GMAC"], "give it as --budget"),
    "rsws": (["--budget", "1GMAC", "--set", "search.method=rsws"], "method = 'rsws'"),
}


@pytest.mark.parametrize(("argv", "message"), BAD.values(), ids=BAD)
def test_bad_budgets_end_in_one_line_and_leave_nothing(folder, capsys, argv, message):
    assert hinas(*argv) != 0
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and not (folder / "s").exists()
    with pytest.raises(ValueError, match=message):
        raise ValueError(err)


def test_a_width_that_is_no_whole_number_and_another_decoder():
    odd = with_budget(SMALL, SearchConfig(), TrainConfig(width=3, stem=8), "1GMAC")
    with pytest.raises(ValueError, match="width 3 times the width factor 1.5"):
        Limit(SMALL, odd)
    asked = TINY.with_budget("1GMAC")
    with pytest.raises(ValueError, match="decoder = 'other'"):
        Limit(asked.space, replace(asked.search, decoder="other"))


# ---- milliseconds, by a table that says what pieces take


class FakeTable:
    """Milliseconds that are not the arithmetic of MACs: a piece takes 1, a skip 0.5."""

    fixed, skip, refuses = 2.0, 0.5, ""

    @classmethod
    def load(cls, path):
        return cls()

    def check_machine(self):
        if self.refuses:
            raise ValueError(self.refuses)

    def check_shape(self, asked):
        pass

    def part_cost(self, part):
        return self.skip if part.kind == "skip" else 1.0


@pytest.fixture
def table(monkeypatch):
    table = type("Table", (FakeTable,), {})
    monkeypatch.setattr(latency_table, "LatencyTable", table)
    return table


def test_milliseconds_are_kept_in_the_config(table):
    """So a search needs the table once: replays, and other machines, read the run alone."""
    asked = TINY.with_budget("14ms", "table.json")
    limit = Limit(asked.space, asked.search)
    # start, end, two inputs a layer, four edges a layer
    least, most = 2 + 2 + 4 + 8 * 0.5, 2 + 2 + 4 + 8 * 1.0
    assert limit.costs.extremes() == (least, most)
    g = sample(asked.space, random.Random(0))
    skips = g.operations.count("skip")
    assert limit.costs(g) == most - 0.5 * skips
    shape = Shape(4, 8, "conv", 2)
    assert len(asked.search.budget_ms) == 1 + len(all_parts(asked.space, shape))
    with pytest.raises(ValueError, match="holds 2 milliseconds"):
        Limit(asked.space, replace(asked.search, budget_ms=(1.0, 2.0)))


def test_a_table_of_another_machine_or_of_nan_is_refused(table):
    table.skip = math.nan
    with pytest.raises(ValueError, match="table.json: skip 4 -> 4 takes nan ms"):
        TINY.with_budget("14ms", "table.json")
    table.refuses = "table.json: of another machine"
    with pytest.raises(ValueError, match="of another machine"):
        TINY.with_budget("14ms", "table.json")
