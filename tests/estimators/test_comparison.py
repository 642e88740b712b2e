"""Models side by side: one table on the same rows, with tests that pair them."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import parnassus as pn
from parnassus.data.draws import seeded_globally
from parnassus.estimators.baselines import NAMES, Vectors, baseline
from parnassus.estimators.judging.contenders import size_of
from parnassus.evaluation import compare as paired_bootstrap

IRIS, SPECIES = load_iris(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
TEXTS = [w for i in range(20) for w in (f"good fine day {i % 3}", f"bad grey night {i % 3}")]
FEELINGS = ["up", "down"] * 20


class Coin(ClassifierMixin, BaseEstimator):
    """Right in a share of rows that its seed picks, from answers hidden in the last column."""

    def __init__(self, share=0.5, seed=0):
        self.share, self.seed = share, seed

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        right = np.random.default_rng(self.seed).random(len(X)) < self.share
        return np.where(right, X[:, -1], 1 - X[:, -1]).astype(int)


ANSWERS = np.arange(400) % 2
HIDDEN = np.column_stack([np.arange(400.0), ANSWERS])


def test_one_table_on_one_split_the_best_first():
    found = pn.compare(["dummy", "logistic_regression", pn.Classifier("mlp", epochs=30)], CANCER, MALIGNANT)
    means = [s.mean for s in found.standings]
    assert means == sorted(means, reverse=True)
    assert len(found.standings[0].result.splits) == 1
    assert {s.result.evaluation.rows for s in found.standings} == {found.best.result.evaluation.rows}
    assert found["dummy"].mean == pytest.approx(MALIGNANT[found.best.result.splits[0][1]].mean(), abs=1e-12)
    assert found["mlp"].size.n_parameters == 30 * 64 + 64 + 65
    assert found["dummy"].p_value < 0.001
    assert "Holm-adjusted" in str(found)
    assert found.plot().get_axes()
    assert json.loads(json.dumps(found.to_dict()))["best"] == found.best.name
    with pytest.raises(pn.SettingError, match="did you mean 'mlp'"):
        found["mpl"]


def test_the_difference_on_one_split_is_mcnemars_and_the_paired_bootstraps():
    found = pn.compare({"good": Coin(0.9), "bad": Coin(0.6, seed=1)}, HIDDEN, ANSWERS, folds=0.5)
    good, bad = found["good"].result, found["bad"].result
    ((_, test),) = good.splits
    right = [(r.estimators[0].predict(HIDDEN[test]) == ANSWERS[test]) for r in (good, bad)]
    lost, won = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    assert found["bad"].p_value == pytest.approx(stats.binomtest(int(won), int(won + lost), 0.5).pvalue)
    difference = paired_bootstrap(good.evaluation, bad.evaluation)["accuracy"]
    assert (found["bad"].difference_low, found["bad"].difference_high) == (difference.low, difference.high)
    assert found["bad"].difference == pytest.approx(right[1].mean() - right[0].mean())
    assert found.simplest.name == "good"


def test_over_folds_the_t_test_is_corrected_and_adjusted():
    found = pn.compare(["ridge", "dummy", "nearest_neighbours"], DIABETES, PROGRESS, folds=5)
    ridge, other = found["ridge"].result.test["r2"], found["nearest_neighbours"].result.test["r2"]
    t = (other - ridge).mean() / np.sqrt((other - ridge).var(ddof=1) * (1 / 5 + 1 / 4))
    raw = 2 * stats.t.sf(abs(t), 4)
    named = found.tests("ridge", "nearest_neighbours")
    assert [one.name for one in named] == ["corrected t", "Wilcoxon"]
    assert named[0].p_value == pytest.approx(raw, rel=0.02)  # folds of 442 rows are not all alike
    assert found["nearest_neighbours"].p_value >= named[0].p_value - 1e-12


def test_the_simplest_is_the_first_that_the_best_does_not_beat():
    contenders = {"plain": Coin(0.9, seed=1), "rich": Coin(0.91, seed=2), "bad": Coin(0.5, seed=3)}
    found = pn.compare(contenders, HIDDEN, ANSWERS, folds=0.5)
    assert found.simplest.name == "plain"
    assert [t.name for t in found.tests("plain", "bad")] == ["McNemar"]


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_any_metric_can_decide(metric):
    found = pn.compare(["dummy", "naive_bayes", "logistic_regression"], CANCER, MALIGNANT, metric=metric)
    assert found.metric == metric
    assert found.best.name == "logistic_regression"
    assert found["dummy"].test == "paired bootstrap"
    with pytest.raises(pn.SettingError, match="was measured of every model"):
        pn.compare(["dummy"], CANCER, MALIGNANT, metric="r2")


@pytest.mark.slow
def test_auto_is_a_ladder_and_names_are_of_baselines_or_models():
    found = pn.compare(["auto", "dummy", "perceptron", SVC(), SVC(C=2)], IRIS[:100], SPECIES[:100])
    assert found.ladder == [
        "dummy", "naive_bayes", "logistic_regression", "random_forest", "gradient_boosting", "perceptron", "SVC",
        "SVC (2)",
    ]  # fmt: skip


def test_a_baseline_is_scikit_learns_model_on_our_vectors():
    """A table of numbers is standardised, so that the peer is a pipeline of scikit-learn's scaler and model."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = np.arange(0, 569, 2), np.arange(1, 569, 2)
    ours = baseline("svm", task="classifier", X=CANCER).fit(CANCER[train], MALIGNANT[train])
    peer = make_pipeline(StandardScaler(), SVC(random_state=0)).fit(CANCER[train], MALIGNANT[train])
    assert (ours.predict(CANCER[test]) == peer.predict(CANCER[test])).all()


