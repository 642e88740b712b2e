"""Random walks of a given shape and Hamiltonian paths at a temperature, against normals whose answers are known."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi, norm

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.sampling import Chains, resume

SHAPE = torch.tensor([[4.0, 1.8, 0.0], [1.8, 1.0, 0.2], [0.0, 0.2, 0.5]], dtype=torch.float64)
PRECISION = torch.linalg.inv(SHAPE)


def normal(t):
    return -0.5 * ((t @ PRECISION) * t).sum(-1)


def accepted(size, d):
    """Of steps N(0, size^2 C) on a normal of covariance C: 2 E Phi(-size |z| / 2) with z ~ N(0, I)."""
    return chi(d).expect(lambda r: 2 * norm.cdf(-size * r / 2))


@pytest.mark.parametrize("size", [0.5, 2.38 / math.sqrt(3), 3.0])
def test_steps_of_the_densitys_own_shape_are_taken_as_often_as_can_be_written_down(size):
    start = {"method": "mh", "adapt": False, "n_draws": 1500, "n_warmup": 100, "n_chains": 20, "jitter": 1.0}
    found = pn.sample(normal, torch.zeros(3), scale=size**2 * SHAPE, **start)
    assert found.acceptance.mean() == pytest.approx(accepted(size, 3), abs=0.012)
    assert np.cov(found["theta"].T) == pytest.approx(SHAPE.numpy(), abs=0.45 if size == 0.5 else 0.3)


def test_at_the_best_size_a_quarter_is_taken_in_many_dimensions():
    assert accepted(2.38 / math.sqrt(200), 200) == pytest.approx(0.234, abs=0.002)  # Roberts, Gelman and Gilks 1997
    assert accepted(2.38, 1) == pytest.approx(2 / math.pi * math.atan(2 / 2.38))
    assert accepted(2.38, 1) == pytest.approx(0.44, abs=0.01)


def test_a_vector_and_a_number_are_the_deviations_of_a_diagonal_covariance():
    options = {"method": "mh", "adapt": False, "n_draws": 20, "n_warmup": 0}
    by_vector = pn.sample(normal, torch.zeros(3), scale=[0.5, 2.0, 1.0], **options)
    by_matrix = pn.sample(normal, torch.zeros(3), scale=np.diag([0.25, 4.0, 1.0]), **options)
    np.testing.assert_allclose(by_vector["theta"], by_matrix["theta"], atol=1e-12)
    by_number = pn.sample(normal, torch.zeros(3), scale=0.7, **options)
    np.testing.assert_allclose(
        by_number["theta"], pn.sample(normal, torch.zeros(3), scale=0.49 * np.eye(3), **options)["theta"], atol=1e-12
    )


def test_warm_up_goes_on_from_a_given_shape_and_a_file_keeps_it(tmp_path):
    found = pn.sample(normal, torch.zeros(3), method="mh", scale=SHAPE, n_draws=20, n_warmup=30)
    other = pn.sample(normal, torch.zeros(3), method="mh", n_draws=20, n_warmup=30)
    assert not np.allclose(found["theta"], other["theta"])
    again = Chains.load(found.save(tmp_path / "chains") and tmp_path / "chains")
    whole = pn.sample(normal, torch.zeros(3), method="mh", scale=SHAPE, n_draws=30, n_warmup=30)
    np.testing.assert_allclose(resume(normal, again, 10)["theta"], whole["theta"])


@pytest.mark.parametrize(("scale", "error", "words"), [
    ([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]], DataError, r"least eigenvalue is -1\)"),
    ([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], DataError, "its own transpose"),
    (torch.full((3, 3), math.nan), DataError, "NaN"),
    ([1.0, 2.0], SettingError, r"shape \(2,\), and there are 3 parameters"),
    ([1.0, 0.0, 1.0], SettingError, "deviation above 0"),
    (0.0, SettingError, "scale is above 0"),
])  # fmt: skip
def test_scales_that_are_none_are_refused(scale, error, words):
    with pytest.raises(error, match=words):
        pn.sample(normal, torch.zeros(3), method="mh", scale=scale, n_draws=4)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_draws_at_a_temperature_are_of_the_density_to_its_inverse_power(temperature):
    """Of a normal they have T times the covariance; the misprinted law of momenta, N(0, M), gives another."""
    found = pn.sample(
        normal, torch.zeros(3), method="hmc", temperature=temperature, n_draws=300, n_warmup=150, n_chains=20,
        path=1.5, seed=3,
    )  # fmt: skip
    assert np.cov(found["theta"].T) == pytest.approx(temperature * SHAPE.numpy(), rel=0.1, abs=0.06 * temperature)
    assert found.settings.get("temperature", 1.0) == temperature
    assert ("its temperature" in str(found)) == (temperature != 1)
    assert not any("diverged" in problem for problem in found.problems)


@pytest.mark.slow
def test_energies_at_a_temperature_have_t_for_each_of_the_numbers():
    """Mean energy of d positions and d momenta under exp(-H / T): T d, that of momenta alone T d / 2."""
    found = pn.sample(
        normal, torch.zeros(3), method="hmc", temperature=2.5, n_draws=300, n_warmup=100, n_chains=20, path=1.5
    )
    assert found.energy.mean() == pytest.approx(2.5 * 3, rel=0.05)
    assert -found.log_p.mean() == pytest.approx(2.5 * 3 / 2, rel=0.08)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf])
def test_a_temperature_is_above_zero(temperature):
    with pytest.raises(SettingError, match="temperature is above 0"):
        pn.sample(normal, torch.zeros(3), method="hmc", temperature=temperature, n_draws=4)
