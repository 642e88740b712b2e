"""Deep Boltzmann machines against every state written out, and scikit-learn's machine where there is one layer."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.neural_network import BernoulliRBM

from parnassus.errors import DataError
from parnassus.functional.energy import Machine, exact_log_partition
from parnassus.functional.energy.boltzmann import all_states
from parnassus.functional.energy.deep import (
    DeepMachine,
    deep_energy,
    deep_sweep,
    estimated_deep_log_partition,
    exact_deep_log_partition,
    exact_deep_log_weight,
    mean_field,
    mean_field_bound,
    pull,
)


def machine(*widths, scale=1.0, seed=0):
    g = torch.Generator().manual_seed(seed)
    weights = [scale * torch.randn(a, b, generator=g, dtype=torch.float64) for a, b in itertools.pairwise(widths)]
    return DeepMachine(weights, [0.5 * torch.randn(n, generator=g, dtype=torch.float64) for n in widths])


def written_out(made):
    """All states of all layers, and -E of each."""
    sizes = [len(b) for b in made.biases]
    layers = list(all_states(sum(sizes)).double().split(sizes, 1))
    return layers, -deep_energy(layers, made)


@pytest.mark.parametrize("widths", [(3, 2), (3, 2, 2), (3, 3, 2, 2), (2, 2, 2, 2, 2)])
def test_sums_over_layers_are_sums_over_states(widths):
    made = machine(*widths)
    layers, weight = written_out(made)
    assert exact_deep_log_partition(made) == pytest.approx(float(weight.logsumexp(0)), abs=1e-10)
    v = all_states(widths[0]).double()
    expected = torch.stack([weight[(layers[0] == row).all(1)].logsumexp(0) for row in v])
    torch.testing.assert_close(exact_deep_log_weight(v, made), expected)
    assert float(expected.logsumexp(0)) == pytest.approx(exact_deep_log_partition(made), abs=1e-10)


def test_the_energy_is_the_sum_over_edges():
    made, g = machine(3, 2, 2), torch.Generator().manual_seed(1)
    x, h, top = ((torch.rand(n, generator=g) < 0.5).double() for n in (3, 2, 2))
    by_hand = -sum(made.weights[0][i, j] * x[i] * h[j] for i in range(3) for j in range(2))
    by_hand -= sum(made.weights[1][i, j] * h[i] * top[j] for i in range(2) for j in range(2))
    by_hand -= sum((a * b).sum() for a, b in zip((x, h, top), made.biases, strict=True))
    found = deep_energy([x[None], h[None], top[None]], made)
    assert float(found) == pytest.approx(float(by_hand), abs=1e-12)


def test_one_hidden_layer_is_scikit_learns_machine():
    rng = np.random.default_rng(0)
    theirs = BernoulliRBM(4, n_iter=2, random_state=0).fit(rng.random((40, 6)).round())
    parts = theirs.components_.T, theirs.intercept_visible_, theirs.intercept_hidden_
    w, b, c = (torch.from_numpy(p) for p in parts)
    made, v = DeepMachine([w], [b, c]), rng.random((5, 6)).round()
    np.testing.assert_allclose(exact_deep_log_weight(torch.from_numpy(v), made), -theirs._free_energy(v), atol=1e-12)
    assert exact_deep_log_partition(made) == pytest.approx(exact_log_partition(Machine(w, b, c)), abs=1e-10)


def test_mean_fields_settle_and_bound_the_likelihood_from_below():
    made, v = machine(4, 3, 3), all_states(4).double()
    exact = exact_deep_log_weight(v, made)
    bounds = [mean_field_bound(mean_field(v, made, n_steps=n), made) for n in (1, 3, 200)]
    assert all((bound <= exact + 1e-12).all() for bound in bounds)
    assert (bounds[1] >= bounds[0] - 1e-12).all()  # no update of one layer makes it worse
    assert float((exact - bounds[2]).mean()) < 0.5
    settled = mean_field(v, made, n_steps=200)
    for at in (1, 2):
        torch.testing.assert_close(settled[at], torch.sigmoid(pull(at, settled, made)), rtol=1e-6, atol=1e-6)


def test_sweeps_reach_the_law():
    made, g = machine(2, 2, 2), torch.Generator().manual_seed(0)
    _, weight = written_out(made)
    layers = [torch.zeros(40_000, 2, dtype=torch.float64) for _ in range(3)]
    for _ in range(30):
        layers = deep_sweep(layers, made, g)
    number = (torch.cat(layers, 1) @ 2.0 ** torch.arange(5, -1, -1, dtype=torch.float64)).long()
    shares = torch.bincount(number, minlength=64) / 40_000
    assert float((shares - weight.softmax(0)).abs().max()) < 0.01


@pytest.mark.parametrize("widths", [(6, 4, 3), (5, 4, 4, 3)])
def test_the_estimated_partition_is_the_exact_one_within_its_error(widths):
    made = machine(*widths, scale=0.8)
    found, error = estimated_deep_log_partition(
        made, generator=torch.Generator().manual_seed(0), n_chains=200, n_steps=300
    )
    assert 0 < error < 0.1
    assert found == pytest.approx(exact_deep_log_partition(made), abs=4 * error)


def test_layers_too_wide_to_write_out_are_refused():
    with pytest.raises(DataError, match="21 units"):
        exact_deep_log_partition(machine(3, 21))
