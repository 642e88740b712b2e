"""Bagging, voting, stacking and boosting against scikit-learn with the same members."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..data.split import k_folds
from ..ensembles.adaboost import AdaBoost
from ..ensembles.bagging import Bagging
from ..ensembles.gradient import GradientBoosting
from ..ensembles.stacking import Stacking
from ..ensembles.voting import Voting
from ..functional.boosting import variance_of_mean
from ..train.randomness import seed_of
from . import check, gap, relative_gap


@check("adaboost", oracle="scikit-learn", tolerance=1e-8)
def adaboost_with_the_same_stumps() -> float:
    """Probabilities after 15 rounds on two classes (breast cancer) and on three (iris, SAMME)."""
    worst = 0.0
    for X, y in (load_breast_cancer(return_X_y=True), load_iris(return_X_y=True)):
        ours = AdaBoost(n=15).fit(X, y).predict_proba(X)
        theirs = AdaBoostClassifier(n_estimators=15, random_state=0).fit(X, y).predict_proba(X)
        worst = max(worst, gap(ours, theirs))
    return worst


@check("residual-boosting", oracle="scikit-learn", tolerance=1e-8)
def gradient_boosting_with_the_same_trees() -> float:
    """Relative differences of 40 boosted trees' predictions on the diabetes table."""
    X, y = load_diabetes(return_X_y=True)
    ours = GradientBoosting(DecisionTreeRegressor(max_depth=2), n=40).fit(X, y).predict(X)
    theirs = GradientBoostingRegressor(n_estimators=40, max_depth=2, random_state=0).fit(X, y).predict(X)
    return relative_gap(ours, theirs)


@check("bagging", oracle="scikit-learn", tolerance=1e-12)
def bagging_of_subsets_of_columns() -> float:
    """The mean over members, each on its own columns, against scikit-learn's own given the same members and columns."""
    X, y = load_wine(return_X_y=True)
    ours = Bagging(DecisionTreeClassifier(max_depth=3), n=6, columns=0.5).fit(X, y)
    theirs = BaggingClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=6, random_state=0).fit(X, y)
    theirs.estimators_, theirs.estimators_features_ = ours.members_, ours.columns_
    return gap(ours.predict_proba(X), theirs.predict_proba(X))


@check("bagging", oracle="(book)", tolerance=1e-12)
def variance_of_a_mean_of_models() -> float:
    """Hifny B69: five uncorrelated models of variance 1 have .2; by half correlated, .6."""
    apart, alike = float(variance_of_mean(1.0, 5)), float(variance_of_mean(1.0, 5, correlation=0.5))
    return max(gap(apart, 0.2), gap(alike, 0.6))


@check("majority-voting", oracle="scikit-learn", tolerance=0)
def majority_of_three() -> float:
    """The share of wine rows on which a weighted majority of three classifiers differs."""
    X, y = load_wine(return_X_y=True)
    members = [
        ("nb", GaussianNB()),
        ("near", KNeighborsClassifier()),
        ("tree", DecisionTreeClassifier(max_depth=2, random_state=0)),
    ]
    weights = [1.0, 2.0, 1.5]
    ours = Voting(members, how="hard", weights=weights).fit(X, y).predict(X)
    theirs = VotingClassifier(members, voting="hard", weights=weights).fit(X, y).predict(X)
    return float((ours != theirs).mean())


@check("stacking", oracle="scikit-learn", tolerance=1e-9)
def stacking_on_the_same_folds() -> float:
    """Relative differences of a line on top of a line and of neighbours, on the diabetes table."""
    X, y = load_diabetes(return_X_y=True)
    members = [("line", LinearRegression()), ("near", KNeighborsRegressor())]
    ours = Stacking(members, final=LinearRegression(), n_folds=4).fit(X, y).predict(X)
    folds = k_folds(len(X), 4, seed=seed_of(0, "folds"))
    theirs = StackingRegressor(members, final_estimator=LinearRegression(), cv=folds).fit(X, y).predict(X)
    return relative_gap(ours, theirs)


@check("random-forest", "decision-tree", oracle="scikit-learn", tolerance=0.03)
def bagged_trees_beside_the_forest() -> float:
    """How far held-out accuracy of bagged trees on a fifth of the columns is below the forest's, breast cancer."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:400], order[400:]
    bag = Bagging(DecisionTreeClassifier(), n=50, columns=0.2).fit(X[train], y[train])
    forest = RandomForestClassifier(50, random_state=0).fit(X[train], y[train])
    ours, due = bag.score(X[test], y[test]), forest.score(X[test], y[test])
    return gap(np.minimum(ours, due), due)
