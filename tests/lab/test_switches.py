"""What can be switched off in a search, and the recorded searches that show what comes of it."""

import json
import runpy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import ROOT, hinas, same_result, start_run
from test_search import CONFIG, ONE, PATCHES, STEPS, bits, new, run

from hinas_book.kit.recorded import CHANGES, RUNS, recorded_run, setting
from hinas_lab.config import SearchConfig, SearchSpace, from_dict
from hinas_lab.images.patches import A, W
from hinas_lab.presets import preset
from hinas_lab.records import Epoch, kept_row, read_records
from hinas_lab.runs.folder import load_genotype, load_supernet
from hinas_lab.searching.loop import search
from hinas_lab.searching.methods import first_order
from hinas_lab.space.budget import reader
from hinas_lab.space.decode import decode
from hinas_lab.training.step_memory import search_step

TOOL = runpy.run_path(str(ROOT / "tools" / "record_runs.py"))
NEW = {"space": {"affine"}, "search": {"arch_data", "keep"}}
"fields that runs of the first version do not have"


# ---- alpha's images
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arch_split", ["own", "weights"])
def test_alpha_learns_on_the_images_that_are_asked_for(arch_split, monkeypatch):
    state, drawn, draw = (
        new(ONE, arch_split=arch_split, epochs=2, warmup_epochs=0),
        [],
        PATCHES.batch,
    )
    monkeypatch.setattr(
        PATCHES,
        "batch",
        lambda chosen, *rest: drawn.append(set(chosen.tolist())) or draw(chosen, *rest),
    )
    kinds = [r.kind for r in search(state) if not isinstance(r, Epoch)]
    drawn = [d for d in drawn if len(d) <= CONFIG.batch]  # a preview's batch is larger
    seen = {
        kind: set().union(*(d for k, d in zip(kinds, drawn, strict=True) if k == kind))
        for kind in ("arch", "weight")
    }
    assert seen["weight"] == set(state.split.w)
    assert seen["arch"] == set(state.split.w if arch_split == "weights" else state.split.a)


def test_a_equal_to_w_takes_nothing_from_the_weights_and_repeats_none_of_their_patches():
    """The weights keep their half and their random numbers, so that both searches compare; alpha
    draws its own crops and noise."""
    states = new(ONE, arch_split="own"), new(ONE, arch_split="weights")
    weights, arch = ([s.batch(stream) for s in states] for stream in (W, A))
    assert all(torch.equal(a, b) for a, b in zip(*weights))
    assert not any(torch.equal(arch[1][1], other) for other in (arch[0][1], weights[0][1]))
    told = [run(s) for s in states]
    before = (
        1 + STEPS + 1
    )  # epoch 0, the warm-up's weight steps and its epoch: no arch step was done
    assert told[0][:before] == told[1][:before] and told[0][before] != told[1][before]


# ---- the best-supernet rule
# ------------------------------------------------------------------------------------------


def test_the_last_supernet_can_be_the_result_and_the_scores_are_still_told(monkeypatch):
    given = iter((0.1, 0.3, 0.2))
    monkeypatch.setattr(
        first_order, "validate", lambda *_: {"psnr": 1.0, "ssim": 1.0, "score": next(given)}
    )
    state = new(ONE, keep_supernet="last", validate_from=1, epochs=3, warmup_epochs=0)
    epochs = [r for r in search(state) if isinstance(r, Epoch)]
    assert [r.score for r in epochs[1:]] == [0.1, 0.3, 0.2] and [r.best for r in epochs] == [
        0,
        1,
        2,
        2,
    ]
    weights, genotype = state.result()
    assert bits(weights) == bits(state.net.state_dict()) and genotype == state.decode()
    assert not any(name.startswith("best/") for name in state.tensors())


@pytest.mark.parametrize(
    "best, keep, row", [(2, "best", 2), (0, "best", 3), (2, "last", 3), (0, "last", 3)]
)
def test_the_kept_row(best, keep, row):
    columns = {"epoch/best": np.array([0, 0, best, best]), "epoch/epoch": np.arange(4)}
    assert kept_row(columns, keep) == row


def test_a_run_that_keeps_the_last(tiny, tmp_path):
    """The result belongs to the last row, also after a stop; the command says so."""
    argv = [
        *tiny.argv["search"],
        "--set",
        "search.keep_supernet=last",
        "--set",
        "search.validate_from=1",
    ]
    code, out, _ = hinas(*argv, "--run", tmp_path / "whole")
    assert code == 0 and "supernet kept: the last, as asked (best on V: epoch" in out
    records = read_records(tmp_path / "whole")
    assert np.isfinite(records["epoch/score"][1:]).all()
    net, config, _ = load_supernet(tmp_path / "whole")
    assert config.keep_supernet == "last" and np.array_equal(
        net.alpha.detach().numpy(), records["epoch/alpha"][-1]
    )
    start_run(argv, tmp_path / "stopped", records=15)
    assert hinas(*argv, "--run", tmp_path / "stopped", "--resume").code == 0
    same_result(tmp_path / "whole", tmp_path / "stopped")


