"""The leak audit: is a test photograph, or a part of it, among the training photographs? No torch.

A leak hides behind another file format, a crop, another size, gray instead of colour, JPEG, noise,
other light, a mirror or a quarter turn. Every image is therefore reduced once, to a gray picture of
``SIDE**2`` pixels and some hundred described points (blobs of a scale space, Lowe 2004). Points
that look alike vote for a training picture and a placement; the best placements are then checked
pixel by pixel.

The line: the same photograph, not the same scene. Measured on BSDS500, 200 photographs changed in
18 ways (crops to a quarter, scales 1/4 to 4, JPEG 50, noise of sigma 25, brightness and contrast of
1.3, turns, all together): 3597 of 3600 placed, and all of these correlate at 0.86 or more. 1016
unrelated pairs at the best placement that even a single point proposes: 99 % below 0.28, the
highest 0.57. The two views of scikit-image's stereo pair: 0.63, as every point has moved by its own
amount. ``CORRELATION`` lies between. So another shot of a scene is not reported, unless its pixels
agree as those of one photograph do. Half of the 200 chose the constants; the other half did no
worse.

Not found: overlaps smaller than ``OVERLAP`` and ``LEAST`` say, turns by other angles (3 degrees are
too many), pictures of nearly nothing (too few points), stripes and checkerboards (every point is
like every other).
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter

from hinas_lab.images.datasets.catalog import load_image

SIDE = 256
"""a picture is resized to this number squared of pixels: what remains of a relative scale is only
what a crop makes of it"""
SMALLEST = 16
"pixels: an image with a shorter side is compared exactly only"
POINTS = 300
"described points a picture at most, strongest first"
VOTES = 3
"distinct points that must agree on a placement"
CANDIDATES = 6
"placements worked out for a test picture"
OVERLAP = 0.25
"the part of the smaller of two pictures that must lie on the other one"
LEAST = 0.1
"and of the larger one"
SAMPLES = 500
"pixels of the coarser picture in the overlap: fewer agree by chance"
CORRELATION = 0.8
"what the aligned pixels must reach"
FLAT = 2.0
"gray levels of 255: what varies less has little to compare"
TURNS = {
    (1, 0, 0, 1): "",
    (-1, 0, 0, 1): ", mirrored",
    (1, 0, 0, -1): ", upside down and mirrored",
    (-1, 0, 0, -1): ", upside down",
    (0, 1, -1, 0): ", turned right",
    (0, -1, 1, 0): ", turned left",
    (0, 1, 1, 0): ", turned right and mirrored",
    (0, -1, -1, 0): ", turned left and mirrored",
}
"matrix by rows -> in words: the test picture against the training picture"

# The scale space of Lowe 2004: sigma of an octave's first level, levels an octave, octaves.
_SIGMA, _LEVELS, _OCTAVES = 1.6, 3, 4
_PATCH = (np.arange(8) - 3.5) * 1.25
"8 x 8 samples around a point, in its sigmas"
_FREQUENCY = np.add.outer(np.arange(8), np.arange(8))
# The mean says nothing but the light, and the highest cosines are noise and JPEG.
_LOW = (_FREQUENCY > 0) & (_FREQUENCY < 8)
"the cosines of a patch that describe it: 35"


@dataclass(frozen=True, kw_only=True)
class Match:
    """A test image that shows what a training image shows."""

    train: str
    test: str
    kind: str
    "``exact``: same size and pixels (as RGB); ``perceptual``: the same photograph, changed"
    score: float
    "1 for exact, else the correlation of the aligned pixels, ``CORRELATION`` to 1"
    detail: str
    "one phrase for a reader"


@dataclass(frozen=True, eq=False)
class _Picture:
    """What remains of an image: enough to compare it exactly, by points and by pixels."""

    digest: bytes
    "of the pixels"
    size: tuple[int, int]
    "of the file: width, height"
    gray: np.ndarray | None
    "(h, w) float32 of about ``SIDE**2`` pixels; None: too small to compare"
    points: np.ndarray
    "(n, 3): x, y, sigma in pixels of ``gray``, the corner of the picture at (0, 0)"
    turns: np.ndarray
    """(n, 2, 2): the turn or mirror image that brings the patch of a point into its standard
    position"""
    codes: np.ndarray
    "(n, 35) float32 of length 1: the patch in standard position"

    @property
    def frame(self) -> np.ndarray:
        """Width, height of ``gray``."""
        return np.array(self.gray.shape[::-1], dtype=float)


@dataclass(frozen=True, eq=False)
class _Placement:
    """Point p of the test picture lies at ``scale * turn @ p + shift`` of the training picture."""

    scale: np.ndarray
    "of x and y, after turning"
    turn: np.ndarray
    shift: np.ndarray


def audit(
    train: dict[str, Path],
    test: dict[str, Path],
    *,
    progress: Callable[[list[str]], Iterable] = iter,
) -> list[Match]:
    """Every pair (training image, test image) that shows the same photograph, sorted by test and
    training name.

    ``train``, ``test``: name -> file. ``progress`` wraps the list of names, once for each side, as
    ``tqdm`` does. The answer depends neither on the order of the names nor on the threads. Images
    with a side below ``SMALLEST`` are compared exactly only.

    Raises ValueError when a side is empty, or in one line that names a file that cannot be read.
    """
    if not train or not test:
        raise ValueError(f"nothing to audit: {len(train)} training and {len(test)} test images")
    train_names, test_names = sorted(train), sorted(test)
    matches = []
    # each thread holds one decoded image; numpy, scipy and Pillow release the lock
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        pictures = pool.map(lambda name: _picture(train[name]), train_names)
        index = _Index(dict(zip(progress(train_names), pictures)))
        by_test = pool.map(lambda name: index.matches(name, _picture(test[name])), test_names)
        for _, matches_of_test in zip(progress(test_names), by_test):
            matches += matches_of_test
    return sorted(matches, key=lambda match: (match.test, match.train))


def _picture(path: Path) -> _Picture:
    pixels = load_image(path, 3)
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(np.ascontiguousarray(pixels)).digest()
    if min(width, height) < SMALLEST:
        nothing = np.zeros((0, 3)), np.zeros((0, 2, 2)), np.zeros((0, _LOW.sum()), np.float32)
        return _Picture(digest, (width, height), None, *nothing)
    gray = Image.fromarray(pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))
    factor = SIDE / np.sqrt(width * height)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    gray = np.asarray(gray.resize(size, Image.Resampling.BICUBIC))
    return _Picture(digest, (width, height), gray, *_describe(gray))


def _describe(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, turns and codes of a picture: extrema of the difference of Gaussians whose patch lies
    inside the picture."""
    points, patches, strength = [np.zeros((0, 3))], [np.zeros((0, 8, 8))], [np.zeros(0)]
    # a camera's picture has a blur of about 0.5 pixels already
    image, pixel = gaussian_filter(gray, np.sqrt(_SIGMA**2 - 0.5**2)), 1
    sigmas = _SIGMA * 2 ** (np.arange(_LEVELS + 3) / _LEVELS)
    for _ in range(_OCTAVES):
        levels = [image]
        for before, after in zip(sigmas, sigmas[1:]):
            levels.append(gaussian_filter(levels[-1], np.sqrt(after**2 - before**2)))
        stack = np.stack(levels)
        response = np.abs(np.diff(stack, axis=0))
        # 0.3 of 255: below it is rounding
        peaks = (response == maximum_filter(response, 3)) & (response > 0.3)
        peaks[[0, -1]] = False  # these have one neighbour in scale only
        level, y, x = np.nonzero(peaks)
        reach = np.abs(_PATCH[0]) * sigmas[level]
        height, width = image.shape
        inside = (reach <= y + 1) & (y + reach <= height)
        inside &= (reach <= x + 1) & (x + reach <= width)
        level, y, x = level[inside], y[inside], x[inside]
        offsets = sigmas[level, None] * _PATCH
        rows, columns = y[:, None] + offsets, x[:, None] + offsets
        where = np.broadcast_arrays(level[:, None, None], rows[:, :, None], columns[:, None, :])
        points.append(np.column_stack([x * pixel + 0.5, y * pixel + 0.5, sigmas[level] * pixel]))
        patches.append(map_coordinates(stack, where, order=1, mode="nearest"))
        strength.append(response[level, y, x])
        # the level of twice the first sigma, at half the size, begins the next octave
        image, pixel = stack[_LEVELS][::2, ::2], 2 * pixel
        if min(image.shape) < SMALLEST:
            break
    best = np.argsort(-np.concatenate(strength), kind="stable")[:POINTS]
    return np.concatenate(points)[best], *_standard_position(np.concatenate(patches)[best])


