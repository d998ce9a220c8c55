"""Table 3 and Figure 7: widths that the search found against widths set by hand.

And against all the paths that it could have found.
"""

from dataclasses import replace
from statistics import mean

from scipy import stats

from hinas_book.ch07_ablations.findings import of_paths
from hinas_book.kit.claims import claim
from hinas_book.kit.design import (
    Setting,
    judge_claim,
    paired_by_seed,
    report,
    run_named,
    train_nets,
)
from hinas_book.kit.verdicts import format_contrast
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.statistics import paired
from hinas_lab.presets import preset
from hinas_lab.space import cost
from hinas_lab.space.budget import Shape
from hinas_lab.space.genotype import Genotype, legal_paths

SPACE = {"layers": 3}
BY_HAND = {
    "w40": {"width_factors": (2.0,), "fixed_path": (0, 0, 0)},
    "wm": {"width_factors": (1.0, 2.0, 4.0), "fixed_path": (0, 1, 2)},
}
"""cells are searched alone, on these widths: twice W everywhere; W, then twice as wide cell by
cell"""
AGAIN = "ws, cells again"
"the found path, fixed, and its cells searched a second time, as those of w40 and wm are"
AS_WIDE, EQUAL = CONTROL = ("as wide as they come", "equal parameters")
"arms of the control: cells of the first search on every path"
CONTROL_SEEDS = 4
WIDTHS = range(3, 25)
"base widths that a path may be rescaled to"


def rescaled(genotype: Genotype, train, target: int) -> tuple[Genotype, int]:
    """``genotype`` and the base width with which its parameters are nearest to ``target``.

    Its width factors are rounded to whole channels.
    """
    shape = Shape.trained(train).words
    fits = []
    for width in WIDTHS:
        factors = tuple(round(factor * width) / width for factor in genotype.width_factors)
        # rounding leaves some factors whose product with the width is not whole, in floats
        if all((factor * width).is_integer() for factor in factors):
            whole = replace(genotype, width_factors=factors)
            fits.append((abs(cost.parameters(whole, width, **shape) - target), width, whole))
    # the first of equals, i.e. the narrowest
    _, width, whole = min(fits, key=lambda fit: fit[0])
    return whole, width


def design(setting: Setting) -> Design:
    seeds = range(setting.count(claim("widths-w40").n))
    searches = {("ws", seed): setting.search(seed, space=SPACE) for seed in seeds}
    searched = yield from run_named(searches)
    # the cells alone, on widths that are given: both by hand, and each seed's own found path
    jobs = {}
    for seed in seeds:
        again = {AGAIN: {"fixed_path": tuple(searched["ws", seed]["path"])}}
        for arm, space in (BY_HAND | again).items():
            jobs[arm, seed] = setting.search(seed, space=SPACE | space)
    cells = yield from run_named(jobs)
    nets = []
    for (arm, seed), row in (searched | cells).items():
        path = list(Genotype.from_json(row["genotype"]).path)
        columns = {"arm": arm, "seed": seed, "path": path, "genotype": row["genotype"]}
        nets.append((columns, setting.train(row["genotype"], seed)))
    rows, trained = yield from train_nets(nets)

    # the control: is the found path good among all of them?
    paths = legal_paths(searches["ws", 0].space)
    first = Genotype.from_json(searched["ws", 0]["genotype"])
    nets = _control(setting, first, paths, target=rows[0]["parameters"])
    controls, control_trained = yield from train_nets(nets)
    ranks, tau = {}, {}
    for arm in CONTROL:
        means, sizes = _by_path(controls, arm)
        # rank 1 is the best of all paths
        order = sorted(paths, key=means.get, reverse=True)
        ranks[arm] = [1 + order.index(tuple(searched["ws", seed]["path"])) for seed in seeds]
        tau[arm] = float(stats.kendalltau(list(means.values()), list(sizes.values())).statistic)

    claims = {}
    for arm in BY_HAND:
        verdict = judge_claim(f"widths-{arm}", paired_by_seed(rows, "ws", arm))
        claims[f"widths-{arm}"] = verdict | {"note": like_for_like(rows, arm)}
    return report(
        "widths",
        setting,
        rows + controls,
        [*searched.values(), *cells.values(), *trained, *control_trained],
        claims,
        paths=len(paths),
        ranks=ranks,
        tau_parameters=tau,
        again=paired_by_seed(rows, "ws", AGAIN),
    )


def _control(setting: Setting, first: Genotype, paths, target: int) -> list[tuple]:
    """The cells of ``first`` on each of ``paths``, as they are and with ``target`` parameters."""
    train = preset(setting.base).train
    nets = []
    for path in paths:
        # a score belongs to the path that was decoded
        genotype = replace(first, path=path, path_score=None)
        fitted, width = rescaled(genotype, train, target)
        for seed in range(min(CONTROL_SEEDS, setting.count(CONTROL_SEEDS))):
            columns = {"seed": seed, "path": list(path)}
            raw = setting.train(genotype.to_json(), seed)
            equal = setting.train(fitted.to_json(), seed, width=width)
            nets += [({"arm": AS_WIDE, **columns}, raw), ({"arm": EQUAL, **columns}, equal)]
    return nets


def _by_path(controls: list[dict], arm: str) -> tuple[dict, dict]:
    """Path -> mean PSNR in dB, and path -> parameters, of one arm of the control."""
    values, sizes = {}, {}
    for row in controls:
        if row["arm"] == arm:
            path = tuple(row["path"])
            values.setdefault(path, []).append(row["psnr"])
            sizes[path] = row["parameters"]
    means = {path: sum(psnr) / len(psnr) for path, psnr in values.items()}
    return means, sizes


def like_for_like(rows: list[dict], arm: str) -> str:
    """Cells of ``arm`` were searched alone on their path; those of ws beside the widths."""
    contrast = format_contrast(paired(paired_by_seed(rows, AGAIN, arm)))
    sizes = {}
    for name in ("ws", arm):
        sizes[name] = mean(row["parameters"] for row in rows if row["arm"] == name)
    return (
        f"with the cells of ws searched again on the found path, as those of {arm} were: "
        f"{contrast}; mean parameters of ws {sizes['ws']:,.0f}, of {arm} {sizes[arm]:,.0f}"
    )


def findings(record: dict) -> list[str]:
    return of_paths(record)


def figure(record: dict):
    from hinas_book.ch07_ablations.figures import figure_widths

    return figure_widths(record)
