"""Kalman's filter and smoother against statsmodels and against one large Gaussian."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

from parnassus import DataError
from parnassus.functional.kalman import LinearGaussian, kalman_filter, kalman_forecast, kalman_smoother


def model(n=3, p=2, seed=0):
    g = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=g)

    q, r, start = draw(n, n), draw(p, p), draw(n, n)
    eye = torch.eye(n, dtype=torch.float64)
    return LinearGaussian(
        0.5 * draw(n, n), draw(p, n), q @ q.T + 0.1 * eye, r @ r.T + 0.1 * eye[:p, :p], draw(n), start @ start.T + eye
    )


def series(time=12, p=2, holes=False):
    y = np.random.default_rng(0).normal(size=(time, p)) * 2
    if holes:
        y[3], y[5, 1] = np.nan, np.nan
    return torch.from_numpy(y)


def theirs(y, m):
    k = KalmanSmoother(k_endog=y.shape[1], k_states=len(m.mean))
    k.bind(np.asfortranarray(y.numpy().T.copy()))
    k["design"], k["transition"] = m.observation.numpy(), m.transition.numpy()
    k["selection"], k["state_cov"] = np.eye(len(m.mean)), m.state_noise.numpy()
    k["obs_cov"] = m.observation_noise.numpy()
    k.initialize_known(m.mean.numpy(), m.covariance.numpy())
    return k.smooth()


@pytest.mark.parametrize("holes", [False, True])
def test_filter_smoother_and_likelihood_are_statsmodels(holes):
    y, m = series(holes=holes), model()
    expected, found = theirs(y, m), kalman_filter(y, m)
    means, covariances = kalman_smoother(y, m)
    np.testing.assert_allclose(found.means.T, expected.filtered_state, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.covariances.permute(1, 2, 0), expected.filtered_state_cov, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.predicted_means.T, expected.predicted_state[:, :-1], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.log_likelihood, expected.llf_obs, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(means.T, expected.smoothed_state, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(covariances.permute(1, 2, 0), expected.smoothed_state_cov, rtol=1e-9, atol=1e-9)


def test_the_likelihood_is_that_of_all_values_as_one_gaussian():
    y, m = series(4), model()
    n, time = len(m.mean), len(y)
    blocks = [[torch.zeros(n, n, dtype=torch.float64)] * time for _ in range(time)]
    mean, cov, means = m.mean, m.covariance, []
    for t in range(time):
        means.append(mean @ m.observation.T)
        across = cov
        for s in range(t, time):
            blocks[t][s], blocks[s][t] = across.T, across
            across = m.transition @ across
        mean, cov = mean @ m.transition.T, m.transition @ cov @ m.transition.T + m.state_noise
    states = torch.cat([torch.cat(row, 1) for row in blocks])
    h = torch.block_diag(*[m.observation] * time)
    whole = h @ states @ h.T + torch.block_diag(*[m.observation_noise] * time)
    joint = multivariate_normal(torch.cat(means).numpy(), whole.numpy()).logpdf(y.flatten().numpy())
    assert float(kalman_filter(y, m).log_likelihood.sum()) == pytest.approx(joint, rel=1e-10)


def test_series_side_by_side_are_series_alone():
    m, both = model(), torch.stack([series(), series().flip(0)])
    found, smooth = kalman_filter(both, m), kalman_smoother(both, m)
    for i, y in enumerate(both):
        torch.testing.assert_close(found.means[i], kalman_filter(y, m).means)
        torch.testing.assert_close(smooth[0][i], kalman_smoother(y, m)[0])


def test_forecasts_are_predictions_of_what_is_unseen():
    y, m = series(), model()
    means, covariances = kalman_forecast(y, m, horizon=3)
    last = kalman_filter(y, m)
    expected = last.means[-1]
    for t in range(3):
        expected = m.transition @ expected
        np.testing.assert_allclose(means[t], m.observation @ expected, atol=1e-12)
    assert (covariances.diagonal(dim1=1, dim2=2) > m.observation_noise.diagonal()).all()


def test_gradients_reach_the_parameters():
    m = model()
    noise = m.state_noise.clone().requires_grad_()
    free = LinearGaussian(m.transition, m.observation, noise, m.observation_noise, m.mean, m.covariance)
    kalman_filter(series(), free).log_likelihood.sum().backward()
    assert noise.grad.isfinite().all()
    assert noise.grad.abs().sum() > 0


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="time, 2"):
        kalman_filter(torch.zeros(5, 3, dtype=torch.float64), model())
    m, n = model(), model().transition.shape[0]
    for wrong in ({"transition": torch.zeros(n + 1, n + 1)}, {"mean": torch.zeros(n + 1)}):
        with pytest.raises(DataError, match=f"H has {n} columns"):
            kalman_filter(series(), dataclasses.replace(m, **wrong))
