"""Restoring images of any size: tiled equals whole, memory bounded by the tile; the command."""

import argparse
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from hinas_lab.cli import restore as command
from hinas_lab.restoration import restorer
from hinas_lab.restoration.photo_file import Photo, read_photo
from hinas_lab.restoration.restorer import restore_array, restore_photo

RNG = np.random.default_rng(0)


class Net(nn.Module):
    """Random weights with biases, so that a wrong border shows. Radius: 1 + 4 + 1; its bicubic skip
    alone needs 2."""

    radius = 6

    def __init__(self, channels=1, scale=1):
        super().__init__()
        torch.manual_seed(0)
        self.channels, self.scale, self.seen = channels, scale, []
        self.first = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6), nn.LeakyReLU(0.2)
        )
        self.wide = nn.Conv2d(6, 6, 5, padding=4, dilation=2)
        self.last = nn.Conv2d(6, channels * scale**2, 3, padding=1)
        self.first[1].running_mean += 0.3

    def forward(self, x):
        assert not torch.is_grad_enabled() and not self.training and x.dtype == torch.float32
        self.seen.append(tuple(x.shape))
        y = F.pixel_shuffle(self.last(F.leaky_relu(self.wide(self.first(x)), 0.2)), self.scale)
        skip = x if self.scale == 1 else F.interpolate(x, scale_factor=self.scale, mode="bicubic")
        return skip + 0.3 * y


class Plain(nn.Module):
    """Gives its input back, each pixel S x S times."""

    channels, radius = 1, 0

    def __init__(self, scale=1):
        super().__init__()
        self.scale, self.seen = scale, []

    def forward(self, x):
        self.seen.append(tuple(x.shape))
        return x.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)


def image(*shape):
    return np.random.default_rng(1).random(shape, dtype=np.float32)


# Tiles


@pytest.mark.parametrize("shape", [(50, 37), (50, 37, 3), (7, 64, 3), (1, 1), (1, 1, 3), (3, 70)])
@pytest.mark.parametrize(("channels", "scale"), [(1, 1), (3, 1), (1, 2), (3, 4), (3, 3)])
def test_tiled_equals_whole(channels, scale, shape):
    net, x = Net(channels, scale), image(*shape)
    whole = restore_array(net, x, tile=1000)
    assert (
        whole.shape == (scale * shape[0], scale * shape[1], *shape[2:])
        and whole.dtype == np.float32
    )
    assert 0 <= whole.min() <= whole.max() <= 1 and (x.size < 9 or np.unique(whole).size > 9)
    for tile in (16, 25, 49):
        np.testing.assert_allclose(restore_array(net, x, tile=tile), whole, atol=1e-5, rtol=0)


def test_halo_is_needed_in_full():
    """The comparison above would notice a halo of one pixel less."""
    net, x = Net(), image(50, 37)
    whole = restore_array(net, x, tile=1000)
    net.radius -= 1
    assert np.abs(restore_array(net, x, tile=16) - whole).max() > 1e-4


def test_channels():
    colour, gray = image(9, 8, 3), image(9, 8)
    net = Net(1)
    planes = [restore_array(net, np.ascontiguousarray(colour[..., c])) for c in range(3)]
    np.testing.assert_allclose(restore_array(net, colour), np.stack(planes, -1), atol=1e-6)
    net = Net(3)
    stacked = np.repeat(gray[..., None], 3, axis=2)
    with torch.inference_mode():
        expected = (
            net.eval()(torch.from_numpy(stacked).permute(2, 0, 1)[None])[0]
            .mean(0)
            .clamp(0, 1)
            .numpy()
        )
    np.testing.assert_allclose(restore_array(net, gray), expected, atol=1e-6)


@pytest.mark.parametrize("radius", [6, 60, 200])
def test_memory_does_not_grow_with_the_image(radius):
    """Structure: the largest piece a net ever sees, one plane at a time, whatever the size of the
    image."""
    net = Plain()
    net.radius = radius
    x = image(900, 1400, 3)
    np.testing.assert_array_equal(restore_array(net, x), x)
    assert all(shape[:2] == (1, 1) for shape in net.seen)
    assert max(h * w for _, _, h, w in net.seen) <= max(restorer.PADDED, 128 + 2 * radius) ** 2


def test_small_images_pass_whole():
    net = Plain()
    restore_array(net, image(512, 512))
    assert net.seen == [(1, 1, 512, 512)]


def test_views_and_doubles():
    net, x = Net(), image(30, 40, 3)
    expected = restore_array(net, np.ascontiguousarray(x[::-1, 5:]), tile=16)
    np.testing.assert_array_equal(restore_array(net, x[::-1, 5:], tile=16), expected)
    np.testing.assert_array_equal(
        restore_array(net, x[::-1, 5:].astype(np.float64), tile=16), expected
    )


def test_progress_wraps_the_tiles():
    lengths = []
    restore_array(
        Plain(),
        image(30, 40),
        tile=16,
        progress=lambda tiles: lengths.append(len(tiles)) or iter(tiles),
    )
    assert lengths == [6]


