"""Cross-validation and its curves: scikit-learn as the peer, codecs that see training rows only, errors in words."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.model_selection import learning_curve as peer_learning_curve
from sklearn.model_selection import validation_curve as peer_validation_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import parnassus as pn
from parnassus.estimators.judging.selection import bias_variance, row_counts

IRIS, SPECIES = load_iris(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)


def quick(**settings):
    return pn.Classifier("mlp", **{"epochs": 4, **settings})


# --- scikit-learn as the peer -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=500),
        SVC(random_state=0),
        make_pipeline(StandardScaler(), SVC(kernel="linear", random_state=0)),
    ],
    ids=str,
)
@pytest.mark.parametrize("data", [(IRIS, SPECIES), (CANCER[:150, :5] / 10, MALIGNANT[:150])], ids=["iris", "cancer"])
def test_accuracies_by_fold_are_scikit_learns(model, data):
    folds = StratifiedKFold(4, shuffle=True, random_state=1)
    found = pn.cross_validate(model, *data, folds=folds)
    assert found.test["accuracy"] == pytest.approx(cross_val_score(model, *data, cv=folds), abs=1e-12)
    assert found["accuracy"].mean == pytest.approx(cross_val_score(model, *data, cv=folds).mean())


def test_r_squared_by_fold_is_scikit_learns_and_so_are_the_predictions():
    folds = KFold(5, shuffle=True, random_state=2)
    found = pn.cross_validate(Ridge(0.1), DIABETES, PROGRESS, folds=folds)
    assert found.test["r2"] == pytest.approx(cross_val_score(Ridge(0.1), DIABETES, PROGRESS, cv=folds), rel=1e-9)
    assert found.predictions == pytest.approx(cross_val_predict(Ridge(0.1), DIABETES, PROGRESS, cv=folds), rel=1e-9)


def test_probabilities_out_of_fold_are_scikit_learns():
    model, folds = LogisticRegression(max_iter=500), StratifiedKFold(3)
    peer = cross_val_predict(model, IRIS, SPECIES, cv=folds, method="predict_proba")
    assert pn.cross_validate(model, IRIS, SPECIES, folds=folds).predictions == pytest.approx(peer)


@pytest.mark.slow
def test_our_own_estimators_are_fitted_as_they_would_be_alone():
    found = pn.cross_validate(quick(), IRIS, SPECIES, folds=3)
    for (train, test), accuracy, fitted in zip(found.splits, found.test["accuracy"], found.estimators, strict=True):
        alone = quick().fit(IRIS[train], SPECIES[train])
        assert accuracy == alone.score(IRIS[test], SPECIES[test])
        assert fitted.predict_proba(IRIS[test]) == pytest.approx(alone.predict_proba(IRIS[test]), abs=1e-4)
        assert found.predictions[test] == pytest.approx(alone.predict_proba(IRIS[test]), abs=1e-4)


@pytest.mark.slow
def test_learning_curve_sizes_and_scores_are_scikit_learns():
    """Which rows a smaller set holds is each one's own draw, so scores are compared where all rows are in."""
    folds, X, y = KFold(4), DIABETES[:440], PROGRESS[:440]
    sizes, _, peer = peer_learning_curve(Ridge(), X, y, cv=folds, train_sizes=[0.1, 0.33, 0.55, 1.0], shuffle=False)
    found = pn.learning_curve(Ridge(), X, y, folds=folds, sizes=[0.1, 0.33, 0.55, 1.0])
    assert found.values == sizes.tolist()
    assert found.test["r2"][-1] == pytest.approx(peer[-1], rel=1e-6)
    assert found.test["r2"].shape == (4, 4)


@pytest.mark.slow
def test_a_validation_curve_is_scikit_learns():
    values, folds = [1e-3, 1.0, 100.0], KFold(4)
    train, test = peer_validation_curve(Ridge(), DIABETES, PROGRESS, param_name="alpha", param_range=values, cv=folds)
    found = pn.validation_curve(Ridge(), DIABETES, PROGRESS, parameter="alpha", values=values, folds=folds)
    assert found.test["r2"] == pytest.approx(test, rel=1e-9)
    assert found.train["r2"] == pytest.approx(train, rel=1e-9)
    assert found.best == values[int(test.mean(1).argmax())]


