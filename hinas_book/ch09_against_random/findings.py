"""What the study ``search`` says: random nets as a distribution, and where searched ones land.

How well anything ranks nets, and what the seconds of a search buy otherwise. Nets are counted n,
trainings of each two. Below, in words, the studies ``paths`` and ``epochs``. No torch until
something is drawn from a supernet.
"""

from dataclasses import dataclass
from math import floor, isfinite, nan

import numpy as np
from scipy import stats

from hinas_book.kit.missing import unless_missing
from hinas_book.kit.verdicts import format_contrast
from hinas_book.paper.published import paper_table
from hinas_lab.analysis.statistics import Contrast, best_of, kendall, percentile, verdict
from hinas_lab.analysis.trained_nets import RENAMED
from hinas_lab.space.cost import receptive_radius
from hinas_lab.space.genotype import Genotype

COLUMNS = {
    "shared weights": "shared",
    "shared weights, not recalibrated": "raw",
    "untrained supernet": "untrained",
    "parameters": "parameters",
    "MACs": "macs",
}
"predictor -> where a row of the record has it; the receptive radius follows from the genotype"
NAMES = {"searched": "searched", "rsws": RENAMED["search", "rsws"]}
"""arm -> its name in a text; rsws: random architectures scored on the gradient search's own
supernet, which is not the cited RSWS (``searching/methods/rsws.py``)"""
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
    "search, training, scoring: of one search, of one training, of an arm's random genotypes"
    scored: int
    "random genotypes that one supernet scores"

    @property
    def seed_sd(self) -> float:
        """dB: standard deviation of one training, the net being the same."""
        return float(np.sqrt(self.random.var(1, ddof=1).mean()))

    @property
    def retest(self) -> Contrast:
        """tau-b of one training against another of the same nets.

        A yardstick and no ceiling: what is less noisy may rank better.
        """
        return kendall(self.random[:, 0], self.random[:, 1])


