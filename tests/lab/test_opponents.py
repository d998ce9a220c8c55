"""Ways to choose a net: short trainings, evolution, several genotypes of one search, one price.

Real jobs are of preset tiny, cut further, on small photographs."""

import json
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from helpers import write_photos

from hinas_book.kit.design import Setting
from hinas_lab.analysis import evolution, price, short_training, soft_choice
from hinas_lab.analysis.campaign import run_design, together
from hinas_lab.analysis.evolution import EvolutionJob, evolve, mutated
from hinas_lab.analysis.jobs import run_job
from hinas_lab.analysis.price import Prices, Seconds, calibrate, frozen_counts, nearest, shorter
from hinas_lab.analysis.random_nets import random_genotypes, stratified_genotypes
from hinas_lab.analysis.short_training import ShortJob, rungs, short_winner, shortened
from hinas_lab.analysis.soft_choice import MostProbableJob, SoftScoreJob, log_probability
from hinas_lab.config import SearchSpace
from hinas_lab.images.patches import split
from hinas_lab.presets import preset
from hinas_lab.runs.folder import training_patches
from hinas_lab.space import cost, decode
from hinas_lab.space.genotype import Genotype, check_fits, diff, legal_paths
from hinas_lab.storage import write_json
from hinas_lab.training.training import Training

SPACE = {"layers": 1, "nodes": 2, "stem": 2, "repeats": 1}
SEARCH = {"space": SPACE, "epochs": 2, "crops_per_image": 3, "patch": 11, "validate_crop": 24}
WIDE = SearchSpace(layers=3, nodes=3, width=4)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return str(write_photos(tmp_path_factory.mktemp("opponents") / "photos"))


@pytest.fixture(scope="module")
def search(photos):
    return Setting(base="tiny", data=photos).search(3, **SEARCH)