# ---- affine batch norms
# ----------------------------------------------------------------------------------------------


def test_an_affine_run_trains_scale_and_shift_and_comes_back(tiny, tmp_path):
    argv = [*tiny.argv["search"], "--set", "space.affine=true"]
    assert hinas(*argv, "--run", tmp_path / "whole").code == 0
    net, _, _ = load_supernet(tmp_path / "whole")
    affine = {n: p for n, p in net.cells.named_parameters() if n.endswith(("weight", "bias"))}
    assert affine and all((p != float(n.endswith("weight"))).any() for n, p in affine.items())
    start_run(argv, tmp_path / "stopped")
    assert hinas(*argv, "--run", tmp_path / "stopped", "--resume").code == 0
    same_result(tmp_path / "whole", tmp_path / "stopped")


@pytest.mark.parametrize("checkpoint", [False, True])
def test_memory_counts_the_scales_and_shifts(checkpoint):
    space, config = ONE, replace(preset("tiny").search, checkpoint=checkpoint)
    plain, affine = (search_step(replace(space, affine=a), config) for a in (False, True))
    channels = sum(space.node_channels(i) for cells in space.cells for i in cells)
    more = (
        4 * 2 * channels * len(space.edges) * (3 + 2 * space.repeats)
    )  # bytes: scale and shift of 3 convolutions and 2 x repeats stages
    assert affine.parameters - plain.parameters == affine.gradients - plain.gradients == more
    assert (affine.kept > plain.kept, affine.again > plain.again) == (not checkpoint, checkpoint)


# ---- runs of before
# --------------------------------------------------------------------------------------------------


def test_a_run_from_before_the_switches_is_continued_and_read(tiny, tmp_path):
    for folder in (
        tiny.copy("search", tmp_path / "finished"),
        start_run(tiny.argv["search"], tmp_path / "stopped"),
    ):
        header = json.loads((folder / "config.json").read_text())
        for part, names in NEW.items():
            for name in names:
                del header[part][name]
        (folder / "config.json").write_text(json.dumps(header))
        assert hinas(*tiny.argv["search"], "--run", folder, "--resume").code == 0
        same_result(folder, tiny.search)
        assert load_supernet(folder)[1].keep_supernet == "best"
        for change in (
            "search.keep_supernet=last",
            "search.arch_split=weights",
            "space.affine=true",
        ):
            code, _, err = hinas(*tiny.argv["search"], "--set", change, "--run", folder, "--resume")
            assert code == 2 and change.partition("=")[0] in err


# ---- the recorded searches
# -------------------------------------------------------------------------------------------

each_run = pytest.mark.parametrize("name", CHANGES)


def test_every_recorded_run_is_known_and_an_unknown_one_names_them():
    assert sorted(p.name for p in RUNS.iterdir()) == sorted(CHANGES)
    with pytest.raises(
        ValueError, match="recorded run 'nothing'.*a-equals-w, affine, classroom"
    ) as caught:
        recorded_run("nothing")
    assert "\n" not in str(caught.value)


