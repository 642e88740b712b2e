"""First weights against torch's initialisers, and penalties and noise against scikit-learn, torch and closed forms."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .. import registry
from ..functional import initializers, regularization
from ..layers.initialization import depth_study
from ..train.perturbations import WeightNoise
from ..train.randomness import kept_random
from . import check, gap, relative_gap

CPU = torch.device("cpu")


def spread(name: str, shape: tuple[int, ...]) -> float:
    """The standard deviation of weights drawn by an initializer."""
    weight = torch.empty(shape, dtype=torch.float64)
    with kept_random(CPU, 0), torch.no_grad():
        registry.initializer(name).make()(weight)
    return float(weight.std())


@check("glorot-init", "he-init", oracle="torch", tolerance=0.02)
def spreads_of_drawn_weights() -> float:
    """The spread of 200 x 300 drawn weights, normal and uniform, over torch's of the same names."""
    theirs: dict[str, Callable[[torch.Tensor], object]] = {
        "glorot_normal": nn.init.xavier_normal_,
        "glorot_uniform": nn.init.xavier_uniform_,
        "he_normal": nn.init.kaiming_normal_,
        "he_uniform": nn.init.kaiming_uniform_,
    }
    gaps = []
    for name, fill in theirs.items():
        weight = torch.empty(200, 300, dtype=torch.float64)
        with kept_random(CPU, 1), torch.no_grad():
            fill(weight)
        gaps.append(relative_gap(spread(name, (200, 300)), weight.std()))
    return max(gaps)


@check(
    "xavier-fan-in", "logistic-gaussian-init", "yilmaz-poli-init", "zero-random-init", oracle="(book)", tolerance=0.02
)
def spreads_that_the_books_give() -> float:
    """1 / sqrt(n), 3.6 / sqrt(n), the mean max(-1, -8 / n) and zeros, of weights from 300 inputs."""
    weight = torch.empty(200, 300, dtype=torch.float64)
    with kept_random(CPU, 0), torch.no_grad():
        registry.initializer("yilmaz_poli").make()(weight)
        mean = float(weight.mean())
        registry.initializer("zeros").make()(weight)
    return max(
        relative_gap(spread("lecun_normal", (200, 300)), 300**-0.5),
        relative_gap(spread("logistic_normal", (200, 300)), 3.6 * 300**-0.5),
        relative_gap(mean, -8 / 300),
        gap(initializers.negative_mean(4), -1),
        gap(weight, 0),
    )


