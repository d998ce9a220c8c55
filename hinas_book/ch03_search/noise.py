"""How far two trainings of one net lie apart, from the recorded study that trained one net again
and again. No torch."""

from math import sqrt

import numpy as np
from scipy import stats

from hinas_book.kit.missing import load_record
from hinas_lab.live.surgery import Noise


def training_noise(study: str = "perturb", task: str = "denoise") -> Noise | None:
    """Student's prediction interval for the difference of two single trainings, from those of the
    study's found net with several seeds; None where the study is not recorded."""
    record = load_record(study)
    if not record:
        return None
    found = [row for row in record["rows"] if (row["task"], row["arm"]) == (task, "found")]
    psnr = np.array([row["psnr"] for row in found])
    db = stats.t.ppf(0.975, len(psnr) - 1) * psnr.std(ddof=1) * sqrt(2)
    words = (
        "within which two trainings of one net lie in 95 of 100 cases, from "
        f"{len(psnr)} recorded trainings of the net that preset {record['preset']} found"
    )
    return Noise(float(db), words)
