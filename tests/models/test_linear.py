"""The builders of linear models: what they build, and what they refuse."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from parnassus.errors import SettingError
from parnassus.models.tables.mlp import MLP
from parnassus.objectives.rules import LeastSquares
from parnassus.registry import loss, model

FACTS = {"in_features": 4, "n_outputs": 3}


@pytest.mark.parametrize("task", ["regressor", "classifier"])
def test_linear_solves_the_normal_equation_by_default(task: str) -> None:
    built = model("linear", l2=2.0).make(task=task, **FACTS)
    assert isinstance(built, LeastSquares)
    assert built.full_batch
    assert built.l2 == 2.0


@pytest.mark.parametrize(
    ("name", "task", "options"),
    [("linear", "regressor", {"solver": "gradient"}), ("logistic", "classifier", {}), ("softmax", "classifier", {})],
)
def test_the_others_are_one_dense_layer(name: str, task: str, options: dict[str, str]) -> None:
    with torch.random.fork_rng():
        built = model(name, **options).make(task=task, **FACTS)
    assert isinstance(built, MLP)
    assert [tuple(p.shape) for p in built.parameters()] == [(3, 4), (3,)]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"solver": "newton"}, "no solver"),
        ({"l2": -1.0}, "0 or more"),
        ({"solver": "gradient", "l2": 1.0}, "weight_decay"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(options: dict[str, object], match: str) -> None:
    with pytest.raises(SettingError, match=match):
        model("linear", **options).make(task="regressor", **FACTS)


def test_softmax_regression_reaches_scikit_learns_probabilities() -> None:
    x, y = load_iris(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    peer = LogisticRegression(C=10.0, tol=1e-8, max_iter=5000).fit(x, y)
    with torch.random.fork_rng():
        net = model("softmax").make(task="classifier", **FACTS).double()
    made, rows, labels = loss("cross_entropy").make(task="labels"), torch.from_numpy(x), torch.from_numpy(y)
    descent = torch.optim.LBFGS(net.parameters(), max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        descent.zero_grad()
        value = made(net(rows), labels) + net[0].weight.square().sum() / (2 * 10.0 * len(x))
        value.backward()
        return value

    descent.step(step)
    assert np.allclose(net(rows).softmax(1).detach(), peer.predict_proba(x), atol=1e-4)
