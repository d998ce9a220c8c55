"""Tables 6 and 7 show two changed nets, both worse. Here every net one edit away is trained.

R1 changes an operation, R2 a source. The paper changes several parts of a net at once; one edit is
the smallest such change, and what "local" means. Two things examples cannot show: how far a net
lies from itself, trained again (the null), and what edits of the same kinds do to nets that nobody
searched for (the control).
"""

import json
import random
from collections.abc import Sequence
from math import nan

import numpy as np
from scipy import stats

from hinas_book.ch08_perturbations.findings import drop_text
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, net_row, report, run_named
from hinas_book.kit.verdicts import worse
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.jobs import ScoreJob
from hinas_lab.analysis.random_nets import random_genotypes
from hinas_lab.analysis.statistics import LEAST, luck_p, share_by_luck, share_worse, wilson
from hinas_lab.space.genotype import Genotype, neighbours

NULL_SEEDS = 8
CONTROLS = 19
"random genotypes: with the found net they are 20, and the first of 20 is rare"
DRAWN = 2000
"the seed that draws random genotypes and their edits"
CONTROL_EDITS = {"operation": 4, "source": 2}
"of each random genotype"
CONTROL_SEEDS = (0, 1)
PLAN = {"denoise": {"most": None, "controls": CONTROLS}, "sr": {"most": None, "controls": 0}}
FEWER = {"classroom": {"denoise": {"most": 24, "controls": 0}}}
"where a training takes minutes"
EDIT_KINDS = {"operation": "R1", "source": "R2", "width": "width"}
"what ``neighbours`` edits -> what the record calls it"
CLAIMED = ("R1", "R2")


def one_edit_away(genotype: Genotype) -> list[tuple[str, str, Genotype]]:
    """(kind, what, genotype) of every operation and every source that can be changed."""
    edits = []
    for what, edited in neighbours(genotype):
        kind = what.partition(":")[0]
        if kind != "width":
            edits.append((kind, what, edited))
    return edits


def replaced(genotype: Genotype, what: str) -> str:
    """The operation that an edit at ``what`` (layer, node, edge) takes away or rewires."""
    layer, node, edge = (int(part.split()[-1]) for part in what.partition(":")[2].split(","))
    return genotype.cells[layer][node][edge][0]


def judged_share(id: str, share: dict, trainings: int) -> dict:
    """The verdict on claim ``id`` from a ``share_worse``, drops measured from so many trainings.

    Supported: worse more often than a coin would have it; more often than noise alone when all
    drops are measured from one mean of ``trainings``; more often than not against the found net's
    training with the edits' own seed, too (a seed may shift all nets alike); and by the smallest
    effect of interest on average. Contradicted: less often than all three. p: the largest of the
    tests'.
    """
    least, n = claim(id).least, share["n"]
    mean = share["worse"] / n
    lucky_low, lucky_high = share_by_luck(n, trainings)
    own_low, own_high = wilson(share["same_seed"], n)
    # on one side of one half by both Wilson intervals, and farther than noise goes
    above = min(share["low"], own_low) > 0.5 and mean > lucky_high
    below = max(share["high"], own_high) < 0.5 and mean < lucky_low
    verdict, p = "unresolved", nan
    if n >= LEAST:
        if above and share["mean_drop"] >= least:
            verdict = "supported"
        elif below:
            verdict = "contradicted"
        # the p of the claim is that of its weakest test
        coin_p = stats.binomtest(share["same_seed"], n).pvalue
        p = max(luck_p(share["worse"], n, trainings), coin_p)
    return {
        "verdict": verdict,
        "least": least,
        "metric": "share of edits that are worse",
        "mean": mean,
        "low": share["low"],
        "high": share["high"],
        "p": p,
        "n": n,
        "note": f"noise alone would call {100 * lucky_low:.0f} % to {100 * lucky_high:.0f} % "
        f"worse; {share['same_seed']} of {n} are worse than the found net's training with their "
        "own seed",
    }


def judged_at_first(id: str, share: dict) -> str:
    """The verdict by the rule that claim ``id`` was registered with: Wilson's interval of the share
    beyond one half, and for support a mean drop of the smallest effect of interest."""
    if share["n"] >= LEAST and share["low"] > 0.5 and share["mean_drop"] >= claim(id).least:
        return "supported"
    return "contradicted" if share["n"] >= LEAST and share["high"] < 0.5 else "unresolved"


def at_first(record: dict) -> dict[str, str]:
    """The verdicts on denoising by the first rule, and what the edits' own seed says of them."""
    told = record["told"]["denoise"]
    rows = [row for row in record["rows"] if row["task"] == "denoise"]
    (own,) = (row["psnr"] for row in rows if (row["arm"], row["seed"]) == ("found", 0))
    drops = [own - row["psnr"] for row in rows if row["arm"] in CLAIMED]
    seed = (
        f"all edits against the found net's training with their own seed: "
        f"{sum(drop > 0 for drop in drops)} of {len(drops)} worse, mean {np.mean(drops):+.3f} dB"
    )
    words = {}
    for kind in CLAIMED:
        if kind in told:
            id, share = f"local-optimum-{kind.lower()}", told[kind]
            drop = f"mean drop {share['mean_drop']:+.3f} dB"
            words[id] = f"{judged_at_first(id, share)}: {worse(share)}, {drop}; {seed}"
    return words