@pytest.fixture(scope="module")
def folder(search, tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    run_job(search, folder)
    return folder


# Short trainings


def short(photos, genotype: str, iterations: int = 3, seed: int = 0, **v) -> ShortJob:
    full = Setting(base="tiny", data=photos).train(genotype, seed, patch=11, stem=2, repeats=1)
    return ShortJob(
        base="tiny",
        data=photos,
        genotype=genotype,
        train=shortened(full.train, iterations),
        search=replace(preset("tiny").search, validate_crop=24, **v),
    )


THEIRS = {"rescale": (0.9, 1.1), "crops_per_image": 2, "batch": 4, "val_fraction": 0.2}
"of a training as the authors' code has it: it has a V of its own"


@pytest.mark.parametrize("changes", [{}, THEIRS], ids=["tiny", "authors"])
def test_a_short_training_never_draws_v(photos, monkeypatch, tmp_path, changes):
    """And is scored on V alone, which is the V of a search with that seed."""
    genotype = random_genotypes(replace(WIDE, layers=1), 1, 0)[0].to_json()
    drawn, scored, own = [], [], []

    def draw(self, iteration, real=Training._draw):
        out = real(self, iteration)
        drawn.append(out[0].tolist())
        own.append(self.v)
        return out

    def score(net, patches, sets, config, real=short_training.score_on_v):
        scored.append(sets)
        return real(net, patches, sets, config)

    monkeypatch.setattr(Training, "_draw", draw)
    monkeypatch.setattr(short_training, "score_on_v", score)
    job = short(photos, genotype, 30, seed=5)
    row = run_job(replace(job, train=replace(job.train, **changes)), tmp_path)
    n = len(training_patches(photos, "denoise", 1, 1, "cpu"))
    (sets,), seen = scored, set(sum(drawn, []))
    assert sets == split(n, 0.1, 0) and not seen & {*sets.v}
    assert seen | {*own[0]} == {*sets.w, *sets.a} and not seen & {*own[0]}
    assert len(own[0]) == (1 if changes else 0)
    assert np.isfinite(row["psnr"]) and np.isfinite(row["score"]) and row["train_seconds"] > 0


def test_a_short_job_is_what_it_says(photos):
    """V counts, how a search learns does not; the same job anywhere has the same key."""
    genotype = random_genotypes(replace(WIDE, layers=1), 1, 0)[0].to_json()
    job = short(photos, genotype)
    assert job.key == short(photos, genotype, arch_lr=0.3).key
    others = [short(photos, genotype, 4), short(photos, genotype, seed=1)]
    others += [replace(job, search=replace(job.search, seed=7))]
    assert len({job.key, *(other.key for other in others)}) == 4
    json.dumps(job.spec)


def test_a_short_training_has_a_schedule_of_its_own():
    config = replace(preset("study").train, iterations=600, warmup=50)
    tenth = shortened(config, 60)
    assert (tenth.iterations, tenth.warmup) == (60, 5) and tenth.lr == config.lr
    assert shortened(config, 600) == config


def test_halving():
    assert rungs(7, 30, 3) == [(7, 30), (4, 60), (2, 120)]
    nets = [str(i) for i in range(7)]
    asked = []

    def job(genotype, iterations):
        asked.append((genotype, iterations))
        return genotype, iterations

    def play(design, score):
        batch = next(design)
        while True:
            try:
                batch = design.send([{"score": score(*job)} for job in batch])
            except StopIteration as end:
                return end.value

    # 6 is last at first, and best with more iterations
    found = play(short_winner(nets, rungs(7, 30, 3), job), lambda g, n: int(g) * (n > 30))
    assert found["genotype"] == "3" and Counter(n for _, n in asked) == {30: 7, 60: 4, 120: 2}
    assert [g for g, n in asked if n == 60] == ["0", "1", "2", "3"], "the first of equals"
    assert [g for g, n in asked if n == 120] == ["3", "2"] and len(found["rows"]) == 13
    asked.clear()
    assert play(short_winner(nets, [(7, 60)], job), lambda g, n: int(g))["genotype"] == "6"
    assert len(asked) == 7
    with pytest.raises(ValueError, match="genotypes: there is none"):
        next(short_winner([], [(7, 60)], job))


def test_designs_go_on_together():
    """In step, each with the rows of its own jobs; one that asks for nothing waits for nobody."""

    def counted(name, batches):
        seen = []
        for i in range(batches):
            seen += yield [f"{name}{i}", f"{name}{i}'"]
        return name, seen

    design, batches = together([counted("a", 2), counted("b", 0), counted("c", 1)]), []
    batch = next(design)
    with pytest.raises(StopIteration) as end:
        while True:
            batches.append(batch)
            batch = design.send([job.upper() for job in batch])
    assert batches == [["a0", "a0'", "c0", "c0'"], ["a1", "a1'"]]
    assert end.value.value == [
        ("a", ["A0", "A0'", "A1", "A1'"]),
        ("b", []),
        ("c", ["C0", "C0'"]),
    ]
    with pytest.raises(StopIteration) as end:
        next(together([]))
    assert end.value.value == []


# Random nets of all costs


def test_random_nets_are_spread_over_the_quantiles_of_cost():
    def macs(genotype):
        return cost.macs(genotype, 8, 320, 480, stem=8)

    nets = stratified_genotypes(WIDE, 20, 5, macs)
    assert len({net.hash for net in nets}) == 20 and nets == sorted(nets, key=macs)
    assert nets == stratified_genotypes(WIDE, 20, 5, macs)
    assert nets != stratified_genotypes(WIDE, 20, 6, macs)
    many = np.sort([macs(net) for net in random_genotypes(WIDE, 800, 1)])
    places = np.searchsorted(many, [macs(net) for net in nets]) / len(many)
    # one in each twentieth, as well as 400 draws know them
    assert np.abs(places - (np.arange(20) + 0.5) / 20).max() < 0.1
    small = replace(WIDE, layers=1, nodes=1, ops=("skip", "conv_3x3"))
    assert len(stratified_genotypes(small, 12, 0, macs, pool=1)) == 8, "all that there are"


# Evolution


def test_a_mutation_is_one_edit_inside_the_space():
    rng = random.Random(0)
    space = replace(WIDE, ops=("none", "skip", "conv_3x3"))
    parent, kinds = random_genotypes(space, 1, 0)[0], Counter()
    for _ in range(600):
        child = mutated(parent, space, rng)
        check_fits(child, space)
        (what,) = diff(parent, child)
        assert set(child.operations) <= set(space.choices) and child.path in legal_paths(space)
        kinds["width" if what.startswith("width") else "edge"] += 1
    assert 150 < kinds["width"] < 250, "a third of the edits"


def test_evolution_climbs_and_counts_what_it_tries():
    """Beyond what as many random genotypes reach."""
    tried = []

    def score(genotype):
        tried.append(genotype)
        return sum(map(WIDE.choices.index, genotype.operations))

    sizes = {"candidates": 200, "population": 30, "tournament": 8}
    best, scores = evolve(WIDE, score, random.Random(1), **sizes)
    assert len(tried) == len(scores) == 200 and score(best) == max(scores)
    luck = [score(genotype) for genotype in random_genotypes(WIDE, 200, 1)]
    assert max(scores) > max(luck) and np.mean(scores[-30:]) > np.mean(luck) + 2 * np.std(luck)
    assert evolve(WIDE, score, random.Random(1), **sizes) == (best, scores)


def test_the_oldest_dies():
    """However well it scored: after as many children as the population, it is no parent."""
    children, parents = [], []

    def score(genotype):
        children.append(genotype)
        # each is worse than the one before
        return -len(children)

    def watched(genotype, space, rng):
        parents.append(children.index(genotype))
        return mutated(genotype, space, rng)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evolution, "mutated", watched)
        sizes = {"candidates": 24, "population": 4, "tournament": 4}
        best, _ = evolve(WIDE, score, random.Random(0), **sizes)
    assert best == children[0] and len(parents) == 20
    assert all(n <= parent < n + 4 for n, parent in enumerate(parents))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tournament": 6}, "tournament = 6, population = 5, candidates = 9: must rise"),
        ({"candidates": 4}, "must rise"),
        ({"tournament": 0}, "must rise"),
    ],
)
def test_sizes_of_an_evolution(changes, told):
    sizes = {"candidates": 9, "population": 5, "tournament": 2} | changes
    with pytest.raises(ValueError, match=told):
        evolve(WIDE, lambda genotype: 0.0, random.Random(0), **sizes)
    with pytest.raises(ValueError, match="all must be alike"):
        tied = replace(WIDE, lwas=False)
        evolve(tied, float, random.Random(0), candidates=2, population=1, tournament=1)


