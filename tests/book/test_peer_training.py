"""Peers trained with the budget of one of our trainings: the same patches, resumed bit for bit,
measured beside it, never published."""

import json
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import ROOT, hinas, refused, snapshot, tiny_runs

from hinas_book.ch10_state_of_the_art import peer_training as study
from hinas_book.ch10_state_of_the_art.peers_study import at_its_input
from hinas_book.kit.recorded import FOLDER, made_by, recorded
from hinas_book.paper.our_rows import measured
from hinas_book.paper.published import TABLES, paper_table
from hinas_lab.cli.main import build_parser
from hinas_lab.images.datasets.catalog import load_images
from hinas_lab.images.patches import Patches
from hinas_lab.images.protocol import PROTOCOLS, default_protocol
from hinas_lab.presets import preset
from hinas_lab.records import read_records, spent_seconds
from hinas_lab.runs.folder import open_training
from hinas_lab.space.genotype import sample
from hinas_lab.training.training import Training, train_step

SMALL = {name: image[100:132, 200:240] for name, image in load_images("builtin", 1, "test").items()}


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """Finished trainings of eight iterations for both tasks, on eight small photographs."""
    base = tmp_path_factory.getbasetemp()
    photos = tiny_runs(base).photos
    made = {"photos": photos}
    for task, scale in (("denoise", 1), ("sr", 2)):
        chosen = preset("tiny", task, scale)
        chosen = chosen._replace(
            train=replace(
                chosen.train, stem=2, repeats=1, iterations=8, patch=11, batch=2, warmup=2
            )
        )
        folder = base / f"ours-{task}"
        if not folder.exists():
            list(
                open_training(
                    folder, sample(chosen.space, random.Random(0)), chosen, data=str(photos)
                ).steps()
            )
        made[task] = folder
    return SimpleNamespace(**made)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Measured on 32 x 40 pixels of each test photograph, beside methods that need no tuning; in an
    empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study, "read_images", lambda data, part: SMALL)
    monkeypatch.setattr(study, "CLASSICAL", {"denoise": ("noisy", "tv"), "sr": ("bicubic",)})
    monkeypatch.setattr(
        study,
        "classical",
        lambda name, task, level, real=study.classical: (
            real(name, task, level) if name != "tv" else lambda image: image
        ),
    )


def trained(ours, *more):
    return hinas(
        "study",
        "peers",
        "--train",
        "--repeats",
        1,
        "--threads",
        1,
        "--json",
        "p.json",
        "--run",
        *more,
    )


# Command


def test_both_tasks_beside_ours(ours, small):
    code, out, err = trained(ours, ours.denoise, ours.sr)
    rows = {
        (r["task"], r["method"], r["lr"] and round(r["lr"], 5)): r
        for r in json.loads(Path("p.json").read_text())["rows"]
    }
    assert code == 0 and "error" not in err and max(map(len, out.splitlines())) <= 86
    assert list(rows) == [
        ("denoise", "ours (ours-denoise)", 0.003),
        ("denoise", "DnCNN", 0.003),
        ("denoise", "DnCNN", 0.0006),
        ("denoise", "noisy", None),
        ("denoise", "tv", None),
        ("sr", "ours (ours-sr)", 0.003),
        ("sr", "FSRCNN", 0.003),
        ("sr", "FSRCNN", 0.0006),
        ("sr", "bicubic", None),
    ]
    for (task, name, _), r in rows.items():
        told = r["protocol"], r["level"], r["n"], r["dataset"], r["device"], r["threads"]
        assert told == (
            "whole" if task == "denoise" else "sr-standard",
            50 if task == "denoise" else 2,
            3,
            "builtin",
            "cpu",
            1,
        )
        if r["origin"] == "classical":
            assert (
                r["preset"]
                is r["iterations"]
                is r["parameters"]
                is r["train_seconds"]
                is r["seed"]
                is None
            )
            continue
        assert (r["preset"], r["seed"], r["iterations"]) == ("tiny", 0, 8) and r[
            "spent_seconds"
        ] > 0
        assert r["train_seconds"] == pytest.approx(8 * r["step_seconds"])
        assert r["budget"] == ("equal iterations" if name in ("DnCNN", "FSRCNN") else None)
    assert (
        rows["denoise", "DnCNN", 0.003]["parameters"] == 556_097
        and rows["denoise", "DnCNN", 0.003]["origin"] == "peer trained here"
    )
    assert rows["denoise", "DnCNN", 0.003]["psnr"] != rows["denoise", "DnCNN", 0.0006]["psnr"]
    assert rows["denoise", "noisy", None]["psnr"] == pytest.approx(20 * np.log10(255 / 50), abs=1)


