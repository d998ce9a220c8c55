"""Data sets: how they are called, found and recognised; which images are trained on and which are
measured; how images are read."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hinas_lab.images.datasets import catalog, verify
from hinas_lab.images.datasets.catalog import (
    cache_folder,
    digests,
    find,
    load_image,
    load_images,
    named_files,
    read_image,
    recognise,
)
from hinas_lab.images.datasets.sets import SETS, TEST, TRAIN, data_set
from hinas_lab.images.datasets.verify import file_digest, pixel_digest


def write_image(path: Path, seed: int = 0, mode: str = "RGB", side: int = 8) -> Path:
    """A small image of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(values).convert(mode).save(path)
    return path


def write_bsds(folder: Path, below: str = "", images: int = 3) -> Path:
    """BSDS500 in small: its first ids, other pictures."""
    for part in ("train", "val", "test"):
        for number, name in enumerate(list(digests("BSDS500", part))[:images]):
            write_image(folder / below / part / f"{name}.jpg", number)
    return folder


def write_div2k(folder: Path) -> Path:
    for part, names in {"train": ("0001", "0002"), "valid": ("0801",)}.items():
        for name in names:
            write_image(folder / f"DIV2K_{part}_HR" / f"{name}.png")
            write_image(folder / f"DIV2K_{part}_LR_bicubic" / "X2" / f"{name}x2.png")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Where named sets are looked for; the working folder is another one."""
    monkeypatch.setenv("HINAS_DATA", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "cache"


def names(data: str | Path, part: str) -> list[str]:
    return list(named_files(str(data), part))


IDS = {part: list(digests("BSDS500", part)) for part in ("train", "val", "test")}


# The catalogue


def test_sets_are_frozen_and_told_apart():
    with pytest.raises(FrozenInstanceError):
        SETS["Set5"].name = "Set6"
    called = [name for chosen in SETS.values() for name in chosen.names]
    assert len(called) == len(set(called))
    assert (
        data_set("bsds500") is data_set("BSDS500") is SETS["BSDS500"]
        and data_set("b100") is SETS["BSD100"]
    )
    assert data_set("nothing") is None


@pytest.mark.parametrize("chosen", SETS.values(), ids=lambda s: s.name)
def test_split(chosen):
    """Every part is one a set has; none is both trained on and measured on."""
    assert chosen.test and not set(chosen.train) & set(chosen.test)
    assert set(chosen.train) | set(chosen.test) == set(chosen.parts)


def test_authors_lists():
    """Their training list is train + val, 300 images; their test list has 200; no image is in two
    parts."""
    assert (
        {part: len(ids) for part, ids in IDS.items()}
        == SETS["BSDS500"].parts
        == {"train": 200, "val": 100, "test": 200}
    )
    assert len({i for ids in IDS.values() for i in ids}) == 500
    for name, part in (
        ("Set5", "test"),
        ("BSD100", "test"),
        ("DIV2K", "train"),
        ("DIV2K", "valid"),
    ):
        assert len(digests(name, part)) == SETS[name].parts[part]
    assert list(digests("BSD100", "test")) == IDS["val"], "BSD100 is BSDS500/val"
    assert digests("Urban100", "test") == {}


# Finding


def test_builtin():
    assert names("builtin", "train") == [Path(n).stem for n in TRAIN]
    assert names("Builtin", "test") == names("builtin/test", "test") == [Path(n).stem for n in TEST]
    with pytest.raises(ValueError, match="builtin/test.*for measuring only"):
        named_files("builtin/test", "train")


BSDS_LAYOUTS = [
    "BSDS500",
    "bsds500",
    "BSDS500/images",
    "BSDS500/data/images",
    "BSR/BSDS500/data/images",
    "BSDS500/BSR/BSDS500/data/images",
]


@pytest.mark.parametrize("below", BSDS_LAYOUTS)
def test_bsds500_by_name(cache, below):
    write_bsds(cache, below)
    assert names("BSDS500", "train") == IDS["train"][:3] + IDS["val"][:3]
    assert names("bsds500", "test") == IDS["test"][:3]
    assert names("BSDS500/val", "test") == names("bsds500/VAL", "train") == IDS["val"][:3]


@pytest.mark.parametrize(
    "below", ["", "images", "data/images", "BSDS500/data/images", "BSR/BSDS500/data/images"]
)
def test_bsds500_by_folder(tmp_path, below):
    """The same names as by name: the same noise, the same run."""
    folder = write_bsds(tmp_path / "mine", below)
    assert recognise(folder).name == "BSDS500"
    assert names(folder, "train") == IDS["train"][:3] + IDS["val"][:3]
    assert names(folder, "test") == IDS["test"][:3]


def test_div2k(cache, tmp_path):
    for folder, data in (
        (cache / "DIV2K", "div2k"),
        (cache, "DIV2K"),
        (tmp_path / "mine", tmp_path / "mine"),
    ):
        write_div2k(folder)
        assert names(data, "train") == ["0001", "0002"] and names(data, "test") == ["0801"]


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("Set5/HR/baby.png", "Set5"),
        ("Set5/baby.png", "Set5"),
        ("set5/baby_GT.bmp", "Set5"),
        ("Set5/original/baby.png", "Set5"),
        ("Set5/image_SRF_4/img_001_SRF_4_HR.png", "Set5"),
        ("Set5/GTmod12/baby.png", "Set5"),
        ("benchmark/Set5/HR/baby.png", "Set5"),
        ("B100/HR/3096.png", "BSD100"),
        ("benchmark/B100/HR/3096.png", "BSD100"),
        ("BSDS100/3096.png", "BSD100"),
        ("BSD100/HR/img_001.png", "BSD100"),
        ("Urban100/HR/img_001.png", "Urban100"),
        ("benchmark/Set14/HR/zebra.png", "Set14"),
    ],
)
def test_sets_for_measuring(cache, layout, name):
    """Never a low-resolution image, wherever they lie."""
    image = write_image(cache / layout)
    base = cache / (
        layout.removeprefix("benchmark/").split("/")[0]
        if "benchmark" not in layout
        else "/".join(layout.split("/")[:2])
    )
    for low in (
        "LR_bicubic/X2/babyx2.png",
        "LR/baby.png",
        "image_SRF_4/img_001_SRF_4_LR.png",
        "image_SRF_4/img_001_SRF_4_bicubic.png",
        "LRbicx4/baby.png",
        "img_001_SRF_4_LR.png",
        ".hidden.png",
    ):
        write_image(base / low)
    assert names(name, "test") == [image.stem] and find(SETS[name]) == base
    assert names(base, "test") == [image.stem], "by its folder too"
    for data in (name, base):
        with pytest.raises(
            ValueError,
            match=f"{Path(data).name}': is for measuring only; "
            "train on builtin, BSDS500, DIV2K or a folder",
        ):
            named_files(str(data), "train")


def test_other_folders_keep_all_their_images(tmp_path):
    """Also one with a train and a test in it, and one whose images are called as those of a set."""
    for name in ("train/a.png", "test/b.png", "val/deep/c.jpg", "100075.jpg", "HR/x.png"):
        write_image(tmp_path / "mine" / name)
    assert recognise(tmp_path / "mine") is None
    assert (
        names(tmp_path / "mine", "train")
        == names(tmp_path / "mine", "test")
        == ["100075.jpg", "HR/x.png", "test/b.png", "train/a.png", "val/deep/c.jpg"]
    )


def test_name_before_folder(cache):
    """A name means the set in the cache; a folder of that name counts where there is none there, or
    as ./NAME."""
    write_image(Path("Set5/HR/mine.png"))
    assert names("Set5", "test") == ["mine"]
    write_image(cache / "Set5/HR/theirs.png")
    assert names("Set5", "test") == ["theirs"] and names("./Set5", "test") == ["mine"]


def test_bsds500_test_is_not_trained_on(cache):
    write_bsds(cache / "BSDS500")
    with pytest.raises(ValueError, match="BSDS500/test': is for measuring only"):
        named_files("BSDS500/test", "train")
    assert (
        len(named_files("BSDS500/test", "test")) == len(named_files("BSDS500/train", "train")) == 3
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("DIV2K", "'DIV2K': not found in {cache}; get it with: hinas-lab data get DIV2K"),
        ("set14", "'set14': not found in {cache}; get it with: hinas-lab data get Set14"),
        ("BSDS500/val", "not found in {cache}; get it with: hinas-lab data get BSDS500"),
        ("BSDS500/valid", "BSDS500 has the parts train, val, test"),
        (
            "Set15",
            "neither a known data set (builtin, BSDS500, DIV2K, Set5, Set14, BSD100, "
            "Urban100) nor a folder",
        ),
        ("nothing/here", "neither a known data set"),
    ],
)
def test_absent(cache, data, text):
    with pytest.raises(FileNotFoundError) as caught:
        named_files(data, "test")
    assert (
        text.format(cache=cache) in str(caught.value) and len(str(caught.value).splitlines()) == 1
    )


def test_absent_part(cache):
    write_image(cache / "DIV2K_train_HR" / "0001.png")
    assert names("DIV2K", "train") == ["0001"]
    with pytest.raises(
        FileNotFoundError, match="no images of DIV2K/valid in .*hinas-lab data get DIV2K"
    ):
        named_files("DIV2K", "test")


def test_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match="no images in this folder"):
        named_files(str(tmp_path))


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HINAS_DATA", "~/pictures")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pictures"
    monkeypatch.delenv("HINAS_DATA")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "hinas_lab"


def test_light(tmp_path):
    """Finding and reading load neither torch nor anything of the network."""
    script = (
        "import sys; from hinas_lab.images.datasets.catalog import read_images; "
        "dict(read_images('builtin'));"
        "print([m for m in ('torch', 'pooch', 'requests', 'urllib3', 'skimage') "
        "if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )


HIDDEN = (".thumbnails", ".ipynb_checkpoints", "deep/@eaDir/a.png", "#recycle", "__MACOSX")


@pytest.mark.parametrize("folder", HIDDEN)
def test_hidden_folders_are_never_data(tmp_path, folder):
    write_image(tmp_path / "deep" / "a.png")
    write_image(tmp_path / folder / "b.png")
    assert list(catalog.named_files(str(tmp_path))) == ["deep/a.png"]
    # the folder that is named may lie anywhere
    assert list(catalog.named_files(str(tmp_path / folder))) == ["b.png"]


def test_hidden_folders_of_a_set_are_never_data(cache):
    folder = write_bsds(cache / "BSDS500", images=2)
    write_image(folder / "train" / ".thumbnails" / f"{IDS['train'][5]}.png")
    (folder / "train" / "folder.png").mkdir()
    assert names("BSDS500/train", "test") == IDS["train"][:2]


# Reading


@pytest.mark.parametrize(
    ("mode", "suffix", "shape"),
    [
        ("L", ".png", (8, 8)),
        ("1", ".png", (8, 8)),
        ("LA", ".png", (8, 8)),
        ("I;16", ".png", (8, 8)),
        ("RGB", ".png", (8, 8, 3)),
        ("RGBA", ".png", (8, 8, 3)),
        ("P", ".png", (8, 8, 3)),
    ],
)
def test_read_image(tmp_path, mode, suffix, shape):
    path = tmp_path / f"a{suffix}"
    if mode == "I;16":
        Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000).save(path)
    else:
        write_image(path, mode=mode)
    image = read_image(path)
    assert image.shape == shape and image.dtype == np.uint8
    assert load_image(path, 1).shape == (8, 8) and load_image(path, 3).shape == (8, 8, 3)
    if mode == "I;16":
        assert np.array_equal(image, (np.arange(64).reshape(8, 8) * 1000 / 257).round())
    if image.ndim == 2:
        assert np.array_equal(load_image(path, 1), image) and np.array_equal(
            load_image(path, 3), np.dstack([image] * 3)
        )
    else:
        assert np.array_equal(load_image(path, 3), image)
        assert np.array_equal(load_image(path, 1), np.asarray(Image.fromarray(image).convert("L")))


def test_palette_of_grays_is_gray(tmp_path):
    gray = write_image(tmp_path / "gray.png", mode="L")
    palette = Image.fromarray(np.dstack([read_image(gray)] * 3)).convert(
        "P", palette=Image.Palette.ADAPTIVE
    )
    palette.save(tmp_path / "p.png")
    assert palette.mode == "P" and np.array_equal(read_image(tmp_path / "p.png"), read_image(gray))


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, None])
def test_damaged_image(tmp_path, content):
    path = write_image(tmp_path / "a.png", side=64)
    path.write_bytes(path.read_bytes()[:300] if content is None else content)
    with pytest.raises(ValueError, match="a.png: (is empty|not an image|damaged)") as caught:
        read_image(path)
    assert len(str(caught.value).splitlines()) == 1


def test_images_are_read_when_asked_for(tmp_path):
    for name in "abc":
        write_image(tmp_path / f"{name}.png")
    (tmp_path / "d.png").write_bytes(b"damaged")
    images = catalog.read_images(str(tmp_path))
    assert list(images) == ["a.png", "b.png", "c.png", "d.png"] and len(images) == 4
    assert [name for name, _ in islice(images.items(), 3)] == ["a.png", "b.png", "c.png"]
    with pytest.raises(ValueError, match="d.png"):
        images["d.png"]


def test_load_images_as_before():
    loaded = load_images("builtin", 1, "test")
    assert list(loaded) == ["camera", "chelsea", "coffee"] and all(
        image.ndim == 2 for image in loaded.values()
    )
    assert np.array_equal(loaded["chelsea"], load_image(catalog.photograph_path("chelsea.png"), 1))
    assert {name: image.ndim for name, image in catalog.read_images("builtin", "test").items()} == {
        "camera": 2,
        "chelsea": 3,
        "coffee": 3,
    }


# Verifying, with the digests of small sets in place of those of the real ones


@pytest.fixture
def known(cache, monkeypatch):
    """BSDS500 of 3 + 3 + 3 images and Set5 of 5, whole and right, and digests of just these."""
    folder = write_bsds(cache / "BSDS500")
    names = ("baby", "bird", "butterfly", "head", "woman")
    five = [
        write_image(cache / "Set5" / "HR" / f"{name}.png", seed) for seed, name in enumerate(names)
    ]
    table = {
        ("BSDS500", part): {p.stem: (file_digest(p),) for p in sorted((folder / part).iterdir())}
        for part in ("train", "val", "test")
    }
    table["Set5", "test"] = {
        p.stem: (pixel_digest(read_image(p)), pixel_digest(read_image(p)[:6, :6])) for p in five
    }
    for module in (catalog, verify):
        monkeypatch.setattr(module, "digests", lambda name, part: table.get((name, part), {}))
    for part in SETS["BSDS500"].parts:
        monkeypatch.setitem(SETS["BSDS500"].parts, part, 3)
    return cache


def kinds(data: str | Path) -> dict[str, tuple]:
    """What ``verify`` finds wrong."""
    report = verify.verify(str(data))
    wrong = {
        kind: getattr(report, kind)
        for kind in ("unreadable", "changed", "extra", "missing")
        if getattr(report, kind)
    }
    assert report.ok == (not wrong)
    return wrong


def test_verify_what_is_right(known):
    assert (
        kinds("BSDS500")
        == kinds("BSDS500/val")
        == kinds(known / "BSDS500")
        == kinds("Set5")
        == kinds(known)
        == {}
    )
    report = verify.verify("bsds500")
    assert len(report.sizes) == 9 and report.sizes[f"val/{IDS['val'][0]}.jpg"] == (8, 8, 3)


def test_verify_tells_bytes(known):
    ids = IDS["train"]
    write_image(known / "BSDS500/train" / f"{ids[0]}.jpg", 77)
    (known / "BSDS500/train" / f"{ids[1]}.jpg").write_bytes(b"damaged")
    (known / "BSDS500/train" / f"{ids[2]}.jpg").unlink()
    write_image(known / "BSDS500/val/holiday.jpg")
    wrong = kinds("BSDS500")
    assert wrong.pop("unreadable")[0].startswith(f"train/{ids[1]}.jpg: not an image")
    assert wrong == {
        "changed": (f"train/{ids[0]}.jpg",),
        "extra": ("val/holiday.jpg",),
        "missing": (f"train/{ids[2]}",),
    }


def test_verify_tells_pixels(known):
    """Whatever the format and the names, whole or cut as some copies are; not what is changed."""
    folder = known / "Set5/HR"
    Image.fromarray(read_image(folder / "baby.png")).save(folder / "img_001.bmp")
    (folder / "baby.png").unlink()
    Image.fromarray(read_image(folder / "bird.png")[:6, :6]).save(folder / "bird.png")
    assert kinds("Set5") == {}
    (folder / "head.png").unlink()
    assert kinds("Set5") == {"missing": ("test/head",)}
    write_image(folder / "holiday.png", 99)
    assert kinds("Set5") == {"changed": ("test/holiday.png",)}, "it stands where head should"
    (folder / "woman2.png").write_bytes((folder / "woman.png").read_bytes())
    assert kinds("Set5") == {"changed": ("test/holiday.png",), "extra": ("test/woman2.png",)}


@pytest.mark.parametrize(
    ("images", "wrong"),
    [
        (13, {"missing": ("test: 1 of 14 images",)}),
        (14, {}),
        (15, {"extra": ("test: 1 images more than 14",)}),
    ],
)
def test_verify_counts(cache, images, wrong):
    for number in range(images):
        write_image(cache / "Set14" / "HR" / f"{number}.png")
    assert kinds("Set14") == wrong


def test_verify_names(cache):
    write_div2k(cache)
    wrong = kinds("DIV2K")
    assert (
        len(wrong["missing"]) == 897
        and wrong["missing"][0] == "train/0003"
        and wrong.keys() == {"missing"}
    )


def test_verify_any_folder(tmp_path):
    write_image(tmp_path / "a.png", mode="L")
    (tmp_path / "b.png").write_bytes(b"damaged")
    report = verify.verify(str(tmp_path))
    assert (
        report.sizes == {"a.png": (8, 8, 1)}
        and report.unreadable[0].startswith("b.png: ")
        and not report.ok
    )


def test_digests_file_is_whole():
    """Every digest is of one image only; the sets measured in super-resolution are known whole and
    cut."""
    table = json.loads((Path(catalog.__file__).parent / "digests.json").read_text())
    for parts in table.values():
        every = [
            digest for images in parts.values() for those in images.values() for digest in those
        ]
        assert len(every) == len(set(every)) and all(len(digest) == 12 for digest in every)
    assert all(len(those) == 4 for those in table["BSD100"]["test"].values())
