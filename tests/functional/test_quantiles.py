"""Pinball loss against scikit-learn, and what minimises it."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

import parnassus as pn
from parnassus.functional.quantiles import mixture_quantiles, pinball, uncrossed

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_pinball_is_scikit_learns(q):
    y, outputs = RNG.normal(size=40), RNG.normal(size=40)
    ours = pinball(torch.from_numpy(outputs), torch.from_numpy(y), torch.tensor(q, dtype=torch.float64)).mean()
    assert float(ours) == pytest.approx(mean_pinball_loss(y, outputs, alpha=q), abs=1e-12)


def test_the_loss_is_the_mean_of_scikit_learns_over_columns_and_quantiles():
    y, outputs = RNG.normal(size=(20, 2)), RNG.normal(size=(20, 2, 3))
    levels, weight = (0.2, 0.5, 0.7), RNG.uniform(size=20)
    made = pn.loss("quantile", quantiles=levels).make(task="quantiles")
    expected = np.mean(
        [
            mean_pinball_loss(y[:, j], outputs[:, j, i], alpha=q, sample_weight=weight)
            for j in range(2)
            for i, q in enumerate(levels)
        ]
    )
    found = made(torch.from_numpy(outputs).flatten(1), torch.from_numpy(y), torch.from_numpy(weight))
    assert float(found) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("q", [0.15, 0.5, 0.8])
def test_the_constant_that_minimises_it_is_the_samples_quantile(q):
    y = torch.from_numpy(RNG.exponential(size=1001))
    grid = torch.linspace(0, 4, 4001, dtype=torch.float64)
    best = grid[pinball(grid[:, None], y, torch.tensor(q, dtype=torch.float64)).mean(1).argmin()]
    assert float(best) == pytest.approx(float(np.quantile(y.numpy(), q, method="inverted_cdf")), abs=2e-3)


def test_sorting_never_makes_the_loss_worse():
    levels = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    outputs, y = torch.from_numpy(RNG.normal(size=(500, 3))), torch.from_numpy(RNG.normal(size=(500, 1)))
    assert (pinball(uncrossed(outputs), y, levels).sum(1) <= pinball(outputs, y, levels).sum(1) + 1e-12).all()


@pytest.mark.parametrize("levels", [(), (0.5, 0.1), (0.1, 0.1), (0.0, 0.5), (0.5, 1.0), ("a",)])
def test_levels_that_are_no_ascending_shares_are_refused(levels):
    with pytest.raises(pn.SettingError, match="ascending"):
        pn.loss("quantile", quantiles=levels).make(task="quantiles")


def test_outputs_of_another_number_are_refused():
    with pytest.raises(pn.DataError, match="3 quantiles"):
        pn.loss("quantile").make(task="quantiles")(torch.zeros(4, 4), torch.zeros(4, 1))


def test_quantiles_of_a_mixture_are_where_the_mean_of_scipys_distributions_reaches_the_level():
    from scipy import stats

    g = torch.Generator().manual_seed(0)
    means = 3 * torch.randn(5, 2, 3, generator=g, dtype=torch.float64)
    deviations = torch.rand(5, 2, 3, generator=g, dtype=torch.float64) + 0.01
    levels = (0.01, 0.3, 0.5, 0.99)
    found = mixture_quantiles(means, deviations, levels)
    assert found.shape == (2, 3, 4)
    reached = stats.norm.cdf(found.numpy(), means[..., None].numpy(), deviations[..., None].numpy()).mean(0)
    np.testing.assert_allclose(reached, np.broadcast_to(levels, reached.shape), atol=1e-10)
