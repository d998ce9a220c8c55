"""Section 4.2.4 finds that the last layer has the most channels. Does the search do that, or do most width paths end so anyway?"""

from scipy import stats

from hinas_book.ch09_against_random.findings import path_text
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, report
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.width_paths import chance, is_widest_last
from hinas_lab.space.genotype import legal_paths

SPACE = {"layers": 3}
"as the paper's: 12 paths, 8 of them end at their maximum"
NORMS = ("outgoing", "incoming")
STD = 0.001
"of beta before a search"


def design(setting: Setting) -> Design:
    registered = claim("path-last-widest")
    seeds = range(setting.count(registered.n))
    jobs = [
        setting.search(seed, space=SPACE | {"beta_norm": norm}) for norm in NORMS for seed in seeds
    ]
    searches = yield jobs
    rows, share = [], {}
    for job, row in zip(jobs, searches):
        before, after = tuple(row["before"]), tuple(row["path"])
        rows.append(
            {
                "arm": job.space.beta_norm,
                "seed": job.search.seed,
                "before": list(before),
                "after": list(after),
                "widest_before": is_widest_last(before),
                "widest_after": is_widest_last(after),
                "key": row["key"],
            }
        )
    paths = legal_paths(jobs[0].space)
    base = sum(map(is_widest_last, paths)) / len(paths)
    for norm in NORMS:
        space = next(j.space for j in jobs if j.space.beta_norm == norm)
        mine = [r for r in rows if r["arm"] == norm]
        untrained = chance(space, [STD])[0].widest_last
        hits = sum(r["widest_after"] for r in mine)
        test = stats.binomtest(hits, len(mine), min(max(untrained, 1e-9), 1 - 1e-9))
        interval = stats.binomtest(hits, len(mine)).proportion_ci(method="exact")
        share[norm] = {
            "n": len(mine),
            "hits": hits,
            "share": hits / len(mine),
            "low": interval.low,
            "high": interval.high,
            "untrained": untrained,
            "p": test.pvalue,
            "before": sum(r["widest_before"] for r in mine),
            "p_against_paths": stats.binomtest(hits, len(mine), base).pvalue,
        }
    told = share["outgoing"]
    gap = told["share"] - told["untrained"]
    decided = len(seeds) >= registered.n and told["p"] < 0.05
    verdict = ("supported" if gap > 0 else "contradicted") if decided else "unresolved"
    strict = [
        sum(p[-1] > max(p[:-1]) for p in (r[when] for r in rows if r["arm"] == "outgoing"))
        for when in ("after", "before")
    ]
    note = (
        f"no layer is wider than the last in {told['hits']} of {told['n']} after the search, {told['before']} before it (all others "
        f"narrower: {strict[0]}, {strict[1]}); untrained beta decodes to it in {told['untrained']:.0%}; of all {len(paths)} paths "
        f"{sum(map(is_widest_last, paths))} end so (p {told['p_against_paths']:.2g}); with the other softmax of beta "
        f"{share['incoming']['hits']} of {share['incoming']['n']} after, {share['incoming']['before']} before"
    )
    claims = {
        "path-last-widest": {
            "verdict": verdict,
            "least": registered.least,
            "metric": "share",
            "mean": gap,
            "p": told["p"],
            "low": told["low"] - told["untrained"],
            "high": told["high"] - told["untrained"],
            "n": told["n"],
            "note": note,
        }
    }
    return report(
        "paths", setting, rows, searches, claims, shares=share, paths=len(paths), paths_widest=base
    )


def findings(record: dict) -> list[str]:
    return path_text(record).splitlines()
