"""The toys against automatic differentiation; questions and exercises against right, wrong and
impossible answers."""

import random
import re
import subprocess
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

from hinas_book import lessons
from hinas_book.ch03_search.changed_once import single_changes
from hinas_book.ch03_search.toys import RULES, Chase, Share, descend, gradient, one_step
from hinas_book.lessons import questions
from hinas_book.lessons.exercises import EXERCISES
from hinas_book.lessons.questions import QUESTIONS, asks, solve, variant
from hinas_lab.config import SearchSpace
from hinas_lab.images.metrics import psnr
from hinas_lab.space.genotype import neighbours, sample

POINTS = [(0.0, -1.0, 0.1), (0.7, 0.3, 0.5), (-2.0, 1.0, 0.01), (1.0, 1.0, 0.9), (3.0, -0.5, 1.0)]
toys = pytest.mark.parametrize("toy", [Chase(), Share(), Share(decay=0.25)], ids=str)
points = pytest.mark.parametrize("w, a, xi", POINTS)


def leaf(x: float) -> torch.Tensor:
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


def grad(y: torch.Tensor, x: torch.Tensor, **kwargs) -> torch.Tensor:
    return torch.autograd.grad(y, x, **kwargs)[0]


@toys
@points
def test_first_derivatives_are_those_of_autograd(toy, w, a, xi):
    for loss, by in (
        (toy.train, (toy.train_w, toy.train_a)),
        (toy.valid, (toy.valid_w, toy.valid_a)),
    ):
        W, A = leaf(w), leaf(a)
        for mine, theirs in zip(by, torch.autograd.grad(loss(W, A), (W, A))):
            assert mine(w, a) == pytest.approx(theirs.item(), abs=1e-12)


@toys
@points
def test_the_exact_gradient_is_that_of_the_best_response(toy, w, a, xi):
    assert toy.train_w(toy.best_response(a), a) == pytest.approx(0, abs=1e-12)
    # w*(a) found by descent that autograd sees all of, not by the formula
    A = leaf(a)
    best = leaf(w)
    for _ in range(400):
        best = best - 0.5 * grad(toy.train(best, A), best, create_graph=True)
    assert gradient(toy, "exact", w, a) == pytest.approx(
        grad(toy.valid(best, A), A).item(), abs=1e-9
    )


@toys
@points
def test_one_step_ahead_is_autograd_through_the_step(toy, w, a, xi):
    W, A = leaf(w), leaf(a)
    ahead = W - xi * grad(toy.train(W, A), W, create_graph=True)
    assert one_step(toy, w, a, xi) == pytest.approx(ahead.item(), abs=1e-12)
    truth = grad(toy.valid(ahead, A), A).item()
    assert gradient(toy, "unrolled", w, a, xi) == pytest.approx(truth, abs=1e-12)
    assert gradient(toy, "finite differences", w, a, xi) == pytest.approx(truth, abs=1e-9)
    W, A = leaf(w), leaf(a)
    assert gradient(toy, "first order", w, a, xi) == pytest.approx(
        grad(toy.valid(W, A), A).item(), abs=1e-12
    )


@points
def test_the_chase_as_the_lesson_tells_it(w, a, xi):
    toy = Chase()
    assert gradient(toy, "exact", w, a) == pytest.approx(a - 1)
    assert gradient(toy, "first order", w, a) == 0
    assert gradient(toy, "unrolled", w, a, xi) == pytest.approx(xi * (w - xi * (w - a) - 1))


@pytest.mark.parametrize("a", [-1.0, 0.3, 2.0])
@pytest.mark.parametrize("decay", [0.25, 1.0])
def test_in_the_share_first_order_points_the_right_way(a, decay):
    toy = Share(decay)
    exact, first = (
        gradient(toy, "exact", 0.0, a),
        gradient(toy, "first order", toy.best_response(a), a),
    )
    r = decay / (1 + decay)
    assert (exact, first) == (pytest.approx(r**2 * (a - 1)), pytest.approx(r * (a - 1)))
    assert np.sign(exact) == np.sign(first) == np.sign(a - 1)


