"""What a whole `fit` does, against the loop that it stands for: torch's, scikit-learn's search, a stack of machines."""

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..data.tables.table import Table
from ..estimators.classifier import Classifier
from ..estimators.energy import DBN
from ..estimators.regressor import Regressor
from ..imports import imported
from ..registry import model, optimizer
from ..train.randomness import kept_random
from . import check, gap

imported("sklearn.neural_network")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)


@check("learning-workflow", "sequential-model-api", "output-head-rule", oracle="torch", tolerance=1e-5)
def a_loop_written_by_hand() -> float:
    """Weights after five steps of momentum on all rows, of four kinds of answers, each with the loss that is due."""
    answers: dict[str, tuple[Any, Any, int]] = {
        "numbers": (Regressor, RNG.normal(size=(60, 2)).astype(np.float32), 2),
        "two classes": (Classifier, RNG.integers(0, 2, 60), 1),
        "classes": (Classifier, RNG.integers(0, 3, 60), 3),
        "labels": (Classifier, RNG.integers(0, 2, (60, 3)), 3),
    }
    rows, worst = torch.from_numpy(X), 0.0
    for kind, (task, y, n_outputs) in answers.items():
        with kept_random(torch.device("cpu"), 0):
            theirs = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, n_outputs))
        rule = optimizer("sgd", lr=0.1, momentum=0.9)
        given: dict[str, Any] = {"optimizer": rule, "epochs": 5, "batch_size": 60, "codec": Table(scaling="none")}
        ours = task(copy.deepcopy(theirs), **given).fit(X, y)
        move = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
        standard = (y - y.mean(0)) / y.std(0) if kind == "numbers" else y
        truth = torch.from_numpy(np.asarray(standard))
        with torch.enable_grad():
            for _ in range(5):
                said = theirs(rows)
                if kind == "numbers":
                    loss = F.mse_loss(said, truth)
                elif kind == "classes":
                    loss = F.cross_entropy(said, truth)
                else:
                    loss = F.binary_cross_entropy_with_logits(said.view(truth.shape), truth.float())
                move.zero_grad()
                loss.backward()
                move.step()
        found = [p.detach() for p in ours.objective_.model.parameters()]
        worst = max(worst, *(gap(a, b.detach()) for a, b in zip(found, theirs.parameters(), strict=True)))
    return worst


@check("hyperparameter-search", oracle="scikit-learn", tolerance=1e-6)
def a_grid_of_penalties() -> float:
    """R2 of every fold and the penalty that is chosen, by scikit-learn's search around our ridge and around its own."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y, penalties = (X @ [1.0, -1.0, 0.5, 0.0] + RNG.normal(size=60)).astype(np.float64), [0.1, 10.0, 100.0]
    ours = GridSearchCV(Regressor(model("linear")), {"model__l2": penalties}, cv=4, scoring="r2").fit(X, y)
    peer = make_pipeline(StandardScaler(), Ridge())
    theirs = GridSearchCV(peer, {"ridge__alpha": penalties}, cv=4, scoring="r2").fit(X.astype(np.float64), y)
    return max(
        gap(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]),
        gap(ours.best_params_["model__l2"], theirs.best_params_["ridge__alpha"]),
    )


@check("deep-belief-network", "greedy-pretraining", "dbn-fine-tuning", oracle="scikit-learn", tolerance=1e-5)
def a_stack_of_scikit_learns_machines() -> float:
    """Probabilities of a fitted belief net: its weights in two of scikit-learn's machines, a softmax on the second."""
    from sklearn.neural_network import BernoulliRBM

    rows, y = (RNG.random((80, 6)) < 0.4).astype(np.float32), RNG.integers(0, 3, 80)
    net = DBN(model("dbn", hidden=(5, 4)), epochs=3, codec=Table(scaling="none"), seed=0).fit(rows, y)
    parts: Any = net.objective_
    h: Any = rows.astype(np.float64)
    for machine in parts.machines:
        theirs = BernoulliRBM(machine.w.shape[1])
        theirs.components_ = machine.w.detach().double().numpy().T
        theirs.intercept_hidden_ = machine.c.detach().double().numpy()
        theirs.intercept_visible_ = machine.b.detach().double().numpy()
        theirs.n_features_in_ = machine.w.shape[0]
        h = theirs.transform(h)
    scores = torch.from_numpy(h) @ parts.head.weight.detach().double().T + parts.head.bias.detach().double()
    return gap(net.predict_proba(rows), scores.softmax(1))
