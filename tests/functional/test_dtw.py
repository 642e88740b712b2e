"""Dynamic time warping against all paths written out, and the kernel against its twin."""

import itertools

import numpy as np
import pytest
import torch

from parnassus.errors import DataError, SettingError
from parnassus.functional.dtw import dtw, dtw_distances, local_costs, within_band


def least_of_all_paths(cost: np.ndarray) -> float:
    """The least sum over monotone paths, each written out."""
    n, m = cost.shape
    best, open_ = np.inf, [(0, 0, 0.0)]
    while open_:
        i, j, total = open_.pop()
        total += cost[i, j]
        if (i, j) == (n - 1, m - 1):
            best = min(best, total)
        open_ += [(a, b, total) for a, b in ((i + 1, j), (i, j + 1), (i + 1, j + 1)) if a < n and b < m]
    return best


def drawn(n: int, d: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (5, 5), (6, 3), (4, 7)])
@pytest.mark.parametrize("squared", [False, True])
def test_the_total_is_the_least_of_all_paths(n, m, squared):
    x, y = drawn(n), drawn(m, seed=1)
    expected = least_of_all_paths(local_costs(x, y, squared=squared).numpy())
    assert dtw(x, y, squared=squared).total == pytest.approx(expected, abs=1e-12)
    assert float(dtw_distances([x], [y], squared=squared)) == pytest.approx(expected, abs=1e-12)


def test_local_costs_are_those_of_scipy():
    from scipy.spatial.distance import cdist

    x, y = drawn(6), drawn(4, seed=1)
    np.testing.assert_allclose(local_costs(x, y), cdist(x, y), atol=1e-12)


def test_the_path_is_monotone_and_costs_its_total():
    x, y = drawn(9), drawn(6, seed=2)
    found = dtw(x, y)
    steps = {tuple(s) for s in (found.path[1:] - found.path[:-1]).tolist()}
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    cost = local_costs(x, y)
    assert float(cost[found.path[:, 0], found.path[:, 1]].sum()) == pytest.approx(found.total)


@pytest.mark.parametrize(("n", "m", "band"), list(itertools.product((1, 7, 12), (1, 7, 30), (None, 0, 2))))
def test_kernel_and_twin_agree_with_any_band(n, m, band, monkeypatch):
    queries, templates = [drawn(n), drawn(n + 2, seed=3)], [drawn(m, seed=1), drawn(5, seed=2)]
    fast = dtw_distances(queries, templates, band=band)
    assert float(fast[0, 0]) == pytest.approx(dtw(queries[0], templates[0], band=band).total, rel=1e-10)
    monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    torch.testing.assert_close(fast, dtw_distances(queries, templates, band=band))
    assert bool(fast.isfinite().all())


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (9, 6), (4, 7)])
def test_the_twin_goes_the_kernels_way(n, m, monkeypatch):
    x, y = drawn(n), drawn(m, seed=2)
    total, path = dtw(x, y)
    monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    twin = dtw(x, y)
    assert twin.total == pytest.approx(total, rel=1e-12)
    assert twin.path.tolist() == path.tolist()


def test_a_band_forbids_what_lies_off_the_diagonal():
    assert int(within_band(5, 5, 0).sum()) == 5
    assert int(within_band(5, 5, 1).sum()) == 13
    x = drawn(8)
    late = torch.cat([x[:1].expand(4, -1), x[:-4]])
    assert dtw(x, late, band=1).total > dtw(x, late).total


def test_time_that_runs_slower_costs_nothing():
    x = drawn(5)
    assert dtw(x, x.repeat_interleave(3, 0)).total == pytest.approx(0, abs=1e-12)


def test_frames_of_other_widths_and_bands_below_zero_are_refused():
    with pytest.raises(DataError, match=r"one width; got \(4, 3\) and \(4, 2\)"):
        dtw(drawn(4), drawn(4, 2))
    with pytest.raises(SettingError, match="band"):
        dtw(drawn(4), drawn(4), band=-1)
