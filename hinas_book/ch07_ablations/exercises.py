"""Questions of notebook 07: when is a difference between two arms a finding?"""

from statistics import mean, stdev

from hinas_book.lessons.questions import asks, text_table


def random_differences(rng, n: int, effect: float, spread: float) -> list[float]:
    """Per-seed differences in dB, as a table of a paper would round them."""
    return [round(rng.gauss(effect, spread), 3) for _ in range(n)]


def in_a_row(differences: list[float]) -> str:
    """Differences as a block of a question's text."""
    return text_table(["  ".join(f"{d:+.3f}" for d in differences)])


@asks(
    "07.a",
    "Two arms were trained with the same {n} seeds. Per seed, arm minus arm, in dB:{rows}"
    "The 95 % interval of the mean difference is the mean plus and minus how many dB?",
    "The pairs are the sample: one number per seed, so one standard deviation, of the differences.",
    "The standard deviation (divisor n - 1) over √n, times the 97.5 % quantile of Student's t with "
    "n - 1 degrees of freedom.",
    "In code: `hinas_lab.analysis.statistics.paired(differences).half_width`.",
    within=0.002,
)
def interval(rng):
    from hinas_lab.analysis.statistics import paired

    n = rng.choice([4, 5, 6, 8])
    differences = random_differences(rng, n, 0.03, rng.choice([0.04, 0.06, 0.09]))
    half = paired(differences).half_width  # t times the standard error
    error = stdev(differences) / n**0.5
    return (
        {"n": n, "rows": in_a_row(differences)},
        half,
        (
            1.96 * error,
            "1.96 belongs to many seeds; with few, Student's t is wider.",
        ),
        (half * n**0.5, "That is for one more single pair; a mean of n is steadier by √n."),
        (error, "That is the standard error; an interval is wider by the t quantile."),
    )


@asks(
    "07.b",
    "A table compares two arms in {k} columns, and in truth no arm is better anywhere. Each "
    "column gets a test of its own at 5 %, independent of the others. What is the chance that at "
    "least one column is resolved?",
    "Start with the chance that none is.",
    "Each column stays silent with probability 0.95.",
    "1 - 0.95 ** {k}. Holm's correction (`hinas_lab.analysis.statistics.holm`) brings it "
    "back to 0.05.",
    within=0.005,
)
def many(rng):
    k = rng.choice([3, 4, 6, 9, 12, 18])
    return (
        {"k": k},
        1 - 0.95**k,
        (0.05, "That is for one column alone."),
        (0.05 * k, "That is how many are expected, not a chance."),
        (0.95**k, "That is the chance that none is."),
    )


@asks(
    "07.c",
    "Five seeds were run; per seed, arm minus arm, in dB:{rows}A paper reports three seeds. Of all "
    "the ways to choose three of these five, how many announce a gain of 0.03 dB or more?",
    "There are 10 ways to choose three of five.",
    "A mean of at least 0.03 is a sum of at least 0.09.",
    "In code: `hinas_book.ch07_ablations.chosen_n.choices(differences, 3)`, and count "
    "`c.contrast.mean >= 0.03`.",
)
def of_five(rng):
    from hinas_book.ch07_ablations.chosen_n import choices

    while True:  # no tie with 0.03, neither none nor all of the ten
        differences = random_differences(rng, 5, 0.02, 0.07)
        means = [choice.contrast.mean for choice in choices(differences, 3)]
        count = sum(m >= 0.03 for m in means)
        if 0 < count < 10 and min(abs(m - 0.03) for m in means) > 1e-4:
            break
    single = sum(d >= 0.03 for d in differences)
    above = sum(m > 0 for m in means)
    return (
        {"rows": in_a_row(differences)},
        count,
        (single, "Those are single seeds; asked are means of three."),
        (above, "Those have a mean above 0; asked is 0.03 or more."),
        (10 - count, "Those announce none."),
    )


