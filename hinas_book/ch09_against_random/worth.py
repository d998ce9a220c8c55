"""Is a search worth its price? Ways to choose a net for one price, judged at equal cost.

Every arm may spend what one search of the preset takes (``opponents``); what it chose is trained
anew, twice, by seeds that no choice saw, and held against random nets of every cost. One primary
contrast a task is registered, ``worth-denoise`` and ``worth-sr``; all else is secondary.
"""

from collections.abc import Iterable

from hinas_book.ch09_against_random.opponents import (
    ARMS,
    Arm,
    Lot,
    arm_called,
    net_macs,
)
from hinas_book.ch09_against_random.worth_results import results, worth_text
from hinas_book.kit.claims import Claim, claims
from hinas_book.kit.design import Setting, net_row, report, run_named
from hinas_lab.analysis.campaign import Design, together
from hinas_lab.analysis.jobs import ScoreJob
from hinas_lab.analysis.price import frozen_counts
from hinas_lab.analysis.random_nets import stratified_genotypes
from hinas_lab.analysis.soft_choice import SoftScoreJob
from hinas_lab.paths import data
from hinas_lab.presets import preset

TASKS = ("denoise", "sr")
"super-resolution x4"
SEARCHES = 20
"of each arm, where no claim says how many: by the power of a pilot"
RANDOM_EACH = 2
"random nets for each search"
FIRST = 100
"the seed of the first choice"
PILOT = 900
"of a pilot's first choice: what chose an arm is never part of what judges it"
JUDGING = 10_000
"seeds of the trainings that judge begin here, above all seeds that choose"
TRAININGS = 2
RANKERS = 4
"supernets of each kind that rank the random nets"
PRIMARY = "hinas"
"the arm of the primary contrast while no claim names one"


def registered(task: str) -> Claim | None:
    """The primary claim of a task; None while there is none."""
    return next((claim for claim in claims() if claim.id == f"worth-{task}"), None)


def primary_arm(task: str) -> Arm:
    """The arm that the registered claim names. ValueError when there is none of that name."""
    claim = registered(task)
    return arm_called(claim.arm) if claim else ARMS[PRIMARY]


def judging_seeds(first: int) -> tuple[int, ...]:
    """Of the trainings that judge what seeds from ``first`` on chose."""
    return tuple(JUDGING + first + i for i in range(TRAININGS))


def choosing_seeds(setting: Setting, task: str, first: int) -> range:
    """Of the choices. ValueError where they would run into a pilot's, or into those that judge."""
    claim = registered(task)
    seeds = range(first, first + setting.count(claim.n if claim else SEARCHES))
    limit = PILOT if first < PILOT else JUDGING
    if seeds.stop > limit:
        raise ValueError(f"seeds = {len(seeds)}: must be at most {limit - first}")
    return seeds


def counts_of(setting: Setting, task: str):
    """What the price pays for, and the file that says so. ValueError where it is not measured."""
    advice = f"measure it with: python tools/worth.py calibrate --preset {setting.base}"
    return frozen_counts(data("prices"), setting.base, task, advice)


def design(
    setting: Setting,
    tasks: Iterable[str] = TASKS,
    arms: Iterable[str] | None = None,
    first: int = FIRST,
) -> Design:
    """All that chooses, the trainings that judge it, the random nets and what ranks them.

    A pilot gives ``tasks``, ``arms`` (None: all) and ``first`` = PILOT.
    """
    tasks = tuple(tasks)
    names = tuple(ARMS if arms is None else arms)
    primary = {}
    for task in tasks:
        arm = primary_arm(task).name
        # a pilot may leave it out: its first arm stands there then
        primary[task] = arm if arm in names else names[0]
    parts = yield from together([_one_task(setting, task, names, first) for task in tasks])
    rows, used, prices, ranks = [], [], {}, {}
    for task, part in zip(tasks, parts):
        rows += part["rows"]
        used += part["jobs"]
        prices[task], ranks[task] = part["price"], part["ranks"]
    told = results(rows, ranks, prices, primary)
    verdicts = {}
    for task in tasks:
        # what a pilot finds is no verdict
        if registered(task) and first == FIRST:
            verdicts[f"worth-{task}"] = told["primary"][task]
    return report("worth", setting, rows, used, verdicts, first=first, price=prices, **told)


