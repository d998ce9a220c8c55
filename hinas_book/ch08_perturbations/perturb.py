"""Tables 6 and 7 show two changed nets, both worse. Here every net one edit away is trained: R1 changes an operation, R2 a source.

The paper changes several parts of a net at once; one edit is the smallest such change, and what "local" means. Two things examples cannot
show: how far a net lies from itself, trained again (the null), and what edits of the same kinds do to nets that nobody searched for (the
control).
"""

import json
import random
from math import nan

import numpy as np
from scipy import stats

from hinas_book.ch08_perturbations.findings import drop_text
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, net_row, report
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.jobs import ScoreJob
from hinas_lab.analysis.random_nets import random_genotypes
from hinas_lab.analysis.statistics import LEAST, luck_p, share_by_luck, share_worse, wilson
from hinas_lab.space.genotype import Genotype, neighbours

NULL_SEEDS = 8
CONTROLS, DRAWN, CONTROL_EDITS, CONTROL_SEEDS = 19, 2000, {"operation": 4, "source": 2}, (0, 1)
"random genotypes (with the found net they are 20: the first of 20 is rare), the seed that draws them and their edits, edits of each, seeds"
PLAN = {"denoise": {"most": None, "controls": CONTROLS}, "sr": {"most": None, "controls": 0}}
FEWER = {"classroom": {"denoise": {"most": 24, "controls": 0}}}
"where a training takes minutes"
EDIT_KINDS = {"operation": "R1", "source": "R2", "width": "width"}
"what ``neighbours`` edits -> what the record calls it"


def one_edit_away(genotype: Genotype) -> list[tuple[str, str, Genotype]]:
    """(kind, what, genotype) of every operation and every source that can be changed."""
    return [
        (what.partition(":")[0], what, g)
        for what, g in neighbours(genotype)
        if not what.startswith("width")
    ]


def replaced(genotype: Genotype, what: str) -> str:
    """The operation that an edit at ``what`` (layer, node, edge) takes away or rewires."""
    layer, node, edge = (int(part.split()[-1]) for part in what.partition(":")[2].split(","))
    return genotype.cells[layer][node][edge][0]


def judged_share(id: str, told: dict, trainings: int) -> dict:
    """Worse more often than a coin would have it, more often than noise alone when all drops are measured from one mean of so many
    ``trainings``, more often than not against the found net's training with the edits' own seed, too (a seed may shift all nets alike),
    and by the smallest effect of interest on average; contradicted: less often than all three. p: the largest of the tests'."""
    registered, share, n = claim(id), told["worse"] / told["n"], told["n"]
    least, most = share_by_luck(n, trainings)
    low, high = wilson(told["same_seed"], n)
    verdict = "unresolved"
    if (
        n >= LEAST
        and min(told["low"], low) > 0.5
        and share > most
        and told["mean_drop"] >= registered.least
    ):
        verdict = "supported"
    elif n >= LEAST and max(told["high"], high) < 0.5 and share < least:
        verdict = "contradicted"
    p = (
        max(luck_p(told["worse"], n, trainings), stats.binomtest(told["same_seed"], n).pvalue)
        if n >= LEAST
        else nan
    )
    return {
        "verdict": verdict,
        "least": registered.least,
        "metric": "share of edits that are worse",
        "mean": share,
        "low": told["low"],
        "high": told["high"],
        "p": p,
        "n": n,
        "note": f"noise alone would call {100 * least:.0f} % to {100 * most:.0f} % worse; {told['same_seed']} of {n} are worse than "
        "the found net's training with their own seed",
    }


def design(setting: Setting) -> Design:
    told, null, found, claims, rows, used = {}, {}, {}, {}, [], []
    for task, plan in FEWER.get(setting.base, PLAN).items():
        part = yield from one_task(setting, task, **plan)
        told[task], null[task], found[task] = part["told"], part["null"], part["found"]
        rows += [{"task": task, **row} for row in part["rows"]]
        used += part["jobs"]
        if task == claim("local-optimum-r1").task:
            claims = {
                f"local-optimum-{k.lower()}": judged_share(
                    f"local-optimum-{k.lower()}", told[task][k], null[task]["n"]
                )
                for k in EDIT_KINDS.values()
                if k in told[task]
            }
    return report("perturb", setting, rows, used, claims, told=told, null=null, found=found)


