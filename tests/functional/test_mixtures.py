"""Mixtures and k-means, equation by equation; numbers of Hifny and closed forms."""

import numpy as np
import pytest
import torch
from scipy import stats

from parnassus.functional.mixtures import (
    GaussianParameters,
    assign,
    em_step,
    exponential_form,
    exponential_network,
    from_exponential_form,
    lloyd_step,
    powers,
    responsibilities,
    seed_centers,
)
from parnassus.functional.probability import log_diagonal, log_gaussian

F64 = torch.float64


def test_em_on_five_points_gives_the_worked_numbers():
    # Hifny, B60
    x = torch.tensor([[-2.0], [-1.5], [0.0], [1.0], [3.0]], dtype=F64)
    model = GaussianParameters(
        torch.tensor([0.5, 0.5], dtype=F64), torch.tensor([[-1.0], [1.0]], dtype=F64), torch.ones(2, 1, 1, dtype=F64)
    )
    gamma, _ = responsibilities(model.weights.log() + log_gaussian(x, model.means, model.covariances))
    expected = [0.9820137900, 0.9525741268, 0.5, 0.1192029220, 0.0024726232]
    np.testing.assert_allclose(gamma[:, 0], expected, atol=1e-9)
    trace = []
    for step in range(4):
        model, log_p = em_step(x, model)
        trace.append(float(log_p))
        if step == 0:
            np.testing.assert_allclose(model.weights, [0.5112526924, 0.4887473076], atol=1e-9)
            np.testing.assert_allclose(model.means[:, 0], [-1.2777509155, 1.5411923177], atol=1e-9)
            np.testing.assert_allclose(model.covariances.flatten(), [0.7977763662, 1.7320415613], atol=1e-9)
    np.testing.assert_allclose(trace, [-10.2961404126, -9.5508322445, -9.5178433712, -9.4811385343], atol=1e-9)


def test_the_exponential_form_is_the_density():
    # Hifny, B62; subtracting A(w) as the book prints would give .0326802776
    w = exponential_form(torch.tensor([1.5], dtype=F64), torch.tensor([0.8], dtype=F64))
    np.testing.assert_allclose(w, [-2.2136167575, 1.875, -0.625], atol=1e-9)
    x = torch.tensor([[0.7]], dtype=F64)
    assert float((powers(x) @ w).exp()) == pytest.approx(0.2989835399, abs=1e-9)
    assert float((powers(x) @ w).exp()) == pytest.approx(stats.norm(1.5, np.sqrt(0.8)).pdf(0.7), rel=1e-12)


def test_the_exponential_form_goes_back_to_means_and_variances():
    g = torch.Generator().manual_seed(0)
    means, variances = torch.randn(4, 3, dtype=F64, generator=g), torch.rand(4, 3, dtype=F64, generator=g) + 0.1
    back = from_exponential_form(exponential_form(means, variances))
    torch.testing.assert_close(back, (means, variances), rtol=1e-12, atol=1e-12)


def test_a_net_of_exponential_units_is_bayes_rule_on_mixtures():
    g = torch.Generator().manual_seed(0)
    means, variances = torch.randn(3, 2, 4, dtype=F64, generator=g), torch.rand(3, 2, 4, dtype=F64, generator=g) + 0.2
    weights, prior = torch.rand(3, 2, dtype=F64, generator=g).softmax(1), torch.tensor([0.2, 0.5, 0.3], dtype=F64)
    x = torch.randn(10, 4, dtype=F64, generator=g)
    found = exponential_network(x, exponential_form(means, variances), weights, prior.log())
    expected = torch.stack(
        [(log_diagonal(x, means[c], variances[c]).exp() * weights[c]).sum(1) * prior[c] for c in range(3)], 1
    ).log()
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_k_means_on_six_points_gives_the_worked_inertias():
    # Hifny, B61
    x = torch.tensor([[1.0], [2.0], [3.0], [10.0], [11.0], [12.0]], dtype=F64)
    centers, trace = x[:2], []
    for step in range(3):
        centers, inertia = lloyd_step(x, centers)
        trace.append(float(inertia))
        if step == 0:
            np.testing.assert_allclose(centers[:, 0], [1, 7.6])
    np.testing.assert_allclose(trace, [246, 41.68, 4])
    np.testing.assert_allclose(centers[:, 0], [2, 11])


def test_an_empty_cluster_takes_the_farthest_row():
    x = torch.tensor([[0.0], [1.0], [10.0]], dtype=F64)
    centers, _ = lloyd_step(x, torch.tensor([[0.5], [99.0]], dtype=F64))
    np.testing.assert_allclose(centers, [[0.5], [10.0]])


def test_k_means_is_the_limit_of_spherical_em():
    # A13.13: equal weights, one variance that goes to nothing; the responsibilities become 0 and 1
    rng = np.random.default_rng(3)
    x = torch.from_numpy(np.concatenate([rng.normal(c, 1, (30, 2)) for c in (0, 5, (5, -5))]))
    centers = x[[0, 31, 62]] + 0.3
    scores = log_diagonal(x, centers, torch.full((3, 1), 1e-6, dtype=F64)) + np.log(1 / 3)
    gamma, _ = responsibilities(scores)
    means = gamma.T @ x / gamma.sum(0)[:, None]
    np.testing.assert_allclose(gamma.max(1).values, 1.0)
    torch.testing.assert_close(gamma.argmax(1), assign(x, centers)[0])
    torch.testing.assert_close(means, lloyd_step(x, centers)[0], rtol=1e-10, atol=1e-10)


def test_seeds_are_rows_spread_apart_and_repeat_with_the_generator():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(np.concatenate([rng.normal(c, 0.1, (40, 2)) for c in (0, 50, (50, -50))]))
    for seed in range(5):
        drawn = [seed_centers(x, 3, torch.ones(120), generator=torch.Generator().manual_seed(seed)) for _ in range(2)]
        assert torch.equal(*drawn)
        assert len(set(assign(drawn[0], torch.tensor([[0, 0], [50, 50], [50, -50]], dtype=F64))[0].tolist())) == 3


def test_seeds_of_fewer_different_rows_than_clusters_are_drawn_all_the_same():
    x = torch.zeros(5, 2, dtype=F64)
    assert seed_centers(x, 3, torch.ones(5), generator=torch.Generator().manual_seed(0)).shape == (3, 2)
