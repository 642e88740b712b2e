"""Chains of spoiling and restoring against the laws that they must keep."""

import pytest
import torch

from parnassus.functional.denoising_chain import (
    chain_matrix,
    gaussian_restored,
    log_mixture,
    restored_law,
    spoilt_and_restored,
)


def test_with_bayes_rule_the_chain_keeps_the_rows_law_and_comes_to_it_from_anywhere():
    g = torch.Generator().manual_seed(0)
    law = torch.rand(7, generator=g, dtype=torch.float64)
    law = law / law.sum()
    spoiling = torch.rand(7, 5, generator=g, dtype=torch.float64)
    spoiling = spoiling / spoiling.sum(1, keepdim=True)
    step = chain_matrix(spoiling, restored_law(law, spoiling))
    torch.testing.assert_close(step.sum(1), torch.ones(7, dtype=torch.float64))
    torch.testing.assert_close(law @ step, law)
    torch.testing.assert_close(torch.linalg.matrix_power(step, 200)[3], law)
    flow = law[:, None] * step
    torch.testing.assert_close(flow, flow.T)  # as likely there as back
    wrong = restored_law(torch.full((7,), 1 / 7, dtype=torch.float64), spoiling)
    assert not torch.allclose(law @ chain_matrix(spoiling, wrong), law, atol=1e-3)


@pytest.mark.parametrize("level", [0.3, 2.0])
def test_a_chain_on_a_gaussian_keeps_it(level):
    g = torch.Generator().manual_seed(0)

    def restore(spoilt):
        mean, std = gaussian_restored(spoilt, mean=1.5, std=0.7, level=level)
        return mean + std * torch.randn(spoilt.shape, generator=g, dtype=torch.float64)

    ended = spoilt_and_restored(
        torch.zeros(100_000, dtype=torch.float64),
        spoil=lambda x: x + level * torch.randn(x.shape, generator=g, dtype=torch.float64),
        restore=restore,
        n_steps=60,
    )
    assert float(ended.mean()) == pytest.approx(1.5, abs=0.02)
    assert float(ended.std()) == pytest.approx(0.7, rel=0.02)


def test_the_mixture_is_torchs():
    g = torch.Generator().manual_seed(0)
    x, logits = torch.randn(6, 3, generator=g).double(), torch.randn(6, 4, generator=g).double()
    means, log_std = (torch.randn(6, 4, 3, generator=g).double() for _ in range(2))
    parts = torch.distributions.Independent(torch.distributions.Normal(means, log_std.exp()), 1)
    theirs = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=logits), parts).log_prob(x)
    torch.testing.assert_close(log_mixture(x, logits, means, log_std), theirs, rtol=1e-10, atol=1e-10)