def test_training_modes_are_restored_also_after_a_failure():
    net = Net().train()
    net.wide.eval()
    restore_array(net, image(9, 8))
    before = [module.training for module in net.modules()]
    assert before.count(False) == 1 and not net.wide.training
    state = {name: value.clone() for name, value in net.state_dict().items()}
    net.forward = lambda x: 1 / 0
    with pytest.raises(ZeroDivisionError):
        restore_array(net, image(9, 8))
    assert [module.training for module in net.modules()] == before
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize(("array", "options", "says"), [
    (np.zeros((4, 4, 4), np.float32), {}, r"\(4, 4, 4\)"),
    (np.zeros((2, 4, 4, 3), np.float32), {}, "must be float"),
    (np.zeros((0, 4), np.float32), {}, "not empty"),
    (np.zeros((4, 4), np.uint8), {}, "uint8"),
    (np.zeros((4, 4), np.float32), {"tile": 0}, "tile = 0"),
])  # fmt: skip
def test_bad_arrays(array, options, says):
    with pytest.raises(ValueError, match=says):
        restore_array(Plain(), array, **options)


def test_photo_keeps_what_belongs_to_it():
    alpha = RNG.integers(0, 256, (9, 8), dtype=np.uint8)
    photo = Photo(image(9, 8, 3), alpha, 8, b"exif", b"icc")
    same = restore_photo(Plain(), photo)
    np.testing.assert_array_equal(same.pixels, photo.pixels)
    np.testing.assert_array_equal(same.alpha, alpha)
    assert (same.bits, same.exif, same.icc) == (8, b"exif", b"icc")
    twice = restore_photo(Plain(2), photo, tile=4)
    assert (
        twice.pixels.shape == (18, 16, 3)
        and twice.alpha.shape == (18, 16)
        and twice.alpha.dtype == np.uint8
    )
    opaque = restore_photo(Plain(2), Photo(photo.pixels, np.full((9, 8), 255, np.uint8)))
    assert (opaque.alpha == 255).all()


# The command