def _standard_position(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns (n, 2, 2) and codes (n, 35): mirrored and transposed until the patch rises to the right
    and down, and more to the right."""
    # among cosines a mirror image is a change of sign of the odd waves
    waves = dctn(patches, axes=(1, 2), norm="ortho")
    sign_x = np.where(waves[:, 0, 1] < 0, -1.0, 1.0)
    sign_y = np.where(waves[:, 1, 0] < 0, -1.0, 1.0)
    waves[:, :, 1::2] *= sign_x[:, None, None]
    waves[:, 1::2] *= sign_y[:, None, None]
    steep = waves[:, 1, 0] > waves[:, 0, 1]
    waves[steep] = waves[steep].transpose(0, 2, 1)
    turns = np.stack([sign_x, sign_y], axis=1)[:, :, None] * np.eye(2)
    turns[steep] = turns[steep][:, ::-1]
    codes = waves[:, _LOW]
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    return turns, (codes / lengths.clip(1e-6)).astype(np.float32)


class _Index:
    """All training pictures, to be asked with one test picture at a time."""

    def __init__(self, pictures: dict[str, _Picture]):
        self.pictures = pictures
        self.names = list(pictures)
        self.copies = defaultdict(list)
        for name, picture in pictures.items():
            self.copies[picture.size, picture.digest].append(name)
        self.owner = np.repeat(np.arange(len(pictures)), [len(p.points) for p in pictures.values()])
        "number of the picture that a point lies in"
        self.points = np.concatenate([p.points for p in pictures.values()])
        self.turns = np.concatenate([p.turns for p in pictures.values()])
        self.codes = np.concatenate([p.codes for p in pictures.values()])

    def matches(self, name: str, test: _Picture) -> list[Match]:
        """All training pictures that the test picture ``name`` shows, too."""
        matches = {}
        for train in self.copies.get((test.size, test.digest), []):
            matches[train] = Match(
                train=train, test=name, kind="exact", score=1.0, detail="same pixels"
            )
        # A point votes for one training picture only: ask again without those that are found, as
        # training may hold copies.
        while True:
            more = {}
            for train, placement in self.candidates(test, matches):
                confirmed = train not in more and _confirm(self.pictures[train], test, placement)
                if confirmed:
                    score, detail = confirmed
                    more[train] = Match(
                        train=train, test=name, kind="perceptual", score=score, detail=detail
                    )
            if not more:
                return list(matches.values())
            matches |= more

    def candidates(
        self, test: _Picture, without: Container[str]
    ) -> Iterator[tuple[str, _Placement]]:
        """Training names with the placements that most points agree on, likeliest first."""
        excluded = [i for i, name in enumerate(self.names) if name in without]
        taken = np.flatnonzero(np.isin(self.owner, excluded))
        if len(taken) == len(self.codes) or not len(test.codes):
            return
        likest = self.likest(test.codes, taken)
        points, others = self.points[likest], test.points
        turns = self.turns[likest].transpose(0, 2, 1) @ test.turns
        # one number for a picture and a turn: four digits of -1, 0 or 1 are 0 to 80
        turn_number = (turns.reshape(-1, 4) @ [27, 9, 3, 1] + 40).astype(int)
        group = 81 * self.owner[likest] + turn_number
        for number in _ranked(points, others, turns, group, test.frame / 2):
            votes = group == number
            placement = _place(points[votes], others[votes], turns[votes][0])
            if placement:
                yield self.names[number // 81], placement

    def likest(self, codes: np.ndarray, taken: np.ndarray) -> np.ndarray:
        """For every one of ``codes`` the row of the likest training code that is not among the rows
        ``taken``."""
        best = []
        rows = max(1, 8_000_000 // len(self.codes))  # 32 MB of products at a time
        for first in range(0, len(codes), rows):
            likeness = codes[first : first + rows] @ self.codes.T
            likeness[:, taken] = -2  # below any cosine
            best.append(likeness.argmax(1))
        return np.concatenate(best)


def _ranked(
    points: np.ndarray, others: np.ndarray, turns: np.ndarray, group: np.ndarray, centre: np.ndarray
) -> np.ndarray:
    """The groups with most votes for one rough placement, at least ``VOTES``: a Hough transform
    over scale and shift."""
    scale = points[:, 2] / others[:, 2]
    # of the test picture's centre, in its pixels
    shift = points[:, :2] / scale[:, None] - _turned(turns, others[:, :2] - centre)
    bins = np.column_stack([shift / (SIDE / 2), 2 * np.log2(scale)]).clip(-15, 15) + 16
    most = np.zeros(group.max() + 1, dtype=int)
    for half in np.ndindex(2, 2, 2):  # bins overlap by half: no placement falls between two
        x, y, size = (bins + np.array(half) / 2).astype(int).T
        cells, votes = np.unique(((group * 32 + x) * 32 + y) * 32 + size, return_counts=True)
        np.maximum.at(most, cells // 32**3, votes)
    best = np.argsort(-most, kind="stable")[:CANDIDATES]
    return best[most[best] >= VOTES]


def _turned(turn: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(..., 2, 2) applied to (..., 2)."""
    return (turn @ xy[..., None])[..., 0]


def _place(points: np.ndarray, others: np.ndarray, turn: np.ndarray) -> _Placement | None:
    """The placement with most points in agreement, fitted to them; None when fewer than ``VOTES``
    distinct ones agree."""
    at, sigma, there = points[:, :2], points[:, 2], others[:, :2] @ turn.T
    scales = sigma / others[:, 2]
    shifts = at - scales[:, None] * there
    # every vote as a placement (rows) against every vote as a witness (columns); the error of a
    # scale grows with the distance
    error = _length(at - scales[:, None, None] * there - shifts[:, None])
    apart = _length(at - at[:, None])
    agree = (error < 1.5 * sigma + 0.15 * apart) & _same(scales, scales[:, None])
    chosen = agree.sum(1).argmax()
    inside, scale = agree[chosen], scales[chosen]
    for _ in range(3):
        mean, mean_there = at[inside].mean(0), there[inside].mean(0)
        spread = there[inside] - mean_there
        variance = (spread**2).sum()
        if variance > 25:  # pixels squared: points in one place say nothing about the scale
            fitted = ((at[inside] - mean) * spread).sum() / variance
            scale = np.clip(fitted, scales[chosen] / 1.5, scales[chosen] * 1.5)
        shift = mean - scale * mean_there
        closer = (_length(at - scale * there - shift) < sigma + 1) & _same(scales, scale)
        if not closer.any():
            return None
        inside = closer
    # a blob counts once, whatever its scales: points are distinct when they fall into different
    # squares of 4 pixels
    distinct = min(len(np.unique(p[inside, :2] // 4, axis=0)) for p in (points, others))
    return _Placement(np.full(2, scale), turn, shift) if distinct >= VOTES else None


def _length(vectors: np.ndarray) -> np.ndarray:
    """(..., 2) -> (...)."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def _same(scale: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(np.log(scale / other)) < np.log(1.5)


def _confirm(train: _Picture, test: _Picture, placement: _Placement) -> tuple[float, str] | None:
    """Correlation and detail where the two pictures overlap, aligned to a fraction of a pixel;
    None: not the same photograph.

    Compared at the resolution of the coarser one, without what is smoother than five samples
    (light, sky, vignettes).
    """
    scale, turn = placement.scale, placement.turn
    low, high = (corner.clip(0, train.frame) for corner in _corners(test, placement))
    box = high - low
    grain = max(
        1,
        *scale,
        *(train.frame / train.size),
        *(scale * np.abs(_turned(turn, test.frame / test.size))),
        box.max() / 128,
    )
    nodes = np.floor(box / grain).astype(int)
    areas = sorted([train.frame.prod(), (scale * test.frame).prod()])
    if nodes.prod() < SAMPLES or box.prod() < OVERLAP * areas[0] or box.prod() < LEAST * areas[1]:
        return None
    score, placement = _align(train, test, placement, low, box, nodes)
    if score < CORRELATION or not _same(*placement.scale):
        return None
    return min(score, 1.0), _detail(train, test, placement)


def _align(
    train: _Picture,
    test: _Picture,
    placement: _Placement,
    low: np.ndarray,
    box: np.ndarray,
    nodes: np.ndarray,
) -> tuple[float, _Placement]:
    """The best correlation on a grid of ``nodes`` (across, down) in the box of the training
    picture, and the placement that has it: Gauss-Newton for scale and shift along with gain and
    brightness (Lucas and Kanade 1981)."""
    turn, centre, step = placement.turn, low + box / 2, box / nodes
    across = (np.arange(nodes[0]) + 0.5) * step[0] + low[0]
    down = (np.arange(nodes[1]) + 0.5) * step[1] + low[1]
    grid = np.stack(np.meshgrid(across, down), axis=-1)
    # blurred first, as sampling every ``step`` pixels would fold finer detail into coarse one
    wanted = _sampled(gaussian_filter(train.gray, 0.8 * step.max()), grid)
    blurred = gaussian_filter(test.gray, 0.8 * step.max() / placement.scale.mean())
    zoom, offset = 1 / placement.scale, (centre - placement.shift) / placement.scale
    best = (0.0, zoom, offset)
    for _ in range(10):
        theirs = _sampled(blurred, _turned(turn.T, zoom * (grid - centre) + offset))
        if min(wanted.std(), theirs.std()) < 0.1:  # flat, beside the 1 of a picture of detail
            break
        correlation = float(np.corrcoef(wanted.ravel(), theirs.ravel())[0, 1])
        if correlation > best[0]:
            best = (correlation, zoom, offset)
        slopes = np.stack(np.gradient(theirs)[::-1], axis=-1) / step / zoom
        columns = [
            theirs[..., None],
            np.ones_like(theirs)[..., None],
            slopes,
            slopes * (grid - centre),
        ]
        matrix = np.concatenate(columns, axis=2).reshape(wanted.size, 6)
        gain, _, *change = np.linalg.lstsq(matrix, wanted.ravel())[0]
        if gain < 0.05:
            break
        change = np.array(change) / gain
        # no step farther than the linear model holds
        limit = 2 * step / placement.scale
        offset = offset + change[:2].clip(-limit, limit)
        zoom = zoom + change[2:].clip(-0.03 * zoom, 0.03 * zoom)
        if (np.abs(change[:2]) < 0.01 * limit).all():
            break
    score, zoom, offset = best
    return score, _Placement(1 / zoom, turn, centre - offset / zoom)


def _sampled(gray: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(rows, columns) at the points (rows, columns, 2), less what is smooth, and of equal contrast
    everywhere: else one dark dog on snow is every other dark blob."""
    values = map_coordinates(gray, [xy[..., 1] - 0.5, xy[..., 0] - 0.5], order=1, mode="nearest")
    values = values - gaussian_filter(values, 5)
    return values / np.sqrt(gaussian_filter(values**2, 5) + FLAT**2)


def _corners(test: _Picture, placement: _Placement) -> tuple[np.ndarray, np.ndarray]:
    """Where the test picture lies in the training picture: the lowest x, y and the highest."""
    corners = placement.scale * _turned(placement.turn, np.array([[0, 0], test.frame]))
    corners = corners + placement.shift
    return corners.min(0), corners.max(0)


def _detail(train: _Picture, test: _Picture, placement: _Placement) -> str:
    """Which part of which, in pixels of the files; how large, how turned."""
    low, high = _corners(test, placement)
    unscaled = (np.array([[0, 0], train.frame]) - placement.shift) / placement.scale
    within_test = np.sort(_turned(placement.turn.T, unscaled), axis=0)
    near = 0.01 * (high - low)  # an edge closer than this counts as met
    test_inside = ((low > -near) & (high < train.frame + near)).all()
    train_inside = ((low < near) & (high > train.frame - near)).all()
    if test_inside and train_inside:
        text = "the whole picture"
    elif test_inside:
        text = f"test is a crop of train ({_pixels(low, high, train)})"
    elif train_inside:
        text = f"train is a crop of test ({_pixels(*within_test, test)})"
    else:
        text = f"test shares a part of train ({_pixels(low, high, train)})"
    # in pixels of the files: both were resized to the same number of pixels
    shrunk_test = np.prod(test.size) / test.frame.prod()
    shrunk_train = np.prod(train.size) / train.frame.prod()
    scale = np.sqrt(shrunk_test / shrunk_train / placement.scale.prod())
    return text + f", scale {scale:.2f}" + TURNS[tuple(placement.turn.astype(int).ravel())]


def _pixels(low: np.ndarray, high: np.ndarray, picture: _Picture) -> str:
    """A box of ``gray`` in pixels of the file, the last one included."""
    to_file = picture.size / picture.frame
    box = (np.array([low, high]).clip(0, picture.frame) * to_file).round().astype(int)
    (left, top), (right, bottom) = box
    return f"x {left}..{right - 1}, y {top}..{bottom - 1}"
