"""What is known of a mixture's weights and covariances, rather than the likeliest: Dirichlet and Wishart posteriors."""

from typing import NamedTuple

import torch
from torch import Tensor


class Weights(NamedTuple):
    """The weights' means (..., k), which sum to one, and the means of their logarithms."""

    mean: Tensor
    log_mean: Tensor


def dirichlet_weights(counts: Tensor, concentration: float) -> Weights:
    """The posterior of weights, Dirichlet(concentration + counts): E c_k and E ln c_k, counts (..., k).

        E c_k = a_k / sum a,   E ln c_k = psi(a_k) - psi(sum a),   a_k = concentration + N_k

    A component of few rows gets a logarithm far below that of its mean, so that rows leave it.

    Source: Bishop 2006, eqs 10.58 and 10.66.
    """
    a = concentration + counts
    total = a.sum(-1, keepdim=True)
    return Weights(a / total, torch.digamma(a) - torch.digamma(total))


def stick_breaking_weights(counts: Tensor, concentration: float) -> Weights:
    """The same of a Dirichlet process cut at k components: c_k = v_k prod_{j < k} (1 - v_j), each v_k a Beta.

        v_k ~ Beta(1 + N_k, concentration + sum_{j > k} N_j)

    Source: Blei and Jordan 2006.
    """
    after = counts.flip(-1).cumsum(-1).flip(-1) - counts
    a, b = 1 + counts, concentration + after
    both = torch.digamma(a + b)
    left = torch.nn.functional.pad((torch.digamma(b) - both).cumsum(-1)[..., :-1], (1, 0))
    kept = torch.nn.functional.pad((b / (a + b)).cumprod(-1)[..., :-1], (1, 0), value=1.0)
    mean = a / (a + b) * kept
    return Weights(mean / mean.sum(-1, keepdim=True), torch.digamma(a) - both + left)


def log_precision_excess(degrees: Tensor, n_features: int) -> Tensor:
    """E ln |precision| of a Wishart of so many degrees of freedom, less ln |E precision|: below 0, near 0 for many.

        sum_{i < d} psi((degrees - i) / 2) + d ln 2 - d ln degrees

    Source: Bishop 2006, eq 10.65.
    """
    steps = torch.arange(n_features, dtype=degrees.dtype, device=degrees.device)
    found = torch.digamma(0.5 * (degrees[..., None] - steps)).sum(-1)
    return found + n_features * (torch.log(torch.tensor(2.0, dtype=degrees.dtype)) - degrees.log())
