"""Many tiles a call give what one gives; scores on the device are those of numpy."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hinas_lab.config import SearchSpace
from hinas_lab.images.metrics import psnr, ssim
from hinas_lab.images.patches import Patches
from hinas_lab.images.tiles import AT_ONCE, apply_tiled, batches, cut, pixels_at_once
from hinas_lab.presets import preset
from hinas_lab.restoration.restorer import restore_array
from hinas_lab.searching.loop import Search
from hinas_lab.searching.scoring import validate
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network
from hinas_lab.training import scoring
from hinas_lab.training.scoring import scores_of

SIDE = st.integers(1, 40)


@given(
    sizes=st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=3),
    tile=st.integers(1, 40),
    halo=st.integers(0, 9),
    pixels=st.integers(1, 3000),
)
def test_tiles_cover_each_pixel_once_and_calls_hold_one_shape(sizes, tile, halo, pixels):
    images = [torch.zeros(1, *size) for size in sizes]
    tiles = list(cut(images, tile, halo))
    for t in tiles:
        images[t.image][:, t.top : t.top + t.height, t.left : t.left + t.width] += 1
        above, left, below, right = t.halo
        height, width = sizes[t.image]
        assert (above, left) == (min(halo, t.top), min(halo, t.left))
        assert (below, right) == (
            min(halo, height - t.top - t.height),
            min(halo, width - t.left - t.width),
        )
    assert all(bool((image == 1).all()) for image in images)
    calls = list(batches(tiles, pixels))
    assert sorted(t for call in calls for t in call) == sorted(tiles)
    for call in calls:
        ((height, width),) = {t.shape for t in call}
        assert len(call) == 1 or len(call) * height * width <= pixels


@pytest.mark.parametrize("task, scale", [("denoise", 1), ("sr", 3)])
def test_many_tiles_at_once_are_one_after_the_other(task, scale):
    """A real net, in float64, over pictures of several sizes."""
    space = SearchSpace(task=task, scale=scale, layers=2, nodes=2, width=2, stem=4)
    net = Network(sample(space, random.Random(0)), width=2, stem=4).double().eval()
    torch.nn.init.normal_(net.end.last.weight)
    images = [torch.rand(1, *size, dtype=torch.float64) for size in ((40, 50), (33, 50), (16, 16))]
    with torch.no_grad():
        whole = [net(image[None])[0] for image in images]
        for pixels in (1, 2000, 10**6):
            seen = []

            def counted(x, seen=seen):
                seen.append(len(x))
                return net(x)

            joined = apply_tiled(counted, images, scale, 16, net.radius, pixels)
            for mine, theirs in zip(joined, whole, strict=True):
                torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
            assert (max(seen) > 1) == (pixels > 1)


def test_a_gpu_takes_many_and_a_cpu_one():
    assert [pixels_at_once(device) for device in ("cpu", "cuda", "cuda:1", "mps")] == [
        1,
        AT_ONCE,
        AT_ONCE,
        AT_ONCE,
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_scores_on_the_device_are_those_of_numpy(channels):
    rng = np.random.default_rng(0)
    for size in ((11, 30), (90, 64)):
        truth = rng.random((channels, *size), dtype=np.float32)
        image = (truth + 0.1 * rng.standard_normal(truth.shape, dtype=np.float32)).clip(0, 1)
        mine = scores_of(torch.from_numpy(image), torch.from_numpy(truth)).tolist()
        theirs = [f(image.transpose(1, 2, 0), truth.transpose(1, 2, 0)) for f in (psnr, ssim)]
        assert mine == pytest.approx(theirs, abs=1e-9, rel=0)
    assert scores_of(torch.from_numpy(truth), torch.from_numpy(truth)).tolist() == pytest.approx(
        [np.inf, 1.0]
    )


def test_v_scores_the_same_with_many_tiles_a_call(monkeypatch):
    space, config, _ = preset("tiny")[1:]
    rng = np.random.default_rng(0)
    patches = Patches(
        {f"image{i}": rng.integers(0, 256, (70 + i, 140), dtype=np.uint8) for i in range(8)}
    )
    state = Search(space, replace(config, validate_crop=None, sigmas=(30.0, 50.0)), patches)
    torch.nn.init.normal_(state.net.end.last.weight, std=0.1)
    one = validate(state.net, patches, (0, 1, 2), state.config)
    monkeypatch.setattr(scoring, "pixels_at_once", lambda device: AT_ONCE)
    many = validate(state.net, patches, (0, 1, 2), state.config)
    assert {name: many[name] for name in one} == pytest.approx(
        one, rel=1e-6
    )  # float32: another order of the sums


def test_a_gray_net_takes_a_colour_picture_in_one_call_on_a_gpu(monkeypatch):
    net = Network(
        sample(SearchSpace(layers=1, nodes=1, width=2, stem=4), random.Random(0)), width=2, stem=4
    )
    torch.nn.init.normal_(net.end.last.weight)
    picture, seen = np.random.default_rng(0).random((30, 40, 3), dtype=np.float32), []
    expected = restore_array(net, picture, tile=16)
    monkeypatch.setattr("hinas_lab.restoration.restorer.pixels_at_once", lambda device: AT_ONCE)
    net.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    np.testing.assert_allclose(restore_array(net, picture, tile=16), expected, atol=1e-5)
    assert max(seen) >= 3
