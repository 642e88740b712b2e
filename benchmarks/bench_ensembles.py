"""What an ensemble costs: nets bagged by us, by scikit-learn around our nets, and by scikit-learn around its own.

Run: python benchmarks/bench_ensembles.py [--threads 2] [--repeats 5] [--only name ...]
"""

from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, GradientBoostingRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeRegressor

import parnassus as pn
from harness import Work, arguments, compare

EPOCHS = 10
MEMBERS = 10


def bagged_nets() -> dict[str, Work]:
    X, y = load_digits(return_X_y=True)
    net = pn.Classifier(pn.model("mlp", hidden=(64,)), epochs=EPOCHS, batch_size=64, progress=False)
    theirs = MLPClassifier((64,), max_iter=EPOCHS, batch_size=64, n_iter_no_change=EPOCHS + 1)
    return {
        "parnassus": lambda: pn.Bagging(net, n=MEMBERS).fit(X, y),
        "one net": lambda: pn.Classifier(**net.get_params(deep=False)).fit(X, y),
        "sklearn around ours": lambda: BaggingClassifier(net, MEMBERS, random_state=0).fit(X, y),
        "sklearn": lambda: BaggingClassifier(theirs, MEMBERS, random_state=0).fit(X, y),
    }


def stumps() -> dict[str, Work]:
    X, y = load_breast_cancer(return_X_y=True)
    return {
        "parnassus": lambda: pn.AdaBoost(n=50).fit(X, y),
        "sklearn": lambda: AdaBoostClassifier(n_estimators=50, random_state=0).fit(X, y),
    }


def boosted_trees() -> dict[str, Work]:
    X, y = load_breast_cancer(return_X_y=True)
    tree = DecisionTreeRegressor(max_depth=3)
    return {
        "parnassus": lambda: pn.GradientBoosting(tree, n=50).fit(X, y),
        "sklearn": lambda: GradientBoostingRegressor(n_estimators=50, random_state=0).fit(X, y),
    }


if __name__ == "__main__":
    args = arguments()
    compare(f"{MEMBERS} bagged nets, digits", bagged_nets(), ours="parnassus", args=args)
    compare("AdaBoost, 50 stumps", stumps(), ours="parnassus", args=args)
    compare("gradient boosting, 50 trees", boosted_trees(), ours="parnassus", args=args)
