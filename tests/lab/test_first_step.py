"""Before a device of Apple's is used, its first step is held against the CPU's; no other pays for
it."""

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from hinas_lab.training import first_step as module
from hinas_lab.training.numerics import use_device

first_step, conv2d, zeros = module.first_step, F.conv2d, torch.zeros


@pytest.fixture(autouse=True)
def compared_anew():
    module.largest_difference.cache_clear()
    yield
    module.largest_difference.cache_clear()


@pytest.fixture
def apple(monkeypatch):
    """A function that gives this machine an ``mps`` whose convolutions have a fault; the list of
    the devices that were then asked for a step."""

    def give(fault) -> list[str]:
        asked = []

        def convolution(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
            right = partial(conv2d, weight=weight, bias=bias, stride=stride)
            right = partial(right, padding=padding, dilation=dilation, groups=groups)
            return fault(right, x, groups)

        def step(device):
            asked.append(device)
            with monkeypatch.context() as patch:
                if device == "mps":
                    patch.setattr(F, "conv2d", convolution)
                return first_step("cpu")

        there_is(monkeypatch)
        monkeypatch.setattr(module, "first_step", step)
        return asked

    return give


def there_is(monkeypatch):
    """Every device."""
    monkeypatch.setattr(torch, "zeros", lambda *shape, device=None, **how: zeros(*shape, **how))


def first_of_the_batch(right, x, groups):
    """Grouped, in a batch: wrong for all but the first, as in pytorch's issue 188335."""
    y = right(x)
    return y[:1].expand_as(y) if groups > 1 else y


def strides_ignored(right, x, groups):
    """Channels-last pixels read as if they lay in planes."""
    return right(x.permute(0, 2, 3, 1).reshape(x.shape))


def not_a_number(right, x, groups):
    return right(x) * float("nan")


def rounded_otherwise(right, x, groups):
    y = right(x)
    return y * (1 + 1e-6 * torch.rand_like(y))


@pytest.mark.parametrize("wrong", [first_of_the_batch, strides_ignored, not_a_number])
def test_a_device_that_computes_wrong_is_refused_in_one_line(apple, wrong):
    apple(wrong)
    with pytest.raises(ValueError, match=r"^device = 'mps': its first step differs") as refusal:
        use_device("mps")
    assert str(refusal.value).endswith('try --device cpu, in Python device="cpu"')
    assert "\n" not in str(refusal.value)


def test_a_device_that_rounds_otherwise_is_taken_and_compared_once(apple):
    asked = apple(rounded_otherwise)
    assert use_device("mps") == use_device(torch.device("mps")) == "mps"
    assert sorted(asked) == ["cpu", "mps"]
    assert 0 < module.largest_difference("mps") < module.TOLERANCE


def test_the_cpu_is_itself():
    assert module.largest_difference("cpu", "cpu") == 0


def test_others_pay_nothing(monkeypatch):
    def never(*args):
        raise AssertionError("compared without need")

    monkeypatch.setattr(module, "first_step", never)
    assert use_device("cpu") == "cpu"
    # a machine with a GPU of NVIDIA's
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    there_is(monkeypatch)
    assert [use_device(name) for name in ("auto", "cuda:1")] == ["cuda", "cuda:1"]


def test_the_step_is_one_of_a_search_and_of_a_training(monkeypatch):
    """Every convolution reads channels-last tensors of more than one patch, some are depthwise, and
    all parameters learn but biases in front of a batch norm."""
    kinds = set()

    def noted(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        assert x.is_contiguous(memory_format=torch.channels_last) and len(x) > 1
        kinds.add("depthwise" if groups == x.shape[1] > 1 else groups)
        return conv2d(x, weight, bias, stride, padding, dilation, groups)

    monkeypatch.setattr(F, "conv2d", noted)
    found = first_step("cpu")
    assert kinds >= {1, "depthwise"}
    still = [name for name, value in found.items() if value.norm() < module.ZERO]
    assert all(name.endswith("bias") for name in still) and len(still) < 5
    assert {"supernet: alpha", "supernet: beta", "net: loss"} <= set(found)
