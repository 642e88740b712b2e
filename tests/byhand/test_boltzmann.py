"""Contrastive divergence by hand: its statistics, its limit, and the exact gradient by differences."""

import numpy as np
import pytest

from parnassus.byhand.boltzmann import RBM, contrastive_step, likelihood_gradient
from parnassus.byhand.gradients import gradient_error

# Martinez-Ramon, B7.3: values by enumeration of all 8 x 4 states
REFERENCE = RBM(np.array([[1.0, -1.0], [0.5, 2.0], [-0.5, 0.0]]), np.array([0.1, -0.2, 0.3]), np.array([0.0, -0.5]))
STATES = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], dtype=float)
DATA = np.array([[1.0, 0, 1], [1, 1, 0], [0, 1, 1]])


def test_2c_B7_3_conditionals_free_energy_and_partition() -> None:
    assert np.allclose(REFERENCE.hidden([1, 0, 1]), [0.622459, 0.182426], atol=1e-6)
    assert np.allclose(REFERENCE.visible([1, 0]), [0.750260, 0.574443, 0.450166], atol=1e-6)
    assert REFERENCE.free_energy([1, 0, 1]) == pytest.approx(-1.575490, abs=1e-6)
    unnormalised = np.exp(-REFERENCE.free_energy(STATES))
    assert unnormalised.sum() == pytest.approx(65.727248, abs=1e-5)
    p = [0.048885, 0.053006, 0.180862, 0.184344, 0.076471, 0.073533, 0.199883, 0.183017]
    assert np.allclose(unnormalised / unnormalised.sum(), p, atol=1e-6)


def test_2c_B7_3_the_exact_gradient() -> None:
    by_w, by_b, _ = likelihood_gradient(REFERENCE, DATA)
    wanted = [[0.081119, 0.002591], [-0.062775, -0.056911], [0.082402, 0.035272]]
    assert np.allclose(by_w, wanted, atol=1e-6)

    def log_likelihood(b: np.ndarray) -> float:
        rbm = RBM(REFERENCE.w, b, REFERENCE.c)
        return float(-rbm.free_energy(DATA).mean() - np.log(np.exp(-rbm.free_energy(STATES)).sum()))

    assert log_likelihood(REFERENCE.b) == pytest.approx(-1.970333, abs=1e-6)
    assert gradient_error(log_likelihood, by_b, REFERENCE.b, step=1e-5) < 1e-8


def test_a_long_chain_comes_to_the_exact_gradient_and_a_short_one_does_not() -> None:
    v = np.tile(DATA, (40_000, 1))
    exact = likelihood_gradient(REFERENCE, DATA)[0]
    steps = {k: contrastive_step(REFERENCE, v, lr=0.0, rng=np.random.default_rng(0), n_steps=k) for k in (1, 30)}
    error = {k: np.abs(step.by_w / len(v) - exact).max() for k, step in steps.items()}
    assert error[30] < 0.006  # three standard deviations of a mean over 120,000 draws
    assert error[1] > 0.012  # its bias does not go away with more rows


def test_one_step_is_the_books_update() -> None:
    step = contrastive_step(REFERENCE, DATA, lr=0.1, rng=np.random.default_rng(1))
    assert set(np.unique(step.h)) <= {0, 1}
    wanted = step.v.T @ step.h - step.v_again.T @ step.p_h_again
    assert np.allclose(step.after.w, REFERENCE.w + 0.1 * wanted)
    assert np.allclose(step.after.b, REFERENCE.b + 0.1 * (DATA - step.v_again).sum(0))
    assert "reconstruction" in str(step)
    assert len(step.diagram().lines) == 6


def test_a_persistent_chain_begins_where_it_is_told() -> None:
    rng = np.random.default_rng(2)
    steep = RBM(np.full((3, 2), 40.0), np.full(3, -20.0), np.full(2, -20.0))  # all ones, or all zeros, for ever
    step = contrastive_step(steep, np.zeros((4, 3)), lr=0.0, rng=rng, start=np.ones((4, 3)))
    assert (step.v_again == 1).all()