def test_a_row_is_the_stored_net(ours, small):
    """By hand: the weights in the folder, in evaluation mode, over the same noise. Again, nothing
    is trained again."""
    assert trained(ours, ours.denoise).code == 0
    row = next(r for r in json.loads(Path("p.json").read_text())["rows"] if r["method"] == "DnCNN")
    before = snapshot(Path("runs"))
    assert trained(ours, ours.denoise).code == 0 and snapshot(Path("runs")) == before
    b = study.budget_of(ours.denoise)
    net = study.load_peer(b.peer, b.scale, "runs/peers/DnCNN-ours-denoise-iterations-lr-0.003")

    def through(x: np.ndarray) -> np.ndarray:
        return net(torch.from_numpy(x.astype(np.float32))[None, None])[0, 0].numpy()

    chosen, psnrs = PROTOCOLS["whole"], []
    for number, image in enumerate(SMALL.values()):
        clean = chosen.clean(image, 1)
        with torch.no_grad():
            restored = chosen.apply(through, clean, 50.0, number)
        psnrs.append(chosen.measure(restored, clean, 1)[0])
    assert row["psnr"] == pytest.approx(np.mean(psnrs), abs=1e-3)


def test_equal_seconds_and_a_stopped_training_goes_on(ours, small, monkeypatch):
    """A slow machine later does not change what a training that has begun was given."""
    monkeypatch.setattr(study, "step_seconds", lambda *a: (0.1, 0.2))
    assert trained(ours, ours.sr, "--budget", "seconds").code == 0
    row = json.loads(Path("p.json").read_text())["rows"][1]
    assert (row["iterations"], row["budget"], row["train_seconds"]) == (
        4,
        "equal seconds",
        pytest.approx(0.8),
    )
    monkeypatch.setattr(study, "step_seconds", lambda *a: (0.1, 0.8))
    assert trained(ours, ours.sr, "--budget", "seconds").code == 0
    assert json.loads(Path("p.json").read_text())["rows"][1]["iterations"] == 4


def test_refused(ours, small, tmp_path):
    refused(trained(ours, ours.denoise, ours.denoise), "2 runs; one for each task")
    refused(trained(ours, ours.denoise, "--task", "sr"), "is for denoise x1, asked for sr")
    refused(trained(ours, ours.sr, "--scale", 3), "is for sr x2, asked for sr x3")
    refused(trained(ours, tiny_runs(ours.photos.parent).search), "is a search run")
    refused(hinas("study", "peers", "--budget", "seconds"), "add --train")
    refused(hinas("study", "peers", "--train", "--task", "blur"), "task = 'blur'")
    several = preset("tiny")
    several = several._replace(
        train=replace(several.train, sigmas=(30.0, 50.0), iterations=1, patch=11)
    )
    list(
        open_training(
            "levels", sample(several.space, random.Random(0)), several, data=str(ours.photos)
        ).steps()
    )
    refused(trained(ours, "levels"), "2 noise levels")
    b = replace(study.budget_of(ours.denoise), data_hash="0" * 12)
    with pytest.raises(ValueError, match="other images"):
        study.open_training(b, tmp_path / "x", b.config)


# The training


def test_a_peer_sees_the_patches_that_ours_saw(ours):
    """Input and truth of three iterations, bit by bit, noise included."""
    for folder in (ours.denoise, ours.sr):
        b, seen = study.budget_of(folder), ([], [])
        patches = Patches(load_images(b.data, 1), scale=b.scale)
        nets = (
            Training(b.net.genotype, b.config, patches, b.residual),
            Training(None, b.config, patches, net=study.first_net(b.peer, b.scale, b.config.seed)),
        )
        for state, kept in zip(nets, seen):
            state.net.register_forward_pre_hook(
                lambda module, given, kept=kept: kept.append(given[0].clone())
            )
            for _ in range(3):
                train_step(state)
        assert len(seen[0]) == 3 and all(torch.equal(a, c) for a, c in zip(*seen))


def test_resumed_bit_for_bit(ours, tmp_path):
    b = study.budget_of(ours.sr)
    whole, stopped = (
        study.open_training(b, tmp_path / name, b.config) for name in ("whole", "stopped")
    )
    list(whole.steps())
    steps = stopped.steps()
    for _ in range(3):
        next(steps)
    steps.close()
    again = study.open_training(b, tmp_path / "stopped", b.config)
    assert not again.finished and again.state.iteration == 3
    list(again.steps())
    assert (tmp_path / "whole/best.safetensors").read_bytes() == (
        tmp_path / "stopped/best.safetensors"
    ).read_bytes()
    assert (
        study.open_training(b, tmp_path / "stopped", b.config).finished
        and 0 < spent_seconds(read_records(tmp_path / "stopped")) < 60
    )


def test_first_weights_are_of_the_seed_alone():
    p, before = study.peer("FSRCNN", "sr"), torch.get_rng_state()

    def weights(seed: int) -> torch.Tensor:
        net = study.first_net(p, 4, seed)
        return torch.cat([w.flatten() for w in net.state_dict().values()])

    assert (
        torch.equal(weights(0), weights(0))
        and not torch.equal(weights(0), weights(1))
        and torch.equal(torch.get_rng_state(), before)
    )


