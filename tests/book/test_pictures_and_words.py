"""Notebook 00b: what its pictures show is what the words mean."""

import random

import numpy as np
import pytest
import torch

from hinas_book.ch00_start import examples, figures
from hinas_lab.images.metrics import psnr, ssim
from hinas_lab.presets import preset
from hinas_lab.space.decode import normalise_beta, softmax
from hinas_lab.space.genotype import sample
from hinas_lab.space.network import Network
from hinas_lab.space.ops import CHOICES, OPS

RNG = np.random.default_rng(0)


def texture(shape=(48, 64)) -> np.ndarray:
    """Fine and coarse structure, so that blurring costs something."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return 0.5 + 0.2 * np.sin(x / 2) + 0.2 * np.sin(y / 7)


def test_three_pictures_equally_far_and_not_equally_alike():
    clean = texture()
    pictures = examples.equally_far(clean)
    assert [psnr(x, clean) for x in pictures.values()] == pytest.approx([24] * 3, abs=1e-3)
    alike = {name: ssim(x, clean) for name, x in pictures.items()}
    assert alike["brighter"] > max(alike["noisy"], alike["blurred"]) + 0.05
    with pytest.raises(ValueError):
        examples.equally_far(np.full((16, 16), 0.5))  # flat: no blur changes it


@pytest.mark.parametrize("name", CHOICES)
def test_what_an_operation_sees_is_what_its_row_says(name):
    op = OPS[name]
    seen = examples.seen_by(name, side=17) > 0
    places = np.argwhere(seen) - 8
    assert abs(places).max() == op.reach()
    taps = op.kernel**2 if op.kind == "conv" else (2 * op.reach() + 1) ** 2
    assert seen.sum() == taps


def test_features_are_the_inputs_of_the_cells():
    """As they are when the net runs by itself."""
    space = preset("tiny").space
    net = Network(sample(space, random.Random(0)), width=4, stem=8).eval()
    heard = []
    for cell in net.cells:
        cell.register_forward_hook(lambda module, inputs, output: heard.append(output))
    picture = texture((24, 24))
    shown = examples.features(net, picture)
    assert len(shown) == space.layers + 2 and len(heard) == space.layers
    for output, each in zip(heard, shown[2:]):
        mean = output[0].abs().mean(0).numpy()
        assert each.shape == picture.shape
        np.testing.assert_allclose(each, (mean - mean.min()) / np.ptp(mean), atol=1e-6)
    with torch.no_grad():
        first = [h.clone() for h in heard]
        net(torch.from_numpy(np.float32(picture))[None, None])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(first, heard[space.layers :]))


def test_a_separable_convolution_is_depthwise_then_pointwise():
    picture = RNG.random((9, 11, 3))
    depthwise, mixed = examples.separable(picture)
    kernel = np.array(list(examples.KERNELS.values()))[1]
    around = picture[3:6, 4:7, 1]
    assert depthwise[4, 5, 1] == pytest.approx((around * kernel).sum())
    np.testing.assert_allclose(mixed, depthwise.mean(2))


def test_titles_say_what_is_heard_and_seen():
    space = preset("tiny").space
    seen = figures.figure_fields(["conv_3x3", "dil_5x5"])
    assert [ax.get_title().split("\n")[1] for ax in seen.axes] == [
        "3 x 3, 9 pixels",
        "9 x 9, 25 pixels",
    ]
    inputs = figures.figure_inputs([np.zeros((4, 4))] * 4)
    assert [ax.get_title().split("\n")[1] for ax in inputs.axes] == [
        "h(l-2) of layer 0",
        "h(l-1) of layer 0, h(l-2) of layer 1",
        "h(l-1) of layer 1",
        "goes to the end part",
    ]
    alpha, beta = RNG.normal(size=len(space.ops)), RNG.normal(size=len(space.moves))
    logits, shares = figures.figure_alpha(space, alpha).axes
    assert [bar.get_width() for bar in logits.patches] == pytest.approx(list(alpha))
    assert [bar.get_width() for bar in shares.patches] == pytest.approx(list(softmax(alpha)))
    left, right = figures.figure_beta(space, beta).axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx(list(beta))
    assert right.get_title().startswith("q = softmax(β): width path")
    q = normalise_beta(space, beta)
    assert f"{q[0]:.2f}" in {text.get_text() for text in right.texts}
    pictures = figures.figure_pictures({"a": texture(), "clean": texture()}, {"a": (20.0, 0.5)})
    assert [ax.get_title() for ax in pictures.axes] == ["a\n20.00 dB, SSIM 0.500", "clean"]
