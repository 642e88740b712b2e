"""One model against many: what bagging, boosting, stacking and snapshots change, and why a mean varies less."""

from typing import Any

import numpy as np

from .. import registry
from ..data.split import stratified_split
from ..ensembles.adaboost import AdaBoost
from ..ensembles.bagging import Bagging
from ..ensembles.gradient import GradientBoosting
from ..ensembles.stacking import Stacking
from ..ensembles.trajectory import SWA, Snapshot
from ..ensembles.voting import Voting
from ..estimators.classifier import Classifier
from ..functional.boosting import variance_of_mean
from ..imports import imported
from . import Size, Table, recipe


def contenders(size: Size) -> dict[str, Any]:
    """Single models, and ensembles of them, by name.

    The decision tree and the random forest are scikit-learn's. Bagged trees that see a part of the columns are near the
    forest, which draws columns anew at every split.

    Systems: decision-tree, random-forest
    Source: Martinez-Ramon 3.5.5; Jaiswal J52; Baker A207.
    """
    n = 5 if size == "tiny" else 50
    net = Classifier(registry.model("mlp", hidden=(32,)), epochs=6 if size == "tiny" else 40)
    tree = imported("sklearn.tree").DecisionTreeClassifier(random_state=0)
    forest = imported("sklearn.ensemble").RandomForestClassifier(n, random_state=0)
    return {
        "decision tree": tree,
        "bagged trees": Bagging(tree, n=n),
        "bagged trees, a fifth of the columns": Bagging(tree, n=n, columns=0.2),
        "random forest": forest,
        "AdaBoost, stumps": AdaBoost(n=n),
        "gradient boosting": GradientBoosting(n=n, loss="log_loss"),
        "one net": net,
        "bagged nets": Bagging(net, n=5),
        "snapshots": Snapshot(net, n=3),
        "averaged weights": SWA(net),
        "vote of net, tree, forest": Voting([net, tree, forest]),
        "stack of net and trees": Stacking([net, Bagging(tree, n=n)], n_folds=3),
    }


@recipe(
    "ensembles",
    source="Hifny 14.7, Jaiswal 2.6.4, Martinez-Ramon 3.5.5",
    figure="many trees err less than one",
)
def ensembles(size: Size) -> Table:
    """Held-out accuracy of single models and of ensembles on the breast cancer table."""
    X, y = imported("sklearn.datasets").load_breast_cancer(return_X_y=True)
    n_splits = 2 if size == "tiny" else 20
    rows = []
    for name, estimator in contenders(size).items():
        scores = []
        for seed in range(n_splits):
            train, test = stratified_split(y, 0.5, seed=seed)
            scores.append(estimator.fit(X[train], y[train]).score(X[test], y[test]))
        rows.append((name, float(np.mean(scores)), float(np.std(scores)), float(np.min(scores))))
    columns = "model", "mean accuracy", "standard deviation", "worst split"
    notes = ["Half of the rows train and half are held out, stratified, the same splits for all."]
    return Table("One model and many, breast cancer", columns, rows, notes, {"splits": n_splits, "seed": 0})


@recipe(
    "variance-of-a-mean",
    source="Hifny 14.7, eq. 14.28, with the correlation that it leaves out",
    figure="rho s^2 + (1 - rho) s^2 / M",
)
def variance_of_a_mean(size: Size) -> Table:
    """How the predictions of bagged trees vary over data sets, beside the law for correlated models and the book's."""
    n_sets = 25 if size == "tiny" else 300
    at = np.linspace(-1.8, 1.8, 25)[:, None]
    members = np.empty((n_sets, 32, len(at)))
    for i in range(n_sets):
        rng = np.random.default_rng(i)
        x = rng.uniform(-2, 2, (40, 1))
        y = np.sin(2 * x[:, 0]) + 0.3 * rng.normal(size=40)
        bag = Bagging(imported("sklearn.tree").DecisionTreeRegressor(), n=32, seed=i).fit(x, y)
        members[i] = [m.predict(at) for m in bag.members_]
    centred = members - members.mean((0, 1))
    variance = float((centred**2).mean())
    products = centred.sum(1) ** 2 - (centred**2).sum(1)  # of all ordered pairs of different members
    correlation = float(products.mean() / (32 * 31)) / variance
    rows = []
    for n in (1, 2, 4, 8, 16, 32):
        means = centred.reshape(n_sets, 32 // n, n, -1).mean(2)
        law = float(variance_of_mean(variance, n, correlation=correlation))
        rows.append((n, float((means**2).mean()), law, variance / n))
    columns = "members", "measured", "rho s^2 + (1 - rho) s^2 / M", "s^2 / M (as printed)"
    notes = [
        f"Full trees on 40 points of a noisy sine, each member on its own bootstrap draw; variances over data sets, "
        f"the mean of 25 places. One tree varies by {variance:.3g}; two of one data set correlate by {correlation:.2f}."
    ]
    return Table("The variance of a mean of trees", columns, rows, notes, {"sets": n_sets, "seed": 0})
