"""Write docs/stability.md and docs/stability.png from data/stability (``make docs``): what diverges
as printed, what was tried, and the first steps at full size."""

import json
from itertools import groupby
from math import log10
from pathlib import Path

from matplotlib.figure import Figure

from hinas_lab.drawing.style import ARCH, FAINT, WEIGHT, png, theme
from hinas_lab.storage import write_atomic

ROOT = Path(__file__).parents[1]
PAGE, PICTURE, TRIALS = (
    ROOT / "docs" / "stability.md",
    ROOT / "docs" / "stability.png",
    ROOT / "data" / "stability",
)
HEAD = """# Does the paper's own size train?

Made by `make docs` from `data/stability`, whose lines are written by `tools/stability.py`; \
a line carries preset, changes, data, seed,
genotype, device, versions and commit.

**As printed, denoising diverges** (preset `printed`: SGD, \
rate 0.05 for a training and 0.025 for a search, momentum 0.9, weight decay
3e-4). The weights of the last convolution enter the output linearly, \
so the square error is a quadratic in them, and at the start its
largest curvature is 119 (twice the largest eigenvalue of the second moment of that layer's \
inputs; notebook 03 measures it). Momentum 0.9
bears a rate of 2 (1 + 0.9) / 119 = 0.032 on this layer alone, and less on all together. \
What takes a first wrong step sees larger
gradients, and takes a larger one.

**Preset `paper` cuts the norm of the weights' gradient at 0.1** and is otherwise the text: \
one number, the same for searches and
trainings, for denoising and super-resolution. A training for x4 as printed does not break, \
but climbs to 17 times the loss of bicubic and
is 2.9 dB below it after 100 iterations, where the limited one is 0.2 dB above. Adam at 0.001, \
to which the authors' change log says they
went, learns faster while it holds, and does not hold with every seed. \
The literal setting stays as preset `printed`; `authors` (their
optimiser: another course of the rate, weight decay, values cut at 5) \
needs the same limit in its trainings, while its search for
denoising holds by its sigmoid. The small presets learn with Adam and are as they were.

"""
HOW = """
Full size: preset as named, BSDS500 (train and val), seed 0, one CPU thread; \
trainings of `sample(space, Random(0))`. Searches take weight
steps alone for 20 epochs of 18 steps and alternate from there; \
the noise level of each patch is drawn from 30, 50, 70.

    hinas-lab search --preset paper --data BSDS500 --threads 1 --run R     \
(stopped after 400 weight steps)
    hinas-lab train --preset paper --data BSDS500 --threads 1 --genotype G --run T     \
(stopped after 600 iterations)
    python tools/stability.py search --from R --json data/stability/full_size.jsonl
    python tools/stability.py train --preset printed --data BSDS500 --steps 40 \
--json data/stability/full_size.jsonl

"""


TRIED = """## What was tried

*peak*: the largest pixel loss over that of a net that changes nothing; *holds*: below 3; \
*peaks*: above, and comes back; *grows*: does not
come back, with one seed at least. *gain*: of the mean of the last 50 steps over that net, \
in dB on the training's own patches: who learns,
not who restores best. Of several seeds the mean, the least and the most. \
The rate is that of the schedule's beginning throughout, as it is
for the first thousands of iterations, but where *iterations* is among the changes: \
there the cosine ends with the trial. BSDS500, CPU, one
thread.

"""


AUTHORS = """
## `authors`, whole

The rows of `authors` above are of this preset before it had the decoder, the loss and the V of \
the authors' code, and rescaled crops. Here
it has all of that: built-in pictures, one CPU thread, smaller batches and patches than the \
preset's, otherwise as above. Their x4 learns with
L1: the peak is of L1, the gain in dB of its square. Without the limit trainings grow; with it \
they hold, the one for x4 not yet above its
bicubic. A search for denoising needs none. A search for x4 begins far above bicubic, as the \
sigmoid lies behind its skip, and these few steps
do not bring it down: they show that it does not diverge, not that it learns.

"""


def rows(name: str) -> list[dict]:
    path = TRIALS / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def setting(row: dict) -> str:
    """What a row changes of its preset, without what only makes the trial smaller."""
    small = ("batch", "patch")
    changes = [c for c in row["set"] if c.partition("=")[0].partition(".")[2] not in small]
    return f"`{row['preset']}`" + "".join(
        f", {c.partition('.')[2].replace('=', ' ')}" for c in changes
    )


def said(some: list[dict]) -> list[str]:
    """Cells of the rows of one setting: steps, seeds, where it ended, the peak and the last mean
    over the unchanged net's loss, dB."""
    identity = sum(r["identity"] for r in some) / len(some)
    broken = [len(r["pixel"]) for r in some if r["end"]]
    ends = [r["tail"] for r in some if not r["end"]]
    peak = max(r["peak"] / r["identity"] for r in some)
    cells = [str(some[0]["steps"]), str(len(some))]
    if broken:
        where = (
            f"after step {broken[0]}"
            if len(broken) == 1
            else f"after steps {min(broken)} to {max(broken)}"
        )
        cells.append(
            f"diverges {where}"
            if len(broken) == len(some)
            else f"{len(broken)} of {len(some)} diverge {where}"
        )
    else:
        cells.append("grows" if max(ends) > 1.05 * identity else "holds" if peak < 3 else "peaks")
    cells.append(f"{peak:.3g}" if peak < 1e4 else f"{peak:.0e}")
    if ends:
        # dB are of squares
        factor = 20 if some[0].get("pixel loss") == "l1" else 10
        gains = sorted(factor * log10(identity / x) for x in ends)
        cells.append(
            f"{gains[0]:+.2f}"
            if len(gains) == 1
            else f"{sum(gains) / len(gains):+.2f} ({gains[0]:+.2f} to {gains[-1]:+.2f})"
        )
    else:
        cells.append("")
    return cells


