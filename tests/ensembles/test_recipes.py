"""What the recipes of ensembles show, at toy size: the tree, the forest, and the law of a mean's variance."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from parnassus import recipes
from parnassus.data.split import stratified_split
from parnassus.recipes.ensembles import contenders


@pytest.fixture(scope="module")
def accuracy():
    return {row[0]: row[1] for row in recipes.run("ensembles", "tiny").rows}


def test_the_tree_and_the_forest_of_the_table_are_scikit_learns(accuracy):
    X, y = load_breast_cancer(return_X_y=True)
    for name, model in {"decision tree": DecisionTreeClassifier(random_state=0),
                        "random forest": RandomForestClassifier(5, random_state=0)}.items():  # fmt: skip
        found = []
        for seed in range(2):
            train, test = stratified_split(y, 0.5, seed=seed)
            found.append(model.fit(X[train], y[train]).score(X[test], y[test]))
        assert accuracy[name] == pytest.approx(np.mean(found))


def test_many_trees_err_less_than_one(accuracy):
    assert set(accuracy) == set(contenders("tiny"))
    for many in ("bagged trees, a fifth of the columns", "random forest", "AdaBoost, stumps"):
        assert accuracy[many] > accuracy["decision tree"] - 0.01, many
    assert min(accuracy.values()) > 0.85


@pytest.mark.slow
def test_a_mean_of_trees_varies_by_the_law_for_correlated_models():
    rows = recipes.run("variance-of-a-mean", "tiny").rows
    for _, measured, law, _ in rows:
        assert measured == pytest.approx(law, rel=0.02)
    assert rows[-1][1] > 3 * rows[-1][3]  # Hifny F45: s^2 / M, as printed, is far below
