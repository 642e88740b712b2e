"""Scaling, filling and binning against scikit-learn and the books."""

import numpy as np
import pytest
from sklearn import preprocessing

from parnassus.data.tables import scaling
from parnassus.data.tables.scaling import Moments, Scaler, down
from parnassus.errors import DataError, SettingError


def learned(kinds, x):
    scaler = Scaler(kinds)
    moments = Moments(x.shape[1])
    moments.add(scaler.before(x.copy()))
    return scaler.fit(moments)


def scaled(kinds, x):
    scaler = learned(kinds, x)
    return scaler.forward(scaler.before(x.copy()))


TABLE = np.array([[25, 50000], [32, 60000], [45, 75000], [29, 55000], [39, 80000]], dtype=np.float64)


def test_0_B4_the_declared_range_gives_the_books_numbers():
    expected = np.array([[0.25, 0.5], [0.32, 0.6], [0.45, 0.75], [0.29, 0.55], [0.39, 0.8]])
    assert scaled([(0, 100), (0, 100000)], TABLE) == pytest.approx(expected)


def test_0_B4_min_max_differs_from_the_books_numbers():
    expected = np.array([[0, 0], [0.35, 1 / 3], [1, 5 / 6], [0.2, 1 / 6], [0.7, 1]])
    assert scaled(["minmax", "minmax"], TABLE) == pytest.approx(expected)
    assert scaled(["minmax"], TABLE[:, :1])[0, 0] != 0.25


def test_0_B4_z_scores():
    expected = [
        [-1.2577882, -1.2094158],
        [-0.2795085, -0.3455474],
        [1.5372967, 0.9502553],
        [-0.6987712, -0.7774816],
        [0.6987712, 1.3821895],
    ]
    assert scaled(["standard", "standard"], TABLE) == pytest.approx(np.array(expected), abs=1e-7)


def test_0_B4_the_mean_fills_an_age_of_34():
    ages = np.array([[25], [32], [45], [29], [39], [np.nan]])
    assert scaling.fill_missing(ages, "mean")[5, 0] == 34


def test_2a_B24_scalers_of_one_to_nine():
    x = np.arange(1.0, 10).reshape(3, 3)
    assert scaled(["standard"] * 3, x)[:, 0] == pytest.approx([-1.22474487, 0, 1.22474487])
    assert scaled(["minmax"] * 3, x)[:, 0].tolist() == [0, 0.5, 1]


def test_2a_B24_rows_of_unit_norm():
    expected = [
        [0.17877106, 0.03575421, 0.98324084],
        [0.06811083, 0.98206308, 0.17582097],
        [0.9397041, 0.05683694, 0.33723252],
    ]
    x = np.array([[100, 20, 550], [43, 620, 111], [248, 15, 89]])
    assert scaling.unit_rows(x) == pytest.approx(np.array(expected), abs=1e-8)


def test_2a_B24_mean_imputation():
    nan = np.nan
    x = np.array([[nan, 2, 8, nan], [6, nan, nan, 12], [7, 6, 4, nan]])
    assert scaling.fill_missing(x, "mean").tolist() == [[6.5, 2, 8, 12], [6, 4, 6, 12], [7, 6, 4, 12]]


@pytest.mark.parametrize("strategy", ["quantile", "kmeans"])
def test_2a_B24_bins_of_the_three_by_three_table(strategy):
    x = np.array([[5, 8, 14], [17, 2, 12], [21, 6, 4]])
    found = [scaling.binned(x[:, j], scaling.bin_edges(x[:, j], n, strategy=strategy)) for j, n in enumerate((2, 3, 2))]
    assert np.stack(found, 1).tolist() == [[0, 2, 1], [1, 0, 1], [1, 1, 0]]


def test_2a_B24_binarising_and_the_function_transformer():
    assert scaling.binarised(np.array([7, 8, 12, 13]), 8).tolist() == [0, 0, 1, 1]
    scaler = learned(["log"], np.array([[0.0], [3.0]]))
    scaler.center[:], scaler.scale[:] = 0, 1
    assert scaler.back(np.array([[3.0], [63.0]])).ravel() == pytest.approx([19.0855369, 2.29378316e27])


def test_4_B21_year_bins():
    assert scaling.binned(np.array([70, 72, 73, 75, 76, 78, 79, 82]), (73, 76, 79)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("n_bins", [2, 5])
@pytest.mark.parametrize("strategy", ["uniform", "quantile", "kmeans"])
def test_bins_are_those_of_scikit_learn(strategy, n_bins):
    x = np.random.default_rng(0).gamma(2, size=300)
    method = {"quantile_method": "linear"} if strategy == "quantile" else {}
    theirs = preprocessing.KBinsDiscretizer(n_bins, encode="ordinal", strategy=strategy, **method).fit(x[:, None])
    assert scaling.bin_edges(x, n_bins, strategy=strategy) == pytest.approx(theirs.bin_edges_[0][1:-1], abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("standard", preprocessing.StandardScaler()),
        ("minmax", preprocessing.MinMaxScaler()),
    ],
)
def test_scaling_is_that_of_scikit_learn(kind, theirs):
    x = np.random.default_rng(1).normal(5, 3, (200, 4))
    assert scaled([kind] * 4, x) == pytest.approx(theirs.fit_transform(x), abs=1e-12)


