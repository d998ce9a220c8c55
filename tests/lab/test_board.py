"""The board: what its artists show, that a frame depends on its moment alone, and that drawing
leaves nothing behind."""

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.artist import Artist
from PIL import Image

from hinas_lab.config import SearchSpace
from hinas_lab.drawing import style
from hinas_lab.drawing.plots import edge_labels, winners
from hinas_lab.live.board.blit import Stamp, log_ticks_between, quick_png, ticks_between
from hinas_lab.live.board.board import Board, Moment
from hinas_lab.live.board.panes import AlphaMaps, Patch, Trellis, Wiring
from hinas_lab.live.board.traces import AlphaCurves, Entropy, Flips, Losses, Scores
from hinas_lab.records import Epoch, Records, Step
from hinas_lab.space import decode
from hinas_lab.space.decode import skip_share
from hinas_lab.space.ops import OP_NAMES, OPS

SPACE = SearchSpace(layers=2, nodes=2, width=4)
EPOCHS, WARMUP, FIRST, PER = 6, 2, 4, 5
"epochs, of which warm-up, first validated epoch, iterations an epoch"


def make_moment(space=SPACE, epochs=EPOCHS, inside=False, channels=1, seed=0) -> Moment:
    """After ``epochs`` epochs of an invented search; ``inside``: two iterations into the next one.
    The last epoch but one is best."""
    rng = np.random.default_rng(seed)
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
    return Moment(
        records=records.arrays(),
        alpha=alpha,
        beta=beta,
        genotype=decode.decode(space, alpha, beta),
        before=made[-1] if inside else made[-2],
        preview=preview,
        title=f"epoch {epochs} of {epochs}",
    )


def show(moment: Moment, space=SPACE, **how) -> Board:
    board = Board(space, EPOCHS, **how)
    board.png(moment)
    return board


def pane(board: Board, kind):
    return next(p for p in board._panes if type(p) is kind)


def said(stamps) -> list[str]:
    return [s.get_text() for s in stamps if s.get_visible()]


def everything(board: Board) -> int:
    """How many artists the figure holds."""
    return len(board.figure.findobj(Artist))


SPACES = {
    "classroom": SPACE,
    "paper": SearchSpace(),
    "tied": SearchSpace(lwas=False),
    "incoming": SearchSpace(beta_norm="incoming"),
    "fixed path": SearchSpace(fixed_path=(1, 2, 2)),
    "sr": SearchSpace(task="sr", scale=4, channels=3, layers=2, nodes=3, width=8),
    "one": SearchSpace(layers=1, nodes=1),
}


@pytest.mark.parametrize("name", SPACES)
def test_every_space_and_every_phase_makes_a_frame(name):
    space = SPACES[name]
    board = Board(space, EPOCHS)
    frames = []
    for epochs, inside in ((0, False), (0, True), (4, True), (6, False)):
        moment = make_moment(space, epochs, inside, space.channels)
        frames.append(board.png(moment if epochs else replace(moment, preview=None, before=None)))
        with Image.open(io.BytesIO(frames[-1])) as image:
            image.load()
            assert image.size == (1200, 750)
    assert len(set(frames)) == len(frames)


def test_a_search_that_told_nothing_yet_has_a_frame():
    moment = replace(make_moment(epochs=0), records=Records().arrays(), before=None, preview=None)
    curves = pane(show(moment), AlphaCurves)
    assert moment.now == 0 and [list(line.get_xdata()) for line in curves.lines] == [[0]] * 7


def test_a_frame_depends_on_its_moment_alone():
    early, late = make_moment(epochs=2), make_moment(epochs=6)
    board, fresh = Board(SPACE, EPOCHS), Board(SPACE, EPOCHS)
    first = board.png(early)
    board.png(late)
    assert board.png(early) == first == fresh.png(early)


def test_no_frame_adds_an_artist_or_a_line_of_background(monkeypatch):
    board = Board(SPACE, EPOCHS)
    moments = [make_moment(epochs=e, inside=inside) for e in (1, 3, 5) for inside in (False, True)]
    for moment in moments:
        board.png(moment)
    moving, all_ = len(board._blit.moving), everything(board)
    drawn = []
    draw = board._blit.canvas.draw
    monkeypatch.setattr(board._blit.canvas, "draw", lambda: (drawn.append(1), draw()))
    for n in range(300):
        # between two moments: nothing is reached that was not there
        moment = moments[5] if n else moments[4]
        board.show(replace(moment, alpha=moment.alpha + 1e-3 * np.sin(n), title=f"step {n}"))
        if n % 6 == 0:
            board._blit.pixels()
    assert len(board._blit.moving) == moving and everything(board) == all_
    assert len(drawn) <= 2  # the limits of the first frame, then none
    assert len(Stamp.pictures) <= 1000


