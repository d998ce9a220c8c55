"""What the study ``perturb`` found, in sentences whose numbers come from the record. No torch."""

from collections.abc import Sequence
from math import isnan

from hinas_book.ch08_perturbations.edits import (
    KINDS,
    Perturbed,
    against_random,
    at_equal_parameters,
    best_under_null,
    beyond,
    edits_numbered,
    pairs_worse,
    rank_among_random,
)
from hinas_book.kit.missing import unless_missing
from hinas_book.kit.verdicts import format_contrast, worse
from hinas_book.paper.published import paper_table, sentences
from hinas_book.paper.published import where as place
from hinas_lab.analysis.statistics import LEAST, kendall, share_by_luck, verdict, wilson


def printed_drops() -> str:
    """Tables 6 and 7: what R1 and R2 lose, in dB and in standard deviations of one run.

    The spread is that of Tables 1 and 2, last row, three runs.
    """
    lines = []
    # the last rows are those of the method as proposed: denoising, then super-resolution
    for number, spread in ((6, paper_table(1).rows[-1]), (7, paper_table(2).rows[-1])):
        found, *edited = paper_table(number).rows
        for row in edited:
            for column in filter(lambda name: name.startswith("psnr"), row):
                drop = found[column].value - row[column].value
                lines.append(
                    f"Table {number}, {row['method'].printed}, {place(column):<9}{drop:5.2f} dB "
                    f"lower,{drop / spread[column].std:5.1f} sd"
                )
    for sentence in sentences():
        if sentence.section == "4.2.4":
            lines.append(f"{'agrees' if sentence.agrees else 'NOT SO'}: {sentence.says}")
    return "\n".join(lines)


@unless_missing
def drop_text(p: Perturbed) -> str:
    """How many are worse, how many beyond noise, and the same against one training.

    That one has the edits' own seed.
    """
    lines = [
        f"noise of a training: ±{p.noise:.3f} dB, from {len(p.null)} trainings of the found net"
    ]
    for kind in KINDS:
        if kind in p.shares:
            share = p.shares[kind]
            more, better, alone = beyond(p, kind)
            low, high = share_by_luck(share["n"], len(p.null))
            lines += [
                f"{kind}: {worse(share)}, median drop {share['median_drop']:+.3f} dB",
                f"    beyond the noise: {more} worse, {better} better "
                f"(noise alone: about {alone:.1f} each)",
                f"    if no edit mattered, {low:.0%} to {high:.0%} would be worse by noise",
            ]
    # the one case that the paper describes in words
    conv = p.shares.get("R1, a 3x3 convolution replaced")
    if conv:
        lines.append(f"R1 as the text has it, a 3 x 3 convolution replaced: {worse(conv)}")
    # a seed may be good or bad for every net alike
    same = (p.drops() > p.same_seed).sum()
    lines.append(
        "against the found net's one training with the edits' own seed: "
        f"{same} of {len(p.edits)} worse"
    )
    return "\n".join(lines)


@unless_missing
def recorded_drops(p: Perturbed, numbers: Sequence[int]) -> str:
    """The drops of the edits ``numbers``. ValueError for a number that is no edit."""
    lines = []
    for edit in edits_numbered(p, numbers):
        lines.append(f"recorded drop {edit.drop:+.3f} dB: {edit.kind}, {edit.what}")
    return "\n".join(lines)


@unless_missing
def control_text(p: Perturbed) -> str:
    """Edits of the same kinds on random nets."""
    lines = []
    for kind in KINDS:
        if f"{kind} on random" in p.shares:
            rank, nets = rank_among_random(p, kind)
            lines += [
                f"{kind}: on random nets {worse(p.shares[f'{kind} on random'])}",
                "    mean drop, found minus random, a net as the unit: "
                f"{format_contrast(against_random(p, kind))}; place {rank} of {nets}",
            ]
    return "\n".join(lines) or "this record holds no edits of random nets"


