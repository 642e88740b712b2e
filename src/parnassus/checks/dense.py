"""Perceptrons, linear models and dense nets against scikit-learn and closed forms."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from torch import nn

from .. import registry
from ..data.tables.table import Table
from ..estimators.classifier import Classifier
from ..estimators.regressor import Regressor
from ..models.tables.mlp import MLP
from ..models.vision.cnn import LeNet5
from ..objectives.supervised import Supervised
from ..train.randomness import kept_random
from . import check, gap


@check("mlp", "dense-layer", oracle="scikit-learn", tolerance=1e-6)
def mlp_forward_with_scikit_learns_weights() -> float:
    """Class probabilities of a 13-32-16-3 net on the wine table against MLPClassifier with the same `coefs_`."""
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    theirs = MLPClassifier((32, 16), max_iter=15, tol=1.0, random_state=0).fit(X, y)
    spec = registry.model("mlp", hidden=(32, 16))
    ours = Classifier(spec, epochs=1, codec=Table(scaling="none")).fit(X, y)
    linears = [m for m in ours.objective_.modules() if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for linear, w, b in zip(linears, theirs.coefs_, theirs.intercepts_, strict=True):
            linear.weight.copy_(torch.tensor(w.T))
            linear.bias.copy_(torch.tensor(b))
    return gap(ours.predict_proba(X), theirs.predict_proba(X))


@check("backpropagation", oracle="torch", tolerance=1e-6)
def closed_form_gradients_against_autograd() -> float:
    """Every gradient of a three-layer net, closed form against torch.autograd, float32."""
    with kept_random(torch.device("cpu"), 0):
        module = MLP([20, 64, 32, 5])
        batch = {"x": torch.randn(100, 20), "y": torch.randint(0, 5, (100,))}
    phase = Supervised(module, registry.loss("cross_entropy").make(task="labels"), kind="labels").phases()[0]
    wanted = torch.autograd.grad(phase.loss(batch), list(module.parameters()))
    for p in module.parameters():
        p.grad = torch.zeros_like(p)
    assert phase.gradient is not None
    with torch.no_grad():
        phase.gradient(batch)
    found = [p.grad for p in module.parameters() if p.grad is not None]
    return max(gap(g, w) for g, w in zip(found, wanted, strict=True))


@check("linear-regression", "normal-equation", oracle="scikit-learn", tolerance=1e-3)
def least_squares_against_linear_regression() -> float:
    """Predictions of the normal equation on the diabetes table, in the answers' units (25 to 346)."""
    X, y = load_diabetes(return_X_y=True)
    ours = Regressor(registry.model("linear", solver="normal")).fit(X, y).predict(X)
    return gap(ours, LinearRegression().fit(X, y).predict(X))


@check("ridge-regression", oracle="scikit-learn", tolerance=1e-3)
def ridge_against_scikit_learn() -> float:
    """Predictions of ridge regression on the standardised diabetes table, penalty 10 on the sum of squares."""
    X, y = load_diabetes(return_X_y=True)
    z, scale = (X - X.mean(0)) / X.std(0), y.std()
    spec = registry.model("linear", solver="normal", l2=10.0)
    ours = Regressor(spec).fit(z, y).predict(z)
    theirs = Ridge(alpha=10.0).fit(z, (y - y.mean()) / scale).predict(z) * scale + y.mean()
    return gap(ours, theirs)


@check("logistic-regression", oracle="scikit-learn", tolerance=2e-3)
def logistic_regression_against_scikit_learn() -> float:
    """Probabilities of regularised logistic regression on two kinds of iris, at the optimum of the same cost."""
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], y[50:]
    z = (X - X.mean(0)) / X.std(0)
    ours = Classifier("logistic", optimizer="lbfgs", epochs=200, batch_size=len(z)).fit(z, y)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(z, y)
    return gap(ours.predict_proba(z), theirs.predict_proba(z))


@check("softmax-regression", oracle="scikit-learn", tolerance=0.02)
def softmax_regression_against_scikit_learn() -> float:
    """Probabilities of unregularised softmax regression on iris at the optimum, where rows are not separable."""
    X, y = load_iris(return_X_y=True)
    z = ((X - X.mean(0)) / X.std(0))[:, :2]
    ours = Classifier("softmax", optimizer="lbfgs", epochs=300, batch_size=len(z)).fit(z, y)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(z, y)
    return gap(ours.predict_proba(z), theirs.predict_proba(z))


@check("lenet5", oracle="(published)", tolerance=0)
def lenet5_parameter_count() -> float:
    """61,706 parameters for 32 x 32 grey pictures of ten classes (LeCun et al. 1998, second convolution dense)."""
    with kept_random(torch.device("cpu")):
        net = LeNet5(in_channels=1, n_outputs=10)
    return gap(sum(p.numel() for p in net.parameters()), 61_706)


@check("estimator-api", oracle="scikit-learn", tolerance=0.02)
def breast_cancer_accuracy_beside_scikit_learn() -> float:
    """How far held-out accuracy on breast cancer falls short of MLPClassifier's, same split."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:400], order[400:]
    ours = Classifier("mlp").fit(X[train], y[train]).score(X[test], y[test])
    mean, std = X[train].mean(0), X[train].std(0)
    theirs = MLPClassifier((64,), max_iter=2000, n_iter_no_change=50, random_state=0).fit(
        (X[train] - mean) / std, y[train]
    )
    due = theirs.score((X[test] - mean) / std, y[test])
    return gap(np.minimum(ours, due), due)