# ---------------------------------------------------------------- what the panes say


def test_alpha_maps_hold_the_probabilities_and_frame_what_the_decoder_keeps():
    moment = make_moment()
    maps = pane(show(moment), AlphaMaps)
    p = decode.softmax(moment.alpha)
    assert [ax.get_title(loc="left") for ax in maps.axes] == ["α, layer 0", "α, layer 1"]
    assert [t.get_text() for t in maps.axes[0].get_yticklabels()] == edge_labels(SPACE)
    assert [t.get_text() for t in maps.axes[1].get_xticklabels()] == [
        op.code for op in OPS.values()
    ]
    for l, image in enumerate(maps.images):
        assert np.allclose(image.get_array(), p[l]) and image.cmap.name == "cividis"
        assert image.get_clim()[1] >= p.max() and image.get_clim()[0] == 0
        kept = winners(SPACE, p[l])
        assert [
            path.vertices[:4, 1].mean() for path in maps.frames[l].get_paths()
        ] == pytest.approx([e for e, _ in kept])
        assert said(maps.codes[l]) == [OPS[OP_NAMES[k]].code for _, k in kept]
        assert [s.get_position() for s in maps.codes[l]] == [(k, e) for e, k in kept]


def test_tied_alpha_has_one_map_and_one_edge_for_all_layers():
    space = SPACES["tied"]
    board = show(make_moment(space), space, layer=2, edge=3)
    assert [ax.get_title(loc="left") for ax in pane(board, AlphaMaps).axes] == ["α, all layers"]
    assert pane(board, AlphaCurves).title.get_text() == "α of edge h-2→1, all layers: probabilities"


def test_choose_shows_another_edge():
    moment = make_moment(inside=True)
    board = show(moment, layer=1, edge=4)
    curves = pane(board, AlphaCurves)
    for layer, edge in ((1, 4), (0, 2)):
        board.choose(layer, edge)
        board.show(moment)
        assert (
            curves.title.get_text()
            == f"α of edge {edge_labels(SPACE)[edge]}, layer {layer}: probabilities"
        )
        recorded = decode.softmax(moment.records["epoch/alpha"][:, layer, edge].astype(float))
        for k, line in enumerate(curves.lines):
            x, y = line.get_data()
            assert line.get_color() == style.op_colour(OP_NAMES[k])
            assert list(x) == [*range(7), 6 + 2 / PER] and np.allclose(y[:-1], recorded[:, k])
            assert y[-1] == pytest.approx(decode.softmax(moment.alpha)[layer, edge, k])
        pointers = [s.get_visible() for s in pane(board, AlphaMaps).pointer]
        assert pointers == [layer == 0, layer == 1]
    for layer, edge in ((2, 0), (0, 5), (-1, 0)):
        with pytest.raises(ValueError, match="must be from 0 to"):
            board.choose(layer, edge)


def test_letter_codes_stand_at_the_curves_ends_and_apart():
    curves = pane(show(make_moment(epochs=1)), AlphaCurves)  # all seven lie at 1/7
    assert said(curves.ends.texts) == [op.code for op in OPS.values()]
    heights = sorted(s.get_position()[1] for s in curves.ends.texts)
    assert min(b - a for a, b in pairwise(heights)) >= curves.ends.gap - 1e-9
    assert 0 <= heights[0] and heights[-1] <= 1
    low, high = curves.ax.get_ylim()
    assert np.mean(heights) == pytest.approx((1 / 7 - low) / (high - low), abs=0.02)


@pytest.mark.parametrize("name", ["paper", "incoming", "fixed path"])
def test_trellis_shows_every_weight_and_the_viterbi_path(name):
    space = SPACES[name]
    moment = make_moment(space)
    trellis = pane(show(moment, space), Trellis)
    weights = decode.normalise_beta(space, moment.beta)
    path, value = decode.viterbi(space, moment.beta)
    assert said(trellis.numbers) == [f"{w:.2f}" for w in weights]
    kind = "score" if name == "incoming" else "probability"
    assert (
        trellis.title.get_text() == f"β: width path {'-'.join(map(str, path))}, {kind} {value:.3g}"
    )
    bold = [m for m, s in zip(space.moves, trellis.numbers) if s.get_fontweight() == "bold"]
    assert [(m.source, m.target) for m in bold] == list(zip((0, *path), path))
    assert len(trellis.path.get_paths()) == space.layers + 1
    thick = [np.ptp(p.vertices[[0, -2]], axis=0).max() for p in trellis.arrows.get_paths()]
    level = [
        m.source == m.target for m in space.moves
    ]  # slanted shafts measure the same along their normal only
    order = np.argsort(weights[level], kind="stable")
    assert np.all(np.diff(np.array(thick)[level][order]) >= -1e-9)