def judged_since(record: dict) -> dict[str, dict]:
    """The verdicts on super-resolution, by the same rule as those on denoising."""
    judged = {}
    for kind, share in record["told"].get("sr", {}).items():
        if kind in CLAIMED:
            id = f"local-optimum-sr-{kind.lower()}"
            judged[id] = judged_share(id, share, record["null"]["sr"]["n"])
    return judged


def design(setting: Setting) -> Design:
    results = {"told": {}, "null": {}, "found": {}}
    claims, rows, used = {}, [], []
    for task, plan in FEWER.get(setting.base, PLAN).items():
        part = yield from one_task(setting, task, **plan)
        for name, by_task in results.items():
            by_task[task] = part[name]
        rows += [{"task": task, **row} for row in part["rows"]]
        used += part["jobs"]
        # the claims are about one task; the other one is recorded beside it
        if task == claim("local-optimum-r1").task:
            for kind in CLAIMED:
                if kind in part["told"]:
                    id = f"local-optimum-{kind.lower()}"
                    claims[id] = judged_share(id, part["told"][kind], part["null"]["n"])
    return report("perturb", setting, rows, used, claims, **results)


def one_task(setting: Setting, task: str, most: int | None, controls: int) -> Design:
    """The found net of ``task``, its edits (all, or ``most`` of them), and random nets' edits.

    ``controls``: random nets.
    """
    job = setting.search(0, task)
    (found,) = yield [job]
    net, rng = Genotype.from_json(found["genotype"]), random.Random(DRAWN)
    edits = one_edit_away(net)
    genotypes = (net.to_json(), *(edited.to_json() for _, _, edited in edits))
    # a cheap judge of all of them at once: the supernet's weights
    (shared,) = yield [ScoreJob(base=setting.base, search=job, genotypes=genotypes)]
    # one generator for all draws, in this order: the record depends on it
    chosen = range(len(edits))
    if most is not None:
        chosen = sorted(rng.sample(chosen, most))
    others = random_genotypes(job.space, controls, DRAWN)
    picked = [_picked(other, rng) for other in others]

    # the null: the found net itself, trained again; what is random is trained with fewer seeds
    seeds = range(max(setting.count(NULL_SEEDS), len(CONTROL_SEEDS)))
    jobs = {("null", seed): setting.train(net.to_json(), seed) for seed in seeds}
    for number in chosen:
        jobs["edit", number] = setting.train(edits[number][2].to_json(), 0)
    for number, other in enumerate(others):
        for seed in CONTROL_SEEDS:
            jobs["control", number, seed] = setting.train(other.to_json(), seed)
    for number, control_edits in enumerate(picked):
        for place, (_, _, edited) in enumerate(control_edits):
            jobs["control edit", number, place] = setting.train(edited.to_json(), 0)
    trained = yield from run_named(jobs)

    rows = [net_row("found", seed, trained["null", seed]) for seed in seeds]
    null = [trained["null", seed]["psnr"] for seed in seeds]
    mean = float(np.mean(null))
    for number in chosen:
        kind, what, edited = edits[number]
        row = trained["edit", number]
        rows.append(
            net_row(
                EDIT_KINDS[kind],
                0,
                row,
                replaced=replaced(net, what),
                drop=round(mean - row["psnr"], 5),
                shared_drop=round(shared["psnr"][0] - shared["psnr"][1 + number], 5),
                genotype=json.loads(edited.to_json()),
            )
        )
    for number, control_edits in enumerate(picked):
        # a random net's edits are held against its own trainings
        before = [trained["control", number, seed]["psnr"] for seed in CONTROL_SEEDS]
        for place, (kind, what, _) in enumerate(control_edits):
            row = trained["control edit", number, place]
            rows.append(
                net_row(
                    f"{EDIT_KINDS[kind]} on random",
                    0,
                    row,
                    number=number,
                    replaced=replaced(others[number], what),
                    drop=round(float(np.mean(before)) - row["psnr"], 5),
                )
            )
    return {
        "told": _shares(rows, own=mean - null[0]),
        "found": found["genotype"],
        "rows": rows,
        "null": {"mean": mean, "n": len(null)},
        "jobs": [found, shared, *trained.values()],
    }


def _picked(genotype: Genotype, rng: random.Random) -> list[tuple[str, str, Genotype]]:
    """CONTROL_EDITS of a random net; all of a kind when there are no more."""
    picked = []
    for kind, most in CONTROL_EDITS.items():
        edits = [edit for edit in one_edit_away(genotype) if edit[0] == kind]
        picked += edits if len(edits) <= most else rng.sample(edits, most)
    return picked


def _shares(rows: Sequence[dict], own: float) -> dict[str, dict]:
    """Arm -> ``share_worse`` of its drops; ``own``: the drop of the found net with seed 0."""
    drops = {}
    for kind in EDIT_KINDS.values():
        for arm in (kind, f"{kind} on random"):
            drops[arm] = [row["drop"] for row in rows if row["arm"] == arm]
    # the text of the paper names this one
    drops["R1, a 3x3 convolution replaced"] = [
        row["drop"] for row in rows if row["arm"] == "R1" and row["replaced"] == "conv_3x3"
    ]
    shares = {}
    for arm, values in drops.items():
        if values:
            # a random net was not trained again with many seeds: nothing to hold its edits against
            shares[arm] = share_worse(values, 0.0 if "random" in arm else own)
    return shares


def findings(record: dict) -> list[str]:
    from hinas_book.ch08_perturbations.edits import read

    lines = []
    for task in record["found"]:
        lines += [f"{task}:", *drop_text(read(record, task)).splitlines()]
    return lines