def _one_task(setting: Setting, task: str, names: tuple[str, ...], first: int) -> Design:
    counts, price = counts_of(setting, task)
    seeds = choosing_seeds(setting, task, first)
    lots = []
    for name in names:
        for seed in seeds:
            lots.append((name, Lot(setting=setting, task=task, counts=counts, seed=seed)))
    chosen = yield from together([ARMS[name].choose(lot) for name, lot in lots])
    config = preset(setting.base, task)
    random = stratified_genotypes(
        config.space,
        RANDOM_EACH * len(seeds),
        first,
        lambda genotype: net_macs(genotype, config.train),
    )
    random = [genotype.to_json() for genotype in random]
    nets = {(name, lot.seed): found["genotype"] for (name, lot), found in zip(lots, chosen)}
    nets |= {("random", number): genotype for number, genotype in enumerate(random)}
    trained = yield from run_named(_trainings(setting, nets, first))
    ranks, used = yield from _ranks(lots[0][1], random, seeds[:RANKERS])
    rows = []
    for (name, number, seed), row in trained.items():
        where = {"task": task, "training": seed, "genotype": row["genotype"]}
        # random nets are numbered: no seed chose them
        own = {"number": number} if name == "random" else {}
        rows.append(net_row(name, first if own else number, row, **where, **own))
    spent = {name: [] for name in names}
    for (name, _), found in zip(lots, chosen):
        used = used + found["rows"]
        spent[name].append(round(sum(row["job_seconds"] for row in found["rows"]), 2))
    return {
        "rows": rows,
        "jobs": [*used, *trained.values()],
        "price": {**{key: price[key] for key in ("counts", "predicted", "date")}, "spent": spent},
        "ranks": ranks,
    }


def _trainings(setting: Setting, nets: dict[tuple[str, int], str], first: int) -> dict:
    """(arm, seed or number, training seed) -> the training that judges it."""
    jobs = {}
    for (name, number), genotype in nets.items():
        for seed in judging_seeds(first):
            jobs[name, number, seed] = setting.train(genotype, seed)
    return jobs


def _ranks(lot: Lot, random: list[str], seeds: range) -> Design:
    """What is known of the random nets without their trainings: predictor -> (judges, n); and the
    rows of the jobs."""
    setting, asked = lot.setting, {}
    for seed in seeds:
        soft = setting.search(seed, lot.task)
        hard = setting.search(seed, lot.task, method="rsws", epochs=lot.counts.rsws_epochs)
        of = {"base": setting.base, "genotypes": tuple(random)}
        asked["shared", seed] = ScoreJob(search=soft, **of)
        asked["soft", seed] = SoftScoreJob(search=soft, **of)
        asked["rsws", seed] = ScoreJob(search=hard, **of)
    for number, genotype in enumerate(random):
        asked["short", number] = lot.short(genotype, lot.counts.short_iterations)
    rows = yield from run_named(asked)

    def scores(kind: str, key: str) -> list[list[float]]:
        return [[round(x, 5) for x in rows[kind, seed][key]] for seed in seeds]

    short = [round(rows["short", number]["score"], 6) for number in range(len(random))]
    return {
        "shared weights": scores("shared", "psnr"),
        "shared weights, not recalibrated": scores("shared", "raw"),
        "alpha and beta": scores("soft", "soft"),
        "shared weights, RSWS": scores("rsws", "psnr"),
        "a tenth of a training": [short],
    }, list(rows.values())


def findings(record: dict) -> list[str]:
    """``worth_text``, line by line."""
    return worth_text(record)


def figure(record: dict):
    from hinas_book.ch09_against_random.figures import figure_worth_taus

    return figure_worth_taus(record)
