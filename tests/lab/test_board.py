"""What the board in the browser is told of a search, and the picture that stays of one."""

import json
import re
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex

from hinas_lab.config import SearchConfig, SearchSpace, to_dict
from hinas_lab.drawing import style
from hinas_lab.live import film
from hinas_lab.live.film import Camera, film_of
from hinas_lab.live.moment import Moment
from hinas_lab.live.recordings import read_recording
from hinas_lab.live.still import figure_moment, pixels, png_of
from hinas_lab.paths import stored
from hinas_lab.records import KINDS, Epoch, Records, Step
from hinas_lab.space import decode
from hinas_lab.space.decode import normalise_beta, skip_share, softmax
from hinas_lab.space.ops import OPS

SPACE = SearchSpace(layers=2, nodes=2, width=4)
EPOCHS, WARMUP, FIRST, PER = 6, 2, 4, 5
"epochs, of which warm-up, first validated epoch, iterations an epoch"


def make_moment(space=SPACE, epochs=EPOCHS, inside=False, channels=1) -> tuple[Moment, Records]:
    """After ``epochs`` epochs of an invented search; ``inside``: two iterations into the next one.
    The last epoch but one is best."""
    rng = np.random.default_rng(0)
    records, alpha, beta = (
        Records(),
        1e-3 * rng.normal(size=space.alpha_shape),
        1e-3 * rng.normal(size=len(space.moves)),
    )
    drift = rng.normal(size=alpha.shape), rng.normal(size=beta.shape)
    made = [decode.decode(space, alpha, beta)]

    def epoch(e):
        made.append(decode.decode(space, alpha, beta))
        entropies = decode.entropy(space, alpha, beta)
        scores = (
            {"score": 0.8 + 0.01 * e - 0.05 * (e == epochs), "psnr": 20.0 + e, "ssim": 0.6}
            if e >= FIRST
            else {}
        )
        records.add(
            Epoch(
                epoch=e,
                alpha=alpha.copy(),
                beta=beta.copy(),
                beta_grad=0 * beta,
                genotype=made[-1],
                alpha_entropy=entropies[0],
                beta_entropy=entropies[1],
                skip_share=skip_share(made[-1]),
                flips=decode.flips(made[-2], made[-1]),
                best=max(0, min(e, epochs - 1)) if e >= FIRST else 0,
                seconds=1.0,
                **scores,
            )
        )

    epoch(0)
    for e in range(1, epochs + 1 + inside):
        for i in range(1, (PER if e <= epochs else 2) + 1):
            loss = 0.3 / e
            if e > WARMUP:
                records.add(
                    Step(
                        kind="arch",
                        epoch=e,
                        iteration=i,
                        loss=2 * loss,
                        pixel=loss,
                        lssim=loss,
                        lr=0.1,
                        seconds=0.1,
                    )
                )
                alpha, beta = alpha + 0.2 * drift[0], beta + 0.2 * drift[1]
            records.add(
                Step(
                    kind="weight",
                    epoch=e,
                    iteration=i,
                    loss=loss,
                    pixel=loss,
                    lssim=0.0,
                    lr=0.1,
                    seconds=0.1,
                )
            )
        if e <= epochs:
            epoch(e)
    preview = rng.integers(0, 256, (2, channels, 20, 20), dtype=np.uint8)
    records.previews[epochs] = preview
    moment = Moment(
        records=records.arrays(),
        alpha=alpha,
        beta=beta,
        genotype=decode.decode(space, alpha, beta),
        before=made[-1] if inside else made[-2],
        preview=preview,
        title=f"epoch {epochs} of {epochs}",
    )
    return moment, records


SPACES = {
    "classroom": SPACE,
    "paper": SearchSpace(),
    "tied": SearchSpace(lwas=False),
    "incoming": SearchSpace(beta_norm="incoming"),
    "fixed path": SearchSpace(fixed_path=(1, 2, 2)),
    "sr": SearchSpace(task="sr", scale=4, channels=3, layers=2, nodes=3, width=8),
    "one": SearchSpace(layers=1, nodes=1),
}


def camera_of(space=SPACE) -> Camera:
    search = to_dict(SearchConfig(epochs=EPOCHS, warmup_epochs=WARMUP, seed=3))
    header = {"preset": "made up", "space": to_dict(space), "search": search}
    return Camera(header, "a run", "cpu")


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(b64decode(text), "<u2") / 65535


@pytest.mark.parametrize("name", SPACES)
def test_what_goes_over_is_what_was_recorded(name):
    space = SPACES[name]
    moment, records = make_moment(space)
    piece = camera_of(space).piece(records, (0, 0), PER)
    assert [row["epoch"] for row in piece["epochs"]] == list(range(EPOCHS + 1))
    for row, alpha, beta in zip(piece["epochs"], records.epochs["alpha"], records.epochs["beta"]):
        # 16 bits
        assert np.abs(numbers(row["alpha"]) - softmax(alpha).ravel()).max() < 1e-5
        assert np.abs(numbers(row["beta"]) - normalise_beta(space, beta)).max() < 1e-5
        genotype = decode.decode(space, alpha, beta)
        cells = []
        for cell in row["cells"]:
            nodes = [tuple((space.ops[k], source) for k, source in node) for node in cell]
            cells.append(tuple(nodes))
        assert tuple(cells) == genotype.cells and tuple(row["path"]) == genotype.path
    last = piece["epochs"][-1]
    assert last["score"] == pytest.approx(records.epochs["score"][-1], rel=1e-4)
    assert piece["epochs"][0]["score"] is None, "not validated"
    times = [place for place, _, _ in piece["steps"]]
    assert np.allclose(times, moment.times, atol=1e-4)
    assert [KINDS[kind] for _, kind, _ in piece["steps"][-2:]] == ["arch", "weight"]
    assert [loss for _, _, loss in piece["steps"]] == pytest.approx(records.steps["loss"], rel=1e-4)
    assert json.loads(json.dumps(piece, allow_nan=False)) == piece
    bytes_ = b64decode(piece["pictures"][0]["wired"])
    assert bytes_ == moment.preview[1].tobytes() and piece["pictures"][0]["size"] == [20, 20]


