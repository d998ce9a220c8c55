"""What the study ``search`` says: random nets as a distribution, where searched ones land in it, how well anything ranks nets, and what the
seconds of a search buy otherwise. Nets are counted n, trainings of each two. No torch until something is drawn from a supernet."""

from dataclasses import dataclass
from math import floor, nan

import numpy as np
from scipy import stats

from hinas_book.kit.missing import unless_missing
from hinas_book.kit.verdicts import format_contrast
from hinas_book.paper.published import paper_table
from hinas_lab.analysis.statistics import Contrast, best_of, kendall, percentile, verdict
from hinas_lab.space.cost import receptive_radius
from hinas_lab.space.genotype import Genotype

COLUMNS = {
    "shared weights": "shared",
    "shared weights, not recalibrated": "raw",
    "untrained supernet": "untrained",
    "parameters": "parameters",
    "MACs": "macs",
}
"predictor -> where a row of the record has it; the receptive radius is worked out from the genotype"
NAMES = {"searched": "searched", "rsws": "RSWS"}
DRAWS = 4000
"of a bootstrap"


@dataclass(frozen=True, kw_only=True)
class RandomBaseline:
    """Trained nets of one study; PSNR in dB on the test photographs."""

    random: np.ndarray
    "(n, 2) of n random nets, trained twice"
    searched: np.ndarray
    "(seeds,)"
    rsws: np.ndarray
    "(seeds,) of the best random net by shared weights, on each search's supernet"
    predictors: dict[str, np.ndarray]
    "name -> (n,), what is known of a random net before it is trained"
    seconds: dict[str, float]
    "search, training, scoring: of one search, of one training, of all genotypes of one RSWS"
    scored: int
    "genotypes that one RSWS scores"

    @property
    def seed_sd(self) -> float:
        """dB: standard deviation of one training, the net being the same."""
        return float(np.sqrt(self.random.var(1, ddof=1).mean()))

    @property
    def retest(self) -> Contrast:
        """tau-b of one training against another of the same nets: a yardstick and no ceiling, what is less noisy may rank
        better."""
        return kendall(self.random[:, 0], self.random[:, 1])


@unless_missing
def read(record: dict) -> RandomBaseline:
    """The study's record as values."""
    rows = record["rows"]
    once = {
        t: sorted(
            (r for r in rows if r["arm"] == "random" and r["seed"] == t), key=lambda r: r["number"]
        )
        for t in (1, 2)
    }
    first, nets = once[1], [Genotype.from_json(r["genotype"]) for r in once[1]]
    values = {name: np.array([r[key] for r in first], float) for name, key in COLUMNS.items()}
    arm = lambda name: np.array([r["psnr"] for r in rows if r["arm"] == name])  # noqa: E731
    return RandomBaseline(
        random=np.array([[r["psnr"] for r in once[t]] for t in (1, 2)]).T,
        searched=arm("searched"),
        rsws=arm("rsws"),
        predictors=values
        | {"receptive radius": np.array([receptive_radius(g) for g in nets], float)},
        seconds=record["seconds"],
        scored=len(nets),
    )


@unless_missing
def taus(field: RandomBaseline) -> dict[str, Contrast]:
    """Of each predictor: tau-b against one training, the mean over both, so that it may be held against ``retest``; nan for a predictor
    that says the same of every net."""
    out = {}
    for name, x in field.predictors.items():
        both = [kendall(x, y) for y in field.random.T]
        out[name] = Contrast(
            **{
                k: float(np.mean([getattr(c, k) for c in both]))
                for k in ("mean", "low", "high", "p")
            },
            n=len(x),
        )
    return out


def best_then(random: np.ndarray, k: int) -> tuple[float, float]:
    """Of trainings (n, 2): the expected best of ``k`` nets in the training that picked it, and the same net's other training, where
    nothing was picked; the mean of both directions. ValueError for k outside 1 to n."""
    a, b = random.T
    return (best_of(a, k) + best_of(b, k)) / 2, (best_of(a, k, b) + best_of(b, k, a)) / 2


@unless_missing
def equal_cost(field: RandomBaseline) -> int:
    """How many random nets can be trained in the seconds of one search and the training of what it found; at most all that there are."""
    k = 1 + floor(field.seconds["search"] / field.seconds["training"])
    return min(k, len(field.random))


@unless_missing
def needed(field: RandomBaseline, level: float) -> int | None:
    """The fewest random nets whose best, trained once more, is expected to reach ``level`` dB; None when all are too few."""
    return next(
        (k for k in range(1, 1 + len(field.random)) if best_then(field.random, k)[1] >= level), None
    )


