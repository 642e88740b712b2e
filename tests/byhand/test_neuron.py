"""One neuron's gradients and steps, by hand."""

import numpy as np
import pytest

from parnassus.byhand import neuron
from parnassus.byhand.gradients import gradient_error

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))


@pytest.mark.parametrize("activation", ["linear", "logistic", "tanh"])
def test_a_neurons_gradient_is_the_costs(activation: neuron.Activation) -> None:
    w, b, y = RNG.normal(size=3), 0.3, RNG.normal(size=12)
    by_w, by_b = neuron.Neuron(w, b, activation).gradient(X, y)
    assert gradient_error(lambda v: neuron.Neuron(v, b, activation).cost(X, y), by_w, w) < 1e-7
    assert gradient_error(lambda v: neuron.Neuron(w, float(v[0]), activation).cost(X, y), [by_b], [b]) < 1e-7


def test_online_steps_over_one_row_are_the_batch_step() -> None:
    start = neuron.Neuron(np.array([0.1, -0.2, 0.3]), 0.4, "tanh")
    (online,) = neuron.online_epoch(start, X[:1], [1.0], lr=0.1)
    batch = neuron.batch_step(start, X[:1], [1.0], lr=0.1)
    assert np.allclose(online.w, batch.w)
    assert online.b == pytest.approx(batch.b)


def test_a_saturated_neuron_says_so() -> None:
    x = np.array([[-10.0], [0.0], [10.0], [20.0]])
    assert neuron.saturated_fraction(neuron.Neuron(np.ones(1), 0.0, "tanh"), x) == 0.75
    assert neuron.saturated_fraction(neuron.Neuron(np.ones(1), 0.0, "linear"), x) == 0.0


def test_adaline_answers_by_the_sign_of_its_linear_unit() -> None:
    assert neuron.adaline_output(neuron.Neuron(np.ones(1), -1.0), [[0.0], [1.0], [2.0]]).tolist() == [-1, -1, 1]
