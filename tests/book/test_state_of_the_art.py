"""Notebook 10: what it concludes follows the printed margins and the records, and can turn."""

import pytest

from hinas_book.ch10_state_of_the_art import findings
from hinas_book.kit.recorded import recorded
from hinas_lab.analysis.statistics import Contrast


def contrasts(*means: float) -> dict[str, Contrast]:
    """The margins in PSNR at sigma 30, 50, 70."""
    return {
        f"psnr_s{level}": Contrast(mean=mean, low=mean - 0.1, high=mean + 0.1, n=3)
        for level, mean in zip(findings.LEVELS, means)
    }


def test_margins_that_outlive_another_seed():
    margin = contrasts(0.57, 0.31, -0.5)
    half = {"one run": dict.fromkeys(margin, 0.4), "a mean": dict.fromkeys(margin, 0.1)}
    said = findings.conclude_seeds("DuRN-P", margin, half)
    assert "1 of 3 if DuRN-P's number is one run" in said, "one that is behind is not ahead"
    assert "2 of 3 if DuRN-P's number is a mean" in said


def test_a_protocol_against_the_margins():
    gain = {level: Contrast(mean=0.5, low=0.4, high=0.6, n=8) for level in findings.LEVELS}
    said = findings.conclude_protocol(contrasts(0.57, 0.31, 0.25), gain)
    assert "to our net at 2 of 3 levels" in said and "to TV at 2;" in said
    said = findings.conclude_protocol(contrasts(5, 5, 5), gain)
    assert "to our net at 0 of 3 levels, to TV at 0;" in said


@pytest.mark.parametrize(
    "loss, protocol, said",
    [
        (0.010, 0.009, "the loss and the protocol, each,"),
        (0.001, 0.009, "the protocol, alone,"),
        (0.001, 0.001, "neither the loss nor the protocol"),
    ],
)
def test_what_may_explain_a_lead_in_ssim(loss, protocol, said):
    points = {
        "HiNAS": (27.6, 0.74),
        "RFArNet": (28, 0.738),
        "HiNAS, MSE alone": (27.6, 0.74 - loss),
    }
    assert said in findings.conclude_scores(points, {"psnr": 0.06, "ssim": protocol})


def test_the_nearer_clock():
    rows = recorded("peers-denoise")["rows"]
    said = findings.conclude_costs(rows)
    assert "MACs are the nearer clock" in said and "2.0 times in print" in said
    ours, memnet = rows[0], next(row for row in rows if row["method"] == "MemNet")
    quick = memnet | {"seconds": 2 * ours["seconds"]}
    assert "the parameters are the nearer clock" in findings.conclude_costs([ours, quick])
