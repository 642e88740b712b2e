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
