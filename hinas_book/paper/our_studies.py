"""What registered studies measured on the built-in photographs, for beneath the paper's tables. No torch.

These are not the tables' pictures: a ``Block`` has columns of its own, and none of its values may come into a published column.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from statistics import mean, median, stdev

from hinas_book.kit.claims import claim
from hinas_book.kit.recorded import registered
from hinas_book.kit.verdicts import format_contrast, in_words, worse
from hinas_lab.config import preset
from hinas_lab.images.datasets.sets import TEST
from hinas_lab.images.protocol import protocol


@dataclass(frozen=True, kw_only=True)
class StudyArm:
    """Trained nets of one kind. A quality is (mean, standard deviation) over them, the latter nan for one net."""

    name: str
    n: int
    seeds: str
    psnr: tuple[float, float]
    "dB"
    lowest: float
    "dB: one training that failed moves a mean of eight"
    ssim: tuple[float, float]
    gmsd: tuple[float, float]
    "less is better"
    parameters: tuple[int, int]
    "fewest, most"


@dataclass(frozen=True, kw_only=True)
class StudyBlock:
    """A study, for beneath a published table."""

    table: int
    study: str
    arms: tuple[StudyArm, ...]
    dataset: str
    protocol: str
    preset: str
    changed: bool
    "do some arms train with other values than the preset's?"
    device: str
    source: str
    "the record, and with it the command"
    pictures: str
    "which ones, at which noise or scale"
    said: tuple[str, ...]
    "verdicts on registered claims of that table, and what means of arms do not show"


BENEATH = {
    1: {"lwas-residual": "denoise", "budget": "denoise", "search": "denoise"},
    2: {"lwas-residual": "sr"},
    3: {"widths": "denoise"},
    4: {"loss": "denoise"},
    5: {"loss": "sr"},
    6: {"perturb": "denoise"},
    7: {"perturb": "sr"},
    8: {"sharing": "denoise"},
}
"table -> its studies, and the task whose rows belong there"
DATASET = "builtin test"
"what registered studies measure on"
ARMS = {
    "rsws": "RSWS",
    "random": "random nets",
    "as wide as they come": "first cells, every path",
    "equal parameters": "first cells, every path, equal parameters",
}
"a record's word -> a reader's"


def blocks(number: int) -> list[StudyBlock]:
    """What studies on the built-in photographs say beneath table ``number``; empty while nothing was run. ValueError for a damaged
    record."""
    out = []
    for study, task in BENEATH.get(number, {}).items():
        told = registered(study)
        if told is None or not any(r.get("task", task) == task for r in told["rows"]):
            continue
        try:
            out.append(_block(number, study, task, told))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{study}.json: is no record of study {study} of this version ({type(error).__name__}: {error})"
            ) from None
    return out


def _block(number: int, study: str, task: str, told: dict) -> StudyBlock:
    known, rows = (
        preset(told["preset"], task),
        [r for r in told["rows"] if r.get("task", task) == task],
    )
    level = f"σ {known.train.sigmas[0]:g}" if task == "denoise" else f"×{known.space.scale}"
    photographs = ", ".join(name.partition(".")[0] for name in TEST)
    arms = _edits(rows) if study == "perturb" else _arms(rows)
    verdicts = [
        f"{claim(id).claim}: {in_words(c)}"
        for id, c in told["claims"].items()
        if claim(id).table == str(number)
    ]
    more = {"budget": _along, "widths": _paths, "search": _random, "sharing": _saved}.get(
        study, lambda told: []
    )
    said = _worse(told["told"][task]) if study == "perturb" else more(told)
    return StudyBlock(
        table=number,
        study=study,
        arms=tuple(arms),
        dataset=DATASET,
        protocol=under(told, task),
        preset=told["preset"],
        changed=told["presets"] != [told["preset"]],
        device=told["device"],
        source=f"{study}.json",
        pictures=f"{photographs} of the scikit-image wheel, {level}",
        said=(*verdicts, *said),
    )


def under(told: dict, task: str) -> str:
    """The protocol (as a rule one) of ``task`` in a record."""
    return ", ".join(p for p in told["protocols"] if protocol(p).task == task)


def _arms(rows: list[dict]) -> Iterator[StudyArm]:
    kinds: dict[str, list[dict]] = {}
    for row in rows:
        name = ARMS.get(row["arm"], row["arm"])
        kinds.setdefault(
            f"{name}, {row['iterations']:,} iterations" if "iterations" in row else name, []
        ).append(row)
    for name, some in kinds.items():
        yield _arm(name, some)


def _arm(name: str, rows: list[dict]) -> StudyArm:
    seeds = sorted({r["seed"] for r in rows})
    whole = len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1))
    over = lambda key: (
        mean(r[key] for r in rows),
        stdev(r[key] for r in rows) if len(rows) > 1 else nan,
    )  # noqa: E731
    count = [r["parameters"] for r in rows]
    return StudyArm(
        name=name,
        n=len(rows),
        seeds=f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds)),
        psnr=over("psnr"),
        lowest=min(r["psnr"] for r in rows),
        ssim=over("ssim"),
        gmsd=over("gmsd"),
        parameters=(min(count), max(count)),
    )


def _edits(rows: list[dict]) -> Iterator[StudyArm]:
    """The found net with all its seeds; of the edits of a kind the one whose drop is the median's nearest."""
    yield _arm("found", [r for r in rows if r["arm"] == "found"])
    for kind in ("R1", "R2"):
        some = [r for r in rows if r["arm"] == kind]
        if some:
            middle = median(r["drop"] for r in some)
            yield _arm(
                f"{kind}, the median of {len(some)} edits",
                [min(some, key=lambda r: abs(r["drop"] - middle))],
            )


def _along(told: dict) -> list[str]:
    return [
        f"residual on - residual off after {at['iterations']:,} iterations: {format_contrast(at, interval='95 % interval ')}, n {at['n']}"
        for at in told["along"]
    ]


def _paths(told: dict) -> list[str]:
    return [
        f"rank of the found path among all {told['paths']}, each with the first search's cells, {how}: "
        + ", ".join(map(str, ranks))
        for how, ranks in told["ranks"].items()
    ]


def _random(told: dict) -> list[str]:
    own = [r["percentile"] for r in told["rows"] if r["arm"] == "searched"]
    nets = len({r["number"] for r in told["rows"] if r["arm"] == "random"})
    return [
        f"{nets} random nets, each trained twice; searched nets lie at their percentile "
        + ", ".join(f"{p:.0f}" for p in own)
    ]


def _worse(told: dict) -> list[str]:
    return [
        f"{name}: {worse(t)}, median drop {t['median_drop']:+.3f} dB" for name, t in told.items()
    ]


def _saved(told: dict) -> list[str]:
    of, image = (
        (lambda name: told["cost"]["off"][name] / told["cost"]["on"][name]),
        told["image_seconds_at_equal_memory"],
    )
    return [
        f"a pass without sharing takes {of('seconds'):.2f} times as long and keeps {of('kept'):.2f} times the bytes at batch "
        f"{told['batch']}; in as many bytes sharing trains with batch {told['batch_at_equal_memory']}, and a patch without it takes "
        f"{image['off'] / image['on']:.2f} times as long"
    ]
