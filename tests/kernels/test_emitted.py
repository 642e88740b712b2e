"""The loop from frames to counts against the sum over every path, and against emissions, chain and moments in turn."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

import parnassus as pn
from parnassus import kernels
from parnassus.functional.chains import Chain, Emitted, expectations, gaussian_counts
from parnassus.functional.diagonals import log_densities, weighted_moments

pytestmark = pytest.mark.skipif(kernels.load("chains") is None, reason=kernels.status()["chains"])
# states, features, lengths: one, groups of four and rests, one longer than a piece of 4,096 frames
SIZES = [
    (1, 1, [1]),
    (2, 3, [5, 1, 7]),
    (4, 13, [300, 2, 129, 128, 64, 31, 1, 200, 99]),
    (8, 5, [9000]),
    (7, 9, [40] * 300),
]


def drawn(k: int, d: int, lengths: list[int]) -> tuple[Chain, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A chain with an exit, frames, lengths, an origin, means about it and variances."""
    g = torch.Generator().manual_seed(k + d)
    whole = torch.rand(k, k + 1, generator=g).double() + 0.05
    whole = whole / whole.sum(1, keepdim=True)
    start = torch.rand(k, generator=g).double()
    chain = Chain(start / start.sum(), whole[:, :k], whole[:, k])
    x = torch.randn(sum(lengths), d, generator=g).double() + 2
    means = torch.randn(k, d, generator=g).double()
    return (
        chain,
        x,
        torch.tensor(lengths),
        torch.full((d,), 2.0).double(),
        means,
        torch.rand(k, d, generator=g).double() + 1,
    )


def in_turn(chain: Chain, x: Tensor, lengths: Tensor, *densities: Tensor, weight: Tensor) -> Emitted:
    logs = log_densities(x, *densities)
    log_probs, gamma, xi = expectations(*chain[:2], logs, lengths, leave=chain.leave, weight=weight)
    ends = lengths.cumsum(0)
    own = weighted_moments(x, densities[0], gamma)
    return Emitted(log_probs, gamma[ends - lengths].sum(0), xi, gamma[ends - 1].sum(0), own)


def by_every_path(chain: Chain, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """p(x), gamma (n, K) and the sum of xi (K, K) of emissions b (n, K), by the sum over all paths."""
    (n, k), total = b.shape, torch.tensor(0.0).double()
    gamma, xi = torch.zeros(n, k).double(), torch.zeros(k, k).double()
    for path in itertools.product(range(k), repeat=n):
        p = chain.start[path[0]] * b[range(n), path].prod() * chain.leave[path[-1]]
        for i, j in itertools.pairwise(path):
            p = p * chain.transitions[i, j]
        total, gamma[range(n), path] = total + p, gamma[range(n), path] + p
        for i, j in itertools.pairwise(path):
            xi[i, j] += p
    return total, gamma / total, xi / total


def flat(found: Emitted) -> list[Tensor]:
    return [*found[:4], *found.moments]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_counts_are_those_of_every_path(k):
    chain, x, _, origin, means, variances = drawn(k, 2, [5])
    b = Normal(means + origin, variances.sqrt()).log_prob(x[:, None]).sum(2).exp()
    total, gamma, xi = by_every_path(chain, b)
    found = gaussian_counts(chain, x, torch.tensor([5]), origin, means, variances)
    z = x - origin
    wanted = [total.log()[None], gamma[0], xi, gamma[-1], gamma.sum(0), gamma.T @ z, gamma.T @ z.square()]
    for one, other in zip(flat(found), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("k", "d", "lengths"), SIZES, ids=["one", "few", "uneven", "long", "many"])
def test_counts_are_those_of_the_steps_in_turn(k, d, lengths, dtype):
    chain, x, sizes, *densities = drawn(k, d, lengths)
    weight = torch.linspace(0.5, 2, len(lengths)).double()
    found = gaussian_counts(chain, x.to(dtype), sizes, *densities, weight=weight)
    wanted = in_turn(chain, x.to(dtype), sizes, *densities, weight=weight)
    for one, other in zip(flat(found), flat(wanted), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("lengths", [[20_000], [500] * 40], ids=["one", "many"])
def test_the_number_of_threads_changes_no_bit(lengths):
    given, before, found = drawn(4, 6, lengths), torch.get_num_threads(), []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            found.append(flat(gaussian_counts(*given)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_what_scaling_cannot_hold_is_done_in_logarithms():
    """Two states that never meet, each of which explains one of two far frames: alpha is 0 where beta is not."""
    chain = Chain(torch.tensor([1.0, 1e-300]).double(), torch.eye(2).double(), torch.ones(2).double())
    x, lengths = torch.tensor([[0.0], [60.0], [60.0]]).double(), torch.tensor([3])
    densities = (torch.zeros(1).double(), torch.tensor([[0.0], [60.0]]).double(), torch.ones(2, 1).double())
    found, weight = gaussian_counts(chain, x, lengths, *densities), torch.ones(1).double()
    wanted = in_turn(chain, x, lengths, *densities, weight=weight)
    logs = log_densities(x, *densities)
    by_hand = (chain.start.log() + logs.sum(0)).logsumexp(0)
    torch.testing.assert_close(found.log_probs[0], by_hand, rtol=1e-12, atol=0)
    for one, other in zip(flat(found), flat(wanted), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"entry_exit": True}, {"covariance": "spherical"}], ids=str)
def test_a_model_trained_by_the_loop_is_the_one_trained_in_turn(monkeypatch, settings):
    _, x, _, _, _, _ = drawn(3, 2, [400])
    x[::7] += 6
    X = [part.numpy() for part in x.split([90, 100, 10, 200])]
    asked, by_loop = [], gaussian_counts
    monkeypatch.setattr(
        "parnassus.layers.emissions.gaussian_counts", lambda *a, **k: asked.append(1) or by_loop(*a, **k)
    )
    settings = settings | {
        "n_states": 3,
        "epochs": 6,
        "tol": 0.0,
        "progress": False,
        "initial": {"means": x[5:8].numpy()},
    }
    whole = pn.HMM("gaussian", **settings).fit(X)
    assert len(asked) == 6
    monkeypatch.setattr("parnassus.layers.emissions.gaussian_counts", lambda *a, **k: None)
    parts = pn.HMM("gaussian", **settings).fit(X)
    for name, one in whole.objective_.state_dict().items():
        torch.testing.assert_close(one, parts.objective_.state_dict()[name], rtol=1e-7, atol=1e-9)