@pytest.fixture
def hinas(monkeypatch, tmp_path):
    """``hinas(*arguments)`` runs the command in ``tmp_path`` with ``hinas.net`` as its trained
    net."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        parser = argparse.ArgumentParser()
        command.add(parser.add_subparsers())
        always = ["restore", "--run", "runs/x", "--device", "cpu"]
        args = parser.parse_args([*always, *map(str, arguments)])
        return args.run_command(args)

    def load_network(run_dir, device):
        assert (str(run_dir), device) == ("runs/x", "cpu")
        return call.net, call.info

    call.net, call.info = (
        Plain(),
        {"sigmas": [50.0], "task": "denoise", "scale": 1, "preset": "tiny"},
    )
    monkeypatch.setitem(
        sys.modules, "hinas_lab.runs.folder", SimpleNamespace(load_network=load_network)
    )
    return call


def store(name, array):
    Image.fromarray(array).save(name)
    return array


def load(name):
    with Image.open(name) as opened:
        return np.asarray(opened)


def noisy(sigma, shape=(64, 48)):
    return np.rint(np.clip(128 + sigma * RNG.standard_normal(shape), 0, 255)).astype(np.uint8)


def test_one_photograph(hinas, capsys):
    pixels = store("in.png", noisy(50, (64, 48, 3)))
    assert hinas("in.png", "--out", "out.tif", "--tile", 20) == 0
    np.testing.assert_array_equal(load("out.tif"), pixels)
    assert {shape[0] for shape in hinas.net.seen} == {1} and max(
        shape[2] for shape in hinas.net.seen
    ) == 20
    out, err = capsys.readouterr()
    assert out.startswith("in.png: 48 x 64 8-bit colour, estimated noise ") and out.endswith(
        " s -> out.tif\n"
    )
    assert err == ""


def test_sixteen_bits_come_back_exactly(hinas, tmp_path):
    deep = store("in.png", RNG.integers(0, 65536, (30, 20), dtype=np.uint16))
    (tmp_path / "there").mkdir()
    hinas("in.png", "--out", "there")
    np.testing.assert_array_equal(load("there/in.png"), deep)


def test_super_resolution_gets_no_noise_warning(hinas, capsys):
    hinas.net, hinas.info = Plain(3), {"sigmas": [], "task": "sr", "scale": 3, "preset": "tiny"}
    store("in.png", noisy(10))
    hinas("in.png", "--out", "out.webp")
    assert load("out.webp").shape == (192, 144, 3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("sigma", "trained", "means"),
    [
        (10, [50], "smoothed away"),
        (60, [15, 30], "noise will remain"),
        (40, [50], None),
        (28, [15, 30, 70], None),
    ],
)
def test_far_from_the_training_noise(hinas, capsys, sigma, trained, means):
    hinas.info["sigmas"] = trained
    store("in.png", noisy(sigma))
    assert hinas("in.png", "--out", "out.png") == 0
    err = capsys.readouterr().err
    if means:
        assert (
            err.count("\n") == 1
            and err.startswith("hinas-lab: warning: in.png: estimated noise")
            and means in err
        )
    else:
        assert err == ""


def test_several_photographs_make_a_folder(hinas, tmp_path, capsys):
    one, two = store("a.png", noisy(50)), store("b.jpg", noisy(50, (20, 20)))
    assert hinas("a.png", "b.jpg", "--out", "new/folder") == 0
    np.testing.assert_array_equal(load("new/folder/a.png"), one)
    assert load("new/folder/b.png").shape == two.shape
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(("arguments", "says"), [
    (["in.png", "--out", "in.png"], "overwrite the input"),
    (["in.png", "--out", "."], "overwrite the input"),
    (["in.png", "b.png", "--out", "sub/.."], "overwrite the input"),
    (["in.png", "--out", "out.gif"], "known are .png"),
    (["in.png", "--out", "absent/out.png"], "folder does not exist"),
    (["in.png", "--out", "out.png", "--tile", "0"], "--tile 0"),
    (["no.png", "--out", "out.png"], "no.png: no such"),
    (["in.png", "b.png", "--out", "c.jpg"], "2 images need a folder"),
    (["in.png", "in.png", "--out", "new"], "both become"),
    (["in.png", "sub/in.png", "--out", "new"], "both become"),
    (["bad.png", "--out", "new.png"], "bad.png: is empty"),
    (["sub", "--out", "new.png"], "sub: is a folder"),
    (["in.png", "--out", "out.png", "--threads", "0"], "threads = 0"),
    (["in.png", "--out", "out.png", "--device", "cuda:77"], "device = 'cuda:77'"),
    (["clear.png", "--out", "out.jpg"], "transparency"),
])  # fmt: skip
def test_refused_before_anything_is_computed(hinas, tmp_path, capsys, arguments, says):
    (tmp_path / "sub").mkdir()
    (tmp_path / "bad.png").touch()
    for name in ("in.png", "b.png", "c.jpg", "sub/in.png"):
        store(name, noisy(50))
    store("clear.png", noisy(50, (9, 9, 4)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises((ValueError, OSError)) as error:
        hinas(*arguments)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert hinas.net.seen == [] and capsys.readouterr().out == ""
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "new").exists()


def test_a_batch_goes_on_after_a_bad_image(hinas, tmp_path, capsys):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("Dear diary")
    one, two = store("a.png", noisy(50)), store("z.png", noisy(50, (20, 20)))
    assert hinas("a.png", "empty.png", "no.png", "text.png", "z.png", "--out", "new") == 2
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.png", "z.png"]
    np.testing.assert_array_equal(load("new/a.png"), one)
    np.testing.assert_array_equal(load("new/z.png"), two)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    first, second, third, last = err.splitlines()
    assert first.startswith("hinas-lab: error: empty.png: is empty")
    assert second.startswith("hinas-lab: error: no.png: no such")
    assert third.startswith("hinas-lab: error: text.png: not an image")
    told = "3 of 5 images not restored: empty.png, no.png, text.png"
    assert last == f"hinas-lab: error: {told}"


def test_a_batch_of_bad_images_leaves_no_folder(hinas, tmp_path, capsys):
    (tmp_path / "empty.png").touch()
    assert hinas("empty.png", "no.png", "--out", "new") == 2
    assert not (tmp_path / "new").exists() and hinas.net.seen == []
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_threads_and_device_as_the_other_commands(hinas, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr("hinas_lab.training.numerics.use_device", lambda name: asked.append(name))
    monkeypatch.setattr(
        sys.modules["hinas_lab.runs.folder"],
        "load_network",
        lambda run, device: (hinas.net, hinas.info),
    )
    monkeypatch.setattr("hinas_lab.restoration.restorer.use_device", lambda name: "cpu")
    store("in.png", noisy(50))
    assert hinas("in.png", "--out", "out.png", "--threads", 3, "--device", "cuda:1") == 0
    assert asked == [3, "cuda:1"]


def test_what_was_finished_stays(hinas, monkeypatch, tmp_path, capsys):
    from hinas_lab.restoration import photo_file

    store("a.png", noisy(50)), store("b.png", noisy(50))
    write = photo_file.write_photo

    def write_first(path, photo):
        if path.name == "b.png":
            raise OSError(f"{path}: not written: No space left on device")
        write(path, photo)

    monkeypatch.setattr(photo_file, "write_photo", write_first)
    assert hinas("a.png", "b.png", "--out", "out") == 2
    assert "b.png: not written" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_turned_photograph(hinas):
    tags = Image.Exif()
    tags[274], tags[271] = 6, "a camera"
    pixels = noisy(50, (20, 30, 4))
    Image.fromarray(pixels).save("in.png", exif=tags.tobytes())
    hinas("in.png", "--out", "out.png")
    np.testing.assert_array_equal(load("out.png"), np.rot90(pixels, -1))
    with Image.open("out.png") as opened:
        assert opened.getexif()[274] == 1 and opened.getexif()[271] == "a camera"
    assert read_photo("out.png").pixels.shape == (30, 20, 3)
