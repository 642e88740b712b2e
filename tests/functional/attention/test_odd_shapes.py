"""Attention at odd shapes: what does not fit is refused in words, what fits is right in every precision."""

import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.functional import attention
from parnassus.functional.positions import rotary

X = torch.arange(5.0)
ONE, FIVE = torch.ones(1, 4), torch.linspace(-1, 1, 20).view(5, 4)


def test_rotary_turns_double_precision_by_angles_of_double_precision():
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4)
    t = np.arange(900, 903)[:, None] / 10_000 ** (np.arange(2) / 2)
    a, b = x[:, :2].numpy(), x[:, 2:].numpy()
    due = np.concatenate([a * np.cos(t) - b * np.sin(t), a * np.sin(t) + b * np.cos(t)], 1)
    np.testing.assert_allclose(rotary(x, start=900).numpy(), due, atol=1e-13)


@pytest.mark.parametrize(("q", "k"), [(ONE, FIVE), (FIVE, ONE)])
def test_rows_of_two_lengths_are_no_rows_of_places(q, k):
    with pytest.raises(pn.DataError, match="are of one length"):
        attention.linear_attention(q, k, k, causal=True)
    with pytest.raises(pn.DataError, match="are of one length"):
        attention.local_attention(q, k, k, window=2)


def test_masks_that_are_no_masks_are_refused():
    for mask in (torch.ones(5, 5), torch.ones(5, 5, dtype=torch.int64)):
        with pytest.raises(pn.DataError, match=r"give mask\.bool\(\)"):
            attention.scaled_dot_product(FIVE, FIVE, FIVE, mask=mask)
    for shape in ((5, 4), (2, 5, 5), (4,)):
        with pytest.raises(pn.DataError, match="does not fit scores"):
            attention.scaled_dot_product(FIVE, FIVE, FIVE, mask=torch.ones(shape, dtype=torch.bool))
    assert attention.scaled_dot_product(FIVE, FIVE, FIVE, mask=torch.ones(1, 5, dtype=torch.bool)).z.shape == (5, 4)


def test_queries_keys_and_values_that_do_not_fit_are_named():
    for q, k, v in ((FIVE, FIVE[:, :3], FIVE), (FIVE, FIVE.double(), FIVE), (FIVE.int(), FIVE.int(), FIVE.int())):
        with pytest.raises(pn.DataError, match=r"q \(5, 4\) torch\..*, k \(5, "):
            attention.scaled_dot_product(q, k, v)
    with pytest.raises(pn.DataError, match="of 5 keys, and v"):
        attention.scaled_dot_product(FIVE, FIVE, FIVE[:4])


def test_kernel_regression_takes_whole_numbers_and_half_precision():
    due = attention.nadaraya_watson(X, X, X, bandwidth=1.0)
    e = [math.exp(-(d**2) / 2) for d in range(5)]
    assert float(due[0]) == pytest.approx(sum(i * w for i, w in enumerate(e)) / sum(e))
    for kind in (torch.int64, torch.float16, torch.bfloat16, torch.float64):
        found = attention.nadaraya_watson(X.to(kind), X, X.to(kind), bandwidth=1.0)
        torch.testing.assert_close(found.float(), due)
    assert attention.average(torch.tensor([1, 2]), 2).tolist() == [1.5, 1.5]
    assert attention.best_bandwidth(torch.arange(5), torch.arange(5), [0.5, 1, 2]) == 0.5


def test_kernel_regression_refuses_what_it_cannot_weigh():
    with pytest.raises(pn.DataError, match="rows of one width"):
        attention.kernel_weights(FIVE, FIVE[:, :3], bandwidth=1.0)
    with pytest.raises(pn.DataError, match="x has 5 rows and y 4"):
        attention.nadaraya_watson(X, X, X[:4], bandwidth=1.0)
    with pytest.raises(pn.SettingError, match="no candidates"):
        attention.best_bandwidth(X, X, [])
    with pytest.raises(pn.SettingError, match="bandwidth is above 0"):
        attention.best_bandwidth(X, X, [0.0, 1.0])
    with pytest.raises(pn.SettingError, match="kernel='bad'"):
        attention.best_bandwidth(X, X, [1.0], kernel="bad")
