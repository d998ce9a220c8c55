"""Questions of notebook 10: is the searched net state of the art, and what is a fair comparison?"""

from hinas_book.kit.recorded import recorded
from hinas_book.lessons.questions import asks, text_table
from hinas_book.paper.published import SETS, paper_table


@asks(
    "10.a",
    "Two methods were each trained {n} times: {a:.2f} ± {s:.2f} dB and {b:.2f} ± {s:.2f} dB (mean "
    "± standard deviation). The "
    "95 % interval of the difference (Welch) is the difference plus and minus how many dB?",
    "The standard error of one mean is s / √n; of a difference of two, the root of the sum of both "
    "squares.",
    "With equal spreads it is s √(2 / n), times the 97.5 % quantile of Student's t with 2 n - 2 "
    "degrees of freedom.",
    "In code: `hinas_lab.analysis.statistics.welch((a, s), (b, s), n).half_width`.",
    within=0.005,
)
def half_width(rng):
    from hinas_lab.analysis.statistics import welch

    n = rng.choice([3, 4, 5])
    b = rng.choice([25.18, 26.36, 26.50, 28.66])
    s = rng.choice([0.05, 0.07, 0.1, 0.12])
    a = b + rng.choice([0.08, 0.12, 0.2, 0.31])
    half = welch((a, s), (b, s), n).half_width
    return (
        {"n": n, "a": a, "b": b, "s": s},
        half,
        (half * n**0.5, "That is for single runs; a mean of n runs is steadier."),
        (1.96 * s * (2 / n) ** 0.5, "1.96 belongs to many runs; with few, Student's t is wider."),
        (half / 2**0.5, "That is the interval of one mean; both are uncertain."),
    )


@asks(
    "10.b",
    "Table 10 prints HiNAS at {a:.2f} dB and {other} at {b:.2f} dB, sigma {sigma}. Suppose HiNAS "
    "was measured under "
    "`authors-eval`, {other} under `whole`, and HiNAS gains from that protocol what TV gains: "
    "{gain:.3f} dB. By how many dB would HiNAS "
    "be above {other} with both under `whole`?",
    "First the margin as it is printed.",
    "What the protocol alone gives is no merit of the method: take it off.",
    'margin - gain; the gain is in `recorded("protocol-tv-BSDS500-{sigma}")["differences"]`. Below '
    "0 the order turns.",
    within=0.01,
)
def left(rng):
    sigma = rng.choice([30, 50, 70])
    other = rng.choice(["E-CAE", "DuRN-P", "N3Net"])
    differences = recorded(f"protocol-tv-BSDS500-{sigma}")["differences"]
    gain = next(d["psnr"] for d in differences if d["protocol"] == "authors-eval")
    hinas, printed = (paper_table(10).row(m)[f"psnr_s{sigma}"].value for m in ("HiNAS", other))
    margin = hinas - printed
    return (
        {"a": hinas, "b": printed, "other": other, "sigma": sigma, "gain": gain},
        margin - gain,
        (margin, "That is the margin as printed."),
        (margin + gain, "HiNAS would lose the gain, not get it twice."),
        (gain - margin, "The sign: asked is HiNAS minus the other."),
    )


@asks(
    "10.c",
    "Published seconds and PSNR on {place}, x3 (Table 11):{rows}A method is on the front when no "
    "other is both faster and "
    "better. How many of these are?",
    "Sort them by seconds, the fastest first: it is on the front.",
    "Go down the list: on the front is what beats every faster one in PSNR.",
    "In code, row by row: `psnr > max(psnr of all faster ones)`; the rows are in "
    "`hinas_book.paper.published.paper_table(11)`.",
)
def front(rng):
    place = rng.choice(list(SETS))
    timed = []
    for row in paper_table(11).rows:
        seconds = row["seconds"].value
        psnr = row[f"psnr_{place}"].value
        if seconds:
            line = f"{row['method'].printed:<11}{seconds:6.2f} s {psnr:6.2f} dB"
            timed.append((seconds, psnr, line))
    methods = rng.sample(timed, 6)
    front = 0
    best = 0.0
    # the fastest first: on the front is who beats all before
    for _, psnr, _ in sorted(methods):
        front += psnr >= best
        best = max(best, psnr)
    return (
        {"place": SETS[place], "rows": text_table([line for *_, line in methods])},
        front,
        (6, "Some are slower and worse than another one."),
        (1, "The fastest is on it, and the best."),
    )
