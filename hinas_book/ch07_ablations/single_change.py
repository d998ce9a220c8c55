"""The smallest study: one genotype, trained as the preset says and with one thing changed."""

from pathlib import Path

from hinas_book.kit.design import Setting, paired_by_seed, report, train_nets
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
    nets = []
    try:
        for seed in range(setting.count(SEEDS)):
            for arm, changes in (("as it is", {}), ("changed", change)):
                job = setting.train(genotype, seed, **changes)
                nets.append(({"arm": arm, "seed": seed}, job))
    except TypeError as error:  # a field that ``TrainConfig`` does not have
        raise ValueError(f"change = {change}: {error}") from None
    rows, trained = yield from train_nets(nets)
    return report(
        "one-change",
        setting,
        rows,
        trained,
        change=change,
        differences=paired_by_seed(rows, "changed", "as it is"),
    )
