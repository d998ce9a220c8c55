"""``hinas-lab evaluate``: any protocol, pictures saved, continued after a stop, refused in one
line; methods without torch."""

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import fill_disk, hinas, python, refused, setting, snapshot
from PIL import Image
from test_cli import strict_json
from test_files import TURNED

from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.protocol import PROTOCOLS
from hinas_lab.restoration import measure as engine
from hinas_lab.restoration.measure import Measurement, mean
from hinas_lab.restoration.unfinished import Unfinished, plain

COMPUTED = {"seconds", "peak_mb"}
"what differs from run to run"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Five pictures in sub-folders: gray and colour, sides of 24 to 97 pixels; two that differ only
    in their folder."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "a").mkdir(), (folder / "b" / "c").mkdir(parents=True)
    photos = load_images("builtin", 3, "test")
    pictures = {
        "a/cat.png": photos["chelsea"][60:157, 120:184],
        "b/c/cat.png": photos["chelsea"][:49, :80],
        "cup.tif": photos["coffee"][100:164, 200:267],
        "man.png": photos["camera"][100:170, 200:290, 0],
        "small.bmp": photos["camera"][:24, :31, 0],
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def pictures(made, tmp_path, monkeypatch):
    """A copy of them, as ``p`` in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(made, tmp_path / "p"))


@pytest.fixture
def measured(monkeypatch):
    """The images that are measured from now on; ``stop_after(n)`` presses Ctrl-C in the next
    one."""
    real = engine.measure

    class Measured(list):
        stop = math.inf

        def stop_after(self, n):
            self.clear()
            self.stop = n

    seen = Measured()

    def measure(method, restore, name, *args):
        if len(seen) >= seen.stop:
            raise KeyboardInterrupt
        seen.append(name)
        return real(method, restore, name, *args)

    monkeypatch.setattr(engine, "measure", measure)
    return seen


NAMES = ["a/cat.png", "b/c/cat.png", "cup.tif", "man.png", "small.bmp"]
NOISY = ["evaluate", "--method", "noisy", "--dataset", "p"]


def without(told: dict, names=COMPUTED):
    return {
        k: [{a: b for a, b in r.items() if a not in names} for r in v]
        if k in ("rows", "images")
        else v
        for k, v in told.items()
    }


# Numbers


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["sr-standard", "sr-bicubic", "sr-authors"])
def test_bicubic_under_every_protocol_of_super_resolution(pictures, name, scale):
    code, out, err = hinas(
        "evaluate",
        "--method",
        "bicubic",
        "--scale",
        scale,
        "--dataset",
        "p",
        "--protocol",
        name,
        "--json",
        "e.json",
    )
    told = strict_json(Path("e.json"))
    (row,) = told["rows"]
    assert (
        (code, err) == (0, "") and f"x{scale}, peak memory" in out and f"protocol {name}: " in out
    )
    assert (row["scale"], row["protocol"], row["n"], row["method"]) == (
        scale,
        name,
        5,
        "bicubic",
    ) and "sigma" not in row
    assert [i["image"] for i in told["images"]] == NAMES and {
        i["sigma"] for i in told["images"]
    } == {None}
    assert 20 < row["psnr"] < 45 and row["psnr"] == pytest.approx(
        np.mean([i["psnr"] for i in told["images"]])
    )
    assert told["protocol"]["name"] == name and told["protocol"]["border"] == PROTOCOLS[name].border


@pytest.mark.parametrize(
    ("method", "kind", "levels"),
    [("noisy", "sigma", [30, 50, 70]), ("bicubic", "scale", [4, 2, 3])],
)
def test_several_levels_are_a_row_each(pictures, method, kind, levels):
    """The same numbers, bytes and pictures as with a call for each."""
    argv = ["evaluate", "--method", method, "--dataset", "p"]
    together = hinas(*argv, f"--{kind}", *levels, levels[0], "--json", "e.json", "--save", "out")
    assert (together.code, together.err) == (0, "")
    told, rows, images = strict_json(Path("e.json")), [], []
    for level in levels:
        one = ["--json", "one.json", "--save", f"one/{kind}-{level}"]
        assert hinas(*argv, f"--{kind}", level, *one).code == 0
        alone = strict_json(Path("one.json"))
        rows += alone["rows"]
        images += alone["images"]
    expected = {**alone, "rows": rows, "images": images}
    assert without(told) == without(expected) and [row[kind] for row in told["rows"]] == levels
    both, single = saved("out"), saved("one")
    assert both.keys() == single.keys() and len(both) == 15
    assert all(np.array_equal(both[name], single[name]) for name in both)
    lines = together.out.splitlines()
    assert len(lines) >= 5 and all("(n = 5, standard error" in line for line in lines[:3])
    assert [line.split("  ")[0].split()[-1].lstrip("x") for line in lines[:3]] == [
        str(level) for level in levels
    ]


def test_several_levels_continue_where_they_were_stopped(pictures, measured):
    argv = [*NOISY, "--sigma", 30, 50, "--json", "e.json"]
    measured.stop_after(7)
    assert hinas(*argv).code == 130 and not Path("e.json").exists()
    measured.stop_after(math.inf)
    code, out, _ = hinas(*argv)
    assert code == 0 and measured == NAMES[2:] and "7 of the images measured before" in out
    assert len(strict_json(Path("e.json"))["images"]) == 10
    assert not list(Path().rglob("*unfinished*"))


def test_one_bad_level_of_several_is_refused_at_once(pictures, measured):
    refused(hinas(*NOISY, "--sigma", 30, 300), "sigma = 300.0: must be from 0 to 255")
    bicubic = ["evaluate", "--method", "bicubic", "--dataset", "p", "--scale"]
    refused(hinas(*bicubic, 2, 5), "scale = 5: must be 2, 3 or 4")
    refused(hinas(*bicubic, 2, 3, "--sigma", 30), "--sigma 30: super-resolution adds no noise")
    assert not measured


def test_default_protocols(pictures):
    assert "protocol whole: " in hinas(*NOISY).out
    assert (
        "protocol sr-standard: "
        in hinas("evaluate", "--method", "bicubic", "--dataset", "p", "--scale", 2).out
    )
    assert "protocol whole + border=4: " in hinas(*NOISY, "--protocol", "whole + border=4").out


def test_seed_and_sigma_are_of_the_number(pictures):
    """Noise of sigma s alone is 20 log10(255 / s) dB, and a little more where it is clipped."""
    numbers = set()
    for more in (["--sigma", 10], ["--sigma", 10, "--protocol", "whole + seed=1"], ["--sigma", 20]):
        assert hinas(*NOISY, *more, "--json", "e.json").code == 0
        row = strict_json(Path("e.json"))["rows"][0]
        assert row["psnr"] == pytest.approx(20 * math.log10(255 / row["sigma"]), abs=0.3)
        numbers.add(round(row["psnr"], 3))
    assert len(numbers) == 3


def test_limit_keeps_names_and_noise(pictures):
    """The third of three has the noise of the third of five."""
    told = [
        strict_json(Path("e.json"))["images"]
        for n in (5, 3)
        if hinas(*NOISY, "--limit", n, "--json", "e.json").code == 0
    ]
    assert [i["psnr"] for i in told[1]] == [i["psnr"] for i in told[0]][:3]


def test_nothing_done_to_no_noise(pictures):
    """An infinite PSNR is printed; JSON stays what other programs read."""
    code, out, err = hinas(*NOISY, "--sigma", 0, "--json", "e.json")
    told = strict_json(Path("e.json"))
    assert (code, err) == (0, "") and out.count("inf dB") == 6
    assert (
        told["rows"][0]["psnr"] is told["rows"][0]["psnr_se"] is told["images"][0]["psnr"] is None
        and told["rows"][0]["ssim"] == 1
    )


def row(psnr=30.0, ssim=0.9, **values) -> Measurement:
    return Measurement(
        **{
            "method": "m",
            "image": "i",
            "protocol": "whole",
            "sigma": 25.0,
            "scores": {"psnr": psnr, "ssim": ssim},
            "seconds": 1.0,
        }
        | values
    )


def test_mean_and_standard_error():
    rows = [
        row(psnr=p, ssim=s, seconds=t) for p, s, t in ((20, 0.5, 1), (23, 0.7, 2), (29, 0.9, 6))
    ]
    told = mean(rows)
    assert (
        told["psnr"] == 24
        and told["ssim"] == pytest.approx(0.7)
        and told["seconds"] == 3
        and told["n"] == 3
    )
    assert told["psnr_se"] == pytest.approx(math.sqrt((16 + 1 + 25) / 2 / 3)) and told[
        "ssim_se"
    ] == pytest.approx(0.2 / math.sqrt(3))
    assert math.isnan(mean(rows[:1])["psnr_se"])


@pytest.mark.parametrize(
    "other", [{"protocol": "whole-rgb"}, {"sigma": 50.0}, {"sigma": None, "scale": 2}]
)
def test_numbers_of_different_kinds_have_no_mean(other):
    assert mean([row(), row(image="j")])["n"] == 2
    with pytest.raises(ValueError, match="no common mean"):
        mean([row(), row(**other)])


def test_a_pictures_place_names_its_noise(pictures):
    """The same picture twice: two noises. And every method gets the same."""
    images, seen = dict.fromkeys("ij", np.full((20, 20), 128, np.uint8)), []
    for method in ("one", "two"):
        list(engine.evaluate(method, lambda x: seen.append(x) or x, images, 25, PROTOCOLS["whole"]))
    assert not np.array_equal(seen[0], seen[1]) and np.array_equal(seen[:2], seen[2:])


# Pictures


def saved(folder: str) -> dict:
    return {
        p.relative_to(folder).as_posix(): np.asarray(Image.open(p))
        for p in Path(folder).rglob("*")
        if p.is_file()
    }


@pytest.mark.parametrize(
    "more, shapes",
    [
        (["--protocol", "whole"], [(97, 64), (49, 80), (64, 67), (70, 90), (24, 31)]),
        (
            ["--protocol", "whole-rgb"],
            [(97, 64, 3), (49, 80, 3), (64, 67, 3), (70, 90, 3), (24, 31, 3)],
        ),
        (
            ["--method", "bicubic", "--scale", 2],
            [(96, 64, 3), (48, 80, 3), (64, 66, 3), (70, 90, 3), (24, 30, 3)],
        ),
    ],
    ids=["gray", "colour", "x2"],
)
def test_restored_images_are_saved_rounded(pictures, monkeypatch, more, shapes):
    real, restored = engine.measure, []

    def measure(*args):
        restored.append(real(*args))
        return restored[-1]

    monkeypatch.setattr(engine, "measure", measure)
    assert hinas(*NOISY, *more, "--save", "out/deep").code == 0
    found = saved("out/deep")
    assert sorted(found) == ["a/cat.png", "b/c/cat.png", "cup.png", "man.png", "small.png"]
    assert [found[name].shape for name in sorted(found)] == shapes
    for name, r in zip(sorted(found), restored, strict=True):
        assert (
            found[name].dtype == np.uint8
            and abs(found[name] - 255 * r.restored.astype(float)).max() <= 0.5 + 1e-4
        )


def test_saved_noise_by_hand(pictures):
    assert hinas(*NOISY, "--sigma", 50, "--save", "out").code == 0
    clean = np.asarray(Image.open("p/man.png"), dtype=float)
    noisy = clean + 50 * np.random.default_rng([0, 3, 50000]).standard_normal(
        clean.shape, dtype=np.float32
    )
    assert abs(saved("out")["man.png"] - noisy.clip(0, 255)).max() < 0.501


@pytest.mark.parametrize("orientation", TURNED)
def test_saved_upright(pictures, orientation):
    """A phone's picture lies on its side in the file and says so."""
    pixels, tags = np.asarray(Image.open("p/a/cat.png")), Image.Exif()
    tags[274] = orientation
    Path("phone").mkdir()
    Image.fromarray(pixels).save("phone/one.png", exif=tags.tobytes())
    argv = [*NOISY, "--dataset", "phone", "--protocol", "whole-rgb", "--sigma", 0]
    assert hinas(*argv, "--save", "out").code == 0
    assert np.array_equal(saved("out")["one.png"], TURNED[orientation](pixels))


def test_saving_would_destroy(pictures):
    """Inputs, each other, or a file: refused before anything is computed or written."""
    shutil.copy("p/man.png", "p/man.bmp")
    Path("file").write_text("kept")
    Path("link").symlink_to("p")
    before = sorted(Path().rglob("*")), snapshot(Path())
    refused(
        hinas(*NOISY, "--save", "out"),
        "--save out",
        "man.bmp and man.png",
        str(Path("out/man.png")),
    )
    Path("p/man.bmp").unlink()
    for folder in ("p", "p/../p", "link"):
        refused(hinas(*NOISY, "--save", folder), f"--save {folder}: lies in the data set p")
    refused(hinas(*NOISY, "--save", "file"), "--save file: is a file")
    after = sorted(Path().rglob("*")), snapshot(Path())
    assert [f for f in before[0] if f != Path("p/man.bmp")] == after[0] and after[
        1
    ].items() <= before[1].items()


def test_saving_below_the_data_set_is_refused(pictures, measured):
    """The next call would count the results among its images."""
    refused(hinas(*NOISY, "--save", "p/out"), "--save p/out: lies in the data set p")
    assert not measured and not Path("p/out").exists()


def test_json_and_save_of_one_name(pictures, measured):
    refused(hinas(*NOISY, "--save", "out", "--json", "out"), "out")
    assert not measured


# Continuing


@pytest.fixture
def whole(pictures):
    """An uninterrupted measurement."""
    assert hinas(*NOISY, "--json", "whole.json", "--save", "whole").code == 0
    return without(strict_json(Path("whole.json"))), saved("whole")


BOTH = [*NOISY, "--json", "e.json", "--save", "out"]


@pytest.mark.parametrize("k", [0, 1, 4])
def test_stopped_and_continued(whole, measured, k):
    """Ctrl-C in image k: the same command measures the rest, and the result is that of an
    uninterrupted one."""
    measured.stop_after(k)
    code, _, err = hinas(*BOTH)
    assert (
        code == 130
        and err.startswith("hinas-lab: interrupted; the same command continues")
        and err.count("\n") == 1
    )
    assert measured == NAMES[:k] and not Path("e.json").exists()
    measured.stop_after(math.inf)
    code, out, err = hinas(*BOTH)
    assert (code, err, measured) == (0, "", NAMES[k:])
    assert ("measured before" in out) == (k > 0) and (
        not k or f"{k} of the images measured before" in out
    )
    assert without(strict_json(Path("e.json"))) == whole[0]
    assert {n: p.tobytes() for n, p in saved("out").items()} == {
        n: p.tobytes() for n, p in whole[1].items()
    }
    assert not list(Path().rglob("*unfinished*"))
    measured.clear()
    assert hinas(*BOTH).code == 0 and measured == NAMES  # what is finished is forgotten


@pytest.mark.parametrize("option", [["--json", "e.json"], ["--save", "out"]])
def test_one_of_both_is_enough(pictures, measured, option):
    for k, names in ((2, NAMES[:2]), (1, NAMES[2:3]), (9, NAMES[3:])):
        measured.stop_after(k)
        assert hinas(*NOISY, *option).code == (130 if k < 9 else 0) and measured == names
    assert {p.name for p in Path().iterdir()} == {"p", option[1]} and not list(Path().rglob(".*"))


def test_a_lost_picture_is_made_again(whole, measured):
    measured.stop_after(3)
    assert hinas(*BOTH).code == 130
    Path("out/a/cat.png").unlink()
    measured.stop_after(math.inf)
    assert hinas(*BOTH).code == 0 and measured == [NAMES[0], *NAMES[3:]]
    assert (
        without(strict_json(Path("e.json"))) == whole[0] and saved("out").keys() == whole[1].keys()
    )


def other_pixels():
    image = np.array(Image.open("p/a/cat.png"))
    image[0, 0] ^= 1
    Image.fromarray(image).save("p/a/cat.png")


@pytest.mark.parametrize(
    "change, more",
    [
        (other_pixels, []),
        (lambda: shutil.copy("p/man.png", "p/z.png"), []),
        (lambda: Path("p/small.bmp").unlink(), []),
        (lambda: os.utime("p/man.png", ns=(1, 1)), []),
        (None, ["--sigma", 25]),
        (None, ["--protocol", "whole + border=4"]),
        (None, ["--method", "bicubic", "--scale", 2]),
        (None, ["--dataset", "p/a"]),
    ],
    ids=["pixels", "one more", "one less", "touched", "sigma", "protocol", "method", "dataset"],
)
def test_another_measurement_starts_anew(pictures, measured, change, more):
    measured.stop_after(3)
    assert hinas(*NOISY, "--json", "e.json").code == 130
    if change:
        change()
    measured.stop_after(math.inf)
    code, out, _ = hinas(*NOISY, *more, "--json", "e.json")
    told = strict_json(Path("e.json"))
    assert code == 0 and "measured before" not in out and len(measured) == told["rows"][0]["n"]
    fresh = hinas(*NOISY, *more, "--json", "f.json").code == 0 and strict_json(Path("f.json"))
    assert without(told) == without(fresh)


def test_more_images_of_the_same_go_on(pictures, measured):
    """--limit is no other measurement: an image's noise is of its place in the whole data set."""
    measured.stop_after(2)
    assert hinas(*NOISY, "--json", "e.json", "--limit", 4).code == 130
    measured.stop_after(math.inf)
    assert hinas(*NOISY, "--json", "e.json").code == 0 and measured == NAMES[2:]


def test_other_weights_start_anew(tiny, pictures, measured):
    """A run folder of the same name, trained again."""
    tiny.copy("train", Path("run"))
    argv = ["evaluate", "--method", "run", "--dataset", "p", "--sigma", 25, "--json", "e.json"]
    measured.stop_after(2)
    assert hinas(*argv).code == 130
    shutil.rmtree("run")
    assert hinas(*tiny.argv["train"], *setting({"train.iterations": 3}), "--run", "run").code == 0
    measured.stop_after(math.inf)
    assert hinas(*argv).code == 0 and measured == NAMES


UNFINISHED = Path(".e.json.unfinished")


@pytest.mark.parametrize(
    "damage, kept",
    [
        (lambda data: data[:-1], 2),
        (lambda data: data[:-30], 2),
        (lambda data: data + b'{"method": "no', 3),
        (lambda data: data + b"\n", 3),
        (lambda data: data.replace(b'"whole"', b"\xff\xfe", 1), 0),
        (lambda data: b"", 0),
        (lambda data: data[:20], 0),
        (lambda data: b"[1]\n" + data, 0),
        (lambda data: data.split(b"\n")[0] + b"\n[1]\n" + data, 0),
        (lambda data: b"\0" * 4000, 0),
        (lambda data: data.replace(b'"ssim"', b'"simm"'), 0),
    ],
    ids=[
        "newline",
        "half a line",
        "begun line",
        "empty line",
        "header",
        "empty",
        "half a header",
        "other header",
        "no row",
        "zeros",
        "field",
    ],
)
def test_damaged_rows_are_measured_again(whole, measured, damage, kept):
    """As a kill or a full disk leaves them: cut off anywhere. What follows a damaged line does not
    count."""
    measured.stop_after(3)
    assert hinas(*NOISY, "--json", "e.json").code == 130
    UNFINISHED.write_bytes(damage(UNFINISHED.read_bytes()))
    measured.stop_after(1)
    assert hinas(*NOISY, "--json", "e.json").code == 130 and measured == NAMES[kept : kept + 1]
    measured.stop_after(math.inf)
    assert hinas(*NOISY, "--json", "e.json").code == 0 and measured == NAMES[kept + 1 :]
    assert without(strict_json(Path("e.json"))) == whole[0] and not UNFINISHED.exists()


def test_rows_survive_as_they_are(tmp_path):
    """Every number to the last bit, infinite ones too; pictures are left out; nothing is kept twice
    or without a path."""
    header, rows = (
        {"method": "m"},
        [
            row(psnr=1 / 3, restored=np.ones((2, 2))),
            row(image="j", psnr=math.inf, sigma=None, scale=2),
        ],
    )
    path = tmp_path / "u"
    first = Unfinished(path, header)
    for r in rows:
        first.add(r)
    again = Unfinished(path, header)
    assert list(again.rows) == [("whole", "i"), ("whole", "j")] and [
        plain(r) for r in again.rows.values()
    ] == [plain(r) for r in rows]
    assert "restored" not in json.loads(path.read_text().splitlines()[1])
    again.add(rows[0])
    assert len(path.read_text().splitlines()) == 3
    again.finish()
    again.finish()
    assert not path.exists()
    nothing = Unfinished(None, header)
    nothing.add(rows[0])
    nothing.finish()
    assert not nothing.rows and not list(tmp_path.iterdir())


def test_full_disk(whole, measured, monkeypatch):
    """While the JSON is written: one line, the old file stays, nothing is measured again."""
    assert hinas(*NOISY, "--json", "e.json", "--limit", 1).code == 0
    before, measured[:] = Path("e.json").read_bytes(), []
    with monkeypatch.context() as patch:
        fill_disk(patch, "e.json")
        code, _, err = hinas(*NOISY, "--json", "e.json")
    assert (
        code == 2 and err.count("\n") == 1 and "e.json: cannot be written, the disk is full" in err
    )
    assert Path("e.json").read_bytes() == before and {p.name for p in Path().glob(".e.json*")} == {
        UNFINISHED.name
    }
    assert measured == NAMES
    measured.clear()
    assert hinas(*NOISY, "--json", "e.json").code == 0 and not measured
    assert without(strict_json(Path("e.json"))) == whole[0]


# What cannot be measured


def test_an_image_that_is_too_small_is_named(pictures):
    Image.new("L", (40, 10)).save("p/b/tiny.png")
    refused(hinas(*NOISY), "b/tiny.png: image of 10 x 40 pixels: SSIM needs at least 11 x 11")
    refused(
        hinas(*NOISY, "--protocol", "authors-eval"),
        "b/c/cat.png: image of 49 x 80 pixels is smaller than the protocol's crop of 64",
    )
    Path("p/b/tiny.png").unlink()
    Image.new("RGB", (31, 15)).save("p/thin.png")
    refused(hinas(*NOISY, "--method", "bicubic", "--scale", 4), "thin.png: image of 4 x 20 pixels")


@pytest.mark.parametrize(
    "line, fragments",
    [
        ("--method tv --protocol sr-standard", ["protocol sr-standard is for sr, tv for denoise"]),
        (
            "--method bicubic --scale 2 --protocol whole",
            ["protocol whole is for denoise, bicubic for sr"],
        ),
        (
            "--method {train} --protocol sr-bicubic",
            ["protocol sr-bicubic is for sr", "for denoise"],
        ),
        ("--method bicubic --scale 2 --sigma 25", ["--sigma 25: super-resolution adds no noise"]),
        ("--method bicubic", ["--scale is missing: 2, 3 or 4"]),
        ("--method bicubic --scale 5", ["scale = 5: must be 2, 3 or 4"]),
        ("--method bicubic --scale 1", ["scale = 1: must be 2, 3 or 4"]),
        ("--method bicubic --scale 0", ["scale = 0: must be 2, 3 or 4"]),
        ("--method noisy --scale 2", ["--scale 2: noisy is for denoising"]),
        ("--method {train} --scale 2", ["--scale 2:", "is for denoising"]),
        ("--method noisy --limit 0", ["limit = 0: must be at least 1"]),
        ("--method noisy --limit -1", ["limit = -1"]),
        ("--method noisy --sigma 256", ["sigma = 256.0: must be from 0 to 255"]),
        ("--method noisy --protocol whole+border=4", ["protocol = 'whole+border=4'"]),
        (
            "--method noisy --json nowhere/e.json",
            ["--json nowhere/e.json: its folder does not exist"],
        ),
        ("--method noisy --json p", ["--json p: is a folder"]),
    ],
)
def test_refused_before_anything_is_written(tiny, pictures, line, fragments):
    before = sorted(Path().rglob("*")), snapshot(Path())
    refused(hinas("evaluate", "--dataset", "p", *line.format(train=tiny.train).split()), *fragments)
    assert (sorted(Path().rglob("*")), snapshot(Path())) == before


@pytest.mark.parametrize("method", ["noisy --protocol sr-standard", "bicubic --sigma 3", "bicubic"])
def test_refused_with_json_and_save_too(pictures, method):
    refused(
        hinas(
            "evaluate",
            "--dataset",
            "p",
            "--json",
            "e.json",
            "--save",
            "out",
            "--method",
            *method.split(" ", 2),
        )
    )
    assert [p.name for p in Path().iterdir()] == ["p"]


# Nets


@pytest.mark.parametrize("protocol", ["whole", "whole-rgb", "authors-eval"])
def test_a_net_that_changes_nothing_is_noisy(pictures, monkeypatch, protocol):
    """Overlaps are averaged, then clipped: a net that clipped its own crops would gain 0.1 dB
    here."""
    net = torch.nn.Identity()
    net.channels, net.scale, net.radius = 1, 1, 0
    info = {
        "preset": "tiny",
        "seed": 0,
        "parameters": 0,
        "task": "denoise",
        "data": "builtin",
        "channels": 1,
        "sigmas": [50.0],
    }
    monkeypatch.setattr("hinas_lab.runs.folder.load_network", lambda *args: (net, info))
    Path("run").mkdir()
    Path("run/best.safetensors").touch()
    Image.fromarray(load_images("builtin", 1, "test")["camera"][:208, :208]).save("p/a/camera.png")
    numbers = {}
    for method in ("noisy", "run"):
        code, *_ = hinas(
            "evaluate",
            "--method",
            method,
            "--dataset",
            "p/a",
            "--protocol",
            protocol,
            "--json",
            "e.json",
        )
        numbers[method] = [i["psnr"] for i in strict_json(Path("e.json"))["images"]]
        assert code == 0
    assert numbers["run"] == pytest.approx(numbers["noisy"], abs=1e-4)


# Without torch


def test_classical_methods_load_no_torch(pictures):
    Path("p/cup").mkdir()
    shutil.copy("p/cup.tif", "p/cup/cup.tif")
    done = python(
        "-c",
        """
import os, sys
os.chdir(sys.argv[1])
from hinas_lab.cli.main import main
from hinas_lab.restoration import classical as baselines
baselines.TUNING_CROP = 24
for argv in (["noisy"], ["tv", "--limit", "1"], \
["bicubic", "--scale", "2", "--save", "out"], ["noisy", "--protocol", "whole-rgb"]):
    assert main(["evaluate", "--dataset", "p", "--json", "e.json", "--method", *argv]) == 0
assert main(["study", "protocol", "--method", "noisy", "--dataset", "p/cup", "--run", "study"]) == 0
assert "torch" not in sys.modules
""",
        pictures.parent,
    )
    assert done.returncode == 0, done.stderr