def test_what_is_known_before_the_first_step():
    head = camera_of().head
    assert head["name"] == "a run" and head["seed"] == 3 and head["epochs"] == EPOCHS
    assert [op["code"] for op in head["ops"]] == [OPS[name].code for name in SPACE.ops]
    never = [op["name"] for op in head["ops"] if not op["keepable"]]
    assert never == ["none"]
    assert head["edges"] == [[0, 0], [1, 0], [0, 1], [1, 1], [2, 1]]
    assert len(head["moves"]) == len(SPACE.moves) and head["columns"][0] == [0]


def test_pieces_join_to_the_whole():
    """Whatever was told before: each record goes over once."""
    _, records = make_moment(inside=True)
    whole = camera_of().piece(records, (0, 0), PER)
    rng = np.random.default_rng(1)
    steps, epochs, pictures, told = [], [], [], (0, 0)
    partial = Records()
    ends = sorted(rng.integers(0, len(whole["steps"]), 6).tolist()) + [len(whole["steps"])]
    for end in ends:
        over = [e for e in records.epochs["epoch"] if e * PER * 2 <= end or end == ends[-1]]
        for column, values in records.steps.items():
            partial.steps[column] = values[:end]
        for column, values in records.epochs.items():
            partial.epochs[column] = values[: len(over)]
        partial.previews = {e: p for e, p in records.previews.items() if e in over}
        piece = camera_of().piece(partial, told, PER)
        assert piece["from"] == list(told)
        steps += piece["steps"]
        epochs += piece["epochs"]
        pictures += piece["pictures"]
        told = len(steps), len(epochs)
    assert (steps, epochs, pictures) == (whole["steps"], whole["epochs"], whole["pictures"])


def test_a_record_is_a_few_hundred_bytes():
    _, records = make_moment()
    camera = camera_of()
    piece = camera.piece(records, (0, 0), PER)

    def size(what) -> int:
        return len(json.dumps(what, separators=(",", ":")))

    assert max(map(size, piece["steps"])) < 40
    assert max(map(size, piece["epochs"])) < 700
    now = camera.architecture(records.epochs["alpha"][-1], records.epochs["beta"][-1])
    assert size(now) < 400


def test_a_recorded_search_is_a_film(monkeypatch):
    recording = read_recording(stored("runs", "classroom", "records.npz"))
    whole = film_of(recording)
    assert len(whole["epochs"]) == recording.last + 1 and whole["head"]["name"] == "classroom"
    assert len(whole["steps"]) == len(recording.records["step/kind"])
    assert len(whole["pictures"]) == len(recording.records["preview/epoch"])
    monkeypatch.setattr(film, "MOST_STEPS", 50)
    thin = film_of(recording)["steps"]
    assert len(thin) <= 50 and {kind for _, kind, _ in thin} == {0, 1}


def test_the_colours_of_the_browser_are_those_of_the_drawings():
    text = Path(film.__file__).with_name("static").joinpath("board.js").read_text(encoding="utf-8")
    heat = re.findall(r"#[0-9a-f]{6}", text[text.index("const HEAT") : text.index("const SPEEDS")])
    assert len(heat) == 9
    assert heat == [to_hex(colormaps[style.HEAT](n / 8)) for n in range(9)]


# ---------------------------------------------------------------- the picture that stays


@pytest.mark.parametrize("name", SPACES)
def test_every_space_and_every_phase_makes_a_picture(name):
    space = SPACES[name]
    pictures = []
    for epochs, inside in ((0, False), (4, True)):
        moment, _ = make_moment(space, epochs, inside, space.channels)
        pictures.append(png_of(pixels(figure_moment(space, moment))))
        assert pictures[-1].startswith(b"\x89PNG")
        # width and height in a PNG's head
        size = np.frombuffer(pictures[-1][16:24], ">u4")
        assert tuple(size) == (1200, 940)
    assert len(set(pictures)) == len(pictures)


def test_the_picture_says_what_is_kept_and_frames_it():
    moment, _ = make_moment()
    figure = figure_moment(SPACE, moment)
    maps = [ax for ax in figure.findobj() if getattr(ax, "get_title", None)]
    first = next(ax for ax in maps if ax.get_title() == "softmax(α), layer 0")
    assert np.allclose(first.images[0].get_array(), softmax(moment.alpha)[0])
    # a frame around the kept operation and not around its row
    assert [patch.get_width() for patch in first.patches] == [pytest.approx(0.94)] * 4
    kept = {(round(p.get_x() + 0.47), round(p.get_y() + 0.45)) for p in first.patches}
    expected = set()
    for node, edges in enumerate(moment.genotype.cells[0]):
        for op, source in edges:
            expected.add((SPACE.ops.index(op), SPACE.edges.index((source, node))))
    assert kept == expected


def test_times_run_through_the_epochs():
    moment, records = make_moment(inside=True)
    arch = np.asarray(records.steps["kind"]) == KINDS.index("arch")
    assert (np.diff(moment.times) > 0).all() and moment.times[-1] == moment.now
    assert np.allclose(moment.times[arch] % 1 * PER % 1, 0.5)
