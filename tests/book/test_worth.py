"""The study ``worth``: who chooses with what, who judges, and what is said of it."""

import importlib.util
import itertools
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, hinas, refused, write_photos
from matplotlib.figure import Figure
from test_designs import row_for, run_through

from hinas_book.ch09_against_random import opponents, worth, worth_results
from hinas_book.cli.study import lines
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting
from hinas_book.kit.registry import studies
from hinas_lab.analysis import campaign, jobs, price
from hinas_lab.analysis.equal_cost import Nets, cost_matched
from hinas_lab.analysis.jobs import SearchJob, TrainJob
from hinas_lab.analysis.price import Seconds
from hinas_lab.analysis.random_nets import random_genotypes
from hinas_lab.analysis.statistics import holm
from hinas_lab.presets import preset
from hinas_lab.space import cost
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import write_json

BASIC = ("hinas", "rsws", "best-of", "halving", "evolution")
"arms that need nothing else"


@pytest.fixture
def few(monkeypatch):
    def counts_of(setting, task, real=worth.counts_of):
        counts, told = real(setting, task)
        return replace(counts, best_of=3, halving=4, k_best=2), told

    monkeypatch.setattr(worth, "counts_of", counts_of)


@pytest.fixture
def made_up(few, monkeypatch):
    """No picture is read, and MACs are those of the net."""
    monkeypatch.setattr(jobs, "content", lambda data, channels, scale: "0" * 12)


@cache
def drive(seeds: int | None = 2, gain: float = 0.0, lucky: frozenset = frozenset(), **options):
    """The study with made-up rows; the nets of hash ``lucky`` are trained ``gain`` dB better."""

    def row(job):
        made = row_for(job, lambda job: gain * (job.net.hash in lucky))
        if isinstance(job, TrainJob):
            made["macs"] = opponents.net_macs(job.net, job.train)
        return made

    return run_through(worth.design(Setting(base="tiny", seeds=seeds), **options), row)


def registered(monkeypatch, **changes):
    """Claims of the study, as rows that are to come will be."""
    base = replace(claim("search-random"), study="worth", preset="tiny", n=7)
    rows = [
        replace(base, id="worth-denoise", arm="RSWS", **changes),
        replace(base, id="worth-sr", task="sr", arm="HiNAS"),
    ]
    for module in (worth, worth_results):
        monkeypatch.setattr(module, "claims", lambda: tuple(rows))


# Seeds


def test_no_choice_sees_a_seed_that_judges(made_up):
    """By their ranges, and in every job; nor is a seed of a pilot one of the study."""
    study, pilot = drive(3, arms=BASIC), drive(3, first=worth.PILOT, tasks=("denoise",))
    choosing, judging = {}, {}
    for name, told in (("study", study), ("pilot", pilot)):
        trained = {row["key"] for row in told.record["rows"]}
        asked = list(itertools.chain(*told.batches))
        judging[name] = {job.seed for job in asked if job.key in trained}
        choosing[name] = {job.seed for job in asked if job.key not in trained}
        assert not judging[name] & choosing[name] and len(judging[name]) == 2
    assert choosing == {"study": {100, 101, 102}, "pilot": {900, 901, 902}}
    assert not judging["study"] & judging["pilot"]
    assert max(choosing["pilot"]) < worth.JUDGING <= min(judging["study"])
    assert not {r["key"] for r in study.record["rows"]} & {r["key"] for r in pilot.record["rows"]}


def test_seeds_stay_in_their_range():
    setting = Setting(base="tiny", seeds=801)
    with pytest.raises(ValueError, match="seeds = 801: must be at most 800"):
        worth.choosing_seeds(setting, "denoise", worth.FIRST)
    assert len(worth.choosing_seeds(setting, "denoise", worth.PILOT)) == 801
    assert len(worth.choosing_seeds(Setting(base="tiny"), "sr", worth.FIRST)) == worth.SEARCHES


def test_every_winner_is_trained_twice(made_up):
    record = drive(3, arms=BASIC).record
    nets = {}
    for row in record["rows"]:
        key = row["task"], row["arm"], row["seed"], row.get("number")
        nets.setdefault(key, []).append(row["training"])
    assert {tuple(trainings) for trainings in nets.values()} == {(10_100, 10_101)}
    count = {(task, arm): 0 for task, arm, *_ in nets}
    for task, arm, *_ in nets:
        count[task, arm] += 1
    wanted = dict.fromkeys(itertools.product(worth.TASKS, BASIC), 3)
    assert count == wanted | {(task, "random"): 6 for task in worth.TASKS}


