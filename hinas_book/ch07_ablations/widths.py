"""Table 3 and Figure 7: widths that the search found against widths set by hand, and against all the paths it could have found."""

from dataclasses import replace
from statistics import mean

from scipy import stats

from hinas_book.ch07_ablations.findings import of_paths
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, net_row, paired_by_seed, report
from hinas_book.kit.verdicts import format_contrast
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.statistics import paired
from hinas_lab.config import preset
from hinas_lab.space import cost
from hinas_lab.space.genotype import Genotype, legal_paths

SPACE = {"layers": 3}
BY_HAND = {
    "w40": {"width_factors": (2.0,), "fixed_path": (0, 0, 0)},
    "wm": {"width_factors": (1.0, 2.0, 4.0), "fixed_path": (0, 1, 2)},
}
"cells are searched alone, on these widths: twice W everywhere; W, then twice as wide cell by cell"
AGAIN = "ws, cells again"
"the found path, fixed, and its cells searched a second time, as those of w40 and wm are"
CONTROL_SEEDS = 4
WIDTHS = range(3, 25)
"base widths that a path may be rescaled to"


def rescaled(genotype: Genotype, train, target: int) -> tuple[Genotype, int]:
    """``genotype`` with width factors rounded to whole channels, and the base width with which its parameters are nearest to
    ``target``."""
    shape = {name: getattr(train, name) for name in ("stem", "end", "repeats")}
    whole = lambda w: replace(
        genotype, width_factors=tuple(round(f * w) / w for f in genotype.width_factors)
    )  # noqa: E731
    fits = [w for w in WIDTHS if all(f * w == int(f * w) for f in whole(w).width_factors)]
    best = min(fits, key=lambda w: abs(cost.parameters(whole(w), w, **shape) - target))
    return whole(best), best


def design(setting: Setting) -> Design:
    seeds = range(setting.count(claim("widths-w40").n))
    jobs = {seed: setting.search(seed, space=SPACE) for seed in seeds}
    searched = dict(zip(jobs, (yield list(jobs.values()))))
    fixed = {
        (arm, seed): setting.search(seed, space=SPACE | space)
        for seed in seeds
        for arm, space in (BY_HAND | {AGAIN: {"fixed_path": tuple(searched[seed]["path"])}}).items()
    }
    cells = dict(zip(fixed, (yield list(fixed.values()))))
    arms = {("ws", seed): row["genotype"] for seed, row in searched.items()} | {
        at: row["genotype"] for at, row in cells.items()
    }
    nets = dict(zip(arms, (yield [setting.train(g, at[1]) for at, g in arms.items()])))
    # the control: cells of the first search, on every path, as wide as they come and at equal parameters
    first, train = Genotype.from_json(searched[0]["genotype"]), preset(setting.base).train
    paths, target = legal_paths(jobs[0].space), nets["ws", 0]["parameters"]
    control = {}
    for path in paths:
        g = replace(first, path=path, path_score=None)
        fitted, width = rescaled(g, train, target)
        for seed in range(min(CONTROL_SEEDS, setting.seeds or CONTROL_SEEDS)):
            control["as wide as they come", path, seed] = setting.train(g.to_json(), seed)
            control["equal parameters", path, seed] = setting.train(
                fitted.to_json(), seed, width=width
            )
    trained = dict(zip(control, (yield list(control.values()))))
    rows = [
        net_row(arm, seed, row, path=row_path(row), genotype=arms[arm, seed])
        for (arm, seed), row in nets.items()
    ]
    controls = [
        net_row(arm, seed, row, path=list(path)) for (arm, path, seed), row in trained.items()
    ]
    ranks, tau = {}, {}
    for arm in ("as wide as they come", "equal parameters"):
        mine = [r for r in controls if r["arm"] == arm]
        of = lambda path, name: [r[name] for r in mine if tuple(r["path"]) == path]  # noqa: E731, B023
        means = {path: sum(of(path, "psnr")) / len(of(path, "psnr")) for path in paths}
        order = sorted(paths, key=means.get, reverse=True)
        ranks[arm] = [1 + order.index(tuple(searched[s]["path"])) for s in seeds]
        tau[arm] = float(
            stats.kendalltau(
                list(means.values()), [of(path, "parameters")[0] for path in paths]
            ).statistic
        )
    claims = {
        f"widths-{arm}": judge_claim(f"widths-{arm}", paired_by_seed(rows, "ws", arm))
        | {"note": like_for_like(rows, arm)}
        for arm in BY_HAND
    }
    used = [*searched.values(), *cells.values(), *nets.values(), *trained.values()]
    return report(
        "widths",
        setting,
        rows + controls,
        used,
        claims,
        paths=len(paths),
        ranks=ranks,
        tau_parameters=tau,
        again=paired_by_seed(rows, "ws", AGAIN),
    )


def like_for_like(rows: list[dict], arm: str) -> str:
    """Cells of ``arm`` were searched alone on their path; those of ws beside the widths."""
    size = {name: mean(r["parameters"] for r in rows if r["arm"] == name) for name in ("ws", arm)}
    gap = format_contrast(paired(paired_by_seed(rows, AGAIN, arm)))
    return (
        f"with the cells of ws searched again on the found path, as those of {arm} were: {gap}; "
        f"mean parameters of ws {size['ws']:,.0f}, of {arm} {size[arm]:,.0f}"
    )


def row_path(row: dict) -> list[int]:
    return list(Genotype.from_json(row["genotype"]).path)


def findings(record: dict) -> list[str]:
    return of_paths(record)