@pytest.mark.parametrize("rule", RULES)
def test_descent_finds_the_solution_or_stands_still(rule):
    w, a = descend(Chase(), rule, steps=3000)
    assert w.shape == a.shape == (3001,) and (w[0], a[0]) == (0.0, -1.0)
    if rule == "first order":
        assert (a == -1).all() and w[-1] == pytest.approx(
            -1
        )  # the weight obeys, the architecture never learns
    else:
        assert a[-1] == pytest.approx(1, abs=1e-4) and w[-1] == pytest.approx(1, abs=1e-4)
    w, a = descend(Share(), rule, steps=3000)
    assert a[-1] == pytest.approx(1, abs=1e-6) and w[-1] == pytest.approx(0, abs=1e-6)


def test_descent_alternates_and_looks_ahead_by_the_weight_step():
    w, a = descend(Chase(), "unrolled", w=0.5, a=-1.0, steps=1, lr_w=0.2, lr_a=0.3)
    new_a = -1.0 - 0.3 * 0.2 * (0.5 - 0.2 * 1.5 - 1)
    assert a[1] == pytest.approx(new_a) and w[1] == pytest.approx(0.5 - 0.2 * (0.5 - new_a))


def test_toys_take_arrays_and_refuse_unknown_rules():
    a = np.linspace(-1, 2, 7)
    for toy in (Chase(), Share()):
        for rule in RULES:
            alone = [gradient(toy, rule, 0.5, x) for x in a]
            np.testing.assert_allclose(gradient(toy, rule, 0.5, a), alone, atol=1e-12)
    with pytest.raises(ValueError, match="'second' *.*exact, first order"):
        gradient(Chase(), "second", 0, 0)


# questions

CHAPTERS = [f"{n:02}" for n in range(1, 13)]
NAMES = ["", "Ada", "Emmy", "Kurt", "Sofia", "李", "\udcff"]
each_question = pytest.mark.parametrize("id", QUESTIONS)


@pytest.fixture(autouse=True)
def no_tries_yet(monkeypatch):
    monkeypatch.setattr(questions, "_tries", {})


def number_in(text: str, pattern: str) -> float:
    return float(re.search(pattern, text)[1])


def test_every_notebook_has_its_questions():
    assert list(QUESTIONS) == sorted(QUESTIONS)
    for notebook in CHAPTERS:
        ids = [id for id in QUESTIONS if id.startswith(notebook)]
        assert len(ids) >= 3 and ids == [
            f"{notebook}.{letter}" for letter in "abcdefgh"[: len(ids)]
        ]


@each_question
def test_a_question_for_everyone(id):
    """Text and hints are filled in; the answer is right, the wrong beliefs are not, and hear what
    is wrong with them."""
    for name in NAMES:
        q, values, answer, remarks = variant(id, name)
        text = lessons.question(id, name).text
        assert "Answer with" in text and not re.search(r"[{}]|np\.float|array\(", text)
        assert len(q.hints) >= 2 and (q.within > 0) == isinstance(answer, float)
        verdict = lessons.check(id, answer, name)
        assert verdict and verdict.state == "right", (verdict, answer)
        for wrong, said in remarks:
            if not questions._same(wrong, answer, q.within):
                verdict = lessons.check(id, wrong, name)
                assert not verdict and said in verdict.text and "{" not in verdict.text