# Arms


def test_all_arms_take_part(made_up):
    record = drive(1, tasks=("denoise",)).record
    assert {row["arm"] for row in record["rows"]} == {*opponents.ARMS, "random"}


def test_a_budget_is_the_median_of_random_nets():
    chosen = preset("study")
    text = opponents.middle_budget(chosen.space, chosen.train)
    others = random_genotypes(chosen.space, 99, 7)
    nets = [opponents.net_macs(genotype, chosen.train) for genotype in others]
    assert text.endswith("GMAC")
    below = np.mean(np.array(nets) < 1e9 * float(text.removesuffix("GMAC")))
    assert 0.35 < below < 0.65
    shape = {name: getattr(chosen.train, name) for name in ("stem", "end", "repeats")}
    wanted = cost.macs(others[0], chosen.train.width, 320, 480, **shape)
    assert nets[0] == wanted


def test_each_arm_spends_what_the_price_pays(made_up):
    told = drive(1, tasks=("denoise",), arms=BASIC)
    counts, _ = worth.counts_of(Setting(base="tiny"), "denoise")
    asked = list(itertools.chain(*told.batches))
    searches = {job for job in asked if isinstance(job, SearchJob)}
    config = preset("tiny").search
    assert {(job.search.method, job.search.epochs) for job in searches} == {
        ("first-order", config.epochs),
        ("rsws", counts.rsws_epochs),
        ("rsws", counts.evolution_epochs),
    }
    short = [job for job in asked if job.kind == "short"]
    # best-of 3, halving 4 + 2 + 1, and the two random nets that a tenth ranks
    assert len(short) == 3 + 7 + 2
    assert {job.train.iterations for job in short} == {1, 2, 4}
    spent = told.record["price"]["denoise"]["spent"]
    assert set(spent) == set(told.record["arms"]["denoise"]) and min(map(min, spent.values())) > 0


# What is said


def test_the_primary_contrast_is_the_registered_one(made_up, monkeypatch):
    registered(monkeypatch)
    record = drive(None, arms=("hinas", "rsws")).record
    assert set(record["claims"]) == {"worth-denoise", "worth-sr"}
    assert record["primary_arms"] == {"denoise": "rsws", "sr": "hinas"}
    told = record["claims"]["worth-denoise"]
    assert told["n"] == 7 and told["metric"] == "psnr" and told["least"] == 0.05
    assert "RSWS; " in told["note"] and "s a choice" in told["note"]
    found = lines(record, studies()["worth"])
    assert any(line.startswith("worth-denoise ") for line in found) and max(map(len, found)) <= 80


def test_without_a_claim_nothing_is_judged(made_up):
    assert drive(7, arms=BASIC).record["claims"] == {}


def test_a_pilot_judges_nothing(made_up, monkeypatch):
    registered(monkeypatch)
    record = drive(2, tasks=("denoise",), arms=("hinas", "halving"), first=worth.PILOT).record
    assert record["claims"] == {} and record["primary_arms"] == {"denoise": "hinas"}
    assert list(record["arms"]["denoise"]) == ["hinas", "halving"]


def test_an_arm_that_a_claim_misspells(monkeypatch):
    registered(monkeypatch)
    assert worth.primary_arm("denoise").name == "rsws"
    with pytest.raises(ValueError, match="arm 'luck': must be one of HiNAS; "):
        opponents.arm_called("luck")


def searched(told) -> frozenset[str]:
    """The genotypes that HiNAS chose."""
    asked = itertools.chain(*told.batches)
    first = [job for job in asked if isinstance(job, SearchJob) and job.search.method != "rsws"]
    return frozenset(Genotype.from_json(told.rows[job.key]["genotype"]).hash for job in first)


@pytest.mark.parametrize(("gain", "word"), [(0.5, "supported"), (-0.5, "contradicted")])
def test_a_large_gain_is_found(made_up, monkeypatch, gain, word):
    registered(monkeypatch)
    lucky = searched(drive(7, arms=BASIC))
    record = drive(7, gain, lucky, tasks=("sr",), arms=("hinas", "rsws")).record
    told = record["claims"]["worth-sr"]
    assert told["verdict"] == word and told["mean"] == pytest.approx(gain, abs=0.2)
    assert worth_results.judged("sr", "hinas", record["arms"]["sr"]["hinas"]) == told


