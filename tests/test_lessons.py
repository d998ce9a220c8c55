"""The toys against automatic differentiation; questions and exercises against right, wrong and impossible answers."""

import numpy as np
import pytest
import torch

from hinas_lab.lessons.toys import RULES, Chase, Share, descend, gradient, one_step

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
    for loss, by in ((toy.train, (toy.train_w, toy.train_a)), (toy.valid, (toy.valid_w, toy.valid_a))):
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
    assert gradient(toy, "exact", w, a) == pytest.approx(grad(toy.valid(best, A), A).item(), abs=1e-9)


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
    assert gradient(toy, "first order", w, a, xi) == pytest.approx(grad(toy.valid(W, A), A).item(), abs=1e-12)


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
    exact, first = gradient(toy, "exact", 0.0, a), gradient(toy, "first order", toy.best_response(a), a)
    r = decay / (1 + decay)
    assert (exact, first) == (pytest.approx(r**2 * (a - 1)), pytest.approx(r * (a - 1)))
    assert np.sign(exact) == np.sign(first) == np.sign(a - 1)


@pytest.mark.parametrize("rule", RULES)
def test_descent_finds_the_solution_or_stands_still(rule):
    w, a = descend(Chase(), rule, steps=3000)
    assert w.shape == a.shape == (3001,) and (w[0], a[0]) == (0.0, -1.0)
    if rule == "first order":
        assert (a == -1).all() and w[-1] == pytest.approx(-1)  # the weight obeys, the architecture never learns
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
