"""``hinas-lab study protocol`` and ``bicubic``: paired differences, shared restorations, stops,
leaks, published rows."""

import math
import shutil
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import hinas, refused, snapshot
from PIL import Image
from scipy.ndimage import uniform_filter
from scipy.stats import ttest_rel
from test_cli import strict_json

from hinas_book.ch11_protocols import protocols as study
from hinas_book.paper.published import bicubic
from hinas_lab.images.datasets.catalog import load_images, read_images
from hinas_lab.images.protocol import PROTOCOLS, protocol
from hinas_lab.restoration import compare
from hinas_lab.restoration import measure as engine
from hinas_lab.restoration.classical import CLASSICAL, METHODS, classical, tune
from hinas_lab.restoration.measure import Measurement, mean

PHOTOS = load_images("builtin", 3, "test")
PICTURES = {
    "cat": PHOTOS["chelsea"][60:157, 120:184],
    "cup": PHOTOS["coffee"][100:164, 200:267],
    "man": PHOTOS["camera"][100:170, 200:290, 0],
}


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Three, as ``p`` in an empty working folder: crops of 64 just fit."""
    monkeypatch.chdir(tmp_path)
    Path("p").mkdir()
    for name, pixels in PICTURES.items():
        Image.fromarray(pixels).save(f"p/{name}.png")
    return Path("p")


@pytest.fixture
def unaudited(monkeypatch):
    """The audit is tested below and elsewhere; it takes half a second."""
    monkeypatch.setattr("hinas_lab.analysis.leaks.refuse_leaks", lambda *args: None)


def blur(image):
    return uniform_filter(image, (3, 3) if image.ndim == 2 else (3, 3, 1))


def row(protocol: str, image: str, psnr: float, ssim: float = 0.5) -> Measurement:
    return Measurement(
        method="m",
        image=image,
        protocol=protocol,
        sigma=25.0,
        scores={"psnr": psnr, "ssim": ssim},
        seconds=0.0,
    )


# Differences


def test_paired_differences_are_those_of_a_t_test():
    rng = np.random.default_rng(0)
    values = {
        name: rng.normal(30, 3, (9, 2)) + gap for name, gap in (("a", 0.5), ("whole", 0), ("b", -1))
    }
    rows = [row(n, f"{i}", *values[n][i]) for n in values for i in rng.permutation(9)]
    found = study.differences(rows, "whole")
    assert [(d.protocol, d.base, d.n) for d in found] == [("a", "whole", 9), ("b", "whole", 9)]
    for d in found:
        for c, (middle, low, high) in enumerate(
            ((d.psnr, d.psnr_low, d.psnr_high), (d.ssim, d.ssim_low, d.ssim_high))
        ):
            theirs = ttest_rel(values[d.protocol][:, c], values["whole"][:, c]).confidence_interval(
                0.95
            )
            assert (low, high) == pytest.approx(theirs, rel=1e-10)
            assert middle == pytest.approx(
                (values[d.protocol] - values["whole"]).mean(0)[c], rel=1e-10
            )


def test_what_makes_a_picture_hard_cancels():
    """Pictures 20 dB apart, the same gain in each: an interval of no width."""
    (d,) = study.differences(
        [
            row(n, i, p + gain)
            for n, gain in (("whole", 0), ("b", 0.25))
            for i, p in (("x", 20), ("y", 40))
        ],
        "whole",
    )
    assert (d.psnr, d.psnr_low, d.psnr_high, d.ssim) == (0.25, 0.25, 0.25, 0)


def test_one_picture_has_no_interval():
    (d,) = study.differences([row("whole", "x", 30), row("b", "x", 31)], "whole")
    assert (d.psnr, d.psnr_low, d.psnr_high, d.n) == (1, -math.inf, math.inf, 1)


@pytest.mark.parametrize("others", [["x"], ["x", "z"], ["x", "y", "z"]])
def test_other_pictures_cannot_be_paired(others):
    rows = [row("whole", i, 30) for i in ("x", "y")] + [row("b", i, 31) for i in others]
    with pytest.raises(
        ValueError,
        match="^protocols b and whole were measured on different images: they cannot be paired$",
    ):
        study.differences(rows, "whole")


def test_perfect_restorations_can_be_paired():
    rows = [row(n, i, math.inf, 1.0) for n in ("whole", "b") for i in ("x", "y")]
    (d,) = study.differences(rows, "whole")
    assert d.ssim == d.psnr == d.psnr_low == d.psnr_high == 0


# Which protocols


@pytest.mark.parametrize("task", ["denoise", "sr"])
def test_the_base_comes_first_and_each_protocol_once(task):
    names = study.protocols(task)
    assert names[0] == study.BASE[task] and len(set(names)) == len(names)
    chosen = [protocol(n) for n in names]
    assert [p.name for p in chosen] == names and {p.task for p in chosen} == {task}
    assert set(names) >= {n for n, p in PROTOCOLS.items() if p.task == task and n != "whole-rgb"}
    assert {protocol(n) for _, n in study.SINGLE[task]} <= set(chosen)


def test_strides_are_added():
    more = study.protocols("denoise", (64, 48, 16))
    assert more[: len(study.protocols("denoise"))] == study.protocols("denoise")
    assert (
        more[-1] == "authors-eval + stride=16"
        and "authors-eval" in more
        and len(set(more)) == len(more)
    )
    assert all(protocol(f"authors-eval + stride={s}").name in more for s in (64, 48, 16))


@pytest.mark.parametrize("task", ["denoise", "sr"])
def test_single_changes_change_one_thing(task):
    """Against the base, but for crops, which have three fields, and gray files, which go with Y."""
    base = PROTOCOLS[study.BASE[task]]
    for _, name in study.SINGLE[task]:
        p = protocol(name)
        fields = {f for f in vars(p) if getattr(p, f) != getattr(base, f)} - {
            "tile",
            "stride",
            "gray_files",
        }
        assert len(fields) == 1 or (not fields and p.noise == "image" and p.tile)


# Shared restorations


def count(names, images=PICTURES, level=25.0, done=None, restore=blur):
    calls = []
    rows = list(
        engine.measure_under(
            names, "m", lambda x: calls.append(x.copy()) or restore(x), images, level, done
        )
    )
    return rows, calls


def test_only_the_same_input_is_restored_once():
    sharing = [
        "whole",
        "whole + ssim_padding=zero",
        "whole + ssim_window=uniform",
        "whole + round_output=True",
        "whole + border=4",
    ]
    assert len(count(sharing)[1]) == len(PICTURES)
    other = [
        "whole + clip_input=True",
        "whole + round_input=True",
        "whole + seed=1",
        "whole-rgb + colour=Y",
        "half-size",
    ]
    assert len(count([*sharing, *other])[1]) == 6 * len(PICTURES)
    assert (
        len(
            count(
                ["sr-standard", "sr-authors", "sr-standard + border=none"],
                level=2,
                restore=classical("bicubic", "sr", 2),
            )[1]
        )
        == 3
    )
    crops = len(
        [
            c
            for c in count(["whole", "authors-eval", "authors-eval + ssim_padding=valid"])[1]
            if c.shape == (64, 64)
        ]
    )
    assert crops == 2 * (2 * 1 + 1 * 2 + 2 * 2), "crops are not shared: they would fill the memory"


def test_pictures_of_the_same_pixels_do_not_share_their_noise():
    rows, calls = count(["whole", "whole + border=4"], dict.fromkeys("ab", PICTURES["man"]))
    assert len(calls) == 2 and not np.array_equal(*calls) and rows[0].psnr != rows[2].psnr


@pytest.mark.parametrize("task, level", [("denoise", 25.0), ("sr", 3)])
def test_together_as_alone(task, level):
    """Sharing changes no number; rows come image by image, of all protocols."""
    names, restore = (
        study.protocols(task),
        blur if task == "denoise" else classical("bicubic", "sr", level),
    )
    rows, _ = count(names, level=level, restore=restore)
    assert [(r.image, r.protocol) for r in rows] == list(product(PICTURES, names))
    for name in names:
        alone = engine.evaluate(
            "m", restore, PICTURES, level, PROTOCOLS.get(name) or protocol(name)
        )
        assert [(r.psnr, r.ssim) for r in alone] == [
            (r.psnr, r.ssim) for r in rows if r.protocol == name
        ]


def test_rows_that_are_done_are_taken():
    """And a picture that is done altogether is not even read."""
    names = ["whole", "whole + border=4", "half-size"]
    rows, calls = count(names)
    done = {(r.protocol, r.image): r for r in rows if r.image == "cat" or r.protocol == "half-size"}

    class Unread(dict):
        def __getitem__(self, name):
            assert name != "cat"
            return super().__getitem__(name)

    again, fewer = count(names, Unread(PICTURES), done=done)
    assert len(calls) == 6 and len(fewer) == 2
    assert [(r.protocol, r.image, r.psnr) for r in again] == [
        (r.protocol, r.image, r.psnr) for r in rows
    ]
    assert all(any(a is r for r in rows) == ((a.protocol, a.image) in done) for a in again)


# The command

STUDY = ["study", "protocol", "--method", "noisy", "--dataset", "p"]


def test_study_of_protocols(pictures):
    code, out, err = hinas(*STUDY, "--sigma", 25, "--strides")
    folder = Path("runs/study-protocol-noisy-p-25")
    assert (
        (code, err) == (0, "")
        and {p.name for p in folder.iterdir()} == {"study.json", "rows.json"}
        and str(folder) in out
    )
    told, rows = strict_json(folder / "study.json"), strict_json(folder / "rows.json")["rows"]
    names = study.protocols("denoise", study.STRIDES)
    assert [m["protocol"] for m in told["means"]] == names and [r["protocol"] for r in rows] == [
        n for n in names for _ in range(3)
    ]
    assert (told["method"], told["dataset"], told["n"], told["sigma"], told["base"]) == (
        "noisy",
        "p",
        3,
        25.0,
        "whole",
    )
    of = {n: {r["image"]: r["psnr"] for r in rows if r["protocol"] == n} for n in names}
    for m in told["means"]:
        assert (
            m["psnr"] == pytest.approx(np.mean(list(of[m["protocol"]].values())))
            and protocol(m["protocol"]).text == m["text"]
        )
    for d in told["differences"]:
        pairs = [
            [of[n][i] for i in ("cat.png", "cup.png", "man.png")] for n in (d["protocol"], "whole")
        ]
        assert d["psnr"] == pytest.approx(np.mean(pairs[0]) - np.mean(pairs[1]), abs=1e-9)
    lines = out.splitlines()
    assert lines[1].startswith("whole ") and f"{told['means'][0]['psnr']:.3f}" in lines[1]
    for line, d in zip(lines[2:], told["differences"]):
        assert (
            line.startswith(d["protocol"])
            and f"{d['psnr']:+.3f}" in line
            and f"{d['psnr_high'] - d['psnr']:.3f}" in line
        )
    gain = {d["protocol"]: d["psnr"] for d in told["differences"]}
    assert (
        gain["authors-eval + stride=16"] > gain["authors-eval"] > 0.3
        and abs(gain["whole + tile=64 + stride=48"]) < 1e-4
    )


def test_study_of_super_resolution(pictures, unaudited):
    code, out, err = hinas(
        "study",
        "protocol",
        "--method",
        "bicubic",
        "--scale",
        2,
        "--dataset",
        "p",
        "--run",
        "deep/s",
        "--limit",
        2,
    )
    told = strict_json(Path("deep/s/study.json"))
    assert (
        (code, err) == (0, "")
        and told["scale"] == told["n"] == 2
        and told["base"] == "sr-standard"
        and "x2" in out
    )
    assert [m["protocol"] for m in told["means"]] == study.protocols("sr")


def test_study_goes_on_where_it_was_stopped(pictures, unaudited, monkeypatch):
    assert hinas(*STUDY, "--run", "whole").code == 0
    real, seen = engine.measure, []

    def measure(method, restore, name, image, number, level, p):
        if len(seen) == stop:
            raise KeyboardInterrupt
        seen.append((name, p.name))
        return real(method, restore, name, image, number, level, p)

    monkeypatch.setattr(engine, "measure", measure)
    todo = list(product(("cat.png", "cup.png", "man.png"), study.protocols("denoise")))
    for start, stop, code in ((0, 5, 130), (5, 20, 130), (25, math.inf, 0)):
        seen.clear()
        got = hinas(*STUDY, "--run", "s")
        assert got.code == code and seen == todo[start : start + stop if stop < math.inf else None]
        assert code == 0 or got.err == "hinas-lab: interrupted; the same command continues\n"
    results = [
        [
            {k: v for k, v in r.items() if k != "seconds"}
            for r in strict_json(Path(f, "rows.json"))["rows"]
        ]
        for f in ("s", "whole")
    ]
    assert results[0] == results[1] and {p.name for p in Path("s").iterdir()} == {
        "rows.json",
        "study.json",
    }


def test_study_of_other_pictures_starts_anew(pictures, unaudited, monkeypatch):
    real, stop = engine.measure, [4]

    def measure(*args):
        stop[0] -= 1
        if stop[0] < 0:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(engine, "measure", measure)
    assert (
        hinas(*STUDY, "--run", "s").code == 130
        and len(Path("s/.rows.unfinished").read_text().splitlines()) == 5
    )
    shutil.copy("p/cat.png", "p/dog.png")
    stop[0] = 2
    assert (
        hinas(*STUDY, "--run", "s").code == 130
        and len(Path("s/.rows.unfinished").read_text().splitlines()) == 3
    )


def test_study_of_one_picture(pictures, unaudited):
    """Its interval is infinite: printed so, null in JSON."""
    code, out, err = hinas(*STUDY, "--limit", 1, "--run", "s")
    gaps = strict_json(Path("s/study.json"))["differences"]
    assert (
        (code, err) == (0, "")
        and " inf" in out
        and all(d["psnr_low"] is d["psnr_high"] is None and d["psnr"] is not None for d in gaps)
    )


@pytest.mark.parametrize(
    "line, fragments",
    [
        ("--method bicubic", ["--scale is missing"]),
        ("--method noisy --scale 2", ["--scale 2: noisy is for denoising"]),
        ("--method bicubic --scale 2 --sigma 3", ["--sigma 3"]),
        ("--method noisy --limit 0", ["limit = 0"]),
        ("--method nobody", ["method = 'nobody'"]),
        ("--method noisy --run p/cat.png", ["p/cat.png"]),
    ],
)
def test_study_refuses_and_writes_nothing(pictures, line, fragments):
    before = snapshot(Path())
    refused(hinas("study", "protocol", "--dataset", "p", *line.split()), *fragments)
    assert snapshot(Path()) == before and not Path("runs").exists()


def test_a_picture_too_small_for_a_crop_is_named(pictures, unaudited):
    Image.new("L", (70, 63)).save("p/thin.png")
    refused(
        hinas(*STUDY, "--run", "s"),
        "thin.png: image of 63 x 70 pixels is smaller than a crop of 64",
    )


# Leaks


def test_what_was_trained_on_is_not_measured(pictures, tiny):
    """A run on its own training pictures; classical methods, tuned on the built-in ones, on a copy
    of one of these."""
    pytest.importorskip("hinas_lab.images.datasets.audit")
    before = snapshot(Path())
    refused(
        hinas("study", "protocol", "--method", tiny.train, "--dataset", tiny.photos),
        "8 test images of",
        "training data",
        "astronaut.png, brick.png, cell.png, ...",
    )
    assert snapshot(Path()) == before and not Path("runs").exists()
    Image.fromarray(load_images("builtin", 1)["coins"]).save("p/mine.jpg", quality=95)
    refused(
        hinas("study", "protocol", "--method", "tv", "--dataset", "p"),
        "1 test images of p",
        "training data builtin (mine.jpg)",
    )


# Published rows


def set5(monkeypatch) -> Path:
    """A folder that is called Set5 and holds five tiny pictures, where named sets are looked
    for."""
    monkeypatch.setenv("HINAS_DATA", "data")
    folder = Path("data/Set5/HR")
    folder.mkdir(parents=True)
    for i in range(5):
        Image.fromarray(PHOTOS["chelsea"][50 + 10 * i : 98 + 10 * i, 100:149]).save(
            folder / f"{i}.png"
        )
    return folder


def test_bicubic_beside_its_published_rows(pictures, monkeypatch):
    """These five are not Set5: the numbers are told, and exit 1 says that they are far from the
    published ones."""
    folder = set5(monkeypatch)
    code, out, err = hinas("study", "bicubic", "--json", "b.json")
    told = strict_json(Path("b.json"))
    assert (
        (code, err) == (1, "")
        and "0 of 3 cells within 0.01 dB" in out
        and "not here: Set14, BSD100, Urban100" in out
    )
    assert [(r["dataset"], r["scale"], r["n"]) for r in told["rows"]] == [
        ("Set5", s, 5) for s in (2, 3, 4)
    ]
    images = read_images(str(folder))
    for r, line in zip(told["rows"], out.splitlines()[1:]):
        alone = mean(
            list(
                engine.evaluate(
                    "b",
                    classical("bicubic", "sr", r["scale"]),
                    images,
                    r["scale"],
                    PROTOCOLS["sr-bicubic"],
                )
            )
        )
        assert (r["psnr"], r["ssim"]) == (alone["psnr"], alone["ssim"]) and r[
            "protocol"
        ] == "sr-bicubic"
        assert (r["published_psnr"], r["published_ssim"]) == bicubic()["Set5"][r["scale"]]
        assert line.split() == [
            "Set5",
            "5",
            f"x{r['scale']}",
            f"{r['psnr']:.3f}",
            f"{r['published_psnr']:.2f}",
            f"{r['ssim']:.5f}",
            f"{r['published_ssim']:.4f}",
        ]


@pytest.mark.parametrize(
    "psnr, ssim, code", [(0.009, 0.0009, 0), (-0.009, -0.0009, 0), (0.011, 0, 1), (0, -0.0011, 1)]
)
def test_how_near_is_near(pictures, monkeypatch, psnr, ssim, code):
    set5(monkeypatch)
    rows = (
        {r["scale"]: r for r in strict_json(Path("b.json"))["rows"]}
        if hinas("study", "bicubic", "--json", "b.json").code == 1
        else {}
    )
    published = {
        2: (rows[2]["psnr"], rows[2]["ssim"]),
        4: (rows[4]["psnr"] + psnr, rows[4]["ssim"] + ssim),
    }
    monkeypatch.setattr("hinas_book.paper.published.bicubic", lambda: {"Set5": published})
    found = hinas("study", "bicubic")
    assert found.code == code and f"{2 - code} of 2 cells" in found.out


def test_published_rows_without_a_data_set(pictures):
    code, out, err = hinas("study", "bicubic", "--json", "b.json")
    assert (
        code == 2
        and err.count("\n") == 1
        and "hinas-lab data get Set5" in err
        and not Path("b.json").exists()
    )
    assert "not here: Set5, Set14, BSD100, Urban100" in out


def test_json_that_cannot_be_written_is_refused_first(pictures, monkeypatch):
    set5(monkeypatch)
    refused(hinas("study", "bicubic", "--json", "nowhere/b.json"), "nowhere/b.json")


def test_published_rows_are_those_of_the_papers():
    """VDSR, Table 2, bicubic: spot checks by eye, and the trend that no typing error keeps."""
    assert bicubic()["Set5"][2] == (33.66, 0.9299) and bicubic()["Set14"][3] == (27.55, 0.7742)
    assert bicubic()["BSD100"][4] == (25.96, 0.6675) and bicubic()["Urban100"][2] == (26.88, 0.8403)
    for scales in bicubic().values():
        assert list(scales) == [2, 3, 4] and sorted(scales.values(), reverse=True) == list(
            scales.values()
        )


# Classical methods


def test_bicubic_is_for_super_resolution_and_the_others_are_not():
    assert set(CLASSICAL["denoise"]) == {"noisy", *METHODS, "bm3d"} and CLASSICAL["sr"] == (
        "bicubic",
    )
    for name, task, other in [
        ("bicubic", "denoise", "sr"),
        *((m, "sr", "denoise") for m in CLASSICAL["denoise"]),
    ]:
        with pytest.raises(
            ValueError, match=f"method = '{name}' is for {other}, the protocol for {task}"
        ):
            classical(name, task, 2)
    with pytest.raises(ValueError, match="method = 'wnnm'"):
        classical("wnnm", "denoise", 25)


def test_bm3d_is_the_users_own(monkeypatch):
    """Without the package one line names it and its licence; with it, sigma arrives on the scale of
    the image."""
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(
        ValueError, match="BM3D needs its authors' package, free for non-commercial use only"
    ):
        classical("bm3d", "denoise", 25.0)(np.zeros((4, 4)))
    monkeypatch.setitem(sys.modules, "bm3d", SimpleNamespace(bm3d=lambda z, s: z + s))
    assert classical("bm3d", "denoise", 25.5)(np.zeros((4, 4, 3))) == pytest.approx(
        np.full((4, 4, 3), 0.1)
    )


@pytest.mark.parametrize("method", list(METHODS))
def test_colour_is_denoised_channel_by_channel(monkeypatch, method):
    monkeypatch.setattr("hinas_lab.restoration.classical.tune", lambda method, sigma: 0.8)
    noisy = PROTOCOLS["whole-rgb"].degrade(PICTURES["cat"][:32, :40] / np.float32(255), 25, 0)
    restore = classical(method, "denoise", 25)
    restored = restore(noisy)
    assert restored.shape == noisy.shape
    for c in range(3):
        np.testing.assert_array_equal(restored[..., c], restore(noisy[..., c]))
    np.testing.assert_array_equal(classical(method, "denoise", 0)(noisy), noisy)


def test_the_strength_is_the_best_on_training_photographs(monkeypatch):
    """Of a denoiser that gives 0.5 + |strength - 0.9|: 0.9 in the gray centres. The test
    photographs are not looked at."""
    monkeypatch.setattr("hinas_lab.restoration.classical.TUNING_CROP", 32)
    asked = []
    photographs = {
        str(i): np.pad(np.full((32, 32), 127, np.uint8), ((4, 4), (9, 9)), constant_values=255)
        for i in range(9)
    }
    monkeypatch.setattr(
        "hinas_lab.restoration.classical.load_images",
        lambda *args: asked.append(args) or photographs,
    )
    monkeypatch.setitem(
        METHODS,
        "tv",
        (lambda noisy, sigma, strength: 0.5 + 0 * noisy + abs(strength - 0.9), (0.6, 0.9, 1.3)),
    )
    assert tune("tv", 25) == 0.9 and asked == [("builtin", 1)]


# Side by side


def test_comparison_refuses_rows_of_several_protocols():
    rows = [row("whole", "x", 30), row("whole", "y", 32), row("whole + border=4", "x", 31)]
    assert compare.totals(rows[:2])["m"]["psnr"] == 31
    with pytest.raises(ValueError, match="no common mean"):
        compare.totals(rows)
