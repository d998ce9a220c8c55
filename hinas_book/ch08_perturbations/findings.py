"""What the study ``perturb`` found, in sentences whose numbers come from the record. No torch."""

from hinas_book.ch08_perturbations.edits import (
    KINDS,
    Perturbed,
    against_random,
    at_equal_parameters,
    beyond,
    known,
    best_under_null,
    pairs_worse,
    rank_among_random,
)
from hinas_book.kit.missing import unless_missing
from hinas_book.kit.verdicts import format_contrast, worse
from hinas_book.paper.published import sentences, paper_table
from hinas_book.paper.published import where as place
from hinas_lab.analysis.statistics import LEAST, kendall, share_by_luck, wilson


def printed_drops() -> str:
    """Tables 6 and 7: what R1 and R2 lose, in dB and in standard deviations of one run (Tables 1 and 2, last row, three runs)."""
    out = []
    for number, spread in ((6, paper_table(1).rows[-1]), (7, paper_table(2).rows[-1])):
        found, *changed = paper_table(number).rows
        for row in changed:
            for column in (c for c in row if c.startswith("psnr")):
                drop = found[column].value - row[column].value
                in_sd = drop / spread[column].std
                out.append(
                    f"Table {number}, {row['method'].printed}, {place(column):<9}{drop:5.2f} dB lower,{in_sd:5.1f} sd"
                )
    said = [
        f"{'agrees' if s.agrees else 'NOT SO'}: {s.says}"
        for s in sentences()
        if s.section == "4.2.4"
    ]
    return "\n".join(out + said)


@unless_missing
def drop_text(p: Perturbed) -> str:
    """How many are worse, how many beyond noise, and the same against one training with the edits' own seed."""
    out = [f"noise of a training: ±{p.noise:.3f} dB, from {len(p.null)} trainings of the found net"]
    for kind in KINDS:
        if t := p.told.get(kind):
            (more, better, alone), (low, high) = beyond(p, kind), share_by_luck(t["n"], len(p.null))
            out.append(
                f"{kind}: {worse(t)}, median drop {t['median_drop']:+.3f} dB\n"
                f"    beyond the noise: {more} worse, {better} better (noise alone: about {alone:.1f} each)\n"
                f"    if no edit mattered, {low:.0%} to {high:.0%} would be worse by noise"
            )
    if t := p.told.get("R1, a 3x3 convolution replaced"):
        out.append(f"R1 as the text has it, a 3 x 3 convolution replaced: {worse(t)}")
    same = sum(e.drop > p.same_seed for e in p.edits)
    out.append(
        f"against the found net's one training with the edits' own seed: {same} of {len(p.edits)} worse"
    )
    return "\n".join(out)


@unless_missing
def recorded_drops(p: Perturbed, chosen) -> str:
    """The drops of the edits numbered ``chosen``. ValueError for a number that is no edit."""
    return "\n".join(
        f"recorded drop {e.drop:+.3f} dB: {e.kind}, {e.what}" for e in known(p, chosen)
    )


@unless_missing
def control_text(p: Perturbed) -> str:
    """Edits of the same kinds on random nets."""
    out = []
    for kind in KINDS:
        if r := p.told.get(f"{kind} on random"):
            rank, nets = rank_among_random(p, kind)
            out.append(
                f"{kind}: on random nets {worse(r)}\n    mean drop, found minus random, a net as the unit: "
                f"{format_contrast(against_random(p, kind))}; place {rank} of {nets}"
            )
    return "\n".join(out) or "this record holds no edits of random nets"


@unless_missing
def parameter_text(p: Perturbed) -> str:
    """Is it size? The line through all edits, at no change of parameters."""
    c, tau = (
        at_equal_parameters(p),
        kendall([e.parameters for e in p.edits], [e.drop for e in p.edits]),
    )
    return (
        f"drop at unchanged parameters: {format_contrast(c)}\n"
        f"more parameters against larger drop: tau {format_contrast(tau, 'tau')}"
    )


