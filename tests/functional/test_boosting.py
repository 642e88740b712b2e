"""Votes, AdaBoost's weights and boosting's residuals: closed forms, the books' numbers, plain loops."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch.autograd.functional import jacobian

from parnassus.functional import boosting


def test_b69_the_mean_of_five_uncorrelated_models_has_a_fifth_of_the_variance():
    assert boosting.variance_of_mean(1.0, 5) == pytest.approx(0.2)  # Hifny B69


def test_f45_correlated_models_leave_the_books_formula_behind():
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=200_000), rng.normal(size=(200_000, 5))
    models = math.sqrt(0.5) * shared[:, None] + math.sqrt(0.5) * own  # variance 1, correlation 1/2
    found = models.mean(1).var()
    assert found == pytest.approx(boosting.variance_of_mean(1.0, 5, correlation=0.5), abs=0.01)  # 0.6, as B69's folds
    assert abs(found - 1 / 5) > 0.3  # eq. 14.28 as printed


def test_vote_shares_count_as_a_loop_does():
    rng = np.random.default_rng(0)
    votes, weight = rng.integers(-1, 4, (30, 7)), rng.random(7)
    votes[:, 0] = 0  # someone votes in every row
    shares = boosting.vote_shares(torch.tensor(votes), 4, weight=torch.tensor(weight)).numpy()
    for i in range(30):
        counts = np.zeros(4)
        for j in range(7):
            if votes[i, j] >= 0:
                counts[votes[i, j]] += weight[j]
        np.testing.assert_allclose(shares[i], counts / counts.sum())


@pytest.mark.parametrize("error", [0.05, 0.3, 0.45])
def test_alpha_makes_the_exponential_loss_least(error):
    found = minimize_scalar(lambda a: (1 - error) * math.exp(-a) + error * math.exp(a))
    assert boosting.member_weight(error) == pytest.approx(found.x, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_a_guess_has_nothing_to_say(n_classes):
    assert boosting.member_weight(1 - 1 / n_classes, n_classes=n_classes) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_after_a_round_the_member_is_a_mere_guess_under_the_new_weights(n_classes):
    rng = np.random.default_rng(1)
    weight, wrong = torch.tensor(rng.dirichlet(np.ones(40))), torch.tensor(rng.random(40) < 0.3)
    alpha = boosting.member_weight(weight[wrong].sum(), n_classes=n_classes)
    after = boosting.reweighted(weight, wrong, alpha)
    assert float(after.sum()) == pytest.approx(1)
    assert float(after[wrong].sum()) == pytest.approx(1 - 1 / n_classes)  # SAMME: error 1 - 1/K is a guess


def test_the_exponential_loss_of_boosting_is_the_bound_and_lies_above_the_errors():
    rng = np.random.default_rng(0)
    y, weight = torch.tensor(rng.choice([-1.0, 1.0], 200)), torch.full((200,), 1 / 200, dtype=torch.float64)
    score, errors = torch.zeros(200, dtype=torch.float64), []
    for _ in range(6):
        answer = torch.where(torch.tensor(rng.random(200) < 0.35), -y, y)
        error = weight[answer != y].sum()
        alpha = boosting.member_weight(error)
        score, weight = score + alpha * answer, boosting.reweighted(weight, answer != y, alpha)
        errors.append(float(error))
    loss = boosting.exponential_loss(y * score)
    assert float(loss) == pytest.approx(float(boosting.error_bound(torch.tensor(errors, dtype=torch.float64))))
    assert float(((y * score) <= 0).double().mean()) <= float(loss)


def test_the_weighted_median_is_scikit_learns():
    from sklearn.utils.stats import _weighted_percentile

    rng = np.random.default_rng(0)
    for _ in range(20):
        values, weight = rng.normal(size=9), rng.random(9)
        ours = boosting.weighted_median(torch.tensor(values)[None], torch.tensor(weight))
        assert float(ours) == pytest.approx(float(_weighted_percentile(values, weight, 50)))


def test_relative_errors_of_none_are_zero():
    assert boosting.relative_errors(torch.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("width", [1, 3])
def test_residuals_are_the_log_losss_negative_slope(width):
    score = torch.randn(5, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.eye(3, dtype=torch.float64)[[0, 2, 1, 1, 0]] if width == 3 else torch.tensor([[1.0], [0], [0], [1], [1]])

    def loss(s):
        if width == 3:
            return -(y * s.log_softmax(1)).sum()
        return torch.nn.functional.binary_cross_entropy_with_logits(s, y.double(), reduction="sum")

    residual, curvature = boosting.class_residual(score, y.double())
    slope = jacobian(loss, score)
    torch.testing.assert_close(residual, -slope)
    second = torch.autograd.functional.hessian(loss, score).reshape(5 * width, 5 * width).diagonal().reshape(5, width)
    torch.testing.assert_close(curvature, second)


def test_the_step_along_a_member_is_the_best_for_squared_errors():
    rng = np.random.default_rng(0)
    f, r, w = rng.normal(size=(20, 2)), rng.normal(size=(20, 2)), rng.random(20)
    best = minimize_scalar(lambda a: float((w[:, None] * (r - a * f) ** 2).sum())).x
    found = boosting.step_along(*(torch.tensor(v) for v in (f, r, np.ones_like(f))), weight=torch.tensor(w))
    assert found == pytest.approx(best, abs=1e-7)


def test_the_step_along_a_member_lowers_the_log_loss():
    rng = np.random.default_rng(0)
    y = np.eye(3)[rng.integers(0, 3, 30)]
    residual, curvature = boosting.class_residual(torch.zeros(30, 3).double(), torch.tensor(y))
    f = residual + 0.1 * torch.tensor(rng.normal(size=(30, 3)))
    score = boosting.step_along(f, residual, curvature) * f.numpy()
    assert -(y * log_softmax(score, 1)).sum() < 30 * math.log(3)


def test_a_member_that_answers_nothing_is_not_followed():
    assert boosting.step_along(torch.zeros(3, 1), torch.ones(3, 1), torch.ones(3, 1)) == 0.0