def one_task(setting: Setting, task: str, most: int | None, controls: int) -> Design:
    """The found net of ``task``, its edits (all, or ``most`` of them), and edits of ``controls`` random nets."""
    job = setting.search(0, task)
    (found,) = yield [job]
    net, rng = Genotype.from_json(found["genotype"]), random.Random(DRAWN)
    edits = one_edit_away(net)
    (shared,) = yield [
        ScoreJob(
            base=setting.base,
            search=job,
            genotypes=(net.to_json(), *(g.to_json() for _, _, g in edits)),
        )
    ]
    chosen = range(len(edits)) if most is None else sorted(rng.sample(range(len(edits)), most))
    seeds = range(max(setting.count(NULL_SEEDS), len(CONTROL_SEEDS)))
    asked = {("null", s): setting.train(net.to_json(), s) for s in seeds}
    asked |= {("edit", i): setting.train(edits[i][2].to_json(), 0) for i in chosen}
    others = random_genotypes(job.space, controls, DRAWN)
    picked = {}
    for c, other in enumerate(others):
        for kind, few in CONTROL_EDITS.items():
            some = [e for e in one_edit_away(other) if e[0] == kind]
            for n, edit in enumerate(some if len(some) <= few else rng.sample(some, few)):
                picked[c, kind, n] = edit
        asked |= {("control", c, s): setting.train(other.to_json(), s) for s in CONTROL_SEEDS}
    asked |= {
        ("control edit", *at): setting.train(g.to_json(), 0) for at, (_, _, g) in picked.items()
    }
    trained = dict(zip(asked, (yield list(asked.values()))))

    null = [trained["null", s]["psnr"] for s in seeds]
    rows = [net_row("found", s, trained["null", s]) for s in seeds]
    for i in chosen:
        kind, what, g = edits[i]
        rows.append(
            net_row(
                EDIT_KINDS[kind],
                0,
                trained["edit", i],
                replaced=replaced(net, what),
                drop=round(float(np.mean(null)) - trained["edit", i]["psnr"], 5),
                shared_drop=round(shared["psnr"][0] - shared["psnr"][1 + i], 5),
                genotype=json.loads(g.to_json()),
            )
        )
    before = {
        c: np.mean([trained["control", c, s]["psnr"] for s in CONTROL_SEEDS])
        for c in range(len(others))
    }
    for at, (kind, what, _) in picked.items():
        row, c = trained["control edit", *at], at[0]
        rows.append(
            net_row(
                f"{EDIT_KINDS[kind]} on random",
                0,
                row,
                number=c,
                replaced=replaced(others[c], what),
                drop=round(float(before[c]) - row["psnr"], 5),
            )
        )
    arms = {
        arm: [r["drop"] for r in rows if r["arm"] == arm]
        for kind in EDIT_KINDS.values()
        for arm in (kind, f"{kind} on random")
    }
    arms["R1, a 3x3 convolution replaced"] = [
        r["drop"] for r in rows if r["arm"] == "R1" and r["replaced"] == "conv_3x3"
    ]
    own = float(np.mean(null)) - null[0]
    told = {
        arm: share_worse(drops, 0.0 if "random" in arm else own)
        for arm, drops in arms.items()
        if drops
    }
    return {
        "told": told,
        "found": found["genotype"],
        "rows": rows,
        "null": {"mean": float(np.mean(null)), "n": len(null)},
        "jobs": [found, shared, *trained.values()],
    }


def findings(record: dict) -> list[str]:
    from hinas_book.ch08_perturbations.edits import read

    lines = []
    for task in record["found"]:
        lines += [f"{task}:", *drop_text(read(record, task)).splitlines()]
    return lines
