"""Processes of classes: scikit-learn's evidence and slope, densities written out with whole matrices, rows repeated."""

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessClassifier, kernels

from parnassus.functional.bayes.kernel_sums import KernelSum
from parnassus.functional.bayes.laplace_process import (
    binary_factor,
    binary_mode,
    binary_scores,
    softmax_mode,
    softmax_parts,
    softmax_scores,
)
from parnassus.functional.bayes.process_evidence import by_settings

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 2))
BINARY = ((X**2).sum(1) + 0.4 * RNG.normal(size=24) > 1.4).astype(int)
LABELS = np.digitize(X[:, 0] + 0.5 * RNG.normal(size=24), [-0.5, 0.5])
TX, Y2, Y3 = torch.from_numpy(X), torch.from_numpy(BINARY).double(), torch.eye(3).double()[LABELS]
ONES = torch.ones(24).double()
AT = torch.tensor([1.1, 0.1]).double()  # logarithms of variance and scale
TABLE = KernelSum("rbf", 2)(AT.exp(), TX, TX)
NEW = torch.from_numpy(RNG.normal(size=(5, 2)))
ACROSS, PRIOR = KernelSum("rbf", 2)(AT.exp(), TX, NEW), torch.full((5,), float(AT[0].exp())).double()
WEIGHT = 0.3 + TX[:, 1].abs()


def peer():
    kernel = kernels.ConstantKernel() * kernels.RBF()
    return GaussianProcessClassifier(kernel.clone_with_theta(AT.numpy()), optimizer=None).fit(X, BINARY)


def binary_of(y, weight):
    def evidence(table, others):
        found = binary_mode(table, y, weight=weight)
        return found.value, found.slope, others

    return evidence


def softmax_of(y, weight):
    def evidence(table, others):
        found = softmax_mode(table, y, weight=weight)
        return found.value, found.slope, others

    return evidence


def test_two_classes_have_scikit_learns_evidence_slope_and_scores():
    theirs = peer()
    value, slope = theirs.log_marginal_likelihood(AT.numpy(), eval_gradient=True)
    found, ours = by_settings(KernelSum("rbf", 2), TX, binary_of(Y2, ONES))(AT)
    assert found == pytest.approx(value, abs=1e-8)
    assert ours.numpy() == pytest.approx(slope, abs=1e-5)  # theirs is of a mode found to 1e-10 of its height
    mode = binary_mode(TABLE, Y2, weight=ONES)
    root = (mode.p * (1 - mode.p)).sqrt()[:, 0]
    mean, variance = binary_scores(ACROSS, PRIOR, pull=mode.pull[:, 0], root=root, factor=binary_factor(TABLE, root))
    expected = theirs.latent_mean_and_variance(NEW.numpy())
    assert mean.numpy() == pytest.approx(expected[0], abs=1e-5)
    assert variance.numpy() == pytest.approx(expected[1], abs=1e-5)


def whole_evidence(table, y, weight):
    """The evidence of several classes by matrices of all classes and rows together, at a mode found by small steps."""
    n, k = y.shape
    prior = torch.kron(torch.eye(k).double(), table)
    f = torch.zeros(n * k).double()
    for _ in range(60):
        p = f.view(k, n).T.softmax(1)
        slope = (weight[:, None] * (y - p)).T.flatten() - torch.linalg.solve(prior, f)
        f = f + torch.linalg.solve(torch.linalg.inv(prior) + curvature(p, weight), slope)
    p = f.view(k, n).T.softmax(1)
    log_p = (weight[:, None] * y * p.log()).sum()
    inner = torch.eye(n * k).double() + prior @ curvature(p, weight)
    return float(log_p - 0.5 * f @ torch.linalg.solve(prior, f) - 0.5 * torch.logdet(inner)), f.view(k, n).T, p


def curvature(p, weight):
    n, k = p.shape
    bent = torch.zeros(k, n, k, n).double()
    for i in range(n):
        bent[:, i, :, i] = weight[i] * (p[i].diag() - p[i][:, None] * p[i])
    return bent.view(n * k, n * k)