def test_too_little_is_not_supported():
    """However sure: below the smallest effect of interest."""
    at = {"mean": 0.04, "low": 0.03, "high": 0.05, "p": 1e-4, "n": 20}
    told = {"at_cost": at, "seconds": 60.0, "macs": 1e9}
    assert worth_results.judged("sr", "hinas", told)["verdict"] == "unresolved"
    told["at_cost"] = at | {"mean": 0.06, "high": 0.09}
    assert worth_results.judged("sr", "hinas", told)["verdict"] == "supported"
    told["at_cost"] = at | {"mean": 0.06, "high": 0.09, "n": 5}
    assert worth_results.judged("sr", "hinas", told)["verdict"] == "unresolved"


def test_numbers_of_a_record(made_up):
    """Again, from its rows, in another way."""
    record = drive(7, arms=BASIC).record
    rows = [row for row in record["rows"] if row["task"] == "denoise"]

    def nets(arm):
        keys = sorted({(r["seed"], r.get("number", 0)) for r in rows if r["arm"] == arm})
        mine = [
            [r for r in rows if r["arm"] == arm and (r["seed"], r.get("number", 0)) == key]
            for key in keys
        ]
        macs = np.array([net[0]["macs"] for net in mine], float)
        return Nets(macs, np.array([np.mean([r["psnr"] for r in net]) for net in mine]))

    random, told, p = nets("random"), record["arms"]["denoise"], []
    for arm in BASIC:
        contrast = cost_matched(nets(arm), random)
        assert told[arm]["at_cost"]["mean"] == pytest.approx(contrast.mean, abs=1e-9)
        assert told[arm]["at_cost"]["low"] == pytest.approx(contrast.low, abs=1e-9)
        assert told[arm]["macs"] == pytest.approx(nets(arm).costs.mean())
        outside = (nets(arm).costs < random.costs.min()) | (nets(arm).costs > random.costs.max())
        assert told[arm]["outside"] == outside.sum()
        p.append((told[arm]["front"]["p"], told[arm]["front"]["holm"]))
        if arm != "hinas":
            p.append((told[arm]["at_cost"]["p"], told[arm]["at_cost"]["holm"]))
            p.append((told[arm]["ahead"]["p"], told[arm]["ahead"]["holm"]))
            gap = nets("hinas").quality.mean() - nets(arm).quality.mean()
            assert told[arm]["ahead"]["mean"] == pytest.approx(gap)
    assert "holm" not in told["hinas"]["at_cost"], "the primary contrast is not adjusted"
    # over both tasks
    for told in record["arms"]["sr"].values():
        for part in (told["at_cost"], told["ahead"], told["front"]):
            p += [(part["p"], part["holm"])] if part and "holm" in part else []
    raw, adjusted = zip(*p)
    assert adjusted == pytest.approx(holm(list(raw))) and len(p) == 2 * 13
    everyone = [nets(arm) for arm in (*BASIC, "random")]
    assert record["random"]["denoise"]["reference"] == pytest.approx(
        [max(n.costs.max() for n in everyone), min(n.quality.min() for n in everyone)]
    )
    taus = record["taus"]["denoise"]
    assert list(taus)[0] == "another training" and taus["MACs"]["equal cost"] is None
    assert set(taus) == {
        "another training",
        "shared weights",
        "shared weights, not recalibrated",
        "alpha and beta",
        "shared weights, RSWS",
        "a tenth of a training",
        "parameters",
        "MACs",
    }
    assert all(both["overall"]["n"] == 14 for both in taus.values())


def test_a_record_is_told_and_drawn_from_its_file(made_up, tmp_path):
    record = drive(7, arms=BASIC).record
    write_json(tmp_path / "worth.json", record)
    again = json.loads((tmp_path / "worth.json").read_text())
    told = worth.findings(again)
    assert told == worth.findings(record)
    assert told[0].startswith("denoise, primary: HiNAS, n 7: ") and "s a choice" in told[0]
    assert told[2].startswith("sr, primary: HiNAS, n 7: ")
    for words in ("RSWS, n 7: ", "equal price: ", "area below the front", "sd between random nets"):
        assert sum(words in line for line in told) >= 2, words
    assert sum("Holm" in line for line in told) == 2 * 13
    figure = worth.figure(again)
    assert isinstance(figure, Figure) and len(figure.axes) == 4
    overall, equal = ([t.get_text() for t in ax.get_yticklabels()] for ax in figure.axes[:2])
    assert overall[0] == "another training" and "MACs" in overall and "MACs" not in equal
    again["taus"]["denoise"]["parameters"]["overall"]["mean"] = 0.0
    ticks = worth.figure(again).axes[0].get_yticklabels()
    assert [tick.get_text() for tick in ticks] == overall, "no rank at all is a finding"


