"""Made series against the numbers of the books."""

import numpy as np
import pytest

from parnassus.data.timeseries import synthetic_series as made
from parnassus.errors import SettingError


def test_the_harmonic_signal_is_the_books():
    """2b:B18: twelve values, period 12, variance about 0.756 (of 200 values)."""
    y = made.harmonic(200, noise=0)
    due = [2, 0.866025, 0, 0, -1, -0.866025, 0, -0.866025, -1, 0, 0, 0.866025]
    np.testing.assert_allclose(y[:12], due, atol=1e-6)
    np.testing.assert_allclose(y[12:24], y[:12], atol=1e-9)
    assert y.var() == pytest.approx(0.756, abs=0.01)


def test_the_sine_mix_is_the_books():
    """2c:B9.9."""
    x = [-0.5, -0.2, -0.1, 0, 0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.8, 0.9, 1, 1.2]
    due = [-0.5, -0.661653, -0.561653, 0, 0.561653, 0.661653, 0.55, 0.291019, 0.5, 0.708981, 0.338347, 0.438347, 1,
           1.661653]  # fmt: skip
    np.testing.assert_allclose(made.sine_mix(np.array(x)), due, atol=1e-6)


def test_the_lag_of_a_season_leaves_twice_the_noise():
    """2b:B18: the naive forecast of lag 12 has squared error 2 sigma^2 = 0.02."""
    y = made.harmonic(20_000, noise=0.1)
    assert np.square(y[12:] - y[:-12]).mean() == pytest.approx(0.02, rel=0.05)


def test_equal_seeds_give_equal_series_and_settings_are_checked():
    np.testing.assert_array_equal(made.load_profile(3, seed=4), made.load_profile(3, seed=4))
    assert (made.sine(50, noise=0.1) != made.sine(50, noise=0.1, seed=1)).any()
    with pytest.raises(SettingError, match="at least 1"):
        made.sine(0)
    with pytest.raises(SettingError, match="noise"):
        made.harmonic(noise=-1)