@pytest.mark.parametrize("weight", [ONES, WEIGHT], ids=["alike", "weighted"])
def test_several_classes_have_the_evidence_of_whole_matrices(weight):
    jittered = TABLE + 1e-6 * torch.eye(24).double()
    value, f, p = whole_evidence(jittered, Y3, weight)
    found = softmax_mode(jittered, Y3, weight=weight)
    assert found.value == pytest.approx(value, abs=1e-6)
    torch.testing.assert_close(found.scores, f, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.p, p, atol=1e-6, rtol=0)


def test_new_scores_of_several_classes_are_those_of_whole_matrices():
    mode = softmax_mode(TABLE, Y3, weight=WEIGHT)
    parts = softmax_parts(TABLE, mode.p, weight=WEIGHT)
    mean, covariance = softmax_scores(ACROSS, PRIOR, pull=mode.pull, blocks=parts.blocks, whole=parts.whole)
    torch.testing.assert_close(mean, ACROSS.T @ mode.pull)
    bent = curvature(mode.p, WEIGHT)
    # (K + W^-1)^-1 = W - W (K^-1 + W)^-1 W = W (I + K W)^-1
    prior = torch.kron(torch.eye(3).double(), TABLE)
    inner = bent @ torch.linalg.inv(torch.eye(72).double() + prior @ bent)
    for i in range(5):
        own = torch.kron(torch.eye(3).double(), ACROSS[:, i : i + 1])
        expected = PRIOR[i] * torch.eye(3).double() - own.T @ inner @ own
        torch.testing.assert_close(covariance[i], expected, atol=1e-8, rtol=0)


def test_two_classes_by_softmax_are_two_classes_by_sigmoid_of_twice_the_variance():
    two = torch.stack([1 - Y2, Y2], 1)
    softmax, sigmoid = softmax_mode(TABLE, two, weight=WEIGHT), binary_mode(2 * TABLE, Y2, weight=WEIGHT)
    assert softmax.value == pytest.approx(sigmoid.value, abs=1e-8)
    torch.testing.assert_close(softmax.p[:, 1:], sigmoid.p, atol=1e-7, rtol=0)
    torch.testing.assert_close(softmax.slope, 2 * sigmoid.slope, atol=1e-6, rtol=0)


@pytest.mark.parametrize("make", [lambda w: binary_of(Y2, w), lambda w: softmax_of(Y3, w)], ids=["two", "three"])
def test_the_slope_is_a_difference_of_values(make):
    function = by_settings(KernelSum("rbf + linear", 2, ard=True), TX, make(WEIGHT))
    at = torch.tensor([0.6, -0.2, 0.5, 0.1, -0.4]).double()
    slope = function(at)[1]
    for i in range(5):
        step = 1e-5 * torch.eye(5).double()[i]
        assert float(slope[i]) == pytest.approx((function(at + step)[0] - function(at - step)[0]) / 2e-5, abs=1e-6)


def test_a_row_of_weight_two_is_that_row_twice():
    twice, weight = torch.cat([torch.arange(24), torch.arange(5)]), ONES.clone()
    weight[:5] = 2
    double = KernelSum("rbf", 2)(AT.exp(), TX[twice], TX[twice])
    ones = torch.ones(29).double()
    for mode, y in ((binary_mode, Y2), (softmax_mode, Y3)):
        once, doubled = mode(TABLE, y, weight=weight), mode(double, y[twice], weight=ones)
        assert once.value == pytest.approx(doubled.value, abs=1e-8)
        torch.testing.assert_close(once.scores, doubled.scores[:24], atol=1e-7, rtol=0)


def test_a_start_far_off_changes_nothing():
    far = binary_mode(TABLE, Y2, weight=ONES, start=30 * torch.ones(24, 1).double())
    near = binary_mode(TABLE, Y2, weight=ONES)
    assert far.value == pytest.approx(near.value, abs=1e-9)
    torch.testing.assert_close(far.scores, near.scores, atol=1e-7, rtol=0)
    far = softmax_mode(50 * TABLE, Y3, weight=ONES, start=40 * Y3.flip(1))
    near = softmax_mode(50 * TABLE, Y3, weight=ONES)
    assert far.value == pytest.approx(near.value, abs=1e-8)
