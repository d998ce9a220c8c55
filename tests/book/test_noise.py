"""The noise of a training that the surgery panel holds an edit against."""

import json
from pathlib import Path

import numpy as np

from hinas_book.ch03_search.noise import training_noise
from hinas_book.kit.missing import load_record
from hinas_lab.analysis.net_trainer import NetTrainer
from hinas_lab.presets import preset

NOTEBOOK = Path(__file__).parents[2] / "notebooks/03_live_search.ipynb"


def test_the_recorded_nets_lie_within_the_band_of_each_other():
    rows = load_record("perturb")["rows"]
    psnr = [row["psnr"] for row in rows if (row["task"], row["arm"]) == ("denoise", "found")]
    noise = training_noise()
    assert noise.words.split("from ")[1].startswith(f"{len(psnr)} recorded trainings")
    apart = np.abs(np.subtract.outer(psnr, psnr))[np.triu_indices(len(psnr), 1)]
    assert np.mean(apart <= noise.db) >= 0.9
    # more than the normal quantile of a known spread, for that is not known either
    assert noise.db > 1.96 * np.sqrt(2) * np.std(psnr, ddof=1)
    assert noise.db < apart.max() * 2


def test_without_a_record_the_noise_is_not_known(monkeypatch):
    monkeypatch.setattr("hinas_book.ch03_search.noise.load_record", lambda study: None)
    assert training_noise() is None


def test_the_notebook_trains_as_the_record_did():
    """Another preset or other photographs have another noise."""
    record = load_record("perturb")
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    [source] = [text for text in sources if "NetTrainer(" in text]
    assert f'lab.preset("{record["preset"]}")' in source
    trainer = NetTrainer(preset(record["preset"]), device="cpu")
    assert trainer.data == record["data"] and trainer.protocol in record["protocols"]
    assert any("about 20 seconds each" in text for text in sources)
    assert 10 < np.median([row["train_seconds"] for row in record["rows"]]) < 30