def test_choices_that_found_the_same_net_are_told(made_up):
    """They are one training: the interval, of nets drawn as if each had its own, is too narrow."""
    told = drive(7, tasks=("denoise",), arms=("hinas",))
    rows = [dict(row) for row in told.record["rows"]]
    for row in rows:
        if (row["arm"], row["seed"]) == ("hinas", 103):
            twin = next(r for r in rows if (r["arm"], r["seed"]) == ("hinas", 100))
            row |= {key: twin[key] for key in ("key", "genotype", "psnr", "macs")}
    assert worth_results.arm_of(rows, "denoise", "hinas").different == 6
    assert told.record["arms"]["denoise"]["hinas"]["different"] == 7
    record = json.loads(json.dumps(told.record))
    assert "n 7: " in worth.findings(record)[0]
    record["arms"]["denoise"]["hinas"]["different"] = 6
    assert "n 7 (6 different nets): " in worth.findings(record)[0]


def test_one_search_is_told_and_drawn(made_up):
    record = drive(1).record
    assert max(map(len, lines(record, studies()["worth"]))) <= 80
    worth.figure(record)


# Commands


def test_a_price_that_is_not_measured_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = hinas("study", "worth", "--preset", "classroom", "--executor", "here")
    refused(told, "no price of preset classroom, task denoise; measure it with: python tools/worth")
    assert not list((tmp_path / "runs").rglob("row.json"))


def tool():
    spec = importlib.util.spec_from_file_location("worth_tool", ROOT / "tools" / "worth.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tool_writes_a_price(tmp_path, monkeypatch, capsys):
    seconds = Seconds(
        weight=0.25, arch=0.2, validate=0.6, rsws=0.09, score=0.3, train=0.033, check=0.05
    )
    monkeypatch.setattr(price, "calibrate", lambda *args: (seconds, 10))
    folder = tmp_path / "prices"
    argv = ["calibrate", "--preset", "study", "--task", "sr", "--folder", str(folder)]
    assert tool().main(argv) == 0 and "best_of " in capsys.readouterr().out
    monkeypatch.setattr(worth, "data", lambda *names: folder)
    counts, told = worth.counts_of(Setting(base="study"), "sr")
    assert told["task"] == "sr" and told["scale"] == 4 and counts.halving > 2


@pytest.mark.parametrize("task", worth.TASKS)
def test_prices_that_are_there_can_be_read(task):
    for path in sorted((ROOT / "data" / "prices").glob(f"*-{task}.json")):
        record = json.loads(path.read_text())
        counts, _ = worth.counts_of(Setting(base=record["preset"]), task)
        assert vars(counts) == record["counts"] and path.stem.startswith(record["preset"])


@pytest.mark.slow
def test_the_study_at_preset_tiny(few, tmp_path, monkeypatch):
    """Real jobs on small photographs, as a user runs it; the second time all is there."""
    monkeypatch.chdir(tmp_path)
    photos = write_photos(tmp_path / "photos", side=100)
    argv = ["study", "worth", "--preset", "tiny", "--seeds", "1", "--executor", "here"]
    argv += ["--data", str(photos), "--json", "worth.json", "--figure", "worth.png"]
    told = hinas(*argv)
    assert told.code == 0 and "denoise, primary: HiNAS, n 1: " in told.out
    record = json.loads(Path("worth.json").read_text())
    assert record["jobs"] == len({p.parent for p in Path("runs/campaign").rglob("row.json")})
    assert Path("worth.png").read_bytes()[1:4] == b"PNG"
    monkeypatch.setattr(campaign, "run_job", None)
    assert hinas(*argv).out == told.out


def test_a_search_under_a_budget(made_up):
    told = drive(1, tasks=("denoise",), arms=("budget", "hinas"))
    jobs_asked = [job for job in itertools.chain(*told.batches) if isinstance(job, SearchJob)]
    chosen = preset("tiny")
    wanted = opponents.middle_budget(chosen.space, chosen.train)
    assert {job.search.budget for job in jobs_asked} == {None, wanted}
    assert all(job.seed == worth.FIRST for job in jobs_asked)
