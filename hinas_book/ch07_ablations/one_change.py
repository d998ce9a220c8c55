"""The smallest study: one genotype, trained as the preset says and with one thing changed."""

from pathlib import Path

from hinas_book.kit.design import Setting, net_row, paired_by_seed, report, run_named
from hinas_book.kit.recorded import recorded_run
from hinas_lab.analysis.campaign import Design

SEEDS = 2


def one_change(setting: Setting, change: dict, genotype: str | None = None) -> Design:
    """Both trainings with the same seeds.

    ``change``: settings of a training (``config.TrainConfig``), or ``residual``. ``genotype``
    (JSON): the recorded search's. ValueError for a setting that there is not.
    """
    if genotype is None:
        genotype = Path(recorded_run("classroom") / "genotype.json").read_text("utf-8")
    jobs = {}
    try:
        for seed in range(setting.count(SEEDS)):
            jobs["as it is", seed] = setting.train(genotype, seed)
            jobs["changed", seed] = setting.train(genotype, seed, **change)
    except TypeError as error:  # a field that ``TrainConfig`` does not have
        raise ValueError(f"change = {change}: {error}") from None
    trained = yield from run_named(jobs)
    rows = [net_row(arm, seed, row) for (arm, seed), row in trained.items()]
    return report(
        "one-change",
        setting,
        rows,
        trained.values(),
        change=change,
        differences=paired_by_seed(rows, "changed", "as it is"),
    )
