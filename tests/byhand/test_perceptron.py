"""The two perceptron rules by hand."""

import numpy as np

from parnassus.byhand.perceptron import perceptron_epochs, perceptron_output, perceptron_rule

X = np.random.default_rng(0).normal(size=(12, 3))


def test_the_two_perceptron_rules_agree_on_a_separable_set_and_stop() -> None:
    y = np.where(X @ [1.0, -1.0, 0.5] > 0.1, 1.0, -1.0)
    rule, epochs = perceptron_rule(X, y), perceptron_epochs(X, (y + 1) / 2)
    for run in (rule, epochs):
        assert run.converged
        assert (perceptron_output(X, run.w, run.b) == y).all()
    assert epochs.epochs[-1][2] == 0


def test_orders_that_come_to_an_end_end_the_run():
    corners, xor = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    run = perceptron_epochs(corners, xor, orders=[[3, 2, 1, 0]] * 2)
    assert len(run.epochs) == 2
    assert not run.converged
    assert len(perceptron_epochs(corners, xor, orders=[[0, 1, 2, 3]] * 5, max_epochs=3).epochs) == 3