def test_quantile_scores_are_the_ranks_of_scikit_learn():
    x = np.random.default_rng(1).gamma(1, size=(400, 1)).round(1)  # with ties
    theirs = preprocessing.QuantileTransformer(n_quantiles=257, subsample=None).fit_transform(x)
    inside = (x > x.min()) & (x < x.max())  # theirs puts ties at the ends on 0 and 1, ours on their middle rank
    assert (scaled(["quantile"], x) / 12**0.5 + 0.5)[inside] == pytest.approx(theirs[inside], abs=1e-12)


def test_the_log_of_zero_and_of_negative_numbers_is_finite():
    # sign(x) log(1 + |x|) of -1, 0, 1 is -log 2, 0, log 2, whose z-scores are -sqrt(3/2), 0, sqrt(3/2)
    assert scaled(["log"], np.array([[-1.0], [0.0], [1.0]])).ravel() == pytest.approx([-(1.5**0.5), 0, 1.5**0.5])


@pytest.mark.parametrize("kind", ["standard", "minmax", "log", "quantile", "none", (-5, 5)])
def test_back_undoes_forward(kind):
    x = np.random.default_rng(2).normal(0, 3, (300, 3))
    scaler = learned([kind] * 3, x)
    assert scaler.back(scaler.forward(scaler.before(x.copy()))) == pytest.approx(x, abs=1e-9)


def test_moments_of_blocks_are_those_of_the_whole():
    x = np.random.default_rng(3).normal(1e6, 1, (1000, 3))
    x[::7, 1] = np.nan
    moments = Moments(3)
    for start in range(0, 1000, 137):
        moments.add(x[start : start + 137])
    assert moments.mean == pytest.approx(np.nanmean(x, 0), rel=1e-14)
    assert moments.std == pytest.approx(np.nanstd(x, 0), rel=1e-9)
    assert moments.low.tolist() == np.nanmin(x, 0).tolist()
    assert moments.count.tolist() == [1000, 857, 1000]
    assert np.array_equal(moments.sample, x, equal_nan=True)


def test_the_sample_of_many_rows_is_bounded_and_even(monkeypatch):
    monkeypatch.setattr(scaling, "SAMPLE_ROWS", 64)
    moments = Moments(1)
    for start in range(0, 1000, 30):
        moments.add(np.arange(start, min(start + 30, 1000), dtype=np.float64)[:, None])
    assert len(moments.sample) <= 64
    assert moments.sample.ravel().tolist() == list(range(0, 1000, moments.stride))


@pytest.mark.parametrize(("how", "expected"), [("median", 2.0), ("mode", 1.0), ("constant", 9.0), ("mean", 2.75)])
def test_each_way_to_fill(how, expected):
    x = np.array([[1.0], [1.0], [3.0], [6.0], [np.nan]])
    assert scaling.fill_missing(x, how, value=9)[4, 0] == expected


def test_a_straight_line_fills_gaps():
    nan = np.nan
    # pandas.Series([nan, 1, nan, nan, 4, nan]).interpolate(limit_direction="both") gives 1 1 2 3 4 4
    assert scaling.interpolate_missing(np.array([[nan], [1], [nan], [nan], [4], [nan]])).ravel().tolist() == [
        1,
        1,
        2,
        3,
        4,
        4,
    ]


def test_a_column_without_any_number_cannot_be_filled():
    for call in (lambda x: scaling.fill_missing(x, "mean"), scaling.interpolate_missing):
        with pytest.raises(DataError, match="column 0"):
            call(np.full((3, 1), np.nan))


def test_unknown_ways_are_refused():
    with pytest.raises(SettingError, match="standard"):
        scaling.check_scaling("standart")
    with pytest.raises(SettingError, match="low < high"):
        scaling.check_scaling({"age": (5, 5)})
    with pytest.raises(SettingError):
        scaling.fill_values(np.ones((2, 2)), "guess")
    with pytest.raises(SettingError):
        scaling.bin_edges(np.arange(5), 2, strategy="magic")
    with pytest.raises(DataError):
        scaling.bin_edges(np.array([]), 2)


@pytest.mark.parametrize("shape", [(1, 3), (340, 3), (341, 3), (1000, 3), (70, 16), (5, 2000), (300, 0)])
@pytest.mark.parametrize("least", [np.minimum, np.maximum])
def test_extremes_down_columns_are_numpys(shape, least):
    block = np.random.default_rng(0).normal(size=shape)
    assert down(least, block).tolist() == least.reduce(block, axis=0).tolist()


def test_extremes_pass_on_what_is_missing():
    block = np.ones((2000, 3))
    block[1234, 1] = np.nan
    assert np.isnan(down(np.minimum, block)).tolist() == [False, True, False]