def test_an_evolution_on_a_supernet(search, folder):
    job = EvolutionJob(base="tiny", search=search, candidates=6, population=3, tournament=2)
    row = run_job(job, folder)
    check_fits(Genotype.from_json(row["genotype"]), search.space)
    assert len(row["scores"]) == 6 and (job.data, job.seed) == (search.data, 3)
    assert replace(job, candidates=7).key != job.key


# What a search says of other genotypes


def test_the_decoded_genotype_is_the_most_probable(search, folder):
    row = run_job(search, folder)
    alpha, beta = soft_choice.final_logits(search, folder)
    decoded = decode.decode(search.space, alpha, beta)
    assert decoded.hash == Genotype.from_json(row["genotype"]).hash, "of the picked supernet"
    nets = [decoded, *random_genotypes(search.space, 30, 0)]
    job = SoftScoreJob(base="tiny", search=search, genotypes=tuple(net.to_json() for net in nets))
    soft = run_job(job, folder)["soft"]
    assert soft[0] == max(soft) and max(soft) < 0


def test_a_log_probability_by_hand():
    space = replace(WIDE, layers=1, nodes=1, ops=("none", "skip", "conv_3x3"))
    alpha = np.log(np.array([[[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]]]))
    beta = np.log(np.array([0.75, 0.25]))
    (genotype,) = [
        g
        for g in random_genotypes(space, 8, 0)
        if g.cells == (((("conv_3x3", 0), ("skip", 1)),),) and g.path == (1,)
    ]
    found = log_probability(space, alpha, beta, genotype)
    assert found == pytest.approx(np.log(0.5 * 0.6 * 0.25))


def test_several_genotypes_of_a_search(search, folder):
    row = run_job(MostProbableJob(base="tiny", search=search, k=3), folder)
    found = decode.k_best_genotypes(search.space, *soft_choice.final_logits(search, folder), 3)
    assert row["genotypes"] == [genotype.to_json() for genotype, _ in found]
    assert len(row["genotypes"]) == 3


