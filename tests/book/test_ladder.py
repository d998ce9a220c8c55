"""The ladder from supernet to net, the nets that lie in data/nets, and how both are drawn."""

import math
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from inherit import inherit
from matplotlib.figure import Figure

from hinas_book.ch04_genotypes import figures as views
from hinas_book.ch04_genotypes.ladder import SHARPNESS, Ladder, Rung, centred, sharpened, through
from hinas_book.kit.recorded import recorded, recorded_run
from hinas_book.kit.stored_nets import FOLDER, KEPT, NETS, kept_key, searched, trained
from hinas_book.paper.our_studies import WHOLE_GMSD
from hinas_lab.analysis.jobs import measure
from hinas_lab.config import TrainConfig, from_dict
from hinas_lab.drawing import comparison
from hinas_lab.drawing.style import theme
from hinas_lab.images.datasets.catalog import read_images
from hinas_lab.images.metrics import gmsd
from hinas_lab.images.protocol import Protocol, protocol
from hinas_lab.presets import preset
from hinas_lab.restoration.measure import Measurement, evaluate
from hinas_lab.restoration.restorer import restore_array
from hinas_lab.runs.folder import load_genotype, load_network, load_supernet, read_header, with_seed

TINY = preset("tiny")


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    return searched("supernet", TINY, folder=tmp_path_factory.mktemp("runs"))


@pytest.fixture
def ladder(search):
    return Ladder(search, square=32)


# ---------------------------------------------------------------- sharpening


def test_sharpness_1_is_the_supernet_as_searched(ladder):
    soft, same = ladder.net.weights(), sharpened(ladder.net, 1)
    assert torch.allclose(soft.alpha, same.alpha) and torch.allclose(soft.beta, same.beta)


def test_sharpening_keeps_simplexes_and_ends_one_hot(ladder):
    best = 0.0
    for s in SHARPNESS:
        w = sharpened(ladder.net, s)
        assert torch.allclose(w.alpha.sum(-1), torch.ones(()))
        for move in {m[:2] for m in ladder.net.space.moves}:
            of = [i for i, m in enumerate(ladder.net.space.moves) if m[:2] == move]
            assert w.beta[of].sum() == pytest.approx(1)
        assert w.alpha.max(-1).values.min() >= best
        best = float(w.alpha.max(-1).values.min())
    assert set(w.alpha.unique().tolist()) == set(w.beta.unique().tolist()) == {0.0, 1.0}
    assert (w.alpha.argmax(-1) == ladder.net.alpha.argmax(-1)).all()


def test_sharpness_0_knows_nothing_and_below_there_is_none(ladder):
    assert torch.allclose(sharpened(ladder.net, 0).alpha, torch.full((), 1 / 7))
    for wrong in (-1, math.nan):
        with pytest.raises(ValueError, match="sharpness"):
            sharpened(ladder.net, wrong)


# ---------------------------------------------------------------- rungs


def test_a_rung_is_the_mean_over_the_squares(ladder):
    rung = ladder.rung("gray", lambda image: np.full_like(image, 0.5))
    squares = {name: ladder.protocol.clean(picture) for name, picture in ladder.pictures.items()}
    assert set(squares) == {"camera", "chelsea", "coffee"}
    assert all(square.shape == (32, 32) for square in squares.values()) and np.array_equal(
        ladder.clean, squares["chelsea"]
    )
    assert rung.psnr == pytest.approx(
        np.mean([-10 * math.log10(np.mean((square - 0.5) ** 2)) for square in squares.values()]),
        abs=1e-3,
    )
    assert rung.patch.shape == (32, 32) and np.all(rung.patch == 0.5)


def test_the_decoded_rung_is_the_net_with_inherited_weights(ladder):
    raw, anew = ladder.shared("decoded", ladder.net.restrict(ladder.genotype))
    net = inherit(ladder.net, ladder.genotype).eval()
    assert np.allclose(raw.patch, ladder.trained("inherited", net).patch, atol=1e-5)
    assert not np.allclose(raw.patch, anew.patch, atol=1e-5)


def test_recalibrating_leaves_no_trace(ladder):
    weights, noisy = sharpened(ladder.net, 4), ladder.clean + 0
    before = through(ladder.net, weights)(noisy)
    ladder.shared("x", weights)
    assert np.array_equal(before, through(ladder.net, weights)(noisy))


