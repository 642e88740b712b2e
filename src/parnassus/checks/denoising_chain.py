"""Chains of spoiling and restoring against the law that they keep, and their mixtures against torch's."""

import torch

from ..functional.denoising_chain import chain_matrix, log_mixture, restored_law
from . import check, gap


@check("generative-stochastic-network", oracle="(closed form)", tolerance=1e-10)
def the_law_that_a_chain_keeps() -> float:
    """Where a chain that restores by Bayes' rule ends from one row, against the law of the rows."""
    g = torch.Generator().manual_seed(0)
    law = torch.rand(7, generator=g, dtype=torch.float64).softmax(0)
    spoiling = torch.rand(7, 5, generator=g, dtype=torch.float64).softmax(1)
    step = chain_matrix(spoiling, restored_law(law, spoiling))
    return gap(torch.linalg.matrix_power(step, 300)[2], law)


@check("generative-stochastic-network", oracle="torch", tolerance=1e-10)
def mixtures_of_restored_rows() -> float:
    """ln P(x | x~) against torch.distributions.MixtureSameFamily."""
    g = torch.Generator().manual_seed(0)
    x, logits = torch.randn(6, 3, generator=g).double(), torch.randn(6, 4, generator=g).double()
    means, log_std = (torch.randn(6, 4, 3, generator=g).double() for _ in range(2))
    parts = torch.distributions.Independent(torch.distributions.Normal(means, log_std.exp()), 1)
    theirs = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=logits), parts).log_prob(x)
    return gap(log_mixture(x, logits, means, log_std), theirs)