@unless_missing
def judge_text(p: Perturbed) -> str:
    """Does the shared-weight drop tell the trained one?"""
    tau = kendall([e.shared_drop for e in p.edits], [e.drop for e in p.edits])
    same = sum((e.shared_drop > 0) == (e.drop > 0) for e in p.edits)
    cheap, trained = (sum(getattr(e, k) > 0 for e in p.edits) for k in ("shared_drop", "drop"))
    return (
        f"of {len(p.edits)} edits the supernet's weights call {cheap} worse, training {trained}; both say the same of {same}\n"
        f"ranking: tau {format_contrast(tau, 'tau')}"
    )


@unless_missing
def readings(p: Perturbed) -> list[tuple[str, str, str]]:
    """(reading of "an optimum", what was found, verdict): strict, weak for each kind, and owed to the search."""
    best = min(p.edits, key=lambda e: e.drop)
    typical, chance = best_under_null(p)
    seen = f"the best of {len(p.edits)} is {-best.drop:+.3f} dB; luck alone: {typical:+.3f} dB, as much or more in {chance:.0%}"
    out = [
        (
            "strict: no neighbour is better",
            seen,
            "fails" if chance < 0.05 else "not refuted" if chance == chance else "open",
        )
    ]
    for kind, words in KINDS.items():
        if not (t := p.told.get(kind)):
            continue
        low, high = share_by_luck(t["n"], len(p.null))
        share, own = t["worse"] / t["n"], wilson(t["same_seed"], t["n"])
        said = _side(
            min(t["low"] - 0.5, share - high, own[0] - 0.5),
            max(t["high"] - 0.5, share - low, own[1] - 0.5),
        )
        said = said if t["n"] >= LEAST else "open"
        seen = (
            f"{worse(t)}; if no edit mattered, up to {high:.0%}; with one seed {t['same_seed']} of {t['n']}; mean drop "
            f"{t['mean_drop']:+.3f} dB"
        )
        out.append((f"weak, {kind}: with {words} it is worse more often than not", seen, said))
    for kind in KINDS:
        if p.controls[kind]:
            c, (place, nets) = against_random(p, kind), rank_among_random(p, kind)
            seen = (
                f"mean drop {format_contrast(c)} against random nets'; place {place} of {nets} nets"
            )
            out.append(
                (
                    f"owed to the search, {kind}: such edits cost random nets less",
                    seen,
                    _side(c.low, c.high) if c.n >= LEAST else "open",
                )
            )
    return out


def _side(low: float, high: float) -> str:
    return "holds" if low > 0 else "fails" if high < 0 else "open"


@unless_missing
def told_two(p: Perturbed, first: int, second: int) -> str:
    """What a paper with room for two examples would have shown: a line for each of the edits ``first`` and ``second``, and what the pair
    says beside all others. ValueError for a number that is no edit."""
    pair, out = known(p, (first, second)), []
    for e in pair:
        size = (
            "within the noise of a training"
            if abs(e.drop) <= p.noise
            else "beyond the noise of a training"
        )
        out.append(
            f"{e.kind}, {e.what}: {'worse' if e.drop > 0 else 'not worse'}, drop {e.drop:+.3f} dB, {size}"
        )
    both = sum(e.drop > 0 for e in pair)
    words = {2: "Both are worse", 1: "One is worse, one is not", 0: "Neither is worse"}[both]
    return "\n".join(
        [
            *out,
            f"{words}. Of all pairs of the {len(p.edits)} edits, in {pairs_worse(p):.0%} both are worse.",
        ]
    )


@unless_missing
def readings_table(p: Perturbed) -> str:
    """``readings`` as Markdown."""
    rows = [f"| {reading} | {seen} | **{said}** |" for reading, seen, said in readings(p)]
    return "\n".join(['| what "an optimum" may mean | found | verdict |', "|---|---|---|", *rows])
