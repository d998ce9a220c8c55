"""Another project's weights, through a stand-in for the package spandrel: measured as a run is;
nothing but tensors is ever loaded."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
from helpers import hinas, refused, snapshot
from PIL import Image
from torch.nn import functional as F

from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.protocol import PROTOCOLS


class Gain(torch.nn.Module):
    """Nearest neighbour times ``gain``; the stand-in for an architecture."""

    def __init__(self, tensors):
        super().__init__()
        self.gain = torch.nn.Parameter(tensors["gain"])
        self.scale, self.channels = int(tensors["scale"]), int(tensors["channels"])


class Found:
    """What spandrel calls a model descriptor, as far as it is used: a call without gradients that
    clips."""

    def __init__(self, tensors):
        self.model = Gain(tensors)
        self.scale, self.input_channels, self.output_channels = (
            self.model.scale,
            self.model.channels,
            self.model.channels,
        )
        self.purpose = "SR" if self.scale > 1 else "Restoration"
        if "purpose" in tensors:
            self.purpose = "Inpainting"
        self.architecture = SimpleNamespace(name="Gain")

    @torch.inference_mode()
    def __call__(self, x):
        assert x.shape[:2] == (1, self.input_channels) and not self.model.training
        return (F.interpolate(x, scale_factor=self.scale) * self.model.gain).clamp(0, 1)


class Loader:
    def __init__(self, device):
        self.device = device

    def load_from_state_dict(self, tensors):
        if "gain" not in tensors:
            raise RuntimeError("no architecture")
        return Found(tensors)

    def load_from_file(self, path):
        raise AssertionError("files are read by us")


@pytest.fixture
def spandrel(monkeypatch, tmp_path):
    """The stand-in, and the folder ``p`` of two small photographs, colour and gray."""
    fake = SimpleNamespace(
        ModelLoader=Loader, canonicalize_state_dict=lambda tensors: tensors.get("params", tensors)
    )
    monkeypatch.setitem(sys.modules, "spandrel", fake)
    monkeypatch.chdir(tmp_path)
    Path("p").mkdir()
    photos = load_images("builtin", 3, "test")
    Image.fromarray(photos["chelsea"][60:108, 120:180]).save("p/cat.png")
    Image.fromarray(photos["camera"][100:148, 200:248, 0]).save("p/man.png")
    return fake


def tensors(scale=1, channels=1, **more):
    return {
        "gain": torch.tensor([0.9]),
        "scale": torch.tensor(scale),
        "channels": torch.tensor(channels),
        **more,
    }


EVALUATE = ["evaluate", "--dataset", "p", "--device", "cpu", "--json", "e.json", "--method"]


def row() -> tuple[dict, dict]:
    told = json.loads(Path("e.json").read_text())
    return told["rows"][0], told["stamp"]


@pytest.mark.parametrize("file", ["w.safetensors", "w.pth"])
def test_a_denoiser_is_measured_as_a_run_is(spandrel, file):
    safetensors.torch.save_file(tensors(), "w.safetensors")
    torch.save({"params": tensors()}, "w.pth")
    code, out, err = hinas(*EVALUATE, file, "--sigma", 25)
    told, stamp = row()
    assert (
        (code, err) == (0, "")
        and "Gain, weights from elsewhere" in out
        and "protocol whole:" in out
    )
    assert (told["method"], told["sigma"], told["n"], told["protocol"]) == (file, 25, 2, "whole")
    assert (stamp["architecture"], stamp["parameters"], len(stamp["weights"])) == ("Gain", 1, 16)
    chosen, psnrs = PROTOCOLS["whole"], []
    for number, name in enumerate(("cat", "man")):
        clean = chosen.clean(np.asarray(Image.open(f"p/{name}.png")), 1)
        psnrs.append(
            chosen.measure(
                chosen.apply(lambda x: np.clip(np.float32(0.9) * x, 0, 1), clean, 25, number),
                clean,
                1,
            )[0]
        )
    assert told["psnr"] == pytest.approx(np.mean(psnrs), abs=1e-4)


def test_colour_and_scale(spandrel):
    torch.save(tensors(channels=3), "rgb.pth")
    assert hinas(*EVALUATE, "rgb.pth").code == 0 and row()[0]["protocol"] == "whole-rgb"
    torch.save(tensors(scale=3, channels=3), "x3.pth")
    assert hinas(*EVALUATE, "x3.pth").code == 0 and (row()[0]["protocol"], row()[0]["scale"]) == (
        "sr-standard",
        3,
    )
    refused(hinas(*EVALUATE, "x3.pth", "--scale", 2), "upscales by 3")


class Runs:
    """A pickle that is a program."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_nothing_but_tensors_is_loaded(spandrel):
    """Programs in pickles, TorchScript, damage and other files: one line, and none of them ran."""
    torch.save({"params": Runs()}, "evil.pth")
    Path("evil.safetensors").write_bytes(Path("evil.pth").read_bytes())
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), "script.pt")
    Path("half.pth").write_bytes(Path("evil.pth").read_bytes()[:200])
    Path("text.ckpt").write_text("hello")
    Path("empty.pth").write_bytes(b"")
    torch.save([1, 2], "list.pth")
    before = snapshot(Path())
    for name in ("evil.pth", "script.pt", "half.pth", "text.ckpt", "empty.pth"):
        refused(hinas(*EVALUATE, name), f"{name}: damaged, or holds more than tensors")
    refused(hinas(*EVALUATE, "evil.safetensors"), "not a safetensors file")
    refused(hinas(*EVALUATE, "list.pth"), "holds a list")
    refused(
        hinas(*EVALUATE, "p/cat.png"), "neither a run folder nor weights; these end in .safetensors"
    )
    assert snapshot(Path()) == before and not Path("ran").exists()


def test_nets_that_do_not_fit(spandrel):
    torch.save({"other": torch.zeros(1)}, "other.pth")
    refused(
        hinas(*EVALUATE, "other.pth"), "spandrel knows no net with these tensors (RuntimeError)"
    )
    torch.save(tensors(scale=8), "x8.pth")
    refused(
        hinas(*EVALUATE, "x8.pth"),
        "Gain for SR, 1 to 1 channels, x8: must restore gray or RGB pictures, x1 to x4",
    )
    torch.save(tensors(channels=4), "rgba.pth")
    refused(hinas(*EVALUATE, "rgba.pth"), "4 to 4 channels")
    torch.save(tensors(purpose=torch.zeros(1)), "hole.pth")
    refused(hinas(*EVALUATE, "hole.pth"), "for Inpainting")


def test_without_spandrel(spandrel, monkeypatch):
    """Absent, or there but broken."""
    torch.save(tensors(), "w.pth")
    monkeypatch.setitem(sys.modules, "spandrel", None)
    refused(
        hinas(*EVALUATE, "w.pth"),
        "w.pth: other projects' weights need the package spandrel: pip install spandrel\n",
    )
    monkeypatch.delitem(sys.modules, "spandrel")
    Path("spandrel.py").write_text(
        "raise RuntimeError('operator torchvision::nms\\ndoes not exist')"
    )
    monkeypatch.syspath_prepend(".")
    refused(
        hinas(*EVALUATE, "w.pth"),
        "it is here, but: RuntimeError: operator torchvision::nms does not exist",
    )
