"""Exercises in code: a function that a student wrote, run on seeded inputs and compared with the
package's own.

An exercise is a generator of cases, each the arguments and what the package returns for them, under
the decorator ``exercise``.
"""

import copy
import math
import random
import textwrap
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from hinas_book.lessons.made_up import outgoing, trap
from hinas_book.lessons.questions import Shown, brief, find, generator, quoted, student_name
from hinas_lab.config import SearchSpace
from hinas_lab.images.degrade import add_noise
from hinas_lab.images.metrics import psnr
from hinas_lab.space import decode
from hinas_lab.space.ops import OP_NAMES

EXERCISES: dict[str, "Exercise"] = {}


@dataclass(frozen=True)
class Exercise:
    """``cases`` yields (arguments by name, expected result); ``within``: how far off numbers may
    be."""

    id: str
    call: str
    cases: Callable[[random.Random], Iterator[tuple[dict, object]]]
    within: float


def exercise(id: str, call: str, within: float = 1e-6):
    """Register the generator of cases below as exercise ``id``; ``call``: what is asked for, as it
    is called."""

    def register(cases):
        EXERCISES[id] = Exercise(id, call, cases, within)
        return cases

    return register


def check_function(id: str, function=..., student="") -> Shown:
    """Run ``function`` on the seeded cases of exercise ``id``; shows itself: right, or the first
    input on which it differs and how.

    Whatever the function does or returns, nothing raises. ``...``, None and a function that returns
    None: not answered yet. An unknown id is a ValueError.
    """
    e = find(id, EXERCISES, "exercise")
    if function is None or function is ...:
        return Shown(id, "not answered yet", f"Write {e.call}.")
    if not callable(function):
        text = f"Expected the function itself, {e.call}, not {brief(function)}."
        return Shown(id, "cannot be read", text)
    cases = e.cases(generator(id, student_name(student)))
    for n, (arguments, expected) in enumerate(cases, 1):
        difference = ""
        try:
            # copies: it may change what it gets
            got = function(*copy.deepcopy(list(arguments.values())))
        except NotImplementedError:
            got = None
        except (Exception, SystemExit) as error:
            got = error
            difference = f"it raised {_raised(error, function)}; expected {_value(expected)}."
        if n == 1 and (got is None or got is ...):
            return Shown(id, "not answered yet", f"It returned nothing. Write {e.call}.")
        if not difference and not _agrees(got, expected, e.within):
            difference = f"expected {_value(expected)}, got {_value(got)}."
        if difference:
            lines = [_argument(name, value) for name, value in arguments.items()]
            # the empty lines between the planes of an array too, or the block would end there
            block = textwrap.indent("\n".join(lines), "    ", lambda line: True)
            return Shown(id, "not yet", f"On input {n}:\n\n{block}\n\n{difference}")
    return Shown(id, "right", f"It agrees with the package on all {n} inputs.")


def _agrees(got, expected, within: float) -> bool:
    """Nested lists, tuples and arrays of numbers and words; shapes must agree, lists may stand for
    tuples and arrays."""
    try:
        if isinstance(expected, np.ndarray):
            got = np.asarray(got, dtype=np.float64)
            # allclose alone would broadcast
            close = got.shape == expected.shape and np.allclose(got, expected, rtol=0, atol=within)
            return bool(close)
        if isinstance(expected, tuple):
            pairs = zip(got, expected)
            return len(got) == len(expected) and all(_agrees(*pair, within) for pair in pairs)
        # equal first: the difference of two infinities is nan
        if isinstance(expected, float) and got != expected:
            return abs(float(got) - expected) <= within
        return bool(got == expected)
    except Exception:  # a result may be any object
        return False


def _argument(name: str, value) -> str:
    """``name = value``; small arrays in full."""
    head = f"{name} = "
    if not isinstance(value, np.ndarray) or value.size > 200:
        return head + _value(value).strip("`")
    return head + np.array2string(
        value, precision=3, suppress_small=True, max_line_width=110, prefix=head
    )


def _value(value) -> str:
    """A short text for any result; of arrays the corners."""
    if not isinstance(value, np.ndarray):
        return brief(value, 300)
    shape = f"of shape {value.shape}"
    try:
        text = np.array2string(value, precision=4, suppress_small=True, threshold=16, edgeitems=2)
        return f"{quoted(text, 200)} {shape}"
    except Exception:  # an array of objects may refuse to be shown
        return f"an array {shape}"


