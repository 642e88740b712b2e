"""Entropies, divergences and bounds against scipy, scikit-learn and closed forms."""

import math

import numpy as np
import torch
from torch import Tensor

from ..functional import information
from . import check, gap

LAW = torch.tensor([0.5, 0.25, 0.2, 0.05, 0.0], dtype=torch.float64)
OTHER = torch.tensor([0.1, 0.4, 0.1, 0.2, 0.2], dtype=torch.float64)


@check("shannon-entropy", "kl-divergence", "cross-entropy-discrete", oracle="scipy", tolerance=1e-12)
def entropies_against_scipy() -> float:
    """H(p), KL(p, q) and the cross-entropy, their sum, of laws of five events, in nats and bits."""
    from scipy.stats import entropy

    p, q = LAW.numpy(), OTHER.numpy()
    return max(
        gap(information.entropy(LAW), entropy(p)),
        gap(information.entropy(LAW, base=2), entropy(p, base=2)),
        gap(information.kl_divergence(LAW, OTHER), entropy(p, q)),
        gap(information.cross_entropy(LAW, OTHER), entropy(p) + entropy(p, q)),
    )


@check("mutual-information", oracle="scikit-learn", tolerance=1e-12)
def mutual_information_of_a_table() -> float:
    """The mutual information of a table of counts, 3 x 4, against scikit-learn's of the labels that it counts."""
    from sklearn.metrics import mutual_info_score

    counts = np.random.default_rng(0).integers(0, 20, (3, 4))
    theirs = mutual_info_score(None, None, contingency=counts)
    return gap(information.mutual_information(torch.from_numpy(counts / counts.sum())), theirs)


@check("jensen-shannon", "wasserstein-1", oracle="scipy", tolerance=1e-12)
def distances_of_laws_against_scipy() -> float:
    """The Jensen-Shannon divergence and the earth mover's distance of laws on uneven places."""
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import wasserstein_distance

    p, q, places = LAW.numpy(), OTHER.numpy(), np.array([0.0, 0.5, 2.0, 3.0, 7.0])
    moved = information.wasserstein_1(LAW, OTHER, torch.from_numpy(places))
    return max(
        gap(information.jensen_shannon(LAW, OTHER), jensenshannon(p, q) ** 2),
        gap(moved, wasserstein_distance(places, places, p, q)),
    )


@check("maximum-likelihood-nll", oracle="scipy", tolerance=1e-9)
def likelihood_of_a_normal_law() -> float:
    """The mean negative log-likelihood of draws is least at the mean and deviation that scipy fits."""
    from scipy.stats import norm

    x = torch.from_numpy(np.random.default_rng(1).normal(2, 3, 50))
    at = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)  # the mean, the log of the deviation
    mover = torch.optim.LBFGS(
        [at], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        mover.zero_grad()
        log_p = -0.5 * ((x - at[0]) / at[1].exp()).square() - at[1] - 0.5 * math.log(2 * math.pi)
        value = information.negative_log_likelihood(log_p)
        value.backward()
        return value

    with torch.enable_grad():
        mover.step(loss)
    mean, deviation = norm.fit(x.numpy())
    return gap([float(at[0].detach()), float(at[1].detach().exp())], [mean, deviation])


@check("jensen-gap", "elbo", oracle="(closed form)", tolerance=1e-12)
def bounds_by_hand() -> float:
    """Jensen's gap of the square is the variance; a bound on the evidence misses KL(q, posterior), and sums to it."""
    x = torch.from_numpy(np.random.default_rng(2).normal(size=20))

    def square(v: Tensor) -> Tensor:
        return v.square()

    joint = torch.tensor([0.3, 0.1, 0.2], dtype=torch.float64)  # p(x, z) of three z: p(x) = 0.6
    q = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    found = information.evidence_lower_bound(joint.log(), q)
    missed = float((q * (q / (joint / 0.6)).log()).sum())
    return max(
        gap(information.jensen_gap(square, x), x.var(correction=0)),
        gap(found.log_evidence, math.log(0.6)),
        gap(found.gap, missed),
        gap(found.elbo, math.log(0.6) - missed),
    )
