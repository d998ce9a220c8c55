"""What the printed margins and the recorded measurements allow to conclude, a sentence each.

No torch.
"""

from collections.abc import Mapping, Sequence
from math import log

from hinas_book.kit.recorded import recorded
from hinas_book.paper.published import paper_table
from hinas_lab.analysis.statistics import Contrast

LEVELS = (30, 50, 70)
"sigma of Table 10"


def conclude_seeds(
    rival: str, margin: Mapping[str, Contrast], half: Mapping[str, Mapping[str, float]]
) -> str:
    """How many margins over ``rival`` another seed leaves standing.

    ``margin``: column -> HiNAS minus ``rival``; ``half``: what the rival's number may be (one run,
    ...) -> column -> half width of the interval, in the column's unit.
    """
    parts = []
    for runs, widths in half.items():
        ahead = sum(margin[column].mean > widths[column] for column in margin)
        parts.append(f"{ahead} of {len(margin)} if {rival}'s number is {runs}")
    return f"**So:** margins that outlive another seed: {', '.join(parts)}."


def conclude_protocol(margin: Mapping[str, Contrast], ours: Mapping[int, Contrast]) -> str:
    """At how many noise levels a protocol alone gives as much as the printed margin in PSNR.

    ``margin``: column -> HiNAS minus its rival; ``ours``: sigma -> gain of our net in dB from
    ``authors-eval``. TV's gain is of the records.
    """
    net, tv = 0, 0
    for level in LEVELS:
        printed = margin[f"psnr_s{level}"].mean
        net += ours[level].mean >= printed
        differences = recorded(f"protocol-tv-BSDS500-{level}")["differences"]
        (gain,) = [d["psnr"] for d in differences if d["protocol"] == "authors-eval"]
        tv += gain >= printed
    return (
        "**So:** one way of measuring gives at least the printed margin to our net at "
        f"{net} of {len(LEVELS)} levels, to TV at {tv}; which row was measured how, the table "
        "does not say."
    )


def conclude_scores(points: Mapping[str, tuple[float, float]], shift: Mapping) -> str:
    """Is the lead in SSIM larger than what the loss, or the protocol, may give?

    ``points``: method -> (PSNR in dB, SSIM); ``shift``: what a protocol gives to bicubic.
    """
    hinas = points["HiNAS"][1]
    lead = hinas - points["RFArNet"][1]
    causes = {"the loss": hinas - points["HiNAS, MSE alone"][1], "the protocol": shift["ssim"]}
    enough = [name for name, gain in causes.items() if gain >= lead]
    if not enough:
        return "**So:** neither the loss nor the protocol gives as much SSIM as the lead."
    word = f"{' and '.join(enough)}, {'each' if len(enough) > 1 else 'alone'},"
    return (
        f"**So:** {word} may give more SSIM than the lead over RFANet; what is left for the "
        "architecture, these numbers cannot show."
    )


def conclude_costs(rows: Sequence[Mapping]) -> str:
    """Which count is the nearer clock for MemNet? ``rows``: measured costs, ours first."""
    (memnet,) = [row for row in rows if row["method"] == "MemNet"]
    times = {name: memnet[name] / rows[0][name] for name in ("parameters", "macs", "seconds")}
    # a factor of 2 too high is as wrong as one of 2 too low
    off = {name: abs(log(times[name] / times["seconds"])) for name in ("parameters", "macs")}
    nearer = "MACs are" if off["macs"] < off["parameters"] else "the parameters are"
    table = paper_table(10)
    printed = table.row("MemNet")["seconds"].value / table.row("HiNAS")["seconds"].value
    return (
        f"**So:** {nearer} the nearer clock: MemNet has {times['parameters']:.1f} times the "
        f"parameters and {times['macs']:.1f} times the MACs, and takes {times['seconds']:.1f} "
        f"times as long here, {printed:.1f} times in print. Seconds belong to a machine and a code."
    )
