"""Benchmarks as models: what they refuse."""

import numpy as np
import pytest

import parnassus as pn


def test_a_season_that_has_not_gone_by_once_is_not_repeated():
    y = np.arange(11.0)
    with pytest.raises(pn.DataError, match="11 steps, and a season of 12 has not gone by once"):
        pn.Forecaster("seasonal_naive", horizon=4, season=12).fit(y)
    one = pn.Forecaster("seasonal_naive", horizon=4, season=11).fit(y)
    assert one.predict().tolist() == [0, 1, 2, 3]