@unless_missing
def parameter_text(p: Perturbed) -> str:
    """Is it size? The line through all edits, at no change of parameters."""
    tau = kendall(p.values("parameters"), p.drops())
    return (
        f"drop at unchanged parameters: {format_contrast(at_equal_parameters(p))}\n"
        f"more parameters against larger drop: tau {format_contrast(tau, 'tau')}"
    )


@unless_missing
def judge_text(p: Perturbed) -> str:
    """Does the shared-weight drop tell the trained one?"""
    shared, trained = p.values("shared_drop"), p.drops()
    same = (shared > 0) == (trained > 0)
    return (
        f"of {len(p.edits)} edits the supernet's weights call {(shared > 0).sum()} worse, "
        f"training {(trained > 0).sum()}; both say the same of {same.sum()}\n"
        f"ranking: tau {format_contrast(kendall(shared, trained), 'tau')}"
    )


@unless_missing
def readings(p: Perturbed) -> list[tuple[str, str, str]]:
    """(reading of "an optimum", what was found, verdict).

    Strict, weak for each kind of edit, and owed to the search.
    """
    rows = [_strict(p)]
    rows += [_weak(p, kind) for kind in KINDS if kind in p.shares]
    for kind in KINDS:
        if p.controls[kind]:
            contrast, (rank, nets) = against_random(p, kind), rank_among_random(p, kind)
            rows.append(
                (
                    f"owed to the search, {kind}: such edits cost random nets less",
                    f"mean drop {format_contrast(contrast)} against random nets'; "
                    f"place {rank} of {nets} nets",
                    _side(contrast.low, contrast.high, contrast.n),
                )
            )
    return rows


def _strict(p: Perturbed) -> tuple[str, str, str]:
    best = -p.drops().min()
    typical, chance = best_under_null(p)
    # one training of the found net leaves its noise unknown
    if isnan(chance):
        verdict = "open"
    else:
        verdict = "fails" if chance < 0.05 else "not refuted"
    return (
        "strict: no neighbour is better",
        f"the best of {len(p.edits)} is {best:+.3f} dB; luck alone: {typical:+.3f} dB, "
        f"as much or more in {chance:.0%}",
        verdict,
    )


def _weak(p: Perturbed, kind: str) -> tuple[str, str, str]:
    """Worse more often than a coin, than noise alone, and than not against the edits' own seed."""
    share = p.shares[kind]
    n, worse_share = share["n"], share["worse"] / share["n"]
    low, high = share_by_luck(n, len(p.null))
    own_low, own_high = wilson(share["same_seed"], n)
    # all three must lie on one side: the weakest decides
    verdict = _side(
        min(share["low"] - 0.5, worse_share - high, own_low - 0.5),
        max(share["high"] - 0.5, worse_share - low, own_high - 0.5),
        n,
    )
    return (
        f"weak, {kind}: with {KINDS[kind]} it is worse more often than not",
        f"{worse(share)}; if no edit mattered, up to {high:.0%}; "
        f"with one seed {share['same_seed']} of {n}; mean drop {share['mean_drop']:+.3f} dB",
        verdict,
    )


def _side(low: float, high: float, n: int) -> str:
    """The verdict of an interval around 0 on something that is held to be above 0."""
    if n < LEAST:
        return "open"
    if low > 0:
        return "holds"
    return "fails" if high < 0 else "open"


@unless_missing
def two_edits_text(p: Perturbed, first: int, second: int) -> str:
    """What a paper with room for two examples would have shown.

    A line for each of the edits ``first`` and ``second``, and what the pair says beside all
    others. ValueError for a number that is no edit.
    """
    lines, worse_edits = [], 0
    for edit in edits_numbered(p, (first, second)):
        size = "within" if abs(edit.drop) <= p.noise else "beyond"
        word = "worse" if edit.drop > 0 else "not worse"
        worse_edits += edit.drop > 0
        lines.append(
            f"{edit.kind}, {edit.what}: {word}, drop {edit.drop:+.3f} dB, "
            f"{size} the noise of a training"
        )
    outcome = ("Neither is worse", "One is worse, one is not", "Both are worse")[worse_edits]
    lines.append(
        f"{outcome}. Of all pairs of the {len(p.edits)} edits, "
        f"in {pairs_worse(p):.0%} both are worse."
    )
    return "\n".join(lines)


