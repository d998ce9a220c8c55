"""The smallest study: one genotype, trained as the preset says and with one thing changed, on the same seeds."""

from pathlib import Path

from hinas_book.kit.design import Setting, net_row, paired_by_seed, report
from hinas_book.kit.recorded import recorded_run
from hinas_lab.analysis.campaign import Design

ARMS = ("as it is", "changed")
SEEDS = 2


def one_change(setting: Setting, change: dict, genotype: str | None = None) -> Design:
    """``change``: settings of a training (``config.TrainConfig``), or ``residual``. ``genotype`` (JSON): the recorded search's.

    ValueError for a setting that there is not.
    """
    if genotype is None:
        genotype = Path(recorded_run("classroom") / "genotype.json").read_text("utf-8")
    try:
        jobs = {
            (arm, seed): setting.train(genotype, seed, **(change if arm == ARMS[1] else {}))
            for seed in range(setting.count(SEEDS))
            for arm in ARMS
        }
    except TypeError as error:
        raise ValueError(f"change = {change}: {error}") from None
    trained = dict(zip(jobs, (yield list(jobs.values()))))
    rows = [net_row(arm, seed, row) for (arm, seed), row in trained.items()]
    return report(
        "one-change",
        setting,
        rows,
        trained.values(),
        change=change,
        differences=paired_by_seed(rows, *reversed(ARMS)),
    )