@asks(
    "07.d",
    "In a pilot the per-seed differences have a standard deviation of {sd} dB. How many pairs of "
    "seeds find a true effect of {effect} dB four times in five (paired t test, 5 %)?",
    "The standard error must be small beside the effect: it falls with √n only.",
    "Roughly n = (2.8 sd / effect)², and a little more when n is small, for Student's t.",
    "In code: `hinas_lab.analysis.statistics.pairs_needed({sd}, {effect})`.",
)
def needed(rng):
    from hinas_lab.analysis.statistics import pairs_needed

    sd = rng.choice([0.04, 0.05, 0.06, 0.08, 0.1])
    effect = rng.choice([0.03, 0.04, 0.05])
    return (
        {"sd": sd, "effect": effect},
        pairs_needed(sd, effect),
        (round((1.96 * sd / effect) ** 2), "So many find it every second time only."),
        (6, "Six are the fewest that can have a verdict at all; a small effect needs more."),
        (3, "Three seeds are a custom, not a calculation."),
    )


WRONG = {
    "different": ("equal", "Within the margin or not: does the 90 % interval fit into it?"),
    "equal": (
        "neither",
        "Not different is one thing; here the 90 % interval also fits into the margin.",
    ),
    "both": ("different", "Surely not 0, and yet too small to count: both can be true."),
    "neither": (
        "equal",
        '"No significant difference" is no proof of equality: the interval is too wide for either.',
    ),
}
"right answer -> a wrong one, and what to say to it"
CASES = [
    (0.01, 0.05),
    (0.02, 0.18),
    (0.05, 0.04),
    (0.22, 0.1),
    (-0.03, 0.2),
    (-0.05, 0.03),
    (0.0, 0.06),
    (0.15, 0.07),
]
"mean and standard deviation of the differences in dB: every right answer among them"


@asks(
    "07.e",
    "{n} pairs of seeds: mean difference {mean:+.3f} dB, standard deviation of the differences "
    "{sd:.3f} dB. Up to {margin} dB the arms count as equal. At 5 %, what is shown: that they are "
    "different (the 95 % interval leaves out 0), that they are equal (TOST: the 90 % interval lies "
    "inside ± {margin}), both, or neither?",
    "Half widths: t · sd / √n, with t = {t95:.2f} for 95 % and {t90:.2f} for 90 %.",
    "Look at both intervals; nothing forbids that both statements hold, or none.",
    "In code, from differences: `hinas_lab.analysis.statistics.paired` and "
    "`equivalent(differences, margin)`.",
    options=("different", "equal", "both", "neither"),
)
def equality(rng):
    from scipy import stats

    from hinas_lab.analysis.statistics import equivalent, paired

    margin, n = 0.1, rng.choice([6, 8, 10])
    centre, spread = rng.choice(CASES)
    plain = [rng.gauss(0, 1) for _ in range(n)]
    # exactly this mean and standard deviation: the answer follows from the numbers of the text
    scale = spread / stdev(plain)
    differences = [centre + scale * (x - mean(plain)) for x in plain]
    different = paired(differences).resolved
    if equivalent(differences, margin)[0]:
        answer = "both" if different else "equal"
    else:
        answer = "different" if different else "neither"
    return (
        {
            "n": n,
            "mean": centre,
            "sd": spread,
            "margin": margin,
            "t95": float(stats.t.ppf(0.975, n - 1)),
            "t90": float(stats.t.ppf(0.95, n - 1)),
        },
        answer,
        WRONG[answer],
    )


@asks(
    "07.f",
    "Mean PSNR of a 2 x 2 ablation, in dB:{rows}What is the effect of layer-wise sharing, averaged "
    "over residual learning?",
    "There are two effects of sharing: one without residual learning, one with it.",
    "Their mean. When the two differ, the factors interact, and one number hides it.",
    "In code: `((on_off - off_off) + (on_on - off_on)) / 2`, sharing first.",
    within=0.002,
)
def factorial(rng):
    base, residual = rng.choice([26.1, 26.5, 27.2]), rng.choice([0.2, 0.35, 0.5])
    without, given = rng.sample([-0.04, -0.02, 0.01, 0.03, 0.05, 0.08], 2)
    psnr = (base, base + without, base + residual, base + residual + given)
    rows = text_table(
        {
            "sharing, residual": ["off, off", "on, off", "off, on", "on, on"],
            "PSNR": [f"{value:.2f}" for value in psnr],
        }
    )
    return (
        {"rows": rows},
        (without + given) / 2,
        (without, "That is its effect without residual learning only."),
        (given, "That is its effect given residual learning only."),
        (
            residual + given,
            'That is "both" minus "none": it holds residual learning\'s effect, too.',
        ),
    )
