"""Section 4.2.4 finds that the last layer has the most channels.

Does the search do that, or do most width paths end so anyway?
"""

from dataclasses import replace

from scipy import stats

from hinas_book.ch09_against_random.findings import path_text
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, report
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.width_paths import chance, is_widest_last
from hinas_lab.presets import preset
from hinas_lab.space.genotype import legal_paths

SPACE = {"layers": 3}
"as the paper's: 12 paths, 8 of them end at their maximum"
NORMS = ("outgoing", "incoming")
"the softmax of beta: the paper's, and the other way round"
STD = 0.001
"of beta before a search"


def design(setting: Setting) -> Design:
    """Searches with both softmaxes; the width path of each before its first step and at its end."""
    registered = claim("path-last-widest")
    seeds = range(setting.count(registered.n))
    jobs = []
    for norm in NORMS:
        jobs += [setting.search(seed, space=SPACE | {"beta_norm": norm}) for seed in seeds]
    searches = yield jobs
    rows = []
    for job, search in zip(jobs, searches):
        row = {
            "arm": job.space.beta_norm,
            "seed": job.search.seed,
            "before": search["before"],
            "after": search["path"],
            "widest_before": is_widest_last(search["before"]),
            "widest_after": is_widest_last(search["path"]),
            "key": search["key"],
        }
        rows.append(row)
    # the base rate: how many legal paths end at their maximum whatever a search does
    ends = [is_widest_last(path) for path in legal_paths(jobs[0].space)]
    base = sum(ends) / len(ends)
    shares = {}
    # the first job of each softmax stands for its space
    for norm, job in zip(NORMS, jobs[:: len(seeds)]):
        arm = [row for row in rows if row["arm"] == norm]
        untrained = chance(job.space, [STD])[0].widest_last
        hits = sum(row["widest_after"] for row in arm)
        # Clopper-Pearson: a handful of searches, often all of them hits
        interval = stats.binomtest(hits, len(arm)).proportion_ci(method="exact")
        # a share of exactly 0 or 1 would make one search against it impossible, and p 0
        against = min(max(untrained, 1e-9), 1 - 1e-9)
        shares[norm] = {
            "n": len(arm),
            "hits": hits,
            "share": hits / len(arm),
            "low": interval.low,
            "high": interval.high,
            "untrained": untrained,
            "p": stats.binomtest(hits, len(arm), against).pvalue,
            "before": sum(row["widest_before"] for row in arm),
            "p_against_paths": stats.binomtest(hits, len(arm), base).pvalue,
        }
    claims = {"path-last-widest": _judgement(registered, len(seeds), rows, shares, ends)}
    return report(
        "paths", setting, rows, searches, claims, shares=shares, paths=len(ends), paths_widest=base
    )


def _judgement(registered, seeds: int, rows: list[dict], shares: dict, ends: list[bool]) -> dict:
    """The verdict, of the paper's softmax: share after a search minus that of untrained beta."""
    share, other = shares["outgoing"], shares["incoming"]
    gap = share["share"] - share["untrained"]
    verdict = "unresolved"
    # fewer searches than registered decide nothing
    if seeds >= registered.n and share["p"] < 0.05:
        verdict = "supported" if gap > 0 else "contradicted"
    # strictly: a path that is equally wide everywhere also has no layer wider than the last
    narrower = {}
    for when in ("after", "before"):
        paths = [row[when] for row in rows if row["arm"] == "outgoing"]
        narrower[when] = sum(path[-1] > max(path[:-1]) for path in paths)
    note = (
        f"no layer is wider than the last in {share['hits']} of {share['n']} after the search, "
        f"{share['before']} before it (all others narrower: {narrower['after']}, "
        f"{narrower['before']}); untrained beta decodes to it in {share['untrained']:.0%}; "
        f"of all {len(ends)} paths {sum(ends)} end so (p {share['p_against_paths']:.2g}); "
        f"with the other softmax of beta {other['hits']} of {other['n']} after, "
        f"{other['before']} before"
    )
    return {
        "verdict": verdict,
        "least": registered.least,
        "metric": "share",
        "mean": gap,
        "p": share["p"],
        "low": share["low"] - share["untrained"],
        "high": share["high"] - share["untrained"],
        "n": share["n"],
        "note": note,
    }


def at_first(record: dict) -> dict[str, str]:
    """The verdict on the first wording: the share of searches that end at the largest width."""
    registered = claim("path-last-widest")
    paths = legal_paths(replace(preset(record["preset"]).space, **SPACE))
    largest = max(path[-1] for path in paths)
    chance = sum(path[-1] == largest for path in paths)
    rows = [row for row in record["rows"] if row["arm"] == "outgoing"]
    n = len(rows)
    after, before = (sum(row[when][-1] == largest for row in rows) for when in ("after", "before"))
    p = stats.fisher_exact([[after, n - after], [before, n - before]]).pvalue
    verdict = "unresolved"
    if n >= registered.n and p < 0.05:
        verdict = "supported" if after > before else "contradicted"
    by_chance = stats.binomtest(after, n, chance / len(paths)).pvalue
    text = (
        f"{verdict}: ends at the largest width in {after} of {n} after the search, {before} of {n} "
        f"before it (Fisher's exact p {p:.2g}); {chance} of {len(paths)} paths end there by chance "
        f"(binomial p {by_chance:.2g})"
    )
    if before == 0:
        text += (
            "; the binomial test that the row names, against the 0 % before, would call one single "
            "hit significant, so that no verdict rests on it"
        )
    if record["shares"]["outgoing"]["untrained"] == 1:
        text += "; as worded now the baseline is 100 %, so that it can never be supported"
    return {registered.id: text}


def findings(record: dict) -> list[str]:
    """``path_text``, line by line."""
    return path_text(record).splitlines()


def figure(record: dict):
    from hinas_book.ch09_against_random.figures import figure_paths

    return figure_paths(record)
