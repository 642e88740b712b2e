"""Information of discrete laws: tables of probabilities that sum to 1 along the last axis; leading axes are a batch.

Logarithms are natural (nats); `base=2` gives bits. Everywhere 0 log 0 = 0, and a law that gives probability 0 to what
happens is infinitely surprised. Losses use nats.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def self_information(p: Tensor, *, base: float = math.e) -> Tensor:
    """-log p: how surprising an event of probability p is.

    Systems: shannon-entropy
    Source: Shannon 1948; Hifny A1.2.

    >>> self_information(torch.tensor([1.0, 0.5, 0.125]), base=2).tolist()
    [0.0, 1.0, 3.0]
    """
    return -p.log() / math.log(base) + 0.0


def entropy(p: Tensor, *, base: float = math.e) -> Tensor:
    """-sum_i p_i log p_i, from 0 (certain) to log n (even).

    Systems: shannon-entropy
    Source: Shannon 1948; Hifny A1.3 (eq. 1.1), Jaiswal J26, which speaks of bits where its losses take nats.

    >>> entropy(torch.tensor([0.5, 0.25, 0.125, 0.125]), base=2)
    tensor(1.7500)
    """
    return torch.special.entr(p).sum(-1) / math.log(base)


def cross_entropy(p: Tensor, q: Tensor, *, base: float = math.e) -> Tensor:
    """-sum_i p_i log q_i = entropy(p) + kl_divergence(p, q): the mean surprise of who believes q where p holds.

    Systems: cross-entropy-discrete
    Source: Hifny A1.7 (eq. 1.5), Martinez-Ramon 1.5.1, Jaiswal J26. Jaiswal F17 prints sum p log q to be minimised: the
    minus is missing.

    >>> cross_entropy(torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.25, 0.25, 0.5]), base=2)
    tensor(1.7500)
    """
    return -torch.special.xlogy(p, q).sum(-1) / math.log(base)


def kl_divergence(p: Tensor, q: Tensor, *, base: float = math.e) -> Tensor:
    """sum_i p_i log(p_i / q_i): at least 0, and 0 only where the laws agree; infinite where q_i = 0 < p_i.

    It is not symmetric and no distance. Minimising it over q, minimising the cross-entropy and maximising the
    likelihood have one solution, since entropy(p) does not depend on q.

    Systems: kl-divergence
    Source: Kullback and Leibler 1951; Hifny A1.6 (eq. 1.4), Martinez-Ramon A8.7 (part 2c).

    >>> kl_divergence(torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1]))
    tensor(0.5108)
    """
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum(-1) / math.log(base)


def conditional_entropy(joint: Tensor, *, base: float = math.e) -> Tensor:
    """-sum_so P(s, o) log P(s | o) for a joint table (..., n_s, n_o): what is left to learn of s once o is known.

    Systems: shannon-entropy
    Source: Hifny A1.4 (eq. 1.2).

    >>> conditional_entropy(torch.tensor([[0.3, 0.2], [0.1, 0.4]]))
    tensor(0.6068)
    """
    return entropy(joint.flatten(-2), base=base) - entropy(joint.sum(-2), base=base)


def mutual_information(joint: Tensor, *, base: float = math.e) -> Tensor:
    """+sum_so P(s, o) log(P(s, o) / (P(s) P(o))) for a joint table (..., n_s, n_o): symmetric and at least 0.

    It is the divergence of the joint law from the product of its margins, and S(s) - S(s | o).

    Systems: mutual-information
    Source: Hifny A1.5 (eq. 1.3), which prints a minus before the sum (F1): the plus is right.

    >>> mutual_information(torch.tensor([[0.3, 0.2], [0.1, 0.4]]))
    tensor(0.0863)
    """
    independent = joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)
    return kl_divergence(joint.flatten(-2), independent.flatten(-2), base=base)


def total_variation(p: Tensor, q: Tensor) -> Tensor:
    """sum_i |p_i - q_i| / 2, from 0 to 1: the largest difference in probability that an event can have.

    Systems: jensen-shannon
    Source: Martinez-Ramon A8.7 (eq. 8.5, part 2c).

    >>> total_variation(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75]))
    tensor(0.2500)
    """
    return (p - q).abs().sum(-1) / 2


def jensen_shannon(p: Tensor, q: Tensor, *, base: float = math.e) -> Tensor:
    """(KL(p, m) + KL(q, m)) / 2 with m = (p + q) / 2: symmetric, and at most log 2, which disjoint laws reach.

    The square root of it is a distance. Martinez-Ramon (eq. 8.7) leaves out the factor 1/2, so that his largest value
    is 2 log 2, and says that it can be infinite: it cannot, since m is above 0 wherever p or q is.

    Systems: jensen-shannon
    Source: Lin 1991; Martinez-Ramon A8.7 (part 2c, F8-5).

    >>> jensen_shannon(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    middle = (p + q) / 2
    return (kl_divergence(p, middle, base=base) + kl_divergence(q, middle, base=base)) / 2


def wasserstein_1(p: Tensor, q: Tensor, places: Tensor | None = None) -> Tensor:
    """The least mean way that probability p must be carried to become q, over sorted `places` (n,) on a line.

        W = integral |F_p(t) - F_q(t)| dt = sum_i |F_p(i) - F_q(i)| (places_{i + 1} - places_i)

    Without `places` they are 0, 1, 2, .... It is finite for disjoint laws, and grows with how far apart they lie.

    Systems: wasserstein-1
    Source: Vallender 1974; Martinez-Ramon A8.7 (eq. 8.8, part 2c).

    >>> wasserstein_1(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75]))
    tensor(0.2500)
    """
    gaps = p.new_ones(p.shape[-1] - 1) if places is None else places.diff()
    return ((p - q).cumsum(-1)[..., :-1].abs() * gaps).sum(-1)


def negative_log_likelihood(log_p: Tensor, weight: Tensor | None = None) -> Tensor:
    """-(1 / N) sum_i log p(y_i | x_i) for the log-probabilities (N,) that a model gave to what happened.

    With the `weight` (N,) of each row it is their weighted mean. Its minimum is where the divergence of the model's law
    from the law of the data is least: the cross-entropy of the empirical law and the model's is this number.

    Systems: maximum-likelihood-nll
    Source: Fisher 1922; Hifny A1.7, Martinez-Ramon 1.5.1 (eq. 1.59) and A9.1 (part 2c), Jaiswal J24, Keras course K21.

    >>> negative_log_likelihood(torch.tensor([0.5, 0.25]).log())
    tensor(1.0397)
    """
    return -log_p.mean() if weight is None else -(weight * log_p).sum() / weight.sum()


def jensen_gap(function: Callable[[Tensor], Tensor], samples: Tensor, weight: Tensor | None = None) -> Tensor:
    """E f(x) - f(E x) over samples (n,): at least 0 for convex f, at most 0 for concave f, 0 where x does not vary.

    Systems: jensen-gap
    Source: Jensen 1906; Hifny A1.8, which states f(E x) <= E f(x) for the concave logarithm (F3): there the sign turns.

    >>> jensen_gap(torch.log, torch.tensor([1.0, 3.0])) < 0 < jensen_gap(torch.exp, torch.tensor([1.0, 3.0]))
    tensor(True)
    """
    share = torch.full_like(samples, 1 / len(samples)) if weight is None else weight / weight.sum()
    return (share * function(samples)).sum() - function((share * samples).sum())


class Evidence(NamedTuple):
    """log p(x) as a bound and what it misses: log_evidence = elbo + gap."""

    elbo: Tensor
    gap: Tensor
    log_evidence: Tensor


def evidence_lower_bound(log_joint: Tensor, q: Tensor) -> Evidence:
    """E_q log p(x, z) + H(q) over a discrete z on the last axis, the gap KL(q || p(z | x)), and log p(x).

    The bound is to be maximised; it is tight where q is the posterior.

    Systems: elbo
    Source: Hifny A1.9 (eqs. 1.7 to 1.12), Martinez-Ramon A7.16 and A7.17 (part 2c).

    >>> bound = evidence_lower_bound(torch.tensor([0.1, 0.3]).log(), torch.tensor([0.5, 0.5]))
    >>> [round(float(v), 4) for v in bound]
    [-1.0601, 0.1438, -0.9163]
    """
    log_evidence = log_joint.logsumexp(-1)
    elbo = torch.where(q > 0, q * log_joint, 0.0).sum(-1) + entropy(q)
    posterior = (log_joint - log_evidence[..., None]).exp()
    return Evidence(elbo, kl_divergence(q, posterior), log_evidence)
