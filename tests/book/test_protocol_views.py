"""Pictures of protocols, the slider, the document made from the protocols, and the recorded studies
that texts quote."""

import json
import re
import runpy
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from hinas_book.ch11_protocols.figures import (
    figure_crops,
    figure_differences,
    plot_differences,
    plot_sweep,
)
from hinas_book.ch11_protocols.protocols import SINGLE, STRIDES, Difference, differences
from hinas_book.kit.recorded import FOLDER, recorded
from hinas_book.paper.published import bicubic
from hinas_lab.drawing.style import theme
from hinas_lab.images.protocol import PROTOCOLS, Protocol, coverage, protocol
from hinas_lab.live.sliders import slider
from hinas_lab.restoration.measure import Measurement

ROOT = Path(__file__).parents[2]
rng = np.random.default_rng(0)


def row(protocol_name: str, image: str, psnr: float, ssim: float = 0.5) -> Measurement:
    return Measurement(
        method="x",
        image=image,
        protocol=protocol_name,
        sigma=50.0,
        scores={"psnr": psnr, "ssim": ssim},
        seconds=0.0,
    )


GAPS = differences(
    [
        row(p, str(i), 25 + g + 0.1 * rng.standard_normal(), 0.6 + g / 10)
        for p, g in (("whole", 0), ("authors-eval", 0.5), ("half-size", -0.5))
        for i in range(8)
    ],
    "whole",
)


def test_differences_are_drawn_where_they_are():
    ax = plot_differences(
        GAPS, ax=Figure().subplots(), labels={"half-size": "halved first"}, margin=(0.31, "margin")
    )
    assert [t.get_text() for t in ax.get_yticklabels()] == ["authors-eval", "halved first"]
    for y, gap in enumerate(GAPS):
        # an error bar: its mark is a line, its interval a collection
        point, (interval,) = ax.lines[y], ax.collections[y].get_segments()
        assert list(point.get_xdata()) == [gap.psnr]
        np.testing.assert_allclose(interval[:, 0], [gap.psnr_low, gap.psnr_high])
        assert set(interval[:, 1]) == {y}
    assert ax.lines[0].get_color() != ax.lines[1].get_color()  # above, below zero
    assert "whole" in ax.get_xlabel() and ax.lines[-1].get_xdata()[0] == 0.31


def test_differences_fit_the_figure():
    """Every number and label lies inside; SSIM's panel shows SSIM."""
    with theme():
        figure = figure_differences(GAPS, margin=(0.31, "margin"))
        figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    for ax in figure.axes:
        for text in [
            *ax.texts,
            *(t for t in ax.get_yticklabels() if t.get_visible() and t.get_text()),
        ]:
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1, (
                text.get_text()
            )
    assert list(figure.axes[1].lines[0].get_xdata()) == [GAPS[0].ssim]


def test_sweep_goes_from_wide_to_narrow_strides():
    ax = plot_sweep(
        (64, 32, 16),
        {"a": [0, 1, 2], "b": [0, 0.5, 1]},
        ax=Figure().subplots(),
        margin=(0.31, "margin"),
    )
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
    assert list(ax.lines[0].get_ydata()) == [0, 1, 2]


def test_crops_are_counted_and_zoomed():
    clean = rng.random((100, 140))
    shown = Measurement(
        method="m",
        image="i",
        protocol="p",
        scores={"psnr": 12.34, "ssim": 0.5},
        seconds=0,
        restored=1 - clean,
    )
    figure = figure_crops(clean, [shown], tile=64, stride=32, zoom=(10, 20, 30))
    count, restored, truth = (ax.images[0].get_array() for ax in figure.axes)
    np.testing.assert_array_equal(count, coverage((100, 140), 64, 32))
    np.testing.assert_array_equal(restored, 1 - clean[10:40, 20:50])
    np.testing.assert_array_equal(truth, clean[10:40, 20:50])
    assert "12.34 dB" in figure.axes[1].get_title()