def test_the_mean_and_the_median_are_those_of_training():
    for name, value in (("mean", PROGRESS.mean()), ("dummy", PROGRESS.mean()), ("median", np.median(PROGRESS))):
        fitted = baseline(name, task="regressor", X=DIABETES).fit(DIABETES, PROGRESS)
        assert fitted.predict(DIABETES[:2]) == pytest.approx([value, value])


@pytest.mark.parametrize("name", NAMES["classifier"])
@pytest.mark.parametrize("kind", ["table", "frame", "texts", "pictures"])
def test_every_baseline_takes_every_kind_of_data(name, kind):
    y = FEELINGS
    if kind == "table":
        X = IRIS[50:90]
    elif kind == "frame":
        import pandas as pd

        X = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20, "c": np.arange(40) % 3 > 1})
    elif kind == "texts":
        X = TEXTS
    else:
        X = np.random.default_rng(0).integers(0, 255, size=(40, 4, 4), dtype=np.uint8)
    assert set(baseline(name, task="classifier", X=X).fit(X, y).predict(X)) <= {"up", "down"}


@pytest.mark.parametrize("name", NAMES["regressor"])
@pytest.mark.parametrize("y", [PROGRESS[:80], np.column_stack([PROGRESS[:80], -PROGRESS[:80]])], ids=["one", "two"])
def test_every_baseline_predicts_numbers(name, y):
    with seeded_globally(0):  # libsvm seeds itself from NumPy's global state
        fitted = baseline(name, task="regressor", X=DIABETES[:80], y=y).fit(DIABETES[:80], y)
    assert fitted.predict(DIABETES[:5]).shape == y[:5].shape


def test_texts_are_sparse_vectors_and_compare_as_any_data():
    made = Vectors().fit(TEXTS).transform(TEXTS)
    assert made.shape[0] == 40
    assert made.nnz < made.shape[0] * made.shape[1]
    found = pn.compare(["naive_bayes", "dummy", pn.Classifier("mlp", epochs=30)], TEXTS, FEELINGS, folds=0.3)
    assert found["naive_bayes"].mean == 1.0


@pytest.mark.parametrize(
    ("contenders", "y", "says"),
    [
        (["mlpp"], SPECIES, "did you mean 'mlp'"),
        (["ridge"], SPECIES, "no baseline or classifier model 'ridge'"),
        ([], SPECIES, "nothing to compare"),
        ([pn.Classifier("mlp"), pn.Regressor("mlp")], SPECIES, "different tasks, classifier and regressor"),
        (["svm", "mlp", "svm"], SPECIES, "'svm' is named twice"),
        (["dummy"], None, "to compare models takes answers"),
        (["svm"], [["a"], ["c", "b"]] * 75, "takes one class a row"),
    ],
    ids=lambda v: str(v)[:24],
)
def test_what_cannot_be_compared_is_refused(contenders, y, says):
    with pytest.raises(pn.SettingError, match=says):
        pn.compare(contenders, IRIS, y)


def test_auto_is_a_ladder_of_models_where_rows_have_several_labels():
    y = [["a"], ["c", "b"], ["b"]] * 50
    assert pn.compare(["auto"], IRIS, y, seed=1).ladder == ["linear", "mlp"]


def test_a_codec_is_that_of_every_model_given_by_name():
    codec = pn.Table(missing="median")
    found = pn.compare(["dummy", "linear", SVC()], IRIS, SPECIES, codec=codec)
    by_name = [found[name].result.estimators[0] for name in ("dummy", "linear")]
    assert by_name[0].steps[0][1].codec_.options == by_name[1].codec_.options == codec.options
    assert found["SVC"].mean > 0.8


@pytest.mark.parametrize(
    ("y", "task"),
    [
        ([0, 1] * 5, "classifier"),
        (["a", "b"] * 5, "classifier"),
        (np.arange(30), "regressor"),
        ([0.5, 1.0], "regressor"),
    ],
)
def test_the_task_is_read_off_the_answers(y, task):
    from parnassus.estimators.judging.comparison import guessed_task

    assert guessed_task(y) == task


def test_a_model_s_size_counts_every_array_once():
    """A linear model of 4 columns and 3 classes: 12 + 3 numbers of 8 bytes, class names, iteration counts."""
    fitted = LogisticRegression(max_iter=500).fit(IRIS, SPECIES)
    assert size_of(fitted).n_bytes == 15 * 8 + fitted.classes_.nbytes + fitted.n_iter_.nbytes
    one, ten = (size_of(RandomForestClassifier(n, random_state=0).fit(IRIS, SPECIES)).n_bytes for n in (1, 10))
    assert 5 * one < ten < 20 * one
    assert str(size_of(fitted)).endswith(" B")