def test_centred_squares():
    image = np.arange(30).reshape(5, 6)
    assert np.array_equal(centred(image, 3), image[1:4, 1:4]) and centred(image, 9).shape == (5, 6)


def test_the_ladder_is_for_denoising(tmp_path):
    shutil.copytree(FOLDER / "supernet", tmp_path / "sr")
    text = (
        (tmp_path / "sr/config.json")
        .read_text()
        .replace('"task": "denoise"', '"task": "sr"')
        .replace('"scale": 1', '"scale": 4')
    )
    (tmp_path / "sr/config.json").write_text(text)
    with pytest.raises(ValueError):
        Ladder(tmp_path / "sr")


# ---------------------------------------------------------------- recorded nets


@pytest.mark.parametrize("name", NETS)
def test_recorded_nets_are_what_they_are_called(name, tmp_path):
    """Each is found, unchanged, for the preset it was made with, and loads; nothing is run or
    written."""
    task = "sr" if name.endswith("-sr") else "denoise"
    settings = with_seed(preset("classroom", task), 0)
    genotype = load_genotype(
        searched("classroom-sr" if task == "sr" else "supernet", settings, folder=tmp_path)
    )
    run = trained(name, genotype, settings, folder=tmp_path)
    assert run == FOLDER / name and not list(tmp_path.iterdir())
    assert from_dict(TrainConfig, read_header(run)["train"]) == replace(
        settings.train, **NETS[name](settings)
    )
    net, info = load_network(run)
    assert net.genotype == genotype and info["seed"] == 0 and info["preset"] == "classroom"
    assert sum(f.stat().st_size for f in run.iterdir()) <= 150_000


def test_the_recorded_supernet_decodes_to_its_genotype():
    ladder = Ladder(FOLDER / "supernet", square=16)
    assert (
        ladder.genotype
        == load_genotype(FOLDER / "supernet")
        == load_genotype(recorded_run("classroom"))
    )
    assert load_supernet(FOLDER / "supernet")[2]["search"]["seed"] == 0
    assert (
        {"supernet", *NETS}
        <= {p.name for p in FOLDER.iterdir() if p.is_dir()}
        <= {"supernet", *NETS, *KEPT}
    )
    assert sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file()) <= 2_200_000


def whole_gmsd(restore, level: float, how: Protocol) -> list[float]:
    """GMSD of each picture's mean of R, G and B, no border cut: the rule of the first records."""
    pictures, values = read_images("builtin", "test"), []
    for row in evaluate("net", restore, pictures, level, how):
        both = row.restored, how.clean(pictures[row.image], int(level))
        values.append(gmsd(*(x if x.ndim == 2 else x.mean(2) for x in both)))
    return values


@pytest.mark.parametrize("name", sorted(p.name for p in FOLDER.iterdir() if p.name in KEPT))
def test_nets_of_the_campaign_are_those_of_its_records(name):
    """The record's row and the folder tell of the same training, and the weights give the row's
    numbers again."""
    study, wanted = KEPT[name]
    row = next(r for r in recorded(study)["rows"] if wanted.items() <= r.items())
    net, info = load_network(FOLDER / name)
    assert (row.get("weights") or row["key"]) == kept_key(name)
    assert (info["parameters"], info["seed"], info["task"]) == (
        row["parameters"],
        row["seed"],
        row["task"],
    )
    assert (
        read_header(FOLDER / name)["data"] == "builtin"
        and sum(f.stat().st_size for f in (FOLDER / name).iterdir()) <= 150_000
    )
    if row.get("test", "builtin") == "builtin":
        level, how = (
            (50.0, "whole") if info["task"] == "denoise" else (info["scale"], "sr-standard")
        )
        restore = partial(restore_array, net, clip=False)
        told = measure(restore, level, "builtin", how)
        if info["task"] == "sr":
            # the records were made when GMSD was of the whole picture, and their tables say so
            assert study in WHOLE_GMSD
            told["gmsd"] = np.mean(whole_gmsd(restore, level, protocol(how)))
        assert [told[k] for k in ("psnr", "ssim", "gmsd")] == pytest.approx(
            [row[k] for k in ("psnr", "ssim", "gmsd")], abs=2e-3
        )