@check("l1-penalty", "l2-penalty", oracle="scikit-learn", tolerance=1e-6)
def penalties_end_where_scikit_learns_do() -> float:
    """The slopes of both penalties and of the squared error cancel at the coefficients of Lasso and Ridge."""
    from sklearn.linear_model import Lasso, Ridge

    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    y = X @ [3, -2, 0, 0, 1, 0] + rng.normal(size=80)
    ridge = torch.from_numpy(Ridge(alpha=4.0, fit_intercept=False, tol=1e-12).fit(X, y).coef_)
    lasso = torch.from_numpy(Lasso(alpha=0.5, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(X, y).coef_)
    x, goal = torch.from_numpy(X), torch.from_numpy(y)
    at_ridge = x.T @ (x @ ridge - goal) + regularization.l2_slope(ridge, strength=4.0)
    at_lasso = (x.T @ (x @ lasso - goal) / 80 + regularization.l1_slope(lasso, strength=0.5))[lasso != 0]
    return max(gap(at_ridge, 0), gap(at_lasso, 0))


@check("l0-best-subset", oracle="numpy", tolerance=1e-9)
def the_best_subset_of_all() -> float:
    """The least squared error plus 3 for each column, against numpy's fit of every one of 64 subsets."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 6))
    y = X @ [2, 0, 0, -1, 0, 0.1] + rng.normal(size=50)
    centred, goal = X - X.mean(0), y - y.mean()
    costs: dict[tuple[int, ...], float] = {(): float((goal**2).sum())}
    for k in range(1, 7):
        for columns in combinations(range(6), k):
            part = centred[:, columns]
            left = goal - part @ np.linalg.lstsq(part, goal, rcond=None)[0]
            costs[columns] = float((left**2).sum()) + 3.0 * k
    found = regularization.best_subset(torch.from_numpy(X), torch.from_numpy(y), strength=3.0)
    best = min(costs, key=lambda c: costs[c])
    return max(float(found.support != best), gap(found.cost, costs[best]))


@check("max-norm", oracle="torch", tolerance=1e-6)
def rows_cut_to_a_length() -> float:
    """Weights into each unit, cut to length 1, against torch.renorm, which leaves them a ten-millionth short."""
    weight = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 7)))
    weight[0] *= 0.01
    return gap(regularization.max_norm(weight, limit=1.0), torch.renorm(weight, 2, 0, 1.0))


@check("dropout", "label-smoothing", oracle="torch", tolerance=1e-12)
def dropped_units_and_softened_answers() -> float:
    """Dropout by torch's own mask, and cross-entropy of softened answers against torch's option."""
    h = torch.from_numpy(np.random.default_rng(0).normal(1, 1, (30, 20)))
    with kept_random(CPU, 0):
        theirs = F.dropout(h, 0.3, training=True)
    ours = regularization.dropout_at_training(h, (theirs != 0).to(h.dtype), rate=0.3)
    labels = torch.arange(30) % 20
    soft = regularization.smooth_targets(F.one_hot(labels, 20).to(h.dtype), rate=0.1)
    smoothed = -(soft * h.log_softmax(-1)).sum(-1).mean()
    return max(
        gap(ours, theirs),
        gap(smoothed, F.cross_entropy(h, labels, label_smoothing=0.1)),
    )


@check("early-stopping", oracle="(closed form)", tolerance=0)
def the_first_epoch_without_a_new_best_for_so_long() -> float:
    """On 200 random walks: the first epoch whose last three losses all lie at or above the best before them."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(200):
        losses = np.round(10 + rng.normal(-0.05, 0.3, 40).cumsum(), 1)
        ends = [t for t in range(3, 40) if losses[t - 2 : t + 1].min() >= losses[: t - 2].min()]
        after = ends[0] if ends else None
        seen = losses[: after + 1] if after is not None else losses
        wrong += regularization.early_stop(losses.tolist(), patience=3) != (after, int(seen.argmin()))
    return float(wrong)


@check("input-noise", oracle="(closed form)", tolerance=0.02)
def noise_on_inputs_is_a_penalty_on_weights() -> float:
    """The mean squared error of a linear unit under input noise of spread s grows by s^2 |w|^2 (Bishop 1995)."""
    rng = np.random.default_rng(0)
    x, w = torch.from_numpy(rng.normal(size=(200_000, 3))), torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    with kept_random(CPU, 0):
        noisy = registry.regularizer("input_noise", scale=0.5).make().batch({"x": x})["x"]
    grown = ((noisy - x) @ w).square().mean()
    return relative_gap(grown, 0.25 * w.square().sum())


@check("init-depth-study", oracle="(closed form)", tolerance=0.02)
def orthogonal_layers_keep_lengths() -> float:
    """Ten orthogonal layers without an activation keep the spread of what goes through them."""
    study = depth_study(registry.initializer("orthogonal"), activation="identity", n_rows=4000)
    return relative_gap(study.activation_variance, study.activation_variance[0])


@check("weight-gradient-noise", oracle="(closed form)", tolerance=0.02)
def noise_on_weights() -> float:
    """The mean and the spread of what is added to 90,000 weights."""
    noise = WeightNoise(0.3)
    weight = torch.zeros(300, 300)
    with kept_random(CPU, 0), torch.no_grad():
        noise.perturb(weight)
    return max(gap(weight.std(), 0.3), gap(weight.mean(), 0))
