"""Noise of every row's own against rows taken one by one, and the mixture against scipy."""

import numpy as np
import pytest
import torch

from parnassus.errors import DataError
from parnassus.functional.bayes import flipout_linear, local_linear, scale_mixture_log_prior


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_flipout_is_a_change_of_signs_of_each_rows_own_weights():
    x, mean, change = randn(5, 3), randn(4, 3, seed=1), randn(4, 3, seed=2)
    s, r = randn(5, 3, seed=3).sign(), randn(5, 4, seed=4).sign()
    for i, row in enumerate(flipout_linear(x, mean, change, s, r)):
        torch.testing.assert_close(row, (mean + change * torch.outer(r[i], s[i])) @ x[i])


def test_local_draws_have_the_moments_of_drawn_weights():
    x, mean, std = randn(2, 3), randn(4, 3, seed=1), randn(4, 3, seed=2).abs()
    weights = mean + std * randn(40_000, 4, 3, seed=3)
    drawn = torch.einsum("soi,ni->sno", weights, x)
    zero = local_linear(x, mean, std, torch.zeros(2, 4).double())
    one = local_linear(x, mean, std, torch.ones(2, 4).double())
    torch.testing.assert_close(drawn.mean(0), zero, atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.std(0), one - zero, rtol=0.03, atol=0)


def test_the_mixture_is_scipys():
    from scipy.stats import norm

    w = randn(3, 7)
    expected = np.log(0.3 * norm.pdf(w, scale=0.1) + 0.7 * norm.pdf(w, scale=2)).sum(-1)
    found = scale_mixture_log_prior(w, share=0.3, narrow=0.1, wide=2.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(DataError, match="narrow at most wide"):
        scale_mixture_log_prior(w, share=0.3, narrow=3.0, wide=2.0)