def test_another_seed_or_live_is_run(search, tmp_path, capsys):
    genotype = load_genotype(search)
    first = trained("net", genotype, TINY, folder=tmp_path, record=tmp_path / "record")
    assert first == tmp_path / "net" and (first / "best.safetensors").exists()
    assert "20 of 20" in capsys.readouterr().out
    shutil.copytree(tmp_path / "net", tmp_path / "record" / "net")
    assert (
        trained("net", genotype, TINY, folder=tmp_path / "b", record=tmp_path / "record")
        == tmp_path / "record" / "net"
    )
    for settings, live in ((with_seed(TINY, 1), False), (TINY, True)):
        folder = tmp_path / f"live{live}"
        assert (
            trained("net", genotype, settings, live=live, folder=folder, record=tmp_path / "record")
            == folder / "net"
        )
    assert (
        trained("net", genotype, TINY, live=True, folder=folder) == folder / "net"
    )  # finished: taken as it is
    other = with_seed(TINY, 1)
    assert (
        searched("supernet", other, folder=tmp_path / "c", record=search.parent)
        == tmp_path / "c" / "supernet"
    )
    assert searched("supernet", TINY, folder=tmp_path / "d", record=search.parent) == search


# ---------------------------------------------------------------- pictures


def rung(name: str, psnr: float) -> Rung:
    return Rung(name=name, psnr=psnr, ssim=psnr / 50, patch=np.full((8, 8), 0.5))


RUNGS = [
    (rung("soft", 25.0), rung("soft", 26.0)),
    (rung("decoded", 15.0), rung("decoded", 18.0)),
    (rung("retrained", 27.0),),
]


def test_plot_ladder_shows_every_number_once():
    with theme():
        ax = views.plot_ladder(RUNGS, ax=Figure().subplots(), floor=14.9)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["soft", "decoded", "retrained"]
    assert [t.get_text() for t in ax.texts] == ["26.00", "18.00", "27.00"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        views.RAW,
        views.ANEW,
        "trained alone",
        "noisy: 14.90 dB",
    ]


def test_figure_ladder_has_a_patch_under_each_rung():
    with theme():
        figure = views.figure_ladder(RUNGS)
    assert [ax.get_title() for ax in figure.axes[1:]] == [
        "mean SSIM 0.520",
        "mean SSIM 0.360",
        "mean SSIM 0.540",
    ]
    figure.draw_without_rendering()


def test_figure_sharpness_shows_weights_and_patches(ladder):
    alpha = sharpened(ladder.net, 4).alpha.numpy()
    with theme():
        figure = views.figure_sharpness(ladder.net.space, alpha, *RUNGS[0], np.zeros((8, 8)))
    assert len(figure.axes) == len(alpha) + 3
    assert len(figure.axes[0].texts) == len(ladder.net.space.edges)
    assert "25.00 dB" in figure.axes[-3].get_title() and "26.00 dB" in figure.axes[-2].get_title()
    figure.draw_without_rendering()


def row(method: str, image: str, psnr: float, protocol: str = "whole") -> Measurement:
    return Measurement(
        method=method,
        image=image,
        protocol=protocol,
        sigma=50.0,
        scores={"psnr": psnr, "ssim": psnr / 50},
        seconds=0.0,
        restored=np.full((8, 8), 0.5),
    )


def test_rows_as_a_table_and_as_pictures():
    measured = {m: [row(m, "a", p), row(m, "b", p + 1)] for m, p in (("tv", 25.0), ("ours", 26.0))}
    lines = comparison.measurement_table(measured).splitlines()
    assert lines[0].split() == ["PSNR", "in", "dB", "a", "b", "mean", "SSIM"]
    assert lines[1].split() == ["tv", "25.00", "26.00", "25.50", "0.5100"]
    assert lines[2].split() == ["ours", "26.00", "27.00", "26.50", "0.5300"]
    figure = comparison.figure_rows(measured, "b", {"clean": np.zeros((8, 8))})
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["tv\n26.00 dB, SSIM 0.5200", "ours\n27.00 dB, SSIM 0.5400", "clean"]
    with pytest.raises(ValueError, match="no common mean"):
        comparison.measurement_table(measured | {"x": [row("x", "a", 25.0, "authors-eval")]})
