"""Energies against enumeration, the book's corrected oracles, and scikit-learn's machine."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.neural_network import BernoulliRBM

from parnassus.byhand.boltzmann import RBM, likelihood_gradient
from parnassus.errors import DataError, SettingError
from parnassus.functional import energy as e

MACHINE = e.Machine(
    torch.tensor([[1.0, -1.0], [0.5, 2.0], [-0.5, 0.0]], dtype=torch.float64),
    torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64),
    torch.tensor([0.0, -0.5], dtype=torch.float64),
)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def small_machine():
    """Four units, symmetric weights."""
    draw = np.random.default_rng(0).normal(size=(4, 4))
    w = torch.from_numpy(np.triu(draw, 1))
    return w + w.T, torch.from_numpy(np.random.default_rng(1).normal(size=4))


def test_b7_1_a_units_probability_is_that_of_the_enumerated_law():
    assert float(e.unit_probability(torch.tensor(1.0))) == pytest.approx(0.731059, abs=1e-6)
    assert float(e.unit_probability(torch.tensor(1.0), temperature=2.0)) == pytest.approx(0.622459, abs=1e-6)
    w, b = small_machine()
    states, law = e.boltzmann_law(w, b, temperature=1.7)
    given = (states[:, [0, 2, 3]] == 1).all(1)
    exact = float(law[given & (states[:, 1] == 1)].sum() / law[given].sum())
    gap = e.energy_gap(torch.tensor([1.0, 0.0, 1.0, 1.0]).double(), w, b)[1]
    assert float(e.unit_probability(gap, temperature=1.7)) == pytest.approx(exact, abs=1e-14)


def test_the_energy_is_the_sum_over_pairs():
    w, b = small_machine()
    s = torch.tensor([1.0, 0.0, 1.0, 1.0]).double()
    by_hand = -sum(w[i, j] * s[i] * s[j] for i, j in itertools.combinations(range(4), 2)) - (b * s).sum()
    assert float(e.boltzmann_energy(s, w, b)) == pytest.approx(float(by_hand), abs=1e-14)


def test_b7_2_the_gradient_has_the_sign_that_the_book_has_not():
    w, b = small_machine()
    data = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]).double()
    slope, by_bias = e.boltzmann_gradient(data, w, b, n_visible=2, temperature=1.7)

    def divergence(w, b):
        states, law = e.boltzmann_law(w, b, temperature=1.7)
        return sum(-law[(states[:, :2] == row).all(1)].sum().log() / 3 for row in data)

    step = 1e-6
    for i, j in itertools.combinations(range(4), 2):
        moved = torch.zeros_like(w)
        moved[i, j] = moved[j, i] = step
        central = (divergence(w + moved, b) - divergence(w - moved, b)) / (2 * step)
        assert float(slope[i, j]) == pytest.approx(float(central), abs=1e-8)
    for i in range(4):
        moved = torch.zeros_like(b)
        moved[i] = step
        central = (divergence(w, b + moved) - divergence(w, b - moved)) / (2 * step)
        assert float(by_bias[i]) == pytest.approx(float(central), abs=1e-8)


def test_a_clamped_phase_is_of_zeros_and_ones():
    w, b = torch.zeros(3, 3), torch.zeros(3)
    for data in (torch.tensor([[1.0, -1.0]]), torch.ones(2, 3), torch.ones(0, 2)):
        with pytest.raises(DataError, match=r"\(n, 2\) of 0 and 1"):
            e.boltzmann_gradient(data, w, b, n_visible=2)


def test_sweeps_have_the_law_and_leave_clamped_units_alone():
    w, b = small_machine()
    states, law = e.boltzmann_law(w, b)
    drawn = e.gibbs_sweeps(torch.zeros(20000, 4).double(), w, b, n_sweeps=15, generator=rng())
    number = (drawn @ torch.tensor([8.0, 4, 2, 1]).double()).long()
    torch.testing.assert_close((torch.bincount(number, minlength=16) / 20000).double(), law, rtol=0, atol=0.012)
    start = torch.ones(3000, 4).double()
    held = torch.tensor([True, False, True, False])
    kept = e.gibbs_sweeps(start, w, b, n_sweeps=10, generator=rng(), clamped=held)
    assert (kept[:, held] == 1).all()
    given = (states[:, held] == 1).all(1)
    exact = law[given] @ states[given][:, 1] / law[given].sum()
    assert float(kept[:, 1].mean()) == pytest.approx(float(exact), abs=0.04)
    with pytest.raises(DataError, match="above 0"):
        e.gibbs_sweeps(start, w, b, n_sweeps=1, generator=rng(), temperature=0.0)


def test_b7_3_the_reference_machine():
    assert e.exact_log_partition(MACHINE) == pytest.approx(4.185514, abs=1e-6)
    states = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    law = (-e.free_energy(states, MACHINE)).exp() / 65.727248
    expected = [0.048885, 0.053006, 0.180862, 0.184344, 0.076471, 0.073533, 0.199883, 0.183017]
    np.testing.assert_allclose(law, expected, atol=1e-6)
    v, h = torch.tensor([[1.0, 0.0, 1.0]]).double(), torch.tensor([[1.0, 0.0]]).double()
    assert float(e.joint_energy(v, h, MACHINE)) == pytest.approx(-0.9)
    np.testing.assert_allclose(e.hidden_probability(v, MACHINE)[0], [0.622459, 0.182426], atol=1e-6)
    np.testing.assert_allclose(e.visible_mean(h, MACHINE)[0], [0.750260, 0.574443, 0.450166], atol=1e-6)
    assert float(e.free_energy(v, MACHINE)) == pytest.approx(-1.575490, abs=1e-6)
    data = torch.tensor([[1.0, 1, 0], [1, 0, 1], [0, 1, 1]]).double()
    assert float((-e.free_energy(data, MACHINE)).mean()) - 4.185514 == pytest.approx(-1.970333, abs=1e-6)


def test_b7_3_the_slopes_of_the_exact_law_are_the_likelihoods():
    data = torch.tensor([[1.0, 1, 0], [1, 0, 1], [0, 1, 1]]).double()
    states = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    law = (-e.free_energy(states, MACHINE)).softmax(0)
    times = (law * 2_000_000).round().long()
    by_w, by_b, by_c = e.contrastive_slopes(data, states.repeat_interleave(times, 0), MACHINE)
    expected = [[0.081119, 0.002591], [-0.062775, -0.056911], [0.082402, 0.035272]]
    np.testing.assert_allclose(-by_w, expected, atol=2e-6)
    exact = likelihood_gradient(RBM(*(t.numpy() for t in MACHINE[:3])), data.numpy())
    np.testing.assert_allclose(-by_b, exact[1], atol=2e-6)
    np.testing.assert_allclose(-by_c, exact[2], atol=2e-6)


@pytest.mark.parametrize("gaussian", [False, True])
def test_slopes_are_those_of_autograd(gaussian):
    w, b, c = (torch.randn(s, generator=rng(), dtype=torch.float64, requires_grad=True) for s in ((4, 3), (4,), (3,)))
    v, again = (torch.rand(n, 4, generator=rng(n), dtype=torch.float64) for n in (5, 7))
    weight = torch.tensor([1.0, 2, 0, 1, 3]).double()
    machine = e.Machine(w, b, c, gaussian)
    ((e.free_energy(v, machine) * weight).sum() / weight.sum() - e.free_energy(again, machine).mean()).backward()
    found = e.contrastive_slopes(v, again, e.Machine(w.detach(), b.detach(), c.detach(), gaussian), weight=weight)
    for slope, parameter in zip(found, (w, b, c), strict=True):
        torch.testing.assert_close(slope, parameter.grad, rtol=1e-10, atol=1e-12)


def test_free_energies_are_scikit_learns():
    machine = BernoulliRBM(5, n_iter=2, random_state=0).fit(np.random.default_rng(0).random((40, 8)).round())
    ours = e.Machine(
        torch.from_numpy(machine.components_.T), torch.from_numpy(machine.intercept_visible_),
        torch.from_numpy(machine.intercept_hidden_),
    )  # fmt: skip
    v = np.random.default_rng(1).random((6, 8)).round()
    np.testing.assert_allclose(e.free_energy(torch.from_numpy(v), ours), machine._free_energy(v), atol=1e-10)
    np.testing.assert_allclose(e.hidden_probability(torch.from_numpy(v), ours), machine.transform(v), atol=1e-10)


@pytest.mark.parametrize("gaussian", [False, True])
def test_the_partition_function_is_estimated_and_written_out_from_either_side(gaussian):
    w = 0.5 * torch.randn(9, 6, generator=rng(), dtype=torch.float64)
    b, c = (0.3 * torch.randn(n, generator=rng(n), dtype=torch.float64) for n in (9, 6))
    machine = e.Machine(w, b, c, gaussian)
    exact = e.exact_log_partition(machine)
    if not gaussian:
        assert e.exact_log_partition(e.Machine(w.T, c, b)) == pytest.approx(exact, abs=1e-10)
    found, error = e.estimated_log_partition(machine, torch.zeros(9).double(), generator=rng(), n_steps=500)
    assert abs(found - exact) < max(5 * error, 0.05)
    assert error < 0.1


def test_a_gaussian_machines_density_integrates_to_one():
    machine = e.Machine(torch.tensor([[0.7, -0.4]]).double(), torch.tensor([0.3]).double(), torch.tensor([0.1, 0.2]).double(), True)  # fmt: skip # noqa: E501
    grid = torch.linspace(-12, 12, 20001, dtype=torch.float64)[:, None]
    density = (-e.free_energy(grid, machine) - e.exact_log_partition(machine)).exp()
    assert float(torch.trapezoid(density, grid[:, 0])) == pytest.approx(1, abs=1e-8)


def test_pseudo_likelihood_is_the_sum_of_conditionals():
    states, law = [], []
    for v in itertools.product((0.0, 1.0), repeat=3):
        states.append(v)
        law.append(math.exp(-float(e.free_energy(torch.tensor([v]).double(), MACHINE))))
    law = dict(zip(states, law, strict=True))
    v = (1.0, 0.0, 1.0)
    expected = 0.0
    for i in range(3):
        other = tuple(1 - x if j == i else x for j, x in enumerate(v))
        expected += math.log(law[v] / (law[v] + law[other]))
    assert float(e.pseudo_likelihood(torch.tensor([v]).double(), MACHINE)) == pytest.approx(expected, abs=1e-12)


def test_disturbed_patterns_are_recalled_and_energies_never_rise():
    patterns = (torch.rand(4, 80, generator=rng()) < 0.5).float() * 2 - 1
    w = e.hebbian_weights(patterns)
    disturbed = patterns.clone()
    disturbed[:, :12] *= -1
    found = e.recall(disturbed, w)
    assert (found == patterns).float().mean() > 0.98
    assert (e.hopfield_energy(found, w) <= e.hopfield_energy(disturbed, w)).all()
    torch.testing.assert_close(e.modern_recall(disturbed, patterns, n_steps=2), patterns, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: e.hebbian_weights(torch.zeros(2, 3)), "-1 and 1"),
    (lambda: e.recall(torch.ones(1, 2), torch.ones(2, 2)), "symmetric"),
    (lambda: e.boltzmann_law(torch.zeros(25, 25), torch.zeros(25)), "20 units at most"),
    (lambda: e.exact_log_partition(e.Machine(torch.zeros(30, 30), torch.zeros(30), torch.zeros(30))), "2\\^30 states"),
])  # fmt: skip
def test_bad_input_is_refused(call, words):
    with pytest.raises(DataError, match=words):
        call()


@pytest.mark.parametrize(("change", "settings", "error", "words"), [
    ({"base": torch.zeros(3)}, {}, DataError, r"\(4,\) torch.float32 as the machine's are; got \(3,\) torch.float32"),
    ({"base": torch.zeros(4).double()}, {}, DataError, r"got \(4,\) torch.float64: take machine.b.clone"),
    ({"base": 0.0}, {}, DataError, "got 0.0: take machine.b.clone"),
    ({}, {"n_chains": 1}, SettingError, "2 chains or more.*got n_chains=1"),
    ({}, {"n_steps": 0}, SettingError, "a step or more.*n_steps=0"),
    ({"counted": True}, {}, DataError, "take estimated_length_log_partitions"),
])  # fmt: skip
def test_an_estimate_that_is_asked_for_wrongly_is_refused(change, settings, error, words):
    machine = e.Machine(torch.zeros(4, 3), torch.zeros(4), torch.zeros(3), counted=change.get("counted", False))
    with pytest.raises(error, match=words):
        e.estimated_log_partition(machine, change.get("base", machine.b), generator=rng(), **settings)


def test_a_machine_of_counts_has_no_one_partition_function():
    machine = e.Machine(torch.zeros(4, 3), torch.zeros(4), torch.zeros(3), counted=True)
    with pytest.raises(DataError, match="take length_log_partitions"):
        e.exact_log_partition(machine)
