"""Rows asked for by doubt, by cover and by chance."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.labelling import active_learning, core_set, follow, to_label_next, uncertainty

P = np.array([[0.5, 0.3, 0.2], [0.45, 0.44, 0.11], [0.9, 0.05, 0.05]])


def pool(seed=0, n=400):
    """Two classes on either side of a slanted line, in two dimensions."""
    X = np.random.default_rng(seed).normal(size=(n, 2))
    return X, (X[:, 0] + 0.3 * X[:, 1] > 0.6).astype(int)


@pytest.mark.parametrize(("how", "expected"), [
    ("least_confidence", [0.5, 0.55, 0.1]),
    ("margin", [0.8, 0.99, 0.15]),
    ("entropy", [1.029653, 0.963360, 0.394398]),
])  # fmt: skip
def test_measures_of_doubt_by_hand(how, expected):
    np.testing.assert_allclose(uncertainty(P, how), expected, atol=1e-6)


def test_bald_is_what_members_disagree_on():
    sure, open_ = [[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]
    found = uncertainty(np.stack([sure, open_], axis=1), "bald")  # (members, rows, classes)
    np.testing.assert_allclose(found, [np.log(2), 0.0], atol=1e-12)
    with pytest.raises(SettingError, match="several models"):
        uncertainty(P, "bald")


def test_a_core_set_is_no_worse_than_twice_the_best_cover():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 2))
    chosen = np.concatenate(([0], core_set(points, [0], 2)))

    def radius(rows):
        return np.sqrt(((points[:, None] - points[list(rows)]) ** 2).sum(-1)).min(1).max()

    best = min(radius((0, i, j)) for i in range(12) for j in range(i))
    assert best <= radius(chosen) <= 2 * best


def test_rows_with_a_label_are_not_asked_for_again():
    X, y = pool()
    net = LogisticRegression().fit(X[:40], y[:40])
    for how in ("margin", "entropy", "least_confidence", "core_set", "random"):
        rows = to_label_next(net, X, 25, how=how, known=np.arange(40))
        assert len(set(rows.tolist())) == 25
        assert (rows >= 40).all()
    by_margin = to_label_next(net, X, 5, known=np.arange(40))
    unsure = np.abs(net.decision_function(X[40:]))
    assert set(by_margin) == set(40 + np.argsort(unsure)[:5])


def test_asking_by_margin_beats_rows_at_random():
    X, y = pool(n=600)
    test = pool(seed=1, n=2000)
    found = active_learning(LogisticRegression(C=100), X, y, n_first=10, n_each=5, n_rounds=8, test=test)
    assert found.asked.n_labelled.tolist() == list(range(10, 51, 5))
    assert found.asked.score[-1] > found.random.score[-1]
    assert found.saved() > 0
    near = np.abs(X[:, 0] + 0.3 * X[:, 1] - 0.6)
    assert near[found.rows[10:]].mean() < 0.5 * near.mean()  # the sample lies where the doubt is
    assert str(found).startswith("labelled")
    assert found.plot().axes


def test_the_first_answers_are_those_of_a_function_and_rounds_go_on_from_them():
    X, y = pool()
    seen = []

    def ask(rows):
        seen.append(rows)
        return np.array(["no", "yes"])[y[rows]]

    found = active_learning(GaussianNB(), X, ask, n_first=6, n_each=4, n_rounds=3, test=(X, np.array(["no", "yes"])[y]))
    assert found.random is None
    assert np.concatenate(seen).tolist() == found.rows.tolist()
    assert len(set(found.rows.tolist())) == len(found.rows)
    assert found.saved() is None
    assert found.asked.shares().keys() == {"no", "yes"}


@pytest.mark.parametrize("how", ["bald", "core_set", "entropy"])
def test_nets_of_this_library_ask(how):
    X, y = pool(n=120)
    net = pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=3)
    found = active_learning(net, X, y, how=how, n_first=20, n_each=5, n_rounds=2, n_members=3)
    again = active_learning(net, X, y, how=how, n_first=20, n_each=5, n_rounds=2, n_members=3)
    assert found.rows.tolist() == again.rows.tolist()
    assert len(found.rows) == 30
    assert not hasattr(net, "objective_")


def test_one_classifier_that_draws_its_weights_answers_bald():
    X, y = pool(n=120)
    net = pn.Classifier(pn.model("mlp", hidden=(8,), dropout=0.3), inference="mc_dropout", epochs=3)
    fitted = pn.Classifier(**net.get_params(deep=False)).fit(X[:40], y[:40])
    due = fitted.uncertainty(X).epistemic
    found = to_label_next(fitted, X, 7, how="bald", known=range(40))
    assert found.tolist() == (40 + np.argsort(-due[40:], kind="stable")[:7]).tolist()
    told = active_learning(net, X, y, how="bald", n_first=20, n_each=5, n_rounds=2)
    assert isinstance(told.estimator, pn.Classifier)
    assert len(told.rows) == 30
    plain = pn.Classifier("softmax", epochs=1).fit(X[:40], y[:40])
    with pytest.raises(SettingError, match="mc_dropout"):
        to_label_next(plain, X, 3, how="bald")


def test_more_rows_are_drawn_while_there_is_one_label_only():
    X = np.arange(100.0)[:, None]
    y = (X[:, 0] > 90).astype(int)
    found = active_learning(GaussianNB(), X, y, n_first=2, n_each=5, n_rounds=1, seed=3)
    assert set(found.asked.labels.tolist()) == {0, 1}


def test_plans_that_cannot_be_are_refused():
    X, y = pool(n=30)
    with pytest.raises(SettingError, match="make 130, and the pool has 30"):
        active_learning(GaussianNB(), X, y, n_first=30, n_each=10, n_rounds=10)
    with pytest.raises(DataError, match="29 labels for 30 rows"):
        active_learning(GaussianNB(), X, y[:29], n_first=5, n_each=5, n_rounds=2)
    with pytest.raises(SettingError, match="did you mean 'margin'"):
        to_label_next(GaussianNB().fit(X, y), X, 3, how="margins")
    with pytest.raises(SettingError, match="takes none"):
        active_learning(GaussianNB(), X, y, how="bald", n_first=10, n_each=5, n_rounds=1)
    with pytest.raises(DataError, match="one a row, in order"):
        active_learning(GaussianNB(), X, lambda rows: y[rows][:-1], n_first=10, n_each=5, n_rounds=1)


def test_a_stream_is_predicted_before_it_is_learned():
    from sklearn.linear_model import Perceptron

    X, y = pool(n=300)
    batches = [(X[i : i + 20], y[i : i + 20]) for i in range(0, 300, 20)]
    right, theirs = [], Perceptron(shuffle=False, random_state=0)
    for number, (rows, labels) in enumerate(batches):
        if number:
            right.append(int((theirs.predict(rows) == labels).sum()))
        theirs.partial_fit(rows, labels, classes=[0, 1])
    found = follow(Perceptron(shuffle=False, random_state=0), iter(batches), classes=[0, 1])
    assert found.right.tolist() == right
    assert found.accuracy == sum(right) / 280
    assert found.recent(3)[-1] == sum(right[-3:]) / 60
    assert found.recent(100)[1] == sum(right[:2]) / 40


def test_a_classifier_of_this_library_follows_a_stream():
    X, y = pool(n=600)
    stream = [(X[i : i + 30].astype(np.float32), y[i : i + 30]) for i in range(0, 600, 30)]
    found = follow(pn.Classifier("perceptron"), stream, classes=[0, 1])
    assert found.accuracy > 0.85
    with pytest.raises(DataError, match="second batch"):
        follow(pn.Classifier("perceptron"), stream[:1], classes=[0, 1])
    with pytest.raises(DataError, match="batch 1 of the stream is empty"):
        follow(pn.Classifier("perceptron"), [stream[0], (X[:0], y[:0])], classes=[0, 1])
    with pytest.raises(SettingError, match="no partial_fit"):
        follow(LogisticRegression(), stream)