# --- folds ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "words", "n"),
    [
        ({"folds": 4}, "4 stratified folds", 4),
        ({"folds": 4, "stratify": False}, "4 folds", 4),
        ({"folds": 0.2}, "a stratified 20% of the rows held out", 1),
        ({"folds": 3, "repeats": 2}, "3 stratified folds, 2 times over", 6),
        ({"folds": 3, "groups": np.arange(150) % 7}, "3 grouped folds", 3),
        ({"folds": 0.2, "groups": np.arange(150) % 7}, "a grouped 20% of the rows held out", 1),
        ({"folds": "leave_one_out", "groups": np.arange(150) % 3}, "each of 3 groups left out", 3),
        ({"folds": RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)}, "folds as given", 4),
        ({"folds": [(np.arange(0, 150, 2), np.arange(1, 150, 2))]}, "folds as given", 1),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_the_kinds_of_folds(settings, words, n):
    found = pn.cross_validate(LogisticRegression(max_iter=500), IRIS, SPECIES, **settings)
    assert (found.folds, len(found.splits)) == (words, n)
    for train, test in found.splits:
        assert not set(train.tolist()) & set(test.tolist())
        if "groups" in settings:
            assert not set(settings["groups"][train]) & set(settings["groups"][test])


@pytest.mark.slow
def test_leaving_one_out_tests_every_row_once():
    rows = np.arange(0, 150, 8)
    found = pn.cross_validate(LogisticRegression(max_iter=500), IRIS[rows], SPECIES[rows], folds="leave_one_out")
    assert len(found.splits) == len(rows)
    peer = cross_val_score(
        LogisticRegression(max_iter=500), IRIS[rows], SPECIES[rows], cv=len(rows) and KFold(len(rows))
    )
    assert found.test["accuracy"] == pytest.approx(peer)
    assert np.isfinite(found.predictions).all()


@pytest.mark.slow
def test_folds_in_time_train_on_the_past_alone():
    found = pn.cross_validate(Ridge(), DIABETES, PROGRESS, folds=4, time=np.arange(442))
    assert found.folds == "4 folds in time"
    for (train, test), (peer_train, _) in zip(found.splits, TimeSeriesSplit(4).split(DIABETES), strict=True):
        assert train.max() < test.min()
        assert abs(len(train) - len(peer_train)) <= 4
    assert np.isnan(found.predictions[: len(found.splits[0][0])]).all()
    assert found.evaluation.n_rows == 442 - len(found.splits[0][0])


