"""Copies with seeds of their own, weights, probabilities in the order of all classes, columns of any table."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

import parnassus as pn
from parnassus.data.targets import Labels, Multilabel
from parnassus.ensembles import members

X = np.random.default_rng(0).normal(size=(30, 3))


def test_every_seed_of_a_part_is_set_and_no_two_copies_share_one():
    given = make_pipeline(DecisionTreeClassifier(random_state=0), RandomForestClassifier(random_state=0))
    made = members.copies(given, 3, seed=1)
    seeds = [v for one in made for k, v in one.get_params().items() if k.endswith("__random_state")]
    assert len(seeds) == len(set(seeds)) == 6
    again = members.copies(given, 3, seed=1)
    assert [one.get_params()["decisiontreeclassifier__random_state"] for one in made] == [
        one.get_params()["decisiontreeclassifier__random_state"] for one in again
    ]
    assert given.get_params()["decisiontreeclassifier__random_state"] == 0


def test_estimators_of_ours_get_a_seed_too():
    assert len({one.seed for one in members.copies(pn.Classifier("mlp"), 4, seed=0)}) == 4


def test_a_nested_ensemble_gets_seeds_at_all_its_levels():
    inner = pn.Bagging(pn.Classifier("mlp"), n=2)
    first, second = members.copies(inner, 2, seed=0)
    assert first.seed != second.seed
    assert first.estimator.seed != second.estimator.seed


@pytest.mark.parametrize(
    ("estimator", "takes"),
    [(pn.Classifier(), True), (DecisionTreeClassifier(), True), (make_pipeline(LogisticRegression()), False)],
    ids=["ours", "tree", "pipeline"],
)
def test_who_takes_weights(estimator, takes):
    assert members.takes_weight(estimator) is takes


def test_classes_that_a_member_never_saw_have_no_probability():
    goal = Labels().fit(["a", "b", "c"] * 10)
    tree = DecisionTreeClassifier(random_state=0).fit(X[:20], ["c", "a"] * 10)
    found = members.probabilities_of(tree, X, goal)
    np.testing.assert_array_equal(found[:, [0, 2]], tree.predict_proba(X))
    assert (found[:, 1] == 0).all()


def test_trees_of_several_labels_give_one_column_each():
    y = np.zeros((30, 3), int)
    y[::2, 0], y[:, 2] = 1, 1
    with pytest.warns(pn.DataWarning):
        goal = Multilabel().fit(y)
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)  # its lists have one column where a label is always alike
    np.testing.assert_array_equal(members.probabilities_of(tree, X, goal), y)


def test_columns_of_a_polars_frame():
    frame = pl.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]})
    assert members.take_columns(frame, np.array([0, 2])).columns == ["a", "c"]


def test_nets_are_fitted_together_and_others_one_by_one_in_their_order():
    y = (X[:, 0] > 0).astype(int)
    tree = DecisionTreeClassifier(random_state=0)
    given = [pn.Classifier("logistic", epochs=2), tree, pn.Classifier("logistic", epochs=2, seed=1)]
    made = members._fit_all(given, [{"X": X, "y": y}] * 3)
    assert [id(m) for m in made] == [id(g) for g in given]
    assert all(hasattr(m, "classes_") for m in made)


@pytest.mark.slow
def test_the_first_use_of_a_tree_leaves_pythons_random_state_alone():
    code = (
        "import random, parnassus as pn; before = random.getstate(); X = [[float(i)] for i in range(9)];"
        "pn.AdaBoost(n=2).fit(X, [0, 1, 1] * 3); pn.GradientBoosting(n=2).fit(X, [0.0, 1, 2] * 3);"
        "print(before == random.getstate())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "True"