def table(some: list[dict]) -> str:
    """One line a setting: trainings before searches, denoising before super-resolution, in the
    order of the file."""
    lines = [
        "| setting | batch, patch | steps | seeds | | peak | gain, dB |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple, list[dict]] = {}
    for row in sorted(some, key=lambda r: (r["task"], r["kind"] == "search")):
        groups.setdefault(
            (row["kind"], row["task"], setting(row), row["batch"], row["patch"], row["steps"]), []
        ).append(row)
    for (kind, task, what, batch, patch, _), group in groups.items():
        steps, seeds, *rest = said(group)
        where = f"{kind} x{group[0]['scale']}" if task == "sr" else kind
        lines.append(
            f"| {where}: {what} | {batch}, {patch} | {steps} | {seeds} | " + " | ".join(rest) + " |"
        )
    return "\n".join(lines) + "\n"


def at_full_size() -> str:
    """What the picture's curves come to."""
    lines = []
    for row in rows("full_size"):
        what = f"- {'a search' if row['kind'] == 'search' else 'a training'} at `{row['preset']}`: "
        if row["end"]:
            lines.append(
                what + f"nan in step {len(row['pixel']) + 1}, after a peak of {row['peak']:.0e}"
            )
            continue
        line = (
            f"{what}{row['steps']} steps, pixel loss {row['pixel'][0]:.4f} at first, "
            f"{row['tail']:.4f} at the end, "
        )
        line += f"never above {row['peak']:.4f}"
        if arch := row.get("arch steps"):
            line += (
                f"; {arch} arch steps, from step {row['steps'] - arch + 1} on, "
                f"after which the entropy of alpha is {row['alpha_entropy']:.4f} "
                f"(1.9459 at the start) and {row['skip_share']:.0%} "
                "of the decoded operations are skips"
            )
        lines.append(line)
    return "\n".join(lines) + "\n"


def document() -> str:
    out = (
        f"{HEAD}![Pixel loss of the first steps at full size, "
        "as printed and with the gradient's norm cut at 0.1](stability.png)\n\n"
    )
    out += at_full_size() + HOW
    out += TRIED
    out += table(rows("trials"))
    if authors := rows("authors"):
        out += AUTHORS + table(authors)
    others = rows("others")
    if others:
        out += (
            "\n## Other nets\n\n"
            "The chosen setting with other genotypes and widths, peak and gain as above.\n\n"
            "| | nets | batch, patch | steps | largest peak | gain, dB: least, median, most |\n"
            "|---|---|---|---|---|---|\n"
        )
        for what, some in groupby(others, key=setting):
            group = list(some)
            gains = sorted(
                10 * log10(r["identity"] / r["tail"]) if r["tail"] else float("-inf") for r in group
            )
            peak = max(r["peak"] / r["identity"] for r in group)
            first = group[0]
            out += (
                f"| {first['kind']}: {what} | {len(group)} "
                f"| {first['batch']}, {first['patch']} | {first['steps']} | {peak:.2f} | "
                f"{gains[0]:+.2f}, {gains[len(gains) // 2]:+.2f}, {gains[-1]:+.2f} |\n"
            )
    return out


def picture() -> Figure:
    """Two panels, search and training: pixel loss against the step, as printed and at ``paper``."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    full = rows("full_size")
    for ax, kind in zip(figure.subplots(1, 2), ("search", "train")):
        for row in full:
            if row["kind"] != kind or row["task"] != "denoise":
                continue
            at = row.get("at", range(1, len(row["pixel"]) + 1))
            colour = ARCH if row["preset"] == "printed" else WEIGHT
            ax.plot(at, row["pixel"], color=colour, linewidth=1.2, label=row["preset"])
            if row["end"]:
                ax.annotate(
                    f"nan in step {len(row['pixel']) + 1}",
                    (at[-1], 2e3),
                    xytext=(6, 0),
                    textcoords="offset points",
                    color=colour,
                )
            if "identity" in row:
                ax.axhline(row["identity"], color=FAINT, linestyle=":", linewidth=1)
                ax.annotate(
                    "a net that changes nothing",
                    (1, row["identity"]),
                    xytext=(0, 3),
                    textcoords="offset points",
                    xycoords=("axes fraction", "data"),
                    ha="right",
                    color=FAINT,
                    fontsize=8,
                )
        ax.set(
            yscale="log",
            ylim=(4e-3, 1e4),
            xlabel="weight step" if kind == "search" else "iteration",
            ylabel="mean square error",
        )
        ax.set_title(
            "a search, batch 8" if kind == "search" else "a training, batch 24", loc="left"
        )
        ax.legend(loc="upper right")
    return figure


def main():
    write_atomic(PAGE, document().encode())
    with theme():
        write_atomic(PICTURE, png(picture()))
    print(f"wrote {PAGE.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
