"""Entropies and divergences against scipy and scikit-learn, and what must hold of them."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import mutual_info_score

from parnassus.functional import information


def laws(n: int = 6, rows: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(n), rows))


@pytest.mark.parametrize("base", [math.e, 2])
def test_entropy_and_kl_are_scipys(base: float) -> None:
    p, q = laws(), laws(seed=1)
    assert information.entropy(p, base=base).numpy() == pytest.approx(stats.entropy(p, base=base, axis=1))
    ours = information.kl_divergence(p, q, base=base).numpy()
    assert ours == pytest.approx(stats.entropy(p, q, base=base, axis=1))
    both = information.entropy(p, base=base) + information.kl_divergence(p, q, base=base)
    assert torch.allclose(information.cross_entropy(p, q, base=base), both)


def test_what_never_happens_counts_nothing() -> None:
    p = torch.tensor([0.5, 0.5, 0.0])
    assert information.entropy(p).item() == pytest.approx(math.log(2))
    assert information.kl_divergence(p, torch.tensor([0.25, 0.25, 0.5])).item() == pytest.approx(math.log(2))
    assert information.kl_divergence(p, torch.tensor([1.0, 0.0, 0.0])).item() == math.inf
    assert information.self_information(torch.tensor(0.0)).item() == math.inf


def test_mutual_information_is_scikit_learns_and_symmetric() -> None:
    counts = np.random.default_rng(0).integers(1, 9, (3, 4))
    joint = torch.from_numpy(counts / counts.sum())
    ours = information.mutual_information(joint)
    assert ours.item() == pytest.approx(mutual_info_score(None, None, contingency=counts))
    assert ours.item() == pytest.approx(information.mutual_information(joint.T).item())
    marginal = information.entropy(joint.sum(1))
    assert ours.item() == pytest.approx((marginal - information.conditional_entropy(joint)).item())


def test_jensen_shannon_is_scipys_distance_squared() -> None:
    from scipy.spatial.distance import jensenshannon

    p, q = laws(), laws(seed=1)
    expected = [jensenshannon(a, b) ** 2 for a, b in zip(p, q, strict=True)]
    assert information.jensen_shannon(p, q).numpy() == pytest.approx(expected)


def test_wasserstein_is_scipys_on_uneven_places() -> None:
    places = torch.tensor([0.0, 0.5, 2.0, 2.5, 7.0, 8.0], dtype=torch.float64)
    p, q = laws(), laws(seed=1)
    expected = [stats.wasserstein_distance(places, places, a, b) for a, b in zip(p, q, strict=True)]
    assert information.wasserstein_1(p, q, places).numpy() == pytest.approx(expected)


def test_total_variation_is_the_largest_difference_of_an_event() -> None:
    p, q = laws(rows=1)[0], laws(rows=1, seed=1)[0]
    events = torch.tensor([[(e >> i) & 1 for i in range(6)] for e in range(64)], dtype=p.dtype)
    assert information.total_variation(p, q).item() == pytest.approx(float((events @ (p - q)).abs().max()))


def test_the_likeliest_law_is_the_nearest_one() -> None:
    """Least NLL, least cross-entropy and least divergence are at one place: the empirical frequencies."""
    seen = torch.tensor([0, 0, 1, 2, 2, 2, 2, 1])
    empirical = torch.bincount(seen).double() / len(seen)
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    candidates = torch.cat([logits.softmax(1), empirical[None]])
    nll = torch.stack([information.negative_log_likelihood(q.log()[seen]) for q in candidates])
    assert nll.argmin() == information.kl_divergence(empirical, candidates).argmin() == 50
    assert torch.allclose(nll, information.cross_entropy(empirical, candidates))
    assert nll[-1].item() == pytest.approx(information.entropy(empirical).item())


def test_weighted_likelihood_counts_a_row_so_many_times() -> None:
    log_p, times = torch.tensor([-1.0, -2.0, -4.0]), torch.tensor([2, 1, 3])
    repeated = information.negative_log_likelihood(log_p.repeat_interleave(times))
    assert information.negative_log_likelihood(log_p, times.float()).item() == pytest.approx(repeated.item())


def test_the_jensen_gap_has_the_sign_of_the_curvature() -> None:
    x = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    assert information.jensen_gap(torch.exp, x) > 0 > information.jensen_gap(torch.sqrt, x)
    assert information.jensen_gap(lambda v: 3 * v - 1, x).item() == pytest.approx(0, abs=1e-12)
    weight = torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)
    repeated = information.jensen_gap(torch.exp, torch.tensor([0.5, 1.0, 4.0, 4.0], dtype=torch.float64))
    assert information.jensen_gap(torch.exp, x, weight).item() == pytest.approx(repeated.item())


def test_the_bound_is_below_the_evidence_and_tight_at_the_posterior() -> None:
    log_joint = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bound = information.evidence_lower_bound(log_joint, laws(4, 5))
    assert (bound.gap > 0).all()
    assert torch.allclose(bound.elbo + bound.gap, bound.log_evidence)
    tight = information.evidence_lower_bound(log_joint, log_joint.softmax(1))
    assert torch.allclose(tight.elbo, tight.log_evidence)
    certain = information.evidence_lower_bound(torch.tensor([-1.0, -math.inf]), torch.tensor([1.0, 0.0]))
    assert certain.elbo.item() == pytest.approx(-1.0)