def test_recorded_runs_are_read_without_torch():
    script = """
import sys
from hinas_lab.config import SearchSpace
from hinas_lab.records import kept_row, read_records
from hinas_book.kit.recorded import CHANGES, recorded_run, setting
for name in CHANGES:
    columns = read_records(recorded_run(name))
    setting(name), kept_row(columns), print(name, len(columns["epoch/epoch"]))
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert dict(line.split() for line in done.stdout.splitlines()) == {
        n: str(setting(n).search.epochs + 1) for n in CHANGES
    }


@each_run
def test_a_recorded_run_is_what_the_tool_would_ask_for_today(name):
    config = json.loads((recorded_run(name) / "config.json").read_text())
    wanted = setting(name)
    assert (config["preset"], config["data"], config["kind"]) == (wanted.name, "builtin", "search")
    there = (
        from_dict(SearchSpace, config["space"]),
        from_dict(SearchConfig, config["search"]),
    )  # younger fields: defaults
    assert there == (wanted.space, wanted.search), "record it again: python tools/record_runs.py"
    assert (wanted.name == "classroom") == (
        name in ("classroom", "classroom-seed-1", "classroom-sr")
    )


@each_run
def test_the_genotype_is_what_the_kept_epoch_decodes_to(name):
    folder = recorded_run(name)
    config = json.loads((folder / "config.json").read_text())
    space, keep = (
        from_dict(SearchSpace, config["space"]),
        from_dict(SearchConfig, config["search"]).keep_supernet,
    )
    columns = read_records(folder)
    row = kept_row(columns, keep)
    assert columns["epoch/epoch"].tolist() == list(range(config["search"]["epochs"] + 1))
    read = reader(space, from_dict(SearchConfig, config["search"]))
    found = read(space, columns["epoch/alpha"][row], columns["epoch/beta"][row])
    assert found == load_genotype(folder)
    warm = columns["step/epoch"] <= config["search"]["warmup_epochs"]
    assert not (columns["step/kind"][warm] == 1).any() and (columns["step/kind"][~warm] == 1).any()


@each_run
def test_a_recorded_run_is_small_and_says_where_it_was_made_but_not_in_which_folder(name):
    folder = recorded_run(name)
    assert {p.name for p in folder.iterdir()} == set(TOOL["KEPT"])
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 300_000
    environment = json.loads((folder / "env.json").read_text())
    assert (
        environment["threads"] == 1
        and environment["device"] == "cpu"
        and environment["versions"]["torch"]
    )
    assert environment["commit"] and "resumed" not in environment
    assert not any(mark in (folder / "env.json").read_text() for mark in ("/", "\\", "~"))


def test_all_recorded_runs_together_are_small():
    assert sum(p.stat().st_size for p in RUNS.rglob("*") if p.is_file()) <= 1_500_000


def test_the_table_tells_the_records():
    assert TOOL["table"]() in (ROOT / "data" / "README.md").read_text(), (
        "python tools/record_runs.py --table"
    )


def test_the_records_show_what_the_table_is_told_with():
    r = {name: read_records(recorded_run(name)) for name in CHANGES}
    skips = {name: (8 * columns["epoch/skip_share"]).tolist() for name, columns in r.items()}
    assert (
        skips["hasty"][1] == 5
        and skips["hasty"][9:13] == [7] * 4
        and (skips["classroom"][9], skips["classroom"][16]) == (6, 3)
    )
    for row in range(3, 17):
        second = decode(
            setting("hasty").space, r["hasty"]["epoch/alpha"][row], r["hasty"]["epoch/beta"][row]
        ).cells[1]
        assert [op for node in second for op, _ in node] == ["skip"] * 4
    assert all(
        r["hasty"][n].tobytes() == r["last-supernet"][n].tobytes()
        for n in r["hasty"]
        if not n.endswith("/seconds")
    )
    loss = {
        name: columns["epoch/psnr"][kept_row(columns)] - columns["epoch/psnr"][-1]
        for name, columns in r.items()
    }
    assert loss["hasty"] == pytest.approx(0.2, abs=0.05) and loss["classroom"] == 0
    paths = {name: load_genotype(recorded_run(name)).path for name in ("hasty", "last-supernet")}
    assert paths["hasty"] != paths["last-supernet"]
    assert (
        r["a-equals-w"]["epoch/alpha_entropy"][-1]
        > 1.85
        > 1.75
        > r["classroom"]["epoch/alpha_entropy"][-1]
    )
    for name in (
        "a-equals-w",
        "affine",
    ):  # the warm-up of both is the classroom's, affine's but for what its weights became
        assert np.array_equal(r[name]["epoch/alpha"][:8], r["classroom"]["epoch/alpha"][:8])


def test_the_tool_records_and_refuses_unknown_names(tmp_path, monkeypatch, capsys):
    small = preset("tiny")._replace(
        search=replace(preset("tiny").search, epochs=1, warmup_epochs=0, validate_from=1)
    )
    record = TOOL["record"]
    monkeypatch.setitem(record.__globals__, "setting", lambda name: small)
    record("x", tmp_path / "first")
    record("x", tmp_path / "second")
    a, b = (tmp_path / n / "x" for n in ("first", "second"))
    assert {p.name for p in a.iterdir()} == set(TOOL["KEPT"])
    ours, theirs = read_records(a), read_records(b)
    assert all(
        name.endswith("/seconds") or ours[name].tobytes() == theirs[name].tobytes() for name in ours
    )
    assert (a / "genotype.json").read_bytes() == (b / "genotype.json").read_bytes()
    with pytest.raises(SystemExit):
        TOOL["main"](["nothing"])
    assert "'nothing' is no recorded run" in capsys.readouterr().err
