"""What registered studies measured on the built-in photographs, for beneath the paper's tables.

These are not the tables' pictures: a ``StudyBlock`` has columns of its own, and none of its values
may come into a published column. No torch.
"""

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from hinas_book.kit.claims import changes, claim
from hinas_book.kit.recorded import registered
from hinas_book.kit.verdicts import all_verdicts, format_contrast, in_words, worse
from hinas_lab.images.datasets.sets import TEST
from hinas_lab.images.protocol import protocol
from hinas_lab.presets import preset

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class StudyBlock:
    """A study, for beneath a published table."""

    table: int
    study: str
    arms: "DataFrame"
    "a row per kind of trained net: see ``arm_table``"
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
    remarks: tuple[str, ...]
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
WHOLE_GMSD = ("lwas-residual", "loss", "perturb", "state-of-the-art")
"records of super-resolution that are older than the rule that GMSD is of what a protocol compares"
DATASET = "builtin test"
"what registered studies measure on"
ARMS = {
    "rsws": "random, search's supernet",
    "random": "random nets",
    "as wide as they come": "first cells, every path",
    "equal parameters": "first cells, every path, equal parameters",
}
"a record's word -> a reader's"


def blocks(number: int) -> list[StudyBlock]:
    """What studies on the built-in photographs say beneath table ``number``.

    Empty while nothing was run. ValueError for a damaged record.
    """
    out = []
    for study, task in BENEATH.get(number, {}).items():
        record = registered(study)
        if record is None:
            continue
        # a study of one task does not name it in its rows
        rows = [row for row in record["rows"] if row.get("task", task) == task]
        if not rows:
            continue
        try:
            out.append(_block(number, task, record, rows))
        # whatever a damaged or older record lacks, in a line that names its file
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{study}.json: is no record of study {study} of this version "
                f"({type(error).__name__}: {error})"
            ) from None
    return out


def _block(number: int, task: str, record: dict, rows: list[dict]) -> StudyBlock:
    study = record["study"]
    base = preset(record["preset"], task)
    level = f"σ {base.train.sigmas[0]:g}" if task == "denoise" else f"×{base.space.scale}"
    photographs = ", ".join(name.partition(".")[0] for name in TEST)
    remarks = []
    changed = {change.claim for change in changes()}
    for id, judgement in all_verdicts(record).items():
        # a study may test claims of several tables
        if claim(id).table == str(number):
            told = " (changed after the result or known before it: docs/ledger.md)"
            late = " (registered when the record was there)"
            remarks.append(
                f"{claim(id).claim}: {in_words(judgement)}{told if id in changed else ''}"
                f"{late if claim(id).record == 'before' else ''}"
            )
    if task == "sr" and study in WHOLE_GMSD:
        remarks.append(
            "GMSD: of the mean of R, G and B, no border cut; PSNR and SSIM: of Y, border cut"
        )
    if study == "perturb":
        remarks += _worse_edits(record["told"][task])
        rows = _median_edits(rows)
    elif study in REMARKS:
        remarks += REMARKS[study](record)
    return StudyBlock(
        table=number,
        study=study,
        arms=arm_table(rows),
        dataset=DATASET,
        protocol=under(record, task),
        preset=record["preset"],
        changed=record["presets"] != [record["preset"]],
        device=record["device"],
        source=f"{study}.json",
        pictures=f"{photographs} of the scikit-image wheel, {level}",
        remarks=tuple(remarks),
    )


def under(record: dict, task: str) -> str:
    """The protocol (as a rule one) of ``task`` in a record."""
    return ", ".join(p for p in record["protocols"] if protocol(p).task == task)


def arm_table(rows: list[dict]) -> "DataFrame":
    """Rows of trained nets with a row per arm, in the order of the record.

    Means of PSNR (dB), SSIM and GMSD (less is better) with their standard deviations over the
    trainings (``_sd``, nan for one training). The lowest PSNR stands beside them: one training
    that failed moves a mean of eight.
    """
    from pandas import DataFrame

    # a study of budgets has an arm for each number of iterations
    frame = DataFrame(rows)
    names = frame["arm"].replace(ARMS)
    if "iterations" in frame:
        names += frame["iterations"].map(", {:,} iterations".format)
    # the columns, in the order of tableNN-here.csv
    return frame.groupby(names, sort=False).agg(
        trainings=("seed", "size"),
        seeds=("seed", _seed_range),
        psnr=("psnr", "mean"),
        psnr_sd=("psnr", "std"),
        ssim=("ssim", "mean"),
        ssim_sd=("ssim", "std"),
        gmsd=("gmsd", "mean"),
        gmsd_sd=("gmsd", "std"),
        psnr_lowest=("psnr", "min"),
        parameters_fewest=("parameters", "min"),
        parameters_most=("parameters", "max"),
    )


def _seed_range(seeds) -> str:
    """``0 to 7``, or ``0, 2`` where some between are missing."""
    seeds = sorted(set(seeds))
    if len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _median_edits(rows: list[dict]) -> list[dict]:
    """The found net with all its seeds; of each kind of edit the one of the median drop."""
    shown = [row for row in rows if row["arm"] == "found"]
    for kind in ("R1", "R2"):
        edits = [row for row in rows if row["arm"] == kind]
        if edits:
            middle = median(row["drop"] for row in edits)
            # of an even number of edits none has the median itself
            nearest = min(edits, key=lambda row: abs(row["drop"] - middle))
            shown.append(nearest | {"arm": f"{kind}, the median of {len(edits)} edits"})
    return shown


def _along_the_budget(record: dict) -> list[str]:
    remarks = []
    for contrast in record["along"]:
        words = format_contrast(contrast, interval="95 % interval ")
        remarks.append(
            f"residual on - residual off after {contrast['iterations']:,} iterations: "
            f"{words}, n {contrast['n']}"
        )
    return remarks


def _ranks_of_paths(record: dict) -> list[str]:
    remarks = []
    for how, ranks in record["ranks"].items():
        remarks.append(
            f"rank of the found path among all {record['paths']}, each with the first search's "
            f"cells, {how}: {', '.join(map(str, ranks))}"
        )
    return remarks


def _among_random_nets(record: dict) -> list[str]:
    nets = {row["number"] for row in record["rows"] if row["arm"] == "random"}
    places = [f"{row['percentile']:.0f}" for row in record["rows"] if row["arm"] == "searched"]
    return [
        f"{len(nets)} random nets, each trained twice; searched nets lie at their percentile "
        + ", ".join(places)
    ]


def _worse_edits(shares: dict[str, dict]) -> list[str]:
    remarks = []
    for kind, share in shares.items():
        remarks.append(f"{kind}: {worse(share)}, median drop {share['median_drop']:+.3f} dB")
    return remarks


def _saved_by_sharing(record: dict) -> list[str]:
    # ratios within one run: seconds of another machine would say nothing
    on, off = record["cost"]["on"], record["cost"]["off"]
    image = record["image_seconds_at_equal_memory"]
    return [
        f"a pass without sharing takes {off['seconds'] / on['seconds']:.2f} times as long and "
        f"keeps {off['kept'] / on['kept']:.2f} times the bytes at batch {record['batch']}; in as "
        f"many bytes sharing trains with batch {record['batch_at_equal_memory']}, and a patch "
        f"without it takes {image['off'] / image['on']:.2f} times as long"
    ]


REMARKS = {
    "budget": _along_the_budget,
    "widths": _ranks_of_paths,
    "search": _among_random_nets,
    "sharing": _saved_by_sharing,
}
"study -> what means of its arms do not show, as lines"