def test_slider_shows_the_picture_that_is_chosen(monkeypatch):
    def figure(text):
        drawn = Figure(figsize=(1, 1))
        drawn.text(0, 0.5, text)
        return drawn

    box = slider({"a": figure("a"), "b": figure("b")}, "letter")
    chooser, picture, _ = box.widget.children
    first = bytes(picture.value)
    assert chooser.options == ("a", "b") and first.startswith(b"\x89PNG")
    chooser.value = "b"
    assert bytes(picture.value) != first
    chooser.value = "a"
    assert bytes(picture.value) == first
    monkeypatch.setenv("HINAS_LIVE", "0")
    last = figure("b")
    assert slider({"a": figure("a"), "b": last}, "letter") is last
    with pytest.raises(ValueError, match="at least one"):
        slider({}, "letter")


def test_the_document_is_that_of_the_protocols():
    """``make docs`` again gives the same file, and every value of every protocol is in it."""
    text = (ROOT / "docs" / "protocols.md").read_text("utf-8")
    assert text == runpy.run_path(str(ROOT / "tools" / "protocol_table.py"))["document"](), (
        "protocols changed since: make docs"
    )
    for name, p in PROTOCOLS.items():
        assert f"`{name}`" in text and p.text in text
    assert all(f"| {f.name} |" in text for f in fields(Protocol))


def test_recorded_studies_belong_to_the_protocols_of_today():
    for path in FOLDER.glob("protocol-*.json"):
        study = recorded(path.stem)
        assert (
            set(study) >= {"method", "dataset", "n", "base", "env", "means", "differences"}
            and study["env"]["device"]
        )
        for kept in study["means"]:
            assert protocol(kept["protocol"]).text == kept["text"]
        means = {m["protocol"]: m for m in study["means"]}
        for gap in study["differences"]:
            d = Difference(**gap)
            assert asdict(d) == gap and d.psnr_low <= d.psnr <= d.psnr_high
            assert d.psnr == pytest.approx(
                means[d.protocol]["psnr"] - means[d.base]["psnr"], abs=1e-9
            )
    with pytest.raises(ValueError, match="protocol-tv"):
        recorded("nothing")


def test_recorded_bicubic_rows_reach_the_published_ones():
    rows = recorded("bicubic")["rows"]
    assert {(r["dataset"], r["scale"]) for r in rows} >= {
        (s, k) for s in ("Set5", "BSD100") for k in (2, 3, 4)
    }
    for r in rows:
        psnr, ssim = bicubic()[r["dataset"]][r["scale"]]
        assert (
            abs(r["psnr"] - psnr) <= 0.01
            and abs(r["ssim"] - ssim) <= 0.001
            and r["protocol"] == "sr-bicubic"
        )


def test_the_readme_quotes_the_record():
    study = recorded("protocol-tv-BSDS500-50")
    text = (
        (ROOT / "README.md")
        .read_text("utf-8")
        .split("## Numbers that can be compared")[1]
        .split("## ")[0]
    )
    gaps = {d["protocol"]: d for d in study["differences"]}
    control = protocol("whole + tile=64 + stride=48").name
    said = re.findall(
        r"\| (?:`([a-z-]+)`|the same crops).*?\| (\d+\.\d+) \| (?:([+-]\d+\.\d+) ± "
        r"(\d+\.\d+))? ?\|",
        text,
    )
    assert [s[0] for s in said] == ["whole", "authors-eval", "", "half-size"]
    for name, psnr, gain, half in said:
        name = name or control
        mean = next(m for m in study["means"] if m["protocol"] == name)
        assert f"{mean['psnr']:.2f}" == psnr
        if name != "whole":
            assert (
                f"{gaps[name]['psnr']:+.3f}" == gain
                and f"{gaps[name]['psnr_high'] - gaps[name]['psnr']:.3f}" == half
            )


def test_the_net_under_many_protocols_is_that_of_the_demo():
    study, demo = recorded("protocol-demo-BSDS500-50"), recorded("demo")
    assert (
        study["stamp"]["parameters"] == demo["parameters"]
        and study["stamp"]["preset"] == demo["preset"]
    )


def test_single_changes_and_strides_name_protocols():
    names = [protocol(name).name for task in SINGLE for _, name in SINGLE[task]]
    assert len(set(names)) == len(names) and not set(names) & set(PROTOCOLS)
    assert protocol(f"authors-eval + stride={STRIDES[0]}") == PROTOCOLS["authors-val"]
    json.dumps([asdict(protocol(n)) for n in names])
