"""Discriminative criteria against the books' numbers (B64 to B68), against search, and against gradients."""

import itertools
import math

import pytest
import torch
from scipy.optimize import brentq

from parnassus.functional import chains
from parnassus.functional import discriminative as d


def tensor(rows):
    return torch.tensor(rows, dtype=torch.float64)


# B65: a Gaussian of mean 1 and variance 0.5
MEAN, VARIANCE = tensor([[1.0]]), tensor([[0.5]])
NUMERATOR = tensor([3.0]), tensor([[4.5]]), tensor([[8.0]])
DENOMINATOR = tensor([2.0]), tensor([[1.0]]), tensor([[2.0]])


def test_b65_the_update_subtracts_the_squared_mean():
    """B65 with D = 4: the book's formula, without - mu^2, gives a variance of 2.4."""
    found = d.extended_baum_welch(MEAN, VARIANCE, NUMERATOR, DENOMINATOR, smoothing=tensor([4.0]))
    torch.testing.assert_close(found.means, tensor([[1.5]]))
    torch.testing.assert_close(found.variances, tensor([[0.15]]))


def test_b65_the_smoothing_constant_is_twice_the_least_or_the_denominators_count():
    found = d.extended_baum_welch(MEAN, VARIANCE, NUMERATOR, DENOMINATOR)
    difference = tuple(a - b for a, b in zip(NUMERATOR, DENOMINATOR, strict=True))
    assert math.isclose(float(d.least_smoothing(MEAN, VARIANCE, difference)), 3.0707142143, abs_tol=1e-10)
    assert math.isclose(float(found.smoothing), 6.1414284285, abs_tol=1e-10)
    assert math.isclose(float(found.means), 1.3500700210, abs_tol=1e-10)
    assert math.isclose(float(found.variances), 0.3074369762, abs_tol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_the_least_smoothing_is_where_a_variance_becomes_zero(seed):
    g = torch.Generator().manual_seed(seed)
    mean, variance = torch.randn(1, 1, generator=g).double(), torch.rand(1, 1, generator=g).double() + 0.1
    x, num, den = torch.randn(40, generator=g).double(), *torch.rand(2, 40, generator=g).double()
    sums = [(w.sum()[None], (w @ x)[None, None], (w @ x**2)[None, None]) for w in (num, 3 * den)]
    least = float(d.least_smoothing(mean, variance, tuple(a - b for a, b in zip(*sums, strict=True))))

    def smallest(smoothing):
        return float(d.extended_baum_welch(mean, variance, *sums, smoothing=tensor([smoothing])).variances)

    pole = max(0.0, float(sums[1][0] - sums[0][0]))
    expected = brentq(smallest, max(pole, 1e-9) * (1 + 1e-9), 1e6)
    assert math.isclose(least, expected, rel_tol=1e-6)


def test_b66_a_posterior_over_its_prior():
    found = d.scaled_likelihood(tensor([0.7, 0.2, 0.1]).log(), tensor([0.5, 0.3, 0.2]).log())
    torch.testing.assert_close(found.exp(), tensor([1.4, 2 / 3, 0.5]))


def test_a_state_that_was_never_seen_stays_impossible():
    assert d.scaled_likelihood(tensor([-math.inf, 0.0]), tensor([-math.inf, 0.0])).tolist() == [-math.inf, 0.0]


def test_b67_the_conditional_likelihood_of_two_hypotheses():
    found = d.mmi((tensor([[0.2, 0.1]]) * 0.5).log(), torch.tensor([0]))
    assert math.isclose(float(found), math.log(2 / 3), abs_tol=1e-12)


def test_b68_expected_accuracy():
    assert math.isclose(
        float(d.expected_accuracy(tensor([0.5, 0.3, 0.2]).log(), tensor([3.0, 2, 1]))), 2.3, abs_tol=1e-12
    )


def test_the_map_decision_weighs_sounds_with_words():
    """log .6 + log .1 = log .06 is less than log .3 + log .4 = log .12."""
    likelihood, prior = tensor([[0.6, 0.3]]).log(), tensor([0.1, 0.4]).log()
    assert d.map_decision(likelihood, prior).tolist() == [1]
    assert d.map_decision(likelihood, prior * 0).tolist() == [0]


def test_mce_is_a_half_at_the_border_and_a_count_of_errors_far_from_it():
    tie = d.mce(tensor([[1.0, 1.0, -math.inf]]), torch.tensor([0]))
    assert math.isclose(float(tie), 0.5, abs_tol=1e-12)
    found = d.mce(tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 3.0]]), torch.tensor([0, 0]), slope=1e3, sharpness=50.0)
    torch.testing.assert_close(found, tensor([0.0, 1.0]), rtol=0, atol=1e-9)


def test_mce_without_a_rival_is_no_error():
    assert d.mce(tensor([[2.0], [-1.0]]), torch.tensor([0, 0])).tolist() == [0.0, 0.0]


def test_minimum_risk_may_choose_what_is_not_most_probable():
    """By hand: posteriors .4, .3, .3; 1 is near both others and costs .4 + .3, while 0 costs .3 + 2 x .3."""
    risk = tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    assert d.minimum_risk(tensor([[0.4, 0.3, 0.3]]).log(), risk).tolist() == [1]
    assert d.minimum_risk(tensor([[0.4, 0.3, 0.3]]).log(), 1 - torch.eye(3, dtype=torch.float64)).tolist() == [0]