def test_budgets_by_hand():
    config = replace(preset("classroom").train, iterations=3600, warmup=50)
    assert study.fitted(config, 0.02, 0.1) == (config, "equal iterations")  # 360 s
    shorter, said = study.fitted(config, 0.02, 0.2)  # 720 s
    assert (shorter.iterations, shorter.warmup, said) == (
        360,
        5,
        "equal seconds",
    ) and shorter == replace(config, iterations=360, warmup=5)
    assert study.fitted(config, 0.02, 0.2, "iterations") == (config, "equal iterations")
    assert study.fitted(config, 0.02, 0.01, "seconds")[0].iterations == 7200
    with pytest.raises(ValueError, match="budget = 'money'"):
        study.fitted(config, 1, 1, "money")


def test_other_commands_know_its_folder(ours, tmp_path):
    b = study.budget_of(ours.sr)
    folder = tmp_path / "peer"
    list(study.open_training(b, folder, b.config).steps())
    assert not (folder / "genotype.json").exists()
    assert (
        f"{folder!s:<36} peer   tiny" in (listed := hinas("runs", "list", tmp_path).out)
        and "finished" in listed
    )
    assert "peer at preset tiny" in hinas("runs", "show", folder).out
    for argv in (
        ["evaluate", "--method", folder],
        ["train", "--genotype", folder, "--run", tmp_path / "t"],
    ):
        refused(hinas(*argv), "is a training of FSRCNN, which has no genotype")
    refused(hinas("search", "--run", folder, "--resume"), "is a peer run, not a search run")


# The record


def test_the_record():
    """Preset, protocol, device, threads and seed with every number; seconds equal where it says so;
    nothing of it among published rows."""
    study_ = recorded("peers-trained")
    rows = study_["rows"]
    assert {r["method"] for r in rows} >= {"DnCNN", "noisy", "tv", "nl_means", "FSRCNN", "bicubic"}
    for r in rows:
        assert (
            {f for f in study.Trained.__dataclass_fields__} == set(r)
            and r["dataset"] == "builtin"
            and r["n"] == 3
        )
        assert (
            r["protocol"] == default_protocol(r["task"])
            and r["device"] == "cpu"
            and r["threads"] == study_["env"]["threads"]
        )
    for task, name in study.TRAINED.items():
        mine, theirs, lower = [
            r for r in rows if r["task"] == task and r["origin"] in ("ours", "peer trained here")
        ]
        assert (
            lower
            == lower | {k: theirs[k] for k in ("method", "budget", "iterations", "parameters")}
            and lower["lr"] < theirs["lr"]
        )
        assert mine["lr"] == theirs["lr"]
        assert (theirs["method"], mine["preset"], mine["iterations"]) == (
            name,
            "classroom",
            preset("classroom", task).train.iterations,
        )
        assert mine["parameters"] == study.budget_of(study.OURS[task]).parameters
        if theirs["budget"] == "equal iterations":
            assert (
                theirs["iterations"] == mine["iterations"]
                and theirs["train_seconds"] < study.LONGEST
            )
        else:
            assert theirs["train_seconds"] == pytest.approx(mine["train_seconds"], rel=0.02)
    for number in TABLES:
        assert not any(
            "peers-trained" in row.source or "DnCNN" in row.method for row in measured(number)
        )
        printed = {v for r in rows for v in (r["psnr"], r["ssim"])}
        assert not printed & {
            cell.value for row in paper_table(number).rows for cell in row.values()
        }


def test_a_net_at_its_input_says_so():
    """The record holds one: DnCNN at our learning rate. Its number is that of the noisy picture."""
    rows = [study.Trained(**row) for row in recorded("peers-trained")["rows"]]
    denoise, sr = ([row for row in rows if row.task == task] for task in ("denoise", "sr"))
    (sentence,) = at_its_input(denoise)
    assert sentence.startswith(
        "DnCNN with learning rate 0.005 is at its input\n(14.84 dB, noisy 14.8"
    )
    assert max(map(len, sentence.splitlines())) <= 86 and at_its_input(sr) == []
    assert " ".join(sentence.split()) in " ".join((ROOT / "data" / "README.md").read_text().split())


def test_every_record_has_its_command():
    files = sorted(p.stem for p in FOLDER.glob("*.json"))
    assert files
    for name in files:
        command = made_by(name)
        assert command, name
        program, *argv = command.split()
        if program == "hinas-lab":
            assert build_parser().parse_args(argv).command == "study"
        else:
            assert (
                (ROOT / argv[0]).exists()
                if program == "python"
                else f"\n{argv[0]}: " in (ROOT / "Makefile").read_text()
            )
    assert (
        made_by("peers-denoise")
        == "hinas-lab study peers --task denoise --json data/studies/peers-denoise.json"
    )
    assert made_by("nothing") is None
    with pytest.raises(
        ValueError, match="'masking-x': make it with: python tools/record_masking.py --preset x"
    ):
        recorded("masking-x")