def test_groups_may_be_a_column_which_is_then_no_input():
    frame = pd.DataFrame(IRIS, columns=list("abcd")).assign(flower=np.arange(150) % 10, kind=SPECIES)
    found = pn.cross_validate(quick(), frame, target="kind", groups="flower", folds=5)
    peer = list(GroupKFold(5).split(IRIS, SPECIES, frame["flower"]))
    assert sorted(len(t) for _, t in found.splits) == sorted(len(t) for _, t in peer)
    assert found.estimators[0].feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"folds": 51}, "class 0 has 50 rows and 51 folds needs 51"),
        ({"folds": 151, "stratify": False}, "151 folds of 150 rows"),
        ({"folds": 5, "groups": np.arange(150) % 3}, "5 folds need 5 groups or more; there are 3"),
        ({"folds": 5, "groups": np.arange(9)}, "groups has 9 entries and X has 150 rows"),
        ({"folds": 5, "time": np.arange(150)[::-1]}, "row 1 is of 148 and the row before it of 149"),
        ({"folds": [(np.arange(10), np.arange(5, 20))]}, "fold 0 trains and tests on row 5"),
        ({"folds": [(np.arange(10), np.array([150]))]}, "test of fold 0 holds no row numbers from 0 to 149"),
        ({"folds": 3, "time": np.arange(150)}, "training rows of fold 0 hold one class, and y holds 3"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_folds_that_cannot_be_made_name_both_sides(settings, says):
    with pytest.raises(pn.DataError, match=says):
        pn.cross_validate(quick(), IRIS, SPECIES, **settings)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"folds": "loo"}, "'leave_one_out'"),
        ({"folds": 1}, "a count of folds"),
        ({"folds": 2.5}, "a count of folds"),
        ({"folds": True}, "a count of folds"),
        ({"folds": 3, "groups": np.zeros(150), "time": np.arange(150)}, "give one of them"),
        ({"folds": KFold(3), "repeats": 2}, "repeats is for"),
        ({"folds": 3, "time": np.arange(150), "repeats": 2}, "made in one way"),
        ({"folds": [np.arange(3)]}, "fold 0 is no pair"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_folds_that_mean_nothing_are_refused(settings, says):
    with pytest.raises(pn.SettingError, match=says):
        pn.cross_validate(quick(), IRIS, SPECIES, **settings)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"groups": "zz"}, "no column 'zz' to be the groups"),
        ({"time": "zz"}, "no column 'zz' to be the time"),
        ({"groups": [None, *["p"] * 149]}, "row 0 has no entry in groups"),
        ({"groups": np.r_[np.zeros(7), np.nan, np.ones(142)]}, "row 7 has no entry in groups"),
        (
            {"time": pd.Series(pd.date_range("2020", periods=150)).where(np.arange(150) != 3)},
            "row 3 has no entry in time",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_groups_and_times_are_called_by_their_name_and_have_no_gaps(settings, says):
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    with pytest.raises(pn.DataError, match=says):
        pn.cross_validate(quick(), frame, SPECIES, folds=3, **settings)


def test_a_learning_curve_in_time_learns_from_the_latest_rows_before_the_tested_ones():
    class Ages(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.seen_ = np.asarray(X)[:, 0]
            return self

        def predict(self, X):
            begins = np.asarray(X)[:, 0].min()
            assert (np.sort(self.seen_) == np.arange(begins - len(self.seen_), begins)).all() or begins in self.seen_
            return np.zeros(len(X))

    X = np.arange(60.0)[:, None]
    curve = pn.learning_curve(Ages(), X, X[:, 0] % 7, folds=3, time=np.arange(60), sizes=[5, 15])
    assert curve.values == [5, 15]


def test_stratifying_numbers_is_refused():
    with pytest.raises(pn.SettingError, match="no single class"):
        pn.cross_validate(Ridge(), DIABETES, PROGRESS, stratify=True)


def test_what_is_no_estimator_is_refused():
    with pytest.raises(pn.SettingError, match="is no estimator"):
        pn.cross_validate("mlp", IRIS, SPECIES)
    with pytest.raises(pn.DataError, match="judged by answers"):
        pn.cross_validate(quick(), IRIS)


# --- what is learned, and from what --------------------------------------------------------------------


class Memory(ClassifierMixin, BaseEstimator):
    """Answers 1, and remembers the rows it was shown."""

    def fit(self, X, y, sample_weight=None):
        self.seen_, self.weight_, self.classes_ = np.array(X), sample_weight, np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[-1])


def test_a_fold_learns_from_its_training_rows_alone():
    found = pn.cross_validate(
        Memory(), np.arange(40.0)[:, None], np.arange(40) % 2, folds=4, sample_weight=np.arange(1, 41)
    )
    for (train, _), fitted in zip(found.splits, found.estimators, strict=True):
        assert fitted.seen_[:, 0].tolist() == train.tolist()
        assert fitted.weight_.tolist() == (train + 1).tolist()
    assert "log_loss" not in found.test  # it answers, and gives no probabilities


def test_codecs_are_learned_inside_each_fold():
    """A value far off in one row moves the mean of the folds that train on it, and of no other."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    X[7, 0] = 1000.0
    found = pn.cross_validate(quick(), X, np.arange(60) % 2, folds=3)
    for (train, _), fitted in zip(found.splits, found.estimators, strict=True):
        assert fitted.codec_.scaler.center[0] == pytest.approx(X[train, 0].mean(), abs=1e-9)


def test_the_estimator_itself_stays_unfitted_and_the_seed_decides():
    estimator = quick(seed=3)
    first = pn.cross_validate(estimator, IRIS, SPECIES, folds=3, seed=5)
    assert not hasattr(estimator, "objective_")
    again = pn.cross_validate(estimator, IRIS, SPECIES, folds=3, seed=5)
    assert first.predictions == pytest.approx(again.predictions, abs=0)
    other = pn.cross_validate(estimator, IRIS, SPECIES, folds=3, seed=6)
    assert first.splits[0][1].tolist() != other.splits[0][1].tolist()


@pytest.mark.parametrize("kind", ["texts", "pictures", "labels", "path"])
def test_any_kind_of_data_can_be_folded(kind, tmp_path):
    target = None
    y = np.arange(40) % 2
    if kind == "texts":
        X = ["good fine day" if i % 2 else "bad grey night" for i in range(40)]
    elif kind == "pictures":
        X = np.random.default_rng(0).integers(0, 255, size=(40, 6, 6), dtype=np.uint8)
    elif kind == "labels":
        X, y = IRIS[:40], [["a"] if i % 3 else ["a", "b"] if i % 2 else ["b"] for i in range(40)]
    else:
        X, y, target = tmp_path / "rows.csv", None, "kind"
        pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20, "kind": ["u", "u", "v", "v"] * 10}).to_csv(
            X, index=False
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.DataWarning)
        found = pn.cross_validate(pn.Classifier("mlp", epochs=2), X, y, target=target, folds=2)
    assert found.evaluation.n_rows == 40
    assert len(found.test[found.headline]) == 2


def test_one_warning_of_many_folds_says_how_many():
    X = np.column_stack([IRIS, np.ones(150)])
    with pytest.warns(pn.DataWarning, match=r"in 3 of 3 fits") as caught:
        pn.cross_validate(quick(), X, SPECIES, folds=3)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_the_table_and_the_numbers_agree():
    found = pn.cross_validate(quick(), IRIS, SPECIES, folds=4)
    text = str(found)
    assert f"{found['accuracy'].mean:.4f}" in text
    assert "4 stratified folds of 150 rows" in text
    assert found["accuracy"].low <= found["accuracy"].mean <= found["accuracy"].high <= 1.0
    assert found.gap("accuracy") == pytest.approx(found.train["accuracy"].mean() - found.test["accuracy"].mean())
    assert found.gap("log_loss") == pytest.approx(found.test["log_loss"].mean() - found.train["log_loss"].mean())
    told = json.loads(json.dumps(found.to_dict()))
    assert told["metrics"]["accuracy"]["mean"] == pytest.approx(found["accuracy"].mean)
    assert found.plot().get_axes()
    with pytest.raises(pn.SettingError, match="did you mean 'accuracy'"):
        found["acuracy"]


def test_a_threshold_is_kept_for_the_rows_all_together():
    found = pn.cross_validate(quick(threshold=0.9), CANCER[:120], MALIGNANT[:120], folds=3)
    assert found.evaluation.threshold == pytest.approx(0.9)


def test_weights_that_an_estimator_cannot_take_are_refused():
    from sklearn.neighbors import KNeighborsClassifier

    with pytest.raises(pn.SettingError, match="takes no sample_weight"):
        pn.cross_validate(KNeighborsClassifier(), IRIS, SPECIES, sample_weight=np.ones(150))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    weight = np.where(SPECIES == 2, 10.0, 1.0)
    found = pn.cross_validate(model, IRIS, SPECIES, sample_weight=weight, folds=3)
    assert found.evaluation.by_class


# --- curves -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_more_rows_narrow_the_gap():
    """2a:2.2: held-out scores rise and training scores fall towards each other as rows are added."""
    found = pn.learning_curve(pn.Regressor("linear"), DIABETES, PROGRESS, sizes=[15, 60, 330], repeats=3)
    assert found.values == [15, 60, 330]
    assert found.gap[0] > found.gap[1] > found.gap[2]
    assert found.test["r2"].shape == (3, 15)
    assert "330" in str(found)
    assert found.plot().get_axes()[0].get_xscale() == "log"


@pytest.mark.parametrize(("sizes", "says"), [([500], "500 training rows, and a fold has 120"), ([1.5], "1.5")])
def test_sizes_that_a_fold_has_not_are_refused(sizes, says):
    with pytest.raises(pn.DataError, match=says):
        pn.learning_curve(quick(), IRIS, SPECIES, sizes=sizes)
    with pytest.raises(pn.SettingError, match="sizes are numbers of rows"):
        row_counts([0], 10)


@pytest.mark.parametrize(
    ("parameter", "values", "best"),
    [("model__hidden", [(1,), (16,)], (16,)), ("epochs", [1, 60], 60)],
)
def test_2a_P1_11_to_13_the_least_validation_error_chooses_epochs_and_nodes(parameter, values, best):
    found = pn.validation_curve(
        pn.Classifier("mlp", epochs=40, lr=0.01), IRIS, SPECIES, parameter=parameter, values=values, metric="log_loss"
    )
    assert found.best == best
    assert str(values[0]) in found.table()
    assert found.plot().get_axes()
    json.dumps(found.to_dict())


def test_2a_P1_12_the_epoch_with_the_least_validation_loss_is_kept():
    fitted = pn.Classifier("mlp", epochs=60, lr=0.05, patience=5).fit(
        CANCER[:100], MALIGNANT[:100], validation=(CANCER[100:200], MALIGNANT[100:200])
    )
    losses = [record["validation_loss"] for record in fitted.history_]
    assert fitted.best_epoch_ == int(np.argmin(losses))


def test_settings_and_metrics_that_do_not_exist_are_refused():
    with pytest.raises(pn.SettingError, match="did you mean 'model__hidden'"):
        pn.validation_curve(quick(), IRIS, SPECIES, parameter="model__hiden", values=[(2,)])
    with pytest.raises(pn.SettingError, match="values is empty"):
        pn.validation_curve(quick(), IRIS, SPECIES, parameter="epochs", values=[])
    with pytest.raises(pn.SettingError, match="was measured"):
        pn.learning_curve(quick(), IRIS, SPECIES, sizes=[1.0], metric="r2", folds=2)


# --- bias and variance --------------------------------------------------------------------------------


def test_0_A14_2_a_stiff_model_has_bias_and_a_free_one_has_variance():
    """A deep tree against a line on a curve: the line misses it however often it is fitted."""
    from sklearn.linear_model import LinearRegression
    from sklearn.tree import DecisionTreeRegressor

    random = np.random.default_rng(0)
    x = random.uniform(-3, 3, size=(400, 1))
    y = np.sin(2 * x[:, 0]) + 0.3 * random.normal(size=400)
    stiff, free = (
        bias_variance(m, x, y, n_draws=15) for m in (LinearRegression(), DecisionTreeRegressor(random_state=0))
    )
    assert stiff.bias > 3 * free.bias
    assert free.variance > 3 * stiff.variance
    assert stiff.bias + stiff.variance == pytest.approx(stiff.error)


def test_bias_and_variance_of_classes_and_of_our_own_nets():
    found = bias_variance(quick(), IRIS, SPECIES, n_draws=4)
    assert found.loss == "zero-one"
    assert found.error == pytest.approx(found.bias + found.variance)
    assert found.n_rows == 38
    grouped = bias_variance(quick(), IRIS, SPECIES, n_draws=2, groups=np.arange(150) // 2, test=0.2)
    assert grouped.n_rows == 30
    with pytest.raises(pn.SettingError, match="two draws"):
        bias_variance(quick(), IRIS, SPECIES, n_draws=1)


def test_bias_and_variance_hold_out_groups_and_the_latest_rows():
    class Seen(RegressorMixin, BaseEstimator):
        def fit(self, X, y, sample_weight):
            self.groups_, self.weight_ = set(np.asarray(X)[:, 1].tolist()), sample_weight
            return self

        def predict(self, X):
            assert not self.groups_ & set(np.asarray(X)[:, 1].tolist())
            assert set(self.weight_.tolist()) == {2.0}
            return np.zeros(len(X))

    groups = np.arange(60) // 6
    X = np.stack([np.arange(60.0), groups], 1)
    found = bias_variance(Seen(), X, X[:, 0], n_draws=3, groups=groups, sample_weight=np.full(60, 2.0))
    assert found.bias == pytest.approx(found.error)
    late = bias_variance(Seen(), X, X[:, 0], n_draws=2, time=np.arange(60), test=0.2, sample_weight=np.full(60, 2.0))
    assert late.bias == pytest.approx(np.mean(np.arange(48, 60) ** 2))


def test_estimators_without_a_seed_follow_ours():
    from sklearn.ensemble import RandomForestClassifier

    first, again = (pn.cross_validate(RandomForestClassifier(5), IRIS, SPECIES, folds=2, seed=1) for _ in range(2))
    assert np.array_equal(first.predictions, again.predictions)


class Contrary(ClassifierMixin, BaseEstimator):
    """Answers one class and gives its probability to another, or to none: some estimators' two answers disagree."""

    def __init__(self, n_classes=2, even=False):
        self.n_classes, self.even = n_classes, even

    def fit(self, X, y):
        self.classes_ = np.arange(self.n_classes)
        return self

    def predict(self, X):
        return X[:, 0].astype(int)

    def predict_proba(self, X):
        wrong = np.eye(self.n_classes)[(self.predict(X) + 1) % self.n_classes]
        return np.full_like(wrong, 1 / self.n_classes) if self.even else 0.7 * wrong + 0.3 / self.n_classes


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_predict_answers_counts_where_probabilities_say_otherwise(n_classes, even):
    y = np.arange(60) % n_classes
    found = pn.cross_validate(Contrary(n_classes, even), y[:, None].astype(float), y, folds=3)
    assert found.test["accuracy"].tolist() == [1.0, 1.0, 1.0]
    assert found.predictions.sum(1) == pytest.approx(np.ones(60))