@unless_missing
def against_best_of(field: RandomBaseline, k: int) -> Contrast:
    """Searched minus the best of ``k`` random nets, both judged by a training that picked nothing; dB, with a bootstrap interval over
    searches and random nets (seed 0). No interval where k is more than a third of the nets: a resample holds too few different ones."""
    rng, n, m = np.random.default_rng(0), len(field.random), len(field.searched)
    mean, low, high = float(field.searched.mean()) - best_then(field.random, k)[1], nan, nan
    if 3 * k <= n:
        gap = [
            field.searched[rng.integers(m, size=m)].mean()
            - best_then(field.random[rng.integers(n, size=n)], k)[1]
            for _ in range(DRAWS)
        ]
        low, high = np.quantile(gap, [0.025, 0.975]).tolist()
    return Contrast(mean=mean, low=low, high=high, n=min(n, m))


@unless_missing
def percentiles(field: RandomBaseline) -> dict[str, np.ndarray]:
    """searched, rsws -> (seeds,) of how many in 100 trainings of random nets are below, ties counted half."""
    return {
        name: np.array([percentile(x, field.random.ravel()) for x in values])
        for name, values in (("searched", field.searched), ("rsws", field.rsws))
    }


@unless_missing
def permutation_p(field: RandomBaseline) -> float:
    """Two-sided p that the searched nets and as many random ones, trained once each, are alike: the labels drawn anew (9999 times, seed
    0), the difference of means held against them."""
    if min(len(field.searched), len(field.random)) < 2:
        return nan
    return float(
        stats.permutation_test(
            (field.searched, field.random[:, 0]),
            lambda a, b, axis: a.mean(axis) - b.mean(axis),
            n_resamples=9999,
            vectorized=True,
            rng=np.random.default_rng(0),
        ).pvalue
    )


@unless_missing
def percentile_text(field: RandomBaseline) -> str:
    """Where the nets land, in words."""
    random, sd = field.random.mean(1), field.seed_sd
    out = [
        f"{len(random)} random nets, two trainings each: mean {random.mean():.3f} dB; sd from net to net "
        f"{random.std(ddof=1):.3f}, of one net's trainings {sd:.3f}"
    ]
    for name, p in percentiles(field).items():
        values = getattr(field, name)
        out.append(
            f"{len(values)} {NAMES[name]:<9} mean {values.mean():.3f} dB, {values.mean() - random.mean():+.3f} from random "
            f"({(values.mean() - random.mean()) / sd:+.1f} sd of a training); percentiles {p.min():.0f} to {p.max():.0f}, "
            f"median {np.median(p):.0f}"
        )
    if (p := permutation_p(field)) == p:
        out.append(f"searched or random, labels drawn anew: p = {p:.2g}")
    return "\n".join(out)


@unless_missing
def search_text(field: RandomBaseline) -> str:
    """Where nets land, what ranks them, what a search costs."""
    ranks = [
        f"tau-b, {name:<35}{format_contrast(tau, 'tau')}"
        for name, tau in {"another training": field.retest, **taus(field)}.items()
        if np.isfinite(tau.mean)
    ]
    return "\n".join([percentile_text(field), *ranks, cost_text(field), best_of_k_text(field, equal_cost(field))])


@unless_missing
def needed_text(field: RandomBaseline) -> str:
    """How many random nets it takes to reach the searched ones."""
    k, level = needed(field, float(field.searched.mean())), field.searched.mean()
    few = f"the best of all {len(field.random)} random nets does not reach it"
    return f"searched mean {level:.3f} dB: " + (
        f"the best of {k} random nets reaches it, trained once more" if k else few
    )


@unless_missing
def best_of_k_text(field: RandomBaseline, k: int) -> str:
    """What ``k`` random nets give, beside a search."""
    best, again = best_then(field.random, k)
    c = against_best_of(field, k)
    said = {"supported": "searched is better", "contradicted": "random is better"}.get(
        verdict(c), "not resolved"
    )
    return (
        f"best of {k}: {best:.3f} dB in the training that picked it, {again:.3f} in another\nsearched minus the latter: "
        f"{format_contrast(c)}: {said}"
    )


@unless_missing
def cost_text(field: RandomBaseline) -> str:
    """Seconds of the parts, and the nets that they buy."""
    s, k = field.seconds, equal_cost(field)
    out = [
        f"a search                {s['search']:8.1f} s",
        f"one training            {s['training']:8.1f} s",
        f"scores of {field.scored} genotypes  {s['scoring']:8.1f} s   (shared weights, once the supernet is there)",
        f"search + training = {k} random nets trained"
        + (" (all that there are)" if k == len(field.random) else ""),
    ]
    return "\n".join(out)