def test_losses_show_steps_means_and_the_best_epoch():
    moment = make_moment(inside=True)
    losses = pane(show(moment), Losses)
    x, y = losses.means[0].get_data()
    assert np.allclose(x, np.arange(1, 8) - 0.5) and np.allclose(y, 0.3 / np.arange(1, 8))
    x, y = losses.means[1].get_data()
    assert np.allclose(x, np.arange(3, 8) - 0.5) and np.allclose(y, 0.6 / np.arange(3, 8))
    assert len(losses.steps[0].get_xdata()) == EPOCHS * PER + 2 and losses.steps[0].get_xdata()[
        -1
    ] == pytest.approx(6 + 2 / PER)
    assert losses.steps[1].get_xdata()[-1] == pytest.approx(6 + 1.5 / PER)
    assert said(losses.ends.texts) == ["W", "A"]
    assert losses.warmup.get_width() == WARMUP and list(losses.best.get_xdata()) == [5, 5]
    low, high = losses.ax.get_ylim()
    assert low <= 0.3 / 7 and high >= 0.3


def test_a_long_search_draws_no_more_steps_than_can_be_seen():
    moment = make_moment(epochs=1)
    many = {
        k: np.repeat(v, 4000) if k.startswith("step/") else v for k, v in moment.records.items()
    }
    many["step/iteration"] = np.arange(1, len(many["step/kind"]) + 1)
    losses = pane(show(replace(moment, records=many)), Losses)
    assert 2000 < len(losses.steps[0].get_xdata()) <= 4000
    assert losses.means[0].get_ydata()[0] == pytest.approx(0.3)


def test_scores_carry_a_star_at_the_best_epoch():
    moment = make_moment()
    scores = pane(show(moment), Scores)
    assert list(scores.curve.get_xdata()) == [4, 5, 6]
    assert np.allclose(scores.star.get_xydata(), [[5, 0.85]])
    assert (
        scores.title.get_text() == "score on V, ★ best epoch 5: 0.8500"
        and not scores.none.get_visible()
    )
    board = show(make_moment(epochs=3))
    scores = pane(board, Scores)
    assert scores.none.get_visible() and scores.title.get_text() == "score on V"
    assert (
        len(scores.curve.get_xdata()) == len(scores.star.get_xdata()) == 0
        and not scores.best.get_visible()
    )


def test_entropy_skips_and_flips():
    moment = make_moment()
    board, r = show(moment), moment.records
    lines = pane(board, Entropy).lines
    for key, line in lines.items():
        assert list(line.get_xdata()) == list(range(7)) and np.allclose(
            line.get_ydata(), r[f"epoch/{key}"]
        )
    assert list(lines) == ["alpha_entropy", "beta_entropy", "skip_share"] and said(
        pane(board, Entropy).ends.texts
    ) == ["α", "β", "skip"]
    bars = {segment[1][0]: segment[1][1] for segment in pane(board, Flips).bars.get_segments()}
    assert bars == {e: f for e, f in zip(r["epoch/epoch"], r["epoch/flips"]) if f} and bars
    assert pane(board, Flips).ax.get_ylim()[1] >= r["epoch/flips"].max()