# --- two words, each a chain of two Gaussian states ------------------------------------------------


def task():
    """Sequences of two words whose chains agree in all but the means, and first means that maximum likelihood gives."""
    g = torch.Generator().manual_seed(0)
    word = chains.left_to_right(2, stay=0.6)
    truth = tensor([[[0.0], [1.0]], [[0.6], [1.6]]])
    xs, words = [], []
    for r in range(30):
        states = torch.tensor([0, 0, 0, 1, 1])
        xs.append(truth[r % 2, states] + torch.randn(5, 1, generator=g, dtype=torch.float64))
        words.append(r % 2)
    return word, truth.clone(), torch.ones_like(truth), torch.stack(xs), torch.tensor(words)


def log_joint(word, means, variances, xs):
    away = (xs[:, None, :, None, 0] - means[:, None, :, 0]) ** 2
    logs = -0.5 * (away / variances[:, None, :, 0] + variances[:, None, :, 0].log())
    start, step, leave = word.logs()
    each = [chains.forward(start, step, own, log_exit=leave)[1] for own in logs.flatten(0, 1)]
    return torch.stack(each).view(len(xs), 2)


def accumulate(word, means, variances, xs, words):
    """Counts under the right word, and under both by their posterior."""
    joint = log_joint(word, means, variances, xs)
    posterior = joint.softmax(1)
    sums = {side: [torch.zeros(4).double(), torch.zeros(4, 1).double(), torch.zeros(4, 1).double()] for side in "nd"}
    start, step, leave = word.logs()
    for r, x in enumerate(xs):
        for w in range(2):
            logs = -0.5 * ((x - means[w, :, 0]) ** 2 / variances[w, :, 0] + variances[w, :, 0].log())
            gamma = chains.posteriors(start, step, logs, log_exit=leave)[0]
            for side, share in (("n", float(words[r] == w)), ("d", float(posterior[r, w]))):
                for total, value in zip(sums[side], (torch.ones_like(x), x, x**2), strict=True):
                    own = share * gamma.T @ value
                    total[2 * w : 2 * w + 2] += own[:, 0] if total.ndim == 1 else own
    return tuple(sums["n"]), tuple(sums["d"])


def test_extended_baum_welch_raises_the_criterion_step_by_step():
    word, means, variances, xs, words = task()
    reached = []
    for _ in range(6):
        reached.append(float(d.mmi(log_joint(word, means, variances, xs), words).sum()))
        found = d.extended_baum_welch(
            means.view(4, 1), variances.view(4, 1), *accumulate(word, means, variances, xs, words)
        )
        means, variances = found.means.view(2, 2, 1), found.variances.view(2, 2, 1)
    assert all(b > a for a, b in itertools.pairwise(reached)), reached


def test_the_slope_of_mmi_is_the_difference_of_the_counts():
    """d F / d m = (C_num(x) - C_den(x) - m (C_num(1) - C_den(1))) / v, by autograd through the forward algorithm."""
    word, means, variances, xs, words = task()
    own = means.clone().requires_grad_()
    (slope,) = torch.autograd.grad(d.mmi(log_joint(word, own, variances, xs), words).sum(), own)
    (n1, nx, _), (d1, dx, _) = accumulate(word, means, variances, xs, words)
    expected = (nx - dx - means.view(4, 1) * (n1 - d1)[:, None]) / variances.view(4, 1)
    torch.testing.assert_close(slope.view(4, 1), expected, rtol=1e-9, atol=1e-9)


def test_discrete_probabilities_stay_probabilities_and_raise_the_criterion():
    """One state a word, one symbol an utterance: MMI in closed form."""
    weights = tensor([[0.5, 0.3, 0.2], [0.4, 0.3, 0.3]])
    seen = tensor([[8.0, 1, 1], [2.0, 6, 2]])  # counts of symbols by right word

    def criterion(p):
        return float((seen * (p / p.sum(0)).log()).sum())

    reached = [criterion(weights)]
    for _ in range(5):
        denominator = seen.sum(0) * weights / weights.sum(0)
        weights = d.extended_weights(weights, seen, denominator, smoothing=20.0)
        torch.testing.assert_close(weights.sum(1), torch.ones(2, dtype=torch.float64))
        reached.append(criterion(weights))
    assert all(b > a for a, b in itertools.pairwise(reached)), reached


def test_discrete_weights_move_by_the_difference_of_counts():
    """(C_num - C_den + D p) over its sum: (3 - 2 + 2, 1 - 2 + 2) of 4; where that falls below 0, D is raised."""
    half = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    counts = torch.tensor([[3.0, 1.0]], dtype=torch.float64), torch.tensor([[2.0, 2.0]], dtype=torch.float64)
    found = d.extended_weights(half, *counts, smoothing=4.0)
    assert torch.allclose(found, torch.tensor([[0.75, 0.25]], dtype=torch.float64))
    least = d.extended_weights(half, *counts, smoothing=0.0)
    assert float(least[0, 1]) == pytest.approx(0.01 / 2.02, abs=1e-12)  # D = 2.02: (1 + 1.01, -1 + 1.01)
