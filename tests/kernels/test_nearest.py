"""The compiled round of k-means against scikit-learn's and exact distances, also where float32 cannot tell."""

import pytest
import torch
from sklearn.cluster import kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin_min
from torch import Tensor

from parnassus import kernels
from parnassus.functional.nearest import lloyd_round

pytestmark = pytest.mark.skipif(kernels.load("nearest") is None, reason=kernels.status()["nearest"])
SIZES = [
    (1, 1, 1),
    (7, 3, 2),
    (127, 5, 4),
    (128, 8, 5),
    (129, 13, 8),
    (5000, 9, 11),
    (300, 17, 33),
]  # n, d, k


def drawn(n: int, d: int, k: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, torch.Generator]:
    g = torch.Generator().manual_seed(n + d + k)
    return (torch.randn(n, d, generator=g) * 3 + 1).to(dtype), torch.ones(d, dtype=torch.float64), g


def exactly(x: Tensor, origin: Tensor, centers: Tensor) -> Tensor:
    """Squared distances (n, k), a difference each."""
    return (x.double()[:, None] - origin - centers).square().sum(2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d", "k"), SIZES)
def test_a_round_finds_scikit_learns_nearest_and_adds_up_their_rows(n, d, k, dtype):
    x, origin, g = drawn(max(n, k), d, k, dtype)
    centers = torch.from_numpy(kmeans_plusplus(x.double().numpy(), k, random_state=0)[0]) + 0.01
    share = torch.rand(len(x), generator=g).double()
    labels, distance = pairwise_distances_argmin_min(x.double().numpy(), centers.numpy())
    found = lloyd_round(x, origin, share, centers - origin)
    assert found.labels.tolist() == labels.tolist()
    torch.testing.assert_close(found.distance, torch.from_numpy(distance).square(), rtol=1e-8, atol=1e-10)
    one_hot = torch.nn.functional.one_hot(found.labels, k).double() * share[:, None]
    torch.testing.assert_close(found.counts, one_hot.sum(0), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.sums, one_hot.T @ (x.double() - origin), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found.inertia, (found.distance * share).sum(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("apart", [1e-3, 1e-7, 1e-9])
def test_centers_closer_than_float32_can_tell_are_told_apart(apart):
    """Rows lie between pairs of centers, to one side by a little: float32 alone has some of them wrong from 1e-7 on."""
    g = torch.Generator().manual_seed(0)
    pairs = torch.randn(6, 5, generator=g).double() * 4
    way = torch.randn(6, 5, generator=g).double()
    centers = torch.cat([pairs - way, pairs + way])
    of = torch.randint(6, (700,), generator=g)
    side = torch.where(torch.rand(700, generator=g) < 0.5, -1.0, 1.0).double()[:, None]
    x = pairs[of] + side * apart * way[of]
    found = lloyd_round(x, torch.zeros(5, dtype=torch.float64), None, centers)
    assert found.labels.tolist() == (of + 6 * (side[:, 0] > 0)).tolist()
    rounded = (x.float()[:, None] - centers.float()).square().sum(2).argmin(1)
    assert (rounded != found.labels).any() or apart > 1e-7  # or this would be no test


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1e-3, 1e6, 1e18, 1e30])
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_numbers_of_any_size_have_their_exact_nearest(scale, offset):
    g = torch.Generator().manual_seed(1)
    x = (torch.randn(400, 6, generator=g).double() + offset) * scale
    origin, centers = (
        torch.full((6,), offset * scale, dtype=torch.float64),
        torch.randn(9, 6, generator=g).double() * scale,
    )
    found, exact = lloyd_round(x, origin, None, centers), exactly(x, origin, centers)
    assert found.labels.tolist() == exact.argmin(1).tolist()
    torch.testing.assert_close(found.distance, exact.min(1).values, rtol=1e-12, atol=0)


def test_years_in_float32_keep_their_distances():
    """2,000 and a little, of which float32 keeps four decimals: they are exact from there on."""
    g = torch.Generator().manual_seed(2)
    x = 2000 + torch.rand(500, 3, generator=g)
    origin, centers = x.double().mean(0), torch.rand(4, 3, generator=g).double() - 0.5
    found, exact = lloyd_round(x, origin, None, centers), exactly(x, origin, centers)
    assert found.labels.tolist() == exact.argmin(1).tolist()
    torch.testing.assert_close(found.inertia, exact.min(1).values.sum(), rtol=1e-12, atol=0)


def test_of_equal_centers_the_first_is_taken():
    x = torch.arange(300.0)[:, None].expand(-1, 2).contiguous()
    centers = torch.tensor([[5.0, 5.0], [5.0, 5.0], [200.0, 200.0], [200.0, 200.0]], dtype=torch.float64)
    found = lloyd_round(x, torch.zeros(2, dtype=torch.float64), None, centers)
    assert found.counts.tolist() == [103, 0, 197, 0]  # 102 lies nearer to 5 and 103 to 200: 102.5 is the middle


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_round_without_shares_or_labels_adds_up_the_same(dtype):
    x, origin, g = drawn(300, 5, 7, dtype)
    centers = torch.randn(7, 5, generator=g).double()
    whole = lloyd_round(x, origin, torch.ones(300, dtype=torch.float64), centers)
    found = lloyd_round(x, origin, None, centers, told=False)
    assert all(torch.equal(a, b) for a, b in zip(found[:3], whole[:3], strict=True))
    assert len(found.labels) == len(found.distance) == 0


def test_the_number_of_threads_changes_no_bit():
    x, origin, g = drawn(20_000, 6, 5, torch.float64)
    share, centers = torch.rand(20_000, generator=g).double(), torch.randn(5, 6, generator=g).double()
    before, found = torch.get_num_threads(), []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            found.append(lloyd_round(x, origin, share, centers))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
