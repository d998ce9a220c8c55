"""A protocol, a metric and a data set that a user adds with one call: the command line knows each
as its own, and nothing of it is left when it is taken away again."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import hinas, refused
from PIL import Image

from hinas_lab.images.colour import MEASURED
from hinas_lab.images.datasets.sets import SETS, DataSet, add_data_set
from hinas_lab.images.metrics import METRICS, add_metric, gmsd
from hinas_lab.images.protocol import (
    NAMED_PROTOCOLS,
    PROTOCOLS,
    Protocol,
    add_protocol,
    default_protocol,
    protocol,
)

NOISY = ["evaluate", "--method", "noisy", "--dataset", "p", "--json", "e.json"]


@pytest.fixture(autouse=True)
def pictures(tmp_path, monkeypatch):
    """Two of them, as ``p`` in an empty working folder; the tables as they were, afterwards."""
    monkeypatch.chdir(tmp_path)
    write_pictures(Path("p"), 2)
    before = [dict(table) for table in (NAMED_PROTOCOLS, METRICS, SETS)]
    yield
    assert [NAMED_PROTOCOLS, METRICS, SETS] == before


def write_pictures(folder: Path, count: int):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(count)
    for number in range(count):
        pixels = rng.integers(60, 200, (24, 30), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def measured(*more) -> tuple[str, dict]:
    """What ``evaluate`` prints and writes."""
    code, out, err = hinas(*NOISY, *more)
    assert (code, err) == (0, "")
    return out, json.loads(Path("e.json").read_text())


# A protocol


def test_a_protocol_from_outside():
    refused(hinas(*NOISY, "--protocol", "cropped"), "protocol = 'cropped': must be one of whole, ")
    add_protocol("cropped", Protocol(border="4", seed=7), why="what a friend's script does")
    try:
        out, record = measured("--protocol", "cropped")
        assert "protocol cropped: whole images; " in out and "4 pixels cut at each border" in out
        assert record["protocol"]["name"] == record["rows"][0]["protocol"] == "cropped"
        same = measured("--protocol", "whole + border=4 + seed=7")[1]
        assert same["rows"][0]["protocol"] == "cropped", "a protocol is known by its values"
        assert protocol("cropped + seed=0").name == "whole + border=4"
        assert PROTOCOLS["cropped"].border == "4" and list(PROTOCOLS)[-1] == "cropped"
    finally:
        del NAMED_PROTOCOLS["cropped"]
    refused(hinas(*NOISY, "--protocol", "cropped"), "protocol = 'cropped': must be one of whole, ")


def test_a_protocol_that_is_the_default():
    add_protocol("mine", Protocol(seed=7), why="for my group", default_for=(("denoise", 1),))
    try:
        assert "protocol mine: " in measured()[0]
        assert default_protocol("denoise", 3) == "whole-rgb"
    finally:
        del NAMED_PROTOCOLS["mine"]
    assert "protocol whole: " in measured()[0]


@pytest.mark.parametrize(
    "name, values, words",
    [
        ("whole", Protocol(seed=7), "is there already"),
        ("whole + seed=7", Protocol(seed=7), "is there already, or holds ' [+] '"),
        ("mine", Protocol(), "has the values of whole"),
    ],
)
def test_protocols_that_would_hide_another(name, values, words):
    with pytest.raises(ValueError, match=words):
        add_protocol(name, values, why="")


# A metric


def mean_absolute_error(image, truth, *, data_range):
    return float(np.mean(np.abs(image - truth)) / data_range)


def test_a_metric_from_outside():
    before = measured()
    add_metric("mae", mean_absolute_error, unit="of 1", more_is_better=False, digits=3)
    try:
        out, record = measured()
    finally:
        del METRICS["mae"]
    (row,), images = record["rows"], record["images"]
    assert list(row)[4:12] == [
        "psnr", "ssim", "mae", "psnr_se", "ssim_se", "mae_se", "seconds", "n",
    ]  # fmt: skip
    assert list(images[0])[5:] == ["psnr", "ssim", "mae", "seconds"]
    # of noise of sigma 50 the mean absolute value is sqrt(2 / pi) of that, a little less clipped
    assert row["mae"] == pytest.approx(50 / 255 * np.sqrt(2 / np.pi), rel=0.1)
    assert row["mae"] == pytest.approx(np.mean([image["mae"] for image in images]))
    lines = out.splitlines()
    assert [f"{image['mae']:.3f} of 1" in line for image, line in zip(images, lines)] == [True] * 2
    assert f"{row['mae']:.3f} of 1 " in lines[2] and f", {row['mae_se']:.3f} of 1)" in lines[2]
    after = measured()
    for record in (before[1], after[1]):
        assert list(record["rows"][0])[4:10] == [
            "psnr", "ssim", "psnr_se", "ssim_se", "seconds", "n",
        ]  # fmt: skip
    assert [image["psnr"] for image in before[1]["images"]] == [
        image["psnr"] for image in after[1]["images"]
    ]


def test_rows_of_other_metrics_are_measured_again(monkeypatch):
    """What was stopped before the metric was added lacks it."""
    from hinas_lab.restoration import measure as module

    real, seen = module.measure, []

    def measure(method, restore, name, *args):
        seen.append(name)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return real(method, restore, name, *args)

    monkeypatch.setattr(module, "measure", measure)
    assert hinas(*NOISY).code == 130
    add_metric("mae", mean_absolute_error)
    try:
        assert "measured before" not in measured()[0] and seen[2:] == ["0.png", "1.png"]
    finally:
        del METRICS["mae"]


@pytest.mark.parametrize("name", ["sr-standard", "whole", "whole + border=4"])
def test_gmsd_of_what_the_protocol_compares(name):
    """Border and colour as PSNR has them; colour pictures, whose gray is not their Y."""
    from hinas_lab.analysis.jobs import measure

    rng, colours = np.random.default_rng(5), []
    for number in range(2):
        colours.append(rng.integers(60, 200, (26, 30, 3), dtype=np.uint8))
        Image.fromarray(colours[-1]).save(Path("p") / f"{number}.png")
    how = protocol(name)
    scale = 2 if how.task == "sr" else 1
    cut = {"sr-standard": 2, "whole": 0, "whole + border=4": 4}[name]
    outputs = []

    def restore(image: np.ndarray) -> np.ndarray:
        outputs.append(np.kron(image, np.ones((scale, scale) + (1,) * (image.ndim - 2))))
        return outputs[-1]

    row = measure(restore, 2.0, "p", name)
    each = []
    for number, (output, picture) in enumerate(zip(outputs, colours)):
        clean = how.clean(picture, scale)
        seen = how.apply(lambda image, output=output: output, clean, 2.0, number)
        planes = []
        for image in (seen, clean):
            plane = MEASURED[how.measured](255 * image.astype(float))
            planes.append(plane[cut : plane.shape[0] - cut, cut : plane.shape[1] - cut])
        each.append(gmsd(*planes, data_range=255))
    assert row["gmsd"] == pytest.approx(np.mean(each), rel=1e-9) and row["gmsd"] > 0


def test_a_metric_of_studies_and_one_that_is_taken():
    from hinas_lab.analysis.jobs import measure

    add_metric("unevenness", gmsd, studies_only=True)
    try:
        row = measure(lambda image: image, 25.0, "p", "whole")
        assert "unevenness" not in measured()[1]["rows"][0]
    finally:
        del METRICS["unevenness"]
    assert row["unevenness"] == row["gmsd"] > 0
    with pytest.raises(ValueError, match="'gmsd': is there already"):
        add_metric("gmsd", gmsd)


# A data set


MINE = DataSet(
    name="Mine",
    use="for a test",
    purpose="noise to denoise",
    terms="ours",
    citation="nobody",
    homepage="nowhere",
    tree="Mine/\n├── train/\n└── test/",
    parts={"train": 3, "test": 2},
    train=("train",),
    aliases=("ours",),
)


def test_a_data_set_from_outside(tmp_path, monkeypatch):
    monkeypatch.setenv("HINAS_DATA", str(tmp_path / "cache"))
    refused(hinas("data", "list", "mine"), "data set 'mine': must be one of builtin, ")
    add_data_set(MINE)
    try:
        assert "not here" in listed("Mine")
        refused(hinas("data", "get", "Mine"), "Mine: has no address")
        refused(hinas(*NOISY, "--dataset", "mine"), "not found in")
        for part, count in MINE.parts.items():
            write_pictures(tmp_path / "cache" / "mine" / part, count)
        assert listed("Mine").endswith("mine")
        assert "train 3, test 2" in hinas("data", "list", "ours").out
        code, out, _ = hinas("data", "verify", "MINE")
        assert code == 0 and "(Mine): 5 images read" in out and "all is as it should be" in out
        assert measured("--dataset", "ours")[1]["rows"][0]["n"] == 2
        command = ["search", "--task", "denoise", "--preset", "tiny", "--data", "mine"]
        refused(hinas(*command, "--set", "search.patch=99", "--run", "r"), "smaller than a patch")
        (tmp_path / "cache" / "mine" / "train" / "0.png").unlink()
        code, out, _ = hinas("data", "verify", "Mine")
        assert code == 1 and "missing: train: 1 of 3 images" in out
    finally:
        del SETS["Mine"]
    refused(hinas(*NOISY, "--dataset", "mine"), "neither a known data set")


def listed(name: str) -> str:
    lines = hinas("data", "list").out.splitlines()
    return next(line for line in lines if line.startswith(name))


def test_a_data_set_whose_images_are_known(tmp_path):
    """By their names, a folder of any name is recognised; by their digests, a change is seen."""
    from dataclasses import replace

    from hinas_lab.images.datasets.verify import file_digest

    write_pictures(Path("any/train"), 3)
    write_pictures(Path("any/test"), 2)
    ids = {}
    for part in MINE.parts:
        files = sorted(Path("any", part).iterdir())
        ids[part] = {file.stem: (file_digest(file),) for file in files}
    add_data_set(replace(MINE, ids=ids, digest="file"))
    try:
        assert "(Mine): 5 images read" in hinas("data", "verify", "any").out
        Path("any/test/1.png").write_bytes(Path("any/test/0.png").read_bytes())
        code, out, _ = hinas("data", "verify", "any")
        assert code == 1 and "changed: test/1.png" in out
    finally:
        del SETS["Mine"]
    assert "(any folder): 5 images read" in hinas("data", "verify", "any").out


def test_a_data_set_whose_name_is_taken():
    from dataclasses import replace

    with pytest.raises(ValueError, match="'b100': is there already"):
        add_data_set(replace(MINE, aliases=("B100",)))
