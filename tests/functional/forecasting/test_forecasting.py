"""Forecasts of series against statsmodels, against their slow twins, and against numbers worked by hand."""

import numpy as np
import pytest

from parnassus.errors import DataError, SettingError
from parnassus.functional import forecasting as F
from parnassus.functional.forecasting.autoregression import levinson
from parnassus.functional.forecasting.error_correction import (
    run_slowly,
    run_smoothing,
    slopes_slowly,
    smoothing_slopes,
)
from parnassus.functional.forecasting.reconciliation import shrunk_covariance
from parnassus.functional.forecasting.smoothing import (
    forecast_smoothing,
    simulate_smoothing,
    smoothing_response,
)
from parnassus.functional.forecasting.theta import forecast_theta_slowly, is_seasonal, seasonal_indices
from parnassus.imports import imported


def seasonal_series(n=96, m=12, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    return (50 + 0.4 * t) * (1 + 0.2 * np.sin(2 * np.pi * t / m)) + rng.normal(0, 1, n)


# --- windows and benchmarks -----------------------------------------------------------------------


def test_ten_values_in_windows_of_three_are_the_books_matrix():
    """2b:B17."""
    X, Y = F.sliding_windows(np.arange(10), 3)
    assert X.T.shape == (3, 7)
    assert X.T[:, 0].tolist() == [0, 1, 2]
    assert X.T[:, -1].tolist() == [6, 7, 8]
    assert Y[:, 0].tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert F.sliding_windows(np.arange(150), 12)[0].shape == (138, 12)


def test_windows_of_several_steps_ahead_and_of_a_stride():
    X, Y = F.sliding_windows(np.arange(10), 3, horizon=2, stride=4)
    assert X.tolist() == [[0, 1, 2], [4, 5, 6]]
    assert Y.tolist() == [[3, 4], [7, 8]]


def test_seasonal_naive_misses_the_fixture_by_two():
    """1:B66: 10, 20, 30, 40, 12, 22, 32, 42 with m = 4."""
    y = [10, 20, 30, 40, 12, 22, 32, 42]
    said = F.seasonal_naive(y[:4], 4, season=4).mean
    assert np.abs(np.array(y[4:]) - said).mean() == 2
    assert F.naive_scale(y, season=4) == 2


def test_benchmarks_spread_as_forecasting_by_hyndman_and_athanasopoulos_says():
    y = np.array([3.0, 5.0, 4.0, 8.0, 7.0])
    s = np.sqrt(np.mean([4, 1, 16, 1]))
    np.testing.assert_allclose(F.naive(y, 3).std, s * np.sqrt([1, 2, 3]))
    found = F.drift(y, 2)
    np.testing.assert_allclose(found.mean, [8, 9])
    s = np.sqrt(np.square(np.diff(y) - 1).sum() / 3)
    np.testing.assert_allclose(found.std, [s * np.sqrt(1.25), s * np.sqrt(3.0)])
    np.testing.assert_allclose(F.mean(y, 1).std, y.std(ddof=1) * np.sqrt(1.2))
    k = F.seasonal_naive(y, 5, season=2).std
    np.testing.assert_allclose(k / k[0], np.sqrt([1, 1, 2, 2, 3]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: F.naive([1.0, np.nan, 2.0], 1), "nan at step 1"),
        (lambda: F.naive([[1.0, 2.0]], 1), "one series"),
        (lambda: F.naive([1.0], 1), "at least 2"),
        (lambda: F.mase([1.0], [1.0], train=[1.0, 1.0, 1.0]), "no scale"),
        (lambda: F.autocorrelation([2.0, 2.0, 2.0], 1), "never varies"),
        (lambda: F.fit_smoothing([1.0, -2.0, 3.0, 4.0, 5.0], season=2, seasonal="mul"), "step 1"),
        (lambda: F.fit_smoothing([1.0, 2.0, 3.0, 4.0, 5.0], season=4, seasonal="add"), "two seasons"),
        (lambda: F.mase([np.nan], [1.0], train=[1.0, 2.0]), "finite"),
        (lambda: F.min_trace([[1.0], [1.0]], [[1.0], [1.0]], errors=[[0.0, 1.0]] * 3, weighting="variance"), "never"),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_words(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_settings_out_of_range_are_refused():
    with pytest.raises(SettingError, match="horizon"):
        F.naive([1.0, 2.0], 0)
    with pytest.raises(SettingError, match="trend"):
        F.fit_smoothing([1.0, 2.0, 3.0, 4.0], trend="adds")
    with pytest.raises(SettingError, match="errors="):
        F.min_trace([[1.0], [1.0]], [[1.0], [1.0]], weighting="variance")


# --- correlation and autoregression ---------------------------------------------------------------

statsmodels = pytest.importorskip("statsmodels.api", reason="statsmodels is the oracle of classical forecasts")


def test_autocorrelations_are_those_of_statsmodels():
    from statsmodels.tsa.stattools import acf, pacf

    y = seasonal_series()
    np.testing.assert_allclose(F.autocorrelation(y, 20), acf(y, nlags=20, fft=False), atol=1e-12)
    np.testing.assert_allclose(F.partial_autocorrelation(y, 20), pacf(y, nlags=20, method="ywm"), atol=1e-10)


def test_yule_walker_is_that_of_statsmodels():
    y = seasonal_series()
    weights, _ = statsmodels.regression.yule_walker(y, order=4, method="mle", result_object=False)
    np.testing.assert_allclose(F.yule_walker(y, 4).weights, weights, atol=1e-12)


def test_levinson_solves_the_toeplitz_equations():
    from scipy.linalg import solve_toeplitz

    r = F.autocorrelation(seasonal_series(), 8)
    np.testing.assert_allclose(levinson(r)[0], solve_toeplitz(r[:-1], r[1:]), atol=1e-10)


def test_least_squares_autoregression_and_its_forecast_are_those_of_statsmodels():
    from statsmodels.tsa.ar_model import AutoReg

    y = seasonal_series()
    theirs = AutoReg(y, 3).fit()
    ours = F.fit_autoregression(y, 3)
    np.testing.assert_allclose([ours.constant, *ours.weights], theirs.params, rtol=1e-8)
    np.testing.assert_allclose(F.forecast_autoregression(y, ours, 5), theirs.forecast(5), rtol=1e-8)


def test_response_weights_are_those_of_statsmodels():
    from statsmodels.tsa.arima_process import arma2ma

    ours = F.response_weights(8, [0.6, -0.2], ma=[0.4])
    np.testing.assert_allclose(ours, arma2ma([1, -0.6, 0.2], [1, 0.4], 8), atol=1e-12)
    np.testing.assert_allclose(F.response_weights(4, ma=[0.5], differences=1), [1, 1.5, 1.5, 1.5])


def test_the_harmonic_signal_is_linear_in_six_past_values_and_not_in_five():
    """2b:B18: cos(pi t / 6) + cos(pi t / 3), 150 to learn from, 50 to test; the book's 200 are 201 values."""
    t = np.arange(201)
    y = np.cos(np.pi * t / 6) + 0.5 * np.cos(np.pi * t / 3) + 0.5 * np.cos(2 * np.pi * t / 3)
    np.testing.assert_allclose(y[:12], [2, 0.866025, 0, 0, -1, -0.866025, 0, -0.866025, -1, 0, 0, 0.866025], atol=1e-6)
    for W, due in ((3, 0.476), (4, 0.194), (5, 0.138), (6, 0.0)):
        model = F.fit_autoregression(y[:150], W)
        X, now = F.lagged(y[150 - W : 200], np.arange(1, W + 1))
        assert np.square(now - model.constant - X @ model.weights).mean() == pytest.approx(due, abs=6e-3)


# --- smoothing ------------------------------------------------------------------------------------

FORMS = [
    ("none", "none"), ("add", "none"), ("damped", "none"),
    ("none", "add"), ("add", "add"), ("damped", "add"), ("add", "mul"), ("damped", "mul"),
]  # fmt: skip


def a_model(trend, seasonal, m=4):
    season = {"none": np.zeros(1), "add": np.array([2.0, -1.0, 3.0, -4.0]), "mul": np.array([1.1, 0.9, 1.2, 0.8])}
    return F.Smoothing(
        0.3, 0.0 if trend == "none" else 0.2, 0.0 if seasonal == "none" else 0.4, 0.9 if trend == "damped" else 1.0,
        40.0, 0.0 if trend == "none" else 0.5, season[seasonal], seasonal,
    )  # fmt: skip


@pytest.mark.parametrize(("trend", "seasonal"), FORMS)
def test_smoothing_in_one_pass_is_the_books_recursion(trend, seasonal):
    y, model = seasonal_series(41, 4), a_model(trend, seasonal)
    fast, slow = F.smooth(y, model), F.smooth_slowly(y, model)
    np.testing.assert_allclose(fast.fitted, slow.fitted, rtol=1e-10)
    np.testing.assert_allclose(fast.last.season, slow.last.season, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(forecast_smoothing(fast.last, 7), forecast_smoothing(slow.last, 7), rtol=1e-12)


def theirs_of(y, trend, seasonal, m, **given):
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    return ExponentialSmoothing(
        y,
        trend=None if trend == "none" else "add",
        damped_trend=trend == "damped",
        seasonal=None if seasonal == "none" else seasonal,
        seasonal_periods=None if seasonal == "none" else m,
        **given,
    )


@pytest.mark.parametrize(("trend", "seasonal"), FORMS)
def test_smoothing_with_given_weights_is_that_of_statsmodels(trend, seasonal):
    y, model = seasonal_series(41, 4), a_model(trend, seasonal)
    given = {"initialization_method": "known", "initial_level": model.level}
    given |= {} if trend == "none" else {"initial_trend": model.trend}
    given |= {} if seasonal == "none" else {"initial_seasonal": model.season}
    weights = {"smoothing_level": model.alpha, "optimized": False}
    weights |= {} if trend == "none" else {"smoothing_trend": model.beta}
    weights |= {"damping_trend": model.phi} if trend == "damped" else {}
    weights |= {} if seasonal == "none" else {"smoothing_seasonal": model.gamma}
    theirs = theirs_of(y, trend, seasonal, 4, **given).fit(**weights)
    ours = F.smooth(y, model)
    np.testing.assert_allclose(ours.fitted, theirs.fittedvalues, rtol=1e-10)
    # its forecasts of every m-th step take the season as it was before the last value, which ours do not
    kept = np.arange(1, 10) % 4 > 0 if seasonal != "none" else np.full(9, True)
    np.testing.assert_allclose(forecast_smoothing(ours.last, 9)[kept], theirs.forecast(9)[kept], rtol=1e-10)


@pytest.mark.parametrize(("trend", "seasonal"), FORMS[:6])
def test_forecasts_with_given_weights_are_those_of_statsmodels_state_space(trend, seasonal):
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    y, model = seasonal_series(41, 4), a_model(trend, seasonal)
    theirs = ETSModel(
        y, trend=None if trend == "none" else "add", damped_trend=trend == "damped",
        seasonal=None if seasonal == "none" else seasonal, seasonal_periods=4 if seasonal != "none" else None,
    )  # fmt: skip
    held = {
        "smoothing_level": model.alpha, "smoothing_trend": model.alpha * model.beta,
        "smoothing_seasonal": model.gamma, "damping_trend": model.phi,
        "initial_level": model.level, "initial_trend": model.trend,
        **{f"initial_seasonal.{i}": v for i, v in enumerate(model.season[::-1])},
    }  # fmt: skip
    found = theirs.smooth(np.array([held[name] for name in theirs.param_names]))
    ours = F.smooth(y, model)
    np.testing.assert_allclose(forecast_smoothing(ours.last, 9), found.forecast(9), rtol=1e-8)


@pytest.mark.parametrize(("trend", "seasonal"), FORMS)
def test_weights_found_are_no_worse_than_those_of_statsmodels(trend, seasonal):
    y = seasonal_series(60, 4)
    model, _ = F.fit_smoothing(y, season=4 if seasonal != "none" else 1, trend=trend, seasonal=seasonal)
    with np.errstate(all="ignore"):
        theirs = theirs_of(y, trend, seasonal, 4, initialization_method="estimated").fit()
    ours = np.square(y - F.smooth(y, model).fitted).sum()
    assert ours <= theirs.sse * (1 + 1e-6)


@pytest.mark.parametrize(("trend", "seasonal"), FORMS)
def test_slopes_of_the_squared_errors_are_their_difference_quotients(trend, seasonal):
    """The oracle is the books' recursion, moved by a little to either side of each number."""
    y, model = seasonal_series(41, 4), a_model(trend, seasonal)
    row = np.array([*model[:6], *model.season])

    def squares(numbers):
        moved = F.Smoothing(*numbers[:6], numbers[6:], seasonal)
        return np.square(y - F.smooth_slowly(y, moved).fitted).sum()

    step = 1e-6 * np.maximum(1, np.abs(row))
    due = [(squares(row + e) - squares(row - e)) / (2 * e.max()) for e in np.diag(step)]
    losses, slopes = smoothing_slopes(y, row[None], multiply=seasonal == "mul")
    assert losses[0] == pytest.approx(squares(row), rel=1e-12)
    np.testing.assert_allclose(slopes[0], due, rtol=1e-5, atol=1e-5 * np.abs(due).max())


@pytest.mark.parametrize("seasonal", ["none", "add", "mul"])
@pytest.mark.parametrize("n", [3, 41])
def test_the_compiled_smoothing_is_its_twin(seasonal, n):
    y, models = seasonal_series(n, 4), [a_model("damped", seasonal), a_model("none", seasonal)]
    rows = np.array([[*model[:6], *model.season] for model in models])
    for fast, slow in ((run_smoothing, run_slowly), (smoothing_slopes, slopes_slowly)):
        found, due = fast(y, rows, multiply=seasonal == "mul"), slow(y, rows, multiply=seasonal == "mul")
        np.testing.assert_allclose(found[0], due[0], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found[1], due[1], rtol=1e-10, atol=1e-10)
    again = run_smoothing(y, rows, multiply=seasonal == "mul")[1]
    np.testing.assert_array_equal(again[:, :4], rows[:, :4])


def test_a_smoothing_that_divides_by_nothing_is_no_number_and_ends_no_program():
    row = np.array([[0.5, 0.1, 0.1, 1.0, 0.0, 0.0, 1.0, 0.0]])
    for slopes in (smoothing_slopes, slopes_slowly):
        with np.errstate(all="ignore"):
            losses, found = slopes(np.array([1.0, 2.0, 3.0]), row, multiply=True)
        assert not np.isfinite(losses).all()
        assert not np.isfinite(found).all()


@pytest.mark.parametrize("kernels", ["", "off"])
def test_a_fit_finds_the_weights_that_made_a_series_with_and_without_a_compiler(kernels, monkeypatch):
    monkeypatch.setenv("PARNASSUS_KERNELS", kernels)
    quiet = a_model("add", "add")
    errors = np.random.default_rng(3).normal(0, 1, (1, 600))
    model, std = F.fit_smoothing(simulate_smoothing(quiet, errors)[0], season=4, trend="add", seasonal="add")
    assert (model.alpha, model.beta, model.gamma) == pytest.approx((0.3, 0.2, 0.4), abs=0.08)
    assert std == pytest.approx(1.0, abs=0.06)


def test_response_weights_of_smoothing_are_what_one_error_does_later():
    for trend, seasonal in FORMS[:6]:
        model = a_model(trend, seasonal)
        pushed, quiet = np.zeros((1, 9)), np.zeros((1, 9))
        pushed[0, 0] = 1.0
        moved = simulate_smoothing(model, pushed) - simulate_smoothing(model, quiet)
        np.testing.assert_allclose(moved[0], smoothing_response(model, 9), atol=1e-12)
        np.testing.assert_allclose(simulate_smoothing(model, quiet)[0], forecast_smoothing(model, 9), atol=1e-12)


# --- theta ----------------------------------------------------------------------------------------


def test_theta_is_the_average_of_the_line_and_the_smoothed_one():
    y = seasonal_series(30, 100)
    model = F.fit_theta(y)
    np.testing.assert_allclose(F.forecast_theta(y, model, 6), forecast_theta_slowly(y, model, 6), rtol=1e-10)


def test_theta_with_the_same_weight_is_that_of_statsmodels():
    from statsmodels.tsa.forecasting.theta import ThetaModel

    y = seasonal_series(60, 4)
    theirs = ThetaModel(y, period=4, deseasonalize=True, use_test=False, method="multiplicative").fit(use_mle=False)
    indices = seasonal_indices(y, 4)
    flat = y / indices[np.arange(60) % 4]
    slope = np.polyfit(np.arange(60), flat, 1)[0]
    start = F.fit_theta(y, season=4)
    assert start.alpha == pytest.approx(theirs.params["alpha"], abs=0.02)
    # statsmodels' first level is the one that its smoothing estimated; ours is read off its one-step forecast
    one = theirs._one_step
    alpha = theirs.params["alpha"]
    line = slope / 2 * (np.arange(6) + (1 - (1 - alpha) ** 60) / alpha)
    due = (one + line) * indices[(60 + np.arange(6)) % 4]
    np.testing.assert_allclose(np.asarray(theirs.forecast(6)), due, rtol=1e-6)
    np.testing.assert_allclose(F.forecast_theta(y, start, 6), np.asarray(theirs.forecast(6)), rtol=5e-3)


def test_a_season_around_zero_is_taken_off_as_in_statsmodels():
    from statsmodels.tsa.forecasting.theta import ThetaModel

    y = seasonal_series(60, 4) - 60
    theirs = ThetaModel(y, period=4, use_test=False, method="additive").fit(use_mle=False).forecast(6)
    np.testing.assert_allclose(F.forecast_theta(y, F.fit_theta(y, season=4), 6), np.asarray(theirs), atol=0.05)


def test_seasonal_indices_are_those_of_statsmodels():
    from statsmodels.tsa.seasonal import seasonal_decompose

    y = seasonal_series(50, 5)
    for form, name in (("mul", "multiplicative"), ("add", "additive")):
        for m in (4, 5):
            theirs = seasonal_decompose(y, model=name, period=m).seasonal[:m]
            np.testing.assert_allclose(seasonal_indices(y, m, form=form), theirs, rtol=1e-10)
    assert is_seasonal(seasonal_series(60, 4), 4)


# --- sums -----------------------------------------------------------------------------------------


def a_tree():
    return F.summing_matrix({"all": "abcd", "left": "ab", "right": "cd"}, list("abcd"))


@pytest.mark.parametrize("weighting", ["ols", "structural", "variance", "covariance", "shrinkage"])
def test_reconciled_forecasts_add_up_and_those_that_did_stay(weighting):
    _, S = a_tree()
    rng = np.random.default_rng(0)
    f, errors = rng.normal(5, 2, (7, 3)), rng.normal(size=(40, 7))
    found = F.min_trace(f, S, errors=errors, weighting=weighting)
    np.testing.assert_allclose(found, S @ found[3:], atol=1e-10)
    np.testing.assert_allclose(F.min_trace(found, S, errors=errors, weighting=weighting), found, atol=1e-10)


def test_least_squares_reconciliation_is_the_projection_onto_the_columns_of_s():
    _, S = a_tree()
    f = np.random.default_rng(0).normal(5, 2, (7, 3))
    np.testing.assert_allclose(F.min_trace(f, S), S @ np.linalg.lstsq(S, f, rcond=None)[0], atol=1e-10)


def test_min_trace_has_the_least_variance_of_all_unbiased_sums():
    _, S = a_tree()
    errors = np.random.default_rng(1).normal(size=(500, 7)) @ np.diag([5, 2, 2, 1, 1, 1, 1.0])
    W = errors.T @ errors / len(errors)

    def trace(project):
        return np.trace(project @ W @ project.T)

    best = F.min_trace(np.eye(7), S, errors=errors, weighting="covariance")
    assert trace(best) < trace(F.min_trace(np.eye(7), S))
    assert trace(best) < trace(F.bottom_up(np.eye(7), S))


def test_the_shrunk_covariance_is_that_of_its_definition():
    e = np.random.default_rng(0).normal(size=(30, 3))
    found = shrunk_covariance(e)
    variance = np.square(e).mean(0)
    unit = e / np.sqrt(variance)
    noise = below = 0.0
    for i in range(3):
        for j in range(3):
            if i != j:
                w = unit[:, i] * unit[:, j]
                noise, below = noise + w.var() / 29, below + w.mean() ** 2
    share = min(noise / below, 1.0)
    np.testing.assert_allclose(found[0, 1], (1 - share) * (e[:, 0] * e[:, 1]).mean(), rtol=1e-10)
    np.testing.assert_allclose(np.diag(found), variance)


# --- scores ---------------------------------------------------------------------------------------


def test_scores_of_hand_worked_numbers():
    assert F.mase([3, 4], [3, 5], train=[1, 2, 3]) == 0.5
    assert F.smape([100, 0], [50, 0]) == pytest.approx(1 / 3)
    assert F.guarded_mape([0, 100], [5, 90]) == pytest.approx(0.1)
    assert np.isnan(F.guarded_mape([0.0], [1.0]))
    assert F.coverage([1, 5, 2], [0, 0, 2], [2, 2, 2]) == pytest.approx(2 / 3)


def test_crps_of_a_gaussian_is_the_integral_of_its_definition():
    from scipy.integrate import quad
    from scipy.stats import norm

    for y, m, s in ((0.3, 0.0, 1.0), (4.0, 1.0, 0.5)):
        below = quad(lambda x, m=m, s=s: norm.cdf(x, m, s) ** 2, -30, y)[0]
        above = quad(lambda x, m=m, s=s: (norm.cdf(x, m, s) - 1) ** 2, y, 30)[0]
        assert F.crps_gaussian(y, m, s) == pytest.approx(below + above, abs=1e-7)
    assert F.crps_gaussian(3.0, 1.0, 0.0) == 2


def test_crps_of_samples_is_the_double_sum_and_tends_to_the_gaussians():
    drawn = np.random.default_rng(0).normal(1.0, 2.0, (400, 2))
    y = np.array([0.0, 3.0])
    slow = np.abs(drawn - y).mean(0) - np.abs(drawn[:, None] - drawn[None]).mean((0, 1)) / 2
    np.testing.assert_allclose(F.crps_samples(y, drawn), slow, rtol=1e-12)
    np.testing.assert_allclose(F.crps_samples(y, drawn), F.crps_gaussian(y, 1.0, 2.0), rtol=0.1)


def test_the_pinball_score_is_that_of_scikit_learn():
    mean_pinball_loss = imported("sklearn.metrics").mean_pinball_loss

    rng = np.random.default_rng(0)
    y, said = rng.normal(size=50), rng.normal(size=(50, 2))
    due = [mean_pinball_loss(y, said[:, j], alpha=q) for j, q in enumerate((0.1, 0.8))]
    np.testing.assert_allclose(F.pinball_score(y, said, levels=(0.1, 0.8)), due)