def hours_text() -> str:
    """Tables 8 and 9: what searches cost in print."""
    sharing = {True: ", cell sharing", False: ", no cell sharing", None: ""}
    return "\n".join(
        f"Table {number}: {row['method'].printed:<9}{row['hours'].printed:>5} h on {row['gpu'].printed:<9}by "
        f"{row['search'].printed}{sharing[row['cell_sharing'].value]}"
        for number in (8, 9)
        for row in paper_table(number).rows
    )


# ---------------------------------------------------------------- the studies paths and epochs


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 0.001 else "below 0.001"


@unless_missing
def path_text(record: dict) -> str:
    """How often the last layer is widest, before and after, beside the base rates."""
    out = [
        f"no layer wider than the last: {record['paths_widest']:.0%} of the {record['paths']} paths"
    ]
    for norm, s in record["shares"].items():
        moved = sum(r["before"] != r["after"] for r in record["rows"] if r["arm"] == norm)
        out.append(
            f"{norm:<9} untrained {s['untrained']:.0%}; these searches: {s['before']} of {s['n']} before their first step, "
            f"{s['hits']} of {s['n']} afterwards"
        )
        out.append(f"{'':<9} ({s['low']:.0%} to {s['high']:.0%}), {moved} changed their path")
        out.append(
            f"{'':<9} exact p against untrained {_p(s['p'])}, against the share of paths {_p(s['p_against_paths'])}"
        )
    return "\n".join(out)


@unless_missing
def checkpoints(record: dict) -> dict[str, np.ndarray]:
    """The study ``epochs`` as arrays: ``epoch`` (C,); ``soft``, ``shared``, ``psnr``, ``skip_share`` (searches, C), and as column C the
    same at the epoch that V picked; ``picked`` (searches,): that epoch. nan where a study did not measure."""
    at = {
        (r["seed"], "picked" if r["arm"] == "best on V" else r["epoch"]): r for r in record["rows"]
    }
    seeds, epochs = sorted({seed for seed, _ in at}), record["checkpoints"]
    value = lambda r, k: nan if r.get(k) is None else r[k]  # noqa: E731
    columns = {
        k: np.array([[value(at[s, e], k) for e in (*epochs, "picked")] for s in seeds])
        for k in ("soft", "shared", "psnr", "skip_share")
    }
    return {"epoch": np.array(epochs), "picked": np.array(record["picked"]), **columns}


@unless_missing
def both_paces(record: dict) -> str:
    """``epoch_text`` of the searches as the preset has them, and of the eager ones."""
    eager = ", ".join(f"{k} {v:g}" for k, v in record["eager"]["changes"].items())
    return (
        f"{epoch_text(record)}\n\neager ({eager}), not registered:\n{epoch_text(record['eager'])}"
    )


@unless_missing
def epoch_text(record: dict) -> str:
    """What becomes of a search that goes on, from its first checkpoint to its last."""
    c, told = checkpoints(record), record["claims"]["best-on-v"]
    mean = lambda k, i: float(np.nanmean(c[k][:, i]))  # noqa: E731
    out = [
        f"epoch {c['epoch'][0]} to {c['epoch'][-1]}, {len(c['picked'])} searches; V picked epoch {', '.join(map(str, c['picked']))}"
    ]
    for key, name, unit in (
        ("soft", "soft supernet on V", " dB"),
        ("shared", "decoded, supernet's weights", " dB"),
        ("psnr", "retrained", " dB"),
        ("skip_share", "skips among the edges", ""),
    ):
        digits = ".0%" if key == "skip_share" else ".2f"
        out.append(f"{name:<28}{mean(key, 0):{digits}}{unit} -> {mean(key, -2):{digits}}{unit}")
    ranks = {
        k: np.array([x for x in v if x is not None and x == x]) for k, v in record["tau"].items()
    }
    said = ", ".join(
        f"{k.replace('_', ' ')} {np.median(v):+.2f}" for k, v in ranks.items() if len(v)
    )
    each = ", ".join(f"{d:+.3f}" if d else "0" for d in told["differences"])
    return "\n".join(
        [
            *out,
            f"picked by V minus the last, retrained: {format_contrast(told)}; each search: {each}",
            f"within a search, tau with the retrained net, median: {said}",
        ]
    )