@unless_missing
def read(record: dict) -> RandomBaseline:
    """The study's record as values."""
    arms: dict[str, list[dict]] = {}
    psnr: dict[str, list[float]] = {}
    for row in record["rows"]:
        arms.setdefault(row["arm"], []).append(row)
        psnr.setdefault(row["arm"], []).append(row["psnr"])
    # the record does not promise an order: first trainings, then second ones, net by net
    random = sorted(arms["random"], key=lambda row: (row["seed"], row["number"]))
    first = random[: len(random) // 2]
    predictors = {}
    for name, key in COLUMNS.items():
        predictors[name] = np.array([row[key] for row in first], float)
    radii = [receptive_radius(Genotype.from_json(row["genotype"])) for row in first]
    predictors["receptive radius"] = np.array(radii, float)
    return RandomBaseline(
        random=np.array([row["psnr"] for row in random]).reshape(2, -1).T,
        searched=np.array(psnr["searched"]),
        rsws=np.array(psnr["rsws"]),
        predictors=predictors,
        seconds=record["seconds"],
        scored=len(first),
    )


@unless_missing
def taus(field: RandomBaseline) -> dict[str, Contrast]:
    """Of each predictor tau-b against one training, the mean over both, as ``retest`` is of one.

    nan for a predictor that says the same of every net.
    """
    out = {}
    for name, values in field.predictors.items():
        # against the mean of both trainings tau would be higher than between single ones
        both = [kendall(values, psnr) for psnr in field.random.T]
        means = {}
        for key in ("mean", "low", "high", "p"):
            means[key] = float(np.mean([getattr(tau, key) for tau in both]))
        out[name] = Contrast(**means, n=len(values))
    return out


def best_then(random: np.ndarray, k: int) -> tuple[float, float]:
    """The expected best of ``k`` nets of ``random`` (n, 2), in dB, the mean of both directions.

    In the training that picked it, and in the same net's other training, where nothing was picked.
    ValueError for k outside 1 to n.
    """
    # either training may do the picking: the mean of both ways round uses all of them
    a, b = random.T
    return (best_of(a, k) + best_of(b, k)) / 2, (best_of(a, k, b) + best_of(b, k, a)) / 2


@unless_missing
def equal_cost(field: RandomBaseline) -> int:
    """How many random nets can be trained in the seconds of one search and its net's training.

    At most all that there are.
    """
    # 1 +: the searched net needs a training of its own, which is spent, too
    k = 1 + floor(field.seconds["search"] / field.seconds["training"])
    return min(k, len(field.random))


@unless_missing
def needed(field: RandomBaseline, level: float) -> int | None:
    """The fewest random nets whose best, trained once more, is expected to reach ``level`` dB.

    None when all are too few.
    """
    for k in range(1, 1 + len(field.random)):
        if best_then(field.random, k)[1] >= level:
            return k
    return None


@unless_missing
def against_best_of(field: RandomBaseline, k: int) -> Contrast:
    """Searched minus the best of ``k`` random nets, both judged by a training that picked nothing.

    dB, with a bootstrap interval over searches and random nets (seed 0).
    """
    searched, random = field.searched, field.random
    rng = np.random.default_rng(0)
    low = high = nan
    # with more than a third of the nets a resample holds too few different ones for an interval
    if 3 * k <= len(random):
        gaps = []
        for _ in range(DRAWS):
            mean = searched[rng.integers(len(searched), size=len(searched))].mean()
            nets = random[rng.integers(len(random), size=len(random))]
            gaps.append(mean - best_then(nets, k)[1])
        low, high = np.quantile(gaps, [0.025, 0.975]).tolist()
    mean = float(searched.mean()) - best_then(random, k)[1]
    return Contrast(mean=mean, low=low, high=high, n=min(len(random), len(searched)))


@unless_missing
def percentiles(field: RandomBaseline) -> dict[str, np.ndarray]:
    """searched, rsws -> (seeds,) of how many in 100 trainings of random nets are below.

    Ties are counted half.
    """
    places = {}
    for arm in NAMES:
        values = [percentile(psnr, field.random.ravel()) for psnr in getattr(field, arm)]
        places[arm] = np.array(values)
    return places


@unless_missing
def permutation_p(field: RandomBaseline) -> float:
    """Two-sided p that the searched nets and as many random ones, trained once each, are alike.

    The labels are drawn anew (9999 times, seed 0), the difference of means held against them.
    """
    if min(len(field.searched), len(field.random)) < 2:
        return nan
    test = stats.permutation_test(
        # one training each, as the searched nets have
        (field.searched, field.random[:, 0]),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        n_resamples=9999,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


@unless_missing
def percentile_text(field: RandomBaseline) -> str:
    """Where the nets land, in words."""
    random = field.random.mean(1)
    sd = field.seed_sd
    lines = [
        f"{len(random)} random nets, two trainings each: mean {random.mean():.3f} dB; sd from net "
        f"to net {random.std(ddof=1):.3f}, of one net's trainings {sd:.3f}"
    ]
    for arm, places in percentiles(field).items():
        # in sd of a training: is the gap larger than what a seed does?
        psnr = getattr(field, arm)
        gap = psnr.mean() - random.mean()
        lines.append(
            f"{len(psnr)} {NAMES[arm]:<26} mean {psnr.mean():.3f} dB, {gap:+.3f} from random "
            f"({gap / sd:+.1f} sd of a training); "
            f"percentiles {places.min():.0f} to {places.max():.0f}, median {np.median(places):.0f}"
        )
    # nan where an arm has one net
    p = permutation_p(field)
    if isfinite(p):
        lines.append(f"searched or random, labels drawn anew: p = {p:.2g}")
    return "\n".join(lines)


@unless_missing
def search_text(field: RandomBaseline) -> str:
    """Where nets land, what ranks them, what a search costs."""
    lines = [percentile_text(field)]
    for name, tau in {"another training": field.retest, **taus(field)}.items():
        if isfinite(tau.mean):
            lines.append(f"tau-b, {name:<35}{format_contrast(tau, 'tau')}")
    return "\n".join([*lines, cost_text(field), best_of_k_text(field, equal_cost(field))])


@unless_missing
def needed_text(field: RandomBaseline) -> str:
    """How many random nets it takes to reach the searched ones."""
    level = field.searched.mean()
    k = needed(field, level)
    reached = f"the best of {k} random nets reaches it, trained once more"
    if k is None:
        reached = f"the best of all {len(field.random)} random nets does not reach it"
    return f"searched mean {level:.3f} dB: {reached}"


@unless_missing
def best_of_k_text(field: RandomBaseline, k: int) -> str:
    """What ``k`` random nets give, beside a search."""
    best, again = best_then(field.random, k)
    contrast = against_best_of(field, k)
    words = {"supported": "searched is better", "contradicted": "random is better"}
    return (
        f"best of {k}: {best:.3f} dB in the training that picked it, {again:.3f} in another\n"
        f"searched minus the latter: {format_contrast(contrast)}: "
        f"{words.get(verdict(contrast), 'not resolved')}"
    )


@unless_missing
def cost_text(field: RandomBaseline) -> str:
    """Seconds of the parts, and the nets that they buy."""
    seconds = field.seconds
    k = equal_cost(field)
    most = " (all that there are)" if k == len(field.random) else ""
    return (
        f"a search                {seconds['search']:8.1f} s\n"
        f"one training            {seconds['training']:8.1f} s\n"
        f"scores of {field.scored} genotypes  {seconds['scoring']:8.1f} s   "
        "(shared weights, once the supernet is there)\n"
        f"search + training = {k} random nets trained{most}"
    )


def hours_text() -> str:
    """Tables 8 and 9: what searches cost in print."""
    sharing = {True: ", cell sharing", False: ", no cell sharing", None: ""}
    lines = []
    for number in (8, 9):
        for row in paper_table(number).rows:
            lines.append(
                f"Table {number}: {row['method'].printed:<9}{row['hours'].printed:>5} h "
                f"on {row['gpu'].printed:<9}by {row['search'].printed}"
                f"{sharing[row['cell_sharing'].value]}"
            )
    return "\n".join(lines)


# ---------------------------------------------------------------- the studies paths and epochs


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 0.001 else "below 0.001"


@unless_missing
def path_text(record: dict) -> str:
    """How often the last layer is widest, before and after, beside the base rates."""
    lines = [
        f"no layer wider than the last: {record['paths_widest']:.0%} of the {record['paths']} paths"
    ]
    for norm, s in record["shares"].items():
        # how far a search moves at all from where its random beta began
        moved = sum(r["before"] != r["after"] for r in record["rows"] if r["arm"] == norm)
        lines += [
            f"{norm:<9} untrained {s['untrained']:.0%}; these searches: {s['before']} of {s['n']} "
            f"before their first step, {s['hits']} of {s['n']} afterwards",
            f"{'':<9} ({s['low']:.0%} to {s['high']:.0%}), {moved} changed their path",
            f"{'':<9} exact p against untrained {_p(s['p'])}, "
            f"against the share of paths {_p(s['p_against_paths'])}",
        ]
    return "\n".join(lines)


STAGES = {
    "soft": "soft supernet on V",
    "shared": "decoded, supernet's weights",
    "psnr": "retrained",
    "skip_share": "skips among the edges",
}
"what the study ``epochs`` measures at a checkpoint -> in words; all but the last in dB"


@unless_missing
def checkpoints(record: dict) -> dict[str, np.ndarray]:
    """The study ``epochs`` as arrays.

    ``epoch`` (C,); each of ``STAGES`` (searches, C + 1), its last column at the epoch that V
    picked; ``picked`` (searches,): that epoch. nan where a study did not measure.
    """
    epochs = record["checkpoints"]
    seeds = sorted({row["seed"] for row in record["rows"]})
    arrays = {stage: np.full((len(seeds), len(epochs) + 1), nan) for stage in STAGES}
    for row in record["rows"]:
        column = -1 if row["arm"] == "best on V" else epochs.index(row["epoch"])
        for stage, values in arrays.items():
            values[seeds.index(row["seed"]), column] = row.get(stage)  # None becomes nan
    return {"epoch": np.array(epochs), "picked": np.array(record["picked"]), **arrays}


@unless_missing
def both_paces(record: dict) -> str:
    """``epoch_text`` of the searches as the preset has them, and of the eager ones."""
    eager = record["eager"]
    changes = ", ".join(f"{name} {value:g}" for name, value in eager["changes"].items())
    return f"{epoch_text(record)}\n\neager ({changes}), not registered:\n{epoch_text(eager)}"


@unless_missing
def epoch_text(record: dict) -> str:
    """What becomes of a search that goes on, from its first checkpoint to its last."""
    arrays = checkpoints(record)
    epochs = record["checkpoints"]
    picked = ", ".join(map(str, record["picked"]))
    lines = [
        f"epoch {epochs[0]} to {epochs[-1]}, {len(record['picked'])} searches; "
        f"V picked epoch {picked}"
    ]
    for stage, name in STAGES.items():
        # the first and the last checkpoint; the last column is V's pick
        means = np.nanmean(arrays[stage][:, [0, -2]], axis=0)
        form = "{:.0%}" if stage == "skip_share" else "{:.2f} dB"
        lines.append(f"{name:<28}{form.format(means[0])} -> {form.format(means[1])}")
    judgement = record["claims"]["best-on-v"]
    gaps = ", ".join(f"{gap:+.3f}" if gap else "0" for gap in judgement["differences"])
    lines.append(
        f"picked by V minus the last, retrained: {format_contrast(judgement)}; each search: {gaps}"
    )
    medians = []
    for stage, values in record["tau"].items():
        # no tau where all checkpoints decode to the same, or score alike
        defined = [tau for tau in values if tau is not None and isfinite(tau)]
        if defined:
            medians.append(f"{stage.replace('_', ' ')} {np.median(defined):+.2f}")
    lines.append(f"within a search, tau with the retrained net, median: {', '.join(medians)}")
    return "\n".join(lines)
