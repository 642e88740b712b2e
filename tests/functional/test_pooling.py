"""Pools: the books' numbers, torch, and what they do not see."""

import pytest
import torch
from torch.nn import functional as F

from parnassus.errors import SettingError
from parnassus.functional import pooling

pytestmark = pytest.mark.usefixtures("draws")
SIXTEEN = torch.arange(1.0, 17).view(1, 1, 4, 4)


@pytest.mark.parametrize(
    ("x", "highest", "mean"),
    [
        ([[1, 3, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], [[6, 8], [3, 4]], [[3.75, 5.25], [2, 2]]),
        ([[1, 3, 2, 4], [5, 6, 1, 0], [7, 2, 9, 8], [0, 4, 3, 5]], [[6, 4], [7, 9]], [[3.75, 1.75], [3.25, 6.25]]),
        (SIXTEEN[0, 0].tolist(), [[6, 8], [14, 16]], [[3.5, 5.5], [11.5, 13.5]]),
    ],
    ids=["0 B42", "1 B10", "3 B22"],
)
def test_0_B42_and_1_B10_and_3_B22_maxima_and_means(x, highest, mean):
    x = torch.tensor(x, dtype=torch.float32)[None, None]
    assert pooling.max_pool(x, 2)[0, 0].tolist() == highest
    assert pooling.average_pool(x, 2)[0, 0].tolist() == mean


def test_3_B22_norms_shifts_and_quadrants():
    found = pooling.l2_pool(SIXTEEN, 2)[0, 0]
    torch.testing.assert_close(found, torch.tensor([[8.12404, 11.74734], [23.36664, 27.31300]]), atol=1e-4, rtol=0)
    detector, shifted = (torch.tensor([[row]]) for row in ([0.1, 1, 0.2, 0.1], [0.3, 0.1, 1, 0.2]))
    pools = [pooling.max_pool(F.pad(x, (1, 1), value=-1), 3, stride=1)[0, 0].tolist() for x in (detector, shifted)]
    assert pools[0] == pytest.approx([1, 1, 1, 0.2])
    assert pools[1] == pytest.approx([0.3, 1, 1, 1])
    grid = torch.arange(1.0, 36).view(1, 1, 5, 7)
    assert pooling.adaptive_pool(grid, 2)[0, 0].tolist() == [[18, 21], [32, 35]]
    assert pooling.adaptive_pool(grid, 2, how="average")[0, 0].tolist() == [[9.5, 12.5], [23.5, 26.5]]


def test_4_B38_a_pool_with_two_strides():
    x = torch.tensor([[1.0, 3, 2, 4], [5, 6, 1, 2], [7, 2, 8, 0]])[None, None]
    assert pooling.max_pool(x, 2, stride=(1, 2))[0, 0].tolist() == [[6, 4], [7, 8]]


def test_1_B16_no_weights_for_where_things_are():
    x = torch.rand(2, 512, 7, 7)
    assert x.flatten(1).shape[1] == 25_088
    assert pooling.global_pool(x).shape == (2, 512)
    assert (25_088 * 1000 + 1000, 512 * 1000 + 1000) == (25_089_000, 513_000)
    torch.testing.assert_close(pooling.global_pool(x), F.adaptive_avg_pool2d(x, 1).flatten(1))
    torch.testing.assert_close(pooling.global_pool(x, how="max"), F.adaptive_max_pool2d(x, 1).flatten(1))


@pytest.mark.parametrize("n_axes", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, None])
def test_pools_of_windows_are_torchs(n_axes, stride):
    x = torch.randn(2, 3, *(9, 8, 7)[:n_axes], dtype=torch.float64)
    every = pooling.windows(x, 3, stride=stride)
    torch.testing.assert_close(pooling.max_pool(x, 3, stride=stride), every.amax(-1))
    torch.testing.assert_close(pooling.average_pool(x, 3, stride=stride), every.mean(-1))
    if n_axes < 3:
        lp = (F.lp_pool1d, F.lp_pool2d)[n_axes - 1]
        torch.testing.assert_close(pooling.l2_pool(x, 3, stride=stride), lp(x, 2, 3, stride))


def test_distance_weights_lie_between_the_middle_and_the_mean():
    x = torch.randn(1, 2, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(
        pooling.distance_weighted_pool(x, 3, sigma=1e3), pooling.average_pool(x, 3), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(pooling.distance_weighted_pool(x, 3, sigma=0.05), x[..., 1::3, 1::3])
    ones = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(pooling.distance_weighted_pool(ones, 2), torch.ones(1, 1, 2, 2, dtype=torch.float64))


def test_detectors_of_turned_kernels_answer_to_turned_pictures():
    """Jaiswal, figure 3.8: three orientations, one answer."""
    kernel = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]])
    bank = torch.stack([kernel.rot90(i) for i in range(4)])[:, None]
    answers = [pooling.cross_channel_pool(F.conv2d(kernel.rot90(i)[None, None], bank), 4).item() for i in range(4)]
    assert answers == [3.0] * 4
    with pytest.raises(SettingError, match="4 channels do not divide into groups of 3"):
        pooling.cross_channel_pool(torch.zeros(1, 4, 2, 2), 3)


def test_a_pyramid_is_a_vector_of_one_length():
    sizes = [pooling.spatial_pyramid_pool(torch.rand(2, 3, *shape)) for shape in ((7, 9), (13, 6))]
    assert [tuple(s.shape) for s in sizes] == [(2, 3 * (1 + 4 + 16))] * 2
    torch.testing.assert_close(sizes[0][:, :3], sizes[0][:, 3:15].view(2, 3, 4).amax(2))  # the top is the largest below


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pooling.windows(torch.zeros(1, 1, 2), 3), "do not fit"),
        (lambda: pooling.global_pool(torch.zeros(1, 1, 2), how="mean"), "'mean'"),
        (lambda: pooling.adaptive_pool(torch.zeros(1, 1, 2), 1, how="sum"), "'sum'"),
    ],
)
def test_what_makes_no_pool_is_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()
