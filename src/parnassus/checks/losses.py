"""Losses against torch's and scikit-learn's, and their slopes against autograd."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import likelihoods, losses
from . import check, gap

RNG = np.random.default_rng(0)
OUTPUTS = torch.from_numpy(RNG.normal(size=(40, 5)))
NUMBERS = torch.from_numpy(RNG.normal(size=(40, 5)))
POSITIVE = torch.from_numpy(RNG.gamma(2.0, size=(40, 5)))
CLASSES = torch.from_numpy(RNG.integers(0, 5, 40))
FLAGS = torch.from_numpy(RNG.integers(0, 2, (40, 5)).astype(float))


def apart(found: Tensor, wanted: Tensor | float) -> float:
    """How far the mean of values lies from a number."""
    return gap(found.mean(), wanted)


def slope_apart(loss: Callable[..., Tensor], slope: Callable[..., Tensor], outputs: Tensor, y: Tensor) -> float:
    """The largest difference between a slope as written and autograd's."""
    with torch.enable_grad():
        free = outputs.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(loss(free, y).sum(), free)
    return gap(slope(outputs, y), wanted)


@check("mse-loss", "mae-loss", "huber-loss", "poisson-loss", oracle="torch", tolerance=1e-12)
def losses_of_numbers_against_torch() -> float:
    """Squared, absolute, Huber and Poisson losses of 200 numbers, and their slopes."""
    gaps = [
        apart(losses.squared_error(OUTPUTS, NUMBERS), F.mse_loss(OUTPUTS, NUMBERS)),
        apart(losses.absolute_error(OUTPUTS, NUMBERS), F.l1_loss(OUTPUTS, NUMBERS)),
        apart(losses.huber(OUTPUTS - NUMBERS, delta=0.7), F.huber_loss(OUTPUTS, NUMBERS, delta=0.7)),
        apart(losses.poisson(OUTPUTS, POSITIVE.round()), F.poisson_nll_loss(OUTPUTS, POSITIVE.round())),
        slope_apart(losses.squared_error, losses.squared_error_derivative, OUTPUTS, NUMBERS),
        slope_apart(losses.absolute_error, losses.absolute_error_derivative, OUTPUTS, NUMBERS),
        slope_apart(losses.poisson, losses.poisson_derivative, OUTPUTS, POSITIVE.round()),
    ]
    return max(gaps)


@check("mape-loss", "msle-loss", "hinge-loss", oracle="scikit-learn", tolerance=1e-12)
def losses_against_scikit_learns_metrics() -> float:
    """Percentage, squared-log and hinge losses against the metrics of the same name."""
    from sklearn import metrics

    y, said = POSITIVE[:, 0], POSITIVE[:, 1]
    sides, scores = FLAGS[:, 0], OUTPUTS[:, 0]
    truth, given = y.numpy(), said.numpy()
    percent = losses.percentage_error(said, y) / 100
    squared_log = losses.squared_log_error(said, y)
    return max(
        apart(percent, metrics.mean_absolute_percentage_error(truth, given)),
        apart(squared_log, metrics.mean_squared_log_error(truth, given)),
        apart(losses.hinge(scores, sides), metrics.hinge_loss(sides.numpy() * 2 - 1, scores.numpy())),
    )


@check(
    "binary-cross-entropy",
    "multilabel-bce",
    "softmax-cross-entropy",
    "categorical-cross-entropy",
    oracle="torch",
    tolerance=1e-12,
)
def cross_entropies_against_torch() -> float:
    """Cross-entropies of two classes, of many labels at once, and of one class of five, from logits and from shares."""
    shares = OUTPUTS.softmax(-1)
    truth = F.one_hot(CLASSES, 5).to(torch.float64)
    return max(
        apart(losses.binary_cross_entropy(OUTPUTS, FLAGS), F.binary_cross_entropy_with_logits(OUTPUTS, FLAGS)),
        slope_apart(losses.binary_cross_entropy, losses.binary_cross_entropy_derivative, OUTPUTS, FLAGS),
        apart(losses.softmax_cross_entropy(OUTPUTS, CLASSES), F.cross_entropy(OUTPUTS, CLASSES)),
        apart(losses.categorical_cross_entropy(shares, truth), F.cross_entropy(OUTPUTS, CLASSES)),
    )


@check("sequence-cross-entropy", oracle="torch", tolerance=1e-12)
def cross_entropy_of_sequences_against_torch() -> float:
    """The mean over the tokens that are there, of sequences of 3 and 5, is torch's with an ignored id."""
    from ..objectives.supervised import Supervised
    from ..registry import loss

    logits, ids = OUTPUTS[:10].view(2, 5, 5), CLASSES[:10].view(2, 5).clone()
    ids[0, 3:] = -100
    found = Supervised(torch.nn.Identity(), loss("cross_entropy").make(task="labels"), kind="labels")
    return gap(found.mean_loss({"x": logits, "y": ids}), F.cross_entropy(logits.flatten(0, 1), ids.flatten()))


@check("gaussian-nll", oracle="torch", tolerance=1e-12)
def gaussian_likelihoods_against_torch() -> float:
    """The loss of independent normal errors, and of correlated ones against a multivariate normal's density."""
    spread = torch.from_numpy(RNG.normal(size=(5, 5)))
    covariance = spread @ spread.T + torch.eye(5, dtype=torch.float64)
    law = torch.distributions.MultivariateNormal(OUTPUTS, covariance)
    alone = likelihoods.gaussian_nll(OUTPUTS, NUMBERS, POSITIVE)
    together = likelihoods.correlated_gaussian_nll(OUTPUTS, NUMBERS, covariance)
    return max(
        apart(alone / 5, F.gaussian_nll_loss(OUTPUTS, NUMBERS, POSITIVE, full=True)),
        gap(together, -law.log_prob(NUMBERS)),
    )


@check("ce-vs-squared-error", oracle="torch", tolerance=1e-12)
def slopes_where_a_unit_is_wrong_and_sure() -> float:
    """The slopes of both losses of one sigmoid unit, from surely wrong to surely right, against autograd."""
    z = torch.linspace(-12, 12, 49, dtype=torch.float64)
    y = torch.ones_like(z)
    found = likelihoods.saturation(z)
    gaps = []
    for ours, loss in (
        (found.cross_entropy_slope, losses.binary_cross_entropy),
        (found.squared_error_slope, losses.sigmoid_squared_error),
    ):
        with torch.enable_grad():
            free = z.clone().requires_grad_()
            (wanted,) = torch.autograd.grad(loss(free, y).sum(), free)
        gaps.append(gap(ours, wanted))
    return max(gaps)
