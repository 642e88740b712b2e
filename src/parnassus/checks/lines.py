"""Perceptrons, delta rules and lines between classes against scikit-learn, scipy and closed forms."""

import math
from typing import Any

import numpy as np
import torch

from .. import registry
from ..byhand import neuron, perceptron
from ..data.samples import truth_table
from ..data.tables.table import Table
from ..estimators.classifier import Classifier
from ..estimators.regressor import Regressor
from ..functional import linear
from ..functional.polynomial import polynomial_features
from ..imports import imported
from . import check, gap

imported("sklearn.linear_model")
CORNERS, OR = truth_table("or")
SIGNS = 2.0 * OR - 1


@check("perceptron", "perceptron-epochs", oracle="scikit-learn", tolerance=1e-12)
def epochs_of_the_perceptron_against_scikit_learn() -> float:
    """The weights after passes in order over two clouds, against SGDClassifier with the perceptron's loss."""
    from sklearn.linear_model import SGDClassifier

    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2)) + np.repeat([[3, 3], [-3, -2]], 25, axis=0)
    y = np.repeat([1, 0], 25)
    run = perceptron.perceptron_epochs(X, y)
    passes = len(run.epochs)
    theirs = SGDClassifier(
        loss="perceptron", penalty=None, learning_rate="constant", eta0=1.0, shuffle=False, tol=None, max_iter=passes
    ).fit(X, y)
    answers = perceptron.perceptron_output(X, run.w, run.b, step=True)
    return max(gap(run.w, theirs.coef_[0]), gap(run.b, theirs.intercept_[0]), gap(answers, y), float(not run.converged))


@check("perceptron-rule", "novikoff-bound", oracle="(closed form)", tolerance=0)
def corrections_stay_below_the_bound() -> float:
    """On 20 separable sets the rule ends with no row wrong, after fewer changes than (R^2 + 1) / margin^2."""
    wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(30, 2))
        y = np.where(X @ [2.0, -1.0] + 0.5 > 0, 1.0, -1.0)
        X += 0.2 * y[:, None] * np.array([2.0, -1.0]) / math.sqrt(5)
        run = perceptron.perceptron_rule(X, y)
        bound = linear.novikoff_bound(torch.from_numpy(X), torch.from_numpy(y))
        right = (np.where(X @ run.w + run.b > 0, 1, -1) == y).all()
        wrong += not (run.converged and right and len(run.changes) < bound.n_changes)
    return float(wrong)


@check("lms-delta-rule", "adaline", "mmse-neuron", oracle="numpy", tolerance=1e-6)
def the_delta_rule_ends_at_least_squares() -> float:
    """Steps over all rows of OR bring a linear unit to numpy's least squares, and ADALINE's answers are right."""
    unit = neuron.Neuron(np.zeros(2), 0.0)
    for _ in range(2000):
        unit = neuron.batch_step(unit, CORNERS, SIGNS, lr=0.5, mean=True)
    wanted = np.linalg.lstsq(np.c_[CORNERS, np.ones(4)], SIGNS, rcond=None)[0]
    slope, by_b = neuron.Neuron(np.array([0.3, -0.2]), 0.1, "tanh").gradient(CORNERS, SIGNS)
    at = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
    rows = torch.from_numpy(np.c_[CORNERS, np.ones(4)])
    goal = torch.from_numpy(SIGNS)
    free = torch.autograd.functional.jacobian(lambda w: (torch.tanh(rows @ w) - goal).square().sum(), at)
    return max(
        gap([*unit.w, unit.b], wanted),
        gap([*slope, by_b], free),
        gap(neuron.adaline_output(unit, CORNERS), SIGNS),
    )