def _raised(error: BaseException, function) -> str:
    """The exception, and the line of the student's own code in which it came up."""
    try:
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        file = function.__code__.co_filename
    except AttributeError:  # a class, a partial: no line of its own
        return text
    except Exception:  # an exception may refuse to say anything
        return type(error).__name__
    # the last one: deeper frames are the package's, or numpy's
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == file:
            return f"{text} (line {frame.lineno} of the cell)"
    return text


def _alphas(rng: random.Random, *shape: int) -> np.ndarray:
    values = [rng.gauss(0, 1.5) for _ in range(math.prod(shape))]
    return np.reshape(values, shape)


@exercise(
    "ex01.softmax",
    "`softmax(x)`: an array of any shape -> the same shape, softmax over the last axis",
)
def softmax(rng):
    for shape in [(7,), (3, 7), (2, 5, 7)] * 3:
        x = _alphas(rng, *shape)
        yield {"x": x}, decode.softmax(x)
    x = _alphas(rng, 7) + 1000  # exp overflows unless the largest is subtracted first
    yield {"x": x}, decode.softmax(x)


@exercise(
    "ex01",
    "`decode_cell(alpha, nodes)`: alphas (E, 7) -> for each node its two kept edges (operation, "
    "source), lower source first",
)
def decode_cell(rng):
    for nodes in [1, 2, 3, 4] * 6:
        space = SearchSpace(layers=1, nodes=nodes)
        alpha = _alphas(rng, len(space.edges), len(OP_NAMES))
        alpha[:, -1] += 1.5  # `none` often has the largest alpha
        yield {"alpha": alpha, "nodes": nodes}, decode.decode_cell(space, decode.softmax(alpha))


def _dense(space: SearchSpace, weights: np.ndarray) -> np.ndarray:
    """The weights of the moves as (L, 3, 3): layer, from, to; zero where there is no move."""
    dense = np.zeros((space.layers, 3, 3))
    layers, sources, targets = zip(*space.moves)
    dense[layers, sources, targets] = weights
    return dense


@exercise(
    "ex02.path",
    "`path_probability(weights, path)`: weights[l, k, i] of the move into layer l from width k to "
    "width i -> the probability of the path from width 0",
)
def path_probability(rng):
    for layers in [1, 2, 3, 4] * 3:
        space = SearchSpace(layers=layers)
        weights = outgoing(rng, space)
        path, p = rng.choice(decode.k_best_paths(space, np.log(weights), 100))
        yield {"weights": _dense(space, weights), "path": path}, p


@exercise(
    "ex02",
    "`viterbi(weights)`: weights[l, k, i] of the move into layer l from width k to width i -> the "
    "path of the largest product from width 0, one width a layer",
)
def viterbi(rng):
    for layers in [2, 3, 4, 5] * 5:
        space, weights = trap(rng, layers)
        yield {"weights": _dense(space, weights)}, decode.viterbi(space, np.log(weights))[0]


@exercise(
    "ex03",
    "`psnr(image, truth)`: two arrays in [0, 1] -> dB; `inf` when they are equal",
    within=1e-3,
)
def psnr_of(rng):
    for shape in [(4, 5), (8, 6), (5, 4, 3)] * 3:
        truth = np.abs(np.sin(_alphas(rng, *shape)))
        image = truth + 0.1 * rng.random() * _alphas(rng, *shape)
        yield {"image": image, "truth": truth}, psnr(image, truth)
    yield {"image": truth, "truth": truth}, psnr(truth, truth)


@exercise(
    "ex03.average",
    "`averaged_psnr(clean, sigma, k, rng)`: add k independent noises (sigma on the 0-255 scale, "
    "from the numpy generator `rng`) to `clean` in [0, 1], average the k noisy pictures, return "
    "the PSNR of the average in dB",
    within=0.3,
)
def averaged_psnr(rng):
    for sigma, k in [(50, 1), (50, 4), (25, 2), (70, 9), (10, 5), (30, 16)]:
        clean = np.tile(np.linspace(0, 1, 128), (128, 1)) * rng.uniform(0.5, 1)
        # a field of its own for each copy: the same one would not average out
        seeds = [rng.randrange(2**31) for _ in range(k)]
        noisy = [add_noise(clean, float(sigma), seed, i) for i, seed in enumerate(seeds)]
        own = np.random.default_rng(rng.randrange(2**31))
        arguments = {"clean": clean, "sigma": sigma, "k": k, "rng": own}
        yield arguments, psnr(np.mean(noisy, axis=0), clean)