# One price

SECONDS = Seconds(
    weight=0.25, arch=0.2, validate=0.6, rsws=0.09, score=0.3, train=0.033, check=0.05
)


@pytest.mark.parametrize("base", ["study", "classroom", "paper"])
def test_counts_cost_one_search(base):
    """To half a step of each arm: a genotype, a net on all rungs, an epoch."""
    prices = Prices(preset=preset(base), seconds=SECONDS, steps=10)
    counts = prices.counts()
    predicted = prices.predicted(counts)
    assert set(predicted) == {"hinas", "rsws", "evolution", "best-of", "halving", "k-best"}
    train = preset(base).train.iterations
    assert (counts.short_iterations, counts.halving_iterations) == (train // 10, train // 20)
    net = {"best-of": train / 10, "halving": 3.5 * train / 20, "k-best": 3.5 * train / 20}
    for arm, seconds in predicted.items():
        step = {"rsws": 0.9, "evolution": 0.3}.get(arm, net.get(arm, 0) * 0.033 + 0.4)
        if min(counts.best_of, counts.halving, counts.k_best) > 2 or arm not in net:
            assert abs(seconds - predicted["hinas"]) <= step, arm


def test_the_nearest_number():
    assert nearest(lambda n: 10 * n, 44) == 4 and nearest(lambda n: 10 * n, 46) == 5
    assert nearest(lambda n: 10 * n, 3) == 1 and nearest(lambda n: 10 * n, 3, least=2) == 2


def test_a_shorter_search_keeps_its_proportions():
    config = preset("study").search
    half = shorter(config, 6)
    assert (config.epochs, config.warmup_epochs, config.validate_from) == (12, 5, 8)
    assert (half.epochs, half.warmup_epochs, half.validate_from) == (6, 2, 4)
    one = shorter(config, 1)
    assert (one.warmup_epochs, one.validate_from) == (0, 1), "alpha learns, V is scored"
    assert shorter(config, 12) == config


@pytest.mark.parametrize("task", ["denoise", "sr"])
def test_a_calibration(photos, task):
    tiny = preset("tiny", task, 2 if task == "sr" else None)
    tiny = tiny._replace(
        space=replace(tiny.space, **SPACE),
        search=replace(tiny.search, patch=11, validate_crop=24, crops_per_image=3),
        train=replace(tiny.train, patch=11, stem=2, repeats=1),
    )
    seconds, steps = calibrate(tiny, photos, "cpu", rounds=1)
    assert min(vars(seconds).values()) > 0 and steps >= 1


def test_a_price_is_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(price, "calibrate", lambda *args: (SECONDS, 10))
    record = price.price_record(preset("study"), "builtin", "cpu")
    write_json(price.price_file(tmp_path, "study", "denoise"), record)
    counts, told = frozen_counts(tmp_path, "study", "denoise", "measure it")
    assert counts == Prices(preset=preset("study"), seconds=SECONDS, steps=10).counts()
    assert told["ratios"]["weight"] + told["ratios"]["arch"] == pytest.approx(1, abs=1e-3)
    assert {"torch", "numpy"} <= told["env"]["versions"].keys() and told["env"]["threads"] == 1
    assert told["date"] and told["env"]["device_name"] and told["rounds"] == 9
    with pytest.raises(ValueError, match=r"paper-10-sr.json: no price of preset paper/10.*measure"):
        frozen_counts(tmp_path, "paper/10", "sr", "measure it")
    write_json(price.price_file(tmp_path, "study", "sr"), {"counts": {"halving": 3}})
    with pytest.raises(ValueError, match="is no price of this version; measure it"):
        frozen_counts(tmp_path, "study", "sr", "measure it")


def test_a_choice_runs_as_a_campaign(photos, tmp_path):
    nets = [g.to_json() for g in random_genotypes(replace(WIDE, layers=1), 3, 0)]

    def design():
        ladder = rungs(3, 2, 2)
        found = yield from short_winner(nets, ladder, lambda g, n: short(photos, g, n))
        return found

    found = run_design(design(), tmp_path)
    assert found["genotype"] in nets and len(found["rows"]) == 5
    assert run_design(design(), tmp_path) == found