@check("linear-separability-test", oracle="(closed form)", tolerance=1e-9)
def what_a_plane_separates() -> float:
    """AND, OR and NAND are separated by a plane that is given; XOR is not, and mixtures of its classes meet."""
    wrong = 0.0
    x = torch.from_numpy(CORNERS)
    for gate in ("and", "or", "nand"):
        y = torch.from_numpy(truth_table(gate)[1])
        found = linear.separation(x, y)
        assert found.weight is not None
        assert found.bias is not None
        margin = (2.0 * y - 1) * (x @ found.weight + found.bias)
        wrong = max(wrong, gap(margin.clamp(max=1), torch.ones(4)))
    y = torch.from_numpy(truth_table("xor")[1])
    mixture = linear.separation(x, y).mixture
    assert mixture is not None
    meet = gap(mixture[y == 1] @ x[y == 1], mixture[y == 0] @ x[y == 0])
    return max(wrong, meet)


@check("bayes-boundary", "linear-mmse-classifier", "decision-boundary", oracle="scipy", tolerance=0.01)
def the_best_line_between_two_clouds() -> float:
    """The error of the line half-way against Q(d / 2 s), and against what least squares learns of 20,000 rows."""
    from scipy.stats import norm

    means = torch.tensor([[-1.0, 0.0], [1.0, 0.5]], dtype=torch.float64)
    best = linear.bayes_boundary(means[0], means[1], std=0.8)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 20_000)
    X = means.numpy()[y] + 0.8 * rng.normal(size=(20_000, 2))
    learned = Classifier("linear", codec=Table(scaling="none")).fit(X, y)
    away = linear.boundary_distance(torch.from_numpy(X), weight=best.weight, bias=best.bias).numpy()
    return max(
        gap(best.error, norm.sf(float((means[1] - means[0]).norm()) / 1.6)),
        gap(((away > 0) != (y == 1)).mean(), best.error),
        gap((learned.predict(X) != y).mean(), best.error),
    )


@check("decision-rules", "one-vs-rest", oracle="numpy", tolerance=0)
def answers_from_scores() -> float:
    """A tie at the threshold says yes, and signs of one class against the rest are +1 in one place of each row."""
    p = torch.tensor([0.2, 0.5, 0.9, 0.49999])
    signs = linear.as_signs(torch.tensor([0, 2, 1]), n_outputs=3).numpy()
    return max(gap(linear.decide(p), np.array([0, 1, 1, 0])), gap(signs, 2 * np.eye(3)[[0, 2, 1]] - 1))


@check("polynomial-regression", oracle="numpy", tolerance=1e-5)
def polynomials_against_numpy() -> float:
    """A cubic through 40 noisy points, against numpy's fit, and all products of two columns against scikit-learn's."""
    from sklearn.preprocessing import PolynomialFeatures

    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 40))
    y = np.cos(4 * x) + 0.1 * rng.normal(size=40)
    fitted = Regressor(registry.model("polynomial", degree=3)).fit(x[:, None], y)
    two = rng.normal(size=(6, 2))
    products = polynomial_features(torch.from_numpy(two), 3).numpy()
    wanted = PolynomialFeatures(3, include_bias=products.shape[1] == 10).fit_transform(two)
    same = gap(np.sort(products, 1), np.sort(wanted, 1)) if products.shape == wanted.shape else math.inf
    return max(gap(fitted.predict(x[:, None]), np.polynomial.Polynomial.fit(x, y, 3)(x)), same)


@check("lasso-regression", oracle="scikit-learn", tolerance=5e-3)
def the_lasso_against_scikit_learn() -> float:
    """A linear net with an L1 penalty, trained by descent, against Lasso on the same scaled numbers."""
    from sklearn.linear_model import Lasso

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    X = (X - X.mean(0)) / X.std(0)
    y = X @ [2.0, 0, -1, 0, 0] + 0.5 * rng.normal(size=200)
    z = (y - y.mean()) / y.std()
    settings: dict[str, Any] = {"optimizer": "sgd", "lr": 0.1, "schedule": "cosine", "epochs": 300, "batch_size": 200}
    penalty = registry.regularizer("l1", strength=0.1)
    ours = Regressor(torch.nn.Linear(5, 1), regularizers=(penalty,), **settings).fit(X, y)
    theirs = Lasso(alpha=0.05).fit(X, z).predict(X) * y.std() + y.mean()
    return gap(ours.predict(X), theirs)
