"""Distances of windows: as written out one by one, as the kernel's twin gives them, and as STUMPY does."""

import numpy as np
import pytest
import torch

from parnassus.errors import DataError, SettingError
from parnassus.functional.subsequences import by_blocks, distance_profile, matrix_profile
from parnassus.functional.subsequences.profiles import MatrixProfile
from parnassus.functional.subsequences.repeats import discords, motifs, nearest_places


def walk(n, seed=0):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).cumsum(0)


def z(values):
    return (values - values.mean()) / values.std()


def written_out(series, window, exclusion):
    rows = [z(w) for w in np.lib.stride_tricks.sliding_window_view(series.numpy(), window)]
    table = np.array([[np.linalg.norm(a - b) for b in rows] for a in rows])
    i = np.arange(len(rows))
    table[np.abs(i[:, None] - i) <= exclusion] = np.inf
    return table


def test_the_distance_profile_is_the_norm_of_z_normalised_differences():
    series, query = walk(80), walk(12, seed=1)
    windows = np.lib.stride_tricks.sliding_window_view(series.numpy(), 12)
    expected = [np.linalg.norm(z(w) - z(query.numpy())) for w in windows]
    np.testing.assert_allclose(distance_profile(query, series), expected, atol=1e-9)


def test_a_scaled_and_lifted_copy_is_at_no_distance():
    series = walk(60)
    assert float(distance_profile(7 * series[20:35] - 100, series)[20]) == 0


@pytest.mark.parametrize(("n", "window"), [(40, 5), (61, 8), (200, 16), (33, 10)])
def test_the_matrix_profile_is_the_least_of_all_pairs(n, window):
    series, exclusion = walk(n), -(-window // 4)
    table = written_out(series, window, exclusion)
    found = matrix_profile(series, window)
    np.testing.assert_allclose(found.distance, table.min(1), atol=1e-8)
    np.testing.assert_array_equal(found.neighbour, table.argmin(1))


@pytest.mark.parametrize("constant", [[], [(50, 90)], [(50, 90), (200, 260)], [(0, 300)]])
def test_kernel_and_twin_agree_with_constant_stretches(constant, monkeypatch):
    series = walk(300) + 1e4
    for begin, end in constant:
        series[begin:end] = series[begin]
    fast = matrix_profile(series, 20, exclusion=3)
    monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    slow = matrix_profile(series, 20, exclusion=3)
    assert torch.allclose(fast.distance, slow.distance, atol=1e-6)
    if not constant:
        assert torch.equal(fast.neighbour, slow.neighbour)


def test_it_is_the_same_for_any_number_of_threads():
    series, before = walk(3000), torch.get_num_threads()
    one = matrix_profile(series, 30)
    try:
        torch.set_num_threads(3)
        three = matrix_profile(series, 30)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one.distance, three.distance)
    assert torch.equal(one.neighbour, three.neighbour)


def test_covariances_do_not_drift_along_a_long_series():
    series = walk(12_000) * 1e3 + 1e6
    found = matrix_profile(series, 50)
    for i in (0, 5000, 11_900):
        row = distance_profile(series[i : i + 50], series)
        row[max(0, i - 13) : i + 14] = torch.inf
        assert float(found.distance[i]) == pytest.approx(float(row.min()), abs=1e-5)


def test_profiles_are_those_of_stumpy():
    stumpy = pytest.importorskip("stumpy", reason="stumpy is not installed")
    series, other = walk(400), walk(250, seed=2)
    series[100:160] = 3.0
    expected = stumpy.stump(series.numpy(), 25)
    np.testing.assert_allclose(matrix_profile(series, 25).distance, expected[:, 0].astype(float), atol=1e-6)
    expected = stumpy.stump(series.numpy(), 25, other.numpy(), ignore_trivial=False)
    found = matrix_profile(series, 25, other=other)
    np.testing.assert_allclose(found.distance, expected[:, 0].astype(float), atol=1e-6)
    np.testing.assert_allclose(
        distance_profile(other[:25], series), stumpy.mass(other[:25].numpy(), series.numpy()), atol=1e-6
    )


def test_the_blocks_of_the_twin_join_without_a_seam(monkeypatch):
    from parnassus.functional.subsequences import windows

    series = walk(300)
    whole = by_blocks(series, series, 10, 3)
    monkeypatch.setattr(windows, "BLOCK", 170)
    parts = by_blocks(series, series, 10, 3)
    assert torch.equal(whole.neighbour, parts.neighbour)
    assert torch.allclose(whole.distance, parts.distance, atol=1e-9)


@pytest.mark.parametrize(("error", "words", "call"), [
    (DataError, "fewer than a window", lambda: matrix_profile(walk(10), 11)),
    (DataError, "two windows", lambda: matrix_profile(walk(10), 9)),
    (DataError, "step 3", lambda: matrix_profile(torch.tensor([0, 1, 2, float("nan"), 4, 5, 6]), 2)),
    (SettingError, "at least 2", lambda: matrix_profile(walk(10), 1)),
    (SettingError, "exclusion", lambda: matrix_profile(walk(10), 2, exclusion=-1)),
    (SettingError, "exclusion=2", lambda: matrix_profile(walk(10), 3, other=walk(9), exclusion=2)),
    (DataError, r"\(time,\)", lambda: distance_profile(walk(3), torch.zeros(4, 4))),
])  # fmt: skip
def test_what_is_no_series_is_refused(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_places_do_not_overlap_and_the_nearest_come_first():
    assert nearest_places(torch.tensor([5.0, 1, 0, 1, 4, 3]), None, 2, within=4) == [2, 5]


def test_planted_motifs_and_a_planted_discord_are_found():
    g = torch.Generator().manual_seed(3)
    series = torch.randn(600, generator=g, dtype=torch.float64)
    shape = 20 * torch.sin(torch.linspace(0, 9, 40, dtype=torch.float64))
    for place in (100, 300, 420):
        series[place : place + 40] += shape
    found = motifs(series, matrix_profile(series, 40), 2)
    off = [a - b for a, b in zip(found[0].places, (100, 300, 420), strict=True)]
    assert max(off) - min(off) <= 1
    assert abs(off[0]) < 20
    assert all(abs(p - q) >= 40 for p in found[0].places for q in found[1].places)

    periodic = torch.sin(torch.arange(800, dtype=torch.float64) * 2 * torch.pi / 50) + 0.01 * torch.randn(
        800, generator=g, dtype=torch.float64
    )
    periodic[410:420] += 1.5
    assert 410 - 50 < discords(matrix_profile(periodic, 50), 1)[0] < 420


def test_windows_without_a_neighbour_are_no_discords():
    profile = MatrixProfile(torch.tensor([1.0, torch.inf, 2.0]), torch.tensor([2, -1, 0]), 1)
    assert discords(profile, 3) == [2, 0]


@pytest.mark.parametrize("spike", [1e10, 1e16, 1e20])
def test_one_huge_value_hides_no_other_window(spike):
    series, query = walk(200), walk(200)[60:80].clone()
    series[150] = spike
    assert float(distance_profile(query, series)[60]) == pytest.approx(0, abs=1e-6)
    found, table = matrix_profile(series, 12), written_out(series, 12, 3)
    np.testing.assert_allclose(found.distance, table.min(1), atol=1e-6)