@each_question
def test_its_notebook_asks_it(id):
    """In a cell that waits for an answer, with the student's name."""
    (path,) = (Path(__file__).parents[2] / "notebooks").glob(f"{id[:2]}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    assert sources.count(f'check("{id}", ..., student=student)') == 1


@each_question
def test_everybody_has_numbers_of_their_own(id):
    texts = {lessons.question(id, f"student {i}").text for i in range(40)}
    assert len(texts) >= 2
    assert (
        lessons.question(id, "Ada")
        == lessons.question(id, "  ada ")
        == lessons.question(id, student="ADA")
    )
    assert lessons.question(id) == lessons.question(id, None) == lessons.question(id, ...)


def test_the_teachers_page_names_questions_that_exist(capsys):
    text = (Path(__file__).parents[2] / "docs" / "teaching.md").read_text("utf-8")
    # "01.a to 01.f" are six of them
    ranges = re.findall(r"\b([01]\d)\.([a-z]) to \1\.([a-z])\b", text)
    named = set(re.findall(r"\b[01]\d\.[a-z]\b", text))
    for notebook, first, last in ranges:
        named |= {f"{notebook}.{chr(x)}" for x in range(ord(first), ord(last) + 1)}
    assert named == QUESTIONS.keys(), named ^ QUESTIONS.keys()
    for notebook in CHAPTERS:
        assert f"{notebook}.a to {max(id for id in QUESTIONS if id.startswith(notebook))}" in text
    (command,) = re.findall(r'python -c "(.*QUESTIONS.*)"', text)
    exec(command, {})
    assert capsys.readouterr().out.splitlines() == [f"{id} {solve(id, 'Ada')}" for id in QUESTIONS]


class Awkward:
    """Raises whatever is done with it."""

    def __eq__(self, other):
        raise RuntimeError("compared")

    __bool__ = __len__ = __iter__ = __float__ = __repr__ = __str__ = __hash__ = __getattr__ = __eq__


class Unshown:
    def __repr__(self):
        raise RuntimeError("shown")


def endless():
    while True:
        yield 1


IMPOSSIBLE = [
    "three",
    "",
    "0-",
    float("nan"),
    float("inf"),
    -float("inf"),
    True,
    np.True_,
    1j,
    np.complex64(1),
    b"3",
    [],
    (),
    {},
    set(),
    [[]],
    [None],
    [0, "a"],
    np.array([]),
    np.arange(6),
    np.zeros((3, 3)),
    np.array(["a"]),
    np.array(np.nan),
    torch.zeros(2, 2),
    torch.tensor(float("nan")),
    object(),
    object,
    print,
    lessons,
    Awkward(),
    [Awkward()],
    endless(),
    range(10**9),
    10**400,
    np.array([object()]),
    "9" * 10**6,
    ...,
    None,
]


@each_question
def test_no_answer_raises(id):
    right = solve(id)
    for answer in IMPOSSIBLE:
        verdict = lessons.check(id, answer)
        assert not verdict
        if answer is None or answer is ...:
            assert verdict.state == "not answered yet" and verdict.text == lessons.question(id).text
        else:
            assert verdict.state == "cannot be read" or (
                isinstance(right, tuple) and verdict.state == "not yet"
            ), answer
        assert len(repr(verdict)) < 2000 and verdict._repr_markdown_().startswith(
            f"**{id}: {verdict.state}.**"
        )
    words = f"one of {', '.join(map(repr, QUESTIONS[id].options))}"
    kinds = {
        tuple: "a path such as",
        str: words,
        int: "a number such as 3",
        float: "a number such as 0.5",
    }
    assert kinds[type(right)] in lessons.check(id, Awkward()).text


def test_numbers_in_every_form():
    right = solve("01.a", "Ada")
    for answer in (
        right,
        float(right),
        np.int8(right),
        np.array(right),
        np.array([right]),
        torch.tensor(right),
        Fraction(right),
    ):
        assert lessons.check("01.a", answer, student="Ada")
    assert not lessons.check("01.a", right + 1, student="Ada") and not lessons.check(
        "01.a", right + 0.01, student="Ada"
    )
    path = solve("02.b", "Ada")
    for answer in (
        path,
        list(path),
        np.array(path),
        torch.tensor(path),
        "-".join(map(str, path)),
        str(path),
    ):
        assert lessons.check("02.b", answer, student="Ada")
    word = solve("01.b", "Ada")
    assert lessons.check("01.b", f" {word.upper()}", student="Ada") and lessons.check(
        "01.b", np.str_(word), student="Ada"
    )


def test_the_tolerance_is_the_one_stated():
    right, within = solve("05.c"), QUESTIONS["05.c"].within
    assert f"within {within:g}" in lessons.question("05.c").text
    assert lessons.check("05.c", right + 0.99 * within) and lessons.check(
        "05.c", right - 0.99 * within
    )
    assert (
        lessons.check("05.c", right + 1.01 * within).state
        == lessons.check("05.c", right - 1.01 * within).state
        == "not yet"
    )
    share = lessons.check("04.d", 100 * solve("04.d"))
    assert share.state == "not yet" and "between 0 and 1" in share.text


def test_hints_say_more_each_time_and_belong_to_one_student():
    hints = QUESTIONS["01.a"].hints
    for told in (1, 2, 3, 3):
        assert f"Hint {told} of 3: {hints[told - 1]}" in lessons.check("01.a", -1, "Ada").text
        lessons.check("01.a", ..., "Ada"), lessons.check("01.a", "x", "Ada")  # neither costs a try
    assert "Hint 1 of 3" in lessons.check("01.a", -1, "Emmy").text
    assert "len(SearchSpace" in lessons.check("01.a", -1, "Ada").text


def test_an_unknown_id_names_its_neighbours():
    for id, near in (
        ("3.b", "03.b"),
        ("01a", "01.a"),
        ("03.z", "03.a"),
        (None, "01.a"),
        (1.5, "1"),
    ):
        for call in (lessons.question, lambda i: lessons.check(i, 3)):
            with pytest.raises(ValueError, match=f"no question .*did you mean.*{near}"):
                call(id)
    with pytest.raises(ValueError, match="no exercise 'ex2'.*ex02"):
        lessons.check_function("ex2", print)
    with pytest.raises(ValueError, match="there twice"):
        asks("01.a", "again", "a", "b")(lambda rng: ({}, 1))


def test_answers_worked_out_another_way():
    """From the text that a student reads, by hand, for several students."""
    for name in NAMES:

        def text(id: str, name: str = name) -> str:
            return lessons.question(id, name).text.split("Answer with")[0]

        def numbers(id: str, text=text) -> list[float]:
            return [float(x) for x in re.findall(r"-?\d+\.\d+", text(id))]

        n = int(number_in(text("01.a"), r"has (\d+) nodes"))
        assert solve("01.a", name) == n * (n + 3) // 2
        row = dict(
            zip(
                ("conv_3x3", "sep_3x3", "sep_5x5", "dil_3x3", "dil_5x5", "skip", "none"),
                numbers("01.b"),
            )
        )
        assert row.pop("none") > max(row.values()) and solve("01.b", name) == max(row, key=row.get)
        before, after = numbers("01.f")
        assert solve("01.f", name) == pytest.approx(before / after)
        w, a = (number_in(text("03.a"), rf"{x} = (-?[\d.]+\d)") for x in "wa")
        assert solve("03.a", name) == pytest.approx(a - 1)
        w, a, xi = (number_in(text("03.b"), rf"{x} = (-?[\d.]+\d)") for x in ("w", "a", "xi"))
        assert solve("03.b", name) == pytest.approx(xi * (w - xi * (w - a) - 1))
        n = int(number_in(text("03.f"), r"Suppose (\d+) operations"))
        assert solve("03.f", name) == pytest.approx(np.log(n))
        p = np.exp(numbers("03.e"))
        assert solve("03.e", name) == pytest.approx(-(p / p.sum() * np.log(p / p.sum())).sum())
        (mse,) = [x for x in numbers("05.a") if x]
        assert solve("05.a", name) == pytest.approx(-10 * np.log10(mse))
        k = int(re.match(r"\d+", text("05.b"))[0])
        assert solve("05.b", name) == pytest.approx(10 * np.log10(k))
        a, b = numbers("05.e")[:2]
        assert solve("05.e", name) == pytest.approx((2 * a * b + 1e-4) / (a * a + b * b + 1e-4))
        h, w, s = (
            int(x) for x in re.search(r"of (\d+) x (\d+) pixels .* at x(\d)", text("06.c")).groups()
        )
        assert solve("06.c", name) == (h - h % s - 2 * s) * (w - w % s - 2 * s)
        s = int(number_in(text("06.b"), r"first by (\d)"))
        assert solve("06.b", name) == s * s
        n, (one, spread, two, same) = (
            int(number_in(text("10.a"), r"trained (\d+) times")),
            numbers("10.a")[:4],
        )
        assert spread == same and one > two
        assert solve("10.a", name) == pytest.approx(
            {3: 2.776, 4: 2.447, 5: 2.306}[n] * spread * (2 / n) ** 0.5, rel=1e-3
        )
        one, two, gain = numbers("10.b")
        assert solve("10.b", name) == pytest.approx(one - two - gain, abs=1e-3)
        best, count = 0.0, 0
        for _, value in sorted(
            (float(s), float(p)) for s, p in re.findall(r"([\d.]+) s +([\d.]+) dB", text("10.c"))
        ):
            best, count = max(best, value), count + (value > best)
        assert solve("10.c", name) == count


def test_paths_worked_out_another_way():
    """Viterbi, greedy, counts and chance levels by listing everything."""

    def steps(path) -> list[tuple[int, int]]:
        return list(zip((0, *path), path))

    def legal(layers: int, widths: int) -> list[tuple[int, ...]]:
        return [
            p
            for p in product(range(widths), repeat=layers)
            if all(abs(a - b) <= 1 for a, b in steps(p))
        ]

    def weight(path, weights: dict) -> float:
        return np.prod([weights[l, a, b] for l, (a, b) in enumerate(steps(path))])

    def chance(path, widths: int) -> float:
        """Of a walk that takes each legal step alike."""
        return np.prod([1 / sum(0 <= a + d < widths for d in (-1, 0, 1)) for a, _ in steps(path)])

    for name in NAMES:
        weights = {}
        for line in re.findall(r"into layer.*", lessons.question("02.b", name).text):
            l, k = map(int, re.match(r"into layer (\d), from width (\d)", line).groups())
            weights |= {(l, k, int(i)): float(x) for i, x in re.findall(r"to (\d): ([\d.]+)", line)}
        assert sum(weight(path, weights) for path in legal(3, 3)) == pytest.approx(1)
        assert solve("02.b", name) == max(legal(3, 3), key=lambda path: weight(path, weights))
        layers, widths = map(
            int,
            re.search(r"(\d) layers and (\d) widths", lessons.question("02.a", name).text).groups(),
        )
        assert solve("02.a", name) == len(legal(layers, widths))
        layers, widths = map(
            int,
            re.search(r"(\d) layers, (\d) widths", lessons.question("02.e", name).text).groups(),
        )
        assert solve("02.e", name) == pytest.approx(
            sum(chance(x, widths) for x in legal(layers, widths) if x[-1] == max(x))
        )
    assert (
        len(legal(3, 3)) == 12 and sum(x[-1] == max(x) for x in legal(3, 3)) == 8
    )  # 8 of 12, 69 %: the paper's supernet
    last_widest = sum(chance(x, 3) for x in legal(3, 3) if x[-1] == max(x))
    assert last_widest == pytest.approx(0.694, abs=1e-3)


def test_costs_counted_in_real_modules():
    from hinas_lab.space.layers import make_op

    def count(module) -> int:
        return sum(p.numel() for p in module.parameters())

    for name in NAMES:
        _, v, answer, _ = variant("01.d", name)
        convs = [
            m
            for m in make_op(v["op"], v["channels"], affine=False).modules()
            if isinstance(m, nn.Conv2d)
        ]
        assert answer == sum(map(count, convs))
        _, v, answer, _ = variant("04.b", name)
        old, new = (count(make_op(v[key], v["channels"], affine=True)) for key in ("old", "new"))
        assert answer == new - old
    assert {solve("04.c", f"{i}") for i in range(40)} >= {44}  # two layers of two nodes


def test_no_torch_until_it_is_needed():
    script = (
        "import sys; from hinas_book import lessons; lessons.check('02.b', (0, 0, 0)); "
        "lessons.check_function('ex02', print); "
        "print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.split()[-2:] == ["False", "False"]


# exercises in code


def my_softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def my_decode_cell(alpha, nodes, last=6, keep=2):
    names = ("conv_3x3", "sep_3x3", "sep_5x5", "dil_3x3", "dil_5x5", "skip", "none")
    p, cell, start = my_softmax(alpha), [], 0
    for node in range(nodes):
        rows = p[start : start + node + 2, :last]
        sources = sorted(np.argsort(-rows.max(-1))[:keep].tolist())
        cell.append([(names[rows[j].argmax()], j) for j in sources])
        start += node + 2
    return cell


def my_path_probability(weights, path):
    return float(np.prod([w[a, b] for w, a, b in zip(weights, (0, *path), path)]))


def my_viterbi(weights):
    best = {0: (1.0, ())}
    for w in weights:
        best = {
            i: max((p * w[k, i], (*path, i)) for k, (p, path) in best.items()) for i in range(3)
        }
    return max(best.values())[1]


def my_greedy(weights):
    path = [0]
    for w in weights:
        path.append(int(w[path[-1]].argmax()))
    return path[1:]


def my_psnr(image, truth):
    mse = np.mean((image - truth) ** 2)
    return 10 * np.log10(1 / mse) if mse else np.inf


def my_averaged_psnr(clean, sigma, k, rng):
    copies = [clean + sigma / 255 * rng.standard_normal(clean.shape) for _ in range(k)]
    return my_psnr(np.mean(copies, axis=0), clean)


def where() -> int:
    """The line of the caller."""
    return sys._getframe(1).f_lineno


RIGHT = {
    "ex01.softmax": my_softmax,
    "ex01": my_decode_cell,
    "ex02.path": my_path_probability,
    "ex02": my_viterbi,
    "ex03": my_psnr,
    "ex03.average": my_averaged_psnr,
}
WRONG = {
    "sum over the wrong axis": (
        "ex01.softmax",
        lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(0),
        "x = ",
    ),
    "overflow": (
        "ex01.softmax",
        lambda x: np.exp(np.minimum(x, 700)) / np.exp(np.minimum(x, 700)).sum(-1, keepdims=True),
        "x = ",
    ),
    "none kept": (
        "ex01",
        lambda alpha, nodes: my_decode_cell(alpha, nodes, last=7),
        "expected `((('",
    ),
    "three edges": ("ex01", lambda alpha, nodes: my_decode_cell(alpha, nodes, keep=3), "alpha = "),
    "sum of logs": (
        "ex02.path",
        lambda weights, path: np.log(my_path_probability(weights, path)),
        "path = (",
    ),
    "greedy": ("ex02", my_greedy, "weights = "),
    "with the start": ("ex02", lambda weights: (0, *my_viterbi(weights)), "got `(0, "),
    "generator": ("ex02", lambda weights: endless(), "got `<generator"),
    "awkward array": (
        "ex02",
        lambda weights: np.array([Unshown(), None]),
        "got an array of shape (2,)",
    ),
    "awkward": ("ex02", lambda weights: Awkward(), "expected `("),
    "raises": ("ex02", lambda weights: 1 // 0, "it raised ZeroDivisionError: "),
    "where": ("ex02", lambda weights: {}[0], f"KeyError: 0 (line {where()} of the cell)"),
    "leaves": ("ex02", lambda weights: sys.exit(3), "it raised SystemExit: 3"),
    "arguments": ("ex02", lambda: 1, "it raised TypeError: "),
    "natural log": ("ex03", lambda image, truth: my_psnr(image, truth) * np.log(10), "expected `"),
    "equal images": (
        "ex03",
        lambda image, truth: min(100.0, my_psnr(image, truth)),
        "expected `inf`, got `100.0`",
    ),
    "one noise": (
        "ex03.average",
        lambda clean, sigma, k, rng: my_averaged_psnr(clean, sigma, 1, rng),
        "k = 4",
    ),
    "nothing later": (
        "ex02",
        lambda weights: my_viterbi(weights) if len(weights) < 4 else None,
        "got `None`",
    ),
}


def test_every_exercise_is_tried():
    assert RIGHT.keys() == EXERCISES.keys() == {id for id, *_ in WRONG.values()}


@pytest.mark.parametrize("id", RIGHT)
def test_a_right_function_passes(id):
    for student in ("", "Ada", "Emmy"):
        verdict = lessons.check_function(id, RIGHT[id], student=student)
        assert verdict and verdict.state == "right", verdict


@pytest.mark.parametrize("why", WRONG)
def test_a_wrong_function_sees_the_input_that_shows_it(why):
    id, function, line = WRONG[why]
    verdict = lessons.check_function(id, function)
    assert not verdict and verdict.state == "not yet" and re.match(r"On input \d+:", verdict.text)
    assert line in verdict.text and len(verdict.text) < 3000


def test_a_function_is_not_written_yet():
    def todo(*args):
        raise NotImplementedError

    for nothing in (..., None, lambda *args: None, lambda *args: ..., todo):
        assert lessons.check_function("ex02", nothing).state == "not answered yet"
    for no_function in (3, "viterbi", (0, 1), Awkward()):
        assert lessons.check_function("ex02", no_function).state == "cannot be read"


def test_a_function_may_spoil_its_input():
    def spoiling(image, truth):
        value = my_psnr(image, truth)
        image[:], truth[:] = 0, 0
        return value

    assert lessons.check_function("ex03", spoiling)
    image = np.array([[0.0, 1.0]])
    assert my_psnr(image, 1 - image) == psnr(image, 1 - image) == 0


# their notebooks

EXERCISE_NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks" / "exercises").glob("*.ipynb"))
each_exercise_notebook = pytest.mark.parametrize(
    "path", EXERCISE_NOTEBOOKS, ids=lambda path: path.stem
)


@each_exercise_notebook
def test_an_exercise_notebook_is_unanswered(path):
    nb = nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert nb.metadata.kernelspec.name == "python3" and nb.cells[0].cell_type == "markdown"


def test_every_exercise_has_its_notebook():
    text = "".join(path.read_text("utf-8") for path in EXERCISE_NOTEBOOKS)
    assert {id for id in EXERCISES if f'check_function(\\"{id}\\"' in text} == EXERCISES.keys()


@pytest.mark.notebook
@each_exercise_notebook
def test_an_untouched_exercise_runs(path, tmp_path):
    import runpy

    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "store_notebooks.py"))
    nb = nbformat.read(path, as_version=4)
    tool["execute"](nb, cwd=tmp_path, preset="tiny", seconds_per_cell=120)
    shown = "".join(
        output.get("data", {}).get("text/plain", "")
        for cell in nb.cells
        for output in cell.get("outputs", [])
    )
    assert "not answered yet" in shown and "not yet." not in shown and "cannot be read" not in shown


def test_a_path_as_text_keeps_its_signs():
    def read(text: str):
        return questions._read(text, (0, 0, 0), ())

    assert (
        read("1-2-2") == read("(1, 2, 2)") == read("1 -> 2 -> 2") == read(" [1,2,2]") == (1, 2, 2)
    )
    assert read("0, -1, 1") == (0, -1, 1)
    for wrong in ("0.5, 1, 2", "none", ""):
        with pytest.raises(ValueError):
            read(wrong)


def test_single_changes_are_sorted_by_what_they_cost():
    """The worst first, each in words and against the genotype itself."""
    g = sample(SearchSpace(layers=2, nodes=2, width=4), random.Random(0))

    def skips(genotype) -> dict[str, float]:
        every = [op for cell in genotype.cells for node in cell for op, _ in node]
        return {"score": float(every.count("skip"))}

    changes = single_changes(g, skips)
    assert len(changes) == len(list(neighbours(g)))
    differences = [difference for _, difference in changes]
    assert differences == sorted(differences) and set(differences) <= {-1, 0, 1}
    assert "-> skip" in changes[-1][0] and differences[-1] == 1
