"""The main job, whole: ``hinas-lab demo`` at preset tiny, and what the README quotes."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from hinas_book.ch07_ablations.widths import AGAIN
from hinas_book.kit.claims import changes, claims
from hinas_book.kit.design import paired_by_seed
from hinas_book.kit.recorded import recorded
from hinas_book.kit.verdicts import claims_with_verdicts
from hinas_book.paper.published import paper_table as published
from hinas_lab.analysis.statistics import paired
from hinas_lab.cli.main import main
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.datasets.sets import TEST, TRAIN
from hinas_lab.images.protocol import protocol
from hinas_lab.restoration.classical import METHODS, classical
from hinas_lab.restoration.compare import COMPARED, comparison_table, totals
from hinas_lab.restoration.measure import evaluate, mean
from hinas_lab.runs.folder import load_genotype, load_network

ROOT = Path(__file__).parents[2]
LEDGER = runpy.run_path(str(ROOT / "tools" / "ledger.py"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "run"
    assert main(["demo", "--preset", "tiny", "--run", str(folder), "--device", "cpu"]) == 0
    return folder


def test_demo_writes_what_it_names(demo):
    summary = json.loads((demo / "summary.json").read_text())
    assert {
        "sigma",
        "preset",
        "protocol",
        "seed",
        "parameters",
        "seconds",
        "mean",
        "images",
    } == set(summary)
    assert (summary["sigma"], summary["preset"], summary["protocol"], summary["seed"]) == (
        50.0,
        "tiny",
        "whole",
        0,
    )
    assert set(summary["seconds"]) == {"search", "train", "total"}
    assert set(summary["mean"]) == set(COMPARED) == {"noisy", "tv", "wavelet", "nl_means", "ours"}
    assert set(summary["images"]) == {"camera", "chelsea", "coffee"}
    for method, value in summary["mean"].items():
        for metric in ("psnr", "ssim"):
            assert value[metric] == pytest.approx(
                np.mean([image[method][metric] for image in summary["images"].values()])
            )
    unclipped = 20 * np.log10(
        255 / 50
    )  # clipping to [0, 1] before measuring gains some at the ends
    assert unclipped < summary["mean"]["noisy"]["psnr"] < unclipped + 1
    assert (demo / "genotype.svg").read_text().startswith("<svg")
    for name in ("search.png", "before_after.png"):
        with Image.open(demo / name) as picture:
            assert min(picture.size) > 200
    assert summary["parameters"] == load_network(demo)[1]["parameters"]
    assert load_genotype(demo) == load_genotype(demo / "search")


@pytest.mark.slow
def test_demo_again_only_measures(demo, capsys):
    """A finished demo is not searched or trained again."""
    before = {
        p: p.stat().st_mtime_ns
        for p in (demo / "best.safetensors", demo / "search" / "best.safetensors")
    }
    assert main(["demo", "--preset", "tiny", "--run", str(demo), "--device", "cpu"]) == 0
    assert before == {p: p.stat().st_mtime_ns for p in before}
    out = capsys.readouterr().out
    assert "entropy of alpha" in out and "percentile" in out and "protocol whole" in out


@pytest.mark.slow
def test_demo_fits_a_terminal(demo, capsys):
    main(["demo", "--preset", "tiny", "--run", str(demo), "--device", "cpu"])
    long = [
        line
        for line in capsys.readouterr().out.splitlines()
        if len(line) > 130 and "decoded:" not in line
    ]
    assert not long


def test_test_photographs_are_never_trained_on():
    assert not set(TEST) & set(TRAIN)
    train, test = (load_images("builtin", 1, part) for part in ("train", "test"))
    assert not any(np.array_equal(a, b) for a in train.values() for b in test.values())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_classical_methods_denoise(method):
    """Tuned on training photographs, each gains at least 8 dB at sigma 50; a method that only blurs
    everything would not."""
    crop = {name: image[:160, :160] for name, image in load_images("builtin", 1, "test").items()}
    rows = list(evaluate(method, classical(method, "denoise", 50.0), crop, 50.0, protocol("whole")))
    noisy = list(evaluate("noisy", lambda x: x, crop, 50.0, protocol("whole")))
    assert mean(rows)["psnr"] > mean(noisy)["psnr"] + 8
    assert "parameters" in comparison_table([*noisy, *rows], 1) and list(
        totals([*noisy, *rows])
    ) == [
        "noisy",
        method,
    ]


def test_every_method_sees_the_same_noise():
    seen = []
    for _ in range(2):
        list(
            evaluate(
                "x",
                lambda x: seen.append(x) or x,
                {"a": np.full((16, 16), 128, np.uint8)},
                25.0,
                protocol("whole"),
            )
        )
    assert np.array_equal(*seen) and seen[0].std() == pytest.approx(25 / 255, rel=0.2)


def test_mean_and_standard_error():
    images = {n: np.full((16, 16), v, np.uint8) for n, v in (("a", 60), ("b", 190))}
    rows = list(evaluate("x", lambda x: x, images, 30.0, protocol("whole")))
    total, values = mean(rows), [r.psnr for r in rows]
    assert (
        total["psnr"] == pytest.approx(np.mean(values))
        and total["psnr_se"] == pytest.approx(stats.sem(values))
        and total["n"] == 2
    )
    assert np.isnan(mean(rows[:1])["psnr_se"])


def test_readme_quotes_the_records():
    """Numbers in the README are those of the committed records."""
    readme = (ROOT / "README.md").read_text()
    demo, study = (
        json.loads((ROOT / "data" / "studies" / name).read_text())
        for name in ("demo.json", "search.json")
    )
    for value in demo["mean"].values():
        assert f"| {value['psnr']:.2f} | {value['ssim']:.4f} |" in readme
    assert f"{demo['parameters']:,}" in readme
    told = study["claims"]["search-random"]
    assert "{mean:+.3f} dB, 95 % interval {low:+.3f} to {high:+.3f}".format(**told) in readme
    arms = {
        arm: [row["psnr"] for row in study["rows"] if row["arm"] == arm]
        for arm in ("searched", "random")
    }
    test = stats.ttest_1samp(np.array(arms["searched"]) - np.mean(arms["random"]), 0)
    interval = test.confidence_interval(0.95)
    assert [told["low"], told["high"]] == pytest.approx([interval.low, interval.high], abs=1e-4)
    assert told["mean"] == pytest.approx(
        np.mean(arms["searched"]) - np.mean(arms["random"]), abs=1e-4
    )


def test_readme_quotes_the_benchmarks():
    readme = (ROOT / "README.md").read_text()
    study = json.loads((ROOT / "data" / "studies" / "state-of-the-art.json").read_text())
    psnr = {
        (r["method"], r["level"], r["test"]): f"{r['psnr']:.2f}"
        for r in study["rows"]
        if r["protocol"] != "authors-eval"
    }
    for said, method in (
        ("**ours**, 11,921 parameters", "ours"),
        ("non-local means", "nl_means"),
        ("TV", "tv"),
    ):
        assert (
            f"| {said} | {' | '.join(psnr[method, s, 'BSDS500'] for s in (30, 50, 70))} |" in readme
        )
    for said, method in (
        ("**ours**, 8,748 to 9,824 parameters", "ours"),
        ("FSRCNN, 12,809 parameters", "FSRCNN"),
        ("bicubic", "bicubic"),
    ):
        both = " | ".join(
            f"{psnr[method, s, 'Set5']} / {psnr[method, s, 'BSD100']}" for s in (2, 3, 4)
        )
        assert f"| {said} | {both} |" in readme
    for task, words in (("denoise", "11,921"), ("sr", "8,748 to 9,824")):
        sizes = sorted(
            {r["parameters"] for r in study["rows"] if (r["method"], r["task"]) == ("ours", task)}
        )
        assert " to ".join(f"{s:,}" for s in dict.fromkeys((sizes[0], sizes[-1]))) == words
    printed = [published(10).row("HiNAS")[f"psnr_s{s}"].printed for s in (30, 50, 70)]
    rows = [
        published(11).row("HiNAS") if s == 3 else published(12).row("HiNAS", scale=f"×{s}")
        for s in (2, 3, 4)
    ]
    both = ", ".join(f"{r['psnr_set5'].printed} / {r['psnr_bsd100'].printed}" for r in rows)
    assert f"{', '.join(printed[:2])}, {printed[2]} and {both} dB" in " ".join(readme.split())
    gain = next(g for g in study["gains"] if g["level"] == 50)
    assert (
        "gains {mean:+.3f} dB ({low:+.3f} to {high:+.3f})".format(**gain) in readme
        and gain["n"] == 200
    )


def test_readme_quotes_the_verdicts():
    readme = (ROOT / "README.md").read_text()
    table = readme[
        readme.index("## The paper's claims, tested") : readme.index(
            "## Numbers that can be compared"
        )
    ]
    widths = json.loads((ROOT / "data" / "studies" / "widths.json").read_text())["rows"]
    fair = paired(paired_by_seed(widths, AGAIN, "w40"))
    assert fair.low < 0 < fair.high and "nor with cells searched the same way" in table
    known = claims_with_verdicts()
    said = {id: j.told for id, j in known.items()}
    for id in (
        "residual-denoise",
        "residual-sr",
        "lwas-denoise",
        "loss-psnr",
        "search-random",
        "search-rsws",
        "widths-w40",
        "sharing-equal",
    ):
        assert "{mean:+.2f} dB ({low:+.2f} to {high:+.2f}), {n} se".format(**said[id]) in table, id
    for id in ("loss-ssim", "loss-sr-ssim"):
        assert "{mean:+.3f} ({low:+.3f} to {high:+.3f})".format(**said[id]) in table
    worse = said["local-optimum-r1"]
    assert (
        f"{worse['mean'] * worse['n']:.0f} of {worse['n']} replacements are worse "
        f"({worse['low']:.0%} to {worse['high']:.0%})".replace("%", " %")
        in table
    )
    ranks = json.loads((ROOT / "data" / "studies" / "widths.json").read_text())["ranks"][
        "as wide as they come"
    ]
    assert f"rank {', '.join(map(str, ranks))} of 12" in table
    assert (
        said["path-last-widest"]["mean"] == 0
        and "in 12 of 12 after the search, 12 of 12 before it" in table
    )
    assert (
        "{mean:+.3f} dB ({low:+.3f} to {high:+.3f}), 6 searches".format(**said["best-on-v"])
        in table
    )
    assert (
        said["best-on-v"]["note"].startswith("the same net in 5 of 6")
        and "the same net in 5 of 6" in table
    )
    far = json.loads((ROOT / "data" / "studies" / "budget.json").read_text())["along"][-1]
    assert (
        "trained {times} times as long, {mean:+.2f} dB is left ({low:+.2f} to {high:+.2f})".format(
            **far
        )
        in table
    )
    less = [
        c
        for c in json.loads((ROOT / "data" / "studies" / "loss.json").read_text())["against_none"]
        if (c["task"], c["lam"]) == ("denoise", 0.006) and c["metric"] in ("psnr", "ssim")
    ]
    assert (
        len(less) == 2
        and all(c["low"] > 0 for c in less)
        and "with a hundredth of its weight both rise" in table
    )
    assert (
        known["widths-w40"].told["verdict"] == "contradicted"
        and "contradicted, not after Holm's correction" in table
    )
    assert known["widths-w40"].adjusted > 0.05 > known["loss-psnr"].adjusted
    supported = [
        id
        for id in ("residual-denoise", "residual-sr", "loss-ssim")
        if said[id]["verdict"] == "supported"
    ]
    assert table.count("| supported") == len(supported)


def test_readme_tells_what_was_changed_and_what_came_late():
    """Each number from the rows of its record; each row that needs a mark has one."""
    readme = (ROOT / "README.md").read_text()
    table = readme[readme.index("| the paper says |") : readme.index("`hinas-lab study lwas-res")]
    said = {id: j.told for id, j in claims_with_verdicts().items()}
    random, searched = {}, []
    for row in recorded("search")["rows"]:
        if row["arm"] == "random":
            random.setdefault(row["number"], []).append(row["psnr"])
        elif row["arm"] == "searched":
            searched.append(row["psnr"])
    assert (len(searched), len(random)) == (8, 30)
    means = [np.mean(nets) for nets in random.values()]
    welch = stats.ttest_ind(searched, means, equal_var=False).confidence_interval(0.95)
    assert f"({welch.low:+.3f} to {welch.high:+.3f} if the random nets' mean" in readme
    assert f"(Welch) {welch.low:+.3f} to {welch.high:+.3f} |" in table
    assert f"{welch.low:+.3f} to {welch.high:+.3f}" in said["search-random"]["note"]
    assert (
        "{mean:+.2f} dB ({low:+.2f} to {high:+.2f}), 8 seeds".format(**said["loss-sr-psnr"])
        in table
    )
    there = [r for r in recorded("perturb-classroom")["rows"] if r["arm"] in ("found", "R1", "R2")]
    null = [r["psnr"] for r in there if r["arm"] == "found"]
    r1 = [sum(null) / len(null) - r["psnr"] for r in there if r["arm"] == "R1"]
    own = [null[0] - r["psnr"] for r in there if r["arm"] != "found"]
    assert (
        f"at preset `classroom` {sum(d > 0 for d in r1)} of {len(r1)}, "
        f"by {sum(r1) / len(r1):.3f} dB on average" in table
    )
    assert (
        f"{sum(d > 0 for d in own)} of all {len(own)} edits are worse there, "
        f"by {sum(own) / len(own):.3f} dB" in table
    )
    sr = [said[f"local-optimum-sr-{kind}"] for kind in ("r1", "r2")]
    assert (
        f"{sr[0]['mean'] * sr[0]['n']:.0f} of {sr[0]['n']} replacements ({sr[0]['low']:.0%} to "
        f"{sr[0]['high']:.0%}), ".replace("%", " %")
        + f"{sr[1]['mean'] * sr[1]['n']:.0f} of {sr[1]['n']} connections"
        in table
    )
    paths = [r for r in recorded("paths")["rows"] if r["arm"] == "outgoing"]
    after, before = (sum(r[when][-1] == 2 for r in paths) for when in ("after", "before"))
    p = stats.fisher_exact([[after, 12 - after], [before, 12 - before]]).pvalue
    assert (
        f"{after} of {len(paths)} after, {before} of {len(paths)} before (Fisher's p {p:.2g}), "
        "3 of 12 paths by chance: unresolved" in table
    )
    costs = LEDGER["bench"]()
    for id, words in (
        ("sharing-memory", "{} times less in the whole supernet"),
        ("sharing-time", "a step {} times,"),
        ("sharing-batch", "an image {} times, batch 4 to 5; 1.02 times at preset `paper`"),
        ("light-time", "{} times as fast as IMDN"),
        ("light-parameters", "with {} times fewer parameters; a random net, 159,835 parameters"),
    ):
        assert words.format(costs[id][0].split(" x ")[0]) in table, id
    assert "a cell with three incoming moves 3 x" in costs["sharing-memory"][0]
    assert "at preset paper 1.02 x" in costs["sharing-batch"][0]
    assert "exactly 3 in a cell with three incoming moves" in table
    marks = {c.id for c in claims() if c.record == "before"}
    assert table.count(" † |") == len(marks) - 2, "edits share a row, and light nets"
    assert table.count(" * |") == len({c.claim for c in changes()} - {"search-random"}) - 1