@unless_missing
def readings_table(p: Perturbed) -> str:
    """``readings`` as Markdown."""
    lines = ['| what "an optimum" may mean | found | verdict |', "|---|---|---|"]
    for reading, seen, word in readings(p):
        lines.append(f"| {reading} | {seen} | **{word}** |")
    return "\n".join(lines)


# conclusions: one sentence each, its words chosen by the record


@unless_missing
def conclude_drops(p: Perturbed) -> str:
    """Are edited nets worse more often than noise alone would have it?"""
    parts = []
    for kind in KINDS:
        if kind not in p.shares:
            continue
        n, worse_edits = p.shares[kind]["n"], p.shares[kind]["worse"]
        if n < LEAST:
            parts.append(f"{kind} has {n} edits, too few to tell")
            continue
        low, high = share_by_luck(n, len(p.null))
        word = "as often worse as noise alone may have it"
        if worse_edits / n > high:
            word = "worse more often than noise alone has it"
        elif worse_edits / n < low:
            word = "better more often than noise alone has it"
        more, better, alone = beyond(p, kind)
        parts.append(
            f"edits {kind} are {word}; of {n}, beyond the noise lie {more} worse and "
            f"{better} better (noise alone: about {alone:.1f} each)"
        )
    return f"**So:** {'; '.join(parts)}."


@unless_missing
def conclude_control(p: Perturbed) -> str:
    """Do edits cost the found net more than random nets?"""
    parts = []
    for kind in KINDS:
        if p.controls[kind]:
            word = {
                "supported": "cost the found net more than random ones",
                "contradicted": "cost the found net less than random ones",
            }.get(verdict(against_random(p, kind)), "do not tell the found net from a random one")
            parts.append(f"edits {kind} {word}")
    return f"**So:** {'; '.join(parts) or 'without random nets nothing is owed to the search'}."


@unless_missing
def conclude_parameters(p: Perturbed) -> str:
    """Is a drop left when size is taken out, and does size explain any of it?"""
    left = {
        "supported": "a drop is left at unchanged size",
        "contradicted": "at unchanged size an edit helps",
    }.get(verdict(at_equal_parameters(p)), "no drop is seen at unchanged size")
    tau = kendall(p.values("parameters"), p.drops())
    size = {
        "supported": "larger edits drop more",
        "contradicted": "the more parameters an edit adds, the smaller its drop",
    }.get(verdict(tau), "drops are not seen to follow the parameters")
    return f"**So:** {left}; {size}."


@unless_missing
def conclude_judge(p: Perturbed) -> str:
    """Can the supernet's weights stand in for training?"""
    word = {
        "supported": "ranks the edits somewhat as training does: a hint, no replacement",
        "contradicted": "ranks the edits against training",
    }.get(
        verdict(kendall(p.values("shared_drop"), p.drops())),
        "is not seen to rank the edits as training does: it cannot stand in for it here",
    )
    return f"**So:** the cheap judge {word}."


@unless_missing
def conclude_readings(p: Perturbed) -> str:
    """Which readings of "an optimum" hold."""
    said: dict[str, list[str]] = {}
    for reading, _, word in readings(p):
        said.setdefault(word, []).append(reading.partition(":")[0])
    parts = [f"{word.capitalize()}: {'; '.join(names)}" for word, names in said.items()]
    first = "" if "holds" in said else "No reading holds. "
    return f"**So:** {first}{'. '.join(parts)}."