def test_the_genotype_marks_what_is_new_by_sign_and_weight():
    moment = make_moment()
    cells = [[list(node) for node in cell] for cell in moment.genotype.cells]
    (op, source), kept = cells[1][0]
    cells[1][0] = [("skip" if op != "skip" else "conv_3x3", source), kept]
    path = (1 - moment.genotype.path[0], *moment.genotype.path[1:])
    before = replace(
        moment.genotype,
        cells=cells,
        path=path if abs(path[1] - path[0]) <= 1 else moment.genotype.path,
    )
    wiring = pane(show(replace(moment, before=before)), Wiring)
    edges = [(op, j) for cell in moment.genotype.cells for node in cell for op, j in node]
    assert said(wiring.codes) == [OPS[op].code for op, _ in edges]
    sources = said(wiring.sources)
    assert [n for n, s in enumerate(sources) if s.endswith("+")] == [
        4
    ]  # layer 1, node 0, first edge
    assert [n for n, s in enumerate(wiring.sources) if s.get_fontweight() == "bold"] == [4]
    widened = before.path[0] != moment.genotype.path[0]
    assert said(wiring.heads)[0].startswith("+ layer 0, width") == widened
    assert wiring.title.get_text() == f"genotype, + {1 + widened} new since last epoch"
    same = pane(show(replace(moment, before=None)), Wiring)
    assert same.title.get_text() == "genotype" and not any("+" in s for s in said(same.sources))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_patch_is_the_preview(channels):
    space = SPACES["sr"] if channels == 3 else SPACE
    moment = make_moment(space, channels=channels)
    patch = pane(show(moment, space), Patch)
    for n, name in ((0, "V patch, soft supernet"), (1, "by the decoded wiring")):
        image = patch.images[n]
        assert image.axes.get_title(loc="left") == name
        assert np.array_equal(image.get_array(), np.moveaxis(moment.preview[n], 0, -1).squeeze())
    none = pane(show(replace(moment, preview=None), space), Patch)
    assert said(none.missing) == ["no picture yet"] * 2 and not none.images[0].get_visible()


def test_the_figure_is_whole_when_it_is_saved():
    moment = make_moment()
    board = show(moment)
    before = board.png(moment)
    svg = io.StringIO()
    board.figure.savefig(svg, format="svg")
    vector = io.BytesIO()
    board.figure.savefig(vector, format="png", dpi=50)
    with Image.open(vector) as image:
        assert image.size == (600, 375)
    assert board.png(moment) == before  # drawing on goes on
    assert board._title.get_text() == "epoch 6 of 6" and svg.getvalue().count("<path") > 200


# ---------------------------------------------------------------- parts


def test_times_run_through_the_epochs():
    moment = make_moment(epochs=3, inside=True)
    kinds, times = moment.records["step/kind"], moment.times
    assert np.all(np.diff(times) > 0) and moment.now == times[-1] == pytest.approx(3 + 2 / PER)
    assert times[kinds == 0][:PER] == pytest.approx(np.arange(1, PER + 1) / PER)
    assert times[kinds == 1][0] == pytest.approx(2 + 0.5 / PER)
    assert make_moment(epochs=0).now == 0


@pytest.mark.parametrize(
    ("low", "high"), [(0, 4), (0, 0), (0.8098, 0.8386), (-3.0, 250.0), (7.0, 7.0), (1e-9, 2e-9)]
)
def test_ticks_hold_what_is_shown(low, high):
    ticks = ticks_between(low, high)
    assert ticks[0] <= low + 1e-12 and ticks[-1] >= high - 1e-12 and 2 <= len(ticks) <= 6
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])


@pytest.mark.parametrize(
    ("low", "high"), [(0.0014, 0.056), (1, 1), (1e-30, 3), (0.002, 0.002), (0.3, 1e20)]
)
def test_log_ticks_hold_what_is_shown(low, high):
    ticks = log_ticks_between(low, high)
    assert (
        ticks[0] <= max(low, 1e-12) * (1 + 1e-6)
        and ticks[-1] >= min(high, 1e12) * (1 - 1e-6)
        and np.all(np.diff(ticks) > 0)
    )
    assert len(ticks) >= 2


def test_quick_png_is_a_png():
    pixels = np.random.default_rng(0).integers(0, 256, (17, 23, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(quick_png(pixels))) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_a_stamp_is_the_text_that_matplotlib_draws():
    """The copied picture lies within a pixel of where matplotlib would have drawn the text."""
    from matplotlib.text import Text

    from hinas_lab.live.board.blit import Blit

    where = {
        "ha": "center",
        "va": "center",
        "fontsize": 11,
        "fontweight": "bold",
        "color": style.FRAME,
    }
    places = []
    for kind in (Stamp, Text):
        blit = Blit(200, 60)
        ax = blit.axes(0, 0, 200, 60, bare=True)
        blit.add(ax.add_artist(kind(100.3, 29.6, "genotype +3", transform=ax.transData, **where)))
        ink = 255.0 - blit.pixels()[..., 2]
        assert ink.sum() > 0
        places.append(
            [(ink.sum(axis) @ np.arange(ink.shape[1 - axis])) / ink.sum() for axis in (0, 1)]
        )
    assert np.abs(np.subtract(*places)).max() < 1
